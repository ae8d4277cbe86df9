"""Found the demo shops in an empty installation: rows from `shops.py`, pictures drawn on the spot."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from commerce import clock
from commerce.accounts.services import create_staff
from commerce.catalog.images import NormalizedImage, store
from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.catalog.search import index_products
from commerce.db import atomic, db, insert_rows, new_id
from commerce.demo.drawing import HERO_SIZE, SIZE, draw, draw_hero
from commerce.demo.offers import lay_out_offers
from commerce.demo.shops import SHOPS
from commerce.demo.spec import DemoPicture, DemoProduct, DemoShop
from commerce.inventory.adjustments import set_initial_stock
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Tenant
from commerce.tenants.scope import current_shop, shop_scope

TAXES: dict[str, tuple[TaxRule, ...]] = {
    "demo": (
        TaxRule("DE", "standard", 190_000, "VAT 19 %"),
        TaxRule("DE", "reduced", 70_000, "VAT 7 %"),
        TaxRule("AT", "standard", 200_000, "VAT 20 %"),
        TaxRule("FR", "standard", 200_000, "VAT 20 %"),
        TaxRule("NL", "standard", 210_000, "VAT 21 %"),
        TaxRule("IT", "standard", 220_000, "VAT 22 %"),
    ),
    "tea": (
        TaxRule("JP", "standard", 100_000, "Consumption tax 10 %"),
        TaxRule("JP", "reduced", 80_000, "Consumption tax 8 %"),
    ),
}
SHIPPING: dict[str, tuple[ShippingRule, ...]] = {
    "demo": (
        ShippingRule(
            "standard",
            "Standard",
            "3 to 5 working days",
            ((("DE",), 0, 490), (("DE",), 7500, 0), (("AT", "FR", "NL", "IT"), 0, 990), (("*",), 0, 1990)),
        ),
        ShippingRule(
            "express",
            "Express",
            "Next working day",
            ((("DE",), 0, 1290), (("AT", "FR", "NL", "IT"), 0, 2490)),
        ),
    ),
    "tea": (
        ShippingRule(
            "standard", "Standard", "2 to 4 days", ((("JP",), 0, 600), (("JP",), 8000, 0), (("*",), 0, 2400))
        ),
        ShippingRule("express", "Cool express", "Next day, chilled", ((("JP",), 0, 1200),)),
    ),
}
BANK: dict[str, str] = {
    "demo": "Please transfer the total to IBAN DE02 1203 0000 0000 2020 51 (nobody's) and name your order number.",
    "tea": "Please transfer the total to account 1234567 at Demo Bank, Kyoto branch, and name your order number.",
}
ROUNDING = {"demo": "line", "tea": "rate"}
TIMEZONES = {"demo": "Europe/Berlin", "tea": "Asia/Tokyo"}


@dataclass(frozen=True, slots=True)
class SignIn:
    """A staff account that was just made; the password is shown once and stored only as a hash."""

    shop: str
    email: str
    password: str


def seed_demo(media: Path) -> list[SignIn]:
    """Found both demo shops and return their staff sign-ins. Pictures go into `media`."""
    sign_ins = []
    count = sum(len(_pictures(shop)) + 1 for shop in SHOPS)
    # Drawn by processes of their own: every core helps, and the server does not keep the memory that drawing takes.
    # They are forked, so no connection may be open that they would share with us.
    db.session.remove()
    db.engine.dispose()
    with (
        ProcessPoolExecutor(os.cpu_count()) as pool,
        click.progressbar(length=count, label="Drawing the demo catalogue", show_eta=False) as bar,
    ):
        drawn = [_draw(spec, pool, bar) for spec in SHOPS]
    # Nothing is written before everything is drawn: who gives up waiting finds an empty installation again, not half
    # a shop that nobody can sign in to.
    for index, (spec, (pictures, hero)) in enumerate(zip(SHOPS, drawn, strict=True)):
        hosts = ("localhost", "demo.localhost") if index == 0 else (f"{spec.code}.localhost",)
        sign_ins.append(_found(spec, hosts, media, pictures, hero))
    return sign_ins


def _draw(spec: DemoShop, pool: Executor, bar: Any) -> tuple[dict[DemoPicture, bytes], bytes]:
    """Return a shop's pictures and its wide one, as WebP."""
    hero = pool.submit(draw_hero, spec)
    pictures = {}
    for picture, data in zip(_pictures(spec), pool.map(draw, _pictures(spec), chunksize=4), strict=True):
        pictures[picture] = data
        bar.update(1)
    wide = hero.result()
    bar.update(1)
    return pictures, wide


def _pictures(spec: DemoShop) -> list[DemoPicture]:
    """Return a shop's pictures, each once; those of one product stand together and share their scene."""
    return list(dict.fromkeys(picture for product in spec.products for picture in product.pictures))


def _found(
    spec: DemoShop,
    hosts: tuple[str, ...],
    media: Path,
    pictures: Mapping[DemoPicture, bytes],
    hero: bytes,
) -> SignIn:
    shop = set_up_shop(
        code=spec.code,
        name=spec.name,
        tagline=spec.tagline,
        currency=spec.currency,
        locale=spec.locale,
        country=spec.country,
        timezone=TIMEZONES[spec.code],
        hosts=hosts,
        prices_include_tax=spec.prices_include_tax,
        tax_rounding=ROUNDING[spec.code],
        theme=dict(spec.theme),
        taxes=TAXES[spec.code],
        shipping=SHIPPING[spec.code],
        test_card=True,
        bank_details=BANK[spec.code],
    )
    with shop_scope(shop):
        files = {
            picture: store(NormalizedImage(data, *SIZE), media, shop.id) for picture, data in pictures.items()
        }
        hero_file = store(NormalizedImage(hero, *HERO_SIZE), media, shop.id)
        _stock_shelves(spec, files, hero_file)
        lay_out_offers(spec.code)
        password = secrets.token_urlsafe(12)
        email = f"owner@{shop.code}.example"
        create_staff(email=email, name="Demo Owner", password=password, role="owner")
    return SignIn(spec.name, email, password)


@atomic
def _stock_shelves(spec: DemoShop, files: Mapping[DemoPicture, str], hero: str) -> None:
    """Write the whole catalogue of one shop in one transaction: all of it is there, or nothing."""
    tenant = db.session.get_one(Tenant, current_shop().id)
    tenant.hero = hero
    db.session.flush()
    category_ids = {category.slug: new_id() for category in spec.categories}
    insert_rows(
        Category,
        [
            {
                "id": category_ids[category.slug],
                "slug": category.slug,
                "name": category.name,
                "description": category.description,
                "position": position,
            }
            for position, category in enumerate(spec.categories)
        ],
    )
    stock: dict[uuid.UUID, int] = {}
    product_ids = []
    for age, product in enumerate(spec.products):
        product_id = _add_product(product, age, files, stock)
        product_ids.append(product_id)
        insert_rows(
            ProductCategory,
            [{"product_id": product_id, "category_id": category_ids[slug]} for slug in product.categories],
        )
    set_initial_stock(stock, cause="opening", actor="Lockstep", reference="demo")
    index_products(product_ids)


def _add_product(
    product: DemoProduct, age: int, files: Mapping[DemoPicture, str], stock: dict[uuid.UUID, int]
) -> uuid.UUID:
    product_id, image_ids = new_id(), [new_id() for _ in product.pictures]
    insert_rows(
        Product,
        [
            {
                "id": product_id,
                "slug": product.slug,
                "title": product.title,
                "description_html": product.description_html,
                "vendor": product.vendor,
                "tags": list(product.tags),
                "option_names": [name for name, _values in product.options],
                "published_at": clock.now() - timedelta(hours=age),
            }
        ],
    )
    insert_rows(
        ProductImage,
        [
            {
                "id": image_ids[position],
                "product_id": product_id,
                "position": position,
                "file": files[picture],
                "alt": picture.alt,
                "width": SIZE[0],
                "height": SIZE[1],
            }
            for position, picture in enumerate(product.pictures)
        ],
    )
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "product_id": product_id,
            "position": position,
            "sku": variant.sku,
            "option_values": list(variant.option_values),
            "price": variant.price,
            "compare_at": variant.compare_at,
            "weight_grams": variant.weight_grams,
            "tax_class": product.tax_class,
            "image_id": None if variant.picture is None else image_ids[variant.picture],
        }
        for position, variant in enumerate(product.variants)
    ]
    insert_rows(Variant, rows)
    stock.update({row["id"]: variant.stock for row, variant in zip(rows, product.variants, strict=True)})
    return product_id

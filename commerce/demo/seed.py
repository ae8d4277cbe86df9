"""Create the demo shops in an empty installation: settings from here, products from the CSV files beside this one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from sqlalchemy import select, update

from commerce.accounts.services import create_staff
from commerce.catalog.categories import checked_description
from commerce.catalog.images import NormalizedImage, fetch_images, store
from commerce.catalog.models import Category
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.db import atomic, db, insert_rows
from commerce.demo.pages import write_pages
from commerce.inventory.adjustments import CatalogueStock
from commerce.payments.models import PaymentMethod
from commerce.pricing.services import create_coupon, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Tenant
from commerce.tenants.scope import current_shop, shop_scope
from commerce.tenants.services import touch_rules

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DemoShop:
    """All of a demo shop but its products; amounts are minor units of its currency.

    `catalogue` names its CSV file and its folder of pictures, `settings` go to `set_up_shop`, `categories` are (slug,
    name, description) in the order in which they are shown. `promotion` is for everybody who buys from the category
    `promoted` (a slug), `welcome` for new customers who enter `coupon`.
    """

    catalogue: str
    settings: Mapping[str, Any]
    categories: tuple[tuple[str, str, str], ...]
    promotion: PromotionValues
    promoted: str
    welcome: PromotionValues
    coupon: str
    cash_fee: int

    @property
    def products(self) -> Path:
        """Return the file with the shop's products."""
        return FOLDER / f"{self.catalogue}.csv"

    @property
    def pictures(self) -> Path:
        """Return the folder with the shop's pictures."""
        return FOLDER / "pictures" / self.catalogue


LINDENROW = DemoShop(
    catalogue="lindenrow",
    settings={
        "code": "demo",
        "hosts": ("localhost", "demo.localhost"),
        "name": "Lindenrow",
        "tagline": "Quiet, lasting things for table, desk and room.",
        "currency": "EUR",
        "locale": "en",
        "country": "DE",
        "timezone": "Europe/Berlin",
        "prices_include_tax": True,
        "tax_rounding": "line",
        "theme": {
            "accent": "#2f5a4c",
            "accent_ink": "#ffffff",
            "paper": "#faf7f2",
            "ink": "#23262a",
            "muted": "#5f6366",
            "line": "#e3ddd1",
            "surface": "#ffffff",
            "typeface": "sans",
        },
        "taxes": (
            TaxRule("DE", "standard", 190_000, "VAT 19 %"),
            TaxRule("DE", "reduced", 70_000, "VAT 7 %"),
            TaxRule("AT", "standard", 200_000, "VAT 20 %"),
            TaxRule("FR", "standard", 200_000, "VAT 20 %"),
            TaxRule("NL", "standard", 210_000, "VAT 21 %"),
            TaxRule("IT", "standard", 220_000, "VAT 22 %"),
        ),
        "shipping": (
            ShippingRule(
                "standard",
                "Standard",
                "3 to 5 working days",
                (
                    (("DE",), 0, 490),
                    (("DE",), 7500, 0),
                    (("AT", "FR", "NL", "IT"), 0, 990),
                    (("*",), 0, 1990),
                ),
            ),
            ShippingRule(
                "express",
                "Express",
                "Next working day",
                ((("DE",), 0, 1290), (("AT", "FR", "NL", "IT"), 0, 2490)),
            ),
        ),
        "bank_details": "Please transfer the total to IBAN DE02 1203 0000 0000 2020 51 (nobody's) and name your order "
        "number.",
    },
    categories=(
        ("table", "Table", "Stoneware, glass and linen for breakfast, for guests and for Tuesday nights."),
        ("kitchen", "Kitchen", "Boards, pans and jars that are used every day and put away with pleasure."),
        ("desk", "Desk", "Paper, wood and brass for people who still write things down."),
        ("light", "Light", "Lamps with a clear circle of light, and candles for when that is too much."),
        ("textiles", "Textiles", "Wool and linen from small mills, made to be washed and kept."),
        ("room", "Room", "Vases, baskets and other things that make a room feel lived in."),
    ),
    promotion=PromotionValues(
        "Linen weeks: 10 % off textiles", "percentage", percent_ppm=100_000, scope="categories"
    ),
    promoted="textiles",
    welcome=PromotionValues(
        "Welcome: 10 % off", "percentage", percent_ppm=100_000, min_subtotal=3000, needs_code=True, position=1
    ),
    coupon="WELCOME10",
    cash_fee=350,
)
ASAGIRI = DemoShop(
    catalogue="asagiri",
    settings={
        "code": "tea",
        "hosts": ("tea.localhost",),
        "name": "Asagiri Tea",
        "tagline": "Japanese tea, and the few things that it needs.",
        "currency": "JPY",
        "locale": "en",
        "country": "JP",
        "timezone": "Asia/Tokyo",
        "prices_include_tax": True,
        "tax_rounding": "rate",
        "theme": {
            "accent": "#8f3524",
            "accent_ink": "#fffaf3",
            "paper": "#f5f1e6",
            "ink": "#1f221d",
            "muted": "#5d5e50",
            "line": "#ddd5c0",
            "surface": "#fdfbf5",
            "typeface": "serif",
        },
        "taxes": (
            TaxRule("JP", "standard", 100_000, "Consumption tax 10 %"),
            TaxRule("JP", "reduced", 80_000, "Consumption tax 8 %"),
        ),
        "shipping": (
            ShippingRule(
                "standard",
                "Standard",
                "2 to 4 days",
                ((("JP",), 0, 600), (("JP",), 8000, 0), (("*",), 0, 2400)),
            ),
            ShippingRule("express", "Cool express", "Next day, chilled", ((("JP",), 0, 1200),)),
        ),
        "bank_details": "Please transfer the total to account 1234567 at Demo Bank, Kyoto branch, and name your order "
        "number.",
    },
    categories=(
        ("green", "Green tea", "Steamed, shaded and roasted leaves from gardens we visit every spring."),
        ("matcha", "Matcha", "Stone-ground tea with its bowl, whisk and scoop."),
        (
            "black",
            "Black and others",
            "Oxidised, rolled, toasted: what Japan drinks when it is not drinking green.",
        ),
        ("pots", "Pots and kettles", "Clay, iron and glass, made to pour well before anything else."),
        ("cups", "Cups and trays", "Stoneware to warm the hands, and trays to carry it on."),
        ("storage", "Caddies", "Lacquer, bark and paper to keep a harvest fresh."),
        ("gifts", "Gifts", "Wrapped, knotted and ready to hand over."),
    ),
    promotion=PromotionValues(
        "Three cups for two",
        "buy_x_get_y",
        buy_quantity=2,
        get_quantity=1,
        percent_ppm=1_000_000,
        scope="categories",
    ),
    promoted="cups",
    welcome=PromotionValues(
        "Welcome: ¥500 off", "fixed", amount=500, min_subtotal=3000, needs_code=True, position=1
    ),
    coupon="WELCOME500",
    cash_fee=330,
)
SHOPS = (LINDENROW, ASAGIRI)
"""The default shop first."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A staff account that was just made; the password is shown once and stored only as a hash."""

    shop: str
    email: str
    password: str


def seed_demo(media: Path) -> list[SignIn]:
    """Create both demo shops and return their staff sign-ins. Pictures go into `media`."""
    return [_create(demo, media) for demo in SHOPS]


def _create(demo: DemoShop, media: Path) -> SignIn:
    shop = set_up_shop(**demo.settings, test_card=True)
    with shop_scope(shop):
        hero = store(_picture((demo.pictures / "hero.webp").read_bytes()), media, shop.id)
        _create_categories(demo, hero)
        import_products(demo)
        import_pictures(demo, media)
        create_offers(demo)
        write_pages(shop.name, f"hello@{shop.code}.example")
        password = secrets.token_urlsafe(12)
        email = f"owner@{shop.code}.example"
        create_staff(email=email, name="Demo Owner", password=password, role="owner")
    return SignIn(shop.name, email, password)


@atomic
def _create_categories(demo: DemoShop, hero: str) -> None:
    """Name the picture of the home page, and create the categories: a CSV file has no order and texts for them."""
    db.session.get_one(Tenant, current_shop().id).hero = hero
    db.session.flush()
    insert_rows(
        Category,
        [
            {
                "slug": slug,
                "name": name,
                "description": checked_description(description),
                # Below zero, so that a category that is added later comes last.
                "position": position - len(demo.categories),
            }
            for position, (slug, name, description) in enumerate(demo.categories)
        ],
    )


def import_products(demo: DemoShop) -> ImportReport:
    """Import the products of a demo shop, with their stock, into the current shop."""
    with demo.products.open("rb") as file:
        return import_catalogue(
            file,
            file_name=demo.products.name,
            stock=CatalogueStock(),
            actor="Lockstep",
            file_format="shopify",
        )


def import_pictures(demo: DemoShop, media: Path) -> None:
    """Take the pictures that the imported products name from the demo's own folder; raises OSError when one is missing.

    The last part of a picture's address is the name of its file: nothing outside of that folder can be named.
    """

    def read(url: str) -> bytes:
        return (demo.pictures / PurePosixPath(urlsplit(url).path).name).read_bytes()

    fetch_images(media, tenant=current_shop().code, download=read, rewrite=_picture)


def _picture(data: bytes) -> NormalizedImage:
    """Return one of the demo's pictures, which are already as the shop keeps them."""
    with Image.open(BytesIO(data)) as opened:
        return NormalizedImage(data, opened.width, opened.height)


def create_offers(demo: DemoShop) -> None:
    """Give the current shop its promotions, its coupon and its fee for cash; its categories exist."""
    category = db.session.scalars(select(Category.id).where(Category.slug == demo.promoted)).one()
    db.session.close()
    create_promotion(replace(demo.promotion, targets=(str(category),)))
    create_coupon(create_promotion(demo.welcome), demo.coupon, per_customer_limit=1)
    _charge_for_cash(demo.cash_fee)


@atomic
def _charge_for_cash(fee: int) -> None:
    db.session.execute(
        update(PaymentMethod)
        .where(PaymentMethod.code == "cash_on_delivery")
        .values(fee_amount=fee)
        .execution_options(synchronize_session=False)
    )
    touch_rules()

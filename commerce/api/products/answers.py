"""Products and variants as they are answered, spelled as in the MBC example."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from pydantic import Field

from commerce.api.schemas import Amount, Moment, ResponseModel, amount
from commerce.catalog.models import Product, Variant
from commerce.catalog.product_records import ProductRecord
from commerce.catalog_import.export import image_address
from commerce.tenants.scope import current_shop


class VariantFacts(ResponseModel):
    """The facts of a variant."""

    sku: str = Field(examples=["PRD-001"])
    variant_id: uuid.UUID
    price: Amount
    compare_at: Amount | None
    options: dict[str, str]
    weight_grams: int
    tax_class: str
    barcode: str
    is_active: bool
    ships_from: date | None


class VariantInProduct(VariantFacts):
    """A variant of a product, with its version."""

    version: int


class VariantAttributes(VariantFacts):
    """The facts of a variant, and whose it is."""

    currency: str = Field(examples=["USD"])
    product: str = Field(description="Code of the product.")


class VariantOut(ResponseModel):
    """A variant."""

    code: str = Field(examples=["PRD-001"])
    name: str = Field(examples=["Wireless Mouse"])
    version: int
    attributes: VariantAttributes


class ProductAttributes(ResponseModel):
    """The facts of a product. `sku` and `price` are those of its only variant, null where there are several."""

    product_id: uuid.UUID
    category_code: str | None
    category_codes: list[str]
    sku: str | None
    price: Amount | None
    currency: str = Field(examples=["USD"])
    description: str
    images: list[str]
    is_active: bool
    status: str
    vendor: str
    tags: list[str]
    options: list[str] = Field(description="What its variants differ by.")
    variants: list[VariantInProduct]
    created_at: Moment
    updated_at: Moment


class ProductOut(ResponseModel):
    """A product."""

    code: str = Field(examples=["prd-001"])
    name: str = Field(examples=["Wireless Mouse"])
    version: int
    attributes: ProductAttributes


class ProductList(ResponseModel):
    """A page of products, the newest first."""

    items: list[ProductOut]
    next_cursor: str | None
    total: int | None = Field(None, description="Only with ?total=true.")


def product_out(record: ProductRecord, base: str) -> ProductOut:
    """Return a product as it is answered; `base` is the address of the shop."""
    product, currency = record.product, current_shop().currency
    variants = [
        VariantInProduct(version=each.version, **_facts(each, product, currency)) for each in product.variants
    ]
    only = variants[0] if len(variants) == 1 else None
    attributes = ProductAttributes(
        product_id=product.id,
        category_code=record.shelves[0] if record.shelves else None,
        category_codes=record.shelves,
        sku=only.sku if only else None,
        price=only.price if only else None,
        currency=currency,
        description=product.description_html,
        images=[address for image in product.images if (address := image_address(image, base))],
        is_active=product.status == "active",
        status=product.status,
        vendor=product.vendor,
        tags=product.tags,
        options=product.option_names,
        variants=variants,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )
    return ProductOut(code=product.slug, name=product.title, version=product.version, attributes=attributes)


def variant_out(variant: Variant) -> VariantOut:
    """Return a variant as it is answered."""
    product, currency = variant.product, current_shop().currency
    attributes = VariantAttributes(
        currency=currency, product=product.slug, **_facts(variant, product, currency)
    )
    return VariantOut(
        code=variant.sku, name=variant_name(variant), version=variant.version, attributes=attributes
    )


def variant_name(variant: Variant) -> str:
    """Return what a variant is called: its product, and what it is of it."""
    return ", ".join([variant.product.title, *variant.option_values])


def _facts(variant: Variant, product: Product, currency: str) -> dict[str, Any]:
    return {
        "sku": variant.sku,
        "variant_id": variant.id,
        "price": amount(variant.price, currency),
        "compare_at": amount(variant.compare_at, currency) if variant.compare_at is not None else None,
        "options": dict(zip(product.option_names, variant.option_values, strict=False)),
        "weight_grams": variant.weight_grams,
        "tax_class": variant.tax_class,
        "barcode": variant.barcode,
        "is_active": variant.active,
        "ships_from": variant.ships_from,
    }

"""Products and variants as programs send them, spelled as in the MBC example."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from commerce.api.schemas import (
    Amount,
    Code,
    Moment,
    PageQuery,
    RequestModel,
    ResponseModel,
    SentAmount,
    Text,
    amount,
    minor,
)
from commerce.catalog.create_product import NewProduct, NewVariant
from commerce.catalog.models import Product, Variant
from commerce.catalog.product_records import ProductFilter, ProductRecord
from commerce.catalog.validation import LIMITS, STATUSES, ProductValues, VariantValues
from commerce.catalog.values import MAX_GRAMS, TAX_CLASSES, parse_url
from commerce.catalog_import.export import image_address
from commerce.errors import InvalidValue
from commerce.inventory.models import MAX_QUANTITY
from commerce.money import MAX_AMOUNT
from commerce.tenants.scope import current_shop

MAX_VARIANTS = 250
"""Variants that are made in one call; more are added one by one."""
MAX_OPTIONS = 10
MAX_IMAGES = 100
MAX_TAGS = 250
MAX_VERSION = 2**53

Line = Annotated[Text, StringConstraints(max_length=LIMITS.line)]
Status = Annotated[str, Field(pattern=f"^({'|'.join(STATUSES)})$")]
Version = Annotated[
    int | None,
    Field(ge=0, le=MAX_VERSION, description="The one that you have seen; `If-Match` does as well."),
]
Price = Annotated[
    SentAmount,
    Field(ge=0),
    WithJsonSchema(
        {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_AMOUNT,
            "description": "Whole units of the shop's currency, e.g. 29.99, with no more decimals than it knows.",
        }
    ),
]
Units = Annotated[int, Field(ge=0, le=MAX_QUANTITY)]


def _https(text: str) -> str:
    if parse_url(text) is None or not text.startswith("https://"):
        raise ValueError("this is no https address")
    return text


ImageAddress = Annotated[
    Text,
    StringConstraints(max_length=2000),
    AfterValidator(_https),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https://", "maxLength": 2000}),
]


class VariantInput(RequestModel):
    """What may be said of a variant. What is left out stays as it is."""

    price: Price = Field(default_factory=Decimal, examples=[29.99])
    compare_at: Price | None = Field(None, description="The price before, shown struck out; null: none.")
    weight_grams: int = Field(default_factory=int, ge=0, le=MAX_GRAMS)
    tax_class: str = Field(default_factory=lambda: "standard", pattern=f"^{TAX_CLASSES}$")
    barcode: Line = Field(default_factory=str)
    is_active: bool = Field(default_factory=lambda: True, description="Whether it is sold.")
    ships_from: date | None = Field(
        None, description="When units beyond the stock are expected; null: nobody knows."
    )

    def variant_values(self, place: str = "") -> VariantValues:
        """Return what was sent as columns; `place` is where it stands, for faults. Raises InvalidValue."""
        sent = {
            name: getattr(self, name) for name in VariantInput.model_fields if name in self.model_fields_set
        }
        for name in {"price", "compare_at"} & {name for name, value in sent.items() if value is not None}:
            sent[name] = _minor(sent[name], place + name)
        if "is_active" in sent:
            sent["active"] = sent.pop("is_active")
        return cast("VariantValues", sent)


class VariantCreate(VariantInput):
    """A variant of a product."""

    sku: Code = Field(examples=["PRD-001-RED"])
    price: Price = Field(examples=[29.99])
    options: dict[Line, Line] = Field(
        default_factory=dict,
        max_length=MAX_OPTIONS,
        description="What it is by each option of the product.",
        examples=[{"Colour": "red"}],
    )
    quantity: Units = Field(0, description="Units that there are now.")

    def new(self, place: str = "") -> NewVariant:
        """Return it as the shop understands it. Raises InvalidValue."""
        return NewVariant(self.sku, self.variant_values(place), self.options, self.quantity, place)


class VariantPatch(VariantInput):
    """What shall be different about a variant; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"price": 24.99, "version": 1}]})

    version: Version = None


class ProductFields(VariantInput):
    """What may be said of a product, and of the only variant of one that has one."""

    category_code: Code | None = Field(None, description="The shelf on which it stands alone; null: none.")
    category_codes: list[Code] = Field(
        default_factory=list, max_length=100, description="Instead of `categoryCode`: all its shelves."
    )
    currency: str | None = Field(None, description="That of the shop, or nothing is done.")
    description: Annotated[str, Field(max_length=LIMITS.body)] = Field(
        default_factory=str, description="HTML; what does not belong into a description is taken out."
    )
    vendor: Line = Field(default_factory=str)
    tags: list[Annotated[Line, StringConstraints(min_length=1, pattern="^[^,]+$")]] = Field(
        default_factory=list, max_length=MAX_TAGS
    )
    is_active: bool = Field(default_factory=lambda: True, description="Whether shoppers see it.")
    status: Status = Field(
        default_factory=lambda: "active",
        description="More exact than `isActive`: hidden is draft or archived.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        sent = self.model_fields_set
        if {"category_code", "category_codes"} <= sent:
            raise ValueError("send categoryCode or categoryCodes, not both")
        if {"is_active", "status"} <= sent and self.is_active != (self.status == "active"):
            raise ValueError("isActive and status do not say the same")
        return self

    @property
    def shelves(self) -> list[str] | None:
        """Return the slugs of its shelves, None when nothing was said of them."""
        if "category_code" in self.model_fields_set:
            return [self.category_code] if self.category_code is not None else []
        return self.category_codes if "category_codes" in self.model_fields_set else None

    def product_values(self, status_now: str = "") -> ProductValues:
        """Return what was sent as columns; a product that is hidden already stays as it is hidden.

        Raises InvalidValue for another currency than the shop's.
        """
        currency = current_shop().currency
        if self.currency is not None and self.currency != currency:
            raise InvalidValue("currency", f"The prices of this shop are in {currency}.")
        sent = self.model_fields_set
        values: dict[str, Any] = {
            name: getattr(self, name) for name in ("vendor", "tags", "status") if name in sent
        }
        if "description" in sent:
            values["description_html"] = self.description
        if "is_active" in sent and "status" not in sent:
            hidden = status_now if status_now in ("draft", "archived") else "draft"
            values["status"] = "active" if self.is_active else hidden
        return cast("ProductValues", values)

    def only_variant(self) -> VariantValues:
        """Return what was sent of the only variant as columns. Raises InvalidValue."""
        values = self.variant_values()
        values.pop("active", None)
        return values


class ProductCreate(ProductFields):
    """A product: with `sku` and `price` for one that has one variant, or with `variants`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "PRD-001",
                    "name": "Wireless Mouse",
                    "sku": "PRD-001",
                    "price": 29.99,
                    "description": "<p>A mouse without a tail.</p>",
                    "images": ["https://example.com/mouse.jpg"],
                    "isActive": True,
                    "quantity": 10,
                }
            ]
        }
    )

    code: Code | None = Field(
        None, description="Letters, digits, _ and single dashes. Left out: one is made.", examples=["PRD-001"]
    )
    name: Text = Field(min_length=1, max_length=LIMITS.title, examples=["Wireless Mouse"])
    sku: Code | None = Field(None, examples=["PRD-001"])
    quantity: Units = Field(0, description="Units of the only variant that there are now.")
    images: list[ImageAddress] = Field(
        default_factory=list,
        max_length=MAX_IMAGES,
        description="Addresses of pictures. They are shown once staff have had them fetched.",
        examples=[["https://example.com/mouse.jpg"]],
    )
    variants: list[VariantCreate] = Field(default_factory=list, max_length=MAX_VARIANTS)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        sent = self.model_fields_set
        if self.variants and ({"sku", "quantity", *VariantInput.model_fields} - {"is_active"}) & sent:
            raise ValueError("what is said of variants stands in `variants`")
        if not self.variants and not {"sku", "price"} <= sent:
            raise ValueError("a product has sku and price, or variants")
        return self

    def new(self) -> NewProduct:
        """Return it as the shop understands it. Raises InvalidValue."""
        variants = [each.new(f"variants.{place}.") for place, each in enumerate(self.variants)]
        values = self.product_values()
        values["title"] = self.name
        return NewProduct(
            values,
            variants or [NewVariant(self.sku or "", self.only_variant(), quantity=self.quantity)],
            code=self.code or "",
            shelves=self.shelves or [],
            images=list(dict.fromkeys(self.images)),
        )


class ProductPatch(ProductFields):
    """What shall be different about a product; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Mouse without a tail", "version": 1}]}
    )

    name: Text = Field(default_factory=str, min_length=1, max_length=LIMITS.title)
    version: Version = None


class ProductQuery(PageQuery):
    """Which products are listed, the newest first."""

    is_active: bool | None = Field(None, description="Those that shoppers see, or those that they do not.")
    category_code: Code | None = Field(None, description="Those on this shelf.")
    q: Annotated[Text, StringConstraints(max_length=200)] | None = Field(
        None, description="Words of name, SKU, vendor, tags or options; the last may be the beginning of one."
    )
    total: bool = Field(default=False, description="Count them all, too.")

    def filter(self) -> ProductFilter:
        """Return it as the catalogue understands it."""
        return ProductFilter(self.is_active, self.category_code or "", self.q or "")


# --- responses -----------------------------------------------------------------------------------------


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


def _minor(value: Decimal, field: str) -> int:
    try:
        return minor(value, current_shop().currency)
    except InvalidValue as error:
        raise InvalidValue(field, error.reason) from error

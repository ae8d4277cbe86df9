"""Products and variants as programs send them, spelled as in the MBC example."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from commerce.api.schemas import Code, PageQuery, RequestModel, SentAmount, Text, minor
from commerce.catalog.create_product import NewProduct, NewVariant
from commerce.catalog.product_records import ProductFilter
from commerce.catalog.validation import LIMITS, STATUSES, ProductValues, VariantValues
from commerce.catalog.values import MAX_GRAMS, TAX_CLASSES, parse_url
from commerce.errors import InvalidValue
from commerce.inventory.models import MAX_QUANTITY
from commerce.money import MAX_AMOUNT
from commerce.tenants.scope import current_shop

MOST_VARIANTS = 250
"""Variants that are made in one call; more are added one by one."""
MOST_AXES = 10
MOST_IMAGES = 100
MOST_TAGS = 250
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


class VariantToMake(VariantInput):
    """A variant of a product."""

    sku: Code = Field(examples=["PRD-001-RED"])
    price: Price = Field(examples=[29.99])
    options: dict[Line, Line] = Field(
        default_factory=dict,
        max_length=MOST_AXES,
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
        default_factory=list, max_length=MOST_TAGS
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
            raise InvalidValue("currency", "currency_not_of_shop", currency=currency)
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


class ProductToMake(ProductFields):
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
        max_length=MOST_IMAGES,
        description="Addresses of pictures. They are shown once staff have had them fetched.",
        examples=[["https://example.com/mouse.jpg"]],
    )
    variants: list[VariantToMake] = Field(default_factory=list, max_length=MOST_VARIANTS)

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


class ProductSearch(PageQuery):
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


def _minor(value: Decimal, field: str) -> int:
    try:
        return minor(value, current_shop().currency)
    except InvalidValue as error:
        raise error.at(field) from error

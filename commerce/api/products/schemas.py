"""Requests and responses of the product and variant operations. Field names follow the MBC example."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from commerce.api.schemas import (
    Amount,
    Code,
    Moment,
    PageQuery,
    QueryModel,
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
"""Maximum number of variants in a request that creates a product. More can be added one by one."""
MAX_OPTIONS = 10
MAX_IMAGES = 100
MAX_TAGS = 250
MAX_VERSION = 2**53

Line = Annotated[Text, StringConstraints(max_length=LIMITS.line)]
Status = Annotated[str, Field(pattern=f"^({'|'.join(STATUSES)})$")]
Version = Annotated[
    int | None,
    Field(ge=0, le=MAX_VERSION, description="The version you have seen. Can be sent as `If-Match` instead."),
]
Price = Annotated[
    SentAmount,
    Field(ge=0),
    WithJsonSchema(
        {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_AMOUNT,
            "description": "Amount in whole units of the shop's currency, such as 29.99, with its decimals at most.",
        }
    ),
]
Units = Annotated[int, Field(ge=0, le=MAX_QUANTITY)]


def _https(text: str) -> str:
    if parse_url(text) is None or not text.startswith("https://"):
        raise ValueError("not a valid https URL")
    return text


ImageAddress = Annotated[
    Text,
    StringConstraints(max_length=2000),
    AfterValidator(_https),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https://", "maxLength": 2000}),
]


class VariantInput(RequestModel):
    """Fields of a variant. Omitted fields stay unchanged."""

    price: Price = Field(default_factory=Decimal, examples=[29.99])
    compare_at: Price | None = Field(None, description="Original price, shown crossed out. Null for none.")
    weight_grams: int = Field(default_factory=int, ge=0, le=MAX_GRAMS)
    tax_class: str = Field(default_factory=lambda: "standard", pattern=f"^{TAX_CLASSES}$")
    barcode: Line = Field(default_factory=str)
    unit_cost: Price | None = Field(
        None,
        description="What a unit costs the shop. Customers never see it. Null if unknown.",
        examples=[12.5],
    )
    requires_shipping: bool = Field(
        default_factory=lambda: True, description="False for vouchers, downloads and services."
    )
    is_active: bool = Field(default_factory=lambda: True, description="Whether the variant can be bought.")
    ships_from: date | None = Field(
        None, description="When backordered units are expected to ship. Null if unknown."
    )

    def variant_values(self, place: str = "") -> VariantValues:
        """Return the fields that were sent as columns. `place` is their path in the body. Raises InvalidValue."""
        sent = {
            name: getattr(self, name) for name in VariantInput.model_fields if name in self.model_fields_set
        }
        for name in {"price", "compare_at", "unit_cost"} & {
            name for name, value in sent.items() if value is not None
        }:
            sent[name] = _minor(sent[name], place + name)
        if "is_active" in sent:
            sent["active"] = sent.pop("is_active")
        return cast("VariantValues", sent)


class VariantCreate(VariantInput):
    """A new variant."""

    sku: Code = Field(examples=["PRD-001-RED"])
    price: Price = Field(examples=[29.99])
    options: dict[Line, Line] = Field(
        default_factory=dict,
        max_length=MAX_OPTIONS,
        description="Value of each option of the product.",
        examples=[{"Colour": "red"}],
    )
    quantity: Units = Field(0, description="Initial stock.")

    def new(self, place: str = "") -> NewVariant:
        """Return the data of the new record. Raises InvalidValue."""
        return NewVariant(self.sku, self.variant_values(place), self.options, self.quantity, place=place)


class VariantPatch(VariantInput):
    """Changes to a variant. Omitted fields stay unchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"price": 24.99, "version": 1}]})

    version: Version = None


class ProductFields(VariantInput):
    """Fields of a product, and of its variant if it has only one."""

    category_code: Code | None = Field(None, description="The only category of the product. Null for none.")
    category_codes: list[Code] = Field(
        default_factory=list,
        max_length=100,
        description="All categories of the product, instead of `categoryCode`.",
    )
    currency: str | None = Field(None, description="Must be the currency of the shop.")
    description: Annotated[str, Field(max_length=LIMITS.body)] = Field(
        default_factory=str, description="HTML. Elements that are not allowed are removed."
    )
    vendor: Line = Field(default_factory=str)
    product_type: Line = Field(
        default_factory=str, description="What kind of product it is.", examples=["Mouse"]
    )
    tags: list[Annotated[Line, StringConstraints(min_length=1, pattern="^[^,]+$")]] = Field(
        default_factory=list, max_length=MAX_TAGS
    )
    is_active: bool = Field(
        default_factory=lambda: True, description="Whether the product is visible in the shop."
    )
    status: Status = Field(
        default_factory=lambda: "active",
        description="More exact than `isActive`: hidden products are draft or archived.",
    )
    publish_at: AwareDatetime | None = Field(
        None,
        description="When a hidden product becomes active. Until then it is a draft. Null for never.",
        examples=["2030-01-15T10:30:00Z"],
    )
    seo_title: Annotated[Text, StringConstraints(max_length=LIMITS.title)] = Field(
        default_factory=str, description="Title for search engines. Empty to use the name."
    )
    seo_description: Annotated[Text, StringConstraints(max_length=LIMITS.text)] = Field(
        default_factory=str, description="Description for search engines."
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        sent = self.model_fields_set
        if {"category_code", "category_codes"} <= sent:
            raise ValueError("send categoryCode or categoryCodes, not both")
        if {"is_active", "status"} <= sent and self.is_active != (self.status == "active"):
            raise ValueError("isActive and status contradict each other")
        return self

    @property
    def category_slugs(self) -> list[str] | None:
        """The slugs of the product's categories, None if the request names none."""
        if "category_code" in self.model_fields_set:
            return [self.category_code] if self.category_code is not None else []
        return self.category_codes if "category_codes" in self.model_fields_set else None

    def product_values(self, status_now: str = "") -> ProductValues:
        """Return the fields that were sent as columns. A hidden product keeps its status when `isActive` is false.

        Raises InvalidValue for a currency that is not the shop's.
        """
        currency = current_shop().currency
        if self.currency is not None and self.currency != currency:
            raise InvalidValue("currency", "currency_not_of_shop", currency=currency)
        sent = self.model_fields_set
        values: dict[str, Any] = {name: getattr(self, name) for name in _AS_SENT if name in sent}
        if "description" in sent:
            values["description_html"] = self.description
        if "is_active" in sent and "status" not in sent:
            hidden = status_now if status_now in ("draft", "archived") else "draft"
            values["status"] = "active" if self.is_active else hidden
        if values.get("status") == "active" and "publish_at" not in sent:
            values["publish_at"] = None  # it is published now
        return cast("ProductValues", values)

    def only_variant(self) -> VariantValues:
        """Return the fields of the only variant that were sent as columns. Raises InvalidValue."""
        values = self.variant_values()
        values.pop("active", None)
        return values


_AS_SENT = ("vendor", "product_type", "tags", "status", "publish_at", "seo_title", "seo_description")
"""Fields of a product that are columns of the same name."""


class ProductCreate(ProductFields):
    """A new product with one variant (`sku` and `price`) or with `variants`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "PRD-001",
                    "name": "Wireless Mouse",
                    "sku": "PRD-001",
                    "price": 29.99,
                    "description": "<p>Silent clicks, long battery life.</p>",
                    "images": ["https://example.com/mouse.jpg"],
                    "isActive": True,
                    "quantity": 10,
                }
            ]
        }
    )

    code: Code | None = Field(
        None,
        description="Letters, digits, _ and single hyphens. Generated from the name if omitted.",
        examples=["PRD-001"],
    )
    name: Text = Field(min_length=1, max_length=LIMITS.title, examples=["Wireless Mouse"])
    sku: Code | None = Field(None, examples=["PRD-001"])
    quantity: Units = Field(0, description="Initial stock of the only variant.")
    images: list[ImageAddress] = Field(
        default_factory=list,
        max_length=MAX_IMAGES,
        description="URLs of images. They are shown once staff have imported them.",
        examples=[["https://example.com/mouse.jpg"]],
    )
    variants: list[VariantCreate] = Field(default_factory=list, max_length=MAX_VARIANTS)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        sent = self.model_fields_set
        if self.variants and ({"sku", "quantity", *VariantInput.model_fields} - {"is_active"}) & sent:
            raise ValueError("send fields of variants in `variants`")
        if not self.variants and not {"sku", "price"} <= sent:
            raise ValueError("send sku and price, or variants")
        return self

    def new(self) -> NewProduct:
        """Return the data of the new record. Raises InvalidValue."""
        variants = [each.new(f"variants.{place}.") for place, each in enumerate(self.variants)]
        values = self.product_values()
        values["title"] = self.name
        return NewProduct(
            values,
            variants or [NewVariant(self.sku or "", self.only_variant(), quantity=self.quantity)],
            code=self.code or "",
            categories=self.category_slugs or [],
            images=list(dict.fromkeys(self.images)),
        )


class ProductPatch(ProductFields):
    """Changes to a product. Omitted fields stay unchanged."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Silent Wireless Mouse", "version": 1}]}
    )

    code: Code | None = Field(
        None,
        description="A new code. The product's old address redirects to the new one. Null leaves it unchanged.",
    )
    name: Text = Field(default_factory=str, min_length=1, max_length=LIMITS.title)
    version: Version = None


class ProductVersion(QueryModel):
    """The version of a product that is to be deleted."""

    version: Version = None


class ProductQuery(PageQuery):
    """Filters of the list of products."""

    is_active: bool | None = Field(None, description="Whether the product is visible in the shop.")
    category_code: Code | None = Field(None, description="Only products of this category.")
    product_type: Line | None = Field(None, description="Only products of exactly this type.")
    q: Annotated[Text, StringConstraints(max_length=200)] | None = Field(
        None, description="Search in name, SKU, vendor, tags and options. The last word can be incomplete."
    )
    total: bool = Field(default=False, description="Include the total number of rows.")

    def filter(self) -> ProductFilter:
        """Return the filter of the catalog."""
        return ProductFilter(self.is_active, self.category_code or "", self.q or "", self.product_type or "")


# --- responses -----------------------------------------------------------------------------------------


class VariantFacts(ResponseModel):
    """Attributes of a variant."""

    sku: str = Field(examples=["PRD-001"])
    variant_id: uuid.UUID
    price: Amount
    compare_at: Amount | None
    options: dict[str, str]
    weight_grams: int
    tax_class: str
    barcode: str
    unit_cost: Amount | None
    requires_shipping: bool
    is_active: bool
    ships_from: date | None


class VariantInProduct(VariantFacts):
    """A variant of a product, with its version."""

    version: int


class VariantAttributes(VariantFacts):
    """Attributes of a variant, with its product."""

    currency: str = Field(examples=["USD"])
    product: str = Field(description="Code of the product.")


class VariantOut(ResponseModel):
    """A variant."""

    code: str = Field(examples=["PRD-001"])
    name: str = Field(examples=["Wireless Mouse"])
    version: int
    attributes: VariantAttributes


class ProductAttributes(ResponseModel):
    """Attributes of a product. `sku` and `price` are null if it has several variants."""

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
    product_type: str
    tags: list[str]
    publish_at: Moment | None
    seo_title: str
    seo_description: str
    options: list[str] = Field(description="Names of the options by which variants differ.")
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
    """A page of products, newest first."""

    items: list[ProductOut]
    next_cursor: str | None
    total: int | None = Field(None, description="With `total=true` only.")


def product_out(record: ProductRecord, base: str) -> ProductOut:
    """Return a product for a response. `base` is the URL of the shop."""
    product, currency = record.product, current_shop().currency
    variants = [
        VariantInProduct(version=each.version, **_facts(each, product, currency)) for each in product.variants
    ]
    only = variants[0] if len(variants) == 1 else None
    attributes = ProductAttributes(
        product_id=product.id,
        category_code=record.categories[0] if record.categories else None,
        category_codes=record.categories,
        sku=only.sku if only else None,
        price=only.price if only else None,
        currency=currency,
        description=product.description_html,
        images=[address for image in product.images if (address := image_address(image, base))],
        is_active=product.status == "active",
        status=product.status,
        vendor=product.vendor,
        product_type=product.product_type,
        tags=product.tags,
        publish_at=product.publish_at,
        seo_title=product.seo_title,
        seo_description=product.seo_description,
        options=product.option_names,
        variants=variants,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )
    return ProductOut(code=product.slug, name=product.title, version=product.version, attributes=attributes)


def variant_out(variant: Variant) -> VariantOut:
    """Return a variant for a response."""
    product, currency = variant.product, current_shop().currency
    attributes = VariantAttributes(
        currency=currency, product=product.slug, **_facts(variant, product, currency)
    )
    return VariantOut(
        code=variant.sku, name=variant_name(variant), version=variant.version, attributes=attributes
    )


def variant_name(variant: Variant) -> str:
    """Return the name of a variant: product and option values."""
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
        "unit_cost": amount(variant.unit_cost, currency) if variant.unit_cost is not None else None,
        "requires_shipping": variant.requires_shipping,
        "is_active": variant.active,
        "ships_from": variant.ships_from,
    }


def _minor(value: Decimal, field: str) -> int:
    try:
        return minor(value, current_shop().currency)
    except InvalidValue as error:
        raise error.at(field) from error

"""What the shop sells: products, their variants, categories and pictures."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commerce import clock
from commerce.db import Base, TenantOwned, TenantRow


class Category(TenantRow, Base):
    """A category of the shop; a product may be in several.

    Categories form a tree of at most `categories.MAX_LEVELS` levels. No foreign key says what `parent_id` is, so that
    a shop's rows can be copied in any order; `categories` alone sets it. `picture` is the name of a file under the
    media folder. `product_order` is how its products are sorted unless the visitor asks for something else.
    """

    __tablename__ = "categories"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "slug"),
        CheckConstraint("product_order IN ('newest', 'price', '-price', 'manual')", name="product_order"),
        Index("ix_categories_parent", "tenant_id", "parent_id"),
    )

    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int] = mapped_column(default=0)
    parent_id: Mapped[uuid.UUID | None]
    picture: Mapped[str] = mapped_column(default="")
    product_order: Mapped[str] = mapped_column(String(20), default="newest")
    seo_title: Mapped[str] = mapped_column(String(500), default="")
    seo_description: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


_TITLE = "lower(substr(title, 1, 80))"


class Product(TenantRow, Base):
    """A page of the catalogue. What is sold is one of its variants.

    `attributes` are facts of kinds that `ProductAttribute` names, as texts by key. A draft with `publish_at` becomes
    active at that time.
    """

    __tablename__ = "products"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "slug"),
        CheckConstraint("status IN ('active', 'draft', 'archived')", name="status"),
        Index("ix_products_listing", "tenant_id", "status", "published_at", "id"),
        Index("ix_products_age", "tenant_id", "published_at", "id"),
        Index(
            "ix_products_scheduled",
            "tenant_id",
            "publish_at",
            postgresql_where=text("publish_at IS NOT NULL"),
            sqlite_where=text("publish_at IS NOT NULL"),
        ),
        Index("ix_products_title", "tenant_id", text(_TITLE), "id", postgresql_include=["title"]),
        Index(
            "ix_products_title_of_status",
            "tenant_id",
            "status",
            text(_TITLE),
            "id",
            postgresql_include=["title"],
        ),
        *(
            Index(
                f"ix_products_{name}",
                "tenant_id",
                name,
                text(_TITLE),
                "id",
                postgresql_where=text(f"{name} <> ''"),
                sqlite_where=text(f"{name} <> ''"),
            )
            for name in ("product_type", "vendor")
        ),
    )

    slug: Mapped[str]
    title: Mapped[str] = mapped_column(String(500))
    description_html: Mapped[str] = mapped_column(Text, default="")
    vendor: Mapped[str] = mapped_column(default="")
    product_type: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(String(20), default="active")
    tags: Mapped[list[str]] = mapped_column(default=list)
    option_names: Mapped[list[str]] = mapped_column(default=list)
    seo_title: Mapped[str] = mapped_column(String(500), default="")
    seo_description: Mapped[str] = mapped_column(Text, default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source: Mapped[str] = mapped_column(String(40), default="")
    source_digest: Mapped[str] = mapped_column(String(64), default="")
    published_at: Mapped[datetime] = mapped_column(default=clock.now)
    publish_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    version: Mapped[int] = mapped_column(default=1)

    variants: Mapped[list[Variant]] = relationship(
        back_populates="product", order_by="Variant.position", cascade="all, delete-orphan"
    )
    images: Mapped[list[ProductImage]] = relationship(
        back_populates="product", order_by="ProductImage.position", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}


TITLE_KEY = func.lower(func.substr(Product.title, literal_column("1"), literal_column("80")))
"""What lists by title are sorted by, as their indexes have it: an index holds no text of any length."""


class ProductCategory(TenantOwned, Base):
    """A product in a category. Those that were put in order have a `position` below zero, all others have 0."""

    __tablename__ = "product_categories"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "product_id"], ["products.tenant_id", "products.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "category_id"], ["categories.tenant_id", "categories.id"], ondelete="CASCADE"
        ),
    )

    category_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)


class Collection(TenantRow, Base):
    """Products shown together at one address, whatever category they are in: chosen by hand, or by rules.

    `conditions` are those of `collection_rules.Condition`, as JSON; `matches` says whether a product has to meet all or
    any of them. `product_order` is how its products are sorted unless the visitor asks for something else. `picture`
    is the name of a file under the media folder.
    """

    __tablename__ = "collections"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "slug"),
        CheckConstraint("kind IN ('chosen', 'rules')", name="kind"),
        CheckConstraint("matches IN ('all', 'any')", name="matches"),
        CheckConstraint(
            "product_order IN ('newest', 'price', '-price', 'title', 'manual')", name="product_order"
        ),
    )

    slug: Mapped[str]
    title: Mapped[str]
    description_html: Mapped[str] = mapped_column(Text, default="")
    picture: Mapped[str] = mapped_column(default="")
    published: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str] = mapped_column(String(20))
    matches: Mapped[str] = mapped_column(String(20), default="all")
    conditions: Mapped[list[Any]] = mapped_column(default=list)
    product_order: Mapped[str] = mapped_column(String(20), default="newest")
    seo_title: Mapped[str] = mapped_column(String(500), default="")
    seo_description: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class CollectionProduct(TenantOwned, Base):
    """A product in a collection, with what the collection is sorted by: copies that `collection_members` keeps right.

    `price` is the lowest of the variants on sale, in minor units. `stock` is what is left to be asked when the
    collection is read: 'any' for nothing, 'in' when the product belongs to it only while it can be bought, 'out' only
    while it cannot. Products chosen by hand have their place in `position`. No foreign key says what `product_id` is:
    to check it, whoever writes rows of many products would wait for everybody who has one of them locked.
    """

    __tablename__ = "collection_products"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "collection_id"], ["collections.tenant_id", "collections.id"], ondelete="CASCADE"
        ),
        CheckConstraint("stock IN ('any', 'in', 'out')", name="stock"),
        Index("ix_collection_products_product", "tenant_id", "product_id"),
        Index("ix_collection_products_age", "tenant_id", "collection_id", "published_at", "product_id"),
        Index("ix_collection_products_price", "tenant_id", "collection_id", "price", "product_id"),
        Index("ix_collection_products_title", "tenant_id", "collection_id", "title", "product_id"),
    )

    collection_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime]
    price: Mapped[int]
    title: Mapped[str] = mapped_column(String(80))
    stock: Mapped[str] = mapped_column(String(3), default="any")


class Variant(TenantRow, Base):
    """What is sold. `price` and `compare_at` are integer minor units of the shop's currency, weight is grams.

    `unit_cost` is what a unit costs the shop, in the same units as the price. `attributes` are as those of a product.
    `option_values` holds one value for each of the product's `option_names`, in their order. `ships_from` is the day
    on which units beyond the stock are expected, if the shop sells such and knows it.
    """

    __tablename__ = "variants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "product_id"], ["products.tenant_id", "products.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "sku"),
        Index("ix_variants_product", "tenant_id", "product_id", "position"),
        Index(
            "ix_variants_barcode",
            "tenant_id",
            "barcode",
            postgresql_where=text("barcode <> ''"),
            sqlite_where=text("barcode <> ''"),
        ),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("compare_at IS NULL OR compare_at >= 0", name="compare_at"),
        CheckConstraint("weight_grams >= 0", name="weight_grams"),
        CheckConstraint("unit_cost IS NULL OR unit_cost >= 0", name="unit_cost"),
    )

    product_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(default=0)
    sku: Mapped[str]
    option_values: Mapped[list[str]] = mapped_column(default=list)
    price: Mapped[int]
    compare_at: Mapped[int | None]
    weight_grams: Mapped[int] = mapped_column(default=0)
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    requires_shipping: Mapped[bool] = mapped_column(default=True)
    barcode: Mapped[str] = mapped_column(default="")
    backorder: Mapped[bool] = mapped_column(default=False)
    ships_from: Mapped[date | None]
    active: Mapped[bool] = mapped_column(default=True)
    image_id: Mapped[uuid.UUID | None]
    unit_cost: Mapped[int | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)

    product: Mapped[Product] = relationship(back_populates="variants")

    __mapper_args__ = {"version_id_col": version}


class ProductImage(TenantRow, Base):
    """A picture: `file` is its name under the media folder once there is one, `source_url` where it came from."""

    __tablename__ = "product_images"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "product_id"], ["products.tenant_id", "products.id"], ondelete="CASCADE"
        ),
        Index("ix_product_images_product", "tenant_id", "product_id", "position"),
    )

    product_id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(default=0)
    file: Mapped[str] = mapped_column(default="")
    source_url: Mapped[str] = mapped_column(Text, default="")
    alt: Mapped[str] = mapped_column(String(1000), default="")
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)

    product: Mapped[Product] = relationship(back_populates="images")


class ProductAttribute(TenantRow, Base):
    """A kind of fact that products have ("Allergens"). Shoppers see it on the product page where `shown` says so.

    `key` is how other systems name it; that of a variant begins with 'variant:'.
    """

    __tablename__ = "product_attributes"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "key"),
    )

    key: Mapped[str]
    name: Mapped[str]
    shown: Mapped[bool] = mapped_column(default=False)


class ProductRedirect(TenantOwned, Base):
    """An address that a product had, here or in the shop that it came from: it leads to where the product is now."""

    __tablename__ = "product_redirects"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "product_id"], ["products.tenant_id", "products.id"], ondelete="CASCADE"
        ),
        Index("ix_product_redirects_product", "tenant_id", "product_id"),
    )

    slug: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[uuid.UUID]


class ImportMapping(TenantOwned, Base):
    """What a heading of the shop's files means: `heading` in its folded form, `meaning` a heading that is read."""

    __tablename__ = "import_mappings"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    heading: Mapped[str] = mapped_column(primary_key=True)
    meaning: Mapped[str]

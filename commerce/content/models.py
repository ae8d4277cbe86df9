"""Texts of the shop: pages that staff write, and policies that the law asks for."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow

KINDS = ("page", "policy")
POLICIES = ("imprint", "privacy", "terms", "withdrawal", "shipping")
"""Slugs of the policies; there is at most one of each."""


class ContentPage(TenantRow, Base):
    """A page as staff work on it. What visitors see is its revision number `revision`; 0: it is not published."""

    __tablename__ = "content_pages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "kind", "slug"),
        CheckConstraint("kind IN ('page', 'policy')", name="kind"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    slug: Mapped[str]
    title: Mapped[str]
    body_html: Mapped[str] = mapped_column(Text, default="")
    in_footer: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    @property
    def path(self) -> str:
        """The address of the page in the shop."""
        return page_path(self.kind, self.slug)


class ContentRevision(TenantRow, Base):
    """A page as it was published once. It never changes: customers may have agreed to it."""

    __tablename__ = "content_revisions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "page_id"], ["content_pages.tenant_id", "content_pages.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "page_id", "number"),
    )

    page_id: Mapped[uuid.UUID]
    number: Mapped[int]
    title: Mapped[str]
    body_html: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(default=clock.now)


def page_path(kind: str, slug: str) -> str:
    """Return the address of a page or policy in the shop, not quoted."""
    return f"/policies/{slug}" if kind == "policy" else f"/pages/{slug}"


# --- menus ------------------------------------------------------------------------------------------

MENUS = ("main", "footer")
ENTRY_KINDS = ("category", "collection", "page", "products", "categories", "address", "heading")
"""What an entry of a menu leads to; 'products' is the list of all products, a 'heading' leads nowhere itself."""


class Menu(TenantRow, Base):
    """A menu that staff have edited. As long as a shop has none of a name, the menu is made from what it sells."""

    __tablename__ = "menus"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("name IN ('main', 'footer')", name="name"),
    )

    name: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(default=1)


class MenuEntry(TenantRow, Base):
    """An entry of a menu. Without a label it shows the name of what it leads to; `address` is that of its kind alone.

    No foreign key says what `target_id` and `parent_id` are: a link to what is gone is not shown, and its owner sees
    it marked. `menus` alone sets both.
    """

    __tablename__ = "menu_entries"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "menu_id"], ["menus.tenant_id", "menus.id"], ondelete="CASCADE"),
        Index("ix_menu_entries_menu", "tenant_id", "menu_id"),
        CheckConstraint(
            "kind IN ('category', 'collection', 'page', 'products', 'categories', 'address', 'heading')",
            name="kind",
        ),
    )

    menu_id: Mapped[uuid.UUID]
    parent_id: Mapped[uuid.UUID | None]
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(String(20))
    target_id: Mapped[uuid.UUID | None]
    address: Mapped[str] = mapped_column(String(2000), default="")


# --- home page --------------------------------------------------------------------------------------

SECTION_KINDS = ("hero", "products", "categories", "text", "picture")
PRODUCT_SOURCES = ("newest", "category", "collection")
"""What the products of a section are; `source_id` names the category or collection."""


class HomePage(TenantRow, Base):
    """The home page that staff have edited, at most one of a shop. Visitors see it once it was published."""

    __tablename__ = "home_pages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id"),
    )

    published_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class HomeSection(TenantRow, Base):
    """A section of the home page: as staff work on it, or as it was published. `home` alone copies one to the other.

    `picture` is the name of a file under the media folder, '' for none. `most` is how many products are shown.
    """

    __tablename__ = "home_sections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "home_page_id"], ["home_pages.tenant_id", "home_pages.id"], ondelete="CASCADE"
        ),
        Index("ix_home_sections_home_page", "tenant_id", "home_page_id"),
        CheckConstraint("stage IN ('draft', 'published')", name="stage"),
        CheckConstraint("kind IN ('hero', 'products', 'categories', 'text', 'picture')", name="kind"),
        CheckConstraint("source IN ('newest', 'category', 'collection')", name="source"),
    )

    home_page_id: Mapped[uuid.UUID]
    stage: Mapped[str] = mapped_column(String(20))
    position: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(default="")
    body_html: Mapped[str] = mapped_column(Text, default="")
    button_label: Mapped[str] = mapped_column(default="")
    button_address: Mapped[str] = mapped_column(String(2000), default="")
    picture: Mapped[str] = mapped_column(default="")
    picture_alt: Mapped[str] = mapped_column(String(1000), default="")
    source: Mapped[str] = mapped_column(String(20), default="newest")
    source_id: Mapped[uuid.UUID | None]
    most: Mapped[int] = mapped_column(default=8)

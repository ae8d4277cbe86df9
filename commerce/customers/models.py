"""Customers as the staff of a shop work with them, with an account or without: tags, groups, notes, addresses."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantOwned, TenantRow


class CustomerProfile(TenantRow, Base):
    """What staff keep about a customer; made when there is something to keep.

    A member is found by `member_id`, whatever their address is by now; a customer without an account by `email`, in
    lower case. `name`, `phone` and `locale` are for who has no account to keep them in; `locale` may be ''. Every
    change of the profile, its tags and its groups raises `version`.
    """

    __tablename__ = "customer_profiles"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["members.tenant_id", "members.id"]),
        UniqueConstraint("tenant_id", "email"),
        UniqueConstraint("tenant_id", "member_id"),
    )

    email: Mapped[str]
    member_id: Mapped[uuid.UUID | None]
    name: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    locale: Mapped[str] = mapped_column(String(20), default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class CustomerTag(TenantRow, Base):
    """A word that staff put on a customer to find them by."""

    __tablename__ = "customer_tags"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "profile_id"],
            ["customer_profiles.tenant_id", "customer_profiles.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant_id", "profile_id", "tag"),
        Index("ix_customer_tags_tag", "tenant_id", "tag"),
    )

    profile_id: Mapped[uuid.UUID]
    tag: Mapped[str] = mapped_column(String(40))


class CustomerGroup(TenantRow, Base):
    """A named group of customers."""

    __tablename__ = "customer_groups"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "name_key"),
    )

    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(String(200))
    """The name as it is compared: two groups that differ in case alone are one."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    __mapper_args__ = {"version_id_col": version}


class CustomerGroupMember(TenantOwned, Base):
    """A customer in a group."""

    __tablename__ = "customer_group_members"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "group_id"],
            ["customer_groups.tenant_id", "customer_groups.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["tenant_id", "profile_id"],
            ["customer_profiles.tenant_id", "customer_profiles.id"],
            ondelete="CASCADE",
        ),
        Index("ix_customer_group_members_profile", "tenant_id", "profile_id"),
    )

    group_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class CustomerNote(TenantRow, Base):
    """What one of the staff wrote about a customer, for colleagues. It is never changed, only deleted."""

    __tablename__ = "customer_notes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "profile_id"],
            ["customer_profiles.tenant_id", "customer_profiles.id"],
            ondelete="CASCADE",
        ),
        Index("ix_customer_notes_profile", "tenant_id", "profile_id"),
    )

    profile_id: Mapped[uuid.UUID]
    author: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class CustomerAddress(TenantRow, Base):
    """An address of a customer without an account; `address` has the fields of the checkout."""

    __tablename__ = "customer_addresses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "profile_id"],
            ["customer_profiles.tenant_id", "customer_profiles.id"],
            ondelete="CASCADE",
        ),
        Index("ix_customer_addresses_profile", "tenant_id", "profile_id"),
    )

    profile_id: Mapped[uuid.UUID]
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    address: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class MergedEmail(TenantRow, Base):
    """An email address of a customer who was merged into another: what is ordered with it is theirs, too.

    `member_id` is the account that was closed with the merge, if there was one.
    """

    __tablename__ = "merged_emails"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "profile_id"],
            ["customer_profiles.tenant_id", "customer_profiles.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["members.tenant_id", "members.id"]),
        UniqueConstraint("tenant_id", "email"),
        Index("ix_merged_emails_profile", "tenant_id", "profile_id"),
    )

    email: Mapped[str]
    profile_id: Mapped[uuid.UUID]
    member_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

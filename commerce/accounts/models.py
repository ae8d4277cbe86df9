"""People: staff of a shop, members (its customers with an account), operators; their sessions. And programs.

Of every secret that is sent out (session, invitation, mailed proof, recovery code, key of a program) only a SHA-256 is
stored: who reads the database cannot use it.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow, new_id


class Credentials:
    """Mixin of everybody who signs in with a password."""

    email: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class SecondFactor:
    """Mixin of people who may have one-time codes as a second factor (RFC 6238).

    `totp_secret` is sealed; it counts once a first code has proven it (`totp_since`). `totp_step` is the last time step
    that was accepted: no code is good twice.
    """

    totp_secret: Mapped[str | None] = mapped_column(Text)
    totp_since: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(default=0)


class Throttle:
    """Mixin of the wrong passwords or codes at one account (`accounts/throttle.py`).

    `subject` is a hash of kind, factor and email address, which may belong to nobody. `sources` are by source the
    wrong tries, when the last one was and until when the source waits; `paused_until` is for all addresses together.
    """

    subject: Mapped[str] = mapped_column(String(64))
    sources: Mapped[dict[str, Any]] = mapped_column(default=dict)
    paused_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)


class Session:
    """Mixin of a signed-in browser: random 256 bits in its cookie, their SHA-256 here.

    `proven_at` is when the person last gave a password or a code; sensitive actions ask for it to be recent.
    """

    token_hash: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    proven_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]


# --- staff -----------------------------------------------------------------------------------------


class StaffMember(Credentials, SecondFactor, TenantRow, Base):
    """A person who works for one shop. The email is unique within the shop, in lower case."""

    __tablename__ = "staff_members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "email"),
        CheckConstraint("role IN ('owner', 'manager', 'fulfilment', 'support', 'readonly')", name="role"),
    )

    role: Mapped[str] = mapped_column(String(20), default="owner")


class StaffSession(Session, TenantRow, Base):
    """A signed-in browser of a member of staff. Without `second_factor` it opens only the page that asks for one."""

    __tablename__ = "staff_sessions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "staff_id"], ["staff_members.tenant_id", "staff_members.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "token_hash"),
    )

    staff_id: Mapped[uuid.UUID]
    second_factor: Mapped[bool] = mapped_column(default=False)


class SignInThrottle(Throttle, TenantRow, Base):
    """Wrong tries at an account of staff or of a member."""

    __tablename__ = "sign_in_throttles"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "subject"),
    )


class RecoveryCode(TenantRow, Base):
    """A code for the case that the phone is lost; each works once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "staff_id"], ["staff_members.tenant_id", "staff_members.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "staff_id", "code_hash"),
    )

    staff_id: Mapped[uuid.UUID]
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class SavedView(TenantRow, Base):
    """A list of orders as somebody filtered it, by the `query` of its address. All staff see a `shared` one."""

    __tablename__ = "saved_views"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "staff_id"], ["staff_members.tenant_id", "staff_members.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "staff_id", "name"),
    )

    staff_id: Mapped[uuid.UUID]
    shared: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(Text)


class StaffInvitation(TenantRow, Base):
    """A mailed invitation to work for the shop. An address has one that is open: inviting again replaces it."""

    __tablename__ = "staff_invitations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "token_hash"),
        UniqueConstraint("tenant_id", "email"),
        CheckConstraint("role IN ('owner', 'manager', 'fulfilment', 'support', 'readonly')", name="role"),
    )

    email: Mapped[str]
    role: Mapped[str] = mapped_column(String(20))
    token_hash: Mapped[str] = mapped_column(String(64))
    invited_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]


class AuditEntry(TenantRow, Base):
    """Who did what in the back office: added to and read, never changed, which the database sees to itself."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        Index("ix_audit_entries_newest", "tenant_id", "occurred_at", "id"),
        Index("ix_audit_entries_actor", "tenant_id", "actor_id", "occurred_at"),
        Index("ix_audit_entries_action", "tenant_id", "action", "occurred_at"),
    )

    occurred_at: Mapped[datetime] = mapped_column(default=clock.now)
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str] = mapped_column(String(64), default="")
    actor_name: Mapped[str] = mapped_column(default="")
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(default="")
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    address: Mapped[str] = mapped_column(String(45), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")


# --- members ---------------------------------------------------------------------------------------


class Member(Credentials, TenantRow, Base):
    """A customer with an account in one shop; nobody in another. Until `confirmed_at` the address is only claimed.

    An erased one keeps its row, so that their orders still belong to somebody, with nothing personal left in it.
    """

    __tablename__ = "members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "email"),
    )

    phone: Mapped[str] = mapped_column(default="")
    confirmed_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class MemberSession(Session, TenantRow, Base):
    """A signed-in browser of a member."""

    __tablename__ = "member_sessions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["members.tenant_id", "members.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "token_hash"),
    )

    member_id: Mapped[uuid.UUID]


class MemberAddress(TenantRow, Base):
    """An entry of a member's address book; `address` has the fields of the checkout."""

    __tablename__ = "member_addresses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["members.tenant_id", "members.id"], ondelete="CASCADE"
        ),
        Index("ix_member_addresses_member", "tenant_id", "member_id"),
    )

    member_id: Mapped[uuid.UUID]
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    address: Mapped[dict[str, Any]]
    preferred: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class EmailProof(TenantRow, Base):
    """A mailed link that proves that somebody reads an address: good once, for one purpose, for a while.

    `subject_id` is the member or member of staff whom it is about, when there is one.
    """

    __tablename__ = "email_proofs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "token_hash"),
        CheckConstraint(
            "purpose IN ('confirm_member', 'reset_member', 'change_member', 'reset_staff')", name="purpose"
        ),
        Index("ix_email_proofs_subject", "tenant_id", "subject_id"),
    )

    purpose: Mapped[str] = mapped_column(String(20))
    email: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


# --- programs: they come with a key instead of a password ---------------------------------------------


class ApiClient(TenantRow, Base):
    """A program that works with a shop over JSON. Idempotency belongs to it, so a new key changes nothing there.

    `requests_per_minute` is how often all of its keys together may call.
    """

    __tablename__ = "api_clients"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("requests_per_minute > 0", name="requests_per_minute"),
    )

    name: Mapped[str] = mapped_column(String(120))
    active: Mapped[bool] = mapped_column(default=True)
    requests_per_minute: Mapped[int] = mapped_column(default=6000)
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class ApiKey(TenantRow, Base):
    """A key of a client: 256 random bits, shown once; here are their SHA-256, and the last four characters as its name.

    It opens what its `scopes` say (accounts/scopes.py) until it expires or is revoked.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "client_id"], ["api_clients.tenant_id", "api_clients.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "token_hash"),
        Index("ix_api_keys_client", "tenant_id", "client_id"),
    )

    client_id: Mapped[uuid.UUID]
    token_hash: Mapped[str] = mapped_column(String(64))
    last_four: Mapped[str] = mapped_column(String(4))
    scopes: Mapped[list[str]]
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


# --- operators: they run the installation and belong to no shop ---------------------------------------------


class Operator(Credentials, SecondFactor, Base):
    """A person who runs the installation: makes shops and suspends them, and sees nothing of their customers."""

    __tablename__ = "operators"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


class OperatorSession(Session, Base):
    """A signed-in browser of an operator."""

    __tablename__ = "operator_sessions"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    operator_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("operators.id", ondelete="CASCADE"))
    second_factor: Mapped[bool] = mapped_column(default=False)


class OperatorSignInThrottle(Throttle, Base):
    """Wrong tries at an account of an operator."""

    __tablename__ = "operator_sign_in_throttles"
    __table_args__ = (UniqueConstraint("subject"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


class OperatorEntry(Base):
    """What operators did, added to and never changed."""

    __tablename__ = "operator_entries"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    occurred_at: Mapped[datetime] = mapped_column(default=clock.now)
    operator: Mapped[str]
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(default="")
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    address: Mapped[str] = mapped_column(String(45), default="")

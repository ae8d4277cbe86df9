"""What happens to accounts. The events name rows and hold no address: only the mails' handlers look it up."""

from __future__ import annotations

from dataclasses import dataclass

from commerce.events.outbox import DomainEvent


@dataclass(frozen=True, kw_only=True)
class EmailTokenRequested(DomainEvent):
    """A link is to be mailed to an address, to prove that somebody reads it. `subject_id` is the proof's id."""


@dataclass(frozen=True, kw_only=True)
class MemberEmailChanged(DomainEvent):
    """A member changed their address. `subject_id` is the member, `sealed_former` the former address, sealed."""

    sealed_former: str


@dataclass(frozen=True, kw_only=True)
class StaffInvited(DomainEvent):
    """Somebody is to be mailed an invitation to work for the shop. `subject_id` is the invitation's id."""

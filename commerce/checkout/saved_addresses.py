"""What the checkout takes from a member's address book, and puts into it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from commerce.accounts.address_book import SavedAddress, add_address, addresses_of
from commerce.accounts.auth import current_member
from commerce.cart.details import CheckoutDetails
from commerce.checkout.addresses import FIELDS
from commerce.errors import Conflict
from commerce.orders.addresses import address_lines
from commerce.tenants.scope import current_shop

CHOSEN = "own"
"""Value of the button "update" that fills in a chosen address."""


@dataclass(frozen=True, slots=True)
class AddressChoice:
    """An address of the book in a list to choose from, in one line."""

    id: str
    words: str


def saved_addresses() -> list[AddressChoice]:
    """Return what the member behind the request may choose from; nothing for a guest."""
    locale = current_shop().locale
    return [
        AddressChoice(str(each.id), ", ".join(address_lines(each.address, each.name, locale)))
        for each in _book()
    ]


def _book() -> list[SavedAddress]:
    member = current_member()
    return addresses_of(member.id) if member else []


def known_details() -> CheckoutDetails:
    """Return the details that a member's checkout begins with: contact, and the preferred address of their book."""
    member = current_member()
    if member is None:
        return CheckoutDetails()
    known = CheckoutDetails(email=member.email, name=member.name, phone=member.phone)
    first = next(iter(_book()), None)
    if first is None:
        return known
    return replace(known, name=first.name, phone=first.phone or member.phone, address=first.address)


def with_chosen_address(sent: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return a sent form with the address that was chosen from the book; what else was typed stays."""
    chosen = next((each for each in _book() if str(each.id) == sent.get("own_address")), None)
    if sent.get("update") != CHOSEN or chosen is None:
        return sent
    filled = MultiDict(sent)
    parts = {**dict.fromkeys(FIELDS, ""), **chosen.address, "name": chosen.name}
    for name, value in (parts | ({"phone": chosen.phone} if chosen.phone else {})).items():
        filled[name] = value
    return filled


def save_address(details: CheckoutDetails) -> None:
    """Put the address of valid details into the member's book. A full book or a guest changes nothing."""
    member = current_member()
    if member is None:
        return
    try:
        add_address(member.id, name=details.name, phone=details.phone, address=dict(details.address))
    except Conflict:
        # The order matters more; the book says so itself when it is opened.
        return

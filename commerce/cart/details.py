"""What a checkout asks for beside the lines: who, where to, how to ship and pay. Kept with the cart as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class DraftDiscount:
    """What staff take off the goods of a draft: `amount` in minor units, which follows from `ppm` where that is set.

    `ppm` are millionths of what promotions leave of the goods.
    """

    label: str
    amount: int = 0
    ppm: int = 0


@dataclass(frozen=True, slots=True)
class CheckoutDetails:
    """The details of a checkout, complete or not; '' and an empty address are what nobody has entered yet.

    `address` holds the fields of `checkout.addresses`; `locale` is the language of the mails, '' for the shop's own;
    `discount` counts in a draft alone, which only staff can write.
    """

    email: str = ""
    name: str = ""
    phone: str = ""
    note: str = ""
    locale: str = ""
    shipping_method: str = ""
    payment_method: str = ""
    address: Mapping[str, str] = field(default_factory=dict)
    discount: DraftDiscount | None = None

    @property
    def country(self) -> str:
        """The ISO 3166 code of the destination, '' while there is none."""
        return self.address.get("country_code", "")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CheckoutDetails:
        """Read the details of a cart's row. What a row of an earlier release does not name is empty."""
        text = {name: str(stored.get(name) or "") for name in TEXT_FIELDS}
        discount = stored.get("discount")
        return cls(
            **text,
            address=dict(stored.get("address") or {}),
            discount=DraftDiscount(discount["label"], discount["amount"], discount["ppm"])
            if discount
            else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the details as a cart's row keeps them; what is empty is left out."""
        stored: dict[str, Any] = {name: text for name in TEXT_FIELDS if (text := getattr(self, name))}
        if self.address:
            stored["address"] = dict(self.address)
        if self.discount is not None:
            stored["discount"] = {
                "amount": self.discount.amount,
                "label": self.discount.label,
                "ppm": self.discount.ppm,
            }
        return stored


TEXT_FIELDS = tuple(each.name for each in fields(CheckoutDetails) if each.name not in ("address", "discount"))
"""The details that are one text each."""

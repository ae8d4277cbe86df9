"""The form of one promotion: what it takes off, from what, when and beside which others."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, RadioField, SelectChoice
from wtforms.validators import AnyOf

from commerce.admin import picker
from commerce.admin.fields import (
    AmountField,
    MomentField,
    PercentField,
    name_field,
    number_field,
    version_field,
)
from commerce.admin.picker import Pick
from commerce.admin.products.forms import Difference
from commerce.admin.versioned_form import VersionedForm
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.pricing.models import Promotion
from commerce.pricing.validation import MAX_POSITION, MAX_TARGETS, MAX_UNITS, PromotionValues

KINDS = {
    "percentage": _("Percentage off"),
    "fixed": _("Fixed amount off"),
    "free_shipping": _("Free shipping"),
    "buy_x_get_y": _("Buy some, get some for less"),
}
SCOPES = {
    "all": _("Everything in the cart"),
    "products": _("Certain products"),
    "categories": _("Certain categories"),
}
_OPTIONAL_NUMBERS = ("percent_ppm", "amount", "buy_quantity", "get_quantity", "min_subtotal")
_AS_THEY_ARE = ("label", "kind", "scope", "starts_at", "ends_at", "position")
_TICKS = ("needs_code", "combines", "enabled")


def _choice(label: Any, words: dict[str, Any]) -> RadioField:
    return RadioField(
        label,
        choices=[SelectChoice(name, text) for name, text in words.items()],
        validators=[AnyOf(list(words), _("Please choose one."))],
        validate_choice=False,
        default=next(iter(words)),
    )


class _PromotionFields(VersionedForm):
    version = version_field()
    label = name_field(_("Label"))
    kind = _choice(_("What it takes off"), KINDS)
    percent_ppm = PercentField(_("Percent off"))
    amount = AmountField(_("Amount off"))
    buy_quantity = number_field(_("Units to buy"), 1, MAX_UNITS, required=False, default=None)
    get_quantity = number_field(_("Units for less"), 1, MAX_UNITS, required=False, default=None)
    scope = _choice(_("What it is for"), SCOPES)
    min_subtotal = AmountField(_("From a total of"))
    starts_at = MomentField(_("Begins"))
    ends_at = MomentField(_("Ends"))
    needs_code = BooleanField(_("Only with a coupon code"))
    combines = BooleanField(_("Combines with other promotions"), default=True)
    position = number_field(_("Position"), 0, MAX_POSITION)
    enabled = BooleanField(_("Switched on"), default=True)


class PromotionForm:
    """Fields of a promotion, and the products or categories that are ticked. A new one has no version yet."""

    def __init__(self, known: Promotion | None, formdata: Any = None) -> None:
        self.known = known
        self.head = _PromotionFields(formdata, data=_shown(known) if known else None)
        if known is None:
            del self.head.version
        self.target_errors: list[str] = []
        if formdata is None:
            targets = list(known.targets) if known else []
            scope = known.scope if known else "all"
            self.products = targets if scope == "products" else []
            self.categories = targets if scope == "categories" else []
        else:
            self.products = _ids(formdata.getlist("products"))
            self.categories = _ids(formdata.getlist("categories"))
        self.search = (formdata or {}).get("find", "").strip()[:200]
        self.search = "".join(character for character in self.search if character.isprintable())

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong, for the summary above the form."""
        found = [("", str(text)) for text in self.head.form_errors]
        found += [(field.id, f"{field.label.text}: {text}") for field in self.head for text in field.errors]
        return found + [("targets", text) for text in self.target_errors]

    def refuse(self, error: InvalidValue) -> None:
        """Show what a service found wrong."""
        if error.field == "targets":
            self.target_errors.append(describe(error))
        else:
            self.head.refuse(error)

    def values(self) -> PromotionValues:
        """Return what was filled in; call it only after the head is valid."""
        head = self.head
        chosen = {"products": self.products, "categories": self.categories}.get(head.scope.data, [])
        filled: dict[str, Any] = {name: head[name].data for name in _AS_THEY_ARE}
        filled |= {name: head[name].data or 0 for name in _OPTIONAL_NUMBERS}
        filled |= {name: bool(head[name].data) for name in _TICKS}
        return PromotionValues(**filled, targets=tuple(chosen))

    def product_picks(self) -> tuple[Sequence[Pick], Sequence[Pick]]:
        """Return the products that are ticked, and those that the search found beside them."""
        ticked = picker.products(self.products)
        found = picker.find_products(self.search) if self.search else []
        return ticked, [pick for pick in found if pick.id not in self.products]

    def differences(self, now: Promotion) -> list[Difference]:
        """Compare what was typed with what the promotion has become."""
        current = PromotionForm(now)
        found = self.head.differences(current.head)
        theirs, typed = current.target_names(), self.target_names()
        if theirs != typed:
            found.append(Difference(gettext("Products or categories"), theirs or "–", typed or "–"))
        return found

    def target_names(self) -> str:
        """Return the names of what is ticked and counts, for people."""
        scope = self.head.scope.data
        if scope == "products":
            return ", ".join(pick.name for pick in picker.products(self.products))
        if scope == "categories":
            return ", ".join(pick.name for pick in picker.categories() if pick.id in self.categories)
        return ""


def _shown(known: Promotion) -> dict[str, Any]:
    """Return what the fields show; numbers that do not count for the kind stay empty."""
    row: dict[str, Any] = {name: getattr(known, name) for name in ("version", *_AS_THEY_ARE, *_TICKS)}
    return row | {name: getattr(known, name) or None for name in _OPTIONAL_NUMBERS}


def _ids(typed: Sequence[str]) -> list[str]:
    """Return the ids among what was sent, each once; what is none cannot have been ticked."""
    found = []
    for text in typed[: MAX_TARGETS + 1]:
        try:
            found.append(str(uuid.UUID(text)))
        except ValueError:
            continue
    return list(dict.fromkeys(found))

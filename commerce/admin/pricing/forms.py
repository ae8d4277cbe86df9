"""Forms about pricing: a promotion, and the coupon codes that open one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, HiddenField, RadioField, SelectChoice, StringField
from wtforms.validators import AnyOf, InputRequired, Length

from commerce.admin import product_picker
from commerce.admin.fields import (
    AmountField,
    MomentField,
    PercentField,
    name_field,
    no_control_characters,
    number_field,
    version_field,
)
from commerce.admin.forms import AdminForm, Difference, VersionedForm, problems_of
from commerce.admin.product_picker import Pick
from commerce.pricing.coupon_limits import limits_version
from commerce.pricing.coupon_rows import CouponRow
from commerce.pricing.models import Promotion
from commerce.pricing.queries import fold_code
from commerce.pricing.services import MAX_CODES_AT_ONCE
from commerce.pricing.validation import MAX_POSITION, MAX_TARGETS, MAX_UNITS, MAX_USES, PromotionValues

MAX_CODE = 40
MAX_PREFIX = 20
KINDS = {
    "percentage": _("Percentage off"),
    "fixed": _("Fixed amount off"),
    "free_shipping": _("Free shipping"),
    "buy_x_get_y": _("Buy X, get Y"),
}
SCOPES = {
    "all": _("Entire order"),
    "products": _("Specific products"),
    "categories": _("Specific categories"),
}
_OPTIONAL_NUMBERS = ("percent_ppm", "amount", "buy_quantity", "get_quantity", "min_subtotal")
_AS_THEY_ARE = ("label", "kind", "scope", "starts_at", "ends_at", "position")
_TICKS = ("needs_code", "combines", "skip_reduced", "enabled")


def _choice(label: Any, words: dict[str, Any]) -> RadioField:
    return RadioField(
        label,
        choices=[SelectChoice(name, text) for name, text in words.items()],
        validators=[AnyOf(list(words), _("Please choose one."))],
        validate_choice=False,
        default=next(iter(words)),
    )


class _PromotionFields(VersionedForm):
    uncompared = ("version", "targets")

    version = version_field()
    label = name_field(_("Label"))
    kind = _choice(_("Type"), KINDS)
    percent_ppm = PercentField(_("Percent off"))
    amount = AmountField(_("Amount off"))
    buy_quantity = number_field(_("Units to buy"), 1, MAX_UNITS, required=False, default=None)
    get_quantity = number_field(_("Discounted units"), 1, MAX_UNITS, required=False, default=None)
    scope = _choice(_("Applies to"), SCOPES)
    targets = HiddenField(_("Products or categories"))
    min_subtotal = AmountField(_("Minimum order total"))
    starts_at = MomentField(_("Starts"))
    ends_at = MomentField(_("Ends"))
    needs_code = BooleanField(_("Requires a coupon code"))
    code = StringField(
        _("Coupon code"),
        [
            Length(max=MAX_CODE, message=_("At most %(max)d characters.")),
            no_control_characters,
        ],
        filters=[fold_code],
    )
    combines = BooleanField(_("Combines with other promotions"), default=True)
    skip_reduced = BooleanField(_("Don’t apply to products that are already reduced"))
    position = number_field(_("Priority"), 0, MAX_POSITION)
    enabled = BooleanField(_("Active"), default=True)


class PromotionForm:
    """Fields of a promotion, and the products or categories that are ticked.

    A new one has no version yet, but may have a first coupon code, which makes it one that requires a code.
    """

    def __init__(self, known: Promotion | None, formdata: Any = None) -> None:
        self.known = known
        self.head = _PromotionFields(formdata, data=_shown(known) if known else None)
        if known is None:
            del self.head.version
        else:
            del self.head.code
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
        return problems_of(self.head)

    def validate(self) -> bool:
        """Check the fields."""
        return bool(self.head.validate())

    @property
    def code(self) -> str:
        """The first coupon code of a new promotion, '' when none was typed."""
        return (self.head.code.data or "") if "code" in self.head else ""

    def values(self) -> PromotionValues:
        """Return what was filled in; call it only after `validate`."""
        head = self.head
        chosen = {"products": self.products, "categories": self.categories}.get(head.scope.data, [])
        filled: dict[str, Any] = {name: head[name].data for name in _AS_THEY_ARE}
        filled |= {name: head[name].data or 0 for name in _OPTIONAL_NUMBERS}
        filled |= {name: bool(head[name].data) for name in _TICKS}
        filled["needs_code"] = filled["needs_code"] or bool(self.code)
        return PromotionValues(**filled, targets=tuple(chosen))

    def product_picks(self) -> tuple[Sequence[Pick], Sequence[Pick]]:
        """Return the products that are ticked, and those that the search found beside them."""
        ticked = product_picker.products(self.products)
        found = product_picker.find_products(self.search) if self.search else []
        return ticked, [pick for pick in found if pick.id not in self.products]

    def catch_up(self, now: PromotionForm) -> None:
        """Take over the current version: whoever saves once more has seen what the others did, and means it."""
        self.known = now.known
        self.head.catch_up(now.head)

    def differences(self, now: PromotionForm) -> list[Difference]:
        """Compare what was typed with a form of what the promotion has become."""
        found = self.head.differences(now.head)
        theirs, typed = now.target_names(), self.target_names()
        if theirs != typed:
            found.append(Difference(gettext("Products or categories"), theirs or "–", typed or "–"))
        return found

    def target_names(self) -> str:
        """Return the names of what is ticked and counts, for people."""
        scope = self.head.scope.data
        if scope == "products":
            return ", ".join(pick.name for pick in product_picker.products(self.products))
        if scope == "categories":
            return ", ".join(pick.name for pick in product_picker.categories() if pick.id in self.categories)
        return ""


def _shown(known: Promotion) -> dict[str, Any]:
    """Return what the fields show; numbers that do not count for the kind stay empty."""
    row: dict[str, Any] = {name: getattr(known, name) for name in ("version", *_AS_THEY_ARE, *_TICKS)}
    return row | {name: getattr(known, name) or None for name in _OPTIONAL_NUMBERS}


def _ids(typed: Sequence[str]) -> list[str]:
    """Return the ids among what was sent, each once; anything else is ignored."""
    found = []
    for text in typed[: MAX_TARGETS + 1]:
        try:
            found.append(str(uuid.UUID(text)))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


# --- coupons ----------------------------------------------------------------------------------------


class NewCouponForm(AdminForm):
    """One code. A limit that is left empty is none."""

    code = StringField(
        _("Code"),
        [
            InputRequired(_("Please enter a code.")),
            Length(max=MAX_CODE, message=_("At most %(max)d characters.")),
            no_control_characters,
        ],
        filters=[fold_code],
    )
    usage_limit = number_field(_("Total uses"), 1, MAX_USES, required=False, default=None)
    per_customer_limit = number_field(_("Uses per customer"), 1, MAX_USES, required=False, default=None)

    def __init__(self, formdata: Any = None) -> None:
        super().__init__(formdata, prefix="one-")


class GenerateCouponsForm(AdminForm):
    """Many codes at once; each can be used once unless its limit says otherwise."""

    error_fields: ClassVar[Mapping[str, str]] = {
        "code": "prefix"
    }  # nothing else of a random code can be wrong

    count = number_field(_("Number of codes"), 1, MAX_CODES_AT_ONCE, default=20)
    prefix = StringField(
        _("Prefix"),
        [Length(max=MAX_PREFIX, message=_("At most %(max)d characters.")), no_control_characters],
        filters=[fold_code],
    )
    usage_limit = number_field(_("Uses per code"), 1, MAX_USES, required=False, default=1)
    per_customer_limit = number_field(_("Uses per customer"), 1, MAX_USES, required=False, default=None)

    def __init__(self, formdata: Any = None) -> None:
        super().__init__(formdata, prefix="many-")


class CouponLimitsForm(VersionedForm):
    """How often a code may be used. A limit that is left empty is none."""

    version = version_field()
    usage_limit = number_field(_("Total uses"), 1, MAX_USES, required=False, default=None)
    per_customer_limit = number_field(_("Uses per customer"), 1, MAX_USES, required=False, default=None)

    def __init__(self, known: CouponRow, formdata: Any = None) -> None:
        shown = {"usage_limit": known.usage_limit, "per_customer_limit": known.per_customer_limit}
        super().__init__(formdata, data={"version": limits_version(**shown), **shown})

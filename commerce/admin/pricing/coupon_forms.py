"""The forms of codes: one with a word of the shop's own, many that nobody guesses, and how often one may be used."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from commerce.admin.fields import number_field, strip, version_field
from commerce.admin.orders.forms import no_control_characters
from commerce.admin.versioned_form import VersionedForm
from commerce.errors import InvalidValue
from commerce.pricing.coupon_limits import limits_version
from commerce.pricing.coupon_rows import CouponRow
from commerce.pricing.services import MAX_CODES_AT_ONCE
from commerce.pricing.validation import MAX_USES

MAX_CODE = 40
MAX_PREFIX = 20


class NewCouponForm(VersionedForm):
    """One code. A limit that is left empty is none."""

    code = StringField(
        _("Code"),
        [
            InputRequired(_("Please enter a code.")),
            Length(max=MAX_CODE, message=_("At most %(max)d characters.")),
            no_control_characters,
        ],
        filters=[strip],
    )
    usage_limit = number_field(_("Uses in all"), 1, MAX_USES, required=False, default=None)
    per_customer_limit = number_field(_("Uses per customer"), 1, MAX_USES, required=False, default=None)

    def __init__(self, formdata: Any = None) -> None:
        super().__init__(formdata, prefix="one-")


class GenerateCouponsForm(VersionedForm):
    """Many codes at once; each can be used once unless told otherwise."""

    count = number_field(_("How many"), 1, MAX_CODES_AT_ONCE, default=20)
    prefix = StringField(
        _("Beginning with"),
        [Length(max=MAX_PREFIX, message=_("At most %(max)d characters.")), no_control_characters],
        filters=[strip],
    )
    usage_limit = number_field(_("Uses of each"), 1, MAX_USES, required=False, default=1)
    per_customer_limit = number_field(_("Uses per customer"), 1, MAX_USES, required=False, default=None)

    def __init__(self, formdata: Any = None) -> None:
        super().__init__(formdata, prefix="many-")

    def refuse(self, error: InvalidValue) -> None:
        """Show what a service found wrong; of a random code only its beginning can be."""
        super().refuse(error.at("prefix") if error.field == "code" else error)


class CouponLimitsForm(VersionedForm):
    """How often a code may be used. A limit that is left empty is none."""

    version = version_field()
    usage_limit = number_field(_("Uses in all"), 1, MAX_USES, required=False, default=None)
    per_customer_limit = number_field(_("Uses per customer"), 1, MAX_USES, required=False, default=None)

    def __init__(self, known: CouponRow, formdata: Any = None) -> None:
        shown = {"usage_limit": known.usage_limit, "per_customer_limit": known.per_customer_limit}
        super().__init__(formdata, data={"version": limits_version(**shown), **shown})

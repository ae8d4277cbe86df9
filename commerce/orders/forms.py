"""What a shopper can ask of a placed order."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length, Regexp

from commerce.cart.forms import no_unprintable, printable
from commerce.web import TextForm

MAX_REASON = 500


class ReasonForm(TextForm):
    """Why an order shall be cancelled or refunded; `version` is what the page had shown."""

    class Meta:  # noqa: D106 - WTForms reads its options here; the app's CSRF protection has checked the token
        csrf = False

    version = HiddenField(validators=[Regexp(r"^[0-9]{1,18}\Z")])
    reason = TextAreaField(
        _l("Reason"),
        [
            DataRequired(_l("Please tell us why.")),
            Length(max=MAX_REASON, message=_l("Please use at most %(max)d characters.", max=MAX_REASON)),
            no_unprintable,
        ],
        filters=[printable],
    )

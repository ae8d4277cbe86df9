"""The form of a page or policy."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import Length

from commerce.admin.fields import name_field, no_control_characters, strip, version_field
from commerce.admin.forms import VersionedForm
from commerce.content.models import ContentPage
from commerce.content.services import LIMITS, PageValues

POLICY_TITLES = {
    "imprint": _("Imprint"),
    "privacy": _("Privacy policy"),
    "terms": _("Terms of sale"),
    "withdrawal": _("Right of withdrawal"),
    "shipping": _("Shipping and delivery"),
}
_TOO_LONG = _("At most %(max)d characters.")


class PageForm(VersionedForm):
    """Fields of a page; a policy has neither an address of its own nor a choice whether the footer links to it."""

    other_errors = "title"

    version = version_field()
    title = name_field(_("Title"))
    body_html = TextAreaField(_("Text"), [Length(max=LIMITS.body, message=_TOO_LONG), no_control_characters])
    slug = StringField(
        _("Address"), [Length(max=LIMITS.slug, message=_TOO_LONG), no_control_characters], filters=[strip]
    )
    in_footer = BooleanField(_("Link in the footer"))

    def __init__(self, known: ContentPage | None, formdata: Any = None, *, policy: str = "") -> None:
        shown: dict[str, Any] = {"title": str(POLICY_TITLES.get(policy, "")), "in_footer": True}
        super().__init__(formdata, obj=known, data=None if known else shown)
        if known is None:
            del self.version
        if policy or (known is not None and known.kind == "policy"):
            del self.slug
            del self.in_footer

    def values(self) -> PageValues:
        """Return what was typed; call it only after `validate`."""
        return PageValues(
            self.title.data,
            self.body_html.data or "",
            (self.slug.data or "") if "slug" in self else "",
            bool(self.in_footer.data) if "in_footer" in self else True,
        )

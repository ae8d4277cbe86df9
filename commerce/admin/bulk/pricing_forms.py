"""Bulk changes of coupons and promotions: what they ask for, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectField

from commerce.admin.bulk.forms import BulkForm
from commerce.admin.bulk.subjects import KindWords, Subject
from commerce.admin.fields import MomentField


class SwitchForm(BulkForm):
    """On or off."""

    enabled = SelectField(
        _("Status"), choices=[SelectChoice("1", _("On")), SelectChoice("0", _("Off"))], default="0"
    )

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return which of both was chosen."""
        return {"enabled": "1" if parameters["enabled"] else "0"} if parameters else {}

    def given(self) -> dict[str, Any]:
        """Return whether they are to be on."""
        return {"enabled": self.enabled.data == "1"}


class EndForm(BulkForm):
    """When promotions end."""

    ends_at = MomentField(_("Ends"), description=_("Leave it empty to let them go on without an end."))

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the moment."""
        kept = parameters.get("ends_at")
        return {"ends_at": datetime.fromisoformat(kept)} if kept else {}

    def given(self) -> dict[str, Any]:
        """Return the moment, None for no end."""
        return {"ends_at": self.ends_at.data}


def _coupon_scope(scope: Mapping[str, Any]) -> list[str]:
    parts = []
    if scope.get("promotion"):
        parts.append(str(gettext("promotion %(label)s", label=scope["promotion"])))
    if scope.get("search"):
        parts.append(str(gettext("search “%(search)s”", search=scope["search"])))
    return parts


COUPONS = Subject(
    list_address="/admin/pricing/coupons",
    page_address=lambda code: f"/admin/pricing/coupons/{code}",
    one=_("Coupon"),
    counted=lambda number: str(ngettext("%(num)d coupon", "%(num)d coupons", number)),
    start=lambda number: str(ngettext("Change %(num)d coupon", "Change %(num)d coupons", number)),
    scope=_coupon_scope,
    kinds={"coupons.status": KindWords(_("Turn on or off"), SwitchForm)},
)
PROMOTIONS = Subject(
    list_address="/admin/pricing/promotions",
    page_address=lambda code: f"/admin/pricing/promotions/{code}",
    one=_("Promotion"),
    counted=lambda number: str(ngettext("%(num)d promotion", "%(num)d promotions", number)),
    start=lambda number: str(ngettext("Change %(num)d promotion", "Change %(num)d promotions", number)),
    scope=lambda _scope: [],
    kinds={
        "promotions.status": KindWords(_("Turn on or off"), SwitchForm),
        "promotions.end": KindWords(_("Change end date"), EndForm),
    },
    fields={"ends_at": _("Ends")},
)

"""Bulk changes of products: what each asks for, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from wtforms import RadioField, SelectChoice, SelectField, SelectMultipleField
from wtforms.validators import InputRequired

from commerce.admin.bulk.forms import BulkForm, TagsForm
from commerce.admin.bulk.subjects import KindWords, Subject
from commerce.admin.fields import AmountField, PercentField
from commerce.admin.products.fields import STATUS_WORDS
from commerce.admin.products.queries import category_ids
from commerce.catalog.validation import STATUSES


class PriceForm(BulkForm):
    """Raise or lower prices."""

    other_errors: ClassVar[str] = "percent"

    direction = RadioField(
        _("Change"),
        [InputRequired(_("Please choose one."))],
        choices=[SelectChoice("raise", _("Raise prices")), SelectChoice("lower", _("Lower prices"))],
        default="raise",
    )
    percent = PercentField(_("By percent"))
    amount = AmountField(_("Or by amount"))
    compare_at = SelectField(
        _("Compare-at price"),
        choices=[
            SelectChoice("keep", _("Keep as it is")),
            SelectChoice("old_price", _("Set to the old price (for a sale)")),
            SelectChoice("clear", _("Remove")),
        ],
        default="keep",
    )

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {
            "direction": self.direction.data,
            "percent": self.percent.data,
            "amount": self.amount.data,
            "compare_at": self.compare_at.data,
        }


class StatusForm(BulkForm):
    """Publish, hide or archive."""

    status = SelectField(
        _("Status"), choices=[SelectChoice(name, STATUS_WORDS[name]) for name in STATUSES], default="active"
    )

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"status": self.status.data}


class CategoriesForm(BulkForm):
    """Put into categories and take out of others."""

    add = SelectMultipleField(_("Add to"), choices=[])
    remove = SelectMultipleField(_("Remove from"), choices=[])

    def __init__(self, formdata: Any = None, **values: Any) -> None:
        super().__init__(formdata, **values)
        categories = category_ids()
        self.add.choices = [SelectChoice(*each) for each in categories]
        self.remove.choices = [SelectChoice(*each) for each in categories]

    @classmethod
    def shown(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ids of both fields."""
        return {name: value for name, value in parameters.items() if name != "names"}

    def given(self) -> dict[str, Any]:
        """Return the parameters of the change."""
        return {"add": self.add.data or [], "remove": self.remove.data or []}


def _scope(scope: Mapping[str, Any]) -> list[str]:
    parts = []
    if scope.get("status"):
        parts.append(str(gettext("status %(status)s", status=scope["status"])))
    if scope.get("product_type"):
        parts.append(str(gettext("type %(product_type)s", product_type=scope["product_type"])))
    if scope.get("vendor"):
        parts.append(str(gettext("vendor %(vendor)s", vendor=scope["vendor"])))
    if scope.get("search"):
        parts.append(str(gettext("search “%(search)s”", search=scope["search"])))
    return parts


PRODUCTS = Subject(
    list_address="/admin/products",
    page_address=lambda code: f"/admin/products/{code}",
    one=_("Product"),
    counted=lambda number: str(ngettext("%(num)d product", "%(num)d products", number)),
    start=lambda number: str(ngettext("Change %(num)d product", "Change %(num)d products", number)),
    scope=_scope,
    kinds={
        "products.price": KindWords(_("Change prices"), PriceForm),
        "products.status": KindWords(_("Change status"), StatusForm),
        "products.tags": KindWords(_("Change tags"), TagsForm),
        "products.categories": KindWords(_("Change categories"), CategoriesForm),
    },
)

"""The lists that offer bulk changes, and the words that all their plans share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from commerce.admin.auth import may
from commerce.admin.bulk.customer_forms import CUSTOMERS
from commerce.admin.bulk.order_forms import ORDERS
from commerce.admin.bulk.pricing_forms import COUPONS, PROMOTIONS
from commerce.admin.bulk.product_forms import PRODUCTS
from commerce.admin.bulk.stock_forms import STOCK
from commerce.admin.bulk.subjects import KindWords, Subject
from commerce.bulk.kinds import KINDS
from commerce.bulk.models import BulkPlan

SUBJECTS: Mapping[str, Subject] = {
    "products": PRODUCTS,
    "customers": CUSTOMERS,
    "orders": ORDERS,
    "stock": STOCK,
    "coupons": COUPONS,
    "promotions": PROMOTIONS,
}
"""What comes before the dot in the name of a kind -> its list."""
STATE_WORDS = {
    "draft": _("Draft"),
    "running": _("Running"),
    "paused": _("Paused"),
    "done": _("Done"),
    "undoing": _("Undoing"),
    "undo_paused": _("Undo paused"),
    "undone": _("Undone"),
}
ROW_WORDS = {
    "pending": _("Waiting"),
    "done": _("Changed"),
    "unchanged": _("Already so"),
    "conflict": _("Changed by someone else"),
    "failed": _("Refused"),
    "undone": _("Undone"),
    "kept": _("Kept: changed since"),
}
FIELD_WORDS = {"status": _("Status"), "tags": _("Tags"), "categories": _("Categories")}


def offered(subject: str) -> list[tuple[str, Any]]:
    """Return the changes of a list that the signed-in staff may plan, as pairs of name and label."""
    kinds = SUBJECTS[subject].kinds
    return [
        (name, words.label) for name, words in kinds.items() if words.ticked and may(KINDS[name].permission)
    ]


def subject_of(kind: str) -> Subject:
    """Return the list that a kind belongs to."""
    return SUBJECTS[kind.partition(".")[0]]


def words_of(kind: str) -> KindWords:
    """Return the words of a kind."""
    return subject_of(kind).kinds[kind]


def scope_text(plan: BulkPlan) -> str:
    """Return how the rows of a plan were chosen."""
    scope = plan.scope
    if scope.get("file"):
        return str(gettext("given by tracking numbers"))
    if not scope.get("everything"):
        return str(gettext("chosen in the list"))
    parts = subject_of(plan.kind).scope(scope)
    return f"{gettext('all that match:')} {', '.join(parts)}" if parts else str(gettext("all of them"))

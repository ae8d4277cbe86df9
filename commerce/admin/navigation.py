"""The navigation of the back office: its bar, and the tabs of its areas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class Place:
    """A link. It is the current place at its `path`, below it, and at and below each of `also`.

    `permission` is required to see it, '' when any staff may.
    """

    label: Any
    path: str
    permission: str = ""
    also: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Tell whether a page belongs to this place."""
        return any(path == root or path.startswith(f"{root}/") for root in (self.path, *self.also))


@dataclass(frozen=True, slots=True)
class Group:
    """Places that belong together."""

    label: Any
    places: tuple[Place, ...]


NAVIGATION = (
    Group(
        _("Orders"),
        (
            Place(_("Orders"), "/admin/orders"),
            Place(_("Drafts"), "/admin/drafts", "orders.create"),
            Place(_("Returns"), "/admin/returns"),
            Place(_("Customers"), "/admin/customers", "customers.view"),
        ),
    ),
    Group(
        _("Products"),
        (
            Place(_("Products"), "/admin/products", also=("/admin/new-product",)),
            Place(
                _("Stock"),
                "/admin/stock",
                also=("/admin/holds", "/admin/locations", "/admin/stock-import", "/admin/ledgers"),
            ),
            Place(_("Pricing"), "/admin/pricing"),
        ),
    ),
    Group(
        _("Messages"),
        (
            Place(_("Emails"), "/admin/mails"),
            Place(_("Events"), "/admin/events"),
            Place(_("Webhooks"), "/admin/webhooks", "webhooks.manage"),
            Place(_("API clients"), "/admin/api-clients", "api.manage"),
        ),
    ),
    Group(
        _("Shop"),
        (
            Place(_("Staff"), "/admin/staff", "staff.manage"),
            Place(_("Activity log"), "/admin/audit", "audit.view"),
            Place(_("Settings"), "/admin/settings", "settings.change"),
        ),
    ),
)
STOCK_TABS = (
    Place(_("Stock levels"), "/admin/stock"),
    Place(_("Reservations"), "/admin/holds"),
    Place(_("Locations"), "/admin/locations"),
    Place(_("Import"), "/admin/stock-import", "stock.change"),
)
PRICING_TABS = (
    Place(_("Promotions"), "/admin/pricing/promotions"),
    Place(_("Coupons"), "/admin/pricing/coupons"),
    Place(_("Taxes"), "/admin/pricing/taxes"),
    Place(_("Shipping"), "/admin/pricing/shipping"),
    Place(_("Payment methods"), "/admin/pricing/payment-methods"),
    Place(_("Preview"), "/admin/pricing/preview"),
)
SETTINGS_TABS = (
    Place(_("Shop"), "/admin/settings/shop"),
    Place(_("Selling"), "/admin/settings/selling"),
    Place(_("Theme"), "/admin/settings/look"),
    Place(_("Host names"), "/admin/settings/hosts"),
    Place(_("Export"), "/admin/settings/export", "data.export"),
)


def visible_places(places: tuple[Place, ...], may: Callable[[str], bool]) -> list[Place]:
    """Return the places that the signed-in staff may see."""
    return [place for place in places if not place.permission or may(place.permission)]

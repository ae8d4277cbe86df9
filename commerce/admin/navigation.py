"""The navigation of the back office: one table of sections and places for its sidebar, trail and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class Place:
    """A link. It is the current place at its `path`, below it, and at and below each of `also`.

    `permission` is required to see it, '' when any staff may. `about` says in one sentence what is there.
    """

    label: Any
    path: str
    permission: str = ""
    also: tuple[str, ...] = ()
    about: Any = ""

    def holds(self, path: str) -> bool:
        """Tell whether a page belongs to this place."""
        return bool(self.depth_of(path))

    def depth_of(self, path: str) -> int:
        """Return how long the address is below which a page belongs to this place, 0 when it belongs elsewhere."""
        roots = (root for root in (self.path, *self.also) if path == root or path.startswith(f"{root}/"))
        return max(map(len, roots), default=0)


@dataclass(frozen=True, slots=True)
class Group:
    """A section of the sidebar. Its first place is where its own link leads; one without places is not shown.

    `name` is its stable name: of its icon and for whoever looks it up.
    """

    name: str
    label: Any
    places: tuple[Place, ...] = ()

    @property
    def path(self) -> str:
        """Where the section begins."""
        return self.places[0].path

    def place_of(self, path: str) -> Place | None:
        """Return the place that a page belongs to, the most specific one, None when it is in another section."""
        held = [place for place in self.places if place.holds(path)]
        return max(held, key=lambda place: place.depth_of(path), default=None)


SETTINGS = "/admin/settings"
NAVIGATION = (
    Group("home", _("Home"), (Place(_("Home"), "/admin/"),)),
    Group(
        "orders",
        _("Orders"),
        (
            Place(_("Orders"), "/admin/orders"),
            Place(_("Drafts"), "/admin/drafts", "orders.create"),
            Place(_("Returns"), "/admin/returns"),
            Place(_("Invoices"), "/admin/invoices"),
        ),
    ),
    Group(
        "products",
        _("Products"),
        (
            Place(
                _("Products"),
                "/admin/products",
                also=("/admin/new-product", "/admin/bulk-changes"),
            ),
            Place(_("Categories"), "/admin/categories"),
            Place(_("Collections"), "/admin/collections"),
            Place(
                _("Stock"),
                "/admin/stock",
                also=("/admin/holds", "/admin/locations", "/admin/stock-import", "/admin/ledgers"),
            ),
            Place(
                _("Import and export"),
                "/admin/exports",
                also=("/admin/products/import", "/admin/imports"),
                about=_("Lists as CSV files, into the shop and out of it."),
            ),
        ),
    ),
    Group(
        "customers",
        _("Customers"),
        (
            Place(_("Customers"), "/admin/customers", "customers.view"),
            Place(_("Groups"), "/admin/customer-groups", "customers.view"),
        ),
    ),
    Group(
        "discounts",
        _("Discounts"),
        (
            Place(_("Promotions"), "/admin/pricing/promotions"),
            Place(_("Coupons"), "/admin/pricing/coupons"),
            Place(_("Preview"), "/admin/pricing/preview"),
        ),
    ),
    Group(
        "content",
        _("Content"),
        (
            Place(_("Pages"), "/admin/pages", "content.view", also=("/admin/policies",)),
            Place(_("Home page"), "/admin/home-page", "content.view"),
            Place(_("Menus"), "/admin/menus", "content.view"),
            Place(_("Redirects"), "/admin/redirects", "content.view"),
        ),
    ),
    Group(
        "reports",
        _("Reports"),
        (Place(_("Reports"), "/admin/reports/days", "reports.view", also=("/admin/reports",)),),
    ),
    Group(
        "settings",
        _("Settings"),
        (
            Place(_("Settings"), SETTINGS),
            Place(
                _("General"),
                f"{SETTINGS}/shop",
                "settings.change",
                about=_("Name, email addresses, language and time zone."),
            ),
            Place(
                _("Business"),
                f"{SETTINGS}/business",
                "settings.change",
                about=_("Legal name, address and tax numbers of the seller, and when invoices are made."),
            ),
            Place(
                _("Checkout"),
                f"{SETTINGS}/selling",
                "settings.change",
                about=_("Currency, countries, order numbers, returns and how tax is calculated."),
            ),
            Place(_("Taxes"), "/admin/pricing/taxes", about=_("Tax rates by country and tax class.")),
            Place(
                _("Shipping"),
                "/admin/pricing/shipping",
                about=_("Shipping methods and their prices by country."),
            ),
            Place(
                _("Payments"),
                "/admin/pricing/payment-methods",
                about=_("How customers pay, fees, and how long unpaid orders are kept."),
            ),
            Place(
                _("Domains"),
                f"{SETTINGS}/hosts",
                "settings.change",
                about=_("The addresses at which customers reach the shop."),
            ),
            Place(
                _("Appearance"),
                f"{SETTINGS}/look",
                "settings.change",
                about=_("Colors, typeface, logo and pictures."),
            ),
            Place(_("Emails"), "/admin/mails", about=_("Every automatic email, and a preview of it.")),
            Place(
                _("Staff"), "/admin/staff", "staff.manage", about=_("People with access to the back office.")
            ),
            Place(
                _("API clients"),
                "/admin/api-clients",
                "api.manage",
                about=_("Keys with which other programs work with the shop."),
            ),
            Place(
                _("Webhooks"),
                "/admin/webhooks",
                "webhooks.manage",
                about=_("Messages that tell other systems what happened."),
            ),
            Place(_("Activity log"), "/admin/audit", "audit.view", about=_("Who changed what, and when.")),
            Place(
                _("Events"),
                "/admin/events",
                about=_("What happened in the shop and which messages it caused."),
            ),
            Place(
                _("Export"), f"{SETTINGS}/export", "data.export", about=_("Download everything the shop has.")
            ),
        ),
    ),
)
"""Sections in the order of the sidebar. A page of another feature is one more `Place` here."""
ACCOUNT = Group("account", _("Your account"), (Place(_("Your account"), "/admin/account"),))
"""Reached by one's name, not by the sidebar."""
STOCK_TABS = (
    Place(_("Stock levels"), "/admin/stock"),
    Place(_("Reservations"), "/admin/holds"),
    Place(_("Locations"), "/admin/locations"),
    Place(_("Import"), "/admin/stock-import", "stock.change"),
)


def visible_places(places: tuple[Place, ...], may: Callable[[str], bool]) -> list[Place]:
    """Return the places that the signed-in staff may see."""
    return [place for place in places if not place.permission or may(place.permission)]


def visible_groups(may: Callable[[str], bool]) -> list[Group]:
    """Return the sections that the signed-in staff may see, without the places that are closed to them."""
    groups = (
        Group(group.name, group.label, tuple(visible_places(group.places, may))) for group in NAVIGATION
    )
    return [group for group in groups if group.places]


@dataclass(frozen=True, slots=True)
class Here:
    """Where a page belongs."""

    group: Group
    place: Place


def place_at(path: str, groups: Sequence[Group]) -> Here | None:
    """Return the place of a page among the sections that the signed-in staff may see, None when it has none."""
    found = ((group, group.place_of(path)) for group in (*groups, ACCOUNT))
    return next((Here(group, place) for group, place in found if place), None)

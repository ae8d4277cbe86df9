"""What waits for somebody, and which steps of setting up a shop are done. Each count is bounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, func, select

from commerce.catalog.models import Product, ProductImage
from commerce.content.models import ContentPage
from commerce.db import db
from commerce.events.models import Delivery
from commerce.inventory.models import StockItem
from commerce.orders.models import Order, ReturnRequest
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import TaxRate
from commerce.shipping.models import ShippingMethod, ShippingRate
from commerce.tenants.models import TenantHost
from commerce.tenants.scope import current_shop

MOST = 1000
"""Beyond that a list says 'more than': whoever has so many does not need the number."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits: how many (at most MOST + 1), and where they are."""

    label: Any
    count: int
    path: str

    @property
    def more(self) -> bool:
        """Whether there are more than `MOST`."""
        return self.count > MOST


_WAITING: tuple[tuple[Any, str, type[Any], Callable[[], ColumnElement[bool]]], ...] = (
    (_("Paid, to confirm"), "/admin/orders?status=paid", Order, lambda: Order.status == "paid"),
    (_("To pack"), "/admin/orders?status=confirmed", Order, lambda: Order.status == "confirmed"),
    (_("Being packed"), "/admin/orders?status=processing", Order, lambda: Order.status == "processing"),
    (
        _("Refund requested"),
        "/admin/orders?status=refund_requested",
        Order,
        lambda: Order.status == "refund_requested",
    ),
    (
        _("Returns to answer"),
        "/admin/returns",
        ReturnRequest,
        lambda: ReturnRequest.state.in_(("requested", "received")),
    ),
    (
        _("Low in stock"),
        "/admin/stock?show=low",
        StockItem,
        lambda: StockItem.on_hand - StockItem.reserved <= current_shop().low_stock_at,
    ),
    (
        _("Failed emails and deliveries"),
        "/admin/events?view=parked",
        Delivery,
        lambda: Delivery.state == "parked",
    ),
)


def what_waits() -> list[Waiting]:
    """Return what waits for staff, without what there is none of."""
    counts = [
        select(func.count())
        .select_from(select(model.tenant_id).where(condition()).limit(MOST + 1).subquery())
        .scalar_subquery()
        for _label, _path, model, condition in _WAITING
    ]
    found = db.session.execute(select(*counts)).one()
    return [
        Waiting(label, count, path)
        for (label, path, _model, _condition), count in zip(_WAITING, found, strict=True)
        if count
    ]


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step of setting up a shop, whether it is done, and where it is done."""

    label: Any
    hint: Any
    path: str
    done: bool


def setup_steps() -> list[SetupStep]:
    """Return the steps of setting up the current shop with their true state, in one statement."""
    shop = current_shop()
    selling = select(Product.id).where(Product.status == "active").exists()
    pictures = select(ProductImage.id).exists()
    taxed = select(TaxRate.id).where(TaxRate.country.in_((shop.country, "*"))).exists()
    shipped = (
        select(ShippingRate.id)
        .join(
            ShippingMethod,
            (ShippingMethod.tenant_id == ShippingRate.tenant_id)
            & (ShippingMethod.id == ShippingRate.method_id),
        )
        .where(ShippingMethod.enabled)
        .exists()
    )
    offered = select(PaymentMethod.id).where(PaymentMethod.enabled)
    # As long as the test card is offered, anybody can order without paying.
    paid = (
        offered.where(PaymentMethod.gateway != "test_card").exists()
        & ~offered.where(PaymentMethod.gateway == "test_card").exists()
    )
    policies = (
        select(func.count())
        .select_from(ContentPage)
        .where(ContentPage.kind == "policy", ContentPage.slug.in_(_POLICIES), ContentPage.revision > 0)
        .scalar_subquery()
    ) == len(_POLICIES)
    domain = (
        select(TenantHost.host)
        .where(TenantHost.tenant_id == shop.id, TenantHost.is_primary, ~TenantHost.host.endswith("localhost"))
        .exists()
    )
    found = db.session.execute(select(selling, pictures, taxed, shipped, paid, policies, domain)).one()
    return [
        SetupStep(label, hint, path, bool(done))
        for (label, hint, path), done in zip(_STEPS, found, strict=True)
    ]


_POLICIES = ("imprint", "privacy", "terms")
"""Policies without which a shop should not open; the others depend on where it sells."""
_STEPS = (
    (_("Add products"), _("Add your first product, or import a catalog."), "/admin/products"),
    (_("Add pictures"), _("Products with pictures sell."), "/admin/products"),
    (_("Set taxes"), _("Add the tax rates of the countries you sell to."), "/admin/pricing/taxes"),
    (_("Set up shipping"), _("Say where you ship to and what it costs."), "/admin/pricing/shipping"),
    (
        _("Get paid"),
        _("Turn on a way to pay and turn off the test card. A bank transfer needs your account details."),
        "/admin/pricing/payment-methods",
    ),
    (_("Write your policies"), _("Publish your imprint, privacy policy and terms."), "/admin/pages"),
    (_("Use your own domain"), _("Add a host name that you own."), "/admin/settings/hosts"),
)

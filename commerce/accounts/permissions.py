"""Which role may do what in the back office: one table, and what is not in it is not allowed.

A permission is `<what>.<verb>`; those of orders carry the action of the transition table (`orders.ship`).
"""

from __future__ import annotations

VIEW = frozenset(
    {
        "account.own",
        "content.view",
        "events.view",
        "mails.view",
        "orders.view",
        "pricing.view",
        "products.view",
        "stock.view",
    }
)
FULFILMENT = VIEW | {
    "orders.process",
    "orders.ship",
    "orders.deliver",
    "orders.note",
    "returns.answer",
    "stock.change",
}
SUPPORT = VIEW | {
    "customers.change",
    "customers.view",
    "orders.cancel",
    "orders.create",
    "orders.edit",
    "orders.request_refund",
    "orders.note",
    "orders.send_link",
    "returns.answer",
}
MANAGEMENT = (
    FULFILMENT
    | SUPPORT
    | {
        "orders.pay",
        "orders.confirm",
        "orders.complete",
        "orders.decline_refund",
        "orders.refund",
        "audit.view",
        "content.manage",
        "customers.erase",
        "customers.import",
        "customers.merge",
        "events.replay",
        "mails.change",
        "payments.methods",
        "pricing.manage",
        "products.change",
        "reports.view",
        "settings.change",
        "stock.locations",
        "webhooks.manage",
    }
)
EVERYTHING = MANAGEMENT | {"api.manage", "data.export", "hosts.manage", "staff.manage"}
"""What owners may do. Who works here, which API keys exist, who exports all data and which host name gets the links of
mails is decided by those whose shop it is."""

PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": EVERYTHING,
    "manager": MANAGEMENT,
    "fulfilment": FULFILMENT,
    "support": SUPPORT,
    "readonly": VIEW | {"reports.view"},
}
ROLES = tuple(PERMISSIONS)


def roles_with(permission: str) -> list[str]:
    """Return the roles that may do `permission`, in the order of the table."""
    return [role for role, permissions in PERMISSIONS.items() if permission in permissions]


def allows(role: str, permission: str) -> bool:
    """Tell whether staff with `role` may do `permission`; an unknown role may do nothing."""
    return permission in PERMISSIONS.get(role, frozenset())

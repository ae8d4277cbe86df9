"""Which role may do what in the back office: one table, and what is not in it is not allowed.

A permission is `<what>.<verb>`; those of orders carry the action of the transition table (`orders.ship`).
"""

from __future__ import annotations

VIEW = frozenset({"orders.view", "events.view", "stock.view", "products.view", "pricing.view", "mails.view"})
FULFILMENT = VIEW | {
    "orders.process",
    "orders.ship",
    "orders.deliver",
    "orders.note",
    "returns.answer",
    "stock.change",
}
SUPPORT = VIEW | {
    "orders.cancel",
    "orders.create",
    "orders.edit",
    "orders.request_refund",
    "orders.note",
    "returns.answer",
}
EVERYTHING = (
    FULFILMENT
    | SUPPORT
    | {
        "orders.pay",
        "orders.confirm",
        "orders.complete",
        "orders.decline_refund",
        "orders.refund",
        "events.replay",
        "products.change",
        "stock.locations",
        "pricing.manage",
        "webhooks.manage",
    }
)

PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": EVERYTHING,
    "manager": EVERYTHING,
    "fulfilment": FULFILMENT,
    "support": SUPPORT,
    "readonly": VIEW,
}
ROLES = tuple(PERMISSIONS)


def who_may(permission: str) -> list[str]:
    """Return the roles that may do `permission`, in the order of the table."""
    return [role for role, permissions in PERMISSIONS.items() if permission in permissions]


def allows(role: str, permission: str) -> bool:
    """Tell whether staff with `role` may do `permission`; an unknown role may do nothing."""
    return permission in PERMISSIONS.get(role, frozenset())

"""What a program's key may open: one table. Each address of the API names the one scope that it takes."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

SCOPES = {
    "orders:read": _l("See orders with their parcels, payments and returns"),
    "orders:write": _l("Place orders, move their status, send parcels, answer returns"),
    "payments:write": _l("Record payments and give money back"),
    "products:read": _l("See products, hidden ones too"),
    "products:write": _l("Add and change products and prices"),
    "inventory:read": _l("See stock, its ledger and what is reserved"),
    "inventory:write": _l("Receive, count and correct stock"),
    "carts:write": _l("Fill carts for shoppers and order them"),
    "coupons:read": _l("See coupons and how often they were used"),
    "coupons:write": _l("Add coupons and switch them off"),
    "webhooks:write": _l("Read and write webhook endpoints"),
    "events:read": _l("Read the feed of events"),
}
"""Scope -> what it lets a program do, in the words of staff."""
READING = tuple(scope for scope in SCOPES if scope.endswith(":read"))
"""What a program takes that only looks."""

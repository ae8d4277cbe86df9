"""Everything under /account/ on one blueprint; the modules imported here put their addresses on it."""

from __future__ import annotations

from commerce.members import account, addresses, data, entering, orders
from commerce.members.desk import blueprint

__all__ = ["account", "addresses", "blueprint", "data", "entering", "orders"]

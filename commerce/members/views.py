"""Everything under /account/ on one blueprint; the modules imported here put their addresses on it."""

from __future__ import annotations

from commerce.members import account_views, address_views, order_views, privacy_views, sign_in_views
from commerce.members.auth import blueprint

__all__ = ["account_views", "address_views", "blueprint", "order_views", "privacy_views", "sign_in_views"]

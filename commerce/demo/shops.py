"""The demo shops, the default one first."""

from __future__ import annotations

from commerce.demo.shop_home import HOME_SHOP
from commerce.demo.shop_tea import TEA_SHOP
from commerce.demo.spec import DemoShop

SHOPS: tuple[DemoShop, ...] = (HOME_SHOP, TEA_SHOP)

"""Gateways by the name that payment methods and attempts carry."""

from __future__ import annotations

from commerce.errors import InvalidValue
from commerce.payments.gateways.base import Gateway
from commerce.payments.gateways.manual import ManualGateway
from commerce.payments.gateways.stripe.gateway import StripeGateway
from commerce.payments.gateways.test_card import TestCardGateway

GATEWAYS: dict[str, Gateway] = {
    "manual": ManualGateway(),
    "test_card": TestCardGateway(),
    "stripe": StripeGateway(),
}


GATEWAY_NAMES = tuple(GATEWAYS)


def gateway(name: str) -> Gateway:
    """Return a gateway by the name that payment methods and attempts carry. Raises InvalidValue for an unknown one."""
    if name not in GATEWAYS:
        raise InvalidValue("payment_method", "payment_method_not_set_up")
    return GATEWAYS[name]

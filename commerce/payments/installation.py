"""What payments must know of this installation, set once by `create_app`: where payers come back to, and to whom."""

from __future__ import annotations

from dataclasses import dataclass

from commerce.tenants.models import Shop


@dataclass(frozen=True, slots=True)
class Installation:
    """What holds for every shop here.

    `other_addresses` lets methods name another address than their gateway's own, `test_gateway` lets the test card pay:
    for trials, not in production.
    """

    public_scheme: str = "http"
    public_port: int | None = None
    other_addresses: bool = False
    test_gateway: bool = False


_installation = [Installation()]


def configure_installation(installation: Installation) -> None:
    """Use this from now on; called once by `create_app`."""
    _installation[:] = [installation]


def installation() -> Installation:
    """Return what was configured."""
    return _installation[0]


def shop_address(shop: Shop, path: str) -> str:
    """Return the whole address of a page of a shop, the same in every process: it is part of what is sent once."""
    here = installation()
    port = f":{here.public_port}" if here.public_port else ""
    return f"{here.public_scheme}://{shop.host}{port}{path}"

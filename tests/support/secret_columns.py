"""Every column that holds a secret, with what a shop has in it: what no answer to anybody else may show."""

import json
import re
import uuid
from typing import Any

from sqlalchemy import Column, String, select, update

import commerce.models  # noqa: F401 - registers every table
from commerce.accounts.email_tokens import request_token
from commerce.accounts.invitations import invite
from commerce.db import Base, atomic, db
from commerce.encryption import seal
from commerce.events.outbox import SYSTEM
from commerce.payments.models import PaymentMethod
from tests.factories.members import make_member, sign_in_member
from tests.factories.orders import BOB
from tests.factories.staff import make_enrolled
from tests.support.client import ShopClient

SECRET_NAME = re.compile("token|secret|hash|sealed|password")
GATEWAY_SECRET = "sk_test_canaryCanaryCanary"


def fill_with_secrets(client: ShopClient) -> None:
    """Put a row into each table that holds secrets and that no example fills."""
    make_enrolled()
    member_id = make_member()
    assert sign_in_member(client).status_code == 303
    invite("bob@shop.test", "support", BOB)
    _ask_for_password(member_id)


@atomic
def _ask_for_password(member_id: uuid.UUID) -> None:
    request_token(SYSTEM, "reset_member", "ann@example.com", member_id)
    keys = json.dumps({"secret_key": GATEWAY_SECRET, "webhook_secrets": []})
    db.session.execute(update(PaymentMethod).values(sealed_secrets=seal().close(keys)))


def secrets() -> dict[str, list[str]]:
    """Return table.column -> every value of each column of a shop that holds a secret, or what one is found by."""
    found: dict[str, list[str]] = {}
    for table in Base.metadata.sorted_tables:
        for column in table.columns if "tenant_id" in table.columns else ():
            if _is_secret(column):
                values = db.session.scalars(select(column).where(column.is_not(None), column != "")).all()
                found[f"{table.name}.{column.name}"] = [str(value) for value in values]
    db.session.close()
    return {**found, "the gateway": [GATEWAY_SECRET]}


def _is_secret(column: Column[Any]) -> bool:
    return bool(SECRET_NAME.search(column.name)) and isinstance(column.type, String)

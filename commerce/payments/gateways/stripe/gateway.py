"""Stripe behind the interface of all gateways: Checkout Sessions, refunds, signed messages, by the official SDK.

The SDK is loaded at the first use, not at the start. Every call has a timeout and a key made from the attempt; what we
did not hear is asked about later. A session lives shorter than Stripe remembers a key, so repeating its creation under
the same key finds the same session.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import select

from commerce import clock
from commerce.db import db
from commerce.encryption import DecryptionError
from commerce.error_messages import describe
from commerce.errors import GatewayNoAnswer, InvalidValue, NotFound, Unavailable
from commerce.payments.gateways.base import (
    Charge,
    GatewayMessage,
    GatewayRecord,
    PaymentOutcome,
    refuse_inside_transaction,
)
from commerce.payments.gateways.stripe.amounts import from_stripe, to_stripe
from commerce.payments.gateways.stripe.messages import (
    OVER,
    decline_of,
    id_of,
    message_of,
    outcome_of_intent,
    outcome_of_refund,
    outcome_of_session,
    payment_of,
)
from commerce.payments.installation import installation, shop_address
from commerce.payments.models import PaymentMethod
from commerce.payments.secrets import open_secrets
from commerce.tenants.scope import current_shop

T = TypeVar("T")
log = logging.getLogger("commerce.payments.stripe")
TIMEOUT = (3.05, 10.0)
"""Seconds to connect and to wait for an answer; with the one repetition well below a minute."""
SESSION_LIFE = timedelta(minutes=45)
"""How long the page at Stripe is open. Stripe wants at least 30 minutes; the rest is for a start that came late."""
SIGNATURE_SECONDS = 300
PAGES = "https://checkout.stripe.com"


@dataclass(frozen=True, slots=True)
class Account:
    """A shop's account as one payment method has it."""

    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    account: str
    api_base: str

    @property
    def live(self) -> bool:
        """Tell whether its key moves real money."""
        return "_live_" in self.secret_key


class StripeGateway:
    """Stripe's hosted payment page."""

    asks_for_card = False
    hosted = True

    def check(self, card_number: str) -> None:
        """Accept: the card is asked for at Stripe, and never seen here."""

    def start(self, charge: Charge, card_number: str) -> PaymentOutcome:  # noqa: ARG002 - the interface of all gateways
        """Open a page at Stripe for the whole amount; the same attempt always gets the same page."""
        refuse_inside_transaction()
        import stripe

        try:
            return outcome_of_session(_create_session(_account(charge.method), charge))
        except InvalidValue as error:
            return PaymentOutcome("failed", failure=describe(error))
        except stripe.CardError as error:
            return PaymentOutcome(
                "failed", failure=decline_of({"type": "card_error", "message": error.user_message})
            )
        except stripe.StripeError as error:
            if _certainly_refused(error):
                log.error("Stripe refused %s: %s", charge.key, error)  # noqa: TRY400 - the trace says nothing more
                return PaymentOutcome("failed", failure=describe(Unavailable("payment_method_unavailable")))
            raise _no_answer(error) from error

    def look_up(self, charge: Charge) -> PaymentOutcome:
        """Ask for the outcome of an attempt, by its reference or, if we never heard one, by its key."""
        refuse_inside_transaction()
        return _asking(lambda: _look_up(_account(charge.method), charge))

    def cancel(self, charge: Charge) -> PaymentOutcome:
        """Close the page, or give up the authorisation, unless the payer was faster."""
        refuse_inside_transaction()
        return _asking(lambda: _cancel(_account(charge.method), charge))

    def capture(self, charge: Charge, amount: int) -> PaymentOutcome:
        """Take what is held, once however often it is asked: an intent that was captured says so."""
        refuse_inside_transaction()
        return _asking(lambda: _capture(_account(charge.method), charge, amount))

    def refund(self, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
        """Pay back once per refund, however late it is repeated: Stripe's own list is looked at first."""
        refuse_inside_transaction()
        import stripe

        # Without an account nothing is sent, so the refund waits until there is one again.
        account = _asking(lambda: _account(charge.method))
        try:
            return _refund(account, refund_id, charge, amount)
        except InvalidValue as error:
            return PaymentOutcome("failed", failure=describe(error))
        except stripe.StripeError as error:
            if _certainly_refused(error) and not isinstance(
                error, stripe.AuthenticationError | stripe.PermissionError
            ):
                return PaymentOutcome(
                    "failed", failure=f"Stripe refused it: {error.user_message or error.code}"[:255]
                )
            raise _no_answer(error) from error

    def receive(self, body: bytes, headers: Mapping[str, str]) -> GatewayMessage:
        """Read a message whose signature fits one of the shop's secrets, present or former."""
        account = _signed_by(body, headers.get("Stripe-Signature", ""))
        try:
            return message_of(json.loads(body), account.account, live=account.live)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidValue("body", "webhook_body_invalid") from error

    def origins(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return where Stripe's payment page may be: its own, or the shop's domain for it."""
        own = str(settings.get("checkout_origin") or "")
        other = str(settings.get("api_base") or "") if installation().other_addresses else ""
        return tuple(each for each in (PAGES, own, other) if each)

    def records(self, method: str, since: datetime) -> list[GatewayRecord]:
        """Return the account's payments since then that carry an attempt of ours in their metadata."""
        refuse_inside_transaction()
        return _asking(lambda: _records(_account(method), since))


# --- the account ------------------------------------------------------------------------------------------


def _account(method_code: str) -> Account:
    """Return the account of a method. Raises InvalidValue when it is not set up, or its keys cannot be opened."""
    row = db.session.execute(
        select(PaymentMethod.settings, PaymentMethod.sealed_secrets).where(
            PaymentMethod.code == method_code, PaymentMethod.gateway == "stripe"
        )
    ).one_or_none()
    db.session.close()
    if row is None:
        raise InvalidValue("payment_method", "payment_method_not_set_up")
    try:
        return _read_account(row.settings, row.sealed_secrets)
    except DecryptionError as error:
        log.error("the keys of %s cannot be opened: %s", method_code, error)  # noqa: TRY400 - an expected error
        raise InvalidValue("payment_method", "payment_method_unavailable") from error


def _read_account(settings: Mapping[str, Any], sealed: str) -> Account:
    secrets = open_secrets(sealed)
    base = str(settings.get("api_base") or "") if installation().other_addresses else ""
    return Account(
        secrets["secret_key"], tuple(secrets["webhook_secrets"]), str(settings.get("account") or ""), base
    )


def _signed_by(body: bytes, signature: str) -> Account:
    """Return the account whose secret signed `body`, disabled methods included: money may still be on its way."""
    import stripe

    rows = db.session.execute(
        select(PaymentMethod.settings, PaymentMethod.sealed_secrets).where(PaymentMethod.gateway == "stripe")
    ).all()
    db.session.close()
    if not rows:
        raise NotFound("webhook_url_not_found")
    for row in rows:
        try:
            account = _read_account(row.settings, row.sealed_secrets)
        except DecryptionError as error:
            # Refused, so that it is sent again: Stripe does so for days, until somebody has entered the keys.
            log.error("a message cannot be proved: %s", error)  # noqa: TRY400 - an expected error
            continue
        for secret in account.webhook_secrets:
            with suppress(stripe.SignatureVerificationError, UnicodeDecodeError):
                stripe.WebhookSignature.verify_header(body, signature, secret, SIGNATURE_SECONDS)
                return account
    raise InvalidValue("signature", "webhook_signature_invalid")


@lru_cache(maxsize=64)
def _client(account: Account) -> Any:
    import stripe

    return stripe.StripeClient(
        account.secret_key,
        stripe_account=account.account or None,
        base_addresses={"api": account.api_base} if account.api_base else None,
        max_network_retries=1,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    ).v1


# --- sessions ---------------------------------------------------------------------------------------------


def _create_session(account: Account, charge: Charge) -> dict[str, Any]:
    """Create the attempt's session, or get it again: the same attempt always sends the same words."""
    names = {"payment_id": str(charge.payment_id), "order": charge.order_code}
    price = {
        "currency": charge.currency.lower(),
        "unit_amount": to_stripe(charge.amount, charge.currency),
        "product_data": {"name": charge.order_code},
    }
    back = shop_address(current_shop(), charge.return_path)
    params = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": str(charge.payment_id),
        "metadata": names,
        "payment_intent_data": {"metadata": names, "description": charge.order_code},
        "success_url": back,
        "cancel_url": back,
        "expires_at": int((charge.created_at + SESSION_LIFE).timestamp()),
        **({"customer_email": charge.email} if charge.email else {}),
    }
    created = _client(account).checkout.sessions.create(params, {"idempotency_key": charge.key})
    return _plain(created)


def _look_up(account: Account, charge: Charge) -> PaymentOutcome:
    api = _client(account)
    if charge.reference.startswith("pi_"):
        return outcome_of_intent(_plain(api.payment_intents.retrieve(charge.reference)))
    session = _find_session(account, charge)
    if session is None:
        return PaymentOutcome("voided", failure=OVER)
    return outcome_of_session(session)


def _find_session(account: Account, charge: Charge) -> dict[str, Any] | None:
    """Return the attempt's session as it is now; None when there was none and there will be none."""
    api = _client(account)
    key = charge.reference
    if not key:
        if charge.created_at < clock.now() - SESSION_LIFE + timedelta(minutes=31):
            # Too late to create it, so it is found as it was or never was.
            key = _search(api, charge)
            if not key:
                return None
        else:
            key = str(_create_session(account, charge)["id"])
    return _plain(api.checkout.sessions.retrieve(key, {"expand": ["payment_intent"]}))


def _search(api: Any, charge: Charge) -> str:
    """Return the id of the attempt's session among those of its time, '' for none."""
    moment = int(charge.created_at.timestamp())
    window = {"gte": moment - 60, "lte": moment + int(SESSION_LIFE.total_seconds())}
    found = api.checkout.sessions.list({"created": window, "limit": 100})
    for session in found.auto_paging_iter():
        if session.client_reference_id == str(charge.payment_id):
            return str(session.id)
    return ""


def _cancel(account: Account, charge: Charge) -> PaymentOutcome:
    import stripe

    api = _client(account)
    if charge.reference.startswith("pi_"):
        with suppress(stripe.InvalidRequestError):
            return outcome_of_intent(_plain(api.payment_intents.cancel(charge.reference)))
        return outcome_of_intent(_plain(api.payment_intents.retrieve(charge.reference)))
    session = _find_session(account, charge)
    if session is None:
        return PaymentOutcome("voided")
    if session["status"] == "open":
        with suppress(stripe.InvalidRequestError):
            return outcome_of_session(_plain(api.checkout.sessions.expire(session["id"])))
        session = _plain(api.checkout.sessions.retrieve(session["id"], {"expand": ["payment_intent"]}))
    return outcome_of_session(session)


def _capture(account: Account, charge: Charge, amount: int) -> PaymentOutcome:
    import stripe

    api = _client(account)
    intent = charge.reference
    if not intent.startswith("pi_"):
        intent = id_of((_find_session(account, charge) or {}).get("payment_intent"))
    with suppress(stripe.InvalidRequestError):
        counted = to_stripe(amount, charge.currency)
        return outcome_of_intent(_plain(api.payment_intents.capture(intent, {"amount_to_capture": counted})))
    # Captured before, or given up: the intent knows.
    return outcome_of_intent(_plain(api.payment_intents.retrieve(intent)))


# --- refunds and books --------------------------------------------------------------------------------------


def _refund(account: Account, refund_id: uuid.UUID, charge: Charge, amount: int) -> PaymentOutcome:
    api = _client(account)
    counted = to_stripe(amount, charge.currency)
    intent = charge.reference
    if not intent.startswith("pi_"):
        session = _find_session(account, charge)
        intent = id_of((session or {}).get("payment_intent"))
    # Stripe forgets keys after a day, a refund may be repeated for longer.
    for known in api.refunds.list({"payment_intent": intent, "limit": 100}).auto_paging_iter():
        if (_plain(known).get("metadata") or {}).get("refund_id") == str(refund_id):
            return outcome_of_refund(_plain(known))
    made = api.refunds.create(
        {"payment_intent": intent, "amount": counted, "metadata": {"refund_id": str(refund_id)}},
        {"idempotency_key": f"refund:{refund_id}"},
    )
    return outcome_of_refund(_plain(made))


def _records(account: Account, since: datetime) -> list[GatewayRecord]:
    found = _client(account).payment_intents.list(
        {"created": {"gte": int(since.timestamp())}, "limit": 100, "expand": ["data.latest_charge"]}
    )
    return [
        _record(_plain(each)) for each in found.auto_paging_iter() if payment_of(_plain(each)) is not None
    ]


def _record(intent: dict[str, Any]) -> GatewayRecord:
    outcome = outcome_of_intent(intent)
    currency = str(intent["currency"]).upper()
    charge = intent.get("latest_charge")
    refunded = int(charge.get("amount_refunded") or 0) if isinstance(charge, Mapping) else 0
    return GatewayRecord(
        payment_of(intent),
        str(intent["id"]),
        outcome.state,
        outcome.amount,
        currency,
        from_stripe(refunded, currency),
    )


# --- answers ------------------------------------------------------------------------------------------------


def _plain(thing: Any) -> dict[str, Any]:
    """Return one of the SDK's objects as the dictionary that was sent."""
    return dict(thing.to_dict())


def _asking(ask: Callable[[], T]) -> T:
    """Ask Stripe something that changes no books of ours. Raises GatewayNoAnswer for every way not to know."""
    import stripe

    try:
        return ask()
    except (stripe.StripeError, InvalidValue) as error:
        raise _no_answer(error) from error


def _certainly_refused(error: Any) -> bool:
    """Tell whether Stripe read the request and did nothing. A conflict of keys may mean that the first one is at it."""
    import stripe

    refusals = (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError)
    return isinstance(error, refusals) and error.http_status in (400, 401, 402, 403, 404)


def _no_answer(error: Exception) -> GatewayNoAnswer:
    log.warning("Stripe gave no usable answer: %s: %s", type(error).__name__, error)
    return GatewayNoAnswer("stripe_no_answer")

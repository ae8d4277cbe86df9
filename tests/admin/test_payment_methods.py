"""Ways to pay by hand: terms, fees, and the keys of a gateway, which go in and never come out again."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from commerce import encryption
from commerce.db import db
from commerce.payments.methods import configure_method, get_method, list_methods
from commerce.payments.models import PaymentMethod
from commerce.payments.secrets import open_secrets
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, is_refused, submit
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.support.client import ShopClient

LIST = "/admin/pricing/payment-methods"
TRANSFER = f"{LIST}/bank_transfer"
KEY, HOOK = "sk_test_ABCDEFGH12345678", "whsec_firstSECRET1111"


def state() -> Any:
    db.session.close()
    found = list_methods()
    db.session.close()
    return found


def secrets_of(code: str) -> dict[str, Any]:
    db.session.close()
    sealed = db.session.scalars(select(PaymentMethod.sealed_secrets).where(PaymentMethod.code == code)).one()
    db.session.close()
    assert KEY not in sealed
    return open_secrets(sealed)


@pytest.fixture
def stripe(desk: ShopClient, in_shop: Shop) -> str:
    """A Stripe method, made on its page; its address."""
    new = f"{LIST}/new/stripe"
    data = filled(desk, new, name="Card", code="stripe", secret_key=KEY, webhook_secret=HOOK)
    answer = submit(desk, new, data)
    assert (answer.status_code, answer.location) == (303, f"{LIST}/stripe")
    return f"{LIST}/stripe"


def test_the_list_shows_every_way_to_pay(desk: ShopClient, in_shop: Shop) -> None:
    html = desk.get(LIST).text
    assert re.findall(r'<a href="/admin/pricing/payment-methods/([a-z_]+)">', html) == [
        "card",
        "bank_transfer",
        "cash_on_delivery",
    ]


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (1, "1 minute"),
        (90, "90 minutes"),
        (60, "1 hour"),
        (120, "2 hours"),
        (1440, "1 day"),
        (10080, "7 days"),
    ],
)
def test_the_list_shows_how_long_stock_is_held(
    desk: ShopClient, in_shop: Shop, minutes: int, text: str
) -> None:
    configure_method("bank_transfer", hold_minutes=minutes)
    assert f'data-label="Stock reserved for">{text}<' in desk.get(LIST).text


def test_terms_and_fee_are_changed(desk: ShopClient, in_shop: Shop) -> None:
    page = f"{LIST}/cash_on_delivery"
    rules = select(Tenant.rules_version).where(Tenant.id == in_shop.id)
    before = db.session.scalars(rules).one()
    data = filled(
        desk,
        page,
        name="Cash at the door",
        instructions="Please have it ready.\r\nNo large notes.",
        hold_minutes=["36", "60"],
        position="7",
        fee_amount="2.50",
        fee_ppm="1.9",
        cash_rounding="0.05",
        enabled=None,
    )
    assert submit(desk, page, data).status_code == 303
    db.session.close()
    method = get_method("cash_on_delivery")
    assert (method.name, method.hold_minutes, method.position) == ("Cash at the door", 36 * 60, 7)
    assert (method.fee_amount, method.fee_ppm, method.fee_tax_class) == (250, 19_000, "standard")
    assert (method.pay_later, method.enabled, method.cash_rounding) == (True, False, 5)
    assert method.instructions == "Please have it ready.\nNo large notes."
    assert db.session.scalars(rules).one() == before + 1
    assert "$2.50 + 1.9 %" in desk.get(LIST).text


def test_a_new_way_to_pay_is_made_and_never_overwrites_another(desk: ShopClient, in_shop: Shop) -> None:
    new = f"{LIST}/new/manual"
    data = filled(desk, new, name="Cheque", code="cheque")
    assert submit(desk, new, data).status_code == 303
    before = state()
    refused = submit(desk, new, {**data, "code": "bank_transfer"})
    assert refused.status_code == 422
    assert "Another payment method already uses this code." in refused.text
    assert state() == before
    assert desk.get(f"{LIST}/new/gold").status_code == 404
    assert submit(desk, f"{LIST}/new/gold", data).status_code == 404


def test_secrets_go_in_and_only_their_end_comes_out(desk: ShopClient, stripe: str) -> None:
    assert secrets_of("stripe") == {"secret_key": KEY, "webhook_secrets": [HOOK]}
    html = desk.get(stripe).text
    assert "…5678" in html
    assert "…1111" in html
    assert KEY not in html
    assert HOOK not in html


def test_an_empty_secret_keeps_what_is_there(desk: ShopClient, stripe: str) -> None:
    assert submit(desk, stripe, filled(desk, stripe, name="Cards")).status_code == 303
    assert secrets_of("stripe") == {"secret_key": KEY, "webhook_secrets": [HOOK]}


def test_the_former_signing_secret_stays_good_until_reported_otherwise(desk: ShopClient, stripe: str) -> None:
    new = "whsec_secondSECRET2222"
    assert submit(desk, stripe, filled(desk, stripe, webhook_secret=new)).status_code == 303
    assert secrets_of("stripe")["webhook_secrets"] == [new, HOOK]
    assert submit(desk, stripe, filled(desk, stripe, forget_former_secret="y")).status_code == 303
    assert secrets_of("stripe")["webhook_secrets"] == [new]
    assert "former signing secret" not in desk.get(stripe).text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("secret_key", "pk_test_abcdefgh", "t look like a value from your Stripe dashboard. Copy it again"),
        ("webhook_secret", "secret", "t look like a value from your Stripe dashboard. Copy it again"),
        (
            "publishable_key",
            "pk_live_abcdefgh",
            "One key is for test mode and the other is for live mode. Use keys of the same mode.",
        ),
        ("account", "acct_", "t look like a value from your Stripe dashboard. Copy it again"),
        (
            "checkout_origin",
            "http://evil.example",
            "t look like a value from your Stripe dashboard. Copy it again",
        ),
    ],
)
def test_keys_that_cannot_be_right_are_refused_and_not_shown_again(
    desk: ShopClient, stripe: str, field: str, value: str, said: str
) -> None:
    before = state()
    answer = submit(
        desk,
        stripe,
        filled(desk, stripe, **{field: value, "secret_key": value if field == "secret_key" else KEY}),
    )
    assert answer.status_code == 422
    assert said in answer.text
    assert KEY not in answer.text
    assert state() == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "This field is required."),
        ("instructions", "x" * 1001, "At most 1000 characters."),
        ("hold_minutes", ["0", "60"], "from one minute to 90 days"),
        ("hold_minutes", ["91", "1440"], "from one minute to 90 days"),
        ("hold_minutes", ["2", "3"], "a whole number"),
        ("hold_minutes", ["x", "60"], "a whole number"),
        ("hold_minutes", ["", "60"], "required"),
        ("position", "first", "whole number from 0"),
        ("fee_amount", "-1", "cannot be negative"),
        ("fee_amount", "1.234", "too many decimal places"),
        ("fee_ppm", "101", "from 0 to 100"),
        ("fee_tax_class", "", "lowercase letters"),
        ("version", "", "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, in_shop: Shop, field: str, value: str, said: str
) -> None:
    before = state()
    is_refused(desk, TRANSFER, said, **{field: value})
    assert state() == before


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, stripe: str
) -> None:
    mine = filled(desk, stripe, fee_amount="1.00", secret_key="sk_test_mineMINE9999")
    assert submit(signed_in(name="Alice"), stripe, filled(desk, stripe, fee_amount="2.00")).status_code == 303
    answer = submit(desk, stripe, mine)
    assert answer.status_code == 409
    assert compared(answer.text) == [("Fixed fee", "2.00", "1.00")]
    assert "mineMINE" not in answer.text
    assert secrets_of("stripe")["secret_key"] == KEY
    assert submit(desk, stripe, changed(answer.text, stripe)).status_code == 303
    db.session.close()
    assert get_method("stripe").fee_amount == 100


def test_only_an_unused_way_to_pay_can_be_deleted(desk: ShopClient, in_shop: Shop) -> None:
    removal = filled(desk, TRANSFER, f"{TRANSFER}/deletion")
    assert submit(desk, f"{TRANSFER}/deletion", {"version": "old"}).status_code == 409
    make_order((make_product(stock=5), 1))
    answer = submit(desk, f"{TRANSFER}/deletion", removal)
    assert answer.status_code == 409
    assert "t delete this payment method because orders have used it. Turn it off instead" in answer.text
    cash = f"{LIST}/cash_on_delivery"
    assert submit(desk, f"{cash}/deletion", filled(desk, cash, f"{cash}/deletion")).status_code == 303
    assert [method.code for method in state()] == ["card", "bank_transfer"]


def test_who_may_only_look_saves_nothing_and_sees_no_secret(
    signed_in: SignedIn, desk: ShopClient, stripe: str
) -> None:
    before, data = state(), filled(desk, stripe, name="Taken over")
    removal = filled(desk, stripe, f"{stripe}/deletion")
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        html = client.get(stripe).text
        assert "Save" not in html
        assert KEY not in html
        assert client.get(f"{LIST}/new/stripe").status_code == 403
        assert submit(client, f"{LIST}/new/stripe", data).status_code == 403
        assert submit(client, stripe, data).status_code == 403
        assert submit(client, f"{stripe}/deletion", removal).status_code == 403
    assert state() == before


def test_charlie_finds_no_way_to_pay_of_alices(
    signed_in: SignedIn, desk: ShopClient, in_shop: Shop, other_shop: Shop, stripe: str
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    before, data = state(), filled(desk, stripe, name="Taken over")
    removal = filled(desk, stripe, f"{stripe}/deletion")
    assert charlie.get(stripe).status_code == 404
    assert submit(charlie, stripe, data).status_code == 404
    assert submit(charlie, f"{stripe}/deletion", removal).status_code == 404
    with shop_scope(in_shop):
        assert state() == before


# --- when the installation's secret key is lost -----------------------------------------------------------


def test_keys_that_cannot_be_opened_are_reported_and_entered_again(
    desk: ShopClient, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "_seal", [encryption.Seal(["quite-another-key-0123456789abcdef"])])
    said = "The keys can no longer be decrypted."
    assert "Keys required" in desk.get(LIST).text
    html = desk.get(stripe).text
    assert said in html
    assert "it ends in" not in html
    answer = submit(desk, stripe, filled(desk, stripe, name="Card or wallet"))
    assert answer.status_code == 422
    assert "The stored keys can no longer be read. Enter them again." in answer.text
    sealed = get_method("stripe").digest
    off = filled(desk, stripe)
    del off["enabled"]
    assert submit(desk, stripe, off).status_code == 303
    db.session.close()
    assert (get_method("stripe").enabled, get_method("stripe").secrets_lost) == (False, True)
    assert get_method("stripe").digest != sealed
    data = filled(desk, stripe, enabled="y", secret_key=KEY, webhook_secret=HOOK)
    assert submit(desk, stripe, data).status_code == 303
    assert secrets_of("stripe") == {"secret_key": KEY, "webhook_secrets": [HOOK]}
    assert said not in desk.get(stripe).text
    assert "Keys required" not in desk.get(LIST).text


def test_the_time_is_shown_in_its_largest_unit_and_what_was_typed_stays(
    desk: ShopClient, in_shop: Shop
) -> None:
    page = f"{LIST}/bank_transfer"
    for minutes, number, unit in ((90, "90", "1"), (120, "2", "60"), (10080, "7", "1440")):
        configure_method("bank_transfer", hold_minutes=minutes)
        html = desk.get(page).text
        assert re.search(rf'<input [^>]*name="hold_minutes"[^>]*value="{number}"', html), minutes
        assert f'<option value="{unit}" selected>' in html, minutes
    refused = submit(desk, page, filled(desk, page, hold_minutes=["400", "1440"]))
    assert refused.status_code == 422
    assert 'value="400"' in refused.text
    assert '<option value="1440" selected>' in refused.text

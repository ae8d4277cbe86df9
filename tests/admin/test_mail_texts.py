"""A shop's own words in its emails: written in a language, filled in for each customer, and taken back."""

from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from flask import Flask

from commerce.errors import InvalidValue, NotFound, StaleVersion
from commerce.notifications.i18n import LANGUAGES
from commerce.notifications.mail_types import MAILS, OPERATIONS
from commerce.notifications.rendering import compose
from commerce.notifications.samples import sample_context
from commerce.notifications.texts import OwnText, is_editable, own_text, write_text
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import csrf_token
from tests.support.client import ShopClient

PAGE = "/admin/mails/order_shipped?language=en"
TEXTS = "/admin/mails/order_shipped/texts?language=en"
OWN = {
    "subject": "{shop}: {code} is yours",
    "opening": "Hooray, {name}!\n\nIt left us.",
    "closing": "Bye <b>now</b>.",
}


@pytest.fixture(autouse=True)
def goods(in_shop: Shop) -> None:
    make_product("Jasmine tea", sku="TEA-1", stock=100)


def _written(name: str, language: str = "en"):
    """The email as the shop as it is now would send it."""
    with shop_scope(get_shop(current_shop().id)):
        context = sample_context(MAILS[name])
        return compose(name, context.facts, context, locale=language)


def _write(name: str, language: str = "en", seen_version: int = 0, **texts: str) -> bool:
    values = {"subject": "", "opening": "", "closing": "", **texts}
    return write_text(name, language, **values, seen_version=seen_version)


def _send(client: ShopClient, **changes: str):
    page = client.get(PAGE).text
    return client.post(TEXTS, data={"csrf_token": csrf_token(page), "version": "0", **OWN, **changes})


def test_own_words_are_in_the_email_and_ours_come_back(desk: ShopClient, in_shop: Shop) -> None:
    before = _written("order_shipped")
    assert _send(desk).status_code == 303
    own = _written("order_shipped")
    name = sample_context(MAILS["order_shipped"]).order.name
    assert own.subject.startswith("Alice's Tea: ")
    assert f"Hooray, {name}!\n\nIt left us." in own.text
    assert "Bye <b>now</b>." in own.text
    assert "Bye &lt;b&gt;now&lt;/b&gt;." in own.html
    assert "We have shipped your order" not in own.text
    assert "Hooray" not in _written("order_shipped", "de").text
    page = desk.get(PAGE).text
    assert "Back to the original" in page
    assert _send(desk, version="1", subject="", opening="", closing="").status_code == 303
    assert _written("order_shipped") == before
    assert "Back to the original" not in desk.get(PAGE).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", [mail.name for mail in MAILS.values() if is_editable(mail)])
def test_every_email_that_customers_get_takes_them_all(in_shop: Shop, name: str) -> None:
    _write(name, subject="Own subject", opening="Own opening", closing="Own closing")
    own = _written(name)
    assert own.subject == "Own subject"
    for text in ("Own opening", "Own closing"):
        assert own.text.count(text) == 1, own.text
        assert own.html.count(text) == 1


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("subject", "Hello {secret}", "isn&#39;t a variable"),
        ("opening", "{token}", "isn&#39;t a variable"),
        ("closing", "x" * 2001, "2000"),
        ("subject", "x" * 201, "200"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_at_its_field_and_kept(
    desk: ShopClient, in_shop: Shop, field: str, text: str, words: str
) -> None:
    answer = _send(desk, **{field: text})
    assert answer.status_code == 422
    assert words in answer.text
    assert text in answer.text
    with shop_scope(get_shop(in_shop.id)):
        assert own_text("order_shipped", "en") == OwnText()


def test_two_who_edit_see_each_others_words(desk: ShopClient, in_shop: Shop) -> None:
    assert _send(desk).status_code == 303
    answer = _send(desk, opening="Something else")
    assert answer.status_code == 409
    assert "Something else" in answer.text
    assert "Hooray" in answer.text
    with pytest.raises(StaleVersion):
        _write("order_shipped", seen_version=7, subject="Late")


def test_alerts_and_unknown_ones_cannot_be_written(in_shop: Shop) -> None:
    alert = next(mail.name for mail in MAILS.values() if mail.to == OPERATIONS)
    for name, language in ((alert, "en"), ("none", "en"), ("order_shipped", "tlh")):
        with pytest.raises(NotFound):
            _write(name, language, subject="Mine")
    with pytest.raises(InvalidValue):
        _write("back_in_stock", subject="{code}")
    assert set(LANGUAGES) >= {"en", "de"}


def test_a_name_with_braces_and_line_ends_stays_a_name() -> None:
    text = OwnText("Hi {name}", "{name}, {code} {other}", "")
    filled = text.filled({"name": "{code}\nBcc: x", "code": "ORD-1"})
    assert filled.subject == "Hi {code} Bcc: x"
    assert filled.opening == "{code}\nBcc: x, ORD-1 {other}"


def test_a_test_goes_to_the_one_who_asks_alone(desk: ShopClient, app: Flask, in_shop: Shop) -> None:
    order_in("confirmed")
    folder: Path = app.config["LOCKSTEP"].var / "mail"
    before = set(folder.glob("*.eml"))
    answer = desk.post(
        "/admin/mails/order_shipped/tests?language=de", data={"csrf_token": csrf_token(desk.get(PAGE).text)}
    )
    assert answer.status_code == 303
    sent = [
        BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        for path in set(folder.glob("*.eml")) - before
    ]
    assert [message["To"].addresses[0].domain for message in sent] == ["shop.test"]
    assert "unterwegs" in sent[0]["Subject"]


def test_who_may_only_look_can_neither_write_nor_send(signed_in: SignedIn, in_shop: Shop) -> None:
    for role in ("readonly", "fulfilment", "support"):
        client = signed_in(role)
        page = client.get(PAGE).text
        assert "Your own words" not in page
        token = {"csrf_token": csrf_token(client.get("/admin/account").text)}
        for path in (TEXTS, "/admin/mails/order_shipped/tests"):
            assert client.post(path, data={**token, **OWN, "version": "0"}).status_code == 403


def test_another_shop_keeps_its_own_words(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    assert _send(desk).status_code == 303
    charlie = signed_in("owner", shop=other_shop)
    assert "Hooray" not in charlie.get(PAGE).text

"""Every mail: its form, links and language, and that a handler sends it; and what is told of notes and stock."""

from dataclasses import replace
from pathlib import Path

import pytest

from commerce.event_handlers import EVENT_HANDLERS, EVENT_KINDS
from commerce.notifications import handlers
from commerce.notifications.context import mail_context
from commerce.notifications.mail_types import CUSTOMER, MAILS, OPERATIONS, READER
from commerce.notifications.rendering import base_url, send_mail
from commerce.orders.notes import add_note
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.orders import BOB
from tests.factories.shop import Sold, change_stock
from tests.notifications.orders import SENT_AT, happening, paid_order, work
from tests.notifications.outgoing import Post, html_of, text_of
from tests.support.databases import bench_config


@pytest.mark.parametrize("name", MAILS)
def test_each_mail_is_text_and_html_with_headers_that_stay_the_same(
    in_shop: Shop, tea: Sold, post: Post, name: str
) -> None:
    order = make_order((tea, 1), name="Ann <b>& Sons</b>")
    happened = happening(in_shop, name, order.id)
    for _ in range(2):
        send_mail(happened, name, mail_context(happened))
    (mail,) = post.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    customers = MAILS[name].to == CUSTOMER
    assert mail["From"] == "Alice's Tea <shop@localhost>"
    assert mail["To"] == ("ann@example.com" if customers else "operations@localhost")
    assert mail["Message-ID"] == f"<{happened.delivery_id}@demo.localhost>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == SENT_AT
    assert "Subject:" not in text_of(mail)
    assert "Alice&#39;s Tea" in html_of(mail)
    assert "<b>" not in html_of(mail)
    if customers:
        assert order.code in mail["Subject"]
        assert "Hello Ann <b>& Sons</b>," in text_of(mail)
        assert "Ann &lt;b&gt;&amp; Sons&lt;/b&gt;" in html_of(mail)


@pytest.mark.parametrize("name", MAILS)
def test_links_lead_to_the_shops_own_host(in_shop: Shop, tea: Sold, post: Post, name: str) -> None:
    order = make_order((tea, 1))
    happened = happening(in_shop, name, order.id, sku="TEA/1 a")
    send_mail(happened, name, mail_context(happened))
    (mail,) = post.mails
    customers = MAILS[name].to == CUSTOMER
    path = {
        "alert_low_stock": "/admin/stock/TEA%2F1%20a",
        "back_in_stock": "/products/green-tea?variant=TEA%2F1%20a",
        "alert_webhook_disabled": f"/admin/webhooks/{order.id}",
    }.get(name, f"/orders/{order.token}" if customers else f"/admin/orders/{order.code}")
    if MAILS[name].to == READER:
        path = MAILS[name].path.format(**MAILS[name].trial)
    link = f"http://demo.localhost:5000{path}"
    assert f": {link}\n" in text_of(mail)
    assert f'href="{link}"' in html_of(mail)
    # The link is the key to the order: its customer gets it and nobody else.
    assert (order.token in text_of(mail) + html_of(mail)) == customers


def test_addresses_in_production_are_https_without_a_port(in_shop: Shop, tmp_path: Path) -> None:
    config = bench_config("", tmp_path)
    live = replace(config, production=True, public_scheme="https", public_port=None)
    assert base_url(live, in_shop) == "https://demo.localhost"
    assert base_url(config, replace(in_shop, host="tea.example")) == "http://tea.example:5000"


def test_every_event_that_a_mail_names_has_a_handler_that_sends_it() -> None:
    kinds = {kind.type(): kind for kind in EVENT_KINDS}
    for mail in MAILS.values():
        for name in mail.events:
            told = [each.__name__ for each in EVENT_HANDLERS[kinds[name]]]
            prefix = "alert_" if mail.to == OPERATIONS else "mail_"
            assert any(each.startswith(prefix) for each in told), (mail.name, name)


def test_every_handler_of_mails_is_connected() -> None:
    connected = {each for group in EVENT_HANDLERS.values() for each in group}
    own = (
        value for value in vars(handlers).values() if getattr(value, "__module__", "") == handlers.__name__
    )
    made = {value for value in own if value.__name__.startswith(("mail_", "alert_"))}
    assert made <= connected


def test_a_note_reaches_the_customer_only_if_it_is_for_him(tea: Sold, post: Post) -> None:
    order_id = paid_order(tea, post)
    add_note(order_id, BOB, text="He is a difficult one")
    add_note(order_id, BOB, text="Your tea is fresh.\nEnjoy <it>", for_customer=True)
    work()
    (mail,) = post.mails
    assert (mail["To"], mail["Subject"]) == ("ann@example.com", "A message about your order ORD-000001")
    assert "Your tea is fresh.\nEnjoy <it>" in text_of(mail)
    assert "Your tea is fresh.<br>Enjoy &lt;it&gt;" in html_of(mail)


def test_low_stock_is_reported_once_until_units_come_in(tea: Sold, post: Post) -> None:
    change_stock(tea, -25)
    make_order((tea, 1), payment_method="card")
    work()
    assert post.letters == []
    for _ in range(2):
        make_order((tea, 1), payment_method="card")
        work()
    assert post.letters == [("operations@localhost", "Low stock: Green tea")]
    assert "GREEN-TEA: 3 left" in text_of(post.mails[0])
    change_stock(tea, 1)
    make_order((tea, 1), payment_method="card")
    work()
    assert len(post.letters) == 2


def test_nobody_is_written_to_at_an_address_that_cannot_exist(in_shop: Shop, tea: Sold, post: Post) -> None:
    make_order((tea, 1), email="race@shop.invalid")
    work()
    assert post.mails == []


def test_a_customer_reads_the_language_of_their_order_and_staff_that_of_the_shop(
    in_shop: Shop, tea: Sold, post: Post
) -> None:
    with shop_scope(replace(in_shop, locale="de_AT")):
        order = make_order((tea, 1))
    happened = happening(in_shop, "payment_received", order.id, amount=1500)
    send_mail(happened, "payment_received", mail_context(happened))
    alert = happening(in_shop, "alert_payment_review", order.id)
    send_mail(alert, "alert_payment_review", mail_context(alert))
    assert [subject for _to, subject in post.letters] == [
        "Wir haben Ihre Zahlung für Bestellung ORD-000001 erhalten",
        "Order ORD-000001: a payment needs review",
    ]
    assert "wir haben $\xa015,00 für Ihre Bestellung" in text_of(post.mails[0])

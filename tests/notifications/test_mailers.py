"""How mails leave the house: into files by default, by SMTP when a server is named, never twice and never forged."""

import smtplib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from flask import Flask

from commerce.db import atomic, new_id
from commerce.event_handlers import make_relay
from commerce.events.outbox import Actor
from commerce.events.relay import DeliveredEvent
from commerce.notifications.context import mail_context
from commerce.notifications.mailer import FileMailer, SmtpMailer, make_mailer, send
from commerce.notifications.rendering import send_mail
from commerce.settlement.manual_payments import record_receipt
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.events.sample_event import deliveries, pauses_end
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.notifications.outgoing import Post
from tests.support.postgres import free_port


def message(key: str = "1") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "shop@shop.test", "ann@shop.test", "Grüße"
    made["Message-ID"] = f"<{key}@shop.test>"
    made.set_content("Hello\n")
    return made


class Server:
    """A mail server's answers: it takes mails, unless `answer` is something else than 250."""

    def __init__(self) -> None:
        self.answer = "250 OK"
        self.taken: list[tuple[str, list[str], EmailMessage]] = []

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        mail = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(mail, EmailMessage)
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, mail))
        return "250 taken"


@contextmanager
def listening(server: Server, **options: Any) -> Iterator[str]:
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


# --- files --------------------------------------------------------------------------------------------


def test_a_mail_is_one_file_however_often_it_is_sent(tmp_path: Path) -> None:
    mailer = FileMailer(tmp_path / "new" / "mail")
    for _ in range(3):
        mailer.send(message("1"))
    mailer.send(message("2"))
    files = sorted((tmp_path / "new" / "mail").iterdir())
    assert len(files) == 2
    assert {file.suffix for file in files} == {".eml"}
    read = [BytesParser(policy=default).parsebytes(file.read_bytes()) for file in files]
    assert sorted(str(mail["Message-ID"]) for mail in read) == ["<1@shop.test>", "<2@shop.test>"]
    assert {str(mail["Subject"]) for mail in read} == {"Grüße"}


def test_the_configuration_chooses_the_mailer(tmp_path: Path) -> None:
    assert isinstance(make_mailer("", tmp_path), FileMailer)
    assert isinstance(make_mailer("smtp://localhost", tmp_path), SmtpMailer)


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://"])
def test_an_address_that_is_no_mail_server_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="MAIL_URL"):
        make_mailer(url, tmp_path)


def test_no_mail_is_sent_inside_a_transaction(app: Flask, in_shop: Shop, tmp_path: Path) -> None:
    mailer = FileMailer(tmp_path / "mail")
    with pytest.raises(RuntimeError, match="inside a transaction"):
        atomic(send)(mailer, message())
    assert not (tmp_path / "mail").exists()
    send(mailer, message())
    assert len(list((tmp_path / "mail").iterdir())) == 1


# --- forged addresses ---------------------------------------------------------------------------------


def tell_of_a_cancellation(shop: Shop, to: str = "ann@shop.test", **order_values: Any) -> None:
    order_id = make_order((make_product(stock=30), 1), **order_values).id
    event = DeliveredEvent(
        shop.id, new_id(), new_id(), "Trial", order_id, {"reason": "Because"}, datetime.now(UTC)
    )
    told = mail_context(event)
    told.order.email = to
    send_mail(event, "order_cancelled", told)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("place", ["to", "name", "mail_from"])
def test_a_line_break_in_an_address_or_shop_name_adds_no_header(
    in_shop: Shop, post: Post, place: str, end: str
) -> None:
    forged = f"ann@shop.test{end}Bcc: eve@evil.test"
    shop = in_shop if place == "to" else replace(in_shop, **{place: forged})  # type: ignore[arg-type]
    with shop_scope(shop), pytest.raises(ValueError, match="CR or LF"):
        tell_of_a_cancellation(shop, forged if place == "to" else "ann@shop.test")
    assert post.mails == []


def test_line_breaks_in_what_shoppers_type_stay_in_the_text(in_shop: Shop, post: Post) -> None:
    tell_of_a_cancellation(in_shop, name="Ann\r\nBcc: eve@evil.test")
    (mail,) = post.mails
    assert (mail["Bcc"], mail["Cc"], mail["To"]) == (None, None, "ann@shop.test")
    assert mail["Subject"] == "Your order ORD-000001 was cancelled"


def test_a_domain_in_another_script_is_written_as_mail_servers_know_it(in_shop: Shop, post: Post) -> None:
    tell_of_a_cancellation(in_shop, "ann@bücher.example")
    (mail,) = post.mails
    assert mail["To"] == "ann@xn--bcher-kva.example"


# --- SMTP ---------------------------------------------------------------------------------------------


@pytest.fixture
def by_smtp(make_app: Callable[..., Flask], shop: Shop) -> Iterator[Callable[[str], None]]:
    """Enter Alice's shop in an app that sends by the mail server at an address."""
    entered: list[Any] = []

    def enter(address: str) -> None:
        context = make_app(mail_url=f"smtp://{address}").app_context()
        scope = shop_scope(shop)
        context.__enter__()
        scope.__enter__()
        entered.extend((scope, context))

    yield enter
    for each in entered:
        each.__exit__(None, None, None)


def place_and_pay() -> None:
    order = make_order((make_product(stock=30), 1), payment_method="card")
    record_receipt(order.id, Actor("staff", name="Bob"))


def mail_states() -> list[tuple[str, str]]:
    return [(each.state, each.error) for each in deliveries() if each.handler == "mail_order_confirmation"]


def test_a_mail_is_handed_to_the_server_as_it_is(by_smtp: Callable[[str], None]) -> None:
    server = Server()
    with listening(server) as address:
        by_smtp(address)
        place_and_pay()
        make_relay().run_until_idle()
    ((sender, to, mail),) = server.taken
    assert (sender, to) == ("shop@localhost", ["ann@example.com"])
    assert mail["Subject"] == "Your order ORD-000001 is confirmed"
    assert mail.get_content_type() == "multipart/alternative"
    assert mail_states() == [("done", "")]


@pytest.mark.parametrize("answer", ["451 come back later", "550 no such mailbox"])
def test_a_refusal_is_tried_again_under_the_same_message_id(
    by_smtp: Callable[[str], None], answer: str
) -> None:
    server = Server()
    with listening(server) as address:
        by_smtp(address)
        server.answer = answer
        place_and_pay()
        make_relay().run_until_idle()
        ((state, error),) = mail_states()
        assert state == "waiting"
        assert answer.partition(" ")[2] in error
        assert server.taken == []
        server.answer = "250 OK"
        assert make_relay().run_until_idle() == 0
        pauses_end()
        make_relay().run_until_idle()
    assert mail_states() == [("done", "")]
    ((_sender, _to, mail),) = server.taken
    delivery = next(each for each in deliveries() if each.handler == "mail_order_confirmation")
    assert mail["Message-ID"] == f"<{delivery.id}@demo.localhost>"


def test_a_server_that_is_away_is_tried_again(by_smtp: Callable[[str], None]) -> None:
    by_smtp(f"127.0.0.1:{free_port()}")
    place_and_pay()
    make_relay().run_until_idle()
    ((state, error),) = mail_states()
    assert state == "waiting"
    assert error.startswith("ConnectionRefusedError")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize(("password", "taken"), [("p%40ss%2Fword", 1), ("wrong", 0)])
def test_the_name_and_password_of_the_address_are_used(password: str, taken: int) -> None:
    server = Server()

    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(handled=False, success=(data.login, data.password) == (b"shop@house", b"p@ss/word"))

    with listening(server, auth_required=True, auth_require_tls=False, authenticator=known) as address:
        mailer = SmtpMailer(f"smtp://shop%40house:{password}@{address}")
        if taken:
            mailer.send(message())
        else:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                mailer.send(message())
    assert len(server.taken) == taken


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce.notifications.mailer.TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            mailer.send(message())

"""Only a host name that was proven to lead here gets into links, since links in mails hold secrets."""

import http.client
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.serving import make_server

from commerce.db import atomic, db
from commerce.errors import NotFound
from commerce.outbound import FetchRefused, fetch
from commerce.tenants import hosts
from commerce.tenants.hosts import HostUnproven, add_host, hosts_of, make_primary, mark_proven, prove_host
from commerce.tenants.models import Shop, TenantHost
from commerce.tenants.queries import get_shop
from tests.factories.staff import make_staff, post
from tests.support.client import ShopClient

NAME = "tea.example"


@pytest.fixture
def ask(app: Flask) -> Iterator[hosts.Ask]:
    """What fetches a challenge where DNS leads every name to this installation."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def there(url: str) -> bytes:
        host, _slash, path = url.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", f"/{path}", headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise FetchRefused(f"the server answered {answer.status}")
        return body

    yield there
    server.shutdown()
    thread.join()


def version(shop: Shop) -> int:
    return get_shop(shop.id).version


def add(shop: Shop, name: str = NAME) -> None:
    add_host(shop.id, name, seen_version=version(shop))


def is_proven(shop: Shop, name: str = NAME) -> bool:
    db.session.close()
    return next(row.proven_at for row in hosts_of(shop.id) if row.host == name) is not None


def test_a_new_name_is_in_no_link_before_it_leads_here(in_shop: Shop, ask: hosts.Ask) -> None:
    add(in_shop)
    with pytest.raises(HostUnproven):
        make_primary(in_shop.id, NAME, seen_version=version(in_shop))
    assert get_shop(in_shop.id).host == in_shop.host
    prove_host(in_shop.id, NAME, scheme="http", ask=ask)
    make_primary(in_shop.id, NAME, seen_version=version(in_shop))
    assert get_shop(in_shop.id).host == NAME


def refuse(_url: str) -> bytes:
    raise FetchRefused("the host name does not exist")


def echo(url: str) -> bytes:
    return url.rpartition("/")[2].encode()


def answer_for_another_name(url: str) -> bytes:
    return hosts.answer_challenge("evil.example", url.rpartition("/")[2]).encode()


def answer_of_before(_url: str) -> bytes:
    return hosts.answer_challenge(NAME, "an earlier challenge").encode()


@pytest.mark.parametrize(
    "ask",
    [refuse, echo, answer_for_another_name, answer_of_before, lambda _url: b"", lambda _url: b"\xff" * 2000],
)
def test_what_is_no_answer_of_this_installation_proves_nothing(in_shop: Shop, ask: Callable) -> None:
    add(in_shop)
    with pytest.raises(HostUnproven):
        prove_host(in_shop.id, NAME, scheme="http", ask=ask)
    assert not is_proven(in_shop)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_into_our_network_is_not_fetched(in_shop: Shop, address: str) -> None:
    add(in_shop)
    ask = partial(fetch, resolver=lambda _host, _port: [address])
    with pytest.raises(HostUnproven) as refused:
        prove_host(in_shop.id, NAME, scheme="http", ask=ask)
    assert isinstance(refused.value.__cause__, FetchRefused)
    assert not is_proven(in_shop)


def test_a_name_of_another_shop_is_unknown(in_shop: Shop, other_shop: Shop, ask: hosts.Ask) -> None:
    add(in_shop)
    with pytest.raises(NotFound):
        prove_host(other_shop.id, NAME, scheme="http", ask=ask)
    with pytest.raises(NotFound):
        mark_proven(other_shop.id, NAME)
    assert not is_proven(in_shop)


@pytest.mark.parametrize("name", ["tea2.localhost", "localhost"])
def test_a_name_of_this_computer_needs_no_proof(in_shop: Shop, name: str) -> None:
    add(in_shop, name)
    assert is_proven(in_shop, name)


def test_the_database_holds_it_too(in_shop: Shop) -> None:
    add(in_shop)
    everywhere = {"all_tenants": True, "synchronize_session": False}
    with pytest.raises(IntegrityError):
        atomic(db.session.execute)(
            update(TenantHost).where(TenantHost.host == NAME).values(is_primary=True),
            execution_options=everywhere,
        )
    assert (
        db.session.scalars(
            select(TenantHost.is_primary).where(TenantHost.host == NAME), execution_options=everywhere
        ).one()
        is False
    )


def test_a_challenge_is_answered_at_every_host_and_kept_by_nobody(client: ShopClient, in_shop: Shop) -> None:
    answer = client.get(f"{hosts.CHALLENGE_PATH}abc")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert hosts.seal().open(answer.text) == f"host:{in_shop.host}:abc"
    assert client.get(f"{hosts.CHALLENGE_PATH}{'x' * 101}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/admin/settings/hosts",
        f"/admin/settings/hosts/{NAME}/primary",
        f"/admin/settings/hosts/{NAME}/verification",
        f"/admin/settings/hosts/{NAME}/removal",
    ],
)
def test_a_manager_changes_no_host_name(client: ShopClient, in_shop: Shop, path: str) -> None:
    from tests.factories.staff import sign_in

    make_staff("manager")
    sign_in(client, "manager@shop.test")
    add(in_shop)
    mark_proven(in_shop.id, NAME)
    data = {"host": "evil.example", "version": version(in_shop)}
    assert post(client, path, data).status_code == 403
    assert [row.host for row in hosts_of(in_shop.id)] == [in_shop.host, NAME]
    page = client.get("/admin/settings/hosts").text
    assert NAME in page
    assert f"/admin/settings/hosts/{NAME}/" not in page


def test_an_owner_adds_a_name_after_a_fresh_proof_and_sees_that_it_is_not_verified(
    client: ShopClient, in_shop: Shop
) -> None:
    import time_machine

    from commerce import clock
    from commerce.accounts.sessions import RECENT
    from tests.factories.staff import sign_in

    make_staff()
    with time_machine.travel(clock.now(), tick=False) as now:
        sign_in(client)
        now.shift(RECENT)
        data = {"host": NAME, "version": version(in_shop)}
        assert post(client, "/admin/settings/hosts", data).status_code == 403
        assert [row.host for row in hosts_of(in_shop.id)] == [in_shop.host]
        db.session.close()
        sign_in(client.application.test_client(host=in_shop.host))
    client = client.application.test_client(host=in_shop.host)
    sign_in(client)
    assert post(client, "/admin/settings/hosts", data).status_code == 303
    page = client.get("/admin/settings/hosts").text
    assert "Not verified" in page
    refused = post(client, f"/admin/settings/hosts/{NAME}/primary", {"version": version(in_shop)})
    assert refused.status_code == 422
    assert "t lead to this installation yet" in refused.text

"""All answers of the shop, whatever they are about: statuses, problems for programs, headers, redirects."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commerce import errors
from commerce.error_messages import describe
from commerce.error_messages import title_of as heading_of
from commerce.errors import CommerceError
from commerce.tenants.models import Shop
from commerce.web import SECURITY_HEADERS, csrf, local_path, status_of
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.visitor import Visitor

JSON = {"Accept": "application/json"}
on_any_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is answered before a database has any say in it: one is as good as two."""


@dataclass
class Case:
    """An error that a view raises, and what comes of it."""

    error: Exception
    status: int
    code: str


CASES = {
    "not-found": Case(errors.NotFound("order_not_found"), 404, "not_found"),
    "not-allowed": Case(errors.NotAllowed("staff_only"), 403, "not_allowed"),
    "rejected": Case(errors.Rejected("combination_not_made", options=["Blue", "<b>L</b>"]), 422, "rejected"),
    "invalid": Case(errors.InvalidValue("amount", "not_an_amount", value="<b>"), 422, "invalid_value"),
    "empty": Case(errors.CartEmpty(), 422, "cart_empty"),
    "price": Case(errors.PriceChanged(1000, 1100), 409, "price_changed"),
    "stale": Case(errors.StaleVersion("order", 1, 2), 409, "stale_version"),
    "busy": Case(errors.Busy(), 503, "busy"),
    "silent": Case(errors.GatewayNoAnswer("refund_no_answer"), 503, "gateway_no_answer"),
    "pool": Case(PoolTimeout("QueuePool limit of size 10"), 503, "busy"),
    "bug": Case(KeyError("secret of the house"), 500, "internal"),
}


@pytest.fixture
def broken(make_app: Callable[..., Flask], shop: Shop) -> ShopClient:
    """A visitor of a shop with a page for each error."""
    app = make_app(testing=False)

    def fail(name: str) -> str:
        raise CASES[name].error

    csrf.exempt(fail)
    app.add_url_rule("/fail/<name>", "fail", fail, methods=["GET", "POST"])
    visitor = app.test_client()
    assert isinstance(visitor, ShopClient)
    return visitor


def test_every_error_of_the_shop_belongs_to_a_family_with_a_status() -> None:
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CommerceError)
    ]
    assert len(kinds) > 12
    for kind in kinds:
        if kind is not CommerceError:
            assert status_of(kind.__new__(kind)) in (403, 404, 409, 422, 503), kind
    assert status_of(CommerceError()) == 500
    # One value or several: the same problem for a program.
    codes = [kind.code for kind in kinds if kind is not errors.InvalidValues]
    assert len(codes) == len(set(codes))


@on_any_database
@pytest.mark.parametrize("name", CASES)
def test_a_person_gets_a_page_with_the_true_status(broken: ShopClient, name: str) -> None:
    case = CASES[name]
    answer = broken.get(f"/fail/{name}")
    assert (answer.status_code, answer.mimetype) == (case.status, "text/html")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert ("Retry-After" in answer.headers) == (case.status == 503)
    root = parse(answer)
    if case.status not in (404, 500) and isinstance(case.error, CommerceError):
        assert describe(case.error) in text_of(root)
    assert "secret of the house" not in answer.text
    assert "QueuePool" not in answer.text


@on_any_database
@pytest.mark.parametrize("name", CASES)
def test_a_program_gets_a_problem_document(broken: ShopClient, name: str) -> None:
    case = CASES[name]
    answer = broken.get(f"/fail/{name}", headers=JSON)
    assert (answer.status_code, answer.mimetype) == (case.status, "application/problem+json")
    body = json.loads(answer.text)
    assert (body["status"], body["code"], body["type"]) == (
        case.status,
        case.code,
        f"urn:lockstep:problem:{case.code}",
    )
    if isinstance(case.error, CommerceError):
        assert (body["title"], body["detail"]) == (heading_of(case.error), describe(case.error))
        assert body["reason"] == case.error.reason
    assert "secret of the house" not in answer.text
    assert "QueuePool" not in answer.text


def test_a_bug_is_shown_by_the_number_under_which_it_is_found_in_the_logs(broken: ShopClient) -> None:
    answer = broken.get("/fail/bug")
    assert answer.headers["X-Request-ID"] in answer.text


def test_a_database_that_is_away_is_a_pause_and_not_a_fault_of_the_shop(
    make_app: Callable[..., Flask], shop: Shop, tmp_path: Path
) -> None:
    nowhere = f"sqlite:///{tmp_path}/no/such/folder/shop.db"
    client = make_app(database_url=nowhere).test_client()
    answer = client.get("/", headers={"Host": "demo.localhost"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "cannot answer right now" in answer.text
    assert "sqlite" not in answer.text.lower()


@on_any_database
@pytest.mark.parametrize("name", ["rejected", "stale", "bug"])
def test_htmx_is_reported_in_a_place_of_its_own(broken: ShopClient, name: str) -> None:
    answer = broken.get(f"/fail/{name}", headers={"HX-Request": "true"})
    assert answer.status_code == CASES[name].status
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#problems", "innerHTML")
    assert "<html" not in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_a_wrong_method_says_which_are_right(shop: Shop, client: ShopClient) -> None:
    answer = client.open("/theme.css", method="PROPFIND", headers=JSON)
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert {"GET", "HEAD", "OPTIONS"} == set(answer.headers["Allow"].split(", "))
    assert answer.json is not None
    assert (answer.json["code"], answer.json["title"]) == ("http_405", "Method Not Allowed")


def test_a_form_without_its_token_is_refused_in_words(shop: Shop, client: ShopClient) -> None:
    answer = client.post("/cart/lines", data={"variant_id": "x"})
    assert answer.status_code == 400
    assert "open too long or came from elsewhere" in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/nowhere", 404),
        ("/theme.css", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/static/app.css", 200),
        ("/cart", 200),
        ("/admin/", 303),
        ("/orders/unknown", 404),
        ("/media/x.png", 404),
    ],
)
def test_every_answer_has_the_security_headers(
    shop: Shop, client: ShopClient, path: str, status: int
) -> None:
    with client.get(path) as answer:
        assert answer.status_code == status
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value, name
        assert "Cache-Control" in answer.headers
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


def test_the_policy_allows_no_inline_script_or_style_and_no_other_site() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_each_request_has_an_id_of_its_own(shop: Shop, client: ShopClient) -> None:
    ids = {client.get("/healthz", headers={"X-Request-ID": "mine"}).headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5
    assert "mine" not in ids


@pytest.mark.parametrize(
    "target",
    ["/", "/cart", "/products/tea?size=2#top", "/a//b", "/search?q=http://evil.test", "/%2F/evil.test"],
)
def test_a_path_of_the_shop_may_be_gone_back_to(target: str) -> None:
    assert local_path(target, "/home") == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "cart",
        "https://evil.test/",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "/\n/evil.test",
        "\t//evil.test",
        " //evil.test",
        "/x\r\nSet-Cookie: a=b",
        "http:/evil.test",
        "/\x00",
    ],
)
def test_a_redirect_never_leads_to_another_site(target: str | None) -> None:
    assert local_path(target, "/home") == "/home"


# --- hosts --------------------------------------------------------------------------------------------


def title_of(client: ShopClient, path: str = "/") -> str:
    return text_of(next(find_all(parse(client.get(path)), "title")))


@pytest.mark.parametrize(
    "host", ["nowhere.example", "127.0.0.1", "localhost", "xn--bcher-kva.example", "[::1]"]
)
def test_in_production_an_unknown_host_is_a_page_that_says_so(
    make_app: Callable[..., Flask], shop: Shop, other_shop: Shop, host: str
) -> None:
    app = make_app(production=True)
    answer = app.test_client(host=host).get("/")
    assert answer.status_code == 404
    root = parse(answer)
    assert [text_of(each) for each in find_all(root, "h1")] == ["There is no shop at this address"]
    assert "Tea" not in answer.text
    assert "Kites" not in answer.text
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value


def test_the_host_decides_the_shop_and_no_header_or_port_does(
    app: Flask, shop: Shop, other_shop: Shop
) -> None:
    assert shop.name in title_of(app.test_client(host="demo.localhost"))
    assert other_shop.name in title_of(app.test_client(host="OTHER.localhost:8000"))
    visitor = app.test_client(host="demo.localhost")
    answer = visitor.get("/", headers={"X-Forwarded-Host": "other.localhost"})
    assert "Tea" in answer.text
    assert "Kites" not in answer.text


def test_behind_a_trusted_proxy_its_host_header_counts_only_where_that_is_said(
    make_app: Callable[..., Flask], shop: Shop, other_shop: Shop
) -> None:
    """Many proxies hand on what the visitor has written there."""
    forged = {"X-Forwarded-Host": "other.localhost"}
    visitor = make_app(trusted_proxies=1).test_client(host="demo.localhost")
    assert "Kites" not in visitor.get("/", headers=forged).text
    visitor = make_app(trusted_proxies=1, trust_forwarded_host=True).test_client(host="demo.localhost")
    assert "Kites" in visitor.get("/", headers=forged).text


def test_a_single_shop_answers_at_any_host(make_app: Callable[..., Flask], shop: Shop) -> None:
    assert shop.name in title_of(make_app(production=True).test_client(host="anything.example"))


def test_in_development_the_first_shop_answers_at_bare_addresses(
    app: Flask, shop: Shop, other_shop: Shop
) -> None:
    assert shop.name in title_of(app.test_client(host="127.0.0.1:5000"))
    assert app.test_client(host="nowhere.example").get("/").status_code == 404


def test_health_needs_no_shop(app: Flask) -> None:
    visitor = app.test_client(host="nowhere.example")
    assert visitor.get("/healthz").json == {"status": "ok"}
    ready = visitor.get("/readyz")
    assert (ready.status_code, ready.json) == (
        200,
        {
            "status": "ok",
            "database": True,
            "migrations": True,
            "writable": True,
            "outbox_lag_seconds": 0.0,
        },
    )


# --- forms -------------------------------------------------------------------------------------------


FORMS = {
    "/cart/lines": ("variant_id", "quantity"),
    "/cart": (
        "quantity-00000000-0000-7000-8000-000000000000",
        "remove_line",
        "remove_code",
        "coupon_code",
        "then",
    ),
    "/checkout": ("checkout_token", "cart_version", "shown_total", "card_number"),
    "/admin/sign-in": ("email", "password", "next"),
}


@on_any_database
@pytest.mark.parametrize("address", FORMS)
@pytest.mark.parametrize("value", [1, None, True, [1, 2], {"a": 1}], ids=str)
def test_a_form_sent_as_json_or_as_files_is_an_empty_form(
    app: Flask, shop: Shop, address: str, value: object
) -> None:
    visitor = Visitor(app)
    token = {"X-CSRFToken": visitor.token()}
    empty = visitor.client.post(address, headers=token)
    assert empty.status_code == 422 or empty.headers["Location"] == "/cart"
    sent = visitor.client.post(address, json=dict.fromkeys(FORMS[address], value), headers=token)
    assert (sent.status_code, sent.headers.get("Location")) == (
        empty.status_code,
        empty.headers.get("Location"),
    )
    files = {name: (io.BytesIO(b"1"), "1.txt") for name in FORMS[address]}
    sent = visitor.client.post(address, data=files, headers=token)
    assert (sent.status_code, sent.headers.get("Location")) == (
        empty.status_code,
        empty.headers.get("Location"),
    )

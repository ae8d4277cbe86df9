"""Operators open shops, close them and open them again, and see no customer of theirs."""

import json
import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.accounts.models import OperatorEntry, StaffInvitation, StaffMember
from commerce.catalog.models import Product
from commerce.db import _as_tenant, db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope
from commerce.worker import expire_unpaid_orders, purge_sent_forms
from tests.admin.pricing_pages import filled
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, make_staff, sign_in
from tests.factories.staff import post as staff_post
from tests.platform.conftest import HOST, OLGA, post
from tests.support.client import ShopClient
from tests.support.html import parse
from tests.support.visitor import Page, Visitor, text_of

NEW = {
    "name": "Bees & Honey",
    "code": "honey",
    "host": "",
    "currency": "eur",
    "country": "de",
    "tax_percent": "7",
    "shipping": "4.90",
    "prices_include_tax": "y",
    "owner_email": "Bea@honey.test",
    "owner_by": "mail",
}
DEMO = "/platform/shops/demo"


def logged(app: Flask) -> list[tuple[str, str]]:
    with app.app_context(), _as_tenant(None, every=False):
        rows = db.session.execute(
            select(OperatorEntry.action, OperatorEntry.subject)
            .where(OperatorEntry.action.not_like("sign%"))
            .order_by(OperatorEntry.id),
            execution_options={"all_tenants": True},
        ).all()
    return [(row[0], row[1]) for row in rows]


def test_shops_are_listed_in_numbers_without_their_customers(
    olga: ShopClient, app: Flask, in_shop: Shop
) -> None:
    make_order((make_product("Secret tea", stock=5), 1), name="Ann Buyer", email="ann@example.com")
    make_staff("owner")
    pages = [olga.get(path) for path in ("/platform/", DEMO, "/platform/log", "/platform/account")]
    for page in pages:
        parse(page)
        for word in ("Ann", "ann@example.com", "ORD-000001", "Secret tea", "owner@shop.test"):
            assert word not in page.text
    cells = re.findall(r'class="num">(\d+)</td>', pages[0].text)
    assert cells == ["1", "1", "1"]


def test_an_empty_installation_says_so(olga: ShopClient) -> None:
    assert "There is no shop yet." in olga.get("/platform/").text


def test_a_new_shop_can_sell_and_its_owner_is_invited(olga: ShopClient, app: Flask, shop: Shop) -> None:
    answer = post(olga, "/platform/shops/new", **NEW)
    assert answer.status_code == 200
    assert "bea@honey.test" in answer.text.lower()
    with app.app_context():
        honey = get_shop_by_code("honey")
        assert (honey.name, honey.currency, honey.country) == ("Bees & Honey", "EUR", "DE")
        with shop_scope(honey):
            invitation = db.session.scalars(select(StaffInvitation)).one()
            assert (invitation.email, invitation.role, invitation.invited_by) == (
                "bea@honey.test",
                "owner",
                "Olga",
            )
            honey_jar = (make_product("Honey", stock=1), 1)
            make_order(honey_jar, shipping_method="standard", payment_method="cash_on_delivery")
        with shop_scope(shop):
            assert db.session.scalars(select(StaffInvitation)).all() == []
    assert logged(app) == [("shop_opened", "honey")]
    assert app.test_client(host="honey.localhost").get("/").status_code == 200


def test_a_password_for_the_owner_is_shown_once_and_opens_the_back_office(
    olga: ShopClient, app: Flask
) -> None:
    answer = post(olga, "/platform/shops/new", **{**NEW, "owner_by": "password"})
    found = re.search(r'<p class="code">([^<]+)</p>', answer.text)
    assert found
    client = app.test_client(host="honey.localhost")
    assert isinstance(client, ShopClient)
    assert sign_in(client, "bea@honey.test", found[1]).status_code == 303
    assert found[1] not in olga.get("/platform/log").text


def test_an_invalid_shop_is_refused_at_its_field(olga: ShopClient, app: Flask, shop: Shop) -> None:
    for field, value, said in [
        ("name", "", "This field is required."),
        ("code", "Honey Pot", "lowercase letters"),
        ("code", "demo", "already"),
        ("host", "demo.localhost", "already leads to a shop"),
        ("host", "platform.localhost", "belongs to the installation"),
        ("host", "honey.example:80", "t a valid host name"),
        ("currency", "xxz", "t an ISO 4217 currency code"),
        ("country", "d1", "two-letter"),
        ("tax_percent", "101", "percentage from 0 to 100"),
        ("shipping", "-1", "at least zero"),
        ("owner_email", "nobody", "t a valid email address"),
    ]:
        answer = post(olga, "/platform/shops/new", **{**NEW, field: value})
        assert answer.status_code == 422, (field, value)
        assert said in answer.text, (field, value)
    assert logged(app) == []
    with app.app_context():
        assert [each.code for each in [get_shop_by_code("demo")]] == ["demo"]


def submit_twice(app: Flask, page: str, button: str, values: dict[str, str]) -> tuple[Page, Page]:
    """Sign Olga in, fill in a form of a page and send it twice, as a double click does."""
    olga = Visitor(app, HOST)
    assert olga.post("/platform/sign-in", {"email": OLGA, "password": PASSWORD}).status_code == 303
    form = olga.get(page).form(button)
    form.values |= values
    return form.send(), form.send()


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("button", "values", "action"),
    [
        ("Suspend shop", {"reason": "The bill is open"}, "shop_suspended"),
        ("Save", {"max_products": "7"}, "limits_changed"),
        ("Add", {"host": "tea.example.com"}, "host_added"),
    ],
)
def test_a_form_that_is_sent_twice_acts_once_and_says_so(
    app: Flask, shop: Shop, button: str, values: dict[str, str], action: str
) -> None:
    first, second = submit_twice(app, DEMO, button, values)
    assert (first.status, second.status, second.path) == (200, 200, DEMO)
    assert "You sent this twice. It was done once." in text_of(second.root)
    assert logged(app) == [(action, "demo")]


@pytest.mark.usefixtures("stranger")
def test_a_shop_that_is_created_by_a_double_click_is_there_once_and_no_error_is_shown(app: Flask) -> None:
    first, second = submit_twice(app, "/platform/shops/new", "Create shop", NEW)
    assert (first.status, second.status, second.path) == (200, 200, "/platform/")
    assert "You sent this twice. It was done once." in text_of(second.root)
    assert second.text.count("Bees & Honey") == 1
    assert logged(app) == [("shop_opened", "honey")]


@pytest.mark.usefixtures("stranger")
def test_a_refused_form_can_be_sent_again_when_it_has_become_right(app: Flask, shop: Shop) -> None:
    olga = Visitor(app, HOST)
    olga.post("/platform/sign-in", {"email": OLGA, "password": PASSWORD})
    form = olga.get("/platform/shops/new").form("Create shop")
    form.values |= {**NEW, "code": "demo"}
    assert form.send().status == 422
    form.values["code"] = "honey"
    assert "honey" in form.send().text
    assert logged(app) == [("shop_opened", "honey")]


def test_sent_forms_of_operators_are_forgotten_after_a_day(
    app: Flask, stranger: ShopClient, shop: Shop
) -> None:
    submit_twice(app, DEMO, "Add", {"host": "tea.example.com"})
    with app.app_context():
        with time_machine.travel(clock.now() + timedelta(hours=23), tick=False):
            assert purge_sent_forms() == 0
        with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
            assert purge_sent_forms() == 1


def test_a_suspended_shop_is_closed_to_shoppers_and_its_staff_see_why(
    olga: ShopClient, app: Flask, in_shop: Shop
) -> None:
    tea = make_product("Tea", stock=5)
    order = make_order((tea, 1))
    make_staff("owner")
    shopper, owner = app.test_client(), app.test_client()
    assert isinstance(owner, ShopClient)
    assert sign_in(owner).status_code == 303
    assert shopper.get("/").status_code == 200
    assert post(olga, f"{DEMO}/suspension", reason=" ").status_code == 422
    assert post(olga, f"{DEMO}/suspension", reason="The bill is open <since May>").status_code == 303
    for path in (
        "/",
        "/products/tea",
        "/cart",
        "/checkout",
        f"/orders/{order.token}",
        "/search?q=tea",
        "/nothing",
    ):
        answer = shopper.get(path)
        assert answer.status_code == 503, path
        assert "currently closed" in answer.text
        assert "bill" not in answer.text
        assert answer.headers["Retry-After"] == "3600"
    assert shopper.post("/cart/lines", data={}).status_code == 503
    assert shopper.get("/", headers={"Accept": "application/json"}).json["code"] == "closed"
    desk = owner.get("/admin/orders")
    assert desk.status_code == 200
    assert "The bill is open &lt;since May&gt;" in desk.text
    page = f"/admin/orders/{order.code}"
    assert owner.get(page).status_code == 200
    payment = filled(owner, page, f"{page}/payment")
    assert staff_post(owner, f"{page}/payment", {**payment, "step": "confirm"}).status_code == 303
    assert app.test_client().post("/webhooks/stripe", data=b"{}").status_code in (400, 404)
    with app.app_context():
        assert expire_unpaid_orders() == 0
        with shop_scope(in_shop):
            assert db.session.scalars(select(Order.payment_status)).one() == "paid"
    assert post(olga, f"{DEMO}/reopening").status_code == 303
    assert shopper.get("/").status_code == 200
    assert "Shoppers find this shop closed" not in owner.get("/admin/orders").text
    assert logged(app) == [("shop_suspended", "demo"), ("shop_reopened", "demo")]


def test_plan_limits_hold_for_staff_and_an_empty_field_is_no_limit(
    olga: ShopClient, app: Flask, in_shop: Shop
) -> None:
    make_staff("owner")
    limits = filled(olga, DEMO, f"{DEMO}/limits", max_staff="1", max_products="2")
    assert post(olga, f"{DEMO}/limits", **limits).status_code == 303
    assert post(olga, f"{DEMO}/limits", **limits).status_code == 409
    with pytest.raises(Exception, match="staff_limit_reached limit=1"):
        make_staff("manager")
    for wrong in ("-1", "many", "1.5"):
        data = filled(olga, DEMO, f"{DEMO}/limits", max_products=wrong)
        assert post(olga, f"{DEMO}/limits", **data).status_code == 422
    assert get_shop_by_code("demo").max_products == 2
    none = filled(olga, DEMO, f"{DEMO}/limits", max_staff="", max_products="")
    assert post(olga, f"{DEMO}/limits", **none).status_code == 303
    db.session.close()
    assert (get_shop_by_code("demo").max_products, get_shop_by_code("demo").max_staff) == (None, None)


def test_host_names_are_the_operators_too(olga: ShopClient, app: Flask, shop: Shop, other_shop: Shop) -> None:
    def version() -> str:
        with app.app_context():
            return str(get_shop_by_code("demo").version)

    assert post(olga, f"{DEMO}/hosts", host="tea.example", version=version()).status_code == 303
    assert post(olga, f"{DEMO}/hosts", host="other.localhost", version=version()).status_code == 422
    assert post(olga, f"{DEMO}/hosts", host="platform.localhost", version=version()).status_code == 422
    assert post(olga, f"{DEMO}/hosts/demo.localhost/removal", version=version()).status_code == 422
    assert post(olga, f"{DEMO}/hosts/other.localhost/removal", version=version()).status_code == 404
    assert post(olga, f"{DEMO}/hosts/tea.example/primary", version="99").status_code == 409
    assert post(olga, f"{DEMO}/hosts/tea.example/primary", version=version()).status_code == 422
    assert post(olga, f"{DEMO}/hosts/other.localhost/proof").status_code == 404
    assert post(olga, f"{DEMO}/hosts/tea.example/proof").status_code == 303
    assert post(olga, f"{DEMO}/hosts/tea.example/primary", version=version()).status_code == 303
    assert post(olga, f"{DEMO}/hosts/demo.localhost/removal", version=version()).status_code == 303
    assert app.test_client(host="tea.example").get("/").status_code == 200
    assert olga.get("/platform/shops/nowhere").status_code == 404


def test_commands_do_the_same_and_are_logged(app: Flask, in_shop: Shop) -> None:
    runner = app.test_cli_runner()
    closed = runner.invoke(args=["tenants", "suspend", "demo", "--reason", "Moving house", "--json"])
    assert json.loads(closed.output) == {"code": "demo", "status": "suspended", "because": "Moving house"}
    assert runner.invoke(args=["tenants", "suspend", "demo", "--reason", ""]).exit_code == 1
    assert runner.invoke(args=["tenants", "suspend", "nobody", "--reason", "x"]).exit_code == 1
    assert app.test_client().get("/").status_code == 503
    assert "active" in runner.invoke(args=["tenants", "reopen", "demo"]).output
    listed = json.loads(runner.invoke(args=["tenants", "list", "--json"]).output)
    assert [(row["code"], row["products"], row["staff"]) for row in listed] == [("demo", 0, 0)]
    made = runner.invoke(args=["operators", "create", "--email", "Olga@platform.test", "--json"])
    facts = json.loads(made.output)
    assert facts["email"] == "olga@platform.test"
    assert len(facts["password"]) == 20
    again = runner.invoke(args=["operators", "create", "--email", "olga@platform.test"])
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert [action for action, _subject in logged(app)] == [
        "shop_suspended",
        "shop_reopened",
        "operator_created",
    ]
    assert (
        db.session.scalars(select(StaffMember.id)).all() == db.session.scalars(select(Product.id)).all() == []
    )

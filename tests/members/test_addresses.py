"""A member's address book, and the checkout that begins with it."""

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.accounts.address_book import MOST, add_address, addresses_of
from commerce.accounts.models import MemberAddress
from commerce.db import db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.checkout.pages import put_in
from tests.factories.checkout import ADDRESS
from tests.factories.members import make_member, send, sign_in_member
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.visitor import Visitor

HOME = {**ADDRESS, "name": "Ann Buyer", "phone": ""}
WORK = {
    **HOME,
    "street_address": "2 Work Street",
    "city": "Berlin",
    "country_code": "DE",
    "country_area": "",
    "postal_code": "10115",
}


def stored() -> list[tuple[str, bool]]:
    db.session.close()
    rows = db.session.scalars(select(MemberAddress).order_by(MemberAddress.id))
    return [(row.address["street_address"], row.preferred) for row in rows]


def test_addresses_are_added_changed_preferred_and_deleted(app: Flask, in_shop: Shop) -> None:
    member_id = make_member()
    visitor = Visitor(app)
    sign_in_member(visitor.client)
    assert "not saved an address" in visitor.get("/account/addresses").text
    for address in (HOME, WORK):
        assert visitor.post("/account/addresses/new", address).status_code == 303
    assert stored() == [(HOME["street_address"], True), ("2 Work Street", False)]
    home, work = addresses_of(member_id)
    db.session.close()
    assert visitor.post(f"/account/addresses/{work.id}/preference").status_code == 303
    assert stored() == [(HOME["street_address"], False), ("2 Work Street", True)]
    form = visitor.get(f"/account/addresses/{home.id}").form("Save")
    page = form.fill({"Street": "3 New Street"}).send("Save", preferred="y")
    assert "3 New Street" in page.text
    assert stored() == [("3 New Street", True), ("2 Work Street", False)]
    visitor.post(f"/account/addresses/{home.id}/removal")
    assert stored() == [("2 Work Street", True)]


@pytest.mark.parametrize(("field", "value"), [("postal_code", "1"), ("street_address", ""), ("name", "")])
def test_an_invalid_address_is_refused_at_its_field(
    app: Flask, in_shop: Shop, field: str, value: str
) -> None:
    make_member()
    visitor = Visitor(app)
    sign_in_member(visitor.client)
    page = visitor.request(
        "post", "/account/addresses/new", {**HOME, field: value, "csrf_token": visitor.token()}
    )
    assert page.status == 422
    assert page.error_at(field)
    assert stored() == []


def test_without_javascript_a_button_shows_the_fields_of_another_country(app: Flask, in_shop: Shop) -> None:
    make_member()
    visitor = Visitor(app)
    sign_in_member(visitor.client)
    form = visitor.get("/account/addresses/new").form("Save")
    page = form.fill({"Street": "1 Rue"}).choose("Japan").send("Update")
    assert "Prefecture" in page.text
    assert page.form("Save").values["street_address"] == "1 Rue"
    assert stored() == []


def test_an_address_book_is_limited_and_holds_no_duplicates(in_shop: Shop, client: ShopClient) -> None:
    member_id = make_member()
    for number in (*range(MOST), 0):
        add_address(member_id, name=f"Ann {number}", phone="", address=ADDRESS)
    assert len(stored()) == MOST
    sign_in_member(client)
    assert send(client, "/account/addresses/new", HOME).status_code == 409
    assert len(stored()) == MOST


def test_nobody_reaches_somebody_elses_address(in_shop: Shop, client: ShopClient) -> None:
    ben = make_member("ben@example.com", "Ben")
    add_address(ben, name="Ben", phone="", address=ADDRESS)
    make_member()
    sign_in_member(client)
    path = f"/account/addresses/{addresses_of(ben)[0].id}"
    db.session.close()
    assert client.get(path).status_code == 404
    for deed in ("", "/removal", "/preference"):
        assert send(client, path + deed, HOME).status_code == 404
    assert stored() == [(ADDRESS["street_address"], True)]


# --- at the checkout ---------------------------------------------------------------------------------


def test_the_checkout_begins_with_the_preferred_address_and_offers_the_others(
    app: Flask, in_shop: Shop
) -> None:
    member_id = make_member()
    add_address(member_id, name="Ann Buyer", phone="+1 555 0100", address=ADDRESS)
    german = {name: WORK[name] for name in ADDRESS}
    add_address(member_id, name="Ann at work", phone="", address=german)
    visitor = Visitor(app)
    sign_in_member(visitor.client)
    put_in(visitor, make_product())
    form = visitor.get("/checkout").form("Continue")
    assert (form.values["email"], form.values["name"]) == ("ann@example.com", "Ann Buyer")
    assert form.values["street_address"] == ADDRESS["street_address"]
    form.fill({"Note": "Ring twice"})
    work = next(each for each in addresses_of(member_id) if not each.preferred)
    db.session.close()
    form.values["own_address"] = str(work.id)
    page = form.send("Use this address")
    form = page.form("Continue").choose("Bank transfer")
    assert (form.values["name"], form.values["country_code"]) == ("Ann at work", "DE")
    assert form.values["postal_code"] == "10115"
    assert form.values["note"] == "Ring twice"
    assert form.send("Continue").form("Place order").send("Place order").status == 200
    db.session.close()
    order = db.session.scalars(select(Order)).one()
    assert (order.name, order.shipping_address["city"], order.member_id) == (
        "Ann at work",
        "Berlin",
        member_id,
    )


def test_a_checkbox_saves_a_new_address_and_a_guest_has_no_checkbox(app: Flask, in_shop: Shop) -> None:
    make_member()
    guest, visitor = Visitor(app), Visitor(app)
    sign_in_member(visitor.client)
    tea = make_product()
    for each in (guest, visitor):
        put_in(each, tea)
        form = each.get("/checkout").form("Continue")
        form.fill({"Email": "ann@example.com", "Full name": "Ann Buyer", "Street": "5 Tick Street"})
        form.fill({"City": "Mountain View", "ZIP code": "94043"}).choose("California")
        assert form.send("Continue", save_address="1").path == "/checkout/review"
    assert stored() == [("5 Tick Street", True)]
    assert guest.get("/checkout").text.count("Save this address") == 0
    assert visitor.get("/checkout").text.count("Save this address") == 1

"""An order is placed once, at the shop's prices and with its stock reserved, or not at all."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce.checkout.direct_orders import DirectOrder, RequestedItem, place_direct_order
from commerce.db import atomic, db
from commerce.errors import NotFound
from commerce.event_handlers import make_relay
from commerce.events.outbox import SYSTEM
from commerce.members.customers import customer_of_order, find_guests
from commerce.orders.models import Order
from commerce.shipping.models import ShippingRate
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.services import touch_rules
from tests.api.placement_helpers import count_orders, error_fields, rejected_order
from tests.factories.api_clients import ADDRESS, Program, make_program, new_key, order_body
from tests.factories.members import make_member
from tests.factories.pricing import make_coupon, used
from tests.factories.shop import allow_backorder, counters, make_product, set_price
from tests.notifications.outgoing import Post
from tests.support.invariants import broken_invariants

MBC = {
    "customerId": "CUST-001",
    "items": [{"productCode": "PRD-001", "name": "Wireless Mouse", "quantity": 2, "price": 29.99}],
    "shippingAddress": {
        "street": "123 Main St",
        "city": "Tokyo",
        "postalCode": "100-0001",
        "country": "JP",
    },
    "paymentMethod": "credit_card",
}
"""The request of the MBC example, as it stands."""


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


# --- it works ------------------------------------------------------------------------------------------


def test_the_mbc_example_returns_the_documented_response(app: Flask) -> None:
    with app.app_context():
        shop = set_up_shop(
            code="shop-a",
            name="Shop A",
            currency="USD",
            country="JP",
            prices_include_tax=False,
            taxes=(TaxRule("*", "standard", 100_000, "Tax"),),
            shipping=(ShippingRule("parcel", "Parcel", "", ((("*",), 0, 0),)),),
            test_card=True,
        )
        with shop_scope(shop):
            make_product("Wireless Mouse", price=2999, sku="PRD-001")
            program = make_program(app, host=shop.host)
    answer = program.post("/api/orders", MBC)
    assert answer.status_code == 201, answer.text
    order = answer.json
    assert (order["code"], order["name"], order["version"]) == ("ORD-000001", "Order ORD-000001", 1)
    facts = order["attributes"]
    told = ("customerId", "subtotal", "tax", "total", "status", "currency")
    assert [facts[name] for name in told] == ["CUST-001", 59.98, 6.00, 65.98, "pending", "USD"]
    assert [(each["productCode"], each["quantity"], each["price"]) for each in facts["items"]] == [
        ("PRD-001", 2, 29.99)
    ]
    assert facts["placedAt"].endswith("Z")
    assert '"subtotal":59.98,' in answer.text
    assert not {"pk", "sk"} & {*order, *facts}


def test_an_order_can_be_retrieved_at_its_location(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    answer = program.post("/api/orders", order_body(("PRD-001", 2)))
    assert answer.status_code == 201, answer.text
    assert counters(sold) == (10, 2)
    shown = program.get(answer.headers["Location"])
    assert shown.json == {**answer.json, "version": shown.json["version"]}
    assert broken_invariants() == []


def test_the_gravito_checkout_accepts_variants_and_a_key_in_the_body(program: Program) -> None:
    sold = make_product(price=1250)
    body = order_body(items=[{"variantId": str(sold.variant_id), "quantity": 2}], idempotencyKey=new_key())
    first, again = (program.post("/api/commerce/checkout", body, key=None) for _ in range(2))
    assert first.status_code == 201, first.text
    assert first.json["success"] is True
    data = first.json["data"]
    assert (data["status"], data["total"], data["adjustments"]) == ("pending", 30.0, ["Parcel", "Tax"])
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert count_orders() == 1


def test_the_older_idempotency_header_is_accepted(program: Program) -> None:
    make_product(sku="TEA")
    key = new_key()
    answers = [
        program.post("/api/commerce/checkout", order_body(("TEA", 1)), key=None, X_Idempotency_Key=key),
        program.post("/api/commerce/checkout", order_body(("TEA", 1)), key=None, Idempotency_Key=f'"{key}"'),
    ]
    assert answers[0].json == answers[1].json
    assert count_orders() == 1


def test_repeated_items_become_one_line(program: Program) -> None:
    sold = make_product(sku="TEA")
    order = program.post("/api/orders", order_body(("TEA", 1), ("TEA", 2))).json
    assert [each["quantity"] for each in order["attributes"]["items"]] == [3]
    assert counters(sold) == (10, 3)


def test_a_product_code_can_name_a_product_with_one_variant(program: Program) -> None:
    make_product("Green tea", sku="TEA-100")
    answer = program.post("/api/orders", order_body(("GREEN-TEA", 1)))
    assert answer.json["attributes"]["items"][0]["productCode"] == "TEA-100"


def test_an_order_with_the_id_of_a_member_belongs_to_their_account(program: Program) -> None:
    member_id = make_member("ann@buyer.test")
    make_product(sku="TEA")
    body = order_body(("TEA", 1), customerId=str(member_id), shippingAddress=ADDRESS, email="")
    facts = program.post("/api/orders", body).json["attributes"]
    assert (facts["memberId"], facts["email"], facts["name"]) == (
        str(member_id),
        "ann@buyer.test",
        "Ann Buyer",
    )


def test_a_coupon_gives_a_discount_and_is_used_up(program: Program) -> None:
    coupon = make_coupon("ONCE", limit=1)
    make_product(sku="TEA", price=1000)
    order = program.post("/api/orders", order_body(("TEA", 1), couponCodes=["once"]))
    assert order.json["attributes"]["discount"] > 0
    assert used(coupon) == 1
    second = program.post("/api/orders", order_body(("TEA", 1), couponCodes=["ONCE"]))
    assert (second.status_code, second.json["code"]) == (422, "coupon_refused")
    assert second.json["couponCodes"] == {"ONCE": "used_up"}


@pytest.mark.parametrize("path", ["/api/orders", "cart"])
def test_the_response_to_a_card_order_has_its_current_version(program: Program, path: str) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    placed = place_in(program, path)
    assert placed.status_code == 201, placed.text
    shown = program.get(placed.headers["Location"])
    assert shown.json == placed.json
    change = {"status": "cancelled", "reason": "No longer wanted", "version": placed.json["version"]}
    assert program.patch(f"{placed.headers['Location']}/status", change).status_code == 200


def place_in(program: Program, path: str) -> Any:
    """Place an order by card, in one request or by a cart."""
    address = {"name": "Alice", **ADDRESS}
    if path != "cart":
        return program.post(path, order_body(("PRD-001", 1), paymentMethod="card", shippingAddress=address))
    cart = program.post("/api/carts", {"items": [{"productCode": "PRD-001", "quantity": 1}]}).headers[
        "Location"
    ]
    details = {"email": "alice@example.com", "shippingMethod": "parcel", "paymentMethod": "card"}
    shown = program.call("PUT", f"{cart}/details", {**details, "shippingAddress": address}).json
    return program.post(f"{cart}/checkout", {"total": shown["quote"]["total"], "version": shown["version"]})


def test_an_order_with_cash_on_delivery_is_confirmed_at_once(program: Program) -> None:
    make_product(sku="TEA")
    placed = program.post("/api/orders", order_body(("TEA", 1), paymentMethod="cash_on_delivery"))
    assert placed.json["attributes"]["status"] == "pending"
    assert program.get(placed.headers["Location"]).json["attributes"]["status"] == "confirmed"


def test_the_customer_gets_email_in_their_language_in_any_spelling_of_the_locale(
    app: Flask, program: Program
) -> None:
    post = Post(app.config["LOCKSTEP"].var / "mail")
    make_product(sku="TEA")
    assert program.post("/api/orders", order_body(("TEA", 1), locale="de-AT")).status_code == 201
    while make_relay().run_once():
        pass
    assert "Bestellung" in post.letters[0][1]
    assert app.test_client().get(customer_page()).status_code == 200


def test_a_customer_without_email_gets_no_email_and_is_not_matched_to_others(
    app: Flask, program: Program
) -> None:
    post = Post(app.config["LOCKSTEP"].var / "mail")
    make_product(sku="TEA")
    body = order_body(("TEA", 1), email="", shippingAddress=ADDRESS)
    order = program.post("/api/orders", body).json
    assert (order["attributes"]["name"], order["attributes"]["email"]) == ("CUST-001", "")
    while make_relay().run_once():
        pass
    assert post.mails == []
    shopper = app.test_client()
    page = shopper.get(customer_page())
    assert (page.status_code, "We also sent it to" in page.text) == (200, False)
    with pytest.raises(NotFound):
        customer_of_order(order["code"])
    assert find_guests() == []


def test_a_limit_per_customer_counts_by_customer_reference(program: Program) -> None:
    make_coupon("EACH", each=1)
    make_product(sku="TEA")

    def order_for(name: str) -> int:
        body = order_body(("TEA", 1), email="", customerId=name, couponCodes=["EACH"])
        return program.post("/api/orders", body).status_code

    assert [order_for(name) for name in ("CUST-1", "CUST-2", "CUST-1")] == [201, 201, 422]


def test_prices_that_change_during_a_request_apply_to_its_order(in_shop: Shop) -> None:
    sold = make_product(price=1000)

    @atomic
    def make_shipping_dearer() -> None:
        db.session.execute(update(ShippingRate).values(price=900))
        touch_rules()

    order = DirectOrder(
        [RequestedItem(1, variant_id=sold.variant_id)],
        {"street_address": "1 Road", "city": "Rome", "postal_code": "00100", "country_code": "IT"},
        name="Ann",
        payment_method="bank_transfer",
    )
    assert place_direct_order(order, SYSTEM).priced.totals.total == 1500
    make_shipping_dearer()
    assert place_direct_order(order, SYSTEM).priced.totals.total == 1900


# --- what is refused -----------------------------------------------------------------------------------


def test_every_item_without_enough_stock_is_reported(program: Program) -> None:
    make_product("Plenty", sku="P", stock=100)
    scarce, gone = make_product("Scarce", sku="S", stock=3), make_product("Gone", sku="G", stock=0)
    problem = rejected_order(program, order_body(("P", 1), ("S", 4), ("G", 1)), 422, "out_of_stock")
    told = [(each["productCode"], each["wanted"], each["available"]) for each in problem["shortages"]]
    assert told == [("S", 4, 3), ("G", 1, 0)]
    assert (counters(scarce), counters(gone)) == ((3, 0), (0, 0))


def test_backordered_units_are_ordered_only_if_they_were_shown(program: Program) -> None:
    sold = make_product("Chair", sku="CHAIR", stock=1)
    allow_backorder(sold, 5)
    problem = rejected_order(program, order_body(("CHAIR", 3)), 422, "out_of_stock")
    assert [(each["wanted"], each["available"]) for each in problem["shortages"]] == [(3, 1)]
    rejected_order(program, order_body(("CHAIR", 3), backordered=1), 422, "out_of_stock")
    order = program.post("/api/orders", order_body(("CHAIR", 3), backordered=2))
    assert (order.status_code, order.json["attributes"]["items"][0]["backordered"]) == (201, 2)


def test_it_rejects_if_match_where_versions_are_not_supported(program: Program) -> None:
    make_product(sku="TEA")
    rejected_order(program, order_body(("TEA", 1)), 400, "malformed_request", If_Match='"3"')


def test_it_rejects_another_price_by_field(program: Program) -> None:
    make_product(sku="TEA", price=2999)
    body = order_body(items=[{"productCode": "TEA", "quantity": 1, "price": 28}])
    problem = rejected_order(program, body, 422, "invalid_value")
    assert error_fields(problem) == ["items.0.price"]
    assert "29.99" in problem["detail"]


def test_a_changed_total_is_a_conflict(program: Program) -> None:
    sold = make_product(sku="TEA", price=1000)
    assert program.post("/api/orders", order_body(("TEA", 1), total=15)).status_code == 201
    set_price(sold, 1100)
    problem = rejected_order(program, order_body(("TEA", 1), total=15), 409, "price_changed")
    assert (problem["shownTotal"], problem["currentTotal"], problem["currency"]) == (15, 16, "USD")


def test_all_unknown_product_codes_are_reported_at_once(program: Program) -> None:
    make_product(sku="TEA")
    problem = rejected_order(
        program, order_body(("NOPE", 1), ("TEA", 1), ("NEITHER", 1)), 422, "invalid_value"
    )
    assert error_fields(problem) == ["items.0.productCode", "items.2.productCode"]


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 2.0, "2", None, True, 100_001, 10**30])
def test_it_rejects_an_invalid_quantity(program: Program, quantity: Any) -> None:
    make_product(sku="TEA", stock=5000)
    body = order_body(items=[{"productCode": "TEA", "quantity": quantity}])
    assert error_fields(rejected_order(program, body, 422, "invalid_request")) == ["items.0.quantity"]


def test_repeated_items_cannot_exceed_the_maximum_quantity(program: Program) -> None:
    make_product(sku="TEA", stock=200_000)
    problem = rejected_order(program, order_body(("TEA", 60_000), ("TEA", 60_000)), 422, "invalid_value")
    assert error_fields(problem) == ["items.1.quantity"]


def test_it_rejects_an_amount_that_is_too_large(program: Program) -> None:
    make_product(sku="GOLD", price=10**12, stock=100)
    assert error_fields(rejected_order(program, order_body(("GOLD", 11)), 422, "invalid_value")) == [
        "items.0.quantity"
    ]


def test_a_wholesale_order_can_have_hundreds_of_items(program: Program) -> None:
    sold = [make_product(f"Thing {number}", sku=f"T-{number}", stock=5000) for number in range(300)]
    order = program.post("/api/orders", order_body(*((each.sku, 1200) for each in sold)))
    assert order.status_code == 201, order.text
    assert counters(sold[-1]) == (5000, 1200)
    assert len(order.json["attributes"]["items"]) == 300


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "paid"}, "status"),
        ({"items": []}, "items"),
        ({"items": [{"quantity": 1}]}, "items.0.productCode"),
        ({"email": "nobody"}, "email"),
        ({"shippingAddress": {**ADDRESS, "country": "XX"}}, "shippingAddress.country"),
        ({"shippingAddress": {**ADDRESS, "country": "JPN"}}, "shippingAddress.country"),
        ({"shippingAddress": {**ADDRESS, "postalCode": "SW1A 1AA"}}, "shippingAddress.postalCode"),
        ({"paymentMethod": "barter"}, "paymentMethod"),
        ({"shippingMethod": "pigeon"}, "shippingMethod"),
        ({"email": "", "customerId": "", "shippingAddress": ADDRESS}, "shippingAddress.name"),
        ({"note": "\u0000"}, "note"),
        ({"phone": "1\n2"}, "phone"),
        ({"customerId": "CUST\u2028001"}, "customerId"),
        ({"shippingAddress": {**ADDRESS, "city": "Tokyo\r\nPlease pay to"}}, "shippingAddress.city"),
        ({"locale": "jp"}, "locale"),
        ({"locale": "en_QQ"}, "locale"),
        ({"total": 15.001}, "total"),
    ],
)
def test_an_invalid_field_is_rejected_by_name(program: Program, change: dict[str, Any], field: str) -> None:
    make_product(sku="TEA")
    answer = program.post("/api/orders", {**order_body(("TEA", 1)), **change})
    assert answer.status_code == 422, answer.text
    assert error_fields(answer.json) == [field]
    assert count_orders() == 0


@pytest.mark.parametrize("body", ["", "{", "[1", '{"items": NaN}', "\x00", '{"a":' * 5000])
def test_it_rejects_an_order_that_is_not_json(program: Program, body: str) -> None:
    rejected_order(program, body, 400, "malformed_request")


def test_it_rejects_a_form(program: Program) -> None:
    answer = program.post("/api/orders", "items=1", Content_Type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")


def customer_page() -> str:
    """Return the address of the only order's page, which the API does not tell."""
    db.session.close()
    return f"/orders/{db.session.scalars(select(Order.token)).one()}"

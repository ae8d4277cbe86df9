"""A form acts once, however often it is sent; what was corrected, or never acted, can be sent again."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from commerce import clock
from commerce.db import db
from commerce.form_submissions import FormSubmission
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.worker import jobs, purge_sent_forms
from tests.factories.shop import make_product
from tests.support.visitor import Visitor

HTMX = {"HX-Request": "true"}


def count(page: Any) -> str:
    return next(each.get("data-count", "") for each in page.root.iter() if each.get("data-count"))


def units(visitor: Visitor) -> str:
    return count(visitor.get("/cart"))


def kept() -> int:
    db.session.close()
    return db.session.scalar(select(func.count()).select_from(FormSubmission)) or 0


def test_a_double_click_on_add_to_cart_adds_one(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    form = ann.get(make_product().path).form("Add to cart")
    assert "was added to your cart" in form.send().text
    again = form.send()
    assert again.heading == "Your cart"
    assert "You sent this twice. It was done once." in again.text
    assert units(ann) == "1"


def test_the_second_click_of_a_browser_that_never_got_the_first_answer_shows_the_same_cart(
    app: Flask, in_shop: Shop
) -> None:
    ann = Visitor(app)
    form = ann.get(make_product().path).form("Add to cart")
    form.send()
    ann.client.delete_cookie("cart", domain="demo.localhost")
    assert form.send().heading == "Your cart"
    assert units(ann) == "1"


def test_the_same_page_opened_again_adds_one_more(app: Flask, in_shop: Shop) -> None:
    ann, tea = Visitor(app), make_product()
    for _ in range(2):
        ann.get(tea.path).form("Add to cart").send()
    assert units(ann) == "2"


def test_another_quantity_after_the_back_button_is_another_deed(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    form = ann.get(make_product().path).form("Add to cart")
    form.send()
    form.fill({"Quantity": "3"}).send()
    assert units(ann) == "4"


def test_a_form_that_was_refused_can_be_sent_again(app: Flask, in_shop: Shop) -> None:
    ann, tea = Visitor(app), make_product(stock=1)
    form = ann.get(tea.path).form("Add to cart")
    ann.get(tea.path).form("Add to cart").send()
    assert form.send().status == 422
    assert kept() == 1
    ann.get("/cart").form("Remove").send("Remove")
    assert form.send().heading == "Your cart"
    assert units(ann) == "1"


def test_htmx_is_reported_in_the_place_of_problems(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    form = ann.get(make_product().path).form("Add to cart")
    first, second = (ann.client.post(form.action, data=form.values, headers=HTMX) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.headers["HX-Retarget"] == "#problems"
    assert "This was already done." in second.text
    assert units(ann) == "1"


@pytest.mark.parametrize("form_id", ["", "x", "a" * 300, "\0" * 30, "é" * 30])
def test_a_made_up_id_does_no_harm(app: Flask, in_shop: Shop, form_id: str) -> None:
    ann, tea = Visitor(app), make_product()
    fields = {"variant_id": str(tea.variant_id), "quantity": "1", "form_id": form_id}
    for _ in range(2):
        assert ann.post("/cart/lines", fields).status_code == 303
    assert units(ann) == "2"


def test_the_id_of_somebody_else_is_another_form(app: Flask, in_shop: Shop) -> None:
    ann, bob, tea = Visitor(app), Visitor(app), make_product()
    form = ann.get(tea.path).form("Add to cart")
    form.send()
    assert bob.post(form.action, {**form.values, "csrf_token": bob.token()}).status_code == 303
    assert (units(ann), units(bob)) == ("1", "1")


def test_sent_forms_are_forgotten_after_a_day(app: Flask, shop: Shop, other_shop: Shop) -> None:
    assert purge_sent_forms in [job.run for job in jobs()]
    with app.app_context():
        for each in (shop, other_shop):
            with shop_scope(each):
                path = make_product().path
            Visitor(app, each.host).get(path).form("Add to cart").send()
        with time_machine.travel(clock.now() + timedelta(hours=23), tick=False):
            assert purge_sent_forms() == 0
        with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
            assert purge_sent_forms() == 2
        with shop_scope(other_shop):
            assert kept() == 0

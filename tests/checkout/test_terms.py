"""The terms at checkout: linked, ticked where the shop wants it, and kept with the order as they were."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.content.models import ContentPage
from commerce.content.services import PageValues, change_page, create_page, withdraw_page
from commerce.db import db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.settings import change_settings
from tests.admin.conftest import desk, signed_in
from tests.checkout.pages import CARD, to_review
from tests.factories.shop import Sold, make_product
from tests.support.client import ShopClient
from tests.support.visitor import Page, Visitor

__all__ = ["desk", "signed_in"]


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(stock=50)


def write_terms(text: str, *, shop: Shop, policy: ContentPage | None = None) -> ContentPage:
    with shop_scope(get_shop(shop.id)):
        if policy is None:
            create_page(PageValues("Our terms", text), policy="terms", publish=True)
        else:
            change_page(policy.id, PageValues("Our terms", text), seen_version=policy.version, publish=True)
        return db.session.scalars(select(ContentPage)).one()


def ask_for_a_tick(shop: Shop) -> None:
    change_settings(shop.id, {"terms_tick": True}, seen_version=get_shop(shop.id).version)


def accepted() -> tuple[Any, ...]:
    db.session.close()
    order = db.session.scalars(select(Order)).one()
    return order.accepted_terms_version, order.accepted_terms_ticked, order.accepted_terms_id is not None


def place(page: Page, **extra: str) -> Page:
    return page.form("Place order").fill({"Card number": CARD}).send("Place order", **extra)


def test_without_terms_nothing_is_asked(app: Flask, tea: Sold) -> None:
    page = to_review(Visitor(app), (tea, 1))
    assert "you accept" not in page.text
    place(page)
    assert accepted() == (0, False, False)


def test_terms_are_linked_and_kept_with_the_order(
    app: Flask, in_shop: Shop, tea: Sold, desk: ShopClient
) -> None:
    policy = write_terms("You pay, we send.", shop=in_shop)
    page = to_review(Visitor(app), (tea, 1))
    assert "By placing your order you accept: Our terms" in page.text
    assert 'href="/policies/terms"' in page.response.text
    place(page)
    assert accepted() == (1, False, True)
    write_terms("Something else.", shop=in_shop, policy=policy)
    order = db.session.scalars(select(Order)).one()
    shown = desk.get(f"/admin/orders/{order.code}").text
    assert "accepted with the order on" in shown
    kept = desk.get(f"/admin/pages/versions/{order.accepted_terms_id}").text
    assert "You pay, we send." in kept
    assert "Version 1 as it was published" in kept


def test_a_box_that_has_to_be_ticked(app: Flask, in_shop: Shop, tea: Sold) -> None:
    write_terms("You pay, we send.", shop=in_shop)
    ask_for_a_tick(in_shop)
    page = to_review(Visitor(app), (tea, 1))
    assert "I have read and accept: Our terms" in page.text
    refused = place(page)
    assert refused.status == 422
    assert "Accept the terms to place your order." in refused.text
    assert db.session.scalar(select(Order.id)) is None
    placed = place(refused, agrees="1")
    assert placed.path.startswith("/orders/")
    assert accepted() == (1, True, True)


def test_terms_that_changed_meanwhile_are_shown_first(app: Flask, in_shop: Shop, tea: Sold) -> None:
    policy = write_terms("You pay, we send.", shop=in_shop)
    ask_for_a_tick(in_shop)
    page = to_review(Visitor(app), (tea, 1))
    policy = write_terms("You pay more.", shop=in_shop, policy=policy)
    again = place(page, agrees="1")
    assert again.status == 409
    assert "The terms changed while you were ordering." in again.text
    with shop_scope(get_shop(in_shop.id)):
        withdraw_page(policy.id, seen_version=policy.version)
    once_more = place(again, agrees="1")
    assert once_more.status == 409
    assert "accept" not in once_more.form("Place order").values
    place(once_more)
    assert accepted() == (0, False, False)


def test_a_form_with_a_wrong_version_of_the_terms_orders_nothing(
    app: Flask, in_shop: Shop, tea: Sold
) -> None:
    write_terms("You pay, we send.", shop=in_shop)
    page = to_review(Visitor(app), (tea, 1))
    for wrong in ("x" * 40, "", "00000000-0000-0000-0000-000000000000"):
        assert place(page, shown_terms=wrong).status in (409, 422)
    assert db.session.scalar(select(Order.id)) is None

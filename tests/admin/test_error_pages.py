"""What goes wrong in the back office is said there, and what was typed can be read."""

from flask import Flask

from commerce.tenants.models import Shop
from tests.factories.staff import PASSWORD, make_staff
from tests.support.visitor import Visitor


def test_staff_see_their_own_pages_and_what_they_typed(app: Flask, in_shop: Shop) -> None:
    make_staff("owner", name="Bob")
    bob = Visitor(app)
    bob.get("/admin/sign-in").form("Sign in").fill({"Email": "owner@shop.test", "Password": PASSWORD}).send()
    for path in ("/admin/orders/NO-SUCH", "/admin/nowhere", "/admin/products/none"):
        page = bob.get(path)
        assert (page.status, page.heading) == (404, "Not found"), path
        assert page.text.count("Not found") == 1, path
        assert "View cart" not in page.response.text
        assert 'action="/search"' not in page.response.text
    typed = {"csrf_token": bob.token(), "text": "Call <b>before</b> delivery", "password": "secret words"}
    page = bob.request("post", "/admin/orders/NO-SUCH/notes", typed)
    assert page.status == 404
    assert "Call <b>before</b> delivery" in page.text
    assert "secret words" not in page.response.text


def test_shoppers_keep_theirs(app: Flask, in_shop: Shop) -> None:
    page = Visitor(app).get("/nowhere")
    assert (page.status, page.heading) == (404, "This page does not exist")


def test_what_another_site_sent_is_not_shown(app: Flask, in_shop: Shop) -> None:
    page = Visitor(app).request("post", "/cart/lines", {"quantity": "Call this number"})
    assert page.status == 400
    assert "Call this number" not in page.response.text

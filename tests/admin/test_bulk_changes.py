"""Bulk changes in the browser: tick, preview, run, see what was left out, undo."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select, update

from commerce.catalog.models import Product, Variant
from commerce.catalog.update_product import change_product
from commerce.csv_files import BOM
from commerce.db import atomic, db
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.bulk.many import make_many
from tests.bulk.test_plans import run
from tests.factories.staff import csrf_token, post
from tests.support.client import ShopClient

PRICE = {"direction": "raise", "percent": "5", "amount": "", "compare_at": "keep"}


@pytest.fixture
def products(in_shop: Shop) -> list[uuid.UUID]:
    return make_many(40)


def choose(client: ShopClient, **fields: Any) -> Any:
    token = csrf_token(client.get("/admin/products").text)
    return client.post(
        "/admin/products/bulk-changes", data={"csrf_token": token, "kind": "products.price", **fields}
    )


def version(page: str) -> str:
    return re.findall(r'name="version" value="(\d+)"', page)[-1]


def prices() -> list[int]:
    db.session.close()
    return sorted(db.session.scalars(select(Variant.price)))


def test_ticked_products_are_previewed_changed_and_put_back(
    desk: ShopClient, products: list[uuid.UUID]
) -> None:
    page = desk.get("/admin/products").text
    assert "All 40 that match" in page
    assert page.count('form="bulk"') == 30, "a box for each row of the page, wherever the form stands"
    answer = choose(desk, id=[str(each) for each in products[:3]])
    assert answer.status_code == 303
    here = answer.location
    assert "3 products, chosen in the list" in desk.get(here).text
    assert post(desk, here, PRICE | {"version": version(desk.get(here).text)}).status_code == 303
    page = desk.get(here).text
    assert "$30.30 → $31.83" in page
    assert "Change 3 products" in page
    assert set(prices()) == {1010}
    assert post(desk, f"{here}/start", {"version": version(page)}).status_code == 303
    assert 'data-hx-trigger="every 2s"' in desk.get(here).text
    run()
    page = desk.get(here).text
    assert "Changed: <strong>3</strong>" in page
    assert prices()[-3:] == [1061] * 3
    assert prices()[0] == 1010
    assert post(desk, f"{here}/undo", {}).status_code == 303
    run()
    assert set(prices()) == {1010}
    assert "Undone: <strong>3</strong>" in desk.get(here).text
    assert here in desk.get("/admin/bulk-changes").text


def test_everything_that_matches_is_frozen_when_it_is_chosen(
    desk: ShopClient, products: list[uuid.UUID]
) -> None:
    @atomic
    def hide(count: int) -> None:
        db.session.execute(update(Product).where(Product.id.in_(products[:count])).values(status="draft"))

    hide(5)
    here = choose(desk, kind="products.status", everything="1", status="draft", id=str(products[9])).location
    assert "5 products, all that match: status draft" in desk.get(here).text
    hide(8)
    post(desk, here, {"status": "archived", "version": version(desk.get(here).text)})
    post(desk, f"{here}/start", {"version": version(desk.get(here).text)})
    run()
    db.session.close()
    statuses = list(db.session.scalars(select(Product.status).order_by(Product.id)))
    assert statuses == ["archived"] * 5 + ["draft"] * 3 + ["active"] * 32


def test_what_somebody_else_has_changed_is_listed(desk: ShopClient, products: list[uuid.UUID]) -> None:
    here = choose(desk, kind="products.tags", everything="1").location
    post(desk, here, {"add": "sale, new", "remove": "", "version": version(desk.get(here).text)})
    page = desk.get(here).text
    change_product(products[0], seen_version=None, values={"title": "Renamed"})
    post(desk, f"{here}/start", {"version": version(page)})
    run()
    page = desk.get(here).text
    assert "Changed by someone else" in page
    assert "Renamed</a>" in page
    rows = desk.get(f"{here}/rows.csv").get_data(as_text=True)
    assert rows.startswith(f"{BOM}Name,Code,Result,Reason")
    assert rows.count(",done,") == 39
    assert rows.count(",conflict,Someone else changed this") == 1


def test_nothing_ticked_changes_nothing_and_says_so(desk: ShopClient, products: list[uuid.UUID]) -> None:
    answer = choose(desk)
    assert answer.location == "/admin/products"
    assert "Choose at least one row first." in desk.get("/admin/products").text
    assert choose(desk, id="not an id").location == "/admin/products"


def test_what_is_typed_wrong_is_said_at_its_field_and_kept(
    desk: ShopClient, products: list[uuid.UUID]
) -> None:
    here = choose(desk, everything="1").location
    seen = version(desk.get(here).text)
    answer = post(desk, here, PRICE | {"percent": "much", "version": seen})
    assert answer.status_code == 422
    assert 'value="much"' in answer.text
    answer = post(desk, here, PRICE | {"amount": "3", "version": seen})
    assert answer.status_code == 422
    assert "Enter either a percentage or an amount." in answer.text


def test_an_old_preview_is_not_started(desk: ShopClient, products: list[uuid.UUID]) -> None:
    here = choose(desk, everything="1").location
    post(desk, here, PRICE | {"version": version(desk.get(here).text)})
    old = version(desk.get(here).text)
    post(desk, here, PRICE | {"percent": "50", "version": old})
    assert post(desk, f"{here}/start", {"version": old}).status_code == 409
    run()
    assert set(prices()) == {1010}


def test_a_change_is_paused_resumed_or_discarded(desk: ShopClient, products: list[uuid.UUID]) -> None:
    here = choose(desk, everything="1").location
    post(desk, here, PRICE | {"version": version(desk.get(here).text)})
    post(desk, f"{here}/start", {"version": version(desk.get(here).text)})
    assert post(desk, f"{here}/removal", {}).status_code == 409
    assert post(desk, f"{here}/pause", {}).status_code == 303
    run()
    assert set(prices()) == {1010}
    assert post(desk, f"{here}/resume", {}).status_code == 303
    run()
    assert set(prices()) == {1061}
    assert post(desk, f"{here}/pause", {}).status_code == 409
    other = choose(desk, everything="1").location
    assert post(desk, f"{other}/removal", {}).location == "/admin/products"
    assert desk.get(other).status_code == 404


def test_only_those_who_change_products_change_many(
    signed_in: SignedIn, desk: ShopClient, products: list[uuid.UUID]
) -> None:
    here = choose(desk, everything="1").location
    rita = signed_in("readonly")
    page = rita.get("/admin/products").text
    assert 'form="bulk"' not in page
    assert choose(rita, everything="1").status_code == 403
    assert rita.get(here).status_code == 200
    for step in ("", "/start", "/pause", "/removal"):
        assert post(rita, f"{here}{step}", PRICE | {"version": "1"}).status_code == 403

"""Collections in the back office."""

from commerce.db import db
from commerce.tenants.models import Shop
from tests.factories.catalog import Made, put_up
from tests.factories.staff import post
from tests.support.client import ShopClient

LIST = "/admin/collections"


def test_smoke(desk: ShopClient, in_shop: Shop) -> None:
    put_up("Red mug", Made(price=900), tags=["Sale"])
    put_up("Blue mug", Made(price=1900), tags=["sale"])
    put_up("Plate", Made(price=1900, stock=0), tags=["sale"])
    db.session.close()
    assert desk.get(LIST).status_code == 200
    assert desk.get(f"{LIST}/new").status_code == 200
    assert desk.get(f"{LIST}/new?kind=rules").status_code == 200
    base = {"kind": "rules", "title": "Sale", "published": "y", "matches": "all", "product_order": "price"}
    answer = post(desk, LIST, {**base, "do": "add", "add": "tag"})
    assert answer.status_code == 200, answer.text
    assert 'name="c0-fact"' in answer.text
    answer = post(
        desk,
        LIST,
        {**base, "c0-fact": "tag", "c0-value": "SALE", "c1-fact": "stock", "c1-value": "in", "do": "count"},
    )
    assert answer.status_code == 200
    assert "2 products match" in answer.text
    answer = post(
        desk, LIST, {**base, "c0-fact": "tag", "c0-value": "SALE", "c1-fact": "stock", "c1-value": "in"}
    )
    assert answer.status_code == 303, answer.text
    where = answer.headers["Location"]
    assert "2 products match" in desk.get(where).text
    shown = desk.get("/collections/sale")
    assert shown.status_code == 200
    assert "Red mug" in shown.text and "Blue mug" in shown.text and "Plate" not in shown.text
    assert shown.text.index("Red mug") < shown.text.index("Blue mug")
    assert "/collections/sale" in desk.get("/sitemap.xml").text

"""Products by hand: find one, rename it, hide it, change its prices; two at once do not overwrite each other."""

import re
from typing import Any

import pytest
from sqlalchemy import select, update

from commerce.admin.products import queries
from commerce.catalog.models import Product, Variant
from commerce.csv_files import BOM
from commerce.db import atomic, db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.catalog import Made, put_up
from tests.factories.shop import Sold, make_product
from tests.factories.staff import post
from tests.security.walk import Reader
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", price=1250, stock=10)


def state(sold: Sold) -> tuple[Any, ...]:
    db.session.close()
    row = db.session.execute(
        select(
            Product.title,
            Product.status,
            Product.version,
            Variant.price,
            Variant.compare_at,
            Variant.active,
            Variant.version,
        )
        .join(Variant, (Variant.tenant_id == Product.tenant_id) & (Variant.product_id == Product.id))
        .where(Product.id == sold.product_id)
    ).one()
    db.session.close()
    return tuple(row)


def filled(client: ShopClient, slug: str = "green-tea", **changes: str) -> dict[str, str]:
    """Return what the form on the page would send, with changes; fields of the variant by their last word."""
    address = f"/admin/products/{slug}"
    form = next(
        each for each in Reader(address, client.get(address).text).forms if each.action.endswith(address)
    )
    data = dict(form.values)
    for name, value in changes.items():
        key = next(field for field in data if field == name or field.endswith(f"-{name}"))
        data[key] = value
    return data


def save(client: ShopClient, data: dict[str, str], slug: str = "green-tea") -> Any:
    data.pop("csrf_token", None)
    return post(client, f"/admin/products/{slug}", data)


def test_the_list_shows_hidden_products_too(desk: ShopClient, tea: Sold) -> None:
    make_product("Kettle", sku="KET-9", price=9900)
    save(desk, filled(desk, status="draft"))
    page = desk.get("/admin/products").text
    assert re.findall(r'<a href="/admin/products/([^"]+)">', page) == ["green-tea", "kettle"]
    assert "$12.50" in page
    assert re.findall(
        r'<a href="/admin/products/([^"]+)">', desk.get("/admin/products?status=draft").text
    ) == ["green-tea"]
    assert re.findall(r'<a href="/admin/products/([^"]+)">', desk.get("/admin/products?q=ket-").text) == [
        "kettle"
    ]
    assert "No products match" in desk.get("/admin/products?q=%25").text
    assert desk.get("/admin/products?q=%00&status=x&page=x").status_code == 200


def listed(client: ShopClient, query: str) -> list[str]:
    return re.findall(r'<a href="/admin/products/([^"]+)">', client.get(f"/admin/products?{query}").text)


@atomic
def change_variant(sku: str, **values: Any) -> None:
    db.session.execute(update(Variant).where(Variant.sku == sku).values(values))


@atomic
def put_up_types(count: int) -> None:
    db.session.add_all(
        Product(slug=f"p{n}", title=f"P{n}", product_type=f"Type {n % count:03}") for n in range(2 * count)
    )


def test_the_list_finds_words_of_a_title_sku_barcode_and_vendor(desk: ShopClient, in_shop: Shop) -> None:
    put_up("Iron teapot", Made(sku="KT-100/B"), slug="teapot", vendor="Nambu Works", product_type="Pots")
    put_up("Teacup", Made(sku="CUP-1"), slug="cup")
    change_variant("KT-100/B", barcode="4006381333931")
    change_variant("CUP-1", active=False)
    for found in ("teapot", "iron", "kt-100", "KT-100/B", "4006381333931", "nambu", "works", "pots"):
        assert listed(desk, f"q={found}") == ["teapot"], found
    assert listed(desk, "q=CUP-1") == ["cup"], "the SKU of a variant that is off sale"
    assert listed(desk, "q=400638133393") == [], "a part of a barcode is none"
    assert 'href="/admin/products/teapot"' in desk.get("/admin/search?q=4006381333931").text
    assert "KT-100/B" in desk.get("/admin/stock?q=4006381333931").text


def test_the_list_is_narrowed_by_type_and_vendor_and_a_bulk_change_with_it(
    desk: ShopClient, in_shop: Shop
) -> None:
    put_up("Mug", slug="mug", vendor="Kiln", product_type="Cups")
    put_up("Bowl", slug="bowl", vendor="Kiln", product_type="Bowls", status="draft")
    put_up("Plate", slug="plate")
    assert listed(desk, "type=Cups") == ["mug"]
    assert listed(desk, "vendor=Kiln") == ["bowl", "mug"]
    assert listed(desk, "vendor=Kiln&status=draft&q=bowl") == ["bowl"]
    assert listed(desk, "vendor=Kiln&type=Plates") == []
    page = desk.get("/admin/products?vendor=Kiln").text
    assert '<option value="Kiln" selected>' in page
    assert re.findall(r'<option value="(Bowls|Cups)">', page) == ["Bowls", "Cups"]
    assert "/admin/products?vendor=Kiln&amp;status=draft" in page, "a tab keeps the filter"
    sent = {"everything": "1", "kind": "products.tags", "vendor": "Kiln", "type": "Cups"}
    plan = desk.get(post(desk, "/admin/products/bulk-changes", sent).location).text
    assert "type Cups, vendor Kiln" in plan


def test_types_are_offered_at_the_cost_of_how_many_there_are(desk: ShopClient, in_shop: Shop) -> None:
    put_up_types(queries.MOST_KNOWN + 5)
    known = queries.known_values()
    assert (len(known["product_type"]), known["vendor"]) == (queries.MOST_KNOWN, [])


def test_a_new_price_is_the_price_in_the_shop(desk: ShopClient, tea: Sold) -> None:
    answer = save(desk, filled(desk, price="9.90", compare_at="12.50"))
    assert (answer.status_code, answer.location) == (303, "/admin/products/green-tea")
    assert state(tea)[3:6] == (990, 1250, True)
    assert "$9.90" in desk.get("/products/green-tea").text


def test_a_new_title_is_found_by_search(desk: ShopClient, tea: Sold) -> None:
    save(desk, filled(desk, title="  Emerald leaves "))
    assert state(tea)[0] == "Emerald leaves"
    assert "Emerald leaves" in desk.get("/search?q=emerald").text


def test_hiding_takes_it_out_of_the_shop_and_back(desk: ShopClient, tea: Sold) -> None:
    save(desk, filled(desk, status="draft"))
    assert desk.get("/products/green-tea").status_code == 404
    assert "Hidden from the shop" in desk.get("/admin/products/green-tea").text
    save(desk, filled(desk, status="active"))
    assert desk.get("/products/green-tea").status_code == 200


def test_a_variant_can_be_taken_off_sale(desk: ShopClient, tea: Sold) -> None:
    data = filled(desk)
    del data[next(name for name in data if name.endswith("-active"))]
    save(desk, data)
    assert state(tea)[5] is False


def test_saving_what_is_there_already_changes_nothing(desk: ShopClient, tea: Sold) -> None:
    before = state(tea)
    assert save(desk, filled(desk)).status_code == 303
    assert state(tea) == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", "", "enter a title"),
        ("title", "   ", "Enter a title of 1 to"),
        ("title", "x" * 501, "500 characters"),
        ("title", "with \x00 in it", "punctuation only"),
        ("status", "sold", "choose a status"),
        ("price", "", "enter a price"),
        ("price", "1,250", "can be read in two ways"),
        ("price", "12,5,0", "t a valid amount"),
        ("price", "12.505", "too many decimal places"),
        ("price", "-1", "cannot be negative"),
        ("price", "1e9", "t a valid amount"),
        ("price", "9" * 20, "too large"),
        ("compare_at", "cheap", "t a valid amount"),
        ("version", "", "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, tea: Sold, field: str, value: str, said: str
) -> None:
    before = state(tea)
    answer = save(desk, filled(desk, **{field: value}))
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="error-summary"' in answer.text
    assert state(tea) == before


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, tea: Sold
) -> None:
    mine = filled(desk, price="8.00", title="Bob's tea")
    assert save(signed_in(name="Alice"), filled(desk, price="9.00")).status_code == 303
    after_alice = state(tea)
    answer = save(desk, mine)
    assert answer.status_code == 409
    assert state(tea) == after_alice
    rows = re.findall(r'<th scope="row">([^<]+)</th><td>([^<]*)</td><td>([^<]*)</td>', answer.text)
    assert rows == [("Title", "Green tea", "Bob&#39;s tea"), ("TEA-1, Price", "9.00", "8.00")]
    again = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="(\d+)">', answer.text))
    assert save(desk, mine | again).status_code == 303
    assert (state(tea)[0], state(tea)[3]) == ("Bob's tea", 800)


def test_a_page_that_was_refused_for_an_error_is_still_stale(
    desk: ShopClient, signed_in: SignedIn, tea: Sold
) -> None:
    mine = filled(desk, price="nonsense")
    save(signed_in(name="Alice"), filled(desk, price="9.00"))
    refused = save(desk, mine)
    assert refused.status_code == 422
    kept = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="(\d+)">', refused.text))
    price = next(name for name in mine if name.endswith("-price"))
    assert save(desk, mine | kept | {price: "8.00"}).status_code == 409
    assert state(tea)[3] == 900


def test_who_may_only_look_saves_nothing(signed_in: SignedIn, desk: ShopClient, tea: Sold) -> None:
    before = state(tea)
    for role in ("readonly", "support", "fulfilment"):
        client = signed_in(role)
        assert "Save" not in client.get("/admin/products/green-tea").text
        assert save(client, filled(desk, price="1.00")).status_code == 403
    assert state(tea) == before


def test_charlie_finds_no_product_of_alices(
    signed_in: SignedIn, desk: ShopClient, tea: Sold, in_shop: Shop, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    before, data = state(tea), filled(desk, price="0.01")
    assert "Green tea" not in charlie.get("/admin/products").text
    assert charlie.get("/admin/products/green-tea").status_code == 404
    assert save(charlie, data).status_code == 404
    with shop_scope(in_shop):
        assert state(tea) == before


@pytest.mark.parametrize("slug", ["nothing", "x" * 400, "%00", "%ff"])
def test_what_is_no_product_is_not_found(desk: ShopClient, in_shop: Shop, slug: str) -> None:
    assert desk.get(f"/admin/products/{slug}").status_code == 404


def test_prices_without_decimals_stay_whole(signed_in: SignedIn, in_shop: Shop, other_shop: Shop) -> None:
    with shop_scope(other_shop):
        kite = make_product("Kite", sku="KITE-1", price=1200)
    charlie = signed_in("owner", shop=other_shop)
    data = filled(charlie, "kite")
    assert next(value for name, value in data.items() if name.endswith("-price")) == "1200"
    assert (
        save(charlie, data | {next(n for n in data if n.endswith("-price")): "1300.5"}, "kite").status_code
        == 422
    )
    assert (
        save(charlie, data | {next(n for n in data if n.endswith("-price")): "1300"}, "kite").status_code
        == 303
    )
    with shop_scope(other_shop):
        assert state(kite)[3] == 1300


def test_all_products_can_be_taken_away_as_a_file(tea: Sold, signed_in: SignedIn, other_shop: Shop) -> None:
    rita = signed_in("readonly", name="Rita")
    assert 'href="/admin/products.csv"' in rita.get("/admin/products").text

    answer = rita.get("/admin/products.csv")

    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="products.csv"'
    heading, line = answer.text.splitlines()
    assert heading.startswith(f"{BOM}Handle,Title,")
    assert line.startswith("green-tea,Green tea,")
    assert "TEA-1" in line

    charlie = signed_in("owner", shop=other_shop)
    assert charlie.get("/admin/products.csv").text.splitlines() == [heading]
    assert "products.csv" not in charlie.get("/admin/products").text


def test_nobody_takes_the_products_without_signing_in(tea: Sold, client: ShopClient) -> None:
    assert client.get("/admin/products.csv").status_code == 303

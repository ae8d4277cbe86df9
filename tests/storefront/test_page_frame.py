"""What surrounds every page: error pages that help, and the addresses that programs ask for."""

from xml.etree import ElementTree

import pytest
from flask import Flask

from commerce.storefront import sitemap
from commerce.tenants.models import Shop
from tests.factories.catalog import put_up
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements


def test_a_missing_page_offers_a_search_the_categories_and_the_way_home(
    in_shop: Shop, client: ShopClient
) -> None:
    put_up("Bowl", shelves=["Table"])
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    root = parse(answer)
    main = next(find_all(root, "main"))
    links = [link.get("href") for link in find_all(main, "a")]
    assert links == ["/categories/table", "/"]
    assert [form.get("action") for form in find_all(main, "form")] == ["/search"]


def test_an_address_of_no_shop_says_so(app: Flask, shop: Shop, other_shop: Shop) -> None:
    answer = app.test_client(host="nowhere.example").get("/")
    assert answer.status_code == 404
    assert "There is no shop at this address" in text_of(parse(answer))


def test_a_problem_is_a_page_for_browsers_and_a_region_for_htmx(in_shop: Shop, client: ShopClient) -> None:
    page = client.post("/search")
    assert page.status_code == 405
    parse(page)
    region = client.post("/search", headers={"HX-Request": "true"})
    assert region.status_code == 405
    assert region.headers["HX-Retarget"] == "#problems"
    assert region.text.lstrip().startswith("<div")


@pytest.mark.parametrize("address", ["/", "/search", "/products/bowl", "/nothing"])
def test_every_page_has_its_landmarks_and_loads_only_from_this_host(
    in_shop: Shop, client: ShopClient, address: str
) -> None:
    put_up("Bowl", shelves=["Table"])
    root = parse(client.get(address))
    assert [len(list(find_all(root, tag))) for tag in ("header", "main", "footer", "h1", "title")] == [
        1,
        1,
        1,
        1,
        1,
    ]
    skip = next(find_all(root, "a", class_="skip-link"))
    assert skip.get("href") == "#main"
    loaded = [element.get("src") for element in find_all(root, "script") if element.get("src")]
    loaded += [element.get("href") for element in find_all(root, "link") if element.get("rel") != "canonical"]
    assert loaded
    assert all(place and place.startswith("/") and not place.startswith("//") for place in loaded)
    for place in loaded:
        with client.get(place or "") as answer:
            assert answer.status_code == 200


def test_robots_are_kept_out_of_what_is_private(in_shop: Shop, client: ShopClient) -> None:
    rules = client.get("/robots.txt").text
    assert "Disallow: /checkout\n" in rules
    assert "Sitemap: http://demo.localhost/sitemap.xml" in rules


def test_the_sitemap_names_what_is_sold(in_shop: Shop, client: ShopClient) -> None:
    put_up("Bowl & spoon", slug="bowl-&-spoon", shelves=["Table"])
    put_up("Draft", status="draft")
    root = ElementTree.fromstring(client.get("/sitemap.xml").text)  # noqa: S314 - our own answer
    assert [text_of(place) for place in root] == [
        "http://demo.localhost/",
        "http://demo.localhost/categories/table",
        "http://demo.localhost/products/bowl-%26-spoon",
    ]


def test_more_pages_than_one_sitemap_holds_are_in_several(
    in_shop: Shop, client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap, "SITEMAP_SIZE", 3)
    for number in range(5):
        put_up(f"Bowl {number}", slug=f"bowl-{number}", shelves=["Table"])
    put_up("Draft", status="draft")
    root = ElementTree.fromstring(client.get("/sitemap.xml").text)  # noqa: S314 - our own answer
    assert root.tag.endswith("}sitemapindex")
    files = [text_of(place) for place in root]
    assert files == [f"http://demo.localhost/sitemap-{number}.xml" for number in (1, 2, 3)]
    named = []
    for file in files:
        with count_statements() as statements:
            part = ElementTree.fromstring(client.get(file.partition(".localhost")[2]).text)  # noqa: S314 - our own answer
        assert len(statements) <= 5
        assert part.tag.endswith("}urlset")
        assert 0 < len(part) <= 3
        named += [text_of(place).removeprefix("http://demo.localhost") for place in part]
    assert named == ["/", "/categories/table", *(f"/products/bowl-{number}" for number in range(5))]
    for number in ("0", "4", "99999999999999999999"):
        assert client.get(f"/sitemap-{number}.xml").status_code == 404


def test_the_sign_of_the_shop_is_in_its_colour(in_shop: Shop, client: ShopClient) -> None:
    for address in ("/favicon.svg", "/favicon.ico"):
        answer = client.get(address)
        assert answer.mimetype == "image/svg+xml"
        assert "#2f4a3c" in answer.text

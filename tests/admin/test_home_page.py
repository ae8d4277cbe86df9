"""The home page in sections: a draft that nobody sees, published at once, and today's page until then."""

import io
import uuid
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from commerce.catalog.categories import CategoryValues, create_category, delete_category
from commerce.catalog.collections import (
    CollectionValues,
    add_chosen,
    create_collection,
    delete_collection,
    get_collection,
)
from commerce.content.home_page import SectionValues, add_section, customize_home, publish_home
from commerce.content.models import HomePage, HomeSection
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, submit
from tests.factories.catalog import put_up, put_up_many
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements

PAGE = "/admin/home-page"
SECTIONS = f"{PAGE}/sections"


def headings(html: Any) -> list[str]:
    """Return the headings of the page's main part, each with its level."""
    main = next(find_all(parse(html), "main"))
    return [f"{tag} {text_of(element)}" for tag in ("h1", "h2") for element in find_all(main, tag)]


def picture() -> tuple[io.BytesIO, str]:
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "#8f3524").save(out, "PNG")
    out.seek(0)
    return out, "basket.png"


def add(desk: ShopClient, kind: str, **values: Any) -> Any:
    return submit(desk, SECTIONS, filled(desk, f"{SECTIONS}/new?kind={kind}", SECTIONS, **values))


def made(desk: ShopClient, kind: str, **values: Any) -> str:
    """Add a section to the draft and return the address of its form."""
    answer = add(desk, kind, **values)
    assert answer.status_code == 303, answer.text
    return f"{SECTIONS}/{uuid.UUID(answer.headers['Location'].rpartition('#s')[2])}"


def press(desk: ShopClient, action: str, **values: Any) -> Any:
    return submit(desk, action, changed(desk.get(PAGE).text, action, **values))


def publish(desk: ShopClient) -> None:
    assert press(desk, f"{PAGE}/publication").status_code == 303


def emptied(desk: ShopClient) -> None:
    """Begin a draft and take everything out of it."""
    assert submit(desk, PAGE, filled(desk, PAGE)).status_code == 303
    sections = db.session.scalars(select(HomeSection.id)).all()
    db.session.close()
    for section in sections:
        assert press(desk, f"{SECTIONS}/{section}/removal").status_code == 303


def test_until_it_is_published_the_home_page_is_what_it_was(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    put_up("Bowl", shelves=["Table"])
    before = client.get("/").text
    assert "made automatically" in desk.get(PAGE).text
    made(desk, "text", title="Opening hours", body_html="Nine to five.")
    assert client.get("/").text == before
    preview = desk.get(f"{PAGE}/preview")
    assert headings(preview) == [
        f"h1 {in_shop.name}",
        "h2 Shop by category",
        "h2 New arrivals",
        "h2 Opening hours",
    ]
    assert "Preview." in preview.text
    assert 'name="robots" content="noindex"' in preview.text
    publish(desk)
    shown = client.get("/")
    assert headings(shown) == headings(preview)
    assert "Nine to five." in shown.text
    assert "Preview." not in shown.text
    assert [line for line in before.splitlines() if "og:" in line or "canonical" in line] == [
        line for line in shown.text.splitlines() if "og:" in line or "canonical" in line
    ]


def test_a_draft_is_published_at_once_or_discarded(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    emptied(desk)
    assert press(desk, f"{PAGE}/publication").status_code == 409
    text = made(desk, "text", title="First", body_html="One.")
    publish(desk)
    assert headings(client.get("/")) == [f"h1 {in_shop.name}", "h2 First"]
    assert submit(desk, text, filled(desk, text, title="Second")).status_code == 303
    made(desk, "hero", title="Welcome")
    assert headings(client.get("/")) == [f"h1 {in_shop.name}", "h2 First"]
    assert headings(desk.get(f"{PAGE}/preview")) == ["h1 Welcome", "h2 Second"]
    assert "Unpublished changes" in desk.get(PAGE).text
    assert press(desk, f"{PAGE}/reversion").status_code == 303
    assert headings(desk.get(f"{PAGE}/preview")) == [f"h1 {in_shop.name}", "h2 First"]
    assert "Unpublished changes" not in desk.get(PAGE).text
    assert desk.get(text).status_code == 404  # it is a copy of what was published
    assert press(desk, f"{PAGE}/deletion").status_code == 303
    db.session.close()
    assert db.session.scalars(select(HomeSection)).all() == []
    assert "There are no products yet" in client.get("/").text


def test_sections_are_ordered_and_removed(desk: ShopClient, in_shop: Shop) -> None:
    emptied(desk)
    one, two, three = (made(desk, "text", title=title, body_html="x") for title in ("One", "Two", "Three"))

    def order() -> list[str]:
        return [each.removeprefix("h2 ") for each in headings(desk.get(f"{PAGE}/preview"))[1:]]

    assert press(desk, f"{three}/position", to="up").status_code == 303
    assert order() == ["One", "Three", "Two"]
    assert press(desk, f"{one}/position", to="down").status_code == 303
    assert order() == ["Three", "One", "Two"]
    assert press(desk, f"{two}/removal").status_code == 303
    assert order() == ["Three", "One"]


def test_a_section_shows_the_first_products_of_a_category(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    table, empty = (
        create_category(CategoryValues("Table", product_order="price")),
        create_category(CategoryValues("Empty")),
    )
    for number in range(4):
        put_up(f"Bowl {number}", shelves=["Table"], day=number)
    put_up("Lamp", shelves=["Light"])
    emptied(desk)
    made(desk, "products", source=f"category:{table}", most="3")
    made(desk, "products", source=f"category:{empty}", title="Nothing in it")
    made(desk, "categories", title="Rooms")
    publish(desk)
    shown = client.get("/")
    assert headings(shown) == [f"h1 {in_shop.name}", "h2 Table", "h2 Rooms"]
    cards = [text_of(each) for each in find_all(parse(shown), "span", class_="card__title")]
    assert cards == ["Bowl 3", "Bowl 2", "Bowl 1"]
    assert "/categories/table" in [
        each.get("href") for each in find_all(next(find_all(parse(shown), "main")), "a")
    ]
    # What is gone is not shown, and is marked.
    delete_category(table, seen_version=1)
    assert headings(client.get("/")) == [f"h1 {in_shop.name}", "h2 Rooms"]
    assert "Not shown: deleted" in desk.get(PAGE).text


def test_a_section_shows_the_first_products_of_a_collection(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    values = CollectionValues("Gifts", kind="chosen", product_order="manual")
    gifts = create_collection(values)
    later = create_collection(replace(values, title="Later", published=False))
    bowl, lamp = put_up("Bowl"), put_up("Lamp")
    for product in (lamp, bowl):
        add_chosen(gifts, [product])
        add_chosen(later, [product])
    emptied(desk)
    made(desk, "products", source=f"collection:{later}", title="Later")
    made(desk, "products", source=f"collection:{gifts}", most="1")
    publish(desk)
    shown = client.get("/")
    assert headings(shown) == [f"h1 {in_shop.name}", "h2 Gifts"]
    assert len(list(find_all(parse(shown), "span", class_="card__title"))) == 1
    assert "Not shown: not published" in desk.get(PAGE).text
    version = get_collection(gifts).version
    delete_collection(gifts, seen_version=version)
    assert headings(client.get("/")) == [f"h1 {in_shop.name}"]
    assert "Not shown: deleted" in desk.get(PAGE).text


def test_a_picture_is_taken_in_kept_by_a_refused_form_and_removed(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    emptied(desk)
    new = f"{SECTIONS}/new?kind=picture"
    without = submit(desk, SECTIONS, filled(desk, new, SECTIONS, title="By hand"))
    assert without.status_code == 422
    assert "Choose an image to upload." in without.text
    no_address = filled(desk, new, SECTIONS, title="By hand", button_label="More", picture_alt="A basket")
    refused = submit(desk, SECTIONS, no_address | {"picture_file": picture()})
    assert refused.status_code == 422
    again = changed(refused.text, SECTIONS, button_address="/search")
    assert submit(desk, SECTIONS, again).status_code == 303
    section = db.session.scalars(select(HomeSection)).one()
    db.session.close()
    assert section.picture.startswith(f"{in_shop.id}/")
    publish(desk)
    image = next(find_all(next(find_all(parse(client.get("/")), "main")), "img"))
    assert (image.get("src"), image.get("alt")) == (f"/media/{section.picture}", "A basket")
    broken = submit(
        desk, SECTIONS, filled(desk, new, SECTIONS) | {"picture_file": (io.BytesIO(b"<svg/>"), "x.svg")}
    )
    assert broken.status_code == 422
    assert "isn&#39;t a JPEG, PNG, or WebP image" in broken.text
    # A hero can do without its picture.
    hero = filled(desk, f"{SECTIONS}/new?kind=hero", SECTIONS, title="Welcome")
    assert submit(desk, SECTIONS, hero | {"picture_file": picture()}).status_code == 303
    hero_id = db.session.scalars(select(HomeSection.id).where(HomeSection.kind == "hero")).one()
    db.session.close()
    address = f"{SECTIONS}/{hero_id}"
    assert submit(desk, address, filled(desk, address, title="Hello")).status_code == 303
    db.session.close()
    assert (
        db.session.scalars(select(HomeSection.picture).where(HomeSection.id == hero_id)).one()
        == section.picture
    )
    assert submit(desk, address, filled(desk, address) | {"picture-remove": "1"}).status_code == 303
    db.session.close()
    assert db.session.scalars(select(HomeSection.picture).where(HomeSection.id == hero_id)).one() == ""


def test_texts_are_cleaned_and_titles_escaped(desk: ShopClient, client: ShopClient, in_shop: Shop) -> None:
    emptied(desk)
    body = '<h1>Hi</h1><script>alert(1)</script><p onclick="x()">See <a href="/pages/faq">this</a></p>'
    made(
        desk,
        "hero",
        title="<b>Bold</b>",
        body_html=body,
        button_label="<i>Go</i>",
        button_address="/search?q=%22><x>",
    )
    made(desk, "text", title="<b>Bold</b>", body_html=body)
    publish(desk)
    for page in (client.get("/").text, desk.get(f"{PAGE}/preview").text, desk.get(PAGE).text):
        for bad in ("<b>Bold", "alert(1)", "onclick", "<i>Go", "<x>"):
            assert bad not in page
    shown = client.get("/")
    assert headings(shown) == ["h1 <b>Bold</b>", "h2 Hi", "h2 <b>Bold</b>", "h2 Hi"]
    assert '<a href="/pages/faq"' in shown.text


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("hero", {}, "Enter a title."),
        ("hero", {"title": "x" * 256}, "At most 255 characters."),
        (
            "hero",
            {"title": "Hi", "button_label": "Go", "button_address": "javascript:alert(1)"},
            "begins with https://",
        ),
        (
            "hero",
            {"title": "Hi", "button_label": "Go", "button_address": "//evil.example"},
            "begins with https://",
        ),
        ("hero", {"title": "Hi", "button_address": "/search"}, "Enter a label for the button"),
        ("text", {"title": "Hi", "body_html": "<script>x</script>"}, "Enter a text."),
        ("text", {"title": "Hi", "body_html": "x" * 10_001}, "At most 10000 characters."),
        ("products", {"source": "category:" + str(uuid.uuid4())}, "Choose a value from the list."),
        ("products", {"source": "everything"}, "Choose a value from the list."),
        ("products", {"most": "25"}, "Enter a whole number from 1 to 24."),
        ("products", {"most": ""}, "Enter a whole number from 1 to 24."),
    ],
)
def test_what_makes_no_sense_is_refused_and_stays_typed(
    desk: ShopClient, in_shop: Shop, kind: str, values: dict[str, str], said: str
) -> None:
    answer = add(desk, kind, **values)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="error-summary"' in answer.text
    typed = changed(answer.text, SECTIONS)
    # A choice that was never offered cannot be shown as chosen.
    kept = {name: [value] for name, value in values.items() if name != "source"}
    assert {name: typed[name] for name in kept} == kept
    assert db.session.scalars(select(HomePage)).all() == []
    assert desk.get(f"{SECTIONS}/new?kind=nonsense").status_code == 404


def test_whoever_was_slower_sees_what_the_other_has_changed(desk: ShopClient, in_shop: Shop) -> None:
    emptied(desk)
    section = made(desk, "text", title="Hours", body_html="x")
    mine, other = filled(desk, section, title="Mine"), filled(desk, section, title="Other")
    buttons = (f"{section}/position", f"{section}/removal", f"{PAGE}/publication", f"{PAGE}/deletion")
    made(desk, "text", title="Second", body_html="x")
    page = desk.get(PAGE).text
    old = [changed(page, action) for action in buttons]
    assert submit(desk, section, filled(desk, section, title="Other")).status_code == 303
    for data in (mine, other):
        assert submit(desk, section, data).status_code == 409
    stale = submit(desk, section, mine)
    assert compared(stale.text) == [("Title", "Other", "Mine")]
    for action, data in zip(buttons, old, strict=True):
        assert submit(desk, action, data).status_code == 409
    assert submit(desk, section, changed(stale.text, section)).status_code == 303
    assert "h2 Mine" in headings(desk.get(f"{PAGE}/preview"))


def test_a_home_page_of_many_sections_stays_cheap(client: ShopClient, in_shop: Shop) -> None:
    put_up_many(30, shelves=["Table"])
    with count_statements() as automatic:
        client.get("/")
    table = create_category(CategoryValues("Dining"))
    customize_home(lambda: [SectionValues("hero", title="Hi"), SectionValues("categories")])
    for _ in range(4):
        add_section(SectionValues("text", title="Text", body_html="x"), list)
    add_section(SectionValues("products", source="category", source_id=table), list)
    add_section(SectionValues("products"), list)
    publish_home(seen_version=7)
    with count_statements() as sections:
        assert client.get("/").status_code == 200
    # One for the sections, and one for each that shows products.
    assert len(sections) <= len(automatic) + 2, sections


def test_some_roles_only_look(
    signed_in: SignedIn, desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    emptied(desk)
    section = made(desk, "text", title="Hours", body_html="x")
    reader = signed_in("readonly")
    for page in (PAGE, section, f"{PAGE}/preview"):
        shown = reader.get(page)
        assert shown.status_code == 200
        for button in (">Save draft<", ">Publish<", ">Remove<", ">Add section<"):
            assert button not in shown.text
    assert reader.get(f"{SECTIONS}/new").status_code == 403
    for address in (
        PAGE,
        SECTIONS,
        section,
        f"{section}/position",
        f"{section}/removal",
        f"{PAGE}/publication",
    ):
        assert post(reader, address, {"version": "2", "title": "x", "kind": "text"}).status_code == 403
    assert "Hours" not in client.get("/").text


def test_another_shop_finds_nothing_and_shows_its_own(
    app: Flask, signed_in: SignedIn, other_shop: Shop, desk: ShopClient, in_shop: Shop
) -> None:
    table = create_category(CategoryValues("Table"))
    section = made(desk, "text", title="Hours", body_html="x")
    data = filled(desk, section, title="Stolen")
    publish(desk)
    charlie = signed_in(shop=other_shop)
    assert charlie.get(section).status_code == 404
    for address in (section, f"{section}/position", f"{section}/removal", f"{PAGE}/publication"):
        assert submit(charlie, address, data).status_code == 404
    assert add(charlie, "products", source=f"category:{table}").status_code == 422
    assert "Hours" not in app.test_client(host=other_shop.host).get("/").text
    with shop_scope(other_shop):
        assert db.session.scalars(select(HomeSection)).all() == []

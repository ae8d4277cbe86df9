"""The main menu and the footer: made by themselves until somebody edits them, then exactly what was put into them."""

import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.catalog.categories import CategoryValues, change_category, create_category, delete_category
from commerce.catalog.collections import CollectionValues, create_collection, delete_collection
from commerce.content.menus import EntryValues, add_entry
from commerce.content.models import MenuEntry
from commerce.content.services import PageValues, create_page, delete_page, withdraw_page
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, submit
from tests.factories.catalog import put_up
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.html import find_all, parse, text_of
from tests.support.statements import count_statements

MAIN, FOOTER = "/admin/menus/main", "/admin/menus/footer"
Link = tuple[str, str | None]


def links(client: ShopClient, part: str = "header", address: str = "/search") -> list[Link]:
    """Return the links of the menu in the header, or of the footer, with where they lead."""
    frame = next(find_all(parse(client.get(address)), part))
    return [
        (text_of(link), link.get("href")) for nav in find_all(frame, "nav") for link in find_all(nav, "a")
    ]


def add(desk: ShopClient, menu: str = MAIN, **values: Any) -> Any:
    return submit(desk, f"{menu}/entries", filled(desk, menu, f"{menu}/entries", **values))


def made(desk: ShopClient, menu: str = MAIN, **values: Any) -> str:
    """Add a link and return the address of its form."""
    answer = add(desk, menu, **values)
    assert answer.status_code == 303, answer.text
    return f"{menu}/entries/{uuid.UUID(answer.headers['Location'].rpartition('#e')[2])}"


def press(desk: ShopClient, entry: str, button: str, menu: str = MAIN, **values: Any) -> Any:
    return submit(desk, f"{entry}/{button}", changed(desk.get(menu).text, f"{entry}/{button}", **values))


@pytest.fixture
def table(in_shop: Shop) -> uuid.UUID:
    category = create_category(CategoryValues("Table"))
    put_up("Bowl", shelves=["Table"])
    return category


def test_until_it_is_edited_the_menu_is_what_it_was(
    desk: ShopClient, client: ShopClient, table: uuid.UUID
) -> None:
    create_page(PageValues("Terms"), policy="terms", publish=True)
    create_page(PageValues("About us"), publish=True)
    header, footer = links(client), links(client, "footer")
    assert header == [("All products", "/search"), ("Table", "/categories/table")]
    assert "This menu is made automatically" in desk.get(MAIN).text
    for menu in (MAIN, FOOTER):
        assert submit(desk, menu, filled(desk, menu)).status_code == 303
    # Now they are its own, and say the same.
    assert links(client) == header
    assert links(client, "footer") == footer
    made(desk, target=f"category:{create_category(CategoryValues('Light'))}")
    assert links(client) == [*header, ("Light", "/categories/light")]
    assert links(client, "footer") == footer


def test_policies_are_in_an_edited_footer_too(desk: ShopClient, client: ShopClient, in_shop: Shop) -> None:
    create_page(PageValues("Terms"), policy="terms", publish=True)
    assert submit(desk, FOOTER, filled(desk, FOOTER)).status_code == 303
    create_page(PageValues("Imprint"), policy="imprint", publish=True)
    shown = links(client, "footer")
    assert ("Imprint", "/policies/imprint") in shown
    assert [path for _label, path in shown].count("/policies/terms") == 1


def test_a_first_link_keeps_those_that_were_there(
    desk: ShopClient, client: ShopClient, table: uuid.UUID
) -> None:
    made(desk, label="Journal", address="https://journal.example/?a=1&b=2")
    assert links(client) == [
        ("All products", "/search"),
        ("Table", "/categories/table"),
        ("Journal", "https://journal.example/?a=1&b=2"),
    ]


def test_links_are_nested_once_ordered_and_removed(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    page = create_page(PageValues("About us"), publish=True)
    shop = made(desk, label="Shop & more", target="heading")
    tea = made(desk, label="Tea", address="/search?q=tea", parent_id=shop.rpartition("/")[2])
    about = made(desk, target=f"page:{page}", parent_id=shop.rpartition("/")[2])
    assert links(client) == [
        ("All products", "/search"),
        ("Tea", "/search?q=tea"),
        ("About us", "/pages/about-us"),
    ]
    header = next(find_all(parse(client.get("/pages/about-us")), "header"))
    assert [text_of(each) for each in find_all(header, "summary")] == ["Shop & more"]
    assert [text_of(each) for each in find_all(header, "a") if each.get("aria-current")] == ["About us"]
    assert press(desk, about, "position", to="up").status_code == 303
    assert [label for label, _path in links(client)] == ["All products", "About us", "Tea"]
    # What is under a link cannot have links under it, nor be put under itself.
    assert f'value="{tea.rpartition("/")[2]}"' not in desk.get(about).text
    for parent in (tea, about):
        refused = submit(desk, about, filled(desk, about, parent_id=parent.rpartition("/")[2]))
        assert refused.status_code == 422
        assert "menus are nested once" in refused.text
    refused = submit(desk, shop, filled(desk, shop, parent_id=about.rpartition("/")[2]))
    assert refused.status_code == 422
    # A heading that goes leaves what was under it.
    assert press(desk, shop, "removal").status_code == 303
    assert [label for label, _path in links(client)] == ["All products", "About us", "Tea"]
    assert not list(find_all(parse(client.get("/search")), "details"))
    assert press(desk, about, "removal").status_code == press(desk, tea, "removal").status_code == 303
    assert links(client) == [("All products", "/search")]


def test_what_is_gone_is_not_shown_and_is_marked(
    desk: ShopClient, client: ShopClient, table: uuid.UUID
) -> None:
    page = create_page(PageValues("About us", in_footer=False), publish=True)
    gone = create_page(PageValues("Gone"))
    for target in (f"page:{page}", f"page:{gone}"):
        made(desk, FOOTER, target=target)
    made(desk, label="Nothing under it", target="heading")
    made(desk, target=f"category:{table}")
    assert "Not shown: no links under it" in desk.get(MAIN).text
    assert "Not shown: not published" in desk.get(FOOTER).text
    assert [label for label, _path in links(client, "footer")].count("About us") == 1
    change_category(table, CategoryValues("Dining"), seen_version=1)
    assert ("Dining", "/categories/dining") in links(client)
    delete_category(table, seen_version=2)
    delete_page(gone, seen_version=1)
    withdraw_page(page, seen_version=2)
    assert [label for label, _path in links(client)] == ["All products"]
    assert "About us" not in str(links(client, "footer"))
    assert desk.get(MAIN).text.count("Not shown: deleted") == 2  # its own, and that of the automatic menu
    assert "Has links that are not shown" in desk.get("/admin/menus").text
    entry = db.session.scalars(select(MenuEntry.id).where(MenuEntry.target_id == gone)).one()
    assert "was deleted" in desk.get(f"{FOOTER}/entries/{entry}").text


def test_a_collection_is_linked_while_it_is_published(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    hidden = create_collection(CollectionValues("Later", kind="chosen", published=False))
    shown = create_collection(CollectionValues("Gifts & more", slug="gifts", kind="chosen"))
    for collection in (hidden, shown):
        made(desk, target=f"collection:{collection}")
    assert links(client) == [("All products", "/search"), ("Gifts & more", "/collections/gifts")]
    assert "Not shown: not published" in desk.get(MAIN).text
    delete_collection(shown, seen_version=1)
    assert links(client) == [("All products", "/search")]
    assert "Not shown: deleted" in desk.get(MAIN).text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"address": "javascript:alert(1)"}, "begins with https://"),
        ({"address": " JaVaScRiPt:alert(1)"}, "begins with https://"),
        ({"address": "data:text/html,x"}, "begins with https://"),
        ({"address": "http://plain.example"}, "begins with https://"),
        ({"address": "//elsewhere.example"}, "begins with https://"),
        ({"address": "/\\elsewhere.example"}, "begins with https://"),
        ({"address": "https://user@elsewhere.example"}, "begins with https://"),
        ({"address": ""}, "begins with https://"),
        ({"label": ""}, "Enter a label."),
        ({"label": "x" * 101}, "At most 100 characters."),
        ({"target": "products"}, "Leave the address empty"),
        ({"target": "category:" + str(uuid.uuid4()), "address": ""}, "Choose a value from the list."),
        ({"target": "page:nonsense", "address": ""}, "Choose a value from the list."),
        ({"target": "shop", "address": ""}, "Choose a value from the list."),
        ({"parent_id": str(uuid.uuid4())}, "nested once"),
    ],
)
def test_what_leads_nowhere_is_refused_and_stays_typed(
    desk: ShopClient, client: ShopClient, in_shop: Shop, values: dict[str, str], said: str
) -> None:
    answer = add(desk, **{"label": "Journal", "address": "/search?q=x"} | values)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="error-summary"' in answer.text
    assert changed(answer.text, f"{MAIN}/entries")["label"] == [values.get("label", "Journal")]
    assert db.session.scalars(select(MenuEntry)).all() == []


def test_a_label_is_text(desk: ShopClient, client: ShopClient, in_shop: Shop) -> None:
    made(desk, label="<b>Tea</b>", address="/search?q=%22><script>")
    made(desk, FOOTER, label="<b>Tea</b>", address="/search?q=%22><script>")
    for page in (client.get("/search").text, desk.get(MAIN).text):
        assert "<b>Tea</b>" not in page
        assert "<script>" not in page
    assert ("<b>Tea</b>", "/search?q=%22><script>") in links(client, "footer")


def test_whoever_was_slower_sees_what_the_other_has_changed(desk: ShopClient, in_shop: Shop) -> None:
    entry = made(desk, label="Tea", address="/search?q=tea")
    mine, other = filled(desk, entry, label="Mine"), filled(desk, entry, label="Other")
    moves = [changed(desk.get(MAIN).text, f"{entry}/{button}") for button in ("position", "removal")]
    assert submit(desk, entry, other).status_code == 303
    stale = submit(desk, entry, mine)
    assert stale.status_code == 409
    assert compared(stale.text) == [("Label", "Other", "Mine")]
    for button, data in zip(("position", "removal"), moves, strict=True):
        assert submit(desk, f"{entry}/{button}", data).status_code == 409
    assert submit(desk, entry, changed(stale.text, entry)).status_code == 303
    assert "Mine" in desk.get(MAIN).text


def test_a_menu_is_automatic_again(desk: ShopClient, client: ShopClient, table: uuid.UUID) -> None:
    before = links(client)
    entry = made(desk, label="Tea", address="/search?q=tea")
    assert press(desk, MAIN, "deletion").status_code == 303
    assert links(client) == before
    assert db.session.scalars(select(MenuEntry)).all() == []
    assert desk.get(entry).status_code == 404


def test_menus_cost_no_statement_more(client: ShopClient, table: uuid.UUID, in_shop: Shop) -> None:
    def statements() -> int:
        client.set_cookie("seen", "1", domain=in_shop.host)
        client.get("/search")
        with count_statements() as found:
            assert client.get("/search").status_code == 200
        return len(found)

    before = statements()
    for name in ("main", "footer"):
        for number in range(5):
            add_entry(name, EntryValues("address", f"Link {number}", address="/search"), list)
            add_entry(name, EntryValues("category", target_id=table), list)
    assert statements() <= before
    assert "Link 4" in client.get("/search").text


def test_some_roles_only_look(
    signed_in: SignedIn, desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    entry = made(desk, label="Tea", address="/search?q=tea")
    reader = signed_in("readonly")
    for page in ("/admin/menus", MAIN, entry):
        shown = reader.get(page)
        assert shown.status_code == 200
        assert ">Save<" not in shown.text
        assert ">Add link<" not in shown.text
        assert "Remove" not in shown.text
    for address in (
        MAIN,
        f"{MAIN}/entries",
        entry,
        f"{entry}/position",
        f"{entry}/removal",
        f"{MAIN}/deletion",
    ):
        assert post(reader, address, {"version": "2", "label": "x"}).status_code == 403
    assert ("Tea", "/search?q=tea") in links(client)


def test_another_shop_finds_nothing_and_shows_its_own(
    app: Flask, signed_in: SignedIn, other_shop: Shop, desk: ShopClient, table: uuid.UUID
) -> None:
    entry = made(desk, label="Tea", address="/search?q=tea")
    data = filled(desk, entry, label="Stolen")
    charlie = signed_in(shop=other_shop)
    assert charlie.get(entry).status_code == 404
    for address in (entry, f"{entry}/position", f"{entry}/removal"):
        assert submit(charlie, address, data).status_code == 404
    # The category of the other shop is none that could be chosen.
    assert add(charlie, target=f"category:{table}").status_code == 422
    assert "Tea" not in str(links(app.test_client(host=other_shop.host)))
    with shop_scope(other_shop):
        assert db.session.scalars(select(MenuEntry)).all() == []

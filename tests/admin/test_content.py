"""Pages and policies by hand: drafts that nobody sees, versions that never change, addresses that stay good."""

import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.content.models import ContentPage, ContentRevision
from commerce.content.services import PageValues, create_page
from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.pricing_pages import changed, compared, filled, is_refused, submit
from tests.factories.catalog import put_up
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.statements import count_statements

LIST = "/admin/pages"


def revisions() -> list[tuple[int, str]]:
    db.session.close()
    rows = db.session.execute(
        select(ContentRevision.number, ContentRevision.body_html).order_by(ContentRevision.number)
    )
    found = [(row.number, row.body_html) for row in rows]
    db.session.close()
    return found


@pytest.fixture
def page(in_shop: Shop) -> str:
    return f"{LIST}/{create_page(PageValues('About us', 'We make bowls.'), publish=True)}"


def send(desk: ShopClient, page: str, *, publish: bool = False, **values: Any) -> Any:
    return submit(desk, page, filled(desk, page, **values) | {"do": "publish" if publish else "draft"})


def test_a_page_is_written_previewed_and_published(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    assert "No pages yet" in desk.get(LIST).text
    typed = {"title": "About us", "body_html": "We make bowls.\n\nBy hand.", "do": "draft"}
    answer = submit(desk, LIST, filled(desk, f"{LIST}/new", LIST, **typed))
    assert answer.status_code == 303
    page = answer.headers["Location"].removeprefix("http://demo.localhost")
    assert client.get("/pages/about-us").status_code == 404
    assert "About us" not in client.get("/").text
    preview = desk.get(f"{page}/preview").text
    assert "<p>By hand.</p>" in preview
    assert send(desk, page, publish=True).status_code == 303
    shown = client.get("/pages/about-us").text
    assert "<p>We make bowls.</p>" in shown
    assert '<a href="/pages/about-us">About us</a>' in client.get("/").text
    assert "/pages/about-us</loc>" in client.get("/sitemap.xml").text


def test_a_draft_changes_nothing_that_visitors_see(desk: ShopClient, client: ShopClient, page: str) -> None:
    assert send(desk, page, title="Who we are", body_html="<p>We make cups.</p>").status_code == 303
    assert "We make bowls." in client.get("/pages/about-us").text
    assert "Unpublished changes" in desk.get(LIST).text
    assert "We make cups." in desk.get(f"{page}/preview").text
    assert send(desk, page, publish=True).status_code == 303
    assert "We make cups." in client.get("/pages/about-us").text
    assert "Who we are" in client.get("/").text
    assert revisions() == [(1, "<p>We make bowls.</p>"), (2, "<p>We make cups.</p>")]
    # The same once more is no new version.
    send(desk, page, publish=True)
    assert len(revisions()) == 2


def test_a_page_is_taken_back_and_comes_again(desk: ShopClient, client: ShopClient, page: str) -> None:
    withdrawal = changed(desk.get(page).text, f"{page}/withdrawal")
    assert submit(desk, f"{page}/withdrawal", withdrawal).status_code == 303
    assert client.get("/pages/about-us").status_code == 404
    assert "About us" not in client.get("/").text
    assert submit(desk, f"{page}/withdrawal", withdrawal).status_code == 409
    assert send(desk, page, publish=True).status_code == 303
    assert client.get("/pages/about-us").status_code == 200
    assert len(revisions()) == 1


def test_dangerous_html_is_taken_out_and_own_links_stay(
    desk: ShopClient, client: ShopClient, page: str
) -> None:
    typed = (
        '<h1>Hi</h1><script>alert(1)</script><p onclick="x()">Text <a href="/pages/faq">FAQ</a>'
        '<a href="javascript:x()">bad</a><img src="http://spy.test/x.png"></p>'
    )
    assert send(desk, page, publish=True, body_html=typed).status_code == 303
    assert revisions()[-1][1] == (
        '<h2>Hi</h2><p>Text <a href="/pages/faq" rel="nofollow noopener noreferrer">FAQ</a>'
        '<a rel="nofollow noopener noreferrer">bad</a></p>'
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", " ", "This field is required."),
        ("title", "x" * 256, "At most 255 characters."),
        ("slug", "?!", "letters, digits and dashes"),
        ("slug", "taken", "Another page already uses this address."),
        ("body_html", "x" * 200_001, "At most 200000 characters."),
        ("version", "", "reload the page"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_saved(
    desk: ShopClient, page: str, field: str, value: str, said: str
) -> None:
    create_page(PageValues("Taken"))
    is_refused(desk, page, said, **{field: value})
    assert db.session.scalars(select(ContentPage.title).order_by(ContentPage.title)).all() == [
        "About us",
        "Taken",
    ]


def test_two_at_once_the_second_sees_what_the_first_did(
    desk: ShopClient, signed_in: SignedIn, page: str
) -> None:
    mine = filled(desk, page, title="Mine")
    assert send(signed_in(name="Alice"), page, title="Theirs").status_code == 303
    answer = submit(desk, page, mine)
    assert answer.status_code == 409
    assert compared(answer.text) == [("Title", "Theirs", "Mine")]
    assert submit(desk, page, changed(answer.text, page)).status_code == 303


def test_a_new_address_is_led_to_from_the_old_one(desk: ShopClient, client: ShopClient, page: str) -> None:
    assert send(desk, page, slug="Über uns").status_code == 303
    answer = client.get("/pages/about-us")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/pages/%C3%BCber-uns")
    assert client.get(answer.headers["Location"]).status_code == 200


def test_a_policy_is_written_once_and_never_deleted(
    desk: ShopClient, client: ShopClient, in_shop: Shop
) -> None:
    address = "/admin/policies/terms"
    new = filled(desk, address, body_html="You pay, we send.")
    assert new["title"] == ["Terms of sale"]
    answer = submit(desk, address, new | {"do": "publish"})
    assert answer.status_code == 303
    page = answer.headers["Location"].removeprefix("http://demo.localhost")
    assert desk.get(address).status_code == 303
    assert submit(desk, address, new).status_code == 409
    shown = client.get("/policies/terms").text
    assert "You pay, we send." in shown
    assert "Last updated" in shown
    assert '<a href="/policies/terms">Terms of sale</a>' in client.get("/").text
    assert "Delete" not in desk.get(page).text
    assert post(desk, f"{page}/deletion", {"version": "1"}).status_code == 409
    assert client.get("/policies/nonsense").status_code == 404
    assert desk.get("/admin/policies/nonsense").status_code == 404


def test_a_page_out_of_the_footer_is_found_by_its_address_alone(
    desk: ShopClient, client: ShopClient, page: str
) -> None:
    assert send(desk, page, in_footer=None).status_code == 303
    assert "/pages/about-us" not in client.get("/").text
    assert client.get("/pages/about-us").status_code == 200


def test_a_page_is_deleted_with_its_versions(desk: ShopClient, client: ShopClient, page: str) -> None:
    assert post(desk, f"{page}/deletion", {"version": "9"}).status_code == 409
    assert post(desk, f"{page}/deletion", changed(desk.get(page).text, f"{page}/deletion")).status_code == 303
    assert client.get("/pages/about-us").status_code == 404
    assert revisions() == []


def test_pages_cost_a_list_no_statement(client: ShopClient, in_shop: Shop) -> None:
    put_up("Bowl", shelves=["Table"])
    found = []
    for number in range(2):
        with count_statements() as statements:
            client.get("/categories/table")
        found.append(len(statements))
        create_page(PageValues(f"Page {number}"), publish=True)
    assert found[0] == found[1]
    with count_statements() as statements:
        assert client.get("/pages/page-1").status_code == 200
    assert len(statements) <= 4, statements


def test_some_roles_only_look(signed_in: SignedIn, page: str) -> None:
    reader = signed_in("readonly")
    assert "Save draft" not in reader.get(page).text
    assert reader.get(LIST).status_code == reader.get(f"{page}/preview").status_code == 200
    for address in (LIST, page, f"{page}/deletion", f"{page}/withdrawal", "/admin/policies/terms"):
        assert post(reader, address, {"title": "x", "version": "1"}).status_code == 403


def test_another_shop_finds_nothing(app: Flask, signed_in: SignedIn, other_shop: Shop, page: str) -> None:
    charlie = signed_in(shop=other_shop)
    assert charlie.get(page).status_code == charlie.get(f"{page}/preview").status_code == 404
    for address in (page, f"{page}/deletion", f"{page}/withdrawal"):
        assert post(charlie, address, {"title": "x", "version": "1"}).status_code == 404
    assert app.test_client(host="other.localhost").get("/pages/about-us").status_code == 404
    with shop_scope(other_shop):
        assert isinstance(create_page(PageValues("About us"), publish=True), uuid.UUID)

"""Pages of lists: which rows, which neighbors, and the addresses that lead there."""

import uuid
from datetime import UTC, datetime

import pytest
from flask import Flask, render_template_string
from sqlalchemy import select

from commerce import list_queries, paging
from commerce.catalog.models import Product
from commerce.errors import InvalidValue
from commerce.paging import (
    AskedPage,
    Cursor,
    CursorLinks,
    Page,
    PageLinks,
    counted_page,
    deep_page,
    parse_page_number,
    uncounted_page,
)
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.catalog import put_up
from tests.support.statements import count_statements

ROWS = list(range(25))


def rows(limit: int, offset: int) -> list[int]:
    return ROWS[offset : offset + limit]


@pytest.mark.parametrize(
    ("number", "current", "found", "more"),
    [(1, 1, ROWS[:10], True), (2, 2, ROWS[10:20], True), (3, 3, ROWS[20:], False), (9, 3, ROWS[20:], False)],
)
def test_a_counted_list_ends_with_its_last_page(
    number: int, current: int, found: list[int], more: bool
) -> None:
    page = counted_page(len(ROWS), number, 10, rows)
    assert (page.current, page.last, page.total, list(page.rows), page.more) == (current, 3, 25, found, more)


def test_an_empty_list_has_one_empty_page() -> None:
    page = counted_page(0, 5, 10, lambda _limit, _offset: [])
    assert (page.current, page.last, list(page.rows), page.more) == (1, 1, [], False)


@pytest.mark.parametrize(("number", "found", "more"), [(1, 10, True), (3, 5, False), (4, 0, False)])
def test_a_list_that_is_not_counted_knows_whether_a_page_follows(number: int, found: int, more: bool) -> None:
    page = uncounted_page(number, 10, rows)
    assert (len(page.rows), page.more, page.total) == (found, more, None)


def deep(asked: AskedPage) -> tuple[Page[int], list[int]]:
    """Return a page of ROWS, of which ten are found by number, and how many rows were passed over to find it."""
    passed = []

    def fetch(limit: int, offset: int) -> list[int]:
        passed.append(offset)
        return rows(limit, offset)

    def walk(wanted: AskedPage, limit: int) -> list[int]:
        if wanted.before:
            return [row for row in ROWS if row < int(wanted.before)][-limit:]
        return [row for row in ROWS if row > int(wanted.after)][:limit]

    return deep_page(11, asked, 5, fetch, walk, str), passed


def test_a_list_beyond_the_bound_goes_on_by_position_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 10)
    asked, seen, most = AskedPage(), [], 0
    while True:
        page, passed = deep(asked)
        seen.append(list(page.rows))
        most = max(most, *passed, 0) if passed else most
        if not page.more:
            break
        asked = AskedPage(page.current + 1, after=page.after)
    assert seen == [ROWS[:5], ROWS[5:10], ROWS[10:15], ROWS[15:20], ROWS[20:]]
    assert most == 5, "no page passes over more rows than are found by number"
    while page.before:
        page, passed = deep(AskedPage(page.current - 1, before=page.before))
        seen.append(list(page.rows))
        assert not passed
    assert seen[5:] == [ROWS[15:20], ROWS[10:15]]
    assert page.current == 3, "before it is a page that is found by number"


def test_a_number_beyond_the_bound_is_the_last_that_is_found_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 10)
    page, passed = deep(AskedPage(10_000))
    assert (page.current, list(page.rows), passed) == (2, ROWS[5:10], [5])
    gone, _passed = deep(AskedPage(4, after="24"))
    assert (gone.current, list(gone.rows)) == (2, ROWS[5:10]), "so is a position after which nothing is left"


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("0", 0), ("", None), ("-1", None), ("1e3", None), ("²", None), ("9" * 10, None)],
)
def test_only_a_plain_number_is_the_number_of_a_page(text: str, number: int | None) -> None:
    assert parse_page_number(text) == number


def test_a_cursor_comes_back_from_its_address_to_the_microsecond() -> None:
    cursor = Cursor(datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC), uuid.uuid4())
    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor.parse("") is None


@pytest.mark.parametrize(
    "text", ["x", "1-2", "-1-" + "0" * 32, "1" * 18 + "-" + "0" * 32, "1-" + "0" * 32 + "\n"]
)
def test_an_address_that_names_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Cursor.parse(text)


def test_links_keep_what_was_asked_for_and_leave_the_first_page_unnumbered() -> None:
    links = PageLinks("/list", (("q", "a b&c"), ("sort", "")), 2, 3, 25, more=True)
    assert links.previous == "/list?q=a+b%26c"
    assert links.next == "/list?q=a+b%26c&page=3"
    assert links.asks("q") == "a b&c"
    assert links.asks("sort") == links.asks("other") == ""


@pytest.mark.parametrize(
    ("current", "last", "numbers"),
    [(1, 1, [1]), (1, 3, [1, 2, 3]), (5, 9, [1, None, 4, 5, 6, None, 9]), (9, 9, [1, None, 8, 9])],
)
def test_numbers_show_both_ends_and_the_neighbors(current: int, last: int, numbers: list[int | None]) -> None:
    assert PageLinks("/list", (), current, last, last * 10).numbers == numbers


def test_links_far_down_a_list_lead_to_its_neighbors_by_position() -> None:
    links = PageLinks(
        "/list", (), 9, None, 25, more=True, after_position="after it", before_position="before it"
    )
    assert links.numbers == [1, None, 9]
    assert links.next == "/list?page=10&after=after+it"
    assert links.previous == "/list?page=8&before=before+it"
    last_by_number = PageLinks("/list", (), 3, None, 25, more=True, after_position="after it")
    assert last_by_number.numbers == [1, 2, 3]
    assert last_by_number.previous == "/list?page=2"


def test_links_of_a_list_by_positions_lead_to_its_beginning_and_on() -> None:
    links = CursorLinks("/list", (("q", "x"),), older="5-ab", first=False)
    assert (links.previous, links.next) == ("/list?q=x", "/list?q=x&before=5-ab")
    newest = CursorLinks("/list", (), older="", first=True)
    assert (newest.previous, newest.next) == ("", "")


def test_a_list_that_was_counted_up_to_the_bound_goes_on_without_a_last_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 24)
    page = counted_page(25, 2, 10, rows)
    assert (page.current, page.last, page.total, list(page.rows), page.more) == (
        2,
        None,
        25,
        ROWS[10:20],
        True,
    )
    links = PageLinks("/list", (), page.current, page.last, page.total, page.more)
    assert links.numbers == [1, 2, 3]
    assert PageLinks("/list", (), 9, None, 25, more=True).numbers == [1, None, 8, 9, 10]
    assert PageLinks("/list", (), 9, None, 25, more=False).numbers == [1, None, 8, 9]


def test_counts_stop_at_the_bound(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put_up(f"Tea {number}")
    monkeypatch.setattr(paging, "MOST_COUNTED", 2)
    everything = select(Product.id).order_by(Product.title)
    last = everything.where(Product.title == "Tea 3")
    with count_statements() as made:
        assert list_queries.bounded_counts({"all": everything, "last": last}) == {"all": 3, "last": 1}
    assert len(made) == 1
    assert list_queries.bounded_count(last.where(Product.title == "Tea 0")) == 0
    assert list_queries.bounded_counts({}) == {}


def test_counts_are_of_the_entered_shop_alone(in_shop: Shop, other_shop: Shop) -> None:
    put_up("Tea")
    with shop_scope(other_shop):
        assert list_queries.bounded_count(select(Product.id)) == 0


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (10_000, "10,000"), (10_001, "10,000+")])
def test_people_read_where_a_count_has_stopped(app: Flask, in_shop: Shop, number: int, shown: str) -> None:
    with app.test_request_context(base_url=f"http://{in_shop.host}"):
        assert render_template_string("{{ number|counted }}", number=number) == shown

"""The first page of the back office, and the reports behind its figures."""

import csv
import io
from datetime import date

import pytest
from sqlalchemy import update

from commerce.admin.home.queries import setup_steps, what_waits
from commerce.admin.reports.chart import bar_chart
from commerce.admin.reports.queries import REPORTS
from commerce.db import atomic, db
from commerce.payments.models import PaymentMethod
from commerce.reports.days import Period
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.orders import order_in, placed_order
from tests.factories.shop import make_product
from tests.support.client import ShopClient
from tests.support.statements import count_statements


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_home_shows_todays_sales_at_once(desk: ShopClient, in_shop: Shop) -> None:
    make_product("Mug", price=1250, stock=9, sku="MUG")
    placed_order(sku="MUG", quantity=2)
    page = desk.get("/admin/?days=1").text
    for figure in ("$30.00", "$25.00", "Best sellers", "Mug"):
        assert figure in page, figure
    placed_order(sku="MUG", quantity=1)
    assert "$47.50" in desk.get("/admin/?days=1").text


def test_home_of_an_empty_shop_says_what_to_do_first(desk: ShopClient, in_shop: Shop) -> None:
    page = desk.get("/admin/").text
    assert "Add products" in page
    assert "Nothing is waiting for you." in page
    assert "No sales in this period." in page


def test_what_waits_is_counted_and_leads_to_its_list(desk: ShopClient, in_shop: Shop) -> None:
    make_product("Mug", stock=2, sku="MUG")
    for status in ("paid", "confirmed"):
        order_in(status, sku="MUG", quantity=1)
    found = {str(each.label): each for each in what_waits()}
    assert {label: each.count for label, each in found.items()} == {
        "Paid, to confirm": 1,
        "To pack": 1,
        "Low in stock": 1,
    }
    for each in found.values():
        assert desk.get(each.path).status_code == 200


def test_steps_of_setting_up_are_done_when_they_are_done(in_shop: Shop) -> None:
    before = {str(step.label): step.done for step in setup_steps()}
    assert before["Add products"] is False
    assert before["Set taxes"] is True
    assert (len(before), before["Write your policies"]) == (7, False)
    make_product("Mug")
    assert {str(step.label): step.done for step in setup_steps()}["Add products"] is True


def test_a_shop_whose_test_card_is_offered_is_not_ready_to_be_paid(in_shop: Shop) -> None:
    def get_paid() -> bool:
        return {str(step.label): step.done for step in setup_steps()}["Get paid"]

    @atomic
    def offer(gateway: str, *, enabled: bool) -> None:
        db.session.execute(
            update(PaymentMethod).where(PaymentMethod.gateway == gateway).values(enabled=enabled)
        )

    assert get_paid() is False
    offer("test_card", enabled=False)
    assert get_paid() is True
    offer("manual", enabled=False)
    assert get_paid() is False


def test_who_may_not_see_figures_sees_what_waits(signed_in: SignedIn, in_shop: Shop) -> None:
    make_product("Mug", price=1250, stock=9, sku="MUG")
    order_in("paid", sku="MUG")
    client = signed_in("fulfilment")
    page = client.get("/admin/").text
    assert "Paid, to confirm" in page
    assert "Gross sales" not in page
    assert client.get("/admin/reports/days").status_code == 403
    assert client.get("/admin/reports/days.csv").status_code == 403


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_a_page_and_a_file(desk: ShopClient, in_shop: Shop, name: str) -> None:
    make_product("Mug", price=1250, stock=9, sku="MUG")
    order_in("refunded", sku="MUG", quantity=2)
    order_in("paid", sku="MUG", quantity=1)
    page = desk.get(f"/admin/reports/{name}?days=7")
    assert page.status_code == 200
    assert str(REPORTS[name].label) in page.text
    answer = desk.get(f"/admin/reports/{name}.csv?days=7")
    assert answer.mimetype == "text/csv"
    header = [column.name for column in REPORTS[name].columns]
    assert answer.text.removeprefix("\ufeff").splitlines()[0].split(",") == header


def test_a_file_has_whole_units_of_the_currency(desk: ShopClient, in_shop: Shop) -> None:
    make_product("=Mug", price=1250, stock=9, sku="MUG")
    placed_order(sku="MUG", quantity=2)
    row = _rows(desk.get("/admin/reports/products.csv?days=1").text)[0]
    assert (row["product"], row["units"], row["gross"], row["net"]) == ("'=Mug", "2", "25.00", "25.00")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=2026-02-30", "Enter a date"),
        ("since=x&until=y", "Enter a date"),
        ("since=2026-03-01&until=2026-02-01", "not before the start date"),
        ("since=1999-01-01&until=2026-02-01", "at most"),
        ("since=0001-01-01", "Enter a date"),
    ],
)
def test_a_period_that_is_none_is_refused_beside_its_fields(
    desk: ShopClient, in_shop: Shop, query: str, words: str
) -> None:
    page = desk.get(f"/admin/reports/days?{query}")
    assert page.status_code == 200
    assert words in page.text


def test_another_shop_sees_its_own_figures(
    desk: ShopClient, signed_in: SignedIn, other_shop: Shop, in_shop: Shop
) -> None:
    make_product("Secret mug", price=1250, stock=9, sku="MUG")
    placed_order(sku="MUG")
    charlie = signed_in("owner", shop=other_shop)
    for path in ("/admin/", "/admin/reports/products", "/admin/reports/products.csv"):
        answer = charlie.get(path)
        assert answer.status_code == 200
        assert "Secret mug" not in answer.text
    assert desk.get("/admin/reports/none").status_code == 404


def test_the_first_page_costs_the_same_however_much_was_sold(desk: ShopClient, in_shop: Shop) -> None:
    make_product("Mug", stock=900, sku="MUG")
    desk.get("/admin/")
    counts = []
    for more in (1, 9):
        for _ in range(more):
            placed_order(sku="MUG")
        with count_statements() as statements:
            assert desk.get("/admin/?days=30").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1], statements


def test_bars_stand_on_zero_and_many_days_become_weeks() -> None:
    month = Period(date(2026, 11, 1), date(2026, 11, 30))
    days = {day: (-500 if number == 3 else 100 * number) for number, day in enumerate(month.each())}
    chart = bar_chart(days)
    assert len(chart.bars) == 30
    assert chart.high == 2900
    assert chart.bars[3].y == chart.zero
    assert all(bar.height >= 0 for bar in chart.bars)
    weeks = bar_chart(dict.fromkeys(Period(date(2025, 11, 30), date(2026, 11, 30)).each(), 1))
    assert len(weeks.bars) == 53
    assert sum(bar.value for bar in weeks.bars) == 366
    assert weeks.bars[-1].value == 7, "the newest week is whole"

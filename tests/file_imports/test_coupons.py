"""Coupons from files: out of one shop and into another without a loss, and limits of many codes at once."""

import contextvars
import csv
import io
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from commerce.catalog.models import Category
from commerce.checkout.services import place_order
from commerce.db import atomic, db
from commerce.file_imports import row_files
from commerce.file_imports.models import FileImport
from commerce.file_imports.queries import get_import
from commerce.file_imports.services import start_import, upload_file
from commerce.pricing.coupon_rows import find_coupon
from commerce.pricing.models import Coupon, Promotion
from commerce.pricing.queries import get_promotion, list_promotions
from commerce.pricing.services import create_coupon, set_coupon_enabled
from commerce.pricing.validation import values_of
from commerce.tenant_setup import set_up_shop
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn, desk, signed_in
from tests.checkout.test_coupons import cart_with
from tests.factories.checkout import order_as_shown
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, used
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.file_imports.test_runner import run
from tests.support.client import ShopClient

__all__ = ["desk", "signed_in"]

NEVER_READ = ("Uses", "Created at")
MAY, JUNE = datetime(2026, 5, 1, 10, 30, 1, 250_000, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def upload(text: str | bytes) -> FileImport:
    content = text.encode() if isinstance(text, str) else text
    import_id = upload_file(io.BytesIO(content), kind="coupons", file_name="coupons.csv", by="Bob")
    assert run() == 1
    db.session.close()
    return get_import(import_id)


def imported(text: str | bytes) -> FileImport:
    row = upload(text)
    assert row.status == "checked", row.error
    start_import(row.id, seen_version=1)
    assert run() == 1
    db.session.close()
    done = get_import(row.id)
    assert done.result["products"] == row.preview["products"], "the preview adds up"
    return done


def outcomes(new: int = 0, changed: int = 0, same: int = 0, refused: int = 0) -> dict[str, int]:
    return {"imported": new, "updated": changed, "unchanged": same, "rejected": refused}


def refusals(row: FileImport) -> dict[int, str]:
    return {each["row"]: each["column"] for each in row.preview["errors"]}


def exported(client: ShopClient, **asked: str) -> list[dict[str, str]]:
    answer = client.get(
        "/admin/exports/file.csv", query_string={"table": "coupons", "format": "plain", **asked}
    )
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


@atomic
def make_category(name: str) -> uuid.UUID:
    category = Category(slug=name.lower(), name=name)
    db.session.add(category)
    db.session.flush()
    return category.id


def order_with(code: str, orders: int = 1) -> None:
    """Place orders with a code, each by the same customer."""
    tea = make_product(stock=9)
    with rules_of_now():
        for _ in range(orders):
            place_order(**order_as_shown(cart_with(code, (tea, 1))))


def of_each_kind() -> None:
    """Add coupons with promotions of every kind, whose every field is used somewhere."""
    tea, jam = make_product("Tea"), make_product("Jam")
    food = make_category("Food")
    first = make_coupon("SPRING-1", limit=5, each=2, label="=Spring, 12.345 %", percent_ppm=123_450)
    create_coupon(find_coupon("SPRING-1").promotion_id, "SPRING-2")
    set_coupon_enabled(first, enabled=False)
    make_coupon("FIVE", kind="fixed", amount=501, label="N/A", starts_at=MAY, ends_at=JUNE, position=7)
    make_coupon("FREE", kind="free_shipping", label="Free", min_subtotal=2000, combines=False, enabled=False)
    make_coupon(
        "TWO-FOR-1",
        kind="buy_x_get_y",
        label="Two for one",
        buy_quantity=2,
        get_quantity=1,
        scope="products",
        targets=(str(tea.product_id), str(jam.product_id)),
        skip_reduced=True,
    )
    make_coupon("FOOD", label="Food", scope="categories", targets=(str(food),))


@pytest.fixture
def twin_shop(app: Flask, shop: Shop) -> Shop:
    """A second shop of Alice's with the same currency and the same products, without coupons."""

    def found() -> Shop:
        with app.app_context():
            twin = set_up_shop(
                code="twin",
                name="Alice's Second",
                currency="USD",
                country="DE",
                taxes=(),
                shipping=(),
                test_card=True,
            )
            with shop_scope(twin):
                make_product("Tea")
                make_product("Jam")
                make_category("Food")
        return twin

    return contextvars.Context().run(found)


def test_coupons_of_every_kind_are_the_same_in_a_second_shop(
    app: Flask, desk: ShopClient, signed_in: SignedIn, in_shop: Shop, twin_shop: Shop
) -> None:
    of_each_kind()
    order_with("SPRING-2")
    content = desk.get("/admin/exports/file.csv?table=coupons&separator=semicolon").data
    there = signed_in("owner", shop=twin_shop)

    def take_over() -> list[Any]:
        with app.app_context(), shop_scope(twin_shop):
            done = imported(content)
            assert done.result["products"] == outcomes(new=6)
            assert len(done.result["categoriesCreated"]) == 5
            assert imported(content).result["products"] == outcomes(same=6)
            return [values_of(each) for each in list_promotions()]

    promotions = contextvars.Context().run(take_over)
    ours, theirs = exported(desk), exported(there)
    assert {row["Code"]: row["Uses"] for row in ours}["SPRING-2"] == "1"
    assert {row["Uses"] for row in theirs} == {"0"}, "uses are never imported"
    for rows in (ours, theirs):
        for row in rows:
            for name in NEVER_READ:
                del row[name]
    assert ours == theirs
    assert len({each.label for each in promotions}) == 5
    assert next(each for each in promotions if each.label == "N/A").starts_at == MAY
    again = upload(content)
    assert again.preview["products"] == outcomes(same=6), "nor does the file change anything here"
    assert {each["column"] for each in again.preview["columnsNotTaken"]} == set(NEVER_READ)


def test_a_known_code_changes_in_its_limits_and_whether_it_is_on_and_in_nothing_else(in_shop: Shop) -> None:
    coupon = make_coupon("WELCOME", limit=5, label="Welcome")
    order_with("WELCOME")
    before = values_of(get_promotion(find_coupon("WELCOME").promotion_id))
    row = imported(
        "Code,Promotion,Enabled,Usage limit,Limit per customer,Uses\r\nwelcome,Welcome,no,,3,400\r\n"
    )
    found = {each["field"]: (each["before"], each["after"]) for each in row.result["changes"]}
    assert found == {"Enabled": ("yes", "no"), "Usage limit": ("5", ""), "Limit per customer": ("", "3")}
    known = find_coupon("WELCOME")
    assert (known.enabled, known.usage_limit, known.per_customer_limit, known.uses) == (False, None, 3, 1)
    assert values_of(get_promotion(known.promotion_id)) == before
    row = imported("code,usage_limit\r\nWELCOME,9\r\n")
    assert row.result["products"] == outcomes(changed=1), "without other columns the rest stays"
    known = find_coupon("WELCOME")
    assert (known.enabled, known.usage_limit, known.per_customer_limit) == (False, 9, 3)
    assert used(coupon) == 1, "the limit counts the uses that there were"


def test_a_limit_below_the_uses_is_refused_as_in_the_form(in_shop: Shop) -> None:
    make_coupon("WELCOME", limit=5, label="Welcome")
    order_with("WELCOME", orders=2)
    row = imported("Code,Usage limit,Enabled\r\nWELCOME,1,no\r\n")
    assert refusals(row) == {2: "Usage limit"}
    known = find_coupon("WELCOME")
    assert (known.usage_limit, known.enabled) == (5, True)


def test_rows_that_cannot_be_taken_are_named_with_their_column_and_the_others_are_taken(
    in_shop: Shop,
) -> None:
    make_coupon("TAKEN", label="Other")
    make_promotion(label="Automatic")
    make_product("Tea")
    head = "Code,Promotion,Kind,Percent,Amount,Currency,Scope,Targets,Starts,Ends,Combines,Usage limit"
    rows = (
        "GOOD-1,Spring,percentage,10,,USD,products,tea,,,yes,5",
        "GOOD-2,Spring,Percentage,10 %,,,products,tea,,,yes,",
        "BAD-KIND,Bad,gift,10,,,,,,,,",
        "NO-KIND,Bad,,,,,,,,,,",
        'BAD-SLUG,Bad,percentage,10,,,products,"tea, coffee",,,,',
        "BAD-PERCENT,Bad,percentage,101,,,,,,,,",
        "NO-PERCENT,Bad,percentage,0,,,,,,,,",
        "BAD-MONEY,Bad,fixed,,5.00,EUR,,,,,,",
        "BAD-DATE,Bad,percentage,10,,,,,tomorrow,,,",
        "BAD-ORDER,Bad,percentage,10,,,,,2026-06-01,2026-05-01,,",
        "BAD-TRUTH,Bad,percentage,10,,,,,,,perhaps,",
        "BAD-LIMIT,Bad,percentage,10,,,,,,,,0",
        "TAKEN,Spring,percentage,10,,,products,tea,,,yes,",
        "TERMS,Spring,percentage,20,,,products,tea,,,yes,",
        "good-1,Spring,percentage,10,,,products,tea,,,yes,5",
        "AUTOMATIC,Automatic,percentage,10,,,,,,,,",
        "NO-LABEL,,percentage,10,,,,,,,,",
        "?,Spring,percentage,10,,,products,tea,,,yes,",
        "GOOD-3,Spring,,,,,,,,,,7",
    )
    row = imported("\r\n".join((head, *rows)) + "\r\n")
    assert row.result["products"] == outcomes(new=3, refused=16)
    assert refusals(row) == {
        4: "Kind",
        5: "Kind",
        6: "Targets",
        7: "Percent",
        8: "Percent",
        9: "Currency",
        10: "Starts",
        11: "Ends",
        12: "Combines",
        13: "Usage limit",
        14: "Code",
        15: "Percent",
        16: "Code",
        17: "Promotion",
        18: "Promotion",
        19: "Code",
    }
    assert row.preview["errors"] == row.result["errors"]
    reasons = {each["row"]: each["reason"] for each in row.result["errors"]}
    assert "coffee" in reasons[6]
    assert "Other" in reasons[14]
    assert "Percent" in reasons[15]
    assert db.session.query(Promotion).filter_by(label="Bad").count() == 0
    spring = find_coupon("GOOD-1").promotion_id
    assert find_coupon("GOOD-2").promotion_id == find_coupon("GOOD-3").promotion_id == spring
    assert get_promotion(spring).needs_code


def test_codes_of_one_promotion_share_it_whatever_batch_they_are_in_and_after_a_cut(
    in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "BATCH_ROWS", 2)
    codes = "".join(f"CODE-{n},Spring,fixed,5\r\n" for n in range(5))
    row = upload(f"Code,Promotion,Kind,Amount\r\n{codes}")
    assert row.preview["products"] == outcomes(new=5)
    assert row.preview["categoriesCreated"] == ["Spring"]
    start_import(row.id, seen_version=1)
    looks = iter([False, True])  # the first look is before it begins
    run(lambda: next(looks))
    db.session.close()
    assert (get_import(row.id).status, db.session.query(Coupon).count()) == ("importing", 2)
    assert run() == 1
    db.session.close()
    assert get_import(row.id).result["products"] == outcomes(new=5)
    (spring,) = list_promotions()
    assert (spring.amount, db.session.query(Coupon).filter_by(promotion_id=spring.id).count()) == (500, 5)


def test_of_promotions_with_one_label_the_terms_say_which_is_meant(in_shop: Shop) -> None:
    ten = make_promotion(label="Sale", needs_code=True)
    twenty = make_promotion(label="Sale", needs_code=True, percent_ppm=200_000)
    row = imported(
        "Code,Promotion,Kind,Percent\r\nA1,Sale,percentage,20\r\nB1,Sale,percentage,10\r\nC1,Sale,,\r\n"
    )
    assert refusals(row) == {4: "Promotion"}
    found: list[uuid.UUID] = [find_coupon(code).promotion_id for code in ("A1", "B1")]
    assert found == [twenty, ten]


def test_a_moment_without_a_zone_is_on_the_clock_of_the_shop(in_shop: Shop) -> None:
    atomic(db.session.execute)(update(Tenant).where(Tenant.id == in_shop.id).values(timezone="Asia/Tokyo"))
    imported("Code,Promotion,Kind,Starts\r\nA1,Free,free_shipping,2026-12-24 18:00\r\n")
    (free,) = list_promotions()
    assert free.starts_at == datetime(2026, 12, 24, 9, tzinfo=UTC)


def test_a_file_without_codes_is_refused_as_a_whole(in_shop: Shop) -> None:
    row = upload("Promotion,Kind\r\nSpring,fixed\r\n")
    assert (row.status, row.error["reason"]) == ("failed", "coupon_headings_missing")


def test_a_file_is_uploaded_reviewed_and_imported_in_the_browser_by_those_who_may(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    for page in ("/admin/pricing/coupons", "/admin/exports"):
        assert 'href="/admin/pricing/coupons/import"' in desk.get(page).text
        assert 'href="/admin/pricing/coupons/import"' not in signed_in("readonly").get(page).text
    text = "Code,Promotion,Kind,Percent\r\nSPRING,Spring,percentage,10\r\nSUMMER,Summer,gift,\r\n"
    sent = desk.post(
        "/admin/pricing/coupons/import",
        data={"csrf_token": desk.csrf_token(), "file": (io.BytesIO(text.encode()), "coupons.csv")},
        content_type="multipart/form-data",
    )
    assert sent.status_code == 303
    run()
    page = desk.get(sent.location).text
    for words in ("Import 1 coupon", "New coupons", "New promotions: Spring", "gift"):
        assert words in page
    for role in ("support", "fulfilment", "readonly"):
        assert signed_in(role).get(sent.location).status_code == 403
        assert post(signed_in(role), f"{sent.location}/start", {"version": "1"}).status_code == 403
        assert signed_in(role).get("/admin/pricing/coupons/import").status_code == 403
    assert post(signed_in("owner", shop=other_shop), f"{sent.location}/start").status_code == 404
    assert post(desk, f"{sent.location}/start", {"version": "1"}).status_code == 303
    assert post(desk, f"{sent.location}/start", {"version": "1"}).status_code == 409, "it is started once"
    run()
    assert "SPRING" in desk.get("/admin/pricing/coupons").text
    assert desk.get(f"{sent.location}/report.csv").status_code == 200
    assert "uploaded a file of coupons" in desk.get("/admin/audit").text

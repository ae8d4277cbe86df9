"""What staff do with promotions, coupons and tax rates: checked at its field, versioned, and of this shop alone."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from commerce.db import db
from commerce.errors import Conflict, InvalidValue, NotFound, StaleVersion
from commerce.money import MAX_AMOUNT
from commerce.pricing.coupon_rows import find_coupon
from commerce.pricing.discounts import promotion_rules
from commerce.pricing.queries import coupons_of, get_promotion, get_tax_rate, list_promotions, list_tax_rates
from commerce.pricing.services import (
    change_promotion,
    change_tax_rate,
    create_coupon,
    create_coupons,
    create_promotion,
    create_tax_rate,
    delete_promotion,
    delete_tax_rate,
    set_coupon_enabled,
)
from commerce.pricing.validation import PromotionValues, TaxValues, tax_values_of, values_of
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now
from tests.factories.shop import make_product

SALE = PromotionValues("Spring sale", "percentage", percent_ppm=100_000)
MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def values(**changes: Any) -> PromotionValues:
    return PromotionValues(**{"label": "Sale", "kind": "fixed", "amount": 500, **changes})


# --- promotions ------------------------------------------------------------------------------------------


def test_a_promotion_is_kept_as_it_was_written_down(in_shop: Shop) -> None:
    tea = make_product()
    written = PromotionValues(
        "  Two for one ",
        "buy_x_get_y",
        percent_ppm=1_000_000,
        amount=77,
        buy_quantity=1,
        get_quantity=1,
        scope="products",
        targets=(str(tea.product_id), str(tea.product_id).upper()),
        min_subtotal=1000,
        starts_at=MAY,
        ends_at=JUNE,
        combines=False,
        position=3,
    )
    kept = values_of(get_promotion(create_promotion(written)))
    assert kept.label == "Two for one"
    assert kept.targets == (str(tea.product_id),)
    # An amount means nothing here, so none is kept that could surprise somebody later.
    assert kept.amount == 0
    assert (kept.starts_at, kept.ends_at, kept.combines, kept.position) == (MAY, JUNE, False, 3)
    with rules_of_now():
        assert [rule.kind for rule in promotion_rules()] == ["buy_x_get_y"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"label": "  "}, "label"),
        ({"label": "a" * 256}, "label"),
        ({"label": "two\nlines"}, "label"),
        ({"kind": "gift"}, "kind"),
        ({"scope": "moon"}, "scope"),
        ({"amount": 0}, "amount"),
        ({"amount": MAX_AMOUNT + 1}, "amount"),
        ({"kind": "percentage", "percent_ppm": 0}, "percent_ppm"),
        ({"kind": "percentage", "percent_ppm": 1_000_001}, "percent_ppm"),
        ({"kind": "buy_x_get_y", "get_quantity": 1, "percent_ppm": 1}, "buy_quantity"),
        ({"kind": "buy_x_get_y", "buy_quantity": 1, "percent_ppm": 1}, "get_quantity"),
        ({"min_subtotal": -1}, "min_subtotal"),
        ({"position": -1}, "position"),
        ({"starts_at": JUNE, "ends_at": MAY}, "ends_at"),
        ({"scope": "products"}, "targets"),
        ({"scope": "products", "targets": ("x",)}, "targets"),
        ({"scope": "categories", "targets": (str(uuid.uuid4()),)}, "targets"),
    ],
)
def test_a_bad_promotion_is_refused_at_its_field(in_shop: Shop, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        create_promotion(values(**changes))
    assert refused.value.field == field
    assert list_promotions() == []


def test_a_change_needs_the_version_that_was_seen(in_shop: Shop) -> None:
    promotion_id = make_promotion()
    change_promotion(promotion_id, values(label="Summer sale"), 1)
    with pytest.raises(StaleVersion):
        change_promotion(promotion_id, values(label="Winter sale"), 1)
    promotion = get_promotion(promotion_id)
    assert (promotion.label, promotion.kind, promotion.version) == ("Summer sale", "fixed", 2)


def test_every_change_of_a_promotion_is_noticed_by_open_checkouts(in_shop: Shop) -> None:
    with rules_of_now() as before:
        assert promotion_rules() == ()
        promotion_id = make_promotion()
        # A request that has begun goes on with the rules that it began with.
        assert promotion_rules() == ()
    with rules_of_now() as after:
        assert after.rules_version == before.rules_version + 1
        assert [rule.id for rule in promotion_rules()] == [str(promotion_id)]
        change_promotion(promotion_id, values(enabled=False), 1)
    with rules_of_now():
        assert promotion_rules() == ()
        delete_promotion(promotion_id, 2)
    with rules_of_now() as last:
        assert last.rules_version == before.rules_version + 3
        assert list_promotions() == []


def test_a_promotion_goes_with_its_codes(in_shop: Shop) -> None:
    coupon = make_coupon("GONE")
    promotion_id = list_promotions()[0].id
    db.session.close()
    delete_promotion(promotion_id, 1)
    with pytest.raises(NotFound):
        set_coupon_enabled(coupon, enabled=False)


# --- coupons ---------------------------------------------------------------------------------------------


def test_a_code_is_kept_in_capitals_and_only_once(in_shop: Shop) -> None:
    promotion_id = make_promotion(needs_code=True)
    create_coupon(promotion_id, " welcome-１０ ", usage_limit=5, per_customer_limit=1)
    (coupon,) = coupons_of(promotion_id)
    assert (coupon.code, coupon.usage_limit, coupon.per_customer_limit, coupon.used) == (
        "WELCOME-10",
        5,
        1,
        0,
    )
    with pytest.raises(InvalidValue, match="coupon_code_taken") as refused:
        create_coupon(promotion_id, "Welcome-10")
    assert refused.value.field == "code"


@pytest.mark.parametrize(
    "pasted",
    [
        "\u200bwelcome\u200b-10\ufeff",
        "WELCOME\u201110",
        "welcome\u201010",
        "Welcome\u201310",
        "welcome\u221210",
        "wel\u00adcome-10",
        "\u2066\uff37\uff25\uff2c\uff23\uff2f\uff2d\uff25\uff0d\uff11\uff10\u2069",
        "\u00a0\u3000welcome-10\t\n",
    ],
)
def test_a_code_is_the_same_however_it_was_copied(in_shop: Shop, pasted: str) -> None:
    promotion_id = make_promotion(needs_code=True)
    create_coupon(promotion_id, pasted)
    assert find_coupon("WELCOME-10").code == "WELCOME-10"
    assert find_coupon(pasted).code == "WELCOME-10"
    with pytest.raises(InvalidValue, match="coupon_code_taken"):
        create_coupon(promotion_id, "welcome-10")


@pytest.mark.parametrize("other", ["WELCOME10", "WELCOME_10", "WELCOME 10", "WELCOME-1O", "WELCOMÉ-10"])
def test_another_code_stays_another(in_shop: Shop, other: str) -> None:
    create_coupon(make_promotion(needs_code=True), "WELCOME-10")
    with pytest.raises(NotFound):
        find_coupon(other)


@pytest.mark.parametrize(
    ("code", "limits", "field"),
    [
        ("", {}, "code"),
        ("A", {}, "code"),
        ("A B", {}, "code"),
        ("<b>", {}, "code"),
        ("X" * 41, {}, "code"),
        ("OK", {"usage_limit": 0}, "usage_limit"),
        ("OK", {"per_customer_limit": -1}, "per_customer_limit"),
    ],
)
def test_a_bad_coupon_is_refused_at_its_field(
    in_shop: Shop, code: str, limits: dict[str, int], field: str
) -> None:
    promotion_id = make_promotion(needs_code=True)
    with pytest.raises(InvalidValue) as refused:
        create_coupon(promotion_id, code, **limits)
    assert refused.value.field == field
    assert coupons_of(promotion_id) == []


def test_a_promotion_that_everybody_gets_has_no_codes(in_shop: Shop) -> None:
    with pytest.raises(InvalidValue) as refused:
        create_coupon(make_promotion(), "FREE")
    assert refused.value.field == "promotion"


def test_many_codes_are_all_different_and_found_by_a_part(in_shop: Shop) -> None:
    promotion_id = make_promotion(needs_code=True)
    codes = create_coupons(promotion_id, 200, prefix="may-")
    assert len(set(codes)) == 200
    assert all(code.startswith("MAY-") and len(code) == 14 for code in codes)
    assert {coupon.usage_limit for coupon in coupons_of(promotion_id, limit=300)} == {1}
    assert [coupon.code for coupon in coupons_of(promotion_id, codes[7].lower()[4:])] == [codes[7]]
    assert coupons_of(promotion_id, "%") == []
    with pytest.raises(InvalidValue) as refused:
        create_coupons(promotion_id, 1001)
    assert refused.value.field == "count"


# --- tax rates ---------------------------------------------------------------------------------------------


def test_a_tax_rate_is_added_changed_and_deleted(in_shop: Shop) -> None:
    rate_id = create_tax_rate(TaxValues(" de ", "Standard", 190_000, "VAT 19 %"))
    seen = tax_values_of(get_tax_rate(rate_id))
    assert seen == TaxValues("DE", "standard", 190_000, "VAT 19 %")
    change_tax_rate(rate_id, TaxValues("DE", "standard", 160_000, "VAT 16 %"), seen)
    with pytest.raises(Conflict):
        change_tax_rate(rate_id, TaxValues("DE", "standard", 170_000, "VAT 17 %"), seen)
    with pytest.raises(Conflict):
        delete_tax_rate(rate_id, seen)
    now = tax_values_of(get_tax_rate(rate_id))
    assert now.rate_ppm == 160_000
    delete_tax_rate(rate_id, now)
    assert [rate.country for rate in list_tax_rates()] == ["*"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (TaxValues("Germany", "standard", 1, "x"), "country"),
        (TaxValues("DE", "", 1, "x"), "tax_class"),
        (TaxValues("DE", "standard", 1_000_001, "x"), "rate_ppm"),
        (TaxValues("DE", "standard", -1, "x"), "rate_ppm"),
        (TaxValues("DE", "standard", 1, " "), "label"),
        (TaxValues("*", "standard", 1, "x"), "tax_class"),
    ],
)
def test_a_bad_tax_rate_is_refused_at_its_field(in_shop: Shop, bad: TaxValues, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        create_tax_rate(bad)
    assert refused.value.field == field
    assert len(list_tax_rates()) == 1


def test_charlie_reaches_nothing_of_alices(in_shop: Shop, other_shop: Shop) -> None:
    coupon, promotion = make_coupon("ALICE"), list_promotions()[0].id
    rate = list_tax_rates()[0]
    rate_id, seen = rate.id, tax_values_of(rate)
    tea = make_product()
    with shop_scope(other_shop):
        for attempt in (
            lambda: change_promotion(promotion, SALE, 1),
            lambda: delete_promotion(promotion, 1),
            lambda: create_coupon(promotion, "MINE"),
            lambda: set_coupon_enabled(coupon, enabled=False),
            lambda: change_tax_rate(rate_id, seen, seen),
            lambda: delete_tax_rate(rate_id, seen),
        ):
            with pytest.raises(NotFound):
                attempt()
        with pytest.raises(InvalidValue):
            create_promotion(values(scope="products", targets=(str(tea.product_id),)))
        assert coupons_of(promotion) == []
    assert get_promotion(promotion).version == 1
    assert [each.enabled for each in coupons_of(promotion)] == [True]

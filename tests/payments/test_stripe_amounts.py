"""Amounts as Stripe counts them: exact both ways, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.errors import InvalidValue
from commerce.payments.gateways.stripe.amounts import from_stripe, stripe_exponent, stripe_step, to_stripe

EXAMPLES = [
    ("USD", 1234, 1234),
    ("EUR", 1, 1),
    ("JPY", 500, 500),
    ("KRW", 500, 500),
    ("VND", 10_000, 10_000),
    ("TWD", 12_345, 12_345),
    ("HUF", 12_345, 12_345),
    ("ISK", 5, 500),
    ("UGX", 5, 500),
    ("KWD", 5_120, 5_120),
    ("BHD", 10, 10),
    ("ALL", 7, 700),
    ("RSD", 7, 700),
    ("CLP", 990, 990),
    ("XAF", 990, 990),
]


@pytest.mark.parametrize(("currency", "ours", "theirs"), EXAMPLES)
def test_an_amount_is_counted_as_stripe_counts(currency: str, ours: int, theirs: int) -> None:
    assert to_stripe(ours, currency) == theirs
    assert from_stripe(theirs, currency) == ours


@pytest.mark.parametrize(
    ("currency", "amount"), [("KWD", 5_124), ("JOD", 1), ("CLF", 10_000), ("LYD", 1_000), ("XXL", 1)]
)
def test_what_cannot_be_expressed_is_refused(currency: str, amount: int) -> None:
    with pytest.raises(InvalidValue):
        to_stripe(amount, currency)


@pytest.mark.parametrize(("currency", "counted"), [("ISK", 1050), ("UGX", 1), ("ALL", 99)])
def test_what_leaves_a_rest_on_the_way_back_is_refused(currency: str, counted: int) -> None:
    with pytest.raises(InvalidValue):
        from_stripe(counted, currency)


@given(st.sampled_from([each[0] for each in EXAMPLES]), st.integers(0, 10**13))
def test_there_and_back_is_the_same_or_refused(currency: str, amount: int) -> None:
    try:
        counted = to_stripe(amount, currency)
    except InvalidValue:
        assert stripe_exponent(currency) == 3
        assert amount % 10
        return
    assert counted % stripe_step(currency) == 0
    assert from_stripe(counted, currency) == amount

"""Colours that can be read, and order codes that never look the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.errors import InvalidValue
from commerce.tenants.order_codes import check_format, order_code
from commerce.tenants.theme import DEFAULTS, contrast, unreadable


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#123456", "#123456", 1),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert round(contrast(one, other), 2) == round(contrast(other, one), 2) == ratio


def test_the_colours_of_everywhere_can_be_read_and_a_dark_page_hides_the_signs() -> None:
    assert unreadable({}) == unreadable(DEFAULTS) == []
    dark = {"paper": "#101010", "surface": "#181818", "ink": "#ffffff", "muted": "#dddddd"}
    dark |= {"accent": "#ffd000", "accent_ink": "#000000"}
    assert {text for text, _ground, _ratio in unreadable(dark)} == {"good", "warn", "bad"}


formats = st.builds(
    lambda before, places, after: before + "#" * places + after,
    st.text("AZ019-", max_size=6),
    st.integers(4, 12),
    st.text("AZ-", max_size=4),
)


def accepted(text: str) -> bool:
    try:
        check_format(text)
    except InvalidValue:
        return False
    return True


@given(formats.filter(accepted), formats.filter(accepted), st.integers(1, 10**13), st.integers(1, 10**13))
def test_no_two_numbers_have_the_same_code_whatever_the_formats(a: str, b: str, m: int, n: int) -> None:
    assert (order_code(a, m) == order_code(b, n)) <= (m == n)


@given(formats.filter(accepted), formats.filter(accepted), st.integers(1, 10**6), st.integers(0, 9))
def test_not_even_numbers_that_look_alike(a: str, b: str, m: int, digit: int) -> None:
    assert order_code(a, m) != order_code(b, m * 10 + digit)
    assert order_code(a, m) != order_code(b, int(f"{digit + 1}{m}"))

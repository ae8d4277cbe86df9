"""How a shop writes the numbers of its orders: `ORD-######` is ORD-000042 for the forty-second."""

from __future__ import annotations

import re

from commerce.errors import InvalidValue

MAX_FORMAT = 30
_FORMAT = re.compile(r"([A-Z0-9-]*[A-Z-])?#{4,12}([A-Z-]*)")


def check_format(text: str) -> str:
    """Return a format that makes no two orders look the same. Raises InvalidValue.

    The number is always the last run of digits, so codes of different numbers differ, also those of former formats.
    """
    if len(text) > MAX_FORMAT or not _FORMAT.fullmatch(text):
        raise InvalidValue(
            "order_code_format",
            "order_code_format_invalid",
        )
    return text


def order_code(code_format: str, number: int) -> str:
    """Return the code of an order's number; one with more digits than '#' is written in full."""
    places = code_format.count("#")
    return code_format.replace("#" * places, f"{number:0{places}d}")

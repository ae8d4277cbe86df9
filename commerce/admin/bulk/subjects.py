"""What the pages of bulk changes must know of the rows of a list: words, addresses, and which changes it offers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from commerce.admin.bulk.forms import BulkForm


@dataclass(frozen=True, slots=True)
class KindWords:
    """How a kind of change is offered, and its form; None when there is nothing to ask.

    `warning` is said in the preview of what cannot be undone, `start` names the button where the list's own words do
    not fit. Without `ticked` a plan comes from elsewhere than from the boxes of the list, such as from a file.
    """

    label: Any
    form: type[BulkForm] | None
    warning: Any = ""
    ticked: bool = True
    start: Callable[[int], str] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The rows of a list.

    `page_address` makes the address of a row's page from its code, `counted` says how many rows there are, `start`
    names the button that changes so many, `scope` says which filter chose them. `fields` names what changes in a row,
    `figures` the numbers that a preview adds up.
    """

    list_address: str
    page_address: Callable[[str], str]
    one: Any
    counted: Callable[[int], str]
    start: Callable[[int], str]
    scope: Callable[[Mapping[str, Any]], list[str]]
    kinds: Mapping[str, KindWords]
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

"""What a change comes to for one row: in a preview, and when it was tried."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commerce.bulk.models import BulkRow
from commerce.errors import CommerceError


@dataclass(frozen=True, slots=True)
class Line:
    """A value that changes; amounts are minor units of the shop's currency."""

    what: str
    before: Any
    after: Any
    is_money: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would become of one row: lines that change, none when it is so already, or why it cannot be."""

    name: str = ""
    lines: Sequence[Line] = ()
    error: CommerceError | None = None
    figures: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptReason:
    """Why a row was not changed, as it is written down."""

    reason: str
    facts: Mapping[str, Any]


def note(row: BulkRow, status: str, error: CommerceError) -> None:
    """Write down why a row was not changed."""
    row.status = status
    # Facts are plain values; one that JSON does not know is kept as its text.
    row.reason = {"reason": error.reason, "facts": json.loads(json.dumps(dict(error.facts), default=str))}

"""Decide whether what clients saw of one counter of stock can be explained by some order of their calls.

A history is linearizable (Herlihy and Wing, 1990) when every call can be given one moment between its beginning and its
end so that a single shelf, asked at these moments one after another, gives the same answers. The search is that
of Wing and Gong (1993) with Lowe's memory of states that were tried in vain (2017), as Porcupine and Knossos do it; no
such library for Python is kept up. What has no answer (a killed connection) may have happened at any moment after its
beginning, or never.

Shelves are independent of each other, so each is judged by itself: a history is linearizable when that of every
shelf is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NEVER = math.inf


@dataclass(frozen=True)
class Call:
    """One call of one client. Times are of one clock, in seconds; `returned` is NEVER when no answer came.

    `kind` is "reserve" or "release" of `units`, or "read"; then `units` is what was read. `done` tells whether a
    reservation or release was acknowledged, False that it was refused for want of stock.
    """

    kind: str
    units: int
    called: float
    returned: float
    done: bool = True

    @property
    def unknown(self) -> bool:
        """Whether nobody told the client what became of it."""
        return self.returned == NEVER

    def after(self, available: int, stock: int) -> int | None:
        """Return what is available after the call on a shelf of `stock`, None if its answer would be impossible."""
        if self.kind == "read":
            return available if available == self.units else None
        if self.kind == "release":
            return available + self.units if available + self.units <= stock else None
        if self.done:
            return available - self.units if available >= self.units else None
        return available if available < self.units else None


@dataclass
class _Mark:
    """The beginning or the end of a call, in a list that can be taken apart and put together again."""

    number: int
    begins: bool
    before: "_Mark | None" = None
    after: "_Mark | None" = None
    end: "_Mark | None" = None


def unexplained(history: Sequence[Call], stock: int) -> list[Call]:
    """Return the calls of one shelf, up to the first whose answer no order explains; nothing when all are explained.

    `stock` is what the shelf has and what was available at first. Reads without an answer say nothing and are left out.
    """
    calls = [call for call in history if not (call.kind == "read" and call.unknown)]
    twins = _earlier_twins(calls)
    head = _marks(calls)
    missing = sum(not call.unknown for call in calls)
    available, explained = stock, 0
    tried: set[tuple[int, int]] = set()
    path: list[tuple[_Mark, int]] = []
    furthest = -NEVER
    mark = head.after
    while missing:
        if mark is not None and mark.begins:
            call = calls[mark.number]
            # Of two equal calls without an answer the later one needs no look before the earlier one has happened.
            allowed = explained & twins[mark.number] == twins[mark.number]
            left = call.after(available, stock) if allowed else None
            state = (explained | 1 << mark.number, -1 if left is None else left)
            if left is not None and state not in tried:
                tried.add(state)
                path.append((mark, available))
                explained, available = state
                missing -= not call.unknown
                _take_out(mark)
                mark = head.after
            else:
                mark = mark.after
            continue
        if mark is not None:
            furthest = max(furthest, calls[mark.number].returned)
        if not path:
            return [call for call in calls if call.called <= furthest]
        mark, available = path.pop()
        explained &= ~(1 << mark.number)
        missing += not calls[mark.number].unknown
        _put_back(mark)
        mark = mark.after
    return []


def _earlier_twins(calls: Sequence[Call]) -> list[int]:
    """Return for each call the set (as bits) of equal calls without an answer that began before it."""
    seen: dict[tuple[str, int], int] = {}
    twins = [0] * len(calls)
    for number in sorted(range(len(calls)), key=lambda each: calls[each].called):
        call = calls[number]
        if call.unknown:
            twins[number] = seen.get((call.kind, call.units), 0)
            seen[call.kind, call.units] = twins[number] | 1 << number
    return twins


def _marks(calls: Sequence[Call]) -> _Mark:
    """Return the head of the list of all beginnings and ends in time; what happens at once overlaps."""
    moments: list[tuple[float, bool, _Mark]] = []
    for number, call in enumerate(calls):
        begin = _Mark(number, begins=True)
        moments.append((call.called, False, begin))
        if not call.unknown:
            begin.end = _Mark(number, begins=False)
            moments.append((call.returned, True, begin.end))
    moments.sort(key=lambda moment: moment[:2])
    head = last = _Mark(-1, begins=True)
    for _, _, mark in moments:
        last.after, mark.before = mark, last
        last = mark
    return head


def _take_out(begin: _Mark) -> None:
    for mark in filter(None, (begin, begin.end)):
        assert mark.before is not None
        mark.before.after = mark.after
        if mark.after is not None:
            mark.after.before = mark.before


def _put_back(begin: _Mark) -> None:
    for mark in filter(None, (begin.end, begin)):
        assert mark.before is not None
        mark.before.after = mark
        if mark.after is not None:
            mark.after.before = mark

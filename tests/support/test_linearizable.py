"""The judge of histories is judged: what one shelf could have answered passes, what none could have is found."""

import itertools
import random

import pytest

from tests.support.linearizable import NEVER, Call, unexplained


def reserve(units: int, called: float, returned: float = NEVER, *, done: bool = True) -> Call:
    return Call("reserve", units, called, returned, done)


def release(units: int, called: float, returned: float = NEVER) -> Call:
    return Call("release", units, called, returned)


def read(units: int, called: float, returned: float) -> Call:
    return Call("read", units, called, returned)


POSSIBLE = {
    "nothing happened": [],
    "one after another": [read(3, 0, 1), reserve(2, 2, 3), read(1, 4, 5), release(2, 6, 7), read(3, 8, 9)],
    "a read beside a reservation sees the shelf before": [reserve(2, 0, 9), read(3, 1, 2), read(1, 3, 4)],
    "or after": [reserve(2, 0, 9), read(1, 1, 2)],
    "the last units go to one of two": [reserve(2, 0, 5), reserve(2, 1, 4, done=False), read(1, 6, 7)],
    "a refusal before the units came back": [
        reserve(3, 0, 1),
        release(3, 2, 9),
        reserve(1, 3, 4, done=False),
        reserve(1, 5, 6),
    ],
    "no answer, and it happened": [reserve(2, 0), read(1, 5, 6)],
    "no answer, and it never happened": [reserve(2, 0), read(3, 5, 6), reserve(3, 7, 8)],
    "no answer, and it happened later": [reserve(2, 0), read(3, 5, 6), read(1, 7, 8)],
    "of three without an answer one happened": [
        *(reserve(2, moment) for moment in range(3)),
        read(1, 5, 6),
        reserve(1, 7, 8),
    ],
    "a read without an answer says nothing": [Call("read", 99, 0, NEVER), read(3, 1, 2)],
    "at one moment is at the same time": [reserve(3, 0, 1), read(3, 1, 2)],
}
IMPOSSIBLE = {
    "sold twice": [reserve(2, 0, 5), reserve(2, 1, 4)],
    "an update was lost": [reserve(1, 0, 3), reserve(1, 1, 2), read(2, 4, 5)],
    "an old page": [reserve(1, 0, 1), read(3, 2, 3)],
    "back to the past": [reserve(1, 0, 9), read(2, 1, 2), read(3, 3, 4)],
    "sold out while there is stock": [reserve(2, 0, 1), reserve(1, 2, 3, done=False)],
    "given back twice": [reserve(1, 0, 1), release(1, 2, 3), release(1, 4, 5)],
    "given back and not there": [reserve(3, 0, 1), release(3, 2, 3), reserve(1, 4, 5, done=False)],
    "units from nowhere": [read(4, 0, 1)],
    "no answer, and it happened twice": [reserve(1, 0), read(1, 5, 6)],
    "no answer, and it happened before it began": [read(1, 0, 1), reserve(2, 2)],
    "no answer, seen and then gone": [reserve(2, 0), read(1, 1, 2), read(3, 3, 4)],
}


@pytest.mark.parametrize("history", POSSIBLE.values(), ids=POSSIBLE)
def test_what_a_stock_item_of_three_could_have_answered_is_explained(history: list[Call]) -> None:
    assert unexplained(history, stock=3) == []


@pytest.mark.parametrize("history", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_no_stock_item_of_three_could_have_answered_is_found(history: list[Call]) -> None:
    assert unexplained(history, stock=3) != []


def test_the_answer_ends_with_the_call_that_fits_no_more() -> None:
    good = [reserve(1, 0, 1), read(2, 2, 3)]
    bad, later = read(3, 4, 5), read(2, 6, 7)
    assert unexplained([*good, bad, later], stock=3) == [*good, bad]


def by_trying_everything(history: list[Call], stock: int) -> bool:
    """Decide the same by the definition alone: all orders of all choices of what happened."""
    known = [call for call in history if not call.unknown]
    lost = [call for call in history if call.unknown]
    chosen = itertools.chain.from_iterable(
        itertools.combinations(lost, count) for count in range(len(lost) + 1)
    )
    return any(_fits(order, stock) for some in chosen for order in itertools.permutations([*known, *some]))


def _fits(order: tuple[Call, ...], stock: int) -> bool:
    if any(later.returned < earlier.called for earlier, later in itertools.combinations(order, 2)):
        return False
    available: int | None = stock
    for call in order:
        available = call.after(available, stock) if available is not None else None
    return available is not None


def test_the_search_agrees_with_trying_all_orders() -> None:
    dice = random.Random(3)
    verdicts = []
    for _ in range(300):
        moments = [float(moment) for moment in dice.sample(range(14), 12)]
        history = []
        for called, returned in zip(moments[::2], moments[1::2], strict=True):
            kind = dice.choice(("reserve", "reserve", "release", "read"))
            end = NEVER if kind != "read" and dice.random() < 0.25 else max(called, returned)
            done = kind != "reserve" or end == NEVER or dice.random() < 0.7
            history.append(Call(kind, dice.randrange(1, 3), min(called, returned), end, done))
        verdicts.append(by_trying_everything(history, 3))
        assert (unexplained(history, 3) == []) is verdicts[-1], history
    assert 30 < sum(verdicts) < 270

"""Turn the recorded statements of one placement into a script for pgbench: the same SQL, another order each time.

What belongs to one order alone is computed from numbers by PostgreSQL itself: `:n` numbers the cart, `:a` and `:b` the
two products. Two recordings show which of the values are new with every order.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from bench.support.stage import cart_key, checkout_token, numbered_id
from commerce.cart.services import shopper_hash

LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$.%])\d+(?![\w.])")
TOKEN = re.compile(r"[A-Za-z0-9_-]{30,}")
Step = list[str]
"""The statements of one round trip; several when the driver sends them in a pipeline."""


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """Yield a list that grows with every statement and its parameters, one entry for a round trip."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def with_values(recording: Sequence[tuple[str, Any]], connection: psycopg.Connection[Any]) -> list[Step]:
    """Return the recorded statements with their values written into them."""
    cursor = psycopg.ClientCursor(connection)
    return [
        [cursor.mogrify(statement, each) for each in (values if isinstance(values, list) else [values])]
        for statement, values in recording
    ]


def pgbench_script(
    first: list[Step],
    second: list[Step],
    carts: tuple[int, int],
    products: tuple[int, int],
    more: Mapping[str, str] | None = None,
) -> str:
    """Return a script for pgbench from two recordings: of two carts with the same two products.

    `more` names further text that is made from the numbers -> its SQL expression.
    """
    known = _known(carts[0], products) | dict(more or {})
    fresh: dict[str, str] = {}
    lines = ["BEGIN;"]
    for one, other in zip(first, second, strict=True):
        written = [_general(a, b, known, fresh) for a, b in zip(one, other, strict=True)]
        if len(written) > 1:
            # Rows are locked in the order of their ids; which of two products comes first changes with every order.
            lines += ["\\startpipeline", *(f"{text};" for text in _sorted_stock(written)), "\\endpipeline"]
        else:
            lines.append(f"{written[0]};")
    return "\n".join([*lines, "COMMIT;", ""])


def _known(cart: int, products: tuple[int, int]) -> dict[str, str]:
    """Return text -> SQL expression for everything that is made from the numbers."""
    known = {
        checkout_token(cart): "encode(sha256(('token' || :n::text)::bytea), 'hex')",
        shopper_hash(
            cart_key(cart)
        ): "encode(sha256(left(encode(sha256(('browser' || :n::text)::bytea), 'hex'), 43)::bytea), 'hex')",
    }
    known |= _both_forms(numbered_id("cart", cart), _md5("cart", "n"))
    for number, letter in zip(products, "ab", strict=True):
        for kind in ("product", "variant", "stock"):
            known |= _both_forms(numbered_id(kind, number), _md5(kind, letter))
    return known


def _both_forms(key: uuid.UUID, expression: str) -> dict[str, str]:
    """Return an id as columns (32 digits) and as JSON (with dashes) write it; PostgreSQL reads both."""
    return {key.hex: expression, str(key): expression}


def _md5(kind: str, variable: str) -> str:
    return f"md5('{kind}' || :{variable}::text)"


def _general(one: str, other: str, known: dict[str, str], fresh: dict[str, str]) -> str:
    """Return statement `one` with everything computed that another order has otherwise."""
    others = iter(LITERAL.findall(other))

    def replace(match: re.Match[str]) -> str:
        mine, theirs = match.group(0), next(others)
        if mine != theirs:
            for token in _new_tokens(mine[1:-1], theirs[1:-1]):
                if token not in known and token not in fresh:
                    fresh.update(_new(token, f"md5('fresh{len(fresh)}-' || :n::text)"))
            if re.fullmatch(r"\d+", mine):
                return ":n"  # the only number that is new with every order is its own
            if mine.startswith("'ORD-"):
                return "('ORD-' || :n::text)"
        return _assembled(mine, known | fresh) if mine.startswith("'") else mine

    return LITERAL.sub(replace, one.replace("%%", "%"))


def _new_tokens(mine: str, theirs: str) -> Iterator[str]:
    for token in TOKEN.findall(mine):
        if token not in theirs:
            yield token


def _new(token: str, expression: str) -> dict[str, str]:
    try:
        return _both_forms(uuid.UUID(token), expression)
    except ValueError:
        return {token: expression}


def _assembled(literal: str, expressions: dict[str, str]) -> str:
    """Write a literal as a concatenation when something in it is computed."""
    inside = [text for text in expressions if text in literal]
    if not inside:
        return literal
    pattern = re.compile("(" + "|".join(map(re.escape, inside)) + ")")
    parts = [expressions.get(part, f"'{part}'") for part in pattern.split(literal[1:-1]) if part]
    return f"({' || '.join(parts)})"


def _sorted_stock(statements: Sequence[str]) -> list[str]:
    a, b = _md5("stock", "a"), _md5("stock", "b")
    return [
        re.sub(r"\(" + re.escape(own) + r"\)", f"({which}({a}, {b}))", text)
        for text in statements
        for own, which in ((a, "least"), (b, "greatest"))
        if f"({own})" in text
    ]

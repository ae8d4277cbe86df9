"""Search of orders that is the same on both databases, by the tokens of the catalogue's search.

For each order one text is kept, written in the transaction that changes what it is made of. A token begins with the
letter of its kind: `w` for a word, `n` for the order's number without leading zeros, and one kind for each filter whose
values are not columns (`EXACT`). Words of names are kept with their ends, too ('bergman', 'ergman', ...), so that any
part of a name finds it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from commerce import paging
from commerce.catalog.search import MAX_QUERY_CHARACTERS, MAX_QUERY_TOKENS, MAX_TOKEN_CHARACTERS, tokens
from commerce.db import current_tenant_id, db
from commerce.events.models import Event
from commerce.orders.models import Order, OrderLine, OrderTag
from commerce.pricing.models import Coupon, CouponUse

EXACT = {"country": "c", "coupon": "k", "sku": "s", "tag": "g"}
"""What is found whole and never by a part of it, with the letter of its kind."""
MAX_WORDS = 800
MAX_NOTE = 2_000
SHORTEST_PART = 3
SHORTEST_PREFIX = 4
"""Digits from which a number also finds longer ones: '12' is an order, '1234' may be the beginning of a postcode."""
BATCH = 200
_NUMBER = re.compile(r"[0-9]+\Z")
_PHONE = re.compile(r"[+0-9][0-9 ()/.\-]{5,}\Z")

# Both tables are made by a migration, as those of the catalogue's search: row security on PostgreSQL shows only rows
# that have what `_look_for` has set, so that the index of words is used.
_POSTGRES = table(
    "order_search", column("tenant_id", Uuid()), column("order_id", Uuid()), column("words", TSVECTOR())
)
_SQLITE = table(
    "order_search", column("order_key", String()), column("tenant_key", String()), column("words", Text())
)
_SHIPMENTS = table(
    "shipments", column("tenant_id", Uuid()), column("order_id", Uuid()), column("tracking_code")
)
"""Parcels are a feature that builds on this one; of theirs, only the tracking codes are read."""


# --- what is stored -----------------------------------------------------------------------------------


def exact(kind: str, value: str) -> str:
    """Return the token of a value of a filter, of which only letters and digits are left."""
    return EXACT[kind] + value.strip().casefold().encode("utf-8", "ignore").hex()[:120]


def words_of(
    order: Mapping[str, Any],
    lines: Iterable[Mapping[str, Any]],
    *,
    coupons: Iterable[str] = (),
    tags: Iterable[str] = (),
    others: Iterable[str] = (),
) -> str:
    """Return what is stored for an order. `others` are tracking codes and notes."""
    address, skus = order["shipping_address"], [line["sku"] for line in lines]
    found = [f"n{order['number']}", exact("country", str(address.get("country_code", "")))]
    found += [exact("sku", sku) for sku in skus]
    found += [exact("coupon", code) for code in coupons]
    found += [exact("tag", tag) for tag in tags]
    names = [order["name"], *(str(value) for name, value in address.items() if name != "country_code")]
    codes = [order["code"], order["email"], order.get("customer_reference", ""), *skus, *coupons]
    words = [*_name_words(names), *_phone_words(order.get("phone", "")), *_code_words(codes)]
    for part in (*(line["title"] for line in lines), *tags, *others, order.get("note", "")[:MAX_NOTE]):
        words += _code_words([part])
    return " ".join(list(dict.fromkeys([*found, *(f"w{word}" for word in words if word)]))[:MAX_WORDS])


def _name_words(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for word in tokens(name):
            yield word
            if not word.startswith("zz") and not _NUMBER.match(word):
                yield from (word[start:] for start in range(1, len(word) - SHORTEST_PART + 1))


def _phone_words(phone: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", phone)[:20]
    yield from (digits[start:] for start in range(len(digits) - SHORTEST_PREFIX + 1))


def _code_words(codes: Iterable[str]) -> Iterator[str]:
    """Yield the words of codes, and each code written without what stands between them."""
    for code in codes:
        parts = list(tokens(code))
        yield from parts
        if 1 < len(parts) <= MAX_QUERY_TOKENS:
            yield "".join(parts)[:MAX_TOKEN_CHARACTERS]


# --- what is asked for --------------------------------------------------------------------------------


class Wanted:
    """What an order must have, each of several things by one of some tokens; a token may be a beginning."""

    def __init__(self, search: str = "", exactly: Iterable[str] = ()) -> None:
        """`exactly` are tokens of `exact`."""
        self.groups = [[(token, False)] for token in exactly]
        self.groups += list(_groups(search))

    def __bool__(self) -> bool:
        """Tell whether anything is asked for that can be found."""
        return bool(self.groups)

    def written(self) -> str:
        """Return it in the database's own language. Tokens hold nothing that could be an operator."""
        if db.engine.dialect.name == "postgresql":
            groups = (
                " | ".join(f"{token}{':*' if begins else ''}" for token, begins in group)
                for group in self.groups
            )
            return " & ".join(f"({group})" for group in groups)
        groups = (
            " OR ".join(f'"{token}"{" *" if begins else ""}' for token, begins in group)
            for group in self.groups
        )
        both = " AND ".join(f"({group})" for group in groups)
        return f"tenant_key : t{current_tenant_id().hex} AND words : ({both})"


def _groups(search: str) -> Iterator[list[tuple[str, bool]]]:
    asked = search.strip()[:MAX_QUERY_CHARACTERS]
    if _PHONE.match(asked):
        # A number as people write it, such as '+49 30 12345' or '030/12345': all of its ends are kept.
        digits = re.sub(r"\D", "", asked)[:20]
        short = digits.lstrip("0")
        begins = len(short) >= SHORTEST_PREFIX
        yield [(f"w{digits}", True), (f"w{short or '0'}", begins), (f"n{int(digits)}", False)]
        return
    if "@" in asked and " " not in asked:
        # An address is kept as one word, too: half of all customers may have the words of its end.
        parts = list(tokens(asked, asked=True))
        if 1 < len(parts) <= MAX_QUERY_TOKENS:
            yield [(f"w{''.join(parts)[:MAX_TOKEN_CHARACTERS]}", True)]
            return
    for token in list(dict.fromkeys(tokens(asked, asked=True)))[:MAX_QUERY_TOKENS]:
        if not _NUMBER.match(token):
            yield [(f"w{token}", True)]
            continue
        begins = len(token) >= SHORTEST_PREFIX
        yield [(f"w{token}", begins), (f"n{int(token)}", False)]


def matches(wanted: Wanted) -> ColumnElement[bool]:
    """Return the condition that an order has what is wanted: of very many matches, the newest count. A step.

    On PostgreSQL it holds for statements that run before the next search. Never more than MOST_COUNTED + 1 orders are
    looked at, so a word that half of them have costs no more than another.
    """
    most: Any = literal_column(str(paging.MOST_COUNTED + 1))
    if db.engine.dialect.name == "postgresql":
        _look_for(wanted.written())
        asked = func.to_tsquery(_SIMPLE, literal(wanted.written(), Text()))
        mine = _POSTGRES.c.tenant_id == literal(current_tenant_id(), Uuid())
        # Ids grow with time.
        found = select(_POSTGRES.c.order_id).where(mine, _POSTGRES.c.words.bool_op("@@")(asked))
        # Of its own, so that a statement which counts several things of what is found finds it once.
        newest = found.order_by(_POSTGRES.c.order_id.desc()).limit(most).cte("found_orders")
        return Order.id.in_(select(newest.c.order_id))
    key = func.substr(_SQLITE.c.order_key, 2, type_=Uuid())
    match = literal_column("order_search").bool_op("MATCH")(literal(wanted.written(), Text()))
    return Order.id.in_(select(key).where(match).order_by(literal_column("rowid").desc()).limit(most))


def _look_for(words: str) -> None:
    """Say until the transaction ends what is looked for; a page that asks several things of a search says it once."""
    said = (db.session().get_transaction(), words)
    if said[0] is None or db.session.info.get(_SAID) != said:
        # On the connection: it reads no table, so the filter of the shop has nothing to do.
        db.session.connection().execute(_LOOK_FOR, {"words": words})
        db.session.info[_SAID] = (db.session().get_transaction(), words)


_SAID = "lockstep.order_words"


_SIMPLE: Any = literal_column("'simple'::regconfig")
_LOOK_FOR = select(
    func.set_config("lockstep.order_words", bindparam("words", type_=Text()), literal_column("true"))
)


# --- writing it -------------------------------------------------------------------------------------


def index_new_order(
    order_id: uuid.UUID,
    values: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    coupons: Iterable[str] = (),
) -> None:
    """Write the text of an order that was inserted a moment ago. A step; one statement."""
    _insert([(order_id, words_of(values, lines, coupons=coupons))])


def index_orders(order_ids: Iterable[uuid.UUID]) -> None:
    """Write the texts of orders of the current shop from what is stored of them. A step."""
    ids = list(order_ids)
    db.session.flush()
    for start in range(0, len(ids), BATCH):
        _index(ids[start : start + BATCH])


def _index(ids: Sequence[uuid.UUID]) -> None:
    names = (
        "id",
        "number",
        "code",
        "email",
        "name",
        "customer_reference",
        "phone",
        "note",
        "shipping_address",
    )
    orders = db.session.execute(
        select(*(getattr(Order, name) for name in names)).where(Order.id.in_(ids)).order_by(Order.number)
    ).all()
    lines: dict[uuid.UUID, list[dict[str, str]]] = {}
    for order_id, sku, title in db.session.execute(
        select(OrderLine.order_id, OrderLine.sku, OrderLine.title).where(OrderLine.order_id.in_(ids))
    ):
        lines.setdefault(order_id, []).append({"sku": sku, "title": title})
    beside = _beside(ids)
    texts = [
        (
            row.id,
            words_of(
                dict(zip(names, row, strict=True)),
                lines.get(row.id, []),
                coupons=beside.get((row.id, "coupon"), ()),
                tags=beside.get((row.id, "tag"), ()),
                others=[*beside.get((row.id, "tracking"), ()), *beside.get((row.id, "note"), ())],
            ),
        )
        for row in orders
    ]
    _insert([pair for pair in texts if not _update(*pair)])


def _beside(ids: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, str], list[str]]:
    """Return what belongs to orders in other tables, by order and kind. One statement."""

    def part(order_id: Any, kind: str, value: Any) -> Any:
        return select(order_id, literal(kind, String()), value).where(order_id.in_(ids))

    note = Event.payload["text"].as_string()
    statement = union_all(
        part(CouponUse.order_id, "coupon", Coupon.code).where(
            Coupon.tenant_id == CouponUse.tenant_id, Coupon.id == CouponUse.coupon_id
        ),
        part(OrderTag.order_id, "tag", OrderTag.tag),
        part(Event.subject_id, "note", func.substr(note, 1, MAX_NOTE)).where(Event.type == "OrderNoteAdded"),
        part(_SHIPMENTS.c.order_id, "tracking", _SHIPMENTS.c.tracking_code).where(
            _SHIPMENTS.c.tenant_id == literal(current_tenant_id(), Uuid())
        ),
    )
    found: dict[tuple[uuid.UUID, str], list[str]] = {}
    for order_id, kind, value in db.session.execute(statement):
        found.setdefault((order_id, kind), []).append(value or "")
    return found


def _update(order_id: uuid.UUID, words: str) -> bool:
    """Write the text of an order that has one already, and tell whether it has."""
    connection, key = db.session.connection(), _key(order_id)
    if db.engine.dialect.name == "postgresql":
        _look_for(key)
        mine = (_POSTGRES.c.tenant_id == current_tenant_id()) & (_POSTGRES.c.order_id == order_id)
        new = update(_POSTGRES).where(mine).values(words=func.to_tsvector(_SIMPLE, f"{words} {key}"))
        return bool(connection.execute(new).rowcount)
    # The row keeps its place among the others: they are read newest first.
    statement = text(
        "UPDATE order_search SET words = :words WHERE rowid IN"
        " (SELECT rowid FROM order_search WHERE order_search MATCH :key)"
    )
    own = f"tenant_key : t{current_tenant_id().hex} AND order_key : {key}"
    return bool(connection.execute(statement, {"words": words, "key": own}).rowcount)


def _insert(texts: Sequence[tuple[uuid.UUID, str]]) -> None:
    if not texts:
        return
    tenant_id, connection = current_tenant_id(), db.session.connection()
    if db.engine.dialect.name == "postgresql":
        rows: list[dict[str, Any]] = [
            {"tenant_id": tenant_id, "order_id": order_id, "written": f"{words} {_key(order_id)}"}
            for order_id, words in texts
        ]
        connection.execute(_WRITE, rows)
        return
    rows = [
        {"order_key": _key(order_id), "tenant_key": f"t{tenant_id.hex}", "words": words}
        for order_id, words in texts
    ]
    connection.execute(insert(_SQLITE), rows)


def _key(order_id: uuid.UUID) -> str:
    """Return the word by which an order's own row is found. No search has it: theirs begin with other letters."""
    return f"o{order_id.hex}"


_WRITE = insert(_POSTGRES).values(words=func.to_tsvector(_SIMPLE, bindparam("written", type_=Text())))

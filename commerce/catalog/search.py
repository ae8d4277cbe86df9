"""Search that is the same on both databases: text becomes plain tokens when it is written, and when it is asked for.

A token is made of `a-z0-9` only and begins with the letter of its kind, so neither FTS5 nor PostgreSQL's parser has
anything left to decide: `w` for a word, `t` for a word of the title once more, which is how titles rank first. Letters
outside ASCII are stored as the hexadecimal digits of their UTF-8 form; a beginning of a word stays a beginning.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
)

from commerce.catalog.models import Product, Variant
from commerce.db import current_tenant_id, db, execute_many

MAX_QUERY_CHARACTERS = 200
MAX_QUERY_TOKENS = 12
MAX_TOKEN_CHARACTERS = 40
BATCH = 200

# Both tables are made by the migration: FTS5 on SQLite, an ordinary table with a GIN index on PostgreSQL.
_POSTGRES = table(
    "product_search", column("tenant_id", Uuid()), column("product_id", Uuid()), column("words", Text())
)
_SQLITE = table(
    "product_search", column("product_key", String()), column("tenant_key", String()), column("words", Text())
)

# Scripts that are written without spaces between words: Thai, Lao, Khmer, Burmese, kana, Han, Hangul.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # noqa: E501 - one character class
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def fold(text: str) -> str:
    """Return `text` without differences that a searcher does not make: case, width, accents, apostrophes."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text).casefold()))
    return unicodedata.normalize("NFKC", plain).casefold().translate(_LETTERS)


def tokens(text: str, *, asked: bool = False) -> Iterator[str]:
    """Yield the tokens of `text`, without their kind. Unspaced scripts give each pair of neighbouring characters.

    Stored text also gives each of those characters alone, so that a search for a single one finds it.
    """
    for run in _RUNS.findall(fold(text)):
        if not re.match(f"[{_UNSPACED}]", run):
            yield _ascii(run[:MAX_TOKEN_CHARACTERS])
            continue
        for first, second in pairwise(run):
            yield _ascii(first + second)
        if not asked or len(run) == 1:
            yield from map(_ascii, run)


def _ascii(token: str) -> str:
    # No ASCII word is changed; "zz" keeps the digits of other scripts apart from words that look like them.
    return token if token.isascii() else "zz" + token.encode("utf-8", "ignore").hex()


def stored_words(title: str, others: Iterable[str], codes: Iterable[str]) -> str:
    """Return what is stored for one product. `codes` (SKUs) can also be found written without their dashes."""
    titled = list(tokens(title))
    words = dict.fromkeys(titled)
    for other in others:
        words.update(dict.fromkeys(tokens(other)))
    for code in codes:
        parts = list(tokens(code))
        words.update(dict.fromkeys([*parts, "".join(parts)[:MAX_TOKEN_CHARACTERS]]))
    return " ".join(
        [*(f"w{word}" for word in words if word), *(f"t{word}" for word in dict.fromkeys(titled))]
    )


def query_tokens(query: str) -> list[str]:
    """Return the tokens that a product must all have; the last one as the beginning of a word. Empty: finds nothing."""
    found = dict.fromkeys(tokens(query[:MAX_QUERY_CHARACTERS], asked=True))
    return list(found)[:MAX_QUERY_TOKENS]


def search_parameters(query: str) -> dict[str, str] | None:
    """Return the values for `found_ids` and `title_rank` (`words`, `titled`), or None when nothing can match."""
    wanted = query_tokens(query)
    if not wanted:
        return None
    return {"words": _match(wanted, "w"), "titled": _match(wanted, "t")}


def _match(wanted: Sequence[str], kind: str) -> str:
    """Write the search in the database's own language. Tokens hold nothing that could be an operator."""
    if db.engine.dialect.name == "postgresql":
        return " & ".join(f"{kind}{token}" for token in wanted) + ":*"
    terms = " AND ".join(f'"{kind}{token}"' for token in wanted)
    return f"tenant_key : t{current_tenant_id().hex} AND words : ({terms} *)"


def found_ids(dialect: str) -> Select[Any]:
    """Return the statement for the ids of matching products; needs the parameters `tenant` and `words`."""
    if dialect == "postgresql":
        return select(_POSTGRES.c.product_id).where(_mine, _holds("words"))
    return _sqlite_ids("words")


def title_rank(dialect: str, product_id: ColumnElement[uuid.UUID]) -> ColumnElement[bool]:
    """Return the condition that the title itself matches, to sort by; needs the parameters `tenant` and `titled`."""
    if dialect == "postgresql":
        # Asked of each product that was found: as a set of ids, PostgreSQL reads the words of the whole shop for it.
        return select(_holds("titled")).where(_mine, _POSTGRES.c.product_id == product_id).scalar_subquery()
    return product_id.in_(_sqlite_ids("titled"))


_mine = _POSTGRES.c.tenant_id == bindparam("tenant", type_=Uuid())


def _holds(parameter: str) -> ColumnElement[bool]:
    # The configuration is written out: only then is it the expression of the index.
    vector = func.to_tsvector(literal_column("'simple'::regconfig"), _POSTGRES.c.words)
    asked = func.to_tsquery(literal_column("'simple'::regconfig"), bindparam(parameter, type_=Text()))
    return vector.bool_op("@@")(asked)


def _sqlite_ids(parameter: str) -> Select[Any]:
    key = func.substr(_SQLITE.c.product_key, 2, type_=Uuid())
    match = literal_column("product_search").bool_op("MATCH")(bindparam(parameter, type_=Text()))
    return select(key).where(match)


def index_products(product_ids: Iterable[uuid.UUID]) -> None:
    """Write the search words of products of the current shop anew, also for products that are gone. A step."""
    ids = list(product_ids)
    db.session.flush()
    for start in range(0, len(ids), BATCH):
        _index(ids[start : start + BATCH])


def _index(product_ids: list[uuid.UUID]) -> None:
    tenant_id = current_tenant_id()
    _forget(tenant_id, product_ids)
    codes: dict[uuid.UUID, list[str]] = {}
    values: dict[uuid.UUID, list[str]] = {}
    for product_id, sku, option_values in db.session.execute(
        select(Variant.product_id, Variant.sku, Variant.option_values).where(
            Variant.product_id.in_(product_ids), Variant.active
        )
    ):
        codes.setdefault(product_id, []).append(sku)
        values.setdefault(product_id, []).extend(option_values)
    found = [
        (
            product_id,
            stored_words(title, [vendor, *tags, *values.get(product_id, [])], codes.get(product_id, [])),
        )
        for product_id, title, vendor, tags in db.session.execute(
            select(Product.id, Product.title, Product.vendor, Product.tags).where(Product.id.in_(product_ids))
        )
    ]
    if not found:
        return
    if db.engine.dialect.name == "postgresql":
        rows: list[dict[str, Any]] = [
            {"tenant_id": tenant_id, "product_id": product_id, "words": words} for product_id, words in found
        ]
        execute_many(insert(_POSTGRES), rows)
    else:
        keys = f"t{tenant_id.hex}"
        rows = [{"product_key": f"p{pid.hex}", "tenant_key": keys, "words": words} for pid, words in found]
        execute_many(insert(_SQLITE), rows)


def _forget(tenant_id: uuid.UUID, product_ids: list[uuid.UUID]) -> None:
    connection = db.session.connection()
    if db.engine.dialect.name == "postgresql":
        mine = (_POSTGRES.c.tenant_id == tenant_id) & _POSTGRES.c.product_id.in_(product_ids)
        connection.execute(delete(_POSTGRES).where(mine))
        return
    keys = " OR ".join(f"p{product_id.hex}" for product_id in product_ids)
    connection.execute(
        text(
            "DELETE FROM product_search WHERE rowid IN"
            " (SELECT rowid FROM product_search WHERE product_search MATCH :keys)"
        ),
        {"keys": f"tenant_key : t{tenant_id.hex} AND product_key : ({keys})"},
    )

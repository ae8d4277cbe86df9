"""Search that is the same on both databases: text becomes plain tokens when it is written, and when it is asked for.

A token is made of `a-z0-9` only and begins with the letter of its kind, so neither FTS5 nor PostgreSQL's parser has
anything left to decide: `w` for a word, `t` for a word of the title once more, which is how titles rank first. Letters
outside ASCII are stored as the hexadecimal digits of their UTF-8 form; a beginning of a word stays a beginning.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import unescape
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple

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
    literal,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from commerce.catalog.models import Product, Variant
from commerce.db import atomic, current_tenant_id, db, execute_many, walk_indexes
from commerce.list_queries import bounded_count

MAX_QUERY_CHARACTERS = 200
MAX_QUERY_TOKENS = 12
MAX_TOKEN_CHARACTERS = 40
MAX_DESCRIPTION_CHARACTERS = 20_000
"""How much of a description is searched."""
SHORT = 2
"""Words up to this length belong to their neighbor as often as not: 'T Shirt', 'USB C', 'E Bike'."""
BATCH = 200
MANY = 2_000
"""Found products from which on a list is walked until a page is full, instead of sorting all of them."""

# Both tables are made by the migration: FTS5 on SQLite, an ordinary table with a GIN index on PostgreSQL. There row
# security shows only rows that have the words of `_look_for`: no other condition could use the index.
_POSTGRES = table(
    "product_search", column("tenant_id", Uuid()), column("product_id", Uuid()), column("words", TSVECTOR())
)
_SQLITE = table(
    "product_search", column("product_key", String()), column("tenant_key", String()), column("words", Text())
)

# Scripts that are written without spaces between words: Thai, Lao, Khmer, Burmese, kana, Han, Hangul.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # noqa: E501 - one character class
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")
_INVISIBLE = re.compile("[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Soft hyphens, blanks without width and marks of direction: a word is the same with and without them."""
_HYPHEN = re.compile("[-\u2010\u2011\u2212]")
_SIGNED = re.compile(rf"(?<![^\W_{_UNSPACED}])([^\W_{_UNSPACED}]+)[+#]+(?![^\W_{_UNSPACED}])")
"""A word with signs that belong to it. What comes after them is another word."""
_ENDED = re.compile(r"[^\w\s.,;:!?)\"'][\s.,;:!?)\"']*\Z")
"""A text whose last word is finished: a sign follows it."""
_TAG = re.compile(r"<[^>]*>?")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def fold(text: str) -> str:
    """Return `text` without differences that a searcher does not make: case, width, accents, what is not seen."""
    seen = _INVISIBLE.sub("", _APOSTROPHES.sub("", text))
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", seen.casefold()))
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


class Word(NamedTuple):
    """A word of a text; `linked` says how the next one follows: '-' after a hyphen, ' ' after a blank, else ''."""

    token: str
    linked: str


def words_in(text: str, *, asked: bool = False) -> Iterator[Word]:
    """Yield the words of `text` with what stands between them. Those of unspaced scripts are linked to nothing."""
    folded = fold(text)
    runs = list(_RUNS.finditer(folded))
    for run, following in zip_longest(runs, runs[1:]):
        if re.match(f"[{_UNSPACED}]", run[0]):
            yield from (Word(token, "") for token in tokens(run[0], asked=asked))
            continue
        between = folded[run.end() : following.start()] if following else ""
        spaced = following is not None and not re.match(f"[{_UNSPACED}]", following[0])
        linked = "-" if _HYPHEN.fullmatch(between) else " " if between.isspace() else ""
        yield Word(_ascii(run[0][:MAX_TOKEN_CHARACTERS]), linked if spaced else "")


def signs_in(text: str) -> list[str]:
    """Return the tokens of what no word says: emoji, and words that signs belong to ('C++', 'F#', '50+')."""
    folded = fold(text)
    codes = [match[0] for match in _SIGNED.finditer(folded)]
    pictures = [char for char in folded if unicodedata.category(char) == "So"]
    return [_signed(each) for each in dict.fromkeys([*codes, *pictures])]


def _signed(text: str) -> str:
    return "zz" + text[:MAX_TOKEN_CHARACTERS].encode("utf-8", "ignore").hex()


def _joined(words: Sequence[Word], *, across: bool) -> Iterator[str]:
    """Yield what words are when written as one: 'T-Shirt' is 'tshirt'; `across` blanks, too ('USB C' is 'usbc')."""
    for first, second in pairwise(words):
        if first.linked == "-" or (across and first.linked == " "):
            yield (first.token + second.token)[:MAX_TOKEN_CHARACTERS]
    chain: list[str] = []
    for word in words:
        chain.append(word.token)
        if word.linked != "-":
            if len(chain) > 1:
                yield "".join(chain)[:MAX_TOKEN_CHARACTERS]
            chain = []


def stored_words(title: str, others: Iterable[str], codes: Iterable[str], description_html: str = "") -> str:
    """Return what is stored for one product. `codes` (SKUs) can also be found written without their dashes."""
    titled = _stored(title, across=True)
    words = dict.fromkeys(titled)
    for other in others:
        words.update(dict.fromkeys(_stored(other, across=True)))
    for code in codes:
        parts = list(tokens(code))
        words.update(dict.fromkeys([*parts, "".join(parts)[:MAX_TOKEN_CHARACTERS]]))
    words.update(dict.fromkeys(_stored(text_of_html(description_html), across=False)))
    return " ".join([*(f"w{word}" for word in words if word), *(f"t{word}" for word in titled)])


def _stored(text: str, *, across: bool) -> list[str]:
    words = list(words_in(text))
    return list(
        dict.fromkeys([*(word.token for word in words), *_joined(words, across=across), *signs_in(text)])
    )


def text_of_html(html: str) -> str:
    """Return what a reader sees of a description, as far as it is searched."""
    return unescape(_TAG.sub(" ", html[:MAX_DESCRIPTION_CHARACTERS]))


class Term(NamedTuple):
    """A token that must be there, or a word that begins with it."""

    token: str
    prefix: bool = False


Choice = tuple[tuple[Term, ...], ...]
"""Terms that must all be there, or other ones instead: 't-shirt' is 't' and 'shirt', or 'tshirt'."""


def parse_query(query: str) -> list[Choice]:
    """Return what a product must have, one choice for each thing asked for. Empty: finds nothing.

    The last word may be the beginning of one, unless a sign follows that belongs to it. Emoji count when nothing else
    is asked for.
    """
    text = query[:MAX_QUERY_CHARACTERS]
    words = list(words_in(text, asked=True))
    signs = signs_in(text)
    codes = {_ascii(match[1]): _signed(match[0]) for match in _SIGNED.finditer(fold(text))}
    if not words:
        alone: list[Choice] = [((Term(sign),),) for sign in signs]
        return alone[:MAX_QUERY_TOKENS]
    open_end = not _ENDED.search(fold(text))
    choices: list[Choice] = []
    at = 0
    while at < len(words):
        end = at + 1
        hyphened = words[at].linked == "-"
        while end < len(words) and (
            words[end - 1].linked == "-" if hyphened else _is_short(words, end - 1, codes)
        ):
            end += 1
        parts = [word.token for word in words[at:end]]
        last = open_end and end == len(words)
        if len(parts) == 1:
            choices.append(_single(parts[0], codes, open_end=last))
        else:
            choices.append(_compound(parts, open_end=last) if hyphened else _pairs(parts, open_end=last))
        at = end
    return list(dict.fromkeys(choices))[:MAX_QUERY_TOKENS]


def _is_short(words: Sequence[Word], at: int, codes: Mapping[str, str]) -> bool:
    """Tell whether a word and the next may well be written as one, because one of them is short ('USB C')."""
    pair = (words[at].token, words[at + 1].token)
    alone = (
        words[at].linked == " " and words[at + 1].linked != "-" and not any(token in codes for token in pair)
    )
    return alone and min(map(len, pair)) <= SHORT


def _single(token: str, codes: Mapping[str, str], *, open_end: bool) -> Choice:
    if token not in codes:
        return ((Term(token, open_end),),)
    # A short word is another one without its sign; of a long one the word alone is good enough.
    signed = (Term(codes[token]),)
    return (signed,) if len(token) <= SHORT else (signed, (Term(token),))


def _compound(parts: Sequence[str], *, open_end: bool) -> Choice:
    """Return a word with hyphens: its parts, or all of them as one."""
    last = Term(parts[-1], open_end and len(parts[-1]) > 1)
    joined = Term("".join(parts)[:MAX_TOKEN_CHARACTERS], open_end)
    return (*(Term(part) for part in parts[:-1]), last), (joined,)


def _pairs(parts: Sequence[str], *, open_end: bool) -> Choice:
    """Return words of which any two neighbors may be one: 'blue t shirt' is 'blue tshirt', too."""
    choices = [parts] + [
        [*parts[:at], (parts[at] + parts[at + 1])[:MAX_TOKEN_CHARACTERS], *parts[at + 2 :]]
        for at in range(len(parts) - 1)
    ]
    return tuple((*map(Term, words[:-1]), Term(words[-1], open_end)) for words in choices)


def search_parameters(query: str) -> dict[str, str] | None:
    """Return the values for `found_ids` and `found_titles` (`words`, `titled`), or None when nothing can match.

    A step: it sets for PostgreSQL what is looked for, until the transaction ends.
    """
    wanted = parse_query(query)
    if not wanted:
        return None
    words = _match(wanted, "w")
    if db.engine.dialect.name == "postgresql":
        _look_for(words)
    return {"words": words, "titled": _match(wanted, "t")}


def _look_for(words: str) -> None:
    # On the connection: it reads no table, so the filter of the shop has nothing to do.
    db.session.connection().execute(_LOOK_FOR, {"words": words})


_LOOK_FOR = select(
    func.set_config("lockstep.words", bindparam("words", type_=Text()), literal_column("true"))
)


def _match(wanted: Sequence[Choice], kind: str) -> str:
    """Write the search in the database's own language. Tokens hold nothing that could be an operator."""
    if db.engine.dialect.name == "postgresql":
        return _all_of(wanted, lambda term: f"{kind}{term.token}{':*' if term.prefix else ''}", " & ", " | ")
    terms = _all_of(
        wanted, lambda term: f'"{kind}{term.token}"{" *" if term.prefix else ""}', " AND ", " OR "
    )
    return f"tenant_key : t{current_tenant_id().hex} AND words : ({terms})"


def _all_of(wanted: Sequence[Choice], write: Callable[[Term], str], both: str, either: str) -> str:
    choices = (either.join(f"({both.join(map(write, terms))})" for terms in choice) for choice in wanted)
    return both.join(f"({choice})" for choice in choices)


def found_ids(dialect: str) -> Select[Any]:
    """Return the statement for the ids of matching products; needs the parameters `tenant` and `words`."""
    if dialect == "postgresql":
        return select(_POSTGRES.c.product_id).where(_mine, _holds("words"))
    return _sqlite_ids("words")


class MatchingProducts:
    """What a search finds, hidden products too, as a condition of other statements. Making it is a step."""

    def __init__(self, query: str) -> None:
        asked = search_parameters(query)
        self.ids: Select[Any] | None = None
        """The statement for the ids; None when nothing can match."""
        self.total = 0
        """How many there are, up to the bound of paging."""
        self._values = {"tenant": current_tenant_id(), "words": asked["words"]} if asked else {}
        if asked:
            self.ids = found_ids(db.engine.dialect.name).params(self._values)
            self.total = bounded_count(self.ids)

    @property
    def too_many(self) -> bool:
        """Whether there are so many that one comes along soon wherever a sorted list is walked."""
        return self.total > MANY

    def holds(self, product_id: Any, *or_else: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return the condition that a product is one of them.

        Few are read at once; of too many, each product that a list comes by is asked, until its page is full.
        """
        if self.ids is None:
            return or_(literal(value=False), *or_else)
        if not self.too_many or db.engine.dialect.name == "sqlite":
            return or_(product_id.in_(self.ids), *or_else)
        asked = select(_holds("words")).where(_mine, _POSTGRES.c.product_id == product_id)
        return or_(asked.params(self._values).scalar_subquery(), *or_else)


def products_of_code(code: str) -> tuple[Select[Any], Select[Any]]:
    """Return the statements for the ids of products with a variant that has this SKU, and this barcode, exactly.

    Inactive variants count, which the search has no words of.
    """
    return _of_code(Variant.product_id, code)


def variants_of_code(code: str) -> tuple[Select[Any], Select[Any]]:
    """Return the statements for the ids of variants that have this SKU, and this barcode, exactly."""
    return _of_code(Variant.id, code)


def _of_code(key: Any, code: str) -> tuple[Select[Any], Select[Any]]:
    # The index of barcodes leaves out the empty ones, and is used when the statement does, too.
    barcode = (Variant.barcode == code) & (Variant.barcode != "")
    return select(key).where(Variant.sku == code), select(key).where(barcode)


def found_titles(dialect: str) -> Select[Any]:
    """Return the statement for matching products (`product_id`) and whether the title itself matches (`titled`).

    Needs the parameters `tenant`, `words` and `titled`.
    """
    if dialect == "postgresql":
        return select(_POSTGRES.c.product_id, _holds("titled").label("titled")).where(_mine, _holds("words"))
    found = _sqlite_ids("words").subquery("found")
    key = found.c[0]
    return select(key.label("product_id"), key.in_(_sqlite_ids("titled")).label("titled"))


_mine = _POSTGRES.c.tenant_id == bindparam("tenant", type_=Uuid())


def _holds(parameter: str) -> ColumnElement[bool]:
    asked = func.to_tsquery(literal_column("'simple'::regconfig"), bindparam(parameter, type_=Text()))
    return _POSTGRES.c.words.bool_op("@@")(asked)


def _sqlite_ids(parameter: str) -> Select[Any]:
    key = func.substr(_SQLITE.c.product_key, 2, type_=Uuid())
    match = literal_column("product_search").bool_op("MATCH")(bindparam(parameter, type_=Text()))
    return select(key).where(match)


def index_products(product_ids: Iterable[uuid.UUID]) -> None:
    """Rebuild the search index of products of the current shop, also for deleted ones. A step."""
    ids = list(product_ids)
    db.session.flush()
    for start in range(0, len(ids), BATCH):
        _index(ids[start : start + BATCH])


def reindex_catalogue(on_done: Callable[[int], None] = lambda _count: None) -> int:
    """Rebuild the search words of all products of the current shop, in transactions of a batch each.

    Returns how many products there are. For an installation whose words are of an older version.
    """
    ids = list(db.session.scalars(select(Product.id).order_by(Product.id)))
    db.session.rollback()
    for start in range(0, len(ids), BATCH):
        _reindex(ids[start : start + BATCH])
        on_done(len(ids[start : start + BATCH]))
    return len(ids)


@atomic
def _reindex(product_ids: list[uuid.UUID]) -> None:
    index_products(product_ids)


def _index(product_ids: list[uuid.UUID]) -> None:
    tenant_id = current_tenant_id()
    if len(product_ids) > 1:
        walk_indexes()
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
            stored_words(
                title,
                [vendor, kind, *tags, *values.get(product_id, [])],
                codes.get(product_id, []),
                html,
            ),
        )
        for product_id, title, vendor, kind, tags, html in db.session.execute(
            select(
                Product.id,
                Product.title,
                Product.vendor,
                Product.product_type,
                Product.tags,
                func.substr(Product.description_html, 1, MAX_DESCRIPTION_CHARACTERS),
            ).where(Product.id.in_(product_ids))
        )
    ]
    if not found:
        return
    if db.engine.dialect.name == "postgresql":
        rows: list[dict[str, Any]] = [
            {"tenant_id": tenant_id, "product_id": product_id, "written": f"{words} {_key(product_id)}"}
            for product_id, words in found
        ]
        execute_many(_WRITE, rows)
    else:
        keys = f"t{tenant_id.hex}"
        rows = [{"product_key": _key(each), "tenant_key": keys, "words": words} for each, words in found]
        execute_many(insert(_SQLITE), rows)


def _forget(tenant_id: uuid.UUID, product_ids: list[uuid.UUID]) -> None:
    connection = db.session.connection()
    if db.engine.dialect.name == "postgresql":
        if product_ids:
            _look_for(" | ".join(map(_key, product_ids)))
            mine = (_POSTGRES.c.tenant_id == tenant_id) & _POSTGRES.c.product_id.in_(product_ids)
            connection.execute(delete(_POSTGRES).where(mine))
        return
    keys = " OR ".join(map(_key, product_ids))
    connection.execute(
        text(
            "DELETE FROM product_search WHERE rowid IN"
            " (SELECT rowid FROM product_search WHERE product_search MATCH :keys)"
        ),
        {"keys": f"tenant_key : t{tenant_id.hex} AND product_key : ({keys})"},
    )


def _key(product_id: uuid.UUID) -> str:
    """Return the word by which a product's own row is found. No search has it: theirs begin with other letters."""
    return f"p{product_id.hex}"


_WRITE = insert(_POSTGRES).values(
    words=func.to_tsvector(literal_column("'simple'::regconfig"), bindparam("written", type_=Text()))
)

"""Every form, address, header and file of the shop is given what breaks programs, and nothing breaks or runs.

The strings are the Big List of Naughty Strings, where it is there, and some of our own. Several are packed into one
field, short ones with short ones, so that each form sees all of them in few requests.
"""

import io
import itertools
import re
from collections import Counter
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask
from sqlalchemy import String, Text, select

from commerce.catalog.models import Product
from commerce.catalog_import.services import import_catalogue
from commerce.db import Base, db
from commerce.inventory.adjustments import CatalogueStock
from commerce.tenants.models import Shop
from tests.catalog_import.sheets import mug, sheet, stream
from tests.checkout.test_naughty_strings import naughty
from tests.factories.shop import make_product
from tests.security.conftest import Walks
from tests.security.walk import FoundForm, Reader, Walk
from tests.support.visitor import Visitor

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("no_files_left"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PACK = 240
"""Characters of a field that holds several strings: most fields take as many."""
TRUE_ANSWERS = {200, 303, 404, 409, 422}
SMUGGLED = "smuggled-4f1c"
"""In a field that no form has: it must not be anywhere in the database."""
EXTRA = (
    "tenant_id",
    "id",
    "role",
    "price",
    "status",
    "member_id",
    "is_admin",
    "created_at",
    "total",
    "owner",
)


def packs() -> list[str]:
    """Return a plain text and all strings, several in one as long as they are short."""
    made: list[str] = ["Plain words", ""]
    for text in sorted(naughty(), key=len):
        if made and len(made[-1]) + len(text) < PACK:
            made[-1] += f" {text}"
        else:
            made.append(text)
    return made


class NobodysHasher(PasswordHasher):
    """Takes no password for the right one, and no time."""

    def verify(self, *_: str | bytes) -> bool:
        raise VerifyMismatchError


@pytest.fixture
def cheap_passwords(member: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of passwords are tried, once the member is signed in; that each takes long is tested elsewhere."""
    monkeypatch.setattr("commerce.accounts.passwords._hasher", NobodysHasher(1, 8, 1))


def assert_harmless(page: str, html: str) -> None:
    assert not Reader(page, html).running, page


def send_all(walk: Walk, form: FoundForm, texts: list[str]) -> Counter[int]:
    """Send a form with each text in one of its fields, and return the answers by status."""
    fields, statuses = list(dict.fromkeys(form.free)), Counter[int]()
    token = Visitor.token(walk)  # type: ignore[arg-type]
    rounds = -(-len(texts) // len(fields))
    for number in range(rounds):
        chosen = itertools.islice(itertools.cycle(texts), number * len(fields), (number + 1) * len(fields))
        data = {**form.values, **dict(zip(fields, chosen, strict=False))}
        if number % 8 == 7:
            # What was to be chosen, or was hidden, is typed as well.
            data = {name: texts[(number + place) % len(texts)] for place, name in enumerate(data)}
        data |= dict.fromkeys(set(EXTRA) - set(form.values), SMUGGLED)
        answer = walk.client.post(form.action, data={**data, "csrf_token": token}, buffered=True)
        statuses[answer.status_code] += 1
        assert answer.status_code in TRUE_ANSWERS, (form.action, answer.status_code, data)
        if answer.mimetype == "text/html" and number % 3 == 0:
            assert_harmless(form.action, answer.text)
    return statuses


@pytest.mark.usefixtures("cheap_passwords")
def test_no_form_breaks_and_nothing_that_was_typed_runs(app: Flask, walks: Walks) -> None:
    texts, tried = packs(), set()
    for walk in walks().values():
        for form in list(walk.forms()):
            kind = walk.kind(form.action, "POST"), tuple(form.free)
            if form.free and kind not in tried:
                tried.add(kind)
                statuses = send_all(walk, form, texts)
                assert statuses[422] + statuses[303] + statuses[200], form.action
    assert len(tried) > 40
    # And so it stands on the pages now.
    for walk in walks().values():
        for path, answer in walk.answers.items():
            assert answer.status_code in TRUE_ANSWERS, path
            if answer.mimetype == "text/html":
                assert_harmless(path, answer.text)
    # The log of the back office says what was sent, known or not; no other row has anything of it.
    assert set(places_of(app, SMUGGLED)) <= {"audit_entries.changes"}


def places_of(app: Flask, text: str) -> list[str]:
    """Return the columns of the database that hold a text."""
    with app.app_context():
        connection = db.session.connection()
        return [
            f"{table.name}.{column.name}"
            for table in Base.metadata.sorted_tables
            for column in table.columns
            if isinstance(column.type, String | Text) or "json" in str(column.type).lower()
            if connection.execute(select(column).where(column.cast(Text).contains(text)).limit(1)).first()
        ]


def test_no_address_breaks(app: Flask, walks: Walks) -> None:
    texts = itertools.cycle(packs())
    for walk in walks().values():
        for path, answer in list(walk.answers.items()):
            if answer.mimetype != "text/html":
                continue
            parts = urlsplit(path)
            searches = [form for form in Reader(path, answer.text).forms if form.method == "get"]
            names = {name for form in searches for name in form.values} | {
                "q",
                "page",
                "before",
                "sort",
                "next",
            }
            names |= {name for name, _value in parse_qsl(parts.query)}
            for _ in range(4):
                found = walk.client.get(parts.path, query_string={name: next(texts) for name in names})
                assert found.status_code in TRUE_ANSWERS, (path, found.status_code)
                assert_harmless(path, found.text)
            end = parts.path.rpartition("/")[0]
            for _ in range(2):
                found = walk.client.get(f"{end}/{quote(next(texts), safe='')}")
                assert found.status_code in {*TRUE_ANSWERS, 308, 405}, (end, found.status_code)
                assert_harmless(path, found.text)


HEADERS = (
    *(
        "User-Agent",
        "Referer",
        "Accept",
        "Accept-Language",
        "Accept-Encoding",
        "Content-Type",
        "Cookie",
        "Origin",
    ),
    *("X-Forwarded-For", "X-Request-ID", "HX-Request", "HX-Current-URL", "HX-Target", "HX-Trigger", "Range"),
    *(
        "If-None-Match",
        "If-Modified-Since",
        "Authorization",
        "X-CSRFToken",
        "Sec-Fetch-Site",
        "Idempotency-Key",
    ),
)


def test_no_header_breaks_and_none_comes_back(app: Flask, in_shop: Shop) -> None:
    make_product()
    client = app.test_client()
    lines = {
        "".join(each for each in text if each.isprintable()).encode()[:3000].decode("latin-1")
        for text in naughty()
    }
    for number, text in enumerate(sorted(lines)):
        headers = dict.fromkeys(HEADERS[number % 3 :: 3], text)
        for method, path in (
            ("GET", "/products/green-tea"),
            ("POST", "/cart/lines"),
            ("GET", "/static/app.css"),
        ):
            with client.open(path, method=method, headers=headers) as answer:
                assert answer.status_code in (200, 206, 304, 400, 406, 415, 416, 422), (path, text)
                # What came in stands in no header of the answer, so none can be forged with it. The request's id
                # alone is taken over, and only when it is a plain short name.
                assert re.fullmatch(r"[A-Za-z0-9][\w.:-]{7,63}", answer.headers.pop("X-Request-ID"), re.ASCII)
                assert len(text) < 8 or text not in str(answer.headers)


EVERYWHERE = ("Title", "Body (HTML)", "Vendor", "Tags", "Type", "Image Alt Text", "SEO Title")


def test_no_file_breaks_and_what_it_says_comes_back_exactly_escaped(
    app: Flask, in_shop: Shop, owner: Visitor
) -> None:
    # A file with a NUL byte is refused as a whole.
    texts = [" ".join(text.replace("\0", "").split()) for text in naughty()]
    rows = [
        mug(Handle=f"row-{number}", Variant_SKU=f"SKU-{number}", **dict.fromkeys(EVERYWHERE, text))
        for number, text in enumerate(texts)
    ]
    import_catalogue(stream(sheet(*rows)), file_name="x.csv", stock=CatalogueStock(), actor="test")
    db.session.close()
    titles = dict(db.session.execute(select(Product.slug, Product.title)).all())
    db.session.close()
    assert len(titles) > len(texts) * 0.5, "most of the strings are possible titles"
    exact, sample = 0, sorted(titles.items())[:: len(titles) // 40 or 1]
    for slug, title in sample:
        page = app.test_client().get(f"/products/{slug}")
        assert page.status_code == 200
        assert_harmless(slug, page.text)
        if title.isprintable():  # the strict reader of pages refuses code points that are no characters
            assert Visitor(app).get(f"/products/{slug}").heading == " ".join(title.split())
        exact += title == texts[int(slug.removeprefix("row-"))]
    assert exact > len(sample) // 3
    lines = "\n".join(f'"{text.replace(chr(34), chr(34) * 2)}",1' for text in texts)
    for name in ("sku", "SKU,on hand", texts[-1]):
        data = {"file": (io.BytesIO(f"{name}\n{lines}".encode()), f"{texts[5]}.csv")}
        answer = owner.post("/admin/stock-import", data)  # type: ignore[arg-type]
        assert answer.status_code in (200, 422)
        assert_harmless("/admin/stock-import", answer.text)

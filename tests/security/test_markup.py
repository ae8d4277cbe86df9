"""No text becomes markup: markup is made in one module, descriptions are cleaned, and Chromium sees nothing of a shop
whose every text is an attack."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, Request
from sqlalchemy import JSON, CheckConstraint, Column, String, Table, UniqueConstraint, select, text, update

from commerce.accounts.scopes import SCOPES
from commerce.catalog.html_cleaning import clean_html
from commerce.catalog.models import Product
from commerce.config import ROOT
from commerce.db import Base, atomic, db
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop
from tests.api.example_requests import send_every_example
from tests.catalog_import.sheets import MUG, sheet
from tests.factories.api_clients import make_program
from tests.factories.shop import make_product
from tests.security.conftest import Walks
from tests.support.browser import NewPage, Watch
from tests.support.server import LiveServer
from tests.support.visitor import Visitor

# --- where markup is made ---------------------------------------------------------------------------------------


def test_markup_is_made_in_one_module_alone() -> None:
    makes = re.compile(
        r"\bMarkup\(|import markupsafe|markupsafe import [^\n]*Markup|autoescape=(?!True|autoescape\b)"
    )
    found = [
        str(path.relative_to(ROOT))
        for path in [ROOT / "app.py", *sorted((ROOT / "commerce").rglob("*.py"))]
        if makes.search(path.read_text())
    ]
    # Mails have templates and an environment of their own; that they escape is tested with them.
    assert set(found) - {"commerce/notifications/rendering.py"} == {"commerce/markup.py"}


def test_templates_trust_descriptions_alone_and_switch_htmx_off_around_them() -> None:
    trusted = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for line in path.read_text().splitlines():
            if re.search(r"\|\s*(safe|cleaned)\b|autoescape", line):
                trusted[str(path.relative_to(ROOT))] = line.strip()
    assert trusted == {
        "templates/storefront/category.html": (
            '<div class="prose lead muted" data-hx-ignore>{{ category.description|cleaned }}</div>'
        ),
        "templates/storefront/collection.html": (
            '<div class="prose muted" data-hx-ignore>{{ collection.description_html|cleaned }}</div>'
        ),
        "templates/storefront/page.html": '<div class="prose" data-hx-ignore>{{ body_html|cleaned }}</div>',
        "templates/storefront/_sections.html": (
            '<div class="prose" data-hx-ignore>{{ it.body_html|cleaned }}</div>'
        ),
        "templates/storefront/_product.html": (
            '<div class="prose product__text" data-hx-ignore>{{ product.description_html|cleaned }}</div>'
        ),
    }


@pytest.mark.parametrize("prefix", ["hx-", "data-hx-", "HX-", "Data-HX-"])
@pytest.mark.parametrize(
    "name", ["get", "post", "trigger", "on:click", "on::load", "boost", "include", "vals"]
)
def test_a_description_keeps_nothing_that_htmx_would_act_on(prefix: str, name: str) -> None:
    for tag in ("p", "a", "td", "abbr", "li"):
        assert "hx" not in clean_html(f'<{tag} {prefix}{name}="/spy" title="t">x</{tag}>').lower()


# --- a shop whose every text is an attack -----------------------------------------------------------------------

ATTACKS = (
    "<p class=spy hx-get=/spy hx-trigger=load>",
    "<b class=spy data-hx-get=/spy data-hx-trigger=load>",
    "<img class=spy src=/spy.png onerror=spy()>",
    "<script src=/spy.js></script>",
    "<a class=spy href=javascript:spy()>",
    "\"' onfocus=spy() autofocus class=spy x='",
    "</textarea></title></option><i class=spy onclick=spy()>",
)
FORM_OF_ITS_OWN = re.compile(
    "(^|_)(code|codes|slug|sku|status|state|kind|type|types|currency|locale|country|timezone|hash|token|secret|previous|key|"
    "gateway|url|host|file|format|method|scope|scopes|password|role|resource|action|handler|hook|cause|reference|class|"
    "fingerprint|version|place|mode|id|permission|cursor|prefix|lock|by|address|event|path|color|font|order|totp|shopper|"
    "origin|query|etag|entity|mapping|sealed|image|hero|picture)($|_)"
)
"""Names of columns whose values have a form of their own, which their forms, services or constraints see to."""
TYPED = {
    *(
        "name",
        "title",
        "note",
        "reason",
        "text",
        "label",
        "options",
        "street_address",
        "city",
        "company_name",
    ),
    *("city_area", "failure", "attention", "answer", "carrier", "phone", "failure_reason", "value", "words"),
}
"""Keys of JSON documents whose values somebody has typed."""
SEEN = """() => {
  const attributes = [...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => [e, a]));
  return [...document.querySelectorAll('.spy, script:not([src^="/static/"]):not([type="application/ld+json"])')]
    .concat(attributes.filter(([, a]) => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value)
      || (/^(data-)?hx-(get|post|put|patch|delete|on)/i.test(a.name) && /spy/.test(a.value))).map(([e]) => e))
    .map(e => e.outerHTML.slice(0, 200));
}"""


def attack(room: int | None) -> str:
    """Return as many attacks as have room."""
    found = ""
    for each in ATTACKS:
        if room is None or len(found) + len(each) <= room:
            found += each
    return found


@atomic
def poison() -> int:
    """Put attacks into every text of the shop that somebody can type, and return into how many columns."""
    own, count = current_shop().id, 0
    connection = db.session.connection()
    # What is only added to is changed here all the same: it was typed once, too.
    triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for name, _sql in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))
    for table in Base.metadata.sorted_tables:
        owner = table.c.id if table.name == "tenants" else table.c.get("tenant_id")
        if owner is None:
            continue
        for column in _typed_texts(table):
            count += 1
            is_html = (
                column.name.endswith("_html") or f"{table.name}.{column.name}" == "categories.description"
            )
            typed = clean_html(attack(None)) if is_html else attack(column.type.length)
            connection.execute(update(table).where(owner == own).values({column.name: typed}))
        for column in table.columns:
            if isinstance(column.type, JSON):
                count += 1
                _poison_documents(table, column, owner, own)
    for _name, sql in triggers:
        connection.execute(text(sql))
    return count


def _typed_texts(table: Table) -> Iterator[Any]:
    taken = {
        column.name
        for constraint in table.constraints
        for column in getattr(constraint, "columns", ())
        if isinstance(constraint, UniqueConstraint) or not isinstance(constraint, CheckConstraint)
    }
    taken |= {column.name for index in table.indexes if index.unique for column in index.columns}
    checked = " ".join(str(each.sqltext) for each in table.constraints if isinstance(each, CheckConstraint))
    for column in table.columns:
        if column.computed is not None:
            continue
        free = column.name not in taken and not re.search(rf"\b{column.name}\b", checked)
        if isinstance(column.type, String) and free and not FORM_OF_ITS_OWN.search(column.name):
            yield column


def _poison_documents(table: Table, column: Column[Any], owner: Any, own: Any) -> None:
    connection = db.session.connection()
    keys = list(table.primary_key.columns)
    for *key, value in connection.execute(select(*keys, column).where(owner == own)).all():
        changed = _poisoned(value)
        if changed != value:
            row = [each == part for each, part in zip(keys, key, strict=True)]
            connection.execute(update(table).where(owner == own, *row).values({column.name: changed}))


def _poisoned(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _poisoned(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each, name) for each in value]
    return attack(200) if isinstance(value, str) and value and name in TYPED else value


class Spy:
    """What a browser asked for and ran that no author of a page has written."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seen: list[str] = []
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.seen.append(f"dialog {dialog.message}"))

    def _request(self, request: Request) -> None:
        if re.search(r"/spy\b", request.url):
            self.seen.append(f"{request.method} {request.url} on {self.page.url}")

    def visit(self, address: str) -> None:
        """Open a page, let htmx do what it does at first, and look for elements of nobody's."""
        self.page.goto(address)
        self.page.wait_for_function("() => document.readyState === 'complete'")
        self.seen += [f"{each} on {address}" for each in self.page.evaluate(SEEN)]


def import_attacks(app: Flask, folder: Path) -> None:
    """Import a file of another shop system whose every text is an attack."""
    texts = ("Title", "Body (HTML)", "Vendor", "Type", "Tags", "Image Alt Text")
    row = {**MUG, **dict.fromkeys(texts, attack(200)), "Variant SKU": "SPY", "Handle": "spy-mug"}
    file = folder / "products.csv"
    file.write_bytes(sheet(row))
    result = app.test_cli_runner().invoke(args=["catalog", "import", str(file), "--tenant", "demo"])
    assert result.exit_code == 0, result.output


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_text_of_a_shop_becomes_an_element_or_a_request(
    app: Flask,
    in_shop: Shop,
    owner: Visitor,
    shopper: Visitor,
    member: Visitor,
    walks: Walks,
    live_server: Callable[..., LiveServer],
    new_page: NewPage,
    watch: Watch,
    tmp_path: Path,
) -> None:
    # The policy blocks what an author has not allowed, and says so: here it must not even have to.
    import_attacks(app, tmp_path)
    send_every_example(make_program(app, SCOPES))
    assert poison() > 60
    found = walks()
    server, shown = live_server(), 0
    # What the programs uploaded; the server has a folder of its own.
    shutil.copytree(app.config["LOCKSTEP"].media, server.media, dirs_exist_ok=True)
    for role, visitor in (("shopper", shopper), ("member", member), ("owner", owner)):
        page = new_page()
        page.context.add_cookies(_cookies(visitor, server))
        spy = Spy(page)
        for address, answer in found[role].answers.items():
            if answer.mimetype == "text/html" and answer.status_code == 200 and "/mails/" not in address:
                spy.visit(server.url(address))
                shown += 1
        assert spy.seen == [], role
    assert shown > 60
    assert "spy" in found["owner"].answers["/admin/orders"].text


def _cookies(visitor: Visitor, server: LiveServer) -> list[Any]:
    jar = visitor.client._cookies.values()
    return [{"name": each.key, "value": each.value, "url": server.url(each.path)} for each in jar]


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_htmx_is_off_where_a_description_is_shown_even_if_it_was_not_cleaned(
    in_shop: Shop, live_server: Callable[..., LiveServer], new_page: NewPage
) -> None:
    """Fails without the attribute: what is cleaned today may have come into the database in another way."""
    tea = make_product("Tea")
    raw = "".join(f'<p {prefix}get="/spy" {prefix}trigger="load">x</p>' for prefix in ("hx-", "data-hx-"))
    atomic(lambda: db.session.execute(update(Product).values(description_html=raw)))()
    spy = Spy(new_page())
    server = live_server()
    spy.page.goto(server.url(tea.path))
    spy.page.wait_for_load_state("networkidle")
    assert spy.seen == []
    assert spy.page.locator("[data-hx-ignore] [hx-get]").count() == 1

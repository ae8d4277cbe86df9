"""Texts of templates: translated when they are compiled, each language by itself, escaped as if they were not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template
from flask_babel import Babel
from jinja2 import DictLoader, FileSystemBytecodeCache
from markupsafe import Markup

from commerce.translated_templates import TranslatedTemplates

WORDS = {
    "Cart": "Warenkorb",
    "Hello %(name)s": "Hallo %(name)s",
    "100%% wool": "100%% Wolle",
    "a & b": "<b>a</b>",
    "Sign in": "Anmelden",
}
TEMPLATES = {
    "page.html": '{% extends "base.html" %}{% from "_link.html" import link %}'
    "{% block main %}{{ _('Cart') }}, {{ link(_('Cart')) }}{% endblock %}",
    "base.html": "<title>{{ gettext('Cart') }}</title>{% include '_part.html' %}{% block main %}{% endblock %}",
    "_part.html": "{{ _('Sign in') }} ",
    "_link.html": "{% macro link(text) %}<a>{{ text }}</a>{{ _('Sign in') }}{% endmacro %}",
    "name.html": "{{ _('Hello %(name)s', name=name) }}",
    "name.txt": "{{ _('Hello %(name)s', name=name) }} {{ _('a & b') }}",
    "percent.html": "{{ _('100%% wool') }} {{ _('a & b') }}",
    "variable.html": "{{ _(text) }}",
    "number.html": "{{ ngettext('%(num)d piece', '%(num)d pieces', number) }}",
    "own.html": "{% for _ in [1] %}{{ _ }}{% endfor %}",
    "list.html": "{% set tone = 'loud' %}{% for item in items %}{% with size = 2 %}"
    "{% include '_item.html' %}{% endwith %}{% endfor %}{{ tone }}",
    "_item.html": "{% set tone = 'soft' %}{{ loop.index }}{{ item }}{{ size }}{{ tone }}{% include '_part.html' %}",
    "macro.html": "{% macro box(item) %}{% include '_named.html' %}{% endmacro %}{{ box('<a>') }}{{ box('b') }}",
    "_named.html": "{% from '_link.html' import link %}{{ link(item) }}{{ '!' if item is defined }}"
    "{{ extra is defined }}",
    "chosen.html": "{% include part %}{% include 'missing.html' ignore missing %}",
    "self.html": "{{ depth }}{% if depth < 3 %}{% with depth = depth + 1 %}"
    "{% include 'self.html' %}{% endwith %}{% endif %}",
    "mixed.html": "{% include 'name.txt' %}{% include 'own.html' %}{% include 'raw.html' %}",
    "raw.html": "{% autoescape false %}{{ _('Hello %(name)s', name='<b>') }}{% endautoescape %}",
}
Speak = Callable[..., str]


@pytest.fixture(params=["compiled each time", "compiled code is kept"])
def render(tmp_path: Path, request: pytest.FixtureRequest) -> Speak:
    """Render a template in a language; only German has a catalog."""
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="de")
    for english, german in WORDS.items():
        catalog.add(english, german)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    app = Flask("texts")
    app.jinja_environment = TranslatedTemplates
    kept = FileSystemBytecodeCache(str(tmp_path)) if request.param == "compiled code is kept" else None
    app.jinja_options = {"bytecode_cache": kept}
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    app.jinja_loader = DictLoader(TEMPLATES)
    asked = {"language": "en"}
    Babel(app, locale_selector=lambda: asked["language"])

    def speak(template: str, language: str = "en", **facts: object) -> str:
        asked["language"] = language
        with app.test_request_context():
            return render_template(template, **facts)

    return speak


def test_a_page_and_all_its_parts_are_in_the_language_of_the_moment(render: Speak) -> None:
    english = "<title>Cart</title>Sign in Cart, <a>Cart</a>Sign in"
    german = "<title>Warenkorb</title>Anmelden Warenkorb, <a>Warenkorb</a>Anmelden"
    for _ in range(2):
        assert render("page.html", "en") == english
        assert render("page.html", "de") == german
        assert render("page.html", "fr") == english
        assert render("page.html", "de_AT") == german


def test_a_parameter_is_escaped_and_markup_is_not(render: Speak) -> None:
    assert render("name.html", name="<b> & %s") == "Hello &lt;b&gt; &amp; %s"
    assert render("name.html", "de", name="<b>") == "Hallo &lt;b&gt;"
    assert render("name.html", name=Markup("<b>Ann</b>")) == "Hello <b>Ann</b>"


def test_a_text_of_a_template_is_markup_and_a_format(render: Speak) -> None:
    assert render("percent.html") == "100% wool a & b"
    assert render("percent.html", "de") == "100% Wolle <b>a</b>"


def test_nothing_is_escaped_in_plain_text(render: Speak) -> None:
    assert render("name.txt", name="<b>") == "Hello <b> a & b"


def test_what_only_the_run_time_knows_is_translated_then(render: Speak) -> None:
    assert render("variable.html", "de", text="Cart") == "Warenkorb"
    assert render("variable.html", text="Cart") == "Cart"
    assert [render("number.html", number=number) for number in (1, 2)] == ["1 piece", "2 pieces"]


def test_a_template_with_a_rule_of_its_own_keeps_it(render: Speak) -> None:
    assert render("own.html", "de") == "1"
    assert render("raw.html", "de") == "Hallo <b>"


def test_a_partial_sees_what_its_place_knows_and_keeps_what_it_sets(render: Speak) -> None:
    assert render("list.html", items=["a", "<"]) == "1a2softSign in 2&lt;2softSign in loud"
    assert render("list.html", "de", items=["a"]) == "1a2softAnmelden loud"
    assert render("macro.html") == "<a>&lt;a&gt;</a>Sign in!False<a>b</a>Sign in!False"


def test_a_partial_that_is_chosen_or_missing_or_includes_itself_is_found_at_run_time(render: Speak) -> None:
    assert render("chosen.html", part="_part.html") == "Sign in "
    assert render("self.html", depth=1) == "123"


def test_a_partial_is_escaped_by_its_own_rules(render: Speak) -> None:
    """Text in a page stays text: only the partial of another kind and the one that says so are not escaped."""
    assert render("mixed.html", name="<i>") == "Hello <i> a & b1Hello <b>"

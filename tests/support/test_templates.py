"""The check of templates finds what the content security policy would block, and nothing else."""

from pathlib import Path

import pytest

from tests.support.templates import check_folder, find_inline_code

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='color: red'>",
        "<style>p { color: red }</style>",
        "<script>alert(1)</script>",
        "<script src='/static/app.js'>alert(1)</script>",
        "<button onclick='buy()'>",
        "<form hx-on:submit='buy()'>",
        "<form data-hx-on:submit='buy()'>",
        "<a href='javascript:buy()'>",
        "<a href=' JavaScript:buy()'>",
        "<div hx-vals='js:{now: Date.now()}'>",
        "<img src='https://elsewhere.example/picture.png' alt=''>",
        "<link rel='stylesheet' href='//elsewhere.example/a.css'>",
        "<svg style='width: 1em' />",
        '<a href="{{ url_for("x") }}"\n   {% if a %}onclick="b()"{% endif %}>',
    ],
)
def test_code_in_a_template_is_found(markup: str) -> None:
    assert find_inline_code(markup) != []


@pytest.mark.parametrize(
    "markup",
    [
        "<script src='{{ asset(\"app.js\") }}' defer></script><p>text</p>",
        "<script type='application/ld+json'>{{ facts|tojson }}</script>",
        "<a href='https://elsewhere.example/'>a link may lead anywhere</a>",
        "{# <style> in a comment of the template #}",
        "<option value='once' selected>once</option>",
        "<form hx-post='/cart' hx-target='#cart' method='post'>",
        '<input value="{{ form["style"].data }}" name="style">',
    ],
)
def test_what_the_policy_allows_is_let_through(markup: str) -> None:
    assert find_inline_code(markup) == []


def test_the_line_is_true_after_expressions_of_several_lines() -> None:
    assert find_inline_code("{% macro a(\n  b) %}\n{{ c(\n d) }}\n<style></style>") == [
        (5, "a <style> element")
    ]


def test_pages_are_checked_and_mails_are_not(tmp_path: Path) -> None:
    for name in ("cart/page.html", "emails/order.html"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("<p style='margin: 0'>")
    assert list(check_folder(tmp_path)) == [f"{tmp_path / 'cart/page.html'}:1: a style attribute"]


def test_our_own_templates_hold_no_inline_code() -> None:
    assert list((ROOT / "templates").rglob("*.html"))
    assert list(check_folder(ROOT / "templates")) == []

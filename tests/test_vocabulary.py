"""The words of the glossary (docs/glossary.md) are the words of the code, the pages and the documentation."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BANNED = re.compile(
    r"\b(?:shelf|shelves|shelved|wish|wishes|wished|stranger|strangers|reckon|reckoned|reckons|door|doors|desk|outdone|anew"
    r"|told|what became of|that is none|of now|left the house|leaves the house)\b",
    re.IGNORECASE,
)
"""Private words; the glossary has the field's term for each."""

PRONOUNS = re.compile(r"\b(?:he|him|his|himself)\b")
"""A customer, a member of staff and an owner are "they"."""

READ_BY_PEOPLE = (".html", ".txt", ".md", ".py", ".css")
ALLOWED = {
    "commerce/demo/seed.py": "names of demo products' categories",
    "commerce/demo/lindenrow.csv": "texts of demo products",
    "commerce/demo/asagiri.csv": "texts of demo products",
}
VIEWS = re.compile(r"(?:^|/)(?:\w*views|\w*commands|cli|server)$")
"""Views and commands may have the name of the service that they call."""

SAME_CONCEPT = {
    "N_": "gettext's mark, for the catalogs of errors and of mails",
    "find_order": "a guest's order by its address, and one of the back office by its code",
}


def sources(*roots: str) -> list[Path]:
    return [
        path
        for root in roots
        for path in sorted((ROOT / root).rglob("*") if (ROOT / root).is_dir() else [ROOT / root])
        if path.suffix in READ_BY_PEOPLE and str(path.relative_to(ROOT)) not in ALLOWED
    ]


def finds(pattern: re.Pattern[str], *roots: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {found[0]}"
        for path in sources(*roots)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if (found := pattern.search(line))
    ]


@pytest.mark.parametrize("pattern", [BANNED, PRONOUNS], ids=["private words", "pronouns"])
def test_nobody_has_to_learn_a_private_dialect(pattern: re.Pattern[str]) -> None:
    assert finds(pattern, "commerce", "app.py", "templates", "docs", "README.md", "CONTRIBUTING.md") == []


def test_a_private_word_would_be_found() -> None:
    assert BANNED.search("Also on this shelf")
    assert BANNED.search("what became of it")
    assert not BANNED.search("shelflife, wishbone, toldo, told_at")
    assert PRONOUNS.search("the customer and his order")


def definitions(kind: type[ast.stmt] | tuple[type[ast.stmt], ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "commerce").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, kind):
                found[getattr(node, "name", "")].append(
                    str(path.relative_to(ROOT / "commerce").with_suffix(""))
                )
    return found


def test_no_class_has_the_name_of_another() -> None:
    classes = definitions(ast.ClassDef)
    assert {name: places for name, places in classes.items() if len(places) > 1 and name[0] != "_"} == {}


def test_no_function_has_the_name_of_another_but_a_view_and_its_service() -> None:
    functions = definitions((ast.FunctionDef, ast.AsyncFunctionDef))
    twice = {
        name: services
        for name, places in functions.items()
        if name[0] != "_" and name not in SAME_CONCEPT
        if len(services := [place for place in places if not VIEWS.search(place) and not is_view(place)]) > 1
    }
    assert twice == {}


def is_view(place: str) -> bool:
    """Tell whether a module answers requests or commands although its name does not say so."""
    return bool(
        re.search(r"\.(?:get|post|route|command|group)\(", (ROOT / "commerce" / f"{place}.py").read_text())
    )


def test_the_glossary_has_about_fifty_terms_with_one_meaning_each() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    terms = [
        term
        for row in re.findall(r"^\| (\*\*.+?) \|", text, re.MULTILINE)
        for term in re.findall(r"\*\*(.+?)\*\*", row)
    ]
    assert len(terms) >= 50
    repeated = {term for term in terms if terms.count(term) > 1} - {"adjustment"}  # of stock, and of a price
    assert repeated == set()

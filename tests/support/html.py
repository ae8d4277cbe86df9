"""Reads pages as a strict browser would."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from werkzeug.test import TestResponse

HTML = "{http://www.w3.org/1999/xhtml}"


def parse(response: TestResponse) -> Element:
    """Return the root of a page; any parse error, such as a wrong nesting or a double attribute, fails the test."""
    parser = html5lib.HTMLParser(strict=True)
    root: Element = parser.parse(response.text)
    assert mistakes(root) == []
    return root


MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?)?|\d{4}(-\d\d)?|P[\dTDHMS.]+"
)
"""What `datetime` may be here (HTML Living Standard, 4.5.14): at most three digits after the second."""
ONLY_WORDS = {
    *("span", "p", "h1", "h2", "h3", "h4", "h5", "h6", "label", "button", "em", "strong", "small", "b", "i"),
    *("time", "code", "pre", "abbr", "cite", "sub", "sup", "q", "mark", "dfn", "kbd", "output", "data"),
}
"""Elements that hold phrasing content only."""
BLOCKS = {
    *(
        "form",
        "div",
        "p",
        "ul",
        "ol",
        "dl",
        "table",
        "section",
        "article",
        "aside",
        "nav",
        "header",
        "footer",
    ),
    *("main", "fieldset", "details", "figure", "pre", "address", "blockquote", "hr", "dialog"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
INTERACTIVE = {"a", "button", "input", "select", "textarea", "label", "details", "iframe"}


def mistakes(root: Any) -> list[str]:
    """Return what a conformance checker finds in a page that parses: content models, ids, references and moments."""
    found = []
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    found += [f"the id {each} stands twice" for each in {each for each in ids if ids.count(each) > 1}]
    for element in root.iter():
        tag = _name(element)
        if tag == "time" and not MOMENT.fullmatch(element.get("datetime", "2026-01-01")):
            found.append(f"datetime={element.get('datetime')}")
        for name in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            missing = [each for each in element.get(name, "").split() if each not in ids]
            if missing:
                found.append(f"<{tag} {name}={' '.join(missing)}> names nothing")
        inside = [_name(each) for each in element.iter() if each is not element]
        if tag in ONLY_WORDS:
            found += [f"<{each}> inside <{tag}>" for each in inside if each in BLOCKS]
        if tag in ("a", "button"):
            found += [f"<{each}> inside <{tag}>" for each in inside if each in INTERACTIVE]
        if tag in ("form", "label"):
            found += [f"<{tag}> inside <{tag}>"] * (tag in inside)
    return found


def _name(element: Any) -> str:
    return str(element.tag).removeprefix(HTML) if isinstance(element.tag, str) else ""


def find_all(root: Element, tag: str, **attributes: str) -> Iterator[Element]:
    """Yield the elements with this tag and these attributes; a class is compared by its words."""
    for element in root.iter(HTML + tag):
        if all(
            _matches(element, name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items()
        ):
            yield element


def _matches(element: Element, name: str, value: str) -> bool:
    has = element.get(name)
    return has is not None and (value in has.split() if name == "class" else has == value)


def text_of(element: Any) -> str:
    """Return the words in an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())

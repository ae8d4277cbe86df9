"""Reads pages as a strict browser would."""

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
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)), "an id stands twice on the page"
    return root


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

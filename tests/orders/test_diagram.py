"""The picture and the document of the statuses are made from the table and are up to date."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from commerce.config import ROOT
from commerce.orders.diagram import PLACES, document, draw, edges, write_documents
from commerce.orders.transitions import STATUSES, TRANSITIONS

SVG = "{http://www.w3.org/2000/svg}"


def test_the_documents_in_the_repository_are_those_of_the_table(tmp_path: Path) -> None:
    written = write_documents(tmp_path)
    assert [path.name for path in written] == ["order-status.svg", "order-status.md"]
    for path in written:
        kept = ROOT / "docs" / path.name
        assert kept.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), "run: flask document"


def test_every_status_has_a_place_and_no_two_share_one() -> None:
    assert set(PLACES) == set(STATUSES)
    taken = [(column, row) for first, last, row in PLACES.values() for column in range(first, last + 1)]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("current", ["", *STATUSES])
def test_the_picture_shows_every_status_and_arrow_and_where_the_order_is(current: str) -> None:
    picture = ElementTree.fromstring(draw(current))  # noqa: S314 - our own text
    words = [text.text for text in picture.iter(f"{SVG}text")]
    assert {status.replace("_", " ") for status in STATUSES} <= set(words)
    assert len(picture.findall(f"{SVG}path")) == len(edges())
    bold = [text.text for text in picture.iter(f"{SVG}text") if text.get("font-weight")]
    assert bold == ([current.replace("_", " ")] if current else [])
    assert not [element for element in picture.iter() if element.get("style")]


def test_the_document_has_a_row_for_every_action() -> None:
    text = document()
    for row in TRANSITIONS:
        assert f"\n| {row.action.replace('_', ' ')} |" in text
        assert str(row.effect) in text

"""The document of the statuses is made from the table, picture and all, and is up to date."""

from pathlib import Path

from commerce.orders.status_document import PATH, document, picture, write_document
from commerce.orders.transitions import REMEMBERED, STATUSES, TRANSITIONS


def test_the_document_in_the_repository_is_that_of_the_table(tmp_path: Path) -> None:
    written = write_document(tmp_path / "docs" / "order-status.md")
    assert PATH.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), (
        "run: python -m commerce.orders.status_document"
    )


def test_the_picture_has_every_status_and_an_arrow_for_every_way_from_one_to_another() -> None:
    arrows = [line.strip() for line in picture().splitlines() if "-->" in line]
    expected = [
        f"{source} --> {row.target} : {row.action.replace('_', ' ')}"
        for row in TRANSITIONS
        for source in row.sources
        if row.target != REMEMBERED
    ]
    assert arrows == [f"[*] --> {STATUSES[0]}", *expected]
    reached = {line.partition("--> ")[2].partition(" ")[0] for line in arrows}
    assert reached == set(STATUSES)


def test_the_document_has_a_row_for_every_action() -> None:
    text = document()
    for row in TRANSITIONS:
        assert f"\n| {row.action.replace('_', ' ')} |" in text
        assert str(row.effect) in text

"""What the headings of a shop's own files mean: said once by a person, remembered for the shop."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select

from commerce.catalog.models import ImportMapping
from commerce.catalog_import.columns import METAFIELD, fold_heading, known_headings
from commerce.catalog_import.woocommerce_headings import HEADINGS as WOOCOMMERCE
from commerce.db import atomic, db, insert_rows
from commerce.errors import Rejected

MAX_HEADING = 255


class BadMapping(Rejected):
    """A mapping of headings that means nothing here or is not in the file."""

    code = "bad_mapping"


def checked_mapping(given: Mapping[str, str], header: list[str]) -> dict[str, str]:
    """Return a mapping by folded headings; an empty meaning is one to forget. Raises BadMapping.

    Every heading must be in the file, every meaning be a heading that is read.
    """
    names = {fold_heading(name) for name in header}
    checked: dict[str, str] = {}
    for heading, meaning in given.items():
        folded = fold_heading(heading)
        if folded not in names or len(folded) > MAX_HEADING:
            found = [f"'{name}'" for name in header[:12]]
            raise BadMapping("mapping_heading_not_found", heading=heading, found=found)
        checked[folded] = _meaning(meaning.strip())
    return checked


def _meaning(text: str) -> str:
    if not text or (METAFIELD.fullmatch(text) and len(text) <= MAX_HEADING):
        return text
    known = {fold_heading(name): name for names in WOOCOMMERCE.values() for name in names[:1]}
    known |= {fold_heading(name): name for name in known_headings().values()}
    found = known.get(fold_heading(text))
    if found is None:
        raise BadMapping("mapping_meaning_unknown", heading=text)
    return found


def remembered_mapping(header: list[str]) -> dict[str, str]:
    """Return what the shop has said of headings in this file, unless the file has the right ones, too."""
    names = {fold_heading(name) for name in header}
    rows = db.session.execute(select(ImportMapping.heading, ImportMapping.meaning))
    return {
        row.heading: row.meaning
        for row in rows
        if row.heading in names and fold_heading(row.meaning) not in names
    }


@atomic
def remember_mapping(mapping: Mapping[str, str]) -> None:
    """Keep what headings mean, in place of what was said of them before; forget those that mean nothing."""
    db.session.execute(
        delete(ImportMapping)
        .where(ImportMapping.heading.in_(mapping))
        .execution_options(synchronize_session=False)
    )
    insert_rows(
        ImportMapping,
        [{"heading": heading, "meaning": meaning} for heading, meaning in mapping.items() if meaning],
    )

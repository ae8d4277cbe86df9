"""Where each field stands in a file; and which heading means what, in every column set that Shopify has used."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

from commerce.catalog.text import clean_line
from commerce.csv_files import ImportNote, UnreadableFile

# First the heading of the exports until 2025, then those of the newer template and of widespread tools.
# Headings are compared exactly, as Shopify does: 'Option1 name' is of the newer template, 'Variant price' of neither.
COLUMNS: dict[str, tuple[str, ...]] = {
    "handle": ("Handle", "URL handle"),
    "title": ("Title",),
    "body": ("Body (HTML)", "Body HTML", "Description"),
    "vendor": ("Vendor",),
    "category": (
        "Product Category",
        "Product category",
        "Standardized Product Type",
        "Standard Product Type",
    ),
    "type": ("Type", "Custom Product Type"),
    "tags": ("Tags",),
    "published": ("Published", "Published on online store"),
    "status": ("Status",),
    "option1_name": ("Option1 Name", "Option1 name"),
    "option1_value": ("Option1 Value", "Option1 value"),
    "option2_name": ("Option2 Name", "Option2 name"),
    "option2_value": ("Option2 Value", "Option2 value"),
    "option3_name": ("Option3 Name", "Option3 name"),
    "option3_value": ("Option3 Value", "Option3 value"),
    "sku": ("Variant SKU", "SKU"),
    "grams": ("Variant Grams", "Weight value (grams)"),
    "tracker": ("Variant Inventory Tracker", "Inventory tracker"),
    "quantity": ("Variant Inventory Qty", "Inventory quantity"),
    "policy": ("Variant Inventory Policy", "Continue selling when out of stock"),
    "price": ("Variant Price", "Price"),
    "compare_at": ("Variant Compare At Price", "Compare-at price"),
    "ships": ("Variant Requires Shipping", "Requires shipping"),
    "taxable": ("Variant Taxable", "Charge tax"),
    "barcode": ("Variant Barcode", "Barcode"),
    "image": ("Image Src", "Product image URL"),
    "image_position": ("Image Position", "Image position"),
    "image_alt": ("Image Alt Text", "Image alt text"),
    "gift_card": ("Gift Card", "Gift card"),
    "seo_title": ("SEO Title", "SEO title"),
    "seo_description": ("SEO Description", "SEO description"),
    "variant_image": ("Variant Image", "Variant image URL"),
}
OWN_COLUMNS: dict[str, tuple[str, ...]] = {
    "categories": ("Categories",),
    "tax_class": ("Variant Tax Class",),
    "active": ("Variant Active",),
}
"""What our own export adds, because Shopify has no column for it."""
OPTIONS = 3
"""How many options a product has at Shopify. Our own export goes on with 'Option4 Name'."""
REQUIRED = ("handle", "title", "price")
_SIMILAR = 0.6
_VERY_SIMILAR = 0.85
_SHOWN = 12


class Headings:
    """Where each field of `columns` (field -> headings, the first found is read) stands in one file.

    `notes` holds what a person should look at. Headings are compared as `fold` leaves them.
    """

    def __init__(
        self, header: list[str], columns: Mapping[str, tuple[str, ...]], fold: Callable[[str], str] = str
    ) -> None:
        self.names = [clean_line(cell) for cell in header]
        self.notes: list[ImportNote] = []
        self.index: dict[str, int] = {}
        self._columns = columns
        folded = [fold(name) for name in self.names]
        for field, headings in columns.items():
            self._find(field, [fold(heading) for heading in headings], folded)

    def heading(self, field: str) -> str:
        """Return the heading of `field` as the file writes it (as the other shop does when the file has none)."""
        position = self.index.get(field)
        return self._columns[field][0] if position is None else self.names[position]

    def _find(self, field: str, headings: list[str], names: list[str]) -> None:
        for heading in headings:
            if heading in names:
                self.index[field] = names.index(heading)
                if names.count(heading) > 1:
                    self.notes.append(ImportNote(0, "repeated_column", self.heading(field)))
                return


class Columns(Headings):
    """Where each field stands in a file with Shopify's headings. `axes` is how many options its products may have.

    Raises UnreadableFile when a required column is missing, or when a heading differs from one that is read only in
    its spelling: leaving it out in silence would lose its data.
    """

    def __init__(self, header: list[str]) -> None:
        self.axes = OPTIONS
        columns = COLUMNS | OWN_COLUMNS
        while (name := f"Option{self.axes + 1} Name") in header:
            self.axes += 1
            columns |= {
                f"option{self.axes}_name": (name,),
                f"option{self.axes}_value": (f"Option{self.axes} Value",),
            }
        super().__init__(header, columns)
        self._refuse_foreign()

    def _refuse_foreign(self) -> None:
        read = set(self.index.values())
        foreign = {_fold(name): name for at, name in enumerate(self.names) if at not in read and name}
        missing: list[tuple[str, str]] = []
        lost = any(field not in self.index for field in REQUIRED)
        for field, headings in COLUMNS.items():
            if field in self.index:
                continue
            name, likeness = _nearest(headings, foreign, _SIMILAR if field in REQUIRED else _VERY_SIMILAR)
            if name or field in REQUIRED:
                missing.append((headings[0], name))
            if likeness == 1:
                lost = True
            elif name:
                self.notes.append(ImportNote(0, "unread_column", f"'{name}' (is it '{headings[0]}'?)"))
        if lost:
            raise _headings_missing(missing, self.names)


def _fold(heading: str) -> str:
    return re.sub(r"[\W_]+", "", heading.casefold())


def _likeness(wanted: str, found: str) -> float:
    # 'Body' for 'Body (HTML)': a heading that is the other's beginning is nearer than its letters tell.
    if (
        wanted != found
        and min(len(wanted), len(found)) >= 4
        and (wanted.startswith(found) or found.startswith(wanted))
    ):
        return _VERY_SIMILAR
    return difflib.SequenceMatcher(None, wanted, found).ratio()


def _nearest(headings: tuple[str, ...], foreign: dict[str, str], cutoff: float) -> tuple[str, float]:
    for heading in headings:
        likeness, name = max(
            ((_likeness(_fold(heading), each), foreign[each]) for each in foreign), default=(0.0, "")
        )
        if likeness >= cutoff:
            return name, likeness
    return "", 0.0


def _headings_missing(missing: list[tuple[str, str]], names: list[str]) -> UnreadableFile:
    renames = [f"'{near}' → '{heading}'" if near else f"'{heading}'" for heading, near in missing]
    found = [f"'{name}'" for name in names[:_SHOWN]] + (["..."] if len(names) > _SHOWN else [])
    return UnreadableFile("shopify_headings_missing", renames=renames, found=found)

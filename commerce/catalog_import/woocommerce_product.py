"""One product of a WooCommerce file, in rows as a `ProductBuilder` reads them.

Here is decided what becomes of all that WooCommerce knows and we do not; what is lost leaves a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice, product

from commerce.catalog.text import clean_line, make_skus, slugify
from commerce.catalog.values import parse_flag, parse_quantity, plain_number
from commerce.catalog_import.parsed import RowError
from commerce.catalog_import.product import option_name, option_value
from commerce.catalog_import.rows import ImportSettings, SourceRow, as_text, join_names
from commerce.catalog_import.woocommerce_headings import UNCATEGORIZED, UNIT, fold_woocommerce_heading
from commerce.catalog_import.woocommerce_text import Attribute, describe_product, names_in, split_list
from commerce.csv_files import ImportNote
from commerce.error_messages import describe as describe_error
from commerce.errors import InvalidValue

FLAGS = frozenset(["virtual", "downloadable"])
SOLD = frozenset(["simple", "variable", "external"])
GRAMS = {"kg": "1000", "g": "1", "lbs": "453.59237", "oz": "28.349523125"}
"""Grams in the units that a heading 'Weight (kg)' may name."""

Values = tuple[str, ...]


def kinds_of(row: SourceRow) -> frozenset[str]:
    """Return the words of the type: what it is, and whether it is virtual or downloadable."""
    return frozenset(filter(None, (word.strip() for word in row.get("kind").casefold().split(","))))


@dataclass(slots=True)
class WooProduct:
    """Translates the rows of one product, variations first or last; used once."""

    handle: str
    rows: list[SourceRow]
    shop: ImportSettings
    attribute_numbers: list[int]
    today: date
    errors: list[RowError] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)

    def translate(self) -> list[SourceRow]:
        """Return the product's rows, none when it cannot be sold here; then `errors` has the reasons."""
        parents = [row for row in self.rows if "variation" not in kinds_of(row)]
        variations = [row for row in self.rows if "variation" in kinds_of(row)]
        if not parents:
            for row in variations:
                self._reject(row, "parent", "the file has no product with this ID or SKU")
            return []
        parent = parents[0]
        for row in parents[1:]:
            self._reject(row, "id", f"row {parent.number} has the same ID or SKU")
        kind = (kinds_of(parent) - FLAGS or {"simple"}) if parent.get("kind") else {"simple"}
        if len(kind) != 1 or not kind <= SOLD:
            self._reject(parent, "kind", _why_not(kind))
            return []
        if variations and "variable" not in kind:
            for row in variations:
                self._reject(row, "parent", f"the product in row {parent.number} is not of the type variable")
        attributes = self._attributes(parent)
        if "variable" in kind:
            names, sold = self._variants(parent, attributes, variations)
        else:
            names, sold = [], []
        head = self._head(parent, attributes, names)
        if "variable" not in kind:
            head |= self._sold(parent, parent)
            if not head["price"]:
                head["unpriced"] = "TRUE"
        pictures = [_row(parent, {"image": url}) for url in split_list(parent.get("image"))]
        known = [_row(parent, head, self._headings(parent, head), problem=parent.problem), *pictures, *sold]
        # The report counts each row of the file, even when nothing is made of it.
        return known + [
            _row(row, {}) for row in self.rows if row.number not in {each.number for each in known}
        ]

    # --- the product ---

    def _head(self, parent: SourceRow, attributes: list[Attribute], options: list[str]) -> dict[str, str]:
        axes = {name.casefold() for name in options}
        described = [each for each in attributes if each.name.casefold() not in axes and each.values]
        if any(not each.visible for each in described):
            self.notes.append(ImportNote(parent.number, "unseen_attribute"))
        categories = [level for path in split_list(parent.get("categories")) for level in path.split(">")]
        return {
            "title": names_in(parent.get("title")),
            "body": describe_product(
                parent.get("short"), parent.get("body"), [each for each in described if each.visible]
            ),
            "vendor": names_in(next(iter(split_list(parent.get("vendor"))), "")),
            "categories": join_names(
                name
                for level in categories
                if (name := clean_line(names_in(level))) and name.casefold() not in UNCATEGORIZED
            ),
            # A tag here holds no comma.
            "tags": ",".join(names_in(tag).replace(",", " ") for tag in split_list(parent.get("tags"))),
            **self._status(parent),
        }

    def _status(self, parent: SourceRow) -> dict[str, str]:
        visibility = parent.get("visibility").casefold()
        if visibility == "catalog":
            self.notes.append(ImportNote(parent.number, "lists_only"))
        reasons = {
            "hidden": visibility == "hidden",
            "search_only": visibility == "search",
            "external": "external" in kinds_of(parent),
            "download": any("downloadable" in kinds_of(row) for row in self.rows),
        }
        for code, holds in reasons.items():
            if holds:
                self.notes.append(ImportNote(parent.number, code))
        if any(reasons.values()) or parent.get("published") in ("0", "-1"):
            return {"status": "draft"}
        return {"status": "active", "published": parent.get("published")}

    def _attributes(self, row: SourceRow) -> list[Attribute]:
        found = []
        for number in self.attribute_numbers:
            name = clean_line(names_in(row.get(f"attribute{number}_name")))
            if not name:
                continue
            values = tuple(
                clean_line(names_in(value)) for value in split_list(row.get(f"attribute{number}_values"))
            )
            try:
                visible = parse_flag(row.get(f"attribute{number}_visible") or "1")
            except InvalidValue as error:
                self._reject(row, f"attribute{number}_visible", describe_error(error))
                visible = True
            found.append(Attribute(name, values, visible, number))
        return found

    # --- its variants ---

    def _variants(
        self, parent: SourceRow, attributes: list[Attribute], variations: list[SourceRow]
    ) -> tuple[list[str], list[SourceRow]]:
        """Return the names of the options, and a row for each variant in the order of the shop's."""
        chosen = {row.number: self._attributes(row) for row in variations}
        used = {each.name.casefold(): each.name for own in chosen.values() for each in own}
        known = {each.name.casefold(): each for each in attributes}
        order = [key for key in known if key in used] + [key for key in used if key not in known]
        values = {
            number: {each.name.casefold(): each.values[0] for each in own if each.values}
            for number, own in chosen.items()
        }
        order = [
            key for key in order
            if any(key in own for own in values.values()) or (key in known and known[key].values)
        ]  # fmt: skip
        names = [known[key].name if key in known else used[key] for key in order]
        taken = {
            _folded(own[key] for key in order) for own in values.values() if all(key in own for key in order)
        }
        rows = []
        for row in sorted(variations, key=self._position):
            own = values[row.number]
            columns = {each.name.casefold(): each.number for each in chosen[row.number]}
            headings = {
                option_value(axis): f"Attribute {columns[key]} value(s)"
                for axis, key in enumerate(order)
                if key in columns
            }
            choices = [
                (own[key],) if key in own else (known[key].values if key in known else ()) or ("",)
                for key in order
            ]
            rows += self._spread(parent, row, names, list(self._choices(choices, taken)), headings)
        return names, rows

    def _choices(self, choices: list[Values], taken: set[Values]) -> Iterator[Values]:
        """Yield the variants that a variation stands for. One that is a row of its own, or came before, is not."""
        exact = all(len(each) == 1 for each in choices)
        for values in islice(product(*choices), self.shop.limits.variants + 1):
            if exact:
                yield values
            elif _folded(values) not in taken:
                taken.add(_folded(values))
                yield values

    def _spread(
        self,
        parent: SourceRow,
        row: SourceRow,
        names: list[str],
        variants: list[Values],
        headings: Mapping[str, str],
    ) -> list[SourceRow]:
        cells = self._sold(row, parent)
        if row.get("body"):
            self.notes.append(ImportNote(row.number, "variation_text"))
        picture = next(iter(split_list(row.get("image"))), "")
        cells |= {"variant_image": picture, "active": "FALSE" if row.get("published") == "0" else "TRUE"}
        if not cells["price"]:  # WooCommerce shows it and does not sell it
            cells |= {"unpriced": "TRUE", "active": "FALSE"}
        skus = [cells["sku"]] * len(variants)
        if len(variants) > 1:
            self.notes.append(ImportNote(row.number, "any_value"))
            cells["quantity"] = ""
            free = [axis for axis in range(len(names)) if len({values[axis] for values in variants}) > 1]
            if cells["sku"]:
                chosen = [tuple(values[axis] for axis in free) for values in variants]
                skus = make_skus(cells["sku"], chosen, self.shop.limits.sku)
        return [
            _row(
                row,
                cells
                | {"sku": sku}
                | {option_name(axis): name for axis, name in enumerate(names)}
                | {option_value(axis): value for axis, value in enumerate(values)},
                {**headings, **self._headings(row, cells)},
                problem=row.problem,
            )
            for sku, values in zip(skus, variants, strict=True)
        ]

    def _position(self, row: SourceRow) -> tuple[int, int]:
        try:
            return parse_quantity(row.get("position") or "0"), row.number
        except InvalidValue:
            return 0, row.number

    def _sold(self, row: SourceRow, parent: SourceRow) -> dict[str, str]:
        """Return what a variant has; a variation has from its parent what it does not say itself."""
        price, compare_at = self._prices(row)
        stock = row.get("quantity")
        tracker = "woocommerce" if stock else ""
        if stock.casefold() == "parent":
            self.notes.append(ImportNote(row.number, "shared_stock"))
            stock, tracker = "", "woocommerce"
        tax_class = row.get("tax_class")
        if tax_class.casefold() == "parent":
            tax_class = parent.get("tax_class")
        return {
            "sku": row.get("sku"),
            "price": price,
            "compare_at": compare_at,
            "quantity": stock,
            "tracker": tracker,
            "policy": "continue" if row.get("policy").casefold() == "notify" else row.get("policy"),
            "grams": self._grams(row if row.get("grams") else parent),
            "ships": "FALSE" if "virtual" in kinds_of(row) else "TRUE",
            "taxable": self._taxable(row),
            "tax_class": slugify(tax_class)[:20],
            "barcode": row.get("barcode"),
        }

    def _prices(self, row: SourceRow) -> tuple[str, str]:
        """Return the price of today and the one to compare it with."""
        regular, sale = row.get("price"), row.get("sale")
        begin, end = self._day(row, "sale_from"), self._day(row, "sale_to")
        if sale and (begin or end):
            self.notes.append(ImportNote(row.number, "sale_dates"))
        holds = sale and (begin is None or begin <= self.today) and (end is None or self.today <= end)
        return (sale, regular) if holds else (regular, "")

    def _day(self, row: SourceRow, name: str) -> date | None:
        text = row.get(name)
        if not text:
            return None
        try:
            return date.fromisoformat(text.split()[0])
        except ValueError:
            self._reject(row, name, "is no date like 2026-12-31")
            return None

    def _taxable(self, row: SourceRow) -> str:
        word = row.get("taxable").casefold()
        return {"taxable": "TRUE", "none": "FALSE", "shipping": "FALSE"}.get(word, word)

    def _grams(self, row: SourceRow) -> str:
        text = row.get("grams")
        named = UNIT.fullmatch(fold_woocommerce_heading(self.shop.heading("grams")))
        unit = named[1] if named else "kg"
        try:
            # A weight of a thousand kilograms is rarer than one with three decimals.
            return str(Decimal(plain_number(text, comma_is_mark=True)) * Decimal(GRAMS[unit])) if text else ""
        except InvalidValue:
            return text  # its reader will say what is wrong with it

    def _headings(self, row: SourceRow, cells: Mapping[str, str]) -> dict[str, str]:
        """Return where the prices stand when the sale price is the price."""
        if cells.get("price") and cells["price"] == row.get("sale"):
            return {"price": self.shop.heading("sale"), "compare_at": self.shop.heading("price")}
        return {}

    def _reject(self, row: SourceRow, name: str, reason: str) -> None:
        value = row.get(name)[:80]
        self.errors.append(RowError(row.number, self.shop.heading(name), value, reason, self.handle))


def _row(
    row: SourceRow, texts: Mapping[str, str], headings: Mapping[str, str] | None = None, problem: str = ""
) -> SourceRow:
    return SourceRow(
        row.number, {name: as_text(text) for name, text in texts.items()}, problem, headings or {}
    )


def _folded(values: Iterable[str]) -> Values:
    return tuple(value.casefold() for value in values)


def _why_not(kind: Iterable[str]) -> str:
    if set(kind) == {"grouped"}:
        return "a grouped product sells nothing itself; the products in it are taken in on their own"
    return "is none of the types that are sold here: simple, variable, variation, external"

"""From the rows of one product to that product, or to the reasons why it is none.

All reasons are collected before a product is rejected, so that the file can be mended in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from commerce.catalog.html_cleaning import clean_html, embedded_in, pictures_in
from commerce.catalog.text import clean_line, digest, former_slugs, make_skus
from commerce.catalog.values import (
    parse_backorder,
    parse_barcode,
    parse_flag,
    parse_grams,
    parse_price,
    parse_quantity,
    parse_sku,
    parse_stock,
    parse_tax_class,
    parse_url,
)
from commerce.catalog_import.parsed import (
    ParsedImage,
    ParsedProduct,
    ParsedVariant,
    ProductStatus,
    RejectedProduct,
    RowError,
)
from commerce.catalog_import.rows import BLANKS, ImportSettings, SourceRow, plain, split_names
from commerce.csv_files import ImportNote
from commerce.error_messages import describe
from commerce.errors import InvalidValue

DEFAULT_NAME, DEFAULT_VALUE = "title", "default title"
STATUSES: dict[str, ProductStatus] = {
    "active": "active",
    "draft": "draft",
    "archived": "archived",
    "unlisted": "draft",
}
_LAST = 1 << 30
_VARIANT_FIELDS = ("sku", "price", "compare_at", "quantity", "grams", "barcode")
_VARIANT_FACTS = (
    *_VARIANT_FIELDS,
    "tracker",
    "policy",
    "ships",
    "taxable",
    "tax_class",
    "cost",
    "active",
    "variant_image",
)
"""What makes a row a variant, in a file without prices."""
PRODUCT_COLUMNS: dict[str, tuple[str, ...]] = {
    "title": ("title",),
    "description_html": ("body",),
    "vendor": ("vendor",),
    "product_type": ("type",),
    "categories": ("categories", "type", "category", "collection"),
    "tags": ("tags",),
    "status": ("status", "published"),
    "seo_title": ("seo_title",),
    "seo_description": ("seo_description",),
    "images": ("image",),
    "image_alt": ("image_alt",),
}
VARIANT_COLUMNS: dict[str, tuple[str, ...]] = {
    "sku": ("sku",),
    "price": ("price",),
    "compare_at_price": ("compare_at",),
    "backorder": ("policy",),
    "weight_grams": ("grams",),
    "requires_shipping": ("ships",),
    "barcode": ("barcode",),
    "unit_cost": ("cost",),
    "image_url": ("variant_image",),
    "active": ("active",),
}
"""The fields of a parsed product or variant, and the columns that say something about them."""
UNIT_PRICE = (
    "unit_price_total_measure",
    "unit_price_total_measure_unit",
    "unit_price_base_measure",
    "unit_price_base_measure_unit",
)
"""Attributes of a variant: how much it holds, and for which amount its unit price is given."""
STANDARD, EXEMPT = "standard", "exempt"
"""Tax classes; the second is that of what the other shop sold without tax."""

VARIANT_ATTRIBUTE = "variant:"
"""How the key of an attribute begins that belongs to a variant."""
DUPLICATE_HINT = "--duplicate-sku blank takes it with a SKU made for it"

T = TypeVar("T")


@dataclass(slots=True)
class ProductBuilder:
    """Collects one product's facts, errors and notes; used once."""

    handle: str
    slug: str
    rows: list[SourceRow]
    shop: ImportSettings
    errors: list[RowError] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)
    only_known: list[RowError] = field(default_factory=list)

    def build(self) -> ParsedProduct | RejectedProduct:
        """Return the product, or everything that is wrong with it."""
        numbers = tuple(sorted({row.number for row in self.rows}))
        for row in self.rows:
            if row.problem:
                self._reject(row, "handle", row.problem)
        title = self._title()
        names = self._option_names()
        variant_rows = self._variant_rows(names)
        options, values = self._options(names, variant_rows)
        variants = self._variants(variant_rows, values)
        status = self._status()
        if self.slug != self.handle:
            self.notes.append(ImportNote(numbers[0], "made_slug", self.slug))
        images = self._images(variants)
        unpriced = bool(variants) and not any(
            variant.price or "price" not in variant.lacks for variant in variants
        )
        unpriced = unpriced and any(row.cells.get("unpriced") for row in variant_rows)
        product = ParsedProduct(
            source=self.shop.source,
            handle=self.handle,
            slug=self.slug,
            title=title,
            description_html=self._body(),
            vendor=self._line("vendor", self.shop.limits.line),
            product_type=clean_line(self._first("type")[1]),
            categories=self._categories(),
            tags=self._tags(),
            status="draft" if unpriced and status == "active" else status,
            seo_title=self._line("seo_title", self.shop.limits.title),
            seo_description=self._line("seo_description", self.shop.limits.text),
            option_names=options,
            attributes=self._attributes(),
            variants=tuple(variants),
            images=images,
            rows=numbers,
            notes=tuple(sorted(self.notes, key=lambda note: note.row)),
            former_slugs=former_slugs(self.handle, self.shop.limits.slug) if self.slug != self.handle else (),
            lacks=self._lacks(),
            only_known=tuple(self.only_known),
            status_with_price=status if unpriced and status == "active" else None,
        )
        if self.errors:
            return RejectedProduct(
                self.handle, numbers, tuple(sorted(self.errors, key=lambda error: error.row))
            )
        return product

    def _lacks(self) -> tuple[str, ...]:
        lacks = [name for name, columns in PRODUCT_COLUMNS.items() if not self.shop.has(*columns)]
        axes = range(self.shop.axes)
        if not self.shop.has(*(option_value(axis) for axis in axes)):
            lacks.append("option_values")
        if not self.shop.has(*(option_name(axis) for axis in axes)):
            lacks.append("option_names")
        return tuple(lacks)

    def _reject(self, row: SourceRow, name: str, reason: str) -> None:
        self.errors.append(self._error(row, name, reason))

    def _error(self, row: SourceRow, name: str, reason: str) -> RowError:
        value = plain(row.cells.get(name, ""))
        shown = value if len(value) <= 80 else value[:77] + "..."
        column = row.headings.get(name) or self.shop.heading(name)
        return RowError(row.number, column, shown, reason, self.handle)

    def _reject_new(self, row: SourceRow, name: str, reason: str) -> None:
        """Reject the product only if the shop does not have it yet."""
        self.only_known.append(self._error(row, name, reason))

    def _read(self, row: SourceRow, name: str, parse: Callable[[str], T], *, default: T) -> T:
        text = row.get(name)
        if not text:
            return default
        try:
            return parse(text)
        except InvalidValue as error:
            self._reject(row, name, describe(error))
            return default

    def _first(self, name: str) -> tuple[SourceRow, str]:
        for row in self.rows:
            if row.get(name):
                return row, row.get(name)
        return self.rows[0], ""

    def _line(self, name: str, limit: int) -> str:
        row, text = self._first(name)
        line = clean_line(text)
        if len(line) > limit:
            self._reject(row, name, f"is longer than {limit} characters")
        return line

    def _title(self) -> str:
        title = self._line("title", self.shop.limits.title)
        origin = self._first("title")[0]
        if not title and not self.shop.has("title"):
            self._reject_new(origin, "title", "the product is new, and the file has no column with its title")
        elif not title:
            self._reject(origin, "title", "the product has no title")
        for row in self.rows:
            other = clean_line(row.get("title"))
            if other and other != title:
                self._reject(row, "title", f"the handle belongs to '{title}' already (row {origin.number})")
        return title

    def _body(self) -> str:
        row, text = self._first("body")
        cleaned = clean_html(text) if text else ""
        if len(cleaned) > self.shop.limits.body:
            self._reject(row, "body", f"is longer than {self.shop.limits.body} characters")
        for what in embedded_in(text):
            self.notes.append(ImportNote(row.number, "embedded", what[:120]))
        return cleaned

    def _categories(self) -> tuple[str, ...]:
        """Return categories (or the type, or else the last level of the taxonomy) and the collection."""
        row, text = self._first("categories")
        kind = self._line("type", self.shop.limits.line)
        path_row, path_text = self._first("category")
        last = clean_line(path_text).rsplit(">", 1)[-1].strip()[: self.shop.limits.line]
        last = "" if last.casefold() == "uncategorized" else last
        collection = self._line("collection", self.shop.limits.line)
        names = split_names(text) if text else [kind] if kind else [last] if last else []
        known = {name.casefold() for name in (*names, kind)}
        if last and last.casefold() not in known:
            self.notes.append(ImportNote(path_row.number, "taxonomy", clean_line(path_text)))
        return self._names(row, "categories", [*names, collection])

    def _attributes(self) -> tuple[tuple[str, str], ...]:
        """Return the product's attributes by key; empty where the file has a column and says nothing."""
        found = []
        for name, key in self.shop.attributes.items():
            if not key.startswith(VARIANT_ATTRIBUTE):
                row, text = self._first(name)
                found.append((key, self._text(row, name, text)))
        return tuple(sorted(found))

    def _text(self, row: SourceRow, name: str, text: str) -> str:
        if len(text) > self.shop.limits.text:
            self._reject(row, name, f"is longer than {self.shop.limits.text} characters")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _tags(self) -> tuple[str, ...]:
        row, text = self._first("tags")
        return self._names(row, "tags", text.split(","))

    def _names(self, row: SourceRow, field_name: str, parts: list[str]) -> tuple[str, ...]:
        """Return the names in a list, each once."""
        names: dict[str, str] = {}
        for name in map(clean_line, parts):
            if len(name) > self.shop.limits.line:
                self._reject(
                    row, field_name, f"'{name[:40]}...' is longer than {self.shop.limits.line} characters"
                )
            elif name:
                names.setdefault(name.casefold(), name)
        return tuple(names.values())

    def _status(self) -> ProductStatus:
        row, word = self._first("status")
        status = STATUSES.get(word.casefold() or "active")
        if status is None:
            self._reject(row, "status", "is none of active, draft, archived")
            return "draft"
        if word.casefold() == "unlisted":
            self.notes.append(ImportNote(row.number, "unlisted"))
        published = self._read(self._first("published")[0], "published", parse_flag, default=True)
        if self._read(self._first("gift_card")[0], "gift_card", parse_flag, default=False):
            self.notes.append(ImportNote(row.number, "gift_card"))
            return "archived" if status == "archived" else "draft"
        return "draft" if status == "active" and not published else status

    def _option_names(self) -> list[str]:
        names = []
        for axis in range(self.shop.axes):
            column = option_name(axis)
            name = self._line(column, self.shop.limits.line)
            origin = self._first(column)[0]
            for row in self.rows:
                other = clean_line(row.get(column))
                if other and other != name:
                    self._reject(row, column, f"the option is called '{name}' in row {origin.number}")
            names.append(name)
        return names

    def _is_variant(self, row: SourceRow) -> bool:
        """Tell whether the row says anything that only a variant has, its option values aside."""
        if row.has_variant_facts or row.cells.get("unpriced"):
            return True
        return not self.shop.has("price") and any(
            row.get(name) for name in (*_VARIANT_FACTS, *self._own_facts())
        )

    def _own_facts(self) -> list[str]:
        own = [name for name, key in self.shop.attributes.items() if key.startswith(VARIANT_ATTRIBUTE)]
        return [*own, *UNIT_PRICE]

    def _value(self, row: SourceRow, axis: int, names: list[str]) -> str:
        raw = row.cells.get(option_value(axis), "")
        if raw in BLANKS and not (self._is_variant(row) and names[axis]):
            return ""
        return clean_line(plain(raw))

    def _variant_rows(self, names: list[str]) -> list[SourceRow]:
        found: list[SourceRow] = []
        seen: dict[tuple[str, ...], int] = {}
        for row in self.rows:
            values = tuple(self._value(row, axis, names) for axis in range(self.shop.axes))
            if not (self._is_variant(row) or any(values)):
                if not row.get("image") and row is not self.rows[0] and self.shop.has("price"):
                    self.notes.append(ImportNote(row.number, "nothing"))
                continue
            facts = (*values, *(row.cells.get(name, "") for name in _VARIANT_FIELDS))
            if row.get("image") and facts in seen:
                self.notes.append(ImportNote(row.number, "repeated_variant", f"row {seen[facts]}"))
                continue
            seen.setdefault(facts, row.number)
            found.append(row)
        if not found and not self.shop.has("price"):
            reason = "the product is new, and the file says nothing of its variants"
            self._reject_new(self.rows[0], "price", reason)
        elif not found:
            self._reject(self.rows[0], "price", "the product has no variant: no row of it has a price")
        elif len(found) > self.shop.limits.variants:
            self._reject(
                found[-1], "handle", f"the product has more than {self.shop.limits.variants} variants"
            )
        return found

    def _options(
        self, names: list[str], rows: list[SourceRow]
    ) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        if "option_values" in self._lacks():
            reason = f"row {rows[0].number} is the same variant: no option at all" if rows else ""
            for row in rows[1:]:
                self._reject_new(row, "option1_value", reason)
            return (), [() for _ in rows]
        named = "option_names" not in self._lacks()
        table = [[self._value(row, axis, names) for axis in range(self.shop.axes)] for row in rows]
        if not named and any(map(any, table)):
            reason = "the product is new, and the file has no column with the names of its options"
            self._reject_new(rows[0], "option1_name", reason)
        if _is_default_variant(names, table):
            return (), [()]
        used = [axis for axis in range(self.shop.axes) if any(values[axis] for values in table)]
        self._refuse_incomplete(rows, table, names, used, named=named)
        chosen = [tuple(values[axis] for axis in used) for values in table]
        self._refuse_collisions(rows, chosen)
        folded = [names[axis].casefold() for axis in used]
        for position, axis in enumerate(used):
            if folded[position] and folded[position] in folded[:position]:
                self._reject(rows[0], option_name(axis), f"two options are called '{names[axis]}'")
        return tuple(names[axis] for axis in used), chosen

    def _refuse_incomplete(
        self, rows: list[SourceRow], table: list[list[str]], names: list[str], used: list[int], *, named: bool
    ) -> None:
        for axis in used:
            for row, values in zip(rows, table, strict=True):
                if not values[axis]:
                    self._reject(row, option_value(axis), f"the variant has no value for '{names[axis]}'")
                elif not names[axis] and named:
                    self._reject(
                        row, option_name(axis), f"the option with the value '{values[axis]}' has no name"
                    )
                elif len(values[axis]) > self.shop.limits.line:
                    self._reject(
                        row, option_value(axis), f"is longer than {self.shop.limits.line} characters"
                    )

    def _refuse_collisions(self, rows: list[SourceRow], chosen: list[tuple[str, ...]]) -> None:
        seen: dict[tuple[str, ...], int] = {}
        for row, values in zip(rows, chosen, strict=True):
            folded = tuple(value.casefold() for value in values)
            if folded in seen:
                words = " / ".join(values) or "no option at all"
                self._reject(row, "option1_value", f"row {seen[folded]} is the same variant: {words}")
            else:
                seen[folded] = row.number

    def _variants(self, rows: list[SourceRow], values: list[tuple[str, ...]]) -> list[ParsedVariant]:
        if len(rows) != len(values):
            return []
        made = make_skus(self.slug, values, self.shop.limits.made_sku)
        if len(set(made)) < len(made):  # the file has no options, so the SKUs tell the variants apart
            made = [f"{code}-{digest(row.get('sku'))}" for code, row in zip(made, rows, strict=True)]
        variants = [self._variant(*each) for each in zip(rows, values, made, strict=True)]
        seen: dict[str, int] = {}
        for at, (row, variant) in enumerate(zip(rows, variants, strict=True)):
            other = seen.setdefault(variant.sku, row.number)
            if other == row.number:
                continue
            if self.shop.duplicate_sku == "blank":
                self.notes.append(ImportNote(row.number, "duplicate_sku", variant.sku))
                variants[at] = replace(variant, sku=variant.made_sku, sku_was_made=True)
            else:
                self._reject(row, "sku", f"row {other} of this product has the same SKU; {DUPLICATE_HINT}")
        return variants

    def _variant(self, row: SourceRow, values: tuple[str, ...], made: str) -> ParsedVariant:
        sku = self._read(row, "sku", lambda text: parse_sku(clean_line(text)), default="")
        if len(sku) > self.shop.limits.sku:
            self._reject(row, "sku", f"is longer than {self.shop.limits.sku} characters")
        if not sku:
            self.notes.append(ImportNote(row.number, "made_sku", made))
        tracked = bool(row.get("tracker"))
        if not tracked and self.shop.has("tracker"):
            self.notes.append(ImportNote(row.number, "untracked"))
        backorder = self._read(row, "policy", parse_backorder, default=False)
        if backorder:
            self.notes.append(ImportNote(row.number, "backorder"))
        lacks = [name for name, columns in VARIANT_COLUMNS.items() if not self.shop.has(*columns)]
        price, compare_at = self._prices(row, lacks)
        return ParsedVariant(
            row=row.number,
            sku=sku or made,
            sku_was_made=not sku,
            made_sku=made,
            option_values=values,
            price=price,
            compare_at_price=compare_at,
            quantity=self._quantity(row),
            tracked=tracked,
            backorder=backorder,
            weight_grams=self._read(row, "grams", parse_grams, default=0),
            requires_shipping=self._read(row, "ships", parse_flag, default=True),
            tax_class=self._tax_class(row, lacks),
            barcode=self._barcode(row, lacks),
            unit_cost=self._cost(row),
            attributes=self._variant_attributes(row),
            image_url=self._url(row, "variant_image"),
            active=self._read(row, "active", parse_flag, default=True),
            lacks=tuple(lacks),
        )

    def _quantity(self, row: SourceRow) -> int | None:
        units, oversold = self._read(row, "quantity", parse_stock, default=(-1, 0))
        if oversold:
            self.notes.append(ImportNote(row.number, "oversold", f"by {oversold}"))
        return None if units < 0 else units

    def _cost(self, row: SourceRow) -> int | None:
        def parse(text: str) -> int:
            return parse_price(text, self.shop.currency, comma_is_mark=self.shop.comma_is_mark)

        return self._read(row, "cost", parse, default=-1) if row.get("cost") else None

    def _variant_attributes(self, row: SourceRow) -> tuple[tuple[str, str], ...]:
        known = {key: name for name, key in self.shop.attributes.items() if key.startswith(VARIANT_ATTRIBUTE)}
        known |= {name: name for name in UNIT_PRICE if self.shop.has(name)}
        found = {key: self._text(row, name, row.get(name)) for key, name in known.items()}
        if found.get(UNIT_PRICE[0]) in ("0", "0.0") and not found.get(UNIT_PRICE[1]):
            found[UNIT_PRICE[0]] = ""
        return tuple(sorted(found.items()))

    def _tax_class(self, row: SourceRow, lacks: list[str]) -> str:
        if not self._read(row, "taxable", parse_flag, default=True):
            self.notes.append(ImportNote(row.number, "untaxed"))
            return EXEMPT
        tax_class = self._read(row, "tax_class", parse_tax_class, default=STANDARD)
        if tax_class != STANDARD:
            self.notes.append(ImportNote(row.number, "tax_class", tax_class))
        elif not self.shop.has("tax_class", "taxable"):
            lacks.append("tax_class")
        elif not self.shop.has("tax_class"):
            lacks.append("tax_class_name")
        return tax_class

    def _prices(self, row: SourceRow, lacks: list[str]) -> tuple[int, int | None]:
        def parse(text: str) -> int:
            return parse_price(text, self.shop.currency, comma_is_mark=self.shop.comma_is_mark)

        if row.cells.get("unpriced"):
            self.notes.append(ImportNote(row.number, "no_price"))
            lacks += ["price", "compare_at_price"]
            return 0, None
        if not row.get("price") and not self.shop.has("price"):
            self._reject_new(row, "price", "the variant is new, and the file has no column with its price")
        elif not row.get("price"):
            self._reject(row, "price", "the variant has no price")
        price = self._read(row, "price", parse, default=0)
        compare_at = self._read(row, "compare_at", parse, default=0)
        if compare_at > price or ("price" in lacks and compare_at):
            return price, compare_at
        if compare_at and "price" not in lacks:
            self.notes.append(ImportNote(row.number, "compare_price", row.get("compare_at")))
        return price, None

    def _barcode(self, row: SourceRow, lacks: list[str]) -> str:
        text = clean_line(row.get("barcode"))
        code = parse_barcode(text)
        if code is None:
            self.notes.append(ImportNote(row.number, "mangled_barcode", text))
            lacks.append("barcode")
            return ""
        if len(code) > self.shop.limits.line:
            self._reject(row, "barcode", f"is longer than {self.shop.limits.line} characters")
        return code

    def _url(self, row: SourceRow, name: str) -> str:
        text = clean_line(row.get(name))
        url = parse_url(text) if text else ""
        if url is None:
            self.notes.append(ImportNote(row.number, "bad_image", text[:120]))
        return url or ""

    def _images(self, variants: list[ParsedVariant]) -> tuple[ParsedImage, ...]:
        found: list[tuple[int, ParsedImage]] = []
        for row in self.rows:
            url = self._url(row, "image")
            if url:
                alt = clean_line(row.get("image_alt"))[: self.shop.limits.alt]
                found.append((self._position(row), ParsedImage(url, alt)))
        found.sort(key=lambda pair: pair[0])
        found.extend((_LAST, ParsedImage(variant.image_url, "")) for variant in variants if variant.image_url)
        found.extend((_LAST, image) for image in self._described_images())
        unique: dict[str, ParsedImage] = {}
        for _, image in found:
            unique.setdefault(image.url, image)
        return tuple(unique.values())

    def _described_images(self) -> list[ParsedImage]:
        """Return the pictures that the description shows: it cannot show them here, so they join the others."""
        row, text = self._first("body")
        images = []
        for address, alt in pictures_in(text):
            url = parse_url(clean_line(address))
            if url is None:
                self.notes.append(ImportNote(row.number, "lost_image", address[:120]))
                continue
            self.notes.append(ImportNote(row.number, "description_image", url))
            images.append(ParsedImage(url, clean_line(alt)[: self.shop.limits.alt]))
        return images

    def _position(self, row: SourceRow) -> int:
        # The position only orders the pictures: one that is no number puts its picture last, no more.
        try:
            return parse_quantity(row.get("image_position") or str(_LAST // 1024))
        except InvalidValue:
            return _LAST


def option_name(axis: int) -> str:
    """Return the field with the name of a product's option, counted from 0."""
    return f"option{axis + 1}_name"


def option_value(axis: int) -> str:
    """Return the field with a variant's value of an option, counted from 0."""
    return f"option{axis + 1}_value"


def _is_default_variant(names: list[str], table: list[list[str]]) -> bool:
    if len(table) != 1 or any(table[0][1:]):
        return False
    value = table[0][0].casefold()
    return value in ("", DEFAULT_VALUE) and names[0].casefold() in ("", DEFAULT_NAME)

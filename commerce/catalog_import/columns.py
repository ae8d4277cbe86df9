"""Where each field stands in a file; and which heading means what, in every column set that Shopify has used."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping

from commerce.catalog.text import clean_line, without_accents
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
    "cost": ("Cost per item",),
    "unit_price_total_measure": ("Unit Price Total Measure", "Unit price total measure"),
    "unit_price_total_measure_unit": ("Unit Price Total Measure Unit", "Unit price total measure unit"),
    "unit_price_base_measure": ("Unit Price Base Measure", "Unit price base measure"),
    "unit_price_base_measure_unit": ("Unit Price Base Measure Unit", "Unit price base measure unit"),
    "collection": ("Collection",),
}
OWN_COLUMNS: dict[str, tuple[str, ...]] = {
    "categories": ("Categories",),
    "tax_class": ("Variant Tax Class",),
    "active": ("Variant Active",),
}
"""What our own export adds, because Shopify has no column for it."""
METAFIELD = re.compile(r"(?P<name>.*?)\s*\((?P<owner>product|variant)\.metafields\.(?P<key>[^\s()]+)\)")
"""How Shopify heads a column for a metafield: 'Washing (product.metafields.custom.washing)'."""
SYNONYMS: dict[str, str] = {
    "handle": "slug urlkey url permalink producthandle productid parentid itemgroupid id",
    "title": "name productname producttitle itemname nombre nom nome naam titel titre titulo titolo bezeichnung"
    " artikelname productnaam",
    "body": "body description productdescription longdescription html details beschreibung descripcion descrizione"
    " descricao omschrijving",
    "vendor": "brand manufacturer supplier maker marke hersteller marque fabricant marca fabricante merk",
    "type": "type producttype category categories kategorie categorie categoria department",
    "tags": "tag tags keywords labels schlagworter schlagworte etiquettes etiquetas",
    "status": "state productstatus",
    "published": "visible active online enabled",
    "sku": "sku itemnumber articlenumber artikelnummer artnr article code productcode itemcode reference"
    " referencia ref mpn",
    "quantity": "quantity qty stock inventory inventoryqty stockquantity onhand available bestand lagerbestand menge"
    " anzahl cantidad existencias quantite quantita quantidade voorraad aantal inventoryquantity",
    "price": "price unitprice sellingprice saleprice retailprice regularprice listprice amount preis verkaufspreis vk"
    " precio prix prezzo preco prijs priceusd priceeur pricegbp",
    "compare_at": "compareatprice compareprice oldprice wasprice msrp rrp uvp originalprice strikeprice",
    "barcode": "ean ean13 gtin upc isbn barcode strichcode",
    "grams": "weight weightgrams weightg grams gewicht peso poids",
    "image": "image images imageurl imagelink picture photo mainimage bild bildurl imagen foto afbeelding",
    "image_alt": "alt alttext imagealt",
    "cost": "cost costprice purchaseprice unitcost wholesaleprice einkaufspreis ek coste cout costo custo inkoopprijs",
    "option1_value": "size color colour option variant variantname grosse farbe talla taille couleur taglia colore",
    "seo_title": "metatitle pagetitle",
    "seo_description": "metadescription",
    "collection": "collections",
}
"""What others call the columns, folded. A person confirms it with --map before it is read."""
OPTIONS = 3
"""How many options a product has at Shopify. Our own export goes on with 'Option4 Name'."""
REQUIRED = ("handle", "title", "price")
_SIMILAR = 0.6
_VERY_SIMILAR = 0.85
_SYNONYM = 0.95
_SHOWN = 12
_LONGEST_HEADING = 100
"""Characters of a heading that may be a known one misspelled; comparing takes the square of them."""


class Headings:
    """Where each field of `columns` (field -> headings, the first found is read) stands in one file.

    `notes` holds what a person should look at. Headings are compared as `fold` leaves them.
    """

    attributes: Mapping[str, str] = {}
    """Fields that are facts of a kind of their own: key by field."""

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
        self._find_attributes()
        self._refuse_foreign()

    def _find_attributes(self) -> None:
        found: dict[str, str] = {}
        self.definitions: dict[str, str] = {}
        for at, name in enumerate(self.names):
            if match := METAFIELD.fullmatch(name):
                key = match["key"] if match["owner"] == "product" else f"variant:{match['key']}"
                if key not in self.definitions and len(key) <= MAX_KEY and len(match["name"]) <= MAX_KEY:
                    self.definitions[key] = match["name"]
                    found[f"attribute {key}"] = key
                    self.index[f"attribute {key}"] = at
        self.attributes = found

    def _refuse_foreign(self) -> None:
        read = set(self.index.values())
        foreign = _comparable(name for at, name in enumerate(self.names) if at not in read)
        folded = {_fold(name) for name in self.names}
        if (
            "price" not in self.index
            and "location" in folded
            and any(name.startswith("onhand") for name in folded)
        ):
            raise UnreadableFile("file_is_inventory")
        missing: list[tuple[str, str]] = []
        lost = "handle" not in self.index or self.index.keys() <= {"handle", *_NAMES_A_VARIANT}
        for field, headings in COLUMNS.items():
            if field in self.index:
                continue
            name, likeness = _nearest(
                field, headings, foreign, _SIMILAR if field in REQUIRED else _VERY_SIMILAR
            )
            if name or field in REQUIRED:
                missing.append((headings[0], name))
            if name:
                del foreign[_fold(name)]
                lost |= field in REQUIRED or likeness == 1
        if lost:
            raise _headings_missing(missing, self.names)
        for heading, name in missing:
            if name:
                self.notes.append(ImportNote(0, "unread_column", f"'{name}' (is it '{heading}'?)"))


_NAMES_A_VARIANT = (
    "sku",
    *(f"option{axis}_{part}" for axis in range(1, OPTIONS + 1) for part in ("name", "value")),
)
MAX_KEY = 120
"""Characters of an attribute's key and name."""


def known_headings() -> dict[str, str]:
    """Return every heading that a product file may have, by its folded form."""
    names = [name for headings in (COLUMNS | OWN_COLUMNS).values() for name in headings]
    return {_fold(name): name for name in reversed(names)}


def suggest_meanings(names: Iterable[str]) -> dict[str, str]:
    """Return which headings that are read the headings of a foreign file most likely mean; others are left out."""
    known = set(known_headings().values())
    foreign = _comparable(name for name in names if name not in known)
    found: dict[str, str] = {}
    for field, headings in (COLUMNS | OWN_COLUMNS).items():
        cutoff = _SIMILAR if field in REQUIRED else _VERY_SIMILAR
        name, _likeness_of_it = _nearest(field, headings, foreign, cutoff)
        if name:
            found[name] = headings[0]
            del foreign[_fold(name)]
    return found


def renamed(header: list[str], mapping: Mapping[str, str]) -> list[str]:
    """Return headings with those in place that a person said they mean; `mapping` has them by their folded forms."""
    return [mapping.get(fold_heading(name), name) for name in header]


def fold_heading(heading: str) -> str:
    """Return a heading as headings are compared when a person has said what they mean."""
    return clean_line(heading).casefold()


def _comparable(names: Iterable[str]) -> dict[str, str]:
    return {_fold(name): name for name in names if 0 < len(name) <= _LONGEST_HEADING}


def _fold(heading: str) -> str:
    return re.sub(r"[\W_]+", "", without_accents(heading).casefold())


def _likeness(wanted: str, found: str, cutoff: float) -> float:
    """Return how alike two folded headings are, from 0 to 1; 0 when that is surely below `cutoff`."""
    # 'Body' for 'Body (HTML)': a heading that is the other's beginning is nearer than its letters tell.
    if (
        wanted != found
        and min(len(wanted), len(found)) >= 4
        and (wanted.startswith(found) or found.startswith(wanted))
    ):
        return _VERY_SIMILAR
    if wanted != found:
        # What every heading of a variant begins with makes none of them like the other.
        wanted, found = (
            each.removeprefix("variant").removeprefix("product") or each for each in (wanted, found)
        )
        shared = min(len(wanted), len(found))
        if 2 * shared < cutoff * (len(wanted) + len(found)):
            return 0.0
        matcher = difflib.SequenceMatcher(None, wanted, found)
        return min(matcher.ratio(), 0.99) if matcher.quick_ratio() >= cutoff else 0.0
    return 1.0


def _nearest(
    field: str, headings: tuple[str, ...], foreign: dict[str, str], cutoff: float
) -> tuple[str, float]:
    """Return the heading that a field most likely has in the file, and how like it is to the right one."""
    for heading in headings:
        if _fold(heading) in foreign:
            return foreign[_fold(heading)], 1
    for word in SYNONYMS.get(field, "").split():
        for each in (word, f"product{word}", f"variant{word}", f"item{word}"):
            if each in foreign:
                return foreign[each], _SYNONYM
    for heading in headings:
        wanted = _fold(heading)
        likeness, name = max(
            ((_likeness(wanted, each, cutoff), foreign[each]) for each in foreign), default=(0.0, "")
        )
        if likeness >= cutoff:
            return name, likeness
    return "", 0.0


def _headings_missing(missing: list[tuple[str, str]], names: Iterable[str]) -> UnreadableFile:
    shown = list(names)
    return UnreadableFile(
        "shopify_headings_missing",
        renames=[f"'{near}' → '{heading}'" if near else f"'{heading}'" for heading, near in missing],
        found=[f"'{name}'" for name in shown[:_SHOWN]] + (["..."] if len(shown) > _SHOWN else []),
        options=" ".join(
            f'--map "{near or "HEADING"}={heading}"'
            for heading, near in missing
            if near or heading == missing[0][0]
        ),
    )

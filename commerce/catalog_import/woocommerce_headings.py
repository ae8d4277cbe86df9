"""The headings of a WooCommerce product export, which are in the language of the account that exported.

Headings are recognized by WooCommerce's own translations. A complete export in any other language is recognized by its
order, which never changes; where its weights and sizes stand proves the order. The cells are never translated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from commerce.catalog.text import without_accents

HEADINGS: dict[str, tuple[str, ...]] = {
    "id": ("ID",),
    "kind": ("Type", "Typ", "Tipo", "タイプ", "種類"),
    "sku": ("SKU", "Artikelnummer", "Artikelnummer (SKU)", "UGS", "COD", "REF", "Código SKU", "商品コード"),
    "barcode": (
        "GTIN, UPC, EAN, or ISBN",
        "GTIN, UPC, EAN oder ISBN",
        "GTIN, UPC, EAN ou ISBN",
        "GTIN, UPC, EAN o ISBN",
        "GTIN, UPC, EAN of ISBN",
        "GTIN, UPC, EAN または ISBN",
    ),
    "title": ("Name", "Nom", "Nombre", "Nome", "Naam", "名前", "商品名"),
    "published": (
        "Published",
        "Veröffentlicht",
        "Publié",
        "Publicado",
        "Pubblicato",
        "Gepubliceerd",
        "公開済み",
        "公開",
    ),
    "visibility": (
        "Visibility in catalog",
        "Catalog visibility",
        "Sichtbarkeit im Katalog",
        "Katalogsichtbarkeit",
        "Visibilité dans le catalogue",
        "Visibilidad en el catálogo",
        "Visibilità nel catalogo",
        "Zichtbaarheid in catalogus",
        "Visibilidade no catálogo",
        "カタログでの表示",
        "カタログの表示",
    ),
    "short": (
        "Short description",
        "Kurzbeschreibung",
        "Description courte",
        "Descripción corta",
        "Breve descrizione",
        "Descrizione breve",
        "Korte beschrijving",
        "Korte omschrijving",
        "Descrição curta",
        "Breve descrição",
        "簡単な説明",
        "商品の簡単な説明",
    ),
    "body": (
        "Description",
        "Beschreibung",
        "Descripción",
        "Descrizione",
        "Beschrijving",
        "Descrição",
        "説明",
    ),
    "sale_from": (
        "Date sale price starts",
        "Datum, an dem Angebotspreis beginnt",
        "Datum, an dem der Angebotspreis beginnt",
        "Angebotspreis gültig ab",
        "Date de début de promo",
        "Día en que empieza el precio rebajado",
        "Data di inizio prezzo in offerta",
        "Data inizio prezzo in offerta",
        "Startdatum actieprijs",
        "Data de início do preço promocional",
        "Data de preço promocional começa em",
        "セール価格の開始日",
    ),
    "sale_to": (
        "Date sale price ends",
        "Datum, an dem Angebotspreis endet",
        "Datum, an dem der Angebotspreis endet",
        "Angebotspreis gültig bis",
        "Date de fin de promo",
        "Día en que termina el precio rebajado",
        "Data di fine prezzo in offerta",
        "Data fine prezzo in offerta",
        "Einddatum actieprijs",
        "Data de fim do preço promocional",
        "Data de preço promocional termina em",
        "セール価格の終了日",
    ),
    "taxable": (
        "Tax status",
        "Steuerstatus",
        "État de la TVA",
        "Estado del impuesto",
        "Stato delle imposte",
        "Btw status",
        "Status do imposto",
        "Estado do imposto",
        "課税ステータス",
    ),
    "tax_class": (
        "Tax class",
        "Steuerklasse",
        "Classe de TVA",
        "Clase de impuesto",
        "Aliquota di imposta",
        "Classe di imposta",
        "Belastingklasse",
        "Classe de imposto",
        "税区分",
    ),
    "quantity": (
        "Stock",
        "Lager",
        "Bestand",
        "Lagerbestand",
        "Inventario",
        "Magazzino",
        "Voorraad",
        "Estoque",
        "在庫",
    ),
    "policy": (
        "Backorders allowed?",
        "Rückstände erlaubt?",
        "Lieferrückstände erlaubt?",
        "Autoriser les commandes de produits en rupture ?",
        "¿Permitir reservas de productos agotados?",
        "Abilita gli ordini arretrati?",
        "Nabestellingen toestaan?",
        "São permitidas encomendas?",
        "Encomendas permitidas?",
        "お取り寄せを許可する ?",
    ),
    "sale": (
        "Sale price",
        "Angebotspreis",
        "Tarif promo",
        "Prix promo",
        "Precio rebajado",
        "Prezzo in offerta",
        "Actieprijs",
        "Preço promocional",
        "セール価格",
    ),
    "price": (
        "Regular price",
        "Regulärer Preis",
        "Normaler Preis",
        "Tarif régulier",
        "Prix régulier",
        "Precio normal",
        "Precio regular",
        "Prezzo di listino",
        "Reguliere prijs",
        "Preço normal",
        "Preço regular",
        "標準価格",
        "通常価格",
    ),
    "categories": (
        "Categories",
        "Kategorien",
        "Catégories",
        "Categorías",
        "Categorie",
        "Categorieën",
        "Categorias",
        "カテゴリー",
        "商品カテゴリー",
    ),
    "tags": ("Tags", "Schlagwörter", "Étiquettes", "Etiquetas", "Tag", "タグ", "商品タグ"),
    "image": ("Images", "Bilder", "Imágenes", "Immagine", "Immagini", "Afbeeldingen", "Imagens", "画像"),
    "parent": (
        "Parent",
        "Übergeordnetes Produkt",
        "Übergeordnet",
        "Eltern",
        "Superior",
        "Genitore",
        "Hoofd",
        "Ascendente",
        "Principal",
        "親",
    ),
    "position": ("Position", "Posición", "Posizione", "Positie", "Posição", "位置"),
    "vendor": ("Brands", "Marken", "Marques", "Marcas", "Marchi", "Brand", "Merken", "ブランド"),
}
"""Headings by what they mean: those in English first, then in German, French, Spanish, Italian, Dutch, Portuguese and
Japanese, in every wording that exports are known to have."""
UNCATEGORIZED = frozenset(
    {
        "uncategorized",
        "uncategorised",
        "unkategorisiert",
        "non classé",
        "sin categorizar",
        "sin categoría",
        "senza categoria",
        "geen categorie",
        "sem categoria",
        "未分類",
    }
)
"""Where WooCommerce puts what has no category."""

_WEIGHT = re.compile(r"(weight|gewicht|poids|peso|重量|重さ).*")
UNIT = re.compile(r".*[(（](kg|g|lbs|oz)[)）]")
_ORDER = (
    *("id", "kind", "sku", "barcode", "title", "published", "featured", "visibility", "short", "body"),
    *(
        "sale_from",
        "sale_to",
        "taxable",
        "tax_class",
        "in_stock",
        "quantity",
        "low_stock",
        "policy",
        "individually",
    ),
    *("grams", "length", "width", "height", "reviews", "note", "sale", "price", "categories", "tags"),
    *(
        "shipping_class",
        "image",
        "download_limit",
        "download_expiry",
        "parent",
        "grouped",
        "upsells",
        "crosssells",
    ),
    *("external", "button", "position"),
)
_LATER = ("barcode", "low_stock")
"""Columns that older versions do not have."""
_TYPES = re.compile(r"(simple|variable|variation|grouped|external|virtual|downloadable|[a-z_-]+)(, ?[a-z]+)*")
_NUMBERED = re.compile(r"\D*?(\d+)\D*")
_DOWNLOAD = re.compile("download|telechargement|descarga|scarica|transferencia|ダウンロード|url")
_PARTS = {
    "global": re.compile("global|グローバル"),
    "default": re.compile("default|standard|defaut|defecto|predefinit|padrao|predefinid|デフォルト|既定"),
    "visible": re.compile("visib|visivel|sichtbar|zichtba|表示|可視"),
    "values": re.compile("value|wert|valeur|valor|valore|valut|waarde|値"),
}


def fold_woocommerce_heading(heading: str) -> str:
    """Return a heading as headings are compared: without case, accents, blanks before marks, and question marks."""
    plain = " ".join(without_accents(heading).casefold().replace("’", "'").split())
    return plain.strip("?¿ ").replace(" (", "(")


def find_columns(header: Sequence[str]) -> dict[str, int]:
    """Return where the fields stand in a file, as far as its headings tell."""
    names = [fold_woocommerce_heading(name) for name in header]
    index: dict[str, int] = {}
    for field, headings in HEADINGS.items():
        at = next(
            (
                names.index(fold_woocommerce_heading(each))
                for each in headings
                if fold_woocommerce_heading(each) in names
            ),
            None,
        )
        if at is not None and at not in index.values():
            index[field] = at
    weight = next((at for at, name in enumerate(names) if _WEIGHT.match(name) and UNIT.fullmatch(name)), None)
    if weight is not None:
        index["grams"] = weight
    return index


def find_by_order(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return where the fields stand in a complete export, by its order; empty when it is none.

    `rows` are some of the file's: what they hold must suit.
    """
    for left_out in ((), ("barcode",), ("low_stock",), _LATER):
        order = [field for field in _ORDER if field not in left_out]
        at = {field: place for place, field in enumerate(order)}
        if (
            len(header) >= len(order)
            and fold_woocommerce_heading(header[0]) == "id"
            and UNIT.fullmatch(fold_woocommerce_heading(header[at["grams"]]))
            and not UNIT.fullmatch(fold_woocommerce_heading(header[at["grams"] - 1]))
            and rows
            and all(_suits(row, at) for row in rows)
        ):
            return {field: place for field, place in at.items() if field in HEADINGS or field == "grams"}
    return {}


def _suits(row: Sequence[str], at: dict[str, int]) -> bool:
    def cell(field: str) -> str:
        return row[at[field]].strip().lower() if at[field] < len(row) else ""

    return (
        bool(_TYPES.fullmatch(cell("kind")))
        and cell("published") in ("", "-1", "0", "1")
        and cell("visibility") in ("", "visible", "catalog", "search", "hidden")
        and cell("taxable") in ("", "taxable", "shipping", "none")
    )


def find_attributes(header: Sequence[str], taken: Sequence[int]) -> tuple[dict[str, int], list[int]]:
    """Return where names, values and visibility of the numbered attributes stand, and their numbers."""
    groups: dict[int, list[int]] = {}
    for at, name in enumerate(header):
        folded = fold_woocommerce_heading(name)
        match = _NUMBERED.fullmatch(folded)
        if match and at not in taken and not folded.startswith("meta") and not _DOWNLOAD.search(folded):
            groups.setdefault(int(match[1]), []).append(at)
    index: dict[str, int] = {}
    for number, places in groups.items():
        found: dict[str, list[int]] = {}
        for at in places:
            folded = fold_woocommerce_heading(header[at])
            part = next((part for part, words in _PARTS.items() if words.search(folded)), "name")
            found.setdefault(part, []).append(at)
        if len(found.get("name", [])) > 1:  # words of a language that is not known here
            found = {part: [at] for part, at in zip(("name", "values", "visible"), places, strict=False)}
        for part in ("name", "values", "visible"):
            if part in found:
                index[f"attribute{number}_{part}"] = found[part][0]
    numbers = sorted(number for number in groups if f"attribute{number}_name" in index)
    return index, numbers

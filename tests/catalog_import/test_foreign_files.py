"""Files as people have them: loose quotes, foreign headings, other languages, codes that a spreadsheet has changed."""

import io
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.catalog.models import ImportMapping, Product, Variant
from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.mapping import BadMapping
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.catalog_import.woocommerce import WooFile
from commerce.csv_files import UnreadableFile
from commerce.db import atomic, db
from commerce.error_messages import describe
from commerce.inventory.adjustments import CatalogueStock
from commerce.tenants.models import Shop
from tests.catalog_import.sheets import more, mug, one, read, reasons, sheet, stream
from tests.catalog_import.test_import import counts, everything, product, run, stock

SMALL = "Handle,Title,Variant Price\r\n"
TODAY = date(2026, 6, 15)


# --- quoting and blank lines ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ('a ,"A"  ,4.00', "A"),
        ('a,"12" pipe",4.00', '12 pipe"'),
        ('a,12" pipe,4.00', '12" pipe'),
        ('a,"A"x,4.00', "Ax"),
        ('"a"\t,"A, B" ,"4.00" ', "A, B"),
    ],
)
def test_loose_quotes_are_read_as_spreadsheets_read_them(line: str, title: str) -> None:
    assert one(f"{SMALL}{line}\r\n").title == title


def test_loose_quotes_are_noted_with_their_row() -> None:
    file = open_catalogue(stream(f'{SMALL}b,B,1\r\na,"A"x,1\r\n'), "EUR", file_format="", today=TODAY)
    assert [(note.code, note.row) for note in file.notes] == [("loose_quotes", 3)]


def test_a_blank_before_a_quotation_mark_is_named_with_its_column() -> None:
    told = [reason for _, _, _, reason in reasons(f'{SMALL}a, "A, B",4.00\r\n')]
    assert any(
        "a blank stands before the opening quotation mark in the column 'Title'" in each for each in told
    )


@pytest.mark.parametrize("start", ["\r\n", ",,\r\n", "\ufeff\r\n\r\n", '"",""\r\n', "sep=,\r\n"])
def test_lines_above_the_headings_are_passed_over_and_counted(start: str) -> None:
    (found,) = read(f"{start}{SMALL}a,A,x\r\n")
    assert isinstance(found, RejectedProduct)
    assert found.rows == (start.count("\n") + 2,)


def test_a_separator_line_says_the_separator() -> None:
    assert one("sep=;\r\nHandle;Title;Variant Price\r\na;A;4,00\r\n").variants[0].price == 400


# --- codes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sku", ["4.00638E+12", "4,00638E+12", "4E+12", "4.00638e+12"])
def test_a_sku_that_a_spreadsheet_rounded_is_refused_with_the_reason(sku: str) -> None:
    ((row, column, value, reason),) = reasons(sheet(mug(Variant_SKU=sku)))
    assert (row, column, value) == (2, "Variant SKU", sku)
    assert "rounded" in reason


@pytest.mark.parametrize("sku", ["12E3", "1E5", "E+12", "A4.0E+12"])
def test_a_sku_that_only_looks_like_a_number_is_one(sku: str) -> None:
    assert one(sheet(mug(Variant_SKU=sku))).variants[0].sku == sku


def test_codes_that_are_kept_from_a_spreadsheet_as_formulas_are_read() -> None:
    variant = one(sheet(mug(Variant_SKU='="00123"', Variant_Barcode='="00456"'))).variants[0]
    assert (variant.sku, variant.barcode) == ("00123", "00456")


def test_a_rounded_barcode_never_replaces_the_right_one(in_shop: Shop) -> None:
    run(mug(Variant_Barcode="4006381333931"))
    report = run(mug(Variant_Barcode="4.00638E+12", Title="Cup"))
    assert db.session.scalar(select(Variant.barcode)) == "4006381333931"
    assert "mangled_barcode" in report.notes


# --- the same SKU twice -----------------------------------------------------------------------------

TEE = [
    mug(Handle="tee", Title="Tee", Option1_Name="Size", Option1_Value="S", Variant_SKU="TEE"),
    more("tee", Option1_Value="M", Variant_SKU="TEE", Variant_Price="1", Variant_Inventory_Qty="2"),
]


def test_a_sku_twice_is_refused_unless_the_owner_says_otherwise(in_shop: Shop) -> None:
    report = run(*TEE)
    assert counts(report).products == (0, 0, 0, 1)
    assert "--duplicate-sku blank" in report.errors[0].reason

    taken = run(*TEE, mug(Handle="other", Variant_SKU="TEE"), duplicate_sku="blank")

    assert counts(taken).products == (2, 0, 0, 0)
    assert taken.notes["duplicate_sku"].rows == [3, 4]
    assert stock() == {"TEE": 7, "tee-m": 2, "other": 7}
    before = everything()
    again = run(*TEE, mug(Handle="other", Variant_SKU="TEE"), duplicate_sku="blank")
    assert counts(again).products == (0, 0, 2, 0)
    assert everything() == before


def test_a_sku_of_the_shop_can_be_replaced_by_a_made_one(in_shop: Shop) -> None:
    run(mug())
    report = run(mug(Handle="cup"), duplicate_sku="blank")
    assert counts(report).products == (1, 0, 0, 0)
    assert set(db.session.scalars(select(Variant.sku))) == {"MUG", "cup"}
    assert counts(run(mug(Handle="cup"), duplicate_sku="blank")).products == (0, 0, 1, 0)


# --- headings ---------------------------------------------------------------------------------------


def test_the_price_is_suggested_and_not_what_only_looks_like_it() -> None:
    with pytest.raises(UnreadableFile) as refusal:
        read("Handle,Title,price,variantFacets\r\na,A,1,x\r\n")
    assert '--map "price=Variant Price"' in describe(refusal.value)
    assert "variantFacets'" not in describe(refusal.value).split("Headings found:")[0]


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [
        ("Product Name", "Title"),
        ("Preis", "Variant Price"),
        ("slug", "Handle"),
        ("Verkaufspreis", "Variant Price"),
    ],
)
def test_what_others_call_it_is_suggested(heading: str, meaning: str) -> None:
    names = {"Handle", "Title", "Variant Price"} - {meaning}
    with pytest.raises(UnreadableFile) as refusal:
        read(",".join([*sorted(names), heading]) + "\r\na,b,1\r\n")
    assert f'--map "{heading}={meaning}"' in describe(refusal.value)


def foreign(content: str, **options: Any) -> ImportReport:
    return import_catalogue(
        stream(content),
        file_name="own.csv",
        stock=CatalogueStock(),
        actor="system",
        missing_stock="zero",
        **options,
    )


def test_a_mapping_is_confirmed_once_and_remembered(in_shop: Shop, other_shop: Shop) -> None:
    own = "slug,Name,price,qty\r\nmug,Mug,12.50,3\r\n"
    mapping = {"slug": "handle", "Name": "Title", "PRICE": "Variant Price", "qty": "Variant Inventory Qty"}
    assert counts(foreign(own, mapping=mapping, dry_run=True)).products == (1, 0, 0, 0)
    with pytest.raises(UnreadableFile):
        foreign(own)  # a dry run remembers nothing

    report = foreign(own, mapping=mapping)
    assert (counts(report).products, stock()) == ((1, 0, 0, 0), {"mug": 3})
    again = foreign(own.replace("12.50", "13.00"))
    assert [change.after for change in again.changes] == ["13.00"]
    assert "'price' as 'Variant Price'" in again.notes["mapped"].details[0]

    from commerce.tenants.scope import shop_scope

    with shop_scope(other_shop), pytest.raises(UnreadableFile):
        foreign(own)
    with pytest.raises(UnreadableFile):
        foreign(
            own, mapping={"price": ""}
        )  # forgotten for this file, and kept for the next while nothing came in
    assert len(list(db.session.scalars(select(ImportMapping.heading)))) == 4


def test_a_mapping_that_means_nothing_is_refused(in_shop: Shop) -> None:
    for mapping in ({"cost": "Variant Price"}, {"price": "Variant Weight"}):
        with pytest.raises(BadMapping):
            foreign("Handle,Title,price\r\na,A,1\r\n", mapping=mapping)


def test_the_command_takes_mappings_answers_and_json_files(app: Flask, in_shop: Shop, tmp_path: Any) -> None:
    file, mapping = tmp_path / "own.csv", tmp_path / "map.json"
    file.write_text("slug,Name,price\r\nmug,Mug,12.50\r\n")
    mapping.write_text('{"slug": "Handle", "Name": "Title"}')

    def command(*options: str) -> Any:
        arguments = ["catalog", "import", str(file), "--tenant", "demo", *options]
        return app.test_cli_runner().invoke(args=arguments)

    refused = command("--map", str(mapping), "--map", "price=Variant Price")
    assert refused.exit_code == 2
    assert "--missing-stock zero" in refused.output
    done = command("--map", str(mapping), "--map", "price=Variant Price", "--missing-stock", "zero")
    assert (done.exit_code, "1 imported" in done.output) == (0, True), done.output
    assert command("--map", "nonsense").exit_code == 2
    assert command("--set-stock").exit_code == 2


# --- WooCommerce ------------------------------------------------------------------------------------

ENGLISH = {
    "ID": "7", "Type": "simple", "SKU": "TEA", "Name": "Tea", "Published": "1", "Is featured?": "0",
    "Visibility in catalog": "visible", "Short description": "", "Description": "Green.", "Date sale price starts": "",
    "Date sale price ends": "", "Tax status": "taxable", "Tax class": "", "In stock?": "1", "Stock": "4",
    "Low stock amount": "", "Backorders allowed?": "0", "Sold individually?": "0", "Weight (kg)": "0.5",
    "Length (cm)": "", "Width (cm)": "", "Height (cm)": "", "Allow customer reviews?": "1", "Purchase note": "",
    "Sale price": "", "Regular price": "4.50", "Categories": "Drinks", "Tags": "green", "Shipping class": "",
    "Images": "", "Download limit": "", "Download expiry days": "", "Parent": "", "Grouped products": "",
    "Upsells": "", "Cross-sells": "", "External URL": "", "Button text": "", "Position": "0",
    "Attribute 1 name": "Origin", "Attribute 1 value(s)": "Uji", "Attribute 1 visible": "1", "Attribute 1 global": "0",
}  # fmt: skip
OTHERS = {
    "de": 'ID,Typ,Artikelnummer,Name,Veröffentlicht,"Ist hervorgehoben?","Sichtbarkeit im Katalog",Kurzbeschreibung,'
    'Beschreibung,"Datum, an dem Angebotspreis beginnt","Datum, an dem Angebotspreis endet",Steuerstatus,Steuerklasse,'
    'Vorrätig?,Lager,"Geringe Lagermenge","Rückstände erlaubt?","Nur einzeln verkaufen?","Gewicht (kg)","Länge (cm)",'
    '"Breite (cm)","Höhe (cm)","Kundenbewertungen erlauben?","Hinweis zum Kauf",Angebotspreis,"Regulärer Preis",'
    'Kategorien,Schlagwörter,Versandklasse,Bilder,Download-Limit,"Ablauftage des Downloads","Übergeordnetes Produkt",'
    '"Gruppierte Produkte",Zusatzverkäufe,Cross-Sells,"Externe URL",Button-Text,Position,"Attribut 1 Name",'
    '"Attribut 1 Wert(e)","Attribut 1 sichtbar","Attribut 1 global"',
    "fr": "ID,Type,UGS,Nom,Publié,Mis en avant ?,Visibilité dans le catalogue,Description courte,Description,Date de "
    "début de promo,Date de fin de promo,État de la TVA,Classe de TVA,En stock ?,Stock,Montant de stock faible,"
    "Autoriser les commandes de produits en rupture ?,Vendre individuellement ?,Poids (kg),Longueur (cm),Largeur (cm),"
    "Hauteur (cm),Autoriser les avis clients ?,Note de commande,Tarif promo,Tarif régulier,Catégories,Étiquettes,"
    "Classe d’expédition,Images,Limite de téléchargement,Jours d’expiration du téléchargement,Parent,Groupes de "
    "produits,Produits suggérés,Ventes croisées,URL externe,Libellé du bouton,Position,Nom de l’attribut 1,Valeur(s) "
    "de l’attribut 1,Attribut 1 visible,Attribut 1 global",
    "es": "ID,Tipo,SKU,Nombre,Publicado,¿Está destacado?,Visibilidad en el catálogo,Descripción corta,Descripción,Día "
    "en que empieza el precio rebajado,Día en que termina el precio rebajado,Estado del impuesto,Clase de impuesto,"
    "¿Existencias?,Inventario,Cantidad de bajo inventario,¿Permitir reservas de productos agotados?,¿Vendido "
    "individualmente?,Peso (kg),Longitud (cm),Anchura (cm),Altura (cm),¿Permitir valoraciones de clientes?,Nota de "
    "compra,Precio rebajado,Precio normal,Categorías,Etiquetas,Clase de envío,Imágenes,Límite de descargas,Días de "
    "caducidad de la descarga,Superior,Productos agrupados,Ventas dirigidas,Ventas cruzadas,URL externa,Texto del "
    "botón,Posición,Nombre del atributo 1,Valor(es) del atributo 1,Atributo visible 1,Atributo global 1",
    "nl": 'ID,Type,Artikelnummer,Naam,Gepubliceerd,Uitgelicht?,"Zichtbaarheid in catalogus","Korte omschrijving",'
    'Beschrijving,"Startdatum actieprijs","Einddatum actieprijs","Btw status",Belastingklasse,"Op voorraad?",Voorraad,'
    '"Lage voorraad","Nabestellingen toestaan?","Wordt individueel verkocht?","Gewicht (kg)","Lengte (cm)",'
    '"Breedte (cm)","Hoogte (cm)","Klantbeoordelingen toestaan?",Aankoopnotitie,Actieprijs,"Reguliere prijs",'
    'Categorieën,Tags,Verzendklasse,Afbeeldingen,Downloadlimiet,"Dagen vervaltijd download",Hoofd,'
    '"Gegroepeerde producten",Upsells,Cross-sells,"Externe URL","Knop tekst",Positie,"Naam eigenschap 1",'
    '"Waarde eigenschap 1","Zichtbare eigenschap 1","Globale eigenschap 1"',
    "ja": "ID,タイプ,SKU,名前,公開済み,オススメですか ?,カタログでの表示,簡単な説明,説明,"
    "セール価格の開始日,セール価格の終了日,"
    "課税ステータス,税区分,在庫の有無,在庫,在庫量わずか,お取り寄せを許可する ?,"
    "個別に販売しますか ?,重量 (kg),長さ(cm),幅 (cm),"
    "高さ (cm),カスタマーレビューを許可しますか ?,注意事項,セール価格,標準価格,"
    "カテゴリー,タグ,配送クラス,画像,ダウンロード制限,"
    "ダウンロード有効期限日,親,セット販売商品,アップセル,クロスセル,外部 URL,"
    "ボタンのテキスト,位置,属性 1 名,属性 1 値,属性 1 表示,"
    "属性 1 グローバル",
    "unknown": ",".join(
        ["ID", *(f"xx{number}" for number in range(1, 18)), "Vikt (kg)", "L (cm)", "B (cm)", "H (cm)"]
        + [f"yy{number}" for number in range(22, 39)] + ["Egenskap 1 a", "Egenskap 1 b", "Egenskap 1 c", "Egenskap 1 d"]
    ),
}  # fmt: skip
"""Headings of complete exports, as accounts in these languages write them."""
PARTS = {
    "it": "Tipo,Nome,Pubblicato,Visibilità nel catalogo,Descrizione,Magazzino,Prezzo di listino",
    "pt": "Tipo,Nome,Publicado,Visibilidade no catálogo,Descrição,Estoque,Preço normal",
    "de": "Typ,Name,Veröffentlicht,Sichtbarkeit im Katalog,Beschreibung,Bestand,Regulärer Preis",
}


def woo(content: str) -> list[ParsedProduct | RejectedProduct]:
    file = open_catalogue(stream(content), "EUR", file_format="", today=TODAY)
    assert isinstance(file, WooFile)
    return list(file)


@pytest.mark.parametrize("language", OTHERS)
def test_a_complete_export_is_read_in_any_language(language: str) -> None:
    import csv

    line = io.StringIO()
    csv.writer(line).writerow(ENGLISH.values())
    (expected,) = woo(sheet(ENGLISH).decode())
    (found,) = woo(OTHERS[language] + "\r\n" + line.getvalue())
    assert found == expected
    assert isinstance(found, ParsedProduct)
    assert (found.variants[0].weight_grams, found.variants[0].quantity) == (500, 4)


@pytest.mark.parametrize("language", PARTS)
def test_some_columns_of_an_export_are_read_in_other_languages(language: str) -> None:
    (found,) = woo(f"{PARTS[language]}\r\nsimple,Tee,1,hidden,Gut,3,4.50\r\n")
    assert isinstance(found, ParsedProduct)
    assert (found.title, found.status, found.variants[0].price, found.variants[0].quantity) == (
        "Tee",
        "draft",
        450,
        3,
    )


def test_a_product_without_a_price_is_a_draft_until_somebody_gives_it_one(in_shop: Shop) -> None:
    file = sheet(ENGLISH | {"Regular price": ""}).decode()
    report = foreign(file)
    assert counts(report).products == (1, 0, 0, 0)
    assert "no_price" in report.notes
    assert product("tea").status == "draft"
    before = everything()
    assert counts(foreign(file)).products == (0, 0, 1, 0)
    assert everything() == before

    give_a_price()
    foreign(file.replace("Green.", "Black."))
    tea = product("tea")
    assert (tea.status, tea.variants[0].price, "Black" in tea.description_html) == ("active", 500, True)


@atomic
def give_a_price() -> None:
    tea = db.session.scalars(select(Product)).one()
    tea.status = "active"
    tea.variants[0].price = 500


@pytest.mark.parametrize(
    ("visibility", "status", "note"),
    [("hidden", "draft", "hidden"), ("search", "draft", "search_only"), ("catalog", "active", "lists_only"),
     ("visible", "active", None)],
)  # fmt: skip
@pytest.mark.parametrize("heading", ["Visibility in catalog", "Catalog visibility"])
def test_what_was_hidden_stays_hidden(heading: str, visibility: str, status: str, note: str | None) -> None:
    row = {name: cell for name, cell in ENGLISH.items() if name != "Visibility in catalog"}
    (found,) = woo(sheet(row | {heading: visibility}).decode())
    assert isinstance(found, ParsedProduct)
    assert (found.status, [each.code for each in found.notes]) == (status, [note] if note else [])

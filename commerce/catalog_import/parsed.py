"""What a reader hands on: products that are fit to be written, products that are not, and remarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from commerce.csv_files import ImportNote

ProductStatus = Literal["active", "draft", "archived"]

NOTES = {
    "cp1252": "The file is not UTF-8; it was read as Windows-1252. Check accents in the imported texts.",
    "delimiter": "The columns are separated by something other than a comma.",
    "repeated_column": "A column heading stands twice; its first column was read.",
    "unread_column": "A heading is close to one that is read, but not the same; it was ignored. Use --map to read it.",
    "loose_quotes": "Quotation marks do not follow the CSV standard; they were read as spreadsheets do. Check the row.",
    "mapped": "Headings are read as you said, now or in an earlier import.",
    "no_stock_column": "The file has no quantities. This is what was done instead, as you asked.",
    "no_rows": "The file has headings but no rows.",
    "untracked": "Stock was not tracked there. The quantity in the file, or else 0, becomes the stock here.",
    "no_quantity": "The file has no quantity for the new variant; its stock begins at 0.",
    "not_counted": "The file has no quantity for the new variant; it is sold without counting, as you asked.",
    "waiting_for_stock": "A draft until its stock is here: import the stock file, then this file again.",
    "oversold": "The quantity was below 0: more had been sold than there was. The stock here begins at 0.",
    "duplicate_sku": "The SKU is in use by another variant; this one got a SKU made from handle and options.",
    "no_price": "It has no price there, so it cannot be sold: it was taken in switched off or as a draft.",
    "description_image": "The description shows a picture; it was added to the product's pictures.",
    "lost_image": "The description shows a picture that cannot be fetched; it was left out.",
    "embedded": "The description embeds a video or a page of another site; it was left out.",
    "taxonomy": "The product category was not taken: the product has a type or categories of its own.",
    "unlisted": "Unlisted there: only who knows the address sees it. The product was taken in as a draft.",
    "search_only": "Shown by the search alone there; here is no such state. The product was taken in as a draft.",
    "lists_only": "Left out of the search there; here it is found by the search, too.",
    "language": "The headings are those of WooCommerce in another language.",
    "made_sku": "The SKU was empty; one was made from the handle and the option values.",
    "made_slug": "The handle does not suit an address; a slug was made from it.",
    "gift_card": "Gift cards are not sold here; the product was taken in as a draft.",
    "mangled_barcode": "A spreadsheet has rounded the barcode, so its digits are lost; it was left out.",
    "bad_image": "The picture's address is not http or https; it was left out.",
    "nothing": "The row holds neither a variant nor a picture.",
    "repeated_variant": "The row repeats a variant of an earlier row; only its picture was read.",
    "untaxed": "Sold without tax there; here it has the tax class 'exempt', taxed as standard until that has a rate.",
    "tax_class": "It has a tax class of its own, taxed as standard until that has a rate here.",
    "backorder": "Sold beyond its stock there: set on the stock page how many units may be promised here.",
    "sale_dates": "The sale price has dates; a price here has none. It was taken if it holds today, and stays.",
    "hidden": "Hidden from the lists there; the product was taken in as a draft.",
    "download": "Downloads cannot be delivered here; the product was taken in as a draft.",
    "external": "Sold on another site there; the product was taken in as a draft.",
    "any_value": "The variation stood for any value of an option; here it is a variant for each, with a stock of 0.",
    "shared_stock": "The variations shared one stock there; here each has its own, and begins with 0.",
    "variation_text": "The variation has a description of its own, which has no place here; it was left out.",
    "unseen_attribute": "An attribute that shoppers did not see was left out.",
    "compare_price": "The compare-at price is not above the price; it was left out.",
    "kept_variant": "The shop has variants of this product that the file does not name; they were kept.",
    "retired_variant": "The shop's variant no longer fits the product's options; it was switched off, not deleted.",
    "inactive_variant": "The variant is switched off in this shop; it was updated, and stays switched off.",
}
"""Every remark that a report can make, by code. A remark never stops a product."""


@dataclass(frozen=True, slots=True)
class RowError:
    """One reason why a product cannot be taken in. `row` counts as a spreadsheet does: headings are row 1."""

    row: int
    column: str
    value: str
    reason: str
    handle: str


@dataclass(frozen=True, slots=True)
class ParsedImage:
    """A picture's address and its text alternative; nothing has been fetched."""

    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class ParsedVariant:
    """One variant. Prices are integer minor units of the shop's currency, weights whole grams.

    `quantity` is None where the file says nothing about stock. `lacks` names the fields that the file has no column
    for: in a variant of the shop they stay as they are. `attributes` are facts by key; an empty one is to go.
    `made_sku` is what the variant gets when it has none of its own.
    """

    row: int
    sku: str
    sku_was_made: bool
    made_sku: str
    option_values: tuple[str, ...]
    price: int
    compare_at_price: int | None
    quantity: int | None
    tracked: bool
    backorder: bool
    weight_grams: int
    requires_shipping: bool
    tax_class: str
    barcode: str
    unit_cost: int | None
    attributes: tuple[tuple[str, str], ...]
    image_url: str
    active: bool
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedProduct:
    """One product with all its variants, judged and cleaned; every text is ready for the database.

    `source` names the shop system that the file came from, `categories` the names of its categories,
    `former_slugs` the addresses that it may have had. `lacks` names the fields that the file has no column for: in a
    product of the shop they stay as they are; `only_known` says why it cannot be made of what the file has. An
    attribute that is empty is to go. `status_with_price` is the status of a draft that is one for want of a price only.
    """

    source: str
    handle: str
    slug: str
    title: str
    description_html: str
    vendor: str
    product_type: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    status: ProductStatus
    seo_title: str
    seo_description: str
    option_names: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    variants: tuple[ParsedVariant, ...]
    images: tuple[ParsedImage, ...]
    rows: tuple[int, ...]
    notes: tuple[ImportNote, ...]
    former_slugs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    only_known: tuple[RowError, ...] = ()
    status_with_price: ProductStatus | None = None


@dataclass(frozen=True, slots=True)
class RejectedProduct:
    """A product that is left out as a whole, with every reason that was found."""

    handle: str
    rows: tuple[int, ...]
    errors: tuple[RowError, ...]

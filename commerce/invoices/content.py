"""What a document says, as JSON values: all of it, so that it reads the same in ten years, whatever changes meanwhile.

Which field answers which rule of the law is in docs/invoices.md. Amounts are minor units, moments ISO 8601 in UTC;
`timezone` is the zone in which their days are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from commerce.errors import InvalidValue
from commerce.invoices.ledger import CREDIT, FEE, ROUNDING, SHIPPING, Cell, Key, Ledger, add_up
from commerce.invoices.models import InvoiceDocument
from commerce.orders.models import Order
from commerce.tenants.models import Shop

FORMAT = 1
"""The shape of what is stored, so that a later one can still read it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true of an order when a document is made for it: money received or not, parcels sent by then."""

    paid: bool
    instructions: str
    shipped: Sequence[datetime]


def content_of(
    order: Order, parts: Ledger, earlier: Sequence[InvoiceDocument], shop: Shop, moment: Moment, *, sign: int
) -> dict[str, Any]:
    """Return what the document for these parts of an order says; `sign` is 1 for an invoice, -1 for a credit note."""
    lines = [_line(order, key, parts[key], earlier, sign) for key in _in_order(order, parts)]
    taxes = _taxes(order, lines)
    return {
        "format": FORMAT,
        "locale": order.locale,
        "timezone": shop.timezone,
        "shop": shop.name,
        "seller": dict(shop.seller),
        # A credit note is for whom its invoice was for: the order may name nobody any more.
        "buyer": earlier[-1].content["buyer"] if sign < 0 else _buyer(order),
        "order": order.code,
        "ordered_at": _iso(order.placed_at),
        "shipped_at": _iso(max(moment.shipped, default=None)),
        "paid_at": _iso(order.paid_at) if moment.paid and sign > 0 else "",
        "payment": order.payment_label,
        "instructions": "" if moment.paid or sign < 0 else moment.instructions,
        "prices_include_tax": order.prices_include_tax,
        "discounts": [
            each.label for each in order.adjustments if each.source_type == "promotion" and sign > 0
        ],
        "corrects": _corrected(lines) if sign < 0 else [],
        "lines": lines,
        "taxes": taxes,
        "net": sum(row["net"] for row in taxes),
        "tax": sum(line["tax"] for line in lines),
        "rounding": sum(line["gross"] for line in lines if _is_rounding(line)),
        "total": sum(line["gross"] for line in lines),
        "note": shop.invoice_note,
    }


def check_content(content: Mapping[str, Any]) -> None:
    """Raise InvalidValue for what no document of ours says: pages could not show it, nor sums be made of it."""
    try:
        Locale.parse(content["locale"].replace("-", "_"))
        ZoneInfo(content["timezone"])
        rows = [*content["lines"], *content["taxes"]]
        fits = (
            all(isinstance(content[name], str) for name in _TEXTS)
            and all(_is_amount(content[name]) for name in ("net", "tax", "rounding", "total"))
            and all(isinstance(value, str) for value in [*content["seller"].values(), *content["corrects"]])
            and all(isinstance(value, str) for value in [*content["discounts"], content["buyer"]["name"]])
            and isinstance(content["buyer"]["address"], dict)
            and all(_is_amount(row[name]) for row in rows for name in ("rate_ppm", "gross", "tax"))
            and all(_is_amount(row["net"]) and isinstance(row["label"], str) for row in content["taxes"])
            and all(_is_line(line) for line in content["lines"])
        )
        for name in ("ordered_at", "shipped_at", "paid_at"):
            if content[name]:
                datetime.fromisoformat(content[name])
    except (KeyError, TypeError, AttributeError, ValueError, UnknownLocaleError) as error:
        raise InvalidValue("content", "document_content_invalid") from error
    if not fits:
        raise InvalidValue("content", "document_content_invalid")


_TEXTS = ("shop", "order", "ordered_at", "shipped_at", "paid_at", "payment", "instructions", "note")


def _is_amount(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_line(line: Mapping[str, Any]) -> bool:
    return (
        all(isinstance(line[name], str) for name in ("part", "title", "sku", "options"))
        and all(line[name] is None or _is_amount(line[name]) for name in ("quantity", "unit_price"))
        and all(_is_amount(line[name]) for name in ("discount", "amount"))
        and all(isinstance(code, str) for code in line["invoices"])
    )


def _buyer(order: Order) -> dict[str, Any]:
    return {"name": order.name, "address": dict(order.shipping_address)}


def documented(documents: Iterable[InvoiceDocument]) -> Ledger:
    """Return what documents say together, by part and rate: invoices less credit notes."""
    return add_up(
        ((line["part"], line["rate_ppm"]), _cell(line) if document.sign > 0 else -_cell(line))
        for document in documents
        for line in document.content["lines"]
    )


def _cell(line: Mapping[str, Any]) -> Cell:
    return Cell(line["quantity"] or 0, line["gross"], line["tax"])


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def _is_rounding(line: Mapping[str, Any]) -> bool:
    """Tell whether a line rounds the payable amount: no price, and not taxable."""
    return line["part"] == ROUNDING and not line["rate_ppm"]


# --- lines -------------------------------------------------------------------------------------------


def _in_order(order: Order, parts: Ledger) -> list[Key]:
    """Return the keys as people expect them: lines, then shipping, fee, credits and rounding."""
    places = {line.id.hex: line.position for line in order.lines}
    after = {name: len(places) + number for number, name in enumerate(("", SHIPPING, FEE, CREDIT, ROUNDING))}
    return sorted(parts, key=lambda key: (places.get(key[0], after.get(key[0], len(places))), -key[1]))


def _line(
    order: Order, key: Key, cell: Cell, earlier: Sequence[InvoiceDocument], sign: int
) -> dict[str, Any]:
    part, rate = key
    amount = cell.gross if order.prices_include_tax else cell.gross - cell.tax
    named = _named(order, part, earlier)
    price = named.pop("unit_price")
    counted = bool(cell.units) and bool(price)
    return {
        "part": part,
        "rate_ppm": rate,
        **named,
        "quantity": cell.units or None,
        "unit_price": price if counted else None,
        "discount": price * cell.units - amount if counted else 0,
        "amount": amount,
        "gross": cell.gross,
        "tax": cell.tax,
        "invoices": _invoices_of(key, earlier) if sign < 0 else [],
    }


def _named(order: Order, part: str, earlier: Sequence[InvoiceDocument]) -> dict[str, Any]:
    """Return what a part is called: as the order names it or, when it was taken out, as the last document did."""
    line = next((each for each in order.lines if each.id.hex == part), None)
    if line is not None:
        found = {"title": line.title, "sku": line.sku, "options": line.options}
        return {**found, "unit_price": line.unit_price}
    titles = {SHIPPING: order.shipping_label, FEE: _fee_label(order), CREDIT: "", ROUNDING: ""}
    if part in titles:
        return {"title": titles[part], "sku": "", "options": "", "unit_price": 0}
    rows = (row for document in reversed(earlier) for row in document.content["lines"])
    former: Mapping[str, Any] = next((row for row in rows if row["part"] == part), {})
    return {
        **{name: former.get(name, "") for name in ("title", "sku", "options")},
        "unit_price": former.get("unit_price") or 0,
    }


def _fee_label(order: Order) -> str:
    return next((each.label for each in order.adjustments if each.source_type == "fee"), order.payment_label)


def _invoices_of(key: Key, earlier: Sequence[InvoiceDocument]) -> list[str]:
    """Return the invoices that a credited part is on; all of the order's for one that is on none."""
    invoices = [each for each in earlier if each.sign > 0]
    on = [
        each.code
        for each in invoices
        if any((row["part"], row["rate_ppm"]) == key for row in each.content["lines"])
    ]
    return on or [each.code for each in invoices]


def _corrected(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(code for line in lines for code in line["invoices"]))


# --- taxes -------------------------------------------------------------------------------------------


def _taxes(order: Order, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return net amount, tax and their sum by rate, the highest rate first."""
    taxed = [line for line in lines if not _is_rounding(line)]
    labels = _labels(order)
    found = []
    for rate in sorted({line["rate_ppm"] for line in taxed}, reverse=True):
        gross = sum(line["gross"] for line in taxed if line["rate_ppm"] == rate)
        tax = sum(line["tax"] for line in taxed if line["rate_ppm"] == rate)
        row = {
            "rate_ppm": rate,
            "label": labels.get(rate, ""),
            "net": gross - tax,
            "tax": tax,
            "gross": gross,
        }
        found.append(row)
    return found


def _labels(order: Order) -> dict[int, str]:
    """Return by rate what the order calls its tax."""
    found: dict[int, str] = {}
    for each in order.adjustments:
        if each.source_type == "tax":
            for line, share in zip(order.lines, each.shares, strict=False):
                if int(share):
                    found[line.tax_rate_ppm] = each.label
    return found

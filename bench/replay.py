"""Half a year of a real retailer, replayed: every invoice of a file becomes orders, and in the end no unit is missing.

`python -m bench.replay FILE [--lines N]`; the file has the format of the public data set "Online Retail", which
`bench/support/invoices.py` explains. Without a file one is made up. On PostgreSQL with fsync, or with `--sqlite`;
with `--api` orders are placed over JSON, as another shop system would, instead of by carts.

- A delivery of everything that the file ever sends out is received first, code by code.
- An invoice is an order: placed, paid, confirmed; processed and shipped when the next day begins. What is more than a
  cart line takes (999) becomes further orders.
- A cancellation gives back units of the customer's orders, the latest first: an order that has not left and of which
  nothing would be left is cancelled, everything else is a credit, its units freed or put back on the shelf. What
  no order explains (the file begins in the middle of the retailer's life) is booked by staff, with its cause.
- A negative line outside of a cancellation is a correction by staff: it is back on the shelf, whatever the clerk wrote.

Net units are therefore the sum of all quantities of the file. Carts are filled by one INSERT each; from then on
everything goes through the product's services. Customers are shared out over the threads, so that the invoices of each
stay in order, while all threads take from the same shelves.
"""

import secrets
import threading
import time
import uuid
import zlib
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

from flask import Flask
from sqlalchemy import func, select

from bench.support import report
from bench.support.invoices import (
    Invoice,
    carts_of,
    going_out,
    read_invoices,
    read_prices,
    sum_units,
    write_made_up,
)
from bench.support.json_door import JsonDoor, Placed, let_in, parts_of
from bench.support.shelves import Shelf, open_shelves
from bench.support.stage import ADDRESS, SHOP, Stage, postgres_stage, sqlite_stage
from commerce.cart.models import Cart, CartLine
from commerce.cart.queries import load_cart
from commerce.cart.services import new_shopper_key, shopper_hash
from commerce.checkout.quote import quote_cart
from commerce.checkout.services import place_order
from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import Busy
from commerce.events.outbox import Actor
from commerce.inventory.adjustments import book_movement
from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.orders.models import OrderLine
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.services import cancel_order, change_status
from commerce.orders.stock_check import check_stock
from commerce.payments.gateways.base import PaymentOutcome
from commerce.settlement.services import settle_payment
from commerce.shipping.services import ship_order
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

P = ParamSpec("P")
R = TypeVar("R")
GUEST = Actor("guest", request_id="replay")
BANK = Actor("gateway", "bank_transfer", "bank_transfer")
STAFF = Actor("staff", name="Replay")
MADE_UP_LINES = 3000
TRIES = 60
RETRY_AFTER = 1.0
"""Seconds, as the shop's answer says."""
BY_HAND = ("returned unmatched", "correction")
"""Causes of what staff book: for a cancellation that no order explains, and for the file's own corrections."""
DETAILS = {
    "email": "ann@example.com",
    "name": "Ann Buyer",
    "phone": "",
    "note": "",
    "shipping_method": "parcel",
    "payment_method": "bank_transfer",
    "address": ADDRESS,
}


def main() -> int:
    """Replay a file and compare every shelf with it; the exit code is 1 when one unit is not where it should be."""
    parser = report.arguments(__doc__ or "", seconds=0)
    parser.add_argument(
        "file", nargs="?", type=Path, help="invoices (.csv or .csv.gz); made up when left out"
    )
    parser.add_argument("--lines", type=int, help="only so many lines of the file")
    parser.add_argument("--threads", type=int, default=4, help="(default: %(default)s)")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument("--api", action="store_true", help="place orders over JSON")
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        path = options.file or Path(scratch) / "invoices.csv"
        if options.file is None:
            write_made_up(path, options.lines or MADE_UP_LINES)
        with sqlite_stage() if options.sqlite else postgres_stage() as stage:
            outcome = _on_stage(stage, path, options)
    database = "SQLite" if options.sqlite else "PostgreSQL with fsync"
    title = f"A retailer's invoices as orders, {database}, {options.threads} threads of one process"
    return report.publish(title, [outcome.row()], outcome.claims(), as_json=options.json)


def _on_stage(stage: Stage, path: Path, options: Namespace) -> "Books":
    app = stage.app()
    try:
        return replay(app, path, options.lines, options.threads, report.note, over_json=options.api)
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@dataclass(frozen=True)
class Books:
    """What the shop has done and has after a replay, beside what the file says. `units` by what moved them."""

    done: Counter[str]
    units: Mapping[str, int]
    net: int
    file_net: int
    wrong_shelves: tuple[str, ...]
    broken: tuple[str, ...]
    seconds: float

    def row(self) -> dict[str, Any]:
        """Return the figures for the table."""
        return {
            "what": "replayed",
            **self.done,
            "orders/s": self.done["orders"] / self.seconds,
            "seconds": self.seconds,
            **{f"units {name}": units for name, units in self.units.items()},
        }

    def claims(self) -> dict[str, bool]:
        """Return what must be true."""
        units = self.units
        left = units["received"] - units["sold"] + units["cancelled"] + units["restocked"] + units["booked"]
        return {
            f"net units {self.net:,} as in the file ({self.file_net:,})": self.net == self.file_net,
            f"every shelf has what the file leaves on it (wrong: {self.wrong_shelves[:5]})": not self.wrong_shelves,
            "received - sold + cancelled + restocked + booked is on hand": left == units["on hand"],
            "the ledger adds up to what is on hand": units["ledger"] == units["on hand"],
            f"stock check finds {len(self.broken)} broken rules": not self.broken,
        }


def replay(
    app: Flask,
    path: Path,
    lines: int | None,
    threads: int,
    say: Callable[[str], None] = lambda _text: None,
    *,
    over_json: bool = False,
) -> Books:
    """Replay the file's first `lines` (None: all) in the shop `demo`, which has no stock yet, and close the books."""
    invoices, prices = read_invoices(path, lines), read_prices(path, lines)
    going = going_out(invoices)
    say(f"{len(invoices)} invoices, {len(prices)} stock codes, {sum(going.values())} units to receive")
    shelves = _in_shop(app, open_shelves, prices, going)
    door = _in_shop(app, let_in, app) if over_json else None
    shares: list[list[Invoice]] = [[] for _ in range(threads)]
    for invoice in invoices:
        shares[zlib.crc32((invoice.customer or invoice.number).encode()) % threads].append(invoice)
    begun = time.perf_counter()
    failed = threading.Event()
    with ThreadPoolExecutor(threads) as pool:
        work = [pool.submit(_in_shop, app, Till(shelves, say, failed, door).work, share) for share in shares]
        done = sum((each.result() for each in work), Counter[str]())
    seconds = time.perf_counter() - begun
    return _in_shop(app, _close_books, done, shelves, going, sum_units(path, lines), seconds)


def _in_shop(app: Flask, do: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    with app.app_context():
        shop = get_shop_by_code(SHOP)
        db.session.remove()
        with shop_scope(shop):
            result = do(*args, **kwargs)
        db.session.remove()
        return result


# --- one thread ------------------------------------------------------------------------------------------


@dataclass
class Ordered:
    """An order, the day of its invoice, and the units by stock code that were not given back yet."""

    id: uuid.UUID
    day: str
    left: Counter[str]
    sent: bool = False


class Till:
    """Does the invoices of some customers, in their order."""

    def __init__(
        self,
        shelves: Mapping[str, Shelf],
        say: Callable[[str], None],
        failed: threading.Event,
        door: JsonDoor | None,
    ) -> None:
        self._shelves = shelves
        self._say = say
        self._failed = failed
        self._door = door
        self._done: Counter[str] = Counter()
        self._unsent: list[Ordered] = []
        self._bought: defaultdict[str, list[Ordered]] = defaultdict(list)

    def work(self, invoices: Sequence[Invoice]) -> Counter[str]:
        """Do the invoices, ship what is left, and return how often what was done; stop when another till failed."""
        try:
            for number, invoice in enumerate(invoices, start=1):
                if self._failed.is_set():
                    break
                self._do(invoice)
                if number % 500 == 0:
                    self._say(f"{number} of {len(invoices)} invoices, {invoice.day}: {dict(self._done)}")
            self._ship_before("9999")
        except BaseException:
            self._failed.set()
            raise
        return self._done

    def _do(self, invoice: Invoice) -> None:
        self._ship_before(invoice.day)
        for cart in carts_of({code: units for code, units in invoice.units.items() if units > 0}):
            for units in [cart] if self._door is None else parts_of(cart):
                self._sell(invoice, units)
        back = {code: -units for code, units in invoice.units.items() if units < 0}
        if back:
            self._take_back(invoice, back)

    def _sell(self, invoice: Invoice, units: dict[str, int]) -> None:
        if self._door is None:
            placed = self._place(units)
        else:
            once = f"{invoice.number}-{self._done['orders']}"
            placed = self._patiently(self._door.place, once, invoice.customer, units)
        money = PaymentOutcome("captured", placed.total, "USD", invoice.number)
        assert self._patiently(settle_payment, placed.payment_id, money, BANK) == "captured"
        ordered = Ordered(placed.id, invoice.day, Counter(units))
        self._unsent.append(ordered)
        if invoice.customer:
            self._bought[invoice.customer].append(ordered)
        self._done.update({"orders": 1, "order lines": len(units)})

    def _place(self, units: Mapping[str, int]) -> Placed:
        shopper = shopper_hash(new_shopper_key())
        _fill_cart(shopper, {self._shelves[code].variant_id: count for code, count in units.items()})
        cart = load_cart(shopper)
        assert cart is not None
        total = quote_cart(cart).totals.total
        placed = self._patiently(
            place_order,
            shopper=shopper,
            checkout_token=cart.checkout_token,
            cart_version=cart.version,
            shown_total=total,
            actor=GUEST,
        )
        assert placed.payment_id is not None
        return Placed(placed.id, placed.payment_id, total)

    def _ship_before(self, day: str) -> None:
        waiting = self._unsent
        self._unsent = [each for each in waiting if each.day >= day]
        for each in waiting:
            if each.day < day:
                self._patiently(change_status, each.id, "process", STAFF)
                self._patiently(ship_order, each.id, STAFF)
                each.sent = True

    def _take_back(self, invoice: Invoice, back: Mapping[str, int]) -> None:
        missing = Counter(back)
        if invoice.cancels:
            for each in reversed(self._bought[invoice.customer] if invoice.customer else ()):
                units = +(each.left & missing)
                if units:
                    missing -= units
                    self._give_back(each, units, invoice.number)
        cause = BY_HAND[0] if invoice.cancels else BY_HAND[1]
        for code, count in missing.items():
            self._patiently(
                book_movement,
                self._shelves[code].stock_item_id,
                count,
                cause=cause,
                actor="replay",
                reference=invoice.number,
            )
            self._done["booked by staff"] += 1

    def _give_back(self, ordered: Ordered, units: Counter[str], reason: str) -> None:
        whole = units == +ordered.left
        ordered.left -= units
        if whole and not ordered.sent:
            self._patiently(cancel_order, ordered.id, STAFF, reason=reason)
            self._unsent.remove(ordered)
            self._done["cancelled"] += 1
            return
        lines = db.session.execute(
            select(OrderLine.sku, OrderLine.id).where(OrderLine.order_id == ordered.id)
        ).all()
        wanted = {key: units[sku] for sku, key in lines if units[sku]}
        wish = RefundRequest(wanted, returned=True, restock=wanted) if ordered.sent else RefundRequest(wanted)
        self._patiently(credit_order, ordered.id, wish, STAFF, reason=reason)
        self._done["credits"] += 1

    def _patiently(self, do: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Try again when the shop is busy, as its answer asks for, and count that.

        In the first minute of a new database PostgreSQL believes that its tables are small and reads them whole.
        """
        for attempt in range(1, TRIES + 1):
            try:
                return do(*args, **kwargs)
            except Busy:
                self._done["busy"] += 1
                if attempt == TRIES:
                    raise
                time.sleep(RETRY_AFTER)
        raise AssertionError("unreachable")


@atomic
def _fill_cart(shopper: str, units: Mapping[uuid.UUID, int]) -> None:
    cart_id = new_id()
    cart = {
        "id": cart_id,
        "shopper_hash": shopper,
        "checkout_token": secrets.token_urlsafe(32),
        "details": DETAILS,
    }
    insert_rows(Cart, [cart])
    insert_rows(
        CartLine,
        [
            {"cart_id": cart_id, "variant_id": variant_id, "quantity": count, "price_seen": 0}
            for variant_id, count in units.items()
        ],
    )


# --- after the last invoice ------------------------------------------------------------------------------


def _close_books(
    done: Counter[str],
    shelves: Mapping[str, Shelf],
    going: Mapping[str, int],
    file_sums: Mapping[str, int],
    seconds: float,
) -> Books:
    """Compare every shelf with the sum of the file, and everything together with everything."""
    found = {
        row.id: (row.on_hand, row.reserved)
        for row in db.session.execute(select(StockItem.id, StockItem.on_hand, StockItem.reserved))
    }
    wrong = []
    for code, shelf in shelves.items():
        expected = (going.get(code, 0) - file_sums[code], 0)
        if found[shelf.stock_item_id] != expected:
            wrong.append(f"{code}: {found[shelf.stock_item_id]} on hand and reserved, expected {expected}")
    causes = select(StockMovement.cause, func.sum(StockMovement.delta)).group_by(StockMovement.cause)
    moved = Counter({row[0]: int(row[1]) for row in db.session.execute(causes)})
    reservations = select(func.sum(Reservation.released), func.sum(Reservation.restocked))
    released, restocked = db.session.execute(reservations).one()
    units = {
        "received": moved["received"],
        "sold": int(db.session.scalar(select(func.sum(OrderLine.quantity))) or 0),
        "cancelled": int(released),
        "restocked": int(restocked),
        "booked": sum(moved[cause] for cause in BY_HAND),
        "on hand": sum(on_hand for on_hand, _reserved in found.values()),
        "ledger": moved.total(),
    }
    broken = tuple(str(each) for each in check_stock())
    net = units["received"] - units["on hand"]
    return Books(done, units, net, sum(file_sums.values()), tuple(wrong), broken, seconds)


if __name__ == "__main__":
    raise SystemExit(main())

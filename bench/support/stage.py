"""What a benchmark runs on: a database of its own, a shop with products, and the real server in front of it.

PostgreSQL runs with fsync on, as in production. Ids of products, variants, stock and carts are made from numbers, so
that a program that only knows numbers (pgbench) can name them too.
"""

import contextlib
import hashlib
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from flask_migrate import upgrade

from commerce import clock
from commerce.cart.models import Cart, CartLine
from commerce.cart.services import shopper_hash
from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.catalog.search import index_products
from commerce.config import ROOT, Config
from commerce.db import atomic, db, insert_rows
from commerce.inventory.adjustments import default_location
from commerce.inventory.models import StockItem
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope
from tests.support import child
from tests.support.postgres import Databases, PostgresServer
from tests.support.server import LiveServer

SHOP = "demo"
BANK_DETAILS = "Please transfer the total to IBAN DE89 3704 0044 0532 0130 00."
"""A shop offers a bank transfer once it has said where to."""
STOCK = 1_000_000
BATCH = 500
SHELVES = ("Tea", "Teaware", "Books", "Home")
WORDS = (
    "amber alpine ancient bitter black blue bright clear cloud copper dawn deep dragon early east fine first flower"
    " forest garden gentle ginger gold grand green harbour hill honey iron island jasmine kettle lake late leaf light"
    " linen lotus lucky maple meadow mist moon morning mountain north oak ocean old orchid paper pearl pine plain quiet"
    " rain red river rose royal salt sand silver small snow soft south spring star stone summer sun sweet tall temple"
    " valley velvet violet warm white wild willow wind winter wood yellow"
)
ADDRESS = {
    "country_code": "US",
    "company_name": "",
    "street_address": "1600 Amphitheatre Parkway",
    "city": "Mountain View",
    "city_area": "",
    "country_area": "CA",
    "postal_code": "94043",
    "sorting_code": "",
}


def numbered_id(kind: str, number: int) -> uuid.UUID:
    """Return the id of the row `number` of a kind, as PostgreSQL's `md5(kind || number)::uuid` does."""
    return uuid.UUID(hashlib.md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest())


@dataclass
class Stage:
    """One empty shop on one database. `postgres` is None on SQLite."""

    url: str
    var: Path
    postgres: PostgresServer | None
    database: str
    owner_url: str = ""

    def app(self) -> Flask:
        """Return an application on this database, in this process."""
        from app import create_app

        config = Config(
            secret_key=secrets.token_hex(32),
            database_url=self.url,
            migration_database_url=self.owner_url,
            var=self.var,
            worker_thread=False,
            demo=False,
        )
        return create_app(config)

    def admin_url(self) -> str:
        """Return the address for the superuser of the PostgreSQL server."""
        assert self.postgres is not None, "SQLite has no superuser"
        return self.postgres.admin_url(self.database)

    @contextlib.contextmanager
    def served(
        self, *, processes: int = 2, threads: int = 4, limits: str = "off", **environment: str
    ) -> Iterator[LiveServer]:
        """Serve the shop by `flask serve`: gunicorn with threads, no worker in the server.

        As in development, because production refuses the test card and plain HTTP, which are measured; nothing else
        of it costs time.
        """
        server = LiveServer(
            self.url,
            self.var,
            COMMERCE_ENV="development",
            WORKER_THREAD="0",
            LIMITS=limits,
            WEB_PROCESSES=str(processes),
            WEB_THREADS=str(threads),
            **environment,
        )
        server.start()
        try:
            yield server
        finally:
            server.terminate()

    @contextlib.contextmanager
    def delivering(self) -> Iterator[int]:
        """Run `flask worker` beside the server and yield its pid: it writes the mails of the orders to files."""
        environment = {
            "DATABASE_URL": self.url,
            "VAR_DIR": str(self.var),
            "SECRET_KEY": secrets.token_hex(32),
            "COMMERCE_ENV": "development",
        }
        with (self.var / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                child.command([sys.executable, "-m", "flask", "--app", "app", "worker"]),
                cwd=ROOT,
                env=os.environ | environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


@contextlib.contextmanager
def sqlite_stage() -> Iterator[Stage]:
    """Yield a migrated, founded shop in a SQLite file on the disk."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-bench-", dir="/var/tmp"))
    try:
        stage = Stage(f"sqlite:///{folder / 'bench.db'}", folder / "var", None, "")
        _found(stage)
        yield stage
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgres_stage() -> Iterator[Stage]:
    """Yield a migrated, founded shop on a PostgreSQL server of our own with fsync on."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-bench-"))
    try:
        with PostgresServer(durable=True) as server:
            name = "bench"
            databases = Databases(server.url("postgres"), server.admin_url())
            stage = Stage(databases.create(name), folder / "var", server, name, databases.owner_url(name))
            _found(stage)
            yield stage
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _found(stage: Stage) -> None:
    stage.var.mkdir(parents=True)
    app = stage.app()
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        set_up_shop(
            code=SHOP,
            name="Lantern & Leaf",
            currency="USD",
            country="US",
            hosts=(f"{SHOP}.localhost",),
            taxes=(TaxRule("US", "standard", 100_000, "Tax"),),
            shipping=(ShippingRule("parcel", "Parcel", "3 to 5 days", ((("*",), 0, 500),)),),
            test_card=True,
            bank_details=BANK_DETAILS,
        )
        db.session.remove()
        db.engine.dispose()


@contextlib.contextmanager
def in_shop(stage: Stage) -> Iterator[Shop]:
    """Enter the shop in this process, to put rows into it."""
    app = stage.app()
    with app.app_context():
        shop = get_shop_by_code(SHOP)
        db.session.remove()
        with shop_scope(shop):
            yield shop
        db.session.remove()
        db.engine.dispose()


def put_up_products(stage: Stage, count: int, first: int = 0) -> None:
    """Put `count` products with one variant, one picture and plenty of stock on the shelves, by number."""
    with in_shop(stage):
        shelves = _shelves()
        location = _location()
        for start in range(first, first + count, BATCH):
            _put_up(range(start, min(start + BATCH, first + count)), shelves, location)
    if stage.postgres is not None:
        with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


@atomic
def _shelves() -> list[uuid.UUID]:
    ids = [numbered_id("category", number) for number in range(len(SHELVES))]
    if db.session.query(Category).count() == 0:
        rows = [
            {"id": each, "slug": name.lower(), "name": name} for each, name in zip(ids, SHELVES, strict=True)
        ]
        insert_rows(Category, rows)
    return ids


@atomic
def _location() -> uuid.UUID:
    return default_location()


@atomic
def _put_up(numbers: Sequence[int], shelves: Sequence[uuid.UUID], location: uuid.UUID) -> None:
    words_known = WORDS.split()
    products, images, variants, shelved, stock = [], [], [], [], []
    for number in numbers:
        dice = random.Random(number)
        product_id, variant_id = numbered_id("product", number), numbered_id("variant", number)
        words = [dice.choice(words_known) for _ in range(3)]
        products.append(
            {
                "id": product_id,
                "slug": product_slug(number),
                "title": " ".join(words).title(),
                "description_html": f"<p>{' '.join(dice.choice(words_known) for _ in range(60)).capitalize()}.</p>",
                "vendor": "Lantern & Leaf",
            }
        )
        images.append(
            {
                "product_id": product_id,
                "file": f"bench/{product_id.hex}.webp",
                "alt": " ".join(words),
                "width": 800,
                "height": 800,
            }
        )
        variants.append(
            {
                "id": variant_id,
                "product_id": product_id,
                "sku": f"SKU-{number:06d}",
                "price": dice.randrange(300, 9000, 5),
                "weight_grams": 100,
                "compare_at": None,
                "image_id": None,
            }
        )
        shelved.append({"product_id": product_id, "category_id": shelves[number % len(shelves)]})
        stock.append(
            {
                "id": numbered_id("stock", number),
                "variant_id": variant_id,
                "location_id": location,
                "on_hand": STOCK,
                "restocked_at": None,
            }
        )
    insert_rows(Product, products)
    insert_rows(ProductImage, images)
    insert_rows(Variant, variants)
    insert_rows(ProductCategory, shelved)
    insert_rows(StockItem, stock)
    index_products([numbered_id("product", number) for number in numbers])


def product_slug(number: int) -> str:
    """Return the address name of a numbered product."""
    return f"product-{number:06d}"


def cart_key(number: int) -> str:
    """Return the cookie of the browser whose cart has this number."""
    return hashlib.sha256(f"browser{number}".encode()).hexdigest()[:43]


def checkout_token(number: int) -> str:
    """Return the checkout token of a numbered cart, which PostgreSQL can compute too."""
    return hashlib.sha256(f"token{number}".encode()).hexdigest()


def prepare_carts(stage: Stage, lines: Sequence[tuple[int, int]], first: int, **details: Any) -> None:
    """Fill carts of two lines with all details entered: all that is left is to place the order.

    `lines[i]` are the numbers of the two products in cart `first + i`.
    """
    filled = {
        "email": "ann@example.com",
        "name": "Ann Buyer",
        "phone": "",
        "note": "",
        "shipping_method": "parcel",
        "payment_method": "bank_transfer",
        "address": ADDRESS,
        **details,
    }
    with in_shop(stage):
        prices = {row.id: row.price for row in db.session.query(Variant.id, Variant.price)}
        db.session.close()
        for start in range(0, len(lines), BATCH):
            _fill_carts(lines[start : start + BATCH], first + start, filled, prices)
    if stage.postgres is not None:
        with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE carts, cart_lines")


@atomic
def _fill_carts(
    lines: Sequence[tuple[int, int]], first: int, details: dict[str, Any], prices: dict[uuid.UUID, int]
) -> None:
    carts, cart_lines = [], []
    for number, products in enumerate(lines, start=first):
        cart_id = numbered_id("cart", number)
        carts.append(
            {
                "id": cart_id,
                "shopper_hash": shopper_hash(cart_key(number)),
                "checkout_token": checkout_token(number),
                "details": details,
                "created_at": clock.now(),
            }
        )
        for place, product in enumerate(products):
            variant_id = numbered_id("variant", product)
            cart_lines.append(
                {
                    "id": numbered_id(f"line{place}-", number),
                    "cart_id": cart_id,
                    "variant_id": variant_id,
                    "quantity": 1,
                    "price_seen": prices[variant_id],
                }
            )
    insert_rows(Cart, carts)
    insert_rows(CartLine, cart_lines)

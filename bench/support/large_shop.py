"""A shop of many years: a million orders of 200,000 customers, made by PostgreSQL itself from one placed order.

Rows are copied from real ones and only what differs is computed, so that they have every column that the product has.
Words are drawn from vocabularies in which, as in life, few are common and most are rare.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from bench.place_order import SHIPPING, prices_of
from bench.support import report
from bench.support.stage import (
    Stage,
    cart_key,
    checkout_token,
    in_shop,
    prepare_carts,
    put_up_products,
)
from commerce.cart.services import shopper_hash
from commerce.catalog.search import reindex_catalogue
from commerce.checkout.services import place_order
from commerce.events.outbox import Actor
from commerce.order_management.drafts import MARK

RETURNS, DRAFTS, CARTS, COUPONS, ENTRIES = 50_000, 5_000, 50_000, 100_000, 200_000
PRODUCTS_AT_FIRST = 8
"""Products that the application makes; all others are copies."""
PENDING = 20
"""One order in so many waits for its payment and holds its units."""

_WORDS = """
CREATE TEMP TABLE words AS SELECT n AS number, (
  SELECT string_agg(('{ba,de,ki,lo,mu,na,pe,ri,so,tu,va,we,zo,fi,ga,he}'::text[])
    [1 + (n::bigint * 7919 / (ARRAY[1, 16, 256, 4096])[place]) % 16], '')
  FROM generate_series(1, 3 + n % 2) place
) AS word FROM generate_series(0, 60000) n;
ALTER TABLE words ADD PRIMARY KEY (number);
CREATE FUNCTION pg_temp.dice(seed text) RETURNS float LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || substr(md5(seed), 1, 8))::bit(32)::bigint / 4294967296.0 $$;
CREATE FUNCTION pg_temp.word(seed text, known int) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT word FROM words WHERE number = floor(known ^ pg_temp.dice(seed))::int $$;
CREATE TEMP TABLE texts AS SELECT n AS number, (
  SELECT string_agg(pg_temp.word('text' || n || ' ' || place, 20000), ' ') FROM generate_series(1, 60) place
) AS words FROM generate_series(0, 1999) n;
CREATE TEMP TABLE people AS SELECT n AS number,
  initcap(pg_temp.word('given' || n, 2000) || ' ' || pg_temp.word('family' || n, 60000)) AS name
FROM generate_series(0, 49999) n;
ALTER TABLE texts ADD PRIMARY KEY (number);
ALTER TABLE people ADD PRIMARY KEY (number);
ANALYZE words; ANALYZE texts; ANALYZE people;
"""


def fill(stage: Stage, orders: int, skus: int, customers: int) -> None:
    """Fill the empty shop: half of the customers have an account. Then gather statistics."""
    put_up_products(stage, PRODUCTS_AT_FIRST)
    _place_models(stage)
    with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        connection.execute(_WORDS)
        report.note(f"{skus:,} products")
        _add_products(connection, skus - PRODUCTS_AT_FIRST)
        report.note(f"{customers:,} customers")
        _add_people(connection, customers)
        report.note(f"{orders:,} orders")
        _add_orders(connection, orders, skus, customers)
        report.note("returns, drafts, carts, coupons, entries of the log")
        _add_others(connection)
        connection.execute("ANALYZE")
    report.note("search words")
    with in_shop(stage):
        reindex_catalogue()
    with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
        report.note("statistics")
        connection.execute("VACUUM ANALYZE")


def _place_models(stage: Stage) -> None:
    prices = prices_of(stage, PRODUCTS_AT_FIRST)
    prepare_carts(stage, [(0, 1)], first=0)
    with in_shop(stage):
        place_order(
            shopper=shopper_hash(cart_key(0)),
            checkout_token=checkout_token(0),
            cart_version=1,
            shown_total=prices[0] + prices[1] + SHIPPING,
            actor=Actor("guest"),
        )
    prepare_carts(stage, [(2, 3)], first=1)


def copy_rows(
    connection: Any, table: str, count: int, fresh: Mapping[str, str], where: str = "true", begin: int = 1
) -> None:
    """Insert `count` copies of rows of a table: `n` is the number of the copy, `m` the row that is copied."""
    names = [
        row[0]
        for row in connection.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
            (table,),
        )
    ]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    values = sql.SQL(", ").join(
        sql.SQL(fresh[name]) if name in fresh else sql.Identifier("m", name) for name in names
    )
    connection.execute(
        sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM (SELECT * FROM {} WHERE {}) m, generate_series({}, {}) n"
        ).format(
            sql.Identifier(table),
            columns,
            values,
            sql.Identifier(table),
            sql.SQL(where),
            sql.Literal(begin),
            sql.Literal(begin + count - 1),
        )
    )


def _add_products(connection: Any, count: int) -> None:
    begin = PRODUCTS_AT_FIRST
    only_first = "id = md5('product0')::uuid"
    copy_rows(
        connection,
        "products",
        count,
        {
            "id": "md5('product' || n)::uuid",
            "slug": "'product-' || lpad(n::text, 6, '0')",
            "title": "initcap(concat_ws(' ', pg_temp.word('a' || n, 4000), pg_temp.word('b' || n, 4000),"
            " pg_temp.word('c' || n, 4000)))",
            "description_html": "'<p>' || (SELECT words FROM texts WHERE number = n % 2000) || '</p>'",
            "status": "CASE WHEN n % 20 = 0 THEN 'draft' WHEN n % 33 = 0 THEN 'archived' ELSE 'active' END",
            "published_at": "m.published_at - n * interval '1 minute'",
        },
        only_first,
        begin,
    )
    of_first = "product_id = md5('product0')::uuid"
    product = {"product_id": "md5('product' || n)::uuid"}
    copy_rows(
        connection, "product_images", count, {"id": "md5('picture' || n)::uuid", **product}, of_first, begin
    )
    copy_rows(
        connection,
        "variants",
        count,
        {
            "id": "md5('variant' || n)::uuid",
            "sku": "'SKU-' || lpad(n::text, 6, '0')",
            "price": "300 + n * 7 % 8000",
            **product,
        },
        of_first,
        begin,
    )
    copy_rows(
        connection,
        "product_categories",
        count,
        {"category_id": "md5('category' || n % 4)::uuid", **product},
        of_first,
        begin,
    )
    copy_rows(
        connection,
        "stock_items",
        count,
        {
            "id": "md5('stock' || n)::uuid",
            "variant_id": "md5('variant' || n)::uuid",
            "on_hand": "CASE WHEN n % 10 = 0 THEN n % 5 ELSE 1000000 END",
            "reserved": "CASE WHEN n % 15 = 0 THEN least(n % 5, 1) ELSE 0 END",
            "backorder_limit": "CASE WHEN n % 30 = 0 THEN 5 ELSE 0 END",
        },
        "id = md5('stock0')::uuid",
        begin,
    )


def _add_people(connection: Any, customers: int) -> None:
    connection.execute(
        "INSERT INTO members (tenant_id, id, email, name, password_hash, active, created_at, phone, confirmed_at)"
        " SELECT t.id, md5('member' || n)::uuid, 'person' || n || '@example.com',"
        " (SELECT name FROM people WHERE number = n %% 50000), 'x', true, now(),"
        " '', now() FROM tenants t, generate_series(1, %s) n",
        (customers // 2,),
    )


def _add_orders(connection: Any, orders: int, skus: int, customers: int) -> None:
    order, line = "md5('grown' || n)::uuid", "md5(m.id::text || n)::uuid"
    one_in = f"n % {PENDING} = 0"
    person = f"(n::bigint * 7919 % {customers} + 1)::int"
    placed = "m.placed_at - n * interval '40 seconds'"
    model = "(SELECT id FROM orders WHERE code NOT LIKE 'OLD-%' ORDER BY number LIMIT 1)"
    of_model = f"order_id = {model}"
    number = f"(n * 13 + ascii(right(m.order_line_id::text, 1))) % {skus}"
    copy_rows(
        connection,
        "orders",
        orders,
        {
            "id": order,
            "cart_id": "NULL",
            "number": "10000000 + n",
            "code": "'OLD-' || n",
            "token": "md5('token' || n) || md5('old' || n)",
            "email": f"'Person' || {person} || '@example.com'",
            "name": f"(SELECT name FROM people WHERE number = {person} % 50000)",  # noqa: S608 - a number
            "member_id": f"CASE WHEN {person} <= {customers // 2} THEN md5('member' || {person})::uuid END",
            "status": f"CASE WHEN {one_in} THEN 'pending' ELSE"
            " ('{completed,completed,completed,completed,confirmed,shipped,delivered,cancelled}'::text[])"
            "[1 + n % 8] END",
            "payment_status": f"CASE WHEN {one_in} THEN 'unpaid' ELSE 'paid' END",
            "placed_at": placed,
            "hold_expires_at": f"CASE WHEN {one_in} THEN now() + n * interval '1 second' END",
        },
        f"id = {model}",
    )
    for table, fresh in {
        "order_lines": {
            "id": line,
            "order_id": order,
            "shipped": f"CASE WHEN {one_in} THEN 0 ELSE m.quantity END",
        },
        "order_adjustments": {"id": line, "order_id": order},
        "payments": {"id": line, "order_id": order, "state": "'captured'", "captured": "m.amount"},
        "reservations": {
            "id": line,
            "order_id": order,
            "order_line_id": "md5(m.order_line_id::text || n)::uuid",
            "stock_item_id": f"md5('stock' || {number})::uuid",
            "state": f"CASE WHEN {one_in} THEN 'held' ELSE 'deducted' END",
            "deducted": f"CASE WHEN {one_in} THEN 0 ELSE m.quantity END",
        },
    }.items():
        report.note(f"  {table}")
        copy_rows(connection, table, orders, fresh, of_model)
    report.note("  events")
    copy_rows(
        connection,
        "events",
        orders,
        {
            "id": line,
            "subject_id": order,
            "fanned_out": "true",
            "occurred_at": placed.replace("placed_at", "occurred_at"),
        },
        f"subject_id = {model}",
    )


def _add_others(connection: Any) -> None:
    connection.execute(
        "INSERT INTO return_requests (tenant_id, id, order_id, number, kind, whole, state, reason, answer, asked_by,"
        " created_at, updated_at) SELECT t.id, md5('return' || n)::uuid, md5('grown' || n)::uuid, 1, 'return', false,"
        " ('{requested,approved,received,closed,closed,closed,declined,withdrawn}'::text[])[1 + n %% 8],"
        " 'too small', '', 'guest', now() - n * interval '1 minute', now()"
        " FROM tenants t, generate_series(1, %s) n",
        (RETURNS,),
    )
    cart = {
        "id": "md5('open cart' || n)::uuid",
        "shopper_hash": "md5('shopper' || n) || md5('old' || n)",
        "checkout_token": "md5('checkout' || n) || md5('old' || n)",
        "updated_at": "m.updated_at - n * interval '1 minute'",
    }
    model = "status = 'open' AND draft_by = ''"
    line = {"id": "md5('cart line' || n || m.id)::uuid", "cart_id": cart["id"]}
    [(open_cart,)] = connection.execute(f"SELECT id FROM carts WHERE {model}").fetchall()  # noqa: S608 - of our own
    copy_rows(connection, "carts", CARTS, cart, f"id = '{open_cart}'")
    copy_rows(connection, "cart_lines", CARTS, line, f"cart_id = '{open_cart}'")
    draft = {"draft_by": "'Bob'", "shopper_hash": f"'{MARK}' || md5('draft' || n)"}
    begin = CARTS + 1
    draft |= {"checkout_token": cart["checkout_token"], "id": cart["id"], "updated_at": cart["updated_at"]}
    copy_rows(connection, "carts", DRAFTS, draft, f"id = '{open_cart}'", begin)
    copy_rows(connection, "cart_lines", DRAFTS, line, f"cart_id = '{open_cart}'", begin)
    connection.execute(
        "INSERT INTO promotions (tenant_id, id, label, kind, percent_ppm, amount, buy_quantity, get_quantity, scope,"
        " targets, min_subtotal, skip_reduced, needs_code, combines, position, enabled, version, created_at)"
        " SELECT id, md5('promotion')::uuid, 'Friends', 'percentage', 100000, 0, 0, 0, 'all', '[]', 0, false, true,"
        " true, 0, true, 1, now() FROM tenants"
    )
    connection.execute(
        "INSERT INTO coupons (tenant_id, id, promotion_id, code, used, enabled, created_at)"
        " SELECT t.id, md5('coupon' || n)::uuid, md5('promotion')::uuid, upper(substr(md5('coupon' || n), 1, 12)), 0,"
        " true, now() FROM tenants t, generate_series(1, %s) n",
        (COUPONS,),
    )
    connection.execute(
        "INSERT INTO audit_entries (tenant_id, id, occurred_at, actor_kind, actor_id, actor_name, action, subject,"
        " changes, address, request_id) SELECT t.id, md5('entry' || n)::uuid, now() - n * interval '1 minute', 'staff',"
        " 'staff' || n %% 20, 'Bob', ('{order_status,product_save,stock_adjust,coupon_create}'::text[])[1 + n %% 4],"
        " 'OLD-' || n, '{}', '127.0.0.1', '' FROM tenants t, generate_series(1, %s) n",
        (ENTRIES,),
    )

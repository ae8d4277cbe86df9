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
CREDITED = 50
"""One order in so many was given back in part."""
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
CREATE FUNCTION pg_temp.timed(seed text, at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(seed), 1, 3) || '8'
  || substr(md5(seed), 4, 15))::uuid $$;
CREATE FUNCTION pg_temp.coded(kind text, value text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT kind || encode(convert_to(lower(value), 'UTF8'), 'hex') $$;
CREATE TEMP TABLE texts AS SELECT n AS number, (
  SELECT string_agg(pg_temp.word('text' || n || ' ' || place, 20000), ' ') FROM generate_series(1, 60) place
) AS words FROM generate_series(0, 1999) n;
CREATE TEMP TABLE people AS SELECT n AS number,
  initcap(pg_temp.word('given' || n, 2000) || ' ' || pg_temp.word('family' || n, 60000)) AS name
FROM generate_series(0, 49999) n;
ALTER TABLE people ADD COLUMN parts text;
UPDATE people SET parts = (
  SELECT string_agg(DISTINCT 'w' || substr(part, start), ' ')
  FROM unnest(string_to_array(lower(name), ' ')) part, generate_series(1, greatest(1, length(part) - 2)) start
);
ALTER TABLE texts ADD PRIMARY KEY (number);
ALTER TABLE people ADD PRIMARY KEY (number);
ANALYZE words; ANALYZE texts; ANALYZE people;
"""


_MOMENTS = """
DO $do$ BEGIN EXECUTE format(
  'CREATE FUNCTION pg_temp.placed(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
  $$ SELECT %L::timestamptz - n * interval ''40 seconds'' $$', (SELECT max(placed_at) FROM orders));
END $do$
"""
"""When order `n` was placed: one every 40 seconds, back into the past."""


def fill(stage: Stage, orders: int, skus: int, customers: int) -> None:
    """Fill the empty shop: half of the customers have an account. Then gather statistics."""
    put_up_products(stage, PRODUCTS_AT_FIRST)
    _place_models(stage)
    with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        connection.execute(_WORDS)
        connection.execute(_MOMENTS)
        report.note(f"{skus:,} products")
        _add_products(connection, skus - PRODUCTS_AT_FIRST)
        report.note(f"{customers:,} customers")
        _add_people(connection, customers)
        report.note(f"{orders:,} orders")
        _add_orders(connection, orders, skus, customers)
        report.note("words of orders")
        _index_orders(connection)
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
    """Add orders, every 40 seconds back into the past; their ids grow with time, as the product's own do."""
    placed, order = "pg_temp.placed(n)", "pg_temp.timed('grown' || n, pg_temp.placed(n))"
    line = "pg_temp.timed(m.id::text || n, pg_temp.placed(n))"
    of_line = "pg_temp.timed(m.order_line_id::text || n, pg_temp.placed(n))"
    one_in = f"n % {PENDING} = 0"
    person = f"(n::bigint * 7919 % {customers} + 1)::int"
    model = "(SELECT id FROM orders WHERE code NOT LIKE 'OLD-%' ORDER BY number LIMIT 1)"
    of_model = f"order_id = {model}"
    country = "(ARRAY['US', 'US', 'US', 'CA', 'DE', 'GB', 'FR', 'AT'])[1 + n % 8]"

    def sold(which: str) -> str:
        """Return the number of the product: few sell well, and most sell now and then."""
        return f"floor({skus} ^ pg_temp.dice({which}::text || n))::int"

    product = sold("m.id")
    product_id = f"md5('product' || {product})::uuid"
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
            "shipping_address": f"jsonb_set(m.shipping_address::jsonb, '{{country_code}}', to_jsonb({country}))",
            "payment_method": "CASE WHEN n % 3 = 0 THEN 'test_card' ELSE m.payment_method END",
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
            "product_id": product_id,
            "variant_id": f"md5('variant' || {product})::uuid",
            "sku": f"'SKU-' || lpad({product}::text, 6, '0')",
            "title": f"(SELECT title FROM products p WHERE p.tenant_id = m.tenant_id AND p.id = {product_id})",  # noqa: S608 - of our own
            "shipped": f"CASE WHEN {one_in} OR n % 8 = 4 THEN 0 ELSE m.quantity END",
        },
        "order_adjustments": {"id": line, "order_id": order},
        "payments": {
            "id": line,
            "order_id": order,
            "state": "'captured'",
            "captured": "m.amount",
            "created_at": placed,
        },
        "reservations": {
            "id": line,
            "order_id": order,
            "order_line_id": of_line,
            "stock_item_id": f"md5('stock' || {sold('m.order_line_id')})::uuid",
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
        {"id": line, "subject_id": order, "fanned_out": "true", "occurred_at": placed},
        f"subject_id = {model}",
    )
    report.note("  credits")
    connection.execute(_CREDITS)


_CREDITS = f"""
CREATE TEMP TABLE given_back AS SELECT o.tenant_id, o.id AS order_id, l.id AS line_id, l.amount, l.tax_amount,
  p.id AS payment_id, o.placed_at + interval '9 days' AS at
FROM orders o JOIN order_lines l ON l.tenant_id = o.tenant_id AND l.order_id = o.id AND l.position = 1
JOIN payments p ON p.tenant_id = o.tenant_id AND p.order_id = o.id
WHERE o.number > 10000000 AND o.number % {CREDITED} = 1 AND o.status <> 'cancelled'
  AND o.placed_at < now() - interval '9 days';
INSERT INTO credits (tenant_id, id, order_id, number, amount, shipping_amount, tax_amount, reason, actor, created_at)
SELECT tenant_id, pg_temp.timed('credit' || line_id, at), order_id, 1, amount, 0, tax_amount, 'too small', 'Bob', at
FROM given_back;
INSERT INTO credit_lines (tenant_id, id, credit_id, order_line_id, quantity, restocked, amount, tax_amount)
SELECT tenant_id, pg_temp.timed('part' || line_id, at), pg_temp.timed('credit' || line_id, at), line_id, 1, 1, amount,
  tax_amount FROM given_back;
INSERT INTO refunds (tenant_id, id, order_id, payment_id, credit_id, amount, reason, state, reference, failure,
  created_at, settled_at)
SELECT tenant_id, pg_temp.timed('refund' || line_id, at), order_id, payment_id,
  pg_temp.timed('credit' || line_id, at), amount, 'too small', 'succeeded', '', '', at, at FROM given_back;
UPDATE orders SET credited_amount = g.amount, payment_status = 'partially_refunded' FROM given_back g
WHERE orders.tenant_id = g.tenant_id AND orders.id = g.order_id;
UPDATE order_lines SET credited = 1, credited_amount = g.amount, credited_tax = g.tax_amount FROM given_back g
WHERE order_lines.tenant_id = g.tenant_id AND order_lines.id = g.line_id;
"""  # noqa: S608 - a number of our own


def _index_orders(connection: Any) -> None:
    """Write what a search of orders finds: the words of `commerce.orders.search`, the index after them."""
    connection.execute(_ORDER_WORDS)


_ORDER_WORDS = """
DROP INDEX ix_order_search_words;
INSERT INTO order_search (tenant_id, order_id, words)
SELECT o.tenant_id, o.id, to_tsvector('simple', concat_ws(' ',
  'n' || o.number, pg_temp.coded('c', o.shipping_address ->> 'country_code'), p.parts,
  'wold', 'w' || (o.number - 10000000), 'wold' || (o.number - 10000000),
  'w' || lower(split_part(o.email, '@', 1)), 'w' || lower(split_part(o.email, '@', 1)) || 'examplecom',
  'wexample', 'wcom', 'wmountain', 'wview', 'w94043',
  l.words, 'o' || replace(o.id::text, '-', '')))
FROM orders o JOIN people p ON p.number = substr(split_part(o.email, '@', 1), 7)::int % 50000,
LATERAL (
  SELECT string_agg(pg_temp.coded('s', sku) || ' w' || replace(lower(title), ' ', ' w')
    || ' wsku w' || substr(sku, 5) || ' wsku' || substr(sku, 5), ' ') AS words
  FROM order_lines l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id
) l
WHERE o.code LIKE 'OLD-%';
CREATE INDEX ix_order_search_words ON order_search USING gin (words);
"""


def _add_others(connection: Any) -> None:
    connection.execute(
        "INSERT INTO return_requests (tenant_id, id, order_id, number, kind, whole, state, reason, answer, asked_by,"
        " created_at, updated_at) SELECT t.id, md5('return' || n)::uuid,"
        " pg_temp.timed('grown' || n, pg_temp.placed(n)), 1, 'return', false,"
        " ('{requested,approved,received,closed,closed,closed,declined,withdrawn}'::text[])[1 + n %% 8],"
        " 'too small', '', 'guest', now() - n * interval '1 minute', now()"
        " FROM tenants t, generate_series(1, %s) n",
        (RETURNS,),
    )
    begun = "pg_temp.placed(n)"
    cart = {
        "id": f"pg_temp.timed('open cart' || n, {begun})",
        "shopper_hash": "md5('shopper' || n) || md5('old' || n)",
        "checkout_token": "md5('checkout' || n) || md5('old' || n)",
        "updated_at": begun,
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

"""Find orders by everything that is known of them; tags and assignments of orders; saved views of lists

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from commerce.orders.search import words_of

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# As in product_search: only a condition of a policy is compared before row security, and can use the index of words.
POLICY = """
CREATE POLICY searched ON order_search AS RESTRICTIVE FOR SELECT
USING (words @@ to_tsquery('simple', coalesce(current_setting('lockstep.order_words', true), '')))
"""
NEW = ("order_tags", "order_assignments", "saved_views")
READ = ("orders", "order_lines", "coupon_uses", "coupons", "events", "shipments")
BATCH = 500
NAMES = (
    "tenant_id",
    "id",
    "number",
    "code",
    "email",
    "name",
    "customer_reference",
    "phone",
    "note",
    "shipping_address",
)
ORDERS = sa.table(
    "orders",
    *(sa.column(name, sa.Uuid()) for name in NAMES[:2]),
    sa.column("number", sa.BigInteger()),
    *(sa.column(name, sa.Text()) for name in NAMES[3:-1]),
    sa.column("shipping_address", sa.JSON()),
)


def upgrade() -> None:
    op.create_table(
        "order_tags",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name=op.f("fk_order_tags_tenant_id_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_order_tags")),
        sa.UniqueConstraint(
            "tenant_id", "order_id", "tag", name=op.f("uq_order_tags_tenant_id_order_id_tag")
        ),
    )
    op.create_index("ix_order_tags_tag", "order_tags", ["tenant_id", "tag"])
    op.create_table(
        "order_assignments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name=op.f("fk_order_assignments_tenant_id_order_id_orders"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "staff_id"],
            ["staff_members.tenant_id", "staff_members.id"],
            name=op.f("fk_order_assignments_tenant_id_staff_id_staff_members"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_order_assignments")),
        sa.UniqueConstraint("tenant_id", "order_id", name=op.f("uq_order_assignments_tenant_id_order_id")),
    )
    op.create_index("ix_order_assignments_staff", "order_assignments", ["tenant_id", "staff_id"])
    op.create_table(
        "saved_views",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "staff_id"],
            ["staff_members.tenant_id", "staff_members.id"],
            name=op.f("fk_saved_views_tenant_id_staff_id_staff_members"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint(
            "tenant_id", "staff_id", "name", name=op.f("uq_saved_views_tenant_id_staff_id_name")
        ),
    )
    op.create_index("ix_orders_payment_status", "orders", ["tenant_id", "payment_status", "placed_at", "id"])
    op.create_index("ix_orders_method", "orders", ["tenant_id", "payment_method", "placed_at", "id"])
    op.create_index("ix_orders_total", "orders", ["tenant_id", "total", "id"])
    on_postgres = op.get_bind().dialect.name == "postgresql"
    _create_search(on_postgres)
    _fill_search(on_postgres)
    if on_postgres:
        for table in (*NEW, "order_search"):
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")
        op.execute(POLICY)


def downgrade() -> None:
    op.execute("DROP TABLE order_search")
    for index in ("ix_orders_total", "ix_orders_method", "ix_orders_payment_status"):
        op.drop_index(index, table_name="orders")
    for table in reversed(NEW):
        op.drop_table(table)


def _create_search(on_postgres: bool) -> None:
    if not on_postgres:
        op.execute(
            "CREATE VIRTUAL TABLE order_search USING fts5("
            'order_key, tenant_key, words, tokenize = "unicode61 remove_diacritics 0", prefix = "3 4")'
        )
        return
    op.create_table(
        "order_search",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", name="pk_order_search"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name="fk_order_search_tenant_id_order_id_orders",
            ondelete="CASCADE",
        ),
    )
    op.execute("CREATE INDEX ix_order_search_words ON order_search USING gin (words)")


def _fill_search(on_postgres: bool) -> None:
    """Write the text of each order that there is, in the order in which they were placed."""
    if on_postgres:
        # Row security is forced on the owner too and would hide every shop's rows.
        for table in READ:
            op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    connection, last = op.get_bind(), (-1, uuid.UUID(int=0))
    while True:
        rows = connection.execute(
            sa.select(*(ORDERS.c[name] for name in NAMES))
            .where(
                sa.or_(ORDERS.c.number > last[0], sa.and_(ORDERS.c.number == last[0], ORDERS.c.id > last[1]))
            )
            .order_by(ORDERS.c.number, ORDERS.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            break
        _write(connection, rows, on_postgres)
        last = (rows[-1].number, rows[-1].id)
    if on_postgres:
        for table in READ:
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _write(connection: sa.Connection, rows: Sequence[Any], on_postgres: bool) -> None:
    ids = [row.id for row in rows]

    def beside(statement: str) -> dict[Any, list[str]]:
        found: dict[Any, list[str]] = {}
        query = sa.text(statement).bindparams(sa.bindparam("ids", ids, expanding=True, type_=sa.Uuid()))
        for key, value in connection.execute(
            query.columns(sa.column("key", sa.Uuid()), sa.column("value", sa.Text()))
        ):
            found.setdefault(key, []).append(value or "")
        return found

    text_of = "payload ->> 'text'"
    skus = beside("SELECT order_id, sku FROM order_lines WHERE order_id IN :ids")
    titles = beside("SELECT order_id, title FROM order_lines WHERE order_id IN :ids")
    coupons = beside(
        "SELECT coupon_uses.order_id, coupons.code FROM coupon_uses JOIN coupons"
        " ON coupons.tenant_id = coupon_uses.tenant_id AND coupons.id = coupon_uses.coupon_id"
        " WHERE coupon_uses.order_id IN :ids"
    )
    notes = beside(
        f"SELECT subject_id, substr({text_of}, 1, 2000) FROM events"  # noqa: S608 - a constant
        " WHERE type = 'OrderNoteAdded' AND subject_id IN :ids"
    )
    parcels = beside("SELECT order_id, tracking_code FROM shipments WHERE order_id IN :ids")
    texts = [
        (
            row.tenant_id,
            row.id,
            words_of(
                row._asdict(),
                [{"sku": sku, "title": ""} for sku in skus.get(row.id, [])],
                coupons=coupons.get(row.id, ()),
                others=[*titles.get(row.id, []), *parcels.get(row.id, []), *notes.get(row.id, [])],
            ),
        )
        for row in rows
    ]
    if on_postgres:
        statement = sa.text(
            "INSERT INTO order_search (tenant_id, order_id, words) VALUES (:tenant, :id, to_tsvector('simple', :words))"
        )
        values = [
            {"tenant": tenant, "id": key, "words": f"{words} o{key.hex}"} for tenant, key, words in texts
        ]
    else:
        statement = sa.text(
            "INSERT INTO order_search (order_key, tenant_key, words) VALUES (:id, :tenant, :words)"
        )
        values = [
            {"tenant": f"t{tenant.hex}", "id": f"o{key.hex}", "words": words} for tenant, key, words in texts
        ]
    connection.execute(statement, values)

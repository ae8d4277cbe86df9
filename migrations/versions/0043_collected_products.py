"""Rows of collections without a foreign key to products: who writes many would wait for every product that is locked

Revision ID: 0043
Revises: 0042
"""

from __future__ import annotations

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

NAME = "fk_collection_products_tenant_id_product_id_products"


def upgrade() -> None:
    # Only this table is looked at: SQLAlchemy warns of indexes on expressions, which products have.
    with op.batch_alter_table("collection_products", reflect_kwargs={"resolve_fks": False}) as batch:
        batch.drop_constraint(op.f(NAME), type_="foreignkey")


def downgrade() -> None:
    op.execute(
        "DELETE FROM collection_products WHERE NOT EXISTS (SELECT 1 FROM products"
        " WHERE products.tenant_id = collection_products.tenant_id AND products.id = collection_products.product_id)"
    )
    with op.batch_alter_table("collection_products", reflect_kwargs={"resolve_fks": False}) as batch:
        batch.create_foreign_key(
            op.f(NAME), "products", ["tenant_id", "product_id"], ["tenant_id", "id"], ondelete="CASCADE"
        )

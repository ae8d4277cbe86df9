"""Let PostgreSQL find products by the index of their words, also under row security

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# What a statement asks for is compared only with rows that row security has let through, so no index of words helps:
# each search read all words of the shop. A condition of the policy itself comes first. It restricts what the policy of
# the shop shows and adds nothing; without words to look for nothing is seen.
POLICY = """
CREATE POLICY searched ON product_search AS RESTRICTIVE FOR SELECT
USING (words @@ to_tsquery('simple', coalesce(current_setting('lockstep.words', true), '')))
"""


TITLE = sa.text("lower(substr(title, 1, 80))")


def upgrade() -> None:
    op.create_index("ix_products_title", "products", ["tenant_id", TITLE, "id"])
    op.create_index("ix_products_title_of_status", "products", ["tenant_id", "status", TITLE, "id"])
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP INDEX ix_product_search_words")
    # The product's own word finds the row that is written anew.
    op.execute(
        "ALTER TABLE product_search ALTER words TYPE tsvector"
        " USING to_tsvector('simple', words || ' p' || replace(product_id::text, '-', ''))"
    )
    op.execute("CREATE INDEX ix_product_search_words ON product_search USING gin (words)")
    op.execute(POLICY)


def downgrade() -> None:
    op.drop_index("ix_products_title_of_status", table_name="products")
    op.drop_index("ix_products_title", table_name="products")
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP POLICY searched ON product_search")
    op.execute("DROP INDEX ix_product_search_words")
    op.execute(
        "ALTER TABLE product_search ALTER words TYPE text USING array_to_string(tsvector_to_array(words), ' ')"
    )
    op.execute(
        "CREATE INDEX ix_product_search_words ON product_search USING gin (to_tsvector('simple', words))"
    )

"""What asks the stock of single products looks at their variants alone, whatever else the shop has."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from commerce.catalog.tables import PRODUCTS
from commerce.db import TENANT, current_tenant_id, db
from commerce.inventory.availability import product_available, product_sold_out
from commerce.tenants.models import Shop


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("condition", [product_available, product_sold_out])
def test_sqlite_finds_stock_by_its_variant(in_shop: Shop, condition: Callable[[Any], Any]) -> None:
    statement = select(PRODUCTS.c.id).where(PRODUCTS.c.tenant_id == TENANT, condition(PRODUCTS.c.id))
    sql = str(
        statement.params(tenant=current_tenant_id()).compile(
            db.engine, compile_kwargs={"literal_binds": True}
        )
    )
    plan = [row.detail for row in db.session.connection().execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
    looks = [step for step in plan if "stock_items" in step]
    assert looks
    assert all("variant_id=?" in step for step in looks), plan

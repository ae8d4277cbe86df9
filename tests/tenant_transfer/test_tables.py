"""No table is forgotten when a shop moves: each goes along or stays for a reason, and no secret goes in the open."""

from sqlalchemy import Text

from commerce.db import Base, TenantOwned
from commerce.tenant_transfer.tables import LEFT_OUT, SEALED, shop_column, shop_tables

EVERY = {table.name: table for table in Base.metadata.sorted_tables}


def test_every_table_goes_along_or_is_left_out_for_a_reason() -> None:
    moved = [table.name for table in shop_tables()]
    assert set(moved) | set(LEFT_OUT) == set(EVERY)
    assert not set(moved) & set(LEFT_OUT)
    assert len(moved) == len(set(moved))
    for table in shop_tables():
        assert shop_column(table).name in ("id", "tenant_id")


def test_every_row_of_a_shop_moves_but_for_sessions_links_and_keys() -> None:
    owned = {
        mapper.local_table.name for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned)
    }
    assert owned & set(LEFT_OUT) == {
        "staff_sessions",
        "member_sessions",
        "email_proofs",
        "staff_invitations",
        "api_keys",
        "sign_in_throttles",
        "form_submissions",
        "bulk_plans",
        "bulk_rows",
        "sales_days",
        "sales_by",
        "sales_progress",
        "file_imports",
        "file_import_chunks",
        "file_import_parts",
    }


def test_a_table_comes_after_those_that_it_refers_to() -> None:
    place = {table.name: number for number, table in enumerate(shop_tables())}
    for table in shop_tables():
        for key in table.foreign_keys:
            if key.column.table is table:
                # Rows go in order of their ids, and what a row names in its own table was there before it.
                continue
            assert place[key.column.table.name] < place[table.name], (table.name, key.column.table.name)


def test_what_is_sealed_is_known_and_no_token_that_opens_anything_goes_along() -> None:
    for table in shop_tables():
        sealed = {
            c.name
            for c in table.columns
            if isinstance(c.type, Text) and ("sealed" in c.name or "secret" in c.name)
        }
        assert sealed == set(SEALED.get(table.name, ())), table.name
        assert "token_hash" not in table.c, table.name

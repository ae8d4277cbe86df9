"""Warehouses: where stock lies, in which order they are asked, and moving units between them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from commerce.db import atomic, current_tenant_id, db, insert_rows, new_id
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.inventory.adjustments import check_quantity
from commerce.inventory.models import Location, StockItem
from commerce.inventory.services import StockChanges

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def list_locations() -> Sequence[Location]:
    """Return the shop's locations in the order in which they are asked."""
    return db.session.scalars(select(Location).order_by(Location.position, Location.id)).all()


@atomic
def create_location(code: str, name: str) -> uuid.UUID:
    """Add a warehouse, asked after all others, and return its id. Raises InvalidValue for a bad or taken code."""
    code, name = code.strip(), " ".join(name.split())
    if not _CODE.fullmatch(code):
        raise InvalidValue("code", "location_code_invalid")
    if db.session.scalar(select(Location.id).where(func.lower(Location.code) == code.lower())):
        raise InvalidValue("code", "location_code_taken")
    last = db.session.scalar(select(func.coalesce(func.max(Location.position), -1)))
    location_id = new_id()
    row = {"id": location_id, "code": code, "name": _name(name), "position": (last or 0) + 1}
    try:
        insert_rows(Location, [row])
    except IntegrityError as error:
        # Somebody else made the same location between our look and our insert.
        raise InvalidValue("code", "location_code_taken") from error
    return location_id


@atomic
def change_location(location_id: uuid.UUID, *, name: str, position: int) -> None:
    """Rename a warehouse and say as which it is asked (0 is first). Raises NotFound, InvalidValue."""
    location = db.session.scalar(select(Location).where(Location.id == location_id))
    if location is None:
        raise NotFound("location_not_found")
    location.name = _name(" ".join(name.split()))
    if not 0 <= position <= 9999:
        raise InvalidValue("position", "not_a_whole_number_between", minimum=0, maximum=9999)
    location.position = position
    db.session.flush()


def _name(name: str) -> str:
    if not 0 < len(name) <= 255:
        raise InvalidValue("name", "location_name_length", maximum=255)
    return name


@atomic
def transfer(
    stock_item_id: uuid.UUID, location_id: uuid.UUID, units: int, *, actor: str, reference: str = ""
) -> None:
    """Move free units of a stock item to another location: one movement out, one in, in one transaction.

    Raises NotFound, InvalidValue for a bad number or the same location, Conflict when fewer units are free.
    """
    check_quantity(units)
    source = db.session.execute(
        select(StockItem.variant_id, StockItem.location_id).where(StockItem.id == stock_item_id)
    ).one_or_none()
    if source is None or db.session.scalar(select(Location.id).where(Location.id == location_id)) is None:
        raise NotFound("stock_or_location_not_found")
    if source.location_id == location_id:
        raise InvalidValue("location", "location_same")
    changes = StockChanges("transfer", actor, reference)
    changes.add(stock_item_id, on_hand=-units)
    changes.add(stock_item_at(source.variant_id, location_id), on_hand=units)
    changes.require_minimum({stock_item_id: 0})
    if not changes.apply():
        raise Conflict("units_reserved")


def stock_item_at(variant_id: uuid.UUID, location_id: uuid.UUID) -> uuid.UUID:
    """Return the stock item of a variant at a location, making an empty one when there is none. A step."""
    mine = (StockItem.variant_id == variant_id, StockItem.location_id == location_id)
    found = db.session.scalar(select(StockItem.id).where(*mine))
    if found is not None:
        return found
    # Of two that create the same stock item at once, the second waits here and finds the first one's.
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    row = {"tenant_id": current_tenant_id(), "variant_id": variant_id, "location_id": location_id}
    db.session.execute(insert(StockItem).values(**row, id=new_id()).on_conflict_do_nothing())
    return db.session.scalars(select(StockItem.id).where(*mine)).one()

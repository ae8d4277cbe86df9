"""Stock at the JSON edge, spelled as in the MBC example."""

from __future__ import annotations

import uuid
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from commerce.api.products.schemas import Units, Version
from commerce.api.schemas import Code, Moment, PageQuery, QueryModel, RequestModel, ResponseModel, Text
from commerce.inventory.models import MAX_QUANTITY
from commerce.inventory.stock_by_location import CAUSES
from commerce.inventory.stock_by_variant import LedgerLine, StockLevel, VariantStock
from commerce.orders.reservations import OpenReservation


def _not_zero(units: int) -> int:
    if units == 0:
        raise ValueError("0 changes nothing")
    return units


Adjustment = Annotated[
    int,
    Field(
        ge=-MAX_QUANTITY,
        le=MAX_QUANTITY,
        description="Units that come, or go when it is below zero. Not 0.",
        examples=[-2],
    ),
    AfterValidator(_not_zero),
]
Cause = Annotated[
    str,
    Field(
        pattern=f"^({'|'.join(CAUSES)})$",
        description="received and found come, damaged and lost go, a correction does either.",
        examples=["damaged"],
    ),
]
Reference = Annotated[Text, StringConstraints(max_length=255)]


# --- what is sent --------------------------------------------------------------------------------------


class MovementToBook(RequestModel):
    """Units that came or went."""

    adjustment: Adjustment
    cause: Cause
    reference: Reference = Field("", examples=["Delivery 4711"])
    warehouse_code: Code | None = Field(
        None, description="May be left out where not more than one warehouse has it."
    )


class StockChange(RequestModel):
    """One change: an absolute `quantity`, an `adjustment` with its `cause`, or a `backorderLimit`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"quantity": 47, "version": 1}]})

    quantity: Units = Field(
        default_factory=int, description="Units counted on the shelf. Takes `version`.", examples=[47]
    )
    adjustment: Adjustment = Field(default_factory=int, description="Units that come or go. Takes `cause`.")
    backorder_limit: Units = Field(
        default_factory=int, description="Units that may be promised beyond those there. Takes `version`."
    )
    cause: Cause = Field(default_factory=str)
    reference: Reference = Field("", examples=["Count of January"])
    version: Version = None
    warehouse_code: Code | None = Field(
        None, description="May be left out where not more than one warehouse has it."
    )

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        sent = self.model_fields_set
        if len({"quantity", "adjustment", "backorder_limit"} & sent) != 1:
            raise ValueError("send one of quantity, adjustment, backorderLimit")
        if ("adjustment" in sent) != ("cause" in sent):
            raise ValueError("an adjustment has a cause, and nothing else has")
        if "adjustment" in sent and self.version is not None:
            raise ValueError("an adjustment is relative and takes no version")
        return self


class InventoryFilter(PageQuery):
    """Which stock is listed."""

    warehouse_code: Code | None = Field(None, description="Only what this warehouse has.")
    low: bool | None = Field(
        None, description="Those of which the shop's threshold or less is free, or the others."
    )
    total: bool = Field(default=False, description="Count them all, too.")


class Warehouse(QueryModel):
    """Which warehouse is meant."""

    warehouse_code: Code | None = Field(None, description="Only this warehouse.")


class WarehousePage(PageQuery):
    """Which warehouse is meant, and which page."""

    warehouse_code: Code | None = Field(None, description="Only this warehouse.")


# --- what is answered ----------------------------------------------------------------------------------


class WarehouseStock(ResponseModel):
    """What one warehouse has of a variant."""

    warehouse_code: str = Field(examples=["main"])
    quantity: int
    reserved_quantity: int
    available_quantity: int
    backorder_limit: int
    version: int
    last_restocked_at: Moment | None


class InventoryAttributes(ResponseModel):
    """What there is of a variant: all warehouses together, and each of them.

    `warehouseCode` is that of the only warehouse (or of the one that was asked for), null where there are several.
    """

    product_code: str = Field(examples=["PRD-001"])
    quantity: int
    reserved_quantity: int
    available_quantity: int
    warehouse_code: str | None
    last_restocked_at: Moment | None
    warehouses: list[WarehouseStock]


class InventoryOut(ResponseModel):
    """The stock of a variant."""

    code: str = Field(examples=["PRD-001"])
    name: str = Field(examples=["Wireless Mouse"])
    version: int | None = Field(
        description="That of the only warehouse, or of the one that was asked for: 0 where it never had any. Null "
        "where there are several, for each has its own."
    )
    attributes: InventoryAttributes


class InventoryList(ResponseModel):
    """A page of stock."""

    items: list[InventoryOut]
    next_cursor: str | None
    total: int | None = Field(None, description="Only with ?total=true.")


class MovementOut(ResponseModel):
    """A line of the ledger. `quantity` is what the warehouse had on hand after it."""

    movement_id: uuid.UUID
    warehouse_code: str
    adjustment: int
    cause: str
    reference: str
    actor: str
    occurred_at: Moment
    quantity: int


class MovementList(ResponseModel):
    """A page of the ledger, newest first."""

    items: list[MovementOut]
    next_cursor: str | None


class ReservationOut(ResponseModel):
    """Units that are reserved for an order."""

    reservation_id: uuid.UUID
    order_code: str = Field(examples=["ORD-000001"])
    warehouse_code: str
    quantity: int
    state: str = Field(description="held: until the order is paid or `expiresAt`; committed: for good.")
    created_at: Moment
    expires_at: Moment | None


class ReservationList(ResponseModel):
    """A page of open reservations, as they stand in the queue."""

    items: list[ReservationOut]
    next_cursor: str | None


def inventory_out(stock: VariantStock, warehouse: str = "") -> InventoryOut:
    """Return the stock of a variant, at all warehouses or at the one that was asked for, as it is answered."""
    levels = stock.levels
    only = levels[0] if len(levels) == 1 else None
    moments = [each.restocked_at for each in levels if each.restocked_at]
    attributes = InventoryAttributes(
        product_code=stock.sku,
        quantity=sum(each.on_hand for each in levels),
        reserved_quantity=sum(each.reserved for each in levels),
        available_quantity=sum(each.free for each in levels),
        warehouse_code=only.warehouse if only else warehouse or None,
        last_restocked_at=max(moments, default=None),
        warehouses=[_warehouse_out(each) for each in levels],
    )
    version = only.version if only else None if levels else 0
    return InventoryOut(code=stock.sku, name=stock.name, version=version, attributes=attributes)


def movement_out(line: LedgerLine) -> MovementOut:
    """Return a line of the ledger as it is answered."""
    return MovementOut(
        movement_id=line.id,
        warehouse_code=line.warehouse,
        adjustment=line.delta,
        cause=line.cause,
        reference=line.reference,
        actor=line.actor,
        occurred_at=line.occurred_at,
        quantity=line.balance,
    )


def reservation_out(each: OpenReservation) -> ReservationOut:
    """Return an open reservation as it is answered."""
    return ReservationOut(
        reservation_id=each.id,
        order_code=each.order_code,
        warehouse_code=each.warehouse,
        quantity=each.units,
        state=each.state,
        created_at=each.created_at,
        expires_at=each.expires_at,
    )


def _warehouse_out(shelf: StockLevel) -> WarehouseStock:
    return WarehouseStock(
        warehouse_code=shelf.warehouse,
        quantity=shelf.on_hand,
        reserved_quantity=shelf.reserved,
        available_quantity=shelf.free,
        backorder_limit=shelf.backorder_limit,
        version=shelf.version,
        last_restocked_at=shelf.restocked_at,
    )

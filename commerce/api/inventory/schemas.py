"""Requests and responses of the inventory operations. Field names follow the MBC example."""

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
        raise ValueError("an adjustment cannot be 0")
    return units


Adjustment = Annotated[
    int,
    Field(
        ge=-MAX_QUANTITY,
        le=MAX_QUANTITY,
        description="Units to add, or to remove if negative. Not 0.",
        examples=[-2],
    ),
    AfterValidator(_not_zero),
]
Cause = Annotated[
    str,
    Field(
        pattern=f"^({'|'.join(CAUSES)})$",
        description="received and found add units, damaged and lost remove them, correction does either.",
        examples=["damaged"],
    ),
]
Reference = Annotated[Text, StringConstraints(max_length=255)]


# --- requests -------------------------------------------------------------------------------------------


class MovementCreate(RequestModel):
    """A stock movement."""

    adjustment: Adjustment
    cause: Cause
    reference: Reference = Field("", examples=["Delivery 4711"])
    warehouse_code: Code | None = Field(None, description="Required if several warehouses stock the variant.")


class InventoryPatch(RequestModel):
    """One change: an absolute `quantity`, an `adjustment` with a `cause`, or a `backorderLimit`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"quantity": 47, "version": 1}]})

    quantity: Units = Field(
        default_factory=int, description="Units on hand. Requires `version`.", examples=[47]
    )
    adjustment: Adjustment = Field(
        default_factory=int, description="Units to add or remove. Requires `cause`."
    )
    backorder_limit: Units = Field(
        default_factory=int, description="Units that can be sold beyond those on hand. Requires `version`."
    )
    cause: Cause = Field(default_factory=str)
    reference: Reference = Field("", examples=["Count of January"])
    version: Version = None
    warehouse_code: Code | None = Field(None, description="Required if several warehouses stock the variant.")

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        sent = self.model_fields_set
        if len({"quantity", "adjustment", "backorder_limit"} & sent) != 1:
            raise ValueError("send one of quantity, adjustment, backorderLimit")
        if ("adjustment" in sent) != ("cause" in sent):
            raise ValueError("send cause with an adjustment, and only then")
        if "adjustment" in sent and self.version is not None:
            raise ValueError("an adjustment takes no version")
        return self


class InventoryQuery(PageQuery):
    """Filters of the list of stock."""

    warehouse_code: Code | None = Field(None, description="Only stock of this warehouse.")
    low: bool | None = Field(
        None, description="Whether the available quantity is at or below the shop's low-stock threshold."
    )
    total: bool = Field(default=False, description="Include the total number of rows.")


class WarehouseQuery(QueryModel):
    """Filter by warehouse."""

    warehouse_code: Code | None = Field(None, description="Only this warehouse.")


class WarehousePageQuery(PageQuery):
    """Pagination, and filter by warehouse."""

    warehouse_code: Code | None = Field(None, description="Only this warehouse.")


# --- responses ------------------------------------------------------------------------------------------


class WarehouseStock(ResponseModel):
    """The stock of a variant in a warehouse."""

    warehouse_code: str = Field(examples=["main"])
    quantity: int
    reserved_quantity: int
    available_quantity: int
    backorder_limit: int
    version: int
    last_restocked_at: Moment | None


class InventoryAttributes(ResponseModel):
    """The stock of a variant: totals, and each warehouse.

    `warehouseCode` is null if there are several warehouses and the request did not name one.
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
        description="Version of the stock in the only or requested warehouse, 0 if it never had any. Null if there "
        "are several warehouses, as each has its own."
    )
    attributes: InventoryAttributes


class InventoryList(ResponseModel):
    """A page of stock records."""

    items: list[InventoryOut]
    next_cursor: str | None
    total: int | None = Field(None, description="With `total=true` only.")


class MovementOut(ResponseModel):
    """A stock movement. `quantity` is the quantity on hand in the warehouse after it."""

    movement_id: uuid.UUID
    warehouse_code: str
    adjustment: int
    cause: str
    reference: str
    actor: str
    occurred_at: Moment
    quantity: int


class MovementList(ResponseModel):
    """A page of stock movements, newest first."""

    items: list[MovementOut]
    next_cursor: str | None


class ReservationOut(ResponseModel):
    """Units that are reserved for an order."""

    reservation_id: uuid.UUID
    order_code: str = Field(examples=["ORD-000001"])
    warehouse_code: str
    quantity: int
    state: str = Field(description="held until the order is paid or `expiresAt`, then committed.")
    created_at: Moment
    expires_at: Moment | None


class ReservationList(ResponseModel):
    """A page of open reservations, in the order in which they are served."""

    items: list[ReservationOut]
    next_cursor: str | None


def inventory_out(stock: VariantStock, warehouse: str = "") -> InventoryOut:
    """Return the stock of a variant for a response, in all warehouses or in the requested one."""
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
    """Return a stock movement for a response."""
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
    """Return a reservation for a response."""
    return ReservationOut(
        reservation_id=each.id,
        order_code=each.order_code,
        warehouse_code=each.warehouse,
        quantity=each.units,
        state=each.state,
        created_at=each.created_at,
        expires_at=each.expires_at,
    )


def _warehouse_out(level: StockLevel) -> WarehouseStock:
    return WarehouseStock(
        warehouse_code=level.warehouse,
        quantity=level.on_hand,
        reserved_quantity=level.reserved,
        available_quantity=level.free,
        backorder_limit=level.backorder_limit,
        version=level.version,
        last_restocked_at=level.restocked_at,
    )

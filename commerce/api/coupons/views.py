"""API operations on coupons."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Response

from commerce.api.coupons.schemas import (
    CouponCreate,
    CouponList,
    CouponOut,
    CouponPatch,
    CouponQuery,
    coupon_out,
    with_body_field,
)
from commerce.api.cursors import decode_cursor, encode_cursor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, required_version
from commerce.errors import InvalidValue
from commerce.pricing.coupon_codes import issue_coupon
from commerce.pricing.coupon_limits import change_coupon
from commerce.pricing.coupon_rows import count_coupon_rows, find_coupon, list_coupon_rows

TAG = "Coupons"


@operation("GET", "/coupons", scope="coupons:read", tag=TAG, query=CouponQuery, responses={200: CouponList})
def list_all_coupons(query: CouponQuery) -> Reply:
    """List coupons, newest first."""
    filters = {"promotion": query.promotion_id}
    position = decode_cursor("coupons", filters, query.cursor)
    rows, older = list_coupon_rows(query.promotion_id, uuid.UUID(position) if position else None, query.limit)
    return Reply(
        CouponList(
            items=[coupon_out(row) for row in rows],
            next_cursor=encode_cursor("coupons", filters, older) if older else None,
            total=count_coupon_rows(query.promotion_id) if query.total else None,
        )
    )


@operation(
    "POST",
    "/coupons",
    scope="coupons:write",
    tag=TAG,
    body=CouponCreate,
    responses={201: CouponOut},
    problems=(404,),
    idempotency="optional",
)
def create_coupon(body: CouponCreate) -> Response:
    """Create a coupon code, with a new promotion or for an existing one."""

    def issue() -> str:
        try:
            return issue_coupon(
                body.promotion_input(),
                body.code,
                usage_limit=body.usage_limit,
                per_customer_limit=body.per_customer_limit,
            )
        except InvalidValue as error:
            raise with_body_field(error) from None

    def reply(code: str) -> Reply:
        made = _reply(code)
        return Reply(made.body, 201, {"Location": f"/api/coupons/{quote(code)}"}, made.version)

    return run_idempotent(issue, reply, required=False).response


@operation("GET", "/coupons/<code>", scope="coupons:read", tag=TAG, responses={200: CouponOut})
def get_one_coupon(code: str) -> Reply:
    """Retrieve a coupon with its number of uses."""
    return _reply(code)


@operation(
    "PATCH",
    "/coupons/<code>",
    scope="coupons:write",
    tag=TAG,
    body=CouponPatch,
    responses={200: CouponOut},
)
def change_one_coupon(code: str, body: CouponPatch) -> Reply:
    """Enable or disable a coupon, or change its limits.

    A limit below the number of uses is rejected. Returns 409 if the coupon has changed since the version you send.
    """
    change_coupon(find_coupon(code).id, required_version(body.version), body.changes())
    return _reply(code)


def _reply(code: str) -> Reply:
    shown = coupon_out(find_coupon(code))
    return Reply(shown, version=shown.version)

"""Texts of the OpenAPI document that belong to no single operation: introduction, tags, headers and problems."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
Manage the shop's products, stock, carts, orders, payments and webhooks as JSON. The API runs the same code as the \
shop's own pages.

**Authentication.** Send an API key with every request: `Authorization: Bearer ls_live_...`. The host name selects the \
shop. A key can do what its scopes allow. Cookies are ignored.

**Amounts** are decimal numbers in whole units of the `currency` next to them, such as `29.99`. Times are in UTC.

**Idempotency.** Send an `Idempotency-Key` with requests that must happen only once: a new key for each operation, the \
same key for each retry. For 24 hours, a retry returns the original response.

**Versions.** Resources that can be changed have a `version`. Send the version you have seen in the body or as \
`If-Match`. If the resource has changed since, nothing happens and you get 409 with the current version.

**Pagination.** Lists return up to 100 rows per page. Pass `nextCursor` of one page as `cursor` to get the next; null \
means there are no more.

**Errors** are problem details (RFC 9457) with a stable `code`; `errors` lists each invalid field. Fields and \
parameters that are not documented are rejected.
"""

SERVER_DESCRIPTION = "The shop at the host name of the request."
KEY_DESCRIPTION = "An API key created by the owner of the shop: `ls_live_...`."

TAGS = {
    "Checkout": "Place an order in one request, for shops with their own storefront.",
    "Orders": "Orders and their history.",
    "Order status": "Move an order from one status to the next.",
    "Payments": "Payments of an order, and payments recorded by hand.",
    "Refunds": "Money returned to customers.",
    "Shipments": "Parcels of an order.",
    "Returns": "Refunds and returns that customers request, and the answers to them.",
    "Products": "Products of the catalog, including hidden ones.",
    "Pictures": "Pictures of a product, in their order.",
    "Variants": "Variants of a product, each with its own SKU, price and options.",
    "Collections": "Collections of products, chosen by hand or by conditions.",
    "Inventory": "Stock on hand, reservations, and stock movements.",
    "Carts": "Carts for shops with their own storefront.",
    "Coupons": "Coupon codes, their limits and their uses.",
    "Webhook endpoints": "URLs that receive events, and the log of requests to them.",
    "Events": "All events of the shop in order, without gaps.",
}
"""Tag -> description, in the order of the document."""

PROBLEMS = {
    400: "The request cannot be parsed.",
    401: "The API key is missing or invalid.",
    403: "The API key does not have the required scope.",
    404: "The resource does not exist in this shop.",
    409: "The resource has changed or is in a state that does not allow this, or the same idempotency key is in use.",
    413: "The body is larger than 2 MB or has more than 100,000 values.",
    415: "The body is not `application/json`.",
    422: "A value is invalid. `errors` lists the invalid fields, if there are any.",
    429: "Too many requests. Wait for the number of seconds in `Retry-After`.",
    503: "Nothing happened. Retry after the number of seconds in `Retry-After`.",
}
"""Status of a problem -> description."""


def _integer(description: str, example: int) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer", "minimum": 0}, "example": example}


def _string(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


HEADERS = {
    "ETag": _string(
        "Identifies this response, for `If-None-Match`. Begins with the version of the resource, if it has one.",
        '"3-5d41402abc4b2a76"',
    ),
    "Location": _string("URL of the new resource.", "/api/orders/ORD-000001"),
    "Idempotency-Replayed": _string(
        "`true` if this is the original response to an earlier request with the same key.", "true"
    ),
    "RateLimit-Limit": _integer("Requests that this API client can make per minute.", 6000),
    "RateLimit-Remaining": _integer("Requests left in the current minute.", 5999),
    "RateLimit-Reset": _integer("Seconds until the limit resets.", 60),
    "Retry-After": _integer("Seconds to wait before retrying.", 1),
    "WWW-Authenticate": _string("The authentication scheme.", 'Bearer realm="Lockstep"'),
}

_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A new key for each operation, the same key for each retry. A retry returns the original response "
    "with `Idempotency-Replayed: true`. `X-Idempotency-Key` works as well.",
    # No example: a client that copied one would send the same key for everything.
    "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"},
}
PARAMETERS = {
    "IdempotencyKey": {**_IDEMPOTENCY_KEY, "required": True},
    "OptionalIdempotencyKey": {**_IDEMPOTENCY_KEY, "required": False},
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of the response you have. Returns 304 without a body if it has not changed.",
        "schema": {"type": "string"},
        "example": '"3-5d41402abc4b2a76"',
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": 'The version you have seen, as `"3"` or the whole `ETag`, instead of `version` in the body.',
        "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[0-9]{1,15}(-[0-9a-z-]{1,40})?")$'},
        "example": '"3"',
    },
}

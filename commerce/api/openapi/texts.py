"""What the document says beside the operations: the whole of it, its kinds of things, its headers and refusals."""

from __future__ import annotations

from typing import Any

ABOUT = """\
The same services as the shop's own pages, for programs.

**Keys.** Every request carries a key: `Authorization: Bearer ls_live_...`. The host decides which shop it is for. A \
key opens what its scopes name. Cookies are not looked at.

**Amounts** are decimal numbers in whole units of the `currency` beside them: `29.99`. Moments are in UTC.

**Once.** Send an `Idempotency-Key` with what must happen once: a new key for each deed, the same for each try. For 24 \
hours the same request is answered as it was then.

**Versions.** What can be changed has a `version`. Send the one that you have seen, in the body or as `If-Match`: if \
somebody was faster, you get 409 with the version of now, and nothing happens.

**Lists** come in pages of up to 100 rows. `nextCursor` of one page is the `cursor` of the next; null says that it was \
the last.

**Errors** are problem details (RFC 9457) with a stable `code`; `errors` names each field at fault. Fields and \
parameters that are not named here are refused.
"""

TAGS = {
    "Checkout": "An order in one call, as shops with a page of their own place it.",
    "Orders": "What was ordered, and where each order stands.",
    "Order status": "How an order moves on; one table says what is possible.",
    "Payments": "What was paid for an order, and money that arrived.",
    "Refunds": "Money that goes back.",
    "Shipments": "Parcels of an order.",
    "Returns": "What customers want to give back, and what became of it.",
    "Products": "What the shop sells, hidden products too.",
    "Variants": "What of a product can be ordered: each with its product code (SKU), price and options.",
    "Inventory": "What is there, what is held for orders, and every movement.",
    "Carts": "Carts for shops with a front of their own.",
    "Coupons": "Codes that take something off, and how often they were used.",
    "Webhook endpoints": "Who is told of events, and what became of each call.",
    "Events": "Everything that happened, in an order that misses nothing.",
}
"""Tag -> what its operations are about."""

MEANS = {
    400: "The request cannot be read.",
    401: "A valid key is needed.",
    403: "The key may not do that.",
    404: "There is no such thing in this shop.",
    409: "The world moved since you looked, or the same key is being worked on.",
    413: "The body is larger than 2 MB, or holds more than 100,000 values.",
    415: "The body is not `application/json`.",
    422: "A value cannot be taken; `errors` names it where it is one field.",
    429: "Too many requests. `Retry-After` says for how long to wait.",
    503: "Nothing happened. `Retry-After` says when to try again.",
}
"""Status of a problem -> what it means."""


def _number(words: str, example: int) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "integer", "minimum": 0}, "example": example}


def _text(words: str, example: str) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "string"}, "example": example}


HEADERS = {
    "ETag": _text(
        "The state of the answer, for `If-None-Match`. Where the thing has a version, the tag begins with it.",
        '"3-5d41402abc4b2a76"',
    ),
    "Location": _text("Where the new thing is found.", "/api/orders/ORD-000001"),
    "Idempotency-Replayed": _text("`true`: this was done before, and is answered as it was then.", "true"),
    "RateLimit-Limit": _number("Requests that this program may make in a minute.", 6000),
    "RateLimit-Remaining": _number("Requests that are left of them.", 5999),
    "RateLimit-Reset": _number("Seconds until there are as many again.", 60),
    "Retry-After": _number("Seconds to wait before the next try.", 1),
    "WWW-Authenticate": _text("How to show a key.", 'Bearer realm="Lockstep"'),
}

_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A new one for each deed, the same one for each try. `X-Idempotency-Key` is taken, too. What was "
    "done before is answered as it was then, with `Idempotency-Replayed: true`.",
    # No example: programs that copy one would send the same key for everything.
    "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"},
}
PARAMETERS = {
    "IdempotencyKey": {**_KEY, "required": True},
    "IdempotencyKeyIfYouLike": {**_KEY, "required": False},
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of the answer that you have: 304 without a body, if it is still the same.",
        "schema": {"type": "string"},
        "example": '"3-5d41402abc4b2a76"',
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": 'The version that you have seen: `"3"`, or the whole `ETag`. Instead of one in the body.',
        "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[0-9]{1,15}(-[0-9a-z-]{1,40})?")$'},
        "example": '"3"',
    },
}

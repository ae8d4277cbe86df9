"""The errors that a use case may raise. They carry facts; templates and `web.py` make the words.

Nothing here knows HTTP: `web.py` maps each family to a status once. Every error has a `code` that is
stable for programs, and keeps its facts as attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


class CommerceError(Exception):
    """Base of everything that a use case refuses on purpose."""

    code = "error"
    title = "This did not work"

    @property
    def detail(self) -> str:
        """One sentence for a person; never holds internals."""
        return str(self) or self.title


class NotFound(CommerceError):
    """No such thing in this shop. Another shop's row looks exactly the same as a missing one."""

    code = "not_found"
    title = "Not found"


class NotAllowed(CommerceError):
    """The actor may not do this, whatever the state."""

    code = "not_allowed"
    title = "Not allowed"


class Rejected(CommerceError):
    """The sender can mend it: bad input, too little stock, a price that changed."""

    code = "rejected"
    title = "Please check your entries"


class Conflict(CommerceError):
    """The world moved since the sender looked."""

    code = "conflict"
    title = "Somebody else was faster"


class Unavailable(CommerceError):
    """Nothing is wrong with the request; try again soon."""

    code = "unavailable"
    title = "Please try again in a moment"


@dataclass(frozen=True)
class Shortage:
    """One order or cart line that cannot be filled: units wanted and units left."""

    variant_id: UUID
    sku: str
    title: str
    wanted: int
    available: int


class OutOfStock(Rejected):
    """Lists every short line at once, so that the shopper mends the cart in one go."""

    code = "out_of_stock"
    title = "Some of this is no longer available"

    def __init__(self, shortages: list[Shortage]) -> None:
        self.shortages = shortages
        parts = [f"{s.title} ({s.sku}): {s.wanted} wanted, {s.available} left" for s in shortages]
        super().__init__("; ".join(parts))


class CartEmpty(Rejected):
    """There is nothing to order."""

    code = "cart_empty"
    title = "Your cart is empty"


class InvalidValue(Rejected):
    """A value that is out of bounds; `field` names it."""

    code = "invalid_value"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(reason)


class AlreadyExists(Conflict):
    """Another row of the shop has this code; `field` names where it was sent."""

    code = "already_exists"
    title = "This exists already"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class FieldError:
    """A field that cannot be taken, and why."""

    field: str
    reason: str


class InvalidValues(Rejected):
    """Several values that are out of bounds, all at once."""

    code = "invalid_value"

    def __init__(self, problems: list[FieldError]) -> None:
        self.problems = problems
        super().__init__(" ".join(each.reason for each in problems))


class CouponRefused(Rejected):
    """A code that takes nothing off this cart. `reason` is one of `pricing.discounts.CodeState`, for the words.

    `missing` is what the cart has to grow by for it, in minor units of the shop's currency.
    """

    code = "coupon_refused"
    title = "This code does not work here"

    def __init__(self, coupon_code: str, reason: str, missing: int = 0) -> None:
        self.coupon_code = coupon_code
        self.reason = reason
        self.missing = missing
        super().__init__(f"The code {coupon_code} cannot be used for this cart ({reason.replace('_', ' ')}).")


class CouponExhausted(Conflict):
    """Codes that were good when the shopper looked are not any more; they are out of his cart, nothing was ordered.

    `reasons` holds why, by code.
    """

    code = "coupon_exhausted"
    title = "A coupon code is used up"

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons
        super().__init__(
            f"{', '.join(reasons)} cannot be used any more. Please check the new total and order again."
        )


class PriceChanged(Conflict):
    """The total that the shopper saw is not the total of now; nothing was ordered or held.

    Amounts are integer minor units of the shop's currency.
    """

    code = "price_changed"
    title = "The total has changed"

    def __init__(self, shown: int, current: int) -> None:
        self.shown = shown
        self.current = current
        super().__init__("The total has changed since you last saw it. Please check it and order again.")


class CartChanged(Conflict):
    """The cart, or what the shop says of it, was changed while this order was being sent; nothing was ordered."""

    code = "cart_changed"
    title = "Your cart has changed"


class IllegalTransition(Conflict):
    """The action is not possible in the present status."""

    code = "illegal_transition"
    title = "This is not possible now"

    def __init__(self, status: str, action: str, reason: str = "") -> None:
        self.status = status
        self.action = action
        super().__init__(reason or f"An order that is {status} does not allow: {action}.")


class StaleVersion(Conflict):
    """The page that asked had seen an older version of the row."""

    code = "stale_version"
    title = "This was changed while you were looking at it"

    def __init__(self, entity: str, seen: int, current: int) -> None:
        self.entity = entity
        self.seen = seen
        self.current = current
        super().__init__(f"This {entity} was changed by somebody else after you opened the page.")


class Busy(Unavailable):
    """The database did not grant a lock or a connection in time."""

    code = "busy"
    title = "The shop is very busy"


class GatewayNoAnswer(Unavailable):
    """A payment gateway did not say whether it charged; the outcome must be asked for, not assumed."""

    code = "gateway_no_answer"
    title = "The payment provider did not answer"

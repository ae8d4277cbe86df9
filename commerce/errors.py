"""The errors that a use case may raise: a stable code and facts, never a sentence.

Nothing here knows HTTP or a language: `web.py` maps each family to a status, `error_messages.py` makes the words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


class CommerceError(Exception):
    """Base of everything that a use case refuses on purpose.

    `code` names the family and is stable for programs. `reason` is the stable code of the single case; where a family
    has one case only, it is the code of the family. `facts` are plain values: text, numbers, moments, ids, lists of
    them. A fact named `amount` or `..._amount` is integer minor units of the fact `currency`.
    """

    code = "error"

    def __init__(self, reason: str = "", /, **facts: Any) -> None:
        self.reason = reason or self.code
        self.facts: Mapping[str, Any] = facts
        super().__init__(self.reason)

    def __str__(self) -> str:
        """Return reason and facts, for logs only."""
        return " ".join([self.reason, *(f"{name}={value}" for name, value in self.facts.items())])


class NotFound(CommerceError):
    """No such thing in this shop. Another shop's row looks exactly the same as a missing one."""

    code = "not_found"


class NotAllowed(CommerceError):
    """The actor may not do this, whatever the state."""

    code = "not_allowed"


class Rejected(CommerceError):
    """The sender can mend it: bad input, too little stock, a price that changed."""

    code = "rejected"


class Conflict(CommerceError):
    """The world moved since the sender looked."""

    code = "conflict"


class Unavailable(CommerceError):
    """Nothing is wrong with the request; try again soon."""

    code = "unavailable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not possible, as the reason and the facts of an error that nobody raised yet."""

    reason: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


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

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = list(shortages)
        super().__init__(shortages=self.shortages)


class CartEmpty(Rejected):
    """There is nothing to order."""

    code = "cart_empty"


class CartFull(Rejected):
    """A cart holds no more lines than the fact `limit`."""

    code = "cart_full"


class InvalidValue(Rejected):
    """A value that is out of bounds; `field` names it."""

    code = "invalid_value"

    def __init__(self, field: str, reason: str, /, **facts: Any) -> None:
        self.field = field
        super().__init__(reason, **facts)

    def at(self, field: str) -> InvalidValue:
        """Return the same error about another field: the name that the value has at an edge."""
        return InvalidValue(field, self.reason, **self.facts)


class AlreadyExists(Conflict):
    """Another row of the shop has this code; `field` names where it was sent."""

    code = "already_exists"

    def __init__(self, field: str, reason: str, /, **facts: Any) -> None:
        self.field = field
        super().__init__(reason, **facts)


@dataclass(frozen=True)
class FieldError:
    """A field that cannot be taken, and why."""

    field: str
    reason: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class InvalidValues(Rejected):
    """Several values that are out of bounds, all at once."""

    code = "invalid_value"

    def __init__(self, problems: Sequence[FieldError]) -> None:
        self.problems = problems
        super().__init__("invalid_values", problems=list(problems))


class CouponRefused(Rejected):
    """A code that takes nothing off this cart. `state` is one of `pricing.discounts.CodeState`, and says why.

    `missing` is what the cart has to grow by for it, in minor units of the shop's `currency`.
    """

    code = "coupon_refused"

    def __init__(self, coupon_code: str, state: str, missing: int = 0, currency: str = "") -> None:
        self.coupon_code = coupon_code
        self.state = state
        self.missing = missing
        super().__init__(
            f"coupon_{state}", coupon_code=coupon_code, missing_amount=missing, currency=currency
        )


class CouponExhausted(Conflict):
    """Codes that were good when the shopper looked are not any more; they left the cart, nothing was ordered.

    `states` holds why, by code.
    """

    code = "coupon_exhausted"

    def __init__(self, states: Mapping[str, str]) -> None:
        self.states = states
        super().__init__(coupon_codes=list(states))


class PriceChanged(Conflict):
    """The total that the shopper saw is not the current total; nothing was ordered or held.

    Amounts are integer minor units of the shop's currency.
    """

    code = "price_changed"

    def __init__(self, shown: int, current: int) -> None:
        self.shown = shown
        self.current = current
        super().__init__(shown=shown, current=current)


class CartChanged(Conflict):
    """The cart, or the shop's terms for it, changed while this order was being sent; nothing was ordered."""

    code = "cart_changed"


class IllegalTransition(Conflict):
    """The action is not possible in the present status."""

    code = "illegal_transition"

    def __init__(self, status: str, action: str, reason: str, /, **facts: Any) -> None:
        self.status = status
        self.action = action
        super().__init__(reason, **{**facts, "status": status, "action": action})


class StaleVersion(Conflict):
    """The page that asked had seen an older version of the row."""

    code = "stale_version"

    def __init__(self, entity: str, seen: int, current: int) -> None:
        self.entity = entity
        self.seen = seen
        self.current = current
        super().__init__(entity=entity, seen=seen, current=current)


class Busy(Unavailable):
    """The database did not grant a lock or a connection in time."""

    code = "busy"


class GatewayNoAnswer(Unavailable):
    """A payment gateway did not say whether it charged; the outcome must be asked for, not assumed."""

    code = "gateway_no_answer"

"""What can be done to many coupons and promotions at once: turn them on or off, and say when promotions end."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select

from commerce.bulk.changes import ChangeOneByOne, Named, Parameters
from commerce.bulk.models import BulkRow
from commerce.bulk.outcomes import Line
from commerce.db import db
from commerce.errors import InvalidValue, NotFound
from commerce.events.outbox import Actor
from commerce.pricing.models import Coupon, Promotion
from commerce.tenants.services import touch_rules


@dataclass(frozen=True, slots=True)
class SeenCoupon:
    """A coupon. It has no version: whether it is on is all that a change is about."""

    coupon: Coupon

    @property
    def name(self) -> str:
        """The code."""
        return self.coupon.code

    @property
    def version(self) -> int:
        """1 while it is on, 0 while it is off."""
        return int(self.coupon.enabled)


class SwitchCoupons(ChangeOneByOne[SeenCoupon, bool]):
    """Turn coupons on or off."""

    permission: ClassVar[str] = "pricing.manage"
    view: ClassVar[str] = "pricing.view"
    model: ClassVar[Any] = Coupon
    entity: ClassVar[str] = "coupon"
    most: ClassVar[int] = 50_000

    def gone(self) -> NotFound:
        """Return the error of a coupon that is not there."""
        return NotFound("coupon_not_found")

    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return the codes of those that are there, and their ids for the address."""
        rows = db.session.execute(select(Coupon.id, Coupon.code).where(Coupon.id.in_(ids)))
        return {row.id: Named(row.code, str(row.id)) for row in rows}

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored."""
        return {"enabled": bool(given["enabled"])}

    def note_versions(self, plan_id: uuid.UUID) -> None:
        """Note of every coupon whether it is on. A step."""
        self.note_states(plan_id)

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, SeenCoupon]:
        """Return coupons by id. They are locked sorted by id, as by the orders that use them."""
        found = select(Coupon).where(Coupon.id.in_(ids)).order_by(Coupon.id)
        found = found.execution_options(populate_existing=True)
        coupons = db.session.scalars(found.with_for_update() if lock else found)
        return {coupon.id: SeenCoupon(coupon) for coupon in coupons}

    def target(self, state: SeenCoupon, parameters: Parameters, details: Parameters) -> bool | None:
        """Return whether the coupon will be on, None when it is so already."""
        del details
        wanted = bool(parameters["enabled"])
        return wanted if wanted != state.coupon.enabled else None

    def lines(self, state: SeenCoupon, target: bool) -> list[Line]:
        """Return whether it is on, before and after."""
        return [Line("status", _switch(state.coupon.enabled), _switch(target))]

    def write(self, row: BulkRow, state: SeenCoupon, target: bool, actor: Actor) -> None:
        """Turn it on or off."""
        del actor
        row.before, row.after_version = {"enabled": state.coupon.enabled}, int(target)
        state.coupon.enabled = target
        db.session.flush()

    def restore(self, row: BulkRow, state: SeenCoupon, actor: Actor) -> None:
        """Turn it back."""
        del actor
        state.coupon.enabled = bool((row.before or {})["enabled"])
        db.session.flush()


@dataclass(frozen=True, slots=True)
class SeenPromotion:
    """A promotion as it is now."""

    promotion: Promotion

    @property
    def name(self) -> str:
        """What staff call it."""
        return self.promotion.label

    @property
    def version(self) -> int:
        """Its version."""
        return self.promotion.version


class PromotionChange(ChangeOneByOne[SeenPromotion, Any]):
    """A change of promotions."""

    permission: ClassVar[str] = "pricing.manage"
    view: ClassVar[str] = "pricing.view"
    model: ClassVar[Any] = Promotion
    entity: ClassVar[str] = "promotion"

    def gone(self) -> NotFound:
        """Return the error of a promotion that is not there."""
        return NotFound("promotion_not_found")

    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return the labels of those that are there, and their ids for the address."""
        rows = db.session.execute(select(Promotion.id, Promotion.label).where(Promotion.id.in_(ids)))
        return {row.id: Named(row.label, str(row.id)) for row in rows}

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, SeenPromotion]:
        """Return promotions by id."""
        found = select(Promotion).where(Promotion.id.in_(ids)).order_by(Promotion.id)
        found = found.execution_options(populate_existing=True)
        promotions = db.session.scalars(found.with_for_update() if lock else found)
        return {promotion.id: SeenPromotion(promotion) for promotion in promotions}

    def save(self, row: BulkRow, state: SeenPromotion) -> None:
        """Write the promotion, note its version, and let no cart be priced by the old rules."""
        db.session.flush()
        row.after_version = state.promotion.version
        touch_rules()


class SwitchPromotions(PromotionChange):
    """Turn promotions on or off."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored."""
        return {"enabled": bool(given["enabled"])}

    def target(self, state: SeenPromotion, parameters: Parameters, details: Parameters) -> bool | None:
        """Return whether the promotion will be on, None when it is so already."""
        del details
        wanted = bool(parameters["enabled"])
        return wanted if wanted != state.promotion.enabled else None

    def lines(self, state: SeenPromotion, target: bool) -> list[Line]:
        """Return whether it is on, before and after."""
        return [Line("status", _switch(state.promotion.enabled), _switch(target))]

    def write(self, row: BulkRow, state: SeenPromotion, target: bool, actor: Actor) -> None:
        """Turn it on or off."""
        del actor
        row.before = {"enabled": state.promotion.enabled}
        state.promotion.enabled = target
        self.save(row, state)

    def restore(self, row: BulkRow, state: SeenPromotion, actor: Actor) -> None:
        """Turn it back."""
        del actor
        state.promotion.enabled = bool((row.before or {})["enabled"])
        self.save(row, state)


class EndPromotions(PromotionChange):
    """Say when promotions end; without a moment they go on until somebody ends them."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the moment as it is stored. `ends_at` is aware, or None."""
        return {"ends_at": _text(given["ends_at"])}

    def target(
        self, state: SeenPromotion, parameters: Parameters, details: Parameters
    ) -> tuple[datetime | None] | None:
        """Return the new end. Raises InvalidValue when the promotion would end before it starts."""
        del details
        wanted, starts_at = _moment(parameters["ends_at"]), state.promotion.starts_at
        if wanted == state.promotion.ends_at:
            return None
        if wanted and starts_at and wanted <= starts_at:
            raise InvalidValue("ends_at", "promotion_ends_before_start")
        return (wanted,)

    def lines(self, state: SeenPromotion, target: tuple[datetime | None]) -> list[Line]:
        """Return the end before and after, as moments that JSON can hold."""
        return [Line("ends_at", _text(state.promotion.ends_at), _text(target[0]))]

    def write(self, row: BulkRow, state: SeenPromotion, target: tuple[datetime | None], actor: Actor) -> None:
        """Write the new end."""
        del actor
        row.before = {"ends_at": _text(state.promotion.ends_at)}
        state.promotion.ends_at = target[0]
        self.save(row, state)

    def restore(self, row: BulkRow, state: SeenPromotion, actor: Actor) -> None:
        """Write the old end."""
        del actor
        state.promotion.ends_at = _moment((row.before or {})["ends_at"])
        self.save(row, state)


def _switch(enabled: bool) -> str:
    return "on" if enabled else "off"


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

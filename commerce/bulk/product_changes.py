"""What can be done to many products at once: each change says what becomes of one product, and how it is undone."""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import select

from commerce.bulk.changes import BulkChange, Chosen, Named, Parameters
from commerce.bulk.models import BulkRow
from commerce.bulk.outcomes import Line, Outcome, note
from commerce.bulk.product_states import (
    ProductSnapshot,
    ProductTarget,
    VariantSnapshot,
    load_products,
    write_products,
)
from commerce.catalog.models import Category, Product
from commerce.catalog.validation import STATUSES, checked_line
from commerce.db import db
from commerce.errors import CommerceError, InvalidValue, NotFound, StaleVersion
from commerce.events.outbox import Actor
from commerce.money import MAX_AMOUNT, PPM

MAX_TAGS = 250
"""Tags that a product may have after a change."""


class ProductChange(BulkChange):
    """A change of products: hundreds in a few statements."""

    permission: ClassVar[str] = "products.change"
    view: ClassVar[str] = "products.view"
    model: ClassVar[Any] = Product
    variants: ClassVar[bool] = False
    categories: ClassVar[bool] = False

    @abstractmethod
    def target(self, state: ProductSnapshot, parameters: Parameters) -> ProductTarget:
        """Return what becomes of a product. Raises InvalidValue when it cannot become that."""

    @abstractmethod
    def lines(self, state: ProductSnapshot, target: ProductTarget) -> list[Line]:
        """Return what changes in a product, for the sample of a preview."""

    @abstractmethod
    def before(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, Any]:
        """Return what an undo needs."""

    @abstractmethod
    def restored(self, state: ProductSnapshot, before: Mapping[str, Any]) -> ProductTarget:
        """Return what takes the change back."""

    def outcomes(self, rows: Sequence[Chosen], parameters: Parameters) -> Iterator[Outcome]:
        """Yield what would become of products, in their order."""
        states = self._load([row.id for row in rows], lock=False)
        for row in rows:
            state = states.get(row.id)
            if state is None:
                yield Outcome(error=NotFound("product_not_found"))
                continue
            try:
                target = self.target(state, parameters)
            except InvalidValue as error:
                yield Outcome(state.title, error=error)
                continue
            lines = self.lines(state, target) if target else []
            yield Outcome(state.title, lines, figures=self.figures(state, target))

    def figures(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, int]:
        """Return numbers that a preview adds up."""
        del state, target
        return {}

    def apply(self, rows: Sequence[BulkRow], parameters: Parameters, actor: Actor) -> None:
        """Change the products of these rows that are as the preview saw them. A step."""
        del actor
        states = self._load([row.subject_id for row in rows], lock=True)
        targets: dict[uuid.UUID, ProductTarget] = {}
        for row in rows:
            state = states.get(row.subject_id)
            if state is None:
                note(row, "conflict", NotFound("product_not_found"))
            elif state.version != row.subject_version:
                note(row, "conflict", StaleVersion("product", row.subject_version, state.version))
            else:
                self._apply_one(row, state, parameters, targets)
        write_products(targets)

    def _apply_one(
        self,
        row: BulkRow,
        state: ProductSnapshot,
        parameters: Parameters,
        targets: dict[uuid.UUID, ProductTarget],
    ) -> None:
        try:
            target = self.target(state, parameters)
        except CommerceError as error:
            note(row, "failed", error)
            return
        if not target:
            row.status = "unchanged"
            return
        row.status, row.before, row.after_version = "done", self.before(state, target), state.version + 1
        targets[state.id] = target

    def undo(self, rows: Sequence[BulkRow], actor: Actor) -> None:
        """Restore the products of these rows that nobody has changed since. A step."""
        del actor
        states = self._load([row.subject_id for row in rows], lock=True)
        targets: dict[uuid.UUID, ProductTarget] = {}
        for row in rows:
            state = states.get(row.subject_id)
            if state is None:
                note(row, "kept", NotFound("product_not_found"))
            elif state.version != row.after_version:
                note(row, "kept", StaleVersion("product", row.after_version or 0, state.version))
            else:
                row.status = "undone"
                targets[state.id] = self.restored(state, row.before or {})
        write_products(targets)

    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return the titles and slugs of those that are still there."""
        rows = db.session.execute(select(Product.id, Product.title, Product.slug).where(Product.id.in_(ids)))
        return {row.id: Named(row.title, row.slug) for row in rows}

    def _load(self, ids: Sequence[uuid.UUID], *, lock: bool) -> dict[uuid.UUID, ProductSnapshot]:
        return load_products(ids, variants=self.variants, categories=self.categories, lock=lock)


class ChangePrice(ProductChange):
    """Raise or lower the prices of all variants, by a percentage (millionths) or an amount (minor units).

    `compare_at`: keep it, set it to the old price, or clear it.
    """

    variants = True
    COMPARE_AT = ("keep", "old_price", "clear")

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        if given["direction"] not in ("raise", "lower") or given["compare_at"] not in self.COMPARE_AT:
            raise InvalidValue("direction", "unknown_choice")
        percent, amount = given.get("percent"), given.get("amount")
        if (percent is None) == (amount is None):
            raise InvalidValue("percent", "percent_or_amount")
        if percent is not None and not 0 <= percent <= 10 * PPM:
            raise InvalidValue("percent", "price_out_of_range")
        if amount is not None and not 0 <= amount <= MAX_AMOUNT:
            raise InvalidValue("amount", "price_out_of_range")
        if not percent and not amount and given["compare_at"] == "keep":
            raise InvalidValue("percent", "percent_or_amount")
        names = ("direction", "percent", "amount", "compare_at")
        return {name: given.get(name) for name in names}

    def target(self, state: ProductSnapshot, parameters: Parameters) -> ProductTarget:
        """Return the new prices. Raises InvalidValue for one below zero or beyond all bounds."""
        found = {each.id: (each.price, each.compare_at) for each in state.variants}
        wanted = {each.id: self._priced(each, parameters) for each in state.variants}
        return ProductTarget(prices={key: new for key, new in wanted.items() if new != found[key]})

    def _priced(self, variant: VariantSnapshot, parameters: Parameters) -> tuple[int, int | None]:
        sign = 1 if parameters["direction"] == "raise" else -1
        if parameters["amount"] is not None:
            price = variant.price + sign * parameters["amount"]
        else:
            # Half a minor unit goes up, as on paper.
            price = (2 * variant.price * (PPM + sign * parameters["percent"]) + PPM) // (2 * PPM)
        if not 0 <= price <= MAX_AMOUNT:
            raise InvalidValue("price", "price_out_of_range")
        compare_at = variant.compare_at
        if parameters["compare_at"] == "clear":
            compare_at = None
        elif parameters["compare_at"] == "old_price" and price < variant.price:
            compare_at = variant.price
        return price, compare_at

    def lines(self, state: ProductSnapshot, target: ProductTarget) -> list[Line]:
        """Return the old and the new price of each variant that changes."""
        return [
            Line(each.sku, each.price, target.prices[each.id][0], is_money=True)
            for each in state.variants
            if each.id in target.prices
        ]

    def figures(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, int]:
        """Count variants, and add up their prices before and after."""
        after = sum(target.prices.get(each.id, (each.price,))[0] for each in state.variants)
        before = sum(each.price for each in state.variants)
        return {"variants": len(target.prices), "money_before": before, "money_after": after}

    def before(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, Any]:
        """Return the prices as they were."""
        return {
            "prices": {
                str(each.id): [each.price, each.compare_at]
                for each in state.variants
                if each.id in target.prices
            }
        }

    def restored(self, state: ProductSnapshot, before: Mapping[str, Any]) -> ProductTarget:
        """Return the old prices of variants that are still there."""
        present = {str(each.id): each.id for each in state.variants}
        return ProductTarget(
            prices={
                present[key]: (price, compare_at)
                for key, (price, compare_at) in before["prices"].items()
                if key in present
            }
        )


class ChangeStatus(ProductChange):
    """Publish products, hide them as drafts, or archive them."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        if given["status"] not in STATUSES:
            raise InvalidValue("status", "unknown_product_status", status=str(given["status"])[:40])
        return {"status": given["status"]}

    def target(self, state: ProductSnapshot, parameters: Parameters) -> ProductTarget:
        """Return the new status."""
        status = parameters["status"]
        return ProductTarget({"status": status} if state.status != status else {})

    def lines(self, state: ProductSnapshot, target: ProductTarget) -> list[Line]:
        """Return the old and the new status."""
        return [Line("status", state.status, target.columns["status"])]

    def before(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, Any]:
        """Return the status as it was."""
        del target
        return {"status": state.status}

    def restored(self, state: ProductSnapshot, before: Mapping[str, Any]) -> ProductTarget:
        """Return the old status."""
        del state
        return ProductTarget({"status": before["status"]})


class ChangeTags(ProductChange):
    """Add tags to products and take others away. Tags are compared without regard to case."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        parameters = {name: _tags(name, given[name]) for name in ("add", "remove")}
        if not parameters["add"] and not parameters["remove"]:
            raise InvalidValue("add", "tags_required")
        return parameters

    def target(self, state: ProductSnapshot, parameters: Parameters) -> ProductTarget:
        """Return the new tags. Raises InvalidValue when there are too many."""
        gone = {tag.casefold() for tag in parameters["remove"]}
        tags = [tag for tag in state.tags if tag.casefold() not in gone]
        present = {tag.casefold() for tag in tags}
        tags += [tag for tag in parameters["add"] if tag.casefold() not in present]
        if len(tags) > max(MAX_TAGS, len(state.tags)):
            raise InvalidValue("add", "too_many_tags", limit=MAX_TAGS)
        return ProductTarget({"tags": tags} if tags != list(state.tags) else {})

    def lines(self, state: ProductSnapshot, target: ProductTarget) -> list[Line]:
        """Return the old and the new tags."""
        return [Line("tags", ", ".join(state.tags), ", ".join(target.columns["tags"]))]

    def before(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, Any]:
        """Return the tags as they were."""
        del target
        return {"tags": list(state.tags)}

    def restored(self, state: ProductSnapshot, before: Mapping[str, Any]) -> ProductTarget:
        """Return the old tags."""
        del state
        return ProductTarget({"tags": before["tags"]})


def _tags(name: str, given: Sequence[str]) -> list[str]:
    tags = [tag for each in given if (tag := checked_line(name, each))]
    return list({tag.casefold(): tag for tag in tags}.values())


class ChangeCategories(ProductChange):
    """Put products into categories and take them out of others; ids as texts."""

    categories = True

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored, with the names of the categories. Raises InvalidValue."""
        wanted = {name: sorted(set(map(str, given[name]))) for name in ("add", "remove")}
        if not wanted["add"] and not wanted["remove"]:
            raise InvalidValue("add", "category_required")
        if set(wanted["add"]) & set(wanted["remove"]):
            raise InvalidValue("remove", "category_in_and_out")
        ids = [uuid.UUID(each) for each in (*wanted["add"], *wanted["remove"])]
        names = {str(row.id): row.name for row in db.session.execute(_named(ids))}
        if len(names) < len(ids):
            raise InvalidValue("add", "category_gone")
        return {**wanted, "names": names}

    def target(self, state: ProductSnapshot, parameters: Parameters) -> ProductTarget:
        """Return what the product goes into and out of."""
        into = {uuid.UUID(each) for each in parameters["add"]} - state.categories
        out_of = {uuid.UUID(each) for each in parameters["remove"]} & state.categories
        return ProductTarget(into=into, out_of=out_of)

    def lines(self, state: ProductSnapshot, target: ProductTarget) -> list[Line]:
        """Return how many categories the product is in."""
        now = len(state.categories)
        return [Line("categories", str(now), str(now + len(target.into) - len(target.out_of)))]

    def before(self, state: ProductSnapshot, target: ProductTarget) -> dict[str, Any]:
        """Return what was added and what was taken away."""
        del state
        return {"into": sorted(map(str, target.into)), "out_of": sorted(map(str, target.out_of))}

    def restored(self, state: ProductSnapshot, before: Mapping[str, Any]) -> ProductTarget:
        """Return the way back, as far as the categories are still there."""
        back = {uuid.UUID(each) for each in before["out_of"]} - state.categories
        there = set(db.session.scalars(select(Category.id).where(Category.id.in_(back)))) if back else set()
        out_of = {uuid.UUID(each) for each in before["into"]} & state.categories
        return ProductTarget(into=back & there, out_of=out_of)


def _named(ids: Sequence[uuid.UUID]) -> Any:
    return select(Category.id, Category.name).where(Category.id.in_(ids))

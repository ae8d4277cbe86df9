"""The options of a product on a page of their own: names, values, and the variants that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.confirmation import confirm_first
from commerce.admin.forms import seen_row_version
from commerce.admin.products import queries
from commerce.admin.products.fields import split_names
from commerce.admin.save import done
from commerce.catalog.change_options import OptionOutcome, OptionUpdate, change_options
from commerce.catalog.models import Product, Variant
from commerce.catalog.options import MAX_OPTIONS
from commerce.catalog.validation import LIMITS
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict, Rejected
from commerce.inventory.adjustments import set_initial_stock
from commerce.orders.unsold_variants import delete_unsold_stock
from commerce.web import private, status_of

LONGEST = 20_000


@dataclass(slots=True)
class OptionRow:
    """An option as it stands in the form. `values` are (what it was, what it becomes); `more` is a list with commas."""

    former: int | None
    name: str = ""
    values: list[tuple[str, str]] = field(default_factory=list)
    more: str = ""
    removed: bool = False

    @property
    def key(self) -> str:
        """The beginning of its fields' names."""
        return "new" if self.former is None else f"option{self.former}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed for a new one."""
        return self.former is None and not (self.name or self.more)

    @property
    def lost(self) -> list[str]:
        """The values that are removed."""
        if self.removed:
            return [was for was, _now in self.values]
        return [was for was, now in self.values if not now]

    def update(self) -> OptionUpdate:
        """Return what the option becomes."""
        kept = [(was, now) for was, now in self.values if now]
        renamed = {was: now for was, now in kept if was != now}
        return OptionUpdate(
            self.name, [*(now for _was, now in kept), *split_names(self.more)], self.former, renamed
        )


def _rows_of(product: Product, variants: Sequence[Variant]) -> list[OptionRow]:
    """Return the options of a product as its page first shows them, with places for new ones."""
    rows = []
    fitting = [each for each in variants if len(each.option_values) == len(product.option_names)]
    for number, name in enumerate(product.option_names):
        values = dict.fromkeys(each.option_values[number] for each in fitting if each.active)
        rows.append(OptionRow(number, name, [(value, value) for value in values]))
    return rows + [OptionRow(None) for _number in range(MAX_OPTIONS - len(rows))]


def _sent_rows(form: Any) -> list[OptionRow]:
    """Return the options of a form that was sent."""
    rows = []
    for number in range(MAX_OPTIONS):
        key = f"option{number}"
        if f"{key}-name" in form:
            pairs = zip(form.getlist(f"{key}-was"), form.getlist(f"{key}-value"), strict=False)
            rows.append(
                OptionRow(
                    number,
                    form[f"{key}-name"].strip(),
                    [(was, now.strip()) for was, now in pairs],
                    form.get(f"{key}-more", "")[:LONGEST],
                    f"{key}-remove" in form,
                )
            )
    new = zip(form.getlist("new-name"), form.getlist("new-values"), strict=False)
    rows += [OptionRow(None, name.strip(), more=more[:LONGEST]) for name, more in new]
    return rows[:MAX_OPTIONS]


@blueprint.get("/products/<slug>/options")
@requires_permission("products.change")
def product_options(slug: str) -> BaseResponse:
    """Show the options of a product as a form."""
    product = queries.find_product(slug)
    return _show(product, _rows_of(product, queries.variants_of(product.id)))


@blueprint.post("/products/<slug>/options")
@requires_permission("products.change")
def product_options_change(slug: str) -> BaseResponse:
    """Change the options of a product; before variants go, say so and ask."""
    product, rows = queries.find_product(slug), _sent_rows(request.form)
    back = f"/admin/products/{quote(slug)}"
    lost = [
        (row.name or _("Option"), _("Removed: %(values)s", values=", ".join(row.lost)))
        for row in rows
        if row.lost
    ]
    if lost:
        asks = confirm_first(
            _("Remove values of %(title)s", title=product.title),
            _("Remove"),
            f"{back}/options",
            [*lost, (_("Orders"), _("Variants that were ordered are kept, and no longer sold."))],
            words=_("Variants with these values are deleted with their stock."),
        )
        if asks is not None:
            return asks
    try:
        outcome = change_options(
            product.id,
            [row.update() for row in rows if not (row.removed or row.is_empty)],
            seen_version=seen_row_version(),
            open_stock=partial(set_initial_stock, cause="received", actor=current_staff().name, reference=""),
            delete_unsold=delete_unsold_stock,
        )
    except (Rejected, Conflict) as error:
        return _show(product, rows, status_of(error), error)
    return done(_said(outcome), back)


def _said(outcome: OptionOutcome) -> str:
    parts = [_("Options saved.")]
    if outcome.added:
        parts.append(ngettext("%(num)d variant added.", "%(num)d variants added.", outcome.added))
    if outcome.deleted:
        parts.append(ngettext("%(num)d variant deleted.", "%(num)d variants deleted.", outcome.deleted))
    if outcome.switched_off:
        parts.append(
            ngettext(
                "%(num)d variant was ordered before and is no longer sold.",
                "%(num)d variants were ordered before and are no longer sold.",
                outcome.switched_off,
            )
        )
    return " ".join(parts)


def _show(
    product: Product, rows: Sequence[OptionRow], status: int = 200, problem: CommerceError | None = None
) -> BaseResponse:
    stale = isinstance(problem, Conflict)
    page = render_template(
        "admin/products/options.html",
        product=product,
        rows=rows,
        problem=problem if stale else None,
        problems=[("", describe(problem))] if problem and not stale else [],
        longest=LIMITS.line,
        now=_rows_of(product, queries.variants_of(product.id)) if stale else [],
    )
    return private(make_response(page, status))

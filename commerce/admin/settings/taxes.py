"""Tax rates in the back office: one for each country and class, and one for everywhere else."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response as BaseResponse
from wtforms.validators import InputRequired, ValidationError

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import (
    CountriesField,
    PercentField,
    country_names,
    name_field,
    percent_text,
    tax_class_field,
    version_field,
)
from commerce.admin.pricing.queries import tax_classes
from commerce.admin.products.forms import Difference
from commerce.admin.versioned_form import VersionedForm, seen_row_version
from commerce.errors import CommerceError, Conflict, InvalidValue, StaleVersion
from commerce.pricing.models import TaxRate
from commerce.pricing.queries import get_tax_rate, list_tax_rates
from commerce.pricing.services import change_tax_rate, create_tax_rate, delete_tax_rate
from commerce.pricing.validation import TaxValues, tax_values_of
from commerce.tenants.row_hash import row_fingerprint
from commerce.web import render_region, see_other

LIST = "/admin/pricing/taxes"


class TaxForm(VersionedForm):
    """A tax rate. `version` says what the page had shown; a new rate has none."""

    version = version_field()
    country = CountriesField(
        lazy_gettext("Country"),
        [InputRequired(lazy_gettext("Please name a country, or * for everywhere else."))],
    )
    tax_class = tax_class_field(lazy_gettext("Tax class"))
    rate_ppm = PercentField(
        lazy_gettext("Rate in percent"), [InputRequired(lazy_gettext("Please enter a percentage."))]
    )
    label = name_field(lazy_gettext("Label"))

    def __init__(self, known: TaxRate | None, formdata: Any = None) -> None:
        super().__init__(formdata, data=_shown(known) if known else None)
        if known is None:
            del self.version

    def validate_country(self, field: CountriesField) -> None:
        """Refuse several countries: each has a rate of its own."""
        if field.data and len(field.data) > 1:
            raise ValidationError(_("A rate is for one country, or for everywhere else."))

    def values(self) -> TaxValues:
        """Return what was filled in; call it only after `validate`."""
        return TaxValues(self.country.data[0], self.tax_class.data, self.rate_ppm.data, self.label.data)


def _shown(known: TaxRate) -> dict[str, Any]:
    return {
        "version": version_of(known),
        "country": (known.country,),
        "tax_class": known.tax_class,
        "rate_ppm": known.rate_ppm,
        "label": known.label,
    }


def version_of(rate: TaxRate) -> int:
    """Return the number by which a form says what it saw of a rate."""
    return row_fingerprint(rate.country, rate.tax_class, rate.rate_ppm, rate.label)


@blueprint.get("/pricing/taxes")
@requires_permission("pricing.view")
def tax_list() -> BaseResponse:
    """Show the tax table, and how the shop reckons with it."""
    return render_region(
        "admin/settings/taxes.html",
        "admin/settings/_taxes.html",
        rates=list_tax_rates(),
        country_names=country_names,
        percent=percent_text,
    )


@blueprint.get("/pricing/taxes/new")
@requires_permission("pricing.manage")
def tax_new() -> BaseResponse:
    """Show an empty form."""
    return _show(None, TaxForm(None))


@blueprint.post("/pricing/taxes")
@requires_permission("pricing.manage")
def tax_create() -> BaseResponse:
    """Add a rate."""
    form = TaxForm(None, request.form)
    if not form.validate():
        return _show(None, form, 422)
    try:
        create_tax_rate(form.values())
    except InvalidValue as error:
        form.refuse(error)
        return _show(None, form, 422)
    flash(_("The tax rate is there."), "good")
    return see_other(LIST)


@blueprint.get("/pricing/taxes/<uuid:rate_id>")
@requires_permission("pricing.view")
def tax_page(rate_id: uuid.UUID) -> BaseResponse:
    """Show one rate as a form."""
    known = get_tax_rate(rate_id)
    return _show(known, TaxForm(known))


@blueprint.post("/pricing/taxes/<uuid:rate_id>")
@requires_permission("pricing.manage")
def tax_change(rate_id: uuid.UUID) -> BaseResponse:
    """Save a rate, unless somebody else has changed it meanwhile."""
    known = get_tax_rate(rate_id)
    seen = tax_values_of(known)
    form = TaxForm(known, request.form)
    if not form.validate():
        return _show(known, form, 422)
    try:
        if form.version.data != version_of(known):
            raise StaleVersion("tax rate", form.version.data, version_of(known))
        change_tax_rate(rate_id, form.values(), seen)
    except InvalidValue as error:
        form.refuse(error)
        return _show(known, form, 422)
    except Conflict as error:
        now = get_tax_rate(rate_id)
        form.catch_up(version_of(now))
        return _show(now, form, 409, error, form.differences(TaxForm(now)))
    flash(_("Saved."), "good")
    return see_other(LIST)


@blueprint.post("/pricing/taxes/<uuid:rate_id>/deletion")
@requires_permission("pricing.manage")
def tax_delete(rate_id: uuid.UUID) -> BaseResponse:
    """Delete a rate; orders keep what they were placed with."""
    known = get_tax_rate(rate_id)
    seen = tax_values_of(known)
    try:
        if seen_row_version() != version_of(known):
            raise StaleVersion("tax rate", seen_row_version(), version_of(known))
        delete_tax_rate(rate_id, seen)
    except Conflict as error:
        now = get_tax_rate(rate_id)
        return _show(now, TaxForm(now), 409, error)
    flash(_("The tax rate is deleted."), "good")
    return see_other(LIST)


def _show(
    known: TaxRate | None,
    form: TaxForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    return render_region(
        "admin/settings/tax.html",
        "admin/settings/_tax.html",
        status,
        known=known,
        version=version_of(known) if known else 0,
        form=form,
        problem=problem,
        tax_classes=tax_classes(),
        compared=compared,
    )

"""Ways to pay in the back office: what they cost, how long stock waits for the money, and the keys of a gateway."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import percent_text
from commerce.admin.pricing.queries import tax_classes
from commerce.admin.products.forms import Difference
from commerce.admin.settings.payment_form import GATEWAYS, PaymentForm
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import CommerceError, Conflict, InvalidValue, NotFound
from commerce.payments.methods import MethodRow, configure_method, get_method, list_methods, remove_method
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

LIST = "/admin/pricing/payment-methods"
HOUR, DAY = 60, 24 * 60


@blueprint.get("/pricing/payment-methods")
@requires_permission("pricing.view")
def payment_list() -> BaseResponse:
    """Show every way to pay with its fee."""
    return render_region(
        "admin/settings/payment_methods.html",
        "admin/settings/_payment_methods.html",
        methods=list_methods(),
        gateways=GATEWAYS,
        percent=percent_text,
        time_text=time_text,
        currency=current_shop().currency,
    )


@blueprint.get("/pricing/payment-methods/new/<gateway>")
@requires_permission("payments.methods")
def payment_new(gateway: str) -> BaseResponse:
    """Show an empty form for a gateway."""
    return _show(_known_gateway(gateway), None, PaymentForm(gateway, None))


@blueprint.post("/pricing/payment-methods/new/<gateway>")
@requires_permission("payments.methods")
@requires_recent_auth
def payment_create(gateway: str) -> BaseResponse:
    """Add a way to pay."""
    form = PaymentForm(_known_gateway(gateway), None, request.form)
    if not form.validate():
        return _show(gateway, None, form, 422)
    code = form.code.data
    try:
        _refuse_taken(code)
        configure_method(code, gateway=gateway, **form.terms())
    except InvalidValue as error:
        form.refuse(error)
        return _show(gateway, None, form, 422)
    flash(_("The way to pay is there."), "good")
    return see_other(f"{LIST}/{code}")


@blueprint.get("/pricing/payment-methods/<code>")
@requires_permission("pricing.view")
def payment_page(code: str) -> BaseResponse:
    """Show one way to pay as a form."""
    known = _find(code)
    return _show(known.gateway, known, PaymentForm(known.gateway, known))


@blueprint.post("/pricing/payment-methods/<code>")
@requires_permission("payments.methods")
@requires_recent_auth
def payment_change(code: str) -> BaseResponse:
    """Save a way to pay, unless somebody else has changed it meanwhile."""
    known = _find(code)
    form = PaymentForm(known.gateway, known, request.form)
    if not form.validate():
        return _show(known.gateway, known, form, 422)
    try:
        configure_method(code, seen=form.version.data, **form.terms())
    except InvalidValue as error:
        form.refuse(error)
        return _show(known.gateway, known, form, 422)
    except Conflict as error:
        now = _find(code)
        form.catch_up(now.digest)
        return _show(now.gateway, now, form, 409, error, form.differences(PaymentForm(now.gateway, now)))
    flash(_("Saved."), "good")
    return see_other(f"{LIST}/{code}")


@blueprint.post("/pricing/payment-methods/<code>/deletion")
@requires_permission("payments.methods")
@requires_recent_auth
def payment_delete(code: str) -> BaseResponse:
    """Delete a way to pay that nobody has used."""
    known = _find(code)
    try:
        remove_method(code, seen=request.form.get("version", ""))
    except Conflict as error:
        now = _find(code)
        return _show(now.gateway, now, PaymentForm(now.gateway, now), 409, error)
    flash(_("“%(name)s” is deleted.", name=known.name), "good")
    return see_other(LIST)


def time_text(minutes: int) -> str:
    """Return a time in the largest unit that it is a whole number of."""
    if minutes % DAY == 0:
        return str(ngettext("%(num)d day", "%(num)d days", minutes // DAY))
    if minutes % HOUR == 0:
        return str(ngettext("%(num)d hour", "%(num)d hours", minutes // HOUR))
    return str(ngettext("%(num)d minute", "%(num)d minutes", minutes))


def _known_gateway(name: str) -> str:
    if name not in GATEWAYS:
        raise NotFound("There is no such gateway.")
    return name


def _refuse_taken(code: str) -> None:
    """Raise InvalidValue for a code that there is: what was meant as a new way to pay never changes another one."""
    if any(method.code == code for method in list_methods()):
        raise InvalidValue("code", _("Another way to pay has this code."))


def _find(code: str) -> MethodRow:
    if not code.isprintable() or len(code) > 40:
        raise NotFound("There is no such way to pay.")
    return get_method(code)


def _show(
    gateway: str,
    known: MethodRow | None,
    form: PaymentForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it, without the secrets."""
    return render_region(
        "admin/settings/payment_method.html",
        "admin/settings/_payment_method.html",
        status,
        gateway=gateway,
        gateway_name=GATEWAYS[gateway],
        known=known,
        form=form,
        problem=problem,
        tax_classes=tax_classes(),
        compared=compared,
        currency=current_shop().currency,
    )

"""A shop's settings in the back office: the shop, its look and host names; taxes, shipping and payment methods."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import current_app, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.fields import amount_text, country_names, percent_text
from commerce.admin.forms import Difference, seen_row_version
from commerce.admin.save import done, save, saved_text
from commerce.admin.settings.forms import (
    FORMS,
    GATEWAYS,
    PaymentForm,
    SettingsForm,
    ShippingForm,
    TaxForm,
    version_of,
)
from commerce.admin.settings.look_preview import FRAMING, draft_theme, preview_address
from commerce.admin.settings.queries import tax_classes, untaxed_countries, what_is_priced
from commerce.admin.step_up import requires_recent_auth
from commerce.catalog.images import MAX_BYTES, NotAPicture, normalise, store
from commerce.errors import CommerceError, InvalidValue, NotFound, StaleVersion
from commerce.money import smallest_cash_amount
from commerce.payments.methods import MethodRow, configure_method, get_method, list_methods, remove_method
from commerce.pricing.models import TaxRate
from commerce.pricing.queries import get_tax_rate, list_tax_rates
from commerce.pricing.services import change_tax_rate, create_tax_rate, delete_tax_rate
from commerce.pricing.validation import tax_values_of
from commerce.shipping.methods import (
    StoredMethod,
    change_method,
    create_method,
    delete_method,
    shipping_method,
    shipping_methods,
)
from commerce.tenants import hosts
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop
from commerce.tenants.settings import change_settings
from commerce.web import accepts_bytes, render_region, status_of

HOME = "/admin/settings"
HOSTS = f"{HOME}/hosts"
LOOK = f"{HOME}/look"
TAXES = "/admin/pricing/taxes"
SHIPPING = "/admin/pricing/shipping"
PAYMENT_METHODS = "/admin/pricing/payment-methods"
HOUR, DAY = 60, 24 * 60


@blueprint.get("/settings")
@requires_permission("orders.view")
def settings() -> BaseResponse:
    """Show everything that can be set, as far as it is open to the one who asks."""
    return make_response(render_template("admin/settings/index.html"))


@blueprint.get("/settings/<section>")
@requires_permission("settings.change")
def settings_page(section: str) -> BaseResponse:
    """Show one page of settings as a form."""
    return _show(section, _form_of(section)(current_shop()))


@blueprint.post("/settings/<section>")
@requires_permission("settings.change")
def settings_change(section: str) -> BaseResponse:
    """Save one page of settings, unless the shop was changed since the page was opened."""
    shop = current_shop()
    form = _form_of(section)(shop, request.form)
    return save(
        form,
        lambda: change_settings(
            shop.id, form.values(shop), seen_version=int(form.version.data), in_use=what_is_priced
        ),
        show=lambda status, **context: _show(section, form, status, **context),
        then=lambda changed: done(saved_text(changed), f"{HOME}/{section}"),
        current=lambda: FORMS[section](get_shop(shop.id)),
    )


def _form_of(section: str) -> type[SettingsForm]:
    if section not in FORMS:
        raise NotFound("settings_page_not_found")
    return FORMS[section]


def _show(
    section: str,
    form: SettingsForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    shop = current_shop()
    response = render_region(
        f"admin/settings/{section}.html",
        f"admin/settings/_{section}.html",
        status,
        section=section,
        form=form,
        problem=problem,
        compared=compared,
        **(_beside() if section != "look" else _previewed(shop, form)),
    )
    if section == "look":
        response.headers["Content-Security-Policy"] = FRAMING
    return response


def _previewed(shop: Shop, form: SettingsForm) -> dict[str, Any]:
    """Return the shop as it is, and where what was typed is shown."""
    typed = {field.name: str(field.data or "") for field in form}
    return {"now": shop, "preview": preview_address(draft_theme(shop, typed))}


def _beside() -> dict[str, Any]:
    """Return what is set elsewhere."""
    return {
        "bound": what_is_priced(),
        "methods": list_methods(),
        "time_text": time_text,
    }


# --- pictures ---------------------------------------------------------------------------------------


@blueprint.post("/settings/look/<any(logo, hero):name>")
@requires_permission("settings.change")
@accepts_bytes(MAX_BYTES + 100_000)
def settings_picture(name: str) -> BaseResponse:
    """Upload an image: decoded and encoded again, so that nothing hidden is left in it."""
    upload = request.files.get("file")
    if not upload or not upload.filename:
        return _refuse_picture(InvalidValue(name, "picture_required"))
    try:
        picture = normalise(upload.stream.read())
    except NotAPicture as error:
        return _refuse_picture(error.at(name))
    shop = current_shop()
    file = store(picture, current_app.config["LOCKSTEP"].media, shop.id)
    return _set_picture(name, {"file": file, "width": picture.width, "height": picture.height})


@blueprint.post("/settings/look/<any(logo, hero):name>/removal")
@requires_permission("settings.change")
def settings_picture_remove(name: str) -> BaseResponse:
    """Remove an image."""
    return _set_picture(name, None)


def _set_picture(name: str, picture: dict[str, Any] | None) -> BaseResponse:
    shop = current_shop()
    value = {"hero": picture["file"] if picture else ""}
    if name == "logo":
        value = {"theme": {**shop.theme, "logo": picture}}
    return save(
        None,
        lambda: change_settings(shop.id, value, seen_version=seen_row_version()),
        show=lambda _status, problem: _refuse_picture(problem),
        then=lambda _changed: done(_("Saved."), LOOK),
    )


def _refuse_picture(error: CommerceError) -> BaseResponse:
    return _show("look", FORMS["look"](get_shop(current_shop().id)), status_of(error), error)


# --- host names -------------------------------------------------------------------------------------


@blueprint.get("/settings/hosts")
@requires_permission("settings.change")
def settings_hosts() -> BaseResponse:
    """Show the host names of the shop."""
    return _show_hosts()


@blueprint.post("/settings/hosts")
@requires_permission("hosts.manage")
@requires_recent_auth
def settings_host_add() -> BaseResponse:
    """Add a host name."""
    typed = request.form.get("host", "")[:300]
    return save(
        None,
        lambda: hosts.add_host(current_shop().id, typed, seen_version=seen_row_version()),
        show=lambda _status, problem: _show_hosts(problem, typed),
        then=lambda host: done(
            _("%(host)s added. Point its DNS here, then verify it to use it in links.", host=host), HOSTS
        ),
    )


@blueprint.post("/settings/hosts/<host>/verification")
@requires_permission("hosts.manage")
@requires_recent_auth
def settings_host_verify(host: str) -> BaseResponse:
    """Prove that a host name leads here, so that it may be in links."""
    scheme = current_app.config["LOCKSTEP"].public_scheme
    return save(
        None,
        lambda: hosts.prove_host(current_shop().id, host, scheme=scheme),
        show=lambda _status, problem: _show_hosts(problem),
        then=lambda _result: done(_("%(host)s is verified.", host=host), HOSTS),
    )


@blueprint.post("/settings/hosts/<host>/<any(primary, removal):action>")
@requires_permission("hosts.manage")
@requires_recent_auth
def settings_host_change(host: str, action: str) -> BaseResponse:
    """Make a host name the primary one, or remove it."""
    change = hosts.make_primary if action == "primary" else hosts.remove_host
    return save(
        None,
        lambda: change(current_shop().id, host, seen_version=seen_row_version()),
        show=lambda _status, problem: _show_hosts(problem),
        then=lambda _result: done(_("Saved."), HOSTS),
    )


def _show_hosts(problem: CommerceError | None = None, typed: str = "") -> BaseResponse:
    shop = get_shop(current_shop().id)
    return render_region(
        "admin/settings/hosts.html",
        "admin/settings/_hosts.html",
        status_of(problem) if problem else 200,
        section="hosts",
        rows=hosts.hosts_of(shop.id),
        version=shop.version,
        problem=problem,
        typed=typed,
    )


# --- taxes ------------------------------------------------------------------------------------------


@blueprint.get("/pricing/taxes")
@requires_permission("pricing.view")
def tax_list() -> BaseResponse:
    """Show the tax rates, and how the shop calculates tax."""
    return render_region(
        "admin/settings/taxes.html",
        "admin/settings/_taxes.html",
        rates=list_tax_rates(),
        untaxed=untaxed_countries(),
        country_names=country_names,
        percent=percent_text,
    )


@blueprint.get("/pricing/taxes/new")
@requires_permission("pricing.manage")
def tax_new() -> BaseResponse:
    """Show an empty form."""
    return _show_tax(None, TaxForm(None))


@blueprint.post("/pricing/taxes")
@requires_permission("pricing.manage")
def tax_create() -> BaseResponse:
    """Add a rate."""
    form = TaxForm(None, request.form)
    return save(
        form,
        lambda: create_tax_rate(form.values()),
        show=lambda status, **context: _show_tax(None, form, status, **context),
        then=lambda _rate: done(_("Tax rate added."), TAXES),
    )


@blueprint.get("/pricing/taxes/<uuid:rate_id>")
@requires_permission("pricing.view")
def tax_page(rate_id: uuid.UUID) -> BaseResponse:
    """Show one rate as a form."""
    known = get_tax_rate(rate_id)
    return _show_tax(known, TaxForm(known))


@blueprint.post("/pricing/taxes/<uuid:rate_id>")
@requires_permission("pricing.manage")
def tax_change(rate_id: uuid.UUID) -> BaseResponse:
    """Save a rate, unless it was changed since the page was opened."""
    known = get_tax_rate(rate_id)
    seen = tax_values_of(known)
    form = TaxForm(known, request.form)

    def do() -> None:
        if form.version.data != version_of(known):
            raise StaleVersion("tax rate", form.version.data, version_of(known))
        change_tax_rate(rate_id, form.values(), seen)

    return save(
        form,
        do,
        show=lambda status, **context: _show_tax(get_tax_rate(rate_id), form, status, **context),
        then=lambda _result: done(_("Saved."), TAXES),
        current=lambda: TaxForm(get_tax_rate(rate_id)),
    )


@blueprint.post("/pricing/taxes/<uuid:rate_id>/deletion")
@requires_permission("pricing.manage")
def tax_delete(rate_id: uuid.UUID) -> BaseResponse:
    """Delete a rate; orders keep what they were placed with."""
    known = get_tax_rate(rate_id)
    seen = tax_values_of(known)

    def do() -> None:
        if seen_row_version() != version_of(known):
            raise StaleVersion("tax rate", seen_row_version(), version_of(known))
        delete_tax_rate(rate_id, seen)

    def show(status: int, problem: CommerceError) -> BaseResponse:
        now = get_tax_rate(rate_id)
        return _show_tax(now, TaxForm(now), status, problem)

    return save(None, do, show=show, then=lambda _result: done(_("Tax rate deleted."), TAXES))


def _show_tax(
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


# --- shipping ---------------------------------------------------------------------------------------


@blueprint.get("/pricing/shipping")
@requires_permission("pricing.view")
def shipping_list() -> BaseResponse:
    """Show every shipping method with its rates."""
    return render_region(
        "admin/settings/shipping_methods.html",
        "admin/settings/_shipping_methods.html",
        methods=shipping_methods(),
        untaxed=untaxed_countries(),
        currency=current_shop().currency,
        country_names=country_names,
    )


@blueprint.get("/pricing/shipping/new")
@requires_permission("pricing.manage")
def shipping_new() -> BaseResponse:
    """Show an empty form."""
    return _show_shipping(ShippingForm(None))


@blueprint.post("/pricing/shipping")
@requires_permission("pricing.manage")
def shipping_create() -> BaseResponse:
    """Add a shipping method."""
    form = ShippingForm(None, request.form)
    return save(
        form,
        lambda: create_method(form.terms()),
        show=lambda status, **context: _show_shipping(form, status, **context),
        then=lambda method_id: done(_("Shipping method added."), f"{SHIPPING}/{method_id}"),
    )


@blueprint.get("/pricing/shipping/<uuid:method_id>")
@requires_permission("pricing.view")
def shipping_page(method_id: uuid.UUID) -> BaseResponse:
    """Show one method as a form."""
    return _show_shipping(ShippingForm(shipping_method(method_id)))


@blueprint.post("/pricing/shipping/<uuid:method_id>")
@requires_permission("pricing.manage")
def shipping_change(method_id: uuid.UUID) -> BaseResponse:
    """Save a method, unless it was changed since the page was opened."""
    form = ShippingForm(shipping_method(method_id), request.form)
    return save(
        form,
        lambda: change_method(method_id, form.terms(), seen_version=form.head.version.data),
        show=lambda status, **context: _show_shipping(form, status, **context),
        then=lambda changed: done(saved_text(changed), f"{SHIPPING}/{method_id}"),
        current=lambda: ShippingForm(shipping_method(method_id)),
    )


@blueprint.post("/pricing/shipping/<uuid:method_id>/deletion")
@requires_permission("pricing.manage")
def shipping_delete(method_id: uuid.UUID) -> BaseResponse:
    """Delete a method that no order has."""
    known = shipping_method(method_id)
    return save(
        None,
        lambda: delete_method(method_id, seen_version=seen_row_version()),
        show=lambda status, problem: _show_shipping(
            ShippingForm(shipping_method(method_id)), status, problem
        ),
        then=lambda _result: done(_("“%(name)s” deleted.", name=known.terms.name), SHIPPING),
    )


def _show_shipping(
    form: ShippingForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    known: StoredMethod | None = form.known
    return render_region(
        "admin/settings/shipping_method.html",
        "admin/settings/_shipping_method.html",
        status,
        form=form,
        known=known,
        problem=problem,
        tax_classes=tax_classes(),
        compared=compared,
        currency=current_shop().currency,
    )


# --- payment methods --------------------------------------------------------------------------------


@blueprint.get("/pricing/payment-methods")
@requires_permission("pricing.view")
def payment_list() -> BaseResponse:
    """Show every payment method with its fee."""
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
    return _show_payment(_known_gateway(gateway), None, PaymentForm(gateway, None))


@blueprint.post("/pricing/payment-methods/new/<gateway>")
@requires_permission("payments.methods")
@requires_recent_auth
def payment_create(gateway: str) -> BaseResponse:
    """Add a payment method."""
    form = PaymentForm(_known_gateway(gateway), None, request.form)

    def do() -> None:
        _refuse_taken(form.code.data)
        configure_method(form.code.data, gateway=gateway, **form.terms())

    return save(
        form,
        do,
        show=lambda status, **context: _show_payment(gateway, None, form, status, **context),
        then=lambda _result: done(_("Payment method added."), f"{PAYMENT_METHODS}/{form.code.data}"),
    )


@blueprint.get("/pricing/payment-methods/<code>")
@requires_permission("pricing.view")
def payment_page(code: str) -> BaseResponse:
    """Show one payment method as a form."""
    known = _find_payment(code)
    return _show_payment(known.gateway, known, PaymentForm(known.gateway, known))


@blueprint.post("/pricing/payment-methods/<code>")
@requires_permission("payments.methods")
@requires_recent_auth
def payment_change(code: str) -> BaseResponse:
    """Save a payment method, unless it was changed since the page was opened."""
    known = _find_payment(code)
    form = PaymentForm(known.gateway, known, request.form)

    def show(status: int, **context: Any) -> BaseResponse:
        return _show_payment(known.gateway, _find_payment(code), form, status, **context)

    return save(
        form,
        lambda: configure_method(code, seen=form.version.data, **form.terms()),
        show=show,
        then=lambda _result: done(_("Saved."), f"{PAYMENT_METHODS}/{code}"),
        current=lambda: PaymentForm(known.gateway, _find_payment(code)),
    )


@blueprint.post("/pricing/payment-methods/<code>/deletion")
@requires_permission("payments.methods")
@requires_recent_auth
def payment_delete(code: str) -> BaseResponse:
    """Delete a payment method that no order has used."""
    known = _find_payment(code)

    def show(status: int, problem: CommerceError) -> BaseResponse:
        now = _find_payment(code)
        return _show_payment(now.gateway, now, PaymentForm(now.gateway, now), status, problem)

    return save(
        None,
        lambda: remove_method(code, seen=request.form.get("version", "")),
        show=show,
        then=lambda _result: done(_("“%(name)s” deleted.", name=known.name), PAYMENT_METHODS),
    )


def time_text(minutes: int) -> str:
    """Return a duration in the largest unit that divides it."""
    if minutes % DAY == 0:
        return str(ngettext("%(num)d day", "%(num)d days", minutes // DAY))
    if minutes % HOUR == 0:
        return str(ngettext("%(num)d hour", "%(num)d hours", minutes // HOUR))
    return str(ngettext("%(num)d minute", "%(num)d minutes", minutes))


def _known_gateway(name: str) -> str:
    if name not in GATEWAYS:
        raise NotFound("gateway_not_found")
    return name


def _refuse_taken(code: str) -> None:
    """Raise InvalidValue for a code that there is: what was meant as a new way to pay never changes another one."""
    if any(method.code == code for method in list_methods()):
        raise InvalidValue("code", "payment_method_code_taken")


def _find_payment(code: str) -> MethodRow:
    if not code.isprintable() or len(code) > 40:
        raise NotFound("payment_method_not_found")
    return get_method(code)


def _show_payment(
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
        smallest_coin=amount_text(smallest_cash_amount(current_shop().currency)),
    )

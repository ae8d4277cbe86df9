"""The operator's pages about shops: the list, one shop, a new one, and the log."""

from __future__ import annotations

from flask import current_app, flash, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.error_messages import describe
from commerce.errors import CommerceError, InvalidValue, Rejected, StaleVersion
from commerce.form_submissions import lands_on
from commerce.money import parse_amount
from commerce.platform.auth import HOME, audit_operator, blueprint, operator_actor
from commerce.platform.forms import HostForm, NewShopForm, PlanLimitsForm, PlatformForm, SuspendForm
from commerce.platform.operator_log import PAGE, newest_entries
from commerce.platform.queries import numbers_of
from commerce.platform.services import NewShop, open_shop, parts_per_million
from commerce.tenants import hosts
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop_by_code, list_shops
from commerce.tenants.services import reopen, suspend
from commerce.tenants.settings import change_settings
from commerce.web import see_other, status_of

SHOPS_PER_PAGE = 50
SHOP = f"{HOME}shops/{{code}}"


@blueprint.get("/")
def shop_list() -> BaseResponse:
    """Show all shops in numbers."""
    shops, page = list_shops(), _page_number()
    here = shops[(page - 1) * SHOPS_PER_PAGE : page * SHOPS_PER_PAGE]
    return make_response(
        render_template(
            "platform/shops.html",
            rows=numbers_of(here),
            page=page,
            more=len(shops) > page * SHOPS_PER_PAGE,
            total=len(shops),
        )
    )


@blueprint.route("/shops/new", methods=["GET", "POST"])
@lands_on(HOME)
def shop_new() -> BaseResponse:
    """Create a shop with its first owner; a password for the owner is on this page alone."""
    form = NewShopForm()
    if form.validate_on_submit():
        try:
            new = _new_shop(form)
            with audit_operator(
                "shop_opened", new.code, name=new.name, hosts=list(new.hosts), owner=new.owner_email
            ):
                shop, password = open_shop(
                    new, operator_actor(), test_card=current_app.config["LOCKSTEP"].test_card
                )
        except InvalidValue as error:
            form.refuse(error)
        except Rejected as error:
            form.form_errors.append(describe(error))
        else:
            return make_response(
                render_template("platform/opened.html", opened=shop, password=password, email=new.owner_email)
            )
    page = render_template("platform/new.html", form=form)
    return make_response(page, 422 if request.method == "POST" else 200)


def _new_shop(form: NewShopForm) -> NewShop:
    """Return what was filled in. Raises InvalidValue for what is no amount or percentage."""
    currency = str(form.currency.data).strip().upper()
    try:
        shipping = parse_amount(form.shipping.data or "0", currency)
    except InvalidValue as error:
        field = error.field if error.field == "currency" else "shipping"
        raise error.at(field) from error
    return NewShop(
        code=str(form.code.data).strip(),
        name=str(form.name.data).strip(),
        currency=currency,
        country=str(form.country.data).strip().upper(),
        hosts=tuple(filter(None, [(form.host.data or "").strip()])),
        tax_ppm=parts_per_million(form.tax_percent.data or "0"),
        prices_include_tax=bool(form.prices_include_tax.data),
        shipping=shipping,
        owner_email=str(form.owner_email.data).strip(),
        owner_by_mail=form.owner_by.data == "mail",
    )


# --- one shop ---------------------------------------------------------------------------------------


@blueprint.get("/shops/<code>")
def shop_page(code: str) -> BaseResponse:
    """Show one shop: its state, limits and host names."""
    return _show(get_shop_by_code(code))


@blueprint.post("/shops/<code>/suspension")
@lands_on(SHOP)
def shop_suspend(code: str) -> BaseResponse:
    """Close a shop to shoppers."""
    shop, form = get_shop_by_code(code), SuspendForm()
    if not form.validate():
        return _show(shop, form)
    try:
        with audit_operator("shop_suspended", code, because=str(form.reason.data)):
            suspend(shop.id, str(form.reason.data))
    except InvalidValue as error:
        return _refused(shop, form, error)
    return _done(shop, _("Shop suspended."))


@blueprint.post("/shops/<code>/reopening")
@lands_on(SHOP)
def shop_reopen(code: str) -> BaseResponse:
    """Open a shop again."""
    shop = get_shop_by_code(code)
    with audit_operator("shop_reopened", code):
        reopen(shop.id)
    return _done(shop, _("Shop reopened."))


@blueprint.post("/shops/<code>/limits")
@lands_on(SHOP)
def shop_limits(code: str) -> BaseResponse:
    """Change what the shop's plan allows; what it has above a new limit stays."""
    shop, form = get_shop_by_code(code), PlanLimitsForm()
    if not form.validate():
        return _show(shop, form)
    limits = {"max_products": form.max_products.data, "max_staff": form.max_staff.data}
    try:
        with audit_operator("limits_changed", code, **limits):
            change_settings(shop.id, limits, seen_version=int(form.version.data))
    except (InvalidValue, StaleVersion) as error:
        return _refused(shop, form, error)
    return _done(shop, _("Saved."))


@blueprint.post("/shops/<code>/hosts")
@lands_on(SHOP)
def shop_host_add(code: str) -> BaseResponse:
    """Add a host name to a shop."""
    shop, form = get_shop_by_code(code), HostForm()
    if not form.validate():
        return _show(shop, form)
    try:
        with audit_operator("host_added", code, host=str(form.host.data)):
            hosts.add_host(shop.id, str(form.host.data), seen_version=int(form.version.data))
    except (InvalidValue, StaleVersion) as error:
        return _refused(shop, form, error)
    return _done(shop, _("Saved."))


@blueprint.post("/shops/<code>/hosts/<host>/proof")
@lands_on(SHOP)
def shop_host_prove(code: str, host: str) -> BaseResponse:
    """Vouch for a host name, so that it may be in links."""
    shop = get_shop_by_code(code)
    with audit_operator("host_proven", code, host=host):
        hosts.mark_proven(shop.id, host)
    return _done(shop, _("Saved."))


@blueprint.post("/shops/<code>/hosts/<host>/<any(primary, removal):deed>")
@lands_on(SHOP)
def shop_host_change(code: str, host: str, deed: str) -> BaseResponse:
    """Put a host name into a shop's links, or take it away."""
    shop, form = get_shop_by_code(code), HostForm()
    do = hosts.make_primary if deed == "primary" else hosts.remove_host
    try:
        with audit_operator(f"host_{deed}", code, host=host):
            do(shop.id, host, seen_version=int(form.version.data or 0))
    except (Rejected, StaleVersion) as error:
        return _show(get_shop_by_code(code), problem=error)
    return _done(shop, _("Saved."))


def _done(shop: Shop, words: str) -> BaseResponse:
    flash(words, "good")
    return see_other(SHOP.format(code=shop.code))


def _refused(shop: Shop, form: PlatformForm, error: CommerceError) -> BaseResponse:
    if isinstance(error, InvalidValue):
        form.refuse(error)
        return _show(shop, form)
    return _show(get_shop_by_code(shop.code), problem=error)


def _show(shop: Shop, form: PlatformForm | None = None, problem: CommerceError | None = None) -> BaseResponse:
    """Answer with the page of a shop: `form` is the one that was refused, the others show what is there."""
    own = {type(form): form} if form else {}
    status = status_of(problem) if problem else 422 if form else 200
    limits = {"max_products": shop.max_products, "max_staff": shop.max_staff}
    page = render_template(
        "platform/shop.html",
        row=numbers_of([shop])[0],
        own=shop,
        hosts=hosts.hosts_of(shop.id),
        form=form,
        problem=problem,
        reason_form=own.get(SuspendForm) or SuspendForm(formdata=None),
        limits_form=own.get(PlanLimitsForm) or PlanLimitsForm(formdata=None, data=limits),
        host_form=own.get(HostForm) or HostForm(formdata=None),
    )
    return make_response(page, status)


# --- the log ----------------------------------------------------------------------------------------


@blueprint.get("/log")
def log_page() -> BaseResponse:
    """Show what operators did, newest first."""
    page = _page_number()
    entries = newest_entries(page)
    return make_response(
        render_template("platform/log.html", entries=entries[:PAGE], page=page, more=len(entries) > PAGE)
    )


def _page_number() -> int:
    text = request.args.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) else 1

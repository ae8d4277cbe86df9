"""The shop's settings: who it is, where and how it sells, what it looks like, and the host names that lead to it."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from typing import Any

from babel.languages import get_official_languages
from flask import current_app, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.products.forms import Difference
from commerce.admin.settings.forms import FORMS, SettingsForm
from commerce.admin.settings.payment_methods import time_text
from commerce.admin.settings.queries import what_is_priced
from commerce.admin.step_up import requires_recent_auth
from commerce.admin.versioned_form import seen_row_version
from commerce.catalog.images import MAX_BYTES, NotAPicture, normalise, store
from commerce.errors import CommerceError, InvalidValue, NotFound, Rejected, StaleVersion
from commerce.notifications.i18n import LANGUAGES
from commerce.payments.methods import list_methods
from commerce.tenants import hosts
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop
from commerce.tenants.settings import change_settings
from commerce.web import accepts_bytes, render_region, see_other, status_of

HOME = "/admin/settings"
HOSTS = f"{HOME}/hosts"
LOOK = f"{HOME}/look"


@blueprint.get("/settings")
@requires_permission("settings.change")
def settings() -> BaseResponse:
    """Begin with who the shop is."""
    return settings_page("shop")


@blueprint.get("/settings/<section>")
@requires_permission("settings.change")
def settings_page(section: str) -> BaseResponse:
    """Show one page of settings as a form."""
    return _show(section, _form_of(section)(current_shop()))


@blueprint.post("/settings/<section>")
@requires_permission("settings.change")
def settings_change(section: str) -> BaseResponse:
    """Save one page of settings, unless somebody else has changed the shop meanwhile."""
    shop = current_shop()
    form = _form_of(section)(shop, request.form)
    if not form.validate():
        return _show(section, form, 422)
    try:
        changed = change_settings(
            shop.id, form.values(shop), seen_version=int(form.version.data), in_use=what_is_priced
        )
    except InvalidValue as error:
        form.refuse(error)
        return _show(section, form, 422)
    except StaleVersion as error:
        now = get_shop(shop.id)
        form.catch_up(now.version)
        return _show(section, form, 409, error, form.differences(FORMS[section](now)))
    flash(_("Saved.") if changed else _("Nothing was different, so nothing was changed."), "good")
    return see_other(f"{HOME}/{section}")


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
    return render_region(
        f"admin/settings/{section}.html",
        f"admin/settings/_{section}.html",
        status,
        section=section,
        form=form,
        problem=problem,
        compared=compared,
        **(_beside(shop) if section != "look" else {"now": shop}),
    )


def _beside(shop: Shop) -> dict[str, Any]:
    """Return what the fields offer to choose from, and what is set elsewhere."""
    at_home = [f"{language}_{shop.country}" for language in get_official_languages(shop.country)]
    return {
        "locales": sorted({*LANGUAGES, *at_home}),
        "timezones": sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone),
        "bound": what_is_priced(),
        "methods": list_methods(),
        "time_text": time_text,
    }


# --- pictures ---------------------------------------------------------------------------------------


@blueprint.post("/settings/look/<any(logo, hero):name>")
@requires_permission("settings.change")
@accepts_bytes(MAX_BYTES + 100_000)
def settings_picture(name: str) -> BaseResponse:
    """Take in a picture: read, written anew without anything hidden in it, and shown from now on."""
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
    """Show the picture no more."""
    return _set_picture(name, None)


def _set_picture(name: str, picture: dict[str, Any] | None) -> BaseResponse:
    shop = current_shop()
    value = {"hero": picture["file"] if picture else ""}
    if name == "logo":
        value = {"theme": {**shop.theme, "logo": picture}}
    try:
        change_settings(shop.id, value, seen_version=seen_row_version())
    except (InvalidValue, StaleVersion) as error:
        return _refuse_picture(error)
    flash(_("Saved."), "good")
    return see_other(LOOK)


def _refuse_picture(error: CommerceError) -> BaseResponse:
    return _show("look", FORMS["look"](get_shop(current_shop().id)), status_of(error), error)


# --- host names -------------------------------------------------------------------------------------


@blueprint.get("/settings/hosts")
@requires_permission("settings.change")
def settings_hosts() -> BaseResponse:
    """Show the host names that lead to the shop."""
    return _show_hosts()


@blueprint.post("/settings/hosts")
@requires_permission("hosts.manage")
@requires_recent_auth
def settings_host_add() -> BaseResponse:
    """Let one more host name lead to the shop."""
    typed = request.form.get("host", "")[:300]
    try:
        host = hosts.add_host(current_shop().id, typed, seen_version=seen_row_version())
    except (Rejected, StaleVersion) as error:
        return _show_hosts(error, typed)
    flash(_("%(host)s added. Point its DNS here, then verify it to use it in links.", host=host), "good")
    return see_other(HOSTS)


@blueprint.post("/settings/hosts/<host>/verification")
@requires_permission("hosts.manage")
@requires_recent_auth
def settings_host_verify(host: str) -> BaseResponse:
    """Prove that a host name leads here, so that it may be in links."""
    try:
        hosts.prove_host(current_shop().id, host, scheme=current_app.config["LOCKSTEP"].public_scheme)
    except Rejected as error:
        return _show_hosts(error)
    flash(_("%(host)s is verified.", host=host), "good")
    return see_other(HOSTS)


@blueprint.post("/settings/hosts/<host>/<any(primary, removal):deed>")
@requires_permission("hosts.manage")
@requires_recent_auth
def settings_host_change(host: str, deed: str) -> BaseResponse:
    """Put a host name into the shop's links, or take it away."""
    do = hosts.make_primary if deed == "primary" else hosts.remove_host
    try:
        do(current_shop().id, host, seen_version=seen_row_version())
    except (Rejected, StaleVersion) as error:
        return _show_hosts(error)
    flash(_("Saved."), "good")
    return see_other(HOSTS)


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

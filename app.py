"""Composition root: `create_app()` puts the parts together and knows them all; no part knows it."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import flask_migrate
import psycopg
from babel import Locale
from flask import Flask, Response, current_app, g, jsonify, request, send_from_directory
from flask_babel import Babel
from jinja2 import StrictUndefined
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from commerce import cli, encryption, readiness
from commerce.accounts import views as account_views
from commerce.accounts.auth import current_member, signed_in_staff
from commerce.admin import views as admin_views
from commerce.api import views as api_views
from commerce.cache import BoundedCache
from commerce.cart import views as cart_views
from commerce.catalog import product_cache
from commerce.checkout import views as checkout_views
from commerce.config import ROOT, Config
from commerce.db import db
from commerce.engine import database_state, engine_options
from commerce.events.queries import outbox_lag_seconds
from commerce.form_submissions import guard_forms
from commerce.invoices import views as invoice_views
from commerce.invoices.queries import order_documents
from commerce.limits import limit_app
from commerce.logs import log_in_lines
from commerce.members import views as member_views
from commerce.orders import views as order_views
from commerce.orders.active_holds import active_holds
from commerce.payments import installation
from commerce.platform import views as platform_views
from commerce.platform.auth import HOME
from commerce.redirects.views import follow_redirects
from commerce.request_limits import ANYBODY, PROGRAM, STAFF, Bounds
from commerce.request_log import log_requests, name_routes
from commerce.schema_state import is_current
from commerce.settlement import webhooks as payment_webhooks
from commerce.shipping.queries import shipped_parcels
from commerce.storefront import stock_alerts as stock_alert_views
from commerce.storefront import views as storefront_views
from commerce.storefront.layout import nav_categories
from commerce.tenant_transfer import views as transfer_views
from commerce.tenants import hosts
from commerce.tenants import views as tenant_views
from commerce.tenants.models import Shop
from commerce.tenants.queries import KnownShop, find_known_shop, find_shop_by_host, list_shops
from commerce.tenants.scope import current_shop, entered_shop, shop_scope
from commerce.translated_templates import KeptDomain, TranslatedTemplates
from commerce.web import PlainFlask, init_web, private, see_other

log = logging.getLogger("commerce")
SHOPLESS = {"static", "healthz", "readyz"}
"""Endpoints that belong to the installation and not to a shop."""
STILL_OPEN = {
    account_views.blueprint.name,
    admin_views.blueprint.name,
    payment_webhooks.blueprint.name,
    tenant_views.blueprint.name,
    "media",
}
"""What of a suspended shop still answers: its staff work on, and payments under way settle."""
YEAR = 31_536_000
MAX_HOST = 260
"""Characters of a host name of DNS with a port."""
MAX_HOSTS = 1024
"""Anybody may name any host, so what is kept of them is bounded."""

_shops: BoundedCache[Shop | None] = BoundedCache(MAX_HOSTS)
_known_shops: dict[tuple[Engine, str], KnownShop] = {}
"""Shops by the host names that are theirs, as this process has last read them."""


def create_app(config: Config | None = None) -> Flask:
    """Build the application from `config` (default: the environment). Raises ConfigError for unsafe settings."""
    config = config or Config.from_env()
    log_in_lines()
    encryption.configure_encryption([config.secret_key, *config.secret_key_fallbacks])
    product_cache.configure_product_cache(config.commerce_mode, config.cache_url)
    hosts.reserve_hosts(config.platform_host)
    installation.configure_installation(
        installation.Installation(
            config.public_scheme,
            config.public_port,
            other_addresses=not config.production,
            test_gateway=not config.production,
        )
    )
    app = PlainFlask("lockstep", root_path=str(ROOT))
    app.jinja_environment = TranslatedTemplates
    app.config.update(_flask_settings(config))
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if config.trusted_proxies:
        hops = config.trusted_proxies
        # The host decides which shop it is. Whoever is in front hands on `Host`; what stands in X-Forwarded-Host is
        # often the visitor's own.
        host = hops if config.trust_forwarded_host else 0
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=host)  # type: ignore[method-assign]

    db.init_app(app)
    flask_migrate.Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
    babel = Babel(app, locale_selector=_locale, timezone_selector=_timezone)
    babel.domain_instance = KeptDomain("messages")
    name_routes(app)
    if config.log_requests:
        log_requests(app)
    # The shop comes first: even the page that refuses a form belongs to one.
    app.before_request(_enter_shop)
    # Tries are counted before a form is read: reading it is part of what somebody could make the shop do too often.
    limit_app(app, config)
    init_web(app, _bounds_of_sender)
    app.teardown_request(_leave_shop)
    app.context_processor(_template_globals)
    for views in (
        storefront_views,
        stock_alert_views,
        cart_views,
        checkout_views,
        payment_webhooks,
        order_views,
        invoice_views,
        account_views,
        member_views,
        transfer_views,  # the blueprint of the back office, with this page on it
        tenant_views,
        platform_views,
        api_views,
    ):
        app.register_blueprint(views.blueprint)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule("/readyz", "readyz", _readyz)
    app.add_url_rule("/media/<path:name>", "media", _media)
    guard_forms(app)
    follow_redirects(app)
    cli.register(app)
    return app


def _flask_settings(config: Config) -> dict[str, Any]:
    return {
        "LOCKSTEP": config,
        "SECRET_KEY": config.secret_key,
        "SECRET_KEY_FALLBACKS": list(config.secret_key_fallbacks),
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(
            config.database_url,
            config.web_threads,
            prepared_statements=config.prepared_statements,
            # A test that moves the time cannot move the database's.
            follow_clock=not config.testing,
        ),
        "SESSION_COOKIE_NAME": "__Host-session" if config.production else "session",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": config.production,
        "WTF_CSRF_TIME_LIMIT": None,
        # The oldest first: signed with the last. Pages that were open while the key changed can still be sent.
        "WTF_CSRF_SECRET_KEY": [*reversed(config.secret_key_fallbacks), config.secret_key],
        # Every message of a form is our own, so WTForms need not load its catalogues for each request.
        "WTF_I18N_ENABLED": False,
        "MAX_CONTENT_LENGTH": ANYBODY.size,
        "SEND_FILE_MAX_AGE_DEFAULT": YEAR,
        "TESTING": config.testing,
        "TEMPLATES_AUTO_RELOAD": False,
    }


def _locale() -> Locale:
    return _parsed_locale(current_shop().locale if "shop" in g else "en")


@lru_cache(maxsize=1024)
def _parsed_locale(name: str) -> Locale:
    return Locale.parse(name)


def _timezone() -> str:
    # Not by the request: mails are written by the worker, which goes from shop to shop.
    shop = entered_shop()
    return shop.timezone if shop else "UTC"


def _template_globals() -> dict[str, Any]:
    return {
        "shop": g.get("shop"),
        "nav_categories": nav_categories,
        "cart_count": cart_views.cart_count,
        "signed_in_member": current_member,
        "static_url": tenant_views.static_url,
        "held_back": lambda variant_id: active_holds(variant_id, cart_views.shopper()),
        "parcels_of": shipped_parcels,
        "order_documents": order_documents,
    }


def _enter_shop() -> BaseResponse | None:
    """Let the host name decide which shop this request is for; no header or parameter can."""
    if request.endpoint in SHOPLESS:
        return None
    # Werkzeug leaves nothing of a Host header that cannot be one: with a user name, spaces, a port above 65535.
    if not request.host or len(request.host) > MAX_HOST:
        raise BadRequest("The address of the shop cannot be read.")
    if _host_name(request.host) == _config().platform_host:
        return _on_platform()
    shop = _enter_known_shop(_host_name(request.host)) or _enter(_shop_at(request.host))
    if request.blueprint == platform_views.blueprint.name:
        raise NotFound("There is no shop at this address.")
    g.shop = shop
    is_open = shop.status == "active" or {request.blueprint, request.endpoint} & STILL_OPEN
    return None if is_open else tenant_views.closed()


def _enter(shop: Shop | None) -> Shop:
    if shop is None:
        raise NotFound("There is no shop at this address.")
    g.shop_exit = ExitStack()
    g.shop_exit.enter_context(shop_scope(shop))
    return shop


def _enter_known_shop(host: str) -> Shop | None:
    """Enter the shop that this process knows at a host, if the database says that nothing of it has changed since.

    Who only looks is asked for that in the transaction that reads the page's rows, so it costs next to nothing.
    """
    known = _known_shops.get((db.engine, host))
    if known is None or not (request.cookies or request.authorization):
        return None
    reads = request.method in ("GET", "HEAD")
    if not reads and known.current_state(host) is None:
        return None
    shop = _enter(known.shop)
    if reads:
        g.database_state = known.current_state(host)
        if g.database_state is None:
            _leave_shop(None)
            return None
    return shop


def _on_platform() -> BaseResponse | None:
    """The host of the installation itself: it has the operator's pages and nothing of any shop."""
    if request.blueprint == platform_views.blueprint.name:
        return None
    if request.path == "/" and request.method in ("GET", "HEAD"):
        return see_other(HOME)
    raise NotFound("There is nothing at this address.")


def _shop_at(host: str) -> Shop | None:
    """Return the shop at a host. For visitors without cookies it is read again only after something was committed."""
    if request.cookies or request.authorization:
        return _know_shop(_host_name(host)) or _find_shop(host)
    g.database_state = database_state(db.session.connection())
    reader, state = g.database_state
    return _shops.get((db.engine, reader, host), lambda: _find_shop(host), state=state)


def _know_shop(host: str) -> Shop | None:
    """Return the shop of a host and keep it for the next request."""
    known = find_known_shop(host)
    if known is None:
        return None
    if len(_known_shops) >= MAX_HOSTS:
        _known_shops.clear()
    _known_shops[db.engine, host] = known
    return known.shop


def _find_shop(host: str) -> Shop | None:
    name = _host_name(host)
    shop = find_shop_by_host(name)
    if shop is not None:
        return shop
    # "shop.example." is the same name for DNS and another site for a browser, with cookies of its own.
    if name.endswith("."):
        return None
    shops = list_shops()
    # One shop answers everywhere; in development the first shop answers at bare addresses such as 127.0.0.1.
    if len(shops) == 1 or (shops and not _config().production and _is_address(name)):
        return shops[0]
    return None


def _host_name(host: str) -> str:
    return host.rsplit(":", 1)[0].strip("[]").lower() if not host.endswith("]") else host.strip("[]")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    return True


def _bounds_of_sender() -> Bounds:
    """Return what the request may hold. Programs are let in, or their signature is checked, before it is parsed."""
    if request.blueprint in (api_views.blueprint.name, payment_webhooks.blueprint.name):
        return PROGRAM
    with_staff = request.blueprint in (admin_views.blueprint.name, account_views.blueprint.name)
    return STAFF if with_staff and signed_in_staff() is not None else ANYBODY


def _leave_shop(_error: BaseException | None) -> None:
    stack = g.pop("shop_exit", None)
    if stack is not None:
        stack.close()


def _config() -> Config:
    config: Config = current_app.config["LOCKSTEP"]
    return config


def _healthz() -> Response:
    """Tell that this process answers."""
    return private(jsonify(status="ok"))


def _readyz() -> tuple[Response, int]:
    """Tell whether this process can serve: database reachable, schema current, room to write; how the outbox moves."""
    if readiness.stopping.is_set():
        return private(jsonify(status="stopping")), 503
    try:
        current = is_current()
        problem = readiness.write_problem()
        lag = outbox_lag_seconds() if current else None
    except (SQLAlchemyError, psycopg.Error) as error:
        log.warning("not ready: the database does not answer (%s)", type(error).__name__)
        return private(jsonify(status="unavailable", database=False)), 503
    ready = current and not problem
    body = {"status": "ok" if ready else "unavailable", "database": True, "migrations": current}
    if problem:
        log.warning("not ready: nothing can be written (%s)", problem)
        body["problem"] = problem
    answer = private(jsonify({**body, "writable": not problem, "outbox_lag_seconds": lag}))
    return answer, 200 if ready else 503


def _media(name: str) -> Response:
    """Serve a picture of this shop. Names hold a digest of the content, so a copy may be kept for ever."""
    if not name.startswith(f"{current_shop().id}/"):
        raise NotFound
    response = send_from_directory(_config().media, name, max_age=YEAR)
    response.cache_control.immutable = True
    return response

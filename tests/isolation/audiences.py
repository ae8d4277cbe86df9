"""For whom each address is. One that is not named here fails the build: somebody must have decided it."""

from flask import Flask
from werkzeug.routing import Rule

INSTALLATION = {"static", "healthz", "readyz"}
"""The same for every shop; they know of none."""
PROGRAMS = {"payment_webhooks.receive"}
"""Gateways call these; the signature of the message decides, in the shop whose host was called."""
SHOP = {
    "cart.add_line",
    "cart.change",
    "cart.show",
    "storefront.categories",
    "storefront.category",
    "storefront.collection",
    "storefront.content_page",
    "storefront.choose_variant",
    "storefront.favicon",
    "storefront.home",
    "storefront.policy",
    "storefront.product",
    "storefront.product_of_woocommerce",
    "storefront.robots",
    "storefront.search",
    "storefront.sitemap",
    "storefront.sitemap_part",
    "checkout.enter_code",
    "checkout.pay_again",
    "checkout.place",
    "checkout.remove_code",
    "checkout.review",
    "checkout.save_details",
    "checkout.show",
    "stock_alerts.subscribe",
    "media",
    "members.confirm",
    "members.find_order",
    "members.forgot",
    "members.mail_sent",
    "members.prove_email",
    "members.register",
    "members.reset",
    "members.sign_in",
    "invoices.document",
    "invoices.order_invoices",
    "orders.cancel",
    "orders.request_refund",
    "orders.show",
    "orders.withdraw",
    "payment_webhooks.return_from_gateway",
    "tenants.host_challenge",
    "tenants.theme",
    "api.openapi",
    "api.reference",
}
"""Any visitor; what is private opens by a 256-bit token or by the visitor's own cookie."""
DOORS = {
    "accounts.forgotten_password",
    "accounts.invitation",
    "accounts.reset_password",
    "accounts.sign_in",
    "accounts.sign_in_code",
    "accounts.sign_out",
}
"""How staff come in and out."""


def audience_of(rule: Rule) -> str:
    """Return whom an address is for, '' when nobody has said so."""
    endpoint = rule.endpoint
    for name, known in (
        ("installation", INSTALLATION),
        ("program", PROGRAMS),
        ("shop", SHOP),
        ("door", DOORS),
    ):
        if endpoint in known:
            return name
    # The API lets in programs with a key of the shop and nobody else; `test_programs` holds it to that.
    # Each of these blueprints asks who is there before any of its views runs; `test_doors` holds them to it.
    for name, prefix, blueprint in (
        ("staff", "/admin/", "admin."),
        ("member", "/account/", "members."),
        ("operator", "/", "platform."),
        ("api", "/api/", "api."),
    ):
        if rule.rule.startswith(prefix) and endpoint.startswith(blueprint):
            return name
    return ""


def rules(app: Flask) -> list[Rule]:
    """Return all addresses, those that end a session last."""
    return sorted(
        app.url_map.iter_rules(), key=lambda rule: ("sign_out" in rule.endpoint, rule.rule, rule.endpoint)
    )


def verbs(rule: Rule) -> list[str]:
    """Return the methods by which an address can be called, changes last."""
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})

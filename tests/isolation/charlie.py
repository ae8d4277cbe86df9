"""Charlie's shop as an attacker would name it, and how what comes back is looked at."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from werkzeug.routing import Rule

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.conftest import FIGURES
from tests.isolation.canaries import CANARY, Ids, rows_of_shop, token_of

IDS = {
    "address_id": "member_addresses",
    "category_id": "categories",
    "client_id": "api_clients",
    "collection_id": "collections",
    "coupon_id": "coupons",
    "delivery_id": "deliveries",
    "draft_id": "carts",
    "endpoint_id": "webhook_endpoints",
    "group_id": "customer_groups",
    "entry_id": "menu_entries",
    "import_id": "file_imports",
    "invitation_id": "staff_invitations",
    "key_id": "api_keys",
    "line_id": "cart_lines",
    "location_id": "locations",
    "method_id": "shipping_methods",
    "note_id": "customer_notes",
    "page_id": "content_pages",
    "payment_id": "payments",
    "picture_id": "product_images",
    "plan_id": "bulk_plans",
    "product_id": "products",
    "promotion_id": "promotions",
    "rate_id": "tax_rates",
    "redirect_id": "redirects",
    "refund_id": "refunds",
    "return_id": "return_requests",
    "revision_id": "content_revisions",
    "section_id": "home_sections",
    "staff_id": "staff_members",
    "stock_item_id": "stock_items",
    "variant_id": "variants",
    "view_id": "saved_views",
}
"""Names of parts of addresses and of fields -> the table whose id they hold."""
CODES = {
    "payment-methods": "payment-methods-code",
    "api/products": "products-slug",
    "api/collections": "collections-slug",
    "api/coupons": "coupons-code",
    "api/carts": "coupons-code",
}
"""Words of an address -> what its `code` names; else it is an order."""
SLUGS = {
    "categories": "categories",
    "collections": "collections",
    "/pages/": "content-pages",
    "/policies/": "content-pages",
}
"""Words of an address -> what its `slug` names; else it is a product."""
PLAIN = {
    "number": "1",
    "action": "removal",
    "deed": "removal",
    "change": "deletion",
    "gateway": "manual",
    "menu": "main",
    "policy": "terms",
    "section": "shop",
    "step": "pause",
    "resource": "cancellation",
    "challenge": "abc",
}
"""Parts of addresses that name nothing of a shop."""
NAMES = IDS.keys() | {"cart_id", "code", "host", "key", "product_code", "session_id", "sku", "slug", "token"}
"""Parts of addresses that name something of Charlie's here."""


class Charlie:
    """What can be named of Charlie's shop."""

    def __init__(self, shop: Shop, ids: Ids) -> None:
        self.shop, self.ids = shop, ids

    def part(self, rule: Rule, name: str) -> str:
        """Return what stands for `name` in an address. A part that nobody has thought of fails the build."""
        path = rule.rule
        if name in IDS:
            return str(self.ids[IDS[name]])
        parts = PLAIN | {
            "cart_id": token_of("carts"),
            "code": f"{CANARY}-{next((CODES[each] for each in CODES if each in path), 'orders-code')}",
            "filename": "app.css",
            "host": self.shop.host,
            "key": str(self.ids["members"]),
            "name": {
                "media": f"{self.shop.id}/picture.png",
                "payment_webhooks.receive": f"{CANARY}-name",
            }.get(rule.endpoint, "logo" if "look" in path else "order_placed"),
            "session_id": str(
                self.ids["staff_sessions" if path.startswith("/admin/") else "member_sessions"]
            ),
            "product_code": f"{CANARY}-variants-sku",
            "sku": f"{CANARY}-variants-sku",
            "slug": f"{CANARY}-{next((SLUGS[each] for each in SLUGS if each in path), 'products')}-slug",
            "token": self._token(path),
        }
        return parts[name]

    def _token(self, path: str) -> str:
        if path.startswith("/orders/"):
            return f"{CANARY}-orders-token"
        return token_of("staff_invitations" if "invitations" in path else "email_proofs")

    def fields(self) -> dict[str, str]:
        """Return a form that names everything of Charlie's that a form could name."""
        named = {name: str(self.ids[table]) for name, table in IDS.items()}
        return named | {
            "tenant_id": str(self.shop.id),
            "shop": self.shop.code,
            "variant": str(self.ids["variants"]),
            "to_location_id": str(self.ids["locations"]),
            "member_id": str(self.ids["members"]),
            "checkout_token": f"{CANARY}-carts-checkout-token",
            "code": f"{CANARY}-coupons-code",
            "order_code": f"{CANARY}-orders-code",
            "email": f"{CANARY}-members-email@other.test",
            "sku": f"{CANARY}-variants-sku",
            "slug": f"{CANARY}-products-slug",
            "password": "not the password",
            "quantity": "1",
            "version": "1",
            "reason": "Because",
        }

    def everything(self) -> Any:
        """Return all that Charlie has, to see whether anything was changed."""
        with shop_scope(self.shop):
            return rows_of_shop()


def said(answer: Any, asked: Iterable[str]) -> str:
    """Return an answer without what the visitor has said himself, which pages may repeat."""
    return without(asked, f"{answer.headers}\n{answer.data.decode(errors='replace')}")


def without(asked: Iterable[str], text: str) -> str:
    """Return a text without everything that was asked with."""
    for words in sorted(asked, key=len, reverse=True):
        if CANARY in words:
            text = text.replace(words, "").replace(quote(words), "").replace(quote(words, safe=""), "")
    return text


def written(folder: Path) -> str:
    """Return what the product has written into its files."""
    return "".join(
        path.read_text(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".db"
    )


def report(figure: str) -> None:
    """Leave the figure where whoever runs the tests finds it, however many processes run them."""
    FIGURES.parent.mkdir(exist_ok=True)
    with FIGURES.open("a") as file:
        file.write(figure + "\n")

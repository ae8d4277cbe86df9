"""The activity log as sentences: for each action of the log who did what to what, and where that is found.

An action is the name of a view of the back office, `api.` and the name of an operation of the API, or a name that a
service gives. Where one view does several things, the last word of the subject says which: `order_action payment`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from markupsafe import escape

from commerce.accounts.models import AuditEntry
from commerce.admin.fields import typed_amount
from commerce.admin.navigation import NAVIGATION
from commerce.admin.people.activity_names import NamedSubject, SubjectKey, names_of
from commerce.errors import InvalidValue
from commerce.markup import Markup, joined, rendered
from commerce.money import format_money
from commerce.tenants.scope import current_shop

SUBJECTS = {
    "orders": _("Orders"),
    "products": _("Products"),
    "stock": _("Stock"),
    "customers": _("Customers"),
    "discounts": _("Discounts"),
    "content": _("Content"),
    "settings": _("Settings"),
    "programs": _("API and webhooks"),
    "staff": _("Staff and sign-in"),
    "files": _("Imports and exports"),
}
"""What entries are about, in the order in which one can choose."""
PAGES = {
    "order": "/admin/orders/{}",
    "product": "/admin/products/{}",
    "variant": "/admin/stock/{}",
    "stock_item": "/admin/stock/{}",
    "location": "/admin/locations",
    "category": "/admin/categories/{}",
    "collection": "/admin/collections/{}",
    "customer": "/admin/customers/{}",
    "draft": "/admin/drafts/{}",
    "promotion": "/admin/pricing/promotions/{}",
    "coupon": "/admin/pricing/coupons/{}",
    "coupon_code": "",
    "tax_rate": "/admin/pricing/taxes/{}",
    "shipping_method": "/admin/pricing/shipping/{}",
    "payment_method": "/admin/pricing/payment-methods/{}",
    "page": "/admin/pages/{}",
    "policy": "/admin/policies/{}",
    "menu": "/admin/menus",
    "redirect": "/admin/redirects",
    "mail": "/admin/mails/{}",
    "setting": "/admin/settings/{}",
    "api_client": "/admin/api-clients/{}",
    "webhook": "/admin/webhooks/{}",
    "staff": "/admin/staff",
    "plan": "/admin/bulk-changes/{}",
    "import": "/admin/imports/{}",
    "": "",
}
"""Where the page of a thing is. `names_of` finds what those are called that are known by an id."""
_FIXED = {"order", "customer", "mail", "payment_method", "policy", "setting", "menu"}
"""Things that are always there, or whose page says so when they are not."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """An action in words. `subject` is one of SUBJECTS, `thing` one of PAGES.

    `with_amount` is the sentence when the amount of money is known.
    """

    text: Any
    subject: str
    thing: str = ""
    with_amount: Any = None


def _table() -> Iterator[tuple[str, Sentence]]:
    for (subject, thing), texts in _TEXTS.items():
        for actions, text in texts.items():
            plain, amount = text if isinstance(text, tuple) else (text, None)
            for action in actions.split(", "):
                yield action, Sentence(plain, subject, thing, amount)


_PAID = (
    _("%(who)s recorded a payment for order %(what)s"),
    _("%(who)s recorded a payment of %(amount)s for order %(what)s"),
)
_REFUNDED = (
    _("%(who)s refunded a part of order %(what)s"),
    _("%(who)s refunded %(amount)s%(units)s in order %(what)s"),
)
_TEXTS: dict[tuple[str, str], dict[str, Any]] = {
    ("orders", "order"): {
        "order_action": _("%(who)s changed order %(what)s"),
        "order_action payment": _PAID,
        "order_action confirmation": _("%(who)s confirmed order %(what)s"),
        "order_action processing": _("%(who)s started processing order %(what)s"),
        "order_action shipment": _("%(who)s shipped order %(what)s"),
        "order_action delivery": _("%(who)s marked order %(what)s as delivered"),
        "order_action completion": _("%(who)s completed order %(what)s"),
        "order_action cancellation": _("%(who)s canceled order %(what)s"),
        "order_action reopening": _("%(who)s reopened order %(what)s"),
        "order_action refund-request": _("%(who)s asked for a refund of order %(what)s"),
        "order_action refund-decline": _("%(who)s declined the refund of order %(what)s"),
        "order_action refund": (
            _("%(who)s refunded order %(what)s"),
            _("%(who)s refunded %(amount)s in order %(what)s"),
        ),
        "api.record_payment, add_receipt": _PAID,
        "capture, api.capture_authorized_payment": (
            _("%(who)s captured a payment of order %(what)s"),
            _("%(who)s captured %(amount)s of order %(what)s"),
        ),
        "void, api.void_authorized_payment": _("%(who)s voided a payment of order %(what)s"),
        "credit_give, return_refund, api.make_refund": _REFUNDED,
        "repeat_refund": _("%(who)s sent a failed refund of order %(what)s again"),
        "give_surplus_back": (
            _("%(who)s gave back what was paid too much for order %(what)s"),
            _("%(who)s gave back %(amount)s that were paid too much for order %(what)s"),
        ),
        "return_approve": _("%(who)s approved a return of order %(what)s"),
        "return_decline": _("%(who)s declined a request in order %(what)s"),
        "return_receive": _("%(who)s received returned items of order %(what)s"),
        "api.create_return": _("%(who)s asked for a return of order %(what)s"),
        "api.decide_return": _("%(who)s answered a request in order %(what)s"),
        "order_assignee": _("%(who)s assigned order %(what)s"),
        "order_tags": _("%(who)s changed the tags of order %(what)s"),
        "order_customer_link": _("%(who)s sent the customer the link to order %(what)s"),
        "note_add": _("%(who)s added a note to order %(what)s"),
        "edit_step": _("%(who)s edited order %(what)s"),
        "api.change_order_status": _("%(who)s changed the status of order %(what)s"),
        "api.send_shipment": _("%(who)s shipped items of order %(what)s"),
    },
    ("orders", "draft"): {
        "draft_create": _("%(who)s started a draft order"),
        "draft_save": _("%(who)s changed draft order %(what)s"),
        "draft_delete": _("%(who)s deleted a draft order"),
    },
    ("orders", ""): {
        "view_save": _("%(who)s saved a view of the orders"),
        "view_delete": _("%(who)s deleted a view of the orders"),
        "bulk_orders": _("%(who)s planned a bulk change of orders"),
        "tracking_preview": _("%(who)s entered tracking numbers to ship"),
    },
    ("customers", "customer"): {
        "customer_draft": _("%(who)s started a draft order for a customer"),
        "customer_erase": _("%(who)s erased the data of a customer"),
        "customer_data": _("%(who)s downloaded the data of %(what)s"),
        "customer_change": _("%(who)s changed the tags and groups of %(what)s"),
        "customer_merge": _("%(who)s merged another customer into %(what)s"),
        "customer_note_add": _("%(who)s added a note about %(what)s"),
        "customer_note_delete": _("%(who)s deleted a note about %(what)s"),
    },
    ("customers", ""): {
        "bulk_customers": _("%(who)s planned a bulk change of customers"),
        "customer_group_add": _("%(who)s added a group of customers"),
        "customer_group_change": _("%(who)s renamed a group of customers"),
        "customer_group_delete": _("%(who)s deleted a group of customers"),
    },
    ("products", "product"): {
        "add_product, api.add_product": _("%(who)s added the product %(what)s"),
        "product_change, api.change_one_product": _("%(who)s changed the product %(what)s"),
        "product_archive": _("%(who)s archived the product %(what)s"),
        "product_duplicate": _("%(who)s duplicated the product %(what)s"),
        "product_options_change": _("%(who)s changed the options of the product %(what)s"),
        "product_delete, api.delete_one_product": _("%(who)s deleted the product %(what)s"),
        "publish_product": _("The product %(what)s was published as scheduled"),
        "api.add_product_picture": _("%(who)s added a picture to the product %(what)s"),
        "api.change_product_picture": _("%(who)s changed a picture of the product %(what)s"),
        "api.delete_product_picture": _("%(who)s deleted a picture of the product %(what)s"),
        "variant_change": _("%(who)s changed a variant of the product %(what)s"),
        "api.add_one_variant": _("%(who)s added a variant to the product %(what)s"),
    },
    ("products", "variant"): {
        "api.change_one_variant": _("%(who)s changed the variant %(what)s"),
    },
    ("products", ""): {
        "stage_pictures": _("%(who)s uploaded pictures of a product"),
        "bulk_products": _("%(who)s planned a bulk change of products"),
        "bulk_stock": _("%(who)s planned a bulk change of stock"),
        "bulk_coupons": _("%(who)s planned a bulk change of coupons"),
        "bulk_promotions": _("%(who)s planned a bulk change of promotions"),
    },
    ("products", "category"): {
        "category_create": _("%(who)s created the category %(what)s"),
        "category_change": _("%(who)s changed the category %(what)s"),
        "category_delete": _("%(who)s deleted the category %(what)s"),
        "category_move": _("%(who)s moved the category %(what)s"),
        "category_picture": _("%(who)s changed the picture of the category %(what)s"),
        "category_picture_remove": _("%(who)s removed the picture of the category %(what)s"),
        "category_products_add": _("%(who)s added products to the category %(what)s"),
        "category_product_move": _("%(who)s changed the order of products in the category %(what)s"),
        "category_product_remove": _("%(who)s removed a product from the category %(what)s"),
    },
    ("products", "collection"): {
        "collection_create": _("%(who)s created the collection %(what)s"),
        "collection_change": _("%(who)s changed the collection %(what)s"),
        "collection_delete": _("%(who)s deleted the collection %(what)s"),
        "collection_picture": _("%(who)s changed the picture of the collection %(what)s"),
        "collection_picture_remove": _("%(who)s removed the picture of the collection %(what)s"),
        "collection_products_add": _("%(who)s added products to the collection %(what)s"),
        "collection_product_move": _("%(who)s changed the order of products in the collection %(what)s"),
        "collection_product_remove": _("%(who)s removed a product from the collection %(what)s"),
    },
    ("products", "plan"): {
        "bulk_preview": _("%(who)s set up %(what)s"),
        "bulk_start": _("%(who)s started %(what)s"),
        "bulk_discard": _("%(who)s discarded a bulk change"),
        "bulk_move": _("%(who)s changed the course of %(what)s"),
        "bulk_move pause": _("%(who)s paused %(what)s"),
        "bulk_move resume": _("%(who)s resumed %(what)s"),
        "bulk_move undo": _("%(who)s undid %(what)s"),
    },
    ("stock", "stock_item"): {
        "stock_count": _("%(who)s set the stock of %(what)s"),
        "stock_movement": _("%(who)s booked a stock movement of %(what)s"),
        "stock_transfer": _("%(who)s transferred stock of %(what)s"),
        "stock_backorder_limit": _("%(who)s changed the backorder limit of %(what)s"),
        "stock_ledger": _("%(who)s downloaded the stock movements of %(what)s"),
    },
    ("stock", "variant"): {
        "api.change_inventory": _("%(who)s set the stock of %(what)s"),
        "api.book_movement": _("%(who)s booked a stock movement of %(what)s"),
    },
    ("stock", "location"): {
        "location_create": _("%(who)s created the location %(what)s"),
        "location_change": _("%(who)s changed the location %(what)s"),
    },
    ("discounts", "promotion"): {
        "promotion_create": _("%(who)s created the promotion %(what)s"),
        "promotion_change": _("%(who)s changed the promotion %(what)s"),
        "promotion_delete": _("%(who)s deleted the promotion %(what)s"),
        "coupon_create": _("%(who)s added a coupon to the promotion %(what)s"),
        "coupon_generate": _("%(who)s generated coupons of the promotion %(what)s"),
        "coupon_file": _("%(who)s downloaded the coupons of the promotion %(what)s"),
    },
    ("discounts", "coupon"): {
        "coupon_change": _("%(who)s changed the coupon %(what)s"),
        "coupon_status": _("%(who)s turned the coupon %(what)s on or off"),
    },
    ("discounts", "coupon_code"): {
        "api.create_coupon": _("%(who)s created the coupon %(what)s"),
        "api.change_one_coupon": _("%(who)s changed the coupon %(what)s"),
    },
    ("content", "page"): {
        "content_create": _("%(who)s created the page %(what)s"),
        "content_change": _("%(who)s changed the page %(what)s"),
        "content_take_back": _("%(who)s took back the page %(what)s"),
        "content_take_back withdrawal": _("%(who)s unpublished the page %(what)s"),
        "content_take_back deletion": _("%(who)s deleted the page %(what)s"),
    },
    ("content", "menu"): {
        "menu_customize": _("%(who)s began to edit %(what)s"),
        "menu_reset": _("%(who)s reset %(what)s"),
        "menu_entry_create": _("%(who)s added a link to %(what)s"),
        "menu_entry_change": _("%(who)s changed a link of %(what)s"),
        "menu_entry_move": _("%(who)s moved a link of %(what)s"),
        "menu_entry_remove": _("%(who)s removed a link from %(what)s"),
    },
    ("content", ""): {
        "home_customize": _("%(who)s began to edit the home page"),
        "home_change": _("%(who)s changed the home page"),
        "home_change publication": _("%(who)s published the home page"),
        "home_change reversion": _("%(who)s discarded the draft of the home page"),
        "home_change deletion": _("%(who)s went back to the usual home page"),
        "section_create": _("%(who)s added a section to the home page"),
        "section_change": _("%(who)s changed a section of the home page"),
        "section_move": _("%(who)s moved a section of the home page"),
        "section_remove": _("%(who)s removed a section of the home page"),
    },
    ("content", "policy"): {"policy_create": _("%(who)s started the policy %(what)s")},
    ("content", "redirect"): {
        "redirect_create": _("%(who)s added the redirect %(what)s"),
        "redirect_remove": _("%(who)s removed the redirect %(what)s"),
        "redirect_import": _("%(who)s imported redirects"),
    },
    ("settings", "setting"): {
        "settings_change": _("%(who)s changed the settings: %(what)s"),
    },
    ("settings", ""): {
        "look_preview, look_picture_preview": _("%(who)s looked at another appearance of the shop"),
        "settings_export_download": _("%(who)s downloaded the whole shop"),
        "settings_host_add": _("%(who)s added a domain"),
        "settings_host_change": _("%(who)s changed a domain"),
        "settings_host_change primary": _("%(who)s changed the main domain"),
        "settings_host_change removal": _("%(who)s removed a domain"),
        "settings_host_verify": _("%(who)s verified a domain"),
        "settings_picture": _("%(who)s changed a picture of the shop"),
        "settings_picture logo": _("%(who)s changed the logo"),
        "settings_picture hero": _("%(who)s changed the picture of the home page"),
        "settings_picture_remove": _("%(who)s removed a picture of the shop"),
        "settings_picture_remove logo": _("%(who)s removed the logo"),
        "settings_picture_remove hero": _("%(who)s removed the picture of the home page"),
        "shop_exported": _("%(who)s downloaded the whole shop"),
    },
    ("settings", "tax_rate"): {
        "tax_create": _("%(who)s added the tax rate %(what)s"),
        "tax_change": _("%(who)s changed the tax rate %(what)s"),
        "tax_delete": _("%(who)s deleted the tax rate %(what)s"),
    },
    ("settings", "shipping_method"): {
        "shipping_create": _("%(who)s added the shipping method %(what)s"),
        "shipping_change": _("%(who)s changed the shipping method %(what)s"),
        "shipping_delete": _("%(who)s deleted the shipping method %(what)s"),
    },
    ("settings", "payment_method"): {
        "payment_create": _("%(who)s added the payment method %(what)s"),
        "payment_change": _("%(who)s changed the payment method %(what)s"),
        "payment_delete": _("%(who)s deleted the payment method %(what)s"),
    },
    ("settings", "mail"): {
        "mail_texts_change": _("%(who)s changed the texts of the email %(what)s"),
        "mail_test": _("%(who)s sent a test of the email %(what)s"),
    },
    ("programs", "api_client"): {
        "api_client_create": _("%(who)s added the API client %(what)s"),
        "api_client_change": _("%(who)s changed the API client %(what)s"),
        "api_client_activate": _("%(who)s activated the API client %(what)s"),
        "api_client_deactivate": _("%(who)s deactivated the API client %(what)s"),
        "api_key_issue": _("%(who)s created a key of the API client %(what)s"),
        "api_key_create": _("%(who)s created a key of an API client"),
        "api_key_revoke": _("%(who)s revoked a key of the API client %(what)s"),
    },
    ("programs", "webhook"): {
        "webhook_create, api.create_webhook_endpoint": _("%(who)s added the webhook %(what)s"),
        "webhook_change, api.change_webhook_endpoint": _("%(who)s changed the webhook %(what)s"),
        "webhook_disable": _("%(who)s turned off the webhook %(what)s"),
        "webhook_enable": _("%(who)s turned on the webhook %(what)s"),
        "webhook_ping, api.ping_webhook_endpoint": _("%(who)s sent a test to the webhook %(what)s"),
        "webhook_replay": _("%(who)s sent a message to the webhook %(what)s again"),
        "webhook_rotate, api.rotate_webhook_secret": _("%(who)s replaced the secret of the webhook %(what)s"),
        "webhook_remove, api.remove_webhook_endpoint": _("%(who)s deleted the webhook %(what)s"),
    },
    ("programs", ""): {
        "event_replay": _("%(who)s ran a failed delivery again"),
        "event_replay_parked": _("%(who)s ran failed deliveries again"),
    },
    ("staff", "staff"): {
        "staff_role": _("%(who)s changed the role of %(what)s"),
        "staff_deactivate": _("%(who)s deactivated %(what)s"),
        "staff_reactivate": _("%(who)s reactivated %(what)s"),
        "staff_reset_factor": _("%(who)s turned off two-factor authentication for %(what)s"),
    },
    ("staff", ""): {
        "staff_invite": _("%(who)s invited a member of staff"),
        "staff_withdraw": _("%(who)s withdrew an invitation"),
        "staff_create": _("%(who)s added a member of staff"),
        "invitation_accepted": _("%(who)s accepted the invitation"),
        "sign_in": _("%(who)s signed in"),
        "sign_out": _("%(who)s signed out"),
        "password_given": _("%(who)s gave the right password"),
        "sign_in_refused": _("A sign-in was refused"),
        "code_refused": _("%(who)s gave a wrong code at sign-in"),
        "proof_refused": _("%(who)s gave a wrong password or code for a protected page"),
        "proof": _("%(who)s confirmed who they are"),
        "password_reset": _("Somebody set a new password by email"),
        "account_name": _("%(who)s changed their name"),
        "account_password": _("%(who)s changed their password"),
        "account_session_end, account_sessions_end": _("%(who)s signed out other browsers"),
        "second_factor_enrol": _("%(who)s turned on two-factor authentication"),
        "second_factor_remove": _("%(who)s turned off their two-factor authentication"),
        "second_factor_codes": _("%(who)s made new recovery codes"),
        "audit_file": _("%(who)s downloaded the activity log"),
    },
    ("files", ""): {
        "coupon_import_upload": _("%(who)s uploaded a file of coupons"),
        "customer_import_upload": _("%(who)s uploaded a file of customers"),
        "product_import_upload": _("%(who)s uploaded a file of products"),
        "stock_import_preview": _("%(who)s uploaded a file of stock"),
        "stock_import_apply": _("%(who)s imported stock"),
        "export_file": _("%(who)s downloaded an export"),
        "report_file": _("%(who)s downloaded a report"),
    },
    ("files", "import"): {
        "import_options": _("%(who)s changed the options of %(what)s"),
        "import_start": _("%(who)s started %(what)s"),
        "import_withdraw": _("%(who)s withdrew an import"),
    },
}
SENTENCES = dict(_table())
SETTINGS_PLACES = next(group.places for group in NAVIGATION if group.name == "settings")
_CALLED = ("title", "name", "code", "sku", "url", "path", "email")
"""Fields of a form that say what a thing is called which its own action has made."""


@dataclass(frozen=True, slots=True)
class Activity:
    """An entry of the log for people: its sentence as markup, and the entry itself for its details."""

    sentence: Markup
    entry: AuditEntry


def describe_entries(entries: Sequence[AuditEntry]) -> list[Activity]:
    """Return entries with their sentences. One statement for the names of all that they are about."""
    wanted = [key for entry in entries for key in _keys_of(entry)]
    named = names_of(wanted)
    return [Activity(_written(entry, named), entry) for entry in entries]


def sentence_of(action: str, subject: str = "") -> Sentence | None:
    """Return the sentence of an action, None for one that there is no sentence for."""
    last = subject.rpartition(" ")[2]
    return SENTENCES.get(f"{action} {last}") or SENTENCES.get(action)


def actions_about(subject: str) -> list[str]:
    """Return the actions whose entries are about one of SUBJECTS."""
    found = (action.partition(" ")[0] for action, row in SENTENCES.items() if row.subject == subject)
    return list(dict.fromkeys(found))


def _keys_of(entry: AuditEntry) -> Iterator[SubjectKey]:
    row = sentence_of(entry.action, entry.subject)
    if row is None:
        return
    if row.thing and entry.subject:
        yield SubjectKey(row.thing, entry.subject.split()[0])
    if row.with_amount is not None:
        yield from (SubjectKey("order_line", line) for line, _units in _units_of(entry.changes))


def _units_of(changes: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name, value in changes.items():
        if name.startswith("units-") and str(value).isdigit() and int(value):
            yield name.removeprefix("units-"), int(value)


def _written(entry: AuditEntry, named: Mapping[SubjectKey, NamedSubject]) -> Markup:
    row = sentence_of(entry.action, entry.subject)
    who = joined([rendered("<strong>"), escape(_who(entry)), rendered("</strong>")])
    if row is None:
        words = entry.action.replace("_", " ").replace(".", ": ")
        return joined([who, escape(f": {words} {entry.subject}")])
    amount = _amount_of(entry, named) if row.with_amount is not None else ""
    text = row.with_amount if amount else row.text
    facts = {"who": who, "what": _what(row, entry, named), "amount": escape(amount)}
    return rendered(str(escape(str(text))) % {**facts, "units": escape(_units(entry, named))})


def _who(entry: AuditEntry) -> str:
    name = entry.actor_name
    if entry.actor_kind == "api":
        return str(gettext("%(name)s (API)", name=name))
    if entry.actor_kind == "cli":
        return str(gettext("%(name)s (command line)", name=name))
    return name or str(gettext("Somebody"))


def _what(row: Sentence, entry: AuditEntry, named: Mapping[SubjectKey, NamedSubject]) -> Markup:
    """Return what the entry is about: a link while there is a page of it, or else what it was called."""
    key = entry.subject.split()[0] if entry.subject else ""
    found = named.get(SubjectKey(row.thing, key))
    if row.thing == "plan":
        found = found and NamedSubject(found.key, gettext("a bulk change"))
    if found is None:
        called = next((str(entry.changes[name]) for name in _CALLED if entry.changes.get(name)), "")
        if row.thing not in _FIXED or not key:
            return escape(called or (key if len(key) < len(str(entry.id)) else "") or gettext("(deleted)"))
        found = NamedSubject(key, _label(row.thing, key))
    address = PAGES[row.thing].format(quote(found.key, safe="/"))
    if not address:
        return escape(found.label)
    parts = [rendered('<a href="'), escape(address), rendered('">'), escape(found.label), rendered("</a>")]
    return joined(parts)


def _label(thing: str, key: str) -> str:
    """Return what something is called that has no name of its own."""
    if thing == "customer":
        return str(gettext("a customer"))
    if thing == "menu":
        return str(gettext("the footer") if key == "footer" else gettext("the main menu"))
    if thing == "setting":
        return next((str(each.label) for each in SETTINGS_PLACES if each.path.endswith(f"/{key}")), key)
    return key.replace("_", " ") if thing == "mail" else key


def _amount_of(entry: AuditEntry, named: Mapping[SubjectKey, NamedSubject]) -> str:
    """Return the amount of money that the form of an entry named, '' when it named none."""
    key = entry.subject.split()[0] if entry.subject else ""
    order = named.get(SubjectKey("order", key))
    currency = (order and order.currency) or current_shop().currency
    shown, typed = str(entry.changes.get("shown_amount", "")), str(entry.changes.get("amount", ""))
    if not typed and not shown:
        return ""
    try:
        amount = int(shown) if shown.isdecimal() else typed_amount(typed, currency)
    except InvalidValue:
        return typed  # as it was typed in a locale that the shop has no more
    return format_money(amount, currency, str(get_locale()))


def _units(entry: AuditEntry, named: Mapping[SubjectKey, NamedSubject]) -> str:
    lines = [
        f"{units} × {found.label}"
        for line, units in _units_of(entry.changes)
        if (found := named.get(SubjectKey("order_line", line)))
    ]
    return str(gettext(" for %(lines)s", lines=", ".join(lines))) if lines else ""

"""Every mail that the shop writes: when, to whom, and what a template needs to be tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext as _l

from commerce.notifications.i18n import N_

CUSTOMER = "customer"
OPERATIONS = "operations"
WAITING = "waiting"
"""A back-in-stock subscriber: not necessarily a customer, and only the alert holds the address."""
READER = "reader"
"""Somebody with an account, or about to get one: the link proves that the address is theirs."""
PATHS = {
    "member_confirm": "/account/confirmation/{key}",
    "member_reset": "/account/password-reset/{key}",
    "member_email": "/account/proofs/{key}",
    "member_orders": "/account/proofs/{key}",
    "member_email_changed": "/account/",
    "staff_invited": "/admin/invitations/{key}",
    "staff_reset": "/admin/password-reset/{key}",
    "back_in_stock": "/products/{slug}?variant={sku}",
    "alert_low_stock": "/admin/stock/{sku}",
    "alert_webhook_disabled": "/admin/webhooks/{subject}",
}
"""Where mails lead that are not about an order."""


@dataclass(frozen=True, slots=True)
class MailType:
    """A mail: `name` is its template's, `events` are those that it follows from, `when` says so in words.

    `trial` are facts for a preview without an event; amounts are minor units.
    """

    name: str
    title: Any
    events: tuple[str, ...]
    when: Any
    to: str = CUSTOMER
    trial: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The page that the mail leads to. An order's link is its key, so only its customer gets that."""
        return PATHS.get(self.name, "/orders/{token}" if self.to == CUSTOMER else "/admin/orders/{code}")

    @property
    def template(self) -> str:
        """The files of a mail in `templates/emails/`, without their ending; all alerts share one, all notes another."""
        return {OPERATIONS: "operations_alert", READER: "reader_note"}.get(self.to, self.name)


@dataclass(frozen=True, slots=True)
class AlertType:
    """The words of a mail to operations: subject and what to do. Translated when it is written."""

    subject: Any
    task: Any


@dataclass(frozen=True, slots=True)
class NoteType:
    """The words of a mail about an account. Translated when it is written."""

    subject: Any
    text: Any
    button: Any
    end: Any


MAILS: dict[str, MailType] = {
    mail.name: mail
    for mail in (
        MailType(
            "order_received",
            _l("Order received"),
            ("OrderPlaced",),
            _l("The money is to come by transfer, or staff placed the order: how to pay."),
        ),
        MailType(
            "payment_received",
            _l("Payment received"),
            ("PaymentReceived",),
            _l("Money arrived, unless the order is confirmed by it: then the confirmation says so."),
            trial={"amount": 1000, "currency": ""},
        ),
        MailType(
            "payment_failed",
            _l("Payment failed"),
            ("PaymentFailed",),
            _l("The first payment attempt was declined; further ones in a row send no mail."),
            trial={"failure": "The card was declined."},
        ),
        MailType(
            "order_confirmation", _l("Order confirmed"), ("OrderConfirmed",), _l("Its stock is committed.")
        ),
        MailType(
            "parcel_sent",
            _l("Parcel sent"),
            ("ParcelSent",),
            _l("Part of the order was shipped."),
            trial={"number": 1},
        ),
        MailType(
            "order_shipped",
            _l("Order shipped"),
            ("OrderShipped",),
            _l("Everything was shipped, unless the mail of the last parcel said so."),
        ),
        MailType("order_delivered", _l("Order delivered"), ("OrderDelivered",), _l("The parcel arrived.")),
        MailType(
            "order_completed",
            _l("Order completed"),
            ("OrderCompleted",),
            _l("The time for returns is over."),
        ),
        MailType(
            "order_cancelled",
            _l("Order cancelled"),
            ("OrderCancelled",),
            _l("By anybody or because the time to pay is over. Says what happens to the money, too."),
            trial={"reason": "Not paid in time"},
        ),
        MailType(
            "late_payment",
            _l("Late payment sent back"),
            ("LatePaymentRefunded",),
            _l("Money arrived for a cancelled order whose goods are gone."),
        ),
        MailType(
            "order_edited",
            _l("Order changed"),
            ("OrderEdited",),
            _l("Staff changed a placed order: how it is now, and a link to pay what is missing."),
            trial={"summary": "", "total_before": 0, "total": 0, "currency": ""},
        ),
        MailType(
            "order_note",
            _l("Note to the customer"),
            ("OrderNoteAdded",),
            _l("Staff wrote a note for the customer."),
            trial={"text": "Your gift wrapping is blue.\nWe hope you like it.", "for_customer": True},
        ),
        MailType(
            "refund_requested",
            _l("Refund requested"),
            ("RefundRequested", "ReturnRequested"),
            _l("The customer asked for money back, or to send something back."),
            trial={"reason": "It does not fit", "kind": "refund"},
        ),
        MailType(
            "return_approved",
            _l("Return approved"),
            ("ReturnAnswered",),
            _l("Staff agreed that goods come back: how to send them."),
            trial={"kind": "return", "state": "approved", "answer": ""},
        ),
        MailType(
            "return_received",
            _l("Return received"),
            ("ReturnAnswered",),
            _l("What the customer sent back has arrived."),
            trial={"kind": "return", "state": "received", "answer": ""},
        ),
        MailType(
            "refund_declined",
            _l("Request declined"),
            ("RefundDeclined", "ReturnAnswered"),
            _l("Staff declined a request for money back."),
            trial={"reason": "The time for returns is over", "state": "declined"},
        ),
        MailType(
            "order_refunded",
            _l("Order refunded"),
            ("OrderRefunded",),
            _l("Staff refunded the rest. The transfer itself sends no further mail."),
        ),
        MailType(
            "order_credited",
            _l("Partly refunded"),
            ("OrderCredited",),
            _l("Staff decided to give back a part of the money."),
            trial={"amount": 500, "currency": "", "reason": "One cup was broken"},
        ),
        MailType(
            "back_in_stock",
            _l("Back in stock"),
            ("BackInStock",),
            _l("A sold-out variant can be had again: one mail to everybody who asked for it."),
            WAITING,
            {"sku": "SKU-1", "title": "Green tea", "options": "100 g", "slug": "green-tea"},
        ),
        MailType(
            "order_link",
            _l("Link to an order"),
            ("OrderLinkWanted",),
            _l("Somebody who knows its code and its address lost the link of an order."),
        ),
        MailType(
            "member_confirm",
            _l("Account: confirm the address"),
            ("EmailTokenRequested",),
            _l("Somebody asked for an account: the link by which a password is chosen."),
            READER,
            {"key": "sample"},
        ),
        MailType(
            "member_reset",
            _l("Account: choose a password"),
            ("EmailTokenRequested",),
            _l("A member forgot the password, or asked for a second account with the same address."),
            READER,
            {"key": "sample"},
        ),
        MailType(
            "member_email",
            _l("Account: confirm another address"),
            ("EmailTokenRequested",),
            _l("A member wants to be reached at another address; this goes there."),
            READER,
            {"key": "sample"},
        ),
        MailType(
            "member_orders",
            _l("Account: find earlier orders"),
            ("EmailTokenRequested",),
            _l("A member wants to see the orders they placed as a guest."),
            READER,
            {"key": "sample"},
        ),
        MailType(
            "member_email_changed",
            _l("Account: address changed"),
            ("MemberEmailChanged",),
            _l("A member has another address now; this goes to the former one."),
            READER,
        ),
        MailType(
            "staff_invited",
            _l("Back office: invitation"),
            ("StaffInvited",),
            _l("An owner invited somebody to work for the shop."),
            READER,
            {"key": "sample"},
        ),
        MailType(
            "staff_reset",
            _l("Back office: choose a password"),
            ("EmailTokenRequested",),
            _l("A member of staff forgot the password."),
            READER,
            {"key": "sample"},
        ),
        MailType(
            "alert_refund_requested",
            _l("Alert: refund requested"),
            ("RefundRequested", "ReturnRequested"),
            _l("Somebody wants money back, or to send something back."),
            OPERATIONS,
            {"reason": "It does not fit"},
        ),
        MailType(
            "alert_stock_missing",
            _l("Alert: stock missing"),
            ("InventoryReservationFailed",),
            _l("The stock of a paid order could not be committed."),
            OPERATIONS,
            {"error": "Stock could not be committed: 1 of 2 units are reserved."},
        ),
        MailType(
            "alert_payment_review",
            _l("Alert: payment needs a look"),
            ("PaymentNeedsReview",),
            _l("Money arrived that does not match its order."),
            OPERATIONS,
            {"problem": "Expected 2500 USD, got 2000 USD (minor units)."},
        ),
        MailType(
            "alert_late_payment",
            _l("Alert: late payment"),
            ("LatePaymentRefunded",),
            _l("Money for a cancelled order goes back."),
            OPERATIONS,
        ),
        MailType(
            "alert_refund_failed",
            _l("Alert: refund failed"),
            ("RefundSettled",),
            _l("The gateway refused to send money back."),
            OPERATIONS,
            {"succeeded": False, "failure": "The card is closed."},
        ),
        MailType(
            "alert_low_stock",
            _l("Alert: low stock"),
            ("StockLow",),
            _l("An order left few units of a variant, for the first time since units came in."),
            OPERATIONS,
            {"sku": "", "title": "", "options": "", "available": 2, "low_at": 3},
        ),
        MailType(
            "alert_webhook_disabled",
            _l("Alert: webhook disabled"),
            ("WebhookDisabled",),
            _l("A webhook endpoint refused events or failed for days."),
            OPERATIONS,
            {"url": "https://example.com/hook", "reason": "It answered 410 (gone).", "subject": ""},
        ),
    )
}

ALERTS: dict[str, AlertType] = {
    "alert_refund_requested": AlertType(
        N_("Order %(code)s: a refund was requested"), N_("Review the request and respond to it.")
    ),
    "alert_stock_missing": AlertType(
        N_("Order %(code)s: stock is missing"),
        N_(
            "The order is paid, but its stock could not be committed. The customer has not received a confirmation yet."
        ),
    ),
    "alert_payment_review": AlertType(
        N_("Order %(code)s: a payment needs review"),
        N_("A payment arrived that does not match the order. Decide what to do with it."),
    ),
    "alert_late_payment": AlertType(
        N_("Order %(code)s: a late payment is being refunded"),
        N_(
            "A payment arrived after the order was cancelled, and its items are no longer available. "
            "The customer has been informed."
        ),
    ),
    "alert_refund_failed": AlertType(
        N_("Order %(code)s: a refund failed"),
        N_("The refund could not be sent. Send it another way."),
    ),
    "alert_low_stock": AlertType(N_("Low stock: %(title)s"), N_("Few units are left. Consider restocking.")),
    "alert_webhook_disabled": AlertType(
        N_("A webhook was disabled"), N_("Its pending deliveries are kept under Events and can be retried.")
    ),
}

NOTES: dict[str, NoteType] = {
    "staff_invited": NoteType(
        N_("You are invited to join our shop"),
        N_("You have been invited to this shop's back office. Open the link to choose a password."),
        N_("Accept the invitation"),
        N_(
            "The link works once, for a week. If you did not expect this invitation, you can ignore this email."
        ),
    ),
    "staff_reset": NoteType(
        N_("Back office: choose a new password"),
        N_("A new password was requested for the back office. Open the link to choose it."),
        N_("Choose a new password"),
        N_("The link works once, for an hour. If you did not ask for it, your password stays as it is."),
    ),
    "member_confirm": NoteType(
        N_("Confirm your email address"),
        N_("Thank you for creating an account. Open the link to choose your password."),
        N_("Choose a password"),
        N_("If this was not you, you can ignore this email: no account is created without this link."),
    ),
    "member_reset": NoteType(
        N_("Your account: choose a new password"),
        N_("You already have an account with this address. Open the link to choose a new password for it."),
        N_("Choose a new password"),
        N_("The link works once, for an hour. If you did not ask for it, your password stays as it is."),
    ),
    "member_email": NoteType(
        N_("Confirm your new email address"),
        N_("You want to use this address for your account with us. Confirm that it is yours."),
        N_("Confirm this address"),
        N_("If this was not you, you can ignore this email: nothing changes without this link."),
    ),
    "member_orders": NoteType(
        N_("Your earlier orders"),
        N_("Open the link to add the orders placed with this address to your account."),
        N_("See my orders"),
        N_("If this was not you, you can ignore this email: nothing changes without this link."),
    ),
    "member_email_changed": NoteType(
        N_("The email address of your account was changed"),
        N_("Your account now has another email address. We will no longer write to this one about it."),
        N_("Open your account"),
        N_("If this was not you, please contact us right away."),
    ),
}

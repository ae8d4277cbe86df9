"""Staff write a note on an order: for colleagues, or for the customer."""

from __future__ import annotations

from flask import flash, make_response, render_template, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField, Form, TextAreaField
from wtforms.validators import InputRequired, Length

from commerce.admin.auth import blueprint, current_actor, requires_permission
from commerce.admin.orders.forms import no_control_characters
from commerce.errors import InvalidValue
from commerce.orders.models import Order
from commerce.orders.notes import MAX_NOTE, add_note
from commerce.orders.queries import get_order_by_code
from commerce.web import see_other


class NoteForm(Form):  # type: ignore[misc]
    """A note and whom it is for."""

    text = TextAreaField(
        _("Note"),
        [
            InputRequired(_("Please write something.")),
            Length(max=MAX_NOTE, message=_("A note has at most 1000 characters.")),
            no_control_characters,
        ],
        id="note-text",
    )
    for_customer = BooleanField(_("Send it to the customer"), id="note-for-customer")


@blueprint.app_template_global()
def note_form() -> NoteForm:
    """Return the empty form that an order's page includes with `admin/orders/_notes.html`."""
    return NoteForm()


@blueprint.post("/orders/<code>/notes")
@requires_permission("orders.note")
def note_add(code: str) -> BaseResponse:
    """Write a note; what is wrong with it is said on a page of its own, where nothing typed is lost."""
    order = get_order_by_code(code)
    form = NoteForm(request.form)
    # A browser counts a line end as one sign and sends two.
    form.text.data = (form.text.data or "").replace("\r\n", "\n")
    if not form.validate():
        return _again(order, form)
    try:
        add_note(order.id, current_actor(), text=form.text.data, for_customer=bool(form.for_customer.data))
    except InvalidValue as error:
        form.text.errors = [*form.text.errors, error.reason]
        return _again(order, form)
    flash(
        gettext("The note is written; the customer gets it by mail.")
        if form.for_customer.data
        else gettext("The note is written."),
        "good",
    )
    return see_other(f"/admin/orders/{order.code}")


def _again(order: Order, form: NoteForm) -> BaseResponse:
    return make_response(render_template("admin/orders/note.html", order=order, form=form), 422)

"""The HTML of form fields is what WTForms would write, byte for byte."""

from typing import Any

import pytest
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    EmailField,
    Form,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length
from wtforms.widgets import Select, TextInput

from commerce.form_html import LongSelect, render_field

NASTY = "\"><script>'&amp; ü \n=%(x)s {0}"
CHOICES = [("", "Please choose"), (NASTY, NASTY), ("a", "A & B"), ("b", ""), ("a", "twice")]


class Fields(Form):
    """Each kind that is rendered here."""

    text = StringField("Text", [DataRequired(), Length(min=2, max=9)])
    address = EmailField("Email", render_kw={"class_": "wide", "maxlength": 5})
    phone = TelField("Phone")
    secret = HiddenField("Hidden")
    words = TextAreaField("Words", [Length(max=1000)])
    agreed = BooleanField("Agreed")
    method = RadioField("Method")


ATTRIBUTES: dict[str, dict[str, Any]] = {
    "none": {},
    "plain": {
        "autocomplete": "email",
        "rows": 3,
        "class_": "a b",
        "data_hx_post": "/x",
        "aria-describedby": "y z",
    },
    "nasty": {"title": NASTY, "data-hx-vals": '{"update": "1"}', "placeholder": Markup('a "b" <i>')},
    "flags": {"required": False, "checked": True, "readonly": True, "id": "other", "type": "search"},
    "value": {"value": "", "maxlength": 3},
}


@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
@pytest.mark.parametrize("typed", ["", "a", NASTY])
def test_a_field_is_written_as_wtforms_writes_it(attributes: dict[str, Any], typed: str) -> None:
    form = Fields(MultiDict(dict.fromkeys(Fields()._fields, typed)) if typed else None)
    form.method.choices = CHOICES[1:4]
    for field in [each for each in form if each.name != "method"] + list(form.method):
        ours = render_field(field, attributes)
        assert isinstance(ours, Markup)
        assert ours == field.meta.render_field(field, dict(attributes))


def test_a_kind_that_is_not_known_is_left_to_wtforms() -> None:
    class Own(TextInput):
        pass

    class Others(Form):
        number = IntegerField("Number")
        choice = SelectField("Choice")
        own = StringField("Own", widget=Own())

    for field in Others():
        assert render_field(field, {}) is None


@pytest.mark.parametrize("fixed", [None, 0, 2, 5])
@pytest.mark.parametrize("chosen", [None, "", "a", "b", NASTY, "elsewhere"])
def test_a_long_list_is_written_as_wtforms_writes_it(fixed: int | None, chosen: str | None) -> None:
    last = None if fixed is None else tuple(CHOICES[len(CHOICES) - fixed :])

    class Lists(Form):
        ours = SelectField("List", widget=LongSelect(last), name="list")
        theirs = SelectField("List", widget=Select(), name="list")

    for attributes in ATTRIBUTES.values():
        form = Lists(data={"ours": chosen, "theirs": chosen})
        form.ours.choices = form.theirs.choices = CHOICES
        if chosen is None:
            form.ours.data = form.theirs.data = None
        given = {"id": "list", **attributes}
        assert form.ours(**given) == form.theirs(**given)

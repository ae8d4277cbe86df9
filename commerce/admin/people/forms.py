"""Forms about people: an invitation; tags, groups and notes of a customer; a group of customers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import (
    EmailField,
    IntegerField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import CheckboxInput, ListWidget

from commerce.accounts.permissions import ROLES
from commerce.admin.fields import MAX_VERSION, name_field, no_control_characters, strip, version_field
from commerce.admin.forms import AdminForm, VersionedForm
from commerce.customers.groups import MAX_NAME
from commerce.customers.profiles import read_customer_tags
from commerce.errors import InvalidValue
from commerce.typed_text import MAX_NOTE
from commerce.web import TextForm

MOST_TAG_SIGNS = 2200


class InviteForm(TextForm):
    """Who to invite, and with which role."""

    email = EmailField(_("Email"), [InputRequired(_("Please enter an email address.")), Length(max=255)])
    role = SelectField(_("Role"), choices=[SelectChoice(role, role) for role in ROLES], default="support")


class TagsAndGroupsForm(VersionedForm):
    """Tags and groups of a customer. Nothing kept of them yet is version 0."""

    other_errors = "tags"

    version = IntegerField(
        validators=[InputRequired(_("Please reload the page.")), NumberRange(0, MAX_VERSION)]
    )
    tags = StringField(
        _("Tags"), [Length(max=MOST_TAG_SIGNS), no_control_characters], filters=[strip], id="customer-tags"
    )
    groups = SelectMultipleField(
        _("Groups"),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
        id="customer-groups",
    )

    def __init__(self, offered: Sequence[tuple[str, str]], formdata: Any = None, **shown: Any) -> None:
        super().__init__(formdata, data=shown)
        self.groups.choices = [SelectChoice(*each) for each in offered]

    def read_tags(self) -> list[str]:
        """Return the tags of the line. Raises InvalidValue."""
        return read_customer_tags(self.tags.data or "")

    def group_ids(self) -> list[uuid.UUID]:
        """Return the groups that are ticked. Raises InvalidValue for what is no group."""
        try:
            return [uuid.UUID(text) for text in self.groups.data or ()]
        except ValueError as error:
            raise InvalidValue("groups", "customer_group_not_found") from error


class CustomerNoteForm(AdminForm):
    """A note about a customer."""

    other_errors = "text"

    text = TextAreaField(
        _("Note"),
        [
            InputRequired(_("Please enter a note.")),
            Length(max=MAX_NOTE, message=_("Notes can have up to 1000 characters.")),
            no_control_characters,
        ],
        id="note-text",
        # A browser counts a line end as one sign and sends two.
        filters=[lambda text: (text or "").replace("\r\n", "\n")],
    )


class NewGroupForm(AdminForm):
    """The name of a group."""

    other_errors = "name"

    name = name_field(_("Name"), MAX_NAME)


class GroupForm(VersionedForm):
    """The name of a group that there is."""

    other_errors = "name"

    version = version_field()
    name = name_field(_("Name"), MAX_NAME)

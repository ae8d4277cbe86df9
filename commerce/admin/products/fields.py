"""Fields that the form of a new product and the editor share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import AnyOf, InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from commerce.admin.fields import AmountField, MomentField, no_control_characters, number_field, strip
from commerce.admin.forms import VersionedForm
from commerce.admin.products import queries
from commerce.catalog.text import make_slug
from commerce.catalog.validation import LIMITS, STATUSES, ProductValues
from commerce.catalog.values import MAX_GRAMS, TAX_CLASSES

STATUS_WORDS = {"active": _("Active"), "draft": _("Draft (hidden)"), "archived": _("Archived (hidden)")}
STANDARD = "standard"
MOST_TAGS = 250
_PARAGRAPHS = re.compile(r"(?:<p>[^<]*</p>\s*)*")


def typed_description(html: str) -> str:
    """Return a description as it is typed: paragraphs without any other markup are plain text."""
    if not _PARAGRAPHS.fullmatch(html):
        return html
    text = unescape("\n\n".join(re.findall(r"<p>([^<]*)</p>", html)))
    return html if "<" in text else text


def split_names(text: str | None) -> list[str]:
    """Return the names in a list that was typed with commas."""
    return [name for part in (text or "").split(",") if (name := part.strip())]


def _is_slug(_form: Any, field: Any) -> None:
    typed = field.data or ""
    if typed and make_slug(typed, LIMITS.slug) != typed.lower():
        suggested = make_slug(typed, LIMITS.slug)
        raise ValidationError(
            gettext("Use letters, numbers and hyphens only, such as %(slug)s.", slug=suggested)
        )


def _few_tags(_form: Any, field: Any) -> None:
    if len(split_names(field.data)) > MOST_TAGS:
        raise ValidationError(gettext("A product can have up to %(most)s tags.", most=MOST_TAGS))


def _line(label: Any, longest: int = LIMITS.line, missing: Any = None) -> StringField:
    too_long = Length(max=longest, message=_("At most %(max)d characters."))
    first = [InputRequired(missing)] if missing else []
    return StringField(label, [*first, too_long, no_control_characters], filters=[strip])


class ProductTexts(VersionedForm):
    """What is said of a product as a whole."""

    error_fields: ClassVar[Mapping[str, str]] = {
        "name": "title",
        "code": "slug",
        "category_code": "categories",
        "description_html": "description",
    }
    other_errors = ""

    title = StringField(
        _("Title"),
        [
            InputRequired(_("Please enter a title.")),
            Length(max=LIMITS.title, message=_("At most %(max)d characters.")),
            no_control_characters,
        ],
        filters=[strip],
    )
    description = TextAreaField(
        _("Description"), [Length(max=LIMITS.body, message=_("At most %(max)d characters."))]
    )
    status = SelectField(
        _("Status"),
        choices=[SelectChoice(name, STATUS_WORDS[name]) for name in STATUSES],
        validators=[AnyOf(STATUSES, _("Please choose a status."))],
        validate_choice=False,
    )
    publish_at = MomentField(_("Publish on"), [Optional()])
    vendor = _line(_("Vendor"))
    product_type = _line(_("Product type"))
    tags = StringField(
        _("Tags"),
        [Length(max=20_000, message=_("At most %(max)d characters.")), no_control_characters, _few_tags],
        filters=[strip],
    )
    categories = SelectMultipleField(
        _("Categories"),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )
    seo_title = _line(_("Page title"), LIMITS.title)
    seo_description = StringField(
        _("Description for search engines"),
        [
            Length(max=LIMITS.text, message=_("At most %(max)d characters.")),
            no_control_characters,
        ],
        filters=[strip],
    )
    slug = StringField(
        _("Address"),
        [
            Length(max=LIMITS.slug, message=_("At most %(max)d characters.")),
            no_control_characters,
            _is_slug,
        ],
        filters=[strip],
    )

    def offer_categories(self) -> None:
        """Let the shop's categories be chosen from."""
        self.categories.choices = [SelectChoice(slug, name) for slug, name in queries.category_choices()]

    def values(self) -> ProductValues:
        """Return the columns of the product."""
        return {
            "title": self.title.data,
            "description_html": self.description.data or "",
            "status": self.status.data,
            "publish_at": self.publish_at.data,
            "vendor": self.vendor.data or "",
            "product_type": self.product_type.data or "",
            "tags": split_names(self.tags.data),
            "seo_title": self.seo_title.data or "",
            "seo_description": self.seo_description.data or "",
        }


def offer_fields(*, sku_required: bool = False) -> dict[str, Any]:
    """Return the fields of a variant that a page has room for when there is one: its price and what it is as goods."""
    return {
        "price": AmountField(_("Price"), [InputRequired(_("Please enter a price."))]),
        "compare_at": AmountField(_("Compare-at price"), [Optional()]),
        "unit_cost": AmountField(_("Cost per item"), [Optional()]),
        "sku": _line(_("SKU"), LIMITS.sku, _("Please enter a SKU.") if sku_required else None),
        "barcode": _line(_("Barcode"), LIMITS.line),
        "weight_grams": number_field(_("Weight (g)"), 0, MAX_GRAMS, required=False, default=None),
        "tax_class": SelectField(
            _("Tax class"),
            validators=[InputRequired(_("Please choose a tax class."))],
            default=STANDARD,
            validate_choice=False,
        ),
        "requires_shipping": BooleanField(_("Ships to the customer")),
    }


def offer_tax_classes(field: Any, classes: Sequence[str]) -> None:
    """Let the shop's tax classes be chosen from; one that is set and not among them stays."""
    named = dict.fromkeys([STANDARD, *classes, *([field.data] if field.data else [])])
    known = [name for name in named if re.fullmatch(TAX_CLASSES, name)]
    field.choices = [SelectChoice(name, name.replace("_", " ").capitalize()) for name in known]

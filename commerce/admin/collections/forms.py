"""The form of a collection: its texts, and a row for each condition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import AnyOf, DataRequired, Length

from commerce.admin.fields import AmountField, name_field, no_control_characters, strip, version_field
from commerce.admin.forms import AdminForm, Difference, VersionedForm, add_error, problems_of, shown_text
from commerce.catalog.categories import CategoryNode
from commerce.catalog.collection_rules import MAX_CONDITIONS, MAX_TEXT, Condition, conditions_of
from commerce.catalog.collections import (
    KINDS,
    LIMITS,
    MAX_SEO_DESCRIPTION,
    MAX_SEO_TITLE,
    CollectionValues,
)
from commerce.catalog.models import Collection
from commerce.error_messages import describe
from commerce.errors import InvalidValue

ORDER_WORDS = {
    "newest": _("Newest first"),
    "price": _("Price, low to high"),
    "-price": _("Price, high to low"),
    "title": _("Title, A to Z"),
    "manual": _("In the order set below"),
}
FACT_WORDS = {
    "tag": _("Tag"),
    "title": _("Title contains"),
    "vendor": _("Vendor"),
    "product_type": _("Product type"),
    "price": _("Price"),
    "stock": _("Stock"),
    "category": _("Category"),
}
STOCK_WORDS = {"in": _("In stock"), "out": _("Sold out")}
MATCH_WORDS = {"all": _("All conditions"), "any": _("Any condition")}
_TOO_LONG = _("At most %(max)d characters.")
_ROW = re.compile(r"c([0-9]{1,3})-fact")


class _CollectionFields(VersionedForm):
    # Not `matches`: a field of that name would hide the method of the form element that scripts call.
    error_fields: ClassVar[Mapping[str, str]] = {"matches": "rule"}

    version = version_field()
    title = name_field(_("Title"))
    description_html = TextAreaField(
        _("Description"), [Length(max=LIMITS.body, message=_TOO_LONG), no_control_characters]
    )
    published = BooleanField(_("Published"), default=True)
    rule = RadioField(
        _("Products must meet"),
        choices=[SelectChoice(name, label) for name, label in MATCH_WORDS.items()],
        validators=[AnyOf(tuple(MATCH_WORDS), _("Please choose one."))],
        validate_choice=False,
        default="all",
    )
    product_order = SelectField(_("Order of products"), validate_choice=False, default="newest")
    slug = StringField(
        _("Address"), [Length(max=LIMITS.slug, message=_TOO_LONG), no_control_characters], filters=[strip]
    )
    seo_title = StringField(
        _("Page title"),
        [Length(max=MAX_SEO_TITLE, message=_TOO_LONG), no_control_characters],
        filters=[strip],
    )
    seo_description = TextAreaField(
        _("Meta description"),
        [Length(max=MAX_SEO_DESCRIPTION, message=_TOO_LONG), no_control_characters],
        filters=[strip],
    )


class ConditionRow(AdminForm):
    """One condition. Which fields it has depends on what it is about, and that never changes."""

    fact = HiddenField()
    words: ClassVar[Mapping[str, Any]] = FACT_WORDS

    def condition(self) -> Condition:
        """Return what was filled in."""
        return Condition(self.fact.data, self["value"].data or "")

    @property
    def blank(self) -> bool:
        """Whether nothing is filled in yet."""
        return self.condition() == Condition(self.fact.data)

    def text(self) -> str:
        """Return the condition in words."""
        return f"{self.words[self.fact.data]}: {shown_text(self['value'])}"


def _required() -> list[Any]:
    return [
        DataRequired(_("Enter a value for this condition.")),
        Length(max=MAX_TEXT, message=_TOO_LONG),
        no_control_characters,
    ]


class _TagRow(ConditionRow):
    value = StringField(FACT_WORDS["tag"], _required(), filters=[strip])


class _TitleRow(ConditionRow):
    value = StringField(FACT_WORDS["title"], _required(), filters=[strip])


class _VendorRow(ConditionRow):
    value = StringField(FACT_WORDS["vendor"], _required(), filters=[strip])


class _TypeRow(ConditionRow):
    value = StringField(FACT_WORDS["product_type"], _required(), filters=[strip])


class _StockRow(ConditionRow):
    value = SelectField(
        FACT_WORDS["stock"],
        choices=[SelectChoice(name, label) for name, label in STOCK_WORDS.items()],
        validate_choice=False,
    )


class _CategoryRow(ConditionRow):
    value = SelectField(FACT_WORDS["category"], validate_choice=False)


class _PriceRow(ConditionRow):
    low = AmountField(_("Lowest price"))
    high = AmountField(_("Highest price"))

    def condition(self) -> Condition:
        """Return what was filled in."""
        return Condition("price", low=self.low.data, high=self.high.data)

    def text(self) -> str:
        """Return the condition in words."""
        return f"{FACT_WORDS['price']}: {shown_text(self.low) or '…'} – {shown_text(self.high) or '…'}"


_ROWS: Mapping[str, type[ConditionRow]] = {
    "tag": _TagRow,
    "title": _TitleRow,
    "vendor": _VendorRow,
    "product_type": _TypeRow,
    "price": _PriceRow,
    "stock": _StockRow,
    "category": _CategoryRow,
}


class CollectionForm:
    """Fields of a collection and its conditions. A new one has no version yet; `kind` says what else it has."""

    def __init__(
        self,
        known: Collection | None,
        categories: Sequence[CategoryNode],
        formdata: Any = None,
        *,
        kind: str = "",
    ) -> None:
        self.kind = known.kind if known else _kind(kind or (formdata or {}).get("kind", ""))
        self.head = _CollectionFields(formdata, obj=known, rule=known.matches if known else "all")
        self._categories = categories
        if known is None:
            del self.head.version
        if self.kind == "chosen":
            del self.head.rule
        self.head.product_order.choices = [
            SelectChoice(name, label)
            for name, label in ORDER_WORDS.items()
            if name != "manual" or self.kind == "chosen"
        ]
        if known is None and formdata is None and self.kind == "chosen":
            self.head.product_order.data = "manual"
        self.form_errors: list[str] = []
        self.rows: list[ConditionRow] = []
        if formdata is not None and self.kind == "rules":
            sent = sorted({int(match[1]) for name in formdata if (match := _ROW.fullmatch(name))})
            for number in sent[: MAX_CONDITIONS + 1]:
                self._add(formdata.get(f"c{number}-fact"), formdata, number)
        elif known is not None and self.kind == "rules":
            for condition in conditions_of(known):
                self._add(condition.fact, shown=condition)

    def _add(
        self, fact: str | None, formdata: Any = None, number: int = 0, *, shown: Condition | None = None
    ) -> None:
        """Add the row of a condition, as it was sent, as it is kept, or empty; what is not known is ignored."""
        made = _ROWS.get(fact or "")
        if made is None or len(self.rows) > MAX_CONDITIONS:
            return
        place = number if formdata is not None else 1 + max((row.number for row in self.rows), default=-1)
        row: Any = made(formdata, obj=shown, data={"fact": fact}, prefix=f"c{place}-")
        row.number = place
        if isinstance(row, _CategoryRow):
            self._offer_categories(row)
        self.rows.append(row)

    def _offer_categories(self, row: _CategoryRow) -> None:
        row.value.choices = [
            SelectChoice("", _("Choose a category")),
            *(SelectChoice(str(node.id), " › ".join(node.trail)) for node in self._categories),
        ]

    def add_condition(self, fact: str) -> None:
        """Add an empty row, as its button asks."""
        self._add(fact)

    def remove_condition(self, number: str) -> None:
        """Take the row away whose button was pressed."""
        self.rows = [row for row in self.rows if str(row.number) != number]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return (field id, sentence) for everything that is wrong, for the summary above the form."""
        found = problems_of(self.head) + [("", text) for text in self.form_errors]
        return found + [problem for row in self.rows for problem in problems_of(row)]

    def validate(self) -> bool:
        """Check all fields."""
        return all([self.head.validate(), self.validate_conditions()])

    def validate_conditions(self) -> bool:
        """Check the rows of the conditions."""
        valid = [row.validate() for row in self.rows]  # each of them, so that all errors are shown
        return all(valid)

    @property
    def countable(self) -> bool:
        """Whether the conditions say something: there are some, and all are filled in."""
        return bool(self.rows) and not any(row.blank for row in self.rows)

    def conditions(self) -> list[Condition]:
        """Return the conditions as they were filled in; call it only after they were checked."""
        return [row.condition() for row in self.rows]

    def values(self) -> CollectionValues:
        """Return what was filled in; call it only after `validate`."""
        head = self.head
        return CollectionValues(
            head.title.data,
            head.slug.data or "",
            head.description_html.data or "",
            bool(head.published.data),
            self.kind,
            head.rule.data if "rule" in head else "all",
            self.conditions(),
            head.product_order.data,
            head.seo_title.data or "",
            head.seo_description.data or "",
        )

    def refuse_row(self, error: InvalidValue) -> bool:
        """Show what is wrong with a condition at its field, or above the form; tell whether it is about one."""
        place, _dot, rest = error.field.partition(".")
        if place != "conditions":
            return False
        number, _dot, name = rest.partition(".")
        if not rest:
            self.form_errors.append(describe(error))
        else:
            row = self.rows[int(number)]
            add_error(row, name if name in row else next(iter(row._fields)), describe(error))
        return True

    def catch_up(self, now: CollectionForm) -> None:
        """Take over the current version: whoever saves once more has seen what the others did, and means it."""
        self.head.catch_up(now.head)

    def differences(self, now: CollectionForm) -> list[Difference]:
        """Compare what was typed with a form of what the collection has become."""
        found = self.head.differences(now.head)
        theirs, typed = ("; ".join(row.text() for row in form.rows) for form in (now, self))
        if theirs != typed:
            found.append(Difference(gettext("Conditions"), theirs or "–", typed or "–"))
        return found


def _kind(asked: str) -> str:
    return asked if asked in KINDS else "rules"

"""The HTML of form fields, byte for byte as WTForms writes it, at a tenth of the work.

WTForms builds each attribute by formatting markup, which was a third of the checkout's time. What is not one of the
plain inputs it writes itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from markupsafe import escape
from wtforms import Field
from wtforms.widgets import (
    CheckboxInput,
    EmailInput,
    HiddenInput,
    RadioInput,
    Select,
    TelInput,
    TextArea,
    TextInput,
)
from wtforms.widgets.core import clean_key

from commerce.markup import Markup, rendered

PLAIN_INPUTS = frozenset({TextInput, EmailInput, TelInput, HiddenInput, CheckboxInput, RadioInput})
"""Exactly these: a class made of one of them may do something else."""
TICKED = frozenset({CheckboxInput, RadioInput})


def render_field(field: Field, attributes: Mapping[str, Any]) -> Markup | None:
    """Return the control of a field, or None for a kind that WTForms shall render."""
    kind = type(field.widget)
    if kind not in PLAIN_INPUTS and kind is not TextArea:
        return None
    given = {**(field.render_kw or {}), **attributes}
    if kind is TextArea:
        return _text_area(field, {_name(name): value for name, value in given.items()})
    if getattr(field, "_datalist", None) is not None:
        return None
    return _input(field, kind, {_name(name): value for name, value in given.items()})


def write_field(
    field: Field, hint: Any, optional: bool, css_class: str, attributes: Mapping[str, Any]
) -> Markup:
    """Return a field with its label, hint and errors, each tied to the control, for `field` of shared/_field.html.

    `optional` says so beside the label of one that may stay empty. `attributes` are those of the control.
    """
    name, errors = escape(field.id), field.errors
    described = [f"{field.id}-{part}" for part, there in (("hint", hint), ("error", errors)) if there]
    given = dict(attributes)
    if described:
        given["aria-describedby"] = " ".join(described)
    if errors:
        given["aria-invalid"] = "true"
    may_stay_empty = optional and not field.flags.required and field.type != "SelectField"
    remark = f' <span class="muted small">{escape(_("(optional)"))}</span>' if may_stay_empty else ""
    parts = [
        f'<div class="field{f" {escape(css_class)}" if css_class else ""}">',
        f'<label class="field__label" for="{name}">{escape(field.label.text)}{remark}</label>',
    ]
    if hint:
        parts.append(f'<span class="field__hint" id="{name}-hint">{escape(hint)}</span>')
    parts.append(str(field(**given)))
    if errors:
        words = " ".join(str(escape(each)) for each in errors)
        parts.append(f'<span class="field__error" id="{name}-error" data-hx-ignore>{words}</span>')
    return rendered("\n".join([*parts, "</div>"]))


def _input(field: Field, kind: type, given: dict[str, Any]) -> Markup:
    if kind in TICKED and getattr(field, "checked", field.data):
        given.setdefault("checked", True)
    given.setdefault("id", field.id)
    given.setdefault("type", field.widget.input_type)
    if "value" not in given:
        given["value"] = field._value()
    _add_rules(field, given)
    return rendered(f"<input {html_attributes({'name': field.name, **given})}>")


def _text_area(field: Field, given: dict[str, Any]) -> Markup:
    given.setdefault("id", field.id)
    _add_rules(field, given)
    attributes = html_attributes({"name": field.name, **given})
    return rendered(f"<textarea {attributes}>\r\n{escape(field._value())}</textarea>")


def _add_rules(field: Field, given: dict[str, Any]) -> None:
    """Add what the validators ask of the browser, such as `required` and `maxlength`."""
    for name, value in vars(field.flags).items():
        if name in field.widget.validation_attrs and name not in given:
            given[name] = value() if callable(value) else value


def html_attributes(attributes: Mapping[str, Any]) -> str:
    """Return attributes as HTML, sorted: True is the name alone, False nothing."""
    parts = []
    for key, value in sorted(attributes.items()):
        if value is True:
            parts.append(_name(key))
        elif value is not False:
            # Text that counts as markup is not escaped, and may hold the sign that ends the value.
            text = str(escape(value)).replace('"', "&quot;")
            parts.append(f'{_name(key)}="{text}"')
    return " ".join(parts)


@lru_cache(maxsize=512)
def _name(key: str) -> str:
    return str(escape(clean_key(key)))


class LongSelect(Select):  # type: ignore[misc]
    """A list such as all the world's countries, written once: it would be half the work of a page.

    `fixed` are the last of the field's choices, which are kept; None: all of them. What somebody has typed is not
    among them.
    """

    def __init__(self, fixed: tuple[tuple[str, str], ...] | None = None) -> None:
        super().__init__()
        self._fixed = fixed

    def __call__(self, field: Field, **attributes: Any) -> Markup:
        """Render the list with the field's value chosen. Its choices are pairs of texts."""
        given = {"name": field.name, "id": field.id, **attributes}
        _add_rules(field, given)
        fixed = tuple(field.choices) if self._fixed is None else self._fixed
        before = [
            _option(value, label, chosen=value == field.data)
            for value, label in field.choices[: len(field.choices) - len(fixed)]
        ]
        written, places = _written(fixed)
        options = [*before, *written]
        for place in places.get(field.data, ()):
            options[len(before) + place] = _option(*fixed[place], chosen=True)
        return rendered(f"<select {html_attributes(given)}>{''.join(options)}</select>")


@lru_cache(maxsize=512)
def _written(choices: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """Return the option of each choice, none of them chosen, and at which places each value is."""
    places: dict[str, list[int]] = {}
    for place, (value, _label) in enumerate(choices):
        places.setdefault(value, []).append(place)
    return tuple(_option(value, label) for value, label in choices), places


def _option(value: str, label: str, *, chosen: bool = False) -> str:
    return (
        f"<option {html_attributes({'value': value, 'selected': chosen})}>{escape(label or value)}</option>"
    )

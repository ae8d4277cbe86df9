"""All shapes by name."""

from __future__ import annotations

from commerce.demo.form import Form
from commerce.demo.forms_desk import DESK_FORMS
from commerce.demo.forms_hero import HERO_FORMS
from commerce.demo.forms_kitchen import KITCHEN_FORMS
from commerce.demo.forms_leaf import LEAF_FORMS
from commerce.demo.forms_light import LIGHT_FORMS
from commerce.demo.forms_room import ROOM_FORMS
from commerce.demo.forms_table import TABLE_FORMS
from commerce.demo.forms_teatools import TEATOOL_FORMS
from commerce.demo.forms_teaware import TEAWARE_FORMS

FORMS: dict[str, Form] = {
    **TABLE_FORMS,
    **KITCHEN_FORMS,
    **DESK_FORMS,
    **LIGHT_FORMS,
    **ROOM_FORMS,
    **LEAF_FORMS,
    **TEAWARE_FORMS,
    **TEATOOL_FORMS,
    **HERO_FORMS,
}

"""Groups of customers in the back office: the list, and one of them to rename or delete."""

from __future__ import annotations

import uuid
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.confirmation import confirm_first
from commerce.admin.forms import seen_row_version
from commerce.admin.people.forms import GroupForm, NewGroupForm
from commerce.admin.save import done, save
from commerce.customers import groups
from commerce.customers.groups import GroupRow
from commerce.errors import AlreadyExists, CommerceError
from commerce.web import render_region

GROUPS = "/admin/customer-groups"


@blueprint.get("/customer-groups")
@requires_permission("customers.view")
def customer_groups() -> BaseResponse:
    """List the groups with the number of their customers."""
    return _list(NewGroupForm())


@blueprint.post("/customer-groups")
@requires_permission("customers.change")
def customer_group_add() -> BaseResponse:
    """Add a group."""
    form = NewGroupForm(request.form)
    return save(
        form,
        lambda: groups.add_group(str(form.name.data)),
        show=lambda status: _list(form, status),
        then=lambda _id: done(_("Group added."), GROUPS),
        shown_at={AlreadyExists: "name"},
    )


@blueprint.get("/customer-groups/<uuid:group_id>")
@requires_permission("customers.view")
def customer_group(group_id: uuid.UUID) -> BaseResponse:
    """Show a group as a form."""
    group = groups.get_group(group_id)
    return _show(group, _form(group))


@blueprint.post("/customer-groups/<uuid:group_id>")
@requires_permission("customers.change")
def customer_group_change(group_id: uuid.UUID) -> BaseResponse:
    """Rename a group."""
    group, form = groups.get_group(group_id), GroupForm(request.form)
    return save(
        form,
        lambda: groups.rename_group(group_id, str(form.name.data), seen_version=form.version.data),
        show=lambda status, **context: _show(group, form, status, **context),
        then=lambda _result: done(_("Saved."), GROUPS),
        current=lambda: _form(groups.get_group(group_id)),
        shown_at={AlreadyExists: "name"},
    )


@blueprint.post("/customer-groups/<uuid:group_id>/deletion")
@requires_permission("customers.change")
def customer_group_delete(group_id: uuid.UUID) -> BaseResponse:
    """Ask, then delete a group; its customers stay."""
    group = groups.get_group(group_id)
    asked = confirm_first(
        _("Delete group %(name)s", name=group.name),
        _("Delete group"),
        f"{GROUPS}/{group_id}",
        [
            (_("Group"), group.name),
            (
                _("Customers"),
                ngettext(
                    "%(num)d customer leaves the group and stays a customer.",
                    "%(num)d customers leave the group and stay customers.",
                    group.customers,
                ),
            ),
        ],
    )
    return asked or save(
        None,
        lambda: groups.delete_group(group_id, seen_version=seen_row_version()),
        show=lambda status, problem: _show(
            groups.get_group(group_id), _form(groups.get_group(group_id)), status, problem
        ),
        then=lambda _result: done(_("Group “%(name)s” deleted.", name=group.name), GROUPS),
    )


def _form(group: GroupRow) -> GroupForm:
    return GroupForm(name=group.name, version=group.version)


def _list(form: NewGroupForm, status: int = 200) -> BaseResponse:
    return render_region(
        "admin/people/customer_groups.html",
        "admin/people/_customer_groups.html",
        status,
        groups=groups.list_groups(),
        form=form,
        most=groups.MAX_NAME,
    )


def _show(
    group: GroupRow,
    form: GroupForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Any = (),
) -> BaseResponse:
    return render_region(
        "admin/people/customer_group.html",
        "admin/people/_customer_group.html",
        status,
        group=group,
        form=form,
        most=groups.MAX_NAME,
        problem=problem,
        compared=compared,
    )

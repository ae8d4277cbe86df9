"""One table says who may do what, and every address of the back office asks it."""

import pytest
from flask import Flask

from commerce.accounts.models import StaffMember
from commerce.accounts.permissions import EVERYTHING, MANAGEMENT, PERMISSIONS, ROLES, VIEW, allows, roles_with
from commerce.orders.transitions import STAFF, TRANSITIONS

OF_FULFILMENT = {
    "orders.process",
    "orders.ship",
    "orders.deliver",
    "orders.note",
    "returns.answer",
    "stock.change",
}
OF_SUPPORT = {
    "customers.change",
    "customers.view",
    "orders.cancel",
    "orders.create",
    "orders.edit",
    "orders.request_refund",
    "orders.note",
    "orders.send_link",
    "returns.answer",
}
BESIDE_THE_TABLE = {"orders.view", "orders.note", "orders.send_link", "orders.create", "orders.edit"}
"""What staff do with orders that is no transition."""


def test_every_address_of_the_back_office_names_a_permission_of_the_table(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")}
    open_to_all = {
        "accounts.sign_in",
        "accounts.sign_in_code",
        "accounts.sign_out",
        "accounts.invitation",
        "accounts.forgotten_password",
        "accounts.reset_password",
    }
    assert open_to_all < endpoints
    for endpoint in endpoints - open_to_all:
        assert app.view_functions[endpoint].permission in EVERYTHING, endpoint


def test_every_action_of_staff_has_a_permission() -> None:
    actions = {f"orders.{row.action}" for row in TRANSITIONS if STAFF in row.actors}
    assert actions == {name for name in EVERYTHING if name.startswith("orders.")} - BESIDE_THE_TABLE


def test_the_table_knows_the_roles_that_the_database_accepts() -> None:
    check = next(c for c in StaffMember.__table__.constraints if str(c.name) == "ck_staff_members_role")
    assert all(f"'{role}'" in str(check.sqltext) for role in ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_its_work_and_no_more(role: str) -> None:
    expected = {
        "owner": EVERYTHING,
        "manager": MANAGEMENT,
        "fulfilment": VIEW | OF_FULFILMENT,
        "support": VIEW | OF_SUPPORT,
        "readonly": VIEW | {"reports.view"},
    }
    assert expected[role] == PERMISSIONS[role]


def test_only_owners_manage_staff_api_keys_host_names_and_exports() -> None:
    assert {"staff.manage", "api.manage", "data.export", "hosts.manage"} == EVERYTHING - MANAGEMENT
    assert roles_with("audit.view") == ["owner", "manager"]
    assert roles_with("customers.view") == ["owner", "manager", "support"]


def test_roles_with_a_permission_are_listed() -> None:
    assert roles_with("orders.refund") == ["owner", "manager"]
    assert roles_with("returns.answer") == ["owner", "manager", "fulfilment", "support"]
    assert roles_with("nonsense") == []


def test_an_unknown_role_may_do_nothing() -> None:
    assert not any(allows("emperor", permission) for permission in EVERYTHING)

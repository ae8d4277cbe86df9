"""What people typed stays text when an error repeats it: on a page, in a region for htmx, in a problem document."""

import pytest
from sqlalchemy import update

from commerce.accounts.models import StaffMember
from commerce.db import atomic, db
from tests.factories.staff import csrf_token, make_staff
from tests.support.html import find_all, parse
from tests.support.visitor import Visitor

HERE = "/admin/staff"
MARKUP = '<p hx-post="/admin/staff/x/role" hx-trigger="load" hx-vals=\'{"role": "owner"}\'>Bob</p>'


@atomic
def rename(email: str, name: str) -> None:
    db.session.execute(update(StaffMember).where(StaffMember.email == email).values(name=name))


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "region"])
@pytest.mark.parametrize("name", [MARKUP, f"{MARKUP} 100% %s %(name)s"], ids=["markup", "percent"])
def test_a_name_that_is_markup_is_shown_and_does_nothing(
    owner: Visitor, name: str, headers: dict[str, str]
) -> None:
    bob = make_staff("support")
    rename("support@shop.test", name)
    token = csrf_token(owner.client.get(HERE).text)
    answer = owner.client.post(
        f"{HERE}/{bob}/role",
        data={"csrf_token": token, "role": "readonly", "seen": "manager"},
        headers=headers,
    )
    assert answer.status_code == 409
    root = parse(answer)
    assert not list(find_all(root, "p", **{"hx-trigger": "load"}))
    assert any(name in "".join(each.itertext()) for each in root.iter())


@pytest.mark.parametrize("role", ["%", "%s", "%(role)s", "100%d", "<b hx-trigger='load'>"])
def test_a_role_that_is_invalid_is_refused_whatever_signs_it_has(owner: Visitor, role: str) -> None:
    bob = make_staff("support")
    token = csrf_token(owner.client.get(HERE).text)
    answer = owner.client.post(
        f"{HERE}/{bob}/role", data={"csrf_token": token, "role": role, "seen": "support"}
    )
    assert answer.status_code == 422
    assert "<b hx-trigger" not in answer.text

"""Many customers are tagged and put into groups at once, and the change is taken back."""

import re
import uuid

import pytest
from sqlalchemy import select

from commerce.bulk.queries import get_plan, row_counts
from commerce.bulk.services import create_plan, move_plan, preview_plan, start_plan
from commerce.customers import groups
from commerce.customers.models import CustomerProfile
from commerce.customers.profiles import CustomerKey, change_profile, make_profiles, profile_facts
from commerce.db import db
from commerce.errors import InvalidValue
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn, desk, signed_in
from tests.bulk.test_plans import run
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient

__all__ = ["desk", "signed_in"]
EMAILS = ("ann@mail.test", "bea@mail.test", "cid@mail.test")
KEYS = [CustomerKey(email) for email in EMAILS]


def plan_for(kind: str, given: dict[str, list[str]]) -> uuid.UUID:
    make_profiles(KEYS)
    chosen = select(CustomerProfile.id, CustomerProfile.version)
    plan_id = create_plan(kind, chosen, scope={}, by="Bob", staff_id=None)
    preview_plan(plan_id, given, seen_version=1)
    return plan_id


def tags() -> list[list[str]]:
    db.session.close()
    return [list(profile_facts(key).tags) for key in KEYS]


def test_tags_are_added_and_removed_and_what_somebody_changed_since_is_left_alone(in_shop: Shop) -> None:
    change_profile(KEYS[0], tags=["old", "VIP"], group_ids=[], seen_version=0)
    plan_id = plan_for("customers.tags", {"add": ["vip"], "remove": ["OLD"]})
    sample = get_plan(plan_id).totals["sample"]
    assert not any(email in str(sample) for email in EMAILS), "a plan outlives an erasure"
    change_profile(KEYS[2], tags=["mine"], group_ids=[], seen_version=1)
    start_plan(plan_id, seen_version=2)
    run()
    assert tags() == [["VIP"], ["vip"], ["mine"]]
    assert row_counts(plan_id) == {"done": 2, "conflict": 1}
    change_profile(KEYS[1], tags=["vip", "later"], group_ids=[], seen_version=2)
    move_plan(plan_id, "undo")
    run()
    assert tags() == [["old", "VIP"], ["later", "vip"], ["mine"]]


def test_groups_are_joined_and_left_and_one_that_is_gone_stays_gone(in_shop: Shop) -> None:
    gold, trade = groups.add_group("Gold"), groups.add_group("Trade")
    change_profile(KEYS[0], tags=[], group_ids=[trade], seen_version=0)
    for given in ({"add": [], "remove": []}, {"add": [str(gold)], "remove": [str(gold)]}):
        with pytest.raises(InvalidValue):
            plan_for("customers.groups", given)
    plan_id = plan_for("customers.groups", {"add": [str(gold)], "remove": [str(trade)]})
    start_plan(plan_id, seen_version=2)
    run()
    db.session.close()
    assert {row.name: row.customers for row in groups.list_groups()} == {"Gold": 3, "Trade": 0}
    groups.delete_group(trade, seen_version=1)
    move_plan(plan_id, "undo")
    run()
    db.session.close()
    assert {row.name: row.customers for row in groups.list_groups()} == {"Gold": 0}


def test_customers_of_every_kind_are_ticked_in_the_list(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    member = make_member("mary@example.com")
    order = make_order((make_product(stock=9), 1), email="zoe@mail.test")
    change_profile(CustomerKey("new@mail.test"), tags=["fair"], group_ids=[], seen_version=0)
    page = desk.get("/admin/customers").text
    ids = re.findall(r'name="id" value="([^"]+)"', page)
    assert {str(member), order.code} < set(ids)
    assert len(ids) == 3
    sent = {"kind": "customers.tags", "id": ids}
    for role in ("fulfilment", "readonly"):
        assert post(signed_in(role), "/admin/customers/bulk-changes", sent).status_code == 403
    foreign = post(signed_in("owner", shop=other_shop), "/admin/customers/bulk-changes", sent)
    assert foreign.location == "/admin/customers", "nothing of this shop was chosen"
    made = post(desk, "/admin/customers/bulk-changes", sent)
    assert "3 customers" in desk.get(made.location).text
    assert post(desk, made.location, {"version": "1", "add": "vip, tea", "remove": ""}).status_code == 303
    assert "Change 3 customers" in desk.get(made.location).text
    assert 'name="everything"' not in page
    narrowed = desk.get("/admin/customers?tag=fair").text
    assert "All 1 that match" in narrowed
    all_tagged = {"kind": "customers.tags", "everything": "1", "tag": "fair"}
    assert "1 customer, " in desk.get(post(desk, "/admin/customers/bulk-changes", all_tagged).location).text

"""Tags, groups and notes of customers on the pages of the back office."""

import re

import pytest

from commerce.customers import groups
from commerce.customers.profiles import CustomerKey, ProfileFacts, change_profile, profile_facts
from commerce.db import db
from commerce.members.customers import find_contacts
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.factories.members import make_member
from tests.factories.orders import order_in
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.support.client import ShopClient
from tests.support.statements import count_statements

ZOE = CustomerKey("zoe@mail.test")
PAGE = "/admin/customers/ORD-000001"


def kept(who: CustomerKey) -> ProfileFacts:
    """What there is of a customer now, whatever this test has read before."""
    db.session.close()
    return profile_facts(who)


@pytest.fixture
def zoe(in_shop: Shop) -> CustomerKey:
    """Zoe, who has ordered as a guest."""
    make_product(sku="TEA-1", stock=9)
    order_in("delivered", name="Zoe Adams", email=ZOE.email)
    return ZOE


def test_tags_and_groups_are_saved_on_the_page_and_narrow_the_list_by_its_address(
    desk: ShopClient, zoe: CustomerKey
) -> None:
    assert post(desk, "/admin/customer-groups", {"name": "Gold"}).status_code == 303
    (group,) = groups.list_groups()
    saved = post(desk, PAGE, {"version": "0", "tags": "vip, Berlin, VIP", "groups": str(group.id)})
    assert saved.status_code == 303
    page = desk.get(PAGE).text
    assert 'value="Berlin, vip"' in page
    assert re.search(rf'<input checked[^>]*value="{group.id}"', page)
    make_member("mary@example.com")
    for address in ("?tag=VIP", f"?group={group.id}", f"?q=zoe&tag=vip&group={group.id}"):
        found = desk.get(f"/admin/customers{address}").text
        assert "zoe@mail.test" in found, address
        assert "mary@example.com" not in found, address
    for address in ("?tag=cold", "?group=nonsense", f"?tag=vip&group={'0' * 32}"):
        assert "zoe@mail.test" not in desk.get(f"/admin/customers{address}").text, address
    assert f'<option value="{group.id}" selected>' in desk.get(f"/admin/customers?group={group.id}").text


def test_two_colleagues_see_each_others_tags(desk: ShopClient, zoe: CustomerKey) -> None:
    change_profile(zoe, tags=["hers"], group_ids=[], seen_version=0)
    answer = post(desk, PAGE, {"version": "0", "tags": "mine"})
    assert answer.status_code == 409
    assert "<td>hers</td><td>mine</td>" in answer.text
    assert kept(zoe).tags == ["hers"]
    again = {"version": re.findall(r'name="version" value="(\d+)"', answer.text)[0], "tags": "mine"}
    assert post(desk, PAGE, again).status_code == 303
    assert kept(zoe).tags == ["mine"]


def test_nothing_typed_is_lost_when_tags_or_a_note_are_refused(desk: ShopClient, zoe: CustomerKey) -> None:
    answer = post(desk, PAGE, {"version": "0", "tags": "x" * 41})
    assert answer.status_code == 422
    assert "x" * 41 in answer.text
    assert "Tags can have up to 40 characters" in answer.text
    answer = post(desk, f"{PAGE}/notes", {"text": "y" * 1001})
    assert answer.status_code == 422
    assert "y" * 1001 in answer.text
    assert post(desk, f"{PAGE}/notes", {"text": " "}).status_code == 422
    assert kept(zoe).id is None


def test_a_note_shows_who_wrote_it_and_is_deleted_after_a_question(
    desk: ShopClient, zoe: CustomerKey
) -> None:
    assert post(desk, f"{PAGE}/notes", {"text": "Likes <b>green</b> tea"}).status_code == 303
    page = desk.get(PAGE).text
    assert "Likes &lt;b&gt;green&lt;/b&gt; tea" in page
    assert "Bob" in page
    (note,) = kept(zoe).notes
    asked = post(desk, f"{PAGE}/notes/{note.id}/deletion")
    assert asked.status_code == 200
    assert kept(zoe).notes
    assert post(desk, f"{PAGE}/notes/{note.id}/deletion", {"step": "confirm"}).status_code == 303
    assert kept(zoe).notes == []
    assert post(desk, f"{PAGE}/notes/{note.id}/deletion", {"step": "confirm"}).status_code == 404


def test_a_group_is_renamed_and_deleted_after_saying_how_many_leave_it(
    desk: ShopClient, zoe: CustomerKey
) -> None:
    gold = groups.add_group("Gold")
    change_profile(zoe, tags=[], group_ids=[gold], seen_version=0)
    taken = post(desk, "/admin/customer-groups", {"name": "GOLD"})
    assert taken.status_code == 409
    assert "A group with this name already exists." in taken.text
    assert post(desk, f"/admin/customer-groups/{gold}", {"version": "1", "name": "Silver"}).status_code == 303
    assert post(desk, f"/admin/customer-groups/{gold}", {"version": "1", "name": "Tin"}).status_code == 409
    gone = f"/admin/customer-groups/{gold}/deletion"
    assert "1 customer leaves the group and stays a customer." in post(desk, gone, {"version": "2"}).text
    assert post(desk, gone, {"version": "1", "step": "confirm"}).status_code == 409
    db.session.close()
    assert [row.name for row in groups.list_groups()] == ["Silver"]
    assert post(desk, gone, {"version": "2", "step": "confirm"}).status_code == 303
    assert "No groups yet." in desk.get("/admin/customer-groups").text
    assert "zoe@mail.test" in desk.get("/admin/customers").text


def test_a_customer_without_account_or_order_has_a_page(desk: ShopClient, in_shop: Shop) -> None:
    change_profile(CustomerKey("new@mail.test"), tags=["fair"], group_ids=[], seen_version=0)
    (row,) = find_contacts()
    assert "new@mail.test" in desk.get("/admin/customers").text
    assert "no account" in desk.get(f"/admin/customers/{row.key}").text
    assert post(desk, f"/admin/customers/{row.key}/draft").status_code == 303


def test_the_files_of_customers_have_tags_and_groups(desk: ShopClient, zoe: CustomerKey) -> None:
    gold = groups.add_group("Gold")
    mary = CustomerKey("mary@example.com", make_member("mary@example.com", "Mary"))
    for who in (zoe, mary):
        change_profile(who, tags=["vip"], group_ids=[gold], seen_version=0)
    for table, email in (("customers", mary.email), ("other-customers", zoe.email)):
        line = desk.get(f"/admin/exports/file.csv?table={table}&format=plain").text.splitlines()[1]
        assert line.startswith(f"{email},")
        assert ",vip,Gold," in line


def test_who_may_not_changes_nothing_and_another_shop_finds_nothing(
    signed_in: SignedIn, zoe: CustomerKey, other_shop: Shop
) -> None:
    gold = groups.add_group("Gold")
    post(signed_in("support"), f"{PAGE}/notes", {"text": "Kind"})
    (note,) = kept(zoe).notes
    deeds: dict[str, dict[str, str]] = {
        PAGE: {"version": "1", "tags": "a"},
        f"{PAGE}/notes": {"text": "a"},
        f"{PAGE}/notes/{note.id}/deletion": {"step": "confirm"},
        f"/admin/customer-groups/{gold}": {"version": "1", "name": "a"},
        f"/admin/customer-groups/{gold}/deletion": {"version": "1", "step": "confirm"},
    }
    charlie = signed_in("owner", shop=other_shop)
    for path, form in deeds.items():
        for role in ("fulfilment", "readonly"):
            assert post(signed_in(role), path, form).status_code == 403, path
        assert post(charlie, path, form).status_code == 404, path
    assert (kept(zoe).tags, len(kept(zoe).notes)) == ([], 1)
    assert [row.name for row in groups.list_groups()] == ["Gold"]
    with shop_scope(other_shop):
        assert groups.list_groups() == []


def test_two_customers_are_compared_and_merged_after_a_typed_word(
    signed_in: SignedIn, zoe: CustomerKey, other_shop: Shop
) -> None:
    desk, mary = signed_in("manager", name="Bob"), make_member("mary@example.com", "Mary")
    address = f"/admin/customers/{mary}/merge"
    assert f"{address}?other=ORD-000001" in desk.get(f"{address}?q=zoe").text
    page = desk.get(f"{address}?other=ORD-000001").text
    assert re.findall(r">([^<]+@[^<]+)</td>", page) == [
        "mary@example.com",
        "zoe@mail.test",
        "mary@example.com",
    ]
    form = {"other": "ORD-000001", "version": re.findall(r'name="version" value="(\d+)"', page)[0]}
    refused = post(desk, f"{PAGE}/merge", {"other": str(mary), "version": "1"})
    assert refused.status_code == 409
    assert "Keep the customer with the account." in refused.text
    assert "Type merge to confirm" in post(desk, address, form).text
    confirmed = form | {"step": "confirm", "typed": "merge"}
    assert post(desk, address, confirmed | {"typed": "yes"}).status_code == 422
    for role in ("support", "readonly"):
        assert post(signed_in(role), address, confirmed).status_code == 403
    assert post(signed_in("owner", shop=other_shop), address, confirmed).status_code == 404
    change_profile(zoe, tags=["vip"], group_ids=[], seen_version=0)
    stale = post(desk, address, confirmed)
    assert stale.status_code == 409
    assert "Someone else changed this" in stale.text
    form["version"] = re.findall(r'name="version" value="(\d+)"', stale.text)[0]
    assert post(desk, address, form | {"step": "confirm", "typed": "merge"}).status_code == 303
    page = desk.get(PAGE).text
    assert "Merged with: zoe@mail.test" in " ".join(page.split())
    assert "vip" in page
    assert "merged another customer into" in signed_in("owner").get("/admin/audit").text


def test_the_list_costs_the_same_with_many_customers(desk: ShopClient, in_shop: Shop) -> None:
    gold, costs = groups.add_group("Gold"), []
    for number in range(6):
        change_profile(CustomerKey(f"a{number}@mail.test"), tags=["vip"], group_ids=[gold], seen_version=0)
        if number in (0, 5):
            desk.get("/admin/customers")
            with count_statements() as statements:
                desk.get("/admin/customers")
            costs.append(len(statements))
    assert costs[0] == costs[1] <= 10, costs

"""Tags, groups and notes of customers with an account and without: kept, filtered by, moved, forgotten."""

import json
import uuid

import pytest

from commerce.accounts.models import Member
from commerce.customers import groups
from commerce.customers.models import CustomerNote, CustomerProfile, MergedEmail
from commerce.customers.profiles import (
    CustomerKey,
    add_customer_note,
    adopt_profile,
    change_profile,
    delete_customer_note,
    ensure_profile,
    profile_facts,
    read_customer_tags,
)
from commerce.db import Base, atomic, db
from commerce.errors import AlreadyExists, InvalidValue, NotFound, StaleVersion
from commerce.events.outbox import Actor
from commerce.members.customers import (
    CustomerFilter,
    customer_of_member,
    customer_of_order,
    customer_of_profile,
    find_contacts,
    find_guests,
    find_members,
)
from commerce.members.erasure import erase_customer
from commerce.members.export import export_as_json
from commerce.orders.services import cancel_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.shop import make_product

GUEST = CustomerKey("zoe@mail.test")


def keep(who: CustomerKey, *tags: str, groups: tuple[uuid.UUID, ...] = ()) -> None:
    change_profile(who, tags=tags, group_ids=groups, seen_version=profile_facts(who).version)


def test_tags_and_groups_are_replaced_and_a_page_that_was_stale_changes_nothing(in_shop: Shop) -> None:
    gold, trade = groups.add_group("Gold"), groups.add_group("Trade")
    assert change_profile(GUEST, tags=["vip", "Berlin"], group_ids=[gold, trade], seen_version=0)
    facts = profile_facts(GUEST)
    assert (facts.tags, facts.group_names) == (["Berlin", "vip"], ["Gold", "Trade"])
    with pytest.raises(StaleVersion):
        change_profile(GUEST, tags=[], group_ids=[], seen_version=0)
    assert not change_profile(
        GUEST, tags=["vip", "Berlin"], group_ids=[gold, trade], seen_version=facts.version
    )
    assert profile_facts(GUEST).version == facts.version, "what changed nothing makes no page stale"
    keep(GUEST, "vip", groups=(trade,))
    assert (profile_facts(GUEST).tags, profile_facts(GUEST).group_names) == (["vip"], ["Trade"])


def test_a_group_of_another_shop_is_refused_like_one_that_is_not_there(
    in_shop: Shop, other_shop: Shop
) -> None:
    with shop_scope(other_shop):
        theirs = groups.add_group("Gold")
    for group_id in (theirs, uuid.uuid4()):
        with pytest.raises(InvalidValue):
            change_profile(GUEST, tags=["vip"], group_ids=[group_id], seen_version=0)
    assert profile_facts(GUEST).id is None, "what was refused leaves nothing"


@pytest.mark.parametrize("line", ["x" * 41, "a\0b", ",".join(map(str, range(51)))])
def test_tags_that_nobody_could_read_are_refused(line: str) -> None:
    with pytest.raises(InvalidValue):
        read_customer_tags(line)


def test_notes_keep_their_author_and_only_those_of_the_customer_can_be_deleted(in_shop: Shop) -> None:
    add_customer_note(GUEST, author="Bob", text="Prefers the  morning.\r\nRings twice.")
    (note,) = profile_facts(GUEST).notes
    assert (note.author, note.text) == ("Bob", "Prefers the  morning.\nRings twice.")
    with pytest.raises(NotFound):
        delete_customer_note(CustomerKey("ann@mail.test"), note.id)
    delete_customer_note(GUEST, note.id)
    assert profile_facts(GUEST).notes == []
    for text in ("", "x" * 1001, "a\0b"):
        with pytest.raises(InvalidValue):
            add_customer_note(GUEST, author="Bob", text=text)


def test_group_names_are_unique_whatever_their_case_and_customers_outlive_their_group(in_shop: Shop) -> None:
    gold = groups.add_group(" Gold  customers ")
    for taken in ("gold customers", "GOLD CUSTOMERS"):
        with pytest.raises(AlreadyExists):
            groups.add_group(taken)
    for bad in ("", "a,b", "x" * 61):
        with pytest.raises(InvalidValue):
            groups.add_group(bad)
    keep(GUEST, "vip", groups=(gold,))
    with pytest.raises(StaleVersion):
        groups.rename_group(gold, "Silver", seen_version=7)
    groups.rename_group(gold, "gold Customers", seen_version=1)
    assert [(row.name, row.customers) for row in groups.list_groups()] == [("gold Customers", 1)]
    groups.delete_group(gold, seen_version=2)
    assert (profile_facts(GUEST).tags, profile_facts(GUEST).groups) == (["vip"], [])


def test_lists_are_narrowed_by_tag_and_group_for_every_kind_of_customer(in_shop: Shop) -> None:
    tea = make_product(stock=9)
    mary = CustomerKey("mary@example.com", make_member("mary@example.com", "Mary"))
    make_member("max@example.com", "Max")
    for email in ("Zoe@mail.test", "other@mail.test"):
        make_order((tea, 1), email=email)
    gold = groups.add_group("Gold")
    for who in (mary, GUEST, CustomerKey("new@mail.test")):
        keep(who, "Vip", groups=(gold,))
    keep(CustomerKey("newer@mail.test"), "cold")
    for asked in (CustomerFilter(tag="vip"), CustomerFilter(group_id=gold)):
        assert [row.email for row in find_members(asked)] == ["mary@example.com"]
        assert [row.email for row in find_guests(asked)] == ["zoe@mail.test"]
        assert [row.email for row in find_contacts(asked)] == ["new@mail.test"]
    assert [row.email for row in find_contacts()] == ["newer@mail.test", "new@mail.test"]
    nobody = CustomerFilter(tag="vip", group_id=uuid.uuid4())
    assert [*find_members(nobody), *find_guests(nobody), *find_contacts(nobody)] == []


def test_what_was_kept_of_a_guest_follows_them_into_their_account_and_to_another_address(
    in_shop: Shop,
) -> None:
    keep(GUEST, "vip")
    add_customer_note(GUEST, author="Bob", text="Friendly")
    member = make_member(GUEST.email)
    atomic(adopt_profile)(member, GUEST.email)
    add_customer_note(CustomerKey("zoe@new.test"), author="Bob", text="Known by post")

    @atomic
    def move() -> None:
        db.session.get_one(Member, (in_shop.id, member)).email = "zoe@new.test"
        db.session.flush()
        adopt_profile(member, "zoe@new.test")

    move()
    facts = profile_facts(CustomerKey("zoe@new.test", member))
    assert facts.tags == ["vip"]
    assert {note.text for note in facts.notes} == {"Friendly", "Known by post"}
    assert profile_facts(GUEST).id is None, "nothing is left at the former address"
    assert customer_of_profile(facts.id or uuid.uuid4()).member_id == member


def test_a_customer_gets_the_notes_about_them_without_their_authors_and_erasure_leaves_nothing(
    in_shop: Shop,
) -> None:
    order = make_order((make_product(stock=9), 1), email="zoe@mail.test", name="Zoe")
    gold = groups.add_group("Gold")
    keep(GUEST, "vip", groups=(gold,))
    add_customer_note(GUEST, author="Bob Builder", text="Is always kind")
    merged(GUEST, "zoe@old.test")
    customer = customer_of_order(order.code)
    data = json.loads(export_as_json(customer))["kept_by_staff"]
    assert (data["tags"], data["groups"], data["merged_addresses"]) == (["vip"], ["Gold"], ["zoe@old.test"])
    assert [note["text"] for note in data["notes"]] == ["Is always kind"]
    assert "Bob" not in json.dumps(data)
    finish(order.id)
    erase_customer(customer)
    for table in ("customer_profiles", "customer_tags", "customer_notes", "merged_emails"):
        assert db.session.connection().execute(Base.metadata.tables[table].select()).all() == [], table
    assert [row.customers for row in groups.list_groups()] == [0]


@atomic
def merged(who: CustomerKey, email: str) -> None:
    db.session.add(MergedEmail(email=email, profile_id=ensure_profile(who).id))


def finish(order_id: uuid.UUID) -> None:
    cancel_order(order_id, Actor("guest"), reason="Too late")


def test_a_member_is_erased_with_what_staff_kept_and_others_are_not(in_shop: Shop) -> None:
    member = make_member("mary@example.com")
    for who in (CustomerKey("mary@example.com", member), GUEST):
        keep(who, "vip")
        add_customer_note(who, author="Bob", text="Kind")
    erase_customer(customer_of_member(member))
    assert [row.email for row in db.session.query(CustomerProfile)] == [GUEST.email]
    assert db.session.query(CustomerNote).count() == 1

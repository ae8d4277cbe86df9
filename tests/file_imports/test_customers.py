"""Customers from files: our own export, Shopify's and WooCommerce's, in every shape that spreadsheets write."""

import io
import json
import uuid

import pytest

from commerce.accounts.address_book import addresses_of
from commerce.accounts.models import Member
from commerce.customers import groups
from commerce.customers.models import CustomerProfile
from commerce.customers.profiles import CustomerKey, ProfileFacts, change_profile, profile_facts
from commerce.db import db
from commerce.file_imports.models import FileImport, FileImportChunk, FileImportPart
from commerce.file_imports.queries import get_import
from commerce.file_imports.services import start_import, upload_file, withdraw_import
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn, desk, signed_in
from tests.factories.checkout import make_order
from tests.factories.members import make_member
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.file_imports.test_runner import run
from tests.support.client import ShopClient

__all__ = ["desk", "signed_in"]

SHOPIFY = """Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,\
Default Address Address1,Default Address Address2,Default Address City,Default Address Province Code,\
Default Address Country Code,Default Address Zip,Default Address Phone,Phone,Note,Tags
'1,Zoe,Adams,Zoe@Mail.test,no,Adams Ltd,1 Main St,Apt 2,Springfield,IL,US,62701,,'+15550100,Rings twice,"vip, Berlin"
"""
WOOCOMMERCE = """Name,Username,Last active,Email,Orders,Country / Region,City,Region,Postal code
Zoe Adams,zoe,2026-01-01,zoe@mail.test,2,DE,Berlin,,10115
"""


def upload(text: str | bytes) -> FileImport:
    content = text.encode() if isinstance(text, str) else text
    import_id = upload_file(io.BytesIO(content), kind="customers", file_name="customers.csv", by="Bob")
    assert run() == 1
    return get_import(import_id)


def imported(text: str | bytes) -> FileImport:
    row = upload(text)
    assert row.status == "checked", row.error
    start_import(row.id, seen_version=1)
    assert run() == 1
    db.session.close()
    return get_import(row.id)


def facts(email: str, member_id: uuid.UUID | None = None) -> ProfileFacts:
    db.session.close()
    return profile_facts(CustomerKey(email, member_id))


def test_a_file_of_shopify_is_previewed_and_then_taken_in(in_shop: Shop) -> None:
    row = upload(SHOPIFY)
    assert row.preview["products"] == {"imported": 1, "updated": 0, "unchanged": 0, "rejected": 0}
    unread = {each["column"]: each["rows"] for each in row.preview["columnsNotTaken"]}
    assert unread == {
        "Customer ID": 1,
        "Accepts Email Marketing": 1,
        "Default Address Phone": 0,
        "Note": 1,
    }
    assert db.session.query(CustomerProfile).count() == 0, "a preview keeps nothing"
    start_import(row.id, seen_version=1)
    run()
    zoe = facts("zoe@mail.test")
    assert (zoe.name, zoe.phone, zoe.tags) == ("Zoe Adams", "+15550100", ["Berlin", "vip"])
    (address,) = zoe.addresses
    assert address.address == {
        "company_name": "Adams Ltd",
        "street_address": "1 Main St\nApt 2",
        "city": "Springfield",
        "country_area": "IL",
        "postal_code": "62701",
        "country_code": "US",
    }
    assert db.session.query(Member).count() == 0, "nobody gets an account"
    again = upload(SHOPIFY)
    assert again.preview["products"]["unchanged"] == 1


@pytest.mark.parametrize(
    "content",
    [
        WOOCOMMERCE.encode(),
        b"\xef\xbb\xbf" + WOOCOMMERCE.replace(",", ";").encode(),
        WOOCOMMERCE.replace(",", "\t").encode("utf-16"),
    ],
)
def test_files_of_woocommerce_are_read_in_every_shape(in_shop: Shop, content: bytes) -> None:
    assert imported(content).status == "done"
    zoe = facts("zoe@mail.test")
    assert zoe.name == "Zoe Adams"
    assert zoe.addresses[0].address == {"city": "Berlin", "postal_code": "10115", "country_code": "DE"}


def test_existing_customers_change_only_where_the_file_says_something_and_the_preview_says_what(
    in_shop: Shop,
) -> None:
    mary = make_member("mary@example.com", "Mary Member")
    gold = groups.add_group("Gold")
    change_profile(CustomerKey("mary@example.com", mary), tags=["vip"], group_ids=[gold], seen_version=0)
    make_order((make_product(stock=9), 1), email="zoe@mail.test")
    row = upload(
        "Email,Name,Phone,Language,Tags,Groups,Street,City,Country\r\n"
        'Mary@example.com,,+49 30 1,de-AT,"new, vip",,Hauptstr. 5,Wien,at\r\n'
        "zoe@mail.test,Zoe,,,,New group,,,\r\n"
    )
    assert row.preview["products"] == {"imported": 0, "updated": 2, "unchanged": 0, "rejected": 0}
    found = {
        (each["handle"], each["field"]): (each["before"], each["after"]) for each in row.preview["changes"]
    }
    assert found == {
        ("mary@example.com", "phone"): ("", "+49 30 1"),
        ("mary@example.com", "language"): ("", "de_AT"),
        ("mary@example.com", "tags"): ("vip", "new, vip"),
        ("mary@example.com", "address"): ("", "Hauptstr. 5, Wien, AT"),
        ("zoe@mail.test", "name"): ("", "Zoe"),
        ("zoe@mail.test", "groups"): ("", "New group"),
    }
    assert row.preview["categoriesCreated"] == ["New group"]
    start_import(row.id, seen_version=1)
    run()
    db.session.close()
    member = db.session.get_one(Member, (in_shop.id, mary))
    assert (member.name, member.phone) == ("Mary Member", "+49 30 1")
    assert [each.address["city"] for each in addresses_of(mary)] == ["Wien"]
    assert facts("mary@example.com", mary).group_names == ["Gold"]
    assert facts("zoe@mail.test").group_names == ["New group"]


def test_rows_that_cannot_be_taken_are_named_and_the_others_are_taken(in_shop: Shop) -> None:
    text = (
        "Email,Name,Language,Tags,Country,City\r\n"
        "a@mail.test,Ann,,,,\r\n"
        "nonsense,Ben,,,,\r\n"
        "A@mail.test,Ann again,,,,\r\n"
        "c@mail.test,Cid,Klingonish,,,\r\n"
        f"d@mail.test,Dot,,{'x' * 41},,\r\n"
        "e@mail.test,Eve,,,Atlantis,Poseidonis\r\n"
        f"f@mail.test,{'y' * 256},,,,\r\n"
    )
    row = upload(text)
    assert [(each["row"], each["column"]) for each in row.preview["errors"]] == [
        (3, "Email"),
        (4, "Email"),
        (5, "Language"),
        (6, "Tags"),
        (7, "Country"),
        (8, "Name"),
    ]
    assert row.preview["rowsRead"] == 7
    start_import(row.id, seen_version=1)
    run()
    db.session.close()
    assert [each.email for each in db.session.query(CustomerProfile)] == ["a@mail.test"]
    done = get_import(row.id)
    assert done.result["products"] == row.preview["products"]


def test_nothing_about_the_people_in_a_file_is_kept_once_its_import_is_over(in_shop: Shop) -> None:
    text = "Email,Name\r\nxanary@mail.test,Xanary\r\nnonsense,Xanary Two\r\n"
    done = imported(text)
    withdrawn = upload(text)
    withdraw_import(withdrawn.id)
    db.session.close()
    assert db.session.query(FileImportChunk).count() == 0
    for row in (*db.session.query(FileImport), *db.session.query(FileImportPart)):
        kept = {name: value for name, value in vars(row).items() if isinstance(value, dict)}
        assert "xanary" not in json.dumps(kept).lower()
    assert done.result["errors"][0]["row"] == 3


def test_a_file_without_addresses_is_refused_as_a_whole(in_shop: Shop) -> None:
    row = upload("Name,City\r\nZoe,Berlin\r\n")
    assert (row.status, row.error["reason"]) == ("failed", "customer_headings_missing")


def test_our_own_export_comes_back_unchanged(desk: ShopClient, in_shop: Shop) -> None:
    mary = make_member("mary@example.com", "=Mary")
    gold = groups.add_group("Gold")
    change_profile(
        CustomerKey("mary@example.com", mary), tags=["vip", "-tag"], group_ids=[gold], seen_version=0
    )
    imported(SHOPIFY)
    for table in ("customers", "other-customers"):
        for separator in ("comma", "semicolon", "tab"):
            address = f"/admin/exports/file.csv?table={table}&separator={separator}"
            row = upload(desk.get(address).data)
            assert row.preview["products"] == {"imported": 0, "updated": 0, "unchanged": 1, "rejected": 0}, (
                row.preview["changes"]
            )


def test_a_file_is_uploaded_reviewed_and_imported_in_the_browser_by_those_who_may(
    desk: ShopClient, signed_in: SignedIn, in_shop: Shop, other_shop: Shop
) -> None:
    assert 'href="/admin/customers/import"' in desk.get("/admin/customers").text
    assert post(desk, "/admin/customers/import", {}).status_code == 422
    sent = desk.post(
        "/admin/customers/import",
        data={"csrf_token": desk.csrf_token(), "file": (io.BytesIO(SHOPIFY.encode()), "customers.csv")},
        content_type="multipart/form-data",
    )
    assert sent.status_code == 303
    run()
    page = desk.get(sent.location).text
    assert "Import 1 customer" in page
    assert "New customers" in page
    for role in ("support", "fulfilment", "readonly"):
        assert signed_in(role).get(sent.location).status_code == 403
        assert post(signed_in(role), f"{sent.location}/start", {"version": "1"}).status_code == 403
        assert signed_in(role).get("/admin/customers/import").status_code == 403
    assert post(signed_in("owner", shop=other_shop), f"{sent.location}/start").status_code == 404
    assert "zoe@mail.test" not in desk.get("/admin/products/import").text
    assert post(desk, f"{sent.location}/start", {"version": "1"}).status_code == 303
    run()
    assert "zoe@mail.test" in desk.get("/admin/customers").text
    assert desk.get(f"{sent.location}/report.csv").status_code == 200

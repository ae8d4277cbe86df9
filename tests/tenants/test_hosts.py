"""A host name leads to one shop, however many want it at the same moment."""

import threading

from flask import Flask

from commerce.errors import CommerceError
from commerce.tenants.hosts import add_host, hosts_of
from commerce.tenants.models import Shop
from commerce.tenants.queries import find_shop_by_host
from commerce.tenants.services import create_tenant
from commerce.tenants.settings import change_settings


def at_once(app: Flask, *deeds: object) -> list[object]:
    """Do all of it in one instant; return what came of each, an error as its class."""
    start, results = threading.Barrier(len(deeds)), []

    def work(deed: object) -> None:
        with app.app_context():
            start.wait()
            try:
                results.append(deed())  # type: ignore[operator]
            except CommerceError as error:
                results.append(type(error).__name__)

    threads = [threading.Thread(target=work, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def make(code: str) -> Shop:
    return create_tenant(code=code, name=code, currency="EUR", country="DE")


def test_a_host_name_added_by_many_shops_at_once_goes_to_one(app: Flask) -> None:
    with app.app_context():
        shops = [make(f"shop{number}") for number in range(8)]
        deeds = [lambda shop=shop: add_host(shop.id, "tea.example", seen_version=1) for shop in shops]
        results = at_once(app, *deeds)
        assert sorted(map(str, results)) == ["InvalidValue"] * 7 + ["tea.example"]
        found = find_shop_by_host("tea.example")
        assert found is not None
        assert [len(hosts_of(shop.id)) for shop in shops].count(2) == 1


def test_of_many_changes_with_one_version_one_succeeds_and_the_others_are_stale(app: Flask) -> None:
    with app.app_context():
        shop = make("shop")
        deeds = [
            lambda name=name: change_settings(shop.id, {"name": name}, seen_version=1) for name in "abcdefgh"
        ]
        assert sorted(map(str, at_once(app, *deeds))) == ["StaleVersion"] * 7 + ["True"]

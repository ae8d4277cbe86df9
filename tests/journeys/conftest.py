"""Two shops with a real server, shared by the journeys of a module; the people who visit them are each test's own."""

from collections.abc import Callable, Iterator

import pytest

from tests.journeys.live_shop import House
from tests.journeys.people import Shopper, Staff
from tests.support.browser import NewPage
from tests.support.databases import Worker
from tests.support.spawn import Nursery


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def house(
    request: pytest.FixtureRequest, worker: Worker, tmp_path_factory: pytest.TempPathFactory, nursery: Nursery
) -> Iterator[House]:
    """An empty database, both shops in it, and a server with its worker: once for a module and kind of database.

    Tests of one module therefore see each other's orders; each makes products and people of its own.
    """
    bench, app = worker.get(request.param)
    bench.clean(app)
    with House(app, bench.url, tmp_path_factory.mktemp("house"), nursery) as made:
        yield made


@pytest.fixture
def shopper(house: House, new_page: NewPage) -> Callable[..., Shopper]:
    """Let somebody new come to a shop: `shopper(javascript=False, shop="other")`."""

    def arrive(*, shop: str = "demo", javascript: bool = True) -> Shopper:
        return Shopper(house, new_page(javascript=javascript), shop, javascript=javascript)

    return arrive


@pytest.fixture
def staff(house: House, new_page: NewPage) -> Callable[..., Staff]:
    """Let a member of staff of the first shop sit down at a browser: `staff("bob")`."""

    def arrive(name: str = "bob", *, javascript: bool = True) -> Staff:
        return Staff(house, new_page(javascript=javascript), name, javascript=javascript)

    return arrive

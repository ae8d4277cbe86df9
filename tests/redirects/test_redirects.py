"""A page that is not there any more leads to where it is now; nobody is led in circles or away from the back office."""

from collections.abc import Callable

import pytest
from flask import Flask

from commerce.db import atomic
from commerce.errors import InvalidValue
from commerce.redirects.services import find_target, forget_redirect, keep_redirect
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.support.client import ShopClient
from tests.support.statements import count_statements

keep, forget = atomic(keep_redirect), atomic(forget_redirect)


@pytest.fixture
def led(app: Flask, shop: Shop) -> Callable[[str, str], None]:
    def lead(path: str, target: str) -> None:
        with app.app_context(), shop_scope(shop):
            keep(path, target)

    return lead


def test_a_former_address_leads_to_the_new_one_for_good_with_its_query(
    led: Callable[[str, str], None], client: ShopClient
) -> None:
    assert client.get("/pages/imprint").status_code == 404
    led("/pages/imprint/", "/pages/legal")
    answer = client.get("/pages/imprint?from=mail")
    assert (answer.status_code, answer.location) == (301, "/pages/legal?from=mail")
    assert client.get("/pages/imprint/").location == "/pages/legal"
    assert client.head("/pages/imprint").status_code == 301
    assert client.post("/pages/imprint").status_code != 301


def test_a_page_that_is_there_is_shown_and_costs_no_look_at_the_redirects(
    led: Callable[[str, str], None], client: ShopClient
) -> None:
    led("/search", "/elsewhere")
    with count_statements() as statements:
        assert client.get("/search").status_code == 200
    assert not [each for each in statements if "redirects" in each]


def test_an_address_outside_of_the_shop_and_letters_of_any_script_work(
    led: Callable[[str, str], None], client: ShopClient
) -> None:
    led("https://old.example/blog/Caf%C3%A9", "https://blog.example/cafe?x=1")
    assert client.get("/blog/Café?y=2").location == "https://blog.example/cafe?x=1&y=2"


@pytest.mark.usefixtures("in_shop")
def test_chains_become_one_step_and_circles_are_broken() -> None:
    keep("/a", "/b")
    keep("/b", "/c")
    assert (find_target("/a"), find_target("/b")) == ("/c", "/c")
    keep("/c", "/a")
    assert (find_target("/a"), find_target("/b"), find_target("/c")) == (None, "/a", "/a")
    forget("/b/")
    assert find_target("/b") is None


@pytest.mark.usefixtures("in_shop")
@pytest.mark.parametrize(
    ("path", "target", "reason"),
    [
        ("", "/a", "redirect_path_invalid"),
        ("/", "/a", "redirect_path_invalid"),
        ("imprint", "/a", "redirect_path_invalid"),
        ("//evil.example", "/a", "redirect_path_invalid"),
        ("/a?b=c", "/a", "redirect_path_invalid"),
        ("/a\x00b", "/a", "redirect_path_invalid"),
        ("/" + "a" * 1001, "/a", "text_too_long"),
        ("/admin/orders", "/a", "redirect_path_reserved"),
        ("/api", "/a", "redirect_path_reserved"),
        ("/cart", "/a", "redirect_path_reserved"),
        ("/checkout/", "/a", "redirect_path_reserved"),
        ("/a", "", "redirect_target_invalid"),
        ("/a", "//evil.example", "redirect_target_invalid"),
        ("/a", "javascript:alert(1)", "redirect_target_invalid"),
        ("/a", "/b c", "redirect_target_invalid"),
        ("/a", "/a/?x=1", "redirect_to_itself"),
        ("/%61", "/a", "redirect_to_itself"),
    ],
)
def test_what_leads_nowhere_is_refused(path: str, target: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        keep(path, target)
    assert refused.value.reason == reason
    assert find_target(path) is None


def test_another_shops_redirects_lead_nobody_here(
    led: Callable[[str, str], None], client: ShopClient, app: Flask, other_shop: Shop
) -> None:
    led("/old", "/new")
    with app.app_context(), shop_scope(other_shop):
        assert find_target("/old") is None
    assert client.get("/old").status_code == 301

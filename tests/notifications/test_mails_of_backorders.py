"""Mails name the units that are not there yet, as their shopper was promised them."""

from datetime import date

import pytest

from tests.factories.checkout import make_order
from tests.factories.shop import Sold, allow_backorder
from tests.notifications.orders import work
from tests.notifications.outgoing import Post, html_of, text_of


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2999, 3, 1), "32 x Green tea (2 of them on backorder, ships from Mar 1, 2999)"),
        (None, "32 x Green tea (2 of them on backorder, ships as soon as it arrives)"),
    ],
)
def test_the_first_mail_says_what_is_on_backorder(
    post: Post, tea: Sold, day: date | None, words: str
) -> None:
    allow_backorder(tea, 5, day)
    make_order((tea, 32))
    work()
    mail = next(mail for mail in post.mails if mail["To"] == "ann@example.com")
    assert words in " ".join(text_of(mail).split())
    assert "2 of them on backorder" in html_of(mail)


def test_a_mail_about_what_is_there_says_nothing_of_it(post: Post, tea: Sold) -> None:
    allow_backorder(tea, 5, date(2999, 3, 1))
    make_order((tea, 30))
    work()
    assert post.mails
    assert not any("backorder" in text_of(mail) for mail in post.mails)

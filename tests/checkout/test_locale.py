"""Each customer gets mails in the language of the shop's that his browser asks for, else in the shop's own."""

from flask import Flask
from sqlalchemy import select

from commerce.checkout.locale import best_language
from commerce.db import db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.settings import change_settings
from tests.checkout.pages import buy
from tests.factories.shop import make_product
from tests.support.visitor import Visitor


def test_the_browser_chooses_among_the_languages_of_the_shop(app: Flask, in_shop: Shop) -> None:
    change_settings(in_shop.id, {"languages": ["de", "zh_Hant"]}, seen_version=1)
    tea = make_product("Tea", stock=9)
    for asked in ("fr, de-AT;q=0.8, en;q=0.5", "zh-Hant-TW, en;q=0.1", "fr", ""):
        visitor = Visitor(app)
        visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = asked
        buy(visitor, (tea, 1))
    db.session.close()
    assert db.session.scalars(select(Order.locale).order_by(Order.number)).all() == [
        "de",
        "zh_Hant",
        "en",
        "en",
    ]


def test_a_request_is_met_by_the_nearest_language_and_nonsense_by_none() -> None:
    offered = ["en", "de", "zh_Hant", "fr_CA"]
    for asked, found in [
        (["zh-TW"], "zh_Hant"),
        (["zh-CN", "fr-CA"], "fr_CA"),
        (["DE-ch"], "de"),
        (["fr", "x", "", "-", "de_DE!", "\x00"], ""),
        (["xx"] * 10_000 + ["de"], ""),
    ]:
        assert best_language(asked, offered) == found, asked

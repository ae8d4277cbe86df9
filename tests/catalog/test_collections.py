"""Collections: their rules against a second evaluation in Python, and membership after every kind of change."""

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce import clock
from commerce.bulk.runner import run_bulk_plans
from commerce.bulk.services import create_plan, preview_plan, start_plan
from commerce.catalog import collection_members
from commerce.catalog.categories import (
    CategoryValues,
    add_products,
    change_category,
    create_category,
    delete_category,
    get_category,
    remove_product,
)
from commerce.catalog.collection_rules import Condition, check_stored
from commerce.catalog.collections import (
    CollectionValues,
    add_chosen,
    change_collection,
    create_collection,
    delete_collection,
    get_collection,
    move_chosen,
    published_collections,
    remove_chosen,
    set_collection_picture,
)
from commerce.catalog.models import Category, Collection, CollectionProduct, Product, ProductCategory, Variant
from commerce.catalog.publishing import publish_scheduled_products
from commerce.catalog.remove_product import delete_product, duplicate_product
from commerce.catalog.update_product import VariantUpdate, change_product
from commerce.db import _as_tenant, db
from commerce.errors import Conflict, InvalidValue, NotFound, StaleVersion
from commerce.inventory.adjustments import book_count, set_initial_stock
from commerce.inventory.models import StockItem
from commerce.money import PPM
from commerce.orders.unsold_variants import delete_unsold_stock
from commerce.redirects.services import find_target
from commerce.storefront.listings import collected_products, find_collection
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.concurrency.race import race
from tests.factories.catalog import Made, put_up, variant_id

Rules = Sequence[Condition]


def make(title: str, *conditions: Condition, matches: str = "all", **values: Any) -> uuid.UUID:
    return create_collection(CollectionValues(title, matches=matches, conditions=conditions, **values))


def choose(title: str, *product_ids: uuid.UUID, **values: Any) -> uuid.UUID:
    collection_id = create_collection(CollectionValues(title, kind="chosen", **values))
    add_chosen(collection_id, product_ids)
    return collection_id


def shown(slug: str, sort: str = "") -> list[str]:
    """Return the titles that visitors see on the page of a collection."""
    db.session.close()
    found = find_collection(slug)
    cards = collected_products(found, 1, sort or found.product_order).cards
    db.session.close()
    return [card.title for card in cards]


def version_of(collection_id: uuid.UUID) -> int:
    version = get_collection(collection_id).version
    db.session.close()
    return version


SALE = Condition("tag", "sale")


# --- rules against a second evaluation ----------------------------------------------------------------

TAGS = ("sale", "Sale", "new", "gift", "100%", "a_b", "été")
TYPES = ("", "Mug", "mug", "Bowl & plate")
VENDORS = ("", "Acme", "ACME", "Lindenrow", "O'Neil & Söhne")
WORDS = ("Mug", "mug", "Bowl", "50% wool", "a_b", "été", "Plate")


class Everything:
    """All rows of the shop, and what a rule finds among them without the database."""

    def __init__(self) -> None:
        self.products = db.session.scalars(select(Product)).all()
        self.variants: dict[uuid.UUID, list[Variant]] = {}
        for variant in db.session.scalars(select(Variant).where(Variant.active)):
            self.variants.setdefault(variant.product_id, []).append(variant)
        self.units: dict[uuid.UUID, int] = {}
        for item in db.session.scalars(select(StockItem)):
            left = item.on_hand + item.backorder_limit - item.reserved
            self.units[item.variant_id] = self.units.get(item.variant_id, 0) + left
        self.parents = {row.id: row.parent_id for row in db.session.scalars(select(Category))}
        self.places: dict[uuid.UUID, set[uuid.UUID]] = {}
        for row in db.session.scalars(select(ProductCategory)):
            self.places.setdefault(row.product_id, set()).add(row.category_id)

    def find(self, conditions: Rules, matches: str) -> set[str]:
        every = all if matches == "all" else any
        return {
            product.title
            for product in self.products
            if product.status == "active"
            and product.id in self.variants
            and every(self._meets(product, condition) for condition in conditions)
        }

    def _meets(self, product: Product, condition: Condition) -> bool:
        wanted = condition.value.lower()
        price = min(variant.price for variant in self.variants[product.id])
        can_be_bought = any(self.units.get(variant.id, 0) > 0 for variant in self.variants[product.id])
        return {
            "tag": lambda: wanted in [tag.lower() for tag in product.tags],
            "title": lambda: wanted in product.title.lower(),
            "vendor": lambda: product.vendor.lower() == wanted,
            "product_type": lambda: product.product_type.lower() == wanted,
            "price": lambda: (condition.low or 0) <= price <= (condition.high or 10**13),
            "stock": lambda: can_be_bought is (wanted == "in"),
            "category": lambda: any(
                condition.value in map(str, self._above(place)) for place in self.places.get(product.id, ())
            ),
        }[condition.fact]()

    def _above(self, category_id: uuid.UUID | None) -> list[uuid.UUID]:
        found = []
        while category_id is not None:
            found.append(category_id)
            category_id = self.parents[category_id]
        return found


def random_condition(dice: random.Random, categories: Sequence[uuid.UUID]) -> Condition:
    fact = dice.choice(("tag", "title", "vendor", "product_type", "price", "stock", "category"))
    if fact == "price":
        low, high = sorted((dice.randint(0, 3000), dice.randint(0, 3000)))
        bounds = dice.choice(((low, None), (None, high), (low, high)))
        return Condition("price", low=bounds[0], high=bounds[1])
    value = {
        "tag": dice.choice((*TAGS, "nobody has this")),
        "title": dice.choice((*WORDS, "%", "_", "no such words")),
        "vendor": dice.choice((*VENDORS[1:], "Nobody")),
        "product_type": dice.choice(TYPES[1:]),
        "stock": dice.choice(("in", "out")),
        "category": str(dice.choice(categories)),
    }[fact]
    return Condition(fact, value)


def random_products(dice: random.Random, categories: Sequence[uuid.UUID]) -> None:
    slugs = {row.id: row.name for row in db.session.scalars(select(Category))}
    db.session.close()
    for number in range(27):
        put_up(
            f"{dice.choice(WORDS)} {dice.choice(WORDS)} {number}",
            *(
                Made((str(size),), dice.randint(0, 3000), dice.choice((0, 0, 3)), active=dice.random() < 0.8)
                for size in range(dice.randint(1, 3))
            ),
            options=("Size",),
            shelves=[slugs[each] for each in dice.sample(categories, dice.randint(0, 2))],
            tags=dice.sample(TAGS, dice.randint(0, 3)),
            vendor=dice.choice(VENDORS),
            product_type=dice.choice(TYPES),
            status=dice.choice(("active", "active", "active", "draft", "archived")),
            day=number,
        )


def test_rules_find_what_a_second_evaluation_finds(in_shop: Shop) -> None:
    dice = random.Random(20261129)
    top = create_category(CategoryValues("Kitchen"))
    middle = create_category(CategoryValues("Bowls", parent_id=top))
    categories = [top, middle, create_category(CategoryValues("Small", parent_id=middle))]
    categories.append(create_category(CategoryValues("Garden")))
    # Half of the collections are there before the products, so that both ways of evaluation are looked at.
    wanted: dict[str, tuple[Rules, str]] = {}
    for number in range(32):
        if number == 16:
            random_products(dice, categories)
        conditions = [random_condition(dice, categories) for _ in range(dice.randint(1, 3))]
        matches = dice.choice(("all", "any"))
        make(f"c {number}", *conditions, matches=matches)
        wanted[f"c-{number}"] = conditions, matches
    everything = Everything()
    found = {slug: everything.find(*rule) for slug, rule in wanted.items()}
    db.session.close()
    assert sum(map(bool, found.values())) > 15
    for slug, (conditions, matches) in wanted.items():
        titles = [*shown(slug), *second_page(slug)]
        assert len(titles) == len(set(titles))
        assert set(titles) == found[slug], (matches, conditions)


def second_page(slug: str) -> list[str]:
    try:
        return [card.title for card in collected_products(find_collection(slug), 2, "newest").cards]
    except NotFound:
        return []


# --- membership after every kind of change --------------------------------------------------------------


def test_rules_are_evaluated_chunk_by_chunk(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        put_up(f"Mug {number}", tags=["sale"] if number != 3 else [])
    for chunk in (1, 3, 7):
        monkeypatch.setattr(collection_members, "CHUNK", chunk)
        make(f"Sale {chunk}", SALE)
        assert sorted(shown(f"sale-{chunk}")) == [f"Mug {number}" for number in (0, 1, 2, 4, 5, 6)]


def test_a_product_is_in_a_collection_as_soon_as_it_meets_the_rules(in_shop: Shop) -> None:
    make("Sale", SALE)
    assert shown("sale") == []
    mug = put_up("Mug", tags=["Sale"])
    put_up("Hidden", tags=["sale"], status="draft")
    put_up("Archived", tags=["sale"], status="archived")
    put_up("No variant on sale", Made(active=False), tags=["sale"])
    assert shown("sale") == ["Mug"]
    change_product(mug, seen_version=None, values={"tags": ["new"]})
    assert shown("sale") == []
    change_product(mug, seen_version=None, values={"tags": ["SALE"]})
    assert shown("sale") == ["Mug"]
    for status in ("archived", "active", "draft"):
        change_product(mug, seen_version=None, values={"status": status})
        assert shown("sale") == (["Mug"] if status == "active" else [])


def test_prices_put_products_in_and_out(in_shop: Shop) -> None:
    make("Under ten", Condition("price", high=999))
    mug = put_up("Mug", Made(("S",), 1000), Made(("L",), 2000), options=("Size",))
    small = variant_id("MUG-S")
    db.session.close()
    assert shown("under-ten") == []
    change_product(mug, seen_version=None, variants=[VariantUpdate(small, None, {"price": 999})])
    assert shown("under-ten") == ["Mug"]
    # Its lowest price is that of what is on sale.
    change_product(mug, seen_version=None, variants=[VariantUpdate(small, None, {"active": False})])
    assert shown("under-ten") == []


def test_stock_is_asked_for_when_the_page_is_read(in_shop: Shop) -> None:
    make("Here", Condition("stock", "in"))
    make("Gone", Condition("stock", "out"))
    make("Gone or on sale", Condition("stock", "out"), SALE, matches="any")
    make("Never", Condition("stock", "out"), Condition("stock", "in"))
    make("Always", Condition("stock", "out"), Condition("stock", "in"), matches="any")
    put_up("Mug", Made(stock=1))
    put_up("Bowl", Made(stock=0), tags=["sale"], day=1)
    assert (shown("here"), shown("gone"), shown("gone-or-on-sale")) == (["Mug"], ["Bowl"], ["Bowl"])
    assert (shown("never"), shown("always")) == ([], ["Bowl", "Mug"])
    for sku, units in (("MUG", 0), ("BOWL", 2)):
        set_units(sku, units)
    assert (shown("here"), shown("gone")) == (["Bowl"], ["Mug"])
    assert shown("gone-or-on-sale") == ["Bowl", "Mug"]


def set_units(sku: str, units: int) -> None:
    """Count the stock of a variant as staff do."""
    item = db.session.scalars(select(StockItem).where(StockItem.variant_id == variant_id(sku))).one()
    db.session.close()
    book_count(item.id, units, seen_version=item.version, actor="test")


def test_a_category_and_what_is_below_it_count(in_shop: Shop) -> None:
    top = create_category(CategoryValues("Kitchen"))
    below = create_category(CategoryValues("Bowls", parent_id=top))
    make("Kitchen things", Condition("category", str(top)))
    mug = put_up("Mug")
    assert shown("kitchen-things") == []
    add_products(below, [mug])
    assert shown("kitchen-things") == ["Mug"]
    change_category(below, CategoryValues("Bowls"), seen_version=_version(below))
    assert shown("kitchen-things") == []
    change_category(below, CategoryValues("Bowls", parent_id=top), seen_version=_version(below))
    assert shown("kitchen-things") == ["Mug"]
    delete_category(below, seen_version=_version(below))
    assert shown("kitchen-things") == []
    add_products(top, [mug])
    assert shown("kitchen-things") == ["Mug"]
    remove_product(top, mug)
    assert shown("kitchen-things") == []
    with pytest.raises(Conflict, match="category_has_collection"):
        delete_category(top, seen_version=_version(top))


def _version(category_id: uuid.UUID) -> int:
    version = get_category(category_id).version
    db.session.close()
    return version


def test_bulk_changes_imports_copies_and_deletions_count_too(in_shop: Shop) -> None:
    make("Sale", SALE)
    make("Dear", Condition("price", low=1050))
    mug = put_up("Mug", Made(price=1000))
    plan = create_plan(
        "products.tags", select(Product.id, Product.version), scope={}, by="Bob", staff_id=None
    )
    preview_plan(plan, {"add": ["sale"], "remove": []}, seen_version=1)
    start_plan(plan, seen_version=2)
    run_plans()
    assert shown("sale") == ["Mug"]
    price = create_plan(
        "products.price", select(Product.id, Product.version), scope={}, by="Bob", staff_id=None
    )
    up = {"direction": "raise", "percent": 5 * PPM // 100, "amount": None, "compare_at": "keep"}
    preview_plan(price, up, seen_version=1)
    start_plan(price, seen_version=2)
    run_plans()
    assert shown("dear") == ["Mug"]
    copy = duplicate_product(mug, title="Copy", open_stock=open_stock)
    assert shown("sale") == ["Mug"]
    change_product(copy, seen_version=None, values={"status": "active"})
    assert sorted(shown("sale")) == ["Copy", "Mug"]
    delete_product(copy, seen_version=version_of_product(copy), delete_unsold=delete_unsold_stock)
    assert shown("sale") == ["Mug"]


def run_plans() -> None:
    """Let the worker work until nothing is left, which is in no shop."""
    with _as_tenant(None, every=False):
        while run_bulk_plans(lambda: False):
            pass


def open_stock(quantities: Any) -> None:
    set_initial_stock(quantities, cause="received", actor="test", reference="")


def version_of_product(product_id: uuid.UUID) -> int:
    version = db.session.scalars(select(Product.version).where(Product.id == product_id)).one()
    db.session.close()
    return version


def test_a_product_with_a_date_comes_in_when_it_is_published(in_shop: Shop) -> None:
    make("Sale", SALE)
    put_up("Mug", tags=["sale"], status="draft", publish_at=clock.now() - timedelta(minutes=1))
    assert shown("sale") == []
    assert publish_scheduled_products() == 1
    assert shown("sale") == ["Mug"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rules_and_products_that_change_at_once_see_each_other(app: Flask, in_shop: Shop) -> None:
    products = [put_up(f"Mug {number}", tags=["new"]) for number in range(4)]
    chosen, by_rules = choose("Gifts", *products), make("New", Condition("tag", "none"))
    for tag in ("a", "b", "c"):
        rules = CollectionValues("New", conditions=[Condition("tag", tag)])
        seen = version_of(by_rules)
        calls: list[Callable[[], Any]] = [
            lambda seen=seen, rules=rules: change_collection(by_rules, rules, seen_version=seen),
            lambda: move_chosen(chosen, products[3], "top"),
        ]
        for product_id in products:
            values: Any = {"tags": [tag]}
            calls.append(
                lambda product_id=product_id, values=values: change_product(
                    product_id, seen_version=None, values=values
                )
            )
        assert not [each for each in race(app, in_shop, calls) if isinstance(each, Exception)]
        assert len(shown("new")) == 4
    calls = [
        lambda: delete_product(
            products[0], seen_version=version_of_product(products[0]), delete_unsold=delete_unsold_stock
        ),
        lambda: change_collection(
            by_rules,
            CollectionValues("New", conditions=[Condition("title", "mug")]),
            seen_version=version_of(by_rules),
        ),
    ]
    assert not [each for each in race(app, in_shop, calls) if isinstance(each, Exception)]
    assert len(shown("new")) == len(shown("gifts")) == 3
    assert db.session.scalar(select(func.count()).select_from(CollectionProduct)) == 6


# --- orders -------------------------------------------------------------------------------------------


def test_a_collection_is_sorted_as_the_shop_says_and_as_visitors_ask(in_shop: Shop) -> None:
    for day, (title, price) in enumerate((("beta", 300), ("Alpha", 100), ("gamma", 200))):
        put_up(title, Made(price=price), tags=["sale"], day=day)
    collection = make("Sale", SALE, product_order="title")
    assert shown("sale") == ["Alpha", "beta", "gamma"]
    assert shown("sale", "newest") == ["gamma", "Alpha", "beta"]
    assert shown("sale", "price") == ["Alpha", "gamma", "beta"]
    assert shown("sale", "-price") == ["beta", "gamma", "Alpha"]
    change_product(_id_of("beta"), seen_version=None, only_variant={"price": 50}, values={"title": "Zeta"})
    assert shown("sale", "price") == ["Zeta", "Alpha", "gamma"]
    assert shown("sale") == ["Alpha", "gamma", "Zeta"]
    with pytest.raises(InvalidValue, match="product_order_unknown"):
        change_collection(
            collection,
            CollectionValues("Sale", conditions=[SALE], product_order="manual"),
            seen_version=version_of(collection),
        )


def _id_of(slug: str) -> uuid.UUID:
    product_id = db.session.scalars(select(Product.id).where(Product.slug == slug)).one()
    db.session.close()
    return product_id


def test_chosen_products_stay_in_their_order(in_shop: Shop) -> None:
    ids = [put_up(title, Made(price=price)) for title, price in (("A", 3), ("B", 1), ("C", 2))]
    hidden = put_up("D", status="draft")
    gifts = choose("Gifts", ids[0], ids[1], hidden, product_order="manual")
    assert shown("gifts") == ["A", "B"]
    assert add_chosen(gifts, [ids[0], ids[2], uuid.uuid4()]) == 1
    move_chosen(gifts, ids[2], "top")
    assert shown("gifts") == ["C", "A", "B"]
    move_chosen(gifts, ids[2], "down")
    assert shown("gifts") == ["A", "C", "B"]
    move_chosen(gifts, ids[1], "up")
    assert shown("gifts") == ["A", "B", "C"]
    assert shown("gifts", "price") == ["B", "C", "A"]
    change_product(ids[0], seen_version=None, only_variant={"price": 0})
    assert shown("gifts", "price") == ["A", "B", "C"]
    remove_chosen(gifts, ids[2])
    change_product(hidden, seen_version=None, values={"status": "active"})
    assert shown("gifts") == ["A", "B", "D"]
    with pytest.raises(NotFound):
        move_chosen(gifts, ids[2], "up")
    with pytest.raises(Conflict, match="collection_has_rules"):
        add_chosen(make("Sale", SALE), ids)


# --- what staff write ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "field", "reason"),
    [
        ([], "conditions", "collection_condition_required"),
        ([SALE] * 31, "conditions", "too_many_conditions"),
        ([SALE, Condition("tag", " ")], "conditions.1.value", "condition_value_required"),
        ([Condition("vendor", "x" * 256)], "conditions.0.value", "text_too_long"),
        ([Condition("price")], "conditions.0.low", "price_bound_required"),
        ([Condition("price", low=2, high=1)], "conditions.0.high", "price_bounds_reversed"),
        ([Condition("price", low=-1)], "conditions.0.low", "price_out_of_range"),
        ([Condition("stock", "some")], "conditions.0.value", "unknown_choice"),
        ([Condition("weight", "1")], "conditions.0.fact", "unknown_choice"),
        ([Condition("category", "none")], "conditions.0.value", "category_gone"),
        ([Condition("category", str(uuid.UUID(int=7)))], "conditions.0.value", "category_gone"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(
    in_shop: Shop, conditions: Rules, field: str, reason: str
) -> None:
    with pytest.raises(InvalidValue, match=reason) as caught:
        make("Sale", *conditions)
    assert caught.value.field == field
    assert db.session.scalar(select(func.count(Collection.id))) == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": "Sale", "slug": "!!!"}, "slug"),
        ({"title": "Taken"}, "slug"),
        ({"title": "Sale", "matches": "most"}, "matches"),
        ({"title": "Sale", "kind": "smart"}, "kind"),
        ({"title": "Sale", "seo_description": "x" * 501}, "seo_description"),
    ],
)
def test_texts_that_make_no_sense_are_refused(in_shop: Shop, values: dict[str, Any], field: str) -> None:
    make("Taken", SALE)
    with pytest.raises(InvalidValue) as caught:
        create_collection(CollectionValues(**{"conditions": [SALE], **values}))
    assert caught.value.field == field


def test_a_tag_that_no_product_has_is_fine_and_a_condition_counts_once(in_shop: Shop) -> None:
    collection = make("Later", Condition("tag", " soon "), Condition("tag", "soon"))
    assert get_collection(collection).conditions == [{"fact": "tag", "value": "soon"}]
    db.session.close()
    assert shown("later") == []


def test_a_description_is_cleaned_and_a_renamed_address_leads_on(in_shop: Shop) -> None:
    html = '<p onclick="x()">Bowls<script>alert(1)</script> <a href="/pages/about">about</a></p>'
    collection = make("Sale", SALE, description_html=html)
    assert "script" not in find_collection("sale").description_html
    assert 'href="/pages/about"' in find_collection("sale").description_html
    db.session.close()
    change_collection(
        collection, CollectionValues("Sale", "winter", conditions=[SALE]), seen_version=version_of(collection)
    )
    assert find_target("/collections/sale") == "/collections/winter"
    with pytest.raises(NotFound):
        find_collection("sale")
    db.session.close()
    make("Sale", SALE)
    assert find_target("/collections/sale") is None


def test_who_saw_an_older_collection_changes_nothing(in_shop: Shop) -> None:
    collection = make("Sale", SALE)
    seen = version_of(collection)
    change_collection(collection, CollectionValues("Winter", "sale", conditions=[SALE]), seen_version=seen)
    for late in (
        lambda: change_collection(collection, CollectionValues("Sale", conditions=[SALE]), seen_version=seen),
        lambda: delete_collection(collection, seen_version=seen),
        lambda: set_collection_picture(collection, "", seen_version=seen),
    ):
        with pytest.raises(StaleVersion):
            late()
    assert get_collection(collection).title == "Winter"


def test_hidden_collections_are_not_found_and_not_listed(in_shop: Shop) -> None:
    make("B", SALE)
    make("a", SALE)
    make("Draft", SALE, published=False)
    assert [(each.title, each.path) for each in published_collections()] == [
        ("a", "/collections/a"),
        ("B", "/collections/b"),
    ]
    with pytest.raises(NotFound):
        find_collection("draft")


def test_no_shop_has_products_of_another_in_its_collections(in_shop: Shop, other_shop: Shop) -> None:
    make("Sale", SALE)
    put_up("Mug", tags=["sale"])
    mine = choose("Gifts", _id_of("mug"))
    with shop_scope(other_shop):
        put_up("Theirs", tags=["sale"])
        make("Sale", SALE)
        assert shown("sale") == ["Theirs"]
        with pytest.raises(NotFound):
            get_collection(mine)
        theirs = choose("Gifts")
        assert add_chosen(theirs, [mug_of(in_shop)]) == 0
    assert shown("sale") == ["Mug"]


def mug_of(shop: Shop) -> uuid.UUID:
    with shop_scope(shop):
        return _id_of("mug")


@pytest.mark.parametrize(
    "kept",
    [
        ["sale"],
        [{"fact": "tag"}],
        [{"fact": "tag", "value": 7}],
        [{"fact": "tag", "value": "sale", "more": "x"}],
        [{"fact": "price", "low": "1", "high": None}],
        [{"fact": "price", "low": 2, "high": 1}],
        [{"fact": "weight", "value": "1"}],
        [{"fact": "category", "value": "x"}],
        [{"fact": "tag", "value": "sale"}] * 31,
    ],
)
def test_conditions_that_nobody_could_have_written_are_refused(kept: list[Any]) -> None:
    with pytest.raises(InvalidValue):
        check_stored(kept)
    check_stored([{"fact": "tag", "value": "sale"}, {"fact": "price", "low": None, "high": 5}])

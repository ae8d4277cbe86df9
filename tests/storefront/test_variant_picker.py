"""A variant is chosen by its options, whatever the address says."""

import uuid

import pytest

from commerce.storefront.variant_picker import SoldVariant, VariantChoice, axis_keys, match_variant

NAMES = ("Colour", "Size")


def variant(sku: str, *values: str, available: int = 5) -> SoldVariant:
    return SoldVariant(uuid.uuid4(), sku, values, 1000, None, available, None, available, None)


SHIRTS = (
    variant("BLUE-S", "Blue", "S", available=0),
    variant("BLUE-M", "Blue", "M"),
    variant("RED-M", "Red", "M"),
    variant("RED-L", "Red", "L", available=1),
)


def states(choice: VariantChoice, axis: int) -> dict[str, str]:
    return {value.text: value.state for value in choice.axes[axis].values}


def chosen(choice: VariantChoice) -> list[str]:
    return [value.text for axis in choice.axes for value in axis.values if value.chosen]


def test_without_a_request_the_first_variant_in_stock_is_chosen() -> None:
    choice = match_variant(NAMES, SHIRTS, {})
    assert choice.variant is SHIRTS[1]
    assert chosen(choice) == ["Blue", "M"]


def test_when_all_are_sold_out_the_first_is_chosen() -> None:
    gone = (variant("A", "S", available=0), variant("B", "M", available=0))
    assert match_variant(("Size",), gone, {}).variant is gone[0]


def test_options_pick_the_variant() -> None:
    assert match_variant(NAMES, SHIRTS, {"colour": "Red", "size": "L"}).variant is SHIRTS[3]


def test_a_sold_out_variant_can_be_chosen_to_be_looked_at() -> None:
    choice = match_variant(NAMES, SHIRTS, {"colour": "Blue", "size": "S"})
    assert choice.variant is SHIRTS[0]
    assert choice.variant.sold_out


def test_one_option_alone_leads_to_a_variant_that_can_be_had() -> None:
    assert match_variant(NAMES, SHIRTS, {"colour": "Red"}).variant is SHIRTS[2]
    assert match_variant(NAMES, SHIRTS, {"size": "M"}).variant is SHIRTS[1]


def test_a_sku_picks_the_variant() -> None:
    assert match_variant(NAMES, SHIRTS, {"variant": "RED-M"}).variant is SHIRTS[2]


def test_an_unknown_sku_or_value_is_no_request() -> None:
    assert match_variant(NAMES, SHIRTS, {"variant": "NO-SUCH", "colour": "Mauve"}).variant is SHIRTS[1]


def test_a_combination_that_is_not_made_offers_near_ones_first_those_in_stock() -> None:
    choice = match_variant(NAMES, SHIRTS, {"colour": "Red", "size": "S"})
    assert choice.variant is None
    assert chosen(choice) == ["Red", "S"]
    assert [near.sku for near in choice.near] == ["RED-M", "RED-L", "BLUE-S", "BLUE-M"]


def test_values_say_what_choosing_them_leads_to() -> None:
    choice = match_variant(NAMES, SHIRTS, {"colour": "Blue", "size": "M"})
    assert states(choice, 0) == {"Blue": "available", "Red": "available"}
    assert states(choice, 1) == {"S": "sold_out", "M": "available", "L": "missing"}


def test_a_product_without_options_has_its_only_variant() -> None:
    only = variant("ONE")
    choice = match_variant((), (only,), {"size": "M", "variant": "x"})
    assert choice.variant is only
    assert choice.axes == ()


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (["Size", "Colour"], ["size", "colour"]),
        (["Größe", "色"], ["größe", "色"]),
        (["Quantity", "variant", "Page"], ["option-1", "option-2", "option-3"]),
        (["Size", "size", "!!!"], ["size", "option-2", "option-3"]),
    ],
)
def test_form_names_come_from_the_options_and_never_clash(names: list[str], keys: list[str]) -> None:
    assert axis_keys(names) == keys

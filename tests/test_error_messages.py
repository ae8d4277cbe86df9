"""Every error that the product raises is a reason with facts, and has words; nothing else is ever translated."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pkgutil import walk_packages
from uuid import uuid4

import pytest
from flask import Flask
from jinja2 import Environment, nodes

import commerce
from commerce.config import ROOT
from commerce.error_messages import MESSAGES, TITLES, WORDS, describe, describe_field, title_of
from commerce.errors import (
    CommerceError,
    CouponRefused,
    FieldError,
    IllegalTransition,
    InvalidValue,
    InvalidValues,
    OutOfStock,
    Refusal,
    Shortage,
)

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
COUPON_STATES = {
    "unknown", "disabled", "not_started", "ended", "used_up", "used_by_you", "duplicate", "nothing_eligible",
    "awaits_shipping", "no_effect", "superseded", "too_many", "below_minimum",
    "order_below_minimum", "order_has_promotion", "fits_no_item", "does_not_combine", "used_by_customer",
}  # fmt: skip
"""What `pricing.discounts` says of a code; a CouponRefused makes its reason of it."""
OF_THE_CLASS = {
    "IllegalTransition": {"status", "action"},
    "UnitsReserved": {"on_hand", "reserved", "backorder_limit"},
}
"""Facts that the constructor of a class adds to those of the caller."""
GETTEXT = {
    "_",
    "_l",
    "_n",
    "N_",
    "gettext",
    "ngettext",
    "pgettext",
    "npgettext",
    "lazy_gettext",
    "lazy_ngettext",
}
ALLOWED = {
    ("commerce/error_messages.py", "_translated"): "its texts are the constants of that module",
    (
        "commerce/notifications/i18n.py",
        "N_",
    ): "the mark itself: its callers pass constants, as this test sees",
}


@dataclass(frozen=True)
class Site:
    """A place that makes an error or a refusal: what it says, and the names of its facts."""

    where: str
    reasons: frozenset[str]
    facts: frozenset[str]
    texts: tuple[str, ...]


def kinds() -> dict[str, type]:
    for module in walk_packages(commerce.__path__, "commerce."):
        import_module(module.name)
    found: dict[str, type] = {"FieldError": FieldError, "Refusal": Refusal}
    waiting: list[type] = [CommerceError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting.extend(kind.__subclasses__())
    return found


KINDS = kinds()


def place_of_reason(kind: type) -> int | None:
    """Return which argument of a class is the reason, None when its constructor knows it."""
    names = list(inspect.signature(kind).parameters)
    return names.index("reason") if "reason" in names else None


class Walker(ast.NodeVisitor):
    """Collects the sites of one file. `names` are what the current function has assigned to a name."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.sites: list[Site] = []
        self.names: dict[str, list[ast.expr]] = {}
        self.inside: type | None = None

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        before, self.inside = self.inside, KINDS.get(node.name)
        self.generic_visit(node)
        self.inside = before

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before, self.names = self.names, {}
        for each in ast.walk(node):
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                self.names.setdefault(each.targets[0].id, []).append(each.value)
            elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.value:
                self.names.setdefault(each.target.id, []).append(each.value)
        self.generic_visit(node)
        self.names = before

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Name) and node.exc.id in KINDS:
            kind = KINDS[node.exc.id]
            if inspect.signature(kind).parameters.get("reason") is None:
                raise AssertionError(f"{self.path}:{node.lineno} raises {kind.__name__} without its facts")
            self._note(node, frozenset({getattr(kind, "code", "")}), set(), [])
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("FetchRefused", "HostUnresponsive"):
            # No error of ours, but it carries the reason of one.
            for each in (each.value for each in node.keywords if each.arg == "reason"):
                self._note(node, frozenset(self._constants(each) or ()), set(), [])
        if self.inside is not None and ast.unparse(node.func) == "super().__init__":
            self._note_constructor(node, self.inside)
        elif name in KINDS:
            place = place_of_reason(KINDS[name])
            if place is not None:
                self._note_call(node, KINDS[name], place)
        self.generic_visit(node)

    def _note_constructor(self, node: ast.Call, kind: type) -> None:
        base = kind.__mro__[1]
        place = place_of_reason(base)
        assert place is not None, f"{self.path}:{node.lineno}"
        passed_on = len(node.args) > place and ast.unparse(node.args[place]) == "reason"
        if not passed_on and kind is not CouponRefused:
            self._note_call(node, kind, place)

    def _note_call(self, node: ast.Call, kind: type, place: int) -> None:
        if len(node.args) <= place:
            reasons: set[str] | None = {getattr(kind, "code", "")}
        else:
            reasons = self._constants(node.args[place])
        facts, complete = self._facts(node, kind, place)
        if reasons is None:
            # Said once more at another place: reason and facts of the same error.
            assert ast.unparse(node.args[place]).endswith(".reason"), (
                f"{self.path}:{node.lineno} {ast.unparse(node)}"
            )
            return
        assert complete, f"{self.path}:{node.lineno} {ast.unparse(node)}"
        self._note(node, frozenset(reasons), facts, [*node.args, *(each.value for each in node.keywords)])

    def _constants(self, node: ast.expr) -> set[str] | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {node.value}
        if isinstance(node, ast.IfExp):
            both = self._constants(node.body), self._constants(node.orelse)
            return None if None in both else set().union(*(each or set() for each in both))
        if isinstance(node, ast.Name):
            each = [self._constants(value) for value in self.names.get(node.id, [])]
            return None if not each or None in each else set().union(*(found or set() for found in each))
        return None

    def _facts(self, node: ast.Call, kind: type, place: int) -> tuple[set[str], bool]:
        facts, complete = set(OF_THE_CLASS.get(kind.__name__, ())), True
        given: list[ast.expr] = [each.value for each in node.keywords if each.arg is None]
        if kind in (FieldError, Refusal):
            given.extend(node.args[place + 1 :])
        else:
            facts |= {each.arg for each in node.keywords if each.arg is not None}
        for each in given:
            found = self.names.get(each.id, [each]) if isinstance(each, ast.Name) else [each]
            for value in found:
                complete = complete and isinstance(value, ast.Dict)
                if isinstance(value, ast.Dict):
                    facts |= {key.value for key in value.keys if isinstance(key, ast.Constant)}
        return facts, complete

    def _note(self, node: ast.AST, reasons: frozenset[str], facts: set[str], parts: list[ast.expr]) -> None:
        texts = tuple(
            each.value
            for part in parts
            for each in ast.walk(part)
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        self.sites.append(Site(f"{self.path}:{getattr(node, 'lineno', 0)}", reasons, frozenset(facts), texts))


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "commerce").rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def sites() -> list[Site]:
    found: list[Site] = []
    for path, tree in sources():
        if path != "commerce/errors.py":
            walker = Walker(path)
            walker.visit(tree)
            found.extend(walker.sites)
    return found


SITES = sites()
IN_ERRORS = {
    "out_of_stock": {"shortages"},
    "invalid_values": {"problems"},
    "coupon_exhausted": {"coupon_codes"},
    "price_changed": {"shown", "current"},
    "stale_version": {"entity", "seen", "current"},
} | {f"coupon_{state}": {"coupon_code", "missing_amount", "currency"} for state in COUPON_STATES}
"""Reasons of the classes of `commerce/errors.py` that know theirs, with their facts."""


def test_no_error_holds_a_sentence() -> None:
    assert len(SITES) > 350
    for site in SITES:
        for reason in site.reasons:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", reason), (site.where, reason)
        for text in site.texts:
            assert not re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", text), (site.where, text)


def test_every_reason_has_words_that_name_only_facts_that_are_given() -> None:
    given = [(site.where, reason, site.facts) for site in SITES for reason in site.reasons]
    given += [("commerce/errors.py", reason, frozenset(facts)) for reason, facts in IN_ERRORS.items()]
    for where, reason, facts in given:
        assert reason in MESSAGES, (where, reason)
        assert set(PLACEHOLDER.findall(MESSAGES[reason])) <= facts, (where, reason)


def test_no_words_are_left_over() -> None:
    used = {reason for site in SITES for reason in site.reasons} | IN_ERRORS.keys()
    assert set(MESSAGES) - used == set()


def test_every_text_can_be_filled_in() -> None:
    for text in MESSAGES.values():
        assert text % dict.fromkeys(PLACEHOLDER.findall(text), "x")


def test_every_family_of_errors_has_a_heading_and_no_heading_is_left_over() -> None:
    assert {kind.code for kind in KINDS.values() if issubclass(kind, CommerceError)} == set(TITLES)


def test_the_states_of_coupons_are_those_that_pricing_knows() -> None:
    said = "".join(path.read_text() for path in (ROOT / "commerce" / "pricing").glob("*.py"))
    said += (ROOT / "commerce" / "cart" / "services.py").read_text()
    said += (ROOT / "commerce" / "order_management" / "edit_preview.py").read_text()
    for state in COUPON_STATES:
        assert f'"{state}"' in said, state


# --- nothing but constants is translated ------------------------------------------------------------


def calls_of_gettext(path: str, tree: ast.Module) -> Iterator[tuple[int, bool]]:
    """Yield (line, whether it is a constant) for each text that a file gives to gettext, but for what is ALLOWED."""
    exempt = {
        id(each)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and (path, function.name) in ALLOWED
        for each in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and id(node) not in exempt:
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            if name in GETTEXT:
                first = node.args[0]
                yield node.lineno, isinstance(first, ast.Constant) and isinstance(first.value, str)


def variables_of_template(source: str) -> list[int]:
    """Return the lines of a template that give something else than a constant to gettext."""
    tree = Environment(extensions=["jinja2.ext.i18n"]).parse(source)  # noqa: S701 - nothing is rendered
    found = [
        call.lineno
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name)
        and call.node.name in GETTEXT
        and not (call.args and isinstance(call.args[0], nodes.Const))
    ]
    return found + [each.lineno for each in tree.find_all(nodes.Filter) if each.name in GETTEXT]


def test_only_constants_are_translated_in_the_code() -> None:
    for path, tree in sources():
        for line, constant in calls_of_gettext(path, tree):
            assert constant, f"{path}:{line}"


def test_only_constants_are_translated_in_templates() -> None:
    for path in sorted((ROOT / "templates").rglob("*.*")):
        assert variables_of_template(path.read_text()) == [], path


def test_a_variable_that_is_translated_would_be_noticed() -> None:
    assert variables_of_template("{{ _('Hello') }}{{ ngettext('%(num)d', '%(num)d', n) }}") == []
    assert variables_of_template("{{ _(error) }}") == [1]
    assert variables_of_template("\n{{ ngettext(one, many, n) }}") == [2]
    code = ast.parse("def f(x):\n    return gettext(x) + _('Hello')")
    assert sorted(calls_of_gettext("", code)) == [(2, False), (2, True)]


# --- the words ---------------------------------------------------------------------------------------


def test_an_error_says_its_reason_and_facts_to_logs_and_a_sentence_to_people() -> None:
    error = InvalidValue("text", "text_too_long", maximum=500)
    assert str(error) == "text_too_long maximum=500"
    assert (error.reason, error.facts, error.code) == ("text_too_long", {"maximum": 500}, "invalid_value")
    assert describe(error) == "Use at most 500 characters."
    assert title_of(error) == "Check your entries"
    assert error.at("note").field == "note"
    assert describe(error.at("note")) == describe(error)


def test_amounts_are_written_in_their_currency(app: Flask) -> None:
    error = CouponRefused("TEN", "below_minimum", 1250, "EUR")
    assert describe(error) == "Add €12.50 more to your cart to use this code."
    with app.test_request_context(headers={"Host": "nowhere.test"}):
        assert describe(error) == "Add €12.50 more to your cart to use this code."


def test_lists_codes_and_other_errors_are_written_as_words() -> None:
    assert (
        describe(Refusal("unknown_event_types", {"types": ["a", "b"]}))
        == "These event types don't exist: a, b."
    )
    assert describe(Refusal("not_in_status", {"status": "refund_requested"})).endswith("refund requested.")
    refused = IllegalTransition("refund_requested", "ship", "not_in_status", status="paid")
    assert (refused.status, describe(refused)) == (
        "refund_requested",
        "You can't do this while the order is refund requested.",
    )
    assert describe(Refusal("wrong_actor", {"actors": ["staff", "gateway"]})).endswith(
        "staff, the payment provider."
    )
    faults = [FieldError("a", "value_required"), FieldError("b", "text_too_long", {"maximum": 3})]
    assert describe(InvalidValues(faults)) == "This field is required. Use at most 3 characters."
    assert describe_field(faults[0]) == "This field is required."
    short = [Shortage(uuid4(), "SEN", "Sencha", 3, 1), Shortage(uuid4(), "MAT", "Matcha", 2, 0)]
    assert describe(OutOfStock(short)).endswith(
        "Sencha (SEN): 3 wanted, 1 left; Matcha (MAT): 2 wanted, 0 left"
    )


def test_words_stay_as_they_were_typed_whatever_is_in_them() -> None:
    typed = "<p hx-post='/x'>%s %(name)s 100%"
    said = describe(Refusal("staff_role_changed", {"name": typed, "role": "owner"}))
    assert typed in said
    assert type(said) is str


@pytest.mark.parametrize(
    "moment", [date(2026, 3, 1), datetime(2026, 3, 1, 12, tzinfo=UTC)], ids=["day", "moment"]
)
def test_moments_are_written_for_the_reader(app: Flask, moment: date) -> None:
    refusal = Refusal("not_an_amount", {"value": moment})
    assert moment.isoformat() in describe(refusal)
    with app.test_request_context(headers={"Host": "nowhere.test"}):
        assert "Mar 1, 2026" in describe(refusal)


def test_a_reason_without_words_and_a_fact_that_is_missing_are_bugs() -> None:
    with pytest.raises(KeyError):
        describe(Refusal("nobody_wrote_words_for_this"))
    with pytest.raises(KeyError):
        describe(Refusal("text_too_long"))


def test_codes_that_have_words_are_those_of_facts() -> None:
    named = {name for site in SITES for name in site.facts}
    assert set(WORDS) <= named

"""Use cases of a member's account: sign in by a link, confirm an address, buy again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from commerce.accounts.email_tokens import EmailToken
from commerce.accounts.members import change_member_email, choose_password
from commerce.accounts.passwords import MIN_OF_MEMBERS, hash_password, judge_password
from commerce.accounts.sessions import Device
from commerce.cart.services import add_line, member_shopper
from commerce.customers.profiles import adopt_profile
from commerce.db import atomic
from commerce.errors import CartFull, NotFound, OutOfStock
from commerce.orders.member_orders import attach_orders, get_own_order
from commerce.tenants.scope import current_shop


@dataclass(frozen=True, slots=True)
class MemberSignIn:
    """A sign-in by a mailed link: the session's token, and how many guest orders were added."""

    member_id: uuid.UUID
    token: str
    orders: int


def judge(password: str, *about: str) -> None:
    """Raise InvalidValue for a password that a member may not have; `about` are their name and address."""
    judge_password(password, minimum=MIN_OF_MEMBERS, about=(current_shop().name, *about))


def sign_in_by_link(proof: EmailToken, token: str, password: str, device: Device) -> MemberSignIn:
    """Set the password chosen on the page of a mailed link and sign the member in; their other sessions end.

    Confirming the address adds the orders placed with it as a guest. Raises InvalidValue for a bad
    password, TokenExpired.
    """
    judge(password, proof.email)
    return _enter(proof.purpose, token, hash_password(password), device)


@atomic
def _enter(purpose: str, token: str, password_hash: str, device: Device) -> MemberSignIn:
    proof, session_token = choose_password(purpose, token, password_hash, device)
    confirming = proof.purpose == "confirm_member"
    orders = attach_orders(proof.subject_id, proof.email) if confirming else 0
    if confirming:
        adopt_profile(proof.subject_id, proof.email)
    return MemberSignIn(proof.subject_id, session_token, orders)


@atomic
def confirm_email(token: str) -> int:
    """Make a proven address the member's own, and the guest orders with it, too; return how many those are.

    Raises TokenExpired, Conflict when the address has an account of its own.
    """
    proof = change_member_email(token)
    adopt_profile(proof.subject_id, proof.email)
    return attach_orders(proof.subject_id, proof.email)


@dataclass
class Reordered:
    """The result of buying an order again, by title: added, added with fewer units, or not available.

    `left_out` counts the lines for which the cart had no room.
    """

    added: list[str] = field(default_factory=list)
    fewer: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left_out: int = 0


def reorder(member_id: uuid.UUID, code: str) -> Reordered:
    """Add the lines of an order to the member's cart at today's prices, as far as they are available.

    Raises NotFound for an order of somebody else.
    """
    result = Reordered()
    wanted = [(line.variant_id, line.title, line.quantity) for line in get_own_order(member_id, code).lines]
    for number, (variant_id, title, quantity) in enumerate(wanted):
        try:
            change = add_line(member_shopper(member_id), variant_id, quantity, member_id=member_id)
        except CartFull:
            result.left_out = len(wanted) - number
            break
        except (NotFound, OutOfStock):
            result.gone.append(title)
        else:
            (result.fewer if change.capped else result.added).append(title)
    return result

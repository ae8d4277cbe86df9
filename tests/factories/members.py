"""Members of the shop that the test has entered, and how they sign in as a browser does."""

import re
import uuid
from functools import cache
from typing import Any

from commerce import clock
from commerce.accounts.models import Member
from commerce.accounts.passwords import hash_password
from commerce.db import atomic, db
from tests.notifications.outgoing import Post, text_of
from tests.support.client import ShopClient

PASSWORD = "four words that rhyme"
ANN = "ann@example.com"


@cache
def _hash(password: str) -> str:
    return hash_password(password)


@atomic
def make_member(email: str = ANN, name: str = "Ann Buyer", password: str = PASSWORD) -> uuid.UUID:
    """Make a member who has confirmed his address, and return his id."""
    member = Member(
        email=email, name=name, password_hash=_hash(password), confirmed_at=clock.now(), active=True
    )
    db.session.add(member)
    db.session.flush()
    return member.id


def send(client: ShopClient, path: str, data: dict[str, Any] | None = None) -> Any:
    """Send a form with a true token, as a page of the shop does."""
    return client.post(path, data={"csrf_token": client.csrf_token(), **(data or {})})


def sign_in_member(client: ShopClient, email: str = ANN, password: str = PASSWORD, **data: str) -> Any:
    """Sign in through the form and return the answer."""
    return send(client, "/account/sign-in", {"email": email, "password": password, **data})


def link_in(post: Post, subject: str) -> str:
    """Return the path of the link in the newest mail with this subject."""
    mail = [each for each in post.mails if each["Subject"] == subject][-1]
    found = re.search(r"http://[^/]+(/account/\S+)", text_of(mail))
    assert found, "the mail has no link"
    return found[1]

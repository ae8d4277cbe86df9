"""Staff of the shop that the test has entered, and how they sign in as a browser does."""

import re
import uuid
from typing import Any

from commerce.accounts.services import create_staff
from tests.support.client import ShopClient

PASSWORD = "correct horse battery"


def make_staff(
    role: str = "owner", *, email: str = "", name: str = "", password: str = PASSWORD
) -> uuid.UUID:
    """Make a member of staff, `<role>@shop.test` unless told otherwise."""
    return create_staff(
        email=email or f"{role}@shop.test", name=name or role.capitalize(), password=password, role=role
    )


def csrf_token(html: str) -> str:
    """Return the form token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found, "the page has no form"
    return found[1]


def sign_in(client: ShopClient, email: str = "owner@shop.test", password: str = PASSWORD) -> Any:
    """Sign in through the form and return the answer."""
    page = client.get("/admin/sign-in")
    return client.post(
        "/admin/sign-in",
        data={"csrf_token": csrf_token(page.text), "email": email, "password": password, "next": "/admin/"},
    )


def post(client: ShopClient, path: str, data: dict[str, Any] | None = None, *, htmx: bool = False) -> Any:
    """Send a form with a valid token, as the page of a member of staff who is signed in does."""
    page = client.get("/admin/events")
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(path, data={"csrf_token": csrf_token(page.text), **(data or {})}, headers=headers)

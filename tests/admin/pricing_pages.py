"""Fill in the forms of the pages for prices as a browser would: with everything that the page put into them."""

import re
from typing import Any

import html5lib

from tests.factories.staff import post
from tests.support.client import ShopClient


def form_on(html: str, action: str) -> dict[str, list[str]]:
    """Return what the form with this address would send as it stands: names with their values.

    Without what makes it one form: tests send it as somebody who opens the page again each time.
    """
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(html)
    form = next(
        form for form in tree.iter("form") if form.get("action") == action and form.get("method") == "post"
    )
    sent: dict[str, list[str]] = {}
    for field in form.iter():
        name = field.get("name") if isinstance(field.tag, str) else None
        if not name or name in ("csrf_token", "form_id"):
            continue
        if field.tag == "input":
            if field.get("type") in ("checkbox", "radio") and field.get("checked") is None:
                continue
            sent.setdefault(name, []).append(
                field.get("value", "y" if field.get("type") == "checkbox" else "")
            )
        elif field.tag == "select":
            options = list(field.iter("option"))
            chosen = [option for option in options if option.get("selected") is not None] or options[:1]
            sent.setdefault(name, []).extend(option.get("value", "") for option in chosen)
        elif field.tag == "textarea":
            sent.setdefault(name, []).append((field.text or "").removeprefix("\n"))
    return sent


def filled(client: ShopClient, page: str, action: str = "", **changes: Any) -> dict[str, Any]:
    """Return what the form of a page would send, with changes; None takes a field out, as an unticked box does."""
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return changed(answer.text, action or page, **changes)


def changed(html: str, action: str, **changes: Any) -> dict[str, Any]:
    """Return what the form on a page would send, with changes."""
    data: dict[str, Any] = form_on(html, action)
    for name, value in changes.items():
        key = name.replace("__", "-")
        if value is None:
            data.pop(key, None)
        else:
            data[key] = value
    return data


def submit(client: ShopClient, action: str, data: dict[str, Any]) -> Any:
    """Send a form with a valid token."""
    return post(client, action, data)


def is_refused(client: ShopClient, page: str, said: str, **changes: Any) -> None:
    """Change the form of a page, send it, and see it refused with these words and a summary of what is wrong."""
    answer = submit(client, page, filled(client, page, **changes))
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="error-summary"' in answer.text


def compared(html: str) -> list[tuple[str, str, str]]:
    """Return what a page that was stale sets side by side: (what, in the shop now, typed)."""
    return re.findall(r'<th scope="row">([^<]+)</th><td>([^<]*)</td><td>([^<]*)</td>', html)


def only_looks(
    client: ShopClient, page: str, new: str, data: dict[str, Any], removal: dict[str, Any]
) -> None:
    """See that somebody who may look at a page and its list can neither add, change nor delete."""
    shown, made = client.get(page), page.rpartition("/")[0]
    assert shown.status_code == client.get(made).status_code == 200
    assert ">Save<" not in shown.text
    assert "Delete" not in shown.text
    assert client.get(new).status_code == 403
    assert submit(client, made, data).status_code == 403
    assert submit(client, page, data).status_code == 403
    assert submit(client, f"{page}/deletion", removal).status_code == 403


def finds_nothing(client: ShopClient, page: str, data: dict[str, Any], removal: dict[str, Any]) -> None:
    """See that a page of another shop is not there, whatever is asked of it."""
    assert client.get(page).status_code == 404
    assert submit(client, page, data).status_code == 404
    assert submit(client, f"{page}/deletion", removal).status_code == 404

"""Read the forms of a page as a browser without JavaScript does, by regular expressions: parsers are slow."""

import re
from html import unescape
from urllib.parse import urlencode

from bench.support.load import Answer, LoadFailed

CONTROL = re.compile(
    r"<(input|select|textarea|option)\b([^>]*)>(?:(?<=>)([^<]*)</(?:textarea|option)>)?", re.DOTALL
)
ATTRIBUTE = re.compile(r'([a-z_-]+)(?:="([^"]*)")?')


def read_form(answer: Answer, action: str) -> dict[str, str]:
    """Return the names and values that the page's form for `action` would send. Raises LoadFailed without it."""
    html = answer.body.decode()
    place = html.find(f'action="{action}"')
    if place < 0:
        raise LoadFailed(f"no form for {action} on a page with status {answer.status}")
    values: dict[str, str] = {}
    chosen = ""
    for kind, inside, content in CONTROL.findall(html[place : html.index("</form>", place)]):
        attributes = dict(ATTRIBUTE.findall(inside))
        name, value = attributes.get("name", ""), unescape(attributes.get("value", ""))
        if kind == "select":
            chosen = name
        elif kind == "option":
            if chosen not in values or "selected" in attributes:
                values[chosen] = value
        elif kind == "textarea":
            values[name] = unescape(content)
        elif attributes.get("type") in ("radio", "checkbox"):
            if "checked" in attributes:
                values[name] = value
        elif name:
            values[name] = value
    return values


def encode(form: dict[str, str], **typed: str) -> bytes:
    """Return what is sent when `typed` has been filled in."""
    return urlencode(form | typed).encode()

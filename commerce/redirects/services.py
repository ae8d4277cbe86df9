"""Keep and find former addresses."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import delete, select, update

from commerce.db import db
from commerce.errors import InvalidValue
from commerce.redirects.models import MAX_PATH, Redirect

MAX_TARGET = 2000
RESERVED = ("/admin", "/api", "/media", "/static", "/healthz", "/readyz")
"""What the product itself answers, and all below: nobody would ever be led away from there."""
PAGES = ("/cart", "/checkout", "/account", "/products", "/categories", "/sitemap.xml", "/robots.txt")
"""Pages that every shop has. Below them a former shop may have had others, such as /account/login."""
_URL = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?", re.IGNORECASE)


def checked_path(text: str) -> str:
    """Return a path of the shop as it is compared. Of a whole address, the path counts. Raises InvalidValue."""
    typed = text.strip()
    path = _compared(unquote(urlsplit(typed).path if _URL.fullmatch(typed) else typed))
    if not path.startswith("/") or path.startswith("//") or not path.isprintable() or {"?", "#"} & set(path):
        raise InvalidValue("path", "redirect_path_invalid")
    if len(path) > MAX_PATH:
        raise InvalidValue("path", "text_too_long", maximum=MAX_PATH)
    if path in PAGES or any(f"{path}/".startswith(f"{root}/") for root in RESERVED):
        raise InvalidValue("path", "redirect_path_reserved", path=path)
    return path


def checked_target(text: str) -> str:
    """Return where a redirect may lead: a path of the shop or an address of the web. Raises InvalidValue."""
    target = text.strip()
    local = target.startswith("/") and not target.startswith(("//", "/\\"))
    if not (local or _URL.fullmatch(target)) or not target.isprintable() or " " in target:
        raise InvalidValue("target", "redirect_target_invalid")
    if len(target) > MAX_TARGET:
        raise InvalidValue("target", "text_too_long", maximum=MAX_TARGET)
    return target


def keep_redirect(path: str, target: str) -> None:
    """Let `path` lead to `target` from here on. A step. Raises InvalidValue.

    What led to `path` leads to `target` at once, and nothing leads away from `target`: nobody goes in circles.
    """
    old, new = checked_path(path), checked_target(target)
    if new.startswith("/"):
        there = _compared(unquote(urlsplit(new).path))
        if there == old:
            raise InvalidValue("target", "redirect_to_itself")
        forget_redirect(there)
    led_here = (
        update(Redirect)
        .where(Redirect.target.in_((old, quote(old))))
        .values(target=new, version=Redirect.version + 1)
    )
    db.session.execute(led_here.execution_options(synchronize_session=False))
    known = db.session.scalar(select(Redirect).where(Redirect.path == old).with_for_update())
    if known is None:
        db.session.add(Redirect(path=old, target=new))
    else:
        known.target = new
    db.session.flush()


def forget_redirect(path: str) -> None:
    """Let nothing lead away from a path, since something is there again. A step."""
    gone = delete(Redirect).where(Redirect.path == _compared(path))
    db.session.execute(gone.execution_options(synchronize_session=False))


def find_target(path: str) -> str | None:
    """Return where a requested path leads now, None when nobody has said so."""
    wanted = _compared(path)
    if not wanted.isprintable() or len(wanted) > MAX_PATH:
        return None
    return db.session.scalar(select(Redirect.target).where(Redirect.path == wanted))


def _compared(path: str) -> str:
    """Return a path with one form of each letter and without a slash at its end."""
    return unicodedata.normalize("NFC", path).rstrip("/")

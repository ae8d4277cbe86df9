"""Finds the pages of a shop as a visitor finds them: by following every link that he is shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

SAMPLES = 2
"""Pages of one rule that are looked at; the tenth product teaches nothing new."""


@dataclass
class FoundForm:
    """A form of a page with the values that a browser would send; `free` are the fields that take any text."""

    page: str
    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Takes links and forms out of a page, and what could run in it."""

    def __init__(self, page: str, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.links: list[str] = []
        self.forms: list[FoundForm] = []
        self.running: list[str] = []
        self._select = ""
        self._area = ""
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._look_for_code(tag, given)
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.page, given["href"]))
        if tag == "form":
            self._inside = True
            action = urljoin(self.page, given.get("action", ""))
            self.forms.append(FoundForm(self.page, action, given.get("method", "get").lower()))
        if self._inside and given.get("name"):
            self._take(tag, given)
        elif tag == "option" and self._select:
            values = self.forms[-1].values
            if self._select not in values or "selected" in given:
                values[self._select] = given.get("value", "")

    def _take(self, tag: str, given: dict[str, str]) -> None:
        form, name, kind = self.forms[-1], given["name"], given.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
            form.values[name] = ""
            form.free.append(name)
        elif tag == "input" and kind in ("radio", "checkbox"):
            if "checked" in given:
                form.values[name] = given.get("value", "on")
        elif tag == "input" and kind not in ("submit", "file"):
            form.values[name] = given.get("value", "")
            if kind != "hidden":
                form.free.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].values[self._area] += data

    def _look_for_code(self, tag: str, given: dict[str, str]) -> None:
        # JSON-LD is told to search engines and never run.
        data = given.get("type") == "application/ld+json"
        if tag == "script" and not data and not given.get("src", "").startswith("/static/"):
            self.running.append(f"<script {given}>")
        if tag in ("object", "embed", "base", "applet", "frame"):
            self.running.append(f"<{tag}>")
        for name, value in given.items():
            address = value.strip().lower() if name in ("href", "src", "action", "formaction") else ""
            if name.startswith("on") or address.startswith(("javascript:", "data:text", "vbscript:")):
                self.running.append(f"<{tag} {name}={value}>")


@dataclass
class Walk:
    """What was found from some pages on: answers by address."""

    app: Flask
    client: Any
    answers: dict[str, TestResponse] = field(default_factory=dict)

    def start(self, *addresses: str) -> "Walk":
        """Follow every link from these pages on, at most two pages of each rule and each set of parameters."""
        waiting, seen = list(addresses), dict.fromkeys(addresses, 0)
        counts: dict[object, int] = {}
        while waiting:
            address = waiting.pop(0)
            kind = self.kind(address)
            if kind is None or counts.get(kind, 0) >= SAMPLES:
                continue
            counts[kind] = counts.get(kind, 0) + 1
            answer = self.answers[address] = self.client.get(address, buffered=True)
            if answer.mimetype != "text/html":
                continue
            for link in [*Reader(address, answer.text).links, answer.headers.get("Location", "")]:
                parts = urlsplit(link)
                local = f"{parts.path}?{parts.query}" if parts.query else parts.path
                if link and not parts.netloc and not parts.scheme and local not in seen:
                    seen[local] = 0
                    waiting.append(local)
        return self

    def forms(self) -> Iterator[FoundForm]:
        """Yield the forms that post, once for each rule and set of fields."""
        seen = set()
        for address, answer in self.answers.items():
            if answer.mimetype != "text/html" or answer.status_code != 200:
                continue
            for form in Reader(address, answer.text).forms:
                kind = (self.kind(form.action, form.method.upper()), tuple(sorted(form.values)))
                if form.method == "post" and kind not in seen:
                    seen.add(kind)
                    yield form

    def kind(self, address: str, method: str = "GET") -> object:
        """Return what tells pages apart: endpoint and names of parameters; None for what is no page."""
        parts = urlsplit(address)
        try:
            endpoint, _arguments = self.app.url_map.bind("").match(parts.path, method)
        except HTTPException:
            return None
        return endpoint, tuple(sorted(pair.partition("=")[0] for pair in parts.query.split("&")))

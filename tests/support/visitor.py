"""A visitor who buys as one without JavaScript does: reads pages, fills in forms by labels, follows redirects.

Every page that he sees is parsed strictly by the rules of HTML5: a mistake in the mark-up fails the test.
"""

import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import urlsplit

import html5lib
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.html import mistakes

Element = ET.Element


def text_of(element: Element) -> str:
    """Return the words in an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())


class Form:
    """A form of a page: its fields with the values that a browser would send."""

    def __init__(self, page: "Page", element: Element) -> None:
        self.page = page
        self.element = element
        self.action = element.get("action", page.path)
        self.method = element.get("method", "get").lower()
        self.values: dict[str, str] = {}
        self.names_by_id: dict[str, str] = {}
        for control in element.iter():
            name = control.get("name")
            if control.tag in ("input", "select", "textarea") and name:
                self.names_by_id[control.get("id", "")] = name
                self._take(control, name)

    def _take(self, control: Element, name: str) -> None:
        kind = control.get("type", "text")
        if control.tag == "select":
            options = list(control.iter("option"))
            chosen = next((each for each in options if each.get("selected") is not None), options[0])
            self.values[name] = chosen.get("value", text_of(chosen))
        elif control.tag == "textarea":
            self.values[name] = (control.text or "").removeprefix("\n")
        elif kind in ("radio", "checkbox"):
            if control.get("checked") is not None:
                self.values[name] = control.get("value", "on")
        elif kind != "submit":
            self.values[name] = control.get("value", "")

    def fill(self, by_label: dict[str, str]) -> "Form":
        """Type into fields, which are found by the words of their labels."""
        for label, value in by_label.items():
            self.values[self.name_of(label)] = value
        return self

    def choose(self, label: str) -> "Form":
        """Choose the radio button or the list's entry that has these words."""
        for each in self.element.iter("label"):
            if text_of(each).startswith(label):
                control = next(c for c in self.element.iter("input") if c.get("id") == each.get("for"))
                if control.get("type") == "radio":
                    self.values[control.get("name", "")] = control.get("value", "")
                    return self
        for select in self.element.iter("select"):
            for option in select.iter("option"):
                if text_of(option) == label:
                    self.values[select.get("name", "")] = option.get("value", label)
                    return self
        raise AssertionError(f"nothing to choose is called {label!r}")

    def name_of(self, label: str) -> str:
        """Return the name of the field whose label begins with `label`."""
        for each in self.element.iter("label"):
            if text_of(each).startswith(label) and each.get("for") in self.names_by_id:
                return self.names_by_id[each.get("for", "")]
        raise AssertionError(
            f"no field is called {label!r}; there are {list(map(text_of, self.element.iter('label')))}"
        )

    def send(self, button: str = "", **extra: str) -> "Page":
        """Send the form by its button and follow where it leads."""
        for each in self.element.iter("button"):
            if button and text_of(each).startswith(button) and each.get("name"):
                extra = {each.get("name", ""): each.get("value", ""), **extra}
        return self.page.visitor.request(self.method, self.action, {**self.values, **extra})


class Page:
    """An answer of the shop, read."""

    def __init__(self, visitor: "Visitor", response: TestResponse, path: str) -> None:
        self.visitor = visitor
        self.response = response
        self.status = response.status_code
        self.path = path
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        self.root: Element = parser.parse(response.get_data(as_text=True))
        assert mistakes(self.root) == [], path

    @property
    def text(self) -> str:
        """All words of the page's main part."""
        return text_of(self.one("main"))

    @property
    def heading(self) -> str:
        """The page's first heading."""
        return text_of(self.one("h1"))

    def one(self, tag: str) -> Element:
        """Return the first element of a kind."""
        return next(self.root.iter(tag))

    def form(self, button: str) -> Form:
        """Return the form that has a button whose words begin with `button`."""
        for form in self.root.iter("form"):
            if any(text_of(each).startswith(button) for each in form.iter("button")):
                return Form(self, form)
        raise AssertionError(f"no form has a button {button!r} at {self.path}: {self.text[:500]}")

    def has_button(self, words: str) -> bool:
        """Tell whether there is a button with these words that can be pressed."""
        buttons = self.root.iter("button")
        return any(text_of(each).startswith(words) and each.get("disabled") is None for each in buttons)

    def follow(self, words: str) -> "Page":
        """Follow the first link with these words."""
        for link in self.root.iter("a"):
            if text_of(link).startswith(words):
                return self.visitor.get(link.get("href", ""))
        raise AssertionError(f"no link says {words!r} at {self.path}")

    def error_at(self, field: str) -> str:
        """Return what the page says is wrong with a field, found as assistive technology finds it."""
        control = next(
            each for each in self.root.iter() if each.get("name") == field and each.tag != "button"
        )
        ids = control.get("aria-describedby", "").split()
        if control.get("type") == "radio":
            ids = (
                next(each for each in self.root.iter("fieldset") if each.get("id") == field)
                .get("aria-describedby", "")
                .split()
            )
        said = [
            text_of(each)
            for each in self.root.iter()
            if each.get("id") in ids and "error" in each.get("id", "")
        ]
        return " ".join(said)


class Visitor:
    """A browser without JavaScript: one cookie jar, one shop, a count of the requests it made."""

    def __init__(self, app: Flask, host: str = "demo.localhost") -> None:
        self.client: Any = app.test_client(host=host)  # type: ignore[call-arg]
        self.requests = 0

    def get(self, path: str) -> Page:
        """Open an address."""
        return self.request("get", path)

    def request(self, method: str, path: str, data: dict[str, str] | None = None, **kwargs: Any) -> Page:
        """Make a request and follow its redirects."""
        send = {"query_string" if method == "get" else "data": data} if data is not None else {}
        response = self.client.open(path.split("#", maxsplit=1)[0], method=method.upper(), **send, **kwargs)
        self.requests += 1
        while response.status_code == 303:
            parts = urlsplit(response.headers["Location"])
            path = parts.path
            response = self.client.get(path, query_string=parts.query)
            self.requests += 1
        return Page(self, response, path)

    def post(self, path: str, data: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        """Send a form that no page offered, with a true CSRF token, and follow nothing."""
        response: TestResponse = self.client.post(
            path, data={"csrf_token": self.token(), **(data or {})}, **kwargs
        )
        return response

    def token(self) -> str:
        """Return a CSRF token for this browser's session, as a form of the shop would hold."""
        return str(self.client.csrf_token())

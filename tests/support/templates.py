"""Holds templates to the content security policy `default-src 'self'`, before a browser has to.

No inline script, no inline style, no on* handler, no htmx attribute that evaluates code, nothing loaded from another
host. Mails are exempt: their readers drop style sheets, so they need inline styles, and no policy applies to them.

`python -m tests.support.templates FOLDER` prints what is wrong and returns 1, or returns 0.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

EXEMPT = {"emails"}
# Data that the browser never runs; the policy does not look at it.
DATA_TYPES = {"application/json", "application/ld+json"}
LOADING = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
}
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._inline_script = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "style":
            self._complain("a <style> element")
        self._inline_script = tag == "script" and values.get("type") not in DATA_TYPES
        if self._inline_script and "src" not in values:
            self._complain("a <script> without src")
        for name, value in values.items():
            self._check_attribute(tag, name, value)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self._inline_script = False

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inline_script = False

    def handle_data(self, data: str) -> None:
        if self._inline_script and data.strip():
            self._complain("code inside <script>")

    def _check_attribute(self, tag: str, name: str, value: str) -> None:
        text = value.strip().lower()
        if name == "style":
            self._complain("a style attribute")
        elif name.startswith(("on", "hx-on", "data-hx-on")):
            self._complain(f"the handler {name}")
        elif text.startswith(("javascript:", "js:")):
            self._complain(f"code in {name}")
        elif (tag, name) in LOADING and text.startswith(("http:", "https:", "//")):
            self._complain(f"{name} from another host")

    def _complain(self, what: str) -> None:
        self.found.append((self.getpos()[0], what))


def _blank(match: re.Match[str]) -> str:
    """Leave the line breaks of a Jinja expression, so that line numbers stay true."""
    return (
        "x" + "\n" * match[0].count("\n") if match[0].startswith("{{") else " " + "\n" * match[0].count("\n")
    )


def find_inline_code(text: str) -> list[tuple[int, str]]:
    """Return line and description of everything in a template's text that the policy would block."""
    page = _Page()
    page.feed(JINJA.sub(_blank, text))
    page.close()
    return page.found


def check_folder(folder: Path) -> Iterator[str]:
    """Yield one line for each problem in the HTML templates below `folder`."""
    for path in sorted(folder.rglob("*.html")):
        if EXEMPT.isdisjoint(path.relative_to(folder).parts):
            for line, what in find_inline_code(path.read_text(encoding="utf-8")):
                yield f"{path}:{line}: {what}"


def main() -> int:
    """Check the folder given on the command line; returns 1 if anything is wrong with it."""
    problems = list(check_folder(Path(sys.argv[1])))
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What every page must stand: the rules of HTML5, the rules of WCAG 2.2 AA, and the width of a telephone."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Response

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
TELEPHONE = 390
PAGES, PARTS = {"document"}, {"fetch", "xhr"}


class Looker:
    """Looks at pages. A page of a shape that was seen before is not measured again: that is what takes the time."""

    _seen: set[tuple[str, ...]] = set()

    def __init__(self) -> None:
        self._asked: list[Request] = []
        self._scripts: dict[Page, bool] = {}

    def follow(self, page: Page, *, javascript: bool) -> None:
        """Keep in mind what the server answers to this page.

        Where no scripts run, axe cannot run either; the same pages are seen by visitors with scripts, too.
        """
        self._scripts[page] = javascript
        page.on("requestfinished", self._remember)

    def _remember(self, request: Request) -> None:
        if request.resource_type in PAGES:
            # The browser forgets what it got for the page before.
            self._asked[:] = [each for each in self._asked if each.frame != request.frame]
        self._asked.append(request)

    def look(self, page: Page) -> None:
        """Check the mark-up that arrived since the last look, and the page as it stands."""
        page.wait_for_load_state()
        for request in [each for each in self._asked if each.frame == page.main_frame]:
            self._asked.remove(request)
            answer = request.response()
            if answer is not None and "text/html" in answer.headers.get("content-type", ""):
                check_markup(answer)
        shape = tuple(_shape(html5lib.parse(page.content(), namespaceHTMLElements=False)))
        key = (str(self._scripts[page]), *shape)
        if key not in self._seen:
            self._seen.add(key)
            check_width(page)
            if self._scripts[page]:
                check_access(page)


def check_markup(answer: Response) -> None:
    """Parse a page, or a part of one that htmx asked for, by the rules of HTML5; any error fails the test."""
    if 300 <= answer.status < 400:
        return  # a redirect's page is seen by nobody
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    kind = answer.request.resource_type
    if kind in PAGES:
        root = parser.parse(answer.text())
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), f"an id stands twice at {answer.url}"
    elif kind in PARTS:
        parser.parseFragment(answer.text())


def check_width(page: Page) -> None:
    """On a telephone nothing may be wider than the screen."""
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": TELEPHONE, "height": before["height"]})
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(before)
    assert width <= TELEPHONE, f"{page.url} is {width} pixels wide on a telephone"


def check_access(page: Page) -> None:
    """Let axe look at the page."""
    found = Axe().run(page, options=RULES).response
    assert found["passes"], "axe has looked at nothing"
    wrong = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]
    assert wrong == [], f"{page.url}: {wrong}"


def _shape(root: Element) -> Iterator[str]:
    for element in root.iter():
        if isinstance(element.tag, str):
            yield f"{element.tag}.{element.get('class', '')}.{element.get('type', '')}.{element.get('role', '')}"

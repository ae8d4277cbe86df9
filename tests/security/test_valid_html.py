"""Every page that a walk finds is valid HTML in the language of its words."""

import html5lib
import pytest

from tests.security.conftest import Walks
from tests.support.html import mistakes

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_page_is_valid(walks: Walks) -> None:
    wrong, looked_at = [], 0
    for who, walk in walks().items():
        for address, answer in walk.answers.items():
            if answer.mimetype != "text/html" or not answer.text:
                continue
            looked_at += 1
            root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(answer.text)
            wrong += [(who, address, each) for each in mistakes(root)]
            if root.get("lang") not in ("en", None):
                wrong.append((who, address, str(root.get("lang"))))
    assert not wrong, "\n".join(map(str, wrong))
    assert looked_at > 80

"""Read the link of a mail as its reader does."""

import re

from tests.notifications.orders import work
from tests.notifications.outgoing import Post, text_of


def mailed_token(post: Post, email: str) -> str:
    """Let the worker send what waits and return the token of the last link that an address got; LookupError: none."""
    work()
    texts = [text_of(mail) for mail in post.mails if mail["To"] == email]
    if not texts:
        raise LookupError(email)
    found = re.search(r"/admin/[a-z-]+/([A-Za-z0-9_-]{43})\n", texts[-1])
    assert found, texts[-1]
    return found[1]

"""A program that speaks JSON to a live server with its key, and lets many requests loose in one instant.

Nothing is sent twice behind the caller's back.
"""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import urllib3

from tests.support.server import LiveServer

CHECKOUT = "/api/commerce/checkout"


@dataclass(frozen=True)
class Sent:
    """What is sent: an order, under an idempotency key, by whoever has this key of the shop."""

    key: str
    once: str
    body: dict[str, Any]


class Caller:
    """Programs at a shop's door. `requests` is how many of them can be under way at once."""

    def __init__(self, server: LiveServer, *, requests: int = 1, seconds: float = 20.0) -> None:
        self._http = urllib3.HTTPConnectionPool(
            "127.0.0.1", server.port, timeout=seconds, retries=False, maxsize=requests, block=True
        )
        self._host = server.host()
        self._requests = requests

    def place(self, sent: Sent) -> urllib3.BaseHTTPResponse:
        """Send an order. Raises urllib3's HTTPError when no answer comes."""
        headers = {
            "Host": self._host,
            "Authorization": f"Bearer {sent.key}",
            "Idempotency-Key": sent.once,
            "Content-Type": "application/json",
        }
        return self._http.request("POST", CHECKOUT, body=json.dumps(sent.body), headers=headers)

    def place_at_once(self, all_sent: Sequence[Sent]) -> list[urllib3.BaseHTTPResponse]:
        """Send each from a thread of its own, released together."""
        assert len(all_sent) <= self._requests
        barrier = threading.Barrier(len(all_sent))

        def run(sent: Sent) -> urllib3.BaseHTTPResponse:
            barrier.wait(30)
            return self.place(sent)

        with ThreadPoolExecutor(len(all_sent)) as pool:
            return list(pool.map(run, all_sent))

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

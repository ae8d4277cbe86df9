"""Rate limits by address for what anybody may try: passwords, codes, mails to others, buying, searching.

One table; the first row whose pattern fits a route counts. Tries are counted per shop and address (IPv6: per /64,
which is what one household gets), in fixed windows of a minute. Where a right answer costs nothing, such as a sign-in,
only wrong ones count, so that a family or an office behind one address is never in its own way. What protects one
account (growing delays) is in `accounts`; this protects all of them from one address.

The counting is that of `limits`, the library inside Flask-Limiter: a lookup by route needs no more of it. When the
server of LIMIT_URL is away, each process counts in its own memory: a shop is not closed because a counter is.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from dataclasses import dataclass
from functools import cache

from flask import Flask, Response, current_app, g, request
from limits.storage import MemoryStorage, RedisStorage
from werkzeug.exceptions import TooManyRequests

from commerce.config import Config

log = logging.getLogger("commerce.limits")
WINDOW = 60
"""Seconds in which tries are counted."""
PAUSE = 30.0
"""Seconds for which a server that did not answer is left alone."""
SOCKET_SECONDS = 0.25
COUNTER = "lockstep.counter"
MOST_KEPT = 100_000
"""Counters in memory; beyond that all are reset, so that somebody with many addresses cannot fill it."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tries of one kind: those of all routes whose "METHOD rule" fits `pattern` count together."""

    name: str
    pattern: str
    per_minute: int
    guesses: bool = False
    """Somebody could find out a secret by trying: limited in development too."""
    wrong_only: bool = False
    """Only what was refused counts: an answer from 400 on."""


PROOFS = r"(second-factor|sign-in/code|proof|password)(/.*)?|data/(copy|erasure)|platform/account"
"""Where somebody confirms their identity with a password or a code."""
BUCKETS = (
    Bucket("sign-in", r"POST .*/sign-in$", 30, guesses=True, wrong_only=True),
    Bucket("proof", f"POST .*/({PROOFS})$", 30, guesses=True, wrong_only=True),
    Bucket("link", r"POST .*/(invitations|password-reset|confirmation|proofs?)/<", 30, wrong_only=True),
    Bucket("mail", r"POST .*/(register|password-reset|email|orders/find|account/guest-orders)$", 20),
    Bucket("alert", r"POST /products/<slug>/alerts$", 30),
    Bucket("coupon", r"POST /(cart|checkout)/coupons$", 30, wrong_only=True),
    Bucket("checkout", r"POST /checkout\b", 240),
    Bucket("webhook", r"POST /webhooks/", 1200),
    Bucket("search", r"(GET|HEAD) /search$", 300),
    Bucket("form", r"(POST|PUT|PATCH|DELETE) ", 600),
)
"""Five to ten times of what a household does in its busiest minute, or more."""


class Counter:
    """Counts tries at the server of `url` (valkey:// or redis://), or in this process's memory."""

    def __init__(self, url: str) -> None:
        self._here = MemoryStorage()
        self._there = _server(url) if url else None
        self._away_until = 0.0

    def count(self, key: str) -> int:
        """Count one try and return how many there are in this window."""
        if len(self._here.storage) > MOST_KEPT:
            self._here.reset()
        return int(self._ask("incr", key, WINDOW))

    def seen(self, key: str) -> int:
        """Return how many tries there are in this window."""
        return int(self._ask("get", key))

    def wait(self, key: str) -> int:
        """Return after how many seconds the window ends, at least 1."""
        return max(1, round(self._ask("get_expiry", key) - time.time()))

    def _ask(self, question: str, *arguments: str | int) -> float:
        if self._there is not None and time.monotonic() >= self._away_until:
            try:
                return float(getattr(self._there, question)(*arguments))
            except _away():
                log.warning("LIMIT_URL does not answer; counting in memory for %s seconds", PAUSE)
                self._away_until = time.monotonic() + PAUSE
        return float(getattr(self._here, question)(*arguments))


def _server(url: str) -> RedisStorage:
    return RedisStorage(
        url.replace("redis", "valkey", 1) if url.startswith("redis") else url,
        key_prefix="lockstep:limits",
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
    )


def _away() -> tuple[type[Exception], ...]:
    from valkey.exceptions import ValkeyError  # not where nobody counts there: the client takes 3 MB

    return (ValkeyError, OSError)


def limit_app(app: Flask, config: Config) -> None:
    """Let the app refuse (429) who tries too often; to be called between the shop's hook and that of the forms."""
    # Made by the first request, so that it belongs to the process that serves.
    app.extensions[COUNTER] = cache(lambda: Counter(config.limit_url))
    if config.limits == "off":
        return
    only_guesses = config.limits == "guesses"
    behind_nobody = config.production and not config.trusted_proxies

    def refuse_too_many() -> None:
        bucket = bucket_of(request.method, request.url_rule.rule) if request.url_rule else None
        who = household(request.remote_addr or "", behind_nobody=behind_nobody)
        if bucket is None or not who or (only_guesses and not bucket.guesses):
            return
        key = f"{bucket.name}/{g.shop.id if 'shop' in g else '-'}/{who}"
        tries = counter().seen(key) + 1 if bucket.wrong_only else counter().count(key)
        if tries > bucket.per_minute:
            raise TooManyRequests(
                "That was tried very often from your connection. Please wait a minute and try again.",
                retry_after=counter().wait(key),
            )
        if bucket.wrong_only:
            g.try_to_count = key

    def count_wrong_ones(response: Response) -> Response:
        key = g.pop("try_to_count", "")
        if key and response.status_code >= 400:
            counter().count(key)
        return response

    app.before_request(refuse_too_many)
    app.after_request(count_wrong_ones)


def counter() -> Counter:
    """Return what counts tries in this app."""
    found: Counter = current_app.extensions[COUNTER]()
    return found


_COSTLY = re.compile(
    "|".join(f"(?:{each.pattern})" for each in BUCKETS if each.name in ("sign-in", "proof", "mail"))
)


def is_costly(method: str, path: str) -> bool:
    """Tell whether a request checks a password or mails somebody: what takes long, for anybody who asks.

    The server asks it, by the path that was sent: it knows no rules.
    """
    return _COSTLY.match(f"{method} {path}") is not None


@cache
def bucket_of(method: str, rule: str) -> Bucket | None:
    """Return what a route's tries count as, None for what is not limited here: programs are counted by their keys."""
    if rule.startswith("/api/"):
        return None
    # Methods and rules are those of the app, so this is bounded; any other method leads to no rule.
    return next((each for each in BUCKETS if re.match(each.pattern, f"{method} {rule}")), None)


def household(address: str, *, behind_nobody: bool = False) -> str:
    """Return who is counted for an address: an IPv4 address, or a /64 of IPv6. '' is nobody: not counted.

    `behind_nobody`: no proxy was announced, in production. If visitors then come from a private address, there is a
    proxy all the same, and all of them would be counted as one.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if behind_nobody and found.is_private:
        _warn_of_proxy()
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@cache
def _warn_of_proxy() -> None:
    log.warning("visitors come from a private address: set TRUSTED_PROXIES, or nobody's tries are limited")

"""Fetch a file from an address that somebody else chose, without being led astray.

Such an address may point into our own network (server-side request forgery). So: the name is resolved once, every
address that it has must be public, the connection goes to the address that was checked (a second resolution could
answer differently), redirects are not followed, and size and time are bounded.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

MAX_BYTES = 12 * 1024 * 1024
TOTAL_SECONDS = 20.0
STEP_SECONDS = 6.0
"""The longest wait for one connection or one packet; TOTAL_SECONDS bounds the whole."""

PORTS = {"http": 80, "https": 443}
_CHUNK = 64 * 1024

# `ipaddress` calls some of these global: they lead on to other addresses or to nobody (RFC 6890, 7526, 6052).
_NOT_PUBLIC_4 = [ipaddress.ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")]
_PUBLIC_6 = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC_6 = [
    ipaddress.ip_network(net)
    for net in (
        "2001::/23",  # IETF protocols, with Teredo, which carries an IPv4 address inside
        "2001:db8::/32",
        "2002::/16",  # 6to4, the same
        "3fff::/20",
    )
]

Resolver = Callable[[str, int], list[str]]
Permit = Callable[[str, int], bool]


class FetchRefused(Exception):
    """The file was not fetched; the text says why and is fit for a report."""


class HostUnresponsive(FetchRefused):
    """The host has no address, cannot be reached, or does not answer in time: its other files will not do better."""


def is_public(address: str, port: int) -> bool:
    """Tell whether an IP address is one of the public internet and the port one of the web's.

    IPv6 is an allow-list: only global unicast, so that NAT64, mapped and local addresses never pass.
    """
    if port not in PORTS.values():
        return False
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in net for net in _NOT_PUBLIC_4)
    return ip.is_global and ip in _PUBLIC_6 and not any(ip in net for net in _NOT_PUBLIC_6)


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host. Raises FetchRefused when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostUnresponsive("the host name does not exist") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str,
    *,
    resolver: Resolver = resolve,
    permit: Permit = is_public,
    max_bytes: int = MAX_BYTES,
    total_seconds: float = TOTAL_SECONDS,
) -> bytes:
    """Return the body at an http(s) address. Raises FetchRefused for anything but a plain 200 within the bounds."""
    target = _parse(url)
    port = target.port or PORTS[str(target.scheme)]
    host = str(target.host).strip("[]")
    addresses = resolver(host, port)
    if not addresses or not all(permit(address, port) for address in addresses):
        raise FetchRefused("the address is not on the public internet")
    connection = _connection(target, addresses[0], port, host)
    deadline = time.monotonic() + total_seconds
    # Each wait is bounded by the socket's timeout; the timer bounds a server that sends a byte now and then.
    held: list[socket.socket] = []
    timer = threading.Timer(total_seconds, _cut, [connection, held])
    timer.daemon = True
    try:
        timer.start()
        connection.connect()
        # The connection forgets its socket once the answer says that it will be closed; the timer must not.
        held.extend([connection.sock] if connection.sock is not None else [])
        body = _get(connection, target, max_bytes)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        if time.monotonic() >= deadline:
            raise HostUnresponsive(f"it took longer than {total_seconds:g} seconds") from error
        raise HostUnresponsive(f"the server could not be read ({type(error).__name__})") from error
    finally:
        timer.cancel()
        connection.close()
    if time.monotonic() >= deadline:  # a body without a stated length looks complete when it was cut
        raise HostUnresponsive(f"it took longer than {total_seconds:g} seconds")
    return body


def _parse(url: str) -> Url:
    try:
        target = parse_url(url)
    except LocationParseError as error:
        raise FetchRefused("the address cannot be read") from error
    if target.scheme not in PORTS or not target.host:
        raise FetchRefused("the address is not http or https")
    if target.auth:
        raise FetchRefused("the address holds a user name")
    return target


def _connection(target: Url, address: str, port: int, host: str) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, port, timeout=STEP_SECONDS)
    # The certificate must be the host's, although the connection goes to an address.
    return HTTPSConnection(
        address,
        port,
        timeout=STEP_SECONDS,
        cert_reqs="CERT_REQUIRED",
        server_hostname=host,
        assert_hostname=host,
    )


def _get(connection: HTTPConnection, target: Url, max_bytes: int) -> bytes:
    connection.request(
        "GET",
        target.request_uri,
        headers={
            "Host": target.netloc or "",
            "Accept": "image/webp,image/png,image/jpeg",
            "Accept-Encoding": "identity",
            "User-Agent": "lockstep",
        },
        preload_content=False,
        decode_content=False,
    )
    response = connection.getresponse()
    if 300 <= response.status < 400:
        raise FetchRefused(f"the server answered {response.status}; redirects are not followed")
    if response.status != 200:
        raise FetchRefused(f"the server answered {response.status}")
    return _read(response, max_bytes)


def _read(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise FetchRefused(f"the file is larger than {max_bytes} bytes")
    body = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > max_bytes:
            raise FetchRefused(f"the file is larger than {max_bytes} bytes")
    return bytes(body)


def _cut(connection: HTTPConnection, held: list[socket.socket]) -> None:
    for sock in held or [connection.sock]:
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

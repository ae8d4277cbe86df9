"""Fetching from addresses that others chose: what is read, and everything that is not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from commerce.outbound import FetchRefused, fetch, is_public, resolve

Answer = Callable[[socket.socket], None]


class Server:
    """A server on the loopback address that answers each connection as it is told and remembers what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer, suppress(OSError):
                self.requests.append(peer.recv(65536))
                self._answer(peer)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def says(response: bytes) -> Answer:
    return lambda peer: peer.sendall(response)


def body(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


def anybody(address: str, port: int) -> bool:
    return True


def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_a_plain_answer_is_read_from_the_checked_address_under_the_host_s_name(
    serve: Callable[[Answer], Server],
) -> None:
    server = serve(says(body(b"picture")))
    asked: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    url = f"http://shop.example:{server.port}/a%20b.jpg?v=1#part"
    assert fetch(url, resolver=resolver, permit=anybody) == b"picture"
    assert asked == [("shop.example", server.port)]
    request = server.requests[0].decode()
    assert request.startswith("GET /a%20b.jpg?v=1 HTTP/1.1\r\n")
    assert f"Host: shop.example:{server.port}\r\n" in request


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address that must be refused
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "3fff::1",
        "100::1",
    ],
)
def test_addresses_that_are_not_of_the_public_internet_are_refused(address: str) -> None:
    assert not is_public(address, 443)
    with pytest.raises(FetchRefused, match="not on the public internet"):
        fetch("https://shop.example/x.jpg", resolver=lambda _host, _port: [address])


def test_public_addresses_are_allowed_on_the_ports_of_the_web_alone() -> None:
    assert is_public("93.184.215.14", 443)
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 80)
    assert not is_public("93.184.215.14", 22)
    assert not is_public("93.184.215.14", 8080)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(FetchRefused, match="not on the public internet"):
        fetch("https://shop.example/", resolver=lambda _host, _port: ["93.184.215.14", "10.0.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://2130706433/",
        "http://127.1/",
        "http://0x7f.1/",
    ],
)
def test_the_machine_itself_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(FetchRefused, match=r"public internet|does not exist"):
        fetch(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://shop.example/x", "not http"),
        ("file:///etc/passwd", "not http"),
        ("https:///x.jpg", "not http|cannot be read"),
        ("http://user:word@shop.example/", "user name"),
        ("http://shop.example:99999/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
    ],
)
def test_an_address_that_is_invalid_is_refused_before_anything_is_asked(url: str, reason: str) -> None:
    def resolver(host: str, port: int) -> list[str]:
        pytest.fail("the name was looked up")

    with pytest.raises(FetchRefused, match=reason):
        fetch(url, resolver=resolver)


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(FetchRefused, match="does not exist"):
        resolve("nobody.invalid", 80)
    with pytest.raises(FetchRefused, match="does not exist"):
        resolve("x" * 70 + ".example", 80)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            "302; redirects are not",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", "answered 206"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nx", "larger than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 2000, "larger than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "could not be read"),
        (b"nonsense\r\n\r\n", "could not be read"),
        (b"", "could not be read"),
    ],
)
def test_any_other_answer_is_refused(serve: Callable[[Answer], Server], response: bytes, reason: str) -> None:
    server = serve(says(response))
    with pytest.raises(FetchRefused, match=reason):
        fetch(f"http://shop.example:{server.port}/", resolver=to_loopback, permit=anybody, max_bytes=1000)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nX-",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
)
def test_a_server_that_dribbles_is_cut_off(serve: Callable[[Answer], Server], start: bytes) -> None:
    def dribble(peer: socket.socket) -> None:
        peer.sendall(start)
        for _ in range(100):
            peer.sendall(b"a")
            time.sleep(0.1)

    server = serve(dribble)
    begun = time.monotonic()
    with pytest.raises(FetchRefused, match=r"longer than 0\.5 seconds"):
        fetch(f"http://shop.example:{server.port}/", resolver=to_loopback, permit=anybody, total_seconds=0.5)
    assert time.monotonic() - begun < 5


def test_a_host_without_a_certificate_of_its_name_is_not_read(serve: Callable[[Answer], Server]) -> None:
    server = serve(says(body(b"picture")))
    with pytest.raises(FetchRefused, match="could not be read"):
        fetch(f"https://shop.example:{server.port}/", resolver=to_loopback, permit=anybody)

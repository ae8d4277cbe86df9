"""The server that answers visitors: nobody can stop it by being slow to leave."""

import contextlib
import http.client
import io
import os
import re
import select
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
import urllib3
from PIL import Image

from commerce.accounts import sessions
from commerce.accounts.sessions import STAFF, Device
from commerce.accounts.views import COOKIE
from commerce.db import atomic
from commerce.tenants.models import Shop
from commerce.web import SECURITY_HEADERS
from commerce.web_worker import MAX_IN_LINE, MAX_KEPT
from tests.factories.staff import make_staff
from tests.faults.worker_setup import wait_until
from tests.support.server import LiveServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LINGERERS = 60
"""Many times the threads of a process; gunicorn alone would wait two seconds for each, one after the other."""


def ask(server: LiveServer) -> socket.socket:
    """Send a whole request for one answer and return the connection with the answer not yet read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(
        f"GET /healthz HTTP/1.1\r\nHost: {server.host()}\r\nConnection: close\r\n\r\n".encode()
    )
    return connection


def answer(connection: socket.socket) -> bytes:
    """Read until the server has said everything."""
    said = b""
    while part := connection.recv(65536):
        said += part
    return said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_clients_that_never_hang_up_keep_nobody_else_waiting(
    live_server: Callable[..., LiveServer], shop: Shop
) -> None:
    server = live_server()
    lingering = [ask(server) for _ in range(LINGERERS)]
    try:
        for connection in lingering:
            assert answer(connection).startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        with ask(server) as visitor:
            assert answer(visitor).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - begin < 1.5
    finally:
        for connection in lingering:
            connection.close()


# --- requests that do not arrive ----------------------------------------------------------------------

SLOW = 60
"""Clients that begin a request and do not end it: many times the threads of a process."""


def begin(server: LiveServer, start: str) -> socket.socket:
    """Send the beginning of a request."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(start.format(host=server.host()).encode())
    return connection


@pytest.fixture
def server(live_server: Callable[..., LiveServer], shop: Shop) -> LiveServer:
    return live_server(WORKER_THREAD="0")


@on_sqlite
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", ""),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nX-Slow: ", "HTTP/1.1 408 Request Timeout\r\n"),
        (
            "POST /cart/lines HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000\r\n\r\na=",
            "HTTP/1.1 408 Request Timeout\r\n",
        ),
        (
            "POST /cart/lines HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "HTTP/1.1 408 Request Timeout\r\n",
        ),
        (
            "POST /admin/settings/look/logo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000000\r\n\r\na=",
            "HTTP/1.1 408 Request Timeout\r\n",
        ),
        (
            "POST /cart/lines HTTP/1.1\r\nHost: {host}\r\nContent-Length: 500000000\r\n\r\na=",
            "HTTP/1.1 413 Content Too Large\r\n",
        ),
        ("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\nGET / HTTP/1.1\r\nX-Half: ", "HTTP/1.1 200 OK\r\n"),
    ],
    ids=[
        "nothing",
        "half a header",
        "half a form",
        "half a chunk",
        "half a picture",
        "more than any view takes",
        "a request and a half",
    ],
)
def test_requests_that_do_not_arrive_take_no_thread_and_are_given_up(
    server: LiveServer, start: str, end: str
) -> None:
    slow = [begin(server, start) for _ in range(SLOW)]
    try:
        for _ in range(20):
            with ask(server) as visitor:
                visitor.settimeout(2)
                assert answer(visitor).startswith(b"HTTP/1.1 200")
        for connection in slow[:3]:
            assert answer(connection).decode().startswith(end)
    finally:
        for connection in slow:
            connection.close()


@on_sqlite
def test_a_request_that_dribbles_is_given_up_as_well(server: LiveServer) -> None:
    """Each byte comes soon enough; all of them together do not."""
    with begin(server, "GET / HTTP/1.1\r\nHost: {host}\r\nX-Slow: ") as slow:
        slow.settimeout(0.2)
        said = b""
        for _ in range(200):
            try:
                said = slow.recv(1000)
                break
            except TimeoutError:
                slow.sendall(b"x")
        assert said.startswith(b"HTTP/1.1 408 ")


@on_sqlite
def test_a_body_that_no_view_reads_leaves_the_connection_usable(server: LiveServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request("POST", "/cart/lines", b"a" * 3_000_000, {"Host": server.host()})
            refused = connection.getresponse()
            refused.read()
            assert (refused.status, refused.getheader("Connection")) == (413, "keep-alive")
            kept = connection.sock
            connection.request("GET", "/healthz", headers={"Host": server.host()})
            assert connection.getresponse().read()
            assert connection.sock is kept, "one connection serves it all"


@on_sqlite
def test_a_head_without_end_is_refused(server: LiveServer) -> None:
    with begin(server, "GET / HTTP/1.1\r\nHost: {host}\r\nX-Long: " + 70_000 * "x") as connection:
        assert answer(connection).startswith(b"HTTP/1.1 431 ")


@on_sqlite
def test_what_arrives_in_pieces_is_read_whole(server: LiveServer) -> None:
    """A form as large as anybody may send, in chunks, with a question before it, and two requests at once."""
    body = b"a=" + 100_000 * b"x"
    head = f"POST /cart/lines HTTP/1.1\r\nHost: {server.host()}\r\nConnection: close\r\n"
    form = f"{head}Content-Type: application/x-www-form-urlencoded\r\n"

    with begin(server, "") as connection:
        connection.sendall(f"{form}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(body)
        assert answer(connection).split(b"\r\n\r\n")[-2].startswith(b"HTTP/1.1 400 "), "it has no CSRF token"
    with begin(server, "") as connection:
        connection.sendall(f"{form}Transfer-Encoding: chunked\r\n\r\n".encode())
        for start in range(0, len(body), 100_000):
            piece = body[start : start + 100_000]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 400 ")
    with begin(server, "") as connection:
        request = f"GET /healthz HTTP/1.1\r\nHost: {server.host()}\r\n"
        connection.sendall(f"{request}\r\n{request}Connection: close\r\n\r\n".encode())
        assert answer(connection).count(b"HTTP/1.1 200 OK") == 2


@on_sqlite
def test_a_picture_arrives_whole_and_what_is_sent_behind_it_is_a_request_of_its_own(
    live_server: Callable[..., LiveServer], in_shop: Shop
) -> None:
    server = live_server(WORKER_THREAD="0")
    token = atomic(sessions.begin)(STAFF, make_staff("owner"), Device())
    owner = {"Host": server.host(), "Cookie": f"{COOKIE}={token}"}
    picture = io.BytesIO()
    Image.frombytes("RGB", (1100, 1100), os.urandom(3 * 1100 * 1100)).save(picture, "PNG")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", "/admin/settings/look", headers=owner)
        page = connection.getresponse()
        session, html = page.headers["Set-Cookie"].partition(";")[0], page.read().decode()
    token_of_form = re.search(r'name="csrf_token" value="([^"]+)"', html)
    version = re.search(r'name="version" value="(\d+)"', html)
    assert token_of_form
    assert version
    fields = {
        "csrf_token": token_of_form[1],
        "version": version[1],
        "file": ("logo.png", picture.getvalue(), "image/png"),
    }
    body, kind = urllib3.encode_multipart_formdata(fields)
    assert len(body) > MAX_KEPT
    head = (
        f"POST /admin/settings/look/logo HTTP/1.1\r\nHost: {server.host()}\r\nCookie: {owner['Cookie']}; {session}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with begin(server, "") as client:
        client.sendall(head.encode() + body)
        client.sendall(
            f"GET /healthz HTTP/1.1\r\nHost: {server.host()}\r\nConnection: close\r\n\r\n".encode()
        )
        said = answer(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"303", b"200"]


# --- requests that take long on purpose ------------------------------------------------------------------

GUESSERS = 16
"""Twice the threads of a process."""


def guess(server: LiveServer, target: str) -> Callable[[], socket.socket]:
    """Open the page of the sign-in once, and return how to send its form with a wrong password."""
    with begin(
        server, "GET /account/sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    ) as visitor:
        page = answer(visitor).decode()
    token, session = re.search(r'name="csrf_token" value="([^"]+)"', page), re.search(r"session=[^;]+", page)
    assert token
    assert session
    form = urlencode(
        {"csrf_token": token[1], "email": "nobody@example.com", "password": "wrong horse battery"}
    )
    head = f"POST {target} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\nCookie: {session[0]}\r\n"
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
    return lambda: begin(server, f"{head}{kind}{form}")


@on_sqlite
@pytest.mark.parametrize(
    "target",
    ["/account/sign-in", "/account/sign%2Din?next=/cart", "http://demo.localhost/account/%73ign-in#form"],
)
def test_those_who_sign_in_wait_for_each_other_and_nobody_waits_for_them(
    live_server: Callable[..., LiveServer], shop: Shop, target: str
) -> None:
    server = live_server(WORKER_THREAD="0", LIMITS="off")
    send = guess(server, target)
    with contextlib.ExitStack() as stack:
        guessers = [stack.enter_context(send()) for _ in range(GUESSERS)]
        for _ in range(3):
            with ask(server) as visitor:
                assert answer(visitor).startswith(b"HTTP/1.1 200")
        waiting = set(guessers) - set(select.select(guessers, [], [], 0)[0])
        assert len(waiting) > GUESSERS // 2, "others waited until half of them were answered"
        for each in guessers:
            assert answer(each).startswith(b"HTTP/1.1 422 "), "each has its turn"


@on_sqlite
def test_a_line_that_is_too_long_is_not_made_longer(
    live_server: Callable[..., LiveServer], shop: Shop
) -> None:
    server = live_server(WORKER_THREAD="0", LIMITS="off")
    with contextlib.ExitStack() as stack:
        post = (
            "POST /account/sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        guessers = [stack.enter_context(begin(server, post)) for _ in range(3 * MAX_IN_LINE)]
        answers = [answer(each).decode() for each in guessers]
    kinds = Counter(each[9:12] for each in answers)
    assert set(kinds) == {"400", "503"}
    assert kinds["400"] >= MAX_IN_LINE
    assert all("\r\nRetry-After: " in each for each in answers if each[9:12] == "503")


# --- whom the server believes --------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize(
    "request_text",
    ["NONSENSE <script>\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nBad Header: <b>\r\n\r\n"],
)
def test_what_is_no_request_is_answered_by_a_status_and_the_headers_alone(
    server: LiveServer, request_text: str
) -> None:
    with begin(server, request_text) as connection:
        head, _, body = answer(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert body == b""
    for name, value in SECURITY_HEADERS.items():
        assert f"\r\n{name}: {value}".encode() in head


@on_sqlite
def test_a_client_of_this_machine_is_no_proxy(server: LiveServer) -> None:
    forged = "X-Forwarded-Proto: https\r\nSCRIPT_NAME: /evil\r\nX-Forwarded-Prefix: /evil\r\nForwarded: proto=https"
    with begin(
        server, f"GET / HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n{forged}\r\n\r\n"
    ) as connection:
        said = answer(connection)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"/evil" not in said
    assert b"https://" + server.host().encode() not in said


# --- stopping and starting again ------------------------------------------------------------------------


class Regular(threading.Thread):
    """A client with a connection that it keeps; it opens another one only when an answer says that this one ends."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__(daemon=True)
        self._server = server
        self.answers = 0
        self.refused = 0
        self.lost: list[str] = []
        self.closing = threading.Event()

    def run(self) -> None:
        while not self.closing.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=10)
            with contextlib.closing(connection):
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    self.refused += 1
                    time.sleep(0.01)
                else:
                    self._use(connection)

    def _use(self, connection: http.client.HTTPConnection) -> None:
        """Ask again and again, until an answer says that it was the last one."""
        last = False
        while not last and not self.closing.is_set():
            try:
                connection.request("GET", "/", headers={"Host": self._server.host(), "Cookie": "cart=none"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            assert answer.status == 200
            self.answers += 1
            last = answer.headers.get("Connection") == "close"


@contextlib.contextmanager
def regulars(server: LiveServer, count: int = 8) -> Iterator[list[Regular]]:
    clients = [Regular(server) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: all(client.answers > 2 for client in clients), "nobody is served", 30)
        yield clients
    finally:
        for client in clients:
            client.closing.set()
        for client in clients:
            client.join(20)


@on_sqlite
def test_who_is_being_served_when_the_server_is_reported_to_end_is_served(
    live_server: Callable[..., LiveServer], shop: Shop
) -> None:
    server = live_server(WEB_PROCESSES="2", WORKER_THREAD="0")
    with regulars(server) as clients:
        before = [client.answers for client in clients]
        assert server.terminate() == 0
        assert [client.lost for client in clients] == [[]] * len(clients)
        assert all(client.answers > count for client, count in zip(clients, before, strict=True))


@on_sqlite
def test_a_server_that_ends_says_so_while_it_still_accepts(server: LiveServer) -> None:
    with regulars(server, 2):
        for pid in server.web_processes():
            os.kill(pid, signal.SIGTERM)
        with begin(server, "GET /readyz HTTP/1.1\r\nHost: {host}\r\n\r\n") as balancer:
            said = answer(balancer)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nConnection: close" in said
    assert b'"stopping"' in said


@on_sqlite
def test_nobody_is_lost_when_the_processes_are_replaced(
    live_server: Callable[..., LiveServer], shop: Shop
) -> None:
    server = live_server(WEB_PROCESSES="2", WORKER_THREAD="0")
    with regulars(server) as clients:
        for _ in range(2):
            before = set(server.web_processes())
            os.kill(server.pid, signal.SIGHUP)
            wait_until(
                lambda before=before: (
                    len(server.web_processes()) == 2  # type: ignore[misc]
                    and not before & set(server.web_processes())
                ),
                "the processes are not replaced",
                40,
            )
        assert [(client.lost, client.refused) for client in clients] == [([], 0)] * len(clients)

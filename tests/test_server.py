"""The server that answers visitors: nobody can stop it by being slow to leave."""

import socket
import time
from collections.abc import Callable

import pytest

from commerce.tenants.models import Shop
from tests.support.server import LiveServer

LINGERERS = 12
"""More than the threads of a process; gunicorn alone would wait two seconds for each, one after the other."""


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

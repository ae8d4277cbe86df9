"""A cache server that speaks as much of RESP (the protocol of Valkey and Redis) as a cache needs, on 127.0.0.1."""

import socketserver
import threading
from typing import Any


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.kept: dict[bytes, bytes] = {}
        self.commands: list[bytes] = []
        self.closed = False


class _Connection(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        while line := self.rfile.readline():
            parts = [self._part() for _ in range(int(line[1:]))]
            if self.server.closed:
                return
            name = parts[0].upper()
            self.server.commands.append(name)
            self.wfile.write(self._answer(name, parts[1:]))

    def _part(self) -> bytes:
        size = int(self.rfile.readline()[1:])
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _answer(self, name: bytes, arguments: list[bytes]) -> bytes:
        kept = self.server.kept
        if name == b"GET":
            return _bulk(kept.get(arguments[0]))
        if name == b"TTL":
            return b":%d\r\n" % (60 if arguments[0] in kept else -2)
        if name == b"EVALSHA":  # the one script that is called: count and set when that ends
            _script, _keys, key, _seconds, amount = arguments
            kept[key] = b"%d" % (int(kept.get(key, b"0")) + int(amount))
            return b":%s\r\n" % kept[key]
        if name == b"SET":
            kept[arguments[0]] = arguments[1]
        elif name == b"SETEX":
            kept[arguments[0]] = arguments[2]
        elif name not in (b"CLIENT", b"SELECT", b"PING"):
            return b"-ERR unknown command\r\n"
        return b"+OK\r\n"


def _bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


class FakeValkey:
    """`url` leads to it; `kept` is what it remembers; `close` makes it unreachable."""

    def __init__(self) -> None:
        self._server = _Server()
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        self.url = f"valkey://127.0.0.1:{self._server.server_address[1]}/0"

    @property
    def kept(self) -> dict[bytes, bytes]:
        """What was stored, by key."""
        return self._server.kept

    @property
    def commands(self) -> list[bytes]:
        """The names of the commands that came, oldest first."""
        return self._server.commands

    def close(self, *_error: Any) -> None:
        """Stop answering, also on connections that are open."""
        self._server.closed = True
        self._server.shutdown()
        self._server.server_close()

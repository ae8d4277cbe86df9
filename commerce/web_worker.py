"""gunicorn's threaded worker, with what it lacks where no buffering proxy stands in front.

A thread is taken by a request that has arrived, never by one that is still on its way: the one loop that accepts
connections also reads from them, however many there are, and gives up those that take too long. Asked to stop, it goes
on accepting while whoever sends requests is asked to choose another process, and closes the socket last.
"""

from __future__ import annotations

import errno
import logging
import re
import select
import selectors
import socket
import struct
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from commerce import readiness
from commerce.web import SECURITY_HEADERS

log = logging.getLogger("commerce.server")

ARRIVAL_SECONDS = 10.0
"""How long a request may take to arrive, from its first byte or the connection to its last."""
SEND_SECONDS = 20
"""How long an answer may wait for its client to take some more of it."""
LEAST_RATE = 32 * 1024
"""Bytes per second that a larger body must arrive with to be given more time."""
MAX_HEAD = 64 * 1024
"""Bytes of a request line with all its headers; more is refused without a thread."""
MAX_KEPT = 2 * 1024 * 1024
"""Bytes of a request that are kept until it is whole. What is larger (pictures) a thread reads, in bounded time."""
MAX_KEPT_IN_ALL = 64 * 1024 * 1024
SMALL = 64 * 1024
"""Bytes up to which a request may go on to arrive although others have filled what may be kept in all."""
CLOSERS = 16
"""Threads of a process that wait for clients to hang up."""
DRAIN_SECONDS = 5.0
"""How long a process that was asked to stop still accepts: as long as a connection may be kept alive."""
QUIET_SECONDS = 1.0
"""It ends sooner when nobody has come for so long."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads the rest of a request for a thread, which a client that stalls or dribbles cannot keep."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._since = time.monotonic()
        self._read = 0

    def expect_request(self) -> None:
        """Begin to count for a new request."""
        self._since, self._read = time.monotonic(), 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes. Raises ConnectionResetError when they do not come in time."""
        left = self._since + ARRIVAL_SECONDS + self._read / LEAST_RATE - time.monotonic()
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if left <= 0 or not poll.poll(left * 1000):
            raise ConnectionResetError(errno.ECONNRESET, "the request did not arrive in time")
        data: bytes = super().chunk(size_hint)
        self._read += len(data)
        return data


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has arrived on it of the next request."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.received = bytearray()
        self.deadline = 0.0
        self.continued = False
        # It is only handed to a thread with data on it, so no thread has to wait for the first byte.
        self.data_ready = True

    def init(self) -> None:
        """Prepare the parser in the thread, and give it what has arrived."""
        first = not self.initialized
        super().init()
        if first:
            self.parser.unreader = TimedUnreader(self.sock)
        self.parser.unreader.expect_request()
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received = bytearray()

    def is_whole(self) -> bool:
        """Tell whether the request has arrived, or as much of it as is kept.

        Only a guess at where it ends: what it is, gunicorn's parser decides, which is strict.
        """
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.received[: end + 4])
        body = len(self.received) - len(head)
        if _CHUNKED.search(head):
            return self.received.endswith(b"0\r\n\r\n") or body >= MAX_KEPT
        length = _LENGTH.search(head)
        wanted = int(length.group(1)) if length else 0
        if body < wanted <= MAX_KEPT and _EXPECT.search(head) and not self.continued:
            # Or the client waits for it before it sends the rest.
            self.continued = True
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return body >= wanted or wanted > MAX_KEPT


class Worker(ThreadWorker):  # type: ignore[misc]
    """Reads whole requests before it takes a thread, drains, and says goodbye outside of the loop.

    Before it closes a connection, gunicorn waits up to two seconds until the client has closed it too, and does so in
    the one thread that accepts everybody: a handful of clients that never hang up stops the whole process, and after
    thirty seconds without a heartbeat it is killed in the middle of other people's orders.
    """

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # In the order of their deadlines: all have the same time.
        self._arriving: dict[Connection, None] = {}
        self._kept = 0
        self._end_at: float | None = None
        self._busy_at = 0.0

    def init_process(self) -> None:
        """Start the closers in the process that serves, after the fork."""
        self._closers = ThreadPoolExecutor(CLOSERS, "closer")
        readiness.stopping.clear()
        super().init_process()

    # --- requests that arrive -------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """Take a new connection and wait, without a thread, for its request."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        # Nor can a thread be kept by who does not read its answer.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        self._await_request(Connection(self.cfg, sock, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """Wait for the next request on a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn)

    def _await_request(self, conn: Connection) -> None:
        self._busy_at = time.monotonic()
        conn.sock.settimeout(0.0)
        conn.deadline = time.monotonic() + ARRIVAL_SECONDS
        conn.continued = False
        self._arriving[conn] = None
        self._kept += len(conn.received)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        # Mostly it is there already; and what was read together with the request before may be whole.
        self._receive(conn, conn.sock)

    def _receive(self, conn: Connection, _client: Any) -> None:
        """Take what has arrived; hand the request over when it is whole."""
        try:
            data = self._read(conn)
            whole = data is not None and conn.is_whole()
        except OSError:
            data, whole = None, False
        if data is None:
            self._give_up(conn)
        elif whole:
            self._leave(conn)
            self.enqueue_req(conn)
        elif b"\r\n\r\n" not in conn.received and len(conn.received) > MAX_HEAD:
            self._give_up(conn, "431 Request Header Fields Too Large")
        elif self._kept > MAX_KEPT_IN_ALL and len(conn.received) > SMALL:
            self._give_up(conn, "503 Service Unavailable")

    def _read(self, conn: Connection) -> bytes | None:
        """Return what was there to read, None at the end of the connection."""
        try:
            data: bytes = conn.sock.recv(SMALL)
        except BlockingIOError:
            return b""
        conn.received += data
        self._kept += len(data)
        return data or None

    def _leave(self, conn: Connection) -> None:
        del self._arriving[conn]
        self._kept -= len(conn.received)
        self.poller.unregister(conn.sock)

    def _give_up(self, conn: Connection, status: str = "") -> None:
        """Close a connection whose request does not arrive, with an answer if one is due."""
        self._leave(conn)
        if status:
            _refuse(conn.sock, status)
        conn.received = bytearray()
        self._closers.submit(self._part, conn)

    def murder_pending(self) -> None:
        """Give up requests that have not arrived in time."""
        now = time.monotonic()
        for conn in list(self._arriving):
            if conn.deadline > now:
                break
            # Nothing was asked on a connection on which nothing was sent.
            self._give_up(conn, "408 Request Timeout" if conn.received else "")

    # --- the end of a connection -----------------------------------------------------------------------

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Let a closer end the connection when an answer was its last; it counts as open until it is closed."""
        if fs.cancelled() or fs.exception() is not None:
            super().finish_request(conn, fs)
        elif not fs.result():
            self._closers.submit(self._part, conn)
        elif conn.parser.unreader.buf.getvalue():
            # Read together with the request before, and perhaps only a part of one.
            conn.received = bytearray(conn.parser.unreader.take_buffered())
            self._await_request(conn)
        else:
            super().finish_request(conn, fs)

    def _part(self, conn: Any) -> None:
        try:
            conn.close(graceful=True)
        finally:
            self.method_queue.defer(self._forget_connection)

    def _forget_connection(self) -> None:
        self.nr_conns -= 1

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what is no request with its status alone: gunicorn's page quotes it, and lacks our headers."""
        said = _Said(client)
        super().handle_error(req, said, addr, exc)
        if said.status:
            _refuse(client, said.status)

    # --- the end of the process ------------------------------------------------------------------------

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002 - how a signal's handler is called
        """Begin to end (SIGTERM): from here on each answer closes its connection, and /readyz says no."""
        if self._end_at is None and self.alive:
            readiness.stopping.set()
            self._busy_at = time.monotonic()
            self._end_at = time.monotonic() + DRAIN_SECONDS
            self.max_keepalived = 0
            # Wake up the loop.
            self.method_queue.defer(lambda: None)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what is to be done; a process that ends looks more often whether it may."""
        if self._end_at is None or not self.alive:
            super().wait_for_and_dispatch_events(timeout)
            return
        super().wait_for_and_dispatch_events(min(timeout, 0.1))
        now = time.monotonic()
        if now >= self._end_at or (not self.nr_conns and now - self._busy_at >= QUIET_SECONDS):
            self._stop_listening()
            self.alive = False

    def _stop_listening(self) -> None:
        """Let in whoever has knocked by now, and close the socket at once: who is in its queue then is cut off.

        gunicorn closes it when the last answer is sent, and until then nobody would look at the queue.
        """
        self.set_accept_enabled(False)
        for listener in self.sockets:
            while self._backlog(listener):
                self.accept(listener)
            listener.close()

    @staticmethod
    def _backlog(listener: Any) -> bool:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        return bool(poll.poll(0))


class _Said:
    """Stands in for a socket and keeps the status of what was to be sent."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.status = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        if not self.status:
            self.status = data.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")[2]


_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in SECURITY_HEADERS.items())


def _refuse(sock: Any, status: str) -> None:
    """Send an answer without a body, as far as the client takes it at once."""
    answer = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{_HEADERS}\r\n"
    try:
        sock.settimeout(0.0)
        sock.send(answer.encode("latin-1"))
    except OSError as error:
        log.debug("a refusal was not taken: %s", error)


TRUST_NOBODY = {
    "forwarded_allow_ips": "",
    "proxy_allow_ips": "",
    "forwarder_headers": "",
    "header_map": "drop",
}
"""gunicorn's settings under which no client counts as a proxy; by default whoever comes from 127.0.0.1 does.

What a proxy says of the request is read by the application, when TRUSTED_PROXIES names one.
"""

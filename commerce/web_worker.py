"""gunicorn's threaded worker, with what it lacks where no buffering proxy stands in front.

A thread is taken by a request that has arrived, never by one that is still on its way: the one loop that accepts
connections also reads from them, however many there are, and gives up those that take too long. Sign-ins,
whose passwords take long to check on purpose, wait in a line of their own for one thread. Asked to stop, it goes on
accepting while whoever sends requests is asked to choose another process, and closes the socket last.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import select
import selectors
import socket
import struct
import tempfile
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import IO, Any
from urllib.parse import unquote

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from commerce import readiness
from commerce.limits import is_costly
from commerce.request_limits import MAX_BODY
from commerce.web import SECURITY_HEADERS

log = logging.getLogger("commerce.server")

ARRIVAL_SECONDS = 10.0
"""How long a request may take to arrive, from its first byte or the connection to its last."""
SEND_SECONDS = 20
"""How long an answer may wait for its client to take some more of it."""
LEAST_RATE = 32 * 1024
"""Bytes per second with which a larger request must arrive to be given more time."""
MAX_HEAD = 64 * 1024
"""Bytes of a request line with all its headers; more is refused without a thread."""
MAX_KEPT = 2 * 1024 * 1024
"""Bytes of a request that are kept in memory; what comes after them (pictures, files) is kept in a file."""
MAX_KEPT_IN_ALL = 256 * 1024 * 1024
"""Bytes of all requests of a process that arrive, wait for a thread or are being answered, in memory and files."""
SMALL = 64 * 1024
"""Bytes up to which a request may go on to arrive although others have filled what may be kept in all."""
MAX_IN_LINE = 64
"""Sign-ins of a process that wait for the one thread; more are asked to come again."""
REST = 3.0
"""For how many times as long as the last sign-in took the next one waits, so that they have a quarter of one thread."""
MOST_REST = 1.0
"""Seconds of the longest rest: on a machine that is busy each sign-in takes long, and is not to take longer still."""
PARTING_SECONDS = 2.0
"""How long a client has to hang up after its last answer (RFC 9112, 9.6), so that the answer is not cut off."""
DRAIN_SECONDS = 5.0
"""How long a process that was asked to stop still accepts: as long as a connection may be kept alive."""
QUIET_SECONDS = 1.0
"""It ends sooner when nobody has come for so long."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


class TooLarge(Exception):
    """A request that announces more than any view takes."""


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads the rest of a request for a thread, which a client that stalls or dribbles cannot keep."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._since = time.monotonic()
        self._read = 0
        self.spool: IO[bytes] | None = None

    def expect_request(self) -> None:
        """Begin to count for a new request."""
        self._since, self._read = time.monotonic(), 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes. Raises ConnectionResetError when they do not come in time."""
        if self.spool is not None and (kept := self.spool.read(SMALL)):
            return kept
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
        self.spool: IO[bytes] | None = None
        self.kept = 0
        self._end = b""
        self.since = 0.0
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
        self.parser.unreader.spool = self.spool
        if self.spool:
            self.spool.seek(0)
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received = bytearray()

    def take(self, data: bytes) -> None:
        """Keep what has arrived."""
        self._end = (self._end + data)[-len(LAST_CHUNK) :]
        self.kept += len(data)
        if self.kept <= MAX_KEPT:
            self.received += data
            return
        if self.spool is None:
            self.spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `forget`
        self.spool.write(data)

    def forget(self) -> bytes:
        """Let go of a request that is over, and return what has arrived of the next one."""
        left = b""
        if self.initialized:
            left = self.parser.unreader.take_buffered() + (self.spool.read() if self.spool else b"")
            self.parser.unreader.spool = None
        if self.spool:
            self.spool.close()
        self.received, self.spool, self.kept, self._end = bytearray(), None, 0, b""
        return left

    def is_whole(self) -> bool:
        """Tell whether the request has arrived. Raises TooLarge when no view would take it.

        Only a guess at where it ends: what it is, gunicorn's parser decides, which is strict.
        """
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.received[: end + 4])
        body = self.kept - len(head)
        if _CHUNKED.search(head):
            if body > MAX_BODY:
                raise TooLarge
            return self._end == LAST_CHUNK
        length = _LENGTH.search(head)
        wanted = int(length.group(1)) if length else 0
        if wanted > MAX_BODY:
            raise TooLarge
        if body < wanted and _EXPECT.search(head) and not self.continued:
            # Or the client waits for it before it sends the rest.
            self.continued = True
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return body >= wanted

    def is_costly(self) -> bool:
        """Tell by its first line whether the request takes long on purpose; paths may be written in several ways."""
        method, _, rest = self.received[:MAX_HEAD].lstrip().partition(b" ")
        target = re.split(rb"[ ?#\r]", rest, maxsplit=1)[0]
        return is_costly(method.decode("latin-1"), unquote(target.decode("latin-1")))


class Worker(ThreadWorker):  # type: ignore[misc]
    """Reads whole requests before it takes a thread, drains, and waits for no client that does not hang up.

    Before it closes a connection, gunicorn waits up to two seconds until the client has closed it too, and does so in
    the one thread that accepts everybody: a handful of clients that never hang up stops the whole process, and after
    thirty seconds without a heartbeat it is killed in the middle of other people's orders. Here the loop goes on.
    """

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Connection, None] = {}
        self._parting: dict[Connection, float] = {}
        self._kept = 0
        self._line: deque[Connection] = deque()
        self._first_in_line: Connection | None = None
        self._line_since = 0.0
        self._line_rests_until = 0.0
        self._end_at: float | None = None
        self._busy_at = 0.0

    def init_process(self) -> None:
        """Begin to serve, after the fork."""
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
        conn.since = time.monotonic()
        conn.continued = False
        self._arriving[conn] = None
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
        except TooLarge:
            self._give_up(conn, "413 Content Too Large")
            return
        if data is None:
            self._give_up(conn)
        elif whole:
            self._leave(conn)
            self.enqueue_req(conn)
        elif b"\r\n\r\n" not in conn.received and len(conn.received) > MAX_HEAD:
            self._give_up(conn, "431 Request Header Fields Too Large")
        elif self._kept > MAX_KEPT_IN_ALL and conn.kept > SMALL:
            self._give_up(conn, "503 Service Unavailable")

    def _read(self, conn: Connection) -> bytes | None:
        """Return what was there to read, None at the end of the connection."""
        try:
            data: bytes = conn.sock.recv(SMALL)
        except BlockingIOError:
            return b""
        conn.take(data)
        self._kept += len(data)
        return data or None

    def _forget(self, conn: Connection) -> bytes:
        self._kept -= conn.kept
        return conn.forget()

    def _leave(self, conn: Connection) -> None:
        del self._arriving[conn]
        self.poller.unregister(conn.sock)

    def _give_up(self, conn: Connection, status: str = "") -> None:
        """Close a connection whose request does not arrive, with an answer if one is due."""
        self._leave(conn)
        self._dismiss(conn, status)

    def _dismiss(self, conn: Connection, status: str) -> None:
        if status:
            _refuse(conn.sock, status)
        self._forget(conn)
        self._part(conn)

    def murder_pending(self) -> None:
        """Give up requests that have not arrived in time, and clients that do not hang up."""
        now = time.monotonic()
        # In the order in which they parted.
        for conn, since in list(self._parting.items()):
            if since + PARTING_SECONDS > now:
                break
            self._hang_up(conn)
        for conn in list(self._arriving):
            if conn.since + ARRIVAL_SECONDS + conn.kept / LEAST_RATE <= now:
                # Nothing was asked on a connection on which nothing was sent.
                self._give_up(conn, "408 Request Timeout" if conn.received else "")

    # --- requests that take long on purpose -------------------------------------------------------------

    def enqueue_req(self, conn: Connection) -> None:
        """Give a request to a thread, or let it wait in the line of those that are costly."""
        if not conn.is_costly():
            super().enqueue_req(conn)
        elif len(self._line) < MAX_IN_LINE:
            self._line.append(conn)
            self._serve_line()
        else:
            self._dismiss(conn, "503 Service Unavailable")

    def _serve_line(self) -> None:
        """Give a thread to the first in line when the one before has been answered and its rest is over."""
        if self._line and self._first_in_line is None and time.monotonic() >= self._line_rests_until:
            self._first_in_line, self._line_since = self._line.popleft(), time.monotonic()
            super().enqueue_req(self._first_in_line)

    def _leave_line(self) -> None:
        took = time.monotonic() - self._line_since
        self._first_in_line = None
        self._line_rests_until = time.monotonic() + min(REST * took, MOST_REST)

    # --- the end of a connection -----------------------------------------------------------------------

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Pass over a body that no view has read: all of it is here, so the connection serves the next request.

        gunicorn passes over 64 kB and closes a connection after more, which the answer did not announce.
        """
        return keepalive and bool(conn.parser.finish_body())

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Part from the client when an answer was its last; a connection counts as open until it is closed."""
        left = self._forget(conn)
        if conn is self._first_in_line:
            self._leave_line()
        if fs.cancelled() or fs.exception() is not None:
            super().finish_request(conn, fs)
        elif not fs.result():
            self._part(conn)
        elif left:
            # Read together with the request before, and perhaps only a part of one.
            conn.take(left)
            self._kept += len(left)
            self._await_request(conn)
        else:
            super().finish_request(conn, fs)

    def _part(self, conn: Connection) -> None:
        """Say that nothing more will be sent, and wait in the loop until the client has hung up."""
        self._parting[conn] = time.monotonic()
        try:
            conn.sock.settimeout(0.0)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._see_off, conn))
        except (OSError, ValueError):
            self._hang_up(conn)

    def _see_off(self, conn: Connection, _client: Any) -> None:
        """Pass over what the client still sends."""
        try:
            gone = not conn.sock.recv(SMALL)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._hang_up(conn)

    def _hang_up(self, conn: Connection) -> None:
        del self._parting[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        conn.close()
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
        if self._line and self._first_in_line is None:
            timeout = min(timeout, max(0.0, self._line_rests_until - time.monotonic()))
        self._dispatch(timeout)
        self._serve_line()

    def _dispatch(self, timeout: float) -> None:
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
    again = "Retry-After: 5\r\n" if status.startswith("503") else ""
    answer = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{again}{_HEADERS}\r\n"
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

"""A small load generator: forked processes, blocking sockets that are kept open, one thread for each client.

It reads answers only as far as it must (status, length, cookies, where a redirect leads), so that it takes little of
the machine from the server that it measures. Its own ceiling is measured by asking a server that does nothing.
"""

import multiprocessing
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 20.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
COOKIE = re.compile(rb"\r\nset-cookie: *([^=]+)=([^;\r]*)", re.IGNORECASE)
LOCATION = re.compile(rb"\r\nlocation: *([^\r]*)", re.IGNORECASE)


class LoadFailed(RuntimeError):
    """A client got something else than it was promised; figures of such a run would be worth nothing."""


@dataclass
class Answer:
    """What came back."""

    status: int
    head: bytes
    body: bytes

    @property
    def location(self) -> str:
        """Where a redirect leads; empty when the answer is none."""
        found = LOCATION.search(self.head)
        return found.group(1).decode() if found else ""


class Connection:
    """One client: a connection that is kept open, and a cookie jar. Not shared between threads."""

    def __init__(self, port: int, host: str) -> None:
        self._port = port
        self._host = host
        self._socket: socket.socket | None = None
        self.cookies: dict[str, str] = {}
        self.form: dict[str, str] = {}
        """What a form of a page would send, kept by a task that sends it again and again."""
        self.requests = 0

    def get(self, path: str, headers: str = "") -> Answer:
        """Ask for a page."""
        return self._send(f"GET {path} HTTP/1.1\r\n{self._headers()}{headers}\r\n".encode())

    def post(self, path: str, form: bytes) -> Answer:
        """Send a form, already encoded."""
        kind = "Content-Type: application/x-www-form-urlencoded\r\n"
        head = f"POST {path} HTTP/1.1\r\n{self._headers()}{kind}Content-Length: {len(form)}\r\n\r\n"
        return self._send(head.encode() + form)

    def post_json(self, path: str, body: bytes, headers: str = "") -> Answer:
        """Send JSON; `headers` are lines of their own."""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return self._send(f"POST {path} HTTP/1.1\r\n{self._headers()}{headers}{kind}\r\n".encode() + body)

    def forget(self) -> None:
        """Become another visitor: empty the cookie jar."""
        self.cookies.clear()

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _headers(self) -> str:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return f"Host: {self._host}\r\nAccept: text/html\r\n" + (f"Cookie: {cookie}\r\n" if cookie else "")

    def _send(self, request: bytes) -> Answer:
        self.requests += 1
        reused = self._socket is not None
        try:
            return self._exchange(request)
        except ConnectionError:
            self.close()
            # A server may close a connection that was idle; a fresh one must work.
            if not reused:
                raise
            return self._exchange(request)

    def _exchange(self, request: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end]
        length = LENGTH.search(head)
        if length is None:
            raise LoadFailed(f"an answer without a length: {head[:200]!r}")
        parts, missing = [data[end + 4 :]], int(length.group(1)) - (len(data) - end - 4)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        for name, value in COOKIE.findall(head):
            self.cookies[name.decode()] = value.decode()
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return Answer(int(head[9:12]), head, b"".join(parts))

    def _more(self) -> bytes:
        assert self._socket is not None
        more = self._socket.recv(65536)
        if not more:
            raise ConnectionResetError("the server hung up")
        return more


@dataclass
class Result:
    """What all clients did together. Times in seconds."""

    seconds: float
    times: list[float] = field(default_factory=list)
    requests: int = 0
    done: int = 0
    """Tasks of the warm-up and of those that ended late included: what processor time was spent for."""
    problems: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Tasks done in a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0


Task = Callable[[Connection, int], bool]
"""Do one thing as client `n`-th thing of this process; False tells that there is nothing left to do."""


def run(
    port: int,
    host: str,
    task: Callable[[Connection, int], bool],
    *,
    seconds: float,
    clients: int = 8,
    processes: int = 1,
    numbers: Sequence[range] | None = None,
) -> Result:
    """Let `clients` do `task` again and again for `seconds`, after a tenth of it to warm up that is not counted.

    `numbers` gives each client the numbers it may use, each once. Raises LoadFailed when a client failed.
    """
    context = multiprocessing.get_context("fork")
    queue: Any = context.SimpleQueue()
    ranges = (
        list(numbers) if numbers is not None else [range(i * 10**9, (i + 1) * 10**9) for i in range(clients)]
    )
    begin = time.monotonic() + 0.2 + seconds / 10
    workers = [
        context.Process(
            target=_work,
            args=(queue, port, host, task, ranges[index::processes], begin, begin + seconds),
            daemon=True,
        )
        for index in range(processes)
    ]
    for worker in workers:
        worker.start()
    results: list[Result] = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    total = Result(max(result.seconds for result in results))
    for result in results:
        total.times += result.times
        total.requests += result.requests
        total.done += result.done
        total.problems += result.problems
    if total.problems:
        raise LoadFailed("; ".join(dict.fromkeys(total.problems))[:1500])
    return total


def _work(
    queue: Any, port: int, host: str, task: Task, ranges: list[range], begin: float, until: float
) -> None:
    result = Result(0.0)
    lock = threading.Lock()

    def client(numbers: range) -> None:
        connection, times, last, counted, done = Connection(port, host), [], begin, 0, 0
        try:
            for number in numbers:
                start, before = time.monotonic(), connection.requests
                if start >= until or not task(connection, number):
                    break
                end = time.monotonic()
                done += 1
                if begin <= start and end <= until:
                    times.append(end - start)
                    counted += connection.requests - before
                last = end
        except (OSError, LoadFailed, KeyError, ValueError) as error:
            with lock:
                result.problems.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        with lock:
            result.times += times
            result.requests += counted
            result.done += done
            # When the numbers are used up early, the rate is that of the time in which there was work.
            result.seconds = max(result.seconds, min(last, until) - begin)

    threads = [threading.Thread(target=client, args=(numbers,)) for numbers in ranges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(result)

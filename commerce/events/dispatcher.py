"""Keep workers at work: fan out, claim for each lane what its threads can make in good time, wake up when needed.

Each lane has threads of its own, so that a mail server that takes its time delays no refund. In a lane each queue is
made by few of them: who is slow holds up nobody else.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from commerce.events.claims import Claim, Lane
from commerce.events.relay import Relay

log = logging.getLogger("commerce.events")

THREADS: Mapping[Lane, int] = {Lane.ORDERS: 3, Lane.MAILS: 1, Lane.WEBHOOKS: 8}
"""Mails have one: a worker that is killed has then sent one mail at most of which it has not noted so."""
AT_ONCE = 0.5
"""Seconds that what a thread is given should take it, going by what it made last."""
FEWEST, MOST = 8, 500
"""Bounds of what a thread is given at once."""
PATIENCE = 2.0
"""Seconds after which a thread hands back what it has not begun. A queue that needs longer for one is slow."""


class _Crew:
    """The threads of one lane and what they are at."""

    def __init__(self, lane: Lane, relay: Relay, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self.lane = lane
        self._relay = relay
        self._context = context
        self._threads = THREADS[lane]
        self._pool = ThreadPoolExecutor(self._threads, lane.value)
        self._lock = threading.Lock()
        self._tasks: Counter[uuid.UUID] = Counter()
        self._begun: dict[int, tuple[uuid.UUID, float]] = {}
        self._slow: set[uuid.UUID] = set()
        self._size = FEWEST

    def claim(self) -> list[Claim]:
        """Claim for the threads that have nothing to do: nothing when all are busy."""
        with self._lock:
            room = 2 * self._threads - self._tasks.total()
            busy = {queue for queue, tasks in self._tasks.items() if tasks >= self._most(queue)}
            if self._slow_tasks() >= max(1, self._threads - 2):
                busy |= self._slow
            size = self._size
        if room <= 0:
            return []
        return self._relay.claim(self.lane, size * room, busy, queues=room)

    def start(self, claimed: Sequence[Claim], stop: threading.Event, done: Callable[[], None]) -> None:
        """Give the threads what was claimed, in as many parts as its queues may have of them."""
        for queue, part in self._parts(claimed):
            with self._lock:
                self._tasks[queue] += 1
            self._pool.submit(self._work, queue, part, stop, done)

    def close(self) -> None:
        """Wait until the threads have ended what they are at."""
        self._pool.shutdown()

    def _parts(self, claimed: Sequence[Claim]) -> Iterator[tuple[uuid.UUID, list[Claim]]]:
        """A chain is never parted: its deliveries depend on each other."""
        queues: dict[uuid.UUID, dict[object, list[Claim]]] = {}
        for claim in claimed:
            queues.setdefault(claim.queue_id, {}).setdefault(claim.chain, []).append(claim)
        for queue, chains in queues.items():
            with self._lock:
                parts = max(1, self._most(queue) - self._tasks[queue])
            of_each: list[list[Claim]] = [[] for _ in range(min(parts, len(chains)))]
            for number, chain in enumerate(chains.values()):
                of_each[number % len(of_each)] += chain
            yield from ((queue, part) for part in of_each)

    def _most(self, queue: uuid.UUID) -> int:
        """How many threads a queue may have: half, and one when it is slow."""
        return 1 if queue in self._slow else max(1, self._threads // 2)

    def _slow_tasks(self) -> int:
        """Return how many threads slow queues have now; one that is stuck counts before it has ended."""
        now = time.monotonic()
        self._slow |= {queue for queue, begun in self._begun.values() if now - begun > PATIENCE + 1}
        return sum(self._tasks[queue] for queue in self._slow)

    def _work(
        self, queue: uuid.UUID, part: list[Claim], stop: threading.Event, done: Callable[[], None]
    ) -> None:
        begun, me = time.monotonic(), threading.get_ident()
        with self._lock:
            self._begun[me] = queue, begun
        tried = 0

        def go_on() -> bool:
            return not stop.is_set() and time.monotonic() - begun < PATIENCE

        try:
            with self._context():
                tried = self._relay.deliver(part, go_on)
        except Exception:
            log.exception("what %s had claimed will be tried again when its lease is over", self.lane.value)
        finally:
            with self._lock:
                del self._begun[me]
                self._tasks[queue] -= 1
                if not self._tasks[queue]:
                    del self._tasks[queue]
                self._learn(queue, tried, time.monotonic() - begun)
            done()

    def _learn(self, queue: uuid.UUID, tried: int, seconds: float) -> None:
        """Remember who is slow, and how much the lane makes in good time."""
        if tried and seconds / tried > PATIENCE / 2:
            self._slow.add(queue)
            return
        self._slow.discard(queue)
        if tried >= self._size // 2:
            self._size = min(MOST, 2 * self._size, max(FEWEST, int(AT_ONCE * tried / max(seconds, 0.001))))


class Dispatcher:
    """Gives the crews of all lanes their work until it is stopped. `context` opens what handlers run in."""

    def __init__(
        self, relay: Relay, context: Callable[[], AbstractContextManager[Any]], stop: threading.Event
    ) -> None:
        self._relay = relay
        self._context = context
        self._stop = stop
        self._crews = [_Crew(lane, relay, context) for lane in Lane]
        self.wake = threading.Event()

    def run(self, pauses: Callable[[], Sequence[float]]) -> None:
        """Work until stopped. With nothing to do, look again after growing pauses (seconds) or when `wake` is set."""
        idle = 0
        while not self._stop.is_set():
            self.wake.clear()
            busy = False
            with self._context():
                try:
                    busy = self.turn()
                except Exception:
                    log.exception("looking for events failed and will be tried again")
            if busy:
                idle = 0
                continue
            steps = pauses()
            if self.wake.wait(steps[min(idle, len(steps) - 1)]):
                idle = 0
            else:
                idle += 1
        for crew in self._crews:
            crew.close()

    def turn(self) -> bool:
        """Fan out a batch, give each crew what it has room for, and tell whether there was anything to do."""
        work = self._relay.look()
        fanned_out = self._relay.fan_out() if work.events else 0
        given = 0
        for crew in self._crews:
            if fanned_out or crew.lane in work.lanes:
                claimed = crew.claim()
                crew.start(claimed, self._stop, self.wake.set)
                given += len(claimed)
        return bool(fanned_out or given)

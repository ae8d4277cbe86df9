"""Several processes with several threads each that do numbered things as fast as they can: no HTTP, no web server.

Each process builds what it needs, waits until all are ready, and begins at the same moment; every time is noted.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

READY_SECONDS = 120.0


@dataclass
class Work:
    """What all did together: seconds for each thing, retries, and what went wrong (words -> how often)."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    retries: int = 0
    problems: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Things done in a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def add(self, other: "Work") -> None:
        """Take in what another thread or process did."""
        self.times += other.times
        self.retries += other.retries
        for words, count in other.problems.items():
            self.problems[words] = self.problems.get(words, 0) + count


Do = Callable[[int], int]
"""Do the thing with this number; return how often it had to be tried again."""
Prepare = Callable[..., Any]
"""Return a context manager whose value is called once in each thread and gives that thread's `Do`."""


def run(
    prepare: Prepare, arguments: Sequence[Any], numbers: Sequence[int], processes: int, threads: int
) -> Work:
    """Share `numbers` out over all threads, run, and return what happened. The first tenth of each share warms up."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes + 1), context.Queue()
    share = len(numbers) // (processes * threads)
    crews = []
    for process in range(processes):
        first = process * threads * share
        own = [list(numbers[first + n * share : first + (n + 1) * share]) for n in range(threads)]
        crews.append(
            context.Process(
                target=_crew, args=(prepare, tuple(arguments), own, barrier, results), daemon=True
            )
        )
    for crew in crews:
        crew.start()
    barrier.wait(READY_SECONDS)
    works = [results.get(timeout=600) for _ in crews]
    for crew in crews:
        crew.join(30)
    whole = Work(seconds=max(work.seconds for work in works))
    for work in works:
        whole.add(work)
    return whole


def _crew(
    prepare: Prepare, arguments: tuple[Any, ...], shares: list[list[int]], barrier: Any, results: Any
) -> None:
    work = Work()
    lock = threading.Lock()
    warm = threading.Barrier(len(shares) + 1)
    with prepare(*arguments) as hire:
        crew = [threading.Thread(target=_thread, args=(hire, share, warm, work, lock)) for share in shares]
        for each in crew:
            each.start()
        barrier.wait(READY_SECONDS)
        warm.wait(READY_SECONDS)  # everybody begins
        warm.wait(600)  # everybody is warm
        begun = time.perf_counter()
        for each in crew:
            each.join()
        work.seconds = time.perf_counter() - begun
    results.put(work)


def _thread(hire: Callable[[], Do], share: list[int], warm: threading.Barrier, work: Work, lock: Any) -> None:
    do = hire()
    first = len(share) // 10
    own = Work()
    warm.wait(READY_SECONDS)
    for number in share[:first]:
        _try(do, number, own)
    warm.wait(600)
    own.times, own.retries = [], 0
    for number in share[first:]:
        _try(do, number, own)
    with lock:
        work.add(own)


def _try(do: Do, number: int, work: Work) -> None:
    begun = time.perf_counter()
    try:
        work.retries += do(number)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is counted and told
        words = f"{type(error).__name__}: {str(error)[:120]}"
        work.problems[words] = work.problems.get(words, 0) + 1
    else:
        work.times.append(time.perf_counter() - begun)

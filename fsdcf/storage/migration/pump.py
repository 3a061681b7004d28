"""Jobs through several threads, with few of them in memory at a time, and their results in the thread that asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def pump(
    jobs: Iterable[J], work: Callable[[J], R], settle: Callable[[J, R], None], workers: int, stop: Callable[[], None]
) -> None:
    """Work on every job. ``settle`` is called here, for one job after the other, in the order in which they end.

    At the first failure ``stop`` is called, what has begun is waited for and settled where it came to a good end, and the failure
    is raised: what was done is known even then.
    """
    pending: dict[Future[R], J] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        for job in jobs:
            pending[pool.submit(work, job)] = job
            if len(pending) >= 2 * workers:
                _settle(pending, wait(pending, return_when=FIRST_COMPLETED).done, settle)
        while pending:
            _settle(pending, wait(pending, return_when=FIRST_COMPLETED).done, settle)
    except BaseException:
        stop()
        pool.shutdown(cancel_futures=True)
        for future, job in pending.items():
            if not future.cancelled() and future.exception() is None:
                settle(job, future.result())
        raise
    finally:
        pool.shutdown()


def _settle(pending: dict[Future[R], J], done: Iterable[Future[R]], settle: Callable[[J, R], None]) -> None:
    for future in done:
        result = future.result()
        settle(pending.pop(future), result)

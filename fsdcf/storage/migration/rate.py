"""A bound on how much is written in a second."""

from __future__ import annotations

from collections.abc import Callable


class Limiter:
    """Lets so many items or units through in a second; None lets all through. ``clock`` tells seconds and never runs backwards.

    One thread asks, in the order of the batches. Nothing is saved up: a pause is not made good by a burst.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._free = clock()

    def wait_for(self, cost: float) -> float:
        """Book a cost; the seconds to sleep before it may be spent."""
        if self._per_second is None:
            return 0.0
        now = self._clock()
        at = max(now, self._free)
        self._free = at + cost / self._per_second
        return at - now

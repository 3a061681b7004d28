"""Interruptions: what Ctrl-C, SIGTERM and SIGHUP are, to the engine."""

from __future__ import annotations


class Terminated(BaseException):
    """The process was asked to end, by a signal of this name: whatever runs on AWS goes on without it."""

    def __init__(self, signal: str = "SIGTERM") -> None:
        super().__init__(signal)
        self.signal = signal


INTERRUPTS = (KeyboardInterrupt, Terminated)

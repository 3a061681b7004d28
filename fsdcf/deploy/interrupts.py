"""Interruptions: what Ctrl-C and SIGTERM are, to the engine."""

from __future__ import annotations


class Terminated(BaseException):
    """The process was asked to end (SIGTERM): whatever runs on AWS goes on without it."""


INTERRUPTS = (KeyboardInterrupt, Terminated)

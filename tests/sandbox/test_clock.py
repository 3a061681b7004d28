"""Time: real, virtual, held still."""

from __future__ import annotations

import time

import pytest

from fsdcf.sandbox.state import START, FrozenClock, RealClock, VirtualClock


def test_the_real_clock_never_runs_backwards() -> None:
    clock = RealClock()
    before = time.time()
    first = clock.now()
    assert before <= first <= time.time()
    assert clock.now() >= first


def test_virtual_time_passes_when_it_is_advanced() -> None:
    clock = VirtualClock()
    assert clock.now() == START
    clock.advance(3600)
    assert clock.now() == START + 3600
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_frozen_clock_does_not_move() -> None:
    assert FrozenClock(5.0).now() == 5.0

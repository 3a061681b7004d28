"""Time: real, virtual, held still."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fsdcf.sandbox.schedule import moment
from fsdcf.sandbox.state import START, FrozenClock, RealClock, SandboxState, VirtualClock
from fsdcf.sandbox.store import Store


def test_a_running_clock_ignores_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RealClock()
    assert clock.now() == pytest.approx(time.time(), abs=5)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    before = clock.now()
    time.sleep(0.01)
    assert before + 0.01 <= clock.now() < before + 60


def test_a_clock_catches_up_with_a_time_that_has_been() -> None:
    for clock in (RealClock(), VirtualClock()):
        now = clock.now()
        clock.catch_up(now + 3600)
        assert clock.now() >= now + 3600
        clock.catch_up(now)
        assert clock.now() >= now + 3600


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_what_is_scheduled_comes_after_a_jump_of_the_machine_s_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    with Store(tmp_path / "state") as store, store.transaction():
        before = moment(SandboxState(store)).clock.now()
        store.schedule(before + 0.05, "ecs.step", {})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    with Store(tmp_path / "state") as store:
        time.sleep(0.06)
        with store.transaction():
            now = moment(SandboxState(store)).clock.now()
        assert now >= before
        assert (due := store.next_due()) is not None and due <= now + 1.1, "the latest time is kept to a second"


def test_virtual_time_passes_when_it_is_advanced() -> None:
    clock = VirtualClock()
    assert clock.now() == START
    clock.advance(3600)
    assert clock.now() == START + 3600
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_frozen_clock_does_not_move() -> None:
    assert FrozenClock(5.0).now() == 5.0

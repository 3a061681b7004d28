"""The rows of several deploys on a terminal: what moves, what stays above, and a screen that is too small."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from fsdcf.cli.render.rows import Rows
from fsdcf.deploy.model import Exit, NoticeIssued, Outcome, PlanCreated, RunEnded, StepStarted, Waiting, WarningIssued
from tests.cli.render.samples import PLAN, SUCCESS, story
from tests.cli.render.test_live import Terminal, Time

NAMES = ["fsdcf-staging", "shop-staging", "users-staging"]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")


def rows(names: list[str] = NAMES) -> tuple[Rows, Time, Terminal, Terminal]:
    time, out, err = Time(), Terminal(), Terminal()
    return Rows(out, err, names, time), time, out, err


def drawn(display: Rows) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=100, no_color=True).print(display.picture())
    display.pause()
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()]


def test_each_stack_has_a_row_that_says_what_it_does_and_for_how_long() -> None:
    display, time, _, _ = rows()
    display.rows["shop-staging"](StepStarted("wait", "waiting for fsdcf-staging"))
    display.rows["users-staging"](PlanCreated(PLAN, {}))
    for event in story(SUCCESS)[:6]:
        display.rows["fsdcf-staging"](event)
    time.now += 30
    first, second, third = drawn(display)
    assert re.fullmatch(r"  ● fsdcf-staging +33s  updating \d of \d+  Service \(30s\).*", first)
    assert second == "  · shop-staging            waiting for fsdcf-staging"
    assert third.split() == ["·", "users-staging"]


def test_an_end_stays_in_its_row_with_the_time_that_it_took() -> None:
    display, time, out, err = rows()
    display.rows["shop-staging"](Waiting(0, ()))
    time.now += 72
    display.rows["shop-staging"](RunEnded(Outcome(Exit.DONE, "shop-staging is UPDATE_COMPLETE")))
    display.rows["users-staging"](RunEnded(Outcome(Exit.FAILED, "no memory", next=("fsdcf logs users",))))
    time.now += 100
    _, done, failed = drawn(display)
    assert re.fullmatch(r"  ✓ shop-staging +1m 12s  shop-staging is UPDATE_COMPLETE", done)
    assert re.fullmatch(r"  ✗ users-staging +no memory", failed)
    assert "shop-staging\ndone: shop-staging is UPDATE_COMPLETE\n" in out.getvalue()
    assert "users-staging\nfailed: no memory\n  next: fsdcf logs users\n" in err.getvalue()


def test_what_stays_above_has_the_name_of_its_stack_once() -> None:
    display, _, out, _ = rows()
    for name in ("shop-staging", "shop-staging", "users-staging"):
        display.rows[name](WarningIssued(f"about {name}"))
    display(NoticeIssued("order", "a, then b"))
    display.pause()
    said = [line for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue()).splitlines() if "●" not in line]
    text = "\n".join(line for line in said if line.strip() and "·" not in line)
    assert text.count("\nshop-staging\n") + text.startswith("shop-staging\n") == 1
    assert "warning: about users-staging" in text and text.rstrip().endswith("order: a, then b")


def test_a_small_screen_shows_what_moves_or_failed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "6")
    names = [f"s{number}-staging" for number in range(9)]
    display, _, _, _ = rows(names)
    display.rows["s8-staging"](Waiting(1, ()))
    display.rows["s7-staging"](RunEnded(Outcome(Exit.FAILED, "no")))
    display.rows["s8-staging"](StepStarted("execute", "executing"))
    lines = drawn(display)
    assert len(lines) == 5 and lines[-1].strip() == "and 5 more"
    assert any("s8-staging" in line for line in lines) and any("s7-staging" in line for line in lines)

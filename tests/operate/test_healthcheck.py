"""The rounds of both checks, their thresholds, and what ECS would do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fsdcf.operate.healthcheck import (
    Answer,
    Check,
    Inner,
    Round,
    Rules,
    balanced,
    breaks,
    contained,
    matches,
    stops_at,
    told,
    wavering,
)

CHECK = Check("/health", 30, 5, 2, 3, "200,204-206")
INNER = Inner(("CMD-SHELL", "exit 0"), 30, 5, 3)


def play(pattern: str, check: Check = CHECK, once: bool = False) -> tuple[list[Round], list[float]]:
    """The rounds against a target that passes (``+``) or fails, as long as the pattern lasts; then as at its end."""
    waits: list[float] = []
    marks = iter(pattern)
    last = [pattern[-1]]

    def ask() -> Answer:
        last[0] = next(marks, last[0])
        return Answer(200 if last[0] == "+" else 500, 0.01)

    return list(balanced(check, ask, waits.append, once)), waits


def states(pattern: str, check: Check = CHECK) -> str:
    return " ".join(one.state for one in play(pattern, check)[0])


@pytest.mark.parametrize(
    ("pattern", "seen"),
    [
        ("++", "healthy healthy"),
        ("---", "initial initial unhealthy"),
        ("+---", "healthy healthy healthy unhealthy"),
        ("--++", "initial initial healthy healthy"),
        ("+-++", "healthy healthy healthy healthy"),
    ],
)
def test_the_states_of_a_target(pattern: str, seen: str) -> None:
    assert states(pattern) == seen


def test_a_target_that_wavers_is_watched_for_a_while_and_stays_healthy() -> None:
    rounds, waits = play("+-" * 20)
    assert len(rounds) == 15 and rounds[-1].state == "healthy"
    assert waits == [30] * 14
    assert [one.at for one in rounds[:3]] == [0, 30, 60]
    assert wavering(rounds, CHECK) == "7 of 15 checks failed; it stays healthy as long as fewer than 3 in a row do"
    assert wavering(play("++")[0], CHECK) == ""


def test_once() -> None:
    rounds, waits = play("-", once=True)
    assert len(rounds) == 1 and not rounds[0].passed and waits == []


@given(some.text("+-", min_size=1, max_size=40), some.integers(2, 10), some.integers(2, 10))
def test_it_always_ends_and_says_what_the_last_rounds_say(pattern: str, healthy: int, unhealthy: int) -> None:
    rounds, waits = play(pattern, replace(CHECK, healthy=healthy, unhealthy=unhealthy))
    assert len(waits) == len(rounds) - 1 <= 3 * (healthy + unhealthy)
    tail = [one.passed for one in rounds]
    assert (rounds[-1].state == "unhealthy") == (len(tail) >= unhealthy and not any(tail[-unhealthy:]))
    assert (rounds[-1].state == "healthy") == (any(tail) and rounds[-1].state != "unhealthy")


@pytest.mark.parametrize(
    ("codes", "code", "fits"),
    [
        ("200", 200, True),
        ("200", 204, False),
        ("200,204", 204, True),
        ("200-299", 250, True),
        ("200-299", 302, False),
        ("200, 301-302", 302, True),
    ],
)
def test_codes(codes: str, code: int, fits: bool) -> None:
    assert matches(codes, code) is fits


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, 0.0123), "200 in 12 ms"),
        (Answer(404, 0.001), "404 in 1 ms, not one of 200,204-206"),
        (Answer(301, 0.001, location="/x"), "a redirect to /x, which is not followed, not one of"),
        (Answer(0, 5, "timeout"), "no answer within 5 s"),
        (Answer(0, 0, "refused"), "connection refused"),
        (Answer(0, 0, "closed"), "closed without an answer"),
        (Answer(0, 0, "unreachable", "Name or service not known"), "no connection: Name or service not known"),
        (Answer(0, 0, "garbled", "SSH-2.0"), "no answer of HTTP's: SSH-2.0"),
    ],
)
def test_what_is_said_of_an_answer(answer: Answer, words: str) -> None:
    assert words in told(answer, CHECK)


def inside(pattern: str, inner: Inner = INNER, once: bool = False) -> list[Round]:
    marks = iter(pattern)
    return list(contained(inner, lambda: (next(marks) == "+", "exit code 0"), lambda seconds: None, once))


def test_a_container_is_healthy_after_one_success_and_unhealthy_after_its_retries() -> None:
    assert [one.state for one in inside("+")] == ["healthy"]
    assert [one.state for one in inside("--+")] == ["initial", "initial", "healthy"]
    assert [one.state for one in inside("---")] == ["initial", "initial", "unhealthy"]
    assert [one.at for one in inside("---")] == [30, 60, 90]
    assert len(inside("-", once=True)) == 1


def test_failures_of_the_start_do_not_count() -> None:
    slow = replace(INNER, start=60)
    assert [one.state for one in inside("-----", slow)][-2:] == ["initial", "unhealthy"] and len(
        inside("-----", slow)
    ) == 5
    assert inside("----+", slow)[-1].state == "healthy"


def test_when_ecs_would_stop_the_task() -> None:
    assert stops_at(90, Rules(60, True, 2)) == (
        "ECS would stop such a task about 90 s after its start; after 3 of them the circuit breaker ends the deployment"
    )
    spared = stops_at(90, Rules(300, True, 10))
    assert "about 300 s" in spared and "grace period of 300 s" in spared and "after 5 of them" in spared
    assert "the circuit breaker is off" in stops_at(90, Rules(60, False, 2))
    assert [breaks(count) for count in (0, 1, 6, 7, 100, 5000)] == [3, 3, 3, 4, 50, 200]

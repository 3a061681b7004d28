"""The attempts of both checks, their thresholds, and the reaction of ECS."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fsdcf.operate.healthcheck import (
    ContainerCheckSettings,
    HealthCheckAttempt,
    HttpAnswer,
    TargetGroupCheck,
    UnhealthyTaskRules,
    breaker_threshold,
    check_container,
    check_target,
    describe_answer,
    describe_failures,
    describe_stop,
    matches,
)

CHECK = TargetGroupCheck("/health", 30, 5, 2, 3, "200,204-206")
INNER = ContainerCheckSettings(("CMD-SHELL", "exit 0"), 30, 5, 3)


def play(
    pattern: str, check: TargetGroupCheck = CHECK, once: bool = False
) -> tuple[list[HealthCheckAttempt], list[float]]:
    """The rounds against a target that passes (``+``) or fails, as long as the pattern lasts; then as at its end."""
    waits: list[float] = []
    marks = iter(pattern)
    last = [pattern[-1]]

    def ask() -> HttpAnswer:
        last[0] = next(marks, last[0])
        return HttpAnswer(200 if last[0] == "+" else 500, 0.01)

    return list(check_target(check, ask, waits.append, once)), waits


def states(pattern: str, check: TargetGroupCheck = CHECK) -> str:
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


def test_an_unstable_target_is_checked_longer_and_stays_healthy() -> None:
    rounds, waits = play("+-" * 20)
    assert len(rounds) == 15 and rounds[-1].state == "healthy"
    assert waits == [30] * 14
    assert [one.at for one in rounds[:3]] == [0, 30, 60]
    assert (
        describe_failures(rounds, CHECK)
        == "7 of 15 checks failed; the target stays healthy with fewer than 3 consecutive failures"
    )
    assert describe_failures(play("++")[0], CHECK) == ""


def test_once() -> None:
    rounds, waits = play("-", once=True)
    assert len(rounds) == 1 and not rounds[0].passed and waits == []


@given(some.text("+-", min_size=1, max_size=40), some.integers(2, 10), some.integers(2, 10))
def test_a_check_always_ends_with_the_state_of_its_last_attempts(pattern: str, healthy: int, unhealthy: int) -> None:
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
        (HttpAnswer(200, 0.0123), "200 in 12 ms"),
        (HttpAnswer(404, 0.001), "404 in 1 ms, not in 200,204-206"),
        (HttpAnswer(301, 0.001, location="/x"), "a redirect to /x, which is not followed, not in"),
        (HttpAnswer(0, 5, "timeout"), "no answer within 5 s"),
        (HttpAnswer(0, 0, "refused"), "connection refused"),
        (HttpAnswer(0, 0, "closed"), "closed without an answer"),
        (HttpAnswer(0, 0, "unreachable", "Name or service not known"), "no connection: Name or service not known"),
        (HttpAnswer(0, 0, "garbled", "SSH-2.0"), "the answer is not HTTP: SSH-2.0"),
    ],
)
def test_description_of_an_answer(answer: HttpAnswer, words: str) -> None:
    assert words in describe_answer(answer, CHECK)


def inside(pattern: str, inner: ContainerCheckSettings = INNER, once: bool = False) -> list[HealthCheckAttempt]:
    marks = iter(pattern)
    return list(check_container(inner, lambda: (next(marks) == "+", "exit code 0"), lambda seconds: None, once))


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
    assert describe_stop(90, UnhealthyTaskRules(60, True, 2)) == (
        "ECS would stop the task about 90 s after its start;"
        " after 3 failed tasks the circuit breaker ends the deployment"
    )
    spared = describe_stop(90, UnhealthyTaskRules(300, True, 10))
    assert "about 300 s" in spared and "grace period of 300 s" in spared and "after 5 failed tasks" in spared
    assert "the circuit breaker is disabled" in describe_stop(90, UnhealthyTaskRules(60, False, 2))
    assert [breaker_threshold(count) for count in (0, 1, 6, 7, 100, 5000)] == [3, 3, 3, 4, 50, 200]

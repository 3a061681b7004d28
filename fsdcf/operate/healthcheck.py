"""A load balancer's and a container's health check, played against something that runs: rounds, thresholds, and what ECS would do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fsdcf.operate.probe import Answer

State = Literal["initial", "healthy", "unhealthy"]


@dataclass(frozen=True)
class Check:
    """A target group's health check. Times are seconds; ``codes`` as the target group takes them: ``200``, ``200,204`` or ``200-299``."""

    path: str
    interval: float
    timeout: float
    healthy: int
    unhealthy: int
    codes: str


@dataclass(frozen=True)
class Inner:
    """A container's own check, in seconds and failures in a row. ``command`` begins with CMD or CMD-SHELL, as ECS takes it."""

    command: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start: float = 0.0


@dataclass(frozen=True)
class Rules:
    """What the service makes of an unhealthy task: its grace period in seconds, the breaker, how many tasks it runs."""

    grace: float
    breaker: bool
    tasks: int


@dataclass(frozen=True)
class Round:
    """One check: its number from 1, when AWS would make it (seconds since the first), whether it passed, and the state after it."""

    number: int
    at: float
    passed: bool
    state: State
    text: str


def matches(codes: str, code: int) -> bool:
    """Whether a code is one of those that count as healthy."""
    for part in codes.split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= code <= int(last or first):
            return True
    return False


def told(answer: Answer, check: Check) -> str:
    """What came of a request, for a reader: ``200 in 12 ms``, ``no answer within 5 s``."""
    if answer.fault == "timeout":
        return f"no answer within {check.timeout:g} s"
    if answer.fault == "refused":
        return "connection refused: nothing listens there"
    if answer.fault == "closed":
        return "the connection was closed without an answer"
    if answer.fault == "unreachable":
        return f"no connection: {answer.detail}"
    if answer.fault == "garbled":
        return f"what came is no answer of HTTP's: {answer.detail}"
    leads = (
        f", a redirect to {answer.location}, which is not followed"
        if answer.location and 300 <= answer.code < 400
        else ""
    )
    wrong = "" if matches(check.codes, answer.code) else f", not one of {check.codes}"
    return f"{answer.code} in {answer.seconds * 1000:.0f} ms{leads}{wrong}"


def balanced(
    check: Check, ask: Callable[[], Answer], rest: Callable[[float], None], once: bool = False
) -> Iterator[Round]:
    """The load balancer's rounds until it is clear how it sees the target. ``rest`` waits from one round to the next.

    A new target is healthy after one success, a healthy one unhealthy after so many failures in a row, and an unhealthy one healthy
    after so many successes in a row. It is clear when the threshold of successes, or of failures, is reached in a row; what
    wavers is watched for three times as long as both thresholds.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    state: State = "initial"
    passed = failed = 0
    for number in range(1, 2 if once else 3 * (check.healthy + check.unhealthy) + 1):
        if number > 1:
            rest(check.interval)
        answer = ask()
        good = not answer.fault and matches(check.codes, answer.code)
        passed, failed = (passed + 1, 0) if good else (0, failed + 1)
        if failed >= check.unhealthy:
            state = "unhealthy"
        elif good and (state == "initial" or passed >= check.healthy):
            state = "healthy"
        yield Round(number, (number - 1) * check.interval, good, state, told(answer, check))
        if state == "unhealthy" or passed >= check.healthy:
            return


def wavering(rounds: Sequence[Round], check: Check) -> str:
    """What is to be said of a target that is healthy although checks failed; empty where none did."""
    failed = sum(not one.passed for one in rounds)
    if not failed:
        return ""
    return (
        f"{failed} of {len(rounds)} checks failed; it stays healthy as long as fewer than {check.unhealthy} in a row do"
    )


def contained(
    inner: Inner, run: Callable[[], tuple[bool, str]], rest: Callable[[float], None], once: bool = False
) -> Iterator[Round]:
    """The container's own rounds: one success makes it healthy, so many failures in a row unhealthy.

    Docker makes the first check one interval after the start. Failures of the start period do not count.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    """
    failed = 0
    spared = math.floor(inner.start / inner.interval)
    for number in range(1, 2 if once else spared + inner.retries + 1):
        if number > 1:
            rest(inner.interval)
        good, text = run()
        if not good and number > spared:
            failed += 1
        state: State = "healthy" if good else "unhealthy" if failed >= inner.retries else "initial"
        yield Round(number, number * inner.interval, good, state, text)
        if good:
            return


def stops_at(seconds: float, rules: Rules) -> str:
    """When ECS would stop a task whose check has failed for good, ``seconds`` after its start; what that makes of a deployment."""
    when = max(seconds, rules.grace)
    grace = f"; failures within the grace period of {rules.grace:g} s do not count" if rules.grace > seconds else ""
    sentence = f"ECS would stop such a task about {when:g} s after its start{grace}"
    if not rules.breaker:
        return f"{sentence}, start another one, and go on like that: the circuit breaker is off"
    return f"{sentence}; after {breaks(rules.tasks)} of them the circuit breaker ends the deployment"


def breaks(tasks: int) -> int:
    """How many failed tasks trip the circuit breaker: half of the desired count, at least 3, at most 200.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    return min(200, max(3, math.ceil(tasks / 2)))


def balancer_fails_after(check: Check) -> float:
    """Seconds until a target that never passes is unhealthy."""
    return check.unhealthy * check.interval


def container_fails_after(inner: Inner) -> float:
    """Seconds from the start until a container that never passes is unhealthy."""
    return inner.start + inner.retries * inner.interval

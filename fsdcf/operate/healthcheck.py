"""A load balancer's and a container's health check, played against something that runs: rounds, thresholds, and what ECS would do."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

AGENT = "ELB-HealthChecker/2.0"
_LONGEST_HEAD = 65_536

Fault = Literal["", "refused", "timeout", "closed", "unreachable", "garbled"]


@dataclass(frozen=True)
class Answer:
    """What came of a request: the status code, or 0 and the fault. ``seconds`` is how long it took, ``location`` where a redirect leads."""

    code: int
    seconds: float
    fault: Fault = ""
    detail: str = ""
    location: str = ""


def request(host: str, port: int, path: str, timeout: float, clock: Callable[[], float]) -> Answer:
    """Ask as a load balancer does. ``timeout`` is in seconds and counts for all of it: to connect, to send, and to get the head.

    The body is not waited for: AWS says of the timeout that within it there must be a response, and not how much of one.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    begun = clock()
    try:
        head = _head(host, port, path, begun + timeout, clock)
    except TimeoutError:
        return Answer(0, clock() - begun, "timeout")
    except ConnectionRefusedError:
        return Answer(0, clock() - begun, "refused")
    except ConnectionError as error:
        return Answer(0, clock() - begun, "closed", _said(error))
    except OSError as error:
        return Answer(0, clock() - begun, "unreachable", _said(error))
    except UnicodeError:
        return Answer(0, clock() - begun, "unreachable", f"{host} cannot be a name")
    code, location = _read(head)
    fault: Fault = "" if code else "garbled" if head else "closed"
    return Answer(code, clock() - begun, fault, "" if code else _first(head), location)


def _head(host: str, port: int, path: str, deadline: float, clock: Callable[[], float]) -> bytes:
    with socket.create_connection((host, port), _left(deadline, clock)) as connection:
        named = f"[{host}]" if ":" in host else host
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {named}:{port}",
            "Connection: close",
            f"User-Agent: {AGENT}",
            "Accept-Encoding: gzip, compressed",
        )
        connection.settimeout(_left(deadline, clock))
        connection.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received and b"\n\n" not in received and len(received) < _LONGEST_HEAD:
            connection.settimeout(_left(deadline, clock))
            piece = connection.recv(4096)
            if not piece:
                break
            received += piece
    return received


def _left(deadline: float, clock: Callable[[], float]) -> float:
    """The seconds that are left. TimeoutError if there are none."""
    left = deadline - clock()
    if left <= 0:
        raise TimeoutError
    return left


def _read(head: bytes) -> tuple[int, str]:
    """The status code, 0 if there is none, and the Location."""
    lines = head.decode("latin-1").splitlines()
    words = lines[0].split(None, 2) if lines else []
    if len(words) < 2 or not words[0].startswith("HTTP/") or not (words[1].isdecimal() and len(words[1]) == 3):
        return 0, ""
    pairs = (line.partition(":") for line in lines[1:])
    return int(words[1]), next((value.strip() for name, _, value in pairs if name.lower() == "location"), "")


def _first(head: bytes) -> str:
    return head.decode("latin-1").split("\n")[0].strip()[:80]


def _said(error: OSError) -> str:
    return error.strerror or str(error)


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


_TAIL = 200
"""Bytes of the output that are told."""


def checked(arguments: Sequence[str], timeout: float) -> tuple[bool, str]:
    """Whether the program ended with 0 within so many seconds, and what is to be said of it. It is killed at the timeout, with its children."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            return False, f"{arguments[0]} is not there: the image must have it too"
        except OSError as error:
            return False, f"{arguments[0]} cannot be run: {error.strerror or error}"
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            return False, f"no end within {timeout:g} s"
        except BaseException:
            _kill(process)
            raise
        output.seek(0, os.SEEK_END)
        output.seek(max(0, output.tell() - _TAIL))
        last = output.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    if code == 0:
        return True, "exit code 0"
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    return False, ": ".join([ended, *last])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and what it has started."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()

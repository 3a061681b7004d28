"""Simulate the health checks of a load balancer and a container: attempts, thresholds, and what ECS would do."""

from __future__ import annotations

import math
import os
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Literal

AGENT = "ELB-HealthChecker/2.0"
_LONGEST_HEAD = 65_536

Fault = Literal["", "refused", "timeout", "closed", "unreachable", "garbled"]


@dataclass(frozen=True)
class HttpAnswer:
    """The answer to a request: its status code, or 0 and the fault. ``location`` is the target of a redirect."""

    code: int
    seconds: float
    fault: Fault = ""
    detail: str = ""
    location: str = ""


def send_request(
    host: str, port: int, path: str, timeout: float, clock: Callable[[], float], secure: bool = False
) -> HttpAnswer:
    """Send the request of a load balancer, by HTTPS if it is ``secure``. ``timeout`` is in seconds for the connection,
    the request and the headers.

    A load balancer does not check the certificate of a target. The body is not read: AWS documents only that a response
    must arrive within the timeout.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    start = clock()
    code, detail, location = 0, "", ""
    fault: Fault = "closed"
    try:
        head = _head(host, port, path, start + timeout, clock, secure)
        code, location = _parse(head)
        if code:
            fault = ""
        elif head:
            fault, detail = "garbled", head.decode("latin-1").split("\n")[0].strip()[:80]
    except TimeoutError:
        fault = "timeout"
    except ConnectionRefusedError:
        fault = "refused"
    except ConnectionError as error:
        detail = error.strerror or str(error)
    except ssl.SSLError as error:
        fault, detail = "garbled", f"no TLS: {error.reason or error}"
    except OSError as error:
        fault, detail = "unreachable", error.strerror or str(error)
    except UnicodeError:
        fault, detail = "unreachable", f"{host} is not a valid name"
    return HttpAnswer(code, clock() - start, fault, detail, location)


def _head(host: str, port: int, path: str, deadline: float, clock: Callable[[], float], secure: bool) -> bytes:
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection((host, port), _left(deadline, clock)))
        if secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = stack.enter_context(context.wrap_socket(connection, server_hostname=host))
        name = f"[{host}]" if ":" in host else host
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {name}:{port}",
            "Connection: close",
            f"User-Agent: {AGENT}",
            "Accept-Encoding: gzip, compressed",
        )
        connection.settimeout(_left(deadline, clock))
        connection.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received and b"\n\n" not in received and len(received) < _LONGEST_HEAD:
            connection.settimeout(_left(deadline, clock))
            chunk = connection.recv(4096)
            if not chunk:
                break
            received += chunk
    return received


def _left(deadline: float, clock: Callable[[], float]) -> float:
    """The seconds until the deadline. TimeoutError after it."""
    left = deadline - clock()
    if left <= 0:
        raise TimeoutError
    return left


def _parse(head: bytes) -> tuple[int, str]:
    """The status code, 0 for an invalid response, and the Location header."""
    lines = head.decode("latin-1").splitlines()
    words = lines[0].split(None, 2) if lines else []
    if len(words) < 2 or not words[0].startswith("HTTP/") or not (words[1].isdecimal() and len(words[1]) == 3):
        return 0, ""
    pairs = (line.partition(":") for line in lines[1:])
    return int(words[1]), next((value.strip() for name, _, value in pairs if name.lower() == "location"), "")


State = Literal["initial", "healthy", "unhealthy"]


@dataclass(frozen=True)
class TargetGroupCheck:
    """The health check of a target group. Times are in seconds; ``codes`` such as ``200,204`` or ``200-299``."""

    path: str
    interval: float
    timeout: float
    healthy: int
    unhealthy: int
    codes: str

    @property
    def failure_time(self) -> float:
        """Seconds until a target that never passes is unhealthy."""
        return self.unhealthy * self.interval


@dataclass(frozen=True)
class ContainerCheckSettings:
    """The health check of a container, in seconds and failures in a row. ``command`` begins with CMD or CMD-SHELL."""

    command: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start: float = 0.0

    @property
    def failure_time(self) -> float:
        """Seconds from the start until a container that never passes is unhealthy."""
        return self.start + self.retries * self.interval


@dataclass(frozen=True)
class UnhealthyTaskRules:
    """How the service treats an unhealthy task: grace period in seconds, circuit breaker, number of tasks."""

    grace: float
    breaker: bool
    tasks: int


@dataclass(frozen=True)
class HealthCheckAttempt:
    """An attempt: its number from 1, the seconds since the first one on AWS, the result, and the state after it."""

    number: int
    at: float
    passed: bool
    state: State
    text: str


def matches(codes: str, code: int) -> bool:
    """Whether a status code counts as healthy."""
    ranges = (part.strip().partition("-") for part in codes.split(","))
    return any(int(first) <= code <= int(last or first) for first, _, last in ranges)


_FAULTS: Mapping[Fault, str] = {
    "timeout": "no answer within {timeout:g} s",
    "refused": "connection refused: nothing listens on this port",
    "closed": "the connection was closed without an answer",
    "unreachable": "no connection: {detail}",
    "garbled": "the answer is not HTTP: {detail}",
}


def describe_answer(answer: HttpAnswer, check: TargetGroupCheck) -> str:
    """Describe the answer to a request: ``200 in 12 ms``, ``no answer within 5 s``."""
    if answer.fault:
        return _FAULTS[answer.fault].format(timeout=check.timeout, detail=answer.detail)
    redirect = ""
    if answer.location and 300 <= answer.code < 400:
        redirect = f", a redirect to {answer.location}, which is not followed"
    wrong = "" if matches(check.codes, answer.code) else f", not in {check.codes}"
    return f"{answer.code} in {answer.seconds * 1000:.0f} ms{redirect}{wrong}"


def check_target(
    check: TargetGroupCheck, ask: Callable[[], HttpAnswer], rest: Callable[[float], None], once: bool = False
) -> Iterator[HealthCheckAttempt]:
    """Check a target like a load balancer until its state is certain. ``rest`` waits between two attempts.

    A new target is healthy after one success. The state changes after as many consecutive failures or successes as the
    threshold. It is certain when a threshold is reached; an unstable target is checked three times as often as both
    thresholds together.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    state: State = "initial"
    passed = failed = 0
    for number in range(1, 2 if once else 3 * (check.healthy + check.unhealthy) + 1):
        if number > 1:
            rest(check.interval)
        answer = ask()
        success = not answer.fault and matches(check.codes, answer.code)
        passed, failed = (passed + 1, 0) if success else (0, failed + 1)
        if failed >= check.unhealthy:
            state = "unhealthy"
        elif success and (state == "initial" or passed >= check.healthy):
            state = "healthy"
        text = describe_answer(answer, check)
        yield HealthCheckAttempt(number, (number - 1) * check.interval, success, state, text)
        if state == "unhealthy" or passed >= check.healthy:
            return


def describe_failures(attempts: Sequence[HealthCheckAttempt], check: TargetGroupCheck) -> str:
    """Describe the failed attempts of a healthy target; empty without any."""
    failed = sum(not attempt.passed for attempt in attempts)
    if not failed:
        return ""
    return (
        f"{failed} of {len(attempts)} checks failed; the target stays healthy with fewer than {check.unhealthy}"
        " consecutive failures"
    )


def check_container(
    check: ContainerCheckSettings,
    run: Callable[[], tuple[bool, str]],
    rest: Callable[[float], None],
    once: bool = False,
) -> Iterator[HealthCheckAttempt]:
    """Check a container: it is healthy after one success, and unhealthy after ``retries`` consecutive failures.

    Docker starts the first attempt one interval after the start. Failures in the start period do not count.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    """
    failed = 0
    ignored = math.floor(check.start / check.interval)
    for number in range(1, 2 if once else ignored + check.retries + 1):
        if number > 1:
            rest(check.interval)
        success, text = run()
        failed += not success and number > ignored
        state: State = "healthy" if success else "unhealthy" if failed >= check.retries else "initial"
        yield HealthCheckAttempt(number, number * check.interval, success, state, text)
        if success:
            return


def describe_stop(seconds: float, rules: UnhealthyTaskRules) -> str:
    """Describe when ECS stops a task that is unhealthy ``seconds`` after its start, and the effect on a deployment."""
    when = max(seconds, rules.grace)
    grace = f"; failures within the grace period of {rules.grace:g} s do not count" if rules.grace > seconds else ""
    sentence = f"ECS would stop the task about {when:g} s after its start{grace}"
    if not rules.breaker:
        return f"{sentence}and start another one, again and again, because the circuit breaker is disabled"
    return f"{sentence}; after {breaker_threshold(rules.tasks)} failed tasks the circuit breaker ends the deployment"


def breaker_threshold(tasks: int) -> int:
    """The number of failed tasks that trips the circuit breaker: half of the desired count, from 3 to 200.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    return min(200, max(3, math.ceil(tasks / 2)))


_TAIL = 200
"""Bytes of the output that are shown."""


def run_check(arguments: Sequence[str], timeout: float) -> tuple[bool, str]:
    """Run a program: whether it exits with 0 within the timeout in seconds, and a description.

    It is killed at the timeout together with its children.
    """
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
            return False, f"{arguments[0]} does not exist: the image must contain it too"
        except OSError as error:
            return False, f"{arguments[0]} cannot be started: {error.strerror or error}"
        try:
            code = process.wait(timeout)
        except BaseException as error:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                return False, f"not finished within {timeout:g} s"
            raise
        output.seek(0, os.SEEK_END)
        output.seek(max(0, output.tell() - _TAIL))
        last = output.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    if code == 0:
        return True, "exit code 0"
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    return False, ": ".join([ended, *last])

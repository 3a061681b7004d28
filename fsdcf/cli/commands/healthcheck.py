"""``fsdcf healthcheck``: whether a local service would pass its health checks on AWS, and what ECS would do if not."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fsdcf.cli.compiled import compile_or_refuse
from fsdcf.cli.lookup import line_at
from fsdcf.cli.options import SpecInputs, json_option, spec_inputs
from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import LineWriter
from fsdcf.cli.runtime import end
from fsdcf.compiler.parts.service import desired
from fsdcf.compiler.parts.task_definition import check_command
from fsdcf.deploy.model import Evidence, Exit, Outcome, Place
from fsdcf.masking import mask_value
from fsdcf.suggested import suggested
from fsdcf.wording import counted, visible

if TYPE_CHECKING:
    from fsdcf.language.model.service import Service, Spec
    from fsdcf.operate.healthcheck import (
        ContainerCheckSettings,
        HealthCheckAttempt,
        TargetGroupCheck,
        UnhealthyTaskRules,
    )

Words = tuple[str, ...] | None
"""A program and its arguments, if they were given."""

FAST = 1.0
"""Seconds between two checks with ``--fast``."""

_EXAMPLE = '["curl", "-f", "http://127.0.0.1:8000/health"]'


@dataclass(frozen=True)
class Address:
    """The address of a service. ``host`` is a name or an IP address, without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def base(self) -> str:
        """The start of its URLs: ``http://127.0.0.1:8000``."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def _address(context: click.Context, parameter: click.Parameter, text: str | None) -> Address | None:
    """An option's callback: the address in a URL. None stays None."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    known = {"http": 80, "https": 443}
    if (
        parts.scheme not in known
        or not host
        or port == 0
        or not host.isascii()
        or not host.isprintable()
        or " " in host
    ):
        raise click.BadParameter(f"{text!r} is not a valid service URL: use one such as http://127.0.0.1:8000")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise click.BadParameter(
            "the URL must end with the port: the path is that of the spec (service.healthCheck.path)"
        )
    return Address(parts.scheme, host, known[parts.scheme] if port is None else port)


def _arguments(context: click.Context, parameter: click.Parameter, text: str | None) -> Words:
    """An option's callback: a JSON list of strings. None stays None."""
    if text is None:
        return None
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    valid = isinstance(words, list) and all(isinstance(one, str) and one and "\0" not in one for one in words)
    if not valid or not words:
        raise click.BadParameter(f"expected a program and its arguments as a JSON list: '{_EXAMPLE}'")
    return tuple(words)


class HealthCheckPrinter:
    """Prints each check and its rounds."""

    def __init__(self, as_json: bool) -> None:
        self._json = JsonLines(sys.stdout) if as_json else None
        self._stream = LineWriter(sys.stderr if as_json else sys.stdout)

    def _print(self, record: dict[str, Any], line: str) -> None:
        if self._json:
            self._json.write(record)
        self._stream.lines([line])

    def head(self, of: str, text: str) -> None:
        """Print the settings of a check."""
        line = f"{self._stream.paint(of.ljust(14), 'strong')} {visible(text)}"
        self._print({"event": "checks", "of": of, "text": text}, line)

    def note(self, text: str) -> None:
        """Print a warning."""
        self._print({"event": "warned", "text": text}, f"  {self._stream.paint('!', 'warn')} {visible(text)}")

    def rounds(self, of: str, rounds: Iterator[HealthCheckAttempt]) -> list[HealthCheckAttempt]:
        """Print rounds as they are made, and return them."""
        made, paint = [], self._stream.paint
        for one in rounds:
            record = {"event": "check", "of": of, **asdict(one)}
            word = paint("passed", "good") if one.passed else paint("failed", "bad")
            state = paint(one.state.ljust(9), {"healthy": "good", "unhealthy": "bad"}.get(one.state, "soft"))
            at = paint(format_duration(one.at).rjust(7), "soft")
            self._print(record, f"  {one.number:>2}  {at}  {word}  {state}  {visible(one.text)}")
            made.append(one)
        return made


@dataclass(frozen=True)
class _CheckRun:
    """How the checks are made: ``place`` finds the line of a spec path, ``rest`` waits between two checks."""

    rules: UnhealthyTaskRules
    place: Callable[[str], Place | None]
    rest: Callable[[float], None]
    once: bool
    printer: HealthCheckPrinter

    def failed(self, rounds: list[HealthCheckAttempt]) -> bool:
        """Whether the last state, or with ``once`` the only check, is not healthy."""
        return not rounds[-1].passed if self.once else rounds[-1].state != "healthy"

    def failure(
        self,
        what: str,
        of: str,
        rounds: list[HealthCheckAttempt],
        threshold: str,
        key: str,
        seconds: float,
        command: str,
    ) -> Outcome:
        """The outcome of a failed check: the threshold that it exceeds, when ECS stops the task, a command to try."""
        from fsdcf.operate.healthcheck import describe_stop

        prefix, count = "service.healthCheck.", "the only check failed"
        if not self.once:
            last = next((number for number, one in enumerate(reversed(rounds)) if one.passed), len(rounds))
            count = f"{counted(last, 'check')} in a row failed ({prefix}{threshold})"
        evidence = (
            Evidence(of, count, self.place(prefix + key)),
            Evidence("on AWS", describe_stop(seconds, self.rules), self.place(prefix + "gracePeriod")),
        )
        return Outcome(Exit.FAILED, f"{what}: {rounds[-1].text}", evidence, (command,))


@click.command()
@spec_inputs()
@click.option(
    "--url", callback=_address, metavar="URL", help="URL of the running service, such as http://127.0.0.1:8000."
)
@click.option("--once", is_flag=True, help="Make a single check, and ignore the thresholds.")
@click.option(
    "--fast", is_flag=True, help="Wait one second between checks instead of the interval; timeouts stay the same."
)
@click.option(
    *("--container-command", "arguments"),
    callback=_arguments,
    metavar="JSON",
    help=f"Command to run on this machine as the container's check, as a JSON list: '{_EXAMPLE}'.",
)
@json_option
def healthcheck_command(
    inputs: SpecInputs, url: Address | None, once: bool, fast: bool, arguments: Words, as_json: bool
) -> None:
    """Check a running service as the load balancer and ECS would.

    The path, codes, timeouts and thresholds are those of the spec.

    The exit code is 0 if the service would be healthy, and 1 if not. The command then shows the reason, and when ECS
    would stop the task.
    """
    compiled = compile_or_refuse(inputs, as_json, "nothing checked")
    spec = compiled.service()
    check, inner, rules = _of_spec(spec)

    def rest(seconds: float) -> None:
        time.sleep(min(seconds, FAST) if fast else seconds)

    run = _CheckRun(rules, partial(line_at, compiled.result), rest, once, HealthCheckPrinter(as_json))
    try:
        outcome = _outcome(spec, check, inner, run, url, arguments)
    except KeyboardInterrupt:
        outcome = Outcome(Exit.INTERRUPTED, "the result is not known yet")
    end(outcome, as_json)


def _outcome(
    spec: Spec,
    check: TargetGroupCheck | None,
    inner: ContainerCheckSettings | None,
    run: _CheckRun,
    url: Address | None,
    arguments: Words,
) -> Outcome:
    name = spec.metadata.name
    if check is None and inner is None:
        sentence = f"{name} has no health check: neither a load balancer nor a container check"
        return Outcome(Exit.USAGE, sentence, next=(suggested("explain", "service.healthCheck"),))
    if check is not None and url is None:
        raise click.UsageError("the URL of the running service is missing: --url http://127.0.0.1:8000")
    if arguments is not None and inner is None:
        raise click.UsageError(
            "--container-command needs a container check in the spec (service.healthCheck.container)"
        )
    failures: list[Outcome] = []
    if check is not None and url is not None:
        if (refusal := _not_sent(spec, url)) is not None:
            return refusal
        failures += _check_balancer(check, url, spec.service, run)
    if inner is not None:
        failures += _check_container(inner, arguments, run)
    if failures:
        sentence = f"{name} would fail: " + "; ".join(failure.sentence for failure in failures)
        evidence = tuple(fact for failure in failures for fact in failure.evidence)
        return Outcome(Exit.FAILED, sentence, evidence, tuple(next for failure in failures for next in failure.next))
    skipped = inner is not None and arguments is None
    if skipped and check is None:
        return Outcome(
            Exit.USAGE, f"nothing checked: {name} has only a container check, which needs --container-command to run"
        )
    rest = " to the load balancer; the container's check was not run" if skipped else ""
    return Outcome(Exit.DONE, f"{name} would be healthy{rest}")


def _not_sent(spec: Spec, url: Address) -> Outcome | None:
    """The outcome for a check that this command cannot send. Raises UsageError for a URL of another protocol."""
    balancer = spec.service.networking.balancer
    if balancer.protocol_version == "grpc":
        sentence = (
            f"nothing checked: the load balancer calls {spec.service.health_path} by gRPC, which needs a gRPC client"
        )
        return Outcome(
            Exit.USAGE, sentence, next=(f"grpcurl {url.host}:{url.port} {spec.service.health_path.strip('/')}",)
        )
    protocol = spec.service.health_check.protocol or balancer.protocol
    if url.scheme != protocol:
        words = "plain HTTP" if protocol == "http" else "HTTPS"
        raise click.BadParameter(f"the load balancer sends {words} to the tasks: use {protocol}://", param_hint="--url")
    return None


def _check_balancer(check: TargetGroupCheck, url: Address, service: Service, run: _CheckRun) -> Iterator[Outcome]:
    """Make and print the load balancer's rounds; yield the failure if there is one."""
    from fsdcf.operate.healthcheck import check_target, describe_failures, send_request

    printer = run.printer
    printer.head(
        "load balancer",
        f"GET {url.base}{check.path} every {check.interval:g} s, timeout {check.timeout:g} s, codes {check.codes},"
        f" healthy after {check.healthy}, unhealthy after {check.unhealthy}",
    )
    if url.port != service.checked_port:
        key = service.entry_path if service.health_check.port is None else "service.healthCheck.port"
        printer.note(f"--url has port {url.port}; on AWS the load balancer uses port {service.checked_port} ({key})")
    ask = partial(send_request, url.host, url.port, check.path, check.timeout, time.monotonic, url.scheme == "https")
    rounds = printer.rounds("load balancer", check_target(check, ask, run.rest, run.once))
    if run.failed(rounds):
        what, next = f"the load balancer's check of {check.path}", f"curl -i {shlex.quote(url.base + check.path)}"
        yield run.failure(what, "load balancer", rounds, "unhealthyThreshold", "path", check.failure_time, next)
    elif remark := describe_failures(rounds, check):
        printer.note(remark)


def _check_container(inner: ContainerCheckSettings, arguments: Words, run: _CheckRun) -> Iterator[Outcome]:
    """Make and print the container's rounds with the given command; without one, print the check alone."""
    from fsdcf.operate.healthcheck import check_container, run_check

    start = f", {inner.start:g} s to start" if inner.start else ""
    run.printer.head(
        "container",
        f"{mask_value(' '.join(inner.command))} every {inner.interval:g} s, timeout {inner.timeout:g} s{start},"
        f" unhealthy after {inner.retries}",
    )
    if arguments is None:
        kind, *words = inner.command
        local = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
        run.printer.note(
            "not run, because it belongs inside the container; to run it on this machine: "
            f"--container-command {shlex.quote(json.dumps(local))}"
        )
        return
    rounds = run.printer.rounds(
        "container", check_container(inner, lambda: run_check(arguments, inner.timeout), run.rest, run.once)
    )
    if run.failed(rounds):
        what, next = "the container's check failed", str(mask_value(shlex.join(arguments)))
        yield run.failure(what, "container", rounds, "container.retries", "container", inner.failure_time, next)


def _of_spec(spec: Spec) -> tuple[TargetGroupCheck | None, ContainerCheckSettings | None, UnhealthyTaskRules]:
    """The checks of a spec, and the rules for a task that fails them."""
    from fsdcf.operate.healthcheck import ContainerCheckSettings, TargetGroupCheck, UnhealthyTaskRules

    service, written = spec.service, spec.service.health_check
    check = inner = None
    if service.load_balancer is not None:
        thresholds = written.healthy_threshold, written.unhealthy_threshold
        check = TargetGroupCheck(
            service.health_path, written.interval, written.timeout, *thresholds, str(written.success_codes)
        )
    if container := written.container:
        times = container.interval, container.timeout, container.retries, container.start_period or 0
        inner = ContainerCheckSettings(tuple(check_command(container)), *times)
    tasks = service.auto_scaling.min_count if service.auto_scaling else desired(service.resources)
    return (
        check,
        inner,
        UnhealthyTaskRules(service.grace_period or 0, service.deployment.circuit_breaker.enabled, tasks),
    )

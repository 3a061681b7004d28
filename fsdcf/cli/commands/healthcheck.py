"""``fsdcf healthcheck``: whether a service that runs here would pass its health checks on AWS, and what would happen if not."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fsdcf.cli.options import compile_options, requests
from fsdcf.cli.render.durations import spoken
from fsdcf.cli.render.findings import show, summary
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import Stream
from fsdcf.cli.render.values import visible
from fsdcf.cli.runtime import Told, json_option, refuse, sinks, validating
from fsdcf.deploy.model import Evidence, Exit, Outcome, Place, RunEnded
from fsdcf.diagnostics import LINE_BREAK, Severity
from fsdcf.masking import mask_value

if TYPE_CHECKING:
    from fsdcf.language.model.service import Spec
    from fsdcf.operate.healthcheck import (
        ContainerCheckSettings,
        HealthCheckAttempt,
        TargetGroupCheck,
        UnhealthyTaskRules,
    )
    from fsdcf.pipeline import Result


@dataclass(frozen=True)
class Address:
    """Where a service listens. ``host`` is a name or an address, without brackets."""

    host: str
    port: int

    @property
    def base(self) -> str:
        """The beginning of its URLs: ``http://127.0.0.1:8000``."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def address(context: click.Context, parameter: click.Parameter, text: str | None) -> Address | None:
    """An option's callback: an address out of a URL, or a usage error. None stays None."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme == "https":
        raise click.BadParameter("the load balancer speaks plain HTTP to the tasks: write http://")
    if parts.scheme != "http" or not host or port == 0 or not host.isascii() or not host.isprintable() or " " in host:
        raise click.BadParameter(f"{text!r} is not where a service can run: write http://127.0.0.1:8000")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise click.BadParameter("it ends with the port: the path is the spec's (service.healthCheck.path)")
    return Address(host, 80 if port is None else port)


class View:
    """Shows what is checked and each round. ``skipped``: a check was told of and not made."""

    def __init__(self, as_json: bool) -> None:
        self.skipped = False
        self._json = JsonLines(sys.stdout) if as_json else None
        self._stream = Stream(sys.stderr if as_json else sys.stdout)

    def head(self, of: str, text: str) -> None:
        """What is checked, and how."""
        if self._json:
            self._json.write({"event": "checks", "of": of, "text": text})
        paint = self._stream.paint
        self._stream.lines([f"{paint(of.ljust(14), 'strong')} {visible(text)}"])

    def note(self, text: str) -> None:
        """Something that the reader should know."""
        if self._json:
            self._json.write({"event": "warned", "text": text})
        paint = self._stream.paint
        self._stream.lines([f"  {paint('!', 'warn')} {visible(text)}"])

    def round(self, of: str, one: HealthCheckAttempt) -> None:
        """One check."""
        if self._json:
            record = {"event": "check", "of": of, "number": one.number, "at": one.at, "passed": one.passed}
            self._json.write({**record, "state": one.state, "text": one.text})
        paint = self._stream.paint
        word = paint("passed", "good") if one.passed else paint("failed", "bad")
        state = paint(one.state.ljust(9), {"healthy": "good", "unhealthy": "bad"}.get(one.state, "soft"))
        self._stream.lines(
            [f"  {one.number:>2}  {paint(spoken(one.at).rjust(7), 'soft')}  {word}  {state}  {visible(one.text)}"]
        )


def balancer_line(check: TargetGroupCheck, url: Address) -> str:
    """``GET http://127.0.0.1:8000/health every 30 s, timeout 5 s, codes 200, healthy after 2, unhealthy after 3``."""
    return (
        f"GET {url.base}{check.path} every {check.interval:g} s, timeout {check.timeout:g} s, codes {check.codes},"
        f" healthy after {check.healthy}, unhealthy after {check.unhealthy}"
    )


def container_line(inner: ContainerCheckSettings) -> str:
    """``CMD-SHELL curl -f http://localhost:8000/health every 30 s, timeout 5 s, unhealthy after 3``."""
    start = f", {inner.start:g} s to start" if inner.start else ""
    shown = str(mask_value(" ".join(inner.command)))
    return f"{shown} every {inner.interval:g} s, timeout {inner.timeout:g} s{start}, unhealthy after {inner.retries}"


FAST = 1.0
"""Seconds from one check to the next with ``--fast``."""


@dataclass(frozen=True)
class _Failure:
    """A check that fails: the reason, the facts behind it, and what to try."""

    text: str
    evidence: tuple[Evidence, ...]
    next: tuple[str, ...] = ()


def _arguments(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """An option's callback: a JSON list of texts."""
    if text is None:
        return None
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if (
        not isinstance(words, list)
        or not words
        or not all(isinstance(one, str) and one and "\0" not in one for one in words)
    ):
        raise click.BadParameter(
            """write a program and its arguments as a JSON list: '["curl", "-f", "http://127.0.0.1:8000/health"]'"""
        )
    return tuple(words)


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), metavar="SPEC")
@compile_options
@click.option("--url", callback=address, metavar="URL", help="Where the service runs: http://127.0.0.1:8000.")
@click.option("--once", is_flag=True, help="Check once, and go by that.")
@click.option("--fast", is_flag=True, help="Wait a second from one check to the next, not the interval. Timeouts stay.")
@click.option(
    "--container-command",
    "arguments",
    callback=_arguments,
    metavar="JSON",
    help="""Also run this as the container's check, on this machine: '["curl", "-f", "http://127.0.0.1:8000/health"]'.""",
)
@json_option
def command(
    spec: Path,
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    url: Address | None,
    once: bool,
    fast: bool,
    arguments: tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Check a service that runs as the load balancer and ECS would: path, codes, timeouts, and the thresholds over the interval.

    Exit 0: it would be healthy. Exit 1: it would fail, with the reason, and when ECS would stop the task.
    """
    from fsdcf.pipeline import run

    (request,) = requests((spec,), environment, overrides, variables)
    result = run(request)
    show([one for one in result.diagnostics if one.severity is Severity.ERROR], result.sources)
    if result.spec is None:
        refuse(f"{spec}: {summary(result.diagnostics)}; nothing was checked", validating(request, environment), as_json)
        return
    told = Told(sinks("", as_json), ())
    try:
        outcome = _checked(result.spec, partial(_place, result), url, once, fast, arguments, View(as_json))
    except KeyboardInterrupt:
        outcome = Outcome(Exit.INTERRUPTED, "it was not clear yet")
    told(RunEnded(outcome))
    click.get_current_context().exit(int(outcome.exit))


def _checked(
    spec: Spec,
    place: Callable[[str], Place | None],
    url: Address | None,
    once: bool,
    fast: bool,
    arguments: tuple[str, ...] | None,
    view: View,
) -> Outcome:
    check, inner, rules = _of_spec(spec)
    if check is None and inner is None:
        return Outcome(
            Exit.USAGE,
            f"{spec.metadata.name} has no health check: neither a port nor a container check",
            next=("fsdcf explain service.healthCheck",),
        )
    if check is not None and url is None:
        raise click.UsageError("say where the service runs: --url http://127.0.0.1:8000")
    if arguments is not None and inner is None:
        raise click.UsageError(
            "the spec has no container check (service.healthCheck.container), so there is none to run"
        )

    def rest(seconds: float) -> None:
        time.sleep(min(seconds, FAST) if fast else seconds)

    failed: list[_Failure] = []
    if check is not None and url is not None:
        failed += _balancer(check, rules, url, spec.service.port, place, rest, once, view)
    if inner is not None:
        failed += _container(inner, rules, arguments, place, rest, once, view)
    return _judged(spec.metadata.name, failed, view, check is not None)


def _balancer(
    check: TargetGroupCheck,
    rules: UnhealthyTaskRules,
    url: Address,
    port: int | None,
    place: Callable[[str], Place | None],
    rest: Callable[[float], None],
    once: bool,
    view: View,
) -> Iterator[_Failure]:
    """The load balancer's rounds, shown; what failed, if it did."""
    from fsdcf.operate.healthcheck import (
        check_target,
        describe_failures,
        describe_stop,
        send_request,
        target_failure_time,
    )

    view.head("load balancer", balancer_line(check, url))
    if port is not None and url.port != port:
        view.note(f"--url has port {url.port}; on AWS the load balancer asks port {port} (service.port)")

    def ask() -> Any:
        return send_request(url.host, url.port, check.path, check.timeout, time.monotonic)

    rounds = _shown("load balancer", check_target(check, ask, rest, once), view)
    if _fine(rounds, once):
        if remark := describe_failures(rounds, check):
            view.note(remark)
        return
    evidence = (
        Evidence("load balancer", _row(rounds, once, "unhealthyThreshold"), place("service.healthCheck.path")),
        Evidence("on AWS", describe_stop(target_failure_time(check), rules), place("service.healthCheck.gracePeriod")),
    )
    text = f"the load balancer asks for {check.path}: {rounds[-1].text}"
    yield _Failure(text, evidence, (f"curl -i {shlex.quote(url.base + check.path)}",))


def _container(
    inner: ContainerCheckSettings,
    rules: UnhealthyTaskRules,
    arguments: tuple[str, ...] | None,
    place: Callable[[str], Place | None],
    rest: Callable[[float], None],
    once: bool,
    view: View,
) -> Iterator[_Failure]:
    """The container's own rounds where a command is given, shown; else what would run."""
    from fsdcf.operate.healthcheck import check_container, container_failure_time, describe_stop, run_check

    view.head("container", container_line(inner))
    if arguments is None:
        view.note(
            f"not run, since it belongs into the container; to run it here: --container-command {shlex.quote(json.dumps(_here(inner)))}"
        )
        view.skipped = True
        return
    rounds = _shown("container", check_container(inner, lambda: run_check(arguments, inner.timeout), rest, once), view)
    if _fine(rounds, once):
        return
    evidence = (
        Evidence("container", _row(rounds, once, "container.retries"), place("service.healthCheck.container")),
        Evidence(
            "on AWS", describe_stop(container_failure_time(inner), rules), place("service.healthCheck.gracePeriod")
        ),
    )
    yield _Failure(
        f"the container's check fails: {rounds[-1].text}", evidence, (str(mask_value(shlex.join(arguments))),)
    )


def _shown(of: str, rounds: Iterator[HealthCheckAttempt], view: View) -> list[HealthCheckAttempt]:
    found = []
    for one in rounds:
        view.round(of, one)
        found.append(one)
    return found


def _fine(rounds: list[HealthCheckAttempt], once: bool) -> bool:
    return rounds[-1].passed if once else rounds[-1].state == "healthy"


def _row(rounds: list[HealthCheckAttempt], once: bool, key: str) -> str:
    """``3 checks in a row failed (service.healthCheck.unhealthyThreshold)``."""
    if once:
        return "one check was made, and failed"
    count = next((number for number, one in enumerate(reversed(rounds)) if one.passed), len(rounds))
    return f"{count} check{'s' if count > 1 else ''} in a row failed (service.healthCheck.{key})"


def _judged(name: str, failed: list[_Failure], view: View, balanced: bool) -> Outcome:
    if failed:
        sentence = f"{name} would fail: " + "; ".join(one.text for one in failed)
        evidence = tuple(fact for one in failed for fact in one.evidence)
        return Outcome(Exit.FAILED, sentence, evidence, tuple(word for one in failed for word in one.next))
    if view.skipped and not balanced:
        return Outcome(
            Exit.USAGE, f"nothing was checked: {name} has a container check alone, which runs with --container-command"
        )
    sentence = f"{name} would be healthy"
    if view.skipped:
        sentence += " to the load balancer; the container's check was not run"
    return Outcome(Exit.DONE, sentence)


def _of_spec(spec: Spec) -> tuple[TargetGroupCheck | None, ContainerCheckSettings | None, UnhealthyTaskRules]:
    """The checks of a spec, and what becomes of a task that fails them."""
    from fsdcf.compiler.parts.service import desired
    from fsdcf.operate.healthcheck import ContainerCheckSettings, TargetGroupCheck, UnhealthyTaskRules

    service, told = spec.service, spec.service.health_check
    check = None
    if service.port is not None:
        codes = str(told.success_codes)
        check = TargetGroupCheck(
            told.path, told.interval, told.timeout, told.healthy_threshold, told.unhealthy_threshold, codes
        )
    inner = None
    if told.container is not None:
        one = told.container
        inner = ContainerCheckSettings(
            _command(one.command), one.interval, one.timeout, one.retries, one.start_period or 0
        )
    tasks = service.auto_scaling.min_count if service.auto_scaling else desired(service.resources)
    return check, inner, UnhealthyTaskRules(told.grace_period, service.deployment.circuit_breaker.enabled, tasks)


def _command(written: str | tuple[str, ...]) -> tuple[str, ...]:
    """The command as the task definition has it, beginning with CMD or CMD-SHELL."""
    words = ("CMD-SHELL", written) if isinstance(written, str) else written
    return words if words[0] in ("CMD", "CMD-SHELL") else ("CMD", *words)


def _here(inner: ContainerCheckSettings) -> list[str]:
    """The check as a program with its arguments; a shell's line needs the shell."""
    kind, *words = inner.command
    return ["/bin/sh", "-c", " ".join(words)] if kind == "CMD-SHELL" else words


def _place(result: Result, path: str) -> Place | None:
    """The line of a key, or of the nearest one around it that is written."""
    from fsdcf.compiler.dependencies import types
    from fsdcf.language.document import locate

    document = result.document
    if document is None:
        return None
    span = document.key_span(locate(document, path, types()))
    lines = LINE_BREAK.split(result.sources.get(span.file, ""))
    return Place(span.file, span.line, span.column, lines[span.line - 1] if span.line <= len(lines) else "")

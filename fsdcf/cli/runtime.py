"""Commands that call AWS: connection, events, questions, signals, suggested commands and the exit code."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from itertools import pairwise
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from fsdcf.cli.options import (
    SANDBOX_PORT,
    SANDBOX_REGION,
    Connection,
    Subject,
    TargetCommand,
    at_home,
    connected,
    connection_options,
    decorate,
    json_option,
    target_options,
    valid_region,
    with_spec_at_hand,
)
from fsdcf.cli.render.stream import Sink, is_watched, on_github, painter
from fsdcf.deploy.model import (
    Advice,
    Ask,
    Event,
    Exit,
    NoticeIssued,
    Options,
    Outcome,
    Question,
    RunEnded,
    StackResult,
    Target,
    Tell,
    Terminated,
    WarningIssued,
)
from fsdcf.suggested import quoted, suggested, words_in
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws, ConnectionProblem
    from fsdcf.deploy.group import Member
    from fsdcf.deploy.run import Run

Act = Callable[["Aws", "Reporter", Ask | None], Outcome]
"""What a command does once it is connected."""

_Result = TypeVar("_Result")

MADE_UP = "no container runs: health, exit codes and log lines are made up"
"""What every command on a service says with ``--sandbox``, because such facts look like those of the application."""


@dataclass(frozen=True, eq=False, repr=False)
class StackCall:
    """What a command on the stack of a service works with; see ``stack_command``."""

    subject: Subject
    connection: Connection
    as_json: bool
    aws: Aws
    tell: Tell
    ask: Ask | None

    def options(self, **flags: Any) -> Options:
        """The options of an operation: those of the command, and what the environment's file says.

        In a protected environment a person is asked in spite of ``--yes``.
        """
        home = self.subject.home
        flags["yes"] = flags.get("yes", False) and not (home.protected and self.ask)
        if "artifacts_bucket" in flags:
            flags["artifacts_bucket"] = flags["artifacts_bucket"] or home.artifacts_bucket
        return Options(protected=home.protected, **flags)

    @property
    def run(self) -> Run:
        """The context of an operation on the stack."""
        from fsdcf.deploy.run import Run

        return Run(self.aws, self.tell, self.subject.target, self.ask, self.subject.place)


def stack_command(
    *parameters: Callable[[Callable[..., Any]], Callable[..., Any]],
    quiet: bool = False,
    aside: bool = False,
    has_json: bool = True,
    cls: type[TargetCommand] = TargetCommand,
) -> Callable[[Callable[..., Outcome]], click.Command]:
    """A decorator that makes a function of a StackCall and options a command on the stack of ``SPEC|NAME``.

    ``parameters`` are the command's own arguments and options. ``quiet`` and ``aside`` are those of ``perform``.
    """

    def decorator(action: Callable[..., Outcome]) -> click.Command:
        @wraps(action)
        def command(subject: Subject, connection: Connection, as_json: bool = False, **options: Any) -> None:
            connection = at_home(connection, subject.home)
            call = partial(StackCall, subject, connection, as_json)
            run(
                subject.target,
                connection,
                as_json,
                lambda *run: action(call(*run), **options),
                quiet=quiet,
                aside=aside,
            )

        last = (json_option,) if has_json else ()
        return click.command(cls=cls)(decorate(command, (target_options, *parameters, connection_options, *last)))

    return decorator


OPERATING_COMMANDS = frozenset(
    {"exec", "history", "logs", "restart", "run", "scale", "services", "status", "stop-task", "tasks"}
)
"""The commands whose permissions ``fsdcf permissions --operate`` prints, with those of ``fsdcf secret``; those of the
others are a deploy's."""

_ON_SECRETS = frozenset({"set", "list", "rotate", "remove"})


_OF_SERVICES = (OPERATING_COMMANDS - {"services", "status"}) | {"pause", "resume", "rollback"}
"""The commands on what only a service has: an image and tasks."""


@dataclass(eq=False, repr=False)
class Reporter:
    """Passes events to sinks, the end of the run once, and completes the commands that an outcome suggests next.

    After a warning of a missing permission (``denied``), one of these prints the permissions.

    The commands get the connection's options and the spec that this command was given; the same command (``context``)
    gets the options that it was given.
    """

    sinks: Sequence[Sink]
    connection: Connection
    target: Target | None = None
    quiet: bool = False
    ended: bool = False
    denied: bool = False
    context: click.Context | None = None

    def __call__(self, event: Event) -> None:
        silent = False
        if isinstance(event, WarningIssued):
            self.denied = self.denied or event.denied
        if isinstance(event, RunEnded):
            if self.ended:
                return
            self.ended = True
            silent = self.quiet and not self.denied and event.outcome.exit is Exit.DONE
            event = RunEnded(replace(event.outcome, next=self._completed(event.outcome)))
        for sink in self.sinks:
            if sink.for_programs or not silent:
                sink(event)

    def complete(self, connection: Connection, problem: ConnectionProblem) -> Connection | None:
        """The connection with a profile or region that a person enters; None if that would not help.

        The profile comes first, since it may have a region. From then on the suggested commands get it, too.
        """
        if "profile" in problem.missing:
            if connection.profile or not problem.profiles:
                return None
            choice = click.Choice(problem.profiles)
            profile = click.prompt("No AWS credentials were found. AWS profile", type=choice, err=True)
            connection = replace(connection, profile=str(profile))
        elif "region" in problem.missing:
            region = click.prompt("No region is set. AWS region", value_proc=valid_region, err=True)
            connection = replace(connection, region=region)
        else:
            return None
        self.connection = connection
        return connection

    def _completed(self, outcome: Outcome) -> tuple[str, ...]:
        """The suggested commands, ready to be typed, each once."""
        from fsdcf.cli.render.outcome import is_good

        suggestions = outcome.next
        if self.denied:
            from fsdcf.deploy.run import permissions_command

            suggestions = (*suggestions, permissions_command(self.target))
        if self.target and any(" SPEC " in f"{command} " for command in suggestions):
            self.target = with_spec_at_hand(self.target)
        options = given(self.context, is_good(outcome)) if self.context else ()
        commands = (line for command in suggestions for line in self._typed(command, options))
        return tuple(dict.fromkeys(commands))

    def _typed(self, command: str, options: Given) -> tuple[str, ...]:
        source, pipe, sink = command.partition(" | fsdcf ")
        if pipe:
            *before, source = self._typed(source, options)
            return (*before, " | ".join((source, *self._typed(f"fsdcf {sink}", options))))
        if self.target:
            unknown = self.target.unknown_redeploy
            if self.target.redeploy_command and command.startswith(unknown):
                command = self.target.redeploy_command + command.removeprefix(unknown)
            if command.startswith("fsdcf "):
                command = command.replace(" SPEC ", f" {self.target.spec} ")
        if self.context is None or not command.startswith("fsdcf "):
            return addressed(command, self.connection)
        name, flags = options_of(self.context.find_root(), command)
        own_words = command.partition(" -- ")[0].split()
        if any(word.startswith("--") and word not in flags for word in own_words):
            return ()  # such as --recreate for a command that cannot
        same = name == self.context.info_name
        own = tuple(option for option in options if same or option[0] in _OF_STACK)
        names_spec = self.target is not None and self.target.spec in command  # explain takes settings only with a spec
        settings = settings_in(self.target.redeploy_command) if self.target and names_spec else ()
        operates = self.context.info_name in OPERATING_COMMANDS | _ON_SECRETS
        role = (("--operate",),) if name == "permissions" and operates else ()
        lacking = tuple(option for option in (*role, *settings, *own, *self.connection.flags) if option[0] in flags)
        return (with_options(command, lacking),)

    def pause(self) -> None:
        """Remove every live display."""
        for sink in self.sinks:
            sink.pause()


def run(about: Target | str, connection: Connection, as_json: bool, act: Act, **options: Any) -> NoReturn:
    """Perform an action and end the command with its exit code. The arguments are those of ``perform``."""
    outcome = perform(about, connection, as_json, act, **options)
    done = outcome.detached and on_github()  # no red step
    click.get_current_context().exit(int(Exit.DONE if done else outcome.exit))


def perform(
    about: Target | str,
    connection: Connection,
    as_json: bool,
    act: Act,
    quiet: bool = False,
    aside: bool = False,
    also: tuple[str, ...] = (),
    about_tasks: bool = True,
) -> Outcome:
    """Connect, act and report the outcome.

    ``about`` is the stack, or the title of a live display. ``quiet``: a success prints nothing more for people.
    ``aside``: messages for people go to standard error, since standard output belongs to the action. ``also`` is what
    the action may need beside a connection: a sentence and commands. ``about_tasks``: the action shows or changes what
    runs.

    On a terminal, a person is asked for a missing region or profile.
    """
    gc.enable()  # a deploy may take an hour
    target = about if isinstance(about, Target) else None
    command = click.get_current_context().info_name
    if target and target.is_environment and command in _OF_SERVICES:
        back = "; to go back, deploy an earlier version of its file" if command in ("history", "rollback") else ""
        kind, back = ("a pipeline", "") if target.pipeline else ("an environment", back)
        raise click.UsageError(f"{target.stack} is the stack of {kind}, which has no image and no tasks{back}")
    title = target.stack if target else str(about)
    outputs = sinks(title, as_json, moving=not quiet, aside=aside, pace=connection.pace)
    reporter = Reporter(outputs, connection, target, quiet, context=click.get_current_context())
    try:
        with terminable():
            if connection.sandbox and target and about_tasks:
                reporter(NoticeIssued("sandbox", MADE_UP))
            complete = reporter.complete if person(reporter.pause) is not None and not as_json else None

            def act_aloud(aws: Aws) -> Outcome:
                aws.announce = lambda text: reporter(NoticeIssued("waiting", text))
                return act(aws, reporter, person(reporter.pause))

            outcome = attempted(connection, act_aloud, complete, also, target, reporter.pause)
            reporter(RunEnded(outcome))
    finally:
        reporter.pause()
    return outcome


def run_all(
    title: str,
    stacks: Sequence[str],
    members: Callable[[Aws, Reporter, Ask | None], Sequence[Member]],
    connection: Connection,
    as_json: bool,
    parallel: int,
    summarize: Callable[[Sequence[StackResult]], Outcome],
) -> NoReturn:
    """Deploy several stacks, report the outcome of each and then that of all, and end the command with its exit code.

    ``title`` names all of them. ``members`` are the deploys of the ``stacks``, in their order.
    """
    gc.enable()
    context = click.get_current_context()
    whole, each = sinks_of_several(title, stacks, as_json, connection.pace)
    reporter = Reporter(whole, connection, context=context)
    try:
        with terminable():
            if connection.sandbox:
                reporter(NoticeIssued("sandbox", MADE_UP))
            complete = reporter.complete if person(reporter.pause) is not None and not as_json else None

            def act(aws: Aws) -> Outcome:
                from fsdcf.deploy.group import deploy_all

                ask = person(reporter.pause)
                deploys = members(aws, reporter, ask)
                reporters = {
                    one.stack: Reporter(each[one.stack], reporter.connection, one.target, context=context)
                    for one in deploys
                }
                return summarize(deploy_all(deploys, aws, reporters, ask, parallel))

            outcome = attempted(connection, act, complete, pause=reporter.pause)
            reporter(RunEnded(outcome))
    finally:
        reporter.pause()
    context.exit(int(Exit.DONE if outcome.detached and on_github() else outcome.exit))


def perform_here(as_json: bool, act: Callable[[Tell], Outcome]) -> NoReturn:
    """Perform an action that needs no connection, report its outcome, and end the command with its exit code.

    Messages for people go to standard error.
    """
    from fsdcf.deploy.run import Stop

    gc.enable()
    reporter = Reporter(sinks("", as_json, aside=True), Connection(), context=click.get_current_context())
    try:
        with terminable():
            outcome = act(reporter)
    except Stop as stop:
        outcome = stop.outcome
    except (KeyboardInterrupt, Terminated):
        outcome = Outcome(Exit.INTERRUPTED, "interrupted")
    reporter(RunEnded(outcome))
    click.get_current_context().exit(int(outcome.exit))


def end(outcome: Outcome, as_json: bool) -> NoReturn:
    """Report the outcome of a command that needed no connection, and end with its exit code."""
    Reporter(sinks("", as_json), Connection())(RunEnded(outcome))
    click.get_current_context().exit(int(outcome.exit))


def attempted(
    connection: Connection,
    act: Callable[[Aws], _Result],
    complete: Callable[[Connection, ConnectionProblem], Connection | None] | None = None,
    also: tuple[str, ...] = (),
    target: Target | None = None,
    pause: Callable[[], None] = lambda: None,
) -> _Result | Outcome:
    """The result of an action, or the outcome of a failure to connect or to be accepted by AWS.

    ``complete`` returns the connection with a setting that it lacked, or None. ``also`` is what else the action may
    need: a sentence and commands. ``pause`` removes the live display.
    """
    from fsdcf.deploy.aws import AwsError, ConnectionProblem
    from fsdcf.deploy.run import Stop, outcome_of

    try:
        with connected(connection, pause) as aws:
            aws.announce = lambda text: click.echo(f"waiting: {text}", err=True)
            try:
                return connection.home.refusal(connection, aws) or act(aws)
            except AwsError as error:
                return outcome_of(error, aws, target)
    except Stop as stop:
        return stop.outcome
    except ConnectionProblem as problem:
        completed = complete(connection, problem) if complete else None
        if completed is not None:
            return attempted(completed, act, complete, also, target, pause)
        lacking = also if problem.missing else ()
        sentence = "; ".join((problem.sentence, *lacking[:1]))
        advice = Advice(problem.advice) if problem.advice else None
        return Outcome(problem.exit, sentence, next=(*problem.next, *lacking[1:]), advice=advice)
    except (KeyboardInterrupt, Terminated):
        return Outcome(Exit.INTERRUPTED, "interrupted")


def sinks(title: str, as_json: bool, moving: bool = False, aside: bool = False, pace: float = 1.0) -> list[Sink]:
    """The sinks of a command: JSON lines with messages on standard error, a live display, or plain lines.

    ``moving`` allows a live display with a title; ``pace`` is the connection's. ``aside`` sends plain lines to standard
    error.
    """
    if moving and not aside and not as_json and not on_github() and is_watched(sys.stdout):
        from fsdcf.cli.render.live import Live

        return [Live(sys.stdout, sys.stderr, title, lambda: time.monotonic() / pace)]
    return _lines(title, as_json, aside)


def _lines(title: str, as_json: bool, aside: bool = False, prefix: str = "") -> list[Sink]:
    """The sinks that write lines. With a ``prefix``, they are about the stack ``title``, which is one of several."""
    from fsdcf.cli.render.plain import Plain

    out = sys.stderr if aside or as_json else sys.stdout
    people: Sink = Plain(out, sys.stderr, prefix)
    if on_github():
        from fsdcf.cli.render.actions import ActionsLog

        people = ActionsLog(out, title, prefix)
    if not as_json:
        return [people]
    from fsdcf.cli.render.jsonlines import JsonLines

    return [JsonLines(sys.stdout, title if prefix else ""), people]


def sinks_of_several(
    title: str, stacks: Sequence[str], as_json: bool, pace: float
) -> tuple[list[Sink], dict[str, list[Sink]]]:
    """The sinks of a command that acts on several stacks: those for all of it, and those of each stack."""
    if not as_json and not on_github() and is_watched(sys.stdout):
        from fsdcf.cli.render.rows import Rows

        rows = Rows(sys.stdout, sys.stderr, stacks, lambda: time.monotonic() / pace)
        return [rows], {stack: [row] for stack, row in rows.rows.items()}
    width = max(map(len, stacks))
    return _lines(title, as_json), {stack: _lines(stack, as_json, prefix=f"{stack:<{width}} | ") for stack in stacks}


# The commands that an outcome suggests next.

_IN_SANDBOX = ("cloudformation", "ecs", "secretsmanager", "ssm")
"""The services of the AWS CLI whose commands the sandbox answers. An injected failure has no causes in the others."""

_KEPT = (
    *("yes", "recreate", "adopt", "allow", "wait_lock", "timeout", "on_timeout", "detach", "fail_fast"),
    *("express", "revert_drift"),
    *("role_arn", "artifacts_bucket", "account"),
)
"""Parameters of a command that the same command keeps when it is suggested. A fault is not kept: it has struck."""

_OF_STACK = ("--role-arn", "--artifacts-bucket", "--account")
"""The options that another command on the same stack keeps, too: without the role, AWS may refuse it."""

_PLAN_OPTIONS = ("plan_only", "detailed_exitcode")
"""Parameters that stop a command at the plan: kept until a plan was made, since the next step is to execute it."""

_PLAN_FLAGS = tuple((f"--{name.replace('_', '-')}",) for name in _PLAN_OPTIONS)

Given = tuple[tuple[str, ...], ...]
"""Options as typed, each with its value: ``(("--yes",), ("--timeout", "90s"))``."""


def addressed(command: str, connection: Connection) -> tuple[str, ...]:
    """An AWS CLI command with the connection's options that it lacks; any other text unchanged.

    In the sandbox it becomes two commands, one that starts the endpoint and one that calls it. A command that the
    sandbox cannot answer, such as one of GitHub's CLI, is marked as one for AWS.
    """
    program, _, service = " ".join(command.split()[:2]).partition(" ")
    if program not in ("aws", "gh") or service == "configure":
        return (command,)
    if not connection.sandbox:
        missing = [" ".join(map(quoted, flag)) for flag in connection.flags if flag[0] not in command.split()]
        return (" ".join((command, *missing)) if program == "aws" else command,)
    if program == "gh" or service not in _IN_SANDBOX:
        return (f"on AWS: {command}",)
    region = connection.region or SANDBOX_REGION
    serve = suggested("sandbox", region=connection.region)
    endpoint = f"--endpoint-url http://127.0.0.1:{SANDBOX_PORT} --region {region} --no-sign-request"
    return (serve, f"{command} {endpoint}")


def given(context: click.Context, planned: bool) -> Given:
    """The command line's options that the same command keeps; ``planned``: a plan was requested and made."""
    names = _KEPT if planned else (*_KEPT, *_PLAN_OPTIONS)
    words: list[tuple[str, ...]] = []
    for option in context.command.params:
        name = option.name or ""
        if name not in names or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value, flag = context.params[name], option.opts[0]
        if isinstance(value, bool):
            words.append((flag,))
        elif isinstance(value, float):
            words.append((flag, f"{value:.0f}s"))  # times are whole seconds
        else:
            words += [(flag, str(part)) for part in (value if isinstance(value, tuple) else (value,))]
    return tuple(words)


def options_of(root: click.Context, command: str) -> tuple[str, frozenset[str]]:
    """The name of the command of fsdcf that a text begins with, and the options that the command has."""
    found: click.Command | None = root.command
    name = ""
    for word in command.split()[1:]:
        if not isinstance(found, click.Group):
            break
        name, found = word, found.get_command(root, word)
    params = found.params if found is not None else []
    return name, frozenset(flag for one in params if isinstance(one, click.Option) for flag in one.opts)


def with_options(command: str, options: Given) -> str:
    """A command with the options that it lacks."""
    head, separator, rest = command.partition(" -- ")  # the words behind it are for the container
    words = words_in(head)
    present = {*((word,) for word in words), *pairwise(words)}
    excluded = _PLAN_FLAGS if ("--build",) in present else ()  # a plan needs an image that exists
    missing = [" ".join(map(quoted, option)) for option in options if option not in present and option not in excluded]
    return " ".join((head, *missing)) + separator + rest


def settings_in(command: str) -> Given:
    """The options of a command that change what a spec compiles to, and ``--new-env``."""
    words = words_in(command)
    new = (("--new-env",),) if "--new-env" in words else ()
    return (*(pair for pair in pairwise(words) if pair[0] in ("--override", "--var")), *new)


# Signals and questions.

_ENDING = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
"""Windows has no SIGHUP."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise Terminated on SIGTERM and SIGHUP while the block lasts.

    A signal that the caller ignores, as nohup does, stays ignored.

    Only the main thread can set handlers: in other threads nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {one: handler for one in _ENDING if (handler := signal.getsignal(one)) is not signal.SIG_IGN}

    def leave(number: int, frame: FrameType | None) -> None:
        for one in handlers:
            signal.signal(one, signal.SIG_IGN)  # the first signal is enough: the run is about to end
        raise Terminated(signal.Signals(number).name)

    for one in handlers:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


def person(pause: Callable[[], None]) -> Ask | None:
    """A function that asks at the terminal; None unless standard input and error are a terminal.

    ``pause`` removes the live display. Ctrl-C and a closed terminal interrupt the run.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: Question) -> bool:
        pause()
        paint = painter(sys.stderr)
        role, mark = (
            ("bad", "!") if question.kind in ("data", "protected", "recreate", "environment") else ("strong", "-")
        )
        for detail in question.details:
            click.echo(f"  {paint(mark, role)} {visible(detail)}", err=True, color=True)
        try:
            return click.confirm(paint(visible(question.text), role), default=question.expected, err=True)
        except click.Abort:
            click.echo(err=True)
            raise KeyboardInterrupt from None

    return ask

"""A command that talks to AWS, from the options to the exit code: connection, sink, questions, signals, the last word."""

from __future__ import annotations

import gc
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import click
from click.core import ParameterSource

from fsdcf.cli.options import SANDBOX_PORT, SANDBOX_REGION, Connection, connected
from fsdcf.cli.render.stream import is_watched, painter
from fsdcf.cli.render.values import visible
from fsdcf.deploy.model import Ask, Event, Exit, Outcome, Question, RunEnded, Target, Tell, Terminated
from fsdcf.masking import mask_value

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.pipeline import Request


_PLAYED = ("cloudformation", "ecs")
"""The services whose commands do in the sandbox what they do on AWS. Others look for causes, and a failure that is played has none."""

_GITHUB = "gh"
"""GitHub's CLI: there is one repository, and what the sandbox made is not for its pipeline."""

_OWN = ("configure",)
"""Commands of the CLI itself, which go to no place."""


def addressed(command: str, flags: tuple[str, ...]) -> tuple[str, ...]:
    """A command of the AWS CLI with the options of the connection that it lacks; another text as it is, but for GitHub's CLI in the sandbox.

    In the sandbox it becomes two commands, the endpoint and a call of it, or says that it is one for AWS.
    """
    program, _, service = " ".join(command.split()[:2]).partition(" ")
    if program == _GITHUB and "--sandbox" in flags:
        return (f"on AWS: {command}",)
    if program != "aws" or service in _OWN or not flags:
        return (command,)
    if "--sandbox" not in flags:
        pairs = [flags[place : place + 2] for place in range(0, len(flags), 2)]
        more = [shlex.join(pair) for pair in pairs if pair[0] not in command.split()]
        return (" ".join((command, *more)),)
    if service not in _PLAYED:
        return (f"on AWS: {command}",)
    region = flags[flags.index("--region") + 1] if "--region" in flags else ""
    serve = shlex.join(("fsdcf", "sandbox", "--region", region) if region else ("fsdcf", "sandbox"))
    there = f"--endpoint-url http://127.0.0.1:{SANDBOX_PORT} --region {region or SANDBOX_REGION} --no-sign-request"
    return (serve, f"{command} {there}")


_KEPT = (
    *("yes", "recreate", "adopt", "allow", "wait_lock", "timeout", "on_timeout", "detach", "fail_fast"),
    *("role_arn", "artifacts_bucket"),
)
"""The options that go on to the same command, by the names of their parameters. A fault does not: it has struck."""

_PLANS = ("plan_only", "detailed_exitcode")
"""The options that keep a plan from being carried out. What follows on a plan that was made is to carry it out."""

Given = tuple[tuple[str, ...], ...]
"""Options as they are typed, each with its value: ``(("--yes",), ("--timeout", "90s"))``."""


def given(context: click.Context, planned: bool) -> Given:
    """The options of the command line that go on to the same command; ``planned``: a plan was asked for, and made."""
    return tuple(_given(context, _KEPT if planned else (*_KEPT, *_PLANS)))


def _given(context: click.Context, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for option in context.command.params:
        name = option.name or ""
        if name not in names or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value, spelled = context.params[name], option.opts[0]
        if isinstance(value, bool):
            yield (spelled,)
        else:
            yield from ((spelled, _text(one)) for one in (value if isinstance(value, tuple) else (value,)))


def _text(value: object) -> str:
    return f"{value:.0f}s" if isinstance(value, float) else str(value)  # times are whole seconds


def repeated(command: str, verb: str, options: Given) -> str:
    """A command with the options that were given to the same one, as far as it does not have them. Another command as it is."""
    if not f"{command} ".startswith(f"fsdcf {verb} "):
        return command
    head, apart, rest = command.partition(" -- ")  # what stands behind is for the container
    words = shlex.split(head)
    said = {*((one,) for one in words), *pairwise(words)}
    more = [shlex.join(option) for option in options if option not in said]
    return " ".join((head, *more)) + apart + rest


def settings(request: Request) -> tuple[str, ...]:
    """``--override`` and ``--var`` as they were given, with secrets masked: a log may keep them."""
    overrides = (word for one in request.overrides for word in ("--override", _discreet(one)))
    return (
        *overrides,
        *(word for name, value in request.variables.items() for word in ("--var", _discreet(f"{name}={value}"))),
    )


def settings_in(command: str) -> Given:
    """The settings of the spec that a command has: what else compiles the spec needs them too."""
    return tuple(pair for pair in pairwise(shlex.split(command)) if pair[0] in ("--override", "--var"))


def validating(request: Request, environment: str | None) -> str:
    """The command that shows all findings of a spec, as it was compiled; ``environment`` as far as it was given."""
    env = ("--env", environment) if environment else ()
    return shlex.join(("fsdcf", "validate", request.name, *env, *settings(request)))


def _discreet(setting: str) -> str:
    name, equals, value = setting.partition("=")
    return f"{name}{equals}{mask_value(value, name)}"


class Sink(Protocol):
    """Takes events; can be told to stand still, and to leave the terminal as it was."""

    for_programs: bool

    def __call__(self, event: Event) -> None: ...

    def pause(self) -> None: ...

    def close(self) -> None: ...


Act = Callable[["Aws", Tell, Ask | None], Outcome]
"""What a command does once it is connected."""

VERBS = (
    *("deploy", "watch", "cancel", "recover", "diagnose", "status", "history", "rollback", "delete"),
    *("logs", "restart", "scale", "exec", "run", "bootstrap"),
)
"""The commands that take a connection: those that are shown bear the options of this one."""


def json_option(command: Callable[..., object]) -> Callable[..., object]:
    """``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="JSON lines on standard output; all else on standard error."
    )(command)


@dataclass
class Told:
    """Passes events on; knows whether the end was told, and makes the commands that are shown ready to be typed.

    They get the connection's options, the spec that this command was given, and where they are the same command again (``context``) the
    options that it was given.
    """

    sinks: Sequence[Sink]
    flags: tuple[str, ...]
    target: Target | None = None
    quiet: bool = False
    ended: bool = False
    context: click.Context | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded):
            if self.ended:
                return
            from fsdcf.cli.render.outcome import is_good

            self.ended = True
            if self.target and any(" SPEC " in f"{one} " for one in event.outcome.next):
                from fsdcf.cli.target import at_hand

                self.target = at_hand(self.target)
            again = given(self.context, is_good(event.outcome)) if self.context else ()
            shown = (line for one in event.outcome.next for line in self._typed(one, again))
            event = RunEnded(replace(event.outcome, next=tuple(dict.fromkeys(shown))))
        for sink in self.sinks:
            if not (
                self.quiet and isinstance(event, RunEnded) and event.outcome.exit is Exit.DONE and not sink.for_programs
            ):
                sink(event)

    def _typed(self, command: str, again: Given) -> tuple[str, ...]:
        unknown = f"fsdcf deploy SPEC --env {self.target.environment}" if self.target else ""
        if self.target and self.target.redeploy_command and command.startswith(unknown):
            command = self.target.redeploy_command + command.removeprefix(unknown)
        if self.target and command.startswith("fsdcf "):
            command = command.replace(" SPEC ", f" {self.target.spec} ")
            command = repeated(command, "healthcheck", settings_in(self.target.redeploy_command))
        command = repeated(command, str(self.context.info_name), again) if self.context else command
        return addressed(complete(command, self.flags), self.flags)

    def pause(self) -> None:
        """Every picture stands still."""
        for sink in self.sinks:
            sink.pause()

    def close(self) -> None:
        """Every picture is taken away."""
        for sink in self.sinks:
            sink.close()


def run(about: Target | str, connection: Connection, as_json: bool, act: Act, quiet: bool = False) -> None:
    """Connect, act, tell how it ended, and leave with the exit code. The arguments are those of ``conducted``."""
    outcome = conducted(about, connection, as_json, act, quiet)
    click.get_current_context().exit(int(outcome.exit))


def conducted(
    about: Target | str, connection: Connection, as_json: bool, act: Act, quiet: bool = False, aside: bool = False
) -> Outcome:
    """Connect, act, and tell how it ended.

    ``about`` is the stack, or what else stands over the picture. ``quiet``: a success has shown all there is to say to people.
    ``aside``: what is told to people goes to standard error, for standard output belongs to the action.
    """

    gc.enable()  # a deploy may take an hour
    target = about if isinstance(about, Target) else None
    title = target.stack if target else str(about)
    told = Told(
        sinks(title, as_json, moving=not quiet, aside=aside, pace=connection.pace), connection.flags, target, quiet
    )
    told.context = click.get_current_context()
    try:
        with terminable():
            outcome = attempted(connection, lambda aws: act(aws, told, person(told.pause)))
            told(RunEnded(outcome))
    finally:
        told.close()
    return outcome


def refuse(sentence: str, next: str, as_json: bool) -> None:
    """The end of a command that the spec does not let begin: exit 2, and with ``--json`` a last line that says so."""
    told = Told(sinks("", as_json), ())
    told(RunEnded(Outcome(Exit.USAGE, sentence, next=(next,))))
    click.get_current_context().exit(int(Exit.USAGE))


def attempted(connection: Connection, act: Callable[[Aws], Outcome]) -> Outcome:
    """The outcome of an action, or of the failure to connect or to be heard."""
    from fsdcf.deploy.aws import ApiError, AwsError, ConnectionProblem, Expired
    from fsdcf.deploy.model import Terminated
    from fsdcf.deploy.run import Stop

    try:
        with connected(connection) as aws:
            return act(aws)
    except Stop as end:
        return end.outcome
    except ConnectionProblem as problem:
        return Outcome(problem.exit, problem.sentence, next=(problem.next,))
    except Expired as error:
        if error.untimely:
            return Outcome(
                Exit.DENIED, f"the clock of this machine is wrong: AWS says: {error.message}", next=("date -u",)
            )
        return Outcome(
            Exit.DENIED, f"AWS does not take the credentials: {error.message}", next=("aws sts get-caller-identity",)
        )
    except ApiError as error:
        denied = error.denied
        sentence = (
            f"no permission for {error.service}:{error.operation}"
            if denied
            else f"{error.operation} failed: {error.message}"
        )
        return Outcome(Exit.DENIED if denied else Exit.FAILED, sentence)
    except AwsError as error:
        return Outcome(
            Exit.UNKNOWN,
            f"AWS cannot be reached: {error.message}",
            next=("check --region, --endpoint-url and the network",),
        )
    except (KeyboardInterrupt, Terminated):
        return Outcome(Exit.INTERRUPTED, "interrupted")


def sinks(title: str, as_json: bool, moving: bool = False, aside: bool = False, pace: float = 1.0) -> list[Sink]:
    """Where events go: JSON lines with prose on standard error, the picture that moves, or plain lines, also aside."""
    from fsdcf.cli.render.plain import Plain

    if as_json:
        from fsdcf.cli.render.jsonlines import JsonLines

        return [JsonLines(sys.stdout), Plain(sys.stderr, sys.stderr)]
    if aside:
        return [Plain(sys.stderr, sys.stderr)]
    if moving and is_watched(sys.stdout):
        from fsdcf.cli.render.live import Live

        return [Live(sys.stdout, sys.stderr, title, lambda: time.monotonic() / pace)]
    return [Plain(sys.stdout, sys.stderr)]


def complete(command: str, flags: tuple[str, ...]) -> str:
    """One of our commands with the options of the connection; another text as it is."""
    import shlex

    ours = any(command == f"fsdcf {verb}" or command.startswith(f"fsdcf {verb} ") for verb in VERBS)
    if not flags or not ours:
        return command
    head, apart, words = command.partition(" -- ")  # what stands behind is for the container
    return f"{head} {shlex.join(flags)}{apart}{words}"


_ENDING = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
"""Windows has no SIGHUP."""


@contextmanager
def terminable() -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGHUP raise Terminated in it. A signal that the caller lets be ignored, as nohup does, is ignored.

    Only the main thread may set a handler; others change nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        for one in former:
            signal.signal(one, signal.SIG_IGN)  # one is enough: the run is on its way out
        raise Terminated(signal.Signals(number).name)

    former = {one: handler for one in _ENDING if (handler := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in former:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)


def person(pause: Callable[[], None]) -> Ask | None:
    """Somebody to ask: whoever sits at the terminal; None where standard input or error is none.

    ``pause`` takes away the picture that moves. Whoever answers with Ctrl-C, or closes the terminal, interrupts the run.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: Question) -> bool:
        pause()
        paint = painter(sys.stderr)
        role = "bad" if question.kind in ("data", "protected", "recreate") else "strong"
        for detail in question.details:
            click.echo(f"  {paint('!' if role == 'bad' else '-', role)} {visible(detail)}", err=True, color=True)
        try:
            return click.confirm(paint(visible(question.text), role), default=False, err=True)
        except click.Abort:
            click.echo(err=True)
            raise KeyboardInterrupt from None

    return ask

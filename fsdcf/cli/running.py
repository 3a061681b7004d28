"""A command that talks to AWS, from the options to the exit code: connection, sink, questions, signals, the last word."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import click

from fsdcf.cli.aws_lines import addressed
from fsdcf.cli.connection import Connection, connected
from fsdcf.cli.paint import is_watched
from fsdcf.cli.repeats import Given, given, repeated, settings_in
from fsdcf.deploy.model import Ask, Ended, Event, Exit, Outcome, Target, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


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
        if isinstance(event, Ended):
            if self.ended:
                return
            from fsdcf.cli.account import is_good

            self.ended = True
            if self.target and any(" SPEC " in f"{one} " for one in event.outcome.next):
                from fsdcf.cli.target import at_hand

                self.target = at_hand(self.target)
            again = given(self.context, is_good(event.outcome)) if self.context else ()
            shown = (line for one in event.outcome.next for line in self._typed(one, again))
            event = Ended(replace(event.outcome, next=tuple(dict.fromkeys(shown))))
        for sink in self.sinks:
            if not (
                self.quiet and isinstance(event, Ended) and event.outcome.exit is Exit.DONE and not sink.for_programs
            ):
                sink(event)

    def _typed(self, command: str, again: Given) -> tuple[str, ...]:
        unknown = f"fsdcf deploy SPEC --env {self.target.environment}" if self.target else ""
        if self.target and self.target.again and command.startswith(unknown):
            command = self.target.again + command.removeprefix(unknown)
        if self.target and command.startswith("fsdcf "):
            command = command.replace(" SPEC ", f" {self.target.spec} ")
            command = repeated(command, "healthcheck", settings_in(self.target.again))
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
    from fsdcf.cli.questions import person
    from fsdcf.cli.signals import terminable

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
            told(Ended(outcome))
    finally:
        told.close()
    return outcome


def refuse(sentence: str, next: str, as_json: bool) -> None:
    """The end of a command that the spec does not let begin: exit 2, and with ``--json`` a last line that says so."""
    told = Told(sinks("", as_json), ())
    told(Ended(Outcome(Exit.USAGE, sentence, next=(next,))))
    click.get_current_context().exit(int(Exit.USAGE))


def attempted(connection: Connection, act: Callable[[Aws], Outcome]) -> Outcome:
    """The outcome of an action, or of the failure to connect or to be heard."""
    from fsdcf.deploy.aws import ApiError, AwsError, Expired
    from fsdcf.deploy.interrupts import Terminated
    from fsdcf.deploy.run import Stop
    from fsdcf.deploy.session import ConnectionProblem

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
    from fsdcf.cli.sinks.plain import Plain

    if as_json:
        from fsdcf.cli.sinks.jsonlines import JsonLines

        return [JsonLines(sys.stdout), Plain(sys.stderr, sys.stderr)]
    if aside:
        return [Plain(sys.stderr, sys.stderr)]
    if moving and is_watched(sys.stdout):
        from fsdcf.cli.sinks.live import Live

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

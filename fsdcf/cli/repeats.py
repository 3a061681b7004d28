"""Commands that are shown as what to do next keep what the user has given: settings of the spec, and options of the same command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from fsdcf.cli.values import masked

if TYPE_CHECKING:
    from fsdcf.pipeline import Request

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
    return f"{name}{equals}{masked(value, name)}"

"""``fsdcf explain``: a key of the language, the code of a finding, a rule of a plan, or a message of AWS.

``fsdcf schema``: the JSON Schema.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from fsdcf.cli.files import print_json, read
from fsdcf.cli.options import SpecInputs, complete_specs, format_option, spec_inputs
from fsdcf.cli.render.plan import format_when
from fsdcf.cli.render.stream import width_of, wrapped
from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import Rule
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.reference import describe, describe_type, find, later, paths
from fsdcf.language.rules import rules_in
from fsdcf.links import CFN_LINT_RULE, SERVICE_EVENTS
from fsdcf.masking import mask_text
from fsdcf.plan.diff.effects import EFFECTS
from fsdcf.plan.diff.rollback import RULES
from fsdcf.suggested import quoted
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.cli.compiled import Compiled
    from fsdcf.deploy.diagnosis.pasted import Explanation
    from fsdcf.deploy.model import Place

WITH_RULES = ("fsdcf.language", "fsdcf.compiler", "fsdcf.images.failure", "fsdcf.pipeline")
"""The packages and modules that define rules."""


def catalogue() -> dict[str, Rule]:
    """Every rule of fsdcf by its code, sorted. Rules are discovered, not listed.

    Raises ValueError if two rules share a code.
    """
    rules = dict.fromkeys(rule for name in WITH_RULES for rule in rules_in(name))
    by_code = {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}
    if len(by_code) != len(rules):
        raise ValueError("two rules share a code")
    return by_code


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The codes of findings, the rules of a plan, and the keys of the language."""
    titles = {code: rule.title for code, rule in catalogue().items()}
    names = (*titles, *(rule.id for rule in RULES), *(rule.id for rule in EFFECTS), *paths(types()))
    return [
        CompletionItem(name, help=titles.get(name)) for name in names if name.lower().startswith(incomplete.lower())
    ]


@click.command()
@click.argument("what", metavar="[KEY|CODE|RULE]", required=False, shell_complete=_complete)
@click.option("--failure", metavar="TEXT", help="Message of AWS to explain; - reads it from standard input.")
@click.option("--file", type=click.Path(path_type=Path), help="File with messages of AWS to explain.")
@click.option(
    *("--spec", "spec"),
    type=click.Path(path_type=Path),
    metavar="SPEC",
    shell_complete=complete_specs,
    help="Spec of the service that failed: adds its numbers, its lines and its names.",
)
@spec_inputs(None)
@format_option("text", "json", help="Output format for messages of AWS.")
def explain_command(
    what: str | None, failure: str | None, file: Path | None, spec: Path | None, inputs: SpecInputs, form: str
) -> None:
    """Explain a key of the spec, the code of a finding, a rule of a plan, or a message of AWS.

    For example: service.healthCheck.interval, S203 or port-changed.

    With --failure or --file, the command explains what you copied from a console, a terminal or an answer of the API:
    the reason of a stopped task, events of a service, events of a stack. It prints the cause, the advice, the key of
    the spec and the next command, and exits with 1 if it knows none of the messages.
    """
    if failure is not None or file is not None:
        if what is not None or (failure is not None and file is not None):
            raise click.UsageError("--failure, --file and a KEY, CODE or RULE exclude each other")
        _explain_failure(_text_of(failure, file), spec, inputs, form)
    elif spec is not None or inputs != SpecInputs() or form != "text":
        raise click.UsageError("--spec, its options and --format need --failure or --file")
    elif what is None:
        raise click.UsageError("name a KEY, a CODE or a RULE, or give a message of AWS with --failure")
    else:
        _explain_name(what)


def _explain_name(what: str) -> None:
    """Print what a key, a code or a rule means. A usage error for another word."""
    known, rules, safety = types(), catalogue(), {rule.id: rule for rule in RULES}
    effects = {rule.id: rule for rule in EFFECTS}
    code = what.upper()
    if code in rules:
        rule = rules[code]
        source = f"\n\nSource: {rule.source}" if rule.source else ""
        _echo(f"{rule.code}: {rule.title}\n\n{rule.explanation}{source}")
    elif what.lower() in safety:
        unsafe = safety[what.lower()]
        _echo(
            f"{unsafe.id}: {unsafe.explanation}\n\n"
            "A rule of rollback safety: it finds a change that a rollback does not undo together with the image.\n"
            f"Unsafe {format_when(unsafe.when)}.\n"
            f"Solution: {unsafe.steps()}."
        )
    elif what.lower() in effects:
        side = effects[what.lower()]
        _echo(f"{side.id}: {side.explanation}\n\nA side effect: the update does this in addition to its changes.")
    elif re.fullmatch(r"[EWI]\d{4}", code):
        _echo(f"{code} is a rule of cfn-lint: {CFN_LINT_RULE.format(code=code)}")
    elif key := find(what, known) or find(f"service.{what}", known):
        _echo(describe(*key, known))
    elif kind := known.get(what.removeprefix("dependencies.")):
        _echo(describe_type(kind))
    elif note := later(what) or later(f"service.{what}"):
        _echo(f"{what}\n  {note.doc}\n  part of the language, not implemented yet; until then: {note.instead}")
    else:
        names = [*paths(known), *rules, *safety, *effects]
        names = list(dict.fromkeys(names))
        ends = [one for one in names if one.lower().endswith(f".{what.lower()}")]
        close = ends[:3] or difflib.get_close_matches(what, names, 3, 0.5)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise click.UsageError(f"{what!r} is not a key, a code or a rule{hint}")


def _echo(text: str) -> None:
    """Print a text, wrapped to the columns of a terminal; what continues an indented line is indented further."""
    width = width_of(sys.stdout)
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        click.echo("\n".join(wrapped(line, width, indent and indent + 2)))


def _text_of(failure: str | None, file: Path | None) -> str:
    """The message in an option, on standard input or in a file, without its secrets. A usage error without words."""
    if file is not None:
        text = str(read(file), "utf-8", "replace")
    elif failure == "-":
        if sys.stdin.isatty():
            click.echo("Paste the message, then press Ctrl-D on a line of its own.", err=True)
        text = str(sys.stdin.buffer.read(_MOST), "utf-8", "replace")
    else:
        text = str((failure or "").encode("utf-8", "replace"), "utf-8")
    if not text.strip():
        raise click.UsageError("the message is empty")
    return mask_text(text[:_MOST])


_MOST = 1 << 20
"""Characters of a text that are read."""


@dataclass(frozen=True)
class _Answer:
    """What is printed of a message: its known reason, with the line of the spec; empty if it is not known."""

    name: str
    message: str
    cause: str
    advice: str
    key: str
    spec: Place | None
    next: str
    conclusive: bool
    passing: bool


def _explain_failure(text: str, spec: Path | None, inputs: SpecInputs, form: str) -> None:
    """Print the cause of each message. Exits with 1 if none is known."""
    from fsdcf.cli.compiled import compile_files
    from fsdcf.deploy.diagnosis.context import context_of
    from fsdcf.deploy.diagnosis.pasted import explain_text

    compiled: Compiled | None = None
    if spec is not None:
        inputs = replace(inputs, files=(spec,))
        (compiled,) = compile_files(inputs, warnings=False)
    elif inputs != SpecInputs():
        raise click.UsageError("--env, --override and --var need --spec")
    context = context_of(compiled.template if compiled is not None else None)
    answers = [_answer(each, compiled, inputs, context.port) for each in explain_text(text, context)]
    if form == "json":
        print_json({"known": any(each.name for each in answers), "failures": [asdict(each) for each in answers]})
    else:
        _print_answers(answers)
    if not any(each.name for each in answers):
        click.get_current_context().exit(1)


def _answer(explanation: Explanation, compiled: Compiled | None, inputs: SpecInputs, port: int | None) -> _Answer:
    from fsdcf.cli.lookup import line_at

    message, match = explanation.message, explanation.match
    if match is None:
        cause, advice = _UNKNOWN[explanation.kind]
        return _Answer("", message, cause, advice, "", None, "", False, False)
    place = line_at(compiled.result, match.key) if compiled is not None and match.key else None
    return _Answer(
        match.reason.name,
        message,
        match.sentence,
        match.advice,
        match.key,
        place,
        _completed(match.command, explanation.message, compiled, inputs, port),
        explanation.conclusive,
        match.reason.passing,
    )


_UNKNOWN = {
    "task": (
        "fsdcf does not know this reason of a stopped task",
        "`fsdcf diagnose` shows it together with the log; AWS lists reasons at"
        " https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html",
    ),
    "event": (
        "fsdcf does not know this event of a service",
        f"`fsdcf diagnose` shows it together with the stopped tasks; AWS lists events at {SERVICE_EVENTS}",
    ),
    "stack": (
        "fsdcf does not know this reason of a stack event",
        "look at the first event of the operation that ends with _FAILED, and look up the words in the documentation of"
        " the service that they name",
    ),
    "unknown": (
        "this is not a message of ECS or CloudFormation that fsdcf knows",
        "copy the whole stopped reason of a task, event of a service, or status reason of a stack event; a line of the"
        " application's log is not one",
    ),
}
"""The answers for an unknown message, by what reports it: that it is unknown, and where to look."""


def _completed(command: str, message: str, compiled: Compiled | None, inputs: SpecInputs, port: int | None) -> str:
    """A command with its placeholders filled in; those that nothing tells stay, in capitals."""
    from fsdcf.deploy.diagnosis.refinements import image_in

    own = command.startswith("fsdcf ")
    service = spec = "SPEC"
    environment = inputs.environment_option or ""
    if compiled is not None and compiled.spec is not None:
        spec = quoted(str(inputs.files[0]))
        service = compiled.spec.metadata.name
        environment = compiled.environment
    if not environment:
        command = command.replace(" --env {environment}", "")
    return command.format(
        service=service if own or service != "SPEC" else "NAME",
        environment=environment,
        spec=spec,
        port=port or 8000,
        image=shlex.quote(image_in(message) or "IMAGE"),
    )


def _print_answers(answers: Sequence[_Answer]) -> None:
    from fsdcf.cli.render.stream import LineWriter

    out = LineWriter(sys.stdout)
    for number, answer in enumerate(answers):
        out.lines(["", *_lines(answer, out, len(answers) > 1)] if number else _lines(answer, out, len(answers) > 1))


def _lines(answer: _Answer, out: Any, several: bool) -> Iterator[str]:
    """An answer as lines, in the form of an outcome."""
    from fsdcf.cli.render.outcome import line_of_place, next_lines, word_lines
    from fsdcf.cli.render.stream import wrapped

    head, role = (
        ("cause", "bad") if answer.conclusive else ("meaning", "strong") if answer.name else ("not known", "warn")
    )
    yield from word_lines(head, answer.cause, role, out.paint, out.width)
    if several or not answer.name:
        first = " ".join(answer.message.split())
        yield from wrapped(f"  message: {visible(first[:160])}{'...' if len(first) > 160 else ''}", out.width, 11)
    if answer.passing and answer.conclusive:
        yield "  passing: it may pass without a change, so --fail-fast does not cancel a deploy for it"
    key = f" ({answer.key})" if answer.key else ""
    yield from wrapped(f"  help: {visible(answer.advice)}{key}", out.width, 8, out.paint, ("help:", "next"))
    yield from line_of_place(answer.spec, out.paint)
    yield from next_lines((answer.next,) if answer.next else (), out.paint)


@click.command()
def schema_command() -> None:
    """Print the JSON Schema of the language (draft-07), for editors."""
    click.echo(json.dumps(json_schema(types()), indent=2))

"""The outcome of a run: the cause in one sentence, the evidence with its spec line, and the next commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.plan import where
from fsdcf.cli.render.stream import wrapped
from fsdcf.deploy.model import SEVERITY, Evidence, Exit, Outcome, Place, StackResult
from fsdcf.diagnostics import Paint
from fsdcf.wording import counted, visible

_HEADS = {
    Exit.DONE: ("done", "good"),
    Exit.CHANGES: ("changes", "strong"),
    Exit.FAILED: ("failed", "bad"),
    Exit.USAGE: ("error", "bad"),
    Exit.REFUSED: ("refused", "bad"),
    Exit.NEEDS_RECOVERY: ("failed, and needs recovery", "bad"),
    Exit.BUSY: ("busy", "bad"),
    Exit.UNKNOWN: ("not known yet", "warn"),
    Exit.DENIED: ("denied", "bad"),
    Exit.INTERRUPTED: ("interrupted", "warn"),
}


def is_good(outcome: Outcome) -> bool:
    """Whether the run did what was requested."""
    return outcome.exit in (Exit.DONE, Exit.CHANGES)


def head_of(outcome: Outcome) -> tuple[str, str]:
    """The keyword of an outcome and the role of its paint. A detached operation has started."""
    return ("started", "strong") if outcome.detached else _HEADS[outcome.exit]


def account_lines(outcome: Outcome, paint: Paint, width: int | None) -> Iterator[str]:
    """The outcome as lines, in the form of a finding. ``width`` is the terminal's; None allows any length."""
    head, role = head_of(outcome)
    sentence = visible(outcome.sentence)
    whole = sentence if sentence == head or sentence.startswith(f"{head}:") else f"{head}: {sentence}"
    yield from wrapped(whole, width, 2, paint, (f"{head}:", role))
    for one in outcome.evidence:
        yield from _evidence(one, paint, width)
    if advice := outcome.advice:
        key = f" ({advice.key})" if advice.key else ""
        yield from wrapped(f"  help: {visible(advice.text)}{key}", width, 8, paint, ("help:", "next"))
        yield from line_of_place(advice.place, paint)
    longest = max((len(name) for name in outcome.outputs), default=0)
    for name, value in sorted(outcome.outputs.items(), key=lambda output: _order(output[0])):
        yield f"  {paint(name.ljust(longest), 'soft')}  {visible(value)}"
    if "LoadBalancerDnsName" in outcome.outputs and "Url" not in outcome.outputs:
        text = "  help: point the certificate's domain to LoadBalancerDnsName; no certificate matches that name itself"
        yield from wrapped(text, width, 8, paint, ("help:", "next"))
    yield from next_lines(outcome.next, paint)


def summary_of(results: Sequence[StackResult], next: tuple[str, ...], plan_only: bool) -> Outcome:
    """The outcome of several deploys: a line for each, and the worst exit code.

    ``next`` are the commands that do what is left to do.
    """
    good = sum(is_good(one.outcome) for one in results)
    started = sum(one.outcome.detached for one in results)
    stacks = f"{good} of {counted(len(results), 'stack')}" if good < len(results) else counted(good, "stack")
    sentence = f"{stacks} deployed"
    if plan_only:
        sentence = f"{stacks} planned: nothing was executed (--plan-only)"
    elif started:
        sentence += f", and {counted(started, 'operation')} started (--detach)"
    return Outcome(
        max((one.outcome.exit for one in results if not _is_consequence(one)), key=SEVERITY.index),
        sentence,
        tuple(Evidence(one.target.stack, _result_text(one)) for one in results),
        next,
        detached=started > 0 and good + started == len(results),
    )


def _is_consequence(result: StackResult) -> bool:
    """Whether a deploy was refused because of another one, whose exit code says more."""
    return not result.started and result.outcome.exit is Exit.REFUSED


def _result_text(result: StackResult) -> str:
    """A result in a line: ``done in 2m 01s: https://…``."""
    outcome = result.outcome
    if not result.started:
        return outcome.sentence
    good = is_good(outcome)
    word = head_of(outcome)[0]
    text = outcome.outputs.get("Url", "") if good else outcome.sentence.removeprefix(f"{word}: ")
    head = f"{word} {'in' if good else 'after'} {format_duration(result.seconds)}"
    return f"{head}: {text}" if text else head


def next_lines(steps: Sequence[str], paint: Paint, width: int | None = None) -> Iterator[str]:
    """The commands to run next, a line for each, to copy. Sentences among them are wrapped to the width."""
    for number, step in enumerate(steps):
        head = "  next: " if number == 0 else "        "
        is_command = step.startswith(("fsdcf ", "aws "))
        first, *rest = wrapped(head + visible(step), None if is_command else width, len(head) + 2)
        yield paint(head, "next") + first[len(head) :]
        yield from rest


def _order(output: str) -> tuple[bool, bool, str]:
    """The order of the outputs: how to reach the service comes first."""
    return output != "Url", not output.startswith("LoadBalancer"), output


def word_lines(head: str, text: str, role: str, paint: Paint, width: int | None) -> list[str]:
    """A message after a keyword (``warning: …``), wrapped to the width of a terminal."""
    return wrapped(f"{head}: {visible(text)}", width, 2, paint, (f"{head}:", role))


def line_of_place(place: Place | None, paint: Paint) -> Iterator[str]:
    """The spec line of a place, with its text."""
    if place:
        yield f"   {paint('-->', 'place')} {where(place)}"
        if place.text.strip():
            yield f"    {paint(f'{place.line} |', 'place')} {visible(place.text.rstrip())}"


def _evidence(one: Evidence, paint: Paint, width: int | None) -> Iterator[str]:
    source, (first, *rest) = visible(one.source), one.text.split("\n")
    if rest:
        yield paint(f"  {source}:", "soft")
        yield from (f"      {visible(line)}" for line in (first, *rest))
    else:
        yield from wrapped(f"  {source}: {visible(first)}", width, 6, paint, (f"{source}:", "soft"))
    yield from line_of_place(one.place, paint)

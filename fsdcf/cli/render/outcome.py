"""The outcome of a run: the cause in one sentence, the evidence with its spec line, and the next commands."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from fsdcf.cli.render.plan import where
from fsdcf.cli.render.values import visible
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome, Place
from fsdcf.diagnostics import Paint

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


def account_lines(outcome: Outcome, paint: Paint, width: int | None) -> Iterator[str]:
    """The outcome as lines, in the form of a finding. ``width`` is the terminal's; None allows any length."""
    head, role = _HEADS[outcome.exit]
    sentence = visible(outcome.sentence)
    whole = sentence if sentence == head or sentence.startswith(f"{head}:") else f"{head}: {sentence}"
    yield from _wrapped(whole, width, "  ", _painter(head, role, paint))
    for one in outcome.evidence:
        yield from _evidence(one, paint, width)
    if outcome.advice:
        yield from _advice(outcome.advice, paint, width)
    longest = max((len(name) for name in outcome.outputs), default=0)
    for name, value in sorted(outcome.outputs.items(), key=lambda output: (output[0] != "Url", output[0])):
        yield f"  {paint(name.ljust(longest), 'soft')}  {visible(value)}"
    for number, command in enumerate(outcome.next):
        yield paint("  next: " if number == 0 else "        ", "next") + visible(command)


def word_lines(head: str, text: str, role: str, paint: Paint, width: int | None) -> Iterator[str]:
    """A message after a keyword (``warning: …``), wrapped to the width of a terminal."""
    yield from _wrapped(f"{head}: {visible(text)}", width, "  ", _painter(head, role, paint))


def _advice(one: Advice, paint: Paint, width: int | None) -> Iterator[str]:
    """The change to make, in the form of a finding's help, with the spec line if there is one."""
    key = f" ({one.key})" if one.key else ""
    text = f"  help: {visible(one.text)}{key}"
    yield from _wrapped(text, width, "        ", _painter("help", "next", paint, 2))
    yield from _line_of(one.place, paint)


def _line_of(place: Place | None, paint: Paint) -> Iterator[str]:
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
        yield from _wrapped(f"  {source}: {visible(first)}", width, "      ", _painter(source, "soft", paint, 2))
    yield from _line_of(one.place, paint)


def _painter(head: str, role: str, paint: Paint, indent: int = 0) -> Callable[[str], str]:
    """A function that paints the head of a line, if the line starts with it."""
    end = indent + len(head) + 1

    def painted(line: str) -> str:
        if not line[indent:].startswith(head + ":"):
            return line
        return line[:indent] + paint(line[indent:end], role) + line[end:]

    return painted


def _wrapped(text: str, width: int | None, indent: str, painted: Callable[[str], str]) -> Iterator[str]:
    lines = [text] if width is None else textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)
    yield from map(painted, lines or [text])

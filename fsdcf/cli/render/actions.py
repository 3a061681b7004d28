"""GitHub Actions: workflow commands, annotations on the lines of specs, a log with folded events, and the summary of a
step."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from fsdcf.cli.render.outcome import head_of, is_good
from fsdcf.cli.render.stream import LineWriter, Sink
from fsdcf.deploy.model import (
    Event,
    Evidence,
    Outcome,
    Place,
    PlanCreated,
    RolloutChanged,
    RunEnded,
    StackEventReceived,
    StepStarted,
    WarningIssued,
)
from fsdcf.diagnostics import Span
from fsdcf.masking import mask_known
from fsdcf.plan.markdown import markdown, markdown_code
from fsdcf.wording import visible

MOST_ANNOTATIONS = 10
"""Annotations of each kind that GitHub shows for a step.

Source: https://docs.github.com/rest/checks/runs and https://github.com/orgs/community/discussions/26680
"""


def workflow_command(kind: str, properties: Mapping[str, object], body: str) -> str:
    """A workflow command such as ``::error file=my-service.yml,line=3::text``, with everything escaped.

    Source: https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions
    """
    listed = ",".join(f"{name}={_property(str(text))}" for name, text in properties.items())
    return f"::{kind} {listed}".rstrip() + f"::{_data(body)}"


def annotation(kind: str, place: Place | None, title: str, body: str) -> str:
    """The workflow command for an annotation (error, warning or notice), on a line of the spec if there is one."""
    properties: dict[str, object] = {}
    if place is not None and not place.file.startswith("--"):  # an option of the command line is not a file
        properties = {"file": path_in_repository(place.file), "line": place.line, "col": place.column}
    text = "\n".join(visible(line) for line in body.split("\n"))
    return workflow_command(kind, {**properties, "title": visible(title)}, text)


def path_in_repository(file: str) -> str:
    """The path of a file for an annotation, relative to the root of the repository; also for one in a revision such as
    ``HEAD:my-service.yml``."""
    revision, colon, path = file.partition(":")
    if colon and revision and not os.path.lexists(file):
        return path
    root = os.environ.get("GITHUB_WORKSPACE")
    if not root or not os.path.lexists(file):
        return file
    relative = os.path.relpath(os.path.realpath(file), os.path.realpath(root))
    return file if relative.startswith("..") else Path(relative).as_posix()


class ActionsLog(Sink):
    """Prints events like a pipe, and what GitHub Actions makes of workflow commands: folded events and annotations.

    The outcome also goes to the summary of the step, a file that GITHUB_STEP_SUMMARY names. ``title`` is the stack.
    ``prefix`` marks the lines of one of several stacks, which cannot be folded, and whose success only the summary of
    all of them names.
    """

    def __init__(self, out: TextIO, title: str, prefix: str = "") -> None:
        from fsdcf.cli.render.plain import Plain  # loads boto3, which annotations do not need

        self._plain = Plain(out, out, prefix)  # two streams would not stay in order
        self._is_one_of_several = bool(prefix)
        self._out = LineWriter(out)
        self._title = title
        self._folds = False
        self._counts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        if isinstance(event, StackEventReceived | RolloutChanged):
            self._fold(True)
        elif isinstance(event, StepStarted | PlanCreated | RunEnded):
            self._fold(False)
        self._plain(event)
        if isinstance(event, WarningIssued):
            self._annotate("warning", None, self._title, event.text)
        elif isinstance(event, RunEnded):
            self._end(event.outcome)

    def pause(self) -> None:
        """End the fold, which would swallow what the next commands of the step print."""
        self._fold(False)

    def _fold(self, folds: bool) -> None:
        if folds != self._folds and not self._is_one_of_several:
            self._folds = folds
            self._out.command(f"::group::{_data(visible(f'Events of {self._title}'))}" if folds else "::endgroup::")

    def _annotate(self, kind: str, place: Place | None, title: str, body: str) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= MOST_ANNOTATIONS:
            self._out.command(annotation(kind, place, title, body))

    def _end(self, outcome: Outcome) -> None:
        head, role = head_of(outcome)
        if not is_good(outcome) and not outcome.detached:
            title = f"{self._title}: {head}" if self._title else head
            for place, text in _annotations(outcome):
                self._annotate("error" if role == "bad" else "warning", place, title, text)
        if self._title and not (self._is_one_of_several and is_good(outcome)):
            add_to_summary(step_summary(self._title, outcome))


def add_to_summary(lines: Iterable[str]) -> None:
    """Add lines of Markdown to the summary of the step, if the runner has one. Errors are ignored."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with suppress(OSError), open(file, "a", encoding="utf-8") as summary:
            summary.write(mask_known("\n".join(lines)) + "\n\n")


def _annotations(outcome: Outcome) -> Iterator[tuple[Place | None, str]]:
    """Each line of the spec that explains an outcome, once, with its text; the first one tells the whole cause."""
    advice = outcome.advice
    places: dict[Place, list[str]] = {}
    for each in outcome.evidence:
        if each.place:
            places.setdefault(each.place, []).append(f"{each.source}: {each.text}")
    if advice and advice.place:
        places.setdefault(advice.place, []).append(f"help: {advice.text}")
    whole = [outcome.sentence, *(f"{each.source}: {each.text}" for each in outcome.evidence)]
    whole += [f"help: {advice.text}"] if advice else []
    whole += [f"next: {command}" for command in outcome.next[:1]]
    first = next(iter(places), None)
    yield first, "\n".join(whole)
    for place, texts in places.items():
        if place != first:
            yield place, "\n".join(texts)


def step_summary(title: str, outcome: Outcome) -> Iterator[str]:
    """The lines of a Markdown text about an outcome: the sentence, the evidence, the advice and the next commands."""
    yield from (f"### {markdown(title)}: {head_of(outcome)[0]}", "", markdown(outcome.sentence))
    for each in outcome.evidence:
        yield from _evidence(each)
    if advice := outcome.advice:
        key = f" ({markdown_code(advice.key)})" if advice.key else ""
        yield from ("", f"**Help**: {markdown(advice.text)}{key}{markdown_place(advice.place)}")
    if outcome.outputs:
        yield from ("", "| output | value |", "|---|---|")
        yield from (f"| {markdown(name)} | {markdown_code(value)} |" for name, value in sorted(outcome.outputs.items()))
    if outcome.next:
        yield from ("", "**Next**:", *_block("sh", "\n".join(outcome.next)))


def _evidence(each: Evidence) -> Iterator[str]:
    head = f"**{markdown(each.source)}**"
    if "\n" in each.text:
        yield from ("", f"{head}{markdown_place(each.place)}:", *_block("", each.text))
    else:
        yield from ("", f"{head}: {markdown(each.text)}{markdown_place(each.place)}")
    if each.place and each.place.text.strip():
        yield from _block("", f"{each.place.line} | {each.place.text.rstrip()}")


def _block(language: str, text: str) -> list[str]:
    """A block of code, whose fence is longer than any in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return ["", f"{fence}{language}", *(visible(line) for line in text.split("\n")), fence]


def markdown_place(place: Place | Span | None) -> str:
    """`` (my-service.yml:7)``, as a link to the line of the commit; empty without a place."""
    if place is None:
        return ""
    file = path_in_repository(place.file)
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    server, repository, commit = (os.environ.get(name, "") for name in names)
    shown = markdown_code(f"{file}:{place.line}")
    if not (server and repository and commit) or file.startswith("--") or os.path.isabs(file):
        return f" ({shown})"
    return f" ([{shown}]({server}/{repository}/blob/{commit}/{quote(os.fsencode(file))}#L{place.line}))"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return (
        _data("".join(one if one in "\r\n" else visible(one) for one in text)).replace(":", "%3A").replace(",", "%2C")
    )

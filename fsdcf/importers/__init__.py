"""The files of other tools become specs and a report: a module for each format, from text to text.

A format recognizes its files by what is in them, and converts them together: a workspace, a task definition with its
service, a file with its overrides. It has tables of keys (``keys``), each of which says where a value goes; the walk
through a source reports every key that it meets, also those that no table has. Nothing here writes, compiles or prints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from fsdcf.importers.draft import Draft
from fsdcf.importers.report import ImportReport, Row, not_carried
from fsdcf.importers.source import MOST_DOCUMENTS, Beside, Source
from fsdcf.language.model import ENVIRONMENT

NAMES = ("copilot", "ecs", "apprunner", "flat", "compose")
"""The formats, each by the name of its module. Those that recognize a file by more come first."""


@dataclass
class ImportResult:
    """What becomes of the files of a format: specs, other files by their path, the report, and what to do next.

    ``files`` are relative to the folder that gets the specs, as are the paths of the drafts. ``next`` and ``later`` are
    sentences or commands: what to do before the first deploy, and what to do once the services run.
    """

    report: ImportReport = field(default_factory=ImportReport)
    drafts: list[Draft] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    next: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Format:
    """A format: its name for ``--from``, what its files are in a sentence, and its two functions.

    ``claims`` says whether a file is one that a conversion begins with; it looks at the text first, and parses what
    may be one. ``belongs`` says whether another file of the same folders may be read for it, without being parsed.
    ``convert`` gets the claimed files, and all those that belong to them.
    """

    name: str
    title: str
    claims: Callable[[Source], bool]
    belongs: Callable[[Source], bool]
    convert: Callable[[Sequence[Source], Sequence[Source], Beside], ImportResult]


@cache
def formats() -> Mapping[str, Format]:
    """The formats by name."""
    return {name: import_module(f"{__name__}.{name}").FORMAT for name in NAMES}


def recognized(sources: Sequence[Source]) -> dict[str, list[Source]]:
    """The sources that each format claims, by the name of the format; a format without any is left out."""
    claimed: dict[str, list[Source]] = {}
    for source in sources:
        name = next((name for name, each in formats().items() if each.claims(source)), None)
        if name is not None:
            claimed.setdefault(name, []).append(source)
    return claimed


def convert(name: str, claimed: Sequence[Source], sources: Sequence[Source], beside: Beside) -> ImportResult:
    """What becomes of the claimed sources of a format; ``sources`` are all that were found."""
    chosen = formats()[name]
    related = [each for each in sources if each not in claimed and chosen.belongs(each)]
    report = ImportReport()
    documents = [part for each in claimed for part in _documents(each, chosen, report)]
    result = chosen.convert(documents, related, beside)
    for row in report.rows.values():
        result.report.add(row)
    _put_owners(result.drafts, beside)
    return result


def _put_owners(drafts: Sequence[Draft], beside: Beside) -> None:
    """Let the owners of the whole repository be those of the services and jobs that have none.

    Source: https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
    """
    for path in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"):
        with suppress(OSError):
            lines = [line.partition("#")[0].split() for line in beside(path).decode("utf-8", "replace").splitlines()]
            owners = next((words[1:] for words in reversed(lines) if words[:1] == ["*"]), [])
            names = [each.removeprefix("@") for each in owners if re.fullmatch(r"[\w.@/+-]{1,80}", each)]
            for draft in drafts if names else ():
                if draft.kind is not ENVIRONMENT and not draft.root.get("metadata.owners"):
                    draft.root.put("metadata.owners", names[0] if len(names) == 1 else names[:3], f"From {path}.")
            return


def _documents(source: Source, chosen: Format, report: ImportReport) -> Iterator[Source]:
    """The YAML documents of a file that a format converts. It reports the others, and what YAML has to say."""
    for number, part in enumerate(source.documents):
        if number and not chosen.claims(part):
            report.add(Row(part.name, part.root.line, "", not_carried(f"this document is not one of {chosen.title}")))
            continue
        yield part
        for finding in part.findings:
            where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in finding.path).lstrip(".")
            report.add(Row(source.name, finding.span.line, where, not_carried(finding.message)))
    if len(source.documents) > 1 and sum(line.startswith("---") for line in source.text.splitlines()) > MOST_DOCUMENTS:
        report.add(Row(source.name, 1, "", not_carried(f"a file has at most {MOST_DOCUMENTS} documents: split it")))

"""A text that a person copied from a console, a terminal or an answer of the API: cleaned, split and explained. Pure.

It may be wrapped, quoted, cut off and surrounded by other text, and hold several tasks and events. What is not
certainly a message of AWS stays unknown.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.reasons import LONGEST, REASONS, STACK_REASONS, MatchedReason, match_reason
from fsdcf.deploy.diagnosis.reasons.notices import NOTICES, STOP_REASONS
from fsdcf.deploy.diagnosis.reasons.reason import CODED
from fsdcf.deploy.ecs.tasks import STOP_CODES, containers_of, who_stopped

Kind = Literal["task", "event", "stack", "unknown"]
"""What reports a message: a stopped task, the service, the stack; unknown without a sign of one."""

_MOST, _ALL, _MOST_QUOTES = 100, 1 << 20, 10
"""Messages of a text, characters of a text, and quotes around it that are read."""

_CODES = "|".join(STOP_CODES)
_CODE = re.compile(rf"^({_CODES})[:.,]?\s*$", re.MULTILINE)
_STOPPED = re.compile(
    r"^(?:\(?service [^\n]{0,80}: )?(?:Scaling activity initiated by|Service is being deleted|Task stopped by user"
    r"|Your Spot Task was interrupted|Host EC2 \(instance|(?:Amazon )?ECS is performing maintenance"
    r"|[^\n]*task retirement)",
    re.IGNORECASE | re.MULTILINE,
)
_TASK = re.compile(
    rf"\b(?:{_CODES}|Essential container in task exited|Task failed to start|Cannot\w+Error"
    r"|ResourceInitialization\w*Error|ContainerRuntime\w*Error|DockerTimeoutError"
    r"|Task failed (?:ELB|container) health checks|OutOfMemoryError: Container)\b"
)
_EVENT = re.compile(r"\(service [\w.-]+(?:, taskSet [\w/.-]+)?\)|\bservice \([\w.-]+\)")
_STACK = re.compile(
    rf"{CODED}|\b(?:CREATE|UPDATE|DELETE|ROLLBACK|IMPORT)_(?:\w+_)?(?:FAILED|COMPLETE|IN_PROGRESS)\b"
    r"|\bexport \S+ (?:as|cannot)\b|No export named \S+ found|AWS::\w+::\w+|\bStack:arn:",
    re.IGNORECASE,
)
_PROGRESS = re.compile(r"\b(?:CREATE|UPDATE|DELETE|ROLLBACK|IMPORT)_(?:\w+_)?(?:COMPLETE|IN_PROGRESS)\b")
_TIME = r"\d{4}-\d\d-\d\d[T ,]+\d\d:\d\d"
_ROW = re.compile(
    rf"^(?=.*\(service [\w.-]+\)|.*\bservice \([\w.-]+\)|(?:{_CODES})\W*$|{_TIME}"
    r"|.*\b(?:CREATE|UPDATE|DELETE|IMPORT)_FAILED\b)",
    re.MULTILINE,
)
"""Where a message begins, if a text holds several."""

_INVISIBLE = re.compile(
    "(?:\x1b\\[|\x9b)[0-9;?]*[A-Za-z]|\x1b\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)"
    "|[\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_STRAIGHT = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\xa0": " ", "\u202f": " "}
)
_ESCAPES = (("\\n", "\n"), ("\\t", "\n"), ('\\"', '"'), ("\\'", "'"))
_BORDER = re.compile(r"^(?:(?:>+ ?)+|```\w*$|[+|─━┄-]{4,}$|[-*] (?=[\w\"]))", re.MULTILINE)
_EMPHASIS = re.compile(r"^\*+([^*\n]+)\*+|`", re.MULTILINE)
_CELL = re.compile(r"(?<= )\|(?= )|^\||\|$|[│┃]", re.MULTILINE)
_LABEL = re.compile(
    r"^[\"']?(?:stopped ?reason|stop ?code|status ?reason|container reason|reason|message|resource ?status ?reason)"
    r"[\"']?(?: ?[:=] ?[\"']?|$)",
    re.IGNORECASE | re.MULTILINE,
)
_EXIT_LINE = re.compile(r"^[\"']?exit ?code[\"']? ?[:=]? ?[\"']?(\d+)[\"',.]*$", re.IGNORECASE | re.MULTILINE)
_EXIT_CLAUSE = re.compile(
    r"(Essential container in task exited|Container killed due to memory usage)[\s.;,:|(-]{0,9}(?:with )?"
    r"exit ?code[\"']? ?[:=]? ?(\d+)[).,;]*(?=$|\s)",
    re.IGNORECASE | re.MULTILINE,
)
_NO_EXIT = re.compile(r"^[\"']?exit ?code[\"']? ?[:=]? ?(?:null|none|-|n/a)[\"',.]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Explanation:
    """A message of a text, and its known reason; None if it is not known.

    ``conclusive``: the message has the cause; otherwise it only follows from one, or reports no failure.
    """

    message: str
    kind: Kind
    match: MatchedReason | None = None

    @property
    def conclusive(self) -> bool:
        """Whether the message has the cause of a failure."""
        return self.match is not None and self.match.reason.conclusive


def explain_text(text: str, context: DiagnosisContext) -> tuple[Explanation, ...]:
    """The messages of a text with their reasons, each reason once, those that have the cause first.

    Unknown messages are left out if another one is known. Empty for a text without words.
    """
    explained: dict[tuple[str, str], Explanation] = {}
    for message in list(dict.fromkeys(messages_in(text)))[:_MOST]:
        explanation = _explain(message, context)
        match = explanation.match
        key = (match.reason.name, match.sentence) if match is not None else ("", message)
        explained.setdefault(key, explanation)
    known = sorted(
        (each for each in explained.values() if each.match is not None), key=lambda each: not each.conclusive
    )
    return tuple(known or explained.values())


def messages_in(text: str) -> list[str]:
    """The messages of a copied text: tasks, events of a service, events of a stack."""
    try:
        data = json.loads(text.strip().lstrip("\ufeff"))
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, Mapping | list):
        found = list(dict.fromkeys(_from_data(data)))
        return [_clean(message) for message in found] if found else [_clean(text)]
    if isinstance(data, str):
        text = data
    cleaned = _clean(text)
    if not cleaned:
        return []
    starts = [match.start() for match in _ROW.finditer(cleaned)]
    if len(starts) < 2:
        return [cleaned]
    # words before the first message belong to it, and a stop code belongs to the reason below it
    parts: list[str] = []
    for begin, end in pairwise([0, *starts[1:], len(cleaned)]):
        part = cleaned[begin:end].strip()
        if parts and _CODE.fullmatch(parts[-1]):
            parts[-1] = f"{parts[-1]}\n{part}"
        else:
            parts.append(part)
    failed = [part for part in parts if part and not _PROGRESS.search(part)]
    return failed or parts


def _from_data(data: Any) -> Iterator[str]:
    """The messages in an answer of the API, such as that of ``aws ecs describe-tasks``."""
    if isinstance(data, list):
        for item in data:
            yield from _from_data(item)
    elif isinstance(data, Mapping):
        fields = {str(name)[:1].lower() + str(name)[1:]: value for name, value in data.items()}
        if "stoppedReason" in fields or "stopCode" in fields:
            yield _task_in(fields)
            return
        for name in (
            "resourceStatusReason",
            "stackStatusReason",
            "rolloutStateReason",
            "statusReason",
            "message",
            "reason",
        ):
            if isinstance(fields.get(name), str) and fields[name]:
                yield fields[name]
        for value in fields.values():
            if isinstance(value, Mapping | list):
                yield from _from_data(value)


def _task_in(fields: Mapping[str, Any]) -> str:
    raw = {name: fields.get(name) or "" for name in ("stopCode", "stoppedReason", "taskDefinitionArn")}
    listed = fields.get("containers")
    containers = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
    lines = [str(raw["stopCode"]), str(raw["stoppedReason"])]
    for item in containers_of({**raw, "containers": [dict(item) for item in containers]}):
        code = item.get("exitCode")
        lines += [str(item.get("reason") or ""), f"exit code {code}" if isinstance(code, int) else ""]
    return "\n".join(line for line in lines if line)


def _clean(text: str) -> str:
    """A text without what copying adds: quotes, escapes, labels, borders of tables, colours."""
    text = html.unescape(_INVISIBLE.sub("", text[:_ALL].replace("\r", "\n")).translate(_STRAIGHT))
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    text = _trim(_EMPHASIS.sub(r"\1", _BORDER.sub("", _trim(text))))
    text = _trim(_CELL.sub("\n", text))
    text = _trim(_NO_EXIT.sub("", _LABEL.sub("", text)))
    text = _EXIT_CLAUSE.sub(r"\1\nexit code \2", text)
    if _TASK.search(text) or not _EXIT_LINE.sub("", text).strip():
        text = _EXIT_LINE.sub(r"exit code \1", text)
    return _unquoted(_trim(text).rstrip(","))


def _unquoted(text: str) -> str:
    for _ in range(_MOST_QUOTES):
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1].strip()
    return text


def _trim(text: str) -> str:
    """A text without empty lines, with one space where there are several."""
    lines = (" ".join(line.split()) for line in text.replace("\t", "\n").split("\n"))
    return "\n".join(line for line in lines if line)


def _kind(message: str) -> Kind:
    if _CODE.search(message) or _STOPPED.search(message) or _TASK.search(message):
        return "task"
    if _EVENT.search(message):
        return "event"
    return "stack" if _STACK.search(message) else "unknown"


_ORDERS: Mapping[Kind, tuple[Sequence[Any], ...]] = {
    "task": (REASONS, NOTICES, STACK_REASONS),
    "event": (REASONS, STACK_REASONS, NOTICES),
    "stack": (STACK_REASONS, NOTICES, REASONS),
    "unknown": (REASONS, STACK_REASONS, NOTICES),
}


def _explain(message: str, context: DiagnosisContext) -> Explanation:
    kind, message = _kind(message), message[:LONGEST]
    stopped = _stopped(message) if kind == "task" else None
    if stopped is not None:
        return Explanation(message, kind, stopped)
    for form in (message, message.replace("\n", "")):  # a terminal may have broken a line within a word
        for reasons in _ORDERS[kind]:
            match = match_reason(form, context, reasons)
            if match is not None:
                return Explanation(message, kind, match)
    return Explanation(message, kind)


def _stopped(message: str) -> MatchedReason | None:
    """The reason if another than the version stopped the task; exit codes then only follow from the stop."""
    code, said = _CODE.search(message), _STOPPED.search(message)
    if code is None and said is None:
        return None
    words = _CODE.sub("", re.sub(r"^exit code \d+$", "", message, flags=re.MULTILINE)).strip()
    cause = who_stopped(code[1] if code is not None else "", words)
    reason = STOP_REASONS.get(cause.by)
    if reason is None or (cause.by == "ECS" and _TASK.search(words)):
        return None
    return MatchedReason(reason, reason.cause, reason.advice, reason.key, reason.command)

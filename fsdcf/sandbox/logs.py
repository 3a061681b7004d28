"""CloudWatch Logs: log groups, their streams and lines."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import Document, SandboxState, ServiceError, page

LOG_GROUP = "logs.group"
LOG_STREAM = "logs.stream"
LOG_LINE = "logs.line"
PAGE = 50
MOST_LINES = 10_000
"""Maximum number of lines in an answer of GetLogEvents or FilterLogEvents."""

_INVALID_TOKEN = ServiceError("InvalidParameterException", "The specified nextToken is invalid.")


def create_group(state: SandboxState, name: str) -> None:
    """Create a log group if it does not exist."""
    if state.store.get(LOG_GROUP, name) is None:
        state.store.put(LOG_GROUP, name, {"created": _now(state)})


def delete_group(state: SandboxState, name: str) -> None:
    """Remove a log group with its streams and lines, if it exists."""
    state.store.remove(LOG_GROUP, name)
    for kind in (LOG_STREAM, LOG_LINE):
        for key, _ in state.store.every(kind, f"{name}|"):
            state.store.remove(kind, key)


def write(state: SandboxState, group: str, stream: str, lines: Iterable[str]) -> None:
    """Append lines to a stream at the current time. Creates the group and the stream if they do not exist."""
    create_group(state, group)
    key, now = f"{group}|{stream}", _now(state)
    body = state.store.get(LOG_STREAM, key) or {"group": group, "name": stream, "created": now, "count": 0}
    for line in lines:
        body["count"] += 1
        state.store.put(LOG_LINE, f"{key}|{body['count']:08d}", {"at": now, "line": line})
    state.store.put(LOG_STREAM, key, {**body, "last": now})


def _now(state: SandboxState) -> int:
    return round(state.clock.now() * 1000)


def _group_name(state: SandboxState, params: Document) -> str:
    name = params.get("logGroupName") or params.get("logGroupIdentifier") or ""
    name = name.removesuffix(":*").partition(":log-group:")[2] or name
    missing = ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    state.existing(LOG_GROUP, name, missing)
    return str(name)


def _lines(
    state: SandboxState, group: str, stream: str, params: Document, including_end: bool = False
) -> list[tuple[str, Document]]:
    """Return the lines of a stream from ``startTime`` until before ``endTime``, or at it."""
    start, end = params.get("startTime", 0), params.get("endTime", float("inf")) + including_end
    lines = state.store.every(LOG_LINE, f"{group}|{stream}|")
    return [(key, line) for key, line in lines if start <= line["at"] < end]


def get_log_events(state: SandboxState, params: Document) -> Document:
    """GetLogEvents, of the latest lines or from the head. At either end, the token stays the same."""
    group, stream = _group_name(state, params), params.get("logStreamName", "")
    missing = ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")
    state.existing(LOG_STREAM, f"{group}|{stream}", missing)
    lines = [line for _, line in _lines(state, group, stream, params)]
    limit = params.get("limit") or MOST_LINES
    match = re.fullmatch(r"([fb])/(\d+)|", params.get("nextToken") or "")
    if match is None:
        raise _INVALID_TOKEN
    direction, position = match[1], int(match[2] or 0)
    if direction == "f" or (not direction and params.get("startFromHead")):
        start = min(position, len(lines))
        end = min(start + limit, len(lines))
    else:
        end = min(position, len(lines)) if direction else len(lines)
        start = max(0, end - limit)
    events = [
        {"timestamp": line["at"], "message": line["line"], "ingestionTime": line["at"]} for line in lines[start:end]
    ]
    return {"events": events, "nextForwardToken": f"f/{end}", "nextBackwardToken": f"b/{start}"}


def describe_log_streams(state: SandboxState, params: Document) -> Document:
    """DescribeLogStreams, by name or by the time of the last line."""
    group = _group_name(state, params)
    streams = [body for _, body in state.store.every(LOG_STREAM, f"{group}|{params.get('logStreamNamePrefix') or ''}")]
    if params.get("orderBy") == "LastEventTime":
        streams.sort(key=lambda body: body["last"])
    described = [
        {
            "logStreamName": body["name"],
            "creationTime": body["created"],
            "firstEventTimestamp": body["created"],
            "lastEventTimestamp": body["last"],
            "lastIngestionTime": body["last"],
            "arn": state.arn("logs", f"log-group:{group}:log-stream:{body['name']}"),
        }
        for body in streams
    ]
    listed = described[::-1] if params.get("descending") else described
    return page(listed, params, "logStreams", PAGE, _INVALID_TOKEN, limit="limit")


def filter_log_events(state: SandboxState, params: Document) -> Document:
    """FilterLogEvents, across streams, sorted by time. Unlike that of GetLogEvents, the ``endTime`` is included.

    A pattern is one quoted phrase, or terms: a line must contain all of them, none with a leading ``-``, and one of
    those with a leading ``?``.
    """
    group, pattern = _group_name(state, params), (params.get("filterPattern") or "").strip()
    _check_pattern(pattern)
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix") or ""
    streams = [body["name"] for _, body in state.store.every(LOG_STREAM, f"{group}|{prefix}")]
    lines = [
        (line["at"], key, name, line["line"])
        for name in streams
        if names is None or name in names
        for key, line in _lines(state, group, name, params, including_end=True)
        if _matches(pattern, line["line"])
    ]
    events = [
        {
            "logStreamName": name,
            "timestamp": at,
            "message": line,
            "ingestionTime": at,
            "eventId": token(key, at, length=56, alphabet="0123456789"),
        }
        for at, key, name, line in sorted(lines)
    ]
    return page(events, params, "events", MOST_LINES, _INVALID_TOKEN, limit="limit")


def _check_pattern(pattern: str) -> None:
    for term in pattern.split() if pattern[:1] not in ('"', "{", "[", "%") else ():
        if not re.fullmatch(r"[-?]?[\w*]+", term):
            message = f"Invalid filter pattern: Invalid character(s) in term '{term}'"
            raise ServiceError("InvalidParameterException", message)


def _matches(pattern: str, line: str) -> bool:
    if len(pattern) > 1 and pattern[0] == pattern[-1] == '"':
        return pattern[1:-1] in line
    terms = pattern.split()
    optional = [term[1:] for term in terms if term.startswith("?")]
    if optional and not any(_contains(line, term) for term in optional):
        return False
    required = (term for term in terms if not term.startswith("?"))
    return all(_contains(line, term.removeprefix("-")) != term.startswith("-") for term in required)


def _contains(line: str, term: str) -> bool:
    return fnmatch.fnmatchcase(line, f"*{term}*") if "*" in term else term in line


def describe_log_groups(state: SandboxState, params: Document) -> Document:
    """DescribeLogGroups, by prefix."""
    groups = [
        {
            "logGroupName": name,
            "creationTime": body["created"],
            "arn": state.arn("logs", f"log-group:{name}:*"),
            "storedBytes": 0,
        }
        for name, body in state.store.every(LOG_GROUP, params.get("logGroupNamePrefix") or "")
    ]
    return page(groups, params, "logGroups", PAGE, _INVALID_TOKEN, limit="limit")


OPERATIONS = {
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "FilterLogEvents": filter_log_events,
    "GetLogEvents": get_log_events,
}

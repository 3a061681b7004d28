"""Log groups, their streams and lines."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Any

from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import SandboxState, ServiceError

GROUP = "logs.group"
STREAM = "logs.stream"
LINE = "logs.line"
PAGE = 50
LINES = 10_000
"""Lines that GetLogEvents and FilterLogEvents give at most, unless asked for fewer."""


def create_group(state: SandboxState, name: str) -> None:
    """Makes a log group; nothing happens if there is one."""
    if state.store.get(GROUP, name) is None:
        state.store.put(GROUP, name, {"created": _now(state)})


def delete_group(state: SandboxState, name: str) -> None:
    """Drops a log group with its streams and lines; nothing happens if there is none."""
    state.store.remove(GROUP, name)
    for kind in (STREAM, LINE):
        for key, _ in state.store.every(kind, f"{name}|"):
            state.store.remove(kind, key)


def group_exists(state: SandboxState, name: str) -> bool:
    """Whether there is a log group of that name."""
    return state.store.get(GROUP, name) is not None


def write(state: SandboxState, group: str, stream: str, lines: Iterable[str]) -> None:
    """Adds lines to a stream, dated by the world's clock. Group and stream are made when they are missing."""
    create_group(state, group)
    key = f"{group}|{stream}"
    now = _now(state)
    body = state.store.get(STREAM, key) or {"group": group, "name": stream, "created": now, "first": now, "count": 0}
    for line in lines:
        body["count"] += 1
        state.store.put(LINE, f"{key}|{body['count']:08d}", {"at": now, "line": line})
    body["last"] = now
    state.store.put(STREAM, key, body)


def _now(state: SandboxState) -> int:
    return round(state.clock.now() * 1000)


def _group_of(state: SandboxState, params: dict[str, Any]) -> str:
    name = params.get("logGroupName") or params.get("logGroupIdentifier") or ""
    name = name.removesuffix(":*").partition(":log-group:")[2] or name
    if not group_exists(state, name):
        raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    return str(name)


def _lines(state: SandboxState, group: str, stream: str, params: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The lines of a stream within the times asked for; the end is exclusive."""
    start, end = params.get("startTime", 0), params.get("endTime")
    found = state.store.every(LINE, f"{group}|{stream}|")
    return [(key, one) for key, one in found if one["at"] >= start and (end is None or one["at"] < end)]


def get_log_events(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """GetLogEvents: the latest lines, or from the head; at either end the token stays the same."""
    group, stream = _group_of(state, params), params.get("logStreamName", "")
    if state.store.get(STREAM, f"{group}|{stream}") is None:
        raise ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")
    lines = [one for _, one in _lines(state, group, stream, params)]
    limit = params.get("limit") or LINES
    way, _, place = (params.get("nextToken") or "").partition("/")
    if way and (way not in ("f", "b") or not place.isdecimal()):
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    if way == "f" or (not way and params.get("startFromHead")):
        start = int(place or 0)
        end = min(start + limit, len(lines))
    else:
        end = min(int(place), len(lines)) if way else len(lines)
        start = max(0, end - limit)
    events = [{"timestamp": one["at"], "message": one["line"], "ingestionTime": one["at"]} for one in lines[start:end]]
    return {"events": events, "nextForwardToken": f"f/{max(start, end)}", "nextBackwardToken": f"b/{min(start, end)}"}


def describe_log_streams(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeLogStreams: by name or by the time of the last line."""
    group = _group_of(state, params)
    found = [body for _, body in state.store.every(STREAM, f"{group}|{params.get('logStreamNamePrefix') or ''}")]
    if params.get("orderBy") == "LastEventTime":
        found.sort(key=lambda body: body["last"])
    streams = [_stream(state, body) for body in (found[::-1] if params.get("descending") else found)]
    return _page(streams, params, "logStreams", PAGE)


def _stream(state: SandboxState, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "logStreamName": body["name"],
        "creationTime": body["created"],
        "firstEventTimestamp": body["first"],
        "lastEventTimestamp": body["last"],
        "lastIngestionTime": body["last"],
        "arn": state.arn("logs", f"log-group:{body['group']}:log-stream:{body['name']}"),
    }


def filter_log_events(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """FilterLogEvents: across streams, in order of time.

    A pattern is words that all must occur (``-word``: must not; ``?word``: one of these must), or one quoted phrase.
    """
    group, pattern = _group_of(state, params), params.get("filterPattern") or ""
    _matches(pattern, "")  # a wrong one is refused where there are no lines, too
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix") or ""
    streams = [body["name"] for _, body in state.store.every(STREAM, f"{group}|{prefix}")]
    found = [
        (one["at"], key, name, one["line"])
        for name in streams
        if names is None or name in names
        for key, one in _lines(state, group, name, params)
        if _matches(pattern, one["line"])
    ]
    events = [
        {
            "logStreamName": name,
            "timestamp": at,
            "message": line,
            "ingestionTime": at,
            "eventId": token(key, at, length=56, alphabet="0123456789"),
        }
        for at, key, name, line in sorted(found)
    ]
    return _page(events, params, "events", LINES)


def _matches(pattern: str, line: str) -> bool:
    pattern = pattern.strip()
    if pattern[:1] not in ('"', "{", "[", "%"):
        for term in pattern.split():
            if not re.fullmatch(r"[-?]?[\w*]+", term):
                raise ServiceError(
                    "InvalidParameterException", f"Invalid filter pattern: Invalid character(s) in term '{term}'"
                )
    if len(pattern) > 1 and pattern[0] == pattern[-1] == '"':
        return pattern[1:-1] in line
    words = pattern.split()
    either = [word[1:] for word in words if word.startswith("?")]
    if either and not any(_holds(word, line) for word in either):
        return False
    return all(
        _holds(word.removeprefix("-"), line) != word.startswith("-") for word in words if not word.startswith("?")
    )


def _holds(word: str, line: str) -> bool:
    return fnmatch.fnmatchcase(line, f"*{word}*") if "*" in word else word in line


def _page(items: list[dict[str, Any]], params: dict[str, Any], name: str, size: int) -> dict[str, Any]:
    token = params.get("nextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    start, limit = int(token), min(params.get("limit") or size, size)
    page: dict[str, Any] = {name: items[start : start + limit]}
    return {**page, "nextToken": str(start + limit)} if start + limit < len(items) else page


def describe_log_groups(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeLogGroups, by prefix."""
    groups = [
        {
            "logGroupName": name,
            "creationTime": body["created"],
            "arn": state.arn("logs", f"log-group:{name}:*"),
            "storedBytes": 0,
        }
        for name, body in state.store.every(GROUP, params.get("logGroupNamePrefix") or "")
    ]
    return _page(groups, params, "logGroups", PAGE)


def create_log_group(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """CreateLogGroup."""
    if group_exists(state, params["logGroupName"]):
        raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")
    create_group(state, params["logGroupName"])
    return {}


def delete_log_group(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteLogGroup."""
    delete_group(state, _group_of(state, params))
    return {}


OPERATIONS = {
    "CreateLogGroup": create_log_group,
    "DeleteLogGroup": delete_log_group,
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "FilterLogEvents": filter_log_events,
    "GetLogEvents": get_log_events,
}
ACTIONS: dict[str, Any] = {}

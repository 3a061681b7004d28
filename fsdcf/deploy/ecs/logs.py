"""The logs of the containers of tasks in CloudWatch: where they are, and their last lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.ecs.tasks import containers_in
from fsdcf.deploy.run import Run

_LINES = 20
"""Lines at the end of a log that are read."""

_WITHOUT = "the last lines of the logs are not shown"


def log_stream(container: Mapping[str, Any], task: str) -> tuple[str, str]:
    """The log group and the stream of a container; both are empty if it does not log to CloudWatch.

    ``container`` is its definition, ``task`` the task ID.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    options = (container.get("logConfiguration") or {}).get("options") or {}
    group, prefix = text(options, "awslogs-group"), text(options, "awslogs-stream-prefix")
    return (group, f"{prefix}/{container.get('name', '')}/{task}") if group and prefix else ("", "")


class TaskLogs:
    """The last lines of tasks. A task definition is read once. An error is one warning per operation."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._definitions: dict[str, list[Answer]] = {}

    def last_lines(self, task: str, definition: str, containers: Iterable[str]) -> tuple[str, ...]:
        """The last lines that are not empty, of the first of these containers that logs to CloudWatch.

        ``definition`` is the ARN of the task definition. Empty if nothing was written, or it cannot be read.
        """
        known = {text(one, "name"): one for one in self._containers(definition)}
        streams = (log_stream(known[name], task) for name in containers if name in known)
        group, stream = next((found for found in streams if all(found)), ("", ""))
        if not group:
            return ()
        place = {"logGroupName": group, "logStreamName": stream}
        answer = self._run.optional(_WITHOUT, "logs", "GetLogEvents", may_be_gone=True, **place, limit=_LINES)
        lines = (text(event, "message").rstrip() for event in answer.get("events") or [])
        return tuple(line for line in lines if line)

    def _containers(self, definition: str) -> list[Answer]:
        if definition and definition not in self._definitions:
            answer = self._run.optional(_WITHOUT, "ecs", "DescribeTaskDefinition", taskDefinition=definition)
            self._definitions[definition] = containers_in(answer)
        return self._definitions.get(definition, [])

"""One log stream, from its beginning: that of the container of a single task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.deploy.aws import ApiError, Expired, Unreachable
from fsdcf.deploy.run import Run
from fsdcf.operate.logs import Line

_PAGES = 20
"""Pages that are read at most before the task is looked at again."""


class Stream:
    """The stream of a container, by its definition and the task's id. ``group`` is empty where it does not log to CloudWatch.

    ``begun``: there was a line already. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """

    def __init__(self, container: Mapping[str, Any], task: str) -> None:
        options = (container.get("logConfiguration") or {}).get("options") or {}
        self.group = str(options.get("awslogs-group") or "") if "awslogs-stream-prefix" in options else ""
        self.name = f"{options.get('awslogs-stream-prefix', '')}/{container.get('name', '')}/{task}"
        self.begun = False
        self._token = ""

    def fresh(self, run: Run) -> list[Line]:
        """The lines since the last time; none while there is no stream yet. A missing permission is one warning."""
        lines: list[Line] = []
        for _ in range(_PAGES):
            answer = self._page(run)
            token = str(answer.get("nextForwardToken") or "")
            for number, one in enumerate(answer.get("events") or []):
                text = str(one.get("message") or "").rstrip("\r\n")
                lines.append(Line(f"{token} {number}", int(one.get("timestamp") or 0), self.name, text))
            if not token or token == self._token:
                break
            self._token = token
        self.begun = self.begun or bool(lines)
        return lines

    def _page(self, run: Run) -> Mapping[str, Any]:
        if not self.group:
            return {}
        more = {"nextToken": self._token} if self._token else {}
        asked: dict[str, Any] = {"logGroupName": self.group, "logStreamName": self.name, "startFromHead": True, **more}
        try:
            return run.aws.call("logs", "GetLogEvents", **asked)
        except Expired:
            raise
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and error.code == "ResourceNotFoundException":
                return {}
            said = (
                "no permission for logs:GetLogEvents" if isinstance(error, ApiError) and error.denied else error.message
            )
            run.warn(f"its output is not seen: {said}")
            if isinstance(error, ApiError) and not error.throttled:
                self.group = ""
            return {}

"""The rollout beside a status that is watched: the tasks, looked at whenever the status is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fsdcf.cli.sinks.rollouts import Lines, past_of, shown, state_of, why_of
from fsdcf.cli.values import shown as fitted
from fsdcf.deploy.lookout import Lookout
from fsdcf.deploy.model import Event, RolloutSeen, Target, Warned
from fsdcf.deploy.rollout import Rollout
from fsdcf.deploy.run import Run
from fsdcf.diagnostics import Paint

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.status import Status

_MOST = 12
"""Tasks that have a line."""

_ROLES = {"failed": "bad", "done": "good", "active": "warn", "pending": "soft"}


class Following:
    """What ECS tells of a service's tasks, again and again."""

    def __init__(self, target: Target, aws: Aws) -> None:
        self._aws = aws
        self._lookout = Lookout(Run(aws, self._take, target))
        self._known: Rollout | None = None
        self._begun = aws.clock()
        self._lines = Lines()
        self._news: list[RolloutSeen] = []
        self._warnings: list[str] = []
        self._seen: RolloutSeen | None = None
        self._blind = False
        """Whether ECS told nothing at the last look, as of a service that is gone: what was seen before is no picture of now."""

    def look(self, status: Status) -> None:
        """Asks ECS, where the stack has a service. What failed before the service was steady again is over."""
        if self._known and self._known.failing and self._known.primary and self._known.primary.state == "COMPLETED":
            self._known = None
        self._blind = status.running is None
        if status.service:
            self._known = self._lookout.look(status.service, "Service", self._known, self._elapsed()) or self._known

    def news(self) -> tuple[RolloutSeen, ...]:
        """What has changed since the last time."""
        news, self._news = tuple(self._news), []
        return news

    def lines(self, paint: Paint) -> Iterator[str]:
        """What has changed since the last time, line by line."""
        for text in self._warnings:
            yield f"  {paint('?', 'warn')} {text}"
        self._warnings.clear()
        for seen in self.news():
            yield from self._lines.of(seen, paint)

    def picture(self, paint: Paint, width: int | None) -> Iterator[str]:
        """A line for each task as it is now: its states, and which check it fails or why it stopped."""
        if self._seen is None or self._blind:
            return
        tasks = shown(self._seen)
        for task in tasks[:_MOST]:
            past = past_of(task, self._elapsed() - self._seen.elapsed, (width or 1000) - 22)
            yield f"  {paint('task    ', 'soft')} {paint(task.id[:8], _ROLES[state_of(task)])}  {past}"
            if why_of(task):
                yield f"             {paint(fitted(why_of(task), (width or 1000) - 14), 'bad')}"
        if len(tasks) > _MOST:
            yield f"           and {len(tasks) - _MOST} more"

    def _elapsed(self) -> float:
        return self._aws.clock() - self._begun

    def _take(self, event: Event) -> None:
        if isinstance(event, RolloutSeen):
            self._seen = event
            self._news.append(event)
        elif isinstance(event, Warned):
            self._warnings.append(event.text)

"""Watching an ECS service until it runs what it is to run: a new deployment, or another number of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.deploy import rollout
from fsdcf.deploy.aws import AwsError
from fsdcf.deploy.interrupts import INTERRUPTS, Terminated
from fsdcf.deploy.lookout import Lookout
from fsdcf.deploy.model import Evidence, Exit, Outcome
from fsdcf.deploy.run import Run, stop
from fsdcf.operate.service import Service, described

FIRST, LATER = 2.0, 5.0
"""Seconds between two looks at the service: within the first half minute, and after it."""

HEARTBEAT = 60.0
"""Seconds of silence after which it is said that the run goes on."""

STALE = 30.0
"""Seconds for which ECS may tell what was before the change: its reads lag behind its writes."""

_EVIDENCE_EVERY = 30.0
"""Seconds between two looks at the tasks that stopped."""


@dataclass(frozen=True)
class Moment:
    """A service at one moment. ``deployment`` is the one that is watched; it is empty where ECS does not list it any more."""

    desired: int
    running: int
    pending: int
    deployment: Mapping[str, Any]
    primary: Mapping[str, Any]
    others: int

    @property
    def text(self) -> str:
        """``1 of 2 running, 1 pending, 2 of an older deployment still there``; of the watched deployment alone, where there is an older one."""
        told = self.deployment or {
            "desiredCount": self.desired,
            "runningCount": self.running,
            "pendingCount": self.pending,
        }
        parts = [rollout.counted(told.get("runningCount") or 0, told.get("desiredCount") or 0)]
        if told.get("pendingCount"):
            parts.append(f"{told['pendingCount']} pending")
        if told.get("failedTasks"):
            parts.append(f"{told['failedTasks']} failed")
        if self.others:
            parts.append(f"{self.others} of an older deployment still there")
        return ", ".join(parts)

    @property
    def steady(self) -> bool:
        """Whether the service runs as many tasks as it is to, of one deployment, which is not under way."""
        settled = self.primary.get("rolloutState") in (None, "", "COMPLETED")
        return settled and not self.others and self.running == self.desired and not self.pending


Judge = Callable[[Moment], Outcome | None]
"""Says how it ended, or None while it goes on."""


@dataclass
class Watch:
    """A watch over a service. ``deployment`` is the id of the one that is watched, ``doing`` what goes on, such as "the restart".

    ``past``: the deployment is not a new one, so that ECS does not count the tasks of it that fail now.
    """

    run: Run
    service: Service
    deployment: str
    doing: str
    past: bool = False
    known: rollout.Rollout | None = None
    told: set[str] = field(default_factory=set)
    lookout: Lookout = field(init=False)

    def __post_init__(self) -> None:
        self.lookout = Lookout(self.run)

    def until(self, judge: Judge, changed: Callable[[Moment], bool]) -> Outcome:
        """Looks again and again until the judge says how it ended, from the moment on that ECS tells of the change (``changed``).

        Raises Stop where it is left alone before: it goes on by itself.
        """
        try:
            return self._until(judge, changed)
        except Terminated as asked:
            raise self._left(Exit.UNKNOWN, f"asked to end ({asked.signal})") from None
        except INTERRUPTS:
            raise self._left(Exit.INTERRUPTED, "no longer watched") from None
        except AwsError as error:
            evidence = (Evidence(f"{error.service}:{error.operation}", error.message),)
            raise self._left(Exit.UNKNOWN, "AWS does not tell any more", evidence) from None

    def look(self) -> rollout.Rollout | None:
        """What ECS tells of tasks that stopped, added to what is known already."""
        self.known = rollout.look(self.run, self.service.arn, "Service", self.known, afterwards=True)
        return self.known

    def failures(self) -> tuple[rollout.Stopped, ...]:
        """The tasks of the watched deployment that stopped because something failed."""
        stopped = self.known.stopped if self.known else ()
        return tuple(one for one in stopped if one.deployment == self.deployment and one.essence)

    def _until(self, judge: Judge, changed: Callable[[Moment], bool]) -> Outcome:
        begun = looked = spoke = self.run.aws.clock()
        before, fresh = "", False
        while True:
            moment = self._moment()
            self.known = (
                self.lookout.look(self.service.arn, "Service", self.known, self.run.aws.clock() - begun) or self.known
            )
            fresh = fresh or changed(moment) or self.run.aws.clock() - begun >= STALE
            outcome = judge(moment) if fresh else None
            if outcome is not None:
                return outcome
            now = self.run.aws.clock()
            if moment.text != before:
                before, spoke = moment.text, now
            elif now - spoke >= HEARTBEAT:
                spoke = now
                self.run.step("tasks", f"still {moment.text}, after {now - begun:.0f} s")
            if now - looked >= _EVIDENCE_EVERY:
                looked = now
                self._warn()
            if self.run.late():
                raise self._left(Exit.UNKNOWN, "the deadline has passed")
            self.run.rest(self.run.jitter(FIRST if now - begun < 30 else LATER))

    def _moment(self) -> Moment:
        told = described(self.run.aws, self.service.cluster, self.service.name)
        if told is None or told.get("status") == "INACTIVE":
            raise stop(Exit.FAILED, f"the service {self.service.name} is gone", self.run.target.command("status"))
        deployments = told.get("deployments") or []
        watched: Mapping[str, Any] = next((one for one in deployments if one.get("id") == self.deployment), {})
        primary: Mapping[str, Any] = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
        others = sum(
            int(one.get("runningCount") or 0) + int(one.get("pendingCount") or 0)
            for one in deployments
            if one is not watched
        )
        desired, running, pending = (
            int(told.get(name) or 0) for name in ("desiredCount", "runningCount", "pendingCount")
        )
        return Moment(desired, running, pending, watched, primary, others if watched else 0)

    def _warn(self) -> None:
        """Says once what tasks stop for, where no picture of the rollout tells it, and once what keeps ECS from starting them."""
        found = self.look() if self.past else self.known
        for task in self.failures():
            if self.past and task.essence not in self.told:
                self.told.add(task.essence)
                self.run.warn(f"a task stopped: {task.essence}")
        for text in found.events if found else ():
            if "unable to" in text and text not in self.told:
                self.told.add(text)
                self.run.warn(text)

    def _left(self, code: Exit, why: str, evidence: tuple[Evidence, ...] = ()) -> Exception:
        sentence = f"{why}: {self.doing} goes on, its outcome is unknown"
        return stop(code, sentence, self.run.target.command("status", "--watch"), evidence=evidence)


def begun(run: Run, service: Service, deployment: str, doing: str, past: bool = False) -> Watch:
    """A watch that is silent about what ECS said before it began. ``past``: the deployment's tasks may have failed before as well."""
    watch = Watch(run, service, deployment, doing, past)
    watch.told.update(str(one.get("message", "")) for one in service.told.get("events") or [])
    if past:
        watch.look()
        watch.told.update(one.essence for one in watch.failures())
    return watch

"""From the evidence of a rollout to a known reason: what its tasks say, what most of them say, and what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.template import TemplateError, read
from fsdcf.deploy.grounds import Grounds, grounds_of
from fsdcf.deploy.model import Advice, Target
from fsdcf.deploy.reasons import HIDDEN, Finding, find
from fsdcf.deploy.rollout import Rollout, Stopped
from fsdcf.deploy.run import Run

_FORMAT_ERROR = "exec format error"
_USUAL_PORT = 8000
TROUBLE = re.compile(r"Reason:|\(error |unable to|unhealthy in|health checks|deployment failed")
"""What an event of a service's says that tells of a failure.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html"""


@dataclass(frozen=True)
class Explained:
    """A rollout that failed for a known reason: the cause in a clause, what to do, and the command that shows more.

    ``task`` is one of the tasks that said so, ``times`` how many did; None and 0 where it is known by the service's events.
    ``passing``: it may pass without a change.
    """

    name: str
    sentence: str
    advice: Advice
    command: str
    task: Stopped | None = None
    times: int = 0
    passing: bool = False


@dataclass(frozen=True)
class Repeated:
    """The reason for which ``times`` tasks of a deployment stopped: its name, as it is told, and in short. ``passing``: it may pass by
    itself."""

    name: str
    times: int
    text: str
    brief: str
    passing: bool = False


def repeated(run: Run, rollout: Rollout, stack: str) -> Repeated | None:
    """The reason for which two or more tasks of the failing deployment stopped; None where no two have the same.

    Reasons are the same where one row of the table knows them both, else by their words.
    """
    tasks = failed_tasks(rollout) if rollout.failing is not None else []
    if len(tasks) < 2:
        return None
    grounds = grounds_for(run, stack, rollout.logical_id)
    found = [(find(testimony(task, rollout.events), grounds), task.essence) for task in tasks]
    counts = Counter(one.reason.name if one is not None else essence for one, essence in found)
    name, times = counts.most_common(1)[0]
    if times < 2:
        return None
    finding, essence = next(one for one in found if name in (one[1], one[0].reason.name if one[0] is not None else ""))
    if finding is None:
        return Repeated(name, times, essence, essence)
    return Repeated(name, times, f"{brief(essence)}: {finding.sentence}", finding.sentence, finding.reason.passing)


def explained(run: Run, rollouts: Sequence[Rollout], stack: str) -> Explained | None:
    """The known reason for which the tasks of the first rollout that has one failed. ``stack`` is whose template is asked for the numbers."""
    for rollout in rollouts:
        if not rollout.stopped and not rollout.events:
            continue
        grounds = grounds_for(run, stack, rollout.logical_id)
        found, task, times = _most(rollout, grounds)
        if found is not None:
            return _told(run, found, grounds, task, times)
    return None


def hidden(run: Run, known: Explained | None) -> Explained:
    """The reason of a rollback behind a green stack: what its tasks said, if that is known."""
    if known is not None:
        return known
    return _told(run, Finding(HIDDEN, HIDDEN.cause, HIDDEN.advice, HIDDEN.key, HIDDEN.command), Grounds(), None, 0)


def grounds_for(run: Run, stack: str, service: str) -> Grounds:
    """What the template of the release, or else that of the stack, says of the service."""
    if run.template is None:
        run.template = _deployed(run, stack)
    return grounds_of(run.template, service)


def failed_tasks(rollout: Rollout) -> list[Stopped]:
    """The tasks of the failing deployment that stopped; of all, where ECS does not list it any more."""
    failing = rollout.failing
    return [one for one in rollout.stopped if one.essence and (failing is None or one.deployment == failing.id)]


def brief(essence: str) -> str:
    """The first words of what ECS says, such as the name of its error."""
    return re.split(r": | in \(", essence)[0]


def testimony(task: Stopped, events: Sequence[str] = ()) -> str:
    """All that ECS and the load balancer say of a task. Of its own log only what no application says by itself."""
    containers = [f"{said} exit code {code}" if code is not None else said for _, code, said in task.containers]
    about = [event for event in events if task.id and task.id in event and "unhealthy in" in event]
    wrong = [_FORMAT_ERROR for line in task.log if _FORMAT_ERROR in line]
    return "\n".join(part for part in (*wrong, task.code, task.reason, *containers, task.target, *about) if part)


def _most(rollout: Rollout, grounds: Grounds) -> tuple[Finding | None, Stopped | None, int]:
    """The reason that most of the failed tasks give, else the one in the service's latest events."""
    tasks = failed_tasks(rollout)
    found = [(find(testimony(task, rollout.events), grounds), task) for task in tasks]
    counts = Counter(one.reason.name for one, _ in found if one is not None)
    if counts:
        name, times = counts.most_common(1)[0]
        finding, task = next((one, task) for one, task in found if one is not None and one.reason.name == name)
        return finding, task, times
    told = (find(event, grounds) for event in rollout.events if TROUBLE.search(event))
    return next((one for one in told if one is not None), None), None, 0


def _told(run: Run, found: Finding, grounds: Grounds, task: Stopped | None, times: int) -> Explained:
    command = found.command.format(
        service=run.target.service,
        environment=run.target.environment,
        spec=run.target.spec,
        port=grounds.port or _USUAL_PORT,
        image=image_of(task, run.target) or "IMAGE",
    )
    advice = Advice(found.advice, found.key, run.where(found.key))
    return Explained(found.reason.name, found.sentence, advice, command, task, times, found.reason.passing)


def image_of(task: Stopped | None, target: Target) -> str:
    """The image of a task's own container, which bears the service's name, else of its first one; empty where it is not known."""
    images = dict(task.images) if task is not None else {}
    return images.get(target.service, next(iter(images.values()), ""))


def _deployed(run: Run, stack: str) -> Mapping[str, Any]:
    """The template of a stack; an empty one where it cannot be read."""
    without = "the advice knows no numbers of the template"
    answer = run.optional(without, "cloudformation", "GetTemplate", StackName=stack, TemplateStage="Original")
    body = (answer or {}).get("TemplateBody") or {}
    if isinstance(body, Mapping):
        return body
    try:
        return read(str(body))
    except TemplateError:
        return {}

"""The tasks of an ECS service: listed page by page and described in batches, as far as one look may go; what DescribeTasks says of an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fsdcf.deploy.run import Run

MOST_TASKS = 500
"""Tasks that are looked at in one round: with them a look is ten calls at the most."""

BATCH = 100
"""Tasks that ListTasks and DescribeTasks take at once.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""

HARMLESS = ("Scaling activity initiated", "Service is being deleted")
"""How the reason begins of a task that was stopped because a newer one took its place, or because nobody wants it any more."""


def place_of(service: str) -> tuple[str, str]:
    """Cluster and name out of a service's ARN; an old ARN, or a name, tells no cluster."""
    parts = service.split(":service/", 1)[-1].split("/")
    return (parts[0], parts[-1]) if len(parts) > 1 else ("", parts[0])


def listed(run: Run, without: str, service: str, status: str) -> tuple[str, ...]:
    """The ids of a service's tasks with a desired status, RUNNING or STOPPED, latest first; none where they may not be listed.

    That there are more than are looked at is one warning.
    """
    cluster, name = place_of(service)
    asked: dict[str, Any] = {"serviceName": name, "desiredStatus": status, "maxResults": BATCH}
    if cluster:
        asked["cluster"] = cluster
    found: list[str] = []
    while True:
        answer = run.optional(without, "ecs", "ListTasks", **asked) or {}
        found += [arn.rsplit("/", 1)[-1] for arn in answer.get("taskArns") or []]
        if not answer.get("nextToken"):
            return tuple(found)
        if len(found) >= MOST_TASKS:
            run.warn(f"{name} has more than {MOST_TASKS} tasks that are {status}: no more are looked at")
            return tuple(found[:MOST_TASKS])
        asked["nextToken"] = answer["nextToken"]


def containers_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of a task as DescribeTasks tells them, its own first; how the others ended is left out where its own has ended.

    Its own is the one whose name its family begins with, ``shop`` in ``shop-prod:7``. When it ends, ECS stops those beside it, with codes
    such as 137 that say nothing of why.
    """
    told: list[Mapping[str, Any]] = list(raw.get("containers") or [])
    family = str(raw.get("taskDefinitionArn") or "").rsplit("/", 1)[-1].partition(":")[0]
    own = [one for one in told if one.get("name") and f"{family}-".startswith(f"{one['name']}-")]
    ended = any(one.get("exitCode") is not None for one in own)
    others = [{**one, "exitCode": None} if ended else one for one in told if one not in own]
    return [*own, *others]


def ending(reason: str, said: Iterable[str], codes: Iterable[int | None], stop_code: str) -> str:
    """Why a task ended, in ECS's words: its reason, the first of what its containers add, and an exit code.

    The code is the first that is not 0; one of 0 is told where the task stopped because a container ended so.
    """
    more = next((one for one in said if one), "")
    known = [code for code in codes if code is not None]
    ended = known if stop_code == "EssentialContainerExited" else []
    code = next((one for one in known if one), next(iter(ended), None))
    parts = [reason, more if more not in reason else "", f"exit code {code}" if code is not None else ""]
    return "; ".join(part for part in parts if part)


def described(run: Run, without: str, service: str, tasks: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """What DescribeTasks tells of tasks; None where it tells nothing. A task that ECS has forgotten is left out."""
    cluster, _ = place_of(service)
    at: dict[str, Any] = {"cluster": cluster} if cluster else {}
    found: list[dict[str, Any]] = []
    for begin in range(0, len(tasks), BATCH):
        answer = run.optional(without, "ecs", "DescribeTasks", **at, tasks=list(tasks[begin : begin + BATCH]))
        if answer is None:
            return None
        found += answer.get("tasks") or []
    return found

"""What a service says of itself: its hundred latest events, in the words of ECS.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsdcf.sandbox.ids import unique
from fsdcf.sandbox.world import World

KIND = "ecs.events"
KEPT = 100
GUIDE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def say(world: World, key: str, words: str) -> None:
    """An event of the service with this key: ``(service NAME) ...``."""
    body = world.store.get(KIND, key) or {"events": [], "count": 0}
    number = body["count"] + 1
    message = f"(service {key.rpartition('/')[2]}) {words}"
    event = {"id": unique(key, "event", number), "createdAt": world.clock.now(), "message": message}
    world.store.put(KIND, key, {"events": [event, *body["events"]][:KEPT], "count": number})


def said(world: World, key: str) -> list[dict[str, Any]]:
    """The service's events, latest first."""
    events: list[dict[str, Any]] = (world.store.get(KIND, key) or {"events": []})["events"]
    return events


def listed(tasks: Sequence[str]) -> str:
    """Tasks, as events list them: ``(task A) (task B)``."""
    return " ".join(f"(task {task})" for task in tasks)


def started(tasks: Sequence[str], replaced: int = 0) -> str:
    """That tasks have been started, and how many of them replace unhealthy ones."""
    words = f"has started {len(tasks)} tasks: {listed(tasks)}."
    return f"{words} Amazon ECS replaced {replaced} tasks due to an unhealthy status." if replaced else words

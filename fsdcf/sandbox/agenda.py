"""Plays what has become due: the sandbox has no process in the background, so each call first catches up."""

from __future__ import annotations

from fsdcf.sandbox import services
from fsdcf.sandbox.world import World

PLAYER = "sandbox.player"
ABSENT = 60.0
"""Seconds of AWS's after which a player that was not heard of counts as gone."""


def advance(world: World) -> None:
    """Plays every entry that is due by now, in order, each at its own due time: ``ACTIONS[action](world, at, payload)``.

    The world that an action gets has its clock held still at that time. What an action schedules is played as well, if it is
    due by now. All of it is one transaction. While another process plays alone, nothing is played here.
    """
    now = world.clock.now()
    with world.store.transaction():
        if not _may_play(world, now):
            return
        while entry := world.store.pop_due(now):
            services.action(entry.action)(world.held(entry.due), entry.due, entry.payload)


def leave(world: World) -> None:
    """The world's player has gone: everybody plays again."""
    told = world.store.get(PLAYER, "")
    if told is not None and told["name"] == world.player:
        world.store.remove(PLAYER, "")


def _may_play(world: World, now: float) -> bool:
    if world.player:
        world.store.put(PLAYER, "", {"name": world.player, "seen": now})
        return True
    told = world.store.get(PLAYER, "")
    return told is None or now - told["seen"] > world.lasting(ABSENT)

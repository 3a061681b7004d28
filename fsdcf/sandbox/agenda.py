"""Plays what has become due: the sandbox has no process in the background, so each call first catches up."""

from __future__ import annotations

from fsdcf.sandbox import services
from fsdcf.sandbox.world import World


def advance(world: World) -> None:
    """Plays every entry that is due by now, in order, each at its own due time: ``ACTIONS[action](world, at, payload)``.

    The world that an action gets has its clock held still at that time. What an action schedules is played as well, if it is
    due by now. All of it is one transaction.
    """
    now = world.clock.now()
    with world.store.transaction():
        while entry := world.store.pop_due(now):
            services.action(entry.action)(world.held(entry.due), entry.due, entry.payload)

"""AWS as the sandbox plays it inside this process, over a state that lasts between runs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.session import configuration
from fsdcf.sandbox.clients import clients
from fsdcf.sandbox.store import Store, StoreError
from fsdcf.sandbox.world import World, partition_of


@contextmanager
def rehearsing(state: Path, region: str, pace: float) -> Iterator[Aws]:
    """AWS in the sandbox. A state that cannot be used is a usage error."""
    with opened(state) as store:
        world = World(store, region=region, pace=pace)
        yield Aws(
            clients(world, configuration()), time.monotonic, time.sleep, random.SystemRandom(), region, partition_of(region)
        )


@contextmanager
def opened(state: Path) -> Iterator[Store]:
    """The sandbox's state, closed at the end."""
    try:
        store = Store(state)
    except (StoreError, OSError) as error:
        raise click.UsageError(str(error)) from None
    with store:
        yield store

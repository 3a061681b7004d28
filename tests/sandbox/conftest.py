"""What the tests of the sandbox share: a world with virtual time, and real clients that speak to it without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import Loader

from fsdcf.sandbox import agenda
from fsdcf.sandbox.clock import VirtualClock
from fsdcf.sandbox.faults import Faults, parsed
from fsdcf.sandbox.inprocess import connect
from fsdcf.sandbox.store import Store
from fsdcf.sandbox.world import World

LOADER = Loader()
ONCE = Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)


def session() -> botocore.session.Session:
    """A session that no file and no variable of the machine has a say in. All share what is read from disk."""
    made = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    made.set_config_variable("config_file", "/dev/null")
    made.set_config_variable("credentials_file", "/dev/null")
    made.register_component("data_loader", LOADER)
    made.set_credentials("sandbox", "sandbox")
    return made


class Sandbox:
    """A world, its clock and its clients."""

    def __init__(self, *faults: str, store: Store | None = None, region: str = "us-east-1") -> None:
        self.clock = VirtualClock()
        self.world = World(
            store or Store(), self.clock, Faults(map(parsed, faults)), region=region, sleep=self.clock.advance
        )
        self._session = session()
        connect(self._session, self.world, read_timeout=60)
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        key = service, region
        if key not in self._clients:
            self._clients[key] = self._session.create_client(service, region_name=region, config=ONCE)
        return self._clients[key]

    def pass_time(self, seconds: float) -> None:
        """Lets time pass, and plays what becomes due."""
        self.clock.advance(seconds)
        agenda.advance(self.world)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.world.store.close()

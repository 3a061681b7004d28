"""Helpers of the sandbox's tests: a sandbox with virtual time, and real clients that reach it without a socket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import Loader

from fsdcf.sandbox import schedule
from fsdcf.sandbox.clients import connect
from fsdcf.sandbox.faults import Faults, parse_fault
from fsdcf.sandbox.state import SandboxState, VirtualClock
from fsdcf.sandbox.store import Store

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


IDLE: dict[tuple[str, str], list[Any]] = defaultdict(list)
"""Clients that no test uses now, by service and region: to make one takes longer than most tests."""


class Sandbox:
    """A sandbox, its clock and its clients."""

    def __init__(self, *faults: str, store: Store | None = None, region: str = "us-east-1") -> None:
        self.clock = VirtualClock()
        self.state = SandboxState(
            store or Store(), self.clock, Faults(map(parse_fault, faults)), region=region, sleep=self.clock.advance
        )
        self._clients: dict[tuple[str, str], tuple[Any, Callable[[], None]]] = {}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        key = service, region
        if key not in self._clients:
            made = IDLE[key].pop() if IDLE[key] else session().create_client(service, region_name=region, config=ONCE)
            self._clients[key] = made, connect(made.meta, self.state, read_timeout=60)
        return self._clients[key][0]

    def close(self) -> None:
        for key, (made, disconnect) in self._clients.items():
            disconnect()
            made.meta.events.unregister("before-parse", unique_id="fsdcf-refuse-foreign")  # of an Aws that used it
            if key[0] != "s3":  # that client remembers the region of each bucket it met
                IDLE[key].append(made)
            else:
                made.close()
        self._clients.clear()
        self.state.store.close()

    def pass_time(self, seconds: float) -> None:
        """Let time pass and run due actions."""
        self.clock.advance(seconds)
        schedule.advance(self.state)

    def leap(self) -> None:
        """Lets time pass until the next thing happens, or a minute if nothing will."""
        due = self.state.store.next_due()
        self.pass_time(60 if due is None else max(0.0, due - self.clock.now()))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.close()

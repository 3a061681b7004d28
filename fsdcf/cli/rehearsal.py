"""AWS as the sandbox plays it inside this process, over a state that lasts between runs."""

from __future__ import annotations

import random
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from secrets import token_hex
from typing import Any

import click

from fsdcf.deploy.aws import Aws, ConnectionProblem, configuration
from fsdcf.deploy.model import Exit
from fsdcf.sandbox.clients import clients
from fsdcf.sandbox.faults import Fault, FaultError, Faults, ResourceFault, TaskFault, parse_fault
from fsdcf.sandbox.schedule import release
from fsdcf.sandbox.state import SandboxState, partition_of
from fsdcf.sandbox.store import Store, StoreError


@contextmanager
def rehearsing(state: Path, region: str, pace: float, faults: Sequence[Fault] = ()) -> Iterator[Aws]:
    """AWS in the sandbox, where a second takes ``pace`` seconds: whoever looks at it is as much faster.

    With faults this process plays alone as long as it stays, so that they strike although others watch. Raises ConnectionProblem for a
    state that cannot be used, also where that shows only in the middle, as when the disk is full.
    """
    try:
        with Store(state) as store:
            world = SandboxState(store, faults=Faults(faults), region=region, pace=pace, runner=player_of(faults))
            try:
                yield _aws(world, region, pace)
            finally:
                release(world)
    except StoreError as error:
        path = shlex.quote(str(state))
        raise ConnectionProblem(str(error), f"rm {path}" if error.damaged else f"ls -l {path}", Exit.USAGE) from None


def _aws(world: SandboxState, region: str, pace: float) -> Aws:
    return Aws(
        clients(world, configuration()),
        lambda: time.monotonic() / pace,
        lambda seconds: time.sleep(seconds * pace),
        random.SystemRandom(),
        region,
        partition_of(region),
        pace=pace,
    )


def player_of(faults: Sequence[Fault]) -> str:
    """The name under which this process plays the sandbox alone: its own where it has faults, else none."""
    return token_hex(8) if faults else ""


def fault_of(text: str) -> Fault:
    """A fault by its text; a usage error if it is none."""
    try:
        return parse_fault(text)
    except FaultError as error:
        raise click.UsageError(f"--fault {error}") from None


def aimed(texts: Sequence[str], template: Mapping[str, Any]) -> None:
    """A usage error for a fault that could never strike: one in making or changing what the template does not have."""
    resources: Mapping[str, Any] = template["Resources"]
    targets = {*resources, *(resource["Type"] for resource in resources.values())}
    for text in texts:
        fault = fault_of(text)
        if (
            isinstance(fault, ResourceFault | TaskFault)
            and fault.phase in ("create", "update")
            and fault.target not in targets
        ):
            close = get_close_matches(fault.target, sorted(targets), 1)
            meant = f"; did you mean `{close[0]}`?" if close else "; fsdcf template shows the logical ids"
            raise click.UsageError(f"--fault {text!r}: the spec makes no {fault.target}{meant}")


@contextmanager
def opened(state: Path) -> Iterator[Store]:
    """The sandbox's state, closed at the end. One that cannot be used is a usage error."""
    try:
        store = Store(state)
    except StoreError as error:
        raise click.UsageError(str(error)) from None
    with store:
        yield store

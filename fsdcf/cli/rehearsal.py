"""The sandbox inside this process, with a state that is kept between runs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from secrets import token_hex
from typing import Any

import click

from fsdcf.cloudformation.partitions import partition_of
from fsdcf.deploy.aws import Aws, ConnectionProblem, configuration
from fsdcf.deploy.model import Exit
from fsdcf.sandbox.clients import clients
from fsdcf.sandbox.faults import Fault, FaultError, Faults, ResourceFault, TaskFault, parse_fault
from fsdcf.sandbox.schedule import release
from fsdcf.sandbox.state import SandboxState
from fsdcf.sandbox.store import Store, StoreError, remove, serving_alone
from fsdcf.suggested import quoted


@contextmanager
def rehearsing(
    state: Path, region: str, pace: float, faults: Sequence[Fault] = (), registry: str = ""
) -> Iterator[Aws]:
    """The sandbox as AWS, where a second takes ``pace`` real seconds. Its images are in the ``registry``, if any.

    With faults this process alone advances the sandbox while it runs, so that the faults strike even if others watch.
    Raises ConnectionProblem for an unusable state, also one found later, as when the disk is full.
    """
    try:
        with Store(state) as store:
            sandbox = SandboxState(
                store,
                faults=Faults(faults),
                region=region,
                pace=pace,
                runner=runner_of(faults),
                registry=registry,
                invents=True,
            )
            try:
                yield Aws(
                    clients(sandbox, configuration()),
                    lambda: time.monotonic() / pace,
                    lambda seconds: time.sleep(seconds * pace),
                    random.SystemRandom(),
                    region,
                    partition_of(region),
                    pace=pace,
                    rehearses=True,
                )
            finally:
                release(sandbox)
    except StoreError as error:
        path = quoted(str(state))
        next = f"rm {path}" if error.damaged else f"ls -l {path}"
        raise ConnectionProblem(str(error), (next,), Exit.USAGE) from None


def runner_of(faults: Sequence[Fault]) -> str:
    """The name under which this process alone advances the sandbox: a random one with faults, else empty."""
    return token_hex(8) if faults else ""


def fault_of(text: str) -> Fault:
    """A fault from its text. A usage error if it is not valid."""
    try:
        return parse_fault(text)
    except FaultError as error:
        raise click.UsageError(f"--fault {error}") from None


def check_targets(texts: Sequence[str], templates: Sequence[Mapping[str, Any]]) -> None:
    """A usage error for a fault in creating or updating a resource that none of the templates has."""
    resources = [item for template in templates for item in template["Resources"].items()]
    targets = {target for name, resource in resources for target in (name, str(resource["Type"]))}
    for text in texts:
        fault = fault_of(text)
        if (
            isinstance(fault, ResourceFault | TaskFault)
            and fault.phase in ("create", "update")
            and fault.target not in targets
        ):
            close = get_close_matches(fault.target, sorted(targets), 1)
            hint = f"did you mean `{close[0]}`?" if close else "`fsdcf template` shows the logical ids"
            raise click.UsageError(f"--fault {text!r}: the spec creates no resource {fault.target}; {hint}")


@contextmanager
def served(state: Path, reset: bool) -> Iterator[Store]:
    """The sandbox's state for its only server while the block lasts; with ``reset``, a new one.

    A usage error if it cannot be used, or if another process serves it or, for a reset, uses it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(serving_alone(state))
            if reset:
                remove(state)
            store = held.enter_context(Store(state))
        except StoreError as error:
            raise click.UsageError(str(error)) from None
        yield store

"""``fsdcf sandbox``: the sandbox as an endpoint on this machine, for any tool that speaks to AWS."""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import PACE, SANDBOX_PORT, SANDBOX_REGION, state_file
from fsdcf.cli.render.stream import Stream
from fsdcf.diagnostics import Paint

if TYPE_CHECKING:
    from fsdcf.sandbox.faults import Fault

_VOUCHES = (
    "It plays change sets, events, rollbacks, deletions and ECS rollouts in CloudFormation's order and words.",
    "It cannot vouch for quotas, for what IAM allows, nor for images: none is pulled, and every tag is taken to exist.",
)
_FAULTS = "Let something go wrong: Service:create:oom, NatGateway1:delete:AccessDenied, api:CreateChangeSet:throttle*3; repeatable."


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=SANDBOX_PORT,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option("--reset", is_flag=True, help="Forget every stack first.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help=_FAULTS)
@click.option(
    "--pace",
    type=click.FloatRange(0, 10),
    default=PACE,
    show_default=True,
    help="Length of a second of AWS's, in seconds.",
)
@click.option("--region", default=SANDBOX_REGION, show_default=True, help="Region of its ARNs.")
def command(port: int, reset: bool, faults: tuple[str, ...], pace: float, region: str) -> None:
    """Run the sandbox until Ctrl-C. It shares its state with every command that is given --sandbox."""
    from fsdcf.cli.rehearsal import fault_of

    wrong = [fault_of(text) for text in faults]
    state = state_file()
    if reset:
        _forget(state)
    gc.enable()
    _serve(port, wrong, pace, region)


def _serve(port: int, faults: list[Fault], pace: float, region: str) -> None:
    from fsdcf.cli.rehearsal import opened, player_of
    from fsdcf.sandbox.faults import Faults
    from fsdcf.sandbox.server import serving
    from fsdcf.sandbox.state import SandboxState

    with opened(state_file()) as store:
        world = SandboxState(store, faults=Faults(faults), region=region, pace=pace, runner=player_of(faults))
        try:
            with serving(world, port) as endpoint:
                stream = Stream(sys.stdout)
                stream.lines(_welcome(endpoint, region, len(faults), stream.paint))
                signal.signal(signal.SIGTERM, signal.default_int_handler)
                with suppress(KeyboardInterrupt):
                    while True:
                        time.sleep(3600)
        except OSError as error:
            raise click.UsageError(f"port {port} cannot be used: {error.strerror}; try --port 0") from None
    click.echo("the sandbox has stopped; its state is kept", err=True)


def _welcome(endpoint: str, region: str, faults: int, paint: Paint) -> Iterator[str]:
    yield f"{paint('the sandbox listens on', 'soft')} {paint(endpoint, 'strong')}"
    yield f"{paint('its state is', 'soft')} {state_file()}"
    if faults:
        yield paint(f"{faults} fault{'s' if faults > 1 else ''} will strike", "warn")
    yield ""
    yield "fsdcf      needs no server: add --sandbox to a command"
    yield "AWS tools  need this:"
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", "sandbox"),
        ("AWS_SECRET_ACCESS_KEY", "sandbox"),
    ):
        yield f"  export {name}={value}"
    yield "  aws cloudformation describe-stacks"
    yield ""
    yield from _VOUCHES
    yield paint("Ctrl-C stops it.", "soft")


def _forget(state: Any) -> None:
    try:
        state.unlink(missing_ok=True)
    except OSError as error:
        raise click.UsageError(f"the state {state} cannot be removed: {error.strerror}") from None

"""``fsdcf sandbox``: the sandbox as an endpoint on this machine, for any AWS tool."""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import click

from fsdcf.cli.options import PACE, SANDBOX_PORT, SANDBOX_REGION, sandbox_registry, state_file
from fsdcf.cli.render.stream import LineWriter
from fsdcf.diagnostics import Paint
from fsdcf.wording import counted, visible

_LIMITS = (
    "The sandbox simulates change sets, events, rollbacks, deletions and ECS rollouts as CloudFormation reports them.",
    "It does not check quotas or IAM permissions, and pulls no images.",
    "Every image of a repository that was not created here is assumed to exist.",
)


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=SANDBOX_PORT,
    show_default=True,
    help="Port on 127.0.0.1; 0 selects a free port.",
)
@click.option("--reset", is_flag=True, help="Delete all stacks of the sandbox first.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="Failure to inject, such as Service:create:oom, NatGateway1:delete:AccessDenied or "
    "api:CreateChangeSet:throttle*3; repeatable.",
)
@click.option(
    "--pace",
    type=click.FloatRange(0, 10),
    default=PACE,
    show_default=True,
    help="Real seconds for each simulated second.",
)
@click.option("--region", default=SANDBOX_REGION, show_default=True, help="Region in the sandbox's ARNs.")
def sandbox_command(port: int, reset: bool, faults: tuple[str, ...], pace: float, region: str) -> None:
    """Run the sandbox until Ctrl-C. It shares its state with every command that has --sandbox."""
    from fsdcf.cli.rehearsal import fault_of, runner_of, served
    from fsdcf.sandbox.faults import Faults
    from fsdcf.sandbox.server import serving
    from fsdcf.sandbox.state import SandboxState

    parsed, state, registry = [fault_of(text) for text in faults], state_file(), sandbox_registry()
    gc.enable()
    with served(state, reset) as store:
        sandbox = SandboxState(
            store,
            faults=Faults(parsed),
            region=region,
            pace=pace,
            runner=runner_of(parsed),
            registry=registry,
        )
        try:
            with serving(sandbox, port) as endpoint:
                out = LineWriter(sys.stdout)
                out.lines(_welcome(endpoint, region, registry, len(faults), out.paint))
                signal.signal(signal.SIGTERM, signal.default_int_handler)
                with suppress(KeyboardInterrupt):
                    while True:
                        time.sleep(3600)
        except OSError as error:
            raise click.UsageError(f"cannot use port {port}: {error.strerror}; try --port 0") from None
    click.echo("the sandbox has stopped; its state is kept", err=True)


def _welcome(endpoint: str, region: str, registry: str, faults: int, paint: Paint) -> Iterator[str]:
    yield f"{paint('the sandbox listens on', 'soft')} {paint(endpoint, 'strong')}"
    yield f"{paint('its state is in', 'soft')} {visible(state_file())}"
    if registry:
        yield f"{paint('its images are in the registry', 'soft')} {registry}"
    if faults:
        yield paint(f"it injects {counted(faults, 'fault')}", "warn")
    yield ""
    yield "To use it from fsdcf, add --sandbox to a command; that also works without this server."
    yield "To use it from AWS tools, set:"
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
    yield from _LIMITS
    yield paint("Press Ctrl-C to stop.", "soft")

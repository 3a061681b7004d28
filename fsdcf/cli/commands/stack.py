"""``fsdcf delete``: a stack goes; what it keeps is told before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import Connection, connection_options
from fsdcf.cli.render.durations import duration
from fsdcf.cli.runtime import json_option, run
from fsdcf.cli.target import subject, target_options
from fsdcf.deploy.model import Ask, Options, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command()
@target_options
@click.option("--yes", is_flag=True, help="Do not ask. Data that would be deleted is asked for all the same.")
@click.option(
    "--allow", multiple=True, metavar="LOGICAL_ID", help="Let this resource be deleted with its data; repeatable."
)
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@click.option("--detach", is_flag=True, help="Start it and leave; fsdcf watch comes back to it.")
@click.option("--role-arn", metavar="ARN", help="Role that CloudFormation acts with.")
@connection_options
@json_option
def delete_command(
    service: str, environment: str | None, allow: tuple[str, ...], connection: Connection, as_json: bool, **flags: Any
) -> None:
    """Delete the stack of a service. Says what is kept, asks, and stays until the stack is gone."""
    on = subject(service, environment)
    options = Options(allow=frozenset(allow), **flags)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.delete import delete

        return delete(on.target, options, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)


@click.command()
@target_options
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@connection_options
@json_option
def watch_command(
    service: str, environment: str | None, timeout: float | None, connection: Connection, as_json: bool
) -> None:
    """Follow the operation that runs on the stack, whoever started it, and tell how it ends."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.recovery import watch

        return watch(on.stack, aws, tell, on.places, timeout)

    run(on.target, connection, as_json, act)


@click.command()
@target_options
@connection_options
@json_option
def cancel_command(service: str, environment: str | None, connection: Connection, as_json: bool) -> None:
    """Cancel the update that runs on the stack, and stay until it is rolled back. A first deploy cannot be cancelled."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.recovery import cancel

        return cancel(on.stack, aws, tell)

    run(on.target, connection, as_json, act)


@click.command()
@target_options
@connection_options
@json_option
def diagnose_command(service: str, environment: str | None, connection: Connection, as_json: bool) -> None:
    """Say why the last operation on the stack failed: the cause, the evidence, and the next command."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.recovery import diagnose

        return diagnose(on.stack, aws, on.places)

    run(on.target, connection, as_json, act)


@click.command()
@target_options
@click.option(
    "--skip",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Leave this resource as it is, whatever the template says; repeatable.",
)
@connection_options
@json_option
def recover_command(
    service: str, environment: str | None, skip: tuple[str, ...], connection: Connection, as_json: bool
) -> None:
    """Continue a rollback that failed. Remove what was in its way first; --skip gives a resource up."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.recovery import recover

        return recover(on.stack, skip, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)


@click.command()
@target_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@connection_options
@json_option
def restart_command(
    service: str, environment: str | None, yes: bool, timeout: float | None, connection: Connection, as_json: bool
) -> None:
    """Replace the tasks of a service by new ones of the same task definition, and stay until ECS says how it ended."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.rolling import restart

        return restart(on.target, yes, timeout, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)


@click.command()
@target_options
@click.option(
    "--to", metavar="SHA", help="Tag or digest of the release, or how it begins.  [default: the one before the latest]"
)
@click.option("--yes", is_flag=True, help="Do not ask before the changes are made.")
@click.option("--plan-only", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@click.option("--detach", is_flag=True, help="Start it and leave; fsdcf watch comes back to it.")
@click.option("--role-arn", metavar="ARN", help="Role that CloudFormation acts with.")
@click.option("--artifacts-bucket", metavar="BUCKET", help="Bucket for a template of more than 51,200 bytes.")
@connection_options
@json_option
def rollback_command(
    service: str, environment: str | None, to: str | None, connection: Connection, as_json: bool, **flags: Any
) -> None:
    """Go back to the image of an earlier release. The template that runs is deployed again with that image and needs no spec."""
    on = subject(service, environment)
    options = Options(**flags)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.releases import rollback

        return rollback(on.target, to, options, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)


_ALLOW = "Let this resource's data be put at risk: Service, where a store has one writer; repeatable."


@click.command()
@target_options
@click.argument("count", type=click.IntRange(0, 5000), metavar="N")
@click.option("--yes", is_flag=True, help="Do not ask. Data at risk is asked for all the same.")
@click.option("--allow", multiple=True, metavar="LOGICAL_ID", help=_ALLOW)
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@connection_options
@json_option
def scale_command(
    service: str,
    environment: str | None,
    count: int,
    yes: bool,
    allow: tuple[str, ...],
    timeout: float | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Run N tasks of a service, and stay until they run. Says when auto scaling or the next deploy will undo it."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.rolling import scale

        return scale(on.target, count, yes, frozenset(allow), timeout, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)

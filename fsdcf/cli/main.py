"""The entry point: ``fsdcf`` and ``fsd``."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import ClassVar

import click

from fsdcf import __version__
from fsdcf.cli.lazy import Commands, Table

_COMMANDS = {
    "template": ("fsdcf.cli.commands.template", "Compile specs into CloudFormation templates."),
    "validate": ("fsdcf.cli.commands.validate", "Check specs and print what is wrong."),
    "diff": ("fsdcf.cli.commands.diff", "Show what CloudFormation will do when a spec changes."),
    "cost": ("fsdcf.cli.commands.cost", "Estimate what a spec costs in a month, or what a change costs."),
    "graph": ("fsdcf.cli.commands.graph", "Draw the architecture as Mermaid, DOT or SVG."),
    "access": ("fsdcf.cli.commands.access", "Show who may do what to which resource."),
    "deploy": ("fsdcf.cli.commands.deploy", "Compile a spec and make it what runs."),
    "status": ("fsdcf.cli.commands.status", "Show how a service is."),
    "history": ("fsdcf.cli.commands.status:history_command", "List the releases of a service."),
    "rollback": ("fsdcf.cli.commands.stack:rollback_command", "Go back to the image of an earlier release."),
    "watch": ("fsdcf.cli.commands.stack:watch_command", "Follow the operation that runs."),
    "cancel": ("fsdcf.cli.commands.stack:cancel_command", "Cancel the update that runs."),
    "diagnose": ("fsdcf.cli.commands.stack:diagnose_command", "Say why the last operation failed."),
    "recover": ("fsdcf.cli.commands.stack:recover_command", "Continue a rollback that failed."),
    "delete": ("fsdcf.cli.commands.stack:delete_command", "Delete the stack of a service."),
    "logs": ("fsdcf.cli.commands.logs", "Show what the tasks of a service log."),
    "restart": ("fsdcf.cli.commands.stack:restart_command", "Replace the tasks of a service by new ones."),
    "scale": ("fsdcf.cli.commands.stack:scale_command", "Run another number of tasks."),
    "exec": ("fsdcf.cli.commands.exec", "Open a shell inside of a running container."),
    "run": ("fsdcf.cli.commands.run", "Run a one-off command as the service would."),
    "healthcheck": ("fsdcf.cli.commands.healthcheck", "Check a service that runs as the load balancer would."),
    "advise": ("fsdcf.cli.commands.advise", "Advise on a decision, such as where a service keeps its data."),
    "migrate-data": ("fsdcf.cli.commands.migrate_data", "Copy a table of SQLite into a DynamoDB table."),
    "sandbox": ("fsdcf.cli.commands.sandbox", "Run the sandbox, a rehearsal of AWS on this machine."),
    "ci": ("fsdcf.cli.commands.ci", "Write the workflow of a pipeline, and what it calls."),
    "permissions": ("fsdcf.cli.commands.bootstrap:permissions_command", "Print the IAM policy that a deploy needs."),
    "bootstrap": ("fsdcf.cli.commands.bootstrap", "Compile or deploy the stack that a pipeline needs."),
    "schema": ("fsdcf.cli.commands.explain:schema_command", "Print the JSON Schema of the language, for editors."),
    "explain": ("fsdcf.cli.commands.explain", "Explain a key of the language, a code, or a rule of a plan."),
    "init": ("fsdcf.cli.commands.init", "Write a new spec, or a small service with one."),
    "completion": ("fsdcf.cli.commands.completion", "Print the completion script of a shell."),
}


class Program(Commands):
    table: ClassVar[Table] = _COMMANDS


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fsdcf", message="%(prog)s %(version)s")
def cli() -> None:
    """Describe a service in 20 lines, get it running on AWS ECS Fargate.

    fsdcf compiles an FSD v1 spec into one CloudFormation template, without any call to AWS, and deploys it through change sets.
    """


def main() -> None:
    """Run the command and leave at once. The process is short: it collects no garbage and tears nothing down."""
    gc.disable()
    _reopen()
    _spell()
    code = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 2
    os._exit(code)


def _reopen() -> None:
    """A stream that the caller has closed, as a daemon may, leads nowhere from now on; nor does a file of ours get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the process lives


def _spell() -> None:
    """What is written is UTF-8, as in files, whatever the locale; a terminal of another encoding shows escapes for what it lacks."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace") if out.isatty() else out.reconfigure(encoding="utf-8")


def _run() -> int:
    try:
        outcome = cli.main(standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # mostly a disk that is full, or a terminal that is gone
        click.echo(f"error: reading or writing failed: {error}", err=True)
        return 2
    except Exception as error:  # whatever is left is a bug of ours, and says so without a traceback
        click.echo(
            f"error: fsdcf failed ({type(error).__name__}: {error}); this is a bug of fsdcf, please report it", err=True
        )
        if os.environ.get("FSDCF_TRACEBACK"):
            raise
        return 2
    except SystemExit:  # click leaves so when the reader of a pipe is gone: not all was said
        return 2

"""The entry point: ``fsdcf`` and ``fsd``."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import click

from fsdcf import __version__
from fsdcf.cli.lazy import LazyGroup, Table
from fsdcf.cli.render.stream import masked_streams, reported
from fsdcf.wording import visible

OTHER_PLATFORMS = frozenset({"batch", "ec2", "eks", "flink", "helm", "lambda", "sagemaker"})
"""What pages on FSD write in the place of ``ecs``."""


class Program(LazyGroup):
    """The commands of fsdcf, under the headings of the help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments without ``service ecs`` in front of a command, as pages on FSD write it."""
        at = 1 if args[:1] == ["help"] else 0
        group, platform = [*args[at : at + 2], "", ""][:2]
        if group == "service" and platform in OTHER_PLATFORMS and not ctx.resilient_parsing:
            ctx.fail(f"fsdcf deploys services to ECS, not to {platform}")
        if (group, platform) == ("service", "ecs"):
            args = [*args[:at], *args[at + 2 :]]
        return super().parse_args(ctx, args)

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run a command. No secret that it meets appears in its output, except in a template."""
        with masked_streams(sys.argv[1:] if args is None else args):
            return super().main(args, *more, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What its errors quote is made visible."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = reported(error.message)
            raise

    sections: ClassVar[Mapping[str, Table]] = {
        "Write a spec": {
            "init": ("init", "Write a new spec, from a Dockerfile if there is one."),
            "import": ("import_files", "Write the specs of another tool's files."),
            "template": ("template", "Compile specs into CloudFormation templates."),
            "validate": ("validate", "Check specs and print every finding."),
            "explain": ("explain", "Explain a spec key, a code, or a message of AWS."),
            "schema": ("explain", "Print the JSON Schema of the language, for editors."),
            "completion": ("completion", "Print the completion script of a shell."),
        },
        "Review a change": {
            "diff": ("diff", "Show what CloudFormation will do when a spec changes."),
            "cost": ("cost", "Estimate the monthly cost of a spec, or of a change."),
            "graph": ("graph", "Draw the architecture as Mermaid, DOT or SVG."),
            "access": ("access", "Show who can do what to which resource."),
            "permissions": ("bootstrap", "Print the IAM policy that a deploy needs."),
        },
        "Deploy": {
            "build": ("build", "Build the image of a service, and push it."),
            "deploy": ("deploy", "Compile a spec and deploy it."),
            "watch": ("stack", "Follow the operation in progress."),
            "cancel": ("stack", "Cancel the update in progress."),
            "diagnose": ("stack", "Explain why the last operation failed."),
            "recover": ("stack", "End a rollback that failed or is stuck."),
            "rollback": ("stack", "Deploy the image of an earlier release."),
            "delete": ("stack", "Delete the stack of a service."),
            "sandbox": ("sandbox", "Run a local sandbox of AWS, for rehearsals."),
        },
        "Operate": {
            "status": ("status", "Show the status of a service."),
            "services": ("services", "List the services of the account and Region."),
            "tasks": ("tasks", "List the tasks of a service, and why tasks have stopped."),
            "history": ("status", "List the releases of a service."),
            "drift": ("drift", "Show what was changed outside CloudFormation."),
            "logs": ("logs", "Show the logs of a service."),
            "restart": ("stack", "Replace the tasks of a service."),
            "scale": ("stack", "Change the number of tasks of a service."),
            "stop-task": ("tasks", "Stop a task of a service."),
            "pause": ("stack", "Stop all tasks of a service, or the schedule of a job."),
            "resume": ("stack", "Resume a paused service or job."),
            "exec": ("exec", "Open a shell in a running container."),
            "run": ("run", "Run a command in a one-off task."),
            "secret": ("secret", "Store the values of a service's secrets."),
            "healthcheck": ("healthcheck", "Run the health checks of a spec against a local service."),
        },
        "Data": {
            "advise": ("advise", "Advise on a decision, such as where to store data."),
            "migrate-data": ("migrate_data", "Copy a SQLite table into a DynamoDB table."),
        },
        "Pipeline": {
            "ci": ("ci", "Write a GitHub Actions workflow, and run its steps."),
            "bootstrap": ("bootstrap", "Compile or deploy the stack that a pipeline needs."),
        },
    }


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fsdcf", message="%(prog)s %(version)s")
def cli() -> None:
    """Describe a service in 20 lines of YAML, and run it on AWS ECS Fargate.

    fsdcf compiles an FSD v1 spec into one CloudFormation template without calling AWS, and deploys the template through
    change sets.
    """


def main() -> None:
    """Run the command and exit. The process is short: it does not collect garbage, and exits without cleaning up."""
    gc.disable()
    _reopen_closed_streams()
    _set_encoding()
    with masked_streams():
        code = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 2
    os._exit(code)


def _reopen_closed_streams() -> None:
    """Open closed standard streams on the null device, so that no other file gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - open as long as the process runs


def _set_encoding() -> None:
    """Write UTF-8 to files and pipes in every locale. A character that the encoding lacks is escaped."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        encoding = None if out.isatty() else "utf-8"
        out.reconfigure(encoding=encoding, errors="backslashreplace")


def _run() -> int:
    try:
        outcome = cli.main(standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.NoSuchOption as error:
        from fsdcf.cli.guesses import with_meant_option  # a known option does not need it

        with_meant_option(error).show(sys.stderr)
        return 2
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # usually a full disk, or a terminal that was closed
        click.echo(f"error: reading or writing failed: {error}", err=True)
        return 2
    except Exception as error:  # anything else is a bug in fsdcf, reported without a traceback
        cause = f"{type(error).__name__}: {visible(error)}"
        click.echo(f"error: fsdcf failed ({cause}); this is a bug in fsdcf, please report it", err=True)
        if os.environ.get("FSDCF_TRACEBACK"):
            raise
        return 2
    except SystemExit:  # click exits this way when the reader of a pipe has gone: the output is incomplete
        return 2

"""Commands of other programs that are shown as what to do next: they lead to where the command went that shows them."""

from __future__ import annotations

import shlex

from fsdcf.cli.connection import SANDBOX_PORT, SANDBOX_REGION

_PLAYED = ("cloudformation", "ecs")
"""The services whose commands do in the sandbox what they do on AWS. Others look for causes, and a failure that is played has none."""

_GITHUB = "gh"
"""GitHub's CLI: there is one repository, and what the sandbox made is not for its pipeline."""

_OWN = ("configure",)
"""Commands of the CLI itself, which go to no place."""


def addressed(command: str, flags: tuple[str, ...]) -> tuple[str, ...]:
    """A command of the AWS CLI with the options of the connection that it lacks; another text as it is, but for GitHub's CLI in the sandbox.

    In the sandbox it becomes two commands, the endpoint and a call of it, or says that it is one for AWS.
    """
    program, _, service = " ".join(command.split()[:2]).partition(" ")
    if program == _GITHUB and "--sandbox" in flags:
        return (f"on AWS: {command}",)
    if program != "aws" or service in _OWN or not flags:
        return (command,)
    if "--sandbox" not in flags:
        pairs = [flags[place : place + 2] for place in range(0, len(flags), 2)]
        more = [shlex.join(pair) for pair in pairs if pair[0] not in command.split()]
        return (" ".join((command, *more)),)
    if service not in _PLAYED:
        return (f"on AWS: {command}",)
    region = flags[flags.index("--region") + 1] if "--region" in flags else ""
    serve = shlex.join(("fsdcf", "sandbox", "--region", region) if region else ("fsdcf", "sandbox"))
    there = f"--endpoint-url http://127.0.0.1:{SANDBOX_PORT} --region {region or SANDBOX_REGION} --no-sign-request"
    return (serve, f"{command} {there}")

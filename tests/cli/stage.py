"""The commands over a sandbox with virtual time, in this process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from fsdcf.cli.options import Connection
from fsdcf.deploy.aws import Aws
from tests.deploy.site import Site, site

SMALL = """\
apiVersion: fsd/v1
kind: Service
metadata:
  name: hello
  owners: team
service:
  healthCheck:
    container:
      command: exit 0
  networking:
    vpc:
      id: vpc-0123456789abcdef0
      privateSubnets: [subnet-0a1b2c3d4e5f60718, subnet-0b2c3d4e5f6071829]
"""
"""A worker in a network that exists: few resources, so that a deploy is over soon."""

QUEUE = "dependencies:\n  - type: aws_sqs_queue\n    name: ${ENV}-orders\n"


@dataclass
class Stage:
    """A folder with specs, a sandbox, and the commands. ``connections`` are those that were asked for."""

    folder: Path
    site: Site
    connections: list[Connection]

    def __call__(self, *arguments: str, expect: int = 0) -> Result:
        """Run a command; the exit code must be the expected one."""

        def bring(connection: Connection) -> Aws:
            self.connections.append(connection)
            return self.site.aws

        result = CliRunner().invoke(cli, list(arguments), obj=bring)
        assert result.exit_code == expect, result.output
        return result

    def deploy(self, *arguments: str, sha: str = "one", expect: int = 0) -> Result:
        """Deploy hello.yml with an image."""
        return self("deploy", "hello.yml", "--image-sha", sha, *arguments, expect=expect)

    def calls(self) -> int:
        """How many calls there were since the last time."""
        count = len(self.site.aws.calls)
        self.site.aws.calls.clear()
        return count


def lines(result: Result) -> list[dict[str, Any]]:
    """Standard output as JSON lines, each of which must be one."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def isolated(monkeypatch: pytest.MonkeyPatch, folder: Path, cache: Path) -> None:
    """No configuration of AWS but what the test sets, and a cache of its own."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "FSDCF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(folder)
    (folder / "hello.yml").write_text(SMALL)


def staged(monkeypatch: pytest.MonkeyPatch, folder: Path, cache: Path, *faults: str, pace: float = 1.0) -> Stage:
    """A new stage, whose sandbox takes so much of the time that AWS takes."""
    isolated(monkeypatch, folder, cache)
    return Stage(folder, site(*faults, pace=pace), [])

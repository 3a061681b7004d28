"""The commands against moto's server, an emulator of AWS that this project did not write, on loopback.

moto starts no task, does not compare templates, and creates nothing for a parameter of Systems Manager without a name:
then it reports a stack as complete whose resources it cannot list. One fixture serves it as it is, the other one with
a name for such a parameter. A minute takes three seconds.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer
from moto.ssm.models import Parameter

from fsdcf.cli.main import cli
from fsdcf.cli.options import Connection
from fsdcf.deploy.aws import Aws, connect
from tests.cli.stage import isolated
from tests.conftest import ROOT

PACE = 0.05
REGION = "us-east-1"
LONGEST = 30.0
"""Seconds for a command at most: nothing waits in silence."""

Run = Callable[..., Result]

pytestmark = [pytest.mark.xdist_group("moto"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Runs a command against a new server; the exit code must be the expected one."""
    isolated(monkeypatch, tmp_path, tmp_path / "cache")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.setattr(logging.getLogger("werkzeug"), "disabled", True)
    (tmp_path / "my-service.yml").write_text((ROOT / "examples" / "hello.yml").read_text())
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    real = connect(None, REGION, f"http://{host}:{port}")

    def bring(connection: Connection) -> Aws:
        return Aws(
            real._make,
            lambda: time.monotonic() / PACE,
            lambda seconds: time.sleep(seconds * PACE),
            random.Random(1),
            REGION,
        )

    def run(*words: str, expect: int = 0) -> Result:
        begun = time.monotonic()
        result = CliRunner().invoke(cli, list(words), obj=bring)
        assert result.exit_code == expect, result.output
        assert time.monotonic() - begun < LONGEST
        return result

    try:
        yield run
    finally:
        with urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")):
            server.stop()


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The properties of a parameter of Systems Manager that moto does not see: it takes the tags for a list, and
    without a name, it cannot list the resources of the stack."""
    plain = Parameter.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]
    names = ["Tags"]

    def create(cls: type, resource_name: str, cloudformation_json: Any, *more: Any, **others: Any) -> Any:
        properties = {key: one for key, one in cloudformation_json["Properties"].items() if key not in names}
        return plain(cls, resource_name, {"Properties": properties}, *more, **others)

    monkeypatch.setattr(Parameter, "create_from_cloudformation_json", classmethod(create))
    return names


def deploy(moto: Run, sha: str) -> str:
    return str(moto("deploy", "my-service.yml", "--image-sha", sha, "--yes").output)


def test_the_life_of_a_service(moto: Run, dropped: list[str]) -> None:
    assert "is CREATE_COMPLETE" in deploy(moto, "one")
    assert "there is nothing to change" in deploy(moto, "one")
    assert "is UPDATE_COMPLETE" in deploy(moto, "two")
    status = json.loads(moto("status", "my-service", "--json").stdout.splitlines()[0])
    assert status["status"] == "UPDATE_COMPLETE"
    assert status["missing"] == []
    for words in (("diagnose",), ("watch",), ("recover",), ("tasks",), ("logs",)):
        moto(*words, "my-service")
    moto("diff", "my-service.yml", "--deployed")
    assert "runs 3 tasks" in moto("scale", "my-service", "3", "--yes").output
    assert "latest" in moto("history", "my-service").output
    assert "no earlier release" in moto("rollback", "my-service", "--yes", expect=2).output
    assert "RunTask" in moto("run", "my-service", "--yes", "--", "true", expect=1).output, "moto's RunTask fails"
    assert "is deleted" in moto("delete", "my-service", "--yes").output
    assert "does not exist" in moto("status", "my-service", expect=2).output


def test_what_moto_cannot_do_is_told_at_once(moto: Run, dropped: list[str]) -> None:
    dropped.append("Name")
    output = deploy(moto, "one")
    assert "is CREATE_COMPLETE" in output
    assert output.count("warning: rollout not verified") == 1
    assert "there is nothing to change" in deploy(moto, "one")
    assert "is UPDATE_COMPLETE" in deploy(moto, "two")
    missing = json.loads(moto("status", "my-service", "--json").stdout.splitlines()[0])["missing"]
    assert len(missing) == 1 and "ListStackResources" in missing[0]
    for words in (("logs",), ("restart", "--yes"), ("tasks",), ("scale", "2", "--yes"), ("run", "--yes", "--", "true")):
        first, *others = words
        output = moto(first, "my-service", *others, expect=1).output
        assert "the endpoint does not answer as AWS does: ListStackResources" in output
    moto("history", "my-service", expect=1)
    assert "is deleted" in moto("delete", "my-service", "--yes").output

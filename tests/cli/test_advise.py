"""``fsdcf advise storage`` as a user meets it: forms, the spec to start from, questions, what cannot be, and the page
that shows it.
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from fsdcf.cli.commands import advise as asking
from fsdcf.cli.commands.advise import OPTIONS, as_options
from fsdcf.cli.main import cli
from fsdcf.plan.cost.prices import shipped
from fsdcf.suggested import words_of
from tests.cli.test_questions import Terminal
from tests.conftest import HELLO, ROOT, Compile

PAGE = ROOT / "docs" / "how-to" / "choose-storage.md"
NOTES = """\
apiVersion: fsd/v1
kind: Service
metadata:
  name: notes
  owners: team-notes
service:
  port: 8000
  healthCheck:
    container:
      command: curl -fsS http://localhost:8000/health || exit 1
dependencies:
  - type: aws_efs_file_system
    name: ${ENV}-notes
  - type: sqlite_database
    name: notes
"""
SCALING = "service:\n  autoScaling: {minCount: 2, maxCount: 6}\n"
TABLE = """\
  - type: aws_dynamodb_table
    name: ${ENV}-orders
    keySchema: [{name: customer, type: HASH}]
    attributes: [{name: customer, type: S}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSDCF_ENV", raising=False)
    (tmp_path / "my-service.yml").write_text(NOTES)
    (tmp_path / "hello.yml").write_text(HELLO)
    (tmp_path / "scaling.yml").write_text(HELLO.replace("service:\n", SCALING) + "dependencies:\n" + TABLE)
    return tmp_path


def advise(*arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["advise", "storage", *arguments])
    assert result.exit_code == expect, result.output
    return result


def record(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(advise(*arguments, "--format", "json").stdout)
    return found


def refused(*arguments: str) -> str:
    result = advise(*arguments, expect=2)
    assert result.stdout == ""
    return result.stderr


def test_the_verdict_comes_first_then_why_signs_cost_and_the_part_of_the_spec() -> None:
    text = advise("--requests", "200", "--writes", "20", "--size", "5GB").stdout
    assert (
        text.splitlines()[0]
        == "SQLite: one file with one writer is sufficient for 200 requests/s, 20 writes/s and 5 GB"
    )
    heads = (
        "\nreasons\n",
        "\nsigns that it is time to leave SQLite\n",
        "\nmonthly cost in USD (",
        "\nassumed\n",
        "\nfor the spec\n\ndependencies:\n",
    )
    places = [text.index(head) for head in heads]
    assert places == sorted(places) and "\x1b[" not in text
    assert text.endswith("  - type: sqlite_database\n    name: my-service\n")


def test_what_it_costs_is_by_the_price_table() -> None:
    """Counted by hand: 730 hours of 3,600 seconds."""
    found = record("--requests", "200", "--writes", "20", "--size", "5GB")
    prices, seconds = {name: float(one.price) for name, one in shipped().prices.items()}, 730 * 3600
    files, dsql, rds, table = found["cost"]["monthly"]
    traffic = 20 * 16 * seconds / 1e6 * prices["efs.write"] + 18 * 4 * seconds / 1e6 * prices["efs.read"]
    kept = 5 * (prices["efs.storage"] + prices["efs.backup"])
    assert files["total"] == pytest.approx(kept + traffic, abs=0.001)
    assert f"{kept:.2f} USD; it can sustain this load" in files["note"]
    units = 20 * seconds / 1e6 * prices["dynamodb.write"] + 180 * seconds / 1e6 * prices["dynamodb.read"]
    assert table["total"] == pytest.approx(
        units + 5 * (prices["dynamodb.storage"] + prices["dynamodb.pitr"]), abs=0.001
    )
    assert found["cost"]["pricesDate"] == shipped().date and len(found["cost"]["assumed"]) == 5
    dpus = (180 * 0.06 + 20 * 0.14) * seconds / 1e6 * prices["dsql.dpu"]
    assert dsql["total"] == pytest.approx(dpus + 5 * prices["dsql.storage"], abs=0.001)
    server = 730 * prices["rds.db.t4g.small"] + 20 * prices["rds.gp3"] + prices["secret.month"]
    assert rds["total"] == pytest.approx(server, abs=0.001)
    busy = record("--requests", "200", "--writes", "100", "--size", "5GB")["cost"]["monthly"][0]
    assert "it cannot sustain" in busy["note"]


def test_the_file_system_of_a_spec_is_billed_and_shown_as_it_is(folder: Path) -> None:
    (folder / "own.yml").write_text(
        NOTES.replace("${ENV}-notes\n", "${ENV}-notes\n    throughputMode: bursting\n    backup: false\n")
    )
    found = record("--spec", "own.yml", "--requests", "200", "--size", "5GB")
    files = found["cost"]["monthly"][0]
    assert files["total"] == pytest.approx(5 * float(shipped().prices["efs.storage"].price), abs=0.001)
    assert (
        files["note"].startswith("the file system has `throughputMode: bursting`") and "it can sustain" in files["note"]
    )
    assert "    throughputMode: bursting\n    backup: false\n  - type: sqlite_database" in found["snippet"]


def test_the_record() -> None:
    found = record("--sql", "--writers", "3", "--latency")
    assert found["recommended"] == "dsql" and found["verdict"].startswith("Aurora DSQL, because")
    assert found["fits"] == {"sqlite": False, "dsql": True, "rds": True, "dynamodb": False}
    assert (found["workload"]["writers"], found["workload"]["latency"], found["workload"]["size"]) == (3, 9.0, None)
    rows = {one["name"]: one for one in found["factors"]}
    assert rows["queries"]["dynamodb"]["fits"] is False and rows["queries"]["sqlite"]["fits"] is True
    assert rows["size"]["sqlite"]["fits"] is None and rows["size"]["asked"] is None
    assert [one["now"] for one in found["signs"]] == [False, False, True, True]
    assert [one["store"] for one in found["cost"]["monthly"]] == ["sqlite", "dsql", "rds", "dynamodb"]


def test_a_prototype_needs_no_file_system() -> None:
    text = advise("--prototype", "--size", "200MB").stdout
    assert text.startswith("SQLite, on the disk of the task") and "EFS storage" not in text and " 0.00\n" in text
    assert "ephemeral: true" in text and "desiredCount: 1" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--size", "5GB"),
        ("--prototype", "--size", "90GB"),
        ("--writers", "2"),
        ("--writers", "2", "--sql"),
        ("--server",),
        ("--spec", "my-service.yml"),
        ("--spec", "scaling.yml"),
    ],
)
def test_the_part_of_the_spec_compiles(arguments: tuple[str, ...], compiled: Compile) -> None:
    spec, part = yaml.safe_load(HELLO), yaml.safe_load(record(*arguments)["snippet"])
    spec["service"].update(part.pop("service", {}))
    result = compiled(yaml.safe_dump({**spec, **part}))
    assert result.template is not None, result.diagnostics
    assert advise(*arguments).stdout.endswith(record(*arguments)["snippet"])


def test_a_spec_determines_tasks_and_stores() -> None:
    small = record("--spec", "my-service.yml")
    assert small["now"] == "my-service.yml uses SQLite (notes in /mnt/efs/app.db)" and small["snippetPresent"]
    assert (small["workload"]["writers"], small["workload"]["writersFrom"]) == (1, "SQLite has one")
    assert "fsdcf logs my-service.yml" in small["next"][0]
    other = record("--spec", "my-service.yml", "--override", "service.port=8001")
    assert "fsdcf logs my-service.yml --since" in other["next"][0], "logs takes no --override"
    large = record("--spec", "scaling.yml")
    assert (large["workload"]["writers"], large["workload"]["writersFrom"]) == (6, "service.autoScaling.maxCount")
    assert large["now"] == "scaling.yml uses DynamoDB (${ENV}-orders)" and large["recommended"] == "dynamodb"
    assert "name: ${ENV}-orders" in large["snippet"] and large["next"] == []
    new = record("--spec", "hello.yml")
    assert new["now"] == "hello.yml uses no store yet" and new["workload"]["writers"] is None
    assert new["next"] == ["add the snippet below to the spec, and check it: fsdcf validate hello.yml"]
    assert "name: ${ENV}-hello" in new["snippet"]


def test_options_go_before_the_spec_and_overrides_are_part_of_it() -> None:
    one = record("--spec", "scaling.yml", "--writers", "1")
    assert one["recommended"] == "dynamodb" and "already uses" in one["verdict"]
    back = record("--spec", "scaling.yml", "--writers", "1", "--sql")
    assert back["recommended"] == "sqlite" and "service.autoScaling" in back["next"][0]
    three = record("--spec", "hello.yml", "--override", "resources.desiredCount=3", "--env", "prod")
    assert (three["workload"]["writers"], three["workload"]["writersFrom"]) == (3, "service.resources.desiredCount")


def test_the_way_from_sqlite_to_dynamodb() -> None:
    found = record("--spec", "my-service.yml", "--env", "prod", "--writes", "150")
    assert [one for one in found["next"] if "fsdcf" in one] == [
        "add a migration script to the image:"
        " fsdcf migrate-data my-service.yml --env prod --table notes --from /mnt/efs/app.db --emit-script migrate.pyz",
        "deploy the service: fsdcf deploy my-service.yml --env prod",
        "stop the service, so that it does not write: fsdcf scale my-service.yml --env prod 0",
        "migrate the data: fsdcf run my-service.yml --env prod -- python migrate.pyz",
    ]
    assert "name: ${ENV}-notes" in found["snippet"] and not found["snippetPresent"]


def test_the_way_from_sqlite_to_a_database(folder: Path) -> None:
    found = record("--spec", "my-service.yml", "--sql", "--size", "200GB")
    assert found["recommended"] == "dsql" and "type: aws_dsql_cluster\n    name: notes" in found["snippet"]
    assert "stop the service, so that it does not write: fsdcf scale my-service.yml 0" in found["next"]
    (folder / "server.yml").write_text(HELLO + "dependencies: [{type: aws_rds_instance, name: main}]\n")
    there = record("--spec", "server.yml")
    assert there["now"] == "server.yml uses Amazon RDS (main)" and there["recommended"] == "rds"
    assert there["snippetPresent"] and "already uses" in there["verdict"]


def test_both_stores_in_a_spec_and_a_cache(folder: Path) -> None:
    (folder / "both.yml").write_text(NOTES + TABLE)
    found = record("--spec", "both.yml", "--size", "120GB")
    assert found["now"] == "both.yml uses SQLite (notes in /mnt/efs/app.db) and DynamoDB (${ENV}-orders)"
    assert "--table orders" in found["next"][0] and found["next"][1].startswith("deploy the service")
    cache = "dependencies:\n  - type: sqlite_database\n    name: cache\n    path: /tmp/cache.db\n    ephemeral: true\n"
    (folder / "a\x1b[31m.yml").write_text(HELLO + cache)
    text = advise("--spec", "a\x1b[31m.yml").stdout
    assert "a\\u001b[31m.yml uses SQLite (cache in /tmp/cache.db, lost with its task)" in text and "\x1b" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", "5XB"), "'5XB' is not a size: use one such as 500MB"),
        (("--size", "GB"), "'GB' is not a size"),
        (("--size", "-5GB"), "'-5GB' is not a size"),
        (("--size", "nan"), "'nan' is not a size"),
        (("--size", ""), "'' is not a size"),
        (("--size", "9e99TB"), "is not a size"),
        (("--requests", "-1"), "'-1' is not a number of requests"),
        (("--requests", "NaN"), "'NaN' is not a number"),
        (("--requests", "inf"), "'inf' is not a number"),
        (("--requests", "many"), "'many' is not a number"),
        (("--writes", "1,000"), "'1,000' is not a number"),
        (("--latency", "0"), "'0' is not a latency"),
        (("--latency", "-5"), "'-5' is not a latency"),
        (("--latency", "fast"), "'fast' is not a latency"),
        (("--latency", "5h"), "'5h' is not a latency"),
        (("--writers", "0"), "x>=1"),
        (("--writers", "1.5"), "'1.5' is not a valid integer"),
        (("--requests", "5", "--writes", "6"), "6 writes/s are more than 5 requests/s"),
        (("--prototype", "--writers", "2"), "a prototype keeps its data in one task"),
        (("--prototype", "--spec", "scaling.yml"), "6 tasks write (service.autoScaling.maxCount)"),
        (("--writes", "0", "--writers", "2"), "2 tasks write, but with 0 writes/s"),
        (("--env", "prod", "--sql"), "--env, --override and --var need --spec"),
        (("--spec", "nowhere.yml"), "cannot read 'nowhere.yml'"),
        (("--spec", "my-service.yml", "--env", "No!"), "is not a valid environment name"),
        (("--format", "xml", "--sql"), "'xml' is not one of"),
    ],
)
def test_invalid_options_exit_with_code_2(arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*arguments)


def test_a_spec_with_findings_and_a_template_are_refused(folder: Path) -> None:
    (folder / "bad.yml").write_text(NOTES.replace("port: 8000", "port: true"))
    assert "error[S102]" in refused("--spec", "bad.yml")
    (folder / "t.json").write_text('{"Resources": {}}')
    assert "'t.json' is a template, not a spec" in refused("--spec", "t.json")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5GB", 5),
        ("5", 5),
        (" 5 gb ", 5),
        ("500MB", 0.5),
        ("1.5TB", 1500),
        ("2GiB", 2.1475),
        ("1000000000B", 1),
        ("1e3MB", 1),
        ("0", 0),
        ("1PB", 1e6),
    ],
)
def test_sizes(text: str, size: float) -> None:
    assert record("--size", text)["workload"]["size"] == size


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("20ms", 20), ("20", 20), ("0.5s", 500), ("500us", 0.5), ("1 MS", 1)]
)
def test_latencies(text: str, milliseconds: float) -> None:
    assert record("--latency", text)["workload"]["latency"] == milliseconds


def test_questions_need_a_terminal() -> None:
    said = refused()
    assert all(option in said for option in OPTIONS)
    assert "describe the data" in refused("--format", "json")


def test_a_terminal_is_asked_for_the_workload(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = seated(monkeypatch, "n\n2000\n3000\nmany\n300\n5XB\n60GB\n0\n3\nn\nn\n\n")
    assert cli.main(["advise", "storage"], standalone_mode=False) is None
    text = capsys.readouterr().out
    assert text.startswith(
        "DynamoDB, because SQLite is not sufficient: 2,000 requests/s are at or above 1,000, 300 writes/s are"
    )
    told = errors.getvalue()
    assert (
        "3,000 writes/s are more than 2,000 requests/s" in told
        and "'many' is not a number" in told
        and "'5XB' is not a size" in told
    )
    assert "0 is not in the range x>=1" in told
    assert (
        "to repeat it without questions: fsdcf advise storage --requests 2000 --writes 300 --size 60GB --writers 3\n"
        in told
    )
    assert (
        record("--requests", "2000", "--writes", "300", "--size", "60GB", "--writers", "3")["verdict"]
        == text.splitlines()[0]
    )


def test_a_prototype_is_not_asked_for_its_tasks_and_enter_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = seated(monkeypatch, "y\n\n\n\ny\n\n20ms\n")
    found = asking.ask_workload()
    assert words_of(**as_options(found)) == ("--latency", "20ms", "--sql", "--prototype")
    assert "tasks that write" not in errors.getvalue()
    seated(monkeypatch, "\n\n\n\n\n\n\n\n")
    assert words_of(**as_options(asking.ask_workload())) == ()


def test_ctrl_c_at_a_question_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    seated(monkeypatch, "n\n200\n")
    with pytest.raises(click.Abort):
        cli.main(["advise", "storage"], standalone_mode=False)


def seated(monkeypatch: pytest.MonkeyPatch, typed: str) -> io.StringIO:
    """Somebody who types at a terminal; what they see."""
    errors = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", errors)
    return errors


def test_the_page_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page is run; a line of `…` stands for lines that the page leaves out."""
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```\n\$ fsdcf advise storage (.*)\n((?:.|\n)*?)^```", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(blocks) >= 3
    for arguments, shown in blocks:
        printed, place = advise(*arguments.split()).output, 0
        for part in shown.split("…\n"):
            at = printed.find(part, place)
            assert at == 0 if place == 0 else at > 0, f"{arguments}\n{part}\n--- printed:\n{printed}"
            place = at + len(part)
        assert shown.endswith("…\n") or place == len(printed), f"{arguments}: more is printed"

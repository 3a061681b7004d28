"""cost, graph and access as a user meets them: forms, exit codes, streams, and what cannot be."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from tests.conftest import ROOT
from tests.plan.conftest import WAREHOUSE

EXAMPLES = ROOT / "examples"
BAD = WAREHOUSE.replace("port: 8080", "port: true")


def fsdcf(*arguments: str | Path) -> Result:
    """A command in this process; what it must not import is tested in another one."""
    return CliRunner().invoke(cli, [str(one) for one in arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSDCF_ENV", raising=False)
    (tmp_path / "warehouse.yml").write_text(WAREHOUSE)
    (tmp_path / "bad.yml").write_text(BAD)
    return tmp_path


# cost


def test_cost_in_its_forms(folder: Path) -> None:
    text = fsdcf("cost", "warehouse.yml")
    assert text.exit_code == 0
    assert text.stdout.startswith("warehouse.yml in staging: ")
    assert "Fargate Spot vCPU, x86*" in text.stdout and "NAT gateways" in text.stdout
    assert "requests-per-second=10" in text.stdout and "(default)" in text.stdout
    assert "not priced" in text.stdout and "based on weak sources" in text.stdout
    assert "\x1b[" not in text.stdout
    data = json.loads(fsdcf("cost", "warehouse.yml", "--format", "json").stdout)
    assert data["monthly"]["maximum"] > data["monthly"]["minimum"] > 0
    assert fsdcf("cost", "warehouse.yml", "--format", "markdown").stdout.startswith(
        "### Cost of warehouse.yml in staging\n"
    )


def test_cost_of_a_change_between_a_template_and_a_spec(folder: Path) -> None:
    for form in ("yaml", "json"):
        template = fsdcf("template", EXAMPLES / "production.yml", "--no-lint", "--format", form)
        (folder / f"old.{form}").write_text(template.stdout)
        found = fsdcf("cost", f"old.{form}", EXAMPLES / "production.yml", "--env", "prod", "--format", "json")
        change = json.loads(found.stdout)
        assert change["change"]["minimum"] == pytest.approx(
            change["after"]["monthly"]["minimum"] - change["before"]["monthly"]["minimum"]
        )
        assert {one["key"] for one in change["lines"]} >= {"nat.hour", "alarm.standard target tracking"}
    text = fsdcf("cost", "old.yaml", EXAMPLES / "production.yml", "--env", "prod")
    assert "+65.70" in text.stdout and "lines unchanged" in text.stdout and "new: 2 alarms" in text.stdout
    assert "lines unchanged" in fsdcf("cost", "old.yaml", "old.json", "--format", "markdown").stdout
    assert fsdcf("cost", "old.yaml", "old.json").stdout.startswith("old.yaml -> old.json: 0.00 USD a month")


def test_cost_by_assumptions_and_prices_of_your_own(folder: Path) -> None:
    (folder / "prices.yml").write_text("nat.hour: {price: 1, source: ours}\n")
    found = json.loads(
        fsdcf(
            "cost", "warehouse.yml", "--format", "json", "--prices", "prices.yml", "--assume", "nat-gigabytes=7"
        ).stdout
    )
    lines = {one["key"]: one for one in found["lines"]}
    assert lines["nat.hour"]["monthly"]["minimum"] == 3 * 730 and lines["nat.hour"]["price"]["source"] == "ours"
    assert lines["nat.gigabyte"]["quantity"]["minimum"] == 7
    text = fsdcf("cost", "warehouse.yml", "--prices", "prices.yml", "--assume", "nat-gigabytes=7").stdout
    assert "Custom prices: nat.hour." in text and "nat-gigabytes=7: GB/month" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--assume", "nonsense=1"), "unknown assumption 'nonsense'"),
        (("--assume", "nat-gigabytes"), "NAME=NUMBER"),
        (("--prices", "nowhere.yml"), "cannot read 'nowhere.yml'"),
        (("--prices", "warehouse.yml"), "unknown price 'apiVersion'"),
        (("--prices", "binary"), "not valid UTF-8"),
    ],
)
def test_cost_refuses_invalid_options(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "binary").write_bytes(b"\xff\xfe")
    found = fsdcf("cost", "warehouse.yml", *arguments)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr


def test_prices_of_another_region_are_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    hello = EXAMPLES / "hello.yml"
    assert "The stack is in" not in fsdcf("cost", hello).stdout
    tls = (EXAMPLES / "tls.yml").read_text()
    (folder / "tls.yml").write_text(tls.replace("arn:aws:acm:us-east-1:", "arn:aws:acm:eu-west-1:"))
    said = "The stack is in eu-west-1, but these are the prices of us-east-1"
    assert said in fsdcf("cost", "tls.yml").stdout, "its certificate says so"
    assert said in fsdcf("cost", hello, "--region", "eu-west-1").stdout
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    found = json.loads(fsdcf("cost", hello, "--format", "json").stdout)
    assert found["stackRegion"] == "eu-west-1" and said in " ".join(found["notes"])
    assert said not in fsdcf("cost", EXAMPLES / "tls.yml").stdout, "the certificate knows better than the environment"
    (folder / "ours.yml").write_text("region: eu-west-1\nnat.hour: 0.048\n")
    assert said not in fsdcf("cost", hello, "--prices", "ours.yml").stdout


def test_cost_of_several_services_is_their_sum(folder: Path) -> None:
    specs = ("warehouse.yml", EXAMPLES / "sqlite.yml", EXAMPLES / "worker-queue.yml")
    (folder / "second.yml").write_text(WAREHOUSE.replace("name: warehouse", "name: second"))
    each = [json.loads(fsdcf("cost", spec, "--format", "json").stdout) for spec in ("warehouse.yml", "second.yml")]
    found = json.loads(fsdcf("cost", "warehouse.yml", "second.yml", "--format", "json").stdout)
    for side in ("minimum", "maximum"):
        assert found["monthly"][side] == pytest.approx(sum(one["monthly"][side] for one in each), abs=0.001)
        assert [one["monthly"][side] for one in found["specs"]] == [one["monthly"][side] for one in each]
    assert found["specs"][1]["spec"] == "second.yml in staging" and found["assumptions"] == each[0]["assumptions"]
    text = fsdcf("cost", *specs).stdout
    assert text.startswith("3 specs in staging: ") and text.count("subtotal") == 3
    assert text.count("requests-per-second=") == text.count("Traffic between zones") == 1, "what is shared is said once"
    assert "usage is that of each service" in text
    lines = [line.split() for line in text.splitlines() if line.startswith(("subtotal", "total"))]
    amounts = [float(line[1].replace(",", "")) for line in lines]
    assert amounts[-1] == pytest.approx(sum(amounts[:-1]), abs=0.03)
    table = fsdcf("cost", *specs, "--format", "markdown").stdout
    assert table.startswith("### Cost of 3 specs in staging\n") and table.count("**subtotal**") == 3


def test_cost_compares_different_services_if_it_is_told(folder: Path) -> None:
    (folder / "renamed.yml").write_text(WAREHOUSE.replace("name: warehouse", "name: depot"))
    assert "--change compares them" in fsdcf("cost", "warehouse.yml", "renamed.yml").stdout
    compared = fsdcf("cost", "warehouse.yml", "renamed.yml", "--change").stdout
    assert compared.startswith("warehouse.yml in staging -> renamed.yml in staging: 0.00 USD a month")
    for files in (["warehouse.yml"], ["warehouse.yml", "renamed.yml", EXAMPLES / "sqlite.yml"]):
        refused = fsdcf("cost", *files, "--change")
        assert (refused.exit_code, refused.stdout) == (2, "") and "--change expects two files" in refused.stderr


def test_cost_adds_no_stack_twice(folder: Path) -> None:
    found = fsdcf("cost", "warehouse.yml", EXAMPLES / "sqlite.yml", "warehouse.yml")
    assert (found.exit_code, found.stdout) == (2, "") and "the same stack, warehouse-staging" in found.stderr


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_cost_above_the_budget_exits_with_10(folder: Path, form: str) -> None:
    most = json.loads(fsdcf("cost", "warehouse.yml", "--format", "json").stdout)["monthly"]["maximum"]
    for files in (("warehouse.yml",), ("warehouse.yml", EXAMPLES / "sqlite.yml"), ("warehouse.yml", "warehouse.yml")):
        over = fsdcf("cost", *files, "--max", "100", "--format", form)
        assert over.exit_code == 10 and "over budget: " in over.stderr and "above the budget of 100.00" in over.stderr
        within = fsdcf("cost", *files, "--max", "100000.50", "--format", form)
        assert within.exit_code == 0 and "budget" not in within.stderr
        assert over.stdout == within.stdout or form != "text"
    told = fsdcf("cost", "warehouse.yml", "--max", "100", "--format", form)
    assert f"{most - 100:,.2f} USD above" in told.stderr
    if form == "json":
        assert json.loads(told.stdout)["budget"] == {"maximum": 100, "exceededBy": pytest.approx(most - 100, abs=0.001)}
    if form == "markdown":
        assert "**Over budget:** " in told.stdout


@pytest.mark.parametrize("amount", ["-1", "nan", "inf", "many", "1e3", ""])
def test_a_budget_is_an_amount_of_money(folder: Path, amount: str) -> None:
    found = fsdcf("cost", "warehouse.yml", "--max", amount)
    assert (found.exit_code, found.stdout) == (2, "") and "not an amount of money" in found.stderr


# graph


def test_graph_in_its_forms(folder: Path) -> None:
    mermaid = fsdcf("graph", "warehouse.yml")
    assert mermaid.exit_code == 0 and "flowchart LR" in mermaid.stdout
    assert fsdcf("graph", "warehouse.yml", "--format", "markdown").stdout == f"```mermaid\n{mermaid.stdout}```\n"
    assert fsdcf("graph", "warehouse.yml", "--format", "dot").stdout.startswith("digraph architecture {\n")
    written = fsdcf("graph", "warehouse.yml", "-o", "out.mmd")
    assert (written.exit_code, written.stdout) == (0, "") and "wrote out.mmd" in written.stderr
    assert (folder / "out.mmd").read_text() == mermaid.stdout
    nowhere = fsdcf("graph", "warehouse.yml", "-o", "warehouse.yml/out.mmd")
    assert nowhere.exit_code == 2 and "cannot write 'warehouse.yml/out.mmd'" in nowhere.stderr


def test_graph_draws_svg_without_graphviz(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "empty").mkdir()
    monkeypatch.setenv("PATH", str(folder / "empty"))
    drawn = fsdcf("graph", "warehouse.yml", "--format", "svg", "-o", "out.svg")
    assert drawn.exit_code == 0 and "wrote out.svg" in drawn.stderr
    assert (folder / "out.svg").read_text().startswith("<svg ")


# access


def test_access_in_its_forms_with_the_lines_of_the_spec(folder: Path) -> None:
    lines = WAREHOUSE.splitlines()
    records = json.loads(fsdcf("access", "warehouse.yml", "--format", "json").stdout)
    assert all(record["spec"]["file"] == "warehouse.yml" for record in records)
    caused = {record["policy"] + str(record["path"][-1]): lines[record["spec"]["line"] - 1] for record in records}
    assert "s3:*" in caused["Statements0"] and "ses:SendEmail" in caused["Statements1"]  # sorted
    assert "enableExecuteCommand" in caused["ExecuteCommand0"]
    assert "aws_dynamodb_table" in caused["StockDynamodbAccess0"] and "aws_s3_bucket" in caused["LabelsS3Access0"]
    assert "environment:" in caused["Start3"] and "secrets:" in caused["Start4"]
    text = fsdcf("access", "warehouse.yml").stdout
    assert "! TaskRole may write: * (all resources)" in text and "--> warehouse.yml:" in text
    assert "when Bool aws:SecureTransport = true" in text
    assert fsdcf("access", "warehouse.yml", "--format", "markdown").stdout.count("\n| ") == len(records) + 1


def test_access_of_a_template_has_no_lines(folder: Path) -> None:
    (folder / "t.yml").write_text(fsdcf("template", "warehouse.yml", "--no-lint").stdout)
    records = json.loads(fsdcf("access", "t.yml", "--format", "json").stdout)
    assert records and all(record["spec"] is None for record in records)


# all three


@pytest.mark.parametrize("command", ["cost", "graph", "access"])
def test_a_spec_with_findings_is_shown_and_exits_2(folder: Path, command: str) -> None:
    found = fsdcf(command, "bad.yml")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "error[S102]" in found.stderr and "bad.yml:5:9" in found.stderr and "bad.yml: 1 error" in found.stderr


@pytest.mark.parametrize("command", ["cost", "graph", "access"])
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nowhere.yml", None, "cannot read 'nowhere.yml'"),
        ("no-resources.yml", "AWSTemplateFormatVersion: x\n", "it has no Resources"),
        ("no-type.json", '{"Resources": {"A": {}}}', "its resource A has no Type"),
        ("broken.yml", "Resources:\n  A: [\n", "broken.yml:3:1"),
        ("latin.yml", "Resources: \xff\n", "not valid UTF-8"),
        (
            "function.yml",
            "Resources:\n  A: {Type: 'AWS::S3::Bucket', Properties: {X: {'Fn::What': 1}}}\n",
            "its resource A cannot be read",
        ),
        ("empty.yml", "", "error["),
    ],
)
def test_an_invalid_template_is_an_error(folder: Path, command: str, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (folder / name).write_bytes(text.encode("latin-1"))
    found = fsdcf(command, name)
    assert found.exit_code == 2 and said in found.stderr and "Traceback" not in found.stderr and not found.stdout


@pytest.mark.parametrize("command", ["cost", "graph", "access"])
def test_environment_overrides_and_variables_count(folder: Path, command: str) -> None:
    arguments = ("--env", "qa", "--override", "service.port=9090")
    assert fsdcf(command, "warehouse.yml", *arguments).exit_code == 0
    assert fsdcf(command, "warehouse.yml", "--env", "Not!").exit_code == 2
    if command == "graph":
        drawn = fsdcf(command, "warehouse.yml", *arguments).stdout
        assert "port 9090" in drawn and "qa-stock" in drawn


def test_access_and_graph_take_each_service_once(folder: Path) -> None:
    (folder / "copy.yml").write_text((folder / "warehouse.yml").read_text())
    for command in ("graph", "access"):
        assert fsdcf(command, "warehouse.yml", "warehouse.yml").stdout == fsdcf(command, "warehouse.yml").stdout
        both = fsdcf(command, "warehouse.yml", "copy.yml")
        assert both.exit_code == 2 and "warehouse.yml and copy.yml describe the same stack" in both.stderr


ENVIRONMENT = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging, owners: team}
environment: {network: {availabilityZones: [use1-az1, use1-az2]}, defaults: {service: {networking: {shared: true}}}}
"""
JOINED = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: users, owners: team}
service:
  port: 8000
  healthCheck: {container: {command: curl -f localhost}}
  networking: {loadBalancer: false}
"""


@pytest.fixture
def shared(folder: Path) -> list[str]:
    """The files of an environment and of two services that join it."""
    (folder / "environments").mkdir()
    (folder / "environments" / "staging.yml").write_text(ENVIRONMENT)
    for name in ("users", "carts"):
        (folder / f"{name}.yml").write_text(JOINED.replace("users", name))
    return ["environments/staging.yml", "users.yml", "carts.yml"]


def test_an_environment_and_its_services_are_estimated_drawn_and_examined_together(shared: list[str]) -> None:
    text = fsdcf("cost", *shared).stdout
    assert text.startswith("3 specs in staging: ") and "used by 2 services: " in text
    assert text.count("with its part of what is shared") == 2
    found = json.loads(fsdcf("cost", *shared, "--format", "json").stdout)
    first, *others = found["specs"]
    assert first["sharedBy"] == 2 and {one["shares"][0] for one in others} == {"environments/staging.yml in staging"}
    assert sum(one["monthlyWithShare"]["minimum"] for one in others) == pytest.approx(
        found["monthly"]["minimum"], abs=0.01
    )
    graph = fsdcf("graph", *shared).stdout
    assert graph.count("ECS service") == 2 and graph.count("subgraph g_vpc") == 1
    rows = json.loads(fsdcf("access", *shared, "--format", "json").stdout)
    assert {one["spec"]["file"] for one in rows if one["spec"]} == set(shared[1:])


def test_services_are_compiled_for_the_environment_that_is_given_with_them(shared: list[str], folder: Path) -> None:
    (folder / "environments" / "qa.yml").write_text(ENVIRONMENT.replace("staging", "qa"))
    found = fsdcf("cost", "environments/qa.yml", "users.yml")
    assert found.stdout.startswith("2 specs in qa: "), found.stderr
    assert "accTitle: 2 specs in qa" in fsdcf("graph", "environments", "users.yml", "--env", "qa").stdout
    assert fsdcf("cost", "environments", "users.yml").stdout.startswith("2 specs in staging: "), "of the folder, one"
    both = fsdcf("cost", "environments/qa.yml", "environments/staging.yml", "users.yml")
    assert both.exit_code == 2 and "does not describe the environment qa" in both.stderr
    assert fsdcf("cost", "environments/qa.yml", "environments/staging.yml").stdout.startswith("2 specs in ")


def test_a_plan_of_an_environment_names_the_stacks_of_the_repository_that_use_it(
    shared: list[str], folder: Path
) -> None:
    (folder / "new").mkdir()
    (folder / "new" / "staging.yml").write_text(ENVIRONMENT.replace("az2]", "az2], cidr: 10.50.0.0/16"))
    found = fsdcf("diff", shared[0], "new/staging.yml")
    assert found.exit_code == 10 and "the stacks carts-staging, users-staging import them" in found.stdout
    assert "deploy another environment" in found.stdout and "new/staging.yml:4" in found.stdout
    (obstacle,) = json.loads(fsdcf("diff", shared[0], "new/staging.yml", "--format", "json").stdout)["Obstacles"]
    assert (obstacle["Kind"], obstacle["LogicalId"]) == ("environment", "Vpc")
    for name in ("users", "carts"):
        (folder / f"{name}.yml").unlink()
    assert "another stack may import them" in fsdcf("diff", shared[0], "new/staging.yml").stdout


def test_a_service_alone_costs_what_it_adds_and_says_what_is_left_out(shared: list[str]) -> None:
    found = json.loads(fsdcf("cost", "users.yml", "--format", "json").stdout)
    assert "Traffic through NAT" in {one["name"] for one in found["lines"]}
    assert any("environments/staging.yml and the other specs" in note for note in found["notes"])
    both = fsdcf("cost", "users.yml", "users.yml", "--change", "--format", "json")
    assert json.loads(both.stdout)["change"] == {"minimum": 0.0, "maximum": 0.0}


def test_nothing_heavy_is_loaded(folder: Path) -> None:
    script = (
        "import sys\nfrom fsdcf.cli import main\n"
        "for command in ('cost', 'graph', 'access'):\n"
        "    sys.argv = ['fsdcf', command, 'warehouse.yml']\n    assert main._run() == 0\n"
        "print(sorted({'cfnlint', 'boto3', 'botocore', 'jinja2', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """What a command prints to a terminal of 150 columns."""
    main, other = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "150",
        "TERM": "xterm",
        "HOME": str(folder),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "fsdcf", *arguments],
        cwd=folder,
        env=environment,
        stdout=other,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(other)
        said = b""
        try:
            while chunk := os.read(main, 65536):
                said += chunk
        except OSError:  # Linux says so when the other end is closed
            pass
    os.close(main)
    assert process.returncode == 0
    return said.decode()


def test_tables_on_a_terminal(folder: Path) -> None:
    cost = on_a_terminal(folder, "cost", "warehouse.yml")
    assert "\x1b[1m" in cost and "minimum" in cost and "NAT gateways" in cost and "weak sources" in cost
    access = on_a_terminal(folder, "access", "warehouse.yml")
    assert "\x1b[" in access and "conditions" in access and "ses: SendEmail" in access

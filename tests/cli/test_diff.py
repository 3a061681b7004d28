"""fsdcf diff as a user meets it: edits of the examples, forms, exit codes, git revisions, what is deployed, and what
cannot be.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.commands.diff import between
from fsdcf.cli.main import cli
from fsdcf.cli.render import formats
from fsdcf.plan.diff.effects import EFFECTS
from fsdcf.plan.diff.rollback import RULES
from fsdcf.plan.permissions.policy import CALLS
from tests.cli.stage import QUEUE, SMALL, Stage
from tests.plan.edits import EDITS, compiled, drop, spec, swap

SECRETS = SMALL.replace(
    "  healthCheck:",
    "  environment: {DB_PASSWORD: geheim-eins, URL: 'postgres://me:geheim-eins@db/x', LOG: info}\n  healthCheck:",
)


def fsdcf(*arguments: str | Path, expect: int | None = None) -> Result:
    result = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert expect is None or result.exit_code == expect, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSDCF_ENV", raising=False)
    return tmp_path


@pytest.fixture
def orders(folder: Path) -> Path:
    """An example as old.yml, and with most of what can happen as new.yml."""
    (folder / "old.yml").write_text(spec("api-dynamodb"))
    text = swap("memory: 1024", "memory: 2048")(spec("api-dynamodb"))
    for edit in (
        swap("path: /healthz", "path: /live"),
        drop("LOG_LEVEL", "\n"),
        EDITS["other keys"][1],
        EDITS["a queue more"][1],
    ):
        text = edit(text)
    (folder / "new.yml").write_text(drop("aws_s3_bucket", "aws_sqs_queue")(text))
    return folder


# what happens to each resource, and how it ends


@pytest.mark.parametrize("edit", EDITS)
def test_every_kind_of_change(folder: Path, edit: str) -> None:
    name, change, code, groups = EDITS[edit]
    (folder / "old.yml").write_text(spec(name))
    (folder / "new.yml").write_text(change(spec(name)))
    told = fsdcf("diff", "old.yml", "new.yml", expect=code)
    found: dict[str, str] = {}
    group = ""
    for line in told.stdout.splitlines():
        heading = re.fullmatch(r"(\w[\w ]*) \(\d+\)", line)
        if heading:
            group = heading[1]
        elif re.match(r"  [±~+=-] ", line) and group != "outputs":
            found[line.split()[1]] = group
    assert found == groups if groups else (code == 0) == (not found)
    assert ("data at risk" in told.stdout) == (code == 11)
    assert ("no changes" in told.stdout) == (code == 0)


def test_only_metadata(folder: Path) -> None:
    old = fsdcf("template", _written(folder, "a.yml", SMALL), "--no-lint", "--format", "json").stdout
    (folder / "old.json").write_text(old)
    (folder / "new.json").write_text(old.replace('"Spec": "service.taskRole"', '"Spec": "service.role"'))
    told = fsdcf("diff", "old.json", "new.json", expect=10).stdout
    assert "plan: 1 only metadata" in told and "fsdcf.Spec: service.taskRole -> service.role" in told


def _written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return name


def test_the_text(orders: Path) -> None:
    told = fsdcf("diff", "old.yml", "new.yml", expect=11).stdout
    order = [
        "data at risk",
        "blocked",
        "rollback safety",
        "replaced (1)",
        "perhaps replaced (1)",
        "removed (2)",
        "added (",
    ]
    assert [told.index(one) for one in order] == sorted(told.index(one) for one in order)
    line = {
        name: number
        for number, text in enumerate((orders / "new.yml").read_text().splitlines(), 1)
        for name in (text.strip(),)
    }
    was = {text.strip(): number for number, text in enumerate((orders / "old.yml").read_text().splitlines(), 1)}
    assert "! InvoicesBucket (S3::Bucket) left behind: it leaves the stack" in told
    assert f"--> old.yml:{was['- type: aws_s3_bucket']}: - type: aws_s3_bucket" in told
    assert (
        "! OrdersTable (DynamoDB::Table) replaced" in told
        and f"--> new.yml:{line['- type: aws_dynamodb_table']}" in told
    )
    assert "TableName 'staging-orders'" in told
    assert re.search(
        rf"~ TargetGroup +ElasticLoadBalancingV2::TargetGroup +new.yml:{line['path: /live']}\n"
        r" +HealthCheckPath: /healthz -> /live",
        told,
    )
    assert f"TaskDefinition  ECS::TaskDefinition  new.yml:{line['memory: 2048']}" in told
    assert "ContainerDefinitions[orders].Environment[LOG_LEVEL]: info -> nothing" in told
    assert "ContainerDefinitions[orders].Environment[MAILS_QUEUE_URL]: nothing -> MailsQueue" in told
    assert "TaskDefinition: follows TaskDefinition, which is replaced because Memory changed" in told
    assert (
        f"TaskDefinition no longer sets LOG_LEVEL [variable-removed]\n    --> old.yml:{was['LOG_LEVEL: info']}" in told
    )
    assert "after fsdcf rollback: the old image would start without it" in told
    assert "InvoicesBucketName: InvoicesBucket -> nothing" in told and "\x1b[" not in told


def test_every_rule_that_a_plan_names_is_explained() -> None:
    for rule in RULES:
        told = fsdcf("explain", rule.id, expect=0).stdout
        assert (
            told.startswith(f"{rule.id}: {rule.explanation}\n")
            and f"Solution: {rule.steps()}.\n" in told
            and "{" not in told
        )
    for effect in EFFECTS:
        assert fsdcf("explain", effect.id, expect=0).stdout.startswith(f"{effect.id}: {effect.explanation}\n")
    assert (
        "Unsafe during the rollout, and after fsdcf rollback.\n" in fsdcf("explain", "Way-Out-Closed", expect=0).stdout
    )
    assert "did you mean port-changed" in fsdcf("explain", "port-chnged", expect=2).output


def test_the_line_of_a_variable_that_moves_the_others(folder: Path) -> None:
    _written(folder, "old.yml", spec("api-dynamodb"))
    new = EDITS["a variable more"][1](spec("api-dynamodb"))
    _written(folder, "new.yml", new)
    number = next(index for index, text in enumerate(new.splitlines(), 1) if "AAA" in text)
    told = fsdcf("diff", "old.yml", "new.yml", expect=10).stdout
    assert f"TaskDefinition  ECS::TaskDefinition  new.yml:{number}" in told
    assert "ContainerDefinitions[orders].Environment[AAA]: nothing -> first" in told and "LOG_LEVEL" not in told
    assert "which is replaced because ContainerDefinitions[orders].Environment changed" in told


def test_options_reach_both_sides(folder: Path) -> None:
    _written(folder, "old.yml", spec("production"))
    _written(folder, "new.yml", spec("production").replace("minCount: 3", "minCount: 4"))
    assert fsdcf("diff", "old.yml", "new.yml", expect=0).stdout.startswith(
        "old.yml in staging -> new.yml in staging\nno changes"
    )
    assert "MinCapacity: 3 -> 4" in fsdcf("diff", "old.yml", "new.yml", "--env", "prod", expect=10).stdout
    override = ("--env", "prod", "--override", "service.autoScaling.minCount=5")
    assert "no changes" in fsdcf("diff", "old.yml", "new.yml", *override, expect=0).stdout
    _written(folder, "var.yml", SMALL.replace("command: exit 0", "command: exit ${CODE}"))
    assert fsdcf("diff", "var.yml", "var.yml", "--var", "CODE=1").exit_code == 0


def test_a_service_with_another_name_is_another_stack(folder: Path) -> None:
    _written(folder, "old.yml", SMALL)
    _written(folder, "new.yml", SMALL.replace("name: hello", "name: goodbye"))
    told = fsdcf("diff", "old.yml", "new.yml", expect=10).stdout
    assert "note: the service is renamed from hello to goodbye" in told


def test_a_renamed_service_cannot_take_the_names_of_the_old_one(folder: Path) -> None:
    text = spec("api-dynamodb")
    _written(folder, "old.yml", text)
    _written(folder, "new.yml", swap("name: orders\n", "name: sales\n")(text))
    data = json.loads(fsdcf("diff", "old.yml", "new.yml", "--format", "json", expect=10).stdout)
    taken = [(one["LogicalId"], one["Why"]) for one in data["Obstacles"] if one["Kind"] == "custom name"]
    assert [name for name, _ in taken] == ["OrdersTable", "InvoicesBucket"]
    assert "'staging-orders': it already exists as OrdersTable" in taken[0][1]
    assert any("creates or updates the stack sales-staging" in note for note in data["Notes"])
    assert not data["RollbackSafety"]  # nothing of the old stack is updated, and nothing rolls back to it


def test_another_environment_is_another_stack(folder: Path) -> None:
    text = swap("${ENV}-orders\n", "orders\n")(spec("sqlite") + "  - type: aws_sqs_queue\n    name: ${ENV}-orders\n")
    _written(folder, "spec.yml", text)
    _written(folder, "old.yml", fsdcf("template", "spec.yml", "--no-lint", "--env", "staging").stdout)
    told = fsdcf("diff", "old.yml", "spec.yml", "--env", "prod").stdout
    assert "note: the environment changes from staging to prod" in told
    assert re.search("note: the stack \\S+-prod has its own NotesFileSystem, without the data", told)
    assert "the new stack cannot create 'orders': it already exists as OrdersQueue" in told
    assert "note: " not in fsdcf("diff", "old.yml", "spec.yml", "--env", "staging", expect=0).stdout


def test_a_first_deploy_shows_what_matters(folder: Path) -> None:
    _written(folder, "new.yml", spec("api-dynamodb"))
    told = fsdcf("diff", "new.yml", "--first", expect=10).stdout
    order = ["open to the outside", "data (2)", "ingress (3)", "permissions (4)", "tasks (1)", "\nand "]
    assert [told.index(one) for one in order] == sorted(told.index(one) for one in order)
    assert "! LoadBalancer accepts requests from the internet on port 80, without TLS\n    --> new.yml:" in told
    assert "      may read, write OrdersTable\n" in told
    assert "PrivateSubnet1" not in told and re.search(r"(?m)^and \d+ more added \(.*\d+ network, \d+ tasks", told)
    total = re.search(r"plan: (\d+) added", told)
    listed = len(re.findall(r"(?m)^  \+ ", told)) + int(re.search(r"and (\d+) more", told)[1])  # type: ignore[index]
    assert total is not None and int(total[1]) == listed
    told = fsdcf("diff", "new.yml", "--first", "--format", "markdown", expect=10).stdout
    assert "**Open to the outside**" in told and told.count("<details>") == told.count("</details>") == 4
    data = json.loads(fsdcf("diff", "new.yml", "--first", "--format", "json", expect=10).stdout)
    assert len(data["Changes"]) == listed and [one["LogicalResourceId"] for one in data["Exposed"]] == ["LoadBalancer"]
    notices = fsdcf("diff", "new.yml", "--first", "--format", "github", expect=10).stdout
    assert "LoadBalancer accepts requests" in notices and "Subnet" not in notices


def test_templates_and_specs_may_be_mixed(folder: Path) -> None:
    _written(folder, "spec.yml", spec("api-dynamodb"))
    for form in ("yaml", "json"):
        _written(folder, f"old.{form}", fsdcf("template", "spec.yml", "--no-lint", "--format", form).stdout)
        assert "no changes" in fsdcf("diff", f"old.{form}", "spec.yml", expect=0).stdout
        assert "no changes" in fsdcf("diff", "spec.yml", f"old.{form}", expect=0).stdout
    assert (
        "LogGroup"
        in fsdcf(
            "diff", "old.json", "spec.yml", "--override", "service.observability.logs.retention=7", expect=10
        ).stdout
    )


# forms

ENTRY = {
    "type": "object",
    "required": ["Type", "ResourceChange", "Spec", "Risk", "RollbackSafety"],
    "properties": {
        "Type": {"const": "Resource"},
        "ResourceChange": {
            "type": "object",
            "required": ["Action", "LogicalResourceId", "ResourceType", "Scope", "Details"],
            "additionalProperties": False,
            "properties": {
                "Action": {"enum": ["Add", "Modify", "Remove"]},
                "LogicalResourceId": {"type": "string"},
                "PhysicalResourceId": {"type": "string"},
                "ResourceType": {"type": "string"},
                "Replacement": {"enum": ["True", "False", "Conditional"]},
                "PolicyAction": {
                    "enum": [
                        "Delete",
                        "Retain",
                        "Snapshot",
                        "ReplaceAndDelete",
                        "ReplaceAndRetain",
                        "ReplaceAndSnapshot",
                    ]
                },
                "Scope": {"type": "array", "items": {"type": "string"}},
                "Details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Target", "Evaluation", "ChangeSource"],
                        "additionalProperties": False,
                        "properties": {
                            "Evaluation": {"enum": ["Static", "Dynamic"]},
                            "ChangeSource": {"type": "string"},
                            "CausingEntity": {"type": "string"},
                            "Target": {
                                "type": "object",
                                "required": ["Attribute", "RequiresRecreation", "Path", "AttributeChangeType"],
                                "properties": {"BeforeValue": {"type": "string"}, "AfterValue": {"type": "string"}},
                            },
                        },
                    },
                },
            },
        },
        "Spec": {
            "type": ["object", "null"],
            "required": ["Path", "Line"],
            "properties": {"Path": {"type": "string"}, "Line": {"type": "integer", "minimum": 1}},
        },
        "Risk": {"type": ["object", "null"], "required": ["Kind", "Why"]},
        "RollbackSafety": {"type": "array", "items": {"required": ["Rule", "What", "Unsafe", "Why", "WayOut", "Spec"]}},
    },
}
PLAN = {
    "type": "object",
    "required": ["Old", "New", "Changes", "Outputs", "DataAtRisk", "Obstacles", "RollbackSafety"],
    "properties": {"Changes": {"type": "array", "minItems": 5, "items": ENTRY}},
}


def test_what_dynamodb_refuses_and_what_else_happens_is_in_every_form(folder: Path) -> None:
    text = spec("api-dynamodb")
    _written(folder, "old.yml", text)
    edit = drop("  autoScaling:", "  environment:")
    _written(folder, "new.yml", edit(swap("timeToLive: expires_at", "timeToLive: until")(text)))
    told = fsdcf("diff", "old.yml", "new.yml", expect=10).stdout
    assert told.index("blocked: ") < told.index("rollback safety: ") < told.index("side effects: ")
    assert "timeToLive: {attribute: expires_at, enabled: false}" in told and "[task-count-reset]" in told
    data = json.loads(fsdcf("diff", "old.yml", "new.yml", "--format", "json", expect=10).stdout)
    assert [(one["Kind"], one["LogicalId"]) for one in data["Obstacles"]] == [("refused", "OrdersTable")]
    (effect,) = data["SideEffects"]
    assert (effect["Rule"], effect["Spec"]["Path"]) == ("task-count-reset", "old.yml")
    annotated = fsdcf("diff", "old.yml", "new.yml", "--format", "github", expect=10).stdout
    assert "title=side effect%3A task-count-reset::" in annotated and "title=blocked%3A OrdersTable::" in annotated
    assert "> **Side effects**: " in fsdcf("diff", "old.yml", "new.yml", "--format", "markdown", expect=10).stdout


def test_tags_are_one_line_in_every_form(folder: Path) -> None:
    text = spec("api-dynamodb")
    _written(folder, "old.yml", text)
    _written(folder, "new.yml", swap("memory: 1024", "memory: 2048")(swap("pack: commerce", "pack: sales")(text)))
    told = fsdcf("diff", "old.yml", "new.yml", expect=10).stdout
    assert "plan: 1 replaced, 1 changed, tags\n" in told and told.count("pack") == 1
    line = re.search(r"(?m)^  ~ (tags of \d+ resources and the stack: pack)  new\.yml:(\d+)$", told)
    assert line is not None and "metadata:" in (folder / "new.yml").read_text().splitlines()[int(line[2]) - 1]
    assert (
        f"~ {line[1]} (<code>new.yml:{line[2]}</code>)"
        in fsdcf("diff", "old.yml", "new.yml", "--format", "markdown").stdout
    )
    notices = fsdcf("diff", "old.yml", "new.yml", "--format", "github").stdout
    assert (
        f"::notice file=new.yml,line={line[2]},col=1,title=plan::{line[1]}\n" in notices and notices.count("pack") == 1
    )
    data = json.loads(fsdcf("diff", "old.yml", "new.yml", "--format", "json").stdout)
    assert data["Tags"] is True and data["TagChanges"]["Summary"] == line[1]
    rows = data["TagChanges"]["Changes"]
    assert f"tags of {len(rows) - 1} resources" in line[1]
    assert {(one["Key"], one["BeforeValue"], one["AfterValue"]) for one in rows} == {("pack", "commerce", "sales")}
    assert [one["ResourceType"] for one in rows if "LogicalResourceId" not in one] == ["AWS::CloudFormation::Stack"]


MOVED_POINT = ["permission-removed", "volume-removed"]
"""The violations of a new access point, which the role of the old tasks may no longer use either."""


@pytest.mark.parametrize(
    ("edit", "code", "risk", "rules"),
    [
        (swap("name: ${ENV}-notes", "name: ${ENV}-notes\n    rootDirectory: /other"), 11, "/other", MOVED_POINT),
        (swap("name: ${ENV}-notes", "name: ${ENV}-notes\n    posixUser: {uid: 7}"), 11, "7:1000", MOVED_POINT),
        (swap("name: ${ENV}-notes", "name: ${ENV}-notes\n    posixUser: {uid: 0}"), 10, None, MOVED_POINT),
        (swap("name: ${ENV}-notes", "name: ${ENV}-notes\n    rootDirectory: /notes"), 0, None, []),
        (swap("name: ${ENV}-notes", "name: ${ENV}-notes\n    mountPoint: /data"), 10, None, ["volume-removed"]),
        (
            lambda text: text + "    path: /mnt/efs/other.db\n",
            11,
            "leads to /mnt/efs/other.db, not to /mnt/efs/app.db",
            ["path-moved"],
        ),
    ],
    ids=["directory", "user", "root", "the default", "mount point", "file"],
)
def test_data_out_of_reach_is_data_at_risk(
    folder: Path, edit: Callable[[str], str], code: int, risk: str | None, rules: list[str]
) -> None:
    _written(folder, "old.yml", spec("sqlite"))
    _written(folder, "new.yml", edit(spec("sqlite")))
    data = json.loads(fsdcf("diff", "old.yml", "new.yml", "--format", "json", expect=code).stdout)
    assert [(one["Kind"], risk is not None and risk in one["Why"]) for one in data["DataAtRisk"]] == (
        [("out of reach", True)] if risk else []
    )
    assert [one["Rule"] for one in data["RollbackSafety"]] == rules


def test_json_has_the_names_of_describe_change_set(orders: Path) -> None:
    data = json.loads(fsdcf("diff", "old.yml", "new.yml", "--format", "json", expect=11).stdout)
    jsonschema.validate(data, PLAN)
    by_name = {one["ResourceChange"]["LogicalResourceId"]: one for one in data["Changes"]}
    table, bucket, task = (by_name[name] for name in ("OrdersTable", "InvoicesBucket", "TaskDefinition"))
    assert (table["Risk"]["Kind"], bucket["Risk"]["Kind"], task["Risk"]) == ("replaced", "left behind", None)
    assert (bucket["ResourceChange"]["Action"], bucket["ResourceChange"]["PolicyAction"]) == ("Remove", "Retain")
    assert bucket["Spec"]["Path"] == "old.yml" and table["Spec"]["Path"] == "new.yml"
    assert {one["Rule"] for one in task["RollbackSafety"]} == {"variable-removed"}
    memory = next(
        one["Target"] for one in task["ResourceChange"]["Details"] if one["Target"]["Path"] == "/Properties/Memory"
    )
    assert (memory["BeforeValue"], memory["AfterValue"], memory["RequiresRecreation"]) == ("1024", "2048", "Always")
    assert {one["LogicalResourceId"] for one in data["DataAtRisk"]} == {"InvoicesBucket", "OrdersTable"}


def test_the_names_of_json_are_those_of_botocores_model(orders: Path) -> None:
    import botocore.session

    shape = botocore.session.get_session().get_service_model("cloudformation").shape_for("ResourceChange")
    data = json.loads(fsdcf("diff", "old.yml", "new.yml", "--format", "json").stdout)
    detail = shape.members["Details"].member
    for one in data["Changes"]:
        assert set(one["ResourceChange"]) <= set(shape.members)
        for each in one["ResourceChange"]["Details"]:
            assert set(each) <= set(detail.members) and set(each["Target"]) <= set(detail.members["Target"].members)


COMMAND = re.compile(r"::(error|warning|notice) ((?:file=[^,:]+,line=\d+,col=\d+,)?title=[^,:]*)::(.+)")


def test_annotations_stand_on_the_lines_of_new(orders: Path) -> None:
    told = fsdcf("diff", "old.yml", "new.yml", "--format", "github", expect=11).stdout.splitlines()
    found = [COMMAND.fullmatch(line) for line in told]
    assert all(found), told
    kinds = [one[1] for one in found if one]
    assert kinds == sorted(kinds, key=["error", "warning", "notice"].index) and kinds.count("error") == 2
    lines = (orders / "new.yml").read_text().splitlines()
    for one in found:
        assert one is not None
        place = re.match(r"file=new.yml,line=(\d+),", one[2])
        assert place is None or int(place[1]) <= len(lines)
        assert place is not None or one is found[-1]
    assert any("HealthCheckPath" in line and f"line={lines.index('    path: /live') + 1}," in line for line in told)


def test_annotations_escape_what_would_end_them(folder: Path) -> None:
    _written(folder, "old.yml", SMALL)
    _written(folder, "a,b:100%.yml", SMALL.replace("exit 0", "exit 1"))
    told = fsdcf("diff", "old.yml", "./a,b:100%.yml", "--format", "github", expect=10).stdout.splitlines()
    assert any("file=a%2Cb%3A100%25.yml,line=" in line for line in told)
    override = fsdcf(
        "diff", "old.yml", "old.yml", "--override", "service.environment.A=1", "--format", "github", expect=0
    ).stdout
    assert override.startswith("::notice title=plan::old.yml in staging -> old.yml in staging: no changes")


def test_markdown_folds_and_escapes(orders: Path) -> None:
    told = fsdcf("diff", "old.yml", "new.yml", "--format", "markdown", expect=11).stdout
    assert told.startswith("**Plan**: 1 replaced")
    assert (
        told.index("[!CAUTION]")
        < told.index("**Blocked**")
        < told.index("**Rollback safety**")
        < told.index("<details>")
    )
    assert told.count("<details>") == told.count("</details>") > 3
    for row in (line for line in told.splitlines() if line.startswith("| <code>Task")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
    _written(
        orders,
        "odd.yml",
        (orders / "old.yml").read_text().replace("LOG_LEVEL: info", 'LOG_LEVEL: "</code>|`@team` <b>"'),
    )
    odd = fsdcf("diff", "old.yml", "odd.yml", "--format", "markdown", expect=10).stdout
    assert "</code>|" not in odd and "@team" not in odd and "<b>" not in odd and "&#64;team" in odd
    assert fsdcf("diff", "old.yml", "old.yml", "--format", "markdown", expect=0).stdout.startswith("**No changes**")


def test_each_row_of_markdown_has_the_line_of_its_own_property(orders: Path) -> None:
    told = fsdcf("diff", "old.yml", "new.yml", "--format", "markdown", expect=11).stdout
    cells = [
        re.split(r"(?<!\\) \| ", line.strip("| "))
        for line in told.splitlines()
        if line.startswith("| <code>TaskDefinition")
    ]
    found = {
        re.sub(r"</?code>", "", one[1]).replace("&#91;", "[").replace("&#93;", "]").replace("&#95;", "_"): one[-1]
        for one in cells
    }
    line = {text.strip(): number for number, text in enumerate((orders / "new.yml").read_text().splitlines(), 1)}
    was = {text.strip(): number for number, text in enumerate((orders / "old.yml").read_text().splitlines(), 1)}
    assert found["Memory"] == f"new.yml:{line['memory: 2048']}"
    assert found["ContainerDefinitions[orders].Environment[LOG_LEVEL]"] == f"old.yml:{was['LOG_LEVEL: info']}"
    assert (
        found["ContainerDefinitions[orders].Environment[MAILS_QUEUE_URL]"] == f"new.yml:{line['- type: aws_sqs_queue']}"
    )


def test_a_variable_from_a_dependency_has_the_line_of_the_dependency(folder: Path) -> None:
    """Its variable, its volume and its tags, also where the items of a list have moved."""
    volume = "  volumes: [{name: cache, mountPath: /cache}]\n  environment: {MINE: a}\n"
    text = spec("sqlite").replace(
        "dependencies:",
        f"{volume}dependencies:\n  - {{type: aws_s3_bucket, name: pool, unmanaged: {{permissions: read}}}}",
    )
    text = text.partition("  - type: sqlite_database")[0]
    _written(folder, "old.yml", text)
    line = {one.strip(): number for number, one in enumerate(text.splitlines(), 1)}
    efs, bucket = (
        line["- type: aws_efs_file_system"],
        next(number for one, number in line.items() if "aws_s3_bucket" in one),
    )

    def lines(new: str, code: int) -> tuple[set[str], str]:
        _written(folder, "new.yml", new)
        told = fsdcf("diff", "old.yml", "new.yml", expect=code).stdout
        return set(re.findall(r"(?m)--> (\S+:[0-9]+)", told)), re.search(
            r"TaskDefinition +ECS::TaskDefinition +(\S+)", told
        )[1]  # type: ignore[index]

    assert lines(text.replace("name: ${ENV}-notes", "name: ${ENV}-notes\n    mountPoint: /data"), 10) == (
        {f"old.yml:{efs}"},
        f"new.yml:{efs}",
    )
    assert lines("\n".join(one for one in text.splitlines() if "aws_s3" not in one), 10) == (
        {f"old.yml:{bucket}"},
        f"old.yml:{bucket}",
    )
    without = text.replace("  - type: aws_efs_file_system\n    name: ${ENV}-notes\n", "")
    assert lines(without, 11)[1] == f"old.yml:{efs}"
    _written(folder, "new.yml", text.replace("owners: [team-notes]", "owners: [others]"))
    told = fsdcf("diff", "old.yml", "new.yml", expect=10).stdout
    assert f"  ~ tags of 34 resources and the stack: owners  new.yml:{line['metadata:']}\n" in told


def test_markdown_is_capped(folder: Path) -> None:
    many = "".join(f"    VARIABLE_{number}: '{'_' * 200}'\n" for number in range(150))
    _written(folder, "old.yml", spec("production"))
    _written(folder, "new.yml", spec("production").replace("    FEATURES:", f"{many}    FEATURES:"))
    told = fsdcf("diff", "old.yml", "new.yml", "--format", "markdown", expect=10).stdout
    assert len(told.encode()) <= formats.LIMIT and "the values are left out" in told


def test_markdown_is_cut_at_last_with_every_block_closed() -> None:
    plan = between(compiled(spec("api-dynamodb")), compiled(EDITS["a table renamed"][1](spec("api-dynamodb"))))
    whole = formats.text(plan)
    for limit in range(900, len(whole.encode()), 500):
        cut = formats.text(plan, limit)
        assert len(cut.encode()) <= limit and cut.count("<details>") == cut.count("</details>")
    assert formats.text(plan, 900).endswith("_Cut here: `fsdcf diff` shows the whole plan._\n")


# secrets


@pytest.mark.parametrize("form", ["text", "markdown", "github", "json"])
def test_secrets_are_never_shown(folder: Path, form: str) -> None:
    _written(folder, "old.yml", SECRETS)
    _written(folder, "new.yml", SECRETS.replace("geheim-eins", "geheim-zwei"))
    told = fsdcf("diff", "old.yml", "new.yml", "--format", form, expect=10)
    assert "geheim" not in told.output and "TaskDefinition" in told.stdout
    gone = fsdcf("diff", "old.yml", _written(folder, "gone.yml", SMALL), "--format", form, expect=10)
    assert "geheim" not in gone.output
    override = ("--override", "service.environment.API_TOKEN=geheim-drei")
    assert "geheim" not in fsdcf("diff", "gone.yml", "new.yml", *override, "--format", form, expect=10).output


# git


@pytest.fixture
def repository(folder: Path) -> Callable[..., str]:
    """A repository without a remote: hello.yml on main, and a queue more in the folder ``services``."""

    def git(*arguments: str) -> str:
        named = (
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "init.defaultBranch=main",
        )
        return subprocess.run(
            ["git", *named, *arguments], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    (folder / "services").mkdir()
    dockerfile = SMALL.replace("  healthCheck:\n    container:\n      command: exit 0\n", "").replace(
        "service:\n", "service:\n  build: {dockerfile: ../Dockerfile}\n"
    )
    _written(folder, "services/hello.yml", dockerfile)
    _written(folder, "Dockerfile", "FROM scratch\nHEALTHCHECK CMD first\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    _written(folder, "services/hello.yml", dockerfile + QUEUE)
    _written(folder, "Dockerfile", "FROM scratch\nHEALTHCHECK CMD second\n")
    return git


def test_a_revision_is_read_with_the_files_beside_it(
    folder: Path, repository: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for old in (
        "main:services/hello.yml",
        "HEAD:./services/hello.yml",
        f"{repository('rev-parse', 'HEAD')}:services/hello.yml",
    ):
        told = fsdcf("diff", old, "services/hello.yml", expect=10).stdout
        assert told.startswith(f"{old} in staging -> services/hello.yml in staging")
        assert "OrdersQueue" in told and "first" in told and "second" in told
    monkeypatch.chdir(folder / "services")
    assert "OrdersQueue" in fsdcf("diff", "HEAD:hello.yml", "hello.yml", expect=10).stdout
    assert "OrdersQueue" in fsdcf("diff", f"HEAD:{folder}/services/hello.yml", "hello.yml", expect=10).stdout
    repository("commit", "--quiet", "-a", "-m", "two")
    told = fsdcf("diff", "HEAD:hello.yml", "HEAD^1:hello.yml", expect=11).stdout
    assert "removed (" in told and "HEAD:hello.yml:" in told
    assert "no changes" in fsdcf("diff", "HEAD:hello.yml", "hello.yml", expect=0).stdout
    assert "lines unchanged" in fsdcf("cost", "main~1:hello.yml", "hello.yml", expect=0).stdout


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("nowhere:services/hello.yml", "git has no revision 'nowhere'"),
        ("main:services/absent.yml", "'main' has no file 'services/absent.yml'"),
        ("main:services", "compare two files, or two folders"),
        ("main:", "has no file ''"),
        ("--output=x:services/hello.yml", "No such option"),
        ("absent.yml", "cannot read 'absent.yml'"),
        ("main:../../outside.yml", "has no file"),
    ],
)
def test_revisions_and_files_that_are_not_there(repository: Callable[..., str], old: str, said: str) -> None:
    told = fsdcf("diff", old, "services/hello.yml", expect=2)
    assert said in told.stderr and not told.stdout and "Traceback" not in told.stderr


def test_a_revision_that_looks_like_an_option_is_not_passed_to_git_as_one(
    repository: Callable[..., str], folder: Path
) -> None:
    told = fsdcf("diff", "--", "--output=x:services/hello.yml", "services/hello.yml", expect=2)
    assert "git has no revision '--output=x'" in told.stderr and not (folder / "x").exists()


def test_without_a_repository_and_without_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _written(folder, "new.yml", SMALL)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    assert "not in a git repository" in fsdcf("diff", "main:new.yml", "new.yml", expect=2).stderr
    monkeypatch.setenv("PATH", str(folder))
    assert "git is not installed" in fsdcf("diff", "main:new.yml", "new.yml", expect=2).stderr


# what cannot be


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources: {A: {Type: AWS::SNS::Topic}}\n", "was not compiled by fsdcf"),
        ("Resources:\n  A: [\n", "old.yml:3:1"),
        ("Resources: {A: {}}\n", "its resource A has no Type"),
        ("AWSTemplateFormatVersion: x\n", "it has no Resources"),
        (SMALL.replace("owners: team", "owners: 7"), "error[S102]"),
        ("", "error["),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_files_that_are_neither_a_spec_nor_compiled_by_fsdcf(folder: Path, text: str, said: str, swapped: bool) -> None:
    _written(folder, "old.yml", text)
    _written(folder, "new.yml", SMALL)
    files = ["old.yml", "new.yml"]
    told = fsdcf("diff", *(reversed(files) if swapped else files), expect=2)
    assert said in told.stderr and not told.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.yml"], "expected OLD and NEW"),
        (["a.yml", "a.yml", "a.yml"], "expected OLD and NEW"),
        (["a.yml", "a.yml", "--sandbox"], "need --deployed"),
        (["a.yml", "a.yml", "--env", "Not!"], "is not a valid environment name"),
        (["a.json", "--deployed"], "needs a spec"),
    ],
)
def test_arguments_that_do_not_go_together(folder: Path, arguments: list[str], said: str) -> None:
    _written(folder, "a.yml", SMALL)
    _written(folder, "a.json", fsdcf("template", "a.yml", "--no-lint", "--format", "json").stdout)
    assert said in fsdcf("diff", *arguments, expect=2).stderr


def test_two_files_are_compared_without_boto3(folder: Path) -> None:
    _written(folder, "old.yml", SMALL)
    _written(folder, "new.yml", SMALL + QUEUE)
    code = (
        "import sys; from fsdcf.cli.main import cli; cli.main(['diff', 'old.yml', 'new.yml'], standalone_mode=False); "
        "loaded = {name.split('.')[0] for name in sys.modules}; "
        "print(sorted(loaded & {'boto3', 'botocore', 'cfnlint', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# what is deployed


def test_diff_against_the_deployed_stack(stage: Stage) -> None:
    first = stage("diff", "hello.yml", "--deployed", expect=10)
    assert (
        "note: the stack hello-staging does not exist yet: a deploy creates every resource" in first.stdout
        and "added (" in first.stdout
    )
    stage.deploy("--yes")
    same = stage("diff", "hello.yml", "--deployed", "--region", "us-east-1")
    assert "no changes" in same.stdout and stage.connections[-1].region == "us-east-1"
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE)
    told: dict[str, Any] = json.loads(stage("diff", "hello.yml", "--deployed", "--format", "json", expect=10).stdout)
    known = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in told["Changes"]}
    assert known["OrdersQueue"]["Action"] == "Add" and known["Service"]["PhysicalResourceId"].startswith("arn:aws:ecs:")
    assert told["Old"] == "hello-staging (CREATE_COMPLETE)" and told["Tags"] is False
    events = [json.loads(line) for line in stage.deploy("--plan-only", "--json").stdout.splitlines()]
    planned = next(one for one in events if one["event"] == "planned")
    assert {one["logicalId"]: one["action"] for one in planned["changes"]} == {
        name: one["Action"] for name, one in known.items()
    }
    assert {one["logicalId"]: one["spec"]["line"] for one in planned["changes"]} == {
        one["ResourceChange"]["LogicalResourceId"]: one["Spec"]["Line"] for one in told["Changes"]
    }


def test_an_output_in_use_elsewhere_is_named_with_who_uses_it(stage: Stage) -> None:
    """Nothing that fsdcf compiles has exports; somebody added one to what is deployed."""
    template = json.loads(stage("template", "hello.yml", "--no-lint", "--format", "json").stdout)
    template["Outputs"]["Shared"] = {"Value": "one", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-shared"}}}
    tags = {"fsdcf:service": "hello", "fsdcf:environment": "staging"}
    user = {
        "Resources": {
            "Note": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "hello-staging-shared"}},
            }
        }
    }
    for name, body, sha in (("hello-staging", template, "one"), ("user", user, None)):
        stage.site.call(
            "CreateStack",
            StackName=name,
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": "ImageSha", "ParameterValue": sha}] if sha else [],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        stage.site.clock.advance(900)
    said = "Shared (Output): the export hello-staging-shared is removed, and the stack user imports it"
    assert said in stage("diff", "hello.yml", "--deployed", expect=10).stdout
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE)
    assert said in stage.deploy("--plan-only").stdout
    assert {operation for _, _, operation in stage.site.aws.calls} <= CALLS["cloudformation"] | CALLS[
        "ecr"
    ] and stage.site.aws.calls
    stage.site.fault("api:ListImports:error=AccessDenied")
    assert (
        "the export hello-staging-shared is removed, and another stack may import it"
        in stage.deploy("--plan-only").stdout
    )


def test_a_stack_of_another_service_and_an_unreadable_template(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.fault("api:GetTemplate:error=AccessDenied")
    assert (
        "cannot read the template of the stack hello-staging"
        in stage("diff", "hello.yml", "--deployed", expect=2).stderr
    )
    stage.site.fault("api:DescribeStacks:error=AccessDenied")
    denied = stage("diff", "hello.yml", "--deployed", expect=7)
    assert "no permission for cloudformation:DescribeStacks" in denied.stderr and not denied.stdout


def test_deploy_shows_the_plan_that_diff_shows(stage: Stage) -> None:
    """The same words for the same change: offline, and from the real change set."""
    text = SMALL.replace("  healthCheck:", "  environment: {MODE: a, KEEP: '1'}\n  healthCheck:")
    (stage.folder / "hello.yml").write_text(text)
    (stage.folder / "old.yml").write_text(text)
    stage.deploy("--yes")
    new = SMALL.replace("  healthCheck:", "  environment: {KEEP: '2', MORE: b}\n  healthCheck:")
    (stage.folder / "hello.yml").write_text(new + QUEUE)
    offline = _plan(stage("diff", "old.yml", "hello.yml", expect=10).stdout)
    real = _plan(stage.deploy("--plan-only", sha="one").stdout)
    assert [line for line in real if "old.yml" not in line] == [line for line in offline if "old.yml" not in line]
    assert _plan(stage("diff", "hello.yml", "--deployed", expect=10).stdout) == real
    assert any("TaskDefinition no longer sets MODE [variable-removed]" in line for line in real)
    assert any("follows TaskDefinition, which is replaced because" in line for line in real)


def _plan(text: str) -> list[str]:
    lines = text.splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith("plan: "))
    end = next(
        (
            index
            for index, line in enumerate(lines)
            if index > begin and line.startswith(("outputs (", "the outputs", "the tags", "done: "))
        ),
        len(lines),
    )
    return [line for line in lines[begin:end] if "-->" not in line]

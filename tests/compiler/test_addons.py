"""Addons: how their fragments and outputs get into the template, for every form of a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.compiler.emit import to_json
from fsdcf.deploy.model import Exit, Options, Target
from fsdcf.deploy.run import Run
from fsdcf.lint.runner import Finding
from fsdcf.operate.delete import delete
from fsdcf.operate.releases import rollback
from fsdcf.pipeline import Request, Result, SourceFile, run, with_lint
from tests.conftest import HELLO, request_of
from tests.deploy.site import site

CASE = Path(__file__).parent.parent / "cases" / "addons" / "service.spec.yml"
PARAMETERS = "Parameters: {Env: {Type: String}, Name: {Type: String}, Size: {Type: String, Default: s}}\n"
TOPIC = "Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: %s}}}\n"


def compiled(fragment: str | bytes, spec: str = HELLO, file: str = "addons/cache.yml", **options: Any) -> Result:
    raw = fragment if isinstance(fragment, bytes) else fragment.encode()
    text = f"{spec}addons: [{file}]\n"
    return run(Request("a/spec.yml", text.encode(), "staging", beside=lambda path: {file: raw}[path], **options))


def data_of(result: Result) -> dict[str, Any]:
    assert result.template is not None, result.diagnostics
    return dict(result.template.data)


def display_name(value: str, more: str = "") -> Any:
    data = data_of(compiled(PARAMETERS + TOPIC % value + more))
    return data["Resources"]["cacheTopic"]["Properties"]["DisplayName"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Env", "staging"),
        ("!Ref Size", {"Ref": "cacheSize"}),
        ("!Ref AWS::Region", {"Ref": "AWS::Region"}),
        ("!GetAtt Topic.TopicName", {"Fn::GetAtt": ["cacheTopic", "TopicName"]}),
        ("{'Fn::GetAtt': Topic.A.B}", {"Fn::GetAtt": ["cacheTopic", "A.B"]}),
        ("!Sub '${Env}-${Name}'", "staging-hello"),
        ("!Sub '${Env} ${!Env}'", "staging ${Env}"),
        ("!Sub '${Env}-${AWS::Region}'", {"Fn::Sub": "staging-${AWS::Region}"}),
        ("!Sub '${Topic.TopicName}-${ Size }'", {"Fn::Sub": "${cacheTopic.TopicName}-${cacheSize}"}),
        ("!Sub ['${A}-${Env}', {A: !Ref Env}]", {"Fn::Sub": ["${A}-staging", {"A": "staging"}]}),
        ("!Sub ['${Env}', {Env: !Ref Size}]", {"Fn::Sub": ["${Env}", {"Env": {"Ref": "cacheSize"}}]}),
        ("!If [IsStaging, !Ref Name, other]", "hello"),
        ("!If [IsOther, a, !If [Both, b, c]]", "c"),
        ("!If [Large, a, !Ref Env]", {"Fn::If": ["cacheLarge", "a", "staging"]}),
        ("!If [Mixed, a, b]", {"Fn::If": ["cacheMixed", "a", "b"]}),
        ("!If [Either, a, b]", "a"),
        ("!FindInMap [Map, !Ref Env, Key]", {"Fn::FindInMap": ["cacheMap", "staging", "Key"]}),
        ("!Join ['-', [!Ref Env, !ImportValue x]]", {"Fn::Join": ["-", ["staging", {"Fn::ImportValue": "x"}]]}),
    ],
)
def test_what_a_fragment_refers_to_has_its_new_name(value: str, expected: Any) -> None:
    more = (
        "Mappings: {Map: {staging: {Key: a}}}\n"
        "Conditions:\n  IsStaging: !Equals [!Ref Env, staging]\n  IsOther: !Not [!Condition IsStaging]\n"
        "  Large: !Equals [!Ref Size, l]\n  Both: !And [!Condition IsOther, !Condition Large]\n"
        "  Either: !Or [!Condition Large, !Condition IsStaging]\n"
        "  Mixed: !And [!Condition Large, !Condition IsStaging]\n"
    )
    assert display_name(value, more) == expected


def test_what_is_not_used_is_not_in_the_template() -> None:
    more = "Conditions: {Large: !Equals [!Ref Size, l]}\nMappings: {Map: {a: {b: c}}}\n"
    data = data_of(compiled(PARAMETERS + TOPIC % "a" + more))
    assert not [
        name for section in ("Parameters", "Conditions", "Mappings") for name in data[section] if "cache" in name
    ]


def test_a_resource_whose_condition_is_false_is_left_out_with_what_waits_for_it() -> None:
    fragment = """\
Parameters: {Env: {Type: String}}
Conditions: {IsProd: !Equals [!Ref Env, prod]}
Resources:
  Old: {Type: AWS::SNS::Topic, Condition: IsProd}
  New: {Type: AWS::SNS::Topic, DependsOn: Old}
Outputs:
  OldTopic: {Value: !Ref Old, Condition: IsProd}
  NewTopic: {Value: !Ref New}
"""
    data = data_of(compiled(fragment))
    assert "cacheOld" not in data["Resources"] and "DependsOn" not in data["Resources"]["cacheNew"]
    assert environment_of(data) == {"NEW_TOPIC": {"Ref": "cacheNew"}}


def environment_of(data: dict[str, Any]) -> dict[str, Any]:
    container = data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    return {one["Name"]: one["Value"] for one in container.get("Environment", [])}


@pytest.mark.parametrize(
    ("output", "variable"),
    [
        ("MyTableName", "MY_TABLE_NAME"),
        ("myDDBTable", "MY_DDB_TABLE"),
        ("my2ndDDBTable", "MY2ND_DDB_TABLE"),
        ("myTableWithLSI", "MY_TABLE_WITH_LSI"),
        ("plain", "PLAIN"),
    ],
)
def test_an_output_becomes_the_variable_that_copilot_makes_of_it(output: str, variable: str) -> None:
    """The examples are those of Copilot: internal/pkg/template/template_functions_test.go of aws/copilot-cli."""
    data = data_of(compiled(TOPIC % "a" + f"Outputs: {{{output}: {{Value: true}}}}\n"))
    assert environment_of(data) == {variable: "true"}


@pytest.mark.parametrize("section", ["Resources", "Outputs", "Conditions", "Mappings", "Parameters", "Rules"])
@pytest.mark.parametrize("function", ["!Sub x", "!Ref X", "!If [A, B, C]", "!GetAtt A.B"])
def test_a_section_that_is_a_function_is_malformed(section: str, function: str) -> None:
    text = f"{section}: {function}\n" + (TOPIC % "a" if section != "Resources" else "")
    assert {one.code for one in compiled(text).diagnostics if one.code[0] == "S"} <= {"S606", "S609"}
    assert compiled(text).template is None


def test_an_output_of_the_same_policy_or_group_is_attached_once() -> None:
    parameters = "Parameters: {TaskSecurityGroupId: {Type: String}, VpcId: {Type: String}}\n"
    fragment = (
        "Resources:\n"
        "  Policy: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: {Statement: []}}}\n"
        "  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: a, VpcId: !Ref VpcId}}\n"
        "Outputs:\n  A: {Value: !Ref Policy}\n  B: {Value: !Ref Policy}\n  C: {Value: !GetAtt Group.GroupId}\n"
        "  D: {Value: !GetAtt Group.GroupId}\n  TaskSecurityGroup: {Value: !Ref TaskSecurityGroupId}\n"
        "  SharedSecurityGroup: {Value: !ImportValue clients}\n"
    )
    spec = (
        HELLO
        + "  networking:\n    vpc: {id: vpc-0123456789abcdef0, privateSubnets: [subnet-01234567, subnet-12345678]}\n"
    )
    spec += "    securityGroups: ['${import:clients}']\n    loadBalancer: {internal: true}\n"
    data = data_of(compiled(parameters + fragment, spec))["Resources"]
    network = data["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert len(network["SecurityGroups"]) == 3
    assert data["TaskRole"]["Properties"]["ManagedPolicyArns"] == [{"Ref": "cachePolicy"}]


def test_a_variable_of_the_spec_wins_over_an_output() -> None:
    spec = HELLO + "  environment: {NAME: own}\n"
    assert environment_of(data_of(compiled(TOPIC % "a" + "Outputs: {Name: {Value: a}}\n", spec))) == {"NAME": "own"}


def test_a_secret_that_rds_makes_is_a_secret_variable_with_the_key_that_decrypts_it() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    fragment = f"""\
Resources:
  Main:
    Type: AWS::RDS::DBCluster
    Properties: {{Engine: aurora-postgresql, ManageMasterUserPassword: true, MasterUserSecret: {{KmsKeyId: "{key}"}}}}
Outputs: {{MainSecret: {{Value: !GetAtt Main.MasterUserSecret.SecretArn}}}}
"""
    resources = data_of(compiled(fragment))["Resources"]
    arn = {"Fn::GetAtt": ["cacheMain", "MasterUserSecret.SecretArn"]}
    container = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    assert container["Secrets"] == [{"Name": "MAIN_SECRET", "ValueFrom": arn}] and "Environment" not in container
    statements = resources["ExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    allowed = {tuple(one["Action"]): one["Resource"] for one in statements}
    assert allowed[("secretsmanager:GetSecretValue",)] == [arn] and allowed[("kms:Decrypt",)] == [key]


def test_the_names_of_two_addons_differ_and_those_of_fsdcf_differ_from_both() -> None:
    files = {
        "task.yml": b"Resources: {Role: {Type: AWS::SNS::Topic}}\n",
        "task-x.yml": b"Resources: {Role: {Type: AWS::SNS::Topic}, role2: {Type: AWS::SNS::Topic}}\n",
        "9.json": b'{"Resources": {"1": {"Type": "AWS::SNS::Topic"}}}',
    }
    spec = HELLO + "addons: [task.yml, task-x.yml, 9.json]\n"
    data = data_of(run(Request("spec.yml", spec.encode(), "staging", beside=files.__getitem__)))
    assert {"TaskRole", "taskRole", "taskxRole", "taskxRole2", "9X1"} <= data["Resources"].keys()
    swapped = HELLO + "addons: [9.json, task-x.yml, task.yml]\n"
    again = data_of(run(Request("spec.yml", swapped.encode(), "staging", beside=files.__getitem__)))
    assert to_json(data) == to_json(again)


def test_two_addons_cannot_give_the_same_variable() -> None:
    output = b"Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {Topic: {Value: !Ref T}}\n"
    spec = HELLO + "addons: [a.yml, b.yml]\n"
    result = run(Request("spec.yml", spec.encode(), "staging", beside=lambda path: output))
    assert [(each.code, each.span.file, each.span.line) for each in result.diagnostics] == [("S610", "b.yml", 2)]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("Resources", "cacheTopic", "Properties", "DisplayName"), 2),
        (("Resources", "cacheTopic", "Type"), 2),
        (("Parameters", "cacheSize"), 1),
        (("Outputs", "cacheName", "Value"), 3),
    ],
)
def test_what_cfn_lint_finds_is_on_the_line_of_the_addon(path: tuple[str, ...], line: int) -> None:
    result = compiled(PARAMETERS + TOPIC % "!Ref Size" + "Outputs: {Name: {Value: a}}\n")
    found = [Finding("E0000", path, "wrong", "error"), Finding("W0001", path, "odd", "warning")]
    linted = with_lint(result, found).diagnostics
    assert [(one.code, one.span.file, one.span.line) for one in linted] == [
        ("E0000", "a/addons/cache.yml", line),
        ("W0001", "a/addons/cache.yml", line),
    ]
    fragment = (
        PARAMETERS
        + "# fsdcf: allow W0001 because it is a test\n"
        + TOPIC % "!Ref Size"
        + "Outputs: {Name: {Value: a}}\n"
    )
    allowed = with_lint(compiled(fragment), found[1:]).diagnostics
    assert bool(allowed) == (line != 2)


@pytest.mark.parametrize(
    ("error", "word"), [(FileNotFoundError(2, "No such file"), "No such"), (OSError(27, "too large"), "too large")]
)
def test_a_file_that_cannot_be_read_is_a_finding_at_its_path(error: OSError, word: str) -> None:
    def read(path: str) -> bytes:
        raise error

    result = run(Request("spec.yml", f"{HELLO}addons: [a.yml]\n".encode(), "staging", beside=read))
    (finding,) = result.diagnostics
    assert finding.code == "S605" and word in finding.message and finding.span.file == "spec.yml"


def test_a_file_outside_the_repository_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.yml").write_text("Resources: {}\n")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    for path in ("../secret.yml", str(tmp_path / "secret.yml")):
        spec = tmp_path / "repository" / "spec.yml"
        (finding,) = run(Request(str(spec), f"{HELLO}addons: [{path}]\n".encode(), "staging")).diagnostics
        assert finding.code == "S605" and "outside the repository" in finding.message


def test_a_fragment_of_more_than_one_mebibyte_is_not_read() -> None:
    result = compiled(b"#" * (1 << 20) + b"\nResources: {}\n")
    assert [each.code for each in result.diagnostics] == ["S010"]


def test_an_overlay_and_a_variable_choose_the_addon_of_an_environment() -> None:
    spec = HELLO + "addons: [addons/none.yml]\nenvironments: {staging: {addons: ['addons/${ENV}.yml']}}\n"
    text = (TOPIC % "a").encode()
    result = run(Request("spec.yml", spec.encode(), "staging", beside={"addons/staging.yml": text}.__getitem__))
    assert "stagingTopic" in data_of(result)["Resources"]


def test_a_service_that_joins_an_environment_gives_its_addons_the_network_of_the_environment() -> None:
    fragment = "Parameters: {VpcId: {Type: String}, SubnetIds: {Type: CommaDelimitedList}}\n" + (
        TOPIC % "!Join ['-', [!Sub 'in ${VpcId}', !Join [',', !Ref SubnetIds]]]"
    )
    file = SourceFile(
        "environments/staging.yml",
        b"apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"
        b"environment: {loadBalancers: {public: {}}}\n",
    )
    spec = HELLO + "  networking: {shared: true, loadBalancer: {paths: [/a/*]}}\n"
    data = data_of(compiled(fragment, spec, environment_file=file))
    vpc = {"Fn::ImportValue": "fsdcf-staging-VpcId"}
    name = data["Resources"]["cacheTopic"]["Properties"]["DisplayName"]["Fn::Join"][1]
    assert name[0] == {"Fn::Sub": ["in ${VpcId}", {"VpcId": vpc}]}
    assert {"Fn::ImportValue": "fsdcf-staging-PrivateSubnet1"} in name[1]["Fn::Join"][1]


def test_a_job_has_addons_and_overrides() -> None:
    spec = """\
apiVersion: fsd/v1
kind: Job
metadata: {name: nightly, owners: team}
job: {schedule: {rate: 1 hour}}
overrides: {LogGroup: {Properties.RetentionInDays: 7}}
"""
    fragment = """\
Resources:
  Table: {Type: AWS::SNS::Topic}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: Clients}}
Outputs: {Table: {Value: !Ref Table}, Group: {Value: !Ref Group}}
"""
    data = data_of(compiled(fragment, spec))
    assert environment_of(data) == {"TABLE": {"Ref": "cacheTable"}, "GROUP": {"Ref": "cacheGroup"}}
    groups = {"Fn::Join": [",", [{"Ref": "TaskSecurityGroup"}, {"Ref": "cacheGroup"}]]}
    assert data["Outputs"]["TaskSecurityGroupIds"]["Value"] == groups
    assert data["Resources"]["LogGroup"]["Properties"]["RetentionInDays"] == 7
    refused = compiled(fragment, spec.replace("LogGroup:", "LogGroups:"))
    assert [(each.code, each.span.line) for each in refused.diagnostics] == [("S601", 5)]


def test_what_looks_like_a_secret_in_an_addon_is_found_and_masked() -> None:
    fragment = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Metadata: {password: hunter2secret}\n"
    result = compiled(fragment)
    assert [(each.code, each.span.file, each.span.line) for each in result.diagnostics] == [
        ("W106", "a/addons/cache.yml", 4)
    ]
    assert "hunter2secret" in result.secrets and not any("hunter2secret" in str(each) for each in result.diagnostics)


def test_a_dynamic_reference_stays_in_a_resource_and_is_refused_in_a_variable() -> None:
    kept = "!Sub '{{resolve:secretsmanager:${Topic}}}'"
    assert display_name(kept) == {"Fn::Sub": "{{resolve:secretsmanager:${cacheTopic}}}"}
    joined = "!Join ['', ['{{resolve', ':ssm:a}}']]"
    result = compiled(TOPIC % "a" + f"Outputs: {{Token: {{Value: {joined}}}}}\n")
    assert {each.code for each in result.diagnostics} == {"S111"}
    assert {each.span.file for each in result.diagnostics} == {"a/addons/cache.yml"}


def test_every_command_that_reads_a_template_reads_its_addons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in CASE.parent.iterdir():
        Path(file.name.replace(".spec", "")).write_bytes(file.read_bytes())
    changed = Path("store.yml").read_text().replace("WriteCapacityUnits: 1", "WriteCapacityUnits: 2")
    (tmp_path / "new").mkdir()
    for name in ("service.yml", "jobs-topic.json"):
        (tmp_path / "new" / name).write_bytes(Path(name).read_bytes())
    (tmp_path / "new" / "store.yml").write_text(changed)
    wanted = {
        ("diff", "service.yml", "new/service.yml"): "new/store.yml:36",
        ("cost", "service.yml"): "DynamoDB",
        ("graph", "service.yml"): "storeTable",
        ("access", "service.yml"): "store.yml:77",
        ("permissions", "service.yml"): "dynamodb:CreateTable",
        ("validate", "--no-lint", "service.yml", "new/service.yml"): "",
    }
    for words, expected in wanted.items():
        told = CliRunner().invoke(cli, list(words))
        assert told.exit_code in (0, 2, 10) and expected in told.output, (words, told.output)


def test_a_service_with_addons_is_deployed_changed_rolled_back_and_deleted() -> None:
    data = data_of(run(request_of(CASE)))
    made = site()
    assert made.deploy(data).exit is Exit.DONE
    changed = yaml.safe_load(to_json(data))
    changed["Resources"]["storeTable"]["Properties"]["ProvisionedThroughput"]["WriteCapacityUnits"] = 2
    changed["Parameters"]["storeAlarms"]["Default"] = "false"
    assert made.deploy(changed, "two", allow=("storeAlarm",)).exit is Exit.DONE
    rows = {
        row["LogicalResourceId"]
        for row in made.call("ListStackResources", StackName="shop-staging")["StackResourceSummaries"]
    }
    assert "storeTable" in rows and "storeAlarm" not in rows
    outcome = rollback(Run(made.aws, made.tell, Target("shop", "staging")), None, Options(yes=True))
    assert outcome.exit is Exit.DONE
    kept = ("storeTable", "storeKey", "LogGroup", "OrdersQueue", "OrdersQueueDeadLetters", "storeToken")
    gone = delete(Run(made.aws, made.tell, Target("shop", "staging")), Options(yes=True, allow=kept))
    assert gone.exit is Exit.DONE, gone

"""Customer keys: one way for every kind of data, and the permission comes before the key."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.risk import data_at_risk
from tests.compiler.dependencies.made import make
from tests.conftest import HELLO, Compile

KEY, OTHER = (f"arn:aws:kms:us-east-1:123456789012:key/{digit}234abcd-12ab-34cd-56ef-1234567890ab" for digit in "12")
TABLE = {"keySchema": [{"name": "id", "type": "HASH"}], "attributes": [{"name": "id", "type": "S"}]}
STORES: dict[str, tuple[dict[str, Any], str, str]] = {
    "aws_dynamodb_table": (TABLE, "AWS::DynamoDB::Table", "dynamodb"),
    "aws_sqs_queue": ({}, "AWS::SQS::Queue", "sqs"),
    "aws_sns_topic": ({}, "AWS::SNS::Topic", "sns"),
    "aws_s3_bucket": ({}, "AWS::S3::Bucket", "s3"),
    "aws_kinesis_stream": ({}, "AWS::Kinesis::Stream", "kinesis"),
    "aws_efs_file_system": ({}, "AWS::EFS::FileSystem", ""),
}


def made_of(kind: str, **keys: Any) -> list[dict[str, Any]]:
    own, type, _ = STORES[kind]
    return [one for one in make(kind, "papers", **own, **keys).resources.values() if one["Type"] == type]


@pytest.mark.parametrize("kind", STORES)
def test_a_customer_key_encrypts_and_is_permitted_through_the_service_alone(kind: str) -> None:
    own, _, service = STORES[kind]
    made = make(kind, "papers", **own, encryption=KEY)
    assert all(KEY in str(one["Properties"]) for one in made_of(kind, encryption=KEY))
    users = [one for one in made.statements() if "kms:Decrypt" in one["Action"]]
    assert len(users) == (1 if service else 0)  # EFS uses the key by a grant of its own
    for user in users:
        assert user["Resource"] == [KEY] and not any("*" in action for action in user["Action"])
        assert service in str(user["Condition"]["StringEquals"]["kms:ViaService"])
        assert all(
            one["DependsOn"] == [f"Papers{service.capitalize()}KeyAccess"] for one in made_of(kind, encryption=KEY)
        )


@pytest.mark.parametrize("kind", STORES)
def test_the_keys_of_aws_need_no_permission(kind: str) -> None:
    made = make(kind, "papers", **STORES[kind][0], encryption="kms")
    assert not any("kms" in action for action in made.actions())


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(("written", "expected"), [("", True), ("kms", False), (OTHER, False)])
def test_the_key_of_the_service_is_for_what_has_none(
    compiled: Compile, kind: str, written: str, expected: bool
) -> None:
    own, type, _ = STORES[kind]
    keys = {"type": kind, "name": "papers", **own, **({"encryption": written} if written else {})}
    result = compiled(f"{HELLO}  encryption: {KEY}\ndependencies: [{keys}]\n")
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"]
    found = [one["Properties"] for one in resources.values() if one["Type"] == type]
    assert found and all((KEY in str(one)) == expected and (OTHER in str(one)) == (written == OTHER) for one in found)
    assert resources["LogGroup"]["Properties"]["KmsKeyId"] == KEY


def test_what_another_stack_owns_has_its_own_key(compiled: Compile) -> None:
    queue = "{type: aws_sqs_queue, name: orders, unmanaged: {permissions: read}}"
    result = compiled(f"{HELLO}  encryption: {KEY}\ndependencies: [{queue}]\n")
    assert result.template is not None
    assert "kms:" not in str(result.template.data["Resources"]["OrdersSqsAccess"])
    assert "OrdersSqsKeyAccess" not in result.template.data["Resources"]


def test_an_environment_has_a_key_for_all_of_its_services(compiled: Compile) -> None:
    file = (
        "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"
        f"environment: {{defaults: {{service: {{encryption: '{KEY}'}}}}}}\n"
    )
    queues = f"[{{type: aws_sqs_queue, name: a}}, {{type: aws_sqs_queue, name: b, encryption: '{OTHER}'}}]"
    result = compiled(f"{HELLO}dependencies: {queues}\n", file=file)
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"]
    found = [resources[name]["Properties"]["KmsMasterKeyId"] for name in ("AQueue", "BQueue")]
    assert found == [KEY, OTHER] and resources["LogGroup"]["Properties"]["KmsKeyId"] == KEY


@pytest.mark.parametrize(
    ("secrets", "through"),
    [
        ("  secrets: [{name: A, valueFrom: 'secretsmanager:shop/a'}]\n", ["secretsmanager"]),
        ("  environment: {A: '${ssm:/shop/a}'}\n", ["ssm"]),
        ("  secrets: [{name: A, valueFrom: /a}]\n  environment: {B: '${secrets:b}'}\n", ["secretsmanager", "ssm"]),
    ],
)
def test_ecs_decrypts_secrets_through_their_stores_alone(compiled: Compile, secrets: str, through: list[str]) -> None:
    result = compiled(f"{HELLO}{secrets}  secretKeys: [{OTHER}, {KEY}]\n")
    assert result.template is not None, result.diagnostics
    role = result.template.data["Resources"]["ExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    (statement,) = (one for one in role["Statement"] if one["Action"] == ["kms:Decrypt"])
    assert statement["Resource"] == [KEY, OTHER]
    found = statement["Condition"]["StringEquals"]["kms:ViaService"]
    named = found if isinstance(found, list) else [found]
    assert [one["Fn::Sub"].partition(".")[0] for one in named] == through


@pytest.mark.parametrize("kind", ["aws_sqs_queue", "aws_s3_bucket"])
@pytest.mark.parametrize(("after", "lost"), [(OTHER, True), ("owned", True), (KEY, False)])
def test_data_of_the_old_key_is_at_risk(kind: str, after: str, lost: bool) -> None:
    before, now = (made_of(kind, encryption=key)[0] for key in (KEY, after))
    change = Change("Modify", "Papers", before["Type"], replacement="False", before=before, after=now)
    risks = data_at_risk([change], None)
    assert [one.kind for one in risks] == ["out of reach"] * lost
    assert all(KEY in one.why and "kms:Decrypt" in one.why for one in risks)


def test_the_first_customer_key_puts_nothing_at_risk() -> None:
    before, now = (made_of("aws_s3_bucket", encryption=key)[0] for key in ("owned", KEY))
    assert not data_at_risk(
        [Change("Modify", "Papers", before["Type"], replacement="False", before=before, after=now)], None
    )


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (f"  encryption: {KEY}\n  networking: {{vpc: {{flowLogs: true}}}}\n", ["service.encryption"]),
        (
            f"  networking: {{vpc: {{flowLogs: {{encryption: '{KEY}'}}}}}}\n",
            ["service.networking.vpc.flowLogs.encryption"],
        ),
        (f"  executeCommandLogs: {{encryption: '{KEY}'}}\n", ["service.executeCommandLogs.encryption"]),
        (f"  observability: {{logs: {{encryption: '{KEY}'}}}}\n", ["service.observability.logs.encryption"]),
        (f"  encryption: {KEY}\n  observability: {{logs: {{encryption: owned}}}}\n", []),
        (
            "  observability: {alarms: {notify: ops}}\n"
            f"dependencies: [{{type: aws_sns_topic, name: ops, encryption: '{KEY}'}}]\n",
            ["dependencies.0.encryption"],
        ),
    ],
)
def test_each_key_of_a_log_group_is_one_that_its_policy_must_admit(
    compiled: Compile, text: str, paths: list[str]
) -> None:
    found = [one.path for one in compiled(HELLO + text).diagnostics if one.code == "W156"]
    assert [".".join(map(str, path)) for path in found] == paths


def test_a_key_of_the_stack_admits_the_alarms_that_notify_a_topic(compiled: Compile) -> None:
    text = HELLO + (
        "  encryption: ${kms:data:arn}\n  observability: {alarms: {notify: ops}}\n"
        "dependencies:\n  - {type: aws_kms_key, name: data}\n  - {type: aws_sns_topic, name: ops}\n"
        "  - {type: aws_kms_key, name: other, permissions: read}\n"
    )
    data = compiled(text).template.data["Resources"]  # type: ignore[union-attr]
    admitted = [
        [one["Sid"] for one in data[key]["Properties"]["KeyPolicy"]["Statement"]] for key in ("DataKey", "OtherKey")
    ]
    assert ["Cloudwatch" in sids for sids in admitted] == [True, False]


@pytest.mark.parametrize(("before", "after"), [("x", ""), ("", "y"), ("", "${kms:data:arn}")])
def test_a_key_of_the_stack_is_the_whole_value(compiled: Compile, before: str, after: str) -> None:
    text = (
        f"{HELLO}  encryption: '{before}${{kms:data:arn}}{after}'\ndependencies: [{{type: aws_kms_key, name: data}}]\n"
    )
    assert [one.code for one in compiled(text).diagnostics if one.code[0] == "S"] == ["S208"]


def test_a_key_of_the_stack_admits_what_sends_and_reads_by_itself(compiled: Compile) -> None:
    text = HELLO + (
        "dependencies:\n"
        "  - {type: aws_kms_key, name: data}\n"
        "  - {type: aws_sns_topic, name: events, encryption: '${kms:data:arn}', receivesFrom: [{bucket: other}]}\n"
        "  - type: aws_sqs_queue\n    name: orders\n    encryption: ${kms:data:arn}\n"
        "    receivesFrom: [{topic: events-2}, {topic: 'arn:aws:sns:us-east-1:210987654321:x'}]\n"
        "  - type: aws_s3_bucket\n    name: files\n    encryption: ${kms:data:arn}\n"
        "    distributions: ['arn:aws:cloudfront::123456789012:distribution/E1']\n"
    )
    result = compiled(text)
    assert result.template is not None, result.diagnostics
    statements = result.template.data["Resources"]["DataKey"]["Properties"]["KeyPolicy"]["Statement"]
    admitted = {one["Principal"]["Service"]: one for one in statements if "Service" in one["Principal"]}
    account = {"Ref": "AWS::AccountId"}
    assert {name: one["Condition"]["StringEquals"] for name, one in admitted.items() if isinstance(name, str)} == {
        "cloudwatch.amazonaws.com": {"aws:SourceAccount": account},
        "s3.amazonaws.com": {"aws:SourceAccount": account},
        "sns.amazonaws.com": {"aws:SourceAccount": ["210987654321", account]},
        "cloudfront.amazonaws.com": {"aws:SourceArn": ["arn:aws:cloudfront::123456789012:distribution/E1"]},
    }
    assert not [one for one in result.diagnostics if one.code == "W156"]

"""The addons of Copilot: what exists is named by the specs, and never made a second time."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.importers import ImportResult
from fsdcf.importers.draft import Draft
from fsdcf.importers.report import Treatment
from fsdcf.language.model import ENVIRONMENT
from tests.importers.conftest import Imports, outcomes

HEAD = """Parameters: {App: {Type: String}, Env: {Type: String}, Name: {Type: String}}
Resources:
"""
TABLE = """  orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${App}-${Env}-${Name}-orders
      KeySchema: [{AttributeName: id, KeyType: HASH}, {AttributeName: at, KeyType: RANGE}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: at, AttributeType: "N"}]
      GlobalSecondaryIndexes:
        - {IndexName: by-at, KeySchema: [{AttributeName: at, KeyType: HASH}], Projection: {ProjectionType: KEYS_ONLY}}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
"""
BUCKET = """  uploadsBucket:
    Type: AWS::S3::Bucket
    Properties: {CorsConfiguration: {CorsRules: [{AllowedOrigins: ["*"]}]}}
"""


def _policy(*statements: str) -> str:
    lines = "".join(f"          - {each}\n" for each in statements)
    return (
        "  Policy:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement:\n"
        f"{lines}Outputs:\n  Policy: {{Value: !Ref Policy}}\n"
    )


def _imported(imports: Imports, *addons: str, more: str = "", **files: str) -> tuple[Draft, ImportResult]:
    """The spec of the service ``web`` with these addons, and the whole result."""
    result = imports(
        {
            "copilot/.workspace": "application: shop\n",
            "copilot/web/manifest.yml": f"name: web\ntype: Backend Service\nimage: {{port: 80}}\n{more}",
            "copilot/environments/test/manifest.yml": "name: test\ntype: Environment\n",
            **{f"copilot/web/addons/{number}a.yml": text for number, text in enumerate(addons)},
            **files,
        },
        "copilot",
    )
    return next(each for each in result.drafts if each.name == "web"), result


def _variables(result: ImportResult) -> dict[str, str]:
    environment = next(each for each in result.drafts if each.kind is ENVIRONMENT)
    return environment.block.get("variables") or {}


def _access(draft: Draft) -> list[tuple[str, Any]]:
    return [(each["name"], each["unmanaged"].get("permissions")) for each in draft.data["dependencies"]]


def test_a_table_is_named_and_its_keys_wait_in_a_comment(imports: Imports) -> None:
    statements = (
        "{Effect: Allow, Action: ['dynamodb:Get*', dynamodb:PutItem], Resource: !GetAtt orders.Arn}",
        "{Effect: Allow, Action: dynamodb:Query, Resource: !Sub '${ orders.Arn}/index/*'}",
    )
    draft, result = _imported(imports, f"{HEAD}{TABLE}{_policy(*statements)}  ordersName: {{Value: !Ref orders}}\n")
    assert _access(draft) == [("shop-${ENV}-web-orders", "readWrite")]
    assert draft.block.get("environment.ORDERS_NAME") == "shop-${ENV}-web-orders"
    comment = draft.comments["dependencies", 0]
    assert all(word in comment for word in ("by-at", "KEYS_ONLY", "timeToLive: expires", "type: RANGE"))
    assert outcomes(result)["Resources.orders"].treatment is Treatment.CHANGED
    assert "keySchema" not in draft.data["dependencies"][0] and not _variables(result)


@pytest.mark.parametrize(
    ("actions", "permissions"),
    [
        ("s3:GetObject", ["s3:GetObject"]),
        ("[s3:GetObject, s3:PutObject, s3:PutObjectACL, s3:DeleteObject, s3:ListBucket]", "readWrite"),
        ("['s3:Get*', s3:ListBucket]", "read"),
        ("s3:*", "readWrite"),
        ("s3:Put*", "write"),
    ],
)
def test_the_access_is_that_of_the_policy(imports: Imports, actions: str, permissions: object) -> None:
    policy = _policy(f"{{Effect: Allow, Action: {actions}, Resource: !Sub '${{uploadsBucket.Arn}}/*'}}")
    draft, result = _imported(imports, f"{HEAD}{BUCKET}{policy}  uploadsName: {{Value: !Ref uploadsBucket}}\n")
    assert _access(draft) == [("uploads", permissions)]
    assert draft.data["dependencies"][0]["unmanaged"]["arn"] == (
        "arn:${AWS::Partition}:s3:::${WEB_UPLOADS_BUCKET_NAME}"
    )
    assert _variables(result) == {"WEB_UPLOADS_BUCKET_NAME": "replace-me-test"}
    assert draft.block.get("environment.UPLOADS_NAME") == "${s3:uploads:name}"
    assert any("describe-stack-resources" in each for each in result.next)


def test_what_has_no_dependency_becomes_statements(imports: Imports) -> None:
    statements = (
        "{Sid: Mail-1, Effect: Allow, Action: ses:SendEmail, Resource: '*'}",
        "{Effect: Allow, Action: sqs:SendMessage, Resource: {'Fn::ImportValue': !Sub '${App}-${Env}-jobs'}}",
        "{Effect: Deny, Action: s3:PutObject, Resource: !Join ['', ['arn:aws:s3:::x-', !Ref Env, /*]], "
        "Condition: {Bool: {aws:SecureTransport: false}}}",
    )
    draft, _ = _imported(imports, HEAD + _policy(*statements))
    assert draft.block.get("taskRole.statements") == [
        {"sid": "Mail1", "actions": ["ses:SendEmail"], "resources": ["*"]},
        {"actions": ["sqs:SendMessage"], "resources": ["${import:shop-${ENV}-jobs}"]},
        {
            "effect": "Deny",
            "actions": ["s3:PutObject"],
            "resources": ["arn:aws:s3:::x-${ENV}/*"],
            "conditions": {"Bool": {"aws:SecureTransport": False}},
        },
    ]


def test_a_part_of_a_policy_that_is_not_known_is_reported(imports: Imports) -> None:
    _, result = _imported(imports, HEAD + _policy("{Effect: Allow, Action: a:B, Resource: !GetAtt Other.Arn}"))
    assert "taskRole.statements" in outcomes(result)["Outputs.Policy"].note


def test_a_database_stays_in_its_network(imports: Imports) -> None:
    database = """  Secret: {Type: AWS::SecretsManager::Secret, Properties: {}}
  dataDBCluster:
    Type: AWS::RDS::DBCluster
    Properties: {Engine: aurora-mysql, MasterUsername: !Sub '{{resolve:secretsmanager:${Secret}}}', DatabaseName: shop}
  writer: {Type: AWS::RDS::DBInstance, Properties: {DBClusterIdentifier: !Ref dataDBCluster}}
  Clients: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: clients}}
Outputs:
  dataSecret: {Value: !Ref Secret}
  dataSecurityGroup: {Value: !Ref Clients}
  dataHost: {Value: !GetAtt dataDBCluster.Endpoint.Address}
"""
    draft, result = _imported(imports, HEAD + database)
    (dependency,) = draft.data["dependencies"]
    assert dependency["unmanaged"] == {
        "endpoint": "${WEB_DATA_DBCLUSTER_ENDPOINT}",
        "secret": "secretsmanager:${WEB_SECRET_NAME}",
    }
    assert (dependency["engine"], dependency["database"]) == ("mysql", "shop")
    assert draft.block.get("secrets") == [{"name": "DATA_SECRET", "valueFrom": "secretsmanager:${WEB_SECRET_NAME}"}]
    assert draft.block.get("environment.DATA_HOST") == "${rds:data:endpoint}"
    assert "network.id" in outcomes(result)["Outputs.dataSecurityGroup"].note
    subnets = "{private: [{id: subnet-01234567}]}"
    existing = f"name: test\ntype: Environment\nnetwork: {{vpc: {{id: vpc-01234567, subnets: {subnets}}}}}\n"
    draft, result = _imported(imports, HEAD + database, **{"copilot/environments/test/manifest.yml": existing})
    assert draft.block.get("networking.securityGroups") == ["${WEB_CLIENTS_ID}"]


ALARM = """  Depth:
    Type: AWS::CloudWatch::Alarm
    Properties: {Dimensions: [{Name: TableName, Value: !Ref orders}], Period: !If [IsProd, 60, 300]}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {VpcId: {'Fn::ImportValue': !Sub '${App}-${Env}-VpcId'}}}
  Task: {Type: AWS::Lambda::Function, Properties: {VpcConfig: {SecurityGroupIds: [!Ref Group]}}}
  Seed: {Type: Custom::Seed, Properties: {ServiceToken: !GetAtt Task.Arn}}
Conditions: {IsProd: !Equals [!Ref Env, prod]}
Outputs: {TaskName: {Value: !Ref Task}}
"""


def test_the_rest_is_kept_as_an_addon(imports: Imports) -> None:
    draft, result = _imported(imports, HEAD + TABLE + ALARM)
    text = result.files["services/addons/web/0a.yml"]
    assert draft.data["addons"] == ["addons/web/0a.yml"] and draft.data["metadata"]["pack"] == "shop"
    assert '"Fn::Sub": "${App}-${Env}-${Name}-orders"' in text and 'VpcId: {"Ref": "VpcId"}' in text
    assert "Seed" not in text and "DynamoDB" not in text and "IsProd" in text
    rows = outcomes(result)
    assert rows["Resources.Seed"].treatment is Treatment.NOT_CARRIED
    assert rows["Resources.Depth"].to == rows["Outputs.TaskName"].to == "addons"
    assert "dependencies" not in draft.data


def test_an_addon_that_needs_no_change_is_kept_as_it_is(imports: Imports) -> None:
    text = f"# ours\n{HEAD}  Depth: {{Type: AWS::CloudWatch::Alarm, Properties: {{Period: 60}}}}\n"
    _, result = _imported(imports, text)
    assert result.files == {"services/addons/web/0a.yml": text}


@pytest.mark.parametrize(
    "resource",
    [
        "{Type: AWS::IAM::Role, Properties: {RoleName: mine}}",
        "{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: x}}",
        "{Type: AWS::Batch::Queue, Properties: {A: !GetAtt Missing.Arn}}",
        "{Type: AWS::IAM::AccessKey}",
        "{Type: AWS::EFS::FileSystem}",
        "{Type: AWS::X::Y, Properties: {Password: Tr0ub4dor-and-3horses}}",
    ],
)
def test_what_fsdcf_cannot_keep_is_reported(imports: Imports, resource: str) -> None:
    _, result = _imported(imports, f"{HEAD}  It: {resource}\n")
    assert outcomes(result)["Resources.It"].treatment is Treatment.NOT_CARRIED and not result.files


def test_what_environments_share_stays_in_copilots_stack(imports: Imports) -> None:
    shared = (
        f"{HEAD}{TABLE}Outputs:\n  Arn: {{Value: !GetAtt orders.Arn, Export: {{Name: !Sub '${{App}}-${{Env}}-arn'}}}}\n"
        "  Name: {Value: !Ref orders}\n"
    )
    _, result = _imported(imports, **{"copilot/environments/addons/shared.yml": shared})
    rows = outcomes(result)
    assert "aws_dynamodb_table" in rows["Resources.orders"].note
    assert "${import:shop-${ENV}-arn}" in rows["Outputs.Arn"].note
    assert rows["Outputs.Name"].treatment is Treatment.NOT_CARRIED


@pytest.mark.parametrize("text", ["", "- 1\n", "Resources: 3\n", "Resources: {A: 1, B: {Type: [1]}}\n", "{{ go }}: {"])
def test_what_is_not_a_template_is_no_traceback(imports: Imports, text: str) -> None:
    _imported(imports, text)


def test_every_part_of_every_file_of_an_environment_is_in_the_report(imports: Imports) -> None:
    text = f"AWSTemplateFormatVersion: x\nDescription: y\n{HEAD}{BUCKET}"
    files = {f"copilot/environments/addons/{name}.yml": text for name in ("a", "b")}
    _, result = _imported(imports, **files)
    for name in ("a", "b"):
        keys = {row.key for row in result.report.rows.values() if row.file.endswith(f"addons/{name}.yml")}
        assert {"AWSTemplateFormatVersion", "Description", "Parameters.App", "Parameters.Env"} <= keys


def test_a_kept_file_has_no_secret_of_a_comment(imports: Imports) -> None:
    alarm = "Resources:\n  Bell:\n    Type: AWS::CloudWatch::Dashboard # DB_PASSWORD=never-in-an-addon-7\n"
    _, result = _imported(imports, f"{alarm}    Properties: {{DashboardBody: '{{}}'}}\n")
    assert [each for each in result.files if each.endswith(".yml")]
    assert "never-in-an-addon" not in str(result.files)

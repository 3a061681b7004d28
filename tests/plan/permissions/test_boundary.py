"""The boundary of an environment: what a spec writes widens nothing but its own role, and the document fits IAM."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import fill_in, policy_document, policy_size, split_policies
from fsdcf.cloudformation.limits import POLICY_CHARACTERS
from fsdcf.compiler.service import tags_of
from fsdcf.pipeline import Request, SourceFile, run
from fsdcf.plan.permissions.boundary import boundary, walls, widened
from fsdcf.plan.permissions.policy import boundary_arn, engine_permissions, execution_permissions
from tests.conftest import HELLO, ROOT
from tests.plan.permissions.iam import ACCOUNT, allows
from tests.plan.permissions.test_policy import stack_of
from tests.plan.permissions.things import AT, VALUES

PROD = {"aws:ResourceTag/fsdcf:environment": "prod"}
OWN = {"aws:ResourceTag/fsdcf:environment": "staging"}


def stack(more: str = "", name: str = "hello", environment: str = "staging") -> DeployedStack:
    result = run(Request("hello.yml", (HELLO.replace("name: hello", f"name: {name}") + more).encode(), environment))
    assert result.template is not None and result.spec is not None, result.diagnostics
    return DeployedStack(f"{name}-{environment}", result.template.data, tags_of(result.spec, environment))


def statement(actions: str, resources: str, effect: str = "Allow") -> str:
    one = f"{{effect: {effect}, actions: [{actions}], resources: [{resources}]}}"
    return f"  taskRole:\n    statements:\n      - {one}\n"


def limits(*stacks: DeployedStack) -> dict[str, Any]:
    document: dict[str, Any] = fill_in(boundary(stacks, "staging"), VALUES)
    return document


TABLE = (
    "dependencies:\n  - {type: aws_dynamodb_table, name: '${ENV}-orders', keySchema: [{name: id, type: HASH}], "
    "attributes: [{name: id, type: S}]}\n"
)


def test_it_holds_what_the_roles_do_on_what_they_do_it_and_no_administration() -> None:
    found = limits(stack_of(ROOT / "examples" / "api-dynamodb.yml"))
    table = f"arn:aws:dynamodb:{AT}:table/staging-orders"
    assert allows(found, "dynamodb:PutItem", table, {}) and allows(found, "dynamodb:Query", f"{table}/index/a", {})
    assert not allows(found, "dynamodb:PutItem", f"arn:aws:dynamodb:{AT}:table/prod-orders", {})
    assert not allows(found, "dynamodb:DeleteTable", table, {})
    for form in ("", ":*", ":log-stream:a/b/c"):
        group = f"arn:aws:logs:{AT}:log-group:orders-staging-LogGroup-A1B2C3{form}"
        assert allows(found, "logs:PutLogEvents", group, {}), form
    image = f"arn:aws:ecr:{AT}:repository/orders"
    assert allows(found, "ecr:BatchGetImage", image, {"aws:ResourceTag/fsdcf:environment": "pipeline"})
    assert allows(found, "ecr:GetAuthorizationToken", "*", {})
    assert [one["Sid"] for one in boundary([], "staging")["Statement"]] == [
        "Administration",
        "OtherEnvironments",
        "OtherEnvironmentsTag",
        "EnvironmentTag",
    ]


@pytest.mark.parametrize(
    ("actions", "resources", "action"),
    [
        ("'*'", "'*'", "s3:GetObject"),
        ("'s3:*'", "'*'", "s3:GetObject"),
        ("'s3:Get*'", "'*'", "s3:GetObject"),
        ("'secretsmanager:GetSecretValue'", "'*'", "secretsmanager:GetSecretValue"),
        (
            "'secretsmanager:GetSecretValue'",
            "'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:*'",
            "secretsmanager:GetSecretValue",
        ),
        ("'ssm:GetParameters'", "'arn:aws:ssm:*:*:parameter/shop/*'", "ssm:GetParameters"),
        ("'dynamodb:GetItem'", "'arn:aws:dynamodb:*:*:table/*'", "dynamodb:GetItem"),
        ("'dynamodb:GetItem'", "'arn:aws:dynamodb:*:*:table/*orders'", "dynamodb:GetItem"),
        ("'s3:GetObject'", "'arn:aws:s3:::*/*'", "s3:GetObject"),
        ("'sqs:SendMessage'", "'arn:aws:sqs:*:*:*'", "sqs:SendMessage"),
        ("'sts:AssumeRole'", "'*'", "sts:AssumeRole"),
        ("'kms:Decrypt'", "'*'", "kms:Decrypt"),
    ],
)
def test_a_star_reaches_what_the_environment_owns_and_nothing_else(actions: str, resources: str, action: str) -> None:
    one = stack(statement(actions, resources) + TABLE)
    found, service = limits(one), action.partition(":")[0]
    for arn in (
        f"arn:aws:secretsmanager:{AT}:secret:/shop/prod/database-a1B2c3",
        f"arn:aws:ssm:{AT}:parameter/shop/prod/password",
        f"arn:aws:ssm:{AT}:parameter/fsdcf/prod/shop-prod/release",
        f"arn:aws:dynamodb:{AT}:table/prod-orders",
        "arn:aws:s3:::prod-invoices/1",
        f"arn:aws:sqs:{AT}:prod-jobs",
        f"arn:aws:iam::{ACCOUNT}:role/shop-prod-TaskRole-A1",
        f"arn:aws:kms:{AT}:key/1",
    ):
        assert not allows(found, action, arn, {}), "without a tag, and of no name that is ours"
        assert not allows(found, action, arn, PROD)
    ours = f"arn:aws:{service}:{AT}:anything"
    assert allows(found, action, ours, OWN)
    assert not allows(found, "iam:CreateUser", "*", {}) and not allows(
        found, "organizations:LeaveOrganization", "*", {}
    )
    assert allows(limits(stack()), action, ours, OWN) is False, "another service's boundary has no such action"
    (wide,) = widened(one, "staging")
    assert wide.logical_id == "TaskRoleStatements" and wide.path == ("PolicyDocument", "Statement", 0)
    assert action.partition(":")[0] in wide.actions[0].lower() or wide.actions == ("*",)


def test_a_star_reaches_the_tables_of_the_environment_by_their_names() -> None:
    found = limits(stack(statement("'dynamodb:Scan'", "'*'")), stack(TABLE, "orders"))
    assert allows(found, "dynamodb:Scan", f"arn:aws:dynamodb:{AT}:table/staging-orders", {})
    assert not allows(found, "dynamodb:Scan", f"arn:aws:dynamodb:{AT}:table/prod-orders", {})


@pytest.mark.parametrize(
    ("action", "resource", "given"),
    [
        ("s3:GetObject", "arn:aws:s3:::media-originals/*", "arn:aws:s3:::media-originals/a/b"),
        ("dynamodb:Query", "arn:aws:dynamodb:*:*:table/ledger/index/*", f"arn:aws:dynamodb:{AT}:table/ledger/index/a"),
        ("ssm:GetParameters", "arn:aws:ssm:*:*:parameter/shop/${ENV}/*", f"arn:aws:ssm:{AT}:parameter/shop/staging/a"),
        (
            "bedrock:InvokeModel",
            "arn:aws:bedrock:*::foundation-model/*",
            "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova",
        ),
        ("sqs:SendMessage", "arn:aws:sqs:*:*:${ENV}-*", f"arn:aws:sqs:{AT}:staging-jobs"),
        (
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/shop/shared-??????",
            f"arn:aws:secretsmanager:{AT}:secret:/shop/shared-a1B2c3",
        ),
    ],
)
def test_what_a_spec_names_is_allowed_by_its_name(action: str, resource: str, given: str) -> None:
    one = stack(statement(f"'{action}'", f"'{resource}'"))
    found = limits(one)
    assert allows(found, action, given, {}) and not allows(found, action, given, PROD)
    assert not allows(found, action, given.replace("staging", "prod").replace("a1B2c3", "a1B2c3d") + "/x:y", PROD)
    assert list(widened(one, "staging")) == []


def test_an_action_that_iam_cannot_limit_is_no_finding_and_allowed() -> None:
    one = stack(statement("'cloudwatch:PutMetricData', 'xray:PutTraceSegments'", "'*'"))
    assert list(widened(one, "staging")) == [] and all(
        allows(limits(one), action, "*", {}) for action in ("xray:PutTraceSegments", "cloudwatch:PutMetricData")
    )


def test_sessions_are_recorded_in_the_log_group_of_the_environment() -> None:
    """A service that joins it writes there, and to no other environment's."""
    keys = "environment:\n  cluster: {executeCommandLogs: true}\n"
    raw = f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: staging}}\n{keys}".encode()
    shared = run(Request("environments/staging.yml", raw, "staging"))
    text = HELLO.replace("  port: 8000\n", "") + "  networking: {shared: true}\n  enableExecuteCommand: true\n"
    file = SourceFile("environments/staging.yml", raw)
    service = run(Request("hello.yml", text.encode(), "staging", environment_file=file))
    assert shared.template is not None and service.template is not None, service.diagnostics
    found = limits(
        DeployedStack("hello-staging", service.template.data), DeployedStack("fsdcf-staging", shared.template.data)
    )
    group = f"arn:aws:logs:{AT}:log-group:fsdcf-staging-ExecuteCommandLogGroup-A1B2C3:log-stream:session"
    assert allows(found, "logs:PutLogEvents", group, {})
    assert not allows(found, "logs:PutLogEvents", group.replace("staging", "prod"), {})
    assert allows(found, "logs:DescribeLogGroups", f"arn:aws:logs:{AT}:log-group::log-stream:", {})


def test_a_denial_allows_nothing() -> None:
    found = limits(stack(statement("'s3:GetObject'", "'*'", "Deny")))
    assert not allows(found, "s3:GetObject", "arn:aws:s3:::a/b", OWN)


def test_the_stack_of_a_pipeline_is_no_environment() -> None:
    with pytest.raises(ValueError, match="pipeline"):
        boundary([], "pipeline")
    assert walls(()) == ()


def many(number: int, more: str = "") -> list[DeployedStack]:
    names = [f"team-service-{chr(97 + one)}" for one in range(number)]
    return [stack(more.replace("NAME", name), name) for name in names]


SECRETS = "  secrets: [{name: PASSWORD, valueFrom: 'secretsmanager:/NAME/${ENV}/database'}]\n" + TABLE.replace(
    "orders", "NAME"
)


def test_twenty_services_fit() -> None:
    stacks = many(20, SECRETS)
    document = boundary(stacks, "staging")
    text = json.dumps(
        fill_in(document, {"Partition": "aws-us-gov", "Region": "ap-southeast-99", "AccountId": "1" * 12})
    )
    assert len("".join(text.split())) <= POLICY_CHARACTERS
    found = limits(*stacks)
    for one in stacks:
        service = one.tags["fsdcf:service"]
        for action, arn in (
            ("dynamodb:GetItem", f"arn:aws:dynamodb:{AT}:table/staging-{service}"),
            ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{AT}:secret:/{service}/staging/database-a1B2c3"),
            ("logs:PutLogEvents", f"arn:aws:logs:{AT}:log-group:{one.stack}-LogGroup-A1B2C3:log-stream:a"),
            ("ecr:BatchGetImage", f"arn:aws:ecr:{AT}:repository/{service}"),
        ):
            assert allows(found, action, arn, {}), action
            if "staging" in arn:
                assert not allows(found, action, arn.replace("staging", "prod"), {}), action
    roles = [
        execution_permissions(stacks, boundary_arn("fsdcf-boundary-staging")).statements,
        engine_permissions(stacks, "arn:aws:iam::1:role/x", "${ArtifactsBucket.Arn}").statements,
    ]
    for statements in roles:
        policies = split_policies(statements)
        assert len(policies) <= 10 and all(policy_size(one) <= POLICY_CHARACTERS for one in policies)


def test_shortened_names_let_nothing_of_another_environment_in() -> None:
    """Twenty services have patterns such as ``*-staging-LogGroup-*``, which match those of ``pre-staging``, too."""
    found = limits(*many(20, SECRETS))
    other = "arn:aws:logs:eu-west-1:123456789012:log-group:shop-pre-staging-LogGroup-A1B2C3"
    tags = {"aws:ResourceTag/fsdcf:environment": "pre-staging"}
    assert not allows(found, "logs:PutLogEvents", other, tags)
    assert not allows(found, "logs:PutLogEvents", other.replace("pre-staging", "staging-eu"), {})
    assert not allows(found, "logs:PutLogEvents", other.replace("pre-staging", "prod"), {})


NAMED = """  secrets: [{name: PASSWORD, valueFrom: 'secretsmanager:NAME-${ENV}-database'}]
dependencies:
  - type: aws_s3_bucket
    name: NAME-${ENV}-files
  - type: aws_sqs_queue
    name: NAME-${ENV}-jobs
"""


@pytest.mark.parametrize("other", ["pre-staging", "eu-staging", "staging-eu", "prod"])
def test_names_that_specs_choose_are_never_shortened(other: str) -> None:
    """Such a resource may have no tag that tells it apart, so that its name must."""
    stacks = many(16, NAMED)
    found = limits(*stacks)
    assert "*-staging-LogGroup-*" in json.dumps(found)
    for action, arn in (
        ("s3:GetObject", "arn:aws:s3:::team-service-a-staging-files/a"),
        ("sqs:SendMessage", f"arn:aws:sqs:{AT}:team-service-a-staging-jobs"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{AT}:secret:team-service-a-staging-database-a1B2c3"),
    ):
        assert allows(found, action, arn, {}), action
        assert not allows(found, action, arn.replace("-staging-", f"-{other}-"), {}), action


def test_the_execution_role_gives_roles_the_boundary_of_the_environment_alone() -> None:
    one = stack("  permissionsBoundary: fsdcf-boundary-prod\n")
    policy = fill_in(
        policy_document(execution_permissions([one], boundary_arn("fsdcf-boundary-staging")).statements), VALUES
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/hello-staging-TaskRole-A1B2C3"
    for environment, expected in (("staging", True), ("prod", False)):
        limit = f"arn:aws:iam::{ACCOUNT}:policy/fsdcf-boundary-{environment}"
        for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
            assert allows(policy, action, role, {"iam:PermissionsBoundary": limit}) is expected, action


def test_more_than_fits_is_refused_with_the_way_out() -> None:
    long = SECRETS.replace("database", "database-of-a-very-long-name" * 8)
    with pytest.raises(ValueError, match=r"staging would have [0-9,]+ characters, and IAM takes 6,144"):
        boundary(many(26, long), "staging")
    assert boundary(many(1, long), "staging")

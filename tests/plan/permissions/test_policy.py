"""The policy of a deploy: all that it needs, and nothing of anybody else's. Judged by an evaluator of its own
(iam.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import IamStatement, fill_in, policy_document, policy_size, split_policies
from fsdcf.cloudformation.limits import POLICY_CHARACTERS
from fsdcf.cloudformation.permissions import is_action, targets_of
from fsdcf.cloudformation.secrets import SECRETS_MANAGER, SSM, named_secrets
from fsdcf.compiler.service import tags_of
from fsdcf.conventions import BOUNDARY
from fsdcf.pipeline import run
from fsdcf.plan.permissions.policy import (
    boundaries,
    boundary_arn,
    boundary_name,
    operating,
    permissions,
    pushing,
)
from fsdcf.plan.permissions.resources import needed
from tests.conftest import HELLO, ROOT, Compile, request_of
from tests.plan.permissions.iam import ACCOUNT, REGION, allows
from tests.plan.shared import CERTIFICATE, environment_file, joined
from tests.plan.shared import compiled as compiled_text

EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))
VALUES = {"AccountId": ACCOUNT, "Region": REGION, "Partition": "aws"}
BOUND = boundary_name(BOUNDARY, "staging")
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/{BOUND}"
RANDOM = "A1B2C3D4E5F6"
AT = f"{REGION}:{ACCOUNT}"


def stack_of(file: Path, environment: str = "staging") -> DeployedStack:
    result = run(request_of(file, environment))
    assert result.template is not None and result.spec is not None
    name = result.spec.metadata.name
    return DeployedStack(f"{name}-{environment}", result.template.data, tags_of(result.spec, environment))


def granted_by(policy: Mapping[str, Any]) -> set[str]:
    return {action for one in policy["Statement"] if one["Effect"] == "Allow" for action in one["Action"]}


def policy_of(*stacks: DeployedStack, bucket: str | None = None) -> dict[str, Any]:
    found = permissions(stacks, boundary_arn(BOUND), bucket)
    assert found.unknown == ()
    policy: dict[str, Any] = fill_in(policy_document(found.statements), VALUES)
    return policy


@pytest.fixture(scope="module")
def hello() -> dict[str, Any]:
    return policy_of(stack_of(ROOT / "examples" / "hello.yml"))


@pytest.fixture(scope="module")
def dynamodb() -> dict[str, Any]:
    return policy_of(stack_of(ROOT / "examples" / "api-dynamodb.yml"))


def tags(service: str = "my-service", environment: str = "staging") -> dict[str, str]:
    return {"aws:ResourceTag/fsdcf:service": service, "aws:ResourceTag/fsdcf:environment": environment}


ALLOWED = [
    ("cloudformation:CreateChangeSet", f"arn:aws:cloudformation:{AT}:stack/my-service-staging/0a1b", {}),
    ("cloudformation:DescribeEvents", f"arn:aws:cloudformation:{AT}:changeSet/fsdcf-1/0a1b", {}),
    ("ecr:DescribeImages", f"arn:aws:ecr:{AT}:repository/my-service", {}),
    (
        "ecs:CreateService",
        f"arn:aws:ecs:{AT}:service/my-service-staging-Cluster-{RANDOM}/my-service-staging-Service-{RANDOM}",
        {},
    ),
    ("ecs:RegisterTaskDefinition", f"arn:aws:ecs:{AT}:task-definition/my-service-staging:7", {}),
    ("ecs:DeregisterTaskDefinition", "*", {}),
    ("ecs:ListTasks", "*", {"ecs:cluster": f"arn:aws:ecs:{AT}:cluster/my-service-staging-Cluster-{RANDOM}"}),
    ("ec2:CreateVpc", f"arn:aws:ec2:{AT}:vpc/vpc-1", {}),
    ("ec2:CreateTags", f"arn:aws:ec2:{AT}:natgateway/nat-1", {}),
    ("ec2:DescribeAvailabilityZones", "*", {}),
    ("ec2:DeleteVpc", f"arn:aws:ec2:{AT}:vpc/vpc-1", tags()),
    ("ec2:ReleaseAddress", f"arn:aws:ec2:{AT}:elastic-ip/eip-1", tags()),
    ("elasticloadbalancing:DeleteListener", f"arn:aws:elasticloadbalancing:{AT}:listener/app/x/1/2", tags()),
    ("logs:CreateLogGroup", f"arn:aws:logs:{AT}:log-group:my-service-staging-LogGroup-{RANDOM}", {}),
    ("ssm:PutParameter", f"arn:aws:ssm:{AT}:parameter/fsdcf/staging/my-service-staging/release", {}),
    (
        "iam:CreateRole",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}",
        {"iam:PermissionsBoundary": LIMIT},
    ),
    (
        "iam:PutRolePolicy",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-ExecutionRole-{RANDOM}",
        {"iam:PermissionsBoundary": LIMIT},
    ),
    ("iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}", {}),
    (
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}",
        {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
    ),
    (
        "iam:CreateServiceLinkedRole",
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        {"iam:AWSServiceName": "ecs.amazonaws.com"},
    ),
    (
        "cloudwatch:PutMetricAlarm",
        f"arn:aws:cloudwatch:{AT}:alarm:TargetTracking-service/my-service-staging-Cluster-{RANDOM}/my-service-staging-Service-{RANDOM}-AlarmHigh-1",
        {},
    ),
]

DENIED = [
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}", {}),
    (
        "iam:CreateRole",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}",
        {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    (
        "iam:PutRolePolicy",
        f"arn:aws:iam::{ACCOUNT}:role/fsdcf-pipeline-StagingDeployRole-{RANDOM}",
        {"iam:PermissionsBoundary": LIMIT},
    ),
    (
        "iam:PutRolePolicy",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-eu-TaskRole-{RANDOM}",
        {"iam:PermissionsBoundary": LIMIT},
    ),
    (
        "iam:DeleteRolePermissionsBoundary",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}",
        {"iam:PermissionsBoundary": LIMIT},
    ),
    (
        "iam:AttachRolePolicy",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}",
        {"iam:PermissionsBoundary": LIMIT},
    ),
    ("iam:CreatePolicyVersion", LIMIT, {}),
    (
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/my-service-staging-TaskRole-{RANDOM}",
        {"iam:PassedToService": "lambda.amazonaws.com"},
    ),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Administrator", {"iam:PassedToService": "ecs-tasks.amazonaws.com"}),
    (
        "iam:CreateServiceLinkedRole",
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/x/y",
        {"iam:AWSServiceName": "organizations.amazonaws.com"},
    ),
    ("ec2:DeleteVpc", f"arn:aws:ec2:{AT}:vpc/vpc-1", {}),
    ("ec2:DeleteVpc", f"arn:aws:ec2:{AT}:vpc/vpc-1", tags("other")),
    ("ec2:DeleteVpc", f"arn:aws:ec2:{AT}:vpc/vpc-1", tags(environment="prod")),
    ("ec2:CreateTags", f"arn:aws:ec2:{AT}:instance/i-1", {}),
    ("ec2:RunInstances", f"arn:aws:ec2:{AT}:instance/i-1", {}),
    (
        "ecs:UpdateService",
        f"arn:aws:ecs:{AT}:service/other-staging-Cluster-{RANDOM}/other-staging-Service-{RANDOM}",
        {},
    ),
    ("ecs:PutAccountSettingDefault", "*", {}),
    ("ecs:ListTasks", "*", {"ecs:cluster": f"arn:aws:ecs:{AT}:cluster/other"}),
    ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{AT}:stack/my-service-prod/0a1b", {}),
    ("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{AT}:alarm:other", {}),
    ("s3:PutObject", "arn:aws:s3:::any/key", {}),
    ("lambda:GetProvisionedConcurrencyConfig", "*", {}),
    ("ecr:PutImage", f"arn:aws:ecr:{AT}:repository/my-service", {}),
]


@pytest.mark.parametrize(("action", "resource", "context"), ALLOWED, ids=[one[0] for one in ALLOWED])
def test_a_deploy_may(hello: dict[str, Any], action: str, resource: str, context: Mapping[str, str]) -> None:
    assert allows(hello, action, resource, context)


@pytest.mark.parametrize(
    ("action", "resource", "context"), DENIED, ids=[f"{number}-{one[0]}" for number, one in enumerate(DENIED)]
)
def test_a_deploy_may_not(hello: dict[str, Any], action: str, resource: str, context: Mapping[str, str]) -> None:
    assert not allows(hello, action, resource, context)


def test_a_sign_in_reads_its_secret_and_its_user_pool() -> None:
    """CloudFormation resolves a dynamic reference with the caller's rights, for this secret alone."""
    cases = ROOT / "tests" / "cases" / "traffic"
    oidc, cognito = (policy_of(stack_of(cases / f"{name}.spec.yml")) for name in ("sign-in", "cognito"))
    secret = f"arn:aws:secretsmanager:{AT}:secret:staging/shop"
    assert allows(oidc, "secretsmanager:GetSecretValue", f"{secret}-a1B2c3", {})
    assert not allows(oidc, "secretsmanager:GetSecretValue", f"{secret}-other-a1B2c3", {})
    assert not allows(oidc, "cognito-idp:DescribeUserPoolClient", "*", {})
    pool = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_Ab1Cd2Ef3"
    assert allows(cognito, "cognito-idp:DescribeUserPoolClient", pool, {})
    assert not allows(cognito, "cognito-idp:DescribeUserPoolClient", f"{pool}4", {})
    assert not allows(cognito, "secretsmanager:GetSecretValue", f"{secret}-a1B2c3", {})


def test_tables_buckets_and_the_artifacts(dynamodb: dict[str, Any]) -> None:
    table = f"arn:aws:dynamodb:{AT}:table/staging-orders"
    assert allows(dynamodb, "dynamodb:CreateTable", table, {})
    assert not allows(dynamodb, "dynamodb:DeleteTable", table, {}), "it is retained"
    assert not allows(dynamodb, "dynamodb:UpdateTable", f"arn:aws:dynamodb:{AT}:table/prod-orders", {})
    assert not allows(dynamodb, "dynamodb:PutItem", table, {})
    bucket = f"arn:aws:s3:::{ACCOUNT}-staging-invoices"
    assert allows(dynamodb, "s3:PutBucketPolicy", bucket, {})
    with_artifacts = policy_of(
        stack_of(ROOT / "examples" / "api-dynamodb.yml"), bucket="arn:${AWS::Partition}:s3:::artifacts"
    )
    assert allows(with_artifacts, "s3:PutObject", "arn:aws:s3:::artifacts/staging/api-dynamodb-staging/x.json", {})
    assert not allows(with_artifacts, "s3:PutBucketPolicy", "arn:aws:s3:::artifacts", {})
    assert not allows(with_artifacts, "s3:PutObject", f"{bucket}/key", {})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.stem)
def test_every_action_of_every_resource_is_allowed_and_none_besides(example: Path) -> None:
    stack = stack_of(example)
    policy = policy_of(stack)
    wanted = set().union(*(needed(one["Type"], one) or set() for one in stack.template["Resources"].values()))
    granted = granted_by(policy)
    assert wanted - granted <= {"iam:UpdateAssumeRolePolicy"}
    besides = granted - wanted - {"iam:PassRole", "iam:CreateServiceLinkedRole"}
    diagnosing = ("elasticloadbalancing:DescribeTargetHealth", "logs:GetLogEvents", "ssm:LabelParameterVersion")
    stores = {one.store for one in named_secrets(stack.template)}
    looks = {SSM: "ssm:DescribeParameters", SECRETS_MANAGER: "secretsmanager:DescribeSecret"}
    assert besides & set(looks.values()) == {looks[store] for store in stores}
    assert all(
        one.startswith(("cloudformation:", "ecr:DescribeImages", "ecs:", "ec2:DescribeA", *diagnosing))
        or one in looks.values()
        for one in besides
    ), besides
    assert all(is_action(one) for one in granted)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.stem)
def test_it_names_resources_where_the_action_allows_it(example: Path) -> None:
    for statement in (one for one in policy_of(stack_of(example))["Statement"] if one["Effect"] == "Allow"):
        for action in statement["Action"]:
            kinds = targets_of(action)
            if statement["Resource"] == ["*"]:
                assert not kinds or action == "cloudwatch:DescribeAlarms" or "Condition" in statement, action
            else:
                forms = [re.sub(r"\$\{[^}]*\}", "*", kind.arn) for kind in kinds]
                assert any(fnmatchcase(arn, form) for arn in statement["Resource"] for form in forms), action


def test_iam_is_never_wide(dynamodb: dict[str, Any]) -> None:
    assert not [
        one
        for one in dynamodb["Statement"]
        if "*" in one["Resource"] and any(a.startswith("iam:") for a in one["Action"])
    ]
    assert not [action for action in granted_by(dynamodb) if "*" in action]
    assert len({one["Sid"] for one in dynamodb["Statement"]}) == len(dynamodb["Statement"])


def test_the_spec_s_own_boundary_counts(compiled: Compile) -> None:
    result = compiled(HELLO + "  permissionsBoundary: bounds\n")
    assert result.template is not None
    stack = DeployedStack("hello-staging", result.template.data)
    assert boundaries(stack) == {"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/bounds"}
    role = f"arn:aws:iam::{ACCOUNT}:role/hello-staging-TaskRole-{RANDOM}"
    own = policy_of(stack)
    assert allows(own, "iam:CreateRole", role, {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/bounds"})
    assert not allows(own, "iam:CreateRole", role, {"iam:PermissionsBoundary": LIMIT})


def test_a_role_s_long_name_is_cut(compiled: Compile) -> None:
    name = "a-service-with-a-name-of-forty-character"
    result = compiled(HELLO.replace("name: hello", f"name: {name}"))
    assert result.template is not None and len(name) == 40
    policy = policy_of(DeployedStack(f"{name}-staging", result.template.data))
    cut = f"{name[:24]}-ExecutionRole-{RANDOM}"
    assert allows(policy, "iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/fsdcf/staging/{cut}", {})
    for other in (f"fsdcf/prod/{cut}", cut, f"fsdcf/staging/a-service-ExecutionRole-{RANDOM}"):
        assert not allows(policy, "iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/{other}", {})


def test_an_image_from_elsewhere_needs_no_ecr(compiled: Compile) -> None:
    result = compiled(HELLO + "  image: ghcr.io/acme/hello\n")
    assert result.template is not None
    actions = [
        action
        for one in policy_of(DeployedStack("hello-staging", result.template.data))["Statement"]
        for action in one["Action"]
    ]
    assert not [one for one in actions if one.startswith("ecr:")]


def test_what_is_not_known_is_said() -> None:
    stack = DeployedStack("x-staging", {"Resources": {"A": {"Type": "AWS::Nowhere::Thing"}}})
    assert permissions([stack], LIMIT).unknown == ("AWS::Nowhere::Thing",)


def test_a_role_may_have_the_policies_of_two_environments() -> None:
    policies = [policy_of(stack_of(ROOT / "examples" / "hello.yml", one)) for one in ("staging", "prod")]
    for environment in ("staging", "prod"):
        group = f"arn:aws:elasticloadbalancing:{AT}:targetgroup/x/1"
        assert allows(policies, "elasticloadbalancing:DeleteTargetGroup", group, tags(environment=environment))
        stack = f"arn:aws:cloudformation:{AT}:stack/my-service-{environment}/0a1b"
        assert allows(policies, "cloudformation:ExecuteChangeSet", stack, tags(environment=environment))


def test_the_order_of_stacks_has_no_meaning() -> None:
    stacks = [stack_of(one) for one in EXAMPLES[:3]]
    assert permissions(stacks, LIMIT) == permissions(stacks[::-1], LIMIT)


def test_policies_are_split_to_iam_s_size() -> None:
    statements = permissions(
        [stack_of(one) for one in EXAMPLES], boundary_arn(BOUND), "${ArtifactsBucket.Arn}"
    ).statements
    policies = split_policies(statements)
    assert len(policies) > 2 and all(policy_size(one) <= POLICY_CHARACTERS for one in policies)

    def pairs(found: list[IamStatement]) -> set[tuple[str, str, str]]:
        return {
            (action, arn, json.dumps(one.conditions))
            for one in found
            for action in one.actions
            for arn in one.resources
        }

    assert pairs([one for policy in policies for one in policy]) == pairs(list(statements))


def test_one_large_statement_is_split_by_its_actions() -> None:
    large = IamStatement("Large", tuple(f"s3:AnAction{number:03}" for number in range(400)), ("arn:aws:s3:::x",))
    policies = split_policies([large])
    assert len(policies) > 1 and all(policy_size(one) <= POLICY_CHARACTERS for one in policies)
    assert [action for policy in policies for one in policy for action in one.actions] == list(large.actions)
    wide = IamStatement("Wide", ("s3:PutObject",), tuple(f"arn:aws:s3:::bucket-{number:04}" for number in range(400)))
    policies = split_policies([wide])
    assert len(policies) > 1 and all(policy_size(one) <= POLICY_CHARACTERS for one in policies)
    assert [arn for policy in policies for one in policy for arn in one.resources] == list(wide.resources)
    assert len({one.sid for policy in policies for one in policy}) == sum(map(len, policies))


def environment_stack() -> DeployedStack:
    own_zone = f"certificateArn: '{CERTIFICATE}'", "hostedZoneId: Z0123456789ABCDEFGHIJ"
    template = compiled_text("environments/staging.yml", environment_file().replace(*own_zone), "staging")
    return DeployedStack("fsdcf-staging", template, {"fsdcf:service": "fsdcf", "fsdcf:environment": "staging"})


def joined_stack() -> DeployedStack:
    own = {"fsdcf:service": "shop", "fsdcf:environment": "staging"}
    return DeployedStack("shop-staging", joined("shop", ["shop.example.com"]), own, ("fsdcf-staging-Cluster-*",))


def test_an_environment_writes_records_in_its_own_zone_only() -> None:
    policy = policy_of(environment_stack())
    own, other = (f"arn:aws:route53:::hostedzone/{zone}" for zone in ("Z0123456789ABCDEFGHIJ", "Z1"))
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    for names in ([r"\052.example.com"], ["_0a1b.example.com"]):
        assert allows(policy, "route53:ChangeResourceRecordSets", own, {key: names})
        assert not allows(policy, "route53:ChangeResourceRecordSets", other, {key: names})
        assert not allows(policy, "route53:ChangeResourceRecordSets", own, {key: [*names, "prod.example.com"]})
    assert not allows(policy, "route53:ChangeResourceRecordSets", own, {})
    assert allows(policy, "route53:GetHostedZone", other, {}), "Cloud Map makes the zone of the namespace"
    for action in ("acm:RequestCertificate", "servicediscovery:CreatePrivateDnsNamespace", "ec2:DescribeVpcs"):
        assert allows(policy, action, "*", {}), action
    vpc = f"arn:aws:ec2:{AT}:vpc/vpc-1"
    assert allows(policy, "ec2:CreateVpc", vpc, {}) and allows(policy, "ec2:DeleteVpc", vpc, tags("fsdcf"))
    assert not allows(policy, "ec2:DeleteVpc", vpc, tags("shop"))
    for action, name in (
        ("acm:DeleteCertificate", f"arn:aws:acm:{AT}:certificate/1"),
        ("servicediscovery:DeleteNamespace", f"arn:aws:servicediscovery:{AT}:namespace/ns-1"),
    ):
        assert allows(policy, action, name, tags("fsdcf")) and not allows(policy, action, name, tags("shop")), action
    assert allows(policy, "cloudformation:ExecuteChangeSet", f"arn:aws:cloudformation:{AT}:stack/fsdcf-staging/1", {})


def test_a_service_that_joins_reads_its_environment_and_needs_less() -> None:
    policy = policy_of(joined_stack())
    stack = f"arn:aws:cloudformation:{AT}:stack/fsdcf-staging/1"
    assert allows(policy, "cloudformation:DescribeStacks", stack, {})
    assert allows(policy, "cloudformation:ListExports", "*", {})
    for action in ("cloudformation:ExecuteChangeSet", "cloudformation:DeleteStack", "cloudformation:GetTemplate"):
        assert not allows(policy, action, stack, {}), action
    granted, own = granted_by(policy), granted_by(policy_of(stack_of(ROOT / "examples" / "hello.yml")))
    for action in (
        "ec2:CreateVpc",
        "ec2:CreateNatGateway",
        "elasticloadbalancing:CreateLoadBalancer",
        "ecs:CreateCluster",
    ):
        assert action in own and action not in granted, action
    assert "elasticloadbalancing:CreateRule" in granted


def test_the_tasks_of_a_service_that_joins_are_in_the_cluster_of_its_environment() -> None:
    for policy in (
        policy_of(joined_stack()),
        fill_in(policy_document(operating([joined_stack()]).statements), VALUES),
    ):
        own, other = (f"arn:aws:ecs:{AT}:task/{name}/1" for name in ("fsdcf-staging-Cluster-1", "another"))
        assert allows(policy, "ecs:DescribeTasks", own, {}) and not allows(policy, "ecs:DescribeTasks", other, {})
        cluster = f"arn:aws:ecs:{AT}:cluster/fsdcf-staging-Cluster-1"
        assert allows(policy, "ecs:ListTasks", "*", {"ecs:cluster": cluster})
        assert not allows(policy, "ecs:ListTasks", "*", {"ecs:cluster": cluster.replace("fsdcf", "x")})
        assert not allows(policy, "ecs:DeleteCluster", cluster, {})


def test_a_role_for_both_needs_no_statement_for_reading() -> None:
    both = permissions([environment_stack(), joined_stack()], boundary_arn(BOUND))
    sids = [one.sid for one in both.statements]
    assert "Environment" not in sids and len(set(sids)) == len(sids)


def test_an_action_on_more_resources_widens_no_other_one() -> None:
    record = {"Type": "AWS::Route53::RecordSet", "Properties": {"HostedZoneId": "Z1", "Name": "a", "Type": "A"}}
    namespace = {"Type": "AWS::ServiceDiscovery::PrivateDnsNamespace", "Properties": {"Name": "a", "Vpc": "v"}}
    found = policy_of(DeployedStack("s", {"Resources": {"Record": record, "Namespace": namespace}}))
    by_sid = {one["Sid"]: one for one in found["Statement"]}
    assert by_sid["Route53GetHostedZone"]["Resource"] == ["arn:aws:route53:::hostedzone/*"]
    assert "arn:aws:route53:::hostedzone/*" not in by_sid["Route53"]["Resource"]


def test_the_commands_that_store_secrets_reach_those_of_the_service() -> None:
    written = (
        HELLO
        + """  secrets:
    - {name: WHOLE, valueFrom: "secretsmanager:shared/token"}
    - {name: PART, valueFrom: "secretsmanager:shared/db:password"}
    - {name: PARAMETER, valueFrom: /shared/key}
    - {name: THEIRS, valueFrom: "arn:aws:secretsmanager:eu-west-1:210987654321:secret:theirs-a1B2c3"}
"""
    )
    tags = {"fsdcf:service": "hello", "fsdcf:environment": "staging"}
    stack = DeployedStack("hello-staging", compiled_text("hello.yml", written, "staging"), tags)
    policy = fill_in(policy_document(operating([stack]).statements), VALUES)
    parameters = ("PutParameter", "DeleteParameter", "AddTagsToResource", "ListTagsForResource")
    for name, own in (("hello/staging/NEW", True), ("shared/key", True), ("hello/prod/NEW", False), ("other", False)):
        for verb in parameters:
            assert allows(policy, f"ssm:{verb}", f"arn:aws:ssm:{AT}:parameter/{name}", {}) == own, (verb, name)
    secrets = ("CreateSecret", "PutSecretValue", "DeleteSecret", "RestoreSecret", "TagResource", "DescribeSecret")
    for name, own in (("/hello/staging/N", True), ("shared/token", True), ("/hello/prod/N", False), ("shared", False)):
        for verb in secrets:
            for end in ("", "-a1B2c3"):
                arn = f"arn:aws:secretsmanager:{AT}:secret:{name}{end}"
                assert allows(policy, f"secretsmanager:{verb}", arn, {}) == own, (verb, arn)
    assert not allows(policy, "secretsmanager:PutSecretValue", stack_secret("theirs", "210987654321"), {})
    for name, read in (("shared/db", True), ("shared/token", False), ("/hello/staging/N", False)):
        assert allows(policy, "secretsmanager:GetSecretValue", stack_secret(name), {}) == read, name
    assert allows(policy, "ssm:DescribeParameters", "*", {})
    for verb in ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"):
        assert not allows(policy, f"ssm:{verb}", f"arn:aws:ssm:{AT}:parameter/shared/key", {}), verb


def stack_secret(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:secretsmanager:{REGION}:{account}:secret:{name}-a1B2c3"


def test_the_keys_of_secrets_are_used_through_the_stores_alone() -> None:
    stack = stack_of(ROOT / "tests" / "cases" / "hardened" / "keys.spec.yml")
    policy = fill_in(policy_document(operating([stack]).statements), VALUES)
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    for action in ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"):
        for via in ("ssm", "secretsmanager"):
            assert allows(policy, action, key, {"kms:ViaService": f"{via}.{REGION}.amazonaws.com"}), via
        assert not allows(policy, action, key, {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"})
        assert not allows(policy, action, key, {})
        assert not allows(policy, action, f"{key[:-1]}1", {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"})


def test_a_push_may_only_what_it_calls_on_its_repository() -> None:
    arn = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/shop"
    tags = {"fsdcf:service": "shop", "fsdcf:environment": "staging"}
    policy = fill_in(policy_document(pushing([(arn, tags)]).statements), VALUES)
    own = arn_of("repository/shop")
    asked = {f"aws:RequestTag/{name}": value for name, value in tags.items()}
    for action in ("BatchGetImage", "DescribeRepositories", "InitiateLayerUpload", "PutImage", "PutLifecyclePolicy"):
        assert allows(policy, f"ecr:{action}", own, {})
        assert not allows(policy, f"ecr:{action}", arn_of("repository/other"), {})
    assert allows(policy, "ecr:GetAuthorizationToken", "*", {})
    assert allows(policy, "ecr:CreateRepository", own, asked)
    for other in ({}, {**asked, "aws:RequestTag/fsdcf:environment": "prod"}):
        assert not allows(policy, "ecr:CreateRepository", own, other)
    for action in ("DeleteRepository", "SetRepositoryPolicy", "PutImageTagMutability", "BatchDeleteImage"):
        assert not allows(policy, f"ecr:{action}", own, asked)
    assert not pushing([]).statements


def arn_of(resource: str) -> str:
    return f"arn:aws:ecr:{AT}:{resource}"

"""Walls between the environments of one account: what a pipeline of one environment may do to another one, which is
nothing, and to its own, which is all that a deploy needs.

The calls on resources come from the handlers of CloudFormation and from a list of uses; those of the engine from its
own deploys in the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import botocore.client
import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import IamStatement, fill_in, policy_document
from fsdcf.cloudformation.permissions import targets_of
from fsdcf.cloudformation.secrets import named_secrets
from fsdcf.compiler.service import tags_of as stack_tags
from fsdcf.conventions import PIPELINE
from fsdcf.deploy.model import Exit, Options, Release, Target
from fsdcf.deploy.run import Run
from fsdcf.operate.delete import delete
from fsdcf.operate.drift import detect
from fsdcf.operate.releases import rollback
from fsdcf.pipeline import Request, run
from fsdcf.plan.permissions.policy import (
    actions_of,
    boundary,
    boundary_arn,
    engine_permissions,
    execution_permissions,
)
from fsdcf.plan.permissions.resources import needed
from tests.conftest import HELLO, ROOT
from tests.deploy.site import Site, site
from tests.fuzz import some
from tests.plan.permissions.iam import ACCOUNT, allows, allows_within
from tests.plan.permissions.test_policy import EXAMPLES, stack_of
from tests.plan.permissions.things import AT, BY_SERVICES, VALUES, Call, calls_of, concrete, roles_of
from tests.plan.shared import compiled, environment_file, joined

EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/fsdcf-pipeline-StagingExecutionRole-1"
ARTIFACTS = "arn:aws:s3:::artifacts"
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SECRETS = """\
  secrets:
    - {name: PASSWORD, valueFrom: "secretsmanager:${ENV}/hello:password"}
    - {name: TOKEN, valueFrom: "/${ENV}/hello/token"}
"""
LONG = "a-service-with-a-name-of-forty-character"

Stacks = tuple[DeployedStack, ...]


def filled(statements: Sequence[IamStatement]) -> dict[str, Any]:
    policy: dict[str, Any] = fill_in(policy_document(statements), VALUES)
    return policy


class Pipeline(NamedTuple):
    """The policies of an environment's roles: those of its deploy role, of its execution role, and of any role that
    these can make."""

    deploy: dict[str, Any]
    execution: dict[str, Any]
    boundary: dict[str, Any]

    def may(self, call: Call) -> list[str]:
        """Which of the roles may do this; the third allows itself everything, within its boundary."""
        decided = {
            "deploy": allows(self.deploy, *call),
            "execution": allows(self.execution, *call),
            "any other": allows_within(self.boundary, EVERYTHING, *call),
        }
        return [role for role, allowed in decided.items() if allowed]


def pipeline_of(stacks: Stacks, environment: str = "staging") -> Pipeline:
    limit = boundary_arn(f"fsdcf-boundary-{environment}")
    deploy = engine_permissions(stacks, EXECUTION, ARTIFACTS)
    execution = execution_permissions(stacks, limit)
    assert deploy.unknown == execution.unknown == ()
    return Pipeline(
        filled(deploy.statements), filled(execution.statements), fill_in(boundary(stacks, environment), VALUES)
    )


def shared(environment: str) -> Stacks:
    """An environment with a domain in a hosted zone that others use as well, and a service that joins it."""
    text, domain = environment_file(environment), f"{environment}.example.com"
    given = next(line for line in text.splitlines() if "certificateArn" in line)
    own = f"    public: {{domain: {domain}, hostedZoneId: Z0123456789ABCDEFGHIJ}}"
    template = compiled(f"environments/{environment}.yml", text.replace(given, own), environment)
    shop = joined("shop", [f"shop.{domain}"], environment=environment)
    tags = {"fsdcf:environment": environment}
    return (
        DeployedStack(f"fsdcf-{environment}", template, {"fsdcf:service": "fsdcf", **tags}),
        DeployedStack(
            f"shop-{environment}", shop, {"fsdcf:service": "shop", **tags}, (f"fsdcf-{environment}-Cluster-*",)
        ),
    )


def written(text: str, environment: str, name: str) -> Stacks:
    result = run(Request("app.yml", text.encode(), environment))
    assert result.template is not None and result.spec is not None
    return (DeployedStack(f"{name}-{environment}", result.template.data, stack_tags(result.spec, environment)),)


@cache
def landscape(name: str, environment: str) -> Stacks:
    """The stacks of an environment, in one of several ways to have them."""
    if name == "shared":
        return shared(environment)
    if name in ("everything", "hardened"):
        text = (ROOT / "tests" / "cases" / "environments" / f"{name}.environment.yml").read_text(encoding="utf-8")
        text = text.replace(f"name: {name}", f"name: {environment}").replace(
            "example.com", f"{environment}.example.com"
        )
        tags = {"fsdcf:service": "fsdcf", "fsdcf:environment": environment}
        template = compiled(f"environments/{environment}.yml", text, environment)
        return (DeployedStack(f"fsdcf-{environment}", template, tags),)
    if name == "keys":
        return (stack_of(ROOT / "tests" / "cases" / "hardened" / "keys.spec.yml", environment),)
    if name == "secrets":
        return written(HELLO + SECRETS, environment, "hello")
    if name == "long names":
        return written(HELLO.replace("name: hello", f"name: {LONG}"), environment, LONG)
    described = environment in ("staging", "prod")
    alone = [one for one in EXAMPLES if described or "shared: true" not in one.read_text(encoding="utf-8")]
    files = alone if name == "all examples" else [ROOT / "examples" / f"{name}.yml"]
    return tuple(stack_of(file, environment) for file in files)


LANDSCAPES = ["all examples", "shared", "long names", "keys", "secrets", "hardened", "everything"]
LANDSCAPES += some([one.stem for one in EXAMPLES], 4)  # all are in the first one together


def each_landscape(test: Any) -> Any:
    """Some of the examples alone; each in ``make fuzz``."""
    return pytest.mark.hypothesis(pytest.mark.parametrize("name", LANDSCAPES)(test))


def uses(environment: str) -> Iterator[Call]:
    """Calls on what belongs to an environment beside the resources of its stacks: its pipeline, its names."""
    tags = {"aws:ResourceTag/fsdcf:environment": environment}
    limit = f"arn:aws:iam::{ACCOUNT}:policy/fsdcf-boundary-{environment}"
    pipelines = {"aws:ResourceTag/fsdcf:environment": PIPELINE[1]}
    for verb in ("CreatePolicyVersion", "DeletePolicy", "SetDefaultPolicyVersion", "DeletePolicyVersion"):
        yield Call(f"iam:{verb}", limit, pipelines)
    for kind in ("Deploy", "Execution"):
        role = f"arn:aws:iam::{ACCOUNT}:role/fsdcf-pipeline-{environment.capitalize()}{kind}Role-1"
        for service in ("cloudformation", "ecs-tasks"):
            yield Call("iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"})
        for verb in ("PutRolePolicy", "AttachRolePolicy", "UpdateAssumeRolePolicy", "DeleteRolePermissionsBoundary"):
            yield Call(f"iam:{verb}", role, pipelines)
        yield Call("sts:AssumeRole", role, {})
    for verb in ("GetObject", "PutObject", "DeleteObject"):
        yield Call(f"s3:{verb}", f"{ARTIFACTS}/{environment}/shop-{environment}/0a1b.json", {})
    yield Call("s3:ListBucket", ARTIFACTS, {})
    for service in ("shop", "orders"):
        for verb in ("GetParameter", "GetParameters", "GetParameterHistory", "PutParameter", "DeleteParameter"):
            yield Call(f"ssm:{verb}", f"arn:aws:ssm:{AT}:parameter/{service}/{environment}/password", {})
        for verb in ("GetSecretValue", "PutSecretValue", "DeleteSecret", "DescribeSecret"):
            yield Call(
                f"secretsmanager:{verb}", f"arn:aws:secretsmanager:{AT}:secret:{service}/{environment}-a1B2c3", {}
            )
    yield Call("ssm:DescribeParameters", "*", {})
    yield Call("kms:Decrypt", f"arn:aws:kms:{AT}:key/1", tags)
    for verb in ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"):
        yield Call(f"kms:{verb}", f"arn:aws:kms:{AT}:key/2", {"kms:ResourceAliases": [f"alias/{environment}"]})
    names = {"route53:ChangeResourceRecordSetsNormalizedRecordNames": [f"shop.{environment}.example.com"]}
    yield Call("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ", names)


SHARED = frozenset(
    {
        "route53:GetChange",
        "route53:GetHostedZone",
        "route53:ListResourceRecordSets",
        "ssm:DescribeParameters",
        "wafv2:AssociateWebACL",
        "wafv2:DisassociateWebACL",
        "wafv2:GetWebACL",
        "wafv2:GetWebACLForResource",
    }
)
"""What IAM cannot tell apart, as the page on walls says: reading a hosted zone in which several environments write
records, the names of parameters, and the web ACL of a load balancer, for which AWS WAF knows no tags."""


PAIRS = [(name, "prod") for name in LANDSCAPES]
PAIRS += [(name, other) for name in LANDSCAPES[:4] for other in ("pre-staging", "staging-eu")]
"""Landscapes, each with another environment; also with one whose name begins or ends like the own one."""


@pytest.mark.hypothesis
@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_the_roles_of_an_environment_reach_nothing_of_another_one(name: str, other: str) -> None:
    own, others = pipeline_of(landscape(name, "staging")), landscape(name, other)
    calls = [*calls_of(others), *uses(other)]
    assert len({one.action for one in calls}) >= 100
    assert not [(roles, call) for call in calls if call.action not in SHARED and (roles := own.may(call))]


@each_landscape
def test_no_tag_of_another_environment_is_written(name: str) -> None:
    """Staging may not mark its own resources as production's: production's roles would then reach them."""
    stacks = landscape(name, "staging")
    own = pipeline_of(stacks)
    tagging = [one for one in calls_of(stacks) if "tag" in one.action.lower().partition(":")[2]]
    assert len({one.action for one in tagging}) >= 5
    removed = {"aws:TagKeys": ["fsdcf:environment"]}
    for call in tagging:
        if "untag" in call.action.lower() or "remove" in call.action.lower() or "delete" in call.action.lower():
            assert not own.may(call._replace(context={**call.context, **removed})), call
        context = {**call.context, "aws:RequestTag/fsdcf:environment": "prod", "aws:TagKeys": ["fsdcf:environment"]}
        assert not own.may(call._replace(context=context)), call


@each_landscape
def test_a_pipeline_cannot_widen_its_own_roles(name: str) -> None:
    """Neither what they may do, nor who gets them, nor their boundary."""
    own = pipeline_of(landscape(name, "staging"))
    limit = f"arn:aws:iam::{ACCOUNT}:policy/fsdcf-boundary-staging"
    within = {"iam:PermissionsBoundary": limit}
    names = ["fsdcf-pipeline-acme-shop-StagingDeployRole-1", "fsdcf-pipeline-acme-shop-StagingExecutionRole-1"]
    stacks = landscape(name, "staging")
    names += [f"{stack.stack}-{role}-1A2B3C" for stack in stacks for role in ("TaskRole", "ExecutionRole", "X")]
    for arn in (f"arn:aws:iam::{ACCOUNT}:role/{path}{one}" for path in ("", "fsdcf/staging/") for one in names):
        for action in (
            "iam:DeleteRolePermissionsBoundary",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutUserPolicy",
            "sts:AssumeRole",
        ):
            assert not own.may(Call(action, arn, within)), action
        for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
            for other in ({}, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}):
                assert not own.may(Call(action, arn, other)), action
        administrator = {**within, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}
        assert not own.may(Call("iam:AttachRolePolicy", arn, administrator))
        for service in ("lambda", "ec2", "ecs", "cloudformation"):
            assert not own.may(Call("iam:PassRole", arn, {"iam:PassedToService": f"{service}.amazonaws.com"})), service
    for verb in (
        "CreatePolicy",
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "SetDefaultPolicyVersion",
    ):
        assert not own.may(Call(f"iam:{verb}", limit, {"aws:ResourceTag/fsdcf:environment": PIPELINE[1]}))
    for action in ("iam:CreateUser", "iam:CreateAccessKey", "organizations:LeaveOrganization", "account:CloseAccount"):
        assert not own.may(Call(action, "*", {}))


def test_a_deploy_role_looks_up_the_secrets_of_its_specs_and_reads_no_value() -> None:
    """Of Secrets Manager those that the specs name, whether they exist or not; of the Parameter Store all names."""
    role, names = pipeline_of(landscape("secrets", "staging")).deploy, ("staging/hello", "prod/hello")
    for own, name in zip((True, False), names, strict=True):
        for end in ("", "-a1B2c3"):
            arn = f"arn:aws:secretsmanager:{AT}:secret:{name}{end}"
            assert allows(role, "secretsmanager:DescribeSecret", arn, {}) == own, arn
            for verb in ("GetSecretValue", "PutSecretValue", "DeleteSecret", "UpdateSecret", "TagResource"):
                assert not allows(role, f"secretsmanager:{verb}", arn, {}), arn
        for verb in ("GetParameter", "GetParameters", "GetParameterHistory", "PutParameter", "DeleteParameter"):
            assert not allows(role, f"ssm:{verb}", f"arn:aws:ssm:{AT}:parameter/{name}/token", {})
    assert allows(role, "ssm:DescribeParameters", "*", {})


def test_a_deploy_role_uses_the_execution_role_and_no_other() -> None:
    stacks = landscape("hello", "staging")
    role, (stack,) = pipeline_of(stacks).deploy, stacks
    arn = f"arn:aws:cloudformation:{AT}:stack/{stack.stack}/1"
    other = {"cloudformation:RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Administrator"}
    own = {"cloudformation:RoleArn": EXECUTION}
    for action in ("CreateChangeSet", "DeleteStack", "RollbackStack", "ContinueUpdateRollback"):
        assert allows(role, f"cloudformation:{action}", arn, own)
        assert not allows(role, f"cloudformation:{action}", arn, other)
        assert allows(role, f"cloudformation:{action}", arn, {}) == (action != "CreateChangeSet"), action
    to_service = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    assert allows(role, "iam:PassRole", EXECUTION, to_service)
    assert not allows(role, "iam:PassRole", EXECUTION, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    assert not allows(role, "iam:PassRole", other["cloudformation:RoleArn"], to_service)
    actions = {action for one in role["Statement"] if one["Effect"] == "Allow" for action in one["Action"]}
    engine = {"cloudformation", "ecr", "ecs", "elasticloadbalancing", "iam", "logs", "s3", "ssm"}
    assert not {one for one in actions if one.partition(":")[2] in ("DescribeParameters", "DescribeSecret")}
    assert {one.partition(":")[0] for one in actions} <= engine
    assert {one for one in actions if one.startswith("iam:")} == {"iam:PassRole"}


@each_landscape
def test_cloudformation_may_do_all_that_the_templates_need(name: str) -> None:
    stacks = landscape(name, "staging")
    policy = pipeline_of(stacks).execution
    limit = f"arn:aws:iam::{ACCOUNT}:policy/fsdcf-boundary-staging"
    wanted = set[str]()
    for stack in stacks:
        for resource in stack.template["Resources"].values():
            wanted |= needed(resource["Type"], resource) or frozenset()
    wanted.discard("iam:UpdateAssumeRolePolicy")  # the trust policy of fsdcf's roles never changes
    tried = set[str]()
    for call in calls_of(stacks):
        if call.action not in wanted:
            continue
        more: dict[str, Any] = {"iam:PermissionsBoundary": limit} if call.action.startswith("iam:") else {}
        if call.action in BY_SERVICES:
            assert not allows(policy, *call), "not by CloudFormation itself, which could do so to any interface"
            more["aws:ViaAWSService"] = "true"
        creating = {
            f"aws:RequestTag/{key.partition('/')[2]}": value
            for key, value in call.context.items()
            if key.startswith("aws:ResourceTag/")
        }
        tried.add(call.action)
        assert allows(policy, *call._replace(context={**call.context, **more})), call
        assert allows(policy, *call._replace(context={**call.context, **more, **creating})), call
    everywhere = wanted - tried
    assert all(allows(policy, action, "*", {}) for action in everywhere), everywhere
    assert len(tried) > 40


@each_landscape
def test_tasks_may_do_within_the_boundary_what_their_roles_allow(name: str) -> None:
    stacks = landscape(name, "staging")
    limits = pipeline_of(stacks).boundary
    tried = 0
    for stack in stacks:
        for _, documents in roles_of(stack):
            for document in documents:
                for statement in document["Statement"]:
                    for resource in statement["Resource"]:
                        arn = resource_of(stack, resource)
                        for action in statement["Action"]:
                            tried += 1
                            passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
                            context = passed if action == "iam:PassRole" else {}
                            assert allows(limits, action, arn, context), (action, arn)
                            assert context == {} or not allows(limits, action, arn, {}), "only to ECS"
    assert tried >= 3 or name in ("hardened", "everything")


def resource_of(stack: DeployedStack, value: Any) -> str:
    """The ARN of a resource in a policy, worked out apart from the code under test."""
    if isinstance(value, str):
        return concrete(value)
    ((function, argument),) = value.items()
    if function == "Fn::Sub":
        for logical_id in stack.template["Resources"]:
            if f"${{{logical_id}.Arn}}" in argument:
                return str(argument).replace(f"${{{logical_id}.Arn}}", resource_of(stack, {"Ref": logical_id}))
        for logical_id in stack.template["Resources"]:
            argument = argument.replace(f"${{{logical_id}}}", f"{stack.stack}-{logical_id}-1A2B3C")
        return concrete(argument.replace("${AWS::StackName}", stack.stack))
    name = argument if isinstance(argument, str) else argument[0]
    resource = stack.template["Resources"][name.removesuffix(".Arn")]
    service, _, type = resource["Type"].removeprefix("AWS::").partition("::")
    given = resource.get("Properties", {})
    own = next((given[key] for key in ("TableName", "BucketName", "QueueName", "TopicName") if key in given), None)
    called = concrete(own["Fn::Sub"] if isinstance(own, dict) else own or f"{stack.stack}-{name}-1A2B3C")
    if type == "Queue" or type == "Topic":
        return f"arn:aws:{service.lower()}:{AT}:{called}"
    forms = {
        "Table": f"arn:aws:dynamodb:{AT}:table/{called}",
        "Bucket": f"arn:aws:s3:::{called}",
        "LogGroup": f"arn:aws:logs:{AT}:log-group:{called}:*",
        "StateMachine": f"arn:aws:states:{AT}:stateMachine:{called}",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/{called}",
        "FileSystem": f"arn:aws:elasticfilesystem:{AT}:file-system/fs-1",
    }
    return forms[type]


OPTIONAL = frozenset({"s3:ListBucket"})
"""What the engine does without: see ``HeadBucket``."""


class Recorder:
    """The calls of botocore's clients, as actions on ARNs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stack: DeployedStack) -> None:
        self.calls: list[Call] = []
        self._tags, self._stack = stack.tags, f"arn:aws:cloudformation:{AT}:stack/{stack.stack}/1"
        plain = botocore.client.BaseClient._make_api_call

        def noted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            answer = plain(client, operation, parameters)
            self.calls += self._of(client.meta.service_model.service_name, operation, parameters)
            return answer

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noted)

    def _of(self, service: str, operation: str, given: dict[str, Any]) -> Iterator[Call]:
        service = {"elastic-load-balancing-v2": "elbv2"}.get(service, service)
        for action in actions_of({service: frozenset({operation})}):
            arns, context = _request_of(action, given)
            if "Tags" in given:
                context |= {f"aws:RequestTag/{one['Key']}": one["Value"] for one in given["Tags"]}
            tags = {f"aws:ResourceTag/{key}": value for key, value in self._tags.items()}
            for arn in (one.replace(":000000000000:", f":{ACCOUNT}:") for one in arns):
                if ":changeSet/" in arn and not any(one.name == "changeset" for one in targets_of(action)):
                    arn = self._stack  # an operation on a change set is one on its stack
                yield Call(action, arn, {**context, **(tags if arn != "*" else {})})


def _request_of(action: str, given: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The ARNs and the condition keys of a request."""
    service = action.partition(":")[0]
    if service == "cloudformation":
        named = [one for key in ("StackName", "ChangeSetName") if (one := given.get(key))]
        stacks = [one if one.startswith("arn:") else f"arn:aws:cloudformation:{AT}:stack/{one}/1" for one in named[:1]]
        role = {"cloudformation:RoleArn": given["RoleARN"]} if "RoleARN" in given else {}
        return stacks or ["*"], role
    if action == "ssm:DescribeParameters":
        return ["*"], {}
    if action == "ecs:ListTasks":
        return ["*"], {"ecs:cluster": f"arn:aws:ecs:{AT}:cluster/{given['cluster'].rpartition('/')[2]}"}
    cluster = given.get("cluster", "").rpartition("/")[2]
    names = [*given.get("services", ()), *given.get("tasks", ()), *([given["service"]] if "service" in given else ())]
    if service == "ecs" and (names or "serviceDeploymentArns" in given):
        kind = "task" if "tasks" in given else "service"
        arns = [one if one.startswith("arn:") else f"arn:aws:ecs:{AT}:{kind}/{cluster}/{one}" for one in names]
        return [*arns, *given.get("serviceDeploymentArns", ())], {}
    forms = {
        "ecr": f"arn:aws:ecr:{AT}:repository/{given.get('repositoryName')}",
        "logs": f"arn:aws:logs:{AT}:log-group:{given.get('logGroupName')}:log-stream:{given.get('logStreamName')}",
        "secretsmanager": f"arn:aws:secretsmanager:{AT}:secret:{given.get('SecretId')}-a1B2c3",
        "s3": f"arn:aws:s3:::{given.get('Bucket')}" + (f"/{given['Key']}" if "Key" in given else ""),
        "ssm": f"arn:aws:ssm:{AT}:parameter/{str(given.get('Name')).lstrip('/')}",
    }
    if "LoadBalancerArn" in given:
        return [given["LoadBalancerArn"]], {}
    return [forms.get(service, "*")], {}


def deploying(made: Site, stack: DeployedStack, sha: str | None, **options: Any) -> Exit:
    service, environment = stack.tags["fsdcf:service"], stack.tags["fsdcf:environment"]
    release = Release(service, environment, stack.template, sha, {})
    chosen = {"role_arn": EXECUTION, "artifacts_bucket": "artifacts", **options}
    made.told.clear()
    return made.run(release, **chosen).exit


@pytest.mark.parametrize("name", ["secrets", "api-dynamodb", "worker-queue", "shared"])
def test_a_deploy_role_may_make_every_call_of_the_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy, an update, one that fails and is rolled back, drift, a rollback to an earlier release, a deletion."""
    stacks = landscape(name, "staging")
    made = site(region=AT.partition(":")[0], pace=0.05)
    if name == "shared":
        assert deploying(made, stacks[0], None) is Exit.DONE
    stack = stacks[-1]
    target = Target(stack.tags["fsdcf:service"], "staging", "fsdcf deploy SPEC --env staging")
    for one in named_secrets(stack.template):
        made.store_secret(one.name)
    recorder = Recorder(monkeypatch, stack)
    sha = "one" if "ImageSha" in stack.template["Parameters"] else None
    assert deploying(made, stack, sha) is Exit.DONE
    assert deploying(made, stack, "two") is Exit.DONE
    made.fault("Release:update:no more")
    assert deploying(made, stack, "three") is Exit.FAILED
    state = Run(made.aws, made.tell, target)
    detect(state)
    rollback(Run(made.aws, made.tell, target), None, Options(yes=True, role_arn=EXECUTION))
    delete(Run(made.aws, made.tell, target), Options(yes=True, role_arn=EXECUTION, allow=frozenset({"*"})))
    assert len({one.action for one in recorder.calls}) >= 15
    role = pipeline_of(stacks).deploy
    missing = {one for one in map(_hashable, recorder.calls) if not allows(role, one[0], one[1], dict(one[2]))}
    assert {one for one in missing if one[0] not in OPTIONAL and one[0] != "ssm:GetParameterHistory"} == set()
    actions = {one.action for one in recorder.calls}
    assert ("elasticloadbalancing:DescribeRules" in actions) == (name == "shared")
    assert ({"ssm:DescribeParameters", "secretsmanager:DescribeSecret"} <= actions) == (name == "secrets")


def _hashable(call: Call) -> tuple[str, str, tuple[tuple[str, Any], ...]]:
    return call.action, call.arn, tuple(sorted((key, value) for key, value in call.context.items()))

"""The resources of an environment's stacks as IAM sees them in a request: actions on ARNs, with the tags that the
service adds to the request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import fill_in
from fsdcf.cloudformation.permissions import targets_of
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.iam import ROLE
from fsdcf.plan.permissions.resources import DeployedResources, needed, resources_of, service_of
from tests.plan.permissions.iam import ACCOUNT, REGION

VALUES = {"AccountId": ACCOUNT, "Region": REGION, "Partition": "aws"}
AT = f"{REGION}:{ACCOUNT}"

WITHOUT_TAGS = ("iam:PassRole", "elasticfilesystem:Client", "s3:", "dynamodb:", "route53:")
"""Actions to which a service adds no tags of the resource, whatever the reference says, or only where an account has
switched it on: what must hold without tags, too."""

UNTAGGED = frozenset({"security-group-rule", "network-interface", "changeset", "log-stream"})
"""IAM types of parts of resources that get no tags of their stack."""


def _actions(service: str, verbs: str) -> tuple[str, ...]:
    return tuple(f"{service}:{verb}" for verb in verbs.split())


USES: Mapping[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": _actions(
        "dynamodb", "GetItem PutItem Query Scan DeleteItem UpdateItem DeleteTable ExportTableToPointInTime"
    ),
    "AWS::ECS::Cluster": _actions("ecs", "RunTask DeleteCluster"),
    "AWS::ECS::Service": _actions("ecs", "UpdateService DeleteService ExecuteCommand"),
    "AWS::EFS::FileSystem": _actions("elasticfilesystem", "DeleteFileSystem"),
    "AWS::IAM::Role": _actions(
        "iam",
        "PassRole AttachRolePolicy DeleteRole DeleteRolePermissionsBoundary PutRolePermissionsBoundary PutRolePolicy "
        "TagRole UntagRole UpdateAssumeRolePolicy UpdateRole",
    ),
    "AWS::Logs::LogGroup": _actions(
        "logs", "CreateLogStream DeleteLogGroup FilterLogEvents GetLogEvents PutLogEvents PutRetentionPolicy StartQuery"
    ),
    "AWS::S3::Bucket": _actions("s3", "ListBucket DeleteBucket PutBucketPolicy"),
    "AWS::SNS::Topic": _actions("sns", "Publish Subscribe"),
    "AWS::SQS::Queue": _actions("sqs", "ReceiveMessage SendMessage PurgeQueue DeleteQueue"),
    "AWS::SSM::Parameter": _actions(
        "ssm", "DeleteParameter GetParameter GetParameterHistory GetParameters LabelParameterVersion PutParameter"
    ),
}
"""What may be done to a resource beside what CloudFormation does."""

STACK_ACTIONS = _actions(
    "cloudformation",
    "CancelUpdateStack ContinueUpdateRollback CreateChangeSet CreateStack DeleteStack DescribeStacks DetectStackDrift "
    "ExecuteChangeSet GetTemplate RollbackStack SetStackPolicy TagResource UntagResource UpdateStack "
    "UpdateTerminationProtection",
)


class Call(NamedTuple):
    """An action on an ARN, and the condition keys of its request."""

    action: str
    arn: str
    context: Mapping[str, Any]


BY_SERVICES = _actions("ec2", "DeleteNetworkInterface ModifyNetworkInterfaceAttribute")
"""What EFS does to the network interfaces of its mount targets, with the rights of the role."""


def concrete(pattern: str, name: str = "0a1b2c3d4e5f") -> str:
    """A pattern of an ARN with a name for each part that is only known after the deploy."""
    filled = re.sub(r"\$\{(\w+)\}", lambda match: VALUES.get(match[1].replace("Account", "AccountId"), name), pattern)
    return str(fill_in(filled, VALUES)).replace("*", name).replace("?", "x")


def tags_of(action: str, kind: str, tagged: bool, stack: DeployedStack) -> dict[str, str]:
    """The tags of a resource in a request, if its service adds them."""
    if not tagged or kind in UNTAGGED or action.startswith(WITHOUT_TAGS):
        return {}
    return {f"aws:ResourceTag/{name}": value for name, value in stack.tags.items()}


def calls_of(stacks: Sequence[DeployedStack]) -> Iterator[Call]:
    """Whatever CloudFormation, a task or a person may call on the resources of stacks, by their names and tags."""
    for stack in stacks:
        whole = resources_of([stack])
        arn = f"arn:aws:cloudformation:{AT}:stack/{stack.stack}/0a1b"
        yield from (Call(action, arn, tags_of(action, "stack", True, stack)) for action in STACK_ACTIONS)
        for logical_id, resource in stack.template["Resources"].items():
            yield from _of_resource(stack, whole, logical_id, resource)


def _of_resource(
    stack: DeployedStack, whole: DeployedResources, logical_id: str, resource: Mapping[str, Any]
) -> Iterator[Call]:
    """Calls on the resource itself, or, for an action on another one (the route table of a route), on that one."""
    type, properties = resource["Type"], resource.get("Properties", {})
    arns = record_of(type).permissions.arns
    own = dict(arns(stack, logical_id, properties)) if arns else {}
    for action in sorted({*(needed(type, resource) or ()), *USES.get(type, ())}):
        service, targets = service_of(action), targets_of(action)
        found = [(one, {own[service, one.name]}) for one in targets if (service, one.name) in own]
        found = found or [
            (one, set(whole.names[service, one.name])) for one in targets if (service, one.name) in whole.names
        ]
        found = found or [(one, {one.arn}) for one in targets if (service, one.name) in whole.generated]
        found = [one for one in found if not one[0].name.endswith(("/net", "/gwy"))]
        for target, patterns in found or [(one, {one.arn}) for one in targets if "/net" not in one.name]:
            tags = tags_of(action, target.name, target.tagged, stack)
            yield from (Call(action, concrete(one), _with(action, properties, tags)) for one in sorted(patterns))
        if not targets and action in USES.get(type, ()):  # an action that no deploy calls, on what its service names
            yield from (Call(action, concrete(one), {}) for (kind, _), one in own.items() if kind == service)


def _with(action: str, properties: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The condition keys that a request has beside the tags."""
    more: dict[str, Any] = {}
    if action == "iam:PassRole":
        more["iam:PassedToService"] = "ecs-tasks.amazonaws.com"
    if action == "route53:ChangeResourceRecordSets":
        proofs = [f"_0a1b.{one['DomainName']}" for one in properties.get("DomainValidationOptions", ())]
        names = [
            one.lower().replace("_0a1b.*", "_0a1b").replace("*", r"\052") for one in proofs or [properties["Name"]]
        ]
        more["route53:ChangeResourceRecordSetsNormalizedRecordNames"] = names
    if "PermissionsBoundary" in properties:
        more["iam:PermissionsBoundary"] = concrete(properties["PermissionsBoundary"]["Fn::Sub"])
    if "ManagedPolicyArns" in properties:
        more["iam:PolicyARN"] = "arn:aws:iam::aws:policy/AdministratorAccess"
    return {**context, **more}


def roles_of(stack: DeployedStack) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The roles of a template and their policies' documents."""
    resources = stack.template["Resources"]
    for logical_id, properties in stack.resources(ROLE).items():
        documents = [one["PolicyDocument"] for one in properties.get("Policies", ())]
        documents += [
            one["Properties"]["PolicyDocument"]
            for one in resources.values()
            if one["Type"] == "AWS::IAM::Policy" and {"Ref": logical_id} in one["Properties"].get("Roles", ())
        ]
        yield logical_id, documents

"""What the resources of a template will be called: their ARNs, as exactly as they can be known before they exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.facts import facts_of

Kind = tuple[str, str]
"""A service and one of its resource types, as IAM calls them: ``("ecs", "cluster")``."""

ACCOUNT, PARTITION, REGION = "${AWS::AccountId}", "${AWS::Partition}", "${AWS::Region}"
_KNOWN = frozenset({ACCOUNT, PARTITION, REGION})
_RANDOM = 12
_LONGEST_ROLE = 64


@dataclass(frozen=True)
class Deployed:
    """A stack and the template that is deployed as it."""

    stack: str
    template: Mapping[str, Any]

    def resources(self, type: str) -> dict[str, Mapping[str, Any]]:
        """The properties of the resources of a type, by logical id."""
        found = self.template["Resources"].items()
        return {name: one.get("Properties", {}) for name, one in found if one["Type"] == type}


def arn(service: str, rest: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN as a fragment: pseudo parameters stand for what the account and the region tell."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{rest}"


def text(value: Any) -> str:
    """A property's value as a fragment of an ARN: ``*`` stands for what only the deploy will tell."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return f"${{{argument}}}" if f"${{{argument}}}" in _KNOWN else "*"
        if function == "Fn::Sub" and isinstance(argument, str):
            return re.sub(r"\$\{[^}]*\}", lambda found: found[0] if found[0] in _KNOWN else "*", argument)
    return str(value) if isinstance(value, (str, int)) else "*"


def named(deployed: Deployed) -> dict[Kind, frozenset[str]]:
    """The ARNs of the resources whose names are known, or begin in a known way, by what IAM calls them."""
    found: dict[Kind, set[str]] = {("cloudformation", "stack"): {arn("cloudformation", f"stack/{deployed.stack}/*")}}
    for type, name in _NAMED.items():
        for logical_id, properties in deployed.resources(type).items():
            for kind, one in name(deployed, logical_id, properties):
                found.setdefault(kind, set()).add(one)
    found.setdefault(("cloudwatch", "alarm"), set()).update(_scaling_alarms(deployed))
    found[("ecr", "repository")] = found.get(("ecr", "repository"), set()) | set(_pulled(deployed))
    return {kind: frozenset(arns) for kind, arns in found.items() if arns}


def tags_of(type: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tags that a template writes on a resource; none where the type takes none."""
    facts = facts_of(type)
    written = properties.get(facts.tag_property) if facts and facts.tag_property else None
    if isinstance(written, Mapping):
        return written
    return {one["Key"]: one["Value"] for one in written or ()}


Names = Iterable[tuple[Kind, str]]
_Naming = Callable[[Deployed, str, Mapping[str, Any]], Names]


def _generated(deployed: Deployed, logical_id: str) -> str:
    """``stack-LogicalId-`` and twelve characters, which is what CloudFormation calls what has no name.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    return f"{deployed.stack}-{logical_id}-*"


def _chosen(property: str, deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> str:
    return text(properties[property]) if property in properties else _generated(deployed, logical_id)


def _simple(service: str, kind: str, property: str, lead: str = "", tails: tuple[str, ...] = ("",)) -> _Naming:
    def name(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
        chosen = _chosen(property, deployed, logical_id, properties)
        yield from (((service, kind), arn(service, f"{lead}{chosen}{tail}")) for tail in tails)

    return name


def _bucket(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    chosen = text(properties["BucketName"]) if "BucketName" in properties else _generated(deployed, logical_id).lower()
    yield ("s3", "bucket"), arn("s3", chosen, "", "")
    yield ("s3", "object"), arn("s3", f"{chosen}/*", "", "")


def _log_group(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    chosen = _chosen("LogGroupName", deployed, logical_id, properties)
    yield ("logs", "log-group"), arn("logs", f"log-group:{chosen}")
    yield ("logs", "log-group"), arn("logs", f"log-group:{chosen}:*")
    yield ("logs", "log-stream"), arn("logs", f"log-group:{chosen}:log-stream:*")


def _parameter(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    """A parameter without a name is ``CFN-LogicalId-`` and twelve characters, or, by the documentation, as everything else."""
    if "Name" in properties:
        yield ("ssm", "parameter"), arn("ssm", f"parameter/{text(properties['Name']).lstrip('/')}")
        return
    yield ("ssm", "parameter"), arn("ssm", f"parameter/CFN-{logical_id}-*")
    yield ("ssm", "parameter"), arn("ssm", f"parameter/{_generated(deployed, logical_id)}")


def _role(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    """A role's name has 64 characters: of a longer one CloudFormation keeps a part of the stack's name and one of the logical id."""
    chosen = _chosen("RoleName", deployed, logical_id, properties)
    if len(chosen) - 1 + _RANDOM > _LONGEST_ROLE:
        chosen = f"{deployed.stack[:24]}*-{logical_id[:24]}*"
    path = text(properties.get("Path", "/")).strip("/")
    yield ("iam", "role"), arn("iam", f"role/{path}/{chosen}" if path else f"role/{chosen}", "")


def _service(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    chosen = _chosen("ServiceName", deployed, logical_id, properties)
    for cluster in _clusters(deployed):
        yield ("ecs", "service"), arn("ecs", f"service/{cluster}/{chosen}")
        yield ("ecs", "service-deployment"), arn("ecs", f"service-deployment/{cluster}/{chosen}/*")
        yield ("ecs", "service-revision"), arn("ecs", f"service-revision/{cluster}/{chosen}/*")
        yield ("ecs", "task"), arn("ecs", f"task/{cluster}/*")


def _clusters(deployed: Deployed) -> list[str]:
    """The names of the stack's clusters; of one that is not the stack's, nothing is known."""
    own = deployed.resources("AWS::ECS::Cluster").items()
    return [_chosen("ClusterName", deployed, name, properties) for name, properties in own] or ["*"]


def _scaling_alarms(deployed: Deployed) -> Iterable[str]:
    """The alarms that target tracking makes for a service bear the service in their names.

    Source: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
    """
    if deployed.resources("AWS::ApplicationAutoScaling::ScalingPolicy"):
        for logical_id, properties in deployed.resources("AWS::ECS::Service").items():
            chosen = _chosen("ServiceName", deployed, logical_id, properties)
            yield from (
                arn("cloudwatch", f"alarm:TargetTracking-service/{one}/{chosen.rstrip('*')}*")
                for one in _clusters(deployed)
            )


def _pulled(deployed: Deployed) -> Iterable[str]:
    """The repositories that the roles of the template may pull images from."""
    for properties in deployed.resources("AWS::IAM::Role").values():
        for policy in properties.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                if "ecr:BatchGetImage" in statement["Action"]:
                    yield from (text(one) for one in statement["Resource"])


_NAMED: Mapping[str, _Naming] = {
    "AWS::CloudWatch::Alarm": _simple("cloudwatch", "alarm", "AlarmName", "alarm:"),
    "AWS::DynamoDB::Table": _simple("dynamodb", "table", "TableName", "table/", ("", "/index/*")),
    "AWS::ECR::Repository": _simple("ecr", "repository", "RepositoryName", "repository/"),
    "AWS::ECS::Cluster": _simple("ecs", "cluster", "ClusterName", "cluster/"),
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _simple("ecs", "task-definition", "Family", "task-definition/", (":*",)),
    "AWS::IAM::Role": _role,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _simple("sns", "topic", "TopicName"),
    "AWS::SQS::Queue": _simple("sqs", "queue", "QueueName"),
    "AWS::SSM::Parameter": _parameter,
}
"""The types whose resources can be told by their names. All others have ids that AWS makes."""

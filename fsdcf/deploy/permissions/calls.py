"""What the deploy engine calls, operation by operation; a test holds this table against the engine's source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

CALLS: Mapping[str, frozenset[str]] = {
    "cloudformation": frozenset(
        {
            *(
                "DescribeStacks",
                "DescribeStackEvents",
                "DescribeEvents",
                "ListStackResources",
                "GetTemplate",
                "ListImports",
            ),
            *("CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet", "ExecuteChangeSet", "ListChangeSets"),
            *("CancelUpdateStack", "ContinueUpdateRollback", "RollbackStack", "DeleteStack"),
        }
    ),
    "ecr": frozenset({"DescribeImages"}),
    "ecs": frozenset(
        {
            *("DescribeServices", "DescribeTasks", "ListTasks", "DescribeTaskDefinition"),
            *("ListServiceDeployments", "DescribeServiceDeployments"),
        }
    ),
    "elbv2": frozenset({"DescribeTargetHealth"}),
    "logs": frozenset({"GetLogEvents"}),
    "s3": frozenset({"HeadBucket", "PutObject"}),
    "sts": frozenset({"GetCallerIdentity"}),
}
"""Operations of the engine by botocore's names."""

_PREFIX = {"elbv2": "elasticloadbalancing"}
"""What IAM calls a service, where it is not botocore's name for it."""

_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("cloudformation", "CreateChangeSet"): (
        *("cloudformation:CreateChangeSet", "cloudformation:TagResource", "cloudformation:UntagResource"),
    ),
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "PutObject"): ("s3:GetObject", "s3:PutObject"),
    ("sts", "GetCallerIdentity"): (),
}
"""Operations that do not need the action of their own name alone: a change set may change the stack's tags, CloudFormation reads
the staged template with the caller's rights, and GetCallerIdentity needs no permission.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html, list_amazons3.html"""


def engine_actions() -> Iterator[str]:
    """The IAM actions of the engine."""
    for service, operations in sorted(CALLS.items()):
        for operation in sorted(operations):
            yield from _ACTIONS.get((service, operation), (f"{_PREFIX.get(service, service)}:{operation}",))

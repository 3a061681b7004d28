"""The parts of a service that its resources belong to, as the README names them."""

from __future__ import annotations

PARTS = ("data", "network", "way in", "tasks", "permissions", "scaling", "logs and alarms", "other")
"""In the order in which they are shown."""

_BY_SERVICE = {
    "EC2": "network",
    "ServiceDiscovery": "network",
    "ElasticLoadBalancingV2": "way in",
    "CertificateManager": "way in",
    "Route53": "way in",
    "WAFv2": "way in",
    "ECS": "tasks",
    "IAM": "permissions",
    "SecretsManager": "permissions",
    "KMS": "data",
    "ApplicationAutoScaling": "scaling",
    "CloudWatch": "logs and alarms",
    "Logs": "logs and alarms",
    "SNS": "logs and alarms",
    "DynamoDB": "data",
    "EFS": "data",
    "RDS": "data",
    "S3": "data",
    "SQS": "data",
    "MSK": "data",
    "ECR": "data",
}


def part_of(type: str, logical_id: str) -> str:
    """The part that a resource belongs to, by its type; the release record belongs to the tasks, whose image it names."""
    if logical_id == "Release" and type == "AWS::SSM::Parameter":
        return "tasks"
    steps = type.split("::")
    return _BY_SERVICE.get(steps[1] if len(steps) > 2 else "", "other")


def short(type: str) -> str:
    """``AWS::ECS::Service`` -> ``ECS::Service``."""
    return type.removeprefix("AWS::")

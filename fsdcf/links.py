"""Links that fsdcf prints or writes into files, and that more than one place needs or that lead to the project itself.

A link that one rule alone prints is part of that rule.
"""

from __future__ import annotations

REPOSITORY = "https://github.com/fsdcf/fsdcf"
"""The project."""

SCHEMA = "https://raw.githubusercontent.com/fsdcf/fsdcf/main/docs/fsd-v1.schema.json"
"""The JSON Schema of specs, for editors."""

CFN_LINT_RULE = "https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md#{code}"
"""A rule of cfn-lint."""

BUILD_SECRETS = "https://docs.docker.com/build/building/secrets/"
DOCKERFILE = "https://docs.docker.com/reference/dockerfile/"
ZONE_IDS = "https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html"
SERVICE_EVENTS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html"
PRIVATE_REGISTRIES = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html"
SERVICE_CONNECT = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html"
NAMES_LIKE_ARNS = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen"
SIGN_IN = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html"
LISTENER_CONDITIONS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"
RDS_PASSWORDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html"
ECS_EXEC = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html"
TASK_ROLES = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html"
CONTAINER_ORDER = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html"
CONTAINER_SECURITY = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html"
IMAGE_ENDPOINTS = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"
SECURITY_GROUP_RULES = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"
SECURITY_GROUP_QUOTAS = (
    "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups"
)
SCHEDULES = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
HEALTH_CHECKS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"
"""Pages of AWS that several rules refer to."""

SQLITE_WAL = "https://www.sqlite.org/wal.html"

"""Secrets Manager: secrets and their policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn
from fsdcf.cloudformation.pricing import PRICE_LIST, PricingRule, each_month, price
from fsdcf.cloudformation.types import (
    DeployPermissions,
    Drawing,
    Expiry,
    ForeignType,
    Part,
    PolicyDocuments,
    Properties,
    ResourceType,
    Simulation,
    StoredData,
)
from fsdcf.cloudformation.types.kms import left_with_key

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - the name of a type
PART: Part = "permissions"
_PAGE = f"AWS's pricing page for Secrets Manager, as transcribed by api-evangelist; {PRICE_LIST}"


def _arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """A secret has six random characters at the end of its ARN."""
    name = stack.name_of("Name", logical_id, properties)
    yield ("secretsmanager", "Secret"), arn("secretsmanager", f"secret:{name}-??????")


def _generates_anew(before: Any, after: Any) -> bool:
    """Whether Secrets Manager generates another value, which takes the place of the one that is there.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
    aws-resource-secretsmanager-secret.html
    """
    return after is not None and before != after


RECORDS = (
    ResourceType(
        SECRET,
        PricingRule(
            "permissions",
            each_month("secret.month", "Secrets"),
            (price("secret.month", "0.40", "secret-month", _PAGE, "2026-09-20"),),
        ),
        Simulation(
            "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{six}",
            {"Id": "{id}"},
            create=6.0,
        ),
        DeployPermissions(
            only_with={
                "ReplicaRegions": (
                    "secretsmanager:RemoveRegionsFromReplication",
                    "secretsmanager:ReplicateSecretToRegions",
                ),
            },
            arns=_arns,
        ),
        retained=True,
        taken_over="`unmanaged` with its name reads it again",
        data=StoredData(
            "its value",
            expiry=(
                Expiry(
                    "GenerateSecretString",
                    _generates_anew,
                    "has another value afterwards: Secrets Manager generates one, and the old one is the version "
                    "AWSPREVIOUS until the next",
                ),
            ),
        ),
        out_of_reach=left_with_key(lambda properties: properties.get("KmsKeyId"), "each version"),
        drawing=Drawing(
            "service",
            "Secret",
            "Name",
            arn_service="secretsmanager",
            arn_name=r"(?:secret:)?(.+?)(?:-\?{6})?",
            read_at_start=True,
            arn_title="Secrets Manager",
        ),
    ),
    ForeignType(
        "AWS::SecretsManager::ResourcePolicy",
        price="free",
        policies=PolicyDocuments("resource", ("SecretId",)),
    ),
)

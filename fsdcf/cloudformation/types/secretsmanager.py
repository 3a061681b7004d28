"""Secrets Manager: secrets and their policies."""

from __future__ import annotations

from fsdcf.cloudformation.pricing import PRICE_LIST, PricingRule, each_month, price
from fsdcf.cloudformation.types import Drawing, ForeignType, Part, PolicyDocuments, Simulation, StoredData

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - the name of a type
PART: Part = "permissions"
_PAGE = f"AWS's pricing page for Secrets Manager, as transcribed by api-evangelist; {PRICE_LIST}"


RECORDS = (
    ForeignType(
        SECRET,
        data=StoredData("its value"),
        price=PricingRule(
            "permissions",
            each_month("secret.month", "Secrets"),
            (price("secret.month", "0.40", "secret-month", _PAGE, "2026-09-20"),),
        ),
        drawing=Drawing(
            "service",
            "Secret",
            "Name",
            arn_service="secretsmanager",
            arn_name=r"(?:secret:)?(.+?)(?:-\?{6})?",
            read_at_start=True,
            arn_title="Secrets Manager",
        ),
        simulation=Simulation("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{six}", create=6.0),
    ),
    ForeignType(
        "AWS::SecretsManager::ResourcePolicy",
        price="free",
        policies=PolicyDocuments("resource", ("SecretId",)),
    ),
)

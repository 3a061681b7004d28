"""Secrets Manager: secrets and their policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsdcf.cloudformation.planned import PlannedResource
from fsdcf.cloudformation.pricing import PRICE_LIST, CostLine, PricingContext, PricingRule, price
from fsdcf.cloudformation.types import Drawing, ForeignType, Part, PolicyDocuments, Simulation, StoredData

PART: Part = "permissions"
_PAGE = f"AWS's pricing page for Secrets Manager, as transcribed by api-evangelist; {PRICE_LIST}"


def _price_secrets(context: PricingContext, secrets: Sequence[PlannedResource]) -> Iterator[CostLine]:
    yield context.line("secret.month", "Secrets", len(secrets), f"{len(secrets)} × 1 month", secrets)


RECORDS = (
    ForeignType(
        type="AWS::SecretsManager::Secret",
        data=StoredData("its value"),
        price=PricingRule(
            "permissions",
            _price_secrets,
            (price("secret.month", "0.40", "secret-month", _PAGE, "2026-09-20"),),
        ),
        drawing=Drawing("service", "Secret", "Name", arn_service="secretsmanager", arn_title="Secrets Manager"),
        simulation=Simulation("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{six}", create=6.0),
    ),
    ForeignType(
        type="AWS::SecretsManager::ResourcePolicy",
        price="free",
        policies=PolicyDocuments("resource", ("SecretId",)),
    ),
)

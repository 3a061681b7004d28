"""Certificate Manager: certificates for TLS."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, text
from fsdcf.cloudformation.types import NEVER, DeployPermissions, Part, Properties, ResourceType, Simulation
from fsdcf.cloudformation.types.route53 import ZONE_IAM_TYPE, zone_arn

PART: Part = "ingress"
CERTIFICATE = "AWS::CertificateManager::Certificate"


def _zones(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """The hosted zones in which CloudFormation writes the records that prove the ownership of the domains."""
    for option in properties.get("DomainValidationOptions", ()):
        if "HostedZoneId" in option:
            yield ZONE_IAM_TYPE, zone_arn(text(option["HostedZoneId"]))


RECORDS = (
    ResourceType(
        CERTIFICATE,
        # Those of a private authority are not; fsdcf has none.
        # Source: https://aws.amazon.com/certificate-manager/pricing/
        "free",
        Simulation("arn:{partition}:acm:{region}:{account}:certificate/{uuid}", create=12.0, update=3.0, delete=4.0),
        DeployPermissions(
            only_with={
                NEVER: ("acm-pca:*",),
                "DomainValidationOptions.HostedZoneId": ("route53:ChangeResourceRecordSets",),
            },
            arns=_zones,
        ),
        before_deletion="a certificate can be deleted once no listener uses it",
    ),
)

"""WAF: web ACLs and what they protect."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.types import NEVER, DeployPermissions, Part, Properties, ResourceType, Simulation

PART: Part = "ingress"
WEB_ACL_ASSOCIATION = "AWS::WAFv2::WebACLAssociation"

_OTHERS = ("amplify", "apigateway", "apprunner", "appsync", "bedrock-agentcore", "cognito-idp", "ec2")
"""The services whose resources a web ACL can protect as well; fsdcf has load balancers only."""


def _associated(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """The web ACL of the spec, and load balancers, whose ARNs AWS generates."""
    yield ("wafv2", "webacl"), text(properties.get("WebACLArn"))
    yield ("wafv2", "loadbalancer/app"), arn("elasticloadbalancing", "loadbalancer/app/*")


RECORDS = (
    ResourceType(
        WEB_ACL_ASSOCIATION,
        # The web ACL and its requests are charged, whatever it protects.
        # Source: https://aws.amazon.com/waf/pricing/
        "free",
        Simulation("{p[ResourceArn]}|{p[WebACLArn]}", create=5.0),
        DeployPermissions(
            only_with={NEVER: (*(f"{name}:*" for name in _OTHERS), "wafv2:*PermissionPolicy")}, arns=_associated
        ),
    ),
)

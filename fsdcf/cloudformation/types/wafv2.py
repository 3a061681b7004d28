"""WAF: web ACLs and what they protect."""

from __future__ import annotations

from fsdcf.cloudformation.types import NEVER, DeployPermissions, Part, ResourceType, Simulation

PART: Part = "ingress"
WEB_ACL_ASSOCIATION = "AWS::WAFv2::WebACLAssociation"

_OTHERS = ("amplify", "apigateway", "apprunner", "appsync", "bedrock-agentcore", "cognito-idp", "ec2")
"""The services whose resources a web ACL can protect as well; fsdcf has load balancers only."""

RECORDS = (
    ResourceType(
        WEB_ACL_ASSOCIATION,
        # The web ACL and its requests are charged, whatever it protects.
        # Source: https://aws.amazon.com/waf/pricing/
        "free",
        Simulation("{p[ResourceArn]}|{p[WebACLArn]}", create=5.0),
        DeployPermissions(only_with={NEVER: (*(f"{name}:*" for name in _OTHERS), "wafv2:*PermissionPolicy")}),
    ),
)

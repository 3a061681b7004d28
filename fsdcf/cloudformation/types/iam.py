"""IAM: roles, users and groups with their policies, all of it free; and the capabilities that acknowledge them in a
request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.limits import ROLE_NAME_CHARACTERS, is_cut
from fsdcf.cloudformation.references import section_of
from fsdcf.cloudformation.types import (
    DeployPermissions,
    ForeignType,
    Part,
    PolicyDocuments,
    Properties,
    ResourceType,
    Simulation,
    Single,
    Updates,
)

PART: Part = "permissions"
POLICY, ROLE, ROLE_POLICY = (f"AWS::IAM::{name}" for name in ("Policy", "Role", "RolePolicy"))
MANAGED_POLICY, OIDC_PROVIDER = (f"AWS::IAM::{name}" for name in ("ManagedPolicy", "OIDCProvider"))
_IDENTITY = PolicyDocuments("identity")
_HOLDERS = ("Roles", "Users", "Groups")

IAM_TYPES = frozenset(
    f"AWS::IAM::{name}"
    for name in [
        "AccessKey",
        "Group",
        "GroupPolicy",
        "InstanceProfile",
        "ManagedPolicy",
        "Policy",
        "Role",
        "RolePolicy",
        "User",
        "UserPolicy",
        "UserToGroupAddition",
    ]
)
"""Types that need CAPABILITY_IAM; with a custom name, CAPABILITY_NAMED_IAM.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html"""

IAM_NAMES: Mapping[str, str] = {
    f"AWS::IAM::{name}": f"{name}Name" for name in ("Group", "InstanceProfile", "ManagedPolicy", "Role", "User")
}
"""The property that names an IAM resource, by type."""


def capabilities(template: Mapping[str, Any]) -> tuple[str, ...]:
    """The capabilities that a template needs: for IAM resources, for named ones (which covers both), and for
    transforms.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    resources = section_of(template, "Resources").values()
    out = []
    if any(IAM_NAMES.get(one["Type"]) in (one.get("Properties") or {}) for one in resources):
        out.append("CAPABILITY_NAMED_IAM")
    elif any(one["Type"] in IAM_TYPES for one in resources):
        out.append("CAPABILITY_IAM")
    if template.get("Transform"):
        out.append("CAPABILITY_AUTO_EXPAND")
    return tuple(out)


def missing_capabilities(template: Mapping[str, Any], given: Collection[str]) -> tuple[str, ...]:
    """The capabilities that a template needs and that are not given; CAPABILITY_NAMED_IAM covers CAPABILITY_IAM."""
    covered = {*given, "CAPABILITY_IAM"} if "CAPABILITY_NAMED_IAM" in given else set(given)
    return tuple(one for one in capabilities(template) if one not in covered)


def _role_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """The role, and the repositories that it may pull images from.

    A role's name has 64 characters: of a longer one CloudFormation keeps a part of the stack's name and one of the
    logical ID.
    """
    name = stack.name_of("RoleName", logical_id, properties)
    if "RoleName" not in properties and is_cut(stack.stack, logical_id, ROLE_NAME_CHARACTERS):
        name = f"{stack.stack[:24]}*-{logical_id[:24]}*"
    path = text(properties.get("Path", "/")).strip("/")
    yield ("iam", "role"), arn("iam", f"role/{path}/{name}" if path else f"role/{name}", "")
    for policy in properties.get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "ecr:BatchGetImage" in statement["Action"]:
                yield from ((("ecr", "repository"), text(one)) for one in statement["Resource"])


RECORDS = (
    ResourceType(
        ROLE,
        "free",
        Simulation(
            attributes={"Arn": "arn:{partition}:iam::{account}:role/{id}", "RoleId": "AROA{long}"},
            create=18.0,
            update=16.0,
            longest_name=ROLE_NAME_CHARACTERS,
        ),
        DeployPermissions(
            only_with={"ManagedPolicyArns": ("iam:AttachRolePolicy", "iam:DetachRolePolicy")}, arns=_role_arns
        ),
        policies=_IDENTITY,
    ),
    ResourceType(
        POLICY,
        "free",
        Simulation(create=16.0),
        DeployPermissions(only_with={"Groups": ("iam:*GroupPolicy",), "Users": ("iam:*UserPolicy",)}),
        policies=PolicyDocuments("identity", _HOLDERS),
    ),
    ForeignType("AWS::IAM::Group", price="free", policies=_IDENTITY),
    ForeignType("AWS::IAM::User", price="free", policies=_IDENTITY),
    ForeignType(
        MANAGED_POLICY,
        price="free",
        updates=Updates({"DefaultVersionId": frozenset({"PolicyDocument"})}),
        policies=PolicyDocuments("identity", _HOLDERS),
        simulation=Simulation("arn:{partition}:iam::{account}:policy/{name}"),
    ),
    ForeignType(
        OIDC_PROVIDER,
        price="free",
        single=Single(
            ("Url",),
            "an account has only one provider of this URL",
            "delete the other one, or use it",
            "Provider with url {Url} already exists.",
        ),
        simulation=Simulation("arn:{partition}:iam::{account}:oidc-provider/{e[Url]}"),
    ),
    *(
        ForeignType(
            f"AWS::IAM::{holder}Policy",
            price="free",
            policies=PolicyDocuments("identity", (f"{holder}Name",)),
        )
        for holder in ("Role", "User", "Group")
    ),
    *(
        ForeignType(f"AWS::IAM::{name}", price="free")
        for name in (
            "AccessKey",
            "InstanceProfile",
            "SAMLProvider",
            "ServerCertificate",
            "ServiceLinkedRole",
            "UserToGroupAddition",
            "VirtualMFADevice",
        )
    ),
)

"""The capabilities that a template needs, with which a request acknowledges IAM resources and transforms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from fsdcf.cloudformation.references import section_of

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
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
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

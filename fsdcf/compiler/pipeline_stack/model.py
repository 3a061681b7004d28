"""What the pipeline's stack is compiled from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.spec.names import logical_id

SERVICE, ENVIRONMENT = "fsdcf", "pipeline"
"""The stack is called after these two, as every other one, and bears them as its tags."""

BUCKET = "ArtifactsBucket"
BUCKET_ARN = f"${{{BUCKET}.Arn}}"
"""The artifacts bucket's ARN as a fragment, for the policies that are given."""


@dataclass(frozen=True)
class Ids:
    """The ids of an owner and a repository on GitHub, which never change."""

    owner: str
    repository: str


@dataclass(frozen=True)
class Boundary:
    """The permissions boundary of the services' roles, which the stack makes: its name and document."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """A repository on GitHub (``owner/name``) and what it may do in this account.

    ``policies`` are the documents of each environment's deploy role, whose texts are fragments; ``images`` the ECR repositories to
    make, ``elsewhere`` the ARNs (fragments) of those that exist in an account or region that a spec names. ``provider`` is the ARN of
    an OIDC provider that is there already; ``boundary`` is None where somebody else made one.
    """

    repository: str
    policies: Mapping[str, tuple[Mapping[str, Any], ...]]
    images: tuple[str, ...]
    boundary: Boundary | None
    ids: Ids | None = None
    provider: str | None = None
    elsewhere: tuple[str, ...] = ()


def role_id(environment: str) -> str:
    """The logical id of an environment's deploy role."""
    return logical_id(environment, "DeployRole")


def role_output(environment: str) -> str:
    """The output with the role's ARN."""
    return f"{role_id(environment)}Arn"


def role_variable(environment: str) -> str:
    """The repository variable on GitHub that holds the role's ARN: ``FSDCF_ROLE_STAGING``."""
    return f"FSDCF_ROLE_{environment.upper().replace('-', '_')}"


REGION_VARIABLE = "AWS_REGION"
BUCKET_VARIABLE = "FSDCF_ARTIFACTS_BUCKET"

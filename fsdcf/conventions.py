"""Names that fsdcf gives to everything it deploys: tag keys, the image parameter, environments."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

TAG_PREFIX = "fsdcf:"
SERVICE_TAG = f"{TAG_PREFIX}service"
ENVIRONMENT_TAG = f"{TAG_PREFIX}environment"
"""The stack tags that identify a stack as managed by fsdcf: the service and the environment that it belongs to."""

REPOSITORY_TAG = f"{TAG_PREFIX}repository"
REPOSITORY_ID_TAG = f"{TAG_PREFIX}repository-id"
"""The stack tags that say whose pipeline a stack is: ``owner/name`` of a repository on GitHub, and the ids of both,
``1234/5678``, if they are known."""

PIPELINE = ("fsdcf", "pipeline")
"""Service and environment in the tags of the stack of a pipeline, which is not a service."""

PIPELINE_STACK = "-".join(PIPELINE)
"""How the name of every stack of a pipeline begins."""

_LONGEST_STACK = 128
"""The longest name of a stack. Source:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"""


def pipeline_stack(repository: str) -> str:
    """The stack of the pipeline of a repository, ``owner/name``: ``fsdcf-pipeline-acme-shop``.

    Letter case does not matter on GitHub. A name that could also be that of another repository ends in a hash.
    """
    owner, _, name = repository.lower().partition("/")
    words = "-".join((PIPELINE_STACK, owner, name))
    stack = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    if stack == words and "-" not in owner and len(stack) <= _LONGEST_STACK:
        return stack
    import hashlib  # loads OpenSSL, which few names need

    digits = hashlib.sha256(repository.lower().encode()).hexdigest()[:10]
    return f"{stack[: _LONGEST_STACK - len(digits) - 1]}-{digits}"


def is_pipeline(tags: Mapping[str, str]) -> bool:
    """Whether the tags of a stack are those of a pipeline."""
    return (tags.get(SERVICE_TAG), tags.get(ENVIRONMENT_TAG)) == PIPELINE


def role_variable(environment: str, service: str = "") -> str:
    """The variable on GitHub for the ARN of the role that deploys: ``FSDCF_ROLE_STAGING``, or one for a service."""
    return _variable("ROLE", environment, service)


def execution_role_variable(environment: str, service: str = "") -> str:
    """The variable on GitHub for the ARN of the role that CloudFormation assumes: ``FSDCF_EXECUTION_ROLE_STAGING``."""
    return _variable("EXECUTION_ROLE", environment, service)


def _variable(*words: str) -> str:
    return "_".join(("FSDCF", *filter(None, words))).upper().replace("-", "_")


ENVIRONMENT_SERVICE = "fsdcf"
"""The service in the tags and the name of the stack of an environment: no service may have this name."""

BOUNDARY = "fsdcf-boundary-${ENV}"
"""The default permissions boundary of the roles that a deploy creates: each environment has one of its own."""

IMAGE_PARAMETER = "ImageSha"
"""The template parameter for the tag or digest of the image."""

NOT_RUN = "The command was not run: the sandbox runs no containers"
"""Why a one-off task of the sandbox stops. It has no exit code, which would be made up."""

RELEASE_RECORD = "Release"
"""Logical id of the SSM parameter whose value is the released image."""


RELEASE_OUTPUT = "ReleaseParameter"
"""The stack output with the name of that parameter."""

DEFINITION_OUTPUT = "TaskDefinitionArn"
SCHEDULE_OUTPUT = "ScheduleName"
MACHINE_OUTPUT = "StateMachineArn"
"""The stack outputs by which a job is started: its task definition, and its schedule and state machine, if any."""

UNPROVEN = "unproven-"
"""How a label of a version of that parameter begins if no task of the release was ever started.
Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html"""

DEFAULT_ENVIRONMENT = "staging"

ENVIRONMENT_PATTERN = r"[a-z][a-z0-9-]{0,19}"
"""The name of an environment: at most 20 characters, so that names built from it fit into AWS's limits."""


ENVIRONMENTS = "environments"
"""The folder of the files that describe, or name, environments."""


def environment_path(environment: str) -> str:
    """The path of the file that describes an environment, in the folder of a spec or one above."""
    return f"{ENVIRONMENTS}/{environment}.yml"


def environment_stack(environment: str) -> str:
    """The stack of what the services of an environment share."""
    return f"{ENVIRONMENT_SERVICE}-{environment}"


def export_name(environment: str, output: str) -> str:
    """The name of the export by which a service's template reads an output of its environment's stack."""
    return f"{environment_stack(environment)}-{output}"


VPC_OUTPUT = "VpcId"
"""The output of an environment's stack that every service of the environment imports: its network."""


def release_name(environment: str, stack: str) -> str:
    """The name of the release record. The environment comes first, so that IAM can tell environments apart."""
    return f"/fsdcf/{environment}/{stack}/release"


def artifacts_prefix(environment: str, stack: str = "") -> str:
    """How the keys of an environment's objects in the artifacts bucket begin, or of those of one of its stacks."""
    return f"{environment}/{stack}/" if stack else f"{environment}/"


NEEDED = "NeededStatements"
"""The key in the Metadata of a task definition for what its existing roles need, by the logical ids of the roles that
the stack would have otherwise."""


def exporting_stack(export: str) -> str:
    """The stack of an environment that has an export of this name; for any other name, the name itself."""
    stack, _, output = export.rpartition("-")
    return stack if re.fullmatch(environment_stack(ENVIRONMENT_PATTERN), stack) and output else export


def similar(environment: str, known: Collection[str]) -> str:
    """The known environment that is probably meant; empty if none is similar."""
    from difflib import get_close_matches  # rarely needed

    for name in sorted(known, key=len, reverse=True):
        if name.startswith(environment) or environment.startswith(name):
            return name
    return next(iter(get_close_matches(environment, sorted(known), 1)), "")

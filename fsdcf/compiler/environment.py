"""The kind Environment: the stack of what services share."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, ecs

from fsdcf.compiler.kinds import KindCompiler
from fsdcf.compiler.limits import excesses
from fsdcf.compiler.parts.network import new_vpc, subnet_outputs
from fsdcf.compiler.stack import CompiledTypes, StackPart, Template, template_of
from fsdcf.compiler.text import value
from fsdcf.conventions import ENVIRONMENT_SERVICE, ENVIRONMENT_TAG, SERVICE_TAG, TAG_PREFIX, environment_stack
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.model.environment import EnvironmentSpec

NETWORK = "environment.network"


def compile_environment(
    spec: EnvironmentSpec, environment: str, types: CompiledTypes, joined: EnvironmentSpec | None = None
) -> Template:
    """The template of an environment without errors."""
    tags = {key: text for key, text in tags_of(spec, environment).items() if not key.startswith(TAG_PREFIX)}
    whole = StackPart()
    for part in (network, cluster):
        whole.fold(part(spec))
    text = spec.metadata.description
    description = f"{environment}: {text}" if text else f"What the services of {environment} share"
    return template_of(description, whole, tags, environment_stack(environment))


def tags_of(spec: EnvironmentSpec, environment: str) -> dict[str, str]:
    """The tags of the stack. A tag of the file replaces a default one whose key differs in case only."""
    owners = spec.metadata.owners
    own = {
        SERVICE_TAG: ENVIRONMENT_SERVICE,
        ENVIRONMENT_TAG: environment,
        "environment": environment,
        "owners": owners if isinstance(owners, str) else " ".join(owners),
    }
    tags = spec.environment.tags
    kept = {key: text for key, text in own.items() if key not in {key.lower() for key in tags}}
    return {key: text for key, text in {**kept, **tags}.items() if text}


def network(spec: EnvironmentSpec) -> StackPart:
    """The VPC and its subnets, each with an export of its own: a new zone only adds exports."""
    wanted, names = spec.environment.network, subnet_outputs(spec.environment.network)
    if wanted.id is None:
        part = new_vpc(wanted, NETWORK)
        vpc: Any = Ref("Vpc")
        ids: list[Any] = [Ref(name) for kind in names for name in kind]
    else:
        part, vpc = StackPart(), value(wanted.id)
        ids = [value(each) for kind in (wanted.public_subnets, wanted.private_subnets) for each in kind]
    part.export(spec.metadata.name, "VpcId", "VPC of the services", vpc)
    for name, subnet in zip([name for kind in names for name in kind], ids, strict=True):
        part.export(spec.metadata.name, name, "Subnet of the services", subnet)
    return part


def cluster(spec: EnvironmentSpec) -> StackPart:
    """A cluster with both Fargate capacity providers, or the name of an existing one."""
    part, wanted = StackPart(), spec.environment.cluster
    if wanted.name is None:
        part.add(ecs.Cluster("Cluster", CapacityProviders=["FARGATE", "FARGATE_SPOT"]), "environment.cluster")
    name = Ref("Cluster") if wanted.name is None else value(wanted.name)
    part.export(spec.metadata.name, "ClusterName", "ECS cluster of the services", name)
    return part


KIND = KindCompiler(ENVIRONMENT, compile_environment, tags_of, excesses)

"""What is on by itself in production, and in an environment whose file protects it, unless a spec says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from fsdcf.language.dependency import ProtectedDependency
from fsdcf.language.model.common import Dependency
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer, is_production, is_protected
from fsdcf.language.model.service import LoadBalancer, Spec
from fsdcf.language.unknown import UnknownValue

_Balancer = TypeVar("_Balancer", LoadBalancer, SharedLoadBalancer)


def with_defaults(spec: Any, environment: str, file: EnvironmentSpec | None) -> Any:
    """Return a spec with the defaults of its environment in the place of what is not written.

    ``file`` is the content of the environment's file, if there is one. Elsewhere than in production, and for a spec
    with unknown values, nothing changes.
    """
    settings = spec if isinstance(spec, EnvironmentSpec) else file
    try:
        if not is_production(environment, settings):
            return spec
        protected = is_protected(settings)
        return _environment(spec, protected) if isinstance(spec, EnvironmentSpec) else _service(spec, protected)
    except UnknownValue:
        return spec


def _service(spec: Spec, protected: bool) -> Spec:
    service, networking = spec.service, spec.service.networking
    changed: dict[str, Any] = {"termination_protection": _or(service.termination_protection, True)}
    if not networking.shared:
        changed["execute_command_logs"] = _or(service.execute_command_logs, service.enable_execute_command)
        changed["container_insights"] = _or(service.container_insights, "enabled" if protected else None)
        if networking.load_balancer is not False:
            balancer = _balancer(networking.balancer, protected)
            changed["networking"] = replace(networking, load_balancer=balancer)
    dependencies = tuple(map(_protected, spec.dependencies))
    return replace(spec, service=replace(service, **changed), dependencies=dependencies)


def _protected(dependency: Dependency) -> Dependency:
    if not isinstance(dependency, ProtectedDependency):
        return dependency
    written = dependency.deletion_protection
    return replace(dependency, **{"deletion_protection": _or(written, True)})


def _environment(spec: EnvironmentSpec, protected: bool) -> EnvironmentSpec:
    environment, cluster = spec.environment, spec.environment.cluster
    if cluster.name is None:
        cluster = replace(
            cluster,
            execute_command_logs=_or(cluster.execute_command_logs, True),
            container_insights=_or(cluster.container_insights, "enabled" if protected else None),
        )
    balancers = {
        name: one if one.listener_arn is not None else _balancer(one, protected)
        for name, one in environment.load_balancers.items()
    }
    protection = _or(environment.termination_protection, True)
    changed = replace(environment, cluster=cluster, load_balancers=balancers, termination_protection=protection)
    return replace(spec, environment=changed)


def _balancer(balancer: _Balancer, protected: bool) -> _Balancer:
    return replace(
        balancer,
        deletion_protection=_or(balancer.deletion_protection, True),
        access_logs=_or(balancer.access_logs, True if protected else None),
    )


def _or(written: Any, default: Any) -> Any:
    return default if written is None else written

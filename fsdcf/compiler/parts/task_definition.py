"""The task definition: size, roles, volumes and containers."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from troposphere import GetAtt, Ref, ecs

from fsdcf.compiler.parts.image import image
from fsdcf.compiler.parts.secrets import ContainerSecret, plain_environment
from fsdcf.compiler.stack import Grant, Mount, PropertyPath, Stack, Variable
from fsdcf.compiler.text import Attributes, intrinsic, value
from fsdcf.language.dependency import file_systems
from fsdcf.language.model.service import ContainerCheck, Service, Spec, Volume

ORIGIN = "service"


def add_task_definition(
    stack: Stack,
    spec: Spec,
    environment: str,
    variables: Mapping[str, Variable],
    secrets: Iterable[ContainerSecret],
    mounts: Iterable[Mount],
    sidecars: Iterable[ecs.ContainerDefinition],
    attributes: Attributes,
) -> None:
    """``TaskDefinition``. ``variables`` are those that dependencies give; one that the spec sets wins."""
    service = spec.service
    resources = service.resources
    mounts = list(mounts)
    container = _container(spec, variables, secrets, mounts, attributes)
    task = ecs.TaskDefinition(
        "TaskDefinition",
        Family=f"{spec.metadata.name}-{environment}",
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        Cpu=str(resources.cpu),
        Memory=str(resources.memory),
        RuntimePlatform=ecs.RuntimePlatform(
            CpuArchitecture=resources.architecture.upper(), OperatingSystemFamily="LINUX"
        ),
        ExecutionRoleArn=GetAtt("ExecutionRole", "Arn"),
        TaskRoleArn=GetAtt("TaskRole", "Arn"),
        ContainerDefinitions=[container, *sidecars],
    )
    if resources.ephemeral_storage is not None:
        task.EphemeralStorage = ecs.EphemeralStorage(SizeInGiB=resources.ephemeral_storage)
    if mounts:
        task.Volumes = [_volume(mount) for mount in mounts]
    linux = "service.initProcess" if service.init_process else "service.enableExecuteCommand"
    given = _given(
        container, {name: one.origin for name, one in variables.items() if name not in service.environment}, mounts
    )
    stack.add(task, ORIGIN, {**_SOURCES, ("ContainerDefinitions", 0, "LinuxParameters"): linux, **given})


def _given(
    container: ecs.ContainerDefinition, givers: Mapping[str, str], mounts: list[Mount]
) -> dict[PropertyPath, str]:
    """The places of what dependencies give: variables and volumes."""
    inside: PropertyPath = ("ContainerDefinitions", 0)
    names = [one.Name for one in container.properties.get("Environment", [])]
    found: dict[PropertyPath, str] = {
        (*inside, "Environment", index): givers.get(name, "") for index, name in enumerate(names)
    }
    for index, mount in enumerate(mounts):
        found |= {(*inside, "MountPoints", index): mount.origin, ("Volumes", index): mount.origin}
    return {path: origin for path, origin in found.items() if origin}


_SOURCES: dict[PropertyPath, str] = {
    ("Cpu",): "service.resources.cpu",
    ("Memory",): "service.resources.memory",
    ("EphemeralStorage",): "service.resources.ephemeralStorage",
    ("RuntimePlatform",): "service.resources.architecture",
    ("Volumes",): "service.volumes",
    ("ContainerDefinitions",): "service.observability",
    ("ContainerDefinitions", 0): ORIGIN,
    ("ContainerDefinitions", 0, "Image"): "service.image",
    ("ContainerDefinitions", 0, "Environment"): "service.environment",
    ("ContainerDefinitions", 0, "Secrets"): "service.secrets",
    ("ContainerDefinitions", 0, "Command"): "service.command",
    ("ContainerDefinitions", 0, "EntryPoint"): "service.entryPoint",
    ("ContainerDefinitions", 0, "User"): "service.user",
    ("ContainerDefinitions", 0, "Ulimits"): "service.ulimits",
    ("ContainerDefinitions", 0, "WorkingDirectory"): "service.workingDirectory",
    ("ContainerDefinitions", 0, "StopTimeout"): "service.stopTimeout",
    ("ContainerDefinitions", 0, "ReadonlyRootFilesystem"): "service.readonlyRootFilesystem",
    ("ContainerDefinitions", 0, "PortMappings"): "service.port",
    ("ContainerDefinitions", 0, "MountPoints"): "service.volumes",
    ("ContainerDefinitions", 0, "LogConfiguration"): "service.observability.logs",
    ("ContainerDefinitions", 0, "HealthCheck"): "service.healthCheck.container",
    ("ContainerDefinitions", 0, "HealthCheck", "Command"): "service.healthCheck.container.command",
    ("ContainerDefinitions", 0, "HealthCheck", "Interval"): "service.healthCheck.container.interval",
    ("ContainerDefinitions", 0, "HealthCheck", "Timeout"): "service.healthCheck.container.timeout",
    ("ContainerDefinitions", 0, "HealthCheck", "Retries"): "service.healthCheck.container.retries",
    ("ContainerDefinitions", 0, "HealthCheck", "StartPeriod"): "service.healthCheck.container.startPeriod",
}
"""The containers after the first one are those of the observability."""


def _container(
    spec: Spec,
    variables: Mapping[str, Variable],
    secrets: Iterable[ContainerSecret],
    mounts: list[Mount],
    attributes: Attributes,
) -> ecs.ContainerDefinition:
    service = spec.service
    own = {name: value(written, attributes) for name, written in plain_environment(service)}
    secret = {one.name: intrinsic(one.value_from) for one in secrets}
    given = {name: intrinsic(one.text) for name, one in variables.items() if name not in secret}
    plain = given | own
    container = ecs.ContainerDefinition(
        Name=spec.metadata.name,
        Image=image(spec),
        Essential=True,
        ReadonlyRootFilesystem=service.readonly_root_filesystem,
    )
    if service.port is not None:
        container.PortMappings = [ecs.PortMapping(ContainerPort=service.port, Protocol="tcp")]
    if plain:
        container.Environment = [ecs.Environment(Name=name, Value=plain[name]) for name in sorted(plain)]
    if secret:
        container.Secrets = [ecs.Secret(Name=name, ValueFrom=secret[name]) for name in sorted(secret)]
    if mounts:
        container.MountPoints = [
            ecs.MountPoint(SourceVolume=mount.name, ContainerPath=mount.path, ReadOnly=mount.read_only)
            for mount in mounts
        ]
    if service.health_check.container:
        container.HealthCheck = _check(service.health_check.container)
    logs = log_configuration(service, spec.metadata.name)
    if logs:
        container.LogConfiguration = logs
    _process(container, service, attributes)
    return container


def _process(container: ecs.ContainerDefinition, service: Service, attributes: Attributes) -> None:
    """What ECS knows of the container's process, where the spec says it."""
    if service.command:
        container.Command = [value(word, attributes) for word in service.command]
    if service.entry_point:
        container.EntryPoint = [value(word, attributes) for word in service.entry_point]
    if service.working_directory:
        container.WorkingDirectory = value(service.working_directory)
    if service.user:
        container.User = value(service.user)
    if service.stop_timeout is not None:
        container.StopTimeout = service.stop_timeout
    if service.ulimits:
        container.Ulimits = [
            ecs.Ulimit(Name=limit.name, SoftLimit=limit.soft_limit, HardLimit=limit.hard_limit)
            for limit in service.ulimits
        ]
    if service.init_process or service.enable_execute_command:
        container.LinuxParameters = ecs.LinuxParameters(InitProcessEnabled=True)


def _check(check: ContainerCheck) -> ecs.HealthCheck:
    command = ["CMD-SHELL", check.command] if isinstance(check.command, str) else list(check.command)
    if command[0] not in ("CMD", "CMD-SHELL"):
        command = ["CMD", *command]
    if command[0] == "CMD-SHELL" and len(command) > 2:
        command = ["CMD-SHELL", shlex.join(command[1:])]
    out = ecs.HealthCheck(Command=command, Interval=check.interval, Timeout=check.timeout, Retries=check.retries)
    if check.start_period is not None:
        out.StartPeriod = check.start_period
    return out


def log_configuration(service: Service, prefix: str) -> ecs.LogConfiguration | None:
    """Where a container's output goes; None where logs are off."""
    if not service.observability.logs.enabled:
        return None
    options = {"awslogs-group": Ref("LogGroup"), "awslogs-region": Ref("AWS::Region"), "awslogs-stream-prefix": prefix}
    return ecs.LogConfiguration(LogDriver="awslogs", Options=options)


def _volume(mount: Mount) -> ecs.Volume:
    if mount.efs is None:
        return ecs.Volume(Name=mount.name)
    properties: dict[str, Any] = dict(mount.efs)
    authorization = properties.pop("AuthorizationConfig", None)
    if authorization:
        properties["AuthorizationConfig"] = ecs.AuthorizationConfig(**authorization)
    return ecs.Volume(Name=mount.name, EFSVolumeConfiguration=ecs.EFSVolumeConfiguration(**properties))


def volumes_of(spec: Spec, grants: Iterable[Grant]) -> list[Mount]:
    """The mounts of ``service.volumes``; one that names a dependency mounts it again, by the same access point."""
    mounts = {mount.name: mount for grant in grants for mount in grant.mounts}
    systems = {local: mounts.get(local) for local in file_systems(spec)}
    return [_mount(volume, systems) for volume in spec.service.volumes]


def _mount(volume: Volume, file_systems: dict[str, Mount | None]) -> Mount:
    efs: dict[str, Any] | None = None
    if volume.efs and volume.efs.dependency:
        of_dependency = file_systems.get(volume.efs.dependency)
        efs = dict(of_dependency.efs) if of_dependency and of_dependency.efs else None
    elif volume.efs and volume.efs.file_system_id:
        efs = {"FilesystemId": value(volume.efs.file_system_id), "TransitEncryption": "ENABLED"}
        if volume.efs.root_directory:
            efs["RootDirectory"] = volume.efs.root_directory
    return Mount(volume.name, volume.mount_path, volume.read_only, efs)

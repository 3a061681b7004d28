"""The task definition: size, roles, volumes and containers."""

from __future__ import annotations

import shlex
from typing import Any

from troposphere import ecs

from fsdcf.compiler.parts.image import image
from fsdcf.compiler.parts.logs import output_of
from fsdcf.compiler.parts.roles import EXECUTION_ROLE, TASK_ROLE, role_arn
from fsdcf.compiler.parts.secrets import image_credentials, plain_environment, secrets_of
from fsdcf.compiler.stack import Context, StackPart, TaskContainer, VolumeMount, origin_of, present, runs_service
from fsdcf.compiler.text import intrinsic, value
from fsdcf.language.dependency import file_systems
from fsdcf.language.model.container import (
    MAIN,
    Capabilities,
    Container,
    ContainerCheck,
    RestartPolicy,
    Sidecar,
    Tmpfs,
)
from fsdcf.language.model.service import Volume

ORIGIN = "service"


def task_definition(context: Context) -> StackPart:
    """``TaskDefinition``: the main container, which has the name of the service, those beside it in the spec, and
    those of other parts."""
    resources = context.service.resources
    disk = resources.ephemeral_storage and ecs.EphemeralStorage(SizeInGiB=resources.ephemeral_storage)
    mounts = [*context.before.mounts, *_volumes(context)]
    beside = sorted(context.service.sidecars, key=lambda sidecar: sidecar.name)
    containers = [_main(context, mounts), *(_sidecar(context, one, mounts) for one in beside), *context.before.sidecars]
    task = ecs.TaskDefinition(
        "TaskDefinition",
        Family=f"{context.spec.metadata.name}-{context.environment}",
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        Cpu=str(resources.cpu),
        Memory=str(resources.memory),
        RuntimePlatform=ecs.RuntimePlatform(
            CpuArchitecture=resources.architecture.upper(), OperatingSystemFamily="LINUX"
        ),
        ExecutionRoleArn=role_arn(EXECUTION_ROLE, context),
        TaskRoleArn=role_arn(TASK_ROLE, context),
        ContainerDefinitions=[one.definition for one in containers],
        **present(EphemeralStorage=disk, Volumes=[_volume(mount) for mount in mounts]),
    )
    sources = dict(_SOURCES)
    sources |= {("Volumes", number): mount.origin for number, mount in enumerate(mounts) if mount.origin}
    for number, one in enumerate(containers):
        inside = ("ContainerDefinitions", number)
        sources[inside] = one.origin
        sources |= {(*inside, *([at] if isinstance(at, str) else at)): path for at, path in one.sources.items()}
    return StackPart().add(task, ORIGIN, sources)


_SOURCES: dict[Any, str] = {
    "Cpu": "service.resources.cpu",
    "ExecutionRoleArn": "service.executionRole.arn",
    "TaskRoleArn": "service.taskRole.arn",
    "Memory": "service.resources.memory",
    "EphemeralStorage": "service.resources.ephemeralStorage",
    "RuntimePlatform": "service.resources.architecture",
    "Volumes": "service.volumes",
}


def _main(context: Context, mounts: list[VolumeMount]) -> TaskContainer:
    """The service's own container, with the volumes that dependencies add."""
    service = context.service
    definition = _definition(context, service, _points(mounts))
    sources = _sources_of(service, "volumes", "healthCheck.container")
    if not service.init_process:
        sources["LinuxParameters",] = "service.enableExecuteCommand"
    sources |= _sources_of_variables(context, service, definition)
    sources |= {("MountPoints", number): mount.origin for number, mount in enumerate(mounts) if mount.origin}
    return TaskContainer(definition, ORIGIN, sources)


def _sidecar(context: Context, sidecar: Sidecar, mounts: list[VolumeMount]) -> TaskContainer:
    """A container beside the service's own, with the volumes that it names."""
    by_name = {mount.name: mount for mount in mounts}
    ordered = sorted(sidecar.mounts, key=lambda mount: mount.path)
    # Whether the service's own container may write to a volume of the spec says nothing about this one.
    points = [
        VolumeMount(one.volume, one.path, one.read_only or (volume.read_only and volume.origin != ""))
        for one in ordered
        if (volume := by_name.get(one.volume))
    ]
    definition = _definition(context, sidecar, _points(points))
    sources = _sources_of(sidecar, "mounts", "healthCheck") | _sources_of_variables(context, sidecar, definition)
    return TaskContainer(definition, origin_of(sidecar), sources)


def _added(context: Context, container: Container) -> StackPart:
    """What dependencies and other parts add to a container: their variables and secrets are for the image of the
    service, in whichever container that runs."""
    return context.before if runs_service(container) else StackPart()


def _sources_of_variables(
    context: Context, container: Container, definition: ecs.ContainerDefinition
) -> dict[str | tuple[Any, ...], str]:
    """The spec paths of the secrets of a container, and of the variables that dependencies add."""
    added = _added(context, container)
    secrets = enumerate(secrets_of(container, context.before.secrets))
    sources: dict[str | tuple[Any, ...], str] = {("Secrets", number): secret.origin for number, secret in secrets}
    for number, variable in enumerate(definition.properties.get("Environment", [])):
        by = added.variables.get(variable.Name)
        if by and by.origin and variable.Name not in container.environment:
            sources["Environment", number] = by.origin
    return sources


def _points(mounts: list[VolumeMount]) -> list[ecs.MountPoint]:
    return [
        ecs.MountPoint(SourceVolume=mount.name, ContainerPath=mount.path, ReadOnly=mount.read_only) for mount in mounts
    ]


def _sources_of(container: Container, mounts: str, check: str) -> dict[str | tuple[Any, ...], str]:
    """The spec paths of a container's properties; ``mounts`` and ``check`` are its keys of these names."""
    base = origin_of(container)
    sources: dict[str | tuple[Any, ...], str] = {
        (name,): f"{base}.{name[0].lower()}{name[1:]}"
        for name in (
            *("Image", "Environment", "EnvironmentFiles", "Secrets", "Command", "EntryPoint", "User", "Ulimits"),
            *("WorkingDirectory", "StopTimeout", "ReadonlyRootFilesystem", "DependsOn", "RestartPolicy", "Essential"),
            *("Cpu", "Memory", "MemoryReservation"),
        )
    }
    sources |= {
        ("HealthCheck", name): f"{base}.{check}.{name[0].lower()}{name[1:]}"
        for name in ("Command", "Interval", "Timeout", "Retries", "StartPeriod")
    }
    return sources | {
        ("PortMappings",): f"{base}.port",
        ("PortMappings", 0, "AppProtocol"): "service.networking.serviceConnect.protocol",
        ("MountPoints",): f"{base}.{mounts}",
        ("RepositoryCredentials",): f"{base}.imageCredentials",
        ("LinuxParameters",): f"{base}.initProcess",
        ("LinuxParameters", "Capabilities"): f"{base}.capabilities",
        ("LinuxParameters", "Tmpfs"): f"{base}.tmpfs",
        ("LogConfiguration",): "service.observability.logs",
        ("HealthCheck",): f"{base}.{check}",
    }


def _definition(context: Context, container: Container, points: list[ecs.MountPoint]) -> ecs.ContainerDefinition:
    """A container of the spec, with the variables and secrets that dependencies add."""
    service, attributes = context.service, context.before.attributes
    sidecar = container if isinstance(container, Sidecar) else None
    name = sidecar.name if sidecar else context.spec.metadata.name
    added = _added(context, container)
    secrets = {secret.name: intrinsic(secret.value_from) for secret in secrets_of(container, context.before.secrets)}
    plain = {name: one.value for name, one in added.variables.items() if name not in secrets}
    plain |= {name: value(text, attributes) for name, text in plain_environment(container).items()}
    other_image = sidecar.image if sidecar else None
    credentials = image_credentials(container if other_image else service)
    linux = present(
        Capabilities=container.capabilities and _capabilities(container.capabilities),
        InitProcessEnabled=container.init_process or service.enable_execute_command,
        Tmpfs=[_tmpfs(scratch) for scratch in sorted(container.tmpfs, key=lambda scratch: scratch.path)],
    )
    optional = present(
        RepositoryCredentials=credentials
        and ecs.RepositoryCredentials(CredentialsParameter=intrinsic(credentials.value_from)),
        PortMappings=container.port and [_port_mapping(container.port, name, context)],
        Environment=[ecs.Environment(Name=name, Value=plain[name]) for name in sorted(plain)],
        EnvironmentFiles=[ecs.EnvironmentFile(Type="s3", Value=value(file)) for file in container.environment_files],
        Secrets=[ecs.Secret(Name=name, ValueFrom=secrets[name]) for name in sorted(secrets)],
        MountPoints=points,
        HealthCheck=container.check and _check(container.check),
        LogConfiguration=output_of(service, name),
        Command=[value(word, attributes) for word in container.command],
        EntryPoint=[value(word, attributes) for word in container.entry_point],
        WorkingDirectory=container.working_directory and value(container.working_directory),
        User=container.user and value(container.user),
        StopTimeout=container.stop_timeout,
        Ulimits=[
            ecs.Ulimit(Name=limit.name, SoftLimit=limit.soft_limit, HardLimit=limit.hard_limit)
            for limit in sorted(container.ulimits, key=lambda limit: limit.name)
        ],
        LinuxParameters=ecs.LinuxParameters(**linux) if linux else None,
        DependsOn=[
            ecs.ContainerDependency(ContainerName=_name_of(other, context), Condition=container.depends_on[other])
            for other in sorted(container.depends_on)
        ],
        RestartPolicy=container.restart_policy and _restart_policy(container.restart_policy),
        **(present(Cpu=sidecar.cpu, Memory=sidecar.memory) if sidecar else {}),
        MemoryReservation=sidecar and sidecar.memory_reservation,
    )
    return ecs.ContainerDefinition(
        Name=name,
        Image=value(other_image) if other_image else image(context.spec),
        Essential=not container.can_end,
        ReadonlyRootFilesystem=container.readonly_root_filesystem,
        **optional,
    )


def _name_of(container: str, context: Context) -> str:
    """The name in ECS of a container that the spec names."""
    return context.spec.metadata.name if container == MAIN else container


def _port_mapping(port: int, name: str, context: Context) -> ecs.PortMapping:
    """The port of a container, which has its name; Service Connect knows that of the entry by it."""
    protocol = context.spec.endpoint_protocol
    speaks = context.service.networking.connect and protocol != "tcp" and name == context.entry
    return ecs.PortMapping(
        ContainerPort=port, Protocol="tcp", Name=name, **present(AppProtocol=protocol if speaks else None)
    )


def _restart_policy(policy: RestartPolicy) -> ecs.RestartPolicy:
    optional = present(
        IgnoredExitCodes=sorted(set(policy.ignored_exit_codes)), RestartAttemptPeriod=policy.attempt_period
    )
    return ecs.RestartPolicy(Enabled=policy.enabled, **optional)


def check_command(check: ContainerCheck) -> list[str]:
    """The command of a container's check, starting with CMD or CMD-SHELL."""
    command = ["CMD-SHELL", check.command] if isinstance(check.command, str) else list(check.command)
    if command[0] not in ("CMD", "CMD-SHELL"):
        return ["CMD", *command]
    if command[0] == "CMD-SHELL" and len(command) > 2:
        return ["CMD-SHELL", shlex.join(command[1:])]
    return command


def _check(check: ContainerCheck) -> ecs.HealthCheck:
    return ecs.HealthCheck(
        Command=check_command(check),
        Interval=check.interval,
        Timeout=check.timeout,
        Retries=check.retries,
        **present(StartPeriod=check.start_period),
    )


def _capabilities(wanted: Capabilities) -> ecs.KernelCapabilities | None:
    """The capabilities; None for a map that names none."""
    named = present(Add=sorted(wanted.add), Drop=sorted(wanted.drop))
    return ecs.KernelCapabilities(**named) if named else None


def _tmpfs(scratch: Tmpfs) -> ecs.Tmpfs:
    options = present(MountOptions=list(scratch.options))
    return ecs.Tmpfs(ContainerPath=scratch.path, Size=scratch.size, **options)


def _volume(mount: VolumeMount) -> ecs.Volume:
    return ecs.Volume(Name=mount.name, **present(EFSVolumeConfiguration=mount.efs))


def _volumes(context: Context) -> list[VolumeMount]:
    """The mounts of ``service.volumes``, by their paths, so that a directory comes before those in it.

    A volume that names a dependency mounts it again, through the same access point.
    """
    mounts = {mount.name: mount for mount in context.before.mounts}
    systems = {local: mounts[local].efs for local in file_systems(context.spec) if local in mounts}
    return [
        VolumeMount(volume.name, volume.mount_path, volume.read_only, _efs(volume, systems))
        for volume in sorted(context.service.volumes, key=lambda volume: volume.mount_path)
    ]


def _efs(volume: Volume, systems: dict[str, Any]) -> ecs.EFSVolumeConfiguration | None:
    """The file system of a volume; None for a volume on the task's disk."""
    if volume.efs is None:
        return None
    if volume.efs.dependency:
        return systems.get(volume.efs.dependency)
    if not volume.efs.file_system_id:
        return None
    root = present(RootDirectory=volume.efs.root_directory)
    return ecs.EFSVolumeConfiguration(
        FilesystemId=value(volume.efs.file_system_id), TransitEncryption="ENABLED", **root
    )

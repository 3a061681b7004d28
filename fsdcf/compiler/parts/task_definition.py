"""The task definition: size, roles, volumes and containers."""

from __future__ import annotations

import shlex
from typing import Any

from troposphere import GetAtt, Ref, ecs

from fsdcf.compiler.parts.image import image
from fsdcf.compiler.parts.secrets import image_credentials, plain_environment, secrets_of
from fsdcf.compiler.stack import Context, PropertyPath, Sources, StackPart, VolumeMount, present
from fsdcf.compiler.text import intrinsic, value
from fsdcf.language.dependency import file_systems
from fsdcf.language.model.service import Capabilities, ContainerCheck, Service, Tmpfs, Volume

ORIGIN = "service"


def task_definition(context: Context) -> StackPart:
    """``TaskDefinition``: the main container, which has the name of the service, and the sidecars of other parts."""
    resources = context.service.resources
    disk = resources.ephemeral_storage and ecs.EphemeralStorage(SizeInGiB=resources.ephemeral_storage)
    mounts = [*context.before.mounts, *_volumes(context)]
    main = _main_container(context, mounts)
    containers = [main, *context.before.sidecars]
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
        ExecutionRoleArn=GetAtt("ExecutionRole", "Arn"),
        TaskRoleArn=GetAtt("TaskRole", "Arn"),
        ContainerDefinitions=containers,
        **present(EphemeralStorage=disk, Volumes=[_volume(mount) for mount in mounts]),
    )
    return StackPart().add(task, ORIGIN, {**_SOURCES, **_sources_of(context, main, containers.index(main), mounts)})


def _sources_of(context: Context, main: ecs.ContainerDefinition, index: int, mounts: list[VolumeMount]) -> Sources:
    """The spec paths of the main container's properties, among them the variables and volumes that dependencies add."""
    inside: PropertyPath = ("ContainerDefinitions", index)
    service = context.service
    linux = "service.initProcess" if service.init_process else "service.enableExecuteCommand"
    sources: dict[str | PropertyPath, str] = {inside: ORIGIN, (*inside, "LinuxParameters"): linux}
    sources |= {
        (*inside, *(int(step) if step.isdecimal() else step for step in path.split("."))): source
        for path, source in _MAIN_SOURCES.items()
    }
    sources |= {
        (*inside, "Secrets", n): secret.origin for n, secret in enumerate(secrets_of(service, context.before.secrets))
    }
    for number, variable in enumerate(main.properties.get("Environment", [])):
        added = context.before.variables.get(variable.Name)
        if added and added.origin and variable.Name not in service.environment:
            sources |= {(*inside, "Environment", number): added.origin}
    for number, mount in enumerate(mounts):
        if mount.origin:
            sources |= {(*inside, "MountPoints", number): mount.origin, ("Volumes", number): mount.origin}
    return sources


_SOURCES: Sources = {
    "Cpu": "service.resources.cpu",
    "Memory": "service.resources.memory",
    "EphemeralStorage": "service.resources.ephemeralStorage",
    "RuntimePlatform": "service.resources.architecture",
    "Volumes": "service.volumes",
    "ContainerDefinitions": "service.observability",
}
"""Every container but the main one comes from the observability."""

_MAIN_SOURCES = {
    "PortMappings": "service.port",
    "PortMappings.0.AppProtocol": "service.networking.serviceConnect.protocol",
    "MountPoints": "service.volumes",
    "RepositoryCredentials": "service.imageCredentials",
    "LinuxParameters.Capabilities": "service.capabilities",
    "LinuxParameters.Tmpfs": "service.tmpfs",
    "LogConfiguration": "service.observability.logs",
    "HealthCheck": "service.healthCheck.container",
    **{
        name: f"service.{name[0].lower()}{name[1:]}"
        for name in (
            *("Image", "Environment", "Secrets", "Command", "EntryPoint", "User", "Ulimits"),
            *("WorkingDirectory", "StopTimeout", "ReadonlyRootFilesystem"),
        )
    },
    **{
        f"HealthCheck.{name}": f"service.healthCheck.container.{name[0].lower()}{name[1:]}"
        for name in ("Command", "Interval", "Timeout", "Retries", "StartPeriod")
    },
}


def _main_container(context: Context, mounts: list[VolumeMount]) -> ecs.ContainerDefinition:
    service, attributes, name = context.service, context.before.attributes, context.spec.metadata.name
    secrets = {secret.name: intrinsic(secret.value_from) for secret in secrets_of(service, context.before.secrets)}
    plain = {name: intrinsic(added.text) for name, added in context.before.variables.items() if name not in secrets}
    plain |= {name: value(text, attributes) for name, text in plain_environment(service).items()}
    needs_init = service.init_process or service.enable_execute_command
    credentials = image_credentials(service)
    scratches = sorted(service.tmpfs, key=lambda scratch: scratch.path)
    linux = present(
        Capabilities=service.capabilities and _capabilities(service.capabilities),
        InitProcessEnabled=needs_init,
        Tmpfs=[_tmpfs(scratch) for scratch in scratches],
    )
    optional = present(
        RepositoryCredentials=credentials
        and ecs.RepositoryCredentials(CredentialsParameter=intrinsic(credentials.value_from)),
        PortMappings=service.port and [_port_mapping(service.port, context)],
        Environment=[ecs.Environment(Name=name, Value=plain[name]) for name in sorted(plain)],
        Secrets=[ecs.Secret(Name=name, ValueFrom=secrets[name]) for name in sorted(secrets)],
        MountPoints=[
            ecs.MountPoint(SourceVolume=mount.name, ContainerPath=mount.path, ReadOnly=mount.read_only)
            for mount in mounts
        ],
        HealthCheck=service.health_check.container and _check(service.health_check.container),
        LogConfiguration=log_configuration(service, name),
        Command=[value(word, attributes) for word in service.command],
        EntryPoint=[value(word, attributes) for word in service.entry_point],
        WorkingDirectory=service.working_directory and value(service.working_directory),
        User=service.user and value(service.user),
        StopTimeout=service.stop_timeout,
        Ulimits=[
            ecs.Ulimit(Name=limit.name, SoftLimit=limit.soft_limit, HardLimit=limit.hard_limit)
            for limit in sorted(service.ulimits, key=lambda limit: limit.name)
        ],
        LinuxParameters=ecs.LinuxParameters(**linux) if linux else None,
    )
    return ecs.ContainerDefinition(
        Name=name,
        Image=image(context.spec),
        Essential=True,
        ReadonlyRootFilesystem=service.readonly_root_filesystem,
        **optional,
    )


def _port_mapping(port: int, context: Context) -> ecs.PortMapping:
    """The port of the service, by whose name Service Connect knows it."""
    protocol = context.spec.endpoint_protocol
    optional = present(AppProtocol=protocol if context.service.networking.connect and protocol != "tcp" else None)
    return ecs.PortMapping(ContainerPort=port, Protocol="tcp", Name=context.spec.metadata.name, **optional)


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


def log_configuration(service: Service, prefix: str) -> ecs.LogConfiguration | None:
    """The destination of a container's output; None if logs are off."""
    if not service.observability.logs.enabled:
        return None
    mode = service.observability.logs.mode
    options = {
        "awslogs-group": Ref("LogGroup"),
        "awslogs-region": Ref("AWS::Region"),
        "awslogs-stream-prefix": prefix,
        "mode": mode,  # without one, the account's default decides
    }
    if mode == "non-blocking":
        options["max-buffer-size"] = "25m"
    return ecs.LogConfiguration(LogDriver="awslogs", Options=options)


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

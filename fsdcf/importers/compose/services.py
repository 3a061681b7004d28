"""The keys of a service of a Compose file, and where each goes.

Source: https://docs.docker.com/reference/compose-file/services/ and the pages for build and deploy beside it; the keys
``x-aws-…`` are those of https://docs.docker.com/cloud/ecs-compose-features/, which Docker removed in 2023.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any

from fsdcf.importers.compose.connections import part_of
from fsdcf.importers.compose.container import (
    BUILD,
    CONTAINER,
    TITLE,
    mebibytes,
    must_be_pairs,
    pairs_of,
    put_already,
    put_dockerfile,
    put_tmpfs,
)
from fsdcf.importers.compose.images import ComposeRole
from fsdcf.importers.compose.plan import ComposeMount, ComposeService, mount_of, ports_of
from fsdcf.importers.compose.project import MergedSource
from fsdcf.importers.container import put_credentials
from fsdcf.importers.draft import Block, spec_name
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import fargate_size, literal, put_number


def cpu_units(data: Any) -> float:
    """A number of CPUs in CPU units. Raises UnfitError."""
    if isinstance(data, bool) or not re.fullmatch(r"\d{0,4}(?:\.\d{0,6})?", text := str(data).strip()) or text in "..":
        raise UnfitError("must be a number of CPUs such as 0.5")
    return float(text) * 1024


_CPUS = ("deploy.resources.limits.cpus", "cpus", "cpu_count", "deploy.resources.reservations.cpus")
_MEMORY = (
    *("deploy.resources.limits.memory", "mem_limit"),
    *("deploy.resources.reservations.memory", "mem_reservation"),
)


def task_size(part: ComposeService, with_proxy: bool) -> tuple[int, int] | None:
    """The size of a task on Fargate for a service; None if its file does not say it and the default suffices.

    The proxy of Service Connect needs more than the smallest task has.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
    """
    cpu, memory = _wanted(part, _CPUS, cpu_units), _wanted(part, _MEMORY, mebibytes)
    if cpu is None and memory is None:
        return (512, 1024) if with_proxy else None
    least = (512, 1024) if with_proxy else (256, 512)
    return fargate_size(max(cpu or 0, least[0]), max(memory or 0, least[1]))


def _wanted(part: ComposeService, paths: tuple[str, ...], read: Callable[[Any], float]) -> float | None:
    for path in paths:
        value = part.value.get(path)
        if value is not None:
            try:
                return read(value.data)
            except UnfitError:
                continue
    return None


def is_called(part: ComposeService) -> bool:
    """Whether a service takes part in Service Connect: others call it, or it calls others."""
    return bool(part.callers) and part.main_port is not None


def _size(to: str, paths: tuple[str, ...], read: Callable[[Any], float]) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome:
        draft, part = part_of(block)
        number, chosen = read(value.data), _wanted(part, paths, read)
        size = block.get(to)
        if size is None or number != chosen:
            return changed("a task has one size, which the limits decide")
        if size == number:
            return carried()
        reason = " with room for the proxy of Service Connect" if _calls(draft.plan.services, part) else ""
        what = f"{number:g} CPU units" if "cpu" in to else f"{number:g} MiB"
        return changed(f"{what} become {size}, a size of Fargate{reason}")

    return convert


def _calls(services: dict[str, ComposeService], part: ComposeService) -> bool:
    return is_called(part) or any(
        services[name].role is ComposeRole.SERVICE and is_called(services[name]) for name in part.uses
    )


def has_proxy(block: Block) -> bool:
    """Whether ECS adds the proxy of Service Connect to the tasks of a service."""
    draft, part = part_of(block)
    return _calls(draft.plan.services, part)


# Ports, networks and other services


def _port(value: SourceValue, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    ports = ports_of(value.data if value.name != "expose" else str(value.data))
    if not ports:
        raise UnfitError("must be a port of the container, such as 8000 or 80:8000")
    numbers = [each.number for each in ports]
    if ports[0].protocol != "tcp":
        return not_carried("fsdcf has load balancers for HTTP: run what speaks UDP elsewhere")
    if block.at[-2:-1] == ("sidecars",):
        return changed("the container ends before the service starts", "name")
    if part.main_port not in numbers:
        if numbers[0] in (443, 8443):
            return changed("the load balancer does TLS: `certificateArn` or `domain`", "networking.loadBalancer")
        return not_carried(f"a service has one port, which is {part.main_port}: give the other one a spec of its own")
    block.put("port", part.main_port)
    if ports[0].address is not None and not ports[0].is_public:
        return changed("published at the Docker host alone: the service has no public load balancer", "port")
    if len(numbers) > 1:
        return changed(f"the first one of {len(numbers)} ports", "port")
    if ports[0].address is not None:
        return changed("the load balancer answers at port 80, or 443 with a certificate", "port")
    return carried("port")


def _port_entry(value: SourceValue, block: Block) -> Block | None:
    note(value, block, _port(value, block))
    return block


def _expose(value: SourceValue, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    ports = ports_of(str(value.data))
    if not ports:
        raise UnfitError("must be a port of the container")
    if part.main_port == ports[0].number and ports[0].protocol == "tcp":
        block.put("port", part.main_port)
        return carried("port")
    return not_carried(f"a service has one port, which is {part.main_port}: give the other one a spec of its own")


def _depends(value: SourceValue, block: Block) -> KeyOutcome:
    draft, _ = part_of(block)
    name = value.name if not isinstance(value.path[-1], int) else value.text
    other = draft.plan.services.get(name.partition(":")[0])
    if other is None:
        return not_carried("the file has no service of this name")
    if other.role is ComposeRole.DEPENDENCY:
        return changed(f"{other.known.what if other.known else 'it'} becomes a dependency", ".dependencies")
    if other.role is ComposeRole.STEP:
        return changed("a sidecar, which must end with 0 before the container starts", "dependsOn")
    if other.role is ComposeRole.JOB:
        return changed(f"run it before a deploy that needs it: `fsdcf run services/{other.spec}.yml`", ".dependencies")
    if other.role is ComposeRole.SERVICE:
        if other.main_port is None:
            return changed(
                "each service has a stack of its own, and ECS starts a task again until it succeeds", ".dependencies"
            )
        return changed("called by name; each service has a stack of its own", ".dependencies")
    if other.role is ComposeRole.PROXY:
        return changed("the load balancer takes its place", "networking.loadBalancer")
    if other.role is ComposeRole.TOOL:
        return changed(f"left out: `{other.name}` is {_what(other)}", ".dependencies")
    return not_carried(f"`{other.name}` is {_what(other)}")


def _what(other: ComposeService) -> str:
    """What a service is that becomes nothing, and the way around."""
    if other.role is ComposeRole.OFF or other.known is None:
        return "a service with a profile, which does not start by default"
    return f"{other.known.what}: {other.known.advice}"


def _depends_entry(value: SourceValue, block: Block) -> Block | None:
    note(value, block, _depends(value, block))
    return block


def _extends(value: SourceValue, block: Block) -> KeyOutcome:
    node = value.source.node(value.path) if isinstance(value.source, MergedSource) else None
    above = value.source.node(value.path[:-1]) if isinstance(value.source, MergedSource) else None
    problem = (node.problem if node else "") or (above.problem if above and value.name == "service" else "")
    if problem:
        return not_carried(problem)
    return changed("its keys are merged into this service", "image" if block.get("image") else "build")


def _label(value: SourceValue, block: Block) -> Block | None:
    _, part = part_of(block)
    for name, text, each in pairs_of(value):
        label = name.lower()
        if label.startswith("traefik.") and part.main_port is None:
            note(each, block, not_carried("nothing tells the port: write `port`, and the load balancer leads to it"))
        elif label.startswith("traefik.") and label.endswith(".rule") and (part.hosts or part.paths):
            note(each, block, changed("as the rules of the load balancer", "networking.loadBalancer"))
        elif label.startswith("traefik."):
            note(each, block, changed("the load balancer takes the place of Traefik", "networking.loadBalancer"))
        elif text is not None:
            reason = "labels are for tools on the Docker host; `metadata.tags` are the tags of the resources in AWS"
            note(each, block, changed(reason))
    return None


def _log_driver(value: SourceValue, block: Block) -> KeyOutcome | None:
    driver = value.text
    if driver == "none":
        block.put("observability.logs.enabled", False)
        return carried("observability.logs.enabled")
    if driver == "awslogs":
        return carried("observability.logs")
    return changed("the logs are in CloudWatch Logs: `fsdcf logs` shows them", "observability.logs")


# Volumes


def _mount(value: SourceValue, block: Block) -> KeyOutcome:
    mount = mount_of(value.data)
    if mount is None:
        raise UnfitError("must be SOURCE:TARGET")
    if not mount.target.startswith("/"):
        raise UnfitError("must have an absolute path in the container")
    if mount.kind == "bind":
        return _bind(value, mount, block)
    if mount.kind == "tmpfs":
        return put_tmpfs(block, mount.target, [f"size={mount.size}"] if mount.size is not None else [])
    if mount.kind != "volume":
        return not_carried(f"Fargate has no mounts of the type {mount.kind}: put the files into the image")
    if re.search(
        r"(^|/)(node_modules|\.venv|venv|vendor|\.next|\.nuxt|target|bundle|\.cache|site-packages)$", mount.target
    ):
        return changed("left out: the image has what it installs", "image")
    if not mount.source:
        return _scratch(mount, block)
    return _volume(value, mount, block)


def _mount_entry(value: SourceValue, block: Block) -> Block | None:
    note(value, block, _mount(value, block))
    return block


def _bind(value: SourceValue, mount: ComposeMount, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    source = mount.source.rstrip("/")
    if source.endswith("docker.sock"):
        return not_carried("Fargate has no Docker daemon: the program has to do without it")
    if mount.target in ("/etc/localtime", "/etc/timezone"):
        return changed("left out: set the variable TZ for another time zone than UTC", "environment")
    is_relative = not source.startswith(("/", "~"))
    if part.is_built and is_relative and not posixpath.splitext(source)[1]:
        return changed("left out: a mount of the source is for development, and the image has the files", "build")
    return not_carried(
        "a task does not see files of the Docker host: COPY them into the image, or keep them in S3 or EFS"
    )


def _scratch(mount: ComposeMount, block: Block) -> KeyOutcome:
    name = re.sub(r"[^a-z0-9]+", "-", mount.target.lower()).strip("-")[:50] or "data"
    entry = {"name": name, "mountPath": mount.target} | ({"readOnly": True} if mount.read_only else {})
    block.add("volumes", entry)
    return changed("empty when a task starts, and lost with it", "volumes")


def _volume(value: SourceValue, mount: ComposeMount, block: Block) -> KeyOutcome:
    draft, part = part_of(block)
    if block.at[-2:-1] == ("sidecars",):
        return not_carried("the container ends before the service starts: let it keep its files elsewhere")
    name = spec_name(mount.source)[:30].strip("-")
    owner = draft.owners.setdefault(f"volume {mount.source}", draft.name)
    files = f"${{ENV}}-{draft.project_name}-{name}"[:60]
    if owner == draft.name:
        dependency = draft.dependency("aws_efs_file_system", files)
        if dependency.get("mountPoint") not in (None, mount.target):
            return not_carried("the volume is mounted at another path already")
        dependency.put("mountPoint", mount.target)
        _sqlite(draft.block, part, mount)
        return changed("a file system that all tasks of the service share, and that a deletion keeps", ".dependencies")
    place = f"/{draft.project_name}/${{ENV}}/{name}"
    dependency = draft.dependency("aws_efs_file_system", f"${{ssm:{place}/file-system}}")
    dependency.put("mountPoint", mount.target)
    dependency.put("unmanaged.permissions", "read" if mount.read_only else "readWrite")
    dependency.put("unmanaged.accessPointId", f"${{ssm:{place}/access-point}}")
    dependency.put("unmanaged.securityGroupId", f"${{ssm:{place}/security-group}}")
    stored = ", ".join(
        f"{place}/{end}".replace("${ENV}", "staging") for end in ("file-system", "access-point", "security-group")
    )
    outputs = f"the outputs of its stack for the volume {mount.source} in the Parameter Store, as {stored}"
    draft.notes.append(f"deploy {owner} first, and store {outputs}")
    return changed(f"the file system of {owner}", ".dependencies")


def _sqlite(block: Block, part: ComposeService, mount: ComposeMount) -> None:
    """Declare the SQLite database that a variable names in a mounted folder."""
    for variable in part.variables.values():
        found = re.fullmatch(
            r"(?:sqlite[a-z+0-9]*:/{0,3}|file:)?(/[\w./-]+\.(?:db|sqlite3?)|(?<=sqlite:///)/?[\w./-]+)(?:\?.*)?",
            variable.text or "",
        )
        if found and found[1].startswith(mount.target.rstrip("/") + "/"):
            block.draft.dependency("sqlite_database", spec_name(part.name)).put("path", found[1])
            return


# Deployment


def _count(value: SourceValue, block: Block) -> KeyOutcome | None:
    return put_number("resources.desiredCount", 0, 5000)(value, block) if block.get("autoScaling") is None else None


def _credentials(value: SourceValue, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    return put_credentials(part.image, value.text, block)


def _failure(value: SourceValue, block: Block) -> KeyOutcome:
    actions = {"rollback": True, "pause": False, "continue": False}
    if value.text not in actions:
        raise UnfitError("must be continue, pause or rollback")
    if not actions[value.text]:
        block.put("deployment.circuitBreaker.rollback", False)
    if value.text == "continue":
        block.put("deployment.circuitBreaker.enabled", False)
    return carried()


def _order(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text == "stop-first":
        block.put("deployment.minimumHealthyPercent", 0)
        block.put("deployment.maximumPercent", 100)
    elif value.text != "start-first":
        raise UnfitError("must be start-first or stop-first")
    return None


def _policies(value: SourceValue, block: Block) -> KeyOutcome:
    block.put("taskRole.managedPolicies", [*(block.get("taskRole.managedPolicies") or ()), literal(value.text)])
    return carried("taskRole.managedPolicies")


def _role(value: SourceValue, block: Block) -> KeyOutcome | None:
    statements = value.get("Statement")
    found = statements.items() if statements is not None else []
    for each in found:
        actions, resources = each.get("Action"), each.get("Resource")
        if actions is None or resources is None:
            raise UnfitError("must be a policy with statements of `Action` and `Resource`")
        block.add(
            "taskRole.statements",
            {
                "actions": actions.words if isinstance(actions.data, list) else [actions.text],
                "resources": resources.words if isinstance(resources.data, list) else [resources.text],
            },
        )
    return None


_DOCKER = "Fargate does not offer it: leave it out"
_HOST = "it is about the Docker host, which Fargate does not have"
_SHARED = "tasks have their own namespaces: what containers share, such as files, belongs into a volume"
_GPU = "Fargate has no GPUs: run the service on EC2, or use an API"
_SWARM = "it is for Docker Swarm: ECS chooses the place of each task"
_DECIDES = "ECS decides it: see `deployment` in the reference"
_DEVELOPMENT = "it is for development"

_PORT = Table(
    TITLE,
    SourceKey("name", needless=True, note="a name for people"),
    SourceKey("mode", needless=True, note="the load balancer has the port"),
    SourceKey("host_ip", "networking.loadBalancer", convert=put_already),
    SourceKey("target", "port", convert=put_already),
    SourceKey("published", needless=True, note="the load balancer answers at port 80, or 443 with a certificate"),
    SourceKey("protocol", "port", convert=put_already),
    SourceKey("x-aws-protocol", needless=True, note="the load balancer speaks HTTP to the container"),
    SourceKey("app_protocol", needless=True, note="the load balancer speaks HTTP to the container"),
)
_MOUNTED = Table(
    TITLE,
    SourceKey("type", "volumes", convert=put_already),
    SourceKey("source", "volumes", convert=put_already),
    SourceKey("target", "volumes", convert=put_already),
    SourceKey("read_only", "volumes", convert=put_already),
    SourceKey("consistency", needless=True, note=_HOST),
    *(SourceKey(f"bind.{name}", needless=True, note=_HOST) for name in ("propagation", "create_host_path")),
    *(SourceKey(f"bind.{name}", needless=True, note=_HOST) for name in ("recursive", "selinux")),
    SourceKey("volume.labels", needless=True, whole=True, note="labels are for tools on the Docker host"),
    SourceKey("volume.nocopy", needless=True, note="a new file system is empty"),
    SourceKey("volume.subpath", note="the whole file system is mounted: set `rootDirectory` of the dependency"),
    SourceKey("tmpfs.size", "tmpfs", convert=put_already),
    SourceKey("tmpfs.mode", note="write it as an option of `tmpfs`, such as mode=1777"),
    SourceKey("image.subpath", note="put the files into the image of the service"),
)
_DEVICES = ("capabilities", "count", "device_ids", "driver", "options")
OTHERS = (
    SourceKey("depends_on[]", ".dependencies", "each service has a stack of its own", convert=_depends),
    SourceKey(
        "depends_on.*",
        ".dependencies",
        "each service has a stack of its own",
        table=Table(
            TITLE,
            SourceKey("condition", ".dependencies", convert=put_already),
            SourceKey("restart", needless=True, note="ECS restarts tasks on their own"),
            SourceKey("required", ".dependencies", convert=put_already),
        ),
        enter=_depends_entry,
    ),
    SourceKey("links[]", ".dependencies", "called by name in Service Connect", convert=_depends),
    SourceKey("external_links[]", note="write the address of the other system as a variable"),
    SourceKey("extends", "image", "its keys are merged into this service", convert=_extends),
    SourceKey("extends.service", "image", "its keys are merged into this service", convert=_extends),
    SourceKey("extends.file", "image", "its keys are merged into this service", convert=_extends),
)


def _named(value: SourceValue, block: Block) -> KeyOutcome:
    _ = value.text
    return changed("ECS names containers by the service", ".metadata.name")


def _network(value: SourceValue, block: Block) -> KeyOutcome:
    return changed(
        "the services of an environment share a network, and security groups decide who may connect", "networking"
    )


def _alias(value: SourceValue, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    if value.text == part.name:
        return changed("the name of its endpoint in Service Connect", "networking")
    reason = (
        f"variables with this name lead to `{part.spec}`: a program with it in its code needs `serviceConnect.alias`"
    )
    return changed(reason, "networking")


def _network_entry(value: SourceValue, block: Block) -> Block:
    note(value, block, _network(value, block))
    return block


def _network_mode(value: SourceValue, block: Block) -> KeyOutcome:
    if value.text in ("bridge", "default", "host"):
        return changed("each task has a network interface of its own", "networking")
    return not_carried(
        "each task has a network of its own: make one container a sidecar of the other, or let them call each other"
    )


def _profile(value: SourceValue, block: Block) -> KeyOutcome:
    return changed("left out: the service is imported", ".metadata.name")


def _restart(value: SourceValue, block: Block) -> KeyOutcome:
    if block.draft.kind.name == "Job":
        return carried(".kind")
    if value.text in ("no", "none") or value.data is False:
        return changed("ECS starts a task again that ends", "resources.desiredCount")
    return carried("resources.desiredCount")


def _needless(names: str, reason: str) -> tuple[SourceKey, ...]:
    return tuple(SourceKey(name, needless=True, note=reason, whole=True) for name in names.split())


def _lost(names: str, reason: str) -> tuple[SourceKey, ...]:
    return tuple(SourceKey(name, note=reason, whole=True) for name in names.split())


SERVICE_KEYS = Table(
    TITLE,
    *BUILD,
    *CONTAINER,
    *OTHERS,
    SourceKey("profiles", ".metadata.name", "a service with a profile is not imported", convert=_profile, whole=True),
    SourceKey("container_name", ".metadata.name", "ECS names containers by the service", convert=_named),
    SourceKey("hostname", ".metadata.name", "others reach it by its name in Service Connect", convert=_named),
    SourceKey("domainname", ".metadata.name", "others reach it by its name in Service Connect", convert=_named),
    SourceKey("network_mode", "networking", "each task has a network interface", convert=_network_mode),
    SourceKey("networks[]", "networking", "the services of an environment share a network", convert=_network),
    SourceKey(
        "networks.*",
        "networking",
        "the services of an environment share a network",
        convert=_network,
        table=Table(
            TITLE,
            SourceKey("aliases[]", "networking.serviceConnect", "variables with the names lead to it", convert=_alias),
            *_needless("interface_name ipv4_address ipv6_address link_local_ips mac_address", "AWS chooses addresses"),
            *_needless("driver_opts priority gw_priority", "there is one network"),
        ),
        enter=_network_entry,
    ),
    SourceKey("ports[]", "port", convert=_port, table=_PORT, enter=_port_entry),
    SourceKey("expose[]", "port", convert=_expose),
    SourceKey("volumes[]", "volumes .dependencies", convert=_mount, table=_MOUNTED, enter=_mount_entry),
    SourceKey("volumes_from[]", note=_SHARED),
    SourceKey(
        "labels",
        ".metadata.tags",
        "for Traefik: rules of the load balancer",
        convert=must_be_pairs,
        table=Table(TITLE, SourceKey("*", "networking.loadBalancer", "those of Traefik become rules")),
        enter=_label,
    ),
    SourceKey("deploy.labels", table=Table(TITLE, SourceKey("*", needless=True, note=_SWARM)), enter=_label),
    *_needless("label_file annotations", "labels are for tools on the Docker host"),
    SourceKey("restart", "resources.desiredCount", convert=_restart),
    SourceKey("scale", "resources.desiredCount", convert=_count),
    SourceKey("deploy.replicas", "resources.desiredCount", convert=_count),
    SourceKey("cpus", "resources.cpu", convert=_size("resources.cpu", _CPUS, cpu_units)),
    SourceKey("cpu_count", "resources.cpu", convert=_size("resources.cpu", _CPUS, cpu_units)),
    SourceKey("mem_limit", "resources.memory", convert=_size("resources.memory", _MEMORY, mebibytes)),
    SourceKey("mem_reservation", "resources.memory", convert=_size("resources.memory", _MEMORY, mebibytes)),
    *(
        SourceKey(f"deploy.resources.{kind}.{name}", f"resources.{to}", convert=_size(f"resources.{to}", paths, read))
        for kind in ("limits", "reservations")
        for name, to, paths, read in (("cpus", "cpu", _CPUS, cpu_units), ("memory", "memory", _MEMORY, mebibytes))
    ),
    SourceKey("deploy.resources.limits.pids", note="use `ulimits` with nproc"),
    *_needless("pids_limit", "use `ulimits` with nproc"),
    SourceKey("deploy.resources.reservations.generic_resources[].discrete_resource_spec.kind", note=_GPU),
    SourceKey("deploy.resources.reservations.generic_resources[].discrete_resource_spec.value", note=_GPU),
    *(SourceKey(f"deploy.resources.reservations.devices[].{name}", note=_GPU, whole=True) for name in _DEVICES),
    SourceKey("gpus", note=_GPU),
    *(SourceKey(f"gpus[].{name}", note=_GPU, whole=True) for name in _DEVICES),
    SourceKey("deploy.mode", needless=True, note=_SWARM),
    SourceKey("deploy.endpoint_mode", needless=True, note=_SWARM),
    SourceKey("deploy.restart_policy.condition", "resources.desiredCount", convert=_restart),
    *_needless("deploy.restart_policy.delay deploy.restart_policy.max_attempts deploy.restart_policy.window", _DECIDES),
    *_needless("deploy.update_config.parallelism deploy.update_config.delay deploy.update_config.monitor", _DECIDES),
    SourceKey("deploy.update_config.failure_action", "deployment.circuitBreaker", convert=_failure),
    SourceKey("deploy.update_config.max_failure_ratio", needless=True, note=_DECIDES),
    SourceKey("deploy.update_config.order", "deployment", convert=_order),
    *_needless(
        "deploy.rollback_config.parallelism deploy.rollback_config.delay deploy.rollback_config.failure_action",
        _DECIDES,
    ),
    *_needless(
        "deploy.rollback_config.monitor deploy.rollback_config.max_failure_ratio deploy.rollback_config.order", _DECIDES
    ),
    *_needless("deploy.placement.constraints deploy.placement.max_replicas_per_node", _SWARM),
    SourceKey("deploy.placement.preferences[].spread", needless=True, note=_SWARM),
    SourceKey("logging.driver", "observability.logs", convert=_log_driver),
    SourceKey(
        "logging.options",
        needless=True,
        whole=True,
        note="CloudWatch Logs keeps them for `observability.logs.retention` days",
    ),
    *_lost("configs", "a task does not get files from Compose: COPY them into the image, or read them from S3"),
    *_lost("privileged devices device_cgroup_rules security_opt sysctls group_add use_api_socket", _DOCKER),
    *_lost("ipc pid userns_mode uts cgroup", _SHARED),
    *_lost("extra_hosts dns dns_opt dns_search", "tasks use the DNS of their network: write addresses as variables"),
    *_lost("credential_spec.config credential_spec.file credential_spec.registry", "fsdcf runs Linux containers"),
    *_lost("post_start pre_stop", "let the program, or its entry point, do it at its start and after SIGTERM"),
    *_lost("stop_signal", "ECS sends the STOPSIGNAL of the image: write it into the Dockerfile"),
    *_lost("models.*.endpoint_var models", "fsdcf runs no models: use Amazon Bedrock, or the address of another API"),
    *_lost("provider.type provider.options", "fsdcf does not start it: write its address as a variable"),
    *_lost("storage_opt", "set `resources.ephemeralStorage`"),
    *_lost("runtime isolation", _DOCKER),
    *_needless("attach stdin_open tty", "it is for a terminal; `fsdcf exec` opens one"),
    *_needless("develop", _DEVELOPMENT),
    *_needless("pull_policy pull_refresh_after", "ECS pulls the image whenever it starts a task"),
    *_needless(
        "cpu_shares cpu_percent cpu_quota cpu_period cpu_rt_period cpu_rt_runtime cpuset",
        "`resources.cpu` is the size of the task",
    ),
    *_needless(
        "mem_swappiness memswap_limit oom_kill_disable oom_score_adj",
        "Fargate has no swap, and ends a task without memory",
    ),
    *_needless("blkio_config mac_address cgroup_parent", _HOST),
    *_needless("net log_driver log_opt volume_driver", "it is of the first version of Compose"),
    SourceKey("dockerfile", "build.dockerfile", convert=put_dockerfile),
    SourceKey("x-aws-pull_credentials", "imageCredentials", convert=_credentials),
    SourceKey("x-aws-policies[]", "taskRole.managedPolicies", convert=_policies),
    SourceKey("x-aws-role", "taskRole.statements", convert=_role, whole=True),
    SourceKey(
        "x-aws-min_percent",
        "deployment.minimumHealthyPercent",
        convert=put_number("deployment.minimumHealthyPercent", 0, 100),
    ),
    SourceKey(
        "x-aws-max_percent", "deployment.maximumPercent", convert=put_number("deployment.maximumPercent", 100, 200)
    ),
    SourceKey(
        "x-aws-logs_retention",
        "observability.logs.retention",
        convert=lambda value, block: block.put("observability.logs.retention", value.number),
    ),
    SourceKey(
        "deploy.x-aws-autoscaling.min", "autoScaling.minCount", convert=put_number("autoScaling.minCount", 0, 5000)
    ),
    SourceKey(
        "deploy.x-aws-autoscaling.max", "autoScaling.maxCount", convert=put_number("autoScaling.maxCount", 1, 5000)
    ),
    SourceKey(
        "deploy.x-aws-autoscaling.cpu", "autoScaling.targetCPU", convert=put_number("autoScaling.targetCPU", 1, 100)
    ),
    SourceKey(
        "deploy.x-aws-autoscaling.memory",
        "autoScaling.targetMemory",
        convert=put_number("autoScaling.targetMemory", 1, 100),
    ),
    SourceKey("x-aws-autoscaling.min", "autoScaling.minCount", convert=put_number("autoScaling.minCount", 0, 5000)),
    SourceKey("x-aws-autoscaling.max", "autoScaling.maxCount", convert=put_number("autoScaling.maxCount", 1, 5000)),
    SourceKey("x-aws-autoscaling.cpu", "autoScaling.targetCPU", convert=put_number("autoScaling.targetCPU", 1, 100)),
    SourceKey(
        "x-aws-autoscaling.memory", "autoScaling.targetMemory", convert=put_number("autoScaling.targetMemory", 1, 100)
    ),
)

_STEP_PATHS = frozenset(each.path for each in CONTAINER) - {"platform"}
STEP_KEYS = Table(
    TITLE,
    *(each for each in CONTAINER if each.path in _STEP_PATHS),
    *(
        SourceKey(each.path, needless=True, note="the container ends before the service starts", whole=True)
        for each in SERVICE_KEYS.keys
        if each.path not in _STEP_PATHS
    ),
)
"""The keys of a service that ends before another one starts, which becomes a sidecar of the other one."""


def finish(block: Block) -> None:
    """Make the values of a service fit each other, once all of them are in its spec."""
    resources = block.get("resources") or {}
    if block.get("autoScaling") is not None:
        resources.pop("desiredCount", None)
        if not resources:
            block.data.pop("resources", None)
    elif any(each["type"] == "sqlite_database" for each in block.draft.data.get("dependencies", ())):
        resources["desiredCount"] = min(1, resources["desiredCount"])
    check = block.get("healthCheck.container")
    if isinstance(check, dict) and check.get("timeout", 5) >= check.get("interval", 30):
        check["timeout"] = check.get("interval", 30) - 1
    scratch = sum(each["size"] for each in block.get("tmpfs") or ())
    if scratch:
        cpu, memory = block.get("resources.cpu"), block.get("resources.memory") or 512
        if memory < scratch + 256:
            units, size = fargate_size(cpu, scratch + memory)
            block.put("resources.cpu", units)
            block.put("resources.memory", size, "With room for the files in memory.")

"""A task definition: the table of its keys, and what becomes of its containers, volumes, roles and sizes.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from fsdcf.cloudformation.registries import parts_of_image
from fsdcf.importers.container import put_capability, put_credentials, put_limit, put_version, without_tag
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.ecs.texts import (
    account_text,
    ecr_repository,
    has_template,
    is_open,
    placeholder,
    rendered,
    rendered_text,
    variable_name,
    variable_text,
)
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, Treatment, UnfitError, carried, changed, formal, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import (
    literal,
    put_number,
    put_secret,
    put_size,
    put_tag,
    put_true,
    put_variable,
    secret_source,
    store,
)
from fsdcf.language.model import JOB, SERVICE
from fsdcf.language.model.container import CONDITIONS, MAIN, MOUNT_PATH, ROUTER
from fsdcf.language.rules.container import REPOSITORY
from fsdcf.masking import contains_secret, mask_value

TITLE = "an ECS task definition"

_HELPERS = (
    *("xray", "otel", "adot", "fluent", "firelens", "log-router", "log_router", "envoy", "datadog", "newrelic"),
    *("cloudwatch-agent", "appmesh", "vector", "promtail", "splunk", "sysdig", "dynatrace", "instana"),
)
"""Words in the names and images of containers that serve another one."""

_FAST_CGI = 9000
"""The port of PHP-FPM, which a web server beside it calls, and a load balancer cannot."""

_FARGATE = "Fargate does not have it"
_EXAMPLE_ROLE = "arn:aws:iam::123456789012:role/example"
_EXAMPLE_IMAGE = "public.ecr.aws/nginx/nginx:1.29"
_CONSOLE_ROLE = "ecsTaskExecutionRole"
"""The execution role that the console makes in an account, with the permissions to pull images and write logs.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"""


@dataclass(eq=False, repr=False)
class Task:
    """A task definition: its containers, which of them is the service's own, and the names that they have in the spec.

    ``entry`` is the container that the requests go to, ``port`` its port mapping, ``router`` the one of FireLens.
    ``volumes`` are the names of the volumes in the spec. ``size_note`` is what is different about the size.
    """

    root: SourceValue
    containers: Sequence[SourceValue]
    main: int = 0
    entry: int = 0
    ports: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    router: int | None = None
    mounted: dict[str, str] = field(default_factory=dict)
    main_paths: dict[str, str] = field(default_factory=dict)
    size_note: str = ""
    cpu: int = 256
    memory: int = 512
    taken_cpu: int = 0
    taken_memory: int = 0

    def index(self, name: str) -> int | None:
        """The container of a name; None if there is none."""
        return next((at for at, each in enumerate(self.containers) if _name(each) == name), None)


@dataclass(eq=False, repr=False)
class TaskDraft(Draft):
    """The spec of a task definition."""

    task: Task = field(kw_only=True)

    @property
    def is_worker(self) -> bool:
        """Whether it is a service without a port."""
        return self.kind is SERVICE and not self.task.ports


def task_in(block: Block) -> Task:
    return cast(TaskDraft, block.draft).task


def _is_main(block: Block) -> bool:
    return len(block.at) == 1


def text_at(value: SourceValue, path: str) -> str:
    """The text at a path below a value; empty if there is none."""
    found = value.get(path)
    return found.data if found is not None and isinstance(found.data, str) else ""


def _name(container: SourceValue) -> str:
    return text_at(container, "name")


def _items(value: SourceValue, path: str) -> Iterator[SourceValue]:
    """The maps in a list at a path below a value."""
    found = value.get(path)
    if found is not None and isinstance(found.data, list):
        yield from (each for _, each in found.children() if isinstance(each.data, dict))


def whole_number(value: SourceValue | None) -> int | None:
    """The number of a value; None if it is none."""
    try:
        return value.number if value is not None else None
    except UnfitError:
        return None


def _is_set(value: SourceValue, path: str) -> bool:
    found = value.get(path)
    return found is not None and found.data not in (False, "false", "False")


# The containers together


def task_of(root: SourceValue, wanted: Sequence[str] = (), entry: str = "", entry_port: int | None = None) -> Task:
    """Read a task definition. ``wanted`` are names of the container whose image is deployed, ``entry`` is that of the
    one behind the load balancer, at its port ``entry_port``."""
    listed = root.get("containerDefinitions")
    containers = [each for _, each in listed.children()] if listed is not None and isinstance(listed.data, list) else []
    task = Task(root, containers)
    for at, container in enumerate(containers):
        ports = [port for port in map(_port, _items(container, "portMappings")) if port]
        if ports:
            task.ports[at] = entry_port if entry_port in ports and _name(container) == entry else ports[0]
        if container.get("firelensConfiguration") is not None:
            task.router = at
    task.main = task.entry = _main(task, [*wanted, entry])
    behind = task.index(entry) if entry else None
    if behind is not None and behind in task.ports and task.main in task.ports:
        task.entry = behind
    return task


def _port(mapping: SourceValue) -> int | None:
    port = whole_number(mapping.get("containerPort"))
    return port if port and 0 < port < 65536 and text_at(mapping, "protocol") in ("", "tcp") else None


def _main(task: Task, wanted: Sequence[str]) -> int:
    """The container of the service: a wanted one, one with a port, an essential one, the first."""
    named = [at for at in map(task.index, filter(None, wanted)) if at is not None]
    if named:
        return next((at for at in named if at in task.ports), named[0])

    def rank(at: int) -> tuple[bool, bool, bool, bool, int]:
        container = task.containers[at]
        words = f"{_name(container)} {text_at(container, 'image')}".lower()
        helps = at == task.router or any(word in words for word in _HELPERS)
        optional = container.get("essential") is not None and not _is_set(container, "essential")
        helps = helps or (task.ports.get(at) == _FAST_CGI and re.search(r"php|fpm", words) is not None)
        return helps, at not in task.ports, optional, _name(container) != text_at(task.root, "family"), at

    return min(range(len(task.containers)), key=rank, default=0)


def prepare(draft: TaskDraft) -> None:
    """Put what the containers of a task have together into a draft: names, the size, and the volumes."""
    task = draft.task
    taken = {draft.name, MAIN, ROUTER, "otel-collector"}
    for at, container in enumerate(task.containers):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", _name(container))[:200].strip("-") or f"container-{at + 1}"
        if at == task.main:
            name = MAIN
        elif name in taken or name.startswith(("ecs-service-connect-", "aws-guardduty-agent-")):
            name = f"container-{at + 1}-{name}"
        task.names[at] = name
        taken.add(name)
    _put_task_size(draft)
    _put_volumes(draft)


def _put_task_size(draft: TaskDraft) -> None:
    task = draft.task
    cpu, memory = _amount(task.root.get("cpu"), _CPU), _amount(task.root.get("memory"), _MEMORY)
    summed = not cpu and not memory
    if summed:
        cpu = sum(_amount(each.get("cpu"), _CPU) or 0 for each in task.containers)
        sizes = [(each.get("memory"), each.get("memoryReservation")) for each in task.containers]
        memory = sum(max(_amount(limit, _MEMORY) or 0, _amount(least, _MEMORY) or 0) for limit, least in sizes)
    task.size_note = put_size(draft.block, cpu or None, memory or None)
    task.cpu, task.memory = draft.block.get("resources.cpu") or 256, draft.block.get("resources.memory") or 512


_CPU = {"": 1, "vcpu": 1024, "vcpus": 1024, "cpu": 1024}
_MEMORY = {"": 1, "mib": 1, "mb": 1, "m": 1, "gb": 1024, "gib": 1024, "g": 1024}


def _amount(value: SourceValue | None, units: Mapping[str, int]) -> float | None:
    """An amount such as ``512``, ``1 vCPU`` or ``2 GB``, in CPU units or MiB; None for none or another value."""
    if value is None or isinstance(value.data, (dict, list)):
        return None
    found = re.fullmatch(r"\s*([0-9]{1,9}|[0-9]{0,6}\.[0-9]{1,6})\s*([a-z]{0,5})\s*", value.text.lower())
    if found is None or found[2] not in units:
        return None
    amount = float(found[1]) * units[found[2]]
    return int(amount) if amount.is_integer() else amount


def _put_volumes(draft: TaskDraft) -> None:
    task = draft.task
    for at, container in enumerate(task.containers):
        for mount in _items(container, "mountPoints"):
            name, path = text_at(mount, "sourceVolume"), text_at(mount, "containerPath")
            if at == task.main:
                task.main_paths.setdefault(name, path)
    used = {
        text_at(mount, "sourceVolume")
        for at, each in enumerate(task.containers)
        if at != task.router
        for mount in _items(each, "mountPoints")
    }
    for volume in _items(task.root, "volumes"):
        name = text_at(volume, "name")
        if name in used and name not in task.mounted:
            task.mounted[name] = _put_volume(draft, volume, re.sub(r"[^A-Za-z0-9_-]+", "-", name))


def _put_volume(draft: TaskDraft, volume: SourceValue, name: str) -> str:
    """Put a volume, and return its name in the spec: it is one of the task, or an existing file system."""
    name = name[:200]
    path = draft.task.main_paths.get(text_at(volume, "name")) or ""
    if not re.fullmatch(MOUNT_PATH, path) or len(path) > 4096:
        path = f"/mnt/{name}"
    system = account_text(text_at(volume, "efsVolumeConfiguration.fileSystemId"))
    if _file_system(volume) and not re.fullmatch(r"fs-[0-9a-f]{8}(?:[0-9a-f]{9})?", system):
        system = ""
    point = text_at(volume, "efsVolumeConfiguration.authorizationConfig.accessPointId")
    if system and re.fullmatch(r"fsap-[0-9a-f]{8,40}", point):
        dependency = draft.dependency("aws_efs_file_system", system)
        dependency.put("unmanaged", {"permissions": "readWrite", "accessPointId": point})
        dependency.put("mountPoint", path)
        return system
    entry: dict[str, Any] = {"name": name, "mountPath": path}
    if system:
        entry["efs"] = {"fileSystemId": system}
        directory = text_at(volume, "efsVolumeConfiguration.rootDirectory")
        if directory.startswith("/") and directory != "/":
            entry["efs"]["rootDirectory"] = directory
    draft.block.add("volumes", entry)
    return name


def _file_system(volume: SourceValue) -> bool:
    return volume.get("efsVolumeConfiguration") is not None


def finish(draft: TaskDraft, service: SourceValue | None) -> None:
    """Put what follows from the whole of a task definition, and its service definition, into a draft."""
    task = draft.task
    if draft.is_worker and service is None:
        draft.about += _WORKER
    if not task.containers or draft.block.get("port") is None:
        return
    if service is not None and service.get("loadBalancers") is None:
        draft.block.put("networking.loadBalancer", False)
        return
    ways = (_checked_path(task.containers[at], task.ports[at]) for at in (task.entry, task.main))
    path = next(filter(None, ways), "")
    comment = (
        "The task definition does not have the path of the health check: replace / if it does not answer with 200."
    )
    draft.block.put("healthCheck.path", path or "/", "" if path else comment)


_WORKER = (
    "Without a port and a service definition, this is a worker, which runs all the time. For a task that a schedule or",
    "`fsdcf run` starts, and that ends, write `kind: Job`, and `job` with its `schedule` in place of `service`.",
)
_URL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d{1,5}))?(/[\w./~-]{0,200})?")


def _checked_path(container: SourceValue, port: int) -> str:
    """The path that the container's own health check requests at a port; empty if it requests none."""
    words = " ".join(check_command(container) or ())[:2000]
    return next((path or "/" for at, path in _URL.findall(words) if int(at or 80) == port), "")


# Plain values


def _put_text(to: str) -> Convert:
    """A conversion that puts a text with its templates replaced."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        block.put_valid(to, rendered(value, block))
        return None

    return convert


def _put_words(to: str) -> Convert:
    """A conversion that puts a list of words, unless there is a secret in it."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        words = [value.text] if isinstance(value.data, str) else value.words
        refuse_secrets(words, "pass it as a variable of `secrets`")
        block.put_valid(to, [rendered_text(word, block) for word in words])
        return None

    return convert


def refuse_secrets(data: Any, way: str, name: str = "") -> None:
    """Raise UnfitError if there is what looks like a secret in a value."""
    if mask_value(data, name) != data:
        raise UnfitError(f"has what looks like a secret, which a spec must not contain: {way}")


def _unless_false(reason: str) -> Convert:
    """A conversion of a flag that only has an effect if it is true, which Fargate cannot do."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        return not_carried(reason) if value.flag else formal("Fargate has no other value")

    return convert


# The task


def _put_role(key: str) -> Convert:
    """A conversion of a role by its ARN or name. The stack makes its own in place of the console's execution role."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        try:
            text = rendered(value, block, _EXAMPLE_ROLE) if has_template(value.text) else account_text(value.text)
        except UnfitError:
            text = ""
        if re.fullmatch(r"[\w+=,.@-]{1,64}", text):
            text = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{text}"
        if key == "executionRole" and text.rpartition("/")[2].lower() == _CONSOLE_ROLE.lower():
            return changed("the stack makes one, which may pull the image, write the logs and read the secrets", key)
        if is_open(re.sub(r"\$\{[^{}]*\}", "x", text)):
            if key == "executionRole":
                return changed("its ARN is a placeholder: the stack makes one with the permissions it needs", key)
            return not_carried(
                "its ARN is a placeholder: name the role in `taskRole.arn`, or its permissions in `taskRole.statements`"
            )
        block.put_valid(f"{key}.arn", text)
        return carried(f"{key}.arn")

    return convert


def _family(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text == block.draft.name:
        return carried(".metadata.name")
    return changed("the family of the stack is the name of the service and the environment", ".metadata.name")


_ADDRESS = "every task on Fargate has its own address, which its containers share"


def _network_mode(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text == "awsvpc":
        return formal("Fargate has no other mode")
    return changed(_ADDRESS, "networking")


def _compatibility(value: SourceValue, block: Block) -> KeyOutcome | None:
    reason = "the tasks run on Fargate"
    return formal(reason) if value.text == "FARGATE" else changed(reason, "resources")


def _task_size(value: SourceValue, block: Block) -> KeyOutcome | None:
    units = _CPU if value.name == "cpu" else _MEMORY
    to = f"resources.{value.name}"
    if _amount(value, units) == 0:
        return changed("zero reserves nothing, and a task on Fargate has a size: the smallest that fits", to)
    if not _amount(value, units):
        raise UnfitError("must be an amount such as 512 or 1 vCPU" if units is _CPU else "must be one such as 2 GB")
    return changed(task_in(block).size_note, to) if task_in(block).size_note else carried(to)


def _architecture(value: SourceValue, block: Block) -> KeyOutcome | None:
    known = {"X86_64": "x86_64", "ARM64": "arm64"}
    if value.text.upper() not in known:
        raise UnfitError("must be X86_64 or ARM64")
    if known[value.text.upper()] != "x86_64":
        block.put("resources.architecture", "arm64")
    return None


def _system(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.upper() == "LINUX":
        return formal("the containers are Linux containers")
    return not_carried("fsdcf deploys Linux containers: build the image for Linux")


def _disk(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.number == 20:
        return formal("20 GiB are the default")
    block.put_valid("resources.ephemeralStorage", value.number)
    return carried("resources.ephemeralStorage")


def enter_tag(value: SourceValue, block: Block) -> Block | None:
    """Put a tag, a map of `key` and `value`, at the tags of the spec. Raises UnfitError."""
    name, text = value.get("key"), value.get("value")
    if name is None:
        raise UnfitError("must have a `key` and a `value`")
    note(value, block, put_tag(name.text, rendered(text, block) if text is not None else "", block))
    return None


TAG = Table(TITLE, SourceKey("key", ".metadata.tags"), SourceKey("value", ".metadata.tags"))


def _volume(value: SourceValue, block: Block) -> Block | None:
    name = text_at(value, "name")
    if name not in task_in(block).mounted:
        note(value, block, changed("no container mounts it, so that the spec needs none", "volumes"))
        return None
    return block


def _volume_name(value: SourceValue, block: Block) -> KeyOutcome | None:
    return carried("volumes")


_EMPTY = "the volume is an empty one, which is lost with the task; a dependency aws_efs_file_system keeps data"


def _host_path(value: SourceValue, block: Block) -> KeyOutcome | None:
    return not_carried(f"Fargate has no host to mount from: {_EMPTY}")


def _docker_volume(value: SourceValue, block: Block) -> KeyOutcome | None:
    driver, scope = text_at(value, "driver") or "local", text_at(value, "scope") or "task"
    if (driver, scope) == ("local", "task"):
        return changed("the volume is one of the task", "volumes")
    return not_carried(f"Fargate has no Docker volumes: {_EMPTY}")


def _efs(value: SourceValue, block: Block) -> KeyOutcome | None:
    if re.fullmatch(r"fs-[0-9a-f]{8}(?:[0-9a-f]{9})?", value.text):
        return carried("volumes")
    return not_carried(f"it is not the id of a file system: {_EMPTY}; write `efs: {{fileSystemId: fs-…}}`")


def _access_point(value: SourceValue, block: Block) -> KeyOutcome | None:
    if block.draft.data.get("dependencies"):
        return carried(".dependencies")
    return not_carried("it is not the id of an access point: write it to an aws_efs_file_system with `unmanaged`")


def _root_directory(value: SourceValue, block: Block) -> KeyOutcome | None:
    point = value.source.root_at(value.path[:-1]).get("authorizationConfig.accessPointId")
    if value.text not in ("/", "") and point is not None:
        return not_carried("the access point has the directory")
    return carried("volumes")


def _in_transit(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.text == "ENABLED" else changed("connections to file systems are encrypted", "volumes")


_DRIVER_KEYS = ("scope", "autoprovision", "driver", "driverOpts", "labels")
_DOCKER = [SourceKey(f"dockerVolumeConfiguration.{name}") for name in _DRIVER_KEYS]
_NO_EBS = f"a spec has no volumes of EBS, which are lost with their tasks, too: {_EMPTY}"

VOLUME = Table(
    TITLE,
    SourceKey("name", "volumes", convert=_volume_name),
    SourceKey("host.sourcePath", convert=_host_path),
    SourceKey("dockerVolumeConfiguration", "volumes", convert=_docker_volume, whole=True),
    *_DOCKER,
    SourceKey("efsVolumeConfiguration.fileSystemId", "volumes", convert=_efs),
    SourceKey("efsVolumeConfiguration.rootDirectory", "volumes", convert=_root_directory),
    SourceKey("efsVolumeConfiguration.transitEncryption", "volumes", convert=_in_transit, form=True),
    SourceKey("efsVolumeConfiguration.transitEncryptionPort", note="ECS chooses the port", form=True),
    SourceKey("efsVolumeConfiguration.authorizationConfig.accessPointId", "dependencies", convert=_access_point),
    SourceKey("efsVolumeConfiguration.authorizationConfig.iam", note="tasks always use the task role", form=True),
    *(
        SourceKey(f"s3filesVolumeConfiguration.{name}", note=f"a spec has no file systems of S3: {_EMPTY}")
        for name in ("fileSystemArn", "rootDirectory", "transitEncryptionPort", "accessPointArn")
    ),
    *(
        SourceKey(f"fsxWindowsFileServerVolumeConfiguration.{name}", note="it is for Windows on EC2: use EFS")
        for name in (
            *("fileSystemId", "rootDirectory", "authorizationConfig.credentialsParameter"),
            "authorizationConfig.domain",
        )
    ),
    SourceKey("configuredAtLaunch", convert=_unless_false(_NO_EBS)),
)


# A container


def _container(value: SourceValue, block: Block) -> Block | None:
    if not isinstance(value.data, dict):
        raise UnfitError("must be a map")
    task, at = task_in(block), int(value.path[-1])
    if at == task.main:
        return block
    if at == task.router and not _routes(task):
        note(value, block, not_carried("the container of the service does not log by FireLens to an output"))
        return None
    if at == task.router:
        ROUTER_KEYS.convert(value, block.below("observability", "logs", "router"))
        return None
    sidecar = block.add("sidecars", {"name": task.names[at]})
    if value.get("image") is None:
        note(value, sidecar, _open_image(_name(value), sidecar))
    return sidecar


def _container_name(value: SourceValue, block: Block) -> KeyOutcome | None:
    if _is_main(block):
        same = value.text == block.draft.name
        return (
            carried(".metadata.name")
            if same
            else changed("the container of the service has its name", ".metadata.name")
        )
    if block.get("name") == value.text:
        return carried("name")
    return changed("the name is taken, or not possible in a spec", "name")


def _repository(text: str) -> tuple[str, str]:
    """The repository of an image, and its tag or digest; templates and placeholders stay in them."""
    repository, tag, digest = parts_of_image(re.sub(r"\{\{[^{}]*\}\}", "<template>", text.strip()))
    return ecr_repository(repository), digest or tag


def _plain_repository(repository: str) -> bool:
    bare = repository.replace("${AWS::AccountId}", "123456789012").replace("${AWS::Region}", "us-east-1")
    return REPOSITORY.fullmatch(bare) is not None


def _image(value: SourceValue, block: Block) -> KeyOutcome | None:
    repository, tag = _repository(value.text)
    if _is_main(block):
        return _main_image(repository, tag, block)
    main = task_in(block).containers[task_in(block).main]
    if _repository(text_at(main, "image")) == (repository, tag) and not is_open(repository.replace("${AWS::", "")):
        return changed("the container has the image of the service, without a key of its own", "image")
    if not _plain_repository(repository):
        return _open_image(_name_of(value), block)
    if tag and is_open(tag):
        name = variable_name(f"{_name_of(value)}_TAG")
        block.put("image", f"{repository}:{placeholder(block, name, '1')}")
        return changed(f"the tag is a placeholder: `--var {name}=TAG` names it", "image")
    return put_version(f"{repository}{'@' if ':' in tag else ':' if tag else ''}{tag}", block)


def _open_image(container: str, block: Block) -> KeyOutcome:
    """Let a variable name the image of a sidecar that the source leaves open."""
    name = variable_name(f"{container}_IMAGE")
    block.put("image", placeholder(block, name, _EXAMPLE_IMAGE))
    return changed(f"the image is left open: `--var {name}=REPOSITORY:TAG` names it", "image")


def _main_image(repository: str, tag: str, block: Block) -> KeyOutcome:
    if not _plain_repository(repository):
        way = f"without `image`, it is in the ECR repository `{block.draft.name}`"
        return changed(f"a placeholder, which a pipeline replaces: {way}", "image")
    block.put("image", repository)
    return without_tag("" if is_open(tag) else tag)


def _name_of(value: SourceValue) -> str:
    """The name of the container that a value directly below it belongs to."""
    return _name(value.source.root_at(value.path[:-1]))


def _registry_secret(value: SourceValue, block: Block) -> KeyOutcome | None:
    container = value.source.root_at(value.path[:-2])
    source = account_text(rendered(value, block))
    return put_credentials(text_at(container, "image"), source, block)


def _amount_of(units: Mapping[str, int]) -> Convert:
    """A conversion of the CPU units or MiB of a container."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        amount, task = _amount(value, units), task_in(block)
        if amount is None:
            raise UnfitError("must be a number")
        if amount == 0:
            return formal("0 reserves nothing")
        to = "resources.cpu" if units is _CPU else "resources.memory"
        if _is_main(block):
            if amount == (task.cpu if units is _CPU else task.memory):
                return carried(to)
            if task.root.get(value.name if units is _CPU else "memory") is None:
                return changed("the task has a size: the sum of its containers, or the next larger one", to)
            return changed("the container has what the sidecars leave of the task", to)
        return _put_share(value.name, int(amount), block)

    return convert


def _put_share(key: str, amount: int, block: Block) -> KeyOutcome:
    """Put what is reserved for a sidecar, which leaves some for the container of the service."""
    task = task_in(block)
    if key == "cpu":
        if task.taken_cpu + amount >= task.cpu:
            return not_carried("nothing would be left for the container of the service: raise `resources.cpu`")
        task.taken_cpu += amount
    else:
        limit, reserved = block.get("memory"), block.get("memoryReservation")
        if key == "memoryReservation" and limit is not None and limit <= amount:
            return changed("the limit is as high, so that it is the reservation, too", "memory")
        if key == "memory" and reserved is not None and amount <= reserved:
            return changed("the reservation is as high, and a limit must be above it", "memoryReservation")
        counts = amount - (limit or reserved or 0) if key == "memoryReservation" else 0 if reserved else amount
        if task.taken_memory + counts >= task.memory or (key == "memory" and amount > task.memory):
            return not_carried("nothing would be left for the container of the service: raise `resources.memory`")
        task.taken_memory += counts
    block.put_valid(key, amount)
    return carried(key)


def _mapping(value: SourceValue, block: Block) -> Block | None:
    if block.draft.kind is JOB:
        note(value, block, changed("nothing sends requests to a job"))
        return None
    task, at = task_in(block), next(int(step) for step in value.path if isinstance(step, int))
    port = whole_number(value.get("containerPort"))
    taken = [block.get("port"), *(each.get("port") for each in block.draft.block.get("sidecars") or ())]
    if port is None or port != task.ports.get(at) or port in taken:
        if port is None and value.get("containerPortRange") is None:
            outcome = not_carried("it has no number in `containerPort`: write `port`")
        elif port in taken:
            outcome = not_carried("the containers of a task share one address, and another one has the port")
        elif _is_main(block):
            outcome = not_carried("a container has one TCP port: further ones are for the containers of the task alone")
        else:
            outcome = changed("the containers of a task reach it at localhost without a mapping", "name")
        note(value, block, outcome)
        return None
    return block


def _host_port(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.number in (0, block.get("port")):
        return carried("port")
    return changed("a task has an address of its own: the port is that of the container", "port")


def _essential(value: SourceValue, block: Block) -> KeyOutcome | None:
    if _is_main(block):
        reason = "the container of the service is essential"
        return formal(reason) if value.flag else changed(reason, "image")
    if not value.flag:
        block.put("essential", False)
    return None


def _variable(value: SourceValue, block: Block) -> Block | None:
    name, text = value.get("name"), value.get("value")
    if name is None:
        raise UnfitError("must have a `name` and a `value`")
    own = _own_variables(value)
    content = variable_text(text, block, own) if text is not None else ""
    if any(entry["name"] == name.text for entry in block.get("secrets") or ()):
        note(value, block, not_carried("it is in `secrets`, too, which ECS rejects"))
    else:
        outcome = put_variable(block, name.text, content)
        if outcome.treatment is Treatment.CARRIED and _LEFT_OPEN.search(content):
            outcome = changed("it looks like a placeholder that a pipeline replaces: write the value", outcome.to)
        note(value, block, outcome)
    return None


_LEFT_OPEN = re.compile(r"<[A-Z][A-Z0-9_-]*>|\b(?:REPLACE|YOUR|CHANGE)_[A-Z]|^\$[A-Z]")


def _own_variables(value: SourceValue) -> frozenset[str]:
    """The names of the variables of the container that a variable belongs to."""
    container = value.source.root_at(value.path[:-2])
    entries = [*_items(container, "environment"), *_items(container, "secrets")]
    return frozenset(map(_name, entries))


def _secret(value: SourceValue, block: Block) -> Block | None:
    name, source = value.get("name"), value.get("valueFrom")
    if name is None or source is None:
        raise UnfitError("must have a `name` and a `valueFrom`")
    block.below("secrets", 0).check("name", name.text)
    if name.text in (block.get("environment") or ()):
        note(value, block, not_carried("it is in `environment`, too, which ECS rejects"))
        return None
    text = rendered(source, block, "/example") if has_template(source.text) else account_text(source.text)
    if is_open(re.sub(r"\$\{(?:AWS::|ssm:)[^{}]*\}", "", text)) and not has_template(source.text):
        place = store(block, name.text)
        way = "its source is a placeholder: name it in `valueFrom`, or store the value with `fsdcf secret set`"
        note(value, block, changed(way, place))
        return None
    put_at = text if text.startswith(("${", "secretsmanager:")) or "${AWS::" in text else secret_source(text)
    block.below("secrets", 0).check("valueFrom", put_at)
    put_secret(block, name.text, put_at)
    note(value, block, carried("secrets"))
    return None


def _variables_file(value: SourceValue, block: Block) -> KeyOutcome | None:
    text = account_text(rendered(value, block))
    block.check("environmentFiles", [text])
    block.add("environmentFiles", text)
    return None


def _mount(value: SourceValue, block: Block) -> Block | None:
    name, path = value.get("sourceVolume"), value.get("containerPath")
    if name is None or path is None:
        raise UnfitError("must have a `sourceVolume` and a `containerPath`")
    note(value, block, _put_mount(block, name.text, path.text, _is_set(value, "readOnly")))
    return None


def _put_mount(block: Block, name: str, path: str, read_only: bool) -> KeyOutcome:
    task = task_in(block)
    volume = task.mounted.get(name)
    if volume is None:
        return not_carried(f"the task definition has no volume `{name}`")
    if _is_main(block):
        if task.main_paths.get(name) != path:
            return not_carried("the container of the service mounts a volume once")
        return _set_main_mount(block, volume, path, read_only)
    block.below("mounts", 0).check("path", path)
    block.add("mounts", {"volume": volume, "path": path} | ({"readOnly": True} if read_only else {}))
    return carried("mounts")


def _set_main_mount(block: Block, volume: str, path: str, read_only: bool) -> KeyOutcome:
    for index, each in enumerate(block.get("volumes") or ()):
        if each["name"] == volume:
            block.below("volumes", index).put_valid("mountPath", path)
            if read_only:
                block.below("volumes", index).put("readOnly", True)
            return carried("volumes")
    if read_only:
        block.draft.dependency("aws_efs_file_system", volume).put("unmanaged.permissions", "read")
    return carried(".dependencies")


def _mounts_of_other(value: SourceValue, block: Block) -> Block | None:
    task, other = task_in(block), value.get("sourceContainer")
    at = task.index(other.text) if other is not None else None
    if at is None:
        raise UnfitError("must name another container in `sourceContainer`")
    mounts = [*_items(task.containers[at], "mountPoints")]
    outcomes = []
    for mount in mounts:
        name, path = text_at(mount, "sourceVolume"), text_at(mount, "containerPath")
        if _is_main(block):
            task.main_paths[name] = path
        outcomes.append(_put_mount(block, name, path, _is_set(value, "readOnly") or _is_set(mount, "readOnly")))
    lost = next((each for each in outcomes if not each.to), None)
    if not mounts:
        lost = not_carried("the other container mounts no volume: add one that both mount")
    note(value, block, lost or changed("the same volumes are mounted", outcomes[0].to))
    return None


def _waits_for(value: SourceValue, block: Block) -> Block | None:
    task, name, condition = task_in(block), value.get("containerName"), value.get("condition")
    if name is None:
        raise UnfitError("must have a `containerName`")
    at = task.index(name.text)
    state = condition.text.upper() if condition is not None else "START"
    if at is None or state not in CONDITIONS:
        raise UnfitError("must name a container of the task, and START, COMPLETE, SUCCESS or HEALTHY")
    if at == task.router:
        note(value, block, changed("the router of FireLens starts first", "observability.logs.router"))
        return None
    other = task.containers[at]
    ends = at != task.main and other.get("essential") is not None and not _is_set(other, "essential")
    fits = check_command(other) is not None if state == "HEALTHY" else ends if state != "START" else True
    reason = "it has no health check" if state == "HEALTHY" else "it is essential, so that the task ends with it"
    block.put_at("dependsOn", task.names[at], state if fits else "START")
    note(value, block, carried("dependsOn") if fits else changed(f"{reason}: START", "dependsOn"))
    return None


def _capability(key: str) -> Convert:
    return lambda value, block: put_capability(key, value.text, block)


def _tmpfs(value: SourceValue, block: Block) -> Block | None:
    path, size = value.get("containerPath"), value.get("size")
    if path is None or size is None:
        raise UnfitError("must have a `containerPath` and a `size`")
    block.below("tmpfs", 0).check("path", path.text)
    block.below("tmpfs", 0).check("size", size.number)
    if size.number >= task_in(block).memory:
        note(value, block, not_carried("it would take all the memory of the task: raise `resources.memory`"))
        return None
    return block.add("tmpfs", {"path": path.text, "size": size.number})


def _tmpfs_option(value: SourceValue, block: Block) -> KeyOutcome | None:
    block.check("options", [value.text])
    block.add("options", value.text)
    return None


def _limit(value: SourceValue, block: Block) -> Block | None:
    name, soft, hard = value.get("name"), value.get("softLimit"), value.get("hardLimit")
    if name is None or soft is None or hard is None:
        raise UnfitError("must have a `name`, a `softLimit` and a `hardLimit`")
    note(value, block, put_limit(name.text, soft.number, hard.number, block))
    return None


# The check of a container


def check_command(container: SourceValue) -> list[str] | None:
    """The command of a container's health check; None if it has none."""
    command = container.get("healthCheck.command")
    if command is None or not isinstance(command.data, (list, str)):
        return None
    words = [command.data] if isinstance(command.data, str) else [str(each) for each in command.data]
    if len(words) == 1 and words[0].startswith(("CMD-SHELL,", "CMD,")):
        words = [each.strip() for each in words[0].split(",", 1 if words[0].startswith("CMD-") else -1)]
    if not words or words[0] == "NONE":
        return None
    if words[0] not in ("CMD", "CMD-SHELL"):
        words = ["CMD", *words] if len(words) > 1 else ["CMD-SHELL", *words]
    return words if len(words) > 1 else None


def _check(value: SourceValue, block: Block) -> Block | None:
    container = value.source.root_at(value.path[:-1])
    command = check_command(container)
    if command is None:
        note(value, block, not_carried("it has no command: write `healthCheck.container.command`"))
        return None
    refuse_secrets(command, "read it from a variable in the check")
    inner = block.below("healthCheck", "container") if _is_main(block) else block.below("healthCheck")
    inner.put("command", [rendered_text(word, block) for word in command])
    interval, timeout = whole_number(value.get("interval")), whole_number(value.get("timeout"))
    every = min(max(30 if interval is None else interval, 5), 300)
    limit = min(max(5 if timeout is None else timeout, 2), 60, every - 1)
    if interval is not None:
        inner.put("interval", every)
    if timeout is not None or limit != 5:
        inner.put("timeout", limit)
    return inner


def _check_time(value: SourceValue, block: Block) -> KeyOutcome | None:
    put = block.get(value.name)
    return (
        None if put == value.number else changed(f"the nearest number of seconds that is possible: {put}", value.name)
    )


def _check_command(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None


CHECK = Table(
    TITLE,
    SourceKey("command", "command", convert=_check_command),
    SourceKey("interval", "interval", convert=_check_time),
    SourceKey("timeout", "timeout", convert=_check_time),
    SourceKey("retries", "retries", convert=put_number("retries", 1, 10)),
    SourceKey("startPeriod", "startPeriod", convert=put_number("startPeriod", 0, 300)),
)


# Logs

_LOGS = "observability.logs"
_OWN_GROUP = "the stack has a log group of its own; the old one keeps what is in it"
_AWSLOGS: Mapping[str, KeyOutcome] = {
    "awslogs-group": changed(_OWN_GROUP, _LOGS),
    "awslogs-region": changed("the log group is in the region of the stack", _LOGS),
    "awslogs-stream-prefix": changed("each task has a stream with the name of its container", _LOGS),
    "awslogs-create-group": carried(_LOGS),
    "max-buffer-size": changed("the buffer has 25 MiB for each container", _LOGS),
}


def _driver_of(container: SourceValue) -> str:
    return text_at(container, "logConfiguration.logDriver") or "awslogs"


def _routes(task: Task) -> bool:
    """Whether the container of the service logs by FireLens, and says where to."""
    main = task.containers[task.main]
    configuration = main.get("logConfiguration")
    return configuration is not None and _driver_of(main) == "awsfirelens" and _sends(configuration, "awsfirelens")


def _main_driver(block: Block) -> str:
    task = task_in(block)
    return _driver_of(task.containers[task.main]) if task.containers else "awslogs"


def _driver(value: SourceValue, block: Block) -> KeyOutcome | None:
    name = value.text
    if name not in ("awslogs", "splunk", "awsfirelens"):
        return changed("Fargate does not have this driver: the output goes to CloudWatch Logs", f"{_LOGS}.driver")
    if not _is_main(block):
        same = name == _main_driver(block)
        reason = "every container has the driver of the service's own"
        return formal(reason) if same else changed(reason, f".{block.draft.kind.block}.{_LOGS}")
    if name != "awslogs" and _sends(value.source.root_at(value.path[:-1]), name):
        block.put(f"{_LOGS}.driver", name)
    elif name != "awslogs":
        return not_carried("its output is not in the options: write `observability.logs.options`")
    return carried(f"{_LOGS}.driver")


def _sends(configuration: SourceValue, driver: str) -> bool:
    """Whether the options of a driver say where the output goes."""
    options = {name for name, _ in (configuration.get("options") or configuration).children()}
    secret = {_name(each) for each in _items(configuration, "secretOptions")}
    return {"splunk-url", "splunk-token"} <= options | secret if driver == "splunk" else "Name" in options


def _log_option(value: SourceValue, block: Block) -> KeyOutcome | None:
    configuration = value.source.root_at(value.path[:-2])
    driver = text_at(configuration, "logDriver") or "awslogs"
    if driver not in ("awslogs", "splunk", "awsfirelens"):
        return changed("the driver is another one, which needs no options", _LOGS)
    if driver == "awslogs":
        if value.name == "mode" and _is_main(block) and value.text in ("blocking", "non-blocking"):
            block.put(f"{_LOGS}.mode", value.text)
            return carried(f"{_LOGS}.mode")
        if value.name in _AWSLOGS:
            outcome = _AWSLOGS[value.name]
            return outcome if _is_main(block) else replace(outcome, to=f".{block.draft.kind.block}.{_LOGS}")
        return not_carried("CloudWatch Logs gets each line as an event: write an event, such as JSON, in a line")
    if not _is_main(block):
        return changed("every container has the options of the service's own", f".{block.draft.kind.block}.{_LOGS}")
    if contains_secret(value.text, value.name) or value.name in ("splunk-token", "apikey", "api_key", "license_key"):
        return not_carried(
            "the value looks like a secret: name where it is stored in `observability.logs.secretOptions`"
        )
    if not _sends(configuration, driver):
        return not_carried("its output is not in the options: write `observability.logs.options`")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", value.name):
        raise UnfitError("must be named with letters, digits and _ . -")
    block.put_at(f"{_LOGS}.options", value.name, rendered(value, block))
    return carried(f"{_LOGS}.options")


def _secret_option(value: SourceValue, block: Block) -> Block | None:
    name, source = value.get("name"), value.get("valueFrom")
    if name is None or source is None:
        raise UnfitError("must have a `name` and a `valueFrom`")
    configuration = value.source.root_at(value.path[:-2])
    driver = text_at(configuration, "logDriver")
    if not _is_main(block) or driver not in ("splunk", "awsfirelens") or not _sends(configuration, driver):
        note(
            value,
            block,
            changed("every container has the options of the service's own", f".{block.draft.kind.block}.{_LOGS}"),
        )
        return None
    entry = block.below("observability", "logs", "secretOptions", 0)
    text = secret_source(account_text(rendered(source, block)))
    entry.check("name", name.text)
    entry.check("valueFrom", text)
    block.add(f"{_LOGS}.secretOptions", {"name": name.text, "valueFrom": text})
    note(value, block, carried(f"{_LOGS}.secretOptions"))
    return None


def _router_option(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.name == "enable-ecs-log-metadata":
        return (
            formal("the log router always adds them")
            if value.flag
            else not_carried("the router adds what ECS knows about the task")
        )
    if value.name == "config-file-type":
        return formal("S3 is the only type") if value.text == "s3" else None
    if value.name == "config-file-value" and value.text.startswith("arn:"):
        block.check("configuration", [value.text])
        block.add("configuration", value.text)
        return carried("configuration")
    return not_carried("put the file into S3, and name its ARN in `observability.logs.router.configuration`")


def _second_router(value: SourceValue, block: Block) -> KeyOutcome | None:
    return not_carried("a task has one router, beside the container of the service")


def _router_image(value: SourceValue, block: Block) -> KeyOutcome | None:
    if "aws-for-fluent-bit" in value.text:
        return changed("the router is a version of AWS for Fluent Bit that fsdcf knows", "image")
    return not_carried("the router is AWS for Fluent Bit: name another image in `observability.logs.router.image`")


def _router_log(value: SourceValue, block: Block) -> KeyOutcome | None:
    return changed("the router writes its own output to the log group of the stack", "image")


def _labels(value: SourceValue) -> dict[str, str]:
    return {name: literal(each.text) for name, each in value.entries().items()}


def _by_override(name: str, read: Callable[[SourceValue], Any]) -> Convert:
    """A conversion of a property that the language does not have: an override of the template has it."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        at = 0 if _is_main(block) else int(block.at[-1]) + 1
        refuse_secrets(value.data, "leave it out", value.name)
        return put_override(f"Properties.ContainerDefinitions.{at}.{name}", read(value), block)

    return convert


def put_override(path: str, data: Any, block: Block) -> KeyOutcome:
    """Put a value as an override of the task definition in the template."""
    block.draft.root.put_at("overrides.TaskDefinition", path, data)
    return carried(".overrides.TaskDefinition")


PAIR = Table(TITLE, SourceKey("name", "environment"), SourceKey("value", "environment"))
REFERENCE = Table(TITLE, SourceKey("name", "secrets"), SourceKey("valueFrom", "secrets"))
OPTION = Table(TITLE, SourceKey("name", _LOGS), SourceKey("valueFrom", _LOGS))
MAPPING = Table(
    TITLE,
    SourceKey("containerPort", "port", convert=lambda value, block: block.put("port", value.number)),
    SourceKey("hostPort", "port", convert=_host_port),
    SourceKey("protocol", note="TCP is the default", form=True),
    SourceKey("name", note="the stack chooses the name", form=True),
    SourceKey("appProtocol", note="only Service Connect reads it", form=True),
    SourceKey("containerPortRange", note="a container has one port"),
)
MOUNT = Table(
    TITLE,
    *(SourceKey(name, "volumes mounts") for name in ("sourceVolume", "containerPath", "readOnly")),
)
SOURCE = Table(TITLE, SourceKey("sourceContainer", "volumes mounts"), SourceKey("readOnly", "volumes mounts"))
WAIT = Table(TITLE, SourceKey("containerName", "dependsOn"), SourceKey("condition", "dependsOn"))
LIMIT = Table(TITLE, *(SourceKey(name, "ulimits") for name in ("name", "softLimit", "hardLimit")))
TMPFS = Table(
    TITLE,
    SourceKey("containerPath", "path", convert=lambda value, block: None),
    SourceKey("size", "size", convert=lambda value, block: None),
    SourceKey("mountOptions[]", "options", convert=_tmpfs_option),
)
_DEVICES = "linuxParameters.devices[]"

CONTAINER = Table(
    TITLE,
    SourceKey("name", ".metadata.name", convert=_container_name),
    SourceKey("image", "image", convert=_image),
    SourceKey("repositoryCredentials.credentialsParameter", "imageCredentials", convert=_registry_secret),
    SourceKey("cpu", "resources.cpu cpu", convert=_amount_of(_CPU)),
    SourceKey("memory", "resources.memory memory", convert=_amount_of(_MEMORY)),
    SourceKey("memoryReservation", "resources.memory memoryReservation", convert=_amount_of(_MEMORY)),
    SourceKey("links[]", note="the containers of a task share one address: connect to localhost in place of the name"),
    SourceKey("portMappings[]", table=MAPPING, enter=_mapping),
    SourceKey("essential", "essential", convert=_essential),
    SourceKey("restartPolicy.enabled", "restartPolicy.enabled"),
    SourceKey(
        "restartPolicy.ignoredExitCodes",
        "restartPolicy.ignoredExitCodes",
        convert=lambda value, block: block.put_valid(
            "restartPolicy.ignoredExitCodes", [each.number for each in value.items()]
        ),
    ),
    SourceKey(
        "restartPolicy.restartAttemptPeriod",
        "restartPolicy.attemptPeriod",
        convert=put_number("restartPolicy.attemptPeriod", 60, 1800),
    ),
    SourceKey("entryPoint", "entryPoint", convert=_put_words("entryPoint")),
    SourceKey("command", "command", convert=_put_words("command")),
    SourceKey("environment[]", table=PAIR, enter=_variable),
    SourceKey("environmentFiles[].value", "environmentFiles", convert=_variables_file),
    SourceKey("environmentFiles[].type", note="S3 is the only type", form=True),
    SourceKey("mountPoints[]", table=MOUNT, enter=_mount),
    SourceKey("volumesFrom[]", table=SOURCE, enter=_mounts_of_other),
    SourceKey("linuxParameters.capabilities.add[]", "capabilities.add", convert=_capability("add")),
    SourceKey("linuxParameters.capabilities.drop[]", "capabilities.drop", convert=_capability("drop")),
    *(SourceKey(f"{_DEVICES}.{name}", note=_FARGATE) for name in ("hostPath", "containerPath", "permissions")),
    SourceKey("linuxParameters.initProcessEnabled", "initProcess", convert=put_true("initProcess")),
    SourceKey("linuxParameters.sharedMemorySize", note=f"{_FARGATE}: `tmpfs` is memory at a path of its own"),
    SourceKey("linuxParameters.tmpfs[]", table=TMPFS, enter=_tmpfs),
    SourceKey("linuxParameters.maxSwap", note=f"{_FARGATE}: raise `resources.memory`"),
    SourceKey("linuxParameters.swappiness", note=f"{_FARGATE}: raise `resources.memory`"),
    SourceKey("secrets[]", table=REFERENCE, enter=_secret),
    SourceKey("dependsOn[]", table=WAIT, enter=_waits_for),
    SourceKey(
        "startTimeout",
        ".overrides.TaskDefinition",
        convert=_by_override("StartTimeout", lambda value: min(max(value.number, 2), 600)),
    ),
    SourceKey("stopTimeout", "stopTimeout", convert=put_number("stopTimeout", 2, 120)),
    SourceKey(
        "versionConsistency",
        ".overrides.TaskDefinition",
        convert=_by_override("VersionConsistency", lambda value: value.text),
    ),
    SourceKey("hostname", note=f"{_FARGATE}: the address of the task is its name"),
    SourceKey("user", "user", convert=_put_text("user")),
    SourceKey("workingDirectory", "workingDirectory", convert=_put_text("workingDirectory")),
    SourceKey("disableNetworking", convert=_unless_false(_FARGATE)),
    SourceKey("privileged", convert=_unless_false(f"{_FARGATE}: leave out what needs a privileged container")),
    SourceKey("readonlyRootFilesystem", "readonlyRootFilesystem", convert=put_true("readonlyRootFilesystem")),
    SourceKey("dnsServers[]", note=f"{_FARGATE}: the VPC resolves names"),
    SourceKey("dnsSearchDomains[]", note=f"{_FARGATE}: write the whole names of hosts"),
    SourceKey("extraHosts[].hostname", note=f"{_FARGATE}: a private hosted zone of Route 53 resolves names"),
    SourceKey("extraHosts[].ipAddress", note=f"{_FARGATE}: a private hosted zone of Route 53 resolves names"),
    SourceKey("dockerSecurityOptions[]", note=_FARGATE),
    SourceKey(
        "interactive", ".overrides.TaskDefinition", convert=_by_override("Interactive", lambda value: value.flag)
    ),
    SourceKey(
        "pseudoTerminal", ".overrides.TaskDefinition", convert=_by_override("PseudoTerminal", lambda value: value.flag)
    ),
    SourceKey("dockerLabels", ".overrides.TaskDefinition", convert=_by_override("DockerLabels", _labels)),
    SourceKey("ulimits[]", table=LIMIT, enter=_limit),
    SourceKey("logConfiguration.logDriver", f"{_LOGS}.driver", convert=_driver),
    SourceKey("logConfiguration.options.*", f"{_LOGS}.options", convert=_log_option),
    SourceKey("logConfiguration.secretOptions[]", table=OPTION, enter=_secret_option),
    SourceKey("healthCheck", table=CHECK, enter=_check),
    SourceKey("systemControls[].namespace", note="a spec has no kernel parameters: `overrides` can set them"),
    SourceKey("systemControls[].value", note="a spec has no kernel parameters: `overrides` can set them"),
    *(
        SourceKey(f"resourceRequirements[].{name}", note="Fargate has no GPUs and accelerators: keep the task on EC2")
        for name in (
            *("value", "type", "sharingStrategy.nvidiaMps.memory"),
            "sharingStrategy.nvidiaMps.maxComputePercent",
        )
    ),
    SourceKey("firelensConfiguration.type", f"{_LOGS}.router", convert=_second_router),
    SourceKey("firelensConfiguration.options.*", f"{_LOGS}.router", convert=_second_router),
    SourceKey("credentialSpecs[]", note=f"{_FARGATE}: it is for domains of Active Directory on EC2"),
)

_ROUTER_OWN = {
    "name": SourceKey("name", note="the stack names the router of FireLens", form=True),
    "essential": SourceKey("essential", note="the router is essential", form=True),
    "image": SourceKey("image", "image", convert=_router_image),
    "user": SourceKey("user", note="the router has the user of its image", form=True),
    "memory": SourceKey("memory", note="50 MiB are reserved for the router", form=True),
    "memoryReservation": SourceKey("memoryReservation", note="50 MiB are reserved for the router", form=True),
    "cpu": SourceKey("cpu", note="the router shares the CPU of the task", form=True),
    "logConfiguration.logDriver": SourceKey("logConfiguration.logDriver", "image", convert=_router_log),
    "logConfiguration.options.*": SourceKey("logConfiguration.options.*", "image", convert=_router_log),
    "firelensConfiguration.type": SourceKey(
        "firelensConfiguration.type",
        convert=lambda value, block: (
            formal("the log router is Fluent Bit")
            if value.text == "fluentbit"
            else not_carried("the router is Fluent Bit: translate its files")
        ),
    ),
    "firelensConfiguration.options.*": SourceKey(
        "firelensConfiguration.options.*", "configuration", convert=_router_option
    ),
}
ROUTER_KEYS = Table(
    TITLE,
    *(
        _ROUTER_OWN.get(key.path) or SourceKey(key.path, note="the stack makes the router: its files can be in S3")
        for key in CONTAINER.keys
    ),
)

_READ_ONLY = "ECS sets it"
_PROXY = "App Mesh ended in 2026: `networking.serviceConnect` lets services call each other by name"

DEFINITION = Table(
    TITLE,
    SourceKey("family", ".metadata.name", convert=_family),
    SourceKey("taskRoleArn", "taskRole.arn", convert=_put_role("taskRole")),
    SourceKey("executionRoleArn", "executionRole.arn", convert=_put_role("executionRole")),
    SourceKey("networkMode", "networking", convert=_network_mode, form=True),
    SourceKey("containerDefinitions[]", table=CONTAINER, enter=_container),
    SourceKey("volumes[]", table=VOLUME, enter=_volume),
    SourceKey("placementConstraints[].type", note="Fargate places the tasks"),
    SourceKey("placementConstraints[].expression", note="Fargate places the tasks"),
    SourceKey("requiresCompatibilities[]", "resources", convert=_compatibility, form=True),
    SourceKey("cpu", "resources.cpu", convert=_task_size),
    SourceKey("memory", "resources.memory", convert=_task_size),
    SourceKey("tags[]", table=TAG, enter=enter_tag),
    SourceKey("pidMode", note=f"{_FARGATE} in a spec: `overrides` can set `PidMode: task`"),
    SourceKey("ipcMode", note=_FARGATE),
    *(
        SourceKey(f"proxyConfiguration.{name}", note=_PROXY)
        for name in ("type", "containerName", "properties[].name", "properties[].value")
    ),
    SourceKey("inferenceAccelerators[].deviceName", note=_FARGATE),
    SourceKey("inferenceAccelerators[].deviceType", note=_FARGATE),
    SourceKey("ephemeralStorage.sizeInGiB", "resources.ephemeralStorage", convert=_disk),
    SourceKey("runtimePlatform.cpuArchitecture", "resources.architecture", convert=_architecture),
    SourceKey("runtimePlatform.operatingSystemFamily", "resources", convert=_system, form=True),
    SourceKey(
        "enableFaultInjection",
        ".overrides.TaskDefinition",
        convert=lambda value, block: put_override("Properties.EnableFaultInjection", value.flag, block),
    ),
    SourceKey("trustedExecutionConfiguration.isolationMode", note="a spec has no isolation of its own"),
    SourceKey("trustedExecutionConfiguration.attestationPolicy", note="a spec has no isolation of its own"),
    *(
        SourceKey(name, note=_READ_ONLY, form=True, convert=lambda value, block: None)
        for name in (
            *("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt"),
            *("registeredBy", "deregisteredAt", "deleteRequestedAt"),
        )
    ),
)

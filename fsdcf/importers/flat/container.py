"""The container of the flat dialect: its image, its variables and secrets, and the size of its task."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from fsdcf.importers.container import put_capability, put_version
from fsdcf.importers.draft import Block
from fsdcf.importers.flat.reading import (
    cpu,
    document_of,
    get,
    items,
    keys,
    listed,
    memory,
    nothing,
    put,
    seconds,
    table,
    text,
    translated,
)
from fsdcf.importers.keys import Convert, SourceKey, note
from fsdcf.importers.report import KeyOutcome, Treatment, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import (
    literal,
    put_flag,
    put_number,
    put_secret,
    put_size,
    put_variable,
    secret_source,
)
from fsdcf.language.model import JOB


def image(value: SourceValue, block: Block) -> KeyOutcome:
    """The repository of an image; a tag that the dialect fills in, such as ``${git:sha}``, is that of a deploy."""
    given = value.text.strip()
    found = re.fullmatch(r"(.+?)(?::(\$\{[^{}]*\}|[\w.-]+))?(@sha256:[0-9a-f]{64})?", given)
    if not found or len(given) > 1000 or re.search(r"\s", given):
        raise UnfitError("must be an image: REPOSITORY:TAG")
    repository, tag = found[1], found[2] or (found[3] or "").lstrip("@")
    own = re.fullmatch(r"\$\{ecr:([\w./-]+)\}", repository)
    how = "`--image-sha` of a deploy selects the version"
    if own and own[1] == block.draft.name:
        return changed(f"the ECR repository with the name of the service is the default; {how}", "image")
    block.put("image", translated(value, repository))
    if not tag:
        return carried("image")
    return changed(f"without the tag: {how}", "image")


def _words(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        if isinstance(value.data, list):
            block.put(to, [translated(each, each.text) for each in value.items()])
            return
        given = translated(value, value.text)
        try:
            words = shlex.split(given)
        except ValueError:
            words = []
        shell = not words or any(character in given for character in "|&;<>`\n")
        block.put(to, ["sh", "-c", given] if shell else words)

    return convert


def variable(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put a variable of a map, or the reference to a secret that it is. Raises UnfitError."""
    if isinstance(value.data, dict):
        source = get(value, "value_from", "secret", "from")
        if source is None:
            raise UnfitError("must be a text, or a map with `valueFrom`")
        put_secret(block, value.name, stored(source.text))
        return carried("secrets")
    return put_variable(block, value.name, translated(value, value.text))


def variable_pair(value: SourceValue, block: Block) -> Block | None:
    """Put a variable of a list: ``NAME=VALUE``, or a map with a name and a value. Raises UnfitError."""
    if isinstance(value.data, str) and "=" in value.data:
        name, _, given = value.data.partition("=")
        note(value, block, put_variable(block, name.strip(), translated(value, given)))
        return None
    named, given_value, source = get(value, "name", "key"), get(value, "value"), get(value, "value_from", "secret")
    if named is None or (given_value is None and source is None):
        raise UnfitError("must have a `name` and a `value`")
    if given_value is not None:
        note(value, block, put_variable(block, named.text, translated(given_value, given_value.text)))
    elif source is not None:
        put_secret(block, named.text, stored(source.text))
        note(value, block, carried("secrets"))
    return None


def stored(given: str) -> str:
    """Where a secret is: a name without a slash in front is one of Secrets Manager, as in ``${secrets:name}``."""
    given = given.strip()
    found = re.fullmatch(r"\$\{(secrets?|secretsmanager|ssm):([^{}]+)\}", given)
    if found:
        return f"{'ssm' if found[1] == 'ssm' else 'secretsmanager'}:{found[2]}"
    if re.match(r"(arn:|/|ssm:|secretsmanager:)", given):
        return given if not given.startswith("arn:") and not given.startswith("/") else secret_source(given)
    if not re.fullmatch(r"[\w/+=.@!:-]{1,512}", given):
        raise UnfitError("must be the name or the ARN of a secret")
    return f"secretsmanager:{given}"


def _secret(value: SourceValue, block: Block) -> KeyOutcome:
    put_secret(block, value.name, stored(value.text))
    return carried("secrets")


def _secret_pair(value: SourceValue, block: Block) -> Block | None:
    if value.is_text():
        name = re.sub(r"\W+", "_", value.text.rpartition("/")[2]).upper().strip("_")
        source: SourceValue | None = value
    else:
        named = get(value, "name", "env", "env_var", "variable", "key")
        source = get(value, "value_from", "from", "arn", "path", "secret", "secret_name", "ref", "source", "parameter")
        name = named.text if named else ""
    if not name or source is None:
        raise UnfitError("must have a `name` and a `valueFrom`")
    put_secret(block, name, stored(source.text))
    note(value, block, carried("secrets") if not value.is_text() else changed(f"as the variable {name}", "secrets"))
    return None


def _capabilities(key: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        outcomes = [put_capability(key, each.text, block) for each in listed(value)]
        return next((each for each in outcomes if each.treatment is Treatment.NOT_CARRIED), None)

    return convert


def unless(expected: bool, reason: str) -> Convert:
    """A boolean that a task on Fargate has anyway; the other value is not possible."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        return None if value.flag is expected else not_carried(reason)

    return convert


_MOUNTS = "a volume of the host: write `service.volumes` with `name` and `mountPath`, or an aws_efs_file_system"


def container_keys(prefix: str) -> Iterator[SourceKey]:
    """The keys of a container, which documents have at several places."""
    under = prefix and f"{prefix}."
    for name, to, convert in (
        ("image", "image", image),
        ("command", "command", _words("command")),
        ("cmd", "command", _words("command")),
        ("args", "command", _words("command")),
        ("entrypoint", "entryPoint", _words("entryPoint")),
        ("entry_point", "entryPoint", _words("entryPoint")),
        ("working_dir", "workingDirectory", text("workingDirectory")),
        ("working_directory", "workingDirectory", text("workingDirectory")),
        ("workdir", "workingDirectory", text("workingDirectory")),
        ("user", "user", text("user")),
        ("run_as_user", "user", text("user")),
        ("readonly_root_filesystem", "readonlyRootFilesystem", put_flag("readonlyRootFilesystem")),
        ("read_only_root_filesystem", "readonlyRootFilesystem", put_flag("readonlyRootFilesystem")),
        ("init_process", "initProcess", put_flag("initProcess")),
        ("stop_timeout", "stopTimeout", seconds("stopTimeout", 2, 120)),
    ):
        yield SourceKey(f"{under}{name}", to, convert=convert)
    yield SourceKey(f"{under}essential", "image", convert=unless(True, "the container of a service is essential"))
    privileged = "Fargate does not run containers with privileges: run without them, or on EC2"
    yield SourceKey(f"{under}privileged", "capabilities", convert=unless(False, privileged))
    yield SourceKey(f"{under}drop_capabilities", "capabilities.drop", convert=_capabilities("drop"), whole=True)
    yield SourceKey(f"{under}add_capabilities", "capabilities.add", convert=_capabilities("add"), whole=True)
    yield SourceKey(f"{under}capabilities.drop", "capabilities.drop", convert=_capabilities("drop"), whole=True)
    yield SourceKey(f"{under}capabilities.add", "capabilities.add", convert=_capabilities("add"), whole=True)
    yield SourceKey(
        f"{under}no_new_privileges",
        note="Fargate has no such option: run as a user that is not root, with `capabilities: {drop: [ALL]}`",
    )
    for name in ("environment", "env", "environment_variables", "env_vars", "variables"):
        if prefix or name != "environment":
            yield SourceKey(f"{under}{name}.*", "environment", convert=variable, whole=True)
            yield items(f"{under}{name}[]", "environment", variable_pair)
    yield SourceKey(f"{under}secrets.*", "secrets", convert=_secret)
    yield items(f"{under}secrets[]", "secrets", _secret_pair)
    for name in ("mount_points", "volumes", "mounts"):
        yield SourceKey(f"{under}{name}[]", note=_MOUNTS, whole=True)


def size(value: SourceValue, block: Block) -> Block:
    """Put the size of a task, which has CPU and memory together, at the block, and report the two keys."""
    below = get(value, "resources")
    place = get(below, "limits") or get(below, "requests") or below or value
    found: dict[str, tuple[SourceValue, float]] = {}
    for name, convert in (("cpu", cpu), ("memory", memory)):
        given = get(place, name, *(("vcpu", "vcpus", "cpu_units") if name == "cpu" else ("mem", "memory_mb", "ram")))
        if given is None:
            continue
        try:
            found[name] = given, convert(given)
        except UnfitError as error:
            note(given, block, not_carried(f"it {error}"))
    if found:
        units, size = (_whole(found[name][1]) if name in found else None for name in ("cpu", "memory"))
        different = put_size(block, units, size)
        for name, (given, _) in found.items():
            outcome = changed(different, f"resources.{name}") if different else carried(f"resources.{name}")
            note(given, block, outcome)
    return block


def _whole(amount: float) -> float:
    return int(amount) if amount == int(amount) else amount


def count(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put the number of tasks at ``resources.desiredCount``. Raises UnfitError."""
    if block.draft.kind is JOB:
        return not_carried("a job runs one task at a time: a larger one has more CPU and memory")
    scaling = get(document_of(value), "scaling", "autoscaling", "auto_scaling")
    enabled = get(scaling, "enabled")
    if scaling is not None and (enabled is None or enabled.data is not False):
        return changed("auto scaling sets the number of tasks", "autoScaling")
    block.put("resources.desiredCount", min(max(value.number, 0), 5000))
    return None


def provider(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put whether the tasks run on Fargate Spot. Raises UnfitError."""
    words = {each.text.upper() for each in listed(value)}
    if "FARGATE_SPOT" in words or "SPOT" in words:
        block.put("resources.spot", True)
        return carried("resources.spot")
    if words <= {"FARGATE"}:
        return None
    return not_carried("the tasks run on Fargate, or with `resources.spot` on Fargate Spot")


def _architecture(value: SourceValue, block: Block) -> None:
    given = value.text.lower().rpartition("/")[2]
    known = {"arm64": "arm64", "aarch64": "arm64", "arm": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}
    if given not in known:
        raise UnfitError("must be x86_64 or arm64")
    block.put("resources.architecture", known[given])


def _storage(value: SourceValue, block: Block) -> KeyOutcome | None:
    found = re.fullmatch(r"(\d{1,6}) ?(?:g|gb|gi|gib)?", value.text.strip().lower())
    if not found:
        raise UnfitError("must be a size in GiB")
    given = int(found[1])
    if given <= 20:
        return changed("a task has 20 GiB anyway", "resources")
    block.put("resources.ephemeralStorage", min(given, 200))
    return changed("a task on Fargate has at most 200 GiB", "resources.ephemeralStorage") if given > 200 else None


def size_keys(prefix: str) -> Iterator[SourceKey]:
    """The keys of the size of a task, which documents have at several places."""
    under = prefix and f"{prefix}."
    for name in ("cpu", "vcpu", "vcpus", "cpu_units"):
        yield SourceKey(f"{under}{name}", "resources.cpu", convert=_sized(cpu))
    for name in ("memory", "mem", "memory_mb", "ram"):
        yield SourceKey(f"{under}{name}", "resources.memory", convert=_sized(memory))


def _sized(read: Any) -> Convert:
    """``size`` has put it there, or has reported why not."""

    def convert(value: SourceValue, block: Block) -> None:
        read(value)

    return convert


_LIMITS = "a task has one size: that of `limits`"

COMPUTE = table(
    *size_keys(""),
    *size_keys("resources"),
    *size_keys("resources.limits"),
    *(
        SourceKey(key.path, key.to, _LIMITS, convert=lambda value, block: changed(_LIMITS))
        for key in size_keys("resources.requests")
    ),
    *keys("desired_count replicas instances count tasks instance_count task_count", "resources.desiredCount", count),
    *keys("capacity_provider capacity_providers launch_type", "resources", provider, whole=True),
    *put("spot use_spot fargate_spot", "resources.spot", put_flag),
    *keys("architecture cpu_architecture arch", "resources.architecture", _architecture),
    *keys("ephemeral_storage storage disk disk_size ephemeral_storage_gb", "resources.ephemeralStorage", _storage),
    *keys("gpu gpus", note="Fargate has no GPUs: run it on EC2, outside of fsdcf"),
    *keys("instance_type instance_types", note="Fargate has no instance types: `resources` has the size of a task"),
    *keys("platform_version compute_environment.fargate_platform_version", "resources", nothing),
    SourceKey("compute_environment.type", "resources", convert=provider),
    *put("port container_port", "port", put_number, 1, 65535),
    *container_keys(""),
    *container_keys("container"),
    *size_keys("container"),
    SourceKey("container.name", "image", convert=nothing),
    *put("container.port container.container_port", "port", put_number, 1, 65535),
)


def sidecar(value: SourceValue, block: Block) -> Block:
    """A further container, for its keys. Raises UnfitError."""
    own, source = get(value, "name"), get(value, "image")
    if own is None or source is None:
        raise UnfitError("must be a map with a `name` and an `image`")
    return block.add("sidecars", {"name": re.sub(r"[^A-Za-z0-9_-]", "-", own.text)})


def _sidecar_image(value: SourceValue, block: Block) -> KeyOutcome:
    if "${git:" in value.text:
        raise UnfitError("must have a tag of its own")
    block.put("image", translated(value, value.text.strip()))
    return carried("image") if re.search(r"[:@][^/]+$", value.text) else put_version(literal(value.text), block)


SIDECAR = table(
    SourceKey("name", "name", convert=nothing),
    SourceKey("image", "image", convert=_sidecar_image),
    SourceKey("essential", "essential", convert=put_flag("essential")),
    *put("port container_port", "port", put_number, 1, 65535),
    *put("cpu", "cpu", put_number, 2, 16384),
    *put("memory", "memory", put_number, 6, 249856),
    *(key for key in container_keys("") if key.path not in ("image", "essential")),
    SourceKey("environment.*", "environment", convert=variable, whole=True),
    items("environment[]", "environment", variable_pair),
)

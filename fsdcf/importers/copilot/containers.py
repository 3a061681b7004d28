"""The containers of a workload of Copilot: images, commands, variables, secrets, sidecars, volumes and logs.

Sources: https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/,
https://aws.github.io/copilot-cli/docs/developing/sidecars/ and
https://aws.github.io/copilot-cli/docs/developing/storage/
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress

from fsdcf.importers.container import put_credentials, put_image, put_version, split_words
from fsdcf.importers.copilot.layers import SHELL
from fsdcf.importers.copilot.workload import (
    TITLE,
    absent,
    json_text,
    note_below,
    without_secret,
    workload,
)
from fsdcf.importers.draft import Block
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import (
    PLACEHOLDER,
    literal,
    put_flag,
    put_number,
    put_port,
    put_seconds,
    put_secret,
    put_variable,
    seconds,
    secret_source,
    store,
)
from fsdcf.language.model.common import VARIABLE
from fsdcf.masking import contains_secret, is_secret_name

ROUTER = "firelens_log_router"
"""The name of the container that Copilot adds for ``logging``."""

_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
_BUILT_ELSEWHERE = "fsdcf builds the image of the service alone: build and push this one, and write its tag"
_ROUTER_ENVIRONMENT = (
    "the log router of fsdcf has no variables of its own: write the values into `options` and `secretOptions`, or add a"
    " sidecar of your own"
)


# Images


def _location(value: SourceValue, block: Block) -> KeyOutcome:
    return put_image(value.text, block)


def _sidecar_image(value: SourceValue, block: Block) -> KeyOutcome:
    return put_version(value.text, block)


def _sidecar_build(value: SourceValue, block: Block) -> Block | None:
    """A sidecar that is built: it needs an image of its own, which fsdcf does not build."""
    name = f"{block.draft.name}-{block.get('name')}".lower()
    image = f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.amazonaws.com/{name}:latest"
    block.put("image", image, "build and push this image")
    note_below(value, block, changed(_BUILT_ELSEWHERE, "image"))
    return None


def _credentials(value: SourceValue, block: Block) -> KeyOutcome:
    return put_credentials(block.get("image") or "", value.text, block)


def _beside(value: SourceValue, block: Block, text: str) -> str:
    """A path relative to the root of the workspace, as the spec has to write it."""
    return block.draft.beside(posixpath.normpath(posixpath.join(_root(value), text)))


def _root(value: SourceValue) -> str:
    """The folder of the workspace, which paths in manifests are relative to."""
    folder, found, _ = value.source.path.rpartition("copilot/")
    return folder.rstrip("/") if found else value.source.folder


def _build(value: SourceValue, block: Block) -> KeyOutcome | None:
    text = value.text
    return _put_build(value, block, text, posixpath.dirname(text))


def _dockerfile(value: SourceValue, block: Block) -> KeyOutcome | None:
    text = value.text
    context = value.source.root.get("image.build.context")
    return _put_build(value, block, text, context.text if context else posixpath.dirname(text))


def _context(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.source.root.get("image.build.dockerfile") is not None:
        block.put("build.context", _beside(value, block, value.text))
        return carried("build.context")
    return _put_build(value, block, posixpath.join(value.text, "Dockerfile"), value.text)


def _put_build(value: SourceValue, block: Block, dockerfile: str, context: str) -> KeyOutcome | None:
    """Put the paths of a build. A Dockerfile that is not there cannot be written: the spec would not compile."""
    if any("\0" in path or len(path) > 1024 for path in (dockerfile, context)):
        raise UnfitError("must be a path")
    block.put("build.context", _beside(value, block, context))
    try:
        workload(block).read(posixpath.normpath(posixpath.join(_root(value), dockerfile)))
    except (OSError, ValueError):
        return changed(
            f"{dockerfile} does not exist: when it does, write it at `build.dockerfile`, relative to the spec",
            "build.context",
        )
    block.put("build.dockerfile", _beside(value, block, dockerfile))
    return carried("build.dockerfile build.context")


def _argument(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not re.fullmatch(VARIABLE, value.name):
        return not_carried(f"an argument must match {VARIABLE}")
    if contains_secret(value.text, value.name):
        return not_carried("an argument stays in the image: give it a secret by `build.secrets` instead")
    block.put_at("build.args", value.name, value.text)
    return carried(f"build.args.{value.name}")


def _label(value: SourceValue, block: Block) -> KeyOutcome:
    index = block.at[-1] + 1 if isinstance(block.at[-1], int) else 0
    name = value.name.replace("\\", "").replace('"', "")
    path = f'Properties.ContainerDefinitions.{index}.DockerLabels."{name}"'
    workload(block).override("TaskDefinition", path, without_secret(value).text)
    return changed("as an override of the template", ".overrides.TaskDefinition")


def _depends(value: SourceValue, block: Block) -> KeyOutcome | None:
    condition = value.text.upper()
    if condition not in ("START", "COMPLETE", "SUCCESS", "HEALTHY"):
        raise UnfitError("must be start, healthy, complete or success")
    draft, sidecars = workload(block), value.source.data.get("sidecars")
    name = "main" if value.name == draft.main else value.name
    if name == ROUTER:
        return not_carried("every container waits for the log router of fsdcf by itself")
    if name != "main" and not (isinstance(sidecars, dict) and isinstance(sidecars.get(name), dict)):
        return not_carried(f"the manifest has no sidecar {name}")
    block.put_at("dependsOn", name, condition)
    return None


# Commands, variables and secrets


def _words(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        if isinstance(value.data, list):
            block.put(to, without_secret(value).words)
            return
        if words := split_words(value):
            without_secret(SourceValue(value.source, value.path, words))
            block.put(to, words)

    return convert


def _name_of(value: SourceValue) -> str:
    """The variable that a value below ``variables`` or ``secrets`` is for."""
    name = str(value.path[-2] if value.name in ("from_cfn", "secretsmanager") else value.path[-1])
    if not re.fullmatch(VARIABLE, name):
        raise UnfitError(f"must match {VARIABLE}, as each variable: rename it, here and in the program")
    return name


def _variable(value: SourceValue, block: Block) -> KeyOutcome:
    name, text = _name_of(value), value.text
    if is_secret_name(name) and SHELL.search(text.replace("${ENV}", "")):
        place = store(block, name)
        return changed("a value of the shell would be plain text in the template: store it as a secret", place)
    return put_variable(block, name, text)


def exported(value: SourceValue) -> str:
    """The value of an export of another stack, as a placeholder."""
    name = value.text.strip()
    if not re.fullmatch(r"[\w:-]+", PLACEHOLDER.sub("x", name)):
        raise UnfitError("must be the name of an export")
    return f"${{import:{name}}}"


def _variable_of_export(value: SourceValue, block: Block) -> KeyOutcome:
    name = _name_of(value)
    block.put_at("environment", name, exported(value))
    return carried(f"environment.{name}")


def _secret(value: SourceValue, block: Block) -> None:
    text = value.text.strip()
    source = secret_source(PLACEHOLDER.sub("x", text))
    put_secret(block, _name_of(value), f"ssm:{text}" if source.startswith("ssm:") else text)


def _managed_secret(value: SourceValue, block: Block) -> None:
    text = value.text.strip()
    if not text or re.search(r"\s", text):
        raise UnfitError("must be the name of a secret")
    put_secret(block, _name_of(value), text if text.startswith("arn:") else f"secretsmanager:{text}")


def _secret_of_export(value: SourceValue, block: Block) -> None:
    put_secret(block, _name_of(value), exported(value))


def _env_file(value: SourceValue, block: Block) -> KeyOutcome:
    path = value.text
    if path.startswith("arn:"):
        block.add("environmentFiles", path)
        return carried("environmentFiles")
    try:
        raw = workload(block).read(posixpath.normpath(posixpath.join(_root(value), path)))
    except (OSError, ValueError):
        return not_carried(
            f"{path} does not exist: write its variables at `environment` and `secrets`, or store it in S3 and write"
            " its ARN at `environmentFiles`"
        )
    secret = []
    written = block.get("environment") or {}
    for name, text in _entries(raw.decode("utf-8-sig", "replace")):
        if name not in written:
            outcome = put_variable(block, name, literal(text))
            secret += [name] if outcome.to == "secrets" else []
    hidden = f"; as secrets that you store: {', '.join(secret)}" if secret else ""
    return changed(f"with its variables in the spec, which Copilot uploads to S3{hidden}", "environment")


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The variables of a file as ECS reads it: NAME=VALUE, without quotes or comments after a value.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
    """
    for line in text.splitlines():
        name, found, value = line.partition("=")
        if found and not line.lstrip().startswith("#") and re.fullmatch(VARIABLE, name.strip()):
            yield name.strip(), value


_COMMON = (
    SourceKey("variables.*", "environment", convert=_variable),
    SourceKey("variables.*.from_cfn", "environment", convert=_variable_of_export),
    SourceKey("secrets.*", "secrets", convert=_secret),
    SourceKey("secrets.*.secretsmanager", "secrets", convert=_managed_secret),
    SourceKey("secrets.*.from_cfn", "secrets", convert=_secret_of_export),
    SourceKey("env_file", "environment", "with its variables in the spec", _env_file),
    SourceKey("entrypoint", "entryPoint", convert=_words("entryPoint"), whole=True),
    SourceKey("command", "command", convert=_words("command"), whole=True),
)


# Health checks of containers


def _check_command(value: SourceValue, block: Block) -> None:
    words = without_secret(value).words if isinstance(value.data, list) else [without_secret(value).text]
    if not words:
        raise UnfitError("must be a command")
    if isinstance(value.data, str):
        block.put("command", value.data)
    else:
        block.put("command", words if words[0] in ("CMD", "CMD-SHELL") else ["CMD", *words])


def _every(check: SourceValue) -> int:
    """The seconds between two checks, which must be more than the timeout."""
    interval = check.get("interval")
    with suppress(UnfitError):
        return min(max(seconds(interval), 5), 300) if interval else 10
    return 10


def _check_timeout(value: SourceValue, block: Block) -> KeyOutcome | None:
    check = value.source.root_at(value.path[:-1])
    return put_seconds("timeout", 2, min(60, _every(check) - 1))(value, block)


CHECK = Table(
    TITLE,
    SourceKey("command", "command", convert=_check_command, whole=True),
    SourceKey("interval", "interval", convert=put_seconds("interval", 5, 300)),
    SourceKey("timeout", "timeout", convert=_check_timeout),
    SourceKey("retries", "retries", convert=put_number("retries", 1, 10)),
    SourceKey("start_period", "startPeriod", convert=put_seconds("startPeriod", 0, 300)),
)


def _check(*steps: str) -> SourceKey:
    """The key of a container's health check, with what Copilot sets by default."""

    def enter(value: SourceValue, block: Block) -> Block:
        value.entries()
        inner = block.below(*steps)
        if value.get("command") is None:
            inner.put("command", ["CMD-SHELL", "curl -f http://localhost/ || exit 1"])
        timeout = min(5, _every(value) - 1)
        for name, default in (("interval", 10), ("timeout", timeout), ("retries", 2)):
            inner.put(name, default)
        interval, given = value.get("interval"), value.get("timeout")
        if timeout < 5 and interval and given is None:
            why = f"the timeout, 5 seconds by default, must be shorter: {timeout}"
            note(interval, inner, changed(why, "interval timeout"))
        return inner

    return SourceKey("healthcheck", ".".join(steps), table=CHECK, enter=enter)


# Volumes


def _volume(value: SourceValue, block: Block) -> Block | None:
    value.entries()
    path, efs, read_only = value.get("path"), value.get("efs"), value.get("read_only")
    at = path.text if path else f"/mnt/{value.name}"
    locked = read_only.flag if read_only else True
    if not re.fullmatch(r"/[^\s:]+", at):
        raise UnfitError("must have an absolute `path`")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", value.name):
        raise UnfitError("must have a name of letters, digits, - and _")
    outcome = _put_volume(value, block, at, locked, efs)
    if path is None and outcome.treatment.value == "carried":
        outcome = changed(f"also mounted in the service, at {at}", outcome.to)
    note_below(value, block, outcome)
    return None


def _put_volume(value: SourceValue, block: Block, path: str, locked: bool, efs: SourceValue | None) -> KeyOutcome:
    if efs is None or efs.data is False:
        volume = {"name": value.name, "mountPath": path, **({"readOnly": True} if locked else {})}
        return carried(f"volumes[{block.add('volumes', volume).at[-1]}]")
    details = efs.data if isinstance(efs.data, dict) else {}
    if not isinstance(efs.data, dict) and efs.data != "copilot" and not efs.flag:
        raise UnfitError("must have true or a map at `efs`")
    identity = efs.get("id") if details else None
    permissions = "read" if locked else "readWrite"
    if identity is None:
        entry = block.draft.dependency("aws_efs_file_system", f"${{ENV}}-{block.draft.name}")
        entry.put("mountPoint", path)
        if locked:
            entry.put("permissions", permissions)
        for name in ("uid", "gid"):
            if (given := efs.get(name) if details else None) is not None:
                entry.put(f"posixUser.{name}", given.number)
        return changed(
            'a new file system, which is empty: the guide "leave Copilot" says how to keep the old one',
            f".{entry.key('')}",
        )
    return _existing_volume(value, block, path, locked, efs)


def _existing_volume(value: SourceValue, block: Block, path: str, locked: bool, efs: SourceValue) -> KeyOutcome:
    identity, root, point = efs.get("id"), efs.get("root_dir"), efs.get("auth.access_point_id")
    name = exported(inner) if identity and (inner := identity.get("from_cfn")) else identity.text if identity else ""
    if not re.fullmatch(r"fs-[0-9a-f]{8,40}|\$\{import:[^{}]*\}", name):
        return not_carried(
            "a spec names a file system by its id: write `efs.fileSystemId`, or an aws_efs_file_system with `unmanaged`"
        )
    if root is not None and root.text.strip("/"):
        details = {"fileSystemId": name, "rootDirectory": f"/{root.text.strip('/')}"}
        volume = {"name": value.name, "mountPath": path, **({"readOnly": True} if locked else {}), "efs": details}
        return carried(f"volumes[{block.add('volumes', volume).at[-1]}]")
    entry = block.draft.dependency("aws_efs_file_system", name)
    entry.put("unmanaged.permissions", "read" if locked else "read_write")
    if point is not None:
        entry.put("unmanaged.accessPointId", point.text)
    entry.put("mountPoint", path)
    return carried(f".{entry.key('')}")


def mounted(source: SourceValue, sidecar: str = "") -> str:
    """Copilot's variable with the paths of the volumes by their names, in the main container or in a sidecar."""
    if sidecar:
        sidecars = source.get("sidecars")
        found = dict(sidecars.children()).get(sidecar) if sidecars else None
        points = found.get("mount_points") if found else None
        named = [(each.get("source_volume"), each) for _, each in points.children()] if points else []
        volumes = [(name.text, each) for name, each in named if name and name.is_text()]
    else:
        declared = source.get("storage.volumes")
        volumes = list(declared.children()) if declared else []
    paths = {name: each.get("path") for name, each in volumes}
    return json_text({name: path.text for name, path in paths.items() if path and path.is_text()})


def _mount(value: SourceValue, block: Block) -> Block | None:
    volume, path, read_only = value.get("source_volume"), value.get("path"), value.get("read_only")
    if volume is None or path is None:
        raise UnfitError("must have `source_volume` and `path`")
    declared = value.source.root.get(f"storage.volumes.{volume.text}") if "." not in volume.text else None
    name = _mounted_name(block, volume.text, declared)
    if not name:
        note_below(value, block, not_carried(f"the manifest has no volume {volume.text} that is carried"))
        return None
    mount = {"volume": name, "path": path.text}
    if read_only is None or read_only.flag:
        mount["readOnly"] = True  # type: ignore[assignment]
    note_below(value, block, carried(f"mounts[{block.add('mounts', mount).at[-1]}]"))
    return None


def _mounted_name(block: Block, name: str, declared: SourceValue | None) -> str:
    """The volume or file system of a spec for a volume of Copilot; empty if there is none."""
    volumes = block.draft.block.get("volumes") or ()
    if any(each["name"] == name for each in volumes):
        return name
    if declared is None:
        return ""
    efs = declared.get("efs")
    identity = efs.get("id") if efs and isinstance(efs.data, dict) else None
    wanted = identity.text if identity and identity.is_text() else f"${{ENV}}-{block.draft.name}"
    names = [each["name"] for each in block.draft.data.get("dependencies", ()) if each["type"] == "aws_efs_file_system"]
    return wanted if wanted in names else ""


_VOLUME = Table(
    TITLE,
    SourceKey("path", "volumes[].mountPath"),
    SourceKey("read_only", "volumes[].readOnly"),
    SourceKey(
        "efs",
        "dependencies",
        'a new file system, which is empty: the guide "leave Copilot" says how to keep the old one',
    ),
    SourceKey("efs.id", "dependencies"),
    SourceKey("efs.id.from_cfn", note="a spec names a file system by its id"),
    SourceKey("efs.root_dir", "volumes[].efs.rootDirectory"),
    SourceKey("efs.uid", "dependencies"),
    SourceKey("efs.gid", "dependencies"),
    SourceKey("efs.auth.iam", "dependencies", "access by IAM is always on"),
    SourceKey("efs.auth.access_point_id", "dependencies"),
)
_MOUNT = Table(
    TITLE,
    SourceKey("source_volume", "mounts[].volume"),
    SourceKey("path", "mounts[].path"),
    SourceKey("read_only", "mounts[].readOnly"),
)


def _ephemeral(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.number <= 20:
        return carried("resources.ephemeralStorage")
    return put_number("resources.ephemeralStorage", 21, 200)(value, block)


STORAGE = (
    SourceKey("storage.ephemeral", "resources.ephemeralStorage", convert=_ephemeral),
    SourceKey("storage.readonly_fs", "readonlyRootFilesystem", convert=put_flag("readonlyRootFilesystem")),
    SourceKey("storage.volumes.*", "volumes", table=_VOLUME, enter=_volume),
)


# Logs


def _retention(value: SourceValue, block: Block) -> KeyOutcome | None:
    fitting = next((days for days in _RETENTIONS if days >= value.number), _RETENTIONS[-1])
    block.put("observability.logs.retention", fitting)
    if fitting != value.number:
        return changed(f"{value.number} days are not possible: {fitting}", "observability.logs.retention")
    return None


def _routed(block: Block) -> None:
    block.put("observability.logs.driver", "awsfirelens")


def _option(value: SourceValue, block: Block) -> KeyOutcome | None:
    _routed(block)
    if contains_secret(value.text, value.name):
        return not_carried("the value looks like a secret: store it, and write it at `secretOptions`")
    block.put_at("observability.logs.options", value.name, value.text)
    return None


def _router_image(value: SourceValue, block: Block) -> KeyOutcome | None:
    _routed(block)
    return put_version(value.text, block, "observability.logs.router.image")


def _secret_option(value: SourceValue, block: Block) -> None:
    _routed(block)
    text = value.text.strip()
    option = value.path[-2] if value.name in ("secretsmanager", "from_cfn") else value.name
    if value.name == "secretsmanager":
        source = text if text.startswith("arn:") else f"secretsmanager:{text}"
    elif value.name == "from_cfn":
        source = exported(value)
    else:
        found = secret_source(PLACEHOLDER.sub("x", text))
        source = f"ssm:{text}" if found.startswith("ssm:") else text
    block.add("observability.logs.secretOptions", {"name": str(option), "valueFrom": source})


_FILE_IN_IMAGE = (
    "fsdcf reads files of Fluent Bit from S3: upload it, and write its ARN at `observability.logs.router.configuration`"
)

LOGGING = (
    SourceKey("logging.retention", "observability.logs.retention", convert=_retention),
    SourceKey("logging.image", "observability.logs.router.image", convert=_router_image),
    SourceKey("logging.destination.*", "observability.logs.options", convert=_option),
    SourceKey("logging.enableMetadata", "observability.logs.router", convert=lambda value, block: _metadata(value)),
    SourceKey("logging.secretOptions.*", "observability.logs.secretOptions", convert=_secret_option),
    SourceKey("logging.secretOptions.*.secretsmanager", "observability.logs.secretOptions", convert=_secret_option),
    SourceKey("logging.secretOptions.*.from_cfn", "observability.logs.secretOptions", convert=_secret_option),
    *absent("logging.configFilePath", _FILE_IN_IMAGE),
    *absent("logging.env_file logging.variables.* logging.variables.*.from_cfn", _ROUTER_ENVIRONMENT),
    *absent(
        "logging.secrets.* logging.secrets.*.secretsmanager logging.secrets.*.from_cfn",
        _ROUTER_ENVIRONMENT,
    ),
)


def _metadata(value: SourceValue) -> KeyOutcome | None:
    return None if value.flag else not_carried("the log router of fsdcf always adds the metadata of ECS")


# Tables


def without_parts(block: Block, source: SourceValue) -> None:
    """Leave out the sidecars whose image is not carried, and the health checks whose command is not."""
    sidecars = block.get("sidecars") or []
    kept = [each for each in sidecars if "image" in each]
    for name in [each["name"] for each in sidecars if "image" not in each]:
        if value := dict(source.children()).get(name):
            note(value, block, not_carried("a sidecar needs an `image`: the one of the service would run in its place"))
    if len(kept) < len(sidecars):
        block.put("sidecars", kept)
    for container in (block.get("healthCheck"), *kept):
        key = "healthCheck" if container in kept else "container"
        if container and key in container and "command" not in container[key]:
            container.pop(key)
    if block.get("healthCheck") == {}:
        block.data.pop("healthCheck")


def _sidecar(value: SourceValue, block: Block) -> Block:
    value.entries()
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", value.name):
        raise UnfitError("must have a name of letters, digits, - and _")
    return block.add("sidecars", {"name": value.name})


_BUILD_KEYS = ("dockerfile", "context", "args.*", "target", "cache_from[]")

SIDECAR = Table(
    TITLE,
    SourceKey("port", "port", convert=put_port),
    SourceKey("image", "image", convert=_sidecar_image),
    SourceKey("image.location", "image", convert=_sidecar_image),
    SourceKey(
        "image.build",
        "image",
        _BUILT_ELSEWHERE,
        table=Table(TITLE, *(SourceKey(path, "image", _BUILT_ELSEWHERE) for path in _BUILD_KEYS)),
        enter=_sidecar_build,
        convert=lambda value, block: (_sidecar_build(value, block), None)[1],
    ),
    SourceKey("essential", "essential", convert=put_flag("essential")),
    SourceKey("credentialsParameter", "imageCredentials", convert=_credentials),
    SourceKey("mount_points[]", "mounts", table=_MOUNT, enter=_mount),
    SourceKey("labels.*", ".overrides.TaskDefinition", "as an override of the template", _label),
    SourceKey("depends_on.*", "dependsOn", convert=_depends),
    _check("healthCheck"),
    *_COMMON,
)

CONTAINER = (
    SourceKey("image.build", "build", convert=_build),
    SourceKey("image.build.dockerfile", "build.dockerfile", convert=_dockerfile),
    SourceKey("image.build.context", "build.context", convert=_context),
    SourceKey("image.build.target", "build.target"),
    SourceKey("image.build.args.*", "build.args", convert=_argument),
    SourceKey(
        "image.build.cache_from[]",
        "build",
        "it makes no difference to the image: fsdcf's workflow has a cache",
        lambda value, block: None,
    ),
    SourceKey("image.location", "image", convert=_location),
    SourceKey("image.credentials", "imageCredentials", convert=_credentials),
    SourceKey("image.port", "port", convert=put_port),
    SourceKey("image.labels.*", ".overrides.TaskDefinition", "as an override of the template", _label),
    SourceKey("image.depends_on.*", "dependsOn", convert=_depends),
    SourceKey(
        f"image.{(_MAIN_CHECK := _check('healthCheck', 'container')).path}",
        _MAIN_CHECK.to,
        table=_MAIN_CHECK.table,
        enter=_MAIN_CHECK.enter,
    ),
    *_COMMON,
    SourceKey("sidecars.*", "sidecars", table=SIDECAR, enter=_sidecar),
)

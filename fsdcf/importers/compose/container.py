"""The container of a service of a Compose file: its image and build, its variables and secrets, and its health check.

Sources: https://docs.docker.com/reference/compose-file/services/ and
https://docs.docker.com/reference/compose-file/build/
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from fsdcf.importers.compose.connections import check_no_secret, part_of, put_connected, put_words
from fsdcf.importers.compose.images import ComposeRole
from fsdcf.importers.compose.plan import ComposeService, listed
from fsdcf.importers.compose.project import MergedSource
from fsdcf.importers.container import put_capability, put_limit, put_source_image, put_version, split_words
from fsdcf.importers.draft import Block
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, Treatment, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import literal, put_number, put_seconds, put_true, store
from fsdcf.language.model.common import VARIABLE
from fsdcf.masking import contains_secret

TITLE = "a Compose file"

_UNITS = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(kb|mb|gb|b|k|m|g|)i?b?", re.IGNORECASE)


def mebibytes(data: Any) -> float:
    """A size such as 512M or 1gb in MiB. Raises UnfitError."""
    found = _SIZE.fullmatch(str(data).strip())
    if isinstance(data, bool) or found is None:
        raise UnfitError("must be a size such as 512M or 1g")
    return float(found[1]) * _UNITS[found[2].lower()] / 2**20


# The image and its build


def _image(value: SourceValue, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    if block.at and block.at[-2:-1] == ("sidecars",):
        return (
            put_version(literal(value.text), block)
            if not part.is_built
            else changed("the image of the service", "name")
        )
    text = value.text.strip()
    host = text.partition("/")[0]
    if part.is_built and not ("." in host or (":" in host and "/" in text)):
        return changed("left out: it is built, and pushed to the ECR repository of the service", "build")
    return put_source_image(value, block)


def _beside(value: SourceValue, block: Block) -> str:
    """The path of a file or folder as the spec has to write it. Raises UnfitError for an address."""
    _, part = part_of(block)
    if "://" in value.text or value.text.startswith("git@"):
        raise UnfitError("must be a folder of the repository: fsdcf does not build from an address")
    if value.text.startswith("~"):
        raise UnfitError("must be a path in the repository")
    return block.draft.beside(posixpath.normpath(posixpath.join(part.folder(value), value.text)))


def _context(value: SourceValue, block: Block) -> KeyOutcome | None:
    _, part = part_of(block)
    block.put("build.context", _beside(value, block))
    if part.dockerfile[0]:
        block.put("build.dockerfile", block.draft.beside(part.dockerfile[0]))
        return None
    inline = part.value.get("build.dockerfile_inline") is not None
    if inline or part.value.get("build.dockerfile") is not None:
        return None
    return changed("its Dockerfile cannot be read here: add `build.dockerfile`", "build.context")


def put_dockerfile(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put the Dockerfile of a service, if it can be read, at ``build.dockerfile``. Raises UnfitError."""
    _, part = part_of(block)
    if part.dockerfile[0]:
        block.put("build.dockerfile", block.draft.beside(part.dockerfile[0]))
        return carried("build.dockerfile")
    if posixpath.normpath(value.text) == "Dockerfile":
        return changed("it cannot be read here: when it is there, add it as `build.dockerfile`", "build.context")
    return not_carried("the file cannot be read here: add it as `build.dockerfile`, relative to the spec")


def pairs_of(value: SourceValue) -> list[tuple[str, str | None, SourceValue]]:
    """The names and texts of a map, or of a list of ``NAME=TEXT``. Raises UnfitError for another value."""
    if isinstance(value.data, dict):
        return [(name, None if each.data is None else each.text, each) for name, each in value.children()]
    found = []
    for each in value.items():
        name, sign, text = each.text.partition("=")
        found.append((name, text if sign else None, each))
    return found


def _is_secret(value: SourceValue) -> bool:
    """Whether the value of a secret variable is a part of a value."""
    node = value.source.node(value.path) if isinstance(value.source, MergedSource) else None
    return bool(node and node.variables and node.variables.secret)


def _arguments(value: SourceValue, block: Block) -> Block | None:
    for name, text, each in pairs_of(value):
        if text is None:
            note(each, block, changed("the builder takes it from its own environment", "build.args"))
        elif not re.fullmatch(VARIABLE, name):
            note(each, block, not_carried(f"a build argument must match {VARIABLE}"))
        elif contains_secret(text, name) or _is_secret(each):
            reason = "the value looks like a secret, which stays in the image: use `build.secrets`"
            note(each, block, not_carried(reason))
        else:
            block.put_at("build.args", name, literal(text))
            note(each, block, carried(f"build.args.{name}"))
    return None


def _build_secret(value: SourceValue, block: Block) -> KeyOutcome:
    name = value.text if not isinstance(value.data, dict) else str(value.data.get("source") or "")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise UnfitError("must be the name of a secret")
    entry: dict[str, Any] = {"id": name}
    top = value.source.root.get("secrets")
    declared = dict(top.children()).get(name) if top else None
    _, part = part_of(block)
    file, variable = (declared.get("file"), declared.get("environment")) if declared else (None, None)
    if file is not None and file.is_text():
        entry["file"] = block.draft.beside(posixpath.normpath(posixpath.join(part.folder(file), file.text)))
    else:
        text = variable.text if variable is not None and variable.is_text() else ""
        fallback = re.sub(r"\W", "_", name).upper()
        entry["environment"] = (
            text if re.fullmatch(VARIABLE, text) else f"_{fallback}" if fallback[0].isdigit() else fallback
        )
    block.add("build.secrets", entry)
    return carried("build.secrets")


def _command(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if _is_secret(value):
            raise UnfitError("contains the value of a secret: let the program read it from a variable of `secrets`")
        if isinstance(value.data, list):
            if any(_is_secret(each) for each in value.items()):
                raise UnfitError("contains the value of a secret: let the program read it from a variable of `secrets`")
            words = value.words
        else:
            words = split_words(value)
        if not words:
            return changed("it is empty, which means that of the image")
        different = put_words(block, to, words)
        return changed(different) if different else None

    return convert


def _plain_text(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        if not value.text or contains_secret(value.text):
            raise UnfitError("must be a text, and not a secret")
        block.put(to, literal(value.text))

    return convert


def _target(value: SourceValue, block: Block) -> KeyOutcome | None:
    _, part = part_of(block)
    stages = re.findall(r"(?mi)^\s*FROM\s.*\sAS\s+(\S+)", part.dockerfile[1])
    if part.dockerfile[0] and value.text.lower() not in map(str.lower, stages):
        return not_carried("the Dockerfile has no stage of this name")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", value.text):
        raise UnfitError("must be the name of a stage")
    block.put("build.target", value.text)
    return None


def _platform(value: SourceValue, block: Block) -> KeyOutcome | None:
    system, _, architecture = value.text.lower().partition("/")
    if system != "linux":
        raise UnfitError("must be linux/amd64 or linux/arm64: fsdcf runs Linux containers")
    if architecture.startswith(("arm64", "aarch64")):
        block.put("resources.architecture", "arm64")
    elif architecture not in ("amd64", "x86_64", ""):
        raise UnfitError("must be linux/amd64 or linux/arm64")
    return None


def _one_ulimit(value: SourceValue, block: Block) -> KeyOutcome:
    return put_limit(value.name, value.number, value.number, block)


def _ulimit(value: SourceValue, block: Block) -> Block | None:
    soft, hard = value.get("soft"), value.get("hard")
    if soft is None or hard is None:
        raise UnfitError("must have `soft` and `hard`")
    note(value, block, put_limit(value.name, soft.number, hard.number, block))
    return None


def _capability(value: SourceValue, block: Block) -> KeyOutcome:
    return put_capability("drop" if value.path[-2] == "cap_drop" else "add", value.text, block)


def _tmpfs(value: SourceValue, block: Block) -> KeyOutcome | None:
    path, _, options = value.text.partition(":")
    return put_tmpfs(block, path, [each for each in options.split(",") if each])


def put_tmpfs(block: Block, path: str, options: list[str]) -> KeyOutcome:
    """Put a mount of memory, whose ``options`` may have a size, at ``tmpfs``. Raises UnfitError."""
    size = next((mebibytes(each[5:]) for each in options if each.startswith("size=")), None)
    others = [each for each in options if not each.startswith("size=")]
    if not path.startswith("/"):
        raise UnfitError("must be an absolute path in the container")
    entry: dict[str, Any] = {"path": path, "size": max(1, round(size)) if size is not None else 64}
    block.add("tmpfs", entry | ({"options": others} if others else {}))
    return carried("tmpfs") if size is not None else changed("64 MiB, since Fargate needs a size", "tmpfs")


def _shared_memory(value: SourceValue, block: Block) -> KeyOutcome:
    block.add("tmpfs", {"path": "/dev/shm", "size": max(1, round(mebibytes(value.data)))})  # noqa: S108 - a mount
    return changed("as memory that is mounted there", "tmpfs")


# Variables and secrets


def _environment(value: SourceValue, block: Block) -> Block | None:
    _, part = part_of(block)
    for name, child in value.children():
        if isinstance(child.data, (dict, list)) or (name == "[]" and not isinstance(child.data, str)):
            note(child, block, not_carried("must be NAME=VALUE"))
            continue
        key = str(child.data).partition("=")[0] if name == "[]" else name
        variable = part.variables.get(key)
        if variable is not None and variable.value.path == child.path:
            note(child, block, put_connected(block, variable))
        else:
            note(child, block, changed("a later entry has precedence", f"environment.{key}"))
    return None


def _env_file(value: SourceValue, block: Block) -> KeyOutcome | None:
    _, part = part_of(block)
    required = value.get("required")
    _, text = part.file_with_variables(value)
    own = [each for each in part.variables.values() if each.value.path == value.path]
    if not text and not own:
        if required is not None and str(required.data).lower() == "false":
            return changed("the file does not exist, and is not required", "environment")
        return not_carried("the file cannot be read here: write its variables into `environment` and `secrets`")
    outcomes = {each.name: put_connected(block, each) for each in own}
    lost = [name for name, outcome in outcomes.items() if outcome.treatment is Treatment.NOT_CARRIED]
    notes = {name: outcome.note for name, outcome in outcomes.items() if outcome.note}
    if lost:
        return not_carried(
            f"its variables are in the spec, except {'; '.join(f'{name}: {notes[name]}' for name in lost)}"
        )
    if notes:
        return changed("; ".join(f"{name}: {reason}" for name, reason in notes.items()), "environment secrets")
    return changed("its variables are in the spec", "environment")


def _env_file_entry(value: SourceValue, block: Block) -> Block:
    note(value, block, _env_file(value, block) or carried("environment"))
    return block


def _secret(value: SourceValue, block: Block) -> KeyOutcome:
    name = value.text if not isinstance(value.data, dict) else str(value.data.get("source") or "")
    draft, part = part_of(block)
    path = f"/run/secrets/{name}"
    if isinstance(value.data, dict) and isinstance(target := value.data.get("target"), str):
        path = target if target.startswith("/") else f"/run/secrets/{target}"
    pointing = [each.name for each in part.variables.values() if each.text == path]
    for other in (draft.plan.services[each] for each in part.uses):
        if other.role is ComposeRole.DEPENDENCY and name in _secret_names(other):
            return not_carried(
                f"AWS makes the password of `{other.name}`: the program has to read it from a variable of the"
                f" dependency, and not from {path}"
            )
    variable = pointing[0].removesuffix("_FILE") if pointing else re.sub(r"\W", "_", name).upper()
    if not re.fullmatch(VARIABLE, variable):
        raise UnfitError("must be the name of a secret")
    return changed(f"ECS gives it as the variable {variable}, and not as the file {path}", store(block, variable))


def _secret_entry(value: SourceValue, block: Block) -> Block:
    note(value, block, _secret(value, block))
    return block


def _secret_names(other: ComposeService) -> list[str]:
    found = []
    for each in listed(other.value.get("secrets")):
        found.append(str(each.data.get("source")) if isinstance(each.data, dict) else str(each.data))
    return found


# Health checks


def _test(value: SourceValue, block: Block) -> KeyOutcome | None:
    words = _check_words(value)
    if words == ["NONE"]:
        return changed("ECS ignores the check of an image", _check(block))
    block.put(f"{_check(block)}.command", [literal(word) for word in words])
    return carried(f"{_check(block)}.command")


def _check_words(value: SourceValue) -> list[str]:
    """The command of a health check as ECS has it. Raises UnfitError."""
    if isinstance(value.data, list):
        words = value.words
        if words[:1] != ["NONE"] and (words[:1] not in (["CMD"], ["CMD-SHELL"]) or len(words) < 2):
            raise UnfitError("must begin with CMD, CMD-SHELL or NONE")
    else:
        words = ["CMD-SHELL", value.text]
    check_no_secret(words)
    if any(map(_is_secret, [value, *listed(value)])):
        raise UnfitError("contains a secret: let the check read it from a variable of `secrets`")
    return words


def _has_check(part: ComposeService) -> bool:
    """Whether the spec has the check of a container."""
    test, disabled = part.value.get("healthcheck.test"), part.value.get("healthcheck.disable")
    if test is None or (disabled is not None and str(disabled.data).lower() == "true"):
        return False
    try:
        return _check_words(test) != ["NONE"]
    except UnfitError:
        return False


_NO_CHECK = "ECS ignores the check of an image: write its command as `healthCheck.container.command`"


def _check(block: Block) -> str:
    return "healthCheck" if block.at[-2:-1] == ("sidecars",) else "healthCheck.container"


def _check_seconds(name: str, low: int, high: int) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        _, part = part_of(block)
        if not _has_check(part):
            return not_carried(_NO_CHECK)
        to = f"{_check(block)}.{name}"
        return put_seconds(to, low, high)(value, block) or carried(to)

    return convert


def _retries(value: SourceValue, block: Block) -> KeyOutcome:
    _, part = part_of(block)
    if not _has_check(part):
        return not_carried(_NO_CHECK)
    to = f"{_check(block)}.retries"
    return put_number(to, 1, 10)(value, block) or carried(to)


def must_be_pairs(value: SourceValue, block: Block) -> None:
    """A conversion of a value with another form than a map or a list of pairs. Raises UnfitError."""
    raise UnfitError("must be a map, or a list of NAME=VALUE")


def put_already(value: SourceValue, block: Block) -> None:
    """What another conversion has put into the block."""


_BUILDS = "it is about the speed or the place of a build"
_RUNNER = "fsdcf ci has no such option: build with `docker buildx build` in the workflow"

BUILD = (
    SourceKey("build", "build.context", convert=_context),
    SourceKey("build.context", "build.context", convert=_context),
    SourceKey("build.dockerfile", "build.dockerfile", convert=put_dockerfile),
    SourceKey("build.dockerfile_inline", note="write it into a file, and name that as `build.dockerfile`"),
    SourceKey(
        "build.args",
        "build.args",
        convert=must_be_pairs,
        table=Table(TITLE, SourceKey("*", "build.args")),
        enter=_arguments,
    ),
    SourceKey("build.target", "build.target", convert=_target),
    SourceKey("build.secrets[]", "build.secrets", convert=_build_secret),
    SourceKey("build.ssh", note=_RUNNER, whole=True),
    SourceKey("build.labels", note=_RUNNER, whole=True),
    SourceKey("build.cache_from", needless=True, note=_BUILDS, whole=True),
    SourceKey("build.cache_to", needless=True, note=_BUILDS, whole=True),
    SourceKey("build.no_cache", needless=True, note=_BUILDS),
    SourceKey("build.additional_contexts", note=_RUNNER, whole=True),
    SourceKey("build.network", needless=True, note=_BUILDS),
    SourceKey("build.pull", needless=True, note=_BUILDS),
    SourceKey("build.shm_size", needless=True, note=_BUILDS),
    SourceKey("build.extra_hosts", needless=True, note=_BUILDS, whole=True),
    SourceKey("build.isolation", needless=True, note=_BUILDS),
    SourceKey("build.privileged", note=_RUNNER),
    SourceKey("build.entitlements", note=_RUNNER, whole=True),
    SourceKey("build.tags", needless=True, note="`--image-sha` of a deploy names the tag", whole=True),
    SourceKey("build.ulimits", needless=True, note=_BUILDS, whole=True),
    SourceKey("build.platforms[]", "resources.architecture", "a task has one architecture", convert=_platform),
)
CONTAINER = (
    SourceKey("image", "image", convert=_image),
    SourceKey("command", "command", convert=_command("command")),
    SourceKey("entrypoint", "entryPoint", convert=_command("entryPoint")),
    SourceKey("working_dir", "workingDirectory", convert=_plain_text("workingDirectory")),
    SourceKey("user", "user", convert=_plain_text("user")),
    SourceKey(
        "environment",
        "environment",
        convert=must_be_pairs,
        table=Table(TITLE, SourceKey("*", "environment")),
        enter=_environment,
    ),
    SourceKey("env_file", "environment", "its variables are in the spec", convert=_env_file),
    SourceKey(
        "env_file[]",
        "environment",
        "its variables are in the spec",
        convert=_env_file,
        table=Table(
            TITLE,
            SourceKey("path", "environment", convert=put_already),
            SourceKey("required", "environment", convert=put_already),
            SourceKey("format", "environment", convert=put_already),
        ),
        enter=_env_file_entry,
    ),
    SourceKey(
        "secrets[]",
        "secrets",
        "as a variable, and not as a file",
        convert=_secret,
        table=Table(
            TITLE,
            SourceKey("source", "secrets", convert=put_already),
            SourceKey("target", "secrets", convert=put_already),
            *(SourceKey(name, needless=True, note="there is no file") for name in ("uid", "gid", "mode")),
        ),
        enter=_secret_entry,
    ),
    SourceKey("init", "initProcess", convert=put_true("initProcess")),
    SourceKey("read_only", "readonlyRootFilesystem", convert=put_true("readonlyRootFilesystem")),
    SourceKey("stop_grace_period", "stopTimeout", convert=put_seconds("stopTimeout", 2, 120)),
    SourceKey(
        "ulimits.*",
        "ulimits",
        convert=_one_ulimit,
        table=Table(TITLE, SourceKey("soft", "ulimits"), SourceKey("hard", "ulimits")),
        enter=_ulimit,
    ),
    SourceKey("cap_add[]", "capabilities.add", convert=_capability),
    SourceKey("cap_drop[]", "capabilities.drop", convert=_capability),
    SourceKey("tmpfs", "tmpfs", convert=_tmpfs),
    SourceKey("tmpfs[]", "tmpfs", convert=_tmpfs),
    SourceKey("shm_size", "tmpfs", "as memory that is mounted there", convert=_shared_memory),
    SourceKey("healthcheck.test", "healthCheck.container.command", convert=_test, whole=True),
    SourceKey("healthcheck.interval", "healthCheck.container.interval", convert=_check_seconds("interval", 5, 300)),
    SourceKey("healthcheck.timeout", "healthCheck.container.timeout", convert=_check_seconds("timeout", 2, 60)),
    SourceKey("healthcheck.retries", "healthCheck.container.retries", convert=_retries),
    SourceKey(
        "healthcheck.start_period", "healthCheck.container.startPeriod", convert=_check_seconds("startPeriod", 0, 300)
    ),
    SourceKey("healthcheck.start_interval", needless=True, note="ECS checks at `interval` from the beginning"),
    SourceKey("healthcheck.disable", needless=True, note="ECS ignores the check of an image"),
    SourceKey("platform", "resources.architecture", convert=_platform),
)

"""Rules about the container: image, variables, secrets, volumes, what excludes what, tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from fsdcf.conventions import TAG_PREFIX
from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.blind import said
from fsdcf.language.dependency import file_systems
from fsdcf.language.model import DESCRIPTION_BYTES, Statement, Ulimit, Volume
from fsdcf.language.placeholders import sample
from fsdcf.language.rules.case import Case

IMAGE = Rule(
    "S201",
    "an image with a tag or digest, or no repository",
    "`image` names a repository. Which image of it runs is the template's parameter ImageSha, so that the same template serves "
    "every deploy and a rollback changes nothing else.",
)
EXEC = Rule(
    "S211",
    "ECS Exec with a read-only root",
    "ECS Exec writes its agent into the container's root file system, so that it cannot work with readonlyRootFilesystem.",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html",
)
VOLUME = Rule(
    "S217",
    "a volume that cannot be mounted",
    "Volume names and mount paths are unique, and an EFS volume is either a file system's id or a dependency's name.",
)
TWICE = Rule(
    "S218",
    "a variable from two places",
    "ECS refuses a variable that is both in `environment` and in `secrets`, or in one of them twice.",
)
ULIMIT = Rule(
    "S226", "a soft limit over its hard limit", "The kernel refuses a soft limit that is over the hard limit."
)
TAG = Rule(
    "S220",
    "a tag that AWS refuses",
    "Tags have keys of 1 to 128 and values of 1 to 256 characters: letters, digits, spaces and _ . : / = + - @; `aws:` is "
    "reserved, and a resource has 50 tags at most. `fsdcf:` is ours: it tells whose stack it is. IAM knows no case in keys.",
    "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
)
DESCRIPTION = Rule(
    "S233",
    "a description that is too long",
    f"CloudFormation takes 1,024 bytes of description, and the name and the environment lead it: {DESCRIPTION_BYTES} bytes in UTF-8 "
    "are left, where a letter outside ASCII takes two or more.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
)
CODES = Rule(
    "S225", "HTTP codes out of range", "An application load balancer takes 200 to 499, and a range from low to high."
)
CONDITION = Rule(
    "S241",
    "a condition that IAM cannot read",
    "`conditions` holds maps by operator, each with values by context key: text, numbers, booleans, or lists of them.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html",
)
RULES = (IMAGE, EXEC, VOLUME, TWICE, ULIMIT, TAG, DESCRIPTION, CODES, CONDITION)

_REPOSITORY = re.compile(r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*")
_TAG_TEXT = re.compile(r"[\w .:/=+@-]*")


def image(case: Case) -> Iterator[Diagnostic]:
    written = case.spec.service.image
    if written is None:
        return
    text = sample(written)
    last = text.rsplit("/", 1)[-1]
    if "@" in text or ":" in last:
        bare = text.split("@")[0]
        bare = bare.rsplit(":", 1)[0] if ":" in bare.rsplit("/", 1)[-1] else bare
        hint = f"write `{bare}`; the tag or digest is the parameter ImageSha, given at deploy time"
        yield case.at(IMAGE, "service.image", "the image bears a tag or digest", hint)
    elif not _REPOSITORY.fullmatch(text):
        hint = "write a repository such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/my-service"
        yield case.at(IMAGE, "service.image", f"`{text}` is not a repository", hint)


def exec_needs_root(case: Case) -> Iterator[Diagnostic]:
    service = case.spec.service
    if service.enable_execute_command and service.readonly_root_filesystem:
        hint = "set one of enableExecuteCommand and readonlyRootFilesystem to false"
        yield case.at(
            EXEC, "service.enableExecuteCommand", "ECS Exec cannot work with a read-only root file system", hint
        )


def volumes(case: Case) -> Iterator[Diagnostic]:
    names: set[str] = set()
    systems = set(file_systems(case.spec))
    for index, volume in enumerate(case.spec.service.volumes):
        root = ("service", "volumes", index)
        yield from said(_volume_name(case, root, volume, names))
        yield from said(_efs_volume(case, root, volume, systems))


def _volume_name(case: Case, root: SpecPath, volume: Volume, names: set[str]) -> Iterator[Diagnostic]:
    if volume.name in names:
        yield case.at(VOLUME, (*root, "name"), f"`{volume.name}` is used by two volumes", "choose another name")
    names.add(volume.name)


def _efs_volume(case: Case, root: SpecPath, volume: Volume, systems: set[str]) -> Iterator[Diagnostic]:
    efs = volume.efs
    if efs is None:
        return
    if (efs.file_system_id is None) == (efs.dependency is None):
        hint = "write fileSystemId for an existing file system, or dependency for one of `dependencies`"
        yield case.at(VOLUME, (*root, "efs"), "an EFS volume needs either fileSystemId or dependency", hint, key=True)
    if efs.dependency is not None and efs.dependency not in systems:
        hint = f"there are {', '.join(sorted(systems))}" if systems else "add an aws_efs_file_system dependency"
        yield case.at(VOLUME, (*root, "efs", "dependency"), f"no file system `{efs.dependency}`", hint)
    if efs.dependency is not None and efs.root_directory not in (None, "/"):
        hint = "leave it out: the dependency's access point decides the directory"
        yield case.at(
            VOLUME, (*root, "efs", "rootDirectory"), "an access point and rootDirectory exclude each other", hint
        )


def variables(case: Case) -> Iterator[Diagnostic]:
    service = case.spec.service
    counts = Counter(secret.name for secret in service.secrets)
    for index, secret in enumerate(service.secrets):
        if secret.name in service.environment or counts[secret.name] > 1:
            where = "environment" if secret.name in service.environment else "secrets"
            path = ("service", "secrets", index, "name")
            yield case.at(TWICE, path, f"`{secret.name}` is also set in `{where}`", "keep one of them")


def ulimits(case: Case) -> Iterator[Diagnostic]:
    for index, limit in enumerate(case.spec.service.ulimits):
        yield from said(_ulimit(case, ("service", "ulimits", index, "softLimit"), limit))


def _ulimit(case: Case, path: SpecPath, limit: Ulimit) -> Iterator[Diagnostic]:
    soft, hard = limit.soft_limit, limit.hard_limit
    if hard != -1 and (soft > hard or soft == -1):
        yield case.at(ULIMIT, path, f"softLimit {soft} is over hardLimit {hard}", "lower softLimit")


def tags(case: Case) -> Iterator[Diagnostic]:
    written = case.spec.metadata.tags
    cases = Counter(key.lower() for key in written)
    for key, text in written.items():
        path = ("metadata", "tags", key)
        if key.lower().startswith(("aws:", TAG_PREFIX)):
            yield case.at(TAG, path, f"`{key}` begins with a reserved prefix", "choose another key", key=True)
        elif not 1 <= len(key) <= 128 or not _TAG_TEXT.fullmatch(key):
            yield case.at(
                TAG,
                path,
                f"`{key}` cannot be a tag's key",
                "1 to 128 letters, digits, spaces and _ . : / = + - @",
                key=True,
            )
        elif cases[key.lower()] > 1:
            yield case.at(
                TAG, path, f"two tags are called `{key.lower()}`, and IAM knows no case", "keep one of them", key=True
            )
        if not 1 <= len(text) <= 256 or not _TAG_TEXT.fullmatch(text):
            yield case.at(
                TAG, path, f"`{text}` cannot be a tag's value", "1 to 256 letters, digits, spaces and _ . : / = + - @"
            )
    if len(written) > 44:
        yield case.at(
            TAG, "metadata.tags", f"{len(written)} tags and six of fsdcf's are over 50", "keep 44 at most", key=True
        )
    metadata = case.spec.metadata
    owners = (metadata.owners,) if isinstance(metadata.owners, str) else metadata.owners
    for name, text in (("pack", metadata.pack), ("owners", " ".join(owners))):
        if len(text) > 256 or not _TAG_TEXT.fullmatch(text):
            yield case.at(
                TAG,
                f"metadata.{name}",
                f"`{name}` cannot be a tag's value",
                "at most 256 letters, digits, spaces and _ . : / = + - @",
            )


def description(case: Case) -> Iterator[Diagnostic]:
    size = len(case.spec.metadata.description.encode(errors="replace"))
    if size > DESCRIPTION_BYTES:
        yield case.at(
            DESCRIPTION, "metadata.description", f"the description has {size} bytes", f"at most {DESCRIPTION_BYTES}"
        )


def success_codes(case: Case) -> Iterator[Diagnostic]:
    for part in str(case.spec.service.health_check.success_codes).split(","):
        low, _, high = part.partition("-")
        if not 200 <= int(low) <= int(high or low) <= 499:
            yield case.at(
                CODES,
                "service.healthCheck.successCodes",
                f"`{part}` is no range within 200 to 499",
                "such as 200, `200,204` or `200-299`",
            )


def conditions(case: Case) -> Iterator[Diagnostic]:
    for role, found in (("taskRole", case.spec.service.task_role), ("executionRole", case.spec.service.execution_role)):
        for number, statement in enumerate(found.statements):
            yield from said(_conditions(case, ("service", role, "statements", number, "conditions"), statement))


def _conditions(case: Case, path: SpecPath, statement: Statement) -> Iterator[Diagnostic]:
    hint = "such as `StringEquals: {aws:ResourceTag/team: shop}`"
    for operator, keys in statement.conditions.items():
        if not isinstance(keys, dict) or not keys:
            yield case.at(CONDITION, (*path, operator), f"`{operator}` holds no context keys", hint, key=True)
            continue
        for key, values in keys.items():
            listed = values if isinstance(values, list) else [values]
            if not listed or any(one is None or isinstance(one, (dict, list)) for one in listed):
                yield case.at(
                    CONDITION, (*path, operator, key), f"`{key}` holds no value that IAM can compare", hint, key=True
                )


CHECKS = (image, exec_needs_root, volumes, variables, ulimits, tags, description, success_codes, conditions)

"""Values that several formats share: durations, numbers, sizes of tasks, variables and secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import ceil

from fsdcf.cloudformation.limits import FARGATE_MEMORY
from fsdcf.conventions import TAG_PREFIX
from fsdcf.importers.draft import Block
from fsdcf.importers.keys import Convert
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.language.model.common import VARIABLE
from fsdcf.language.model.container import SECRET_SOURCE
from fsdcf.language.placeholders import STORED_NAMES
from fsdcf.masking import contains_secret

PLACEHOLDER = re.compile(r"\$\{[^{}]*\}")
"""A placeholder in a text of a spec."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_LONGEST_DURATION = 50


def seconds(value: SourceValue) -> int:
    """A duration such as ``1m30s``, or a number of seconds, in whole seconds, rounded up. Raises UnfitError."""
    if not isinstance(value.data, str):
        return value.number
    text = value.data.strip()
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    if len(text) > _LONGEST_DURATION or not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise UnfitError("must be a duration such as 30s or 1m30s")
    return ceil(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def put_seconds(to: str, low: int = 0, high: int = 10**9) -> Convert:
    """A conversion that puts a duration, in seconds, at a key that accepts the numbers from ``low`` to ``high``."""
    return _nearest(to, low, high, seconds, " seconds")


def put_number(to: str, low: int = 0, high: int = 10**9) -> Convert:
    """A conversion that puts a whole number at a key that accepts the numbers from ``low`` to ``high``."""
    return _nearest(to, low, high, lambda value: value.number)


def _nearest(to: str, low: int, high: int, read: Callable[[SourceValue], int], unit: str = "") -> Convert:
    """A conversion that puts the nearest number that a key accepts."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        number = read(value)
        fitting = min(max(number, low), high)
        block.put(to, fitting)
        if fitting == number:
            return None
        limit = "less than the minimum" if number < low else "more than the maximum"
        return changed(f"{number}{unit} is {limit}: {fitting}", to)

    return convert


def put_flag(to: str) -> Convert:
    """A conversion that puts a boolean."""
    return lambda value, block: block.put(to, value.flag)


def put_opposite(to: str) -> Convert:
    """A conversion that puts a boolean that means the opposite in a spec."""
    return lambda value, block: block.put(to, not value.flag)


def put_true(to: str) -> Convert:
    """A conversion that puts a boolean at a key whose default is false."""
    return lambda value, block: block.put(to, True) if value.flag else None


def put_port(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put a TCP port, such as ``8080`` or ``8080/tcp``, at ``port``. Raises UnfitError."""
    text = value.text.strip().removesuffix("/tcp")
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 2**16:
        raise UnfitError("must be a TCP port from 1 to 65535")
    block.put("port", int(text))
    return None


def literal(text: str) -> str:
    """A text of another tool as a spec has it: ``${`` does not begin a placeholder there."""
    return text.replace("${", "$${")


_TAG_TEXT = r"[\w .:/=+@-]"
"""Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html"""


def put_tag(name: str, text: str, block: Block) -> KeyOutcome:
    """Put a tag, whose text is one of the spec, at the tags of the spec."""
    if name.lower().startswith(("aws:", TAG_PREFIX)):
        return not_carried("a tag that begins with `aws:` or `fsdcf:` belongs to AWS or fsdcf")
    sample = PLACEHOLDER.sub("x", text)
    if not (re.fullmatch(rf"{_TAG_TEXT}{{1,128}}", name) and re.fullmatch(rf"{_TAG_TEXT}{{1,256}}", sample)):
        return not_carried("it is empty or too long, or has characters that a tag cannot have everywhere in AWS")
    if contains_secret(text, name):
        return not_carried("it looks like a secret, which a tag must not contain")
    block.draft.root.put_at("metadata.tags", name, text)
    return carried(".metadata.tags")


def fargate_size(cpu: float | None, memory: float | None) -> tuple[int, int]:
    """The smallest size of a task on Fargate with at least this many CPU units and MiB.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
    """
    sizes = [(units, size) for units, fitting in FARGATE_MEMORY.items() for size in fitting]
    enough = [size for size in sizes if size[0] >= (cpu or 0) and size[1] >= (memory or 0)]
    return min(enough) if enough else max(sizes)


def put_size(block: Block, cpu: float | None, memory: float | None) -> str:
    """Put the size of a task at ``resources``. Returns what is different from the given size; empty if nothing is."""
    if cpu is None and memory is None:
        return ""
    units, size = fargate_size(cpu, memory)
    block.put("resources.cpu", units)
    block.put("resources.memory", size)
    if (units, size) == (cpu, memory):
        return ""
    return f"Fargate has no task with {cpu or 'any'} CPU units and {memory or 'any'} MiB: {units} and {size}"


def put_variable(block: Block, name: str, text: str) -> KeyOutcome:
    """Put an environment variable at ``environment``, or at ``secrets`` if its value looks like a secret.

    The text is one of the spec, whose placeholders count: ``literal`` makes one of another tool's. The value of a
    secret is not written anywhere: the user stores it.
    """
    if not re.fullmatch(VARIABLE, name):
        return not_carried(f"a variable must match {VARIABLE}: rename it, here and in the program")
    if (source := _referenced(text)) and re.fullmatch(SECRET_SOURCE, source):
        put_secret(block, name, source)
        return changed("ECS reads the value when a task starts", "secrets")
    if contains_secret(text, name) or "{{resolve:" in text:
        place = store(block, name)
        note = "the value looks like a secret, which a spec must not contain: store a new one with `fsdcf secret set`"
        return changed(note, place)
    if secrets := [entry for entry in block.get("secrets") or () if entry["name"] != name]:
        block.put("secrets", secrets)
    else:
        block.data.pop("secrets", None)
    block.put_at("environment", name, text)
    return carried(f"environment.{name}")


def _referenced(text: str) -> str:
    """What a dynamic reference of CloudFormation refers to, as ``valueFrom`` has it; empty for any other text.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    """
    found = re.fullmatch(r"\s*\{\{resolve:(secretsmanager|ssm|ssm-secure):([^{}]{1,2048})\}\}\s*", text)
    if not found:
        return ""
    body = found[2]
    if found[1] != "secretsmanager":
        parameter = body.partition(":")[0]
        return parameter if parameter.startswith("/") else f"ssm:{parameter}"
    arn = re.match(r"arn(?::[^:]*){6}", body)
    secret = arn[0] if arn else body.partition(":")[0]
    key = body[len(secret) + 1 :].partition(":")[2]
    return f"{secret if arn else f'secretsmanager:{secret}'}:{key}".rstrip(":")


def store(block: Block, name: str) -> str:
    """Make a variable a secret of the Parameter Store whose value the user stores. Returns its key."""
    draft = block.draft
    put_secret(block, name, f"/{draft.name}/${{ENV}}/{name}")
    draft.to_store.append(name)
    return "secrets"


def put_secret(block: Block, name: str, source: str) -> None:
    """Put a secret variable at ``secrets``, in the place of one of the same name, and of a variable."""
    (block.get("environment") or {}).pop(name, None)
    for index, entry in enumerate(block.get("secrets") or ()):
        if entry["name"] == name:
            block.below("secrets", index).put("valueFrom", source)
            return
    block.add("secrets", {"name": name, "valueFrom": source})


def secret_source(text: str) -> str:
    """Where a secret is, as a spec names it: an ARN as it is, the name of a parameter as ``/path`` or ``ssm:name``."""
    text = text.strip()
    if not text.startswith(("arn:", "/")) and re.fullmatch(STORED_NAMES["ssm"], text):
        return f"ssm:{text}"
    if not re.fullmatch(SECRET_SOURCE, text):
        raise UnfitError("must be the ARN of a secret, or the name or ARN of a parameter")
    return text

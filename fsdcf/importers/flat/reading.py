"""The values of the flat dialect: spellings, sizes, shares, and its placeholders as those of a spec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fsdcf.importers import values
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.keys import Convert, Enter, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.language.placeholders import STORED_NAMES

TITLE = "the flat dialect"


@dataclass(eq=False, repr=False)
class FlatDraft(Draft):
    """The spec of a document.

    ``shared`` are the environments that the service joins, and ``balancer`` its load balancer in them. ``has_role``: it
    runs with a role that exists, to which the stack adds no statements. ``overrides``: it is the spec of an environment
    that the document has a part for, to be compared.
    """

    shared: tuple[Draft, ...] = ()
    balancer: str = "public"
    has_role: bool = False
    overrides: bool = False


def flat(block: Block) -> FlatDraft:
    """The draft of a block."""
    if not isinstance(block.draft, FlatDraft):
        raise TypeError("a block of another format")
    return block.draft


def add_statement(block: Block, statement: dict[str, Any]) -> str:
    """Add a statement to the role of the task, once. Returns where it is; empty if the role is an existing one."""
    draft = flat(block)
    if draft.has_role:
        return ""
    service = draft.block
    if statement not in (service.get("taskRole.statements") or ()):
        service.add("taskRole.statements", statement)
    return f".{service.key('taskRole.statements')}"


def document_of(value: SourceValue) -> SourceValue:
    """The document that a value is in: a whole file, or an item of its ``services``."""
    path = value.path[:2] if _is_item(value) else ()
    return at(value, path)


def _is_item(value: SourceValue) -> bool:
    return value.path[:1] == ("services",) and len(value.path) > 1


def at(value: SourceValue, path: tuple[str | int, ...]) -> SourceValue:
    """The value at a path of the same source."""
    data: Any = value.source.data
    for step in path:
        data = data[step]
    return SourceValue(value.source, path, data)


def above(value: SourceValue) -> SourceValue:
    """The map or list that a value is in."""
    return at(value, value.path[:-1])


def snake(name: str) -> str:
    """The spelling of a key in the tables: ``healthCheck`` and ``health-check`` are ``health_check``."""
    return _HUMP.sub("_", name[:_LONGEST_KEY]).replace("-", "_").lower()


_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_KEY = 200


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def keys(
    paths: str, to: str = "", convert: Convert | None = None, note: str = "", *, whole: bool = False
) -> Iterator[SourceKey]:
    """The same key under several names, which are separated by spaces."""
    return (SourceKey(path, to, note, convert, whole=whole) for path in paths.split())


def get(value: SourceValue | None, *names: str) -> SourceValue | None:
    """The first entry of a map that has one of the names in any spelling; None if there is none, or if it is null."""
    if value is None or not isinstance(value.data, dict):
        return None
    found = {snake(name): child for name, child in value.children() if child.data is not None}
    return next((found[name] for name in names if name in found), None)


def nothing(value: SourceValue, block: Block) -> None:
    """The key is the form of the document, or the default of a spec."""


def text(to: str) -> Convert:
    """A conversion of a text, with its placeholders."""
    return lambda value, block: block.put(to, translated(value, value.text))


def texts(to: str) -> Convert:
    """A conversion of a list of texts, or of one, with their placeholders."""
    return lambda value, block: block.put(to, [translated(each, each.text) for each in listed(value)])


def listed(value: SourceValue) -> list[SourceValue]:
    """The items of a list; another value is a list of one."""
    return value.items() if isinstance(value.data, list) else [value]


def percent(value: SourceValue) -> int:
    """A share in percent: 70, 0.7, "70" or "70%". Raises UnfitError."""
    given = value.text.strip().removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", given):
        raise UnfitError("must be a number of percent")
    share = float(given)
    return min(max(round(share * 100 if share <= 1 and "." in given else share), 1), 100)


_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?([a-z]{0,5})")
_CPU = {"": 1, "m": 1.024, "vcpu": 1024, "vcpus": 1024, "cpu": 1024, "cpus": 1024, "core": 1024, "cores": 1024}
_MEMORY = {"": 1, "m": 1, "mb": 1, "mi": 1, "mib": 1, "g": 1024, "gb": 1024, "gi": 1024, "gib": 1024, "k": 2**-10}
_MEMORY |= {"kb": 2**-10, "ki": 2**-10, "kib": 2**-10, "t": 2**20, "tb": 2**20, "ti": 2**20, "b": 2**-20}
_MOST_VCPUS = 32
_MOST_GIB = 120


def cpu(value: SourceValue) -> float:
    """CPU units: 512, 0.5, "0.5 vCPU" and "500m" are half a vCPU. Raises UnfitError."""
    amount, unit = _amount(value, _CPU, "CPU units, or vCPUs such as 0.5")
    return amount * (1024 if not unit and amount <= _MOST_VCPUS else _CPU[unit])


def memory(value: SourceValue) -> float:
    """MiB: 1024, "1024MB", "1Gi" and 1 are one GiB. Raises UnfitError."""
    amount, unit = _amount(value, _MEMORY, "MiB, or a size such as 2GB")
    return amount * (1024 if not unit and amount <= _MOST_GIB else _MEMORY[unit])


def _amount(value: SourceValue, units: dict[str, float], expected: str) -> tuple[float, str]:
    found = _SIZE.fullmatch(value.text.strip().lower())
    if not found or found[2] not in units or not float(found[1]):
        raise UnfitError(f"must be {expected}")
    return float(found[1]), found[2]


def days(to: str, allowed: tuple[int, ...]) -> Convert:
    """A conversion of a number of days to the next one that is allowed."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        given = value.text.strip().lower()
        found = re.fullmatch(r"(\d{1,6}) ?(?:d|days?)?", given)
        if given in ("0", "never", "forever", "infinite", "never expire"):
            block.put(to, "forever")
            return None
        if not found:
            raise UnfitError("must be a number of days")
        fitting = next((each for each in allowed if each >= int(found[1])), allowed[-1])
        block.put(to, fitting)
        return (
            changed(f"CloudWatch keeps logs for {fitting} days, not for {found[1]}", to)
            if (fitting != int(found[1]))
            else None
        )

    return convert


def cron(given: str) -> str:
    """A cron expression without its ``cron()``."""
    found = re.fullmatch(r"\s*(?:cron\((.*)\)|(.*))\s*", given)
    return (found[1] or found[2] or "").strip() if found else given


def duration(value: SourceValue) -> int:
    """Whole seconds, also from ``1 hour`` and ``2 hours``. Raises UnfitError."""
    found = re.fullmatch(r"(\d{1,9}) ?(seconds?|secs?|minutes?|mins?|hours?|days?)", value.text.strip().lower())
    if found:
        return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2][0]]
    return values.seconds(value)


# Placeholders

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAMED = {
    **dict.fromkeys(("env", "environment", "stage", "environment_name", "fsd_env"), "${ENV}"),
    **dict.fromkeys(("aws_region", "region", "aws::region", "aws_default_region"), "${AWS::Region}"),
    **dict.fromkeys(
        ("aws_account", "account", "account_id", "aws_account_id", "aws::account_id", "aws::accountid"),
        "${AWS::AccountId}",
    ),
    **dict.fromkeys(("aws::partition", "partition"), "${AWS::Partition}"),
}
_HERE = "${AWS::Region}:${AWS::AccountId}"
_NAMES: dict[str, Callable[[str], str]] = {
    "ecr": lambda name: f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.amazonaws.com/{name}",
    "iam": lambda name: f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}",
    "role": lambda name: f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}",
    "sns": lambda name: f"arn:${{AWS::Partition}}:sns:{_HERE}:{name}",
    "sqs": lambda name: f"arn:${{AWS::Partition}}:sqs:{_HERE}:{name}",
}
"""What a name of AWS resources is as a text of a spec."""
_SAYS = {
    "git": "the deploy knows the commit: its option --image-sha has it",
    "sg": "a spec has the id of a security group: write it as networking.securityGroups: [sg-…]",
    "kms": "a spec has the ARN of a KMS key: write it in the place of its name",
    "batch": "AWS Batch sets it: a job of fsdcf has the time of its start, and the number of its run in no variable",
    "env": "it comes from the shell of a deploy: write ${NAME} for it, and deploy with --var NAME=…",
}
"""What works instead of a placeholder that a spec has not."""


def translated(value: SourceValue, given: str) -> str:
    """A text with its placeholders as those of a spec. Raises UnfitError for one that a spec has not."""
    return _PLACEHOLDER.sub(lambda match: _placeholder(value, match), given)


def _placeholder(value: SourceValue, match: re.Match[str]) -> str:
    inner = (match[1] or "").strip()
    head, _, rest = inner.partition(":")
    if not inner:
        return "$${"
    if inner.lower() in _NAMED:
        return _NAMED[inner.lower()]
    if head in STORED_NAMES and re.fullmatch(STORED_NAMES[head], rest.partition(":")[0]) and "${" not in rest:
        return f"${{{head}:{rest}}}"
    if head in ("secret", "secretsmanager") and re.fullmatch(STORED_NAMES["secrets"], rest.partition(":")[0]):
        return f"${{secrets:{rest}}}"
    if re.fullmatch(r"[a-z_]{1,20}:[\w./-]{1,100}:[A-Za-z_]{1,30}", inner):
        return _attribute(value, match[0], head, rest.partition(":")[0])
    if head in _NAMES and re.fullmatch(r"[\w/+=,.@-]{1,200}", rest):
        return _NAMES[head](rest)
    if head == "import" and re.fullmatch(r"[A-Za-z0-9:-]{1,255}", rest):
        return match[0]
    constant = _constant(value, inner)
    if constant is None:
        raise UnfitError(f"has a placeholder that a spec does not have, {match[0][:60]}: {_says(head, inner)}")
    return constant


def _attribute(value: SourceValue, given: str, kind: str, name: str) -> str:
    """An attribute of a dependency; the address itself of a service outside of the environment."""
    dependencies = get(document_of(value), "dependencies")
    items = [each for _, each in dependencies.children()] if dependencies else []
    for each in items:
        own = get(each, "name", f"{snake(kind)}_name", *DEPENDENCY_NAMES)
        if own is None or own.data != name:
            continue
        address, external = get(each, "endpoint", "url"), get(each, "external")
        if kind == "service" and external is not None and external.data is True and address is not None:
            return translated(address, address.text)
        return given.replace(f":{name}:", f":{named(kind, name)}:")
    if kind == "service":
        return given.replace(f":{name}:", f":{named(kind, name)}:")
    raise UnfitError(f"has {given}, and `dependencies` has no {name}: add it there")


OVERRIDES = ("environments", "environment_overrides", "env_overrides", "overrides", "stages")
"""The keys with what differs in each environment."""


def named(kind: str, name: str) -> str:
    """The name of a dependency in a spec: that of a service, database or cache has lower-case letters and hyphens."""
    if kind not in ("service", "rds", "elasticache", "aws_rds_instance", "aws_elasticache") or "${" in name:
        return name
    return re.sub(r"[^a-z0-9]+", "-", name[:40].lower()).strip("-") or name


DEPENDENCY_NAMES = (
    *("name", "table_name", "bucket_name", "queue_name", "topic_name", "stream_name", "cluster_name", "service_name"),
    *("secret_name", "parameter_name", "key_name", "database_name", "instance_name", "file_system_name", "topic"),
    *("identifier", "id", "path", "alias"),
)
"""The keys that name a dependency."""


def _says(head: str, inner: str) -> str:
    return _SAYS.get(head, "write its value, or ${NAME} and deploy with --var NAME=…")


def _constant(value: SourceValue, name: str) -> str | None:
    """The value of a variable in the document's own environment, which the document may repeat; None without one."""
    root = document_of(value)
    if snake(name) == "service_name" and (own := get(root, "name")) is not None:
        return own.text
    data = getattr(get(root, "environment", "env"), "data", None)
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, str) and "${" not in found else None


def topic(name: str) -> str:
    """The ARN of a topic of the account and region."""
    return _NAMES["sns"](name)


# Tables


def table(*found: SourceKey) -> Table:
    """A table of the dialect, in which a key has any spelling."""
    return Table(TITLE, *found, spell=snake)


def put(
    paths: str, to: str, make: Callable[..., Convert], *limits: Any, note: str = "", whole: bool = False
) -> Iterator[SourceKey]:
    """A key under several names, with a conversion to its place that ``make`` makes for that."""
    return keys(paths, to, make(to, *limits), note, whole=whole)


def items(path: str, to: str, enter: Enter) -> SourceKey:
    """The items of a list, maps or texts, each of which ``enter`` converts and reports as a whole."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome:
        enter(value, block)
        return carried(to)

    return SourceKey(path, to, convert=convert, table=ITEMS, enter=enter)


ITEMS = table()
"""The keys of an item that is converted as a whole."""


def seconds(to: str, low: int = 0, high: int = 10**9) -> Convert:
    """A conversion of a duration in seconds within limits."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        given = duration(value)
        fitting = min(max(given, low), high)
        block.put(to, fitting)
        return changed(f"{given} seconds are not possible: {fitting}", to) if fitting != given else None

    return convert


def report_all(value: SourceValue, block: Block, to: str, known: frozenset[str]) -> None:
    """Report the entries of a map: a known one is carried at ``to``."""
    for name, child in value.children():
        if child.data is None:
            continue
        outcome = carried(to) if snake(name) in known else not_carried(f"it is not a key of {TITLE}")
        note(child, block, outcome)

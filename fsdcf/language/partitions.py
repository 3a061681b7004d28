"""The partitions that a spec names: in ARNs, and in the addresses of repositories in ECR."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from fsdcf.cloudformation.ecr import SERVICE
from fsdcf.cloudformation.partitions import PARTITIONS, partition_of
from fsdcf.diagnostics import SpecPath
from fsdcf.language.placeholders import Text
from fsdcf.language.shape import fields_of

_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):[a-z0-9*-]+:(?P<region>[a-z0-9-]*|\*):")
_REGION = r"[a-z]+(?:-[a-z]+)+-\d"
_HOST = re.compile(rf"\d{{12}}{SERVICE}(?P<region>{_REGION})\.(?P<domain>[a-z0-9.-]{{1,64}})/")

_OPAQUE = frozenset(
    {"args", "build", "command", "entryPoint", "environment", "environments", "healthCheck", "metadata"}
)
"""Keys whose values AWS does not read: they may name anything."""


class NamedPartition(NamedTuple):
    """A text of the spec that names a partition, and the partition of the region in it; empty if it has no region."""

    path: SpecPath
    text: str
    partition: str
    of_region: str


def named_partitions(value: Any, path: SpecPath = ()) -> Iterator[NamedPartition]:
    """Yield every partition that a spec names, whether it is the document's data or the record that was made of it."""
    if isinstance(value, Text):
        value = "".join(part if isinstance(part, str) else "*" for part in value.parts)
    if isinstance(value, str):
        yield from _named(value, path)
    for step, child in _children(value):
        if step not in _OPAQUE:
            yield from named_partitions(child, (*path, step))


def _children(value: Any) -> Iterable[tuple[str | int, Any]]:
    if value is None or isinstance(value, (str, int)):
        return ()  # most values: the checks below are slower
    if isinstance(value, (dict, Mapping)):
        return value.items()
    if isinstance(value, (list, tuple)):
        return enumerate(value)
    record: Any = type(value)
    is_record = is_dataclass(record)
    return ((field.name, getattr(value, field.attribute)) for field in fields_of(record)) if is_record else ()


def _named(text: str, path: SpecPath) -> Iterator[NamedPartition]:
    for arn in _ARN.finditer(text):
        region = arn["region"].strip("*")
        yield NamedPartition(path, arn[0], arn["partition"], partition_of(region) if region else "")
    for host in _HOST.finditer(text):
        of_region = partition_of(host["region"])
        domains = {name: each.domain for name, each in PARTITIONS.items()}
        fits = host["domain"] == domains[of_region] or host["domain"].startswith("on.")
        named = next((name for name, domain in domains.items() if domain == host["domain"]), of_region)
        yield NamedPartition(path, host[0].rstrip("/"), of_region if fits else named, of_region)


def partition_of_spec(spec: Any) -> str | None:
    """The partition that a spec names; None if it names none."""
    return next((named.partition for named in named_partitions(spec)), None)

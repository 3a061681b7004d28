"""The FSD v1 language: a module for each kind of spec. Validation, schemas and documentation are derived from its
records."""

from collections.abc import Mapping
from dataclasses import dataclass

from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.job import JobSpec
from fsdcf.language.model.service import Spec


@dataclass(frozen=True)
class SpecKind:
    """A kind of spec: the value of ``kind``, the record of the whole spec, and the key of its main block.

    The rules of a kind name it in ``rule(kinds=…)``.
    """

    name: str
    record: type
    block: str


SERVICE = SpecKind("Service", Spec, "service")
JOB = SpecKind("Job", JobSpec, "job")
ENVIRONMENT = SpecKind("Environment", EnvironmentSpec, "environment")

KINDS: dict[str, SpecKind] = {kind.name: kind for kind in (SERVICE, JOB, ENVIRONMENT)}
"""The kinds of spec by name."""


def kind_of(data: Mapping[str, object]) -> SpecKind:
    """Return the kind of a spec's data. A misspelled ``kind`` is the one whose block there is; Service if there is
    none, or no ``kind``."""
    name = data.get("kind")
    if isinstance(name, str) and name not in KINDS and SERVICE.block not in data:
        return next((kind for kind in KINDS.values() if kind.block in data), SERVICE)
    return KINDS.get(name, SERVICE) if isinstance(name, str) else SERVICE

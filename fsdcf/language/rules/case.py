"""What a rule judges: the spec, its document, the environment and the known dependency types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.document import Document
from fsdcf.language.model import Dependency, Spec

Capability = TypeVar("Capability", bound=Dependency)


@dataclass(frozen=True)
class Case:
    """One spec before its rules. ``indexes`` are the places of ``spec.dependencies`` in the document's list."""

    spec: Spec
    document: Document
    environment: str
    types: Types
    indexes: tuple[int, ...]

    def at(self, rule: Rule, dotted: str | SpecPath, message: str, hint: str = "", key: bool = False) -> Diagnostic:
        """A finding at a path; ``key`` underlines the key instead of the value."""
        path: SpecPath = tuple(dotted.split(".")) if isinstance(dotted, str) else dotted
        span = self.document.key_span(path) if key else self.document.span(path)
        return rule.at(span, path, message, hint)

    def wrote(self, dotted: str) -> bool:
        """Whether the author wrote a key."""
        return self.document.has(tuple(dotted.split(".")))

    def dependencies(self) -> list[tuple[SpecPath, Dependency, DependencyType[Any]]]:
        """Each dependency with its path and type."""
        return [
            (("dependencies", index), one, self.types[one.type])
            for index, one in zip(self.indexes, self.spec.dependencies, strict=True)
        ]

    def having(self, capability: type[Capability]) -> list[tuple[SpecPath, Capability]]:
        """Each dependency that has a capability, with its path."""
        return [(path, one) for path, one, _ in self.dependencies() if isinstance(one, capability)]

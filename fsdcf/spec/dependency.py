"""What a type of dependency tells the front end about itself. The types themselves live with the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.spec.model import Dependency


@dataclass(frozen=True)
class Violation:
    """A rule that a dependency breaks; ``at`` is the path below the dependency, ``key`` marks the key instead of the value."""

    rule: Rule
    at: SpecPath
    message: str
    hint: str
    key: bool = False


@dataclass(frozen=True)
class DependencyType:
    """One type of dependency: its name in specs, its model, its rules, and how it is compiled.

    ``kind`` and ``attributes`` are those of placeholders: ``${sqs:orders:url}``. ``compile`` takes the dependency and the
    compiler's context and gives a grant. ``managed`` tells whether a dependency is made by the
    stack, as opposed to one that exists already, and ``managed_keys`` are those that mean nothing to the latter. ``endpoint`` is
    the name of the interface endpoint that reaches the service behind it, where traffic does not go to an address in the
    network. ``variables`` are those that do not bear the dependency's name, so that two could give one, each with
    the attribute that it holds; ``settings`` are the values of those that follow from the dependency's keys alone, so that two that
    give the same one do not contradict each other.
    """

    name: str
    kind: str
    doc: str
    model: type[Dependency]
    attributes: Callable[[Any], tuple[str, ...]]
    compile: Callable[..., Any]
    check: Callable[[Any], Iterator[Violation]]
    managed: Callable[[Any], bool]
    managed_keys: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    endpoint: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    settings: Callable[[Any], Mapping[str, str]] = lambda dependency: {}
    rules: tuple[Rule, ...] = ()


Types = Mapping[str, DependencyType]
"""Dependency types by every accepted name."""

"""The compilers of the kinds of spec: each is a module with the name of its kind (``service``) and defines ``KIND``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fsdcf.compiler.stack import Template
from fsdcf.language.model import SpecKind


@dataclass(frozen=True)
class Excess:
    """A quota that a template exceeds, with a hint. ``path`` is the spec path, by names, of what adds the most."""

    message: str
    hint: str
    path: str


@dataclass(frozen=True, eq=False, repr=False)
class KindCompiler:
    """The compiler of a kind of spec; ``kind`` has its record, and the rules name the kinds that they apply to.

    ``compile`` takes a spec without errors, the environment, the dependency types, and for a service what the
    environment's file says and the addons. ``tags`` returns the tags of the stack. ``verify`` returns each quota that
    the finished template exceeds.
    """

    kind: SpecKind
    compile: Callable[..., Template]
    tags: Callable[[Any, str], dict[str, str]]
    verify: Callable[[Template], Iterable[Excess]]


def compiler_of(kind: SpecKind) -> KindCompiler:
    """Return the compiler of a kind, from the module with its name."""
    compiler: KindCompiler = import_module(f"fsdcf.compiler.{kind.name.lower()}").KIND
    return compiler

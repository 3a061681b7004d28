"""The dependency types: one module each, found by discovery. Every module here defines a ``TYPE``, and has its name
without ``aws_``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import Any

from fsdcf.compiler.stack import CompiledType, CompiledTypes


class _Types(Mapping[str, CompiledType[Any]]):
    """The dependency types by every accepted name. A module is imported when a spec uses its type: all of them take
    longer than a compile."""

    def __getitem__(self, name: str) -> CompiledType[Any]:
        module = name.removeprefix("aws_")
        if module in self._modules and (found := _type_in(module)).name == name:
            return found
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _modules(self) -> tuple[str, ...]:
        return tuple(sorted(each.name for each in pkgutil.iter_modules(__path__)))

    @cached_property
    def _all(self) -> Mapping[str, CompiledType[Any]]:
        each = map(_type_in, self._modules)
        return {name: one for one in each for name in (one.name, *one.also)}


def _type_in(module: str) -> CompiledType[Any]:
    found: CompiledType[Any] = import_module(f"{__name__}.{module}").TYPE
    return found


@cache
def types() -> CompiledTypes:
    """Every dependency type by its name and its other names."""
    return _Types()

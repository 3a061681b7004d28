"""The dependency types: one module each, found by discovery. A module that defines ``TYPE`` is a type."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module

from fsdcf.language.dependency import DependencyType, Types


@lru_cache(maxsize=1)
def types() -> Types:
    """Every dependency type by its name and its other spellings."""
    found: dict[str, DependencyType] = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(__path__)):
        kind = getattr(import_module(f"{__name__}.{module}"), "TYPE", None)
        if kind is not None:
            found |= dict.fromkeys((kind.name, *kind.also), kind)
    return found

"""The dependency types: one module each, found by discovery. Every module here defines a ``TYPE``."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module
from typing import Any

from fsdcf.compiler.stack import CompiledType, CompiledTypes


@lru_cache(maxsize=1)
def types() -> CompiledTypes:
    """Every dependency type by its name and its other names."""
    known: dict[str, CompiledType[Any]] = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(__path__)):
        each: CompiledType[Any] = import_module(f"{__name__}.{module}").TYPE
        known |= dict.fromkeys((each.name, *each.also), each)
    return known

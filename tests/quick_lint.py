"""cfn-lint that does not compute again what it knows: it needs two thirds of the time, and finds the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fsdcf.lint import runner


def _remember() -> None:
    """Keep the fields of a dataclass, which cfn-lint lists more than ten thousand times for a template, and its class
    of validators, which it makes a hundred times. What is kept depends on nothing but the arguments."""
    from cfnlint.context import context
    from cfnlint.jsonschema import _filter, validators

    if validators.create.__module__ == __name__:
        return
    fields, create = lru_cache(256)(dataclasses.fields), validators.create
    names = [each.name for each in dataclasses.fields(_filter.FunctionFilter) if each.init]

    @lru_cache(256)
    def kept(
        keywords: tuple[tuple[str, Any], ...], settings: tuple[Any, ...], resolvers: tuple[tuple[str, Any], ...]
    ) -> Any:
        function_filter = _filter.FunctionFilter(**dict(zip(names, settings, strict=True)))
        return create(dict(keywords), function_filter, dict(resolvers))

    def remembered(
        validators: Mapping[str, Any] | None = None,
        function_filter: Any = None,
        fn_resolvers: Mapping[str, Any] | None = None,
    ) -> Any:
        settings = function_filter or _filter.FunctionFilter()
        values = tuple(getattr(settings, name) for name in names)
        return kept(tuple((validators or {}).items()), values, tuple((fn_resolvers or {}).items()))

    for module in (context, _filter, validators):
        module.fields = fields
    validators.create = remembered


def remember() -> None:
    """From now on, whoever loads cfn-lint gets the quick one. Processes that tests start have cfn-lint as it is."""
    load = runner._import_cfnlint

    def loaded(*arguments: Any) -> None:
        load(*arguments)
        _remember()

    runner._import_cfnlint = loaded

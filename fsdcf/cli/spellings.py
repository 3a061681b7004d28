"""The flags that pages on FSD use: hidden options that give the value of an argument or option that is named here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click


class Spelling(click.Option):
    """A hidden option for the value of another parameter, ``of``: ``--file F`` for the argument SPEC.

    A usage error if that parameter, or another spelling of it, has a different value, and for an empty value: that of a
    shell's variable which is not set.
    """

    def __init__(self, param_decls: Sequence[str], of: str, **settings: Any) -> None:
        flag = param_decls[0]
        name = f"{of}_by_{flag.strip('-').replace('-', '_')}"
        super().__init__([flag, name], hidden=True, expose_value=False, is_eager=True, multiple=True, **settings)
        self.of = of

    def given(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The values of the option among those of a parser."""
        return _words(values.get(self.name or ""))

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Give the value to the parameter that is meant. Eager: that parameter is processed later."""
        given = self.given(opts)
        if "" in given and not ctx.resilient_parsing:
            raise click.UsageError(f"{self.opts[0]} has an empty value", ctx)
        if given and isinstance(opts, dict):
            meant = next(each for each in ctx.command.params if each.name == self.of)
            is_list = meant.nargs == -1
            words = _words(opts.get(self.of))
            known = dict.fromkeys((*words, *given))
            differ = {*words} != {*given} if is_list and words else len(known) > 1 and not is_list
            if differ and not ctx.resilient_parsing:
                title = meant.opts[0] if isinstance(meant, click.Option) else meant.make_metavar(ctx).strip("[]")
                other = f", and that is {' '.join(words)!r}" if words else ""
                values = " and ".join(map(repr, given))
                raise click.UsageError(f"{self.opts[0]} {values} means {title}{other}: write it once", ctx)
            opts[self.of] = tuple(known) if is_list else given[0]
        return super().handle_parse_result(ctx, opts, args)


def spelling(flag: str, of: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds a ``Spelling`` of the parameter ``of``."""
    return click.option(flag, cls=Spelling, of=of, **settings)


def _words(value: object) -> tuple[str, ...]:
    """The value of a parameter as a parser leaves it: none, one, or several."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, tuple | list) else ()

"""The environments of a service: those that its spec or another file names, and the rule about all others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from fsdcf.conventions import DEFAULT_ENVIRONMENT, similar
from fsdcf.language.document import Document
from fsdcf.language.rules.case import Case, Problem, Problems, rule

USUAL = (
    *("dev", "development", "test", "testing", "qa", "uat", "stage", "staging", "preprod", "preview"),
    *("demo", "sandbox", "prod", "production", "live"),
)
"""The names that need no file, as long as no file names an environment."""


def known_environments(data: Mapping[str, Any], named: Collection[str]) -> set[str]:
    """The environments of a spec, by its data: its own, those that other files name, and the default one.

    The usual ones if no file names any.
    """
    overlays = data.get("environments")
    own = {name for name in overlays if isinstance(name, str)} if isinstance(overlays, dict) else set()
    return {*own, *named, DEFAULT_ENVIRONMENT} if own or named else set(USUAL)


def others_than(environment: str, document: Document, named: Callable[[], Collection[str]]) -> tuple[str, ...]:
    """The known environments of a service; none if this environment is one of them."""
    if environment == DEFAULT_ENVIRONMENT:
        return ()
    known = known_environments(document.data, named())
    return () if environment in known else tuple(sorted(known))


@rule("W290", "an environment that no file names")
def unnamed_environment(case: Case) -> Problems:
    """The environment is a part of the stack's name: a typing error such as `prodd` creates a second stack next to
    `prod`. Known environments are those under `environments`, those of a file `environments/NAME.yml` or of the
    workflow that `fsdcf ci github` wrote, and `staging`; if no file names any, also usual names such as `dev` and
    `prod`. `fsdcf deploy` asks before it creates the stack of another one, and refuses it without a terminal unless
    `--new-env` is given."""
    known = others_than(case.environment, case.document, case.named) if case.named else ()
    if known:
        name, close = case.environment, similar(case.environment, known)
        guess = f"did you mean `{close}`? " if close else ""
        has_others = case.wrote("environments")
        new = f"`{name}: {{}}` to `environments`" if has_others else f"`environments: {{{name}: {{}}}}`"
        hint = f"{guess}If `{name}` is new, add {new}, or pass --new-env"
        path = "environments" if has_others else "metadata.name"
        yield Problem(path, f"no file names the environment `{name}`", hint, key=has_others)

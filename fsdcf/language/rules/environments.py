"""The environments of a service: those that its spec or another file names, and the rule about all others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePath
from typing import Any

from fsdcf.conventions import DEFAULT_ENVIRONMENT, ENVIRONMENT_PATTERN, ENVIRONMENT_SERVICE, PIPELINE, similar
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


@rule("S401", "an environment's file with another name", kinds=("Environment",))
def file_name(case: Case) -> Problems:
    """`fsdcf` looks for the file of the environment `staging` as `environments/staging.yml`, from the folder of a spec
    upwards to the root of the repository. The name in the file is therefore that of the file."""
    name, file = case.environment_spec.metadata.name, case.document.span(()).file
    stem = PurePath(file.rpartition(":")[2]).stem
    if stem != name and re.fullmatch(ENVIRONMENT_PATTERN, stem):
        yield Problem("metadata.name", f"the environment `{name}` is in the file {file}", f"write `name: {stem}`")
    elif stem != name:
        yield Problem("metadata.name", f"the environment `{name}` is in the file {file}", f"rename it to `{name}.yml`")


@rule("S402", "a reserved name", kinds=("Service", "Environment"))
def reserved_name(case: Case) -> Problems:
    """The stack of an environment is named `fsdcf-` and its name, and that of the pipeline `fsdcf-pipeline`."""
    if case.spec.metadata.name == (PIPELINE[1] if case.kind == "Environment" else ENVIRONMENT_SERVICE):
        message = f"`{case.spec.metadata.name}` is reserved for stacks of fsdcf itself"
        yield Problem("metadata.name", message, "choose another name")


@rule("S403", "no file of the environment to join")
def no_environment(case: Case) -> Problems:
    """A service with `networking.shared: true` joins the network, the cluster, the load balancer and the namespace
    that the environment's file describes."""
    if case.service.networking.shared and case.file is None:
        message = f"the environment `{case.environment}` has no file"
        path = f"environments/{case.environment}.yml"
        hint = f"write {path}, here or in a folder above, or leave out `shared`"
        yield Problem("service.networking.shared", message, hint)


@rule("S404", "a network of its own in an environment")
def shared_and_own(case: Case) -> Problems:
    """A service that joins an environment uses the environment's network, and cannot have another one."""
    if case.service.networking.shared and case.service.networking.vpc is not True:
        hint = "remove `vpc`, or write `shared: false`"
        if case.file is not None:
            hint = f"remove `vpc`: the network is environment.network in {case.file.name}; or write `shared: false`"
        yield Problem("service.networking.vpc", "the service joins the environment's network", hint, key=True)


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

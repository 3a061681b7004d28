"""Workflows for the tests: one service, a monorepo, and one with everything unusual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import yaml

from fsdcf.scaffold.sources import ServiceSource
from fsdcf.scaffold.workflow import RUNNERS, Lane, Workflow, workflow

LANES = (Lane("staging", "staging"), Lane("main", "prod", protected=True))


def source(
    name: str,
    folder: str = "",
    architecture: str = "x86_64",
    environments: Iterable[str] = ("staging", "prod"),
    **more: Any,
) -> ServiceSource:
    """A service whose sources are in a folder (``services/cart/``), or in the root."""
    usual = {
        "name": name,
        "spec": f"{folder}{name}.yml",
        "runners": dict.fromkeys(environments, RUNNERS[architecture]),
        "secrets": {},
        "folder": folder.rstrip("/") or ".",
        "test": "make test",
        "paths": (folder or "./",),
    }
    return ServiceSource(**{**usual, **more})


RELEASE = f"fsdcf==0.1.0 --hash=sha256:{'0a' * 32}"
ONE = Workflow((source("shop"),), LANES, RELEASE, "fsdcf ci github shop.yml")
MONOREPO = Workflow(
    (
        source("cart", "services/cart/", test="npm ci && npm test", secrets={"prod": ["NPM_TOKEN"]}),
        source(
            "shop",
            "services/shop/",
            runners={"staging": RUNNERS["x86_64"], "prod": RUNNERS["arm64"]},
            secrets={"staging": ["INDEX", "NPM_TOKEN"], "prod": ["NPM_TOKEN"]},
            test="uv run --locked pytest",
        ),
    ),
    LANES,
    RELEASE,
    "fsdcf ci github",
)
ENVIRONMENTS = replace(
    MONOREPO,
    lanes=(replace(LANES[0], file="environments/staging.yml"), replace(LANES[1], file="environments/prod.yaml")),
)
UNUSUAL = Workflow(
    (
        source(
            "on",
            architecture="arm64",
            environments=("qa-1",),
            secrets={"qa-1": ["_X1", "on"]},
            test="uv run pytest -k 'a: b' && echo \"$(id)\" # {}",
        ),
    ),
    (Lane("release/1.0", "qa-1"),),
    "git+https://github.com/fsdcf/fsdcf@" + "0123456789abcdef" * 2 + "01234567",
    "fsdcf ci github on.yml --var 'TITLE=two words'",
    "--var 'TITLE=two words'",
)
PER_SERVICE = replace(
    ENVIRONMENTS,
    services=(
        *ENVIRONMENTS.services,
        source(
            "on-call",
            "services/on-call/",
            test='fsdcf build services/on-call/on-call.yml --env "$ENVIRONMENT" --builder docker',
        ),
    ),
    lanes=tuple(replace(lane, order={"shop": ("cart",)}) for lane in (ENVIRONMENTS.lanes[0], LANES[1])),
    command="fsdcf ci github --per-service",
    per_service=True,
)
ALL = {"one": ONE, "monorepo": MONOREPO, "environments": ENVIRONMENTS, "unusual": UNUSUAL, "per-service": PER_SERVICE}


def parsed(wanted: Workflow) -> dict[str, Any]:
    """The workflow as GitHub reads it. YAML 1.1 takes the key ``on`` for true; here it is called ``on`` again."""
    data: dict[Any, Any] = yaml.safe_load(workflow(wanted))
    data["on"] = data.pop(True)
    return data


def step(wanted: Workflow, job: str, name: str) -> dict[str, Any]:
    """A step of a job by its name."""
    (found,) = [one for one in parsed(wanted)["jobs"][job]["steps"] if one["name"] == name]
    return dict(found)

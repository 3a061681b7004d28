"""The compiled examples, in both environments, and what their parameters may be."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fsdcf.pipeline import run
from tests.conftest import request_of

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENTS = ("staging", "prod")
SPECS = sorted(path.stem for path in (ROOT / "examples").glob("*.yml"))
CASES = [(spec, environment) for spec in SPECS for environment in ENVIRONMENTS]


@cache
def _text(spec: str, environment: str) -> str:
    path = ROOT / "examples" / f"{spec}.yml"
    result = run(request_of(path, environment))
    assert result.template is not None, result.diagnostics
    return json.dumps(result.template.data)


def template(spec: str, environment: str = "staging") -> dict[str, Any]:
    """A compiled example that the caller may change."""
    data: dict[str, Any] = json.loads(_text(spec, environment))
    return data


def parameters(data: dict[str, Any], image: str = "a1b2c3d") -> dict[str, str]:
    """Values for the parameters of a compiled template."""
    values = {"ImageSha": image}
    for name, one in data.get("Parameters", {}).items():
        if name not in values:
            values[name] = str(one.get("Default", "value"))
    return values


def runner_of(data: dict[str, Any]) -> str:
    """The logical id of what runs the task definition: the service, or the state machine of a job."""
    return "Service" if "Service" in data["Resources"] else "StateMachine"


def clone(data: Any) -> Any:
    """A copy of a template, which is JSON, by way of its text: several times faster than deepcopy."""
    return json.loads(json.dumps(data))

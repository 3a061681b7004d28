"""Every case of tests/cases compiles to the template, or gives the findings, that stand beside it.

FSDCF_GOLDEN=1 rewrites them: read the diff before it is accepted.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsdcf.compiler.emit import to_yaml
from fsdcf.diagnostics import render
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import Request, run

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted((ROOT / "tests" / "cases").glob("*/*.spec.yml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))


def check(golden: Path, text: str) -> None:
    if os.environ.get("FSDCF_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("environment", ["staging", "prod"])
@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.stem)
def test_example(spec: Path, environment: str, linter: Linter) -> None:
    result = run(Request(spec.name, spec.read_bytes(), environment), linter.lint if environment == "prod" else None)
    assert result.template is not None, result.diagnostics
    assert not [one for one in result.diagnostics if not one.code.startswith("W1") or len(one.code) != 4]
    check(ROOT / "tests" / "cases" / "examples" / f"{spec.stem}.{environment}.template.yml", to_yaml(result.template.data))


@pytest.mark.parametrize("spec", CASES, ids=lambda path: f"{path.parent.name}/{path.name.removesuffix('.spec.yml')}")
def test_case(spec: Path) -> None:
    """A case's diagnostics as text; its first line may say ``# env: NAME``."""
    raw = spec.read_bytes()
    first = raw.split(b"\n", 1)[0].decode("utf-8", "replace")
    environment = first.removeprefix("# env: ").strip() if first.startswith("# env: ") else "staging"
    result = run(Request(spec.name, raw, environment))
    text = "\n\n".join(render(one, result.sources) for one in result.diagnostics) + "\n"
    check(spec.with_name(spec.name.replace(".spec.yml", ".findings.txt")), text)
    assert (result.template is None) == (spec.parent.name == "refused")

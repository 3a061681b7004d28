"""The documentation is true: specs in it compile, commands are named, generated pages are current."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from fsdcf.catalogue import catalogue
from fsdcf.cli.main import _COMMANDS
from fsdcf.compiler.dependencies import types
from fsdcf.pipeline import Request, run
from fsdcf.spec.jsonschema import json_schema
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
]
EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_spec_in_the_docs_compiles(block: str) -> None:
    result = run(Request("block.yml", block.encode(), "staging"))
    assert result.template is not None, result.diagnostics


def test_every_command_and_example_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`fsdcf {command}" in readme for command in _COMMANDS)
    assert all(f"](examples/{example.name})" in readme for example in EXAMPLES)
    hello = "".join((ROOT / "examples" / "hello.yml").read_text(encoding="utf-8").splitlines(keepends=True)[1:])
    assert hello in readme


def test_the_readme_s_mistake_is_what_fsdcf_prints() -> None:
    from fsdcf.diagnostics import render

    text = "apiVersion: fsd/v1\nkind: Service\nmetadata:\n  name: my-service\n  owner: team\nservice:\n  port: 8000\n  helthCheck:\n    path: /health\n  resources:\n    cpu: 512\n    memory: 8192\n"
    result = run(Request("my-service.yml", text.encode(), "staging"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for finding in result.diagnostics:
        assert render(finding, result.sources) in readme


def test_the_readme_s_count_of_resources() -> None:
    result = run(Request("hello.yml", (ROOT / "examples" / "hello.yml").read_bytes(), "staging"))
    assert result.template is not None
    assert f"into {len(result.template.data['Resources'])} resources" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_generated_pages_are_current() -> None:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.pages().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} is stale: make docs"


def test_every_code_is_unique_and_has_a_case() -> None:
    rules = catalogue()
    assert all(rule.explanation and rule.title for rule in rules.values())
    seen = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "cases").rglob("*.findings.txt"))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [code for code in rules if f"[{code}]" not in seen and f'"{code}"' not in tests]
    assert missing == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_fit_the_schema(example: Path) -> None:
    schema = json.loads((ROOT / "docs" / "fsd-v1.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    assert list(jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(example.read_text(encoding="utf-8")))) == []


def test_the_schema_refuses_what_fsdcf_refuses() -> None:
    schema = json_schema(types())
    bad = {"apiVersion": "fsd/v1", "kind": "Service", "metadata": {"name": "x"}, "service": {"prot": 1}}
    assert list(jsonschema.Draft7Validator(schema).iter_errors(bad))

"""Lint where things go wrong: texts that YAML refuses, caches that cannot be, folders that are shared or another's."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsdcf.compiler.stack import Origin
from fsdcf.diagnostics import Diagnostic, Severity, Span, SpecPath
from fsdcf.language.document import Document, Mark
from fsdcf.lint.cache import Cache
from fsdcf.lint.mapping import explain
from fsdcf.lint.runner import Finding, Linter, bundled_schemas
from fsdcf.pipeline import Request, run
from tests.conftest import HELLO, ROOT
from tests.lint.templates import CLEAN, ERROR, template

SPEC = HELLO + "  resources:\n    cpu: 512\n    memory: 1024\n"
TASK = ("Resources", "TaskDefinition", "Properties")
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX has these kinds of files")

ALONE = """
import json, sys
from fsdcf.lint.runner import Linter
linter = Linter()
print(json.dumps([[one.rule, list(one.path)] for text in json.load(sys.stdin) for one in linter.lint(text)]))
"""

SHARED = """
import sys
from pathlib import Path
from fsdcf.lint.cache import Cache
cache = Cache(Path(sys.argv[1]), most=10)
for number in range(150):
    cache.keep(f"{number % 30:064x}")
    cache.is_clean(f"{number % 7:064x}")
"""


def key(number: int) -> str:
    return f"{number:064x}"


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("character", ["\x7f", "\x85", "\u2028", "\ufeff", "\uffff", "\U0001f680", "\x01"])
def test_characters_that_yaml_rejects_are_read(linter: Linter, character: str) -> None:
    data = json.loads(template(Tags=[{"Key": "note", "Value": f"a{character}b"}]))
    assert "E0000" not in {one.rule for one in linter.lint(json.dumps(data, ensure_ascii=False))}


@pytest.mark.parametrize("text", ["", "a: [", "1", '{"a": "\x7f"', "\x00"])
def test_a_text_that_is_not_a_template_is_a_finding(linter: Linter, text: str) -> None:
    assert {one.severity for one in linter.lint(text)} == {"error"}


def test_findings_are_plain_data(linter: Linter) -> None:
    found = linter.lint(template(DelaySeconds=9_999, Tags=[{"Bogus": 1}]))
    assert pickle.loads(pickle.dumps(found)) == found
    assert {type(step) for one in found for step in one.path} == {str, int}
    assert {type(one.message) for one in found} == {str}


def test_an_unreadable_user_cache_does_not_matter(linter: Linter, tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if name == "SYSTEMROOT"}
    environ = {"HOME": "/nonexistent", "XDG_CACHE_HOME": str(tmp_path / ("x" * 300)), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ALONE]
    texts = json.dumps([CLEAN, ERROR])
    done = subprocess.run(command, input=texts, cwd=tmp_path, env=inherited | environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [[one.rule, list(one.path)] for one in linter.lint(ERROR)]


def test_without_bundled_schemas_nothing_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no schemas"):
        bundled_schemas(tmp_path)
    with pytest.raises(RuntimeError, match="not installed"):
        bundled_schemas(None)


@POSIX
def test_an_entry_that_is_not_a_file_is_a_miss(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / key(1))
    (tmp_path / "elsewhere").write_bytes(b"clean\n" + key(2).encode())
    (tmp_path / key(2)).symlink_to(tmp_path / "elsewhere")
    assert not any(Cache(tmp_path).is_clean(key(number)) for number in (1, 2))


@POSIX
@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_can_be_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "lint")
    cache.keep(key(1))
    (tmp_path / "lint").chmod(0o500)
    try:
        assert cache.is_clean(key(1))
    finally:
        (tmp_path / "lint").chmod(0o700)


@pytest.mark.parametrize("folder", ["x" * 300, "nul\0"])
def test_a_folder_with_an_impossible_name_is_a_miss(tmp_path: Path, folder: str) -> None:
    cache = Cache(tmp_path / folder)
    cache.keep(key(1))
    assert not cache.is_clean(key(1))


def test_several_processes_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "lint"
    command = [sys.executable, "-c", SHARED, str(folder)]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    assert [one.communicate(timeout=600)[1] for one in running] == [b""] * 3
    assert [one.returncode for one in running] == [0] * 3
    cache = Cache(folder, most=10)
    cache.keep(key(99))
    assert len(names(folder)) <= 10
    assert all(cache.is_clean(name) for name in names(folder))


def explained(finding: Finding, text: str = SPEC) -> Diagnostic:
    """The diagnostic that the whole way through the compiler gives for a finding."""
    result = run(Request("spec.yml", text.encode(), "staging"), lambda template: (finding,))
    (own,) = [one for one in result.diagnostics if one.code == finding.rule]
    assert (result.template is None) == (own.severity is Severity.ERROR)
    return own


def test_the_compilers_own_sources_lead_to_the_value() -> None:
    own = explained(Finding("E3034", (*TASK, "Cpu"), "this will not do", "error"))
    assert own.path == ("service", "resources", "cpu")
    assert SPEC.splitlines()[own.span.line - 1][own.span.column - 1 : own.span.end_column - 1] == "512"


@pytest.mark.parametrize("severity", ["error", "warning", "informational"])
@pytest.mark.parametrize(
    "path",
    [
        TASK,
        (*TASK, "NetworkMode"),
        (*TASK, "EphemeralStorage", "SizeInGiB"),
        ("Resources", "TaskDefinition", "Metadata", "Cpu"),
    ],
)
def test_a_bug_of_fsdcf_names_the_spec_and_stops_the_compilation_if_it_is_an_error(
    path: tuple[str | int, ...], severity: str
) -> None:
    own = explained(Finding("X3034", path, "this will not do", severity))
    assert own.severity is (Severity.ERROR if severity == "error" else Severity.WARNING)
    assert own.span.file == "spec.yml"
    assert "report" in own.hint


def test_a_bug_of_fsdcf_is_reported_at_the_dependency_of_the_resource() -> None:
    text = SPEC + "dependencies:\n  - type: aws_sqs_queue\n    name: orders\n"
    result = run(Request("spec.yml", text.encode(), "staging"))
    assert result.template is not None
    queue = next(
        name for name, one in result.template.origins.items() if one.path == "dependencies.aws_sqs_queue.orders"
    )
    assert explained(Finding("E1", ("Resources", queue, "Properties"), "no", "error"), text).path == ("dependencies", 0)


def document() -> Document:
    at = Span("spec.yml", 1, 1, 1, 5)
    paths: list[SpecPath] = [(), ("service",), ("service", "cpu"), ("dependencies",), ("dependencies", 0)]
    return Document({}, {path: Mark(at) for path in paths}, {})


def nearest(at: Document, named: str) -> SpecPath:
    if named.startswith("dependencies."):
        return ("dependencies", 0) if named.endswith(".orders") else ("dependencies",)
    path: SpecPath = tuple(named.split("."))
    while not at.has(path):
        path = path[:-1]
    return path


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("service.cpu", True),
        ("service.memory", False),
        ("service.cpu.cpu", False),
        ("dependencies.aws_sqs_queue.orders", True),
        ("dependencies.aws_sqs_queue.gone", False),
    ],
)
def test_an_ancestor_of_an_unwritten_value_is_not_the_value(named: str, written: bool) -> None:
    origins = {"A": Origin("service", {("B",): named})}
    finding = Finding("E1", ("Resources", "A", "Properties", "B", 0), "no", "error")
    (own,) = explain([finding], origins, document(), nearest, '{"Resources": {"A": {"Properties": {"B": ["c"]}}}}')
    assert (own.hint == "") == written


def excerpt(data: Any, *path: str | int) -> tuple[str, ...]:
    (own,) = explain([Finding("E1", path, "no", "error")], {}, document(), nearest, json.dumps(data))
    return own.notes[1:]


def test_the_excerpt_follows_the_path_as_far_as_it_exists() -> None:
    assert excerpt({"a": [{"b": "é"}]}, "a", 0) == ("{", '  "b": "é"', "}")
    assert excerpt({"a": "text"}, "a", 0) == ('"text"',)
    assert all(excerpt({"a": [1]}, "a", step) == ("[", "  1", "]") for step in (7, -1, "b"))


def test_the_excerpt_has_limited_width() -> None:
    lines = excerpt({"a": ["x" * 1000] * 100}, "a")
    assert len(lines) == 16
    assert max(map(len, lines)) <= 160

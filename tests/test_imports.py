"""The architecture as a test: which module may import, print and exit, read from the syntax trees of the package."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fsdcf"
LONGEST_MODULE = 300

MAY_IMPORT = {
    "root": set(),
    "diagnostics": set(),
    "spec": {"diagnostics"},
    "compiler": {"diagnostics", "spec"},
    "lint": {"diagnostics", "spec", "compiler"},
    "scaffold": {"diagnostics", "spec"},
    "pipeline": {"diagnostics", "spec", "compiler", "lint"},
    "batch": {"diagnostics", "spec", "compiler", "lint", "pipeline"},
    "catalogue": {"diagnostics", "spec", "compiler", "lint", "pipeline", "batch"},
    "cloudformation": set(),
    "deploy": {"cloudformation"},
    "operate": {"cloudformation", "deploy"},
    "plan": {"cloudformation"},
    "sandbox": {"cloudformation"},
    "storage": set(),
    "cli": {
        *("diagnostics", "spec", "compiler", "lint", "scaffold", "pipeline", "batch", "catalogue"),
        *("cloudformation", "deploy", "operate", "plan", "sandbox", "storage"),
    },
    "__main__": {"cli"},
}
"""The parts of the package and what each may import beside itself; all may import ``fsdcf``, which holds the version."""

HOMES = {
    "troposphere": {"compiler"},
    "cfnlint": {"lint"},
    "click": {"cli"},
    "rich": {"cli"},
    "jinja2": {"scaffold"},
    "cerberus": {"spec"},
    "yaml": {"spec", "compiler", "cloudformation"},
    "boto3": {"deploy", "operate"},
    "botocore": {"deploy", "operate", "sandbox", "storage"},
}
"""Third-party packages and the parts that may import them. Nothing else from outside is imported."""

HEAVY = {"cfnlint", "boto3", "botocore"}
"""Loaded when a command needs them: imported inside functions alone, but for the parts that no compile loads."""

TALKERS = {"deploy", "operate", "sandbox", "storage"}
"""The parts that speak to AWS, or as AWS does: a compile loads none of them."""

TERMINAL = {"sys.exit", "os._exit", "os.environ", "os.environb", "os.getenv", "print", "input", "exit", "quit"}
"""What ``cli`` alone may use."""


@dataclass(frozen=True)
class Import:
    """One imported module: where, and whether importing the importer runs it (``eager``)."""

    target: str
    line: int
    eager: bool


@dataclass(frozen=True)
class Module:
    """A module of the package with its syntax tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def part(self) -> str:
        steps = self.name.split(".")
        return steps[1] if len(steps) > 1 else "root"


@cache
def modules() -> dict[str, Module]:
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        steps = file.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(steps[:-1] if steps[-1] == "__init__" else steps)
        text = file.read_text(encoding="utf-8")
        found[name] = Module(name, text, ast.parse(text))
    return found


def imports_of(tree: ast.AST, known: frozenset[str], eager: bool = True) -> Iterator[Import]:
    """Every import below a node. Those under ``if TYPE_CHECKING`` and in functions are not eager."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import in full"
            base = node.module or ""
            targets = [f"{base}.{alias.name}" for alias in node.names]
            yield from (Import(one if one in known else base, node.lineno, eager) for one in targets)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                yield from imports_of(ast.Module([child], []), known, False)
            for child in node.orelse:
                yield from imports_of(ast.Module([child], []), known, eager)
        else:
            lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(node, known, eager and not lazy)


def imports(module: Module) -> list[Import]:
    return list(imports_of(module.tree, frozenset(modules())))


def terminal_uses(tree: ast.AST) -> Iterator[str]:
    """Uses of the terminal, the environment and the exit, by the name they are known by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in TERMINAL:
            yield f"{node.lineno}: {node.id}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in TERMINAL:
            yield f"{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"{node.lineno}: {node.module}.{alias.name}"
                for alias in node.names
                if f"{node.module}.{alias.name}" in TERMINAL
            )


def part_of(target: str) -> str:
    steps = target.split(".")
    return steps[1] if len(steps) > 1 else "root"


each_module = pytest.mark.parametrize("module", modules().values(), ids=lambda module: module.name)


@each_module
def test_a_module_opens_with_its_duty_and_is_short(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, "no docstring"
    assert docstring.splitlines()[0].endswith((".", ";", ",")) or len(docstring.splitlines()) > 1, docstring
    assert len(module.text.splitlines()) <= LONGEST_MODULE


@each_module
def test_imports_go_one_way(module: Module) -> None:
    assert module.part in MAY_IMPORT, f"say in MAY_IMPORT what {module.part} may import"
    allowed = MAY_IMPORT[module.part] | {module.part, "root"}
    ours = [one for one in imports(module) if one.target.split(".")[0] == "fsdcf"]
    astray = [f"line {one.line}: {one.target}" for one in ours if part_of(one.target) not in allowed]
    assert not astray


@each_module
def test_third_party_packages_stay_at_home(module: Module) -> None:
    for one in imports(module):
        package = one.target.split(".")[0]
        if package == "fsdcf" or package in sys.stdlib_module_names:
            continue
        assert package in HOMES, f"line {one.line}: {package} is no dependency that HOMES knows"
        assert module.part in HOMES[package], f"line {one.line}: {package} belongs to {sorted(HOMES[package])}"


@each_module
def test_heavy_packages_are_imported_late(module: Module) -> None:
    early = [f"line {one.line}: {one.target}" for one in imports(module) if one.eager and part_top(one) in HEAVY]
    assert not early or module.part in TALKERS


def part_top(one: Import) -> str:
    return one.target.split(".")[0]


@each_module
def test_only_the_command_line_prints_exits_and_reads_the_environment(module: Module) -> None:
    if module.part not in ("cli", "__main__"):
        assert not list(terminal_uses(module.tree))


def test_no_cycles() -> None:
    graph = {
        name: {one.target for one in imports(module) if one.eager and one.target in modules()} - {name}
        for name, module in modules().items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_the_reader_of_imports_misses_none() -> None:
    source = """
from __future__ import annotations
import os.path
from typing import TYPE_CHECKING
from fsdcf.spec import model, Unknown
if TYPE_CHECKING:
    import a
else:
    import b
try:
    import c
except ImportError:
    c = None
class One:
    import d
    def method(self):
        import e
"""
    found = {(one.target, one.eager) for one in imports_of(ast.parse(source), frozenset({"fsdcf.spec.model"}))}
    assert {("fsdcf.spec.model", True), ("fsdcf.spec", True), ("os.path", True)} <= found
    assert {("a", False), ("b", True), ("c", True), ("d", True), ("e", False)} <= found


@pytest.mark.parametrize("text", ["print(1)", "import sys\nsys.exit(2)", "x = os.environ['A']", "from os import getenv"])
def test_the_reader_of_terminal_uses_finds(text: str) -> None:
    assert len(list(terminal_uses(ast.parse(text)))) == 1

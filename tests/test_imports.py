"""The architecture as a test: which module may import, print and exit, read from the syntax trees of the package."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fsdcf"

MAY_IMPORT = {
    "root": set(),
    "atomic": set(),
    "aws_errors": set(),
    "conventions": set(),
    "links": set(),
    "masking": set(),
    "repository": set(),
    "suggested": set(),
    "wording": set(),
    "diagnostics": set(),
    "language": {"diagnostics", "cloudformation"},
    "compiler": {"diagnostics", "language", "cloudformation"},
    "lint": {"diagnostics", "language", "compiler"},
    "scaffold": {"diagnostics", "language"},
    "importers": {"diagnostics", "language", "cloudformation"},
    "pipeline": {"diagnostics", "language", "compiler", "lint"},
    "batch": {"diagnostics", "language", "compiler", "lint", "pipeline"},
    "cloudformation": set(),
    "deploy": {"cloudformation"},
    "operate": {"cloudformation", "deploy"},
    "images": {"diagnostics", "language", "cloudformation", "deploy"},
    "plan": {"cloudformation"},
    "sandbox": {"cloudformation"},
    "storage": set(),
    "cli": {
        *("diagnostics", "language", "compiler", "lint", "scaffold", "importers", "pipeline", "batch"),
        *("cloudformation", "deploy", "operate", "images", "plan", "sandbox", "storage"),
    },
    "__main__": {"cli"},
}
"""The parts of the package and what each may import besides itself and GROUND."""

GROUND = {"root", "atomic", "aws_errors", "conventions", "links", "masking", "repository", "suggested", "wording"}
"""The ground floor, which every part may import: the version, error codes, names, links, masking, files,
numbers in sentences and the commands to run next."""

HOMES = {
    "troposphere": {"compiler"},
    "cfnlint": {"lint"},
    "click": {"cli"},
    "rich": {"cli"},
    "jinja2": {"scaffold"},
    "cerberus": {"language"},
    "typing_extensions": {"language"},  # for type checkers alone
    "yaml": {"language", "compiler", "cloudformation"},
    "boto3": {"deploy", "operate"},
    "botocore": {"deploy", "operate", "sandbox", "storage"},
}
"""Third-party packages and the parts that may import them. Nothing else from outside is imported."""

HEAVY = {"cfnlint", "boto3", "botocore"}
"""Loaded when a command needs them: imported inside functions alone, but for the parts that no compile loads."""

TALKERS = {"deploy", "images", "operate", "sandbox", "storage"}
"""The parts that speak to AWS, or as AWS does: a compile loads none of them."""

TERMINAL = {"sys.exit", "os._exit", "os.environ", "os.environb", "os.getenv", "print", "input", "exit", "quit"}
"""What ``cli`` alone may use."""

LAST_WORDS = {name.rpartition(".")[2] for name in TERMINAL}


@dataclass(frozen=True)
class Import:
    """One imported module: where, and whether importing the importer runs it (``eager``)."""

    target: str
    line: int
    eager: bool


@dataclass(frozen=True)
class Module:
    """What the rules want to know of a module of the package."""

    name: str
    docstring: str
    imports: tuple[Import, ...]
    terminal_uses: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def part(self) -> str:
        steps = self.name.split(".")
        return steps[1] if len(steps) > 1 else "root"


def module_of(name: str, text: str, known: frozenset[str]) -> Module:
    tree = ast.parse(text)
    found = tuple(imports_of(tree, known))
    classes = tuple(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return Module(name, ast.get_docstring(tree) or "", found, tuple(terminal_uses(tree)), classes)


@cache
def modules() -> dict[str, Module]:
    files = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        steps = file.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(steps[:-1] if steps[-1] == "__init__" else steps)] = file
    return {name: module_of(name, file.read_text(encoding="utf-8"), frozenset(files)) for name, file in files.items()}


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
        elif not isinstance(node, ast.expr):
            lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from imports_of(node, known, eager and not lazy)


def top_of(one: Import) -> str:
    return one.target.split(".")[0]


def terminal_uses(tree: ast.AST) -> Iterator[str]:
    """Uses of the terminal, the environment and the exit, by the name they are known by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in TERMINAL:
            yield f"{node.lineno}: {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in LAST_WORDS and ast.unparse(node) in TERMINAL:
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


def complaints(rule: Callable[[Module], Iterator[str]]) -> list[str]:
    """What a rule has to say about any module: the module's name and the words."""
    return [f"{module.name}: {one}" for module in modules().values() for one in rule(module)]


def without_a_docstring(module: Module) -> Iterator[str]:
    lines = module.docstring.splitlines()
    if not lines:
        yield "no docstring"
    elif not lines[0].endswith((".", ";", ",")) and len(lines) == 1:
        yield f"the docstring is no sentence: {lines[0]}"


def against_the_way(module: Module) -> Iterator[str]:
    if module.part not in MAY_IMPORT:
        yield f"say in MAY_IMPORT what {module.part} may import"
        return
    allowed = MAY_IMPORT[module.part] | {module.part} | GROUND
    for one in module.imports:
        if top_of(one) == "fsdcf" and part_of(one.target) not in allowed:
            yield f"line {one.line}: {one.target}"


def away_from_home(module: Module) -> Iterator[str]:
    for one in module.imports:
        package = top_of(one)
        if package == "fsdcf" or package in sys.stdlib_module_names:
            continue
        if package not in HOMES:
            yield f"line {one.line}: {package} is no dependency that HOMES knows"
        elif module.part not in HOMES[package]:
            yield f"line {one.line}: {package} belongs to {sorted(HOMES[package])}"


def heavy_and_early(module: Module) -> Iterator[str]:
    if module.part not in TALKERS:
        yield from (f"line {one.line}: {one.target}" for one in module.imports if one.eager and top_of(one) in HEAVY)


def terminal_elsewhere(module: Module) -> Iterator[str]:
    if module.part not in ("cli", "__main__"):
        yield from module.terminal_uses


# One test for each rule and not for each module: thousands of tests cost more than what they look at.
@pytest.mark.parametrize(
    "rule", [without_a_docstring, against_the_way, away_from_home, heavy_and_early, terminal_elsewhere]
)
def test_every_module_keeps(rule: Callable[[Module], Iterator[str]]) -> None:
    assert not complaints(rule)


ASTRAY = """
import os, requests
import boto3
from fsdcf.cli import main
print(os.environ)
"""


def test_the_rules_find() -> None:
    module = module_of("fsdcf.language.astray", ASTRAY, frozenset())
    assert list(without_a_docstring(module)) == ["no docstring"]
    assert list(without_a_docstring(replace(module, docstring="Words"))) == [
        "the docstring is no sentence: Words",
    ]
    assert list(against_the_way(module)) == ["line 4: fsdcf.cli"]
    assert list(away_from_home(module)) == [
        "line 2: requests is no dependency that HOMES knows",
        "line 3: boto3 belongs to ['deploy', 'operate']",
    ]
    assert list(heavy_and_early(module)) == ["line 3: boto3"]
    assert sorted(terminal_elsewhere(module)) == ["5: os.environ", "5: print"]


def test_no_two_classes_have_the_same_name() -> None:
    counted = Counter(name for module in modules().values() for name in module.classes)
    assert not [name for name, count in counted.items() if count > 1]


def test_no_cycles() -> None:
    graph = {
        name: {one.target for one in module.imports if one.eager and one.target in modules()} - {name}
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
from fsdcf.language import model, Unknown
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
    found = {(one.target, one.eager) for one in imports_of(ast.parse(source), frozenset({"fsdcf.language.model"}))}
    assert {("fsdcf.language.model", True), ("fsdcf.language", True), ("os.path", True)} <= found
    assert {("a", False), ("b", True), ("c", True), ("d", True), ("e", False)} <= found


@pytest.mark.parametrize(
    "text", ["print(1)", "import sys\nsys.exit(2)", "x = os.environ['A']", "from os import getenv"]
)
def test_the_reader_of_terminal_uses_finds(text: str) -> None:
    assert len(list(terminal_uses(ast.parse(text)))) == 1

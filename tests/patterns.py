"""Every regular expression of the package, found by reading its modules, and the texts that are worst for each one.

A pattern is found where it is compiled or used: its expression is evaluated in its module. One that is a parameter of
its function is found in the calls of that function. Other patterns are data: ``DATA`` says where, and a use of a
pattern that nothing finds is a failure.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from fsdcf import masking
from fsdcf.cli import image
from fsdcf.cloudformation import references, registries
from fsdcf.cloudformation.types import records
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.reasons import REASONS, STACK_REASONS, match_reason
from fsdcf.deploy.diagnosis.reasons.notices import NOTICES
from fsdcf.deploy.ecs import tasks
from fsdcf.images import failure
from fsdcf.images.build import seen_lines
from fsdcf.images.builders import Builder, ImageBuild
from fsdcf.images.ignored import DockerIgnore
from fsdcf.importers.flat import dependencies as flat_dependencies
from fsdcf.language import placeholders, source
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.service import Spec
from fsdcf.language.shape import fields_of
from fsdcf.sandbox import faults
from fsdcf.scaffold.known import BASES, MANIFESTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_parse as parser

PACKAGE = Path(__file__).parent.parent / "fsdcf"
METHODS = frozenset({"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})


@dataclass(frozen=True)
class Use:
    """A pattern and the method that applies it; ``place`` is the file, and its name or its expression."""

    place: str
    pattern: re.Pattern[Any]
    method: str

    def __call__(self, text: str) -> object:
        given: Any = text if isinstance(self.pattern.pattern, str) else text.encode()
        if self.method in ("sub", "subn"):
            return self.pattern.sub(given[:0], given)
        found = getattr(self.pattern, self.method)(given)
        return sum(1 for _ in found) if self.method == "finditer" else found


_UNKNOWN = object()


_APPLIES = re.compile(rf"\bre\.|\.(?:{'|'.join(METHODS - {'split'})})\(")


@dataclass(frozen=True, eq=False)
class _Module:
    file: str
    module: ModuleType
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return [*ast.walk(ast.parse(self.text))]

    @property
    def calls(self) -> Iterator[Any]:
        return (node for node in self.nodes if isinstance(node, ast.Call))

    def value(self, node: ast.expr, other: Any = _UNKNOWN) -> Any:
        """The value of an expression in this module; ``other`` if it has names of its function."""
        try:
            return eval(compile(ast.Expression(node), self.file, "eval"), vars(self.module))
        except Exception:
            return other

    def functions_around(self, node: ast.expr) -> Iterator[ast.FunctionDef]:
        for each in self.nodes:
            if isinstance(each, ast.FunctionDef) and each.lineno <= node.lineno <= (each.end_lineno or 0):
                yield each


@cache
def _modules() -> tuple[_Module, ...]:
    out = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__main__.py":
            file = path.relative_to(PACKAGE)
            name = ".".join(("fsdcf", *file.with_suffix("").parts)).removesuffix(".__init__")
            out.append(_Module(file.as_posix(), importlib.import_module(name), path.read_text(encoding="utf-8")))
    return tuple(out)


def _calls(name: str) -> Iterator[tuple[_Module, ast.Call]]:
    """The calls of a function, by its name alone."""
    for one in _modules():
        if f"{name}(" in one.text:
            yield from ((one, call) for call in one.calls if ast.unparse(call.func).rpartition(".")[2] == name)


def spec_patterns() -> Iterator[str]:
    """The patterns of the keys of specs and of the names in their maps."""
    waiting: list[type] = [Spec, EnvironmentSpec, *(one.model for one in types().values())]
    seen = set(waiting)
    while waiting:
        for each in fields_of(waiting.pop()):
            yield from filter(None, (each.key.pattern, each.key.key_pattern))
            inside = {kind.record for one in each.types for kind in (one, one.item) if kind and kind.record}
            waiting += inside - seen
            seen |= inside


def _image_patterns() -> Iterator[str]:
    yield image._pattern("".join(f"${{{name}}}.${{{name}}}-" for name in image._PSEUDO))
    yield image._pattern("x${a:b:c}-${a:b:d}${a:b:e}-${a:b:f}")


DATA: Mapping[str, Callable[[], Iterable[str]]] = {
    "cli/image.py: _pattern(expected)": _image_patterns,
    "cloudformation/registries.py: pattern": lambda: (pattern for pattern, _, _ in registries._KNOWN),
    "cloudformation/types/__init__.py: one.path": lambda: (each.path for one in records() for each in one.managed),
    "deploy/ecs/tasks.py: pattern": lambda: (pattern for _, pattern, _ in tasks._WORDS),
    "images/failure.py: cause.pattern": lambda: (one.pattern for one in failure._CAUSES),
    "language/placeholders.py: STORED_NAMES[store]": placeholders.STORED_NAMES.values,
    "importers/flat/dependencies.py: pattern": lambda: (pattern for pattern, _ in flat_dependencies._VALID.values()),
    "importers/flat/reading.py: STORED_NAMES[head]": placeholders.STORED_NAMES.values,
    "language/schema.py: pattern": spec_patterns,
    "masking.py: rest": lambda: (rest for _, rest in masking._BEGINNINGS),
    "plan/graph/architecture.py: drawing.arn_name": lambda: (
        one.drawing.arn_name for one in records() if one.drawing and one.drawing.arn_name
    ),
    "scaffold/application.py: pattern": lambda: (pattern for pattern, _ in MANIFESTS.values()),
    "scaffold/application.py: row.name": lambda: (row.name for row in BASES),
    "scaffold/application.py: row.tag": lambda: (row.tag for row in BASES),
    "scaffold/application.py: words": lambda: (words for _, words in MANIFESTS.values() if words),
    "sandbox/faults.py: pattern": lambda: (
        *(pattern for _, _, pattern in faults.QUIRKS.values()),
        *(pattern for pattern, _ in faults._DETAILS.values()),
        *(pattern for _, pattern in faults.TASK_PROBLEMS.values()),
    ),
}
"""The patterns that are data, by the file and the expression of their use."""

REASON = "deploy/diagnosis/reasons/reason.py: first + gap + bounded"
"""The patterns of reasons, whose flags their class adds."""

_BUILDER, _BUILD = Builder({}), ImageBuild("web:1", Path(), Path("none"), "linux/amd64")
BOUNDED: Mapping[str, Callable[[str], object]] = {
    "cloudformation/references.py: _VARIABLE": lambda text: sum(1 for _ in references.sub_variables(text)),
    "cloudformation/registries.py: pattern": lambda text: registries.registry_of(f"{text}.example/image"),
    "images/failure.py: cause.pattern": lambda text: failure.explain(_BUILDER, _BUILD, seen_lines(text)),
    "images/ignored.py: _PART": lambda text: DockerIgnore("", [text]).pattern_against("a"),
    "language/source.py: _ENTRY": lambda line: source._repair(line, [line], 1, 1),
    "language/source.py: _ITEM": lambda line: source._repair(line, [line], 1, 1),
}
"""The functions that bound what a pattern is applied to, or that pass only what it is fast for."""


def bounded(use: Use) -> Callable[[str], object]:
    """The function that applies a pattern to a foreign text: the pattern itself, or what bounds its text."""
    reason = next((one for one in (*REASONS, *NOTICES, *STACK_REASONS) if use.place == f"reason {one.name}"), None)
    if reason is not None:
        return lambda text: match_reason(text, DiagnosisContext(), (reason,))
    return BOUNDED.get(use.place, use)


FOREIGN = {"cloudformation/parameters.py: pattern", "cloudformation/iam.py: '.'.join(map(re.escape, part.split('?')))"}
"""Patterns that are foreign themselves: tests of their own show that they and their texts are bounded."""


@cache
def uses() -> tuple[tuple[Use, ...], tuple[str, ...]]:
    """Every use of a pattern, and the places of patterns that nothing finds."""
    applied: list[Use] = []
    compiled: list[tuple[str, re.Pattern[Any], frozenset[str]]] = []
    missing: list[str] = []
    for one in (each for each in _modules() if _APPLIES.search(each.text)):
        loose: set[str] = set()  # the methods of patterns in collections and local variables
        own = []
        for call in (each for each in one.calls if isinstance(each.func, ast.Attribute)):
            base, method = call.func.value, call.func.attr
            if ast.unparse(base).startswith("re.compile(") and method in METHODS:  # compiled and applied at once
                call, base = base, base.func.value
            if isinstance(base, ast.Name) and base.id == "re" and method in (*METHODS, "compile"):
                place = f"{one.file}: {ast.unparse(call.args[0])}"
                patterns = _patterns(one, call, place)
                missing += [place] if patterns is None else []
                own += [(place, pattern, method) for pattern in patterns or ()]
            elif method in METHODS and isinstance(base, ast.Name | ast.Attribute):
                value = one.value(base)
                loose |= {method} - {"split"} if value is _UNKNOWN else set()  # a text has this method, too
                own += [(f"{one.file}: {ast.unparse(base)}", value, method)] if isinstance(value, re.Pattern) else []
        applied += [Use(*each) for each in own if each[2] != "compile"]
        methods = frozenset(loose or {"search"})
        compiled += [(place, pattern, methods) for place, pattern, method in own if method == "compile"]
    named = {use.pattern for use in applied}
    applied += [Use(*each, method) for *each, methods in compiled if each[1] not in named for method in methods]
    applied += [Use(f"reason {one.name}", one.words, "search") for one in (*REASONS, *NOTICES, *STACK_REASONS)]
    return tuple({(use.pattern, use.method): use for use in reversed(applied)}.values())[::-1], tuple(missing)


def _patterns(one: _Module, call: Any, place: str) -> Iterable[re.Pattern[Any]] | None:
    """The compiled patterns of a call of ``re``; None if nothing finds them."""
    expression = call.args[0]
    names = {"compile": 1, "sub": 4, "subn": 4, "split": 3}
    at = names.get(call.func.attr, 2)
    flags = next((one.value(each) for each in (*_keyword(call, "flags"), *call.args[at : at + 1])), 0)
    value = one.value(expression)
    if value is not _UNKNOWN:
        return [re.compile(value, flags)]
    if place in FOREIGN or place == REASON:
        return []
    of_key = place.endswith(("key.pattern", "key.key_pattern"))
    texts = list(DATA.get(place, spec_patterns if of_key else lambda: _arguments(one, expression))())
    if isinstance(expression, ast.JoinedStr) and not texts:
        parts = (
            part.value if isinstance(part, ast.Constant) else one.value(part.value, "x") for part in expression.values
        )
        texts = ["".join(map(str, parts))]
    return [re.compile(text, flags) for text in texts] or None


def _arguments(one: _Module, expression: ast.expr) -> Iterator[str]:
    """The texts that the calls of the functions around an expression give to the parameter that it names."""
    for function in one.functions_around(expression):
        names = [parameter.arg for parameter in function.args.args if parameter.arg not in ("self", "cls")]
        if not isinstance(expression, ast.Name) or expression.id not in names:
            continue
        at = names.index(expression.id)
        defaults = function.args.defaults[at - len(names) :] if at >= len(names) - len(function.args.defaults) else []
        given = [(one, each) for each in defaults[:1]]
        for other, call in _calls(function.name):
            given += [(other, each) for each in (*_keyword(call, expression.id), *call.args[at : at + 1])]
        yield from (text for where, each in given if isinstance(text := where.value(each), str))


def _keyword(call: ast.Call, name: str) -> list[ast.expr]:
    return [word.value for word in call.keywords if word.arg == name]


def worst(use: Use) -> Iterator[Callable[[int], str]]:
    """Texts of any length that may be slow for a pattern, each as a function of the length: what matches up to one of
    its repetitions, then letters of it again and again, then an end that does not match."""
    walk = _Walk()
    source = use.pattern.pattern if isinstance(use.pattern.pattern, str) else use.pattern.pattern.decode("latin-1")
    tree = parser.parse(source, use.pattern.flags)
    examples = [walk.example(tree, "", pick) for pick in range(4)]
    heads = list(dict.fromkeys((*walk.heads, *examples)))
    letters = list(dict.fromkeys(walk.letters))
    repeated = [*walk.repeated, *filter(None, heads), *letters]
    repeated += [head + each for head in heads for each in dict.fromkeys(walk.repeated[:3])]
    repeated += [first + second for first in letters[:9] for second in letters[:9] if first != second]
    pairs = [(head, each) for each in dict.fromkeys(repeated) for head in heads]
    for head, each, end in ((*pair, end) for pair in pairs for end in _ENDS):
        yield lambda size, head=head, each=each, end=end: head + each * max(1, (size - len(head)) // len(each)) + end


_ENDS = ("", "\x00\n", "~")
_CATEGORIES = {"DIGIT": "0", "NOT_DIGIT": "a", "SPACE": " \n", "NOT_SPACE": "a", "WORD": "a_0", "NOT_WORD": "- "}
_ANY = "a0 -:/\n\"'.x$("


class _Walk:
    """Examples of a pattern, and on the way its letters, its repetitions, and what matches before each of them."""

    def __init__(self) -> None:
        self.heads = [""]
        self.repeated: list[str] = []
        self.letters: list[str] = []

    def example(self, parts: Any, before: str, pick: int) -> str:
        out = ""
        for operation, argument in parts:
            out += self._part(str(operation), argument, before + out, pick)
        return out

    def _part(self, operation: str, argument: Any, before: str, pick: int) -> str:
        if operation.endswith("REPEAT"):
            least, _, body = argument
            self.heads.append(before)
            each = self.example(body, before, pick)
            self.repeated += [each] if each else []
            return each * min(max(least, 1), 20)
        if operation == "BRANCH":
            options = [self.example(option, before, pick) for option in argument[1]]
            return options[pick % len(options)]
        if operation in ("SUBPATTERN", "ATOMIC_GROUP"):
            return self.example(argument[-1] if operation == "SUBPATTERN" else argument, before, pick)
        if operation in ("ASSERT", "ASSERT_NOT"):
            self.example(argument[1], before, pick)
            return ""
        letters = _letters(operation, argument)
        self.letters += letters
        return letters[pick % len(letters)] if letters else ""


def _letters(operation: str, argument: Any) -> list[str]:
    if operation in ("LITERAL", "RANGE"):
        return [chr(argument)] if operation == "LITERAL" else [chr(argument[0]), chr(argument[1])]
    if operation == "CATEGORY":
        return list(_CATEGORIES[str(argument).removeprefix("CATEGORY_")])
    if operation == "NOT_LITERAL":
        return [letter for letter in _ANY if letter != chr(argument)]
    if operation == "IN":
        inside = [letter for each in argument for letter in _letters(str(each[0]), each[1])]
        return [letter for letter in _ANY if letter not in inside] if str(argument[0][0]) == "NEGATE" else inside
    return ["a"] if operation == "ANY" else []


_STEPS = (16, 20, 24, 28, 32, 40, 48, 56, 64, 100, 250, 1000)


def slowest(use: Callable[[str], object], texts: Iterable[Callable[[int], str]], size: int, limit: float) -> float:
    """The CPU seconds for the worst text of this size; of a shorter one, once that exceeds the limit.

    Each text grows until it is worth 1,000 letters, and the three slowest go on: a pattern that is exponential in the
    text is found while it takes seconds.
    """
    costs = []
    for number, text in enumerate(texts):
        for step in _STEPS:
            cost = cpu(use, text(step))
            if cost > limit / 5:
                return max(cost, limit * 2)
        costs.append((cost, number, text))
    top = sorted(costs, reverse=True)[:3]
    cost = 0.0
    for _, _, text in top:
        for step in (size // 25, size // 5, size):
            cost = max(cost, cpu(use, text(step)))
            if cost > limit:
                return cost
    return cost


def cpu(use: Callable[[str], object], text: str) -> float:
    """The CPU seconds that a function takes for a text."""
    start = time.thread_time()
    use(text)
    return time.thread_time() - start

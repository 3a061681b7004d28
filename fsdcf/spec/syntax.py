"""Where the YAML reader gives up: the finding, with a hint at what is usually the cause."""

from __future__ import annotations

import re

import yaml

from fsdcf.diagnostics import LINE_BREAK, Diagnostic, Rule, Span

MOST_DEPTH = 50

SYNTAX = Rule(
    "S001",
    "not YAML",
    "The text cannot be read as YAML. The position is where the reader gave up; the cause stands there or just before.",
)
DEPTH = Rule("S008", "nested too deeply", f"A spec is nested at most {MOST_DEPTH} levels deep.")

_UNSPACED = re.compile(r"\s*[A-Za-z][\w-]*:[^\s/:]")
_A_KEY = re.compile(r"\s*[A-Za-z][\w-]*:(\s|$)")
_ONE_KEY = re.compile(r"\s+[A-Za-z][\w-]*:(?:\s(?!.*: )|$)")


def unspaced(line: str) -> bool:
    """Whether a line looks like a key without a space behind its colon."""
    return _UNSPACED.match(line) is not None


def too_deep(span: Span) -> Diagnostic:
    """The finding for a value that lies too deep."""
    return DEPTH.at(span, (), f"more than {MOST_DEPTH} levels deep", "a spec needs about eight")


def unreadable(error: Exception, text: str, name: str) -> Diagnostic:
    """The reader's error as a finding, at the nearest character that can be shown."""
    if not isinstance(error, yaml.MarkedYAMLError):
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        return SYNTAX.at(Span(name, 1, 1, 1, 2), (), f"the text cannot be read as YAML: {cause}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = LINE_BREAK.split(text)
    while line > 1 and (line > len(lines) or (not lines[line - 1].strip() and line == len(lines))):
        line, column = line - 1, 0
    shown = lines[line - 1] if line <= len(lines) else ""
    column = min(column or len(shown) + 1, len(shown) + 1)
    problem = error.problem or error.context or "the text cannot be read"
    if "nesting depth" in problem:  # libyaml has a bound of its own, and looks ahead
        return too_deep(Span(name, line, column, line, column + 1))
    above = next((one for one in reversed(lines[: line - 1]) if one.strip()), "")
    return SYNTAX.at(
        Span(name, line, column, line, column + 1), (), f"not YAML: {problem}", _hint(problem, shown, above, column)
    )


def _hint(problem: str, line: str, above: str, column: int) -> str:
    if "\t" in line[: _depth(line)] or "\\t" in problem:
        return "indent with spaces: YAML takes no tabs"
    if "${" in line:
        return 'put values with `${…}` in quotes inside { } and [ ]: "${ENV}"'
    if "alias" in problem or "anchor" in problem:
        return "put text that begins with * or & in quotes"
    if "mapping values" in problem and _ONE_KEY.match(line) and _depth(line) > _depth(above):
        return "check the indentation: keys of one map stand in one column"
    if "mapping values" in problem and line.rstrip().endswith(":"):
        return "a value that ends in `:` needs quotes"
    if "mapping values" in problem:
        return "a value with `: ` in it needs quotes; a key needs its own line"
    if unspaced(line) or unspaced(above):
        return "a key is followed by `:` and a space"
    if "escape" in problem:
        return "in double quotes \\ begins an escape; single quotes take it as it is"
    if "end of stream" in problem:
        return "close the quotes: \" or ' at the end of the text"
    if "',' or" in problem:
        return "put commas between the items, and close the list with ] and the map with }"
    at_key = column <= _depth(line) + 1 and _A_KEY.match(line)
    if "block" in problem or "indent" in problem or at_key:
        return "check the indentation: keys of one map stand in one column"
    if "expected key" in problem and _A_KEY.match(line):
        return "put the whole value in quotes; a ' in it is written twice"
    if "key" in problem or "':'" in problem:
        return "a key is followed by `:` and a space"
    return "put the value in quotes if it holds special characters"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())

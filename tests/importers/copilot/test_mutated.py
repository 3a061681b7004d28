"""Any workspace ends in a report: no content of a file is a traceback, and the same files give the same bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.importers import convert
from fsdcf.importers.copilot.workspace import claims
from fsdcf.importers.source import Source
from tests.fuzz import examples

pytestmark = pytest.mark.hypothesis

CASE = Path("tests/cases/import/copilot-workspace/source")
FILES = {str(path.relative_to(CASE)): path.read_text() for path in sorted(CASE.rglob("*.yml"))}
VALUES = (
    *("null", "[]", "{}", "3", "-1", "true", "'${X}'", '"é\\u2028"', "[1, {a: b}]", "{a: {b: [1]}}", "9" * 30, "1e400"),
    *("!Ref X", "!GetAtt A.B", "!Sub '${'", "!Sub ['${a}', {a: !Ref a}]", "{{ x }}", "*a", "&a x", "''", "1:30", "on"),
    *("!Join [',', 3]", "!If [A, B]", "!FindInMap [a]", "{'Fn::ImportValue': [1]}", "{Ref: [1]}", "{'Fn::Sub': 3}"),
    *("{'Fn::GetAtt': 3}", "{'Fn::Join': ['', {a: 1}]}", "{Type: [1]}", "[[[]]]", "'*'", "a:b:c"),
)


def _mutated(text: str, random: random.Random) -> str:
    """The text with some lines dropped, repeated or moved, and some values replaced."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 4)):
        at, how = random.randrange(len(lines)), random.random()
        if how < 0.2 and len(lines) > 1:
            del lines[at]
        elif how < 0.35:
            lines.insert(at, random.choice(lines))
        else:
            lines[at] = f"{lines[at].split(':', 1)[0]}: {random.choice(VALUES)}"
    return "\n".join(lines)


def _imported(files: dict[str, str]) -> object:
    sources = [Source(path, path, text.encode(), False, path.split("/")[-2]) for path, text in files.items()]

    def beside(path: str) -> bytes:
        raise FileNotFoundError(path)

    result = convert("copilot", [each for each in sources if claims(each)], sources, beside)
    return (
        [each.text() for each in result.drafts],
        result.files,
        list(result.report.rows.values()),
        [*result.next, *result.later],
    )


@examples(12)
@given(st.randoms(use_true_random=False))
def test_a_mutated_workspace_has_a_report(random: random.Random) -> None:
    files = {path: _mutated(text, random) if random.random() < 0.5 else text for path, text in FILES.items()}
    assert _imported(files) == _imported(files)

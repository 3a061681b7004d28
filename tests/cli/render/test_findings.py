"""Thousands of findings, and values of any length: what is shown stays short, and takes no longer than the text."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from fsdcf.cli.render.findings import MOST_SHOWN
from fsdcf.wording import readable
from tests.cli.test_commands import fsdcf
from tests.conftest import HELLO
from tests.fuzz import FUZZ

SHARE = 1 if FUZZ else 4
"""The default tests take the fourth part of each number."""

MANY, LINES = 50_000 // SHARE, 9000 // SHARE
LIMIT = 60.0
"""CPU seconds for a spec of half a megabyte, which takes one or two. Work that grows with its square takes minutes."""


def _lines(form: str, count: int) -> str:
    return "".join(f"{form}\n".replace("#", str(number)) for number in range(count))


def _placeholders(count: int) -> str:
    return f'{HELLO}  environment: {{V: "{" ".join(f"${{X{number}}}" for number in range(count))}"}}\n'


QUEUES = _lines("  - {type: aws_sqs_queue, name: q#}", 1500 // SHARE)
ATTRIBUTES = " ".join(f"${{sqs:q{number % (1500 // SHARE)}:url}}" for number in range(20_000 // SHARE))
VARIABLES = _lines("    V#: x", 4500 // SHARE)
HOSTILE = {
    "placeholders": _placeholders(MANY),
    "placeholders in many values": f"{HELLO}  environment:\n{_lines('    V#: ${X#}', LINES)}",
    "unknown keys": f"{HELLO}{_lines('  porx#: 1', 3000 // SHARE)}",
    "names": f"{HELLO}  environment:\n{_lines('    a-#: x', LINES)}",
    "duplicates": f"{HELLO}  environment:\n{_lines('    V: x', 40_000 // SHARE)}",
    "environments": f"{HELLO}environments:\n{_lines('  e#: {foo: 1}', 4500 // SHARE)}",
    "attributes": f'{HELLO}  environment: {{V: "{ATTRIBUTES}"}}\ndependencies:\n{QUEUES}',
    "dependencies": f"{HELLO}dependencies:\n{QUEUES}",
    "nulls": f"{HELLO}  environment:\n{VARIABLES}environments:\n  staging:\n    environment:\n"
    + VARIABLES.replace("x", "null"),
    "a long key": f"{HELLO}  {'k' * 100_000}: 1\n",
    "a long name": HELLO.replace("hello", "h" * 100_000),
    "a long value": f"{HELLO}  cpuArchitecture: {'k' * 100_000}\n",
    "a long value of words": f"{HELLO}  cpuArchitecture: {'k ' * 50_000}\n",
    "a long placeholder": f"{HELLO}  image: ${{{'k' * 100_000}}}\n",
    "a long line": f"{HELLO}  environment: {{{', '.join(f'V{number}: x' for number in range(LINES))}, V1: 2}}\n",
    "secrets in a line": f"{HELLO}  environment: {{{', '.join(f'PASSWORD_{n}: hunter{n}' for n in range(LINES))}}}\n",
    "secrets": f"{HELLO}  environment:\n{_lines('    PASSWORD_#: hunter2hunter#', LINES)}",
    "depth": f"{HELLO}  environment: {'{a: ' * 5000}1{'}' * 5000}\n",
}


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", HOSTILE)
def test_little_is_printed_in_little_time(name: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yml").write_text(HOSTILE[name])
    start = time.process_time()
    done = fsdcf("validate", "spec.yml", "--no-lint", cwd=tmp_path)
    assert time.process_time() - start < LIMIT
    assert len(done.stdout) + len(done.stderr) < 150_000
    assert max(map(len, (done.stdout + done.stderr).splitlines()), default=0) < 3000
    assert "bug" not in done.stderr


def test_other_findings_are_counted(tmp_path: Path) -> None:
    (tmp_path / "spec.yml").write_text(_placeholders(5_000))
    text = fsdcf("validate", "spec.yml", cwd=tmp_path).stderr
    assert text.count("error[S110]") == MOST_SHOWN
    assert "and 4,900 more findings: 4,900 S110\n" in text and text.endswith("spec.yml: 5000 errors\n")
    records = json.loads(fsdcf("validate", "spec.yml", "--format", "json", cwd=tmp_path).stdout)
    assert len(records) == MOST_SHOWN + 1
    assert records[-1]["severity"] == "note" and records[-1]["omitted"] == {"S110": 4_900}
    *findings, notice = fsdcf("validate", "spec.yml", "--format", "github", cwd=tmp_path).stdout.splitlines()
    assert len(findings) == MOST_SHOWN and notice.startswith("::notice ") and "4,900 S110" in notice


def test_errors_come_before_warnings(tmp_path: Path) -> None:
    variables = _lines("    PASSWORD_#: hunter2hunter2#", 150)
    (tmp_path / "spec.yml").write_text(f"{HELLO}  environment:\n{variables}    V: ${{X}}\n")
    records = json.loads(fsdcf("validate", "spec.yml", "--no-lint", "--format", "json", cwd=tmp_path).stdout)
    codes = Counter(one["code"] for one in records)
    assert codes["S110"] == 1 and sum(codes.values()) == MOST_SHOWN + 1
    lines = [one["line"] for one in records[:-1]]
    assert lines == sorted(lines)


def test_the_cap_is_that_of_the_command(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.yml").write_text(f"{HELLO}  environment:\n{_lines('    V#: ${X#}', 60)}")
    text = fsdcf("validate", "0.yml", "1.yml", "2.yml", cwd=tmp_path).stderr
    assert text.count("error[S110]") == MOST_SHOWN
    assert "and 20 more findings: 20 S110" in text and "and 60 more findings: 60 S110" in text


def test_a_summary_names_few_specs(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.yml").write_text(HELLO.replace("8000", "true"))
    summary = tmp_path / "summary.md"
    names = [f"{number}.yml" for number in range(30)]
    done = fsdcf("deploy", *names, cwd=tmp_path, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    text = done.stdout + done.stderr
    assert done.returncode == 2 and "10 more specs with errors" in text and "29.yml: 1 error" not in text


def test_a_step_summary_is_capped(tmp_path: Path) -> None:
    (tmp_path / "spec.yml").write_text(_placeholders(5_000))
    summary = tmp_path / "summary.md"
    fsdcf("deploy", "spec.yml", cwd=tmp_path, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    text = summary.read_text()
    assert text.count("**S110**") == MOST_SHOWN and "and 4,900 more findings" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        (f"`{'k' * 500}` is not a valid key", f"`{'k' * 99}…` is not a valid key"),
        (f"a {'b ' * 2000}c", f"a {'b ' * 249} …  {'b ' * 249}c"),
    ],
)
def test_a_readable_sentence(text: str, shown: str) -> None:
    assert readable(text) == shown

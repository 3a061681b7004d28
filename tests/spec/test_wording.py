"""Hints that say what to write in the place of what is wrong."""

from __future__ import annotations

import pytest

from tests.conftest import HELLO, Compile


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("  secrets: [{DB: 'arn:aws:ssm:us-east-1:123456789012:parameter/db'}]\n", "unknown key `DB`", "write two keys, each on its line: `name: DB` and `valueFrom:` with the value"),
        ("  volumes: [{data: /data}]\n", "unknown key `data`", "write two keys, each on its line: `name: data` and `mountPath:` with the value"),
        ("  environment: {KEY: }\n", "`KEY` must be text, not empty", 'write "" for an empty text'),
    ],
    ids=["a secret", "a volume", "an empty value"],
)
def test_one_finding_with_what_to_write(compiled: Compile, text: str, message: str, hint: str) -> None:
    assert [(one.message, one.hint) for one in compiled(HELLO + text).diagnostics] == [(message, hint)]


def test_an_empty_map_is_no_empty_text(compiled: Compile) -> None:
    (one,) = compiled(HELLO + "  environment:\n").diagnostics
    assert one.hint == "Environment variables; numbers and booleans keep their text."


def test_an_item_that_has_one_of_its_keys_is_no_pair(compiled: Compile) -> None:
    text = HELLO + "  secrets: [{naem: DB, valueFrom: 'arn:aws:ssm:us-east-1:123456789012:parameter/db'}]\n"
    assert "did you mean `name`?" in {one.hint for one in compiled(text).diagnostics}

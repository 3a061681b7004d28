"""Other words and forms of a value become the usual one, at the position of what was written."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.compiler.dependencies import types
from fsdcf.language.model.common import ACCESS_WORDS
from fsdcf.language.model.service import Spec
from fsdcf.language.source import parse
from fsdcf.language.spellings import canonical

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def read(
    text: str, of: str = "aws_s3_bucket"
) -> tuple[dict[str, Any], dict[tuple[Any, ...], tuple[int, int]], list[str]]:
    """A dependency with keys: its data under canonical names, the column of each value, and the findings."""
    document, _ = parse(f"dependencies:\n  - {{type: {of}, {text}}}\n".encode(), "spec.yml")
    assert document is not None
    found, findings = canonical(document, Spec, types())
    below = ("dependencies", 0)
    columns = {path[2:]: mark.value.column for path, mark in found.marks.items() if path[:2] == below and path[2:]}
    return found.data["dependencies"][0], columns, [one.code for one in findings]


@pytest.mark.parametrize(
    ("word", "usual"),
    [
        *ACCESS_WORDS.items(),
        *((word, "readWrite") for word in ("READWRITE", "read_write", "read-write", "Read Write", "RW")),
        *((word, "read") for word in ("RO", "read-only", "Consumer")),
        *((word, word) for word in ("admin", "", "readwrites", "client", "read/writes")),
    ],
)
def test_words_for_access(word: str, usual: str) -> None:
    for key in ("mode", "permissions"):
        assert read(f"{key}: {word!r}")[0]["permissions"] == usual
        assert read(f"unmanaged: {{{key}: {word!r}}}")[0]["unmanaged"] == {"permissions": usual}


@pytest.mark.parametrize("of", ["aws_sns_topic", "aws_rds_instance", "aws_kms_key", "aws_secretsmanager_secret"])
def test_every_type_has_them(of: str) -> None:
    assert read("mode: RW, unmanaged: {mode: ro}", of)[0]["permissions"] == "readWrite"
    assert read("mode: RW, unmanaged: {mode: ro}", of)[0]["unmanaged"] == {"permissions": "read"}


def test_a_list_of_actions_is_no_word() -> None:
    assert read("mode: [read, s3:GetObject]")[0]["permissions"] == ["read", "s3:GetObject"]


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("AES256", "owned"),
        ("aws:kms", "kms"),
        ("SSE-KMS", "kms"),
        ("true", "owned"),
        (f"{{kms_key: '{KEY}'}}", KEY),
        (f"{{enabled: true, kmsKeyArn: '{KEY}'}}", KEY),
        ("{enabled: true, key: aws:kms}", "kms"),
        ("{enabled: true}", "owned"),
        ("{enabled: false}", {"enabled": False}),
        ("{enabled: yes please, key: kms}", {"enabled": "yes please", "key": "kms"}),
        ("{enabled: true, algorithm: AES256}", {"enabled": True, "algorithm": "AES256"}),
        ("{}", {}),
        ("false", False),
        ("aws:kms:dsse", "aws:kms:dsse"),
    ],
)
def test_forms_of_encryption(written: str, usual: object) -> None:
    assert read(f"encryption: {written}")[0]["encryption"] == usual


def test_a_type_without_a_free_key_has_no_word_for_it() -> None:
    assert read("encryption: AES256", "aws_kinesis_stream")[0]["encryption"] == "AES256"
    assert read("encryption: true", "aws_kinesis_stream")[0]["encryption"] == "kms"


def test_the_position_is_that_of_the_value_itself() -> None:
    text = "encryption: {enabled: true, kms_key: KEY}, prefix: in/"
    data, columns, _ = read(text)
    assert (data["encryption"], data["prefixes"]) == ("KEY", ["in/"])
    start = len("  - {type: aws_s3_bucket, ") + 1
    assert columns["encryption",] == start + text.index("KEY")
    assert columns["prefixes",] == columns["prefixes", 0] == start + text.index("in/")


def test_a_key_twice_is_found_in_either_order() -> None:
    for text in ("mode: read, permissions: read", "permissions: read, mode: read"):
        data, _, findings = read(text)
        assert (data["permissions"], findings) == ("read", ["S108"])

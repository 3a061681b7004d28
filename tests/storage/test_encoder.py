"""From a row to an item: names, forms, keys, and the problems of invalid data."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.storage.migration.model import Columns, MigrationError, TargetTable
from fsdcf.storage.migration.values import Encoder, item_size

TABLE = TargetTable("t", (("pk", "S"), ("sk", "N")), (("state", "S"),))


def text(value: str) -> bytearray:
    return bytearray(value.encode())


def encoder(**mapping: Any) -> Encoder:
    return Encoder(["id", "at", "state", "x"], Columns(**{"renamed": (("id", "pk"), ("at", "sk")), **mapping}), TABLE)


def test_columns_get_their_names_and_types() -> None:
    item, size, problems = encoder()((text("é"), 5, None, b"\0\xff"))
    assert item == {"pk": {"S": "é"}, "sk": {"N": "5"}, "x": {"B": b"\0\xff"}} and not problems
    assert size == 2 + 2 + 2 + 2 + 1 + 2


def test_forms_and_columns_left_out() -> None:
    forms = (("at", "epoch"), ("id", "text"), ("state", "text"), ("x", "json"))
    item, _, problems = encoder(forms=forms)((7, text("2026-01-31"), 1.5, text('{"a": [1, true]}')))
    assert item == {
        "pk": {"S": "7"},
        "sk": {"N": "1769817600"},
        "state": {"S": "1.5"},
        "x": {"M": {"a": {"L": [{"N": "1"}, {"BOOL": True}]}}},
    }
    assert not problems
    assert "x" not in encoder(skipped=("x",))((text("a"), 1, None, 3))[0]
    assert encoder(forms=(("x", "number"),))((text("a"), 1, None, text(" 12.50 ")))[0]["x"] == {"N": "12.5"}
    assert encoder(forms=(("x", "json"),))((text("a"), 1, None, 2.5))[0]["x"] == {"N": "2.5"}


@pytest.mark.parametrize(
    ("row", "kind", "where"),
    [
        ((None, 1, None, None), "key without a value", "pk"),
        ((text("a"), None, None, None), "key without a value", "sk"),
        ((text(""), 1, None, None), "empty key", "pk"),
        ((7, 1, None, None), "key of another type", "pk"),
        ((text("a"), text("1"), None, None), "key of another type", "sk"),
        ((text("a" * 2049), 1, None, None), "key too long", "pk"),
        ((text("a"), 1, text(""), None), "empty key", "state"),
        ((text("a"), 1, 3, None), "key of another type", "state"),
        ((bytearray(b"\xff"), 1, None, None), "text that is not UTF-8", "id"),
        ((text("a"), 1, None, bytearray(b"\xed\xa0\x80")), "text that is not UTF-8", "x"),
        ((text("a"), 1, None, float("inf")), "not finite", "x"),
        ((text("a"), 1, None, 1e200), "number out of range", "x"),
        ((text("a"), 1, None, b"x" * 409_593), "item over 400 KB", "the row"),
    ],
)
def test_values_that_dynamodb_rejects(row: tuple[Any, ...], kind: str, where: str) -> None:
    _, _, problems = encoder()(row)
    assert [(one.kind, one.where) for one in problems] == [(kind, where)]


def test_an_item_of_400_kb_to_the_byte_fits() -> None:
    item, _, problems = encoder()((text("a"), 1, None, b"x" * 409_592))
    assert not problems and item_size(item) == 400 * 1024


def test_a_blob_cannot_be_converted() -> None:
    _, _, problems = encoder(forms=(("x", "json"),))((text("a"), 1, None, b"{}"))
    assert [one.kind for one in problems] == ["not text"]


def test_all_problems_of_a_row_are_reported() -> None:
    _, _, problems = encoder()((text(""), text("x"), 3, float("-inf")))
    assert {one.kind for one in problems} == {"empty key", "key of another type", "not finite"} and len(problems) == 4


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"renamed": (("id", "pk"),)}, "no column becomes the key 'sk'"),
        ({"renamed": (("id", "pk"), ("at", "sk"), ("x", "sk"))}, "two columns would become the attribute 'sk'"),
        ({"renamed": (("nope", "pk"),)}, "--map: the column 'nope' does not exist"),
        ({"forms": (("nope", "json"),)}, "--as: the column 'nope' does not exist"),
        ({"forms": (("x", "xml"),)}, "'x' cannot become 'xml'"),
        ({"skipped": ("nope",)}, "--skip: the column 'nope' does not exist"),
        ({"skipped": ("id",)}, "no column becomes the key 'pk'"),
        ({"renamed": (("id", "pk"), ("at", "sk"), ("x", "y" * 65536))}, "is not a valid attribute name"),
    ],
)
def test_invalid_mappings(mapping: dict[str, Any], words: str) -> None:
    with pytest.raises(MigrationError) as found:
        encoder(**mapping)
    assert words in found.value.sentence and found.value.kind == "usage" and found.value.hint

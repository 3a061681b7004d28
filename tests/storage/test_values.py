"""Values: exact in both directions, rejected and compared as in DynamoDB."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from decimal import Context, Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.storage.migration.model import Columns, TargetTable
from fsdcf.storage.migration.values import (
    BadValue,
    Encoder,
    canonical,
    document,
    epoch,
    iso,
    item_size,
    number,
    plain_number,
    real,
    value_size,
)

TABLE = TargetTable("t", (("id", "N"),))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.none() | INTEGERS | st.floats(allow_nan=False) | TEXTS | st.binary()


def through_sqlite(*values: Any) -> tuple[Any, ...]:
    """Values as they come out of a database, as the engine reads it."""
    with closing(sqlite3.connect("")) as base:
        base.text_factory = bytearray
        base.execute("CREATE TABLE t (id, " + ", ".join(f"c{n}" for n in range(len(values) - 1)) + ")")
        base.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(values))})", values)
        found: tuple[Any, ...] = base.execute("SELECT * FROM t").fetchone()
        return found


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_row_is_converted_exactly(values: list[Any]) -> None:
    columns = ["id", *(f"c{n}" for n in range(len(values)))]
    item, size, problems = Encoder(columns, Columns(), TABLE)(through_sqlite(7, *values))
    refused = {
        f"c{n}" for n, one in enumerate(values) if isinstance(one, float) and one and not 1e-130 <= abs(one) < 1e126
    }
    assert {one.where for one in problems} == refused
    assert set(item) == {"id", *(f"c{n}" for n, one in enumerate(values) if one is not None)} - refused
    for name, one in zip(columns[1:], values, strict=True):
        if name in item:
            back = TypeDeserializer().deserialize(item[name])
            if isinstance(one, float):
                assert back == Decimal(repr(one)) and float(back) == one
            else:
                assert (bytes(back) if isinstance(one, bytes) else back) == one
    assert item_size(item) <= size <= item_size(item) + 21 * len(item)


@given(st.floats(min_value=1e-130, max_value=9.9e125, allow_subnormal=False), st.booleans())
def test_a_real_is_its_shortest_decimal(value: float, negative: bool) -> None:
    value = -value if negative else value
    assert Decimal(real(value)) == Decimal(repr(value)) and len(Decimal(real(value)).as_tuple().digits) <= 38


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (5.0, "5"), (-0.0, "0"), (1e22, "1e+22"), (1.1 + 2.2, "3.3000000000000003")]
)
def test_reals_without_noise(value: float, text: str) -> None:
    assert real(value) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_infinite_values_are_rejected(value: float) -> None:
    with pytest.raises(BadValue) as found:
        real(value)
    assert found.value.kind == "not finite"


DECIMALS = st.builds(
    lambda sign, digits, exponent: Decimal((sign, tuple(map(int, digits)), exponent)),
    st.integers(0, 1),
    st.text("0123456789", min_size=1, max_size=45),
    st.integers(-160, 140),
)


@given(DECIMALS)
def test_numbers_within_the_limits_are_exact_and_others_rejected(value: Decimal) -> None:
    digits = str(value.copy_abs()).upper().partition("E")[0].replace(".", "").strip("0") if value else ""
    good = len(digits) <= 38 and (not value or -130 <= value.adjusted() <= 125)
    try:
        written = number(str(value))
    except BadValue as error:
        assert not good and error.kind in ("more than 38 digits", "number out of range")
        return
    assert good and Decimal(written) == value and written == plain_number(str(value))


@pytest.mark.parametrize(
    "text",
    ["9" * 38, f"1{'0' * 60}", f"0.{'0' * 129}1", "9.9999999999999999999999999999999999999E+125", "-1E-130", "0E999"],
)
def test_the_last_numbers_that_fit(text: str) -> None:
    assert Decimal(number(text)) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("9" * 39, "more than 38 digits"),
        ("1E126", "number out of range"),
        ("1E-131", "number out of range"),
        ("1e999999999", "number out of range"),
        *((text, "not finite") for text in ("NaN", "inf", "-Infinity", "nan")),
        *((text, "not a number") for text in ("", " ", "1_000", "0x1", "1,5", "١", "1e", "--1", "1e9999999999")),
    ],
)
def test_numbers_beyond_the_limits(text: str, kind: str) -> None:
    with pytest.raises(BadValue) as found:
        number(text)
    assert found.value.kind == kind


@given(DECIMALS, DECIMALS, st.integers(0, 5))
def test_equal_numbers_have_one_form(one: Decimal, other: Decimal, zeros: int) -> None:
    wide = Context(prec=200)
    padded = one.quantize(Decimal((0, (1,), min(0, int(one.as_tuple().exponent)) - zeros)), context=Context(prec=400))
    assert plain_number(str(one)) == plain_number(str(padded))
    assert (plain_number(str(one)) == plain_number(str(other))) == (wide.compare(one, other) == 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.decimals(-1000, 1000, places=3) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_becomes_a_document_exactly(value: Any) -> None:
    def plain(one: Any) -> Any:
        return float(one) if isinstance(one, Decimal) else one

    back = TypeDeserializer().deserialize(document(json.dumps(value, default=plain)))
    assert back == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{", "invalid JSON"),
        ("", "invalid JSON"),
        ('{"a": 1, "a": 2}', "invalid JSON"),
        ("[NaN]", "not finite"),
        ("[-Infinity]", "not finite"),
        ('["\\ud800"]', "text that is not UTF-8"),
        ('{"\\udfff": 1}', "text that is not UTF-8"),
        ("1" * 39, "more than 38 digits"),
        ("1" * 5000, "more than 38 digits"),
        ("[" * 33 + "1" + "]" * 33, "nested too deep"),
        ("[" * 200_000, "nested too deep"),
    ],
)
def test_json_that_dynamodb_rejects(text: str, kind: str) -> None:
    with pytest.raises(BadValue) as found:
        document(text)
    assert found.value.kind == kind


@pytest.mark.parametrize(
    ("value", "text", "seconds"),
    [
        ("2026-01-31 12:00:00", "2026-01-31T12:00:00Z", "1769860800"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000Z", "1769860800"),
        ("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00Z", "1769860800"),
        ("2026-01-31T07:30-0430", "2026-01-31T12:00:00Z", "1769860800"),
        ("2026-01-31", "2026-01-31T00:00:00Z", "1769817600"),
        (1769860800, "2026-01-31T12:00:00Z", "1769860800"),
        (1769860800.25, "2026-01-31T12:00:00.250000Z", "1769860800"),
        (-1, "1969-12-31T23:59:59Z", "-1"),
        (-0.5, "1969-12-31T23:59:59.500000Z", "-1"),
    ],
)
def test_dates(value: Any, text: str, seconds: str) -> None:
    assert (iso(value), epoch(value)) == ({"S": text}, {"N": seconds})


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-02-30", "2026-01-31T25:00", "٢٠٢٦-01-31", 10**15, 1e300, "0001-01-01T00:00+01:00"]
)
def test_invalid_dates(value: Any) -> None:
    with pytest.raises(BadValue) as found:
        iso(value)
    assert found.value.kind == "invalid date"


@given(st.datetimes(timezones=st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-839, 839))))
def test_a_date_is_the_same_moment(at: datetime) -> None:
    try:
        same = at.astimezone(timezone.utc)
    except OverflowError:
        return
    assert datetime.fromisoformat(iso(at.isoformat())["S"].replace("Z", "+00:00")) == same


def test_sizes_are_those_of_the_documentation() -> None:
    assert (
        value_size({"S": "é"}) == 2
        and value_size({"B": b"abc"}) == 3
        and value_size({"NULL": True}) == 1
        and value_size({"BOOL": True}) == 1
    )
    assert (
        value_size({"N": "27"}) == 2
        and value_size({"N": "-27"}) == 3
        and value_size({"N": "461"}) == 3
        and value_size({"N": "1e+20"}) == 2
    )
    assert value_size({"N": "123.4"}) == 4 and value_size({"N": "0"}) == 1 and value_size({"N": "9" * 38}) == 20
    assert value_size({"L": [{"S": "ab"}]}) == 3 + 1 + 2 and value_size({"M": {"k": {"S": "ab"}}}) == 3 + 1 + 1 + 2
    assert item_size({"näme": {"N": "1"}}) == 5 + 2


def test_items_are_equal_as_in_dynamodb() -> None:
    one = {"a": {"N": "1.50"}, "m": {"M": {"x": {"N": "1e2"}, "y": {"L": [{"N": "0"}]}}}, "s": {"NS": ["1", "2.0"]}}
    other = {"s": {"NS": ["2", "1.0"]}, "m": {"M": {"y": {"L": [{"N": "-0"}]}, "x": {"N": "100"}}}, "a": {"N": "1.5"}}
    assert canonical(one) == canonical(other)
    for differs in ({"a": {"S": "1.5"}}, {"a": {"N": "1.5"}, "b": {"NULL": True}}, {"a": {"B": b"1.5"}}):
        assert canonical(differs) != canonical({"a": {"N": "1.5"}})

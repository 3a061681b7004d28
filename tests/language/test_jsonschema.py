"""The JSON Schema for editors says what the compiler says about shape: types, limits, names, what is required."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft7Validator

from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import Span
from fsdcf.language import schema
from fsdcf.language.document import Document, Mark
from fsdcf.language.jsonschema import json_schema, record_schema
from fsdcf.language.rules import rules_in
from fsdcf.language.schema import Checker
from fsdcf.language.shape import Field, fields_of
from fsdcf.language.source import parse
from fsdcf.language.spellings import canonical
from fsdcf.pipeline import Request, run
from tests.fuzz import examples
from tests.language.test_schema import records
from tests.strategies import specs

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = ROOT / "tests" / "cases"


def _is_spec(path: Path) -> bool:
    return path.name.endswith((".spec.yml", ".environment.yml"))


ACCEPTED = sorted(
    [
        *(ROOT / "examples").glob("*.yml"),
        *(ROOT / "examples").glob("environments/*.yml"),
        *(path for folder in ("dependencies", "advised") for path in CASES.glob(f"{folder}/*.yml") if _is_spec(path)),
    ]
)
REFUSED = sorted(path for path in CASES.glob("refused/*.yml") if _is_spec(path))
SHAPE = {rule.code for rule in rules_in(schema.__name__)} - {"S208"}  # a placeholder is well-formed anywhere
SCHEMA = Draft7Validator(json_schema(types()))
SAMPLES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 1.5, 10**9, "", "x", "1", "a-b", "A b", "/x", "x" * 41, "x" * 5000),
    *([], ["x"], [1], [True], [None], [{}], {}, {"a": "x"}, {"a": 1}, {"a": None}, {"A b": "x"}),
)


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA.schema)


@pytest.mark.parametrize("spec", ACCEPTED, ids=lambda path: path.name)
def test_it_accepts_every_spec_that_compiles(spec: Path) -> None:
    document, _ = parse(spec.read_bytes(), spec.name)
    assert document is not None
    assert not list(SCHEMA.iter_errors(document.data))


@examples(15)
@given(specs())
def test_it_accepts_any_valid_spec(spec: dict[str, Any]) -> None:
    assert not list(SCHEMA.iter_errors(spec))


@pytest.mark.parametrize("spec", REFUSED, ids=lambda path: path.name)
def test_it_refuses_what_has_the_wrong_shape(spec: Path) -> None:
    """Each finding about shape has its error in the schema, at the value or, where a key is unknown or missing, in
    its map."""
    raw = spec.read_bytes()
    document, _ = parse(raw, spec.name)
    if document is None:
        return
    errors = [tuple(error.absolute_path) for error in SCHEMA.iter_errors(document.data)]
    findings = [one for one in run(Request(spec.name, raw, "staging")).diagnostics if one.code in SHAPE]
    for finding in findings:
        above = finding.path[:-1]
        assert [path for path in errors if path[: len(above)] == above], finding
    assert bool(errors) == bool(findings)


def samples(field: Field) -> tuple[Any, ...]:
    """Values of every type, and those at the limits of a key."""
    key = field.key
    limits = [limit + step for limit in (key.minimum, key.maximum) if limit is not None for step in (-1, 0, 1)]
    forms = [{name: "kms"} for name in key.within] + [{"enabled": True, name: "x"} for name in key.within]
    return (
        *(*SAMPLES, *(int(limit) for limit in limits), *key.allowed, *(f"{value}x" for value in key.allowed)),
        *(*key.words, *forms, {"enabled": True}, {"enabled": False}, {"enabled": True, "a": "kms"}),
    )


@pytest.mark.parametrize("record", records(), ids=lambda record: record.__name__)
def test_schema_and_checker_agree_about_every_key(record: type) -> None:
    known = types()
    definitions = {"definitions": json_schema(known)["definitions"]}
    schema = Draft7Validator({**record_schema(record, known, partial=True), **definitions})
    span = Span("s", 1, 1, 1, 2)
    for field in fields_of(record):
        for value in samples(field):
            data = {field.name: value}
            null = (field.name,) if value is None else (field.name, "a") if value == {"a": None} else ()
            written = {null: Mark(span, None, "null", True)} if null else {}
            document, _ = canonical(Document(data, {(): Mark(span), **written}, {}), record, known)
            checker = Checker(document, known)
            checker.record(record, document.data, (), partial=True)
            assert schema.is_valid(data) == (not checker.findings), (field.name, value, checker.findings)

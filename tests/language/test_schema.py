"""The rules that cerberus gets are sound: it checks them here, and not again in every run."""

from __future__ import annotations

from fsdcf.compiler.dependencies import types
from fsdcf.language.model.common import Dependency
from fsdcf.language.model.service import Spec
from fsdcf.language.schema import SpecValidator, item_validator, validator_of
from fsdcf.language.shape import fields_of


def records() -> list[type]:
    """Every record of the language."""
    found: list[type] = [Spec, Dependency, *(kind.model for kind in types().values())]
    for record in found:
        for field in fields_of(record):
            for value in field.types:
                for one in (value, value.item):
                    if one and one.record and one.record not in found:
                        found.append(one.record)
    return found


def test_cerberus_accepts_the_rules_of_every_record() -> None:
    assert len(records()) > 20
    for record in records():
        for partial in (False, True):
            SpecValidator(dict(validator_of(record, partial).schema))
        for field in fields_of(record):
            for value in field.types:
                if value.item and value.item.name != "any":
                    SpecValidator(dict(item_validator(value.item, field).schema))

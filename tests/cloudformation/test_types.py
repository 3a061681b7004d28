"""The records of the AWS types: complete for what fsdcf makes, true to the schemas and the golden templates, and the
one place."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any, get_args

import pytest
from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from fsdcf.cloudformation.facts import facts_of, services
from fsdcf.cloudformation.pricing import PricingRule
from fsdcf.cloudformation.template import read
from fsdcf.cloudformation.types import ForeignType, Part, ResourceType, record_of, records
from fsdcf.cloudformation.types.s3 import BUCKET_POLICY
from tests.conftest import ROOT

GOLDEN = sorted(path for path in (ROOT / "tests" / "cases").rglob("*.template.yml") if path.parent.name != "addons")


def made() -> dict[str, list[dict[str, Any]]]:
    """Every resource of the golden templates, by type."""
    resources: dict[str, list[dict[str, Any]]] = {}
    for file in GOLDEN:
        for resource in read(file.read_text(encoding="utf-8"))["Resources"].values():
            resources.setdefault(resource["Type"], []).append(resource)
    return resources


MADE = made()

STATEFUL = load_resource(AdditionalSpecs, "StatefulResources.json")["ResourceTypes"]
"""The types that hold data, as cfn-lint lists them."""


@pytest.mark.parametrize("type", sorted(MADE))
def test_a_type_that_fsdcf_makes_has_a_complete_record(type: str) -> None:
    record = record_of(type)
    assert record in records(), f"{type} needs a record in cloudformation/types/"
    assert not isinstance(record, ForeignType), f"{type} is made by fsdcf: its record must be a ResourceType"
    assert record.price != "unknown"
    assert record.data is None or record.drawing is not None, "the graph shows what holds data"
    assert record.data is not None or type not in STATEFUL, "cfn-lint knows that it holds data"


def test_a_record_of_a_made_type_has_a_price_and_a_simulation() -> None:
    with pytest.raises(TypeError, match="missing"):
        ResourceType(type="AWS::S3::Bucket", data=None)  # type: ignore[call-arg]


@pytest.mark.parametrize("type", sorted(MADE))
def test_a_record_says_what_the_golden_templates_retain(type: str) -> None:
    policies = {(one.get("DeletionPolicy"), one.get("UpdateReplacePolicy")) for one in MADE[type]}
    others = policies - {("Delete", "Delete")}
    retains = [kept in ("Retain", "RetainExceptOnCreate") and replaced == "Retain" for kept, replaced in others]
    retained = bool(others) and all(retains)
    assert record_of(type).retained == retained
    decided = others <= {("Snapshot", "Snapshot")} or record_of(type).snapshot is not None
    holds_data = record_of(type).data is not None
    kept = retained or decided
    assert holds_data == (kept and type != BUCKET_POLICY), "what holds data is retained, and so are its policies"


@pytest.mark.parametrize("record", records(), ids=lambda record: record.type)
def test_a_record_names_what_the_schema_has(record: ResourceType) -> None:
    facts = facts_of(record.type)
    if facts is None:
        assert record.type.rpartition("::")[0] not in services(), "its service has schemas, and the type none"
        return
    named = {*record.updates.edited, *record.updates.replaced_if, *record.policies.subjects}
    named |= {one.property for one in record.data.expiry} if record.data else set()
    named |= {property for properties in record.updates.attributes.values() for property in properties}
    named |= {record.drawing.name_property} - {None} if record.drawing else set()
    assert named <= facts.properties
    attributes = {*record.updates.attributes, *record.simulation.attributes}
    assert all(facts.offers(name) or name in facts.properties for name in attributes), attributes


def test_every_type_has_one_record_in_the_module_of_its_service() -> None:
    names = [record.type for record in records()]
    assert len(set(names)) == len(names)
    for record in records():
        assert record_of(record.type) is record
        assert record.part in get_args(Part)


def test_prices_and_assumptions_are_declared_once() -> None:
    rules = {record.price for record in records() if isinstance(record.price, PricingRule)}
    for names in (
        [price.name for rule in rules for price in rule.prices],
        [assumption.name for rule in rules for assumption in rule.assumptions],
    ):
        assert len(set(names)) == len(names)


def test_a_type_without_a_record_has_the_part_of_its_service() -> None:
    assert record_of("AWS::EC2::FlowLog").part == "network"
    assert record_of("AWS::Nowhere::Thing").part == "other"
    assert record_of("AWS::SNS::TopicInlinePolicy").policies.subjects
    assert record_of("Custom::Thing").simulation.supported is False
    assert not record_of("AWS::EC2::FlowLog").data


READERS = ("plan", "sandbox", "operate", "cli")
TYPE = re.compile(r"AWS::[A-Z]\w*::[A-Z]\w*")
EXEMPT = {
    "sandbox/cloudformation/changesets.py": "names of CloudFormation's early validations, not of types",
    "sandbox/cloudformation/values.py": "the type of a parameter, not of a resource",
}


@pytest.mark.parametrize("package", READERS)
def test_who_reads_the_records_names_no_type(package: str) -> None:
    named = {}
    for file in sorted((ROOT / "fsdcf" / package).rglob("*.py")):
        lines = file.read_text(encoding="utf-8").splitlines()
        found = [line.strip() for line in lines if TYPE.search(line) and "``" not in line]
        if found and str(file.relative_to(ROOT / "fsdcf")) not in EXEMPT:
            named[str(file.relative_to(ROOT / "fsdcf"))] = found
    assert not named


def test_compiling_loads_no_record() -> None:
    code = "import fsdcf.cli.commands.template, sys; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "fsdcf.compiler" in loaded.splitlines()
    assert not [name for name in loaded.splitlines() if name.startswith("fsdcf.cloudformation.types.")]

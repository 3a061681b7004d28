"""The gate: data at risk, yes, protection, and who is there to be asked."""

from __future__ import annotations

import pytest

from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.engine import GateClosed, GateOpen, gate
from fsdcf.deploy.model import Options, Place, Plan, Release

TABLE = Risk("Table", "AWS::DynamoDB::Table", "replaced", "a new, empty resource takes its place")
QUEUE = Risk("Queue", "AWS::SQS::Queue", "deleted", "it is deleted with its data")
PLACES = {"Table": Place("shop.yml", 9, 3, "name: ledger")}


def judged(
    *risks: Risk, person: bool = False, protected: bool = False, yes: bool = False, allow: str = ""
) -> GateOpen | GateClosed:
    release = Release("shop", "prod", {}, None, {}, redeploy_command="fsdcf deploy shop.yml --env prod")
    return gate(
        Plan("set", (), risks),
        release,
        Options(yes=yes, allow=frozenset(allow.split()), protected=protected),
        person,
        PLACES,
    )


def kinds(verdict: GateOpen | GateClosed) -> tuple[str, ...] | str:
    return "shut" if isinstance(verdict, GateClosed) else tuple(question.kind for question in verdict.questions)


@pytest.mark.parametrize(
    ("risks", "person", "protected", "yes", "allow", "ends"),
    [
        ((), False, False, True, "", ()),
        ((), False, False, False, "", "shut"),
        ((), True, False, False, "", ("execute",)),
        ((), True, False, True, "", ()),
        ((TABLE,), False, False, True, "", "shut"),
        ((TABLE,), False, False, True, "Table", ()),
        ((TABLE,), False, False, False, "Table", "shut"),
        ((TABLE,), True, False, True, "", ("data",)),
        ((TABLE,), True, False, False, "", ("data", "execute")),
        ((TABLE,), True, False, True, "Table", ()),
        ((TABLE, QUEUE), False, False, True, "Table", "shut"),
        ((TABLE, QUEUE), False, False, True, "Table Queue", ()),
        ((TABLE, QUEUE), True, False, True, "Table", ("data",)),
        ((), False, True, True, "", ()),
        ((), False, True, False, "", "shut"),
        ((), True, True, True, "", ("protected",)),
        ((), True, True, False, "", ("protected",)),
        ((TABLE,), True, True, True, "", "shut"),
        ((TABLE,), True, True, True, "Table", ("protected",)),
        ((TABLE,), False, True, True, "Table", ()),
    ],
)
def test_the_table(
    risks: tuple[Risk, ...], person: bool, protected: bool, yes: bool, allow: str, ends: tuple[str, ...] | str
) -> None:
    assert kinds(judged(*risks, person=person, protected=protected, yes=yes, allow=allow)) == ends


def test_a_refusal_names_every_risk_and_what_allows_it() -> None:
    verdict = judged(TABLE, QUEUE, yes=True)
    assert isinstance(verdict, GateClosed)
    assert verdict.sentence == "data at risk: Table would be replaced; Queue would be deleted"
    assert verdict.risks == (TABLE, QUEUE)
    assert verdict.next == ("fsdcf deploy shop.yml --env prod --allow Table --allow Queue",)


def test_only_what_is_not_allowed_is_asked_about_with_its_line() -> None:
    verdict = judged(TABLE, QUEUE, person=True, yes=True, allow="Queue")
    assert isinstance(verdict, GateOpen)
    assert verdict.questions[0].details == (
        "Table, AWS::DynamoDB::Table, would be replaced: a new, empty resource takes its place (shop.yml:9)",
    )

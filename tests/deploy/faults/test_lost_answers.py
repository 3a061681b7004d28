"""The answer to a call that changed something is lost; the same token is sent again."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit
from tests.deploy.site import site


@pytest.mark.parametrize("kind", ["lost", "half", "lost*3", "reset*2", "broken"])
@pytest.mark.parametrize("operation", ["CreateChangeSet", "ExecuteChangeSet"])
@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_a_call_whose_answer_is_lost_is_done_once(operation: str, kind: str, exists: bool) -> None:
    made = site()
    if exists:
        made.stand()
    made.fault(f"api:{operation}:{kind}")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE
    assert made.image() == "two"
    assert len(made.executions()) == 1
    assert made.change_sets() == []


@pytest.mark.parametrize("operation", ["CreateChangeSet", "ExecuteChangeSet"])
def test_the_answer_never_comes(operation: str) -> None:
    made = site()
    made.stand()
    made.fault(f"api:{operation}:lost**")
    outcome = made.deploy(sha="two")
    if operation == "CreateChangeSet":
        assert outcome.exit is Exit.FAILED
        assert "nothing was executed" in outcome.sentence
        assert made.change_sets() == [], "what was created without an answer is deleted by its name"
        assert made.image() == "one"
    else:
        assert outcome.exit is Exit.UNKNOWN
        assert "continues" in outcome.sentence
        assert "fsdcf watch shop --env staging" in outcome.next
        assert len(made.executions()) == 1


@pytest.mark.parametrize(
    "operation", ["DeleteChangeSet", "DeleteStack", "DescribeStacks", "DescribeStackEvents", "ListStackResources"]
)
def test_other_answers_that_are_lost_change_nothing(operation: str) -> None:
    made = site(f"api:{operation}:lost*2")
    assert made.deploy(plan_only=True).exit is Exit.DONE
    assert made.status() == ""
    assert made.deploy().exit is Exit.DONE
    assert made.deploy(sha="two").exit is Exit.DONE
    assert made.image() == "two"

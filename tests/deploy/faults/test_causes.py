"""Causes: cancelled siblings listed before the true cause, leftovers of a complete update."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit, Place
from tests.deploy.site import site, template, topic


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_the_cause_and_not_its_victims(exists: bool) -> None:
    made = site("cfn:cancelled-first", "cfn:equal-timestamps")
    names = ("Jobs", "Mails", "Bills")
    if exists:
        made.stand(template(*names))
        made.fault("Release:update:AccessDenied=not yours")
        body = template(**{name: topic(DisplayName="5") for name in names})
    else:
        made.fault("Release:create:AccessDenied=not yours")
        body = template(*names)
    outcome = made.run(made.release(body, "two", where={"Release": Place("shop.yml", 4, 1, "image:")}.get))
    assert outcome.exit is Exit.FAILED
    assert outcome.sentence.startswith(
        f"Release (AWS::SSM::Parameter) could not be {'updated' if exists else 'created'}: "
    )
    assert "HandlerErrorCode: AccessDenied" in outcome.sentence
    assert "RequestToken" not in str(outcome)
    assert "Resource handler returned message" not in str(outcome)
    assert outcome.evidence[0].place == Place("shop.yml", 4, 1, "image:")
    assert not any("cancelled" in one.text for one in outcome.evidence)


def test_what_a_hook_found_is_part_of_the_cause() -> None:
    made = site("Release:create:The following hook(s) failed: [My::Guard::Hook]")
    outcome = made.deploy()
    assert outcome.exit is Exit.FAILED
    said = "The following hook(s) failed: [My::Guard::Hook]: The hook found that the resource is not compliant."
    assert outcome.sentence.startswith(f"Release (AWS::SSM::Parameter) could not be created: {said}")
    assert [one.text.count(said) for one in outcome.evidence if one.source.startswith("Release")] == [1]
    again = made.diagnose()
    assert again.sentence == outcome.sentence


def test_leftovers_of_a_complete_update_are_a_warning() -> None:
    made = site()
    made.stand(template("Jobs", "Old"))
    made.fault("Old:cleanup:AccessDenied=not yours**")
    outcome = made.deploy(template("Jobs"), "two", allow=frozenset({"Old"}))
    assert outcome.exit is Exit.DONE
    warning = next(one for one in made.warnings() if "Old" in one)
    assert "outside the stack" in warning
    assert "not yours" in warning


def test_all_that_failed_of_itself_is_evidence() -> None:
    made = site("Jobs:create:no queue", "Release:create:no parameter")
    outcome = made.deploy()
    sources = " ".join(one.source for one in outcome.evidence)
    assert outcome.exit is Exit.FAILED
    assert "Release" in sources or "Jobs" in sources
    assert outcome.next == (
        "fsdcf deploy shop.yml --env staging --image-sha one --recreate",
        "fsdcf delete shop --env staging",
    )


def test_after_the_fact_the_cause_is_the_same() -> None:
    made = site()
    made.stand()
    made.fault("Release:update:AccessDenied=not yours")
    live = made.deploy(sha="two")
    afterwards = made.diagnose()
    assert afterwards.exit is live.exit
    assert afterwards.sentence == live.sentence
    assert afterwards.evidence[0].text == live.evidence[0].text


def test_nothing_failed() -> None:
    made = site()
    made.stand()
    assert made.diagnose().exit is Exit.DONE


def test_no_stack_to_diagnose() -> None:
    outcome = site().diagnose()
    assert outcome.exit is Exit.USAGE
    assert "does not exist" in outcome.sentence

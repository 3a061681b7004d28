"""UPDATE_ROLLBACK_FAILED, then recover, with and without skip."""

from __future__ import annotations

from fsdcf.deploy.model import Exit
from tests.deploy.site import Site, site, template, topic


def stuck(times: str = "") -> Site:
    """A stack whose update failed at Release and whose rollback fails at Jobs."""
    made = site()
    made.stand()
    made.fault("Release:update:no parameter", f"Jobs:rollback:AccessDenied=stuck{times}")
    body = template(Jobs=topic(DisplayName="5"))
    body["Resources"]["Release"]["DependsOn"] = ["Jobs"]
    outcome = made.deploy(body, "two")
    assert outcome.exit is Exit.NEEDS_RECOVERY
    assert outcome.next == ("fsdcf recover shop --env staging", "fsdcf recover shop --env staging --skip Jobs")
    assert outcome.sentence.startswith("Release (AWS::SSM::Parameter) could not be updated: no parameter")
    assert any("Jobs" in one.source and "stuck" in one.text for one in outcome.evidence)
    assert made.status() == "UPDATE_ROLLBACK_FAILED"
    made.forget()
    return made


def test_recovering() -> None:
    made = stuck()
    outcome = made.recover()
    assert outcome.exit is Exit.DONE
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Jobs" in one and "stuck" in one for one in made.warnings())
    assert ("Jobs", "UPDATE_COMPLETE") in made.seen()
    assert made.deploy(sha="two").exit is Exit.DONE


def test_a_failed_recovery_names_the_resources_to_skip() -> None:
    made = stuck("**")
    outcome = made.recover()
    assert outcome.exit is Exit.NEEDS_RECOVERY
    assert "fsdcf recover shop --env staging --skip Jobs" in outcome.next
    assert any("stuck" in one.text for one in outcome.evidence)


def test_a_deploy_after_a_failed_rollback_names_the_resources_to_skip() -> None:
    made = stuck()
    outcome = made.deploy(sha="three")
    assert outcome.exit is Exit.NEEDS_RECOVERY
    assert outcome.next == ("fsdcf recover shop --env staging", "fsdcf recover shop --env staging --skip Jobs")


def test_skipping_warns_of_the_inconsistency() -> None:
    made = stuck("**")
    outcome = made.recover("Jobs")
    assert outcome.exit is Exit.DONE and "except Jobs, which was skipped" in outcome.sentence
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Jobs will be marked as rolled back" in one for one in made.warnings())


def test_a_person_may_refuse_to_skip() -> None:
    made = stuck("**")
    made.answers = {"execute": False}
    outcome = made.recover("Jobs")
    assert outcome.exit is Exit.REFUSED
    assert made.status() == "UPDATE_ROLLBACK_FAILED"


def test_a_forced_recovery_skips_what_fails_after_a_confirmation() -> None:
    made = stuck("**")
    refused = made.recover(force=True)
    assert refused.exit is Exit.REFUSED and "confirmation" in refused.sentence
    assert refused.next == ("fsdcf recover shop --env staging --force --yes",)
    assert any("Jobs" in one.source for one in refused.evidence)
    made.answers = {"execute": False}
    assert made.recover(force=True).exit is Exit.REFUSED
    assert made.asked and "Jobs" in made.asked[-1].details[0]
    assert not made.made("ContinueUpdateRollback")
    made.answers = None
    outcome = made.recover(force=True, yes=True)
    assert outcome.exit is Exit.DONE and "except Jobs, which was skipped" in outcome.sentence
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert any("(Jobs) will be marked as rolled back" in one for one in made.warnings())


def test_only_what_failed_can_be_skipped() -> None:
    made = stuck()
    outcome = made.recover("Release")
    assert outcome.exit is Exit.USAGE
    assert "only Jobs can be skipped" in outcome.sentence
    assert not made.made("ContinueUpdateRollback")


def test_the_answer_to_the_recovery_is_lost() -> None:
    made = stuck()
    made.fault("api:ContinueUpdateRollback:lost")
    assert made.recover().exit is Exit.DONE
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_a_kept_failed_update_is_recovered_by_a_rollback() -> None:
    made = site()
    made.stand()
    made.fault("Jobs:update:no change")
    made.beside("UpdateStack", template(Jobs=topic(DisplayName="5")), "one", DisableRollback=True)
    made.clock.advance(300)
    assert made.recover().exit is Exit.DONE
    assert made.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_nothing_to_recover() -> None:
    made = site()
    made.stand()
    outcome = made.recover()
    assert outcome.exit is Exit.DONE
    assert "nothing to recover" in outcome.sentence


def test_a_failed_creation_cannot_be_recovered() -> None:
    made = site("Release:create:no parameter")
    made.deploy()
    outcome = made.recover()
    assert outcome.exit is Exit.REFUSED
    assert "fsdcf delete shop --env staging" in outcome.next


def test_a_busy_stack_cannot_be_recovered() -> None:
    made = site()
    made.deploy(detach=True)
    assert made.recover().exit is Exit.BUSY


def test_no_stack() -> None:
    assert site().recover().exit is Exit.USAGE

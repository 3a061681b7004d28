"""What happens to a service after its deploy: crash loops, interruptions, tasks of another version, missing targets."""

from __future__ import annotations

import pytest

from fsdcf.deploy.model import Exit, Outcome, Place, ServiceEventReceived
from fsdcf.sandbox.ecs.definitions import SERVICE, add_event
from tests.deploy.faults.test_tasks import update, web
from tests.deploy.site import Site, service, site, template

PLACES = {"service.resources.memory": Place("shop.yml", 9, 3, "memory: 512")}


def standing(fault: str = "", count: int = 2, body: dict[str, object] | None = None) -> Site:
    """A service that was deployed, that has been looked at since, and that the fault strikes afterwards."""
    made = site()
    made.stand(body or web(count))
    if fault:
        made.fault(f"Service:running:{fault}")
        made.watch()
        made.clock.advance(240)
    made.forget()
    return made


def texts(outcome: Outcome) -> str:
    return "\n".join((outcome.sentence, *(f"{one.source}: {one.text}" for one in outcome.evidence)))


def test_a_service_that_is_down_is_never_called_done() -> None:
    made = standing("oom")
    body = web(2)
    for outcome in (made.diagnose(), made.watch(), made.deploy(body), made.run(made.release(body, where=PLACES.get))):
        assert outcome.exit is Exit.FAILED, outcome.sentence
        assert "the service is down (" in outcome.sentence and "more memory" in outcome.sentence
        assert "0 of 2 targets healthy" in outcome.sentence
        assert "exit code 137" in texts(outcome) and "image one" in texts(outcome)
        assert outcome.advice is not None and outcome.advice.key == "service.resources.memory"
    assert outcome.advice is not None and outcome.advice.place == PLACES["service.resources.memory"]
    assert outcome.next[0] == "fsdcf logs shop --env staging"


@pytest.mark.parametrize("seconds", range(0, 40, 8))
def test_a_worker_whose_tasks_crash_does_not_look_steady_in_between(seconds: int) -> None:
    made = standing("exit=1", body=template(**service(2)))
    made.clock.advance(seconds)
    outcome = made.deploy(template(**service(2)))
    assert outcome.exit is Exit.FAILED and "exit code 1" in outcome.sentence


@pytest.mark.parametrize("fault", ["maintenance", "spot", "rebalancing", "maintenance=2"])
def test_an_interruption_is_waited_for_and_is_no_failure_of_the_version(fault: str) -> None:
    made = site()
    made.stand(web(2))
    made.fault(f"Service:running:{fault}")
    made.watch()
    made.clock.advance(75)
    for outcome in (made.deploy(web(2)), made.diagnose()):
        assert outcome.exit is Exit.DONE, outcome.sentence
        assert "memory" not in texts(outcome) and "137" not in texts(outcome) and outcome.advice is None
    assert "not a failure of the version" in texts(outcome)


def test_a_diagnosis_does_not_wait_long_for_a_replacement() -> None:
    made = site()
    made.stand(web(2))
    made.fault("Service:running:spot=2")
    made.watch()
    made.clock.advance(75)
    begun = made.clock.now()
    outcome = made.diagnose()
    assert made.clock.now() - begun < 40
    assert outcome.exit is Exit.UNKNOWN and "still starting" in outcome.sentence


@pytest.mark.parametrize(
    ("fault", "word"),
    [("capacity=vcpu", "quota"), ("capacity=addresses", "address"), ("CannotPullContainerError", "image")],
)
def test_a_replacement_that_cannot_start_is_a_failure(fault: str, word: str) -> None:
    made = standing(fault)
    outcome = made.deploy(web(2))
    assert outcome.exit is Exit.FAILED and "degraded (1 of 2 running" in outcome.sentence
    assert word in outcome.sentence and outcome.advice is not None
    shown = "unable to place a task" if fault.startswith("capacity") else "CannotPullContainerError"
    assert shown in texts(outcome)


def test_targets_that_are_refused_are_a_failure_with_the_reason_of_the_load_balancer() -> None:
    made = site()
    made.stand(web(1))
    made.fault("Service:running:unhealthy=500")
    made.watch()
    made.clock.advance(60 + 90 + 2)
    outcome = made.diagnose()
    assert outcome.exit is Exit.FAILED and "0 of 1 targets healthy" in outcome.sentence
    assert "500" in outcome.sentence


def test_targets_that_cannot_be_read_are_one_warning() -> None:
    made = standing()
    made.fault("api:DescribeTargetHealth:error=AccessDeniedException**")
    outcome = made.deploy(web(2))
    assert outcome.exit is Exit.DONE
    (warning,) = made.warnings()
    assert "targets are not verified: no permission for elasticloadbalancing:DescribeTargetHealth" in warning


def test_a_deploy_whose_tasks_die_at_once_is_not_done() -> None:
    made = site(pace=0.3)
    made.stand(web(2))
    made.after(8, lambda: made.fault("Service:running:exit=3"))  # when the tasks of the new version start
    outcome = made.run(made.release(web(2), "two"))
    made.clock.advance(60)
    assert outcome.exit is Exit.DONE and "runs two" in outcome.sentence
    assert made.diagnose().exit is Exit.FAILED


@pytest.mark.parametrize("word", ["maintenance", "spot", "rebalancing"])
def test_interruptions_during_a_rollout_are_no_reason_to_fail_fast(word: str) -> None:
    made, outcome = update(f"{word}=3", web(3), fail_fast=True)
    assert outcome.exit is Exit.DONE and "runs two" in outcome.sentence
    assert not made.made("CancelUpdateStack") and not made.warnings()
    assert "memory" not in texts(outcome) and "137" not in texts(outcome)


def test_a_crash_loop_of_the_old_version_is_no_evidence_against_the_new_one() -> None:
    made = standing("oom", body=web(2, failures=3))
    made.fault("Service:update:unhealthy=404")
    outcome = made.run(made.release(web(2, failures=3), "two"))
    assert outcome.exit is Exit.FAILED and "404" in outcome.sentence
    later = made.diagnose()
    assert "404" in later.sentence
    for text in (texts(outcome), texts(later), *made.warnings()):
        assert "memory" not in text and "137" not in text


def test_a_new_version_ends_the_crash_loop_of_the_old_one() -> None:
    made = standing("exit=1")
    outcome = made.run(made.release(web(2), "two"))
    assert outcome.exit is Exit.DONE and not outcome.evidence
    assert not [one for one in made.warnings() if "exit code" in one]


def test_a_failed_update_names_what_runs_now() -> None:
    made, _ = update("exit=1", web(2))
    outcome = made.diagnose()
    assert outcome.exit is Exit.FAILED and "now: 2 of 2 running, 2 of 2 targets healthy" in texts(outcome)
    made.fault("Service:running:oom")
    made.diagnose()
    made.clock.advance(200)
    outcome = made.diagnose()
    assert "exit code 1" in outcome.sentence and "now the service is down" in outcome.sentence


def test_a_service_of_zero_tasks_is_not_down() -> None:
    made = standing(count=0)
    assert made.diagnose().exit is made.watch().exit is made.deploy(web(0)).exit is Exit.DONE


def told(made: Site) -> list[ServiceEventReceived]:
    return [one for one in made.told if isinstance(one, ServiceEventReceived)]


@pytest.mark.parametrize("detail", ["vcpu", "addresses"])
def test_a_service_event_that_matters_is_told_as_it_comes_and_once(detail: str) -> None:
    made, outcome = update(f"capacity={detail}", web(2, failures=4))
    assert outcome.exit is Exit.FAILED
    texts = [one.text for one in told(made)]
    assert texts[0].startswith("was unable to place a task. Reason: ")
    assert len(texts) == len(set(texts)) and sum("unable to place" in one for one in texts) == 1
    (first, *_) = told(made)
    failed = next(one for one in made.told if getattr(getattr(one, "event", None), "status", "") == "UPDATE_FAILED")
    assert made.told.index(first) < made.told.index(failed) and first.elapsed > 0 and first.time is not None


def test_what_the_rows_of_the_tasks_show_is_not_told_again() -> None:
    for fault in ("CannotPullContainerError", "unhealthy=404"):
        made, _ = update(fault, web(2))
        assert not [one for one in told(made) if "CannotPull" in one.text or "unhealthy" in one.text]


def test_events_from_before_are_not_told() -> None:
    made = standing("capacity=vcpu")
    made.run(made.release(web(2), "two"))
    assert not told(made)


def test_events_are_told_while_the_service_is_waited_for() -> None:
    made = site()
    made.stand(web(2))
    made.deploy(web(2))
    made.fault("Service:running:maintenance")
    made.watch()
    made.clock.advance(62)
    made.forget()
    key = next(key for key, _ in made.state.store.every(SERVICE))
    made.after(8, lambda: add_event(made.state, key, "was unable to place a task. Reason: Internal error."))
    assert made.deploy(web(2)).exit is Exit.DONE
    (event,) = told(made)
    assert event.text == "was unable to place a task. Reason: Internal error." and event.elapsed >= 5


def test_a_crash_loop_that_nobody_watches_stays_small() -> None:
    made = standing()
    made.fault("Service:running:oom")
    made.diagnose()
    made.clock.advance(7 * 86400)
    outcome = made.diagnose()
    assert outcome.exit is Exit.FAILED and "needs more memory" in outcome.sentence
    assert made.state.store.next_number("ecs.task") < 200
    assert made.run(made.release(web(2), "two")).exit is Exit.DONE, "the tasks of a new deployment start at once"

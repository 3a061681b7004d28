"""Several deploys: their order, what runs side by side, what one that fails stops, and the one confirmation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.group import Member, deploy_all, in_order
from fsdcf.deploy.model import (
    Approve,
    Ask,
    Event,
    Exit,
    Outcome,
    Question,
    RunEnded,
    StackResult,
    StepStarted,
    Target,
    Tell,
    Terminated,
)
from fsdcf.deploy.run import Stop
from tests.deploy.site import site

EXECUTE = Question("execute", "Execute?")
CREATE = Question("execute", "Execute?", creates=True)
RISK = Question("data", "Lose data?", ("Table would be deleted",))


@pytest.mark.parametrize(
    ("needs", "ordered", "unmet"),
    [
        ({"a": [], "b": []}, {"a": (), "b": ()}, []),
        ({"a": ["b"], "b": ["c"], "c": []}, {"c": (), "b": ("c",), "a": ("b",)}, []),
        ({"a": ["other", "a"]}, {"a": ()}, []),
        ({"a": ["b"], "b": ["a"]}, {"a": (), "b": ("a",)}, [("a", "b")]),
        # what a cycle needs precedes it, and what needs the cycle follows
        (
            {"x": ["a"], "a": ["b"], "b": ["a", "z"], "z": []},
            {"z": (), "a": (), "x": ("a",), "b": ("a", "z")},
            [("a", "b")],
        ),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, {"a": (), "c": ("a",), "b": ("c",)}, [("a", "b")]),
    ],
)
def test_each_follows_what_it_needs_and_a_cycle_has_a_first_one(
    needs: Mapping[str, Sequence[str]], ordered: Mapping[str, Sequence[str]], unmet: list[tuple[str, str]]
) -> None:
    assert in_order(needs) == (ordered, unmet)
    assert list(in_order(needs)[0]) == list(ordered)


@dataclass
class Work:
    """Deploys that do nothing but what they are told, and the record of it."""

    log: list[str] = field(default_factory=list)
    told: list[tuple[str, Event]] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    answer: bool | BaseException | None = None
    busy: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def member(
        self,
        name: str,
        *questions: Question,
        ends: Outcome | Callable[[Aws, Ask | None], Outcome] | None = None,
        plan: Outcome | None = None,
        **needs: Sequence[str],
    ) -> Member:
        target = Target(name, "staging", f"fsdcf deploy {name}.yml --env staging")

        def note(text: str) -> None:
            with self.lock:
                self.log.append(f"{text} {name}")

        def act(aws: Aws, tell: Tell, ask: Ask | None, approve: Approve) -> Outcome:
            self._enter(1)
            note("plan")
            tell(StepStarted("plan", name))
            aws.sleep(5)
            self._enter(-1)
            try:
                if plan is not None:
                    return plan
                if not approve(questions if ask is not None else ()):
                    return Outcome(Exit.REFUSED, "refused")
            except Stop as stopped:
                note("discard")
                return stopped.outcome
            self._enter(1)
            note("execute")
            aws.sleep(60)
            self._enter(-1)
            note("end")
            return ends(aws, ask) if callable(ends) else ends or Outcome(Exit.DONE, "done")

        return Member(target, act, **needs)

    def _enter(self, change: int) -> None:
        with self.lock:
            self.busy += change
            self.most = max(self.most, self.busy)

    def run(self, *members: Member, parallel: int = 2) -> dict[str, StackResult]:
        def ask(question: Question) -> bool:
            self.asked.append(question)
            if isinstance(self.answer, BaseException):
                raise self.answer
            assert self.answer is not None
            return self.answer

        reporters = {one.stack: self._reporter(one.stack) for one in members}
        results = deploy_all(members, site().aws, reporters, None if self.answer is None else ask, parallel)
        assert [one.target.stack for one in results] == [one.stack for one in members]
        return {one.target.service: one for one in results}

    def _reporter(self, stack: str) -> Tell:
        return lambda event: self.told.append((stack, event))

    def at(self, text: str) -> int:
        return self.log.index(text)


BUSY = Outcome(Exit.BUSY, "busy")
FAILED = Outcome(Exit.FAILED, "failed")


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_all_are_planned_before_one_is_executed_and_no_more_than_wanted_at_once(parallel: int) -> None:
    work = Work()
    results = work.run(*(work.member(name) for name in "abcd"), parallel=parallel)
    assert {one.outcome.exit for one in results.values()} == {Exit.DONE}
    assert max(work.at(f"plan {name}") for name in "abcd") < min(work.at(f"execute {name}") for name in "abcd")
    assert work.most <= parallel
    assert all(one.seconds >= 60 and one.started for one in results.values())
    assert [stack for stack, event in work.told if isinstance(event, RunEnded)].count("a-staging") == 1
    assert work.told.index(("a-staging", StepStarted("plan", "a"))) < work.told.index(
        ("a-staging", RunEnded(results["a"].outcome))
    )


def test_each_is_executed_after_what_it_follows_and_says_what_it_waits_for() -> None:
    work, begun = Work(), threading.Event()

    def after_d(aws: Aws, ask: Ask | None) -> Outcome:
        return Outcome(Exit.DONE if begun.wait(60) else Exit.FAILED, "done")

    def begin(aws: Aws, ask: Ask | None) -> Outcome:
        begun.set()
        return Outcome(Exit.DONE, "done")

    members = (
        work.member("a"),
        work.member("b", ends=after_d, follows=("a-staging",)),
        work.member("c", follows=("b-staging",)),
        work.member("d", ends=begin),
    )
    results = work.run(*members, parallel=4)
    assert {one.outcome.exit for one in results.values()} == {Exit.DONE}
    assert work.at("end a") < work.at("execute b") and work.at("end b") < work.at("execute c")
    assert ("b-staging", StepStarted("wait", "waiting for a-staging")) in work.told
    assert ("c-staging", StepStarted("wait", "waiting for b-staging")) in work.told


def test_a_failure_stops_what_depends_on_it_and_nothing_else() -> None:
    work = Work()
    members = (
        work.member("a", ends=FAILED),
        work.member("b", follows=("a-staging",)),
        work.member("c", follows=("b-staging",)),
        work.member("d"),
    )
    results = work.run(*members)
    assert {name: one.outcome.exit for name, one in results.items()} == {
        "a": Exit.FAILED,
        "b": Exit.REFUSED,
        "c": Exit.REFUSED,
        "d": Exit.DONE,
    }
    assert results["b"].outcome.sentence == "not started, because a-staging failed"
    assert results["c"].outcome.sentence == "not started, because b-staging was not started"
    assert [one.started for one in results.values()] == [True, False, False, True]
    assert {"discard b", "discard c"} <= set(work.log) and "execute b" not in work.log


@pytest.mark.parametrize("refusal", [Exit.REFUSED, Exit.USAGE])
def test_a_refused_plan_refuses_all(refusal: Exit) -> None:
    work = Work()
    results = work.run(work.member("a", plan=Outcome(refusal, "no")), work.member("b"), work.member("c"))
    assert not [each for each in work.log if each.startswith("execute")]
    assert results["b"].outcome.exit is Exit.REFUSED and "a-staging" in results["b"].outcome.sentence


def test_a_plan_that_fails_stops_what_depends_on_it_alone() -> None:
    work = Work()
    results = work.run(work.member("a", plan=BUSY), work.member("b"), work.member("c", follows=("a-staging",)))
    assert results["b"].outcome.exit is Exit.DONE
    assert results["c"].outcome.sentence == "not started, because a-staging is busy"


def test_one_question_covers_all_plans_and_names_the_data_at_risk_with_its_stack() -> None:
    work = Work(answer=True)
    results = work.run(work.member("a", EXECUTE), work.member("b", RISK, EXECUTE), work.member("c"))
    (question,) = work.asked
    assert question.kind == "data" and "b-staging: Table would be deleted" in question.details
    assert "at risk in b-staging" in question.text and "changes in a-staging, b-staging?" in question.text
    assert {one.outcome.exit for one in results.values()} == {Exit.DONE}


def test_a_no_executes_nothing() -> None:
    work = Work(answer=False)
    results = work.run(work.member("a", EXECUTE), work.member("b"), work.member("c", follows=("a-staging",)))
    assert {one.outcome.exit for one in results.values()} == {Exit.REFUSED}
    assert not [each for each in work.log if each.startswith("execute")]


@pytest.mark.parametrize(("later", "count"), [(CREATE, 1), (EXECUTE, 2)])
def test_what_is_planned_later_is_asked_about_if_it_changes_what_exists(later: Question, count: int) -> None:
    work = Work(answer=True)
    results = work.run(
        work.member("net", EXECUTE),
        work.member("a", later, requires=("net-staging",)),
        work.member("b", later, requires=("net-staging",)),
    )
    assert {one.outcome.exit for one in results.values()} == {Exit.DONE}
    assert work.at("end net") < min(work.at("plan a"), work.at("plan b"))
    assert len(work.asked) == count and "a-staging, b-staging follows" in work.asked[0].details[0]


def test_what_requires_a_failure_is_not_even_planned() -> None:
    work = Work()
    results = work.run(work.member("net", ends=FAILED), work.member("a", requires=("net-staging",)))
    assert work.log == ["plan net", "execute net", "end net"]
    assert results["a"].outcome.sentence == "not started, because net-staging failed"


def test_an_interrupted_question_ends_all_of_them() -> None:
    work = Work(answer=KeyboardInterrupt())
    results = work.run(work.member("a", EXECUTE), work.member("b", EXECUTE), work.member("c", requires=("a-staging",)))
    assert {one.outcome.exit for one in results.values()} == {Exit.INTERRUPTED}
    assert not [each for each in work.log if each.startswith("execute")]


@pytest.mark.parametrize("pressed", [KeyboardInterrupt, Terminated])
def test_an_interruption_reaches_what_runs_and_starts_nothing_more(pressed: type[BaseException]) -> None:
    work = Work()
    caught: list[type[BaseException]] = []

    def act(aws: Aws, tell: Tell, ask: Ask | None, approve: Approve) -> Outcome:
        approve(())
        work.log.append("executed")
        try:
            while True:
                if work.log.count("executed") == 2:
                    tell(StepStarted("verify", "both are executed"))
                aws.sleep(1)
        except BaseException as interruption:
            caught.append(type(interruption))
            raise

    def press(event: Event) -> None:
        """A signal arrives while an event is handled, as it does in the main thread."""
        if isinstance(event, StepStarted) and event.name == "verify" and "pressed" not in work.log:
            work.log.append("pressed")
            raise pressed

    members = [Member(Target(name, "staging"), act) for name in "ab"] + [work.member("c")]
    results = deploy_all(members, site().aws, {one.stack: press for one in members}, None, 2)
    assert caught == [pressed] * 2
    assert [one.outcome.exit for one in results] == [Exit.INTERRUPTED] * 3
    assert "execute c" not in work.log


def test_an_interruption_before_a_deploy_begins_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(self: threading.Thread) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", press)
    work = Work()
    results = work.run(work.member("a"), work.member("b"))
    assert [one.outcome.exit for one in results.values()] == [Exit.INTERRUPTED] * 2 and work.log == []


def test_a_bug_is_raised_once_the_others_have_ended() -> None:
    def broken(aws: Aws, ask: Ask | None) -> Outcome:
        raise ZeroDivisionError

    work = Work()
    with pytest.raises(ZeroDivisionError):
        work.run(work.member("a", ends=broken), work.member("b"))
    assert "end b" in work.log

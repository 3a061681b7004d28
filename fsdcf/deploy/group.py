"""Several deploys: in the order of what they need, side by side, with one confirmation of all plans.

Each deploy runs in its own thread and with its own connection. The thread that calls ``deploy_all`` schedules them, and
it alone reports events and asks a person; the others send it messages. It goes through these stages:

plan
    Every change set is created, at most ``parallel`` at a time. A deploy that ``requires`` another one, such as a
    service whose environment exports what its template imports, is planned once that one has succeeded.

confirm
    Once all plans are made, one question covers those that need one. A plan that is refused refuses the others, as long
    as nothing was executed; a plan that fails stops only what depends on it. A person who has agreed is not asked again
    about a stack that could not be planned yet and is created later, since it changes nothing that exists.

execute
    In order, at most ``parallel`` at a time. A deploy ``follows`` others: it starts once they have succeeded. If one of
    them does not, it is not started.

An interruption reaches every deploy, each of which does what it would do alone: a plan is discarded, an update
continues or is cancelled. Nothing that has not begun is started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal

from fsdcf.deploy.aws import Aws, AwsError
from fsdcf.deploy.model import (
    INTERRUPTS,
    Approve,
    Ask,
    Event,
    Exit,
    NoticeIssued,
    Outcome,
    Question,
    RunEnded,
    StackResult,
    StepStarted,
    Target,
    Tell,
    Terminated,
)
from fsdcf.deploy.run import Stop, outcome_of

Act = Callable[[Aws, Tell, Ask | None, Approve], Outcome]
"""Deploys one stack."""

_SLICE = 0.25
"""Real seconds after which a deploy that sleeps notices an interruption."""

_LOOK = 1.0
"""Real seconds after which the scheduler looks at the deploys even without a message."""


@dataclass(frozen=True, eq=False, repr=False)
class Member:
    """One deploy of several. ``follows`` and ``requires`` are stacks of the others.

    It is executed after those that it ``follows``, and planned after those that it ``requires``.
    """

    target: Target
    act: Act
    follows: Collection[str] = ()
    requires: Collection[str] = ()

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.target.stack


def in_order(needs: Mapping[str, Collection[str]]) -> tuple[dict[str, tuple[str, ...]], list[tuple[str, str]]]:
    """Names in an order in which each follows what it needs, with what it follows; and the needs that go unmet.

    Where names need each other, the first one of them precedes the others, and what it needs of them goes unmet. Needs
    outside of the names are ignored.
    """
    left = {name: [other for other in others if other in needs and other != name] for name, others in needs.items()}
    ordered: dict[str, tuple[str, ...]] = {}
    unmet: list[tuple[str, str]] = []
    while left:
        ready = [name for name, others in left.items() if not any(other in left for other in others)]
        if not ready:
            ready = [next(name for name in left if _is_last(name, left))]
            unmet += [(ready[0], other) for other in left[ready[0]] if other in left]
        following = {name: tuple(other for other in left.pop(name) if other in ordered) for name in ready}
        ordered |= following
    return ordered, unmet


def _is_last(name: str, needs: Mapping[str, Sequence[str]]) -> bool:
    """Whether everything that a name needs, also indirectly, needs the name in turn."""
    return all(name in _reached(other, needs) for other in _reached(name, needs))


def _reached(name: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    reached: set[str] = set()
    border = [name]
    while border:
        fresh = {other for one in border for other in needs.get(one, ()) if other in needs} - reached
        reached |= fresh
        border = sorted(fresh)
    return reached


def deploy_all(
    members: Sequence[Member],
    aws: Aws,
    reporters: Mapping[str, Tell],
    ask: Ask | None,
    parallel: int,
) -> tuple[StackResult, ...]:
    """Deploy the members, and return their results in the given order, which must be one of ``in_order``.

    ``reporters`` take the events of each stack. An interruption does not leave this function: it ends the deploys.
    Raises only bugs, once all deploys have ended.
    """
    return _Schedule(members, aws, reporters, ask, parallel).run()


State = Literal["waiting", "planning", "planned", "agreed", "running", "leaving", "ended"]
"""The state of a deploy. One that is ``leaving`` was not executed and deletes its change set."""


class _Request:
    """A question of a deploy to the scheduler. The first reply counts; an exception is raised in the deploy."""

    def __init__(self, content: Question | tuple[Question, ...]) -> None:
        self.content = content
        self.answered = False
        self._reply: SimpleQueue[bool | BaseException] = SimpleQueue()

    def reply(self, answer: bool | BaseException) -> None:
        """Answer the question, unless it has been answered."""
        if not self.answered:
            self.answered = True
            self._reply.put(answer)

    def wait(self) -> bool:
        """The answer. Raises the exception that is the answer."""
        answer = self._reply.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer


Message = tuple["_Worker", Event | _Request | None]


@dataclass(eq=False, repr=False)
class _Worker:
    """A member at work, in its own thread once it is started. ``pressed`` is an interruption that it has not seen."""

    member: Member
    state: State = "waiting"
    request: _Request | None = None
    outcome: Outcome | None = None
    pressed: BaseException | None = None
    bug: Exception | None = None
    since: float = 0.0
    seconds: float = 0.0
    blocked: bool = False
    dismissed: bool = False
    questions: tuple[Question, ...] = ()
    thread: threading.Thread | None = None

    def start(self, aws: Aws, post: Callable[[Message], None], has_person: bool) -> None:
        """Run the deploy in a new thread."""
        own = aws.fork(partial(self._sleep, aws))
        self.thread = threading.Thread(target=self._run, args=(own, post, has_person), daemon=True)
        self.thread.start()

    def interrupt(self, pressed: BaseException) -> None:
        """Raise an interruption where the deploy waits for an answer, or else when it sleeps next."""
        own = Terminated(pressed.signal) if isinstance(pressed, Terminated) else KeyboardInterrupt()
        if self.request is not None and not self.request.answered:
            self.request.reply(own)
        elif self.state in ("planning", "running"):
            self.pressed = own

    def answer(self, answer: bool | BaseException) -> None:
        """Answer the question that the deploy waits with."""
        assert self.request is not None  # noqa: S101 - it has asked
        self.request.reply(answer)

    def _run(self, aws: Aws, post: Callable[[Message], None], has_person: bool) -> None:
        def tell(event: Event) -> None:
            if not isinstance(event, RunEnded):  # the scheduler reports the end
                post((self, event))

        def put(content: Question | tuple[Question, ...]) -> bool:
            self.request = request = _Request(content)
            post((self, request))
            return request.wait()

        aws.announce = lambda text: tell(NoticeIssued("waiting", text))
        try:
            outcome = self.member.act(aws, tell, put if has_person else None, put)
        except Stop as end:
            outcome = end.outcome
        except AwsError as error:
            outcome = outcome_of(error, aws, self.member.target)
        except INTERRUPTS:
            outcome = Outcome(Exit.INTERRUPTED, "interrupted")
        except Exception as bug:  # the scheduler raises it once the others have ended
            self.bug, outcome = bug, Outcome(Exit.FAILED, f"fsdcf failed ({type(bug).__name__}: {bug})")
        self.outcome = outcome
        post((self, None))

    def _sleep(self, aws: Aws, seconds: float) -> None:
        while True:
            if self.pressed is not None:
                pressed, self.pressed = self.pressed, None
                raise pressed
            if seconds <= 0:
                return
            part = min(seconds, _SLICE / aws.pace)
            aws.sleep(part)
            seconds -= part


@dataclass(eq=False, repr=False)
class _Schedule:
    """Decides which deploy may go on. All of it runs in one thread."""

    members: Sequence[Member]
    aws: Aws
    reporters: Mapping[str, Tell]
    ask: Ask | None
    parallel: int
    stopped: BaseException | None = None
    executed: bool = False
    agreed: bool = False
    cancels: bool | None = None
    known_answers: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.posts: SimpleQueue[Message] = SimpleQueue()
        self.workers = {member.stack: _Worker(member) for member in self.members}

    def run(self) -> tuple[StackResult, ...]:
        """Deploy all members."""
        while any(worker.state != "ended" for worker in self.workers.values()):
            try:
                self._proceed()
                self._take()
            except INTERRUPTS as pressed:
                self._interrupt(pressed)
        bug = next((worker.bug for worker in self.workers.values() if worker.bug is not None), None)
        if bug is not None:
            raise bug
        return tuple(map(_result, self.workers.values()))

    def _take(self) -> None:
        """Handle a message, or return after a while without one."""
        if all(worker.state == "ended" for worker in self.workers.values()):
            return
        try:
            worker, content = self.posts.get(timeout=_LOOK)
        except Empty:
            return
        if isinstance(content, _Request):
            self._consider(worker, content)
        elif content is not None:
            self.reporters[worker.member.stack](content)

    def _consider(self, worker: _Worker, request: _Request) -> None:
        """Answer a question, unless it is one for an approval, which is answered when it is the deploy's turn."""
        if isinstance(request.content, tuple):
            if self.stopped is not None:
                worker.pressed = None
                worker.interrupt(self.stopped)
                return
            self._enter(worker, "planned")
            worker.questions, worker.blocked = request.content, False
        elif not request.answered:
            request.reply(self._answer(request.content))

    def _answer(self, question: Question) -> bool:
        """A person's answer. What concerns all deploys is asked once: a new environment, and an interruption."""
        assert self.ask is not None  # noqa: S101 - the deploys ask only if there is a person
        if question.kind == "interrupt":
            if self.cancels is None:
                self.cancels = self.ask(_interruption(question, self._in("running")))
            return self.cancels
        if question.kind != "environment":
            return self.ask(question)
        if question.text not in self.known_answers:
            self.known_answers[question.text] = self.ask(question)
        return self.known_answers[question.text]

    def _proceed(self) -> None:
        """Let every deploy go on that may."""
        self._settle()
        while any(self._dismiss(worker) for worker in self.workers.values()):
            self._settle()
        if self.stopped is not None:
            return
        self._confirm()
        for worker in self._in("agreed"):
            if not self._block(worker, worker.member.follows) and self._is_free():
                self.executed = True
                self._enter(worker, "running")
                worker.answer(True)
        for worker in self._in("waiting"):
            if not self._block(worker, worker.member.requires) and self._is_free():
                self._enter(worker, "planning")
                worker.start(self.aws, self.posts.put, self.ask is not None)

    def _in(self, *states: State) -> list[_Worker]:
        return [worker for worker in self.workers.values() if worker.state in states]

    def _enter(self, worker: _Worker, state: State) -> None:
        """Change the state of a deploy, and count the time in which it is at work."""
        if worker.state in ("planning", "running"):
            worker.seconds += self.aws.clock() - worker.since
        worker.since, worker.state = self.aws.clock(), state

    def _is_free(self) -> bool:
        return len(self._in("planning", "running")) < self.parallel

    def _block(self, worker: _Worker, needs: Collection[str]) -> bool:
        """Whether a deploy has to wait for others, which is reported once."""
        pending = [stack for stack in needs if not self._has_succeeded(stack)]
        if pending and not worker.blocked:
            worker.blocked = True
            self.reporters[worker.member.stack](StepStarted("wait", f"waiting for {', '.join(pending)}"))
        return bool(pending)

    def _has_succeeded(self, stack: str) -> bool:
        worker = self.workers[stack]
        return worker.state == "ended" and _result(worker).outcome.exit is Exit.DONE

    def _settle(self) -> None:
        """Report the deploys that have ended, each after its last event."""
        done = [each for each in self.workers.values() if each.outcome is not None and each.state != "ended"]
        if done and self.posts.empty():
            for worker in done:
                self._enter(worker, "ended")
                self.reporters[worker.member.stack](RunEnded(_result(worker).outcome))

    def _dismiss(self, worker: _Worker) -> bool:
        """End a deploy that has not begun if something that it needs did not succeed, or after an interruption."""
        if worker.state not in ("waiting", "planned", "agreed") or worker.outcome is not None:
            return False
        needs = dict.fromkeys((*worker.member.requires, *worker.member.follows))
        failed = [stack for stack in needs if self.workers[stack].state == "ended" and not self._has_succeeded(stack)]
        if failed:
            sentence, code = f"not started, because {_fate(self.workers[failed[0]])}", Exit.REFUSED
        elif self.stopped is not None and worker.state == "waiting":
            sentence, code = "not started, because the run was interrupted", Exit.INTERRUPTED
        else:
            return False
        self._leave(worker, Outcome(code, sentence, next=(worker.member.target.redeploy(),)))
        return True

    def _leave(self, worker: _Worker, outcome: Outcome) -> None:
        """End a deploy that has not begun. If it is planned, it deletes its change set."""
        worker.dismissed = True
        if worker.state == "waiting":
            worker.outcome = outcome
        else:
            self._enter(worker, "leaving")
            worker.answer(Stop(outcome))

    def _confirm(self) -> None:
        """Ask about the plans, once all that can be made are made."""
        planned = self._in("planned")
        due = [each for each in self._in("waiting") if all(map(self._has_succeeded, each.member.requires))]
        if not planned or due or self._in("planning"):
            return
        ended = [each for each in self._in("ended") if not each.dismissed]
        refused = [each for each in ended if _result(each).outcome.exit in (Exit.USAGE, Exit.REFUSED)]
        if refused and not self.executed:
            for worker in planned:
                sentence = f"not started, because {_fate(refused[0])}"
                self._leave(worker, Outcome(Exit.REFUSED, sentence, next=(worker.member.target.redeploy(),)))
            return
        asked = {one.member.stack: one.questions for one in planned if one.questions and not self._is_foreseen(one)}
        later = [each.member.stack for each in self._in("waiting")]
        agreed = not asked or (self.ask is not None and self.ask(_question(asked, later)))
        self.agreed = self.agreed or (agreed and bool(asked))
        for worker in planned:
            self._enter(worker, "agreed" if agreed else "leaving")
            if not agreed:
                worker.answer(False)

    def _is_foreseen(self, worker: _Worker) -> bool:
        """Whether a person has agreed to a plan before it could be made: it only creates a stack."""
        simple = all(question.kind == "execute" and question.creates for question in worker.questions)
        return self.agreed and simple and bool(worker.member.requires)

    def _interrupt(self, pressed: BaseException) -> None:
        self.stopped, self.cancels = pressed, None
        for worker in self.workers.values():
            if worker.state == "planning" and (worker.thread is None or worker.thread.ident is None):
                worker.state = "waiting"  # the interruption came before its thread began
            worker.interrupt(pressed)


def _result(worker: _Worker) -> StackResult:
    assert worker.outcome is not None  # noqa: S101 - the deploy has ended
    return StackResult(worker.member.target, worker.outcome, worker.seconds, not worker.dismissed)


def _fate(worker: _Worker) -> str:
    """What became of a deploy that did not succeed, in a clause."""
    outcome, stack = _result(worker).outcome, worker.member.stack
    if worker.dismissed:
        return f"{stack} was not started"
    return {
        Exit.UNKNOWN: f"the outcome of {stack} is not known yet",
        Exit.INTERRUPTED: f"{stack} was interrupted",
        Exit.USAGE: f"{stack} cannot be deployed",
        Exit.REFUSED: f"{stack} was refused",
        Exit.BUSY: f"{stack} is busy",
        Exit.DENIED: f"a permission is missing for {stack}",
    }.get(outcome.exit, f"{stack} failed")


_WEIGHT = ("execute", "protected", "data")


def _question(asked: Mapping[str, tuple[Question, ...]], later: Sequence[str]) -> Question:
    """One question for all plans. Data at risk is named with its stack."""
    questions = [(stack, question) for stack, each in asked.items() for question in each]
    kind = max((question.kind for _, question in questions), key=_WEIGHT.index)
    details = [f"{stack}: {detail}" for stack, question in questions for detail in question.details]
    if later:
        details.append(
            f"the plan of {', '.join(later)} follows; you are asked about it only if it changes a stack that exists"
        )
    text = f"Execute these changes in {', '.join(asked)}?"
    if kind == "data":
        at_risk = dict.fromkeys(stack for stack, question in questions if question.kind == "data")
        text = f"Data is at risk in {', '.join(at_risk)}. Put it at risk? {text}"
    elif kind == "protected":
        text = f"The environment is protected. {text}"
    return Question(kind, text, tuple(details))


def _interruption(question: Question, running: Sequence[_Worker]) -> Question:
    if len(running) < 2:
        return question
    stacks = ", ".join(worker.member.stack for worker in running)
    after = "If you answer no, they continue and this command detaches."
    return replace(question, text=f"Cancel the updates of {stacks} and roll them back? {after}")

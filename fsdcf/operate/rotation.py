"""Rotate a secret: after its new value is stored, replace the tasks that read it, and name who else does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fsdcf.cloudformation.secrets import SSM
from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import AwsError
from fsdcf.deploy.model import INTERRUPTS, Advice, Evidence, Exit, Options, Outcome, Question, Target
from fsdcf.deploy.pause import pause_of
from fsdcf.deploy.run import Run, Stop, outcome_of, stop
from fsdcf.deploy.schedules import is_job
from fsdcf.deploy.state import snapshot, while_running
from fsdcf.operate.rolling import restart
from fsdcf.operate.secrets import SecretPlace, StoredVersion, definition_of, other_readers, sources_in
from fsdcf.operate.service import RunningService, check_managed, confirm, find_service
from fsdcf.suggested import quoted
from fsdcf.wording import counted


@dataclass(frozen=True)
class Rotation:
    """What follows when a new value is stored.

    ``service`` is the one whose tasks are replaced; None if there is nothing to replace: ``instead`` then says why, and
    ``next`` what remains to be done. ``others`` are the services of the environment that read the same secret.
    """

    service: RunningService | None
    instead: str = ""
    next: tuple[str, ...] = ()
    others: tuple[Target, ...] = ()


def plan_rotation(run: Run, place: SecretPlace, is_sign_in: bool = False) -> Rotation:
    """What is to be done once a new value is at a place. ``is_sign_in``: the load balancer signs users in with it.

    Raises Stop: exit 3 if the stack is not managed by fsdcf, 5 during a CloudFormation operation.
    """
    others = tuple(other_readers(run, place))
    if is_sign_in:
        return replace(_of_sign_in(run, place), others=others)
    return replace(_of_tasks(run, place), others=others)


def _of_tasks(run: Run, place: SecretPlace) -> Rotation:
    target = run.target
    stack = snapshot(run.aws, target.stack)
    if stack is None or stack.in_review or stack.status == "DELETE_COMPLETE":
        return Rotation(None, f"{target.stack} is not deployed yet, and its tasks read the value when they start")
    check_managed(stack, target, target.command("status"))
    if stack.running:
        sentence = f"nothing was stored: an operation is in progress on the stack {stack.name}: {stack.status}"
        advice = Advice("wait for its end; `fsdcf secret set` stores a value without a restart")
        raise stop(Exit.BUSY, sentence, *while_running(stack, target), advice=advice)
    if is_job(stack):
        return Rotation(None, f"{target.stack} is a job: each run reads the value when it starts")
    try:
        service = find_service(run, stack)
    except Stop as stopped:
        return Rotation(None, f"no tasks were replaced: {stopped.outcome.sentence}", stopped.outcome.next)
    if not service.ecs.desired:
        resume = target.command("resume") if pause_of(stack) else target.command("scale", "1")
        return Rotation(None, f"{target.stack} has no tasks, and they read the value when they start", (resume,))
    definition = definition_of(run, service.ecs.task_definition)
    if not definition:
        return Rotation(None, "whether its tasks read the secret is not known", (target.command("restart"),))
    return _of_definition(run, place, service, definition)


def _of_definition(run: Run, place: SecretPlace, service: RunningService, definition: Answer) -> Rotation:
    """What follows for tasks that run: whether their task definition reads the secret, and which version of it."""
    target = run.target
    reads = [one for one in sources_in(run, definition, "secrets") if one.overlaps(place)]
    if any(not one.pinned for one in reads):
        return Rotation(service)
    if reads:
        instead = (
            f"the running version of {target.stack} reads {reads[0].pinned} of it, and a restart does not change that"
        )
        return Rotation(None, instead, (target.redeploy(),))
    if any(one.overlaps(place) for one in sources_in(run, definition, "credentials")):
        return Rotation(None, "ECS reads it when it pulls the image: running tasks need no restart")
    return Rotation(None, f"the running version of {target.stack} does not read it", (target.redeploy(),))


def _of_sign_in(run: Run, place: SecretPlace) -> Rotation:
    """CloudFormation reads the secret of a sign-in, and only when it creates or changes the rule.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
    """
    instead = (
        "the load balancer keeps the old value until a deploy changes its rule, such as one that names the new version"
        f" after the secret in clientSecret: secretsmanager:{place.name}:{place.key}::VERSION"
    )
    return Rotation(None, instead, (run.target.redeploy(),))


def agree(run: Run, rotation: Rotation, name: str, yes: bool) -> None:
    """Ask before tasks are replaced. Raises Stop (exit 3) without agreement."""
    if rotation.service is None:
        return
    ecs, stack = rotation.service.ecs, run.target.stack
    details = ["its tasks stop before new ones start: the service is unavailable in between"]
    details = details if ecs.minimum_healthy == 0 else []
    details += [
        f"{one.stack} reads the same secret, and keeps the old value until its restart" for one in rotation.others
    ]
    text = f"Store a new value of {name}, and replace {counted(ecs.desired, 'task')} of {stack} with new ones?"
    sentence = "confirmation is required, and nothing was stored: pass --yes to agree"
    confirm(run, yes, Question("execute", text, tuple(details)), sentence=sentence)


def replace_tasks(run: Run, rotation: Rotation, stored: str, back: tuple[str, ...], timeout: float | None) -> Outcome:
    """Replace the tasks that have the old value; the outcome says what was ``stored``, whatever comes of that.

    ``back`` are the commands that bring the earlier value back, without showing it.
    """
    others = tuple(Evidence("reads it, too", one.stack) for one in rotation.others)
    restarts = tuple(one.command("restart") for one in rotation.others)
    if rotation.service is None:
        return Outcome(Exit.DONE, f"{stored}; {rotation.instead}", others, (*rotation.next, *restarts))
    run.step("store", stored)
    try:
        outcome = restart(run, Options(yes=True, timeout=timeout))
    except Stop as stopped:
        outcome = stopped.outcome
    except AwsError as error:
        outcome = outcome_of(error, run.aws, run.target)
    except INTERRUPTS:
        sentence = "interrupted before the restart was seen to begin"
        outcome = Outcome(Exit.INTERRUPTED, sentence, next=(run.target.command("restart"),))
    if outcome.exit is Exit.DONE:
        return replace(
            outcome, sentence=f"{stored}; {outcome.sentence}", evidence=others, next=(*outcome.next, *restarts)
        )
    evidence = (*outcome.evidence, Evidence("stored", "the new value stays in its store"), *others)
    return replace(
        outcome, sentence=f"{stored}, but {outcome.sentence}", evidence=evidence, next=(*outcome.next, *back)
    )


def way_back(run: Run, place: SecretPlace, written: StoredVersion, rotate: str) -> tuple[str, ...]:
    """The commands that make the earlier value the current one again, without showing it; none if there was none.

    ``rotate`` is the command that stores what it reads from standard input, and restarts.

    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html and
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html#term_version
    """
    before, region = written.secret.version, place.region
    if written.created or not before:
        return ()
    if place.store == SSM:
        name = quoted(f"{written.secret.name or place.name}:{before}")
        read = f"aws ssm get-parameter --name {name} --with-decryption --query Parameter.Value --output text"
        return (f"{read} --region {region} | {rotate}",)
    move = f"--version-stage AWSCURRENT --move-to-version-id {before} --remove-from-version-id {written.version}"
    command = f"aws secretsmanager update-secret-version-stage --secret-id {quoted(place.id)} {move} --region {region}"
    return (command, run.target.command("restart"))

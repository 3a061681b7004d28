"""Rules about the schedules and policies of auto scaling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.service import SCALED_BY, AutoScaling, ScalingPolicy, ScalingSchedule, ScalingStep
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import sample
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.links import SCHEDULES

_SCALING = ("service", "autoScaling")
_CRON = "https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html"


def _schedules(case: Case) -> Iterator[tuple[SpecPath, ScalingSchedule, AutoScaling]]:
    auto = case.service.auto_scaling
    for index, schedule in enumerate(auto.schedules if auto else ()):
        yield (*_SCALING, "schedules", index), schedule, auto  # type: ignore[misc]


@rule("S631", "a schedule that AWS would reject, or that is never due", _CRON, kinds=("Service",))
def scaling_schedule(case: Case) -> Problems:
    """A schedule has a cron expression of five fields as in Unix, or the six of AWS, a time zone of the IANA database,
    and at least one of minCount and maxCount, which fit the other limit. Names are unique, and two schedules are not
    due at the same times, since either could win."""
    names: Counter[str] = Counter()
    times: dict[tuple[str, str], str] = {}
    for path, schedule, auto in _schedules(case):
        from fsdcf.cloudformation.cron import CronError, check_time_zone, parse  # few specs have a schedule

        names[schedule.name] += 1
        if names[schedule.name] == 2:
            yield Problem((*path, "name"), f"two schedules are named `{schedule.name}`", "give each its own name")
        fields = ""
        for key, text, check in (("cron", schedule.cron, parse), ("timezone", schedule.timezone, check_time_zone)):
            try:
                check(text)
            except CronError as error:
                yield Problem((*path, key), str(error), error.hint)
            else:
                fields = parse(text).fields if key == "cron" else fields
        other = times.setdefault((fields, schedule.timezone), schedule.name) if fields else schedule.name
        if other != schedule.name:
            yield Problem((*path, "cron"), f"`{other}` is due at the same times", "keep one of them")
        least = auto.min_count if schedule.min_count is None else schedule.min_count
        most = auto.max_count if schedule.max_count is None else schedule.max_count
        if schedule.min_count is None and schedule.max_count is None:
            yield Problem(path, f"`{schedule.name}` changes nothing", "write minCount, maxCount or both")
        elif least > most:
            key = "minCount" if schedule.min_count is not None else "maxCount"
            message = f"minCount {least} is above maxCount {most}"
            yield Problem((*path, key), message, "write both limits in the schedule, the lower one in minCount")


@rule(
    "W212",
    "a schedule in the hour that the clocks skip",
    SCHEDULES,
    kinds=("Service",),
)
def skipped_hour(case: Case) -> Problems:
    """When the clocks of a time zone go forward in spring, an hour does not exist: a schedule in it is left out on that
    day, and the limits before it stay until the next schedule."""
    for path, schedule, _ in _schedules(case):
        from fsdcf.cloudformation.cron import CronError, parse, time_zone

        try:
            cron, zone = parse(schedule.cron), time_zone(schedule.timezone)
        except CronError:
            continue  # another finding reports it
        skipped = cron.skipped(zone) if zone is not None and len(cron.hours) == 1 else None
        if skipped is not None:
            message = f"`{schedule.name}` is left out on {skipped:%Y-%m-%d}, when the clocks skip {skipped:%H:%M}"
            yield Problem((*path, "cron"), message, "choose another hour, or a time zone without daylight saving time")


@rule(
    "S632",
    "a scaling policy that AWS would reject, or that contradicts another one",
    "https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html",
    kinds=("Service",),
)
def scaling_policy(case: Case) -> Problems:
    """A policy of the type `target` has a value, one of the type `step` has steps. The steps that add tasks are above
    those that remove tasks, without gaps or overlaps in either direction; the highest one has no `upper` and the lowest
    one no `lower`, so that there is a step for every value beyond. A metric has one policy."""
    auto = case.service.auto_scaling
    if auto is None:
        return
    seen = {metric for metric, key in SCALED_BY.items() if case.wrote(f"service.autoScaling.{key}")}
    for index, policy in enumerate(auto.policies):
        path = (*_SCALING, "policies", index)
        if policy.metric in seen:
            message = f"`{policy.metric}` has another policy already"
            yield Problem((*path, "metric"), message, "keep one policy for each metric")
        seen.add(policy.metric)
        if policy.type == "target":
            yield from _problems_of_target(path, policy)
        else:
            yield from _problems_of_steps(path, policy)


_PERCENT = ("cpu", "memory")


def _problems_of_target(path: SpecPath, policy: ScalingPolicy) -> Problems:
    if policy.value is None:
        yield Problem(path, f"the policy for `{policy.metric}` has no value to keep", "write `value`, or `type: step`")
    elif policy.metric in _PERCENT and policy.value > 100:
        yield Problem((*path, "value"), f"{policy.value:g} is more than 100 %", "write a percentage from 1 to 100")
    if policy.steps:
        yield Problem((*path, "steps"), "a policy that keeps a value has no steps", "write `type: step`", key=True)


def _problems_of_steps(path: SpecPath, policy: ScalingPolicy) -> Problems:
    if policy.value is not None:
        message = "a policy by steps keeps no value"
        yield Problem((*path, "value"), message, "leave it out, or write `type: target`", key=True)
    if not policy.steps:
        hint = "write `steps: [{lower: 80, adjustment: 2}, {upper: 30, adjustment: -1}]`"
        yield Problem(path, f"the policy for `{policy.metric}` has no steps", hint)
    for index, step in enumerate(policy.steps):
        if step.adjustment == 0:
            message = "the step neither adds nor removes tasks"
            yield Problem((*path, "steps", index), message, "leave it out: between the steps nothing changes")
        if _lower(step) >= _upper(step):
            message = f"the step ends at {_upper(step):g}, and begins at {_lower(step):g}"
            yield Problem((*path, "steps", index), message, "write the lower value in `lower`")
    for message, hint in _gaps(policy):
        yield Problem((*path, "steps"), message, hint, key=True)


def _gaps(policy: ScalingPolicy) -> Iterator[tuple[str, str]]:
    """What is wrong with the ranges of the steps together: messages with hints."""
    out = sorted((one for one in policy.steps if one.adjustment > 0), key=_lower)
    back = sorted((one for one in policy.steps if one.adjustment < 0), key=_lower)
    for steps, word in ((out, "add"), (back, "remove")):
        for one, other in pairwise(steps):
            if one.upper is None or one.upper != other.lower:
                message = f"the steps that {word} tasks leave a gap or overlap at {_lower(other):g}"
                yield message, "let each step begin where the one before it ends"
    if out and out[0].lower is None:
        yield "a step that adds tasks has no `lower`", "write from which value it applies"
    if out and out[-1].upper is not None:
        yield f"above {out[-1].upper:g} no step adds tasks", "leave out `upper` of the highest step"
    if back and back[-1].upper is None:
        yield "a step that removes tasks has no `upper`", "write up to which value it applies"
    if back and back[0].lower is not None:
        yield f"below {back[0].lower:g} no step removes tasks", "leave out `lower` of the lowest step"
    if out and back and out[0].lower is not None and _upper(back[-1]) >= out[0].lower:
        message = f"at {out[0].lower:g} one step removes tasks and another one adds them"
        yield message, "leave room between them, so that the number of tasks does not swing"


def _lower(step: ScalingStep) -> float:
    return float("-inf") if step.lower is None else step.lower


def _upper(step: ScalingStep) -> float:
    return float("inf") if step.upper is None else step.upper


@rule(
    "S633",
    "a backlog without its queue",
    "https://docs.aws.amazon.com/autoscaling/application/userguide/"
    "application-auto-scaling-target-tracking-metric-math.html",
    kinds=("Service",),
)
def backlog_queue(case: Case) -> Problems:
    """The backlog is that of an aws_sqs_queue dependency of the spec: of the only one, or of the one that
    `autoScaling.queue` names."""
    auto = case.service.auto_scaling
    if auto is None:
        return
    queues = sorted(local_name(one.name) for _, one, kind in case.dependencies() if kind.category == "sqs")
    by_backlog = "queueBacklogPerTask" in {**auto.targets, **auto.steps}
    at = "service.autoScaling.queue"
    if auto.queue is not None and not by_backlog:
        yield Problem(at, "nothing scales by the backlog of a queue", "write queueBacklogPerTask, or leave it out")
    elif auto.queue is not None and sample(auto.queue) not in queues:
        hint = f"use one of: {', '.join(queues)}" if queues else "add an aws_sqs_queue dependency"
        yield Problem(at, f"the spec has no queue `{auto.queue}`", hint)
    elif by_backlog and auto.queue is None and len(queues) != 1:
        message = f"{len(queues)} queues could be meant" if queues else "the spec has no queue"
        hint = f"write `queue: {queues[0]}`" if queues else "add an aws_sqs_queue dependency"
        path = "queueBacklogPerTask" if case.wrote("service.autoScaling.queueBacklogPerTask") else "policies"
        yield Problem(f"service.autoScaling.{path}", message, hint, key=True)

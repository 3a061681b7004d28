"""Rules about the schedule of a job, and about who learns of its failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, cast

from fsdcf.language.model.job import Job, Schedule
from fsdcf.language.names import local_names
from fsdcf.language.placeholders import names_arn, sample
from fsdcf.language.rules.case import Case, Problem, Problems, in_production, rule
from fsdcf.links import SCHEDULES

if TYPE_CHECKING:
    from fsdcf.cloudformation.cron import Cron

_KINDS = ("Job",)
_AT = "service.schedule"
_LONGEST_RATE = {"minute": 525_600, "hour": 8_760, "day": 365}


@rule("S480", "a schedule with no time, or with several", SCHEDULES, kinds=_KINDS)
def one_time(case: Case) -> Problems:
    """A schedule has one of `cron`, `rate` and `at`. A job that should start at other times as well can have a cron
    expression with lists and ranges, or a second spec with the same image."""
    schedule = _job(case).schedule
    if schedule is None:
        return
    written = [key for key in ("cron", "rate", "at") if getattr(schedule, key) is not None]
    if not written:
        yield Problem(_AT, "the schedule has no time", "write cron, rate or at", key=True)
    for key in written[1:]:
        yield Problem(
            f"{_AT}.{key}", f"the schedule has {written[0]} and {key}", f"keep one of {' and '.join(written)}"
        )


@rule("S481", "a schedule that AWS rejects or that never comes", SCHEDULES, kinds=_KINDS)
def valid_schedule(case: Case) -> Problems:
    """A cron expression has five fields as in Unix, or the six of AWS. The names of time zones are those of the IANA
    database. An interval is at most a year, and the date of a single run exists."""
    schedule = _job(case).schedule
    if schedule is None:
        return
    from fsdcf.cloudformation import cron  # a service has no schedule

    for key, text, check in (
        ("cron", schedule.cron, cron.parse),
        ("timezone", schedule.timezone, cron.check_time_zone),
        ("rate", schedule.rate, _check_rate),
        ("at", schedule.at, _check_time),
    ):
        try:
            if text is not None:
                check(text)
        except cron.CronError as error:
            yield Problem(f"{_AT}.{key}", str(error), error.hint)


def _check_rate(text: str) -> None:
    from fsdcf.cloudformation.cron import CronError

    number, unit = text.split()
    most = _LONGEST_RATE[unit.rstrip("s")]
    if int(number) > most:
        raise CronError(f"`{text}` is more than a year", f"use at most {most} {unit.rstrip('s')}s, or cron")


def _check_time(text: str) -> None:
    from fsdcf.cloudformation.cron import THIS_YEAR, CronError

    try:
        when = datetime.fromisoformat(text.replace(" ", "T"))
    except ValueError:
        raise CronError(f"`{text}` is not a time that exists", "write a time such as 2027-01-01T00:00") from None
    if when.year < THIS_YEAR:
        raise CronError(f"{when.year} is over", "write a later time")


@rule("S482", "a topic that does not exist", kinds=_KINDS)
def notified_topic(case: Case) -> Problems:
    """`notify` is the ARN of a topic, also as the export of another stack, or the name of an aws_sns_topic among the
    dependencies."""
    notify = _job(case).notify
    if notify is None or names_arn(notify):
        return
    topics = local_names(each.name for _, each, kind in case.dependencies() if kind.category == "sns")
    if sample(notify) not in topics:
        hint = f"write {' or '.join(sorted(set(topics.values())))}, or an ARN" if topics else "write the ARN of a topic"
        yield Problem("service.notify", f"no dependency is a topic named `{sample(notify)}`", hint)


@rule("W167", "a time that the clocks skip", SCHEDULES, kinds=_KINDS)
def skipped_time(case: Case) -> Problems:
    """Where the clocks go forward in spring, an hour does not exist on that day, and EventBridge Scheduler starts no
    run then. In UTC every hour exists."""
    schedule = _job(case).schedule
    if schedule is None or schedule.cron is None:
        return
    for expression, zone in _readable(schedule):
        if (missing := expression.skipped(zone)) is not None:
            message = f"there is no {missing:%H:%M} in {schedule.timezone} on {missing:%Y-%m-%d}, and no run"
            yield Problem(f"{_AT}.cron", message, "choose another hour, or the time zone UTC")


def _readable(schedule: Schedule) -> Iterator[tuple[Cron, tzinfo]]:
    """The cron expression and its time zone, unless S481 reports one of them."""
    from fsdcf.cloudformation import cron

    try:
        expression, zone = cron.parse(schedule.cron or ""), cron.time_zone(schedule.timezone)
    except cron.CronError:
        return
    if zone is not None:
        yield expression, zone


@rule(
    "W168",
    "a job in production without a notification of failures",
    "https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html",
    kinds=_KINDS,
    only=in_production,
)
def silent_failures(case: Case) -> Problems:
    """A run that fails at night is in the log and, with a state machine, in the dead-letter queue. With `notify` an SNS
    topic gets a message, after all retries; with `alarms.notify` a topic is notified of new messages there."""
    job, alarms = _job(case), case.service.observability.watched
    notified = job.notify or (alarms and alarms.dead_letters and alarms.notify)
    if job.schedule is not None and not notified:
        hint = "add `notify` with the ARN of an SNS topic, or the name of an aws_sns_topic dependency"
        yield Problem("service.notify", "a failed run notifies no one", hint, key=True)


@rule("W169", "a time zone without effect", SCHEDULES, kinds=_KINDS)
def zone_of_rate(case: Case) -> Problems:
    """An interval is counted from its beginning, in whatever time zone."""
    schedule = _job(case).schedule
    if schedule is not None and schedule.rate is not None and case.wrote(f"{_AT}.timezone"):
        yield Problem(f"{_AT}.timezone", "an interval has no time zone", "leave it out, or use cron", key=True)


def _job(case: Case) -> Job:
    return cast("Job", case.service)

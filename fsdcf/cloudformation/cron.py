"""Cron expressions: the five fields of Unix turned into the six of AWS, and the times at which they are due.

EventBridge Scheduler and Application Auto Scaling read the same six fields. They count the days of the week from 1,
Sunday, while Unix counts from 0, and one of the two fields for days must be `?`.
Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html,
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html,
https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache
from itertools import count, pairwise, takewhile
from typing import NamedTuple

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

THIS_YEAR = 2026
"""Schedules of earlier years are over: a spec has the same findings in every year."""

_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_FIVE = "minute hour day-of-month month day-of-week"


class CronError(ValueError):
    """A cron expression that AWS would reject or that is never due: the message, and in ``hint`` how to fix it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class _Field(NamedTuple):
    """A field: its name, bounds, and names for the values from ``least`` on."""

    name: str
    least: int
    most: int
    names: Sequence[str] = ()

    def number(self, text: str) -> int:
        """A value by its number or name."""
        if text.upper() in self.names:
            return self.least + self.names.index(text.upper())
        if not re.fullmatch("[0-9]{1,4}", text):
            words = f", or {', '.join(dict.fromkeys(self.names))}" if self.names else ""
            raise CronError(f"`{text}` is not a {self.name}", f"write a number from {self.least} to {self.most}{words}")
        if not self.least <= int(text) <= self.most:
            hint = f"the {self.name} is from {self.least} to {self.most}"
            raise CronError(f"{self.name} {text} does not exist", hint)
        return int(text)

    def text(self, value: int) -> str:
        return self.names[value - self.least] if self.names else str(value)

    @property
    def end(self) -> int:
        """The last value of `*`: 7 is another Sunday."""
        return 6 if self is _UNIX_DAY else self.most


_MINUTE, _HOUR = _Field("minute", 0, 59), _Field("hour", 0, 23)
_DAY, _MONTH, _YEAR = _Field("day of the month", 1, 31), _Field("month", 1, 12, MONTHS), _Field("year", 1970, 2199)
_UNIX_DAY, _AWS_DAY = _Field("day of the week", 0, 7, (*DAYS, "SUN")), _Field("day of the week", 1, 7, DAYS)

_SPECIAL_DAY = re.compile(r"L|[0-9]{1,2}W")
_SPECIAL_WEEKDAY = re.compile(r"L|([0-9]|[A-Z]{3})(L|#[0-9]+)")


@dataclass(frozen=True)
class Cron:
    """A cron expression: the values of its fields. One of ``days`` and ``weekdays`` is None.

    Weekdays are numbered as AWS does: 1 is Sunday. ``special`` is the field for days where it is not a list of
    numbers: ``L``, ``15W``, ``6L`` or ``2#1``.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...] | None
    months: tuple[int, ...]
    weekdays: tuple[int, ...] | None
    years: tuple[int, ...]
    special: str = ""

    @property
    def fields(self) -> str:
        """The six fields as AWS reads them."""
        day = self.special or _written(_DAY, self.days) if self.days is not None else "?"
        weekday = self.special or _written(_AWS_DAY, self.weekdays) if self.weekdays is not None else "?"
        times = _written(_MINUTE, self.minutes), _written(_HOUR, self.hours)
        return " ".join((*times, day, _written(_MONTH, self.months), weekday, _written(_YEAR, self.years)))

    @property
    def expression(self) -> str:
        """The schedule expression for AWS: ``cron(0 3 * * ? *)``."""
        return f"cron({self.fields})"

    def dates(self, start: date) -> Iterator[date]:
        """The days on which it is due, from a day on."""
        for year in self.years:
            for month in self.months if year >= start.year else ():
                for day in self._days_of(year, month):
                    if date(year, month, day) >= start:
                        yield date(year, month, day)

    def times(self, after: datetime, zone: tzinfo = timezone.utc) -> Iterator[datetime]:
        """The times after a moment at which it is due in a time zone.

        A local time that the clocks skip in spring does not exist and is left out; one that they repeat in autumn is
        due once, as EventBridge Scheduler does it.
        """
        local = after.astimezone(zone)
        for day in self.dates(local.date() - timedelta(days=1)):
            for due in self._times_on(day, zone):
                if due.astimezone(timezone.utc) > after and _exists(due):
                    yield due

    def skipped(self, zone: tzinfo) -> datetime | None:
        """The first local time at which it would be due and that the clocks of a time zone skip in spring."""
        for day in self.dates(date(THIS_YEAR + 1, 1, 1)):
            if day.year > THIS_YEAR + 1:
                return None
            if _offset(day, zone) != _offset(day + timedelta(days=1), zone):
                missing = next((due for due in self._times_on(day, zone) if not _exists(due)), None)
                if missing is not None:
                    return missing
        return None

    def _times_on(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)

    def _days_of(self, year: int, month: int) -> Sequence[int]:
        """The days of a month on which it is due."""
        last = monthrange(year, month)[1]
        if self.special:
            return [day for day in (self._special_day(year, month, last),) if day]
        if self.days is not None:
            return [day for day in self.days if day <= last]
        return [day for day in range(1, last + 1) if _weekday(year, month, day) in (self.weekdays or ())]

    def _special_day(self, year: int, month: int, last: int) -> int | None:
        """The day of ``special`` in a month, None if it has none; every Saturday counts as the last day of a week."""
        if self.days is not None:
            wanted = last if self.special == "L" else min(int(self.special[:-1]), last)
            return wanted if self.special == "L" else _nearest_working_day(year, month, wanted, last)
        name, _, number = self.special.rstrip("L").partition("#")
        same = [day for day in range(1, last + 1) if _weekday(year, month, day) == _AWS_DAY.number(name)]
        if not number:
            return same[-1]
        return same[int(number) - 1] if int(number) <= len(same) else None


def parse(text: str) -> Cron:
    """Return the cron expression of a text: five fields as in Unix, or the six of AWS, with ``cron(…)`` around them
    or not. Raises CronError for what AWS would reject, and for what is never due."""
    plain = text.strip()
    wrapped = re.fullmatch(r"cron\((.*)\)", plain, re.DOTALL | re.IGNORECASE)
    plain = (wrapped[1] if wrapped else plain).strip()
    if plain.startswith("@"):
        plain = _nickname(plain)
    fields = plain.split()
    if len(fields) not in (5, 6):
        hint = f"write `{_FIVE}`, for example `0 3 * * *`; AWS's six fields with the year are accepted too"
        raise CronError(f"a cron expression has five fields, this one {len(fields)}", hint)
    cron = _from_unix(fields) if len(fields) == 5 else _from_aws(fields)
    _check_due(cron)
    return cron


def due(expression: str, zone: tzinfo, after: datetime, since: datetime) -> Iterator[datetime]:
    """The times after a moment at which a schedule expression of AWS is due: ``cron(…)``, ``rate(…)`` or ``at(…)``.

    An interval counts from ``since``. Raises CronError for another text.
    """
    kind, _, inner = expression.partition("(")
    if kind == "rate":
        pause = interval(inner.rstrip(")"))
        passed = max(0, (after - since) // pause)
        return (since + pause * number for number in count(passed + 1))
    if kind == "at":
        moment = datetime.fromisoformat(inner.rstrip(")")).replace(tzinfo=zone)
        return iter([moment] if moment > after else [])
    return parse(expression).times(after, zone)


def times_a_year(expression: str) -> Decimal:
    """How often a schedule expression of AWS is due in a year, on average; an ``at(…)`` is not. Raises ValueError."""
    kind, _, inner = expression.partition("(")
    if kind == "rate":
        return Decimal(365 * 86_400) / Decimal(int(interval(inner.rstrip(")")).total_seconds()))
    found = parse(expression)
    start = date(THIS_YEAR, 1, 1)
    days = takewhile(lambda day: day < date(THIS_YEAR + 4, 1, 1), found.dates(start))
    return Decimal(sum(1 for _ in days) * len(found.hours) * len(found.minutes)) / 4


def interval(rate: str) -> timedelta:
    """The time of a rate such as ``15 minutes``."""
    number, unit = rate.split()
    return timedelta(**{f"{unit.rstrip('s')}s": int(number)})


def _nickname(text: str) -> str:
    try:
        return _NICKNAMES[text.lower()]
    except KeyError:
        message = f"AWS has no schedule `{text}`"
        raise CronError(message, f"write `{_FIVE}`, or one of {', '.join(_NICKNAMES)}") from None


def _from_unix(fields: Sequence[str]) -> Cron:
    minutes, hours, day, month, weekday = fields
    if "?" in fields:
        raise CronError("`?` belongs to the six fields of AWS", "write `*` instead, or add the year: `*`")
    for written, pattern, six in (
        (day, _SPECIAL_DAY, f"{day} {month} ?"),
        (weekday, _SPECIAL_WEEKDAY, f"? {month} {weekday}"),
    ):
        if pattern.fullmatch(written.upper()):
            raise CronError(f"`{written}` belongs to the six fields of AWS", f"write `{minutes} {hours} {six} *`")
    days = _values(_DAY, day)
    weekdays = tuple(sorted({number % 7 + 1 for number in _values(_UNIX_DAY, weekday)}))
    every_day, every_weekday = len(days) == 31, len(weekdays) == 7
    if not every_day and not every_weekday:
        message = "AWS cannot combine a day of the month with a day of the week"
        hint = "write `*` for one of them; the first Monday of each month is `? * MON#1 *` with AWS's six fields"
        raise CronError(message, hint)
    by_week = every_day and not every_weekday
    return Cron(
        _values(_MINUTE, minutes),
        _values(_HOUR, hours),
        None if by_week else days,
        _values(_MONTH, month),
        weekdays if by_week else None,
        tuple(range(_YEAR.least, _YEAR.most + 1)),
    )


def _from_aws(fields: Sequence[str]) -> Cron:
    minutes, hours, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        which = "of the month" if weekday != "*" else "of the week"
        message = "exactly one of day of the month and day of the week must be `?` in AWS's six fields"
        raise CronError(message, f"write `?` for the day {which}; the order is `{_FIVE} year`")
    by_week = day == "?"
    written, pattern = (weekday, _SPECIAL_WEEKDAY) if by_week else (day, _SPECIAL_DAY)
    special = _special(written.upper(), by_week) if pattern.fullmatch(written.upper()) else ""
    values = () if special else _values(_AWS_DAY if by_week else _DAY, written)
    if special == "L" and by_week:
        special, values = "", (7,)
    return Cron(
        _values(_MINUTE, minutes),
        _values(_HOUR, hours),
        None if by_week else values,
        _values(_MONTH, month),
        values if by_week else None,
        _values(_YEAR, year),
        special,
    )


def _special(text: str, by_week: bool) -> str:
    """A field such as ``15W``, ``6L`` or ``2#1``, whose numbers exist."""
    if text == "L":
        return text
    if not by_week:
        _DAY.number(text[:-1])
        return text
    name, _, number = text.rstrip("L").partition("#")
    _AWS_DAY.number(name)
    if number and not 1 <= int(number) <= 5:
        raise CronError(f"no month has a week {number} of a day", "write a number from 1 to 5 after `#`")
    return text


def _values(field: _Field, text: str) -> tuple[int, ...]:
    """The values of a field: a list of numbers, names, ranges and steps."""
    return tuple(sorted({value for item in text.split(",") for value in _range(field, item)}))


def _range(field: _Field, item: str) -> range:
    body, slash, step = item.partition("/")
    if slash and (not re.fullmatch("[0-9]{1,4}", step) or not 0 < int(step) <= field.most):
        message = f"`{item}` has no valid step for the {field.name}"
        raise CronError(message, f"write a number from 1 to {field.most} after `/`")
    first, dash, last = body.partition("-")
    if body == "*":
        start, end = field.least, field.end
    else:
        start = field.number(first)
        end = field.number(last) if dash else field.end if slash else start
    if field is _UNIX_DAY and end == 0 < start:
        end = 7
    if start > end:
        upper, lower = field.text(field.most), field.text(field.least)
        hint = f"write two ranges: `{first}-{upper},{lower}-{last}`"
        raise CronError(f"the range `{body}` ends before it begins", hint)
    return range(start, end + 1, int(step) if slash else 1)


def _written(field: _Field, values: Sequence[int] | None) -> str:
    """Values as a field: `*`, `0/15`, or a list of numbers and ranges."""
    numbers = tuple(values or ())
    if len(numbers) == field.most - field.least + 1:
        return "*"
    steps = {after - before for before, after in pairwise(numbers)}
    if (
        not field.names
        and len(numbers) > 2
        and len(steps) == 1
        and 1 not in steps
        and numbers[-1] + min(steps) > field.most
    ):
        return f"{field.text(numbers[0])}/{min(steps)}"
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(_run(field, *run) for run in runs)


def _run(field: _Field, first: int, last: int) -> str:
    if last - first > 1:
        return f"{field.text(first)}-{field.text(last)}"
    return ",".join(field.text(number) for number in range(first, last + 1))


def _check_due(cron: Cron) -> None:
    """Raises CronError for an expression that is never due from now on."""
    if next(cron.dates(date(THIS_YEAR, 1, 1)), None) is not None:
        return
    hint = "choose a day that the month has; `L` in AWS's six fields is the last day of a month"
    if cron.years[-1] < THIS_YEAR:
        raise CronError(f"it is never due: {cron.years[-1]} is over", "write a later year, or `*`")
    months = " and ".join(_MONTH_NAMES[month - 1] for month in cron.months)
    if cron.days and len(cron.months) < 6:
        leap = cron.months == (2,) and cron.days[0] == 29 and not any(map(isleap, cron.years))
        day = "29 in those years" if leap else str(cron.days[0])
        raise CronError(f"it is never due: {months} {'have' if ' ' in months else 'has'} no day {day}", hint)
    raise CronError(f"it is never due: no such day exists in {months}", hint)


def _weekday(year: int, month: int, day: int) -> int:
    return date(year, month, day).isoweekday() % 7 + 1


def _nearest_working_day(year: int, month: int, day: int, last: int) -> int:
    """The working day nearest to a day, in the same month."""
    weekday = _weekday(year, month, day)
    if weekday == 7:
        return day - 1 if day > 1 else day + 2
    if weekday == 1:
        return day + 1 if day < last else day - 2
    return day


def _exists(local: datetime) -> bool:
    """Whether a local time exists: the clocks skip none of the hours around it."""
    return local.astimezone(timezone.utc).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def _offset(day: date, zone: tzinfo) -> timedelta | None:
    """The difference to UTC when a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()


@cache
def _zones() -> frozenset[str]:
    """The time zones of this machine; none where it has no data of them."""
    from zoneinfo import available_timezones  # loaded for a spec with a time zone alone

    return frozenset(available_timezones() - {"localtime", "Factory"})


def time_zone(name: str) -> tzinfo | None:
    """Return the time zone of a name such as ``Europe/Berlin``; None if it is unknown, or if this machine has no data
    of time zones."""
    if name == "UTC":
        return timezone.utc
    if name not in _zones():
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def check_time_zone(name: str) -> None:
    """Raises CronError for a time zone that does not exist, as far as this machine knows them."""
    if name == "UTC" or not _zones() or time_zone(name) is not None:
        return
    from difflib import get_close_matches

    by_city = {zone.rpartition("/")[2].lower(): zone for zone in sorted(_zones())}
    city = name.rpartition("/")[2].lower().replace(" ", "_")
    near = get_close_matches(city, by_city, 1, 0.75)
    hint = f"did you mean {by_city[near[0]]}?" if near else "write a name of the IANA database, such as Europe/Berlin"
    raise CronError(f"the time zone `{name}` does not exist", hint)

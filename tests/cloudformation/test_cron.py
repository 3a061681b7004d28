"""Cron expressions: what AWS gets, what it would reject, and when they are due."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import islice
from random import Random

import pytest

from fsdcf.cloudformation.cron import CronError, check_time_zone, parse, time_zone

MONDAY = datetime(2026, 11, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("0 3 * * *", "0 3 * * ? *"),
        ("*/15 08-18 * * *", "0/15 8-18 * * ? *"),
        ("1-5/2 8-18/2 1 */3 *", "1,3,5 8,10,12,14,16,18 1 JAN,APR,JUL,OCT ? *"),
        ("0 9 * * 1-5", "0 9 ? * MON-FRI *"),
        ("0 9 * * mon-fri", "0 9 ? * MON-FRI *"),
        ("0 0 * * 0", "0 0 ? * SUN *"),
        ("0 0 * * 7", "0 0 ? * SUN *"),
        ("0 0 * * 5-7", "0 0 ? * SUN,FRI,SAT *"),
        ("0 0 * * sat-sun", "0 0 ? * SUN,SAT *"),
        ("0 0 * * 6-0", "0 0 ? * SUN,SAT *"),
        ("0 0 * * 1/2", "0 0 ? * MON,WED,FRI *"),
        ("0 0 * * */2", "0 0 ? * SUN,TUE,THU,SAT *"),
        ("0 0 * * 0-7", "0 0 * * ? *"),
        ("0 0 1-31 jan-mar *", "0 0 * JAN-MAR ? *"),
        ("@daily", "0 0 * * ? *"),
        ("cron(0/15 9 ? * 2-6 *)", "0/15 9 ? * MON-FRI *"),
        ("0 3 L * ? *", "0 3 L * ? *"),
        ("0 3 15w * ? 2027-2028", "0 3 15W * ? 2027,2028"),
        ("0 3 ? * mon#1 *", "0 3 ? * MON#1 *"),
        ("0 3 ? * L *", "0 3 ? * SAT *"),
    ],
)
def test_what_aws_reads(text: str, fields: str) -> None:
    assert parse(text).expression == f"cron({fields})"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "five fields"),
        ("* * *", "five fields"),
        ("0 0 0 * * ? *", "five fields"),
        ("60 * * * *", "minute 60"),
        ("0 24 * * *", "hour 24"),
        ("0 0 0 * *", "day of the month 0"),
        ("0 0 * 13 *", "month 13"),
        ("0 0 * * 8", "day of the week 8"),
        ("0 9 ? * 0 *", "day of the week 0"),
        ("0 0 * * Monday", "`Monday`"),
        ("x 0 * * *", "`x`"),
        ("-1 * * * *", "``"),
        ("1,,2 * * * *", "``"),
        ("*/0 * * * *", "step"),
        ("*/x * * * *", "step"),
        ("0 22-2 * * *", "ends before"),
        ("0 0 * * fri-mon", "ends before"),
        ("0 0 1-7 * 1", "cannot combine"),
        ("0 0 ? * MON", "`?`"),
        ("0 0 L * *", "six fields"),
        ("0 0 * * 1#2", "six fields"),
        ("0 9 * * MON *", "exactly one"),
        ("0 9 ? * ? *", "exactly one"),
        ("0 0 3 * * *", "exactly one"),
        ("0 0 ? * MON#6 *", "week 6"),
        ("0 0 32W * ? *", "32"),
        ("0 0 30 2 *", "never due: February has no day 30"),
        ("0 0 31 4,6 *", "never due"),
        ("0 0 29 2 ? 2027", "never due"),
        ("0 0 ? FEB 2#5 2027", "never due"),
        ("0 9 * * ? 2020-2025", "2025 is over"),
        ("@reboot", "@reboot"),
        ("@every 1h", "@every"),
    ],
)
def test_what_aws_would_reject(text: str, word: str) -> None:
    with pytest.raises(CronError) as error:
        parse(text)
    assert word in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize("text", ["0 22-2 * * *", "0 0 * * fri-mon", "0 0 L * *", "0 0 * * 1#2"])
def test_the_hint_of_an_error_works(text: str) -> None:
    with pytest.raises(CronError) as error:
        parse(text)
    suggested = error.value.hint.split("`")[1]
    range_ = next((field for field in text.split() if "-" in field), text)
    assert parse(text.replace(range_, suggested)).fields


def test_times_follow_the_clocks_of_the_time_zone() -> None:
    berlin = time_zone("Europe/Berlin")
    assert berlin is not None
    saturday = datetime(2027, 3, 27, 12, tzinfo=timezone.utc)
    spring = [due.isoformat() for due in islice(parse("30 2 * * *").times(saturday, berlin), 2)]
    assert spring == ["2027-03-29T02:30:00+02:00", "2027-03-30T02:30:00+02:00"]
    before = datetime(2027, 10, 30, 12, tzinfo=timezone.utc)
    autumn = [due.isoformat() for due in islice(parse("30 2 * * *").times(before, berlin), 2)]
    assert autumn == ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"]
    assert str(parse("30 2 * * *").skipped(berlin)).endswith("02:30:00+01:00")
    assert parse("30 3 * * *").skipped(berlin) is None
    assert parse("30 2 * * *").skipped(timezone.utc) is None
    assert parse("30 2 * JAN *").skipped(berlin) is None


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 0 ? * MON#1 *", ["2026-12-07", "2027-01-04"]),
        ("0 0 ? * 2#5 *", ["2027-03-29", "2027-05-31"]),
        ("0 0 ? * 6L *", ["2026-12-25", "2027-01-29"]),
        ("0 0 L * ? *", ["2026-12-31", "2027-01-31"]),
        ("0 0 1W * ? *", ["2026-12-01", "2027-01-01"]),
        ("0 0 31W MAY ? *", ["2027-05-31", "2028-05-31"]),
        ("0 0 15W AUG ? *", ["2027-08-16", "2028-08-15"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29"]),
    ],
)
def test_days_by_rule(text: str, days: list[str]) -> None:
    assert [due.date().isoformat() for due in islice(parse(text).times(MONDAY), 2)] == days


def test_what_aws_reads_means_the_same() -> None:
    random = Random(17)
    for _ in range(300):
        by_week = random.random() < 0.5
        fields = [
            ",".join(_item(random, least, most) for _ in range(random.randint(1, 3)))
            for least, most in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 7))
        ]
        fields[2 if by_week else 4] = "*"
        cron = parse(" ".join(fields))
        again = parse(cron.fields)
        assert again == cron, fields


def _item(random: Random, least: int, most: int) -> str:
    first, last = sorted(random.sample(range(least, most + 1), 2))
    return random.choice([str(first), f"{first}-{last}", f"{first}-{last}/2", f"{least}/3", "*/4", "*"])


@pytest.mark.parametrize(
    ("name", "near"), [("Europe/Berlni", "Europe/Berlin"), ("America/New York", "New_York"), ("+02:00", "IANA")]
)
def test_unknown_time_zones(name: str, near: str) -> None:
    check_time_zone("Europe/Berlin")
    check_time_zone("UTC")
    with pytest.raises(CronError) as error:
        check_time_zone(name)
    assert near in error.value.hint

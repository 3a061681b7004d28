"""Logs: pages, each line once, late lines, limited polling, and errors of CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.logs import LATEST, SOONEST, LogFilter, LogLine, follow, group_of, last, read
from fsdcf.operate.tasks import previous_task, whole_id
from fsdcf.sandbox import logs
from fsdcf.sandbox.cloudformation import records
from tests.deploy.site import Site, site
from tests.operate.shop import GROUP, TARGET, described, running, say, shop
from tests.operate.shop import body as shop_body


def now(found: Site) -> int:
    return round(found.clock.now() * 1000)


def texts(lines: Iterator[LogLine], count: int | None = None) -> list[str]:
    return [line.text for line in (islice(lines, count) if count is not None else lines)]


def test_lines_of_all_tasks_in_order() -> None:
    found = shop(count=2)
    assert group_of(TARGET, found.aws) == GROUP
    begin = now(found)
    one, two = running(found)
    say(found, one, "first")
    found.clock.advance(1)
    say(found, two, "second\n")
    lines = list(read(found.aws, GROUP, begin))
    assert [(line.task, line.container, line.text) for line in lines] == [
        (one, "shop", "first"),
        (two, "shop", "second"),
    ]
    assert lines[0].moment.timestamp() * 1000 == begin
    assert texts(read(found.aws, GROUP, begin + 1)) == ["second"]
    assert texts(read(found.aws, GROUP, 0))[-2:] == ["first", "second"], "those of the start are there as well"


def test_pages_are_read_to_the_end() -> None:
    found = shop()
    count = logs.MOST_LINES + 5
    say(found, "a" * 32, *map(str, range(count)))
    begun = found.clock.now()
    assert texts(read(found.aws, GROUP, now(found))) == list(map(str, range(count)))
    assert found.made("FilterLogEvents") == 2
    assert found.clock.now() - begun == pytest.approx(0.2), "five calls a second at most"


def test_follow_yields_each_line_once_with_few_calls() -> None:
    found = shop()
    (task,) = running(found)
    begin = now(found)
    say(found, task, "0")
    for number in range(1, 6):
        found.after(number * 20, lambda number=number: say(found, task, str(number)))  # type: ignore[misc]
    begun = found.clock.now()
    assert texts(follow(found.aws, GROUP, begin), 6) == ["0", "1", "2", "3", "4", "5"]
    lasted = found.clock.now() - begun
    assert lasted / LATEST <= found.made("FilterLogEvents") <= lasted / SOONEST
    assert found.made("FilterLogEvents") < 45, "after a silence the pauses are longer"


def test_a_late_line_is_yielded_and_others_are_not_repeated() -> None:
    found = shop()
    begin = now(found)

    def late() -> None:
        """What was logged 20 seconds ago arrives now, in another stream."""
        held = found.state.frozen_at(found.clock.now() - 20)
        logs.write(held, GROUP, "shop/shop/late", ["late"])

    found.clock.advance(30)
    say(found, "early", "young", "young")
    found.after(5, late)
    found.after(10, lambda: say(found, "early", "end"))
    assert texts(follow(found.aws, GROUP, begin), 4) == ["young", "young", "late", "end"]


def test_the_search_for_the_last_lines_extends_into_the_past() -> None:
    found = shop()
    say(found, "old", "a", "b")
    found.clock.advance(3 * 86400)
    say(found, "young", "c")
    calls = found.made("FilterLogEvents")
    assert [line.text for line in last(found.aws, GROUP, 1, found.clock.now())] == ["c"]
    assert found.made("FilterLogEvents") == calls + 1
    assert [line.text for line in last(found.aws, GROUP, 2, found.clock.now())] == ["b", "c"]
    assert [line.text for line in last(found.aws, GROUP, 5, found.clock.now(), LogFilter(task="old"))] == ["a", "b"]
    assert [line.text for line in last(found.aws, GROUP, 5, found.clock.now(), LogFilter("nothing"))] == []


def test_one_task_and_following_from_the_last_lines() -> None:
    found = shop()
    begin = now(found)
    say(found, "0a1b", "one", "two", "three")
    say(found, "0b1b", "other")
    found.after(3, lambda: say(found, "0a1b", "four"))
    assert texts(read(found.aws, GROUP, begin, LogFilter(task="0b"))) == ["other"]
    assert texts(follow(found.aws, GROUP, begin, LogFilter(task="0a"), most=2), 3) == ["two", "three", "four"]


def test_a_filter_is_a_cloudwatch_pattern() -> None:
    found = shop()
    begin = now(found)
    say(found, "t", "GET /a 500", "GET /health 200")
    assert texts(read(found.aws, GROUP, begin, LogFilter("GET -health"))) == ["GET /a 500"]
    with pytest.raises(Stop) as raised:
        texts(read(found.aws, GROUP, begin, LogFilter("status=500")))
    outcome = raised.value.outcome
    assert outcome.exit is Exit.USAGE and "Invalid character(s) in term 'status=500'" in outcome.sentence
    assert "--filter '\"status=500\"'" in outcome.next[0]


def test_throttled_pages_are_retried() -> None:
    found = shop("api:FilterLogEvents:throttle*3")
    begin = now(found)
    say(found, "t", "one")
    assert texts(read(found.aws, GROUP, begin)) == ["one"]
    assert found.aws.throttles == 3


def test_without_permission() -> None:
    found = shop("api:FilterLogEvents:error=AccessDeniedException")
    with pytest.raises(ApiError) as raised:
        list(read(found.aws, GROUP, 0))
    assert raised.value.denied


def test_a_log_group_that_does_not_exist() -> None:
    found = shop()
    logs.delete_group(found.state, GROUP)
    with pytest.raises(Stop, match="the log group /shop does not exist"):
        list(read(found.aws, GROUP, 0))


def test_a_stack_without_logs_or_without_outputs_yet() -> None:
    found = shop()
    stack = records.living(found.state, "shop-staging")
    assert stack is not None
    told = stack["outputs"]
    found.force("UPDATE_COMPLETE", outputs=[one for one in told if one["OutputKey"] != "LogGroupName"])
    with pytest.raises(Stop, match=r"has no log group: service\.observability\.logs\.enabled is false"):
        group_of(TARGET, found.aws)
    found.force("CREATE_IN_PROGRESS", outputs=[])
    assert group_of(TARGET, found.aws) == GROUP, "the resources tell it"
    with pytest.raises(Stop, match="the stack shop-staging does not exist"):
        group_of(TARGET, site().aws)


def test_a_line_without_an_id_and_with_an_odd_stream() -> None:
    assert (LogLine("", 0, "odd", "x").task, LogLine("", 0, "odd", "x").container) == ("odd", "")


def test_until_a_time_and_one_container() -> None:
    found = shop()
    begin = now(found)
    say(found, "t", "one")
    found.clock.advance(2)
    say(found, "t", "two")
    logs.write(found.state, GROUP, "shop/collector/t", ["three"])
    assert texts(read(found.aws, GROUP, begin, LogFilter(until=begin))) == ["one"], "the end is included"
    wanted = LogFilter(container="collector")
    assert texts(read(found.aws, GROUP, begin, wanted)) == ["three"] and wanted.containers == {"shop", "collector"}


def test_the_previous_task() -> None:
    found = shop()
    context = Run(found.aws, found.tell, TARGET)
    with pytest.raises(Stop, match="no task of shop-staging has stopped"):
        previous_task(context, GROUP)
    (first,) = running(found)
    service = described(found)
    found.call("StopTask", "ecs", cluster=service["clusterArn"], task=first)
    found.clock.advance(120)
    previous = previous_task(context, GROUP)
    assert previous.id == first and previous.begun < previous.ended and "a person" in previous.why
    found.clock.advance(2 * 3600)
    later = previous_task(context, GROUP)
    assert (later.id, later.why) == (first, "ECS no longer knows why")


def test_a_prefix_means_one_task() -> None:
    found = shop(count=17)
    run = Run(found.aws, found.tell, TARGET)
    ids = running(found)
    first = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(Stop, match=f"^{first} matches several tasks of shop-staging: ") as raised:
        whole_id(run, first)
    assert raised.value.outcome.exit is Exit.USAGE
    assert all(id in raised.value.outcome.sentence for id in ids if id.startswith(first))
    assert whole_id(run, ids[3][:12]) == ids[3]
    found.forget()
    assert whole_id(run, ids[3]) == ids[3] and found.aws.calls == [], "an ID needs no look"
    assert whole_id(run, "zz") == "zz", "an older task is known by its log alone"
    found.fault("api:ListTasks:error=AccessDeniedException")
    assert whole_id(run, first) == first and found.warnings() == []


def test_lines_of_several_tasks_for_a_prefix_are_an_error() -> None:
    found = site()
    found.stand(shop_body(1, False, None, False))
    logs.write(found.state, GROUP, "shop/shop/aa1", ["one"])
    logs.write(found.state, GROUP, "shop/shop/aa2", ["two"])
    with pytest.raises(Stop, match="aa matches several tasks: aa1, aa2"):
        list(read(found.aws, GROUP, 0, LogFilter(task="aa")))
    assert texts(read(found.aws, GROUP, 0, LogFilter(task="aa2"))) == ["two"]

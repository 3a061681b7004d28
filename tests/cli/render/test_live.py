"""The live sink: the picture on a terminal, while it moves and when it stands still."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from fsdcf.cli.render.live import Live, Tree, doing_of
from fsdcf.deploy.model import NoticeIssued, RolloutChanged, RunEnded, StepStarted, Waiting, WarningIssued
from tests.cli.render.samples import FAILURE, PLAN, SUCCESS, seen, stack, story


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "30")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")


def drawn(sink: Live, width: int = 80) -> str:
    """The picture as text."""
    out = io.StringIO()
    Console(file=out, width=width, no_color=True).print(sink.picture())
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def live(out: io.StringIO | None = None, err: io.StringIO | None = None) -> tuple[Live, Time]:
    time = Time()
    return Live(out or Terminal(), err or Terminal(), "shop-staging", time), time


def test_the_picture_groups_resources_and_says_what_is_waited_for() -> None:
    sink, time = live()
    for event in story(SUCCESS)[:6]:
        sink(event)
    time.now += 30
    picture = drawn(sink)
    sink.pause()
    assert picture.splitlines()[0].split("  ") == ["shop-staging", "updating", "33s"]
    assert re.search(r"● tasks +1 of 2", picture)
    assert re.search(r"● Service +updating +30s", picture)
    assert re.search(r"· data +0 of 3", picture)
    assert "TaskDefinition " not in picture, "what is done is not a line of its own"
    assert "waiting for Service (30s)" in picture


def test_the_display_counts_time_between_events() -> None:
    sink, time = live()
    sink(stack("UPDATE_IN_PROGRESS"))
    sink(Waiting(10, ()))
    time.now += 55
    assert "1m 05s" in drawn(sink) and "waiting for CloudFormation" in drawn(sink)
    sink.pause()


def test_a_screen_that_is_too_small_shows_less_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "14")
    sink, _ = live()
    for number in range(40):
        sink(seen(f"Subnet{number}", "CREATE_IN_PROGRESS", 1, "AWS::EC2::Subnet"))
    picture = drawn(sink)
    sink.pause()
    assert len(picture.splitlines()) <= 14 and re.search(r"and \d\d more", picture)


def test_no_line_is_wider_than_the_terminal() -> None:
    sink, _ = live()
    for event in story(FAILURE)[:9]:
        sink(event)
    sink(seen("A" * 60, "CREATE_FAILED", 3, reason="reason " * 40))
    assert max(map(len, drawn(sink).splitlines())) <= 80
    sink.pause()


def test_messages_are_wrapped_between_words() -> None:
    out = Terminal()
    sink, _ = live(out)
    sink(WarningIssued("every word of it " * 12))
    sink(NoticeIssued("kept", "Jobs (AWS::SQS::Queue) " * 6))
    sink.pause()
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue()).splitlines()
    assert lines[0].startswith("warning: every word") and max(map(len, lines)) <= 80
    assert [line[:2] for line in lines if not line.startswith(("warning", "kept"))] == ["  "] * (len(lines) - 2)


def test_the_end_leaves_a_summary_and_the_account() -> None:
    out, err = Terminal(), Terminal()
    sink, _ = live(out, err)
    for event in (NoticeIssued("kept", "Jobs"), *story(FAILURE)):
        sink(event)
    sink.pause()
    assert "kept: Jobs" in out.getvalue() and "warning" not in out.getvalue()
    assert err.getvalue().startswith("failed: Service could not be updated")
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert re.search(r"shop-staging  rolled back  1m 15s", last) and re.search(r"✗ Service +failed", last)


def test_the_end_of_a_rollback_marks_what_failed_although_it_is_as_before() -> None:
    sink, _ = live()
    for event in (
        *story(FAILURE)[:9],
        stack("UPDATE_ROLLBACK_IN_PROGRESS", 71),
        seen("TaskDefinition", "UPDATE_COMPLETE", 72, "AWS::ECS::TaskDefinition"),
        seen("Service", "UPDATE_COMPLETE", 73),
        seen("MailQueue", "CREATE_FAILED", 73, "AWS::SQS::Queue", reason="Resource creation cancelled"),
        seen("MailQueue", "DELETE_COMPLETE", 74, "AWS::SQS::Queue"),
        stack("UPDATE_ROLLBACK_COMPLETE", 75),
    ):
        sink(event)
    sink.pause()
    out = io.StringIO()
    Console(file=out, width=80, no_color=True).print(sink.picture_at_the_end())
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "shop-staging  rolled back  1m 15s",
        "  · data              rolled back",
        "  ✗ tasks             rolled back",
        f"      ✗ {'Service':<36} failed",
        "  · logs and alarms   not started",
        "  · other             not started",
        "",
    ]


def test_tasks_that_failed_are_marked_where_the_update_was_cancelled_for_them() -> None:
    for failed, mark in ((2, "✗"), (0, "·")):
        sink, _ = live()
        for event in (*story(FAILURE)[:6], RolloutChanged(60, "Service", (), "IN_PROGRESS", 2, 2, 0, failed)):
            sink(event)
        sink(seen("Service", "UPDATE_COMPLETE", 73))
        sink(stack("UPDATE_ROLLBACK_COMPLETE", 75))
        sink.pause()
        out = io.StringIO()
        Console(file=out, width=80, no_color=True).print(sink.picture_at_the_end())
        assert f"  {mark} tasks             rolled back" in out.getvalue()
        assert ("✗ Service" in out.getvalue()) == bool(failed)


def test_a_narrow_terminal_still_shows_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    sink, time = live()
    sink(seen("Service", "UPDATE_IN_PROGRESS", 3))
    time.now += 125
    assert re.search(r"● Service +updating +2m 05s\n", drawn(sink, 60))
    sink.pause()


def test_the_cursor_comes_back() -> None:
    out = Terminal()
    sink, _ = live(out)
    sink(StepStarted("preflight", "looks"))
    sink.pause()
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")
    sink(StepStarted("decide", "decides"))
    sink(RunEnded(SUCCESS))
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_the_tree_knows_every_state() -> None:
    tree = Tree()
    tree.expect(PLAN)
    assert {part.name: part.state for part in tree.parts()} == dict.fromkeys(
        ("data", "tasks", "logs and alarms", "other"), "pending"
    )
    for event in (
        stack("UPDATE_IN_PROGRESS"),
        seen("Service", "UPDATE_IN_PROGRESS", 1),
        seen("Service", "UPDATE_FAILED", 2, reason="no"),
        seen("OrdersTable", "DELETE_SKIPPED", 3, "AWS::DynamoDB::Table"),
        seen("JobsQueue", "DELETE_COMPLETE", 3, "AWS::SQS::Queue"),
        seen("MailQueue", "CREATE_COMPLETE", 3, "AWS::SQS::Queue"),
    ):
        tree.see(event)
    states = {part.name: (part.state, part.finished) for part in tree.parts()}
    assert states["data"] == ("done", 3) and states["tasks"] == ("failed", 0)
    assert tree.status == "UPDATE_IN_PROGRESS" and tree.active() == ()


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("CREATE_IN_PROGRESS", "creating"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "updating"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "rolling back"),
        ("DELETE_SKIPPED", "deleting"),
        ("FROBNICATE_IN_PROGRESS", "frobnicate"),
        ("NEW", "new"),
    ],
)
def test_a_status_as_a_word(status: str, word: str) -> None:
    assert doing_of(status) == word

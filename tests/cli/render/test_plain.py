"""The plain sink: what stands in a log."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from fsdcf.cli.render.plain import Plain
from fsdcf.deploy.model import Event, Exit, NoticeIssued, Outcome, RunEnded, Waiting, WarningIssued
from tests.cli.render.samples import FAILURE, SERVICE, SUCCESS, seen, stack, story


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(*events: Event, out: io.StringIO | None = None, err: io.StringIO | None = None) -> tuple[str, str]:
    out, err = out or io.StringIO(), err or io.StringIO()
    sink = Plain(out, err)
    for event in events:
        sink(event)
    return out.getvalue(), err.getvalue()


def test_the_head_of_the_last_line_stands_there_once() -> None:
    ends = (
        Outcome(Exit.REFUSED, "refused: nothing was executed"),
        Outcome(Exit.INTERRUPTED, "interrupted"),
        Outcome(Exit.REFUSED, "no"),
    )
    assert [told(RunEnded(one))[1] for one in ends] == [
        "refused: nothing was executed\n",
        "interrupted\n",
        "refused: no\n",
    ]


def test_a_notice_is_not_a_warning() -> None:
    assert told(NoticeIssued("kept", "Jobs"), WarningIssued("late")) == ("kept: Jobs\nwarning: late\n", "")


def test_a_success_is_printed_on_standard_output_alone() -> None:
    out, err = told(*story(SUCCESS))
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "preflight: looking up the stack shop-staging"
    assert "[     3s] UPDATE_IN_PROGRESS Service ECS::Service" in lines
    assert lines[-3:] == [
        "done: shop-staging is UPDATE_COMPLETE and runs two",
        "  Url          http://shop",
        "  ServiceName  shop-1",
    ]


def test_a_service_with_a_certificate_has_a_dns_name_and_no_url() -> None:
    outputs = {"ServiceName": "shop-1", "LoadBalancerDnsName": "shop.elb", "ClusterName": "c"}
    lines = told(*story(replace(SUCCESS, outputs=outputs)))[0].splitlines()
    assert lines[-5] == "done: shop-staging is UPDATE_COMPLETE and runs two"
    assert lines[-4].split() == ["LoadBalancerDnsName", "shop.elb"]
    assert "point the certificate's domain to LoadBalancerDnsName" in lines[-1]


def test_a_failure_goes_to_standard_error_with_cause_evidence_and_next_command() -> None:
    out, err = told(*story(FAILURE))
    assert "UPDATE_FAILED      Service ECS::Service shop.yml:7: the breaker was triggered" in out
    assert "failed:" not in out
    assert err.splitlines() == [
        "failed: Service could not be updated: the breaker was triggered; the stack was rolled back",
        "  Service: UPDATE_FAILED: the breaker was triggered",
        "   --> shop.yml:7",
        "    7 | service:",
        "  ECS: CannotPullContainerError",
        "  next: fsdcf diagnose shop --env staging",
        "        fsdcf deploy shop.yml --env staging",
    ]


def test_a_repeated_state_is_one_line() -> None:
    twice = [
        seen("Service", "CREATE_IN_PROGRESS", 1),
        seen("Service", "CREATE_IN_PROGRESS", 2, reason="Resource creation Initiated"),
    ]
    assert len(told(*twice)[0].splitlines()) == 1
    again = [*twice, seen("Service", "CREATE_COMPLETE", 3), seen("Service", "CREATE_COMPLETE", 4)]
    assert len(told(*again)[0].splitlines()) == 2


def test_two_failures_of_one_resource_are_two_lines() -> None:
    assert (
        told(seen("Bucket", "DELETE_FAILED", 1, reason="a"), seen("Bucket", "DELETE_FAILED", 9, reason="b"))[0].count(
            "\n"
        )
        == 2
    )


def test_a_line_a_minute_while_nothing_happens() -> None:
    waits = [Waiting(float(second), ("NatGateway1",)) for second in range(5, 300, 5)]
    lines = told(seen("NatGateway1", "CREATE_IN_PROGRESS", 2), *waits)[0].splitlines()
    assert [line[:9] for line in lines[1:]] == ["[ 1m 05s]", "[ 2m 05s]", "[ 3m 05s]", "[ 4m 05s]"]
    assert lines[1].endswith("waiting for NatGateway1")
    many = told(Waiting(60, tuple("ABCDEFG")))[0]
    assert "waiting for A, B, C, D and 3 more" in many
    assert "waiting for CloudFormation" in told(Waiting(60, ()))[0]


def test_colours_only_on_a_terminal_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in told(*story(SUCCESS), out=Terminal())[0]
    assert "\x1b[" not in told(*story(SUCCESS))[0]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in told(*story(SUCCESS), out=Terminal())[0]
    assert "\x1b[" not in told(*story(FAILURE), err=Terminal())[1]


def test_long_sentences_are_wrapped_for_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    long = RunEnded(Outcome(Exit.FAILED, "the cause " * 30))
    assert max(map(len, told(long, err=Terminal())[1].splitlines())) <= 80
    assert len(told(long)[1].splitlines()) == 1


class Left(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_deploy_continues_without_a_reader() -> None:
    out, err = told(*story(FAILURE), out=Left())
    assert out == "" and err.startswith("failed: ")


class Ascii(io.StringIO):
    encoding = "ascii"  # type: ignore[assignment]


def test_characters_outside_the_encoding_are_replaced() -> None:
    assert "? TaskDefinition" in told(*story(SUCCESS), out=Ascii())[0]


def test_no_control_character_reaches_the_terminal() -> None:
    nasty = "\x1b[2Jgone\r\x07"
    out, err = told(
        WarningIssued(nasty),
        seen("Service", "CREATE_FAILED", 1, reason=nasty, place=SERVICE),
        RunEnded(Outcome(Exit.FAILED, nasty)),
    )
    assert "\x1b" not in out + err and "\\u001b[2Jgone" in out and "\\u001b[2Jgone" in err


def test_events_of_the_stack_itself_are_lines() -> None:
    assert "UPDATE_COMPLETE    shop-staging CloudFormation::Stack" in told(stack("UPDATE_COMPLETE", 5))[0]

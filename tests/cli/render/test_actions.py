"""What a step of GitHub Actions shows: folds, annotations, the summary, and no command but those of fsdcf."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from fsdcf.cli.render.actions import MOST_ANNOTATIONS, ActionsLog
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.logs import LogPrinter
from fsdcf.deploy.model import (
    Advice,
    Event,
    Evidence,
    Exit,
    Outcome,
    Place,
    RunEnded,
    StepStarted,
    Waiting,
    WarningIssued,
)
from fsdcf.operate.logs import LogLine
from fsdcf.plan.markdown import markdown
from tests.cli.render.samples import seen
from tests.cli.stage import SMALL, Stage

PORT = Place("shop.yml", 7, 3, "  port: 8000")
CHECK = Place("shop.yml", 9, 5, "    path: /health")
TRICKS = (
    "::add-mask::a",
    "  ::stop-commands::x",
    "\u3000::error::x",
    "x ##[add-mask]a",
    "##[endgroup]",
    "::endgroup::",
)


@pytest.fixture(autouse=True)
def github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A step; the file of its summary."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


def log(*events: Event) -> list[str]:
    out = io.StringIO()
    sink = ActionsLog(out, "shop-prod")
    for event in events:
        sink(event)
    sink.pause()
    return out.getvalue().splitlines()


def commands(lines: list[str]) -> list[str]:
    """The lines that the runner takes for commands."""
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


def failed(*evidence: Evidence, sentence: str = "the update failed", advice: Advice | None = None) -> RunEnded:
    return RunEnded(Outcome(Exit.FAILED, sentence, evidence, ("fsdcf diagnose shop --env prod",), advice=advice))


def test_the_events_of_an_operation_are_folded() -> None:
    one = seen("Service", "UPDATE_IN_PROGRESS")
    two = seen("Service", "UPDATE_COMPLETE")
    lines = log(StepStarted("execute", "x"), one, Waiting(70.0, ()), two, StepStarted("verify", "y"), one)
    kinds = [line if line.startswith("::") else "." for line in lines]
    assert kinds == [
        ".",
        "::group::Events of shop-prod",
        ".",
        ".",
        ".",
        "::endgroup::",
        ".",
        *kinds[1:3],
        "::endgroup::",
    ]
    assert commands(log(StepStarted("x", "y"))) == []


def test_each_line_of_the_spec_that_explains_a_failure_is_annotated_once() -> None:
    evidence = (
        Evidence("Service", "it, too: 100%", PORT),
        Evidence("task 1", "why\nthe log", CHECK),
        Evidence("x", "y"),
    )
    first, second = commands(log(failed(*evidence, advice=Advice("raise it", "service.port", PORT))))
    assert first.startswith("::error file=shop.yml,line=7,col=3,title=shop-prod%3A failed::the update failed%0A")
    assert "Service: it, too: 100%25%0Atask 1: why%0Athe log%0Ax: y%0Ahelp: raise it%0Anext: fsdcf diagnose" in first
    assert second == "::error file=shop.yml,line=9,col=5,title=shop-prod%3A failed::task 1: why%0Athe log"
    (alone,) = commands(log(failed(Evidence("x", "y", Place("--override service.port=1", 1, 1, "")))))
    assert alone.startswith("::error title=shop-prod%3A failed::the update failed"), "an option is not a file"
    assert commands(log(RunEnded(Outcome(Exit.UNKNOWN, "AWS cannot be reached"))))[0].startswith("::warning title=")
    assert commands(log(RunEnded(Outcome(Exit.DONE, "done")))) == []


def test_annotations_are_as_many_as_github_shows() -> None:
    evidence = [Evidence(f"s{number}", "t", Place("shop.yml", number, 1, "")) for number in range(1, 30)]
    warnings = [WarningIssued(f"warning {number}") for number in range(30)]
    lines = log(*warnings, failed(*evidence))
    assert sum(line.startswith("::error ") for line in lines) == MOST_ANNOTATIONS
    assert sum(line.startswith("::warning ") for line in lines) == MOST_ANNOTATIONS
    assert sum(line.startswith("warning: ") for line in lines) == 30


@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_that_aws_or_a_spec_says_is_a_command(trick: str, github: Path) -> None:
    place = Place("shop.yml", 3, 1, trick)
    events = [
        StepStarted(trick, trick),
        WarningIssued(trick),
        seen("Service", "UPDATE_FAILED", reason=trick),
        failed(Evidence(trick, f"the log:\n{trick}", place), sentence=trick, advice=Advice(trick, "k", place)),
    ]
    kinds = [line.partition(" ")[0].partition("::g")[0] for line in commands(log(*events))]
    assert [
        line for line in commands(log(*events)) if not line.startswith(("::warning ", "::error ", "::group::E"))
    ] == ["::endgroup::"], kinds
    assert all("##[" not in line for line in log(*events) if not line.startswith("::"))
    out = io.StringIO()
    LogPrinter(out, as_json=False, plain=True)(LogLine("1", 0, "shop/shop/1", f"a\n{trick}"))
    assert not commands(out.getvalue().splitlines())
    out = io.StringIO()
    JsonLines(out)(WarningIssued(trick))
    assert not commands(out.getvalue().splitlines()) and json.loads(out.getvalue())["text"] == trick


def test_the_summary_tells_the_sentence_the_evidence_the_line_and_the_next_commands(
    github: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    monkeypatch.setenv("GITHUB_SHA", "a1b2c3")
    log(
        failed(
            Evidence("task 1", "exit code 1\n```\nlog @all <b>"),
            Evidence("*x*", "a | b", PORT),
            advice=Advice("raise it"),
        )
    )
    text = github.read_text(encoding="utf-8")
    assert text.startswith("### shop-prod: failed\n\nthe update failed\n")
    assert "**task 1**:\n\n````\nexit code 1\n```\nlog @all <b>\n````\n" in text, "the fence is longer than any in it"
    assert (
        "**\\*x\\*" in text
        and "a \\| b ([<code>shop.yml:7</code>](https://github.com/acme/shop/blob/a1b2c3/shop.yml#L7))" in text
    )
    assert "\n```\n7 |   port: 8000\n```\n" in text and "**Help**: raise it" in text
    assert "```sh\nfsdcf diagnose shop --env prod\n```\n" in text
    log(RunEnded(Outcome(Exit.DONE, "shop-prod runs abc", outputs={"Url": "http://x"})))
    assert (
        "### shop-prod: done\n\nshop-prod runs abc\n\n| output | value |"
        in github.read_text(encoding="utf-8")[len(text) :]
    )


def test_no_text_becomes_a_formula_or_is_struck_out() -> None:
    assert markdown("${A} and ${B} ~~off~~") == ("<span>$</span>{A} and <span>$</span>{B} \\~\\~off\\~\\~"), (
        "GitHub takes what is between two dollar signs for mathematics"
    )


def test_a_summary_that_cannot_be_written_fails_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary.md"))
    assert log(RunEnded(Outcome(Exit.DONE, "done")))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert log(RunEnded(Outcome(Exit.DONE, "done")))


def test_annotations_and_links_are_relative_to_the_repository(
    github: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "services" / "shop"
    folder.mkdir(parents=True)
    (folder / "shop.yml").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    (line,) = commands(log(failed(Evidence("x", "y", PORT))))
    assert line.startswith("::error file=services/shop/shop.yml,line=7,")
    assert "services/shop/shop.yml:7" in github.read_text(encoding="utf-8")


def test_a_detached_deploy_is_no_red_step(stage: Stage, github: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = stage.deploy("--yes", "--detach", expect=0)
    assert "started: detached (--detach): the creation of hello-staging continues" in left.stdout
    assert "::error" not in left.output and "next: fsdcf watch hello --env staging" in left.output
    assert "### hello-staging: started" in github.read_text(encoding="utf-8")
    stage("watch", "hello", "--timeout", "1s", expect=6)  # the outcome is not known
    stage("watch", "hello")
    monkeypatch.delenv("GITHUB_ACTIONS")
    stage.deploy("--yes", "--detach", sha="two", expect=6)


def test_a_deploy_that_fails(stage: Stage, github: Path) -> None:
    stage.deploy("--yes")
    stage.site.fault("Service:update:exit=1")
    result = stage.deploy("--yes", sha="two", expect=1)
    lines = result.stdout.splitlines()
    assert not commands(result.stderr.splitlines()), "one stream keeps the order"
    assert lines.index("::group::Events of hello-staging") < lines.index("::endgroup::")
    assert any(line.startswith("::error file=hello.yml,line=") for line in lines)
    assert "### hello-staging: failed" in github.read_text(encoding="utf-8")
    recorded = stage("status", "hello", "--json").stdout
    assert json.loads(recorded.splitlines()[0]), "JSON is left alone"


def test_the_findings_of_a_spec_are_annotations_too(stage: Stage, github: Path) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + "  port: none\n")
    result = stage.deploy("--yes", expect=2)
    assert any(line.startswith("::error file=hello.yml,line=") for line in result.stderr.splitlines())
    assert "### hello.yml: 1 error\n\n- **S" in github.read_text(encoding="utf-8")
    github.unlink()
    assert "::error file=hello.yml," in stage("template", "hello.yml", expect=2).stderr
    assert not github.exists(), "what only looks has no summary"

"""Texts that a person copied: what is read in them, whatever copying has done to them, and what stays unknown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.pasted import Explanation, explain_text
from fsdcf.deploy.diagnosis.reasons import HIDDEN, REASONS, STACK_REASONS
from fsdcf.deploy.diagnosis.reasons.notices import NOTICES, STOP_REASONS
from tests.deploy.test_reasons import OF_THE_STACK, WORDS, messages

CASES = messages()
BY_ID = {id: text for id, _, text in CASES}


def explained(text: str) -> tuple[Explanation, ...]:
    return explain_text(text, DiagnosisContext())


def names(text: str) -> list[str]:
    return [each.match.reason.name if each.match is not None else "-" for each in explained(text)]


@pytest.mark.parametrize(("id", "name", "text"), CASES, ids=[id for id, _, _ in CASES])
def test_each_message(id: str, name: str, text: str) -> None:
    assert names(text) == [name]


def test_the_public_wordings_are_all_known() -> None:
    assert len([id for id, name, _ in CASES if id[0] in "EGS" and name != "-"]) == 58


KEY_WORDS = {
    "E01": "S3",
    "E05": "10.0.0.9",
    "E07": "ECS does not say why",
    "E08": "full disk",
    "E11": "zone where Fargate does not run",
    "E14": "not in this text",
    "E15": "the version is not the cause",
    "E17": "does not say why",
    "E22": "neither an exit code nor a reason",
    "E23": "SIGTERM",
    "E24": "neither the memory nor the version",
    "G01": "docker-virtual.example.com/acme/shop:20220128.2",
    "G02": "Artifactory",
    "G03": "does not contain the image",
    "S05": "10240",
    "S06": "ecr.api.us-east-1.amazonaws.com",
    "S09": "priority 10",
    "S11": "expired",
    "S17": "shop-prod-url",
    "S19": "base-vpc",
}


@pytest.mark.parametrize("id", KEY_WORDS)
def test_the_cause_has_its_key_word(id: str) -> None:
    (answer,) = explained(BY_ID[id])
    assert answer.match is not None and KEY_WORDS[id] in answer.match.sentence


@pytest.mark.parametrize("id", ["E23", "E24", "E15"])
def test_a_signal_is_no_matter_of_memory(id: str) -> None:
    (answer,) = explained(BY_ID[id])
    assert answer.match is not None and answer.match.key != "service.resources.memory"


TASK, EVENT, STACK = BY_ID["E05"], BY_ID["E10"], BY_ID["S02"]
NOISE: dict[str, Callable[[str], str]] = {
    "line breaks of Windows": lambda text: text.replace("\\n", "\r\n"),
    "wrapped lines": lambda text: text.replace("\\n", "\n").replace(" ", "\n", 12),
    "a terminal that breaks words": lambda text: "\n".join(text[at : at + 40] for at in range(0, len(text), 40)),
    "quotes": lambda text: f'"{text}"',
    "curly quotes": lambda text: f"“{text.replace(chr(39), '’')}”",
    "no-break spaces": lambda text: text.replace(" ", "\xa0"),
    "colours": lambda text: f"\x1b[31m{text}\x1b[0m",
    "a quotation": lambda text: "> " + text.replace("\\n", "\n> "),
    "a code block": lambda text: f"```text\n{text}\n```",
    "HTML": lambda text: text.replace('"', "&quot;").replace("'", "&#39;"),
    "labels of the console": lambda text: "Stopped reason\n" + text,
    "a row of a table": lambda text: f"| 0a1b2c3d | shop:7 | STOPPED | {text} |",
    "columns": lambda text: f"0a1b2c3d\tshop:7\tSTOPPED\t{text}",
    "JSON of the text": json.dumps,
    "the output of fsdcf": lambda text: (
        f"failed: Service (AWS::ECS::Service) could not be created: {text}; rolled back"
    ),
    "a byte order mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("text", [TASK, EVENT, STACK], ids=["task", "event", "stack"])
def test_the_noise_of_copying(noise: str, text: str) -> None:
    assert names(NOISE[noise](text)) == names(text)


def test_a_text_that_is_cut_off() -> None:
    whole = (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1: unexpected status from HEAD request to https://"
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/shop/manifests/1: 403 Forbidden"
    )
    assert names(whole) == ["image-denied"] and names(whole[:255]) == ["image-answer-of-ecr-cut-off"]
    (cut,) = explained("CannotPullContainerError: " + "x" * 229)
    assert cut.match is not None and "cut its message off" in cut.match.sentence


def task(code: str, reason: str, *containers: dict[str, Any]) -> dict[str, Any]:
    arn = "arn:aws:ecs:us-east-1:123456789012:task/shop/0a1b"
    return {"taskArn": arn, "stopCode": code, "stoppedReason": reason, "containers": list(containers)}


OUT_OF_MEMORY = task(
    "EssentialContainerExited",
    "Essential container in task exited",
    {"name": "shop", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
)
SCALED = task("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", {"exitCode": 143})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"tasks": [OUT_OF_MEMORY, OUT_OF_MEMORY], "failures": []}, ["memory"]),
        ([OUT_OF_MEMORY], ["memory"]),
        (OUT_OF_MEMORY, ["memory"]),
        ({"tasks": [SCALED, OUT_OF_MEMORY]}, ["memory", "stopped-by-scaling"]),
        ({"detail": task("UserInitiated", "Task stopped by user", {"exitCode": 137})}, ["stopped-by-person"]),
        (
            {
                "services": [
                    {
                        "deployments": [{"rolloutStateReason": "ECS deployment ecs-svc/1 in progress."}],
                        "events": [
                            {"id": "1", "message": "(service shop) has reached a steady state."},
                            {"id": "2", "message": EVENT},
                        ],
                    }
                ]
            },
            ["size-quota", "steady"],
        ),
        (
            {"StackEvents": [{"ResourceStatusReason": STACK}, {"ResourceStatusReason": "Resource creation cancelled"}]},
            ["nat-quota", "cancelled"],
        ),
        (
            {"tasks": [task("EssentialContainerExited", "Essential container in task exited", {"exitCode": None})]},
            ["exit-unknown"],
        ),
        ({"tasks": [], "failures": []}, ["-"]),
        ({"a": 1}, ["-"]),
    ],
)
def test_answers_of_the_api(data: Any, expected: list[str]) -> None:
    assert names(json.dumps(data)) == expected
    assert names(json.dumps(data, indent=4)) == expected


FORMS = {
    "the output yaml": (
        "tasks:\n- containers:\n  - exitCode: 1\n    name: shop\n  stopCode: EssentialContainerExited\n"
        "  stoppedReason: Essential container in task exited\n",
        ["exit"],
    ),
    "the output text": (
        "TASKS\tarn\tEssentialContainerExited\tEssential container in task exited\n"
        "CONTAINERS\tarn\t137\tshop\tSTOPPED\tOutOfMemoryError: Container killed due to memory usage",
        ["memory"],
    ),
    "the output table": (
        f"|  stopCode      |  TaskFailedToStart  |\n|  stoppedReason |  {TASK.rpartition('start')[2]} |\n+-----+----+",
        ["registry-unreachable"],
    ),
    "a part of JSON": (
        '"exitCode": 137,\n"name": "shop",\n"stopCode": "EssentialContainerExited",\n'
        '"stoppedReason": "Essential container in task exited",',
        ["killed"],
    ),
    "JSON that is cut off": (json.dumps({"tasks": [OUT_OF_MEMORY]}, indent=4)[:-20], ["memory"]),
    "the console": (
        "Task stopped at: 2026-11-29T17:00:00.000Z\nEssential container in task exited\n\nshop\nStopped | Exit code: 1",
        ["exit"],
    ),
    "the console's table": (
        "Stopped reason\nEssential container in task exited\nContainer name\tStatus\tExit code\nshop\tStopped\t1",
        ["exit-unknown"],
    ),
    "a table of events": (
        "November 29, 2026 at 17:00 (UTC+1:00)\tservice shop was unable to place a task. Reason: You've reached the"
        " limit"
        " on the number of vCPUs you can run concurrently.\t0a1b-2c3d",
        ["quota"],
    ),
    "the error of a command": (f"An error occurred (ValidationError) when calling it: {BY_ID['S04']}", ["role-quota"]),
    "JSON lines of fsdcf": (
        json.dumps({"event": "ended", "exit": 1, "sentence": f"Nat could not be created: {STACK}", "evidence": []}),
        ["nat-quota"],
    ),
    "an event of ECS": (
        json.dumps({"detail": {"reason": "ECS deployment circuit breaker: task failed to start."}}),
        ["breaker"],
    ),
    "an answer to a mail": (
        ">> TaskFailedToStart\n>> CannotPullContainerError: ghcr.io/a/b:1: not\n>> found",
        ["image-missing"],
    ),
    "Markdown": ("*Stopped reason:* `Essential container in task exited`\n*Exit code:* `137`", ["killed"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_of_a_copy(form: str) -> None:
    text, expected = FORMS[form]
    assert names(text) == expected


def test_several_messages() -> None:
    rows = (
        "2026-11-29 17:02:24 UTC+0100\tShopService\tCREATE_FAILED\t-\tResource creation cancelled\n"
        f"2026-11-29 17:02:22 UTC+0100\tNat\tCREATE_FAILED\t-\t{STACK}\n"
        "2026-11-29 17:02:20 UTC+0100\tNat\tCREATE_IN_PROGRESS\t-\tResource creation Initiated\n"
    )
    assert names(rows) == ["nat-quota", "cancelled"]
    assert names(f"{EVENT}\n{BY_ID['E12']}\n{EVENT}") == ["size-quota", "service-throttled"]
    assert names(f"hello there\n{EVENT}") == ["size-quota"]


def test_nothing_to_read() -> None:
    assert explained("") == () and explained(" \n\t") == ()


@pytest.mark.parametrize(
    "text",
    [one * (300_000 // len(one)) for one in ("CannotPullContainerError: ", "(service shop) ", "[", "| ", "\t", " \n")],
)
def test_a_huge_text_takes_no_time(text: str) -> None:
    begin = time.monotonic()
    explained(text)
    assert time.monotonic() - begin < 5


def test_every_row_has_an_example_and_every_name_is_unique() -> None:
    rows = [*REASONS, *STACK_REASONS, *NOTICES, *STOP_REASONS.values(), HIDDEN]
    assert len({row.name for row in rows}) == len(rows)
    examples = {name for name, _ in (*WORDS, *OF_THE_STACK)} | {name for _, name, _ in CASES}
    # these two need the history of the service: a text alone does not show them
    assert {row.name for row in rows} - examples == {HIDDEN.name, "stopped-by-deployment", "stopped-by-ecs"}

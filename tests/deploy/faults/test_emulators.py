"""An endpoint that is not quite AWS: what it lacks is told at once, and what it leaves out is done without."""

from __future__ import annotations

import re

import pytest

from fsdcf.deploy.model import Exit, NoticeIssued
from tests.deploy.emulators import LACKING, emulator, error, instead, without
from tests.deploy.site import service, site, template

OPTIONAL = (
    *("GetCallerIdentity", "DescribeImages", "ListTasks", "DescribeTasks", "ListServiceDeployments"),
    *("DescribeServiceDeployments", "DescribeStackEvents"),
)
NEEDED = ("DescribeStacks", "CreateChangeSet", "DescribeChangeSet")
BODY = template(**service())


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        *((operation, kind) for operation in ("DescribeServices", "ListStackResources") for kind in LACKING),
        *((operation, kind) for operation in OPTIONAL for kind in ("license", "a page", "a crash")),
    ],
)
def test_an_optional_operation_is_one_warning(operation: str, kind: str) -> None:
    made = emulator(instead(LACKING[kind], operation))
    begun = made.clock.now()
    outcome = made.run(made.release(BODY, "one", image=("000000000000", None, "shop")))
    assert outcome.exit is Exit.DONE, outcome
    asked = made.made(operation)
    assert asked <= (2 if operation == "DescribeStackEvents" else 1), "before the execution, and afterwards"
    assert len(made.warnings()) == min(1, asked)
    assert made.clock.now() - begun < 110, "where the usual run takes 71 seconds"


@pytest.mark.parametrize("kind", LACKING)
@pytest.mark.parametrize("operation", NEEDED)
def test_a_needed_operation_ends_the_run_at_once(operation: str, kind: str) -> None:
    made = emulator(instead(LACKING[kind], operation))
    begun = made.clock.now()
    outcome = made.deploy(BODY)
    assert outcome.exit in (Exit.FAILED, Exit.USAGE), outcome
    assert made.executions() == []
    assert made.clock.now() - begun < 30
    if kind != "a crash":  # a write may have had its effect, and is repeated with its token
        assert made.made(operation) <= 3, "once, and again when it is cleaned up"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_is_down_is_looked_at_for_ten_seconds(status: int) -> None:
    made = emulator(instead((status, lambda given: b""), "DescribeImages"))
    begun = made.clock.now()
    made.run(made.release(BODY, "one", image=("000000000000", None, "shop")), plan_only=True)
    assert [one for one in made.warnings() if "cannot be checked" in one]
    assert made.clock.now() - begun < 10 + 8


@pytest.mark.parametrize(
    "members",
    [
        ("ClientRequestToken",),
        ("OperationId",),
        ("EventId",),
        ("ClientRequestToken", "OperationId", "EventId", "CreationTime", "LastUpdatedTime"),
        ("Timestamp",),
        ("StackId",),
        ("Id", "ChangeSetId"),
        ("PhysicalResourceId",),
        ("ResourceType",),
        ("LogicalResourceId",),
        ("ResourceStatus",),
        ("Capabilities", "StackStatusReason", "ResourceStatusReason"),
        ("ExecutionStatus",),
        ("Status",),
        ("Action", "Replacement", "Scope", "Details", "Evaluation", "ChangeSource", "RequiresRecreation", "Attribute"),
    ],
    ids=lambda members: "+".join(members),
)
def test_members_that_are_missing_everywhere(members: tuple[str, ...]) -> None:
    made = emulator(without(*members))
    for sha in ("one", "one", "two"):
        begun = made.clock.now()
        outcome = made.deploy(BODY, sha)
        assert outcome.exit is Exit.DONE, outcome
        assert made.clock.now() - begun < 150
    assert made.image() == "two"
    assert made.watch().exit is Exit.DONE
    assert made.diagnose().exit is Exit.DONE


@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_a_failure_is_seen_without_any_token(exists: bool) -> None:
    made = emulator(without("ClientRequestToken", "OperationId", "CreationTime", "LastUpdatedTime"))
    if exists:
        made.stand()
    made.fault("Jobs:create:no topic", "Jobs:update:no topic")
    outcome = made.deploy(template(Jobs={"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "x"}}), "two")
    assert outcome.exit is Exit.FAILED
    assert "Jobs" in outcome.sentence and "no topic" in outcome.sentence


def test_without_events_the_status_is_followed() -> None:
    def rewrite(operation: str, status: int, body: bytes) -> tuple[int, bytes]:
        return status, re.sub(rb"<StackEvents>.*</StackEvents>", b"", body, flags=re.DOTALL)

    made = emulator(rewrite)
    for sha in ("one", "two"):
        assert made.deploy(BODY, sha).exit is Exit.DONE
        assert made.image() == sha


def test_events_that_an_emulator_never_tells_are_no_end_of_the_watch() -> None:
    made = emulator(instead((500, error("InternalError", "KeyError: x")), "DescribeStackEvents"))
    outcome = made.deploy(BODY)
    assert outcome.exit is Exit.DONE, outcome
    assert sum("only the stack's status is watched" in text for text in made.warnings()) <= 1
    assert made.watch().exit is Exit.DONE


def test_an_execution_that_an_emulator_denies_but_begins_is_named() -> None:
    made = emulator(instead((501, error("InternalFailure", "not implemented")), "ExecuteChangeSet"))
    outcome = made.deploy(template("Slow"))
    assert outcome.exit is Exit.UNKNOWN
    assert "the execution of fsdcf-one-" in outcome.sentence


@pytest.mark.parametrize("zone", [b"", b"+00:00", b"+02:00"], ids=["none", "utc", "east"])
def test_times_in_another_form(zone: bytes) -> None:
    times = re.compile(rb"(\d\d:\d\d:\d\d(?:\.\d+)?)Z")
    made = emulator(lambda operation, status, body: (status, times.sub(rb"\1" + zone, body)))
    for sha in ("one", "two"):
        assert made.deploy(BODY, sha).exit is Exit.DONE
    assert made.watch().exit is Exit.DONE


def test_an_emulator_that_repeats_its_token_for_ever() -> None:
    pages = iter(range(10_000))

    def rewrite(operation: str, status: int, body: bytes) -> tuple[int, bytes]:
        token = f"<NextToken>{'ab'[next(pages) % 2]}</NextToken>".encode()
        return status, body.replace(b"</ListStackResourcesResult>", token + b"</ListStackResourcesResult>")

    made = emulator(rewrite)
    assert made.deploy(BODY).exit is Exit.DONE
    assert made.made("ListStackResources") <= 3


@pytest.mark.parametrize(
    "words",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
        "No changes are to be performed",
    ],
)
def test_nothing_to_change_in_other_words(words: str) -> None:
    refused = error("ValidationError", words)
    made = emulator(instead((400, refused), "CreateChangeSet"))
    made.stand(BODY)
    outcome = made.deploy(BODY)
    assert outcome.exit is Exit.DONE
    assert "nothing to change" in outcome.sentence


def test_an_image_that_an_emulator_does_not_have_is_a_warning() -> None:
    fault = "api:DescribeImages:error=RepositoryNotFoundException**"
    outcomes = []
    for made in (emulator(None, fault), site(fault)):
        outcomes.append(made.run(made.release(BODY, "one", image=("000000000000", None, "shop"))).exit)
    assert outcomes == [Exit.DONE, Exit.USAGE]


@pytest.mark.parametrize("after", [1, 3])
@pytest.mark.parametrize("kind", ["a page", "404 of a web server", "half", "a crash"])
@pytest.mark.parametrize(
    "operation", ["DescribeStacks", "DescribeStackEvents", "DescribeChangeSet", "ExecuteChangeSet"]
)
def test_the_page_of_a_proxy_passes_in_the_middle_of_a_run_on_aws(operation: str, kind: str, after: int) -> None:
    left, seen = [2], [0]
    status, body = LACKING[kind]

    def rewrite(name: str, given: int, text: bytes) -> tuple[int, bytes]:
        if name == operation:
            seen[0] += 1
            if seen[0] > (0 if name == "ExecuteChangeSet" else after) and left[0]:
                left[0] -= 1
                return status, body(text)
        return given, text

    made = site(rewrite=rewrite)
    made.stand()
    seen[0] = 0
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.DONE, outcome
    assert made.image() == "two"
    assert len(made.executions()) == 1


def test_a_change_set_that_takes_long_says_so() -> None:
    pending = {"left": 12}

    def slow(operation: str, status: int, body: bytes) -> tuple[int, bytes]:
        if operation == "DescribeChangeSet" and pending["left"]:
            pending["left"] -= 1
            return status, re.sub(rb"<Status>\w+</Status>", b"<Status>CREATE_IN_PROGRESS</Status>", body)
        return status, body

    made = site(rewrite=slow)
    made.stand()
    assert made.deploy(sha="two").exit is Exit.DONE
    assert [one.text for one in made.told if isinstance(one, NoticeIssued)] == [
        "CloudFormation still calculates the changes: for up to 885 s"
    ]

"""Drift in the sandbox: how a detection runs, what it finds, and change sets that revert it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import ssm
from fsdcf.sandbox.faults import parse_fault
from tests.sandbox.cloudformation.account import NAME, Account, log, of, parameter

BODY = of(Note=parameter("one"), Log=log(7))


def detected(account: Account) -> dict[str, dict[str, object]]:
    id = account.cfn.detect_stack_drift(StackName=NAME)["StackDriftDetectionId"]
    status = account.cfn.describe_stack_drift_detection_status(StackDriftDetectionId=id)
    assert status["DetectionStatus"] == "DETECTION_IN_PROGRESS" and "StackDriftStatus" not in status
    account.state.clock.advance(20)
    status = account.cfn.describe_stack_drift_detection_status(StackDriftDetectionId=id)
    assert status["DetectionStatus"] == "DETECTION_COMPLETE"
    rows = account.cfn.describe_stack_resource_drifts(StackName=NAME)["StackResourceDrifts"]
    drifted = [row for row in rows if row["StackResourceDriftStatus"] != "IN_SYNC"]
    assert status["DriftedStackResourceCount"] == len(drifted)
    assert status["StackDriftStatus"] == ("DRIFTED" if drifted else "IN_SYNC")
    assert account.stack()["DriftInformation"]["StackDriftStatus"] == status["StackDriftStatus"]
    return {str(row["LogicalResourceId"]): row for row in rows}


def test_a_change_by_another_api_is_found(account: Account) -> None:
    account.create(BODY)
    assert account.stack()["DriftInformation"]["StackDriftStatus"] == "NOT_CHECKED"
    assert {row["StackResourceDriftStatus"] for row in detected(account).values()} == {"IN_SYNC"}
    ssm.put(account.state, account.physical("Note"), "two")
    note = detected(account)["Note"]
    assert note["StackResourceDriftStatus"] == "MODIFIED"
    assert note["PropertyDifferences"] == [
        {"PropertyPath": "/Value", "ExpectedValue": "one", "ActualValue": "two", "DifferenceType": "NOT_EQUAL"}
    ]


def test_faults_change_and_delete(account: Account) -> None:
    account.create(BODY)
    account.state.faults.add(parse_fault("Log:drift:RetentionInDays=30"), parse_fault("Note:drift:deleted"))
    found = detected(account)
    assert {name: row["StackResourceDriftStatus"] for name, row in found.items()} == {
        "Log": "MODIFIED",
        "Note": "DELETED",
    }
    assert "ActualProperties" not in found["Note"]


def test_one_detection_at_a_time(account: Account) -> None:
    account.create(BODY)
    account.cfn.detect_stack_drift(StackName=NAME)
    with pytest.raises(ClientError, match="already in progress"):
        account.cfn.detect_stack_drift(StackName=NAME)
    with pytest.raises(ClientError, match="does not exist"):
        account.cfn.describe_stack_drift_detection_status(StackDriftDetectionId="none")
    with pytest.raises(ClientError, match="does not exist"):
        account.cfn.detect_stack_drift(StackName="none")


def test_a_usual_update_of_another_property_does_not_see_it(account: Account) -> None:
    account.create(BODY)
    account.state.faults.add(parse_fault("Log:drift:RetentionInDays=30"))
    detected(account)
    assert account.deploy(of(Note=parameter("two"), Log=log(7))) == "UPDATE_COMPLETE"
    assert detected(account)["Log"]["StackResourceDriftStatus"] == "MODIFIED"

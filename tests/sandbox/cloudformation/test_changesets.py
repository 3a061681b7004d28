"""Change sets: their life, their names and tokens, what they show, and what they are refused for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import s3
from fsdcf.sandbox.faults import parse_fault
from tests.sandbox.cloudformation import inventory, scenes
from tests.sandbox.cloudformation.account import NAME, Account, example, group, log, of, parameter, refused

ONE = of(Note=parameter("one"), Base=group())
TWO = of(Note=parameter("two"), Base=group())


def test_it_is_created_in_its_own_time(account: Account) -> None:
    made = account.cfn.create_change_set(**account.given(ONE, {}, ChangeSetName="a", ChangeSetType="CREATE"))
    assert made["Id"].startswith("arn:aws:cloudformation:us-east-1:000000000000:changeSet/a/")
    seen = []
    for _ in range(8):
        described = account.cfn.describe_change_set(StackName=NAME, ChangeSetName="a")
        seen.append((described["Status"], described["ExecutionStatus"]))
        account.clock.advance(0.5)
    assert list(dict.fromkeys(seen)) == [
        ("CREATE_PENDING", "UNAVAILABLE"),
        ("CREATE_IN_PROGRESS", "UNAVAILABLE"),
        ("CREATE_COMPLETE", "AVAILABLE"),
    ]


def test_not_before_it_is_there(account: Account) -> None:
    account.cfn.create_change_set(**account.given(ONE, {}, ChangeSetName="a", ChangeSetType="CREATE"))
    with pytest.raises(ClientError) as error:
        account.cfn.execute_change_set(StackName=NAME, ChangeSetName="a")
    code, words = refused(error.value)
    assert code == "InvalidChangeSetStatus"
    assert words.endswith("cannot be executed in its current status of [CREATE_PENDING]")


def test_tokens_and_names(account: Account) -> None:
    given = account.given(ONE, {}, ChangeSetName="a", ChangeSetType="CREATE", ClientToken="same")
    first = account.cfn.create_change_set(**given)
    again = account.cfn.create_change_set(**given)
    assert (first["Id"], first["StackId"]) == (again["Id"], again["StackId"])
    with pytest.raises(ClientError) as error:
        account.cfn.create_change_set(**{**given, "ClientToken": "other"})
    assert refused(error.value) == ("AlreadyExistsException", "ChangeSet [a] already exists")
    account.clock.advance(5)
    for _ in range(2):
        account.cfn.execute_change_set(ChangeSetName=first["Id"], ClientRequestToken="run")
    with pytest.raises(ClientError) as error:
        account.cfn.execute_change_set(ChangeSetName=first["Id"], ClientRequestToken="another")
    assert refused(error.value)[1].endswith(
        "cannot be executed in its current execution status of [EXECUTE_IN_PROGRESS]"
    )
    account.settle()
    account.cfn.execute_change_set(ChangeSetName=first["Id"], ClientRequestToken="run")
    with pytest.raises(ClientError) as error:
        account.cfn.execute_change_set(ChangeSetName=first["Id"])
    assert refused(error.value)[1].endswith("[EXECUTE_COMPLETE]")
    assert account.event_lines().count(f"{NAME} CREATE_IN_PROGRESS") == 1
    other = account.change_set(TWO)
    with pytest.raises(ClientError) as error:
        account.cfn.execute_change_set(ChangeSetName=other["ChangeSetId"], ClientRequestToken="run")
    assert refused(error.value)[0] == "TokenAlreadyExistsException"


def test_executing_a_change_set_makes_the_others_obsolete(account: Account) -> None:
    account.create(ONE)
    mine, theirs = account.change_set(TWO), account.change_set(of(Note=parameter("three"), Base=group()))
    failed = account.change_set(ONE)
    assert len(account.cfn.list_change_sets(StackName=NAME)["Summaries"]) == 3
    account.cfn.execute_change_set(ChangeSetName=theirs["ChangeSetId"])
    assert [one["ExecutionStatus"] for one in account.cfn.list_change_sets(StackName=NAME)["Summaries"]] == [
        "EXECUTE_IN_PROGRESS"
    ]
    account.settle()
    assert account.cfn.list_change_sets(StackName=NAME)["Summaries"] == []
    assert account.cfn.describe_change_set(ChangeSetName=mine["ChangeSetId"])["ExecutionStatus"] == "OBSOLETE"
    assert account.cfn.describe_change_set(ChangeSetName=failed["ChangeSetId"])["Status"] == "FAILED"
    with pytest.raises(ClientError) as error:
        account.cfn.describe_change_set(StackName=NAME, ChangeSetName=mine["ChangeSetName"])
    assert refused(error.value)[0] == "ChangeSetNotFound"
    with pytest.raises(ClientError) as error:
        account.cfn.execute_change_set(ChangeSetName=mine["ChangeSetId"])
    assert refused(error.value)[1].endswith("cannot be executed in its current execution status of [OBSOLETE]")


def test_it_is_obsolete_when_the_stack_moves_while_it_is_created(account: Account) -> None:
    account.create(ONE)
    ready = account.change_set(TWO)
    late = account.cfn.create_change_set(
        **account.given(of(Note=parameter("three"), Base=group()), {}, ChangeSetName="late")
    )
    account.cfn.execute_change_set(ChangeSetName=ready["ChangeSetId"])
    account.settle()
    assert account.cfn.describe_change_set(ChangeSetName=late["Id"])["ExecutionStatus"] == "OBSOLETE"


def test_deleting_a_change_set(account: Account) -> None:
    described = account.change_set(ONE, "CREATE")
    account.cfn.delete_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.status() == "REVIEW_IN_PROGRESS"
    with pytest.raises(ClientError) as error:
        account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])
    code, words = refused(error.value)
    assert (code, words) == ("ChangeSetNotFound", f"ChangeSet [{described['ChangeSetId']}] does not exist")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    account.cfn.delete_change_set(StackName=NAME, ChangeSetName="never")
    again = account.change_set(ONE, "CREATE")
    account.cfn.execute_change_set(ChangeSetName=again["ChangeSetId"])
    with pytest.raises(ClientError) as error:
        account.cfn.delete_change_set(ChangeSetName=again["ChangeSetId"])
    assert refused(error.value)[0] == "InvalidChangeSetStatus"


@pytest.mark.parametrize("call", ["describe_change_set", "delete_change_set", "execute_change_set"])
def test_finding_a_change_set_by_name_or_arn(account: Account, call: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(account.cfn, call)(ChangeSetName="a", StackName="nobody")
    assert refused(error.value) == ("ValidationError", "Stack [nobody] does not exist")
    with pytest.raises(ClientError) as error:
        getattr(account.cfn, call)(ChangeSetName="a")
    assert refused(error.value)[1] == "StackName must be specified if ChangeSetName is not specified as an ARN."


def test_both_ways_to_say_that_there_is_nothing_to_do(account: Account) -> None:
    account.create(ONE)
    described = account.change_set(ONE)
    words = "The submitted information didn't contain changes. Submit different information to create a change set."
    assert (described["Status"], described["ExecutionStatus"], described["StatusReason"]) == (
        "FAILED",
        "UNAVAILABLE",
        words,
    )
    account.state.faults.add(parse_fault("cfn:no-updates"))
    assert account.change_set(ONE)["StatusReason"] == "No updates are to be performed."


def test_values_before_and_after(account: Account) -> None:
    account.create(ONE)
    described = account.change_set(TWO)
    (change,) = described["Changes"]
    inner = change["ResourceChange"]
    assert (inner["Action"], inner["Replacement"], inner["Scope"]) == ("Modify", "False", ["Properties"])
    assert inner["PhysicalResourceId"] == account.physical("Note")
    assert inner["Details"] == [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": "Value",
                "RequiresRecreation": "Never",
                "Path": "/Properties/Value",
                "BeforeValue": "one",
                "AfterValue": "two",
                "AttributeChangeType": "Modify",
            },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    assert json.loads(inner["BeforeContext"])["Properties"] == {"Type": "String", "Value": "one"}
    assert json.loads(inner["AfterContext"])["Properties"] == {"Type": "String", "Value": "two"}
    (bare,) = account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])["Changes"]
    assert bare["ResourceChange"]["Details"][0]["Target"] == {
        "Attribute": "Properties",
        "Name": "Value",
        "RequiresRecreation": "Never",
    }
    assert not {"BeforeContext", "AfterContext"} & bare["ResourceChange"].keys()


def test_a_replacement_and_what_follows_from_it(account: Account) -> None:
    far = parameter({"Ref": "Base"})
    account.create(of(Base=group("one"), Far=far))
    described = account.change_set(of(Base=group("two"), Far=far))
    base, follower = (one["ResourceChange"] for one in described["Changes"])
    assert (base["Replacement"], base["PolicyAction"]) == ("True", "ReplaceAndDelete")
    assert {(one["ChangeSource"], one.get("CausingEntity")) for one in follower["Details"]} >= {
        ("ResourceReference", "Base")
    }
    for detail in follower["Details"]:
        assert detail["Target"]["BeforeValue"] == account.physical("Base")
        assert detail["Target"]["AfterValue"] == "{{changeSet:KNOWN_AFTER_APPLY}}"


def test_a_new_image_changes_three_resources(account: Account) -> None:
    template = example("hello")
    account.create(template, {"ImageSha": "abc"})
    described = account.change_set(template, parameters={"ImageSha": "def"})
    found = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in described["Changes"]}
    assert {key: one["Replacement"] for key, one in found.items()} == {
        "Release": "False",
        "Service": "False",
        "TaskDefinition": "True",
    }
    (parameters,) = [described["Parameters"]]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in parameters}["ImageSha"] == "def"


def test_changes_come_in_pages(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:page-size=2"))
    described = account.change_set(of(**{f"Note{number}": parameter() for number in range(5)}), "CREATE")
    pages = [described]
    while "NextToken" in pages[-1]:
        pages.append(
            account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"], NextToken=pages[-1]["NextToken"])
        )
    names = [one["ResourceChange"]["LogicalResourceId"] for page in pages for one in page["Changes"]]
    assert [len(page["Changes"]) for page in pages] == [2, 2, 1]
    assert names == [f"Note{number}" for number in range(5)]
    with pytest.raises(ClientError):
        account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"], NextToken="nonsense")


def bad(text: str, **members: Any) -> Any:
    return pytest.param(members, text, id=text[:40])


@pytest.mark.parametrize(
    ("members", "words"),
    [
        bad(
            "Template format error: Unresolved resource dependencies [Gone]",
            TemplateBody=json.dumps(of(A=parameter({"Ref": "Gone"}))),
        ),
        bad(
            "Template error: resource A does not support attribute type Colour in Fn::GetAtt",
            TemplateBody=json.dumps(of(A=group(), B=parameter({"Fn::GetAtt": ["A", "Colour"]}))),
        ),
        bad(
            "Circular dependency between resources: [A, B]",
            TemplateBody=json.dumps(of(A=parameter({"Ref": "B"}), B=parameter({"Ref": "A"}))),
        ),
        bad("Template format error: YAML not well-formed.", TemplateBody="Resources: ["),
        bad(
            "Parameters: [Day] must have values",
            TemplateBody=json.dumps({**ONE, "Parameters": {"Day": {"Type": "String"}}}),
        ),
        bad(
            "Parameters: [Day] do not exist in the template",
            Parameters=[{"ParameterKey": "Day", "ParameterValue": "1"}],
        ),
        bad(
            "Invalid input for parameter key Day. Cannot specify usePreviousValue",
            Parameters=[{"ParameterKey": "Day", "UsePreviousValue": True}],
        ),
        bad(
            "Member must have length less than or equal to 51200",
            TemplateBody=json.dumps({**ONE, "Description": "ü" * 26_000}, ensure_ascii=False),
        ),
        bad("Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", ChangeSetName="1st"),
        bad("Either Template URL or Template Body must be specified.", TemplateBody=None),
    ],
)
def test_what_is_refused_at_once(account: Account, members: dict[str, Any], words: str) -> None:
    given = {**account.given(ONE, {}, ChangeSetName="a", ChangeSetType="CREATE"), **members}
    with pytest.raises(ClientError) as error:
        account.cfn.create_change_set(**{key: value for key, value in given.items() if value is not None})
    code, message = refused(error.value)
    assert code == "ValidationError"
    assert words in message
    with pytest.raises(ClientError):
        account.stack()  # a refused call leaves no stack under review


def test_capabilities(account: Account) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    given = account.given(of(Role=role), {}, ChangeSetName="a", ChangeSetType="CREATE")
    with pytest.raises(ClientError) as error:
        account.cfn.create_change_set(**{**given, "Capabilities": []})
    assert refused(error.value) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")


@pytest.mark.parametrize("status", [one for one in scenes.STATUSES if one != "REVIEW_IN_PROGRESS"])
def test_which_states_take_an_update(account: Account, status: str) -> None:
    arn = scenes.put(account.state, status)
    good = {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "CREATE_FAILED",
        "UPDATE_FAILED",
    }
    given = {**account.given(ONE, {}, ChangeSetName="a"), "StackName": arn}
    if status in good:
        account.cfn.create_change_set(**given)
        return
    with pytest.raises(ClientError) as error:
        account.cfn.create_change_set(**given)
    expected = (
        f"Stack [{arn}] does not exist"
        if status == "DELETE_COMPLETE"
        else f"Stack:{arn} is in {status} state and can not be updated."
    )
    assert refused(error.value) == ("ValidationError", expected)


def test_create_and_update_by_their_names(account: Account) -> None:
    with pytest.raises(ClientError) as error:
        account.change_set(ONE)
    assert refused(error.value)[1] == f"Stack [{NAME}] does not exist"
    account.change_set(ONE, "CREATE")
    with pytest.raises(ClientError) as error:
        account.change_set(ONE)
    assert refused(error.value)[1] == f"Stack [{NAME}] does not exist"
    account.cfn.create_stack(**account.given(ONE, {}))
    account.settle()
    with pytest.raises(ClientError) as error:
        account.change_set(ONE, "CREATE", ChangeSetName="new")
    assert (
        refused(error.value)[1]
        == f"Stack [{NAME}] already exists and cannot be created again with the changeSet [new]."
    )


def test_names_that_exist_are_found_early(account: Account) -> None:
    inventory.add_unowned(account.state, "AWS::Logs::LogGroup", "Foreign", {"LogGroupName": "/taken"})
    described = account.change_set(
        of(Log=log(name="/taken"), Wrong={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}), "CREATE"
    )
    assert described["Status"] == "FAILED"
    assert described["StatusReason"] == (
        "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation, "
        "AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the "
        "DescribeEvents API for detailed failure information."
    )
    found = account.cfn.describe_events(ChangeSetName=described["ChangeSetId"], Filters={"FailedEvents": True})[
        "OperationEvents"
    ]
    assert {one["EventType"] for one in found} == {"VALIDATION_ERROR"}
    assert {(one["LogicalResourceId"], one["ValidationName"], one["ValidationStatusReason"]) for one in found} == {
        (
            "Log",
            "NAME_CONFLICT_VALIDATION",
            "Resource of type 'AWS::Logs::LogGroup' with identifier '/taken' already exists.",
        ),
        ("Wrong", "PROPERTY_VALIDATION", "Required property [Value] not found"),
    }
    everything = account.cfn.describe_events(StackName=NAME, ChangeSetName=described["ChangeSetId"])["OperationEvents"]
    assert len(everything) == len(found) + 1


def test_or_late(account: Account) -> None:
    inventory.add_unowned(account.state, "AWS::Logs::LogGroup", "Foreign", {"LogGroupName": "/taken"})
    assert account.create(of(Log=log(name="/taken")), DisableValidation=True) == "ROLLBACK_COMPLETE"
    assert "already exists" in account.reasons()["Log CREATE_FAILED"]
    assert "AlreadyExists" in account.reasons()["Log CREATE_FAILED"]


def test_names_of_other_stacks(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:no-early-validation"))
    account.cfn.create_stack(**{**account.given(of(Log=log(name="/taken")), {}), "StackName": "other"})
    other = account.stack("other")["StackId"]
    scenes.settle(account.state, other)
    assert account.create(of(Log=log(name="/taken"))) == "ROLLBACK_COMPLETE"
    assert account.reasons()["Log CREATE_FAILED"] == f"/taken already exists in stack {other}"


def test_existing_resources_are_imported_on_request(account: Account) -> None:
    foreign = inventory.add_unowned(account.state, "AWS::Logs::LogGroup", "Foreign", {"LogGroupName": "/taken"})
    template = of(Log=log(name="/taken"), Note=parameter({"Ref": "Log"}))
    described = account.change_set(template, "CREATE", ImportExistingResources=True)
    found = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in described["Changes"]}
    assert (found["Log"]["Action"], found["Log"]["PhysicalResourceId"]) == ("Import", foreign["physical"])
    assert found["Note"]["Action"] == "Add"
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.settle() == "CREATE_COMPLETE"
    answer = [one.partition(" ")[2] for one in account.event_lines() if one.startswith("Log")]
    assert answer == ["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert account.owned() == ["Foreign", "Note"]
    assert account.survivors() == []


def test_an_imported_resource_survives_a_rollback(account: Account) -> None:
    inventory.add_unowned(account.state, "AWS::Logs::LogGroup", "Foreign", {"LogGroupName": "/taken"})
    account.state.faults.add(parse_fault("Bad:create:no"))
    template = of(Log=log(name="/taken"), Bad=parameter(DependsOn="Log"))
    assert account.create(template, ImportExistingResources=True) == "ROLLBACK_COMPLETE"
    assert account.resources()["Log"] == "DELETE_SKIPPED"
    assert account.survivors() == ["Foreign"]


def test_a_retained_resource_comes_back(account: Account) -> None:
    template = of(Log=log(name="/kept", DeletionPolicy="RetainExceptOnCreate"))
    account.create(template)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert account.change_set(template, "CREATE")["Status"] == "FAILED"
    assert account.create(template, ImportExistingResources=True) == "CREATE_COMPLETE"
    assert account.survivors() == []


def test_an_import_of_its_own(account: Account) -> None:
    account.create(ONE)
    foreign = inventory.add_unowned(account.state, "AWS::Logs::LogGroup", "Foreign", {"LogGroupName": "/taken"})
    new = of(**ONE["Resources"], Log=log(name="/taken", DeletionPolicy="Retain"))
    what = {
        "ResourceType": "AWS::Logs::LogGroup",
        "LogicalResourceId": "Log",
        "ResourceIdentifier": {"LogGroupName": "/taken"},
    }
    other = of(**{**ONE["Resources"], "Note": parameter("two")}, Log=log(name="/taken", DeletionPolicy="Retain"))
    assert account.change_set(other, "IMPORT", ResourcesToImport=[what])["Status"] == "FAILED"
    assert account.deploy(new, "IMPORT", ResourcesToImport=[what]) == "IMPORT_COMPLETE"
    assert account.physical("Log") == foreign["physical"]
    with pytest.raises(ClientError) as error:
        account.change_set(new, "IMPORT", ResourcesToImport=[{**what, "ResourceIdentifier": {"LogGroupName": "/none"}}])
    assert "/none" in refused(error.value)[1]


def test_a_template_out_of_a_bucket(account: Account) -> None:
    large = {**ONE, "Description": "large", "Metadata": {"Text": "x" * 60_000}}
    s3.add_bucket(account.state, "artifacts")
    s3.put_object(account.state, {"Bucket": "artifacts", "Key": "a/b.json", "Body": json.dumps(large).encode()})
    given = account.given(ONE, {}, ChangeSetName="a", ChangeSetType="CREATE")
    del given["TemplateBody"]
    account.cfn.create_change_set(**given, TemplateURL="https://artifacts.s3.us-east-1.amazonaws.com/a/b.json")
    account.clock.advance(5)
    assert account.cfn.describe_change_set(StackName=NAME, ChangeSetName="a")["Status"] == "CREATE_COMPLETE"
    for url, words in (
        ("https://artifacts.s3.us-east-1.amazonaws.com/none.json", "S3 error: The specified key does not exist."),
        ("https://example.com/none.json", "TemplateURL must be a supported URL."),
    ):
        with pytest.raises(ClientError) as error:
            account.cfn.create_change_set(**{**given, "ChangeSetName": "b"}, TemplateURL=url)
        assert refused(error.value)[1].startswith(words)


def test_too_many(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:limit-exceeded"))
    with pytest.raises(ClientError) as error:
        account.change_set(ONE, "CREATE")
    assert refused(error.value)[0] == "LimitExceededException"
    assert account.change_set(ONE, "CREATE")["Status"] == "CREATE_COMPLETE"


def test_hooks_and_early_validation_on_order(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:hook=My::Guard::Hook"), parse_fault("cfn:early-validation=Note,Base"))
    assert account.change_set(ONE, "CREATE")["StatusReason"] == "The following hook(s) failed: [My::Guard::Hook]"
    described = account.change_set(ONE, "CREATE")
    assert "AWS::EarlyValidation::PropertyValidation" in described["StatusReason"]
    found = account.cfn.describe_events(ChangeSetName=described["ChangeSetId"], Filters={"FailedEvents": True})[
        "OperationEvents"
    ]
    assert [one["LogicalResourceId"] for one in found] == ["Note", "Note", "Base", "Base"]
    assert account.change_set(ONE, "CREATE")["Status"] == "CREATE_COMPLETE"

"""What a deploy finds out about the exports and parameters that its template reads, before it begins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fsdcf.deploy.model import Exit
from tests.deploy.site import Site, site, template, topic

VALUE = "AWS::SSM::Parameter::Value<String>"


def reading(path: str = "/shop/theme") -> dict[str, Any]:
    """A template with a value of another stack, and one of the Parameter Store."""
    body = template(Jobs=topic(DisplayName={"Fn::Sub": ["${A}-${Theme}", {"A": {"Fn::ImportValue": "shared-name"}}]}))
    body["Parameters"]["Theme"] = {"Type": VALUE, "Default": path}
    return body


def exporting(made: Site, name: str) -> None:
    body = {**template(), "Outputs": {"Name": {"Value": "red", "Export": {"Name": name}}}}
    assert made.run(replace(made.release(body), service="other", environment="live")).exit is Exit.DONE


def test_all_that_is_missing_is_one_message_before_anything_is_changed() -> None:
    made = site()
    outcome = made.deploy(reading())
    assert outcome.exit is Exit.USAGE
    assert [(one.source, one.text) for one in outcome.evidence] == [
        ("the export shared-name", "does not exist in this account and region"),
        ("the parameter /shop/theme", "does not exist"),
    ]
    assert "aws ssm put-parameter --type String --value VALUE --name /shop/theme --region us-east-1" in outcome.next
    assert not made.made("CreateChangeSet")


def test_a_secure_string_is_not_read_into_a_template() -> None:
    made = site()
    exporting(made, "shared-name")
    made.call("PutParameter", "ssm", Name="/shop/theme", Value="dark", Type="SecureString")
    outcome = made.deploy(reading())
    assert outcome.exit is Exit.USAGE
    assert "SecureString" in outcome.sentence


def test_the_value_is_read_at_each_deploy_and_nothing_is_passed() -> None:
    made = site()
    exporting(made, "shared-name")
    made.call("PutParameter", "ssm", Name="/shop/theme", Value="dark", Type="String")
    assert made.deploy(reading()).exit is Exit.DONE
    assert made.deploy(reading()).sentence.endswith("nothing to change")
    made.call("PutParameter", "ssm", Name="/shop/theme", Value="light", Overwrite=True)
    assert made.deploy(reading(), plan_only=True, detailed_exitcode=True).exit is Exit.CHANGES
    assert made.deploy(reading()).exit is Exit.DONE
    assert made.deploy(template(Jobs=topic(DisplayName="plain"))).exit is Exit.DONE


def test_a_rehearsal_makes_up_what_is_missing() -> None:
    made = site()
    made.aws.rehearses = True
    object.__setattr__(made.state, "invents", True)
    assert made.deploy(reading()).exit is Exit.DONE
    (warning,) = [text for text in made.warnings() if "shared-name" in text]
    assert "a deploy to AWS stops here" in warning
    exporting(made, "shared-name")  # a stack of the sandbox takes the place of what was made up
    assert made.call("ListExports")["Exports"][0]["Value"] == "red"

"""A botocore without the newest members and operations."""

from __future__ import annotations

import copy
from typing import Any

import botocore.session
from botocore.loaders import Loader

from fsdcf.deploy.aws import configuration
from fsdcf.deploy.model import Exit
from fsdcf.sandbox.clients import connect
from tests.deploy.site import Site, service, site, template

NEWER = {
    "CreateChangeSetInput": (
        "ImportExistingResources",
        "OnStackFailure",
        "DeploymentMode",
        "DisableValidation",
        "DeploymentConfig",
    ),
    "ContinueUpdateRollbackInput": ("ForceRollback",),
    "DeleteStackInput": ("DeletionMode", "DeploymentConfig"),
    "DescribeChangeSetInput": ("IncludePropertyValues",),
    "ExecuteChangeSetInput": ("DisableRollback", "RetainExceptOnCreate"),
    "StackEvent": ("OperationId", "DetailedStatus"),
    "ResourceChange": ("PolicyAction", "BeforeContext", "AfterContext"),
}
"""Members that came with the years, by shape."""


class Older(Loader):
    """Loads CloudFormation's model as an older botocore had it."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) != ("cloudformation", "service-2"):
            return model
        model = copy.deepcopy(model)
        for shape, members in NEWER.items():
            for member in members:
                model["shapes"][shape]["members"].pop(member, None)
        del model["operations"]["DescribeEvents"]
        return model


def old(*faults: str) -> Site:
    made = site(*faults)
    session = botocore.session.Session()
    session.register_component("data_loader", Older([*Loader().search_paths]))
    session.set_credentials("test", "test")
    connect(session, made.state)
    made.aws._make = lambda name, region: session.create_client(name, region_name=region, config=configuration())
    return made


def test_the_old_one_is_older() -> None:
    made = old()
    assert not made.aws.supports("cloudformation", "CreateChangeSet", "ImportExistingResources")
    assert not made.aws.supports("cloudformation", "DescribeEvents")
    assert made.aws.supports("cloudformation", "CreateChangeSet", "ClientToken")
    assert site().aws.supports("cloudformation", "CreateChangeSet", "ImportExistingResources")


def test_a_deploy_needs_no_newer_member() -> None:
    made = old()
    assert made.deploy(template(**service())).exit is Exit.DONE
    assert made.deploy(template(**service()), "two").exit is Exit.DONE
    assert made.deploy(template(**service()), "two").exit is Exit.DONE
    assert made.warnings() == []


def test_what_needs_a_newer_one_says_so() -> None:
    made = old()
    for option in ("express", "revert_drift"):
        made.stand() if not made.status() else None
        outcome = made.deploy(sha="two", **{option: True})
        assert outcome.exit is Exit.USAGE and "botocore is too old" in outcome.sentence
        assert f"--{option.replace('_', '-')}" in outcome.sentence and outcome.next == ("pip install --upgrade boto3",)
    made.force("UPDATE_ROLLBACK_FAILED")
    outcome = made.recover(force=True, yes=True)
    assert outcome.exit is Exit.USAGE and "ForceRollback" in outcome.sentence
    assert not made.change_sets() and not made.made("ContinueUpdateRollback")


def test_a_failure_is_told_without_operation_ids() -> None:
    made = old()
    made.stand()
    made.fault("Release:update:no parameter")
    outcome = made.deploy(sha="two")
    assert outcome.exit is Exit.FAILED
    assert "no parameter" in outcome.sentence


def test_early_validation_without_the_operation_that_tells_more() -> None:
    made = old("cfn:early-validation=Jobs")
    outcome = made.deploy()
    assert outcome.exit is Exit.USAGE
    assert len(made.warnings()) == 1

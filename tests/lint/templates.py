"""Small templates for the tests of lint: one that is clean, and one for each severity."""

from __future__ import annotations

import json
from typing import Any

from fsdcf.lint.runner import Finding


def template(**properties: Any) -> str:
    """A queue that cfn-lint has nothing to say about, but for the properties that are given."""
    queue = {
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {"MessageRetentionPeriod": 345_600, **properties},
    }
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"OrdersQueue": queue}})


def also(text: str, **sections: Any) -> str:
    """The template with more sections."""
    return json.dumps({**json.loads(text), **sections})


CLEAN = template()
ERROR = template(DelaySeconds=9_999)
WARNING = also(CLEAN, Parameters={"Spare": {"Type": "String"}})
INFORMATIONAL = template(QueueName={"Fn::Sub": "arn:aws:sqs:${AWS::Region}:1:orders"})

DELAY = ("Resources", "OrdersQueue", "Properties", "DelaySeconds")
TOO_LONG = Finding("E3034", DELAY, "9999 is greater than the maximum of 900", "error")

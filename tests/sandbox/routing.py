"""Where a load balancer of the sandbox sends a request: a small reader of its rules and targets."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

Call = Callable[..., dict[str, Any]]
"""A call of Elastic Load Balancing, by operation."""


def answering(call: Call, listener: str, host: str, path: str = "/") -> str:
    """The target group with healthy targets to which the first matching rule forwards a request; empty if the listener
    itself answers."""
    request = {"host-header": host, "path-pattern": path}
    for rule in call("DescribeRules", ListenerArn=listener)["Rules"]:
        values = {one["Field"]: one.get("HostHeaderConfig", one.get("PathPatternConfig")) for one in rule["Conditions"]}
        if all(any(fnmatchcase(request[key], one) for one in value["Values"]) for key, value in values.items()):
            groups = [one["TargetGroupArn"] for one in rule["Actions"] if "TargetGroupArn" in one]
            for group in groups:
                targets = call("DescribeTargetHealth", TargetGroupArn=group)["TargetHealthDescriptions"]
                assert "healthy" in {one["TargetHealth"]["State"] for one in targets}
            return str(groups[0]) if groups else ""
    raise AssertionError("a listener has a default rule")

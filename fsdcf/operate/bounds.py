"""What sets the number of a service's tasks besides the one who scales: auto scaling, and the template at the next deploy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.deploy.aws import ApiError, AwsError, Expired
from fsdcf.deploy.run import Run
from fsdcf.deploy.state import deployed_template
from fsdcf.operate.service import Service

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"


@dataclass(frozen=True)
class Bounds:
    """Between how many tasks auto scaling moves a service. ``out`` and ``back``: whether it adds tasks, and takes them away.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html
    """

    least: int
    most: int
    out: bool = True
    back: bool = True


def bounds_of(run: Run, service: Service, template: Mapping[str, Any]) -> Bounds | None:
    """The bounds of auto scaling, as it tells them, or as the template does where it may not be asked; None without auto scaling."""
    resource = f"service/{service.cluster}/{service.name}"
    try:
        answer = run.aws.call(
            "application-autoscaling", "DescribeScalableTargets", ServiceNamespace="ecs", ResourceIds=[resource]
        )
    except Expired:
        raise
    except AwsError as error:
        denied = isinstance(error, ApiError) and error.denied
        said = "no permission for application-autoscaling:DescribeScalableTargets" if denied else error.message
        run.warn(f"the bounds of auto scaling are read from the template: {said}")
        return _of_template(template)
    targets = [
        one for one in answer.get("ScalableTargets") or [] if one.get("ScalableDimension") == "ecs:service:DesiredCount"
    ]
    if not targets:
        return None
    suspended = targets[0].get("SuspendedState") or {}
    return Bounds(
        int(targets[0]["MinCapacity"]),
        int(targets[0]["MaxCapacity"]),
        not suspended.get("DynamicScalingOutSuspended"),
        not suspended.get("DynamicScalingInSuspended"),
    )


def undone_by(count: int, bounds: Bounds | None, template: Mapping[str, Any]) -> Iterator[str]:
    """What will undo a number of tasks, in sentences.

    Auto scaling brings a count outside of its bounds back with its next activity in that direction, and changes one within them as
    the load asks for. Without it, the template's count comes back with the next deploy that updates the service.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
    """
    if bounds is None:
        written = _properties(template, "AWS::ECS::Service").get("DesiredCount")
        if written is not None and str(written) != str(count):
            yield f"the next deploy that changes the service sets it to {written} again: write service.resources.desiredCount to keep {count}"
        return
    between = f"auto scaling keeps this service between {bounds.least} and {bounds.most} tasks"
    if not (bounds.out or bounds.back):
        yield f"{between}, but is suspended: nothing undoes {count} until it is resumed"
    elif count < bounds.least:
        yield f"{between}: it will undo {count} when it next adds tasks; write service.autoScaling.minCount to keep it"
    elif count > bounds.most:
        yield f"{between}: it will undo {count} when it next takes tasks away; write service.autoScaling.maxCount to keep it"
    else:
        yield f"{between}: it will change {count} as soon as the load asks for another number"


def template_of(run: Run, service: Service) -> Mapping[str, Any]:
    """The template that runs; empty where it cannot be read, which is a warning."""
    found = deployed_template(run.aws, service.stack.arn)
    if found is None:
        run.warn("it is not known what the template says of the number of tasks: it cannot be read")
    return found or {}


def _of_template(template: Mapping[str, Any]) -> Bounds | None:
    told = _properties(template, TARGET)
    try:
        return Bounds(int(told["MinCapacity"]), int(told["MaxCapacity"]))
    except (KeyError, TypeError, ValueError):
        return None


def _properties(template: Mapping[str, Any], type: str) -> Mapping[str, Any]:
    resources = [
        one
        for one in (template.get("Resources") or {}).values()
        if isinstance(one, Mapping) and one.get("Type") == type
    ]
    return resources[0].get("Properties") or {} if resources else {}

"""Messages that are not the cause of a failure: who else stopped a task, what follows from a failure, and news.

Only ``explain --failure`` knows them: a diagnosis has better evidence.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-maintenance.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec-troubleshooting.html
"""

from __future__ import annotations

from collections.abc import Mapping

from fsdcf.deploy.diagnosis.reasons.reason import DIAGNOSE, STATUS, Reason
from fsdcf.deploy.ecs.tasks import Stopper
from fsdcf.links import SERVICE_EVENTS

_NEVER = r"(?!)"
_NO_FAULT = "the exit code, such as 137 or 143, is that of the signal with which ECS stops each task"


def _stop(name: str, symptom: str, cause: str, advice: str, key: str = "") -> Reason:
    return Reason(name, symptom, _NEVER, cause, advice, key, STATUS, passing=True, conclusive=False)


STOP_REASONS: Mapping[Stopper, Reason] = {
    "AWS": _stop(
        "stopped-by-aws",
        "ECS is performing maintenance on the underlying infrastructure hosting the task",
        "AWS stopped the task for the maintenance, or a fault, of its host; the version is not the cause",
        f"nothing: ECS starts another task by itself, and {_NO_FAULT}. With two tasks or more, and an"
        " application that ends on SIGTERM, the service stays available",
        "service.resources.desiredCount",
    ),
    "Spot": _stop(
        "stopped-by-spot",
        "SpotInterruption; Your Spot Task was interrupted",
        "AWS reclaimed the Spot capacity of the task; the version is not the cause",
        "set spot.base to run some tasks on FARGATE, and end on SIGTERM within two minutes",
        "service.resources.spot",
    ),
    "rebalancing": _stop(
        "stopped-by-rebalancing",
        "stopped tasks due to AZ rebalancing",
        "ECS moved the task to another zone to balance them; the version is not the cause",
        f"nothing: {_NO_FAULT}",
    ),
    "scaling": _stop(
        "stopped-by-scaling",
        "Scaling activity initiated by (deployment ecs-svc/...)",
        "ECS stopped the task because fewer tasks are desired, or because a newer deployment replaces it",
        f"nothing, if a deploy or scaling was due: {_NO_FAULT}",
    ),
    "deployment": _stop(
        "stopped-by-deployment",
        "the task was replaced by a newer deployment",
        "a newer deployment replaced the task",
        f"nothing: {_NO_FAULT}",
    ),
    "deletion": _stop(
        "stopped-by-deletion",
        "Service is being deleted",
        "the service was deleted, and its tasks with it",
        "nothing, if the deletion was intended",
    ),
    "ECS": _stop(
        "stopped-by-ecs",
        "ServiceSchedulerInitiated",
        "the scheduler of ECS stopped the task; the text does not say for what",
        f"look at the events of the service at that time; {_NO_FAULT}",
    ),
    "person": _stop(
        "stopped-by-person",
        "UserInitiated; Task stopped by user",
        "a person or a program stopped the task (StopTask); neither the memory nor the version is the cause",
        f"find out who in CloudTrail; {_NO_FAULT}",
    ),
}
"""The reasons of tasks that another stopped, by who it was."""

NOTICES = (
    Reason(
        "start-repeatedly",
        "is unable to consistently start tasks successfully",
        r"unable to consistently start tasks",
        "the tasks of the service fail again and again as they start, and ECS waits longer before each attempt; why"
        " they"
        " fail is not in this text",
        "look at the reasons of the stopped tasks; a deploy of a repaired version ends the waiting",
        "service",
        DIAGNOSE,
        conclusive=False,
    ),
    Reason(
        "placement-unexplained",
        "was unable to place a task",
        r"\(service [\w-]+\) was unable to place a task",
        "ECS cannot place a task of the service, for a reason that fsdcf does not know",
        f"read the words after Reason:, and look them up at {SERVICE_EVENTS}",
        "service.resources",
        STATUS,
        conclusive=False,
    ),
    Reason(
        "cancelled",
        "Resource creation cancelled; Resource update cancelled",
        r"Resource (?:creation|update|deletion) cancell?ed",
        "CloudFormation cancelled this resource because another one failed before",
        "look at the first resource that failed: its reason is the cause",
        "",
        DIAGNOSE,
        conclusive=False,
    ),
    Reason(
        "rolled-back",
        "The following resource(s) failed to create: [Service]; Rollback requested by user",
        r"following resource\(s\) failed to (?:create|update|delete|import)|\A\s*Rollback requested by user\.?\s*\Z",
        "the stack was rolled back because of a resource, whose own event has the cause",
        "look at the first event that ends with _FAILED",
        "",
        DIAGNOSE,
        conclusive=False,
    ),
    Reason(
        "rolling-back",
        "rolling back to (deployment ecs-svc/...)",
        r"\(service [\w-]+\) (?:\(deployment [^)]*\) )?rolling back",
        "ECS rolls the service back to its earlier deployment, because the new one failed; why is in earlier events",
        "look at the events before, and at the stopped tasks of the new deployment",
        "service.deployment.circuitBreaker",
        DIAGNOSE,
        conclusive=False,
    ),
    Reason(
        "custom-resource",
        "Received response status [FAILED] from custom resource",
        r"Received response status \[FAILED\] from custom resource",
        "a custom resource, which is a program of its own, reports that it failed; its message says why",
        "read the log of its function; templates of fsdcf have no custom resources",
        "",
        "",
        conclusive=False,
    ),
    Reason(
        "certificate-pending",
        "Content of DNS Record is: {Name: _x.shop.example.com.,Type: CNAME,...}",
        r"Content of DNS Record is(?:: \{Name: (\S+?)\.?,)?",
        "ACM waits for the DNS record … that proves the domain of the certificate; this is not a failure yet",
        "create the CNAME record of the message in the public zone of the domain, unless its hosted zone is named, and"
        " check that the zone is the one to which the registrar delegates; keep the record: ACM renews the certificate"
        " by it",
        "service.networking.loadBalancer.certificateArn",
        "aws acm list-certificates --certificate-statuses PENDING_VALIDATION",
        passing=True,
        conclusive=False,
    ),
    Reason(
        "exec",
        "The execute command failed because execute command was not enabled, or the agent isn't running",
        r"execute command failed|TargetNotConnected|execute command agent|ExecuteCommandAgent",
        "ECS Exec cannot reach the container: it was not enabled when the task started, or its agent does not run",
        "enable it and restart the service; its agent needs the permissions of ssmmessages in the task role, a route to"
        " that service, a file system that can be written, and no AWS keys in the container's environment",
        "service.enableExecuteCommand",
        "aws ecs describe-tasks --query 'tasks[].containers[].managedAgents'",
    ),
    Reason(
        "steady",
        "has reached a steady state; has started 2 tasks; registered 2 targets",
        r"\(service [^)\n]{1,200}\).{0,300}?(?:has reached a steady state|has started \d+ tasks|registered \d+ targets"
        r"|deregistered \d+"
        r" targets|deployment completed|is (?:not )?AZ balanced|has begun draining|has stopped \d+ (?:running )?tasks?"
        r"|updated computedDesiredCount)",
        "this is not a failure: ECS reports what it does",
        "look for an event with a reason, if something is wrong all the same",
        "",
        STATUS,
        passing=True,
        conclusive=False,
    ),
    Reason(
        "property-refused",
        "HandlerErrorCode: InvalidRequest or NotUpdatable",
        r"HandlerErrorCode: (?:InvalidRequest|NotUpdatable)|(?:Properties|Model) validation failed"
        r"|Encountered unsupported property|Value of property \S+ must be",
        "AWS refuses a value of the resource; fsdcf does not know these words",
        "read which property the message names, and look at the line of the spec that the resource comes from",
        "",
        DIAGNOSE,
        conclusive=False,
    ),
    Reason(
        "resource-gone",
        "HandlerErrorCode: NotFound",
        r"HandlerErrorCode: NotFound",
        "the resource, or one that it refers to, does not exist; it may have been deleted outside the stack",
        "look for the name in the message: restore it, or remove what refers to it",
        "",
        DIAGNOSE,
        conclusive=False,
    ),
)
"""Messages in which the cause is not, or not for fsdcf."""

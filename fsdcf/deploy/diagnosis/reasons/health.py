"""Reasons for which a health check fails, of the load balancer or of the container.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import HEALTH_CHECK, LOGS, STATUS, Reason
from fsdcf.deploy.diagnosis.refinements import refine_container_check, refine_health_check

HEALTH_REASONS = (
    Reason(
        "container-check",
        "Task failed container health checks",
        r"failed container health checks",
        "the container's own health check fails",
        "run the check inside the container, and give it time with startPeriod",
        "service.healthCheck.container",
        HEALTH_CHECK,
        refine_container_check,
    ),
    Reason(
        "check-path",
        "Health checks failed with these codes: [404]",
        r"failed with these codes: \[(404)\]",
        "the load balancer's health check gets …: the path does not exist",
        "set a path that the service answers",
        "service.healthCheck.path",
        HEALTH_CHECK,
        refine_health_check,
    ),
    Reason(
        "check-gateway",
        "Health checks failed with these codes: [502], [503] or [504]",
        r"failed with these codes: \[(50[234])\]",
        "the load balancer's health check gets …: a proxy in the container cannot reach the application behind it",
        "set the application's own port, or let the proxy forward requests to the port that the application listens on",
        "service.port",
        LOGS,
        refine_health_check,
    ),
    Reason(
        "check-error",
        "Health checks failed with these codes: [500]",
        r"failed with these codes: \[(5\d\d)\]",
        "the load balancer's health check gets …: the application fails to answer it",
        "the log shows the cause; a check that queries the database fails whenever the database does",
        "service.healthCheck.path",
        LOGS,
        refine_health_check,
    ),
    Reason(
        "check-code",
        "Health checks failed with these codes: [301], [401], [400] or others",
        r"failed with these codes: \[([1-4]\d\d)\]",
        "the load balancer's health check gets …, which does not count as healthy",
        "set a path that answers without a redirect or a login and accepts any Host header, or add the code"
        " to successCodes",
        "service.healthCheck.successCodes",
        HEALTH_CHECK,
        refine_health_check,
    ),
    Reason(
        "check-timeout",
        "(reason Request timed out); Target.Timeout",
        r"reason Request timed out|Target\.Timeout",
        "the load balancer's health check gets no answer in time",
        "listen on 0.0.0.0 and not on 127.0.0.1, answer the check faster, or give it more time",
        "service.healthCheck.timeout",
        LOGS,
        refine_health_check,
    ),
    Reason(
        "check-refused",
        "(reason Health checks failed); Target.FailedHealthChecks",
        r"reason Health checks failed\)|Target\.FailedHealthChecks",
        "the load balancer's connection is refused, or the answer on the port is not HTTP",
        "set the port that the application listens on, and let it listen on 0.0.0.0",
        "service.port",
        LOGS,
        refine_health_check,
    ),
    Reason(
        "target-zone",
        "Target is in an Availability Zone that is not enabled for the load balancer; Target.NotInUse",
        r"Availability Zone that is not enabled for the load balancer",
        "the task runs in a zone in which the load balancer has no subnet",
        "give the load balancer a public subnet in each zone of the tasks",
        "service.networking.vpc.publicSubnets",
        "aws elbv2 describe-load-balancers --query 'LoadBalancers[].[LoadBalancerName,AvailabilityZones[].ZoneName]'",
    ),
    Reason(
        "target-unused",
        "Target group is not configured to receive traffic from the load balancer; Target.NotInUse",
        r"not configured to receive traffic from the load balancer|Target\.NotInUse",
        "no listener of the load balancer sends traffic to the target group",
        "deploy again, so that the stack restores its listener; do not change listeners and rules outside the stack",
        "service.networking.loadBalancer",
        "aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,LoadBalancerArns]'",
    ),
    Reason(
        "check-balancer-fault",
        "Health checks failed due to an internal error; Elb.InternalError",
        r"Elb\.InternalError|Health checks failed due to an internal error",
        "the load balancer itself fails",
        "try again: it passes by itself, and neither the image nor the spec is the cause",
        "service.networking.loadBalancer",
        STATUS,
        passing=True,
    ),
    Reason(
        "check-pending",
        "Initial health checks in progress; Target registration is in progress; Elb.InitialHealthChecking",
        r"Elb\.(?:InitialHealthChecking|RegistrationInProgress)|Initial health checks in progress"
        r"|Target registration is in progress",
        "the load balancer has not finished its first health checks of the task",
        "wait: the target becomes healthy after healthyThreshold checks, interval seconds apart",
        "service.healthCheck.healthyThreshold",
        STATUS,
        passing=True,
    ),
    Reason(
        "check",
        "Task failed ELB health checks",
        r"failed ELB health checks|failed at least the UnhealthyThreshold number of health checks",
        "the load balancer's health check fails",
        "check what the service answers on the path of its health check",
        "service.healthCheck.path",
        HEALTH_CHECK,
        refine_health_check,
    ),
)

"""Reasons for which ECS cannot place a task: quotas, zones, addresses, network interfaces, capacity, the deployment.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html, and published
reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import DIAGNOSE, STATUS, Reason
from fsdcf.deploy.diagnosis.refinements import refine_key, refine_network

_FARGATE_QUOTAS = "aws service-quotas list-service-quotas --service-code fargate"
_SUBNETS = "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,AvailabilityZoneId,AvailableIpAddressCount]'"

PLACEMENT_REASONS = (
    Reason(
        "quota",
        "You've reached the limit on the number of vCPUs (or tasks) you can run concurrently",
        r"reached the limit on the number of",
        "the account's Fargate quota is used up",
        "request a higher quota, or run fewer or smaller tasks",
        "service.resources.cpu",
        _FARGATE_QUOTAS,
    ),
    Reason(
        "size-quota",
        "The requested CPU (or MEMORY) configuration is above your limit",
        r"requested (CPU|MEMORY) configuration is above your limit",
        "a task of this size exceeds the account's quota for Fargate (…)",
        "request a higher quota of Fargate vCPUs, since new accounts begin with a low one; until then use a smaller"
        " task",
        "service.resources.cpu",
        _FARGATE_QUOTAS,
        refine_key({"MEMORY": "service.resources.memory"}),
    ),
    Reason(
        "zone-unsupported",
        "was unable to place a task. Reason: Internal error",
        r"unable to place a task\.? Reason: Internal (?:service )?error",
        "Fargate reports an internal error, which it gives for a subnet in a zone where Fargate does not run, and for a"
        " fault of its own",
        "wait some minutes for it to pass; if it does not, use subnets in zones where Fargate runs, by their zone ids",
        "service.networking.vpc.availabilityZones",
        _SUBNETS,
        passing=True,
    ),
    Reason(
        "addresses",
        "insufficient free addresses in the subnet",
        r"(?:insufficient|enough) (?:number of )?free (?:ip )?addresses|InsufficientFreeAddresses"
        r"|NoFreeAddressesInSubnet|(?:Reason:"
        r"|^)\s*(?:TaskFailedToStart: )?RESOURCE:ENI",
        "the subnets have no free address",
        "use larger or more subnets",
        "service.networking.vpc",
        _SUBNETS,
    ),
    Reason(
        "network-missing",
        "Unexpected EC2 error ...: InvalidSubnetID.NotFound, InvalidSecurityGroupID.NotFound",
        r"Unexpected EC2 error.*(Invalid(?:Subnet|SecurityGroup|Group)\w*\.NotFound)",
        "a subnet or a security group of the service does not exist (…)",
        "use an existing one in the service's VPC; delete resources of the stack only through the stack",
        "service.networking.vpc",
        "aws ec2 describe-security-groups --query 'SecurityGroups[].[GroupId,GroupName,VpcId]'",
        refine_network,
    ),
    Reason(
        "network-interface-quota",
        "The maximum number of network interfaces has been reached; NetworkInterfaceLimitExceeded",
        r"NetworkInterfaceLimitExceeded|maximum number of network interfaces|SecurityGroupsPerInterfaceLimitExceeded",
        "the account's quota of network interfaces in this region is used up, and each task needs one",
        "request a higher quota, run fewer tasks, or delete unused interfaces",
        "service.resources.desiredCount",
        "aws ec2 describe-network-interfaces --filters Name=status,Values=available",
    ),
    Reason(
        "network-interface-denied",
        "Unexpected EC2 error ...: UnauthorizedOperation",
        r"(?:Unexpected EC2 error|network interface).*UnauthorizedOperation",
        "ECS may not create the task's network interface",
        "restore the service-linked role AWSServiceRoleForECS, and exempt it from policies of the organization",
        "service.networking.vpc",
        "aws iam get-role --role-name AWSServiceRoleForECS",
    ),
    Reason(
        "network-interface",
        "Timeout waiting for network interface provisioning to complete; Unexpected EC2 error",
        r"Timeout waiting for (?:network interface|EphemeralStorage) provisioning"
        r"|Network interface provision\w* complete error|Unexpected EC2 error",
        "AWS did not provide the task's network interface or disk",
        "try again: it usually passes; if not, check the subnets and security groups of the service",
        "service.networking.vpc",
        STATUS,
        passing=True,
    ),
    Reason(
        "spot",
        "Your Spot Task was interrupted; SpotInterruption",
        r"Spot Task was interrupted|SpotInterruptionError|^SpotInterruption$",
        "AWS reclaimed the Spot capacity",
        "set spot.base to run some tasks on FARGATE",
        "service.resources.spot",
        STATUS,
        passing=True,
    ),
    Reason(
        "instances-missing",
        "unable to place a task because no container instance met all of its requirements",
        r"no container instance met all of its requirements|No Container Instances were found",
        "the service asks for EC2 instances of its cluster, and none fits",
        "deploy again: a service of fsdcf runs on Fargate, so its launch type was changed outside the stack",
        "service",
        DIAGNOSE,
    ),
    Reason(
        "capacity",
        "Capacity is unavailable at this time",
        r"Capacity is unavailable at this time|(?:Reason:|^)\s*(?:TaskFailedToStart: )?RESOURCE:\w+",
        "Fargate currently has no capacity for tasks of this size in these zones",
        "deploy later, in more zones, with another size or processor, or without Spot",
        "service.resources",
        STATUS,
        passing=True,
    ),
    Reason(
        "deployment-limits",
        "was unable to stop or start tasks during a deployment because of the service deployment configuration",
        r"because of the service deployment configuration",
        "minimumHealthyPercent and maximumPercent leave no room to stop an old task or to start a new one",
        "raise maximumPercent, or lower minimumHealthyPercent, so that one task can stop or start: ECS rounds the least"
        " number of tasks up and the largest one down",
        "service.deployment.minimumHealthyPercent",
        STATUS,
    ),
    Reason(
        "service-throttled",
        "operations are being throttled. Will try again later",
        r"operations are being throttled",
        "AWS limits the rate of the requests that ECS makes for this account",
        "wait: ECS tries again by itself; with many services, deploy fewer at once",
        "service.resources.desiredCount",
        STATUS,
        passing=True,
    ),
    Reason(
        "targets-unregistered",
        "failed to register targets in (target-group ...) with (error ...)",
        r"failed to (?:de)?register targets in",
        "ECS could not add the task to the target group of the load balancer, or remove it",
        "read the error in the message: one about a token or a rate passes by itself; otherwise check that the target"
        " group exists, and the service-linked role of ECS",
        "service.networking.loadBalancer",
        "aws iam get-role --role-name AWSServiceRoleForECS",
        passing=True,
    ),
    Reason(
        "alarm",
        "deployment failed: alarm detected",
        r"deployment failed: alarms? detected|alarms? (?:was|were) triggered during the deployment",
        "an alarm that watches the deployment went off, and ECS gave the deployment up",
        "find out which alarm is in ALARM and what it measures; an alarm that was on before fails each deployment",
        "service.deployment",
        "aws cloudwatch describe-alarms --state-value ALARM",
    ),
)

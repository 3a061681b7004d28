"""Reasons for which CloudFormation itself gives up: time, rates, exports; and those for which it cannot delete.

Sources: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html (the
handlers' error codes), https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html,
https://docs.aws.amazon.com/guardduty/latest/ug/runtime-monitoring-agent-resource-clean-up.html, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import CODED, DIAGNOSE, Reason
from fsdcf.deploy.diagnosis.refinements import refine_id
from fsdcf.suggested import suggested

_UNPROTECT = (
    "aws elbv2 modify-load-balancer-attributes --attributes Key=deletion_protection.enabled,Value=false"
    " --load-balancer-arn ID"
)
_DELETE = suggested("delete", "{service}", env="{environment}")
_EXPORTS = "aws cloudformation list-exports --query 'Exports[].[Name,ExportingStackId]'"
_INTERFACES = (
    "aws ec2 describe-network-interfaces --query 'NetworkInterfaces[].[NetworkInterfaceId,SubnetId,Description]'"
)
_GUARD = "GuardDuty's endpoint (guardduty-data) and its group GuardDutyManagedSecurityGroup are frequent ones"

OPERATION_REASONS = (
    Reason(
        "throttled",
        "Rate exceeded; HandlerErrorCode: Throttling; ThrottlingException",
        rf"HandlerErrorCode: Throttling|Rate exceeded.*{CODED}|{CODED}.*Rate exceeded|\ARate exceeded\.?\s*\Z"
        r"|ThrottlingException|\bThrottling\b.{0,120}Rate exceeded|RequestLimitExceeded|TooManyRequestsException"
        rf"|Too Many Requests.*{CODED}|Too many concurrent attempts to create a new revision",
        "AWS limits the rate of requests of this account, and the request failed after its retries",
        "deploy again: it passes by itself; start fewer deploys at the same time",
        "",
        DIAGNOSE,
        passing=True,
    ),
    Reason(
        "not-stabilized",
        "Resource timed out waiting for completion; Exceeded attempts to wait; HandlerErrorCode: NotStabilized",
        r"HandlerErrorCode: NotStabilized|Resource timed out waiting|Exceeded attempts to wait|did not stabilize"
        r"|resource failed to stabilize",
        "the resource did not become ready in the time that CloudFormation waits; for a service this means that its"
        " tasks"
        " do not stay healthy",
        "look for the cause in the resource itself: for a service, in its stopped tasks and health checks; a database"
        " or"
        " a certificate may only need longer, so deploy again",
        "",
        DIAGNOSE,
    ),
    Reason(
        "busy",
        "HandlerErrorCode: ResourceConflict; ConcurrentModificationException; OperationInProgress",
        r"HandlerErrorCode: ResourceConflict|ConcurrentModification\w*|ConcurrentOperation\w*"
        r"|ConflictException: .*(?:progress|update)|ResourceInUseException: .*(?:being|updat)",
        "another operation is changing the same resource",
        "deploy again when it has ended",
        "",
        DIAGNOSE,
        passing=True,
    ),
    Reason(
        "aws-fault",
        "HandlerErrorCode: InternalFailure, ServiceInternalError or NetworkFailure",
        r"HandlerErrorCode: (?:HandlerInternalFailure|InternalFailure|ServiceInternalError|NetworkFailure"
        r"|ServiceTimeout)"
        rf"|{CODED}.*(?:Status Code: 50\d|Internal Failure|InternalError|Service Unavailable)",
        "AWS itself failed",
        "deploy again: it usually passes; https://health.aws.amazon.com shows whether the service has a fault",
        "",
        DIAGNOSE,
        passing=True,
    ),
    Reason(
        "stack-state",
        "Stack ... is in ROLLBACK_COMPLETE state and can not be updated",
        r"is in (ROLLBACK_COMPLETE|ROLLBACK_FAILED|CREATE_FAILED) state and can\s*not be updated",
        "the first creation of the stack failed (…), and CloudFormation can only delete such a stack",
        "look for the cause of the first failure; then delete the stack and create it again, as deploying with"
        " --recreate does",
        "",
        DIAGNOSE,
    ),
    Reason(
        "stack-stuck",
        "Stack ... is in UPDATE_ROLLBACK_FAILED state and can not be updated",
        r"is in (UPDATE_ROLLBACK_FAILED|UPDATE_FAILED) state and can\s*not be updated",
        "an earlier update of the stack failed and could not be rolled back completely (…)",
        "remove what blocks the rollback, and continue it; then deploy again",
        "",
        suggested("recover", "{service}", env="{environment}"),
    ),
    Reason(
        "stack-busy",
        "Stack ... is in UPDATE_IN_PROGRESS state and can not be updated",
        r"is in ((?!REVIEW)\w+_IN_PROGRESS) state and can\s*not be (?:updated|deleted)",
        "another operation on the stack is in progress (…)",
        "follow it until it ends, then deploy again",
        "",
        suggested("watch", "{service}", env="{environment}"),
        passing=True,
    ),
    Reason(
        "stack-in-review",
        "Stack ... is in REVIEW_IN_PROGRESS state and can not be updated",
        r"is in REVIEW_IN_PROGRESS state and can\s*not be",
        "the stack is empty: a change set was to create it and was not executed, so there is nothing to update",
        "deploy: fsdcf creates the stack with a new change set; other tools need it to be deleted first",
        "",
        suggested("deploy", "{spec}", env="{environment}", plan_only=True),
    ),
    Reason(
        "replacement-without-rollback",
        "Replacement type updates not supported on stack with disable-rollback",
        r"Replacement type updates not supported",
        "the update replaces a resource, which CloudFormation refuses while the rollback is disabled",
        "leave the rollback enabled for this update, as fsdcf does",
        "",
        suggested("deploy", "{spec}", env="{environment}", plan_only=True),
    ),
    Reason(
        "capabilities",
        "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        r"Requires capabilities\s*:\s*\[(\w+)",
        "the template creates IAM resources, and the request did not acknowledge that (…)",
        "pass the capability to the tool that deploys the template; fsdcf does so by itself",
        "",
        "",
    ),
    Reason(
        "hook",
        "The following hook(s) failed: [...]; HandlerErrorCode: NonCompliant",
        r"following hook\(s\) failed:\s*\[([^\]]+)|HandlerErrorCode: NonCompliant",
        "a hook of the account refuses the resource …",
        "read what the hook demands in the event of the resource, and change the spec, or ask who maintains the hook",
        "",
        DIAGNOSE,
    ),
    Reason(
        "named-replacement",
        "CloudFormation cannot update a stack when a custom-named resource requires replacing",
        r"custom-named resource requires replacing\. Rename (\S+)|custom-named resource requires replacing",
        "the change replaces the resource … that has a name of its own, and the new one cannot have the same name",
        "give it another name, which makes a new and empty one; or undo the change that replaces it, which the plan"
        " names",
        "",
        suggested("deploy", "{spec}", env="{environment}", plan_only=True),
    ),
    Reason(
        "index-one-at-a-time",
        "Cannot perform more than one GSI creation or deletion in a single update",
        r"more than one GSI creation or deletion",
        "DynamoDB creates or deletes one index of a table at a time, and the change has several",
        "deploy the indexes one after the other",
        "dependencies.aws_dynamodb_table.globalSecondaryIndexes",
        "aws dynamodb list-tables",
    ),
    Reason(
        "export-used",
        "Cannot delete export ... as it is in use by ...; Export ... cannot be updated as it is in use by ...",
        r"Cannot delete export (\S+) as it is in use|Export (\S+) cannot be (?:updated|deleted) as it is in use",
        "other stacks import the value …, so that CloudFormation keeps it as it is",
        "first deploy the importing stacks without it, or delete them; then this one. A value that must change gets a"
        " new"
        " name next to the old one",
        "",
        _EXPORTS,
        refine_id(
            r"(?<=[Ee]xport )\S+(?= (?:as|cannot))",
            "aws cloudformation list-imports --export-name ID",
        ),
    ),
    Reason(
        "export-missing",
        "No export named ... found",
        r"No export named (\S+) found(?:\.|\s*\Z)",
        "no stack of this account and region exports …",
        "deploy the stack that exports it first; check that both are in the same region and account",
        "",
        _EXPORTS,
    ),
    Reason(
        "breaker",
        "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'",
        r"Circuit Breaker was triggered|deployment failed: tasks failed to start"
        r"|circuit breaker: tasks? failed to start",
        "the tasks of the deployment failed one after the other, and the circuit breaker of ECS ended it; why they"
        " failed"
        " is not in this text",
        "look at why the tasks stopped: the reason of a stopped task, the health checks, the log",
        "service.deployment.circuitBreaker",
        DIAGNOSE,
        conclusive=False,
    ),
)

DELETION_REASONS = (
    Reason(
        "cluster-in-use",
        "The Cluster cannot be deleted while Tasks (or Services) are active; ClusterContainsTasksException",
        r"Cluster cannot be deleted while (\w+)|ClusterContains\w+Exception",
        "tasks or services that are not of the stack, such as one-off tasks, still use the cluster",
        "stop those tasks and delete those services, then delete the stack again",
        "",
        _DELETE,
    ),
    Reason(
        "discovery-in-use",
        "Service contains registered instances; delete the instances before deleting the service (ServiceDiscovery)",
        r"contains registered instances|Namespace .*(?:contains|has) services|has associated services"
        r"|can't be deleted because it contains other resources",
        "tasks are still registered in Cloud Map, or something outside the stack was",
        "wait until the tasks have stopped, then delete the stack again; deregister what is not of the stack",
        "service",
        "aws servicediscovery list-services",
        passing=True,
    ),
    Reason(
        "guardduty",
        "GuardDutyManagedSecurityGroup; com.amazonaws.REGION.guardduty-data",
        r"GuardDutyManagedSecurityGroup|guardduty-data",
        "an endpoint or a security group that GuardDuty made in the VPC keeps the network from being deleted",
        "delete GuardDuty's endpoint first, then its security group, then the stack again; GuardDuty makes them in each"
        " network of an account with Runtime Monitoring",
        "service.networking.vpc",
        "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[VpcEndpointId,ServiceName,VpcId]'",
    ),
    Reason(
        "subnet-in-use",
        "The subnet 'subnet-...' has dependencies and cannot be deleted",
        r"subnet '?(subnet-\w+)'? has dependencies",
        "network interfaces that are not of the stack still use the subnet …",
        f"find out what they belong to, and delete that, then the stack again: {_GUARD}; those of tasks disappear"
        f" within"
        " minutes",
        "service.networking.vpc",
        _INTERFACES,
        refine_id(r"\bsubnet-\w+", f"{_INTERFACES} --filters Name=subnet-id,Values=ID"),
    ),
    Reason(
        "security-group-in-use",
        "resource sg-... has a dependent object; DependencyViolation",
        r"(sg-\w+)\b.{0,60}has a dependent object",
        "a network interface, or a rule of another security group, still uses the security group …",
        f"remove what uses it, then delete the stack again: {_GUARD}; interfaces of tasks disappear within minutes",
        "service.networking.vpc",
        _INTERFACES,
        refine_id(r"\bsg-\w+", f"{_INTERFACES} --filters Name=group-id,Values=ID"),
    ),
    Reason(
        "vpc-in-use",
        "The vpc 'vpc-...' has dependencies and cannot be deleted",
        r"vpc '?(vpc-\w+)'? has dependencies|DependencyViolation|has a dependent object"
        r"|[Nn]etwork (vpc-\w+) has some mapped public address",
        "parts of the VPC … that are not of the stack still exist, such as endpoints, security groups or addresses",
        f"delete them, then the stack again: {_GUARD}",
        "service.networking.vpc",
        "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[VpcEndpointId,ServiceName,VpcId]'",
        refine_id(
            r"\bvpc-\w+",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=ID --query"
            " 'VpcEndpoints[].[VpcEndpointId,ServiceName]'",
        ),
    ),
    Reason(
        "interface-in-use",
        "Network interface 'eni-...' is currently in use; InvalidNetworkInterface.InUse",
        r"interface '?(eni-\w+)'? is (?:currently )?in use|InvalidNetworkInterface\.InUse",
        "the network interface … is still attached",
        "wait until its task or load balancer is gone, then delete the stack again",
        "",
        _INTERFACES,
        refine_id(r"\beni-\w+", "aws ec2 describe-network-interfaces --network-interface-ids ID"),
    ),
    Reason(
        "bucket-not-empty",
        "The bucket you tried to delete is not empty; BucketNotEmpty",
        r"bucket you tried to delete is not empty|BucketNotEmpty",
        "the bucket still has objects, or old versions of them",
        "keep the bucket, as fsdcf does by default; or empty it with all versions, and delete the stack again",
        "dependencies",
        "aws s3api list-object-versions --bucket BUCKET --max-items 5",
    ),
    Reason(
        "protected-load-balancer",
        "Load balancer '...' cannot be deleted because deletion protection is enabled",
        r"Load balancer .*deletion protection is enabled",
        "the load balancer is protected against deletion",
        "make sure that it is not needed any more; then disable the protection, and delete again",
        "service.networking.loadBalancer.deletionProtection",
        _UNPROTECT.replace("ID", "ARN"),
        refine_id(r"\barn:aws[a-z-]*:elasticloadbalancing:[\w:/-]+", _UNPROTECT),
    ),
    Reason(
        "protected",
        "cannot be deleted as it is currently protected against deletion; deletion protection is enabled;"
        " TerminationProtection is enabled",
        r"protected against deletion|(?:deletion|termination)\s*protection is enabled|Disable deletion protection first"
        r"|cannot be deleted while TerminationProtection",
        "the resource, or the stack, is protected against deletion",
        "make sure that it is not needed any more; then disable the protection, and delete again",
        "",
        _DELETE,
    ),
    Reason(
        "target-group-in-use",
        "Target group '...' is currently in use by a listener or a rule; ResourceInUse",
        r"currently in use by a listener or a rule",
        "a listener or a rule that is not of the stack still uses the target group",
        "delete the listener or the rule, then the stack again",
        "service.networking.loadBalancer",
        "aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,LoadBalancerArns]'",
    ),
    Reason(
        "certificate-in-use",
        "Certificate arn:aws:acm:... in account ... is in use",
        r"[Cc]ertificate (arn:\S+) .*is in use",
        "a load balancer that is not of the stack still uses the certificate",
        "give that load balancer another certificate, then delete the stack again",
        "service.networking.loadBalancer.certificateArn",
        "aws acm describe-certificate --certificate-arn ARN --query Certificate.InUseBy",
        refine_id(
            r"arn:[\w-]+:acm:[\w:/-]+", "aws acm describe-certificate --certificate-arn ID --query Certificate.InUseBy"
        ),
    ),
    Reason(
        "role-in-use",
        "Cannot delete entity, must detach all policies first; DeleteConflict",
        r"Cannot delete entity|DeleteConflict",
        "a policy or an instance profile was attached to the role outside the stack",
        "detach it, then delete the stack again",
        "service.taskRole",
        "aws iam list-attached-role-policies --role-name NAME",
    ),
    Reason(
        "file-system-in-use",
        "file system has mount targets; FileSystemInUse",
        r"FileSystemInUse|file system .*(?:in use|mount targets)",
        "the file system still has mount targets, made outside the stack",
        "delete them, then the stack again",
        "dependencies",
        "aws efs describe-file-systems",
    ),
    Reason(
        "repository-not-empty",
        "The repository with name '...' cannot be deleted because it still contains images",
        r"repository .*(?:still contains images|RepositoryNotEmpty)|RepositoryNotEmptyException",
        "the repository still has images",
        "delete the images if nothing runs them, then the stack again",
        "",
        "aws ecr describe-repositories",
    ),
)

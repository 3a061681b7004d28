"""The known reasons of failures as one table.

The words of AWS, the cause, the advice, the spec key and the next command. Pure.

The words come from AWS's pages on stopped tasks, service events and target health
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html,
.../resource-initialization-error.html, .../task_cannot_pull_image.html, .../service-event-messages-list.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html), and from published
reports of users.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fsdcf.deploy.diagnosis.context import (
    DiagnosisContext,
    Refine,
    Refinement,
    refine_architecture,
    refine_container_check,
    refine_file_system,
    refine_health_check,
    refine_image,
    refine_image_permission,
    refine_memory,
    refine_network,
    refine_permission,
    refine_repository,
    refine_route,
    refine_secret,
)
from fsdcf.suggested import suggested

_LOGS, _STATUS, _DIAGNOSE = (
    suggested(name, "{service}", env="{environment}") for name in ("logs", "status", "diagnose")
)
_ACCESS, _GRAPH, _PERMISSIONS = (
    suggested(name, "{spec}", env="{environment}") for name in ("access", "graph", "permissions")
)
_HEALTH_CHECK = suggested("healthcheck", "{spec}", env="{environment}", url="http://127.0.0.1:{port}")
_SHELL = "docker run --rm -it --entrypoint sh {image}"
_SECRETS = "aws secretsmanager list-secrets"


@dataclass(frozen=True)
class Reason:
    """A row of the table. ``symptom`` is a short form of AWS's words; ``pattern`` finds them in what a task reports.

    ``cause`` is a clause in which ``…`` is replaced by the pattern's group. ``advice`` says what to do, ``key`` is the
    path of the spec's key to change, ``command`` is the next command, with the placeholders service, environment, spec,
    port and image (other braces are doubled); both may be empty. ``refine`` adds what the template says. ``passing``:
    it may pass without a change, so that ``--fail-fast`` does not cancel for it.
    """

    name: str
    symptom: str
    pattern: str
    cause: str
    advice: str
    key: str
    command: str
    refine: Refine = lambda context, match: Refinement()
    passing: bool = False


_DENIED = (
    r"(?:AccessDenied|not authorized|missing permissions|403 Forbidden|401 Unauthorized|no basic auth"
    r"|pull access denied|authorization failed|authentication required|has the permissions)"
)
_CUT_OFF = (
    r"(?:i/o timeout|timed? ?out|request canceled|Client\.Timeout|deadline exceeded|connection issue"
    r"|no such host|connection refused|request send failed|network configuration|send request failed|TLS handshake)"
)
_ROUTE_ADVICE = "give the tasks an egress route: NAT, a public address, or"

TASK_REASONS: Mapping[str, tuple[Reason, ...]] = {
    "The image cannot be pulled": (
        Reason(
            "image-architecture",
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform; exec format error",
            r"matching platform|match for platform|no matching manifest|descriptor for platform|exec format error"
            r"|exec user process caused",
            "the image is built for another processor",
            "build the image for the processor that the tasks run on, or change the architecture",
            "service.resources.architecture",
            "docker buildx imagetools inspect {image}",
            refine_architecture,
        ),
        Reason(
            "image-rate-limit",
            "CannotPullContainerError: toomanyrequests",
            r"CannotPull\w*Error.*(?:toomanyrequests|pull rate limit|429 Too Many Requests)",
            "the registry is limiting the rate of pulls from this address",
            "keep the image in ECR, with a pull-through cache or as a copy",
            "service.image",
            "aws ecr create-pull-through-cache-rule --help",
        ),
        Reason(
            "repository-missing",
            "CannotPullContainerError: ... name unknown: The repository with name ... does not exist",
            r"CannotPull\w*Error.*(?:name unknown|The repository with name|RepositoryNotFound)",
            "the repository of the image does not exist",
            "create the repository, push the image to it, and deploy again",
            "service.image",
            "aws ecr create-repository --repository-name {service}",
            refine_repository,
        ),
        Reason(
            "image-denied",
            "CannotPullContainerError: ... 403 Forbidden; pull access denied; check that the role has the permissions",
            rf"CannotPull\w*Error.*{_DENIED}",
            "the tasks have no permission to pull the image",
            "let the execution role pull from the repository, and let the repository's policy allow this account",
            "service.executionRole.statements",
            "aws ecr get-repository-policy --repository-name {service}",
            refine_image_permission,
        ),
        Reason(
            "image-layers-unreachable",
            "CannotPullContainerError: ... Get https://prod-REGION-starport-layer-bucket.s3...: i/o timeout",
            rf"CannotPull\w*Error.*starport-layer-bucket.*{_CUT_OFF}",
            "the tasks cannot reach S3, where ECR keeps the image's layers",
            "give the route tables of the tasks' subnets a gateway endpoint for S3, or an egress route, and let the"
            " security group reach it",
            "service.networking.vpc",
            "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,VpcEndpointType,RouteTableIds]'",
        ),
        Reason(
            "image-unreachable",
            "CannotPullContainerError: ... i/o timeout; there is a connection issue between the task and the registry",
            rf"CannotPull\w*Error.*{_CUT_OFF}",
            "the tasks cannot reach the registry",
            f"{_ROUTE_ADVICE} endpoints for ecr.api, ecr.dkr and logs",
            "service.networking.vpc.nat",
            _GRAPH,
            refine_route("ecr.api", "ecr.dkr"),
        ),
        Reason(
            "image-missing",
            "CannotPullContainerError: ... not found",
            r"CannotPull\w*Error.*(?:not found|manifest unknown|does(?: not|n't) exist|name unknown|not there)",
            "the registry does not contain the image",
            "push the image before the deploy, or deploy a tag that exists",
            "service.image",
            "aws ecr list-images --repository-name {service}",
            refine_image,
        ),
        Reason(
            "disk-full",
            "CannotPullContainerError: no space left on device",
            r"no space left on device",
            "the disk of the task is too small for the image or for the data that it writes",
            "give the task more disk, or make the image smaller",
            "service.resources.ephemeralStorage",
            _LOGS,
        ),
        Reason(
            "image-pull",
            "CannotPullContainerError, for another reason",
            r"CannotPull\w*Error",
            "the image cannot be pulled",
            "read the registry's message, and try to pull the image with the same reference",
            "service.image",
            _DIAGNOSE,
            refine_image,
        ),
    ),
    "The task cannot be prepared": (
        Reason(
            "secret-key-missing",
            "ResourceInitializationError: ... retrieved secret from Secrets Manager did not contain json key",
            r"did not contain json key (\S+?)[.,;]?(?:\s|$)|invalid character .* looking for beginning of value",
            "the secret has no key … in its JSON",
            "add the key to the secret, or use a key that it has; a secret that is not JSON has no keys",
            "service.secrets",
            _SECRETS,
            refine_secret,
        ),
        Reason(
            "secret-deleted",
            "ResourceInitializationError: ... You can't perform this operation on the secret because it was marked for"
            " deletion",
            r"secret because it was (?:marked for deletion|deleted)",
            "the secret is marked for deletion",
            "restore it, or use another secret: one that is marked for deletion cannot be read",
            "service.secrets",
            f"{_SECRETS} --include-planned-deletion",
            refine_secret,
        ),
        Reason(
            "secret-empty",
            "ResourceInitializationError: ... can't find the specified secret value for staging label: AWSCURRENT",
            r"specified secret value for (?:staging label|VersionId)",
            "the secret has no value",
            "give it a value before the deploy",
            "service.secrets",
            _SECRETS,
            refine_secret,
        ),
        Reason(
            "secret-missing",
            "ResourceInitializationError: ... Secrets Manager can't find the specified secret; invalid ssm parameters",
            r"can(?:'|no)t find the specified secret|check that the secret exists|invalid (?:ssm )?parameters"
            r"|ParameterNotFound|secrets manager: ResourceNotFoundException",
            "a secret or parameter of the spec does not exist",
            "create it, or correct its name or ARN, including the region and the account",
            "service.secrets",
            _SECRETS,
            refine_secret,
        ),
        Reason(
            "secret-key-denied",
            "ResourceInitializationError: ... not authorized to perform: kms:Decrypt; Access to KMS is not allowed",
            r"kms:Decrypt|Access to KMS is not allowed|ciphertext refers to a customer master key",
            "the tasks have no permission to use the key that encrypts the secret",
            "allow kms:Decrypt on the secret's key, in the role and in the key's policy",
            "service.executionRole.statements",
            "aws kms list-aliases",
            refine_permission("kms:Decrypt", show="aws kms get-key-policy --policy-name default --key-id"),
        ),
        Reason(
            "secret-denied",
            "ResourceInitializationError: ... not authorized to perform: secretsmanager:GetSecretValue",
            r"secretsmanager:GetSecretValue|(?:retrieve|fetch\w*) secret.*(?:asm|secrets manager).*AccessDenied",
            "the tasks have no permission to read the secret",
            "list the secret under service.secrets: the execution role then gets the statement",
            "service.secrets",
            _SECRETS,
            refine_permission(
                "secretsmanager:GetSecretValue",
                key="service.secrets",
                show="aws secretsmanager get-resource-policy --secret-id",
            ),
        ),
        Reason(
            "parameter-denied",
            "ResourceInitializationError: ... not authorized to perform: ssm:GetParameters",
            r"ssm:GetParameters?|from ssm.*AccessDenied",
            "the tasks have no permission to read the parameter",
            "list the parameter under service.secrets: the execution role then gets the statement",
            "service.secrets",
            "aws ssm describe-parameters",
            refine_permission("ssm:GetParameters", key="service.secrets", show="aws ssm get-parameters --names"),
        ),
        Reason(
            "registry-denied",
            "ResourceInitializationError: ... not authorized to perform: ecr:GetAuthorizationToken",
            r"ecr:GetAuthorizationToken|ecr registry auth.*AccessDenied",
            "ECR rejects the execution role",
            "allow ecr:GetAuthorizationToken",
            "service.executionRole.statements",
            _ACCESS,
            refine_permission("ecr:GetAuthorizationToken"),
        ),
        Reason(
            "secret-unreachable",
            "ResourceInitializationError: ... unable to retrieve secret from asm (or ssm): ... i/o timeout",
            rf"ResourceInit.*(?:from asm|from ssm|secrets manager|secretsmanager\.|ssm\.).*{_CUT_OFF}",
            "the tasks cannot reach Secrets Manager or the Parameter Store",
            f"{_ROUTE_ADVICE} the endpoints secretsmanager and ssm",
            "service.networking.vpc.nat",
            _GRAPH,
            refine_route("secretsmanager", "ssm"),
        ),
        Reason(
            "log-group-missing",
            "ResourceInitializationError: failed to validate logger args: ... the specified log group does not exist",
            r"log group does not exist",
            "the log group no longer exists",
            "deploy again with logs enabled, and do not delete the group outside the stack",
            "service.observability.logs",
            "aws logs describe-log-groups",
        ),
        Reason(
            "logs-denied",
            "ResourceInitializationError: failed to validate logger args: ... not authorized to perform:"
            " logs:CreateLogStream",
            r"not authorized to perform: logs:\w+",
            "the tasks have no permission to write the log",
            "let the execution role write to the log group",
            "service.executionRole.statements",
            _ACCESS,
            refine_permission("logs:CreateLogStream", "logs:PutLogEvents"),
        ),
        Reason(
            "logs-unreachable",
            "ResourceInitializationError: failed to validate logger args: ... i/o timeout",
            rf"(?:logger args|logging driver).*{_CUT_OFF}",
            "the tasks cannot reach CloudWatch Logs",
            f"{_ROUTE_ADVICE} the endpoint logs",
            "service.networking.vpc.nat",
            _GRAPH,
            refine_route("logs"),
        ),
        Reason(
            "file-system-denied",
            "ResourceInitializationError: failed to invoke EFS utils commands ... access denied by server",
            r"failed to invoke EFS utils commands.*access denied by server",
            "the EFS file system denies the mount",
            "mount it through its access point (unmanaged.accessPointId); its policy shows what it denies",
            "service.volumes",
            "aws efs describe-file-systems",
        ),
        Reason(
            "file-system",
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes",
            r"failed to invoke EFS utils commands",
            "the EFS file system cannot be mounted",
            "it needs a mount target in each of the tasks' zones, port 2049 open to the tasks, and the directory of the"
            " access point",
            "service.volumes",
            "aws efs describe-file-systems",
            refine_file_system,
        ),
        Reason(
            "registry-unreachable",
            "ResourceInitializationError: unable to pull secrets or registry auth: ... connection issue; i/o timeout",
            rf"ResourceInit.*{_CUT_OFF}",
            "the tasks cannot reach ECR",
            f"{_ROUTE_ADVICE} endpoints for ecr.api, ecr.dkr and logs",
            "service.networking.vpc.nat",
            _GRAPH,
            refine_route("ecr.api", "ecr.dkr"),
        ),
        Reason(
            "role",
            "ECS was unable to assume the role that was provided for this task",
            r"unable to assume the role '?([^\s']*)",
            "ECS cannot assume the role …",
            "add ecs-tasks.amazonaws.com to the role's trust policy; a new role takes some seconds to take effect, so"
            " try again first",
            "service.taskRole",
            _ACCESS,
        ),
        Reason(
            "preparation",
            "ResourceInitializationError, for another reason",
            r"ResourceInit\w*Error(?!: (?:failed|unable) to create new container)",
            "the task could not be prepared",
            "read ECS's message: secrets, registry, volumes and logs are set up before the container starts",
            "service",
            _DIAGNOSE,
        ),
    ),
    "A health check fails": (
        Reason(
            "container-check",
            "Task failed container health checks",
            r"failed container health checks",
            "the container's own health check fails",
            "run the check inside the container, and give it time with startPeriod",
            "service.healthCheck.container",
            _HEALTH_CHECK,
            refine_container_check,
        ),
        Reason(
            "check-path",
            "Health checks failed with these codes: [404]",
            r"failed with these codes: \[(404)\]",
            "the load balancer's health check gets …: the path does not exist",
            "set a path that the service answers",
            "service.healthCheck.path",
            _HEALTH_CHECK,
            refine_health_check,
        ),
        Reason(
            "check-gateway",
            "Health checks failed with these codes: [502], [503] or [504]",
            r"failed with these codes: \[(50[234])\]",
            "the load balancer's health check gets …: a proxy in the container cannot reach the application behind it",
            "set the application's own port, or let the proxy forward requests to the port that the application listens"
            " on",
            "service.port",
            _LOGS,
            refine_health_check,
        ),
        Reason(
            "check-error",
            "Health checks failed with these codes: [500]",
            r"failed with these codes: \[(5\d\d)\]",
            "the load balancer's health check gets …: the application fails to answer it",
            "the log shows the cause; a check that queries the database fails whenever the database does",
            "service.healthCheck.path",
            _LOGS,
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
            _HEALTH_CHECK,
            refine_health_check,
        ),
        Reason(
            "check-timeout",
            "(reason Request timed out); Target.Timeout",
            r"Request timed out|Target\.Timeout",
            "the load balancer's health check gets no answer in time",
            "listen on 0.0.0.0 and not on 127.0.0.1, answer the check faster, or give it more time",
            "service.healthCheck.timeout",
            _LOGS,
            refine_health_check,
        ),
        Reason(
            "check-refused",
            "(reason Health checks failed); Target.FailedHealthChecks",
            r"reason Health checks failed\)|Target\.FailedHealthChecks|^Health checks failed$",
            "the load balancer's connection is refused, or the answer on the port is not HTTP",
            "set the port that the application listens on, and let it listen on 0.0.0.0",
            "service.port",
            _LOGS,
            refine_health_check,
        ),
        Reason(
            "check",
            "Task failed ELB health checks",
            r"failed ELB health checks",
            "the load balancer's health check fails",
            "check what the service answers on the path of its health check",
            "service.healthCheck.path",
            _HEALTH_CHECK,
            refine_health_check,
        ),
    ),
    "The task cannot be placed": (
        Reason(
            "quota",
            "You've reached the limit on the number of vCPUs (or tasks) you can run concurrently",
            r"reached the limit on the number of",
            "the account's Fargate quota is used up",
            "request a higher quota, or run fewer or smaller tasks",
            "service.resources.cpu",
            "aws service-quotas list-service-quotas --service-code fargate",
        ),
        Reason(
            "addresses",
            "insufficient free addresses in the subnet",
            r"free addresses|InsufficientFreeAddresses|RESOURCE:ENI",
            "the subnets have no free address",
            "use larger or more subnets",
            "service.networking.vpc",
            "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,AvailableIpAddressCount]'",
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
            "network-interface",
            "Timeout waiting for network interface provisioning to complete; Unexpected EC2 error",
            r"Timeout waiting for (?:network interface|EphemeralStorage) provisioning"
            r"|Network interface provision\w* complete error|Unexpected EC2 error",
            "AWS did not provide the task's network interface or disk",
            "try again: it usually passes; if not, check the subnets and security groups of the service",
            "service.networking.vpc",
            _STATUS,
            passing=True,
        ),
        Reason(
            "spot",
            "Your Spot Task was interrupted; SpotInterruption",
            r"Spot(?: Task was interrupted|Interruption|InterruptionError)",
            "AWS reclaimed the Spot capacity",
            "set spot.base to run some tasks on FARGATE",
            "service.resources.spot",
            _STATUS,
            passing=True,
        ),
        Reason(
            "capacity",
            "Capacity is unavailable at this time",
            r"Capacity is unavailable|RESOURCE:\w+",
            "Fargate currently has no capacity for tasks of this size in these zones",
            "deploy later, in more zones, with another size or processor, or without Spot",
            "service.resources",
            _STATUS,
            passing=True,
        ),
    ),
    "The container exits": (
        Reason(
            "memory",
            "OutOfMemoryError: Container killed due to memory usage; exit code 137",
            r"OutOfMemory|exit code 137\b",
            "the container needs more memory than the task has",
            "give the task more memory, or make the container need less: fewer workers, smaller caches",
            "service.resources.memory",
            _LOGS,
            refine_memory,
        ),
        Reason(
            "working-directory",
            "CannotStartContainerError: ... chdir to cwd ... no such file or directory",
            r"chdir to cwd \(\\?\"([^\"\\]+)",
            "the working directory … is not in the image, or is not accessible",
            "correct the working directory, or create it in the image for the user that the container runs as",
            "service.workingDirectory",
            _SHELL,
        ),
        Reason(
            "user",
            "CannotStartContainerError: ... no users found; unable to find user; etc/passwd: no such file or directory",
            r"no users found|no groups found|unable to find (?:user|group) ([\w-]+)"
            r"|etc/(?:passwd|group): no such file",
            "the container's user … does not exist in the image",
            "use a user from the image's /etc/passwd, or a numeric one",
            "service.user",
            _SHELL,
        ),
        Reason(
            "command",
            "CannotStartContainerError: ... executable file not found in $PATH; exit code 126 or 127",
            r"exec: \\?\"([^\"\\]+)\\?\"|executable file not found|exit code 12[67]\b"
            r"|CannotStartContainerError.*(?:no such file|permission denied)",
            "the command … is not in the image, or cannot be executed",
            "correct the command, or add it to the image and make it executable",
            "service.command",
            _SHELL,
        ),
        Reason(
            "runtime-timeout",
            "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting",
            r"(?:ContainerRuntime|Docker)TimeoutError",
            "the container did not start in the time that Fargate allows",
            "check what the container does at startup, and whether a log driver or a volume blocks it; then try again",
            "service.command",
            _LOGS,
        ),
        Reason(
            "start",
            "CannotStartContainerError, CannotCreateContainerError, CannotCreateVolumeError, for another reason",
            r"Cannot(?:StartContainer|CreateContainer|CreateVolume|InspectContainer)Error|ContainerRuntimeError",
            "the container could not be started",
            "read the runtime's message, and check the command, the user, the working directory and the mounts",
            "service.command",
            _DIAGNOSE,
        ),
        Reason(
            "segmentation-fault",
            "Essential container in task exited; exit code 139",
            r"exit code 139\b",
            "the program crashed with a segmentation fault (139)",
            "check the native libraries, and whether the image is built for this processor",
            "service.resources.architecture",
            _LOGS,
        ),
        Reason(
            "exit-zero",
            "Essential container in task exited; exit code 0",
            r"Essential container in task exited.*exit code 0\b",
            "the command ended, but a service must keep running",
            "run the server in the foreground",
            "service.command",
            _LOGS,
        ),
        Reason(
            "exit",
            "Essential container in task exited; exit code 1 or another",
            r"exit code (\d+)",
            "the application ended with exit code …",
            "the last lines of the log show the cause: often a missing variable or secret, or a database that it"
            " cannot reach",
            "service.environment",
            _LOGS,
        ),
    ),
}
"""The reasons of tasks, by the heading of their group.

The first match counts: special reasons come before general ones.
"""

HIDDEN = Reason(
    "hidden-rollback",
    "the stack is UPDATE_COMPLETE, and the service runs the earlier task definition",
    r"(?!)",
    "ECS rolled the deployment back after the stack had completed",
    "deploy a version that starts; until then the stack and the service differ",
    "service.deployment.circuitBreaker",
    _DIAGNOSE,
)
"""Recognized by the PRIMARY deployment, not by words."""

STACK_REASONS = (
    Reason(
        "linked-role",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists",
        r"assume the service.linked role|service.linked role does not exist",
        "the account has not used ECS before, and its service-linked role does not exist yet",
        "deploy again: the first call creates the role, which the command shows; if it still does not exist, run"
        " aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
        "",
        "aws iam get-role --role-name AWSServiceRoleForECS",
    ),
    Reason(
        "vpc-quota",
        "The maximum number of VPCs (or internet gateways) has been reached",
        r"maximum number of (?:VPCs|internet gateways) has been reached|(?:Vpc|InternetGateway)LimitExceeded",
        "the account's quota of VPCs in this region is used up",
        "use an existing VPC, delete an unused one, or request a higher quota",
        "service.networking.vpc",
        "aws ec2 describe-vpcs --query 'Vpcs[].[VpcId,CidrBlock,Tags]'",
    ),
    Reason(
        "address-quota",
        "The maximum number of addresses has been reached",
        r"maximum number of addresses has been reached|AddressLimitExceeded",
        "the account's quota of Elastic IP addresses in this region is used up, and each NAT gateway needs one",
        "use one NAT gateway or none, release an unused address, or request a higher quota",
        "service.networking.vpc.nat",
        "aws ec2 describe-addresses --query 'Addresses[].[PublicIp,AssociationId]'",
    ),
    Reason(
        "subnet-range",
        "The CIDR '10.0.0.0/20' conflicts with another subnet",
        r"The CIDR '[^']*' conflicts with another subnet|InvalidSubnet\.Conflict",
        "a new subnet has the address range of one that exists: the zones of the network have changed, or Fn::GetAZs"
        " now returns them in another order",
        "keep the zones of a deployed network; for others, deploy the service under another name next to this one, with"
        " the ids of its zones",
        "service.networking.vpc.availabilityZones",
        "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,VpcId,CidrBlock,AvailabilityZoneId]'",
    ),
    Reason(
        "certificate",
        "The certificate '...' must have a fully-qualified domain name, a supported signature, and a supported key"
        " size; CertificateNotFound",
        r"certificate '[^']*' (?:must have|not found|was not found)|CertificateNotFound|UnsupportedCertificate",
        "the load balancer cannot use the certificate",
        "use one that ACM has issued (not one with a pending validation) in the region of the load balancer",
        "service.networking.loadBalancer.certificateArn",
        "aws acm list-certificates --certificate-statuses ISSUED PENDING_VALIDATION",
    ),
    Reason(
        "permission",
        "User: ... is not authorized to perform: iam:CreateRole on resource: ...",
        r"not authorized to perform|HandlerErrorCode: (?:AccessDenied|UnauthorizedTaggingOperation)",
        "the deploying user or role lacks a permission",
        "give the deploying role the policy that this command prints, or find out what denies it: a permissions"
        " boundary or a policy of the organization",
        "",
        _PERMISSIONS,
    ),
    Reason(
        "name-taken",
        "Resource of type '...' with identifier '...' already exists",
        r"already exists|BucketAlreadyOwnedByYou|HandlerErrorCode: AlreadyExists",
        "a resource with that name already exists in this account or, for a bucket, in any account",
        "choose another name, or delete the existing resource if it is unused",
        "",
        "",
    ),
)
"""The reasons of resources that CloudFormation itself could not create or change, special ones first."""

REASONS = tuple(reason for group in TASK_REASONS.values() for reason in group)


@dataclass(frozen=True)
class MatchedReason:
    """A reason that matched.

    The cause in a sentence, the advice, the spec key, and the command with its placeholders.
    """

    reason: Reason
    sentence: str
    advice: str
    key: str
    command: str


def match_reason(
    testimony: str, context: DiagnosisContext, reasons: Sequence[Reason] = REASONS
) -> MatchedReason | None:
    """The first reason that matches the words of AWS; None if none does."""
    for reason in reasons:
        match = re.search(reason.pattern, testimony, re.DOTALL | re.IGNORECASE | re.MULTILINE)
        if match is not None:
            caught = next((group for group in match.groups() if group), "")
            cause = reason.cause.replace("…", caught) if caught else reason.cause.replace(" …", "")
            more = reason.refine(context, match)
            gap = "" if more.clause.startswith((":", ",", ";")) or not more.clause else " "
            return MatchedReason(
                reason,
                f"{cause}{gap}{more.clause}",
                more.advice or reason.advice,
                more.key or reason.key,
                more.command or reason.command,
            )
    return None

"""The known reasons why tasks fail, in the words of ECS, each with its cause, advice, spec key and command. Pure.

The words are those of AWS's pages on stopped tasks, service events and target health
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html, .../resource-initialization-error.html,
.../task_cannot_pull_image.html, .../service-event-messages-list.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html), and those that users have published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fsdcf.deploy.diagnosis import reason
from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.reason import AGAIN, LOGS, STATUS, Reason

_DENIED = (
    r"(?:AccessDenied|not authorized|missing permissions|403 Forbidden|401 Unauthorized|no basic auth"
    r"|pull access denied|authorization failed|authentication required|has the permissions)"
)
_CUT_OFF = (
    r"(?:i/o timeout|timed? ?out|request canceled|Client\.Timeout|deadline exceeded|connection issue"
    r"|no such host|connection refused|request send failed|network configuration|send request failed|TLS handshake)"
)

PULLING = (
    Reason(
        "image-architecture",
        "CannotPullContainerError: image Manifest does not contain descriptor matching platform; exec format error",
        r"matching platform|match for platform|no matching manifest|descriptor for platform|exec format error|exec user process caused",
        "the image is built for another processor",
        "build the image for the processor that the tasks run on, or change the architecture",
        "service.resources.architecture",
        "docker buildx imagetools inspect {image}",
        reason.architecture,
    ),
    Reason(
        "image-rate-limit",
        "CannotPullContainerError: toomanyrequests",
        r"CannotPull\w*Error.*(?:toomanyrequests|pull rate limit|429 Too Many Requests)",
        "the registry takes no more pulls from this address for now",
        "keep the image in ECR, by a pull-through cache or a copy",
        "service.image",
        "aws ecr create-pull-through-cache-rule --help",
    ),
    Reason(
        "image-denied",
        "CannotPullContainerError: ... 403 Forbidden; pull access denied; check that the role has the permissions",
        rf"CannotPull\w*Error.*{_DENIED}",
        "the image may not be pulled",
        "let the execution role pull from the repository, and the repository's policy let this account in",
        "service.executionRole.statements",
        "aws ecr get-repository-policy --repository-name {service}",
        reason.image_permission,
    ),
    Reason(
        "image-layers-unreachable",
        "CannotPullContainerError: ... Get https://prod-REGION-starport-layer-bucket.s3...: i/o timeout",
        rf"CannotPull\w*Error.*starport-layer-bucket.*{_CUT_OFF}",
        "the image's layers cannot be read from S3, where ECR keeps them",
        "give the route tables of the tasks' subnets a gateway endpoint for S3, or a way out, and let the security group reach it",
        "service.networking.vpc",
        "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,VpcEndpointType,RouteTableIds]'",
    ),
    Reason(
        "image-unreachable",
        "CannotPullContainerError: ... i/o timeout; there is a connection issue between the task and the registry",
        rf"CannotPull\w*Error.*{_CUT_OFF}",
        "the registry cannot be reached from the tasks",
        "give the tasks a way out: NAT, a public address, or endpoints for ecr.api, ecr.dkr and logs",
        "service.networking.vpc.nat",
        "fsdcf graph {spec} --env {environment}",
        reason.route("ecr.api", "ecr.dkr"),
    ),
    Reason(
        "image-missing",
        "CannotPullContainerError: ... not found",
        r"CannotPull\w*Error.*(?:not found|manifest unknown|does(?: not|n't) exist|name unknown|not there)",
        "there is no such image in the registry",
        "push the image before it is deployed, or deploy a tag that exists",
        "service.image",
        "aws ecr list-images --repository-name {service}",
        reason.image,
    ),
    Reason(
        "disk-full",
        "CannotPullContainerError: no space left on device",
        r"no space left on device",
        "the disk of the task is too small for the image or for what it writes",
        "give the task more disk, or make the image smaller",
        "service.resources.ephemeralStorage",
        LOGS,
    ),
    Reason(
        "image-pull",
        "CannotPullContainerError, for another reason",
        r"CannotPull\w*Error",
        "the image cannot be pulled",
        "see what the registry says, and try to pull it with the same reference",
        "service.image",
        AGAIN,
        reason.image,
    ),
)
PREPARING = (
    Reason(
        "secret-key-missing",
        "ResourceInitializationError: ... retrieved secret from Secrets Manager did not contain json key",
        r"did not contain json key (\S+?)[.,;]?(?:\s|$)|invalid character .* looking for beginning of value",
        "the secret has no key … in its JSON",
        "write the key into the secret, or name one that is there; a secret that is no JSON has no keys",
        "service.secrets",
        "aws secretsmanager list-secrets",
        reason.secret,
    ),
    Reason(
        "secret-deleted",
        "ResourceInitializationError: ... You can't perform this operation on the secret because it was marked for deletion",
        r"secret because it was (?:marked for deletion|deleted)",
        "the secret is marked for deletion",
        "restore it, or name another one; what waits for its deletion cannot be read",
        "service.secrets",
        "aws secretsmanager list-secrets --include-planned-deletion",
        reason.secret,
    ),
    Reason(
        "secret-empty",
        "ResourceInitializationError: ... can't find the specified secret value for staging label: AWSCURRENT",
        r"specified secret value for (?:staging label|VersionId)",
        "the secret exists and has no value",
        "put a value into it before the deploy",
        "service.secrets",
        "aws secretsmanager list-secrets",
        reason.secret,
    ),
    Reason(
        "secret-missing",
        "ResourceInitializationError: ... Secrets Manager can't find the specified secret; invalid ssm parameters",
        r"can(?:'|no)t find the specified secret|check that the secret exists|invalid (?:ssm )?parameters|ParameterNotFound|secrets manager: ResourceNotFoundException",
        "a secret or parameter of the spec does not exist",
        "create it, or correct its ARN; the region and the account are parts of it",
        "service.secrets",
        "aws secretsmanager list-secrets",
        reason.secret,
    ),
    Reason(
        "secret-key-denied",
        "ResourceInitializationError: ... not authorized to perform: kms:Decrypt; Access to KMS is not allowed",
        r"kms:Decrypt|Access to KMS is not allowed|ciphertext refers to a customer master key",
        "the key that encrypts the secret may not be used",
        "allow kms:Decrypt with the secret's own key, in the role and in the key's policy",
        "service.executionRole.statements",
        "aws kms list-aliases",
        reason.permission("kms:Decrypt", look="aws kms get-key-policy --policy-name default --key-id"),
    ),
    Reason(
        "secret-denied",
        "ResourceInitializationError: ... not authorized to perform: secretsmanager:GetSecretValue",
        r"secretsmanager:GetSecretValue|(?:retrieve|fetch\w*) secret.*(?:asm|secrets manager).*AccessDenied",
        "the secret may not be read",
        "list the secret under service.secrets: the execution role then gets the statement",
        "service.secrets",
        "aws secretsmanager list-secrets",
        reason.permission(
            "secretsmanager:GetSecretValue",
            key="service.secrets",
            look="aws secretsmanager get-resource-policy --secret-id",
        ),
    ),
    Reason(
        "parameter-denied",
        "ResourceInitializationError: ... not authorized to perform: ssm:GetParameters",
        r"ssm:GetParameters?|from ssm.*AccessDenied",
        "the parameter may not be read",
        "list the parameter under service.secrets: the execution role then gets the statement",
        "service.secrets",
        "aws ssm describe-parameters",
        reason.permission("ssm:GetParameters", key="service.secrets", look="aws ssm get-parameters --names"),
    ),
    Reason(
        "registry-denied",
        "ResourceInitializationError: ... not authorized to perform: ecr:GetAuthorizationToken",
        r"ecr:GetAuthorizationToken|ecr registry auth.*AccessDenied",
        "ECR does not let the execution role in",
        "allow ecr:GetAuthorizationToken",
        "service.executionRole.statements",
        "fsdcf access {spec} --env {environment}",
        reason.permission("ecr:GetAuthorizationToken"),
    ),
    Reason(
        "secret-unreachable",
        "ResourceInitializationError: ... unable to retrieve secret from asm (or ssm): ... i/o timeout",
        rf"ResourceInit.*(?:from asm|from ssm|secrets manager|secretsmanager\.|ssm\.).*{_CUT_OFF}",
        "Secrets Manager or the Parameter Store cannot be reached from the tasks",
        "give the tasks a way out: NAT, a public address, or the endpoints secretsmanager and ssm",
        "service.networking.vpc.nat",
        "fsdcf graph {spec} --env {environment}",
        reason.route("secretsmanager", "ssm"),
    ),
    Reason(
        "log-group-missing",
        "ResourceInitializationError: failed to validate logger args: ... the specified log group does not exist",
        r"log group does not exist",
        "the log group is gone",
        "deploy again with logs on; who deleted the group outside of the stack must not do so again",
        "service.observability.logs",
        "aws logs describe-log-groups",
    ),
    Reason(
        "logs-denied",
        "ResourceInitializationError: failed to validate logger args: ... not authorized to perform: logs:CreateLogStream",
        r"not authorized to perform: logs:\w+",
        "the log may not be written",
        "let the execution role write to the log group",
        "service.executionRole.statements",
        "fsdcf access {spec} --env {environment}",
        reason.permission("logs:CreateLogStream", "logs:PutLogEvents"),
    ),
    Reason(
        "logs-unreachable",
        "ResourceInitializationError: failed to validate logger args: ... i/o timeout",
        rf"(?:logger args|logging driver).*{_CUT_OFF}",
        "CloudWatch Logs cannot be reached from the tasks",
        "give the tasks a way out: NAT, a public address, or the endpoint logs",
        "service.networking.vpc.nat",
        "fsdcf graph {spec} --env {environment}",
        reason.route("logs"),
    ),
    Reason(
        "file-system",
        "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes",
        r"failed to invoke EFS utils commands",
        "the EFS file system cannot be mounted",
        "it needs a mount target in each of the tasks' zones, port 2049 open to the tasks, and the access point's directory",
        "service.volumes",
        "aws efs describe-file-systems",
        reason.file_system,
    ),
    Reason(
        "registry-unreachable",
        "ResourceInitializationError: unable to pull secrets or registry auth: ... connection issue; i/o timeout",
        rf"ResourceInit.*{_CUT_OFF}",
        "ECR cannot be reached from the tasks",
        "give the tasks a way out: NAT, a public address, or endpoints for ecr.api, ecr.dkr and logs",
        "service.networking.vpc.nat",
        "fsdcf graph {spec} --env {environment}",
        reason.route("ecr.api", "ecr.dkr"),
    ),
    Reason(
        "role",
        "ECS was unable to assume the role that was provided for this task",
        r"unable to assume the role '?([^\s']*)",
        "ECS cannot assume the role …",
        "let the role's trust policy name ecs-tasks.amazonaws.com; one that was just made takes some seconds, so try again first",
        "service.taskRole",
        "fsdcf access {spec} --env {environment}",
    ),
    Reason(
        "preparation",
        "ResourceInitializationError, for another reason",
        r"ResourceInit\w*Error(?!: (?:failed|unable) to create new container)",
        "the task could not be prepared",
        "see what ECS says: secrets, registry, volumes and logs are set up before the container starts",
        "service",
        AGAIN,
    ),
)


CHECKS = (
    Reason(
        "container-check",
        "Task failed container health checks",
        r"failed container health checks",
        "the container's own health check fails",
        "run the check inside the container, and give it time with startPeriod",
        "service.healthCheck.container",
        "fsdcf healthcheck {spec} --env {environment} --url http://127.0.0.1:{port}",
        reason.container_check,
    ),
    Reason(
        "check-path",
        "Health checks failed with these codes: [404]",
        r"failed with these codes: \[(404)\]",
        "the load balancer's check gets …: the path is not there",
        "name a path that the service answers",
        "service.healthCheck.path",
        "fsdcf healthcheck {spec} --env {environment} --url http://127.0.0.1:{port}",
        reason.check,
    ),
    Reason(
        "check-gateway",
        "Health checks failed with these codes: [502], [503] or [504]",
        r"failed with these codes: \[(50[234])\]",
        "the load balancer's check gets …: a proxy in the container does not reach the application behind it",
        "make the port the application's own, or let the proxy pass requests on to the port that the application listens on",
        "service.port",
        LOGS,
        reason.check,
    ),
    Reason(
        "check-error",
        "Health checks failed with these codes: [500]",
        r"failed with these codes: \[(5\d\d)\]",
        "the load balancer's check gets …: the application fails when it is asked",
        "the log says why; a check that asks the database fails whenever the database does",
        "service.healthCheck.path",
        LOGS,
        reason.check,
    ),
    Reason(
        "check-code",
        "Health checks failed with these codes: [301], [401], [400] or others",
        r"failed with these codes: \[([1-4]\d\d)\]",
        "the load balancer's check gets …, which does not count as healthy",
        "name a path that answers without a redirect or a login, take any Host header there, or let the code count",
        "service.healthCheck.successCodes",
        "fsdcf healthcheck {spec} --env {environment} --url http://127.0.0.1:{port}",
        reason.check,
    ),
    Reason(
        "check-timeout",
        "(reason Request timed out); Target.Timeout",
        r"Request timed out|Target\.Timeout",
        "the load balancer's check gets no answer in time",
        "listen on 0.0.0.0 and not on 127.0.0.1, answer the check faster, or give it longer",
        "service.healthCheck.timeout",
        LOGS,
        reason.check,
    ),
    Reason(
        "check-refused",
        "(reason Health checks failed); Target.FailedHealthChecks",
        r"reason Health checks failed\)|Target\.FailedHealthChecks|^Health checks failed$",
        "the load balancer's connection is refused, or what answers on the port is no HTTP",
        "make the port the one that the application listens on, and let it listen on 0.0.0.0",
        "service.port",
        LOGS,
        reason.check,
    ),
    Reason(
        "check",
        "Task failed ELB health checks",
        r"failed ELB health checks",
        "the load balancer's check fails",
        "look at what the service answers on the path of its check",
        "service.healthCheck.path",
        "fsdcf healthcheck {spec} --env {environment} --url http://127.0.0.1:{port}",
        reason.check,
    ),
)
RUNNING = (
    Reason(
        "memory",
        "OutOfMemoryError: Container killed due to memory usage; exit code 137",
        r"OutOfMemory|exit code 137\b",
        "the container takes more memory than the task has",
        "give the task more memory, or make it take less: fewer workers, smaller caches",
        "service.resources.memory",
        LOGS,
        reason.memory,
    ),
    Reason(
        "working-directory",
        "CannotStartContainerError: ... chdir to cwd ... no such file or directory",
        r"chdir to cwd \(\\?\"([^\"\\]+)",
        "the working directory … is not in the image, or may not be entered",
        "correct the working directory, or create it in the image for the user that the container runs as",
        "service.workingDirectory",
        "docker run --rm -it --entrypoint sh {image}",
    ),
    Reason(
        "user",
        "CannotStartContainerError: ... no users found; unable to find user; etc/passwd: no such file or directory",
        r"no users found|no groups found|unable to find (?:user|group) ([\w-]+)|etc/(?:passwd|group): no such file",
        "the user … that the container is to run as is not in the image",
        "name a user that the image's /etc/passwd has, or one by number",
        "service.user",
        "docker run --rm -it --entrypoint sh {image}",
    ),
    Reason(
        "command",
        "CannotStartContainerError: ... executable file not found in $PATH; exit code 126 or 127",
        r"exec: \\?\"([^\"\\]+)\\?\"|executable file not found|exit code 12[67]\b|CannotStartContainerError.*(?:no such file|permission denied)",
        "the command … is not in the image, or cannot be executed",
        "correct the command, or build it into the image and make it executable",
        "service.command",
        "docker run --rm -it --entrypoint sh {image}",
    ),
    Reason(
        "runtime-timeout",
        "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting",
        r"(?:ContainerRuntime|Docker)TimeoutError",
        "the container did not start in the time that Fargate gives it",
        "look at what the container does first, and at a log driver or a volume that blocks it; then try again",
        "service.command",
        LOGS,
    ),
    Reason(
        "start",
        "CannotStartContainerError, CannotCreateContainerError, CannotCreateVolumeError, for another reason",
        r"Cannot(?:StartContainer|CreateContainer|CreateVolume|InspectContainer)Error|ContainerRuntimeError",
        "the container could not be started",
        "see what the runtime says: command, user, working directory and mounts",
        "service.command",
        AGAIN,
    ),
    Reason(
        "segmentation-fault",
        "Essential container in task exited; exit code 139",
        r"exit code 139\b",
        "the program crashed with a segmentation fault (139)",
        "look at native libraries, and whether the image is built for this processor",
        "service.resources.architecture",
        LOGS,
    ),
    Reason(
        "exit-zero",
        "Essential container in task exited; exit code 0",
        r"Essential container in task exited.*exit code 0\b",
        "the command came to its end, and a service's must not",
        "run the server in the foreground",
        "service.command",
        LOGS,
    ),
    Reason(
        "exit",
        "Essential container in task exited; exit code 1 or another",
        r"exit code (\d+)",
        "the application ended with exit code …",
        "its last lines say why: often a variable or a secret that is missing, or a database that it does not reach",
        "service.environment",
        LOGS,
    ),
)
PLACING = (
    Reason(
        "quota",
        "You've reached the limit on the number of vCPUs (or tasks) you can run concurrently",
        r"reached the limit on the number of",
        "the account's quota of Fargate is used up",
        "ask for a higher quota, or run fewer or smaller tasks",
        "service.resources.cpu",
        "aws service-quotas list-service-quotas --service-code fargate",
    ),
    Reason(
        "addresses",
        "insufficient free addresses in the subnet",
        r"free addresses|InsufficientFreeAddresses|RESOURCE:ENI",
        "the subnets have no address left",
        "take larger subnets or more of them",
        "service.networking.vpc",
        "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,AvailableIpAddressCount]'",
    ),
    Reason(
        "network-missing",
        "Unexpected EC2 error ...: InvalidSubnetID.NotFound, InvalidSecurityGroupID.NotFound",
        r"Unexpected EC2 error.*(Invalid(?:Subnet|SecurityGroup|Group)\w*\.NotFound)",
        "a subnet or a security group that the service names does not exist (…)",
        "name one that exists, in the VPC of the service; what the stack itself made must not be deleted outside of it",
        "service.networking.vpc",
        "aws ec2 describe-security-groups --query 'SecurityGroups[].[GroupId,GroupName,VpcId]'",
        reason.network,
    ),
    Reason(
        "network-interface",
        "Timeout waiting for network interface provisioning to complete; Unexpected EC2 error",
        r"Timeout waiting for (?:network interface|EphemeralStorage) provisioning|Network interface provision\w* complete error|Unexpected EC2 error",
        "AWS did not get the task's network interface or disk ready",
        "try again: it mostly passes; if not, look at the subnets and security groups that the service names",
        "service.networking.vpc",
        STATUS,
        passing=True,
    ),
    Reason(
        "spot",
        "Your Spot Task was interrupted; SpotInterruption",
        r"Spot(?: Task was interrupted|Interruption|InterruptionError)",
        "AWS took the Spot capacity back",
        "run some tasks on FARGATE: spot.base",
        "service.resources.spot",
        STATUS,
        passing=True,
    ),
    Reason(
        "capacity",
        "Capacity is unavailable at this time",
        r"Capacity is unavailable|RESOURCE:\w+",
        "Fargate has no capacity of this size in these zones now",
        "deploy again later, in more zones, on another size or processor, and without Spot",
        "service.resources",
        STATUS,
        passing=True,
    ),
)


HIDDEN = Reason(
    "hidden-rollback",
    "the stack says UPDATE_COMPLETE, and the service runs the task definition before",
    r"(?!)",
    "ECS rolled the deployment back behind a stack that is complete",
    "deploy a version that starts; until then the stack and the service disagree",
    "service.deployment.circuitBreaker",
    AGAIN,
)
"""Known by the PRIMARY deployment and not by words."""

REASONS = (*PULLING, *PREPARING, *CHECKS, *PLACING, *RUNNING)
"""The more special ones first."""


@dataclass(frozen=True)
class MatchedReason:
    """A reason that was found: the cause in a sentence, what to do, the spec's key, and the command with its placeholders."""

    reason: Reason
    sentence: str
    advice: str
    key: str
    command: str


def match_reason(
    testimony: str, grounds: DiagnosisContext, reasons: Sequence[Reason] = REASONS
) -> MatchedReason | None:
    """The first of the known reasons that what was said points to; None if it points to none."""
    for known in reasons:
        found = re.search(known.pattern, testimony, re.DOTALL | re.IGNORECASE | re.MULTILINE)
        if found is not None:
            judged = known.judge(grounds, found)
            gap = "" if judged.clause.startswith((":", ",")) or not judged.clause else " "
            sentence = f"{_filled(known.cause, found)}{gap}{judged.clause}"
            return MatchedReason(
                known,
                sentence,
                judged.advice or known.advice,
                judged.key or known.key,
                judged.command or known.command,
            )
    return None


def _filled(cause: str, found: re.Match[str]) -> str:
    """The cause with what the pattern caught in the place of ``…``."""
    caught = next((one for one in found.groups() if one), "")
    return cause.replace("…", caught) if caught else cause.replace(" …", "")


STACK = (
    Reason(
        "linked-role",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists",
        r"assume the service.linked role|service.linked role does not exist",
        "the account has used no ECS before, and its service-linked role is not there, or not yet",
        "deploy again: the first call makes the role, which the command shows; where it is still missing, run aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
        "",
        "aws iam get-role --role-name AWSServiceRoleForECS",
    ),
    Reason(
        "vpc-quota",
        "The maximum number of VPCs (or internet gateways) has been reached",
        r"maximum number of (?:VPCs|internet gateways) has been reached|(?:Vpc|InternetGateway)LimitExceeded",
        "the account has as many VPCs in this region as it may have",
        "put the service into a VPC that is there, delete one that nobody needs, or ask for a higher quota",
        "service.networking.vpc",
        "aws ec2 describe-vpcs --query 'Vpcs[].[VpcId,CidrBlock,Tags]'",
    ),
    Reason(
        "address-quota",
        "The maximum number of addresses has been reached",
        r"maximum number of addresses has been reached|AddressLimitExceeded",
        "the account has as many Elastic IP addresses in this region as it may have, and each NAT gateway takes one",
        "use one NAT gateway or none, release an address that nobody needs, or ask for a higher quota",
        "service.networking.vpc.nat",
        "aws ec2 describe-addresses --query 'Addresses[].[PublicIp,AssociationId]'",
    ),
    Reason(
        "certificate",
        "The certificate '...' must have a fully-qualified domain name, a supported signature, and a supported key size; CertificateNotFound",
        r"certificate '[^']*' (?:must have|not found|was not found)|CertificateNotFound|UnsupportedCertificate",
        "the load balancer cannot use the certificate",
        "name one that ACM has issued (not one that waits for validation) in the region of the load balancer",
        "service.networking.loadBalancer.certificateArn",
        "aws acm list-certificates --certificate-statuses ISSUED PENDING_VALIDATION",
    ),
    Reason(
        "permission",
        "User: ... is not authorized to perform: iam:CreateRole on resource: ...",
        r"not authorized to perform|HandlerErrorCode: (?:AccessDenied|UnauthorizedTaggingOperation)",
        "who deploys may not do it",
        "give the role that deploys the policy that this prints, or ask who refuses it: a boundary or a policy of the organization",
        "",
        "fsdcf permissions {spec} --env {environment}",
    ),
    Reason(
        "name-taken",
        "Resource of type '...' with identifier '...' already exists",
        r"already exists|BucketAlreadyOwnedByYou|HandlerErrorCode: AlreadyExists",
        "something of that name is there, in this account or, for a bucket, in another one",
        "give it another name, or delete the one that is there if nobody needs it",
        "",
        "",
    ),
)
"""The more special ones first."""


_EXAMPLE = {
    "service": "my-service",
    "environment": "prod",
    "spec": "my-service.yml",
    "port": "8000",
    "image": "my-service:SHA",
}

_HEAD = """\
<!-- Generated from fsdcf/deploy/reasons*.py: make docs. -->

# My deploy fails

`fsdcf deploy` shows each task while the service is rolled out, collects what ECS, the load balancer and the log say before a rollback destroys
it, and ends with the cause, the line of the spec to change and the command to run. Afterwards this says the same again, from what is left:

```sh
fsdcf diagnose my-service --env prod
```

With the spec instead of the name it shows the line as well. ECS forgets stopped tasks after an hour; then the service's events and its
deployments must do. A service that a failed first deploy took away again leaves only CloudFormation's own words: use what `deploy` printed.
What CloudFormation itself could not make or change stands in the last table.

- Two tasks that stop for the same reason are reported at once. `fsdcf deploy my-service.yml --env prod --fail-fast` cancels the update then,
  unless the reason may pass by itself: no capacity, a Spot interruption, a network interface that was not ready in time.
- `fsdcf status my-service --env prod --watch` shows the tasks of a rollout that somebody else started.
- A rehearsal: `fsdcf deploy my-service.yml --image-sha one --sandbox --fault Service:create:oom`; [more faults](sandbox.md).
- What to do with the stack afterwards: [how to recover](recover.md).

Who may deploy need not be allowed to read ECS: each call that is refused is one warning, and the table below gets shorter by what it would have
told. `fsdcf permissions my-service.yml` lists what is used.
"""

_PARTS: tuple[tuple[str, tuple[Reason, ...]], ...] = (
    ("The image cannot be pulled", PULLING),
    ("The task cannot be prepared", PREPARING),
    ("A health check fails", CHECKS),
    ("The container ends", RUNNING),
    ("There is no place for the task", PLACING),
    ("The stack is green and the service is old", (HIDDEN,)),
    ("CloudFormation cannot make or change a resource", STACK),
)


def failures_page() -> str:
    """The page as Markdown."""
    parts = (f"\n## {title}\n\n" + "\n".join(_table(reasons)) + "\n" for title, reasons in _PARTS)
    return _HEAD + "".join(parts)


def _table(reasons: Iterable[Reason]) -> Iterator[str]:
    yield "| what you see | why | what to do | where | next |"
    yield "|---|---|---|---|---|"
    for one in reasons:
        cause = one.cause.replace("gets …", "gets this code").replace(" (…)", "").replace(" …", "")
        cells = (
            one.symptom,
            cause,
            one.advice,
            *(f"`{text}`" if text else "" for text in (one.key, one.command.format(**_EXAMPLE))),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("$", "\\$") for cell in cells) + " |"

"""The table of known reasons: each row by words that ECS has really said, the numbers and judgements of templates, and
the docs' page."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fsdcf.cloudformation.registries import registry_of
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.diagnosis.context import DiagnosisContext, context_of
from fsdcf.deploy.diagnosis.explanations import repeated_reason
from fsdcf.deploy.diagnosis.reasons import HIDDEN, REASONS, STACK_REASONS, match_reason
from fsdcf.deploy.diagnosis.reasons.notices import NOTICES, STOP_REASONS
from fsdcf.deploy.diagnosis.reasons.reason import Reason
from fsdcf.deploy.diagnosis.refinements import image_in
from fsdcf.deploy.ecs.rollout import ServiceRollout, StoppedTask
from fsdcf.deploy.ecs.service import EcsDeployment
from fsdcf.language.reference import find, later
from fsdcf.pipeline import Request, run
from tests.conftest import ROOT
from tests.printed import problem_of


def messages() -> list[tuple[str, str, str]]:
    """The messages of tests/cases/failures: the id, the name of the reason, and the text."""
    lines = (ROOT / "tests" / "cases" / "failures" / "messages.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.partition(" | ") for line in lines if not line.startswith("#")]
    return [(*head.split(" ", 1), text) for head, _, text in parts]  # type: ignore[misc]


ROLE = "User: arn:aws:sts::123456789012:assumed-role/shop-ExecutionRole/0a1b"
PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref"
SECRETS = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
    "retrieval failed: unable to retrieve"
)
RETRIED = "service call has been retried 1 time(s):"
LOST = "arn:aws:secretsmanager:us-east-1:123456789012:secret:lost-AbCdEf"
TASK = "TaskFailedToStart\n"
EXITED = "EssentialContainerExited\nEssential container in task exited\n"
UNHEALTHY = (
    "(service web) (task 0a) (port 8000) is unhealthy in (target-group arn:aws:elasticloadbalancing:x) due to (reason "
)

WORDS = [
    (
        "image-architecture",
        (
            "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does "
            "not contain descriptor matching platform 'linux/amd64'."
        ),
    ),
    ("image-architecture", "exec format error\n" + EXITED + "exit code 1"),
    (
        "image-architecture",
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
            "ref web:1: no match for platform in manifest: not found"
        ),
    ),
    (
        "image-architecture",
        "CannotPullContainerError: no matching manifest for linux/arm64/v8 in the manifest list entries",
    ),
    (
        "image-rate-limit",
        (
            f"{PULL} docker.io/library/nginx:1: failed to copy: httpReadSeeker: failed open: unexpected "
            f"status code 429 Too Many Requests - Server message: toomanyrequests: You have reached your "
            f"pull rate limit."
        ),
    ),
    (
        "image-denied",
        (
            f"{PULL} 123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1: pulling from host "
            f"123456789012.dkr.ecr.us-east-1.amazonaws.com failed with status code [manifests 1]: 403 "
            f"Forbidden"
        ),
    ),
    (
        "image-registry-denied",
        (
            "CannotPullContainerError: Error response from daemon: pull access denied for web, repository "
            "does not exist or may require 'docker login'"
        ),
    ),
    (
        "image-registry-denied",
        "CannotPullContainerError: Error response from daemon: unauthorized: authentication required",
    ),
    (
        "image-unreachable",
        (
            "CannotPullContainerError: API error (500): Get "
            "https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/: net/http: request canceled while "
            "waiting for connection"
        ),
    ),
    (
        "image-unreachable",
        (
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve "
            "ref docker.io/acme/web:2: failed to do request: Head "
            '"https://registry-1.docker.io/v2/acme/web/manifests/2": dial tcp 34.205.13.154:443: i/o timeout'
        ),
    ),
    (
        "image-unreachable",
        (
            "CannotPullContainerError: Error response from daemon: Get https://x/v2/: net/http: request "
            "canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"
        ),
    ),
    (
        "image-layers-unreachable",
        (
            "CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: "
            "failed open: failed to do request: Get "
            "https://prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com/1a: dial tcp "
            "52.218.1.2:443: i/o timeout"
        ),
    ),
    (
        "repository-missing",
        (
            f"{PULL} 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:9: name unknown: The repository with name 'web' "
            f"does not exist in the registry with id '123456789012'"
        ),
    ),
    (
        "image-missing",
        (
            f"{PULL} 123456789012.dkr.ecr.us-east-1.amazonaws.com/web:9: "
            f"123456789012.dkr.ecr.us-east-1.amazonaws.com/web:9: not found"
        ),
    ),
    (
        "image-missing",
        (
            "CannotPullContainerError: Error response from daemon: manifest for acme/web:9 not found: "
            "manifest unknown: manifest unknown"
        ),
    ),
    (
        "disk-full",
        (
            "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer "
            "sha256:00: write /var/lib/x: no space left on device"
        ),
    ),
    (
        "image-pull",
        (
            'CannotPullContainerError: containerd: pull command failed: time="2026-01-01" level=info '
            'msg="apply failure, attempting cleanup"'
        ),
    ),
    (
        "secret-key-missing",
        (
            f"{SECRETS} secret from asm: {RETRIED} retrieved secret from Secrets Manager did not contain "
            f"json key API_TOKEN"
        ),
    ),
    (
        "secret-key-missing",
        f"{SECRETS} secret from asm: {RETRIED} invalid character 'p' looking for beginning of value",
    ),
    (
        "secret-deleted",
        (
            f"{SECRETS} secret from asm: {RETRIED} failed to fetch secret arn:x from secrets manager: "
            f"InvalidRequestException: You can't perform this operation on the secret because it was marked "
            f"for deletion."
        ),
    ),
    (
        "secret-empty",
        (
            f"{SECRETS} secret from asm: {RETRIED} failed to fetch secret arn:x from secrets manager: "
            f"ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging "
            f"label: AWSCURRENT."
        ),
    ),
    (
        "secret-missing",
        (
            f"{SECRETS} secret from asm: {RETRIED} failed to fetch secret arn:aws:secretsmanager:x from "
            f"secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret."
        ),
    ),
    (
        "secret-missing",
        (
            f"ResourceInitializationError: unable to pull secrets or registry auth: The task can't retrieve "
            f"the secret with ARN '{LOST}' from Secrets Manager. Check that the secret exists in the "
            f"specified Region."
        ),
    ),
    ("secret-missing", f"{SECRETS} secrets from ssm: {RETRIED} invalid ssm parameters: /web/token"),
    (
        "secret-key-denied",
        (
            f"{SECRETS} secret from asm: {RETRIED} failed to fetch secret arn from secrets manager: "
            f"AccessDeniedException: Access to KMS is not allowed"
        ),
    ),
    (
        "secret-key-denied",
        (
            f"{SECRETS} secrets from ssm: {RETRIED} AccessDeniedException: The ciphertext refers to a "
            f"customer master key that does not exist, does not exist in this region, or you are not allowed "
            f"to access."
        ),
    ),
    (
        "secret-denied",
        (
            f"{SECRETS} secret from asm: {RETRIED} failed to fetch secret arn:x from secrets manager: "
            f"AccessDeniedException: {ROLE} is not authorized to perform: secretsmanager:GetSecretValue on "
            f"resource: arn:x because no identity-based policy allows the action"
        ),
    ),
    (
        "parameter-denied",
        (
            f"{SECRETS} secrets from ssm: {RETRIED} AccessDeniedException: {ROLE} is not authorized to "
            f"perform: ssm:GetParameters on resource: arn:x"
        ),
    ),
    (
        "registry-denied",
        (
            f"{SECRETS} ecr registry auth: {RETRIED} AccessDeniedException: {ROLE} is not authorized to "
            f"perform: ecr:GetAuthorizationToken on resource: *"
        ),
    ),
    (
        "secret-unreachable",
        (
            f"{SECRETS} secret from asm: {RETRIED} RequestError: send request failed caused by: Post "
            f'"https://secretsmanager.us-east-1.amazonaws.com/": dial tcp 52.94.1.9:443: i/o timeout'
        ),
    ),
    (
        "secret-unreachable",
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve "
            "secrets from ssm: The task cannot pull secrets from AWS Systems Manager. There is a connection "
            "issue between the task and AWS Systems Manager Parameter Store. Check your task network "
            "configuration."
        ),
    ),
    (
        "secret-unreachable",
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve "
            "secret from asm: There is a connection issue between the task and AWS Secrets Manager."
        ),
    ),
    (
        "log-group-missing",
        (
            "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
            "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group "
            "does not exist."
        ),
    ),
    (
        "logs-denied",
        (
            f"ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
            f"times: failed to create Cloudwatch log stream: AccessDeniedException: {ROLE} is not authorized "
            f"to perform: logs:CreateLogStream on resource: arn:aws:logs:x because no identity-based policy "
            f"allows the logs:CreateLogStream action : exit status 1"
        ),
    ),
    (
        "logs-unreachable",
        (
            "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon "
            "CloudWatch log group defined in the task definition. There is a connection issue between the "
            "task and Amazon CloudWatch. Check your network configuration. : exit status 1"
        ),
    ),
    (
        "role",
        (
            "(service web) failed to launch a task with (error ECS was unable to assume the role "
            "'arn:aws:iam::123456789012:role/web' that was provided for this task. Please verify that the "
            "role being passed has the proper trust relationship and permissions and that your IAM user has "
            "permissions to pass this role.)."
        ),
    ),
    (
        "log-group-missing",
        (
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
            "times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log "
            "group does not exist. : exit status 1"
        ),
    ),
    (
        "logs-unreachable",
        (
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
            "times: failed to create Cloudwatch log stream: RequestError: send request failed caused by: "
            'Post "https://logs.us-east-1.amazonaws.com/": dial tcp 52.94.1.9:443: i/o timeout : exit status '
            "1"
        ),
    ),
    (
        "logs-unreachable",
        (
            "ResourceInitializationError: failed to initialize logging driver: failed to create Cloudwatch "
            "log stream: RequestError: send request failed"
        ),
    ),
    (
        "file-system-denied",
        (
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: "
            "stderr: b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'"
        ),
    ),
    (
        "file-system-name",
        (
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: "
            'Failed to resolve "fs-0123456789abcdef0.efs.us-east-1.amazonaws.com" - check that your file system ID is '
            "correct. : unsuccessful EFS utils command execution; code: 1"
        ),
    ),
    (
        "registry-unreachable",
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull "
            "registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. "
            "Check your task network configuration."
        ),
    ),
    (
        "registry-unreachable",
        f"{SECRETS} ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed",
    ),
    ("network-interface-setup", "ResourceInitializationError: failed to configure ENI: failed to setup regular eni"),
    ("preparation", "ResourceInitializationError: failed to prepare something new"),
    ("container-check", "ServiceSchedulerInitiated\nTask failed container health checks\nexit code 137"),
    (
        "check-path",
        (
            f"Task failed ELB health checks in (target-group arn)\n exit code 143\n{UNHEALTHY}Health checks "
            f"failed with these codes: [404])"
        ),
    ),
    ("check-gateway", f"{UNHEALTHY}Health checks failed with these codes: [502])"),
    ("check-gateway", "Target.ResponseCodeMismatch: Health checks failed with these codes: [503]"),
    ("check-error", f"{UNHEALTHY}Health checks failed with these codes: [500])"),
    ("check-code", f"{UNHEALTHY}Health checks failed with these codes: [301])"),
    ("check-code", f"{UNHEALTHY}Health checks failed with these codes: [400])"),
    ("check-timeout", f"{UNHEALTHY}Request timed out)"),
    ("check-timeout", "Task failed ELB health checks in (target-group arn)\nTarget.Timeout: Request timed out"),
    ("check-refused", f"{UNHEALTHY}Health checks failed)"),
    ("check-refused", "Target.FailedHealthChecks: Health checks failed"),
    (
        "check",
        (
            "ServiceSchedulerInitiated\nTask failed ELB health checks in (target-group "
            "arn:aws:elasticloadbalancing:x)\nexit code 137"
        ),
    ),
    (
        "quota",
        (
            "(service web) was unable to place a task. Reason: You've reached the limit on the number of "
            "vCPUs you can run concurrently."
        ),
    ),
    (
        "addresses",
        "Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet",
    ),
    ("network-interface", TASK + "Timeout waiting for network interface provisioning to complete."),
    ("network-interface", TASK + "Timeout waiting for EphemeralStorage provisioning to complete."),
    (
        "network-missing",
        TASK
        + (
            "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
            "disabled in subnet 'subnet-1': InvalidSecurityGroupID.NotFound"
        ),
    ),
    (
        "network-missing",
        TASK
        + (
            "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
            "enabled in subnet 'subnet-1': InvalidSubnetID.NotFound"
        ),
    ),
    (
        "network-interface",
        TASK
        + (
            "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
            "disabled in subnet 'subnet-1': InternalError"
        ),
    ),
    ("capacity", "(service web) was unable to place a task. Reason: TaskFailedToStart: RESOURCE:MEMORY."),
    ("spot", "SpotInterruption\nYour Spot Task was interrupted."),
    (
        "capacity",
        (
            "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please "
            "try again later or in a different availability zone."
        ),
    ),
    ("memory", EXITED + "OutOfMemoryError: Container killed due to memory usage exit code 137"),
    ("killed", EXITED + "exit code 137"),
    (
        "command",
        TASK
        + (
            "Task failed to start\nCannotStartContainerError: ResourceInitializationError: failed to create "
            "new container runtime task: failed to create shim task: OCI runtime create failed: runc create "
            'failed: unable to start container process: exec: "gunicorn": executable file not found in '
            "$PATH: unknown"
        ),
    ),
    (
        "dependency",
        TASK
        + (
            "Task failed to start\nCannotStartContainerError: dependency graph: failed to resolve container ordering "
            "dependency [migrate(shop:two) (NONE->RUNNING)] for target [shop(shop:two)] as dependency did not exit "
            "successfully."
        ),
    ),
    (
        "working-directory",
        TASK
        + (
            "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime "
            "task: failed to create shim task: OCI runtime create failed: runc create failed: unable to "
            'start container process: error during container init: chdir to cwd ("/srv") set in config.json '
            "failed: no such file or directory: unknown"
        ),
    ),
    (
        "user",
        TASK
        + (
            "CannotStartContainerError: ResourceInitializationError: unable to create new container: mount "
            "callback failed on /tmp/containerd-mount916692511: open "
            "/tmp/containerd-mount916692511/etc/passwd: no such file or directory"
        ),
    ),
    (
        "user",
        TASK
        + (
            "CannotStartContainerError: ResourceInitializationError: unable to create new container: mount "
            "callback failed on /tmp/containerd-mount1: no users found"
        ),
    ),
    (
        "user",
        TASK
        + (
            "CannotStartContainerError: OCI runtime create failed: runc create failed: unable to start "
            "container process: unable to find user app: no matching entries in passwd file: unknown"
        ),
    ),
    (
        "start",
        TASK
        + (
            "CannotStartContainerError: ResourceInitializationError: unable to create new container: mount "
            "callback failed on /tmp/containerd-mount1: input/output error"
        ),
    ),
    ("command", EXITED + "exit code 127"),
    (
        "command",
        TASK
        + (
            "CannotStartContainerError: Error response from daemon: OCI runtime create failed: exec: "
            '\\"/app/run.sh\\": permission denied: unknown'
        ),
    ),
    (
        "runtime-timeout",
        TASK
        + (
            "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: "
            "context deadline exceeded"
        ),
    ),
    ("start", "CannotCreateVolumeError: failed to create the volume: driver failed"),
    ("start", "CannotCreateContainerError: Error response from daemon: Conflict. The container name is already in use"),
    ("segmentation-fault", EXITED + "exit code 139"),
    ("exit-zero", EXITED + " exit code 0"),
    ("exit", EXITED + "exit code 1"),
    ("exit", EXITED + "exit code 255"),
]


@pytest.mark.parametrize(("name", "words"), WORDS, ids=[f"{number}-{one[0]}" for number, one in enumerate(WORDS)])
def test_the_words_of_ecs(name: str, words: str) -> None:
    found = match_reason(words, DiagnosisContext())
    assert found is not None and found.reason.name == name
    assert (
        "…" not in found.sentence
        and found.sentence
        and found.advice
        and found.key.startswith("service")
        and found.command
    )


OF_THE_STACK = [
    (
        "search-linked-role",
        (
            "Before you can proceed, you must enable a service-linked role to give Amazon OpenSearch Service "
            "permissions to access your VPC. (Service: OpenSearch, Status Code: 400)"
        ),
    ),
    (
        "linked-role",
        (
            "Invalid request provided: CreateCluster Invalid Request: Unable to assume the service linked "
            "role. Please verify that the ECS service linked role exists. (HandlerErrorCode: InvalidRequest)"
        ),
    ),
    (
        "linked-role",
        (
            "CreateCapacityProvider error: ECS Service Linked Role does not exist. Please create a Service "
            "linked role for ECS and try again. (HandlerErrorCode: InvalidRequest)"
        ),
    ),
    (
        "vpc-quota",
        (
            "The maximum number of VPCs has been reached. (Service: Ec2, Status Code: 400, Request ID: "
            "5ce9e2b3) (HandlerErrorCode: GeneralServiceException)"
        ),
    ),
    (
        "vpc-quota",
        (
            "The maximum number of internet gateways has been reached. (Service: AmazonEC2; Status Code: "
            "400; Error Code: InternetGatewayLimitExceeded)"
        ),
    ),
    (
        "address-quota",
        (
            "The maximum number of addresses has been reached. (Service: AmazonEC2; Status Code: 400; Error "
            "Code: AddressLimitExceeded; Request ID: 4eab21b1)"
        ),
    ),
    (
        "subnet-range",
        (
            "Resource handler returned message: \"The CIDR '10.0.32.0/20' conflicts with another subnet (Service: "
            'Ec2, Status Code: 400, Request ID: a9a6cbdf)" (RequestToken: dcde7964, HandlerErrorCode: AlreadyExists)'
        ),
    ),
    (
        "certificate",
        (
            "The certificate 'arn:aws:acm:us-west-2:1:certificate/x' must have a fully-qualified domain "
            "name, a supported signature, and a supported key size. (HandlerErrorCode: InvalidRequest)"
        ),
    ),
    (
        "certificate",
        (
            "Certificate 'arn:aws:acm:us-west-2:1:certificate/x' not found (Service: "
            "ElasticLoadBalancingV2, Status Code: 400; Error Code: CertificateNotFound)"
        ),
    ),
    (
        "permission",
        (
            f"{ROLE} is not authorized to perform: iam:TagRole on resource: arn:aws:iam::1:role/x because no "
            f"identity-based policy allows the iam:TagRole action (HandlerErrorCode: "
            f"UnauthorizedTaggingOperation)"
        ),
    ),
    ("permission", "Access denied for operation 'AWS::SQS::Queue'. (HandlerErrorCode: AccessDenied)"),
    (
        "name-taken",
        (
            "Resource of type 'AWS::DynamoDB::Table' with identifier 'prod-orders' already exists. "
            "(HandlerErrorCode: AlreadyExists)"
        ),
    ),
    ("name-taken", "shop-files already exists (Service: S3, Status Code: 0)"),
    (
        "record-taken",
        "[Tried to create resource record set [name='shop.example.com.', type='A'] but it already exists] (Service: "
        "Route53, Status Code: 400, Request ID: 1) (HandlerErrorCode: InvalidRequest)",
    ),
    ("namespace-taken", "The VPC vpc-1 has already been associated with the hosted zone Z1 with the same domain name."),
    (
        "discovery-name-taken",
        "Invalid request provided: CreateService error: SC service is already used by "
        "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-q7lw (HandlerErrorCode: InvalidRequest)",
    ),
    (
        "endpoint-protocol",
        "The following config cannot be changed for a SC service. Previous config: "
        "ScServiceStableConfig(applicationProtocol=null, transportProtocol=tcp, ecsServiceArn=arn:aws:ecs:x)",
    ),
    ("zone-missing", "No hosted zone found with ID: Z1 (Service: Route53, Status Code: 404, Request ID: 1)"),
    ("zone-foreign", "[RRSet with DNS name a.example.com. is not permitted in zone example.org.]"),
    ("client-secret", "Could not find a value associated with JSONKey in SecretString"),
    ("client-secret", "Could not parse SecretString JSON"),
    ("rule-values", "A rule can only have '5' condition values (Service: ElasticLoadBalancingV2, Status Code: 400)"),
    ("namespace-missing", "The specified namespace wasn't found. (HandlerErrorCode: NotFound)"),
    ("port-name-missing", "The portName 'grpc' of the Service Connect configuration is not in the task definition."),
    ("certificate-in-use", "Certificate arn:aws:acm:us-east-1:1:certificate/x in account 1 is in use."),
    ("discovery-in-use", "The specified resource can't be deleted because it contains other resources."),
]


@pytest.mark.parametrize(("name", "words"), OF_THE_STACK)
def test_the_words_of_cloudformation(name: str, words: str) -> None:
    found = match_reason(words, DiagnosisContext(), STACK_REASONS)
    assert found is not None and found.reason.name == name


@pytest.mark.parametrize(
    "words", ["", "Scaling activity initiated by (deployment ecs-svc/1)", "(service web) has reached a steady state."]
)
def test_words_without_a_failure_match_no_reason(words: str) -> None:
    assert match_reason(words, DiagnosisContext()) is None


def test_the_matched_name_is_part_of_the_sentence() -> None:
    by_name = {**dict(reversed(WORDS)), "secret-missing": next(words for _, words in WORDS if "invalid ssm" in words)}
    told = {name: match_reason(words, DiagnosisContext()) for name, words in by_name.items()}
    assert (
        told["command"] is not None
        and told["command"].sentence == "the command gunicorn is not in the image, or cannot be executed"
    )
    assert (
        told["secret-key-missing"] is not None and "no key API_TOKEN in its JSON" in told["secret-key-missing"].sentence
    )
    assert told["exit"] is not None and told["exit"].sentence.endswith("exit code 1")
    absent = told["repository-missing"]
    assert absent is not None and absent.sentence.endswith("(web)")
    assert absent.command == "fsdcf deploy {spec} --env {environment} --build --create-repository"
    missing = told["image-missing"]
    assert missing is not None and missing.sentence.endswith("(web:9)")
    assert missing.command == "fsdcf deploy {spec} --env {environment} --build"
    dual = match_reason(f"{PULL} 123456789012.dkr-ecr.eu-west-1.on.aws/web:9: not found", DiagnosisContext())
    assert dual is not None and dual.sentence.endswith("(web:9)")
    secret = match_reason(
        (
            f"{SECRETS} secret from asm: failed to fetch secret {SECRET} from secrets manager: Secrets "
            f"Manager can't find the specified secret."
        ),
        DiagnosisContext(),
    )
    assert secret is not None and secret.command == f"aws secretsmanager describe-secret --secret-id {SECRET}"
    assert (
        told["secret-missing"] is not None
        and told["secret-missing"].command
        == "aws ssm describe-parameters --parameter-filters Key=Name,Values=/web/token"
    )
    lost = match_reason(next(words for _, words in WORDS if LOST in words), DiagnosisContext())
    assert lost is not None and lost.command == f"aws secretsmanager describe-secret --secret-id {LOST}"
    networks = [match_reason(words, DiagnosisContext()) for name, words in WORDS if name == "network-missing"]
    assert [(one.command.split()[2], one.reason.passing) for one in networks if one] == [
        ("describe-security-groups", False),
        ("describe-subnets", False),
    ]
    named = match_reason(next(words for _, words in WORDS if "find user app" in words), DiagnosisContext())
    assert named is not None and named.sentence == "the container's user app does not exist in the image"
    assert (
        told["working-directory"] is not None
        and "the working directory /srv is not in" in told["working-directory"].sentence
    )
    elsewhere = match_reason(f"{PULL} docker.io/acme/web:9: docker.io/acme/web:9: not found", DiagnosisContext())
    assert elsewhere is not None and elsewhere.command == "docker manifest inspect docker.io/acme/web:9"


def compiled(more: str = "", service: str = "") -> dict[str, Any]:
    text = (
        "apiVersion: fsd/v1\nkind: Service\nmetadata:\n  name: web\nservice:\n  port: 8000\n"
        "  healthCheck:\n    path: /up\n    timeout: 4\n"
        f"    interval: 20\n    unhealthyThreshold: 4\n    successCodes: 200-299\n    gracePeriod: 90\n{more}{service}"
    )
    result = run(Request("web.yml", text.encode(), "staging"))
    assert result.template is not None, result.diagnostics
    return dict(result.template.data)


STORED = """  secrets:
    - {name: TOKEN, valueFrom: /web/token}
    - {name: USER, valueFrom: "secretsmanager:db:user"}
    - {name: THEIRS, valueFrom: "arn:aws:secretsmanager:us-east-1:210987654321:secret:theirs-AbCdEf"}
"""
HERE = "arn:aws:secretsmanager:us-east-1:123456789012:secret"
NOT_FOUND = "Secrets Manager can't find the specified secret"
NO_VALUE = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT."


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (f"{SECRETS} secrets from ssm: {RETRIED} invalid ssm parameters: /web/token", "TOKEN"),
        (f"{SECRETS} secrets from ssm: {RETRIED} invalid ssm parameters: web/token", "TOKEN"),
        (f"{SECRETS} secret from asm: failed to fetch secret {HERE}:db from secrets manager: {NOT_FOUND}.", "USER"),
        (
            f"{SECRETS} secret from asm: failed to fetch secret {HERE}:db-AbCdEf from secrets manager: {NO_VALUE}",
            "USER",
        ),
        (
            f"{SECRETS} secret from asm: failed to fetch secret {HERE}:db-AbCdEf from secrets manager: {RETRIED} "
            "retrieved secret from Secrets Manager did not contain json key user",
            "USER",
        ),
        (f"{SECRETS} secret from asm: failed to fetch secret {HERE}:other from secrets manager: {NOT_FOUND}.", ""),
        (f"{SECRETS} secret from asm: failed to fetch secret {HERE}:theirs-AbCdEf from asm: {NOT_FOUND}.", ""),
        (f"{SECRETS} secret from asm: {NOT_FOUND}.", ""),
    ],
)
def test_a_missing_value_is_stored_by_the_command_of_its_variable(words: str, command: str) -> None:
    found = match_reason(words, context_of(compiled(service=STORED)))
    assert found is not None
    expected = f"fsdcf secret set {{spec}} {command} --env {{environment}}"
    assert (found.command == expected) == bool(command), found.command
    assert command or found.command.startswith(("aws secretsmanager", "fsdcf secret list {spec}"))


def test_the_only_secret_of_a_template_is_meant_by_words_that_name_none() -> None:
    found = match_reason(
        f"{SECRETS} secret from asm: {NOT_FOUND}.",
        context_of(
            compiled(service="  image: registry.example.com/web\n  imageCredentials: secretsmanager:web/registry\n")
        ),
    )
    assert found is not None and found.command.startswith("fsdcf secret set {spec} service.imageCredentials")


def test_the_context_of_a_compiled_template() -> None:
    context = context_of(
        compiled(
            "    container:\n      command: curl -f http://localhost:8000/up\n",
            "  resources:\n    cpu: 512\n    memory: 2048\n    architecture: arm64\n",
        )
    )
    assert (context.port, context.memory, context.architecture) == (8000, "2048", "arm64")
    assert (context.path, context.codes, context.interval, context.timeout, context.unhealthy, context.grace) == (
        "/up",
        "200-299",
        "20",
        "4",
        "4",
        "90",
    )
    assert context.container_check == "curl -f http://localhost:8000/up"
    assert context.check_words == ("/bin/sh", "-c", "curl -f http://localhost:8000/up")
    assert context.route == "nat"
    assert (context.allows("ecr:GetAuthorizationToken", "*"), context.allows("secretsmanager:GetSecretValue")) == (
        "allowed",
        "none",
    )


def test_the_context_has_the_port_and_the_codes_that_are_checked() -> None:
    group = {"HealthCheckPath": "/a.B/c", "HealthCheckPort": "9000", "Matcher": {"GrpcCode": "0"}}
    balancer = {"ContainerName": "a", "ContainerPort": 80, "TargetGroupArn": {"Ref": "Group"}}
    resources = {
        "Service": {"Type": "AWS::ECS::Service", "Properties": {"LoadBalancers": [balancer]}},
        "Group": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": group},
    }
    context = context_of({"Resources": resources})
    assert (context.port, context.checked_port, context.codes) == (80, 9000, "0")


@pytest.mark.parametrize(
    ("port", "command", "shown"),
    [
        (
            8000,
            ["CMD-SHELL", "test ${A} = {b}"],
            """--url http://127.0.0.1:8000 --container-command '["/bin/sh", "-c", "test ${A} = {b}"]'""",
        ),
        (None, ["CMD", "/probe", "-q"], """--container-command '["/probe", "-q"]'"""),
        (None, ["CMD", {"Ref": "Probe"}], "--url http://127.0.0.1:8000"),
    ],
    ids=["behind a load balancer", "a worker", "a program that is not known"],
)
def test_the_next_command_rehearses_the_container_check(port: int | None, command: list[Any], shown: str) -> None:
    container = {"HealthCheck": {"Command": command}, "PortMappings": [{"ContainerPort": port}] if port else []}
    resources = {
        "Service": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Task"}}},
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [container]}},
    }
    found = match_reason("Task failed container health checks", context_of({"Resources": resources}))
    assert found is not None
    assert (
        found.command.format(spec="web.yml", environment="prod", port=8000)
        == f"fsdcf healthcheck web.yml --env prod {shown}"
    )


ENDPOINTS = "  networking:\n    vpc:\n      nat: none\n      endpoints: [ecr.api, ecr.dkr, logs]\n"
FOREIGN = (
    "  networking:\n    vpc:\n      id: vpc-0123456789abcdef0\n"
    "      privateSubnets: [subnet-0a1b2c3d4e5f60718, subnet-0b2c3d4e5f6071829]\n"
    "      publicSubnets: [subnet-0c1b2c3d4e5f60718, subnet-0d2c3d4e5f6071829]\n"
)
WAYS = [
    ("", "nat", "the tasks have a NAT gateway", "service.networking.vpc"),
    (
        "  networking:\n    assignPublicIp: true\n",
        "public",
        "the tasks have public addresses",
        "service.networking.vpc",
    ),
    (ENDPOINTS, "endpoints", "no endpoint for secretsmanager", "service.networking.vpc.nat"),
    (FOREIGN, "foreign", "the subnets are not in the stack", "service.networking.vpc.privateSubnets"),
]


@pytest.mark.parametrize(("service", "way", "clause", "key"), WAYS, ids=[one[1] for one in WAYS])
def test_whether_a_route_is_missing(service: str, way: str, clause: str, key: str) -> None:
    context = context_of(compiled(service=service))
    assert context.route == way
    words = next(words for name, words in WORDS if name == "secret-unreachable")
    found = match_reason(words, context)
    assert found is not None and clause in found.sentence and found.key == key


def test_no_route_at_all() -> None:
    template = compiled(service=ENDPOINTS)
    template["Resources"] = {
        name: one for name, one in template["Resources"].items() if not name.startswith(("Ecr", "Logs"))
    }
    context = context_of(template)
    assert context.route == "none"
    found = match_reason("CannotPullContainerError: dial tcp 52.94.1.1:443: i/o timeout", context)
    assert found is not None and "no endpoint for ecr.api, ecr.dkr" in found.sentence


SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-AbCdEf"
REFUSED = (
    f"{SECRETS} secret from asm: {RETRIED} AccessDeniedException: {ROLE} is not authorized to "
    f"perform: secretsmanager:GetSecretValue on resource: {SECRET}"
)
LISTED = f"  secrets:\n    - name: TOKEN\n      valueFrom: {SECRET}\n"
PERMISSIONS = [
    (
        "none",
        "",
        "because no identity-based policy allows the action",
        "the execution role has no statement for secretsmanager:GetSecretValue",
        "allow secretsmanager",
    ),
    (
        "other",
        LISTED.replace("token-", "other-"),
        "because no identity-based policy allows the action",
        f"statement for secretsmanager:GetSecretValue is for other resources than {SECRET}",
        f"for {SECRET}",
    ),
    (
        "drift",
        LISTED,
        "because no identity-based policy allows the secretsmanager:GetSecretValue action",
        "AWS finds none in the role",
        "drift",
    ),
    ("there", LISTED, "", "something else blocks it", "KMS key"),
    (
        "boundary",
        LISTED,
        "because no permissions boundary allows the secretsmanager:GetSecretValue action",
        "no permissions boundary allows it",
        "change the permissions boundary",
    ),
    (
        "organisation",
        LISTED,
        "with an explicit deny in a service control policy",
        "a service control policy denies it explicitly",
        "find the Deny",
    ),
]


@pytest.mark.parametrize(
    ("service", "why", "clause", "advice"), [one[1:] for one in PERMISSIONS], ids=[one[0] for one in PERMISSIONS]
)
def test_whether_a_permission_is_missing(service: str, why: str, clause: str, advice: str) -> None:
    found = match_reason(f"{REFUSED} {why}", context_of(compiled(service=service)))
    assert found is not None and found.reason.name == "secret-denied" and found.key == "service.secrets"
    assert clause in found.sentence and advice in found.advice
    assert found.command == f"aws secretsmanager get-resource-policy --secret-id {SECRET}"


def test_a_foreign_role_and_another_repository() -> None:
    template = compiled()
    template["Resources"] = {name: one for name, one in template["Resources"].items() if name != "ExecutionRole"}
    foreign = match_reason(REFUSED, context_of(template))
    bare = match_reason(REFUSED, DiagnosisContext())
    assert bare is not None and f": secretsmanager:GetSecretValue on {SECRET}" in bare.sentence
    assert foreign is not None and "not in the template" in foreign.sentence
    denied = next(words for name, words in WORDS if name == "image-denied")
    own, other = (
        match_reason(denied, context_of(compiled())),
        match_reason(denied.replace("/web", "/base"), context_of(compiled())),
    )
    assert own is not None and "something else blocks it" in own.sentence
    assert (
        own.command
        == "aws ecr get-repository-policy --registry-id 123456789012 --region us-east-1 --repository-name web"
    )
    assert (
        other is not None
        and "is for other resources than arn:aws:ecr:us-east-1:123456789012:repository/base" in other.sentence
    )


@pytest.mark.parametrize(
    "template",
    [
        None,
        {},
        {"Resources": []},
        {"Resources": {"Service": None}},
        {"Resources": {"Service": {"Properties": {"LoadBalancers": [3], "TaskDefinition": "x"}}}},
    ],
)
def test_templates_not_made_by_fsdcf_give_what_they_can(template: Any) -> None:
    assert context_of(template).allows("ecr:BatchGetImage") is None
    assert match_reason("exit code 1", context_of(template)) is not None


def test_the_sentence_contains_the_numbers() -> None:
    found = match_reason(f"{UNHEALTHY}Request timed out)", context_of(compiled()))
    assert found is not None
    assert found.sentence.endswith(
        "/up on port 8000 and expects 200-299 (4 failures, 20 s apart, a timeout of 4 s, a grace period of 90 s)"
    )
    full = match_reason(EXITED + "exit code 137", context_of(compiled(service="  resources:\n    memory: 1024\n")))
    assert full is not None and full.sentence.endswith("; the task has 1024 MiB")


ROWS = [*REASONS, *STACK_REASONS, *NOTICES, *STOP_REASONS.values(), HIDDEN]


def test_every_key_and_every_command_exists() -> None:
    """``fsdcf explain`` explains each key, and each command has known placeholders."""
    for one in ROWS:
        assert not one.key or find(one.key, types()) or later(one.key), one.key
        assert set(re.findall(r"\{(\w+)\}", one.command)) <= {"service", "environment", "spec", "port", "image"}


@pytest.mark.parametrize("reason", [one for one in ROWS if one.command.startswith("fsdcf ")], ids=lambda one: one.name)
def test_every_command_of_fsdcf_can_be_typed(reason: Reason) -> None:
    command = reason.command.format(service="shop", environment="prod", spec="shop.yml", port=8000, image="shop:1")
    assert not problem_of(command)


PASSING = {
    *("image-rate-limit", "image-answer-cut-off", "image-token-expired", "image-pull-interrupted"),
    *("image-registry-fault", "secret-throttled", "network-interface-setup", "network-interface"),
    *("check-balancer-fault", "check-pending", "zone-unsupported", "spot", "capacity", "service-throttled"),
    *("image-volume", "stop", "role-invalid", "firewall-pending", "service-draining", "deployment-in-progress"),
    *(
        "queue-deleted-recently",
        "bucket-conflict",
        "targets-unregistered",
        "capacity-decreases",
        "stack-busy",
        "throttled",
        "busy",
        "aws-fault",
        "steady",
        "certificate-pending",
        "discovery-in-use",
    ),
    *("stopped-by-aws", "stopped-by-spot", "stopped-by-rebalancing", "stopped-by-scaling", "stopped-by-deployment"),
    *("stopped-by-deletion", "stopped-by-ecs", "stopped-by-person"),
}
"""The reasons that may pass without a change."""


@pytest.mark.parametrize("reason", ROWS, ids=lambda one: one.name)
def test_a_space_of_a_pattern_has_no_quantifier(reason: Reason) -> None:
    """A space matches any white space, so that a quantifier after it would mean another thing."""
    assert not re.search(r" [?*+{]", reason.pattern)


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (
            "pull access denied for 123456789012.dkr.ecr.us-east-1.amazonaws.com/my-service, repository does not exist",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-service",
        ),
        ("pull access denied for 'acme/web', repository does not exist", "acme/web"),
        ("pull access denied for web; docker login", "web"),
        ("failed to resolve ref ghcr.io/acme/web:1.2: 403", "ghcr.io/acme/web:1.2"),
        ("failed to resolve ref ghcr.io/acme/web@sha256:0a1b.", "ghcr.io/acme/web@sha256:0a1b"),
        ('failed to pull and unpack image "quay.io:8443/a/b:1": denied', "quay.io:8443/a/b:1"),
        ("HEAD request to https://ghcr.io/v2/acme/web/manifests/1: 403", "ghcr.io/acme/web:1"),
        ("https://registry-1.docker.io/v2/acme/web/manifests/sha256:0a1b...", "docker.io/acme/web"),
        ("inspect image has been retried 5 time(s):", ""),
        ("", ""),
    ],
)
def test_the_name_of_an_image_ends_where_it_ends(text: str, image: str) -> None:
    assert image_in(text) == image


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("web", "Docker Hub"),
        ("acme/web:1", "Docker Hub"),
        ("index.docker.io/acme/web", "Docker Hub"),
        ("ghcr.io/acme/web", "the GitHub Container Registry"),
        ("quay.io/acme/web", "Quay"),
        ("registry.gitlab.com/acme/web", "the GitLab registry"),
        ("gitlab.example.com:5050/acme/web", "the GitLab registry"),
        ("acme.jfrog.io/docker/web", "Artifactory"),
        ("public.ecr.aws/acme/web", "the public gallery of Amazon ECR"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web", "Amazon ECR"),
        ("europe-docker.pkg.dev/acme/web/web", "the registry of Google Cloud"),
        ("acme.azurecr.io/web", "the registry of Azure"),
        ("harbor.example.com/web", "the registry harbor.example.com"),
        ("localhost:5000/web", "the registry localhost:5000"),
    ],
)
def test_which_registry_it_is(image: str, registry: str) -> None:
    assert registry_of(image).name == registry
    assert registry_of(image).ecr == (registry == "Amazon ECR")


@pytest.mark.parametrize(
    "failure", ["AccessDeniedException: x", "ResourceNotFoundException: can't find the specified secret"]
)
def test_the_secret_of_a_registry_has_its_own_key(failure: str) -> None:
    text = f"{SECRETS.replace('retrieve', 'get')} registry auth from asm: {RETRIED} {failure}"
    found = match_reason(text, DiagnosisContext())
    assert found is not None and found.key == "service.imageCredentials"


HUB = (
    "CannotPullContainerError: failed to do request: Head "
    '"https://registry-1.docker.io/v2/a/b/manifests/2": dial tcp 52.1.2.3:443: i/o timeout'
)


@pytest.mark.parametrize(
    ("text", "service", "clause", "advice"),
    [
        (HUB, ENDPOINTS, "no route to Docker Hub", "no endpoint leads there"),
        (HUB, "", "the tasks have a NAT gateway", "network ACLs"),
        (HUB.replace("a/b/manifests/2", ""), ENDPOINTS, "no route to Docker Hub", "no endpoint leads there"),
        (
            HUB.replace("registry-1.docker.io", "public.ecr.aws"),
            ENDPOINTS,
            "no route to the public gallery",
            "no endpoint",
        ),
        (HUB.replace("registry-1.docker.io", "123456789012.dkr.ecr.us-east-1.amazonaws.com"), ENDPOINTS, "", "ecr.dkr"),
        (HUB, None, "(docker.io)", "no endpoint leads there"),
        (HUB.replace("52.1.2.3", "10.1.2.3"), None, "docker.io is at 10.1.2.3", "firewalls"),
    ],
)
def test_endpoints_lead_to_no_other_registry(text: str, service: str | None, clause: str, advice: str) -> None:
    context = DiagnosisContext() if service is None else context_of(compiled(service=service))
    found = match_reason(text, context)
    assert found is not None and found.reason.name == "image-unreachable"
    assert clause in found.sentence and advice in found.advice


def test_what_may_pass() -> None:
    assert {one.name for one in ROWS if one.passing} == PASSING


CODES = ("TaskFailedToStart\n", "EssentialContainerExited\n", "ServiceSchedulerInitiated\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for _, name, text in messages() if name in {one.name for one in REASONS} and "Exit code" not in text],
)
def test_only_what_cannot_pass_is_a_ground_to_cancel(name: str, text: str) -> None:
    """Two tasks of a failing deployment stop for each reason of the table: --fail-fast cancels for the others alone."""
    text = text.replace("\\n", "\n")
    code, _, reason = text.partition("\n") if text.startswith(CODES) else ("", "", text)
    tasks = tuple(StoppedTask(id, "ecs-svc/1", reason, code) for id in ("0a", "0b"))
    deployments = (EcsDeployment("ecs-svc/1", "PRIMARY", "shop:1", "IN_PROGRESS", failed=2),)
    rollout = ServiceRollout("arn:aws:ecs:us-east-1:1:service/a/shop", deployments=deployments, stopped=tasks)
    repeated = repeated_reason(cast(Any, SimpleNamespace(template={})), rollout, "stack")
    assert repeated is not None and (repeated.name, repeated.passing) == (name, name in PASSING)


@pytest.mark.parametrize(
    ("context", "key"),
    [
        (DiagnosisContext(proxy=True), "service.resources.cpu"),
        (DiagnosisContext(), "service.healthCheck.container"),
        (DiagnosisContext(proxy=True, container_check="curl -f localhost"), "service.healthCheck.container"),
    ],
)
def test_the_check_of_the_proxy_is_the_only_one_where_the_container_has_none(
    context: DiagnosisContext, key: str
) -> None:
    found = match_reason("Task failed container health checks", context)
    assert found is not None and found.key == key
    assert ("Service Connect" in found.sentence) == (key == "service.resources.cpu")


def test_the_template_tells_whether_tasks_have_a_proxy() -> None:
    for enabled in (True, False):
        properties = {"ServiceConnectConfiguration": {"Enabled": enabled}}
        template = {"Resources": {"Service": {"Type": "AWS::ECS::Service", "Properties": properties}}}
        assert context_of(template).proxy is enabled

"""Reasons for which a task cannot be prepared: secrets, registry, logs, file systems, roles.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html,
https://docs.aws.amazon.com/efs/latest/ug/troubleshooting-efs-mounting.html, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import ACCESS, CUT_OFF, DIAGNOSE, GRAPH, ROUTE_ADVICE, Reason
from fsdcf.deploy.diagnosis.refinements import (
    refine_file_system,
    refine_permission,
    refine_route,
    refine_secret,
    refine_unstored,
)
from fsdcf.suggested import suggested

_SECRETS = "aws secretsmanager list-secrets"
_STORED = suggested("secret list", "{spec}", env="{environment}")
_INIT = (
    r"(?:ResourceInit\w*Error|unable to (?:pull|retrieve|get) [\w ]{0,60}(?:secret|registry auth)"
    r"|execution resource retrieval).*"
)
"""ECS prepares the task. An application that reads a secret itself gets similar answers."""
_ENV_FILES = r"download env files.*"
_EFS = r"failed to invoke EFS utils commands.*"

PREPARATION_REASONS = (
    Reason(
        "secret-key-missing",
        "ResourceInitializationError: ... retrieved secret from Secrets Manager did not contain json key",
        rf"did not contain json key (\S+?)[.,;]?(?:\s|$)|{_INIT}invalid character .* looking for beginning of value",
        "the secret has no key … in its JSON",
        "add the key to the secret, or use a key that it has; a secret that is not JSON has no keys",
        "service.secrets",
        _STORED,
        refine_unstored,
    ),
    Reason(
        "secret-deleted",
        "ResourceInitializationError: ... You can't perform this operation on the secret because it was marked for"
        " deletion",
        _INIT + r"secret because it was (?:marked for deletion|deleted)",
        "the secret is marked for deletion",
        "restore it, or use another secret: one that is marked for deletion cannot be read",
        "service.secrets",
        f"{_SECRETS} --include-planned-deletion",
        refine_secret,
    ),
    Reason(
        "secret-empty",
        "ResourceInitializationError: ... can't find the specified secret value for staging label: AWSCURRENT",
        _INIT + r"specified secret value for (?:staging label|VersionId)",
        "the secret has no value",
        "give it a value before the deploy",
        "service.secrets",
        _STORED,
        refine_unstored,
    ),
    Reason(
        "secret-missing",
        "ResourceInitializationError: ... Secrets Manager can't find the specified secret; invalid ssm parameters",
        _INIT + r"(?:can(?:'|no)t find the specified secret|check that the secret exists|invalid (?:ssm )?parameters"
        r"|ParameterNotFound|secret\b.*ResourceNotFoundException)"
        r"|can(?:'|no)t find the specified secret.*Service: (?:AWS)?SecretsManager"
        r"|Unable to fetch parameters \[[^\]]+\] from parameter store",
        "a secret or parameter of the spec does not exist",
        "create it, or correct its name or ARN, including the region and the account",
        "service.secrets",
        _STORED,
        refine_unstored,
    ),
    Reason(
        "secret-key-denied",
        "ResourceInitializationError: ... not authorized to perform: kms:Decrypt; Access to KMS is not allowed",
        _INIT + r"(?:kms:Decr|Access to KMS is not allowed|ciphertext refers to a customer master key"
        r"|AccessDenied\w*: The ciphertext)",
        "the tasks have no permission to use the key that encrypts the secret",
        "name the secret's key in secretKeys, and let the key's policy allow it, too",
        "service.secretKeys",
        "aws kms list-aliases",
        refine_permission("kms:Decrypt", show="aws kms get-key-policy --policy-name default --key-id"),
    ),
    Reason(
        "secret-key-disabled",
        "ResourceInitializationError: ... the KMS key is disabled, or is pending deletion",
        _INIT + r"(?:KMSInvalidStateException|DisabledException|key .*is (?:disabled|pending deletion)"
        r"|pending (?:deletion|import))",
        "the key that encrypts the secret is disabled or marked for deletion",
        "enable the key or cancel its deletion; or store the secret again under another key",
        "service.secrets",
        "aws kms list-aliases",
    ),
    Reason(
        "secret-denied",
        "ResourceInitializationError: ... not authorized to perform: secretsmanager:GetSecretValue",
        _INIT + r"(?:secretsmanager:Get|(?:retrieve|fetch\w*) secret.*(?:asm|secrets manager).*AccessDenied"
        r"|from asm.*AccessDenied)",
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
        _INIT + r"(?:ssm:GetParam|from ssm.*AccessDenied)",
        "the tasks have no permission to read the parameter",
        "list the parameter under service.secrets: the execution role then gets the statement",
        "service.secrets",
        "aws ssm describe-parameters",
        refine_permission("ssm:GetParameters", key="service.secrets"),
    ),
    Reason(
        "registry-denied",
        "ResourceInitializationError: ... not authorized to perform: ecr:GetAuthorizationToken",
        _INIT + r"(?:ecr:GetAuth|ecr registry auth.*AccessDenied)",
        "ECR rejects the execution role",
        "allow ecr:GetAuthorizationToken",
        "service.executionRole.statements",
        ACCESS,
        refine_permission("ecr:GetAuthorizationToken"),
    ),
    Reason(
        "secret-throttled",
        "ResourceInitializationError: ... unable to retrieve secrets from ssm: ThrottlingException: Rate exceeded",
        _INIT + r"(?:ThrottlingException|Rate exceeded|TooManyRequests)",
        "the Parameter Store or Secrets Manager limits the rate of requests, as when many tasks start at once",
        "try again: it passes by itself; with many tasks, enable the higher throughput of the Parameter Store",
        "service.secrets",
        DIAGNOSE,
        passing=True,
    ),
    Reason(
        "env-file-denied",
        "ResourceInitializationError: failed to download env files: ... AccessDenied: Access Denied status code: 403",
        _ENV_FILES + r"(?:AccessDenied|40[13]\b|not authorized)",
        "the tasks have no permission to read the environment file in S3, or the file does not exist, for which S3"
        " gives the same answer without s3:ListBucket",
        "check the file's name; allow s3:GetObject on the file and s3:GetBucketLocation on its bucket, and kms:Decrypt"
        " if it has a key of its own; or write the variables in service.environment",
        "service.executionRole.statements",
        ACCESS,
        refine_permission("s3:GetObject"),
    ),
    Reason(
        "env-file-missing",
        "ResourceInitializationError: failed to download env files: ... NoSuchKey; NoSuchBucket",
        _ENV_FILES + r"(?:NoSuchKey|NoSuchBucket|404|does not exist|NotFound)",
        "the environment file does not exist in S3",
        "upload the file, or correct its ARN; or write the variables in service.environment",
        "service.environment",
        "aws s3 ls",
    ),
    Reason(
        "env-file-unreachable",
        "ResourceInitializationError: failed to download env files: ... RequestCanceled; context deadline exceeded",
        _ENV_FILES + rf"(?:{CUT_OFF}|context cancell?ed)",
        "the tasks cannot reach S3, where the environment file is",
        f"{ROUTE_ADVICE} a gateway endpoint for S3 in their route tables; or write the variables in"
        " service.environment",
        "service.networking.vpc.nat",
        GRAPH,
        refine_route("s3"),
    ),
    Reason(
        "env-file",
        "ResourceInitializationError: failed to download env files, for another reason",
        r"(?:failed to|unable to) download env files",
        "the environment file cannot be read from S3",
        "check its ARN, its region, which must be that of the service, and its lines NAME=VALUE",
        "service.environment",
        DIAGNOSE,
    ),
    Reason(
        "service-unresolved",
        "ResourceInitializationError: ... dial tcp: lookup api.ecr.us-east-1.amazonaws.com: no such host",
        r"ResourceInit.*dial tcp: lookup ([\w.-]+)",
        "the tasks cannot resolve the name of a service of AWS: …",
        "enable DNS support and DNS host names in the VPC; a VPC with DNS servers of its own must resolve names of AWS",
        "service.networking.vpc",
        "aws ec2 describe-vpcs --query 'Vpcs[].[VpcId,DhcpOptionsId]'",
    ),
    Reason(
        "secret-unreachable",
        "ResourceInitializationError: ... unable to retrieve secret from asm (or ssm): ... i/o timeout",
        rf"ResourceInit.*(?:from asm|from ssm|secrets manager|secretsmanager\.|ssm\.).*{CUT_OFF}",
        "the tasks cannot reach Secrets Manager or the Parameter Store",
        f"{ROUTE_ADVICE} the endpoints secretsmanager and ssm",
        "service.networking.vpc.nat",
        GRAPH,
        refine_route("secretsmanager", "ssm"),
    ),
    Reason(
        "log-group-missing",
        "ResourceInitializationError: failed to validate logger args: ... the specified log group does not exist",
        r"(?:logger args|logging driver|log stream).*log group does not exist",
        "the log group no longer exists",
        "deploy again with logs enabled, and do not delete the group outside the stack",
        "service.observability.logs",
        "aws logs describe-log-groups",
    ),
    Reason(
        "logs-denied",
        "ResourceInitializationError: failed to validate logger args: ... not authorized to perform:"
        " logs:CreateLogStream",
        r"(?:logger args|logging driver|log stream).*(?:not authorized to perform: logs:\w+|AccessDenied)",
        "the tasks have no permission to write the log",
        "let the execution role write to the log group",
        "service.executionRole.statements",
        ACCESS,
        refine_permission("logs:CreateLogStream", "logs:PutLogEvents"),
    ),
    Reason(
        "logs-unreachable",
        "ResourceInitializationError: failed to validate logger args: ... i/o timeout",
        rf"(?:logger args|logging driver)(?!.*dial tcp [\d.]+:(?!443\b)).*{CUT_OFF}",
        "the tasks cannot reach CloudWatch Logs",
        f"{ROUTE_ADVICE} the endpoint logs",
        "service.networking.vpc.nat",
        GRAPH,
        refine_route("logs"),
    ),
    Reason(
        "log-router-unreachable",
        "failed to initialize logging driver: dial tcp 10.0.1.5:24224: connect: connection refused",
        r"logging driver.*dial tcp ([\d.]+:\d+)",
        "the log driver of the container cannot reach the log collector at …",
        "check the address and port in the driver's options, and that the collector runs; the templates of fsdcf use"
        " awslogs, which needs none",
        "service.observability.logs",
        DIAGNOSE,
    ),
    Reason(
        "file-system-denied",
        "ResourceInitializationError: failed to invoke EFS utils commands ... access denied by server",
        _EFS + r"access denied by server",
        "the EFS file system denies the mount",
        "mount it through its access point (unmanaged.accessPointId); its policy shows what it denies",
        "service.volumes",
        "aws efs describe-file-systems",
    ),
    Reason(
        "file-system-directory",
        "ResourceInitializationError: failed to invoke EFS utils commands ... reason given by server: No such file or"
        " directory",
        _EFS + r"reason given by server: No such file",
        "the directory to mount does not exist in the EFS file system",
        "create the directory, or mount one that exists; an access point creates its own directory",
        "service.volumes[].efs.rootDirectory",
        "aws efs describe-access-points",
        refine_file_system,
    ),
    Reason(
        "file-system-name",
        "ResourceInitializationError: failed to invoke EFS utils commands ... Failed to resolve fs-...",
        _EFS + r"(?:Failed to resolve|Name or service not known)",
        "the name of the EFS file system cannot be resolved in the task's zone",
        "give the file system a mount target in each zone of the tasks, and enable DNS support and DNS host names in"
        " the VPC",
        "service.volumes",
        "aws efs describe-file-systems",
        refine_file_system,
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
        "network-interface-setup",
        "ResourceInitializationError: failed to configure ENI: ... netplugin failed with no error message",
        r"failed to configure ENI|failed to set\s*up \w+ eni|netplugin failed",
        "Fargate could not set up the task's network interface",
        "try again: it passes by itself, and neither the image nor the spec is the cause",
        "service.networking.vpc",
        DIAGNOSE,
        passing=True,
    ),
    Reason(
        "registry-unreachable",
        "ResourceInitializationError: unable to pull secrets or registry auth: ... connection issue; i/o timeout",
        rf"ResourceInit.*(?:registry auth|pull secrets|api\.ecr|Amazon ECR).*{CUT_OFF}",
        "the tasks cannot reach ECR",
        f"{ROUTE_ADVICE} endpoints for ecr.api, ecr.dkr and logs",
        "service.networking.vpc.nat",
        GRAPH,
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
        ACCESS,
    ),
    Reason(
        "secret-unexplained",
        "ResourceInitializationError: ... failed to fetch secret arn:aws:secretsmanager:... (cut off)",
        _INIT + r"(?:from asm|from ssm|secrets manager)",
        "a secret or parameter of the spec could not be read; why is not in this text, of which ECS keeps 255"
        " characters",
        "check in this order: that it exists, the permission of the execution role, the key that encrypts it, the route"
        " of the tasks",
        "service.secrets",
        DIAGNOSE,
        refine_secret,
    ),
    Reason(
        "preparation",
        "ResourceInitializationError, for another reason",
        r"ResourceInit\w*Error:(?! (?:failed|unable) to create new container)",
        "the task could not be prepared",
        "read ECS's message: secrets, registry, volumes and logs are set up before the container starts",
        "service",
        DIAGNOSE,
    ),
)

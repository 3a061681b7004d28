"""Permissions, roles and credentials that stop CloudFormation from creating or changing a resource.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html,
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html#API_CreateRole_Errors, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import ACCESS, CODED, PERMISSIONS, Reason
from fsdcf.deploy.diagnosis.refinements import refine_denial

_CALLER = "aws sts get-caller-identity"

IDENTITY_REASONS = (
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
        "search-linked-role",
        "Before you can proceed, you must enable a service-linked role to give Amazon OpenSearch Service permissions",
        r"must enable a service-linked role to give Amazon (?:OpenSearch|ES)",
        "the account has not used OpenSearch Service in a VPC before, and its service-linked role does not exist yet",
        "create it once, and deploy again: aws iam create-service-linked-role --aws-service-name"
        " opensearchservice.amazonaws.com",
        "dependencies",
        "aws iam get-role --role-name AWSServiceRoleForAmazonOpenSearchService",
    ),
    Reason(
        "token-expired",
        "The security token included in the request is expired; ExpiredToken",
        r"security token included in the request (?:is|has) expired|ExpiredToken",
        "the credentials with which the operation was started had expired: CloudFormation uses them until it ends",
        "deploy again with fresh credentials; for an operation that lasts longer than a session, pass --role-arn with a"
        " role of CloudFormation, or allow the session to last longer",
        "",
        _CALLER,
    ),
    Reason(
        "token-invalid",
        "The security token included in the request is invalid; HandlerErrorCode: InvalidCredentials",
        r"security token included in the request is invalid|InvalidClientTokenId|HandlerErrorCode: InvalidCredentials",
        "AWS does not accept the credentials: their key or role was deleted or disabled, or the region is not enabled"
        " for"
        " the account",
        "check whose credentials they are and whether the account has this region; then deploy again",
        "",
        _CALLER,
    ),
    Reason(
        "account-blocked",
        "Your account is currently blocked; This AWS account currently does not support creating load balancers",
        r"account is (?:currently )?(?:blocked|suspended|pending verification|not (?:yet )?(?:activated|verified))"
        r"|account currently does not support|PendingVerification|aws-verification@amazon\.com",
        "AWS blocks the account, or has not verified it yet; neither the template nor a permission is the cause",
        "ask AWS Support to unblock it, from the root user's console; look for mail of AWS about a payment or a check",
        "",
        _CALLER,
    ),
    Reason(
        "assume-role",
        "User: ... is not authorized to perform: sts:AssumeRole; ... sts:AssumeRoleWithWebIdentity",
        r"not authorized to perform:? sts:(?:AssumeRole|TagSession)",
        "the caller may not assume the role, or the role does not exist",
        "name the caller in the trust policy of the role (for a job on GitHub: its provider, and its repository with"
        " branch or environment), and let a policy of the caller allow the action",
        "",
        "aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument",
        refine_denial,
    ),
    Reason(
        "stack-role",
        "Role ... is invalid or cannot be assumed",
        r"[Rr]ole (?:arn:\S+ )?is invalid or cannot be assumed|cannot assume the provided role",
        "CloudFormation, or the deploying user, cannot assume the role; the template is not the cause",
        "name cloudformation.amazonaws.com in the trust policy of the role of --role-arn, check its ARN, and let the"
        " deploying role pass it",
        "",
        PERMISSIONS,
        refine_denial,
    ),
    Reason(
        "pass-role",
        "User: ... is not authorized to perform: iam:PassRole on resource: ...",
        r"not authorized to perform:? iam:PassRole|(?:unable|not authorized) to pass (?:the )?role"
        r"|cannot pass (?:the )?role",
        "the deploying user or role may not pass a role of the stack to the service that uses it (iam:PassRole)",
        "give the deploying role the policy that this command prints: it allows iam:PassRole for these roles alone",
        "",
        PERMISSIONS,
        refine_denial,
    ),
    Reason(
        "permission",
        "User: ... is not authorized to perform: iam:CreateRole on resource: ...",
        r"not authorized to perform:? [\w-]+:\w+|Encoded authorization (?:failure )?message"
        r"|HandlerErrorCode: (?:AccessDenied|UnauthorizedTaggingOperation)|UnauthorizedOperation"
        rf"|Access\s*Denied.*{CODED}|{CODED}.*Access\s*Denied|Access denied for operation '",
        "the deploying user or role lacks a permission",
        "give the deploying role the policy that this command prints, or find out what denies it: a permissions"
        " boundary or a policy of the organization",
        "",
        PERMISSIONS,
        refine_denial,
    ),
    Reason(
        "policy-invalid",
        "MalformedPolicyDocument; Invalid principal in policy; The policy failed legacy parsing",
        r"MalformedPolicy\w*|Invalid principal in policy|failed legacy parsing|Syntax errors in policy"
        r"|must be in ARN format|must be prefixed by a vendor|prohibited field"
        r"|Policy has invalid (?:resource|action|principal)|MalformedPolicy: ",
        "IAM, or the service that has the policy, does not accept it: an action, an ARN or a principal in it is invalid"
        " or does not exist",
        "check the statements of the spec: an action is service:Action, a resource is * or a whole ARN, and a role that"
        " a policy names must exist",
        "service.taskRole.statements",
        ACCESS,
    ),
    Reason(
        "role-invalid",
        "Role is not valid; Invalid IAM role",
        rf"{CODED}.*Role is not valid|Role is not valid.*{CODED}"
        r"|Unable to assume role and validate the specified targetGroupArn|verify that the ECS service role",
        "ECS cannot use a role of the service yet, or its trust policy does not name ECS",
        "try again: a new role takes some seconds to take effect; if it fails again, add ecs-tasks.amazonaws.com to the"
        " trust policy",
        "service.taskRole",
        ACCESS,
        passing=True,
    ),
    Reason(
        "role-for-exec",
        "The service couldn't be created because a valid taskRoleArn is not being used",
        r"valid taskRoleArn is not being used",
        "ECS Exec needs a task role, and the task definition has none",
        "deploy again from the spec: fsdcf gives a service with enableExecuteCommand a task role",
        "service.enableExecuteCommand",
        ACCESS,
    ),
)

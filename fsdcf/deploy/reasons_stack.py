"""Known reasons why CloudFormation cannot make or change a resource of the stack, in the words of AWS, each with what to do. Pure.

Sources of the words: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/818 (the linked role),
https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/241 and https://github.com/aws/aws-parallelcluster/issues/1734 (quotas),
https://github.com/hashicorp/terraform-provider-aws/issues/41789 (certificates), https://github.com/aws/aws-cdk/issues/27067 (permissions).
"""

from __future__ import annotations

from fsdcf.deploy.judging import Reason

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

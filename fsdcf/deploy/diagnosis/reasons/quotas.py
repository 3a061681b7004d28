"""Quotas of the account that stop CloudFormation from creating a resource of a service.

Source: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html (the quotas of each service), and the
error codes of each service's API reference.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import ACCESS, Reason

_NETWORK = "service.networking.vpc"
_BALANCER = "service.networking.loadBalancer"


def _quota(
    name: str, symptom: str, pattern: str, what: str, advice: str, key: str, command: str, where: str = "region"
) -> Reason:
    cause = f"the account's quota of {what} in this {where} is used up"
    return Reason(name, symptom, pattern, cause, advice, key, command)


QUOTA_REASONS = (
    _quota(
        "vpc-quota",
        "The maximum number of VPCs (or internet gateways) has been reached",
        r"maximum number of (?:VPCs|internet gateways) has been reached|(?:Vpc|InternetGateway)LimitExceeded",
        "VPCs, or of internet gateways, of which each VPC needs one,",
        "share the network of an environment (`networking.shared: true`), use an existing VPC, delete an unused one, or"
        " request a higher quota",
        _NETWORK,
        "aws ec2 describe-vpcs --query 'Vpcs[].[VpcId,CidrBlock,Tags]'",
    ),
    _quota(
        "address-quota",
        "The maximum number of addresses has been reached",
        r"maximum number of addresses has been reached|AddressLimitExceeded",
        "Elastic IP addresses, of which each NAT gateway needs one,",
        "use one NAT gateway or none, share that of an environment (`networking.shared: true`), release an unused"
        " address, or request a higher quota",
        "service.networking.vpc.nat",
        "aws ec2 describe-addresses --query 'Addresses[].[PublicIp,AssociationId]'",
    ),
    _quota(
        "nat-quota",
        "Performing this operation would exceed the limit of 5 NAT gateways",
        r"exceed the limit of \d+ NAT gateways|NatGatewayLimitExceeded",
        "NAT gateways",
        "use one NAT gateway (`nat: single`) or none, use an existing VPC, delete an unused gateway, or request a"
        " higher"
        " quota; a gateway that is being deleted counts",
        "service.networking.vpc.nat",
        "aws ec2 describe-nat-gateways --query 'NatGateways[].[NatGatewayId,State,SubnetId]'",
        "zone",
    ),
    _quota(
        "subnet-quota",
        "The maximum number of subnets (or route tables) has been reached",
        r"maximum number of (?:subnets|route tables|routes) has been reached"
        r"|(?:Subnet|RouteTable|Route)LimitExceeded",
        "subnets or route tables of a VPC",
        "use existing subnets, or request a higher quota",
        _NETWORK,
        "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,VpcId,CidrBlock]'",
    ),
    _quota(
        "endpoint-quota",
        "The maximum number of VPC endpoints has been reached; VpcEndpointLimitExceeded",
        r"maximum number of (?:gateway |interface )?VPC endpoints|VpcEndpointLimitExceeded",
        "VPC endpoints",
        "use fewer endpoints, or request a higher quota",
        "service.networking.vpc.endpoints",
        "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[VpcEndpointId,ServiceName,VpcId]'",
    ),
    _quota(
        "security-group-quota",
        "The maximum number of security groups has been reached; SecurityGroupLimitExceeded",
        r"maximum number of security groups|\bSecurityGroupLimitExceeded",
        "security groups",
        "delete unused security groups, or request a higher quota",
        _NETWORK,
        "aws ec2 describe-security-groups --query 'SecurityGroups[].[GroupId,GroupName,VpcId]'",
    ),
    _quota(
        "security-group-rule-quota",
        "The maximum number of rules per security group has been reached; RulesPerSecurityGroupLimitExceeded",
        r"maximum number of rules per security group|RulesPerSecurityGroupLimitExceeded",
        "rules of a security group",
        "allow fewer and larger address ranges, or request a higher quota",
        "service.networking.loadBalancer.allowCidrs",
        "aws ec2 describe-security-group-rules",
    ),
    _quota(
        "balancer-quota",
        "The maximum number of load balancers has been reached; TooManyLoadBalancers",
        r"maximum number of (?:application |network )?load balancers has been reached|TooManyLoadBalancers",
        "load balancers",
        "delete an unused load balancer; give a service that no client calls `networking.loadBalancer: false`, or no"
        " `port`; or request a higher quota",
        _BALANCER,
        "aws elbv2 describe-load-balancers --query 'LoadBalancers[].[LoadBalancerName,Type,CreatedTime]'",
    ),
    _quota(
        "target-group-quota",
        "The maximum number of target groups has been reached; TooManyTargetGroups",
        r"maximum number of (?:unique )?target groups|TooMany(?:Unique)?TargetGroups\w*",
        "target groups",
        "delete unused target groups, or request a higher quota",
        _BALANCER,
        "aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,LoadBalancerArns]'",
    ),
    _quota(
        "listener-quota",
        "The maximum number of listeners, rules or certificates has been reached; TooManyRules",
        r"maximum number of (?:listeners|rules|certificates)\b(?! per security)|TooMany(?:Listeners|Rules"
        r"|Certificates)",
        "listeners, rules or certificates of a load balancer",
        "delete unused ones, use another load balancer, or request a higher quota",
        _BALANCER,
        "aws elbv2 describe-account-limits",
    ),
    _quota(
        "target-quota",
        "The maximum number of targets has been reached; TooManyTargets",
        r"maximum number of (?:targets|registrations)|TooMany(?:Targets|RegistrationsForTargetId)",
        "targets of a load balancer",
        "run fewer tasks behind one load balancer, or request a higher quota",
        "service.resources.desiredCount",
        "aws elbv2 describe-account-limits",
    ),
    Reason(
        "policy-size",
        "Maximum policy size of 10240 bytes exceeded for role ...",
        r"Maximum policy size of (\d+) bytes exceeded|Cannot exceed quota for (?:PolicySize|ACLSizePerRole): (\d+)",
        "the policies in a role are longer than IAM allows (… characters without spaces, all of them together), which"
        " no"
        " quota raises",
        "write fewer and shorter statements: join those with the same resources, use wildcards in the names of"
        " resources, or split the service",
        "service.taskRole.statements",
        ACCESS,
    ),
    _quota(
        "role-quota",
        "Cannot exceed quota for RolesPerAccount: 1000",
        r"Cannot exceed quota for (?:RolesPerAccount|PoliciesPerAccount|InstanceProfilesPerAccount)",
        "IAM roles or policies",
        "delete unused roles, or request a higher quota",
        "",
        "aws iam get-account-summary --query 'SummaryMap.[Roles,RolesQuota,Policies,PoliciesQuota]'",
        "account",
    ),
    Reason(
        "capacity-decreases",
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day",
        r"throughput decreases are limited",
        "the capacity of a DynamoDB table was lowered as often as DynamoDB allows in a day",
        "wait an hour, which allows one more decrease; or use PAY_PER_REQUEST",
        "dependencies.aws_dynamodb_table.billingMode",
        "aws dynamodb list-tables",
        passing=True,
    ),
    _quota(
        "table-quota",
        "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
        r"limit of \d+ tables|Subscriber limit exceeded|Too many (?:tables|operations).*(?:simultaneously|concurrent)",
        "DynamoDB tables, or of tables that are created at once,",
        "try again later if several stacks create tables; otherwise delete unused tables, or request a higher quota",
        "dependencies",
        "aws dynamodb list-tables",
    ),
    _quota(
        "bucket-quota",
        "You have attempted to create more buckets than allowed; TooManyBuckets",
        r"more buckets than allowed|TooManyBuckets",
        "S3 buckets",
        "delete unused buckets, or request a higher quota",
        "dependencies",
        "aws s3 ls",
        "account",
    ),
    _quota(
        "topic-quota",
        "TopicLimitExceeded; SubscriptionLimitExceeded; FilterPolicyLimitExceeded",
        r"(?:Topic|Subscription|FilterPolicy)LimitExceeded|Topic limit exceeded",
        "SNS topics, subscriptions or filter policies",
        "delete unused ones, or request a higher quota",
        "dependencies",
        "aws sns list-topics",
    ),
    _quota(
        "file-system-quota",
        "FileSystemLimitExceeded; AccessPointLimitExceeded; SecurityGroupLimitExceeded",
        r"(?:FileSystem|AccessPoint)LimitExceeded|ThroughputLimitExceeded",
        "EFS file systems or access points",
        "delete unused ones, share a file system, or request a higher quota",
        "dependencies",
        "aws efs describe-file-systems --query 'FileSystems[].[FileSystemId,Name]'",
    ),
    _quota(
        "log-quota",
        "Resource limit exceeded (Service: CloudWatchLogs); LimitExceededException of CloudWatch",
        r"Resource limit exceeded.*(?:Logs)|(?:CloudWatchLogs|CloudWatch|Logs)\b.*LimitExceeded\w*"
        r"|LimitExceeded\w*.*CloudWatch",
        "log groups, resource policies of logs, or alarms",
        "delete unused ones, or request a higher quota",
        "service.observability",
        "aws logs describe-log-groups --query 'length(logGroups)'",
    ),
    _quota(
        "scaling-quota",
        "The maximum number of scalable targets (or scaling policies) has been reached",
        r"(?:maximum number|limit) of (?:scalable targets|scaling policies|scheduled actions|step adjustments)"
        r"|ApplicationAutoScaling.*LimitExceeded\w*",
        "scalable targets or scaling policies",
        "scale fewer services, or request a higher quota",
        "service.autoScaling",
        "aws application-autoscaling describe-scalable-targets --service-namespace ecs",
    ),
    _quota(
        "parameter-quota",
        "ParameterLimitExceeded; ParameterMaxVersionLimitExceeded",
        r"Parameter(?:MaxVersion)?LimitExceeded|You have exceeded the number of parameters",
        "SSM parameters, or of versions of one,",
        "delete unused parameters or the labels of old versions, or request a higher quota",
        "",
        "aws ssm describe-parameters",
    ),
    _quota(
        "ecs-quota",
        "The maximum number of services (or clusters) has been reached; LimitExceededException of ECS",
        r"(?:AmazonECS|Service: Ecs).*(?:LimitExceeded|limit exceeded|exceeded the limit)"
        r"|maximum number of (?:clusters|services)\b|namespace (?:limit|quota)",
        "ECS clusters, services or task definitions",
        "delete unused ones, or request a higher quota",
        "",
        "aws service-quotas list-service-quotas --service-code ecs",
    ),
    _quota(
        "stack-quota",
        "Limit for stack has been exceeded; StackLimitExceeded",
        r"Limit for stacks? has been exceeded|StackLimitExceeded",
        "CloudFormation stacks",
        "delete unused stacks, or request a higher quota",
        "",
        "aws cloudformation describe-stacks --query 'Stacks[].[StackName,StackStatus]'",
    ),
    Reason(
        "quota-other",
        "... LimitExceeded; Cannot exceed quota for ...; HandlerErrorCode: ServiceLimitExceeded",
        r"Cannot exceed quota for ([\w ]+?):|HandlerErrorCode: ServiceLimitExceeded"
        r"|maximum number of ([\w -]+?) (?:has|have)"
        r" been reached|\b(?!Request)(\w+)LimitExceeded(?:Exception)?\b.*HandlerErrorCode"
        r"|would exceed the limit of \d+ ([\w -]+)",
        "a quota of the account is used up (…)",
        "find the quota by the words of the message, then request a higher one, or delete what is unused",
        "",
        "aws service-quotas list-services",
    ),
)

"""Subnets, zones, load balancers, certificates and firewalls that CloudFormation cannot create or change.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import Reason

_SUBNETS = "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,VpcId,CidrBlock,AvailabilityZoneId]'"
_GROUPS = "aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,LoadBalancerArns]'"
_ZONES = "aws ec2 describe-availability-zones --query 'AvailabilityZones[].[ZoneName,ZoneId,State]'"

NETWORK_REASONS = (
    Reason(
        "subnet-range",
        "The CIDR '10.0.0.0/20' conflicts with another subnet",
        r"The CIDR '[^']*' conflicts with another subnet|InvalidSubnet\.Conflict",
        "a new subnet has the address range of one that exists: the zones of the network have changed, or Fn::GetAZs"
        " now returns them in another order",
        "keep the zones of a deployed network; for others, deploy the service under another name next to this one, with"
        " the ids of its zones",
        "service.networking.vpc.availabilityZones",
        _SUBNETS,
    ),
    Reason(
        "range-invalid",
        "The CIDR '10.1.0.0/24' is invalid; InvalidSubnet.Range; InvalidVpcRange",
        r"The CIDR '[^']*' is invalid|InvalidSubnet\.Range|InvalidVpc\.?Range|CIDR block .*(?:is invalid|not valid)",
        "an address range is invalid, or is not part of the VPC's range",
        "use a range of the VPC, between /16 and /28, that begins at a boundary of its size",
        "service.networking.vpc.cidr",
        _SUBNETS,
    ),
    Reason(
        "zones-too-few",
        "At least two subnets in two different Availability Zones must be specified",
        r"At least two subnets in two different Availability Zones",
        "an application load balancer needs subnets in two zones, and has them in one only",
        "name public subnets in at least two zones, or let fsdcf make the network",
        "service.networking.vpc.publicSubnets",
        _SUBNETS,
    ),
    Reason(
        "zones-repeated",
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        r"multiple subnets in the same Availability Zone",
        "a load balancer can have one subnet in each zone, and has two in one of them",
        "name one public subnet for each zone",
        "service.networking.vpc.publicSubnets",
        _SUBNETS,
    ),
    Reason(
        "zone-without-service",
        "Nat Gateway is not available in this availability zone; NotAvailableInZone",
        r"(?:is )?not available in (?:this|the) availability zone|NotAvailableInZone"
        r"|does not support the availability zone of the subnet|can currently only be created in the following"
        r"|parameter availabilityZone is invalid|UnsupportedAvailabilityZone",
        "AWS does not offer a part of the network, such as a NAT gateway or an endpoint, in one of the zones",
        "choose zones by their ids: the letter of a zone means another zone in each account",
        "service.networking.vpc.availabilityZones",
        _ZONES,
    ),
    Reason(
        "balancer-addresses",
        "Not enough IP space available in subnet-...; ELB requires at least 8 free IP addresses in each subnet",
        r"[Nn]ot enough IP space available|requires at least 8 free IP",
        "a subnet of the load balancer has fewer than the 8 free addresses that it needs",
        "use larger public subnets, or free addresses in them",
        "service.networking.vpc.publicSubnets",
        "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,CidrBlock,AvailableIpAddressCount]'",
    ),
    Reason(
        "gateway-missing",
        "VPC vpc-... has no internet gateway; InvalidSubnet",
        r"has no internet gateway",
        "the VPC has no internet gateway, and the load balancer is to be reached from the internet",
        "attach an internet gateway and route the public subnets to it, or set `internal: true`",
        "service.networking.loadBalancer.internal",
        "aws ec2 describe-internet-gateways --query 'InternetGateways[].[InternetGatewayId,Attachments]'",
    ),
    Reason(
        "networks-differ",
        "You have specified two resources that belong to different networks",
        r"belong to different networks|(?:not in|different from|do not belong to) the same VPC"
        r"|(?:security group|subnet)\S* .* (?:does|do) not belong to (?:the )?VPC",
        "subnets, security groups or a load balancer of the service are in different VPCs",
        "name the VPC and subnets of one network; a target group cannot leave its VPC",
        "service.networking.vpc.id",
        _SUBNETS,
    ),
    Reason(
        "network-gone",
        "The subnet ID '...' does not exist; The security group '...' does not exist; InvalidVpcID.NotFound",
        r"(?:subnet ID|security group|vpc ID|route table|Subnet|SecurityGroup) '?[\w-]+'? does not exist"
        r"|Invalid(?:Subnet|Vpc|SecurityGroup|Group|RouteTable|Gateway)\w*\.NotFound|SubnetNotFound"
        r"|specified subnets do not exist",
        "a subnet, security group or VPC that the template names does not exist in this region and account",
        "correct its id, or the region and the account of the deploy; delete resources of a stack only through it",
        "service.networking.vpc",
        _SUBNETS,
    ),
    Reason(
        "target-group-without-balancer",
        "The target group with targetGroupArn ... does not have an associated load balancer",
        r"does not have an associated load balancer",
        "the service was to register with a target group that no listener uses yet, or any more",
        "let the service wait for the listener (DependsOn), as the templates of fsdcf do; if they did, the listener or"
        " its rule was deleted outside the stack: restore it, then deploy again",
        "service.networking.loadBalancer",
        _GROUPS,
    ),
    Reason(
        "target-group-shared",
        "The following target groups cannot be associated with more than one load balancer; ResourceInUse",
        r"cannot be associated with more than one load balancer|TargetGroupAssociationLimit",
        "the target group belongs to another load balancer already",
        "give each load balancer its own target group, as fsdcf does",
        "service.networking.loadBalancer",
        _GROUPS,
    ),
    Reason(
        "target-type",
        "target type instance, which is incompatible with the awsvpc network mode",
        r"incompatible with the awsvpc network mode",
        "the target group expects EC2 instances, and the tasks have addresses of their own",
        "use a target group of type ip, as fsdcf does",
        "service.networking.loadBalancer",
        "aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,TargetType]'",
    ),
    Reason(
        "certificate",
        "The certificate '...' must have a fully-qualified domain name, a supported signature, and a supported key"
        " size; CertificateNotFound",
        r"certificate (?:ARN )?'arn:[^']*' (?:must have|(?:was |is )?not (?:found|valid))|CertificateNotFound"
        r"|UnsupportedCertificate",
        "the load balancer cannot use the certificate",
        "use one that ACM has issued (not one with a pending validation) in the region of the load balancer",
        "service.networking.loadBalancer.certificateArn",
        "aws acm list-certificates --certificate-statuses ISSUED PENDING_VALIDATION",
    ),
    Reason(
        "certificate-missing",
        "A certificate must be specified for HTTPS listeners",
        r"certificate must be specified for (?:HTTPS|TLS)",
        "an HTTPS listener has no certificate",
        "name a certificate that ACM has issued in this region",
        "service.networking.loadBalancer.certificateArn",
        "aws acm list-certificates --certificate-statuses ISSUED",
    ),
    Reason(
        "certificate-validation",
        "DNS Record Set is not available; CAA_ERROR; the certificate's validation failed",
        r"CAA_ERROR|DNS Record Set is not available|DomainValidation|domain validation (?:failed|timed out)"
        r"|NO_AVAILABLE_CONTACTS|certificate .*validation.*(?:failed|timed out)",
        "ACM could not validate the domain of the certificate",
        "create the CNAME record that ACM shows in the public zone of the domain, and allow Amazon in its CAA records",
        "service.networking.loadBalancer.certificateArn",
        "aws acm list-certificates --certificate-statuses PENDING_VALIDATION FAILED",
    ),
    Reason(
        "zone-missing",
        "No hosted zone found with ID: Z0123456789; NoSuchHostedZone",
        r"No hosted zone found with ID: (\w+)|NoSuchHostedZone",
        "the hosted zone … does not exist in this account",
        "correct its id: aws route53 list-hosted-zones shows those of the account; a zone of another account takes the"
        " record by hand",
        "service.networking.loadBalancer.domain.hostedZoneId",
        "aws route53 list-hosted-zones",
    ),
    Reason(
        "zone-foreign",
        "RRSet with DNS name shop.example.com. is not permitted in zone example.org.",
        r"RRSet with DNS name ([\w*.\\-]+?)\.? is not permitted in zone",
        "the domain … is not part of the hosted zone",
        "name the hosted zone of the domain",
        "service.networking.loadBalancer.domain.hostedZoneId",
        "aws route53 list-hosted-zones",
    ),
    Reason(
        "client-secret",
        "Could not find a value associated with JSONKey in SecretString; Could not parse SecretString JSON",
        r"Could not (?:find a value associated with JSONKey|parse SecretString JSON)",
        "the secret of a sign-in does not have the JSON key that its reference names",
        "correct the key after the name of the secret, or leave it out for a secret that is the text itself",
        "service.networking.loadBalancer.auth",
        "aws secretsmanager list-secrets",
    ),
    Reason(
        "rule-values",
        "A rule can only have '5' condition values",
        r"rule can only have '?(\d+)'? condition values",
        "the conditions of a listener's rule have more than … values",
        "let fsdcf make several rules of the hosts and paths, or use wildcards",
        "service.networking.loadBalancer",
        "",
    ),
    Reason(
        "tls-policy",
        "SSL policy '...' not found; SSLPolicyNotFound",
        r"SSLPolicyNotFound|SSL policy '[^']*' (?:not found|is not)",
        "the load balancer does not know the TLS policy",
        "use a policy that this region lists for the type of the load balancer",
        "service.networking.loadBalancer.sslPolicy",
        "aws elbv2 describe-ssl-policies --query 'SslPolicies[].Name'",
    ),
    Reason(
        "balancer-logs",
        "Access Denied for bucket: ... Please check S3bucket permission",
        r"Access Denied for bucket|check S3\s*bucket permission",
        "the load balancer may not write its logs to the bucket",
        "let the bucket's policy allow logdelivery.elasticloadbalancing.amazonaws.com, and use a bucket of this region"
        " that is encrypted with SSE-S3",
        "service.networking.loadBalancer.accessLogs",
        "aws s3api get-bucket-policy --bucket BUCKET",
    ),
    Reason(
        "bucket-notifications",
        "Unable to validate the following destination configurations",
        r"Unable to validate the following destination configurations",
        "S3 may not send the bucket's notifications to a queue or topic, which must exist first and admit the bucket",
        "write `receivesFrom: [{bucket: …}]` in the spec that makes the queue or topic, and deploy it before the"
        " bucket; its KMS key must admit s3.amazonaws.com",
        "dependencies.aws_s3_bucket.notifications",
        "aws sqs get-queue-attributes --attribute-names Policy --queue-url URL",
    ),
    Reason(
        "flow-logs",
        "Access Denied for LogDestination: ... Please check LogDestination permission",
        r"Access Denied for LogDestination|check LogDestination permission",
        "VPC flow logs may not be written to the bucket or log group",
        "let the policy of the destination allow delivery.logs.amazonaws.com, and the key that encrypts it, too",
        "service.networking.vpc",
        "aws ec2 describe-flow-logs",
    ),
    Reason(
        "log-group-key",
        "The specified KMS key does not exist or is not allowed to be used with LogGroup '...'",
        r"KMS key does not exist or is not allowed to be used with (?:LogGroup|Arn)"
        r"|The specified KMS Key Id could not be found",
        "CloudWatch Logs may not use the KMS key of the log group, or the key does not exist in this region",
        "let the policy of the key admit logs.REGION.amazonaws.com, as fsdcf explain W156 shows",
        "service.observability.logs.encryption",
        "aws kms get-key-policy --policy-name default --key-id KEY",
    ),
    Reason(
        "firewall-pending",
        "AWS WAF couldn't retrieve the resource that you requested; WAFUnavailableEntityException",
        r"WAFUnavailableEntity\w*|WAF couldn.t retrieve the resource|WAFNonexistentItem\w*|WAFAssociatedItem\w*",
        "AWS WAF does not see the load balancer or the web ACL yet, or it is still in use",
        "deploy again: a new resource takes some minutes to be known; check that both are in this region, with the"
        " scope"
        " REGIONAL",
        "service.networking.loadBalancer.waf",
        "aws wafv2 list-web-acls --scope REGIONAL",
        passing=True,
    ),
)

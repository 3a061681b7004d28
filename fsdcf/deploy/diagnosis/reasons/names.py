"""Names, addresses and places that are taken already, so that CloudFormation cannot create a resource.

Sources: the error codes of each service's API reference, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import CODED, STATUS, Reason
from fsdcf.deploy.diagnosis.refinements import refine_id

NAME_REASONS = (
    Reason(
        "endpoint-name-taken",
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain",
        r"conflicting DNS domain for (\S+) in the VPC",
        "the VPC already has an endpoint, or a private hosted zone, for …",
        "leave this endpoint out of the list and use the existing one, whose security group must accept port 443 from"
        " the tasks",
        "service.networking.vpc.endpoints",
        "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[VpcEndpointId,ServiceName,VpcId]'",
        refine_id(
            r"\bvpc-[0-9a-f]+",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=ID --query"
            " 'VpcEndpoints[].[VpcEndpointId,ServiceName]'",
        ),
    ),
    Reason(
        "export-taken",
        "Export with name ... is already exported by stack ...",
        r"Export with name (\S+) is already exported by",
        "another stack of this account and region exports the name … already",
        "remove the export from one of the stacks, or give it another name",
        "",
        "aws cloudformation list-exports --query 'Exports[].[Name,ExportingStackId]'",
    ),
    Reason(
        "route-taken",
        "route table ... already has a route with destination-prefix-list-id ...",
        r"already has a route with destination|RouteAlreadyExists|route identified by \S+ already exists",
        "the route table already has such a route: a gateway endpoint for S3 or DynamoDB, or a default route, exists",
        "leave this endpoint out of the list: the existing one serves the same tasks",
        "service.networking.vpc.endpoints",
        "aws ec2 describe-route-tables --query 'RouteTables[].[RouteTableId,Routes]'",
        refine_id(r"\brtb-[0-9a-f]+", "aws ec2 describe-route-tables --route-table-ids ID"),
    ),
    Reason(
        "target-group-taken",
        "A target group with the same name '...' exists, but with different settings; DuplicateTargetGroupName",
        r"target group with the same name|DuplicateTargetGroupName",
        "a target group of that name exists with other settings, from another stack or from an earlier deploy",
        "delete it if it is unused; a template that names its target group cannot replace it either: leave the name"
        " out,"
        " as fsdcf does",
        "service.networking.loadBalancer",
        "aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,LoadBalancerArns]'",
    ),
    Reason(
        "rule-priority-taken",
        "Priority '10' is currently in use; PriorityInUse",
        r"Priority '?(\d+)'? is currently in use|PriorityInUse",
        "another rule of the listener has the priority …",
        "use another priority: each rule of a listener has its own",
        "service.networking.loadBalancer",
        "aws elbv2 describe-rules --listener-arn LISTENER_ARN",
    ),
    Reason(
        "listener-taken",
        "A listener already exists on this port for this load balancer; DuplicateListener",
        r"listener already exists on this port|DuplicateListener",
        "the load balancer already has a listener on this port",
        "delete the listener that was made outside the stack, and deploy again",
        "service.networking.loadBalancer",
        "aws elbv2 describe-load-balancers",
    ),
    Reason(
        "queue-deleted-recently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name",
        r"wait (?:\d+ )?seconds after deleting a queue|QueueDeletedRecently",
        "a queue of that name was deleted less than a minute ago",
        "deploy again after a minute: it passes by itself",
        "dependencies",
        "aws sqs list-queues",
        passing=True,
    ),
    Reason(
        "bucket-conflict",
        "A conflicting conditional operation is currently in progress against this resource; OperationAborted",
        r"conflicting (?:conditional )?operation is (?:currently )?in progress|OperationAborted",
        "another operation on the same resource is in progress; S3 keeps the name of a deleted bucket for up to some"
        " hours",
        "deploy again later: it passes by itself",
        "dependencies",
        "aws s3 ls",
        passing=True,
    ),
    Reason(
        "mount-target-taken",
        "mount target already exists in this AZ; MountTargetConflict",
        r"mount target already exists in this AZ|MountTargetConflict",
        "the file system already has a mount target in this zone, and it can have one only",
        "use the file system as it is (existingId, or unmanaged with its access point), without new mount targets",
        "dependencies",
        "aws efs describe-file-systems",
    ),
    Reason(
        "service-taken",
        "Creation of service was not idempotent",
        r"Creation of service was not idempotent",
        "a service of that name exists in the cluster with other settings",
        "leave the names of services to CloudFormation, as fsdcf does, or delete the other one",
        "",
        STATUS,
    ),
    Reason(
        "security-rule-taken",
        "the specified rule ... already exists; InvalidPermission.Duplicate",
        r"InvalidPermission\.Duplicate|specified rule .* already exists",
        "the security group already has this rule, from outside the stack, or from a resource that leaves it",
        "delete that rule, and deploy again; or, if ports change places, change one of them in each deploy",
        "service.networking.loadBalancer.allowCidrs",
        "aws ec2 describe-security-group-rules",
    ),
    Reason(
        "record-taken",
        "Tried to create resource record set [name='shop.example.com.', type='A'] but it already exists",
        r"Tried to create resource record set \[name='([^']+?)\.?'.{0,80} but it already exists",
        "the hosted zone already has a record of the name …, from another stack or made by hand",
        "delete that record if it is unused, or use another domain",
        "service.networking.loadBalancer",
        "aws route53 list-resource-record-sets --hosted-zone-id ZONE",
    ),
    Reason(
        "namespace-taken",
        "The VPC vpc-... has already been associated with the hosted zone ... with the same domain name",
        r"already been associated with (?:a|the) hosted zone .*same domain name|ConflictingDomainExists"
        r"|NamespaceAlreadyExists",
        "the VPC already has a namespace, or a private hosted zone, of the same name",
        "give the namespace another name, or delete the other one if it is unused",
        "",
        "aws servicediscovery list-namespaces",
    ),
    Reason(
        "discovery-name-taken",
        "SC service is already used by arn:aws:servicediscovery:…:namespace/ns-…; ServiceAlreadyExists",
        r"SC service is already used by (\S+)|ServiceAlreadyExists",
        "another service already has this name in the namespace (…), or the old one, where a service is replaced",
        "give one of the two services another name; deploy a service that is replaced without networking.serviceConnect"
        " first, and with it afterwards",
        "service.networking.serviceConnect",
        "aws servicediscovery list-services",
    ),
    Reason(
        "name-taken",
        "Resource of type '...' with identifier '...' already exists",
        r"BucketAlready\w+|EntityAlreadyExists|ResourceAlreadyExists\w*|ParameterAlreadyExists|QueueAlreadyExists"
        r"|InvalidGroup\.Duplicate|DuplicateLoadBalancerName|HandlerErrorCode: AlreadyExists"
        r"|Resource of type '\S+' with identifier .* already exists|already exists in stack"
        rf"|already exists.*{CODED}|{CODED}.*already exists|Topic already exists with different|Table already exists"
        r"|Tried to create resource record set .* but it already exists|bucket name is not available"
        r"|\A\S+-\S+ already exists\.?\s*\Z",
        "a resource with that name already exists in this account or, for a bucket, in any account",
        "choose another name, or delete the existing resource if it is unused",
        "",
        "",
    ),
)

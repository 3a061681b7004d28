"""The part of the language that says where a service runs and who may reach it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from fsdcf.spec.placeholders import String
from fsdcf.spec.shape import Key

CIDR = r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}|[0-9a-fA-F:]+/\d{1,3}"


@dataclass(frozen=True, eq=False, repr=False)
class Vpc:
    """The network: made with the service, imported by its ids, or the account's default."""

    id: Annotated[
        String | None,
        Key("Id of an existing VPC.", pattern=r"vpc-[0-9a-f]{8,40}", expects="an id such as vpc-0123456789abcdef0"),
    ] = None
    private_subnets: Annotated[
        tuple[String, ...],
        Key(
            "Existing private subnets, one per zone.",
            pattern=r"subnet-[0-9a-f]{8,40}",
            expects="an id such as subnet-0123456789abcdef0",
        ),
    ] = ()
    public_subnets: Annotated[
        tuple[String, ...],
        Key(
            "Existing public subnets, one per zone.",
            pattern=r"subnet-[0-9a-f]{8,40}",
            expects="an id such as subnet-0123456789abcdef0",
        ),
    ] = ()
    cidr: Annotated[
        str | None,
        Key(
            "Address range of a new VPC, from /16 to /23.",
            pattern=CIDR,
            expects="a range such as 10.0.0.0/16",
            default="10.0.0.0/16",
        ),
    ] = None
    availability_zones: Annotated[int | None, Key("Zones of a new VPC.", minimum=2, maximum=6, default="2")] = None
    nat: Annotated[
        str | None, Key("NAT gateways of a new VPC.", allowed=("none", "single", "perZone"), default="single")
    ] = None
    endpoints: Annotated[
        tuple[str, ...],
        Key(
            "Interface endpoints of a new VPC by their service's name, such as ecr.api. Those of S3 and DynamoDB are free and always there.",
            pattern=r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*",
            expects="the last part of an endpoint service's name, such as ecr.api or secretsmanager",
        ),
    ] = ()


@dataclass(frozen=True, repr=False)
class Stickiness:
    """How long the load balancer sends a client to the same target; seconds."""

    duration: Annotated[int, Key("Seconds that a client stays with its task.", minimum=1, maximum=604800)] = 86400
    cookie_name: Annotated[
        str | None,
        Key(
            "Cookie of the application that decides; without one the load balancer makes its own.",
            pattern=r"(?!AWSALB)[A-Za-z0-9_-]{1,256}",
            expects="letters, digits, _ and -; AWSALB at the beginning is the load balancer's own",
        ),
    ] = None


@dataclass(frozen=True, repr=False)
class LoadBalancer:
    """The application load balancer and its listeners."""

    LATER: ClassVar[Mapping[str, str]] = {
        "accessLogs": "Bucket for access logs.",
        "waf": "Web ACL in front of the load balancer.",
        "listenerArn": "Listener of a shared load balancer.",
        "priority": "Priority of the rule at a shared listener.",
        "hosts": "Host names that the rule at a shared listener matches.",
        "paths": "Paths that the rule at a shared listener matches.",
        "domain": "Host name and hosted zone.",
    }
    type: Annotated[str, Key("Kind of load balancer.", allowed=("application",), later=("network",))] = "application"
    internal: Annotated[bool, Key("Reachable from the network only, not from the internet.")] = False
    certificate_arn: Annotated[
        String | None,
        Key(
            "Certificate: the service is served by HTTPS and HTTP is redirected to it.",
            pattern=r"arn:aws[a-z-]*:(acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+|iam::\d{12}:server-certificate/[!-~]+)",
            expects="the ARN of a certificate in ACM",
        ),
    ] = None
    ssl_policy: Annotated[
        str | None,
        Key(
            "Security policy of the HTTPS listener.",
            pattern=r"ELBSecurityPolicy-[A-Za-z0-9-]+",
            expects="a policy such as ELBSecurityPolicy-TLS13-1-2-2021-06",
            default="ELBSecurityPolicy-TLS13-1-2-2021-06",
        ),
    ] = None
    idle_timeout: Annotated[int, Key("Seconds after which an idle connection is closed.", minimum=1, maximum=4000)] = 60
    allow_cidrs: Annotated[
        tuple[str, ...],
        Key(
            "Address ranges that may connect.",
            pattern=CIDR,
            expects="a range such as 203.0.113.0/24",
            fewest=1,
            default="everyone, or the private ranges where internal",
        ),
    ] = ()
    stickiness: Annotated[bool | Stickiness, Key("Keep a client with its task by a cookie.")] = False
    deregistration_delay: Annotated[
        int, Key("Seconds that a leaving task may finish its requests.", minimum=0, maximum=3600)
    ] = 30


@dataclass(frozen=True, eq=False, repr=False)
class Networking:
    """Where the tasks run and how requests come in."""

    LATER: ClassVar[Mapping[str, str]] = {
        "subnets": "Subnets of the tasks.",
        "securityGroups": "Further security groups of the tasks.",
        "serviceDiscovery": "A name in Cloud Map.",
        "serviceConnect": "A name in Service Connect.",
    }
    vpc: Annotated[bool | Vpc, Key("`true` for a new network, a map for its details or for an existing one.")] = True
    assign_public_ip: Annotated[
        bool,
        Key(
            "Run the tasks in public subnets with an address of their own, without NAT.",
            also=("service.network.assignPublicIp",),
        ),
    ] = False
    load_balancer: Annotated[LoadBalancer, Key("The load balancer in front of the service.")] = field(
        default_factory=LoadBalancer
    )

    @property
    def network(self) -> Vpc:
        """The details of the network, defaults where none are written."""
        return self.vpc if isinstance(self.vpc, Vpc) else Vpc()

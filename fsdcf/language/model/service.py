"""Specs of kind Service: every key with its type, meaning, limits, default and spellings."""

from collections.abc import Mapping
from typing import Any, ClassVar

from fsdcf.cloudformation.limits import FARGATE_MEMORY
from fsdcf.conventions import ENVIRONMENT_PATTERN
from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.common import (
    EC2_ID,
    IN_PRODUCTION,
    KMS_KEY,
    KMS_KEY_WORDS,
    POLICY,
    RETENTIONS,
    VARIABLE,
    VARIABLE_WORDS,
    Dependency,
    ExecuteCommandLogs,
    Metadata,
    Role,
    container_insights_key,
    days_of,
    execute_command_logs_key,
    log_encryption_key,
    overrides_key,
    termination_protection_key,
)
from fsdcf.language.model.container import (
    LONGEST_REPOSITORY,
    MAIN_PATH,
    MOUNT_PATH,
    S3_OBJECT,
    Container,
    ContainerCheck,
    Secret,
    Sidecar,
)
from fsdcf.language.model.traffic import (
    BALANCER_NAME,
    BUCKET_NAME,
    CIDR,
    MOST_VALUES,
    AccessLogs,
    Authentication,
    Domain,
    HeaderCondition,
    QueryCondition,
    Redirect,
    access_logs_key,
    allow_cidrs_key,
    certificate_key,
    deletion_protection_key,
    hosts_key,
    idle_timeout_key,
    internal_key,
    paths_key,
    ssl_policy_key,
    waf_key,
)
from fsdcf.language.placeholders import String
from fsdcf.language.shape import Later, spec_key, spec_record

DEFAULT_GRACE_PERIOD = 60
"""Seconds during which ECS ignores failed checks of a service with a load balancer."""

EFS_ID = "[0-9a-f]{8,40}"
"""What follows the prefix in the id of a file system or access point.
Source: https://docs.aws.amazon.com/efs/latest/ug/API_FileSystemDescription.html"""

FARGATE_CPU = tuple(FARGATE_MEMORY)


_ROLLED_BACK = "leave it out: the circuit breaker rolls a failed deployment back"
_OWN_ALARMS = "`observability.alarms` notify you, and `fsdcf rollback` deploys the earlier release"
"""What works instead of keys that are not implemented yet."""


@spec_record
class Spot:
    """The number of tasks on Fargate, and the share of the others on Fargate Spot."""

    base: int = spec_key("Number of tasks that always run on FARGATE.", default=0, minimum=0, maximum=100000)
    weight: int = spec_key(
        "Number of tasks on FARGATE_SPOT for each further task on FARGATE.", default=1, minimum=1, maximum=1000
    )


@spec_record
class Resources:
    """The size of a task, and the number of tasks."""

    cpu: int = spec_key("CPU units of a task; 1024 units are one vCPU.", default=256, allowed=FARGATE_CPU)
    memory: int = spec_key(
        "Memory of a task in MiB; must be available with the cpu.", default=512, minimum=512, maximum=249856
    )
    architecture: str = spec_key("Processor architecture of the image.", default="x86_64", allowed=("x86_64", "arm64"))
    ephemeral_storage: int | None = spec_key(
        "Disk of a task in GiB; it is lost with the task.",
        default=None,
        also=("service.ephemeralStorage",),
        minimum=21,
        maximum=200,
        computed_default="20",
    )
    spot: bool | Spot = spec_key("Run on FARGATE_SPOT: `true` for every task, or the share of tasks.", default=False)
    desired_count: int | None = spec_key(
        "Number of tasks, unless auto scaling sets it.", default=None, minimum=0, maximum=5000, computed_default="2"
    )


SCALED_BY: Mapping[str, str] = {
    "cpu": "targetCPU",
    "memory": "targetMemory",
    "requestsPerTask": "targetRequestsPerTask",
    "responseTime": "targetResponseTime",
    "queueBacklogPerTask": "queueBacklogPerTask",
}
"""The metrics that scale a service, each with the key of `autoScaling` for its target."""

OF_BALANCER = ("requestsPerTask", "responseTime")
"""Those of the load balancer."""

DEFAULT_TARGET = 70
"""Target of the CPU utilization in percent where nothing else scales a service by its load."""


@spec_record
class ScalingStep:
    """A range of the metric, and the number of tasks that it adds or removes."""

    lower: float | None = spec_key("Value from which the step applies; without one, from the lowest.", default=None)
    upper: float | None = spec_key("Value up to which the step applies; without one, to the highest.", default=None)
    adjustment: int = spec_key("Tasks to add, or, as a negative number, to remove.", minimum=-5000, maximum=5000)


@spec_record
class ScalingPolicy:
    """A policy with cooldowns of its own: it keeps a metric at a target, or adds and removes tasks by steps."""

    type: str = spec_key(
        "`target` keeps the metric at a value, `step` adds and removes tasks by the range in which it is.",
        default="target",
        allowed=("target", "step"),
    )
    metric: str = spec_key("What it scales by, as in the keys for targets.", allowed=tuple(SCALED_BY))
    value: float | None = spec_key("Value of the metric to keep, for `type: target`.", default=None, minimum=0.001)
    steps: tuple[ScalingStep, ...] = spec_key(
        "Steps, for `type: step`, in values of the metric.", default=(), fewest=1, most=20
    )
    scale_in: bool = spec_key("Remove tasks, too; `false` leaves that to other policies.", default=True)
    scale_in_cooldown: int | None = spec_key(
        "Seconds between two removals of tasks.",
        default=None,
        minimum=0,
        maximum=86400,
        computed_default="that of autoScaling",
    )
    scale_out_cooldown: int | None = spec_key(
        "Seconds between two additions of tasks.",
        default=None,
        minimum=0,
        maximum=86400,
        computed_default="that of autoScaling",
    )


@spec_record
class ScalingSchedule:
    """A change of the limits of auto scaling at given times."""

    name: str = spec_key(
        "Name of the schedule.", pattern=r"[A-Za-z0-9_.-]+", longest=128, expects="letters, digits and _ . -"
    )
    cron: str = spec_key(
        "Times as a cron expression: the five fields of Unix, such as `0 8 * * 1-5`, or the six of AWS."
    )
    timezone: str = spec_key("Time zone of cron, by its name in the database of time zones.", default="UTC")
    min_count: int | None = spec_key(
        "Minimum number of tasks from then on.", default=None, minimum=0, maximum=5000, computed_default="as before"
    )
    max_count: int | None = spec_key(
        "Maximum number of tasks from then on.", default=None, minimum=0, maximum=5000, computed_default="as before"
    )


@spec_record
class AutoScaling:
    """Scaling by Application Auto Scaling; cooldowns in seconds."""

    min_count: int = spec_key(
        "Minimum number of tasks.", default=1, also=("service.resources.minCapacity",), minimum=0, maximum=5000
    )
    max_count: int = spec_key(
        "Maximum number of tasks.", default=10, also=("service.resources.maxCapacity",), minimum=1, maximum=5000
    )
    target_cpu: int | None = spec_key(
        "Target average CPU utilization in percent.",
        default=None,
        name="targetCPU",
        also=("targetCPUUtilization",),
        minimum=1,
        maximum=100,
        computed_default="70 without another target",
    )
    target_memory: int | None = spec_key(
        "Target average memory utilization in percent.",
        default=None,
        also=("targetMemoryUtilization",),
        minimum=1,
        maximum=100,
    )
    target_requests_per_task: int | None = spec_key(
        "Target number of requests per minute and task at the load balancer.", default=None, minimum=1, maximum=10000000
    )
    target_response_time: float | None = spec_key(
        "Target average response time of the tasks in seconds, for a service that is slow because of its own load.",
        default=None,
        minimum=0.001,
        maximum=4000,
    )
    queue_backlog_per_task: int | None = spec_key(
        "Target number of messages in a queue per task: the acceptable delay, divided by the time a message takes.",
        default=None,
        minimum=1,
        maximum=10000000,
    )
    queue: str | None = spec_key(
        "The aws_sqs_queue dependency of queueBacklogPerTask, by its name.",
        default=None,
        refers_to="aws_sqs_queue",
        computed_default="the only one",
    )
    scale_in_cooldown: int = spec_key("Seconds between two removals of tasks.", default=300, minimum=0, maximum=86400)
    scale_out_cooldown: int = spec_key("Seconds between two additions of tasks.", default=60, minimum=0, maximum=86400)
    schedules: tuple[ScalingSchedule, ...] = spec_key(
        "Changes of the minimum and maximum at given times.", default=(), most=200
    )
    policies: tuple[ScalingPolicy, ...] = spec_key(
        "Policies with cooldowns of their own, and by steps.", default=(), most=50
    )

    @property
    def least(self) -> int:
        """The number of tasks that the service always has."""
        return min(self.min_count, *(one.min_count for one in self.schedules if one.min_count is not None), 5000)

    @property
    def targets(self) -> Mapping[str, ScalingPolicy]:
        """The policies that keep a metric at a value, by the metric: those of the keys and those of ``policies``, or
        the default one where no other scales by load."""
        written = {
            "cpu": self.target_cpu,
            "memory": self.target_memory,
            "requestsPerTask": self.target_requests_per_task,
            "responseTime": self.target_response_time,
            "queueBacklogPerTask": self.queue_backlog_per_task,
        }
        found = {
            metric: ScalingPolicy(metric=metric, value=value) for metric, value in written.items() if value is not None
        }
        found |= {one.metric: one for one in self.policies if one.type == "target"}
        if not found and not self.policies:
            return {"cpu": ScalingPolicy(metric="cpu", value=DEFAULT_TARGET)}
        return {metric: found[metric] for metric in SCALED_BY if metric in found}

    @property
    def steps(self) -> Mapping[str, ScalingPolicy]:
        """The policies by steps, by the metric."""
        found = {one.metric: one for one in self.policies if one.type == "step"}
        return {metric: found[metric] for metric in SCALED_BY if metric in found}


@spec_record
class EfsVolume:
    """The EFS file system of a volume: an existing one, or a dependency."""

    file_system_id: String | None = spec_key(
        "Id of an existing file system without a policy; for others, see aws_efs_file_system with `unmanaged`.",
        default=None,
        pattern=f"fs-{EFS_ID}",
        expects="an id such as fs-0123456789abcdef0",
    )
    dependency: str | None = spec_key(
        "Name of an aws_efs_file_system dependency, as declared or without ${ENV}.",
        default=None,
        refers_to="aws_efs_file_system",
    )
    root_directory: str | None = spec_key(
        "Directory of the file system to mount.",
        default=None,
        pattern=r"/.*",
        longest=4096,
        expects="a path that begins with /",
    )


@spec_record
class Volume:
    """Storage of the task, which its containers share."""

    name: str = spec_key(
        "Name of the volume.", pattern=r"[A-Za-z0-9_-]+", longest=255, expects="letters, digits, _ and -"
    )
    mount_path: str = spec_key(
        "Path in the container of the service.", pattern=MOUNT_PATH, longest=4096, expects="an absolute path below /"
    )
    read_only: bool = spec_key("Mount it read-only.", default=False)
    efs: EfsVolume | None = spec_key(
        "EFS file system of the volume; without one the volume is lost with the task.", default=None
    )


MOST_SUBNETS = 16
"""Subnets of a service. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

MOST_GROUPS = 5
"""Security groups of a task, its own among them.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html"""

MOST_ZONES = 6
"""Availability Zones of a new VPC, whose range has room for eight."""


BOUNDARY_WORDS = "the name of a policy, such as fsdcf-boundary-${ENV}, or its ARN"


@spec_record
class FlowLogs:
    """The log of the connections in a new VPC. A change replaces it; what it has written stays."""

    bucket: bool | String = spec_key(
        "Write it to S3 instead of CloudWatch Logs: `true` to a bucket in the stack, or the name of an existing one, "
        "whose policy admits `delivery.logs.amazonaws.com`.",
        default=False,
        pattern=BUCKET_NAME,
        expects="true, or the name of a bucket",
    )
    traffic: str = spec_key(
        "Connections to log, by what security groups and network ACLs do with them.",
        default="all",
        allowed=("all", "accept", "reject"),
    )
    retention: int | str | None = spec_key(
        "Days to keep the log; `forever` keeps it until you delete it.",
        default=None,
        allowed=RETENTIONS,
        computed_default="90",
    )
    encryption: String | None = log_encryption_key()


@spec_record
class Vpc:
    """The network: a new VPC, or an existing one by its ids."""

    id: String | None = spec_key(
        "Id of an existing VPC.",
        default=None,
        pattern=f"vpc-{EC2_ID}",
        expects="an id such as vpc-0123456789abcdef0",
    )
    private_subnets: tuple[String, ...] = spec_key(
        "Existing private subnets, one per zone.",
        default=(),
        pattern=f"subnet-{EC2_ID}",
        most=MOST_SUBNETS,
        expects="an id such as subnet-0123456789abcdef0",
    )
    public_subnets: tuple[String, ...] = spec_key(
        "Existing public subnets, one per zone.",
        default=(),
        pattern=f"subnet-{EC2_ID}",
        most=MOST_SUBNETS,
        expects="an id such as subnet-0123456789abcdef0",
    )
    cidr: str | None = spec_key(
        "Address range of a new VPC, from /16 to /23.",
        default=None,
        pattern=CIDR,
        expects="a range such as 10.0.0.0/16",
        computed_default="10.0.0.0/16",
    )
    availability_zones: int | tuple[str, ...] | None = spec_key(
        "Availability Zones of a new VPC: the ids of the zones, such as use1-az1, or how many AWS chooses.",
        default=None,
        minimum=2,
        maximum=MOST_ZONES,
        fewest=1,
        computed_default="2",
    )
    nat: str | None = spec_key(
        "NAT gateways of a new VPC: one, one per zone, or a regional one, which follows the tasks into their zones. "
        "Without one, the tasks need endpoints.",
        default=None,
        allowed=("none", "single", "perZone", "regional"),
        computed_default="single",
    )
    endpoints: tuple[str, ...] = spec_key(
        "Interface endpoints of a new VPC by service name, such as ecr.api. Those of S3 and DynamoDB are free and "
        "always exist.",
        default=(),
        pattern=r"(?!.*(?:amazonaws|[a-z]-\d\.))[a-z][a-z0-9-]*(\.[a-z0-9-]+)*",
        longest=100,
        expects="the last part of an endpoint service's name, such as ecr.api or secretsmanager",
    )
    flow_logs: bool | FlowLogs = spec_key(
        "Log the connections in a new VPC: `true` for all of them, to CloudWatch Logs, or a map for the details.",
        default=False,
    )


@spec_record
class Stickiness:
    """The time during which the load balancer sends a client to the same task; in seconds."""

    duration: int = spec_key(
        "Seconds during which a client is sent to the same task.", default=86400, minimum=1, maximum=604800
    )
    cookie_name: str | None = spec_key(
        "Cookie of the application to use; without one the load balancer creates its own.",
        default=None,
        pattern=r"(?!AWSALB)[A-Za-z0-9_-]+",
        longest=256,
        expects="letters, digits, _ and -; the prefix AWSALB is reserved",
    )


@spec_record
class LoadBalancer:
    """The application load balancer and its listeners."""

    LATER: ClassVar[Mapping[str, Later]] = {
        "listenerArn": Later(
            "Listener of a shared load balancer.",
            "name it in the file of the environment, and join the environment with `networking.shared: true`",
        ),
    }
    name: str | None = spec_key(
        "Load balancer of the environment that the service joins, by its name in the environment's file.",
        default=None,
        pattern=BALANCER_NAME,
        expects="lower-case letters and digits, beginning with a letter",
        computed_default="the only one, or public",
    )
    priority: int | None = spec_key(
        "Priority of the rule at a load balancer of the environment, before those without one; lower comes first.",
        default=None,
        minimum=1,
        maximum=999,
        computed_default="by hosts and paths: longer paths come first",
    )
    type: str = spec_key(
        "Type of load balancer.",
        default="application",
        allowed=("application",),
        later={"network": "use application, which serves HTTP; or `loadBalancer: false` for a port without one"},
    )
    internal: bool = internal_key()
    certificate_arn: String | None = certificate_key("the service uses")
    ssl_policy: str | None = ssl_policy_key()
    idle_timeout: int = idle_timeout_key()
    allow_cidrs: tuple[str, ...] = allow_cidrs_key("VPC")
    stickiness: bool | Stickiness = spec_key("Send a client to the same task by a cookie.", default=False)
    deregistration_delay: int = spec_key(
        "Seconds that a deregistered task has to finish its requests.", default=30, minimum=0, maximum=3600
    )
    protocol: str = spec_key(
        "Protocol of the requests to the container. With https it needs a certificate, which the load balancer does "
        "not check.",
        default="http",
        allowed=("http", "https"),
    )
    protocol_version: str = spec_key(
        "Version of the protocol: http2 and grpc need a certificate at the load balancer.",
        default="http1",
        allowed=("http1", "http2", "grpc"),
    )
    domain: Domain | None = spec_key("Host name of the service, with its certificate and its record.", default=None)
    hosts: tuple[str, ...] = hosts_key(
        "Host names to forward requests for; others get 404",
        "every host; at a load balancer of an environment, <service>.<domain>",
    )
    paths: tuple[str, ...] = paths_key("Paths to forward requests for; others get 404")
    headers: tuple[HeaderCondition, ...] = spec_key(
        "Headers that a request must have to be forwarded, all of them.", default=(), most=MOST_VALUES
    )
    query: tuple[QueryCondition, ...] = spec_key(
        "Query parameters that a request must have to be forwarded, all of them.", default=(), most=MOST_VALUES
    )
    auth: Authentication | None = spec_key("Sign-in before a request is forwarded.", default=None)
    redirects: tuple[Redirect, ...] = spec_key(
        "Requests to redirect, before any is forwarded; the first that matches counts.", default=(), most=50
    )
    access_logs: bool | AccessLogs | None = access_logs_key()
    deletion_protection: bool | None = deletion_protection_key()
    waf: String | None = waf_key()
    container: str | None = spec_key(
        "Container that the requests go to: a sidecar with a port, such as a proxy, by its name.",
        default=None,
        computed_default="`main`, that of the service",
    )

    @property
    def is_conditional(self) -> bool:
        """Whether only some requests are forwarded to the service."""
        return bool(self.hosts or self.paths or self.headers or self.query)

    @property
    def https(self) -> bool:
        """Whether the load balancer has a certificate: a given one, or one for its domain."""
        return self.certificate_arn is not None or self.makes_certificate

    @property
    def makes_certificate(self) -> bool:
        """Whether the stack has the certificate."""
        return self.certificate_arn is None and self.domain is not None and self.domain.hosted_zone_id is not None


HOST = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*"
HOST_WORDS = "a host name in lower case, such as users"
"""The name of a Service Connect endpoint.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectClientAlias.html"""

HTTP_PORT, HTTPS_PORT = 80, 443
"""The port of a Service Connect endpoint that is not written, and need not be written in a URL."""


@spec_record
class ServiceConnect:
    """The endpoint by which other services of the environment call this one, through a proxy in each task."""

    alias: str | None = spec_key(
        "Host name of the service in the environment.",
        default=None,
        pattern=HOST,
        longest=127,
        expects=HOST_WORDS,
        computed_default="the name of the service",
    )
    port: int = spec_key(
        "Port at which other services call it; the proxy leads to service.port.",
        default=HTTP_PORT,
        minimum=1,
        maximum=65535,
    )
    protocol: str | None = spec_key(
        "Protocol that the container speaks; ECS never changes it. `tcp` is for every other one, TLS included.",
        default=None,
        allowed=("http", "http2", "grpc", "tcp"),
        computed_default="that of networking.loadBalancer, else http",
    )
    idle_timeout: int | None = spec_key(
        "Seconds after which the proxy closes an idle connection; 0 means never.",
        default=None,
        minimum=0,
        maximum=2147483647,
        computed_default="300, or 3600 for tcp",
    )
    request_timeout: int | None = spec_key(
        "Seconds until the proxy gives a request up whose response is not complete; 0 means never.",
        default=None,
        minimum=0,
        maximum=2147483647,
        computed_default="15",
    )


@spec_record
class ServiceDiscovery:
    """The DNS name of the tasks in the namespace of the environment."""

    name: str | None = spec_key(
        "Name in the namespace, which resolves to the addresses of the tasks.",
        default=None,
        pattern=r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?",
        longest=63,
        expects="lower-case letters, digits, - and _",
        computed_default="the name of the service",
    )
    ttl: int = spec_key("Seconds for which a client may keep an address.", default=10, minimum=0, maximum=2147483647)


@spec_record
class Egress:
    """Where the tasks may connect to."""

    to: str = spec_key(
        "Destination: an address range, a prefix list (`pl-…`), or a security group (`sg-…`) in an existing network.",
        pattern=f"{CIDR}|(pl|sg)-{EC2_ID}",
        expects="a range such as 10.0.0.0/8, or the id of a prefix list or security group",
    )
    ports: tuple[str, ...] = spec_key(
        "Ports, and ranges of ports such as `8000-8100`; without them, every port.",
        default=(),
        as_text=True,
        pattern=r"[0-9]{1,5}(-[0-9]{1,5})?",
        expects="a port such as 443, or a range such as 8000-8100",
        fewest=1,
    )
    protocol: str = spec_key("Protocol of the connections.", default="tcp", allowed=("tcp", "udp", "all"))

    @staticmethod
    def range_of(ports: str) -> tuple[int, int]:
        """The first and the last port."""
        first, _, last = ports.partition("-")
        return int(first), int(last or first)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The first and last port of each range; every port without one."""
        return tuple(map(self.range_of, self.ports)) or ((0, 65535),)

    def covers(self, port: int) -> bool:
        """Whether it allows connections to a port by TCP."""
        return self.protocol != "udp" and any(first <= port <= last for first, last in self.ranges)


@spec_record
class Networking:
    """The network of the tasks, and the ingress."""

    LATER: ClassVar[Mapping[str, Later]] = {
        "subnets": Later(
            "Subnets of the tasks.", "write the ids in `networking.vpc`, as privateSubnets and publicSubnets"
        ),
    }
    shared: bool = spec_key(
        "Join the environment's network, cluster, load balancer and namespace, as its file describes them.",
        default=False,
    )
    vpc: bool | Vpc = spec_key(
        "`true` for a new network; a map for its details, or for an existing network.", default=True
    )
    assign_public_ip: bool = spec_key(
        "Run the tasks in public subnets with public addresses, without NAT.",
        default=False,
        also=("service.network.assignPublicIp",),
    )
    load_balancer: bool | LoadBalancer = spec_key(
        "The load balancer in front of the service: a map for its details, `false` for a port without a load balancer.",
        default=True,
    )
    service_connect: bool | ServiceConnect = spec_key(
        "Call the services of the environment by name, and be called: `true`, or a map for the details.", default=False
    )
    service_discovery: bool | ServiceDiscovery = spec_key(
        "A DNS name for the tasks in the environment: `true`, or a map for the details.", default=False
    )
    security_groups: tuple[String, ...] = spec_key(
        "Further security groups of the tasks, which exist: those that a database admits, for example.",
        default=(),
        pattern=f"sg-{EC2_ID}",
        expects="an id such as sg-0123456789abcdef0",
        fewest=1,
        most=MOST_GROUPS - 1,
    )

    egress: tuple[Egress, ...] = spec_key(
        "Where the tasks may connect to, besides the endpoints of a new network, the file systems of the spec, and the "
        "services of the environment that it calls.",
        default=(),
        fewest=1,
        computed_default="everywhere",
    )

    @property
    def network(self) -> Vpc:
        """The details of the network, with defaults if none are written."""
        return self.vpc if isinstance(self.vpc, Vpc) else Vpc()

    @property
    def balancer(self) -> LoadBalancer:
        """The details of the load balancer, with defaults if none are written."""
        return self.load_balancer if isinstance(self.load_balancer, LoadBalancer) else LoadBalancer()

    @property
    def connect(self) -> ServiceConnect | None:
        """The endpoint in Service Connect, with defaults if none are written; None if the service has none. That of a
        worker has no meaning."""
        written = self.service_connect
        return ServiceConnect() if written is True else written or None

    @property
    def discovery(self) -> ServiceDiscovery | None:
        """The DNS name, with defaults if none are written; None if the service has none."""
        written = self.service_discovery
        return ServiceDiscovery() if written is True else written or None


OPTION = r"[A-Za-z][A-Za-z0-9_.-]{0,254}"
OPTION_WORDS = "letters, digits and _ . -, beginning with a letter"


@spec_record
class SecretOption(Secret):
    """An option of a log driver that ECS reads from Secrets Manager or Parameter Store when a task starts."""

    name: str = spec_key("Option that receives the value.", pattern=OPTION, expects=OPTION_WORDS)


@spec_record
class Router:
    """The container with Fluent Bit to which FireLens sends the output of the others."""

    image: String | None = spec_key(
        "Image with its tag or digest; with `configuration` it must have the init process of AWS for Fluent Bit.",
        default=None,
        computed_default="a version of AWS for Fluent Bit",
    )
    configuration: tuple[String, ...] = spec_key(
        "Files in S3 with inputs, filters, parsers and outputs of Fluent Bit, by their ARNs.",
        default=(),
        pattern=S3_OBJECT + r"[^*?]+",
        longest=1024,
        expects="the ARN of an object, such as arn:aws:s3:::my-bucket/output.conf",
        most=10,
    )


@spec_record
class Logs:
    """The destination of the container's output, and its retention in days."""

    enabled: bool = spec_key("Send the container's output to CloudWatch Logs.", default=True)
    retention: int | str = spec_key(
        "Days to keep the logs; `forever` keeps them until you delete them.",
        default=30,
        allowed=RETENTIONS,
    )
    encryption: String | None = log_encryption_key()
    mode: str = spec_key(
        "What happens while CloudWatch Logs does not accept the output: `non-blocking` keeps up to 25 MiB for each "
        "container in memory and drops what comes after, `blocking` lets the container wait.",
        default="non-blocking",
        allowed=("non-blocking", "blocking"),
    )
    driver: str = spec_key(
        "Log driver: `awslogs` writes to CloudWatch Logs, `splunk` to Splunk, and `awsfirelens` to a router in the "
        "task, which sends the output on. The router itself and the collector write to CloudWatch Logs.",
        default="awslogs",
        allowed=("awslogs", "awsfirelens", "splunk"),
    )
    options: Mapping[str, String] = spec_key(
        "Options of the driver splunk, or with awsfirelens those of an output of Fluent Bit, such as `Name` and "
        "`region`.",
        default_factory=dict,
        as_text=True,
        key_pattern=OPTION,
        key_expects=OPTION_WORDS,
    )
    secret_options: tuple[SecretOption, ...] = spec_key(
        "Options whose values ECS reads from Secrets Manager or Parameter Store.", default=()
    )
    router: Router = spec_key("Router of awsfirelens, a container with Fluent Bit.", default=Router())

    @property
    def days(self) -> int | None:
        """The retention in days; None for logs that never expire."""
        return days_of(self.retention)


COMMON_METRICS = (
    *("up", "process_cpu_seconds_total", "process_resident_memory_bytes"),
    *("http_requests_total", "http_request_duration_seconds"),
    *("http_server_requests_seconds", "http_server_request_duration_seconds"),
)
"""Metrics that Prometheus itself, its client libraries, Micrometer and OpenTelemetry give these names."""


@spec_record
class MetricSelection:
    """Metrics to send to CloudWatch. Each name and each combination of its labels' values is a metric that costs."""

    names: tuple[str, ...] = spec_key(
        "Names of Prometheus metrics; `*` matches any characters.",
        fewest=1,
        pattern=r"[a-zA-Z_:*][a-zA-Z0-9_:*]*",
        expects="a name such as http_requests_total, or http_* for every name that begins so",
    )
    dimensions: tuple[str, ...] = spec_key(
        "Labels that tell the metrics of a name apart; a series that lacks one is not sent. Without dimensions, a "
        "name is one metric.",
        default=(),
        pattern=r"[a-zA-Z_][a-zA-Z0-9_]*",
        expects="the name of a label, such as method",
    )


@spec_record
class Metrics:
    """A Prometheus endpoint of the container that the ADOT sidecar reads."""

    enabled: bool = spec_key("Scrape Prometheus metrics and send them to CloudWatch.", default=True)
    port: int | None = spec_key(
        "Port of the metrics endpoint.", default=None, minimum=1, maximum=65535, computed_default="service.port"
    )
    path: str = spec_key(
        "Path of the metrics endpoint.", default="/metrics", pattern=r"/[!-~]*", expects="a path that begins with /"
    )
    select: tuple[MetricSelection, ...] = spec_key(
        "Metrics to send to CloudWatch; the collector drops the others.",
        default=(),
        fewest=1,
        computed_default=f"{', '.join(COMMON_METRICS)}, each as one metric",
    )


@spec_record
class Traces:
    """Traces that the container sends to the ADOT sidecar."""

    enabled: bool = spec_key("Collect OTLP traces from the service.", default=True)
    otlp_endpoint: String | None = spec_key(
        "OTLP/HTTP endpoint that receives the traces.",
        default=None,
        pattern=r"https?://[!-~]+",
        expects="an http or https URL",
        computed_default="AWS X-Ray",
    )


TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}"
"""The ARN of a topic. Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html"""


@spec_record
class Alarms:
    """CloudWatch alarms; `false` leaves one out. A threshold is passed for some minutes before its alarm goes off."""

    notify: String | None = spec_key(
        "Topic that is notified when an alarm goes off, and when it ends: an aws_sns_topic dependency by its name, or "
        "the ARN of a topic whose policy and KMS key admit `cloudwatch.amazonaws.com`.",
        default=None,
        pattern=rf"{TOPIC}|(?!arn:)[A-Za-z0-9_.-]+",
        refers_to="aws_sns_topic",
        expects="the name of an aws_sns_topic dependency, or the ARN of a standard topic",
    )
    error_rate: bool | float = spec_key(
        "Server errors (5xx) in percent of the requests at the load balancer.", default=5.0, minimum=0.01, maximum=100
    )
    unhealthy_targets: bool = spec_key("Targets that fail the health check of the load balancer.", default=True)
    response_time: bool | float = spec_key(
        "Response time in seconds that one request in twenty exceeds (p95).", default=2.0, minimum=0.001, maximum=4000
    )
    cpu: bool | float = spec_key(
        "Average CPU utilization of the tasks in percent.", default=90.0, minimum=1, maximum=100
    )
    memory: bool | float = spec_key(
        "Average memory utilization of the tasks in percent.", default=90.0, minimum=1, maximum=100
    )
    running_tasks: bool = spec_key(
        "Fewer running tasks than desired. Without Container Insights, fewer than the minimum of auto scaling or the "
        "desired count of the spec.",
        default=True,
    )
    dead_letters: bool = spec_key("Messages in the dead-letter queues of the stack.", default=True)

    def threshold(self, name: str) -> float | None:
        """The threshold of an alarm by its attribute; None if it is off."""
        written = getattr(self, name)
        return None if written is False else float(getattr(Alarms, name) if written is True else written)


@spec_record
class Observability:
    """Logs, metrics, traces and alarms."""

    logs: Logs = spec_key(
        "Logs of the container. `fsdcf logs` shows a line that is a JSON object as its level, message and other "
        "fields, and CloudWatch Logs Insights finds it by them.",
        default=Logs(),
    )
    metrics: Metrics | None = spec_key("Prometheus metrics, collected by an ADOT sidecar.", default=None)
    traces: Traces | None = spec_key("Traces, collected by an ADOT sidecar.", default=None)
    alarms: bool | Alarms = spec_key(
        "CloudWatch alarms: `false` for none, a map for whom to notify and the thresholds.", default=True
    )
    dashboard: bool = spec_key(
        "A CloudWatch dashboard of the load balancer, the tasks, the queues and the alarms; it costs.", default=False
    )

    @property
    def watched(self) -> Alarms | None:
        """The alarms, with defaults if none are written; None without alarms."""
        return Alarms() if self.alarms is True else self.alarms or None


@spec_record
class HealthCheck:
    """The load balancer's check of a target, and ECS's check of the container; times in seconds."""

    path: str | None = spec_key(
        "Path that the load balancer requests.",
        default=None,
        computed_default="/health; with grpc /AWS.ALB/healthcheck",
        pattern=r"/[!-~]*",
        longest=1024,
        expects="a path that begins with /",
    )
    port: int | None = spec_key(
        "Port that the load balancer checks.", default=None, minimum=1, maximum=65535, computed_default="service.port"
    )
    protocol: str | None = spec_key(
        "Protocol of the check.",
        default=None,
        allowed=("http", "https"),
        computed_default="that of networking.loadBalancer",
    )
    interval: int = spec_key("Seconds between two checks of a target.", default=30, minimum=5, maximum=300)
    timeout: int = spec_key("Seconds without a response that count as a failure.", default=5, minimum=2, maximum=120)
    healthy_threshold: int = spec_key(
        "Successes in a row that make a target healthy.", default=2, minimum=2, maximum=10
    )
    unhealthy_threshold: int = spec_key(
        "Failures in a row that make a target unhealthy.", default=3, minimum=2, maximum=10
    )
    success_codes: int | str = spec_key(
        "HTTP codes that count as healthy, from 200 to 499: a code, a list `200,204` or a range `200-299`.",
        default="200",
        pattern=r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
        expects="codes between 200 and 499, such as 200, `200,204` or `200-299`",
        minimum=200,
        maximum=499,
        as_text=True,
    )
    grpc_codes: str | None = spec_key(
        "gRPC codes that count as healthy, from 0 to 99, for protocolVersion grpc: a code, a list or a range.",
        default=None,
        pattern=r"\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*",
        expects="codes between 0 and 99, such as 0, `0,12` or `0-99`",
        as_text=True,
        computed_default="12, which means that the method does not exist",
    )
    grace_period: int | None = spec_key(
        "Seconds after a task's start during which ECS ignores failed checks.",
        default=None,
        minimum=0,
        maximum=2147483647,
        computed_default="60 with a load balancer, else 0",
    )
    container: ContainerCheck | None = spec_key(
        "Check that ECS runs inside the container. ECS ignores a HEALTHCHECK in the image.",
        default=None,
        computed_default="the Dockerfile's HEALTHCHECK, if build.dockerfile is set",
    )


@spec_record
class BuildSecret:
    """A secret of the image build, which `RUN --mount=type=secret,id=ID` reads. The image does not keep it."""

    id: str = spec_key(
        "Id of the secret in the Dockerfile.", pattern=r"[A-Za-z0-9_.-]+", expects="letters, digits and _ . -"
    )
    file: str | None = spec_key("File with the secret, relative to the spec.", default=None)
    environment: str | None = spec_key(
        "Variable in the environment of the build that has the secret.",
        default=None,
        pattern=VARIABLE,
        expects="a variable name",
    )


@spec_record
class Build:
    """The build of the image, by `fsdcf build`, `fsdcf deploy --build` and the pipeline."""

    context: str = spec_key("Folder with the build context.", default=".")
    dockerfile: str | None = spec_key(
        "Dockerfile, relative to the spec. If it is set, its HEALTHCHECK is used.",
        default=None,
        computed_default="Dockerfile",
    )
    args: Mapping[str, str] = spec_key(
        "Build arguments.", default_factory=dict, as_text=True, key_pattern=VARIABLE, key_expects=VARIABLE_WORDS
    )
    target: str | None = spec_key(
        "Stage of the Dockerfile to build.",
        default=None,
        pattern=r"[A-Za-z][A-Za-z0-9_.-]*",
        expects="the name of a stage",
        computed_default="the last stage",
    )
    secrets: tuple[BuildSecret, ...] = spec_key("Secrets of the build.", default=())


@spec_record
class CircuitBreaker:
    """The reaction of ECS to a deployment whose tasks do not start."""

    enabled: bool = spec_key("Stop a deployment whose tasks keep failing.", default=True)
    rollback: bool = spec_key("Roll back to the last successful deployment when a deployment is stopped.", default=True)


@spec_record
class Deployment:
    """How ECS replaces the tasks; limits in percent of the desired count."""

    LATER: ClassVar[Mapping[str, Later]] = {
        "bakeTime": Later("Minutes during which both versions run.", _ROLLED_BACK),
        "canaryPercent": Later("Percentage of the traffic for the canary.", _ROLLED_BACK),
        "stepPercent": Later("Percentage of the traffic that moves in each step.", _ROLLED_BACK),
        "alarms": Later("Alarms that stop a deployment.", _OWN_ALARMS),
    }
    strategy: str = spec_key(
        "How a new version replaces the old one.",
        default="rolling",
        allowed=("rolling",),
        later=dict.fromkeys(("blueGreen", "canary", "linear"), "use rolling: the circuit breaker rolls a failure back"),
    )
    minimum_healthy_percent: int | None = spec_key(
        "Minimum number of running tasks during a deployment, in percent.",
        default=None,
        minimum=0,
        maximum=100,
        computed_default="100",
    )
    maximum_percent: int | None = spec_key(
        "Maximum number of running and pending tasks during a deployment, in percent.",
        default=None,
        minimum=100,
        maximum=200,
        computed_default="200",
    )
    circuit_breaker: CircuitBreaker = spec_key("Reaction to tasks that keep failing.", default=CircuitBreaker())


@spec_record
class Service(Container):
    """The container and those beside it, their network, scaling and permissions."""

    LATER: ClassVar[Mapping[str, Later]] = {
        "release": Later(
            "A one-off task that runs before the service is updated.",
            "run the command with `fsdcf run` before the deploy of a version that needs it",
        ),
    }
    type: str = spec_key("Platform; only ecs is supported.", default="ecs", allowed=("ecs",))
    image: String | None = spec_key(
        "Image repository, without a tag or digest: the template's parameter ImageSha selects the image.",
        default=None,
        computed_default="the ECR repository with the service's name in the stack's account and region",
        longest=LONGEST_REPOSITORY,
    )
    port: int | None = spec_key(
        "Port that the container listens on. A service without a port is a worker.",
        default=None,
        minimum=1,
        maximum=65535,
    )
    health_check: HealthCheck = spec_key("Health checks of the service.", default=HealthCheck())
    build: Build = spec_key("Image build.", default=Build())
    resources: Resources = spec_key("Size and number of the tasks.", default=Resources())
    auto_scaling: AutoScaling | None = spec_key(
        "Scaling of the number of tasks by load and time. Of several targets and policies, each can add tasks, up to "
        "the largest number that one of them asks for; tasks are removed only when all that remove tasks agree. A "
        "schedule sets the limits within which the others stay, and a number of tasks outside of new limits is changed "
        "at once. A deploy that changes minCount, maxCount or a schedule sets the limits to those two until the next "
        "schedule is due. resources.desiredCount has no effect.",
        default=None,
    )
    encryption: String | None = spec_key(
        "KMS key that encrypts everything that the stack makes and a customer key can encrypt, unless its own "
        "`encryption` has another one: the log groups, tables, queues, topics, buckets and file systems.",
        default=None,
        pattern=KMS_KEY,
        expects=KMS_KEY_WORDS,
    )
    secret_keys: tuple[String, ...] = spec_key(
        "KMS keys that encrypt the secrets, parameters, environmentFiles and imageCredentials of the containers, where "
        "they are not the keys of AWS: ECS may decrypt with them.",
        default=(),
        pattern=KMS_KEY,
        expects=KMS_KEY_WORDS,
        fewest=1,
    )
    volumes: tuple[Volume, ...] = spec_key("Volumes of the task.", default=())
    sidecars: tuple[Sidecar, ...] = spec_key("Further containers of each task.", default=())
    networking: Networking = spec_key("Network of the service, and access to it.", default=Networking())
    observability: Observability = spec_key("Logs, metrics, traces and alarms.", default=Observability())
    task_role: Role = spec_key("Permissions of the service itself.", default=Role())
    execution_role: Role = spec_key("Permissions for ECS to start the tasks.", default=Role())
    permissions_boundary: String | None = spec_key(
        "Permissions boundary of both roles: the name of a policy in the stack's account, or its ARN.",
        default=None,
        pattern=POLICY,
        longest=2048,
        expects=BOUNDARY_WORDS,
    )
    enable_execute_command: bool = spec_key("Allow ECS Exec.", default=False)
    execute_command_logs: bool | ExecuteCommandLogs | None = execute_command_logs_key(
        f"with enableExecuteCommand, {IN_PRODUCTION}"
    )
    container_insights: str | None = container_insights_key(", in the cluster of a service that joins no environment")
    termination_protection: bool | None = termination_protection_key()
    deployment: Deployment = spec_key("Rollout of a new version.", default=Deployment())

    @property
    def check(self) -> ContainerCheck | None:
        return self.health_check.container

    @property
    def containers(self) -> tuple[tuple[SpecPath, Container], ...]:
        """The containers of the task that the spec describes, each with its path; the service's own is the first."""
        return ((MAIN_PATH, self), *((("service", "sidecars", n), one) for n, one in enumerate(self.sidecars)))

    @property
    def entry(self) -> tuple[SpecPath, Container]:
        """The container that requests from outside the task go to, with its path."""
        named = self.networking.balancer.container
        if named is None:
            return MAIN_PATH, self
        chosen = (n for n, one in enumerate(self.sidecars) if one.name == named)
        return self.containers[next((n + 1 for n in chosen), 0)]

    @property
    def entry_port(self) -> int | None:
        """The port that requests from outside the task go to."""
        return self.entry[1].port

    @property
    def entry_path(self) -> str:
        """The dotted path of that port."""
        return ".".join(map(str, (*self.entry[0], "port")))

    @property
    def health_path(self) -> str:
        """The path of the load balancer's check; for gRPC a method that no server has, as of Elastic Load Balancing."""
        grpc = self.networking.balancer.protocol_version == "grpc"
        return self.health_check.path or ("/AWS.ALB/healthcheck" if grpc else "/health")

    @property
    def checked_port(self) -> int | None:
        """The port that the load balancer checks; None without a load balancer."""
        return None if self.load_balancer is None else self.health_check.port or self.entry_port

    @property
    def grace_period(self) -> int | None:
        """Seconds during which ECS ignores failed checks; None without a load balancer, if it is not set."""
        written = self.health_check.grace_period
        return DEFAULT_GRACE_PERIOD if written is None and self.load_balancer is not None else written

    @property
    def load_balancer(self) -> LoadBalancer | None:
        """The load balancer of an HTTP service; None for a worker, or for a port without a load balancer."""
        return None if self.entry_port is None or self.networking.load_balancer is False else self.networking.balancer


@spec_record
class Spec:
    api_version: str = spec_key("Version of the language.", allowed=("fsd/v1",))
    kind: str = spec_key("Kind of the spec.", allowed=("Service",))
    metadata: Metadata = spec_key("Name, owners and tags.")
    service: Service = spec_key("The service.")
    dependencies: tuple[Dependency, ...] = spec_key("Resources that the service uses, in any order.", default=())
    environments: Mapping[str, Any] = spec_key(
        "Parts that are merged over the spec for an environment: maps merge, lists replace, null removes a key.",
        default_factory=dict,
        key_pattern=ENVIRONMENT_PATTERN,
        key_expects="names of 1 to 20 lower-case letters, digits and hyphens, beginning with a letter",
    )
    addons: tuple[str, ...] = spec_key(
        "Templates of CloudFormation, as paths relative to the spec, whose resources are added to the template, and "
        "whose outputs become variables.",
        default=(),
    )
    overrides: Mapping[str, Any] = overrides_key()

    @property
    def endpoint_protocol(self) -> str:
        """The protocol of the endpoint in Service Connect: by default, that of the load balancer's requests."""
        wanted, balancer = self.service.networking.connect, self.service.load_balancer
        if wanted is not None and wanted.protocol is not None:
            return wanted.protocol
        if balancer is not None and balancer.protocol == "https":
            return "tcp"
        return "http" if balancer is None or balancer.protocol_version == "http1" else balancer.protocol_version

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Host and port by which other services of the environment call this one; None if they cannot."""
        wanted = self.service.networking.connect
        if wanted is None or self.service.entry_port is None or not self.service.networking.shared:
            return None
        return wanted.alias or self.metadata.name, wanted.port

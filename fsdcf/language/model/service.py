"""Specs of kind Service: every key with its type, meaning, limits, default and spellings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from fsdcf.conventions import ENVIRONMENT_PATTERN
from fsdcf.language.model.common import LATER_KINDS, VARIABLE, Dependency, Metadata, Role
from fsdcf.language.placeholders import String
from fsdcf.language.shape import Key, spec_record

ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice"),
    *("nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
)
"""Names of process limits. Source: Ulimit in the API reference of Amazon ECS."""

FARGATE_CPU = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


@spec_record
class Spot:
    """The number of tasks on Fargate, and the share of the others on Fargate Spot."""

    base: Annotated[int, Key("Number of tasks that always run on FARGATE.", minimum=0, maximum=100000)] = 0
    weight: Annotated[
        int, Key("Number of tasks on FARGATE_SPOT for each further task on FARGATE.", minimum=1, maximum=1000)
    ] = 1


@spec_record
class Resources:
    """The size of a task, and the number of tasks."""

    cpu: Annotated[int, Key("CPU units of a task; 1024 units are one vCPU.", allowed=FARGATE_CPU)] = 256
    memory: Annotated[
        int, Key("Memory of a task in MiB; must be available with the cpu.", minimum=512, maximum=249856)
    ] = 512
    architecture: Annotated[str, Key("Processor architecture of the image.", allowed=("x86_64", "arm64"))] = "x86_64"
    ephemeral_storage: Annotated[
        int | None,
        Key(
            "Disk of a task in GiB; it is lost with the task.",
            also=("service.ephemeralStorage",),
            minimum=21,
            maximum=200,
            default="20",
        ),
    ] = None
    spot: Annotated[bool | Spot, Key("Run on FARGATE_SPOT: `true` for every task, or the share of tasks.")] = False
    desired_count: Annotated[
        int | None, Key("Number of tasks, unless auto scaling sets it.", minimum=0, maximum=5000, default="2")
    ] = None


@spec_record
class AutoScaling:
    """Target tracking by Application Auto Scaling; cooldowns in seconds, targets in percent."""

    LATER: ClassVar[Mapping[str, str]] = {
        "targetRequestsPerTask": "Target number of requests per minute and task.",
        "targetResponseTime": "Target response time in seconds.",
        "queueBacklogPerTask": "Target number of messages per task.",
        "schedules": "Changes of the minimum and maximum at given times.",
        "policies": "Step scaling policies.",
    }
    min_count: Annotated[
        int, Key("Minimum number of tasks.", also=("service.resources.minCapacity",), minimum=0, maximum=5000)
    ] = 1
    max_count: Annotated[
        int, Key("Maximum number of tasks.", also=("service.resources.maxCapacity",), minimum=1, maximum=5000)
    ] = 10
    target_cpu: Annotated[
        int | None,
        Key(
            "Target average CPU utilization in percent.",
            name="targetCPU",
            also=("targetCPUUtilization",),
            minimum=1,
            maximum=100,
            default="70 without another target",
        ),
    ] = None
    target_memory: Annotated[
        int | None,
        Key(
            "Target average memory utilization in percent.",
            also=("targetMemoryUtilization",),
            minimum=1,
            maximum=100,
        ),
    ] = None
    scale_in_cooldown: Annotated[int, Key("Seconds between two removals of tasks.", minimum=0, maximum=86400)] = 300
    scale_out_cooldown: Annotated[int, Key("Seconds between two additions of tasks.", minimum=0, maximum=86400)] = 60


@spec_record
class ContainerCheck:
    """The check that ECS runs inside the container; times in seconds."""

    command: Annotated[
        str | tuple[str, ...],
        Key(
            "Command that exits with 0 if the container is healthy: a shell line, or a list that begins with CMD or "
            "CMD-SHELL.",
            fewest=1,
        ),
    ]
    interval: Annotated[int, Key("Seconds between two checks.", minimum=5, maximum=300)] = 30
    timeout: Annotated[int, Key("Seconds until a check counts as failed.", minimum=2, maximum=60)] = 5
    retries: Annotated[int, Key("Failures in a row that make the container unhealthy.", minimum=1, maximum=10)] = 3
    start_period: Annotated[
        int | None, Key("Seconds after the start during which failures do not count.", minimum=0, maximum=300)
    ] = None


@spec_record
class Secret:
    """A value that ECS reads from Secrets Manager or Parameter Store when a task starts."""

    name: Annotated[
        str, Key("Environment variable that receives the value.", pattern=VARIABLE, expects="a variable name")
    ]
    value_from: Annotated[
        String,
        Key(
            "ARN of the Secrets Manager secret (with JSON key, stage and version, if needed) or of the SSM parameter.",
            pattern=r"arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+(:[^:]*:[^:]*:[^:]*)?"
            r"|ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+)",
            expects="an ARN such as arn:aws:secretsmanager:us-east-1:123456789012:secret:name-AbCdEf"
            " or arn:aws:ssm:us-east-1:123456789012:parameter/name",
        ),
    ]


@spec_record
class Ulimit:
    """A limit of the container's processes."""

    name: Annotated[
        str,
        Key(
            "Name of the limit.",
            allowed=ULIMITS,
        ),
    ]
    soft_limit: Annotated[int, Key("The soft limit.", minimum=-1)]
    hard_limit: Annotated[int, Key("The hard limit.", minimum=-1)]


@spec_record
class EfsVolume:
    """The EFS file system of a volume: an existing one, or a dependency."""

    file_system_id: Annotated[
        String | None,
        Key(
            "Id of an existing file system.", pattern=r"fs-[0-9a-f]{8,40}", expects="an id such as fs-0123456789abcdef0"
        ),
    ] = None
    dependency: Annotated[str | None, Key("Name of an aws_efs_file_system dependency.")] = None
    root_directory: Annotated[
        str | None,
        Key(
            "Directory of the file system to mount.",
            pattern=r"/.*",
            longest=4096,
            expects="a path that begins with /",
        ),
    ] = None


@spec_record
class Volume:
    """Storage that is mounted into the container."""

    name: Annotated[
        str, Key("Name of the volume.", pattern=r"[A-Za-z0-9_-]{1,255}", expects="letters, digits, _ and -")
    ]
    mount_path: Annotated[str, Key("Path in the container.", pattern=r"/[^:]*", expects="an absolute path")]
    read_only: Annotated[bool, Key("Mount it read-only.")] = False
    efs: Annotated[
        EfsVolume | None, Key("EFS file system of the volume; without one the volume is lost with the task.")
    ] = None


CIDR = r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}|[0-9a-fA-F:]+/\d{1,3}"


@spec_record
class Vpc:
    """The network: a new VPC, or an existing one by its ids."""

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
    availability_zones: Annotated[
        int | None, Key("Number of availability zones of a new VPC.", minimum=2, maximum=6, default="2")
    ] = None
    nat: Annotated[
        str | None, Key("NAT gateways of a new VPC.", allowed=("none", "single", "perZone"), default="single")
    ] = None
    endpoints: Annotated[
        tuple[str, ...],
        Key(
            "Interface endpoints of a new VPC by service name, such as ecr.api. Those of S3 and DynamoDB are free and "
            "always exist.",
            pattern=r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*",
            expects="the last part of an endpoint service's name, such as ecr.api or secretsmanager",
        ),
    ] = ()


@dataclass(frozen=True, repr=False)
class Stickiness:
    """The time during which the load balancer sends a client to the same task; in seconds."""

    duration: Annotated[
        int, Key("Seconds during which a client is sent to the same task.", minimum=1, maximum=604800)
    ] = 86400
    cookie_name: Annotated[
        str | None,
        Key(
            "Cookie of the application to use; without one the load balancer creates its own.",
            pattern=r"(?!AWSALB)[A-Za-z0-9_-]{1,256}",
            expects="letters, digits, _ and -; the prefix AWSALB is reserved",
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
    internal: Annotated[bool, Key("Accept requests from the network only, not from the internet.")] = False
    certificate_arn: Annotated[
        String | None,
        Key(
            "Certificate. With one, the service uses HTTPS, and HTTP is redirected to it.",
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
            default="all addresses, or the private ranges if internal",
        ),
    ] = ()
    stickiness: Annotated[bool | Stickiness, Key("Send a client to the same task by a cookie.")] = False
    deregistration_delay: Annotated[
        int, Key("Seconds in which a deregistered task may finish its requests.", minimum=0, maximum=3600)
    ] = 30


@spec_record
class Networking:
    """The network of the tasks, and the ingress."""

    LATER: ClassVar[Mapping[str, str]] = {
        "subnets": "Subnets of the tasks.",
        "securityGroups": "Additional security groups of the tasks.",
        "serviceDiscovery": "A name in Cloud Map.",
        "serviceConnect": "A name in Service Connect.",
    }
    vpc: Annotated[bool | Vpc, Key("`true` for a new network; a map for its details, or for an existing network.")] = (
        True
    )
    assign_public_ip: Annotated[
        bool,
        Key(
            "Run the tasks in public subnets with public addresses, without NAT.",
            also=("service.network.assignPublicIp",),
        ),
    ] = False
    load_balancer: Annotated[LoadBalancer, Key("The load balancer in front of the service.")] = LoadBalancer()

    @property
    def network(self) -> Vpc:
        """The details of the network, with defaults if none are written."""
        return self.vpc if isinstance(self.vpc, Vpc) else Vpc()


RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


COLLECTOR = "otel-collector"


"""The name of the sidecar's container."""


COLLECTOR_PORTS = {4317: "traces by gRPC", 4318: "traces by HTTP", 8888: "its own metrics"}


"""The ports of the sidecar, which shares an address with the other containers. The last is used without traces too."""


@spec_record
class Logs:
    """The destination of the container's output, and its retention in days."""

    enabled: Annotated[bool, Key("Send the container's output to CloudWatch Logs.")] = True
    retention: Annotated[int, Key("Days to keep the logs.", allowed=RETENTION_DAYS)] = 30
    driver: Annotated[str, Key("Log driver.", allowed=("awslogs",), later=("splunk", "awsfirelens"))] = "awslogs"


@spec_record
class Metrics:
    """A Prometheus endpoint of the container that the ADOT sidecar reads."""

    enabled: Annotated[bool, Key("Scrape Prometheus metrics and send them to CloudWatch.")] = True
    port: Annotated[
        int | None, Key("Port of the metrics endpoint.", minimum=1, maximum=65535, default="service.port")
    ] = None
    path: Annotated[
        str, Key("Path of the metrics endpoint.", pattern=r"/[!-~]*", expects="a path that begins with /")
    ] = "/metrics"


@spec_record
class Traces:
    """Traces that the container sends to the ADOT sidecar."""

    enabled: Annotated[bool, Key("Collect OTLP traces from the service.")] = True
    otlp_endpoint: Annotated[
        String | None,
        Key(
            "OTLP/HTTP endpoint that receives the traces.",
            pattern=r"https?://[!-~]+",
            expects="an http or https URL",
            default="AWS X-Ray",
        ),
    ] = None


@spec_record
class Observability:
    """Logs, metrics and traces."""

    LATER: ClassVar[Mapping[str, str]] = {
        "alarms": "CloudWatch alarms and the topic to notify.",
        "dashboard": "A CloudWatch dashboard.",
    }
    logs: Annotated[Logs, Key("Logs of the container.")] = Logs()
    metrics: Annotated[Metrics | None, Key("Prometheus metrics, collected by an ADOT sidecar.")] = None
    traces: Annotated[Traces | None, Key("Traces, collected by an ADOT sidecar.")] = None


@spec_record
class HealthCheck:
    """The load balancer's check of a target, and ECS's check of the container; times in seconds."""

    path: Annotated[
        str,
        Key(
            "Path that the load balancer requests.",
            pattern=r"/[!-~]*",
            longest=1024,
            expects="a path that begins with /",
        ),
    ] = "/health"
    interval: Annotated[int, Key("Seconds between two checks of a target.", minimum=5, maximum=300)] = 30
    timeout: Annotated[int, Key("Seconds without a response that count as a failure.", minimum=2, maximum=120)] = 5
    healthy_threshold: Annotated[int, Key("Successes in a row that make a target healthy.", minimum=2, maximum=10)] = 2
    unhealthy_threshold: Annotated[
        int, Key("Failures in a row that make a target unhealthy.", minimum=2, maximum=10)
    ] = 3
    success_codes: Annotated[
        int | str,
        Key(
            "HTTP codes that count as healthy, from 200 to 499: a code, a list `200,204` or a range `200-299`.",
            pattern=r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
            expects="codes between 200 and 499, such as 200, `200,204` or `200-299`",
            minimum=200,
            maximum=499,
            as_text=True,
        ),
    ] = "200"
    grace_period: Annotated[
        int, Key("Seconds after a task's start during which ECS ignores failed checks.", minimum=0, maximum=2147483647)
    ] = 60
    container: Annotated[
        ContainerCheck | None,
        Key(
            "Check that ECS runs inside the container. ECS ignores a HEALTHCHECK in the image.",
            default="the Dockerfile's HEALTHCHECK, if build.dockerfile is set",
        ),
    ] = None


@spec_record
class Build:
    """The image build in a pipeline."""

    context: Annotated[str, Key("Folder with the build context.")] = "."
    dockerfile: Annotated[
        str | None,
        Key("Dockerfile, relative to the spec. If it is set, its HEALTHCHECK is used.", default="Dockerfile"),
    ] = None
    args: Annotated[Mapping[str, str], Key("Build arguments.", as_text=True, key_pattern=VARIABLE)] = field(
        default_factory=dict
    )


@spec_record
class CircuitBreaker:
    """The reaction of ECS to a deployment whose tasks do not start."""

    enabled: Annotated[bool, Key("Stop a deployment whose tasks keep failing.")] = True
    rollback: Annotated[bool, Key("Roll back to the last successful deployment when a deployment is stopped.")] = True


@spec_record
class Deployment:
    """How ECS replaces the tasks; limits in percent of the desired count."""

    LATER: ClassVar[Mapping[str, str]] = {
        "bakeTime": "Minutes during which both versions run.",
        "canaryPercent": "Percentage of the traffic for the canary.",
        "stepPercent": "Percentage of the traffic that moves in each step.",
        "alarms": "Alarms that stop a deployment.",
    }
    strategy: Annotated[
        str,
        Key("How a new version replaces the old one.", allowed=("rolling",), later=("blueGreen", "canary", "linear")),
    ] = "rolling"
    minimum_healthy_percent: Annotated[
        int | None,
        Key("Minimum number of running tasks during a deployment, in percent.", minimum=0, maximum=100, default="100"),
    ] = None
    maximum_percent: Annotated[
        int | None,
        Key(
            "Maximum number of running and pending tasks during a deployment, in percent.",
            minimum=100,
            maximum=200,
            default="200",
        ),
    ] = None
    circuit_breaker: Annotated[CircuitBreaker, Key("Reaction to tasks that keep failing.")] = CircuitBreaker()


@spec_record
class Service:
    """The container, its network, its scaling and its permissions."""

    LATER: ClassVar[Mapping[str, str]] = {
        "environmentFiles": "S3 ARNs of files with environment variables.",
        "sidecars": "Additional containers of the task.",
        "dependsOn": "Order in which the containers start.",
        "release": "A one-off task that runs before the service is updated.",
    }
    type: Annotated[str, Key("Platform; only ecs is supported.", allowed=("ecs",))] = "ecs"
    image: Annotated[
        String | None,
        Key(
            "Image repository, without a tag or digest: the template's parameter ImageSha selects the image.",
            default="the ECR repository with the service's name in the stack's account and region",
            longest=300,
        ),
    ] = None
    port: Annotated[
        int | None,
        Key("Port that the container listens on. A service without a port is a worker.", minimum=1, maximum=65535),
    ] = None
    command: Annotated[tuple[String, ...], Key("Override the image's CMD.", as_text=True)] = ()
    entry_point: Annotated[tuple[String, ...], Key("Override the image's ENTRYPOINT.", as_text=True)] = ()
    working_directory: Annotated[String | None, Key("Override the image's WORKDIR.")] = None
    user: Annotated[
        String | None, Key("User of the container, as `uid`, `uid:gid`, `user` or `user:group`.", as_text=True)
    ] = None
    stop_timeout: Annotated[
        int | None, Key("Seconds between SIGTERM and SIGKILL.", minimum=2, maximum=120, default="30")
    ] = None
    readonly_root_filesystem: Annotated[bool, Key("Mount the root file system read-only.")] = False
    init_process: Annotated[bool, Key("Run an init process that reaps children and forwards signals.")] = False
    ulimits: Annotated[tuple[Ulimit, ...], Key("Limits of the container's processes.")] = ()
    health_check: Annotated[HealthCheck, Key("Health checks of the service.")] = HealthCheck()
    build: Annotated[Build, Key("Image build.")] = Build()
    resources: Annotated[Resources, Key("Size and number of the tasks.")] = Resources()
    auto_scaling: Annotated[AutoScaling | None, Key("Scaling of the number of tasks by load.")] = None
    environment: Annotated[
        Mapping[str, String],
        Key("Environment variables; numbers and booleans keep their text.", as_text=True, key_pattern=VARIABLE),
    ] = field(default_factory=dict)
    secrets: Annotated[
        tuple[Secret, ...], Key("Environment variables whose values ECS reads from Secrets Manager or Parameter Store.")
    ] = ()
    volumes: Annotated[tuple[Volume, ...], Key("Volumes of the container.")] = ()
    networking: Annotated[Networking, Key("Network of the service, and access to it.")] = Networking()
    observability: Annotated[Observability, Key("Logs, metrics and traces.")] = Observability()
    task_role: Annotated[Role, Key("Permissions of the service itself.")] = Role()
    execution_role: Annotated[Role, Key("Permissions of ECS to start the service.")] = Role()
    permissions_boundary: Annotated[
        String | None,
        Key(
            "Permissions boundary of both roles: the name of a policy in the stack's account, or its ARN.",
            pattern=r"[A-Za-z0-9+=,.@_-]{1,128}|arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+",
            expects="the name of a policy, such as fsdcf-boundary, or its ARN",
        ),
    ] = None
    enable_execute_command: Annotated[bool, Key("Allow ECS Exec.")] = False
    deployment: Annotated[Deployment, Key("Rollout of a new version.")] = Deployment()

    @property
    def load_balancer(self) -> LoadBalancer | None:
        """The load balancer of an HTTP service; None for a worker."""
        return self.networking.load_balancer if self.port is not None else None


@spec_record
class Spec:
    api_version: Annotated[str, Key("Version of the language.", allowed=("fsd/v1",))]
    kind: Annotated[str, Key("Kind of the spec.", allowed=("Service",), later=LATER_KINDS)]
    metadata: Annotated[Metadata, Key("Name, owners and tags.")]
    service: Annotated[Service, Key("The service.")]
    dependencies: Annotated[tuple[Dependency, ...], Key("Resources that the service uses, in any order.")] = ()
    environments: Annotated[
        Mapping[str, Any],
        Key(
            "Parts that are merged over the spec for an environment: maps merge, lists replace.",
            key_pattern=ENVIRONMENT_PATTERN,
        ),
    ] = field(default_factory=dict)

"""The FSD v1 language: every key with its type, meaning, limits, default and spellings. All else is derived from here.

Nobody compares or prints a record, and its annotations are read: what ``dataclass`` need not write (``__eq__``, ``__hash__``,
``__repr__``) and what need not be evaluated from text makes each start a tenth shorter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from fsdcf.spec.capacity import AutoScaling, Resources
from fsdcf.spec.container import VARIABLE, ContainerCheck, Secret, Ulimit, Volume
from fsdcf.spec.networking import LoadBalancer, Networking
from fsdcf.spec.observability import Observability
from fsdcf.spec.placeholders import String
from fsdcf.spec.shape import Key

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
DESCRIPTION_BYTES = 850


@dataclass(frozen=True, eq=False, repr=False)
class Metadata:
    """What the service is called, whose it is, and its tags."""

    name: Annotated[
        str,
        Key(
            "Name of the service; part of the stack's and the task family's name.",
            pattern=NAME,
            longest=40,
            expects="lower-case letters, digits and single hyphens, beginning with a letter",
        ),
    ]
    pack: Annotated[str, Key("Organisational unit that owns the service; becomes a tag.", longest=256)] = ""
    owners: Annotated[
        str | tuple[str, ...], Key("Who answers for the service; becomes a tag, joined by a space.", also=("owner",))
    ] = ()
    description: Annotated[
        str, Key("What the service does; becomes the template's description.", longest=DESCRIPTION_BYTES)
    ] = ""
    tags: Annotated[Mapping[str, str], Key("Extra tags on every resource that takes tags.", as_text=True)] = field(
        default_factory=dict
    )


@dataclass(frozen=True, eq=False, repr=False)
class HealthCheck:
    """How the load balancer checks a target, and how ECS checks the container."""

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
    timeout: Annotated[int, Key("Seconds without an answer that count as a failure.", minimum=2, maximum=120)] = 5
    healthy_threshold: Annotated[int, Key("Successes in a row that make a target healthy.", minimum=2, maximum=10)] = 2
    unhealthy_threshold: Annotated[
        int, Key("Failures in a row that make a target unhealthy.", minimum=2, maximum=10)
    ] = 3
    success_codes: Annotated[
        int | str,
        Key(
            "HTTP codes that count as healthy: 200, a list `200,204` or a range `200-299`; from 200 to 499.",
            pattern=r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
            expects="codes between 200 and 499, such as 200, `200,204` or `200-299`",
            minimum=200,
            maximum=499,
            as_text=True,
        ),
    ] = "200"
    grace_period: Annotated[
        int, Key("Seconds after a task's start in which ECS ignores failed checks.", minimum=0, maximum=2147483647)
    ] = 60
    container: Annotated[
        ContainerCheck | None,
        Key(
            "The check inside the container. ECS ignores a HEALTHCHECK in the image.",
            default="the Dockerfile's HEALTHCHECK, where build.dockerfile is written",
        ),
    ] = None


@dataclass(frozen=True, eq=False, repr=False)
class Build:
    """How the image is built by a pipeline."""

    context: Annotated[str, Key("Folder that is sent to the image build.")] = "."
    dockerfile: Annotated[
        str | None,
        Key("Dockerfile, relative to the spec; where written, its HEALTHCHECK is carried over.", default="Dockerfile"),
    ] = None
    args: Annotated[Mapping[str, str], Key("Build arguments.", as_text=True, key_pattern=VARIABLE)] = field(
        default_factory=dict
    )


@dataclass(frozen=True, eq=False, repr=False)
class Statement:
    """One IAM statement of a role."""

    actions: Annotated[
        tuple[str, ...],
        Key(
            "IAM actions.",
            fewest=1,
            pattern=r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+",
            expects="an IAM action such as s3:GetObject",
        ),
    ]
    resources: Annotated[tuple[String, ...], Key("ARNs that the actions apply to.", fewest=1)]
    sid: Annotated[
        str | None, Key("Identifier of the statement.", pattern=r"[A-Za-z0-9]+", expects="letters and digits")
    ] = None
    effect: Annotated[str, Key("Allow or Deny.", allowed=("Allow", "Deny"))] = "Allow"
    conditions: Annotated[Mapping[str, Any], Key("IAM condition block.")] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Role:
    """What a role may do beside what the compiler gives it."""

    statements: Annotated[
        tuple[Statement, ...], Key("IAM statements added to what the service and its dependencies need.")
    ] = ()


@dataclass(frozen=True, eq=False, repr=False)
class CircuitBreaker:
    """Whether ECS stops a deployment whose tasks do not start, and goes back."""

    enabled: Annotated[bool, Key("Stop a deployment whose tasks keep failing.")] = True
    rollback: Annotated[bool, Key("Go back to the last good deployment then.")] = True


@dataclass(frozen=True, eq=False, repr=False)
class Deployment:
    """How ECS replaces the tasks; percent of the desired count."""

    LATER: ClassVar[Mapping[str, str]] = {
        "bakeTime": "Minutes that both versions run before the old one goes.",
        "canaryPercent": "Share of the traffic for the canary.",
        "stepPercent": "Share of the traffic that moves at each step.",
        "alarms": "Alarms that stop a deployment.",
    }
    strategy: Annotated[
        str,
        Key("How a new version replaces the old one.", allowed=("rolling",), later=("blueGreen", "canary", "linear")),
    ] = "rolling"
    minimum_healthy_percent: Annotated[
        int | None, Key("Fewest running tasks during a deployment.", minimum=0, maximum=100, default="100")
    ] = None
    maximum_percent: Annotated[
        int | None, Key("Most running and pending tasks during a deployment.", minimum=100, maximum=200, default="200")
    ] = None
    circuit_breaker: Annotated[CircuitBreaker, Key("What happens when tasks keep failing.")] = field(
        default_factory=CircuitBreaker
    )


@dataclass(frozen=True, eq=False, repr=False)
class Service:
    """The container, its network, its scaling and its permissions."""

    LATER: ClassVar[Mapping[str, str]] = {
        "environmentFiles": "S3 ARNs of files with environment variables.",
        "sidecars": "Further containers of the task.",
        "dependsOn": "Start order of the containers.",
        "release": "A one-off task before the service is updated.",
    }
    type: Annotated[str, Key("Platform. Only ecs is compiled.", allowed=("ecs",))] = "ecs"
    image: Annotated[
        String | None,
        Key(
            "Image repository, without tag or digest: the SHA is a template parameter.",
            default="the ECR repository of the service's name in the stack's account and region",
            longest=300,
        ),
    ] = None
    port: Annotated[
        int | None,
        Key("Port that the container listens on. Without one the service is a worker.", minimum=1, maximum=65535),
    ] = None
    command: Annotated[tuple[String, ...], Key("Overrides the image's CMD.", as_text=True)] = ()
    entry_point: Annotated[tuple[String, ...], Key("Overrides the image's ENTRYPOINT.", as_text=True)] = ()
    working_directory: Annotated[String | None, Key("Overrides the image's WORKDIR.")] = None
    user: Annotated[
        String | None, Key("User of the container, as `uid`, `uid:gid`, `user` or `user:group`.", as_text=True)
    ] = None
    stop_timeout: Annotated[
        int | None, Key("Seconds between SIGTERM and SIGKILL.", minimum=2, maximum=120, default="30")
    ] = None
    readonly_root_filesystem: Annotated[bool, Key("Mount the root file system read-only.")] = False
    init_process: Annotated[bool, Key("Run an init process that reaps children and forwards signals.")] = False
    ulimits: Annotated[tuple[Ulimit, ...], Key("Limits of the container's processes.")] = ()
    health_check: Annotated[HealthCheck, Key("How the service's health is checked.")] = field(
        default_factory=HealthCheck
    )
    build: Annotated[Build, Key("How the image is built.")] = field(default_factory=Build)
    resources: Annotated[Resources, Key("Size and number of the tasks.")] = field(default_factory=Resources)
    auto_scaling: Annotated[AutoScaling | None, Key("Number of tasks by load.")] = None
    environment: Annotated[
        Mapping[str, String],
        Key("Environment variables; numbers and booleans keep their text.", as_text=True, key_pattern=VARIABLE),
    ] = field(default_factory=dict)
    secrets: Annotated[
        tuple[Secret, ...], Key("Environment variables whose values ECS reads from Secrets Manager or SSM.")
    ] = ()
    volumes: Annotated[tuple[Volume, ...], Key("Volumes of the container.")] = ()
    networking: Annotated[Networking, Key("Where the service runs and who may reach it.")] = field(
        default_factory=Networking
    )
    observability: Annotated[Observability, Key("Logs, metrics and traces.")] = field(default_factory=Observability)
    task_role: Annotated[Role, Key("What the service itself may do.")] = field(default_factory=Role)
    execution_role: Annotated[Role, Key("What ECS may do to start the service.")] = field(default_factory=Role)
    permissions_boundary: Annotated[
        String | None,
        Key(
            "Policy that bounds what both roles may ever do: its name in the stack's account, or its ARN.",
            pattern=r"[A-Za-z0-9+=,.@_-]{1,128}|arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+",
            expects="the name of a policy, such as fsdcf-boundary, or its ARN",
        ),
    ] = None
    enable_execute_command: Annotated[bool, Key("Allow ECS Exec.")] = False
    deployment: Annotated[Deployment, Key("How a new version is rolled out.")] = field(default_factory=Deployment)

    @property
    def load_balancer(self) -> LoadBalancer | None:
        """The load balancer of an HTTP service; None for a worker."""
        return self.networking.load_balancer if self.port is not None else None


@dataclass(frozen=True, eq=False, repr=False)
class Unmanaged:
    """Access to what another stack owns."""

    permissions: Annotated[
        str | tuple[str, ...],
        Key(
            "Access to what exists already: read, write, read_write (also readWrite), or a list of IAM actions.",
            fewest=1,
        ),
    ]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dependency:
    """What every type of dependency has; each type adds its own keys."""

    IS_DEPENDENCY: ClassVar[bool] = True
    type: Annotated[str, Key("Type of the dependency.")]
    name: Annotated[String, Key("Physical name, as written; ${ENV} keeps environments apart.")]
    permissions: Annotated[
        str | tuple[str, ...] | None,
        Key(
            "Access of the service: read, write, readWrite (also read_write), or a list of IAM actions.",
            fewest=1,
            default="readWrite",
        ),
    ] = None
    unmanaged: Annotated[Unmanaged | None, Key("It exists already: give access, make nothing.")] = None


@dataclass(frozen=True, eq=False, repr=False)
class Spec:
    api_version: Annotated[str, Key("Version of the language.", allowed=("fsd/v1",))]
    kind: Annotated[str, Key("What the spec describes.", allowed=("Service",), later=("Job", "Environment"))]
    metadata: Annotated[Metadata, Key("Name and owner.")]
    service: Annotated[Service, Key("The service.")]
    dependencies: Annotated[tuple[Dependency, ...], Key("What the service uses; the order has no meaning.")] = ()
    environments: Annotated[
        Mapping[str, Any],
        Key(
            "Parts that are merged over the spec for one environment: maps merge, lists replace.",
            key_pattern=r"[a-z][a-z0-9-]{0,19}",
        ),
    ] = field(default_factory=dict)

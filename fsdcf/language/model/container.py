"""A container of a task: the keys that a service, a job and a sidecar share, and the sidecars beside it."""

from collections.abc import Mapping

from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.common import SECRETS_MANAGER, VARIABLE, VARIABLE_WORDS
from fsdcf.language.placeholders import STORED_NAMES, ImportedValue, String, parts_of, sample
from fsdcf.language.shape import spec_key, spec_record

MAIN_PATH: SpecPath = ("service",)
"""The spec path of the service's own container."""

MAIN = "main"
"""The name by which other containers wait for that of the service, which has the service's name in ECS."""

ROUTER = "log-router"
"""The name of the container that FireLens sends the output of the others to."""

ROUTER_RESERVATION = 50
"""MiB that are reserved for the router, as in the examples of AWS.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html"""

ROUTER_PORT = 24224
"""The port at which the router of FireLens receives, in the network mode of Fargate.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-docker-buffer-limit.html"""

COLLECTOR = "otel-collector"
"""The name of the container that collects metrics and traces."""

COLLECTOR_PORTS = {4317: "traces by gRPC", 4318: "traces by HTTP", 8888: "its own metrics"}
"""The ports of the collector, which shares an address with the other containers. The last is used without traces
too."""


LONGEST_IMAGE = 255
LONGEST_REPOSITORY = LONGEST_IMAGE - len(":") - 40
"""ECS accepts 255 characters of image, of which a commit SHA takes 40; a digest does not count.
Source: ContainerDefinition in the API reference of Amazon ECS."""


ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice"),
    *("nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
)
"""Names of process limits. Source: Ulimit in the API reference of Amazon ECS."""


@spec_record
class ContainerCheck:
    """The check that ECS runs inside the container; times in seconds."""

    command: str | tuple[str, ...] = spec_key(
        "Command that exits with 0 if the container is healthy: a shell line, or a list that begins with CMD or "
        "CMD-SHELL.",
        fewest=1,
    )
    interval: int = spec_key("Seconds between two checks.", default=30, minimum=5, maximum=300)
    timeout: int = spec_key("Seconds until a check counts as failed.", default=5, minimum=2, maximum=60)
    retries: int = spec_key("Failures in a row that make the container unhealthy.", default=3, minimum=1, maximum=10)
    start_period: int | None = spec_key(
        "Seconds after the start during which failures do not count.", default=None, minimum=0, maximum=300
    )


SECRET_SOURCE = (
    SECRETS_MANAGER
    + r"|arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+|/[A-Za-z0-9/_.-]{1,1010}"
    + f"|ssm:{STORED_NAMES['ssm']}"
)


def store_of(source: String) -> str:
    """The AWS service that has a secret, as in ARNs: secretsmanager or ssm. The ARN that another stack exports is that
    of a secret in Secrets Manager."""
    if isinstance(parts_of(source)[0], ImportedValue):
        return "secretsmanager"
    fields = sample(source).split(":")
    return "secretsmanager" if "secretsmanager" in (fields[0], *fields[2:3]) else "ssm"


@spec_record
class Secret:
    """A value that ECS reads from Secrets Manager or Parameter Store when a task starts."""

    name: str = spec_key("Environment variable that receives the value.", pattern=VARIABLE, expects="a variable name")
    value_from: String = spec_key(
        "The parameter or secret to read. A name is one of the stack's account and region; the JSON key, stage and "
        "version of a secret follow its name, separated by colons.",
        pattern=SECRET_SOURCE,
        longest=2048,
        expects="/path or ssm:name for an SSM parameter, secretsmanager:name for a secret, or an ARN",
    )


@spec_record
class Ulimit:
    """A limit of the container's processes."""

    name: str = spec_key("Name of the limit.", allowed=ULIMITS)
    soft_limit: int = spec_key("The soft limit; -1 means unlimited.", minimum=-1, maximum=2147483647)
    hard_limit: int = spec_key("The hard limit; -1 means unlimited.", minimum=-1, maximum=2147483647)


CAPABILITIES = (
    *("ALL", "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER"),
    *("FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD"),
    *("NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID"),
    *("SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM"),
)
"""Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html"""


@spec_record
class Capabilities:
    """What the root user of the container may do beyond other users, by the capabilities of Linux."""

    drop: tuple[str, ...] = spec_key(
        "Capabilities to take away from those that a container has by default; ALL is enough for most programs that do "
        "not start as root.",
        default=(),
        pattern="|".join(CAPABILITIES),
        expects="a capability such as ALL, NET_RAW or SETUID",
    )
    add: tuple[str, ...] = spec_key(
        "Capabilities to add: SYS_PTRACE, for debuggers and profilers, is the only one that Fargate allows.",
        default=(),
        pattern="SYS_PTRACE",
        expects="SYS_PTRACE, the only capability that Fargate adds",
    )


MOUNT_PATH = r"/+[^:/][^:]*"


@spec_record
class Tmpfs:
    """Scratch in the memory of the task, which any user of the container may write."""

    path: str = spec_key("Path in the container.", pattern=MOUNT_PATH, expects="an absolute path such as /tmp")
    size: int = spec_key("Size in MiB; what is written counts as memory of the task.", minimum=1, maximum=249855)
    options: tuple[str, ...] = spec_key(
        "Mount options, such as noexec.",
        default=(),
        pattern=r"ro|rw|(no)?(suid|dev|exec|atime|diratime|relatime|strictatime)|sync|async|dirsync"
        r"|mode=[0-7]{3,4}|[ug]id=[0-9]{1,10}",
        expects="an option such as noexec, ro, mode=1777 or uid=1000",
    )


S3_OBJECT = r"arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/"
"""The beginning of the ARN of an object in S3."""

CONDITIONS = ("START", "COMPLETE", "SUCCESS", "HEALTHY")
"""What a container can wait for: that another one has started, has ended, has ended with 0, or is healthy.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html"""


@spec_record
class RestartPolicy:
    """The restart of a container that has ended, while its task continues; times in seconds."""

    enabled: bool = spec_key("Start the container again when it ends.", default=True)
    ignored_exit_codes: tuple[int, ...] = spec_key(
        "Exit codes after which it stays ended, such as 0.", default=(), minimum=0, maximum=255, most=50
    )
    attempt_period: int | None = spec_key(
        "Seconds that the container must have run to be started again.",
        default=None,
        minimum=60,
        maximum=1800,
        computed_default="300",
    )


@spec_record
class Container:
    """What every container of a task has."""

    image: String | None = spec_key("Image of the container.", default=None)
    image_credentials: String | None = spec_key(
        "Secret of Secrets Manager with the user name and password for a registry that is not ECR, as JSON: "
        '{"username": "…", "password": "…"}. A name is one of the stack\'s account and region.',
        default=None,
        pattern=SECRET_SOURCE,
        longest=2048,
        expects="secretsmanager:name for a secret, or its ARN",
        conceal=True,
    )
    port: int | None = spec_key("Port that the container listens on.", default=None, minimum=1, maximum=65535)
    command: tuple[String, ...] = spec_key("Override the image's CMD.", default=(), as_text=True)
    entry_point: tuple[String, ...] = spec_key("Override the image's ENTRYPOINT.", default=(), as_text=True)
    working_directory: String | None = spec_key("Override the image's WORKDIR.", default=None)
    user: String | None = spec_key(
        "User of the container, as `uid`, `uid:gid`, `user` or `user:group`.", default=None, as_text=True
    )
    depends_on: Mapping[str, str] = spec_key(
        "Containers of the task to wait for before this one starts, each with its state: START, COMPLETE (it has "
        "ended), SUCCESS (it has ended with 0) or HEALTHY. `main` is the container of the service.",
        default_factory=dict,
        allowed=CONDITIONS,
    )
    restart_policy: RestartPolicy | None = spec_key(
        "Start the container again when it ends, in the same task.",
        default=None,
        computed_default="it stays ended; ECS replaces the task if the container is essential",
    )
    stop_timeout: int | None = spec_key(
        "Seconds between SIGTERM and SIGKILL.", default=None, minimum=2, maximum=120, computed_default="30"
    )
    readonly_root_filesystem: bool = spec_key("Mount the root file system read-only.", default=False)
    init_process: bool = spec_key("Run an init process that reaps children and forwards signals.", default=False)
    capabilities: Capabilities | None = spec_key(
        "Capabilities of the container's processes.", default=None, computed_default="those of a Docker container"
    )
    ulimits: tuple[Ulimit, ...] = spec_key("Limits of the container's processes.", default=())
    environment: Mapping[str, String] = spec_key(
        "Environment variables; numbers and booleans keep their text.",
        default_factory=dict,
        as_text=True,
        key_pattern=VARIABLE,
        key_expects=VARIABLE_WORDS,
    )
    environment_files: tuple[String, ...] = spec_key(
        "Files in S3 with environment variables, by their ARNs. A variable in `environment` has precedence over one in "
        "a file.",
        default=(),
        pattern=S3_OBJECT + r"[^*?]+\.env",
        longest=1024,
        expects="the ARN of an object whose name ends in .env, such as arn:aws:s3:::my-bucket/my-service.env",
        most=10,
    )
    secrets: tuple[Secret, ...] = spec_key(
        "Environment variables whose values ECS reads from Secrets Manager or Parameter Store.", default=()
    )
    tmpfs: tuple[Tmpfs, ...] = spec_key("Scratch in memory, by its path in the container.", default=())

    @property
    def check(self) -> ContainerCheck | None:
        """The check that ECS runs inside the container."""
        raise NotImplementedError

    @property
    def can_end(self) -> bool:
        """Whether the container may end without the task."""
        return False


@spec_record
class Mount:
    """A volume of the task in a sidecar."""

    volume: str = spec_key(
        "Name of a volume of service.volumes, or of an aws_efs_file_system dependency.",
        refers_to="aws_efs_file_system",
    )
    path: str = spec_key("Path in the container.", pattern=MOUNT_PATH, longest=4096, expects="an absolute path below /")
    read_only: bool = spec_key("Mount it read-only.", default=False)


@spec_record
class NamedContainer:
    name: str = spec_key(
        "Name of the container, unique in the task.",
        pattern=r"[A-Za-z0-9_-]+",
        longest=255,
        expects="letters, digits, _ and -",
    )


@spec_record
class Sidecar(Container, NamedContainer):
    """A further container of each task. The containers of a task share one network address and its volumes."""

    image: String | None = spec_key(
        "Image with its tag or digest.",
        default=None,
        computed_default="the service's own image, with the variables and secrets of dependencies",
        longest=LONGEST_IMAGE + len("@sha256:") + 64,
    )
    port: int | None = spec_key(
        "Port that the container listens on; the containers of a task share one address.",
        default=None,
        minimum=1,
        maximum=65535,
    )
    essential: bool = spec_key(
        "Stop the task when the container ends. One that prepares the task and ends has `false`.", default=True
    )
    health_check: ContainerCheck | None = spec_key(
        "Check that ECS runs inside the container. ECS ignores a HEALTHCHECK in the image.", default=None
    )
    mounts: tuple[Mount, ...] = spec_key("Volumes of the task in the container.", default=())
    cpu: int | None = spec_key(
        "CPU units of the task that are reserved for the container.", default=None, minimum=2, maximum=16384
    )
    memory: int | None = spec_key(
        "MiB of the task's memory that the container may use at most; it is killed if it takes more.",
        default=None,
        minimum=6,
        maximum=249856,
    )
    memory_reservation: int | None = spec_key(
        "MiB of the task's memory that are reserved for the container.", default=None, minimum=6, maximum=249856
    )

    @property
    def check(self) -> ContainerCheck | None:
        return self.health_check

    @property
    def can_end(self) -> bool:
        return not self.essential

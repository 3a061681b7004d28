"""The part of the language that describes the container: its own check, secrets, limits and volumes."""

from dataclasses import dataclass
from typing import Annotated

from fsdcf.spec.placeholders import String
from fsdcf.spec.shape import Key

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


@dataclass(frozen=True, eq=False, repr=False)
class ContainerCheck:
    """The check that ECS runs inside the container; seconds."""

    command: Annotated[
        str | tuple[str, ...],
        Key(
            "Command that exits 0 when the container is healthy: a shell line, or a list beginning with CMD or CMD-SHELL.",
            fewest=1,
        ),
    ]
    interval: Annotated[int, Key("Seconds between two checks.", minimum=5, maximum=300)] = 30
    timeout: Annotated[int, Key("Seconds until a check counts as failed.", minimum=2, maximum=60)] = 5
    retries: Annotated[int, Key("Failures in a row that make the container unhealthy.", minimum=1, maximum=10)] = 3
    start_period: Annotated[
        int | None, Key("Seconds at the start in which failures do not count.", minimum=0, maximum=300)
    ] = None


@dataclass(frozen=True, eq=False, repr=False)
class Secret:
    """A value that ECS reads from Secrets Manager or Parameter Store when a task starts."""

    name: Annotated[
        str, Key("Environment variable that receives the value.", pattern=VARIABLE, expects="a variable name")
    ]
    value_from: Annotated[
        String,
        Key(
            "ARN of the Secrets Manager secret (with JSON key, stage and version, where wanted) or of the SSM parameter.",
            pattern=r"arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+(:[^:]*:[^:]*:[^:]*)?|ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+)",
            expects="an ARN such as arn:aws:secretsmanager:us-east-1:123456789012:secret:name-AbCdEf or arn:aws:ssm:us-east-1:123456789012:parameter/name",
        ),
    ]


@dataclass(frozen=True, eq=False, repr=False)
class Ulimit:
    """A limit of the container's processes."""

    name: Annotated[
        str,
        Key(
            "Name of the limit.",
            allowed=(
                "core",
                "cpu",
                "data",
                "fsize",
                "locks",
                "memlock",
                "msgqueue",
                "nice",
                "nofile",
                "nproc",
                "rss",
                "rtprio",
                "rttime",
                "sigpending",
                "stack",
            ),
        ),
    ]
    soft_limit: Annotated[int, Key("The soft limit.", minimum=-1)]
    hard_limit: Annotated[int, Key("The hard limit.", minimum=-1)]


@dataclass(frozen=True, eq=False, repr=False)
class EfsVolume:
    """A file system that another stack owns."""

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
            "Directory of the file system that is mounted.",
            pattern=r"/.*",
            longest=4096,
            expects="a path that begins with /",
        ),
    ] = None


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """Storage that is mounted into the container."""

    name: Annotated[
        str, Key("Name of the volume.", pattern=r"[A-Za-z0-9_-]{1,255}", expects="letters, digits, _ and -")
    ]
    mount_path: Annotated[str, Key("Where the container sees it.", pattern=r"/[^:]*", expects="an absolute path")]
    read_only: Annotated[bool, Key("Mount it read-only.")] = False
    efs: Annotated[
        EfsVolume | None, Key("The EFS file system behind it; without one the volume is lost with the task.")
    ] = None

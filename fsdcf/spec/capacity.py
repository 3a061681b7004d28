"""The part of the language that describes how much runs: the size of a task, the number of tasks, and their scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fsdcf.spec.shape import Key

FARGATE_CPU = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


@dataclass(frozen=True, eq=False, repr=False)
class Spot:
    """How many tasks run on Fargate, and what share of the others on Fargate Spot."""

    base: Annotated[int, Key("Tasks that always run on FARGATE.", minimum=0, maximum=100000)] = 0
    weight: Annotated[int, Key("Tasks on FARGATE_SPOT for each further one on FARGATE.", minimum=1, maximum=1000)] = 1


@dataclass(frozen=True, eq=False, repr=False)
class Resources:
    """What a task gets, and how many tasks run."""

    cpu: Annotated[int, Key("CPU units of a task; 1024 are one vCPU.", allowed=FARGATE_CPU)] = 256
    memory: Annotated[int, Key("Memory of a task in MiB; must suit the cpu.", minimum=512, maximum=249856)] = 512
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
        int | None, Key("Number of tasks, where auto scaling does not set it.", minimum=0, maximum=5000, default="2")
    ] = None


@dataclass(frozen=True, eq=False, repr=False)
class AutoScaling:
    """Target tracking by Application Auto Scaling; seconds for cooldowns, percent for targets."""

    LATER: ClassVar[Mapping[str, str]] = {
        "targetRequestsPerTask": "Requests per minute and task that scaling aims for.",
        "targetResponseTime": "Response time in seconds that scaling aims for.",
        "queueBacklogPerTask": "Messages per task that scaling aims for.",
        "schedules": "Changes of the bounds at given times.",
        "policies": "Step scaling policies.",
    }
    min_count: Annotated[
        int, Key("Fewest tasks.", also=("service.resources.minCapacity",), minimum=0, maximum=5000)
    ] = 1
    max_count: Annotated[int, Key("Most tasks.", also=("service.resources.maxCapacity",), minimum=1, maximum=5000)] = 10
    target_cpu: Annotated[
        int | None,
        Key(
            "Average CPU in percent that scaling aims for.",
            name="targetCPU",
            also=("targetCPUUtilization",),
            minimum=1,
            maximum=100,
            default="70 without any target",
        ),
    ] = None
    target_memory: Annotated[
        int | None,
        Key(
            "Average memory in percent that scaling aims for.",
            also=("targetMemoryUtilization",),
            minimum=1,
            maximum=100,
        ),
    ] = None
    scale_in_cooldown: Annotated[int, Key("Seconds between two removals of tasks.", minimum=0, maximum=86400)] = 300
    scale_out_cooldown: Annotated[int, Key("Seconds between two additions of tasks.", minimum=0, maximum=86400)] = 60

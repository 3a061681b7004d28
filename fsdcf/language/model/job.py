"""Specs of kind Job: the keys of a service's task, without those that keep tasks running or reach them."""

from typing import ClassVar

from fsdcf.language.model.service import (
    Alarms,
    HealthCheck,
    Networking,
    Observability,
    Resources,
    Service,
    Spec,
)
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

MOST_RETRIES, LONGEST_RUN = 10, 14 * 86_400
"""The most retries, and the longest run in seconds: Fargate may stop a task after 14 days to patch its host.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-maintenance.html"""

RATE = r"[1-9][0-9]{0,4} +(minute|hour|day)s?"
AT = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?"


@spec_record
class Schedule:
    """When EventBridge Scheduler starts the job: one of cron, rate and at."""

    cron: str | None = spec_key(
        "Times as a cron expression: the five fields of Unix, such as `0 3 * * *`, or the six of AWS.", default=None
    )
    rate: str | None = spec_key(
        "Interval, counted from the deploy that adds it.",
        default=None,
        pattern=RATE,
        expects="a number and minutes, hours or days, such as `15 minutes`",
    )
    at: str | None = spec_key(
        "Time of a single run.", default=None, pattern=AT, expects="a local time such as 2027-01-01T00:00", as_text=True
    )
    timezone: str = spec_key("Time zone of cron and at, by its name in the database of time zones.", default="UTC")
    window: int | None = spec_key(
        "Minutes within which a run may start, so that jobs of one time do not start together.",
        default=None,
        minimum=1,
        maximum=1440,
        computed_default="it starts at once",
    )
    enabled: bool = spec_key("Start the job by the schedule; `false` keeps the schedule and pauses it.", default=True)


@spec_record
class JobHealthCheck(HealthCheck):
    """The check that ECS runs inside the container."""

    ABSENT: ClassVar[frozenset[str]] = frozenset(
        (
            *("path", "port", "protocol", "interval", "timeout", "healthy_threshold", "unhealthy_threshold"),
            *("success_codes", "grpc_codes", "grace_period"),
        )
    )


@spec_record
class JobResources(Resources):
    """The size of the task."""

    ABSENT: ClassVar[frozenset[str]] = frozenset({"desired_count"})
    desired_count: int | None = spec_key("A job has one task.", default=1)


@spec_record
class JobNetworking(Networking):
    """The network of the task, which nothing reaches."""

    ABSENT: ClassVar[frozenset[str]] = frozenset({"load_balancer", "service_connect", "service_discovery"})


@spec_record
class JobAlarms(Alarms):
    """CloudWatch alarms of the job; `false` leaves one out."""

    ABSENT: ClassVar[frozenset[str]] = frozenset(
        ("error_rate", "unhealthy_targets", "response_time", "cpu", "memory", "running_tasks")
    )
    dead_letters: bool = spec_key(
        "Runs that failed or could not be started, and messages in the other dead-letter queues of the stack.",
        default=True,
    )


@spec_record
class JobObservability(Observability):
    """Logs, metrics, traces and alarms."""

    ABSENT: ClassVar[frozenset[str]] = frozenset({"dashboard"})
    alarms: bool | JobAlarms = spec_key("CloudWatch alarms: `false` for none, or a map.", default=True)


@spec_record
class Job(Service):
    """The task, its schedule and its permissions. Without a schedule, `fsdcf run` starts it.

    To the rules and parts that services share it is a service without a port, whose one task ends by itself.
    """

    ABSENT: ClassVar[frozenset[str]] = frozenset({"type", "port", "auto_scaling", "deployment"})
    schedule: Schedule | None = spec_key(
        "When the job starts.", default=None, computed_default="`fsdcf run` starts it, on demand"
    )
    timeout: int | None = spec_key(
        "Seconds after which a run is stopped and has failed.",
        default=None,
        minimum=60,
        maximum=LONGEST_RUN,
        computed_default="a run may take as long as it needs",
    )
    retries: int = spec_key(
        "Times that a failed run is started again, after pauses that double from 30 seconds.",
        default=0,
        minimum=0,
        maximum=MOST_RETRIES,
    )
    overlap: str = spec_key(
        "What happens if the last run has not ended when the next one is due: `skip` leaves the next one out, `allow` "
        "starts it too.",
        default="allow",
        allowed=("skip", "allow"),
    )
    notify: String | None = spec_key(
        "SNS topic that is notified of a failed run, after its retries: its ARN, or the name of an aws_sns_topic.",
        default=None,
        refers_to="aws_sns_topic",
    )
    health_check: JobHealthCheck = spec_key("Health check of the container.", default=JobHealthCheck())
    resources: JobResources = spec_key("Size of the task.", default=JobResources())
    observability: JobObservability = spec_key("Logs, metrics, traces and alarms.", default=JobObservability())
    networking: JobNetworking = spec_key("Network of the task.", default=JobNetworking())

    @property
    def has_machine(self) -> bool:
        """Whether a state machine runs the task: the scheduler can only start it."""
        return self.timeout is not None or self.retries > 0 or self.overlap == "skip" or self.notify is not None


@spec_record
class JobSpec(Spec):
    """A spec whose block ``job`` is what the block ``service`` is for a service."""

    kind: str = spec_key("Kind of the spec.", allowed=("Job",))
    service: Job = spec_key("The job.", name="job")

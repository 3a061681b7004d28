"""The records that specs of every kind share: the metadata, the statements of a role, and dependencies."""

from collections.abc import Mapping
from typing import Any, ClassVar

from fsdcf.language.placeholders import STORED_NAMES, String
from fsdcf.language.shape import SnakeCaseRecord, TypedRecord, spec_key, spec_record

SECRETS_MANAGER = (
    r"(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret|secretsmanager)"
    f":{STORED_NAMES['secrets']}(:[^:]*){{0,3}}"
)
"""A secret in Secrets Manager, by its name or its ARN, with JSON key, stage and version."""

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
"""The name of an environment variable."""

VARIABLE_WORDS = "names of letters, digits and _, not beginning with a digit"

EC2_ID = "[0-9a-f]{8}([0-9a-f]{9})?"
"""What follows the prefix in the id of a VPC, subnet, security group or prefix list.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html"""

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""The name of a service."""

DESCRIPTION_BYTES = 850
"""The longest description in bytes: CloudFormation allows 1,024, and the name and the environment come first."""


OWNED, KMS = "owned", "kms"
"""Encryption by a key that AWS owns, and by the key that it makes for a service in the account."""

KMS_KEY = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
KMS_KEY_WORDS = "the ARN of a KMS key, arn:aws:kms:region:account:key/id"


ACCESS_WORDS = {
    **dict.fromkeys(("read", "r", "ro", "readonly", "consume", "consumer", "subscribe", "subscriber"), "read"),
    **dict.fromkeys(("write", "w", "wo", "writeonly", "produce", "producer", "publish", "publisher"), "write"),
    **dict.fromkeys(("readWrite", "rw"), "readWrite"),
}
"""Words for the access to a dependency, each with that of the language."""


def permissions_key(doc: str, **more: Any) -> Any:
    """The key `permissions`."""
    return spec_key(doc, also=("mode",), words=ACCESS_WORDS, fewest=1, **more)


_FREE_WORDS = {OWNED: OWNED, "AES256": OWNED, "SSE-S3": OWNED}
_KMS_WORDS = {KMS: KMS, "KMS": KMS, "aws:kms": KMS, "SSE-KMS": KMS}
"""Words of S3 for its encryption, each with that of the language."""


def encryption_key(managed: str, default: str = OWNED, more: str = "") -> Any:
    """The key ``encryption`` of a dependency type. ``managed`` is the alias of the KMS key that AWS makes for it, and
    ``default`` the free choice."""
    free = "`owned` (also `AES256`) is free; " if default == OWNED else ""
    return spec_key(
        f"Encryption at rest: {free}`kms` (also `aws:kms`) uses the account's `{managed}`"
        f"{', and KMS charges for requests' if default == OWNED else ''}; the ARN of a KMS key uses that key, and lets "
        f"the service use it{more}.",
        default=None,
        also=("kmsKeyArn", "kmsKeyId", "kmsMasterKeyId"),
        words={**(_FREE_WORDS if default == OWNED else {}), **_KMS_WORDS, "true": default},
        within=("key", "kmsKey", "kms_key", "kmsKeyArn", "kms_key_arn", "kmsKeyId", "kms_key_id"),
        pattern="|".join(dict.fromkeys((default, KMS, KMS_KEY))),
        expects=f"{'owned, ' if default == OWNED else ''}kms or the ARN of a KMS key",
        computed_default=f"service.encryption, else {default}",
    )


def owned_or_customer_key(what: str) -> Any:
    """The key `encryption` of a dependency type for which AWS makes no KMS key in the account."""
    return spec_key(
        "Encryption at rest: `owned` is free; the ARN of a KMS key uses that key. "
        f"A change replaces the {what} with an empty one.",
        default=None,
        also=("kmsKeyArn", "kmsKeyId"),
        pattern=f"{OWNED}|{KMS_KEY}",
        expects=f"{OWNED} or {KMS_KEY_WORDS}",
        computed_default="service.encryption if it is a KMS key, else owned",
    )


def security_group_key(of: str) -> Any:
    """The key `securityGroupId` of what another stack owns in a network."""
    return spec_key(
        f"Security group of {of}; the stack adds a rule that admits the tasks.",
        default=None,
        pattern=f"sg-{EC2_ID}",
        expects="an id such as sg-0123456789abcdef0",
    )


def log_encryption_key() -> Any:
    """The key `encryption` of a log group."""
    return spec_key(
        "Encryption of the log group: `owned` is free; the ARN of a KMS key uses that key, whose policy must admit "
        "`logs.<region>.amazonaws.com`.",
        default=None,
        pattern=f"{OWNED}|{KMS_KEY}",
        expects=f"{OWNED} or {KMS_KEY_WORDS}",
        computed_default="service.encryption in the stack of a service, else owned",
    )


IN_PROTECTED = "true if the environment's file says `protected: true`"
IN_PRODUCTION = f"true in prod and production, and {IN_PROTECTED.removeprefix('true ')}"
"""The defaults of what production turns on, and of what only a protected environment does."""

INSIGHTS = ("enabled", "enhanced", "disabled")
"""Settings of Container Insights.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterSetting.html"""

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

FOREVER, NEVER = "forever", "never"
"""The retention of logs that never expire, by both of its names."""

RETENTIONS = (*RETENTION_DAYS, FOREVER, NEVER)


def days_of(retention: int | str) -> int | None:
    """The retention of logs in days; None for logs that never expire."""
    return None if retention in (FOREVER, NEVER) else int(retention)


def termination_protection_key() -> Any:
    """The key `terminationProtection` of what has a stack of its own."""
    return spec_key(
        "Refuse to delete the stack until this is `false`, or `fsdcf delete --unprotect` turns it off; a deploy sets "
        "it once the stack is complete.",
        default=None,
        computed_default=IN_PRODUCTION,
    )


def overrides_key() -> Any:
    """The key `overrides` of what has a stack of its own."""
    return spec_key(
        "Changes of the finished template: logical id, then property path, then value. `null` removes a property, "
        "`[+]` at the end of a path appends to a list.",
        default_factory=dict,
        key_pattern=r"[A-Za-z0-9]{1,255}",
        key_expects="logical ids: letters and digits",
    )


def container_insights_key(cluster: str) -> Any:
    """The key `containerInsights` of a cluster."""
    return spec_key(
        f"CloudWatch metrics of the tasks and containers{cluster}; each costs.",
        default=None,
        allowed=INSIGHTS,
        computed_default="the default of the account; enabled if the environment's file says `protected: true`",
    )


def execute_command_logs_key(computed_default: str) -> Any:
    """The key `executeCommandLogs` of a cluster."""
    return spec_key(
        "Record what is typed and shown in sessions of ECS Exec: `true` in a log group of the stack, or the details. "
        "The image needs the programs `script` and `cat`.",
        default=None,
        computed_default=computed_default,
    )


def owners_tag(owners: str | tuple[str, ...]) -> str:
    """Owners as the value of a tag."""
    return owners if isinstance(owners, str) else " ".join(owners)


@spec_record
class Metadata:
    """The name of the service, its owners and its tags."""

    name: str = spec_key(
        "Name of the service; part of the stack's and the task family's name.",
        pattern=NAME,
        longest=40,
        expects="lower-case letters, digits and single hyphens, beginning with a letter",
    )
    pack: str = spec_key("Organizational unit that owns the service; becomes a tag.", default="", longest=256)
    owners: str | tuple[str, ...] = spec_key(
        "Owners of the service; become a tag, joined by spaces.", default=(), also=("owner",)
    )
    description: str = spec_key(
        "Purpose of the service; becomes the template's description.", default="", longest=DESCRIPTION_BYTES
    )
    tags: Mapping[str, str] = spec_key(
        "Additional tags for every resource that supports tags.", default_factory=dict, as_text=True
    )


@spec_record
class ExecuteCommandLogs:
    """The log group that records sessions of ECS Exec."""

    log_group: String | None = spec_key(
        "Name of an existing log group.",
        default=None,
        pattern=r"[A-Za-z0-9_./#-]{1,512}",
        expects="the name of a log group",
        computed_default="a log group in the stack",
    )
    retention: int | str = spec_key(
        "Days to keep the records in the log group of the stack; `forever` keeps them until you delete them.",
        default=365,
        allowed=RETENTIONS,
    )
    encryption: String | None = log_encryption_key()


def recorded_in(written: bool | ExecuteCommandLogs | None) -> ExecuteCommandLogs | None:
    """The log group of the sessions, with defaults if none are written; None if they are not recorded."""
    return ExecuteCommandLogs() if written is True else written or None


@spec_record
class Statement:
    """An IAM statement of a role."""

    actions: tuple[str, ...] = spec_key(
        "IAM actions.", fewest=1, pattern=r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", expects="an IAM action such as s3:GetObject"
    )
    resources: tuple[String, ...] = spec_key("ARNs that the actions apply to.", fewest=1)
    sid: str | None = spec_key(
        "Identifier of the statement.", default=None, pattern=r"[A-Za-z0-9]+", expects="letters and digits"
    )
    effect: str = spec_key("Allow or Deny.", default="Allow", allowed=("Allow", "Deny"))
    conditions: Mapping[str, Any] = spec_key("IAM condition block.", default_factory=dict)


POLICY = r"[A-Za-z0-9+=,.@_-]{1,128}|arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+"
"""A policy by its name in the account, or by its ARN."""

MOST_POLICIES = 20
"""Managed policies of a role, after the quota of 10 is raised.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


@spec_record
class Role:
    """The permissions of a role in addition to those that the compiler gives it; or an existing role."""

    statements: tuple[Statement, ...] = spec_key(
        "IAM statements in addition to those that the service and its dependencies need.", default=()
    )
    managed_policies: tuple[String, ...] = spec_key(
        "Managed policies to attach: the names of policies in the stack's account, or ARNs.",
        default=(),
        also=("managedPolicyArns",),
        pattern=POLICY,
        expects="the name of a policy, or an ARN such as arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
        longest=2048,
        fewest=1,
        most=MOST_POLICIES,
    )
    arn: String | None = spec_key(
        "Use an existing role, which trusts `ecs-tasks.amazonaws.com`, and add nothing to it: `fsdcf access` lists the "
        "statements that it needs.",
        default=None,
        also=("roleArn",),
        pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}",
        expects="the ARN of a role",
    )


@spec_record
class Unmanaged:
    """Access to an existing resource, which another stack may own."""

    permissions: str | tuple[str, ...] | None = permissions_key(
        "Access to the existing resource: read, write, read_write (also readWrite, rw), or a list of IAM actions;"
        " consumer and producer mean read and write."
    )


ARN_ELSEWHERE = "; the ARN of an existing one belongs to `unmanaged.arn`"
"""What to say of an ARN in the place of a name, where a type has the key ``arn`` below ``unmanaged``."""


def existing_arn_key(
    service: str, rest: str, example: str, region: str = r"[a-z0-9-]+", account: str = r"\d{12}"
) -> Any:
    """The key `arn` below `unmanaged`: the ARN of an existing resource of an AWS service, of which ``rest`` is the
    pattern of the end. It may belong to another account or region, where it then needs a policy of its own."""
    return spec_key(
        "ARN of the existing resource, which may be in another account or region; `name` is then your own name for it, "
        "which the variables have.",
        default=None,
        pattern=f"arn:aws[a-z-]*:{service}:{region}:{account}:{rest}",
        expects=f"an ARN such as {example}",
        computed_default="the one of this name in the account and region of the stack",
    )


@spec_record
class SharedValue(Unmanaged):
    """An existing value or key, which the service need not read itself."""

    permissions: str | tuple[str, ...] | None = permissions_key(
        "What the service itself does with it: read, write, read_write (also readWrite), or a list of IAM actions.",
        default=None,
        computed_default="none",
    )


class NamedByArn(SharedValue):
    """A capability: what exists can be named by its ``arn``, in place of its name."""

    arn: String | None


@spec_record
class Dependency(TypedRecord):
    """The keys of every dependency; each type adds its own."""

    type: str = spec_key("Type of the dependency.")
    name: String = spec_key("Physical name, as written; ${ENV} makes it unique for each environment.")
    permissions: str | tuple[str, ...] | None = permissions_key(
        "Access of the service: read, write, readWrite (also read_write, rw), or a list of IAM actions; consumer and"
        " producer mean read and write.",
        default=None,
        computed_default="readWrite",
    )
    unmanaged: Unmanaged | None = spec_key(
        "Use an existing resource: give access to it, and create nothing.", default=None
    )


@spec_record
class StoredValue(Dependency):
    """A dependency whose value ECS gives to the container in a variable, unless its permissions let the service read it
    itself. ``suffix`` is that of the variable that the spec does not name."""

    suffix: ClassVar[str] = "VALUE"

    permissions: str | tuple[str, ...] | None = permissions_key(
        "Let the service read it itself, in place of the variable: read, write, readWrite (also read_write), or a list "
        "of IAM actions.",
        default=None,
        computed_default="none: ECS reads it",
    )
    variable: str | None = spec_key(
        "Variable of the container that gets the value.",
        default=None,
        pattern=VARIABLE,
        expects="a variable name",
        computed_default="<NAME>_SECRET or <NAME>_VALUE",
    )

    @property
    def existing_source(self) -> str:
        """The existing value as ``valueFrom`` names it, a fragment."""
        raise NotImplementedError


@spec_record
class BucketSender(SnakeCaseRecord):
    """A bucket of another spec that sends its notifications here."""

    bucket: String | None = spec_key(
        "Physical name of a bucket.",
        default=None,
        pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        expects="the name of a bucket",
    )
    account: str | None = spec_key(
        "Account that owns the bucket.",
        default=None,
        pattern=r"\d{12}",
        expects="12 digits in quotes",
        computed_default="the account of the stack",
    )

    @property
    def topic_name(self) -> String | None:
        """The name or ARN of a topic, for a sender that is one."""
        return None


@spec_record
class Sender(BucketSender):
    """A topic or a bucket of another spec that sends here."""

    topic: String | None = spec_key(
        "Physical name of a topic in the account and region of the stack, or the ARN of any topic.",
        default=None,
        pattern=r"(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:)?[A-Za-z0-9_-]{1,251}(\.fifo)?",
        expects="the name or the ARN of a topic",
    )

    @property
    def topic_name(self) -> String | None:
        return self.topic

"""A Kinesis data stream: on demand, encrypted, and kept when the stack is deleted."""

from collections import Counter
from typing import ClassVar

from troposphere import Ref, kinesis

from fsdcf.cloudformation.arns import REGION, arn
from fsdcf.compiler.access import actions, check_permissions, existing, granted, is_managed
from fsdcf.compiler.encryption import encryption_of, kms_key, permit_key
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic, value
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, Violation, Violations
from fsdcf.language.model.common import ARN_ELSEWHERE, KMS, Unmanaged, encryption_key, existing_arn_key, owners_tag
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name, logical_id, variable
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key, spec_record

STREAM = Rule(
    "S560",
    "a stream that Kinesis rejects",
    "Each consumer of a stream has its own name, and reads: the access to the stream includes `read`. Two consumers"
    " cannot have the same variable. The value of a tag has at most 255 characters, one less than elsewhere.",
    "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html",
)

LEVELS = {
    "read": (
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ),
    "write": ("kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecord", "kinesis:PutRecords"),
}
_CONSUME = ("kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard")
_NAME = r"[A-Za-z0-9_.-]+"
_KMS_KEY = "aws/kinesis"
_LONGEST_TAG = 255


class _Consumer(kinesis.StreamConsumer):  # type: ignore[misc]
    """A consumer without tags of its own: another tag would replace it, and its name would still be taken."""

    props: ClassVar = {name: kind for name, kind in kinesis.StreamConsumer.props.items() if name != "Tags"}


@spec_record
class ExistingStream(Unmanaged):
    """Access to a stream that exists already."""

    arn: String | None = existing_arn_key(
        "kinesis", f"stream/{_NAME}", "arn:aws:kinesis:eu-west-1:123456789012:stream/events"
    )


@spec_record
class KinesisStream(EncryptedDependency):
    """A Kinesis data stream."""

    name: String = spec_key(
        "Physical name of the stream.",
        also=("stream_name", "streamName"),
        pattern=_NAME,
        longest=128,
        expects=f"letters, digits, _ . and -{ARN_ELSEWHERE}",
    )
    unmanaged: ExistingStream | None = spec_key(
        "Use an existing stream: give access to it, and create none.", default=None
    )
    shards: int | None = spec_key(
        "Shards of a provisioned stream; each takes 1 MB and 1,000 records per second.",
        default=None,
        also=("shardCount", "shard_count"),
        minimum=1,
        maximum=10000,
        computed_default="on demand: Kinesis adds shards as they are needed",
    )
    retention_hours: int = spec_key(
        "Hours that a record is kept.",
        default=24,
        also=("retentionPeriodHours", "retention_period_hours"),
        minimum=24,
        maximum=8760,
    )
    consumers: tuple[String, ...] = spec_key(
        "Names of consumers with enhanced fan-out: each reads 2 MB per second from each shard, without regard to other"
        " readers. An existing stream of the region gets them, too.",
        default=(),
        most=20,
        pattern=_NAME,
        longest=128,
        expects="letters, digits, _ . and -",
    )
    encryption: String | None = encryption_key(_KMS_KEY, default=KMS)


def check(stream: KinesisStream) -> Violations:
    yield from check_permissions(stream)
    counts = Counter(map(sample, stream.consumers))
    repeated = next((name for name, count in counts.items() if count > 1), None)
    if repeated is not None:
        message = f"two consumers are named `{repeated}`"
        yield Violation(STREAM, "consumers", message, "give each its own name", key=True)
    if stream.consumers and granted(stream) == "write":
        place = "permissions" if stream.unmanaged is None else ("unmanaged", "permissions")
        hint = "write `readWrite`, or leave out `consumers`"
        yield Violation(STREAM, place, "a consumer needs to read the stream", hint)


def check_references(stream: KinesisStream, spec: Spec) -> Violations:
    """Check the consumers against those of other streams, and the tags of the spec against the bound of Kinesis.

    Source:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-kinesis-stream-tag.html
    """
    metadata = spec.metadata
    tags = {**metadata.tags, "pack": metadata.pack, "owners": owners_tag(metadata.owners)}
    if is_managed(stream) and (long := [name for name, text in tags.items() if len(text) > _LONGEST_TAG]):
        message = f"the tag `{long[0]}` has {len(tags[long[0]])} characters, and Kinesis accepts {_LONGEST_TAG}"
        yield Violation(STREAM, "type", message, f"shorten it in `metadata` to {_LONGEST_TAG} characters", key=True)
    others = [each for each in spec.dependencies if isinstance(each, KinesisStream) and each is not stream]
    taken = {name for other in others for name in _variables(other).values()}
    for index, name in enumerate(stream.consumers):
        if (clash := _variables(stream)[sample(name)]) in taken:
            message = f"a consumer of another stream also has the variable {clash}"
            yield Violation(STREAM, ("consumers", index), message, "rename one of them")


def _variables(stream: KinesisStream) -> dict[str, str]:
    """The variables of the consumers, by their names."""
    local = local_name(stream.name)
    return {name: variable(local, variable(name, "CONSUMER_ARN")) for name in map(sample, stream.consumers)}


def compile(stream: KinesisStream, names: Names, context: Context) -> Grant:
    """A managed stream, its consumers, and access to both."""
    grant = Grant()
    physical, encryption, region = fragment(stream.name), encryption_of(stream, context), REGION
    if is_managed(stream):
        title = names.id("Stream")
        key = kms_key(encryption, _KMS_KEY) or kms_key(KMS, _KMS_KEY)
        made = kinesis.Stream(
            title,
            Name=intrinsic(physical),
            StreamModeDetails=kinesis.StreamModeDetails(StreamMode="PROVISIONED" if stream.shards else "ON_DEMAND"),
            RetentionPeriodHours=stream.retention_hours,
            StreamEncryption=kinesis.StreamEncryption(EncryptionType="KMS", KeyId=key),
            **present(ShardCount=stream.shards),
        )
        grant.keep(made, names.origin, {"Name": names.origin})
        attributes = {"name": f"${{{title}}}", "arn": f"${{{title}.Arn}}"}
        grant.output(names.id("StreamName"), f"Kinesis stream {names.local}", Ref(title))
    else:
        found = existing(stream, arn("kinesis", f"stream/{physical}"), "stream/")
        attributes, region = {"name": found.name, "arn": found.arn}, found.region
    grant.environment[names.variable("STREAM_NAME")] = attributes["name"]
    grant.environment[names.variable("STREAM_ARN")] = attributes["arn"]
    grant.values = attributes
    grant.statements = [allow(actions(stream, LEVELS), [intrinsic(attributes["arn"])])]
    if stream.consumers:
        grant.statements.append(allow(_CONSUME, [Ref(title) for title in _add_consumers(grant, stream, names)]))
    permit_key(grant, encryption, "kinesis", names, *grant.of(kinesis.Stream), region=region)
    return grant


def _add_consumers(grant: Grant, stream: KinesisStream, names: Names) -> list[str]:
    """Add the consumers in the order of their names, with a variable for the ARN of each, and return their logical
    ids."""
    titles = []
    for name in sorted(stream.consumers, key=sample):
        title = logical_id(f"{names.local}/{sample(name)}", "Consumer")
        consumer = _Consumer(title, ConsumerName=value(name), StreamARN=intrinsic(grant.values["arn"]))
        grant.add(consumer, names.origin)
        grant.environment[_variables(stream)[sample(name)]] = f"${{{title}}}"
        titles.append(title)
    return titles


TYPE = CompiledType(
    name="aws_kinesis_stream",
    category="kinesis",
    doc="A Kinesis data stream: on demand, encrypted.",
    model=KinesisStream,
    attributes=lambda stream: ("name", "arn"),
    compile=compile,
    check=check,
    check_references=check_references,
    managed_keys=("shards", "retentionHours"),
    endpoint="kinesis-streams",
)

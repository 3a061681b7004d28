"""An S3 bucket: private, encrypted, versioned, TLS only, and kept when the stack is deleted.

A bucket that sends notifications waits for the policies of the queues and topics of its stack, because S3 sends a test
message when it gets them. The policies name the bucket by the ARN that follows from its name, so that no circle arises.
"""

from collections import Counter
from itertools import combinations
from typing import Any, ClassVar

from troposphere import GetAtt, Ref, encode_to_dict, s3

from fsdcf.cloudformation.arns import arn
from fsdcf.compiler.access import actions, check_permissions, existing, is_list, is_managed
from fsdcf.compiler.deliveries import arn_of, check_key
from fsdcf.compiler.dependencies.sns_topic import EXISTING_TOPIC, UNADMITTED, SnsTopic, existing_topic
from fsdcf.compiler.dependencies.sqs_queue import (
    EXISTING_QUEUE,
    FIFO,
    FifoDependency,
    SqsQueue,
    existing_queue,
    is_fifo,
)
from fsdcf.compiler.encryption import customer_key, encryption_of, permit_key
from fsdcf.compiler.parts.buckets import add_bucket, add_log_bucket, written_by
from fsdcf.compiler.parts.roles import PolicyStatement, allow, from_account
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, Sources, present
from fsdcf.compiler.text import fragment, intrinsic, literal, value
from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.dependency import EncryptedDependency, LoggedDependency, SendingDependency, Violation, Violations
from fsdcf.language.model.common import OWNED, Unmanaged, encryption_key, existing_arn_key
from fsdcf.language.model.service import Spec
from fsdcf.language.model.traffic import AccessLogs, access_logs_key
from fsdcf.language.names import local_name, logical_id
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

LIFECYCLE = Rule(
    "S330",
    "a lifecycle rule without effect, or one that S3 rejects",
    "A lifecycle rule sets the number of days after which objects expire or move to another storage class."
    " Objects must move "
    "before they expire, and move to STANDARD_IA after 30 days at the earliest.",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html",
)

BUCKET = Rule(
    "S562",
    "CORS or notifications that S3 rejects",
    "An origin is `*`, or a scheme and a host with at most one `*`. A notification has one receiver, a queue or a topic"
    " that is not FIFO, and two notifications with a common event cannot both match an object.",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html",
)

_BUCKET_ACTIONS = {"read": ("s3:GetBucketLocation", "s3:ListBucket"), "write": ("s3:GetBucketLocation",)}
_OBJECT_ACTIONS = {
    "read": ("s3:GetObject", "s3:GetObjectVersion"),
    "write": ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"),
}
_MOST_NONCURRENT = 30
"""Days that an expired object can be restored, unless the rule sets another number."""

MOST_RULES = 999
"""A lifecycle has 1,000 rules, of which every bucket has one.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html"""
_STORAGE = ("STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")


@spec_record
class LifecycleRule(SnakeCaseRecord):
    """When objects move to another storage class or expire; days."""

    prefix: str = spec_key(
        "Prefix of the objects that the rule applies to; without it, all objects.", default="", longest=1024
    )
    expire_after_days: int | None = spec_key(
        "Days after which objects expire. They are removed for good noncurrentDays later.",
        default=None,
        minimum=1,
        maximum=36500,
    )
    noncurrent_days: int | None = spec_key(
        "Days after which replaced, deleted and expired versions are removed.",
        default=None,
        minimum=1,
        maximum=36500,
        computed_default="with expireAfterDays the same number, at most 30",
    )
    transition_after_days: int | None = spec_key(
        "Days after which objects move to storageClass.", default=None, minimum=0, maximum=36500
    )
    storage_class: str | None = spec_key(
        "Storage class that objects move to.", default=None, allowed=_STORAGE, computed_default="STANDARD_IA"
    )


_RESERVED = r"(?!xn--|sthree-|amzn-s3-demo-|.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)"
"""The beginnings and ends that no name of a bucket has.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
EVENTS = tuple(
    f"s3:{group}{verb}"
    for group, verbs in {
        "ObjectCreated": "* Put Post Copy CompleteMultipartUpload",
        "ObjectRemoved": "* Delete DeleteMarkerCreated",
        "ObjectRestore": "* Post Completed Delete",
        "ObjectTagging": "* Put Delete",
        "ObjectAcl": "Put",
        "LifecycleExpiration": "* Delete DeleteMarkerCreated",
        "LifecycleTransition": "",
        "IntelligentTiering": "",
        "ReducedRedundancyLostObject": "",
        "Replication": "* OperationFailedReplication OperationMissedThreshold OperationReplicatedAfterThreshold"
        " OperationNotTracked",
    }.items()
    for verb in ([f":{verb}" for verb in verbs.split()] or [""])
)
"""Source:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
"""


@spec_record
class CorsRule(SnakeCaseRecord):
    """What scripts of web pages may do with the objects, with a URL that permits it."""

    origins: tuple[String, ...] = spec_key(
        "Origins of the pages, such as https://www.example.com; one `*` matches any text.",
        also=("allowedOrigins", "allowed_origins"),
        fewest=1,
        most=100,
        pattern=r"\*|https?://[^/*\s]*(\*[^/*\s]*)?",
        expects="an origin such as https://www.example.com, without a path, or `*`",
    )
    methods: tuple[str, ...] = spec_key(
        "Methods that they may use.",
        default=("GET", "HEAD"),
        also=("allowedMethods", "allowed_methods"),
        fewest=1,
        allowed=_METHODS,
    )
    headers: tuple[str, ...] = spec_key(
        "Headers that they may send; one `*` matches any text.",
        default=(),
        also=("allowedHeaders", "allowed_headers"),
        most=100,
        pattern=r"[^*\s]*(\*[^*\s]*)?",
        expects="the name of a header, with at most one `*`",
    )
    expose_headers: tuple[str, ...] = spec_key(
        "Headers of the answer that they may read.",
        default=(),
        also=("exposedHeaders", "exposed_headers"),
        most=100,
        pattern=r"[^*\s]+",
        expects="the name of a header",
    )
    max_age: int | None = spec_key(
        "Seconds that a browser keeps the answer to a preflight request.",
        default=None,
        also=("maxAgeSeconds", "max_age_seconds"),
        minimum=0,
        maximum=2147483647,
        computed_default="as long as the browser likes",
    )


@spec_record
class Notification(SnakeCaseRecord):
    """What happens to objects, and who gets a message of it: one of `queue`, `topic`, `existingQueue` and
    `existingTopic`."""

    events: tuple[str, ...] = spec_key("What S3 reports.", default=("s3:ObjectCreated:*",), fewest=1, allowed=EVENTS)
    prefix: str = spec_key("Beginning of the keys of the objects.", default="", longest=1024)
    suffix: str = spec_key("End of the keys of the objects.", default="", longest=1024)
    queue: str | None = spec_key(
        "Name of the aws_sqs_queue dependency, as declared or without ${ENV}.",
        default=None,
        refers_to="aws_sqs_queue",
    )
    topic: str | None = spec_key(
        "Name of the aws_sns_topic dependency, as declared or without ${ENV}.",
        default=None,
        refers_to="aws_sns_topic",
    )
    existing_queue: String | None = spec_key(
        "Queue that this spec does not declare: its physical name in the account of the stack, or its ARN; in the"
        " region of the stack. The spec that makes it names the bucket in `receivesFrom`, and is deployed first.",
        default=None,
        pattern=EXISTING_QUEUE,
        expects="the name or the ARN of a queue",
    )
    existing_topic: String | None = spec_key(
        "Topic that this spec does not declare, as with `existingQueue`.",
        default=None,
        pattern=EXISTING_TOPIC,
        expects="the name or the ARN of a topic",
    )

    @property
    def receivers(self) -> dict[str, String]:
        """What the notification names, by its key."""
        own: dict[str, String | None] = {"queue": self.queue, "topic": self.topic}
        others: dict[str, String | None] = {"existingQueue": self.existing_queue, "existingTopic": self.existing_topic}
        return {key: receiver for key, receiver in {**own, **others}.items() if receiver is not None}


@spec_record
class ExistingBucket(Unmanaged):
    """Access to a bucket that exists already."""

    arn: String | None = existing_arn_key(
        "s3", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "arn:aws:s3:::files", region="", account=""
    )


@spec_record
class S3Bucket(EncryptedDependency, LoggedDependency, SendingDependency):
    """An S3 bucket."""

    sender: ClassVar[str] = "s3"

    name: String = spec_key(
        "Physical name of the bucket.",
        also=("bucket_name", "bucketName"),
        pattern=rf"{_RESERVED}(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9-]|\.(?!\.))+[a-z0-9]",
        longest=63,
        expects="3 to 63 lower-case letters, digits, hyphens and dots, without what S3 reserves, such as -s3alias",
    )
    unmanaged: ExistingBucket | None = spec_key(
        "Use an existing bucket: give access to it, and create none.", default=None
    )
    prefixes: tuple[str, ...] = spec_key(
        "Beginnings of the keys that the service has access to, such as `uploads/`; without them, all objects.",
        default=(),
        also=("prefix",),
        separator="",
        most=50,
        longest=512,
        pattern=r"[^*?$\s][^*?$]*",
        expects="the beginning of a key, without the wildcards and variables of IAM: * ? $",
    )
    cors: tuple[CorsRule, ...] = spec_key(
        "Rules for scripts of web pages that read or write objects.",
        default=(),
        also=("corsRules", "cors_rules"),
        most=100,
    )
    notifications: tuple[Notification, ...] = spec_key(
        "Queues and topics that get a message when objects change.", default=(), most=100
    )
    distributions: tuple[String, ...] = spec_key(
        "ARNs of the CloudFront distributions that may read the objects by origin access control: the way to publish"
        " them, because the bucket itself stays private.",
        default=(),
        most=50,
        pattern=r"arn:aws[a-z-]*:cloudfront::\d{12}:distribution/[A-Z0-9]{1,64}",
        expects="an ARN such as arn:aws:cloudfront::123456789012:distribution/E1ABCDEF2GHIJ3",
    )
    lifecycle: tuple[LifecycleRule, ...] = spec_key(
        "Rules for the expiry and transition of objects.", default=(), most=MOST_RULES
    )
    encryption: String | None = encryption_key("aws/s3", more=". A change is for new objects")
    access_logs: bool | AccessLogs | None = access_logs_key(
        ", which S3 delivers within hours and without a guarantee", default=False
    )

    @property
    def log_bucket(self) -> String | None:
        return self.access_logs.bucket if isinstance(self.access_logs, AccessLogs) else None

    @property
    def is_published(self) -> bool:
        """Whether CloudFront may read the objects."""
        return bool(self.distributions)

    @property
    def awaits(self) -> tuple[String, ...]:
        named = ((each.existing_queue, each.existing_topic) for each in self.notifications if is_managed(self))
        return tuple(name for pair in named for name in pair if name is not None)

    @property
    def sends_to(self) -> tuple[tuple[str, str], ...]:
        named = ((("sqs", each.queue), ("sns", each.topic)) for each in self.notifications if is_managed(self))
        return tuple((category, name) for pair in named for category, name in pair if name is not None)

    @property
    def source(self) -> str:
        return arn("s3", fragment(self.name), "", "")


def check(bucket: S3Bucket) -> Violations:
    yield from check_permissions(bucket)
    for index, rule in enumerate(bucket.lifecycle):
        yield from _check_rule(rule, index)
    yield from _check_notifications(bucket)


def _check_notifications(bucket: S3Bucket) -> Violations:
    """Check what the notifications say themselves: their receivers, and that no two match one event of one object.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """
    for index, one in enumerate(bucket.notifications):
        path: SpecPath = ("notifications", index)
        named = list(one.receivers)
        if len(named) != 1:
            message = f"a notification has one receiver, and this one has {' and '.join(named) or 'none'}"
            hint = "write one of `queue`, `topic`, `existingQueue` and `existingTopic`"
            yield Violation(BUCKET, path, message, hint)
        for key in named:
            if sample(one.receivers[key]).endswith(FIFO):
                yield _fifo(sample(one.receivers[key]), (*path, key))
    for (_, first), (index, second) in combinations(enumerate(bucket.notifications), 2):
        common = next((event for event in second.events if any(_covers(event, other) for other in first.events)), None)
        if common and _overlap(first, second):
            message = f"another notification reports {common} for the same objects"
            hint = "give each a prefix or suffix of its own, or send one to a topic with several subscriptions"
            yield Violation(BUCKET, ("notifications", index), message, hint)


def _fifo(name: str, path: SpecPath) -> Violation:
    return Violation(BUCKET, path, f"S3 sends nothing to `{name}`, which is FIFO", "name a standard queue or topic")


def _covers(event: str, other: str) -> bool:
    """Whether two events, of which each may be a group (``s3:ObjectCreated:*``), have one in common."""
    return event == other or any(
        group.endswith("*") and one.startswith(group[:-1]) for group, one in ((event, other), (other, event))
    )


def _overlap(first: Notification, second: Notification) -> bool:
    """Whether the key of an object may match the filters of both."""
    (short, long), (end, longer) = (
        sorted(texts, key=len) for texts in ((first.prefix, second.prefix), (first.suffix, second.suffix))
    )
    return long.startswith(short) and longer.endswith(end)


def check_references(bucket: S3Bucket, spec: Spec) -> Violations:
    """Check that the notifications name queues and topics that S3 can send to."""
    known: dict[str, dict[str, FifoDependency]] = {"queue": {}, "topic": {}}
    for each in spec.dependencies:
        if isinstance(each, FifoDependency):
            known["queue" if isinstance(each, SqsQueue) else "topic"][local_name(each.name)] = each
    for index, one in enumerate(bucket.notifications):
        for key, written in one.receivers.items():
            path, name = ("notifications", index, key), sample(written)
            receiver = known.get(key, {}).get(name)
            if receiver is None and key in known:
                hint = f"use one of: {', '.join(sorted(known[key]))}" if known[key] else "add a dependency of this name"
                hint += f"; or write `existing{key.capitalize()}`"
                yield Violation(BUCKET, path, f"the spec has no {key} `{name}`", hint)
            elif receiver is not None and is_fifo(receiver):
                yield _fifo(name, path)
            elif receiver is not None and is_managed(receiver):
                yield from check_key(receiver, path, "every notification")
            else:
                message = f"S3 refuses to notify `{name}` until its policy admits the bucket"
                wanted = f"write `receivesFrom: [{{bucket: {sample(bucket.name)}}}]` in the spec that makes it"
                yield Violation(UNADMITTED, path, message, f"{wanted}, and deploy it first; then silence this warning")


def _check_rule(rule: LifecycleRule, index: int) -> Violations:
    path = ("lifecycle", index)
    moves, expires = rule.transition_after_days, rule.expire_after_days
    if moves is None and rule.storage_class is not None:
        message = "storageClass has no effect without transitionAfterDays"
        yield Violation(LIFECYCLE, (*path, "storageClass"), message, "add transitionAfterDays", key=True)
    elif moves is None and expires is None and rule.noncurrent_days is None:
        hint = "add expireAfterDays, transitionAfterDays or noncurrentDays"
        yield Violation(LIFECYCLE, path, "the rule expires and moves nothing", hint)
    elif moves is not None and moves < 30 and rule.storage_class in (None, "STANDARD_IA"):
        hint = "write 30 or more, or another storageClass"
        yield Violation(
            LIFECYCLE, (*path, "transitionAfterDays"), "objects move to STANDARD_IA after 30 days at the earliest", hint
        )
    if moves is not None and expires is not None and expires <= moves:
        message = f"objects expire after {expires} days and move after {moves}"
        yield Violation(LIFECYCLE, (*path, "expireAfterDays"), message, f"write at least {moves + 1}")


def compile(bucket: S3Bucket, names: Names, context: Context) -> Grant:
    """A managed bucket, and access to the bucket and its objects."""
    grant = Grant()
    physical, encryption = fragment(bucket.name), encryption_of(bucket, context)
    if is_managed(bucket):
        title = names.id("Bucket")
        sources: Sources = dict.fromkeys(("BucketName", "LifecycleConfiguration"), names.origin)
        rules, policy = _rules(bucket), names.id("BucketPolicy")
        key = encryption != OWNED and (customer_key(encryption) or True)
        log, sent = _log(grant, bucket, names, physical), _notifications(bucket, context.spec)
        waits = [*log.pop("DependsOn", ()), *sent.pop("DependsOn", ())]
        more = {**log, **sent, **present(CorsConfiguration=_cors(bucket), DependsOn=waits)}
        published = [_published(bucket, title)] if bucket.distributions else []
        add_bucket(
            grant,
            title,
            policy,
            rules,
            names.origin,
            sources,
            published,
            key=key,
            BucketName=intrinsic(physical),
            **more,
        )
        attributes = {
            "name": f"${{{title}}}",
            "arn": f"${{{title}.Arn}}",
            "domainName": f"${{{title}.RegionalDomainName}}",
        }
        grant.output(names.id("BucketName"), f"S3 bucket {names.local}", intrinsic(attributes["name"]))
    else:
        found = existing(bucket, arn("s3", physical, "", ""))
        domain = f"{found.name}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}"
        attributes = {"name": found.name, "arn": found.arn, "domainName": domain}
    grant.statements = _access(bucket, attributes["arn"])
    made = [grant.resources[names.id("Bucket")]] if is_managed(bucket) else []
    permit_key(grant, encryption, "s3", names, *made)
    grant.environment[names.variable("BUCKET_NAME")] = attributes["name"]
    grant.values = attributes
    return grant


_LISTS = ("s3:ListBucket", "s3:ListBucketVersions")
"""The actions on a bucket to which the condition key `s3:prefix` applies.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""


def _access(bucket: S3Bucket, whole: str) -> list[PolicyStatement]:
    """Access to the bucket and its objects, or to those below the prefixes alone."""
    prefixes = sorted(bucket.prefixes) or [""]
    objects = [intrinsic(f"{whole}/{literal(prefix)}*") for prefix in prefixes]
    if is_list(bucket):
        of_bucket = of_objects = actions(bucket, {})
        if not bucket.prefixes:
            return [allow(of_bucket, [intrinsic(whole), *objects])]
    else:
        of_bucket, of_objects = actions(bucket, _BUCKET_ACTIONS), actions(bucket, _OBJECT_ACTIONS)
    listing = [action for action in of_bucket if action in _LISTS and bucket.prefixes]
    others = [action for action in of_bucket if action not in listing]
    below = {"Condition": {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}}
    statements = [
        allow(others, [intrinsic(whole), *objects] if of_bucket is of_objects else [intrinsic(whole)]),
        {**allow(listing, [intrinsic(whole)]), **below},
        allow(of_objects if of_bucket is not of_objects else [], objects),
    ]
    return [each for each in statements if each["Action"]]


def _cors(bucket: S3Bucket) -> s3.CorsConfiguration | None:
    """The rules in the order of the spec, each once: S3 applies the first that matches."""
    rules: list[dict[str, Any]] = []
    for rule in bucket.cors:
        found = {
            "AllowedOrigins": [value(origin) for origin in sorted(set(rule.origins), key=sample)],
            "AllowedMethods": sorted(set(rule.methods)),
            **present(
                AllowedHeaders=sorted(set(rule.headers)),
                ExposedHeaders=sorted(set(rule.expose_headers)),
                MaxAge=rule.max_age,
            ),
        }
        if encode_to_dict(found) not in map(encode_to_dict, rules):
            rules.append(found)
    return s3.CorsConfiguration(CorsRules=[s3.CorsRules(**rule) for rule in rules]) if rules else None


def _published(bucket: S3Bucket, title: str) -> PolicyStatement:
    """CloudFront may read the objects for these distributions.

    Source:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    named = [value(one) for one in sorted(bucket.distributions, key=sample)]
    service = {"Principal": {"Service": "cloudfront.amazonaws.com"}}
    condition = {"Condition": {"StringEquals": {"aws:SourceArn": named}}}
    return {**allow(["s3:GetObject"], [intrinsic(f"${{{title}.Arn}}/*")]), **service, **condition}


def _notifications(bucket: S3Bucket, spec: Spec) -> dict[str, Any]:
    """The property with the notifications, and what the bucket waits for: the policies of its receivers."""
    declared = {
        (isinstance(each, SqsQueue), local_name(each.name)): each
        for each in spec.dependencies
        if isinstance(each, (SqsQueue, SnsTopic))
    }
    found: dict[str, list[Any]] = {"Queue": [], "Topic": []}
    waits = set()
    for one in sorted(bucket.notifications, key=lambda one: (one.prefix, one.suffix, sorted(one.events))):
        ((key, receiver),) = one.receivers.items()
        is_queue = key in ("queue", "existingQueue")
        kind = "Queue" if is_queue else "Topic"
        target = declared.get((is_queue, sample(receiver))) if key in ("queue", "topic") else None
        if target is None:
            end = intrinsic(arn_of(receiver, "sqs" if is_queue else "sns"))
        elif is_managed(target):
            title = logical_id(sample(receiver), kind)
            end = GetAtt(title, "Arn") if is_queue else Ref(title)
            waits.add(logical_id(sample(receiver), f"{kind}Policy"))
        else:
            end = intrinsic((existing_queue(target) if isinstance(target, SqsQueue) else existing_topic(target)).arn)
        for event in sorted(set(one.events)):
            found[kind].append({"Event": event, kind: end, **_filter(one)})
    configuration = s3.NotificationConfiguration(
        **present(
            QueueConfigurations=[s3.QueueConfigurations(**each) for each in found["Queue"]],
            TopicConfigurations=[s3.TopicConfigurations(**each) for each in found["Topic"]],
        )
    )
    sent = bool(bucket.notifications) and configuration
    return present(NotificationConfiguration=sent, DependsOn=sorted(waits))


def _filter(notification: Notification) -> dict[str, Any]:
    wanted = {"prefix": notification.prefix, "suffix": notification.suffix}
    rules = [s3.Rules(Name=name, Value=text) for name, text in wanted.items() if text]
    return {"Filter": s3.Filter(S3Key=s3.S3Key(Rules=rules))} if rules else {}


def _log(grant: Grant, bucket: S3Bucket, names: Names, physical: str) -> dict[str, Any]:
    """The properties by which S3 logs the requests, and the bucket of the log if none is named.

    The bucket waits for the policy of that one, which knows it by its physical name: S3 checks it.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    if not bucket.access_logs:
        return {}
    wanted = bucket.access_logs if isinstance(bucket.access_logs, AccessLogs) else AccessLogs()
    folder = f"{wanted.prefix}/" if wanted.prefix else ""
    target, waits = wanted.bucket and value(wanted.bucket), []
    if wanted.bucket is None:
        title = names.id("BucketLog")
        source = from_account(f"arn:${{AWS::Partition}}:s3:::{physical}")
        add_log_bucket(
            grant, title, names.origin, [written_by("logging.s3.amazonaws.com", title, folder, Condition=source)]
        )
        target, waits = Ref(title), [f"{title}Policy"]
    log = s3.LoggingConfiguration(DestinationBucketName=target, LogFilePrefix=folder)
    return {"LoggingConfiguration": log, **present(DependsOn=waits)}


def _rules(bucket: S3Bucket) -> list[s3.LifecycleRule]:
    """The rules, sorted and numbered for each prefix, so that a rule for another prefix renames none.

    The bucket is versioned: what expires is only freed with its versions.
    """
    counts: Counter[str] = Counter()
    rules = []
    for rule in sorted(bucket.lifecycle, key=_order):
        head = rule.prefix[:60]  # an Id has at most 255 bytes
        counts[head] += 1
        identity = f"rule-{counts[head]}" + (f":{head}" if head else "")
        rules.append(s3.LifecycleRule(Id=identity, Status="Enabled", **_actions(rule)))
    return rules


def _order(rule: LifecycleRule) -> tuple[str, int, int, int, str]:
    numbers = (rule.expire_after_days, rule.noncurrent_days, rule.transition_after_days)
    first, second, third = (-1 if days is None else days for days in numbers)
    return rule.prefix, first, second, third, rule.storage_class or ""


def _actions(rule: LifecycleRule) -> dict[str, Any]:
    expires, moves = rule.expire_after_days, rule.transition_after_days
    kept = rule.noncurrent_days or (expires and min(expires, _MOST_NONCURRENT))
    storage = rule.storage_class or "STANDARD_IA"
    move = moves is not None and s3.LifecycleRuleTransition(StorageClass=storage, TransitionInDays=moves)
    return present(
        Prefix=rule.prefix,
        ExpirationInDays=expires,
        Transitions=move and [move],
        NoncurrentVersionExpiration=kept and s3.NoncurrentVersionExpiration(NoncurrentDays=kept),
    )


TYPE = CompiledType(
    name="aws_s3_bucket",
    category="s3",
    doc="An S3 bucket: private, encrypted, versioned, TLS only.",
    model=S3Bucket,
    attributes=lambda bucket: ("name", "arn", "domainName"),
    compile=compile,
    check=check,
    check_references=check_references,
    managed_keys=("lifecycle", "accessLogs", "cors", "notifications", "distributions"),
)

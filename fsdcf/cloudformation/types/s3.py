"""S3: buckets and their policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn
from fsdcf.cloudformation.planned import PlannedResource, mapping, mappings, text_of
from fsdcf.cloudformation.pricing import (
    PRICE_LIST,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    price,
)
from fsdcf.cloudformation.types import (
    ADOPTED,
    NEVER,
    AccessActions,
    DeployPermissions,
    Drawing,
    Expiry,
    Part,
    PolicyDocuments,
    Properties,
    ResourceType,
    Simulation,
    Single,
    StoredData,
)
from fsdcf.cloudformation.types.kms import left_with_key, requests_to

PART: Part = "data"
BUCKET, BUCKET_POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"


def _price_buckets(context: PricingContext, buckets: Resources) -> CostItems:
    for one in buckets:
        yield context.usage("s3.storage", "S3 storage", "s3-gigabytes", "GB, Standard", one)
        yield context.usage("s3.put", "S3 writes", "s3-writes", "requests", one, per=1000)
        yield context.usage("s3.get", "S3 reads", "s3-reads", "requests", one, per=1000)
        yield from requests_to(_default_encryption(one.properties).get("SSEAlgorithm") == "aws:kms", one)
        if any("Transition" in key for rule in _rules(one.get("LifecycleConfiguration")) for key in rule):
            why = "every object is counted as Standard, and no transition or retrieval"
            yield Unpriced(f"Other storage classes of {one.name}", why, (one.name,))


def _default_encryption(properties: Properties) -> Mapping[str, Any]:
    """How S3 encrypts a new object whose writer says nothing of it."""
    rules = mappings(mapping(properties.get("BucketEncryption")).get("ServerSideEncryptionConfiguration"))
    return mapping(rules[0].get("ServerSideEncryptionByDefault")) if rules else {}


def notified_by(bucket: PlannedResource) -> list[Any]:
    """The queues and topics to which a bucket sends notifications, each once."""
    found: list[Any] = []
    for kind in ("Queue", "Topic"):
        for one in mappings(bucket.mapping("NotificationConfiguration").get(f"{kind}Configurations")):
            if one.get(kind) not in found:
                found.append(one.get(kind))
    return found


def _arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    name = stack.name_of("BucketName", logical_id, properties)
    name = name if "BucketName" in properties else name.lower()
    yield ("s3", "bucket"), arn("s3", name, "", "")
    yield ("s3", "object"), arn("s3", f"{name}/*", "", "")


def _expires_sooner(before: Any, after: Any) -> bool:
    """Whether objects expire by a new rule, or after fewer days."""
    old = dict(_expirations(before))
    return any(scope not in old or _is_sooner(old[scope], days) for scope, days in _expirations(after))


def _is_sooner(before: str, after: str) -> bool:
    return int(after) < int(before) if before.isdecimal() and after.isdecimal() else before != after


def _expirations(configuration: Any) -> Iterator[tuple[str, str]]:
    """The expirations of enabled rules: the objects and versions that expire, and after how many days."""
    for rule in _rules(configuration):
        if rule.get("Status") == "Enabled":
            objects = {key: value for key, value in rule.items() if key in ("Prefix", "TagFilters")}
            for key in (key for key in rule if "Expiration" in key):
                further = {name: value for name, value in mapping(rule[key]).items() if name != "NoncurrentDays"}
                days = mapping(rule[key]).get("NoncurrentDays", rule[key])
                yield text_of({"Kind": key, **objects, **further}), text_of(days)


def _rules(configuration: Any) -> list[Mapping[str, Any]]:
    return mappings(mapping(configuration).get("Rules"))


RECORDS = (
    ResourceType(
        BUCKET,
        PricingRule(
            "data",
            _price_buckets,
            (
                price(
                    "s3.storage",
                    "0.023",
                    "GB-month",
                    PRICE_LIST,
                    "2026-11-24",
                    "Standard storage class, first 50 TB",
                ),
                price("s3.put", "0.005", "thousand requests", PRICE_LIST, "2026-11-24"),
                price("s3.get", "0.0004", "thousand requests", PRICE_LIST, "2026-11-24"),
            ),
            (
                assumption("s3-gigabytes", "20", "GB", "in each bucket, older versions included"),
                assumption("s3-writes", "100000", "requests/month", "PUT, COPY, POST and LIST for each bucket"),
                assumption("s3-reads", "1000000", "requests/month", "GET for each bucket"),
            ),
        ),
        Simulation(
            attributes={
                "Arn": "arn:{partition}:s3:::{id}",
                "DomainName": "{id}.s3.{suffix}",
                "DualStackDomainName": "{id}.s3.dualstack.{region}.{suffix}",
                "RegionalDomainName": "{id}.s3.{region}.{suffix}",
                "WebsiteURL": "http://{id}.s3-website-{region}.{suffix}",
            },
            create=20.0,
            longest_name=63,
            lower_case=True,
        ),
        DeployPermissions(
            only_with={
                NEVER: ("s3:PutBucketAbac", "s3:PutObjectAcl", "s3:DeleteObject"),
                "AccelerateConfiguration": ("s3:PutAccelerateConfiguration",),
                "AccessControl": ("s3:PutBucketAcl",),
                "AnalyticsConfigurations": ("s3:PutAnalyticsConfiguration",),
                "CorsConfiguration": ("s3:PutBucketCORS",),
                "IntelligentTieringConfigurations": ("s3:PutIntelligentTieringConfiguration",),
                "InventoryConfigurations": ("s3:PutInventoryConfiguration",),
                "LoggingConfiguration": ("s3:PutBucketLogging",),
                "MetadataTableConfiguration": ("s3tables:*", "s3:*BucketMetadata*"),
                "MetricsConfigurations": ("s3:PutMetricsConfiguration",),
                "NotificationConfiguration": ("s3:PutBucketNotification",),
                "ObjectLockConfiguration": ("s3:PutBucketObjectLockConfiguration",),
                "ReplicationConfiguration": ("s3:PutReplicationConfiguration",),
                "WebsiteConfiguration": ("s3:PutBucketWebsite", "s3:DeleteBucketWebsite"),
            },
            arns=_arns,
        ),
        retained=True,
        taken_over=ADOPTED,
        data=StoredData(
            "its objects",
            expiry=(Expiry("LifecycleConfiguration", _expires_sooner, "lets objects expire by another rule"),),
        ),
        out_of_reach=left_with_key(
            lambda properties: _default_encryption(properties).get("KMSMasterKeyID"), "each object"
        ),
        drawing=Drawing("storage", "S3 bucket", "BucketName", arn_service="s3", arn_name="([^/]*).*"),
        access=AccessActions(describing=("s3:GetBucketLocation",)),
        before_deletion="a bucket must be empty before it can be deleted: aws s3 rm --recursive s3://BUCKET",
    ),
    ResourceType(
        BUCKET_POLICY,
        "free",
        Simulation("{p[Bucket]}", create=2.0),
        policies=PolicyDocuments("resource", ("Bucket",)),
        # Source: https://github.com/aws-samples/aws-cdk-examples/issues/1022
        single=Single(
            ("Bucket",),
            "a bucket has one policy",
            "1. delete the old one: aws s3api delete-bucket-policy --bucket NAME; 2. deploy",
            "The bucket policy already exists on bucket {Bucket}.",
        ),
    ),
)

"""An S3 bucket: private, encrypted, versioned, TLS only; lifecycle rules; access to bucket and objects."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.language.dependency import preceding_services
from fsdcf.language.model.service import Spec
from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import admits, as_text, codes, findings, make, references, spec_of

KIND = "aws_s3_bucket"


def test_a_bucket_is_private_encrypted_and_versioned() -> None:
    title, bucket = make(KIND, "${ENV}-photos").the("AWS::S3::Bucket")
    properties = bucket["Properties"]
    assert (title, properties["BucketName"]) == ("PhotosBucket", "staging-photos")
    blocked = properties["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4 and all(value is True for value in blocked.values())
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    rule = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_policy_refuses_plain_http_for_bucket_and_objects() -> None:
    made = make(KIND, "photos")
    title, policy = made.the("AWS::S3::BucketPolicy")
    assert title == "PhotosBucketPolicy" and policy["Properties"]["Bucket"] == {"Ref": "PhotosBucket"}
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {as_text(arn) for arn in statement["Resource"]} == {"${PhotosBucket.Arn}", "${PhotosBucket.Arn}/*"}


def test_bucket_actions_apply_to_the_bucket_and_object_actions_to_objects() -> None:
    made = make(KIND, "photos")
    assert made.arns("s3:ListBucket") == {"${PhotosBucket.Arn}"}
    assert made.arns("s3:GetObject") == made.arns("s3:PutObject") == {"${PhotosBucket.Arn}/*"}
    assert made.grant.environment == {"PHOTOS_BUCKET_NAME": "${PhotosBucket}"}
    assert made.grant.values["domainName"] == "${PhotosBucket.RegionalDomainName}"


def test_an_existing_bucket_is_scoped_by_its_name() -> None:
    made = make(KIND, "photos-${AWS::AccountId}", unmanaged={"permissions": "read"})
    arns = made.arns("s3:GetObject")
    assert admits(arns, "arn:${AWS::Partition}:s3:::photos-${AWS::AccountId}/a/b.png")
    assert not admits(arns, "arn:${AWS::Partition}:s3:::photos-${AWS::AccountId}2/a/b.png")
    assert made.arns("s3:ListBucket") == {"arn:${AWS::Partition}:s3:::photos-${AWS::AccountId}"}
    assert made.grant.values["domainName"] == "photos-${AWS::AccountId}.s3.${AWS::Region}.${AWS::URLSuffix}"


def rules_of(*lifecycle: dict[str, Any]) -> list[dict[str, Any]]:
    properties = make(KIND, "photos", lifecycle=list(lifecycle)).the("AWS::S3::Bucket")[1]["Properties"]
    rules: list[dict[str, Any]] = properties["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    assert len({rule["Id"] for rule in rules}) == len(rules)
    return rules


def test_lifecycle() -> None:
    clean_up, replaced, temporary = rules_of({"prefix": "tmp/", "expireAfterDays": 3}, {"noncurrentDays": 40})
    assert clean_up["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert (temporary["Prefix"], temporary["ExpirationInDays"]) == ("tmp/", 3)
    assert replaced["NoncurrentVersionExpiration"] == {"NoncurrentDays": 40} and "Prefix" not in replaced


@pytest.mark.parametrize(
    ("rule", "noncurrent"),
    [
        ({"expireAfterDays": 7}, 7),
        ({"expireAfterDays": 365}, 30),
        ({"expireAfterDays": 365, "noncurrentDays": 90}, 90),
        ({"transitionAfterDays": 30, "expireAfterDays": 60}, 30),
        ({"transitionAfterDays": 30}, None),
    ],
)
def test_what_expires_is_freed_with_its_versions_and_delete_markers(rule: dict[str, Any], noncurrent: Any) -> None:
    clean_up, own = rules_of(rule)
    assert own.get("NoncurrentVersionExpiration") == (noncurrent and {"NoncurrentDays": noncurrent})
    # S3 refuses ExpiredObjectDeleteMarker beside a number of days.
    assert clean_up["ExpiredObjectDeleteMarker"] is True and "ExpirationInDays" not in clean_up
    assert "ExpiredObjectDeleteMarker" not in own and "Prefix" not in clean_up


def test_the_order_of_lifecycle_rules_does_not_matter() -> None:
    rules: list[dict[str, Any]] = [{"prefix": prefix, "expireAfterDays": days} for prefix in "ab" for days in (1, 2)]
    assert rules_of(*rules) == rules_of(*reversed(rules))
    before = {rule["Id"]: rule for rule in rules_of(*rules)}
    after = {rule["Id"]: rule for rule in rules_of({"prefix": "", "expireAfterDays": 1}, *rules)}
    assert before.items() <= after.items(), "another rule renames none"


def test_without_lifecycle_no_data_expires() -> None:
    (only,) = rules_of()
    assert not {key for key in only if "Expiration" in key}


def test_the_policy_goes_with_the_stack_so_that_another_stack_can_take_over_the_bucket() -> None:
    made = make(KIND, "photos")
    assert made.the("AWS::S3::Bucket")[1]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert "DeletionPolicy" not in made.the("AWS::S3::BucketPolicy")[1]


@pytest.mark.parametrize(("rule", "storage"), [({}, "STANDARD_IA"), ({"storageClass": "GLACIER"}, "GLACIER")])
def test_objects_move_to_another_storage_class(rule: dict[str, Any], storage: str) -> None:
    properties = make(KIND, "photos", lifecycle=[{"transitionAfterDays": 30, "expireAfterDays": 31, **rule}]).the(
        "AWS::S3::Bucket"
    )[1]
    moved = properties["Properties"]["LifecycleConfiguration"]["Rules"][1]
    assert moved["Transitions"] == [{"StorageClass": storage, "TransitionInDays": 30}]
    assert moved["ExpirationInDays"] == 31


@pytest.mark.parametrize(
    ("rule", "marked"),
    [
        ({"prefix": "tmp/"}, "prefix: tmp/"),
        ({"storageClass": "GLACIER"}, "storageClass"),
        ({"transitionAfterDays": 29}, "29"),
        ({"transitionAfterDays": 40, "expireAfterDays": 40}, "40"),
    ],
)
def test_invalid_lifecycle_rules(rule: dict[str, Any], marked: str) -> None:
    assert findings({"type": KIND, "name": "photos", "lifecycle": [rule]}) == [("S330", marked)]


def test_invalid_names() -> None:
    for name in ("Photos", "ph", "10.0.0.1", "xn--photos", "a..b", "-photos", "x" * 64):
        assert findings({"type": KIND, "name": name}), name


def test_reserved_names() -> None:
    for name in ("sthree-photos", "amzn-s3-demo-photos", "photos-s3alias", "photos--x-s3", "photos.mrap"):
        assert findings({"type": KIND, "name": name}), name
    for name in ("my-sthree-photos", "photos-s3alias-2", "mrap"):
        assert not findings({"type": KIND, "name": name}), name


def test_access_below_prefixes_alone() -> None:
    made = make(KIND, "photos", prefixes=["b/", "a/"])
    assert (
        made.arns("s3:GetObject") == {"${PhotosBucket.Arn}/a/*", "${PhotosBucket.Arn}/b/*"} == made.arns("s3:PutObject")
    )
    (listing,) = (one for one in made.statements() if "s3:ListBucket" in one["Action"])
    assert listing["Action"] == ["s3:ListBucket"] and listing["Resource"] == [{"Fn::GetAtt": ["PhotosBucket", "Arn"]}]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["a/*", "b/*"]}}
    listed = make(KIND, "photos", permissions=["s3:GetObjectTagging", "s3:ListBucketVersions"], prefixes=["a/"])
    assert not [arn for arn in listed.arns("s3:GetObjectTagging") if arn.endswith("photos/*")]
    (listing,) = (one for one in listed.statements() if "s3:ListBucketVersions" in one["Action"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["a/*"]}}


def test_a_bucket_by_its_arn() -> None:
    made = make(KIND, "photos", unmanaged={"permissions": "read", "arn": "arn:aws:s3:::prod-photos"})
    assert made.arns("s3:GetObject") == {"arn:aws:s3:::prod-photos/*"}
    assert made.grant.environment == {"PHOTOS_BUCKET_NAME": "prod-photos"}


def test_cors() -> None:
    rule = {"origins": ["https://*.example.com"], "methods": ["PUT", "GET"], "headers": ["*"], "maxAge": 0}
    properties = make(KIND, "photos", cors=[rule, {"origins": ["*"]}]).the("AWS::S3::Bucket")[1]["Properties"]
    first, second = properties["CorsConfiguration"]["CorsRules"]
    assert first == {
        "AllowedOrigins": ["https://*.example.com"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["*"],
        "MaxAge": 0,
    }
    assert second == {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"]}


def test_cloudfront_reads_a_bucket_that_stays_private() -> None:
    arn = "arn:aws:cloudfront::123456789012:distribution/E1"
    made = make(KIND, "photos", distributions=[arn])
    document = made.the("AWS::S3::BucketPolicy")[1]["Properties"]["PolicyDocument"]
    allowed = document["Statement"][1]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"} and allowed["Action"] == ["s3:GetObject"]
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceArn": [arn]}}
    block = made.the("AWS::S3::Bucket")[1]["Properties"]["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}


@pytest.mark.parametrize("key", ["publicRead", "acl", "public", "website", "bucketPolicy"])
def test_a_bucket_is_not_public(key: str) -> None:
    text = spec_of({"type": KIND, "name": "photos", key: True})
    (finding,) = (one for one in run(Request("spec.yml", text.encode(), "staging")).diagnostics if one.code == "S101")
    assert "distributions" in str(finding.hint) and "CloudFront" in str(finding.hint)


def test_a_bucket_waits_for_the_policies_of_its_receivers() -> None:
    bucket = {
        "type": KIND,
        "name": "photos",
        "notifications": [{"queue": "jobs", "prefix": "in/"}, {"topic": "news", "prefix": "out/"}],
    }
    others = [{"type": "aws_sqs_queue", "name": "jobs"}, {"type": "aws_sns_topic", "name": "news"}]
    result = run(Request("spec.yml", spec_of(bucket, *others).encode(), "staging"))
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"]
    assert resources["PhotosBucket"]["DependsOn"] == ["JobsQueuePolicy", "NewsTopicPolicy"]
    for name in ("JobsQueuePolicy", "NewsTopicPolicy"):
        assert "PhotosBucket" not in set(references(resources[name]["Properties"])), "the name makes the ARN: no circle"
        assert "s3:::photos" in str(resources[name])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"notifications": [{}]}, [("S562", "{}")]),
        ({"notifications": [{"queue": "jobs", "topic": "news"}]}, [("S562", "queue: jobs")]),
        ({"notifications": [{"queue": "none"}]}, [("S562", "none")]),
        ({"notifications": [{"queue": "ordered"}]}, [("S562", "ordered")]),
        ({"notifications": [{"existingQueue": "a.fifo"}]}, [("S562", "a.fifo")]),
        ({"notifications": [{"queue": "secret"}]}, [("S381", "secret")]),
        ({"notifications": [{"queue": "jobs"}, {"topic": "news"}]}, [("S562", "topic: news")]),
        ({"notifications": [{"queue": "jobs", "events": ["s3:Object:*"]}]}, [("S106", "s3:Object:*")]),
        ({"cors": [{"origins": ["https://a.example/"]}]}, [("S105", "https://a.example/")]),
        ({"cors": [{"origins": ["https://*.*.example"]}]}, [("S105", "https://*.*.example")]),
        ({"cors": [{"origins": ["*"], "methods": ["PATCH"]}]}, [("S106", "PATCH")]),
        ({"prefixes": ["a/*"]}, [("S105", "a/*")]),
        ({"distributions": ["E1ABCDEF"]}, [("S105", "E1ABCDEF")]),
    ],
)
def test_what_s3_rejects(keys: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    others = [
        {"type": "aws_sqs_queue", "name": "jobs"},
        {"type": "aws_sqs_queue", "name": "ordered", "fifo": True},
        {"type": "aws_sqs_queue", "name": "secret", "encryption": "kms"},
        {"type": "aws_sns_topic", "name": "news"},
    ]
    assert findings({"type": KIND, "name": "photos", **keys}, *others) == expected


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ({"prefix": "a/"}, {"prefix": "b/"}, False),
        ({"prefix": "a/"}, {"prefix": "a/b/"}, True),
        ({"suffix": ".jpg"}, {"suffix": ".png"}, False),
        ({"prefix": "a/", "suffix": ".jpg"}, {"suffix": ".png"}, False),
        ({"suffix": ".jpg"}, {"prefix": "a/"}, True),
        ({"events": ["s3:ObjectRemoved:*"]}, {}, False),
        ({"events": ["s3:ObjectCreated:Put"]}, {}, True),
        ({"events": ["s3:ObjectCreated:Put"]}, {"events": ["s3:ObjectCreated:Post"]}, False),
    ],
)
def test_two_notifications_do_not_report_one_event(first: Any, second: Any, overlap: bool) -> None:
    notifications = [{"queue": "jobs", **first}, {"queue": "jobs", **second}]
    jobs = {"type": "aws_sqs_queue", "name": "jobs"}
    assert codes({"type": KIND, "name": "photos", "notifications": notifications}, jobs) == ["S562"] * overlap


def test_the_services_that_make_the_receivers_come_first() -> None:
    def spec(service: str, **keys: Any) -> Spec:
        text = spec_of(keys).replace("name: shop", f"name: {service}", 1)
        result = run(Request(f"{service}.yml", text.encode(), "staging"))
        assert result.spec is not None, result.diagnostics
        return result.spec

    queue = {"type": "aws_sqs_queue", "name": "${ENV}-parcels"}
    admitting, closed = spec("parcels", **queue, receivesFrom=[{"bucket": "files"}]), spec("other", **queue)
    for named in ("${ENV}-parcels", "arn:aws:sqs:us-east-1:123456789012:${ENV}-parcels"):
        files = spec("files", type=KIND, name="files", notifications=[{"existingQueue": named}])
        assert preceding_services(files, [files, admitting, closed]) == ("parcels",)
        assert preceding_services(admitting, [files, admitting]) == ()

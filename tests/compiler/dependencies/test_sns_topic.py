"""An SNS topic: encrypted, with subscriptions of the spec's own queues; access to the topic alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from fsdcf.pipeline import Request, Result, run
from tests.compiler.dependencies.made import codes, make, spec_of

KIND = "aws_sns_topic"
QUEUE = {"type": "aws_sqs_queue", "name": "${ENV}-orders"}


def compiled(*dependencies: dict[str, Any]) -> Result:
    return run(Request("spec.yml", spec_of(*dependencies).encode(), "staging"))


def topic(name: str = "${ENV}-events", **keys: Any) -> dict[str, Any]:
    return {"type": KIND, "name": name, **keys}


def found(*dependencies: dict[str, Any]) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(each.code, each.path) for each in compiled(*dependencies).diagnostics if each.code in ("S370", "S371")]


def test_a_topic_has_no_paid_key_and_goes_with_its_stack() -> None:
    made = make(KIND, "${ENV}-events")
    title, resource = made.the("AWS::SNS::Topic")
    assert title == "EventsTopic" and "DeletionPolicy" not in resource
    assert "KmsMasterKeyId" not in resource["Properties"]
    assert resource["Properties"]["TopicName"] == "staging-events"
    assert made.grant.environment == {"EVENTS_TOPIC_ARN": "${EventsTopic}"}


def test_encryption_by_a_kms_key_is_asked_for() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    for encryption, expected in (("owned", None), ("kms", "alias/aws/sns"), (key, key)):
        made = make(KIND, "events", encryption=encryption)
        assert made.the("AWS::SNS::Topic")[1]["Properties"].get("KmsMasterKeyId") == expected
        assert made.arns("kms:Decrypt") == ({key} if encryption == key else set())


def test_read_is_to_subscribe_and_write_to_publish() -> None:
    reads = make(KIND, "events", permissions="read").actions()
    writes = make(KIND, "events", permissions="write").actions()
    assert "sns:Subscribe" in reads and "sns:Publish" not in reads
    assert "sns:Publish" in writes and "sns:Subscribe" not in writes


def test_a_queue_admits_exactly_the_topics_that_it_is_subscribed_to() -> None:
    subscription = {"subscriptions": [{"queue": "orders"}]}
    result = compiled(topic("a", **subscription), topic("b", **subscription), topic("c"), QUEUE)
    assert result.template is not None
    resources = result.template.data["Resources"]
    (policy,) = [each for each in resources.values() if each["Type"] == "AWS::SQS::QueuePolicy"]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": [{"Ref": "ATopic"}, {"Ref": "BTopic"}]}}
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"} and statement["Action"] == ["sqs:SendMessage"]
    subscriptions = {name: each for name, each in resources.items() if each["Type"] == "AWS::SNS::Subscription"}
    assert len(subscriptions) == 2
    for each in subscriptions.values():
        assert each["DependsOn"] == ["OrdersQueuePolicy"], "SNS confirms a subscription that the queue admits"


def test_distinct_subscriptions_have_distinct_ids() -> None:
    queues = [{"type": "aws_sqs_queue", "name": name} for name in ("b-c", "c")]
    pairs = [topic("a", subscriptions=[{"queue": "b-c"}]), topic("a-b", subscriptions=[{"queue": "c"}])]
    result = compiled(*pairs, *queues)
    assert result.template is not None
    names = [name for name, each in result.template.data["Resources"].items() if "Subscription" in each["Type"]]
    assert len(names) == 2


@pytest.mark.parametrize(
    ("keys", "queue", "expected"),
    [
        ({}, {"name": "invoices"}, ("S371", "queue")),
        ({}, {"unmanaged": {"permissions": "read"}}, None),
        ({}, {"fifo": True}, ("S371", "queue")),
        ({"fifo": True}, {"fifo": True}, None),
        ({"fifo": True}, {}, None),
    ],
)
def test_a_subscription_needs_a_queue_that_can_receive(
    keys: dict[str, Any], queue: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    findings = found(topic(subscriptions=[{"queue": "orders"}], **keys), {**QUEUE, **queue})
    assert [(code, path[-1]) for code, path in findings] == ([expected] if expected else [])


def test_a_queue_is_subscribed_once() -> None:
    twice = topic(subscriptions=[{"queue": "orders"}, {"queue": "orders"}])
    assert found(twice, QUEUE) == [("S371", ("dependencies", 0, "subscriptions", 1, "queue"))]


def test_a_filter_policy_may_name_what_only_aws_knows() -> None:
    policy = {"region": ["${AWS::Region}", 5], "place": {"zone": ["x-${AWS::Region}"]}}
    subscription = {"queue": "orders", "filterPolicyScope": "MessageBody", "filterPolicy": policy}
    result = compiled(topic(subscriptions=[subscription]), QUEUE)
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"].values()
    (made,) = (one["Properties"] for one in resources if one["Type"] == "AWS::SNS::Subscription")
    region = {"Ref": "AWS::Region"}
    assert made["FilterPolicy"] == {"region": [region, 5], "place": {"zone": [{"Fn::Sub": "x-${AWS::Region}"}]}}


@pytest.mark.parametrize(
    ("policy", "scope", "wrong"),
    [
        ({"event": "created"}, "MessageAttributes", ["event"]),
        ({"event": {"type": ["created"]}}, "MessageAttributes", ["event"]),
        ({"event": {"type": ["created"]}}, "MessageBody", []),
        ({key: ["x"] for key in "abcdef"}, "MessageAttributes", ["filterPolicy"]),
    ],
)
def test_a_filter_policy_has_lists_of_values(policy: dict[str, Any], scope: str, wrong: list[str]) -> None:
    subscription = {"queue": "orders", "filterPolicy": policy, "filterPolicyScope": scope}
    assert [path[-1] for _, path in found(topic(subscriptions=[subscription]), QUEUE)] == wrong


def test_names_and_duplicates() -> None:
    assert codes(topic("events.fifo")) == ["S370"]
    assert codes(topic("e" * 252, fifo=True)) == ["S370"]
    assert codes(topic("events", contentBasedDeduplication=True)) == ["S370"]
    assert codes(topic("events", fifo=True, contentBasedDeduplication=True)) == []
    assert "Fn::Sub" not in yaml.safe_dump(make(KIND, "events").resources["EventsTopic"]["Properties"]["TopicName"])


def subscriptions(*dependencies: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of the subscriptions, by endpoint."""
    result = compiled(*dependencies)
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"].values()
    made = (one["Properties"] for one in resources if one["Type"] == "AWS::SNS::Subscription")
    return {
        str(next(iter(one["Endpoint"].values())) if isinstance(one["Endpoint"], dict) else one["Endpoint"]): one
        for one in made
    }


def test_the_receivers_of_a_topic() -> None:
    elsewhere = "arn:aws:sqs:eu-west-1:123456789012:audit"
    receivers = [{"existingQueue": "parcels"}, {"existingQueue": elsewhere}, {"email": "a@example.com"}]
    receivers += [{"https": "https://hooks.example.com/x"}]
    made = subscriptions(topic(subscriptions=receivers))
    assert {end: one["Protocol"] for end, one in made.items()} == {
        "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:parcels": "sqs",
        elsewhere: "sqs",
        "a@example.com": "email",
        "https://hooks.example.com/x": "https",
    }


def test_a_queue_of_the_spec_that_exists_is_subscribed_by_its_arn() -> None:
    arn = "arn:aws:sqs:eu-west-1:123456789012:jobs"
    queue = {**QUEUE, "unmanaged": {"permissions": "write", "arn": arn}}
    assert set(subscriptions(topic(subscriptions=[{"queue": "orders"}]), queue)) == {arn}


def test_an_existing_topic_is_subscribed_in_the_stack_of_the_queue() -> None:
    arn = "arn:aws:sns:eu-west-1:210987654321:prices"
    prices = topic("prices", unmanaged={"permissions": "read", "arn": arn}, subscriptions=[{"queue": "orders"}])
    (made,) = subscriptions(prices, QUEUE).values()
    assert (made["TopicArn"], made["Region"]) == (arn, "eu-west-1")
    result = compiled(prices, QUEUE)
    assert result.template is not None
    policy = result.template.data["Resources"]["OrdersQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert policy["Condition"] == {"ArnEquals": {"aws:SourceArn": [arn]}}


def test_what_cannot_be_delivered_goes_to_a_queue_that_admits_the_topic() -> None:
    letters = {"type": "aws_sqs_queue", "name": "letters"}
    receiver = {"https": "https://hooks.example.com", "deadLetterQueue": "letters"}
    (made,) = subscriptions(topic(subscriptions=[receiver]), letters).values()
    assert made["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": ["LettersQueue", "Arn"]}}
    result = compiled(topic(subscriptions=[receiver]), letters)
    assert result.template is not None and "LettersQueuePolicy" in result.template.data["Resources"]


def test_the_policy_of_a_topic_admits_whom_the_spec_names_and_the_alarms_of_the_account() -> None:
    made = make(KIND, "events", subscriberAccounts=["210987654321"], receivesFrom=[{"bucket": "files"}])
    document = made.the("AWS::SNS::TopicPolicy")[1]["Properties"]["PolicyDocument"]
    alarms, bucket, account = document["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"} and "aws:SourceAccount" in str(alarms)
    assert bucket["Principal"] == {"Service": "s3.amazonaws.com"} and bucket["Action"] == ["sns:Publish"]
    assert account["Action"] == ["sns:Subscribe"] and "210987654321" in str(account["Principal"])
    assert "AWS::SNS::TopicPolicy" not in {one["Type"] for one in make(KIND, "events").resources.values()}


@pytest.mark.parametrize(
    ("keys", "receiver", "expected"),
    [
        ({}, {}, ("S371", 0)),
        ({}, {"queue": "orders", "email": "a@example.com"}, ("S371", 0)),
        ({}, {"existingQueue": "a.fifo"}, ("S371", "existingQueue")),
        ({"fifo": True}, {"email": "a@example.com"}, ("S370", "email")),
        ({"fifo": True}, {"https": "https://a.example"}, ("S370", "https")),
        ({}, {"email": "a@example.com", "rawMessageDelivery": True}, ("S370", "rawMessageDelivery")),
        ({}, {"queue": "orders", "deadLetterQueue": "orders"}, ("S371", "deadLetterQueue")),
        ({}, {"queue": "orders", "deadLetterQueue": "none"}, ("S371", "deadLetterQueue")),
        ({"fifo": True}, {"queue": "orders", "deadLetterQueue": "letters"}, ("S371", "deadLetterQueue")),
        ({}, {"queue": "orders", "deadLetterQueue": "letters"}, None),
    ],
)
def test_what_a_subscription_cannot_be(
    keys: dict[str, Any], receiver: dict[str, Any], expected: tuple[str, Any] | None
) -> None:
    letters = {"type": "aws_sqs_queue", "name": "letters"}
    named = found(topic(subscriptions=[receiver], **keys), QUEUE, letters)
    assert [(code, path[-1]) for code, path in named] == ([expected] if expected else [])


@pytest.mark.parametrize("url", ["http://a.example", "https://user:geheim@a.example/x", "https://geheim@a.example"])
def test_an_address_has_tls_and_no_password(url: str) -> None:
    receiver = {"https": url}
    assert found(topic(subscriptions=[receiver])) == [("S371", ("dependencies", 0, "subscriptions", 0, "https"))]
    assert not any("geheim" in one.message for one in compiled(topic(subscriptions=[receiver])).diagnostics)


def test_the_url_of_a_queue_is_no_name() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/210987654321/orders"
    result = compiled(topic(subscriptions=[{"existingQueue": url}]))
    (finding,) = (one for one in result.diagnostics if one.code == "S105")
    assert "`arn:aws:sqs:eu-west-1:210987654321:orders`" in str(finding.hint)


def test_a_queue_of_another_stack_must_admit_the_topic() -> None:
    for receiver in ({"existingQueue": "parcels"}, {"queue": "orders"}):
        result = compiled(topic(subscriptions=[receiver]), {**QUEUE, "unmanaged": {"permissions": "read"}})
        (warning,) = (one for one in result.diagnostics if one.code == "W191")
        assert "receivesFrom: [{topic: staging-events}]" in str(warning.hint)

"""An MSK cluster: access to one that exists, to its topics and groups."""

from __future__ import annotations

from tests.compiler.dependencies.made import admits, codes, make

HOME = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}"


def test_the_arns_are_those_of_the_cluster() -> None:
    made = make("aws_msk_cluster", "events", unmanaged={"permissions": "read"})
    arns = made.arns("kafka-cluster:ReadData")
    for mine in ("cluster/events/0f-1", "topic/events/0f-1/orders", "group/events/0f-1/shop"):
        assert admits(arns, f"{HOME}:{mine}")
    for other in ("cluster/events2/0f-1", "topic/other/0f-1/events", "transactional-id/events/0f-1/x"):
        assert not admits(arns, f"{HOME}:{other}")
    assert made.grant.values == {"name": "events", "arn": f"{HOME}:cluster/events/*"}
    assert made.grant.environment == {"EVENTS_CLUSTER_NAME": "events"}


def test_both_names_of_the_type_mean_the_same() -> None:
    keys = {"unmanaged": {"permissions": "read_write"}}
    assert make("fetch_msk_cluster", "events", **keys).grant == make("aws_msk_cluster", "events", **keys).grant


def test_a_cluster_is_never_created() -> None:
    assert codes({"type": "aws_msk_cluster", "name": "events"}) == ["S360"]
    assert codes({"type": "fetch_msk_cluster", "name": "events", "permissions": "read"}) == ["S360"]

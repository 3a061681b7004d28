"""Plans of two templates: causes, obstacles, parameters, outputs, and secrets that stay secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.parameters import NO_ECHO_MASK
from fsdcf.cloudformation.planned import PlanError
from fsdcf.masking import MASK, mask_secrets
from fsdcf.pipeline import Request, run
from fsdcf.plan.diff.causes import by_id, follows, origin, reason, title_of
from fsdcf.plan.diff.obstacles import Importers
from fsdcf.plan.diff.plan import UpdatePlan, plan_update
from fsdcf.plan.diff.sides import DeployedValues, sides_of
from tests.plan.conftest import WAREHOUSE, resources

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "mails"}}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}


def plan(before: Any, after: Any, importers: Importers | None = None, **more: Any) -> UpdatePlan:
    return plan_update(sides_of(before, after, **more), importers)


def with_properties(one: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**one, "Properties": {**one["Properties"], **values}}


# causes


def task(cpu: str) -> dict[str, Any]:
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": cpu}}


SERVICE = {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Task"}}}
ALARM = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Service", "Name"]}}}


def test_a_chain_of_causes_leads_to_the_edit() -> None:
    old = resources(Task=task("256"), Service=with_properties(SERVICE, ServiceName="a"), Note=ALARM)
    new = resources(Task=task("512"), Service=with_properties(SERVICE, ServiceName="b"), Note=ALARM)
    changes = by_id(plan(old, new).changes)
    assert changes["Service"].replacement == "True"
    details = [one for one in changes["Note"].details if one.cause]
    assert {follows(one, changes) for one in details} == {
        "follows Service.Name, which is replaced because ServiceName changed"
    }
    only = by_id(
        plan(resources(Task=task("256"), Service=SERVICE), resources(Task=task("512"), Service=SERVICE)).changes
    )
    (reference,) = [one for one in only["Service"].details if one.cause]
    assert follows(reference, only) == "follows Task, which is replaced because Cpu changed"
    cause, edit = origin(only["Service"], only)
    assert cause.logical_id == "Task" and edit is not None and edit.path == "/Properties/Cpu"


def test_a_chain_over_two_resources() -> None:
    target = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Port": 80}}
    listener = {
        "Type": "AWS::ElasticLoadBalancingV2::Listener",
        "Properties": {"LoadBalancerArn": {"Ref": "Group"}, "DefaultActions": []},
    }
    rule = {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {"ListenerArn": {"Ref": "Listener"}}}
    old = resources(Group=target, Listener=listener, Rule=rule)
    new = resources(Group=with_properties(target, Port=81), Listener=listener, Rule=rule)
    changes = by_id(plan(old, new).changes)
    (reference,) = [one for one in changes["Rule"].details if one.cause]
    told = follows(reference, changes)
    assert (
        told == "follows Listener, which is replaced because it follows Group, which is replaced because Port changed"
    )
    assert origin(changes["Rule"], changes)[0].logical_id == "Group"


def test_a_removed_added_or_unknown_resource_ends_a_chain() -> None:
    changes = by_id([Change("Add", "New", "AWS::SNS::Topic"), Change("Remove", "Old", "AWS::SNS::Topic")])

    def detail(cause: str, source: Any = "ResourceReference") -> Detail:
        return Detail("Properties", "A", "/Properties/A", None, None, "Never", source, cause)

    assert follows(detail("New"), changes) == "follows New, which is new"
    assert follows(detail("Old"), changes) == "follows Old, which is removed"
    assert follows(detail("Elsewhere.Arn", "ResourceAttribute"), changes) == "follows Elsewhere.Arn"
    assert follows(detail("ImageSha", "ParameterReference"), changes) == "follows ImageSha"


def test_unknown_words_of_aws_do_not_crash() -> None:
    odd: Any = Detail("Provenance", None, "", None, None, "Sometimes", "DirectModification")  # type: ignore[arg-type]
    change = Change("Modify", "A", "AWS::SNS::Topic", replacement="Perhaps", details=(odd,))
    assert reason(change) == "Provenance" and origin(change, by_id([change])) == (change, odd)


def test_a_list_whose_items_moved_is_named_as_a_whole() -> None:
    def container(*names: str) -> dict[str, Any]:
        listed = [{"Name": name, "Value": "1"} for name in names]
        return resources(
            Task={
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {"ContainerDefinitions": [{"Name": "app", "Environment": listed}]},
            }
        )

    (change,) = plan(container("B", "C"), container("A", "B", "C")).changes
    assert reason(change) == "ContainerDefinitions[app].Environment"
    assert "ContainerDefinitions[app].Environment[B -> A]" in {title_of(one, change) for one in change.details}


# what stands in the way


def test_a_custom_name_blocks_a_replacement() -> None:
    (one,) = plan(resources(Jobs=QUEUE), resources(Jobs=with_properties(QUEUE, FifoQueue=True))).review.obstacles
    assert (one.kind, one.logical_id) == ("custom name", "Jobs")
    assert "FifoQueue" in one.why and "QueueName 'jobs'" in one.why
    renamed = plan(resources(Jobs=QUEUE), resources(Jobs=with_properties(QUEUE, FifoQueue=True, QueueName="jobs.fifo")))
    assert renamed.review.obstacles == () and renamed.risks[0].kind == "replaced"
    nameless = {"Type": "AWS::SQS::Queue", "Properties": {}}
    assert (
        plan(resources(Jobs=nameless), resources(Jobs=with_properties(nameless, FifoQueue=True))).review.obstacles == ()
    )


def test_a_type_cannot_change() -> None:
    (one,) = plan(resources(A=TOPIC), resources(A=QUEUE)).review.obstacles
    assert one.kind == "type" and "from AWS::SNS::Topic to AWS::SQS::Queue" in one.why


def table(**indexes: str) -> dict[str, Any]:
    """A table with the indexes of these names, by their projections."""
    listed = [
        {
            "IndexName": name,
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": one},
        }
        for name, one in indexes.items()
    ]
    return {"Type": "AWS::DynamoDB::Table", "Properties": {"GlobalSecondaryIndexes": listed}}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"one": "ALL"}, {"one": "KEYS_ONLY"}, ["the index one cannot"]),
        (
            {"one": "ALL"},
            {"two": "ALL"},
            ["adds the index two and removes the index one"],
        ),
        (
            {},
            {"one": "ALL", "two": "ALL"},
            ["adds the index one and adds the index two"],
        ),
        ({"one": "ALL"}, {"one": "ALL", "two": "ALL"}, []),
        ({"one": "ALL"}, {}, []),
    ],
)
def test_a_table_changes_one_index_at_a_time(before: dict[str, str], after: dict[str, str], said: list[str]) -> None:
    found = plan(resources(T=table(**before)), resources(T=table(**after))).review.obstacles
    assert [(one.kind, one.logical_id) for one in found] == [("index", "T")] * len(said)
    assert all(words in one.why for words, one in zip(said, found, strict=True))


def test_the_capacity_of_an_index_may_change() -> None:
    new = table(one="ALL")
    new["Properties"]["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] = {
        "ReadCapacityUnits": 5,
        "WriteCapacityUnits": 5,
    }
    assert plan(resources(T=table(one="ALL")), resources(T=new)).review.obstacles == ()


def obstacles_of(change: str, value: Any) -> list[tuple[str, str]]:
    """What is in the way of a service with a file system where one key of its networking changes."""
    spec = yaml.safe_load(WAREHOUSE)
    found = []
    for networking in ({}, {change: value}):
        spec["service"]["networking"] = networking
        result = run(Request("a.yml", yaml.safe_dump(spec).encode(), "staging"))
        assert result.template is not None, result.diagnostics
        found.append(result.template.data)
    return [(one.kind, one.logical_id) for one in plan(*found).review.obstacles]


def test_a_load_balancer_cannot_be_replaced_over_its_target_group() -> None:
    """As in a template that gives the target group nothing to be replaced by."""
    listener = {"LoadBalancerArn": {"Ref": "Front"}, "DefaultActions": [{"TargetGroupArn": {"Ref": "Group"}}]}

    def front(scheme: str, port: int) -> dict[str, Any]:
        return resources(
            Front={"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": scheme}},
            Listener={"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": listener},
            Group={"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Port": port}},
        )

    def kinds(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
        return [(one.kind, one.logical_id) for one in plan(before, after).review.obstacles]

    assert kinds(front("internal", 80), front("internet-facing", 80)) == [("load balancer", "Front")]
    assert kinds(front("internal", 80), front("internet-facing", 81)) == []
    assert kinds(front("internal", 80), front("internal", 81)) == []


@pytest.mark.parametrize(
    ("before", "after", "hindered"),
    [
        ([7, 8], [8, 9], ["A"]),
        ([7, 8], [6, 7], ["B"]),
        ([7, 8], [8, 7], ["A", "B"]),
        ([7, 8], [9, 10], []),
        ([7, 8], [7, 9], []),
        ([7, 8], [8], ["A"]),
        ([7], [8, 7], ["B"]),
    ],
)
def test_rules_cannot_take_the_priority_of_another_rule(
    before: list[int], after: list[int], hindered: list[str]
) -> None:
    """The order in which an update changes them is not known, and what is removed goes last."""

    def rules(numbers: list[int]) -> dict[str, Any]:
        kind = "AWS::ElasticLoadBalancingV2::ListenerRule"
        listener = {"Fn::ImportValue": "fsdcf-staging-PublicHttpsListenerArn"}
        return resources(
            **{
                name: {"Type": kind, "Properties": {"ListenerArn": listener, "Priority": number}}
                for name, number in zip("ABC", numbers, strict=False)
            }
        )

    found = plan(rules(before), rules(after)).review.obstacles
    assert [one.logical_id for one in found if "priority" in one.why] == hindered


def test_a_load_balancer_can_become_internal_and_public() -> None:
    for key, value in (("internal", True), ("idleTimeout", 90)):
        assert obstacles_of("loadBalancer", {key: value}) == []


def test_a_service_cannot_move_to_another_network() -> None:
    moved = [
        ("network", "LoadBalancer"),
        ("network", "InternetGatewayAttachment"),
        ("network", "FilesFileSystemMountTarget1"),
    ]
    assert obstacles_of("vpc", {"cidr": "10.1.0.0/16"}) == [*moved, ("network", "NatGateway1")]
    subnets = {
        f"{kind}Subnets": [f"subnet-0123456789abcde{kind == 'public':d}{n}" for n in range(2)]
        for kind in ("private", "public")
    }
    target = ("network", "FilesFileSystemMountTarget0123456789abcde00")
    assert obstacles_of("vpc", {"id": "vpc-0123456789abcdef0", **subnets}) == [moved[0], target]
    assert obstacles_of("vpc", {"availabilityZones": 3}) == []
    blocked = {name for _, name in obstacles_of("vpc", {"availabilityZones": ["use1-az1", "use1-az2"]})}
    assert {"PublicSubnet1", "PublicSubnet2", "PrivateSubnet1", "PrivateSubnet2", "NatGateway1"} <= blocked


def zoned(zone: str, cidr: str = "10.0.0.0/24") -> dict[str, Any]:
    """A VPC with a subnet in a zone, and a NAT gateway in it."""
    return resources(
        Vpc={"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        Subnet={
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": cidr, "AvailabilityZoneId": zone},
        },
        Address={"Type": "AWS::EC2::EIP", "Properties": {}},
        Nat={
            "Type": "AWS::EC2::NatGateway",
            "Properties": {"SubnetId": {"Ref": "Subnet"}, "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]}},
        },
    )


def test_a_subnet_cannot_move_to_another_zone_of_its_network() -> None:
    moved = plan(zoned("use1-az1"), zoned("use1-az2")).review.obstacles
    assert [(one.kind, one.logical_id) for one in moved] == [("network", "Subnet"), ("network", "Nat")]
    assert "the same addresses" in moved[0].why and "Address" in moved[1].why
    elsewhere = plan(zoned("use1-az1"), zoned("use1-az2", "10.0.1.0/24")).review.obstacles
    assert [one.logical_id for one in elsewhere] == ["Nat"]


def table_with(**properties: Any) -> dict[str, Any]:
    return resources(T={"Type": "AWS::DynamoDB::Table", "Properties": properties})


def warm(reads: int, writes: int) -> dict[str, Any]:
    return {"WarmThroughput": {"ReadUnitsPerSecond": reads, "WriteUnitsPerSecond": writes}}


def ttl(attribute: str, enabled: bool = True) -> dict[str, Any]:
    return {"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}}


@pytest.mark.parametrize(
    ("before", "after", "way_out"),
    [
        (ttl("exp"), ttl("expires"), "timeToLive: {attribute: exp, enabled: false}"),
        (ttl("exp"), ttl("expires", False), "timeToLive: {attribute: exp, enabled: false}"),
        (ttl("exp"), {}, "timeToLive: {attribute: exp, enabled: false}"),
        (ttl("exp"), ttl("exp", False), None),
        (ttl("exp", False), ttl("expires"), None),
        (ttl("exp", False), {}, None),
        ({}, ttl("exp"), None),
        (
            {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}},
            {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}},
            "stream: false",
        ),
        ({"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}, {}, None),
        ({}, {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}, None),
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
        (warm(12000, 4000), warm(12000, 3000), "write 4,000"),
        (warm(12000, 4000), warm(15000, 4000), None),
        (warm(12000, 4000), {}, None),
        (
            {"GlobalSecondaryIndexes": [{"IndexName": "a", **warm(500, 1)}]},
            {"GlobalSecondaryIndexes": [{"IndexName": "a", **warm(400, 1)}]},
            "write 500",
        ),
    ],
)
def test_dynamodb_refuses_what_the_schema_allows(before: Any, after: Any, way_out: str | None) -> None:
    found = plan(table_with(**before), table_with(**after)).review
    assert [(one.kind, one.logical_id) for one in found.obstacles] == [("refused", "T")] * (way_out is not None)
    assert all(way_out in one.way_out for one in found.obstacles if way_out)
    assert not (found.obstacles and [one for one in found.effects if one.rule == "rare-change"])


def test_a_subscription_keeps_the_scope_of_its_filter() -> None:
    def subscription(**more: Any) -> dict[str, Any]:
        return resources(S={"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "sqs", **more}})

    filtered = subscription(FilterPolicy={"a": ["b"]}, FilterPolicyScope="MessageAttributes")
    (one,) = plan(filtered, subscription()).review.obstacles
    assert one.kind == "refused" and "scope" in one.why
    assert plan(subscription(), filtered).review.obstacles == ()


def mount_targets(*subnets: str, system: Any = None, **more: Any) -> dict[str, Any]:
    system = {"Ref": "Files"} if system is None else system
    files = {"Type": "AWS::EFS::FileSystem", "Properties": {"Encrypted": True, **more}}
    targets = {
        name: {"Type": "AWS::EFS::MountTarget", "Properties": {"FileSystemId": system, "SubnetId": subnet}}
        for name, _, subnet in (one.partition("=") for one in subnets)
    }
    return resources(Files=files, **targets)


@pytest.mark.parametrize("system", [{"Ref": "Files"}, "fs-0123456789abcdef0"])
def test_a_mount_target_cannot_take_the_place_of_one_that_is_removed(system: Any) -> None:
    old = mount_targets("One=subnet-a", "Two=subnet-b", system=system)
    new = mount_targets("A=subnet-a", "Two=subnet-b", system=system)
    (obstacle,) = plan(old, new).review.obstacles
    assert (obstacle.kind, obstacle.logical_id) == ("refused", "A")
    assert "One" in obstacle.why and "delete-mount-target" in obstacle.way_out
    for other in (("Two=subnet-b",), ("One=subnet-a", "Two=subnet-b", "C=subnet-c")):
        assert plan(old, mount_targets(*other, system=system)).review.obstacles == ()
    both = plan(old, mount_targets("A=subnet-a", "B=subnet-b", system=system)).review.obstacles
    assert [one.logical_id for one in both] == ["A", "B"] and not any("perhaps" in one.why for one in both)
    (perhaps,) = plan(old, mount_targets("C=subnet-c", "Two=subnet-b", system=system)).review.obstacles
    assert (perhaps.kind, perhaps.logical_id) == ("refused", "C") and "perhaps in the same zone" in perhaps.why


def test_the_mount_targets_of_a_new_file_system_are_not_an_obstacle() -> None:
    old, new = mount_targets("One=subnet-a"), mount_targets("A=subnet-a", PerformanceMode="maxIO")
    assert plan(old, new).review.obstacles == ()


def exporting(value: Any, name: str = "shared", **named: Any) -> dict[str, Any]:
    return {**resources(**named), "Outputs": {"Out": {"Value": value, "Export": {"Name": name}}}}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (exporting("a", A=TOPIC), resources(A=TOPIC), "is removed"),
        (exporting("a", A=TOPIC), exporting("a", "other", A=TOPIC), "is removed"),
        (exporting("a", A=TOPIC), exporting("b", A=TOPIC), "changes its value"),
        (
            exporting({"Ref": "A"}, A=TOPIC),
            exporting({"Ref": "A"}, A=with_properties(TOPIC, TopicName="new")),
            "changes its value",
        ),
    ],
)
def test_an_export_in_use_cannot_change(before: Any, after: Any, said: str) -> None:
    (one,) = plan(before, after).review.obstacles
    assert (one.kind, one.logical_id) == (
        "export",
        "Out",
    ) and f"the export shared {said}, and another stack may import it" in one.why
    (used,) = plan(before, after, lambda name: ("orders-staging",)).review.obstacles
    assert "the stack orders-staging imports it" in used.why
    (several,) = plan(before, after, lambda name: ("orders-staging", "bills")).review.obstacles
    assert "the stacks orders-staging, bills import it" in several.why
    assert plan(before, after, lambda name: ()).review.obstacles == ()


def test_an_unchanged_export_is_not_an_obstacle() -> None:
    assert plan(exporting("a", A=TOPIC), exporting("a", A=TOPIC, B=QUEUE)).review.obstacles == ()


# sides


def parameter(**declared: Any) -> dict[str, Any]:
    return {
        "Parameters": {"P": {"Type": "String", **declared}},
        **resources(A=with_properties(TOPIC, DisplayName={"Ref": "P"})),
    }


def test_parameters_have_the_values_that_a_deploy_sends() -> None:
    assert plan(parameter(), parameter()).empty
    assert plan(parameter(Default="a"), parameter()).empty
    (change,) = plan(parameter(Default="a"), parameter(Default="b")).changes
    assert {(one.before, one.after) for one in change.details} == {("a", "b")}
    assert plan(parameter(), parameter(), deployed=DeployedValues({"P": "x"})).empty
    (change,) = plan(parameter(), parameter(Default="b"), deployed=DeployedValues({"P": "x"})).changes
    assert {(one.before, one.after) for one in change.details} == {("x", "b")}


def test_a_hidden_parameter_counts_as_unchanged() -> None:
    assert plan(
        parameter(NoEcho=True), parameter(NoEcho=True, Default="geheim"), deployed=DeployedValues({"P": NO_ECHO_MASK})
    ).empty


def test_secret_parameters_are_never_shown() -> None:
    old, new = parameter(NoEcho=True, Default="geheim-eins"), parameter(NoEcho="true", Default="geheim-zwei")
    new["Resources"]["A"]["Properties"]["DisplayName"] = {"Fn::Sub": "say ${P} and 7"}
    new["Outputs"] = {"Out": {"Value": {"Ref": "P"}}}
    found = plan(old, new)
    text = json.dumps(
        [[vars(one) for one in change.details] + [change.before, change.after] for change in found.changes], default=str
    )
    assert found.changes and "geheim" not in text and MASK in text and f"say {MASK} and 7" in text
    assert found.outputs[0].after == MASK


def test_a_short_secret_is_masked_with_the_text_around_it() -> None:
    change = Change(
        "Modify",
        "A1",
        "T",
        details=(Detail("Properties", "A", "/Properties/A/1", "x1y", 1, "Never", "DirectModification"),),
    )
    (shown,) = mask_secrets((change,), ("1",), ("details", "before", "after"))
    assert (shown.logical_id, shown.details[0].path) == ("A1", "/Properties/A/1")
    assert (shown.details[0].before, shown.details[0].after) == (MASK, MASK)
    assert mask_secrets((change,), ()) == (change,)


# what changes beside resources


def test_outputs_and_tags_alone_are_changes() -> None:
    found = plan(resources(A=TOPIC), {**resources(A=TOPIC), "Outputs": {"Out": {"Value": "x"}}})
    assert not found.changes and not found.empty
    assert [(one.name, one.before, one.after) for one in found.outputs] == [("Out", None, "x")]
    tagged = plan(
        resources(A=TOPIC), resources(A=TOPIC), tags={"team": "a"}, deployed=DeployedValues(tags={"team": "b"})
    )
    assert tagged.tags and [change.scope for change in tagged.changes] == [("Tags",)]
    assert plan(resources(A=TOPIC), resources(A=TOPIC), deployed=DeployedValues(tags={"team": "b"})).empty


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"Resources": {"A": {}}},
        {"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"X": {"Fn::Nope": 1}}}}},
        {**resources(A=TOPIC), "Outputs": {"Out": {"Value": {"Fn::Select": [9, ["a"]]}}}},
        {**resources(A=TOPIC), "Outputs": {"Out": "text"}},
    ],
)
def test_malformed_templates_are_refused(broken: Any) -> None:
    for before, after in ((broken, resources(A=TOPIC)), (resources(A=TOPIC), broken)):
        with pytest.raises(PlanError):
            plan(before, after)

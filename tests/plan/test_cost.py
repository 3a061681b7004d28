"""The estimate: against figures worked out by hand for every example, and what must hold for any template."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.cloudformation.planned import PlanError
from fsdcf.cloudformation.pricing import Range, number
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.ecs import spot_shares
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import Estimate, deltas, estimate
from fsdcf.plan.cost.prices import PARTS, AssumptionError, PriceError, assumed, assumptions, overridden, shipped
from tests.conftest import HELLO, ROOT, Compile
from tests.fuzz import examples
from tests.plan.conftest import EXAMPLES, Template, resources, template_of

WEB = 730 * 0.0225 + 730 * 0.36 * 0.008 + 2 * 730 * 0.005 + 10 * 8 * 730 * 3600 / 1e6 * 0.09
"""A load balancer in two zones, 10 kB times ten requests a second are 0.36 GB an hour, and 8 kB of them leave."""
NAT = 730 * 0.045 + 20 * 0.045 + 730 * 0.005
"""A gateway, 20 GB through it, and its address."""
LOGS = 0.50 + 30 / (730 / 24) * 0.15 * 0.03
"""A GB of one task, and its 30 days in store."""
SMALL = 730 * (0.25 * 0.04048 + 0.5 * 0.004445)
"""The smallest task."""
ORDERS = (
    2 * 730 * 3600 / 1e6 * 0.625
    + 5 * 730 * 3600 / 1e6 * 0.125
    + 10 * 0.25
    + 5 * 0.20
    + 20 * 0.023
    + 100 * 0.005
    + 1000 * 0.0004
)
"""A table with an index, recoverable; and a bucket."""
USERS = 730 * 3600 / 1e6 * 0.625 + 5 * 730 * 3600 / 1e6 * 0.125 + 5 * 0.25 + 5 * 0.20
"""A table without one."""

TASKS, OF_BALANCER, OF_SHARED = 3 * 0.10, 5 * 0.10, 4 * 0.10
"""The alarms on the tasks, and those on a load balancer, where the rate of errors is of three metrics, or of two."""
WEB_ALARMS = TASKS + OF_BALANCER

BY_HAND = {
    "hello": (
        2 * 730 * (0.5 * 0.04048 + 0.004445) + WEB + NAT + 2 * LOGS + 2 * 0.10 + WEB_ALARMS,
        10 * 730 * (0.5 * 0.04048 + 0.004445) + WEB + NAT + 10 * LOGS + 2 * 0.10 + WEB_ALARMS,
    ),
    "api-dynamodb": (
        2 * 730 * (0.5 * 0.03238 + 0.00356) + WEB + NAT + ORDERS + 2 * LOGS + 4 * 0.10 + WEB_ALARMS,
        12 * 730 * (0.5 * 0.03238 + 0.00356) + WEB + NAT + ORDERS + 12 * LOGS + 4 * 0.10 + WEB_ALARMS,
    ),
    "sqlite": (SMALL + WEB + NAT + 10 * 0.30 + 20 * 0.03 + 5 * 0.06 + 10 * 0.05 + LOGS + WEB_ALARMS,),
    "worker-queue": (  # one task on demand is the base, and of the rest a quarter; three requests for each message
        730 * (0.04048 + 2 * 0.004445) + NAT + 3 * 730 * 3600 / 1e6 * 0.40 + LOGS + 0.20 + TASKS + 0.10,
        5.75 * 730 * (0.04048 + 2 * 0.004445)
        + 14.25 * 730 * (0.0125 + 2 * 0.0013)
        + (NAT + 3 * 730 * 3600 / 1e6 * 0.40 + 20 * LOGS + 0.20 + TASKS + 0.10),
    ),
    "nightly-report": (20 * 0.023 + 100 * 0.005 + 1000 * 0.0004 + 730 * 3600 / 1e6 * 0.50 + 0.10,),
    "shop": (  # no load balancer and no network of its own
        2 * 730 * (0.5 * 0.04048 + 0.004445) + 2 * LOGS + 2 * 0.10 + TASKS + OF_SHARED,
        10 * 730 * (0.5 * 0.04048 + 0.004445) + 10 * LOGS + 2 * 0.10 + TASKS + OF_SHARED,
    ),
    "users": (
        2 * 730 * (0.5 * 0.04048 + 0.004445) + USERS + 2 * LOGS + 2 * 0.10 + TASKS,
        10 * 730 * (0.5 * 0.04048 + 0.004445) + USERS + 10 * LOGS + 2 * 0.10 + TASKS,
    ),
    "production": (2 * SMALL + WEB + NAT + 2 * LOGS + WEB_ALARMS,),
    "production-prod": (  # a third zone: one more address of the load balancer, two more gateways; logs for 365 days
        3 * 730 * (0.04048 + 4 * 0.004445)
        + WEB
        + 3.65
        + NAT
        + 2 * 36.50
        + 3 * (0.50 + 365 / (730 / 24) * 0.15 * 0.03)
        + (0.20 + WEB_ALARMS),
        24 * 730 * (0.04048 + 4 * 0.004445)
        + WEB
        + 3.65
        + NAT
        + 2 * 36.50
        + 24 * (0.50 + 365 / (730 / 24) * 0.15 * 0.03)
        + (0.20 + WEB_ALARMS),
    ),
    "api-scaling": (  # two log groups: the container's and the metrics'; the seven metrics that are common
        3 * 730 * (0.04048 + 2 * 0.004445) + WEB + NAT + 6 * LOGS + 0.20 + 7 * 0.30 + WEB_ALARMS,
        30 * 730 * (0.04048 + 2 * 0.004445) + WEB + NAT + 60 * LOGS + 0.20 + 7 * 0.30 + WEB_ALARMS,
    ),
    "traces": (
        2 * SMALL + WEB + NAT + 4 * LOGS + (3 + 10) * 0.30 + WEB_ALARMS,
    ),  # a metric has ten combinations of labels
    "proxy": (2 * 730 * (0.5 * 0.04048 + 0.004445) + WEB + NAT + 2 * LOGS + WEB_ALARMS,),
    "tls": (2 * SMALL + WEB + NAT + 2 * LOGS + WEB_ALARMS,),
    "private-registry": (2 * SMALL + WEB + NAT + 2 * LOGS + WEB_ALARMS,),
    "existing-vpc": (
        2 * SMALL + 730 * 0.0225 + 730 * 0.36 * 0.008 + 2 * LOGS + WEB_ALARMS,
    ),  # inside only, in a network that is there
}
"""The minimum and the maximum of every example, worked out by hand; one figure where both are the same."""


def costs(name_or_template: str | Template, *assumptions: str) -> Estimate:
    template = template_of(name_or_template) if isinstance(name_or_template, str) else name_or_template
    return estimate(template, shipped(), assumed(assumptions))


def line(found: Estimate, key: str) -> Any:
    return next(one for one in found.lines if one.key == key)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_by_hand(name: str) -> None:
    total = costs(name).total
    figures = BY_HAND[name]
    assert float(total.minimum) == pytest.approx(figures[0], abs=0.005)
    assert float(total.maximum) == pytest.approx(figures[-1], abs=0.005)


def test_everything_at_once() -> None:
    found = costs("warehouse")
    keys = {one.key for one in found.lines}
    assert {
        *(
            "fargate.vcpu.x86 Service",
            "fargate-spot.memory.x86 Service",
            "fargate.storage Service",
            "nat.hour",
            "nat.gigabyte",
        ),
        *("ipv4.hour", "ipv4.hour LoadBalancer", "endpoint.hour", "endpoint.gigabyte", "alb.hour LoadBalancer"),
        *("alb.lcu LoadBalancer", "transfer.out LoadBalancer", "dynamodb.write StockTable", "dynamodb.pitr StockTable"),
        *(
            "s3.storage LabelsBucket",
            "sqs.fifo ShipmentsQueue",
            "efs.storage FilesFileSystem",
            "efs.backup FilesFileSystem",
        ),
        *("logs.ingestion LogGroup", "logs.storage MetricsLogGroup", "alarm.standard target tracking"),
    } <= keys
    # two of three tasks are the base; a quarter of the rest is on demand
    assert line(found, "fargate.vcpu.x86 Service").quantity == Range(
        Decimal("2.25") * 2 * 730, Decimal("11.5") * 2 * 730
    )
    assert line(found, "fargate.storage Service").quantity == Range(Decimal(3 * 30 * 730), Decimal(40 * 30 * 730))
    assert line(found, "endpoint.hour").quantity == Range.of(6 * 3 * 730)
    assert {one.name for one in found.unpriced} >= {
        "Images in ECR",
        "Traces in X-Ray",
        "Traffic between zones",
    }


@pytest.mark.parametrize("name", [*EXAMPLES, "warehouse"])
def test_lines_add_up_and_every_assumption_behind_them_is_stated(name: str) -> None:
    found = costs(name)
    keys = [one.key for one in found.lines]
    assert len(set(keys)) == len(keys)
    assert found.total.minimum == sum(one.amount.minimum for one in found.lines)
    assert (
        set(found.assumed)
        == {assumption for one in found.lines for assumption in one.assumptions}
        <= set(assumptions())
    )
    assert [PARTS.index(one.part) for one in found.lines] == sorted(PARTS.index(one.part) for one in found.lines)


@pytest.mark.parametrize("name", [*EXAMPLES, "warehouse"])
def test_every_resource_is_priced_free_or_listed(name: str) -> None:
    found = costs(name)
    listed = {resource for one in found.unpriced for resource in one.resources}
    listed |= {resource for one in found.lines for resource in one.resources}
    for logical_id, resource in template_of(name)["Resources"].items():
        free = record_of(resource["Type"]).price == "free"
        standard = resource["Type"] in ("AWS::SSM::Parameter", "AWS::EC2::VPCEndpoint", "AWS::ECS::TaskDefinition")
        assert free or standard or logical_id in listed, logical_id


def test_a_type_without_a_price_is_listed() -> None:
    found = costs(resources(Web={"Type": "AWS::WAFv2::WebACL"}, Old={"Type": "AWS::WAFv2::WebACL"}))
    assert [(one.name, one.resources) for one in found.unpriced] == [("AWS::WAFv2::WebACL", ("Web", "Old"))]
    assert found.total == Range.of(0)


ASSUMABLE = st.sampled_from(sorted(assumptions()))
AMOUNTS = st.decimals(min_value=1, max_value=10**6, places=2, allow_nan=False)


@examples(12)
@given(ASSUMABLE, AMOUNTS, AMOUNTS)
def test_more_usage_never_costs_less(name: str, one: Decimal, other: Decimal) -> None:
    if name == "requests-per-connection":
        one, other = max(one, other), min(one, other)  # more requests over one connection are fewer connections
    low, high = sorted((one, other)) if name != "requests-per-connection" else (one, other)
    small, large = costs("warehouse", f"{name}={low}"), costs("warehouse", f"{name}={high}")
    assert 0 <= small.total.minimum <= large.total.minimum
    assert small.total.maximum <= large.total.maximum


@examples(12)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20), st.integers(0, 10), st.integers(0, 10))
def test_more_tasks_never_cost_less(one: int, other: int, base: int, weight: int, spot: int) -> None:
    low, high = sorted((one, other))
    template = copy.deepcopy(dict(template_of("worker-queue")))
    service, target = (template["Resources"][name]["Properties"] for name in ("Service", "ScalableTarget"))
    target["MinCapacity"], target["MaxCapacity"] = low, high
    service["CapacityProviderStrategy"] = [
        {"CapacityProvider": "FARGATE", "Base": base, "Weight": weight},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": spot},
    ]
    total = costs(template).total
    assert 0 <= total.minimum <= total.maximum
    target["MaxCapacity"] = high + 1
    assert costs(template).total.maximum > total.maximum


@examples(30)
@given(st.integers(0, 200), st.integers(0, 50), st.integers(0, 9), st.integers(0, 9))
def test_shares_are_all_tasks(tasks: int, base: int, weight: int, spot: int) -> None:
    strategy = [
        {"CapacityProvider": "FARGATE", "Base": base, "Weight": weight},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": spot},
    ]
    on_demand, on_spot = spot_shares(strategy, Decimal(tasks))
    assert float(on_demand + on_spot) == pytest.approx(tasks)
    assert on_demand >= min(tasks, base) and on_spot >= 0


def service(**properties: Any) -> Template:
    definition = {"Cpu": "1 vCPU", "Memory": "2 GB", "ContainerDefinitions": []} | properties.pop("definition", {})
    return resources(
        Task={"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        App={
            "Type": "AWS::ECS::Service",
            "Properties": {"TaskDefinition": {"Ref": "Task"}, "DesiredCount": 2, **properties},
        },
    )


def test_tasks_in_their_forms() -> None:
    plain = costs(service())
    assert line(plain, "fargate.vcpu.x86 App").quantity == Range.of(2 * 730)
    assert costs(service(definition={"Cpu": 1024, "Memory": "2048"})).total == plain.total
    assert costs(service(definition={"Cpu": ".5 vCPU"})).total.minimum < plain.total.minimum
    assert line(costs(service(DesiredCount="3")), "fargate.vcpu.x86 App").quantity == Range.of(3 * 730)
    no_count = service()
    del no_count["Resources"]["App"]["Properties"]["DesiredCount"]
    assert line(costs(no_count), "fargate.vcpu.x86 App").quantity == Range.of(730)
    public = costs(service(NetworkConfiguration={"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}))
    assert line(public, "ipv4.hour App").amount == Range.of(Decimal("7.30"))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"LaunchType": "EC2"}, "no price for tasks on EC2"),
        (
            {"definition": {"RuntimePlatform": {"OperatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}},
            "no price for tasks on WINDOWS",
        ),
        ({"CapacityProviderStrategy": [{"CapacityProvider": "mine", "Weight": 1}]}, "no price for tasks on mine"),
        ({"definition": {"Cpu": "a lot"}}, "gives no size"),
        ({"TaskDefinition": "app:7"}, "is not in the template"),
    ],
)
def test_tasks_that_have_no_price_say_why(changed: dict[str, Any], why: str) -> None:
    found = costs(service(**changed))
    assert not found.lines
    assert any(why in one.why for one in found.unpriced)


def test_stores_in_their_forms() -> None:
    throughput = {"ProvisionedThroughput": {"ReadCapacityUnits": 10, "WriteCapacityUnits": "5"}}
    found = costs(
        resources(
            Table={
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    **throughput,
                    "GlobalSecondaryIndexes": [{"IndexName": "all", **throughput}],
                    "SSESpecification": {"SSEEnabled": True},
                },
            },
            Cold={"Type": "AWS::DynamoDB::Table", "Properties": {"TableClass": "GLACIAL"}},
            Files={
                "Type": "AWS::EFS::FileSystem",
                "Properties": {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 4},
            },
            Zone={"Type": "AWS::EFS::FileSystem", "Properties": {"AvailabilityZoneName": "us-east-1a"}},
            Key={"Type": "AWS::KMS::Key"},
            One={"Type": "AWS::SecretsManager::Secret"},
            Topic={"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "alias/aws/sns"}},
            Parameter={"Type": "AWS::SSM::Parameter", "Properties": {"Tier": "Advanced"}},
            Logs={"Type": "AWS::Logs::LogGroup"},
        )
    )
    assert line(found, "dynamodb.rcu Table").quantity == Range.of(20 * 730)
    assert line(found, "dynamodb.wcu Table").amount == Range.of(Decimal("0.00065") * 10 * 730)
    assert line(found, "efs.provisioned Files").amount == Range.of(24)
    assert line(found, "kms.month").amount.plus(line(found, "secret.month").amount) == Range.of(Decimal("1.40"))
    assert found.weak == line(found, "parameter.advanced").amount
    assert {one.name for one in found.unpriced} == {
        *("Table Cold", "File system Zone", "Log group Logs"),
        *("KMS key of Table", "KMS key of Topic"),
        *("Requests to KMS keys", "Queries of logs and metrics"),
    }


def collected(exporters: Mapping[str, Any] | str) -> Estimate:
    """The estimate of a service whose collector writes to a log group."""
    content = exporters if isinstance(exporters, str) else json.dumps({"exporters": exporters})
    collector = {
        "Name": "otel",
        "Image": "public.ecr.aws/aws-observability/aws-otel-collector:v1",
        "Environment": [{"Name": "AOT_CONFIG_CONTENT", "Value": {"Fn::Sub": content}}],
    }
    task = {"Cpu": "256", "Memory": "512", "ContainerDefinitions": [collector]}
    return costs(
        resources(
            Metrics={"Type": "AWS::Logs::LogGroup"},
            Task={"Type": "AWS::ECS::TaskDefinition", "Properties": task},
            Service={"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Task"}}},
        )
    )


def declared(*declarations: tuple[list[str], list[list[str]]]) -> dict[str, Any]:
    listed = [{"metric_name_selectors": names, "dimensions": labels} for names, labels in declarations]
    return {"awsemf/app": {"log_group_name": "${Metrics}", "metric_declarations": listed}}


@pytest.mark.parametrize(
    ("exporters", "count", "how"),
    [
        (declared((["^up$", "^jobs_total$"], [[]])), 2, "2 metrics"),
        (declared((["^up$"], [["method"], []])), 11, "11 metrics of 2 selections"),
        (declared((["^http_.*$", "^up$"], [["method"]])), 110, "110 metrics of 2 selections"),
        (declared((["^up$"], [[]]), (["jvm_.*"], [[]])), 11, "11 metrics of 2 selections"),
        (declared((["^up$", "^up$"], [[]]), (["^up$"], [[]])), 1, "1 metric"),
    ],
)
def test_custom_metrics_are_counted_by_name_and_label(exporters: dict[str, Any], count: int, how: str) -> None:
    found = collected(exporters)
    custom = line(found, "metric.custom Metrics")
    assert (custom.quantity, custom.how) == (Range.of(count), how)
    assert {*custom.assumptions} <= {*found.assumed}


@pytest.mark.parametrize(
    ("exporters", "names"),
    [
        (declared((["^up$"], [[]])), set()),
        ({"awsemf": {"log_group_name": "${Metrics}"}}, {"Custom metrics"}),
        ({"awsxray": {}}, {"Traces in X-Ray"}),
        ({"otlphttp": {"endpoint": "https://traces.example"}}, {"Telemetry to https://traces.example"}),
        ("exporters:\n  awsemf: {}\n", {"Custom metrics and traces"}),
    ],
)
def test_telemetry_without_a_price_is_named(exporters: Any, names: set[str]) -> None:
    always = {"Images in ECR", "Traffic between zones", "Deployments and one-off tasks", "The existing network"}
    always |= {"Traffic of the tasks to the internet", "Queries of logs and metrics"}
    found = {one.name for one in collected(exporters).unpriced} - {"Log group Metrics"}  # which nothing may write to
    assert found == {*always, *names}


def test_usage_without_a_price_is_named() -> None:
    transitions = {
        "Rules": [{"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 9}]}]
    }
    found = costs(
        resources(
            Old={"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": transitions}},
            Plain={"Type": "AWS::S3::Bucket"},
            Files={
                "Type": "AWS::EFS::FileSystem",
                "Properties": {"LifecyclePolicies": [{"TransitionToIA": "AFTER_7_DAYS"}]},
            },
            Topic={"Type": "AWS::SNS::Topic"},
            Text={"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "sms"}},
            Queue={"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "sqs"}},
        )
    )
    assert {(one.name, one.resources) for one in found.unpriced} == {
        ("Other storage classes of Old", ("Old",)),
        ("Infrequent access and archive of Files", ("Files",)),
        ("Deliveries by sms", ("Text",)),
    }
    names = {one.name for one in found.unpriced}
    assert {one["name"] for one in report.data(found)["notPriced"]} == names
    assert all(f"- {name}:" in report.markdown([found], "x", {}) for name in names)


def test_what_exists_already_is_named(compiled: Compile) -> None:
    text = HELLO + "  enableExecuteCommand: true\n  executeCommandLogs: true\ndependencies:\n"
    text += "  - {type: aws_dynamodb_table, name: orders, unmanaged: {permissions: read}}\n"
    text += "  - {type: aws_s3_bucket, name: reports, unmanaged: {permissions: read}}\n"
    text += "  - {type: aws_sqs_queue, name: jobs}\n"
    template = compiled(text).template
    assert template is not None
    named = {one.name for one in costs(dict(template.data)).unpriced if one.name.startswith("Existing")}
    assert named == {"Existing dynamodb table/orders", "Existing s3 reports"}


def test_balancers_endpoints_and_alarms_in_their_forms() -> None:
    metrics = [
        {"Id": "a", "MetricStat": {"Period": 60}},
        {"Id": "b", "MetricStat": {"Period": 60}},
        {"Id": "c", "Expression": "a/b"},
    ]
    found = costs(
        resources(
            Net={"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "network"}},
            Web={"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Subnets": ["a", "b", "c"]}},
            Listener={
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {"LoadBalancerArn": {"Ref": "Web"}},
            },
            **{
                f"Rule{n}": {
                    "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
                    "Properties": {"ListenerArn": {"Ref": "Listener"}},
                }
                for n in range(109)
            },
            Plain={"Type": "AWS::EC2::VPCEndpoint", "Properties": {"ServiceName": "s3"}},
            Ecr={
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]},
            },
            Filter={"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "GatewayLoadBalancer"}},
            Errors={"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": metrics}},
            Fast={"Type": "AWS::CloudWatch::Alarm", "Properties": {"Period": 10}},
        ),
        "requests-per-second=100",
    )
    # 110 rules, ten of them free, at 100 requests a second: 10,000 evaluations, ten LCU, more than 3.6 by bytes
    assert line(found, "alb.lcu Web").quantity == Range.of(10 * 730)
    assert line(found, "ipv4.hour Web").quantity == Range.of(3 * 730)
    assert line(found, "endpoint.hour").quantity == Range.of(2 * 730)
    assert line(found, "alarm.standard").quantity == Range.of(2)
    assert line(found, "alarm.high-resolution").amount == Range.of(Decimal("0.30"))
    assert {one.name for one in found.unpriced} == {"Load balancer Net", "Endpoint Filter"}


def test_a_regional_gateway_costs_by_the_zones_that_it_serves() -> None:
    def subnet(n: int, zone: str, table: str) -> dict[str, Any]:
        association = {"SubnetId": {"Ref": f"Subnet{n}"}, "RouteTableId": {"Ref": table}}
        return {
            f"Subnet{n}": {"Type": "AWS::EC2::Subnet", "Properties": {"AvailabilityZoneId": zone}},
            f"Association{n}": {"Type": "AWS::EC2::SubnetRouteTableAssociation", "Properties": association},
        }

    route = {"RouteTableId": {"Ref": "Private"}, "NatGatewayId": {"Ref": "Regional"}}
    found = costs(
        resources(
            Regional={"Type": "AWS::EC2::NatGateway", "Properties": {"AvailabilityMode": "regional"}},
            Private={"Type": "AWS::EC2::RouteTable"},
            Public={"Type": "AWS::EC2::RouteTable"},
            Default={"Type": "AWS::EC2::Route", "Properties": route},
            **subnet(1, "use1-az1", "Private"),
            **subnet(2, "use1-az2", "Private"),
            **subnet(3, "use1-az2", "Private"),
            **subnet(4, "use1-az3", "Public"),
            Namespace={"Type": "AWS::ServiceDiscovery::PrivateDnsNamespace", "Properties": {"Name": "a", "Vpc": "v"}},
        )
    )
    assert line(found, "nat.hour").quantity == line(found, "ipv4.hour nat").quantity == Range.of(2 * 730)
    assert line(found, "hosted-zone.month").amount == Range.of(Decimal("0.50"))
    both = costs(
        resources(
            Regional={"Type": "AWS::EC2::NatGateway", "Properties": {"AvailabilityMode": "regional"}},
            Zonal={"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "s"}},
        )
    )
    assert line(both, "nat.hour").quantity == Range.of(2 * 730), "a regional gateway is in one zone at least"


def test_conditions_and_parameters_count() -> None:
    template = {
        "Parameters": {
            "Nat": {"Type": "String", "AllowedValues": ["no", "yes"]},
            "Count": {"Type": "Number", "Default": 3},
        },
        "Conditions": {"WithNat": {"Fn::Equals": [{"Ref": "Nat"}, "yes"]}},
        "Resources": {
            **service(DesiredCount={"Ref": "Count"})["Resources"],
            "Gate": {"Type": "AWS::EC2::NatGateway", "Condition": "WithNat"},
        },
    }
    found = costs(template)
    assert "nat.hour" not in {one.key for one in found.lines}
    assert line(found, "fargate.vcpu.x86 App").quantity == Range.of(3 * 730)
    assert "Parameter Nat" in {one.name for one in found.unpriced}


@pytest.mark.parametrize(
    "template",
    [
        {},
        {"Resources": []},
        {"Resources": {"A": {"Properties": {}}}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket", "Properties": []}}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Nonsense": 1}}}}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket"}}, "Conditions": {"A": {"Condition": "B"}}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket"}}, "Parameters": {"A": 1}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket"}}, "Mappings": ["x"]},
    ],
)
def test_what_is_no_template_is_refused(template: Template) -> None:
    with pytest.raises(PlanError):
        costs(template)


def test_differences_are_by_line_and_add_up() -> None:
    before, after = costs("production"), costs("production-prod")
    found = deltas(before, after)
    low = sum(one.amount.minimum for one in found)
    assert low == after.total.minimum - before.total.minimum
    by_key = {one.line.key: one for one in found}
    assert by_key["nat.hour"].amount == Range.of(Decimal("65.70"))
    assert by_key["alarm.standard target tracking"].before is None
    assert by_key["alb.hour LoadBalancer"].amount == Range.of(0)
    gone = {one.line.key for one in deltas(after, before) if one.after is None}
    assert gone == {"alarm.standard target tracking"}
    assert report.changes(before, before) == ((), len(before.lines))


# prices and assumptions


def test_a_table_that_is_scaled_costs_between_its_bounds() -> None:
    def target(index: str, kind: str, most: int) -> dict[str, Any]:
        resource = {"Fn::Sub": f"table/${{Table}}{index}"}
        bounds = {"MinCapacity": 5, "MaxCapacity": most, "ServiceNamespace": "dynamodb"}
        dimension = f"dynamodb:{kind}:ReadCapacityUnits"
        properties = {**bounds, "ResourceId": resource, "ScalableDimension": dimension}
        return {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": properties}

    throughput = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
    indexes = [{"IndexName": name, **throughput} for name in ("one", "two")]
    table = {
        "TableName": "t",
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        **throughput,
        "GlobalSecondaryIndexes": indexes,
    }
    stack = resources(
        Table={"Type": "AWS::DynamoDB::Table", "Properties": table},
        Own=target("", "table", 50),
        One=target("/index/one", "index", 20),
    )
    found = costs(stack)
    assert line(found, "dynamodb.ia.rcu Table").quantity == Range(Decimal(15 * 730), Decimal(75 * 730))
    assert line(found, "dynamodb.ia.wcu Table").quantity == Range.of(15 * 730)
    assert line(found, "dynamodb.ia.storage Table").amount == Range.of(Decimal("1.5"))
    assert not any("Scaling by" in one.name for one in found.unpriced)


def test_every_price_has_a_unit_a_source_and_a_date() -> None:
    for price in shipped().prices.values():
        assert price.price > 0 and price.unit and len(price.source) > 10 and len(price.date) == 10, price.name
        assert price.note or not price.name.startswith("fargate-spot")
    weak = {price.name for price in shipped().prices.values() if price.weak}
    assert weak == {name for name in shipped().prices if name.startswith("fargate-spot.")} | {
        *("parameter.advanced", "flow.logs", "flow.s3", "scheduler.invocations"),
        *(f"dynamodb.ia.{unit}" for unit in ("read", "write", "rcu", "wcu")),
    }


def test_prices_of_your_own() -> None:
    spot = "fargate-spot.vcpu.x86: {price: '0.014', source: our bill, date: 2026-10-01}"
    text = f"nat.hour: 0.05\n{spot}\nregion: eu-west-1\n"
    prices = overridden(shipped(), text, "ours.yml")
    assert (prices["nat.hour"].price, prices["nat.hour"].source) == (Decimal("0.05"), "ours.yml")
    assert not prices["fargate-spot.vcpu.x86"].weak and prices["fargate-spot.vcpu.x86"].date == "2026-10-01"
    assert prices["alb.hour"] == shipped()["alb.hour"]
    assert (prices.region, prices.overridden) == ("eu-west-1", ("nat.hour", "fargate-spot.vcpu.x86"))
    assert overridden(shipped(), '{"prices": {"nat.hour": 1}}', "x").prices["nat.hour"].price == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nat.hours: 1", "did you mean 'nat.hour'"),
        ("nat.hour: free", "is not a price"),
        ("nat.hour: -1", "is not a price"),
        ("nat.hour: true", "is not a price"),
        ("nat.hour: .nan", "is not a price"),
        ("nat.hour: {prize: 1}", "unknown key 'prize'"),
        ("nat.hour: {price: 1, unit: day}", "of a gateway-hour"),
        ("nat.hour: {price: 1, weak: perhaps}", "weak must be true or false"),
        ("- 1", "unsupported structure"),
        ("a: [", "not well-formed"),
        ("prices: 7", "must be a mapping"),
        ("region: 7", "must be strings"),
        ("prices: {}\nnat.hour: 1", "must be a mapping"),
    ],
)
def test_price_files_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(PriceError, match=said):
        overridden(shipped(), text, "ours.yml")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("requests=1", "unknown assumption 'requests'"),
        ("request-per-second=1", "did you mean 'requests-per-second'"),
        ("requests-per-second", "NAME=NUMBER"),
        ("requests-per-second=many", "a number from 0"),
        ("requests-per-second=-1", "a number from 0"),
        ("requests-per-second=inf", "a number from 0"),
        ("requests-per-connection=0", "a number from 1"),
    ],
)
def test_assumptions_that_cannot_be(setting: str, said: str) -> None:
    with pytest.raises(AssumptionError, match=said):
        assumed([setting])


def test_settings_count_and_the_last_one_wins() -> None:
    assert assumed(["nat-gigabytes=1", "nat-gigabytes=2.5"])["nat-gigabytes"] == Decimal("2.5")
    assert costs("hello", "nat-gigabytes=120").total.minimum - costs("hello").total.minimum == Decimal("4.5")


# what a reader sees


def test_markdown_holds_every_line_and_survives_what_stands_in_a_name() -> None:
    found = costs("warehouse")
    text = report.markdown([found], "a|b <script> `x`", {})
    assert "a\\|b &lt;script&gt; \\`x\\`" in text
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert len(rows) == 1 + len(found.lines) + len({one.part for one in found.lines}) + 1
    assert "based on weak sources" in text and "Fargate Spot vCPU, x86\\*" in text


def test_data_is_json_with_every_line() -> None:
    found = report.data(costs("warehouse"))
    assert len(found["lines"]) == len(costs("warehouse").lines)
    assert found["monthly"]["minimum"] == pytest.approx(
        sum(one["monthly"]["minimum"] for one in found["lines"]), abs=0.01
    )
    change = report.data_of_change(costs("production"), costs("production-prod"))
    assert change["change"]["minimum"] == pytest.approx(
        change["after"]["monthly"]["minimum"] - change["before"]["monthly"]["minimum"]
    )


@pytest.mark.parametrize(
    ("amount", "signed", "text"),
    [
        ("0", False, "0.00"),
        ("0.001", False, "<0.01"),
        ("1234.565", False, "1,234.56"),
        ("-3", True, "-3.00"),
        ("3", True, "+3.00"),
        ("0", True, "0.00"),
    ],
)
def test_money(amount: str, signed: bool, text: str) -> None:
    assert report.money(Decimal(amount), signed) == text


def test_numbers() -> None:
    assert [number(Decimal(text)) for text in ("1000", "0.5", "14.250", "0.0004", "0")] == [
        "1,000",
        "0.5",
        "14.25",
        "0.0004",
        "0",
    ]


def test_the_how_to_is_true() -> None:
    page = (ROOT / "docs" / "how-to" / "cost-graph-access.md").read_text(encoding="utf-8")
    assert report.headline([costs("production-prod")], "examples/production.yml in prod") in page
    for name, one in assumptions().items():
        row = next(row for row in page.splitlines() if row.startswith("|") and f"`{name}`" in row)
        names, defaults = (cell.strip().split(", ") for cell in row.split("|")[1:3])
        assert Decimal(defaults[names.index(f"`{name}`")]) == one.default

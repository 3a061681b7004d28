"""The priorities of a hundred services at one load balancer, most of which want the number of another one."""

from __future__ import annotations

from typing import Any

from fsdcf.cloudformation.priorities import band_of
from fsdcf.deploy.model import Exit, Release
from tests.deploy.site import Site, site

ELB = "AWS::ElasticLoadBalancingV2"
EXPORT = "fsdcf-staging-PublicHttpListenerArn"
BAND = band_of(["shop.example.com"], [])


def environment() -> dict[str, Any]:
    """What the rules need of the environment's template."""
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    listener = {"LoadBalancerArn": {"Ref": "Balancer"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": answer}
    return {
        "Resources": {
            "Balancer": {"Type": f"{ELB}::LoadBalancer", "Properties": {"Subnets": ["subnet-1", "subnet-2"]}},
            "PublicHttpListener": {"Type": f"{ELB}::Listener", "Properties": listener},
        },
        "Outputs": {"PublicHttpListenerArn": {"Value": {"Ref": "PublicHttpListener"}, "Export": {"Name": EXPORT}}},
    }


def service(name: str, priority: int) -> dict[str, Any]:
    """What a listener needs of a service's template."""
    rule = {
        "ListenerArn": {"Fn::ImportValue": EXPORT},
        "Priority": {"Ref": "RulePriority"},
        "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": [f"{name}.example.com"]}}],
        "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}],
    }
    return {
        "Parameters": {"RulePriority": {"Type": "Number", "Default": priority}},
        "Resources": {
            "TargetGroup": {"Type": f"{ELB}::TargetGroup", "Properties": {"Port": 80, "VpcId": "vpc-1"}},
            "ListenerRule": {"Type": f"{ELB}::ListenerRule", "Properties": rule},
        },
    }


def run(made: Site, name: str, body: dict[str, Any]) -> Exit:
    made.forget()
    return made.run(Release(name, "staging", body, None, {})).exit


def test_a_hundred_services_find_a_priority_each() -> None:
    made = site(pace=0.05)
    assert run(made, "fsdcf", environment()) == Exit.DONE
    names = [f"s{number}" for number in range(100)]
    for number, name in enumerate(names):
        assert run(made, name, service(name, BAND.first + number % 7)) == Exit.DONE, name

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        return made.call(operation, "elbv2", **parameters)

    (listener,) = (one["Value"] for one in made.call("ListExports")["Exports"])
    *rules, last = call("DescribeRules", ListenerArn=listener)["Rules"]
    numbers = [int(one["Priority"]) for one in rules]
    assert numbers == list(range(BAND.first, BAND.first + 100)) and last["IsDefault"]
    hosts = {one["Actions"][0]["TargetGroupArn"]: one["Conditions"][0]["HostHeaderConfig"]["Values"] for one in rules}
    assert sorted(hosts.values()) == sorted([f"{name}.example.com"] for name in names), "each has a target group"
    assert run(made, "s100", service("s100", BAND.first)) == Exit.FAILED, "a load balancer has a hundred rules at most"

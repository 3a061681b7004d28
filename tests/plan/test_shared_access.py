"""Who may reach whom in an environment, and the security groups that a service has beside its own."""

from __future__ import annotations

import copy

from fsdcf.cloudformation.planned import PlannedStack, planned, planned_together
from fsdcf.plan.access import Access, connections, record, summary, verb, what, where, who
from tests.plan.shared import Template, environment, joined, own


def reach(stack: PlannedStack) -> dict[str, Access]:
    return {one.resources[0]: one for one in connections(stack) if one.kind == "network"}


def test_services_with_the_badge_and_the_balancer_reach_each_other_on_their_ports():
    stack = planned_together(
        {
            "staging": environment(balancers=("public", "internal")),
            "shop": joined("shop", ["shop.example.com"]),
            "users": joined("users"),
            "admin": joined("admin", ["admin.example.com"], balancer="internal"),
            "old": own("old"),
        }
    )
    found = reach(stack)
    every = {"shop/Service", "users/Service", "admin/Service"}
    assert set(found["users/Service"].principals) == every and found["users/Service"].actions == ("tcp 8000",)
    assert set(found["shop/Service"].principals) == {"staging/PublicLoadBalancer", *every}
    assert set(found["admin/Service"].principals) == {"staging/InternalLoadBalancer", *every}
    assert found["old/Service"].principals == ("old/LoadBalancer",), "its network is another one"
    assert found["staging/PublicLoadBalancer"].principals == ("anyone",)
    assert found["shop/Service"].holder.startswith("shop/TaskIngressFrom")
    assert not [one for one in connections(stack) if one.kind == "group"], "every group is at hand"


def test_a_balancer_reaches_only_what_its_egress_allows():
    narrow = environment()
    narrow["Resources"]["PublicLoadBalancerSecurityGroup"]["Properties"]["SecurityGroupEgress"][0] |= {
        "IpProtocol": "tcp",
        "FromPort": 9000,
        "ToPort": 9000,
    }
    stack = planned_together({"staging": narrow, "shop": joined("shop", ["shop.example.com"])})
    assert reach(stack)["shop/Service"].principals == ("shop/Service",)


def with_group(*groups: object) -> Template:
    template = copy.deepcopy(own("shop"))
    network = template["Resources"]["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    network["SecurityGroups"] += groups
    return template


def test_further_groups_and_the_badge_are_rows_of_their_own():
    stack = planned(with_group("sg-0123456789abcdef0", {"Fn::ImportValue": "fsdcf-staging-ServicesSecurityGroupId"}))
    rows = [one for one in connections(stack) if one.kind == "group"]
    assert [one.resources for one in rows] == [
        ("sg-0123456789abcdef0",),
        ("${import:fsdcf-staging-ServicesSecurityGroupId}",),
    ]
    row = rows[0]
    assert (who(row), verb(row), where(row)) == ("Service", "is in", "sg-0123456789abcdef0")
    assert "not in the template" in what(row) and not row.broad and row.levels == ()
    assert row.path == ("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups", 1)
    assert summary(rows).endswith("in 2 security groups from outside")
    assert record(row)["kind"] == "group" and record(row)["resources"] == ["sg-0123456789abcdef0"]


def test_a_service_alone_names_the_imported_groups_that_reach_it():
    (row,) = reach(planned(joined("shop", ["shop.example.com"]))).values()
    assert row.principals == (
        "${import:fsdcf-staging-PublicLoadBalancerSecurityGroupId}",
        "${import:fsdcf-staging-ServicesSecurityGroupId}",
    )

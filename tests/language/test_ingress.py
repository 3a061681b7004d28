"""The sources that may connect to a load balancer, in as few rules as they need, and never from other addresses."""

from __future__ import annotations

from ipaddress import collapse_addresses, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.language.ingress import MOST_RULES, ingress, is_range, rule_count
from fsdcf.language.model.service import LoadBalancer
from tests.conftest import HELLO, Compile

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
NEIGHBOURS = tuple(f"198.51.{number}.0/24" for number in range(40))
APART = tuple(f"{number}.1.0.0/16" for number in range(1, 101))


def balancer(*allowed: str, tls: bool = True, internal: bool = False) -> LoadBalancer:
    return LoadBalancer(allow_cidrs=allowed, certificate_arn=CERTIFICATE if tls else None, internal=internal)


def spec(allowed: object, more: str = "") -> str:
    return (
        HELLO + f"  networking:\n{more}    loadBalancer: {{certificateArn: '{CERTIFICATE}', allowCidrs: {allowed}}}\n"
    )


def test_few_sources_are_as_written_for_both_ports() -> None:
    assert ingress(balancer("203.0.113.0/24", "198.51.100.7/32")) == (
        ((80, "198.51.100.7/32"), (80, "203.0.113.0/24"), (443, "198.51.100.7/32"), (443, "203.0.113.0/24")),
        (),
    )
    assert ingress(balancer(tls=False)) == (((80, "0.0.0.0/0"),), ())
    assert [source for _, source in ingress(balancer(tls=False, internal=True))[0]] == [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ]


def test_the_redirect_admits_the_same_addresses_by_fewer_ranges() -> None:
    together, apart = ingress(balancer(*NEIGHBOURS))
    assert not apart and rule_count(together) == 42
    assert [source for port, source in together if port == 443] == sorted(NEIGHBOURS)
    assert [source for port, source in together if port == 80] == ["198.51.0.0/19", "198.51.32.0/21"]


def test_the_redirect_has_a_group_of_its_own_where_both_do_not_fit() -> None:
    assert ingress(balancer(*APART[:30]))[1] == ()
    serving, redirecting = ingress(balancer(*APART[:31]))
    assert {port for port, _ in serving} == {443} and {port for port, _ in redirecting} == {80}
    assert rule_count(serving) == rule_count(redirecting) == 31
    listed = ingress(balancer("pl-3b927c52"))
    assert listed == (((443, "pl-3b927c52"),), ((80, "pl-3b927c52"),)), "its entries may fill a group"
    assert ingress(balancer("pl-3b927c52", tls=False)) == (((80, "pl-3b927c52"),), ())


def test_ranges_of_the_serving_port_are_merged_only_if_there_are_too_many() -> None:
    many = tuple(f"10.0.{number}.0/24" for number in range(128))
    (rules, apart), (plain, _) = ingress(balancer(*many)), ingress(balancer(*many, tls=False))
    assert rules == ((80, "10.0.0.0/17"), (443, "10.0.0.0/17")) and not apart
    assert plain == ((80, "10.0.0.0/17"),)


def test_ipv4_and_ipv6_count_apart_and_a_group_counts_for_both() -> None:
    ipv6 = tuple(f"2001:db8:{number:x}::/48" for number in range(0, 120, 2))
    assert rule_count(tuple((443, one) for one in (*APART[:60], *ipv6))) == 60
    assert rule_count(((443, "sg-0123456789abcdef0"), *((443, one) for one in APART[:60]))) == 61
    assert ingress(balancer("2001:DB8::/32", "2001:db8::/32"))[0] == ((80, "2001:db8::/32"), (443, "2001:db8::/32"))


RANGES = st.builds(
    lambda address, length: str(ip_network((address, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)
DENSE = st.integers(0, 255).map(lambda number: f"198.51.{number}.0/24")


@given(st.lists(RANGES | DENSE, min_size=1, max_size=90, unique=True), st.booleans())
def test_each_port_admits_exactly_what_is_written(allowed: list[str], tls: bool) -> None:
    wanted = list(collapse_addresses(map(ip_network, allowed)))  # type: ignore[type-var]
    groups = ingress(balancer(*allowed, tls=tls))
    for port in (80, 443) if tls else (80,):
        admitted = [ip_network(source) for rules in groups for number, source in rules if number == port]
        assert list(collapse_addresses(admitted)) == wanted  # type: ignore[type-var]
        assert len(admitted) == len(set(admitted))
    if len(wanted) <= MOST_RULES:
        assert max(map(rule_count, groups)) <= MOST_RULES


@pytest.mark.parametrize(("count", "codes"), [(60, []), (61, ["S250"]), (100, ["S250"])])
def test_more_sources_than_a_group_takes_are_a_finding(compiled: Compile, count: int, codes: list[str]) -> None:
    result = compiled(spec(list(APART[:count])))
    assert [one.code for one in result.diagnostics if one.code.startswith("S")] == codes
    if codes:
        (one,) = (one for one in result.diagnostics if one.code == "S250")
        assert str(count) in one.message and "pl-" in one.hint
    else:
        groups = [one for name, one in result.template.data["Resources"].items() if "LoadBalancer" in name]
        egress = [
            one["Properties"]["SecurityGroupEgress"] for one in groups if one["Type"] == "AWS::EC2::SecurityGroup"
        ]
        assert len(egress) == 2 and all(rules[0]["CidrIp"] == "127.0.0.1/32" for rules in egress)


def test_prefix_lists_and_security_groups(compiled: Compile) -> None:
    vpc = (
        "    vpc: {id: vpc-0123456789abcdef0, privateSubnets: [subnet-0a1b2c3d4e5f60718],"
        " publicSubnets: [subnet-0c1b2c3d4e5f60718, subnet-0d2c3d4e5f6071829]}\n"
    )
    allowed = ["pl-3b927c52", "sg-0123456789abcdef0", "2001:db8::/32", "203.0.113.0/24"]
    result = compiled(spec(allowed, vpc))
    assert result.template is not None
    resources = result.template.data["Resources"]
    assert [one.code for one in result.diagnostics] == ["W120"], "the balancer has IPv4 addresses only"
    groups = ["LoadBalancerSecurityGroup", "LoadBalancerRedirectSecurityGroup"]
    assert resources["LoadBalancer"]["Properties"]["SecurityGroups"] == [{"Ref": name} for name in groups]
    for name, port in zip(groups, (443, 80), strict=True):
        rules = resources[name]["Properties"]["SecurityGroupIngress"]
        assert {rule["FromPort"] for rule in rules} == {port}
        admitted = [key for rule in rules for key in rule if key.startswith(("Cidr", "Source"))]
        assert admitted == ["CidrIpv6", "CidrIp", "SourcePrefixListId", "SourceSecurityGroupId"]


def test_a_new_vpc_has_no_groups_of_others(compiled: Compile) -> None:
    result = compiled(spec(["sg-0123456789abcdef0"]))
    assert [one.code for one in result.diagnostics] == ["S251"]
    for wrong in ("pl-xyz", "sg-1", "10.0.0.0", "everyone"):
        assert [one.code for one in compiled(spec([wrong])).diagnostics] == ["S105"]
    assert is_range("10.0.0.0/8") and not is_range("pl-3b927c52")

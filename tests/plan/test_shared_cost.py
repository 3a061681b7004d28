"""The cost of an environment and of the services that share it: each part once, and divided among them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fsdcf.cloudformation.pricing import Range
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import Estimate, are_linked, estimate, estimates_of
from fsdcf.plan.cost.prices import assumed, shipped
from tests.plan.shared import Template, environment, joined, own

HOUR = 730
BALANCER = Decimal("0.0225") * HOUR + 2 * Decimal("0.005") * HOUR
"""A public load balancer in two zones, without requests."""
NETWORK = (Decimal("0.045") + Decimal("0.005")) * HOUR + Decimal("0.50")
"""A NAT gateway with its address, and the zone of the namespace."""
REQUESTS = Decimal("0.36") * HOUR * Decimal("0.008") + Decimal(10 * 8 * HOUR * 3600) / 10**6 * Decimal("0.09")
"""Ten requests a second: 0.36 GB an hour, and 8 kB of each leave."""
TRAFFIC = 20 * Decimal("0.045")
"""20 GB through NAT."""


def costs(around: dict[str, Template] | None = None, **templates: Template) -> dict[str, Estimate]:
    return estimates_of(templates, shipped(), assumed(), around=around or {})


def alone(template: Template) -> Decimal:
    return estimate(template, shipped(), assumed()).total.minimum


def public(name: str) -> Template:
    return joined(name, [f"{name}.example.com"])


def test_an_environment_alone_costs_its_parts_without_requests_and_traffic():
    (found,) = costs(staging=environment()).values()
    assert found.total == Range.of(BALANCER + NETWORK)
    named = {"Requests at PublicLoadBalancer", "Traffic through NAT"}
    assert named <= {one.name for one in found.unpriced}
    assert found.sharers == 0 and found.shared == ()


def test_shared_parts_are_counted_once_and_divided_equally():
    found = costs(
        staging=environment(balancers=("public", "internal")),
        shop=public("shop"),
        admin=joined("admin", ["admin.example.com"], balancer="internal"),
        users=joined("users"),
    )
    shared, shop = found["staging"], found["shop"]
    internal = Decimal("0.0225") * HOUR + Decimal("0.36") * HOUR * Decimal("0.008")
    assert shared.total.minimum == BALANCER + REQUESTS + internal + NETWORK + 3 * TRAFFIC
    assert shared.sharers == 3
    assert [found[name].shared for name in ("shop", "admin", "users")] == [("staging",)] * 3
    parts = sum(found[name].share.minimum for name in ("shop", "admin", "users"))
    assert round(parts, 9) == round(shared.total.minimum, 9)
    assert shop.total.minimum == alone(public("shop")), "the own cost of a service is the same, whoever is beside it"
    assert not {"The existing network", "Requests at PublicLoadBalancer"} & {one.name for one in shop.unpriced}


def test_requests_of_all_services_load_the_shared_balancer():
    few, many = (
        next(line for line in costs(staging=environment(), **shops)["staging"].lines if line.price.name == "alb.lcu")
        for shops in ({f"s{n}": public(f"s{n}") for n in range(count)} for count in (2, 50))
    )
    assert few.quantity == Range.of(2 * Decimal("0.36") * HOUR) and "of 2 services" in few.how
    assert "rule evaluations" not in few.how
    assert many.quantity == Range.of(Decimal(50 * 10 * (51 - 10)) / 1000 * HOUR) and "rule evaluations" in many.how


def test_a_service_alone_costs_what_it_adds():
    (found,) = costs(around={"environments/staging.yml": environment()}, shop=public("shop")).values()
    assert found.total.minimum == alone(public("shop")) + REQUESTS + TRAFFIC
    assert found.adds_to == ("environments/staging.yml",) and found.absent == ()
    (note,) = [one for one in report.notes(found) if "environments/staging.yml" in one]
    assert "is not" in note and "the part of each" in note


def test_a_service_without_its_environment_says_what_is_not_counted():
    (found,) = costs(shop=public("shop")).values()
    assert found.total.minimum == alone(public("shop"))
    assert "fsdcf-staging-VpcId" in found.absent
    assert any("fsdcf-staging is not counted" in note for note in report.notes(found))


def test_a_network_of_ones_own_costs_the_same_as_before_whatever_is_beside_it():
    found = costs(staging=environment(), shop=public("shop"), old=own("old"))
    assert found["old"].total.minimum == alone(own("old"))
    assert (found["old"].shared, found["staging"].sharers) == ((), 1)


@pytest.mark.parametrize("count", [1, 3])
def test_the_report_shows_each_part_and_the_total_once(count: int):
    templates = {"staging": environment(), **{f"s{n}": public(f"s{n}") for n in range(count)}}
    found = list(costs(**templates).values())
    rows = list(report.rows_by_spec(list(templates), found))
    (subtotal,) = [row for row in rows if row.name == "subtotal" and row.how]
    assert ("each" in subtotal.how) == (count > 1) and f"used by {count} service" in subtotal.how
    total = sum(one.total.minimum for one in found)
    assert rows[-1].minimum == report.money(total)
    assert [row.name for row in rows].count("with its part of what is shared") == count
    data = report.data_of_several(list(templates), found)
    assert data["monthly"]["minimum"] == pytest.approx(float(total), abs=1e-3)
    shares = [one["share"]["minimum"] for one in data["specs"][1:]]
    assert sum(shares) == pytest.approx(data["specs"][0]["monthly"]["minimum"], abs=1e-2)
    assert data["specs"][0]["sharedBy"] == count and data["specs"][1]["shares"] == ["staging"]
    assert "equal" in data["notes"][0]


def test_templates_are_linked_by_what_one_exports_and_the_other_imports():
    assert are_linked(environment(), public("shop")) and are_linked(public("shop"), environment())
    assert not are_linked(environment("prod"), public("shop"))

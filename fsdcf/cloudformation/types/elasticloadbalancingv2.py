"""Elastic Load Balancing: load balancers, listeners, rules and target groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.evaluation import Unknown
from fsdcf.cloudformation.planned import (
    PlannedResource,
    PlannedStack,
    items,
    items_by,
    mapping,
    mappings,
    target_of,
    template_of,
    text_of,
)
from fsdcf.cloudformation.pricing import (
    HOURS,
    MILLION,
    PRICE_LIST,
    SECONDS,
    CostItems,
    CostLine,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    number,
    price,
    times,
)
from fsdcf.cloudformation.priorities import is_kept
from fsdcf.cloudformation.references import section_of
from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types import (
    DeletionProtection,
    DeployPermissions,
    Managed,
    Part,
    Properties,
    ResourceType,
    Simulation,
    Updates,
)
from fsdcf.wording import counted

PART: Part = "ingress"
LISTENER, LISTENER_CERTIFICATE, LISTENER_RULE, LOAD_BALANCER, TARGET_GROUP = (
    f"AWS::ElasticLoadBalancingV2::{name}"
    for name in ("Listener", "ListenerCertificate", "ListenerRule", "LoadBalancer", "TargetGroup")
)

_NEW_CONNECTIONS, _ACTIVE_CONNECTIONS, _EVALUATIONS, _FREE_RULES = 25, 3000, 1000, 10
"""What one LCU holds: new connections a second, active ones a minute, and rule evaluations a second, of which the
first ten rules are free; it also holds one GB an hour. Source:
https://aws.amazon.com/elasticloadbalancing/pricing/"""

_ELB_PAGE = f"AWS's pricing page for Elastic Load Balancing, as transcribed by api-evangelist; {PRICE_LIST}"
_ARN = "arn:{partition}:elasticloadbalancing:{region}:{account}"


def _price_balancers(context: PricingContext, balancers: Resources) -> CostItems:
    """Load balancers by hour and by capacity units, and their responses to the internet."""
    for balancer in balancers:
        kind = balancer.text("Type", "application")
        if kind != "application":
            yield Unpriced(f"Load balancer {balancer.name}", f"no price for a {kind} load balancer", (balancer.name,))
            continue
        yield context.line("alb.hour", "Application load balancer", HOURS, f"1 × {HOURS} h", balancer)
        users = _users(context, balancer)
        if users:
            yield _capacity(context, balancer, users)
        else:
            why = "no service of these templates is behind it"
            yield Unpriced(f"Requests at {balancer.name}", why, (balancer.name,))
        if is_public(balancer):
            zones = len(subnets_of(balancer))
            how = f"{counted(zones, 'zone')} × {HOURS} h"
            yield context.line("ipv4.hour", "Public IPv4 addresses of the load balancer", zones * HOURS, how, balancer)
        if is_public(balancer) and users:
            rate, size = (context.assumed[name] for name in ("requests-per-second", "response-kilobytes"))
            how = times(users, f"{number(rate)} requests/s × {number(size)} kB")
            yield context.line(
                "transfer.out",
                "Responses to the internet",
                users * rate * size * SECONDS / MILLION,
                how,
                balancer,
                "requests-per-second",
                "response-kilobytes",
            )


def _users(context: PricingContext, balancer: PlannedResource) -> int:
    """How many services are behind a load balancer, each with the assumed requests."""
    balancers = balancers_by_group(context.stack)
    behind = {template_of(group) for group, names in balancers.items() if balancer.name in names}
    return max(len(behind), int("" in context.users))


def _capacity(context: PricingContext, balancer: PlannedResource, users: int) -> CostLine:
    """Capacity units: the largest of connections, active connections, bytes and rule evaluations."""
    names = (
        "requests-per-second",
        "requests-per-connection",
        "connection-seconds",
        "request-kilobytes",
        "response-kilobytes",
    )
    requests, per_connection, seconds, request, response = (context.assumed[name] for name in names)
    rate = users * requests
    new = rate / per_connection
    measures = {
        "new connections": new / _NEW_CONNECTIONS,
        "active connections": new * seconds / _ACTIVE_CONNECTIONS,
        "bytes": rate * (request + response) * 3600 / MILLION,
        "rule evaluations": rate * max(0, _most_rules(context.stack, balancer) - _FREE_RULES) / _EVALUATIONS,
    }
    largest = max(measures, key=lambda name: measures[name])
    served = f" of {users} services" if users > 1 else ""
    how = f"{number(measures[largest])} LCU, by {largest}{served}, × {HOURS} h"
    return context.line("alb.lcu", "Load balancer capacity", measures[largest] * HOURS, how, balancer, *names)


def _most_rules(stack: PlannedStack, balancer: PlannedResource) -> int:
    """How many rules a request may pass: those of the listener with the most rules, the default among them."""
    rules = [stack.named(one.get("ListenerArn"), LISTENER) for one in stack.of(LISTENER_RULE)]
    return max((rules.count(listener) + 1 for listener in listeners_of(stack, balancer)), default=0)


def is_public(balancer: PlannedResource) -> bool:
    """Whether a load balancer is internet-facing, as it is by default."""
    return balancer.text("Scheme", "internet-facing") == "internet-facing"


def subnets_of(balancer: PlannedResource) -> list[object]:
    """The subnets of a load balancer."""
    mapped = [one.get("SubnetId") for one in balancer.mappings("SubnetMappings")]
    return balancer.items("Subnets") or mapped


def log_bucket(balancer: PlannedResource) -> str | None:
    """The bucket of the template to which a load balancer writes its access logs."""
    attributes = items_by(balancer.get("LoadBalancerAttributes"), "Key")
    return target_of(attributes.get("access_logs.s3.bucket", {}).get("Value"))


def listeners_of(stack: PlannedStack, balancer: PlannedResource) -> Iterator[PlannedResource]:
    """The listeners of a load balancer."""
    return (one for one in stack.of(LISTENER) if one.target("LoadBalancerArn") == balancer.name)


class Forward(NamedTuple):
    """A target group to which a listener forwards requests, by default or by a rule, which is ``holder``.

    ``listener`` is the evaluated reference to it, ``balancer`` its load balancer; None if that is not in the stack.
    ``addresses`` are the hosts with their paths (``shop.example.com/cart``), ``narrowed`` whether the rule has other
    conditions, too.
    """

    group: str
    holder: str
    listener: Any
    balancer: str | None
    addresses: tuple[str, ...] = ()
    narrowed: bool = False


def forwards_of(stack: PlannedStack) -> Iterator[Forward]:
    """The target groups of all listeners and rules."""
    balancers = {one.name: one.target("LoadBalancerArn") for one in stack.of(LISTENER)}
    for listener in stack.of(LISTENER):
        for group in groups_of(listener.get("DefaultActions")):
            yield Forward(group, listener.name, Unknown(listener.name, None), balancers[listener.name])
    for rule in stack.of(LISTENER_RULE):
        conditions = rule.mappings("Conditions")
        hosts, paths = hosts_of(rule), _values(conditions, *_PATHS)
        addresses = [f"{host}{path if path != '/*' else ''}" for host in hosts or [""] for path in paths or [""]]
        narrowed = any(one.get("Field") not in (_HOSTS[0], _PATHS[0]) for one in conditions)
        balancer = balancers.get(rule.target("ListenerArn") or "")
        for group in groups_of(rule.get("Actions")):
            listener_arn, known = rule.get("ListenerArn"), tuple(filter(None, addresses))
            yield Forward(group, rule.name, listener_arn, balancer, known, narrowed)


def hosts_of(rule: PlannedResource) -> list[str]:
    """The hosts that a rule matches; without any, it is for every host."""
    return _values(rule.mappings("Conditions"), *_HOSTS)


_HOSTS, _PATHS = ("host-header", "HostHeaderConfig"), ("path-pattern", "PathPatternConfig")


def _values(conditions: list[Mapping[str, Any]], field: str, key: str) -> list[str]:
    """The values of a rule's conditions on a field, in both forms that a template can have."""
    matching = (one for one in conditions if one.get("Field") == field)
    written = (one.get("Values") or mapping(one.get(key)).get("Values") for one in matching)
    return [text_of(value) for values in written for value in items(values)]


class RulePriority(NamedTuple):
    """The priority of a rule at a listener that another stack exports; ``listener`` is the name of the export.

    ``priority`` is that of the template: the default of its ``parameter``, or a number that the author of the spec
    wrote, which has none.
    """

    listener: str
    priority: int
    parameter: str

    def kept(self, previous: Mapping[str, str]) -> int | None:
        """The priority that the rule has, by the previous values of parameters, if it keeps that one; else None."""
        number = previous.get(self.parameter, "")
        return int(number) if number.isdigit() and is_kept(int(number), self.priority) else None


def priorities_of(template: Mapping[str, Any]) -> Iterator[RulePriority]:
    """The priorities of the rules at listeners of other stacks."""
    declared = section_of(template, "Parameters")
    for rule in of_type(template, LISTENER_RULE):
        properties = mapping(rule.get("Properties"))
        written = properties.get("Priority")
        listener = mapping(properties.get("ListenerArn")).get("Fn::ImportValue")
        parameter = str(mapping(written).get("Ref") or "")
        priority = mapping(declared.get(parameter)).get("Default") if parameter else written
        if isinstance(listener, str) and isinstance(priority, int):
            yield RulePriority(listener, priority, parameter)


def groups_of(actions: Any) -> Iterator[str]:
    """The target groups to which actions forward, by logical ID."""
    for action in mappings(actions):
        weighted = items(mapping(action.get("ForwardConfig")).get("TargetGroups"))
        groups = (target_of(one.get("TargetGroupArn")) for one in (action, *map(mapping, weighted)))
        yield from filter(None, groups)


def balancers_by_group(stack: PlannedStack) -> Mapping[str, tuple[str, ...]]:
    """The load balancers in front of each target group, through listeners and their rules, by logical ID."""
    groups: dict[str, dict[str, None]] = {}
    for one in forwards_of(stack):
        if one.balancer is not None and one.balancer in stack.resources:
            groups.setdefault(one.group, {})[one.balancer] = None
    return {group: tuple(names) for group, names in groups.items()}


def _is_protected(properties: Properties) -> bool:
    attributes = {one.get("Key"): one.get("Value") for one in properties.get("LoadBalancerAttributes") or ()}
    return attributes.get("deletion_protection.enabled") in (True, "true")


def logs_requests(balancer: PlannedResource) -> bool:
    """Whether a load balancer writes access logs."""
    attributes = items_by(balancer.get("LoadBalancerAttributes"), "Key")
    return text_of(attributes.get("access_logs.s3.enabled", {}).get("Value")) == "true"


def _settings(property: str) -> Updates:
    """A list of settings in which one that the template no longer has keeps its value.

    Source: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/554
    """
    return Updates(kept={property: "Key"})


def _is_shifted(properties: Properties, template: Mapping[str, Any]) -> bool:
    """Whether ECS shifts the traffic of a service between two target groups.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html
    """
    written = (mapping(one).get("Properties") for one in mapping(template.get("Resources")).values())
    balancers = (one for properties in written for one in mappings(mapping(properties).get("LoadBalancers")))
    return any("AdvancedConfiguration" in one for one in balancers)


def _existing_balancers(stack: PlannedStack, rules: Resources) -> Iterator[Unpriced]:
    """What load balancers cost that exist already, by the ARN of a listener."""
    there = tuple(one.name for one in rules if ":listener/" in one.text("ListenerArn"))
    if there:
        yield Unpriced("The existing load balancer", "it is not in the template, with the requests to it", there)


_SHIFTED = (
    Managed(
        r"/(Default)?Actions/\d+/ForwardConfig/TargetGroups/\d+/Weight",
        "ECS shifts the traffic of a deployment between the target groups",
        _is_shifted,
    ),
)

_SECRET = re.compile(r"\{\{resolve:secretsmanager:(arn:(?:[^:]*:){5}[^:]*|[^:]*)")


def _sign_in_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """What a rule that signs users in refers to: the user pool, and the secret that CloudFormation reads by a dynamic
    reference. The ARN of a secret has six random characters at its end."""
    for action in mappings(properties.get("Actions")):
        pool = mapping(action.get("AuthenticateCognitoConfig")).get("UserPoolArn")
        if pool is not None:
            yield ("cognito-idp", "userpool"), text(pool)
        secret = _SECRET.match(text(mapping(action.get("AuthenticateOidcConfig")).get("ClientSecret")))
        if secret and secret[1].startswith("arn:"):
            yield ("secretsmanager", "GetSecretValue"), secret[1]
        elif secret:
            yield ("secretsmanager", "GetSecretValue"), arn("secretsmanager", f"secret:{secret[1]}-??????")


RECORDS = (
    ResourceType(
        LOAD_BALANCER,
        PricingRule(
            "ingress",
            _price_balancers,
            (
                price("alb.hour", "0.0225", "balancer-hour", _ELB_PAGE, "2026-09-20"),
                price("alb.lcu", "0.008", "LCU-hour", _ELB_PAGE, "2026-09-20"),
                price(
                    "transfer.out",
                    "0.09",
                    "GB",
                    PRICE_LIST,
                    "2026-11-24",
                    "first 10 TB of a month, after 100 GB free for an account",
                ),
            ),
            (
                assumption(
                    "requests-per-second",
                    "10",
                    "requests/s",
                    "to a service through a load balancer, on average over the month",
                ),
                assumption("request-kilobytes", "2", "kB", "size of a request"),
                assumption("response-kilobytes", "8", "kB", "size of a response"),
                assumption(
                    "requests-per-connection", "10", "requests", "that a client sends over one connection", minimum=1
                ),
                assumption("connection-seconds", "60", "s", "that a connection stays open"),
            ),
        ),
        Simulation(
            f"{_ARN}:loadbalancer/app/{{name}}/{{short}}",
            {
                "CanonicalHostedZoneID": "Z35SXDOTRQ7X7K",
                "DNSName": "{title}-{ten}.{region}.elb.{suffix}",
                "LoadBalancerFullName": "app/{title}/{last}",
                "LoadBalancerName": "{title}",
            },
            create=130.0,
            delete=9.0,
            longest_name=32,
            protection=DeletionProtection(
                _is_protected,
                "Load balancer '{id}' cannot be deleted because deletion protection is enabled",
                "ResourceConflict",
                "LoadBalancerAttributes",
            ),
        ),
        DeployPermissions(
            only_with={
                "Ipv4IpamPoolId": ("ec2:DescribeIpamPools", "elasticloadbalancing:ModifyIpPools"),
                "MinimumLoadBalancerCapacity": ("elasticloadbalancing:ModifyCapacityReservation",),
            },
            # Without them, the first load balancer of an account is refused.
            # Source: https://github.com/terraform-aws-modules/terraform-aws-eks/issues/900, and what AWS grants:
            # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ElasticLoadBalancingFullAccess.html
            more=tuple(
                f"ec2:Describe{kind}"
                for kind in ("AccountAttributes", "Addresses", "InternetGateways", "SecurityGroups", "Subnets", "Vpcs")
            ),
            linked_role="elasticloadbalancing.amazonaws.com",
        ),
        updates=_settings("LoadBalancerAttributes"),
        before_deletion=(
            "disable the deletion protection of the load balancer: deploy it with `deletionProtection: false`"
        ),
    ),
    ResourceType(
        LISTENER,
        "free",
        Simulation(f"{_ARN}:listener/app/{{balancer}}/{{short}}", create=3.0),
        DeployPermissions(only_with={"DefaultActions.AuthenticateCognitoConfig": ("cognito-idp:*",)}),
        updates=_settings("ListenerAttributes"),
        managed=_SHIFTED,
    ),
    ResourceType(
        TARGET_GROUP,
        "free",
        Simulation(
            f"{_ARN}:targetgroup/{{name}}/{{short}}",
            {"TargetGroupFullName": "targetgroup/{title}/{last}", "TargetGroupName": "{title}"},
            create=15.0,
            longest_name=32,
        ),
        DeployPermissions(only_with={"Targets": ("elasticloadbalancing:*egisterTargets",)}),
        updates=_settings("TargetGroupAttributes"),
        before_deletion="a target group can be deleted once no listener and no rule refers to it",
    ),
    ResourceType(
        LISTENER_RULE,
        "free",
        Simulation(f"{_ARN}:listener-rule/app/{{balancer}}/{{short}}", {"RuleArn": "{id}"}, create=3.0),
        DeployPermissions(
            only_with={
                "Actions.AuthenticateCognitoConfig": ("cognito-idp:*",),
                "Actions.AuthenticateOidcConfig.ClientSecret": ("secretsmanager:*",),
            },
            more=("secretsmanager:GetSecretValue",),
            arns=_sign_in_arns,
        ),
        managed=_SHIFTED,
        side_costs=_existing_balancers,
    ),
    ResourceType(
        LISTENER_CERTIFICATE,
        "free",
        Simulation(create=2.0),
        # Its schema has no handlers. Source: the actions of
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddListenerCertificates.html
        DeployPermissions(
            more=tuple(f"elasticloadbalancing:{verb}ListenerCertificates" for verb in ("Add", "Describe", "Remove"))
        ),
    ),
)

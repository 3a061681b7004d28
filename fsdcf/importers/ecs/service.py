"""A service definition: what it adds to the spec of its task definition.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

import re
from math import ceil

from fsdcf.importers.draft import Block
from fsdcf.importers.ecs.definition import TAG, enter_tag, task_in, text_at, whole_number
from fsdcf.importers.keys import Convert, SourceKey, Table
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, formal, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_number, put_true
from fsdcf.language.model.common import EC2_ID

TITLE = "an ECS service definition"

_BALANCER = "networking.loadBalancer"
_OWN_BALANCER = "the stack makes a load balancer and a target group: move the domain to it, then delete the old ones"
_OWN_CLUSTER = "the stack has a cluster of its own; services of an environment share one"
_ROLLING = "a new version replaces the old one task by task, and the circuit breaker rolls a failure back"
_VPC_ID = "aws ec2 describe-subnets --query 'Subnets[0].VpcId' --output text --subnet-ids"
_JOIN = "it needs the file of an environment: write `networking.shared: true`"


def _only(expected: str, other: str, to: str = "type") -> Convert:
    """A conversion of a text with one value that Fargate or the stack has anyway."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if re.fullmatch(expected, value.text.strip(), re.IGNORECASE):
            return formal("the stack does the same")
        return changed(other, to) if to else not_carried(other)

    return convert


def _never(reason: str, *off: str) -> Convert:
    """A conversion of what a spec cannot say, unless it is switched off by a key."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        for path in off:
            found = value.get(path)
            if found is not None and found.data in (False, "false"):
                return formal("it is disabled")
        return not_carried(reason)

    return convert


def _container(value: SourceValue, block: Block) -> KeyOutcome | None:
    task = task_in(block)
    if task.entry == task.main:
        return carried("port")
    block.put(f"{_BALANCER}.container", task.names[task.entry])
    return carried(f"{_BALANCER}.container")


def _container_port(value: SourceValue, block: Block) -> KeyOutcome | None:
    task = task_in(block)
    if value.number == task.ports.get(task.entry):
        return carried("port")
    taken = [block.get("port"), *(each.get("port") for each in block.get("sidecars") or ())]
    if not 0 < value.number < 65536 or taken[0] is not None or value.number in taken:
        raise UnfitError("must be a port of the container")
    task.ports[task.entry] = value.number
    block.put("port", value.number)
    return carried("port")


def put_subnets(value: SourceValue, block: Block) -> KeyOutcome | None:
    ids = value.words
    known = [each for each in ids if re.fullmatch(f"subnet-{EC2_ID}", each)]
    public = text_at(value.source.root_at(value.path[:-1]), "assignPublicIp") == "ENABLED"
    key = "publicSubnets" if public else "privateSubnets"
    if len(known) < len(ids) or not ids:
        return not_carried("they are not ids: the stack makes a VPC; `networking.vpc` names an existing one")
    listed = ", ".join(known)
    comment = f"A new VPC. To use the existing one: {{id: vpc-…, {key}: [{listed}]}}; its id:\n{_VPC_ID} {known[0]}"
    block.put("networking.vpc", True, comment)
    return not_carried(
        f"the stack makes a VPC; to use theirs, write `networking.vpc` with its id and `{key}`: the spec has a comment"
    )


def put_groups(value: SourceValue, block: Block) -> KeyOutcome | None:
    return not_carried("they belong to the existing VPC: with `networking.vpc`, write `networking.securityGroups`")


def put_public_ip(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text != "ENABLED":
        return formal("by default, tasks have no public address")
    block.put("networking.assignPublicIp", True)
    return carried("networking.assignPublicIp")


def put_providers(value: SourceValue, block: Block) -> KeyOutcome | None:
    shares = {text_at(each, "capacityProvider"): each for each in value.items()}
    on, spot = shares.get("FARGATE"), shares.get("FARGATE_SPOT")
    if set(shares) - {"FARGATE", "FARGATE_SPOT"}:
        return changed("the tasks run on Fargate", "type")
    weight = whole_number(spot.get("weight")) if spot is not None else 0
    if spot is None or (weight == 0 and on is not None):
        return formal("the tasks run on Fargate")
    plain = whole_number(on.get("weight")) or 0 if on is not None else 0
    base = min(max(whole_number(on.get("base")) or 0, 0), 100_000) if on is not None else 0
    if not plain and not base:
        block.put("resources.spot", True)
        return carried("resources.spot")
    share = min(max(round((weight or 1) / plain), 1), 1000) if plain else 1000
    block.put("resources.spot", ({"base": base} if base else {}) | {"weight": share})
    if plain and share * plain == weight and not whole_number(spot.get("base")):
        return carried("resources.spot")
    return changed("the nearest share of tasks for each on FARGATE", "resources.spot")


def _percent(low: int, high: int) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        configuration = value.source.root_at(value.path[:-1])
        count = whole_number(value.source.root_at(value.path[:-2]).get("desiredCount"))
        least = whole_number(configuration.get("minimumHealthyPercent"))
        most = whole_number(configuration.get("maximumPercent"))
        least, most = 100 if least is None else least, 200 if most is None else most
        count = max(1, 2 if count is None else count)
        if ceil(count * least / 100) >= count * most // 100:
            return not_carried(
                f"{least} % to {most} % of {count} leave no room to replace a task: 100 and 200 are kept"
            )
        return put_number(f"deployment.{value.name}", low, high)(value, block)

    return convert


def _breaker(name: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        block.put(f"deployment.circuitBreaker.{name}", value.flag)
        return None

    return convert


def _exec(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.flag and block.get("readonlyRootFilesystem"):
        return not_carried("ECS Exec does not work with a read-only root file system: choose one of them")
    return put_true("enableExecuteCommand")(value, block)


def _registries(value: SourceValue, block: Block) -> KeyOutcome | None:
    return not_carried(f"{_JOIN} and `networking.serviceDiscovery: true`")


def _connect(value: SourceValue, block: Block) -> KeyOutcome | None:
    enabled = value.get("enabled")
    if enabled is not None and not enabled.flag:
        return formal("it is disabled")
    services = value.get("services")
    first = services.items()[0] if services is not None and services.items() else None
    aliases = first.get("clientAliases") if first is not None else None
    alias = aliases.items()[0] if aliases is not None and aliases.items() else None
    name = text_at(alias, "dnsName") if alias is not None else ""
    name = name or (text_at(first, "discoveryName") if first is not None else "")
    port = whole_number(alias.get("port")) if alias is not None else None
    if first is None:
        return not_carried(f"{_JOIN}, and a dependency of type `service` for each service that it calls")
    if not re.fullmatch(r"[a-z0-9.-]{1,127}", name) or port is None:
        return not_carried(f"{_JOIN} and `networking.serviceConnect: true`")
    return not_carried(f"{_JOIN} and `networking.serviceConnect: {{alias: {name}, port: {port}}}`")


def _volume(value: SourceValue, block: Block) -> KeyOutcome | None:
    size = whole_number(value.get("managedEBSVolume.sizeInGiB")) or 20
    put = min(max(size + 20, 21), 200)
    block.put("resources.ephemeralStorage", put)
    return changed(f"both are lost with the task: its disk has {put} GiB", "resources.ephemeralStorage")


def _name(value: SourceValue, block: Block) -> KeyOutcome | None:
    same = value.text == block.draft.name
    return carried(".metadata.name") if same else changed("the stack gives the service a name", ".metadata.name")


_SET_BY_ECS = "ECS reports it"

SERVICE_DEFINITION = Table(
    TITLE,
    SourceKey("cluster", note=_OWN_CLUSTER, form=True),
    SourceKey("serviceName", ".metadata.name", convert=_name),
    SourceKey("service", note="it names the service to update", form=True),
    SourceKey("taskDefinition", note="the spec has the task definition", form=True),
    SourceKey(
        "availabilityZoneRebalancing",
        "deployment",
        convert=_only("ENABLED", "ECS balances the tasks over the zones, unless `maximumPercent` is 100", "deployment"),
    ),
    SourceKey("loadBalancers[].targetGroupArn", _BALANCER, _OWN_BALANCER, convert=lambda value, block: None),
    SourceKey("loadBalancers[].loadBalancerName", _BALANCER, _OWN_BALANCER, convert=lambda value, block: None),
    SourceKey("loadBalancers[].containerName", "port", convert=_container),
    SourceKey("loadBalancers[].containerPort", "port", convert=_container_port),
    SourceKey("loadBalancers[].advancedConfiguration", note=_ROLLING),
    SourceKey("serviceRegistries", convert=_registries),
    SourceKey("desiredCount", "resources.desiredCount", convert=put_number("resources.desiredCount", 0, 5000)),
    SourceKey("clientToken", note="an option of the request", form=True),
    SourceKey("forceNewDeployment", note="an option of the request", form=True),
    SourceKey("launchType", "type", convert=_only("FARGATE", "the tasks run on Fargate")),
    SourceKey("capacityProviderStrategy", "resources.spot", convert=put_providers),
    SourceKey("platformVersion", "type", convert=_only(r"LATEST|1\.4\.0", "the platform version is the latest one")),
    SourceKey("role", note="ECS uses its service-linked role", form=True),
    SourceKey(
        "deploymentConfiguration.deploymentCircuitBreaker.enable",
        "deployment.circuitBreaker.enabled",
        convert=_breaker("enabled"),
    ),
    SourceKey(
        "deploymentConfiguration.deploymentCircuitBreaker.rollback",
        "deployment.circuitBreaker.rollback",
        convert=_breaker("rollback"),
    ),
    *(
        SourceKey(
            f"deploymentConfiguration.deploymentCircuitBreaker.{name}", note="ECS decides when a deployment fails"
        )
        for name in ("resetOnHealthyTask", "thresholdConfiguration")
    ),
    SourceKey("deploymentConfiguration.maximumPercent", "deployment.maximumPercent", convert=_percent(100, 200)),
    SourceKey(
        "deploymentConfiguration.minimumHealthyPercent", "deployment.minimumHealthyPercent", convert=_percent(0, 100)
    ),
    SourceKey(
        "deploymentConfiguration.alarms",
        convert=_never("`observability.alarms` notify, and `fsdcf rollback` deploys the earlier release", "enable"),
    ),
    SourceKey("deploymentConfiguration.strategy", convert=_only("ROLLING", _ROLLING, "")),
    SourceKey(
        "deploymentConfiguration.bakeTimeInMinutes",
        convert=lambda value, block: not_carried(_ROLLING) if value.number else formal("0 is the default"),
    ),
    *(
        SourceKey(f"deploymentConfiguration.{name}", note=_ROLLING)
        for name in ("lifecycleHooks", "linearConfiguration", "canaryConfiguration")
    ),
    SourceKey("deploymentConfiguration.earlySuccessCriteria", convert=_never(_ROLLING, "enable")),
    SourceKey("placementConstraints", note="Fargate places the tasks", form=True),
    SourceKey("placementStrategy", note="Fargate spreads the tasks over the zones", form=True),
    SourceKey("networkConfiguration.awsvpcConfiguration.subnets", convert=put_subnets),
    SourceKey("networkConfiguration.awsvpcConfiguration.securityGroups", convert=put_groups),
    SourceKey(
        "networkConfiguration.awsvpcConfiguration.assignPublicIp", "networking.assignPublicIp", convert=put_public_ip
    ),
    SourceKey(
        "healthCheckGracePeriodSeconds",
        "healthCheck.gracePeriod",
        convert=put_number("healthCheck.gracePeriod", 0, 2**31 - 1),
    ),
    SourceKey("schedulingStrategy", convert=_only("REPLICA", "Fargate has no hosts that could each run one task", "")),
    SourceKey("deploymentController.type", convert=_only("ECS", _ROLLING, "")),
    SourceKey("tags[]", table=TAG, enter=enter_tag),
    SourceKey(
        "enableECSManagedTags",
        ".metadata.tags",
        convert=lambda value, block: (
            formal("the stack enables it")
            if value.flag
            else changed("the tasks have the tags of ECS", ".metadata.tags")
        ),
    ),
    SourceKey(
        "propagateTags",
        ".metadata.tags",
        convert=_only("SERVICE", "the tasks have the tags of the service", ".metadata.tags"),
    ),
    SourceKey("enableExecuteCommand", "enableExecuteCommand", convert=_exec),
    SourceKey("serviceConnectConfiguration", "", convert=_connect),
    SourceKey("volumeConfigurations[]", "resources.ephemeralStorage", convert=_volume),
    SourceKey("vpcLatticeConfigurations", note="a spec has no VPC Lattice: an addon can make its target group"),
    SourceKey("gatewayConnectors", note="a spec has no gateways: `networking.loadBalancer` takes the requests"),
    SourceKey("monitoring", note="a spec has no metrics each 20 seconds: `overrides` of the service can set them"),
    *(
        SourceKey(name, note=_SET_BY_ECS, form=True)
        for name in (
            *("serviceArn", "clusterArn", "status", "runningCount", "pendingCount", "platformFamily", "taskSets"),
            *("deployments", "roleArn", "events", "createdAt", "createdBy", "resourceManagementType", "updatedAt"),
            *("currentServiceDeployment", "currentServiceRevisions"),
        )
    ),
)

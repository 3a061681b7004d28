"""ECS: clusters, task definitions and services, with the price of their tasks on Fargate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, named_by
from fsdcf.cloudformation.change import KNOWN_LATER
from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.planned import (
    PlannedResource,
    PlannedStack,
    items,
    items_by,
    mapping,
    mappings,
    target_of,
    text_of,
)
from fsdcf.cloudformation.pricing import (
    HOURS,
    NOTHING,
    CostItems,
    PricingContext,
    PricingRule,
    Range,
    Resources,
    Unpriced,
    assumption,
    at_least_zero,
    decimal,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    NEVER,
    DeployPermissions,
    ForeignType,
    Managed,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    Updates,
    scheduler,
    stepfunctions,
)
from fsdcf.cloudformation.types.applicationautoscaling import SCALABLE_TARGET, SCALING_POLICY, task_targets
from fsdcf.cloudformation.types.ec2 import NAT_GATEWAY, VPC
from fsdcf.wording import counted

PART: Part = "tasks"
CLUSTER, SERVICE, TASK_DEFINITION = (f"AWS::ECS::{name}" for name in ("Cluster", "Service", "TaskDefinition"))

_INCLUDED_STORAGE = 20
"""GB of ephemeral storage that every task has. Source: https://aws.amazon.com/fargate/pricing/"""

_CPU_UNITS = {"": 1, "vcpu": 1024}
_MEMORY_UNITS = {"": 1, "gb": 1024}

_FARGATE = "factualminds.com on Fargate and vantage.sh/blog/fargate-pricing"
_SPOT = "varies with supply, 50 to 70 percent below the price on demand; no dated AWS rate was available"
_SPOT_X86, _SPOT_ARM = "fortem.dev/fargate-spot and techoral.com", "the discount of x86 applied to ARM"
_PRICES = (
    price(
        "fargate.vcpu.x86",
        "0.04048",
        "vCPU-hour",
        f"{_FARGATE}; the AWS page for ECS gives 0.000011244 a second",
        "2026-09-20",
    ),
    price("fargate.memory.x86", "0.004445", "GB-hour", _FARGATE, "2026-06-17"),
    price("fargate.vcpu.arm64", "0.03238", "vCPU-hour", "vantage.sh/blog/fargate-pricing", "2026-06-17"),
    price("fargate.memory.arm64", "0.00356", "GB-hour", "vantage.sh/blog/fargate-pricing", "2026-06-17"),
    price("fargate-spot.vcpu.x86", "0.0125", "vCPU-hour", _SPOT_X86, "2026-06-01", _SPOT, weak=True),
    price("fargate-spot.memory.x86", "0.0013", "GB-hour", _SPOT_X86, "2026-06-01", _SPOT, weak=True),
    price("fargate-spot.vcpu.arm64", "0.0100", "vCPU-hour", _SPOT_ARM, "2026-06-01", _SPOT, weak=True),
    price("fargate-spot.memory.arm64", "0.0011", "GB-hour", _SPOT_ARM, "2026-06-01", _SPOT, weak=True),
    price(
        "fargate.storage",
        "0.000111",
        "GB-hour",
        "vantage.sh/blog/fargate-pricing and wring.co",
        "2026-03-10",
        "above the 20 GB that every task has",
    ),
)


def task_counts(stack: PlannedStack, service: PlannedResource) -> Range:
    """The minimum and maximum number of tasks: from auto scaling, else DesiredCount, else one, as ECS starts it."""
    for target in stack.of(SCALABLE_TARGET):
        if scales(target, service):
            low, high = (at_least_zero(target.get(key)) for key in ("MinCapacity", "MaxCapacity"))
            return Range(min(low, high), max(low, high))
    desired = decimal(service.get("DesiredCount"))
    return Range.of(1 if desired is None else max(desired, Decimal(0)))


def scales(target: PlannedResource, service: PlannedResource) -> bool:
    """Whether a scalable target scales a service: it refers to the service, or names it."""
    resource = target.get("ResourceId")
    if any(one.target == service.name for one in unknowns(resource)):
        return True
    name = service.get("ServiceName")
    return isinstance(name, str) and text_of(resource).endswith(f"/{name}")


def definition_of(stack: PlannedStack, service: PlannedResource | JobRuns) -> PlannedResource | None:
    """The task definition of a service, or of a job; None where it is not in the template."""
    if isinstance(service, JobRuns):
        return service.definition
    return stack.named(service.get("TaskDefinition"), TASK_DEFINITION)


class JobRuns(NamedTuple):
    """How the runs of a task definition are started that no service keeps running: by a schedule, by a state machine,
    by a schedule through one, or by a person alone. ``arguments`` are the members of RunTask, as far as they are known.
    """

    definition: PlannedResource
    arguments: Properties
    schedule: PlannedResource | None = None
    machine: PlannedResource | None = None

    @property
    def name(self) -> str:
        """The name of the task definition."""
        return self.definition.name

    def get(self, name: str) -> Any:
        """A member of RunTask; None where it is not known."""
        return self.arguments.get(name)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A member that is a structure; empty where it is not known."""
        return mapping(self.arguments.get(name))

    def items(self, name: str) -> list[Any]:
        """A member that is a list."""
        return items(self.arguments.get(name))

    def mappings(self, name: str) -> list[Mapping[str, Any]]:
        """A member that is a list of structures."""
        return mappings(self.arguments.get(name))


def runs_of(stack: PlannedStack) -> Iterator[JobRuns]:
    """The task definitions that no service keeps running, with what starts them; in a template with services, only
    those that something starts."""
    serving = {service.template for service in stack.of(SERVICE)}
    kept = {one.name for service in stack.of(SERVICE) if (one := definition_of(stack, service)) is not None}
    for definition in stack.of(TASK_DEFINITION):
        if definition.name in kept:
            continue
        started = {one.name: stepfunctions.run_arguments(one) for one in stack.of(stepfunctions.STATE_MACHINE)}
        own = (name for name, each in started.items() if target_of(each.get("TaskDefinition")) == definition.name)
        machine = stack.resources.get(next(own, ""))
        schedule, arguments = None, started.get(machine.name, {}) if machine else {}
        for one in stack.of(scheduler.SCHEDULE):
            direct = scheduler.run_arguments(one)
            if target_of(direct.get("TaskDefinition")) == definition.name:
                schedule, arguments = one, direct
            elif machine is not None and target_of(one.mapping("Target").get("Arn")) == machine.name:
                schedule = one
        if machine or schedule or definition.template not in serving:
            yield JobRuns(definition, arguments, schedule, machine)


def containers_of(definition: PlannedResource | None) -> list[Mapping[str, Any]]:
    """The containers of a task definition."""
    return definition.mappings("ContainerDefinitions") if definition else []


def main_container(containers: Iterable[Mapping[str, Any]], service: str = "") -> Mapping[str, Any] | None:
    """Return the main container of a template's task definition, of one in ECS, or of a task; None if there is none.

    fsdcf names it after the service, and writes it first. In other task definitions it is the first essential
    container. ``service`` may also be the family, which begins with the name: of several, the longest name counts.
    """
    known = list(containers)
    names = {text_of(item.get("Name") or item.get("name")): item for item in known}
    named = [name for name in names if name and f"{service}-".startswith(f"{name}-")]
    essential = (item for item in known if item.get("Essential", item.get("essential", True)))
    return names[max(named, key=len)] if named else next(essential, None)


def logs_to_cloudwatch(container: Mapping[str, Any]) -> bool:
    """Whether a container of a template writes its output to CloudWatch Logs."""
    return mapping(container.get("LogConfiguration")).get("LogDriver") == "awslogs"


def docker_platform(architecture: str) -> str:
    """Docker's name of the CPU architecture of a task (``ARM64``)."""
    return "linux/arm64" if architecture.upper() == "ARM64" else "linux/amd64"


def exporters_of(definition: PlannedResource | None) -> Mapping[str, Mapping[str, Any]] | None:
    """The exporters of a task's OpenTelemetry collector by name, with their settings; empty without a collector.

    None where there is one whose configuration is not JSON in the variable that the collector of AWS reads.
    Source: https://aws-otel.github.io/docs/setup/ecs/config-through-ssm
    """
    containers = [one for one in containers_of(definition) if "otel" in text_of(one.get("Image"))]
    variables = [one for container in containers for one in mappings(container.get("Environment"))]
    texts = [text_of(one.get("Value")) for one in variables if one.get("Name") == "AOT_CONFIG_CONTENT"]
    try:
        settings = mapping(json.loads(texts[0])) if texts else {}
    except ValueError:
        settings = {}
    if containers and not settings:
        return None
    return {name: mapping(one) for name, one in mapping(settings.get("exporters")).items()}


def size_of(definition: PlannedResource) -> tuple[Decimal, Decimal] | None:
    """vCPU and GB of a task; None where the definition has no size. ``512``, ``.5 vCPU`` and ``1 GB`` are all allowed.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
    """
    cpu = _measured(definition.get("Cpu"), _CPU_UNITS)
    memory = _measured(definition.get("Memory"), _MEMORY_UNITS)
    return None if cpu is None or memory is None else (cpu / 1024, memory / 1024)


def _measured(value: Any, units: Mapping[str, int]) -> Decimal | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", text_of(value).strip().lower())
    factor = units.get(match[2]) if match else None
    return None if match is None or factor is None else Decimal(match[1]) * factor


def spot_shares(strategy: list[Any], tasks: Decimal) -> tuple[Decimal, Decimal]:
    """How many tasks run on demand and on Spot: the base first, the rest by weight. ECS rounds the fractions.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
    """
    providers = [
        (
            one.get("CapacityProvider") == "FARGATE_SPOT",
            decimal(one.get("Base")) or Decimal(0),
            decimal(one.get("Weight")) or Decimal(0),
        )
        for one in mappings(strategy)
    ]
    shares, left = {True: Decimal(0), False: Decimal(0)}, tasks
    for is_spot, base, _ in providers:
        first = min(left, base)
        left -= first
        shares[is_spot] += first
    total = sum(weight for *_, weight in providers)
    if not total:
        return shares[False] + left, shares[True]
    for is_spot, _, weight in providers:
        shares[is_spot] += left * weight / total
    return shares[False], shares[True]


def _price_services(context: PricingContext, services: Resources) -> CostItems:
    """The tasks of services: Fargate by size, architecture and capacity provider, their storage and public
    addresses."""
    for service in services:
        definition = definition_of(context.stack, service)
        why = _not_priced(service, definition)
        size = size_of(definition) if definition is not None else None
        if definition is None or size is None or why:
            yield Unpriced(f"Tasks of {service.name}", why, (service.name,))
            continue
        tasks = task_counts(context.stack, service)
        yield from _capacity(context, service, definition, tasks, size)
        extra = at_least_zero(definition.mapping("EphemeralStorage").get("SizeInGiB")) - _INCLUDED_STORAGE
        if extra > 0:
            how = f"{counted(tasks, 'task')} × {extra} GB above {_INCLUDED_STORAGE} × {HOURS} h"
            yield context.line("fargate.storage", "Ephemeral storage", tasks.times(extra * HOURS), how, service)
        if network_of(service).get("AssignPublicIp") == "ENABLED":
            how = f"{counted(tasks, 'task')} × {HOURS} h"
            yield context.line("ipv4.hour", "Public IPv4 addresses of tasks", tasks.times(HOURS), how, service)


class Endpoint(NamedTuple):
    """The endpoint of a service in Service Connect: its port in the task definition, and where others call it."""

    port_name: str
    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def uses_connect(service: PlannedResource | JobRuns) -> bool:
    """Whether the tasks of a service have the proxy of Service Connect."""
    return text_of(service.mapping("ServiceConnectConfiguration").get("Enabled")).lower() == "true"


def endpoints_of(service: PlannedResource) -> dict[str, Endpoint]:
    """The endpoints of a service in Service Connect, by their names in Cloud Map."""
    found = {}
    settings = service.mapping("ServiceConnectConfiguration") if uses_connect(service) else {}
    for one in mappings(settings.get("Services")):
        name = text_of(one.get("PortName"))
        alias = next(iter(mappings(one.get("ClientAliases"))), {})
        discovery = text_of(one.get("DiscoveryName")) or name
        host = text_of(alias.get("DnsName")) or discovery
        found[discovery] = Endpoint(name, host, text_of(alias.get("Port")))
    return found


def protocols_of(definition: PlannedResource | None) -> dict[str, str]:
    """The protocols of the named ports of a task definition; TCP where none is named."""
    ports = (port for container in containers_of(definition) for port in mappings(container.get("PortMappings")))
    return {text_of(port["Name"]): text_of(port.get("AppProtocol")) or "tcp" for port in ports if port.get("Name")}


def network_of(service: PlannedResource | JobRuns) -> Mapping[str, Any]:
    """The awsvpc configuration of a service, or of the runs of a job."""
    return mapping(service.mapping("NetworkConfiguration").get("AwsvpcConfiguration"))


def _not_priced(service: PlannedResource | JobRuns, definition: PlannedResource | None) -> str:
    """Why the tasks of a service have no price; empty where they have one."""
    if definition is None:
        return "its task definition is not in the template"
    if size_of(definition) is None:
        return "its task definition gives no size"
    system = text_of(definition.mapping("RuntimePlatform").get("OperatingSystemFamily") or "LINUX")
    launch = text_of(service.get("LaunchType")) or "FARGATE"
    strategy = service.mappings("CapacityProviderStrategy")
    providers = [text_of(one.get("CapacityProvider")) for one in strategy]
    foreign = [name for name in providers if not name.startswith("FARGATE")]
    platforms = [one for one in (system, launch) if one not in ("LINUX", "FARGATE")] + foreign
    return f"no price for tasks on {platforms[0]}" if platforms else ""


_MINUTES, _RUNS = "job-minutes", "job-runs-per-month"
"""The assumptions about the runs of a job."""


def task_share(context: PricingContext, runs: JobRuns) -> Decimal | None:
    """The part of a month in which a task of a job runs: 1 is always; None if its schedule is unknown."""
    times = scheduler.runs_a_month(runs.schedule) if runs.schedule else context.assumed[_RUNS]
    return None if times is None else times * context.assumed[_MINUTES] / 60 / HOURS


def _price_runs(context: PricingContext, definitions: Resources) -> CostItems:
    """The tasks of jobs: the hours of the runs of a month. What a service keeps running is priced with that."""
    minutes = context.assumed[_MINUTES]
    for runs in runs_of(context.stack):
        if runs.definition not in definitions:
            continue
        why, size = _not_priced(runs, runs.definition), size_of(runs.definition)
        times = scheduler.runs_a_month(runs.schedule) if runs.schedule else context.assumed[_RUNS]
        if size is None or why or times is None:
            yield Unpriced(f"Runs of {runs.definition.name}", why or "its schedule is unknown", (runs.definition.name,))
            continue
        if not times:
            reason = "the schedule starts none, or a single one"
            yield Unpriced(f"Runs of {runs.definition.name}", reason, (runs.definition.name,))
            continue
        said = (_MINUTES,) if runs.schedule else (_MINUTES, _RUNS)
        hours = times * minutes / 60
        of = f"{number(times)} runs × {number(minutes)} min"
        yield from _capacity(context, runs, runs.definition, Range.of(1), size, hours, of, *said)
        extra = at_least_zero(runs.definition.mapping("EphemeralStorage").get("SizeInGiB")) - _INCLUDED_STORAGE
        if extra > 0:
            how = f"{of} × {extra} GB above {_INCLUDED_STORAGE}"
            yield context.line("fargate.storage", "Ephemeral storage", extra * hours, how, runs.definition, *said)
        if network_of(runs).get("AssignPublicIp") == "ENABLED":
            yield context.line("ipv4.hour", "Public IPv4 addresses of tasks", hours, of, runs.definition, *said)


def _capacity(
    context: PricingContext,
    service: PlannedResource | JobRuns,
    definition: PlannedResource,
    tasks: Range,
    size: tuple[Decimal, Decimal],
    hours: Decimal = HOURS,
    runs: str = "",
    *assumptions: str,
) -> CostItems:
    """``hours`` of a month for which each task runs, and ``runs`` what these are made of."""
    is_arm = definition.mapping("RuntimePlatform").get("CpuArchitecture") == "ARM64"
    chip, label = ("arm64", "ARM") if is_arm else ("x86", "x86")
    strategy = service.items("CapacityProviderStrategy")
    owner = service if isinstance(service, PlannedResource) else definition
    low, high = spot_shares(strategy, tasks.minimum), spot_shares(strategy, tasks.maximum)
    for index, (kind, title) in enumerate((("fargate", "Fargate"), ("fargate-spot", "Fargate Spot"))):
        running = Range(low[index], high[index])
        if running == NOTHING and (index or strategy):
            continue
        for measure, word, unit, amount in (("vcpu", "vCPU", "vCPU", size[0]), ("memory", "memory", "GB", size[1])):
            how = f"{counted(running, 'task')} × {Range.of(amount)} {unit} × {HOURS} h"
            how = f"{runs} × {Range.of(amount)} {unit}" if runs else how
            quantity = running.times(amount * hours)
            line = f"{kind}.{measure}.{chip}", f"{title} {word}, {label}"
            yield context.line(*line, quantity, how, owner, *assumptions)


def session_log(cluster: PlannedResource) -> Any:
    """The log group in which a cluster records sessions of ECS Exec, as a value; None if it records none."""
    configuration = mapping(cluster.mapping("Configuration").get("ExecuteCommandConfiguration"))
    if configuration.get("Logging") != "OVERRIDE":
        return None
    return mapping(configuration.get("LogConfiguration")).get("CloudWatchLogGroupName")


def _without_insights(before: Any, after: Any) -> Refusal | None:
    """A setting of a cluster can change, and not go.

    Source: https://github.com/aws/aws-cdk/issues/9149
    """
    was, now = (any(one.get("Name") == "containerInsights" for one in mappings(side)) for side in (before, after))
    if not was or now:
        return None
    why = "the setting containerInsights leaves the template, and ECS changes it, but does not remove it"
    reason = "Settings can only be modified, not removed. Required Settings: [containerInsights]"
    return Refusal(why, "write `containerInsights: disabled` to switch it off", reason)


def _cluster_side_costs(stack: PlannedStack, clusters: Resources) -> Iterator[Unpriced]:
    for cluster in clusters:
        settings = cluster.mappings("ClusterSettings")
        if any(one.get("Name") == "containerInsights" and one.get("Value") != "disabled" for one in settings):
            why = "its metrics and logs depend on the tasks' number and churn"
            yield Unpriced("Container Insights", why, (cluster.name,))


def _service_side_costs(stack: PlannedStack, services: Resources) -> Iterator[Unpriced]:
    """What running services cost beside their resources."""
    yield Unpriced("Images in ECR", "the repository is not in the template")
    yield Unpriced("Traffic between zones", "it depends on where tasks, NAT gateways and data are")
    yield Unpriced("Deployments and one-off tasks", "old and new tasks run side by side for some minutes")
    if not any(stack.of(VPC)):
        yield Unpriced("The existing network", "its NAT gateways and endpoints are not in the template")
    online = [one for one in services if _reaches_internet(stack, one)]
    if online:
        why = "it depends on what they send; what the load balancer answers is counted"
        yield Unpriced("Traffic of the tasks to the internet", why, tuple(one.name for one in online))
    for one in services:
        yield from _telemetry_side_costs(exporters_of(definition_of(stack, one)), one.name)
    containers = {one.name: containers_of(definition_of(stack, one)) for one in services}
    sent = tuple(
        name
        for name, all in containers.items()
        if any(one.get("LogConfiguration") and not logs_to_cloudwatch(one) for one in all)
    )
    if sent:
        yield Unpriced("Logs that are sent elsewhere", "their receiver bills them", sent)
    secret = tuple(name for name, all in containers.items() if any(map(_reads_secrets, all)))
    if secret:
        yield Unpriced("Secrets and parameters that the tasks read", "they are not in the template", secret)


def _reads_secrets(container: Mapping[str, Any]) -> bool:
    return bool(container.get("Secrets") or container.get("RepositoryCredentials"))


def _reaches_internet(stack: PlannedStack, service: PlannedResource) -> bool:
    """Whether tasks have a public address, or a NAT gateway; in a network outside the template they may have one."""
    return (
        network_of(service).get("AssignPublicIp") == "ENABLED" or any(stack.of(NAT_GATEWAY)) or not any(stack.of(VPC))
    )


def _telemetry_side_costs(exporters: Mapping[str, Mapping[str, Any]] | None, service: str) -> Iterator[Unpriced]:
    """What a collector sends, unless it selects the metrics: those have a price."""
    if exporters is None:
        why = "the configuration of the collector is not in the template"
        yield Unpriced("Custom metrics and traces", why, (service,))
        return
    for name, settings in exporters.items():
        kind = name.partition("/")[0]
        if kind == "awsemf" and not settings.get("metric_declarations"):
            why = "each series that the service exposes is a metric, because the collector selects none"
            yield Unpriced("Custom metrics", why, (service,))
        elif kind == "awsxray":
            yield Unpriced("Traces in X-Ray", "their number depends on the requests and the sampling", (service,))
        elif kind != "awsemf":
            yield Unpriced(
                f"Telemetry to {text_of(settings.get('endpoint')) or name}", "its receiver bills it", (service,)
            )


def _service_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """The service with its deployments, tasks, and the alarms of its target tracking, which contain its name.

    Source: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
    """
    name = stack.name_of("ServiceName", logical_id, properties)
    own = stack.resources(CLUSTER).items()
    for cluster in [stack.name_of("ClusterName", id, one) for id, one in own] or stack.clusters or ["*"]:
        yield ("ecs", "service"), arn("ecs", f"service/{cluster}/{name}")
        yield ("ecs", "service-deployment"), arn("ecs", f"service-deployment/{cluster}/{name}/*")
        yield ("ecs", "service-revision"), arn("ecs", f"service-revision/{cluster}/{name}/*")
        yield ("ecs", "task"), arn("ecs", f"task/{cluster}/*")
        if stack.resources(SCALING_POLICY):
            alarms = f"alarm:TargetTracking-service/{cluster}/{name.rstrip('*')}*"
            yield ("cloudwatch", "alarm"), arn("cloudwatch", alarms)


_PATH = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:/(?=/))*(/(?!/)[^\s?#:]*)(?:[?#].*)?")
"""A variable that is a path, or a URL of a file such as ``sqlite:////mnt/efs/app.db``."""


def _file_systems(definition: Properties, container: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """The EFS volumes of a container, by their paths: the name and the configuration of each."""
    volumes = items_by(definition.get("Volumes"), "Name")
    mounted = {}
    for point in mappings(container.get("MountPoints")):
        name = text_of(point.get("SourceVolume"))
        system = mapping(mapping(volumes.get(name)).get("EFSVolumeConfiguration"))
        if system:
            mounted[text_of(point.get("ContainerPath"))] = name, system
    return mounted


def _container_pairs(before: Properties, after: Properties) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The containers of both sides by name; one that is renamed by its position."""
    old, new = (mappings(one.get("ContainerDefinitions")) for one in (before, after))
    before_by_name, after_by_name = ({one.get("Name"): one for one in side} for side in (old, new))
    for index, container in enumerate(old):
        partner = after_by_name.get(container.get("Name"))
        if partner is None and index < len(new) and new[index].get("Name") not in before_by_name:
            partner = new[index]
        if partner is not None:
            yield container, partner


class MovedPath(NamedTuple):
    """Variables of a container that led to a file on a file system, and no longer do: their names and both paths.

    The paths are the same if the file system is not mounted there any more.
    """

    container: str
    names: tuple[str, ...]
    before: str
    after: str


def moved_paths(before: Properties, after: Properties) -> Iterator[MovedPath]:
    """The variables that led to a file or folder on an EFS volume, and lead to another one or to none.

    A file that is mounted at another path is the same file.
    """
    for old, new in _container_pairs(before, after):
        mounts, values = [], []
        for definition, container in ((before, old), (after, new)):
            mounts.append(_file_systems(definition, container))
            values.append(
                {text_of(one.get("Name")): one.get("Value") for one in mappings(container.get("Environment"))}
            )
        moved: dict[tuple[str, str], list[str]] = {}
        for name, value in values[0].items():
            paths = [_PATH.fullmatch(one) if isinstance(one, str) else None for one in (value, values[1].get(name))]
            was, now = (_file(match[1] if match else "", mounted) for match, mounted in zip(paths, mounts, strict=True))
            if was is not None and was != now and paths[0] and paths[1]:
                moved.setdefault((paths[0][1], paths[1][1]), []).append(name)
        for (was_at, now_at), names in moved.items():
            yield MovedPath(text_of(old.get("Name")), tuple(names), was_at, now_at)


def _file(path: str, mounted: Mapping[str, tuple[str, Mapping[str, Any]]]) -> tuple[str, str] | None:
    """The volume that a path leads to, and the path in it; None if it leads to none."""
    inside = (at for at in mounted if path == at or path.startswith(at.rstrip("/") + "/"))
    point = max(inside, key=len, default=None)
    return None if point is None else (mounted[point][0], path[len(point) :].strip("/"))


def _out_of_reach(before: Properties, after: Properties) -> Iterator[str]:
    """Another file system, access point or directory at a path, or another path in a variable."""
    clauses: list[str] = []
    for old, new in _container_pairs(before, after):
        mounted = _file_systems(after, new)
        for path, (_, system) in _file_systems(before, old).items():
            other = mounted.get(path)
            if other is not None and (text := _shows_another(path, system, other[1])):
                clauses.append(text)
    for moved in moved_paths(before, after):
        now = "which is no longer mounted" if moved.before == moved.after else f"not to {moved.before}"
        names = ", ".join(moved.names)
        clauses.append(f"{names} leads to {moved.after}, {now}: the tasks do not find what they wrote there")
    yield from dict.fromkeys(clauses)


def _shows_another(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a path shows instead of the files that were there, as a clause; empty if they are the same.

    A file system of the stack that leaves it is at risk itself, and an access point of the stack, too.
    """
    points = [mapping(one.get("AuthorizationConfig")).get("AccessPointId") for one in (before, after)]
    systems = [one.get("FilesystemId") for one in (before, after)]
    for kind, (was, now) in (("file system", systems), ("access point", points)):
        if isinstance(was, str) and now is not None and was != now and KNOWN_LATER not in str(now):
            return f"{path} no longer shows the files of the {kind} {was}, which stay there"
    old, new = (text_of(one.get("RootDirectory")) or "/" for one in (before, after))
    return f"{path} shows {new} instead of {old}, whose files stay there" if old != new else ""


def _is_scaled(properties: Properties, template: Mapping[str, Any]) -> bool:
    """Whether a template scales a service."""
    return any(task_targets(template))


RECORDS = (
    ResourceType(
        CLUSTER,
        "free",
        Simulation(attributes={"Arn": "arn:{partition}:ecs:{region}:{account}:cluster/{id}"}, create=8.0),
        DeployPermissions(
            only_with={
                NEVER: ("ecs:PutAccountSetting*",),
                "Configuration.ExecuteCommandConfiguration.KmsKeyId": ("kms:*",),
            },
            arns=named_by("ecs", "ClusterName", ("cluster", "cluster/{}")),
            linked_role="ecs.amazonaws.com",
        ),
        updates=Updates(refused={"ClusterSettings": _without_insights}),
        side_costs=_cluster_side_costs,
        before_deletion="a cluster can be deleted once it has no services, tasks and container instances",
    ),
    ResourceType(
        SERVICE,
        PricingRule("tasks", _price_services, _PRICES),
        Simulation(
            "arn:{partition}:ecs:{region}:{account}:service/{e[Cluster]}/{name}",
            {"Name": "{last}"},
            update=2.0,
            delete=15.0,
        ),
        DeployPermissions(arns=_service_arns, linked_role="ecs.amazonaws.com"),
        # Another launch type replaces the service; a capacity provider in its place does not. What an update leaves
        # out stays as it was.
        # Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
        # and https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
        updates=Updates(
            replaced_if={"LaunchType": lambda before, after: before is not None and after is not None},
            kept=dict.fromkeys(
                (
                    *("CapacityProviderStrategy", "HealthCheckGracePeriodSeconds", "LoadBalancers"),
                    *("PlacementConstraints", "PlacementStrategies"),
                    *("ServiceConnectConfiguration", "ServiceRegistries", "VolumeConfigurations"),
                )
            ),
        ),
        side_costs=_service_side_costs,
        managed=(Managed("/DesiredCount", "auto scaling sets the number of tasks", _is_scaled),),
    ),
    ResourceType(
        TASK_DEFINITION,
        PricingRule(
            "tasks",
            _price_runs,
            (),
            (
                assumption(_MINUTES, "5", "minutes", "that a run of a job takes, with its retries"),
                assumption(_RUNS, "30", "runs/month", "of a job without a schedule"),
            ),
        ),
        Simulation("arn:{partition}:ecs:{region}:{account}:task-definition/{p[Family]}:{number}", create=2.0),
        DeployPermissions(arns=named_by("ecs", "Family", ("task-definition", "task-definition/{}:*"))),
        out_of_reach=_out_of_reach,
    ),
    ForeignType("AWS::ECS::ClusterCapacityProviderAssociations", price="free"),
)

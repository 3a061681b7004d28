"""Compares what manifests of Copilot mean here with the templates that Copilot makes of them.

``compare_copilot.py FOLDER``: each folder below has ``manifest.yml``, ``template.yml`` (what Copilot makes of it; the
resources that are compared are enough) and ``params.json``, whose parameters name the application and the environment.
The manifest is imported and compiled, and both templates are reduced to what they mean: CPU, memory, ports, health
checks, variables, secrets, commands, scaling. Every difference must be a row of the report that says so, or one of
``EXPECTED``; the exit code is 1 if one is not. The real pairs are those of aws/copilot-cli, below
internal/pkg/deploy/cloudformation/stack/testdata.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from fsdcf.importers import ImportResult, convert
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Source
from fsdcf.language.model import ENVIRONMENT
from fsdcf.pipeline import Request, SourceFile, run

REFERENCE = "<reference>"
"""A value that only CloudFormation knows."""

EXPECTED = (
    (r"variables \S+ COPILOT_LB_DNS", r"<import fsdcf-.*>", "the same address, from the export of the environment"),
    (r"variables router COPILOT_.*", "-", "a router has no variables, which only a file of its own would read"),
    (
        r"variables main \w+_(TOPIC_ARN|QUEUE_URL|FILE_SYSTEM_ID)",
        r"<(AWS::|import ).*>",
        "what a dependency adds, beside Copilot's variables",
    ),
)
"""What differs in every import: the fact, what fsdcf makes, and why."""

LACKING = (
    (r"variables \S+ COPILOT_(LB_DNS|SERVICE_DISCOVERY_ENDPOINT)", "later versions and deployments of Copilot have it"),
    (r"check grace period", "later versions of Copilot have it"),
    (r"queues", "a job has a queue for the runs that failed"),
    (r"public address", "the pair is a part, without the network, or of App Runner"),
)
"""What a template of Copilot's tests may lack, and why."""

WHOLE = {"AWS::ECS::Service", "AWS::StepFunctions::StateMachine", "AWS::AppRunner::Service"}
"""A template without any of these types is a part: it is compared by the facts that it has."""

_RULE = r"(http\.additional_rules\[\d+\]|nlb\.additional_listeners\[\d+\]|nlb)\."
_PART = {"main": "", "router": r"logging\."}

EXPLAINED = (
    (r"(?P<name>cpu|memory)", r"{name}|type"),
    (r"count", r"count(\..*)?|type"),
    (r"scaling backlog.*", r"count\.queue_delay\..*"),
    (r"scaling .*", r"count(\.(?!queue_delay|range\.spot_from).*)?|type"),
    (r"spot.*", r"count\.range\.spot_from|count\.spot"),
    (r"(port|target) main \d+", r"http\.target_port|image\.port|taskdef_overrides.*|type"),
    (r"(port|target) (?P<part>\S+) \d+", r"http\.target_(port|container)|{part}port"),
    (r"check \d+ stickiness", r"http\.stickiness|type"),
    (r"check \d+ delay", r"http\.deregistration_delay|type"),
    (r"check \d+ .*", r"http\.(healthcheck.*|version|protocolVersion|target_port)|type"),
    (r"check grace period", r"http\.healthcheck\.grace_period|nlb\..*|type"),
    (r"variables main COPILOT_MOUNT_POINTS", r"storage\.volumes\..*"),
    (r"(?P<kind>variables|secrets) (?P<part>\S+) (?P<name>\S+)", r"{part}{kind}\.{name}(\..*)?|{part}env_file"),
    (r"\S+ main.*", r"command|entrypoint|image\..*|type"),
    (r"(command|container|image check) (?P<part>\S+).*", r"{part}(command|entrypoint|essential|healthcheck.*|image.*)"),
    (r"public address", r"network\.vpc\..*|type"),
    (r"queues", r"subscribe\..*"),
    (r"schedule.*", r"on\.schedule|retries|timeout"),
)
"""What may say why a fact differs: the fact, and the keys of a manifest below which the row must be."""


class _Loader(yaml.SafeLoader):
    """Reads a template with the short forms of functions, each as a map."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    build = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
    return {name: build(node, deep=True)}  # type: ignore[operator]


_Loader.add_multi_constructor("!", _function)


def resolved(value: Any, template: Mapping[str, Any], params: Mapping[str, str]) -> Any:
    """A value with its parameters and conditions; None for AWS::NoValue, and what is referred to for a reference."""
    if isinstance(value, list):
        items = [resolved(each, template, params) for each in value]
        return [each for each in items if each is not None]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name == "Ref":
            default = template.get("Parameters", {}).get(inner, {}).get("Default", _resource(inner, template))
            return None if inner == "AWS::NoValue" else params.get(inner, default)
        if name == "Fn::If":
            chosen = inner[1] if _holds({"Condition": inner[0]}, template, params) else inner[2]
            return resolved(chosen, template, params)
        if name.startswith("Fn::"):
            return _function_value(name, resolved(inner, template, params), template, params)
    entries = {key: resolved(each, template, params) for key, each in value.items()}
    return {key: each for key, each in entries.items() if each is not None}


def _resource(name: str, template: Mapping[str, Any]) -> str:
    """A resource that is referred to, by its type: logical ids differ. REFERENCE for one of a type of its own."""
    kind = template["Resources"].get(name, {}).get("Type", "")
    return f"<{kind}>" if kind.startswith("AWS::") else REFERENCE


def _function_value(name: str, inner: Any, template: Mapping[str, Any], params: Mapping[str, str]) -> str:
    if name == "Fn::Sub":
        text, known = (inner[0], {**params, **inner[1]}) if isinstance(inner, list) else (inner, params)
        for key, each in known.items():
            text = text.replace(f"${{{key}}}", str(each))
        return str(text)
    if name == "Fn::Join" and all(isinstance(each, str) for each in inner[1]):
        return str(inner[0].join(inner[1]))
    if name == "Fn::ImportValue" and isinstance(inner, str):
        return f"<import {inner}>"
    if name == "Fn::GetAtt":
        return _resource(inner[0] if isinstance(inner, list) else inner.split(".")[0], template)
    return REFERENCE


def _holds(condition: Any, template: Mapping[str, Any], params: Mapping[str, str]) -> bool:
    ((name, inner),) = condition.items()
    if name == "Condition":
        return _holds(template.get("Conditions", {}).get(inner, {"Fn::Equals": ["", "x"]}), template, params)
    if name == "Fn::Not":
        return not _holds(inner[0], template, params)
    if name == "Fn::And":
        return all(_holds(each, template, params) for each in inner)
    if name == "Fn::Or":
        return any(_holds(each, template, params) for each in inner)
    first, second = (str(resolved(each, template, params)).lower() for each in inner)
    return first == second


_EACH = ("queues", "scaling backlog", "scaling backlog in, out")
"""Facts of which a template has as many as resources."""


def meaning(template: Mapping[str, Any], params: Mapping[str, str], main: str) -> dict[str, str]:
    """What a template means: facts by their names. The container of the workload is ``main``."""
    found: dict[str, list[str]] = {}
    ports = {}
    for resource in template["Resources"].values():
        balancers = resource.get("Properties", {}).get("LoadBalancers") if "ECS" in resource["Type"] else None
        for each in balancers if isinstance(balancers, list) else ():
            ports[each["TargetGroupArn"]["Ref"]] = resolved(each["ContainerPort"], template, params)
    for logical_id, resource in template["Resources"].items():
        properties = resolved(resource.get("Properties", {}), template, params)
        if logical_id in ports:
            properties["Port"] = ports[logical_id]
        for name, value in _facts(resource["Type"], properties, main):
            if value not in (None, "", [], {}):
                text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                found.setdefault(name, []).append(text)
    return {name: ", ".join(sorted(texts if name in _EACH else set(texts))) for name, texts in found.items()}


def _facts(kind: str, properties: Mapping[str, Any], main: str) -> Iterator[tuple[str, Any]]:
    get = properties.get
    if kind == "AWS::ECS::TaskDefinition":
        yield "cpu", str(get("Cpu"))
        yield "memory", str(get("Memory"))
        for container in get("ContainerDefinitions", ()):
            yield from _container(container, main)
    elif kind == "AWS::ECS::Service":
        yield from _service(properties, main)
    elif kind == "AWS::AppRunner::Service":
        yield from _app_runner(properties)
    elif kind == "AWS::ElasticLoadBalancingV2::TargetGroup":
        yield from _target_group(properties)
    elif kind == "AWS::ApplicationAutoScaling::ScalableTarget":
        yield "scaling limits", f"{get('MinCapacity')} to {get('MaxCapacity')}"
    elif kind == "AWS::ApplicationAutoScaling::ScalingPolicy":
        yield from _scaling(get("TargetTrackingScalingPolicyConfiguration", {}))
    else:
        yield from _messages_and_runs(kind, properties)


def _service(properties: Mapping[str, Any], main: str) -> Iterator[tuple[str, Any]]:
    get = properties.get
    yield "count", str(get("DesiredCount", REFERENCE))
    providers = {each["CapacityProvider"]: each for each in get("CapacityProviderStrategy", ())}
    yield "spot", "FARGATE_SPOT" in providers or None
    yield "spot base", str(providers.get("FARGATE", {}).get("Base") or "")
    if "FARGATE_SPOT" in providers:
        yield "spot weights", [providers.get(each, {}).get("Weight", 0) for each in ("FARGATE_SPOT", "FARGATE")]
    balancers = [each for each in get("LoadBalancers", ()) if isinstance(each, dict)]
    for each in balancers:
        yield f"target {_name(each['ContainerName'], main)} {each['ContainerPort']}", "balanced"
    yield "check grace period", str(get("HealthCheckGracePeriodSeconds", "")) if balancers else ""
    yield "public address", get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {}).get("AssignPublicIp")


def _app_runner(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The facts of a service of App Runner, which has one container and a load balancer of its own."""
    size = properties["InstanceConfiguration"]
    yield "cpu", str(size["Cpu"])
    yield "memory", str(size["Memory"])
    get = properties["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"].get
    secrets = [{"Name": each["Name"], "ValueFrom": each["Value"]} for each in get("RuntimeEnvironmentSecrets", ())]
    container: dict[str, Any] = {"Name": "main", "PortMappings": [{"ContainerPort": get("Port")}], "Secrets": secrets}
    container["Environment"] = get("RuntimeEnvironmentVariables", ())
    container["Command"] = str(get("StartCommand", "")).split()
    yield from _container(container, "main")
    yield "scaling configuration", properties.get("AutoScalingConfigurationArn")


def _scaling(tracking: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    custom = tracking.get("CustomizedMetricSpecification", {})
    named = {"RequestCountPerTarget": "ALBRequestCountPerTarget", "TargetResponseTime": "TargetResponseTime"}
    name = metric or next((each for part, each in named.items() if part in str(custom)), "backlog")
    yield f"scaling {name}", [float(tracking["TargetValue"])]
    yield f"scaling {name} in, out", [tracking.get("ScaleInCooldown"), tracking.get("ScaleOutCooldown")]


def _messages_and_runs(kind: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    get = properties.get
    if kind == "AWS::SQS::Queue":
        defaults = {"DelaySeconds": 0, "VisibilityTimeout": 30, "FifoQueue": False, "ContentBasedDeduplication": False}
        found = {key: get(key) for key, default in defaults.items() if get(key, default) != default}
        found |= {key: get(key) for key in ("FifoThroughputLimit", "DeduplicationScope") if get(key)}
        yield "queues", {**found, "tries": get("RedrivePolicy", {}).get("maxReceiveCount", 0)}
    elif kind in ("AWS::Events::Rule", "AWS::Scheduler::Schedule"):
        yield "schedule", get("ScheduleExpression")
    elif kind == "AWS::StepFunctions::StateMachine":
        definition = get("Definition") or json.loads(get("DefinitionString", "{}"))
        run = definition["States"][definition["StartAt"]]
        yield "schedule retries", sum(each["MaxAttempts"] for each in run.get("Retry", ()))
        yield "schedule timeout", definition.get("TimeoutSeconds") or run.get("TimeoutSeconds")
        yield "schedule timeout of", "all retries" if "TimeoutSeconds" in definition and "Retry" in run else "each run"


def _target_group(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    get = properties.get
    at = f"check {get('Port')}"
    attributes = {each["Key"]: str(each["Value"]).lower() for each in get("TargetGroupAttributes", ())}
    yield f"{at} protocol", f"{get('Protocol')} {get('ProtocolVersion', 'HTTP1')}"
    yield f"{at} port", str(get("HealthCheckPort", "traffic-port"))
    yield f"{at} delay", attributes.get("deregistration_delay.timeout_seconds", "300")
    if get("Protocol") in ("HTTP", "HTTPS"):
        defaults = {"HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2, "HealthCheckIntervalSeconds": 30}
        defaults |= {"HealthCheckTimeoutSeconds": 5, "HealthCheckPath": "/"}
        for name, default in defaults.items():
            yield f"{at} {name}", str(get(name, default))
        codes = {"HttpCode": "200", "GrpcCode": "12"} | get("Matcher", {})
        yield f"{at} codes", str(codes["GrpcCode" if get("ProtocolVersion") == "GRPC" else "HttpCode"])
        yield f"{at} stickiness", attributes.get("stickiness.enabled", "false")


def _name(name: Any, main: str) -> str:
    return "main" if name in (main, "main") else str(name)


def _container(container: Mapping[str, Any], main: str) -> Iterator[tuple[str, Any]]:
    get = container.get
    name = _name(get("Name"), main)
    name = "router" if name in ("firelens_log_router", "log-router") else name
    yield f"container {name}", "essential" if get("Essential", True) else "ends"
    for each in get("PortMappings", ()):
        yield f"port {name} {each['ContainerPort']}", each.get("Protocol", "tcp")
    check = get("HealthCheck", {})
    for key in ("Command", "Interval", "Retries", "Timeout"):
        yield f"image check {name} {key}", check.get(key)
    for each in get("Environment", ()):
        text = str(each.get("Value", ""))
        yield f"variables {name} {each['Name']}", sorted(json.loads(text)) if text.startswith("{") else text
    for each in get("Secrets", ()):
        source = re.sub(r"^arn:.*:(?:parameter/|(secret:))", r"\1", each["ValueFrom"])
        yield f"secrets {name} {each['Name']}", source
    yield f"command {name}", get("Command")
    yield f"command {name} entry", get("EntryPoint")


_CERTIFICATE = "{certificates: ['arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000']}"


def imported(folder: Path, params: Mapping[str, str], manifest: Any) -> ImportResult:
    """The import of a manifest in a workspace of its own, with its environments and that of the pair."""
    files = {
        "copilot/.workspace": f"application: {params['AppName']}\n".encode(),
        "copilot/it/manifest.yml": (folder / "manifest.yml").read_bytes(),
    }
    http = (
        f"http: {{public: {_CERTIFICATE}, private: {_CERTIFICATE}}}\n" if params.get("HTTPSEnabled") == "true" else ""
    )
    for name in {params["EnvName"], *manifest.get("environments", ())}:
        text = f"name: {name}\ntype: Environment\n{http}"
        files[f"copilot/environments/{name}/manifest.yml"] = text.encode()
    sources = [Source(path, path, raw, False, "it") for path, raw in files.items()]

    def beside(path: str) -> bytes:
        raise FileNotFoundError(path)

    return convert("copilot", sources, sources, beside)


def compare(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """The differences of a pair: the fact, what Copilot makes, what fsdcf makes, and where the report says so."""
    params = json.loads((folder / "params.json").read_text("utf-8"))["Parameters"]
    template = yaml.load((folder / "template.yml").read_text("utf-8"), _Loader)
    environment = params["EnvName"]
    manifest = yaml.safe_load((folder / "manifest.yml").read_text("utf-8"))
    result = imported(folder, params, manifest)
    drafts = {
        each.kind is ENVIRONMENT: each
        for each in result.drafts
        if each.kind is not ENVIRONMENT or each.name == environment
    }
    files = [SourceFile(each.path, each.text().encode()) for each in drafts.values()]
    spec, shared = drafts[False], drafts.get(True)
    file = next((each for each in files if shared and each.name == shared.path), None)
    compiled = run(Request(spec.path, spec.text().encode(), environment, environment_file=file))
    if compiled.template is None:
        errors = "; ".join(each.message for each in compiled.diagnostics if each.code[0] in "SE")
        yield "the spec", "compiles", f"does not: {errors}", ""
        return
    ours = meaning(compiled.template.data, {}, spec.name)
    theirs = meaning(template, params, params["WorkloadName"])
    if not WHOLE & {each["Type"] for each in template["Resources"].values()}:
        ours = {fact: each for fact, each in ours.items() if fact.split()[0] in {each.split()[0] for each in theirs}}
    for fact in sorted({*ours, *theirs}):
        before, after = theirs.get(fact, "-"), ours.get(fact, "-")
        if before != after:
            expected = [why for name, value, why in EXPECTED if re.fullmatch(name, fact) and re.fullmatch(value, after)]
            if before == "-":
                expected += [why for name, why in LACKING if re.fullmatch(name, fact)]
            yield fact, before, after, expected[0] if expected else _reason(fact, result, manifest, environment)


def _reason(fact: str, result: ImportResult, manifest: Any, environment: str) -> str:
    """The row of the report that explains a difference; empty if there is none."""
    rows = [each for each in result.report.rows.values() if each.outcome.treatment is not Treatment.CARRIED]
    for row in sorted(rows, key=lambda each: not each.key.startswith(f"environments.{environment}.")):
        key = row.key.removeprefix(f"environments.{environment}.")
        if any(_explains(fact, key, each) for each in (manifest.get("environments", {}).get(environment), manifest)):
            return f"{row.key}: {row.outcome.note}"
    return ""


def _explains(fact: str, key: str, manifest: Any) -> bool:
    """Whether a row at a key of a manifest is about a fact. That of a rule or listener is about where it leads to."""
    led = re.fullmatch(r"(?:port \S+|target \S+|check) (\d+).*", fact)
    if led and (rule := re.match(_RULE, key)):
        return _leads(manifest, rule[1], led[1])
    for pattern, keys in EXPLAINED:
        if match := re.fullmatch(pattern, fact):
            part = match.groupdict().get("part")
            parts = {"part": _PART.get(part, rf"sidecars\.{re.escape(part)}\.")} if part else {}
            return bool(re.fullmatch(keys.format(**match.groupdict() | parts), key))
    return False


def _leads(manifest: Any, rule: str, port: str) -> bool:
    """Whether a rule or a listener of a manifest leads to a port."""
    value = manifest
    for step in re.findall(r"[^.\[\]]+", rule):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return False
    sidecar = manifest.get("sidecars", {}).get(value.get("target_container"), {})
    ports = (value.get("target_port"), value.get("port"), sidecar.get("port"))
    return any(str(each).partition("/")[0] == port for each in ports)


def main(root: Path) -> int:
    """Compare all pairs below a folder, print the table, and return the exit code."""
    failed = 0
    folders = sorted(each.parent for each in root.rglob("template.yml"))
    print("| pair | fact | Copilot | fsdcf | the report |", "|---|---|---|---|---|", sep="\n")
    for folder in folders:
        rows = list(compare(folder))
        failed += sum(not why for *_, why in rows)
        for fact, theirs, ours, why in rows:
            print(f"| {folder.name} | {fact} | {theirs} | {ours} | {why or '**not reported**'} |")
        if not rows:
            print(f"| {folder.name} | | | | the same |")
    print(f"\n{len(folders)} pairs, {failed} differences that no report has", file=sys.stderr)
    return 1 if failed or not folders else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER")
    raise SystemExit(main(Path(sys.argv[1])))

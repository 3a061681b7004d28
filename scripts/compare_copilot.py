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

EXPECTED = {
    "LB_DNS": "the same address, from the export of the environment",
    "deployment.rollback": "fsdcf always rolls back a deployment that fails",
}

SOURCES = {
    "cpu": ("cpu", "type"),
    "memory": ("memory", "type"),
    "count": ("count", "type"),
    "scaling": ("count", "type"),
    "spot": ("count.range.spot_from", "count.spot"),
    "port": ("http.target_port", "image.port", "taskdef_overrides", "nlb", "sidecars", "http.additional_rules"),
    "check": ("http.healthcheck", "http.target_container", "nlb", "http.version", "http.protocolVersion", "type"),
    "target": ("type", "nlb", "http.additional_rules", "http.target_container", "http.target_port"),
    "variables": ("env_file", "variables", "sidecars", "logging", "storage"),
    "secrets": ("secrets", "logging", "sidecars"),
    "command": ("command", "entrypoint", "sidecars"),
    "image check": ("image.healthcheck", "sidecars"),
    "container": ("sidecars", "logging"),
    "schedule": ("on.schedule", "retries", "timeout"),
}
"""The keys of a manifest that may say why a fact differs, by the first word of the fact."""


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
    """A value with its parameters and conditions; None for AWS::NoValue, REFERENCE for what only AWS knows."""
    if isinstance(value, list):
        items = [resolved(each, template, params) for each in value]
        return [each for each in items if each is not None]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name == "Ref":
            default = template.get("Parameters", {}).get(inner, {}).get("Default", REFERENCE)
            return None if inner == "AWS::NoValue" else params.get(inner, default)
        if name == "Fn::If":
            chosen = inner[1] if _holds({"Condition": inner[0]}, template, params) else inner[2]
            return resolved(chosen, template, params)
        if name == "Fn::Sub" and isinstance(inner, str):
            for key, text in params.items():
                inner = inner.replace(f"${{{key}}}", text)
            return REFERENCE if "${" in inner else inner
        if name.startswith("Fn::"):
            return REFERENCE
    entries = {key: resolved(each, template, params) for key, each in value.items()}
    return {key: each for key, each in entries.items() if each is not None}


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


def meaning(template: Mapping[str, Any], params: Mapping[str, str], main: str) -> dict[str, str]:
    """What a template means: facts by their names. The container of the workload is ``main``."""
    found = {}
    for resource in template["Resources"].values():
        properties = resolved(resource.get("Properties", {}), template, params)
        for name, value in _facts(resource["Type"], properties, main):
            if value not in (None, "", [], {}):
                found[name] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return found


def _facts(kind: str, properties: Mapping[str, Any], main: str) -> Iterator[tuple[str, Any]]:
    get = properties.get
    if kind == "AWS::ECS::TaskDefinition":
        yield "cpu", str(get("Cpu"))
        yield "memory", str(get("Memory"))
        for container in get("ContainerDefinitions", ()):
            yield from _container(container, main)
    elif kind == "AWS::ECS::Service":
        yield "count", str(get("DesiredCount", REFERENCE))
        providers = {each["CapacityProvider"]: each for each in get("CapacityProviderStrategy", ())}
        yield "spot", "FARGATE_SPOT" in providers or None
        yield "spot base", str(providers.get("FARGATE", {}).get("Base") or "")
        balancers = [each for each in get("LoadBalancers", ()) if isinstance(each, dict)]
        yield "target containers", sorted({_name(each["ContainerName"], main) for each in balancers})
        yield "target ports", sorted({str(each["ContainerPort"]) for each in balancers})
        yield "check grace period", str(get("HealthCheckGracePeriodSeconds", "")) if balancers else ""
    elif kind == "AWS::ElasticLoadBalancingV2::TargetGroup" and get("Protocol") in ("HTTP", "HTTPS"):
        defaults = {"HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2, "HealthCheckIntervalSeconds": 30}
        defaults |= {"HealthCheckTimeoutSeconds": 5, "HealthCheckPath": "/"}
        for name, default in defaults.items():
            yield f"check {name}", str(get(name, default))
        yield "check codes", str(get("Matcher", {}).get("HttpCode", "200"))
        attributes = {each["Key"]: str(each["Value"]).lower() for each in get("TargetGroupAttributes", ())}
        yield "check delay", attributes.get("deregistration_delay.timeout_seconds", "300")
        yield "check stickiness", attributes.get("stickiness.enabled", "false")
    elif kind == "AWS::ApplicationAutoScaling::ScalableTarget":
        yield "scaling limits", f"{get('MinCapacity')} to {get('MaxCapacity')}"
    elif kind == "AWS::ApplicationAutoScaling::ScalingPolicy":
        tracking = get("TargetTrackingScalingPolicyConfiguration", {})
        metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        custom = tracking.get("CustomizedMetricSpecification", {})
        named = {"RequestCountPerTarget": "ALBRequestCountPerTarget", "TargetResponseTime": "TargetResponseTime"}
        name = metric or next((each for part, each in named.items() if part in str(custom)), "backlog")
        yield f"scaling {name}", [float(tracking["TargetValue"])]
        yield f"scaling {name} in, out", [tracking.get("ScaleInCooldown"), tracking.get("ScaleOutCooldown")]


def _name(name: Any, main: str) -> str:
    return "main" if name in (main, "main") else str(name)


def _container(container: Mapping[str, Any], main: str) -> Iterator[tuple[str, Any]]:
    get = container.get
    name = _name(get("Name"), main)
    name = "router" if name in ("firelens_log_router", "log-router") else name
    yield f"container {name}", "essential" if get("Essential", True) else "ends"
    ports = sorted({str(each["ContainerPort"]) for each in get("PortMappings", ())})
    yield f"port {name}", ports
    check = get("HealthCheck", {})
    for key in ("Command", "Interval", "Retries", "Timeout"):
        yield f"image check {name} {key}", check.get(key)
    for each in get("Environment", ()):
        if name == "main" or not each["Name"].startswith("COPILOT_"):
            text = str(each.get("Value", ""))
            yield f"variables {name} {each['Name']}", REFERENCE if "arn:" in text or "{" in text[:1] else text
    for each in get("Secrets", ()):
        source = each["ValueFrom"]
        yield f"secrets {name} {each['Name']}", REFERENCE if source == REFERENCE else source.rpartition("parameter/")[2]
    yield f"command {name}", get("Command")
    yield f"command {name} entry", get("EntryPoint")


def imported(folder: Path, application: str, environment: str) -> ImportResult:
    """The import of a manifest in a workspace of its own, with the environment of the pair."""
    place, shared = "copilot/it/manifest.yml", f"copilot/environments/{environment}/manifest.yml"
    files = {
        shared: f"name: {environment}\ntype: Environment\n".encode(),
        "copilot/.workspace": f"application: {application}\n".encode(),
        place: (folder / "manifest.yml").read_bytes(),
    }
    sources = [Source(path, path, raw, False, "it") for path, raw in files.items()]

    def beside(path: str) -> bytes:
        raise FileNotFoundError(path)

    return convert("copilot", sources, sources, beside)


def compare(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """The differences of a pair: the fact, what Copilot makes, what fsdcf makes, and where the report says so."""
    params = json.loads((folder / "params.json").read_text("utf-8"))["Parameters"]
    template = yaml.load((folder / "template.yml").read_text("utf-8"), _Loader)
    environment = params["EnvName"]
    result = imported(folder, params["AppName"], environment)
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
    for fact in sorted({*ours, *theirs}):
        if (theirs.get(fact), ours.get(fact)) in ((REFERENCE, ours.get(fact)), (theirs.get(fact), REFERENCE)):
            continue
        if theirs.get(fact) != ours.get(fact):
            yield fact, theirs.get(fact, "-"), ours.get(fact, "-"), _reason(fact, result, environment)


def _reason(fact: str, result: ImportResult, environment: str) -> str:
    """The row of the report, or the expectation, that explains a difference; empty if there is none."""
    for part, why in EXPECTED.items():
        if part in fact:
            return why
    start = next((each for each in sorted(SOURCES, key=len, reverse=True) if fact.startswith(each)), "")
    for row in result.report.rows.values():
        key = row.key.removeprefix(f"environments.{environment}.")
        if row.outcome.treatment is not Treatment.CARRIED and key.startswith(SOURCES.get(start, ("/",))):
            return f"{row.key}: {row.outcome.note}"
    return ""


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

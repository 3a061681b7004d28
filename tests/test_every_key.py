"""Every scalar key of the language changes the template: none is accepted and then forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cli.commands.diff import between
from fsdcf.cli.compiled import Compiled
from fsdcf.cli.render.plan import changed_properties
from fsdcf.compiler.emit import to_json
from fsdcf.language.model.service import Spec
from fsdcf.language.shape import Field, walk
from fsdcf.pipeline import Result
from tests.conftest import HELLO, Compile

BALANCER = "service.networking.loadBalancer"
POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a"
ARN = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CONTEXT = HELLO + (
    "  networking:\n    vpc: {cidr: 10.0.0.0/16}\n"
    f"    loadBalancer:\n      certificateArn: {ARN}\n      stickiness: {{duration: 60}}\n"
    "  resources: {cpu: 1024, memory: 2048, desiredCount: 3, spot: {base: 0, weight: 1}}\n"
    "  observability:\n    metrics: {port: 9000}\n    traces: {otlpEndpoint: 'https://collector.example'}\n"
)
JOINED = HELLO + (
    "  networking:\n    shared: true\n    loadBalancer: {paths: [/api/*]}\n"
    "    serviceConnect: {}\n    serviceDiscovery: {}\n"
)
FILE = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  loadBalancers: {public: {domain: staging.example.com}, other: {domain: other.example.com}}
"""
OF_JOINED = tuple(
    f"service.networking.{key}"
    for key in (
        *(f"loadBalancer.{key}" for key in ("name", "priority", "hosts", "paths")),
        *("serviceConnect", "serviceDiscovery"),
    )
)
"""Keys of a service that joins an environment, with those below them."""
VALUES = {
    "service.networking.loadBalancer.name": "other",
    f"{BALANCER}.container": "proxy",
    "service.observability.logs.router.image": "router:1",
    "service.networking.loadBalancer.hosts": "[shop.example.com]",
    "service.networking.loadBalancer.paths": "[/other]",
    "service.networking.serviceConnect": "false",
    "service.networking.serviceDiscovery": "false",
    "service.networking.serviceConnect.alias": "other",
    "service.networking.serviceConnect.protocol": "grpc",
    "service.networking.serviceDiscovery.name": "other",
    "metadata.name": "other",
    "metadata.pack": "pack",
    "metadata.owners": "others",
    "metadata.description": "words",
    "service.healthCheck.path": "/other",
    "service.healthCheck.successCodes": "201",
    "service.healthCheck.container.command": "true || false",
    "service.image": "registry.example/other",
    "service.workingDirectory": "/w",
    "service.user": "1000",
    "service.resources.memory": "4096",
    "service.resources.cpu": "512",
    "service.resources.desiredCount": "4",
    "service.deployment.minimumHealthyPercent": "50",
    "service.deployment.maximumPercent": "150",
    "service.networking.vpc.cidr": "10.1.0.0/16",
    "service.networking.loadBalancer.certificateArn": ARN + "f",
    "service.networking.loadBalancer.sslPolicy": "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "service.networking.loadBalancer.stickiness": "false",
    "service.networking.loadBalancer.stickiness.cookieName": "session",
    "service.networking.vpc.nat": "perZone",
    "service.networking.vpc.availabilityZones": "3",
    "service.resources.spot": "true",
    "service.observability.metrics.path": "/other",
    "service.observability.traces.otlpEndpoint": "https://other.example",
    "service.readonlyRootFilesystem": "true",
    "service.autoScaling.queue": "b",
    "service.observability.alarms.notify": "arn:aws:sns:us-east-1:123456789012:alerts",
    "service.permissionsBoundary": "bounds",
    "service.taskRole.arn": "arn:aws:iam::123456789012:role/task",
    "service.executionRole.arn": "arn:aws:iam::123456789012:role/start",
    "service.networking.vpc.flowLogs.bucket": "flow-logs",
    "service.networking.vpc.flowLogs.encryption": KMS_KEY,
    "service.networking.vpc.flowLogs.retention": "365",
    "service.networking.vpc.flowLogs.traffic": "reject",
    "service.encryption": KMS_KEY,
    "service.observability.logs.encryption": KMS_KEY,
    "service.imageCredentials": "secretsmanager:other",
    "service.healthCheck.protocol": "https",
    "service.healthCheck.grpcCodes": "0",
    f"{BALANCER}.domain.name": "other.example.com",
    f"{BALANCER}.domain.hostedZoneId": "Z2",
    f"{BALANCER}.auth.oidc.clientSecret": "secretsmanager:other:key",
    f"{BALANCER}.auth.oidc.clientId": "other",
    f"{BALANCER}.auth.cognito.userPoolArn": f"{POOL}b",
    f"{BALANCER}.auth.cognito.clientId": "other",
    f"{BALANCER}.auth.cognito.domain": "other",
    f"{BALANCER}.auth.scope": "openid email",
    f"{BALANCER}.auth.sessionCookie": "session",
    f"{BALANCER}.accessLogs": "true",
    f"{BALANCER}.deletionProtection": "true",
    "service.executeCommandLogs": "true",
    "service.executeCommandLogs.logGroup": "other",
    "service.executeCommandLogs.encryption": KMS_KEY,
    f"{BALANCER}.accessLogs.bucket": "other-logs",
    f"{BALANCER}.accessLogs.prefix": "other",
    f"{BALANCER}.waf": "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/acl/0a1b-2c",
    **{
        f"{BALANCER}.auth.oidc.{key}": "https://other.example/x"
        for key in ("issuer", "authorizationEndpoint", "tokenEndpoint", "userInfoEndpoint")
    },
}
NEEDED = {
    "service.resources.cpu": ("service.resources.memory=2048",),
    "service.networking.vpc.flowLogs.": ("service.networking.vpc.flowLogs={}",),
    "service.autoScaling.queue": ("service.autoScaling.queueBacklogPerTask=9", "service.autoScaling.queue=a"),
    "service.autoScaling.queueBacklogPerTask": (
        "service.autoScaling.queueBacklogPerTask=9",
        "service.autoScaling.queue=a",
    ),
    "service.imageCredentials": ("service.image=registry.example/other",),
    f"{BALANCER}.container": ("service.sidecars=[{name: proxy, image: 'proxy:1', port: 8080}]",),
    "service.observability.logs.router": (
        "service.observability.logs.driver=awsfirelens",
        "service.observability.logs.options={Name: datadog}",
    ),
    "service.healthCheck.grpcCodes": (f"{BALANCER}.protocolVersion=grpc",),
    f"{BALANCER}.domain": (f"{BALANCER}.domain={{name: shop.example.com, hostedZoneId: Z1}}",),
    f"{BALANCER}.auth.cognito": (f"{BALANCER}.auth.cognito={{userPoolArn: '{POOL}', clientId: a, domain: b}}",),
    f"{BALANCER}.auth": (
        f"{BALANCER}.auth.oidc={{issuer: 'https://a.example', authorizationEndpoint: 'https://a.example/a',"
        " tokenEndpoint: 'https://a.example/t', userInfoEndpoint: 'https://a.example/u', clientId: a,"
        " clientSecret: secretsmanager:a}",
    ),
}
"""What a value of a key, or of a key below it, needs beside it."""
ELSEWHERE = {
    "apiVersion": "has one value",
    "kind": "has one value",
    "service.type": "has one value",
    "service.terminationProtection": "of the stack, not of its template; tests/deploy/test_engine.py has it",
    "service.deployment.strategy": "has one value",
    "service.observability.logs.driver": "other values need options; tests/cases/containers has one",
    "service.networking.loadBalancer.type": "has one value",
    "service.build.context": "for the pipeline",
    "service.build.dockerfile": "tested with a Dockerfile",
    "service.build.target": "of the build; tests/cli/test_building.py has it",
    "service.build.secrets": "of the build; tests/cli/test_building.py has it",
    "service.networking.vpc": "true is the default",
    "service.networking.shared": "false is the default; tests/cases/joined has it",
    "service.networking.vpc.id": "excludes the details of a new network; an example has it",
}
ABOVE = {
    *(
        "metadata.name",
        "metadata.pack",
        "metadata.owners",
        "metadata.description",
        "service.networking.vpc.availabilityZones",
    ),
    *(
        "service.observability.logs.enabled",
        "service.observability.metrics.enabled",
        "service.observability.traces.enabled",
    ),
    *("service.networking.serviceConnect.idleTimeout", "service.networking.serviceConnect.requestTimeout"),
    *("service.resources.spot", "service.resources.spot.base", "service.resources.spot.weight"),
    *("service.networking.loadBalancer.stickiness.duration", "service.networking.loadBalancer.stickiness.cookieName"),
    *(
        "service.observability.metrics.port",
        "service.observability.metrics.path",
        "service.observability.traces.otlpEndpoint",
    ),
    "service.observability.alarms",
    *(f"service.observability.alarms.{key}" for key in ("unhealthyTargets", "runningTasks", "deadLetters")),
}
"""Keys for which a plan names the line of a key above, because several keys make one property. A description makes no
property, and if spot removes an item of a list, or a key an alarm, the line is that of the old spec."""
SCALARS = ("string", "integer", "number", "boolean")


def cases() -> list[Any]:
    return [
        pytest.param(path, field, id=path)
        for path, field in walk(Spec)
        if "[]" not in path and path not in ELSEWHERE and (field.accepts(*SCALARS) or path in OF_JOINED)
    ]


def other_value(path: str, field: Field) -> str:
    if path in VALUES:
        return VALUES[path]
    if isinstance(field.default, bool):
        return str(not field.default).lower()
    if field.key.allowed:
        return str(next(one for one in field.key.allowed if one != field.default))
    low = field.key.minimum or 0
    return str(int(low) + 7 if field.default != low + 7 else int(low) + 8)


@pytest.mark.parametrize(("path", "field"), cases())
def test_it_changes_the_template(compiled: Compile, path: str, field: Field) -> None:
    scaling = "  autoScaling: {minCount: 1, targetCPU: 50}\n" if path.startswith("service.autoScaling") else ""
    queue = "dependencies: [{type: aws_sqs_queue, name: a}, {type: aws_sqs_queue, name: b}]\n"
    queue = queue if path.endswith((".deadLetters", ".queue", ".queueBacklogPerTask")) else ""
    context, file = (JOINED, FILE) if path.startswith(OF_JOINED) else (CONTEXT + scaling + queue, "")
    extra = next((needs for above, needs in NEEDED.items() if f"{path}.".startswith(f"{above}.")), ())
    before = compiled(context, overrides=extra, file=file)
    after = compiled(context, overrides=(*extra, f"{path}={other_value(path, field)}"), file=file)
    assert before.template is not None, before.diagnostics
    assert after.template is not None, after.diagnostics
    assert to_json(before.template.data) != to_json(after.template.data)
    assert any(place.startswith("--override") for place in lines_of(before, after)) == (path not in ABOVE)


def lines_of(before: Result, after: Result) -> set[str]:
    """The files whose lines a plan names as causes; an override is one of its own."""
    assert before.template is not None and after.template is not None
    plan = between(
        *(Compiled("spec.yml", "staging", one.template.data, one) for one in (before, after) if one.template)
    )
    own = [
        plan.lines.of_property(change, row)
        for change in plan.update.changes
        for row in changed_properties(change, plan.changes)
    ]
    return {place.file for place in (*own, *plan.places.values()) if place}

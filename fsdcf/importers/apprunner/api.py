"""What the API of App Runner says of a service and of its parts.

Source: https://docs.aws.amazon.com/apprunner/latest/api/API_Operations.html
"""

from __future__ import annotations

import re
from dataclasses import replace

from fsdcf.importers.apprunner.image import PLACE
from fsdcf.importers.apprunner.service import (
    TCP_CODES,
    put_command,
    put_concurrency,
    put_runtime,
    put_source,
    requests_in_a_minute,
    service_of,
    step_of,
    units,
)
from fsdcf.importers.container import put_source_image
from fsdcf.importers.draft import Block, spec_name
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, formal, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import literal, put_number, put_port, put_tag, put_variable

# What the API says of a service

_HERE = ".metadata.name"
"""The key that identifies the service."""
_OWN = "it describes what exists in App Runner"


def _kept(value: SourceValue, block: Block) -> None:
    """The value has no effect of its own."""


def _service_name(value: SourceValue, block: Block) -> KeyOutcome:
    name = spec_name(value.text)
    return (
        carried(_HERE)
        if name == value.text
        else changed(f"{name}: names have lower-case letters, digits and hyphens", _HERE)
    )


def _status(value: SourceValue, block: Block) -> KeyOutcome:
    if value.text.upper() == "PAUSED":
        return changed("the service is paused; a deploy starts its tasks", _HERE)
    return formal(_OWN)


def _automatic(value: SourceValue, block: Block) -> KeyOutcome:
    if not value.flag:
        return carried("image")
    return not_carried("a push does not deploy by itself: `fsdcf ci github` writes the workflow that does it")


def _set_variable(value: SourceValue, block: Block) -> KeyOutcome:
    return put_variable(block, value.name, literal(value.text))


def _set_secret(value: SourceValue, block: Block) -> KeyOutcome:
    return put_source(value, value.name, value.text, block)


def _size(value: SourceValue, block: Block) -> None:
    units(value)
    service_of(block).values[value.name] = value


def _role(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", value.text):
        raise UnfitError("must be the ARN of a role")
    block.put("taskRole.arn", value.text)
    return None


def _key(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+", value.text):
        raise UnfitError("must be the ARN of a KMS key")
    block.put("encryption", value.text)
    return None


def _check(value: SourceValue, block: Block) -> Block:
    protocol = value.get("Protocol")
    service_of(block).by_tcp = protocol is None or str(protocol.data).upper() != "HTTP"
    return block


def _protocol(value: SourceValue, block: Block) -> KeyOutcome:
    if value.text.upper() == "HTTP":
        return carried("healthCheck.path")
    if value.text.upper() != "TCP":
        raise UnfitError("must be TCP or HTTP")
    text = f"the load balancer checks by HTTP: every code of {TCP_CODES} at / shows that the port accepts connections"
    return changed(text, "healthCheck.path healthCheck.successCodes")


def _path(value: SourceValue, block: Block) -> KeyOutcome | None:
    if service_of(block).by_tcp:
        return changed("App Runner does not request it, as it checks by TCP: /", "healthCheck.path")
    if not value.text.startswith("/") or len(value.text) > 1024:
        raise UnfitError("must be a path that begins with /")
    block.put("healthCheck.path", literal(value.text))
    return None


def _interval(value: SourceValue, block: Block) -> KeyOutcome | None:
    service_of(block).values["interval"] = value
    return put_number("healthCheck.interval", 5, 300)(value, block)


def _scaling_arn(value: SourceValue, block: Block) -> KeyOutcome:
    draft = service_of(block)
    if draft.scaling:
        return carried("autoScaling")
    draft.values["scaling"] = value
    if "/DefaultConfiguration/" in value.text:
        return carried("autoScaling")
    return not_carried(
        "this file does not have its numbers, and those of the default are in the spec: write the output of `aws "
        f"apprunner describe-auto-scaling-configuration --auto-scaling-configuration-arn {value.text}` to a file "
        "beside this one, and import both"
    )


def _concurrency(value: SourceValue, block: Block) -> KeyOutcome:
    if value.number < 1:
        raise UnfitError("must be a positive number")
    put_concurrency(block, value.number)
    return changed(requests_in_a_minute(value.number), "autoScaling.targetRequestsPerTask")


def _egress(value: SourceValue, block: Block) -> KeyOutcome:
    if value.text.upper() == "VPC":
        return changed("the tasks are in a VPC themselves, and need no connector", "networking.vpc")
    return carried("networking.vpc")


def _connector(value: SourceValue, block: Block) -> KeyOutcome:
    subnets = service_of(block).values.get("subnets")
    if subnets is not None:
        return formal("the connector is imported from its own file")
    return not_carried(
        "the spec has a new VPC: import the output of `aws apprunner describe-vpc-connector --vpc-connector-arn "
        f"{value.text}` with this file, to see the subnets and security groups to write in `networking`"
    )


def _public(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        block.put("networking.loadBalancer.internal", True)
    return None


def _addresses(value: SourceValue, block: Block) -> KeyOutcome:
    if value.text.upper() == "DUAL_STACK":
        return not_carried("the load balancer has IPv4 addresses only: put CloudFront in front of it for IPv6")
    return carried("networking.loadBalancer")


def _traces(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.flag:
        block.put("observability.traces.enabled", True)
    return None


def _tag(value: SourceValue, block: Block) -> Block | None:
    name, text = value.get("Key"), value.get("Value")
    if name is None:
        raise UnfitError("must have a `Key`")
    note(value, block, put_tag(name.text, literal(text.text) if text else "", block))
    return None


def _filled(*keys: SourceKey) -> list[SourceKey]:
    """The keys, of which an empty value means that there is none, as in what ``--generate-cli-skeleton`` writes."""

    def unless_empty(convert: Convert, to: str) -> Convert:
        def convert_filled(value: SourceValue, block: Block) -> KeyOutcome | None:
            empty = value.data == "" or (value.data == 0 and value.data is not False)
            return changed("it is empty: the default applies", to) if empty else convert(value, block)

        return convert_filled

    return [
        replace(key, convert=unless_empty(key.convert, key.to)) if key.convert not in (None, _kept) else key
        for key in keys
    ]


def _own(*names: str) -> list[SourceKey]:
    """Keys that only identify something in App Runner, or describe its state."""
    return [SourceKey(name, note=_OWN, form=True) for name in names]


_API = "an App Runner service"
_SCALING_OWN = (
    *("AutoScalingConfigurationName", "AutoScalingConfigurationRevision"),
    *("Status", "CreatedAt", "HasAssociatedService", "IsDefault"),
)
_TAG = Table(_API, SourceKey("Key", ".metadata.tags"), SourceKey("Value", ".metadata.tags"))
_VARIABLES = (
    SourceKey("RuntimeEnvironmentVariables.*", "environment", convert=_set_variable),
    SourceKey("RuntimeEnvironmentVariables[].*", "environment", convert=_set_variable),
    *_filled(
        SourceKey("RuntimeEnvironmentSecrets.*", "secrets", convert=_set_secret),
        SourceKey("RuntimeEnvironmentSecrets[].*", "secrets", convert=_set_secret),
        SourceKey("StartCommand", "command", convert=put_command),
        SourceKey("Port", "port", convert=put_port),
    ),
)
_CODE = Table(
    _API,
    SourceKey("RepositoryUrl", PLACE, "`fsdcf deploy --build` builds the source that is checked out", _kept),
    SourceKey("SourceCodeVersion.Type", PLACE, convert=_kept),
    SourceKey("SourceCodeVersion.Value", PLACE, "check it out: `fsdcf deploy --build` builds what is there", _kept),
    SourceKey("CodeConfiguration.ConfigurationSource", PLACE, convert=_kept),
    SourceKey(
        "CodeConfiguration.CodeConfigurationValues",
        table=Table(
            _API,
            SourceKey("Runtime", PLACE, "a Dockerfile does what the runtime does", convert=put_runtime),
            SourceKey("BuildCommand", PLACE, convert=step_of("build")),
            *_VARIABLES,
        ),
    ),
    SourceKey("SourceDirectory", "build.context", convert=_kept),
)
_IMAGE = Table(
    _API,
    *_filled(SourceKey("ImageIdentifier", "image", convert=put_source_image)),
    SourceKey("ImageRepositoryType", "image", convert=_kept),
    SourceKey("ImageConfiguration", table=Table(_API, *_VARIABLES)),
)
SERVICE = Table(
    _API,
    *_filled(
        SourceKey("ServiceName", _HERE, convert=_service_name),
        *_own("ServiceId", "ServiceArn"),
        SourceKey("ServiceUrl", "networking.loadBalancer", "the load balancer has an address of its own", _kept),
        *_own("CreatedAt", "UpdatedAt", "DeletedAt"),
        SourceKey("Status", _HERE, convert=_status),
        SourceKey("SourceConfiguration.CodeRepository", table=_CODE),
        SourceKey("SourceConfiguration.ImageRepository", table=_IMAGE),
        SourceKey("SourceConfiguration.AutoDeploymentsEnabled", "image", convert=_automatic),
        SourceKey(
            "SourceConfiguration.AuthenticationConfiguration.ConnectionArn", PLACE, "the source is checked out", _kept
        ),
        SourceKey(
            "SourceConfiguration.AuthenticationConfiguration.AccessRoleArn",
            "image",
            "the execution role of the stack reads the repository",
            _kept,
        ),
        SourceKey("InstanceConfiguration.Cpu", "resources.cpu", convert=_size),
        SourceKey("InstanceConfiguration.Memory", "resources.memory", convert=_size),
        SourceKey(
            "InstanceConfiguration.InstanceRoleArn",
            "taskRole.arn",
            "let `ecs-tasks.amazonaws.com` assume it before the first deploy: it trusts App Runner only",
            convert=_role,
        ),
        SourceKey("Tags[]", ".metadata.tags", table=_TAG, enter=_tag),
        SourceKey(
            "EncryptionConfiguration.KmsKey",
            "encryption",
            "it encrypts what the stack makes, such as the log group, as it did the copy of the source in App Runner",
            convert=_key,
        ),
        SourceKey(
            "HealthCheckConfiguration",
            table=Table(
                _API,
                *_filled(
                    SourceKey("Protocol", "healthCheck.path healthCheck.successCodes", convert=_protocol),
                    SourceKey("Path", "healthCheck.path", convert=_path),
                    SourceKey("Interval", "healthCheck.interval", convert=_interval),
                    SourceKey("Timeout", "healthCheck.timeout", convert=put_number("healthCheck.timeout", 2, 120)),
                    SourceKey(
                        "HealthyThreshold",
                        "healthCheck.healthyThreshold",
                        convert=put_number("healthCheck.healthyThreshold", 2, 10),
                    ),
                    SourceKey(
                        "UnhealthyThreshold",
                        "healthCheck.unhealthyThreshold",
                        convert=put_number("healthCheck.unhealthyThreshold", 2, 10),
                    ),
                ),
            ),
            enter=_check,
        ),
        SourceKey("AutoScalingConfigurationArn", "autoScaling", convert=_scaling_arn),
        SourceKey("AutoScalingConfigurationSummary.AutoScalingConfigurationArn", "autoScaling", convert=_scaling_arn),
        *_own(*(f"AutoScalingConfigurationSummary.{each}" for each in _SCALING_OWN)),
        SourceKey("NetworkConfiguration.EgressConfiguration.EgressType", "networking.vpc", convert=_egress),
        SourceKey("NetworkConfiguration.EgressConfiguration.VpcConnectorArn", "networking.vpc", convert=_connector),
        SourceKey(
            "NetworkConfiguration.IngressConfiguration.IsPubliclyAccessible",
            "networking.loadBalancer.internal",
            convert=_public,
        ),
        SourceKey("NetworkConfiguration.IpAddressType", "networking.loadBalancer", convert=_addresses),
        SourceKey("ObservabilityConfiguration.ObservabilityEnabled", "observability.traces.enabled", convert=_traces),
        SourceKey("ObservabilityConfiguration.ObservabilityConfigurationArn", "observability.traces", convert=_kept),
    ),
)
"""What ``create-service`` gets, and ``describe-service`` answers as ``Service``.

Sources: https://docs.aws.amazon.com/apprunner/latest/api/API_CreateService.html and API_Service.html
"""

ANSWER = Table(_API, SourceKey("Service", table=SERVICE), *_own("OperationId"))
"""The answers of ``describe-service``, ``create-service`` and others."""


# What the API says of the parts of a service


def _put_scale(to: str) -> Convert:
    return put_number(f"autoScaling.{to}", 1, 5000)


def _subnets(value: SourceValue, block: Block) -> KeyOutcome:
    words, vpc = value.words, service_of(block).values.get("vpc")
    if vpc is not None and block.get("networking.loadBalancer.internal"):
        block.put("networking.vpc", {"id": vpc.text, "privateSubnets": words})
        return carried("networking.vpc.privateSubnets")
    return not_carried(
        "the spec has a new VPC: for that of the connector write `networking.vpc: {id: …, privateSubnets: "
        f"[{', '.join(words)}], publicSubnets: […]}}`, with public subnets in two zones for the load balancer"
    )


def _groups(value: SourceValue, block: Block) -> KeyOutcome:
    words = value.words
    if isinstance(block.get("networking.vpc"), dict) and words:
        block.put("networking.securityGroups", words[:4])
        return carried("networking.securityGroups")
    return not_carried(f"once `networking.vpc` has their VPC, write `networking.securityGroups: [{', '.join(words)}]`")


def _domain(value: SourceValue, block: Block) -> KeyOutcome:
    return not_carried(
        f"write `networking.loadBalancer.domain: {{name: {value.text}, hostedZoneId: …}}` with its zone in Route 53, "
        "or a `certificateArn`: App Runner's certificate cannot be used elsewhere"
    )


def _www(value: SourceValue, block: Block) -> KeyOutcome:
    if not value.flag:
        return carried("networking.loadBalancer.domain")
    return not_carried("add the name with www to `aliases` of the domain")


def _vpc(value: SourceValue, block: Block) -> KeyOutcome:
    if isinstance(block.get("networking.vpc"), dict):
        return carried("networking.vpc.id")
    return not_carried("name it in `networking.vpc`, with its subnets: a new VPC reaches it only by peering")


PART_TABLES = {
    "AutoScalingConfiguration": Table(
        "an auto scaling configuration of App Runner",
        SourceKey("MaxConcurrency", "autoScaling.targetRequestsPerTask", convert=_concurrency),
        SourceKey("MinSize", "autoScaling.minCount", convert=_put_scale("minCount")),
        SourceKey("MaxSize", "autoScaling.maxCount", convert=_put_scale("maxCount")),
        SourceKey("Tags[].*", "autoScaling", convert=_kept),
        *_own("AutoScalingConfigurationArn", *_SCALING_OWN, "DeletedAt", "Latest"),
    ),
    "VpcConnector": Table(
        "a VPC connector of App Runner",
        SourceKey("Subnets", "networking.vpc.privateSubnets", convert=_subnets),
        SourceKey("SecurityGroups", "networking.securityGroups", convert=_groups),
        *_own("VpcConnectorName", "VpcConnectorArn", "VpcConnectorRevision", "Status"),
        *_own("CreatedAt", "DeletedAt"),
    ),
    "VpcIngressConnection": Table(
        "a VPC ingress connection of App Runner",
        SourceKey(
            "IngressVpcConfiguration.VpcId",
            "networking.vpc.id",
            "it is the VPC of the clients",
            convert=_vpc,
        ),
        SourceKey(
            "IngressVpcConfiguration.VpcEndpointId",
            "networking.loadBalancer.internal",
            "the clients use the internal load balancer, not an endpoint",
            _kept,
        ),
        SourceKey("DomainName", "networking.loadBalancer", "the load balancer has an address of its own", _kept),
        *_own("VpcIngressConnectionArn", "VpcIngressConnectionName", "ServiceArn"),
        *_own("Status", "AccountId", "CreatedAt", "DeletedAt"),
    ),
    "ObservabilityConfiguration": Table(
        "an observability configuration of App Runner",
        SourceKey("TraceConfiguration.Vendor", "observability.traces", convert=_kept),
        *_own("ObservabilityConfigurationArn", "ObservabilityConfigurationName"),
        *_own("ObservabilityConfigurationRevision", "Latest", "Status"),
        *_own("CreatedAt", "DeletedAt"),
    ),
}
"""What belongs to a service, by the key that has it in the answer of its ``describe-…`` command.

Source: https://docs.aws.amazon.com/apprunner/latest/api/API_Operations.html
"""

_DOMAINS = Table(
    "the custom domains of App Runner",
    SourceKey("CustomDomains[].DomainName", note="the domain needs its hosted zone", convert=_domain),
    SourceKey("CustomDomains[].EnableWWWSubdomain", "networking.loadBalancer.domain", convert=_www),
    SourceKey(
        "CustomDomains[].CertificateValidationRecords",
        "networking.loadBalancer.domain",
        "the stack has a certificate of its own, with its records",
        _kept,
    ),
    *_own("CustomDomains[].Status"),
    SourceKey("DNSTarget", "networking.loadBalancer", "the load balancer has an address of its own", _kept),
    *_own("ServiceArn"),
    SourceKey("VpcDNSTargets", "networking.loadBalancer", "the load balancer has an address of its own", _kept),
    *_own("NextToken"),
)
PARTS = {name: Table(table.title, SourceKey(name, table=table)) for name, table in PART_TABLES.items()} | {
    "CustomDomains": _DOMAINS
}
"""The answers of further ``describe-…`` commands, by the key that they have."""

LIST = "ServiceSummaryList"

"""Specs of kind Environment: what the services of an environment share, and what applies to each of them."""

from collections.abc import Mapping
from typing import Any

from fsdcf.conventions import ENVIRONMENT_PATTERN
from fsdcf.language.model.common import (
    DESCRIPTION_BYTES,
    EC2_ID,
    IN_PRODUCTION,
    POLICY,
    VARIABLE,
    VARIABLE_WORDS,
    ExecuteCommandLogs,
    container_insights_key,
    execute_command_logs_key,
    overrides_key,
    termination_protection_key,
)
from fsdcf.language.model.service import BOUNDARY_WORDS, Service, Vpc
from fsdcf.language.model.traffic import (
    BALANCER_NAME,
    BUCKET_NAME,
    DOMAIN,
    AccessLogs,
    access_logs_key,
    allow_cidrs_key,
    certificate_key,
    deletion_protection_key,
    hosted_zone_key,
    idle_timeout_key,
    internal_key,
    ssl_policy_key,
    waf_key,
)
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

REGION = r"[a-z]+(-[a-z]+)+-\d"
"""The name of a region."""


PRODUCTION = ("prod", "production")
"""The environments, or overlays of them, that are production."""


@spec_record
class EnvironmentMetadata:
    """The name of the environment, and its owners."""

    name: str = spec_key(
        "Name of the environment, as in the name of its file; part of the names of its stacks and exports.",
        pattern=ENVIRONMENT_PATTERN,
        expects="1 to 20 lower-case letters, digits and hyphens, beginning with a letter",
    )
    owners: str | tuple[str, ...] = spec_key(
        "Owners of the environment; become a tag, joined by spaces.", default=(), also=("owner",)
    )
    description: str = spec_key(
        "Purpose of the environment; becomes the template's description.", default="", longest=DESCRIPTION_BYTES
    )


@spec_record
class SharedLoadBalancer:
    """A load balancer of the environment: a new one, or an existing one by its ids."""

    domain: str | None = spec_key(
        "Domain of the services: each has the host `<service>.<domain>`, unless it names others.",
        default=None,
        pattern=DOMAIN,
        expects="a domain in lower case, such as staging.example.com",
    )
    hosted_zone_id: String | None = hosted_zone_key(
        "Hosted zone of the domain in Route 53, for its certificate and its records. A private one needs "
        "certificateArn, because its certificate cannot be validated."
    )
    certificate_arn: String | None = certificate_key(
        "the services use", "one for the domain and *.domain, if hostedZoneId is set"
    )
    internal: bool = internal_key()
    idle_timeout: int = idle_timeout_key()
    ssl_policy: str | None = ssl_policy_key()
    allow_cidrs: tuple[str, ...] = allow_cidrs_key("network")
    access_logs: bool | AccessLogs | None = access_logs_key()
    deletion_protection: bool | None = deletion_protection_key()
    waf: String | None = waf_key()
    auth: bool = spec_key(
        "Let the load balancer reach identity providers on the internet, for services with `auth`.", default=False
    )
    listener_arn: String | None = spec_key(
        "Listener of an existing load balancer, to which the rules of the services are added.",
        default=None,
        pattern=r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener/app/[A-Za-z0-9-]+/[0-9a-f]+/[0-9a-f]+",
        expects="the ARN of a listener of an application load balancer",
    )
    security_group_id: String | None = spec_key(
        "Security group of the existing load balancer, which must let it reach the services.",
        default=None,
        pattern=f"sg-{EC2_ID}",
        expects="an id such as sg-0123456789abcdef0",
    )
    dns_name: String | None = spec_key(
        "DNS name of the existing load balancer.",
        default=None,
        pattern=DOMAIN.replace("a-z0-9", "A-Za-z0-9"),
        expects="the DNS name that the console shows",
    )
    listener_protocol: str | None = spec_key(
        "Protocol of the existing listener.", default=None, allowed=("https", "http"), computed_default="https"
    )
    root_record: bool = spec_key(
        "Create a record for the domain itself, as for its subdomains: only if it has none in the hosted zone. That of "
        "an existing load balancer is a CNAME record, which cannot be at the root of a hosted zone.",
        default=False,
    )

    @property
    def https(self) -> bool:
        """Whether the services use HTTPS: the load balancer has a certificate, a given one or one for its domain."""
        if self.listener_arn is not None:
            return self.listener_protocol != "http"
        return self.certificate_arn is not None or self.makes_certificate

    @property
    def makes_certificate(self) -> bool:
        """Whether the stack contains a certificate, for the domain."""
        is_given = self.certificate_arn is not None or self.listener_arn is not None
        return not is_given and self.domain is not None and self.hosted_zone_id is not None

    @property
    def listener_output(self) -> str:
        """The output with the listener that the services use, after the name of the load balancer."""
        return "HttpsListenerArn" if self.https else "HttpListenerArn"


@spec_record
class SharedCluster:
    """The ECS cluster of the services."""

    name: String | None = spec_key(
        "Name of an existing cluster, which has the capacity providers FARGATE and FARGATE_SPOT.",
        default=None,
        pattern=r"[A-Za-z0-9_-]{1,255}",
        expects="letters, digits, _ and -",
        computed_default="a cluster in the stack",
    )
    container_insights: str | None = container_insights_key("")
    execute_command_logs: bool | ExecuteCommandLogs | None = execute_command_logs_key(IN_PRODUCTION)


@spec_record
class Environment:
    """The shared parts, and what applies to every service."""

    account: str | None = spec_key(
        "Account of the environment: fsdcf makes no changes in another one.",
        default=None,
        pattern=r"\d{12}",
        as_text=True,
        expects="the 12 digits of an account",
    )
    region: str | None = spec_key(
        "Region of the environment: fsdcf makes no changes in another one.",
        default=None,
        pattern=REGION,
        expects="a region such as eu-west-1",
    )
    overlay: str | None = spec_key(
        "The part of the specs' `environments` that applies.",
        default=None,
        pattern=ENVIRONMENT_PATTERN,
        expects="the name of an environment",
        computed_default="the name of the environment",
    )
    network: Vpc = spec_key("The network: a new VPC, or an existing one.", default=Vpc())
    load_balancers: Mapping[str, SharedLoadBalancer] = spec_key(
        "The load balancers by name.",
        default_factory=dict,
        key_pattern=BALANCER_NAME,
        key_expects="names of 1 to 20 lower-case letters and digits, beginning with a letter",
    )
    cluster: SharedCluster = spec_key("The ECS cluster.", default=SharedCluster())
    namespace: str | None = spec_key(
        "Name of the private DNS namespace for Service Connect and service discovery.",
        default=None,
        pattern=r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
        expects="a domain in lower case, such as staging.internal",
        computed_default="<name>.internal",
    )
    variables: Mapping[str, str] = spec_key(
        "Variables for placeholders ${NAME} in every spec.",
        default_factory=dict,
        as_text=True,
        key_pattern=VARIABLE,
        key_expects=VARIABLE_WORDS,
    )
    tags: Mapping[str, str] = spec_key(
        "Tags of the environment's stack and of every service, unless its spec has another value.",
        default_factory=dict,
        as_text=True,
    )
    permissions_boundary: String | None = spec_key(
        "Permissions boundary of every role, unless a spec names another one: the name of a policy, or its ARN.",
        default=None,
        pattern=POLICY,
        longest=2048,
        expects=BOUNDARY_WORDS,
    )
    artifacts_bucket: str | None = spec_key(
        "S3 bucket to upload templates larger than 51,200 bytes to.",
        default=None,
        pattern=BUCKET_NAME,
        expects="the name of a bucket",
    )
    termination_protection: bool | None = termination_protection_key()
    protected: bool = spec_key(
        "Ask before each change, refuse to put data at risk without --allow, protect the stacks from deletion, require "
        "TLS from the internet, and log requests and metrics.",
        default=False,
    )
    defaults: Mapping[str, Any] = spec_key(
        "Keys of a service's spec that are merged under every spec of the environment.", default_factory=dict
    )

    def balancer_of(self, name: str | None) -> tuple[str, SharedLoadBalancer] | None:
        """The load balancer that a service uses, with its name: the named one, else the only one, else ``public``."""
        only = next(iter(self.load_balancers)) if len(self.load_balancers) == 1 else "public"
        wanted = name or only
        return (wanted, self.load_balancers[wanted]) if wanted in self.load_balancers else None


@spec_record
class EnvironmentSpec:
    api_version: str = spec_key("Version of the language.", allowed=("fsd/v1",))
    kind: str = spec_key("Kind of the spec.", allowed=("Environment",))
    metadata: EnvironmentMetadata = spec_key("Name and owners.")
    environment: Environment = spec_key("What the services share.", default=Environment())
    overrides: Mapping[str, Any] = overrides_key()

    @property
    def namespace(self) -> str:
        """The name of the DNS namespace."""
        return self.environment.namespace or f"{self.metadata.name}.internal"


def is_production(environment: str, file: EnvironmentSpec | None) -> bool:
    """Whether an environment is production, or its file protects it: what it loses by mistake is not restored.

    ``file`` is what the environment's file says, if there is one."""
    return ((file and file.environment.overlay) or environment) in PRODUCTION or is_protected(file)


def is_protected(file: EnvironmentSpec | None) -> bool:
    """Whether the file of an environment protects it."""
    return file is not None and file.environment.protected


def has_container_insights(service: Service, joined: EnvironmentSpec | None) -> bool:
    """Whether the spec, or the file of the environment that the service joins, turns Container Insights on in the
    cluster of the service."""
    setting = service.container_insights if joined is None else joined.environment.cluster.container_insights
    return setting in ("enabled", "enhanced")

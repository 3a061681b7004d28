"""Another service of the environment, which the service calls: by name through Service Connect or DNS, or at a load
balancer."""

from typing import Any

from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import literal
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import BALANCER, CONNECT, DNS, METHODS, ReachedService, Violation, Violations
from fsdcf.language.model.common import NAME
from fsdcf.language.model.service import HOST, HOST_WORDS, HTTP_PORT, HTTPS_PORT, Spec
from fsdcf.language.model.traffic import BALANCER_NAME
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record
from fsdcf.links import SERVICE_CONNECT

CALLED = Rule(
    "S463",
    "a call that needs no permissions",
    "The security groups of the environment let its services call each other: `permissions` and `unmanaged` do not"
    " apply to a service.",
)
FOUND = Rule(
    "S642",
    "a way to another service that leads nowhere",
    "By DNS a service is found at the port of its tasks, in the namespace of the environment or another one; at a load"
    " balancer, at the listener of the environment, by a host name below its domain.",
    SERVICE_CONNECT,
)
ITSELF = Rule(
    "S464",
    "a service that calls itself",
    "The tasks of a service learn its endpoint when they start, and the endpoint of a first deployment does not exist"
    " then. In the container, the service is at localhost.",
    SERVICE_CONNECT,
)
_CLIENT = "client"
"""What the pages on FSD write as the `mode` of a call."""
PLAIN_NAME = Rule(
    "S467",
    "a service's name with ${ENV}",
    "A service has one name in all environments, and finds the others in its own environment.",
)


_METHODS = {
    **dict.fromkeys((CONNECT, "service_connect", "service_mesh", "mesh"), CONNECT),
    **dict.fromkeys((DNS, "cloud_map", "service_discovery"), DNS),
    **dict.fromkeys((BALANCER, "load_balancer", "alb", "lb"), BALANCER),
}
"""Words for the ways to find a service."""


def _method_key() -> Any:
    return spec_key(
        "How the service is found: `connect` by Service Connect, `dns` by the name of its networking.serviceDiscovery, "
        "`loadBalancer` at a load balancer of the environment.",
        words=_METHODS,
        pattern="|".join(METHODS),
        expects="connect, dns or loadBalancer",
        default=CONNECT,
    )


@spec_record
class Discovery(SnakeCaseRecord):
    """How another service is found."""

    method: str = _method_key()
    namespace: str | None = spec_key(
        "With dns: private DNS namespace of the service, if it is not that of the environment.",
        default=None,
        pattern=HOST,
        longest=127,
        expects=HOST_WORDS,
        computed_default="that of the environment",
    )
    load_balancer: str | None = spec_key(
        "With loadBalancer: name of the environment's load balancer.",
        default=None,
        pattern=BALANCER_NAME,
        expects="lower-case letters and digits, beginning with a letter",
        computed_default="the only one, else public",
    )


@spec_record
class OtherService(ReachedService):
    """Another service of the environment."""

    name: String = spec_key(
        "Name of the service, as in its metadata.name.",
        also=("service_name", "serviceName"),
        pattern=NAME,
        longest=40,
        expects="the name of a service: lower-case letters, digits and single hyphens",
    )
    alias: str | None = spec_key(
        "Host name of the service, if its networking.serviceConnect.alias, the name of its serviceDiscovery or its "
        "host at the load balancer is another one.",
        default=None,
        pattern=HOST,
        longest=127,
        expects=HOST_WORDS,
        computed_default="the name of the service, at a load balancer below its domain",
    )
    port: int | None = spec_key(
        "Port of the service, as in its networking.serviceConnect.port; with dns, its service.port.",
        default=None,
        minimum=1,
        maximum=65535,
        computed_default=f"{HTTP_PORT}; with dns it must be written",
    )
    discovery: str | Discovery = _method_key()

    @property
    def details(self) -> Discovery:
        """How the service is found, with defaults."""
        return self.discovery if isinstance(self.discovery, Discovery) else Discovery(method=self.discovery)

    @property
    def method(self) -> str:
        return self.details.method

    @property
    def namespace(self) -> str | None:
        return self.details.namespace

    @property
    def balancer(self) -> str | None:
        return self.details.load_balancer


def check(service: OtherService) -> Violations:
    for key, written in (("permissions", service.permissions), ("unmanaged", service.unmanaged)):
        if written is not None and written != _CLIENT:
            yield Violation(CALLED, key, f"a service has no `{key}`", "leave it out", key=True)
    if service.method == DNS and service.port is None:
        hint = "add `port`, the service.port of its spec"
        yield Violation(FOUND, "discovery", "a DNS name leads to the tasks, and their port is missing", hint)
    if service.method == BALANCER and service.port is not None:
        yield Violation(FOUND, "port", "a load balancer decides the port itself", "leave it out", key=True)
    for key, written, method in (("namespace", service.namespace, DNS), ("loadBalancer", service.balancer, BALANCER)):
        if written is not None and service.method != method:
            message, hint = f"`{key}` has no effect with {service.method}", f"leave it out, or write `method: {method}`"
            yield Violation(FOUND, ("discovery", key), message, hint, key=True)
    if not isinstance(service.name, str):
        plain = local_name(service.name)
        yield Violation(PLAIN_NAME, "name", "the name of a service is the same everywhere", f"write `name: {plain}`")


def check_references(service: OtherService, spec: Spec) -> Violations:
    if sample(service.name) == spec.metadata.name:
        way = f", and call http://localhost:{spec.service.port}" if spec.service.port else ""
        yield Violation(ITSELF, "name", "the service calls itself", f"leave it out{way}")


def compile(service: OtherService, names: Names, context: Context) -> Grant:
    """The address of the service for the container. Service Connect, DNS or a load balancer finds it, and the security
    groups of the environment let the tasks in."""
    scheme, usual, host, port = "http", HTTP_PORT, service.host, service.port
    if service.method == DNS:
        host = f"{host}.{service.namespace or (context.joined and context.joined.namespace)}"
    elif service.method == BALANCER and context.joined is not None:
        found = context.joined.environment.balancer_of(service.balancer)
        if found is not None and found[1].https:
            scheme, usual = "https", HTTPS_PORT
        host = host if service.alias or found is None else f"{host}.{found[1].domain}"
    host, port = literal(host), port or usual
    url = f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"
    return Grant(environment={names.variable("URL"): url}, values={"url": url, "host": host, "port": str(port)})


TYPE = CompiledType(
    name="service",
    category="service",
    doc="Another service of the environment, called by name through Service Connect: it must have "
    "`networking.serviceConnect`, and the caller needs no more than this dependency. With `discovery`, by DNS or at a "
    "load balancer.",
    model=OtherService,
    attributes=lambda service: ("url", "host", "port"),
    compile=compile,
    check=check,
    check_references=check_references,
    managed=lambda service: False,
    physical_name=False,
)

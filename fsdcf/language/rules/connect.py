"""Rules about how services of an environment find each other: Service Connect and service discovery."""

from __future__ import annotations

from fsdcf.diagnostics import joined
from fsdcf.language.dependency import BALANCER, CONNECT, DNS, ReachedService
from fsdcf.language.model.service import HTTP_PORT, ServiceConnect
from fsdcf.language.placeholders import sample
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.language.shape import names_of
from fsdcf.links import SERVICE_CONNECT

_NETWORKING = "service.networking"
_CONNECT = f"{_NETWORKING}.serviceConnect"
_DISCOVERY = f"{_NETWORKING}.serviceDiscovery"
_LOCAL = "localhost"


@rule("S461", "a name without an environment")
def without_environment(case: Case) -> Problems:
    """Names of services are in the namespace of an environment: a service that does not join one has none, and finds
    none."""
    networking = case.service.networking
    if networking.shared:
        return
    hint = f"join the environment with {_NETWORKING}.shared: true, or leave it out"
    for path, wanted in ((_CONNECT, networking.connect), (_DISCOVERY, networking.discovery)):
        if wanted is not None:
            message = f"`{path.rpartition('.')[2]}` needs the namespace of an environment"
            yield Problem(path, message, hint, key=True)
    for at, reached in case.having(ReachedService):
        if reached.method == DNS and reached.namespace is not None:
            continue
        message = f"`{reached.host}` is a name in an environment, and this service joins none"
        yield Problem(at, message, hint)


@rule("S462", "an endpoint of a service without a port")
def endpoint_of_worker(case: Case) -> Problems:
    """A worker can call other services by Service Connect, and has no port at which they could call it: `true` is all
    that it can say."""
    if case.service.entry_port is None and isinstance(case.service.networking.service_connect, ServiceConnect):
        for key in names_of(ServiceConnect):
            if case.wrote(f"{_CONNECT}.{key}"):
                hint = "add service.port, or write `serviceConnect: true` to call others only"
                yield Problem(f"{_CONNECT}.{key}", f"`{key}` needs a port, and a worker has none", hint, key=True)


@rule(
    "S465",
    "a request timeout without requests",
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TimeoutConfiguration.html",
)
def timeout_of_tcp(case: Case) -> Problems:
    """The proxy sees requests only in protocols that it knows; of `tcp` it sees connections."""
    endpoint = case.service.networking.connect
    if (
        endpoint is not None
        and case.service.entry_port
        and case.spec.endpoint_protocol == "tcp"
        and endpoint.request_timeout is not None
    ):
        hint = "use idleTimeout, or name the protocol of the requests"
        yield Problem(f"{_CONNECT}.requestTimeout", "the proxy sees no requests in tcp", hint, key=True)


@rule("S471", "a protocol that the container does not speak")
def other_protocol(case: Case) -> Problems:
    """The load balancer and the proxy of Service Connect send requests to one port of the container, in one protocol: a
    container that speaks TLS understands no plain HTTP."""
    balancer, endpoint = case.service.load_balancer, case.service.networking.connect
    if balancer is None or endpoint is None or balancer.protocol != "https" or endpoint.protocol in (None, "tcp"):
        return
    message = f"the container speaks HTTPS to the load balancer, and {endpoint.protocol} without TLS here"
    yield Problem(f"{_CONNECT}.protocol", message, "write tcp, which leaves TLS to the caller")


@rule(
    "S466",
    "two services at one address",
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectClientAlias.html",
)
def same_address(case: Case) -> Problems:
    """In the namespace of an environment, a host name with a port belongs to one service; `localhost` is each task
    itself."""
    endpoint, own = case.spec.endpoint, case.spec.metadata.name
    taken = {endpoint: own} if endpoint else {}
    if endpoint is not None and endpoint[0] == _LOCAL:
        yield Problem(f"{_CONNECT}.alias", f"`{_LOCAL}` is the address of each task itself", f"write `{own}`")
    for path, reached in case.having(ReachedService):
        if reached.method != CONNECT:
            continue
        name, address = sample(reached.name), (reached.host, reached.port or HTTP_PORT)
        other = "each task itself" if reached.host == _LOCAL else f"`{taken.setdefault(address, name)}`"
        if other != f"`{name}`":
            message = f"{address[0]}:{address[1]} is the address of {other}"
            key = "alias" if case.document.has((*path, "alias")) else "name"
            yield Problem((*path, key), message, f"write the alias and the port of `{name}`, as in its own spec")


@rule("S643", "a service at a load balancer that has no host name for it")
def no_host(case: Case) -> Problems:
    """A service at a load balancer of the environment has the host `<service>.<domain>`, or the one that the caller
    names."""
    for path, reached in case.having(ReachedService):
        if case.joined is None or reached.method != BALANCER:
            continue
        found = case.joined.environment.balancer_of(reached.balancer)
        if found is None:
            names = [f"`{name}`" for name in case.joined.environment.load_balancers]
            message = f"{case.file_name} has no load balancer `{reached.balancer or 'public'}`"
            hint = f"write {joined(names)}" if names else f"add it to environment.loadBalancers in {case.file_name}"
            yield Problem((*path, "discovery"), message, hint)
        elif found[1].domain is None and reached.alias is None:
            hint = f"add `alias`, the host name of the service, or `domain` to the load balancer in {case.file_name}"
            yield Problem((*path, "discovery"), f"the load balancer `{found[0]}` has no domain", hint)


SMALLEST = 256
"""CPU units of the smallest task, and those that AWS advises to add for the proxy."""


@rule(
    "W155",
    "a small task for the proxy of Service Connect",
    SERVICE_CONNECT,
)
def small_task(case: Case) -> Problems:
    """Service Connect runs a proxy in each task, through which the requests by name go. AWS advises to give it 256 CPU
    units and 64 MiB of memory, which the smallest task does not have beside the container."""
    if not case.service.networking.shared or case.service.resources.cpu > SMALLEST:
        return
    callers = [path for path, reached in case.having(ReachedService) if reached.method == CONNECT]
    if case.service.networking.connect is not None or callers:
        wrote = case.wrote("service.resources.cpu")
        path = "service.resources.cpu" if wrote else _CONNECT if case.wrote(_CONNECT) else callers[0]
        message = f"the proxy of Service Connect shares the {SMALLEST} CPU units of the task with the container"
        hint = f"write service.resources.cpu: {2 * SMALLEST} and memory: 1024"
        yield Problem(path, message, hint, key=not wrote)

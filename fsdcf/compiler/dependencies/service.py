"""Another service of the environment, which the service calls by name through Service Connect."""

from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import literal
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import ReachedService, Violation, Violations
from fsdcf.language.model.common import NAME
from fsdcf.language.model.service import HOST, HOST_WORDS, HTTP_PORT, Spec
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key, spec_record
from fsdcf.links import SERVICE_CONNECT

CALLED = Rule(
    "S463",
    "a call that needs no permissions",
    "The security groups of the environment let its services call each other: `permissions` and `unmanaged` do not"
    " apply to a service.",
)
ITSELF = Rule(
    "S464",
    "a service that calls itself",
    "The tasks of a service learn its endpoint when they start, and the endpoint of a first deployment does not exist"
    " then. In the container, the service is at localhost.",
    SERVICE_CONNECT,
)
PLAIN_NAME = Rule(
    "S467",
    "a service's name with ${ENV}",
    "A service has one name in all environments, and finds the others in its own environment.",
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
        "Host name of the service, if its networking.serviceConnect.alias is another one than its name.",
        default=None,
        pattern=HOST,
        longest=127,
        expects=HOST_WORDS,
        computed_default="the name of the service",
    )
    port: int = spec_key(
        "Port of the service, as in its networking.serviceConnect.port.", default=HTTP_PORT, minimum=1, maximum=65535
    )


def check(service: OtherService) -> Violations:
    for key, written in (("permissions", service.permissions), ("unmanaged", service.unmanaged)):
        if written is not None:
            yield Violation(CALLED, key, f"a service has no `{key}`", "leave it out", key=True)

    if not isinstance(service.name, str):
        plain = local_name(service.name)
        yield Violation(PLAIN_NAME, "name", "the name of a service is the same everywhere", f"write `name: {plain}`")


def check_references(service: OtherService, spec: Spec) -> Violations:
    if sample(service.name) == spec.metadata.name:
        way = f", and call http://localhost:{spec.service.port}" if spec.service.port else ""
        yield Violation(ITSELF, "name", "the service calls itself", f"leave it out{way}")


def compile(service: OtherService, names: Names, context: Context) -> Grant:
    """The address of the service for the container. Service Connect finds it, and the security groups of the
    environment let the tasks in."""
    host, port = literal(service.host), str(service.port)
    url = f"http://{host}" if service.port == HTTP_PORT else f"http://{host}:{port}"
    return Grant(environment={names.variable("URL"): url}, values={"url": url, "host": host, "port": port})


TYPE = CompiledType(
    name="service",
    category="service",
    doc="Another service of the environment, called by name through Service Connect. "
    "It must have `networking.serviceConnect`; the caller needs no more than this dependency.",
    model=OtherService,
    attributes=lambda service: ("url", "host", "port"),
    compile=compile,
    check=check,
    check_references=check_references,
    managed=lambda service: False,
    physical_name=False,
)

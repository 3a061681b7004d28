"""Valid specs for hypothesis, as data; ``text_of`` writes them as YAML."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from fsdcf.cloudformation.limits import FARGATE_MEMORY
from fsdcf.compiler.dependencies import types
from fsdcf.language.model import kind_of
from fsdcf.language.model.container import COLLECTOR_PORTS
from fsdcf.language.model.job import Job
from fsdcf.language.model.service import Service
from fsdcf.language.names import local_name
from fsdcf.language.shape import names_of
from fsdcf.language.source import parse
from fsdcf.language.spellings import canonical

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C is several times faster, and not everywhere."""

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z][a-z0-9]{0,6}){0,2}", fullmatch=True)
SERVICES = NAMES.filter(lambda name: len(name) > 1)
"""Names of services whose ECR repository has the same name."""
VARIABLES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
VALUES = st.one_of(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc", "Cs"], exclude_characters="${"),
        max_size=12,
    ),
    st.integers(0, 9999),
    st.booleans(),
)


@st.composite
def resources(draw: Any) -> dict[str, Any]:
    cpu = draw(st.sampled_from(sorted(FARGATE_MEMORY)))
    out: dict[str, Any] = {"cpu": cpu, "memory": draw(st.sampled_from(FARGATE_MEMORY[cpu]))}
    if draw(st.booleans()):
        out["architecture"] = draw(st.sampled_from(["x86_64", "arm64"]))
    if draw(st.booleans()):
        out["ephemeralStorage"] = draw(st.integers(21, 200))
    if draw(st.booleans()):
        out["spot"] = draw(
            st.one_of(st.booleans(), st.fixed_dictionaries({"base": st.integers(0, 3), "weight": st.integers(1, 5)}))
        )
    return out


HOSTS = st.from_regex(r"[a-z]{1,3}\.a\.example", fullmatch=True)
PATHS = st.from_regex(r"(/[a-z]{1,3}){1,4}(/\*)?", fullmatch=True)


def redirect(host: str, path: str) -> dict[str, Any]:
    """A redirect of a path that leads away from it."""
    return {"hosts": [host], "paths": [path], "toPath": "/1"}


@st.composite
def networks(draw: Any, http: bool) -> dict[str, Any]:
    out: dict[str, Any] = {}
    form = draw(st.sampled_from(["none", "true", "new", "public"]))
    if form == "true":
        out["vpc"] = True
    if form == "new":
        out["vpc"] = {
            "cidr": "10.9.0.0/16",
            "availabilityZones": draw(st.integers(2, 3)),
            "nat": draw(st.sampled_from(["single", "perZone"])),
        }
    if form == "public":
        out["assignPublicIp"] = True
    if http and draw(st.booleans()):
        details = st.fixed_dictionaries(
            {"internal": st.booleans(), "idleTimeout": st.integers(1, 4000), "stickiness": st.booleans()},
            optional={
                "hosts": st.lists(HOSTS, min_size=1, max_size=7, unique=True),
                "paths": st.lists(PATHS, min_size=1, max_size=7, unique=True),
                "headers": st.just([{"name": "X-A", "values": ["a", "b"]}]),
                "redirects": st.lists(st.builds(redirect, HOSTS, PATHS), max_size=3),
                "protocol": st.sampled_from(["http", "https"]),
                "accessLogs": st.booleans(),
                "domain": st.just({"name": "a.example", "hostedZoneId": "Z1", "aliases": ["*.a.example"]}),
            },
        )
        out["loadBalancer"] = draw(st.one_of(st.booleans(), details))
    return out


SOURCES = st.one_of(
    st.from_regex(r"(ssm:)?(/[a-z][a-z0-9._]{0,8}){1,3}", fullmatch=True),
    st.from_regex(r"secretsmanager:[a-z][a-z0-9/_]{0,9}(:[a-z]{0,4}){0,3}", fullmatch=True),
)
LABELS = st.lists(st.from_regex(r"[a-d][a-z_]{0,5}", fullmatch=True), unique=True, max_size=3)
METRICS = st.lists(st.from_regex(r"[a-z][a-z0-9_:]{0,9}\*?", fullmatch=True), min_size=1, max_size=4)
SELECTIONS = st.lists(st.fixed_dictionaries({"names": METRICS, "dimensions": LABELS}), min_size=1, max_size=3)


@st.composite
def observability(draw: Any) -> dict[str, Any]:
    out: dict[str, Any] = {
        "logs": {
            "enabled": draw(st.booleans()),
            "retention": draw(st.sampled_from([1, 30, 365, "forever"])),
            "mode": draw(st.sampled_from(["blocking", "non-blocking"])),
        }
    }
    if draw(st.booleans()):
        out["metrics"] = {"port": 9100} | ({"select": draw(SELECTIONS)} if draw(st.booleans()) else {})
    if draw(st.booleans()):
        out["traces"] = {}
    return out


DETAILS: dict[str, list[dict[str, Any]]] = {
    "aws_sqs_queue": [
        {"deadLetters": False},
        {"receivesFrom": [{"topic": "news"}, {"bucket": "files"}]},
        {"fifo": True},
    ],
    "aws_s3_bucket": [
        {"prefixes": ["a/"], "cors": [{"origins": ["*"]}]},
        {"notifications": [{"existingQueue": "jobs"}]},
    ],
    "aws_kinesis_stream": [{"shards": 2}, {"consumers": ["a", "b"]}],
    "aws_sns_topic": [{"subscriptions": [{"email": "team@example.com"}, {"existingQueue": "jobs"}]}],
}


@st.composite
def dependencies(draw: Any) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        kind = draw(
            st.sampled_from(
                ["aws_sqs_queue", "aws_s3_bucket", "aws_dynamodb_table", "aws_kinesis_stream", "aws_msk_cluster"]
                + ["aws_sns_topic"]
            )
        )
        one: dict[str, Any] = {"type": kind, "name": f"${{ENV}}-{name}"}
        if kind == "aws_msk_cluster" or draw(st.booleans()):
            one["unmanaged"] = {"permissions": draw(st.sampled_from(["read", "write", "read_write"]))}
        elif kind == "aws_dynamodb_table":
            one |= {"keySchema": [{"name": "id", "type": "HASH"}], "attributes": [{"name": "id", "type": "S"}]}
        elif kind in DETAILS:
            one |= draw(st.sampled_from([{}, *DETAILS[kind]]))
        out.append(one)
    if draw(st.booleans()):
        out.append({"type": "aws_efs_file_system", "name": "data"})
    return out


@st.composite
def specs(draw: Any) -> dict[str, Any]:
    """A valid spec as data."""
    http = draw(st.booleans())
    service: dict[str, Any] = {
        "resources": draw(resources()),
        "environment": draw(st.dictionaries(VARIABLES, VALUES, max_size=4)),
    }
    if http:
        service["port"] = draw(st.integers(1, 65535).filter(lambda port: port not in COLLECTOR_PORTS))
    if draw(st.booleans()):
        low = draw(st.integers(0, 5))
        service["autoScaling"] = {"minCount": low, "maxCount": low + draw(st.integers(1, 5))}
    service["networking"] = draw(networks(http))
    if draw(st.booleans()):
        service["observability"] = draw(observability())
    if draw(st.booleans()):
        service["secrets"] = [{"name": "_SECRET", "valueFrom": draw(SOURCES)}]
    if draw(st.booleans()):
        service["image"] = draw(st.sampled_from(["registry.example.com/team/app", "ghcr.io/team/app"]))
        service["imageCredentials"] = draw(st.from_regex(r"secretsmanager:[a-z][a-z0-9/_]{0,9}", fullmatch=True))
    if draw(st.booleans()):
        service["tmpfs"] = [{"path": "/tmp", "size": draw(st.integers(1, 500))}]
    service["enableExecuteCommand"] = draw(st.booleans())
    return {
        "apiVersion": "fsd/v1",
        "kind": "Service",
        "metadata": {"name": draw(SERVICES), "owners": "team"},
        "service": service,
        "dependencies": draw(dependencies()),
    }


DOMAINS = st.from_regex(r"[a-z]{1,3}\.b\.example", fullmatch=True)
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/a/0123456789abcdef/0123456789abcde{0}"


def subnets(first: int) -> list[str]:
    """Two existing subnets."""
    return [f"subnet-0123456789abcdef{number}" for number in (first, first + 1)]


@st.composite
def shared_networks(draw: Any) -> dict[str, Any]:
    if draw(st.booleans()):
        return {"id": "vpc-0123456789abcdef0", "publicSubnets": subnets(0), "privateSubnets": subnets(2)}
    zones = st.one_of(st.integers(2, 4), st.just(["use1-az1", "use1-az2"]), st.just(["use1-az6", "use1-az4"]))
    keys = {
        "cidr": st.sampled_from(["10.8.0.0/16", "10.9.16.0/20", "192.168.0.0/18"]),
        "availabilityZones": zones,
        "nat": st.sampled_from(["single", "perZone", "regional"]),
        "endpoints": st.lists(st.sampled_from(["ecr.api", "ecr.dkr", "logs", "sts"]), unique=True),
    }
    return dict(draw(st.fixed_dictionaries({}, optional=keys)))


@st.composite
def shared_balancers(draw: Any, name: str, number: int) -> dict[str, Any]:
    """A load balancer of an environment, with a domain or without one."""
    form = draw(st.sampled_from(["existing", "certified", "plain", "internal"]))
    out: dict[str, Any] = {}
    if form != "plain" or draw(st.booleans()):
        out["domain"] = f"{name}.{draw(DOMAINS)}"
    if form == "existing":
        group, address = f"sg-0123456789abcdef{number}", "a-1.us-east-1.elb.amazonaws.com"
        return {**out, "listenerArn": LISTENER.format(number), "securityGroupId": group, "dnsName": address}
    if form == "certified":
        out |= draw(st.sampled_from([{"hostedZoneId": "Z1"}, {"certificateArn": CERTIFICATE}]))
    if form == "internal":
        out["internal"] = True
    more = {
        "idleTimeout": st.integers(1, 4000),
        "allowCidrs": st.just(["10.0.0.0/8"]),
        "accessLogs": st.booleans(),
        "auth": st.booleans(),
    }
    return out | draw(st.fixed_dictionaries({}, optional=more))


BALANCERS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,4}", fullmatch=True), unique=True, max_size=2)


@st.composite
def environments(draw: Any, neutral: bool = False) -> dict[str, Any]:
    """A valid file of the environment ``staging`` as data, with a load balancer ``public``. A ``neutral`` one says
    nothing that applies to services that do not join."""
    names = [*draw(BALANCERS), "public"]
    out: dict[str, Any] = {
        "region": "us-east-1",
        "network": draw(shared_networks()),
        "loadBalancers": {
            name: draw(shared_balancers(name, number)) for number, name in enumerate(dict.fromkeys(names))
        },
    }
    more: dict[str, Any] = {
        "account": st.just("123456789012"),
        "cluster": st.sampled_from([{}, {"name": "main"}, {"containerInsights": "enhanced"}]),
        "namespace": st.just("services.local"),
        "artifactsBucket": st.just("templates"),
    }
    if not neutral:
        more |= {
            "variables": st.dictionaries(VARIABLES.filter(lambda name: name not in RESERVED), VALUES, max_size=2),
            "tags": st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.just("x"), max_size=2),
            "permissionsBoundary": st.just("limits"),
            "protected": st.booleans(),
            "defaults": st.sampled_from([{}, {"service": {"networking": {"shared": True}}}]),
        }
    out |= draw(st.fixed_dictionaries({}, optional=more))
    for balancer in out["loadBalancers"].values() if out.get("protected") else ():
        if not balancer.keys() & {"listenerArn", "hostedZoneId", "internal"}:
            balancer["certificateArn"] = CERTIFICATE  # S286
    return {"apiVersion": "fsd/v1", "kind": "Environment", "metadata": {"name": "staging"}, "environment": out}


RESERVED = ("ENV", "DOMAIN", "AWS_REGION", "AWS_ACCOUNT")


@st.composite
def joined(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A valid spec of a service that joins an environment, and the environment's file."""
    spec, file = draw(specs()), draw(environments())
    service, balancers = spec["service"], file["environment"]["loadBalancers"]
    out: dict[str, Any] = {"shared": True}
    if "port" in service:
        name = draw(st.sampled_from(sorted(balancers)))
        rules = {
            "paths": st.lists(PATHS, min_size=1, max_size=7, unique=True),
            "priority": st.integers(1, 900),
            "stickiness": st.booleans(),
            "headers": st.just([{"name": "X-A", "values": ["a", "b"]}]),
        }
        balancer = {"name": name, **draw(st.fixed_dictionaries({}, optional=rules))}
        if "domain" not in balancers[name]:
            balancer.setdefault("paths", ["/a/*"])
        elif draw(st.booleans()):
            labels = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
            balancer["hosts"] = [
                f"{one}.${{DOMAIN}}" for one in draw(st.lists(labels, min_size=1, max_size=7, unique=True))
            ]
        out["loadBalancer"] = draw(st.sampled_from([False, balancer, balancer]))
        alias = st.from_regex(r"[a-z]{2,5}", fullmatch=True)
        details = st.fixed_dictionaries({}, optional={"alias": alias, "port": st.integers(1, 65535)})
        out["serviceConnect"] = draw(st.one_of(st.booleans(), details))
    if draw(st.booleans()):
        out["serviceDiscovery"] = True
    if draw(st.booleans()):
        out["securityGroups"] = ["sg-0123456789abcdef0"]
    if draw(st.booleans()):
        other = draw(SERVICES.filter(lambda name: name != spec["metadata"]["name"]))
        spec["dependencies"].append({"type": "service", "name": other, "port": 7})
        service["environment"]["OTHER_PLACE"] = f"${{service:{other}:host}}"
    service["networking"] = out
    return spec, file


CASES = Path(__file__).parent / "cases"
_JOB_KEYS = names_of(Job).keys()


@cache
def units() -> tuple[dict[str, Any], ...]:
    """The specs of the golden cases of every dependency type and of jobs, which compile without a file beside them."""
    files = [path for folder in ("dependencies", "jobs") for path in sorted(CASES.glob(f"{folder}/*.spec.yml"))]
    documents = [parse(path.read_bytes(), path.name)[0] for path in files]
    found = [canonical(one, kind_of(one.data).record, types())[0].data for one in documents if one is not None]
    return tuple(one for one in found if not block_of(one).get("networking", {}).get("shared"))


def block_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The block ``service`` or ``job`` of a spec."""
    return dict(spec.get("service") or spec.get("job") or {})


@st.composite
def of_all_types(draw: Any) -> dict[str, Any]:
    """A spec of a service or a job with dependencies of several golden cases, of whatever types there are. It need not
    be valid: two dependencies may set one variable."""
    first, *others = draw(st.lists(st.sampled_from(units()), min_size=1, max_size=3, unique_by=id))
    out, block = deepcopy(first), block_of(deepcopy(first))
    known = {(one["type"], local_name(one["name"])) for one in out.get("dependencies", [])}
    for other in others:
        for one in other.get("dependencies", []):
            if (one["type"], local_name(one["name"])) not in known:
                out.setdefault("dependencies", []).append(deepcopy(one))
                known.add((one["type"], local_name(one["name"])))
        block = {**deepcopy(block_of(other)), **block}
        block["environment"] = {**(block_of(other).get("environment") or {}), **(block.get("environment") or {})}
    kind = draw(st.sampled_from(["Service", "Job"]))
    keys = _JOB_KEYS if kind == "Job" else names_of(Service).keys()
    out = {key: value for key, value in out.items() if key not in ("service", "job")}
    return {**out, "kind": kind, kind.lower(): {key: value for key, value in block.items() if key in keys}}


def text_of(spec: Any) -> str:
    """A spec as YAML, in the order of its keys."""
    return yaml.dump(spec, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)


def shuffled(value: Any, random: Any) -> Any:
    """The same data with the keys of every map in another order, and the dependencies too."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        out = {key: shuffled(value[key], random) for key in keys}
        if isinstance(out.get("dependencies"), list):
            random.shuffle(out["dependencies"])
        return out
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    return value

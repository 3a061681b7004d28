"""What AWS would name a new resource, and what Fn::GetAtt would find at it: plausible, and the same every time."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.identities import ATTRIBUTES, LONGEST, PHYSICAL
from fsdcf.sandbox.world import World

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def token(*parts: object, length: int = 17, alphabet: str = "0123456789abcdef") -> str:
    """A string of this length that these parts always give: what stands for AWS's random ids."""
    seed = int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest(), "big")
    letters = []
    for _ in range(length):
        seed, index = divmod(seed, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def unique(*parts: object) -> str:
    """A UUID that these parts always give."""
    return str(uuid.UUID(bytes=hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:16], version=4))


def physical_id(
    type: str, logical_id: str, stack: str, properties: Mapping[str, Any], number: int, world: World | None = None
) -> str:
    """The physical id (what Ref gives) of the ``number``-th resource of this logical id in this stack.

    ``world`` tells account and region of those that are ARNs; without one it is a new world's.
    """
    seed = (type, logical_id, stack, number)
    name = _given_name(type, properties) or _made_name(type, logical_id, stack, seed)
    return _filled(PHYSICAL.get(type, "{name}"), seed, properties, world, {"name": name, "number": number})


def _given_name(type: str, properties: Mapping[str, Any]) -> str | None:
    from fsdcf.cloudformation.facts import custom_name

    name = properties.get(custom_name(type, properties) or "")
    return name if isinstance(name, str) else None


def _made_name(type: str, logical_id: str, stack: str, seed: tuple[object, ...]) -> str:
    """A name as CloudFormation makes it: stack, logical id and twelve letters, the first two cut where the type allows little."""
    ending = token(*seed, length=12, alphabet=_LETTERS)
    if type == "AWS::SSM::Parameter":
        return f"CFN-{logical_id}-{ending}"
    if type == "AWS::S3::Bucket":
        ending, stack, logical_id = ending.lower(), stack.lower(), logical_id.lower()
    room = LONGEST.get(type, 255) - len(ending) - 2
    half = max(room // 2, room - len(logical_id))
    return f"{stack[:half].rstrip('-')}-{logical_id[: room - min(half, len(stack))]}-{ending}"


def attributes(type: str, physical_id: str, properties: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Every attribute that Fn::GetAtt knows of a type, with a value of the kind that it has."""
    from fsdcf.cloudformation.facts import facts_of

    facts = facts_of(type)
    names = sorted(facts.attributes - {"*"}) if facts else []
    return {name: _attribute(type, name, physical_id, properties, world) for name in names}


def _attribute(type: str, name: str, physical_id: str, properties: Mapping[str, Any], world: World) -> Any:
    pattern = ATTRIBUTES.get((type, name))
    if pattern is not None:
        return _filled(pattern, (type, physical_id, name), properties, world, {"id": physical_id})
    told = _property(properties, name)
    if told is not None:
        return told
    own = type.rpartition("::")[2]
    if name == "Arn" and physical_id.startswith("arn:"):
        return physical_id
    if name in ("Id", f"{own}Id", f"{own}Arn", f"{own}Url", f"{own}Name", "Name", "Ref"):
        return physical_id
    return _guessed(name, (type, physical_id, name), world)


def _property(properties: Mapping[str, Any], path: str) -> Any:
    found: Any = properties
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


_NUMBERS = re.compile(
    r"(Count|Seconds|Throughput|Length|Period|Delay|Index|Days|Timeout|Storage|Percentage|Capacity|Iops)$|^(Num|Total|Max.*Size)"
)
_TRUTHS = re.compile(
    r"^(Enable(?!Cloudwatch|Lni|Prefix)|Is|Assign|Map|Ipv6Native|Block|Ignore|Restrict|Manage|Copy|Use|Group(Member|Source))"
    r"|(Enabled|Encrypted|Dns64|FifoQueue|FifoTopic|BasedDeduplication|Stabilize|Record|Protection|Upgrade|Optimized|Public|Accessible)$"
)
_LISTS = re.compile(
    r"(?<!Statu)(?<!Addres)(?<!Dn)(?<!Acces)(?<!Policie)(?<!Alia)(?<!Progres)(?<!Ip)s$|(Ingress|Egress|List|Set)$"
)


def _guessed(name: str, seed: tuple[object, ...], world: World) -> Any:
    """A value for an attribute that only the service could tell, by what its name says it is."""
    last = name.rpartition(".")[2]
    if _TRUTHS.search(last):
        return False
    if _NUMBERS.search(last):
        return 0
    if last.endswith(("Time", "Timestamp", "Date")):
        return "2027-01-01T00:00:00Z"
    if _LISTS.search(last):
        return []
    if last.endswith("Arn"):
        return world.arn(
            str(seed[0]).split("::")[1].lower(), f"{last.removesuffix('Arn').lower() or 'resource'}/{token(*seed)}"
        )
    if last.endswith(("Status", "State")):
        return "ACTIVE"
    return f"{last.lower()}-{token(*seed)}"


def _filled(
    pattern: str,
    seed: tuple[object, ...],
    properties: Mapping[str, Any],
    world: World | None,
    more: Mapping[str, object],
) -> str:
    account, region, partition = (
        ("000000000000", "us-east-1", "aws") if world is None else (world.account, world.region, world.partition)
    )
    told = {key: str(value) for key, value in properties.items() if isinstance(value, str | int)}
    steps = str(more.get("id", "")).split("/")
    balancer = re.search(r"(?:loadbalancer|listener)/app/(\S+)", " ".join(told.values()))
    values: dict[str, object] = {
        "hex": token(*seed),
        "short": token(*seed, length=16),
        "long": token(*seed, length=17, alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "six": token(*seed, length=6, alphabet=_LETTERS),
        "ten": token(*seed, length=10, alphabet="123456789"),
        "uuid": unique(*seed),
        "address": ".".join(str(int(token(*seed, step, length=2), 16) % 250 + 1) for step in range(3)),
        "account": account,
        "region": region,
        "partition": partition,
        "suffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
        "p": defaultdict(lambda: token(*seed, length=8), told),
        "e": defaultdict(lambda: "default", {key: value.rpartition("/")[2] for key, value in told.items()}),
        "last": steps[-1],
        "title": steps[-2] if len(steps) > 1 else steps[-1].rpartition(":")[2],
        "plain": str(more.get("id", "")).removeprefix("/"),
        "balancer": balancer[1] if balancer else f"balancer/{token(*seed, length=16)}",
        **more,
    }
    return pattern.format_map(values)

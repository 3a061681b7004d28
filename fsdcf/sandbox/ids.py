"""The physical ids of new resources and the values of their attributes: plausible, and always the same."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.change import at
from fsdcf.cloudformation.facts import custom_name, facts_of
from fsdcf.cloudformation.types import record_of
from fsdcf.sandbox.state import Data, Document, SandboxState

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _digest(seed: tuple[object, ...]) -> bytes:
    return hashlib.sha256("\0".join(map(str, seed)).encode()).digest()


def token(*seed: object, length: int = 17, alphabet: str = "0123456789abcdef") -> str:
    """Return a text of this length that depends on ``seed``, in place of AWS's random ids."""
    number = int.from_bytes(_digest(seed), "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def unique(*seed: object) -> str:
    """Return a UUID that depends on ``seed``."""
    return str(uuid.UUID(bytes=_digest(seed)[:16], version=4))


def quoted(message: str, service: str) -> str:
    """Return an error message of a service as CloudFormation's handlers quote it.

    Source: https://github.com/aws-cloudformation/cfn-lint/issues/3833
    """
    return f"{message} (Service: {service}, Status Code: 400, Request ID: {unique('request', service, message)})"


def physical_id(
    type: str,
    logical_id: str,
    stack: str,
    properties: Data,
    number: int,
    state: SandboxState,
) -> str:
    """Return the physical id, which Ref returns, of the ``number``-th resource of a logical id in a stack."""
    seed = (type, logical_id, stack, number)
    given = properties.get(custom_name(type, properties) or "")
    name = given if isinstance(given, str) and given else _generated_name(type, logical_id, stack, seed)
    return _filled(record_of(type).simulation.physical_id, seed, properties, state, {"name": name, "number": number})


def _generated_name(type: str, logical_id: str, stack: str, seed: tuple[object, ...]) -> str:
    """Return a name as CloudFormation generates it: stack, logical id and twelve letters, cut to the type's limit."""
    simulation = record_of(type).simulation
    ending = token(*seed, length=12, alphabet=_LETTERS)
    if simulation.generated_name:
        return simulation.generated_name.format(logical=logical_id, ending=ending)
    if simulation.lower_case:
        ending, stack, logical_id = ending.lower(), stack.lower(), logical_id.lower()
    room = simulation.longest_name - len(ending) - 2
    half = max(room // 2, room - len(logical_id))
    return f"{stack[:half].rstrip('-')}-{logical_id[: room - min(half, len(stack))]}-{ending}"


def attributes(type: str, physical_id: str, properties: Data, state: SandboxState) -> Document:
    """Return all attributes of a resource that Fn::GetAtt knows, with values of the right kind."""
    facts = facts_of(type)
    names = sorted(facts.attributes - {"*"}) if facts else []
    return {name: _attribute(type, name, physical_id, properties, state) for name in names}


def _attribute(type: str, name: str, physical_id: str, properties: Data, state: SandboxState) -> Any:
    seed = (type, physical_id, name)
    value = at(properties, name.replace(".", "/"))
    if value is not None:
        return value
    pattern = record_of(type).simulation.attributes.get(name)
    if isinstance(pattern, str):
        return _filled(pattern, seed, properties, state, {"id": physical_id})
    if pattern is not None:
        return pattern
    own = type.rpartition("::")[2]
    if name == "Arn" and physical_id.startswith("arn:"):
        return physical_id
    if name in ("Id", f"{own}Id", f"{own}Arn", f"{own}Url", f"{own}Name", "Name", "Ref"):
        return physical_id
    return _guessed(name, seed, state)


_NUMBERS = re.compile(
    r"(Count|Seconds|Throughput|Length|Period|Delay|Index|Days|Timeout|Storage|Percentage|Capacity|Iops)$"
    r"|(Interval|PromotionTier|RetentionLimit|OperationPercentProgress|PerNodeGroup|PerCore|Asn)$"
    r"|^(Num|Total|Max.*Size)"
)
_TRUTHS = re.compile(
    r"^(Enable(?!Cloudwatch|Lni|Prefix)|Is|Assign|Map|Ipv6Native|Block(?!Device)|Ignore|Restrict|Manage|Copy|Use(?!r))"
    r"|^(ApplyImmediately|MultiAZ)$|^(Delete|Disable|Skip|Propagate)"
    r"|^Group(Member|Source)"
    r"|(Enabled|Encrypted|Dns64|FifoQueue|FifoTopic|BasedDeduplication|Stabilize|Document|Protection|Upgrade)$"
    r"|(Optimized|Public|Accessible|Restart|LogVolume)$"
)
_LISTS = re.compile(r"(?<!s)(?<!Statu)(?<!Dn)(?<!Policie)(?<!Alia)(?<!Ip)s$|(Ingress|Egress|List|Set|DnsIps)$")


def _guessed(name: str, seed: tuple[object, ...], state: SandboxState) -> Any:
    """Return a value for an attribute that only the service knows, of the kind that its name suggests."""
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
        kind = last.removesuffix("Arn").lower() or "resource"
        return state.arn(str(seed[0]).split("::")[1].lower(), f"{kind}/{token(*seed)}")
    if last.endswith(("Status", "State")):
        return "ACTIVE"
    return f"{last.lower()}-{token(*seed)}"


def _filled(
    pattern: str,
    seed: tuple[object, ...],
    properties: Data,
    state: SandboxState,
    more: Mapping[str, object],
) -> str:
    """Fill the fields of a pattern: ids that depend on ``seed``, properties (``p``, and ``e`` for their last step), and
    ``more``. ``last``, ``title`` and ``plain`` are parts of the physical id.
    """
    texts = {key: str(value) for key, value in properties.items() if isinstance(value, str | int)}
    steps = str(more.get("id", "")).split("/")
    balancer = re.search(r"(?:loadbalancer|listener)/app/(\S+)", " ".join(texts.values()))
    values: dict[str, object] = {
        "hex": token(*seed),
        "short": token(*seed, length=16),
        "long": token(*seed, length=17, alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "six": token(*seed, length=6, alphabet=_LETTERS),
        "ten": token(*seed, length=10, alphabet="123456789"),
        "uuid": unique(*seed),
        "address": ".".join(str(int(token(*seed, step, length=2), 16) % 250 + 1) for step in range(3)),
        "account": state.account,
        "region": state.region,
        "partition": state.partition,
        "suffix": state.url_suffix,
        "p": defaultdict(lambda: token(*seed, length=8), texts),
        "e": defaultdict(lambda: "default", {key: value.rpartition("/")[2] for key, value in texts.items()}),
        "last": steps[-1],
        "title": steps[-2] if len(steps) > 1 else steps[-1].rpartition(":")[2],
        "plain": str(more.get("id", "")).removeprefix("/"),
        "balancer": balancer[1] if balancer else f"balancer/{token(*seed, length=16)}",
        **more,
    }
    return pattern.format_map(values)

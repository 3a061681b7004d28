"""Route 53: the records of hosted zones. Every zone exists, except for one that a stack of the sandbox has deleted."""

from __future__ import annotations

from fsdcf.sandbox.ids import quoted
from fsdcf.sandbox.state import Data, SandboxState, ServiceError

RECORD = "route53.record"
ZONE = "route53.zone"


def put_zone(state: SandboxState, zone: str, properties: Data) -> None:
    """Store a hosted zone."""
    state.store.put(ZONE, zone, {"name": _full(properties.get("Name", ""))})


def remove_zone(state: SandboxState, zone: str) -> None:
    """Remove a hosted zone. Raises ServiceError if it has records."""
    if state.store.every(RECORD, f"{zone}|"):
        text = "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
        raise _refusal("HostedZoneNotEmpty", text)
    state.store.put(ZONE, zone, {"name": None})


def put_record(state: SandboxState, properties: Data, replaces: bool = True) -> None:
    """Store a record by its CloudFormation properties. Raises ServiceError if its zone is gone, if its name is not in
    the zone, or if it exists, unless it ``replaces`` that one.
    """
    zone, key = _zone(properties), _key(properties)
    known, name = state.store.get(ZONE, zone), _full(properties["Name"])
    if known is not None and known["name"] is None:
        raise _refusal("NoSuchHostedZone", f"No hosted zone found with ID: {zone}")
    if known is not None and not f".{name}".endswith(f".{known['name']}"):
        text = f"[RRSet with DNS name {name} is not permitted in zone {known['name']}]"
        raise _refusal("InvalidChangeBatch", text)
    if not replaces and state.store.get(RECORD, key) is not None:
        text = (
            f"[Tried to create resource record set [name='{name}', type='{properties['Type']}'] but it already exists]"
        )
        raise _refusal("InvalidChangeBatch", text)
    state.store.put(RECORD, key, dict(properties))


def remove_record(state: SandboxState, properties: Data) -> None:
    """Remove a record, if it exists."""
    state.store.remove(RECORD, _key(properties))


def has_record(state: SandboxState, name: str, type: str) -> bool:
    """Return whether a zone has a record of this name and type."""
    records = (body for _, body in state.store.every(RECORD))
    return any(_full(body["Name"]) == _full(name) and body["Type"] == type for body in records)


def _zone(properties: Data) -> str:
    return str(properties.get("HostedZoneId") or properties.get("HostedZoneName", "")).rpartition("/")[2]


def _key(properties: Data) -> str:
    parts = (_zone(properties), _full(properties["Name"]), properties["Type"], properties.get("SetIdentifier", ""))
    return "|".join(map(str, parts))


def _full(name: str) -> str:
    """Return a domain name as Route 53 stores it."""
    return f"{name.lower().rstrip('.')}."


def _refusal(code: str, message: str) -> ServiceError:
    return ServiceError(code, quoted(message, "Route53"))

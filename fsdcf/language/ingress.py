"""The sources that may connect to a load balancer, in as few rules of security groups as they need."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from fsdcf.language.model.traffic import BalancerSettings

EVERYONE = ("0.0.0.0/0",)
PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")

MOST_RULES = 60
"""The ingress rules of a security group, for IPv4 and for IPv6 each. A range and a security group are one rule; a
prefix list counts as its maximum number of entries, which a spec does not tell.

Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups
"""

Rules = tuple[tuple[int, str], ...]
"""The rules of a group: a port, and the source that may connect to it."""


def is_range(source: str) -> bool:
    """Whether a source is an address range, and not a prefix list or a security group."""
    return not source.startswith(("pl-", "sg-"))


def ingress(balancer: BalancerSettings) -> tuple[Rules, Rules]:
    """The rules of the load balancer's group, and those of a second group, without which the first would have too many.

    With a certificate, port 80 redirects to HTTPS. It admits the same addresses, by as few ranges as that takes; its
    rules are in the second group if both do not fit in one, or if the size of a prefix list is not known. Ranges of the
    serving port are as written, or merged where there are too many. The rules of a group that has too many all the same
    are more than ``MOST_RULES`` by ``rule_count``.
    """
    allowed = {str(ip_network(one)) if is_range(one) else one: one for one in balancer.allow_cidrs}
    written = tuple(sorted(allowed.values())) or (PRIVATE_RANGES if balancer.internal else EVERYONE)
    fewest = _merged(written)
    if not balancer.https:
        return _rules(80, written if _fit(_rules(80, written)) else fewest), ()
    redirected = _rules(80, fewest)
    for sources in (written, fewest):
        together = redirected + _rules(443, sources)
        if _fit(together) and not any(source.startswith("pl-") for source in sources):
            return together, ()
    return _rules(443, written if _fit(_rules(443, written)) else fewest), redirected


def rule_count(rules: Rules) -> int:
    """How many rules count towards the limit: those of IPv4 or of IPv6, whichever are more."""
    sources = [source for _, source in rules]
    others = sum(not is_range(source) for source in sources)
    ipv6 = sum(":" in source for source in sources)
    return others + max(ipv6, len(sources) - others - ipv6)


def _fit(rules: Rules) -> bool:
    return rule_count(rules) <= MOST_RULES


def _rules(port: int, sources: Iterable[str]) -> Rules:
    return tuple((port, source) for source in sources)


def _merged(sources: tuple[str, ...]) -> tuple[str, ...]:
    """The fewest sources that admit exactly the same addresses: neighbouring and contained ranges become one."""
    networks = [ip_network(source) for source in sources if is_range(source)]
    merged = {
        *map(str, collapse_addresses([one for one in networks if isinstance(one, IPv4Network)])),
        *map(str, collapse_addresses([one for one in networks if isinstance(one, IPv6Network)])),
    }
    spelled = {str(ip_network(source)): source for source in sources if is_range(source)}
    kept = {spelled.get(text, text) for text in merged}
    return tuple(sorted(kept | {source for source in sources if not is_range(source)}))

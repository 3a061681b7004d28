"""The traffic at a load balancer: its domain, the requests that it forwards or redirects, sign-in, and its logs."""

from typing import Any

from fsdcf.language.shape import spec_key

DOMAIN = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
"""A domain name in lower case. Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html"""

BALANCER_NAME = r"[a-z][a-z0-9]{0,19}"
"""The name of a load balancer of an environment, which begins the ids and the exports of its resources."""

MOST_VALUES = 5
"""Values of all conditions of a listener's rule, of which a condition has three; and its wildcards.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""

_HOST = r"(?=.{1,128}$)[A-Za-z0-9.*?-]*\.[A-Za-z*?]+"
_PATH = r"[/*?][A-Za-z0-9_.$/~\"'@:+&*?-]*"
"""The characters of hosts and paths in a condition.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""


def hosts_key(doc: str) -> Any:
    """The key `hosts` of a rule at a listener."""
    return spec_key(
        f"{doc}; `*` matches any characters, `?` one.",
        default=(),
        pattern=_HOST,
        expects="a host name such as shop.example.com or *.example.com",
        fewest=1,
    )


def paths_key(doc: str) -> Any:
    """The key `paths` of a rule at a listener."""
    return spec_key(
        f"{doc}, with upper and lower case as written; `*` matches any characters, `?` one.",
        default=(),
        pattern=_PATH,
        longest=128,
        expects="a path such as /api/*",
        fewest=1,
    )

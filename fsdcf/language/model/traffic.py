"""The traffic at a load balancer: its domain, the requests that it forwards or redirects, sign-in, and its logs."""

from typing import Any, Protocol

from fsdcf.language.model.common import EC2_ID, IN_PRODUCTION, IN_PROTECTED, SECRETS_MANAGER
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

DOMAIN = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
"""A domain name in lower case.
Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html"""

BALANCER_NAME = r"[a-z][a-z0-9]{0,19}"
"""The name of a load balancer of an environment, which begins the ids and the exports of its resources."""

CIDR = r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}|[0-9a-fA-F:]+/\d{1,3}"

_CERTIFICATE = r"arn:aws[a-z-]*:(acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+|iam::\d{12}:server-certificate/[!-~]+)"

BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"

MOST_VALUES = 5
"""Values of all conditions of a listener's rule, of which a condition has three; and its wildcards.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""

_URL = r"https://[!-~]+"
_HTTPS = "an https URL"
_HOST = r"(?=.{1,128}$)[A-Za-z0-9.*?-]*\.[A-Za-z*?]+"
_PATH = r"[/*?][A-Za-z0-9_.$/~\"'@:+&*?-]*"
"""The characters of hosts and paths in a condition.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""

_WORD = "[!-~]+"
_WORD_WORDS = "text without spaces"
_TEXT = "[ -~]+"
_TEXT_WORDS = "printable ASCII characters"


class BalancerSettings(Protocol):
    """What a service's own load balancer and one of an environment have in common."""

    @property
    def internal(self) -> bool: ...
    @property
    def certificate_arn(self) -> String | None: ...
    @property
    def makes_certificate(self) -> bool: ...
    @property
    def https(self) -> bool: ...
    @property
    def ssl_policy(self) -> str | None: ...
    @property
    def idle_timeout(self) -> int: ...
    @property
    def allow_cidrs(self) -> tuple[str, ...]: ...
    @property
    def access_logs(self) -> "bool | AccessLogs | None": ...
    @property
    def deletion_protection(self) -> bool | None: ...
    @property
    def waf(self) -> String | None: ...


def internal_key() -> Any:
    """The key `internal` of a load balancer. These keys are the same for one of a service and one of an environment."""
    return spec_key("Accept requests only from inside the network, not from the internet.", default=False)


def certificate_key(doc: str, computed_default: str = "") -> Any:
    """The key `certificateArn` of a load balancer."""
    return spec_key(
        f"Certificate. With one, {doc} HTTPS, and HTTP is redirected to it.",
        default=None,
        pattern=_CERTIFICATE,
        expects="the ARN of a certificate in ACM",
        computed_default=computed_default,
    )


def hosted_zone_key(doc: str) -> Any:
    """The key `hostedZoneId` of what has records in Route 53."""
    return spec_key(
        doc,
        default=None,
        pattern="Z[A-Z0-9]{1,31}",
        expects="the id of a hosted zone, such as Z0123456789ABCDEFGHIJ",
    )


def ssl_policy_key() -> Any:
    """The key `sslPolicy` of a load balancer."""
    return spec_key(
        "Security policy of the HTTPS listener.",
        default=None,
        pattern=r"ELBSecurityPolicy-[A-Za-z0-9-]+",
        expects=f"a policy such as {TLS_POLICY}",
        computed_default=TLS_POLICY,
    )


def idle_timeout_key() -> Any:
    """The key `idleTimeout` of a load balancer."""
    return spec_key("Seconds after which an idle connection is closed.", default=60, minimum=1, maximum=4000)


def allow_cidrs_key(network: str) -> Any:
    """The key `allowCidrs` of a load balancer."""
    return spec_key(
        "Sources that may connect: address ranges, prefix lists (`pl-…`), and security groups (`sg-…`) in an existing "
        f"{network}. A security group takes 60 rules, of which a prefix list counts as its maximum number of entries.",
        default=(),
        pattern=f"{CIDR}|(pl|sg)-{EC2_ID}",
        expects="a range such as 203.0.113.0/24, or the id of a prefix list or security group",
        fewest=1,
        computed_default="all addresses, or the private ranges if internal",
    )


def access_logs_key(more: str = "", default: bool | None = None) -> Any:
    """The key `accessLogs` of a bucket, or of a load balancer, whose ``default`` depends on the environment."""
    return spec_key(
        f"Write a log of all requests{more}: `true` to a bucket in the stack, or the details.",
        default=default,
        computed_default=IN_PROTECTED if default is None else "",
    )


def deletion_protection_key() -> Any:
    """The key `deletionProtection` of a load balancer."""
    return spec_key(
        "Refuse to delete the load balancer until this is `false`, or `fsdcf delete --unprotect` turns it off.",
        default=None,
        computed_default=IN_PRODUCTION,
    )


def waf_key() -> Any:
    """The key `waf` of a load balancer: a web ACL for CloudFront has `global` in its ARN in place of `regional`."""
    return spec_key(
        "Web ACL of AWS WAF in front of the load balancer.",
        default=None,
        pattern=r"arn:aws[a-z-]*:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[A-Za-z0-9_-]{1,128}/[a-f0-9-]+",
        expects="the ARN of a regional web ACL",
    )


def hosts_key(doc: str, default: str = "") -> Any:
    """The key `hosts` of a rule at a listener."""
    return spec_key(
        f"{doc}; `*` matches any characters, `?` one.",
        default=(),
        pattern=_HOST,
        expects="a host name such as shop.example.com or *.example.com",
        fewest=1,
        computed_default=default,
    )


def paths_key(doc: str) -> Any:
    """The key `paths` of a rule at a listener."""
    return spec_key(
        f"{doc}, with upper and lower case as written; `*` matches any characters, `?` one. `/api/*` does not match "
        "`/api` itself.",
        default=(),
        pattern=_PATH,
        longest=128,
        expects="a path such as /api/*",
        fewest=1,
    )


@spec_record
class Domain:
    """The host name of a service with a load balancer of its own."""

    name: str = spec_key(
        "Host name of the service.", pattern=DOMAIN, expects="a name in lower case, such as shop.example.com"
    )
    aliases: tuple[str, ...] = spec_key(
        "Further host names in the same hosted zone, for the certificate and with records of their own.",
        default=(),
        pattern=rf"(\*\.)?{DOMAIN}",
        expects="a name in lower case, such as www.example.com or *.example.com",
        most=9,
    )
    hosted_zone_id: String | None = hosted_zone_key(
        "Public hosted zone of the names in Route 53. The stack then has their alias records, and a certificate that "
        "is validated by DNS, unless certificateArn names one."
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The host name, and the further ones in the order of the alphabet."""
        return (self.name, *sorted(set(self.aliases) - {self.name}))


def _values_key(subject: str) -> Any:
    return spec_key(
        f"Values, one of which the {subject} must have; `*` matches any characters, `?` one.",
        pattern=_TEXT,
        longest=128,
        expects=_TEXT_WORDS,
        as_text=True,
        fewest=1,
        most=3,
    )


@spec_record
class HeaderCondition:
    """A header that a request must have."""

    name: str = spec_key(
        "Name of the header, in upper or lower case.",
        pattern=r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}",
        expects="the name of a header, such as X-Version",
    )
    values: tuple[str, ...] = _values_key("header")


@spec_record
class QueryCondition:
    """A parameter that the query of a request must have."""

    name: str | None = spec_key(
        "Name of the parameter; without it, any parameter.",
        default=None,
        pattern=_TEXT,
        longest=128,
        expects=_TEXT_WORDS,
    )
    values: tuple[str, ...] = _values_key("parameter")


@spec_record
class Redirect:
    """Requests that the load balancer redirects. Without toHost or toPath, that part of the URL stays; the query
    stays."""

    hosts: tuple[str, ...] = hosts_key("Host names to redirect")
    paths: tuple[str, ...] = paths_key("Paths to redirect")
    to_host: str | None = spec_key(
        "Host name to redirect to.", default=None, pattern=DOMAIN, longest=128, expects="a host name"
    )
    to_path: str | None = spec_key(
        "Path to redirect to; `#{path}` is the path of the request without its first `/`.",
        default=None,
        pattern=r"/([!-\"$-~]|#\{(host|path|port)\})*",
        longest=128,
        expects="a path such as /new, or /new/#{path}",
    )
    status: int = spec_key("301 for a permanent redirect, 302 for a temporary one.", default=301, allowed=(301, 302))


@spec_record
class OidcProvider:
    """An identity provider that speaks OpenID Connect."""

    issuer: String = spec_key("Issuer of the identity provider.", pattern=_URL, expects=_HTTPS)
    authorization_endpoint: String = spec_key("Authorization endpoint.", pattern=_URL, expects=_HTTPS)
    token_endpoint: String = spec_key("Token endpoint, which the load balancer calls.", pattern=_URL, expects=_HTTPS)
    user_info_endpoint: String = spec_key(
        "User info endpoint, which the load balancer calls.", pattern=_URL, expects=_HTTPS
    )
    client_id: String = spec_key("Id of the client.", pattern=_WORD, expects=_WORD_WORDS, as_text=True)
    client_secret: String = spec_key(
        "Secret of Secrets Manager with the client secret; the JSON key, stage and version follow its name, separated "
        "by colons. CloudFormation reads it when the rule changes.",
        pattern=SECRETS_MANAGER,
        longest=2048,
        expects="secretsmanager:name:json-key for a secret of the stack's account and region, or its ARN",
        conceal=True,
    )


@spec_record
class CognitoUserPool:
    """A user pool of Amazon Cognito."""

    user_pool_arn: String = spec_key(
        "ARN of the user pool.",
        pattern=r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[\w-]+_[0-9a-zA-Z]+",
        expects="the ARN of a user pool",
    )
    client_id: String = spec_key(
        "Id of the pool's client, which must have a secret.", pattern=_WORD, expects=_WORD_WORDS
    )
    domain: String = spec_key("Prefix of the pool's domain, or its custom domain.", pattern=_WORD, expects=_WORD_WORDS)


@spec_record
class Authentication:
    """The sign-in that the load balancer demands before it forwards a request; times in seconds."""

    oidc: OidcProvider | None = spec_key("Identity provider by OpenID Connect.", default=None)
    cognito: CognitoUserPool | None = spec_key("Amazon Cognito.", default=None)
    scope: str = spec_key(
        "Scopes to ask for, separated by spaces.",
        default="openid",
        pattern=rf"{_WORD}( {_WORD})*",
        expects="scopes such as `openid email`",
    )
    on_unauthenticated: str = spec_key(
        "What happens to a request without a session: the user signs in, it is denied, or it is forwarded.",
        default="authenticate",
        allowed=("authenticate", "deny", "allow"),
    )
    session_timeout: int = spec_key("Seconds until a user signs in again.", default=604800, minimum=1, maximum=604800)
    session_cookie: str | None = spec_key(
        "Name of the cookie of the session.",
        default=None,
        pattern=r"[A-Za-z0-9_-]+",
        longest=256,
        expects="letters, digits, _ and -",
        computed_default="AWSELBAuthSessionCookie",
    )


@spec_record
class AccessLogs:
    """The bucket for the access logs of a load balancer or bucket."""

    bucket: String | None = spec_key(
        "Name of an existing bucket of the region, whose policy admits Elastic Load Balancing, or the log of S3.",
        default=None,
        pattern=BUCKET_NAME,
        expects="the name of a bucket",
        computed_default="a bucket in the stack",
    )
    prefix: str = spec_key(
        "Prefix of the objects in the bucket.",
        default="",
        pattern=r"(?!.*AWSLogs)[!-.0-~]([!-~]*[!-.0-~])?",
        longest=512,
        expects="a prefix without AWSLogs, and without / at its ends",
    )

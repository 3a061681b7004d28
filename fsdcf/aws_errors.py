"""The error codes of AWS and the exceptions of botocore, by what they mean for a caller, and what a denial says.

Imports only the standard library: the script of a data migration contains it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

Category = Literal["throttled", "denied", "credentials", "transient", "unimplemented", "other"]

CODES: Mapping[Category, frozenset[str]] = {
    "throttled": frozenset(
        {
            *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"),
            *("RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"),
            *("BandwidthLimitExceeded", "EC2ThrottledException", "PriorRequestNotComplete"),
            *("TransactionInProgressException", "ProvisionedThroughputExceededException"),
        }
    ),
    "denied": frozenset(
        {
            *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException"),
            *("AuthorizationError", "AuthorizationErrorException", "NotAuthorized", "403", "Forbidden"),
        }
    ),
    "credentials": frozenset(
        {
            *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidToken"),
            *("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"),
            *("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "RequestTimeTooSkewed"),
            *("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
        }
    ),
    "transient": frozenset(
        {
            *("InternalError", "InternalFailure", "InternalServerError", "InternalServiceError"),
            *("ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException"),
        }
    ),
    "unimplemented": frozenset(
        {
            *("UnknownOperation", "UnknownOperationException", "InvalidAction", "NotImplemented"),
            *("NotImplementedException", "NotImplementedError", "501"),
        }
    ),
}
"""Throttled: too many calls, and the call was not carried out. Denied: a permission is missing.

Credentials: AWS rejects the signature. Transient: AWS itself failed, and the call may have been carried out.
Unimplemented: the endpoint lacks the operation, or the whole service, and always will.

Sources: the common errors of each API reference, and botocore's retry tables (botocore/retries/standard.py).
"""

_NO_CREDENTIALS = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError"),
        *("TokenRetrievalError", "SSOError", "LoginError", "MetadataRetrievalError", "RefreshWithMFAUnsupportedError"),
        "InvalidConfigError",
    }
)
_NETWORK = frozenset(
    {
        *("HTTPClientError", "ConnectionError", "IncompleteReadError", "ResponseStreamingError", "ResponseParserError"),
        *("ChecksumError", "FlexibleChecksumError"),
    }
)


_UNIMPLEMENTED = re.compile(
    r"(?i)not (?:yet )?(?:been )?(?:implemented|emulated)|NotImplemented|pro feature"
    r"|licen[cs]e plan|not included (?:with)?in your .{0,60}?licen[cs]e"
    r"|unknown operation|(?:unable to|could not) find operation"
)
"""The words of emulators for an operation or a service that they lack, most of them with the code InternalFailure.

Sources: localstack's utils/coverage_docs.py and aws/protocol/parser.py, and moto's core/responses.py.
"""


def categorize(code: str, status: int = 400, message: str = "") -> Category:
    """What an error response of AWS, or of an emulator, means, by its code, HTTP status and message."""
    category: Category = next((name for name, codes in CODES.items() if code in codes), "other")
    if status == 501 or (category in ("transient", "other") and _UNIMPLEMENTED.search(message)):
        return "unimplemented"
    if category != "other":
        return category
    if status == 429 or (status < 500 and "Rate exceeded" in message):
        return "throttled"
    if status >= 500:
        return "transient"
    return "denied" if code.endswith("AccessDenied") or denial_in(message) is not None else "other"


def lacks_credentials(error: Exception) -> bool:
    """Whether an exception of botocore reports missing or unusable credentials.

    botocore versions differ, so names decide.
    """
    return _is_one_of(error, _NO_CREDENTIALS)


def is_network_failure(error: Exception) -> bool:
    """Whether an exception of botocore says that no answer of AWS arrived."""
    return _is_one_of(error, _NETWORK)


_REFUSED = re.compile(
    r"(?:User: (?P<principal>[^\s,]+) )?(?:is|are) not authorized to perform:? (?P<action>[\w-]+:\w+)"
    r"(?: on (?:the )?resource:? [\"']?(?P<resource>(?:arn:|role |user |policy )[^\s\"']*[^\s\"'.,]|\*)"
    r"[\"'.,]*(?=\s|$))?"
)
_KIND = r"(?P<policy>[\w-][\w -]{0,60}?(?:policy|boundary))"
_LACKING = re.compile(rf"because no {_KIND} allows")
_DENYING = re.compile(rf"explicit deny(?: in (?:an?|the) {_KIND}(?::? (?P<document>arn:[\w:/+=,.@-]*\w))?)?")
_UNASSUMABLE = re.compile(r"[Rr]ole [\"']?(?P<role>[^\s\"']+)[\"']? is invalid or cannot be assumed")
_ENCODED = re.compile(r"(?i)(?P<label>encoded authorization (?:failure )?message):?\s*[\w+/=-]{20,}")
_HANDLER = re.compile(r"\(Service: (?P<service>\w+)[,;]")
_PASSED_TO = {"ecs": "ecs-tasks", "amazonecs": "ecs-tasks", "ec2": "vpc-flow-logs", "rds": "monitoring.rds"}
"""The service that a call of a service passes a role to, where that is another one.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""

POLICY_ADVICE: Mapping[str, str] = {
    "identity-based policy": "allow the action in a policy of the caller's role or user",
    "resource-based policy": "change the policy of the resource itself: that of the caller is not enough",
    "permissions boundary": "change the permissions boundary of the caller: its other policies cannot exceed it",
    "session policy": "start the session without a session policy, or with one that allows the action",
    "service control policy": "ask the administrators of the organization: it limits every role of the account",
    "resource control policy": "ask the administrators of the organization: it limits access to the resource",
    "VPC endpoint policy": "change the policy of the VPC endpoint that the request passes",
}
"""What helps against a denial, by the kind of policy that refuses.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""


@dataclass(frozen=True)
class Denial:
    """Who may not do what on which resource, and the kind of policy that refuses; empty where AWS does not say.

    ``explicit``: a statement of that policy denies the action; otherwise no statement of such a policy allows it.
    ``document`` is the policy's ARN. ``passed_to`` is the service that a role is passed to (``iam:PassRole``), or that
    cannot assume it (``sts:AssumeRole``). ``encoded``: AWS encoded the details.
    """

    principal: str = ""
    action: str = ""
    resource: str = ""
    policy: str = ""
    explicit: bool = False
    document: str = ""
    passed_to: str = ""
    encoded: bool = False

    @property
    def unassumable(self) -> bool:
        """Whether a service cannot assume the role that it was given."""
        return self.action == "sts:AssumeRole" and bool(self.passed_to)

    @property
    def text(self) -> str:
        """Who may not do what, and why, in a clause."""
        if self.unassumable:
            return f"CloudFormation cannot assume the role {self.resource}"
        by = f" as {self.principal}" if self.principal else ""
        why = f": {self.why}" if self.why else ""
        if self.action == "iam:PassRole":
            to = f" to {self.passed_to}" if self.passed_to else ""
            return f"no permission to pass the role {self.resource or 'of the call'}{to} (iam:PassRole){by}{why}"
        return f"no permission for {self.action}{f' on {self.resource}' if self.resource else ''}{by}{why}"

    @property
    def why(self) -> str:
        """Which kind of policy refuses, in a clause; empty if AWS does not say."""
        document = f" ({self.document})" if self.document else ""
        if self.explicit:
            return f"{_article(self.policy or 'policy')}{document} denies it explicitly"
        return f"no {self.policy}{document} allows it" if self.policy else ""

    @property
    def advice(self) -> str:
        """What helps against the policy that refuses; empty if it is not known."""
        if self.unassumable:
            trust = f"its trust policy must allow sts:AssumeRole to {self.passed_to}"
            return f"the role must exist, {trust}, and the caller needs iam:PassRole for it"
        if self.explicit:
            more = POLICY_ADVICE.get(self.policy, "") if "control" in self.policy else ""
            found = f"find the Deny in {_article(self.policy or 'policy')}: no other statement overrides it"
            return f"{found}; {more}" if more else found
        if self.action == "iam:PassRole" and self.lacks_statement:
            return f"add this statement to a policy of the caller's role or user: {self.statement}"
        return POLICY_ADVICE.get(self.policy, "")

    @property
    def lacks_statement(self) -> bool:
        """Whether a statement for the caller may be all that is missing."""
        return not self.explicit and not self.unassumable and self.policy in ("", "identity-based policy")

    @property
    def statement(self) -> str:
        """The statement, in JSON, that would allow the call."""
        condition = f', "Condition": {{"StringEquals": {{"iam:PassedToService": "{self.passed_to}"}}}}'
        limit = condition if self.passed_to else ""
        return f'{{"Effect": "Allow", "Action": "{self.action}", "Resource": "{self.resource or "*"}"{limit}}}'


def denial_in(message: str) -> Denial | None:
    """What a message of AWS says of a denied action; None if it names none.

    A role that CloudFormation cannot assume is such a message, too.
    """
    text = " ".join(message.split())
    unassumable = _UNASSUMABLE.search(text)
    if unassumable is not None:
        return Denial("", "sts:AssumeRole", unassumable["role"], passed_to="cloudformation.amazonaws.com")
    refused = _REFUSED.search(text)
    if refused is None:
        return None
    denying, lacking, handler = _DENYING.search(text), _LACKING.search(text), _HANDLER.search(text)
    kind = denying or lacking
    denial = Denial(
        refused["principal"] or "",
        refused["action"],
        refused["resource"] or "",
        (kind["policy"] or "") if kind is not None else "",
        denying is not None,
        (denying["document"] or "") if denying is not None else "",
        encoded=_ENCODED.search(text) is not None,
    )
    return _passing(denial, handler["service"].lower()) if handler is not None else denial


def _passing(denial: Denial, service: str) -> Denial:
    """The denial with the service that a role is passed to by a call of this service."""
    if denial.action != "iam:PassRole" or denial.passed_to or service == "iam":
        return denial
    return replace(denial, passed_to=f"{_PASSED_TO.get(service, service)}.amazonaws.com")


_PREFIX = {"elbv2": "elasticloadbalancing", "stepfunctions": "states"}
"""IAM's prefix of a service, where it differs from botocore's name."""

_NAMED = {("s3", "HeadBucket"): "s3:ListBucket"}
"""The action of an operation, where it does not have the operation's name.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html"""


def iam_action(service: str, operation: str) -> str:
    """The IAM action of an operation; the service by botocore's name."""
    return _NAMED.get((service, operation), f"{_PREFIX.get(service, service)}:{operation}")


def denial_of(service: str, operation: str, message: str) -> Denial:
    """The denial of a call: what AWS's message says, and what the call itself tells. The service by botocore's name."""
    denial = denial_in(message) or Denial(
        action=iam_action(service, operation), encoded=_ENCODED.search(message) is not None
    )
    return _passing(denial, service)


def without_encoded(message: str) -> str:
    """A message of AWS without the encoded details of a denial, which have thousands of characters."""
    return _ENCODED.sub(lambda match: f"{match['label']} (not shown)", message)


class CredentialsError(Exception):
    """There are no usable credentials: what was tried in which profile and why it failed, what helps, and the commands
    to run."""

    def __init__(self, sentence: str, advice: str = "", next: tuple[str, ...] = (), profile: str = "") -> None:
        super().__init__(sentence)
        self.profile = profile
        self.advice = advice
        self.next = next


@dataclass(frozen=True)
class CredentialsProblem:
    """Why a provider of credentials fails, as a predicate ("has expired").

    ``kind``: the ``settings`` of the profile are wrong, the ``code`` of an MFA device is needed or was a ``wrong
    code``, the ``role`` cannot be assumed, or the ``assignment`` of a person to a role is missing; empty for any other
    problem.
    """

    text: str
    kind: Literal["settings", "package", "code", "wrong code", "role", "assignment", ""] = ""


_REJECTIONS: Mapping[str, Literal["wrong code", "role", "assignment"]] = {
    "MultiFactorAuthentication failed": "wrong code",
    "AssumeRole": "role",
    "GetRoleCredentials": "assignment",
}
"""Problems by words of a rejected call, special ones first."""


def credentials_problem(error: Exception) -> CredentialsProblem:
    """Why an exception of botocore's credential providers was raised, without any value that it contains.

    Most exceptions quote what a program or an endpoint answered: their messages are not used. Names decide, since
    botocore versions differ.
    """
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        details = response.get("Error", {})
        call = f"{getattr(error, 'operation_name', 'the call')}: {details.get('Message') or details.get('Code')}"
        kinds = (kind for words, kind in _REJECTIONS.items() if words in call)
        return CredentialsProblem(f"was rejected by {call}", next(kinds, ""))
    if isinstance(error, OSError):
        file = f"{error.filename}: " if error.filename else ""
        return CredentialsProblem(f"cannot be read: {file}{error.strerror or 'the reading failed'}")
    status = re.search(r"non 200 response (\d{3})", str(error))
    if status is not None:
        return CredentialsProblem(f"answered with status {status[1]}")
    if "parameter TokenCode" in str(error):
        return CredentialsProblem("needs the code of an MFA device, which has six digits", "wrong code")
    known = {name: " ".join(_listed(value).split()) for name, value in getattr(error, "kwargs", {}).items()}
    for name, problem in _PROBLEMS.items():
        if _is_one_of(error, frozenset({name})):
            return replace(problem, text=problem.text.format_map({**_UNKNOWN, **known, "own": str(error)}))
    return CredentialsProblem(f"cannot be used ({type(error).__name__})")


def _listed(value: object) -> str:
    return " -> ".join(map(str, value)) if isinstance(value, list) else str(value)


_UNKNOWN = dict.fromkeys(("visited_profiles", "source_profile", "error_msg", "cred_var", "report"), "?")
_PROBLEMS: Mapping[str, CredentialsProblem] = {
    "ProcessFailed": CredentialsProblem("{own}"),
    "CodeNeeded": CredentialsProblem("needs the code of an MFA device, and there is no terminal to ask for it", "code"),
    "EOFError": CredentialsProblem("needs the code of an MFA device, and none was entered", "wrong code"),
    "RefreshWithMFAUnsupportedError": CredentialsProblem("needs another code of the MFA device to be renewed", "code"),
    "InfiniteLoopConfigError": CredentialsProblem("is in a loop: {visited_profiles} -> {source_profile}", "settings"),
    "InvalidConfigError": CredentialsProblem("is not valid: {error_msg}", "settings"),
    "PartialCredentialsError": CredentialsProblem("is incomplete: {cred_var} is missing"),
    "ParamValidationError": CredentialsProblem("is not valid: {report}", "settings"),
    "SSOTokenLoadError": CredentialsProblem("was not found: no login on this machine"),
    "UnauthorizedSSOTokenError": CredentialsProblem("has expired"),
    "TokenRetrievalError": CredentialsProblem("has expired and cannot be renewed"),
    "LoginRefreshRequired": CredentialsProblem("has expired"),
    "LoginTokenLoadError": CredentialsProblem("was not found: no login on this machine"),
    "LoginError": CredentialsProblem("cannot be renewed"),
    "MissingDependencyException": CredentialsProblem("needs the package botocore[crt]", "package"),
    "CredentialRetrievalError": CredentialsProblem("did not return credentials"),
    "MetadataRetrievalError": CredentialsProblem("did not answer"),
    "UnicodeDecodeError": CredentialsProblem("is not valid UTF-8"),
    "KeyError": CredentialsProblem("cannot be read: it is incomplete"),
    "RuntimeError": CredentialsProblem("returned credentials that have expired"),
}
"""Problems by the name of the exception, special ones first, with the arguments of botocore's that hold no secret."""


@dataclass(frozen=True)
class NetworkProblem:
    """Why no answer of AWS arrived, and what helps. ``final``: a retry cannot solve it."""

    text: str
    advice: str = ""
    final: bool = False


_PASSING_TLS = re.compile(r"EOF|reset|timed out|timeout|BAD_RECORD_MAC|DECRYPTION_FAILED|closed", re.IGNORECASE)
_BUNDLE = (
    "set AWS_CA_BUNDLE (or ca_bundle in ~/.aws/config) to a readable file with the certificates that this network"
    " needs: a proxy that reads TLS traffic has its own"
)


def network_problem(error: Exception) -> NetworkProblem | None:
    """What an exception of botocore says of the network; None if it says that an answer arrived, or that none was due.

    Only botocore's URLs are used; it masks the password of a proxy.
    """
    if not is_network_failure(error):
        return None
    details: Mapping[str, object] = getattr(error, "kwargs", {})
    host = urlsplit(str(details.get("endpoint_url") or "")).hostname or "AWS"
    cause = " ".join(str(details.get("error") or "").split())
    if _is_one_of(error, frozenset({"ProxyConnectionError"})):
        refused = re.search(r"Tunnel connection failed: (4\d\d[^'\")]*)", cause)
        why = refused[1].strip() if refused is not None else "no connection"
        text = f"the proxy {details.get('proxy_url')} does not work: {why}"
        return NetworkProblem(text, "check HTTPS_PROXY, or name the host in NO_PROXY", refused is not None)
    if _is_one_of(error, frozenset({"SSLError"})):
        why = re.sub(r"^\[[^]]*\] ?|certificate verify failed: | ?\(_ssl\.c:\d+\)$", "", cause)[:200]
        if _PASSING_TLS.search(cause):
            return NetworkProblem(f"TLS with {host} failed: {why}")
        if "WRONG_VERSION_NUMBER" in cause:
            return NetworkProblem(f"{host} does not use TLS", "check --endpoint-url: http:// or https://", True)
        return NetworkProblem(f"the certificate of {host} cannot be verified: {why}", _BUNDLE, True)
    if "resolve" in cause or "Name or service not known" in cause or "getaddrinfo" in cause:
        return NetworkProblem(
            f"the host name {host} cannot be resolved", "check the region, the DNS, the network and HTTPS_PROXY"
        )
    return NetworkProblem(" ".join(str(error).split())[:300])


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def is_unreadable(error: Exception) -> bool:
    """Whether an answer arrived that is not one of AWS, nor one that a proxy gives while AWS is not reachable."""
    return _is_one_of(error, frozenset({"ForeignResponse"})) and not getattr(error, "passing", True)


def _is_one_of(error: Exception, names: frozenset[str]) -> bool:
    return any(base.__name__ in names for base in type(error).__mro__)

"""The error codes of AWS and the exceptions of botocore, by what they mean for a caller, and what a denial says.

Used by deploy and data migration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Category = Literal["throttled", "denied", "credentials", "transient", "other"]

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
}
"""Throttled: too many calls, and the call was not carried out. Denied: a permission is missing.

Credentials: AWS rejects the signature. Transient: AWS itself failed, and the call may have been carried out.

Sources: the common errors of each API reference, and botocore's retry tables (botocore/retries/standard.py).
"""

_NO_CREDENTIALS = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError"),
        *("TokenRetrievalError", "SSOError", "LoginError", "MetadataRetrievalError", "RefreshWithMFAUnsupportedError"),
    }
)
_NETWORK = frozenset(
    {
        *("HTTPClientError", "ConnectionError", "IncompleteReadError", "ResponseStreamingError", "ResponseParserError"),
        *("ChecksumError", "FlexibleChecksumError"),
    }
)


def categorize(code: str, status: int = 400, message: str = "") -> Category:
    """What an error response of AWS means, by its code, HTTP status and message."""
    category: Category = next((name for name, codes in CODES.items() if code in codes), "other")
    if category != "other":
        return category
    if status == 429 or (status < 500 and "Rate exceeded" in message):
        return "throttled"
    return "transient" if status >= 500 else "denied" if code.endswith("AccessDenied") else "other"


def lacks_credentials(error: Exception) -> bool:
    """Whether an exception of botocore says that there are no usable credentials.

    botocore versions differ, so names decide.
    """
    return _is_one_of(error, _NO_CREDENTIALS)


def is_network_failure(error: Exception) -> bool:
    """Whether an exception of botocore says that no answer of AWS arrived."""
    return _is_one_of(error, _NETWORK)


_REFUSED = re.compile(
    r"(?:User: (?P<principal>[^\s,]+) )?(?:is|are) not authorized to perform:? (?P<action>[\w-]+:\w+)"
    r"(?: on (?:the )?resource:? [\"']?(?P<resource>(?:arn:|role |user |policy )[^\s\"']+?|\*)[\"'.,]*(?=\s|$))?"
)
_KIND = r"(?P<policy>[\w-][\w -]*?(?:policy|boundary))"
_LACKING = re.compile(rf"because no {_KIND} allows")
_DENYING = re.compile(rf"explicit deny(?: in (?:an?|the) {_KIND})?")

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
    """

    principal: str = ""
    action: str = ""
    resource: str = ""
    policy: str = ""
    explicit: bool = False

    @property
    def text(self) -> str:
        """Who may not do what, and why, in a clause."""
        on = f" on {self.resource}" if self.resource else ""
        why = f": {self.why}" if self.why else ""
        return f"{self.principal or 'the caller'} is not allowed to perform {self.action}{on}{why}"

    @property
    def why(self) -> str:
        """Which kind of policy refuses, in a clause; empty if AWS does not say."""
        if self.explicit:
            return f"{_article(self.policy or 'policy')} denies it explicitly"
        return f"no {self.policy} allows it" if self.policy else ""

    @property
    def advice(self) -> str:
        """What helps against the policy that refuses; empty if it is not known."""
        if self.explicit:
            more = POLICY_ADVICE.get(self.policy, "") if "control" in self.policy else ""
            found = f"find the Deny in {_article(self.policy or 'policy')}: no other statement overrides it"
            return f"{found}; {more}" if more else found
        return POLICY_ADVICE.get(self.policy, "")


def denial_in(message: str) -> Denial | None:
    """What a message of AWS says of a denied action; None if it names none."""
    text = " ".join(message.split())
    refused = _REFUSED.search(text)
    if refused is None:
        return None
    denying, lacking = _DENYING.search(text), _LACKING.search(text)
    kind = denying or lacking
    return Denial(
        refused["principal"] or "",
        refused["action"],
        refused["resource"] or "",
        (kind["policy"] or "") if kind is not None else "",
        denying is not None,
    )


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _is_one_of(error: Exception, names: frozenset[str]) -> bool:
    return any(base.__name__ in names for base in type(error).__mro__)

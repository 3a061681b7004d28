"""The error codes of AWS and the exceptions of botocore, by what they mean for a caller.

Used by deploy and data migration.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def _is_one_of(error: Exception, names: frozenset[str]) -> bool:
    return any(base.__name__ in names for base in type(error).__mro__)

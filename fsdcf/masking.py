"""Secrets: how to recognize them by name or content, and how to mask them in whatever is shown.

One detector finds the secret parts of a text (``secret_parts``). Everything else uses it: the warning about a plain
secret in a spec, and the masks of plans, comments, findings, logs and suggested commands. It looks at

- names: a variable, key or option whose words say that it holds a secret (``is_secret_name``),
- values: tokens with a known beginning, private keys, JSON web tokens, user and password in a URL, and text that looks
  random (``_looks_random``), also if it is encoded as base64,
- pairs inside a value: ``Password=…;``, ``?sig=…``, ``--password …``, ``Authorization: Bearer …``, JSON.

A value that a command has met as a secret (``remember``) is masked wherever it occurs again.

Scanners on PyPI do not fit. detect-secrets 1.5.0 (Apache-2.0) takes 0.14 s to import and depends on requests, has not
been released since 2024, reports lines instead of the range of a secret, and knows neither fine-grained tokens of
GitHub nor keys of Anthropic, Google, Shopify, Datadog, age or PuTTY. The rules of gitleaks are for a program in Go. The
beginnings below are those that the vendors document for secret scanning.

Sources: https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns and
https://docs.gitlab.com/security/tokens/#token-prefixes

Patterns are compiled when a text may match them, because a compile of a spec meets almost none. Each is linear.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from itertools import pairwise
from math import log2
from typing import Any, TypeVar

MASK = "********"
"""Replaces a secret in everything that fsdcf prints."""

ACCESS_KEY_VARIABLES = frozenset(
    f"AWS_{name}"
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY", "SECRET_ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN", "SECURITY_TOKEN")
)
"""Variables with an access key, which every AWS SDK prefers to the role of a task; so does the agent of ECS Exec, which
then cannot connect.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html and
https://github.com/aws-containers/amazon-ecs-exec-checker/issues/49
"""
CREDENTIAL_VARIABLES = ACCESS_KEY_VARIABLES | {
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CREDENTIAL_FILE"),
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
}
"""These, and the others that lead the AWS SDKs to other credentials than those of the task role.

Source: create_credential_resolver in botocore.credentials
"""

_SHORT = 4
"""A known secret with fewer characters may occur by chance, so the whole text around it is masked."""

_T = TypeVar("_T")
Range = tuple[int, int]
"""The range of a secret in a text: the offset of its first character, and that after its last one."""


# Names


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SECRET_WORDS = _words(
    "password passwords passwd passphrase passcode pass pwd pw secret secrets token credential credentials creds dsn"
    " signing jwt bearer apikey authkey accesskey secretkey privatekey masterkey signingkey appkey keytab webhook"
    " connectionstring connstr htpasswd pgpass mnemonic"
)
"""Words of a name that says by itself that it holds a secret."""
_SECRET_PARTS = ("password", "passwd", "passphrase", "secret", "credential", "apikey", "privatekey", "accesskey")
"""The same within a word: ``PGPASSWORD``."""
_SECRET_ENDS = ("token", "pwd", "pass", "webhook")
"""The same at the end of a word: ``DBPASS``."""
_OTHER_WORDS = _words(
    "bypass compass encompass surpass trespass overpass underpass passwordless secretary secretariat secretsmanager"
    " betoken"
)
_PAIRS = frozenset(
    (first, last)
    for last, names in {
        "key": "api app application access secret private signing sign encryption encrypt decryption crypto cipher aes"
        " hmac master shared account auth service ssh ssl tls pgp gpg rsa dsa license admin root client consumer deploy"
        " storage write ingest ingestion integration instrumentation stripe sendgrid mailgun mailchimp datadog dd"
        " twilio openai anthropic github gitlab slack newrelic sentry algolia segment sas subscription bot webhook",
        "string": "connection conn",
        "code": "auth access recovery",
        "sas": "azure",
        "auth": "basic http proxy",
    }.items()
    for first in _words(names)
)
"""Neighbouring words that together say it: ``stripeKey``, ``connection_string``."""
_WEAK_WORDS = _words("key keys auth authorization salt seed cookie session signature hmac otp sas sig")
"""Words of a name that may hold a secret: its value must look like one, too."""
_ABOUT = _words(
    "name arn id ids path paths file files dir directory ttl header headers expiry expires expiration length size"
    " type types enabled disabled issuer region mode method provider host hostname port policy algorithm alg audience"
    " lifetime duration timeout seconds minutes hours days limit count rotation prefix suffix version format scope"
    " scopes required store manager class table bucket queue topic field claim claims reset min max endpoint"
    " endpoints attribute attributes schema age domain samesite secure cost rounds interval location namespace"
    " label page form strength reference ref refs from regex pattern username user email role stdin"
    " in at time times leeway grace window margin skew buffer budget period refresh rate ratio threshold through"
    " backend driver engine source strategy kind helper encoder hasher hashing validator plugin rule rules"
    " lambda function handler"
)
"""The last word of a name that is about a secret, and does not hold it: ``TOKEN_TTL``."""
_ADDRESSES = frozenset(("url", "uri", "urls"))
_FIRST = _words("use enable disable has is allow require max min num number no with without skip")
_HARMLESS = _words(
    "public publishable site primary partition sort range foreign cache object s3 routing idempotency deduplication"
    " feature translation lookup kms tokens per"
)
"""A name with one of these words holds no secret, unless its value is one."""
_HASHES = _words("sha digest hash checksum md5 commit revision rev etag integrity fingerprint thumbprint")
"""Words of a name whose value looks random, and is not a secret."""
_IDS = _words("id ids arn arns uuid guid image tag version build git trace task request")
"""The same, if the value has letters of one case: IDs in both cases look like secrets."""


def words_of_name(name: str) -> list[str]:
    """The words of a name, in lower case: ``db``, ``pass`` for ``DBPass`` and ``DB_PASS``."""
    return [word.lower() for word in re.findall(r"[A-Z]{1,99}(?![a-z])|[A-Z]?[a-z]{1,99}|[0-9]{1,99}", name)]


def is_secret_name(name: str) -> bool:
    """Whether a variable, key or option of this name usually holds a secret."""
    return _weight(name) == _STRONG


_STRONG, _WEAK = 2, 1
_REFERENCES = _words("imageCredentials image_credentials CredentialsParameter secretKeys secret_keys")
"""Keys of the language and of CloudFormation that name where a secret is stored."""


@lru_cache(4096)
def _weight(name: str) -> int:
    """Whether what a name holds is a secret, or is one if its value looks like one, or neither."""
    words = words_of_name(name)
    if name in _REFERENCES or not words or words[-1] in _ABOUT or not _HARMLESS.isdisjoint(words):
        return 0
    says_it = any(map(_is_secret_word, words)) or any(pair in _PAIRS for pair in pairwise(words))
    if says_it and words[0] not in _FIRST and (words[-1] not in _ADDRESSES or "webhook" in words):
        return _STRONG
    return 0 if _WEAK_WORDS.isdisjoint(words) else _WEAK


def _is_secret_word(word: str) -> bool:
    if word in _SECRET_WORDS:
        return True
    if len(word) < 5 or word in _OTHER_WORDS:
        return False
    return word.endswith(_SECRET_ENDS) or any(part in word for part in _SECRET_PARTS)


def _is_secret_pair(name: str, value: str) -> bool:
    """Whether a value is a secret because of its name."""
    weight = _weight(name) if name else 0
    if not weight or (weight == _WEAK and not _is_varied(value)) or _is_public(value):
        return False
    if weight == _WEAK:
        return True
    return not (value.isdigit() and len(value) < 6) or "pass" in name.lower() or "pwd" in name.lower()


def _is_varied(value: str) -> bool:
    """Whether a value may be random: no word, number, address or path."""
    if not 8 <= len(value) <= _LONGEST_VARIED:
        return False
    mixed = any(each.isdigit() for each in value) and any(each.isalpha() for each in value)
    return mixed and not any(each in value for each in " /:") and "." not in value[1:-1]


_WORDS = _words(
    "true false yes no on off none null nil default auto required optional disabled enabled basic bearer oauth oauth2"
    " oidc jwt saml ldap iam generated read write"
)
_PUBLIC = (
    r"\s*(?:(?:![A-Z]\w{1,20} )?arn:(?:[a-z0-9-]{1,20}|\$\{AWS::Partition\}):[a-z0-9-]{1,40}:"
    r"|secretsmanager:|ssm:[/\w]|\{\{resolve:"
    r"|(?:file:/{0,2})?(?:/[\w.@+-]{1,40}){2,20}/?$|/[a-z]{1,20}/?$"
    r"|\$\{[\w.]{1,99}\}$|\$\{(?:secrets|ssm|import):|\$\{\{|\$\{[\w.-]{1,40}:[^-=?}][^}]{0,600}\}$"
    r"|\$[A-Z_][A-Z0-9_]{0,99}$|\$\(|<[^<>]{1,99}>$|(?:\*{1,99}|x{3,99}|X{3,99}|\.{3,99}|•{1,99}|…)$"
    r"|%(?:s|\(\w{1,40}\)s|[A-Z_]{1,40}%)$|ssh-[a-z0-9-]{2,30} AAAA"
    r"|-----BEGIN (?:[A-Z]{1,20} ){0,3}(?:CERTIFICATE|PUBLIC KEY))"
)
"""A value that names the place of a secret and does not contain it: a reference, a variable of a shell, a path; or one
that is made to be public."""


def _is_public(value: str) -> bool:
    value = value.strip().strip("\"'")
    return not value or value.lower() in _WORDS or re.match(_PUBLIC, value) is not None


# Values

_TOKENS: Mapping[str, tuple[str, ...]] = {
    r"[A-Z0-9]{16}(?![A-Za-z0-9])": ("AKIA", "ASIA", "ABIA", "ACCA"),
    r"[A-Za-z0-9]{30,255}": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_", "hf_", "dop_v1_", "doo_v1_", "dor_v1_"),
    r"\w{22,255}": ("github_pat_", "pscale_tkn_", "pscale_pw_", "rubygems_", "sbp_", "lin_api_", "glsa_", "glc_"),
    r"[\w.=-]{16,300}": (
        *("glpat-", "gldt-", "glptt-", "glrt-", "glcbt-", "gloas-", "glft-", "glsoat-", "glagent-", "glimt-", "ntn_"),
        *(
            "dckr_pat_",
            "dckr_oat_",
            "pypi-AgE",
            "NRAK-",
            "PMAK-",
            "HRKU-",
            "GOCSPX-",
            "ya29.",
            "ATATT3",
            "hvs.",
            "hvb.",
        ),
        *("sntrys_", "sntryu_", "FlyV1 ", "sq0atp-", "sq0csp-", "EAAA", "ddapp_", "ddp_", "dp.pt.", "dp.st."),
    ),
    r"(?:[a-z0-9]{2,12}-){0,3}\w{16,300}(?:-\w{1,300})?": ("sk-",),
    r"\w{8,255}": (
        *("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "shpat_", "shpca_", "shppa_", "shpss_", "shptka_"),
    ),
    r"[A-Za-z0-9-]{8,255}": ("xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
    r"[\w-]{16,64}\.[\w-]{16,64}": ("SG.",),
    r"[0-9a-f]{32}(?![0-9A-Za-z])": ("SK", "key-", "dapi"),
    r"[\w-]{30,39}": ("AIza",),
    r"[\w.~-]{30,40}": ("8Q~", "7Q~"),
    r"[0-9A-Za-z]{40,80}": ("AGE-SECRET-KEY-1",),
    r"[\w-]{10,600}(?:\.[\w-]{0,8000}){1,4}": ("eyJ",),
    r"T[A-Z0-9]{1,20}/B[A-Z0-9]{1,20}/\w{8,60}": ("hooks.slack.com/services/",),
    r"\d{5,25}/[\w-]{16,100}": ("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
}
"""What follows the beginnings of tokens."""
_BEGINNINGS: tuple[tuple[str, str], ...] = tuple((each, rest) for rest, known in _TOKENS.items() for each in known)
_SHORTEST_TOKEN = 13
_INNER = {"8Q~": 3, "7Q~": 3, "hooks.slack.com/services/": 0}
"""Parts of tokens that do not begin them, with the characters before: those of Azure's client secrets."""
_TELEGRAM = r"(?<![\w:.-])\d{8,10}:[\w-]{35}(?![\w-])"
_KEY_BLOCKS = ("PRIVATE KEY", "PuTTY-User-Key-File", "Private-Lines:", "Private-MAC:")
_KEY_BLOCK = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[\s\S]){0,20000}"
    r"(?:-----END [A-Z ]{0,60}-----)?"
    r"|PuTTY-User-Key-File[\s\S]{0,20000}|Private-(?:Lines|MAC):[\s\S]{0,20000}"
)
_PUBLIC_BLOCK = r"-----BEGIN (?:[A-Z]{1,20} ){0,3}(?:CERTIFICATE|PUBLIC KEY)-----[A-Za-z0-9+/=\s\\]{0,20000}"
_RUN = r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,20000}={0,2}(?![A-Za-z0-9+/_-])"
_BEFORE_HASH = r"(?i:sha\d{1,3}|md5)[:=-]$|ssh-[a-z0-9-]{2,30} $"
_PUBLIC_BEGINNINGS = ("AAAA", "pk_live_", "pk_test_")
"""The beginnings of public keys: of SSH, and of Stripe for web pages."""
_MOST = 1 << 20
"""The characters of a text that are searched."""
_LONGEST = 8000
"""The characters of a value in a pair."""
_LONGEST_VARIED = 500
"""The characters of a value that is a secret only if it looks like one."""


def _tokens(text: str) -> Iterator[Range]:
    if len(text) < _SHORTEST_TOKEN:
        return
    for beginning, rest in _BEGINNINGS:
        start = text.find(beginning)
        while start >= 0:
            before = text[start - 1 : start] if start else ""
            is_inside = before.isalnum() or (before == "-" and beginning[-1] == "-")
            match = None
            if not is_inside or beginning in _INNER:
                match = re.compile(rest).match(text, start + len(beginning))
            if match:
                yield max(0, start - _INNER.get(beginning, 0)), match.end()
            start = text.find(beginning, match.end() if match else start + len(beginning))
    if ":" in text:
        yield from (match.span() for match in re.finditer(_TELEGRAM, text))
    if any(each in text for each in _KEY_BLOCKS):
        yield from (match.span() for match in re.finditer(_KEY_BLOCK, text))


_MARKED = r"<([A-Za-z_][\w.-]{0,99})>([^<>]{1,4000})</"
_BARE_USER_INFO = r"(?<![\w./:-])\w[\w.-]{0,63}:[^\s:@/\"'`]{3,200}(?=@(?!sha\d)[A-Za-z0-9])"


def _marked(text: str) -> Iterator[Range]:
    """What XML marks as a secret, and user and password before a host without a scheme."""
    if "</" in text:
        yield from (match.span(2) for match in re.finditer(_MARKED, text) if _is_secret_pair(match[1], match[2]))
    if "@" in text and ":" in text:
        found = re.finditer(_BARE_USER_INFO, text)
        yield from (match.span() for match in found if not _is_public(match[0].partition(":")[2]))


def _user_infos(text: str) -> Iterator[Range]:
    """User and password in URLs; a password may have an unescaped slash."""
    start = text.find("://") + 3
    while start > 2:
        following = text.find("://", start)
        match = re.compile(r"[^\s\"'<>`|]{0,4000}").match(text, start)
        word = match[0] if match else ""
        authority = re.split(r"[/?#]", word, maxsplit=1)[0]
        user, colon, rest = authority.partition(":")
        if "@" in authority:
            end = authority.rindex("@")
        else:
            end = word.find("@") if colon and rest and not rest.isdigit() and not rest.startswith("$") else -1
        info = word[: max(end, 0)]
        password = info.partition(":")[2] if ":" in info else info if _looks_random(info) else ""
        if password and not _is_public(password) and user != "arn":
            yield start, start + len(info)
        start = following + 3


_ORACLE = r"(?<=jdbc:oracle:)\w{1,10}:([\w$#.-]{1,60}/(?![/@])[^\s@]{1,200})(?=@)"
"""User and password in a URL of Oracle's JDBC driver: ``jdbc:oracle:thin:user/password@host``."""
_NAME_BEFORE = r"([\w.-]{1,50})[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?$"


def _runs(text: str, name: str) -> Iterator[Range]:
    """What looks random, or is a secret in base64."""
    for match in re.finditer(_RUN, text):
        run, start = match[0], match.start()
        named = re.search(_NAME_BEFORE, text[max(0, start - 60) : start])
        words = {*words_of_name(named[1] if named else name)}
        is_hash = re.search(_BEFORE_HASH, text[max(0, start - 40) : start])
        if is_hash or run.startswith(_PUBLIC_BEGINNINGS) or _is_public_key(named[1] if named else name):
            continue
        decoded = _decoded(run)
        if decoded is not None:
            if decoded and secret_parts(decoded):
                yield match.span()
            continue
        is_whole = len(run) == len(text.strip())
        plain = run.removesuffix("EXAMPLE")
        one_case = plain in (plain.lower(), plain.upper())
        is_id = not words.isdisjoint(_HASHES if not one_case else _HASHES | _IDS) and len(run) <= 64
        if not is_id and (_looks_random(run) or (is_whole and _is_hexadecimal(run))) and not _in_arn(text, start):
            yield match.span()


def _is_public_key(name: str) -> bool:
    """Whether a name says that its value is a key or ID for everybody, such as that of a web page."""
    words = words_of_name(name)
    last = words[-1:]
    says_public = last in (["key"], ["id"]) and not {"publishable", "public", "site"}.isdisjoint(words)
    return (says_public or words[-2:] == ["client", "id"]) and not any(map(_is_secret_word, words))


def _in_arn(text: str, start: int) -> bool:
    word = text[max(0, start - 300) : start].rsplit(None, 1)
    return bool(word) and re.search(r"(?:^|[\"'`(])arn:[a-z0-9$]", word[-1]) is not None


def _decoded(run: str) -> str | None:
    """The text that base64 encodes; None if it encodes none."""
    bare = run.rstrip("=")
    if len(bare) < 12 or len(bare) % 4 == 1 or len(bare) > 8000:
        return None
    try:
        text = a2b_base64(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4)).decode()
    except ValueError:
        return None
    return text if all(each.isprintable() or each in "\r\n\t" for each in text) else None


def _is_wordy(name: str) -> bool:
    """Whether a name consists of words; the hash at the end of a logical ID is ignored."""
    name = re.sub(r"(?<=[a-z])[0-9a-f]{8,10}$", "", name)
    return name.isalpha() and len(name) >= 4 * len(words_of_name(name))


def _is_hexadecimal(run: str) -> bool:
    """Whether a value may be a secret in hexadecimal digits. Those with the length of a hash are taken for one."""
    if not re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", run) or run.isdigit():
        return False
    return len(run) >= 32 and len(run) not in (40, 64, 96, 128) and len({*run}) >= 8


def _looks_random(run: str) -> bool:
    """Whether a run of letters, digits and ``+/_-`` is random: long, of several kinds of characters, with many
    different ones, which alternate more often than in names (the words of a random text have about two letters).
    """
    segments = re.split(r"[+/_=-]", run)
    bare = "".join(each for each in segments if not _is_wordy(each))
    size = len(bare)
    if size < 20 or len(segments) > 4 + size // 8:
        return False
    digits = sum(each.isdigit() for each in bare)
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", bare):
        return False
    kinds = [2 if each.isdigit() else each.isupper() for each in bare]
    words = len(words_of_name(bare))
    entropy = -sum(count / size * log2(count / size) for count in Counter(bare).values())
    if len({*kinds}) < 3:
        one_case = bare.lower() == bare or bare.upper() == bare
        if one_case:
            return size >= 24 and len(run) == size and digits >= size // 8 and size <= 4 * words and entropy >= 3.5
        return size >= 24 and size <= 3 * words and entropy >= 3.8
    if sum(kind is True for kind in kinds) < 0.15 * size:
        return False  # a logical ID with a hash
    return entropy >= 3.5 and size <= (3.6 if len(run) == 40 else 3.3) * words  # 40: a secret access key of AWS


# Pairs in a text

_PAIR = r"(?<![\w.-])(-{0,2}[A-Za-z_][\w.-]{0,99})(\\{0,4}[\"']?[ \t]{0,3}(?:=|:(?!:|//))[ \t]{0,9})"
"""A name and what separates it from its value: in a connection string, a query, JSON, YAML or an assignment."""
_SCHEMES = r"(?i:bearer|basic|token|digest|apikey|aws4-hmac-sha256)[ \t]{1,3}"
_HEADERS = ("authorization", "proxy-authorization")
_SIGNATURES = ("sig", "signature", "code", "x-amz-signature", "x-amz-security-token", "x-goog-signature")
"""The parameters of a URL that hold its signature."""
_SCHEME = r"(?i:\b(?:bearer|basic)) {1,3}([\w.~+/-]{8,4000}={0,2})"
_OPENING = r"\\{0,4}[\"']"


def _schemes(text: str) -> Iterator[Range]:
    """Credentials behind the word of their scheme, as in the header Authorization."""
    for match in re.finditer(_SCHEME, text):
        value = match[1]
        decoded = _decoded(value) if match[0][0] in "bB" and match[0][1] in "aA" else None
        if (decoded and ":" in decoded) or _is_varied(value):
            yield match.span(1)


_STEMS = _words(
    "pass pwd pw secret token cred dsn sig jwt bearer key webhook conn mnemonic auth salt seed cookie session hmac otp"
    " sas code"
)
"""One of these is in each word that says that something is a secret."""


def _may_have_pairs(text: str) -> bool:
    """Whether a text may have a pair with a secret; quicker than the search for one."""
    lower = text.lower()
    return ("=" in text or ":" in text) and any(stem in lower for stem in _STEMS)


class _NamedValues:
    """The values behind names in a text."""

    def __init__(self, text: str, in_spec: bool) -> None:
        self._text = text
        self._in_spec = in_spec
        self._searched: dict[str, Range] = {}
        """The range that was searched last for the end of a value and has none, for each pattern of an end."""

    def secrets(self) -> Iterator[Range]:
        text, last = self._text, 0
        for match in re.finditer(_PAIR, text):
            name = match[1].lower()
            if match.start() >= last and (_weight(match[1]) or name in _HEADERS or name in _SIGNATURES):
                part = self._value_of(match)
                value = text[part[0] : part[1]] if part else ""
                signs = name in _SIGNATURES and len(value) >= 16 and self._before(match) in ("?", "&")
                is_credential = name in _HEADERS and not _is_public(value)
                if part and (signs or is_credential or _is_secret_pair(match[1], value)):
                    yield part
                    last = part[1]

    def _before(self, pair: re.Match[str]) -> str:
        return self._text[pair.start() - 1 : pair.start()]

    def _value_of(self, pair: re.Match[str]) -> Range | None:
        """The range of the value in a pair; None if it is not a pair."""
        text, separator, before = self._text, pair[2], self._before(pair)
        is_key = separator.lstrip("\\")[0] in "\"'"
        colon = separator.rstrip().endswith(":")
        if (is_key and before not in ("'", '"')) or (colon and before == ":"):
            return None  # the end of a quoted text; a part of an ARN
        if colon and text[pair.end() : pair.end() + 1] in ("{", "[", "#"):
            return None  # a map, a list or a comment
        may_be_message = colon and not is_key and not self._in_spec  # ``ExpiredToken: The token has expired``
        longest = _LONGEST_VARIED + 1 if may_be_message else _LONGEST
        start, end = self._value_at(pair.end(), before, separator, longest)
        if before == "{" and text[pair.start() - 2 : pair.start() - 1] == "$":  # ``${NAME:-default}``
            return (start + 1, self._end(start, r"\}|$")) if text[start : start + 1] in ("-", "=") else None
        if pair[1].lower() in _HEADERS:
            scheme = re.match(_SCHEMES, text[start : start + 40])
            if scheme:
                return start + scheme.end(), self._end(start + scheme.end(), r"[\s\"'`\\]|$")
        return None if may_be_message and not _is_varied(text[start:end]) else (start, end)

    def _value_at(self, start: int, before: str, separator: str, longest: int) -> Range:
        """The range of a value that begins at an offset, without its quotes, which enclose at most ``longest``."""
        text = self._text
        opening = re.compile(_OPENING).match(text, start)
        if opening:
            end = text.find(opening[0], opening.end(), opening.end() + longest)
            return opening.end(), end if end >= 0 else self._end(opening.end(), r"[\r\n]|$")
        if text[start : start + 1] == "{" and "=" in separator:  # ODBC
            return start, self._end(start, r"(?<=\})|[\r\n]|$")
        if self._in_spec and "=" not in separator:
            in_flow = text.find("{", 0, start) >= 0
            return start, self._end(start, r"[,}\]\r\n]|$" if in_flow else r" #|[\r\n]|$")
        if before in ("?", "&"):
            return start, self._end(start, r"[&#\s\"'<>]|$")
        if "=" in separator and ";" in text[max(0, start - 400) : start + 400]:
            return start, self._end(start, r"[;\r\n\"']|$")
        return start, self._end(start, r"[,;)\]}]{1,9}(?:\s|$)|[\s\"'`]|$")

    def _end(self, start: int, stop: str) -> int:
        """The end of a value, which is at most ``_LONGEST``. No character is searched twice for the same pattern."""
        first, last = self._searched.get(stop, (0, 0))
        match = re.compile(stop).search(self._text, last if first <= start < last else start, start + _LONGEST)
        end = match.start() if match else min(len(self._text), start + _LONGEST)
        self._searched[stop] = start, end
        return end


_WORD = r"(?:\"[^\"]{0,8000}\"|'[^']{0,8000}'|[^\s\"'])+"
_SQL = ("mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin")
_HTTP = ("http", "https", "xh")
_PASSWORD_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "-p": (
        *_SQL,
        *("mongo", "mongosh", "mongodump", "mongorestore", "sshpass", "docker", "podman", "influx", "cqlsh"),
        *("rabbitmqadmin", "az"),
    ),
    "-P": ("sqlcmd", "bcp"),
    "-a": ("redis-cli", "keydb-cli", "valkey-cli"),
    "-k": ("openssl",),
    "-w": ("ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami"),
}
"""The short options that take a password, and the programs that have them."""
_LOGIN_OPTIONS: Mapping[str, tuple[str, ...]] = {"-u": ("curl",), "-U": ("curl",), "-a": _HTTP}
"""The short options that take user and password."""
_LONG_LOGIN_OPTIONS = ("--user", "--proxy-user", "--login", "--auth", "--basic-auth")
_GLUED: Mapping[str, tuple[str, ...]] = {"-p": (*_SQL, "sshpass"), "-u": ("curl",)}
"""The options that have their password in the same word, and the programs: ``-ppassword``, ``-uname:password``."""


def secrets_in_words(words: Sequence[str]) -> Iterator[tuple[int, Range]]:
    """The secrets in the words of a command that follow an option: the index of a word, and the range in it.

    Words may be quoted. Those that contain a secret by themselves are not among them.
    """
    programs: set[str] = set()
    for index, written in enumerate(words):
        word = written.strip("\"'")
        if not word.startswith("-"):
            programs.add(word.rpartition("/")[2])
            continue
        following = words[index + 1] if index + 1 < len(words) else ""
        plain = following.strip("\"'")
        if _takes_secret(word, plain, programs):
            start = len(following) - len(following.lstrip("\"'"))
            yield index + 1, (start, start + len(plain))
        glued = len(word) > 3 and not programs.isdisjoint(_GLUED.get(word[:2], ()))
        if glued and (word[1] == "p" or ":" in word) and not _is_public(word[2:].rpartition(":")[2]):
            start = written.index(word)
            yield index, (start + 2, start + len(word))


def _takes_secret(option: str, value: str, programs: set[str]) -> bool:
    """Whether the word after an option is a secret."""
    if not value or value[0] in "-$":
        return False
    if option in _LONG_LOGIN_OPTIONS or not programs.isdisjoint(_LOGIN_OPTIONS.get(option, ())):
        password = value.partition(":")[2]
        if password and not password.isdigit():  # ``--user 1000:1000`` is the user of a container
            return not _is_public(password)
    if not programs.isdisjoint(_PASSWORD_OPTIONS.get(option, ())):
        is_port = value.replace(":", "").isdigit() and not programs.isdisjoint(("docker", "podman"))
        return not is_port and not _is_public(value)
    return "=" not in option and len(option) > 2 and "://" not in value and _is_secret_pair(option, value)


def _options(text: str, depth: int = 0) -> Iterator[Range]:
    found = [match.span() for match in re.finditer(_WORD, text)]
    words = [text[start:end] for start, end in found]
    yield from ((found[at][0] + start, found[at][0] + end) for at, (start, end) in secrets_in_words(words))
    for (start, _), word in zip(found, words, strict=True):
        quote = re.search(r"[\"']", word)
        if quote and depth < 3 and " -" in word:  # ``sh -c "mysql -p …"``
            inner = word[quote.end() :].rstrip("\"'")
            offset = start + quote.end()
            yield from ((offset + left, offset + right) for left, right in _options(inner, depth + 1))


def secret_parts(text: str, name: str = "", in_spec: bool = False) -> Sequence[Range]:
    """The ranges of the secrets in a text, in order and apart from each other.

    ``name`` is the name of the variable, key or option that has the text as its value. ``in_spec``: the text is a line
    of a spec, where a name before a colon has the rest as its value.

    AWS repeats most of its short texts in every answer, so their ranges are kept.
    """
    return _kept_parts(text, name, in_spec) if len(text) < _LONG else tuple(_found_parts(text, name, in_spec))


_LONG = 2000


@lru_cache(4096)
def _kept_parts(text: str, name: str, in_spec: bool) -> Sequence[Range]:
    return tuple(_found_parts(text, name, in_spec))


def _found_parts(text: str, name: str, in_spec: bool) -> Iterator[Range]:
    if name and _is_secret_pair(name, text) and not text.isspace():
        yield from [*_user_infos(text)] or [(0, len(text))]
        return
    if len(text) < 6:
        return
    text = text[:_MOST]
    found = [*_tokens(text), *_marked(text)]
    if "://" in text:
        found += _user_infos(text)
    if "jdbc:oracle:" in text:
        found += [match.span(1) for match in re.finditer(_ORACLE, text) if not _is_public(match[1].partition("/")[2])]
    if "earer " in text or "asic " in text:
        found += _schemes(text)
    if _may_have_pairs(text):
        found += _NamedValues(text, in_spec).secrets()
    if " -" in text or text.startswith("-"):
        found += _options(text)
    if len(text) >= 20:
        public = [match.span() for match in re.finditer(_PUBLIC_BLOCK, text)] if "-----BEGIN" in text else []
        found += [part for part in _runs(text, name) if not any(start <= part[0] < end for start, end in public)]
    yield from ((start, end) for start, end in _apart(found) if text[start:end] != MASK)


def _apart(ranges: Iterable[Range]) -> Iterator[Range]:
    """Ranges in order, each without what belongs to an earlier one."""
    last = 0
    for start, end in sorted(ranges):
        if end > max(start, last):
            yield max(start, last), end
            last = end


def secrets_in(
    value: Any, name: str = "", path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The secrets in a value at any depth, each with the path of the text that contains it.

    ``name`` is the name of the variable or property that holds the value. Of a pair such as Name and Value, it is the
    Name.
    """
    if isinstance(value, (dict, Mapping)):
        item = _item_name(value)
        for key, part in value.items():
            yield from secrets_in(part, item if key in ("Value", "value") and item else str(key), (*path, key))
    elif isinstance(value, (list, tuple)):
        words = list(map(str, value))
        if any(word.startswith("-") for word in words):
            yield from (((*path, at), words[at][start:end]) for at, (start, end) in secrets_in_words(words))
        for index, part in enumerate(value):
            yield from secrets_in(part, name, (*path, index))
    elif value is not None and not isinstance(value, bool):
        text = str(value)
        yield from ((path, text[start:end]) for start, end in secret_parts(text, name))


def _item_name(value: Mapping[Any, Any]) -> str:
    names = (value[key] for key in ("Name", "Key", "name") if key in value)
    return next((str(name) for name in names if not isinstance(name, (Mapping, list, int))), "")


# What a command has met


class SecretForms:
    """Forms of secrets, which are found in a text in one pass, however many there are: by their first letters, and then
    by their lengths."""

    def __init__(self, forms: Iterable[str] = ()) -> None:
        self._forms = _Prefixes(_SHORTEST)
        self._bare = _Prefixes(_SHORTEST_BARE)
        self.add(forms)

    def __bool__(self) -> bool:
        return bool(self._forms.all)

    def add(self, forms: Iterable[str]) -> None:
        """Add forms."""
        for form in forms:
            self._forms.add(form)
            self._bare.add(_squashed(form))

    def occurrences(self, text: str) -> Iterator[Range]:
        """The ranges of secrets in a text, also where one is cut off with ``…``."""
        cuts = [cut.start() for cut in re.finditer(r"…|\.\.\.", text)] if "…" in text or "..." in text else []
        for at, sizes in self._forms.places(text):
            for size in sizes:
                around = text[max(0, at - 1) : at] + text[at + size : at + size + 1]
                if text[at : at + size] in self._forms.all and (size >= 12 or not any(map(str.isalnum, around))):
                    yield at, at + size
            following = bisect_left(cuts, at + _SHORTEST)
            cut = cuts[following] if following < len(cuts) else len(text) + max(sizes)
            if cut - at <= max(sizes) and self._forms.is_beginning(text[at:cut]):
                yield at, cut

    def is_spelled_in(self, text: str) -> bool:
        """Whether a text has the letters and digits of a secret, in any case and with anything between them."""
        bare = _squashed(text)
        return any(bare[at : at + size] in self._bare.all for at, sizes in self._bare.places(bare) for size in sizes)


class _Prefixes:
    """Texts by their first letters; shorter ones are left out."""

    def __init__(self, letters: int) -> None:
        self._letters = letters
        self._sizes: dict[str, set[int]] = {}
        self._sorted: list[str] | None = None
        self.all: set[str] = set()

    def add(self, text: str) -> None:
        if len(text) >= self._letters:
            self.all.add(text)
            self._sizes.setdefault(text[: self._letters], set()).add(len(text))
            self._sorted = None

    def is_beginning(self, text: str) -> bool:
        """Whether one of the texts begins with this one."""
        self._sorted = self._sorted or sorted(self.all)
        at = bisect_left(self._sorted, text)
        return at < len(self._sorted) and self._sorted[at].startswith(text)

    def places(self, text: str) -> Iterator[tuple[int, set[int]]]:
        """Where the first letters of a text occur in another one, with the lengths of those that begin with them."""
        if len(self._sizes) > _FEW:
            for at in range(len(text) - self._letters + 1):
                if sizes := self._sizes.get(text[at : at + self._letters]):
                    yield at, sizes
            return
        for first, sizes in self._sizes.items():
            at = text.find(first)
            while at >= 0:
                yield at, sizes
                at = text.find(first, at + 1)


_known: SecretForms | None = None
"""The forms in which the secrets may be shown that this run of a command has met; None outside of a command."""
_SHORTEST = 5
_SHORTEST_BARE = 8
_FEW = 100
"""So many beginnings of secrets are looked for one after the other."""
_COMMON = _words(
    "admin guest local localhost mysql mariadb postgres postgresql redis rabbitmq mongo mongodb oracle password secret"
    " token default example changeme development production staging testing test1 user1 users world hello"
    " service services environment image images container containers task tasks stack stacks deploy value values region"
    " cluster network template registry database server client error warning variable health resource resources"
)
"""Secrets that are words: they are masked where they are found, and not wherever the word occurs."""


@contextmanager
def remembering() -> Iterator[None]:
    """Remember secrets while the block lasts, which is a run of a command."""
    global _known  # a process runs one command, in several threads
    if _known is not None:
        yield
        return
    _known = SecretForms()
    try:
        yield
    finally:
        _known = None


def remember(secrets: Iterable[str]) -> None:
    """Mask these secrets in everything that the command shows from now on, also where nothing tells that they are
    secrets."""
    if _known is not None:
        _known.add(secrets)


def remember_secrets_in(value: Any, public: Collection[str] = ()) -> None:
    """Remember what looks like a secret in a value, such as a template. ``public`` names are left out, in lower
    case."""
    if _known is not None:
        remember(memorable((secret for _, secret in secrets_in(value)), public))


def memorable(secrets: Iterable[str], public: Collection[str] = ()) -> list[str]:
    """The secrets that are masked wherever they occur, in all forms in which they may be shown.

    Short ones, common words and ``public`` names are left out: they occur by chance.
    """
    forms = dict.fromkeys(form for secret in secrets for form in _forms(secret))
    words = {*_COMMON, *public}
    return [form for form in forms if len(form) >= _SHORTEST and form.lower() not in words and not _is_public(form)]


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, as JSON, HTML, base64 and Python write it, its password and its lines."""
    yield secret
    password = secret.partition(":")[2]
    if password and not any(map(str.isspace, secret)):  # of ``user:password``
        yield password
    if len(secret) >= 8:
        yield b2a_base64(secret.encode("utf-8", "replace"), newline=False).decode().rstrip("=")
    if not secret.isalnum():
        from html import escape  # few secrets need them
        from json import dumps

        yield from {dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], escape(secret)}
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= 12)


def known_parts(text: str) -> Iterator[Range]:
    """The ranges of the secrets in a text that this run has met."""
    return iter(()) if _known is None else _known.occurrences(text)


def mask_known(text: str) -> str:
    """A text without the secrets that this run has met, and without tokens, which are secrets wherever they are."""
    return _without(text, _apart([*_tokens(text), *known_parts(text)]))


def _without_known(text: str) -> str:
    return _without(text, _apart(known_parts(text))) if _known else text


def mask_forms(text: str, forms: SecretForms) -> str:
    """A text without these secrets. A text that spells one in another way, such as a suggested name, is empty."""
    text = _without(text, _apart(forms.occurrences(text)))
    return "" if forms.is_spelled_in(text) else text


def _squashed(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


# Masks


def contains_secret(text: str, name: str = "") -> bool:
    """Whether a text contains a secret; ``name`` is the name of what holds it."""
    return bool(secret_parts(text, name))


def mask_value(value: Any, name: str = "") -> Any:
    """The value without its secrets, at any depth.

    ``name`` is the name of the variable or property that holds the value.
    """
    if isinstance(value, Mapping):
        item = _item_name(value)
        return {key: mask_value(part, item if key == "Value" and item else str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        words = list(map(str, value))
        found = dict(secrets_in_words(words)) if any(map(_is_option, words)) else {}
        return [
            _without(words[at], [found[at]]) if at in found else mask_value(part, name) for at, part in enumerate(value)
        ]
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return MASK if number and is_secret_name(name) else value
    return _without_known(_without(value, secret_parts(value, name)))


def _is_option(word: str) -> bool:
    return word.startswith("-")


def _without(text: str, parts: Iterable[Range]) -> str:
    """A text with MASK in place of some ranges, which are in order."""
    out, last = [], 0
    for start, end in parts:
        out += [text[last:start], MASK]
        last = end
    return "".join((*out, text[last:]))


def mask_text(text: str) -> str:
    """A text without its secrets, in which ``DB_PASSWORD=...`` is one, but ``ExpiredToken: ...`` is a message."""
    return str(mask_value(text))


def hidden_parts(line: str) -> list[Range]:
    """The ranges of a line of a spec that are masked, in order and apart from each other."""
    return list(_apart([*secret_parts(line, in_spec=True), *known_parts(line)]))


def mask_line(line: str) -> str:
    """A line of a spec, or a command-line option, without its secrets: ``DB_PASSWORD: ********``."""
    return _without(line, hidden_parts(line))


def deciding_name(path: str) -> str:
    """The name that decides whether the value at a path is a secret: the last step, or the item whose ``Value`` it is.

    A ``Value`` in a list whose items have no names counts as a secret.
    """
    steps = [step for step in re.split(r"[.\[\]/]+", path) if step]
    if len(steps) < 2 or steps[-1] != "Value":
        return steps[-1] if steps else ""
    return "SECRET" if steps[-2].isdigit() else steps[-2]


def mask_secrets(value: _T, secrets: Collection[str], members: Collection[str] | None = None) -> _T:
    """The value with every occurrence of known secrets masked, at any depth of dataclasses, mappings and collections.

    With ``members``, only those members of dataclasses are masked; other members, the keys of mappings, and so all
    names and paths, stay. Numbers that equal a secret, and texts around a short secret, are then masked as a whole.
    """
    return _mask(value, sorted(set(secrets), key=lambda one: (-len(one), one)), members) if secrets else value


def _mask(value: Any, secrets: list[str], members: Collection[str] | None) -> Any:
    if type(value) is str:  # an enumeration of texts is not a text
        for secret in secrets:
            if members is not None and len(secret) < _SHORT and secret in value:
                return MASK
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MASK if members is not None and str(value) in secrets else value
    if isinstance(value, tuple | list | set | frozenset):
        return type(value)(_mask(item, secrets, members) for item in value)
    if isinstance(value, Mapping):
        return {
            key if members is not None else _mask(key, secrets, members): _mask(item, secrets, members)
            for key, item in value.items()
        }
    if is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in fields(value) if one.init and (members is None or one.name in members)]
        return replace(value, **{name: _mask(getattr(value, name), secrets, members) for name in names})
    return value

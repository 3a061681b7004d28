"""The detector of secrets: what it finds, what it leaves alone, and how it masks."""

from __future__ import annotations

import random
import string
import time
from typing import Any

import pytest

from fsdcf import masking
from fsdcf.masking import (
    MASK,
    contains_secret,
    is_secret_name,
    mask_known,
    mask_line,
    mask_text,
    mask_value,
    memorable,
    remember,
    remembering,
    secret_parts,
    secrets_in,
)

SECRETS = [
    ("BASIC_AUTH", "admin:hunter2"),
    ("X", "jdbc:oracle:thin:scott/geheim@//db:1521/orcl"),
    *(
        ("X", text)
        for text in (
            *("curl -uadmin:geheim h", "az login -u a -p geheim", "user:geheim@host", "oauth2:geheim@gitlab.com"),
            *("<password>geheim</password>", "${DB_PASSWORD:-geheim}", "wget --header='Authorization: token geheim' h"),
            *("java -Dspring.datasource.password=geheim -jar a", "https://x-access-token:geheim@github.com/x"),
            *("Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=geheim=", "docker login -u me -p geheim r"),
        )
    ),
    ("DBPass", "hunter2hunter2"),
    ("stripeKey", "hunter2hunter2"),
    ("JWT_SIGNING", "hunter2hunter2"),
    ("PGPASSWORD", "hunter2hunter2"),
    ("connection_string", "host=x;u=y"),
    ("webhook_url", "https://example.com/abc"),
    ("DB_PASSWORD", "x"),
    ("apiKey", "abcdef"),
    ("MYSQL_PWD", "ab"),
    ("MY_APIKEY", "hunter2hunter2"),
    ("X", "AK" + "IAABCDEFGHIJKLMNOP"),
    ("X", "gh" + "p_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ("X", "github_pa" + "t_11ABCDEFG0abcdefghij_klmnopqrstuvwxyz"),
    ("X", "glpa" + "t-abcdefghij0123456789"),
    ("X", "xox" + "b-1234567890-abcdefg"),
    ("X", "sk_liv" + "e_abcdefghij123"),
    ("X", "S" + "G.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    ("X", "SK0123456789abcdef0123456789abcdef"),
    ("X", "np" + "m_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2"),
    ("X", "pypi-A" + "gEIcHlwaS5vcmcCJDU2"),
    ("X", "sk-pro" + "j-abcdefghij0123456789ABCD"),
    ("X", "sk-an" + "t-api03-abcdefghij0123456789ABCD-_x"),
    ("X", "AI" + "zaSyA-1234567890abcdefghijklmnopqrstu"),
    ("X", "abc8Q~abcdefghijklmnopqrstuvwxyz01234567"),
    ("X", "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"),
    ("X", "key-0123456789abcdef0123456789abcdef"),
    ("X", "shpa" + "t_0123456789abcdef0123456789abcdef"),
    ("X", "-----BEGIN OPENSS" + "H PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----"),
    ("X", "AGE-SECRET-KEY" + "-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"),
    ("X", "PuTTY-User-Key-File-2: ssh-rsa"),
    ("X", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("X", "e" + "yJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def_123"),
    ("X", "Server=db;User Id=app;Password=hun ter2;Encrypt=true"),
    ("X", "Driver={ODBC};Pwd={a;b};"),
    ("X", "redis://:pw@host:6379/0"),
    ("X", "postgres://u:p@host/db"),
    ("X", "host=db user=app password=geheim dbname=x"),
    ("X", "https://acc.blob.core.windows.net/c?sv=2020&sig=abcdefghijklmnop%3D"),
    ("X", "https://h/x?access_token=abc123"),
    ("X", "https://b.s3.amazonaws.com/k?X-Amz-Signature=0123456789abcdef0123"),
    ("X", "app --password=geheim"),
    ("X", "app --password geheim"),
    ("X", "mysql -u root -p geheim"),
    ("X", "mysql -pgeheim db"),
    ("X", "curl -u admin:geheim http://x"),
    ("X", "curl -H 'Authorization: Bearer abcdef123' http://x"),
    ("X", 'curl -H "X-Api-Key: abc123def" http://x'),
    ("X", "e" + "yJwYXNzd29yZCI6ImdlaGVpbSJ9"),
    ("X", "cG9zdGdyZXM6Ly91OmdlaGVpbUBob3N0L2Ri"),
    ("X", '{"db":{"password":"geheim"}}'),
    ("X", '{\\"password\\":\\"geheim\\"}'),
    ("X", "sh -c 'redis-cli -a geheim ping'"),
    ("X", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=abc+/def=="),
    ("X", "0f3c9b8e7d6a5f4e3d2c1b0a9f8e7d6c"),
    ("X", "k3j4h5g6f7d8s9a0q1w2e3r4t5"),
    ("X", "Basic dXNlcjpwYXNzd29yZA=="),
    ("X", "Authorization: Basic dXNlcjpwYXNz"),
    ("X", "https://hooks.slack.com/service" + "s/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
    ("DB_PASS", "12345"),
    ("X", "postgres://u:p/a@host/db"),
    ("X", "export PGPASSWORD=geheim; psql"),
    ("X", "PGPASSWORD=geheim psql -h x"),
    ("X", "wget --http-password=geheim http://x"),
    ("X", "sshpass -p geheim ssh x"),
    ("X", "AWS_SECRET_ACCESS_KEY=geheim"),
    ("PASSWORD", "a b"),
    ("X", "token: abc123def"),
    ("DD_API_KEY", "0123456789abcdef0123456789abcdef"),
    ("SENTRY_DSN", "https://abc@sentry.io/1"),
    ("client_secret", "hunter2hunter2"),
    ("ENCRYPTION_KEY", "abcdef"),
    ("X", "redis-cli --pass geheim"),
    ("X", "mongosh -u x -p geheim"),
    ("X", "psql 'postgresql://u:p@h/d'"),
    ("X", "--token=abc"),
    ("X", "jdbc:mysql://h/d?user=x&password=geheim"),
    ("X", "amqps://u:p%40@h"),
]
"""Names and values, of which each contains a secret. The beginnings of tokens are split, so that no scanner of secrets
refuses this file."""
LOOK_ALIKES = [
    *(
        ("X", text)
        for text in (
            *("task 3361b1788493a8746377a5b0d9023506 stopped", "x-id: 3361b1788493a8746377a5b0d9023506"),
            *("Fs0123456789abcdef0EfsAccess6be4b4b768", "OrdersDbRoleRecord1a2b3c4d", "${secrets:${ENV}/orders:token}"),
            *("orders-prod-ExecutionRole-1XK9QZ2M4N7P", "ghcr.io/me/app:v1@sha256:" + "ab12" * 16),
            *("docker login --username AWS --password-stdin $registry", '{"secrets": {"a": 1}}', "id-token: write"),
            *(
                "clientId: 1h57kf5cpq17m0eml12EXAMPLE",
                "code = ServiceSchedulerInitiated",
                "GH_TOKEN: ${{ github.token }}",
            ),
            *("CredentialsParameter: !Sub arn:${AWS::Partition}:secretsmanager:x", "secrets: # lists replace"),
        )
    ),
    ("imageCredentials", "shop/registry"),
    ("monkey", "hunter2hunter2"),
    ("TOKENIZER", "gpt2"),
    ("author", "Jane Doe"),
    ("compass", "north"),
    ("MAX_TOKENS", "4096"),
    ("TOKEN_TTL", "3600"),
    ("LOG_LEVEL", "info"),
    ("X", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"),
    ("X", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ("GIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("X", "0123456789abcdef0123456789abcdef01234567"),
    ("X", "123e4567-e89b-12d3-a456-426614174000"),
    ("X", "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-service"),
    ("X", "mydb.c9akciq32abc.us-east-1.rds.amazonaws.com"),
    ("X", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGk2 me@x"),
    (
        "X",
        "-----BEGIN PUBLIC KEY-----\n"
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo\n-----END PUBLIC KEY-----",
    ),
    (
        "X",
        "-----BEGIN CERTIFICATE-----\n"
        "MIIDdzCCAl+gAwIBAgIEbBqP6zANBgkqhkiG9w0BAQsFADBaMQswCQYD\n-----END CERTIFICATE-----",
    ),
    ("DB_PASSWORD", "${secrets:prod/db:key}"),
    ("PUBLIC_KEY", "abcdefgh"),
    ("RECAPTCHA_SITE_KEY", "6Le7x8eDygkXphNIgfPQIyBhrtJD0Bcn4G6iyQOl"),
    ("NEXT_PUBLIC_MAPS_KEY", "6Le7x8eDygkXphNIgfPQIyBhrtJD0Bcn4G6iyQOl"),
    ("STRIPE_KEY_ID", "pk_liv" + "e_8gYV59GAgDAeoAb8KIsPgRGu"),
    ("OAUTH_CLIENT_ID", "6Le7x8eDygkXphNIgfPQIyBhrtJD0Bcn4G6iyQOl"),
    ("SECRET_ROTATION_LAMBDA", "rotate-db"),
    ("X", "jdbc:oracle:thin:@//db:1521/orcl"),
    ("PASSWORD_FILE", "/run/secrets/x"),
    ("DB_PASSWORD", "/run/secrets/x"),
    ("X", "curl -f http://localhost:8000/health || exit 1"),
    ("X", "mysql -u root -p$PW"),
    ("X", "postgres://u:${PW}@h/d"),
    ("X", "postgres://u:$PW@h/d"),
    ("X", "https://host:8080/path@2x"),
    ("X", "docker run -p 8080:80 x"),
    ("X", "orders-staging-TaskRole-1ABCDEFGH2IJK"),
    ("X", "ELBSecurityPolicy-TLS13-1-2-2021-06"),
    ("X", "Z0123456789ABCDEFGHIJ"),
    ("X", "us-east-1_AbCdEfGhI"),
    ("KMS_KEY", "alias/my-key"),
    ("SORT_KEY", "created_at"),
    ("AUTH", "oidc"),
    ("X", "the password: required"),
    ("X", "ExpiredToken: The security token included in the request is expired"),
    ("X", "node --max-old-space-size=4096 dist/server.js"),
    ("X", "java -Djava.security.egd=file:/dev/./urandom -jar app.jar"),
    ("TOKEN_URL", "https://x/oauth/token"),
    ("CACHE_KEY", "v1:users"),
    ("X", "https://github.com/owner/Repo-Name/blob/main/SomeVeryLongFileName.java"),
    ("X", "ghcr.io/owner/image@sha256:ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12"),
    ("X", "python -m gunicorn app.main:app -k uvicorn.workers.UvicornWorker -b 0.0.0.0:8000"),
    ("X", "com.example.MyVeryLongClassName2Impl"),
    ("BUILD_ID", "20240101-abcDEF123456"),
    ("X", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
    ("TOKEN_ENABLED", "true"),
    ("JWT_ISSUER", "https://x"),
    ("PASSWORD_MIN_LENGTH", "12"),
    ("X", "gunicorn --user 1000:1000"),
    ("X", "ssh://git@github.com/x/y"),
    ("SECRET_NAME", "prod/db"),
    ("X", "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e-1234-1234-1234-123456789012"),
]
"""Names and values without a secret."""


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_a_secret_is_found_and_masked(name: str, value: str) -> None:
    parts = [value[start:end] for start, end in secret_parts(value, name)]
    assert parts and contains_secret(value, name)
    masked = mask_value({name: value})[name]
    assert MASK in masked and not any(part in masked for part in parts)
    assert not {"geheim", "hunter2"} & {*masked.replace("'", " ").replace('"', " ").split()}


@pytest.mark.parametrize(("name", "value"), LOOK_ALIKES)
def test_what_only_looks_like_a_secret_is_left_alone(name: str, value: str) -> None:
    assert not contains_secret(value, name)
    assert mask_value({name: value}) == {name: value}


def test_random_texts_are_found_and_names_are_not() -> None:
    source = random.Random(1)
    letters = string.ascii_letters + string.digits
    made = ["".join(source.choices(letters, k=size)) for size in (24, 32, 40, 64) for _ in range(100)]
    assert sum(map(contains_secret, made)) >= 0.97 * len(made)
    names = [
        *("DescribeContainerInstancesResponse", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
        *("orders-prod-ExecutionRole-1XK9QZ2M4N7P", "com.example.orders.internal.MyVeryLongClassName2Impl"),
        "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
    ]
    assert not any(map(contains_secret, names))


@pytest.mark.parametrize(
    ("words", "secret"),
    [
        (["mysql", "-u", "root", "-p", "geheim"], "geheim"),
        (["app", "--password", "geheim"], "geheim"),
        (["app", "--api-token", "geheim", "--port", "80"], "geheim"),
        (["redis-cli", "-a", "geheim", "ping"], "geheim"),
        (["curl", "-u", "me:geheim", "http://x"], "me:geheim"),
        (["mysqldump", "-pgeheim"], "geheim"),
        (["sh", "-c", "mysql -u root -p geheim"], "geheim"),
    ],
)
def test_the_words_of_a_command_are_read_together(words: list[str], secret: str) -> None:
    assert [found for _, found in secrets_in(words)] == [secret]
    assert "geheim" not in str(mask_value(words)) and len(mask_value(words)) == len(words)


def test_a_secret_that_is_known_is_masked_wherever_it_occurs() -> None:
    remember(["before-any-command"])
    assert mask_text("before-any-command") == "before-any-command", "nothing is remembered outside of a command"
    with remembering():
        remember(
            memorable(
                ['quer"y<1>z', "first line of it\nsecond line of it", "abc", "postgres", "orders", "geheim"],
                ("orders",),
            )
        )
        assert mask_known('{"a": "quer\\"y<1>z"} and quer"y&lt;1&gt;z and quer&quot;y&lt;1&gt;z').count(MASK) >= 2
        assert mask_known("second line of it") == MASK
        assert mask_known("abc postgres orders geheimnis") == "abc postgres orders geheimnis"
        assert mask_line("a: geheim") == f"a: {MASK}" and mask_value(["x geheim"]) == [f"x {MASK}"]
    assert mask_known("geheim") == "geheim"


def test_words_that_say_secret_contain_a_stem() -> None:
    said: set[Any] = {*masking._SECRET_WORDS, *masking._SECRET_PARTS, *masking._SECRET_ENDS, *masking._WEAK_WORDS}
    said |= {last for _, last in masking._PAIRS if last != "string"} | {*masking._HEADERS, *masking._SIGNATURES}
    assert all(any(stem in word for stem in masking._STEMS) for word in said)
    assert is_secret_name("connection_string") and "conn" in masking._STEMS


WORST = [
    *("a", "A", "1", "_", "-", ".", "=", ":", "://", "@", "u:p@", '"', "'", '\\"', "\\", 'a="', "a: ", "password="),
    *("--password ", "-p x", "eyJ", "-eyJa.", "sk-", "AKIA", "-----BEGIN PRIVATE KEY-----", "PuTTY-User-Key-File"),
    *(
        "123456789:",
        "Bearer a1",
        "{a: b, ",
        "token=b;",
        "?sig=",
        "arn:aws:",
        "' -",
        "\" -a '",
        "sha256:",
        "/",
        "x://a:b",
    ),
    *(
        "aB1",
        "aB1/",
        "8Q~",
        "key-",
        "QUFBQUFBQUFBQUFBQUFBQUFB ",
        "token: ",
        "secret:",
        "code=",
        "key=",
        "--key=",
        "token=${secrets:",
        "{token: [",
        "${token:-",
    ),
]


@pytest.mark.parametrize("bit", WORST)
def test_a_long_text_takes_no_longer_than_its_length(bit: str) -> None:
    text = (bit * 20_000)[:20_000]
    start = time.process_time()
    for in_spec in (False, True):
        list(secret_parts(text, "x_key", in_spec))
    assert time.process_time() - start < 2


@pytest.mark.parametrize("bit", ["@password:", '{"password":', "/token:", "secret:="])
def test_names_without_values_are_not_read_again_for_each_other(bit: str) -> None:
    text = bit * (150_000 // len(bit))
    start = time.process_time()
    for in_spec in (False, True):
        list(secret_parts(text, "", in_spec))
    assert time.process_time() - start < 2


def test_a_quoted_secret_begins_with_any_character() -> None:
    for value in ("#hunter22", "{hunter22", "[hunter22"):
        assert mask_line(f'    DB_PASSWORD: "{value}"') == f'    DB_PASSWORD: "{MASK}"'
    assert mask_line("    DB_PASSWORD: # none") == "    DB_PASSWORD: # none"

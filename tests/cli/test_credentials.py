"""Credentials that cannot be used: what was tried in which profile, and the way out for the place. Never a value."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import sleep
from typing import ClassVar

import pytest
from click.testing import CliRunner

import fsdcf.deploy.credentials as module
from fsdcf.cli.main import cli
from fsdcf.cli.options import surroundings
from tests.cli.stage import isolated

ROLE = "arn:aws:iam::123456789012:role/deploy"
SECRET = "hunter2"
PYTHON = sys.executable

Try = Callable[..., str]


@pytest.fixture
def attempt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Try:
    """Write a configuration file, run a command with the profile ``p``, and return what it printed."""
    isolated(monkeypatch, tmp_path, cache)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def run(config: str, *command: str, exit: int = 7, **variables: str) -> str:
        (tmp_path / "config").write_text(f"[profile p]\nregion = eu-west-1\n{config}\n", encoding="utf-8")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        name, subject, *words = command or ("status", "hello")
        result = CliRunner().invoke(cli, [name, subject, "--profile", "p", *words])
        said = result.output
        assert result.exit_code == exit, said
        assert SECRET not in said and "bug in fsdcf" not in said and "Traceback" not in said
        assert "reading or writing failed" not in said and "interrupted" not in said
        return said

    return run


def program(tmp_path: Path, code: str) -> str:
    """A credential_process that runs this Python code."""
    file = tmp_path / "program.py"
    file.write_text(f"import sys, time\n{code}\n", encoding="utf-8")
    return f"credential_process = {PYTHON} {file}"


def printing(**answer: object) -> str:
    """Code that prints the answer of a credential_process."""
    return f"print({json.dumps(answer)!r})"


KEYS = {"Version": 1, "AccessKeyId": SECRET, "SecretAccessKey": SECRET, "SessionToken": SECRET}


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (f"print('{SECRET}', file=sys.stderr); print('{SECRET}'); sys.exit(3)", "failed with exit code 3"),
        (f"print('{SECRET}')", "printed no JSON"),
        ("", "printed no JSON"),
        ("sys.stdout.buffer.write(bytes([255, 254]))", "printed no JSON"),
        (f"print('[\"{SECRET}\"]')", "printed no JSON object"),
        (printing(Version=1, AccessKeyId=SECRET), "without SecretAccessKey"),
        (printing(**{**KEYS, "AccessKeyId": ""}), "without AccessKeyId"),
        (printing(**{**KEYS, "Version": "1"}), "without Version: 1"),
        (printing(**KEYS, Expiration="2020-01-01T00:00:00Z"), "have expired"),
        (printing(**KEYS, Expiration="soon"), "cannot be used"),
    ],
)
def test_a_credential_process(attempt: Try, tmp_path: Path, code: str, word: str) -> None:
    said = attempt(program(tmp_path, code))
    assert word in said and "credential_process of the profile p" in said
    assert "aws sts get-caller-identity --profile p" in said


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("./no-such-program --x", "cannot be started: ./no-such-program"),
        ("/", "cannot be started: /"),
        ("", "is empty"),
        ("'unbalanced", "cannot be used"),
    ],
)
def test_a_credential_process_that_cannot_be_started(attempt: Try, setting: str, word: str) -> None:
    said = attempt(f"credential_process = {setting}")
    assert word in said and "credential_process of the profile p" in said


def test_a_credential_process_that_hangs(attempt: Try, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    monkeypatch.setattr(module, "_SILENCE", 0.1)
    said = attempt(program(tmp_path, f"print('{SECRET}', flush=True); time.sleep(60)"))
    assert "did not end within" in said and "waiting for the credential_process of the profile p" in said


@pytest.mark.parametrize(
    ("source", "help"),
    [
        ("Environment", "set AWS_ACCESS_KEY_ID"),
        ("Ec2InstanceMetadata", "the instance needs an instance profile"),
        ("EcsContainer", "its endpoint must answer"),
    ],
)
def test_a_role_says_where_its_own_credentials_were_looked_for(attempt: Try, source: str, help: str) -> None:
    said = attempt(f"role_arn = {ROLE}\ncredential_source = {source}")
    assert f"credential_source = {source}" in said and help in said


def test_a_role_that_is_no_arn_is_a_setting_to_correct(attempt: Try) -> None:
    keys = f"[profile inner]\naws_access_key_id = AKIA\naws_secret_access_key = {SECRET}"
    said = attempt(f"role_arn = deploy\nsource_profile = inner\n{keys}")
    assert "correct the profile p" in said and "get-role" not in said


def test_a_region_that_is_none(attempt: Try) -> None:
    keys = f"aws_access_key_id = AKIA\naws_secret_access_key = {SECRET}"
    said = attempt(f'{keys}\n[profile odd]\nregion = "eu west"\n{keys}', "status", "hello", "--profile", "odd", exit=2)
    assert "is not a valid region" in said and "--region" in said


def test_the_profile_of_a_source_is_named(attempt: Try, tmp_path: Path) -> None:
    source = f"role_arn = {ROLE}\nsource_profile = inner\n[profile inner]\n{program(tmp_path, 'print()')}"
    said = attempt(source)
    assert "the credential_process of the profile inner" in said and "a source of the profile p" in said
    said = attempt(f"role_arn = {ROLE}\nsource_profile = inner\n[profile inner]\n{web(tmp_path / 'none')}")
    assert "the web identity token of the profile inner" in said and "a source of the profile p" in said


def web(file: Path) -> str:
    return f"role_arn = {ROLE}\nweb_identity_token_file = {file}"


@pytest.mark.parametrize("command", [("status", "hello"), ("logs", "hello"), ("watch", "hello"), ("history", "hello")])
def test_a_token_file_that_is_missing(attempt: Try, tmp_path: Path, command: tuple[str, ...]) -> None:
    said = attempt(web(tmp_path / "no-token"), *command)
    assert "the web identity token of the profile p" in said and "no-token: No such file" in said


def test_a_token_file_that_is_empty_a_folder_or_binary(attempt: Try, tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert "Is a directory" in attempt(web(tmp_path))
    file.write_text("")
    assert "is empty" in attempt(web(file))
    file.write_bytes(b"\xff\xfe")
    assert "not valid UTF-8" in attempt(web(file))
    file.write_text(SECRET)
    file.chmod(0)
    if not os.access(file, os.R_OK):
        assert "Permission denied" in attempt(web(file))


def test_the_token_file_of_the_environment(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/token")
    result = CliRunner().invoke(cli, ["status", "hello"])
    assert result.exit_code == 7 and "/no/token" in result.output and "AWS_WEB_IDENTITY_TOKEN_FILE" in result.output


MFA = (
    f"role_arn = {ROLE}\nsource_profile = keys\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n[profile keys]\n"
    f"aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {SECRET}"
)


def test_nobody_is_asked_for_a_code_without_a_terminal(attempt: Try, recwarn: pytest.WarningsRecorder) -> None:
    said = attempt(MFA)
    assert "needs the code of an MFA device" in said and ROLE in said and "in a terminal" in said
    assert "Enter MFA" not in said and not [one for one in recwarn if "getpass" in str(one.message).lower()]


def test_a_code_that_is_none_says_what_a_code_is(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fsdcf.cli.options.surroundings", lambda pause: module.Surroundings("terminal", ask=lambda prompt: "abc")
    )
    said = attempt(MFA)
    assert "has six digits" in said and "enter the current code" in said and "get-role" not in said


def test_a_person_is_asked_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, object]] = []
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream=None: asked.append((prompt, stream)) or "123456")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    paused: list[bool] = []
    ask = surroundings(lambda: paused.append(True)).ask
    assert ask is not None and ask("Code: ") == "123456"
    assert asked == [("Code: ", sys.stderr)] and paused == [True]
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert surroundings().ask is None


SSO = (
    "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev\n"
    "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1"
)
LEGACY = "sso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = x"


@pytest.fixture
def sso_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sso"
    folder.mkdir()
    monkeypatch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(folder))
    monkeypatch.setattr("botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR", str(folder))
    return folder


def cached(folder: Path, name: str, text: str) -> None:
    (folder / f"{hashlib.sha1(name.encode()).hexdigest()}.json").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("config", "name"), [(SSO, "corp"), (LEGACY, "https://corp.awsapps.com/start")])
def test_an_sso_session(attempt: Try, sso_cache: Path, config: str, name: str) -> None:
    said = attempt(config)
    assert "SSO session of the profile p was not found" in said and "aws sso login --profile p" in said
    past = (datetime.now(timezone.utc) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cached(sso_cache, name, json.dumps({"accessToken": SECRET, "expiresAt": past}))
    said = attempt(config)
    assert "has expired" in said and "aws sso login --profile p" in said
    cached(sso_cache, name, f"{{broken {SECRET}")
    said = attempt(config)
    assert "cannot be read" in said and "aws sso login --profile p" in said


def test_the_way_out_of_a_pipeline(attempt: Try, sso_cache: Path) -> None:
    said = attempt(SSO, CI="true")
    assert "aws sso login" not in said and "give it a role" in said
    said = attempt(SSO, GITHUB_ACTIONS="true", GITHUB_REPOSITORY="acme/shop")
    assert "aws sso login" not in said and "id-token: write" in said and "trust policy" in said
    assert "fsdcf bootstrap --github acme/shop" in said
    assert "id-token: write" in attempt(MFA) and "id-token: write" in attempt(web(Path("/no/token")))
    assert "no AWS credentials were found in the profile p" in attempt("") and "id-token: write" in attempt("")
    said = attempt("aws_access_key_id = AKIAEXAMPLE")
    assert "aws configure --profile p" in said and "otherwise, give the job `permissions: id-token: write`" in said
    said = attempt("credential_process = /no/program")
    assert "run the program" in said and "otherwise, give the job `permissions: id-token: write`" in said


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (f"role_arn = {ROLE}\nsource_profile = nosuch", ("profile p is not valid", '"nosuch"', "does not exist")),
        (
            f"role_arn = {ROLE}\nsource_profile = q\n[profile q]\nrole_arn = {ROLE}\nsource_profile = p",
            ("profile p is in a loop: p -> q -> p", "list-profiles"),
        ),
        (f"role_arn = {ROLE}", ("source_profile or credential_source is missing",)),
        (f"role_arn = {ROLE}\nsource_profile = q\n[profile q]\nregion = x", ("must have credentials",)),
        (f"role_arn = {ROLE}\ncredential_source = Nowhere", ("Nowhere", "is not valid")),
        (f"role_arn = {ROLE}\ncredential_source = Environment", ("did not return credentials",)),
        ("aws_access_key_id = AKIAEXAMPLE", ("access key of the profile p", "aws_secret_access_key is missing")),
        ("sso_session = nosuch\nsso_account_id = 1\nsso_role_name = x", ("nosuch", "profile p")),
        ("sso_account_id = 1\nsso_role_name = x", ("sso_start_url", "profile p")),
    ],
)
def test_settings_of_a_profile(attempt: Try, config: str, words: tuple[str, ...]) -> None:
    said = attempt(config)
    assert "no usable credentials" in said and all(word in said for word in words), said


def test_half_a_key_in_the_environment(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    result = CliRunner().invoke(cli, ["status", "hello"])
    assert result.exit_code == 7 and "AWS_SECRET_ACCESS_KEY is missing" in result.output
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("metadata_service_timeout = soon", "soon"),
        (f"aws_secret_access_key {SECRET}", "line 3"),
        (f"[profile p]\nregion = {SECRET}", "line 3"),
        ("a\n b", "line"),
    ],
)
def test_a_configuration_file_with_a_fault(attempt: Try, line: str, word: str) -> None:
    said = attempt(line, exit=2)
    assert "the AWS configuration cannot be read" in said and word in said


def test_a_configuration_file_that_is_not_utf8_or_cannot_be_read(
    attempt: Try, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").write_bytes(b"[p]\naws_access_key_id = \xff\xfe\n")
    assert "not valid UTF-8" in attempt("", exit=2)
    (tmp_path / "credentials").unlink()
    unreadable = Path("/proc/self/mem")
    if unreadable.exists():  # a file that even root cannot read
        assert stat.S_ISREG(unreadable.stat().st_mode)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(unreadable))
        result = CliRunner().invoke(cli, ["status", "hello", "--profile", "q", "--region", "eu-west-1"])
        assert result.exit_code == 7 and f"{unreadable} cannot be read" in result.output
        result = CliRunner().invoke(cli, ["status", "hello", "--region", "eu-west-1"])
        assert result.exit_code == 7 and f"{unreadable} cannot be read" in result.output


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://169.254.1.1/{SECRET}"}, "cannot be used"),
        (
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/no/token",
            },
            "/no/token: No such file",
        ),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:9/{SECRET}"}, "did not return credentials"),
    ],
)
def test_the_endpoint_of_a_container(
    attempt: Try, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], word: str
) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    said = attempt("", AWS_REGION="eu-west-1", **variables)
    assert word in said and "credentials endpoint of the container" in said


@pytest.mark.parametrize(
    "command",
    [
        ("deploy", "hello.yml", "--image-sha", "x", "--yes"),
        ("diff", "hello.yml", "--deployed"),
        *((name, "hello") for name in ("delete", "recover", "diagnose", "restart", "cancel", "rollback")),
        ("scale", "hello", "1"),
        ("run", "hello", "--", "true"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_reports_it(attempt: Try, tmp_path: Path, command: tuple[str, ...]) -> None:
    said = attempt(web(tmp_path / "no-token"), *command)
    assert "the web identity token of the profile p cannot be read" in said


class Answering(BaseHTTPRequestHandler):
    """AWS on loopback: answers by the action of a request, or by its path."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}
    asked: ClassVar[list[str]] = []

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        action = next((part.partition("=")[2] for part in body.split("&") if part.startswith("Action=")), self.path)
        self.asked.append(action)
        status, text = self.answers.get(action, (404, ""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = _answer

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    Answering.answers.clear()
    Answering.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def refused(code: str, message: str) -> tuple[int, str]:
    return 403, f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


STATIC = f"aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {SECRET}"
CHAIN = f"role_arn = {ROLE}\nsource_profile = keys\n[profile keys]\n{STATIC}"
USER = "arn:aws:iam::123456789012:user/dev"


def test_a_role_whose_assumption_is_refused(attempt: Try, endpoint: str) -> None:
    message = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    Answering.answers["AssumeRole"] = refused("AccessDenied", message)
    said = attempt(CHAIN, AWS_ENDPOINT_URL=endpoint)
    assert f"the role {ROLE} of the profile p was rejected by AssumeRole" in said and USER in said
    assert "trust policy" in said and "aws iam get-role --role-name deploy" in said
    assert "DescribeStacks" not in Answering.asked


def test_a_token_that_the_role_does_not_trust(attempt: Try, endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    message = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    Answering.answers["AssumeRoleWithWebIdentity"] = refused("AccessDenied", message)
    said = attempt(web(tmp_path / "token"), AWS_ENDPOINT_URL=endpoint, GITHUB_ACTIONS="true")
    assert message in said and "trust policy" in said and "id-token: write" in said


@pytest.mark.parametrize(
    ("code", "place", "words"),
    [
        ("ExpiredToken", {}, ("aws configure --profile p", "aws sts get-caller-identity --profile p")),
        ("InvalidClientTokenId", {"CI": "true"}, ("aws configure --profile p",)),
        ("SignatureDoesNotMatch", {}, ("aws configure --profile p",)),
    ],
)
def test_keys_that_aws_rejects(
    attempt: Try, endpoint: str, code: str, place: dict[str, str], words: tuple[str, ...]
) -> None:
    Answering.answers["DescribeStacks"] = refused(code, "the security token is not valid")
    said = attempt(STATIC, AWS_ENDPOINT_URL=endpoint, **place)
    assert "AWS rejected the credentials from the access key of the profile p: the security token" in said
    assert all(word in said for word in words), said


def test_the_credentials_of_a_job_that_have_expired(
    attempt: Try, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Answering.answers["DescribeStacks"] = refused("ExpiredToken", "the security token has expired")
    attempt(STATIC, AWS_ENDPOINT_URL=endpoint, GITHUB_ACTIONS="true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    result = CliRunner().invoke(cli, ["status", "hello", "--region", "eu-west-1"])
    assert result.exit_code == 7 and "environment variables AWS_ACCESS_KEY_ID" in result.output
    assert "role-duration-seconds" in result.output and "id-token: write" in result.output
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((404, SECRET), "answered with status 404"),
        ((200, f"<{SECRET}"), "did not return credentials"),
        ((200, json.dumps({"AccessKeyId": SECRET})), "it is incomplete"),
    ],
)
def test_the_answer_of_a_container_endpoint(
    attempt: Try, endpoint: str, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str], word: str
) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    Answering.answers["/creds"] = answer
    said = attempt("", AWS_REGION="eu-west-1", AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{endpoint}/creds")
    assert word in said and "credentials endpoint of the container" in said


def test_credentials_that_cannot_be_renewed_in_the_middle_of_a_run(attempt: Try, endpoint: str, tmp_path: Path) -> None:
    """The program returns credentials that expire at once; later it fails."""
    soon = (datetime.now(timezone.utc) + timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    mark = tmp_path / "called"
    code = f"import os\nif os.path.exists({str(mark)!r}): sys.exit(4)\nopen({str(mark)!r}, 'w').close()\n"
    said = attempt(program(tmp_path, code + printing(**KEYS, Expiration=soon)), AWS_ENDPOINT_URL=endpoint)
    assert "credential_process of the profile p failed with exit code 4" in said


def test_a_wrong_code(attempt: Try, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "MultiFactorAuthentication failed with invalid MFA one time pass code"
    Answering.answers["AssumeRole"] = refused("AccessDenied", message)
    monkeypatch.setattr(
        "fsdcf.cli.options.surroundings", lambda pause: module.Surroundings(ask=lambda prompt: "123456")
    )
    said = attempt(MFA, AWS_ENDPOINT_URL=endpoint)
    assert message in said and "enter the current code" in said and Answering.asked == ["AssumeRole"]


def test_a_permission_set_that_is_not_assigned(attempt: Try, endpoint: str, sso_cache: Path) -> None:
    later = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cached(sso_cache, "corp", json.dumps({"accessToken": SECRET, "expiresAt": later}))
    path = "/federation/credentials?role_name=dev&account_id=123456789012"
    Answering.answers[path] = (403, json.dumps({"message": "No access", "__type": "ForbiddenException"}))
    said = attempt(SSO, AWS_ENDPOINT_URL=endpoint)
    assert "was rejected by GetRoleCredentials: No access" in said and "permission set" in said


def test_a_network_that_fails_while_credentials_are_obtained(
    attempt: Try, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsdcf.deploy.aws.FIRST_PATIENCE", 0.0)
    monkeypatch.setattr("fsdcf.deploy.aws._SHORTEST", 0.02)
    said = attempt(CHAIN, exit=6, AWS_ENDPOINT_URL=endpoint, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9")
    assert "cannot be reached" in said and f"which the role {ROLE} of the profile p needs" in said


def test_no_call_waits_for_an_answer_while_a_person_enters_the_code(
    attempt: Try, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(prompt: str) -> str:
        sleep(0.3)
        return "123456"

    Answering.answers["AssumeRole"] = refused("AccessDenied", "no")
    monkeypatch.setattr("fsdcf.deploy.aws.SILENCE", 0.05)
    monkeypatch.setattr("fsdcf.cli.options.surroundings", lambda pause: module.Surroundings(ask=slowly))
    assert "has no answer yet" not in attempt(MFA, AWS_ENDPOINT_URL=endpoint)

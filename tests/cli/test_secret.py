"""``fsdcf secret``: values are stored, listed and removed, and never shown."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.deploy.aws import ApiError
from fsdcf.masking import MASK
from tests.cli.stage import SMALL, Stage, lines
from tests.conftest import ROOT

VALUE = "q7Zk2mV9xR4tY8wB3nL6"
OURS = [{"Key": "fsdcf:service", "Value": "hello"}, {"Key": "fsdcf:environment", "Value": "staging"}]
SPEC = SMALL.replace("  networking:", "  environment:\n    LOG: info\n    KEY: ${secrets:shop/api:key}\n  networking:")


def stored(stage: Stage, name: str) -> str:
    answer = stage.site.call("GetParameter", "ssm", Name=name, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def secret(stage: Stage, name: str) -> str:
    return str(stage.site.call("GetSecretValue", "secretsmanager", SecretId=name)["SecretString"])


def put(stage: Stage, *words: str, value: str | bytes = VALUE, expect: int = 0) -> Any:
    """``fsdcf secret set hello.yml WORDS``, with the value in a file."""
    (stage.folder / "value").write_bytes(value if isinstance(value, bytes) else value.encode())
    result = stage("secret", "set", "hello.yml", *words, "--file", "value", expect=expect)
    assert VALUE not in result.output
    return result


def test_a_value_is_stored_and_the_line_is_printed(stage: Stage) -> None:
    result = put(stage, "TOKEN")
    assert result.stdout == "TOKEN: ${ssm:/hello/${ENV}/TOKEN}\n"
    assert "service.environment" in result.stderr and "version 1" in result.stderr
    assert stored(stage, "/hello/staging/TOKEN") == VALUE
    told = stage.site.call("DescribeParameters", "ssm")["Parameters"][0]
    assert (told["Type"], told["KeyId"], told["Tier"]) == ("SecureString", "alias/aws/ssm", "Standard")
    tags = stage.site.call("ListTagsForResource", "ssm", ResourceType="Parameter", ResourceId="/hello/staging/TOKEN")
    assert tags["TagList"] == OURS


def test_a_value_is_stored_in_secrets_manager(stage: Stage) -> None:
    result = put(stage, "TOKEN", "--store", "secretsmanager")
    assert result.stdout == "TOKEN: ${secrets:/hello/${ENV}/TOKEN}\n"
    assert secret(stage, "/hello/staging/TOKEN") == VALUE
    assert stage.site.call("DescribeSecret", "secretsmanager", SecretId="/hello/staging/TOKEN")["Tags"] == OURS


def test_a_path_of_one_s_own_with_the_environment_and_a_key(stage: Stage) -> None:
    assert put(stage, "A", "--path", "/x/${ENV}/a").stdout == "A: ${ssm:/x/${ENV}/a}\n"
    assert stored(stage, "/x/staging/a") == VALUE
    words = ("B", "--store", "secretsmanager", "--path", "x/${ENV}:b")
    assert put(stage, *words).stdout == "B: ${secrets:x/${ENV}:b}\n"
    assert json.loads(secret(stage, "x/staging")) == {"b": VALUE}


@pytest.mark.parametrize(
    ("text", "kept"),
    [(f"{VALUE}\n", VALUE), (f"{VALUE}\r\n", VALUE), (f"{VALUE}\n\n", f"{VALUE}\n"), (f" {VALUE} ", f" {VALUE} ")],
)
def test_one_line_break_at_the_end_is_left_out(stage: Stage, text: str, kept: str) -> None:
    said = put(stage, "TOKEN", value=text).stderr
    assert stored(stage, "/hello/staging/TOKEN") == kept
    assert ("line break" in said) == (text != kept)


def test_a_key_of_a_secret_is_set_without_losing_the_others(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    before = '{"one": 1.10, "big": 12345678901234567890123, "nested": {"a": [true, null, "ä"]}, "key": "old"}'
    stage.site.call("CreateSecret", "secretsmanager", Name="shop/api", SecretString=before, Tags=OURS)
    assert "reads it" in put(stage, "KEY").stderr
    assert secret(stage, "shop/api") == before.replace('"old"', f'"{VALUE}"')


@pytest.mark.parametrize("text", ["no JSON", "[1]", '"text"', '{"a": 1, "a": 2}', ""])
def test_a_key_of_a_secret_that_is_no_object_is_refused(stage: Stage, text: str) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    stage.site.call("CreateSecret", "secretsmanager", Name="shop/api", SecretString=text or " ", Tags=OURS)
    assert "not a JSON object" in put(stage, "KEY", expect=3).stderr
    assert secret(stage, "shop/api") == (text or " ")


def test_what_the_spec_says_wins(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    assert put(stage, "KEY").stdout == ""
    assert json.loads(secret(stage, "shop/api")) == {"key": VALUE}
    for words in (("--store", "ssm"), ("--path", "other:key"), ("--path", "shop/api:other")):
        assert "hello.yml:12 reads KEY from" in put(stage, "KEY", *words, expect=2).stderr


OTHER = [{"Key": "fsdcf:service", "Value": "other"}, {"Key": "fsdcf:environment", "Value": "prod"}]


@pytest.mark.parametrize(("tags", "said"), [(OTHER, "other in prod"), ([], "no tags of fsdcf")])
def test_what_belongs_to_another_is_not_overwritten_without_consent(
    stage: Stage, tags: list[dict[str, str]], said: str
) -> None:
    name = "/hello/staging/TOKEN"
    stage.site.call("PutParameter", "ssm", Name=name, Value="before", Type="SecureString", KeyId="mine", Tags=tags)
    assert said in put(stage, "TOKEN", expect=3).stderr
    assert stored(stage, name) == "before"
    put(stage, "TOKEN", "--yes")
    assert stored(stage, name) == VALUE
    told = stage.site.call("DescribeParameters", "ssm")["Parameters"][0]
    assert told["KeyId"] == "mine", "the key stays"
    after = stage.site.call("ListTagsForResource", "ssm", ResourceType="Parameter", ResourceId=name)
    assert after["TagList"] == tags, "consent to overwrite is not consent to own"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hello.yml", f"TOKEN={VALUE}"), "history of your shell"),
        (("hello.yml", "TOKEN", VALUE), "history of your shell"),
        (("TOKEN", VALUE), "history of your shell"),
        ((f"{VALUE}!", "TOKEN"), "the first word is not a file"),
        ((f"TOKEN={VALUE}",), "history of your shell"),
        (("hello.yml", "TOKEN", "--file", VALUE), "cannot read the file"),
        (("hello.yml", f"{VALUE}!"), "NAME is not the name of a variable"),
        (("hello.yml", "TOKEN", f"--value={VALUE}"), "no such option"),
        (("hello.yml", "TOKEN", f"--{VALUE}"), "history of your shell"),
        (("hello.yml", "TOKEN", f"-{VALUE}"), "history of your shell"),
        (("hello.yml", "TOKEN", "--fil", VALUE), "No such option '--fil'"),
        (("hello.yml",), "NAME is missing"),
        (("hello.yml", "TOKEN"), "no terminal"),
    ],
)
def test_a_value_is_never_a_word_and_no_error_repeats_it(stage: Stage, words: tuple[str, ...], said: str) -> None:
    result = stage("secret", "set", *words, *(["--json"] if len(said) % 2 else []), expect=2)
    assert said in result.stderr and VALUE not in result.output
    assert not stage.site.call("DescribeParameters", "ssm")["Parameters"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"  ", "is blank"),
        (b"a\0b", "NUL"),
        (b"\xff\xfe", "not text"),
        (b"x" * 4097, "--store secretsmanager"),
        ("ä".encode() * 2049, "4,098 bytes"),
        (b"a {{b}}", "--store secretsmanager"),
    ],
)
def test_values_that_ssm_does_not_take(stage: Stage, value: bytes, said: str) -> None:
    assert said in put(stage, "TOKEN", value=value, expect=2).stderr
    assert not stage.site.call("DescribeParameters", "ssm")["Parameters"]


def test_an_environment_that_no_file_names_is_confirmed(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + "environments: {prod: {}}\n")
    assert "known environments: prod" in put(stage, "TOKEN", "--env", "prd", "--yes", expect=3).stderr
    assert stage.site.call("DescribeParameters", "ssm")["Parameters"] == []
    put(stage, "TOKEN", "--env", "prd", "--new-env")
    assert stored(stage, "/hello/prd/TOKEN") == VALUE


@pytest.mark.parametrize("tags", [OURS, OTHER], ids=["ours", "other"])
@pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
def test_without_the_permission_to_look_a_value_is_stored_all_the_same(
    stage: Stage, store: str, tags: list[dict[str, str]]
) -> None:
    name, ours = "/hello/staging/TOKEN", tags is OURS
    if store == "ssm":
        stage.site.call("PutParameter", "ssm", Name=name, Value="before", Type="SecureString", Tags=tags)
    else:
        stage.site.call("CreateSecret", "secretsmanager", Name=name, SecretString="before", Tags=tags)
    looks = "DescribeParameters" if store == "ssm" else "DescribeSecret"
    stage.site.fault(f"api:{looks}:error=AccessDeniedException")
    result = put(stage, "TOKEN", "--store", store, expect=0 if ours else 3)
    assert ours or "other in prod" in result.stderr


def test_secrets_manager_takes_more(stage: Stage) -> None:
    put(stage, "TOKEN", "--store", "secretsmanager", value="x" * 65_536)
    assert "takes 65,536" in put(stage, "TOKEN", "--store", "secretsmanager", value="x" * 65_537, expect=2).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--path", "/aws/${ENV}/x"), "--path '/services/aws/${ENV}/x'"),
        (("--path", "SSMx"), "reserves"),
        (("--path", "a/b"), "--path /a/b"),
        (("--path", "/a b"), "letters"),
        (("--path", "/a" * 16), "15 levels"),
        (("--path", "/${NOPE}/a"), "NOPE"),
        (("--path", "/${AWS::Region}/a"), "known now"),
        (("--store", "secretsmanager", "--path", "prod/db-secret"), "end of an ARN"),
        (("--store", "secretsmanager", "--path", "a b"), "512"),
        (("--store", "secretsmanager", "--path", "a:b:c"), "JSON key"),
    ],
)
def test_paths_that_the_stores_do_not_take(stage: Stage, words: tuple[str, ...], said: str) -> None:
    assert said in put(stage, "TOKEN", *words, expect=2).stderr


def test_list_shows_where_and_whether_and_no_value(stage: Stage) -> None:
    more = "  image: ghcr.io/a/b\n  imageCredentials: secretsmanager:registry\n"
    more += "  secrets: [{name: A, valueFrom: /a}, {name: B, valueFrom: 'ssm:b'}]\n"
    spec = SPEC.replace("  networking:", f"{more}  networking:")
    (stage.folder / "hello.yml").write_text(spec)
    put(stage, "A")
    result = stage("secret", "list", "hello.yml")
    rows = {row.split()[0]: row for row in result.stdout.splitlines()}
    assert list(rows) == ["NAME", "A", "B", "KEY", "service.imageCredentials"]
    assert " stored " in rows["A"] and "missing" in rows["B"] and "shop/api:key" in rows["KEY"]
    assert "fsdcf secret set hello.yml B --env staging" in result.stderr
    told = {row["name"]: row for row in lines(stage("secret", "list", "hello.yml", "--json"))[:-1]}
    assert (told["A"]["exists"], told["A"]["version"], told["B"]["exists"]) == (True, "1", False)
    assert VALUE not in result.output + str(told)


def test_a_parameter_is_removed_after_a_confirmation(stage: Stage) -> None:
    put(stage, "TOKEN")
    assert "cannot restore" in stage("secret", "remove", "hello.yml", "TOKEN", expect=3).stderr
    stage("secret", "remove", "hello.yml", "TOKEN", "--yes")
    assert not stage.site.call("DescribeParameters", "ssm")["Parameters"]
    assert "does not exist" in stage("secret", "remove", "hello.yml", "TOKEN", "--yes", expect=2).stderr


def test_a_secret_is_removed_with_its_recovery_window_and_set_again(stage: Stage) -> None:
    put(stage, "TOKEN", "--store", "secretsmanager")
    result = stage("secret", "remove", "hello.yml", "TOKEN", "--store", "secretsmanager")
    assert "can be restored until 20" in result.stderr and "restore-secret" in result.stderr
    again = put(stage, "TOKEN", "--store", "secretsmanager", value="another value")
    assert "was marked for deletion" in again.stderr
    assert secret(stage, "/hello/staging/TOKEN") == "another value"


def test_removing_a_key_keeps_the_others(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    text = '{"one": 1.10, "key": "old"}'
    stage.site.call("CreateSecret", "secretsmanager", Name="shop/api", SecretString=text, Tags=OURS)
    refused = stage("secret", "remove", "hello.yml", "KEY", expect=3).stderr
    assert "hello.yml:12 still reads it, as KEY" in refused
    assert "other keys stay" in stage("secret", "remove", "hello.yml", "KEY", "--yes").stderr
    assert secret(stage, "shop/api") == '{"one": 1.10}'


# --write


def test_the_line_is_put_into_the_spec(stage: Stage) -> None:
    spec = stage.folder / "hello.yml"
    text = (
        SMALL.replace("  networking:", "  environment:  # what it needs\n    LOG: info # one\n\n  networking:")
        + "# end"
    )
    spec.write_bytes(text.replace("\n", "\r\n").encode())
    spec.chmod(0o640)
    result = put(stage, "TOKEN", "--write")
    assert result.stdout == "" and "hello.yml reads it from now on" in result.stderr
    line = "    LOG: info # one\n    TOKEN: ${ssm:/hello/${ENV}/TOKEN}\n"
    assert spec.read_bytes() == text.replace("    LOG: info # one\n", line).replace("\n", "\r\n").encode()
    assert spec.stat().st_mode & 0o777 == 0o640
    before = spec.read_bytes()
    assert "hello.yml:12 reads it" in put(stage, "TOKEN", "--write").stderr
    assert spec.read_bytes() == before
    told = lines(put(stage, "MORE", "--write", "--json"))[0]
    assert told["written"] and spec.read_bytes().count(b"${ssm:") == 2


def test_the_page_on_json_names_the_fields_of_each_command(stage: Stage) -> None:
    page = (ROOT / "docs" / "how-to" / "json.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `secret` \|[^|]+\|([^|]+)\|$", page, re.MULTILINE)
    put(stage, "TOKEN", "--write")
    told = [
        lines(stage("secret", "list", "hello.yml", "--json"))[0],
        lines(put(stage, "TOKEN", "--json"))[0],
        lines(stage("secret", "remove", "hello.yml", "TOKEN", "--yes", "--json"))[0],
    ]
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [set(one) - {"event"} for one in told]


def test_the_line_fits_every_environment(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + "environments: {prod: {}, staging: {}}\n")
    put(stage, "TOKEN", "--write")
    assert " /hello/prod/TOKEN " in stage("secret", "list", "hello.yml", "--env", "prod").stdout
    put(stage, "TOKEN", "--write", "--env", "prod", value="another value")
    assert stored(stage, "/hello/staging/TOKEN") == VALUE and stored(stage, "/hello/prod/TOKEN") == "another value"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("  environment: {TOKEN: abcd}\n", "hello.yml:14 sets TOKEN to a plain value"),
        ("  environment: &e {A: b}\nenvironments: {prod: {service: {environment: *e}}}\n", "alias"),
        ("environments: {staging: {service: {environment: {TOKEN: null}}}}\n", "would not read it in staging"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_before_anything_is_stored(stage: Stage, more: str, said: str) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + more)
    result = put(stage, "TOKEN", "--write", expect=2)
    assert said in result.stderr and "TOKEN: ${ssm:/hello/${ENV}/TOKEN}" in result.stderr
    assert (stage.folder / "hello.yml").read_text() == SMALL + more
    assert not stage.site.call("DescribeParameters", "ssm")["Parameters"]


def test_a_spec_that_was_changed_meanwhile_is_not_overwritten(stage: Stage) -> None:
    spec = stage.folder / "hello.yml"
    call = stage.site.aws.call

    def changing(service: str, operation: str, /, **more: Any) -> Any:
        spec.write_text(SMALL + "# changed\n")
        return call(service, operation, **more)

    stage.site.aws.call = changing  # type: ignore[method-assign]
    result = put(stage, "TOKEN", "--write", expect=1)
    assert "changed meanwhile" in result.stderr and result.stdout == "TOKEN: ${ssm:/hello/${ENV}/TOKEN}\n"
    assert spec.read_text() == SMALL + "# changed\n"
    assert stored(stage, "/hello/staging/TOKEN") == VALUE


def test_a_link_stays_one(stage: Stage) -> None:
    (stage.folder / "real").mkdir()
    (stage.folder / "hello.yml").rename(stage.folder / "real" / "spec.yml")
    (stage.folder / "hello.yml").symlink_to("real/spec.yml")
    put(stage, "TOKEN", "--write")
    assert (stage.folder / "hello.yml").is_symlink() and "TOKEN" in (stage.folder / "real" / "spec.yml").read_text()


# Faults


FAULTS = [
    *(f"api:PutParameter:{kind}" for kind in ("lost", "throttle", "half")),
    *(f"api:CreateSecret:{kind}" for kind in ("lost", "half")),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("again", [False, True], ids=["new", "again"])
def test_a_call_that_is_repeated_stores_the_value_once(stage: Stage, fault: str, again: bool) -> None:
    store = "ssm" if "Parameter" in fault else "secretsmanager"
    if again:
        put(stage, "TOKEN", "--store", store, value="before")
    stage.site.fault(fault.replace("CreateSecret", "PutSecretValue") if again else fault)
    put(stage, "TOKEN", "--store", store)
    value = stored(stage, "/hello/staging/TOKEN") if store == "ssm" else secret(stage, "/hello/staging/TOKEN")
    assert value == VALUE


ENDS = {
    "error=AccessDeniedException": 7,
    "expired*9": 7,
    "error=InvalidKeyId": 1,
    "error=SomethingNew": 1,
    "unreachable*99": 6,
    "html*99": 6,
}


@pytest.mark.parametrize("operation", ["PutParameter", "DescribeSecret", "CreateSecret"])
@pytest.mark.parametrize(("kind", "code"), ENDS.items())
def test_a_fault_is_explained_without_the_value(stage: Stage, kind: str, code: int, operation: str) -> None:
    as_json = len(kind + operation) % 2
    store = "ssm" if "Parameter" in operation else "secretsmanager"
    stage.site.fault(f"api:{operation}:{kind}")
    looks = operation.startswith("Describe") and kind.startswith("error")
    words = ("--store", store, *(["--json"] if as_json else []))
    result = put(stage, "TOKEN", *words, expect=0 if looks else code)
    if not looks:
        assert "next: " in result.stderr and "Traceback" not in result.output
        assert operation.startswith("Describe") or "was not stored" in result.stderr or "may have been" in result.stderr


def test_a_message_of_aws_that_quotes_the_value_is_not_shown(stage: Stage) -> None:
    call = stage.site.aws.call

    def quoting(service: str, operation: str, /, **more: Any) -> Any:
        if operation == "PutParameter":
            raise ApiError(service, operation, "ValidationException", f"Value '{more['Value']}' at 'value' is wrong")
        return call(service, operation, **more)

    stage.site.aws.call = quoting  # type: ignore[method-assign]
    assert f"'{MASK}'" in put(stage, "TOKEN", expect=1).stderr
    result = put(stage, "TOKEN", value="ab", expect=1)  # too short to be masked wherever it occurs
    assert "quotes the value" in result.stderr and "'ab'" not in result.output


def test_a_message_that_quotes_another_key_of_the_secret_is_not_shown(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    text = json.dumps({"other": {"deep": ["xyz1"]}, "key": "old"})
    stage.site.call("CreateSecret", "secretsmanager", Name="shop/api", SecretString=text, Tags=OURS)
    call = stage.site.aws.call

    def quoting(service: str, operation: str, /, **more: Any) -> Any:
        if operation == "PutSecretValue":
            raise ApiError(service, operation, "InvalidParameterException", "the value xyz1 is wrong")
        return call(service, operation, **more)

    stage.site.aws.call = quoting  # type: ignore[method-assign]
    assert "xyz1" not in put(stage, "KEY", expect=1).output
    assert "xyz1" not in stage("secret", "remove", "hello.yml", "KEY", "--yes", expect=1).output


def test_ctrl_c_says_whether_the_value_may_be_stored(stage: Stage) -> None:
    call = stage.site.aws.call

    def interrupting(service: str, operation: str, /, **more: Any) -> Any:
        if operation == "PutParameter":
            raise KeyboardInterrupt
        return call(service, operation, **more)

    stage.site.aws.call = interrupting  # type: ignore[method-assign]
    result = put(stage, "TOKEN", expect=130)
    assert "may have been stored" in result.stderr and "fsdcf secret list hello.yml" in result.stderr


def test_no_file_but_the_sandbox_s_state_has_the_value(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    put(stage, "TOKEN", "--write")
    stage("secret", "list", "hello.yml")
    (stage.folder / "value").unlink()
    assert not [path for path in stage.folder.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]


# Prompts


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person enters at a terminal, without echo."""
    entries: list[str] = []

    def enter(prompt: str, stream: object) -> str:
        entry = entries.pop(0)
        if entry in ("^C", "^D"):
            raise KeyboardInterrupt if entry == "^C" else EOFError
        return entry

    monkeypatch.setattr("getpass.getpass", enter)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    return entries


@pytest.mark.parametrize("dash", [False, True])
def test_a_person_enters_the_value_twice(stage: Stage, typed: list[str], dash: bool) -> None:
    typed += [VALUE, VALUE]
    result = stage("secret", "set", "hello.yml", "TOKEN", *(["-"] if dash else []))
    assert VALUE not in result.output and stored(stage, "/hello/staging/TOKEN") == VALUE


@pytest.mark.parametrize(
    ("entries", "code", "said"),
    [
        ([VALUE, "another"], 2, "the two entries differ"),
        (["", ""], 2, "is empty"),
        (["^C"], 130, "nothing was stored"),
        ([VALUE, "^D"], 130, "nothing was stored"),
    ],
)
def test_an_entry_that_is_not_stored(stage: Stage, typed: list[str], entries: list[str], code: int, said: str) -> None:
    typed += entries
    result = stage("secret", "set", "hello.yml", "TOKEN", expect=code)
    assert said in result.stderr and VALUE not in result.output
    assert not stage.site.call("DescribeParameters", "ssm")["Parameters"]


# Places by ARN


ARNS = (
    SMALL
    + """\
  secrets:
    - {name: A, valueFrom: "arn:aws:ssm:eu-west-1:000000000000:parameter/one"}
    - {name: B, valueFrom: "arn:aws:ssm:us-east-1:111111111111:parameter/two/x"}
    - {name: C, valueFrom: "arn:aws:secretsmanager:us-east-1:000000000000:secret:billing/db-a1B2c3:password::"}
    - {name: D, valueFrom: "arn:aws:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:plain"}
    - {name: E, valueFrom: "secretsmanager:x/y::AWSPREVIOUS:"}
"""
)


def test_secrets_that_the_spec_names_by_an_arn(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(ARNS)
    for name, code, said in (
        ("A", 0, "version 1"),
        ("B", 3, "in the account 111111111111"),
        ("C", 3, "AWS chooses the end of an ARN"),
        ("D", 0, "stored D as plain in Secrets Manager"),
        ("E", 3, "the stage AWSPREVIOUS"),
    ):
        assert said in put(stage, name, expect=code).stderr
    assert stored(stage, "/one") == VALUE and secret(stage, "plain") == VALUE
    told = {one["name"]: one for one in lines(stage("secret", "list", "hello.yml", "--json"))[:-1]}
    states = {name: one["state"] for name, one in told.items()}
    assert states == {"A": "stored", "B": "in another account", "C": "missing", "D": "stored", "E": "missing"}
    assert (told["A"]["region"], told["B"]["account"], told["C"]["key"]) == ("eu-west-1", "111111111111", "password")


def test_a_parameter_without_a_path_by_its_arn(stage: Stage) -> None:
    """The ARN of ``one`` is that of ``/one``."""
    (stage.folder / "hello.yml").write_text(ARNS)
    stage.site.call("PutParameter", "ssm", Name="one", Value="before", Type="SecureString", Tags=OURS)
    put(stage, "A")
    assert stored(stage, "one") == VALUE


def test_what_is_not_encrypted_is_not_overwritten(stage: Stage) -> None:
    stage.site.call("PutParameter", "ssm", Name="/hello/staging/TOKEN", Value="x", Type="String", Tags=OURS)
    assert "not encrypted" in put(stage, "TOKEN", expect=3).stderr


def test_the_key_of_the_spec_encrypts_what_is_new(stage: Stage) -> None:
    key = "arn:aws:kms:${AWS::Region}:000000000000:key/mrk-00000000000000000000000000000000"
    (stage.folder / "hello.yml").write_text(f"{SMALL}  secretKeys: ['{key}']\n")
    put(stage, "TOKEN")
    put(stage, "OTHER", "--store", "secretsmanager")
    assert stage.site.call("DescribeParameters", "ssm")["Parameters"][0]["KeyId"] == key.replace(
        "${AWS::Region}", "us-east-1"
    )
    told = stage.site.call("DescribeSecret", "secretsmanager", SecretId="/hello/staging/OTHER")
    assert told["KmsKeyId"] == key.replace("${AWS::Region}", "us-east-1")


def test_the_running_service_that_reads_a_secret(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SPEC)
    put(stage, "KEY")
    stage.deploy("--yes")
    refused = stage("secret", "remove", "hello.yml", "KEY", expect=3).stderr
    assert "the running service hello-staging reads it" in refused
    (stage.folder / "hello.yml").write_text(SMALL)
    words = ("secret", "remove", "hello.yml", "KEY", "--store", "secretsmanager", "--path", "shop/api:key")
    assert "hello-staging reads it" in stage(*words, expect=3).stderr, "also without its line in the spec"
    (stage.folder / "other.yml").write_text(SMALL.replace("name: hello", "name: other"))
    words = ("secret", "remove", "other.yml", *words[3:])
    assert "hello-staging reads it" in stage(*words, expect=3).stderr, "also that of another service"


@pytest.mark.parametrize("operation", ["DescribeSecret", "GetSecretValue", "PutSecretValue", "DeleteParameter"])
@pytest.mark.parametrize("kind", ["error=AccessDeniedException", "half*99", "lost"])
def test_faults_of_a_removal_and_of_a_key(stage: Stage, operation: str, kind: str) -> None:
    """What a secret holds beside the key that changes is in no output either."""
    (stage.folder / "hello.yml").write_text(SPEC)
    text = json.dumps({"other": VALUE, "key": "old"})
    stage.site.call("CreateSecret", "secretsmanager", Name="shop/api", SecretString=text, Tags=OURS)
    stage.site.call("PutParameter", "ssm", Name="/hello/staging/X", Value=VALUE, Type="SecureString", Tags=OURS)
    recovers = kind == "lost"
    for words in (("set", "hello.yml", "KEY", "--file", "value"), ("remove", "hello.yml", "KEY", "--yes")):
        (stage.folder / "value").write_text("another value")
        stage.site.state.faults.__init__()  # type: ignore[misc]
        stage.site.fault(f"api:{operation}:{kind}")
        result = CliRunner().invoke(cli, ["secret", *words], obj=lambda connection: stage.site.aws)
        denied = "Describe" in operation and "error" in kind
        assert VALUE not in result.output and "another value" not in result.output
        assert result.exit_code in (0, 1, 6, 7) and (result.exit_code == 0 or "next: " in result.stderr), result.output
        assert result.exit_code == 0 or not recovers or denied
        assert json.loads(secret(stage, "shop/api"))["other"] == VALUE
    stage.site.state.faults.__init__()  # type: ignore[misc]
    stage.site.fault(f"api:{operation}:{kind}")
    result = CliRunner().invoke(
        cli, ["secret", "remove", "hello.yml", "X", "--yes", "--json"], obj=lambda connection: stage.site.aws
    )
    assert VALUE not in result.output and (result.exit_code == 0) == (recovers or operation != "DeleteParameter")


def test_the_records_of_releases_are_no_secrets(stage: Stage) -> None:
    path = ("--path", "/fsdcf/staging/hello-staging/release")
    assert "keeps the releases" in put(stage, "TOKEN", *path, expect=3).stderr
    assert "keeps the releases" in stage("secret", "remove", "hello.yml", "TOKEN", *path, "--yes", expect=3).stderr

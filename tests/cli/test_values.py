"""Values for a reader: secrets are masked wherever they stand, texts cannot command a terminal."""

from __future__ import annotations

import pytest

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.values import differences, shown
from fsdcf.masking import MASK, deciding_name, mask_line, mask_value
from fsdcf.wording import visible


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("hunter2", "DB_PASSWORD"),
        ("x", "ApiKey"),
        (123456, "PIN_TOKEN"),
        ("AKIAABCDEFGHIJKLMNOP", "anything"),
        ("ghp_" + "a" * 36, "anything"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc", "anything"),
    ],
)
def test_secrets_by_name_or_by_look(value: object, name: str) -> None:
    assert mask_value(value, name) == MASK


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("info", "LOG_LEVEL"),
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:db", "ValueFrom"),
        ("arn:aws:ssm:us-east-1:000000000000:parameter/db", "SECRET"),
        ("{{resolve:ssm-secure:db}}", "MasterUserPassword"),
        (True, "TOKEN_ENABLED"),
        ("", "PASSWORD"),
        (None, "PASSWORD"),
    ],
)
def test_values_that_are_not_secret_stay(value: object, name: str) -> None:
    assert mask_value(value, name) == value


@pytest.mark.parametrize(
    "line",
    [
        '- {name: DB, valueFrom: "secretsmanager:prod/db:key"}',
        "valueFrom: secretsmanager:${ENV}/db",
        "valueFrom: /prod/db/password",
        "DB_PASSWORD: ${secrets:prod/db:key}",
        'DB_PASSWORD: "${ssm:/prod/db}"',
    ],
)
def test_a_line_that_names_the_place_of_a_secret_stays(line: str) -> None:
    assert mask_line(line) == line


def test_a_secret_beside_the_place_of_one_is_masked() -> None:
    assert mask_line('{A_TOKEN: "${ssm:/x}", B_TOKEN: hunter2}') == f'{{A_TOKEN: "${{ssm:/x}}", B_TOKEN: {MASK}}}'


def test_only_the_password_of_an_address_is_masked() -> None:
    assert mask_value("postgres://me:geheim@host/db", "DATABASE_URL") == f"postgres://{MASK}@host/db"


def test_secrets_deep_inside() -> None:
    value = {
        "A": [{"Name": "TOKEN", "Value": "x1"}, {"Name": "LOG", "Value": "x2"}],
        "Password": "x3",
        "Secrets": [{"ValueFrom": "x4"}],
    }
    assert mask_value(value) == {
        "A": [{"Name": "TOKEN", "Value": MASK}, {"Name": "LOG", "Value": "x2"}],
        "Password": MASK,
        "Secrets": [{"ValueFrom": "x4"}],
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Cpu", "Cpu"),
        ("ContainerDefinitions[app].Environment[DB_PASSWORD].Value", "DB_PASSWORD"),
        ("ContainerDefinitions[0].Environment[1].Value", "SECRET"),
        ("Environment[OLD_TOKEN -> LOG].Value", "OLD_TOKEN -> LOG"),
        ("Value", "Value"),
        ("", ""),
    ],
)
def test_the_name_that_decides_whether_a_value_is_masked(path: str, name: str) -> None:
    assert deciding_name(path) == name


def test_functions_are_values_and_unnamed_lists_too() -> None:
    assert [one.path for one in differences({"A": {"Ref": "X"}}, {"A": {"Ref": "Y"}})] == ["A"]
    assert [(one.before, one.after) for one in differences(["a"], ["a", "b"], "L")] == [(["a"], ["a", "b"])]
    assert list(differences({"A": 1}, {"A": 1})) == []


def test_only_the_item_that_differs_is_shown() -> None:
    was = [{"FromPort": 80, "CidrIp": "0.0.0.0/0"}, {"FromPort": 443, "CidrIp": "0.0.0.0/0"}]
    (one,) = differences(was, [was[0], {**was[1], "FromPort": 8443}], "Ingress")
    assert (one.path, one.before, one.after) == ("Ingress[1].FromPort", 443, 8443)
    for now in ([{**item, "FromPort": 1} for item in was], ["a", was[1]], was[::-1]):
        assert [one.path for one in differences(was, now, "Ingress")] == ["Ingress"]


def rule(port: int, source: str = "0.0.0.0/0") -> dict[str, object]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": source}


def test_an_item_that_is_inserted_moves_no_other_one() -> None:
    was = [rule(80), rule(443), rule(8080, "sg-1"), rule(9000)]
    now = [rule(22), rule(80), rule(443, "10.0.0.0/8"), rule(8080, "{{changeSet:KNOWN_AFTER_APPLY}}")]
    assert [(one.path, one.before, one.after) for one in differences(was, now, "Ingress")] == [
        ("Ingress[0].FromPort", 9000, 22),
        ("Ingress[0].ToPort", 9000, 22),
        ("Ingress[2].CidrIp", "0.0.0.0/0", "10.0.0.0/8"),
    ]
    assert [(one.path, one.before, one.after) for one in differences(was, was[:1] + was[2:], "Ingress")] == [
        ("Ingress[was 1]", rule(443), None)
    ]
    assert [(one.path, one.before, one.after) for one in differences(was[1:], was, "Ingress")] == [
        ("Ingress[0]", None, rule(80))
    ]


def test_texts_are_short_and_plain() -> None:
    assert shown("x" * 500, 20) == "x" * 19 + "…"
    assert shown(None) == "nothing" and shown({"a": [1]}) == '{"a": [1]}' and shown("a\nb") == "a b"
    assert visible("\x1b[31mred\u202e") == "\\u001b[31mred\\u202e"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (60, "1m 00s"), (72, "1m 12s"), (7500, "2h 05m"), (-3, "0s")]
)
def test_seconds_in_words(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text

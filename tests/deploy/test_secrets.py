"""What a deploy finds out about the secrets of its template before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.model import Exit, NoticeIssued, Place
from tests.deploy.emulators import LACKING, emulator, instead
from tests.deploy.site import Site, service, site, template

OWN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:"
SECRET = "s3cr3t-value-of-a-test"


def parameter(name: str) -> dict[str, str]:
    return {"Fn::Sub": OWN % "ssm" + f"parameter/{name.removeprefix('/')}"}


def secret(name: str) -> dict[str, str]:
    return {"Fn::Sub": OWN % "secretsmanager" + f"secret:{name}"}


def reading(**sources: Any) -> dict[str, Any]:
    """A service whose container reads secrets from these sources, by variable."""
    body = template(**service())
    (container,) = body["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    container["Secrets"] = [{"Name": name, "ValueFrom": source} for name, source in sources.items()]
    return body


def holding(*names: str, region: str | None = None) -> Site:
    """A site with these secrets: a name that begins with a slash is that of a parameter."""
    made = site()
    for name in names:
        made.store_secret(name, SECRET, region)
    return made


def looks(made: Site) -> list[str]:
    return [name for _, service, name in made.aws.calls if service in ("ssm", "secretsmanager") and "Describe" in name]


def test_all_that_is_missing_is_one_message_before_anything_is_changed() -> None:
    made = holding("/shop/there", "there")
    body = reading(
        A=parameter("/shop/a"),
        B=secret("db:user::"),
        C=secret("db:password::"),
        D=secret("there"),
        E=parameter("/shop/there"),
    )
    outcome = made.deploy(body)
    assert outcome.exit is Exit.USAGE
    assert "2 secrets" in outcome.sentence
    assert [(one.source, one.text) for one in outcome.evidence] == [
        ("A", "the parameter /shop/a does not exist"),
        ("B, C", "the secret db does not exist"),
    ]
    assert outcome.next == (
        "fsdcf secret set shop.yml A --env staging",
        "fsdcf secret set shop.yml B --env staging",
        "fsdcf secret set shop.yml C --env staging",
    )
    assert made.status() == ""
    assert not made.made("CreateChangeSet")
    assert SECRET not in repr(made.told)


def test_nothing_is_said_where_all_exist() -> None:
    made = holding("/shop/a", "db", "/plain")
    made.call("PutParameter", "ssm", Name="flat", Value=SECRET)
    body = reading(
        A=parameter("/shop/a"), B=secret("db:user::"), C=secret("db"), D=parameter("flat"), E=parameter("/plain")
    )
    begun = made.clock.now()
    assert made.deploy(body).exit is Exit.DONE
    assert looks(made) == ["DescribeParameters", "DescribeSecret"]
    assert not made.warnings()
    assert made.clock.now() - begun < 110, "no pause for what was found at once"


def test_the_line_of_the_spec_is_shown() -> None:
    made = site()
    where = {"TaskDefinition/ContainerDefinitions/0/Secrets/0/ValueFrom": Place("shop.yml", 7, 5, "    A: …")}
    outcome = made.run(made.release(reading(A=parameter("/a")), where=where.get))
    (one,) = outcome.evidence
    assert one.place is not None and one.place.line == 7
    assert outcome.sentence == "the parameter /a does not exist"


def test_a_template_without_secrets_makes_no_call() -> None:
    made = site()
    assert made.deploy(template(**service())).exit is Exit.DONE
    assert looks(made) == []


def test_parameters_are_looked_up_fifty_at_a_time() -> None:
    names = [f"/shop/key-{number}" for number in range(70)]
    made = holding(*names)
    outcome = made.deploy(reading(**{f"V{number}": parameter(name) for number, name in enumerate(names)}))
    assert outcome.exit is Exit.DONE
    assert looks(made) == ["DescribeParameters"] * 2
    made = holding(*names[:-1])
    outcome = made.deploy(reading(**{f"V{number}": parameter(name) for number, name in enumerate(names)}))
    assert [one.source for one in outcome.evidence] == ["V69"]


def test_variables_that_read_the_same_value_need_one_command() -> None:
    outcome = site().deploy(reading(A=secret("db:key::"), B=secret("db:key::"), C=secret("db"), D=secret("db")))
    assert [one.source for one in outcome.evidence] == ["A, B, C, D"]
    assert outcome.next == ("fsdcf secret set shop.yml A --env staging", "fsdcf secret set shop.yml C --env staging")


def test_what_was_stored_a_moment_ago_is_looked_up_once_more() -> None:
    made = site()
    made.after(1, lambda: made.store_secret("/shop/a"))
    assert made.deploy(reading(A=parameter("/shop/a"))).exit is Exit.DONE
    assert looks(made) == ["DescribeParameters"] * 2


def test_a_secret_that_the_deployed_version_reads_and_that_is_gone() -> None:
    made = holding("/shop/a")
    assert made.deploy(reading(A=parameter("/shop/a"))).exit is Exit.DONE
    made.call("DeleteParameter", "ssm", Name="/shop/a")
    made.forget()
    outcome = made.deploy(reading(A=parameter("/shop/a")), "two")
    assert outcome.exit is Exit.USAGE
    assert "/shop/a does not exist" in outcome.sentence


def test_a_secret_that_is_scheduled_for_deletion() -> None:
    made = holding("db")
    made.call("DeleteSecret", "secretsmanager", SecretId="db")
    outcome = made.deploy(reading(A=secret("db")))
    assert outcome.exit is Exit.USAGE
    assert "the secret db is scheduled for deletion" in outcome.sentence
    assert outcome.next == ("aws secretsmanager restore-secret --secret-id db --region us-east-1",)
    made.call("RestoreSecret", "secretsmanager", SecretId="db")
    made.forget()
    assert made.deploy(reading(A=secret("db"))).exit is Exit.DONE


def test_a_secret_without_a_value() -> None:
    made = site()
    made.call("CreateSecret", "secretsmanager", Name="db")
    outcome = made.deploy(reading(A=secret("db")))
    assert "the secret db has no value" in outcome.sentence
    assert outcome.next == ("fsdcf secret set shop.yml A --env staging",)


def test_a_stage_and_a_version_that_do_not_exist() -> None:
    made = site()
    first = made.call("CreateSecret", "secretsmanager", Name="db", SecretString=SECRET)["VersionId"]
    refused = made.deploy(reading(A=secret("db::AWSPREVIOUS:")))
    assert "no version with the stage AWSPREVIOUS" in refused.sentence
    assert refused.next == ("aws secretsmanager describe-secret --secret-id db --region us-east-1",)
    made.call("PutSecretValue", "secretsmanager", SecretId="db", SecretString=SECRET)
    both = secret(f"db::AWSPREVIOUS:{first}")
    made.forget()
    assert made.deploy(reading(A=secret("db::AWSPREVIOUS:"), B=both, C=secret(f"db:::{first}"))).exit is Exit.DONE
    made.forget()
    other = made.deploy(reading(A=secret(f"db::AWSCURRENT:{first}")), "two")
    assert f"has the stage AWSCURRENT at another version than {first}" in other.sentence
    made.forget()
    unknown = made.deploy(reading(A=secret("db:::a-version-without-a-stage")), "three")
    assert unknown.exit is Exit.DONE, "the metadata does not show whether it exists"


def test_the_password_of_a_registry_and_the_secret_of_a_sign_in() -> None:
    body = reading()
    (container,) = body["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    container["RepositoryCredentials"] = {"CredentialsParameter": secret("shop/registry")}
    sign_in = {"AuthenticateOidcConfig": {"ClientSecret": "{{resolve:secretsmanager:sign-in:SecretString:key}}"}}
    body["Resources"]["Rule"] = {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {"Actions": [sign_in]},
    }
    made = site()
    outcome = made.deploy(body)
    assert {one.source: one.text for one in outcome.evidence} == {
        "service.imageCredentials": "the secret shop/registry does not exist",
        "service.networking.loadBalancer.auth.oidc.clientSecret": "the secret sign-in does not exist",
    }
    assert set(outcome.next) == {
        "fsdcf secret set shop.yml service.imageCredentials --env staging",
        "fsdcf secret set shop.yml service.networking.loadBalancer.auth.oidc.clientSecret --env staging",
    }


ELSEWHERE = "arn:aws:%s:eu-west-1:%s:%s"


def test_another_region_is_asked_there() -> None:
    made = holding("/a", "db", region="eu-west-1")
    body = reading(
        A=ELSEWHERE % ("ssm", "000000000000", "parameter/a"),
        B=ELSEWHERE % ("secretsmanager", "000000000000", "secret:db"),
    )
    outcome = made.deploy(body)
    assert outcome.exit is Exit.DONE
    assert {("ssm", "eu-west-1", True), ("secretsmanager", "eu-west-1", True)} <= set(made.aws._clients)


def test_a_parameter_of_another_account_is_not_looked_up_and_a_secret_is_by_its_arn() -> None:
    made = site()
    arn = ELSEWHERE % ("secretsmanager", "111111111111", "secret:db-AbCdEf")
    outcome = made.deploy(reading(A=ELSEWHERE % ("ssm", "111111111111", "parameter/a"), B=f"{arn}:key::"))
    assert [one.text for one in outcome.evidence] == [
        "the secret db-AbCdEf in eu-west-1 of the account 111111111111 does not exist"
    ]
    assert outcome.next == (f"aws secretsmanager describe-secret --secret-id {arn} --region eu-west-1",)
    assert looks(made) == ["DescribeSecret"] * 2


def test_an_arn_with_its_random_characters() -> None:
    made = site()
    arn = made.call("CreateSecret", "secretsmanager", Name="db", SecretString=SECRET)["ARN"]
    written = arn.replace("us-east-1:000000000000", "${AWS::Region}:${AWS::AccountId}")
    body = reading(A=f"{arn}:key::", B={"Fn::Sub": written}, C=secret("db"))
    assert made.deploy(body).exit is Exit.DONE
    lost = f"{arn[:-6]}AbCdEf"
    outcome = made.deploy(reading(A=arn, B=lost), "two")
    assert [one.source for one in outcome.evidence] == ["B"]
    assert outcome.evidence[0].text == "the secret db-AbCdEf does not exist"
    assert outcome.next == ("aws secretsmanager list-secrets --region us-east-1",), "AWS chooses the end of an ARN"


def test_a_parameter_whose_name_ends_like_an_arn() -> None:
    outcome = site().deploy(reading(A=parameter("/shop/api-AbCdEf")))
    assert outcome.next == ("fsdcf secret set shop.yml A --env staging",)


def test_an_account_that_is_not_known() -> None:
    made = site("api:GetCallerIdentity:error=AccessDenied**")
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"
    body = reading(A={"Fn::Sub": arn.replace("000000000000", "${AWS::AccountId}")}, B=parameter("/${AWS::AccountId}/a"))
    assert made.deploy(body).exit is Exit.DONE
    assert not looks(made)


def test_a_name_with_the_region_and_the_account_in_it() -> None:
    made = holding("/us-east-1/000000000000/a")
    body = reading(A=parameter("${AWS::Region}/${AWS::AccountId}/a"))
    assert made.deploy(body).exit is Exit.DONE
    assert not made.warnings()


@pytest.mark.parametrize("operation", ["DescribeParameters", "DescribeSecret"])
def test_a_caller_who_may_not_look_deploys_without_a_word(operation: str) -> None:
    made = site(f"api:{operation}:error=AccessDeniedException**")
    made.call("CreateSecret", "secretsmanager", Name="db", SecretString=SECRET)
    made.store_secret("/a")
    assert made.deploy(reading(A=parameter("/a"), B=secret("db"))).exit is Exit.DONE
    assert not made.warnings()
    assert not [one for one in made.told if isinstance(one, NoticeIssued)]


def test_one_denied_secret_does_not_hide_another_one() -> None:
    made = site("api:DescribeSecret:error=AccessDeniedException")
    outcome = made.deploy(reading(A=secret("one"), B=secret("two")))
    assert [one.source for one in outcome.evidence] == ["B"]


def test_a_store_that_cannot_be_reached_is_one_notice_and_costs_ten_seconds() -> None:
    made = site("api:DescribeSecret:unreachable**")
    begun = made.clock.now()
    outcome = made.deploy(reading(**{f"V{number}": secret(f"s{number}") for number in range(9)}), plan_only=True)
    assert outcome.exit is Exit.DONE
    notices = [one.text for one in made.told if isinstance(one, NoticeIssued) and one.label == "secrets"]
    assert len(notices) == 1 and "not known" in notices[0]
    assert made.clock.now() - begun < 10 + 8
    assert not made.warnings()


def test_a_plan_is_shown_with_a_warning() -> None:
    made = site()
    outcome = made.deploy(reading(A=parameter("/shop/a")), plan_only=True)
    assert outcome.exit is Exit.DONE
    (warning,) = made.warnings()
    assert "/shop/a does not exist" in warning and "--plan-only" in warning
    assert "`fsdcf secret set shop.yml A --env staging`" in warning
    two = site()
    two.deploy(reading(A=parameter("/shop/a"), B=parameter("/shop/b")), plan_only=True)
    assert "`fsdcf secret list shop.yml --env staging`" in two.warnings()[0]


def test_the_sandbox_warns_and_deploys() -> None:
    made = site()
    made.aws.rehearses = True
    assert made.deploy(reading(A=parameter("/shop/a"))).exit is Exit.DONE
    (warning,) = made.warnings()
    assert "/shop/a does not exist: a deploy to AWS stops here" in warning
    assert "`fsdcf secret set shop.yml A --env staging --sandbox`" in warning
    assert looks(made) == ["DescribeParameters"]


def test_a_service_that_starts_no_task_is_deployed_with_a_warning() -> None:
    made = holding("/shop/a")
    body = reading(A=parameter("/shop/a"))
    body["Resources"]["Service"]["Properties"]["DesiredCount"] = 0
    made.deploy(body)
    assert not made.warnings()
    made.call("DeleteParameter", "ssm", Name="/shop/a")
    assert made.deploy(body, "two").exit is Exit.DONE
    (warning,) = made.warnings()
    assert "/shop/a does not exist: no task can start" in warning
    made.forget()
    started = reading(A=parameter("/shop/a"))
    assert made.deploy(started, "three").exit is Exit.USAGE
    paused = {**started, "Outputs": {"Paused": {"Value": "since 2026-11-29 15:02:11 UTC (3 tasks before)"}}}
    body["Outputs"] = paused["Outputs"]
    assert made.deploy(body, "four").exit is Exit.DONE
    assert made.deploy(started, "five").exit is Exit.DONE, "a deploy keeps the pause"


@pytest.mark.parametrize(("operation", "kind"), [("DescribeParameters", "license"), ("DescribeSecret", "a page")])
def test_an_emulator_without_the_store(kind: str, operation: str) -> None:
    made = emulator(instead(LACKING[kind], operation))
    outcome = made.deploy(reading(A=parameter("/shop/a"), B=secret("db")))
    assert outcome.exit is Exit.DONE, outcome
    assert made.made(operation) <= 4

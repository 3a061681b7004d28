"""Jobs: what each key of a schedule and of the runs becomes, and what a job takes from its environment."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.references import needs, order
from fsdcf.compiler.parts.schedule import expression_of
from fsdcf.language.model.job import Schedule
from fsdcf.pipeline import Request, Result, SourceFile, run

JOB = """\
apiVersion: fsd/v1
kind: Job
metadata: {name: nightly, owners: team}
job:
  networking: {vpc: {id: vpc-0123456789abcdef0, privateSubnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}}
"""
CRON = '  schedule: {cron: "0 3 * * *"}\n'
TYPES = {"AWS::Scheduler::Schedule": "Schedule", "AWS::StepFunctions::StateMachine": "StateMachine"}


def compiled(text: str, *overrides: str, environment: str = "staging", file: str | None = None) -> Result:
    beside = SourceFile(f"environments/{environment}.yml", file.encode()) if file else None
    return run(Request("job.yml", text.encode(), environment, overrides, environment_file=beside))


def resources(text: str, *overrides: str, **options: Any) -> Any:
    result = compiled(text, *overrides, **options)
    assert result.template is not None, result.diagnostics
    return result.template.data["Resources"]


def run_of(made: Any) -> Any:
    return made["StateMachine"]["Properties"]["Definition"]["States"]["Run"]


@pytest.mark.parametrize(
    ("keys", "made"),
    [
        ("", set()),
        (CRON, {"Schedule"}),
        ("  timeout: 60\n", {"StateMachine"}),
        (f"{CRON}  retries: 1\n", {"Schedule", "StateMachine"}),
        (f"{CRON}  overlap: skip\n", {"Schedule", "StateMachine"}),
        (f"{CRON}  overlap: allow\n", {"Schedule"}),
        ("  notify: arn:aws:sns:us-east-1:123456789012:failures\n", {"StateMachine"}),
    ],
)
def test_a_state_machine_is_made_where_a_run_is_looked_after(keys: str, made: set[str]) -> None:
    assert {TYPES[one["Type"]] for one in resources(JOB + keys).values() if one["Type"] in TYPES} == made


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ("", "TaskDefinition"),
        ("  timeout: 60\n", "StateMachine"),
        (CRON, "Schedule"),
        (f"{CRON}  timeout: 60\n", "Schedule"),
    ],
)
def test_a_release_is_recorded_once_the_job_runs_it(keys: str, last: str) -> None:
    made = resources(JOB + keys)
    assert made["Release"]["DependsOn"] == [last]
    line = order(needs(made))
    assert all(line.index(one) < line.index("Release") for one in ("TaskDefinition", *TYPES.values()) if one in made)


def test_without_either_there_is_no_queue_of_dead_letters() -> None:
    assert "DeadLetters" not in resources(JOB) and "DeadLetters" in resources(JOB + CRON)


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [
        (Schedule(cron="15 4 * * 1"), "cron(15 4 ? * MON *)"),
        (Schedule(rate="1 hours"), "rate(1 hour)"),
        (Schedule(rate="15 minute"), "rate(15 minutes)"),
        (Schedule(at="2027-01-01T00:00"), "at(2027-01-01T00:00:00)"),
        (Schedule(at="2027-01-01 00:00:30"), "at(2027-01-01T00:00:30)"),
    ],
)
def test_a_schedule_becomes_an_expression_of_aws(schedule: Schedule, expression: str) -> None:
    assert expression_of(schedule) == expression


def test_the_keys_of_the_runs_are_in_the_state_machine() -> None:
    run = run_of(resources(f"{JOB}{CRON}  timeout: 600\n  retries: 3\n"))
    assert run["TimeoutSeconds"] == 600 and run["Retry"][0]["MaxAttempts"] == 3
    assert "Retry" not in run_of(resources(f"{JOB}{CRON}  timeout: 600\n"))


def test_the_scheduler_may_only_start_what_it_needs() -> None:
    policy = resources(JOB + CRON)["ScheduleRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert sorted(action for one in policy for action in one["Action"]) == [
        *("ecs:RunTask", "ecs:TagResource", "iam:PassRole", "sqs:SendMessage")
    ]
    assert all(one["Resource"] != ["*"] for one in policy)


def test_an_overlay_pauses_the_schedule_and_an_override_changes_a_run() -> None:
    text = f"{JOB}{CRON}environments: {{dev: {{job: {{schedule: {{enabled: false}}}}}}}}\n"
    assert resources(text, environment="dev")["Schedule"]["Properties"]["State"] == "DISABLED"
    made = resources(text, "job.timeout=90", "resources.memory=1024")
    assert made["Schedule"]["Properties"]["State"] == "ENABLED"
    assert run_of(made)["TimeoutSeconds"] == 90 and made["TaskDefinition"]["Properties"]["Memory"] == "1024"


FILE = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  permissionsBoundary: bounds
  defaults:
    service:
      stopTimeout: 90
      autoScaling: {minCount: 2}
      networking: {serviceConnect: true, assignPublicIp: true}
"""


def test_a_job_takes_the_defaults_of_its_environment_that_it_has() -> None:
    made = resources(JOB.replace("  networking", "  networking: {shared: true}\n#"), file=FILE)
    assert made["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["StopTimeout"] == 90
    assert "bounds" in str(made["TaskRole"]["Properties"]["PermissionsBoundary"])
    assert "Cluster" not in made and "Vpc" not in made


def test_a_job_has_the_secrets_and_the_attributes_of_dependencies() -> None:
    dependencies = "dependencies: [{type: aws_kms_key, name: k}, {type: aws_sqs_queue, name: q}]\n"
    text = (
        "  environment: {A: '${secrets:a}', B: '${ssm:/b}', C: '${sqs:q:url}'}\n  encryption: ${kms:k:arn}\n"
        "  sidecars: [{name: a, image: 'a:1', environment: {A: '${secrets:a:key}', C: '${sqs:q:arn}'}}]\n"
        "  taskRole: {statements: [{actions: ['sqs:PurgeQueue'], resources: ['${sqs:q:arn}']}]}\n"
    )
    made = resources(JOB + "  command: ['${sqs:q:name}']\n" + text + dependencies)
    main, sidecar = made["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert [one["Name"] for one in main["Secrets"]] == ["A", "B"]
    assert [one["Name"] for one in sidecar["Secrets"]] == ["A"]
    assert main["Command"] == [{"Fn::GetAtt": ["QQueue", "QueueName"]}]


@pytest.mark.parametrize(
    ("keys", "code", "path"),
    [
        ("  port: 80\n", "S101", "job.port"),
        ("  autoScaling: {}\n", "S101", "job.autoScaling"),
        ('  schedule: {cron: "0 3 * *"}\n', "S481", "job.schedule.cron"),
        ("  schedule: {rate: 100 weeks}\n", "S105", "job.schedule.rate"),
        ("  schedule: {rate: 9999 days}\n", "S481", "job.schedule.rate"),
        ("  schedule: {at: 2027-02-30T00:00}\n", "S481", "job.schedule.at"),
        ("  timeout: 5\n", "S104", "job.timeout"),
        ("  notify: unknown\n", "S482", "job.notify"),
        ("  environment: {A: '${sqs:a:url}'}\n", "S207", "job.environment.A"),
        ("  workingDirectory: '${sqs:a:url}'\n", "S208", "job.workingDirectory"),
    ],
)
def test_a_finding_names_the_key_of_the_job(keys: str, code: str, path: str) -> None:
    found = [(one.code, ".".join(map(str, one.path))) for one in compiled(JOB + keys).diagnostics]
    assert (code, path) in found


def test_hints_name_keys_of_the_job() -> None:
    found = compiled(f"{JOB}  enableExecuteCommand: true\n  readonlyRootFilesystem: true\n").diagnostics
    assert found and not [one for one in found if "service." in one.message + one.hint]


def test_every_resource_has_an_origin_in_the_job() -> None:
    result = compiled(f"{JOB}{CRON}  timeout: 60\n")
    assert result.draft is not None
    paths = {origin.path.partition(".")[0] for origin in result.draft.origins.values()}
    assert paths <= {"job", "dependencies", "metadata"}


KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_the_key_of_the_service_encrypts_the_dead_letters_and_who_sends_may_use_it() -> None:
    topic = "dependencies:\n  - {type: aws_sns_topic, name: '${ENV}-failures', permissions: write}\n"
    made = resources(f"{JOB}{CRON}  notify: failures\n  encryption: {KEY}\n{topic}")
    assert made["DeadLetters"]["Properties"] | {"Tags": 0} == {
        "MessageRetentionPeriod": 1209600,
        "KmsMasterKeyId": KEY,
        "Tags": 0,
    }
    through = {}
    for role in ("StateMachineRole", "ScheduleRole"):
        statements = made[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        keyed = [one for one in statements if "kms:GenerateDataKey" in one["Action"]]
        assert all(one["Resource"] == [KEY] for one in keyed)
        through[role] = [one["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"].split(".")[0] for one in keyed]
    assert through == {"StateMachineRole": ["sqs", "sns"], "ScheduleRole": ["sqs"]}


def test_a_run_that_cannot_look_for_others_is_kept_as_a_failure() -> None:
    look = resources(f"{JOB}  overlap: skip\n")["StateMachine"]["Properties"]["Definition"]["States"]["FindOtherRuns"]
    assert look["Retry"][0]["MaxAttempts"] == 3 and look["Catch"][0]["Next"] == "KeepFailure"

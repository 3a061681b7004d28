"""The runs of a job: the schedule that starts them, the state machine that supervises them, and their failures."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from troposphere import GetAtt, Join, Ref, Sub, scheduler, sqs, stepfunctions

from fsdcf.cloudformation import cron
from fsdcf.compiler.encryption import customer_key, encryption_of
from fsdcf.compiler.parts.roles import (
    EXECUTION_ROLE,
    TASK_ROLE,
    PolicyStatement,
    add_policy,
    allow,
    home_of,
    inline_policy,
    key_statement,
    role_arn,
    service_role,
)
from fsdcf.compiler.parts.service import capacity_providers, public_address, task_groups
from fsdcf.compiler.stack import DEAD_LETTERS, Context, PropertyPath, Sources, StackPart, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.conventions import MACHINE_OUTPUT, SCHEDULE_OUTPUT
from fsdcf.language.dependency import EncryptedDependency
from fsdcf.language.model.common import OWNED
from fsdcf.language.model.job import Job, Schedule
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import String, names_arn

ORIGIN = "service.schedule"
MACHINE = "StateMachine"

_PAUSE = 30
"""Seconds before the first retry of a run; the pauses double."""

_START_RETRIES, _START_AGE = 3, 900
"""How often, and for how many seconds, the scheduler tries to start a run that AWS does not accept."""

_TASK_RULE = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForECSTaskRule"
"""The rule by which Step Functions learns that a task has ended.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html"""

_CALLS = {
    "ListExecutions": "aws-sdk:sfn:listExecutions",
    "Publish": "sns:publish",
    "RunTask": "ecs:runTask.sync",
    "SendMessage": "sqs:sendMessage",
}
"""What the state machine calls, by the placeholder of its ARN, which differs among partitions."""


def dead_letters(context: Context) -> StackPart:
    """``DeadLetters``: a queue of the runs that failed, and of those that could not be started; 14 days."""
    part = StackPart()
    job = _job(context)
    if job.schedule is None and not job.has_machine:
        return part
    key = job.encryption and customer_key(job.encryption)
    encrypted = present(SqsManagedSseEnabled=key is None, KmsMasterKeyId=key)
    part.keep(
        sqs.Queue(DEAD_LETTERS, MessageRetentionPeriod=1209600, **encrypted),
        "service",
        {"KmsMasterKeyId": "service.encryption"},
    )
    part.output("DeadLettersUrl", "Runs that failed or could not be started", Ref(DEAD_LETTERS))
    return part


def state_machine(context: Context) -> StackPart:
    """``StateMachine``, where the job has a timeout, retries, no overlap or a topic to notify: it runs the task, waits
    for it, and puts a failed run into the dead-letter queue.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
    """
    part = StackPart()
    job = _job(context)
    if not job.has_machine:
        return part
    start, states = "Run", _states(job, context)
    if job.overlap == "skip":
        start, states = "FindOtherRuns", {**_without_overlap(), **states}
    statements = [
        *_run_statements(context),
        allow(["ecs:DescribeTasks", "ecs:StopTask"], [_tasks(context)]),
        allow(["events:DescribeRule", "events:PutRule", "events:PutTargets"], [intrinsic(_TASK_RULE)]),
        *_send_statements(job),
    ]
    values = _substitutions(context)
    if job.notify is not None:
        topic = _topic(job, context)
        values["Topic"] = intrinsic(topic)
        statements += [allow(["sns:Publish"], [intrinsic(topic)]), *_key_statements(_topic_key(job, context), "sns")]
    source = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"
    policies = [inline_policy("Run", statements)]
    role = service_role("StateMachineRole", policies, home_of(context), "states.amazonaws.com", source)
    part.add(role, "service", {"PermissionsBoundary": "service.permissionsBoundary"})
    written = json.dumps(states)
    machine = stepfunctions.StateMachine(
        MACHINE,
        RoleArn=GetAtt(role, "Arn"),
        StateMachineType="STANDARD",
        Definition={"QueryLanguage": "JSONata", "StartAt": start, "States": states},
        DefinitionSubstitutions={name: value for name, value in values.items() if f"${{{name}}}" in written},
    )
    inside: PropertyPath = ("Definition", "States")
    sources: Sources = {
        (*inside, "Run", "TimeoutSeconds"): "service.timeout",
        (*inside, "Run", "Retry"): "service.retries",
        (*inside, "Notify"): "service.notify",
    }
    part.add(machine, "service", sources)
    if job.overlap == "skip":
        look = allow(["states:ListExecutions"], [Ref(machine)])
        add_policy(part, "FindOtherRuns", "FindOtherRuns", [look], "service.overlap", role.title)
    part.output(MACHINE_OUTPUT, "State machine that runs the job", Ref(machine))
    return part


def schedule(context: Context) -> StackPart:
    """``Schedule``: EventBridge Scheduler starts the state machine, or the task itself.

    Sources: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html and
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    part = StackPart()
    job = _job(context)
    wanted = job.schedule
    if wanted is None:
        return part
    starts = [allow(["states:StartExecution"], [Ref(MACHINE)])] if job.has_machine else _run_statements(context)
    statements = [*starts, *_send_statements(job)]
    group = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"
    policies = [inline_policy("Start", statements)]
    role = service_role("ScheduleRole", policies, home_of(context), "scheduler.amazonaws.com", group)
    part.add(role, ORIGIN, {"PermissionsBoundary": "service.permissionsBoundary"})
    window = scheduler.FlexibleTimeWindow(Mode="OFF")
    if wanted.window is not None:
        window = scheduler.FlexibleTimeWindow(Mode="FLEXIBLE", MaximumWindowInMinutes=wanted.window)
    target = scheduler.Target(
        Arn=Ref(MACHINE) if job.has_machine else _cluster_arn(context),
        RoleArn=GetAtt(role, "Arn"),
        DeadLetterConfig=scheduler.DeadLetterConfig(Arn=GetAtt(DEAD_LETTERS, "Arn")),
        RetryPolicy=scheduler.RetryPolicy(MaximumRetryAttempts=_START_RETRIES, MaximumEventAgeInSeconds=_START_AGE),
        **({"Input": "{}"} if job.has_machine else {"EcsParameters": _task(context)}),
    )
    resource = scheduler.Schedule(
        "Schedule",
        Description=f"Runs of {context.spec.metadata.name} in {context.environment}",
        ScheduleExpression=expression_of(wanted),
        ScheduleExpressionTimezone=wanted.timezone,
        FlexibleTimeWindow=window,
        State="ENABLED" if wanted.enabled else "DISABLED",
        Target=target,
    )
    if waits := sorted(set(context.before.waits)):
        resource.DependsOn = waits
    sources: Sources = {
        "ScheduleExpressionTimezone": f"{ORIGIN}.timezone",
        "FlexibleTimeWindow": f"{ORIGIN}.window",
        "State": f"{ORIGIN}.enabled",
    }
    part.add(resource, ORIGIN, sources)
    part.output(SCHEDULE_OUTPUT, "Schedule of the job", Ref(resource))
    return part


def expression_of(schedule: Schedule) -> str:
    """The schedule as EventBridge Scheduler reads it.

    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    if schedule.cron is not None:
        return cron.parse(schedule.cron).expression
    if schedule.rate is not None:
        number, unit = schedule.rate.split()
        return f"rate({number} {unit.rstrip('s')}{'s' * (number != '1')})"
    date, time = re.split("[T ]", schedule.at or "")
    return f"at({date}T{time}{':00' * (time.count(':') == 1)})"


def _job(context: Context) -> Job:
    return cast("Job", context.service)


def _topic(job: Job, context: Context) -> str:
    """The ARN of the topic to notify, as a fragment."""
    named = job.notify or ""
    local = local_name(named)
    known = context.before.attributes.get(("sns", local))
    return known["arn"] if known and not names_arn(named) else fragment(named)


def _topic_key(job: Job, context: Context) -> String:
    """The encryption of the topic to notify, if it is one of the dependencies."""
    named = [
        dependency
        for dependency in context.spec.dependencies
        if context.types[dependency.type].category == "sns"
        and local_name(dependency.name) == local_name(job.notify or "")
        and not names_arn(job.notify or "")
    ]
    encrypted = next((one for one in named if isinstance(one, EncryptedDependency)), None)
    return OWNED if encrypted is None else encryption_of(encrypted, context)


def _send_statements(job: Job) -> list[PolicyStatement]:
    """What sends to the dead-letter queue: the queue, and the customer's key that encrypts it."""
    return [allow(["sqs:SendMessage"], [GetAtt(DEAD_LETTERS, "Arn")]), *_key_statements(job.encryption, "sqs")]


def _key_statements(encryption: String | None, service: str) -> list[PolicyStatement]:
    """The use of a customer's KMS key by who sends to a queue or a topic; the keys of AWS need no permission.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    if encryption is None or customer_key(encryption) is None:
        return []
    return [key_statement(["kms:Decrypt", "kms:GenerateDataKey"], [encryption], [service])]


def _states(job: Job, context: Context) -> dict[str, Any]:
    """The run, and what becomes of one that failed. Placeholders are those of DefinitionSubstitutions."""
    strategy = [item.to_dict() for item in capacity_providers(job.resources)]
    network = {
        "Subnets": [f"${{Subnet{number}}}" for number, _ in enumerate(context.network.task_subnets, 1)],
        "SecurityGroups": [f"${{SecurityGroup{number}}}" for number, _ in enumerate(task_groups(context), 1)],
        "AssignPublicIp": public_address(context),
    }
    given = "$states.context.Execution.Input.Overrides"
    run: dict[str, Any] = {
        "Type": "Task",
        "Resource": "${RunTask}",
        "Arguments": {
            "Cluster": "${Cluster}",
            "TaskDefinition": "${TaskDefinition}",
            "CapacityProviderStrategy": strategy,
            "NetworkConfiguration": {"AwsvpcConfiguration": network},
            "Overrides": f"{{% $exists({given}) ? {given} : {{}} %}}",
            "EnableECSManagedTags": True,
            "EnableExecuteCommand": job.enable_execute_command,
            "PropagateTags": "TASK_DEFINITION",
        },
        **present(TimeoutSeconds=job.timeout, Retry=_retry(job.retries)),
        "Catch": [_CAUGHT],
        "End": True,
    }
    failure = {
        "Execution": "{% $states.context.Execution.Id %}",
        "Error": "{% $states.input.Error %}",
        "Cause": "{% $states.input.Cause %}",
    }
    keep = {
        "Type": "Task",
        "Resource": "${SendMessage}",
        "Arguments": {"QueueUrl": "${DeadLettersUrl}", "MessageBody": failure},
        "Output": "{% $states.input %}",
        "Next": "Failed" if job.notify is None else "Notify",
    }
    notify = {
        "Type": "Task",
        "Resource": "${Publish}",
        "Arguments": {
            "TopicArn": "${Topic}",
            "Subject": f"{context.spec.metadata.name} failed in {context.environment}",
            "Message": failure,
        },
        "Output": "{% $states.input %}",
        "Next": "Failed",
    }
    failed = {"Type": "Fail", "Error": "{% $states.input.Error %}", "Cause": "{% $states.input.Cause %}"}
    return {"Run": run, "KeepFailure": keep, **present(Notify=job.notify and notify), "Failed": failed}


_CAUGHT = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "KeepFailure"}
"""What becomes of a state that fails, after its retries."""


def _retry(times: int) -> list[dict[str, Any]]:
    """The retries of a failed run; none for zero."""
    if not times:
        return []
    return [{"ErrorEquals": ["States.ALL"], "MaxAttempts": times, "IntervalSeconds": _PAUSE, "BackoffRate": 2}]


def _without_overlap() -> dict[str, Any]:
    """The states that leave a run out while one that started before it has not ended. What Step Functions lists may
    lack the last moments, and the run itself: it only looks for others.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
    """
    before = (
        "ExecutionArn != $states.context.Execution.Id "
        "and $toMillis(StartDate) < $toMillis($states.context.Execution.StartTime)"
    )
    look = {
        "Type": "Task",
        "Resource": "${ListExecutions}",
        "Arguments": {"StateMachineArn": "{% $states.context.StateMachine.Id %}", "StatusFilter": "RUNNING"},
        "Output": {"Others": f"{{% $count($states.result.Executions[{before}]) %}}"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 3, "IntervalSeconds": 2, "BackoffRate": 2}],
        "Catch": [_CAUGHT],
        "Next": "IsAlone",
    }
    alone = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.Others = 0 %}", "Next": "Run"}],
        "Default": "Skipped",
    }
    return {"FindOtherRuns": look, "IsAlone": alone, "Skipped": {"Type": "Succeed"}}


def _substitutions(context: Context) -> dict[str, Any]:
    """What the state machine knows of the stack by placeholders."""
    subnets = {f"Subnet{number}": one for number, one in enumerate(context.network.task_subnets, 1)}
    groups = {f"SecurityGroup{number}": one for number, one in enumerate(task_groups(context), 1)}
    return {
        **{name: Sub(f"arn:${{AWS::Partition}}:states:::{action}") for name, action in _CALLS.items()},
        **subnets,
        **groups,
        "Cluster": context.cluster,
        "DeadLettersUrl": Ref(DEAD_LETTERS),
        "TaskDefinition": Ref("TaskDefinition"),
    }


def _task(context: Context) -> scheduler.EcsParameters:
    """The task that the scheduler starts by itself."""
    network = scheduler.AwsVpcConfiguration(
        Subnets=list(context.network.task_subnets),
        SecurityGroups=task_groups(context),
        AssignPublicIp=public_address(context),
    )
    strategy = [
        scheduler.CapacityProviderStrategyItem(**item.to_dict())
        for item in capacity_providers(context.service.resources)
    ]
    return scheduler.EcsParameters(
        TaskDefinitionArn=Ref("TaskDefinition"),
        TaskCount=1,
        CapacityProviderStrategy=strategy,
        NetworkConfiguration=scheduler.NetworkConfiguration(AwsvpcConfiguration=network),
        EnableECSManagedTags=True,
        EnableExecuteCommand=context.service.enable_execute_command,
        PropagateTags="TASK_DEFINITION",
    )


def _run_statements(context: Context) -> list[PolicyStatement]:
    """Permission to start the task, whatever its revision, in its cluster, with its roles.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
    """
    family = f"{context.spec.metadata.name}-{context.environment}"
    home = "${AWS::Region}:${AWS::AccountId}"
    definition = intrinsic(f"arn:${{AWS::Partition}}:ecs:{home}:task-definition/{family}:*")
    run = {**allow(["ecs:RunTask"], [definition]), "Condition": {"ArnEquals": {"ecs:cluster": _cluster_arn(context)}}}
    tag = {
        **allow(["ecs:TagResource"], [_tasks(context)]),
        "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
    }
    roles = {
        **allow(["iam:PassRole"], [role_arn(EXECUTION_ROLE, context), role_arn(TASK_ROLE, context)]),
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    }
    return [run, tag, roles]


def _cluster_arn(context: Context) -> Any:
    if context.joined is None:
        return GetAtt("Cluster", "Arn")
    return Join("", [Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/"), context.cluster])


def _tasks(context: Context) -> Any:
    """The tasks of the cluster, in an IAM statement."""
    prefix = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/"
    if context.joined is None:
        return Sub(f"{prefix}${{Cluster}}/*")
    return Join("", [Sub(prefix), context.cluster, "/*"])

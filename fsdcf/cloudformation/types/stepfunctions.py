"""Step Functions: state machines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.planned import PlannedResource, mapping, mappings, target_of, text_of
from fsdcf.cloudformation.pricing import (
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    number,
    price,
)
from fsdcf.cloudformation.types import DeployPermissions, Part, ResourceType, Simulation
from fsdcf.cloudformation.types.scheduler import SCHEDULE, runs_a_month, starts
from fsdcf.wording import counted

PART: Part = "tasks"
STATE_MACHINE = "AWS::StepFunctions::StateMachine"


def run_arguments(machine: PlannedResource) -> Mapping[str, Any]:
    """The members of RunTask with which a state machine starts its task, with what its definition substitutes; empty
    for one that starts none."""
    values = machine.mapping("DefinitionSubstitutions")
    states = mapping(mapping(machine.mapping("Definition").get("States")))
    arguments = (mapping(mapping(state).get("Arguments")) for state in states.values())
    return next((_filled(one, values) for one in arguments if "TaskDefinition" in one), {})


def sent_to(machine: PlannedResource) -> set[str]:
    """The names of the queues and topics to which a state machine sends its failures."""
    values = machine.mapping("DefinitionSubstitutions")
    return {found for name in ("DeadLettersUrl", "Topic") if (found := target_of(values.get(name))) is not None}


def supervision(machine: PlannedResource) -> Iterator[str]:
    """What a state machine adds to the run of its task: ``2 retries``, ``timeout 3,600 s``, ``no overlap``."""
    states = mapping(machine.mapping("Definition").get("States"))
    for state in map(mapping, states.values()):
        if "TaskDefinition" in mapping(state.get("Arguments")):
            retries = sum(int(one.get("MaxAttempts") or 0) for one in mappings(state.get("Retry")))
            if retries:
                yield counted(retries, "retry")
            if state.get("TimeoutSeconds"):
                yield f"timeout {int(state['TimeoutSeconds']):,} s"
    if any(mapping(state).get("Type") == "Choice" for state in states.values()):
        yield "no overlap"


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(child, values) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(child, values) for child in value]
    name = re.fullmatch(r"\$\{(\w+)\}", value) if isinstance(value, str) else None
    return values.get(name[1], value) if name else value


def _price_machines(context: PricingContext, machines: Resources) -> CostItems:
    """The state transitions of the runs that schedules start: the states of a run that succeeds, its start and end."""
    for machine in machines:
        schedules = [one for one in context.stack.of(SCHEDULE) if starts(one) == machine.name]
        runs = [runs_a_month(one) for one in schedules]
        if not runs or None in runs:
            why = "only a person starts it" if not runs else "its schedule is unknown"
            yield Unpriced(f"State transitions of {machine.name}", why, (machine.name,))
            continue
        if not sum(one or Decimal(0) for one in runs):
            yield Unpriced(
                f"State transitions of {machine.name}", "its schedule starts no run, or a single one", (machine.name,)
            )
            continue
        times, states = sum((one or Decimal(0) for one in runs), Decimal(0)), Decimal(len(_way(machine)) + 1)
        how = f"{number(times)} runs × {number(states)} transitions, without retries"
        yield context.line("stepfunctions.transitions", "State transitions", times * states / 1000, how, machine)


def _way(machine: PlannedResource) -> list[str]:
    """The names of the states of a run that succeeds; a choice goes to its first state."""
    definition = mapping(machine.get("Definition"))
    states, name, way = mapping(definition.get("States")), text_of(definition.get("StartAt")), []
    while name in states and name not in way:
        way.append(name)
        state = mapping(states[name])
        chosen = next(iter(mappings(state.get("Choices"))), state)
        name = text_of(chosen.get("Next"))
    return way


RECORDS = (
    ResourceType(
        STATE_MACHINE,
        PricingRule(
            "tasks",
            _price_machines,
            (
                price(
                    "stepfunctions.transitions",
                    "0.025",
                    "thousand state transitions",
                    "aws.amazon.com/step-functions/pricing and wring.co",
                    "2026-03-14",
                    "after 4,000 free for an account",
                ),
            ),
            order=1,
        ),
        Simulation(
            "arn:{partition}:states:{region}:{account}:stateMachine:{name}",
            {"Arn": "{id}", "Name": "{title}", "StateMachineRevisionId": "{uuid}"},
            create=4.0,
            longest_name=80,
        ),
        DeployPermissions(
            only_with={
                "EncryptionConfiguration.KmsKeyId": ("kms:*",),
                "DefinitionS3Location": ("s3:*",),
            },
            arns=named_by(
                "states", "StateMachineName", ("statemachine", "stateMachine:{}"), ("execution", "execution:{}:*")
            ),
        ),
    ),
)

"""The plan for a reader: groups, risks first, spec lines, values before and after, secrets masked."""

from __future__ import annotations

from fsdcf.cli.render.plan import Remarks, counts, group_of, plan_lines, summary
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.model import Place, Plan
from fsdcf.diagnostics import plain
from fsdcf.plan.diff.effects import SideEffect
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.rollback import Unsafe
from fsdcf.plan.diff.tasks import PropertyPlace as Property
from tests.cli.render.samples import CHANGES, FOLLOWS, IMAGE, PLACES, PLAN, changed


def shown(plan: Plan = PLAN, width: int | None = None) -> list[str]:
    return list(plan_lines(plan, PLACES, plain, width))


def test_the_whole_plan() -> None:
    assert (
        "\n".join(shown())
        == """\
plan: 1 replaced, 1 removed, 1 left behind, 1 changed, 1 adopted, 1 added, 1 Frobnicate

data at risk
  ! OrdersTable (DynamoDB::Table) left behind: it leaves the stack
    --> shop.yml:21: - type: aws_dynamodb_table

replaced (1)
  ± TaskDefinition  ECS::TaskDefinition  shop.yml:7
      ContainerDefinitions[shop].Image:
        000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:one
        -> 000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:two
      ContainerDefinitions[shop].Environment[DB_PASSWORD]: ******** -> ********

removed (1)
  - JobsQueue  SQS::Queue

left behind (1)
  = OrdersTable  DynamoDB::Table  shop.yml:21

changed (1)
  ~ Service  ECS::Service  shop.yml:7
      TaskDefinition: follows TaskDefinition

adopted (1)
  < LogGroup  Logs::LogGroup

added (1)
  + MailQueue  SQS::Queue  shop.yml:7

Frobnicate (1)
  ? Novelty  New::Thing
"""
    )


def test_a_repeated_stack_event_is_printed_once() -> None:
    dynamic = changed(IMAGE.path, IMAGE.before, IMAGE.after, IMAGE.title, evaluation="Dynamic")
    plan = Plan(
        "x",
        (
            Change(
                "Modify",
                "Task",
                "AWS::ECS::TaskDefinition",
                replacement="True",
                details=(dynamic, IMAGE, FOLLOWS, FOLLOWS),
            ),
        ),
    )
    lines = shown(plan)
    assert sum("Image" in line for line in lines) == 1
    assert sum("follows TaskDefinition" in line for line in lines) == 1


def test_a_cause_is_broken_between_words_on_a_terminal() -> None:
    long = changed(
        FOLLOWS.path,
        FOLLOWS.before,
        FOLLOWS.after,
        "TaskDefinition." + "Part" * 9,
        evaluation="Dynamic",
        cause="Task.Arn",
    )
    plan = Plan("x", (Change("Modify", "Service", "AWS::ECS::Service", replacement="False", details=(long,)),))
    (whole,) = [line for line in shown(plan) if "follows" in line]
    first, *rest = [line for line in shown(plan, 60) if line.startswith("      ")]
    assert " ".join([first, *(line.strip() for line in rest)]) == whole
    assert rest and all(line.startswith(" " * 8) and len(line) <= 60 for line in rest)


def test_a_value_without_a_name_is_shown_by_index_and_masked() -> None:
    secret = changed("/Properties/ContainerDefinitions/0/Environment/1/Value", "hunter2", "hunter3")
    text = "\n".join(
        shown(Plan("x", (Change("Modify", "Task", "AWS::ECS::TaskDefinition", replacement="True", details=(secret,)),)))
    )
    assert "hunter" not in text and "ContainerDefinitions[0].Environment[1]: ******** -> ********" in text


def test_whole_lists_are_compared_by_the_names_of_their_items() -> None:
    before = [
        {
            "Name": "app",
            "Environment": [{"Name": "LOG", "Value": "info"}, {"Name": "TOKEN", "Value": "a1b2c3"}],
            "Cpu": 1,
        }
    ]
    after = [
        {"Name": "app", "Environment": [{"Name": "NEW", "Value": "1"}, {"Name": "LOG", "Value": "debug"}], "Cpu": 1}
    ]
    whole = changed("/Properties/ContainerDefinitions", before, after, "ContainerDefinitions")
    lines = shown(
        Plan("x", (Change("Modify", "Task", "AWS::ECS::TaskDefinition", replacement="True", details=(whole,)),))
    )
    assert [line.strip() for line in lines if line.startswith("      ")] == [
        "ContainerDefinitions[app].Environment[NEW]: nothing -> 1",
        "ContainerDefinitions[app].Environment[LOG]: info -> debug",
        "ContainerDefinitions[app].Environment[TOKEN]: ******** -> nothing",
    ]


def test_a_moved_variable_with_an_unknown_value_is_not_a_change() -> None:
    """CloudFormation compares lists by position, and writes the mark for whatever is a function in the template."""
    later = {"Name": "TABLE", "Value": "{{changeSet:KNOWN_AFTER_APPLY}}"}
    old, table = {"Name": "OLD", "Value": "1"}, {"Name": "TABLE", "Value": "orders"}
    place, title = "/Properties/ContainerDefinitions/0/Environment", "ContainerDefinitions[app].Environment"

    def told(before: list[dict[str, str]], *details: Detail) -> list[str]:
        both = (
            {"Properties": {"ContainerDefinitions": [{"Name": "app", "Environment": one}]}} for one in (before, [later])
        )
        task = Change("Modify", "Task", "AWS::ECS::TaskDefinition", "", "True", None, (), details, *both)
        return [line.strip() for line in shown(Plan("x", (task,))) if line.startswith("      ")]

    moved, gone = (
        changed(f"{place}/0", old, later, f"{title}[OLD -> TABLE]"),
        changed(f"{place}/1", table, None, f"{title}[TABLE]"),
    )
    assert told([old, table], moved, gone) == [f"{title}[OLD]: 1 -> nothing"]
    assert f"{title}[TABLE]: nothing -> known after the change" in told([old], moved), "it was not there"
    stays = changed(f"{place}/0/Value", "orders", later["Value"], f"{title}[TABLE].Value")
    assert told([table], stays) == [f"{title}[TABLE]: known after the change"], "it is the place that it had"


def test_a_change_set_without_resources_says_what_it_is_about() -> None:
    assert summary(Plan("x", ())) == "no resource changes; outputs, tags or parameters change"
    assert shown(Plan("x", ()))[0].startswith("plan: no resource changes")


def test_every_action_has_a_group_and_new_words_are_kept() -> None:
    words = {
        group_of(Change(action, "A", "AWS::SQS::Queue", replacement=replacement, policy=policy))
        for action, replacement, policy in (
            ("Add", None, None),
            ("Import", None, None),
            ("Modify", "True", None),
            ("Modify", "Conditional", None),
            ("Modify", "False", None),
            ("Modify", "Perhaps", None),
            ("Remove", None, "Delete"),
            ("Remove", None, "Retain"),
            ("Remove", None, "RetainExceptOnCreate"),
            ("Dynamic", None, None),
            ("SyncWithActual", None, None),
            ("Tickle", None, None),
        )
    }
    assert words == {
        *("added", "adopted", "replaced", "perhaps replaced", "changed", "removed", "left behind"),
        *("known when it is executed", "only recorded", "Tickle"),
    }
    assert group_of(Change("Add", "A", "AWS::SQS::Queue"), ("A",)) == "adopted"
    assert counts(Plan("x", CHANGES, adopted=("MailQueue",)))["adopted"] == 2


def test_a_narrow_terminal_gets_shorter_columns() -> None:
    file = Place("services/a-long-name/shop.yml", 7, 1, "service:")
    change = Change("Add", "PrivateSubnet1RouteTableAssociation", "AWS::EC2::SubnetRouteTableAssociation")
    plan = Plan("x", (change,))
    lines = list(plan_lines(plan, {change.logical_id: file}, plain, 80))
    assert max(map(len, lines)) <= 80
    assert "line 7" in lines[3] and "…" in lines[3]
    wide = list(plan_lines(plan, {change.logical_id: file}, plain, None))
    assert "EC2::SubnetRouteTableAssociation  services/a-long-name/shop.yml:7" in wide[3]


def test_risks_and_unsafe_changes_are_wrapped_on_a_terminal() -> None:
    why = (
        "its table name changes, and the rows of the old table stay behind in it until somebody moves them over by hand"
    )
    risk = Risk("OrdersTable", "AWS::DynamoDB::Table", "replaced", why)
    unsafe = Unsafe(
        f"is another table: {why}", why, Property("OrdersTable", ()), ("rollout",), way_out=why, rule="moved-data"
    )
    effect = SideEffect(f"has another number: {why}", why, Property("OrdersTable", ()), "task-count-reset")
    remarks = Remarks((Obstacle("type", "OrdersTable", "AWS::DynamoDB::Table", why, why),), (unsafe,), (effect,))
    plan = Plan("x", (), (risk,))
    wide, narrow = (list(plan_lines(plan, {}, plain, width, remarks)) for width in (None, 80))
    assert max(map(len, narrow)) <= 80 < max(map(len, wide))
    assert " ".join(" ".join(narrow).split()) == " ".join(" ".join(wide).split())
    painted = "\n".join(plan_lines(plan, {}, lambda text, role: f"<{role} {text}>", 80, remarks))
    assert "  <bad !> <strong OrdersTable> (DynamoDB::Table) replaced: its" in painted
    assert "<soft [moved-data]>\n    <place => during the rollout: its" in painted

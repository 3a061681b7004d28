"""Rollback safety: changes that no rollback undoes together with the image, each by a rule with its two steps out."""

from __future__ import annotations

from collections.abc import Sequence

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.risk import Risk
from fsdcf.plan.diff import safety_around as around
from fsdcf.plan.diff import safety_tasks as task
from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.causes import by_id
from fsdcf.plan.diff.safety import CLOUDFORMATION, FSDCF, ROLLOUT, Context, Rule, Unsafe
from fsdcf.plan.diff.sides import Pair


def unsafe(changes: Sequence[Change], risks: Sequence[Risk], sides: Pair) -> tuple[Unsafe, ...]:
    """What the rules find, in their order; nothing where there is no release to go back to."""
    if sides.before is None:
        return ()
    context = Context(sides.old, sides.new, by_id(changes), risks, tuple(tasks.runs(sides.old, sides.new)))
    return tuple(found for rule in RULES for found in rule.unsafe(context))


RULES = (
    Rule(
        "store-removed",
        "A table, bucket, queue or file system that the old image uses is deleted, left behind or replaced.",
        (CLOUDFORMATION, FSDCF),
        "1. deploy an image that does without it while the spec still has it; 2. take it out of the spec",
        around.stores,
    ),
    Rule(
        "index-removed",
        "An index that the old image may query is deleted before the new image serves.",
        (ROLLOUT, CLOUDFORMATION, FSDCF),
        "1. deploy an image that does not query it while it is there; 2. remove it",
        around.indexes,
    ),
    Rule(
        "health-check-changed",
        "The load balancer checks something that only the new image may answer.",
        (ROLLOUT, FSDCF),
        "1. deploy an image that passes both checks; 2. change the check",
        around.health_paths,
    ),
    Rule(
        "permission-removed",
        "A role loses a permission that the old image may need, or that its tasks need to start.",
        (ROLLOUT, FSDCF),
        "1. deploy an image that does without it while the role still has it; 2. take it from the role",
        around.permissions,
    ),
    Rule(
        "variable-removed",
        "An environment variable that the old image may read is gone.",
        (FSDCF,),
        "1. deploy an image that does without {it} while the spec still gives it; 2. take it out of the spec",
        task.variables,
    ),
    Rule(
        "secret-removed",
        "A secret that the old image may read is gone.",
        (FSDCF,),
        "1. deploy an image that does without {it} while the spec still gives it; 2. take it out of the spec",
        task.secrets,
    ),
    Rule(
        "volume-removed",
        "A path where the old image may find files is no longer mounted, or is another volume.",
        (FSDCF,),
        "1. deploy an image that does without {it} while it is still mounted; 2. change the volume",
        task.volumes,
    ),
    Rule(
        "container-removed",
        "A container that ran beside the old image is gone.",
        (FSDCF,),
        "1. deploy an image that does without {it} while it still runs; 2. take it out of the spec",
        task.sidecars,
    ),
    Rule(
        "port-changed",
        "The container is asked on a port where the old image does not listen.",
        (FSDCF,),
        "1. deploy an image that listens on both ports; 2. change the port",
        task.ports,
    ),
    Rule(
        "container-check-changed",
        "ECS checks the container by a command that only the new image may pass.",
        (FSDCF,),
        "1. deploy an image that passes both checks; 2. change the check",
        task.checks,
    ),
    Rule(
        "command-changed",
        "The container is started in a way that only the new image may understand.",
        (FSDCF,),
        "1. deploy an image that can be started in both ways; 2. change how it is started",
        task.starts,
    ),
    Rule(
        "read-only-root",
        "The root file system becomes read-only, and the old image may write to it.",
        (FSDCF,),
        "1. deploy an image that writes to its volumes alone; 2. make the root file system read-only",
        task.read_only,
    ),
    Rule(
        "architecture-changed",
        "Tasks have a processor that the old image may not be built for.",
        (FSDCF,),
        "1. deploy an image that is built for both; 2. change the architecture",
        task.architectures,
    ),
    Rule(
        "memory-reduced",
        "Tasks have less memory than the old image may need.",
        (FSDCF,),
        "1. deploy the image that needs less, and see what it takes; 2. reduce the memory",
        task.memory,
    ),
    Rule(
        "repository-changed",
        "The image comes from a repository that may not hold the old one.",
        (FSDCF,),
        "1. copy the images that you may go back to into the new repository, under the same tags; 2. change it",
        task.repositories,
    ),
    Rule(
        "way-in-closed",
        "The load balancer no longer reaches the tasks of the old release.",
        (ROLLOUT,),
        "1. let it reach both ports; 2. close the old one when no old task serves",
        around.ways_in,
    ),
    Rule(
        "way-out-closed",
        "Tasks no longer reach what the old image may talk to.",
        (ROLLOUT, FSDCF),
        "1. deploy an image that does without it while the way is open; 2. close it",
        around.ways_out,
    ),
    Rule(
        "data-expires",
        "Data vanishes after a shorter time, and no rollback brings it back.",
        (CLOUDFORMATION, FSDCF),
        "1. deploy the rest, and copy what you may need; 2. shorten it when you are sure",
        around.expiries,
    ),
)
"""Every rule, in the order in which findings are shown: what costs data and service first."""

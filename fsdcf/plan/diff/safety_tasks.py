"""Rollback safety of a task definition: what the old image would miss, and how it would be started."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.safety import Context, Found
from fsdcf.plan.diff.tasks import Place
from fsdcf.plan.view import mapping, target_of, text_of

_STARTS = ("Command", "EntryPoint", "User", "WorkingDirectory")
"""How a container is started."""


def variables(context: Context) -> Iterator[Found]:
    """Variables that are gone."""
    yield from _gone(context, "Environment", "no longer sets")


def secrets(context: Context) -> Iterator[Found]:
    """Secrets that are gone."""
    yield from _gone(context, "Secrets", "no longer passes the secret")


def _gone(context: Context, key: str, does: str) -> Iterator[Found]:
    """Variables that neither the environment nor the secrets give any more, one finding for each.

    One that names a store which leaves the stack says nothing beside the finding of that store.
    """
    lost = {risk.logical_id for risk in context.risks if risk.kind != "replaced"}
    for run in context.runs:
        given = {*tasks.named(run.after, "Environment"), *tasks.named(run.after, "Secrets")}
        for name, one in tasks.by(run.before.get(key), "Name").items():
            if name not in given and target_of(one.get("Value")) not in lost:
                place = run.place(key, name, gone=True)
                yield Found(run.task, f"{does} {name}", "the old image would start without it", place, it=name)


def volumes(context: Context) -> Iterator[Found]:
    """Paths where something else is mounted, or nothing."""
    for run in context.runs:
        after = tasks.mounts(run.now, run.after)
        for path, source in tasks.mounts(run.was, run.before).items():
            if after.get(path) != source:
                does = f"no longer mounts {path}" if path not in after else f"mounts something else at {path}"
                gone = path not in after
                listed = tasks.by((run.before if gone else run.after).get("MountPoints"), "ContainerPath")
                place = run.place("MountPoints", gone=gone, index=list(listed).index(path))
                yield Found(run.task, does, "the old image would not find its files there", place, it=path)


def sidecars(context: Context) -> Iterator[Found]:
    """Containers beside the first one that are gone."""
    for was, name, place in tasks.lost_containers(context.old, context.new):
        yield Found(
            was.name, f"runs without the container {name}", "the old image would run without it", place, it=name
        )


def starts(context: Context) -> Iterator[Found]:
    """Other commands, entry points, users and folders."""
    for run in context.runs:
        for key in _STARTS:
            before, after = (text_of(one.get(key)) for one in (run.before, run.after))
            if before != after:
                why = "the old image would be started in the new way"
                yield Found(run.task, f"changes the {key} of the container", why, run.place(key, gone=not after))


def read_only(context: Context) -> Iterator[Found]:
    """Root file systems that become read-only."""
    for run in context.runs:
        was, now = (text_of(one.get("ReadonlyRootFilesystem")) == "true" for one in (run.before, run.after))
        if now and not was:
            what, why = "makes the root file system read-only", "the old image may write to it"
            yield Found(run.task, what, why, run.place("ReadonlyRootFilesystem"))


def ports(context: Context) -> Iterator[Found]:
    """Ports that are no longer mapped."""
    for run in context.runs:
        before, after = (tasks.ports(one) for one in (run.before, run.after))
        if before - after:
            old, new = (", ".join(sorted(ports)) or "none" for ports in (before, after))
            why = "the old image listens where nobody asks"
            yield Found(
                run.task, f"changes the port from {old} to {new}", why, run.place("PortMappings", gone=not after)
            )


def checks(context: Context) -> Iterator[Found]:
    """Other commands by which ECS checks a container."""
    for run in context.runs:
        before, after = (text_of(mapping(one.get("HealthCheck")).get("Command")) for one in (run.before, run.after))
        if after and before != after:
            why = "ECS would stop the old image if it fails the new check"
            yield Found(run.task, "changes the container's health check", why, run.place("HealthCheck"))


def repositories(context: Context) -> Iterator[Found]:
    """Images from elsewhere."""
    for run in context.runs:
        before, after = (text_of(one.get("Image")) for one in (run.before, run.after))
        if run.first and before != after:
            what, why = "takes the image from another repository", "the old image's tag is looked for in the new one"
            yield Found(run.task, what, why, run.place("Image"))


def architectures(context: Context) -> Iterator[Found]:
    """Other processors."""
    for was, now in tasks.definitions(context.old, context.new):
        before, after = (
            text_of(mapping(one.properties.get("RuntimePlatform")).get("CpuArchitecture")) or "X86_64"
            for one in (was, now)
        )
        if before != after:
            what = f"changes the architecture from {before} to {after}"
            yield Found(
                was.name,
                what,
                f"an image that is built for {before} alone does not start",
                Place(was.name, ("RuntimePlatform",)),
            )


def memory(context: Context) -> Iterator[Found]:
    """Less memory for a task."""
    for was, now in tasks.definitions(context.old, context.new):
        before, after = (tasks.number(one.properties.get("Memory")) for one in (was, now))
        if before is not None and after is not None and after < before:
            what = f"reduces the memory from {before} to {after} MiB"
            yield Found(was.name, what, "the old image may be killed for want of memory", Place(was.name, ("Memory",)))

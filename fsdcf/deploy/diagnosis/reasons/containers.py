"""Reasons for which a container does not start, or ends.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html, and published
reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import DIAGNOSE, ENDED, EXIT, LOGS, SHELL, STATUS, Reason
from fsdcf.deploy.diagnosis.refinements import refine_memory, refine_size

CONTAINER_REASONS = (
    Reason(
        "memory",
        "OutOfMemoryError: Container killed due to memory usage",
        r"(?<!\.)OutOfMemory(?:Error)?: Container|killed due to memory usage|^OutOfMemory(?:Error)?$"
        r"|container in task exited\b.*\bOutOfMemory(?:Error)?$",
        "the container needs more memory than the task has",
        "give the task more memory, or make the container need less: fewer workers, smaller caches",
        "service.resources.memory",
        LOGS,
        refine_memory,
    ),
    Reason(
        "killed",
        "Essential container in task exited; exit code 137 without OutOfMemoryError",
        f"{EXIT}137{ENDED}",
        "the container was killed (exit code 137); ECS does not report why, and too little memory is the usual cause",
        "look at the memory metric and the end of the log: give the task more memory if it ran out; otherwise look for"
        " what kills the process",
        "service.resources.memory",
        LOGS,
        refine_size,
    ),
    Reason(
        "dependency",
        "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [...] for target"
        " [...] as dependency did not exit successfully.",
        r"container ordering dependency \[([\w-]+)[^\]]*\] for target .*(?:did not exit successfully|timed out)",
        "a container waits for `…`, which did not reach the state that `dependsOn` names",
        "the last lines of its log show the cause: often a missing variable or secret, or a database that it cannot"
        " reach",
        "service.sidecars",
        LOGS,
    ),
    Reason(
        "image-volume",
        "CannotCreateVolumeError: unable to copy contents to volume on host: ... context deadline exceeded",
        r"CannotCreateVolumeError.*(?:unable to copy contents|image reference).*(?:deadline|timed?\s*out)",
        "Fargate did not finish in time to copy files of the image into a volume of the task",
        "start the task again: it usually passes; if not, remove VOLUME lines from the Dockerfile, or have fewer files"
        " in those folders",
        "service.volumes",
        STATUS,
        passing=True,
    ),
    Reason(
        "working-directory",
        "CannotStartContainerError: ... chdir to cwd ... no such file or directory",
        r"chdir to cwd \(\\?\"([^\"\\]+)",
        "the working directory … is not in the image, or is not accessible",
        "correct the working directory, or create it in the image for the user that the container runs as",
        "service.workingDirectory",
        SHELL,
    ),
    Reason(
        "user",
        "CannotStartContainerError: ... no users found; unable to find user; etc/passwd: no such file or directory",
        r"(?:Error|failed).*(?:no users found|no groups found|unable to find (?:user|group) ([\w-]+)"
        r"|etc/(?:passwd|group): no such file)",
        "the container's user … does not exist in the image",
        "use a user from the image's /etc/passwd, or a numeric one",
        "service.user",
        SHELL,
    ),
    Reason(
        "interpreter",
        "exec user process caused: no such file or directory; exec /entrypoint.sh: no such file or directory",
        r"exec user process caused:? \\?\"?no such file|^exec /\S+: no such file",
        "the program exists, but not the interpreter or the library with which it starts",
        "write scripts with line ends of Linux (LF) and a first line that names a shell of the image; build programs"
        " for"
        " the C library of the image",
        "service.command",
        SHELL,
    ),
    Reason(
        "command",
        "CannotStartContainerError: ... executable file not found in $PATH; exit code 126 or 127",
        rf"(?:Error|runc|OCI|failed).*exec: \\?\"([^\"\\]+)\\?\"|executable file not found|{EXIT}12[67]{ENDED}"
        r"|CannotStartContainerError.*(?:no such file|permission denied)",
        "the command … is not in the image, or cannot be executed",
        "correct the command, or add it to the image and make it executable",
        "service.command",
        SHELL,
    ),
    Reason(
        "runtime-timeout",
        "ContainerRuntimeTimeoutError: Could not transition to running; failed to create shim task: context deadline"
        " exceeded",
        r"(?:ContainerRuntime|Docker)TimeoutError|failed to create (?:shim"
        r"|new container runtime).*(?:deadline exceeded|timed?\s*out)",
        "the container did not start in the time that Fargate allows",
        "check what the container does at startup, and whether a log driver or a volume blocks it; then try again",
        "service.command",
        LOGS,
    ),
    Reason(
        "stop",
        "CannotStopContainerError: failed sending SIGTERM to container",
        r"CannotStopContainerError",
        "ECS could not stop the container with a signal; it was stopping the task already, for another reason",
        "look for why ECS was stopping the task: this error follows from that, and passes by itself",
        "service.stopTimeout",
        DIAGNOSE,
        passing=True,
        conclusive=False,
    ),
    Reason(
        "start",
        "CannotStartContainerError, CannotCreateContainerError, CannotCreateVolumeError, for another reason",
        r"Cannot(?:StartContainer|CreateContainer|CreateVolume|InspectContainer)Error|ContainerRuntimeError",
        "the container could not be started",
        "read the runtime's message, and check the command, the user, the working directory and the mounts",
        "service.command",
        DIAGNOSE,
    ),
    Reason(
        "segmentation-fault",
        "Essential container in task exited; exit code 139",
        f"{EXIT}139{ENDED}",
        "the program crashed with a segmentation fault (139)",
        "check the native libraries, and whether the image is built for this processor",
        "service.resources.architecture",
        LOGS,
    ),
    Reason(
        "abort",
        "Essential container in task exited; exit code 134",
        f"{EXIT}134{ENDED}",
        "the program ended itself by an abort (134): a failed assertion, or a runtime out of memory of its own",
        "read the end of the log; raise the memory limit of the runtime, such as Node's --max-old-space-size, together"
        " with the task's",
        "service.resources.memory",
        LOGS,
    ),
    Reason(
        "terminated",
        "Essential container in task exited; exit code 143",
        f"{EXIT}143{ENDED}",
        "the container ended on a SIGTERM (143), though ECS did not stop the task: a process in the task sent it",
        "look at the end of the log for what ended it, such as a supervisor, a script or a watchdog; the memory is not"
        " the cause",
        "service.command",
        LOGS,
    ),
    Reason(
        "exit-zero",
        "Essential container in task exited; exit code 0",
        f"{EXIT}0{ENDED}",
        "the command ended, but a service must keep running",
        "run the server in the foreground",
        "service.command",
        LOGS,
    ),
    Reason(
        "exit",
        "Essential container in task exited; exit code 1 or another",
        rf"{EXIT}(\d+){ENDED}",
        "the application ended with exit code …",
        "the last lines of the log show the cause: often a missing variable or secret, or a database that it"
        " cannot reach",
        "service.environment",
        LOGS,
    ),
    Reason(
        "exit-unknown",
        "Essential container in task exited, without an exit code",
        r"Essential container in task exited(?!.*exit code \d)",
        "an essential container ended, and ECS reports neither an exit code nor a reason for it",
        "look at the log, at the container's own reason, and at the other containers: one of them may have ended first",
        "service.command",
        LOGS,
        conclusive=False,
    ),
    Reason(
        "start-unexplained",
        "TaskFailedToStart; Task failed to start, without a reason",
        r"\A(?:TaskFailedToStart[:.]?\s*)?Task failed to start\.?\s*\Z|\ATaskFailedToStart\s*\Z",
        "ECS could not start the task, and does not say why",
        "look at the reasons of its containers, which ECS keeps for an hour, and at the events of the service",
        "service",
        DIAGNOSE,
        conclusive=False,
    ),
)

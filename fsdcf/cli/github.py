"""The repository on GitHub: the rules that its environments need, and those that ``gh`` finds, if it is logged in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fsdcf.wording import visible

_SECONDS = 20.0
"""The most that all calls of gh together may take."""

_CALL_SECONDS = 8.0


@dataclass(frozen=True)
class GitHubEnvironment:
    """An environment of the pipeline. ``branch`` is the one that deploys to it; empty if it is unknown.

    ``protected``: people approve each deploy, and administrators cannot bypass that.
    """

    name: str
    branch: str
    protected: bool


@dataclass
class GitHubRepository:
    """A repository, ``owner/name``. ``gh`` is asked without a prompt and for a bounded time, and never required."""

    name: str
    program: str | None = field(default_factory=lambda: shutil.which("gh"))
    trouble: str = ""
    _until: float = field(default_factory=lambda: time.monotonic() + _SECONDS)

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What GitHub says about the repository; empty if gh does not tell."""
        return self._get("") or {}

    def ids(self) -> str | None:
        """The ids of owner and repository, ``1234/5678``; None if gh does not tell them."""
        owner = self.about.get("owner")
        ids = (owner.get("id") if isinstance(owner, Mapping) else None, self.about.get("id"))
        return "/".join(map(str, ids)) if all(isinstance(one, int) for one in ids) else None

    def lacking(self, wanted: GitHubEnvironment) -> tuple[list[str], list[str]] | None:
        """What the rules of an environment lack, in words, and the commands that set them; None if gh does not tell."""
        place = f"/environments/{wanted.name}"
        found = self._get(place) if self.about else None
        if found is None:
            return None if self.trouble else (["it does not exist"], self.commands(wanted))
        listed = self._get(f"{place}/deployment-branch-policies") if found.get("deployment_branch_policy") else {}
        if self.trouble:
            return None
        policies = [one for one in _maps((listed or {}).get("branch_policies")) if isinstance(one.get("id"), int)]
        lacks = [*self._branches(found, policies, wanted), *_approval(found, wanted)]
        others = [one for one in policies if wanted.branch and one.get("name") != wanted.branch]
        rest = f"repos/{self.name}{place}/deployment-branch-policies"
        removed = [f"gh api --method DELETE {rest}/{one['id']}" for one in others]
        return lacks, [*self.commands(wanted, found), *removed] if lacks else []

    def commands(self, wanted: GitHubEnvironment, known: Mapping[str, Any] | None = None) -> list[str]:
        """The commands that set the rules of an environment, and keep what is ``known`` of the others.

        Without a branch, they leave open which branches may deploy.
        """
        place = f"repos/{self.name}/environments/{wanted.name}"
        policy = (known or {}).get("deployment_branch_policy")
        if wanted.branch:
            policy = {"protected_branches": False, "custom_branch_policies": True}
        fields = [
            f"-F 'deployment_branch_policy[{name}]={str(bool(policy.get(name))).lower()}'"
            for name in ("protected_branches", "custom_branch_policies")
            if isinstance(policy, Mapping)
        ]
        fields += _kept(known or {}, wanted)
        if wanted.protected:
            fields.append("-F can_admins_bypass=false")
        commands = [" ".join(("gh api --method PUT", place, *fields))]
        if wanted.branch:
            commands.append(f"gh api --method POST {place}/deployment-branch-policies -f name={wanted.branch}")
        return commands

    def _branches(
        self, found: Mapping[str, Any], policies: list[Mapping[str, Any]], wanted: GitHubEnvironment
    ) -> Iterator[str]:
        policy = found.get("deployment_branch_policy")
        names = sorted(visible(str(one.get("name"))) for one in policies)
        if not wanted.branch:
            return
        if not isinstance(policy, Mapping):
            yield "every branch may deploy to it"
        elif not policy.get("custom_branch_policies"):
            yield "every protected branch may deploy to it"
        elif names != [wanted.branch]:
            yield f"{', '.join(names) or 'no branch'} may deploy to it instead of {wanted.branch}"

    def _get(self, path: str) -> Mapping[str, Any] | None:
        """The answer to a request; None for what does not exist, and if gh does not tell (``trouble``)."""
        if self.program is None or self.trouble:
            self.trouble = self.trouble or "gh is not installed"
            return None
        seconds = min(_CALL_SECONDS, self._until - time.monotonic())
        settings = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}
        command = [self.program, "api", "--hostname", "github.com", f"repos/{self.name}{path}"]
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and the name of the repository is checked
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=max(0.1, seconds),
                env={**os.environ, **settings},
                check=False,
            )
            answer = json.loads(done.stdout) if done.returncode == 0 else None
        except subprocess.TimeoutExpired:
            self.trouble = "gh does not answer"
        except (OSError, ValueError):
            self.trouble = "gh cannot be run"
        else:
            if isinstance(answer, Mapping):
                return answer
            if path and b"HTTP 404" in done.stderr:
                return None  # the repository is there
            lines = done.stderr.decode("utf-8", "replace").split("\n")
            said = visible(" ".join(lines[0].split())[:200])
            self.trouble = f"gh does not tell: {said}" if said else "gh does not tell"
        return None


def _approval(found: Mapping[str, Any], wanted: GitHubEnvironment) -> Iterator[str]:
    if wanted.protected and not _rule(found, "required_reviewers").get("reviewers"):
        yield "a deploy needs no approval"
    if wanted.protected and found.get("can_admins_bypass") is not False:
        yield "administrators may bypass its rules"


def _kept(known: Mapping[str, Any], wanted: GitHubEnvironment) -> list[str]:
    """The fields of rules that are set already, since a request replaces all rules, and reviewers if there are none."""
    fields = []
    rule, timer = _rule(known, "required_reviewers"), _rule(known, "wait_timer").get("wait_timer")
    if isinstance(timer, int) and timer:
        fields.append(f"-F wait_timer={timer}")
    known_reviewers = [(one.get("type"), one.get("reviewer")) for one in _maps(rule.get("reviewers"))]
    reviewers = [
        (kind, one.get("id"))
        for kind, one in known_reviewers
        if kind in ("User", "Team") and isinstance(one, Mapping) and isinstance(one.get("id"), int)
    ]
    if not reviewers and wanted.protected:
        return [*fields, "-F 'reviewers[][type]=User' -F \"reviewers[][id]=$(gh api user --jq .id)\""]
    fields += [f"-F 'reviewers[][type]={kind}' -F 'reviewers[][id]={id}'" for kind, id in reviewers]
    if rule.get("prevent_self_review"):
        fields.append("-F prevent_self_review=true")
    return fields


def _rule(found: Mapping[str, Any], type: str) -> Mapping[str, Any]:
    return next((one for one in _maps(found.get("protection_rules")) if one.get("type") == type), {})


def _maps(found: object) -> list[Mapping[str, Any]]:
    """The items of a list that are maps."""
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

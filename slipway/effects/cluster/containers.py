"""The state of a container that is not running: its obstacle, and what to do about it.

Pure. Most obstacles pass by themselves or are removed by somebody in the cluster: a registry stops throttling, a
missing Secret is created a moment later. `situations` says what that means for a rollout.
"""

import re
from collections.abc import Mapping
from typing import Any

from slipway.domain.model import Record

from .situations import Situation

MAX_REASON = 300

_ABSENT = re.compile(
    r"manifest unknown|manifest for \S+ not found|failed to resolve reference .*: not found|no match for platform",
    re.IGNORECASE | re.DOTALL,
)
_THROTTLED = re.compile(r"\b429\b|too ?many ?requests|rate ?limit|throttl|pull QPS exceeded", re.IGNORECASE)
_NOT_ALLOWED = re.compile(r"\b40[13]\b|unauthori[sz]ed|denied|forbidden|no basic auth", re.IGNORECASE)


class Holdup(Record):
    """The obstacle of one container, for people."""

    situation: Situation
    text: str


_ON_ITS_WAY = frozenset({None, "ContainerCreating", "PodInitializing"})
_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
_BY_REASON = {
    "InvalidImageName": Situation.MISNAMED,
    "ErrImageNeverPull": Situation.NOT_CONFIGURED,
    "CreateContainerConfigError": Situation.NOT_CONFIGURED,
    "CreateContainerError": Situation.NOT_STARTED,
    "RunContainerError": Situation.NOT_STARTED,
}


def holdup_of(container: Mapping[str, Any], *, init: bool) -> Holdup | None:
    """The obstacle of the container with this status; None if it runs, has ended or is just starting."""
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason")
    if reason in _ON_ITS_WAY:
        return None
    message = str(waiting.get("message") or "")
    situation = _situation(str(reason), message, init=init)
    text = _crash(container) if reason == "CrashLoopBackOff" else message[:MAX_REASON]
    return Holdup(situation=situation, text=situation.describe(": ".join(filter(None, (str(reason), text)))))


def _situation(reason: str, message: str, *, init: bool) -> Situation:
    if reason == "CrashLoopBackOff":
        return Situation.INIT_CRASHING if init else Situation.CRASHING
    if reason in _PULLING:
        return _situation_of_pull(reason, message)
    return _BY_REASON.get(reason, Situation.OTHER)


def _situation_of_pull(reason: str, message: str) -> Situation:
    """The situation by the words of the kubelet and the container runtime: nothing else distinguishes failed pulls.

    An image counts as absent only once the kubelet backs off: ErrImagePull comes after the first try, which may have
    been quicker than a registry that replicates.
    """
    if _THROTTLED.search(message):
        return Situation.THROTTLED
    if _ABSENT.search(message):
        return Situation.ABSENT if reason == "ImagePullBackOff" else Situation.NOT_PULLED
    return Situation.NOT_ALLOWED if _NOT_ALLOWED.search(message) else Situation.NOT_PULLED


def _crash(container: Mapping[str, Any]) -> str:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    code = f", exit code {ended['exitCode']} ({ended.get('reason', 'Error')})" if "exitCode" in ended else ""
    return f"restarted {int(container.get('restartCount') or 0)} times{code}"

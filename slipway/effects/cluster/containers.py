"""What a container that is not running tells: what holds it up, what cures it, and what to do about it.

Pure. Most of what holds a container up passes by itself or by somebody's hand in the cluster, such as a registry that
throttles or a Secret that is made a moment later. Only what nothing but another release cures ends a rollout early.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from slipway.domain.model import Record

MANY_RESTARTS = 3
"""Restarts after which a crash loop counts as failed: a program may start before its database once or twice."""

MAX_REASON = 300

_ABSENT = re.compile(
    r"manifest unknown|manifest for \S+ not found|failed to resolve reference .*: not found|no match for platform",
    re.IGNORECASE | re.DOTALL,
)
_THROTTLED = re.compile(r"\b429\b|too ?many ?requests|rate ?limit|throttl|pull QPS exceeded", re.IGNORECASE)
_NOT_ALLOWED = re.compile(r"\b40[13]\b|unauthori[sz]ed|denied|forbidden|no basic auth", re.IGNORECASE)


class Trouble(Enum):
    """A kind of trouble that holds a container up: whether only another release cures it, and what to do."""

    MISNAMED = True, "correct the image's name in the manifest"
    ABSENT = True, "push this image, or release one that exists for the platform of the cluster's nodes"
    CRASHING = True, "read the log of its previous run with: kubectl logs --previous"
    THROTTLED = False, "the registry limits pulls, and the node tries again by itself"
    NOT_ALLOWED = False, "let the cluster's identity pull from this registry (AcrPull), or correct imagePullSecrets"
    NOT_PULLED = False, "the node tries again by itself; if it stays, look at the registry and at the way to it"
    NOT_CONFIGURED = False, "make what the container refers to, or correct its name and release again"
    NOT_STARTED = False, "correct the command, the mounts or the node, whichever the text names"
    INIT_CRASHING = False, "an init container may wait for something; if it stays, read its log with: kubectl logs"
    OTHER = False, ""

    def __init__(self, final: bool, advice: str) -> None:
        self.final = final
        self.advice = advice


class Holdup(Record):
    """What holds one container up, for people."""

    trouble: Trouble
    text: str


_ON_ITS_WAY = frozenset({None, "ContainerCreating", "PodInitializing"})
_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
_BY_REASON = {
    "InvalidImageName": Trouble.MISNAMED,
    "ErrImageNeverPull": Trouble.NOT_CONFIGURED,
    "CreateContainerConfigError": Trouble.NOT_CONFIGURED,
    "CreateContainerError": Trouble.NOT_STARTED,
    "RunContainerError": Trouble.NOT_STARTED,
}


def holdup_of(container: Mapping[str, Any], *, init: bool) -> Holdup | None:
    """What holds up the container with this status; None if it runs, has ended or is just on its way."""
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason")
    if reason in _ON_ITS_WAY:
        return None
    message = str(waiting.get("message") or "")
    trouble = _trouble(str(reason), message, int(container.get("restartCount") or 0), init=init)
    told = _crash(container) if reason == "CrashLoopBackOff" else message[:MAX_REASON]
    advice = f" ({trouble.advice})" if trouble.advice else ""
    return Holdup(trouble=trouble, text=": ".join(filter(None, (str(reason), told))) + advice)


def _trouble(reason: str, message: str, restarts: int, *, init: bool) -> Trouble:
    if reason == "CrashLoopBackOff":
        if init:
            return Trouble.INIT_CRASHING
        return Trouble.CRASHING if restarts >= MANY_RESTARTS else Trouble.OTHER
    if reason in _PULLING:
        return _trouble_of_pull(reason, message)
    return _BY_REASON.get(reason, Trouble.OTHER)


def _trouble_of_pull(reason: str, message: str) -> Trouble:
    """By the words of the kubelet and of the container runtime: nothing else tells one failed pull from another.

    An image is absent only once the kubelet backs off from it: ErrImagePull follows the first try, which may have been
    quicker than a registry that replicates.
    """
    if _THROTTLED.search(message):
        return Trouble.THROTTLED
    if _ABSENT.search(message):
        return Trouble.ABSENT if reason == "ImagePullBackOff" else Trouble.NOT_PULLED
    return Trouble.NOT_ALLOWED if _NOT_ALLOWED.search(message) else Trouble.NOT_PULLED


def _crash(container: Mapping[str, Any]) -> str:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    code = f", exit code {ended['exitCode']} ({ended.get('reason', 'Error')})" if "exitCode" in ended else ""
    return f"restarted {int(container.get('restartCount') or 0)} times{code}"

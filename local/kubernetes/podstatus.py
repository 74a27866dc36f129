"""Derives the status of a pod from the states of its containers, as the kubelet does."""

from collections.abc import Sequence

from .podinfo import condition
from .resources import Json

NODE = "laptop"
ADDRESS = "127.0.0.1"


def split_containers(pod: Json, kind: str = "containers") -> list[Json]:
    return list(pod["spec"].get(kind) or [])


def container_status(
    container: Json, state: Json, *, ready: bool, restarts: int = 0, last_state: Json | None = None, image_id: str = ""
) -> Json:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": image_id,
        "ready": ready,
        "started": "running" in state,
        "restartCount": restarts,
        "state": state,
        "lastState": last_state or {},
    }


def phase_of(pod: Json, states: Sequence[Json]) -> str:
    """Pending, Running, Succeeded or Failed."""
    if not states or all("waiting" in s["state"] and not s["lastState"] for s in states):
        return "Pending"
    ended = [s["state"]["terminated"] for s in states if "terminated" in s["state"]]
    policy = pod["spec"].get("restartPolicy", "Always")
    if len(ended) == len(states) and policy != "Always":
        failed = any(e["exitCode"] for e in ended)
        if not failed:
            return "Succeeded"
        if policy == "Never":
            return "Failed"
    return "Running"


def pod_status(
    pod: Json, states: Sequence[Json], *, timestamp: str, init_states: Sequence[Json] = (), phase: str | None = None
) -> Json:
    """The whole status; conditions keep their transition time as long as they do not change."""
    phase = phase or phase_of(pod, states)
    initialized = all(s["state"].get("terminated", {}).get("exitCode") == 0 for s in init_states)
    ready = phase == "Running" and bool(states) and all(s["ready"] for s in states)
    names = ", ".join(s["name"] for s in states if not s["ready"])
    succeeded = phase == "Succeeded"
    reason = None if ready else "PodCompleted" if succeeded else "ContainersNotReady"
    message = None if ready or succeeded else f"containers with unready status: [{names}]"
    conditions = [
        _condition(pod, "PodScheduled", True, timestamp),
        _condition(
            pod, "Initialized", initialized, timestamp, reason=None if initialized else "ContainersNotInitialized"
        ),
        _condition(pod, "ContainersReady", ready, timestamp, reason=reason, message=message),
        _condition(pod, "Ready", ready, timestamp, reason=reason, message=message),
    ]
    previous = pod.get("status") or {}
    status: Json = {
        "phase": phase,
        "conditions": conditions,
        "hostIP": ADDRESS,
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": previous.get("startTime", timestamp),
        "qosClass": "BestEffort",
        "containerStatuses": list(states),
    }
    return status | ({"initContainerStatuses": list(init_states)} if init_states else {})


def unscheduled(pod: Json, *, timestamp: str) -> Json:
    """The status of a pod that fits no node."""
    text = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    placed = _condition(pod, "PodScheduled", False, timestamp, reason="Unschedulable", message=text)
    return {"phase": "Pending", "conditions": [placed], "qosClass": "BestEffort"}


def _condition(
    pod: Json, kind: str, holds: bool, timestamp: str, *, reason: str | None = None, message: str | None = None
) -> Json:
    status = "True" if holds else "False"
    previous = condition(pod, kind)
    since = previous["lastTransitionTime"] if previous and previous["status"] == status else timestamp
    new_condition: Json = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since}
    return new_condition | {k: v for k, v in (("reason", reason), ("message", message)) if v}

"""What several parts need to know about a pod: is it ready, who owns it, where does each of its ports really listen."""

import json
from datetime import UTC, datetime

from .resources import PODS, Json
from .selectors import spec_selects
from .store import Store

PORTS = "local.slipway/ports"
"""Annotation of a pod: {container port: port on this machine}. Pods share the machine, so each port is replaced."""


def condition(api_object: Json, kind: str) -> Json | None:
    conditions = (api_object.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), None)


def is_ready(pod: Json) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True" and not is_terminating(pod)


def is_terminating(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def phase(pod: Json) -> str:
    return str((pod.get("status") or {}).get("phase", "Pending"))


def is_finished(pod: Json) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Json) -> bool:
    return not is_finished(pod) and not is_terminating(pod)


def is_available(pod: Json, min_ready_seconds: int, now: datetime) -> bool:
    """Whether the pod has been ready for long enough."""
    if not is_ready(pod):
        return False
    if not min_ready_seconds:
        return True
    ready = condition(pod, "Ready") or {}
    return (now - moment(ready["lastTransitionTime"])).total_seconds() >= min_ready_seconds


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def controller_of(api_object: Json) -> Json | None:
    references = api_object["metadata"].get("ownerReferences") or []
    return next((r for r in references if r.get("controller")), None)


def is_owned_by(api_object: Json, owner: Json) -> bool:
    reference = controller_of(api_object)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


def owned_pods(store: Store, owner: Json) -> list[Json]:
    return [p for p in store.find(PODS, owner["metadata"]["namespace"]) if is_owned_by(p, owner)]


def selected_pods(store: Store, service: Json) -> list[Json]:
    """The pods to which a Service sends, ready or not."""
    selector = (service.get("spec") or {}).get("selector")
    if not selector:
        return []
    pods = store.find(PODS, service["metadata"]["namespace"])
    return [p for p in pods if spec_selects({"matchLabels": selector}, p["metadata"].get("labels") or {})]


def ready_pods(store: Store, service: Json) -> list[Json]:
    return [p for p in selected_pods(store, service) if is_ready(p)]


def service_port(service: Json, name_or_number: str) -> Json | None:
    """A port of a Service, by number or name; without either, its only port."""
    ports = (service.get("spec") or {}).get("ports") or []
    if not name_or_number:
        return ports[0] if len(ports) == 1 else None
    return next((p for p in ports if name_or_number in (str(p["port"]), p.get("name"))), None)


def container_port(pod: Json, name_or_number: int | str) -> int | None:
    """The number of a container port, given by number or name."""
    if isinstance(name_or_number, int) or str(name_or_number).isdigit():
        return int(name_or_number)
    declared = (p for c in pod["spec"].get("containers") or [] for p in c.get("ports") or [])
    return next((int(p["containerPort"]) for p in declared if p.get("name") == name_or_number), None)


def local_port(pod: Json, name_or_number: int | str) -> int | None:
    """The port on this machine: replaced if the container declares the port, otherwise the same."""
    number = container_port(pod, name_or_number)
    if number is None:
        return None
    moved = json.loads((pod["metadata"].get("annotations") or {}).get(PORTS, "{}"))
    return int(moved.get(str(number), number))

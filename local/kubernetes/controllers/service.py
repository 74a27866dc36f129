"""Service: Endpoints and an EndpointSlice that list the ready pods, with the ports at which they really listen."""

from ..podinfo import is_ready, local_port, selected_pods
from ..podstatus import ADDRESS, NODE
from ..resources import ENDPOINT_SLICES, ENDPOINTS, SERVICES, Json, Resource
from ..store import Store
from .common import owner_reference


class Services:
    resource = SERVICES

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, service: Json) -> None:
        if not (service["spec"].get("selector")):
            return
        pods = sorted(selected_pods(self._store, service), key=lambda p: str(p["metadata"]["name"]))
        self._keep(ENDPOINTS, service, {"subsets": _subsets(service, pods)}, {})
        labels = {"kubernetes.io/service-name": service["metadata"]["name"]}
        self._keep(ENDPOINT_SLICES, service, _slice(service, pods), labels)

    def _keep(self, resource: Resource, service: Json, content: Json, labels: dict[str, str]) -> None:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        live = self._store.get(resource, namespace, name)
        if live is None:
            metadata: Json = {"name": name, "ownerReferences": [owner_reference(service)]}
            metadata |= {"labels": labels} if labels else {}
            self._store.create(resource, namespace, {"metadata": metadata} | content)
        elif any(live.get(k) != v for k, v in content.items()):
            self._store.update(resource, live, live | content)


def _ports(service: Json, pod: Json) -> list[Json]:
    ports = []
    for port in service["spec"].get("ports") or []:
        number = local_port(pod, port.get("targetPort", port["port"]))
        if number is not None:
            name = {"name": port["name"]} if port.get("name") else {}
            ports.append(name | {"port": number, "protocol": port.get("protocol", "TCP")})
    return ports


def _reference(pod: Json) -> Json:
    metadata = pod["metadata"]
    return {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _subsets(service: Json, pods: list[Json]) -> list[Json]:
    """One subset per pod, because each pod listens at ports of its own."""
    subsets = []
    for pod in pods:
        address = {"ip": ADDRESS, "nodeName": NODE, "targetRef": _reference(pod)}
        kind = "addresses" if is_ready(pod) else "notReadyAddresses"
        if ports := _ports(service, pod):
            subsets.append({kind: [address], "ports": ports})
    return subsets


def _slice(service: Json, pods: list[Json]) -> Json:
    """All pods with their readiness. The ports are those of the first pod; see README.md."""
    endpoints = [
        {
            "addresses": [ADDRESS],
            "conditions": {
                "ready": is_ready(p),
                "serving": is_ready(p),
                "terminating": "deletionTimestamp" in p["metadata"],
            },
            "nodeName": NODE,
            "targetRef": _reference(p),
        }
        for p in pods
    ]
    return {"addressType": "IPv4", "endpoints": endpoints, "ports": _ports(service, pods[0]) if pods else []}

"""The subresources of an object: scale, the log of a pod, and the proxy to a Service or pod."""

import copy
from itertools import count

from .errors import ApiError, bad_request, modified, not_found, unavailable
from .exchange import Reply, Request
from .ownership import record_update
from .podinfo import ready_pods, service_port
from .resources import PODS, SERVICES, Json, Resource
from .runtime import PodRequest, PodUnreachableError, Runtime
from .store import Store
from .verbs import apply_patch

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "host",
        "authorization",
        "content-length",
    }
)


class Subresources:
    """Handles requests that need more than the store: the runtime of the pods."""

    def __init__(self, store: Store, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._turn = count()

    def scale(self, resource: Resource, namespace: str | None, name: str, request: Request) -> Reply:
        api_object = self._store.need(resource, namespace, name)
        if request.method == "GET":
            return Reply.of(_scale(api_object))
        scale = request.object() if request.method == "PUT" else apply_patch(_scale(api_object), request)
        version = scale.get("metadata", {}).get("resourceVersion")
        if version and version != api_object["metadata"]["resourceVersion"]:
            raise modified(resource, name)
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            raise bad_request(f"spec.replicas: expected a whole number that is not negative, got {replicas!r}")
        changed = copy.deepcopy(api_object)
        changed["spec"]["replicas"] = replicas
        record_update(api_object, changed, manager=request.manager, subresource="scale", time=self._store.timestamp())
        return Reply.of(_scale(self._store.replace(resource, api_object, changed, dry_run=request.dry_run)))

    def log(self, namespace: str | None, name: str, request: Request) -> Reply:
        pod = self._store.need(PODS, namespace, name)
        container = _log_container(pod, request.query.get("container", ""))
        content = self._runtime.log(pod, container, previous=request.flag("previous"))
        if content is None:
            raise bad_request(why_no_log(pod, container, previous=request.flag("previous")))
        tail, limit = request.number("tailLines"), request.number("limitBytes")
        if limit is not None and limit < 1:
            raise bad_request("limitBytes: must be greater than 0")
        return Reply.text(end_of_log(content, tail=tail, limit=limit))

    def proxy(self, resource: Resource, namespace: str | None, name: str, rest: str, request: Request) -> Reply:
        """Forward to a ready pod of the Service, or to the pod itself: `{scheme:}{name}{:port}/proxy/{path}`."""
        target, port_text = _proxy_target(name)
        if resource is SERVICES:
            pod, port = self._pod_of_service(namespace, target, port_text)
        else:
            pod = self._store.need(PODS, namespace, target)
            port = port_text or _first_port(pod)
        headers = {k: v for k, v in request.headers.items() if k not in _HOP_BY_HOP}
        path = "/" + rest + (f"?{request.raw_query}" if request.raw_query else "")
        pod_request = PodRequest(method=request.method, target=path, headers=headers, body=request.body)
        try:
            reply = self._runtime.fetch(pod, port, pod_request)
        except PodUnreachableError as error:
            raise unavailable(f"error trying to reach service: {error}") from error
        headers_kept = tuple((k, v) for k, v in reply.headers if k.lower() not in _HOP_BY_HOP | {"content-type"})
        kind = next((v for k, v in reply.headers if k.lower() == "content-type"), "application/octet-stream")
        return Reply(code=reply.code, body=reply.body, content_type=kind, headers=headers_kept)

    def _pod_of_service(self, namespace: str | None, name: str, port_text: str) -> tuple[Json, int | str]:
        service = self._store.get(SERVICES, namespace, name)
        if service is None:
            raise not_found(SERVICES, name)
        port = service_port(service, port_text)
        pods = ready_pods(self._store, service)
        if port is None:
            raise unavailable(f'no service port "{port_text}" found for service "{name}"')
        if not pods:
            raise unavailable(f'no endpoints available for service "{name}"')
        target: int | str = port.get("targetPort") or port["port"]
        return pods[next(self._turn) % len(pods)], target


def _scale(api_object: Json) -> Json:
    labels = (api_object["spec"].get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            k: api_object["metadata"][k] for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        },
        "spec": {"replicas": replicas} if (replicas := api_object["spec"].get("replicas", 1)) else {},
        "status": {
            "replicas": (api_object.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{k}={v}" for k, v in sorted(labels.items())),
        },
    }


def _log_container(pod: Json, requested: str) -> str:
    name = pod["metadata"]["name"]
    all_names = [str(c["name"]) for kind in ("initContainers", "containers") for c in pod["spec"].get(kind) or []]
    main_names = [str(c["name"]) for c in pod["spec"]["containers"]]
    if requested:
        if requested not in all_names:
            raise bad_request(f"container {requested} is not valid for pod {name}")
        return requested
    if len(main_names) > 1:
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(main_names)}]")
    return main_names[0]


def end_of_log(content: bytes, *, tail: int | None, limit: int | None) -> bytes:
    if tail is not None:
        content = b"".join(content.splitlines(keepends=True)[-tail:]) if tail else b""
    return content if limit is None else content[:limit]


def why_no_log(pod: Json, container: str, *, previous: bool) -> str:
    name = pod["metadata"]["name"]
    if previous:
        return f'previous terminated container "{container}" in pod "{name}" not found'
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    state: Json = next((s["state"] for s in statuses if s["name"] == container), {})
    reason = (state.get("waiting") or {}).get("reason", "ContainerCreating")
    return f'container "{container}" in pod "{name}" is waiting to start: {reason}'


def _proxy_target(name: str) -> tuple[str, str]:
    match name.split(":"):
        case [target]:
            return target, ""
        case [target, port]:
            return target, port
        case ["http" | "", target, port]:
            return target, port
        case _:
            raise ApiError(
                400, "BadRequest", f"invalid service request {name!r}: expected name, name:port or http:name:port"
            )


def _first_port(pod: Json) -> int:
    ports = (p for c in pod["spec"]["containers"] for p in c.get("ports") or [])
    return next((int(p["containerPort"]) for p in ports), 80)

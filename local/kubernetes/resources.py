"""The kinds that the double knows, and the discovery documents that list them.

One table serves the path parser, discovery, the store and the schema check.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

type Json = dict[str, Any]
"""An object of the API, as plain JSON."""

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_VERBS_OF_CUSTOM = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0-local",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One kind of object, and where it is in the API."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    generation: bool = True
    """Whether metadata.generation counts changes of the spec."""
    virtual: bool = False
    """Answered at once and never stored (access reviews)."""
    singular: str = ""
    structural: Json | None = field(default=None, compare=False)
    """The schema from its definition, if this is a custom resource."""

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def qualified(self) -> str:
        """`deployments.apps`: the form in error messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`Deployment.apps`: the form in refusals of an object."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources


def _core(plural: str, kind: str, *short: str, sub: str = "", namespaced: bool = True, gen: bool = False) -> Resource:
    return Resource(
        api_version="v1",
        plural=plural,
        kind=kind,
        short=short,
        subresources=tuple(sub.split()),
        namespaced=namespaced,
        generation=gen,
    )


def _group(api_version: str, plural: str, kind: str, *short: str, sub: str = "", gen: bool = True) -> Resource:
    return Resource(
        api_version=api_version,
        plural=plural,
        kind=kind,
        short=short,
        subresources=tuple(sub.split()),
        generation=gen,
    )


NAMESPACES = _core("namespaces", "Namespace", "ns", sub="status finalize", namespaced=False)
NODES = _core("nodes", "Node", "no", sub="status", namespaced=False)
PODS = _core("pods", "Pod", "po", sub="status log proxy", gen=True)
SERVICES = _core("services", "Service", "svc", sub="status proxy")
ENDPOINTS = _core("endpoints", "Endpoints", "ep")
CONFIG_MAPS = _core("configmaps", "ConfigMap", "cm")
SECRETS = _core("secrets", "Secret")
EVENTS = _core("events", "Event", "ev")
DEPLOYMENTS = _group("apps/v1", "deployments", "Deployment", "deploy", sub="status scale")
REPLICA_SETS = _group("apps/v1", "replicasets", "ReplicaSet", "rs", sub="status scale")
STATEFUL_SETS = _group("apps/v1", "statefulsets", "StatefulSet", "sts", sub="status scale")
DAEMON_SETS = _group("apps/v1", "daemonsets", "DaemonSet", "ds", sub="status")
CONTROLLER_REVISIONS = _group("apps/v1", "controllerrevisions", "ControllerRevision", gen=False)
JOBS = _group("batch/v1", "jobs", "Job", sub="status")
ENDPOINT_SLICES = _group("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
ACCESS_REVIEWS = Resource(
    api_version="authorization.k8s.io/v1",
    plural="selfsubjectaccessreviews",
    kind="SelfSubjectAccessReview",
    namespaced=False,
    virtual=True,
)
SELF_REVIEWS = Resource(
    api_version="authentication.k8s.io/v1",
    plural="selfsubjectreviews",
    kind="SelfSubjectReview",
    namespaced=False,
    virtual=True,
)

DEFINITIONS = Resource(
    api_version="apiextensions.k8s.io/v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
    short=("crd", "crds"),
    subresources=("status",),
)

RESOURCES = (
    DEFINITIONS,
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    ENDPOINTS,
    CONFIG_MAPS,
    SECRETS,
    EVENTS,
    _core("serviceaccounts", "ServiceAccount", "sa"),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", sub="status"),
    _core("resourcequotas", "ResourceQuota", "quota", sub="status"),
    _core("limitranges", "LimitRange", "limits"),
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    CONTROLLER_REVISIONS,
    JOBS,
    _group("batch/v1", "cronjobs", "CronJob", "cj", sub="status"),
    ENDPOINT_SLICES,
    _group("networking.k8s.io/v1", "ingresses", "Ingress", "ing", sub="status"),
    _group("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", "netpol"),
    _group("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", sub="status"),
    _group("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", sub="status"),
    _group("rbac.authorization.k8s.io/v1", "roles", "Role", gen=False),
    _group("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", gen=False),
    _group("coordination.k8s.io/v1", "leases", "Lease", gen=False),
    ACCESS_REVIEWS,
    SELF_REVIEWS,
)
ABSENT = {
    "v1": "bindings componentstatuses persistentvolumes podtemplates replicationcontrollers",
    "admissionregistration.k8s.io/v1": "mutatingwebhookconfigurations validatingadmissionpolicies "
    "validatingadmissionpolicybindings validatingwebhookconfigurations",
    "apiregistration.k8s.io/v1": "apiservices",
    "authentication.k8s.io/v1": "tokenreviews",
    "authorization.k8s.io/v1": "localsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews",
    "autoscaling/v1": "horizontalpodautoscalers",
    "certificates.k8s.io/v1": "certificatesigningrequests",
    "events.k8s.io/v1": "events",
    "flowcontrol.apiserver.k8s.io/v1": "flowschemas prioritylevelconfigurations",
    "networking.k8s.io/v1": "ingressclasses ipaddresses servicecidrs",
    "node.k8s.io/v1": "runtimeclasses",
    "rbac.authorization.k8s.io/v1": "clusterrolebindings clusterroles",
    "resource.k8s.io/v1": "deviceclasses resourceclaims resourceclaimtemplates resourceslices",
    "scheduling.k8s.io/v1": "priorityclasses",
    "storage.k8s.io/v1": "csidrivers csinodes csistoragecapacities storageclasses volumeattachments "
    "volumeattributesclasses",
}
"""Resources that every cluster has and the double lacks. It refuses them by name, instead of claiming that they do not
exist."""

BUILT_IN_KINDS = frozenset(resource.kind for resource in RESOURCES)
BUILT_IN_VERSIONS = frozenset(resource.api_version for resource in RESOURCES)
_BY_PATH = {(r.api_version, r.plural): r for r in RESOURCES}
_BY_KIND = {(r.api_version, r.kind): r for r in RESOURCES}


def by_path(api_version: str, plural: str) -> Resource | None:
    return _BY_PATH.get((api_version, plural))


def missing_kind(path: str) -> str:
    """The kind or group at a path that a cluster has and the double lacks; else empty."""
    parts = path.strip("/").split("/")
    if parts[0] not in ("api", "apis"):
        return ""
    api_version, below_version = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    if below_version[:1] == ["namespaces"] and len(below_version) > 2:
        below_version = below_version[2:]
    plurals = ABSENT.get(api_version, "").split()
    if below_version and below_version[0] in plurals:
        return f"{below_version[0]} of {api_version}"
    is_absent_group = plurals and not is_known_group(path)
    return api_version if is_absent_group and not below_version else ""


def is_known_group(path: str) -> bool:
    """Whether a path is in a group and version that the double serves, so that only its kind is unknown."""
    parts = path.strip("/").split("/")
    api_version = parts[1] if parts[0] == "api" else "/".join(parts[1:3])
    return any(resource.api_version == api_version for resource in RESOURCES)


def by_kind(api_version: str, kind: str) -> Resource | None:
    return _BY_KIND.get((api_version, kind))


def discovery(path: str, resources: Sequence[Resource] = RESOURCES) -> Json | None:
    """The discovery document at this path, or None if it is not a path of discovery."""
    if path == "/version":
        return dict(VERSION)
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        versions = sorted({r.api_version for r in resources if r.group})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group_document(v) for v in versions]}
    prefix, _, api_version = path.lstrip("/").partition("/")
    of_version = [r for r in resources if r.api_version == api_version]
    if of_version and prefix == ("apis" if of_version[0].group else "api"):
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": api_version,
            "resources": list(_resource_documents(of_version)),
        }
    group = next((r for r in resources if r.group and path == f"/apis/{r.group}"), None)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group_document(group.api_version)} if group else None


def aggregated_document(path: str, resources: Sequence[Resource] = RESOURCES) -> Json:
    """All kinds of the core group (`/api`) or of the others (`/apis`), in one document."""
    listed = [r for r in resources if bool(r.group) is (path == "/apis")]
    groups = [_aggregated_group(version, listed) for version in dict.fromkeys(r.api_version for r in listed)]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups}


def _aggregated_group(api_version: str, listed: Iterable[Resource]) -> Json:
    group, _, version = api_version.rpartition("/")
    resources = [_aggregated_resource(r) for r in listed if r.api_version == api_version]
    version_entry = {"version": version, "resources": resources, "freshness": "Current"}
    return {"metadata": {"name": group, "creationTimestamp": None}, "versions": [version_entry]}


def _aggregated_resource(resource: Resource) -> Json:
    kind = {"group": resource.group, "version": resource.api_version.rpartition("/")[2], "kind": resource.kind}
    (main_document, *subresource_documents) = _resource_documents([resource])
    subresources = [
        {"subresource": document["name"].partition("/")[2], "responseKind": kind, "verbs": document["verbs"]}
        for document in subresource_documents
    ]
    return {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": main_document["singularName"],
        "verbs": main_document["verbs"],
        **({"shortNames": main_document["shortNames"]} if main_document.get("shortNames") else {}),
        **({"subresources": subresources} if subresources else {}),
    }


def _group_document(api_version: str) -> Json:
    group, _, version = api_version.partition("/")
    entry = {"groupVersion": api_version, "version": version}
    return {"name": group, "versions": [entry], "preferredVersion": entry}


def _resource_documents(resources: Iterable[Resource]) -> Iterable[Json]:
    for r in resources:
        common = {"namespaced": r.namespaced, "kind": r.kind}
        verbs = ["create"] if r.virtual else _VERBS_OF_CUSTOM if r.structural is not None else VERBS
        short_names = {"shortNames": list(r.short)} if r.short or r.structural is None else {}
        yield common | {"name": r.plural, "singularName": r.singular or r.kind.lower(), "verbs": verbs, **short_names}
        for sub in r.subresources:
            document = common | {"name": f"{r.plural}/{sub}", "singularName": "", "verbs": ["get", "patch", "update"]}
            if sub == "scale":
                document |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
            elif sub in ("log", "proxy"):
                document["verbs"] = ["get"] if sub == "log" else ["create", "delete", "get", "patch", "update"]
            yield document

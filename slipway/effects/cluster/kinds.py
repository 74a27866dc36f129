"""The API paths of objects, and the order in which kinds are applied.

Built-in kinds are in a table, so that a typical deployment needs no discovery request; other kinds are discovered once
per group and version and cached in memory. They are looked up again before a plan is made or applied, and if their
definition is part of the release, since it may have been removed or replaced. (The client library's own discovery keeps
its cache in a file in the shared temporary folder, trusts it later, and sends requests without a timeout.)
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from slipway.domain.model import Record

from ...manifests.objects import MOST_OBJECTS
from .definitions import defined_kinds
from .errors import ClusterError, Missing, ObjectRefused
from .records import Json, Manifest

_VERSIONS = 5
"""The most other versions of a group that are searched for a kind."""

_NAMESPACED = """
v1 ConfigMap configmaps | v1 Secret secrets | v1 Service services | v1 ServiceAccount serviceaccounts
v1 Pod pods | v1 Event events | v1 PersistentVolumeClaim persistentvolumeclaims | v1 ResourceQuota resourcequotas
v1 LimitRange limitranges | apps/v1 Deployment deployments | apps/v1 ReplicaSet replicasets
apps/v1 StatefulSet statefulsets | apps/v1 DaemonSet daemonsets | batch/v1 Job jobs | batch/v1 CronJob cronjobs
networking.k8s.io/v1 Ingress ingresses | networking.k8s.io/v1 NetworkPolicy networkpolicies
apps/v1 ControllerRevision controllerrevisions | autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers
policy/v1 PodDisruptionBudget poddisruptionbudgets | coordination.k8s.io/v1 Lease leases
rbac.authorization.k8s.io/v1 Role roles | rbac.authorization.k8s.io/v1 RoleBinding rolebindings
"""
_CLUSTER_WIDE = """
v1 Namespace namespaces | v1 Node nodes | v1 PersistentVolume persistentvolumes
storage.k8s.io/v1 StorageClass storageclasses
scheduling.k8s.io/v1 PriorityClass priorityclasses | networking.k8s.io/v1 IngressClass ingressclasses
rbac.authorization.k8s.io/v1 ClusterRole clusterroles
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions
"""

_BEFORE = (
    *("Namespace", "PriorityClass", "ResourceQuota", "LimitRange", "CustomResourceDefinition", "StorageClass"),
    *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "NetworkPolicy"),
    *("ConfigMap", "Secret", "PersistentVolume", "PersistentVolumeClaim", "Service"),
)
_AFTER = (
    *("Job", "Pod", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "IngressClass", "Ingress"),
    *("HorizontalPodAutoscaler", "PodDisruptionBudget"),
    # Once these exist, the API server calls their pods, which have to run by then.
    *("APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)


class Kind(Record):
    """A kind of object, as the API server addresses it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    defined_by_release: bool = False
    """Whether its definition is among the manifests, so that a part of the cluster may not serve it yet."""

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def qualified(self) -> str:
        """The kind as people tell it apart: `ConfigMap`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        root = "/apis/" if "/" in self.api_version else "/api/"
        parts = [root + self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        parts += [quote(part, safe=":") for part in (name, subresource) if part]
        return "/".join(parts)


def _table() -> dict[tuple[str, str], Kind]:
    kinds = {}
    for text, namespaced in ((_NAMESPACED, True), (_CLUSTER_WIDE, False)):
        for line in text.replace("\n", "|").split("|"):
            if line.strip():
                api_version, kind, plural = line.split()
                kinds[api_version, kind] = Kind(
                    api_version=api_version, kind=kind, plural=plural, namespaced=namespaced
                )
    return kinds


BUILT_IN: Mapping[tuple[str, str], Kind] = _table()


class ManifestTarget(Record):
    """A manifest, and the address of its object."""

    manifest: Json
    kind: Kind
    name: str
    namespace: str | None

    @property
    def path(self) -> str:
        return self.kind.path(self.namespace, self.name)

    @property
    def label(self) -> str:
        return f"{self.kind.kind}/{self.name}"

    @property
    def is_secret(self) -> bool:
        return self.kind.kind == "Secret"


def kinds_of(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """The manifests' kinds, each once, written like `Kind.qualified`."""
    names = {(str(each["kind"]), str(each["apiVersion"]).rpartition("/")[0]) for each in manifests}
    return tuple(sorted(f"{kind}.{group}" if group else kind for kind, group in names))


NONE_DEFINED: Mapping[tuple[str, str], Kind] = {}


def _kinds_by_definition(manifests: Iterable[Manifest]) -> dict[tuple[str, str], Kind]:
    return {
        (each.api_version, each.kind): Kind(**each._asdict(), defined_by_release=True)
        for each in defined_kinds(manifests)
    }


class KindLookup:
    """Finds the kind of a manifest. `resources_of` returns the server's resources of one group and version,
    `versions_of` the versions of a group. Safe to use from several threads."""

    def __init__(
        self,
        resources_of: Callable[[str], Iterable[Mapping[str, Any]]],
        versions_of: Callable[[str], Iterable[str]] = lambda _group: (),
    ) -> None:
        self._resources_of, self._versions_of = resources_of, versions_of
        self._found: Mapping[tuple[str, str], Kind] = dict(BUILT_IN)

    def find(self, api_version: str, kind: str, defined: Mapping[tuple[str, str], Kind] = NONE_DEFINED) -> Kind:
        """The kind, even if its definition is only among `defined`. An unknown kind is asked for again each time."""
        definition = defined.get((api_version, kind))
        if definition is None and (api_version, kind) not in self._found:
            self._discover(api_version)
        cached = self._found.get((api_version, kind))
        if definition is not None:
            return cached.evolve(defined_by_release=True) if cached is not None else definition
        if cached is None:
            instead = self._advice_for_missing(api_version, kind)
            raise Missing(f"the cluster does not know the kind {kind} of {api_version}; {instead}")
        return cached

    def targets(
        self, manifests: Iterable[Manifest], namespace: str, *, look_again: bool = False
    ) -> list[ManifestTarget]:
        """The manifests as targets, in the order in which to apply them. With `look_again` the cluster is asked about
        known custom kinds again: a definition may have been deleted, or replaced by another.

        Raises `ObjectRefused` for invalid, duplicate or too many manifests, and `Missing` for a kind the cluster lacks.
        """
        listed = list(manifests)
        defined = _kinds_by_definition(listed)
        kinds = {(str(manifest.get("apiVersion")), str(manifest.get("kind"))) for manifest in listed if look_again}
        for api_version in sorted({version for version, _ in (*defined, *(kinds - BUILT_IN.keys()))}):
            self._discover(api_version)
        targets = [
            self._target(number, manifest, namespace, defined) for number, manifest in enumerate(listed, start=1)
        ]
        if len(targets) > MOST_OBJECTS:
            raise ObjectRefused(f"expected at most {MOST_OBJECTS} objects, got {len(targets)}")
        paths: set[str] = set()
        for target in targets:
            if target.path in paths:
                raise ObjectRefused(f"{target.label}: the manifests contain it twice")
            paths.add(target.path)
        return sorted(targets, key=lambda target: rank(target.kind.kind))

    def known_targets(
        self, manifests: Iterable[Manifest], namespace: str, *, look_again: bool = False
    ) -> tuple[list[ManifestTarget], list[tuple[Manifest, ClusterError]]]:
        """The targets in order, and the manifests that cannot have one, each with the reason."""
        listed = list(manifests)
        try:
            return self.targets(listed, namespace, look_again=look_again), []
        except (Missing, ObjectRefused):
            targets, others = list[ManifestTarget](), list[tuple[Manifest, ClusterError]]()
        defined = _kinds_by_definition(listed)
        for number, manifest in enumerate(listed, start=1):
            try:
                targets.append(self._target(number, manifest, namespace, defined))
            except (Missing, ObjectRefused) as error:
                others.append((manifest, error))
        return sorted(targets, key=lambda target: rank(target.kind.kind)), others

    def _target(
        self, number: int, manifest: Manifest, namespace: str, defined: Mapping[tuple[str, str], Kind]
    ) -> ManifestTarget:
        metadata = manifest.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        api_version, kind, name = manifest.get("apiVersion"), manifest.get("kind"), metadata.get("name")
        for field, value in (("apiVersion", api_version), ("kind", kind), ("metadata.name", name)):
            if not isinstance(value, str) or not value:
                raise ObjectRefused(f"manifest {number}: {field}: expected a name, got {value!r:.80}", fields=(field,))
        object_kind = self.find(str(api_version), str(kind), defined)
        own = metadata.get("namespace")
        if object_kind.namespaced and own not in (None, namespace):
            raise ObjectRefused(
                f'{kind}/{name}: metadata.namespace: expected "{namespace}", the environment\'s, or none, got "{own}"',
                fields=("metadata.namespace",),
            )
        return ManifestTarget(
            manifest=_with_encoded_text(dict(manifest)),
            kind=object_kind,
            name=str(name),
            namespace=namespace if object_kind.namespaced else None,
        )

    def _discover(self, api_version: str) -> None:
        served = (
            Kind(
                api_version=api_version,
                kind=str(resource["kind"]),
                plural=str(resource["name"]),
                namespaced=bool(resource.get("namespaced")),
            )
            for resource in self._resources_of(api_version)
            if "/" not in str(resource["name"])  # the others are subresources
        )
        of_version = {(api_version, kind.kind): kind for kind in served}
        others = {key: kind for key, kind in self._found.items() if key[0] != api_version or key in BUILT_IN}
        self._found = {**others, **of_version}

    def _advice_for_missing(self, api_version: str, kind: str) -> str:
        """The advice for a kind that the cluster does not have in this version."""
        versions = [version for version, built_in in BUILT_IN if built_in == kind]
        group = api_version.rpartition("/")[0]
        if not versions and group:
            served = [version for version in self._versions_of(group) if version != api_version]
            versions = [v for v in served[:_VERSIONS] if any(r.get("kind") == kind for r in self._resources_of(v))]
        if versions:
            return f"it has it as {', '.join(versions)}: write that as apiVersion, and look what has changed in between"
        return "is its definition installed?"


def _with_encoded_text(manifest: Json) -> Json:
    """A Secret's `stringData` moved to `data`, as the server would store it. An apply owns the fields that it names, so
    a key once named under `stringData` and later dropped would stay in the Secret for ever
    (kubernetes/kubernetes#108008).

    Unchanged if a value is not text: the server then names the field.
    """
    text = manifest.get("stringData")
    if manifest.get("kind") != "Secret" or manifest.get("apiVersion") != "v1" or not isinstance(text, Mapping):
        return manifest
    data = manifest.get("data") or {}
    if not isinstance(data, Mapping) or not all(isinstance(value, str) for value in text.values()):
        return manifest
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in text.items()}
    others = {field: value for field, value in manifest.items() if field != "stringData"}
    return {**others, "data": {**data, **encoded}}


def rank(kind: str) -> int:
    """Position of a kind in the order of applying: dependencies first, unknown kinds just before the workloads.

    Custom resources often hold configuration that pods wait for (SecretProviderClass, Certificate).
    """
    if kind in _BEFORE:
        return _BEFORE.index(kind)
    if kind in _AFTER:
        return len(_BEFORE) + 1 + _AFTER.index(kind)
    return len(_BEFORE)

"""Creates the namespaces that the catalogue names, as a platform team would, in each cluster that is a double.

In Azure, when a team joins, its namespace is created and the app gets access to it
(docs/how-to/install-into-azure.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml

from slipway.catalogue import check_path

from ..kubernetes.access import LETS_IN

APP = "slipway"
"""The app's user name at the clusters."""
OK, CREATED, CONFLICT = 200, 201, 409
type Namespaces = Mapping[str, frozenset[str]]
"""Cluster → namespaces."""


class NamespaceRefused(Exception):  # noqa: N818
    """A part refused a request about namespaces, or its response was wrong."""


def namespaces_named_by(application: Mapping[str, Any]) -> Namespaces:
    """The namespaces in an application in force, which was checked when it was applied."""
    namespaces: dict[str, set[str]] = {}
    for environment in application["environments"]:
        for cluster in environment["clusters"]:
            namespaces.setdefault(cluster, set()).add(environment["namespace"])
    return {cluster: frozenset(names) for cluster, names in namespaces.items()}


def namespaces_of(path: Path) -> Namespaces:
    """The namespaces in the applications of a file or folder, by cluster. Raises ConfigError."""
    namespaces: dict[str, frozenset[str]] = {}
    for definition in check_path(path).definitions.values():
        for environment in definition.application.environments:
            namespaces[environment.cluster] = namespaces.get(environment.cluster, frozenset()) | {environment.namespace}
    return namespaces


@dataclass
class NamespaceMaker:
    """The namespaces created so far, and the catalogue's state at the last look."""

    clusters: Mapping[str, str]
    """Addresses of the doubles, by cluster. Clusters that are not doubles are left alone."""
    token: str = field(repr=False)
    """A token with the right to write Namespaces."""
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10), repr=False
    )
    _created: set[tuple[str, str]] = field(default_factory=set)
    _last_versions: dict[str, str] = field(default_factory=dict)
    """The version of each application at the last look."""

    def make(self, namespaces: Namespaces) -> list[str]:
        """Create those that do not exist yet; returns them. Raises `NamespaceRefused`."""
        required = {
            (cluster, name) for cluster, names in namespaces.items() if cluster in self.clusters for name in names
        }
        return [self._make(cluster, name) for cluster, name in sorted(required - self._created)]

    def create_namespaces(self, url: str, key: str, bearer: Callable[[], str]) -> list[str]:
        """Create the namespaces of applications that were applied since the last look; returns them. Raises
        `NamespaceRefused`."""
        created: list[str] = []
        headers = {"x-functions-key": key}
        for item in self._get_json(url, "catalogue", headers)["items"]:
            kind, _, name = item["subject"].partition(":")
            document = item["document"]
            if kind == "application" and document and self._last_versions.get(name) != document:
                signed_in = headers | {
                    "Authorization": f"Bearer {bearer()}"
                }  # not everybody may read files with Secrets
                created += self.make(
                    namespaces_named_by(application_in_force(self._get_json(url, _files(name), signed_in), name))
                )
                self._last_versions[name] = document
        return created

    def _get_json(self, url: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        response = self.http.request("GET", f"{url}/api/v1/{path}", headers=headers)
        if response.status != OK:
            raise NamespaceRefused(f"{path}: the app responded with {response.status}")
        content: dict[str, Any] = response.json()
        return content

    def _make(self, cluster: str, name: str) -> str:
        metadata = {"name": name, "annotations": {LETS_IN: APP}}
        response = self.http.request(
            "POST",
            f"{self.clusters[cluster]}/api/v1/namespaces",
            json={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        if response.status not in (CREATED, CONFLICT):
            raise NamespaceRefused(f"namespace {name}: the cluster {cluster} responded with {response.status}")
        self._created.add((cluster, name))
        return f"{name} in {cluster}"


def _files(application: str) -> str:
    return f"catalogue/application/{application}/files"


def application_in_force(exported: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The document of an application, from the API's response with its files."""
    files: dict[str, str] = exported["files"]
    document: dict[str, Any] = yaml.safe_load(files["application.yaml"])
    if document["application"] != name:
        raise NamespaceRefused(f"the files of {name} hold the application {document['application']}")
    return document

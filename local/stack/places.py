"""Makes the namespaces that the catalogue names, as the platform's people would: in each cluster that is a double.

In Azure a namespace is made, and the app let into it, when a team is taken in (docs/how-to/install-into-azure.md).
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
"""The name under which the clusters know the app."""
OK, CREATED, CONFLICT = 200, 201, 409
type Named = Mapping[str, frozenset[str]]
"""Cluster → namespaces."""


class NamespaceRefused(Exception):  # noqa: N818
    """A part did not answer as it should."""


def namespaces_named_by(application: Mapping[str, Any]) -> Named:
    """The namespaces that an application in force names. It was checked when it was applied."""
    found: dict[str, set[str]] = {}
    for environment in application["environments"]:
        for cluster in environment["clusters"]:
            found.setdefault(cluster, set()).add(environment["namespace"])
    return {cluster: frozenset(names) for cluster, names in found.items()}


def namespaces_of(path: Path) -> Named:
    """The namespaces that the applications in a file or folder name, by cluster. Raises ConfigError."""
    found: dict[str, frozenset[str]] = {}
    for definition in check_path(path).definitions.values():
        for environment in definition.application.environments:
            found[environment.cluster] = found.get(environment.cluster, frozenset()) | {environment.namespace}
    return found


@dataclass
class NamespaceMaker:
    """The places made so far, and the catalogue at the last look."""

    clusters: Mapping[str, str]
    """Addresses of the doubles, by the name of the cluster. A cluster of somebody else's is left alone."""
    token: str = field(repr=False)
    """The token of somebody who may write Namespaces."""
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10), repr=False
    )
    _made: set[tuple[str, str]] = field(default_factory=set)
    _seen: dict[str, str] = field(default_factory=dict)
    """The version of each application that was looked at."""

    def make(self, named: Named) -> list[str]:
        """Make those that are not there yet; returns them. Raises `PlacesRefused`."""
        wanted = {(cluster, name) for cluster, names in named.items() if cluster in self.clusters for name in names}
        return [self._make(cluster, name) for cluster, name in sorted(wanted - self._made)]

    def look(self, url: str, key: str, bearer: Callable[[], str]) -> list[str]:
        """Make what applications name that were applied since the last look; returns it. Raises `PlacesRefused`."""
        made: list[str] = []
        headers = {"x-functions-key": key}
        for item in self._asked(url, "catalogue", headers)["items"]:
            kind, _, name = item["subject"].partition(":")
            document = item["document"]
            if kind == "application" and document and self._seen.get(name) != document:
                known = headers | {"Authorization": f"Bearer {bearer()}"}  # files with Secrets are not for everybody
                made += self.make(
                    namespaces_named_by(application_in_force(self._asked(url, _files(name), known), name))
                )
                self._seen[name] = document
        return made

    def _asked(self, url: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        answer = self.http.request("GET", f"{url}/api/v1/{path}", headers=headers)
        if answer.status != OK:
            raise NamespaceRefused(f"{path}: the app answered {answer.status}")
        told: dict[str, Any] = answer.json()
        return told

    def _make(self, cluster: str, name: str) -> str:
        metadata = {"name": name, "annotations": {LETS_IN: APP}}
        answer = self.http.request(
            "POST",
            f"{self.clusters[cluster]}/api/v1/namespaces",
            json={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        if answer.status not in (CREATED, CONFLICT):
            raise NamespaceRefused(f"namespace {name}: the cluster {cluster} answered {answer.status}")
        self._made.add((cluster, name))
        return f"{name} in {cluster}"


def _files(application: str) -> str:
    return f"catalogue/application/{application}/files"


def application_in_force(exported: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The document of an application, of the API's answer with its files."""
    files: dict[str, str] = exported["files"]
    document: dict[str, Any] = yaml.safe_load(files["application.yaml"])
    if document["application"] != name:
        raise NamespaceRefused(f"the files of {name} hold the application {document['application']}")
    return document

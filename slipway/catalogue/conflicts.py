"""Claims that only one lane may make: to an image that starts releases, and to an object in a cluster.

Two applications that follow the same repository would answer one push with two releases. Two lanes that apply the same
object would undo each other's rollouts for ever. Both are refused when the documents are checked.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.domain.application import SourceKind
from slipway.domain.fence import lease_name

from ..manifests.documents import Document
from ..manifests.objects import identity
from ..manifests.problems import Problem, Steps
from .definition import Definition


@dataclass(frozen=True, kw_only=True)
class SampleObject:
    """An object of an environment as it would be applied, with sample values, and the document that it comes from."""

    environment: str
    document: Document
    value: dict[str, Any]
    deployed: bool
    """False for the acceptance Job."""
    faulty: frozenset[str] = frozenset()
    """Fields that already have a problem."""

    def problem(self, steps: Steps, message: str = "", *, expected: str = "", got: str = "") -> Problem:
        """A problem with the value at these steps, at its line in the document."""
        return self.document.problem(steps, message, expected=expected, got=got)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """An application and the objects that it would apply in each of its environments."""

    definition: Definition
    document: Document
    """The document that it was read from."""
    rendered: Mapping[str, tuple[SampleObject, ...]]
    """By the environment's name; an environment whose manifests are wrong is not in it."""

    def objects(self, environment: str) -> tuple[dict[str, Any], ...]:
        """The objects that would be applied there."""
        return tuple(each.value for each in self.rendered.get(environment, ()) if each.deployed)


def conflicts(claims: Iterable[Claims]) -> Iterator[Problem]:
    """The problems of all duplicate claims, each at the position of the second claim."""
    listed = list(claims)
    yield from _same_image(listed)
    yield from _same_object(listed)
    yield from _same_fence(listed)


def _same_image(claims: list[Claims]) -> Iterator[Problem]:
    first: dict[tuple[str, str], str] = {}
    for claim in claims:
        application = claim.definition.application
        pushed, source = application.pushed, application.source
        owner = first.setdefault((pushed.registry, pushed.repository), application.application)
        if owner != application.application:
            yield claim.document.problem(
                (str(source), "repository"),
                f"{pushed.repository} in {pushed.registry} starts the releases of {owner} already; "
                f"{'an' if source is SourceKind.IMAGE else 'a'} {source} belongs to one application",
            )


def _same_fence(claims: list[Claims]) -> Iterator[Problem]:
    """Two lanes in one namespace whose Leases would have the same name: each would find the other's Lease, and stop."""
    first: dict[tuple[str, str, str], tuple[str, str]] = {}
    for claim in claims:
        application = claim.definition.application
        for index, environment in enumerate(application.environments):
            lane = (application.application, environment.name)
            lease = lease_name(*lane)
            owner = first.setdefault((environment.cluster, environment.namespace, lease), lane)
            if owner != lane:
                yield claim.document.problem(
                    ("environments", index, "name"),
                    f"the Lease {lease} in cluster {environment.cluster}, namespace {environment.namespace}, belongs "
                    f"to {owner[0]} in {owner[1]} already; give the environment another name or namespace",
                )


def _same_object(claims: list[Claims]) -> Iterator[Problem]:
    first: dict[tuple[str, ...], tuple[str, str]] = {}
    for claim in claims:
        application = claim.definition.application
        for index, environment in enumerate(application.environments):
            lane = (application.application, environment.name)
            own: set[tuple[str, ...]] = set()
            for value in claim.objects(environment.name):
                key = (environment.cluster, *identity(value))
                owner = first.setdefault(key, lane)
                if owner != lane or key in own:
                    yield claim.document.problem(
                        ("environments", index, "manifests"),
                        f"{value['kind']} {value['metadata']['name']} in cluster {environment.cluster}, "
                        f"namespace {environment.namespace}, occurs twice: "
                        + (f"{owner[0]} in {owner[1]} applies it too" if owner != lane else "in these manifests"),
                    )
                own.add(key)

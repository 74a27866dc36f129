"""The checks of clusters: the rights that the app lacks there, and the Role for what Azure's role does not grant."""

from collections.abc import Sequence
from typing import Any

from ...catalogue import ConfigError, render, render_job, render_jobs_around
from ...catalogue.entries import Entry
from ...domain.application import SourceKind
from ...domain.around import Side
from ...domain.environment import Environment
from ...effects.cluster import ClusterError, Missing, Owner
from .facts import Facts
from .fault import Fault
from .places import NOTHING

KINDS_NAMED = 8
"""The most kinds that a check names as not searched."""
_USUAL_KINDS = (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap"), ("batch/v1", "Job"))


def check_name(entry: Entry, environment: Environment) -> str:
    return f"cluster:{environment.cluster}:{entry.application.application}:{environment.name}"


def cluster(facts: Facts, entry: Entry, environment: Environment) -> str:
    """Ask the cluster for each right, as itself."""
    is_bundle = entry.application.source is SourceKind.BUNDLE
    access, namespace = facts.cluster(environment.cluster), environment.namespace
    try:
        lacking = access.missing_rights(_manifests(entry, environment), namespace)
        who = access.identity()
        unlisted = access.unlisted(namespace, Owner.of(entry.application.application, environment.name))
    except ConfigError as error:
        raise Fault(str(error), missing="manifests that can be rendered") from None
    except Missing as error:
        raise Fault(str(error), missing="the definition of the kind, in the cluster") from None
    except ClusterError as error:
        raise Fault(str(error), missing="a way to the cluster, and a credential that it takes") from None
    if lacking:
        listed = ", ".join(str(right) for right in lacking)
        others = f"slipway doctor --print-rbac --only {check_name(entry, environment)} | kubectl apply -f -"
        raise Fault(
            f"{who.name} may not {listed} in the namespace {namespace}",
            missing=listed,
            command=facts.remedies.cluster(environment.cluster, namespace, who=who, lacking=lacking, others=others),
        )
    needed = f"{who.name} has every verb that a rollout needs in the namespace {namespace}"
    if is_bundle:
        needed = f"{needed}, for the usual kinds; those of a bundle are checked when one arrives"
    return f"{needed}{_told(unlisted)}"


def _told(unlisted: Sequence[str]) -> str:
    """The kinds that the app may not list. A plan says so only for an application that has had objects of them."""
    if not unlisted:
        return ""
    more = f" and {len(unlisted) - KINDS_NAMED} more" if len(unlisted) > KINDS_NAMED else ""
    listed = ", ".join(sorted(unlisted)[:KINDS_NAMED])
    return f"; it cannot search {listed}{more}: objects of these kinds that leave the manifests stay there"


def other_role(facts: Facts, entry: Entry, environment: Environment, kinds: Sequence[str]) -> list[Any]:
    """The Role and its binding for the kinds that the role of Azure does not hold: the application's own, those that
    its project names, and `kinds`.

    Raises `Fault`.
    """
    application = entry.application
    named = tuple(dict.fromkeys((*kinds, *application.image_rules.paths, *application.kinds.also)))
    try:
        manifests = _manifests(entry, environment)
        return facts.cluster(environment.cluster).other_role(manifests, named, environment.namespace)
    except (ConfigError, ClusterError) as error:
        raise Fault(str(error)) from None


def _manifests(entry: Entry, environment: Environment) -> tuple[dict[str, Any], ...]:
    """What the application would apply. Raises `ConfigError`."""
    is_bundle = entry.application.source is SourceKind.BUNDLE
    return _usual(environment) if is_bundle else _rendered(entry, environment)


def _usual(environment: Environment) -> tuple[dict[str, Any], ...]:
    """Objects of the kinds that nearly every application has, for a check before its first bundle is known."""
    metadata = {"name": "doctor", "namespace": environment.namespace}
    return tuple({"apiVersion": version, "kind": kind, "metadata": metadata} for version, kind in _USUAL_KINDS)


def _rendered(entry: Entry, environment: Environment) -> tuple[dict[str, Any], ...]:
    """What the application's manifests would apply, with a sample image. Raises `ConfigError`."""
    application = entry.application.application
    values = {
        "SLIPWAY_APPLICATION": application,
        "SLIPWAY_ENVIRONMENT": environment.name,
        "SLIPWAY_RELEASE": f"{application}-0",
        "SLIPWAY_VERSION": "0",
    }
    image = f"slipway.invalid/{entry.application.pushed.repository}@{NOTHING}"
    manifests = render(entry.definition, environment, image=image, values=values)
    for side in Side:
        manifests += render_jobs_around(entry.definition, environment, side, image=image, values=values)
    if not environment.verification.job:
        return manifests
    return (*manifests, render_job(entry.definition, environment, image=image, values=values, name="doctor"))

"""The checks of clusters: which rights the app lacks there, and the Role for rights that Azure's role does not
grant."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...catalogue import ConfigError, render_job, render_jobs_around, render_objects
from ...catalogue.entries import Entry
from ...domain.application import SourceKind
from ...domain.around import Side
from ...domain.environment import Environment
from ...effects.cluster import AccessDenied, ClusterError, ClusterIdentity, Missing, Owner
from .check_input import CheckInput, ReviewableCluster
from .failure import CheckFailed
from .services import NOTHING

KINDS_NAMED = 8
"""The most kinds that a check names as not searched."""
_USUAL_KINDS = (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap"), ("batch/v1", "Job"))


def check_name(entry: Entry, environment: Environment) -> str:
    return f"cluster:{environment.cluster}:{entry.application.application}:{environment.name}"


def check_cluster(inputs: CheckInput, entry: Entry, environment: Environment) -> str:
    """Ask the cluster for each right, as itself."""
    is_bundle = entry.application.source is SourceKind.BUNDLE
    access, namespace = inputs.cluster(environment.cluster), environment.namespace
    try:
        lacking = access.missing_rights(_manifests(entry, environment), namespace)
        who = access.identity()
        search = access.search(namespace, Owner.of(entry.application.application, environment.name))
        same = _same_clusters(inputs, environment, who)
    except ConfigError as error:
        raise CheckFailed(str(error), missing="manifests that can be rendered") from None
    except Missing as error:
        raise CheckFailed(str(error), missing="the definition of the kind, in the cluster") from None
    except ClusterError as error:
        raise CheckFailed(str(error), missing="a way to the cluster, and a credential that it takes") from None
    if lacking:
        listed = ", ".join(str(right) for right in lacking)
        others = f"slipway doctor --print-rbac --only {check_name(entry, environment)} | kubectl apply -f -"
        raise CheckFailed(
            f"{who.name} may not {listed} in the namespace {namespace}",
            missing=listed,
            command=inputs.fix_hints.cluster(environment.cluster, namespace, who=who, lacking=lacking, others=others),
        )
    if names := [name for name, is_one in same.items() if is_one]:
        raise CheckFailed(
            f"{environment.cluster} and {' and '.join(names)} are one cluster, as the namespace {namespace} has the "
            "same uid by each name: a guard set under one name is bypassed under the other",
            missing="one name for each cluster, in SLIPWAY_CLUSTERS",
        )
    if fights := [f"{each.kind.kind}/{each.name}: {each.also_applied}" for each in search.owned if each.also_applied]:
        more = f" (and {len(fights) - 1} more)" if len(fights) > 1 else ""
        raise CheckFailed(f"{fights[0]}{more}", missing="only one tool that applies each object")
    needed = f"{who.name} has every verb that a rollout needs in the namespace {namespace}"
    if is_bundle:
        needed = f"{needed}, for the usual kinds; those of a bundle are checked when one arrives"
    unknown = ", ".join(name for name, is_one in same.items() if is_one is None)
    apart = f"; it is not known whether this is another cluster than {unknown}" if unknown else ""
    return f"{needed}{_unlisted_kinds([each.kind for each in search.unsearched])}{apart}"


def _same_clusters(inputs: CheckInput, environment: Environment, who: ClusterIdentity) -> dict[str, bool | None]:
    """For each other cluster of the settings, whether it is the same as this one, because it has the very same
    namespace; None if that is not known."""
    own = _namespace_id(inputs.cluster(environment.cluster), environment.namespace)
    others = [name for name in inputs.clusters if name != environment.cluster]

    def is_same(name: str) -> bool | None:
        try:
            theirs = _namespace_id(inputs.cluster(name), environment.namespace)
            # If the other is the same cluster, a right to read the namespace here is a right to read it there.
            denied = theirs is None and inputs.cluster(name).identity() == who
        except ClusterError:
            return None
        return None if own is None or (theirs is None and not denied) else bool(own) and own == theirs

    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="doctor") as threads:
        return dict(zip(others, threads.map(is_same, others), strict=True))


def _namespace_id(cluster: ReviewableCluster, namespace: str) -> str | None:
    """Empty if the namespace does not exist, None if it may not be read. Raises `ClusterError`."""
    try:
        return cluster.namespace_id(namespace)
    except Missing:
        return ""
    except AccessDenied:
        return None


def _unlisted_kinds(unlisted: Sequence[str]) -> str:
    """A note on the kinds that the app may not list. A plan says so only for an application that has had objects of
    them."""
    if not unlisted:
        return ""
    more = f" and {len(unlisted) - KINDS_NAMED} more" if len(unlisted) > KINDS_NAMED else ""
    listed = ", ".join(sorted(unlisted)[:KINDS_NAMED])
    return f"; it cannot search {listed}{more}: objects of these kinds that leave the manifests stay there"


def other_role(inputs: CheckInput, entry: Entry, environment: Environment, kinds: Sequence[str]) -> list[Any]:
    """The Role and its binding for kinds that Azure's role does not cover: the application's own, those that its
    project names, and `kinds`.

    Raises `CheckFailed`.
    """
    application = entry.application
    kinds_to_check = tuple(dict.fromkeys((*kinds, *application.image_rules.paths, *application.kinds.also)))
    try:
        manifests = _manifests(entry, environment)
        return inputs.cluster(environment.cluster).other_role(manifests, kinds_to_check, environment.namespace)
    except (ConfigError, ClusterError) as error:
        raise CheckFailed(str(error)) from None


def _manifests(entry: Entry, environment: Environment) -> tuple[dict[str, Any], ...]:
    """The objects that the application would apply. Raises `ConfigError`."""
    is_bundle = entry.application.source is SourceKind.BUNDLE
    return _usual(environment) if is_bundle else _rendered(entry, environment)


def _usual(environment: Environment) -> tuple[dict[str, Any], ...]:
    """Objects of the kinds that nearly every application has, for a check before its first bundle is known."""
    metadata = {"name": "doctor", "namespace": environment.namespace}
    return tuple({"apiVersion": version, "kind": kind, "metadata": metadata} for version, kind in _USUAL_KINDS)


def _rendered(entry: Entry, environment: Environment) -> tuple[dict[str, Any], ...]:
    """The objects of the application's manifests, with a sample image. Raises `ConfigError`."""
    application = entry.application.application
    values = {
        "SLIPWAY_APPLICATION": application,
        "SLIPWAY_ENVIRONMENT": environment.name,
        "SLIPWAY_RELEASE": f"{application}-0",
        "SLIPWAY_VERSION": "0",
    }
    image = f"slipway.invalid/{entry.application.pushed.repository}@{NOTHING}"
    manifests = render_objects(entry.definition, environment, image=image, values=values)
    for side in Side:
        manifests += render_jobs_around(entry.definition, environment, side, image=image, values=values)
    if not environment.verification.job:
        return manifests
    return (*manifests, render_job(entry.definition, environment, image=image, values=values, name="doctor"))

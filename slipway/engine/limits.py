"""Whether a plan keeps to what its application's project allows: kinds of objects, access to the host, the place, the
registry, and the images.

The catalogue checks the same when an application is applied. But a bundle brings its objects later, and a project may
become narrower at any time, so the plan is checked when it is made and again right before the first object.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..domain.application import Application
from ..domain.environment import Environment
from ..domain.plan import Plan
from ..domain.rules import Rule, RuleResult
from ..manifests.limits import beyond_limits
from .pinned import NotPinned, pinned_images

MOST_FAULTS = 5
"""The most faults that one reason names."""


class BeyondProject(Exception):  # noqa: N818 - it is what happened
    """The plan would apply objects beyond the limits of the application's project."""

    def __init__(self, rule: RuleResult) -> None:
        super().__init__(f"{rule.name}: {rule.reason}")
        self.rule = rule


def check_objects(application: Application, manifests: Iterable[dict[str, Any]]) -> None:
    """Raises `BeyondProject`."""
    rule = _judged(application, list(_objects(application, manifests)))
    if not rule.passed:
        raise BeyondProject(rule)


def limits_rule(application: Application, environment: Environment, plan: Plan) -> RuleResult:
    """Whether every object of the plan, and the plan's place, is within the project as it is now."""
    faults = (
        *_moves(application, environment, plan),
        *_objects(application, _applied(plan)),
        *_images(application, plan),
    )
    return _judged(application, faults)


def _judged(application: Application, faults: Sequence[str]) -> RuleResult:
    if faults:
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        return Rule.WITHIN_PROJECT.fails("; ".join(faults[:MOST_FAULTS]) + more)
    return Rule.WITHIN_PROJECT.holds(f"everything that it applies is what the project {application.project} allows")


def _moves(application: Application, environment: Environment, plan: Plan) -> Iterator[str]:
    for what, planned, now in (
        ("cluster", plan.cluster, environment.cluster),
        ("namespace", plan.namespace, environment.namespace),
        ("registry", plan.registry, application.registry_of(environment)),
    ):
        if planned != now:
            yield f"the plan is for the {what} {planned}, and {environment.name} has {now} now"


def _objects(application: Application, manifests: Iterable[dict[str, Any]]) -> Iterator[str]:
    for manifest in manifests:
        yield from beyond_limits(manifest, application.kinds)


def _images(application: Application, plan: Plan) -> Iterator[str]:
    host = plan.images[0].partition("/")[0] if plan.images else ""
    try:
        pinned_images(_applied(plan), application, host)
    except NotPinned as refused:
        yield str(refused)
    for each in plan.injected:
        if each not in application.injected:
            yield f"the plan lets the cluster add the container {each.container} ({each.image}) to pods"


def _applied(plan: Plan) -> Iterator[dict[str, Any]]:
    yield from (*plan.before, *plan.manifests, *plan.after)
    if plan.verification is not None:
        yield plan.verification

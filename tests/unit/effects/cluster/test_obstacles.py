"""What stands in the way of a rollout, seen before it."""

from typing import Any

import pytest

from slipway.effects.cluster.obstacles import obstacle_of


def an_object(kind: str, *, template: str = "old", leaving: bool = False, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web"} | ({"deletionTimestamp": "2026-11-23T08:00:00Z"} if leaving else {})
    return {"kind": kind, "metadata": metadata, "spec": {"template": template, **spec}}


BY_HAND: dict[str, Any] = {"updateStrategy": {"type": "OnDelete"}}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, an_object("Deployment", paused=True), "paused"),
        (an_object("Deployment"), an_object("Deployment", paused=True), "kubectl rollout resume"),
        (None, an_object("Job", suspend=True), "suspended"),
        (an_object("StatefulSet"), an_object("StatefulSet", template="new", **BY_HAND), "use RollingUpdate"),
        (an_object("DaemonSet"), an_object("DaemonSet", template="new", **BY_HAND), "use RollingUpdate"),
        (an_object("ConfigMap", leaving=True), an_object("ConfigMap", leaving=True), "being deleted"),
    ],
)
def test_what_will_keep_a_rollout_from_ending_is_told(
    before: dict[str, Any] | None, after: dict[str, Any], told: str
) -> None:
    assert told in obstacle_of(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (an_object("Deployment", paused=True), an_object("Deployment", paused=False)),
        (an_object("Deployment", paused=True), an_object("Deployment")),
        (None, an_object("StatefulSet", **BY_HAND)),
        (an_object("DaemonSet", **BY_HAND), an_object("DaemonSet", **BY_HAND)),
        (None, {"kind": "ConfigMap", "metadata": {"name": "settings"}}),
    ],
)
def test_what_the_release_itself_mends_or_does_not_touch_is_not_an_obstacle(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    assert obstacle_of(before, after) == ""

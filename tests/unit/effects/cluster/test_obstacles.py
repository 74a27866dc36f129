"""What would keep a rollout from ending, recognized before it begins."""

from typing import Any

import pytest

from slipway.effects.cluster.obstacles import obstacle_of


def an_object(kind: str, *, template: str = "old", terminating: bool = False, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web"} | ({"deletionTimestamp": "2026-11-23T08:00:00Z"} if terminating else {})
    return {"kind": kind, "metadata": metadata, "spec": {"template": template, **spec}}


BY_HAND: dict[str, Any] = {"updateStrategy": {"type": "OnDelete"}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, an_object("Deployment", paused=True), "paused"),
        (an_object("Deployment"), an_object("Deployment", paused=True), "kubectl rollout resume"),
        (None, an_object("Job", suspend=True), "suspended"),
        (an_object("StatefulSet"), an_object("StatefulSet", template="new", **BY_HAND), "use RollingUpdate"),
        (an_object("DaemonSet"), an_object("DaemonSet", template="new", **BY_HAND), "use RollingUpdate"),
        (an_object("ConfigMap", terminating=True), an_object("ConfigMap", terminating=True), "being deleted"),
    ],
)
def test_an_obstacle_that_keeps_a_rollout_from_ending_is_reported(
    before: dict[str, Any] | None, after: dict[str, Any], expected: str
) -> None:
    assert expected in obstacle_of(before, after)


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
def test_a_state_that_the_release_mends_or_does_not_touch_is_no_obstacle(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    assert obstacle_of(before, after) == ""

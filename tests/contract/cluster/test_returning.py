"""Bringing back the earlier release although objects resist, pods are stuck and Jobs are in the way."""

import pytest

from slipway.effects.cluster import ClusterUnreachable, ObjectConflict, ProgressState
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place

ORDERED = {"replicas": 2, "serviceName": "db"}


def database(image: str) -> m.Json:
    return m.workload("StatefulSet", image, name="db", **ORDERED)


def test_a_statefulset_goes_back_although_its_stuck_pod_is_never_replaced_by_itself(place: Place) -> None:
    good, bad = database(f"{m.PAUSE}@{m.ONE}"), database(f"{m.PAUSE}:{m.BAD_TAG}")
    place.apply([good])
    assert place.rolled_out(good) is ProgressState.DONE
    place.apply([bad])
    assert place.rolled_out(bad) is ProgressState.HOPELESS
    assert place.fenced().roll_back([good]).unapplied == ()
    freed = list[str]()

    def advance() -> ProgressState:
        state = place.cluster.rollout([good], place.namespace).state
        if state is not ProgressState.DONE:
            freed.append(place.fenced().free_stuck_pod([good], only_held_up=True))
        return state

    assert place.settle(advance, until=lambda state: state is ProgressState.DONE) is ProgressState.DONE
    assert list(filter(None, freed)) == ["db-1"]


def test_pods_that_are_well_are_never_deleted(place: Place) -> None:
    good = database(f"{m.PAUSE}@{m.ONE}")
    place.apply([good])
    assert place.rolled_out(good) is ProgressState.DONE
    assert place.fenced().free_stuck_pod([good], only_held_up=False) == ""


def test_an_object_that_cannot_be_changed_holds_up_no_other(place: Place) -> None:
    place.apply([m.deployment(name="first"), m.deployment(name="last")])
    changed = m.deployment(name="first")
    changed["spec"]["selector"]["matchLabels"] = changed["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    last = m.deployment(f"{m.PAUSE}@{m.TWO}", name="last")
    back = place.fenced().roll_back([changed, last])
    [unapplied] = back.unapplied
    assert (unapplied.label, unapplied.passing) == ("Deployment/first", False)
    assert "immutable" in unapplied.why
    assert [applied.name for applied in back.applied] == ["last"]
    assert place.rolled_out(last) is ProgressState.DONE
    assert place.cluster.compared([last], place.namespace).others == ()


@pytest.mark.parametrize("access", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)
def test_an_object_whose_webhook_is_away_holds_up_no_other(place: Place) -> None:
    """The double has no webhooks; `test_errors.py` shows a real server's answer for a webhook that is away."""
    place.apply([m.config(a="1"), m.deployment()])
    place.apply([m.config(a="2"), m.deployment(f"{m.PAUSE}@{m.TWO}")])
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}
    webhook = {
        "name": "away.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}},
        "rules": [rule],
        "clientConfig": {"url": "https://127.0.0.1:1/"},
    }
    admin, path = Connection(place.access), "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    admin.send("POST", path, what="make it", body={"metadata": {"name": place.namespace}, "webhooks": [webhook]})

    def in_force() -> bool:
        try:
            place.cluster.preview([m.config(a="3")], place.namespace)
        except ClusterUnreachable:
            return True
        return False

    try:
        place.settle(in_force, until=bool)
        back = place.fenced().roll_back([m.config(a="1"), m.deployment()])
    finally:
        admin.send("DELETE", f"{path}/{place.namespace}", what="clean up")
        admin.close()
    [unapplied] = back.unapplied
    assert (unapplied.label, unapplied.passing) == ("ConfigMap/settings", True)
    assert 'failed calling webhook "away.example.com"' in unapplied.why
    assert [applied.name for applied in back.applied] == ["web"]


def test_an_object_of_a_kind_that_is_gone_holds_up_no_other(place: Place) -> None:
    unknown = {"apiVersion": "shop.example/v1", "kind": "Voucher", "metadata": {"name": "spring"}}
    back = place.fenced().roll_back([unknown, m.config(a="1")])
    assert [(unapplied.label, unapplied.passing) for unapplied in back.unapplied] == [("Voucher/spring", False)]
    assert [applied.name for applied in back.applied] == ["settings"]


def test_a_job_that_never_started_does_not_block_the_next_release(place: Place) -> None:
    stuck = m.job("migrate")
    stuck["spec"]["template"]["spec"]["containers"][0]["image"] = f"{m.PAUSE}:{m.BAD_TAG}"
    place.apply([stuck])
    assert place.rolled_out(stuck) is ProgressState.HOPELESS
    mended = m.job("migrate", prints="moved")
    place.settle(lambda: applied(place, mended), until=bool)
    assert place.rolled_out(mended) is ProgressState.DONE


def test_a_job_whose_program_runs_is_never_cut_off(place: Place) -> None:
    place.apply([m.job("migrate", seconds=60)])
    place.settle(
        lambda: place.cluster.rollout([m.job("migrate")], place.namespace).reason,
        until=lambda reason: reason.startswith("Job/migrate: 1 pods active"),
    )
    place.settle(lambda: place.cluster.is_running(m.job("migrate"), place.namespace), until=bool)
    with pytest.raises(ObjectConflict, match="still runs with its former template"):
        place.apply([m.job("migrate", prints="another")])


def applied(place: Place, manifest: m.Json) -> bool:
    """Whether it was applied; it was not if the Job's status changed in between, and can be tried again."""
    try:
        place.apply([manifest])
    except ObjectConflict:
        return False
    return True

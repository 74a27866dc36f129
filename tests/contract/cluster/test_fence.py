"""A worker that was paused and wakes up changes nothing that a newer rollout brought.

Each case also runs without the half of the fence that stops it, and then goes wrong: so each half is needed.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, override

import pytest

from slipway.domain.fence import Claim, Fence, read_fence
from slipway.domain.order import Order
from slipway.domain.rules import Rule, RuleResult, WaitsFor
from slipway.effects.cluster import ClusterUnreachable, FencedCluster, FenceLost, Missing, NotToBegin
from slipway.effects.cluster.connection import ApiServerResponse, Connection
from slipway.effects.cluster.fencing import PAUSES, FencedObjects, FenceLease
from slipway.effects.cluster.kinds import ManifestTarget
from slipway.effects.cluster.objects import Objects
from slipway.effects.cluster.records import Json
from slipway.testing.chains import PUBLIC_KEYS
from slipway.testing.claims import claim

from . import manifests as m
from .conftest import Place

CONFIG_MAP = Objects(None).kinds.find("v1", "ConfigMap")  # type: ignore[arg-type]
LEASE = "slipway-shop-staging"


class Pausing(Connection):
    """A worker's connection. It pauses right before the first matching request, and calls `meanwhile`."""

    def __init__(self, place: Place, meanwhile: Callable[[], object], *, before: str, name: str) -> None:
        super().__init__(place.access)
        self._meanwhile: Callable[[], object] | None = meanwhile
        self._method, self._name = before, name

    @override
    def send(self, method: str, path: str, **options: Any) -> ApiServerResponse:
        fits = (method, path.rpartition("/")[2]) == (self._method, self._name)
        if self._meanwhile is not None and fits:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return super().send(method, path, **options)


class UnfencedVersions(FencedObjects):
    """Writes without naming the version that was read."""

    @override
    def _only_if_unchanged(self, target: ManifestTarget, live: Json | None) -> ManifestTarget:
        return target


class UnmarkedObjects(FencedObjects):
    """Writes objects without their order."""

    @override
    def _with_marks(self, target: ManifestTarget, live: Json | None) -> ManifestTarget:
        return target


class NotReadAgain(FencedObjects):
    """Does not read the Lease again after a create."""

    @override
    def _check_created(self, target: ManifestTarget, response: ApiServerResponse) -> ApiServerResponse:
        return response


class NeverConfirmed(FenceLease):
    """Does not read the Lease before each write."""

    @override
    def confirm(self) -> None:
        if not self.taken:
            self.take()


def paused(
    place: Place,
    meanwhile: Callable[[], object],
    *,
    before: str = "PATCH",
    name: str = "settings",
    number: int = 2,
    objects: type[FencedObjects] = FencedObjects,
    fence: type[FenceLease] = FenceLease,
) -> FencedCluster:
    connection = Pausing(place, meanwhile, before=before, name=name)
    lease = fence(connection, place.namespace, lambda: claim(number))
    return FencedCluster(objects(Objects(connection), lease), place.namespace)


def data(place: Place, name: str = "settings") -> Json | None:
    live = Objects(Connection(place.access)).get(CONFIG_MAP, name, place.namespace)
    return live["data"] if live is not None else None


def config(name: str = "settings", **values: str) -> Json:
    manifest = m.config(**values)
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


def lease_request(place: Place, method: str, body: Json | None = None) -> Json:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{place.namespace}/leases/{LEASE}"
    headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else None
    query = (("fieldManager", "kubectl-edit"),) if method == "PATCH" else ()
    return Connection(place.access).send(method, path, what=method, body=body, headers=headers, query=query).body


def rewrite(place: Place, text: str | None) -> None:
    """Somebody with the right to edit changes the fence by hand."""
    lease_request(place, "PATCH", {"metadata": {"annotations": {"slipway.dev/fence": text}}})


# ---- a paused worker


@pytest.mark.parametrize("complete", [True, False], ids=["held", "without the version"])
def test_a_worker_that_wakes_up_between_reading_and_writing_overwrites_nothing_newer(
    place: Place, complete: bool
) -> None:
    place.apply([config(a="0")], number=1)
    newer = lambda: place.apply([config(a="2")], number=3)  # noqa: E731
    worker = paused(place, newer, objects=FencedObjects if complete else UnfencedVersions)
    if complete:
        with pytest.raises(FenceLost, match=r"order 0\.3 was taken, and this one has 0\.2") as raised:
            worker.apply([config(a="1")])
        assert (raised.value.rule.rule, raised.value.found) == (Rule.NO_NEWER_ROLLOUT, Order(epoch=0, number=3))
    else:
        worker.apply([config(a="1")])
    assert data(place) == ({"a": "2"} if complete else {"a": "1"})


@pytest.mark.parametrize("complete", [True, False], ids=["held", "without the order on each object"])
def test_a_paused_older_rollout_does_not_undo_a_revert(place: Place, complete: bool) -> None:
    """0 → 1 → 0: the newer rollout changes nothing in the object but its order, and the older one wakes up with 1."""
    objects = FencedObjects if complete else UnmarkedObjects

    def apply(value: str, number: int) -> None:
        fence = FenceLease(Connection(place.access), place.namespace, lambda: claim(number))
        FencedCluster(objects(Objects(Connection(place.access)), fence), place.namespace).apply([config(a=value)])

    apply("0", 1)
    worker = paused(place, lambda: apply("0", 3), objects=objects)
    if complete:
        with pytest.raises(FenceLost):
            worker.apply([config(a="1")])
    else:
        worker.apply([config(a="1")])
    assert data(place) == ({"a": "0"} if complete else {"a": "1"})


@pytest.mark.parametrize("complete", [True, False], ids=["held", "without reading again"])
def test_an_object_that_only_the_paused_older_release_has_is_removed_again(place: Place, complete: bool) -> None:
    place.apply([config(a="0")], number=1)
    newer = lambda: place.apply([config(a="2")], number=3)  # noqa: E731
    worker = paused(place, newer, name="only-old", objects=FencedObjects if complete else NotReadAgain)
    manifests = [config("only-old", a="1")]
    if complete:
        with pytest.raises(FenceLost) as raised:
            worker.apply(manifests)
        assert raised.value.removed == ("ConfigMap/only-old",)
    else:
        worker.apply(manifests)
    assert data(place, "only-old") == (None if complete else {"a": "1"})


@pytest.mark.parametrize("complete", [True, False], ids=["held", "without reading the Lease"])
def test_a_worker_that_wakes_up_between_two_objects_writes_no_second_one(place: Place, complete: bool) -> None:
    place.apply([config("first", a="0"), config("second", a="0")], number=1)
    newer = lambda: place.apply([config("first", a="2"), config("second", a="2")], number=3)  # noqa: E731
    worker = paused(place, newer, before="GET", name="second", fence=FenceLease if complete else NeverConfirmed)
    manifests = [config("first", a="1"), config("second", a="1")]
    if complete:
        with pytest.raises(FenceLost):
            worker.apply(manifests)
    else:
        worker.apply(manifests)
    assert data(place, "second") == ({"a": "2"} if complete else {"a": "1"})


def test_a_job_that_is_started_too_late_is_taken_back(place: Place) -> None:
    place.apply([config(a="0")], number=1)
    job = m.job("accept")
    worker = paused(place, lambda: place.apply([config(a="2")], number=3), before="POST", name="jobs")
    with pytest.raises(FenceLost) as raised:
        worker.start_job(job)
    assert [label.startswith("Job/accept") for label in raised.value.removed] == [True]
    jobs = Objects(Connection(place.access))
    assert jobs.list(jobs.kinds.find("batch/v1", "Job"), place.namespace, selector="") == []


class Busy(Connection):
    """The API server refuses requests about Leases for a while, once an object has been created."""

    def __init__(self, place: Place, *, times: int) -> None:
        super().__init__(place.access)
        self.remaining, self.created = times, False

    @override
    def send(self, method: str, path: str, **options: Any) -> ApiServerResponse:
        if self.created and self.remaining and "/leases/" in path:
            self.remaining -= 1
            raise ClusterUnreachable("429: too many requests")
        response = super().send(method, path, **options)
        self.created = self.created or (method == "PATCH" and response.status == HTTPStatus.CREATED)
        return response


def test_a_busy_server_is_asked_again_whether_an_object_was_created(place: Place) -> None:
    connection, pauses = Busy(place, times=3), list[float]()
    lease = FenceLease(connection, place.namespace, lambda: claim(2), pause=pauses.append)
    worker = FencedCluster(FencedObjects(Objects(connection), lease), place.namespace)
    assert [applied.created for applied in worker.apply([config(a="1")])] == [True]
    assert (connection.remaining, pauses) == (0, list(PAUSES[:3]))


def test_a_worker_that_wakes_up_continues_a_rollout_that_another_instance_went_on_with(place: Place) -> None:
    place.apply([config("first", a="1")], number=2)
    worker = paused(place, lambda: place.apply([config("second", a="1")], number=2), name="second")
    applied = worker.apply([config("first", a="1"), config("second", a="1")])
    assert [result.created for result in applied] == [True, True]


def test_an_object_that_another_client_writes_meanwhile_is_applied_all_the_same(place: Place) -> None:
    place.apply([config(a="0")], number=1)
    by_hand = {"data": {"b": "by hand"}}
    path, headers = CONFIG_MAP.path(place.namespace, "settings"), {"Content-Type": "application/merge-patch+json"}

    def edit() -> None:
        Connection(place.access).send("PATCH", path, what="edit", body=by_hand, headers=headers)

    paused(place, edit).apply([config(a="1")])
    assert data(place) == {"a": "1", "b": "by hand"}


def test_an_object_that_was_deleted_meanwhile_is_made_again(place: Place) -> None:
    place.apply([config(a="0")], number=1)
    path = CONFIG_MAP.path(place.namespace, "settings")
    paused(place, lambda: Connection(place.access).send("DELETE", path, what="delete")).apply([config(a="1")])
    assert data(place) == {"a": "1"}


# ---- the Lease


def test_the_lease_names_the_rollout_and_is_marked_as_ours(place: Place) -> None:
    place.apply([config(a="0")], number=7)
    lease = lease_request(place, "GET")
    assert lease["spec"]["holderIdentity"] == "shop-7 order 0.7"
    assert lease["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "slipway",
        "slipway.dev/application": "shop",
        "slipway.dev/environment": "staging",
    }
    fence = Fence.model_validate_json(lease["metadata"]["annotations"]["slipway.dev/fence"])
    assert (fence.order, fence.head.sequence) == (Order(epoch=0, number=7), 7)


def test_every_object_is_marked_with_the_order_and_the_plan(place: Place) -> None:
    place.apply([config(a="0"), m.deployment()], number=7)
    live = Objects(Connection(place.access)).get(CONFIG_MAP, "settings", place.namespace)
    assert live is not None
    assert live["metadata"]["annotations"] == {
        "slipway.dev/order": "0.7",
        "slipway.dev/made": "0.7",
        "slipway.dev/plan": claim(7).plan,
    }
    preview = place.cluster.preview([config(a="0")], place.namespace)
    assert not m.changes(preview)


@pytest.mark.parametrize(("before", "name"), [("POST", "leases"), ("PUT", LEASE)])
def test_two_rollouts_that_take_their_order_at_the_same_time_end_with_the_newer(
    place: Place, before: str, name: str
) -> None:
    if before == "PUT":
        place.apply([config(a="1")], number=1)
    worker = paused(place, lambda: place.apply([config(a="3")], number=3), before=before, name=name)
    with pytest.raises(FenceLost, match="superseded by a newer rollout"):
        worker.apply([config(a="2")])
    assert data(place) == {"a": "3"}


TOUCHED: dict[str, tuple[str | None, str]] = {
    "without a fence": (None, "has no fence"),
    "unreadable": ("{}", "has a fence that cannot be read"),
    "much too long": ("x" * 5000, "has a fence that cannot be read"),
    "another order, not signed anew": (
        claim(9).fence.text.replace('"number":9', '"number":99'),
        "its signature with the key test is wrong",
    ),
    "a number that JSON cannot hold": (
        claim(9).fence.text.replace('"number":9', f'"number":{2**60}'),
        "has a fence that cannot be read",
    ),
    "an order of before": (claim(1).fence.text, r"holds order 0\.1, although 0\.2 was taken here"),
    "of another installation": (claim(9, installation="other").fence.text, "is other shop staging's"),
    "of another application": (claim(9, application="cart").fence.text, "is test cart staging's"),
}


@pytest.mark.parametrize("how", TOUCHED)
def test_a_lease_that_somebody_rewrote_stops_the_rollout_and_names_them(place: Place, how: str) -> None:
    place.apply([config(a="0")], number=2)
    text, why = TOUCHED[how]
    rewrite(place, text)
    next_one = place.cluster.fenced(place.namespace, lambda: claim(3, recorded=Order(epoch=0, number=2)))
    with pytest.raises(FenceLost, match=why) as raised:
        next_one.apply([config(a="1")])
    assert raised.value.rule.rule is Rule.FENCE_IS_UNTOUCHED
    last = "slipway" if text is None else "kubectl-edit"  # removing a field leaves no trace in the managed fields
    assert f"; its managed fields name last: {last} at 20" in str(raised.value)
    assert data(place) == {"a": "0"}


def test_a_lease_that_is_gone_although_an_order_was_taken_stops_the_rollout(place: Place) -> None:
    place.apply([config(a="0")], number=2)
    lease_request(place, "DELETE")
    recorded = Order(epoch=0, number=2)
    with pytest.raises(FenceLost, match=r"the Lease slipway-shop-staging is gone, although order 0\.2 was taken here"):
        place.cluster.fenced(place.namespace, lambda: claim(3, recorded=recorded)).apply([config(a="1")])
    assert data(place) == {"a": "0"}


def test_a_lease_that_is_deleted_in_the_middle_of_a_rollout_stops_it(place: Place) -> None:
    place.apply([config("first", a="0"), config("second", a="0")], number=1)
    worker = paused(place, lambda: lease_request(place, "DELETE"), before="GET", name="second")
    with pytest.raises(FenceLost, match="is gone"):
        worker.apply([config("first", a="1"), config("second", a="1")])
    assert data(place, "second") == {"a": "0"}


def test_after_a_reset_the_lease_is_taken_over_whatever_order_it_holds(place: Place) -> None:
    place.apply([config(a="0")], number=9)
    recorded = Order(epoch=0, number=9)
    reset = place.cluster.fenced(place.namespace, lambda: claim(3, epoch=1, recorded=recorded))
    reset.apply([config(a="1")])
    assert reset.taken_order == Order(epoch=1, number=3)
    with pytest.raises(FenceLost, match="superseded"):
        place.apply([config(a="0")], number=10)


def test_a_reset_writes_over_a_lease_that_nobody_can_read(place: Place) -> None:
    place.apply([config(a="0")], number=2)
    rewrite(place, "{}")
    place.cluster.fenced(place.namespace, lambda: claim(3, epoch=1)).seize()
    lease = place.cluster.lease(place.namespace, LEASE)
    assert lease is not None
    fence, fault = read_fence(lease.text, PUBLIC_KEYS)
    assert (fault, fence and fence.order) == ("", Order(epoch=1, number=3))
    place.cluster.fenced(place.namespace, lambda: claim(4, epoch=1)).apply([config(a="1")])
    assert data(place) == {"a": "1"}


class Counting(Connection):
    """Counts the requests about Leases and about objects."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.access)
        self.requests = Counter[str]()

    @override
    def send(self, method: str, path: str, **options: Any) -> ApiServerResponse:
        self.requests[f"{method} {'Lease' if '/leases' in path else 'object'}"] += 1
        return super().send(method, path, **options)


def test_the_fence_costs_a_known_number_of_requests(place: Place) -> None:
    def requests(number: int) -> Counter[str]:
        connection = Counting(place)
        lease = FenceLease(connection, place.namespace, lambda: claim(number))
        worker = FencedCluster(FencedObjects(Objects(connection), lease), place.namespace)
        worker.apply([config(f"c{n}", a=str(number)) for n in range(5)])
        return connection.requests

    taking, before_each, after_each = 1, 4, 5  # the first object was read before the Lease was written
    first = {"GET Lease": taking + before_each + after_each, "POST Lease": 1, "GET object": 5, "PATCH object": 5}
    assert requests(1) == first
    assert requests(2) == {"GET Lease": taking + before_each, "PUT Lease": 1, "GET object": 5, "PATCH object": 5}


def test_nothing_is_written_if_the_ledger_lacks_the_record_that_the_lease_names(place: Place) -> None:
    place.apply([config(a="0")], number=2)
    sequences = list[int]()

    def rewound(fence: Fence) -> RuleResult:
        sequences.append(fence.head.sequence)
        return Rule.LEDGER_IS_WHOLE.fails("record 2 is missing")

    def claimed() -> Claim:
        return claim(3, whole=rewound)

    with pytest.raises(FenceLost, match="record 2 is missing"):
        place.cluster.fenced(place.namespace, claimed).apply([config(a="1")])
    assert (sequences, data(place)) == ([2], {"a": "0"})


def test_objects_are_written_under_a_fence_only(place: Place) -> None:
    objects = Objects(Connection(place.access))
    [target] = objects.kinds.targets([config(a="1")], place.namespace)
    with pytest.raises(Exception, match="without the fence of a rollout"):
        objects.apply(target)
    assert data(place) is None


def test_what_blocks_a_rollout_is_asked_before_its_first_object_and_never_again(
    place: Place,
) -> None:
    frozen = Rule.FREEZE.not_yet("production is frozen", WaitsFor.PERSON)
    in_the_way: list[RuleResult] = [frozen]
    begins = replace(claim(1), in_the_way=lambda: tuple(in_the_way))

    def rollout() -> FencedCluster:
        return place.cluster.fenced(place.namespace, lambda: begins)

    with pytest.raises(NotToBegin) as caught:
        rollout().apply([config(a="1")])
    assert caught.value.rules == (frozen,)
    assert data(place) is None
    with pytest.raises(Missing):
        lease_request(place, "GET")
    in_the_way.clear()
    rollout().apply([config(a="1")])
    in_the_way.append(frozen)
    rollout().apply([config(a="2")])  # the same rollout, tried again after its first object
    assert data(place) == {"a": "2"}

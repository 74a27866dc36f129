"""The Lease of a rollout, and objects that are written only while its order is the newest there.

Each write is prepared by two reads: the object first, the Lease after it. A newer rollout takes the Lease before it
writes anything, and each of its writes gives a new resourceVersion. So if the Lease was still ours after the object was
read, a write that requires the version that was read either precedes the newer rollout's own write, or is refused.

That leaves one case without a version: an object that does not exist, and that the newer rollout does not have. So
after each create the Lease is read once more, and an object that was created too late is deleted again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final, override

from slipway.ahead import ahead
from slipway.domain.fence import MADE_ANNOTATION, Claim, Fence, LeaseState, judge_fence
from slipway.domain.rules import Fail, RuleResult

from .connection import ApiServerResponse, Connection
from .errors import ClusterError, FenceLost, Missing, NotToBegin, ObjectConflict
from .kinds import BUILT_IN, Kind, ManifestTarget
from .leases import lease_document, read_lease
from .names import FIELD_MANAGER
from .objects import Objects, Propagation
from .owned import check_owner
from .records import Json
from .scaling import with_live_replicas
from .situations import Situation

log = logging.getLogger(__name__)

CONFLICTS: Final = 8
"""The number of times an object is read again because somebody else has just written it; a status is written all the
time."""
PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between reads of a Lease that cannot be read just now, after an object was created that may have to be
deleted."""
NO_VERSION: Final = "1"
"""A resourceVersion that no object has: an apply with it makes a new object, and is refused if the object exists."""

_LEASE = BUILT_IN["coordination.k8s.io/v1", "Lease"]


class FenceLease:
    """The Lease of one place, held by one rollout."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        claim: Callable[[], Claim],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.taken = False
        self._make_claim = claim
        self._claim: Claim | None = None
        self._good: str | None = None
        """The content of the Lease when it was last seen to be ours."""
        self._connection, self._namespace, self._pause = connection, namespace, pause

    @property
    def claim(self) -> Claim:
        """The claim, made when it is first needed."""
        self._claim = self._claim or self._make_claim()
        return self._claim

    def take(self, read: Callable[[], object] = lambda: None) -> bool:
        """Take the order, unless it is taken. Returns whether the Lease was written after `read` had ended: for an
        object that `read` read, the Lease then need not be read again.

        Raises `FenceLost`, other `ClusterError`, `KeysUnavailable`.
        """
        if self.taken:
            return False
        for _ in range(CONFLICTS):
            lease = self._read()
            result, fence = judge_fence(lease, self.claim)
            _demand_pass(self._compared(fence) if fence is not None else None)
            _demand_pass(result, fence)
            if lease is not None and fence is not None and fence.order == self.claim.order:
                self._mark_taken(lease.text)  # taken by an earlier try
                return False
            read()
            if (
                rules := self.claim.in_the_way()
            ):  # asked last, so that a statement made while the cluster kept silent counts
                raise NotToBegin(rules)
            try:
                self._write(lease)
            except ObjectConflict:
                continue  # somebody else has just written it
            self._mark_taken(self.claim.fence.text)
            return True
        raise ObjectConflict(f"Lease {self.claim.lease}: somebody else keeps writing it")

    def seize(self) -> None:
        """Write the order over whatever the Lease contains, as a reset does. Raises `ClusterError`,
        `KeysUnavailable`."""
        for _ in range(CONFLICTS):
            with suppress(ObjectConflict):
                self._write(self._read())
                self._mark_taken(self.claim.fence.text)
                return
        raise ObjectConflict(f"Lease {self.claim.lease}: somebody else keeps writing it")

    def _mark_taken(self, text: str | None) -> None:
        self.taken, self._claim, self._good = True, self.claim.once_taken(), text

    def confirm(self) -> None:
        """Take the order, or check that it is still the newest. Raises as `take` does."""
        if not self.taken:
            self.take()
            return
        lease = self._read()
        if lease is None or lease.text != self._good:
            _demand_pass(*judge_fence(lease, self.claim))

    def with_retries[T](self, act: Callable[[], T]) -> T:
        """Do something that must not be left undone, even if the API server is busy for a while."""
        for seconds in PAUSES:
            try:
                return act()
            except FenceLost:
                raise
            except ClusterError as error:
                if not error.retryable:
                    raise
                log.warning("tried again in %s s: %s", seconds, error)
                self._pause(seconds)
        return act()

    def _read(self) -> LeaseState | None:
        return read_lease(self._connection, self._namespace, self.claim.lease)

    def _compared(self, fence: Fence) -> RuleResult | None:
        return self.claim.whole(fence) if self.claim.whole is not None else None

    def _write(self, lease: LeaseState | None) -> None:
        body, path = lease_document(self.claim, lease), _LEASE.path(self._namespace)
        what = f"take order {self.claim.order} in Lease {self.claim.lease}"
        query = (("fieldManager", FIELD_MANAGER),)
        if lease is None:
            self._connection.send("POST", path, what=what, query=query, body=body)
        else:
            self._connection.send("PUT", f"{path}/{self.claim.lease}", what=what, query=query, body=body)


def _demand_pass(result: RuleResult | None, fence: Fence | None = None) -> None:
    if isinstance(result, Fail):
        raise FenceLost(result, found=fence.order if fence is not None else None)


def demand_staying(target: ManifestTarget, live: Mapping[str, Any]) -> None:
    """Raises `ObjectConflict` for an object that is being deleted: changes applied to it go with it."""
    if live["metadata"].get("deletionTimestamp"):
        raise ObjectConflict(Situation.BEING_DELETED.describe(f"{target.label} is being deleted"))


class FencedObjects(Objects):
    """Objects that are written under the fence of a rollout."""

    def __init__(self, objects: Objects, fence: FenceLease) -> None:
        super().__init__(objects.connection, objects.kinds)
        self.fence = fence
        self._read: dict[str, tuple[Json | None, bool]] = {}
        """The object that was read while the order was taken, by its path, and whether the Lease was written since."""

    def take_for(self, target: ManifestTarget) -> None:
        """Take the order, and meanwhile read the object that is written first."""
        live = ahead(partial(self._live, target))
        is_written = self.fence.take(live)
        self._read[target.path] = (live(), is_written)

    @override
    def apply(
        self, target: ManifestTarget, *, dry_run: bool = False, force: bool = True, manager: str = FIELD_MANAGER
    ) -> ApiServerResponse:
        """Also marks the object with the rollout's order. Raises `FenceLost`, other `ClusterError`."""
        if dry_run:
            return super().apply(target, dry_run=True, force=force, manager=manager)

        def write(live: Json | None) -> ApiServerResponse:
            if live is not None:  # another application may have made it since the plan
                check_owner(target, live)
                demand_staying(target, live)
            whole = with_live_replicas(self._with_marks(target, live), live) if manager == FIELD_MANAGER else target
            return self._send_apply(self._only_if_unchanged(whole, live), force=force, manager=manager)

        return self._check_created(target, self._write_guarded(target, write))

    @override
    def patch(
        self, target: ManifestTarget, operations: Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> ApiServerResponse:
        """Patch the object. The operations name the version that they are for, as a test."""
        if not dry_run:
            self.fence.confirm()
        return self._send_patch(target, operations, dry_run=dry_run)

    def make_unfenced(self, namespace: ManifestTarget) -> None:
        """Make the namespace that the Lease will be in, unless it is there."""
        with suppress(ObjectConflict):
            marked = self._with_marks(namespace, None)
            self._send_apply(self._only_if_unchanged(marked, None), force=True, manager=FIELD_MANAGER)

    def create(self, target: ManifestTarget) -> ApiServerResponse:
        """Raises `ObjectConflict` if it is there already."""
        self.fence.confirm()
        answer = self._send_create(self._with_marks(target, None))
        return self._check_created(target, answer)

    @override
    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        metadata: Mapping[str, Any],
        propagation: Propagation = Propagation.BACKGROUND,
        *,
        dry_run: bool = False,
    ) -> Json:
        """Delete the version that was read before the Lease."""
        if not dry_run:
            self.fence.confirm()
        return self._send_delete(kind, name, namespace, metadata, propagation, dry_run=dry_run)

    def _write_guarded[T](self, target: ManifestTarget, write: Callable[[Json | None], T]) -> T:
        """Write the version of the object that was read before the Lease. If the object has changed by then, try
        again."""
        last: ObjectConflict | None = None
        for _ in range(CONFLICTS):
            read = self._read.pop(target.path, None)
            live, is_confirmed = read if read is not None else (self._live(target), False)
            if not is_confirmed:
                self.fence.confirm()
            try:
                return write(live)
            except ObjectConflict as conflict:
                if not conflict.changed or conflict.fields:
                    raise
                last = conflict
        raise last or ObjectConflict(f"{target.label}: somebody else keeps writing it")

    def _live(self, target: ManifestTarget) -> Json | None:
        try:
            return self.get(target.kind, target.name, target.namespace)
        except Missing:
            return None  # its namespace or kind does not exist either: the write says which

    def _with_marks(self, target: ManifestTarget, live: Json | None) -> ManifestTarget:
        metadata, claim = target.manifest.get("metadata") or {}, self.fence.claim
        makes = live is None or claim.has_made(live["metadata"])
        marks = {**claim.annotations, MADE_ANNOTATION: str(claim.order)} if makes else claim.annotations
        annotations = {**(metadata.get("annotations") or {}), **marks}
        return target.evolve(manifest={**target.manifest, "metadata": {**metadata, "annotations": annotations}})

    def _only_if_unchanged(self, target: ManifestTarget, live: Json | None) -> ManifestTarget:
        """The manifest for exactly the object and version that were read: an apply with only a version would create a
        deleted object again."""
        of_live = {name: live["metadata"][name] for name in ("uid", "resourceVersion")} if live is not None else None
        metadata = {**target.manifest["metadata"], **(of_live or {"resourceVersion": NO_VERSION})}
        return target.evolve(manifest={**target.manifest, "metadata": metadata})

    def _check_created(self, target: ManifestTarget, answer: ApiServerResponse) -> ApiServerResponse:
        """Check after a create that the order is still the newest. An object that was created too late is deleted by
        its uid."""
        if answer.status != HTTPStatus.CREATED:
            return answer
        try:
            self.fence.with_retries(self.fence.confirm)
        except FenceLost as lost:
            self.fence.with_retries(lambda: self._take_back(target, answer.body))
            lost.removed = (*lost.removed, target.label)
            log.warning("%s was created too late, and deleted: %s", target.label, lost)
            raise
        return answer

    def _take_back(self, target: ManifestTarget, made: Json) -> None:
        try:
            uid = {"uid": made["metadata"]["uid"]}
            self._send_delete(target.kind, target.name, target.namespace, uid, Propagation.BACKGROUND)
        except (Missing, ObjectConflict):
            return  # somebody else deleted it; what is there now is another one

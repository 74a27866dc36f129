"""The signed end of a chain names what is in force by it: versions, freezes and holds, each by its hash.

A row alone decides nothing: whoever may write rows could take a freeze away, or put an older version in force, whose
gate asks nobody. What a row says has to have the hash that the head of its chain names. A decision changes the hash
only of what it changes itself, and carries all others on as they were signed before, so that no row that was changed
behind its back gets a signature. A head put back to an earlier state contradicts an anchor, as each of these changes is
anchored at once.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from .model import Record, canonical, sha256
from .release import Head, Lane
from .signing import PublicKeys, Signer

VERSION: Final = "version"
"""The application's version in force."""
FREEZE: Final = "freeze"
"""The freeze of everything: of the installation's chain its own, of an application's the copy."""


def lane_name(environment: str) -> str:
    return f"lane:{environment}"


def state_hash(state: Record | None) -> str | None:
    """What the head names for a row's state; None where there is none."""
    return None if state is None else sha256(canonical(state.model_dump(mode="json")))


def hash_of_lane(lane: Lane | None) -> str | None:
    """What stops rollouts in a lane; None if nothing does."""
    if lane is None or (lane.freeze is None and lane.hold is None and lane.called_off is None):
        return None
    return sha256(canonical(lane.model_dump(mode="json", include={"freeze", "hold", "called_off"})))


def blocks_changed(
    before: Head, freeze: Head, lanes: Mapping[str, Lane], changed: Iterable[Lane]
) -> dict[str, str | None]:
    """The hashes that a decision changes: of the freeze in the head that it makes, and of its lanes."""
    is_new = before.sequence == 0
    changes = {lane_name(lane.environment): hash_of_lane(lane) for lane in changed}
    was = {lane_name(name): hash_of_lane(lane) for name, lane in lanes.items()} | {FREEZE: state_hash(before.freeze)}
    changes[FREEZE] = state_hash(freeze.freeze)
    return {name: hash for name, hash in changes.items() if hash != (None if is_new else was.get(name))}


def signed(head: Head, *, before: Head, changes: Mapping[str, str | None], signer: Signer, keys: PublicKeys) -> Head:
    """The head after `before`, signed, with these changes of what is in force; None ends something.

    After a head that nobody signed it is not signed either: what that one named is not known. Raises `KeysUnavailable`.
    """
    names = {**before.in_force, **changes}
    in_force = {name: hash for name, hash in sorted(names.items()) if hash is not None}
    head = head.evolve(in_force=in_force, sig=None)
    if before.sequence and head_fault(before, keys):
        return head
    return head.evolve(sig=signer.sign(_content(head)))


def head_fault(head: Head, keys: PublicKeys) -> str:
    """Why the head is not what the worker wrote; empty if it is. Raises `KeysUnavailable`."""
    if head.sequence == 0:
        return ""
    return "nobody signed it" if head.sig is None else keys.fault(head.sig, _content(head))


def _content(head: Head) -> bytes:
    fields = head.model_dump(mode="json", include={"application", "epoch", "sequence", "hash", "in_force"})
    return sha256(canonical(fields | {"purpose": "head"})).encode()

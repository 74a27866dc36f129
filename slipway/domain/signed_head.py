"""The signed end of a chain names, by their hashes, the versions, freezes and holds in force, the live releases, and
the releases under way in an environment.

A row alone decides nothing: anybody who may write rows could remove a freeze, or put an older version in force whose
gate asks nobody. So a row's content must have the hash that the head of its chain names. A decision changes only the
hashes of rows that it changes itself, and carries all others on as they were signed before. So a row that was changed
by somebody else never gets a signature. A head that was put back to an earlier state contradicts an anchor, since each
of these changes is anchored at once.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from .model import Record, canonical, sha256
from .release import Head, Lane, Release
from .signing import PublicKeys, Signer

VERSION: Final = "version"
"""The application's version in force."""
FREEZE: Final = "freeze"
"""The freeze of everything: the freeze itself in the installation's chain, the copy in an application's."""


def lane_name(environment: str) -> str:
    return f"lane:{environment}"


def live_name(environment: str) -> str:
    return f"live:{environment}"


def release_name(number: int) -> str:
    return f"release:{number}"


def state_hash(state: Record | None) -> str | None:
    """The hash that the head has for a row's state; None if there is no state."""
    return None if state is None else sha256(canonical(state.model_dump(mode="json")))


def hash_of_lane(lane: Lane | None) -> str | None:
    """The hash of everything that stops rollouts in a lane; None if nothing does."""
    if lane is None or (lane.freeze is None and lane.hold is None and lane.called_off is None):
        return None
    return sha256(canonical(lane.model_dump(mode="json", include={"freeze", "hold", "called_off"})))


def hash_of_release(release: Release) -> str | None:
    """The hash of the whole row, since the next decision depends on all of it; None for a release that is in no
    environment, or has ended."""
    if release.environment is None or release.phase.final:
        return None
    return sha256(canonical(release.model_dump(mode="json", exclude_defaults=True)))


def is_as_signed(release: Release, head: Head) -> bool:
    """Whether the release's row, which was read with the head, is what the worker wrote."""
    return hash_of_release(release) == head.in_force.get(release_name(release.number))


def releases_changed(
    before: Head, releases: Mapping[int, Release], changed: Iterable[Release]
) -> dict[str, str | None]:
    """The hashes of the releases that a decision changes. If somebody else has changed a release's row, a decision
    about the release is not signed, unless the release ends with it."""
    hashes = {release.number: hash_of_release(release) for release in changed}
    return {
        release_name(number): hash
        for number, hash in hashes.items()
        if hash is None or number not in releases or is_as_signed(releases[number], before)
    }


def blocks_changed(
    before: Head, after: Head, lanes: Mapping[str, Lane], changed: Iterable[Lane]
) -> dict[str, str | None]:
    """The hashes that a decision changes: of the freeze in the head that it makes, and of its lanes."""
    is_new = before.sequence == 0
    changes = _lane_hashes(changed) | {FREEZE: state_hash(after.freeze)}
    was = _lane_hashes(lanes.values()) | {FREEZE: state_hash(before.freeze)}
    return {name: hash for name, hash in changes.items() if hash != (None if is_new else was.get(name))}


def _lane_hashes(lanes: Iterable[Lane]) -> dict[str, str | None]:
    """Each lane has its own name, so that a decision about one of them does not sign the others."""
    hashes = dict[str, str | None]()
    for lane in lanes:
        hashes[lane_name(lane.environment)] = hash_of_lane(lane)
        hashes[live_name(lane.environment)] = state_hash(lane.live)
    return hashes


def sign_head(head: Head, *, before: Head, changes: Mapping[str, str | None], signer: Signer, keys: PublicKeys) -> Head:
    """The head after `before`, signed, with these changes of the hashes in force; None removes one.

    After an unsigned head the new one is not signed either, since it is not known what the unsigned one should have
    named. Raises `KeysUnavailable`.
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

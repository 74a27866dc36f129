"""The arithmetic of a rolling update: how large each ReplicaSet should be next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """The pods of one ReplicaSet."""

    replicas: int
    available: int
    pods: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """The sizes that the new and the old ReplicaSets (oldest first) should get."""

    new: int
    old: tuple[int, ...]


def next_scaling(*, replicas: int, max_surge: int, max_unavailable: int, new: Counts, old: Sequence[Counts]) -> Scaling:
    """Grow the new set as far as the surge allows; shrink the old ones as long as enough pods stay available."""
    total = new.replicas + sum(s.replicas for s in old)
    grown = min(new.replicas, replicas)
    if new.replicas < replicas:
        grown = min(replicas, new.replicas + max(0, replicas + max_surge - total))
    sizes = [s.replicas for s in old]
    spare = grown + sum(sizes) - (replicas - max_unavailable) - max(0, grown - new.available)
    spare = _drop_unavailable(old, sizes, spare)
    keep_available = replicas - max_unavailable
    droppable = min(spare, new.available + sum(s.available for s in old) - keep_available)
    for number in range(len(sizes)):
        step = min(sizes[number], max(0, droppable))
        sizes[number] -= step
        droppable -= step
    return Scaling(new=grown, old=tuple(sizes))


def _drop_unavailable(old: Sequence[Counts], sizes: list[int], spare: int) -> int:
    """Drop old pods that are not available first. Returns how many more may go."""
    for number, counts in enumerate(old):
        step = min(max(0, sizes[number] - counts.available), max(0, spare))
        sizes[number] -= step
        spare -= step
    return spare

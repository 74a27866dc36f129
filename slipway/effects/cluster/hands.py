"""The fields whose owner an apply changes, in sentences: a plan with only the differences does not name the former
owner.

Pure, over the managed fields of the live object and of the one that a dry run returns.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .names import FIELD_MANAGER
from .takeover import FieldPath, field_name, paths, pointer_to

_SHOWN = 3
_OF_THE_CLUSTER = "kube-"
"""Managers with this prefix are Kubernetes' own controllers, which fill in fields that nobody else sets."""
_NOT_OURS = ("f:metadata", "f:status")

type Owners = Mapping[FieldPath, frozenset[str]]


def notes_on_owners(live: Mapping[str, Any], answer: Mapping[str, Any], going: Sequence[FieldPath]) -> tuple[str, ...]:
    """The notes about an object that exists; `going` are the fields that are removed after the apply."""
    before, after = owners_of(live), owners_of(answer)
    return (
        *_by_manager("taken over from {manager}: {fields}", _taken_over_fields(before, after)),
        *_by_manager(
            "removed, as {manager} set it before and it is not in the manifest: {fields}",
            _removed_fields(before, going),
        ),
        *_by_manager(
            "left as {manager} set it, since it is not in the manifest: {fields}", _staying_fields(after, answer, going)
        ),
        *_note_on_replicas(answer, before),
    )


def _taken_over_fields(before: Owners, after: Owners) -> Iterator[tuple[FieldPath, str]]:
    """Fields that others owned, and that Slipway owns without them after the apply."""
    for path, managers in after.items():
        if FIELD_MANAGER in managers:
            yield from ((path, manager) for manager in before.get(path, frozenset()) - managers)


def _removed_fields(before: Owners, going: Sequence[FieldPath]) -> Iterator[tuple[FieldPath, str]]:
    for path in going:
        below = (managers for owned, managers in before.items() if owned[: len(path)] == path)
        yield from ((path, manager) for manager in frozenset[str]().union(*below) - {FIELD_MANAGER})


def _staying_fields(
    after: Owners, answer: Mapping[str, Any], going: Sequence[FieldPath]
) -> Iterator[tuple[FieldPath, str]]:
    holders = {path[:length] for path in after for length in range(1, len(path))}
    for path, managers in after.items():
        gone = any(path[: len(root)] == root for root in going)
        if FIELD_MANAGER in managers or gone or path[0] in _NOT_OURS or pointer_to(path, answer) is None:
            continue
        if path in holders:  # owning a map or a list, without its content, does not count
            continue
        yield from ((path, manager) for manager in managers if not manager.startswith(_OF_THE_CLUSTER))


def _note_on_replicas(answer: Mapping[str, Any], before: Owners) -> Iterator[str]:
    """A note if an autoscaler's count stays, whatever the manifest says (`scaling`)."""
    owners = before.get(("f:spec", "f:replicas"), frozenset())
    now = (answer.get("spec") or {}).get("replicas")
    others = owners - {FIELD_MANAGER}
    if now is not None and others and FIELD_MANAGER not in owners_of(answer).get(("f:spec", "f:replicas"), frozenset()):
        yield f"its replicas are left at {now}, as an autoscaler set them"


def _by_manager(sentence: str, owned_fields: Iterator[tuple[FieldPath, str]]) -> Iterator[str]:
    """One sentence for each manager."""
    by_manager: dict[str, list[FieldPath]] = {}
    for path, manager in owned_fields:
        by_manager.setdefault(manager, []).append(path)
    for manager, fields in sorted(by_manager.items()):
        shown = ", ".join(field_name(path) for path in sorted(fields)[:_SHOWN])
        more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
        yield sentence.format(fields=f"{shown}{more}", manager=manager)


def owners_of(live: Mapping[str, Any]) -> Owners:
    """The managers of each field, without those that only report a status."""
    owners: dict[FieldPath, set[str]] = {}
    for entry in (live.get("metadata") or {}).get("managedFields") or ():
        if entry.get("subresource") != "status":
            for path in paths(entry.get("fieldsV1") or {}):
                owners.setdefault(path, set()).add(str(entry.get("manager")))
    return {path: frozenset(managers) for path, managers in owners.items()}

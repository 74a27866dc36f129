"""The owners of an object's fields, as the API server keeps them (`managedFields`), compared with a manifest. Pure.

In a set of fields `f:NAME` is a field, `k:{…}` the item of a list with these keys, `v:…` the item of a list of values;
an empty set means that the whole value is owned.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from slipway.domain.drift import IgnoredDrift
from slipway.domain.model import Record, Timestamp

from .names import FIELD_MANAGER
from .records import Json

type Step = str | Mapping[str, Any]
"""A field's name, or the keys of a list's item."""
type Path = tuple[Step, ...]

CONTROL_PLANE: Final = frozenset(
    {"kube-controller-manager", "kube-scheduler", "kube-apiserver", "cloud-controller-manager", "kubelet"}
)
"""Managers that complete objects: bound volumes, addresses, revisions."""
_COMPARED: Final = frozenset({"labels", "annotations"})
"""The parts of the metadata that a manifest decides."""
_IDENTITY: Final = frozenset({"apiVersion", "kind"})
_OF_OTHERS: Final = frozenset({"f:metadata", "f:status", "f:stringData"})
"""Fields that others may write as well: their annotations and labels are not drift, and `stringData` is only a way to
write a Secret, not its content."""
_MOST_NAMED: Final = 50


class ForeignWrites(Record):
    """The writes of others to an object since it was applied."""

    ours: bool
    """Whether Slipway has applied the object at all."""
    lost: tuple[Path, ...] = ()
    """Fields of the manifest that are no longer Slipway's."""
    added: tuple[str, ...] = ()
    """Fields that the manifest does not have and that somebody wrote after it went live."""
    by: str = ""
    at: Timestamp | None = None

    @property
    def anything(self) -> bool:
        return not self.ours or bool(self.lost or self.added)


def managed_fields(
    manifest: Mapping[str, Any],
    managed: Sequence[Json],
    *,
    after: datetime | None,
    ignored: Sequence[IgnoredDrift] = (),
) -> ForeignWrites:
    """What the managers of an object have written. `after` is when the manifest went live, by the cluster's clock, if
    that is known; the ignore rules are for this object."""
    entries = [entry for entry in managed if isinstance(entry, Mapping)]
    ours = next((e for e in entries if e.get("manager") == FIELD_MANAGER and e.get("operation") == "Apply"), None)
    others = [entry for entry in entries if entry.get("manager") != FIELD_MANAGER]
    if ours is None:
        return _with_last_writer(ForeignWrites(ours=False), [entry for entry in others if not entry.get("subresource")])
    own = ours.get("fieldsV1") or {}
    gone = (path for path in _lost_fields(manifest, own, ()) if not _is_ignored(path, _owners(others, path), ignored))
    lost = tuple(islice(gone, _MOST_NAMED))
    late = [entry for entry in others if _is_late(entry, after)]
    added = [(path_text(path), entry) for entry in late for path in _added_fields(entry, manifest, ignored)]
    owners = [e for e in others if any(_has_field(e.get("fieldsV1") or {}, path) for path in lost)]
    managers = tuple(dict.fromkeys(name for name, _ in added))[:_MOST_NAMED]
    return _with_last_writer(
        ForeignWrites(ours=True, lost=lost, added=managers), owners or [entry for _, entry in added]
    )


def _owners(entries: Sequence[Mapping[str, Any]], path: Path) -> set[str]:
    return {str(entry.get("manager")) for entry in entries if _has_field(entry.get("fieldsV1") or {}, path)}


def _added_fields(
    entry: Mapping[str, Any], manifest: Mapping[str, Any], ignored: Sequence[IgnoredDrift]
) -> Iterator[Path]:
    """The fields that a manager has written and the manifest lacks."""
    for path in map(_steps, _leaves(_without(entry.get("fieldsV1") or {}), ())):
        if value_at(manifest, path) is None and not _is_ignored(path, {str(entry.get("manager"))}, ignored):
            yield path


def _is_ignored(path: Path, managers: Collection[str], ignored: Sequence[IgnoredDrift]) -> bool:
    steps = [path_text(path[:length]) for length in range(1, len(path) + 1)] if ignored else []
    return any(rule.covers(steps, managers) for rule in ignored)


def _with_last_writer(written: ForeignWrites, entries: Sequence[Mapping[str, Any]]) -> ForeignWrites:
    """The same, with the manager that wrote last."""
    if not entries:
        return written
    last = max(entries, key=lambda entry: str(entry.get("time") or ""))
    return written.evolve(by=str(last.get("manager") or ""), at=time_of(last))


def time_of(entry: Mapping[str, Any]) -> datetime | None:
    """When the manager wrote last."""
    try:
        return datetime.fromisoformat(str(entry.get("time")))
    except ValueError:
        return None


def _is_late(entry: Mapping[str, Any], after: datetime | None) -> bool:
    if entry.get("subresource") or entry.get("manager") in CONTROL_PLANE:
        return False
    time = time_of(entry)
    return (time is None or after is None or time > after) and bool(_without(entry.get("fieldsV1") or {}))


def _without(owned: Mapping[str, Any]) -> dict[str, Any]:
    return {field: inner for field, inner in owned.items() if field not in _OF_OTHERS}


def _lost_fields(desired: Any, owned: Any, path: Path) -> Iterator[Path]:
    """The paths of the manifest that a set of fields does not have."""
    if not isinstance(owned, Mapping):
        yield from _end_paths(desired, path)
    elif not owned:  # a leaf, or a list or map that one manager owns as a whole
        return
    elif isinstance(desired, Mapping):
        for name, value in desired.items():
            if _is_compared(name, path) and value not in (None, {}, []):
                yield from _lost_fields(value, owned.get(f"f:{name}"), (*path, name))
    elif isinstance(desired, list):
        for item in desired:
            yield from _lost_item(item, owned, path)


def _end_paths(desired: Any, path: Path) -> Iterator[Path]:
    """The paths of the wanted state, down to its lists and values."""
    if not isinstance(desired, Mapping) or not desired:
        yield path
        return
    for name, value in desired.items():
        yield from _end_paths(value, (*path, name))


def _is_compared(name: str, path: Path) -> bool:
    if not path:
        return name not in _IDENTITY
    return path != ("metadata",) or name in _COMPARED


def _lost_item(item: Any, owned: Mapping[str, Any], path: Path) -> Iterator[Path]:
    if not isinstance(item, Mapping):
        if not any(key.startswith("v:") and json.loads(key[2:]) == item for key in owned):
            yield (*path, str(item))
        return
    for key, inner in owned.items():
        keys = json.loads(key[2:]) if key.startswith("k:") else None
        # A key that the manifest leaves out has the server's default, such as the protocol of a port.
        if isinstance(keys, dict) and all(item.get(name, value) == value for name, value in keys.items()):
            yield from _lost_fields(item, inner, (*path, keys))
            return
    yield (*path, {"name": item["name"]} if "name" in item else dict(list(item.items())[:1]))


def _leaves(owned: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    inner = {key: value for key, value in owned.items() if key != "."}
    if not inner and path:
        yield path
    for key, value in inner.items():
        yield from _leaves(value if isinstance(value, Mapping) else {}, (*path, key))


def _steps(path: tuple[str, ...]) -> Path:
    """`f:spec`, `k:{"name":"web"}` → `spec`, `{"name": "web"}`."""
    steps: list[Step] = [json.loads(each[2:]) if each[:2] in ("k:", "v:") else each[2:] for each in path]
    return tuple(step if isinstance(step, str | Mapping) else str(step) for step in steps)


def _has_field(owned: Mapping[str, Any], path: Path) -> bool:
    """Whether a set of fields contains the path, or a field above it as a whole."""
    fields: Any = owned
    for step in path:
        if not isinstance(fields, Mapping) or not fields:
            return fields == {}
        if isinstance(step, str):
            fields = fields.get(f"f:{step}")
        else:
            fields = next((v for k, v in fields.items() if k.startswith("k:") and json.loads(k[2:]) == step), None)
        if fields is None:
            return False
    return True


def value_at(value: Any, path: Path) -> Any:
    """The value of an object at a path; None if there is none."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else step if step in (value or ()) else None
        elif isinstance(value, list):
            matching = (i for i in value if isinstance(i, Mapping))
            value = next((i for i in matching if all(i.get(k, v) == v for k, v in step.items())), None)
        else:
            return None
    return value


def path_text(path: Path) -> str:
    """`spec.template.spec.containers[web].image`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, str):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{','.join(str(value) for value in step.values())}]")
    return "".join(parts)

"""Field ownership: metadata.managedFields, and server-side apply, which builds on it.

A path is a tuple of steps, each a field's name or the key of an item in a keyed list. Leaves are what is owned.
"""

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .errors import apply_conflict, bad_request
from .merge import ATOMIC, Key, find_item, identity, is_keyed, item_keys, overlay
from .resources import Json

type Path = tuple[str | Key, ...]

_NOT_OWNED = {("apiVersion",), ("kind",)} | {
    ("metadata", name)
    for name in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    api_version: str
    time: str
    subresource: str = ""
    paths: frozenset[Path] = frozenset()

    @property
    def description(self) -> str:
        """The owner as a conflict message names it."""
        name = json.dumps(self.manager)
        if self.operation == "Apply":
            return name
        via = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f"{name}{via} using {self.api_version}"

    def document(self) -> Json:
        entry: Json = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields_v1(self.paths),
        }
        return entry | ({"subresource": self.subresource} if self.subresource else {})


def leaves(value: Any, path: Path = (), field: str = "", *, keyed: bool = True) -> dict[Path, Any]:
    """Every ownable field of an object with its value. Without `keyed`, lists are owned as a whole, as in custom
    resources."""
    if path in _NOT_OWNED:
        return {}
    values: dict[Path, Any] = {}
    if isinstance(value, dict) and value and not (keyed and field in ATOMIC):
        for name, inner in value.items():
            inner_keyed = is_keyed(value) or name == "metadata" if not path else keyed
            values |= leaves(inner, (*path, name), name, keyed=inner_keyed)
        return values
    if keyed and (keys := item_keys(field, value)):
        for item in value:
            item_path: Path = (*path, identity(item, keys))
            values[item_path] = None
            values |= leaves(item, item_path)
        return values
    return {path: value} if path else {}


def owners(api_object: Json | None) -> list[Owner]:
    entries = (api_object or {}).get("metadata", {}).get("managedFields") or []
    return [
        Owner(
            manager=e.get("manager", ""),
            operation=e.get("operation", "Update"),
            api_version=e.get("apiVersion", ""),
            time=e.get("time", ""),
            subresource=e.get("subresource", ""),
            paths=frozenset(_paths(e.get("fieldsV1") or {})),
        )
        for e in entries
    ]


def set_owners(api_object: Json, entries: Iterable[Owner]) -> None:
    sorted_entries = sorted((e for e in entries if e.paths), key=lambda e: (e.operation, e.time, e.manager))
    api_object["metadata"]["managedFields"] = [e.document() for e in sorted_entries]


def record_update(old: Json | None, new: Json, *, manager: str, subresource: str, time: str) -> None:
    """Record in `new` that this manager owns what it changed by a create, an update or a patch."""
    before, after = leaves(old or {}), leaves(new)
    if subresource != "status":
        before, after = ({p: v for p, v in side.items() if p[0] != "status"} for side in (before, after))
    changed = frozenset(p for p, v in after.items() if p not in before or before[p] != v)
    removed = frozenset(before) - frozenset(after)
    entries = [replace(o, paths=o.paths - changed - removed) for o in owners(old)]
    if changed:
        index = next(
            (
                n
                for n, o in enumerate(entries)
                if (o.manager, o.operation, o.subresource) == (manager, "Update", subresource)
            ),
            None,
        )
        entry = Owner(
            manager=manager,
            operation="Update",
            api_version=new["apiVersion"],
            time=time,
            subresource=subresource,
            paths=changed | (entries[index].paths if index is not None else frozenset()),
        )
        if index is None:
            entries.append(entry)
        else:
            entries[index] = entry
    set_owners(new, entries)


def server_side_apply(
    live: Json | None, applied: Json, *, manager: str, force: bool, time: str, subresource: str = ""
) -> Json:
    """The object after `manager` applied its configuration: sets what is mentioned, drops what no longer is."""
    if applied["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    base = copy.deepcopy(live) if live else {k: applied[k] for k in ("apiVersion", "kind")} | {"metadata": {}}
    applied_values, live_values = leaves(applied), leaves(base)
    previous_paths: frozenset[Path] = frozenset()
    other_owners: list[Owner] = []
    for owner in owners(base):
        if (owner.manager, owner.operation, owner.subresource) == (manager, "Apply", subresource):
            previous_paths = owner.paths
        else:
            other_owners.append(owner)
    conflicts = [
        (o, p)
        for o in other_owners
        for p in sorted(o.paths, key=str)
        if p in applied_values and p in live_values and live_values[p] != applied_values[p]
    ]
    if conflicts and not force:
        raise apply_conflict([(o.description, path_text(p)) for o, p in conflicts])
    lost = frozenset(p for _, p in conflicts)
    other_owners = [replace(o, paths=o.paths - lost) for o in other_owners]
    merged: Json = overlay(base, applied, keyed=is_keyed(applied))
    still_owned = frozenset(applied_values).union(*(o.paths for o in other_owners))
    for path in _no_longer_owned(previous_paths - still_owned, still_owned):
        _remove(merged, path)
    entry = Owner(
        manager=manager,
        operation="Apply",
        api_version=applied["apiVersion"],
        time=time,
        subresource=subresource,
        paths=frozenset(applied_values),
    )
    set_owners(merged, [*other_owners, entry])
    return merged


def _no_longer_owned(dropped: frozenset[Path], still_owned: frozenset[Path]) -> set[Path]:
    """The topmost fields that nobody owns any more: a dropped probe goes as a whole, with its defaults."""
    owned_prefixes = {p[:n] for p in still_owned for n in range(1, len(p) + 1)}
    tops: set[Path] = set()
    for path in dropped:
        shortest = 2 if path[0] in ("metadata", "spec", "status") else 1
        top = next((path[:n] for n in range(shortest, len(path) + 1) if path[:n] not in owned_prefixes), None)
        if top is not None:
            tops.add(top)
    return tops


def _remove(value: Any, path: Path) -> None:
    step, remaining = path[0], path[1:]
    if isinstance(value, list) and isinstance(step, tuple):
        index = find_item(value, step)
        if index is None:
            return
        if remaining:
            _remove(value[index], remaining)
        else:
            del value[index]
    elif isinstance(value, dict) and isinstance(step, str) and step in value:
        if remaining:
            _remove(value[step], remaining)
        if not remaining or (value[step] in ({}, []) and step not in ("metadata", "spec")):
            del value[step]


def path_text(path: Path) -> str:
    """`.spec.template.spec.containers[name="web"].image`"""
    return "".join(
        f".{step}" if isinstance(step, str) else "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in step) + "]"
        for step in path
    )


def _fields_v1(paths: Iterable[Path]) -> Json:
    root: Json = {}
    for path in sorted(paths, key=str):
        node = root
        for step in path:
            node = node.setdefault(_step_name(step), {})
        if isinstance(path[-1], tuple):
            node["."] = {}
    return root


def _step_name(step: str | Key) -> str:
    if isinstance(step, str):
        return "f:" + step
    return "k:" + json.dumps(dict(step), sort_keys=True, separators=(",", ":"))


def _paths(node: Json, path: Path = ()) -> Iterable[Path]:
    for name, inner in node.items():
        if name == ".":
            yield path
            continue
        step: str | Key = tuple(json.loads(name[2:]).items()) if name.startswith("k:") else name[2:]
        if inner:
            yield from _paths(inner, (*path, step))
        else:
            yield (*path, step)

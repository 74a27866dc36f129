"""Shows a change to people: a unified diff of an object's YAML before and after.

Pure. `manifests.objects` has already left out fields that only a server sets. Values of Secrets are masked on both
sides, and a line marks the place where a long diff was cut.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from ...text import line_changes
from .records import Json

MAX_DIFF = 32 * 1024
MAX_COMPARED = 256 * 1024
"""The most characters of YAML on either side; comparing more would take seconds."""

_MASK = "***"


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the C one is ten times as fast
    """Readable YAML: multi-line text as a block, no aliases for repeated values."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def projected(live: Any, desired: Any) -> Any:
    """The part of the live object that the manifest sets; list items are matched by name, or else by index."""
    if isinstance(live, Mapping) and isinstance(desired, Mapping):
        return {k: projected(live[k], v) for k, v in desired.items() if k in live}
    if isinstance(live, list) and isinstance(desired, list):
        by_name = {item["name"]: item for item in desired if isinstance(item, Mapping) and "name" in item}
        if by_name:
            return [projected(i, by_name.get(i.get("name"), i)) if isinstance(i, Mapping) else i for i in live]
        return [projected(i, desired[n]) if n < len(desired) else i for n, i in enumerate(live)]
    return live


def diff_objects(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, limit: int = MAX_DIFF) -> str:
    """Unified diff of two objects; empty if they are equal. `before` is None for a new object."""
    if before == after:
        return ""
    if after.get("kind") == "Secret":
        before, after = masked(before, after)
    old, new = (_yaml(before) if before is not None else ""), _yaml(after)
    if max(len(old), len(new)) > MAX_COMPARED:
        return f"[too large to compare: {len(old)} characters before, {len(new)} after]\n"
    lines = line_changes(old.splitlines(), new.splitlines(), "live", "wanted", around=3)
    return _bounded("".join(f"{line}\n" for line in lines), limit)


def masked(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[Json | None, Json]:
    """Both sides of a Secret with masked values; a changed value is marked on both sides."""
    old: Json | None = None if before is None else dict(before)
    new: Json = dict(after)
    for field in ("data", "stringData"):
        former, newer = _values(old or {}, field), _values(new, field)
        if old is not None and field in old:
            old[field] = {k: _MASK + ("" if newer.get(k, v) == v else " (former value)") for k, v in former.items()}
        if field in new:
            new[field] = {k: _MASK + ("" if former.get(k, v) == v else " (new value)") for k, v in newer.items()}
    return old, new


def _values(secret: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    values = secret.get(field)
    return values if isinstance(values, Mapping) else {}


def _yaml(value: Mapping[str, Any]) -> str:
    return str(yaml.dump(dict(value), Dumper=_Dumper, allow_unicode=True, default_flow_style=False, width=1000))


def _bounded(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    shown = text[:limit]
    shown = shown[: shown.rfind("\n") + 1]
    return f"{shown}[cut here: {len(text) - len(shown)} of {len(text)} characters are left out]\n"

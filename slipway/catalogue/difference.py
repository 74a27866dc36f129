"""The difference between two versions, line by line, for people."""

from collections.abc import Iterator
from typing import Any

import yaml

from ..text import line_changes
from .stored import StoredDocument, may_be_secret

MOST_LINES = 50
LONGEST_LINE = 400


def describe_difference(before: StoredDocument | None, after: StoredDocument | None) -> tuple[str, ...]:
    """Fields as `environments.production.gate.required: 2 → 1`, files as unified diffs. A new document is described by
    its values, and by the length of each file."""
    lines = list(_lines(before, after))
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"… and {len(lines) - MOST_LINES + 1} more lines"]
    return tuple(line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…" for line in lines)


def _lines(before: StoredDocument | None, after: StoredDocument | None) -> Iterator[str]:
    was = dict(_fields(before.value if before else {}))
    now = dict(_fields(after.value if after else {}))
    for field in [*now, *(field for field in was if field not in now)]:
        if was.get(field) != now.get(field):
            change = "" if before is None else f"{_shown_value(was, field)} → "
            yield f"{field}: {change}{_shown_value(now, field)}"
    files, others = before.files if before else {}, after.files if after else {}
    for path in sorted({*files, *others}):
        if may_be_secret(files.get(path, "") + others.get(path, "")):
            if files.get(path) != others.get(path):
                yield f"{path}: changed; it holds a Secret, which is not shown"
            continue
        if before is None:
            yield f"{path}: new, {len(others[path].splitlines())} lines"
            continue
        yield from line_changes(
            files.get(path, "").splitlines(), others.get(path, "").splitlines(), path, path, around=1
        )


def _fields(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that contains no others, by its path; items of a list that have names appear under them."""
    match value:
        case dict() if value:
            for name, item in value.items():
                yield from _fields(item, f"{at}.{name}" if at else str(name))
        case list() if value and all(isinstance(item, dict) and "name" in item for item in value):
            for item in value:
                yield from _fields({key: each for key, each in item.items() if key != "name"}, f"{at}.{item['name']}")
            yield f"{at} (order)", [item["name"] for item in value]
        case _ if at:
            yield at, value


def _shown_value(values: dict[str, Any], field: str) -> str:
    if field not in values:
        return "nothing"
    value = values[field]
    return value if isinstance(value, str) else _as_written(value)


def _as_written(value: Any) -> str:
    """The value as people write it in a document, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return text.removesuffix("...\n").strip()

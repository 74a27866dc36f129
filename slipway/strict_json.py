"""JSON that all readers understand alike: each name once in an object, no constants such as NaN, and limited
nesting."""

import json
from typing import Any


class NameTwice(ValueError):  # noqa: N818 - it reads as what is wrong
    """A name stands twice in one object, so two readers might take different values."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the key {name[:64]!r} is used twice")
        self.name = name


class NestedTooDeeply(ValueError):  # noqa: N818 - likewise
    """The nesting is deeper than readers can follow."""


def strictly(text: bytes | str) -> Any:
    """The parsed value. Raises `ValueError`, also as `NameTwice`, `NestedTooDeeply` or `UnicodeDecodeError`."""
    try:
        return json.loads(text, object_pairs_hook=_each_name_once, parse_constant=_no_constant)
    except RecursionError:
        raise NestedTooDeeply("nested too deeply") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise NameTwice(name)
        members[name] = value
    return members


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")

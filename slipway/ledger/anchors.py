"""Anchors in append-only storage, one file per month. `maintenance` writes them."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ..domain.anchor import Anchor
from .logs import AppendLog
from .table import Conflict

FOLDER: Final = "anchors/"


class AnchorsDamaged(Exception):  # noqa: N818 - it is a state of the file
    """The last line of an anchor file is not an anchor. Nothing is appended to such a file."""


@dataclass(frozen=True, kw_only=True)
class Anchors:
    """The anchor files of the audit container."""

    log: AppendLog

    def months(self) -> list[str]:
        """Such as `2026-11`, oldest first."""
        return [name.removeprefix(FOLDER).removesuffix(".jsonl") for name in self.log.names(FOLDER)]

    def of(self, month: str) -> bytes:
        """The content of the month's file, unparsed; empty if there is none."""
        return self.log.read(_file(month))

    def last(self) -> Anchor | None:
        """The newest anchor; None if there is none. Raises `AnchorsDamaged`."""
        for month in reversed(self.months()):
            lines = self.of(month).splitlines()
            if lines:
                try:
                    return Anchor.model_validate_json(lines[-1])
                except (ValidationError, ValueError) as error:
                    raise AnchorsDamaged(f"{_file(month)}: its last line is not an anchor") from error
        return None

    def append(self, anchor: Anchor) -> None:
        """Raises `Conflict` if another instance has written this or a later anchor."""
        name = _file(f"{anchor.day:%Y-%m}")
        content = self.log.read(name)
        if content and Anchor.model_validate_json(content.splitlines()[-1]).number >= anchor.number:
            raise Conflict(f"{name} has anchor {anchor.number}")
        self.log.append(name, anchor.line(), at=len(content))


def _file(month: str) -> str:
    return f"{FOLDER}{month}.jsonl"

"""The anchors that were written, where nobody can change them: a file for each month. `maintenance` writes them."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ..domain.anchor import Anchor
from .logs import AppendLog
from .table import Conflict

FOLDER: Final = "anchors/"


class AnchorsDamaged(Exception):  # noqa: N818 - it is a state of the file
    """The file of anchors ends with something that is no anchor. Nothing is written behind it."""


@dataclass(frozen=True, kw_only=True)
class Anchors:
    """The anchors that were written, a file for each month."""

    log: AppendLog

    def months(self) -> list[str]:
        """Such as `2026-11`, oldest first."""
        return [name.removeprefix(FOLDER).removesuffix(".jsonl") for name in self.log.names(FOLDER)]

    def of(self, month: str) -> bytes:
        """The month's lines, as they were written."""
        return self.log.read(_file(month))

    def last(self) -> Anchor | None:
        """Raises `AnchorsDamaged`."""
        for month in reversed(self.months()):
            lines = self.of(month).splitlines()
            if lines:
                try:
                    return Anchor.model_validate_json(lines[-1])
                except (ValidationError, ValueError) as error:
                    raise AnchorsDamaged(f"{_file(month)}: its last line is not an anchor") from error
        return None

    def append(self, anchor: Anchor) -> None:
        """Raises `Conflict` where another instance has written in between."""
        name = _file(f"{anchor.day:%Y-%m}")
        there = self.log.read(name)
        if there and Anchor.model_validate_json(there.splitlines()[-1]).number >= anchor.number:
            raise Conflict(f"{name} has anchor {anchor.number}")
        self.log.append(name, anchor.line(), at=len(there))


def _file(month: str) -> str:
    return f"{FOLDER}{month}.jsonl"

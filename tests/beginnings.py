"""Beginnings that many tests share: each is played once in a process, and copied for every test."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.testing import Installation, write_application
from tests.unit.commands.live import Live

_FOLDER = TemporaryDirectory(prefix="slipway-beginnings-")
_PLAYED = dict[Callable[[Path], Installation], Installation]()


def begun[I: Installation](story: Callable[[Path], I], folder: Path) -> I:
    """A copy of the installation that the story leads to, with its applications below this folder."""
    if story not in _PLAYED:
        _PLAYED[story] = story(Path(_FOLDER.name) / str(len(_PLAYED)))
    installation: I = _PLAYED[story].copy(folder / "begun")  # type: ignore[assignment] # a story's installation is of its type
    return installation


def waiting(folder: Path) -> Installation:
    """shop-1 is live in staging and waits for approval in production."""
    write_application(folder)
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    return installation


def about_to(kind: StepKind, environment: str, folder: Path) -> Installation:
    """shop-1 was pushed, and this step of it lies in its queue."""
    write_application(folder)
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle(
        until=lambda: any((step.kind, step.environment) == (kind, environment) for step in installation.steps())
    )
    return installation


def applied(folder: Path) -> Live:
    """The application of the folder is in the ledger, and nothing was pushed yet."""
    write_application(folder)
    live = Live(folder)
    live.apply()
    return live

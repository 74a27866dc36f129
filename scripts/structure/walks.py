"""Calls in `slipway/` from a trigger to its first write to the ledger, counted on an installation in memory.

The parts of the app are built before the walk begins, which is to show an event's way and not the app's assembly.

Runs code of the checkout that it measures, so `walks_of` starts this file in a process of its own, with that
checkout first on Python's path; it imports nothing of this package. `push` and `vote` are the only places that know the
tests' harness: each prepares an installation and returns the trigger to follow, and the function that is the write.
"""
# ruff: noqa: PLC0415 - the harness is imported where it is used: it may be that of another commit

import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from slipway.bootstrap.assembly import App


class Prepared(NamedTuple):
    trigger: Callable[[], object]
    write: Callable[..., Any]
    """Its first call ends the walk."""


class Walk(NamedTuple):
    calls: int
    files: int
    switches: int
    """The number of calls to another file than that of the call before."""
    depth: int
    """Frames of the product on the stack at the write."""


class NothingWritten(RuntimeError):  # noqa: N818
    """The trigger returned without a write: it was refused, or does something else than this file believes."""


class Walker:
    """Listens to Python's calls until the write begins. A generator counts once, however often it is resumed."""

    def __init__(self, product: Path, write: Callable[..., Any]) -> None:
        self._product, self._write = f"{product}{os.sep}", write.__code__
        self._files: list[str] = []
        self._generators = set[FrameType]()
        self.walk: Walk | None = None

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or self.walk is not None:
            return
        if frame.f_code is self._write:
            switches = sum(file != before for before, file in zip(self._files, self._files[1:], strict=False))
            self.walk = Walk(len(self._files), len(set(self._files)), switches, self._depth(frame))
        elif self._in_product(frame) and frame not in self._generators:
            self._files.append(frame.f_code.co_filename)
            if frame.f_code.co_flags & inspect.CO_GENERATOR:
                self._generators.add(frame)

    def _in_product(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(self._product)

    def _depth(self, frame: FrameType) -> int:
        depth, caller = 0, frame.f_back
        while caller is not None:
            depth += self._in_product(caller)
            caller = caller.f_back
        return depth


def follow(product: Path, prepared: Prepared) -> Walk:
    """Follow one trigger through the files of a folder. Raises `NothingWritten`."""
    walker = Walker(product, prepared.write)
    sys.setprofile(walker)
    try:
        prepared.trigger()
    finally:
        sys.setprofile(None)
    if walker.walk is None:
        raise NothingWritten
    return walker.walk


def walks_of(root: Path) -> dict[str, Walk]:
    """The walks of a checkout, which must be able to run in this environment."""
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", __file__, str(root)]
    output = subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: Walk(*figures) for name, figures in json.loads(output).items()}


# ---- the harness


def build_parts(app: "App") -> None:
    """Build each part that is otherwise built by the first event that needs it."""
    from slipway.bootstrap.lazy import lazy

    for kind in type(app).__mro__:
        for name, value in vars(kind).items():
            if isinstance(value, lazy):
                getattr(app, name)


def push(folder: Path) -> Prepared:
    """A message in the queue says that an image was pushed, and a release begins."""
    from slipway.domain.events import EVENT
    from slipway.engine.receiving import QueueMessage
    from slipway.inbound import read_json
    from slipway.testing import Installation, MemoryTable, write_application

    write_application(folder)
    installation = Installation(folder)
    build_parts(installation.app)
    body = installation.pushed("1.0").model_dump_json().encode()

    def take(message: bytes) -> None:
        installation.app.door.take(EVENT.validate_python(read_json(message)))

    return Prepared(
        lambda: installation.app.receiver.receive(take, QueueMessage(queue="events", body=body, id="message-1")),
        MemoryTable.transact,
    )


def vote(_: Path) -> Prepared:
    """An approver sends the form of the approval page, which approves the plan."""
    from slipway.testing import MemoryTable
    from tests.unit.web.samples import awaiting_approval
    from tests.unit.web.test_voting import Page

    page = Page(*awaiting_approval())
    return Prepared(lambda: page.post("approve"), MemoryTable.transact)


TRIGGERS = {"push": push, "vote": vote}


def main(root: Path) -> None:
    walks = {}
    for name, prepare in TRIGGERS.items():
        for _ in range(2):  # the first time, caches are filled and modules imported
            with tempfile.TemporaryDirectory() as folder:
                walks[name] = follow(root / "slipway", prepare(Path(folder)))
    print(json.dumps(walks))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

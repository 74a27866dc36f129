"""The app with one half of the fence left out, whose worker stops itself at the very request that this half is for.

A signal from outside hits a worker at some instruction; which of the fence's halves is needed depends on which. So the
worker sends the signal itself, right before a request of a rollout. A file says which half is left out at the moment,
and where to stop, so that one stack serves all of them.
"""

import os
import signal
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from local.demo.guards import ProductFunction, the_app
from slipway.domain.model import Record
from slipway.effects.cluster.fencing import FenceLease
from tests.integration.lapsing import folder_of_app, lapse_soon

FIRST = "setting-0"
"""The ConfigMap that a rollout of the application `fenced` writes first."""


class Half(StrEnum):
    """The parts of the fence."""

    VERSION = "version"
    """A write applies only to the version that was read."""
    AGAIN = "again"
    """The Lease is read again after a create."""
    LEASE = "lease"
    """The Lease is read before each write."""
    ORDER = "order"
    """Each object carries the order of the rollout that wrote it last, so that each write changes its version."""


class Staged(Record):
    """What the workers are to do now."""

    version: str = ""
    """The version in whose rollout a worker stops itself, once."""
    method: str = ""
    name: str = ""
    """Right before this request for the object of this name."""
    left_out: Half | None = None


def stage(folder: Path, staged: Staged) -> None:
    fresh = folder / "staged.new"
    fresh.write_text(staged.model_dump_json())
    fresh.rename(folder / "staged")


def staged_in(folder: Path) -> Staged:
    return Staged.model_validate_json((folder / "staged").read_text())


def leave_out(folder: Path) -> None:
    """Make each half of the fence check whether it is left out."""

    def unless(half: Half, real: Callable[..., Any], instead: Callable[..., Any]) -> Callable[..., Any]:
        def chosen(*args: Any) -> Any:
            return (instead if staged_in(folder).left_out is half else real)(*args)

        return chosen

    def take_once(fence: FenceLease) -> None:
        if not fence.taken:
            fence.take()

    def left_out(half: Half, name: str, instead: Callable[..., Any]) -> None:
        ProductFunction("slipway.effects.cluster.fencing", name).replace(lambda real: unless(half, real, instead))

    left_out(Half.VERSION, "FencedObjects._only_if_unchanged", lambda _, target, live: target)
    left_out(Half.AGAIN, "FencedObjects._check_created", lambda _, target, response: response)
    left_out(Half.LEASE, "FenceLease.confirm", take_once)
    left_out(Half.ORDER, "FencedObjects._with_marks", lambda _, target, live: target)


def stop_where_staged(folder: Path) -> None:
    """Have this process stop itself right before the request that is staged."""
    at_work = set[str]()

    def stopping(real: Callable[..., Any]) -> Callable[..., Any]:
        def send(connection: Any, method: str, path: str, **options: Any) -> Any:
            name, is_dry = path.rpartition("/")[2], ("dryRun", "All") in tuple(options.get("query") or ())
            if (method, name) == ("PATCH", FIRST) and not is_dry:
                at_work.add(str(options["body"]["data"]["VERSION"]))
            staged = staged_in(folder)
            fits = (method, name) == (staged.method, staged.name) and not is_dry
            if fits and staged.version in at_work and is_first(folder / staged.version):
                # To this very thread: another could take a signal to the process, and this one would go on until then.
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
                # The server has closed connections that were idle too long, and a write on one of them is not retried.
                connection._api.rest_client.pool_manager.clear()
            return real(connection, method, path, **options)

        return send

    ProductFunction("slipway.effects.cluster.connection", "Connection.send").replace(stopping)


def is_first(mark: Path) -> bool:
    """Whether this process is the first to stop here; if so, its process id is in the file."""
    try:
        with mark.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


def app_that_stops(folder: Path) -> Any:
    """The function app, for the process of a worker."""
    lapse_soon()
    leave_out(folder)
    stop_where_staged(folder)
    return the_app()


def folder_that_stops(folder: Path) -> Path:
    """The folder of the app to start. In `folder` it finds the stops that are staged."""
    stage(folder, Staged())
    return folder_of_app(folder, __name__, app_that_stops.__name__)

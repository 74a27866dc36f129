"""The common part of all the programs: reading their argument, and telling their time. Imports the standard library
only."""

import encodings.idna  # noqa: F401 - Python imports it for the first host name that a process looks up
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """The image to copy."""

    source: str
    target: str
    repository: str
    tag: str
    digest: str
    ca: str
    blobs: tuple[str, ...] = ()
    """The blobs that the floor moves: it looks nothing up."""
    manifests: tuple[tuple[str, str], ...] = ()
    """Digest and media type, in the order of storing; the last gets the tag."""


def run(copy: Callable[[Task], dict[str, Any] | None]) -> None:
    """Run the task that the command line names."""
    given = json.loads(sys.argv[1])
    given["blobs"] = tuple(given.get("blobs", ()))
    given["manifests"] = tuple((digest, media_type) for digest, media_type in given.get("manifests", ()))
    task = Task(**given)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    told = copy(task)
    taken = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - begin_cpu}
    print(json.dumps(taken | (told or {})))

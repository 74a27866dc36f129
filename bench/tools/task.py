"""What all the programs share: reading their argument, and reporting their time. Imports the standard library
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
    """The blobs that the floor moves: it does not look up which are missing."""
    manifests: tuple[tuple[str, str], ...] = ()
    """Digest and media type, in the order in which they are stored; the last gets the tag."""


def run(copy: Callable[[Task], dict[str, Any] | None]) -> None:
    """Run the task given on the command line."""
    arguments = json.loads(sys.argv[1])
    arguments["blobs"] = tuple(arguments.get("blobs", ()))
    arguments["manifests"] = tuple((digest, media_type) for digest, media_type in arguments.get("manifests", ()))
    task = Task(**arguments)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    details = copy(task)
    seconds = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - begin_cpu}
    print(json.dumps(seconds | (details or {})))

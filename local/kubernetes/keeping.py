"""Keeps the objects in a file, so that a cluster that is started again holds what it held: the double's disk of etcd.

Written at the end, and a moment after each change; a double that is killed loses that moment at most.
"""

import json
import os
import threading
from pathlib import Path

from .settings import ConfigError
from .store import Store

SECONDS = 1.0
"""The time for which changes are gathered before they are written."""
FORMAT = 1


class Keeper:
    """Reads the file into the store when it is made; start() and stop() once each."""

    def __init__(self, store: Store, file: Path) -> None:
        self._store, self._file = store, file
        self._written = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            self._read()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write for the last time: call it after everything else that writes objects has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS):
            self._write()

    def _read(self) -> None:
        try:
            kept = json.loads(self._file.read_bytes())
            if kept["format"] != FORMAT:
                raise ConfigError(f"{self._file}: expected format {FORMAT}, got {kept['format']!r}")
            self._store.load(int(kept["version"]), kept["objects"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self._file}: expected what this double wrote there: {error!r}") from error
        self._written = self._store.version

    def _write(self) -> None:
        with self._store.changed:
            version = self._store.version
            if version == self._written:
                return
            objects = self._store.dump()
        beside = self._file.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump({"format": FORMAT, "version": version, "objects": objects}, target)
        beside.replace(self._file)
        self._written = version

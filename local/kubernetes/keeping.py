"""Keeps the objects in a file, so that a restarted cluster still has them: the double's equivalent of etcd's disk.

The file is written at the end, and shortly after each change; a double that is killed loses at most that moment.
"""

import json
import os
import threading
from pathlib import Path

from .settings import ConfigError
from .store import Store

SECONDS = 1.0
"""How long changes are collected before they are written."""
FORMAT = 1


class Keeper:
    """Reads the file into the store when it is created; call start() and stop() once each."""

    def __init__(self, store: Store, file: Path) -> None:
        self._store, self._file = store, file
        self._written_version = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            self._read()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write for the last time. Call this after everything else that writes objects has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS):
            self._write()

    def _read(self) -> None:
        try:
            content = json.loads(self._file.read_bytes())
            if content["format"] != FORMAT:
                raise ConfigError(f"{self._file}: expected format {FORMAT}, got {content['format']!r}")
            self._store.load(int(content["version"]), content["objects"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self._file}: expected a file that this double wrote: {error!r}") from error
        self._written_version = self._store.version

    def _write(self) -> None:
        with self._store.changed:
            version = self._store.version
            if version == self._written_version:
                return
            objects = self._store.dump()
        new_file = self._file.with_suffix(".new")
        with os.fdopen(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump({"format": FORMAT, "version": version, "objects": objects}, target)
        new_file.replace(self._file)
        self._written_version = version

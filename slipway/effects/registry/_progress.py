"""Progress of a copy's blobs, counted when one is done and while large ones are being copied."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Final

from ._copy_types import Progress
from ._manifest import Descriptor

REPORTED_EVERY: Final = 1024 * 1024
"""Bytes of one blob between two reports of progress."""


class BlobOutcome(Enum):
    """The result for one blob."""

    COPIED = auto()
    MOUNTED = auto()
    SKIPPED = auto()
    """The target had it already."""
    DEFERRED = auto()
    """Not started, because the time ran out."""


class ProgressCounter:
    """Counts finished blobs and the bytes of those being copied. Thread-safe."""

    def __init__(self, blobs: list[Descriptor], tell: Callable[[Progress], None] | None) -> None:
        self.count: Counter[BlobOutcome] = Counter()
        self.bytes_copied = 0
        self._bytes_done = 0
        self._of_blobs = len(blobs)
        self._of_bytes = sum(blob.size for blob in blobs)
        self._passing = dict.fromkeys((blob.digest for blob in blobs), 0)
        """Bytes copied of each blob in progress. The keys never change, so reading needs no lock."""
        self._tell = tell
        self._telling = threading.Lock()

    def start(self) -> None:
        with self._telling:
            self._report()

    def passing(self, blob: Descriptor, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same bytes, counted. A new upload of the same blob starts counting at zero."""
        passed = reported = self._passing[blob.digest] = 0
        for chunk in chunks:
            yield chunk
            passed += len(chunk)
            if passed - reported >= REPORTED_EVERY:
                reported = self._passing[blob.digest] = passed
                self._report_unless_busy()

    def finish(self, blob: Descriptor, outcome: BlobOutcome) -> None:
        with self._telling:
            self.count[outcome] += 1
            self._passing[blob.digest] = 0
            if outcome is BlobOutcome.DEFERRED:
                return
            self._bytes_done += blob.size
            if outcome is BlobOutcome.COPIED:
                self.bytes_copied += blob.size
            self._report()

    @property
    def progress(self) -> Progress:
        return Progress(
            blobs=self.count.total() - self.count[BlobOutcome.DEFERRED],
            of_blobs=self._of_blobs,
            bytes=min(self._bytes_done + sum(self._passing.values()), self._of_bytes),
            of_bytes=self._of_bytes,
            sent=self.count[BlobOutcome.COPIED],
        )

    def _report(self) -> None:
        if self._tell:
            self._tell(self.progress)

    def _report_unless_busy(self) -> None:
        """Report, unless another thread is reporting, which may take a while."""
        if self._telling.acquire(blocking=False):
            try:
                self._report()
            finally:
                self._telling.release()

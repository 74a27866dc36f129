"""Exports to a file; an export can be interrupted at any point and resumed from there.

Each batch of records is appended and synced to disk before the proof includes it. Anything beyond the end in the proof
is an incomplete batch, which the next run removes. So an interrupted run neither loses nor duplicates a record, and a
later run adds only new ones.
"""

import contextlib
import gzip
import os
from pathlib import Path
from typing import IO, Any, Protocol

from slipway.domain.audit import ChainCheck, ChainFault
from slipway.domain.export import ExportFormat, export_line, file_header

from .anchors import SignedAnchors
from .api import PAGE, RawAuditPage
from .errors import CliError, Exit
from .proofs import ExportedPart, ExportProof, anchors_of, load, save
from .public_keys import read_public_keys
from .verifying import Progress, feed


class RecordSource(Protocol):
    """The source of the records: the API."""

    def audit_page(self, application: str, *, after: int, limit: int) -> RawAuditPage: ...

    def public_keys(self) -> str:
        """As `id:base64,id:base64`."""
        ...

    def anchors(self, application: str) -> list[Any]:
        """The newest anchors of a chain, unparsed."""
        ...


class Sink(Protocol):
    """Destination of an export, written in batches."""

    def begin(self, form: ExportFormat) -> ExportProof: ...

    def batch(self, content: bytes, proof: ExportProof) -> ExportProof:
        """Write the batch, then the proof with the new length."""
        ...

    def anchors(self, content: bytes, proof: ExportProof) -> ExportProof: ...


class Disk:
    """The files of an export. Use it as a context manager: it locks them against a concurrent run."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._packed = file.suffix == ".gz"
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> "Disk":
        try:
            self._lock = self.file.open("ab")
        except OSError as error:
            raise CliError(f"{self.file}: {error.strerror or type(error).__name__}", exit_code=Exit.USAGE) from error
        with contextlib.suppress(ImportError):  # Windows has no fcntl
            import fcntl  # noqa: PLC0415

            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CliError(f"{self.file}: another export is writing it") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def begin(self, form: ExportFormat) -> ExportProof:
        """The proof of the last run. An incomplete batch of that run is removed."""
        proof = load(self.file)
        if proof is None:
            if self.file.stat().st_size:
                raise CliError(f"{self.file}: it exists, but has no proof next to it; choose another name")
            save(self.file, ExportProof(form=form))  # marks the file as ours, even if this run is interrupted
            return ExportProof(form=form)
        if proof.form is not form:
            raise CliError(
                f"{self.file}: it was started as {proof.form}, but {form} was requested", exit_code=Exit.USAGE
            )
        _truncate(self.file, proof.bytes)
        _truncate(anchors_of(self.file), proof.anchors_bytes)
        return proof

    def batch(self, content: bytes, proof: ExportProof) -> ExportProof:
        packed = gzip.compress(content, mtime=0) if self._packed else content
        _append(self.file, packed)
        proof = proof.evolve(bytes=proof.bytes + len(packed))
        save(self.file, proof)
        return proof

    def anchors(self, content: bytes, proof: ExportProof) -> ExportProof:
        _append(anchors_of(self.file), content)
        proof = proof.evolve(anchors_bytes=proof.anchors_bytes + len(content))
        save(self.file, proof)
        return proof


def _append(file: Path, content: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _truncate(file: Path, length: int) -> None:
    size = file.stat().st_size if file.exists() else 0
    if size < length:
        raise CliError(
            f"{file}: it has {size} bytes, but its proof names {length}: it was truncated",
            exit_code=Exit.BROKEN,
            cure="export to a new file",
        )
    if size > length:
        os.truncate(file, length)


class StandardOutput:
    """Standard output. Without a proof to resume from, each run starts from the beginning."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def begin(self, form: ExportFormat) -> ExportProof:
        return ExportProof(form=form)

    def batch(self, content: bytes, proof: ExportProof) -> ExportProof:
        self._out.write(content)
        self._out.flush()
        return proof.evolve(bytes=proof.bytes + len(content))

    def anchors(self, content: bytes, proof: ExportProof) -> ExportProof:  # noqa: ARG002 - part of the protocol
        return proof


class Export:
    """One run."""

    def __init__(self, source: RecordSource, sink: Sink, form: ExportFormat) -> None:
        self._source, self._sink = source, sink
        self.proof = sink.begin(form).evolve(public_keys=source.public_keys())
        self._keys = read_public_keys(self.proof.public_keys)
        self.records = 0
        """Number of records added by this run."""

    def chain(self, name: str, *, after: int, progress: Progress) -> ChainFault | None:
        """Add the chain's records from where the export ends; in a new export, start after the record `after`.

        The records are verified while they are exported. The export stops at the first invalid one and returns the
        fault.
        """
        part = self.proof.chains.get(name)
        if part is None and after:
            part = self._beginning(name, after)
        start = part or ExportedPart()
        check = ChainCheck(name, keys=self._keys, after=start.last, previous=start.hash)
        while True:
            before = check.count
            page = self._source.audit_page(name, after=before, limit=PAGE)
            fault = self._take(check, part or ExportedPart(), page.records)
            progress(check.count, max(check.count, page.head.sequence))
            if fault:
                return fault
            grown = check.count > before
            part = self.proof.chains.get(name, part)
            if grown and (page.next is not None or check.count > page.head.sequence):
                continue
            return check.finish(sequence=page.head.sequence, head_hash=page.head.hash)

    def anchors(self) -> None:
        """Add the new anchors of the exported chains. Call it last: anchors must not refer to records that are not
        exported yet."""
        lines, chains = list[bytes](), dict(self.proof.chains)
        for name, part in self.proof.chains.items():
            anchors = SignedAnchors(name, self._keys)
            anchors.take(self._source.anchors(name))
            new = [one for one in anchors.in_force if part.anchored < one.head.sequence <= part.last]
            lines += [anchor.document() for anchor in new]
            if new:
                chains[name] = part.evolve(anchored=new[-1].head.sequence)
        if lines:
            self.proof = self._sink.anchors(b"".join(lines), self.proof.evolve(chains=chains))

    def _beginning(self, name: str, after: int) -> ExportedPart:
        page = self._source.audit_page(name, after=after - 1, limit=1)
        record = next((item for item in page.records if item.get("sequence") == after), None)
        if record is None or not isinstance(record.get("hash"), str):
            raise CliError(
                f"the trail of {name} has no record {after}; its head names {page.head.sequence}",
                exit_code=Exit.NOT_FOUND,
            )
        return ExportedPart(first=after + 1, previous=record["hash"], last=after, hash=record["hash"])

    def _take(self, check: ChainCheck, part: ExportedPart, items: list[dict[str, Any]]) -> ChainFault | None:
        """Write the records up to the first invalid one."""
        lines, fault = list[bytes](), None
        for item in items:
            fault = feed(check, item)
            if fault:
                break
            lines.append(export_line(self.proof.form, item))
        if lines:
            top = b"" if self.proof.bytes else file_header(self.proof.form)
            grown = part.evolve(last=check.count, hash=check.previous)
            proof = self.proof.evolve(chains={**self.proof.chains, check.application: grown})
            self.proof = self._sink.batch(top + b"".join(lines), proof)
            self.records += len(lines)
        return fault

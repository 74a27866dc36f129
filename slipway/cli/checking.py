"""Verifies an export offline: its records, and the proof and anchors next to it."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from slipway.domain.audit import GENESIS, AuditRecord, ChainCheck, ChainFault
from slipway.domain.export import ExportFormat, form_of, read_back
from slipway.domain.signing import PublicKeys

from .anchors import AnchorFile, SignedAnchors
from .errors import CliError, Exit
from .files import LONGEST, lines_of
from .proofs import ExportedPart, ExportProof, anchors_of, load
from .public_keys import read_public_keys
from .verifying import ChainVerdict, Progress, Watch, disagreement_fault, feed, verdict_of


class Checking:
    """One export. Chains may be interleaved, but the records of each must be in order."""

    def __init__(self, export: Path, *, keys: str | None = None, kept: Path | None = None) -> None:
        """`keys` are the public keys to trust; None for those that the app named when the export was made."""
        if not export.is_file():
            raise CliError(f"{export}: no such file", exit_code=Exit.USAGE)
        self.export = export
        self.proof: ExportProof | None = load(export)
        self.notes: list[str] = []
        """Remarks about the file as a whole."""
        self.newest = datetime.min.replace(tzinfo=UTC)
        """Time of the newest record, up to which the file is known to reach."""
        self._keys = self._trusted_keys(keys)
        beside = anchors_of(export)
        self._given = beside if beside.is_file() else None
        self._kept = AnchorFile(kept)
        self._beside = AnchorFile(None, list(self._anchors()))
        self._checks: dict[str, ChainCheck] = {}
        self._watches: dict[str, Watch] = {}
        self._faults: dict[str, ChainFault] = {}

    def run(self, progress: Progress) -> list[ChainVerdict]:
        """Read the file once, with one record and one hash per chain in memory."""
        self._compare_length()
        for count, record in enumerate(self._records(), start=1):
            self._take(record)
            if count % 1000 == 0:
                progress(count, count)
        names = dict.fromkeys([*self._checks, *(self.proof.chains if self.proof else ())])
        return [self._verdict(name) for name in names]

    def _trusted_keys(self, keys: str | None) -> PublicKeys:
        if keys is not None:
            return read_public_keys(keys)
        if self.proof is None or not self.proof.public_keys:
            raise CliError(
                f"{self.export}: it is unknown whose signatures count: give the installation's keys with --public-keys",
                exit_code=Exit.USAGE,
            )
        return read_public_keys(self.proof.public_keys)

    # ---- reading
    def _anchors(self) -> Iterator[Any]:
        if self._given is None:
            return
        for line in lines_of(self._given, size=self.proof.anchors_bytes if self.proof else None):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield None

    def _records(self) -> Iterator[dict[str, Any]]:
        lines = lines_of(self.export, size=self.proof.bytes if self.proof else None, ends=True)
        first = next(lines, "")
        form = self.proof.form if self.proof else form_of(first)
        if form is ExportFormat.CSV:
            csv.field_size_limit(LONGEST)
            try:
                yield from (
                    self._read(form, cells, line_number) for line_number, cells in enumerate(csv.reader(lines), start=2)
                )
            except csv.Error as error:
                raise CliError(f"{self.export}: not a CSV export: {error}", exit_code=Exit.BROKEN) from error
            return
        if first:
            yield self._read(form, first, 1)
        yield from (self._read(form, line, line_number) for line_number, line in enumerate(lines, start=2))

    def _read(self, form: ExportFormat, line: Any, line_number: int) -> dict[str, Any]:
        try:
            return read_back(form, line)
        except ValueError as error:
            raise CliError(
                f"{self.export}: line {line_number} is not a record: {error}", exit_code=Exit.BROKEN
            ) from error

    def _compare_length(self) -> None:
        if self.proof is None:
            self.notes.append("there is no proof next to the file, so it is unknown where its chains should end")
            return
        size = self.export.stat().st_size
        if size < self.proof.bytes:
            raise CliError(
                f"{self.export}: it has {size} bytes, but its proof names {self.proof.bytes}: it was truncated",
                exit_code=Exit.BROKEN,
            )
        if size > self.proof.bytes:
            raise CliError(
                f"{self.export}: {size - self.proof.bytes} bytes follow the end that its proof names: an export was "
                "interrupted (run it again), or something was added",
                exit_code=Exit.BROKEN,
            )

    # ---- checking
    def _take(self, record: dict[str, Any]) -> None:
        name = record.get("application")
        if not isinstance(name, str):
            raise CliError(f"{self.export}: a record names no application", exit_code=Exit.BROKEN)
        if name in self._faults:
            return
        check = self._checks.get(name)
        if check is None:
            check = self._checks[name] = self._begin(name, record)
            if name in self._faults:
                return
        if fault := feed(check, record, partial(self._notice, self._watches[name])):
            self._faults[name] = fault

    def _notice(self, watch: Watch, record: AuditRecord) -> None:
        self.newest = max(self.newest, record.time)
        watch.notice(record)

    def _begin(self, name: str, record: dict[str, Any]) -> ChainCheck:
        """Without a proof, a part may start anywhere: its first record says which one precedes it."""
        part = self.proof.chains.get(name, ExportedPart()) if self.proof else None
        if part is not None:
            after, previous = part.first - 1, part.previous
        else:
            sequence = record.get("sequence")
            after = sequence - 1 if isinstance(sequence, int) and sequence > 0 else 0
            previous = str(record.get("previous")) if after else GENESIS
        anchors = self._anchors_of(name)
        self._watches[name] = Watch(anchors, self._keys)
        if wrong := disagreement_fault(anchors):
            self._faults[name] = wrong
        return ChainCheck(name, keys=self._keys, after=after, previous=previous, anchored=anchors.points())

    def _anchors_of(self, name: str) -> SignedAnchors:
        anchors = SignedAnchors(name, self._keys)
        self._beside.add_to(anchors)
        self._kept.add_to(anchors)
        return anchors

    def _verdict(self, name: str) -> ChainVerdict:
        check = self._checks.get(name) or self._begin(name, {})
        fault = self._faults.get(name)
        part = self.proof.chains.get(name) if self.proof else None
        if fault is None and self.proof is not None:
            fault = _end_fault(check, part)
        verdict = verdict_of(check, fault or check.anchored_beyond() or self._watches[name].ungated())
        return self._watches[name].with_anchors(verdict)


def _end_fault(check: ChainCheck, part: ExportedPart | None) -> ChainFault | None:
    """The fault of a chain that does not end where the proof says; None if it does."""
    reason = ""
    if part is None:
        reason = "the proof does not mention this chain: it was added"
    elif check.count != part.last:
        reason = f"the proof names {part.last} as the last record, but the file ends with {check.count}"
    elif check.previous != part.hash:
        reason = "its hash is not the one that the proof names"
    return ChainFault(application=check.application, sequence=check.count + 1, reason=reason) if reason else None

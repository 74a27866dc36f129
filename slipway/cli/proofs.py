"""The proof file next to an export: how far the export has come, where the next run resumes, and the hashes."""

import os
from pathlib import Path

from pydantic import Field, ValidationError

from slipway.domain.audit import GENESIS
from slipway.domain.export import ExportFormat
from slipway.domain.model import Record

from .errors import CliError, Exit

MAX_PROOF = 64 * 1024 * 1024


class ExportedPart(Record):
    """The part of a chain that an export holds."""

    first: int = Field(default=1, ge=1)
    previous: str = GENESIS
    """Hash of the record before the first."""
    last: int = Field(default=0, ge=0)
    """0 if there is no record yet."""
    hash: str = GENESIS
    """Hash of the last record."""
    anchored: int = Field(default=0, ge=0)
    """Sequence of the last record whose anchor is in the export."""


class ExportProof(Record):
    """`<export>.proof`, written after each batch: anything beyond its end is an incomplete batch."""

    version: int = Field(default=1, ge=1, le=1)
    form: ExportFormat
    bytes: int = Field(default=0, ge=0)
    """Length of the complete part of the export."""
    anchors_bytes: int = Field(default=0, ge=0)
    """Length of the complete part of `<export>.anchors`."""
    public_keys: str = Field(default="", max_length=64 * 1024)
    """`id:base64,id:base64`, as the app named them when the export began; empty before that."""
    chains: dict[str, ExportedPart] = Field(default_factory=dict)


def proof_of(export: Path) -> Path:
    return export.with_name(export.name + ".proof")


def anchors_of(export: Path) -> Path:
    return export.with_name(export.name + ".anchors")


def load(export: Path) -> ExportProof | None:
    """The proof next to an export; None if there is none. Raises `CliError` if it cannot be read."""
    file = proof_of(export)
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_PROOF)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CliError(f"{file}: {error.strerror or type(error).__name__}", exit_code=Exit.USAGE) from error
    try:
        return ExportProof.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise CliError(f"{file}: not the proof of an export: {where}: {first['msg']}") from error


def save(export: Path, proof: ExportProof) -> None:
    """Replace the proof atomically."""
    file = proof_of(export)
    fresh = file.with_name(file.name + ".new")
    with fresh.open("wb") as opened:
        opened.write(proof.model_dump_json(indent=1).encode() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)

"""The copiers: our copy step, the floor, and the installed peers; each run in a process of its own."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.child import ROOT, Taken, run

from .images import Image, Piece

PEERS: Final = ROOT / ".venv-bench" / "bin" / "python"
FLOOR: Final = "bare urllib3 loop"
OURS: Final = "slipway"
SKOPEO: Final = "skopeo copy --all"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One copy to make."""

    source: str
    target: str
    image: Image
    missing: tuple[Piece, ...]
    """The blobs that the target does not have."""
    certificates: Path


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The time of one copy."""

    seconds: float
    """The copy itself: without the start of Python, but with that of a program of its own."""
    cpu_seconds: float
    process: Taken
    """All of it, from start to end."""


@dataclass(frozen=True, kw_only=True)
class Copier:
    """One way to copy."""

    name: str
    copy: Callable[[Copy], Measured]
    installed: bool = True
    how_to_install: str = field(default="")


def copiers() -> tuple[Copier, ...]:
    has_peers = PEERS.exists()
    install = "not installed: `make bench` installs it into .venv-bench"
    return (
        Copier(name=OURS, copy=lambda copy: _python(Path(sys.executable), "ours", copy)),
        Copier(name=FLOOR, copy=lambda copy: _python(Path(sys.executable), "floor", copy)),
        Copier(
            name=SKOPEO,
            copy=_skopeo,
            installed=shutil.which("skopeo") is not None,
            how_to_install="not installed (Debian: apt install skopeo)",
        ),
        Copier(
            name="oras-py",
            copy=lambda copy: _python(PEERS, "oras_copy", copy),
            installed=has_peers,
            how_to_install=install,
        ),
        Copier(
            name="dxf", copy=lambda copy: _python(PEERS, "dxf_copy", copy), installed=has_peers, how_to_install=install
        ),
    )


def _python(python: Path, module: str, copy: Copy) -> Measured:
    image = copy.image
    task = {
        "source": copy.source,
        "target": copy.target,
        "repository": image.repository,
        "tag": image.tag,
        "digest": image.digest,
        "ca": str(copy.certificates / "ca.crt"),
        "blobs": [blob.digest for blob in sorted(copy.missing, key=lambda blob: -blob.size)],
        "manifests": [(piece.digest, piece.media_type) for piece in image.manifests],
    }
    taken = run([str(python), "-m", f"bench.tools.{module}", json.dumps(task)])
    told = taken.told()
    return Measured(seconds=told["seconds"], cpu_seconds=told["cpu_seconds"], process=taken)


def _skopeo(copy: Copy) -> Measured:
    """It knows of no blobs from earlier runs: its notes are kept in a folder of this run."""
    image = copy.image
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        authorities = Path(folder) / "certificates"
        authorities.mkdir()
        shutil.copy(copy.certificates / "ca.crt", authorities / "ca.crt")
        command = ["skopeo", "--policy", str(policy), "copy", "--all", "--quiet", "--preserve-digests"]
        for side in ("src", "dest"):
            command += [f"--{side}-cert-dir", str(authorities), f"--{side}-no-creds"]
        origin = f"docker://{copy.source}/{image.repository}@{image.digest}"
        taken = run(
            [*command, origin, f"docker://{copy.target}/{image.repository}:{image.tag}"],
            environment={"HOME": folder, "XDG_DATA_HOME": folder, "TMPDIR": folder},
        )
    return Measured(seconds=taken.wall_seconds, cpu_seconds=taken.cpu_seconds, process=taken)

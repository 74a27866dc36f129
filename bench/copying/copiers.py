"""The copiers: our copy step, the floor, and the installed peers; each copy runs in a process of its own."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.child import ROOT, Usage, run

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
    """The copy itself: without the start of Python, but including that of any other program."""
    cpu_seconds: float
    process: Usage
    """The whole process, from start to end."""


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
    process = run([str(python), "-m", f"bench.tools.{module}", json.dumps(task)])
    report = process.report()
    return Measured(seconds=report["seconds"], cpu_seconds=report["cpu_seconds"], process=process)


def _skopeo(copy: Copy) -> Measured:
    """With an empty home, so that skopeo knows no blobs from earlier runs."""
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
        process = run(
            [*command, origin, f"docker://{copy.target}/{image.repository}:{image.tag}"],
            environment={"HOME": folder, "XDG_DATA_HOME": folder, "TMPDIR": folder},
        )
    return Measured(seconds=process.wall_seconds, cpu_seconds=process.cpu_seconds, process=process)

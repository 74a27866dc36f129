"""An auditor's own computer: runs the programs of docs/how-to/verify-the-trail.md where nothing of Slipway can be
imported, and no library but `cryptography`."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from local.process import ROOT
from slipway.domain.errors import present

_PAGE = (ROOT / "docs/how-to/verify-the-trail.md").read_text(encoding="utf-8")
(TRAIL_VERIFIER,) = re.findall(r"<!-- verifier:.*?-->\n```python\n(.*?)```", _PAGE, re.DOTALL)
(PROOF_VERIFIER,) = re.findall(r"<!-- proof verifier:.*?-->\n```python\n(.*?)```", _PAGE, re.DOTALL)

_ALONE = """
import runpy, sys
sys.path.append(sys.argv.pop(1))
try:
    import pydantic
except ImportError:
    runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""Runs a program that can import only the standard library and the folder given as the first argument."""


class Auditor:
    """Runs the auditor's programs in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._libraries = folder, folder / "libraries"
        self._libraries.mkdir(parents=True)
        for package in ("cryptography", "_cffi_backend"):  # the library, and what it imports itself
            origin = Path(present(importlib.util.find_spec(package), package).origin or "")
            package_path = origin.parent if origin.name == "__init__.py" else origin
            (self._libraries / package_path.name).symlink_to(package_path)

    def trail(self, keys: str, *files: object) -> tuple[int, str]:
        """Verify an export, and anchors if given; returns the exit code and the output."""
        return self._run(TRAIL_VERIFIER, keys, *files)

    def proof(self, file: Path, keys: object, digest: str, *anchors: Path) -> tuple[int, str]:
        """Verify a stored proof with the issuer's keys, given as a file or an address. Files of anchors show how long
        the proof has existed."""
        return self._run(PROOF_VERIFIER, file, keys, digest, *anchors)

    def _run(self, program: str, *arguments: object) -> tuple[int, str]:
        file = self._folder / "program.py"
        file.write_text(program, encoding="utf-8")
        command = [sys.executable, "-I", "-S", "-O", "-c", _ALONE, str(self._libraries), str(file)]
        process = subprocess.run(
            [*command, *map(str, arguments)], cwd=self._folder, capture_output=True, text=True, check=False
        )
        return process.returncode, process.stdout + process.stderr

"""`docker`, `az` and `sudo` for a machine that has no Docker engine: they record how they were called, and build
nothing.

They cannot show that Docker accepts the call and builds the image. They do show what is asked of it, and what becomes
of its answer.
"""

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

DIGEST = "sha256:" + "5e" * 32
PLATFORMS = ("linux/amd64", "linux/arm64")
_PROGRAM = """#!{python} -IS
import json, os, sys
from pathlib import Path
folder = Path(__file__).parent
call = [Path(sys.argv[0]).name, *sys.argv[1:]]
with (folder / "calls").open("a", encoding="utf-8") as file:
    file.write(json.dumps(call) + "\\n")
answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
if "--metadata-file" in call:
    tags = " ".join(call)
    digests = [digest for repository, digest in answers["digests"].items() if f"/{{repository}}:" in tags]
    metadata = {{"containerimage.digest": digests[0]}} if digests else answers["metadata"]
    Path(call[call.index("--metadata-file") + 1]).write_text(json.dumps(metadata), encoding="utf-8")
if "imagetools" in call:
    print(json.dumps(answers["sbom"]))
sys.exit(answers["status"].get(" ".join(call[:3]), 0))
"""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """A folder of programs to put first in the PATH."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        first = [str(self.folder), str(Path(sys.executable).parent)]
        return {"PATH": os.pathsep.join([*first, os.environ["PATH"]])}

    def answer_with(
        self,
        *,
        digest: str = DIGEST,
        digests: dict[str, str] | None = None,
        sbom: object = None,
        status: dict[str, int] | None = None,
    ) -> None:
        """Set what they answer from now on: `digests` by repository, for all but the first; `status`, exit codes by the
        first three words of a call."""
        boms = {platform: {"SPDX": {"name": platform}} for platform in PLATFORMS} if sbom is None else sbom
        answers = {
            "metadata": {"containerimage.digest": digest},
            "digests": digests or {},
            "sbom": boms,
            "status": status or {},
        }
        (self.folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")

    def calls(self) -> list[list[str]]:
        log = self.folder / "calls"
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def install_programs(folder: Path) -> Programs:
    folder.mkdir()
    for name in ("docker", "az", "sudo"):
        program = folder / name
        program.write_text(_PROGRAM.format(python=sys.executable), encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    programs = Programs(folder=folder)
    programs.answer_with()
    return programs

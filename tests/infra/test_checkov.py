"""checkov over the templates: it must read every file, and find nothing that was not accepted before.

It reads what Microsoft's compiler makes of them, because its own reading of Bicep stops at the formatter's line breaks.
checkov pins a hundred packages, which do not go together with ours, so it has a virtual environment of its own, which
`make checkov` makes. Without it these checks are skipped.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra.compiler import FILES, ROOT, Compiler, find_compiler

CHECKOV = Path(os.environ.get("SLIPWAY_CHECKOV", ROOT / ".local/checkov/bin/checkov"))
ACCEPTED = json.loads((ROOT / "tests/infra/checkov/accepted.json").read_text(encoding="utf-8"))

PROGRAM = find_compiler()
pytestmark = [
    pytest.mark.skipif(not CHECKOV.exists(), reason="checkov is not installed; `make checkov` does it"),
    pytest.mark.skipif(PROGRAM is None, reason="no Bicep compiler: neither $BICEP nor `bicep` on the PATH"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    assert PROGRAM is not None
    folder = tmp_path_factory.mktemp("compiled")
    Compiler(PROGRAM).build_all(folder)
    command = [str(CHECKOV), "-d", str(folder), "--framework", "arm", "--skip-download", "--compact", "-o", "json"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=570)
    assert process.stdout, process.stderr[-2000:]
    return json.loads(process.stdout)


def test_checkov_reads_every_file_and_finds_nothing_new(report: Any) -> None:
    assert report["summary"]["parsing_errors"] == 0, report["results"].get("parsing_errors")
    assert report["summary"]["resource_count"] > len(FILES)
    failed = report["results"]["failed_checks"]
    new = [f"{c['check_id']} {c['file_path']} {c['check_name']}" for c in failed if c["check_id"] not in ACCEPTED]
    assert new == []
    assert sorted({check["check_id"] for check in failed}) == sorted(ACCEPTED), "some accepted finding is gone"

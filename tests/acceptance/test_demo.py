"""`make demo`: the main job from start to end, as a newcomer runs it, and the object that it prints for programs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import azurite

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

ROOT = Path(__file__).resolve().parents[2]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@pytest.mark.skipif(shutil.which("node") is None or not azurite.MAIN.exists(), reason="Azurite is not installed")
def test_the_demo_delivers_one_release_and_rolls_the_other_back() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.demo", "--json"],
        cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == {"releases", "audit", "seconds"}
    good, bad = told["releases"]
    assert (good["id"], good["status"]) == ("hello-1", "completed")
    assert good["environments"] == {"staging": "live", "production": "live"}
    assert (bad["id"], bad["status"]) == ("hello-2", "rolled_back")
    assert bad["environments"] == {"staging": "rolled_back"}
    assert all(DIGEST.fullmatch(release["digest"]) for release in (good, bad))
    assert good["digest"] != bad["digest"]
    assert told["audit"]["verified"] is True
    assert told["audit"]["records"] > 30
    assert set(told["seconds"]) == {"set_up", "delivery", "total"}

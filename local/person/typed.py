"""Runs a command that opens something, and confirms it in a browser as the person who typed it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from local.process import ROOT

from .approver import PageRefused
from .signer import Signer

_WITHIN = 60.0
"""Seconds after the confirmation within which the command has to print its result."""


def run_confirmed(signer: Signer, words: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the command, let the person sign the statement that it prints, and return its result. Raises `PageRefused` if
    it asks nobody, or fails."""
    command = [sys.executable, "-m", "slipway.cli", *words, "--json"]
    command_environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=command_environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        prompt = process.stderr.readline() if process.stderr is not None else ""
        if confirmation := re.search(r"a person has to confirm it: (\S+)", prompt):
            signer.confirm(confirmation[1])
        output, errors = process.communicate(timeout=_WITHIN)
    if confirmation is None or process.returncode:
        raise PageRefused(f"slipway {' '.join(words)} ended with {process.returncode}: {prompt}{errors}{output}")
    result: dict[str, Any] = json.loads(output)
    return result

"""A command that lets something through, typed by somebody who then confirms it in a browser."""

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
"""Seconds until a command that was confirmed has printed its answer."""


def confirmed(signer: Signer, words: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, Any]:
    """The command's answer once the person has signed the statement that it names. Raises `PageRefused` if it asks
    nobody, or fails."""
    command = [sys.executable, "-m", "slipway.cli", *words, "--json"]
    told_to = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=told_to, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as typed:
        told = typed.stderr.readline() if typed.stderr is not None else ""
        if asked := re.search(r"a person has to confirm it: (\S+)", told):
            signer.confirm(asked[1])
        shown, wrong = typed.communicate(timeout=_WITHIN)
    if asked is None or typed.returncode:
        raise PageRefused(f"slipway {' '.join(words)} ended with {typed.returncode}: {told}{wrong}{shown}")
    answer: dict[str, Any] = json.loads(shown)
    return answer

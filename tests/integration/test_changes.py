"""A weaker gate on the whole system: proposed at a terminal, rejected by a message past the front, proposed again, and
in force by the vote of its approver."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from local.identity import laptop
from local.person import Signer
from tests.integration.system import System, until

pytestmark = pytest.mark.stack

NAME = "gates"


def slipway(system: System, *words: str, confirms: str = "") -> tuple[int, dict[str, Any]]:
    """The command as somebody types it, and somebody who confirms in a browser what it asks for."""
    environment = {**os.environ, **system.stack.command_environment()}
    command = [sys.executable, "-m", "slipway.cli", *words, "--json"]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as typed:
        assert typed.stderr is not None
        if confirms:
            told = typed.stderr.readline()
            asked = re.search(r"a person has to confirm it: (\S+)", told)
            assert asked is not None, told
            Signer(laptop().person(confirms).oid).confirm(asked[1])
        shown, wrong = typed.communicate(timeout=90)
    assert shown, wrong
    answer: dict[str, Any] = json.loads(shown)
    return typed.returncode, answer


def propose(system: System) -> str:
    """Olu applies what lies in the folder, and confirms it; the hash of the change."""
    assert system.stack.options.apply is not None
    file = system.stack.options.apply / NAME / "application.yaml"
    code, answer = slipway(system, "apply", "-f", str(file), "--yes", confirms="Olu")
    assert code == 5, answer
    assert [(each["subject"], each["outcome"]) for each in answer["changes"]] == [(f"application:{NAME}", "proposed")]
    return str(answer["change"])


def phase(system: System, change: str) -> str:
    return str(system.get(f"/api/v1/changes/{change}")["phase"])


def test_a_weaker_gate_is_rejected_by_a_message_and_takes_force_by_its_approver(system: System) -> None:
    assert system.stack.options.apply is not None
    file = system.stack.options.apply / NAME / "application.yaml"
    file.write_text(
        file.read_text().replace("approvers: [ada@example.com]", "approvers: [ada@example.com], deadline: 48h")
    )
    change = propose(system)
    assert change in [each["change"] for each in slipway(system, "changes")[1]["changes"]]
    shown = slipway(system, "change", change)[1]
    assert "gate: deadline: 2d instead of 1d" in shown["weaker"][0]

    ada = {"tid": laptop().tenant, "oid": laptop().person("Ada").oid}
    message = {"v": 1, "id": "incident-4711", "change": change, "decision": "reject", "on_behalf_of": ada}
    system.send("approvals", message | {"reason": "too long"})
    until(lambda: phase(system, change) == "rejected", "the message ended it")

    assert propose(system) == change
    code, vote = slipway(system, "change", "approve", change, confirms="Ada")
    assert (code, vote["state"]) == (0, "counted")
    until(lambda: phase(system, change) == "in-force", "the last vote put it in force")
    newest = system.get(f"/api/v1/catalogue/application/{NAME}")["versions"][0]
    assert (newest["number"], newest["by"]) == (2, f"oid:{laptop().person('Olu').oid}")

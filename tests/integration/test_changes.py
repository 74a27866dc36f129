"""A weaker gate on the whole system: proposed at a terminal, rejected by a message past the front, proposed again, and
put in force by the vote of its approver; and two of the platform's people who stand in for that approver, who
objects."""

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
    """Type a command; the person `confirms` confirms in a browser what it asks for."""
    environment = {**os.environ, **system.stack.command_environment()}
    command = [sys.executable, "-m", "slipway.cli", *words, "--json"]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as typed:
        assert typed.stderr is not None
        if confirms:
            line = typed.stderr.readline()
            match = re.search(r"a person has to confirm it: (\S+)", line)
            assert match is not None, line
            Signer(laptop().person(confirms).oid).confirm(match[1])
        output, errors = typed.communicate(timeout=90)
    assert output, errors
    report: dict[str, Any] = json.loads(output)
    return typed.returncode, report


def propose(system: System) -> str:
    """Olu applies the folder and confirms it; returns the hash of the change."""
    assert system.stack.options.apply is not None
    file = system.stack.options.apply / NAME / "application.yaml"
    code, report = slipway(system, "apply", "-f", str(file), "--yes", confirms="Olu")
    assert code == 5, report
    assert [(change["subject"], change["outcome"]) for change in report["changes"]] == [
        (f"application:{NAME}", "proposed")
    ]
    return str(report["change"])


def phase(system: System, change: str) -> str:
    return str(system.get(f"/api/v1/changes/{change}")["phase"])


def test_a_weaker_gate_is_rejected_by_a_message_and_takes_effect_by_its_approver(system: System) -> None:
    assert system.stack.options.apply is not None
    file = system.stack.options.apply / NAME / "application.yaml"
    file.write_text(
        file.read_text().replace("approvers: [ada@example.com]", "approvers: [ada@example.com], deadline: 48h")
    )
    change = propose(system)
    assert change in [entry["change"] for entry in slipway(system, "changes")[1]["changes"]]
    description = slipway(system, "change", change)[1]
    assert "gate: deadline: 2d instead of 1d" in description["weaker"][0]

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


def version(system: System) -> int:
    return int(system.get(f"/api/v1/catalogue/application/{NAME}")["versions"][0]["number"])


def test_two_stand_ins_approve_a_change_and_the_approver_is_notified_and_objects(system: System) -> None:
    """That it takes effect after a day is tested on a clock that a test can set (`tests/contract/roles`)."""
    assert system.stack.options.apply is not None
    file = system.stack.options.apply / NAME / "application.yaml"
    in_force = file.read_text()
    gate = next(line for line in in_force.splitlines() if "kind: approval" in line)
    longer = "    gate: { kind: approval, approvers: [ada@example.com], deadline: 7d }"
    file.write_text(in_force.replace(gate, longer))
    change, before = propose(system), version(system)
    file.write_text(in_force)  # a test that adds to the folder applies all of it

    for who in ("Pia", "Tom"):
        code, report = slipway(system, "change", "stand-in", change, "--reason", "the team has gone", confirms=who)
        assert (code, report["state"]) == (0, "counted"), report
    until(lambda: phase(system, change) == "stood-in", "two stand in")
    description = slipway(system, "change", "show", change)[1]
    stood_in = " ".join(entry["voter"] for entry in description["stand_ins"])
    assert all(laptop().person(who).oid in stood_in for who in ("Pia", "Tom"))

    def stood_in_lines() -> list[str]:
        notices = system.stack.notices()
        return [n["lines"][0] for n in notices if n["notice"] == "change-stood-in" and change[7:] in n["locate_url"]]

    line = (until(stood_in_lines, "whoever is asked was told") or [""])[0]
    assert "of the platform's people stands in for you: the team has gone" in line
    assert version(system) == before

    ada = {"tid": laptop().tenant, "oid": laptop().person("Ada").oid}
    message = {"v": 1, "id": "still-here", "change": change, "decision": "reject", "on_behalf_of": ada}
    system.send("approvals", message | {"reason": "I am still here"})
    until(lambda: phase(system, change) == "rejected", "the objection ended it")
    assert version(system) == before

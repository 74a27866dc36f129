"""`make demo ARGS=--attack`: five attacks on the running system, refused with every guard in place, and not without.

The deployed package refuses the same attacks, with every setting that the local stack knows.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.demo.attack_report import SUCCEEDED, attack
from local.demo.attacks import BY_GUARD, Attack
from local.demo.bundled import attacked_folder
from local.demo.guards import GUARDS, OPEN, Guard, folder_without
from local.demo.narrator import Narrator
from local.demo.play import APPLICATION, slipway
from local.process import ROOT
from local.stack import Stack, StackOptions, azurite
from local.stack.places import namespaces_of
from local.watch import Watcher
from slipway.bootstrap.roles import AppRole
from slipway.bootstrap.settings import Settings
from slipway.bootstrap.settings_names import variable
from slipway.domain.phases import Phase
from tests.infra.test_package import HOOK

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(not azurite.MAIN.exists(), reason="Azurite is not installed"),
]
UNDER_WAY = frozenset(str(phase) for phase in Phase if not phase.final)
REFUSED = [(str(attack), "refused", str(attack.rule), str(attack.refused_as)) for attack in Attack]


def demo(*options: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "local.demo", "--attack", "--json", *options]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert process.stdout, process.stderr
    report: dict[str, Any] = json.loads(process.stdout)
    return process.returncode, report


def outcomes(report: dict[str, Any]) -> list[tuple[str, str, str | None, str]]:
    return [
        (attempt["attack"], attempt["outcome"], attempt["rule"], attempt["record"]["action"])
        for attempt in report["attacks"]
    ]


def test_each_attack_is_refused_by_its_rule_and_the_record_says_so() -> None:
    exit_code, report = demo()
    assert (exit_code, outcomes(report), report["open"]) == (0, REFUSED, None)
    assert report["audit"]["verified"] is True
    assert all(attempt["reason"] for attempt in report["attacks"])


def test_the_command_says_that_an_attack_succeeds_where_its_guard_is_open() -> None:
    exit_code, report = demo("--open=own-work")
    assert (exit_code, report["open"]) == (SUCCEEDED, "own-work")
    ((name, outcome, rule, action),) = outcomes(report)
    assert (name, outcome, rule, action) == ("own-change", "succeeded", None, "release.live")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with ExitStack() as contexts:
        applied = contexts.enter_context(attacked_folder())
        folder = tmp_path_factory.mktemp("attacked")
        stack = contexts.enter_context(
            Stack(StackOptions(folder=folder, apply=None, namespaces=namespaces_of(applied)))
        )
        stack.apply(applied)
        yield stack


def restart(stack: Stack, app: Path) -> None:
    """Start front and worker again, from another folder."""
    stack.stop_host(0)
    stack.options = replace(stack.options, app=app)
    stack.start_host(0)


def clear_away(stack: Stack) -> None:
    """Cancel every release that has not ended, so that none of them holds up the releases of the next attack."""
    watcher = Watcher(stack.url, stack.secrets.function_key, APPLICATION)
    for release in watcher.get(f"/api/v1/releases?application={APPLICATION}")["releases"]:
        if release["phase"] in UNDER_WAY:
            process = slipway(stack, ["cancel", release["id"], "--reason", "it was an attack", "--yes"], show=False)
            phase = watcher.get(f"/api/v1/releases/{release['id']}")["phase"]  # a newer one may just have replaced it
            assert process.returncode == 0 or phase not in UNDER_WAY, process.stderr


@pytest.mark.parametrize("guard", [guard for guard in Guard if guard is not Guard.OWN_WORK], ids=str)
def test_each_attack_succeeds_where_its_guard_is_left_out(stack: Stack, guard: Guard) -> None:
    with folder_without(guard) as app:
        restart(stack, app)
        (attempt,) = attack(stack, Narrator(quiet=True), (BY_GUARD[guard],), minor=1 + list(Guard).index(guard))
    clear_away(stack)
    assert not attempt.refused
    assert (attempt.record["action"], attempt.record["environment"]) == ("release.live", attempt.attack.wants)


def variables_of_the_local_stack() -> set[str]:
    """Every variable with the product's prefix that a module of `local` names, and those of the product's settings."""
    names = {
        name
        for file in (ROOT / "local").rglob("*.py")
        for name in re.findall(r"SLIPWAY_[A-Z][A-Z_]*[A-Z]", file.read_text(encoding="utf-8"))
    }
    return names | {variable(name) for name in Settings.model_fields}


def test_the_package_refuses_every_attack_whatever_settings_open_guards_on_the_laptop(tmp_path: Path) -> None:
    package = tmp_path / "package"
    HOOK.gather(package)
    assert not (package / "local").exists()
    guard_names = ",".join(GUARDS)

    def with_all(_role: AppRole, values: dict[str, str]) -> dict[str, str]:
        foreign = variables_of_the_local_stack() - {variable(name) for name in Settings.model_fields}
        return dict.fromkeys(foreign, guard_names) | values | {f"SLIPWAY_OPEN_{n}": "1" for n in ("GUARD", "GUARDS")}

    with ExitStack() as contexts:
        applied = contexts.enter_context(attacked_folder())
        options = StackOptions(apply=None, app=package, settings_of=with_all, namespaces=namespaces_of(applied))
        stack = contexts.enter_context(Stack(options))
        stack.apply(applied)
        attempts = attack(stack, Narrator(quiet=True), tuple(Attack))
    assert outcomes({"attacks": [attempt.as_json() for attempt in attempts]}) == REFUSED


def test_every_guard_has_an_attack_and_a_replacement_that_opens_it() -> None:
    assert set(BY_GUARD) == set(OPEN) == set(Guard)

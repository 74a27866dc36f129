"""`--attack`: starts a stack, plays the attacks on it, and reports the outcome of each."""

import json
from contextlib import ExitStack
from typing import Any

from local.stack import Stack, StackOptions
from local.stack.places import namespaces_of

from .attacking import Attacks
from .attacks import BY_GUARD, Attack, Attempt
from .bundled import attacked_folder
from .guards import Guard, folder_without
from .narrator import Narrator
from .play import APPLICATION, slipway

SUCCEEDED = 3
"""Exit code if an attack succeeded."""


def play_attacks(contexts: ExitStack, say: Narrator, guard: Guard | None, *, as_json: bool) -> int:
    """Play all attacks, or with an open guard the one that it stops. Returns the exit code.

    Raises `PartFailed`, `TooSlow` and `RuntimeError`.
    """
    catalogue_folder = contexts.enter_context(attacked_folder())
    app = contexts.enter_context(folder_without(guard))
    stack = contexts.enter_context(Stack(StackOptions(apply=None, app=app, namespaces=namespaces_of(catalogue_folder))))
    if guard is not None:
        say.line(f"THE GUARD {guard} IS OPEN: front and worker were started without it")
    stack.apply(catalogue_folder)
    attempts = attack(stack, say, tuple(Attack) if guard is None else (BY_GUARD[guard],))
    verdict = json.loads(slipway(stack, ["audit", "verify", APPLICATION, "--json"], show=False).stdout)
    intact = bool(verdict["applications"][0]["intact"])
    if as_json:
        print(json.dumps(_summary(attempts, guard, intact=intact)))
    else:
        _show(attempts, say, intact=intact)
    if not all(attempt.refused for attempt in attempts):
        return SUCCEEDED
    return 0 if intact else 1


def attack(stack: Stack, say: Narrator, attacks: tuple[Attack, ...], *, minor: int = 0) -> list[Attempt]:
    """Play the attacks on a stack in which the application is in force. Raises `TooSlow` and `RuntimeError`."""
    story = Attacks(stack, say, minor=minor)
    story.skip_earlier_records()
    return [story.play(attack) for attack in attacks]


def _summary(attempts: list[Attempt], guard: Guard | None, *, intact: bool) -> dict[str, Any]:
    return {
        "attacks": [attempt.as_json() for attempt in attempts],
        "open": str(guard) if guard else None,
        "audit": {"verified": intact},
    }


def _show(attempts: list[Attempt], say: Narrator, *, intact: bool) -> None:
    say.heading("The end")
    for attempt in attempts:
        record = attempt.record
        outcome = f"refused by {attempt.attack.rule}" if attempt.refused else "SUCCEEDED"
        record_text = f"record {record['sequence']} {record['action']}"
        line = f"{attempt.attack.guard.finding} {attempt.attack}: {outcome}, {record_text}"
        say.verdict(line, holds=attempt.refused)
    say.line("the trail verifies" if intact else "THE TRAIL DOES NOT VERIFY")

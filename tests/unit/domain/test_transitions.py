"""Every declared transition is taken by a story, and the generated page shows exactly what is declared."""

from functools import cache
from pathlib import Path

import pytest

from scripts.reference.states import diagram, page
from slipway.domain.release import Phase
from tests.unit.domain.stories import STORIES

DECLARED = {(phase, following) for phase in Phase for following in phase.followers}


@cache
def transitions_of_stories() -> frozenset[tuple[Phase, Phase]]:
    return frozenset(move for story in STORIES.values() for move in story().moves)


def test_every_declared_transition_is_taken_by_a_story() -> None:
    assert {f"{before} -> {after}" for before, after in DECLARED - transitions_of_stories()} == set()


def test_every_transition_that_a_story_takes_is_declared() -> None:
    assert {f"{before} -> {after}" for before, after in transitions_of_stories() - DECLARED} == set()


def test_the_page_of_states_is_the_generated_one() -> None:
    states_page = Path(__file__).parents[3] / "docs" / "reference" / "states.md"
    assert states_page.read_text(encoding="utf-8") == page(), (
        "run: python -m scripts.reference.states > docs/reference/states.md"
    )


def test_the_diagram_draws_each_transition_once() -> None:
    arrows = [line.strip() for line in diagram().splitlines() if "[*]" not in line and "-->" in line]
    assert sorted(arrows) == sorted(f"{before} --> {after}" for before, after in DECLARED)


def test_every_phase_has_a_meaning() -> None:
    assert all(phase.meaning.endswith(".") for phase in Phase)


def test_the_last_seven_phases_are_the_ends() -> None:
    assert [phase.final for phase in Phase] == [False] * (len(Phase) - 7) + [True] * 7


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.has_begun])
def test_a_rollout_that_has_begun_is_not_ended_by_people_or_deadlines(phase: Phase) -> None:
    assert Phase.EXPIRED not in phase.followers
    assert phase.writes_first or Phase.REJECTED not in phase.followers

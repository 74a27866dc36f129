"""The properties of each action agree with each other, with the phases and with the docs."""

import re
from pathlib import Path

import pytest

from slipway.domain.actions import Action, Intervention, end_action, meaning_of, tone_of, vote_action
from slipway.domain.audit import AuditDraft
from slipway.domain.audit_query import ActionClass, AuditQuery
from slipway.domain.phases import Phase
from slipway.domain.release import VoteDecision
from slipway.domain.spans import spans
from slipway.domain.stages import Stage
from slipway.domain.tones import Tone
from tests.unit.domain.records import record

DOCS = Path(__file__).resolve().parents[3] / "docs"
NEWER = "canary.begun"
"""An action that a later version may write."""


def test_each_member_is_named_like_its_stored_text() -> None:
    assert {action.name for action in Action} == {re.sub("[.-]", "_", action.value).upper() for action in Action}


def test_no_two_actions_are_described_in_the_same_words() -> None:
    assert len({action.meaning for action in Action}) == len(Action)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.final])
def test_each_end_of_a_release_has_an_action_that_is_named_after_it(phase: Phase) -> None:
    action = end_action(phase)
    assert action.ends is phase
    assert action.verb.replace("-", "_") == phase


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.final])
def test_no_action_ends_a_release_in_a_phase_that_goes_on(phase: Phase) -> None:
    with pytest.raises(ValueError, match=phase):
        end_action(phase)


def test_a_stage_never_outlives_its_release() -> None:
    for action in Action:
        if action.ends is not None:
            (span,) = spans([record(1, 0, Action.PLAN_REQUESTED), record(2, 5, action)])
            assert span.ended is not None


def test_each_stage_begins_with_one_action() -> None:
    assert sorted(action.begins for action in Action if action.begins is not None) == sorted(Stage)


def test_each_vote_decision_has_its_action_and_the_action_of_a_refused_vote_has_no_decision() -> None:
    assert {decision: vote_action(decision).vote for decision in VoteDecision} == {d: d for d in VoteDecision}
    assert Action.VOTE_REFUSED.vote is None


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        (Intervention.FREEZE, "everything.frozen everything.unfrozen hold.ended hold.set lane.frozen lane.unfrozen"),
        (Intervention.OVERRIDE, "override.given override.used"),
        (Intervention.REJECTION, "release.rejected vote.objected vote.rejected"),
        (
            Intervention.ROLLBACK,
            "release.rolled-back rollback.done rollback.failed rollback.ordered rollback.requested",
        ),
        (Intervention.WAIVER, "waiver.given"),
    ],
)
def test_an_auditor_finds_each_kind_of_intervention(kind: Intervention, actions: str) -> None:
    query = AuditQuery(action=kind.value)
    assert sorted(action for action in Action if query.matches(record(1, 0, action))) == actions.split()


def test_any_intervention_is_one_of_its_kinds() -> None:
    interventions = {action for action in Action if ActionClass.INTERVENTION.holds(action)}
    kinds = [ActionClass(kind.value) for kind in Intervention]
    assert interventions == {action for action in Action for kind in kinds if kind.holds(action)}


@pytest.mark.parametrize("action", ["anchor.contradicted", "input.parked", "step.lost", "rollback.failed"])
def test_an_action_that_reports_a_failure_has_the_tone_bad(action: str) -> None:
    assert tone_of(action) is Tone.BAD


def test_an_action_of_a_newer_version_is_shown_as_unknown_and_asks_for_attention() -> None:
    assert meaning_of(NEWER) == "Unknown action 'canary.begun', written by a newer version"
    assert tone_of(NEWER) is Tone.ASKS


def test_an_action_of_a_newer_version_is_found_by_its_name_and_is_in_no_class() -> None:
    newer = record(1, 0, NEWER)
    assert AuditQuery(action=NEWER).matches(newer)
    assert not any(AuditQuery(action=kind.value).matches(newer) for kind in ActionClass)


def test_an_action_of_a_newer_version_moves_no_stage() -> None:
    trail = [record(1, 0, Action.PLAN_REQUESTED), record(2, 1, NEWER), record(3, 5, Action.PLAN_MADE)]
    (span,) = spans(trail)
    assert (span.stage, span.began, span.ended) == (Stage.PLAN, trail[0].time, trail[2].time)


def test_only_actions_can_be_recorded() -> None:
    with pytest.raises(ValueError, match="action"):
        AuditDraft.model_validate({"action": NEWER, "actor": "slipway"})


def test_the_page_of_numbers_names_the_action_that_begins_each_stage() -> None:
    text = (DOCS / "reference" / "numbers.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| (?:waits|works) \| `([a-z.-]+)` \|$", text, re.MULTILINE))
    assert documented == {action.begins.value: action.value for action in Action if action.begins is not None}


def test_the_guide_to_the_trail_names_every_action_that_changes_what_runs() -> None:
    text = (DOCS / "how-to" / "query-the-audit-trail.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"`change` \(what runs was changed: ([^)]*)\)", text)
    assert set(re.findall(r"`([a-z.-]+)`", documented)) == {action for action in Action if action.changes_environment}


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.final])
def test_the_end_of_a_release_and_the_action_that_records_it_have_the_same_tone(phase: Phase) -> None:
    assert end_action(phase).tone is phase.tone

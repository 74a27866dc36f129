"""Numbers from the trail: what counts in which week, and that portions and repetitions do not change the result."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.actions import Action
from slipway.domain.audit import AuditRecord
from slipway.domain.numbers import Checkpoint, Week, WeekCounts, fold, iso_week, week_start, weeks_until
from slipway.domain.numbers_report import environment_numbers, figures
from slipway.domain.spans import spans
from slipway.domain.stages import Stage
from tests.unit.domain.records import record

ACTIONS = (*Action, "canary.begun")


def story(*events: tuple[float, str] | tuple[float, str, int]) -> list[AuditRecord]:
    return [
        record(
            place,
            event[0],
            event[1],
            event[2] if len(event) == 3 else 1,
            None if "created" in event[1] else "production",
        )
        for place, event in enumerate(events, start=1)
    ]


def counted(*events: tuple[float, str] | tuple[float, str, int]) -> WeekCounts:
    _, weeks = fold(Checkpoint(), story(*events))
    total = WeekCounts()
    for week in weeks.values():
        total.add(week.environments.get("production", WeekCounts()))
    return total


GOES_LIVE = ((0.0, "release.created"), (1.0, "plan.requested"), (2.0, "plan.made"), (2.0, "gate.opened"),
             (32.0, "gate.passed"), (32.0, "rollout.requested"), (33.0, "rollout.applied"), (35.0, "rollout.done"),
             (35.0, "release.live"), (35.0, "release.completed"))  # fmt: skip


def test_a_release_that_goes_live_is_a_deployment_with_its_lead_time() -> None:
    counts = counted(*GOES_LIVE)
    results = figures(counts, 7)
    assert (results.deployments, results.failed, results.change_failure_rate) == (1, 0, 0.0)
    assert results.lead_time.median == pytest.approx(35 * 60, rel=0.05)
    assert results.deployments_per_day == pytest.approx(1 / 7, rel=0.01)
    assert results.ended == {"completed": 1}


def test_the_wait_for_people_runs_from_the_first_question_to_the_decision() -> None:
    counts = counted((0, "release.created"), (1, "gate.opened"), (5, "plan.requested"), (6, "gate.opened"),
                    (31, "gate.passed"))  # fmt: skip
    assert counts.approval.count == 1
    assert counts.approval.most_ms == 30 * 60_000


def test_a_rejection_counts_as_a_decision_and_an_expiry_does_not() -> None:
    assert counted((0, "gate.opened"), (9, "release.rejected")).approval.count == 1
    assert counted((0, "gate.opened"), (9, "release.expired")).approval.count == 0


def test_a_failed_rollout_counts_once_and_is_restored_by_the_rollback() -> None:
    counts = counted((0, "release.created"), (1, "rollout.requested"), (4, "rollout.failed"), (4, "rollback.requested"),
                    (10, "rollback.done"), (10, "release.rolled-back"))  # fmt: skip
    assert (counts.deployments, counts.failed) == (0, 1)
    assert counts.restore.most_ms == 6 * 60_000
    assert figures(counts, 7).change_failure_rate == 1.0


def test_a_failed_rollout_without_a_rollback_is_restored_by_the_next_release_that_goes_live() -> None:
    counts = counted((0, "rollout.requested"), (4, "verification.failed"), (4, "release.failed"),
                    (50, "rollout.requested", 2), (64, "release.live", 2))  # fmt: skip
    assert (counts.deployments, counts.failed) == (1, 1)
    assert counts.restore.most_ms == 60 * 60_000


def test_a_failure_before_the_environment_is_touched_is_not_a_failed_change() -> None:
    assert counted((0, "plan.requested"), (1, "plan.failed"), (1, "release.failed")).failed == 0


def test_a_manual_rollback_is_a_failed_change_and_no_deployment() -> None:
    counts = counted(*GOES_LIVE, (60, "rollback.ordered", 2), (61, "rollout.requested", 2), (65, "release.live", 2),
                    (65, "release.completed", 2))  # fmt: skip
    assert (counts.deployments, counts.failed, counts.withdrawn) == (1, 0, 1)
    assert counts.restore.most_ms == 5 * 60_000
    assert figures(counts, 7).change_failure_rate == 1.0


def test_stages_that_wait_are_distinguished_from_stages_that_work() -> None:
    stages = counted(*GOES_LIVE).stages
    assert {stage: histogram.most_ms for stage, histogram in stages.items()} == {
        Stage.PLAN: 60_000,
        Stage.APPROVAL: 30 * 60_000,
        Stage.DEPLOY: 60_000,
        Stage.CHECK: 120_000,
    }
    assert [stage for stage in stages if stage.waits] == [Stage.APPROVAL]


def test_weeks_are_iso_weeks_in_utc() -> None:
    assert iso_week(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == "2026-W53"
    assert iso_week(datetime(2027, 1, 4, tzinfo=UTC)) == "2027-W01"
    east = datetime.fromisoformat("2026-11-30T01:00:00+09:00")
    assert iso_week(east) == "2026-W48"
    assert week_start("2026-W48") == datetime(2026, 11, 23, tzinfo=UTC)
    assert weeks_until("2027-W01", 3) == ("2026-W52", "2026-W53", "2027-W01")


def test_a_week_without_deployments_is_listed_with_zero_and_no_rate() -> None:
    _, weeks = fold(Checkpoint(), story(*GOES_LIVE))
    numbers = environment_numbers("shop", "production", weeks_until("2026-W48", 3), weeks)
    assert [week.figures.deployments for week in numbers.weeks] == [0, 0, 1]
    assert numbers.weeks[0].figures.change_failure_rate is None


TRAILS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(1, 4),
        st.sampled_from([None, "staging", "production"]),
        st.integers(0, 5 * 24 * 60),
    ),
    max_size=80,
).map(
    lambda events: [
        record(place, sum(event[3] for event in events[:place]), action, release, environment)
        for place, (action, release, environment, _) in enumerate(events, start=1)
    ]
)


def summed(portions: list[list[AuditRecord]]) -> tuple[Checkpoint, dict[str, Week]]:
    """Fold portion by portion as the ledger does: store the checkpoint in between, and add what each portion counts."""
    checkpoint, weeks = Checkpoint(), dict[str, Week]()
    for portion in portions:
        checkpoint, added = fold(Checkpoint.model_validate_json(checkpoint.model_dump_json()), portion)
        for name, week in added.items():
            weeks.setdefault(name, Week(week=name)).add(Week.model_validate_json(week.model_dump_json()))
    return checkpoint, weeks


@given(TRAILS, st.lists(st.integers(0, 80), max_size=6))
def test_the_numbers_do_not_depend_on_how_the_trail_is_cut_into_portions(
    trail: list[AuditRecord], cuts: list[int]
) -> None:
    at = sorted({0, len(trail), *(position for position in cuts if position < len(trail))})
    portions = [trail[first:last] for first, last in pairwise(at)]
    assert summed(portions) == summed([trail])


@given(TRAILS, st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), max_size=8))
def test_portions_that_come_again_count_once(trail: list[AuditRecord], pairs: list[tuple[int, int]]) -> None:
    portions = [trail[: max(pair)] for pair in pairs]
    middle = len(portions) // 2
    assert summed([*portions[:middle], trail, *portions[middle:], trail]) == summed([trail])


@given(TRAILS)
def test_the_time_of_all_steps_is_that_of_the_releases_spans(trail: list[AuditRecord]) -> None:
    """The timeline of one release and the numbers of all are made of the same stages."""
    if any(entry.action in ("plan.made", "release.retried", "rollback.ordered") for entry in trail):
        return
    _, weeks = fold(Checkpoint(), trail)
    stage_ms = sum(
        histogram.total_ms
        for week in weeks.values()
        for counts in week.environments.values()
        for histogram in counts.stages.values()
    )
    span_ms = 0
    for release in {entry.release for entry in trail}:
        of_release = [entry for entry in trail if entry.release == release]
        span_ms += sum(
            int(span.length(span.began).total_seconds() * 1000) for span in spans(of_release) if span.ended is not None
        )
    assert stage_ms == span_ms

"""The waterfall's axis: work is drawn to scale, waiting is cut short."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.traces.records import SpanRecord
from local.traces.waterfall import Axis, duration, rows

DAY = 86_400.0


def record(name: str, began: float, ended: float, *, span: str = "", parent: str = "") -> SpanRecord:
    return SpanRecord(
        trace="t", span=span or f"{name}{began}", parent=parent, name=name, kind="internal", began=began, ended=ended
    )


def test_a_wait_of_days_leaves_room_for_the_seconds_around_it() -> None:
    spans = [
        record("step plan", 0, 2),
        record("wait awaiting_approval", 2, 3 * DAY),
        record("step deploy", 3 * DAY, 3 * DAY + 2),
    ]
    bars, axis = rows(spans)
    widths = {bar.span.name: bar.width for bar in bars}
    assert widths["step plan"] == pytest.approx(widths["step deploy"])
    assert widths["step plan"] > 0.4
    assert [round(seconds) for _, seconds in axis.cuts] == [round(3 * DAY - 2)]


@example([(0.0, 2.2250738585e-313)])
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 100)), min_size=1, max_size=20))
def test_places_lie_on_the_axis_and_keep_the_order_of_time(times: list[tuple[float, float]]) -> None:
    axis = Axis([record("step x", began, began + took) for began, took in times])
    moments = sorted(moment for began, took in times for moment in (began, began + took))
    places = [axis.place(moment) for moment in moments]
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert all(before <= after + 1e-6 for before, after in pairwise(places))


def test_children_stand_below_their_parent_and_spans_of_unknown_parents_at_the_top() -> None:
    spans = [
        record("function a", 0, 5, span="a", parent="host"),
        record("step deploy", 1, 4, span="b", parent="a"),
        record("table get", 1, 2, span="c", parent="b"),
        record("function b", 6, 7, span="d", parent="elsewhere"),
    ]
    assert [(bar.span.name, bar.depth) for bar in rows(spans)[0]] == [
        ("function a", 0),
        ("step deploy", 1),
        ("function b", 0),
    ]
    assert len(rows(spans, everything=True)[0]) == 4


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "12 ms"), (1.5, "1.5 s"), (600, "10 min"), (3 * 3600, "3 h"), (3 * DAY, "3 days")]
)
def test_times_are_shown_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text

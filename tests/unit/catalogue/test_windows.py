"""Time windows: when they are open, also when clocks change; rules that cost too much or never occur are refused."""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.catalogue import ConfigError, check_path
from slipway.catalogue.windows import Calendar, occurrences
from slipway.domain.windows import Window, Windows
from slipway.testing import write_application

OFFICE = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9"
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def calendar(**fields: Any) -> Calendar:
    return Calendar(Windows.model_validate({"timezone": "Europe/Berlin"} | fields))


def berlin(year: int, month: int, day: int, *time: int) -> datetime:
    hour, minute, second = (*time, 0, 0, 0)[:3]
    return datetime(year, month, day, hour, minute, second, tzinfo=BERLIN)


def test_a_window_opens_and_closes_by_local_time_in_summer_and_in_winter() -> None:
    office = calendar(allow=[{"rule": OFFICE, "duration": "8h"}])
    for day in (berlin(2026, 7, 1), berlin(2026, 12, 1)):
        assert not office.status_at(day.replace(hour=8, minute=59)).open
        opened = office.status_at(day.replace(hour=9))
        assert opened.open
        assert opened.until == day.replace(hour=17)
        assert not office.status_at(day.replace(hour=17)).open
    friday = office.status_at(berlin(2026, 12, 4, 18))
    assert friday.until == berlin(2026, 12, 7, 9)
    assert friday.reason == "outside the time windows; opens at 2026-12-07 08:00 UTC"


def test_a_denied_window_and_a_holiday_close_an_allowed_one() -> None:
    office = calendar(
        allow=[{"rule": OFFICE, "duration": "8h"}],
        deny=[{"rule": "FREQ=MONTHLY;BYMONTHDAY=-1", "duration": "1d", "reason": "the month is being closed"}],
        holidays=["2026-12-25"],
    )
    assert office.status_at(berlin(2026, 12, 31, 10)).reason.startswith(
        "the month is being closed; opens at 2027-01-01"
    )
    christmas = office.status_at(berlin(2026, 12, 25, 10))
    assert (christmas.open, christmas.until) == (False, berlin(2026, 12, 28, 9))
    assert christmas.reason.startswith("2026-12-25 is a holiday")


def test_a_calendar_without_allowed_windows_is_open_except_when_denied() -> None:
    deadlines = calendar(deny=[{"rule": "FREQ=WEEKLY;BYDAY=FR;BYHOUR=12", "duration": "12h"}])
    assert deadlines.status_at(berlin(2026, 12, 3, 12)).until == berlin(2026, 12, 4, 12)
    assert not deadlines.status_at(berlin(2026, 12, 4, 13)).open


def test_a_local_time_that_the_clock_change_skips_is_taken_by_the_earlier_offset() -> None:
    night = calendar(allow=[{"rule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "duration": "1h"}])
    assert night.status_at(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)).open
    assert not night.status_at(datetime(2026, 3, 29, 1, 29, tzinfo=UTC)).open


def test_the_first_of_a_repeated_local_time_counts() -> None:
    night = calendar(allow=[{"rule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "duration": "30m"}])
    assert night.status_at(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)).open
    assert not night.status_at(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)).open


RULES = st.sampled_from(
    [
        OFFICE,
        "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
        "FREQ=WEEKLY;BYDAY=SU;BYHOUR=1,2,3",
        "FREQ=MONTHLY;BYDAY=-1SU;BYHOUR=2",
        "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU;BYHOUR=2;BYMINUTE=15",
    ]
)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
CHANGES = st.sampled_from(
    [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]
)
NEAR_CHANGES = st.builds(lambda day, minutes: day + timedelta(minutes=minutes), CHANGES, st.integers(-600, 1200))


@given(RULES, ZONES, st.one_of(MOMENTS, NEAR_CHANGES), st.integers(10, 2000), st.booleans())
def test_a_calendar_changes_its_state_exactly_at_the_time_that_it_names(
    rule: str, zone: str, now: datetime, minutes: int, denies: bool
) -> None:
    window = {"rule": rule, "duration": f"{minutes}m"}
    schedule = Calendar(Windows.model_validate({"timezone": zone, "deny" if denies else "allow": [window]}))
    opening = schedule.status_at(now)
    if opening.until is None:
        return
    assert opening.until > now
    middle = now + (opening.until - now) / 2
    assert schedule.status_at(middle).open is opening.open
    assert schedule.status_at(opening.until - timedelta(seconds=1)).open is opening.open
    assert schedule.status_at(opening.until).open is not opening.open


@given(
    st.sampled_from(
        [
            "FREQ=WEEKLY;INTERVAL={};BYDAY=TU",
            "FREQ=DAILY;INTERVAL={}",
            "FREQ=MONTHLY;INTERVAL={};BYMONTHDAY=15",
            "FREQ=YEARLY;INTERVAL={};BYMONTH=6;BYMONTHDAY=3",
        ]
    ),
    st.integers(1, 9),
    st.dates(date(1990, 1, 1), date(2026, 1, 1)),
    st.integers(0, 3000),
)
def test_occurrences_counted_from_a_later_time_are_the_same(rule: str, interval: int, starts: date, later: int) -> None:
    window = Window.model_validate({"rule": rule.format(interval), "duration": "1h", "starts": starts})
    begin = datetime.combine(starts, datetime.min.time())
    first, last = begin + timedelta(days=later), begin + timedelta(days=later + 4000)
    all_times = [time for time in occurrences(window, begin, last) if time >= first]
    assert list(occurrences(window, first, last)) == all_times


# ---- windows that the check refuses
def problems(folder: Path, windows: str) -> str:
    write_application(folder)
    path = folder / "shop" / "application.yaml"
    path.write_text(
        path.read_text().replace("  - name: production\n", f"  - name: production\n    windows: {windows}\n")
    )
    try:
        check_path(path.parent.parent)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ("{ timezone: Europe/Atlantis }", ""),
        ("{ timezone: Europe/Atlantis, holidays: ['2026-12-25'] }", "the name of a time zone"),
        ("{ allow: [{ rule: FREQ=SECONDLY, duration: 1h }] }", "FREQ=DAILY|WEEKLY|MONTHLY|YEARLY"),
        ("{ allow: [{ rule: FREQ=WEEKLY, duration: 1h }] }", "BYDAY, because FREQ is WEEKLY"),
        ("{ allow: [{ rule: FREQ=DAILY;COUNT=3, duration: 1h }] }", "got COUNT"),
        ("{ allow: [{ rule: FREQ=DAILY;BYHOUR=25, duration: 1h }] }", "a recurrence rule of iCalendar"),
        ("{ allow: [{ rule: FREQ=DAILY;INTERVAL=0, duration: 1h }] }", "an INTERVAL from 1 to 100"),
        ("{ allow: [{ rule: FREQ=DAILY;INTERVAL=2, duration: 1h }] }", "the day from which INTERVAL counts"),
        ("{ allow: [{ rule: FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30, duration: 1h }] }", "a rule that occurs"),
        (
            "{ allow: [{ rule: FREQ=DAILY, duration: 40d }] }",
            "duration: expected more than nothing, and at most 31d, got '40d'",
        ),
        ("{ holidays_file: ../secrets.txt }", "a path beside the application's document"),
        ("{ holidays_file: application.yaml }", "one date a line"),
    ],
)
def test_an_unusable_window_or_holiday_is_refused_with_the_reason(tmp_path: Path, windows: str, expected: str) -> None:
    message = problems(tmp_path, windows)
    assert expected in message
    assert bool(expected) is bool(message)


def test_holidays_may_stand_in_a_file(tmp_path: Path) -> None:
    write_application(tmp_path)
    (tmp_path / "shop" / "holidays.txt").write_text("# Saxony\n2026-11-18  # day of repentance\n\n2026-12-25\n")
    assert problems(tmp_path, "{ holidays_file: holidays.txt }") == ""


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=WEEKLY;BYDAY=MO;BYMONTH=2;BYSETPOS=9",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMONTHDAY=30;BYMONTH=2",
    ],
)
def test_a_rule_that_never_occurs_costs_little(rule: str) -> None:
    window = Window.model_validate({"rule": rule, "duration": "1h"})
    before = time.process_time()
    assert next(occurrences(window, datetime(2026, 1, 1), datetime(9998, 1, 1)), None) is None  # noqa: DTZ001
    assert time.process_time() - before < 20  # searching the years up to 9999 would take minutes

"""What the demo shows of a record, and of a copy that takes a while: one line that grows, on a terminal only."""

import io
from typing import Any

import pytest

from local.demo.narrator import BAR, Narrator
from local.identity import laptop

HALF = {
    "environment": "production",
    "how": "copy",
    "blobs": 3,
    "of_blobs": 12,
    "bytes": 120_000_000,
    "of_bytes": 240_000_000,
    "at": "2026-11-23T08:00:00Z",
}


RECORD = {"action": "release.live", "actor": "slipway", "release": "hello-1", "environment": "staging", "details": {}}


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, *bars: dict[str, Any], quiet: bool = False) -> str:
    say = Narrator(stream, quiet=quiet)
    for bar in bars:
        say.bar(bar)
    say.line("the next thing")
    return stream.getvalue()


def test_a_bar_is_drawn_in_place_and_makes_room_for_the_next_line() -> None:
    text = shown(Terminal(), HALF, HALF | {"blobs": 12, "bytes": 240_000_000})
    lines = text.split("\r")
    assert f"{'█' * (BAR // 2)}{'░' * (BAR // 2)}  50%  3 of 12 blobs, 120.0 of 240.0 MB" in lines[1]
    assert f"{'█' * BAR} 100%  12 of 12 blobs, 240.0 of 240.0 MB" in lines[2]
    assert lines[3].startswith("\033[K")
    assert "the next thing" in lines[3]
    assert text.count("\n") == 1


def test_the_bar_of_an_import_stays_at_zero_percent() -> None:
    no_counts = {"blobs": 0, "of_blobs": 0, "bytes": 0, "of_bytes": 0}
    assert "  0%  the registry imports it" in shown(Terminal(), HALF | no_counts | {"how": "import"})


def test_no_bar_is_drawn_in_a_file_or_by_a_quiet_narrator() -> None:
    assert "█" not in shown(io.StringIO(), HALF)
    assert shown(Terminal(), HALF, quiet=True) == ""


@pytest.mark.parametrize(
    ("action", "sign"),
    [("release.live", "✓"), ("rollback.ordered", "✗"), ("gate.opened", "!"), ("plan.made", "·"), ("canary.begun", "!")],
)
def test_a_record_is_marked_in_the_tone_of_its_action(action: str, sign: str) -> None:
    stream = io.StringIO()
    Narrator(stream).record({"action": action, "actor": "slipway", "release": "hello-1", "details": {"plan_hash": ""}})
    assert f"s  {sign} {action}" in stream.getvalue()


def test_nothing_is_wider_than_a_terminal_of_80_columns_and_nothing_of_a_sentence_is_lost() -> None:
    stream = io.StringIO()
    say = Narrator(stream)
    sentence = "CI built and pushed the image hello:1.0.0 for linux/amd64 and linux/arm64, and then went home " * 3
    for tell in (say.heading, say.line, say.verdict):
        tell(sentence)
    say.record(RECORD | {"details": {"reason": "because of this and that " * 20}})
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(stream.getvalue().split()).count("and then went home") == 9


def test_records_stand_under_the_release_and_the_environment_that_they_are_about() -> None:
    stream = io.StringIO()
    say = Narrator(stream)
    for environment in ("staging", "staging", "production"):
        say.record(RECORD | {"environment": environment})
    assert [line.strip() for line in stream.getvalue().splitlines() if " s  " not in line] == [
        "hello-1 in staging",
        "hello-1 in production",
    ]


def test_a_vote_by_message_names_the_person_of_this_machine_that_it_is_for() -> None:
    stream = io.StringIO()
    ben = f"oid:{laptop().person('Ben').oid}"
    details = {"plan_hash": "", "on_behalf_of": ben}
    Narrator(stream).record(RECORD | {"action": "vote.approved", "actor": "approvals", "details": details})
    assert "by approvals for Ben" in stream.getvalue()


def test_a_failure_is_shown_in_full_and_another_long_line_is_cut() -> None:
    reason = " ".join(f"word{number}" for number in range(40))
    details = {}
    for action in ("verification.failed", "verification.done"):
        stream = io.StringIO()
        Narrator(stream).record(RECORD | {"action": action, "details": {"reason": reason}})
        details[action] = stream.getvalue()
        assert max(map(len, details[action].splitlines())) <= 80
    assert " ".join(details["verification.failed"].split()).endswith(reason)
    assert details["verification.done"].rstrip().endswith("…")

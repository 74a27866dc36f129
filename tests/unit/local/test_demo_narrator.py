"""What the demo shows of a record, and of a promotion that takes a while: one line that grows, on a terminal only."""

import io
from typing import Any

import pytest

from local.demo.narrator import BAR, Narrator

HALF = {
    "environment": "production",
    "how": "copy",
    "blobs": 3,
    "of_blobs": 12,
    "bytes": 120_000_000,
    "of_bytes": 240_000_000,
    "at": "2026-11-23T08:00:00Z",
}


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


def test_an_import_has_no_share_that_anybody_knows() -> None:
    nothing = {"blobs": 0, "of_blobs": 0, "bytes": 0, "of_bytes": 0}
    assert "  0%  the registry imports it" in shown(Terminal(), HALF | nothing | {"how": "import"})


def test_there_is_no_bar_in_a_file_and_none_where_nothing_is_to_be_said() -> None:
    assert "█" not in shown(io.StringIO(), HALF)
    assert shown(Terminal(), HALF, quiet=True) == ""


@pytest.mark.parametrize(
    ("action", "sign"),
    [("release.live", "✓"), ("rollback.ordered", "✗"), ("gate.opened", "!"), ("plan.made", "·"), ("canary.begun", "!")],
)
def test_a_record_is_marked_in_the_tone_of_its_action(action: str, sign: str) -> None:
    stream = io.StringIO()
    Narrator(stream).record({"action": action, "actor": "slipway", "release": "hello-1", "details": {"plan_hash": ""}})
    assert f"s  {sign} {action} " in stream.getvalue()

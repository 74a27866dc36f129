"""On a terminal tables fit its width, colours are used where they are welcome, and times are local; elsewhere not."""

import errno
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.cells import cell_len

from slipway.cli.console import MOST_BELOW, CliConsole, TextCell
from slipway.domain.model import canonical
from slipway.domain.release import Head
from tests.unit.cli.served import KEY, Served
from tests.unit.cli.test_audit_verify import anchor_at
from tests.unit.domain.samples import MORNING

ROOT = Path(__file__).parents[3]
STYLING = re.compile(r"\033\[[0-9;]*m")


def on_terminal(app: Served, *arguments: str, width: int = 80, **environment: str) -> tuple[int, str]:
    """Run the command with a real terminal as its stdout and stderr; exit code and what it wrote."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    }
    variables = {"SLIPWAY_URL": app.url, "SLIPWAY_KEY": KEY, "TERM": "xterm-256color", "TZ": "Asia/Tokyo"}
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway.cli", *arguments],
        cwd=ROOT,
        env=inherited | variables | environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    try:
        output = read_all(controller)
    finally:
        os.close(controller)
    return process.wait(), output.replace("\r\n", "\n")


def read_all(terminal: int) -> str:
    output = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux says so when nobody holds the other end any more
                raise
            return output.decode()
        if not chunk:
            return output.decode()
        output += chunk


def test_a_table_fits_the_terminal_with_colours_and_local_times(app: Served) -> None:
    code, text = on_terminal(app, "audit", "list", width=100)
    assert code == 0
    assert "\033[" in text
    lines = STYLING.sub("", text).splitlines()
    assert len([line for line in lines if line.startswith("shop ")]) == len(app.trails["shop"].records)
    assert all(cell_len(line) <= 100 for line in lines)
    assert any("2026-11-23 17:00:00" in line for line in lines)  # 08:00 UTC in Tokyo


def test_no_color_is_respected(app: Served) -> None:
    _, text = on_terminal(app, "releases", NO_COLOR="1")
    assert re.search(r"\033\[[0-9;]*3[0-9]", text) is None


def test_verification_shows_a_bar_that_leaves_the_verdict_alone(app: Served) -> None:
    trail = app.trails["shop"]
    app.anchors["shop"] = [anchor_at(Head(application="shop", sequence=trail.sequence, hash=trail.hash))]
    code, text = on_terminal(app, "audit", "verify", "shop")
    assert code == 0
    assert re.search(r"✓ intact\S*  shop: \d+ records", text)


def test_a_document_is_indented_and_cannot_steer_the_terminal(app: Served) -> None:
    document = canonical({"tag": "\033[2Jgone"})
    _, text = on_terminal(app, "evidence", app.keep(document))
    assert text == '{\n  "tag": "\\u001b[2Jgone"\n}\n'
    _, text = on_terminal(app, "evidence", app.keep(b"log\n\033[2Jgone\xff\r\n\tend"))
    assert text == "log\n\\x1b[2Jgone\\xff\n        end\n"


def table_of(
    width: int,
    columns: tuple[str, ...],
    *rows: tuple[str, ...],
    cut: tuple[str, ...] = (),
    fold: tuple[str, ...] = (),
) -> list[str]:
    stream = io.StringIO()
    CliConsole(stream, terminal=True, width=width).table(columns, rows, cut=cut, fold=fold)
    return [STYLING.sub("", line) for line in stream.getvalue().splitlines()]


def test_a_column_that_does_not_fit_stands_below_its_row_and_is_the_only_one_cut() -> None:
    columns = ("id", "who", "why")
    heading, line, *below = table_of(40, columns, ("shop-482", "Ada", "because " * 20), cut=("why",))
    assert (heading.split(), line.split()) == (["ID", "WHO"], ["shop-482", "Ada"])
    assert below[0].startswith("    why because because")
    assert below[-1].endswith("…")
    assert len(below) == MOST_BELOW
    assert all(line.startswith("    ") and len(line) <= 40 for line in below)
    *_, end = table_of(40, columns, ("shop-482", "Ada", "because a long reason ends with a name: Ada"), cut=("why",))
    assert end.endswith("name: Ada")


def test_ids_are_never_cut_and_the_last_columns_move_below_where_nothing_may_be_cut() -> None:
    columns = ("release", "environment", "since")
    heading, line, below = table_of(30, columns, ("a-long-name-482", "production", "yesterday"))
    assert (heading.split(), line.split()) == (["RELEASE", "ENVIRONMENT"], ["a-long-name-482", "production"])
    assert below.split() == ["since", "yesterday"]
    assert table_of(10, columns, ("a-long-name-482", "", ""))[1] == "a-long-name-482"


def test_a_column_without_any_content_is_left_out() -> None:
    assert table_of(40, ("id", "reason"), ("shop-482", ""), ("shop-481", ""))[0] == "ID"


def test_a_digest_in_a_field_stays_in_one_piece_and_a_sentence_wraps() -> None:
    stream, digest = io.StringIO(), "sha256:" + "a" * 64
    CliConsole(stream, terminal=True, width=40).fields(
        [("digest", digest), ("why", "one two three four five six seven")]
    )
    lines = STYLING.sub("", stream.getvalue()).splitlines()
    assert lines == [f"digest  {digest}", "why     one two three four five six", "        seven"]


def test_a_folded_column_shows_all_its_text() -> None:
    stream = io.StringIO()
    console = CliConsole(stream, terminal=True, width=30)
    console.table(("rule", "reason"), [["lane-is-free", "one two three four five six seven"]], fold=("reason",))
    text = STYLING.sub("", stream.getvalue())
    assert " ".join(text.split()).endswith("one two three four five six seven")
    assert all(cell_len(line) <= 30 for line in text.splitlines())


def test_wide_characters_keep_plain_columns_aligned() -> None:
    stream = io.StringIO()
    CliConsole(stream, terminal=False).table(("name", "at"), [["漢字", "x"], ["abcd", "x"], ["", "x"]])
    assert stream.getvalue() == "NAME  AT\n漢字  x\nabcd  x\n-     x\n"


def test_plain_output_is_never_cut_or_coloured() -> None:
    stream = io.StringIO()
    CliConsole(stream, terminal=False, width=20).table(("a",), [[TextCell("x" * 300, "red")]], cut=("a",))
    assert stream.getvalue() == "A\n" + "x" * 300 + "\n"


def test_times_are_utc_in_a_pipe() -> None:
    assert CliConsole(io.StringIO(), terminal=False).time(MORNING) == "2026-11-23T08:00:00Z"
    assert CliConsole(io.StringIO(), terminal=False).time(None) == ""

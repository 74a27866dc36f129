"""Text from outside cannot steer the terminal, break a table or pass for something else."""

import io
import json
import re

import pytest

from slipway.cli.console import CliConsole, TextCell
from slipway.cli.text import neutral
from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft
from slipway.testing.chains import signed_chain
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served, problem, release_json
from tests.unit.domain.samples import MORNING
from tests.unit.domain.world import World

HOSTILE = [
    pytest.param("\033[2J\033[1;31mgone", id="clears the screen"),
    pytest.param("\033]0;title\007", id="sets the title"),
    pytest.param("\033]8;;https://evil.example\033\\here\033]8;;\033\\", id="is a link"),
    pytest.param("\x9b2J", id="is a C1 control sequence"),
    pytest.param("fine\r✓ intact", id="writes over the line"),
    pytest.param("a\nb\u2028c\u2029d\x85e\vf\fg", id="breaks the line"),
    pytest.param("abc\u202egpj.exe\u2066", id="reverses the direction"),
    pytest.param("a\u200bb\ufeffc\u00add", id="is partly invisible"),
    pytest.param("\x00\x08\x7f", id="deletes"),
]
NO_CHARACTER = pytest.param("\ud800", id="is not a character")
"""Has no UTF-8 form, so it is in no chain; it can travel in JSON all the same."""
STYLING = re.compile(r"\033\[[0-9;]*m")


def assert_harmless(text: str, *, lines: int | None = None) -> None:
    """Everything is printable, apart from line ends and the colours that we add ourselves."""
    assert STYLING.sub("", text).replace("\n", "").isprintable()
    if lines is not None:
        assert len(text.splitlines()) == lines


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("\033[2Jx", r"\x1b[2Jx"),
        ("\x9bx", r"\x9bx"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("abc\u202egpj", r"abc\u202egpj"),
        ("\ud800", r"\ud800"),
        ("ü ✓ 漢 🚀", "ü ✓ 漢 🚀"),
    ],
)
def test_text_is_neutralised_visibly(text: str, visible: str) -> None:
    assert neutral(text) == visible


@pytest.mark.parametrize(
    "text", ["[bold red]x[/]", ":boom:", "[link=https://evil.example]x[/link]", "[/]", "\\[b]", "ü ✓ 漢"]
)
@pytest.mark.parametrize("terminal", [True, False])
def test_text_that_looks_like_markup_is_printed_as_it_is(text: str, terminal: bool) -> None:
    stream = io.StringIO()
    console = CliConsole(stream, terminal=terminal, width=200)
    console.table(("name",), [[TextCell(text, "red")]])
    console.line("before ", text)
    console.fields([("name", text)])
    lines = [STYLING.sub("", line).strip() for line in stream.getvalue().splitlines()]
    assert lines == ["NAME", text, f"before {text}", f"name  {text}"]


@pytest.mark.parametrize("text", [*HOSTILE, NO_CHARACTER])
@pytest.mark.parametrize("terminal", [True, False])
def test_every_way_of_printing_is_harmless(text: str, terminal: bool) -> None:
    stream = io.StringIO()
    console = CliConsole(stream, terminal=terminal, width=200)
    console.table(("a", "b", "c"), [[text, TextCell(text, "red"), "end"]], cut=("a",), fold=("b",))
    console.line(text)
    console.unwrapped_line(text)
    console.fields([("name", text)])
    console.json({text: text})
    console.json_line({text: text})
    assert_harmless(stream.getvalue(), lines=1 + 1 + 1 + 1 + 1 + 4 + 1)
    console.text(text)
    assert_harmless(stream.getvalue())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_records_and_releases_leave_every_line_whole(
    slipway: Command, app: Served, shop: World, text: str
) -> None:
    draft = AuditDraft(
        action=Action.RELEASE_CREATED, actor=text, release=1, environment=text, details={text: [text, {text: text}]}
    )
    (record,) = signed_chain([draft], application="shop", time=MORNING, sequence=0, previous="")
    app.trails["shop"].records = [record.model_dump(mode="json")]
    app.trails["shop"].sequence, app.trails["shop"].hash = 1, record.hash
    app.replies["releases"] = Reply(body=json.dumps({"releases": [release_json(shop, 1) | {"reason": text}]}).encode())
    for arguments, lines in ((("audit", "list"), 2), (("releases",), 2), (("audit", "verify"), 3)):
        result = slipway(*arguments)
        assert result.exit_code == 0
        assert_harmless(result.output, lines=lines)
    details = slipway("audit", "show", "shop", "1")
    assert details.exit_code == 0
    assert_harmless(details.output)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["tag", "repository", "environment", "phase"])
def test_a_hostile_name_is_refused_and_not_repeated(
    slipway: Command, app: Served, shop: World, field: str, text: str
) -> None:
    """A value with a fixed form, such as a tag, cannot contain a control character."""
    app.replies["releases"] = Reply(body=json.dumps({"releases": [release_json(shop, 1) | {field: text}]}).encode())
    result = slipway("releases")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith(f"Error: the answer cannot be read: releases.0.{field}: ")
    assert text not in result.stderr
    assert_harmless(result.stderr)


@pytest.mark.parametrize("text", [*HOSTILE, NO_CHARACTER])
def test_a_hostile_answer_is_harmless_as_an_error_too(slipway: Command, app: Served, text: str) -> None:
    app.replies["releases"] = problem(400, f"title {text}", f"detail {text}", f"parameter {text}")
    result = slipway("releases")
    assert result.exit_code == 2
    assert_harmless(result.stderr)
    app.replies["releases"] = Reply(400, text.encode("utf-8", "backslashreplace"))
    assert_harmless(slipway("releases").stderr)


@pytest.mark.parametrize("text", [*HOSTILE, NO_CHARACTER])
def test_a_hostile_fault_is_named_harmlessly(slipway: Command, app: Served, text: str) -> None:
    app.trails["shop"].records[0] = {"application": "shop", "sequence": 1, "damaged": text}
    result = slipway("audit", "verify", "shop")
    assert result.exit_code == 7
    assert_harmless(result.output, lines=2)

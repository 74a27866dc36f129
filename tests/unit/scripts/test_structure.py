"""The figures about the structure of a checkout, on samples small enough to count by hand."""

import json
from pathlib import Path, PurePosixPath
from textwrap import dedent

import pytest

from scripts.structure import counts
from scripts.structure.__main__ import main
from scripts.structure.moves import Move, WrongLine, compare_names, move_of, read_moves, statements_before_and_after
from scripts.structure.sources import Module, folder_of, modules_of
from scripts.structure.tables import tables


def module(path: str, text: str) -> Module:
    return Module(PurePosixPath(path), dedent(text))


# ---- files and folders


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("function_app.py", "."),
        ("slipway/wiring.py", "slipway"),
        ("slipway/domain/decide/chain.py", "slipway/domain"),
        ("tests/unit/domain/test_gate.py", "tests"),
    ],
)
def test_a_file_counts_for_its_package(path: str, folder: str) -> None:
    assert folder_of(PurePosixPath(path)) == folder


def test_modules_of_dependencies_and_of_the_docs_are_not_read(tmp_path: Path) -> None:
    for name in ("slipway/a.py", "local/azurite/node_modules/b.py", "docs/c.py", "top.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert [str(m.path) for m in modules_of(tmp_path)] == ["slipway/a.py", "top.py"]


# ---- counts


def test_docstrings_are_not_statements() -> None:
    sample = module(
        "slipway/a.py",
        '''
        """Why it is here."""
        LIMIT = 3
        """How many."""
        def twice(x: int) -> int:
            """Two times."""
            return 2 * x
        ''',
    )
    assert counts.statements(sample) == 3


def test_only_names_at_the_top_of_two_modules_are_repeated() -> None:
    first = module(
        "slipway/a.py", "class Answer:\n    def show(self): ...\nclass _Kept: ...\ndef page(): ...\ndef _h(): ...\n"
    )
    second = module(
        "functions/b.py", "class Answer: ...\nclass _Kept: ...\ndef page(): ...\ndef show(): ...\ndef _h(): ...\n"
    )
    assert list(counts.repeated_classes([first, second])) == ["Answer", "_Kept"]
    assert counts.repeated_functions([first, second]) == {"page": [second.path, first.path]}


def test_a_name_twice_in_one_module_is_not_repeated() -> None:
    sample = module("slipway/a.py", "if True:\n    pass\ndef page(): ...\ndef page(): ...\n")
    assert counts.repeated_functions([sample]) == {}


def test_handlers_of_broad_errors_count_wherever_they_are_named_but_in_the_ledger() -> None:
    text = """
        try: ...
        except KeyError: ...
        except (ValueError, LookupError, KeyError): ...
        except IndexError: ...
        """
    above, ledger = module("slipway/flow/a.py", text), module("slipway/ledger/b.py", text)
    assert counts.broad_handlers([above, ledger]) == {"KeyError": 2, "LookupError": 1}


def test_casts_ignores_asserts_and_comments_are_read_from_code_not_from_text() -> None:
    sample = module(
        "slipway/a.py",
        """
        import typing
        from typing import cast
        a = cast(int, b)  # type: ignore[name-defined]
        # a reason
        c = typing.cast(int, "cast(x)  # type: ignore")
        assert a, "assert"
        """,
    )
    assert counts.casts([sample]) == 2
    assert counts.type_ignores([sample]) == 1
    assert counts.asserts([sample]) == 1
    assert counts.comment_share([sample]) == pytest.approx(100 * 2 / 7)


def test_vague_names_count_where_they_are_bound_or_defined_not_where_they_are_read_or_passed() -> None:
    sample = module(
        "slipway/a.py",
        """
        _TOLD = 3
        SAID: Final = "said"
        TOLD_OFF = 1
        Given = int

        def look(found, rows):
            found = rows
            for found in rows: ...
            return [found for found in rows if (given := found)]

        class Reader:
            def _told(self): ...
            async def told(self): ...
            def told_off(self): ...
        """,
    )
    assert counts.vague_names([sample], ("found", "given", "told", "said", "seen")) == {
        "found": 3,
        "given": 1,
        "told": 3,
        "said": 1,
        "seen": 0,
    }


def test_a_patch_counts_each_file_once_whether_it_is_changed_added_or_removed() -> None:
    patch = dedent(
        """\
        --- a/slipway/domain/phases.py
        +++ b/slipway/domain/phases.py
        @@ -1 +1 @@
        -x
        +y
        --- /dev/null
        +++ b/slipway/effects/slack.py
        @@ -0,0 +1 @@
        +z
        --- a/docs/old.md\t2026-01-01
        +++ /dev/null
        """
    )
    assert counts.files_in_patches({"new-channel": patch}) == {"new-channel": 3}


# ---- tables of phases, actions and rules

PHASES = """
    class Phase(StrEnum):
        QUEUED = "queued"
        FAILED = "failed"
        HELD_BACK = "held_back"

    ENDS = frozenset({Phase.FAILED, Phase.QUEUED})
    """


def test_tables_are_found_by_members_and_those_of_the_enums_own_module_are_marked() -> None:
    words = module(
        "slipway/web/words.py",
        """
        TONES = {Phase.QUEUED: {Phase.FAILED, Phase.QUEUED}, Phase.FAILED: "bad"}
        def tone(phase):
            match phase:
                case Phase.QUEUED | Phase.FAILED: ...
                case _: ...
        """,
    )
    home, table, match = tables([module("slipway/domain/phases.py", PHASES), words])
    assert (home.of, home.entries, home.at_home) == ("Phase", 2, True)
    assert (table.line, table.entries, table.at_home) == (2, 2, False)  # the set within counts with the dict
    assert (match.line, match.entries) == (4, 2)


def test_one_member_or_members_among_many_other_things_are_not_a_table() -> None:
    sample = module("slipway/a.py", 'a = {Phase.FAILED}\nb = ("x", "y", "z", Phase.FAILED, Phase.QUEUED)\n')
    assert tables([sample]) == []


def test_texts_of_members_count_where_they_cannot_mean_something_else() -> None:
    phases = module("slipway/domain/phases.py", PHASES.partition("ENDS")[0])
    two_words = module("slipway/a.py", 'states = ("queued", "failed")\n')
    three = module("slipway/b.py", 'TONES = {"queued": 1, "failed": 2, "held_back": 3}\n')
    assert [(table.path.name, table.entries) for table in tables([phases, two_words, three])] == [("b.py", 3)]


def test_before_there_are_enums_actions_and_rules_are_known_by_where_they_are_made() -> None:
    decide = module(
        "slipway/domain/decide.py",
        """
        draft.record("release.created", release)
        RuleResult(name="gate-is-open", passed=True)
        _rule("run-succeeded", run)
        """,
    )
    words = module(
        "slipway/pages/words.py",
        """
        WORDS = {"release.created": "a", "release.sent-on": "b", "host.json": "c"}
        RULES = {"gate-is-open", "run-succeeded"}
        """,
    )
    assert [(table.of, table.entries) for table in tables([decide, words])] == [("Action", 2), ("Rule", 2)]


def test_an_enum_whose_members_are_records_of_facts_is_known_by_the_first_text_of_each() -> None:
    actions = module(
        "slipway/domain/actions.py",
        """
        class Action(FactsEnum):
            CREATED = _facts("release.created", "a release began")
            LOST = _facts("step.lost", "a step was lost")
        """,
    )
    words = module(
        "slipway/web/words.py", 'W = {"release.created": 1, "step.lost": 2}\nX = {"a release began", "step.x"}\n'
    )
    assert [(table.of, table.entries) for table in tables([actions, words])] == [("Action", 2)]


# ---- before and after


def test_a_move_of_a_file_goes_before_that_of_its_folder() -> None:
    moves = [Move("slipway/flow", "slipway/engine"), Move("slipway/flow/board.py", "slipway/queries/board.py")]
    assert move_of("slipway/flow/board.py", moves) == Move("slipway/flow/board.py", "slipway/queries/board.py")
    assert move_of("slipway/flow/steps/plan.py", moves) == Move(
        "slipway/flow/steps/plan.py", "slipway/engine/steps/plan.py"
    )
    assert move_of("slipway/flows.py", moves) is None


def test_statements_of_a_moved_module_are_not_counted_as_removed() -> None:
    old = [module("slipway/flow/board.py", "a = 1\nb = 2\n"), module("slipway/flow/gone.py", "c = 3\n")]
    new = [module("slipway/queries/board.py", "a = 1\n")]
    folders = statements_before_and_after(old, new, [Move("slipway/flow/board.py", "slipway/queries/board.py")])
    assert [(folder.name, folder.before, folder.after, folder.change) for folder in folders] == [
        ("slipway/flow", 1, 0, -1),
        ("slipway/queries", 2, 1, -1),
    ]


def test_a_table_of_moves_says_which_line_cannot_be_read() -> None:
    assert read_moves("# why\n\na\tb\nc\t\ttold twice\n") == [Move("a", "b"), Move("c", "", "told twice")]
    with pytest.raises(WrongLine, match="line 2"):
        read_moves("a\tb\nc\t\n")


BEFORE = [
    "tests/unit/flow/test_board.py::test_rows[one]",
    "tests/unit/flow/test_board.py::test_rows[two words]",
    "tests/unit/flow/test_board.py::test_cells",
    "tests/unit/test_old.py::test_gone",
    "",
    "4 tests collected in 0.10s",
]


def test_a_test_that_stays_moves_or_is_gone_with_a_reason_is_accounted_for() -> None:
    after = [
        "tests/unit/queries/test_board.py::test_rows[one]",
        "tests/unit/queries/test_board.py::test_cells_of_lanes",
    ]
    moves = [
        Move("tests/unit/flow", "tests/unit/queries"),
        Move("tests/unit/flow/test_board.py::test_cells", "tests/unit/queries/test_board.py::test_cells_of_lanes"),
        Move("tests/unit/test_old.py", "", "the module went"),
    ]
    names = compare_names(BEFORE, after, moves)
    assert (names.before, names.after, names.missing) == (3, 2, [])
    assert names.dropped == {"tests/unit/test_old.py::test_gone": "the module went"}
    assert names.complete


def test_a_test_without_a_line_is_missing() -> None:
    names = compare_names(BEFORE, BEFORE[:3], [])
    assert names.missing == ["tests/unit/test_old.py::test_gone"]
    assert not names.complete


def test_a_line_that_leads_to_no_test_does_not_account_for_one() -> None:
    names = compare_names(BEFORE, BEFORE[:3], [Move("tests/unit/test_old.py", "tests/unit/test_new.py")])
    assert names.missing == ["tests/unit/test_old.py::test_gone"]


def test_a_line_for_a_test_that_never_was_is_untrue() -> None:
    names = compare_names(BEFORE, BEFORE, [Move("tests/unit/test_typo.py", "", "gone")])
    assert not names.complete
    assert "tests/unit/test_typo.py" in names.untrue[0]


# ---- the command


def test_the_command_fails_and_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after, moves = (tmp_path / name for name in ("before", "after", "moves"))
    before.write_text("\n".join(BEFORE))
    after.write_text("\n".join(BEFORE[:3]))
    assert main(["--names", str(before), str(after)]) == 1
    assert "missing: tests/unit/test_old.py::test_gone" in capsys.readouterr().out
    moves.write_text("tests/unit/test_old.py::test_gone\t\tit tested what is no more\n")
    assert main(["--names", str(before), str(after), "--moves", str(moves)]) == 0


def test_a_file_without_test_ids_is_refused_and_not_taken_for_no_loss(tmp_path: Path) -> None:
    counts_only, ids = tmp_path / "counts", tmp_path / "ids"
    counts_only.write_text("tests/unit/flow/test_board.py: 3\n")
    ids.write_text("\n".join(BEFORE))
    assert main(["--names", str(counts_only), str(ids)]) == 2
    assert main(["--names", str(ids), str(counts_only)]) == 2


def test_the_command_prints_the_figures_of_any_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "slipway" / "domain").mkdir(parents=True)
    (tmp_path / "slipway" / "domain" / "phases.py").write_text(dedent(PHASES))
    extensions = tmp_path / "scripts" / "extensions"
    extensions.mkdir(parents=True)
    (extensions / "new-channel.patch").write_text("--- /dev/null\n+++ b/slipway/effects/slack.py\n")
    assert main([str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["statements"] == {"slipway/domain": 5}
    assert [table["path"] for table in figures["tables"]] == ["slipway/domain/phases.py"]
    assert figures["extensions"] == {"new-channel": 1}
    assert main([str(tmp_path)]) == 0
    assert "files of the extension new-channel  " in capsys.readouterr().out

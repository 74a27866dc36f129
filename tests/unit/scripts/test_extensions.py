"""`make extend`: patches are taken apart, one part is left out at a time, and what nobody notices fails the run."""

import subprocess
from pathlib import Path

import pytest

from scripts.extensions.__main__ import lines
from scripts.extensions.patches import NoPatch, Patch, read_patch, read_patches
from scripts.extensions.proving import prove
from scripts.extensions.scratch import ROOT, ProgramResult, commit_of_checkout, scratch_copy

LINES = [f"line {number}\n" for number in range(1, 31)]


def git(folder: Path, *arguments: str) -> str:
    name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    return subprocess.run(["git", *name, *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one committed file of thirty lines."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "product.txt").write_text("".join(LINES))
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "The start")
    return folder


@pytest.fixture
def patch(checkout: Path, tmp_path: Path) -> Patch:
    """Changes two places of a file, makes another, and a test."""
    (checkout / "product.txt").write_text("".join(["first\n", *LINES[1:-1], "last\n"]))
    (checkout / "new.txt").write_text("new\n")
    (checkout / "tests").mkdir()
    (checkout / "tests" / "test_it.py").write_text("1\n")
    git(checkout, "add", "--intent-to-add", ".")
    path = tmp_path / "it.patch"
    path.write_text(f"# Adds it.\n# Aim: 2\n# Tests: tests/test_it.py\n\n{git(checkout, 'diff')}")
    git(checkout, "reset", "--quiet", "--hard")
    git(checkout, "clean", "--quiet", "--force", "-d")
    return read_patch(path)


class Checked:
    """A scratch copy whose type check wants the words of `typed`, and whose tests those of `tested`."""

    def __init__(self, typed: str = "", tested: str = "", *, broken: str = "") -> None:
        self._typed, self._tested, self._broken = typed, tested, broken
        self._applied = ""

    def apply(self, patch: str) -> ProgramResult:
        self._applied = patch
        return self._result("apply")

    def types(self) -> ProgramResult:
        return self._result("types", self._typed)

    def tests(self, *names: str) -> ProgramResult:
        return self._result(f"tests {names[0]}", self._tested)

    def docs(self) -> ProgramResult:
        return self._result("docs")

    def lint(self) -> ProgramResult:
        return self._result("lint")

    def _result(self, step: str, words: str = "") -> ProgramResult:
        missing = [word for word in words.split() if f"+{word}\n" not in self._applied]
        return ProgramResult(passed=step != self._broken and not missing, text=f"{step} lacks {missing}")


def test_a_patch_is_read_with_its_aim_its_tests_and_each_of_its_parts(patch: Patch) -> None:
    assert (patch.name, patch.aim, patch.tests) == ("it", 2, ("tests/test_it.py",))
    assert [str(part) for part in patch.parts] == ["new.txt:1", "product.txt:1", "product.txt:30"]
    assert [change.path for change in patch.changes if change.is_test] == ["tests/test_it.py"]


def test_the_copy_has_what_is_not_committed_and_the_whole_patch_and_then_all_but_one_part(
    checkout: Path, patch: Patch
) -> None:
    (checkout / "product.txt").write_text("".join([*LINES[:15], "not committed\n", *LINES[15:]]))
    with scratch_copy(commit_of_checkout(checkout), checkout) as scratch:
        product = scratch.folder / "product.txt"
        assert scratch.apply(patch.text()).passed
        with_patch = product.read_text().splitlines()
        assert (with_patch[0], with_patch[15], with_patch[-1]) == ("first", "not committed", "last")
        new_file, first, last = patch.parts
        for missing, expected in ((first, ("line 1", "last")), (last, ("first", "line 30"))):
            assert scratch.apply(patch.text(without=missing)).passed
            remaining = product.read_text().splitlines()
            assert (remaining[0], remaining[-1]) == expected
        assert scratch.apply(patch.text(without=new_file)).passed
        assert not (scratch.folder / "new.txt").exists()
    assert not scratch.folder.exists()
    assert git(checkout, "worktree", "list").count("\n") == 1
    assert (checkout / "product.txt").read_text().count("not committed") == 1


def test_a_patch_that_no_longer_fits_is_reported_by_git(checkout: Path, patch: Patch) -> None:
    (checkout / "product.txt").write_text("all is new\n")
    with scratch_copy(commit_of_checkout(checkout), checkout) as scratch:
        output = scratch.apply(patch.text())
    assert not output.passed
    assert "product.txt" in output.end


def test_each_part_is_noticed_by_the_type_check_or_by_a_test(patch: Patch) -> None:
    proof = prove(patch, Checked(typed="new first", tested="first last"))
    assert [(str(omission.hunk), omission.noticed_by) for omission in proof.omissions] == [
        ("new.txt:1", "the type check"),
        ("product.txt:1", "the type check"),
        ("product.txt:30", "a test"),
    ]
    assert proof.problems == ()
    assert next(iter(lines(proof))) == "it: passed; 2 files of the product (aim: 2), 1 of tests"


def test_a_part_that_nobody_misses_is_a_problem(patch: Patch) -> None:
    proof = prove(patch, Checked(typed="new", tested="first"))
    assert proof.problems == ("it: nobody notices where product.txt:30 is left out",)
    assert "NOBODY NOTICES" in [*lines(proof)][-1]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("apply", "it: does not apply"),
        ("types", "it: fails the type check"),
        ("tests tests/test_it.py", "it: fails its own tests"),
        ("docs", "it: spoils the docs"),
        ("lint", "it: fails the checks"),
        ("tests tests/architecture", "it: fails the tests of structure and docs"),
    ],
)
def test_a_patch_that_is_wrong_as_a_whole_says_what_and_nothing_of_its_parts(
    patch: Patch, broken: str, problem: str
) -> None:
    proof = prove(patch, Checked(broken=broken))
    (complaint,) = proof.problems
    assert complaint.splitlines()[0] == problem
    assert proof.omissions == ()


def test_more_files_than_the_aim_are_a_problem(patch: Patch, tmp_path: Path) -> None:
    path = tmp_path / "it.patch"
    path.write_text(path.read_text().replace("# Aim: 2", "# Aim: 1"))
    proof = prove(read_patch(path), Checked(typed="new first last"))
    assert proof.problems == ("it: touches 2 files of the product, and should touch 1 at most",)


@pytest.mark.parametrize("line", ["# Adds it.\n", "# Aim: 2\n", "# Tests: tests/test_it.py\n"])
def test_a_header_without_one_of_its_lines_is_refused(patch: Patch, tmp_path: Path, line: str) -> None:
    path = tmp_path / "it.patch"
    text = path.read_text().replace(line, "" if line != "# Adds it.\n" else "\n")
    path.write_text(text)
    with pytest.raises(NoPatch, match=r"^it\.patch: expected comments"):
        read_patch(path)


def test_the_patches_of_this_repository_can_be_read_and_their_tests_are_there() -> None:
    patches = read_patches()
    assert {patch.name for patch in patches} == {"new-channel", "new-end-state", "new-gate-rule", "new-source"}
    for patch in patches:
        new_files = {change.path for change in patch.changes}
        assert [name for name in patch.tests if name not in new_files and not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("patch", [patch.name for patch in read_patches()])
def test_a_patch_of_this_repository_applies_to_this_checkout(patch: str) -> None:
    path = ROOT / "scripts" / "extensions" / f"{patch}.patch"
    check = ["git", "apply", "--check", "--whitespace=nowarn", str(path)]
    applied = subprocess.run(check, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (applied.returncode, applied.stderr) == (0, "")


def test_the_page_about_extensions_names_every_file_that_they_touch() -> None:
    page = (ROOT / "docs" / "contributing" / "extending.md").read_text(encoding="utf-8")
    for patch in read_patches():
        section = page.partition(f"(`{patch.name}`)")[2].partition("\n## ")[0]
        # A file that the patch makes is not there yet, so the page says what it would be called.
        names = [f"{Path(change.path).parent}/<" if change.is_new else change.path for change in patch.product]
        assert [name for name in names if name not in section] == []

"""`slipway new`: what it writes can be applied as it is, and nothing that is there is overwritten."""

import ast
import json
from pathlib import Path
from string import ascii_lowercase, digits

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from slipway.catalogue import check_path
from slipway.cli.root import root
from slipway.cli.starting import NewApplication, PipelineName, starting_files, write_starting_files
from slipway.domain.application import SourceKind
from slipway.domain.gate import ApprovalGate, Level


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def slipway(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments), env={"SLIPWAY_URL": None}, prog_name="slipway")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--pipeline", "shop/cart-ci"),
        ("--project", "teams", "--repository", "teams/cart", "--approver", "role:leads", "--approver", "role:ops"),
        ("-o", "deploy/here"),
        ("--chart",),
        ("--chart", "--pipeline", "shop/cart-ci", "--repository", "teams/cart"),
    ],
)
def test_the_written_files_have_no_problems(options: tuple[str, ...]) -> None:
    result = slipway("new", "cart", *options)
    assert result.exit_code == 0, result.output
    checked = slipway("check", ".")
    assert (checked.exit_code, checked.stdout.splitlines()[0]) == (
        0,
        f"✓ project {'teams' if '--project' in options else 'cart'}, cart: no problems",
    )


ALPHANUMERIC = ascii_lowercase + digits
names = st.sampled_from(("n", "no", "null", "true")) | st.tuples(
    st.sampled_from(ascii_lowercase), st.text(f"{ALPHANUMERIC}-", max_size=38), st.sampled_from(ALPHANUMERIC)
).map("".join)
words = st.text(ALPHANUMERIC, min_size=1, max_size=9)
folders = st.tuples(words, st.sampled_from(("", ".", "_", "__", "-", "--")), words).map("".join)
repositories = st.lists(folders, min_size=1, max_size=3).map("/".join)
choices = st.builds(
    NewApplication,
    app=names,
    project=names,
    repository=repositories.filter(lambda name: "." not in name.partition("/")[0]),
    approvers=st.just(("role:approvers",)),
    pipeline=st.none()
    | st.builds(PipelineName, project=st.sampled_from(["shop", 'a "b": #']), name=st.just("ci: {x}")),
    chart=st.booleans(),
)


@given(choices)
def test_every_accepted_name_gives_a_folder_without_problems(choices: NewApplication) -> None:
    import tempfile  # noqa: PLC0415 - a folder for each example, which a fixture cannot give

    with tempfile.TemporaryDirectory() as name:
        write_starting_files(Path(name), starting_files(choices))
        assert set(check_path(Path(name)).definitions) == {choices.app}


def test_production_asks_the_approvers_for_signed_votes(folder: Path) -> None:
    slipway("new", "cart", "--approver", "role:leads", "--pipeline", "shop/cart-ci")
    production = check_path(folder).definitions["cart"].application.environments[-1]
    assert isinstance(production.gate, ApprovalGate)
    assert (production.gate.level, production.gate.approvers) == (Level.SIGNED, ("role:leads",))
    assert production.gate.require_known


@pytest.mark.parametrize(
    ("options", "names"), [((), ["acceptance", "server"]), (("--chart",), ["acceptance", "server", "server"])]
)
def test_the_written_programs_are_valid_python(folder: Path, options: tuple[str, ...], names: list[str]) -> None:
    slipway("new", "cart", *options)
    programs = list((folder / "cart").rglob("*.py"))
    assert sorted(program.stem for program in programs) == names
    for program in programs:
        ast.parse(program.read_text())


def test_with_a_chart_two_images_and_a_bundle_lie_below_the_repository(folder: Path) -> None:
    slipway("new", "cart", "--chart", "--repository", "teams/cart")
    application = check_path(folder).definitions["cart"].application
    assert (application.source, application.pushed.repository) == (SourceKind.BUNDLE, "teams/cart/bundle")
    assert yaml.safe_load((folder / "cart/deploy/chart/values.yaml").read_text())["images"] == {
        "web": "teams/cart/web",
        "prices": "teams/cart/prices",
    }
    assert yaml.safe_load((folder / "cart/project.yaml").read_text())["repositories"] == ["teams/cart/*"]


def test_an_existing_file_is_not_overwritten_and_nothing_is_written_beside_it(folder: Path) -> None:
    (folder / "cart/verify").mkdir(parents=True)
    (folder / "cart/verify/acceptance.yaml").write_text("mine")
    result = slipway("new", "cart")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: cart/verify/acceptance.yaml: is there already; nothing is overwritten\n",
    )
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["acceptance.yaml"]
    assert (folder / "cart/verify/acceptance.yaml").read_text() == "mine"


def test_a_file_where_the_folder_should_be_is_reported(folder: Path) -> None:
    (folder / "cart").write_text("")
    result = slipway("new", "cart")
    assert (result.exit_code, "cart" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Cart",), "lower-case letters, digits and dashes"),
        (("cart", "--project", "a_b"), "lower-case letters, digits and dashes"),
        (("cart", "--repository", "host.example/cart:1"), "without registry and tag"),
        (("cart", "--approver", "ada"), "role:<app role>"),
        (("cart", "--approver", "ada@example.com"), "whose object id is known"),
        (("cart", "--pipeline", "cart-ci"), "PROJECT/NAME"),
    ],
)
def test_an_invalid_name_is_reported_and_nothing_is_written(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = slipway("new", *arguments)
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.stderr
    assert list(folder.iterdir()) == []


def test_with_json_the_files_are_named_in_one_object(folder: Path) -> None:
    output = json.loads(slipway("new", "cart", "--json").stdout)
    assert (output["v"], output["folder"]) == (1, "cart")
    assert {folder / path for path in output["files"]} == {path for path in folder.rglob("*") if path.is_file()}

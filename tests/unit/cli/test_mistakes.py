"""The mistakes that people make in their files, and what `slipway check` says about each: where it is, what was
expected, what is there, and what to do. A further mistake is one more entry of the table in `mistakes.py`."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipway.cli.root import root
from slipway.cli.starting import NewApplication, PipelineName, starting_files, write_starting_files
from tests.unit.cli.conftest import Command
from tests.unit.cli.mistakes import APPLICATION, DEPLOYMENT, MISTAKES, PROJECT, SERVICE, Mistake, manifest

AT_LEAST = 61
"""How many the table has; it only grows."""


def slipway(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments), env={"SLIPWAY_URL": None}, prog_name="slipway")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `slipway new` writes, which has no problems."""
    monkeypatch.chdir(tmp_path)
    choices = NewApplication(
        app="shop",
        project="shop",
        repository="shop",
        approvers=("role:leads",),
        pipeline=PipelineName(project="shop", name="shop-ci"),
    )
    write_starting_files(tmp_path, starting_files(choices))
    return tmp_path


def test_without_a_mistake_there_is_no_problem(home: Path) -> None:
    assert home.is_dir()
    assert slipway("check", "--offline").exit_code == 0


OF_FILES = {name: mistake for name, mistake in MISTAKES.items() if not mistake.asks}


@pytest.mark.parametrize("mistake", OF_FILES.values(), ids=OF_FILES)
def test_a_mistake_is_reported_at_its_line_with_what_to_do(home: Path, mistake: Mistake) -> None:
    mistake.make(home)
    result = slipway("check", "--offline")
    assert result.exit_code == 1, result.output
    assert mistake.is_reported(result, mistake.place), result.stdout


def can_both_be_made(first: Mistake, second: Mistake) -> bool:
    """Not if they change the same piece of a file."""
    return first.file != second.file or not (first.old in second.old or second.old in first.old)


NAMES = list(OF_FILES)
PAIRS = [
    pytest.param(first, second, marks=[pytest.mark.thorough] if apart > 1 else [], id=f"{first} + {second}")
    for apart in (1, 19)
    for first, second in zip(NAMES, NAMES[apart:] + NAMES[:apart], strict=True)
    if can_both_be_made(OF_FILES[first], OF_FILES[second])
]
"""Each mistake beside four others: neighbours in the table, which are alike, and, where it is thorough, some that are
not."""


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_mistake_beside_another_is_reported_as_well_or_said_to_be_not_checked(
    home: Path, first: str, second: str
) -> None:
    mistakes = (OF_FILES[first], OF_FILES[second])
    for mistake in mistakes:
        mistake.make(home)
    result = slipway("check", "--offline")
    assert result.exit_code == 1, result.output
    reported = [mistake.is_reported(result, mistake.place) for mistake in mistakes]
    assert any(reported)
    assert all(reported) or not_checked(result), result.stdout


def not_checked(result: Result) -> list[str]:
    """What could not be judged, apart from the names that only an installation knows."""
    lines = (line for line in result.stdout.splitlines() if line.startswith("! not checked: "))
    return [line for line in lines if "--offline was given" not in line]


LAYERS = (
    "a field of the application that is misspelt",
    "a namespace outside the project",
    "a repository outside the project",
    "a gate that nobody hears of",
    "another ending",
    "a namespace of somebody else",
    "an unquoted number",
    "a misspelt field",
    "a kind that the project does not allow",
    "an object twice",
    "a Job without an end",
)


def test_mistakes_in_every_layer_are_reported_at_once_sorted_by_file_and_line(home: Path) -> None:
    for name in LAYERS:
        OF_FILES[name].make(home)
    result = slipway("check", "--offline")
    missed = [name for name in LAYERS if not OF_FILES[name].is_reported(result, OF_FILES[name].place)]
    assert missed == [], result.stdout
    places = [match.groups() for line in result.stdout.splitlines() if (match := re.match(r"([^:!]+):(\d+):", line))]
    assert places == sorted(places, key=lambda place: (place[0], int(place[1])))
    assert len(places) == len(LAYERS) + 1, "each once, and the object that is there twice in both environments"


@pytest.mark.parametrize(
    ("file", "old", "new", "not_said"),
    [
        (APPLICATION, 'substitutions: { REPLICAS: "1" }', "substitutions: 1", "its manifests (environment staging)"),
        (APPLICATION, "namespace: shop-staging", "namespase: shop-staging", "its Jobs (environment staging)"),
        (APPLICATION, "repository: shop", "repository: Shop", "the images in the manifests"),
        (PROJECT, "repositories:", "repos:", "whether shop keeps within its project shop"),
        (DEPLOYMENT, "kind: Deployment", "kynd: Deployment", "the rest of the object"),
        (DEPLOYMENT, "  replicas", "\treplicas", "the objects in deployment.yaml"),
        (DEPLOYMENT, "kind: Deployment", "kind: Deploymnt", "the fields of Deploymnt (apps/v1)"),
        (SERVICE, "name: shop\n", "name: {{ .Release.Name }}\n", "what else is in service.yaml"),
    ],
)
def test_a_check_that_a_mistake_makes_impossible_is_named(
    home: Path, file: str, old: str, new: str, not_said: str
) -> None:
    Mistake(file=file, old=old, new=new, says=()).make(home)
    result = slipway("check", "--offline")
    assert result.exit_code == 1
    assert any(f"! not checked: {not_said}" in line for line in not_checked(result)), result.stdout
    error = json.loads(slipway("check", "--offline", "--json").stdout)["error"]
    assert any(f"not checked: {not_said}" in note for note in error["not_checked"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("notify: [inbox]", "notify: inbox"),  # as if nobody would be told
        ('approvers: ["role:leads"]', "approvers: leads"),  # as if it had no gate, and so less than the least
        ("repository: shop", "repository: Shop"),  # as if no manifest named it
        ("namespace: shop-production", "namespace: Shop_Production"),  # as if it were not one of the project's
        ("    gate:", "    gaet:"),
    ],
)
def test_the_substitute_for_a_wrong_value_causes_no_further_problem(home: Path, old: str, new: str) -> None:
    Mistake(file=APPLICATION, old=old, new=new, says=()).make(home)
    result = slipway("check", "--offline")
    problems = [line for line in result.stdout.splitlines() if not line.startswith("! ")]
    assert len(problems) == 1, result.stdout
    assert "unknown-" not in result.stdout


def test_the_table_only_grows() -> None:
    assert len(MISTAKES) >= AT_LEAST


def allow(home: Path, kind: str) -> None:
    """Let the project's applications have objects of the kind."""
    with (home / PROJECT).open("a") as project:
        project.write(f"kinds: {{ also: [{kind}] }}\n")


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_replicas_beside_an_autoscaler_are_advised_against(home: Path, kind: str) -> None:
    api = "autoscaling/v2" if kind == "HorizontalPodAutoscaler" else "keda.sh/v1alpha1"
    body = "spec:\n  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }\n  maxReplicas: 3\n"
    (home / "manifests/scale.yaml").write_text(manifest(kind, body, api=api))
    allow(home, "keda.sh/ScaledObject")
    result = slipway("check", "--offline")
    assert result.exit_code == 0, result.output
    assert "scales it" in result.stdout


def test_an_object_of_a_custom_kind_is_reported_as_not_checked_against_a_schema(home: Path) -> None:
    (home / "manifests/route.yaml").write_text(
        manifest("HTTPRoute", "spec:\n  anything: 1\n", api="gateway.networking.k8s.io/v1")
    )
    allow(home, "gateway.networking.k8s.io/HTTPRoute")
    result = slipway("check", "--offline")
    assert result.exit_code == 0
    note = "not checked: the fields of HTTPRoute (gateway.networking.k8s.io/v1), because there is no schema of it here"
    assert f"! {note}" in result.stdout.splitlines()
    assert note in json.loads(slipway("check", "--offline", "--json").stdout)["not_checked"]


@pytest.mark.parametrize(("version", "code"), [("1.33", 0), ("1.35", 0), ("1.9", 2), ("2", 2), ("../x", 2)])
def test_a_version_of_kubernetes_without_schemas_is_refused(home: Path, version: str, code: int) -> None:
    result = slipway("check", "--offline", "--kubernetes", version)
    assert result.exit_code == code, result.output
    if code:
        assert "1.35" in result.stderr


def test_a_command_that_is_misspelt_is_named(slipway: Command) -> None:
    for arguments, suggestion in ((("relase",), "release"), (("audit", "lst"), "list")):
        result = slipway(*arguments)
        assert result.exit_code == 2
        assert f"Did you mean '{suggestion}'?" in result.stderr
    assert "Did you mean" not in slipway("xyz").stderr


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("audit", "list", "--since", "3d"), "--from"),
        (("audit", "list", "--until", "3d"), "--to"),
        (("diff", "--path", "x"), "--file"),
        (("releases", "--aplication", "x"), "--application"),
    ],
)
def test_a_misnamed_option_is_answered_with_its_name_here(arguments: tuple[str, ...], suggestion: str) -> None:
    for form in ((), ("--json",)):
        result = slipway(*arguments, *form)
        assert result.exit_code == 2
        assert f"Did you mean '{suggestion}'?" in result.output


def test_an_option_that_resembles_no_other_gets_no_suggestion() -> None:
    result = slipway("releases", "--since", "3d")
    assert "No such option '--since'." in result.stderr
    assert "Did you mean" not in result.stderr

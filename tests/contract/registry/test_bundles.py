"""`slipway bundle` on real registries; what it pushed is read back by tools that know nothing of Slipway."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slipway.cli.root import root
from slipway.testing.artifacts import image, index, push_artifact
from tests.contract.registry.conftest import KINDS, Places
from tests.contract.registry.places import PASSWORD, Place
from tests.unit.bundle.samples import FILES, write

BUILT_HERE = Path(__file__).parents[3] / ".local" / "tools" / "oras"
ORAS = shutil.which("oras") or (str(BUILT_HERE) if BUILT_HERE.exists() else None)

type Slipway = Callable[..., Result]


@pytest.fixture(params=KINDS[1:])
def place(request: pytest.FixtureRequest, places: Places) -> Place:
    """The registries that ask for credentials."""
    return places(request.param)


@pytest.fixture
def slipway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slipway:
    """The command, in an empty folder, signed in by environment variables."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environment: str | None) -> Result:
        signed_in = {"SLIPWAY_REGISTRY_USER": "ada", "SLIPWAY_REGISTRY_PASSWORD": PASSWORD, "DOCKER_CONFIG": "none"}
        return CliRunner().invoke(root, list(arguments), env={**signed_in, **environment}, prog_name="slipway")

    return run


def write_sources(place: Place, repository: str, tmp_path: Path) -> str:
    """Push an image, and write a folder to build a bundle with it from; returns the image's digest."""
    built = index(image(b"a layer"), image(b"another", architecture="arm64"))
    digest = push_artifact(place.client(), repository, built, "1.4.0")
    write(tmp_path / "deploy", {path: text.replace("team/shop", repository) for path, text in FILES.items()})
    environments = {
        name: {"registry": registry, "namespace": namespace, "kubernetes": "1.34"}
        for name, registry, namespace in (
            ("staging", place.login_server, "shop-staging"),
            ("production", "prod.example", "shop"),
        )
    }
    targets = {"v": 1, "application": "shop", "environments": environments}
    (tmp_path / "deploy/targets.json").write_text(json.dumps(targets))
    return digest


def build(slipway: Slipway, place: Place, *more: str) -> Result:
    return slipway("bundle", "build", "deploy", "--version", "1.4.0", "--registry", place.login_server, *more)


def test_a_bundle_is_built_pushed_and_read_back(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    digest = write_sources(place, repository, tmp_path)
    built = build(slipway, place, "--json")
    assert built.exit_code == 0, built.output
    summary = json.loads(built.stdout)
    assert summary["images"][0]["digest"] == digest
    assert summary["images"][0]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert summary["missing"] == []

    where = f"{place.login_server}/{repository}-bundle"
    pushed = slipway("bundle", "push", "bundle", where, "--record", "pushed.json")
    assert pushed.exit_code == 0, pushed.output
    assert summary["digest"] in pushed.stdout
    record = json.loads((tmp_path / "pushed.json").read_text())
    assert (record["kind"], record["digest"]) == ("bundle", summary["digest"])
    assert record["images"] == [{"repository": repository, "digest": digest}]

    assert slipway("bundle", "verify", f"{where}:1.4.0", "--targets", "deploy/targets.json").exit_code == 0
    bundle = json.loads(slipway("bundle", "show", f"{where}@{summary['digest']}", "--json").stdout)
    assert {name: bundle[name] for name in bundle} == {name: summary[name] for name in bundle}
    table = slipway("bundle", "show", f"{where}:1.4.0").stdout.split("ENVIRONMENT")[1]
    assert table.index("staging") < table.index("production"), "in the order of the application"
    pulled = slipway("bundle", "pull", f"{where}:1.4.0", "--output", "live")
    assert pulled.exit_code == 0, pulled.output
    files = {p.relative_to(tmp_path / "live").as_posix() for p in (tmp_path / "live").rglob("*") if p.is_file()}
    assert files == set(FILES)
    assert (tmp_path / "live/environments/production/deployment.yaml").read_text().count(
        f"image: prod.example/{repository}@{digest}"
    ) == 1


def test_the_environments_of_a_bundle_are_listed_in_the_order_of_the_targets(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    rows = [line.split()[0] for line in build(slipway, place).stdout.splitlines() if line]
    assert rows[rows.index("ENVIRONMENT") + 1 :][:2] == ["staging", "production"]


def test_building_and_pushing_twice_changes_nothing(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    digests = {json.loads(build(slipway, place, "--json").stdout)["digest"] for _ in range(2)}
    assert len(digests) == 1
    where = f"{place.login_server}/{repository}-bundle"
    assert [slipway("bundle", "push", "bundle", where).exit_code for _ in range(2)] == [0, 0]


def test_a_version_that_is_taken_is_not_moved(slipway: Slipway, place: Place, repository: str, tmp_path: Path) -> None:
    write_sources(place, repository, tmp_path)
    where = f"{place.login_server}/{repository}-bundle"
    build(slipway, place)
    slipway("bundle", "push", "bundle", where)
    (tmp_path / "deploy/environments/production/service.yaml").unlink()
    build(slipway, place)
    refused = slipway("bundle", "push", "bundle", where)
    assert refused.exit_code == 1
    assert "it names sha256:" in refused.stderr
    assert "build the bundle with another --version" in refused.stderr


def test_a_bundle_can_be_read_with_tar_json_and_http_alone(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    build(slipway, place)
    slipway("bundle", "push", "bundle", f"{place.login_server}/{repository}-bundle")
    reader = _Reader(place.login_server, f"{repository}-bundle")
    manifest = json.loads(reader.get("manifests/1.4.0", "application/vnd.oci.image.manifest.v1+json"))
    config = json.loads(reader.get(f"blobs/{manifest['config']['digest']}"))
    layer = reader.get(f"blobs/{manifest['layers'][0]['digest']}")
    assert "sha256:" + hashlib.sha256(layer).hexdigest() == manifest["layers"][0]["digest"]
    assert (manifest["artifactType"], config["application"]) == ("application/vnd.slipway.bundle.v1+json", "shop")
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert sorted(member.name for member in archive if member.isfile()) == sorted(FILES)


class _Reader:
    """The Python standard library as a client of a registry."""

    def __init__(self, login_server: str, repository: str) -> None:
        self._base = f"http://{login_server}/v2/{repository}/"
        self._basic = "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        self._authorization = ""

    def get(self, path: str, accept: str = "*/*") -> bytes:
        request = urllib.request.Request(self._base + path, headers={"Accept": accept})
        # Not forwarded to the storage to which a download may be redirected.
        request.add_unredirected_header("Authorization", self._authorization)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            if error.code != 401 or self._authorization:
                raise
            self._authorization = self._signed_in(error.headers["WWW-Authenticate"])
        return self.get(path, accept)

    def _signed_in(self, challenge: str) -> str:
        if challenge.lower().startswith("basic"):
            return self._basic
        parts = dict(part.split("=", 1) for part in challenge.split(" ", 1)[1].replace('"', "").split(","))
        url = f"{parts['realm']}?service={parts['service']}&scope={parts['scope']}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": self._basic})) as response:
            token: dict[str, Any] = json.load(response)
        return f"Bearer {token['access_token']}"


@pytest.mark.skipif(ORAS is None, reason="oras is not installed (`make oras` builds it, with Go)")
def test_the_real_oras_pulls_a_bundle(slipway: Slipway, places: Places, repository: str, tmp_path: Path) -> None:
    place = places(KINDS[0])
    write_sources(place, repository, tmp_path)
    build(slipway, place)
    where = f"{place.login_server}/{repository}-bundle"
    assert slipway("bundle", "push", "bundle", where).exit_code == 0
    assert ORAS is not None
    command = [ORAS, "pull", "--plain-http", f"{where}:1.4.0", "--output", "by-oras"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 0, process.stderr
    slipway("bundle", "pull", "bundle", "--output", "by-slipway")
    files = {
        folder: {p.relative_to(tmp_path / folder): p.read_bytes() for p in (tmp_path / folder).rglob("*.yaml")}
        for folder in ("by-oras", "by-slipway")
    }
    assert files["by-oras"] == files["by-slipway"]
    assert len(files["by-oras"]) == len(FILES)


# ---- what goes wrong


def test_problems_are_printed_by_file_and_line_or_as_json(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    file = tmp_path / "deploy/environments/staging/deployment.yaml"
    file.write_text(file.read_text().replace("1.4.0", "9.9.9"))
    result = build(slipway, place)
    assert result.exit_code == 1
    assert result.stdout.startswith("environments/staging/deployment.yaml:10: spec.template.spec.containers[0].image: ")
    assert result.stderr == "1 problem\n"
    error = json.loads(build(slipway, place, "--json").stdout)["error"]
    assert error["problems"][0]["field"] == "spec.template.spec.containers[0].image"
    assert error["problems"][0]["cure"] == "push the image before the bundle"
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_for_other_targets_is_reported_by_field(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    build(slipway, place)
    targets = tmp_path / "deploy/targets.json"
    targets.write_text(targets.read_text().replace("prod.example", "prod2.example"))
    result = slipway("bundle", "verify", "bundle", "--targets", "deploy/targets.json")
    assert result.exit_code == 1
    expected = "environments.production.registry: expected 'prod2.example', got 'prod.example'; build the bundle again"
    assert result.stdout == f"bundle.json:1: {expected}\n"


def test_an_image_is_not_taken_for_a_bundle(slipway: Slipway, place: Place, repository: str, tmp_path: Path) -> None:
    write_sources(place, repository, tmp_path)
    result = slipway("bundle", "show", f"{place.login_server}/{repository}:1.4.0")
    assert result.exit_code == 1
    assert "not a bundle: expected an artifact of type application/vnd.slipway.bundle.v1+json" in result.stderr


def test_without_targets_the_command_that_writes_them_is_named(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    (tmp_path / "deploy/targets.json").unlink()
    result = build(slipway, place)
    assert result.exit_code == 2
    assert "deploy/targets.json: No such file or directory; `slipway export APPLICATION --targets" in result.stderr


ROUTE = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: shop }\nspec: { anything: 1 }\n"


def test_objects_without_a_schema_are_listed_as_not_compared(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    assert json.loads(build(slipway, place, "--json").stdout)["not_compared"] == []
    write(tmp_path / "deploy", {"environments/production/route.yaml": ROUTE})
    targets = json.loads((tmp_path / "deploy/targets.json").read_text())
    targets["environments"]["staging"]["kubernetes"] = "1.99"
    (tmp_path / "deploy/targets.json").write_text(json.dumps(targets))
    names = ["HTTPRoute (gateway.networking.k8s.io/v1)", "all that is for Kubernetes 1.99"]
    assert json.loads(build(slipway, place, "--json").stdout)["not_compared"] == names
    assert f"no schema here to compare with: {', '.join(names)}" in build(slipway, place).stdout.replace("\n", " ")


def test_a_wrong_password_says_how_to_sign_in(slipway: Slipway, place: Place, repository: str, tmp_path: Path) -> None:
    write_sources(place, repository, tmp_path)
    where = f"{place.login_server}/{repository}:1.4.0"
    result = slipway("bundle", "show", where, SLIPWAY_REGISTRY_PASSWORD="wrong")
    assert result.exit_code == 1
    assert "sign in with `docker login`, `az acr login`, or SLIPWAY_REGISTRY_USER" in result.stderr
    assert "wrong" not in result.stderr


def test_the_sign_in_of_docker_is_taken(slipway: Slipway, place: Place, repository: str, tmp_path: Path) -> None:
    write_sources(place, repository, tmp_path)
    auth = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {place.login_server: {"auth": auth}}}))
    docker = {"SLIPWAY_REGISTRY_USER": None, "SLIPWAY_REGISTRY_PASSWORD": None, "DOCKER_CONFIG": "docker"}
    arguments = ("bundle", "build", "deploy", "--version", "1.4.0", "--registry", place.login_server)
    assert slipway(*arguments, **docker).exit_code == 0


def test_a_registry_of_the_local_stack_needs_no_sign_in(
    slipway: Slipway, place: Place, repository: str, tmp_path: Path
) -> None:
    write_sources(place, repository, tmp_path)
    nobody = {"SLIPWAY_REGISTRY_USER": None, "SLIPWAY_REGISTRY_PASSWORD": None}
    arguments = ("bundle", "build", "deploy", "--version", "1.4.0", "--registry", place.login_server)
    assert slipway(*arguments, **nobody).exit_code == 1
    stack = {"url": "http://127.0.0.1:1", "key": "k", "ci_user": "ada", "ci_password": PASSWORD, "registries": {}}
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(json.dumps(stack))
    assert slipway(*arguments, **nobody).exit_code == 1, "the registry is not one of that stack's"
    (tmp_path / ".local/stack.json").write_text(json.dumps({**stack, "registries": {"nonprod": place.login_server}}))
    assert slipway(*arguments, **nobody).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nowhere/at/all:1.4.0"), "expected registry/repository, such as"),
        (("show", "shop.azurecr.io/team/shop"), "expected a tag or a digest after it"),
        (("show", "."), "expected a folder that `slipway bundle build` wrote"),
        (("build", ".", "--version", "a b", "--registry", "x.io"), "expected at most 128 letters"),
        (("build", ".", "--version", "1", "--registry", "http://x"), "login_server: expected a lower-case host"),
        (("build", ".", "--version", "1", "--registry", "x.io", "--image", "shop"), "expected repository:tag"),
    ],
)
def test_a_wrong_command_line_is_reported(
    slipway: Slipway, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "targets.json").write_text("{}")
    result = slipway("bundle", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr

"""What the guide lets Flux and Argo CD read is what Slipway would apply, checked on a bundle that the real oras pulled.

The controllers do not run here. What decides which files they apply does: the page's patterns, whose syntax is git's
and which git itself applies; the folder that the page names; and whether Argo CD looks below it.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.registry.conftest import KINDS, Places
from tests.contract.registry.test_bundles import ORAS, Slipway, build, slipway, write_sources
from tests.docs.commands import ROOT, blocks_of
from tests.unit.bundle.samples import JOB

__all__ = ["slipway"]  # the command, as a fixture

pytestmark = pytest.mark.skipif(ORAS is None, reason="oras is not installed (`make oras` builds it, with Go)")

PAGE = ROOT / "docs/how-to/deliver-a-bundle.md"
SECTION = "\n## Read it with Flux or Argo CD\n"
MORE = {
    "environments/production/before/01-migrate.yaml": JOB.replace("name: acceptance", "name: migrate"),
    "environments/production/after/warm.yaml": JOB.replace("name: acceptance", "name: warm"),
}


def documents(kind: str) -> dict[str, Any]:
    """The one document of a kind in the guide's section."""
    section = PAGE.read_text(encoding="utf-8").partition(SECTION)[2]
    matching = [
        document
        for block in blocks_of("the guide", section)
        if block.language == "yaml"
        for document in yaml.safe_load_all(block.body)
        if document["kind"] == kind
    ]
    (document,) = matching
    return dict(document)


@pytest.fixture
def pulled(slipway: Slipway, places: Places, repository: str, tmp_path: Path) -> Path:
    """The bundle as an OCI source has it, with Jobs before and after the rollout."""
    place = places(KINDS[0])
    write_sources(place, repository, tmp_path)
    for path, text in MORE.items():
        file = tmp_path / "deploy" / path
        file.parent.mkdir()
        file.write_text(text.replace("team/shop", repository))
    result = build(slipway, place)
    assert result.exit_code == 0, result.output
    where = f"{place.login_server}/{repository}-bundle"
    assert slipway("bundle", "push", "bundle", where).exit_code == 0
    assert ORAS is not None
    command = [ORAS, "pull", "--plain-http", f"{where}:1.4.0", "--output", "source"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    return tmp_path / "source"


def not_ignored(source: Path, patterns: str) -> Iterator[Path]:
    """The files that the patterns do not exclude."""
    (source / ".gitignore").write_text(patterns)
    subprocess.run(["git", "init", "--quiet"], cwd=source, check=True, timeout=60)
    command = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True, timeout=60).stdout
    shutil.rmtree(source / ".git")
    yield from (source / name for name in filter(None, listed.split("\0")) if name.endswith(".yaml"))


def test_flux_gets_the_objects_of_one_environment_and_none_of_its_jobs(pulled: Path) -> None:
    source, applied = documents("OCIRepository"), documents("Kustomization")
    assert applied["spec"]["sourceRef"] == {"kind": source["kind"], "name": source["metadata"]["name"]}
    folder = (pulled / applied["spec"]["path"]).resolve()
    files = [file for file in not_ignored(pulled, source["spec"]["ignore"]) if file.is_relative_to(folder)]
    assert sorted(file.relative_to(folder).as_posix() for file in files) == ["deployment.yaml", "service.yaml"]
    _check(files, "shop")


def test_argo_cd_gets_the_same_without_looking_below_the_folder(pulled: Path) -> None:
    application = documents("Application")["spec"]
    assert application["source"].get("directory", {}).get("recurse", False) is False
    files = sorted((pulled / application["source"]["path"]).glob("*.yaml"))
    assert [file.name for file in files] == ["deployment.yaml", "service.yaml"]
    _check(files, application["destination"]["namespace"])


def test_without_the_patterns_of_the_page_the_jobs_would_be_applied_too(pulled: Path) -> None:
    assert {file.parent.name for file in not_ignored(pulled, "")} >= {"verification", "before", "after"}


def _check(files: list[Path], namespace: str) -> None:
    """Each object has its namespace, and its images by digest."""
    for file in files:
        (manifest,) = yaml.safe_load_all(file.read_text())
        assert manifest["metadata"]["namespace"] == namespace
        if manifest["kind"] == "Deployment":
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            assert "@sha256:" in container["image"]

"""`make package`: one file, what is in it, and where it comes from; the same for the same commit."""

import hashlib
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts.package import COSIGN, NotClean, commit_of, sign, wheels_of, write
from tests.infra.compiler import ROOT

COMMIT = "c" * 40
REPORT = {
    "install": [
        {
            "metadata": {"name": "PyYAML", "version": "6.0.3", "license_expression": "MIT"},
            "download_info": {"archive_info": {"hashes": {"sha256": "a" * 64}}},
        },
        {
            "metadata": {"name": "azure_functions", "version": "2.3.0", "license": "a long text"},
            "download_info": {"archive_info": {"hashes": {"sha256": "b" * 64}}},
        },
    ]
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "slipway").mkdir(parents=True)
    (app / "function_app.py").write_text("app = 1\n")
    (app / "slipway" / "__init__.py").write_text("")
    return app


def test_the_statement_names_the_package_its_commit_and_each_wheel_by_hash(folder: Path, tmp_path: Path) -> None:
    package, bill, statement = write(folder, wheels_of(REPORT), commit=COMMIT, target=tmp_path / "out")
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    document = json.loads(statement.read_bytes())
    assert document["subject"] == [{"name": package.name, "digest": {"sha256": digest}}]
    dependencies = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert dependencies[0]["digest"] == {"gitCommit": COMMIT}
    assert [dependency["uri"] for dependency in dependencies[1:]] == [
        "pkg:pypi/azure-functions@2.3.0",
        "pkg:pypi/pyyaml@6.0.3",
    ]
    sbom = json.loads(bill.read_bytes())
    assert sbom["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert [(component["purl"], component["hashes"][0]["content"]) for component in sbom["components"]] == [
        ("pkg:pypi/azure-functions@2.3.0", "b" * 64),
        ("pkg:pypi/pyyaml@6.0.3", "a" * 64),
    ]
    assert sbom["components"][1]["licenses"] == [{"expression": "MIT"}]
    assert "licenses" not in sbom["components"][0], "a text is not an expression"


@pytest.mark.skipif(not COSIGN, reason="cosign is not installed; `make cosign` builds it")
def test_a_statement_that_was_signed_and_then_changed_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    subprocess.run([COSIGN, "generate-key-pair"], cwd=tmp_path, check=True, capture_output=True)
    *_, statement = write(folder, wheels_of(REPORT), commit=COMMIT, target=tmp_path / "out")
    signature = sign(statement, str(tmp_path / "cosign.key"))

    def holds() -> bool:
        key = ("--key", str(tmp_path / "cosign.pub"), "--insecure-ignore-tlog=true")
        check = [COSIGN, "verify-blob", *key, "--bundle", str(signature), str(statement)]
        return subprocess.run(check, check=False, capture_output=True).returncode == 0

    assert holds()
    statement.write_text(statement.read_text().replace(COMMIT, "d" * 40))
    assert not holds()


def test_the_same_files_give_the_same_bytes_whenever_they_were_written(folder: Path, tmp_path: Path) -> None:
    first = write(folder, wheels_of(REPORT), commit=COMMIT, target=tmp_path / "one")
    (folder / "function_app.py").touch()
    second = write(folder, wheels_of(REPORT), commit=COMMIT, target=tmp_path / "two")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with zipfile.ZipFile(first[0]) as file:
        assert file.namelist() == ["function_app.py", "slipway/__init__.py"]


def test_a_working_tree_with_uncommitted_files_is_not_packaged(tmp_path: Path) -> None:
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, *command], cwd=tmp_path, check=True)
    assert re.fullmatch("[0-9a-f]{40}", commit_of(tmp_path))
    (tmp_path / "new.py").touch()
    with pytest.raises(NotClean, match=r"new\.py"):
        commit_of(tmp_path)


def test_the_built_package_is_ignored_by_git() -> None:
    process = subprocess.run(["git", "check-ignore", "-q", "build/package/slipway.zip"], cwd=ROOT, check=False)
    assert process.returncode == 0

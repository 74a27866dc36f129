"""`make package`: the package that Azure gets, as one file, with an SBOM and a statement of where it comes from.

The three are in `build/package`: `slipway-<version>.zip`, `….cdx.json` (CycloneDX 1.6: every wheel in it, with the hash
that pip compared), `….intoto.json` (an in-toto statement with SLSA's predicate: this file, from that commit and those
wheels). The same commit gives the same bytes. `--sign KEY` adds `….intoto.json.sigstore`: cosign's signature of the
statement, and so of the package, by the publisher's key (a file, or `azurekms://…` in a vault). `azd up` makes its
packages by the same functions.
"""

import argparse
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from slipway import __version__

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "build" / "package"
FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can hold. Every file gets it: the package must not depend on the time of its build."""
BUILD_TYPE, BUILDER = "https://slipway.dev/package/v1", "https://slipway.dev/package/by-hand"
"""The builder is the person who runs the command; a build service that others are to trust would have an id of its
own."""
READ_ONLY = 0o644 << 16
COSIGN: str = shutil.which("cosign") or next(map(str, (ROOT / ".local" / "tools").glob("cosign")), "")

type Json = dict[str, Any]


class NotClean(Exception):  # noqa: N818 - it describes the checkout
    """The checkout has uncommitted changes, so nobody else could make the same package."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="package")
    parser.add_argument("--sign", metavar="KEY", help="sign the statement with cosign: a key's file, or azurekms://…")
    key: str | None = parser.parse_args(arguments).sign
    if key and not COSIGN:
        parser.error("--sign: cosign is not installed; `make cosign` builds it")
    try:
        commit = commit_of(ROOT)
    except NotClean as reason:
        print(f"package: {reason}", file=sys.stderr)
        return 1
    hook = _hook()
    with tempfile.TemporaryDirectory(prefix="slipway-package-") as name:
        folder, report = Path(name) / "app", Path(name) / "report.json"
        hook.gather(folder)
        hook.install(folder, report=report)
        hook.compile_modules(folder)
        hook.make_reproducible(folder)
        wheels = wheels_of(json.loads(report.read_bytes()))
        paths = write(folder, wheels, commit=commit, target=TARGET)
    if key:
        paths = (*paths, sign(paths[-1], key))
    for path in paths:
        print(path.relative_to(ROOT))
    return 0


def commit_of(checkout: Path) -> str:
    """The commit that the checkout is at. Raises `NotClean`."""
    changed = _git(checkout, "status", "--porcelain")
    if changed:
        raise NotClean(f"commit or stash your changes first: {changed.splitlines()[0].strip()}")
    return _git(checkout, "rev-parse", "HEAD")


def write(folder: Path, wheels: Sequence[Json], *, commit: str, target: Path) -> tuple[Path, ...]:
    """Package, SBOM and statement of a folder that was made reproducible."""
    target.mkdir(parents=True, exist_ok=True)
    stem = f"slipway-{__version__}"
    package, bill, statement = (target / f"{stem}{end}" for end in (".zip", ".cdx.json", ".intoto.json"))
    pack(folder, package)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    bill.write_text(_as_json(sbom(wheels, digest=digest)), encoding="utf-8")
    statement.write_text(_as_json(provenance(package.name, digest, wheels, commit=commit)), encoding="utf-8")
    return package, bill, statement


def sign(statement: Path, key: str) -> Path:
    """Have cosign sign the statement. It goes into no public log: its verifiers have the publisher's public key."""
    signature = statement.with_name(f"{statement.name}.sigstore")
    subprocess.run(
        [COSIGN, "sign-blob", "--yes", "--key", key, "--tlog-upload=false", "--bundle", signature, statement],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return signature


def pack(folder: Path, package: Path) -> None:
    """Zip the folder; the same files give the same bytes."""
    with zipfile.ZipFile(package, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date_time=FIRST_DATE)
            entry.external_attr, entry.compress_type = READ_ONLY, zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())


def wheels_of(report: Mapping[str, Any]) -> list[Json]:
    """Name, version and hash of each wheel that pip's report names, by name."""
    wheels = (
        {
            "name": entry["metadata"]["name"].lower().replace("_", "-").replace(".", "-"),
            "version": entry["metadata"]["version"],
            "sha256": entry["download_info"]["archive_info"]["hashes"]["sha256"],
            "licenses": _licenses(entry["metadata"]),
        }
        for entry in report["install"]
    )
    return sorted(wheels, key=lambda wheel: str(wheel["name"]))


def _licenses(metadata: Mapping[str, Any]) -> list[str]:
    """SPDX expressions, if the wheel has them; a free text does not count."""
    return [metadata["license_expression"]] if metadata.get("license_expression") else []


def sbom(wheels: Sequence[Json], *, digest: str) -> Json:
    """CycloneDX 1.6. Without a serial number or a time, which would differ each time."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "slipway",
                "name": "slipway",
                "version": __version__,
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": list(_components(wheels)),
        "dependencies": [{"ref": "slipway", "dependsOn": [_purl(wheel) for wheel in wheels]}],
    }


def _components(wheels: Sequence[Json]) -> Iterator[Json]:
    for wheel in wheels:
        yield {
            "type": "library",
            "bom-ref": _purl(wheel),
            "purl": _purl(wheel),
            "name": wheel["name"],
            "version": wheel["version"],
            "hashes": [{"alg": "SHA-256", "content": wheel["sha256"]}],
            **(
                {"licenses": [{"expression": expression} for expression in wheel["licenses"]]}
                if wheel["licenses"]
                else {}
            ),
        }


def provenance(name: str, digest: str, wheels: Sequence[Json], *, commit: str) -> Json:
    """An in-toto statement with SLSA's provenance."""
    of_wheels = [{"uri": _purl(wheel), "digest": {"sha256": wheel["sha256"]}} for wheel in wheels]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"command": "make package"},
                "resolvedDependencies": [{"uri": "git+slipway", "digest": {"gitCommit": commit}}, *of_wheels],
            },
            "runDetails": {"builder": {"id": BUILDER}},
        },
    }


def _purl(wheel: Mapping[str, Any]) -> str:
    return f"pkg:pypi/{wheel['name']}@{wheel['version']}"


def _as_json(document: Json) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _hook() -> ModuleType:
    """The functions by which `azd` packages, beside the modules that they import."""
    folder = ROOT / "infra" / "hooks"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("azure_package", folder / "azure_package.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"there is no azure_package.py in {folder}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def _git(checkout: Path, *arguments: str) -> str:
    process = subprocess.run(["git", *arguments], cwd=checkout, check=True, stdout=subprocess.PIPE, text=True)
    return process.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

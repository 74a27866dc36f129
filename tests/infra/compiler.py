"""Microsoft's Bicep compiler over `infra/`: `make check-bicep`, and the snapshots that the other tests read.

The compiler is `$BICEP`, else `bicep` on the PATH; without one nothing is checked, and that is said. What it expands
the templates into, for each of the option sets below, is kept in `tests/infra/snapshots`: a change of `infra/` is read
there as a change of resources, and the tests need no compiler. `--write` writes the snapshots and the format again.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
SNAPSHOTS = ROOT / "tests/infra/snapshots"
FILES = sorted(INFRA.rglob("*.bicep"))
_ENVIRONMENTS = shutil.ignore_patterns(".venv*")  # which azd makes for the hooks
MADE_WITH = "0.49.2"
"""The compiler that wrote the snapshots; another one may word an expression differently."""

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
BASE: dict[str, Any] = {
    "environmentName": "try",
    "location": "westeurope",
    "signInClientId": "00000000-0000-0000-0000-000000000003",
    "votesClientId": "00000000-0000-0000-0000-000000000005",
}
EXISTING_CLUSTERS: dict[str, Any] = {
    "stagingClusterName": "team-test",
    "stagingClusterResourceGroup": "platform-test",
    "productionClusterName": "team-live",
    "productionClusterResourceGroup": "platform-live",
}
SENDERS = "00000000-0000-0000-0000-000000000006, 00000000-0000-0000-0000-000000000007"
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},  # what `azd up` makes when nothing is set: front and worker
    "single": {"split": False},
    "single-all": {
        "split": False,
        "promotionByImport": True,
        "pipelinePrincipalId": "00000000-0000-0000-0000-000000000004",
        "email": True,
        "teamsFlow": True,
        "approvalSenders": SENDERS,
        "eventGridFunction": True,
        "existingLedgerName": "stdataearlier",
        "existingLedgerResourceGroup": "rg-slipway-earlier",
        **EXISTING_CLUSTERS,
    },
    "trial": {"tier": "trial"},
    "private": {"privateNetworking": True},
    "private-single": {"privateNetworking": True, "split": False},
    "existing-clusters": EXISTING_CLUSTERS,
    "private-existing": {
        "privateNetworking": True,
        **EXISTING_CLUSTERS,
        "linkedNetworks": ", ".join(
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/team"
            for group in ("platform-test", "platform-live")
        ),
    },
    "existing-ledger": {"existingLedgerName": "stdataearlier", "existingLedgerResourceGroup": "rg-slipway-earlier"},
    "kept-audit": {"auditRetentionDays": 400, "lockLedger": True},
    "by-import": {"promotionByImport": True},
    "pipelines": {"pipelinePrincipalId": "00000000-0000-0000-0000-000000000004"},
    "mail": {"email": True, "alertEmail": "operators@example.com"},
    "teams": {"teamsFlow": True},
    "senders": {"approvalSenders": SENDERS},
    "event-grid-function": {"eventGridFunction": True},
    "observed": {
        "managedPrometheus": True,
        "alwaysReady": {"http": 2, "take_hint": 1, "run_step": 1},
        "extraSettings": {"SLIPWAY_TRACE_SHARE": "0.5", "SLIPWAY_COPY_SECONDS": "120"},
    },
    "again": {"auditRetentionDays": 400, "lockLedger": True, "auditPolicyLocked": True, "recoverVault": True},
}
"""Option sets, each by what it adds to the defaults."""

type Resources = dict[str, dict[str, Any]]
"""What a deployment consists of, by resource id."""


def find_compiler(environment: Mapping[str, str] = os.environ) -> str | None:
    return environment.get("BICEP") or shutil.which("bicep", path=environment.get("PATH"))


class Compiler:
    """The compiler's program."""

    def __init__(self, program: str) -> None:
        self._program = program

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments], cwd=INFRA, capture_output=True, text=True, check=False, timeout=300
        )

    @property
    def version(self) -> str:
        return self._run("--version").stdout.split()[3]

    def diagnostics(self, folder: Path = INFRA) -> list[str]:
        """Its errors and warnings about the files, in its own words. An unknown property is only a warning."""
        output = self._run("lint", "--pattern", f"{folder}/**/*.bicep").stderr
        return [line.removeprefix(f"{folder}/") for line in output.splitlines() if " : " in line]

    def unformatted(self) -> list[str]:
        """Files that are not written as its formatter writes them."""
        with tempfile.TemporaryDirectory() as name:
            copy = shutil.copytree(INFRA, Path(name) / "infra", ignore=_ENVIRONMENTS)
            self.format(copy)
            return [
                str(path.relative_to(INFRA))
                for path in FILES
                if path.read_bytes() != (copy / path.relative_to(INFRA)).read_bytes()
            ]

    def format(self, folder: Path = INFRA) -> None:
        process = self._run("format", "--pattern", f"{folder}/**/*.bicep")
        if process.returncode != 0:
            raise RuntimeError(process.stderr)

    def build_all(self, folder: Path) -> None:
        """Put a copy of `infra/` into the folder, with the ARM template of each file beside it."""
        copy = shutil.copytree(INFRA, folder / "infra", ignore=_ENVIRONMENTS)
        process = self._run("build", "--pattern", f"{copy}/**/*.bicep")
        if process.returncode != 0:
            raise RuntimeError(process.stderr)

    def template(self, path: Path) -> dict[str, Any]:
        """The ARM template that a file compiles to."""
        process = self._run("build", str(path), "--stdout")
        if process.returncode != 0:
            raise RuntimeError(process.stderr)
        return json.loads(process.stdout)  # type: ignore[no-any-return]

    def interface(self) -> dict[str, Any]:
        template = self.template(INFRA / "main.bicep")
        return {part: template[part] for part in ("parameters", "outputs")}

    def expand(self, parameters: Mapping[str, Any], *, main: Path = INFRA / "main.bicep") -> Resources:
        """Every resource that a deployment with these parameters makes. RuntimeError holds a refusal's sentence."""
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "set.bicepparam"
            using = os.path.relpath(main, Path(name).resolve())
            lines = [
                f"using '{Path(using).as_posix()}'",
                *(f"param {key} = {_bicep(value)}" for key, value in parameters.items()),
            ]
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
            scope = ("--subscription-id", SUBSCRIPTION, "--tenant-id", TENANT, "--location", "westeurope")
            process = self._run("snapshot", str(file), *scope, "--deployment-name", "slipway")
            if process.returncode != 0:
                raise RuntimeError(process.stderr or process.stdout)
            snapshot = json.loads(file.with_suffix(".snapshot.json").read_text(encoding="utf-8"))
        if snapshot["diagnostics"]:
            raise RuntimeError(json.dumps(snapshot["diagnostics"]))
        return {resource["id"]: resource for resource in snapshot["predictedResources"]}


def _bicep(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${") + "'"
    if isinstance(value, dict):
        return "{" + "\n".join(f"{_bicep(key)}: {_bicep(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def stored(name: str) -> Resources:
    """The snapshot of an option set. Each snapshot except the default's holds only its differences: `null` for a
    resource that is not made."""
    base: Resources = json.loads((SNAPSHOTS / "default.json").read_text(encoding="utf-8"))
    if name == "default":
        return base
    changes = json.loads((SNAPSHOTS / f"{name}.json").read_text(encoding="utf-8"))
    return {key: value for key, value in (base | changes).items() if value is not None}


def interface() -> dict[str, dict[str, dict[str, Any]]]:
    """The parameters and outputs of `infra/main.bicep`, as ARM and azd see them."""
    return json.loads((SNAPSHOTS / "interface.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def expand_all(compiler: Compiler) -> dict[str, Resources]:
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(OPTIONS, pool.map(lambda added: compiler.expand(BASE | added), OPTIONS.values()), strict=True))


def _write(name: str, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    (SNAPSHOTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def store(expanded: Mapping[str, Resources]) -> None:
    base = expanded["default"]
    for name, resources in expanded.items():
        changed: dict[str, Any] = {key: value for key, value in resources.items() if base.get(key) != value}
        removed = dict.fromkeys(set(base) - set(resources))
        _write(name, base if name == "default" else changed | removed)


def differences(expanded: Mapping[str, Resources]) -> list[str]:
    """Resources that are no longer as the stored snapshots have them."""
    lines = []
    for name, resources in expanded.items():
        before = stored(name)
        lines += [f"{name}: {key}" for key in sorted(before | resources) if before.get(key) != resources.get(key)]
    return lines


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(*, write: bool) -> int:
    program = find_compiler()
    if program is None:
        _say("infra/ was not checked: there is no Bicep compiler, neither in $BICEP nor on the PATH")
        return 0
    compiler = Compiler(program)
    version = compiler.version
    if write:
        SNAPSHOTS.mkdir(exist_ok=True)
        compiler.format()
        _write("interface", compiler.interface())
        store(expand_all(compiler))
    problems = compiler.diagnostics()
    problems += [f"{name}: not formatted" for name in compiler.unformatted()]
    if compiler.interface() != interface():
        problems.append("main.bicep: its parameters or outputs are not as the snapshot has them")
    if version == MADE_WITH:
        problems += [f"{line} is not as the snapshot has it" for line in differences(expand_all(compiler))]
    for line in problems:
        _say(line)
    if problems:
        _say("`python -m tests.infra.compiler --write` formats the files and writes the snapshots again")
        return 1
    compared = f"{len(OPTIONS)} snapshots as stored" if version == MADE_WITH else f"snapshots are of {MADE_WITH}"
    _say(f"Bicep {version}: {len(FILES)} files without a diagnostic, formatted; {compared}")
    return 0


if __name__ == "__main__":
    sys.exit(main(write="--write" in sys.argv[1:]))

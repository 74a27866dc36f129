"""A bare installation answers under every worker library that Azure may serve: nobody can choose which a region has.

`make workers` puts the older ones into `.local/workers`; the newest is what the laptop runs. Without them these are
skipped.
"""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.functions import frames
from local.functions.protos import RpcHttp, TypedData
from local.functions.worker_link import WorkerLink
from local.stack import azurite
from local.stack.grants import make_storage
from tests.infra.compiler import ROOT
from tests.infra.test_package import HOOK, SERVED, installed_settings

FOLDER = Path(os.environ.get("SLIPWAY_WORKERS", ROOT / ".local/workers"))
PINS = (ROOT / "requirements-workers.txt").read_text(encoding="utf-8")
OLDER = tuple(re.findall("^azure-functions-runtime==([^ ]+)", PINS, re.MULTILINE))
"""The versions tested besides the pinned one, as the Makefile installs them."""

NEWEST = "pinned"

pytestmark = pytest.mark.workers


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / "app"
    HOOK.gather(folder)
    return folder


def _environment(version: str, role: str = "front", **added: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    library = {} if version == NEWEST else {"PYTHONPATH": str(FOLDER / version)}
    return {**clean, **library, **installed_settings(role), "APPLICATIONINSIGHTS_CONNECTION_STRING": "", **added}


async def _indexed(app: Path, environment: dict[str, str]) -> set[str]:
    """The names of the app's functions, as this library finds them."""
    link = await WorkerLink.start(app, environment, "info")
    try:
        return {function.name for function in link.indexed.functions}
    finally:
        await link.kill()


async def _health(app: Path, environment: dict[str, str]) -> frames.Outcome:
    """Index the app, and call its health endpoint."""
    link = await WorkerLink.start(app, environment, "info")
    try:
        (health,) = [function for function in link.indexed.functions if function.name == "health"]
        request = RpcHttp(method="GET", url="https://x/api/health", headers={}, query={}, params={}, body=TypedData())
        order = frames.Invoke(
            invocation_id="00000000-0000-0000-0000-000000000001",
            function_id=health.function_id,
            inputs=[("req", TypedData(http=request))],
            trace_parent=f"00-{'a' * 32}-{'b' * 16}-01",
        )
        return await link.invoke(order)
    finally:
        await link.kill()


def test_several_older_worker_libraries_are_listed() -> None:
    assert len(OLDER) == len(set(OLDER)) > 2


def _skip_without(version: str) -> None:
    if version != NEWEST and not (FOLDER / version).is_dir():
        pytest.skip("the worker library is not installed; `make workers` does it")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A storage account as the deployment leaves it: tables and containers, and nothing in them. As settings."""
    folder = tmp_path_factory.mktemp("azurite")
    part, connection = azurite.start(folder, log=folder / "azurite.log")
    make_storage(connection)
    yield {
        "SLIPWAY_TABLE_ENDPOINT": "",
        "SLIPWAY_BLOB_ENDPOINT": "",
        "SLIPWAY_STORAGE_CONNECTION": connection,
    }
    part.stop()


@pytest.mark.parametrize("role", SERVED)
@pytest.mark.parametrize("version", [*OLDER, NEWEST])
def test_each_app_is_indexed(version: str, role: str, package: Path) -> None:
    _skip_without(version)
    functions = asyncio.run(_indexed(package, _environment(version, role)))
    assert SERVED[role] <= functions
    if role != "single":
        assert not functions & SERVED["worker" if role == "front" else "front"]


@pytest.mark.parametrize("version", [*OLDER, NEWEST])
def test_an_app_that_cannot_reach_its_storage_says_so(version: str, package: Path) -> None:
    _skip_without(version)
    outcome = asyncio.run(_health(package, _environment(version)))
    assert outcome.ok, outcome.error
    assert outcome.returned is not None
    assert outcome.returned.http.status_code == "503"
    assert b'"ledger": "unavailable"' in outcome.returned.http.body.bytes


@pytest.mark.parametrize("version", [*OLDER, NEWEST])
def test_a_bare_installation_is_healthy(version: str, package: Path, storage: dict[str, str]) -> None:
    _skip_without(version)
    outcome = asyncio.run(_health(package, _environment(version, **storage)))
    assert outcome.ok, outcome.error
    assert outcome.returned is not None
    assert outcome.returned.http.status_code == "200"
    assert b'"applications": 0' in outcome.returned.http.body.bytes


@pytest.mark.parametrize("version", OLDER[1:])
def test_the_switch_that_the_template_leaves_out_kills_every_invocation_between_1_0_and_1_3(
    version: str, package: Path
) -> None:
    _skip_without(version)
    outcome = asyncio.run(_health(package, _environment(version, PYTHON_ENABLE_OPENTELEMETRY="true")))
    assert not outcome.ok
    assert "extract" in outcome.error

"""A served installation with one application, and the command that is run against it."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from slipway.cli.commands import audit_verify
from slipway.cli.root import root
from tests.unit.cli.served import KEY, Served
from tests.unit.domain.samples import ADA, MORNING, application
from tests.unit.domain.world import World


class Command(Protocol):
    """Runs `slipway …` and returns its result."""

    def __call__(self, *arguments: str, **environment: str | None) -> Result: ...


@cache
def _world_of_two_releases() -> World:
    world = World(application())
    world.push("v1", actor="ci")
    world.settle()
    world.vote(1, ADA, reason="seen in staging")
    world.settle()
    world.push("v2", actor="ci")
    world.settle()
    return world


@pytest.fixture
def shop() -> World:
    """shop-1 (v1) is live everywhere; shop-2 (v2) waits for its approval in production."""
    return _world_of_two_releases().copy()


@pytest.fixture
def app(shop: World) -> Iterator[Served]:
    with Served(shop) as served:
        yield served


@pytest.fixture
def slipway(app: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, which finds the app by its environment variables; no other installation can be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit_verify, "clock", lambda: MORNING + timedelta(hours=1))

    def run(*arguments: str, **environment: str | None) -> Result:
        variables = {"SLIPWAY_URL": app.url, "SLIPWAY_KEY": KEY} | environment
        return CliRunner().invoke(root, list(arguments), env=variables, prog_name="slipway")

    return run

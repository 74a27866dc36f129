"""An installation with three days of history, each day anchored, and the command that queries it: on Azurite for tests
that only read, in memory for tests that change something."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slipway.cli.commands import audit_verify
from slipway.cli.root import root
from slipway.ledger import Table
from slipway.ledger.table import TRANSACTION_LIMIT, Act, Write
from slipway.testing import write_application
from tests.azurite import empty_table
from tests.contract.audit.installation import KEY, Audited

PARTITIONS = ("shop", "_installation")
DAYS = 3


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    return folder


@pytest.fixture(scope="module")
def past(deliveries: Path) -> Audited:
    """Three days: on each a release goes to production, and then the day is anchored."""
    past = Audited(deliveries)
    past.app.installation.record_keys(past.app.private_keys.ids(), past.app.public_keys.by_id(), now=past.now)
    for day in range(DAYS):
        past.deliver(f"1.{day}")
        past.app.anchoring.run()
        past.wait(timedelta(days=1))
    return past


@pytest.fixture
def installation(past: Audited, monkeypatch: pytest.MonkeyPatch) -> Iterator[Audited]:
    """A copy that the test may change."""
    table, index = deepcopy((past.table, past.index_table))
    with audited(past, table, index_table=index) as copy:
        copy.serve(monkeypatch)
        yield copy


@pytest.fixture(scope="module")
def untouched(azurite: str, past: Audited) -> Iterator[Audited]:
    """An installation shared by the tests that only read from it."""
    with empty_table(azurite) as table:
        for name in PARTITIONS:
            writes = [Write(act=Act.CREATE, key=row.key, values=row.values) for row in past.table.rows(name, " ", "~")]
            for start in range(0, len(writes), TRANSACTION_LIMIT):
                table.transact(name, writes[start : start + TRANSACTION_LIMIT])
        with audited(past, table) as shared:
            shared.reindex(*PARTITIONS)
            yield shared


@contextmanager
def audited(past: Audited, table: Table, **more: Any) -> Iterator[Audited]:
    with Audited(past.deliveries, table=table, added=deepcopy(past.added), **more) as installation:
        installation.wait(timedelta(days=DAYS))
        yield installation


@pytest.fixture
def slipway(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command; it queries the test's own installation if the test has one."""
    has_its_own = "installation" in request.fixturenames
    installation: Audited = request.getfixturevalue("installation" if has_its_own else "untouched")
    installation.serve(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit_verify, "clock", lambda: installation.now)

    def run(*arguments: str) -> Result:
        environment = {"SLIPWAY_URL": installation.url, "SLIPWAY_KEY": KEY}
        return CliRunner().invoke(root, list(arguments), env=environment, prog_name="slipway")

    return run


@pytest.fixture
def verdict(slipway: Callable[..., Result]) -> Callable[..., dict[str, Any]]:
    """The report of `slipway audit verify --json`, whose exit code agrees with it."""

    def ask(*arguments: str) -> dict[str, Any]:
        result = slipway("audit", "verify", "--json", *arguments)
        report: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (0 if report["intact"] and report["indexed"] else 7)
        return report

    return ask

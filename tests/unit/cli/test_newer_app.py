"""A newer app says more than this command knows: what it knows is shown as before."""

import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.served import ReceivedRequest, Reply, Served, release_json
from tests.unit.domain.world import World

COMMANDS = (
    ("applications",),
    ("releases",),
    ("release", "shop-1"),
    ("explain", "shop-2"),
    ("audit", "list"),
    ("audit", "show", "shop", "3"),
    ("audit", "reindex"),
    ("parked", "list"),
    ("parked", "show", "p-1"),
    ("parked", "replay", "p-1"),
)
PARKED = {"id": "p-1", "source": "events", "reason": "bad", "body": "{", "parked_at": "2026-11-23T08:00:00Z"}


MAPS = ("details", "parts")
"""Objects whose keys are data, so that no key is unknown."""


def newer(value: Any) -> Any:
    """The same, with one more field in every object of it."""
    if isinstance(value, dict):
        same = {name: item if name in MAPS else newer(item) for name, item in value.items()}
        return {**same, "from_the_future": {"n": [1]}}
    return [newer(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def app(app: Served) -> Served:
    app.parked = [PARKED]
    return app


def make_newer(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    original = app.answer

    def newer_reply(request: ReceivedRequest) -> Reply:
        reply = original(request)
        return Reply(reply.status, json.dumps(newer(json.loads(reply.body))).encode(), reply.headers)

    monkeypatch.setattr(app, "answer", newer_reply)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_fields_that_the_command_does_not_know_change_nothing(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    before = slipway(*arguments)
    assert (before.exit_code, bool(before.stdout)) == (0, True), before.stderr
    make_newer(app, monkeypatch)
    after = slipway(*arguments)
    assert (after.exit_code, after.stdout, after.stderr) == (0, before.stdout, before.stderr)


def test_a_value_that_the_command_does_not_know_asks_for_a_newer_command(
    slipway: Command, app: Served, shop: World
) -> None:
    releases = {"releases": [release_json(shop, 1) | {"phase": "teleporting"}]}
    app.replies["releases"] = Reply(body=json.dumps(releases).encode())
    result = slipway("releases")
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: the answer cannot be read: releases.0.phase: ")
    assert result.stderr.endswith("the app may be newer than this command: update the command\n")
    assert json.loads(slipway("releases", "--json").stdout) == {"v": 1, **releases}


def test_one_more_field_in_a_record_of_the_trail_breaks_its_hash(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verifier hashes the record as it stands: with one more field it is another record."""
    assert slipway("audit", "verify", "shop").exit_code == 0
    make_newer(app, monkeypatch)
    assert slipway("audit", "verify", "shop").exit_code == 7

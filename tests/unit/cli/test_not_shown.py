"""An application with a row that cannot be read is missing in lists. No command takes it for one that is in order, for
one without anything, or for one that there is not."""

import json
from typing import Any

import pytest

from slipway.cli.commands import drift
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served
from tests.unit.cli.test_drift import LOOKED

UNREAD: dict[str, Any] = {
    "application": "till",
    "partition": "till",
    "row": "head",
    "why": "the row head of the partition till cannot be read: its content: it is cut off; put it back as it was",
}
PROBLEM = {"title": "Cannot be read", "status": 503, "detail": UNREAD["why"]}
LISTS = [
    ("approvals", ("approvals",), "approvals"),
    ("freezes", ("freezes",), "freezes"),
    ("releases", ("releases",), "releases"),
    ("environments/production/live", ("audit", "live", "production"), "live"),
]


@pytest.fixture
def app_with_unread(app: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """`shop` was looked at and is clean; of `till` nothing is known."""
    monkeypatch.setattr(drift, "clock", lambda: LOOKED)
    app.drift = {"looked_at": LOOKED.isoformat(), "next_at": LOOKED.isoformat()}
    app.not_shown = [UNREAD]
    app.replies["audit/till"] = Reply(status=503, body=json.dumps(PROBLEM).encode())
    return app


def test_the_drift_of_an_unreadable_application_is_not_clean(app_with_unread: Served, slipway: Command) -> None:
    result = slipway("drift")
    assert (result.exit_code, f"not shown: till: {UNREAD['why']}" in result.stderr) == (1, True)
    output = json.loads(slipway("drift", "--json").stdout)
    assert (output["clean"], output["unknown"]) == (False, UNREAD["why"])
    assert slipway("drift", "till").exit_code == 1, "the application exists, and its drift is unknown"
    assert slipway("drift", "shop").exit_code == 0


@pytest.mark.parametrize("command", [("audit", "verify"), ("audit", "export", "-o", "trail.jsonl")], ids=" ".join)
def test_commands_about_all_trails_include_that_of_an_unreadable_application(
    app_with_unread: Served, slipway: Command, command: tuple[str, ...]
) -> None:
    result = slipway(*command)
    assert result.exit_code not in (0, 6), result.output
    assert "audit/till" in [
        request.target.partition("?")[0].removeprefix("/api/v1/") for request in app_with_unread.requests
    ]


def test_the_index_of_an_unreadable_application_is_compared_too(app_with_unread: Served, slipway: Command) -> None:
    assert "till" in slipway("audit", "reindex").stdout


@pytest.mark.parametrize(("path", "command", "name"), LISTS, ids=[name for _, _, name in LISTS])
def test_a_list_that_lacks_an_unreadable_application_is_not_called_empty(
    app_with_unread: Served, slipway: Command, path: str, command: tuple[str, ...], name: str
) -> None:
    content = {"v": 1, "environment": "production", "next": None, name: [], "not_shown": [UNREAD]}
    app_with_unread.replies[path] = Reply(body=json.dumps(content).encode())
    result = slipway(*command)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [f"not shown: till: {UNREAD['why']}"]
    assert json.loads(slipway(*command, "--json").stdout)["not_shown"] == [UNREAD]


def test_whether_a_release_of_an_unreadable_application_waits_for_approval_is_unknown(
    app_with_unread: Served, slipway: Command
) -> None:
    app_with_unread.replies["approvals"] = Reply(
        body=json.dumps({"v": 1, "approvals": [], "not_shown": [UNREAD]}).encode()
    )
    result = slipway("approve", "till-2")
    assert (result.exit_code, "it is not known whether till-2 waits for approval" in result.stderr) == (4, True)
    assert "is not waiting for approval" in slipway("approve", "shop-1").stderr

"""A record's details on one line: what people look for, whatever a record of an unknown action holds."""

from typing import Any

import pytest

from slipway.domain.actions import Action
from slipway.domain.briefly import briefly

PLAN = "sha256:" + "9" * 64


@pytest.mark.parametrize(
    ("action", "details", "line"),
    [
        (Action.PLAN_MADE, {"created": 4, "changed": 0, "plan_hash": PLAN}, "4 created; plan 999999999999"),
        (Action.VOTE_APPROVED, {"plan_hash": PLAN, "reason": "seen"}, "plan 999999999999; seen"),
        (Action.COPY_DONE, {"blobs_copied": 2}, "2 blobs copied, digests equal on both sides"),
        (Action.GATE_OPENED, {"approvers": ["Ada", "Ben"], "opening": 1}, "approvers Ada, Ben"),
        (Action.RELEASE_JOINED, {"run": {"name": "7"}, "people": [{"mail": "dan@example.com"}]}, "run 7"),
        (Action.WAIVER_GIVEN, {"rule": "built-by-run", "reason": "it is down"}, "rule built-by-run; it is down"),
        (Action.COMMAND_REFUSED, {"verb": "unfreeze", "rules": ["is-frozen"]}, "verb unfreeze; rules is-frozen"),
        ("canary.begun", {"reason": ["two\nlines", None, {}, 3]}, "two lines, 3"),
    ],
)
def test_the_details_of_a_record_are_shown_on_one_line(action: str, details: dict[str, Any], line: str) -> None:
    assert briefly(action, details) == line

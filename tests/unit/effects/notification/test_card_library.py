"""Microsoft's own library parses the card without a complaint, for what phones render."""

import json
import subprocess
from pathlib import Path

import pytest

from local.node import node
from slipway.effects.notification import Message
from slipway.effects.notification.asking_card import asking_card
from slipway.effects.notification.card import card
from tests.unit.effects.notification.samples import ADA, TOKEN_LINK, ended, for_everybody, gate_opened, hostile

TOOL = Path(__file__).resolve().parents[4] / "tools" / "card"
pytestmark = pytest.mark.skipif(
    not (TOOL / "node_modules" / "adaptivecards").is_dir(),
    reason="needs the library: run `make install`",
)


def complaints(content: dict[str, object]) -> list[str]:
    completed = subprocess.run(
        [node(), "check.js"], cwd=TOOL, input=json.dumps(content).encode(), stdout=subprocess.PIPE, check=True
    )
    messages = json.loads(completed.stdout)
    assert isinstance(messages, list)
    return messages


@pytest.mark.parametrize(
    "message",
    [for_everybody(), for_everybody(locate_url="", asked_by=("approvers",)), ended(), hostile()],
    ids=["asked", "asked without sign-in", "told", "hostile"],
)
def test_the_library_parses_the_card_without_a_complaint(message: Message) -> None:
    assert complaints(card(message)) == []


@pytest.mark.parametrize("message", [gate_opened(), hostile(recipient=ADA, approval_url=TOKEN_LINK)])
def test_the_library_parses_the_card_that_is_answered_in_teams(message: Message) -> None:
    assert complaints(asking_card(message)) == []


def test_the_library_would_complain_about_a_wrong_card() -> None:
    wrong_card = card(for_everybody())
    wrong_card["body"][0]["inlines"][0]["size"] = "Gigantic"
    wrong_card["body"].append({"type": "Table"})
    wrong_card["actions"][0].pop("url")
    assert len(complaints(wrong_card)) == 3

"""Whoever may decide sees the way there on the board and on the release, and nobody else does (P-03)."""

import pytest

from slipway.domain.release import Release
from slipway.testing import ADA, BEN
from slipway.web import board, release
from slipway.web.signin import Visitor
from tests.unit.web.installation import ScriptedInstallation, hello
from tests.unit.web.samples import awaiting_approval, awaiting_two_approvals, cast_vote
from tests.unit.web.visitors import DORA, visitor

BUTTON = "Approve or reject"
OUTDATED = "Look at it"
"""The button's text if the plan is out of date because the gate was changed since it was made."""


def pages(home: ScriptedInstallation, subject: Release, who: Visitor) -> tuple[str, str]:
    """The board, and the release's page."""
    body = board.show_board(home.app.reader, home.app.proposals, who)
    return body.body.decode(), release.show_release(home.app.reader, subject.id, visitor=who).body.decode()


def test_an_approver_finds_the_link_to_decide_on_the_board_and_on_the_release() -> None:
    home, subject = awaiting_approval()
    link = f'href="/approvals/hello/{subject.number}/production?plan={subject.plan_hash}"'
    for page in pages(home, subject, visitor(ADA)):
        assert BUTTON in page
        assert link in page
    assert "Waiting for you" in pages(home, subject, visitor(ADA))[0]


@pytest.mark.parametrize("who", [DORA, visitor(BEN), visitor("olga@example.com", "operator")])
def test_a_person_who_may_not_decide_sees_the_waiting_release_without_a_button(who: Visitor) -> None:
    home, subject = awaiting_approval()
    board_page, release_page = pages(home, subject, who)
    assert subject.id in board_page
    assert "Waiting for you" not in board_page
    assert BUTTON not in board_page
    assert BUTTON not in release_page


def test_a_person_who_has_voted_is_not_waited_for_any_more() -> None:
    home, subject = awaiting_two_approvals()
    cast_vote(home, subject, ADA)
    assert BUTTON not in pages(home, subject, visitor(ADA))[0]
    assert BUTTON in pages(home, subject, visitor(BEN))[0]


def test_a_role_that_the_gate_names_is_enough() -> None:
    home, subject = awaiting_approval()
    home.change_delivery(hello(approvers=("role:shop-approvers",)))
    approver = visitor("carl@example.com", "reader", "shop-approvers")
    assert OUTDATED in pages(home, subject, approver)[1]
    assert OUTDATED not in pages(home, subject, visitor(ADA))[1]


def test_a_release_past_its_deadline_has_no_button() -> None:
    home, subject = awaiting_approval()
    home.deadline(subject)
    assert all(BUTTON not in page for page in pages(home, subject, visitor(ADA)))

"""Following a release: its page reloads itself while the release moves, and no longer."""

import pytest

from slipway.domain.answers import RowOutcome, StatementState
from slipway.domain.inbox import InboxKind
from slipway.domain.release import Phase, Release
from slipway.domain.rules import Rule, WaitsFor
from slipway.queries.answers import Reply
from slipway.web import outcome, release
from slipway.web.answer import Answer
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_approval, cast_vote
from tests.unit.web.visitors import DORA


@pytest.fixture
def waiting() -> tuple[ScriptedInstallation, Release]:
    return awaiting_approval()


def page(waiting: tuple[ScriptedInstallation, Release], *, follow: bool) -> Answer:
    home, subject = waiting
    return release.show_release(home.app.reader, subject.id, visitor=DORA, follow=follow)


def test_a_release_that_is_followed_is_read_again_until_it_has_ended(
    waiting: tuple[ScriptedInstallation, Release],
) -> None:
    followed = page(waiting, follow=True)
    assert followed.headers["Refresh"] == "5"
    assert ">Stop</a>" in followed.body.decode()
    home, subject = waiting
    cast_vote(home, subject)
    home.settle()
    ended = page(waiting, follow=True)
    assert "Refresh" not in ended.headers
    assert ">Stop</a>" not in ended.body.decode()


def test_a_release_that_is_not_followed_does_not_reload(waiting: tuple[ScriptedInstallation, Release]) -> None:
    answer = page(waiting, follow=False)
    assert "Refresh" not in answer.headers
    assert '?follow=1">Follow</a>' in answer.body.decode()


@pytest.mark.parametrize(("phase", "heading"), [(Phase.AWAITING_APPROVAL, "Counted"), (Phase.COPYING, "Done")])
def test_a_vote_is_shown_as_counted_while_the_gate_is_open_and_then_as_carried_out(phase: Phase, heading: str) -> None:
    row_outcome = RowOutcome(kind=InboxKind.VOTE, release="shop-1", phase=phase)
    reply = Reply(partition="shop", id="1", state=StatementState.COUNTED, answered=row_outcome)
    page = outcome.reply_page(reply, path="/said/shop/1", back=("/releases/shop-1", "Follow"), who=None).body.decode()
    assert f"<h1>{heading}</h1>" in page
    assert ("It was carried out" in page) is (phase is Phase.COPYING)
    assert ("The gate is still open: the page of shop-1" in page) is (phase is Phase.AWAITING_APPROVAL)


def test_a_vote_on_an_outdated_plan_is_shown_as_a_new_plan_and_not_as_refused() -> None:
    outdated = Rule.PLAN_IS_CURRENT.not_yet("the application changed since the plan was made", WaitsFor.STEP)
    row_outcome = RowOutcome(
        kind=InboxKind.VOTE, release="shop-1", phase=Phase.PLANNING, refused=True, rules=(outdated,)
    )
    reply = Reply(partition="shop", id="1", state=StatementState.REFUSED, answered=row_outcome)
    page = outcome.reply_page(reply, path="/said/shop/1", back=("/releases/shop-1", "Follow"), who=None).body.decode()
    assert "<h1>A new plan is being made</h1>" in page
    assert "Your approval was not counted, because the plan that it was for is out of date" in page
    assert "the application changed since the plan was made" in page
    assert "Refused" not in page

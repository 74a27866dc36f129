"""The board: what is live, what is on its way, what waits and why, what failed; and what it costs to look at."""

import gzip
from dataclasses import replace
from datetime import timedelta

import pytest

from slipway.domain.blocks import Freeze
from slipway.domain.errors import NotFound
from slipway.domain.explain import EnvironmentRules, Explanation, rules_in_the_way
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.reports import NotShown
from slipway.domain.rules import Rule
from slipway.domain.snapshot import Lookups
from slipway.domain.steps import StepKind
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.queries.open_gates import open_gates
from slipway.testing import ADA
from slipway.web.answer import conditional
from slipway.web.board import board_page, show_board
from slipway.web.release import show_release as release_page
from slipway.web.templating import STYLESHEET
from tests.unit.web.fleet import Fleet
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import SAMPLES, awaiting_approval, cast_vote, park
from tests.unit.web.visitors import DORA, visitor

FIRST_VIEW = 60 * 1024
FIVE = ("development", "test", "staging", "preproduction", "production")


def board_html(home: ScriptedInstallation) -> str:
    return show_board(home.app.reader, home.app.proposals, DORA).body.decode()


def test_the_board_says_what_is_live_what_is_on_its_way_and_who_is_signed_in() -> None:
    body = SAMPLES["board"]().body.decode()
    for expected in ('href="/releases/hello-1"', "Waiting for approval", "Rolling out", "1.4.0", "Dora"):
        assert expected in body


def test_the_board_does_not_say_none_yet_where_releases_cannot_be_shown() -> None:
    home, _ = awaiting_approval()
    none = replace(home.board(), newest=())
    hidden = replace(none, not_shown=(NotShown(application="shop", why="its head cannot be read"),))
    assert "None yet" in board_page(none, now=home.now, visitor=DORA)
    assert "None yet" not in board_page(hidden, now=home.now, visitor=DORA)


def test_a_waiting_release_names_the_rules_that_explain_names() -> None:
    home, subject = awaiting_approval()
    (row,) = home.board().rows
    (moving,) = row.cells[1].moving
    explained = home.app.reader.explain(subject)
    broken = {rule.name for group in explained.rules if group.environment == "production" for rule in group.rules}
    assert [rule.name for rule in moving.rules] == ["quorum-reached"]
    assert {rule.name for rule in moving.rules} <= broken
    assert 'Waiting for approval: <span class="note"><bdi>0 of 1 approvals' in board_html(home)


def test_a_waiting_release_with_an_outdated_plan_is_not_offered_for_approval() -> None:
    home, subject = awaiting_approval()
    ada = visitor(ADA)
    assert "Approve or reject" in show_board(home.app.reader, home.app.proposals, ada).body.decode()
    assert [gate.outdated for gate in open_gates(home.app.reader).read] == [""]
    home.change_delivery()
    for page in (
        show_board(home.app.reader, home.app.proposals, ada),
        release_page(home.app.reader, subject.id, visitor=ada),
    ):
        body = page.body.decode()
        assert "Approve or reject" not in body
        assert "Look at it" in body
        assert "changed since the plan was made" in body
    (gate,) = open_gates(home.app.reader).read
    assert "changed since the plan was made" in gate.outdated


def test_the_board_reloads_itself_only_for_people_who_follow_it() -> None:
    home, _ = awaiting_approval()
    followed = show_board(home.app.reader, home.app.proposals, DORA, follow=True)
    assert followed.headers["Refresh"] == "5"
    assert '<a href="/">Stop</a>' in followed.body.decode()
    assert "Refresh" not in show_board(home.app.reader, home.app.proposals, DORA).headers
    assert '<a href="/?follow=1">Follow</a>' in board_html(home)


def test_a_release_that_waits_for_its_run_is_shown_before_the_first_environment() -> None:
    home = ScriptedInstallation()
    home.push("1.0.0")
    (row,) = home.board().rows
    (arriving,) = row.arriving
    assert [rule.name for rule in arriving.rules] == ["run-succeeded"]
    assert not [item for cell in row.cells for item in cell.moving]


def test_a_failure_is_an_alarm_until_something_goes_live_there() -> None:
    home, subject = awaiting_approval()
    home.fails = {StepKind.VERIFY: "Failed: 1 of 24 cases failed"}
    cast_vote(home, subject)
    home.settle()
    body = board_html(home)
    assert 'class="alarm"' in body
    assert "hello-2 in production" in body
    assert "1 of 24 cases failed" in body
    home.fails = {}
    cast_vote(home, home.bring("1.6.0"))
    home.settle()
    body = board_html(home)
    assert 'class="alarm"' not in body
    assert "Needs attention" not in body


def test_a_rejection_is_not_an_alarm() -> None:
    home, subject = awaiting_approval()
    cast_vote(home, subject, decision=VoteDecision.REJECT, reason="not now")
    assert 'class="alarm"' not in board_html(home)


def test_parked_input_is_an_alarm_until_it_is_replayed() -> None:
    home, _ = awaiting_approval()
    park(home)
    assert "1 input that could not be handled" in board_html(home)
    (item,) = home.app.parking.all()
    home.app.parking.replay(item.id, actor="api")
    home.app.parking.replay(item.id, actor="api")
    assert "could not be handled" not in board_html(home)


def test_the_parked_page_hides_what_may_be_an_approvers_token() -> None:
    home = ScriptedInstallation()
    park(home)
    body = SAMPLES["parked"]().body.decode()
    assert "a" * 40 not in body
    assert "(token)" in body


def test_applications_with_the_same_chain_share_a_table() -> None:
    body = SAMPLES["board-chains"]().body.decode()
    assert body.count('<table class="board">') == 2
    assert body.index(">asia-pacific</th>") > body.index(">production</th>")


def test_the_board_can_show_one_application_alone() -> None:
    body = SAMPLES["board-one"]().body.decode()
    assert "catalogue-service-15" in body
    assert "/releases/shop-" not in body
    home, _ = awaiting_approval()
    with pytest.raises(NotFound):
        show_board(home.app.reader, home.app.proposals, DORA, application="shop")


@pytest.mark.parametrize("releases", [15, 90])
def test_the_board_costs_one_request_per_application_one_for_parked_input_and_one_for_changes(releases: int) -> None:
    fleet = Fleet(applications=30, environments=FIVE, releases=min(releases, 90))
    show_board(fleet.app.reader, fleet.app.proposals, DORA)
    assert fleet.table.requests == 30 + 2


def test_outbox_rows_between_the_lanes_and_the_releases_hide_none_of_them() -> None:
    fleet = Fleet(applications=1)
    rows = [Write(act=Act.CREATE, key=keys.outbox(1, n, "message"), values={"Data": "{}"}) for n in range(80)]
    fleet.table.transact("shop", rows)
    entry = fleet.app.catalogue.entries["shop"]
    snapshot = fleet.app.reader.snapshot(entry, Lookups(newest=8, in_lanes=False))
    assert sorted(snapshot.releases) == [8, 9, 10, 11, 12, 13, 14, 15]
    assert set(snapshot.lanes) == {"staging", "production"}
    assert fleet.table.requests == 2


def test_an_empty_installation_says_what_to_do_first() -> None:
    body = SAMPLES["board-empty"]().body.decode()
    assert "Nothing is delivered here yet" in body
    assert "slipway apply" in body
    assert "The first image push creates one" in SAMPLES["board-new"]().body.decode()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_first_view_of_every_page_is_small(name: str) -> None:
    """Page and stylesheet together: there is nothing else."""
    body = SAMPLES[name]().body
    assert len(body) + len(gzip.compress(STYLESHEET.read_bytes(), 6)) < FIRST_VIEW


def test_the_first_view_of_a_usual_board_is_small_even_where_nothing_is_compressed() -> None:
    fleet = Fleet(applications=10, environments=("staging", "production"))
    body = show_board(fleet.app.reader, fleet.app.proposals, DORA).body
    assert len(body) + len(STYLESHEET.read_bytes()) < FIRST_VIEW


def test_a_release_that_is_held_back_names_what_holds_it() -> None:
    rules = tuple(rule.fails("so") for rule in (Rule.FREEZE, Rule.ROLLOUT_SUCCEEDED, Rule.IS_LIVE))
    production = EnvironmentRules(environment="production", rules=rules)
    explanation = Explanation(release="shop-1", phase=Phase.HELD_BACK, headline="", rules=(production,), next="")
    assert [rule.name for rule in rules_in_the_way(explanation, "production")] == ["freeze"]


def test_the_board_is_not_sent_again_when_looked_at_twice_within_a_second() -> None:
    home, _ = awaiting_approval()
    home.wait(timedelta(minutes=5))
    first = show_board(home.app.reader, home.app.proposals, DORA)
    home.wait(timedelta(milliseconds=20))
    again = conditional(show_board(home.app.reader, home.app.proposals, DORA), first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    home.wait(timedelta(minutes=1))
    later = conditional(show_board(home.app.reader, home.app.proposals, DORA), first.headers["ETag"])
    assert later.status == 200, "people see how long ago it was"


def test_the_board_says_that_everything_is_frozen_and_why() -> None:
    home, _ = awaiting_approval()
    cells, now = home.board(), home.app.reader.clock()
    frozen = Freeze(
        id="freeze-4711", owner="olga@example.com", reason="incident 4711", at=now, until=now + timedelta(hours=4)
    )
    rows = tuple(replace(row, everything=frozen) for row in cells.rows)
    during, after = (
        board_page(replace(cells, rows=rows), now=at, visitor=DORA) for at in (now, now + timedelta(hours=4))
    )
    assert '<a href="/operate">Everything</a>' in during
    assert "incident 4711" in during
    assert "incident 4711" not in after


def test_a_gate_that_nobody_could_be_notified_of_says_so_on_the_board_and_in_explain() -> None:
    home, _ = awaiting_approval()
    assert "nobody could be told" not in board_html(home)
    home.fails = {StepKind.NOTIFY: "channel inbox: expected a status of 2xx, got 410"}
    subject = home.bring("1.9.0")
    assert "nobody could be told of it: channel inbox: expected a status of 2xx, got 410" in board_html(home)
    assert "Nobody could be told of it yet" in home.app.reader.explain(subject).next

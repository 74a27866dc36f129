"""Drift on the pages: the board marks it, the live release says what differs and leads to the form that mends it."""

from functions.pages import services_of
from slipway.domain.drift import Drifted, DriftFindings, DriftKind
from slipway.domain.events import DriftLooked
from slipway.web import operating
from slipway.web.board import show_board as board
from slipway.web.release import show_release as release_page
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_approval, cast_vote
from tests.unit.web.visitors import DORA

EDITED = Drifted(what=DriftKind.CHANGED, kind="Deployment", name="hello", by="kubectl-edit")


def drifted_installation(findings: DriftFindings) -> ScriptedInstallation:
    home, subject = awaiting_approval()
    cast_vote(home, subject)
    home.settle()
    live = home.app.ledger.lanes("hello")["production"].live
    assert live is not None
    home.take(
        DriftLooked(
            received_at=home.now,
            application="hello",
            environment="production",
            release=live.release,
            plan_hash=live.plan_hash,
            seen=findings,
        )
    )
    home.settle()
    return home


FOUND, AWAY = DriftFindings.of((EDITED,), None), DriftFindings(unknown="production could not be reached")


def live_in_production(home: ScriptedInstallation) -> str:
    lane = home.app.ledger.lanes("hello")["production"]
    assert lane.live is not None
    return f"hello-{lane.live.release}"


def test_the_board_marks_where_a_cluster_does_not_hold_what_is_live() -> None:
    home = drifted_installation(FOUND)
    body = board(home.app.reader, home.app.proposals, DORA).body.decode()
    assert f"{live_in_production(home)} in production" in body
    assert "Drifted" in body
    assert "was changed by kubectl-edit" in body


def test_the_page_of_the_live_release_says_what_differs_and_leads_to_its_return() -> None:
    home = drifted_installation(FOUND)
    release = live_in_production(home)
    body = release_page(home.app.reader, release, visitor=DORA).body.decode()
    assert "production no longer matches it" in body
    assert "was changed by kubectl-edit" in body
    assert f'href="/operate?release={release}"' in body
    services = services_of(home.app)
    page = operating.show_commands(services, operating.PageSubject(release=release), DORA).body.decode()
    assert f"Bring production back to the live release: {release}" in page


def test_a_release_that_is_not_live_shows_no_drift() -> None:
    home = drifted_installation(FOUND)
    body = release_page(home.app.reader, "hello-1", visitor=DORA).body.decode()
    assert ("no longer matches it" in body) is (live_in_production(home) == "hello-1")


def test_drift_that_is_not_known_is_shown_as_not_known() -> None:
    home = drifted_installation(AWAY)
    body = board(home.app.reader, home.app.proposals, DORA).body.decode()
    assert "Drift not known" in body
    page = release_page(home.app.reader, live_in_production(home), visitor=DORA).body.decode()
    assert "production may no longer match it" in page
    assert "Unknown at present" in page

"""One sample of each page, in each of its states: which the tests check, and `scripts/render_pages.py` draws."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from functions.pages import services_of
from slipway.commands.saying import CommandRequest
from slipway.domain.changing import ComparedSubject
from slipway.domain.commands import Verb
from slipway.domain.inbox import Via
from slipway.domain.model import sha256
from slipway.domain.promotion import CopyProgress, PromotionMethod, StepState
from slipway.domain.proposing import ProposedChange
from slipway.domain.release import Release, VoteDecision
from slipway.domain.statement import CatalogueChange, CatalogueStatement
from slipway.domain.steps import StepKind
from slipway.domain.tokens import read_link
from slipway.http.requests import FORM_TYPE
from slipway.ledger.proposals import Proposals
from slipway.queries.numbers import Numbers
from slipway.queries.reading import Reader
from slipway.testing import ADA, BEN, ManualClock
from slipway.testing.claims import vote_with_link
from slipway.web import audit, board, confirming, operating, parked, proposed, release
from slipway.web import numbers as numbers_page
from slipway.web.answer import Answer
from slipway.web.approving import receive_vote_by_link, show_linked_gate
from slipway.web.messages import ask_to_sign_in, not_found, try_again
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import ADA as VOTER
from tests.unit.commands.proposals import guarded, weaken
from tests.unit.commands.proposals import vote as vote_on
from tests.unit.web.fleet import Fleet
from tests.unit.web.history import numbers
from tests.unit.web.installation import ScriptedInstallation, hello
from tests.unit.web.visitors import DORA, as_visitor, visitor

Sample = Callable[[], Answer]
FORM = {"content-type": FORM_TYPE, "sec-fetch-site": "same-origin"}


class Headers(dict[str, str]):
    """Headers of a request, found in upper or lower case."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)


def awaiting_approval(**settings: Any) -> tuple[ScriptedInstallation, Release]:
    """Version 1.4.0 is live everywhere; 1.5.0 waits for approval in production."""
    if settings:
        return _until_approval(ScriptedInstallation(**settings))
    played, subject = _shared_beginning()
    home = ScriptedInstallation(
        clock=ManualClock(played.now),
        table=deepcopy(played.table),
        index_table=deepcopy(played.index_table),
        blobs=deepcopy(played.blobs),
        bus=deepcopy(played.bus),
    )
    return home, subject


@cache
def _shared_beginning() -> tuple[ScriptedInstallation, Release]:
    """The beginning that hundreds of tests share: played once, and copied for each of them."""
    return _until_approval(ScriptedInstallation())


def _until_approval(home: ScriptedInstallation) -> tuple[ScriptedInstallation, Release]:
    home.bring("1.4.0")
    cast_vote(home, home.newest())
    home.settle()
    home.wait(timedelta(hours=20, minutes=7))
    return home, home.bring("1.5.0")


def awaiting_two_approvals(**settings: Any) -> tuple[ScriptedInstallation, Release]:
    """The same, but two people must approve."""
    home, _ = awaiting_approval(**settings)
    home.change_delivery(hello(approvers=(ADA, BEN), required=2))
    home.wait(timedelta(hours=1))
    return home, home.bring("1.6.0")


def cast_vote(
    home: ScriptedInstallation,
    subject: Release,
    voter: str = ADA,
    decision: VoteDecision = VoteDecision.APPROVE,
    reason: str = "",
) -> None:
    """Cast a vote by another way than the page."""
    claims = read_link(home.token(subject, voter), home.app.public_keys, now=home.now)
    submission = f"sample-{voter}-{subject.id}"
    home.take(vote_with_link(claims, decision, reason=reason, channel="cli", submission=submission, now=home.now))


def pages() -> dict[str, Answer]:
    return {name: sample() for name, sample in SAMPLES.items()}


def _approval(change: Callable[[ScriptedInstallation, Release], None] = lambda _h, _r: None) -> Answer:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.wait(timedelta(minutes=25))
    change(home, subject)
    return show_linked_gate(home.services, token)


def _voted() -> Answer:
    home, subject = awaiting_two_approvals()
    token = home.token(subject)
    cast_vote(home, subject, ADA)
    home.wait(timedelta(minutes=4))
    return show_linked_gate(home.services, token)


def _seen_by_ben() -> Answer:
    home, subject = awaiting_two_approvals()
    cast_vote(home, subject, ADA)
    home.wait(timedelta(minutes=4))
    return show_linked_gate(home.services, home.token(subject, BEN))


def _reject(home: ScriptedInstallation, subject: Release) -> None:
    cast_vote(home, subject, ADA, VoteDecision.REJECT, "The report of last night shows wrong totals.")


def _bring_newer(home: ScriptedInstallation, subject: Release) -> None:
    home.bring("1.6.0")


def _plan_made_again(home: ScriptedInstallation, subject: Release) -> None:
    home.change_delivery()
    home.changes = home.changes[:1]
    cast_vote(home, subject)
    home.settle()


def _freeze(home: ScriptedInstallation, _: Release) -> None:
    home.command(Verb.FREEZE, environment="production", app="hello", reason="the sale")


def _pass_gate(home: ScriptedInstallation, subject: Release) -> None:
    cast_vote(home, subject)
    home.settle()


def _own_release() -> Answer:
    home, _ = awaiting_approval()
    subject = home.bring("1.6.0", by=ADA)
    return show_linked_gate(home.services, home.token(subject))


def _refused() -> Answer:
    home, subject = awaiting_approval()
    token = home.token(subject)
    body = f"decision=approve&form_token={nonce_of(show_linked_gate(home.services, token))}".encode()
    home.change_delivery()
    return home.follow(receive_vote_by_link(home.services, token, Headers(FORM), body))


def _without_reason() -> Answer:
    home, subject = awaiting_approval()
    token = home.token(subject)
    body = f"decision=reject&reason=+&form_token={nonce_of(show_linked_gate(home.services, token))}".encode()
    return receive_vote_by_link(home.services, token, Headers(FORM), body)


def nonce_of(answer: Answer) -> str:
    """The token in the page's form."""
    return answer.body.decode().split('name="form_token" value="')[1].split('"')[0]


def ids_of(answer: Answer) -> list[str]:
    """The ids of the page's forms, in their order."""
    return [part.split('"')[0] for part in answer.body.decode().split('name="id" value="')[1:]]


def _board() -> Answer:
    home, _ = awaiting_approval(stops_before=frozenset())
    home.stops_before = frozenset({StepKind.CHECK})
    home.wait(timedelta(minutes=3))
    home.bring("1.6.0")
    park(home)
    return board.show_board(home.app.reader, home.app.proposals, DORA)


def park(home: ScriptedInstallation) -> None:
    home.app.parking.park(
        source="runs",
        reason="run.result: expected one of succeeded, failed, canceled, got 'succeded'",
        body=b'{"run": {"result": "succeded", "number": "1.6.0"}, "token": "' + b"a" * 40 + b"." + b"b" * 40 + b'"}',
    )


def _parked() -> Answer:
    home = ScriptedInstallation()
    park(home)
    home.wait(timedelta(minutes=12))
    (item,) = home.app.parking.all()
    home.app.parking.replay(item.id, actor="api")
    home.wait(timedelta(hours=3))
    home.app.parking.park(
        source="event-grid", reason="data.target.digest: expected sha256:…, got ''", body=b"[]" * 2000
    )
    home.wait(timedelta(minutes=4))
    return parked.show_parked(home.app.parking, DORA)


def _audit(**parameters: str) -> Answer:
    home, _ = after_the_vote()
    return audit.show_audit(home.app.trail, home.app.catalogue, parameters, DORA)


def after_the_vote() -> tuple[ScriptedInstallation, Release]:
    home, subject = awaiting_approval()
    cast_vote(home, subject)
    home.settle()
    return home, subject


@cache
def _half_a_year() -> Numbers:
    """Half a year of four applications; a page only reads it."""
    return numbers(Fleet(applications=4))


def _numbers(**parameters: str) -> Answer:
    return numbers_page.show_numbers(_half_a_year(), parameters, DORA)


def _three_chains() -> tuple[Reader, Proposals]:
    fleet = Fleet(applications=4, environments=("staging", "production"), second_chain=("europe", "asia-pacific"))
    return fleet.app.reader, fleet.app.proposals


def _fleet() -> Answer:
    """Thirty applications of five environments, of which many wait and some failed."""
    fleet = Fleet(applications=30, environments=("development", "test", "staging", "preproduction", "production"))
    return board.show_board(fleet.app.reader, fleet.app.proposals, DORA)


def _release_page(change: Callable[[ScriptedInstallation, Release], None] = lambda _h, _r: None) -> Answer:
    home, subject = awaiting_approval()
    home.wait(timedelta(minutes=5))
    change(home, subject)
    return release.show_release(home.app.reader, subject.id, visitor=DORA)


def _rolled_back() -> Answer:
    home, subject = awaiting_approval()
    home.wait(timedelta(minutes=5))
    home.fails = {StepKind.VERIFY: "Failed: 1 of 24 cases failed: case 07: expected 10.50, got 10.05"}
    cast_vote(home, subject)
    home.settle()
    return release.show_release(home.app.reader, subject.id, visitor=DORA)


def _copying() -> Answer:
    home, subject = awaiting_approval()
    return show_copy(home, subject, blobs=3, of_blobs=12, bytes=1_240_000_000, of_bytes=5_020_000_000)


def _importing() -> Answer:
    home, subject = awaiting_approval()
    return show_copy(home, subject, how=PromotionMethod.IMPORT)


def show_copy(home: ScriptedInstallation, subject: Release, **progress: Any) -> Answer:
    """The page of a release that is on its way into the registry of production."""
    home.stops_before = frozenset({StepKind.COPY})
    cast_vote(home, subject)
    home.settle()
    step = home.app.reader.release(subject.id).step
    assert step is not None
    copy_progress = CopyProgress(environment="production", at=home.now, **progress)
    home.app.ledger.under_way.write("hello", subject.number, "production", StepState(step=step, progress=copy_progress))
    return release.show_release(home.app.reader, subject.id, visitor=DORA)


def _fresh_release() -> Answer:
    home = ScriptedInstallation()
    home.push("1.0.0")
    return release.show_release(home.app.reader, home.newest().id, visitor=DORA)


def _confirm(*roles: str) -> Answer:
    """Somebody asked for a rollback on the command line."""
    home, _ = after_the_vote()
    command = CommandRequest(
        verb=Verb.ROLLBACK, environment="production", release="hello-1", reason="1.5.0 loses orders"
    )
    handle = home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI)
    return confirming.show_confirmation(services_of(home.app), handle, visitor("Olga", *roles))


def _confirm_change() -> Answer:
    """Somebody asked for a weaker project on the command line."""
    home, _ = after_the_vote()
    comparison = (
        ComparedSubject(
            subject="project:team",
            outcome="changed",
            weaker=("environments.production.least_gate: required: 1 instead of 2",),
            stalled=("hello: expected a cluster of production in the project team: blue, got 'green'",),
            difference=(
                "environments.production.least_gate.required: 2 → 1",
                "environments.production.clusters: green → blue",
            ),
        ),
        ComparedSubject(subject="application:hello", outcome="unchanged"),
    )
    change = CatalogueChange(subject="project:team", before=sha256(b"was"), after=sha256(b"is"))
    statement = CatalogueStatement(
        installation="slipway.example.com", salt="A" * 22, changes=(change,), reason="the <b>leads</b> decide"
    )
    handle = home.app.saying.keep_pending(statement, Via.CLI, compared=comparison)
    return confirming.show_confirmation(services_of(home.app), handle, visitor("Olga", "platform"))


def _change(settle: Callable[[Live, ProposedChange], object] = lambda live, change: None) -> Answer:
    """Somebody proposed that one approval be enough for production."""
    live = guarded(Path(mkdtemp()) / "team")
    change = weaken(live)
    settle(live, change)
    return proposed.show_proposed_change(services_of(live.app), change.hash[7:], as_visitor(VOTER))


def _frozen() -> Answer:
    home, _ = awaiting_approval()
    home.command(Verb.FREEZE, environment="production", app="hello", reason="the sale")
    lane = operating.PageSubject(application="hello", environment="production")
    return operating.show_commands(services_of(home.app), lane, visitor("Olga", "operator"))


_DRAWING: dict[str, Sample] = {
    "board": _board,
    "board-new": lambda: board.show_board(
        ScriptedInstallation().app.reader, ScriptedInstallation().app.proposals, DORA
    ),
    "board-empty": lambda: board.show_board(
        Fleet(applications=0).app.reader, ScriptedInstallation().app.proposals, DORA
    ),
    "board-fleet": _fleet,
    "board-one": lambda: board.show_board(*_three_chains(), DORA, application="catalogue-service"),
    "board-chains": lambda: board.show_board(*_three_chains(), DORA),
    "audit": _audit,
    "audit-filtered": lambda: _audit(actor="ada@example.com", environment="production"),
    "audit-nothing": lambda: _audit(action="everything.frozen"),
    "audit-wrong": lambda: _audit(digest="sha256:xyz<script>", actor="ada@example.com"),
    "numbers": lambda: _numbers(application="shop"),
    "numbers-year": lambda: _numbers(application="shop", environment="production", weeks="52"),
    "numbers-all": _numbers,
    "numbers-wrong": lambda: _numbers(application="shop", weeks="many<script>"),
    "numbers-empty": lambda: numbers_page.show_numbers(numbers(Fleet(applications=0)), {}, DORA),
    "numbers-first-week": lambda: _numbers(application="user-accounts", weeks="4"),
    "parked": _parked,
    "parked-empty": lambda: parked.show_parked(ScriptedInstallation().app.parking, DORA),
    "release-waiting": _release_page,
    "release-completed": lambda: _release_page(_pass_gate),
    "release-rejected": lambda: _release_page(_reject),
    "release-rolled-back": _rolled_back,
    "release-superseded": lambda: _release_page(_bring_newer),
    "release-joining": _fresh_release,
    "release-copying": _copying,
    "release-importing": _importing,
    "approval-open": _approval,
    "approval-second-voter": _seen_by_ben,
    "approval-voted": _voted,
    "approval-own-release": _own_release,
    "approval-passed": lambda: _approval(_pass_gate),
    "approval-rejected": lambda: _approval(_reject),
    "approval-superseded": lambda: _approval(_bring_newer),
    "approval-expired": lambda: _approval(lambda home, subject: home.deadline(subject)),
    "approval-frozen": lambda: _approval(_freeze),
    "approval-plan-changed": lambda: _approval(_plan_made_again),
    "approval-outdated": lambda: _approval(lambda home, _: home.change_delivery()),
    "approval-refused": _refused,
    "approval-without-reason": _without_reason,
    "operate-frozen": _frozen,
    "confirm": lambda: _confirm("operator"),
    "confirm-change": _confirm_change,
    "change-waiting": _change,
    "change-rejected": lambda: _change(lambda live, change: vote_on(live, change, VOTER, VoteDecision.REJECT)),
    "confirm-not-permitted": lambda: _confirm("reader"),
    "message-forged": lambda: show_linked_gate(ScriptedInstallation().services, "bm8.bm8"),
    "message-not-found": lambda: not_found("there is no release hello-99"),
    "message-sign-in": lambda: ask_to_sign_in("/releases/hello-1"),
    "message-try-again": try_again,
}

SAMPLES: dict[str, Sample] = {name: cache(draw) for name, draw in _DRAWING.items()}
"""All samples, by name. Each is drawn once in a process, however many tests look at it."""

"""The author of a change, who may approve those of others and may write rows, removes themselves from the row of its
release: what the signed trail says of its run counts, even after the release has ended and is sent out again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.identity import TokenPerson
from slipway.domain.people import OID
from slipway.domain.release import Phase, Release, VoteDecision
from slipway.domain.runs import InvolvedPerson, Involvement, Trust
from slipway.ledger import keys
from slipway.ledger.rows import pack_release
from slipway.testing import write_application
from slipway.testing.commands import proved_command
from slipway.testing.runs import ASKED
from slipway.testing.sign_in import person
from tests.confirming import proof_of, say_proved
from tests.security.test_kept_proofs import TEXT, statement
from tests.security.test_rows_of_an_attacker import ADA, put, recorded_refusal
from tests.unit.commands.live import Live

BEN, OLGA = person(2, "Ben", "shop-approvers"), person(7, "Olga", "platform")
NOT_OWN = TEXT.replace("fresh: 5m", "fresh: 5m, own_change: false")


def requested_by(oid: str) -> tuple[InvolvedPerson, ...]:
    return (InvolvedPerson(part=Involvement.REQUESTER, trust=Trust.PROVED, object_id=oid),)


@pytest.fixture
def home(tmp_path: Path) -> Live:
    """Release 1 is Ada's own change, and waits for approval in production."""
    write_application(tmp_path, text=NOT_OWN, start="both")
    installation = Live(tmp_path)
    installation.apply()
    digest = installation.push("1.0") and installation.build("1.0")
    installation.run("1.0", tag="1.0", digest=digest, people=requested_by(ADA.oid), behind=ASKED)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    return installation


def vote(home: Live, who: TokenPerson, decision: VoteDecision = VoteDecision.APPROVE, *, number: int = 1) -> str:
    """Vote; returns the action of the last record."""
    vote_statement = statement(home, number).evolve(decision=decision, reason="not now")
    say_proved(home, proof_of(home, vote_statement, who))
    home.hear()
    return home.actions()[-1]


def by_somebody_else(release: Release) -> Release:
    return release.evolve(run=present(release.run, "the run").evolve(people=requested_by(person(99, "Nobody").oid)))


def by_nobody(release: Release) -> Release:
    return release.evolve(run=None)


def order(home: Live, verb: Verb, who: TokenPerson, *, number: int = 1) -> None:
    """Give an order about a release, with a proof if it opens something."""
    event = proved_command(
        received_at=home.now,
        verb=verb,
        application="shop",
        release=number,
        actor=f"{OID}{who.oid}",
        reason="again",
        channel="page",
        submission=f"{verb} of {number} by {who.name}",
    )
    home.take(home.with_proof(event) if event.proved else event)
    home.settle()


@pytest.mark.parametrize("tamper", [by_somebody_else, by_nobody])
def test_an_author_who_removes_themselves_from_an_ended_release_cannot_approve_its_retry(
    home: Live, tamper: Callable[[Release], Release]
) -> None:
    assert vote(home, ADA) == "vote.refused"
    vote(home, BEN, VoteDecision.REJECT)
    home.settle()
    assert home.phase(1) is Phase.REJECTED
    put(home, keys.release(1), pack_release(tamper(home.release(1))))
    order(home, Verb.RETRY, OLGA)
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    vote(home, ADA)
    home.settle()
    assert home.production.applied == 0
    rule, why = recorded_refusal(home)
    assert (rule, "the CI run that built shop-1 is not the one on record" in why) == ("gate-is-on-record", True)


def without_its_manual_start(release: Release) -> Release:
    return release.evolve(manual_start=None)


def without_its_beginning(release: Release) -> Release:
    return release.evolve(manual_start=None, first_sequence=release.first_sequence + 1)


@pytest.mark.parametrize("tamper", [without_its_manual_start, without_its_beginning])
def test_the_person_who_started_a_release_cannot_approve_it_by_removing_their_name_from_its_row(
    home: Live, tamper: Callable[[Release], Release]
) -> None:
    vote(home, BEN)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    applied_before = home.production.applied
    order(home, Verb.CREATE, BEN)
    assert vote(home, BEN, number=2) == "vote.refused"
    order(home, Verb.CANCEL, OLGA, number=2)
    put(home, keys.release(2), pack_release(tamper(home.release(2))))
    order(home, Verb.RETRY, OLGA, number=2)
    assert home.phase(2) is Phase.AWAITING_APPROVAL
    vote(home, BEN, number=2)
    home.settle()
    assert (home.phase(2), home.production.applied) == (Phase.FAILED, applied_before)
    assert home.release(2).reason.startswith("gate-is-on-record: ")

"""A front that was taken over lies to people and to the worker: about the text that they sign, about the time, and
about their sign-in. It cannot approve anything that way, and the worker tells the people to whom it lied."""

from datetime import timedelta
from typing import Any

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via, inbox_id
from slipway.domain.release import Phase, VoteDecision
from slipway.testing import Installation
from tests.confirming import proof_of, say_proved
from tests.security.test_kept_proofs import ADA, blobs, home, statement  # noqa: F401 - fixtures

HOUR = timedelta(hours=1)


@pytest.fixture
def installation(home: Installation) -> Installation:  # noqa: F811 - the fixture
    return home


def refused_by(installation: Installation) -> list[str]:
    installation.hear()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    record = installation.trail()[-1]
    assert record.action == "vote.refused"
    return list(record.details["rules"])


@pytest.mark.parametrize(
    "claims", [{"ago": HOUR}, {"auth_time": None}], ids=["an older sign-in", "one that does not say when it was"]
)
def test_a_silent_sign_in_opens_no_gate_that_demands_a_fresh_one(
    installation: Installation, claims: dict[str, Any]
) -> None:
    """A link to the provider with `prompt=none` gives a token, without asking, for the person signed in there."""
    say_proved(installation, proof_of(installation, statement(installation, 1), ADA, **claims))
    assert refused_by(installation) == ["sign-in-is-fresh"]


def test_a_statement_that_differs_from_the_signed_one_is_refused(installation: Installation) -> None:
    displayed = statement(installation, 1)
    signed = displayed.evolve(environment="staging")
    say_proved(installation, proof_of(installation, displayed, ADA, of=signed))
    assert refused_by(installation)[0] == "proof-holds"


def test_a_voter_who_signed_another_text_than_they_read_is_notified_and_can_stop_the_release(
    installation: Installation,
) -> None:
    signed = statement(installation, 1).evolve(reason="the worker sees what was signed, not what the page showed")
    say_proved(installation, proof_of(installation, signed, ADA))
    installation.hear()
    assert installation.phase(1) is Phase.COPYING
    installation.settle(until=lambda: any(message.notice == "vote-counted" for message in installation.inbox.messages))
    (notification,) = [message for message in installation.inbox.messages if message.notice == "vote-counted"]
    plan = present(installation.release(1).plan_hash, "the plan").removeprefix("sha256:")[:12]
    assert any(f"plan {plan}" in line for line in notification.lines)
    assert any(signed.reason in line for line in notification.lines)
    front = Speaker(oid=ADA.oid, roles=ADA.roles, via=Via.PAGE)
    objection = statement(installation, 1).evolve(decision=VoteDecision.OBJECT, reason="that was not what I read")
    installation.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=objection, speaker=front))
    installation.hear()
    assert str(installation.phase(1)) == "rejected"


@pytest.mark.parametrize(("delay", "rule"), [(HOUR / 3, "proof-is-in-time"), (HOUR, "proof-holds")])
def test_a_vote_that_the_front_delayed_is_refused_whatever_time_the_front_claims(
    installation: Installation, delay: timedelta, rule: str
) -> None:
    claimed_time, proof = installation.now, proof_of(installation, statement(installation, 1), ADA)
    installation.wait(delay)
    say_proved(installation, proof, id=inbox_id(claimed_time, bytes(8)))
    assert rule in refused_by(installation)


def test_an_earlier_vote_does_not_count_after_the_release_was_sent_out_again(installation: Installation) -> None:
    signed = statement(installation, 1)
    reject = statement(installation, 1).evolve(decision=VoteDecision.REJECT, reason="no")
    front = Speaker(oid=ADA.oid, roles=ADA.roles, via=Via.PAGE)
    installation.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=reject, speaker=front))
    installation.hear()
    installation.command(Verb.RETRY, 1)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    say_proved(installation, proof_of(installation, signed, ADA))
    assert "vote-is-for-this-opening" in refused_by(installation)


def test_an_override_needs_a_fresh_sign_in_whatever_the_gate_asks(installation: Installation) -> None:
    order = installation.app.inbox_writer.statement(
        CommandRequest(verb=Verb.OVERRIDE, environment="production", release="shop-1", reason="now")
    )
    say_proved(installation, proof_of(installation, order, ago=HOUR))
    installation.hear()
    record = installation.trail()[-1]
    assert record.action == "command.refused"
    assert "sign-in-is-fresh" in record.details["rules"]

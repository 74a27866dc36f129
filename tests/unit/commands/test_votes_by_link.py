"""A vote by a link, as a row that a front wrote: the worker believes the link's signature, and nothing of the front."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.taking import LONGEST, _without_secrets
from slipway.domain.answers import StatementState
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.model import sha256
from slipway.domain.release import Phase
from slipway.domain.signing import FixedKeys, KeysUnavailable, PublicKeys
from slipway.domain.statement import VoteStatement
from slipway.domain.tokens import ApprovalClaims, Purpose
from slipway.testing import ADA, BEN, Installation
from slipway.testing.chains import SIGNING_KEYS
from tests.beginnings import begun, waiting
from tests.links import link_by, public_of

NEWER = {"newer": b"n" * 32}


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return begun(waiting, tmp_path)


def claims_of(home: Installation, **changes: Any) -> ApprovalClaims:
    """The claims of the link that the worker sends Ada."""
    release = home.release(1)
    assert release.gate is not None
    claims = ApprovalClaims(
        application="shop",
        release=1,
        environment="production",
        plan_hash=release.plan_hash or "",
        approver=ADA,
        expires_at=home.now + timedelta(days=1),
        opening=release.gate.opening,
        purpose=Purpose.VOTE,
    )
    return claims.evolve(**changes)


def row_of(home: Installation, link: str, **changes: Any) -> InboxRow:
    """The row that a front writes for this link; `changes` are its own invention."""
    release = home.release(1)
    assert release.gate is not None
    fields = {
        "installation": "here",
        "salt": "A" * 22,
        "application": "shop",
        "release": 1,
        "environment": "production",
        "attempt": release.attempt,
        "opening": release.gate.opening,
        "plan": release.plan_hash,
        "decision": "approve",
    }
    statement = VoteStatement.model_validate(fields | changes)
    return InboxRow(kind=InboxKind.VOTE, said=statement, link=link, speaker=Speaker(name=BEN, via=Via.LINK))


def send(home: Installation, link: str, **changes: Any) -> str:
    """Send the vote and let the worker handle it; returns its id."""
    id = home.app.inbox_writer.say("shop", row_of(home, link, **changes)).id
    home.hear()
    return id


def state(home: Installation, id: str) -> StatementState:
    return home.app.answers.reply("shop", id).state


def test_a_vote_by_link_counts_for_the_person_to_whom_the_worker_sent_the_link(
    home: Installation,
) -> None:
    id = send(home, link_by(SIGNING_KEYS, claims_of(home)))
    assert state(home, id) is StatementState.COUNTED
    (record,) = [record for record in home.trail() if record.action == "vote.approved"]
    assert (record.actor, record.inbox, record.details["channel"]) == (ADA, id, "link")


REFUSED: Mapping[str, Callable[[Installation], str]] = {
    "made up": lambda home: "bm8.bm8",
    "signed by somebody else": lambda home: link_by({"test": b"x" * 32}, claims_of(home)),
    "signed with a public key": lambda home: link_by(
        {"test": public_of(SIGNING_KEYS).by_id()["test"]}, claims_of(home)
    ),
    "cut": lambda home: link_by(SIGNING_KEYS, claims_of(home))[:-4],
    "of another opening": lambda home: link_by(SIGNING_KEYS, claims_of(home, opening=7)),
    "of another plan": lambda home: link_by(SIGNING_KEYS, claims_of(home, plan_hash=sha256(b"another"))),
    "of another release": lambda home: link_by(SIGNING_KEYS, claims_of(home, release=2)),
    "of another environment": lambda home: link_by(SIGNING_KEYS, claims_of(home, environment="staging")),
    "of another application": lambda home: link_by(SIGNING_KEYS, claims_of(home, application="cart")),
    "that only shows": lambda home: link_by(SIGNING_KEYS, claims_of(home, purpose=Purpose.SHOW)),
    "that has expired": lambda home: link_by(SIGNING_KEYS, claims_of(home, expires_at=home.now)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_link_that_does_not_allow_the_vote_is_refused_in_a_record_that_names_no_person(
    home: Installation, kind: str
) -> None:
    id = send(home, REFUSED[kind](home))
    reply = home.app.answers.reply("shop", id)
    assert (reply.state, reply.answered is not None) == (StatementState.REFUSED, True)
    (record,) = [record for record in home.trail() if record.action == "vote.refused"]
    assert (record.actor, record.details["on_behalf_of"]) == ("slipway", "unknown")
    assert "proof-holds" in record.details["rules"]
    assert home.release(1).phase is Phase.AWAITING_APPROVAL


def test_a_link_of_another_opening_does_not_vote_even_if_the_front_names_that_opening(home: Installation) -> None:
    link = link_by(SIGNING_KEYS, claims_of(home, opening=7))
    assert state(home, send(home, link, opening=7)) is StatementState.REFUSED
    assert home.release(1).phase is Phase.AWAITING_APPROVAL


def test_a_link_whose_key_was_retired_does_not_vote_though_its_public_key_stays(home: Installation) -> None:
    link, ever = link_by(SIGNING_KEYS, claims_of(home)), public_of(SIGNING_KEYS | NEWER)
    home.restart(
        wrap=lambda ports: replace(ports, private_keys=lambda: FixedKeys(NEWER), public_keys=lambda: ever),
    )
    assert state(home, send(home, link)) is StatementState.REFUSED
    assert state(home, send(home, link_by(NEWER, claims_of(home)))) is StatementState.COUNTED


def test_a_vote_is_judged_by_the_time_it_was_written_and_not_by_when_it_is_read(home: Installation) -> None:
    link = link_by(SIGNING_KEYS, claims_of(home, expires_at=home.now + timedelta(minutes=1)))
    id = home.app.inbox_writer.say("shop", row_of(home, link)).id
    home.wait(timedelta(minutes=2))
    home.hear()
    assert state(home, id) is StatementState.COUNTED


class Away:
    """The store of the keys does not answer."""

    def live(self, wanted: str | None = None) -> Mapping[str, bytes]:
        raise KeysUnavailable("the vault does not answer")

    def ids(self) -> tuple[str, ...]:
        raise KeysUnavailable("the vault does not answer")


def test_with_the_keys_away_a_vote_waits_and_is_not_lost(home: Installation) -> None:
    link = link_by(SIGNING_KEYS, claims_of(home))
    before = home.ports
    home.restart(wrap=lambda ports: replace(ports, public_keys=lambda: PublicKeys(Away())))
    id = send(home, link)
    assert state(home, id) is StatementState.RECEIVED
    home.wait(LONGEST - timedelta(hours=1))
    home.restart(wrap=lambda _: before)
    home.app.inbox_reader.take_all()
    assert state(home, id) is StatementState.COUNTED


def test_a_link_is_kept_and_shown_nowhere(home: Installation) -> None:
    """A parked or logged row shows the statement, and not the credential with which it was made."""
    link = link_by(SIGNING_KEYS, claims_of(home))
    row = row_of(home, link)
    assert link not in _without_secrets(row)
    assert link not in repr(row)
    send(home, link)
    assert link not in str(home.trail())


@pytest.mark.parametrize("changes", [{"said": None}, {"kind": "look"}])
def test_only_a_row_with_a_vote_may_hold_a_link(home: Installation, changes: dict[str, Any]) -> None:
    fields = row_of(home, "bm8.bm8").model_dump(mode="json") | changes
    with pytest.raises(ValueError, match="expected"):
        InboxRow.model_validate(fields)

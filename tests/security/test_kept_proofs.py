"""The proofs behind a gate are verified again before anything is opened: a record and a row are not enough."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.events import VoteCast
from slipway.domain.identity import CannotVerify, TokenPerson
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.model import sha256
from slipway.domain.on_record import on_record
from slipway.domain.people import SignedIn
from slipway.domain.proof import Proof
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.statement import VoteStatement, salt_of
from slipway.domain.steps import StepKind
from slipway.effects.identity import IdTokens
from slipway.effects.identity.keys import Key
from slipway.testing import Installation, MemoryAdded, MemoryBlobs, write_application
from slipway.testing.applications import APPLICATION, catalogue_of
from slipway.testing.identity import MemoryIssuer, published_keys
from slipway.testing.sign_in import VOTES_CLIENT, person
from tests.beginnings import begun
from tests.confirming import proof_of, say_proved

PRODUCTION = "production"
ADA, MALLORY = person(1, "Ada", "shop-approvers"), person(66, "Mallory", "shop-approvers")
GATE = 'gate: { kind: approval, approvers: ["role:shop-approvers"], deadline: 24h, level: signed, fresh: 5m }'
TEXT = APPLICATION.replace(
    "gate: {{ kind: approval, approvers: [ada@example.com, ben@example.com], deadline: 24h }}",
    GATE.replace("{", "{{").replace("}", "}}"),
)


def waiting(folder: Path) -> Installation:
    """Release 1 waits for approval in production, where votes are signed."""
    write_application(folder, text=TEXT)
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    return installation


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return begun(waiting, tmp_path)


@pytest.fixture
def blobs(home: Installation) -> MemoryBlobs:
    assert isinstance(home.blobs, MemoryBlobs)
    return home.blobs


def statement(home: Installation, number: int) -> VoteStatement:
    release = home.release(number)
    return VoteStatement(
        installation=home.app.settings.installation_name,
        salt=salt_of(bytes(16)),
        application="shop",
        release=number,
        environment=PRODUCTION,
        attempt=release.attempt,
        opening=present(release.gate, "the gate").opening,
        plan=present(release.plan_hash, "the plan"),
        decision=VoteDecision.APPROVE,
    )


def approve(home: Installation, number: int = 1, who: TokenPerson = ADA) -> None:
    say_proved(home, proof_of(home, statement(home, number), who))
    home.hear()
    assert home.actions()[-1] != "vote.refused"


def roll_back(home: Installation) -> None:
    """Two releases went live, and somebody orders the first one back."""
    approve(home)
    home.settle()
    home.push("2.0")
    home.settle()
    approve(home, 2)
    home.settle()
    assert home.phase(2) is Phase.COMPLETED
    request = CommandRequest(verb=Verb.ROLLBACK, environment=PRODUCTION, release="shop-1", reason="2.0 loses orders")
    say_proved(home, proof_of(home, home.app.inbox_writer.statement(request)))
    home.hear()
    assert "rollback.ordered" in home.actions()


def give_waiver(home: Installation) -> None:
    """Let somebody waive that production requires knowing who is behind a change."""
    stricter = home.deliveries / "stricter"
    write_application(stricter, text=TEXT.replace("fresh: 5m", "fresh: 5m, require_known: true"))
    home.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue_of(stricter)))
    home.vote(1, f"oid:{ADA.oid}")  # which makes the plan again
    home.settle()
    request = CommandRequest(
        verb=Verb.WAIVE, environment=PRODUCTION, release="shop-1", rule="change-is-known", reason="its run is gone"
    )
    say_proved(home, proof_of(home, home.app.inbox_writer.statement(request)))
    home.hear()
    assert "waiver.given" in home.actions()
    home.settle()
    approve(home)


def proof_to_harm(home: Installation) -> str:
    """The hash of the proof that a test harms: that of the waiver, if there is one, or the newest."""
    records = [record for record in home.trail() if record.proof is not None]
    waivers = [record for record in records if record.action == "waiver.given"]
    return present((waivers or records)[-1].proof, "the proof")


def stopped_by(home: Installation, number: int, kind: StepKind) -> str:
    """The reason for which the step was not begun; nothing of it was done."""
    before = home.production.applied
    home.run_step(home.settle_at(kind, PRODUCTION))
    record = next(entry for entry in reversed(home.trail()) if entry.action == "gate.unproved")
    assert record.details["rules"] == ["kept-proofs-hold"]
    assert home.phase(number) is Phase.FAILED
    assert home.production.applied == before
    return str(record.details["reason"])


OPENED: dict[str, tuple[Callable[[Installation], None], int, StepKind]] = {
    "vote, before the copy": (approve, 1, StepKind.COPY),
    "vote, before the first object": (approve, 1, StepKind.DEPLOY),
    "roll-back": (roll_back, 3, StepKind.DEPLOY),  # the registry has the image
    "waiver": (give_waiver, 1, StepKind.COPY),
}


@pytest.fixture(params=sorted(OPENED))
def opened_release(request: pytest.FixtureRequest, home: Installation) -> tuple[int, StepKind]:
    """Something was opened by a proof: the number of the release that goes out by it, and the step that comes next."""
    opens, number, kind = OPENED[request.param]
    opens(home)
    home.settle(until=lambda: any(step.kind is kind and step.environment == PRODUCTION for step in home.steps()))
    return number, kind


def test_a_gate_with_intact_proofs_opens(home: Installation, opened_release: tuple[int, StepKind]) -> None:
    home.settle()
    assert home.phase(opened_release[0]) is Phase.COMPLETED


def test_a_missing_proof_opens_nothing(
    home: Installation, blobs: MemoryBlobs, opened_release: tuple[int, StepKind]
) -> None:
    del blobs.documents[proof_to_harm(home)]
    assert "is missing" in stopped_by(home, *opened_release)


def test_a_proof_that_was_changed_opens_nothing(
    home: Installation, blobs: MemoryBlobs, opened_release: tuple[int, StepKind]
) -> None:
    document = json.loads(blobs.documents[proof_to_harm(home)])
    blobs.documents[proof_to_harm(home)] = json.dumps(document | {"issuer": "https://evil.example"}).encode()
    assert "was changed" in stopped_by(home, *opened_release)


class Impostor(MemoryIssuer):
    """Somebody who signs as the provider, under the id of its key."""

    def __init__(self) -> None:
        super().__init__(kid="forged")

    def key(self, kid: str) -> Key | CannotVerify:
        return super().key("forged")

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return super().sign(claims, **header | {"kid": "k1"})


def count_by_another_proof(
    home: Installation, issuer: MemoryIssuer | None = None, who: TokenPerson = ADA, **changes: Any
) -> None:
    """Let the worker count a vote of Ada that another proof was given for: its record is genuine and signed."""
    counted = statement(home, 1)
    signed = counted.evolve(**changes)
    by = issuer or home.provider.issuer
    token = by.id_token(VOTES_CLIENT, who, nonce=signed.nonce, at=home.now)
    row = InboxRow(kind=InboxKind.VOTE, proof=Proof(statement=signed, id_token=token), speaker=Speaker(via=Via.PAGE))
    received = Received(id="0000000000000-0000000000000000", partition="shop", received_at=home.now, row=row)
    event = replace(home.app.prover, tokens=IdTokens(by, VOTES_CLIENT)).vote(received)
    assert isinstance(event, VoteCast)
    assert not event.unproved
    ada = SignedIn(object_id=ADA.oid, roles=("shop-approvers",))
    home.take(
        event.evolve(
            voter=f"oid:{ADA.oid}",
            signed_in=ada,
            plan_hash=counted.plan,
            opening=counted.opening,
            release=1,
            environment=PRODUCTION,
        )
    )
    assert home.phase(1) is Phase.COPYING


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"issuer": Impostor()}, "its signature is not the issuer's"),
        ({"who": MALLORY}, f"it is of oid:{MALLORY.oid}, and the record names oid:{ADA.oid}"),
        ({"who": replace(ADA, roles=())}, "its token does not name shop-approvers"),
        ({"plan": "sha256:" + "7" * 64}, "it says something else than the record"),
        ({"opening": 7}, "it says something else than the record"),
        ({"release": 2}, "it says something else than the record"),
        ({"environment": "staging"}, "it says something else than the record"),
    ],
    ids=["foreign key", "another person", "without the role", "another plan", "opening", "release", "environment"],
)
def test_a_proof_of_something_else_opens_nothing(home: Installation, how: dict[str, Any], why: str) -> None:
    count_by_another_proof(home, **how)
    assert why in stopped_by(home, 1, StepKind.COPY)


def test_a_proof_for_another_installation_opens_nothing(home: Installation) -> None:
    approve(home)
    copying = home.settle_at(StepKind.COPY, PRODUCTION)
    home.restart(public_url="https://other.example.com")
    home.run_step(copying)
    reason = next(entry for entry in reversed(home.trail()) if entry.action == "gate.unproved").details["reason"]
    assert "addressed to the installation slipway.example.com" in reason


def test_a_vote_record_without_a_proof_opens_nothing_at_a_gate_of_level_signed(home: Installation) -> None:
    approve(home)
    records = [record.evolve(proof=None) if record.action == "vote.approved" else record for record in home.trail()]
    environment = present(home.app.catalogue.entries["shop"].application.environment(PRODUCTION), "production")
    result = on_record(records, home.release(1), environment, home.now)
    assert not result.passed
    assert "no proof of the vote" in result.reason


# ---- keys that the provider no longer publishes
def rotate_provider_key(home: Installation) -> None:
    """The provider has another key now, and does not publish the former one."""
    home.provider.issuer.kid = "k2"


def test_a_proof_holds_by_archived_keys_that_an_anchor_names(
    home: Installation, opened_release: tuple[int, StepKind]
) -> None:
    rotate_provider_key(home)
    home.settle()
    assert home.phase(opened_release[0]) is Phase.COMPLETED


def test_while_the_provider_is_away_archived_keys_that_an_anchor_names_are_enough(home: Installation) -> None:
    approve(home)
    home.provider.issuer.away = True
    home.settle()
    assert home.phase(1) is Phase.COMPLETED


def remove_anchors(home: Installation, storage: MemoryAdded) -> None:
    storage.files.clear()
    rotate_provider_key(home)


@pytest.fixture
def storage(home: Installation) -> MemoryAdded:
    assert isinstance(home.added, MemoryAdded)
    return home.added


def test_archived_keys_that_no_anchor_names_verify_nothing(home: Installation, storage: MemoryAdded) -> None:
    approve(home)
    copying = home.settle_at(StepKind.COPY, PRODUCTION)
    remove_anchors(home, storage)
    for _ in range(40):
        home.run_step(copying)
        copying = next((step for step in home.steps() if step.kind is StepKind.COPY), copying)
        home.bus.sent.clear()
        home.wait(timedelta(minutes=10))
    assert home.phase(1) is Phase.FAILED
    assert "kept-proofs-hold" in str(home.trail()[-2].details) + str(home.trail()[-1].details)
    assert home.prod.resolve("team/shop", "1.0") is None


def forge_keys(blobs: MemoryBlobs, digest: str) -> None:
    blobs.documents[digest] = published_keys("forged")


def lose_keys(blobs: MemoryBlobs, digest: str) -> None:
    del blobs.documents[digest]


@pytest.mark.parametrize(("harm", "why"), [(forge_keys, "were changed"), (lose_keys, "are missing")])
def test_archived_keys_that_are_not_what_was_anchored_verify_nothing(
    home: Installation, blobs: MemoryBlobs, harm: Callable[[MemoryBlobs, str], None], why: str
) -> None:
    approve(home)
    copying = home.settle_at(StepKind.COPY, PRODUCTION)
    rotate_provider_key(home)
    harm(blobs, sha256(published_keys("k1")))
    home.run_step(copying)
    record = next(entry for entry in reversed(home.trail()) if entry.action == "gate.unproved")
    assert (record.details["rules"], why in record.details["reason"]) == (["kept-proofs-hold"], True)


def test_keys_that_verify_a_proof_for_the_first_time_are_recorded_and_anchored_once(
    home: Installation, storage: MemoryAdded
) -> None:
    approve(home)
    home.settle()
    home.push("2.0")
    home.settle()
    approve(home, 2)
    key_records = [record for record in home.trail("_installation") if record.action == "issuer-keys.seen"]
    assert [record.details["keys"] for record in key_records] == [sha256(published_keys("k1"))]
    anchor = present(home.app.chain_anchors.newest("_installation"), "the anchor")
    assert anchor.keys.issuer == sha256(published_keys("k1"))

"""`slipway audit verify --votes`: each kept proof is verified again on the reader's machine, by the provider's keys."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slipway.cli.commands import audit_verify
from slipway.cli.voters import TOKEN_LIVES
from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft
from slipway.domain.chain_anchor import AnchorReason, new_anchor
from slipway.domain.changes_on_record import VOTED
from slipway.domain.errors import present
from slipway.domain.identity import TokenPerson, VerifiedToken
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.people import SignedIn
from slipway.domain.proof import Proof
from slipway.domain.release import Head, Vote, VoteDecision
from slipway.domain.statement import ChangeVoteStatement
from slipway.effects.identity import IdTokens
from slipway.engine.proving import Prover
from slipway.testing import MemoryBlobs
from slipway.testing.chains import PUBLIC_KEYS, SIGNER, signed_chain
from slipway.testing.identity import TENANT, MemoryIssuer, published_keys
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served, Trail
from tests.unit.domain.samples import MORNING
from tests.unit.engine.test_proving import ADA, CLIENT, VOTE, vote_of

INSTALLATION = "_installation"
CHANGE_VOTE = ChangeVoteStatement.model_validate(
    {
        "installation": "here",
        "salt": "A" * 22,
        "change": "sha256:" + "b" * 64,
        "opening": 1,
        "plan": "sha256:" + "c" * 64,
        "decision": "approve",
    }
)
GRACE = replace(ADA, oid="aaaaaaaa-0000-4000-8000-000000000003")


class VoteTrail:
    """A trail with one vote, its proof, and the provider that signed it."""

    def __init__(self, app: Served) -> None:
        self.app, self.issuer = app, MemoryIssuer()
        self.issuer.url = f"{app.url}/{TENANT}/v2.0"
        app.trust = {"issuer": self.issuer.url, "tenant": TENANT, "votes_client": CLIENT, "installation": "here"}
        self.publish("k1")
        self.gate_details: dict[str, Any] = {"opening": 1, "level": "signed", "fresh": "5m"}

    def publish(self, *kids: str) -> None:
        """Let the provider publish these keys from now on."""
        base = f"/{TENANT}/v2.0"
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        discovery = {"issuer": self.issuer.url} | {name: f"{self.issuer.url}/{name}" for name in names}
        self.app.replies[f"{base}/.well-known/openid-configuration"] = Reply(body=json.dumps(discovery).encode())
        self.app.replies[f"{base}/jwks_uri"] = Reply(body=published_keys(*kids))

    def vote(self, who: TokenPerson = ADA, *, named: TokenPerson | None = None, **claims: Any) -> str:
        """Put a vote of `named` into the trail, with a proof that `who` signed. Returns the proof's hash."""
        blobs = MemoryBlobs()
        token = self.issuer.id_token(CLIENT, who, nonce=VOTE.nonce, at=MORNING, **claims)
        row = InboxRow(kind=InboxKind.VOTE, proof=Proof(statement=VOTE, id_token=token), speaker=Speaker(via=Via.PAGE))
        received = Received(id="0000000000000-0000000000000000", partition="shop", received_at=MORNING, row=row)
        prover = Prover(tokens=IdTokens(self.issuer, CLIENT), installation="here", evidence=blobs)
        proof = present(vote_of(prover.vote(received)).proved, "the proof").proof
        self.app.documents |= blobs.documents
        self.trail(proof, named or who)
        return proof

    def change_vote(
        self,
        who: TokenPerson = ADA,
        *,
        named: TokenPerson | None = None,
        signed: ChangeVoteStatement | None = None,
        **claims: Any,
    ) -> str:
        """The same for a vote on a change of the catalogue, in the installation's trail; `signed` is its statement."""
        blobs, statement = MemoryBlobs(), signed or CHANGE_VOTE
        token = self.issuer.id_token(CLIENT, who, nonce=statement.nonce, at=MORNING, **claims)
        row = InboxRow(
            kind=InboxKind.VOTE, proof=Proof(statement=statement, id_token=token), speaker=Speaker(via=Via.PAGE)
        )
        received = Received(id="0000000000000-0000000000000000", partition=INSTALLATION, received_at=MORNING, row=row)
        verdict = Prover(tokens=IdTokens(self.issuer, CLIENT), installation="here", evidence=blobs).person(received)
        assert isinstance(verdict, VerifiedToken), verdict
        self.app.documents |= blobs.documents
        proof = verdict.value[1].proof
        self.change_trail(proof, named or who)
        return proof

    def change_trail(self, proof: str | None, who: TokenPerson = ADA) -> None:
        signed_in = SignedIn(object_id=who.oid, roles=("shop-approvers",))
        vote = Vote(
            voter=f"oid:{who.oid}",
            decision=VoteDecision.APPROVE,
            channel="page",
            plan_hash=CHANGE_VOTE.plan,
            at=MORNING,
            signed_in=signed_in,
        )
        details = {"change": CHANGE_VOTE.change, "opening": 1, "plan": CHANGE_VOTE.plan, "decision": "approve"}
        draft = AuditDraft(
            action=Action.CHANGE_VOTED,
            actor=vote.voter,
            details=details | {VOTED: vote.model_dump(mode="json")},
            proof=proof,
            received_at=MORNING,
        )
        (record,) = signed_chain([draft], application=INSTALLATION, time=MORNING)
        self.app.trails[INSTALLATION] = Trail(records=[record.model_dump(mode="json")], sequence=1, hash=record.hash)

    def trail(self, proof: str | None, who: TokenPerson = ADA) -> None:
        about: dict[str, Any] = {"release": 1, "environment": "production"}
        details = {"plan_hash": VOTE.plan, "opening": 1, "channel": "page", "roles": ["shop-approvers"]}
        drafts = [
            AuditDraft(action=Action.GATE_OPENED, actor="slipway", details=self.gate_details, **about),
            AuditDraft(
                action=Action.VOTE_APPROVED,
                actor=f"oid:{who.oid}",
                details=details,
                proof=proof,
                received_at=MORNING,
                **about,
            ),
        ]
        records = signed_chain(drafts, application="shop", time=MORNING)
        self.app.trails["shop"] = Trail(
            records=[record.model_dump(mode="json") for record in records], sequence=2, hash=records[-1].hash
        )

    def anchor(self, keys: bytes) -> None:
        """An anchor of the chain that names this set of the provider's keys."""
        head = self.app.trails["shop"]
        new = new_anchor(
            Head(application="shop", sequence=head.sequence, hash=head.hash),
            why=AnchorReason.RULES,
            before=None,
            keys=PUBLIC_KEYS,
            issuer=self.app.keep(keys),
            signer=SIGNER,
            now=MORNING,
        )
        self.app.anchors["shop"] = [new.model_dump(mode="json")]


@pytest.fixture
def vote_trail(app: Served) -> VoteTrail:
    return VoteTrail(app)


@pytest.fixture
def votes(slipway: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, dict[str, Any]]]:
    monkeypatch.setattr(audit_verify, "clock", lambda: MORNING + TOKEN_LIVES)

    def verified(*options: str, of: str = "shop") -> tuple[int, dict[str, Any]]:
        result = slipway("audit", "verify", of, "--votes", "--json", *options)
        (application,) = json.loads(result.stdout)["applications"]
        assert application["intact"], application["fault"]
        return result.exit_code, application["votes"]

    return verified


type Votes = Callable[..., tuple[int, dict[str, Any]]]


def test_a_proof_holds_by_the_keys_that_the_provider_publishes(
    vote_trail: VoteTrail, votes: Votes, slipway: Command
) -> None:
    vote_trail.vote()
    vote_trail.anchor(published_keys("k1"))
    code, verdict = votes()
    assert code == 0
    assert (verdict["proofs"], verdict["faults"], verdict["waiting"]) == (1, [], [])
    (keys,) = verdict["keys"]
    assert (keys["source"], keys["anchored_since"], keys["proofs"]) == ("provider", f"{MORNING:%Y-%m-%dT%H:%M:%SZ}", 1)
    stdout = slipway("audit", "verify", "shop", "--votes").stdout
    assert "✓ votes   shop: 1 proofs hold" in stdout
    assert "published by the provider, anchored since" in stdout


def test_keys_that_the_provider_dropped_count_from_an_archive_that_an_anchor_names(
    vote_trail: VoteTrail, votes: Votes
) -> None:
    vote_trail.vote()
    vote_trail.anchor(published_keys("k1"))
    vote_trail.publish("k2")
    code, verdict = votes()
    assert (code, verdict["proofs"], verdict["keys"][0]["source"]) == (0, 1, "archive")


def test_keys_that_no_anchor_names_prove_nothing_once_the_provider_dropped_them(
    vote_trail: VoteTrail, votes: Votes
) -> None:
    vote_trail.vote()
    vote_trail.publish("k2")
    code, verdict = votes()
    assert (code, verdict["proofs"], verdict["faults"]) == (6, 0, [])
    assert "no anchor that was compared names its set of keys" in verdict["waiting"][0]["reason"]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda vote_trail: vote_trail.vote(GRACE, named=ADA), "and the record names"),
        (
            lambda vote_trail: vote_trail.vote(auth_time=int((MORNING - timedelta(hours=1)).timestamp())),
            "a sign-in within the last 5 min",
        ),
        (lambda vote_trail: vote_trail.app.documents.pop(vote_trail.vote()), "is missing"),
        (
            lambda vote_trail: vote_trail.app.documents.update({vote_trail.vote(): b"{}"}),
            "was changed or is not a proof",
        ),
        (lambda vote_trail: vote_trail.trail(None), "its gate asked for a proof, and the record names none"),
        (
            lambda vote_trail: (vote_trail.vote(), vote_trail.app.trust.update(installation="elsewhere")),
            "addressed to the installation here",
        ),
    ],
    ids=["another person's", "an old sign-in", "gone", "changed", "no proof", "another installation's"],
)
def test_a_vote_whose_proof_does_not_hold_is_named(
    vote_trail: VoteTrail, votes: Votes, harm: Callable[[VoteTrail], object], reason: str
) -> None:
    harm(vote_trail)
    code, verdict = votes()
    assert (code, verdict["proofs"]) == (7, 0)
    (fault,) = verdict["faults"]
    assert fault["sequence"] == 2
    assert reason in fault["reason"]


def test_the_proof_of_a_vote_on_a_change_of_the_catalogue_is_verified_too(vote_trail: VoteTrail, votes: Votes) -> None:
    vote_trail.change_vote()
    code, verdict = votes(of=INSTALLATION)
    assert (code, verdict["proofs"], verdict["faults"], verdict["waiting"]) == (0, 1, [], [])


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda vote_trail: vote_trail.change_vote(GRACE, named=ADA), "and the record names"),
        (
            lambda vote_trail: vote_trail.change_vote(signed=CHANGE_VOTE.evolve(change="sha256:" + "d" * 64)),
            "it says something else than the record",
        ),
        (
            lambda vote_trail: vote_trail.change_vote(signed=CHANGE_VOTE.evolve(decision=VoteDecision.REJECT)),
            "it says something else than the record",
        ),
        (
            lambda vote_trail: vote_trail.change_vote(signed=CHANGE_VOTE.evolve(opening=2)),
            "it says something else than the record",
        ),
        (
            lambda vote_trail: vote_trail.change_vote(replace(ADA, roles=("reader",))),
            "its token does not name shop-approvers, by which the vote was counted",
        ),
        (
            lambda vote_trail: vote_trail.change_vote(auth_time=int((MORNING - timedelta(hours=1)).timestamp())),
            "a sign-in within the last 5 min",
        ),
        (lambda vote_trail: vote_trail.app.documents.pop(vote_trail.change_vote()), "is missing"),
        (
            lambda vote_trail: vote_trail.app.documents.update({vote_trail.change_vote(): b"{}"}),
            "was changed or is not a proof",
        ),
        (lambda vote_trail: vote_trail.change_trail(None), "and the record names none"),
    ],
    ids=[
        "another person's",
        "another change's",
        "a rejection",
        "another opening's",
        "a role that it does not have",
        "an old sign-in",
        "gone",
        "changed",
        "no proof",
    ],
)
def test_a_forged_vote_on_a_change_of_the_catalogue_is_named(
    vote_trail: VoteTrail, votes: Votes, harm: Callable[[VoteTrail], object], reason: str
) -> None:
    harm(vote_trail)
    code, verdict = votes(of=INSTALLATION)
    assert (code, verdict["proofs"]) == (7, 0)
    (fault,) = verdict["faults"]
    assert fault["sequence"] == 1
    assert fault["reason"].startswith(f"change.voted of oid:{ADA.oid}: ")
    assert reason in fault["reason"]


def test_a_token_of_another_issuer_or_client_proves_nothing(vote_trail: VoteTrail, votes: Votes) -> None:
    vote_trail.vote()
    assert votes("--votes-client", "dddddddd-0000-4000-8000-000000000009")[0] == 7
    assert votes("--issuer", f"{vote_trail.app.url}/elsewhere")[0] == 6


def test_a_proof_that_is_not_shown_yet_is_not_a_fault(
    vote_trail: VoteTrail, votes: Votes, monkeypatch: pytest.MonkeyPatch
) -> None:
    vote_trail.app.documents.pop(vote_trail.vote())
    monkeypatch.setattr(audit_verify, "clock", lambda: MORNING + timedelta(minutes=1))
    code, verdict = votes()
    assert (code, verdict["faults"]) == (6, [])
    assert "shown only once its token has expired" in verdict["waiting"][0]["reason"]


def test_a_vote_without_a_proof_is_listed_as_said_at_a_gate_that_needs_no_proof(
    vote_trail: VoteTrail, votes: Votes
) -> None:
    vote_trail.gate_details |= {"level": "queue"}
    vote_trail.trail(None)
    code, verdict = votes()
    assert (code, verdict["said"], verdict["faults"]) == (0, 1, [])


def test_the_issuer_option_without_votes_is_a_usage_error(slipway: Command) -> None:
    result = slipway("audit", "verify", "--issuer", "https://login.example")
    assert (result.exit_code, "are for --votes" in result.stderr) == (2, True)

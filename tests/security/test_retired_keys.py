"""Somebody has a signing key that was retired, and may write every row of every table: nothing that it signs counts,
and what it signed before stays valid."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.chain_anchor import AnchorReason, ChainAnchor, new_anchor
from slipway.domain.commands import Verb
from slipway.domain.keyring import with_retired
from slipway.domain.release import Head, Lane, Phase
from slipway.domain.signed_head import hash_of_release, lane_name, release_name, sign_head
from slipway.domain.signing import FixedKeys, PrivateSigner, PublicKeys
from slipway.domain.steps import Outgoing, Step
from slipway.ed25519 import public_key
from slipway.ledger import keys
from slipway.ledger.chain_anchors import FOLDER
from slipway.ledger.rows import OutboxEntry, outbox_writes, pack, pack_audit, pack_release, unpack
from slipway.testing.chains import PUBLIC_KEYS, SIGNER, SIGNING_KEYS, signed_anew
from tests.beginnings import begun
from tests.security.test_rows_of_an_attacker import (
    PRODUCTION,
    approve,
    claim,
    put,
    put_back,
    recorded_refusal,
    rows,
    waiting,
)
from tests.security.test_rows_under_way import cluster_state, forged_plan
from tests.unit.commands.live import Live

NEWER: dict[str, bytes] = {"newer": b"n" * 32}
BOTH = {kid: public_key(seed) for kid, seed in (SIGNING_KEYS | NEWER).items()}
RETIRED_KEYS = PublicKeys(with_retired(BOTH, NEWER))


@pytest.fixture
def home(tmp_path: Path) -> Live:
    return begun(waiting, tmp_path)


def with_keys(home: Live, public: PublicKeys) -> None:
    """Let the newer key sign from now on, and make these the installation's public keys."""
    private, signer = FixedKeys(NEWER), PrivateSigner(FixedKeys(NEWER), public)
    home.restart(
        wrap=lambda ports: replace(
            ports, catalogue=None, private_keys=lambda: private, signer=lambda: signer, public_keys=lambda: public
        )
    )


def rotate(home: Live, *, timer_ran: bool = True) -> None:
    """A new key signs, and the old private key is gone. `timer_ran`: the hourly timer has run since."""
    with_keys(home, PublicKeys(BOTH))
    if timer_ran:
        home.app.anchoring.run()


def retire(home: Live) -> None:
    with_keys(home, RETIRED_KEYS)


def retired_after_two_live(home: Live) -> None:
    """Releases 1 and 2 went live one after the other, and the key that signed all of it was retired."""
    approve(home)
    home.settle()
    home.push("1.1")
    home.settle()
    approve(home, 2)
    home.settle()
    rotate(home)
    retire(home)


def freeze_and_approve(home: Live) -> None:
    """The gate passes, and a freeze holds the release back."""
    home.command(Verb.FREEZE, None, PRODUCTION)
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.HELD_BACK


def sign_end(home: Live, **changes: str | None) -> None:
    """Sign the end of the trail with the old key, over whatever the rows hold now."""
    head = home.app.ledger.head("shop")
    start, in_force = Head(application="shop"), {**head.in_force, **changes}
    put(home, keys.HEAD, pack(sign_head(head, before=start, changes=in_force, signer=SIGNER, keys=PUBLIC_KEYS)))


def let_past(home: Live) -> Step:
    """Remove the freeze, and claim that the copy is due."""
    step = claim(home)
    lane = unpack(Lane, rows(home, "shop")[keys.lane(PRODUCTION)]).evolve(freeze=None)
    put(home, keys.lane(PRODUCTION), pack(lane))
    sign_end(home, **{lane_name(PRODUCTION): None, release_name(1): hash_of_release(home.release(1))})
    return step


def test_a_freeze_removed_and_signed_with_a_key_that_is_not_retired_lets_the_release_go_live(home: Live) -> None:
    freeze_and_approve(home)
    rotate(home)
    home.run_step(let_past(home))
    home.settle()
    assert home.phase(1) is Phase.COMPLETED


def test_an_end_of_the_trail_that_a_retired_key_signed_opens_nothing(home: Live) -> None:
    freeze_and_approve(home)
    rotate(home)
    retire(home)
    home.run_step(let_past(home))
    rule, why = recorded_refusal(home)
    assert (rule, "the key test, which was retired" in why) == ("in-force-is-on-record", True)


def test_records_of_a_retired_key_still_count_once_all_ends_were_signed_anew(home: Live) -> None:
    rotate(home)
    retire(home)
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert home.verify().intact


def test_nothing_opens_if_a_key_is_retired_before_all_ends_were_signed_anew(home: Live) -> None:
    rotate(home, timer_ran=False)
    retire(home)
    approve(home)
    home.settle()
    recorded_refusal(home)


def test_a_message_that_a_retired_key_signed_is_parked(home: Live) -> None:
    rotate(home)
    retire(home)
    key, body = keys.outbox(0, 0, "first"), {"kind": "deploy"}
    message = Outgoing.model_validate({"queue": "steps", "id": "first", "body": body})
    entry = OutboxEntry(application="shop", row=key, message=message, written_at=home.now - timedelta(hours=1))
    (write,) = outbox_writes((entry,), SIGNER)
    put(home, key, write.values)
    home.reconcile()
    assert home.steps() == []
    (parked,) = home.app.parking.all()
    assert "the key test, which was retired" in parked.reason


def test_an_anchor_that_a_retired_key_signed_vouches_for_no_keys_of_the_provider(home: Live) -> None:
    """The keys that an anchor names still count, from the archive, once the provider has dropped them. An anchor from
    before the retirement counts, too, by those that follow it."""
    anchor_before = home.app.chain_anchors.newest("shop")
    rotate(home)
    retire(home)
    forged = "sha256:" + "7" * 64
    before, head = home.app.chain_anchors.newest("shop"), home.app.ledger.head("shop")
    forged_anchor = new_anchor(
        head, why=AnchorReason.DAILY, before=before, keys=PUBLIC_KEYS, issuer=forged, signer=SIGNER, now=home.now
    )
    home.added.add(f"{FOLDER}{forged_anchor.name}-9", forged_anchor.document())
    assert not home.app.chain_anchors.names_issuer_keys("shop", forged)
    assert anchor_before is not None
    assert anchor_before.sig.kid == "test"
    assert home.app.chain_anchors.names_issuer_keys("shop", str(anchor_before.keys.issuer))


def test_a_ledger_put_back_to_before_the_rotation_still_contradicts_its_anchors(home: Live) -> None:
    rows_before = rows(home, "shop")
    home.command(Verb.FREEZE, None, PRODUCTION)
    rotate(home, timer_ran=False)
    retire(home)
    put_back(home, rows_before)
    assert not home.app.chain_anchors.whole_ledger_rule_now("shop").passed


def test_a_record_forged_with_a_retired_key_does_not_prove_what_was_live(home: Live) -> None:
    """Somebody writes over the record of the release that a person brings back, and lets it name a plan of theirs."""
    retired_after_two_live(home)
    before, target, plan = cluster_state(home), home.release(1), forged_plan(home, beside=True)
    rollouts = [rollout.evolve(plan_hash=plan) for rollout in target.rollouts]
    put(home, keys.release(1), pack_release(target.evolve(rollouts=rollouts)))
    (live,) = [
        record
        for record in home.trail()
        if (record.action, record.release, record.environment) == ("release.live", "shop-1", PRODUCTION)
    ]
    forged = signed_anew(live.evolve(details={**live.details, "plan_hash": plan}))
    put(home, keys.audit(live.sequence), pack_audit(forged))
    home.command(Verb.ROLLBACK, 1, PRODUCTION)
    home.settle()
    assert cluster_state(home) == before
    assert "no record says that shop-1 was live in production" in home.release(3).reason


def test_a_release_whose_records_a_retired_key_signed_comes_back(home: Live) -> None:
    retired_after_two_live(home)
    home.command(Verb.ROLLBACK, 1, PRODUCTION)
    home.settle()
    assert home.phase(3) is Phase.COMPLETED


def test_ends_are_signed_anew_within_an_hour_of_a_rotation_and_the_doctor_says_so_in_the_next_hour(home: Live) -> None:
    home.app.anchoring.run()
    rotate(home, timer_ran=False)
    for _ in range(2):
        assert not doctor_says_that_all_are_signed(home)
        home.app.anchoring.run()
    assert doctor_says_that_all_are_signed(home)
    for chain in ("shop", keys.INSTALLATION):
        end = home.app.ledger.head(chain)
        assert end.sig is not None
        anchors = [
            ChainAnchor.model_validate_json(content) for content in home.app.chain_anchors.written(chain, most=9)
        ]
        assert [end.sig.kid, *(anchor.sig.kid for anchor in anchors if anchor.head.sequence == end.sequence)].count(
            "newer"
        ) == 2
    assert home.app.anchoring.run().written == ()


def test_the_doctor_waits_another_hour_if_a_worker_signed_an_end_with_the_old_key_meanwhile(
    home: Live,
) -> None:
    rotate(home)
    sign_end(home)
    home.app.anchoring.run()
    assert not doctor_says_that_all_are_signed(home)
    home.app.anchoring.run()
    assert doctor_says_that_all_are_signed(home)
    retire(home)
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED


def doctor_says_that_all_are_signed(home: Live) -> bool:
    text = home.app.doctor.run("signing-keys").said
    return "; every trail ends with its signature" in text

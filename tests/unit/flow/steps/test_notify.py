"""The notify step: each approver gets a link of their own, which is kept nowhere."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.domain.tokens import TokenRefused
from slipway.effects.notification import NotificationError
from slipway.flow.links import EXPLAINS_FOR
from slipway.flow.perform import TRIES, Work
from slipway.flow.steps.notices import Audience, messages
from slipway.ledger import MemoryBlobs, MemoryTable
from tests.unit.flow.deliveries import ADA, BEN
from tests.unit.flow.doubles import Inbox
from tests.unit.flow.house import BASE, KEYS, House


@pytest.fixture
def step(house: House) -> Step:
    """The notice that a gate has opened, not sent yet."""
    house.push("1.0")
    return house.settle_at(StepKind.NOTIFY, "production")


def outcome(house: House) -> tuple[str, dict[str, Any]]:
    record = [r for r in house.audit() if r.action.startswith("notification.")][-1]
    return record.action, record.details


def test_each_approver_gets_a_link_that_is_good_for_them_and_this_plan_alone(house: House, step: Step) -> None:
    house.performer.perform(step)
    release = house.release(1)
    assert [message.recipient for message in house.inbox.messages] == [ADA, BEN]
    for message in house.inbox.messages:
        assert message.approval_url.startswith(f"{BASE}/approvals/")
        assert message.release_url == f"{BASE}/releases/shop-1"
        assert release.gate is not None
        assert message.deadline == release.gate.deadline
        claims = KEYS.approval(message.approval_url.rpartition("/")[2], now=house.time())
        assert (claims.approver, claims.release, claims.environment) == (message.recipient, 1, "production")
        assert claims.plan_hash == release.plan_hash
    assert len(set(house.inbox.tokens())) == 2
    assert outcome(house) == ("notification.sent", {"notice": "gate-opened", "channel": "inbox", "reason": "2 sent"})


def test_a_link_outlives_its_gate_to_explain_and_then_ends(house: House, step: Step) -> None:
    house.performer.perform(step)
    token = house.inbox.tokens()[0]
    house.time.wait(timedelta(hours=24) + EXPLAINS_FOR - timedelta(seconds=1))
    assert KEYS.approval(token, now=house.time()).approver == ADA
    house.time.wait(timedelta(seconds=1))
    with pytest.raises(TokenRefused):
        KEYS.approval(token, now=house.time())


def test_the_message_says_what_a_rollout_would_change(house: House, step: Step) -> None:
    house.performer.perform(step)
    message = house.inbox.messages[0]
    assert message.headline == "shop-1 (1.0) waits for your approval for production"
    assert message.lines == ("Deployment shop: created", "Service shop: created")


def test_people_are_asked_although_the_plan_cannot_be_read(house: House, step: Step) -> None:
    assert isinstance(house.blobs, MemoryBlobs)
    house.blobs.documents[house.release(1).plan_hash or ""] = b"changed"
    house.performer.perform(step)
    assert [message.recipient for message in house.inbox.messages] == [ADA, BEN]


def test_nobody_is_told_of_a_gate_that_has_closed(house: House, step: Step) -> None:
    house.intake.take(house.vote(1))
    house.performer.perform(step)
    assert house.inbox.messages == []
    assert outcome(house)[1]["reason"] == "nobody needs to be told any more"


def test_nobody_gets_a_link_to_a_later_gate_than_the_one_they_are_asked_about(house: House, step: Step) -> None:
    late = step.evolve(environment="staging")
    house.performer.perform(late)
    assert house.inbox.messages == []


def test_the_same_notice_sent_twice_has_the_same_id(house: House, step: Step) -> None:
    house.performer.perform(step)
    house.performer.perform(step)
    ids = [message.id for message in house.inbox.messages]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2
    assert house.actions().count("notification.sent") == 1


def test_a_channel_that_is_away_is_tried_again_and_given_up_in_the_end(house: House, step: Step) -> None:
    house.inbox.errors = [NotificationError("channel inbox: no answer", retryable=True)] * TRIES
    house.performer.perform(step)
    house.settle()
    action, details = outcome(house)
    assert action == "notification.failed"
    assert details["reason"] == f"channel inbox: no answer (tried {TRIES} times)"
    assert house.phase(1) is Phase.AWAITING_APPROVAL


def test_a_channel_that_comes_back_gets_the_notice(house: House, step: Step) -> None:
    house.inbox.errors = [NotificationError("channel inbox: no answer", retryable=True)]
    house.performer.perform(step)
    house.settle()
    assert [message.recipient for message in house.inbox.messages] == [ADA, BEN]


def test_a_refusal_is_final(house: House, step: Step) -> None:
    house.inbox.errors = [NotificationError("channel inbox: expected a status of 2xx, got 410", retryable=False)]
    house.performer.perform(step)
    assert outcome(house)[0] == "notification.failed"
    assert house.steps() == []


def test_a_channel_that_the_settings_do_not_know_fails_the_notice_alone(house: House, step: Step) -> None:
    del house.channels.things["inbox"]
    house.performer.perform(step)
    action, details = outcome(house)
    assert (action, details["reason"]) == ("notification.failed", "the settings know no channel 'inbox' (known: )")
    assert house.phase(1) is Phase.AWAITING_APPROVAL


def test_the_link_is_in_no_row_no_message_no_document_and_no_log(
    house: House, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house.inbox.errors = [NotificationError("channel inbox: no answer", retryable=True)]
    house.performer.perform(step)
    house.settle()
    house.performer.perform(step)
    house.intake.take(house.vote(1))
    house.settle()
    assert house.phase(1) is Phase.COMPLETED
    tokens = set(house.inbox.tokens())
    assert len(tokens) >= 2
    kept = everything_kept(house) + caplog.text
    for token in tokens:
        payload, _, signature = token.partition(".")
        assert payload not in kept
        assert signature not in kept
    assert "/approvals/" not in kept


def everything_kept(house: House) -> str:
    assert isinstance(house.table, MemoryTable)
    assert isinstance(house.blobs, MemoryBlobs)
    rows = [str(dict(row.values)) for rows in house.table._rows.values() for row in rows.values()]
    messages = [str(message.body) for message in house.bus.sent] + [str(raw.body) for raw in house.bus.raw]
    documents = [content.decode() for content in house.blobs.documents.values()]
    return "\n".join((*rows, *messages, *documents))


def test_a_shared_channel_gets_one_message_for_everybody_with_no_link_of_anybody(house: House, step: Step) -> None:
    team = house.channels.things["team"] = Inbox(shared=True)
    house.performer.perform(step.evolve(channel="team"))
    (message,) = team.messages
    assert (message.recipient, message.approval_url, message.locate_url) == ("", "", "")
    assert message.headline == "shop-1 (1.0) waits for approval for production"
    assert message.asked_by == ("inbox",)
    assert message.deadline is not None


def test_where_people_sign_in_everybody_gets_the_link_that_only_locates(house: House, step: Step) -> None:
    signed_in = replace(house.places, links=replace(house.places.links, sign_in=True))
    work = Work(step=step, release=house.release(1), entry=house.catalogue.entries["shop"], renew=lambda: True)
    for audience in (Audience(shared=True), Audience(shared=False)):
        for message in messages(signed_in, house.time, work, audience):
            plan = house.release(1).plan_hash
            assert message.locate_url == f"{BASE}/approvals/shop/1/production?plan={plan}"


def test_the_message_holds_what_people_need_to_know_which_version_it_is(house: House, step: Step) -> None:
    house.performer.perform(step)
    matter, release = house.inbox.messages[0].matter, house.release(1)
    assert matter is not None
    assert (matter.digest, matter.plan_hash, matter.pushed_by) == (release.digest, release.plan_hash, "ci")
    assert (matter.approvals, matter.required, matter.live) == (0, 1, None)
    assert [result.environment for result in matter.evidence] == ["staging"] * len(release.evidence)


def test_whom_nothing_can_be_sent_to_keeps_nobody_else_from_being_told(house: House, step: Step) -> None:
    house.inbox.errors = [NotificationError("channel inbox: expected a mail address", retryable=False)]
    house.performer.perform(step)
    assert [message.recipient for message in house.inbox.messages] == [BEN]
    assert outcome(house)[1]["reason"] == "1 of 2 not sent: channel inbox: expected a mail address"

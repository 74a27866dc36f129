"""The notify step: each approver gets a link of their own, which is stored nowhere."""

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slipway.catalogue.entries import Entry
from slipway.domain.commands import Verb
from slipway.domain.gate import ApprovalGate, Level
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import NOTICE_TIME, Notice, Step, StepKind
from slipway.domain.tokens import Purpose, TokenRefused, read_link
from slipway.effects.notification import NotificationError
from slipway.engine.links import EXPLAINS_FOR
from slipway.engine.run_step import Work
from slipway.engine.steps.notices import Audience, messages
from slipway.testing import (
    ADA,
    BASE,
    BEN,
    PUBLIC_KEYS,
    Installation,
    MemoryBlobs,
    MemoryChannel,
    MemoryTable,
    write_application,
)
from slipway.testing.applications import APPLICATION
from slipway.testing.installation import SETTINGS
from tests.beginnings import about_to, begun

ABOUT_TO_NOTIFY = partial(about_to, StepKind.NOTIFY, "production")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return begun(ABOUT_TO_NOTIFY, tmp_path)


@pytest.fixture
def step(installation: Installation) -> Step:
    """The step that notifies of an open gate; it has not run yet."""
    return installation.settle_at(StepKind.NOTIFY, "production")


def outcome(installation: Installation) -> tuple[str, dict[str, Any]]:
    last_record = [record for record in installation.trail() if record.action.startswith("notification.")][-1]
    return last_record.action, last_record.details


def test_each_approver_gets_a_link_that_is_good_for_them_and_this_plan_alone(
    installation: Installation, step: Step
) -> None:
    installation.run_step(step)
    release = installation.release(1)
    assert [message.recipient for message in installation.inbox.messages] == [ADA, BEN]
    for message in installation.inbox.messages:
        assert message.approval_url.startswith(f"{BASE}/approvals/")
        assert message.release_url == f"{BASE}/releases/shop-1"
        assert release.gate is not None
        assert message.deadline == release.gate.deadline
        claims = read_link(message.approval_url.rpartition("/")[2], PUBLIC_KEYS, now=installation.now)
        assert (claims.approver, claims.release, claims.environment) == (message.recipient, 1, "production")
        assert (claims.plan_hash, claims.opening) == (release.plan_hash, release.gate.opening)
        assert (claims.purpose, message.locate_url) == (Purpose.VOTE, "")
    assert len(set(installation.inbox.tokens())) == 2
    assert outcome(installation) == (
        "notification.sent",
        {"notice": "gate-opened", "channel": "inbox", "reason": "2 sent"},
    )


def test_a_link_outlives_its_gate_to_explain_and_then_ends(installation: Installation, step: Step) -> None:
    installation.run_step(step)
    token = installation.inbox.tokens()[0]
    installation.wait(timedelta(hours=24) + EXPLAINS_FOR - timedelta(seconds=1))
    assert read_link(token, PUBLIC_KEYS, now=installation.now).approver == ADA
    installation.wait(timedelta(seconds=1))
    with pytest.raises(TokenRefused):
        read_link(token, PUBLIC_KEYS, now=installation.now)


def test_the_message_says_what_a_rollout_would_change(installation: Installation, step: Step) -> None:
    installation.run_step(step)
    message = installation.inbox.messages[0]
    assert message.headline == "shop-1 (1.0) waits for your approval for production"
    assert message.lines == ("Deployment shop: created", "Service shop: created")


def test_people_are_asked_although_the_plan_cannot_be_read(installation: Installation, step: Step) -> None:
    assert isinstance(installation.blobs, MemoryBlobs)
    installation.blobs.documents[installation.release(1).plan_hash or ""] = b"changed"
    installation.run_step(step)
    assert [message.recipient for message in installation.inbox.messages] == [ADA, BEN]


def test_nobody_is_notified_of_a_gate_that_has_closed(installation: Installation, step: Step) -> None:
    installation.vote(1)
    installation.run_step(step)
    assert installation.inbox.messages == []
    assert outcome(installation)[1]["reason"] == "nobody needs to be notified any more"


def test_nobody_gets_a_link_to_a_later_gate_than_the_one_they_are_asked_about(
    installation: Installation, step: Step
) -> None:
    late_step = step.evolve(environment="staging")
    installation.run_step(late_step)
    assert installation.inbox.messages == []


def test_the_same_notice_sent_twice_has_the_same_id(installation: Installation, step: Step) -> None:
    installation.run_step(step)
    installation.run_step(step)
    ids = [message.id for message in installation.inbox.messages]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2
    assert installation.actions().count("notification.sent") == 1


def test_a_channel_that_is_away_is_tried_again_and_given_up_in_the_end(installation: Installation, step: Step) -> None:
    installation.inbox.errors = [NotificationError("channel inbox: no answer", retryable=True)] * 100
    installation.run_step(step)
    installation.settle()
    action, details = outcome(installation)
    assert action == "notification.failed"
    assert details["reason"].startswith("channel inbox: no answer (tried ")
    assert installation.now - step.asked_at >= NOTICE_TIME
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_channel_that_comes_back_gets_the_notice(installation: Installation, step: Step) -> None:
    installation.inbox.errors = [NotificationError("channel inbox: no answer", retryable=True)]
    installation.run_step(step)
    installation.settle()
    assert [message.recipient for message in installation.inbox.messages] == [ADA, BEN]


def test_a_notice_that_the_channel_refuses_is_not_sent_again(installation: Installation, step: Step) -> None:
    installation.inbox.errors = [NotificationError("channel inbox: expected a status of 2xx, got 410", retryable=False)]
    installation.run_step(step)
    assert outcome(installation)[0] == "notification.failed"
    assert installation.steps() == []


def test_a_channel_that_the_settings_do_not_know_fails_the_notice_alone(installation: Installation, step: Step) -> None:
    installation.without("channels", "inbox")
    installation.run_step(step)
    action, details = outcome(installation)
    assert (action, details["reason"]) == ("notification.failed", "the settings know no channel 'inbox' (known: none)")
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_the_link_is_in_no_row_no_message_no_document_and_no_log(
    installation: Installation, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    installation.inbox.errors = [NotificationError("channel inbox: no answer", retryable=True)]
    installation.run_step(step)
    installation.settle()
    installation.run_step(step)
    installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    tokens = set(installation.inbox.tokens())
    assert len(tokens) >= 2
    stored_and_logged = stored_content(installation) + caplog.text
    for token in tokens:
        payload, _, signature = token.partition(".")
        assert payload not in stored_and_logged
        assert signature not in stored_and_logged
    assert "/approvals/" not in stored_and_logged


def stored_content(installation: Installation) -> str:
    assert isinstance(installation.table, MemoryTable)
    assert isinstance(installation.blobs, MemoryBlobs)
    rows = [str(dict(row.values)) for rows in installation.table._rows.values() for row in rows.values()]
    messages = [str(message.body) for message in installation.bus.sent] + [
        str(raw.body) for raw in installation.bus.raw
    ]
    documents = [content.decode() for content in installation.blobs.documents.values()]
    return "\n".join((*rows, *messages, *documents))


def test_a_shared_channel_gets_one_message_without_any_personal_link(installation: Installation, step: Step) -> None:
    team = installation.channels["team"] = MemoryChannel(shared=True)
    installation.restart(channels=dict.fromkeys(("inbox", "team"), SETTINGS["channels"]["inbox"]))
    installation.run_step(step.evolve(channel="team"))
    (message,) = team.messages
    assert (message.recipient, message.approval_url, message.locate_url) == ("", "", "")
    assert message.headline == "shop-1 (1.0) waits for approval for production"
    assert message.asked_by == ("inbox",)
    assert message.deadline is not None


def with_gate(entry: Entry, **changes: Any) -> Entry:
    """The same application with another gate for production."""
    (staging, production), definition = entry.application.environments, entry.definition
    assert isinstance(production.gate, ApprovalGate)
    changed = production.evolve(gate=production.gate.evolve(**changes))
    application = entry.application.evolve(environments=(staging, changed))
    return replace(entry, definition=replace(definition, application=application))


@pytest.mark.parametrize(
    ("listed", "whom"),
    [
        (("role:leads",), "somebody with the role leads"),
        ((ADA, "role:leads"), "somebody with the role leads too"),
    ],
)
def test_approvers_known_only_to_the_identity_provider_are_named_by_their_role_or_group(
    installation: Installation, step: Step, listed: tuple[str, ...], whom: str
) -> None:
    entry = with_gate(installation.app.catalogue.entries["shop"], approvers=listed, required=1)
    work = Work(step=step, release=installation.release(1), entry=entry, renew=lambda: True)
    *_, last = messages(installation.app.clients, installation.clock, work, Audience(shared=False))
    assert last.headline == f"shop-1 (1.0) waits for approval for production, by {whom}"


@pytest.mark.parametrize("level", [Level.SIGNED, Level.QUEUE])
def test_where_people_sign_in_notices_have_the_address_of_the_page_and_links_only_show(
    installation: Installation, step: Step, level: Level
) -> None:
    entry = with_gate(installation.app.catalogue.entries["shop"], level=level)
    work = Work(step=step, release=installation.release(1), entry=entry, renew=lambda: True)
    for audience in (Audience(shared=True), Audience(shared=False)):
        for message in messages(installation.app.clients, installation.clock, work, audience):
            plan = installation.release(1).plan_hash
            assert message.locate_url == f"{BASE}/approvals/shop/1/production?plan={plan}"
            if not audience.shared:
                claims = read_link(message.approval_url.rpartition("/")[2], PUBLIC_KEYS, now=installation.now)
                assert claims.purpose is Purpose.SHOW


def test_a_notice_about_a_gate_holds_digest_plan_pusher_votes_and_evidence(
    installation: Installation, step: Step
) -> None:
    installation.run_step(step)
    approval, release = installation.inbox.messages[0].approval, installation.release(1)
    assert approval is not None
    assert (approval.digest, approval.plan_hash, approval.pushed_by) == (release.digest, release.plan_hash, "ci")
    assert (approval.approvals, approval.required, approval.live) == (0, 1, None)
    assert [(result.name, result.environment, result.passed, result.summary) for result in approval.evidence] == [
        (item.name, "staging", True, item.summary) for item in release.evidence
    ]
    assert len(release.evidence) == 2, "the probe and the Job of staging"


def test_an_unreachable_recipient_keeps_nobody_else_from_being_notified(installation: Installation, step: Step) -> None:
    installation.inbox.errors = [NotificationError("channel inbox: expected a mail address", retryable=False)]
    installation.run_step(step)
    assert [message.recipient for message in installation.inbox.messages] == [BEN]
    assert outcome(installation)[1]["reason"] == "1 of 2 not sent: channel inbox: expected a mail address"


def test_a_notice_about_a_release_that_was_rejected_before_says_by_whom_and_why(
    installation: Installation, step: Step
) -> None:
    installation.run_step(step)
    installation.vote(1, BEN, VoteDecision.REJECT, reason="wrong totals")
    installation.command(Verb.RETRY, 1)
    installation.settle()
    headlines = {message.headline for message in installation.inbox.messages if message.notice == "gate-opened"}
    assert f"; {BEN} rejected it on {installation.now:%Y-%m-%d}: wrong totals" in "".join(headlines)


def test_a_busy_recipient_is_notified_by_a_later_try_and_nobody_twice(installation: Installation, step: Step) -> None:
    busy = NotificationError("channel inbox: the server refused every recipient (450)", retryable=True, of_one=True)
    installation.inbox.errors = [busy]
    installation.run_step(step)
    assert [message.recipient for message in installation.inbox.messages] == [BEN]
    installation.settle()
    assert [message.recipient for message in installation.inbox.messages] == [BEN, ADA]
    assert outcome(installation)[1]["reason"] == "2 sent"


def test_a_voter_is_notified_of_the_vote_counted_in_their_name_with_a_link_of_their_own(
    installation: Installation, step: Step
) -> None:
    installation.settle()
    installation.vote(1, ADA, reason="looks good")
    installation.settle()
    (notification,) = [message for message in installation.inbox.messages if message.notice == "vote-counted"]
    assert notification.recipient == ADA
    assert notification.lines[0] == f"approval of {ADA}"
    assert "reason: looks good" in notification.lines
    claims = read_link(notification.approval_url.rpartition("/")[2], PUBLIC_KEYS, now=installation.now)
    assert (claims.approver, claims.purpose, claims.plan_hash) == (ADA, Purpose.VOTE, installation.release(1).plan_hash)


def test_where_people_sign_in_the_voter_gets_the_address_of_the_page_and_no_link(
    installation: Installation, step: Step
) -> None:
    entry = with_gate(installation.app.catalogue.entries["shop"], level=Level.SIGNED)
    counted_step = step.evolve(notice=Notice.VOTE_COUNTED, recipients=(ADA,), why=f"approval of {ADA}")
    work = Work(step=counted_step, release=installation.release(1), entry=entry, renew=lambda: True)
    (notification,) = messages(installation.app.clients, installation.clock, work, Audience(shared=False))
    assert (notification.recipient, notification.approval_url) == (ADA, "")
    assert notification.locate_url == f"{BASE}/approvals/shop/1/production"


def test_approvers_and_the_channel_itself_are_notified_of_an_objection(installation: Installation, step: Step) -> None:
    installation.settle()
    installation.vote(1, ADA)
    installation.vote(1, ADA, VoteDecision.OBJECT, reason="I was on a plane")
    installation.settle()
    notifications = [message for message in installation.inbox.messages if message.notice == "vote-objected"]
    assert [message.recipient for message in notifications] == [ADA, BEN, ""]
    assert "I was on a plane" in notifications[0].lines[0]
    assert notifications[0].approval_url == ""


def test_a_channel_that_carries_only_questions_fails_the_notice_of_a_counted_vote(
    installation: Installation, step: Step
) -> None:
    installation.inbox.asks_only = True
    installation.run_step(step)
    installation.settle()
    installation.vote(1, ADA)
    installation.settle()
    records = {
        record.details["notice"]: record for record in installation.trail() if record.action.startswith("notification.")
    }
    assert records["gate-opened"].action == "notification.sent"
    assert records["vote-counted"].action == "notification.failed"
    assert "nobody was told" in records["vote-counted"].details["reason"]


def test_a_channel_that_carries_only_questions_leaves_other_notices_to_another_channel(tmp_path: Path) -> None:
    write_application(tmp_path, text=APPLICATION.replace("notify: [inbox]", "notify: [inbox, team]"))
    installation = Installation(tmp_path)
    installation.inbox.asks_only = True
    team = installation.channels["team"] = MemoryChannel()
    installation.restart(channels=dict.fromkeys(("inbox", "team"), SETTINGS["channels"]["inbox"]))
    installation.push("1.0")
    installation.settle()
    installation.vote(1, ADA)
    installation.settle()
    assert "vote-counted" in {message.notice for message in team.messages}
    assert "notification.failed" not in installation.actions()
    (skipped,) = (
        record
        for record in installation.trail()
        if (record.details.get("notice"), record.details.get("channel")) == ("vote-counted", "inbox")
    )
    assert skipped.details["reason"] == "inbox carries only questions; team carries the rest"

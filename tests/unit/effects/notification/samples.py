"""Notices for tests and for the pictures in docs/images: usual ones, and one with hostile text in every field."""

from datetime import UTC, datetime, timedelta

from slipway.domain.rules import Rule, WaitsFor
from slipway.effects.notification import ApprovalDetails, LiveNow, Message, NewerRelease, Result, VoteTarget

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
BASE = "https://slipway.contoso.com"
TOKEN_LINK = f"{BASE}/approvals/eyJwYXlsb2FkIjoxfQ.c2lnbmF0dXJl"
LOCATE = f"{BASE}/approvals/shop/482/production"
ADA = "ada@example.com"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> **bold** [click](https://evil.example) _x_ "
    "{{DATE(2026-01-01T00:00:00Z)}}\r\nBcc: evil@evil.example\r\n\r\nbody \u202etxt.exe \x1b[31mred"
)


VOTE = VoteTarget(
    application="shop",
    release=482,
    environment="production",
    opening=1,
    plan="sha256:91c3e07d55aa" + "0" * 52,
    approves=True,
)


def gate_opened(**changes: object) -> Message:
    """The notice of an open gate, as one approver gets it where nobody signs in."""
    approval = ApprovalDetails(
        digest="sha256:4f9a1b6c2d8e" + "0" * 52,
        plan_hash="sha256:91c3e07d55aa" + "0" * 52,
        pushed_by="shop-ci",
        pushed_at=NOW - timedelta(minutes=12),
        run="20261123.4",
        run_url="https://dev.azure.com/contoso/shop/_build/results?buildId=4711",
        branch="refs/heads/main",
        commit="c0ffee8a7b5e4d3c2b1a09f8e7d6c5b4a3928170",
        requested_by="cleo@example.com",
        live=LiveNow(release="shop-479", tag="2.6.3", since=NOW - timedelta(days=4)),
        evidence=(
            Result(name="GET shop:80/healthz", environment="staging", passed=True, summary="200, contains 'ok'"),
            Result(name="acceptance", environment="staging", passed=True, summary="24 passed, 0 failed"),
        ),
        changed_by="grace@example.com",
        approvals=1,
        required=2,
        rules=(
            Rule.GATE_IS_OPEN.holds("it is open until 2026-11-24 09:30 UTC"),
            Rule.QUORUM_REACHED.not_yet("1 of 2 approvals; still asked: ada@example.com", WaitsFor.PERSON),
            Rule.NOT_REQUESTER.holds("cleo@example.com asked for the CI run"),
            Rule.NOT_COMMITTER.holds("grace@example.com made the commit"),
        ),
        newer=NewerRelease(release="shop-483", tag="2.7.1", phase="verifying", url=f"{BASE}/releases/shop-483"),
    )
    message = Message(
        id="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        notice="gate-opened",
        time=NOW,
        application="shop",
        release="shop-482",
        environment="production",
        tag="2.7.0",
        headline="shop-482 (2.7.0) waits for your approval for production",
        lines=("Deployment shop: changed", "ConfigMap shop-settings: created", "CronJob shop-report: deleted"),
        recipient=ADA,
        release_url=f"{BASE}/releases/shop-482",
        approval_url=TOKEN_LINK,
        deadline=NOW + timedelta(hours=24),
        phase="awaiting_approval",
        approval=approval,
        vote=VOTE,
    )
    return message.evolve(**changes)


def for_everybody(**changes: object) -> Message:
    """The same notice for a channel that many people read, where people sign in."""
    headline = "shop-482 (2.7.0) waits for approval for production"
    return gate_opened(**({"recipient": "", "approval_url": "", "locate_url": LOCATE, "headline": headline} | changes))


def ended(**changes: object) -> Message:
    message = gate_opened(
        notice="ended",
        headline="shop-482 (2.7.0) completed: live in production",
        lines=(),
        recipient="",
        approval_url="",
        deadline=None,
        phase="completed",
        approval=None,
        vote=None,
    )
    return message.evolve(**changes)


def hostile(**changes: object) -> Message:
    """A notice in which every text that others write is hostile."""
    message = for_everybody(headline=HOSTILE, tag=HOSTILE, lines=(HOSTILE,) * 3)
    assert message.approval is not None
    approval = message.approval.evolve(
        pushed_by=HOSTILE,
        run=HOSTILE,
        run_url="javascript:alert(1)",
        branch=HOSTILE,
        commit=HOSTILE,
        requested_by=HOSTILE,
        changed_by=HOSTILE,
        proof=HOSTILE,
        rules=(Rule.QUORUM_REACHED.not_yet(HOSTILE, WaitsFor.PERSON),),
        newer=NewerRelease(release="shop-483", tag=HOSTILE, phase="verifying", url="javascript:alert(1)"),
        live=LiveNow(release="shop-479", tag=HOSTILE, since=NOW),
        evidence=(Result(name=HOSTILE, environment=HOSTILE, passed=False, summary=HOSTILE),),
    )
    return message.evolve(**({"approval": approval} | changes))


def change_proposed(**changes: object) -> Message:
    """The notice of a proposed change that would weaken two production gates."""
    page = f"{BASE}/changes/{'4f9a1b6c2d8e' + '0' * 52}"
    message = Message(
        id="b1c2d3e4f5",
        notice="change-proposed",
        time=NOW,
        application="shop, till",
        release="",
        environment="shop production, till production",
        tag="",
        headline="Your vote is needed: a change would weaken the gate of shop production, till production",
        lines=("application:shop: production (production/shop): gate: required: 1 instead of 2",),
        recipient=ADA,
        release_url=page,
        locate_url=page,
        deadline=NOW + timedelta(hours=24),
        phase="waiting",
        change="sha256:4f9a1b6c2d8e" + "0" * 52,
    )
    return message.model_copy(update=changes)

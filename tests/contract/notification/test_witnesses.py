"""An anchor reaches its witnesses intact: by mail through a real SMTP server, and as a signed CloudEvent."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.domain.chain_anchor import ChainAnchor
from slipway.effects.notification import Channel, Webhook
from slipway.testing import write_application
from slipway.testing.installation import SETTINGS
from tests.certificates import Certificates
from tests.contract.audit.installation import Audited
from tests.contract.notification.mail_server import Listening, Post, mail_by
from tests.unit.effects.notification.test_webhook import SECRET, Receiver, receiver  # noqa: F401 - a fixture

AUDITOR = "auditor@contoso.com"
WITNESS = SETTINGS["channels"]["inbox"]


@pytest.fixture
def installation(tmp_path: Path) -> Audited:
    write_application(tmp_path)
    audited = Audited(tmp_path, settings={"witnesses": ["witness"], "channels": {"witness": WITNESS}})
    audited.deliver("1.0")
    return audited


def anchored_by(installation: Audited, channel: Channel) -> list[ChainAnchor]:
    """Write anchors and send them to the witness over this channel; the newest of each chain."""
    outcome = replace(installation.app.anchoring, channel=lambda _: channel).run()
    assert outcome.witnesses == ("witness",), outcome.problems
    newest = [installation.app.chain_anchors.newest(name) for name in ("shop", "_installation")]
    return [anchor for anchor in newest if anchor is not None]


def test_a_mail_holds_each_anchor_on_a_line_so_that_it_can_be_kept(
    installation: Audited,
    listening: Listening,
    certificates: Certificates,
    post: Post,
) -> None:
    anchors = anchored_by(installation, mail_by(listening, certificates, to=(AUDITOR,)))
    mail = post.read()
    assert mail["To"] == AUDITOR
    text = mail.get_body(("plain",))
    assert text is not None
    mailed_anchors = [
        ChainAnchor.model_validate_json(line) for line in text.get_content().splitlines() if line.startswith("{")
    ]
    assert mailed_anchors == anchors
    assert installation.app.public_keys.fault(mailed_anchors[0].sig, mailed_anchors[0].hash.encode()) == ""


def test_a_webhook_is_sent_the_anchors_as_an_event_about_no_release(
    installation: Audited,
    receiver: Receiver,  # noqa: F811 - the fixture of the webhook's own tests
) -> None:
    anchors = anchored_by(installation, Webhook(name="witness", url=receiver.url, secret=SECRET))
    ((_, _, body),) = receiver.requests
    event = json.loads(body)
    assert event["type"] == "dev.slipway.anchor-written"
    assert "subject" not in event  # CloudEvents: a text that is not empty, or absent
    assert [ChainAnchor.model_validate_json(line) for line in event["data"]["anchors"].splitlines()] == anchors

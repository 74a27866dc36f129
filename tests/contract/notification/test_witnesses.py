"""An anchor reaches its witnesses whole: by mail through a real SMTP server, and as a signed CloudEvent."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.domain.anchor import Anchor
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
    made = Audited(tmp_path, settings={"witnesses": ["witness"], "channels": {"witness": WITNESS}})
    made.deliver("1.0")
    return made


def anchored_by(installation: Audited, channel: Channel) -> Anchor:
    """The anchor that was written; the witness is told through the given channel."""
    told = replace(installation.app.anchoring, channel=lambda _: channel).run()
    assert told.told == ("witness",), told.problems
    written = installation.app.anchors.last()
    assert written is not None
    return written


def test_a_mail_holds_the_anchors_line_so_that_it_can_be_kept(
    installation: Audited,
    listening: Listening,
    certificates: Certificates,
    post: Post,
) -> None:
    written = anchored_by(installation, mail_by(listening, certificates, to=(AUDITOR,)))
    mail = post.read()
    assert mail["To"] == AUDITOR
    assert written.hash[:19] in mail["Subject"] or f"Anchor {written.number}" in mail["Subject"]
    text = mail.get_body(("plain",))
    assert text is not None
    kept = [Anchor.model_validate_json(line) for line in text.get_content().splitlines() if line.startswith("{")]
    assert kept == [written]
    assert kept[0].hash == kept[0].expected_hash()


def test_a_webhook_is_sent_the_anchor_as_an_event_about_no_release(
    installation: Audited,
    receiver: Receiver,  # noqa: F811 - the fixture of the webhook's own tests
) -> None:
    written = anchored_by(installation, Webhook(name="witness", url=receiver.url, secret=SECRET))
    ((_, _, body),) = receiver.requests
    event = json.loads(body)
    assert event["type"] == "dev.slipway.anchor-written"
    assert "subject" not in event  # CloudEvents: a text that is not empty, or absent
    assert Anchor.model_validate_json(event["data"]["anchor"]) == written

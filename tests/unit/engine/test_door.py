"""The door decides an event from outside at once; if the application is too busy, the event waits in queue `work`."""

from dataclasses import replace

import pytest

from slipway.domain.errors import SourceAway
from slipway.domain.events import EVENT
from slipway.domain.model import canonical, sha256
from slipway.domain.queues import Queue
from slipway.effects.registry import ErrorSubject, Unreachable
from slipway.engine.door import Door, deferred
from slipway.engine.handle import UnknownTarget
from slipway.engine.proving_pushes import RETRY_PERIOD
from slipway.testing import Installation
from slipway.testing.artifacts import ArtifactDouble
from tests.unit.engine.test_run_step import busy_like


@pytest.fixture
def busy(installation: Installation) -> Door:
    """A door at which every decision loses to other writers."""
    return replace(installation.app.door, handler=busy_like(installation.app.handler))


def test_an_event_is_decided_at_once(installation: Installation) -> None:
    (receipt,) = installation.app.door.take(installation.pushed("1.0"))
    assert receipt.actions
    assert [message for message in installation.bus.sent if message.queue is Queue.WORK] == []


def test_an_event_for_a_busy_application_waits_for_its_turn_and_is_decided_there(
    installation: Installation, busy: Door
) -> None:
    event = installation.pushed("1.0")
    assert busy.take(event) == ()
    (message,) = [message for message in installation.bus.sent if message.queue is Queue.WORK]
    assert message.session == "shop"
    receipt = installation.app.door.take_turn(message.session, EVENT.validate_python(message.body))
    assert receipt.actions


def test_an_event_that_is_forwarded_twice_is_one_message(installation: Installation, busy: Door) -> None:
    event = installation.pushed("1.0")
    busy.take(event)
    busy.take(event)
    assert len([message for message in installation.bus.sent if message.queue is Queue.WORK]) == 1


def test_an_event_in_the_turn_of_an_application_that_it_does_not_concern_is_refused(installation: Installation) -> None:
    event = installation.pushed("1.0")
    with pytest.raises(UnknownTarget, match="nobodys"):
        installation.app.door.take_turn("nobodys", event)


def test_a_push_that_concerns_no_application_is_dropped_and_the_log_says_so(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "slipway.engine.door")
    event = installation.pushed("1.0").evolve(repository="team/nobodys")
    assert installation.app.door.take(event) == ()
    assert "nonprod/team/nobodys:1.0: dropped, no application delivers it" in caplog.text


def test_a_push_is_asked_for_in_the_registry_before_a_release_begins(installation: Installation) -> None:
    """The push is of a Helm chart, under the image's own repository and with a tag that the application accepts."""
    config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": sha256(b"{}"), "size": 2}
    media_type = "application/vnd.oci.image.manifest.v1+json"
    chart = canonical({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []})
    manifest = ArtifactDouble(raw=chart, media_type=media_type, blobs=(b"{}",))
    digest = installation.nonprod.seed("team/shop", manifest, "2.0")
    event = installation.pushed("1.0").evolve(digest=digest, tag="2.0")
    (receipt,) = installation.app.door.take(event)
    assert receipt.actions == ("image.ignored",)
    record = installation.trail("shop")[-1]
    assert (record.details["rule"], record.details["pushed"]) == ("is-an-image", digest)
    assert "application/vnd.cncf.helm.config.v1+json" in record.details["reason"]
    assert list(installation.app.ledger.releases("shop", limit=5)) == []


def test_while_the_registry_is_away_the_push_is_waited_for(installation: Installation) -> None:
    event = installation.pushed("1.0")
    installation.nonprod.errors += [Unreachable(ErrorSubject("nonprod", "team/shop"), "no answer")] * 20
    with pytest.raises(SourceAway):
        installation.app.door.take(event)


def test_a_registry_that_stays_away_is_not_waited_for_longer_than_a_day(installation: Installation) -> None:
    event = installation.pushed("1.0")
    installation.wait(RETRY_PERIOD)
    installation.nonprod.errors += [Unreachable(ErrorSubject("nonprod", "team/shop"), "no answer")] * 20
    (receipt,) = installation.app.door.take(event)
    assert "release.created" in receipt.actions


def test_a_push_that_the_registry_does_not_show_goes_on_and_its_release_says_why_it_failed(
    installation: Installation,
) -> None:
    event = installation.pushed("1.0").evolve(digest=sha256(b"nowhere"))
    (receipt,) = installation.app.door.take(event)
    assert "release.created" in receipt.actions


def test_a_deferred_message_holds_the_whole_event(installation: Installation) -> None:
    event = installation.pushed("1.0")
    assert EVENT.validate_python(deferred("shop", event).body) == event

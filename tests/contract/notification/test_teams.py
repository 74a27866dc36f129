"""Posting a card to a workflow, over a socket."""

import json
from collections.abc import Iterator

import pytest
import urllib3

from slipway.effects.notification import NotificationError
from slipway.effects.notification.teams import TeamsChannel
from tests.certificates import Certificates
from tests.https import Reply, Request, serving
from tests.unit.effects.notification.samples import for_everybody

SECRET = "/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=a-secret-signature"


class Workflow:
    """A workflow that accepts cards."""

    def __init__(self) -> None:
        self.status = 202
        self.requests: list[Request] = []

    def respond(self, request: Request) -> Reply:
        self.requests.append(request)
        return Reply(status=self.status, headers={"Location": "https://elsewhere.example/"})


@pytest.fixture
def workflow() -> Workflow:
    return Workflow()


@pytest.fixture
def channel(workflow: Workflow, certificates: Certificates) -> Iterator[TeamsChannel]:
    pool = urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False)
    with serving(workflow.respond, certificates) as address:
        yield TeamsChannel(name="team", url=address + SECRET, pool=pool)


def test_a_card_is_posted_with_the_signature_of_the_workflow(workflow: Workflow, channel: TeamsChannel) -> None:
    channel.send(for_everybody())
    (request,) = workflow.requests
    assert (request.method, request.query["sig"]) == ("POST", "a-secret-signature")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body)["attachments"][0]["content"]["type"] == "AdaptiveCard"


@pytest.mark.parametrize(("status", "again"), [(429, True), (502, True), (400, False), (401, False), (307, False)])
def test_a_refusal_is_reported_by_its_status_alone(
    workflow: Workflow, channel: TeamsChannel, status: int, again: bool
) -> None:
    workflow.status = status
    with pytest.raises(NotificationError) as raised:
        channel.send(for_everybody())
    assert str(raised.value) == f"channel team: expected a status of 202, got {status}"
    assert raised.value.retryable is again
    assert len(workflow.requests) == 1


def test_a_workflow_that_is_away_is_tried_again_and_its_address_stays_secret() -> None:
    with pytest.raises(NotificationError) as raised:
        TeamsChannel(name="team", url=f"https://127.0.0.1:1{SECRET}").send(for_everybody())
    assert raised.value.retryable
    assert "sig" not in str(raised.value)

"""Starting a run of the flow that asks one approver in Teams, over a socket."""

import json
from collections.abc import Iterator

import pytest
import urllib3

from slipway.effects.notification import NotificationError
from slipway.effects.notification.card import SIZE_LIMIT
from slipway.effects.notification.teams_flow import TeamsFlow
from tests.certificates import Certificates
from tests.contract.notification.test_teams import SECRET, Workflow
from tests.https import serving
from tests.unit.effects.notification.samples import ADA, HOSTILE, TOKEN_LINK, VOTE, ended, for_everybody, gate_opened


@pytest.fixture
def flow() -> Workflow:
    return Workflow()


@pytest.fixture
def channel(flow: Workflow, certificates: Certificates) -> Iterator[TeamsFlow]:
    pool = urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False)
    with serving(flow.respond, certificates) as address:
        yield TeamsFlow(name="teams", url=address + SECRET, pool=pool)


def test_an_approver_gets_a_card_and_the_vote_is_sent_beside_it(flow: Workflow, channel: TeamsFlow) -> None:
    channel.send(gate_opened(locate_url="https://slipway.contoso.com/approvals/shop/482/production"))
    (request,) = flow.requests
    body = json.loads(request.body)
    token = TOKEN_LINK.rpartition("/")[2]
    assert set(body) == {"id", "recipient", "vote", "card"}
    assert body["recipient"] == ADA
    assert body["vote"] == {name: value for name, value in VOTE.model_dump().items() if name != "approves"}
    assert token not in request.body.decode()
    assert len(request.body) < SIZE_LIMIT + 2500


def test_a_notice_that_asks_nobody_starts_no_run_and_is_reported_as_not_delivered(
    flow: Workflow, channel: TeamsFlow
) -> None:
    for message in (ended(), ended(recipient=ADA)):
        with pytest.raises(NotificationError, match="it carries only questions, so nobody was told") as raised:
            channel.send(message)
        assert not raised.value.retryable
    assert flow.requests == []


def test_a_question_without_a_named_recipient_starts_no_run(flow: Workflow, channel: TeamsFlow) -> None:
    channel.send(for_everybody())
    assert flow.requests == []


@pytest.mark.parametrize("recipient", ["oid:00000000-0000-0000-0000-00000000000b", "a@b.c;d@e.f", "ä@b.c", HOSTILE])
def test_an_approver_whom_teams_cannot_find_is_reported_and_not_tried_again(
    flow: Workflow, channel: TeamsFlow, recipient: str
) -> None:
    with pytest.raises(NotificationError, match="channel teams: ") as raised:
        channel.send(gate_opened(recipient=recipient))
    assert not raised.value.retryable
    assert flow.requests == []


@pytest.mark.parametrize(("status", "again"), [(429, True), (502, True), (401, False)])
def test_a_refusal_is_reported_by_its_status_alone(
    flow: Workflow, channel: TeamsFlow, status: int, again: bool
) -> None:
    flow.status = status
    with pytest.raises(NotificationError) as raised:
        channel.send(gate_opened())
    assert str(raised.value) == f"channel teams: expected a status of 202, got {status}"
    assert raised.value.retryable is again

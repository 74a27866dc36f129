"""Mail by Azure Communication Services: the unmodified SDK against a double of the service's REST API."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.communication.email import EmailClient
from azure.core.credentials import AccessToken

from slipway.effects.notification import NotificationError
from slipway.effects.notification.acs_email import AcsEmail
from tests.certificates import Certificates
from tests.contract.notification.communication import TOKEN, VERSION, Communication
from tests.https import serving
from tests.unit.effects.notification.samples import ADA, HOSTILE, TOKEN_LINK, ended, gate_opened, hostile


class Identity:
    """The app's identity, and the scopes for which it was asked for tokens."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self.token, 2**33)


@pytest.fixture
def service() -> Communication:
    return Communication()


@pytest.fixture
def endpoint(service: Communication, certificates: Certificates) -> Iterator[str]:
    with serving(service.respond, certificates) as address:
        yield address


def channel(
    endpoint: str, certificates: Certificates, identity: Identity | None = None, to: tuple[str, ...] = ()
) -> AcsEmail:
    client = EmailClient(endpoint, identity or Identity(), connection_verify=str(certificates.ca_file))
    return AcsEmail(name="approvers", client=client, sender="slipway@contoso.com", to=to)


def test_a_mail_is_handed_in_with_the_apps_identity_and_without_tracking(
    service: Communication, endpoint: str, certificates: Certificates
) -> None:
    identity = Identity()
    channel(endpoint, certificates, identity).send(gate_opened())
    (mail,) = service.mails.values()
    assert mail["senderAddress"] == "slipway@contoso.com"
    assert mail["recipients"] == {"to": [{"address": ADA}]}
    assert mail["userEngagementTrackingDisabled"] is True
    assert TOKEN_LINK in mail["content"]["plainText"]
    assert f'href="{TOKEN_LINK}"' in mail["content"]["html"]
    assert identity.scopes == ["https://communication.azure.com//.default"]
    assert service.requests[0].query["api-version"] == VERSION


def test_the_operation_is_not_waited_for(service: Communication, endpoint: str, certificates: Certificates) -> None:
    channel(endpoint, certificates).send(gate_opened())
    assert [request.method for request in service.requests] == ["POST"]
    assert not [thread for thread in threading.enumerate() if "LROPoller" in thread.name]


def test_a_repeated_notice_is_not_a_second_mail(
    service: Communication, endpoint: str, certificates: Certificates
) -> None:
    mails = channel(endpoint, certificates)
    for message in (gate_opened(), gate_opened(), gate_opened(id="another")):
        mails.send(message)
    ids = [request.headers["operation-id"] for request in service.requests]
    assert ids[0] == ids[1] == str(uuid.UUID(ids[0]))
    assert ids[2] != ids[0]
    assert len(service.mails) == 2


def test_a_notice_for_everybody_goes_to_the_channels_own_addresses(
    service: Communication, endpoint: str, certificates: Certificates
) -> None:
    channel(endpoint, certificates).send(ended())
    assert service.requests == []
    channel(endpoint, certificates, to=("team@contoso.com",)).send(ended())
    assert [mail["recipients"] for mail in service.mails.values()] == [{"to": [{"address": "team@contoso.com"}]}]


def test_hostile_text_makes_no_header(service: Communication, endpoint: str, certificates: Certificates) -> None:
    channel(endpoint, certificates).send(hostile(recipient=ADA, approval_url=TOKEN_LINK))
    (mail,) = service.mails.values()
    assert "\n" not in mail["content"]["subject"]
    assert mail["recipients"] == {"to": [{"address": ADA}]}


def error_from(mails: AcsEmail, **changes: Any) -> NotificationError:
    with pytest.raises(NotificationError) as raised:
        mails.send(gate_opened(**changes))
    assert TOKEN not in str(raised.value)
    assert TOKEN_LINK not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("recipient", ["oid:00000000-0000-0000-0000-000000000001", "a@b.example, c@d.example", HOSTILE])
def test_a_recipient_that_is_not_one_mail_address_gets_no_mail(
    service: Communication, endpoint: str, certificates: Certificates, recipient: str
) -> None:
    assert "expected a mail address" in str(error_from(channel(endpoint, certificates), recipient=recipient))
    assert service.requests == []


@pytest.mark.parametrize(("status", "again"), [(429, True), (500, True), (503, True), (400, False), (403, False)])
def test_a_refusal_is_reported_by_its_status_and_left_to_the_queue_to_try_again(
    service: Communication, endpoint: str, certificates: Certificates, status: int, again: bool
) -> None:
    service.status = status
    error = error_from(channel(endpoint, certificates))
    assert (str(error), error.retryable) == (f"channel approvers: expected a status of 202, got {status}", again)
    assert len(service.requests) == 1


def test_an_identity_without_the_right_is_not_tried_again(
    service: Communication, endpoint: str, certificates: Certificates
) -> None:
    error = error_from(channel(endpoint, certificates, Identity("another token")))
    assert (str(error), error.retryable) == ("channel approvers: the service refused the app's identity (401)", False)


def test_a_service_that_is_away_is_tried_again(certificates: Certificates) -> None:
    error = error_from(channel("https://127.0.0.1:1", certificates))
    assert (str(error), error.retryable) == ("channel approvers: no answer (ServiceRequestError)", True)

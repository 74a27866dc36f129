"""The kinds of channels in the settings: what each of them needs, and what stops the start."""

import json
from typing import Any

import pytest

from slipway.bootstrap.opening import open_channel
from slipway.bootstrap.settings import Settings, SettingsError
from slipway.bootstrap.settings_channels import TeamsFlowSettings
from tests.unit.test_settings import GOOD

MARK = "shown-not"
WORKFLOW = "https://x.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/1?sig=" + MARK
FLOW = {"kind": "teams-flow", "url": "https://prod-12.westeurope.logic.azure.com:443/workflows/1?sig=" + MARK}
TEAMS = {"kind": "teams", "url": WORKFLOW}
SMTP = {"kind": "smtp", "host": "smtp.contoso.com", "sender": "slipway@contoso.com"}
ACS = {"kind": "acs-email", "endpoint": "https://x.europe.communication.azure.com", "sender": "slipway@contoso.com"}


def read(part: dict[str, Any], **changes: Any) -> Settings:
    return Settings.read(GOOD | {"SLIPWAY_CHANNELS": json.dumps({"one": part | changes})})


def refused(part: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(SettingsError) as raised:
        read(part, **changes)
    message = str(raised.value)
    assert message.startswith("SLIPWAY_CHANNELS.one")
    assert MARK not in message
    return message


@pytest.mark.parametrize(
    "url",
    [
        WORKFLOW,
        "https://prod-12.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=x",
        "https://prod-12.westeurope.logic.azure.com:443/workflows/1?sig=x",
    ],
)
def test_addresses_of_workflows_are_taken(url: str) -> None:
    assert read(TEAMS, url=url).channels["one"].kind == "teams"


@pytest.mark.parametrize(
    "url",
    [
        f"https://evil.example/{MARK}",
        f"https://logic.azure.com.evil.example/{MARK}",
        f"https://evillogic.azure.com/{MARK}",
        f"https://x.logic.azure.com@evil.example/{MARK}",
        f"https://logic.azure.com/{MARK}",
    ],
)
def test_other_addresses_are_not_workflows(url: str) -> None:
    assert "expected the address of a workflow, on a host that ends with" in refused(TEAMS, url=url)


@pytest.mark.parametrize("host", ["contoso.webhook.office.com", "outlook.office.com", "webhook.office.com."])
def test_the_retired_connectors_are_refused_with_what_to_do(host: str) -> None:
    message = refused(TEAMS, url=f"https://{host}/webhookb2/{MARK}")
    assert "switched off in May 2026" in message
    assert "Send webhook alerts to a channel" in message


def test_a_local_address_in_place_of_teams_is_accepted_only_on_a_laptop() -> None:
    message = refused(TEAMS, url=f"http://127.0.0.1:8080/{MARK}")
    assert message == "SLIPWAY_CHANNELS.one.url: expected the address of a workflow"
    laptop = GOOD | {
        "SLIPWAY_PUBLIC_URL": "http://127.0.0.1:7071",
        "SLIPWAY_CHANNELS": json.dumps({"one": {"kind": "teams", "url": "http://127.0.0.1:8080/x"}}),
    }
    assert Settings.read(laptop).channels["one"].kind == "teams"


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        (SMTP, {"security": "none"}, ".one: security: expected starttls or tls"),
        (SMTP, {"username": MARK}, ".one: expected password, which a username needs"),
        (SMTP, {"sender": f"a@b.example\r\nBcc: {MARK}"}, ".one.sender: String should match pattern"),
        (SMTP, {"sender": f"Slipway <{MARK}@contoso.com>"}, ".one.sender: String should match pattern"),
        (SMTP, {"to": [f"a@b.example, {MARK}@c.example"]}, ".one.to.0: String should match pattern"),
        (SMTP, {"host": f"https://{MARK}"}, ".one.host: String should match pattern"),
        (SMTP, {"port": 0}, ".one.port: Input should be greater than or equal to 1"),
        (ACS, {"endpoint": f"http://{MARK}.example"}, ".one.endpoint: expected an address that begins with https://"),
        (ACS, {"key": MARK}, ".one.key: Extra inputs are not permitted"),
        (TEAMS, {"secret": MARK}, ".one.secret: Extra inputs are not permitted"),
        (TEAMS, {"kind": MARK}, ".one: kind: expected webhook, teams, "),
        (TEAMS, {"kind": [MARK]}, ".one: kind: expected webhook, teams, "),
    ],
)
def test_a_missing_wrong_or_unknown_field_of_a_channel_is_named(
    part: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    assert message in refused(part, **changes)


def test_secrets_of_channels_do_not_show() -> None:
    for settings in (read(TEAMS), read(SMTP, username="u", password=MARK)):
        assert MARK not in repr(settings)
        assert MARK not in settings.model_dump_json()


class NoToken:
    """An identity that must not be asked for a token."""

    def get_token(self, *scopes: str, **_: Any) -> Any:
        raise AssertionError("asked for a token")


@pytest.mark.parametrize(("part", "shared"), [(TEAMS, True), (SMTP, False), (ACS, False)])
def test_a_channel_is_opened_without_asking_for_a_token(part: dict[str, Any], shared: bool) -> None:
    channel = open_channel("one", read(part).channels["one"], credential=NoToken)
    assert channel.shared is shared


@pytest.mark.parametrize("part", [TEAMS, TEAMS | {"kind": "teams-flow"}, SMTP, ACS])
def test_the_check_of_applications_knows_which_channels_carry_questions_alone(part: dict[str, Any]) -> None:
    settings = read(part)
    carries_questions_alone = open_channel("one", settings.channels["one"], credential=NoToken).asks_only
    assert carries_questions_alone is (part["kind"] == "teams-flow")
    assert isinstance(settings.channels["one"], TeamsFlowSettings) is carries_questions_alone

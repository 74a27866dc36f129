"""No secret in any log line, error, answer or record: tokens, nonces, signing keys, passwords of channels."""

import base64
import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from functions.shared import check_at_start
from slipway.bootstrap.opening import open_channel
from slipway.bootstrap.settings import Settings
from slipway.bootstrap.settings_channels import KINDS
from slipway.domain.signing import FixedKeys, LiveKeys, PrivateSigner, PublicKeys
from slipway.domain.tokens import ApprovalClaims, TokenRefused, read_link, sign_link
from slipway.effects.keys import KeyFile
from slipway.effects.notification import NotificationError
from slipway.engine.receiving import QueueMessage
from slipway.http.requests import FORM_TYPE
from slipway.inbound import BadInput
from tests.links import public_of
from tests.security.site import Site
from tests.security.test_tokens import DOORS, REFUSED, good_token
from tests.unit.effects.notification.samples import ADA, TOKEN_LINK, gate_opened
from tests.unit.test_settings import GOOD

SECRET = "hush-hush-hush-hush"
CHANNELS = {
    "webhook": {"kind": "webhook", "url": f"https://127.0.0.1:1/{SECRET}", "secret": SECRET},
    "teams": {"kind": "teams", "url": f"https://localhost:1/{SECRET}"},
    "teams-flow": {"kind": "teams-flow", "url": f"https://localhost:1/{SECRET}"},
    "smtp": {
        "kind": "smtp", "host": "127.0.0.1", "port": 1, "sender": "slipway@contoso.com", "username": "u",
        "password": SECRET,
    },
}  # fmt: skip


def test_every_kind_of_channel_is_looked_at() -> None:
    """Mail by Azure Communication Services has no secret: the app's identity is its credential."""
    assert set(CHANNELS) == set(KINDS) - {"acs-email"}


def product_log(caplog: pytest.LogCaptureFixture) -> str:
    """The log of the product and of its libraries, without that of the client of these tests."""
    return "\n".join(f"{r.getMessage()} {r.exc_text or ''}" for r in caplog.records if not r.name.startswith("urllib3"))


def test_no_secret_in_the_logs_of_votes_good_and_bad_by_every_door(
    site: Site, http: urllib3.PoolManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = [make(site) for make in REFUSED.values()] + [good_token(site)]
    nonces = []
    for token in tokens:
        for take in DOORS.values():
            take(site, http, token)
        page = http.request("GET", f"{site.base}/approvals/{token}").data.decode()
        nonces.append(page.partition('name="form_token" value="')[2].partition('"')[0])
    log_text = product_log(caplog)
    assert "vote" in log_text
    for secret in filter(None, [*tokens, *nonces]):
        assert secret not in log_text
        assert secret.partition(".")[2][:30] not in log_text or not secret.partition(".")[2]


def test_no_secret_in_rows_records_or_messages(site: Site, http: urllib3.PoolManager) -> None:
    """No row, no record and no message holds a token: links are made when they are sent."""
    token = good_token(site)
    for take in DOORS.values():
        take(site, http, token)
    stored = repr(site.state()) + json.dumps([r.model_dump(mode="json") for r in site.home.trail()])
    assert token not in stored
    assert token.partition(".")[2] not in stored


def test_no_secret_in_answers_that_refuse(site: Site, http: urllib3.PoolManager) -> None:
    """Trying a token tells nobody what was wrong with it, nor anything about other tokens."""
    responses = set()
    for kind, make in REFUSED.items():
        token = make(site)
        response = http.request("GET", f"{site.base}/approvals/{token}")
        assert token not in response.data.decode()
        if kind != "expired":
            responses.add((response.status, response.data))
    assert len(responses) == 1


def test_no_secret_in_parked_input_as_people_see_it(site: Site, http: urllib3.PoolManager) -> None:
    token = good_token(site)
    body = json.dumps({"token": token, "decision": "perhaps"}).encode()
    app = site.home.app
    app.receiver.receive(app.by_message.take, QueueMessage(queue="approvals", body=body, id="m", tries=0))
    site.sign_in("dora@example.com")
    page = http.request("GET", f"{site.base}/parked").data.decode()
    assert "decision" in page
    assert token not in page
    assert token.partition(".")[2] not in page


@pytest.mark.parametrize("kind", CHANNELS)
def test_no_secret_in_the_error_or_the_log_of_a_channel_that_fails(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="slipway")
    loopback = {"SLIPWAY_PUBLIC_URL": "http://127.0.0.1:7071"}
    settings = Settings.read(GOOD | loopback | {"SLIPWAY_CHANNELS": json.dumps({"one": CHANNELS[kind]})})
    channel = open_channel("one", settings.channels["one"], credential=lambda: pytest.fail("not needed"))
    with pytest.raises(NotificationError) as failure:
        channel.send(gate_opened(recipient=ADA, approval_url=TOKEN_LINK))
    text = "".join(traceback.format_exception(failure.value)) + product_log(caplog)
    assert SECRET not in text
    assert TOKEN_LINK not in text
    assert TOKEN_LINK.rpartition("/")[2] not in text
    assert SECRET not in repr(settings)
    assert SECRET not in repr(channel)


def test_no_secret_in_the_logs_of_libraries_because_the_app_quiets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """`urllib3` and the Azure SDK write addresses and headers at DEBUG and INFO."""
    monkeypatch.setattr("functions.shared.parts", lambda: pytest.fail("the rest needs an installation"))
    for name in ("azure", "urllib3"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    with pytest.raises(pytest.fail.Exception):
        check_at_start()
    for name in ("azure.core.pipeline.policies.http_logging_policy", "urllib3.connectionpool"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_no_secret_in_the_text_form_of_keys(tmp_path: Path) -> None:
    key = b"a key that must never be shown!!"
    source, public = FixedKeys({"k1": key}), public_of({"k1": key})
    signer, live = PrivateSigner(source, public), LiveKeys(source, public)
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    claims = ApprovalClaims(
        application="shop",
        release=1,
        environment="production",
        plan_hash="sha256:" + "a" * 64,
        approver=ADA,
        expires_at=now,
        opening=1,
    )
    token = sign_link(claims, signer)
    with pytest.raises(TokenRefused) as refusal:
        read_link(token, PublicKeys(live), now=now)
    file = tmp_path / "keys"
    file.write_text(f"k1:{base64.b64encode(key).decode()}")
    error_text = repr(vars(refusal.value)) + str(refusal.value)
    texts = "".join(repr(holder) for holder in (source, signer, live, KeyFile(file))) + error_text + token
    for form in (key.decode(), base64.b64encode(key).decode(), key.hex()):
        assert form not in texts


def test_no_secret_in_the_error_of_a_message_that_is_wrong(site: Site) -> None:
    token = good_token(site)
    for fields in ({"decision": "perhaps"}, {"decision": "approve", "reason": 7}, {"v": 1, "verb": "cancel"}):
        with pytest.raises(BadInput) as refusal:
            site.home.app.by_message.take(json.dumps({"token": token} | fields).encode())
        assert token not in "".join(traceback.format_exception(refusal.value))


def test_no_secret_leaves_by_the_referrer_or_a_cache(site: Site, http: urllib3.PoolManager) -> None:
    link = site.link("ada@example.com")
    body = urlencode({"decision": "approve", "form_token": "x"})
    for response in (
        http.request("GET", link),
        http.request("GET", f"{link}/changes"),
        http.request("POST", link, body=body, headers={"Content-Type": FORM_TYPE}),
        http.request("GET", f"{link[:-5]}"),
    ):
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Robots-Tag"] == "noindex, nofollow"

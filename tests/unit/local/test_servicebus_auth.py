"""Tokens: what is accepted, what is refused, and what a token grants."""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

import pytest
from pydantic import SecretStr

from local.servicebus import BusSettings, QueueSettings
from local.servicebus.auth import ALL_CLAIMS, Grants, TokenClaims, check_sas
from local.servicebus.errors import Condition, Refusal
from local.servicebus.queues.testing import ManualClock
from local.servicebus.settings import AccessRule, Claim

KEY = "a-key-for-tests"
SETTINGS = BusSettings(
    queues=(QueueSettings(name="events"),),
    key_name="root",
    key=SecretStr(KEY),
    bearer_token=SecretStr("a-static-local-token"),
)


def a_token(resource: str, *, expiry: str, key: str = KEY, key_name: str = "root") -> str:
    signed = f"{quote_plus(resource)}\n{expiry}".encode()
    signature = base64.b64encode(hmac.digest(key.encode(), signed, hashlib.sha256)).decode()
    fields = f"sr={quote_plus(resource)}&sig={quote_plus(signature)}&se={expiry}&skn={key_name}"
    return f"SharedAccessSignature {fields}"


def test_a_good_token_gives_its_path_and_its_expiry() -> None:
    token = a_token("sb://127.0.0.1:5672/Events", expiry="2000")
    assert check_sas(token, SETTINGS, now=1999) == TokenClaims(path="events", until=2000.0, claims=ALL_CLAIMS)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (a_token("sb://h/events", expiry="2000", key="another"), "signature is wrong"),
        (a_token("sb://h/events", expiry="2000", key_name="other"), "no key of this name"),
        (a_token("sb://h/events", expiry="1000"), "expired"),
        (a_token("sb://h/events", expiry="soon"), "number of seconds"),
        (a_token("sb://h/events", expiry="2000").replace("2000", "3000"), "signature is wrong"),
        (a_token("sb://h/events", expiry="2000").replace("events", "steps"), "signature is wrong"),
        ("SharedAccessSignature sr=x&sig=!&se=2000&skn=root", "signature is wrong"),
        ("SharedAccessSignature sr=x", "'sig' is missing"),
        ("SharedAccessSignature ", "'sr' is missing"),
    ],
)
def test_a_bad_token_is_refused_with_the_reason_and_without_the_key(token: str, why: str) -> None:
    with pytest.raises(Refusal, match=why) as refused:
        check_sas(token, SETTINGS, now=1000)
    assert refused.value.condition is Condition.UNAUTHORIZED
    assert KEY not in str(refused.value)


def test_a_token_opens_its_entity_with_all_below_and_nothing_else() -> None:
    clock = ManualClock()
    grants = Grants(SETTINGS, clock.now)
    expiry = str(int(clock.now()) + 100)
    grants.put(token=a_token("sb://h/events", expiry=expiry), audience="sb://h/Events")
    grants.check("events")
    grants.check("events/$deadletterqueue")
    for other in ("steps", "cause", "events2", ""):
        with pytest.raises(Refusal, match="Unauthorized"):
            grants.check(other)
    clock.advance(101)
    with pytest.raises(Refusal, match="no valid token"):
        grants.check("events")


def test_a_token_for_the_namespace_opens_every_entity() -> None:
    clock = ManualClock()
    grants = Grants(SETTINGS, clock.now)
    grants.put(token=a_token("sb://h/", expiry=str(int(clock.now()) + 100)), audience="sb://h/")
    grants.check("events")
    grants.check("steps")


def test_a_token_cannot_be_put_for_an_entity_that_it_was_not_signed_for() -> None:
    clock = ManualClock()
    grants = Grants(SETTINGS, clock.now)
    with pytest.raises(Refusal, match="another entity"):
        grants.put(token=a_token("sb://h/steps", expiry=str(int(clock.now()) + 9)), audience="sb://h/events")


def test_only_the_configured_bearer_token_is_taken() -> None:
    grants = Grants(SETTINGS, ManualClock().now)
    with pytest.raises(Refusal, match="not the bearer token") as refused:
        grants.put(token="another-token", audience="sb://h/events")
    assert "a-static-local-token" not in str(refused.value)
    grants.put(token="a-static-local-token", audience="sb://h/events")
    grants.check("events")


def test_no_bearer_token_is_taken_where_none_is_configured() -> None:
    grants = Grants(SETTINGS.model_copy(update={"bearer_token": None}), ManualClock().now)
    with pytest.raises(Refusal, match="shared access signatures only"):
        grants.put(token="None", audience="sb://h/events")


SENDER, READER = (
    AccessRule(name=name, key=SecretStr(f"the-key-of-{name}"), claims=frozenset(claims))
    for name, claims in (("sender", {Claim.SEND}), ("reader", {Claim.LISTEN}))
)
RULED = SETTINGS.model_copy(
    update={"queues": (QueueSettings(name="events", rules=(SENDER, READER)), QueueSettings(name="steps"))}
)


def shown(resource: str, rule: AccessRule) -> Grants:
    clock = ManualClock()
    grants = Grants(RULED, clock.now)
    expiry = str(int(clock.now()) + 100)
    token = a_token(resource, expiry=expiry, key=rule.key.get_secret_value(), key_name=rule.name)
    grants.put(token=token, audience=resource)
    return grants


def test_a_rule_of_a_queue_opens_it_for_its_claims_only() -> None:
    """Text and condition as the service has them: "Unauthorized access. 'Send' claim(s) are required …"."""
    grants = shown("sb://h/events", SENDER)
    grants.check("events", Claim.SEND)
    grants.check("events/$management")
    with pytest.raises(Refusal, match=r"'Listen' claim\(s\) are required") as refused:
        grants.check("events/$deadletterqueue", Claim.LISTEN)
    assert refused.value.condition is Condition.UNAUTHORIZED
    with pytest.raises(Refusal, match=r"'Send' claim\(s\) are required"):
        shown("sb://h/events", READER).check("events", Claim.SEND)


@pytest.mark.parametrize("resource", ["sb://h/steps", "sb://h/", "sb://h/events2"])
def test_a_rule_of_a_queue_opens_no_other_queue_and_not_the_namespace(resource: str) -> None:
    with pytest.raises(Refusal, match="no key of this name"):
        shown(resource, SENDER)


def test_the_key_of_one_rule_does_not_fit_another() -> None:
    with pytest.raises(Refusal, match="signature is wrong"):
        shown("sb://h/events", SENDER.model_copy(update={"name": "reader"}))


def test_two_rules_of_a_queue_do_not_have_one_name() -> None:
    with pytest.raises(ValueError, match="each name once"):
        QueueSettings(name="events", rules=(SENDER, SENDER))

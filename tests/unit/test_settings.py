"""Settings: what is right is read, what is wrong is named by its variable, and no value is ever shown."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from scripts.reference import settings as settings_reference
from slipway.bootstrap import app
from slipway.bootstrap.azure import azure_ports
from slipway.bootstrap.settings import Settings, SettingsError
from slipway.bootstrap.settings_names import PREFIX, variable
from slipway.catalogue import check_path
from tests.links import signer_of

ROOT = Path(__file__).resolve().parents[2]
MARK = "do-not-show-this-value"
"""Part of every wrong value below; no message may hold it."""


def key(size: int = 32) -> str:
    return base64.b64encode(b"k" * size).decode()


GOOD: dict[str, str] = {
    "SLIPWAY_PUBLIC_URL": "https://slipway.contoso.com",
    "SLIPWAY_TABLE_ENDPOINT": "https://contoso.table.core.windows.net",
    "SLIPWAY_BLOB_ENDPOINT": "https://contoso.blob.core.windows.net",
    "SLIPWAY_REGISTRIES": json.dumps({"nonprod": {"login_server": "contosodev.azurecr.io"}}),
    "SLIPWAY_CLUSTERS": json.dumps({"staging": {"server": "https://staging.hcp.westeurope.azmk8s.io"}}),
    "SLIPWAY_SIGNING_KEYS": f"2026-11:{key()},2026-10:{key()}",
    "SLIPWAY_PUBLIC_KEYS": f"2026-10:{key()},2026-11:{key()}",
    "SLIPWAY_HOOK_SECRETS": "a-secret-of-some-length, the-one-before-of-it",
    "SLIPWAY_TENANT_ID": "11111111-1111-4111-8111-111111111111",
    "SLIPWAY_SIGN_IN_CLIENT_ID": "cccccccc-0000-4000-8000-000000000001",
    "SLIPWAY_VOTES_CLIENT_ID": "cccccccc-0000-4000-8000-000000000002",
    "SLIPWAY_SESSION_KEYS": f"2026-11:{key()}",
    "ServiceBus__fullyQualifiedNamespace": "contoso.servicebus.windows.net",
}


def refusal_of(name: str, value: str | None) -> str:
    """The message about settings that are good but for this one."""
    values = {**GOOD, name: value}
    with pytest.raises(SettingsError) as refused:
        Settings.read({name: value for name, value in values.items() if value is not None})
    assert MARK not in str(refused.value)
    assert refused.value.__cause__ is None
    return str(refused.value)


def keys_of(settings: Settings) -> dict[str, bytes]:
    """The signing keys that the settings themselves hold."""
    assert isinstance(settings.signing_keys, dict)
    return {name: key.get_secret_value() for name, key in settings.signing_keys.items()}


def test_settings_are_read() -> None:
    settings = Settings.read(
        GOOD | {"SLIPWAY_ORGANIZATIONS": "Contoso, fabrikam,", "PATH": "/bin", "AZURE_CLIENT_ID": "c"}
    )
    assert settings.registries["nonprod"].credential == "entra"
    assert [secret.get_secret_value() for secret in settings.hook_secrets] == [
        "a-secret-of-some-length",
        "the-one-before-of-it",
    ]
    assert {name: len(key) for name, key in keys_of(settings).items()} == {
        "2026-11": 32,
        "2026-10": 32,
    }
    assert (settings.organizations, settings.client_id) == (["Contoso", "fabrikam"], "c")
    assert settings.issuer_url == "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0"


def test_a_sign_in_can_never_pass_for_a_vote() -> None:
    message = refusal_of("SLIPWAY_VOTES_CLIENT_ID", GOOD["SLIPWAY_SIGN_IN_CLIENT_ID"].upper())
    assert "SLIPWAY_VOTES_CLIENT_ID: expected a registration other than SLIPWAY_SIGN_IN_CLIENT_ID" in message


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.read(GOOD | {"SLIPWAY_TABLE": "", "SLIPWAY_CHANNELS": ""}) == Settings.read(GOOD)


@pytest.mark.parametrize(
    "name",
    [
        "SLIPWAY_PUBLIC_URL",
        "SLIPWAY_REGISTRIES",
        "SLIPWAY_CLUSTERS",
        "SLIPWAY_SIGNING_KEYS",
        "SLIPWAY_HOOK_SECRETS",
        "SLIPWAY_TENANT_ID",
        "SLIPWAY_SIGN_IN_CLIENT_ID",
        "SLIPWAY_VOTES_CLIENT_ID",
        "SLIPWAY_SESSION_KEYS",
        "SLIPWAY_TABLE_ENDPOINT",
        "SLIPWAY_BLOB_ENDPOINT",
        "ServiceBus__fullyQualifiedNamespace",
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(name: str, value: str | None) -> None:
    assert name in refusal_of(name, value)


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read({})
    assert "SLIPWAY_PUBLIC_URL: Field required" in str(refused.value)
    for name in ("SLIPWAY_REGISTRIES", "SLIPWAY_CLUSTERS", "SLIPWAY_HOOK_SECRETS"):
        assert f"{name}: expected at least one: a single app needs it" in str(refused.value)
    assert "SLIPWAY_SIGNING_KEYS: expected at least one key, or SLIPWAY_KEY_VAULT instead" in str(refused.value)


def test_signing_keys_are_in_one_place() -> None:
    vault = {"SLIPWAY_KEY_VAULT": "https://contoso.vault.azure.net"}
    assert refusal_of("SLIPWAY_KEY_VAULT", vault["SLIPWAY_KEY_VAULT"]) == (
        "SLIPWAY_SIGNING_KEYS: expected none together with SLIPWAY_KEY_VAULT"
    )
    alone = {name: value for name, value in GOOD.items() if name != "SLIPWAY_SIGNING_KEYS"}
    assert Settings.read(alone | vault).signing_keys == {}


REGISTRY = {"login_server": "contoso.azurecr.io"}
CLUSTER = {"server": "https://x.azmk8s.io"}
CHANNEL = {"url": "https://example.com/" + MARK, "secret": "s" * 16}


def one(part: dict[str, Any], **changes: Any) -> str:
    return json.dumps({"one": {**part, **changes}})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SLIPWAY_PUBLIC_URL", f"http://{MARK}.example.com", "an address that begins with https://"),
        ("SLIPWAY_PUBLIC_URL", f"http://127.0.0.1.{MARK}.example", "an address that begins with https://"),
        ("SLIPWAY_PUBLIC_URL", f"https:// {MARK}", "an address that begins with https://"),
        ("SLIPWAY_PUBLIC_URL", f"https:///{MARK}", "an address that begins with https://"),
        ("SLIPWAY_PUBLIC_URL", f"javascript:{MARK}", "an address that begins with https://"),
        ("SLIPWAY_TABLE_ENDPOINT", MARK, "an address that begins with https://"),
        ("SLIPWAY_BLOB_ENDPOINT", f"http://{MARK}.blob", "an address that begins with https://"),
        ("SLIPWAY_TABLE", f"{MARK}!", "should match pattern"),
        ("SLIPWAY_CONTAINER", MARK.upper(), "should match pattern"),
        ("SLIPWAY_SIGN_IN_CLIENT_ID", MARK, "should match pattern"),
        ("SLIPWAY_ISSUER", f"http://{MARK}.example.com", "an address that begins with https://"),
        ("SLIPWAY_SESSION_KEYS", f"{MARK}:not base64", "item 1: expected base64 after the colon"),
        ("SLIPWAY_SESSION_KEYS", f"short:{base64.b64encode(b'k').decode()}", "a key of 32 bytes, got 1"),
        ("SLIPWAY_ORGANIZATIONS", f"https://dev.azure.com/{MARK}", "should match pattern"),
        ("SLIPWAY_HOOK_SECRETS", "shown-not", "at least 16 characters"),
        ("SLIPWAY_HOOK_SECRETS", f"{MARK}, shown-not", "at least 16 characters"),
        ("SLIPWAY_HOOK_SECRETS", ", ,", "at least one: a single app"),
        ("SLIPWAY_SIGNING_KEYS", ",", "at least one key"),
        ("SLIPWAY_SIGNING_KEYS", MARK, "item 1: expected id:base64"),
        ("SLIPWAY_SIGNING_KEYS", f"{MARK}{key()}:new", "item 1: expected id:base64"),
        ("SLIPWAY_SIGNING_KEYS", f"{MARK}:not base64", "item 1: expected base64 after the colon"),
        ("SLIPWAY_SIGNING_KEYS", f"{MARK}:schlüssel", "item 1: expected base64 after the colon"),
        ("SLIPWAY_SIGNING_KEYS", f"a:{key()},{MARK}:{key(31)}", "item 2: expected a key of 32 bytes, got 31"),
        ("SLIPWAY_SIGNING_KEYS", f"{MARK}:{key()},{MARK}:{key()}", "item 2: expected another id"),
        ("SLIPWAY_KEY_VAULT", f"http://{MARK}.vault.azure.net", "an address that begins with https://"),
        ("SLIPWAY_REGISTRIES", f'{{"one": "{MARK}', "expected JSON (Unterminated string"),
        ("SLIPWAY_REGISTRIES", f'["{MARK}"]', "should be a valid dictionary"),
        ("SLIPWAY_REGISTRIES", "[" * 100_000, "expected JSON"),
        ("SLIPWAY_REGISTRIES", "{}", "at least one: a single app"),
        ("SLIPWAY_REGISTRIES", one({}), ".one.login_server: Field required"),
        ("SLIPWAY_REGISTRIES", one({"login_server": f"https://{MARK}"}), ".one.login_server: String should match"),
        ("SLIPWAY_REGISTRIES", one(REGISTRY, password=MARK), ".one.password: Extra inputs are not permitted"),
        ("SLIPWAY_REGISTRIES", one(REGISTRY, credential=MARK), ".one.credential: Input should be 'entra'"),
        ("SLIPWAY_REGISTRIES", one(REGISTRY, credential="basic", username=MARK), ".one: expected secret, which"),
        ("SLIPWAY_REGISTRIES", one(REGISTRY, credential="basic", secret=MARK), ".one: expected username, which"),
        ("SLIPWAY_REGISTRIES", one(REGISTRY, credential="token"), ".one: expected secret, which"),
        ("SLIPWAY_REGISTRIES", one(REGISTRY, secret=[MARK]), ".one.secret: Input should be a valid string"),
        (
            "SLIPWAY_REGISTRIES",
            json.dumps({"a": REGISTRY, "b": {"login_server": "CONTOSO.azurecr.io"}}),
            "expected each login_server once",
        ),
        (
            "SLIPWAY_CLUSTERS",
            json.dumps({"a": {"server": "https://k8s.test"}, "b": {"server": "https://K8S.test:443/"}}),
            "expected each cluster once",
        ),
        (
            "SLIPWAY_CLUSTERS",
            json.dumps({name: {"credential": "kubeconfig", "kubeconfig": "/k", "context": "x"} for name in "ab"}),
            "expected each cluster once",
        ),
        ("SLIPWAY_CLUSTERS", one({}), ".one: expected server, which"),
        ("SLIPWAY_CLUSTERS", one({"server": f"http://{MARK}"}), ".one.server: expected an address that begins"),
        ("SLIPWAY_CLUSTERS", one(CLUSTER, credential="token"), ".one: expected token, which"),
        ("SLIPWAY_CLUSTERS", one(CLUSTER, credential="kubeconfig"), ".one: expected kubeconfig, which"),
        ("SLIPWAY_CLUSTERS", one(CLUSTER, token={MARK: 1}), ".one.token: Input should be a valid string"),
        ("SLIPWAY_CHANNELS", one({"url": f"https://example.com/{MARK}"}), ".one.secret: Field required"),
        ("SLIPWAY_CHANNELS", one(CHANNEL, url=f"http://example.com/{MARK}"), ".one.url: expected an address that"),
        ("SLIPWAY_CHANNELS", one(CHANNEL, secret="shown-not"), ".one.secret: Value should have at least 16 items"),
        ("SLIPWAY_CHANNELS", one(CHANNEL, kind=MARK), ".one: kind: expected webhook, teams, "),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_hidden(name: str, value: str, expected: str) -> None:
    message = refusal_of(name, value)
    assert message.startswith(name)
    assert expected in message
    assert "shown-not" not in message


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_key_vault_reference_that_was_not_resolved_stops_the_start(field: str) -> None:
    message = refusal_of(variable(field), f"@Microsoft.KeyVault(SecretUri=https://{MARK}.vault.azure.net/secrets/x)")
    assert message == f"{variable(field)}: a Key Vault reference in it could not be resolved"


def test_a_key_vault_reference_inside_a_value_counts_too() -> None:
    setting = one(
        REGISTRY, credential="basic", username="u", secret=f"@Microsoft.KeyVault(VaultName={MARK};SecretName=x)"
    )
    assert refusal_of("SLIPWAY_REGISTRIES", setting).endswith("a Key Vault reference in it could not be resolved")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("SLIPWAY_ORGANIZATION", "SLIPWAY_ORGANIZATIONS"),
        ("SLIPWAY_SIGNING_KEY", "SLIPWAY_SIGNING_KEYS"),
    ],
)
def test_a_misspelt_setting_is_refused_instead_of_overlooked(name: str, suggestion: str) -> None:
    assert refusal_of(name, MARK) == f"{name}: there is no such setting; is it {suggestion}?"


@pytest.mark.parametrize("name", ["SLIPWAY_URL", "SLIPWAY_KEY", "SLIPWAY_VERSION", "SLIPWAY_RELEASE"])
def test_variables_of_other_programs_are_left_alone(name: str) -> None:
    assert Settings.read(GOOD | {name: "x"}) == Settings.read(GOOD)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings.read(
        GOOD
        | {
            "SLIPWAY_HOOK_SECRETS": MARK,
            "SLIPWAY_STORAGE_CONNECTION": MARK,
            "ServiceBus": MARK,
            "SLIPWAY_SIGNING_KEYS": "a:" + base64.b64encode(MARK.encode().ljust(32)).decode(),
            "SLIPWAY_CHANNELS": one(CHANNEL, secret=MARK),
            "SLIPWAY_CLUSTERS": one(CLUSTER, credential="token", token=MARK),
            "SLIPWAY_REGISTRIES": one(REGISTRY, credential="basic", username="u", secret=MARK),
        }
    )
    for text in (repr(settings), str(settings), settings.model_dump_json(), repr(app(azure_ports(settings), settings))):
        assert MARK not in text


def test_the_example_can_be_read_as_it_is() -> None:
    example = json.loads((ROOT / "local.settings.json.example").read_text())
    settings = Settings.read(example["Values"])
    assert set(settings.registries) == {"nonprod", "prod"}
    assert signer_of(keys_of(settings)).sign(b"content")


def test_the_example_settings_fit_the_example_applications_of_this_repository() -> None:
    example = json.loads((ROOT / "local.settings.json.example").read_text())
    names = app(azure_ports(Settings.read(example["Values"])), Settings.read(example["Values"])).settings_names
    assert check_path(ROOT / "examples", known=names).definitions


def test_the_reference_page_says_what_the_settings_are() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_reference.page(), "run `make docs`"


def test_every_setting_and_every_field_of_one_is_described() -> None:
    models: list[type[BaseModel]] = [Settings, *settings_reference.PARTS]
    for model in models:
        assert all(field.description for field in model.model_fields.values()), model
    page = settings_reference.page()
    assert all(f"| `{variable(name)}`" in page for name in Settings.model_fields)


def test_secrets_are_marked_in_the_reference() -> None:
    marked = {line.split("`")[1] for line in settings_reference.page().splitlines() if "` 🔒" in line}
    assert marked == {
        PREFIX + "ARM_TOKEN",
        PREFIX + "STORAGE_CONNECTION",
        PREFIX + "SESSION_KEYS",
        PREFIX + "STORAGE_SAS",
        PREFIX + "SIGNING_KEYS",
        PREFIX + "HOOK_SECRETS",
        "ServiceBus",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "secret",
        "password",
        "token",
        "url",
    }

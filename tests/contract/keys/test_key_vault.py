"""Signing keys in Key Vault: the unmodified SDK against a double of the service, from rotation to old links."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient
from click.testing import CliRunner, Result

from slipway.cli.commands import keys as keys_command
from slipway.cli.root import root
from slipway.domain.keyring import PUBLIC_SECRET, VAULT_SECRET, fingerprint, parse_keys
from slipway.domain.signing import KeySource, KeysUnavailable, LiveKeys, PrivateSigner, PublicKeys
from slipway.domain.tokens import ApprovalClaims, TokenRefused, read_link, sign_link
from slipway.ed25519 import public_key
from slipway.effects.keys import CachedKeys
from slipway.effects.keys.vault import VaultKeys
from tests.certificates import Certificates, make_certificates
from tests.contract.keys.key_vault import TOKEN, KeyVault
from tests.https import serving

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
CLAIMS = ApprovalClaims(
    expires_at=NOW + timedelta(days=30),
    application="shop",
    release=482,
    environment="production",
    plan_hash="sha256:" + "a" * 64,
    approver="ada@example.com",
    opening=1,
)


class Identity:
    """A caller who may use the vault."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken(TOKEN, 2**33)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def vault() -> KeyVault:
    return KeyVault()


@pytest.fixture
def client(vault: KeyVault, certificates: Certificates) -> Iterator[SecretClient]:
    with serving(vault.respond, certificates) as address:
        yield SecretClient(
            address,
            Identity(),
            verify_challenge_resource=False,  # the double is not below vault.azure.net
            connection_verify=str(certificates.ca_file),
            retry_total=0,
        )


def keys_of(client: SecretClient) -> CachedKeys:
    """As the wiring builds them, but without pauses."""
    return CachedKeys(VaultKeys(client, clock=lambda: NOW).load, max_age=0, pause=0)


def public_in(vault: KeyVault) -> PublicKeys:
    """The public keys to which the setting resolves, read from the secret each time."""
    return PublicKeys(CachedKeys(lambda: parse_keys(vault.secrets[PUBLIC_SECRET][-1].value), max_age=0, pause=0))


def link_from(source: KeySource, vault: KeyVault) -> str:
    """A link as an app with these keys would send it."""
    return sign_link(CLAIMS, PrivateSigner(source, public_in(vault)))


def accepts(link: str, source: KeySource, vault: KeyVault) -> bool:
    """Whether an app with these keys accepts the link."""
    try:
        return read_link(link, PublicKeys(LiveKeys(source, public_in(vault))), now=NOW) == CLAIMS
    except TokenRefused:
        return False


def key(number: int) -> bytes:
    return bytes([number]) * 32


def id_of(number: int) -> str:
    return fingerprint(public_key(key(number)))


def text(number: int) -> str:
    return base64.b64encode(key(number)).decode()


def test_the_versions_of_the_secret_are_the_keys_and_the_newest_signs(vault: KeyVault, client: SecretClient) -> None:
    for number in (1, 2, 3):
        vault.put(VAULT_SECRET, text(number))
    assert list(keys_of(client).live().items()) == [(id_of(number), key(number)) for number in (3, 2, 1)]


def rotate(client: SecretClient, *arguments: str, monkeypatch: pytest.MonkeyPatch, command: str = "rotate") -> Result:
    """`slipway keys rotate`, or another command, on this vault."""
    monkeypatch.setattr(keys_command, "open_vault", lambda url: client)
    return CliRunner().invoke(root, ["keys", command, "--vault", "https://contoso.vault.azure.net", *arguments])


@pytest.fixture
def rotated(client: SecretClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    def run(*arguments: str, command: str = "rotate") -> dict[str, Any]:
        result = rotate(client, "--json", *arguments, monkeypatch=monkeypatch, command=command)
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout))

    return run


type Rotated = Callable[..., dict[str, Any]]
OLD = 1_795_000_000 - 90 * 86_400


def test_links_of_earlier_keys_stay_valid_until_those_keys_are_retired(
    vault: KeyVault, client: SecretClient, rotated: Rotated
) -> None:
    vault.now = OLD
    rotated()
    keys = keys_of(client)
    first = link_from(keys, vault)
    rotated()
    second = link_from(keys, vault)
    assert accepts(first, keys, vault)
    assert accepts(second, keys, vault)
    vault.now = int(datetime.now(UTC).timestamp())
    rotation = rotated()
    assert (len(rotation["verify"]), len(rotation["retired"])) == (1, 1)
    assert accepts(second, keys, vault)
    assert not accepts(first, keys, vault)
    with pytest.raises(TokenRefused, match="which was retired"):
        read_link(first, public_in(vault), now=NOW)


def test_however_soon_keys_are_rotated_again_no_open_link_breaks(
    vault: KeyVault, client: SecretClient, rotated: Rotated
) -> None:
    vault.now = int(datetime.now(UTC).timestamp())
    keys, links = keys_of(client), []
    for _ in range(5):
        rotated()
        links.append(link_from(keys, vault))
    assert len(set(links)) == 5
    assert all(accepts(link, keys, vault) for link in links)


def test_a_sixth_key_within_the_lifetime_of_links_is_refused_with_the_day_from_which_it_is_allowed(
    vault: KeyVault, client: SecretClient, rotated: Rotated, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.now = int(datetime.now(UTC).timestamp())
    for _ in range(5):
        rotated()
    result = rotate(client, monkeypatch=monkeypatch)
    assert result.exit_code == 1
    assert "5 keys are live, which is the maximum" in result.output
    assert "rotate after 20" in result.output
    assert len(vault.secrets[VAULT_SECRET]) == 5


def test_an_instance_that_has_not_seen_a_rotation_looks_again_when_it_meets_a_link_of_the_new_key(
    vault: KeyVault, client: SecretClient, rotated: Rotated
) -> None:
    rotated()
    time = [0.0]
    slow = CachedKeys(VaultKeys(client, clock=lambda: NOW).load, monotonic=lambda: time[0])
    link_from(slow, vault)
    rotated()
    link = link_from(keys_of(client), vault)
    time[0] = 11
    assert accepts(link, slow, vault)


def test_retiring_the_other_keys_leaves_only_the_new_one_live(
    vault: KeyVault, client: SecretClient, rotated: Rotated
) -> None:
    vault.now = int(datetime.now(UTC).timestamp())
    for _ in range(3):
        rotated()
    rotation = rotated("--retire-others")
    assert (rotation["verify"], len(rotation["retired"])) == ([], 3)
    *earlier, fourth = parse_keys(rotation["public"])
    assert not [id for id in earlier if id.startswith("retired.")], "trails may still end with their signatures"
    assert list(keys_of(client).live()) == [fourth]
    again = rotated(command="retire")
    assert list(parse_keys(again["public"])) == [*(f"retired.{id}" for id in earlier), fourth]


def test_keys_in_the_vault_are_listed_with_what_each_is_good_for(
    vault: KeyVault, client: SecretClient, rotated: Rotated, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.now = OLD
    for _ in range(2):
        rotated()
    arguments = ["keys", "list", "--vault", "https://contoso.vault.azure.net"]
    lines = CliRunner().invoke(root, arguments).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [version.id for version in reversed(vault.secrets[VAULT_SECRET])]
    assert [line.split("Z", 1)[1].strip() for line in lines[1:]] == ["signs", "retired by the next rotation"]
    assert not [version.value for version in vault.secrets[VAULT_SECRET] if version.value in "\n".join(lines)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, (1, "sign in with `az login` first")),
        (403, (1, "rotating needs the role Key Vault Secrets Officer there")),
        (409, (4, "recover it with `az keyvault secret recover`")),
        (503, (4, "try again in a moment")),
    ],
)
def test_a_refusal_of_the_vault_is_reported_with_its_remedy(
    vault: KeyVault, client: SecretClient, status: int, expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.status = status
    ends, remedy = expected
    result = rotate(client, monkeypatch=monkeypatch)
    assert (result.exit_code, f"Key Vault answered {status}: " in result.output) == (ends, True)
    assert remedy in " ".join(result.output.split())


def test_a_version_that_is_disabled_not_yet_valid_or_expired_is_not_a_key(
    vault: KeyVault, client: SecretClient
) -> None:
    soon, ago = int((NOW + timedelta(days=1)).timestamp()), int((NOW - timedelta(days=1)).timestamp())
    vault.put(VAULT_SECRET, text(1))
    for attributes in ({"enabled": False}, {"nbf": soon}, {"exp": ago}):
        vault.put(VAULT_SECRET, text(2), **attributes)
    assert list(keys_of(client).live()) == [id_of(1)]


def test_the_value_of_a_key_is_read_once_however_often_its_versions_are_listed(
    vault: KeyVault, client: SecretClient
) -> None:
    version = vault.put(VAULT_SECRET, text(1))
    keys = keys_of(client)
    for _ in range(3):
        keys.live()
    assert [r.path for r in vault.requests].count(f"/secrets/{VAULT_SECRET}/{version.id}") == 1
    assert [r.path for r in vault.requests].count(f"/secrets/{VAULT_SECRET}/versions") == 3


def test_known_keys_go_on_being_good_while_the_vault_is_away(vault: KeyVault, client: SecretClient) -> None:
    vault.put(VAULT_SECRET, text(1))
    keys = keys_of(client)
    before = keys.live()
    vault.status = 503
    assert keys.live() == before


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_vault_that_never_gave_a_key_raises_keys_unavailable(
    vault: KeyVault, client: SecretClient, status: int
) -> None:
    vault.status = status
    with pytest.raises(KeysUnavailable):
        keys_of(client).live()


@pytest.mark.parametrize("value", ["not base64!", base64.b64encode(b"short").decode(), ""])
def test_a_version_that_is_not_a_key_is_named_without_its_value(
    vault: KeyVault, client: SecretClient, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    vault.put(VAULT_SECRET, value)
    with pytest.raises(KeysUnavailable):
        keys_of(client).live()
    assert f"secret {VAULT_SECRET}, version" in caplog.text
    assert not value or value not in caplog.text


def test_a_key_that_could_not_be_retired_is_named(
    vault: KeyVault, client: SecretClient, rotated: Rotated, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated()
    old = vault.secrets[VAULT_SECRET][0].id
    vault.refused_methods = ("PATCH",)
    result = rotate(client, "--retire-others", monkeypatch=monkeypatch)
    new = vault.secrets[VAULT_SECRET][1].id
    assert result.exit_code == 4
    assert f"The new key {new} signs, but these are still live: {old}" in result.output


def test_a_signature_of_a_new_key_verifies_only_once_its_public_key_is_known(
    vault: KeyVault, client: SecretClient, rotated: Rotated
) -> None:
    first, second = rotated()["public"], rotated()["public"]
    assert [version.value for version in vault.secrets[PUBLIC_SECRET]] == [first, second]
    kid = PrivateSigner(keys_of(client), PublicKeys(parse_keys(first))).sign(b"text").kid
    assert [kid] == list(parse_keys(first))
    signature = PrivateSigner(keys_of(client), PublicKeys(parse_keys(second))).sign(b"text")
    assert signature.kid == list(parse_keys(second))[-1] != kid
    assert PublicKeys(parse_keys(second)).fault(signature, b"text") == ""
    assert "not one of this installation's" in PublicKeys(parse_keys(first)).fault(signature, b"text")


def test_a_rotation_that_died_before_its_public_key_was_put_is_completed_by_the_next(
    vault: KeyVault, rotated: Rotated
) -> None:
    rotated()
    vault.put(VAULT_SECRET, text(7))
    ids = list(parse_keys(rotated()["public"]))
    assert ids[1] == id_of(7)
    assert len(ids) == 3

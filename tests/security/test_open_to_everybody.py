"""Where nobody signs in, whoever has a link votes. On an address that others reach that has to be meant."""

import pytest

from slipway.bootstrap.settings import Settings, SettingsError
from tests.unit.test_settings import GOOD


def test_a_public_address_without_sign_in_is_refused_with_what_to_do() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read(GOOD | {"SLIPWAY_SIGN_IN": "none"})
    assert "SLIPWAY_SIGN_IN: expected easy-auth" in str(refused.value)
    assert "everybody" in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:7071", "http://localhost:7071", "https://localhost"])
def test_on_this_machine_nobody_needs_to_sign_in(url: str) -> None:
    assert Settings.read(GOOD | {"SLIPWAY_SIGN_IN": "none", "SLIPWAY_PUBLIC_URL": url}).sign_in == "none"


@pytest.mark.parametrize(
    "url", ["https://localhost.evil.example", "https://127.0.0.1.nip.io", "https://user@slipway.x"]
)
def test_what_only_looks_like_this_machine_is_not(url: str) -> None:
    with pytest.raises(SettingsError, match="SLIPWAY_SIGN_IN"):
        Settings.read(GOOD | {"SLIPWAY_SIGN_IN": "none", "SLIPWAY_PUBLIC_URL": url})


def test_who_means_it_says_so_by_name() -> None:
    assert Settings.read(GOOD | {"SLIPWAY_SIGN_IN": "everybody"}).sign_in == "everybody"
    assert Settings.read(GOOD).sign_in == "easy-auth"

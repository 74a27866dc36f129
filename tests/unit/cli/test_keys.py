"""`slipway keys rotate`: a new key signs, the one before verifies, and none is ever shown."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.credentials import TokenCredential

from slipway.bootstrap.opening import open_private_keys
from slipway.bootstrap.settings import Settings
from slipway.domain.keyring import format_keys, parse_keys
from slipway.domain.signing import KeysUnavailable
from slipway.effects.keys import CachedKeys
from tests.unit.cli.conftest import Command
from tests.unit.test_settings import GOOD


def test_a_file_is_made_for_its_owner_alone_and_holds_one_key(slipway: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    result = slipway("keys", "rotate", "--file", str(file))
    assert result.exit_code == 0, result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(parse_keys(file.read_text())) == 1
    assert file.read_text().split(":")[1].strip() not in result.stdout


def key_file(*ids: str) -> str:
    return format_keys({key_id: key_id.encode().ljust(32) for key_id in ids}, separator="\n")


def test_a_key_is_retired_once_its_links_are_over_and_not_before(slipway: Command, tmp_path: Path) -> None:
    file, today = tmp_path / "keys", datetime.now(UTC)
    long_ago, lately = f"{today - timedelta(days=61):%Y%m%d}", f"{today - timedelta(days=3):%Y%m%d}"
    file.write_text(key_file(lately, long_ago, "20200101"))
    output = json.loads(slipway("keys", "rotate", "--file", str(file), "--json").stdout)
    public = parse_keys(output.pop("public"))
    assert output == {"v": 1, "signs": f"{today:%Y%m%d}", "verify": [lately, long_ago], "retired": ["20200101"]}
    assert list(parse_keys(file.read_text())) == [output["signs"], lately, long_ago]
    assert list(public) == ["retired.20200101", long_ago, lately, output["signs"]], (
        "records that any of them signed have to verify"
    )
    assert parse_keys((tmp_path / "keys.pub").read_text()) == public
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".keys")]


def test_rotations_of_one_day_have_names_of_their_own_and_break_nothing(slipway: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first, second, third = (
        json.loads(slipway("keys", "rotate", "--file", str(file), "--json").stdout)["signs"] for _ in range(3)
    )
    assert list(parse_keys(file.read_text())) == [third, second, first]


def test_keys_that_people_named_are_never_retired_by_themselves(slipway: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(key_file("e", "d", "c", "b", "a"))
    result = slipway("keys", "rotate", "--file", str(file))
    assert result.exit_code == 1
    assert "rotate after removing one by hand, or invalidate every open link with --retire-others" in result.stderr
    assert file.read_text() == key_file("e", "d", "c", "b", "a")


def test_retiring_the_others_leaves_no_older_key_that_verifies_links(slipway: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    for _ in range(2):
        slipway("keys", "rotate", "--file", str(file))
    output = json.loads(slipway("keys", "rotate", "--file", str(file), "--retire-others", "--json").stdout)
    assert (output["verify"], len(output["retired"])) == ([], 2)


def test_the_previous_key_is_retired_by_the_next_rotation_or_by_its_own_command(
    slipway: Command, tmp_path: Path
) -> None:
    """Signatures of the old key have to count until every trail ends with one of the new key."""
    file, today = tmp_path / "keys", f"{datetime.now(UTC):%Y%m%d}"
    long_ago = f"{datetime.now(UTC) - timedelta(days=3):%Y%m%d}"
    file.write_text(key_file(long_ago, "a"))
    arguments = ("keys", "rotate", "--file", str(file), "--retire-others", "--json")
    first = slipway(*arguments)
    assert list(parse_keys(json.loads(first.stdout)["public"])) == ["retired.a", long_ago, today]
    assert "still count: run `slipway keys retire` once `slipway doctor` says" in first.stderr
    output = json.loads(slipway("keys", "retire", "--file", str(file), "--json").stdout)
    assert (output["retired"], list(parse_keys(output["public"]))) == (
        ["a", long_ago],
        ["retired.a", f"retired.{long_ago}", today],
    )
    assert parse_keys((tmp_path / "keys.pub").read_text()) == parse_keys(output["public"])
    assert list(parse_keys(file.read_text())) == [today]
    slipway(*arguments)
    output = json.loads(slipway("keys", "retire", "--file", str(file), "--json").stdout)
    assert output["retired"] == ["a", long_ago, today]
    assert json.loads(slipway(*arguments).stdout)["signs"] == f"{today}-3", "a name is never given twice"


@pytest.mark.parametrize("again", [(), ("--retire-others",)], ids=["a-rotation", "another-leak"])
def test_a_second_rotation_soon_keeps_the_keys_whose_signatures_may_still_end_a_trail(
    slipway: Command, tmp_path: Path, again: tuple[str, ...]
) -> None:
    file = tmp_path / "keys"
    file.write_text(key_file(f"{datetime.now(UTC) - timedelta(days=3):%Y%m%d}"))
    slipway("keys", "rotate", "--file", str(file), "--retire-others")
    output = json.loads(slipway("keys", "rotate", "--file", str(file), "--json", *again).stdout)
    assert [id for id in parse_keys(output["public"]) if id.startswith("retired.")] == []


def test_keys_are_listed_without_the_keys(slipway: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    for form in ((), ("--json",)):
        misspelt = slipway("keys", "list", "--file", str(file), *form)
        assert (misspelt.exit_code, "there are no keys in" in misspelt.output) == (3, True)
    file.write_text(key_file("20261101", "mine", "20260101"))
    listed = json.loads(slipway("keys", "list", "--file", str(file), "--json").stdout)["keys"]
    assert [(key["id"], key["signs"], key["needed_until"]) for key in listed] == [
        ("20261101", True, None),
        ("mine", False, "2026-12-31T00:00:00Z"),
        ("20260101", False, None),
    ]
    stdout = slipway("keys", "list", "--file", str(file)).stdout
    assert "verifies, until it is removed by hand" in stdout
    assert not [value for value in file.read_text().split() if value.partition(":")[2] in stdout]


def test_keys_are_rotated_in_the_file_that_the_apps_setting_names(slipway: Command, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    setting = {"SLIPWAY_SIGNING_KEYS": f"@file:{file}"}
    assert slipway("keys", "rotate", **setting).exit_code == 0
    settings = Settings.read(GOOD | setting)
    keys = open_private_keys(settings, credential=lambda: pytest.fail("not needed"), clock=lambda: datetime.now(UTC))
    assert isinstance(keys, CachedKeys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected either --file or --vault"),
        (("--file", "x", "--vault", "https://x.vault.azure.net"), "expected either --file or --vault"),
        (("--vault", "http://x.vault.azure.net"), "--vault: expected an address such as"),
    ],
)
def test_rotating_keys_expects_either_a_file_or_a_vault(
    slipway: Command, arguments: tuple[str, ...], message: str
) -> None:
    result = slipway("keys", "rotate", *arguments)
    assert (result.exit_code, message in result.stderr) == (2, True)


@pytest.mark.parametrize("content", [b"a:shown-not", b"\xff\xfe", b"a:AAAA,a:AAAA"])
def test_a_file_that_cannot_be_read_stays_as_it_is(slipway: Command, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    result = slipway("keys", "rotate", "--file", str(file))
    assert result.exit_code == 1
    assert "nothing was changed" in result.stderr
    assert "shown-not" not in result.stderr
    assert file.read_bytes() == content


def test_a_vault_is_not_asked_before_a_key_is_needed() -> None:
    """The app's start does not wait for it, nor for its SDK."""
    alone = {name: value for name, value in GOOD.items() if name != "SLIPWAY_SIGNING_KEYS"}
    settings = Settings.read(alone | {"SLIPWAY_KEY_VAULT": "https://contoso.vault.azure.net"})
    requests: list[str] = []

    def credential() -> TokenCredential:
        requests.append("credential")
        raise KeysUnavailable("as far as this test goes")

    keys = open_private_keys(settings, credential=credential, clock=lambda: datetime.now(UTC))
    assert requests == []
    with pytest.raises(KeysUnavailable):
        keys.ids()
    assert requests == ["credential"]

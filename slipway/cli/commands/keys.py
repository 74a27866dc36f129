"""`slipway keys`: list the live signing keys, and rotate them without breaking open links.

No private key is ever printed. The app need not be reachable: it rereads its keys by itself, and records the change.
"""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from slipway.domain.keyring import LINKS_LIVE, MOST, LiveKey, ended_keys, format_keys, needed_until
from slipway.domain.signing import RETIRED
from slipway.ed25519 import KEY_BYTES

from ..console import FAINT, GOOD, NAME, CliConsole, TextCell
from ..errors import CliError, Exit
from ..keyfile import SigningKeysFile
from ..lazy import Group
from ..text import iso
from ..vault import KeysInVault, open_vault

KEYS, VAULT, IN_FILE = "SLIPWAY_SIGNING_KEYS", "SLIPWAY_KEY_VAULT", "@file:"

_STILL_COUNTS = (
    "records signed with the old keys still count: run `slipway keys retire` once `slipway doctor` says that every "
    "trail ends with the signature of the new key"
)

type Place = SigningKeysFile | KeysInVault


@click.group(cls=Group)
def keys() -> None:
    """The keys that sign audit records and approval links.

    The newest key signs. Links signed with earlier keys stay valid: a rotation retires a key only once it has not
    signed for 60 days, because then no open gate still needs its links.
    """


def _store_options[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object: ids only."),
        click.option(
            "--vault", metavar="URL", help=f"A Key Vault, which you reach with your own sign-in.  [env: {VAULT}]"
        ),
        click.option(
            "--file",
            metavar="PATH",
            type=click.Path(path_type=Path),
            help=f"A file of keys.  [env: {KEYS}={IN_FILE}PATH]",
        ),
    ):
        command = option(command)
    return command


@keys.command("list")
@_store_options
def print_keys(file: Path | None, vault: str | None, as_json: bool) -> None:
    """The live keys, and until when each is needed.

    \b
    Examples:
      slipway keys list --file .local/run/signing-keys
      slipway keys list --vault https://contoso.vault.azure.net
    """
    now = datetime.now(UTC)
    live_keys, console = _key_store(file, vault).live(now=now), CliConsole()
    if not live_keys:
        raise CliError(
            f"there are no keys in {file or vault or 'the place that the environment names'}",
            exit_code=Exit.NOT_FOUND,
            cure="`slipway keys rotate` creates the first one there",
        )
    if as_json:
        console.json({"keys": [_as_json(live_keys, index) for index in range(len(live_keys))]})
        return
    ended = ended_keys(live_keys, now=now)
    rows = [
        (
            TextCell(key.id, NAME),
            console.time(key.made),
            _role_of(live_keys, index, ended=key.id in ended, console=console),
        )
        for index, key in enumerate(live_keys)
    ]
    console.table(("id", "made", "does"), rows)


def _role_of(keys: list[LiveKey], index: int, *, ended: bool, console: CliConsole) -> TextCell:
    if index == 0:
        return TextCell("signs", GOOD)
    until = needed_until(keys, index)
    if until is None:
        return TextCell("verifies, until it is removed by hand")
    return (
        TextCell("retired by the next rotation", FAINT) if ended else TextCell(f"verifies until {console.time(until)}")
    )


def _as_json(keys: list[LiveKey], index: int) -> dict[str, Any]:
    key, until = keys[index], needed_until(keys, index)
    return {
        "id": key.id,
        "made": iso(key.made) if key.made else None,
        "signs": index == 0,
        "needed_until": iso(until) if until else None,
    }


@keys.command("rotate")
@click.option("--retire-others", is_flag=True, help="Invalidate every open link, if a key may have leaked.")
@_store_options
def rotate(file: Path | None, vault: str | None, *, retire_others: bool, as_json: bool) -> None:
    """Create a new key, which signs as soon as the apps know its public key. A missing file is created.

    In a vault the public keys are the secret slipway-public-keys, which the apps' setting SLIPWAY_PUBLIC_KEYS refers
    to; beside a file they are in the file with the suffix .pub. They are printed, for people who verify records
    elsewhere.

    With --retire-others restart the front and then the worker at once: the worker signs nothing, and so records no vote
    and no freeze, until it knows the public key of the new one.

    \b
    Examples:
      slipway keys rotate --file .local/run/signing-keys
      slipway keys rotate --vault https://contoso.vault.azure.net
      slipway keys rotate --vault https://contoso.vault.azure.net --retire-others
    """
    now, store = datetime.now(UTC), _key_store(file, vault)
    before = store.live(now=now)
    retired = tuple(key.id for key in before) if retire_others else ended_keys(before, now=now)
    stay = [key.id for key in before if key.id not in retired]
    if len(stay) >= MOST:
        raise CliError(_too_many_keys(before))
    signs = store.rotate(secrets.token_bytes(KEY_BYTES), retired, now=now)
    public = format_keys(store.public())
    done = {"signs": signs.id, "verify": stay, "retired": list(retired), "public": public}
    _show("rotated", done, as_json=as_json)
    if retire_others:
        click.echo(_STILL_COUNTS, err=True)


@keys.command("retire")
@_store_options
def retire(file: Path | None, vault: str | None, *, as_json: bool) -> None:
    """Mark each public key without a private key as retired: its signatures no longer count by themselves, but only if
    a later signature shows that they are older.

    Run this after a rotation with --retire-others, once `slipway doctor` says that every trail ends with the signature
    of the new key; before that, applications would open nothing more. A rotation does it with the keys that were gone
    before, unless one was made less than 26 hours ago.

    \b
    Examples:
      slipway keys retire --vault https://contoso.vault.azure.net
    """
    public = _key_store(file, vault).retire()
    ids = [id.removeprefix(RETIRED) for id in public if id.startswith(RETIRED)]
    _show("retired", {"retired": ids, "public": format_keys(public)}, as_json=as_json)


def _too_many_keys(keys: list[LiveKey]) -> str:
    until = needed_until(keys, len(keys) - 1)
    when = f"after {until:%Y-%m-%d}" if until else "after removing one by hand"
    return (
        f"{len(keys)} keys are live, which is the maximum, and links of the last {LINKS_LIVE.days} days need them; "
        f"rotate {when}, or invalidate every open link with --retire-others"
    )


def _key_store(file: Path | None, vault: str | None) -> Place:
    """The key store named by the options, else by the app's own settings."""
    if file is None and not vault:
        setting = os.environ.get(KEYS, "")
        vault = os.environ.get(VAULT)
        file = Path(setting.removeprefix(IN_FILE)) if setting.startswith(IN_FILE) else None
    if (file is None) == (not vault):
        raise click.UsageError("expected either --file or --vault")
    if file is not None:
        return SigningKeysFile(file)
    if not vault or not vault.startswith("https://"):
        raise click.UsageError("--vault: expected an address such as https://contoso.vault.azure.net")
    return KeysInVault(open_vault(vault))


def _show(what: str, done: dict[str, Any], *, as_json: bool) -> None:
    console = CliConsole()
    if as_json:
        console.json(done)
        return
    console.line(TextCell(f"✓ {what}", GOOD))
    cells = {
        "signs": TextCell(done["signs"], NAME) if "signs" in done else None,
        "verify": ", ".join(done["verify"]) if "verify" in done else None,
        "retired": TextCell(", ".join(done["retired"]), FAINT),
        "public keys": done["public"],
    }
    console.fields([(name, cell) for name, cell in cells.items() if cell is not None])

"""The public keys that a verification on this machine trusts: the given ones, or those that the app names."""

from pathlib import Path
from typing import Final

import click

from slipway.domain.keyring import parse_keys
from slipway.domain.signing import PublicKeys, checked_public

IN_FILE: Final = "@file:"
LIMIT: Final = 64 * 1024
OF_THE_APP: Final = (
    "signatures were verified with the keys that the app itself names; with --public-keys they are verified with keys "
    "that you trust"
)

public_keys_option = click.option(
    "--public-keys",
    "given",
    metavar="ID:BASE64,…",
    envvar="SLIPWAY_PUBLIC_KEYS",
    help=f"Public keys to trust, or {IN_FILE} and a path; by default those that the app names.  "
    "[env: SLIPWAY_PUBLIC_KEYS]",
)


def read_public_keys(text: str) -> PublicKeys:
    """The keys of the option's text. Raises `click.UsageError`."""
    try:
        if text.startswith(IN_FILE):
            with Path(text.removeprefix(IN_FILE)).open("rb") as opened:
                text = opened.read(LIMIT).decode("ascii")
        return PublicKeys(checked_public(parse_keys(text)))
    except OSError as error:
        raise click.UsageError(f"--public-keys: the file cannot be read ({type(error).__name__})") from error
    except ValueError as error:
        raise click.UsageError(f"--public-keys: {error}") from error

"""Shared parts of the settings' models: types of addresses, how texts are parsed, and the check for fields that a kind
requires."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretBytes, SecretStr

from ..domain.keyring import parse_keys

SECRET_LENGTH: Final = 16
"""Minimum characters of a shared secret."""
KEY_FILE: Final = "@file:"
"""Prefix of a setting of keys if it names a file."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_MAIL: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"


def check_address(value: str) -> str:
    """The URL unchanged. Raises ValueError unless it is https, or http on loopback, since secrets are sent over it."""
    parts = urlsplit(value)
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not encrypted or not parts.hostname or re.search(r"\s", value):
        raise ValueError("expected an address that begins with https:// (http:// within this machine only)")
    return value


Address = Annotated[str, AfterValidator(check_address)]
AddressOrNone = Annotated[str, AfterValidator(lambda value: check_address(value) if value else "")]
Mail = Annotated[str, Field(pattern=_MAIL, max_length=254)]
"""Exactly one mail address: no display name, no list, no line break."""


class SettingsPart(BaseModel):
    """Base of the objects within the settings."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    def _need(self, *names: str, of: str = "this kind of credential") -> None:
        """Raises ValueError if one of the fields is empty. The message contains no value."""
        for name in names:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr | SecretBytes) else value):
                raise ValueError(f"expected {name}, which {of} needs")


def as_json(value: Any) -> Any:
    """Parses JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON ({error})") from error


class KeysInFile(SettingsPart):
    """Keys in a file, which may change while the app runs."""

    path: Path


def as_keys(value: Any) -> Any:
    """Parses `id:base64,id:base64`, or `@file:` and a path."""
    if not isinstance(value, str):
        return value
    if value.startswith(KEY_FILE):
        return KeysInFile(path=Path(value.removeprefix(KEY_FILE)))
    return parse_keys(value)


def as_list(value: Any) -> Any:
    """Parses texts separated by commas."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value

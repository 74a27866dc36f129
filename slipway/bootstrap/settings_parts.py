"""Shared parts of the settings' models: types of addresses, and the check for fields that a kind requires."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretBytes, SecretStr

SECRET_LENGTH: Final = 16
"""Minimum characters of a shared secret."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_MAIL: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"


def check_address(value: str) -> str:
    """The URL unchanged. Raises ValueError unless it is https, or http on loopback, as secrets are sent over it."""
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    def _need(self, *names: str, of: str = "this kind of credential") -> None:
        """Raises ValueError if one of the fields is empty. The message contains no value."""
        for name in names:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr | SecretBytes) else value):
                raise ValueError(f"expected {name}, which {of} needs")

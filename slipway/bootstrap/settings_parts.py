"""What the settings' objects have in common: addresses, mail addresses, secrets, and saying what a kind needs."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretBytes, SecretStr

SECRET_LENGTH: Final = 16
"""Characters of the shortest shared secret."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_MAIL: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"


def check_address(value: str) -> str:
    """Secrets and links travel over it, so it is encrypted, except within this machine."""
    parts = urlsplit(value)
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not encrypted or not parts.hostname or re.search(r"\s", value):
        raise ValueError("expected an address that begins with https:// (http:// within this machine only)")
    return value


Address = Annotated[str, AfterValidator(check_address)]
AddressOrNone = Annotated[str, AfterValidator(lambda value: check_address(value) if value else "")]
Mail = Annotated[str, Field(pattern=_MAIL, max_length=254)]
"""One mail address and nothing besides: no name, no list, no line break."""


class Part(BaseModel):
    """An object among the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def _need(self, *names: str, of: str = "this kind of credential") -> None:
        """Raises when one of the fields was not given. Never shows a value."""
        for name in names:
            given = getattr(self, name)
            if not (given.get_secret_value() if isinstance(given, SecretStr | SecretBytes) else given):
                raise ValueError(f"expected {name}, which {of} needs")

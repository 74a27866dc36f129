"""Who may read pages. Easy Auth puts its headers on every request and removes those that a client sends itself,
so they are believed only where the settings say that Easy Auth is in front."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..http.principal import HEADER as PRINCIPAL_HEADER

NAME_HEADER = "X-MS-CLIENT-PRINCIPAL-NAME"
SignIn = Literal["easy-auth", "none", "everybody"]


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody who may read."""

    name: str = ""
    """Empty where nobody signs in (laptop), or where the sign-in names nobody."""


def visitor(headers: Mapping[str, str], sign_in: SignIn) -> Visitor | None:
    """The visitor, or None for a stranger. `headers` must find names in any case."""
    if sign_in != "easy-auth":
        return Visitor()
    name, principal = headers.get(NAME_HEADER, ""), headers.get(PRINCIPAL_HEADER, "")
    return Visitor(name=name[:254]) if name or principal else None

"""Who may read pages. Easy Auth sets its headers on every request and strips those that a client sends,
so they are trusted only if the settings say that Easy Auth is in front."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..http.principal import HEADER as PRINCIPAL_HEADER

NAME_HEADER = "X-MS-CLIENT-PRINCIPAL-NAME"
SignIn = Literal["easy-auth", "none", "everybody"]


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody who may read the pages."""

    name: str = ""
    """Empty without sign-in (on a laptop), or if the sign-in has no name."""


def visitor(headers: Mapping[str, str], sign_in: SignIn) -> Visitor | None:
    """The visitor, or None if they have not signed in. `headers` must be case-insensitive."""
    if sign_in != "easy-auth":
        return Visitor()
    name, principal = headers.get(NAME_HEADER, ""), headers.get(PRINCIPAL_HEADER, "")
    return Visitor(name=name[:254]) if name or principal else None

"""Services and bots that a project knows: they may be behind a change, they keep nobody from voting, and they never
vote."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

APP: Final = "app:"
MAIL: Final = "mail:"

Service = Annotated[
    str, Field(min_length=3, max_length=254, pattern=r"^(?:app:[0-9a-fA-F-]{36}|mail:[^\s@:,;<>\"]+@[^\s@:,;<>\"]+)$")
]
"""`app:<client id>` of a service's identity, or `mail:<address>` of an account that a bot uses."""


def is_listed(services: Sequence[str], *, client_id: str | None = None, mail: str = "") -> bool:
    """Whether the identity is one of these services, by facts from the source itself."""
    names = {f"{APP}{client_id}".casefold()} if client_id else set[str]()
    names |= {f"{MAIL}{mail}".casefold()} if mail else set[str]()
    return any(service.casefold() in names for service in services)


def addresses(services: Sequence[str]) -> frozenset[str]:
    """The addresses among the services, in lower case."""
    return frozenset(each.removeprefix(MAIL).casefold() for each in services if each.startswith(MAIL))

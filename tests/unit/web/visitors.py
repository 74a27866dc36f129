"""People who have signed in, as the pages see them."""

from slipway.domain.identity import TokenPerson
from slipway.http.callers import caller_of_person
from slipway.testing import ADA, BEN
from slipway.testing.sign_in import person
from slipway.web.signin import Visitor

NUMBERS = {ADA: 1, BEN: 2}
OIDS = {name: f"aaaaaaaa-0000-4000-8000-{number:012d}" for name, number in NUMBERS.items()}
STRANGER = 99


def visitor(name: str = "Dora", *roles: str) -> Visitor:
    """The person with that name; the policies of these tests list `ada@example.com` under an object id."""
    return Visitor(caller=caller_of_person(token_person(name, *roles)), sid=f"session of {name}")


def token_person(name: str, *roles: str) -> TokenPerson:
    """The same person, as their tokens name them."""
    return person(NUMBERS.get(name, STRANGER), name.partition("@")[0].title(), *roles)


def as_visitor(who: TokenPerson) -> Visitor:
    """The same person, in a session of their own."""
    return Visitor(caller=caller_of_person(who), sid=f"session of {who.name}")


DORA = visitor()

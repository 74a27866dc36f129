"""The reader of a page."""

from dataclasses import dataclass

from ..domain.people import Principal, SignedIn
from ..domain.roles import Caller
from ..http.callers import caller_of_person
from ..http.sessions import Session


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A person who has signed in."""

    caller: Caller
    sid: str
    """The session's id, to which the forms on the pages are bound."""

    @property
    def name(self) -> str:
        """For display."""
        return self.caller.shown or self.caller.name

    @property
    def signed_in(self) -> SignedIn:
        if self.caller.signed_in is None:
            raise TypeError(f"{self.caller.name} is not a person, and pages are for people")
        return self.caller.signed_in

    @property
    def principal(self) -> Principal:
        return Principal(name=self.caller.name, signed_in=self.signed_in)


def visitor_of(session: Session) -> Visitor:
    return Visitor(caller=caller_of_person(session), sid=session.sid)

"""Plays a person who proves their statement: at the provider, and in the browser that the command line opens."""

from datetime import timedelta
from typing import Any

from slipway.commands.saying import StatementReceipt
from slipway.domain.identity import TokenPerson
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.proof import Proof
from slipway.domain.statement import Statement
from slipway.http.saying import ProviderRedirect, partition_of
from slipway.testing import Installation
from slipway.testing.sign_in import VOTES_CLIENT, person

OLGA = person(4, "Olga", "operator", "platform")
BROWSER = "b" * 43


def proof_of(
    home: Installation,
    statement: Statement,
    who: TokenPerson = OLGA,
    *,
    of: Statement | None = None,
    ago: timedelta = timedelta(0),
    **claims: Any,
) -> Proof:
    """A proof of the statement by this person; `of` is the statement that they really signed, `ago` the age of their
    sign-in."""
    sign_in_claims: dict[str, Any] = {"nonce": (of or statement).nonce, "auth_time": int((home.now - ago).timestamp())}
    token = home.provider.issuer.id_token(VOTES_CLIENT, who, at=home.now, **sign_in_claims | claims)
    return Proof(statement=statement, id_token=token)


def say_proved(home: Installation, proof: Proof, *, id: str = "", content: tuple[str, ...] = ()) -> StatementReceipt:
    """Add the row as a front does; the worker has not read it yet."""
    statement = proof.statement
    row = InboxRow(
        kind=InboxKind(statement.kind),
        proof=proof,
        speaker=Speaker(oid=OLGA.oid, via=Via.PAGE),
        content=content,
    )
    return home.app.inbox_writer.say(partition_of(statement), row, id=id)


def at_the_provider(home: Installation, lead: object, who: TokenPerson = OLGA, *, browser: str = BROWSER) -> str:
    """Sign in on the page that the button opens, and come back; returns the path of the page that follows."""
    assert isinstance(lead, ProviderRedirect), lead
    state, code = home.votes.signs_in(lead.to, who)
    back = home.app.saying.handle_return(state=state, code=code, error="", browser=browser)
    assert isinstance(back, ProviderRedirect), back
    return back.to


def confirm_pending(home: Installation, handle: str, who: TokenPerson = OLGA) -> str:
    """Press the button of the page that the command line printed."""
    pending = home.app.saying.pending(handle)
    assert pending is not None
    return at_the_provider(home, home.app.saying.confirm(handle, pending, browser=BROWSER, person=who.oid), who)

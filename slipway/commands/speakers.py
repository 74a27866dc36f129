"""Whoever said something, as the row of the inbox names them: the front's word, which opens nothing by itself."""

from ..domain.inbox import Speaker
from ..domain.roles import Caller, read_roles
from ..inbound.reading import BadInput


def caller_of(speaker: Speaker) -> Caller:
    """Raises `BadInput` if it names nobody."""
    who = speaker.name or (f"oid:{speaker.oid}" if speaker.oid else "")
    if not who:
        raise BadInput("from", "a name or an object id", "neither")
    return Caller(name=who, roles=read_roles(speaker.roles))

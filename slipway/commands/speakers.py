"""The author of a statement, as the row of the inbox names them. This is the front's claim, and opens nothing by
itself."""

from collections.abc import Sequence

from ..domain.inbox import Speaker
from ..domain.people import OID, ROLE
from ..domain.roles import Caller, Permission, read_roles
from ..inbound.reading import BadInput
from .comparing import APP, Actor


def caller_of_speaker(speaker: Speaker) -> Caller:
    """Raises `BadInput` if it names nobody."""
    who = speaker.name or (f"oid:{speaker.oid}" if speaker.oid else "")
    if not who:
        raise BadInput("from", "a name or an object id", "neither")
    return Caller(name=who, roles=read_roles(speaker.roles), shown=speaker.shown)


def actor_proved(oid: str, roles: Sequence[str]) -> Actor:
    """Identity and permissions of a person who changes the catalogue, from the token of their proof."""
    claims = frozenset(f"{ROLE}{role}" for role in roles)
    caller = Caller(name=f"{OID}{oid}", roles=read_roles(roles))
    return Actor(name=caller.name, claims=claims, platform=caller.may(Permission.APPLY))


def actor_of(speaker: Speaker) -> Actor:
    """The author of a change of the catalogue. Only people and applications can own a project; the holder of a key
    cannot.

    Raises `BadInput` if it names nobody.
    """
    caller = caller_of_speaker(speaker)
    role_claims = (
        {f"{ROLE}{role}" for role in speaker.roles} if speaker.oid or caller.name.startswith(APP) else set[str]()
    )
    claims = role_claims | {caller.name} if caller.name.startswith(APP) else role_claims
    return Actor(name=caller.name, claims=frozenset(claims), platform=caller.may(Permission.APPLY))

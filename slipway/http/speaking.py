"""The speaker as the front knows them, for a row of the inbox."""

from ..domain.inbox import Speaker, Via
from ..domain.people import ROLE
from ..domain.roles import Caller


def speaker(caller: Caller, via: Via) -> Speaker:
    """People and applications have the roles that their token names, word for word; a key has its own."""
    roles = tuple(sorted(claim.removeprefix(ROLE) for claim in caller.claims if claim.startswith(ROLE)))
    return Speaker(
        oid=caller.signed_in.object_id if caller.signed_in else None,
        name=caller.name,
        shown=caller.shown[:254],
        roles=roles if caller.claims else tuple(sorted(caller.roles)),
        groups=caller.signed_in.groups if caller.signed_in else (),
        via=via,
    )

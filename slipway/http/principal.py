"""The signed-in person, from the header that Easy Auth sets on a request.

The header is not signed. It may be read only if the settings say that Easy Auth is in front, which strips any header
of that name that a client sends.
"""

import base64
import binascii
from typing import Annotated

from pydantic import Field, ValidationError

from ..domain.incoming import Incoming
from ..domain.people import OID, Principal, SignedIn
from ..inbound.reading import BadInput, read_as, read_json

HEADER = "X-MS-CLIENT-PRINCIPAL"
LIMIT = 64 * 1024
_OBJECT_ID = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
_NAMES = ("upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "preferred_username")
"""Names that the tenant's administrators control. Not the claim `email`, which guests choose themselves."""
_GROUPS = ("groups",)
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")


class _Claim(Incoming):
    typ: Annotated[str, Field(max_length=512)]
    val: Annotated[str, Field(max_length=8192)]


class _Principal(Incoming):
    claims: Annotated[tuple[_Claim, ...], Field(max_length=2000)] = ()


def read_principal(header: str) -> Principal:
    """Raises `BadInput`, whose message does not repeat the header."""
    if len(header) > LIMIT:
        raise BadInput(HEADER, f"at most {LIMIT} characters", f"{len(header)}")
    try:
        claims = read_as(_Principal, read_json(base64.b64decode(header, validate=True))).claims
    except (binascii.Error, BadInput):
        raise BadInput(HEADER, "what Easy Auth writes there", "something else") from None
    object_id = _first(claims, _OBJECT_ID)
    try:
        signed_in = SignedIn(object_id=object_id, groups=tuple(claim.val for claim in claims if claim.typ in _GROUPS))
    except ValidationError:
        raise BadInput(HEADER, "the claim oid, an object id of Entra", "none that is one") from None
    name = _first(claims, _NAMES)[:254] or f"{OID}{signed_in.object_id}"
    return Principal(name=name, signed_in=signed_in, roles=tuple(claim.val for claim in claims if claim.typ in _ROLES))


def _first(claims: tuple[_Claim, ...], kinds: tuple[str, ...]) -> str:
    return next((claim.val for kind in kinds for claim in claims if claim.typ == kind and claim.val), "")

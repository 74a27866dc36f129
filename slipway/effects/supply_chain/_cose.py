"""Notation signatures as COSE: a tagged COSE_Sign1."""

from datetime import UTC, datetime
from typing import Any, Final

from ._algorithms import NAME_OF_COSE
from ._cbor import Tagged, decode, encode_sig_structure
from ._envelope import SignatureEnvelope, read_attributes
from ._reading import Unproven

MEDIA_TYPE: Final = "application/cose"
_ALG, _CRIT, _CONTENT_TYPE, _X5CHAIN = 1, 2, 3, 33


def read_cose(raw: bytes) -> SignatureEnvelope:
    what = "the COSE envelope"
    match decode(raw, what):
        case Tagged(tag=18, value=[bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as proof]):
            pass
        case _:
            raise Unproven(f"{what}: expected a tagged COSE_Sign1 with its payload")
    headers = decode(protected, "the protected header")
    if not isinstance(headers, dict):
        raise Unproven("the protected header: expected a map")
    if headers.keys() & unprotected.keys():
        raise Unproven("a header occurs twice, signed and unsigned")
    attributes = read_attributes(headers, headers.get(_CONTENT_TYPE), headers.get(_CRIT), _time)
    return SignatureEnvelope(
        algorithm=_algorithm(headers.get(_ALG)),
        signing_time=attributes.signing_time,
        expiry=attributes.expiry,
        chain=_chain(headers.get(_X5CHAIN, unprotected.get(_X5CHAIN))),
        payload=payload,
        signature=proof,
        signed=encode_sig_structure(protected, payload),
    )


def _algorithm(claimed: Any) -> str:
    """The JOSE name; for an unknown algorithm a text that equals no algorithm's name."""
    is_named = isinstance(claimed, int) and claimed in NAME_OF_COSE
    return NAME_OF_COSE[claimed] if is_named else f"COSE {claimed!r}"


def _chain(listed: Any) -> tuple[bytes, ...]:
    if not isinstance(listed, list) or not all(isinstance(certificate, bytes) for certificate in listed):
        raise Unproven("the COSE envelope: expected a list of certificates in x5chain")
    return tuple(listed)


def _time(value: Any, what: str) -> datetime:
    match value:
        case Tagged(tag=1, value=int() as seconds) if not isinstance(seconds, bool):
            try:
                return datetime.fromtimestamp(seconds, UTC)
            except (ValueError, OverflowError, OSError):
                raise Unproven(f"its {what} is not a time") from None
    raise Unproven(f"its {what} is not a time in whole seconds since 1970, tagged as such")

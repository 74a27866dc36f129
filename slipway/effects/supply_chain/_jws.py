"""Notation signatures as JWS: JSON, flattened, one signature."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from ._envelope import SignatureEnvelope, read_attributes
from ._reading import Unproven, base64_bytes, base64url_bytes, object_at, printable, strict_json, text_at

MEDIA_TYPE: Final = "application/jose+json"
_FIELDS: Final = {"payload", "protected", "header", "signature"}
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def read_jws(raw: bytes) -> SignatureEnvelope:
    what = "the JWS envelope"
    document = strict_json(raw, what)
    if set(document) != _FIELDS:
        raise Unproven(f"{what}: expected {', '.join(sorted(_FIELDS))} and nothing else")
    protected, payload = text_at(document, "protected", what), text_at(document, "payload", what)
    headers = strict_json(base64url_bytes(protected, "the protected header"), "the protected header")
    unprotected = object_at(document, "header", what)
    if both := headers.keys() & unprotected.keys():
        raise Unproven(f"{printable(sorted(both)[0])} occurs twice, signed and unsigned")
    attributes = read_attributes(headers, headers.get("cty"), headers.get("crit"), _time)
    return SignatureEnvelope(
        algorithm=text_at(headers, "alg", "the protected header"),
        signing_time=attributes.signing_time,
        expiry=attributes.expiry,
        chain=_chain(unprotected),
        payload=base64url_bytes(payload, "the payload"),
        signature=base64url_bytes(text_at(document, "signature", what), "the signature"),
        signed=f"{protected}.{payload}".encode(),
    )


def _chain(unprotected: dict[str, Any]) -> tuple[bytes, ...]:
    listed = unprotected.get("x5c")
    if not isinstance(listed, list) or not all(isinstance(certificate, str) for certificate in listed):
        raise Unproven("the JWS envelope: expected a list of certificates in x5c")
    return tuple(base64_bytes(certificate, "a certificate") for certificate in listed)


def _time(value: Any, what: str) -> datetime:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise Unproven(f"its {what} is not a time as RFC 3339 writes it")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unproven(f"its {what} is not a time") from None

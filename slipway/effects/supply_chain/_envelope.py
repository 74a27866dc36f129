"""The content of a Notation signature, common to JWS (`_jws`) and COSE (`_cose`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ._reading import Unproven, printable

PAYLOAD_TYPE: Final = "application/vnd.cncf.notary.payload.v1+json"
SCHEME: Final = "io.cncf.notary.signingScheme"
SIGNING_TIME: Final = "io.cncf.notary.signingTime"
AUTHENTIC_TIME: Final = "io.cncf.notary.authenticSigningTime"
EXPIRY: Final = "io.cncf.notary.expiry"
_PLUGIN: Final = "io.cncf.notary.verificationPlugin"
X509: Final = "notary.x509"
_AUTHORITY: Final = "notary.x509.signingAuthority"


@dataclass(frozen=True, kw_only=True)
class SignatureEnvelope:
    """A signature with everything that it covers, not verified yet."""

    algorithm: str
    """The JOSE name that the envelope claims."""
    signing_time: datetime
    expiry: datetime | None
    chain: tuple[bytes, ...]
    """Certificates in DER, the signer's first."""
    payload: bytes
    signature: bytes
    signed: bytes
    """The exact bytes that the signature covers."""


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """The signed attributes that are used."""

    signing_time: datetime
    expiry: datetime | None


def read_attributes(
    headers: Mapping[Any, Any], content_type: Any, critical: Any, read_time: Callable[[Any, str], datetime]
) -> Attributes:
    """Check the signed attributes, including that all critical ones are known and present. Raises `Unproven`."""
    _check_critical(headers, critical)
    if content_type != PAYLOAD_TYPE:
        raise Unproven(f"its content type is {printable(str(content_type))}, expected {PAYLOAD_TYPE}")
    scheme = headers.get(SCHEME)
    if scheme == _AUTHORITY:
        raise Unproven(f"its signing scheme {_AUTHORITY} is not supported, only {X509}")
    if scheme != X509:
        raise Unproven(f"its signing scheme is {printable(str(scheme))}, expected {X509}")
    if AUTHENTIC_TIME in headers:
        raise Unproven(f"it has an authentic signing time, which {X509} does not have")
    if SIGNING_TIME not in headers:
        raise Unproven("it does not say when it was signed")
    signing_time = read_time(headers[SIGNING_TIME], "signing time")
    expiry = read_time(headers[EXPIRY], "expiry") if EXPIRY in headers else None
    if expiry is not None and expiry <= signing_time:
        raise Unproven("it says that it expired before it was signed")
    return Attributes(signing_time=signing_time, expiry=expiry)


def _check_critical(headers: Mapping[Any, Any], critical: Any) -> None:
    if not isinstance(critical, Sequence) or isinstance(critical, str | bytes) or not critical:
        raise Unproven("it lists no critical attributes")
    names = list(critical)
    malformed = any(isinstance(name, bool) or not isinstance(name, str | int) for name in names)
    if malformed or len(set(names)) != len(names):
        raise Unproven("its list of critical attributes is malformed")
    if any(isinstance(name, str) and name.startswith(_PLUGIN) for name in names):
        raise Unproven("it has to be verified by a Notation plugin, which is not supported")
    if unknown := [name for name in names if name not in (SCHEME, EXPIRY, AUTHENTIC_TIME)]:
        raise Unproven(f"it has a critical attribute that is not known: {printable(str(unknown[0]))}")
    if absent := [name for name in names if name not in headers]:
        raise Unproven(f"its critical attribute {absent[0]} is not there")
    for name in (SCHEME, EXPIRY, AUTHENTIC_TIME):
        if (name in headers or name == SCHEME) and name not in names:
            raise Unproven(f"its attribute {name} is not marked as critical")

"""Turns an unexpected answer of a registry into the error that says what to do about it.

The words of the registry's message decide first, then the error code in its body, then the status: registries differ in
how much of these they send.
"""

import ipaddress
import json
import re
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import urllib3

from ._errors import (
    BodyRefused,
    Denied,
    DigestMismatch,
    ErrorSubject,
    Firewalled,
    Forgotten,
    ImmutableTag,
    Locked,
    ManifestRefused,
    MovedElsewhere,
    NameRefused,
    NotInRegistry,
    OtherSignIn,
    QuotaFull,
    RegistryError,
    RepositoryMissing,
    RequestRejected,
    SignInRefused,
    SoftDeleted,
    TakesNoPushes,
)
from ._http import RegistryResponse

type Answer = RegistryResponse | urllib3.BaseHTTPResponse

_UNAUTHORIZED: Final = 401
_REDIRECTIONS: Final = range(300, 400)
_BY_STATUS: Final[dict[int, type[RegistryError]]] = {
    401: Denied,
    403: Denied,
    404: NotInRegistry,
    405: TakesNoPushes,
    413: BodyRefused,
    415: ManifestRefused,
    507: QuotaFull,
}
_BY_CODE: Final[dict[str, type[RegistryError]]] = {
    "BLOB_UPLOAD_INVALID": Forgotten,
    "BLOB_UPLOAD_UNKNOWN": Forgotten,
    "DIGEST_INVALID": DigestMismatch,
    "MANIFEST_BLOB_UNKNOWN": Forgotten,  # all of it was stored before the manifest
    "MANIFEST_INVALID": ManifestRefused,
    "NAME_INVALID": NameRefused,
    "NAME_UNKNOWN": RepositoryMissing,
    "RANGE_INVALID": Forgotten,
    "REGISTRY_DISALLOWED_OPERATION": Locked,
    "SIZE_INVALID": DigestMismatch,
    "TAG_INVALID": NameRefused,
}
_FIREWALL: Final = re.compile(r"(?i)\bclient with IP\W{0,8}([0-9a-f.:]{2,45})\W+is not allowed")
_BY_WORDS: Final[tuple[tuple[re.Pattern[str], type[RegistryError]], ...]] = (
    (_FIREWALL, Firewalled),
    (re.compile(r"(?i)\bimmutab(le|ility)\b"), ImmutableTag),
    (re.compile(r"(?i)\bsoft[- ]?delete"), SoftDeleted),
    (re.compile(r"(?i)\bquota\b|\bstorage (limit|size)|no space left|insufficient storage"), QuotaFull),
)
"""Registries have no error code for these and answer 400, 403, 409 or 412, so only the message tells them apart."""
_LONGEST_REASON: Final = 200


def failure(answer: Answer, where: ErrorSubject, doing: str) -> RegistryError:
    """The error for an unexpected answer."""
    body = answer.body if isinstance(answer, RegistryResponse) else b""
    code, reason = reason_in(body)
    what = f"{doing} was answered with {answer.status}{in_brackets(code, reason)}"
    if answer.status in _REDIRECTIONS:
        host = urlsplit(answer.headers.get("Location", "")).hostname
        return MovedElsewhere(where, f"{what}, a redirection" + (f" to {host[:255]}" if host else ""))
    return error_type(answer.status, code, reason, answer.headers.get("WWW-Authenticate", ""))(where, what)


def error_type(status: int, code: str, reason: str, challenge: str = "") -> type[RegistryError]:
    """The error that a status with this code and message stands for."""
    for words, kind in _BY_WORDS:
        if words.search(reason):
            return kind
    if status == _UNAUTHORIZED and challenge.lower().startswith("basic"):
        return SignInRefused  # it asks for a name and a password although both were sent
    return _BY_CODE.get(code) or _BY_STATUS.get(status, RequestRejected)


def refused_sign_in(
    answer: RegistryResponse, where: ErrorSubject, doing: str, *, anonymous: bool = False
) -> RegistryError:
    """The error for a credential that a token address refuses.

    It quotes only the code in the answer's body, and the address that a firewall refuses: some servers echo the
    request, which contains a secret.
    """
    code, _ = reason_in(answer.body)
    what = f"{doing} was refused with {answer.status}{in_brackets(code)}"
    if address := _refused_address(answer.body):
        return Firewalled(where, f"{what}: a client with the address {address} is not allowed access")
    return OtherSignIn(where, f"{what}, without a credential") if anonymous else SignInRefused(where, what)


def reason_in(body: bytes) -> tuple[str, str]:
    """Code and message of a registry's error, sanitised for display."""
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        first = json.loads(body)["errors"][0]
        code = str(first.get("code", ""))
        return (code if re.fullmatch(r"[A-Z_]{1,64}", code) else ""), presentable(first.get("message", ""))
    return "", ""


def in_brackets(*parts: str) -> str:
    """` (CODE: message)` with the parts that are not empty; empty if all are."""
    text = ": ".join(part for part in parts if part)
    return f" ({text})" if text else ""


def presentable(message: object) -> str:
    """A server's message, fit to be shown: short, printable, no queries, no tokens."""
    text = "".join(c if c.isprintable() else " " for c in str(message))
    text = re.sub(r"\?\S*", "?…", text)
    text = re.sub(r"(?i)\b(bearer|basic)\s+\S+", r"\1 …", text)
    text = re.sub(r"\S{80,}", "…", text)
    return text[:_LONGEST_REASON].strip()


def _refused_address(body: bytes) -> str:
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        match = _FIREWALL.search(str(json.loads(body)["errors"][0].get("message", "")))
        return str(ipaddress.ip_address(match[1])) if match else ""
    return ""

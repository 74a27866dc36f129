"""HTTP probes of a service through the API server's proxy, so that no network route to the pods is needed.

The path of a probe comes from a `delivery.yaml` and is asked with Slipway's own rights, so it may not climb out of
the service (`/../../..`) to the rest of the API.
"""

from http import HTTPStatus
from urllib.parse import quote, unquote

from slipway.domain.application import HttpProbe

from .connection import Connection, Stream, Timeout
from .errors import Denied, NoAnswer, from_answer, is_status
from .kinds import BUILT_IN
from .records import ProbeResult

MAX_BODY = 64 * 1024
TIMEOUT: Timeout = (5.0, 10.0)

_SERVICE = BUILT_IN["v1", "Service"]
_SAFE = "/%:@!$&'()*+,;=~-._"


def probe(connection: Connection, wanted: HttpProbe, namespace: str) -> ProbeResult:
    """Asks once. A bad answer, or none, is a result; only a cluster that cannot be asked at all is an error."""
    what = f"probe service {wanted.service}:{wanted.port} in namespace {namespace}"
    path = _path(wanted, namespace)
    if path is None:
        return ProbeResult(
            passed=False, status=None, reason=f"path: expected one below the service, got {wanted.path!r}"
        )
    try:
        with connection.stream("GET", path, what=what, headers={"Accept": "*/*"}, timeout=TIMEOUT) as stream:
            return _judged(stream, wanted, what)
    except NoAnswer:
        return ProbeResult(passed=False, status=None, reason=f"no answer within {TIMEOUT[1]:.0f} s")


def _judged(stream: Stream, wanted: HttpProbe, what: str) -> ProbeResult:
    status = stream.status
    body, more = stream.head(MAX_BODY)
    if status >= HTTPStatus.BAD_REQUEST and is_status(body):
        error = from_answer(status, body, what=what)
        if isinstance(error, Denied):
            raise error
        if status != wanted.status or wanted.contains is not None:
            return ProbeResult(passed=False, status=status, reason=str(error))
    if status != wanted.status:
        return ProbeResult(passed=False, status=status, reason=f"expected status {wanted.status}, got {status}")
    if wanted.contains is not None and wanted.contains.encode() not in body:
        where = f"the first {MAX_BODY} bytes of the answer" if more else f"the answer of {len(body)} bytes"
        return ProbeResult(passed=False, status=status, reason=f"expected {wanted.contains!r} in {where}")
    return ProbeResult(passed=True, status=status, reason=f"status {status}, as expected")


def _path(wanted: HttpProbe, namespace: str) -> str | None:
    """The proxy's path; None for one that climbs."""
    asked, _, question = wanted.path.partition("?")
    if any(part in (".", "..") for part in unquote(unquote(asked)).replace("\\", "/").split("/")):
        return None
    root = _SERVICE.path(namespace, f"{wanted.service}:{wanted.port}", "proxy")
    return root + quote(asked, safe=_SAFE) + (f"?{quote(question, safe=_SAFE + '?')}" if question else "")

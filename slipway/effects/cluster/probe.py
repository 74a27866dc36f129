"""HTTP probes of a service through the API server's proxy, so that no network route to the pods is needed.

The path of a probe comes from an application and is requested with Slipway's own rights, so it must not escape from the
service (`/../../..`) to the rest of the API.
"""

from http import HTTPStatus
from urllib.parse import quote, unquote

from slipway.domain.environment import HttpProbe

from .connection import Connection, ResponseStream, Timeout
from .errors import AccessDenied, NoAnswer, from_answer, is_status
from .kinds import BUILT_IN
from .records import ProbeResult

MAX_BODY = 64 * 1024
TIMEOUT: Timeout = (5.0, 10.0)

_SERVICE = BUILT_IN["v1", "Service"]
_SAFE = "/%:@!$&'()*+,;=~-._"


def probe(connection: Connection, request: HttpProbe, namespace: str) -> ProbeResult:
    """Send one request. A wrong answer, or none, is a result; `ClusterError` is raised only for the cluster itself."""
    what = f"probe service {request.service}:{request.port} in namespace {namespace}"
    path = _path(request, namespace)
    if path is None:
        return ProbeResult(
            passed=False, status=None, reason=f"path: expected one below the service, got {request.path!r}"
        )
    try:
        with connection.stream("GET", path, what=what, headers={"Accept": "*/*"}, timeout=TIMEOUT) as stream:
            return _probe_result(stream, request, what)
    except NoAnswer:
        return ProbeResult(passed=False, status=None, reason=f"no answer within {TIMEOUT[1]:.0f} s")


def _probe_result(stream: ResponseStream, request: HttpProbe, what: str) -> ProbeResult:
    status = stream.status
    body, more = stream.head(MAX_BODY)
    if status >= HTTPStatus.BAD_REQUEST and is_status(body):
        error = from_answer(status, body, what=what)
        if isinstance(error, AccessDenied):
            raise error
        if status != request.status or request.contains is not None:
            return ProbeResult(passed=False, status=status, reason=str(error))
    if status != request.status:
        return ProbeResult(passed=False, status=status, reason=f"expected status {request.status}, got {status}")
    if request.contains is not None and request.contains.encode() not in body:
        where = f"the first {MAX_BODY} bytes of the answer" if more else f"the answer of {len(body)} bytes"
        return ProbeResult(passed=False, status=status, reason=f"expected {request.contains!r} in {where}")
    return ProbeResult(passed=True, status=status, reason=f"status {status}, as expected")


def _path(request: HttpProbe, namespace: str) -> str | None:
    """The path through the proxy; None if it would escape from the service."""
    path, _, query = request.path.partition("?")
    if any(part in (".", "..") for part in unquote(unquote(path)).replace("\\", "/").split("/")):
        return None
    root = _SERVICE.path(namespace, f"{request.service}:{request.port}", "proxy")
    return root + quote(path, safe=_SAFE) + (f"?{quote(query, safe=_SAFE + '?')}" if query else "")

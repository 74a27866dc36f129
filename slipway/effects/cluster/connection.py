"""One HTTP connection pool to one API server: sends requests, limits the size of responses, and raises our errors.

Uses only the client library's `ApiClient`, with plain dicts. Its `DynamicClient` hides the status (201 shows that an
object was created), reads responses of any size into memory, and discovers kinds without a timeout.
"""

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from slipway.domain.model import Record
from slipway.dripping import TooSlow, pieces

from .access import ClusterAccess, configuration
from .errors import AccessDenied, ClusterError, ClusterUnreachable, NoAnswer, ObjectRefused, from_answer
from .records import Json

type Query = Sequence[tuple[str, str]]
type Timeout = tuple[float, float]
"""Seconds to connect, and seconds to wait for the next bytes."""

TIMEOUT: Timeout = (5.0, 40.0)
"""An API server gives up on a request after 34 seconds and says so."""
MAX_ANSWER = 32 * 1024 * 1024
MAX_REFUSAL = 64 * 1024
MAX_WARNINGS = 10
MAX_WARNING = 300
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_PIECE = 64 * 1024


class ApiServerResponse(Record):
    """The API server's response: its status and the object."""

    status: int
    body: Json
    warnings: tuple[str, ...] = ()
    """The server's warnings, such as an API version that goes away or a pod that a policy will refuse."""


class ResponseStream:
    """A response whose body is read piece by piece."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._ended = False
        self.status: int = response.status
        self.warnings: tuple[str, ...] = _warnings(response.headers.getlist("Warning"))
        self.date = _date(response.headers.get("Date"))

    @property
    def refused(self) -> bool:
        return self.status >= HTTPStatus.MULTIPLE_CHOICES  # the API server never redirects

    def pieces(self) -> Iterator[bytes]:
        yield from pieces(self._response, at_once=_PIECE)
        self._ended = True

    def head(self, limit: int) -> tuple[bytes, bool]:
        """At most `limit` bytes of the body, and whether there are more."""
        read = bytearray()
        for piece in self.pieces():
            read += piece
            if len(read) > limit:
                return bytes(read[:limit]), True
        return bytes(read), False

    def release(self) -> None:
        """Return the connection to the pool; closes it if the body was not read to its end."""
        if not self._ended:
            self._response.close()
        self._response.release_conn()


class Connection:
    """Requests to one API server. Safe to use from several threads."""

    def __init__(self, access: ClusterAccess) -> None:
        self._access = access
        self._api = self._signed_in()
        self._untrusted_before = False
        self.server: str = urlsplit(self._api.configuration.host).netloc
        self.date: datetime | None = None
        """The time of the cluster's clock in its newest answer. That clock may differ from ours, so times that the
        cluster stamps on objects are only compared with this one."""

    def _signed_in(self) -> Any:
        """A client with the present credentials: a kubeconfig is read again, and its command is run again."""
        from kubernetes.client import ApiClient  # noqa: PLC0415 (slow to import, and not needed by most functions)

        api: Any = ApiClient(configuration(self._access))
        pool_options = api.rest_client.pool_manager.connection_pool_kw
        pool_options["ssl_context"] = context = _as_kubernetes_trusts()
        with suppress(OSError):  # the first request says what is wrong with them
            _load_once(context, pool_options)
        api.user_agent = "slipway"
        return api

    def close(self) -> None:
        self._api.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Query = (),
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        withhold: bool = False,
    ) -> ApiServerResponse:
        """Send a request for JSON. `what` names the request in errors; `withhold` keeps the server's text out of them.

        Raises `ClusterError`, also for any status from 300.
        """
        with self.stream(method, path, what=what, query=query, body=body, headers=headers) as stream:
            if stream.refused:
                refusal, _ = stream.head(MAX_REFUSAL)
                raise from_answer(stream.status, refusal, what=what, withhold=withhold)
            read, more = stream.head(MAX_ANSWER)
        if more:
            raise ObjectRefused(f"{what}: expected an answer of at most {MAX_ANSWER} bytes, got more")
        warnings = () if withhold else stream.warnings  # they may quote the object
        return ApiServerResponse(status=stream.status, body=self._object(read, what), warnings=warnings)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Query = (),
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout = TIMEOUT,
    ) -> Iterator[ResponseStream]:
        """Send a request and stream the response, whatever its status. Raises `ClusterError` if there is no
        response."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 (loaded with the client)

        def sent() -> Any:
            if self._untrusted_before:  # the kubeconfig may have been written anew, with the cluster's new authority
                self._api, self._untrusted_before = self._signed_in(), False
            request = self._api.param_serialize(
                method,
                path,
                query_params=list(query),
                header_params={"Accept": "application/json", "Content-Type": "application/json", **(headers or {})},
                body=body,
                auth_settings=["BearerToken"],
            )
            return self._sent(request, timeout)

        try:
            stream = ResponseStream(sent())
            self.date = stream.date or self.date
            if stream.status == HTTPStatus.UNAUTHORIZED:  # the token may have been withdrawn early
                stream.release()
                self._api = self._signed_in()
                stream = ResponseStream(sent())
            try:
                yield stream
            finally:
                stream.release()
        except (HTTPError, TooSlow) as error:
            raise self._unreachable(error, what) from error

    def _sent(self, request: Any, timeout: Timeout) -> Any:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 (loaded with the client)

        try:
            return self._api.call_api(*request, _request_timeout=timeout).response
        except ApiException as error:  # this call raises it only for failed TLS, never for a status
            raise self._untrusted(str(error.reason)) from error

    def _object(self, read: bytes, what: str) -> Json:
        try:
            body = json.loads(read)
        except ValueError as error:
            raise ClusterUnreachable(f"{what}: expected JSON from {self.server}, got something else") from error
        if not isinstance(body, dict):
            raise ClusterUnreachable(f"{what}: expected an object from {self.server}, got {type(body).__name__}")
        return body

    def _unreachable(self, error: Exception, what: str) -> ClusterError:
        from urllib3.exceptions import ReadTimeoutError, SSLError  # noqa: PLC0415

        cause = getattr(error, "reason", None) or error  # the cause of "Max retries exceeded"
        if isinstance(cause, SSLError):
            return self._untrusted(str(cause))
        if isinstance(cause, TooSlow):
            return NoAnswer(f"{what}: {self.server} answers too slowly: {cause}")
        if isinstance(cause, ReadTimeoutError):
            return NoAnswer(f"{what}: {self.server} did not answer in time")
        return ClusterUnreachable(f"{what}: {self.server} could not be reached: {str(cause)[:300]}")

    def _untrusted(self, reason: str) -> ClusterError:
        self._untrusted_before = True
        return AccessDenied(
            f"{self.server} could not be trusted: {reason[:300]}; is the configured certificate authority still the "
            "cluster's? It changes when the cluster's certificates are rotated"
        )


def _warnings(headers: Sequence[str]) -> tuple[str, ...]:
    """The texts of `Warning` headers, which the API server writes as `299 - "text"`."""
    matches = (_WARNING.match(header.strip()) for header in headers[:MAX_WARNINGS])
    texts = (re.sub(r"\\(.)", r"\1", match[1])[:MAX_WARNING] for match in matches if match)
    return tuple(dict.fromkeys(texts))


def _date(header: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


def _load_once(context: ssl.SSLContext, kept: dict[str, Any]) -> None:
    """Load the authority and the client's certificate, and take them out of the arguments for connections. Otherwise
    urllib3 loads them into the shared context for each new connection, and the process may crash when two threads do so
    at once. Raises `OSError`."""
    authority, text = kept["ca_certs"], kept["ca_cert_data"]
    if authority or text:
        context.load_verify_locations(cafile=authority, cadata=text)
    if kept["cert_file"]:
        context.load_cert_chain(kept["cert_file"], kept["key_file"])
    kept |= dict.fromkeys(("ca_certs", "ca_cert_data", "cert_file", "key_file"))


def _as_kubernetes_trusts() -> ssl.SSLContext:
    """Python 3.13 also requires an authority to state its key usage, and a certificate to name its authority's key. A
    cluster's certificates may lack both, and no other client of Kubernetes requires them. The issuer, host name and
    expiry of the certificate are checked as usual.
    """
    from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415 (loaded with the client)

    context = create_urllib3_context()
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    return context

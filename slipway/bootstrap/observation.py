"""Telemetry according to the settings: wraps the ports to Azure so that each call is a span.

If the settings name no destination, the OpenTelemetry SDK is not imported and the ports are not wrapped.
"""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import __version__
from ..ledger import Blobs, Conflict, Table
from ..ledger.table import RowTable
from ..telemetry import Attribute, Family, Values, observed, span
from .settings import Settings

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from ..domain.fence import Claim
    from ..effects.cluster import Cluster, FencedCluster
    from ..effects.notification import Channel
    from ..effects.registry import Pool, Registry
    from ..telemetry.sdk import Sdk

SERVICE = "slipway"
SITE = "WEBSITE_SITE_NAME"
"""The variable with the app's name in Azure, which distinguishes installations that send to the same place."""
INSTANCE = "WEBSITE_INSTANCE_ID"
BUSY = 500
CLUSTER_LOOKS = ("preview", "departed", "rollout", "compared", "job", "job_log", "probe", "why")
CLUSTER_WRITES = ("apply", "roll_back", "free_stuck_pod", "start_job", "run_once", "withdraw_job", "prune")


def is_observed(settings: Settings) -> bool:
    return bool(settings.insights.get_secret_value() or settings.otlp_endpoint)


def begin_telemetry(settings: Settings, credential: Callable[[], Any]) -> "Sdk | None":
    """Start exporting telemetry; None if the settings name no destination."""
    if not is_observed(settings):
        return None
    from ..telemetry import exporting, sdk

    destinations = []
    if settings.otlp_endpoint:
        destinations.append(exporting.otlp())
    connection = settings.insights.get_secret_value()
    if connection:
        by_identity = "authorization=aad" in settings.insights_authentication.replace(" ", "").casefold()
        destinations.append(exporting.azure_monitor(connection, credential if by_identity else None))
    return sdk.begin(
        destinations,
        share=settings.trace_share,
        service=os.environ.get("OTEL_SERVICE_NAME") or os.environ.get(SITE) or SERVICE,
        version=__version__,
        instance=os.environ.get(INSTANCE, ""),
    )


# ---- ports whose calls are spans
def _only_name(*_: object, **__: object) -> Values:
    return {}


def _count(_: str, writes: Sequence[object]) -> Values:
    return {Attribute.COUNT: len(writes)}


def table[T: Table](port: T) -> T:
    """The table, observed. A `Conflict` is expected when writers compete, so it does not count as an error."""
    methods: dict[str, Callable[..., Values]] = {"get": _only_name, "rows": _only_name, "transact": _count}
    if hasattr(port, "page"):
        methods["page"] = _only_name
    return observed(port, Family.TABLE, methods, expected=(Conflict,))


def row_table(port: RowTable) -> RowTable:
    """The table that is written row by row, observed. A row that exists already is expected, and not a failure."""
    methods = dict.fromkeys(("get", "rows", "add", "remove", "everything"), _only_name)
    return observed(port, Family.TABLE, methods, expected=(Conflict,))


def blobs(port: Blobs) -> Blobs:
    return observed(port, Family.BLOBS, {"put": _only_name, "get": _only_name})


def cluster(port: "Cluster", name: str) -> "Cluster":
    values: Values = {Attribute.SERVICE: name}

    def fenced(namespace: str, claim: Callable[[], "Claim"]) -> "FencedCluster":
        writes = port.fenced(namespace, claim)
        return observed(writes, Family.CLUSTER, dict.fromkeys(CLUSTER_WRITES, _only_name), values=values)

    looks = dict.fromkeys(CLUSTER_LOOKS, _only_name)
    return observed(port, Family.CLUSTER, looks, values=values, instead={"fenced": fenced})


def channel(port: "Channel", name: str) -> "Channel":
    return observed(port, Family.CHANNEL, {"send": _only_name}, values={Attribute.SERVICE: name})


def registry(port: "Registry", name: str) -> "Registry":
    """The registry, observed. Only the calls through Azure's client are wrapped: all others are spans of the pool."""
    methods = {"recent_tags": _only_name, "lock": _only_name}
    return observed(port, Family.REGISTRY, methods, values={Attribute.SERVICE: name})


class ObservedPool:
    """A registry's connection pool whose requests are spans.

    A span names the kind of resource, never the URL: that of a redirected download contains a signature.
    """

    def __init__(self, pool: "Pool", name: str) -> None:
        self._pool, self._name = pool, name

    def request(self, method: str, url: str, **options: Any) -> "BaseHTTPResponse":
        address = urlsplit(url)
        part = part_of(address.path)
        values = {
            Attribute.SERVICE: self._name,
            Attribute.METHOD: method,
            Attribute.SERVER: address.hostname or "",
            Attribute.RESOURCE: part,
        }
        with span(Family.REGISTRY, f"{method} {part}", values, direction="client") as current:
            answer = self._pool.request(method, url, **options)
            current.set({Attribute.STATUS: answer.status})
            if answer.status >= BUSY:
                current.fail(f"answered {answer.status}")
            return answer


def part_of(path: str) -> str:
    """The part of the registry API that a path belongs to: `/v2/<repository>/manifests/<reference>` → `manifests`."""
    steps = path.strip("/").split("/")
    if steps[0] == "oauth2" or steps[-1] == "token":
        return "token"
    if steps == ["v2"]:
        return "ping"
    for part in ("uploads", "manifests", "blobs", "tags", "referrers"):
        if part in steps[1:]:
            return part
    return "management" if steps[0] == "subscriptions" else "storage"

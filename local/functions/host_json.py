"""host.json: what of it this host honours, with the defaults of the real one.

Read once at start; a bad value stops the host, and the message names the field.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import timespan
from .errors import HostError

MAX_BYTES = 1 << 20
DEFAULT_FUNCTION_TIMEOUT = 30 * 60.0
APPLICATION_INSIGHTS, OPEN_TELEMETRY = "ApplicationInsights", "OpenTelemetry"
_LEGACY_BUS = {"autoComplete": "autoCompleteMessages", "maxAutoRenewDuration": "maxAutoLockRenewalDuration"}


@dataclass(frozen=True, kw_only=True)
class ClientRetry:
    """`clientRetryOptions`: calls to the broker, never failures of the function."""

    mode: str = "exponential"
    delay: float = 0.8
    max_delay: float = 60.0
    max_retries: int = 3


@dataclass(frozen=True, kw_only=True)
class ServiceBusOptions:
    """`extensions.serviceBus`."""

    auto_complete: bool = True
    prefetch_count: int = 0
    max_concurrent_calls: int = field(default_factory=lambda: 16 * (os.cpu_count() or 1))
    """16 for each core, as the source of the extension has it; the pages say 16: set it explicitly."""
    max_lock_renewal: float = 300.0
    max_batch: int = 1000
    min_batch: int = 1
    max_batch_wait: float = 30.0
    retry: ClientRetry = ClientRetry()


@dataclass(frozen=True, kw_only=True)
class HostJson:
    """The parts of host.json that this host honours."""

    route_prefix: str = "api"
    max_outstanding_requests: int | None = None
    function_timeout: float | None = DEFAULT_FUNCTION_TIMEOUT
    has_extension_bundle: bool = False
    telemetry_mode: str = APPLICATION_INSIGHTS
    """Read and checked. This host sends no telemetry of its own: the app's worker does."""
    service_bus: ServiceBusOptions = field(default_factory=ServiceBusOptions)

    def template(self, route: str) -> str:
        """The route template of a function, with the prefix before it, joined as the real host joins them."""
        return f"{self.route_prefix}/{route}" if self.route_prefix else route


def load(app: Path) -> HostJson:
    """Read `host.json` of the app."""
    path = app / "host.json"
    if not path.is_file():
        raise HostError(f"host.json: expected in {app}, found none")
    if path.stat().st_size > MAX_BYTES:
        raise HostError(f"host.json: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise HostError(f"host.json: expected JSON: {error}") from error
    return parse(data)


def parse(data: Any) -> HostJson:
    """Check and read the content of a host.json."""
    if not isinstance(data, dict):
        raise HostError("host.json: expected an object")
    if data.get("version") != "2.0":
        raise HostError(f"host.json: the 'version' property must be \"2.0\", got {data.get('version')!r}")
    extensions = _object(data, "extensions", "host.json")
    http = _object(extensions, "http", "extensions")
    prefix = http.get("routePrefix", "api")
    if not isinstance(prefix, str):
        raise HostError(f"extensions.http.routePrefix: expected text, got {prefix!r}")
    outstanding = _number(http, "maxOutstandingRequests", "extensions.http", -1)
    return HostJson(
        route_prefix=prefix,
        max_outstanding_requests=outstanding if outstanding >= 0 else None,
        function_timeout=_function_timeout(data.get("functionTimeout")),
        has_extension_bundle=bool(_object(data, "extensionBundle", "host.json").get("id")),
        telemetry_mode=_telemetry_mode(data.get("telemetryMode", APPLICATION_INSIGHTS)),
        service_bus=_service_bus(_object(extensions, "serviceBus", "extensions")),
    )


def _telemetry_mode(value: Any) -> str:
    """A misspelt mode would go unnoticed until somebody misses the traces; here it stops the host."""
    for mode in (APPLICATION_INSIGHTS, OPEN_TELEMETRY):
        if isinstance(value, str) and value.casefold() == mode.casefold():
            return mode
    raise HostError(f"telemetryMode: expected {APPLICATION_INSIGHTS} or {OPEN_TELEMETRY}, got {value!r}")


def _function_timeout(value: Any) -> float | None:
    if value is None:
        return DEFAULT_FUNCTION_TIMEOUT
    if value in ("-1", -1):
        return None
    limit = timespan.seconds(value, "functionTimeout")
    if limit < 1:
        raise HostError(f"functionTimeout: expected at least 00:00:01, got {value!r}")
    return limit


def _service_bus(given: dict[str, Any]) -> ServiceBusOptions:
    # The names of extension 4 are still mapped by the real host; only these three, and only inside this nest.
    nested = _object(given, "messageHandlerOptions", "extensions.serviceBus")
    options = {_LEGACY_BUS.get(name, name): value for name, value in nested.items()} | given
    where = "extensions.serviceBus"
    defaults = ServiceBusOptions()

    def number(name: str, default: int, least: int = 1) -> int:
        return _number(options, name, where, default, least)

    def span(name: str, default: float) -> float:
        return timespan.seconds(options[name], f"{where}.{name}") if options.get(name) is not None else default

    return ServiceBusOptions(
        auto_complete=_flag(options, "autoCompleteMessages", where, defaults.auto_complete),
        prefetch_count=number("prefetchCount", defaults.prefetch_count, 0),
        max_concurrent_calls=number("maxConcurrentCalls", defaults.max_concurrent_calls),
        max_lock_renewal=span("maxAutoLockRenewalDuration", defaults.max_lock_renewal),
        max_batch=number("maxMessageBatchSize", defaults.max_batch),
        min_batch=number("minMessageBatchSize", defaults.min_batch),
        max_batch_wait=span("maxBatchWaitTime", defaults.max_batch_wait),
        retry=_client_retry(_object(options, "clientRetryOptions", where)),
    )


def _client_retry(given: dict[str, Any]) -> ClientRetry:
    where, defaults = "extensions.serviceBus.clientRetryOptions", ClientRetry()
    mode = str(given.get("mode", defaults.mode)).lower()
    if mode not in ("exponential", "fixed"):
        raise HostError(f"{where}.mode: expected exponential or fixed, got {mode!r}")
    return ClientRetry(
        mode=mode,
        delay=timespan.seconds(given["delay"], f"{where}.delay") if "delay" in given else defaults.delay,
        max_delay=timespan.seconds(given["maxDelay"], f"{where}.maxDelay")
        if "maxDelay" in given
        else defaults.max_delay,
        max_retries=_number(given, "maxRetries", where, defaults.max_retries, 0),
    )


def _object(parent: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    value = parent.get(name, {})
    if not isinstance(value, dict):
        raise HostError(f"{where}.{name}: expected an object, got {value!r}")
    return value


def _number(parent: dict[str, Any], name: str, where: str, default: int, least: int | None = None) -> int:
    value = parent.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        raise HostError(
            f"{where}.{name}: expected a whole number{'' if least is None else f' of at least {least}'}, got {value!r}"
        )
    return value


def _flag(parent: dict[str, Any], name: str, where: str, default: bool) -> bool:
    value = parent.get(name, default)
    if not isinstance(value, bool):
        raise HostError(f"{where}.{name}: expected true or false, got {value!r}")
    return value

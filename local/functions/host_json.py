"""host.json: the parts that this host honours, with the defaults of the real one.

Read once at start; a bad value stops the host, and the message names the field. Comments and trailing commas, which the
real host accepts, are not JSON and are refused.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import timespan
from .errors import HostError

MAX_BYTES = 1 << 20
DEFAULT_FUNCTION_TIMEOUT = 30 * 60.0
APPLICATION_INSIGHTS, OPEN_TELEMETRY = "ApplicationInsights", "OpenTelemetry"
LONGEST_BATCH_WAIT = 150.0
LARGEST = 2**31 - 1
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,12}\s*")
_LEGACY_BUS = {
    "autocomplete": "autocompletemessages",
    "maxautorenewduration": "maxautolockrenewalduration",
    "maxconcurrentcalls": "maxconcurrentcalls",
}


@dataclass(frozen=True, kw_only=True)
class ClientRetry:
    """`clientRetryOptions`: retries of calls to the broker, never of the function."""

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
    """16 per core, as in the source of the extension; the documentation says 16: set it explicitly."""
    max_concurrent_sessions: int = 8
    session_idle_timeout: float = 60.0
    """Seconds without a message after which a session is released: the SDK's own timeout unless it is set."""
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
        """The route template of a function, with the prefix before it, joined as the real host does."""
        return f"{self.route_prefix}/{route}" if self.route_prefix else route


type Section = dict[str, Any]
"""A part of host.json, with its names in lower case."""


def load(app: Path, settings: Mapping[tuple[str, ...], str] | None = None) -> HostJson:
    """Read `host.json` of the app. Settings (`AppSettings.host_json`) override what it says."""
    path = app / "host.json"
    if not path.is_file():
        raise HostError(f"host.json: expected in {app}, found none")
    if path.stat().st_size > MAX_BYTES:
        raise HostError(f"host.json: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise HostError(f"host.json: expected JSON: {error}") from error
    return parse(document, settings)


def parse(data: Any, settings: Mapping[tuple[str, ...], str] | None = None) -> HostJson:
    """Check and read the content of a host.json. Names ignore case, except for `version`."""
    if not isinstance(data, dict):
        raise HostError("host.json: expected an object")
    if data and data.get("version") != "2.0":
        raise HostError(f"host.json: the 'version' property must be \"2.0\", got {data.get('version')!r}")
    section = _override(_lower_names(data), settings or {})
    if "retry" in section:
        raise HostError("host.json: retry: not covered by this host: put @app.retry on the functions that need it")
    extensions = _object(section, "extensions", "host.json")
    http = _object(extensions, "http", "extensions")
    prefix = http.get("routeprefix", "api")
    if not isinstance(prefix, str):
        raise HostError(f"extensions.http.routePrefix: expected text, got {prefix!r}")
    outstanding = _number(http, "maxOutstandingRequests", "extensions.http", -1)
    return HostJson(
        route_prefix=prefix,
        max_outstanding_requests=outstanding if outstanding >= 0 else None,
        function_timeout=_function_timeout(section.get("functiontimeout")),
        has_extension_bundle=bool(_object(section, "extensionBundle", "host.json").get("id")),
        telemetry_mode=_telemetry_mode(section.get("telemetrymode", APPLICATION_INSIGHTS)),
        service_bus=_service_bus(_object(extensions, "serviceBus", "extensions")),
    )


def _lower_names(value: Any) -> Any:
    return {name.lower(): _lower_names(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def _override(section: Section, settings: Mapping[tuple[str, ...], str]) -> Section:
    for path, value in settings.items():
        part = section
        for name in path[:-1]:
            part = part.setdefault(name, {})
            if not isinstance(part, dict):
                raise HostError(f"AzureFunctionsJobHost__{'__'.join(path)}: host.json has no section at {name!r}")
        part[path[-1]] = value
    return section


def _telemetry_mode(value: Any) -> str:
    """Raises HostError for a misspelt mode, which would otherwise go unnoticed until somebody misses the traces."""
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


def _service_bus(section: Section) -> ServiceBusOptions:
    # The real host still maps the names of extension 4; only these three, and only inside this object.
    nested = _object(section, "messageHandlerOptions", "extensions.serviceBus")
    options = {_LEGACY_BUS[name]: value for name, value in nested.items() if name in _LEGACY_BUS} | section
    where = "extensions.serviceBus"
    defaults = ServiceBusOptions()
    bus_options = ServiceBusOptions(
        auto_complete=_flag(options, "autoCompleteMessages", where, defaults.auto_complete),
        prefetch_count=_number(options, "prefetchCount", where, defaults.prefetch_count, least=0),
        max_concurrent_calls=_number(options, "maxConcurrentCalls", where, defaults.max_concurrent_calls, least=1),
        max_concurrent_sessions=_number(
            options, "maxConcurrentSessions", where, defaults.max_concurrent_sessions, least=1
        ),
        session_idle_timeout=_span(options, "sessionIdleTimeout", where, defaults.session_idle_timeout, least=0.1),
        max_lock_renewal=_span(options, "maxAutoLockRenewalDuration", where, defaults.max_lock_renewal),
        max_batch=_number(options, "maxMessageBatchSize", where, defaults.max_batch, least=1),
        min_batch=_number(options, "minMessageBatchSize", where, defaults.min_batch, least=1),
        max_batch_wait=_span(options, "maxBatchWaitTime", where, defaults.max_batch_wait, most=LONGEST_BATCH_WAIT),
        retry=_client_retry(_object(options, "clientRetryOptions", where)),
    )
    if _number(options, "maxConcurrentCallsPerSession", where, 1, least=1) > 1:
        raise HostError(f"{where}.maxConcurrentCallsPerSession: not covered by this host above 1")
    if bus_options.min_batch > bus_options.max_batch:
        limit = f"at most maxMessageBatchSize ({bus_options.max_batch})"
        raise HostError(f"{where}.minMessageBatchSize: expected {limit}, got {bus_options.min_batch}")
    return bus_options


def _client_retry(section: Section) -> ClientRetry:
    where, defaults = "extensions.serviceBus.clientRetryOptions", ClientRetry()
    mode = str(section.get("mode", defaults.mode)).lower()
    if mode not in ("exponential", "fixed"):
        raise HostError(f"{where}.mode: expected exponential or fixed, got {mode!r}")
    _span(section, "tryTimeout", where, 60.0, most=3600)  # checked only: the Python SDK has no such setting
    return ClientRetry(
        mode=mode,
        delay=_span(section, "delay", where, defaults.delay, least=0.001, most=300),
        max_delay=_span(section, "maxDelay", where, defaults.max_delay),
        max_retries=_number(section, "maxRetries", where, defaults.max_retries, least=0, most=100),
    )


def _object(parent: Section, name: str, where: str) -> Section:
    value = parent.get(name.lower(), {})
    if not isinstance(value, dict):
        raise HostError(f"{where}.{name}: expected an object, got {value!r}")
    return value


def _number(
    parent: Section, name: str, where: str, default: int, *, least: int | None = None, most: int = LARGEST
) -> int:
    """A whole number, which may be written as text, as in settings."""
    value = parent.get(name.lower(), default)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value > most or (least is not None and value < least):
        bounds = [f"of at least {least}"] if least is not None else []
        bounds += [f"of at most {most}"] if most < LARGEST else []
        raise HostError(f"{where}.{name}: expected a whole number {' and '.join(bounds)}".rstrip() + f", got {value!r}")
    return value


def _flag(parent: Section, name: str, where: str, default: bool) -> bool:
    value = parent.get(name.lower(), default)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        value = value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise HostError(f"{where}.{name}: expected true or false, got {value!r}")
    return value


def _span(
    parent: Section, name: str, where: str, default: float, *, least: float = 0.0, most: float | None = None
) -> float:
    value = parent.get(name.lower())
    if value is None or value == "":
        return default
    span = timespan.seconds(value, f"{where}.{name}")
    if span < least or (most is not None and span > most):
        limit = f"of at least {least:g} s" + (f" and at most {most:g} s" if most is not None else "")
        raise HostError(f"{where}.{name}: expected a time span {limit}, got {value!r}")
    return span

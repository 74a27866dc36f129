"""The functions of an app as the worker indexed them, checked the way the host in Azure checks them.

A fault of one function is kept in its `error`: that function does not start, the others do, and `--list` and the admin
endpoints show the reason. Faults that only appear when a message arrives are not detected here.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .ages import HostAge
from .app_settings import AppSettings
from .errors import FunctionError
from .host_json import HostJson
from .ncrontab import Schedule
from .protos import RpcFunctionMetadata, RpcRetryOptions
from .routes import compile_route

Binding = dict[str, Any]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,127}")
_BINDING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RETURN = "$return"
_HTTP_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "QUERY"})
_RESERVED = ("admin", "runtime")


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Azure's rules for a binding type."""

    direction: str
    one_of: tuple[tuple[str, ...], ...] = ()
    """At least one of these groups of keys must be present."""
    resolved: tuple[str, ...] = ()
    """Keys in which %Setting% is replaced."""
    choices: Mapping[str, frozenset[str]] = field(default_factory=dict)
    in_bundle: bool = False
    """Whether it comes with the extension bundle rather than with the host itself."""


_DATA_TYPE = frozenset({"STRING", "BINARY", "STREAM", "UNDEFINED"})
_BUS_ENTITY = (("queueName",), ("topicName", "subscriptionName"))

_KINDS: dict[str, _Kind] = {
    "httptrigger": _Kind(direction="IN", choices={"authLevel": frozenset({"ANONYMOUS", "FUNCTION", "ADMIN"})}),
    "http": _Kind(direction="OUT"),
    "timertrigger": _Kind(direction="IN", one_of=(("schedule",),), resolved=("schedule",)),
    "eventgridtrigger": _Kind(direction="IN", in_bundle=True),
    "servicebustrigger": _Kind(
        direction="IN",
        one_of=_BUS_ENTITY,
        resolved=("queueName", "topicName", "subscriptionName", "connection"),
        choices={"cardinality": frozenset({"ONE", "MANY"}), "dataType": _DATA_TYPE},
        in_bundle=True,
    ),
    "servicebus": _Kind(
        direction="OUT",
        one_of=(("queueName",), ("topicName",)),
        resolved=("queueName", "topicName"),
        choices={"dataType": _DATA_TYPE},
        in_bundle=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the app, with the settings resolved."""

    name: str
    id: str
    bindings: tuple[Binding, ...]
    retry: RpcRetryOptions | None
    disabled: bool
    error: str | None = None

    @property
    def trigger(self) -> Binding:
        return next(binding for binding in self.bindings if binding["type"].lower().endswith("trigger"))

    @property
    def kind(self) -> str:
        """The type of the trigger in lower case; empty if it has none."""
        return next((b["type"].lower() for b in self.bindings if b["type"].lower().endswith("trigger")), "")

    @property
    def outputs(self) -> dict[str, Binding]:
        return {binding["name"]: binding for binding in self.bindings if binding["direction"] == "OUT"}

    @property
    def route(self) -> str:
        """The route as the app declares it; the host puts its prefix before it (see `HostJson.template`)."""
        return str(self.trigger.get("route") or self.name)

    @property
    def methods(self) -> frozenset[str]:
        """The HTTP methods; empty means all."""
        return frozenset(str(method).upper() for method in self.trigger.get("methods") or ())

    @property
    def runs(self) -> bool:
        return self.error is None and not self.disabled


def describe(
    functions: Iterable[RpcFunctionMetadata], settings: AppSettings, host: HostJson, age: HostAge = HostAge.TODAY
) -> list[Function]:
    """Check and resolve the bindings that the worker indexed, in its order. Raises RouteError if a route template
    cannot be parsed: the real host builds all routes at once, and does not start if one of them fails."""
    described: list[Function] = []
    for metadata in functions:
        function = Function(
            name=metadata.name,
            id=metadata.function_id,
            bindings=tuple(json.loads(raw) for raw in metadata.raw_bindings),
            retry=metadata.retry_options,
            disabled=settings.is_disabled(metadata.name),
        )
        try:
            _check(function, host, age)
            function = replace(function, bindings=tuple(_resolve(b, settings) for b in function.bindings))
            _check_settings(function, settings)
            check_retry(function.retry)
            _check_route(function, host, described)
        except FunctionError as error:
            function = replace(function, error=str(error))
        described.append(function)
    return described


def _resolve(binding: Binding, settings: AppSettings) -> Binding:
    spec = _KINDS.get(binding["type"].lower())
    names = spec.resolved if spec else ()
    return {
        key: settings.resolve(value, f"{binding['name']}.{key}") if key in names and isinstance(value, str) else value
        for key, value in binding.items()
    }


def _check(function: Function, host: HostJson, age: HostAge) -> None:
    if not _NAME.fullmatch(function.name) or function.name.lower() == "host":
        raise FunctionError(f"'{function.name}' is not a valid function name.")
    triggers = [binding for binding in function.bindings if binding["type"].lower().endswith("trigger")]
    if len(triggers) != 1:
        raise FunctionError(f"expected exactly one trigger, got {len(triggers)}")
    for binding in function.bindings:
        _check_binding(binding, host, age)
    names = [str(binding.get("name")).lower() for binding in function.bindings]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise FunctionError(f"Multiple bindings with name '{duplicate}' discovered. Binding names must be unique.")


def _check_settings(function: Function, settings: AppSettings) -> None:
    for binding in function.bindings:
        if binding["type"].lower().startswith("servicebus"):
            _check_connection(binding, settings)
    if function.kind == "timertrigger":
        _check_timer(function.trigger, settings)


def _check_binding(binding: Binding, host: HostJson, age: HostAge) -> None:
    spec = _KINDS.get(binding["type"].lower())
    if spec is None or (spec.in_bundle and not host.has_extension_bundle):
        # The text of the real host, which says the same for an unknown type and for one whose extension is missing.
        reason = "" if spec is None else " host.json names no extensionBundle."
        raise FunctionError(
            f"The binding type(s) '{binding['type']}' are not registered. Please ensure the type is correct and the "
            f"binding extension is installed (this host covers: {', '.join(sorted(_KINDS))}).{reason}"
        )
    label = f"binding {binding.get('name')!r} ({binding['type']})"
    _check_binding_name(str(binding.get("name") or ""), age)
    if binding.get("direction") != spec.direction:
        raise FunctionError(f"{label}: direction: expected {spec.direction}, got {binding.get('direction')!r}")
    if spec.one_of and not any(all(binding.get(key) for key in group) for group in spec.one_of):
        alternatives = " or ".join(" and ".join(group) for group in spec.one_of)
        raise FunctionError(f"{label}: expected {alternatives}")
    for key, allowed in spec.choices.items():
        value = binding.get(key)
        if value is not None and value not in allowed:
            raise FunctionError(f"{label}: {key}: expected one of {', '.join(sorted(allowed))}, got {value!r}")
    if binding.get("isSessionsEnabled") and (binding.get("topicName") or binding.get("cardinality") == "MANY"):
        raise FunctionError(f"{label}: isSessionsEnabled: covered by this host for queues and single messages only")
    if (binding.get("properties") or {}).get("supportsDeferredBinding") or binding.get("supportsDeferredBinding"):
        raise FunctionError(f"{label}: SDK-type (deferred) bindings are not covered by this host")


def _check_binding_name(name: str, age: HostAge) -> None:
    is_old_host = age is HostAge.OCTOBER_2024
    if name != _RETURN and (not _BINDING_NAME.fullmatch(name) or ("_" if is_old_host else "__") in name):
        raise FunctionError(f"The binding name {name} is invalid. Please assign a valid name to the binding.")


def _check_connection(binding: Binding, settings: AppSettings) -> None:
    name = binding.get("connection") or "ServiceBus"
    section = settings.connection(name)
    if not section:
        raise FunctionError(
            f"Service Bus account connection string '{name}' does not exist. "
            "Make sure that it is a defined App Setting."
        )
    if "" not in section and "fullyQualifiedNamespace" not in section:
        raise FunctionError(f"setting {name}__fullyQualifiedNamespace: expected a namespace, found none")
    if "" in section and not section[""].lower().startswith("endpoint="):
        # The value stays out of the message: it may hold a key.
        raise FunctionError(f"setting {name}: expected a connection string that starts with Endpoint=sb://")


# Whether a schedule ever occurs does not depend on the day.
_NOW = datetime(2026, 1, 1)  # noqa: DTZ001 - schedules are in UTC without a zone


def _check_timer(trigger: Binding, settings: AppSettings) -> None:
    try:
        Schedule(trigger["schedule"]).next(_NOW)
    except ValueError as error:
        raise FunctionError(
            f"The schedule expression '{trigger['schedule']}' was not recognized as valid: {error}"
        ) from error
    if not settings.connection("AzureWebJobsStorage"):
        raise FunctionError("setting AzureWebJobsStorage: timers need it for their lease and status, found none")


def check_retry(policy: RpcRetryOptions | None) -> None:
    """Raises FunctionError if the real host refuses the policy of an `@app.retry`."""
    if policy is None:
        return
    if policy.max_retry_count < -1:
        raise FunctionError(f"retry: max_retry_count: expected -1 or more, got {policy.max_retry_count}")
    intervals = {name: getattr(policy, name) for name in ("delay_interval", "minimum_interval", "maximum_interval")}
    for name, interval in intervals.items():
        if interval is not None and interval.total_seconds() < 0:
            raise FunctionError(f"retry: {name}: expected 0 or more, got {interval}")
    minimum, maximum = intervals["minimum_interval"], intervals["maximum_interval"]
    if minimum is not None and maximum is not None and minimum.total_seconds() > maximum.total_seconds():
        raise FunctionError(f"retry: minimum_interval: expected at most maximum_interval ({maximum}), got {minimum}")


def _check_route(function: Function, host: HostJson, others: Iterable[Function]) -> None:
    if function.kind != "httptrigger":
        return
    unknown = function.methods - _HTTP_METHODS
    if unknown:
        raise FunctionError(f"methods: expected HTTP methods, got {', '.join(sorted(unknown))}")
    if _bare(function).startswith(_RESERVED):
        raise FunctionError("The specified route conflicts with one or more built in routes.")
    compile_route(host.template(function.route))
    for candidate in others:
        if candidate.kind != "httptrigger" or candidate.error or _bare(candidate) != _bare(function):
            continue
        if not function.methods or not candidate.methods or function.methods & candidate.methods:
            raise FunctionError(f"The route specified conflicts with the route defined by function '{candidate.name}'.")


def _bare(function: Function) -> str:
    """The route in the form in which two are compared: names of parameters count, case and outer slashes do not."""
    return function.route.strip("/").lower()

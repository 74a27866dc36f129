"""The variables that settings are read from, and their problems in words that never contain a value."""

import difflib
from collections.abc import Mapping

from pydantic import (
    BaseModel,
    ValidationError,
)

from .roles import foreign_to, role_in

PREFIX = "SLIPWAY_"
FOREIGN = {
    "service_bus": "ServiceBus",
    "service_bus_namespace": "ServiceBus__fullyQualifiedNamespace",
    "client_id": "AZURE_CLIENT_ID",
    "insights": "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "insights_authentication": "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
}
"""Settings whose variables have names given by others: the triggers' connection, the Azure SDK, OpenTelemetry."""
SERVICE_BUS = FOREIGN["service_bus"]
"""Name of the triggers' connection: the setting itself is a connection string, or `…__fullyQualifiedNamespace`."""
UNRESOLVED = "@Microsoft.KeyVault("
"""Begins the value of an environment variable whose Key Vault reference could not be resolved."""
ALIKE = 0.8
"""Similarity, from 0 to 1, from which the name of an unknown variable counts as a misspelt setting."""


def variable(field: str) -> str:
    """The environment variable that a setting is read from."""
    return FOREIGN.get(field, PREFIX + field.upper())


def host_checks_keys(environment: Mapping[str, str]) -> bool:
    """Whether the Functions host must check its keys before it calls the app. Needed before the settings are read."""
    return environment.get(variable("api_access")) != "roles"


def foreign(values: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    """Messages for settings that this role of the app must not have."""
    try:
        role = role_in(variables)
    except ValueError as error:
        return [str(error)]
    not_its_own = sorted(values.keys() & foreign_to(role))
    return [f"{variable(name)}: a {role} must not have it; remove it from this app's settings" for name in not_its_own]


def misspelt(settings: type[BaseModel], variables: Mapping[str, str]) -> list[str]:
    """Messages for unknown variables that look like a misspelt setting, since ignoring one could be a security risk."""
    expected = {variable(name).removeprefix(PREFIX) for name in settings.model_fields}
    problems = []
    for name in sorted(variables):
        bare = name.removeprefix(PREFIX)
        if bare == name or bare in expected:
            continue
        similar = difflib.get_close_matches(bare, expected, n=1, cutoff=ALIKE)
        problems += [f"{name}: there is no such setting; is it {PREFIX}{setting}?" for setting in similar]
    return problems


def explained(error: ValidationError) -> str:
    """The problems of the settings, by variable and field, without any values."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(part) for part in problem["loc"]]
        if path[:1] == ["channels"]:
            del path[2:3]  # here pydantic inserts the kind, which is not part of the field's path
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{'.'.join([variable(path[0]), *path[1:]])}: {message}" if path else message)
    return "; ".join(lines)

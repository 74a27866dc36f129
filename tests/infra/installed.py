"""Reads the installations that the snapshots describe."""

from collections.abc import Iterator
from typing import Any

from tests.infra.arm import evaluate
from tests.infra.compiler import OPTIONS, Resources, stored

SITE = "Microsoft.Web/sites"


def of_type(resources: Resources, kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources.values() if resource["type"] == kind]


def only(resources: Resources, kind: str) -> dict[str, Any]:
    (resource,) = of_type(resources, kind)
    return resource


def all_resources() -> Resources:
    """Each resource that any of the option sets makes. The changes that options make to it stand in `stored` only."""
    resources: Resources = {}
    for name in OPTIONS:
        resources |= stored(name)
    return resources


def scope_of(right: dict[str, Any]) -> str:
    """The id of the resource that a right is on."""
    resource_id: str = right["id"]
    if resource_id.startswith("[extensionResourceId('"):
        return resource_id.split("'")[1]
    return resource_id.partition("/providers/Microsoft.Authorization/")[0]


def expressions(value: Any) -> Iterator[str]:
    """Every expression in a resource that only the deployment works out."""
    if isinstance(value, dict):
        for item in value.values():
            yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)
    elif isinstance(value, str) and value.startswith("["):
        yield value


def at(resource: dict[str, Any], path: str) -> Any:
    """The value at a path of property names."""
    value: Any = resource
    for name in path.split("."):
        value = value[name]
    return value


def site(resources: Resources, role: str = "front") -> dict[str, Any]:
    """The app of a role. One that is both is the front's too, and the worker's."""
    sites = of_type(resources, SITE)
    (app,) = [candidate for candidate in sites if len(sites) == 1 or _settings(candidate)["SLIPWAY_ROLE"] == role]
    return app


def app_settings(resources: Resources, role: str = "front") -> dict[str, str]:
    """The settings of a role's app, as the platform would hold them."""
    return _settings(site(resources, role))


def _settings(app: dict[str, Any]) -> dict[str, str]:
    entries = app["properties"]["siteConfig"]["appSettings"]
    settings = {item["name"]: evaluate(item["value"]) for item in entries}
    assert len(settings) == len(entries), "a setting is there twice"
    return settings

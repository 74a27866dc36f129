"""The installations that the snapshots describe, as the tests ask about them."""

from collections.abc import Iterator
from typing import Any

from tests.infra.arm import evaluate
from tests.infra.compiler import OPTIONS, Resources, stored

SITE = "Microsoft.Web/sites"


def of_type(resources: Resources, kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources.values() if resource["type"] == kind]


def only(resources: Resources, kind: str) -> dict[str, Any]:
    (found,) = of_type(resources, kind)
    return found


def everything() -> Resources:
    """Each resource that any of the option sets makes. The changes that options make to it stand in `stored` only."""
    found: Resources = {}
    for name in OPTIONS:
        found |= stored(name)
    return found


def scope_of(right: dict[str, Any]) -> str:
    """The id of the resource that a right is on."""
    found: str = right["id"]
    if found.startswith("[extensionResourceId('"):
        return found.split("'")[1]
    return found.partition("/providers/Microsoft.Authorization/")[0]


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
    found: Any = resource
    for name in path.split("."):
        found = found[name]
    return found


def site(resources: Resources, role: str = "front") -> dict[str, Any]:
    """The app of a role. One that is both is the front's too, and the worker's."""
    sites = of_type(resources, SITE)
    (found,) = [each for each in sites if len(sites) == 1 or _settings(each)["SLIPWAY_ROLE"] == role]
    return found


def app_settings(resources: Resources, role: str = "front") -> dict[str, str]:
    """The settings of a role's app, as the platform would hold them."""
    return _settings(site(resources, role))


def _settings(app: dict[str, Any]) -> dict[str, str]:
    listed = app["properties"]["siteConfig"]["appSettings"]
    found = {item["name"]: evaluate(item["value"]) for item in listed}
    assert len(found) == len(listed), "a setting is there twice"
    return found

"""Kubernetes' own schemas, without a cluster: wrong types, unknown and missing fields, versions that are gone.

The schemas come with `kubernetes-validate`, which only the command line has. Custom resources have none there; what a
cluster alone knows (admission, quotas, what is installed) it says when the rollout is planned.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from slipway.catalogue import Rendered
from slipway.manifests.problems import Problem, Steps, nearest, shown

NEWEST = "1.35"
"""The newest minor version that Slipway is tested with."""
_SCHEMAS = "kubernetes-json-schema/v{minor}.0-local-strict/{name}.json"
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


class UnknownVersionError(ValueError):
    """There are no schemas of this version; the text names those that there are."""


def schema_problems(rendered: Iterable[Rendered], *, version: str = NEWEST) -> Iterator[Problem]:
    """What an API server of the minor version would refuse, or drop. Raises `UnknownVersionError`."""
    kinds = _kinds(version)
    for each in rendered:
        api_version, kind = str(each.value["apiVersion"]), str(each.value["kind"])
        if api_version in kinds.get(kind, ()):
            yield from _of_object(each, _validator(version, _schema_name(kind, api_version)))
        elif _is_kubernetes_own(api_version, kind, kinds):
            known = sorted(kinds.get(kind, ()))
            expected = f"{' or '.join(known)} for {kind}" if known else f"a kind of Kubernetes {version}"
            cure = "" if known else nearest(kind, kinds)
            at: Steps = ("apiVersion",) if known else ("kind",)
            yield each.problem(at, cure, expected=expected, got=f"{api_version} {kind}")


def _is_kubernetes_own(api_version: str, kind: str, kinds: Mapping[str, frozenset[str]]) -> bool:
    """Whether no definition of somebody else's may be meant: the group of such has a dot, and is not Kubernetes'."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group in {known.rpartition("/")[0] for known in kinds.get(kind, ())}


def _schema_name(kind: str, api_version: str) -> str:
    group, _, version = api_version.rpartition("/")
    return "-".join(filter(None, (kind.casefold(), group.partition(".")[0], version)))


@cache
def _contents(version: str, name: str) -> Any:
    from kubernetes_validate.utils import (  # noqa: PLC0415 - slow to import; `--help` does without
        VersionNotSupportedError,
        all_versions,
        schema_contents,
    )

    try:
        return schema_contents(_SCHEMAS.format(minor=version, name=name), version)
    except VersionNotSupportedError:
        known = ", ".join(each.rpartition(".")[0] for each in all_versions())
        raise UnknownVersionError(f"expected one of {known}, got {version!r}") from None


@cache
def _kinds(version: str) -> dict[str, frozenset[str]]:
    """Kind → the API versions that it has."""
    found: dict[str, set[str]] = {}
    for definition in _contents(version, "_definitions")["$defs"].values():
        for named in definition.get("x-kubernetes-group-version-kind", ()):
            api_version = "/".join(filter(None, (named["group"], named["version"])))
            if "metadata" in definition.get("properties", {}):
                found.setdefault(named["kind"], set()).add(api_version)
    return {kind: frozenset(versions) for kind, versions in found.items()}


@cache
def _validator(version: str, name: str) -> Any:
    from jsonschema.validators import Draft202012Validator  # noqa: PLC0415 - slow to import
    from referencing import Registry, Resource  # noqa: PLC0415

    schema = _contents(version, name)
    definitions = Resource.from_contents(_contents(version, "_definitions"))
    registry: Any = definitions @ (Resource.from_contents(schema) @ Registry())
    return Draft202012Validator(schema, registry=registry)


def _of_object(each: Rendered, validator: Any) -> Iterator[Problem]:
    hides = each.value["kind"] == "Secret"
    for error in validator.iter_errors(each.value):
        steps: Steps = tuple(error.absolute_path)
        match error.validator:
            case "additionalProperties":
                fields = error.schema.get("properties", {})
                for name in sorted(set(error.instance) - set(fields)):
                    yield each.problem((*steps, name), f"unknown field; {nearest(name, fields)}")
            case "required":
                for name in error.validator_value:
                    if name not in error.instance:
                        yield each.problem((*steps, name), "is missing")
            case "type":
                wanted = [name for name in _listed(error.validator_value) if name != "null"]
                expected = " or ".join(_WORDS.get(name, name) for name in wanted)
                got = "something else" if hides else shown(error.instance)
                yield each.problem(steps, _cure(wanted, error.instance), expected=expected, got=got)
            case "enum":
                expected = " or ".join(str(value) for value in error.validator_value if value is not None)
                yield each.problem(steps, expected=expected, got="something else" if hides else shown(error.instance))
            case _:
                text = f"Kubernetes refuses it: {error.validator}"
                yield each.problem(steps, text if hides else f"{text}: {error.message[:200]}")


def _listed(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value if each] if value else []  # type: ignore[attr-defined]


def _cure(wanted: list[str], value: object) -> str:
    if wanted == ["string"] and isinstance(value, int | float):
        return "put it in quotes"
    if wanted == ["integer"] and isinstance(value, str) and value.lstrip("-").isdigit():
        return "write it without quotes"
    if wanted == ["boolean"] and isinstance(value, str) and value in ("true", "false"):
        return "write it without quotes"
    return ""

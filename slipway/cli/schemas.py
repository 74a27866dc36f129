"""Kubernetes' own schemas, without a cluster: they find wrong types, unknown and missing fields, and removed versions.

The schemas come with `kubernetes-validate`, which only the command line has. It has none for custom resources; a
cluster's own rules (admission, quotas, installed kinds) show when the rollout is planned.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import click

from slipway.catalogue import SampleObject
from slipway.manifests.documents import Document
from slipway.manifests.problems import Problem, Steps, is_below, merged_by_environment, nearest, short_value

NEWEST = "1.35"
"""The newest minor version that Slipway is tested with."""
_SCHEMAS = "kubernetes-json-schema/v{minor}.0-local-strict/{name}.json"
_NOT_NEEDED = ("roleRef.apiGroup", "sysctls.value", "sleep.seconds", "podFailurePolicy.rules")
"""Fields that the schemas ask for, and that no server does."""
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


class Schemas:
    """Compares objects with the schemas, and remembers those without a schema: an unknown is not a pass."""

    def __init__(self) -> None:
        self._not_compared: set[str] = set()

    @property
    def not_compared(self) -> tuple[str, ...]:
        """The objects that could not be compared, for lack of a schema."""
        return tuple(sorted(self._not_compared))

    def of_environments(self, rendered: Mapping[str, Iterable[SampleObject]], version: str) -> Iterator[Problem]:
        """The problems of an application's environments, each once."""
        return merged_by_environment(
            {
                name: tuple(problem for each in objects for problem in self._new_problems(each, version))
                for name, objects in rendered.items()
            }
        )

    def _new_problems(self, rendered: SampleObject, version: str) -> Iterator[Problem]:
        """The schema's problems, except at or below a field where another check found one."""
        for problem in self(rendered.document, rendered.value, version):
            if not any(is_below(problem.field, field) for field in rendered.faulty):
                yield problem

    def __call__(self, document: Document, value: Mapping[str, Any], version: str) -> Iterator[Problem]:
        """The fields of an object that an API server of the minor version would refuse, or drop."""
        if version not in _versions():
            self._not_compared.add(f"all that is for Kubernetes {version}")
            return
        kinds = _kinds(version)
        api_version, kind = str(value["apiVersion"]), str(value["kind"])
        if api_version in kinds.get(kind, ()):
            yield from _problems_of_value(document, value, _validator(version, _schema_name(kind, api_version)))
        elif _is_kubernetes_own(api_version, kind, kinds):
            versions = sorted(kinds.get(kind, ()))
            expected = f"{' or '.join(versions)} for {kind}" if versions else f"a kind of Kubernetes {version}"
            cure = "" if versions else nearest(kind, kinds)
            at: Steps = ("apiVersion",) if versions else ("kind",)
            yield document.problem(at, cure, expected=expected, got=f"{api_version} {kind}")
            self._not_compared.add(f"{kind} ({api_version})")
        else:
            self._not_compared.add(f"{kind} ({api_version})")


def not_compared_line(not_compared: Iterable[str]) -> Iterator[str]:
    """The line that names the objects that were not compared; none if all were."""
    if names := ", ".join(not_compared):
        yield f"no schema here to compare with: {names}"


def _check_version(_: click.Context, __: click.Parameter, version: str) -> str:
    if version not in _versions():
        raise click.BadParameter(f"expected one of {', '.join(_versions())}, got {version[:40]!r}")
    return version


kubernetes_option = click.option(
    "--kubernetes",
    "version",
    default=NEWEST,
    show_default=True,
    callback=_check_version,
    metavar="VERSION",
    help="Check manifests against the schemas of this minor version of Kubernetes.",
)


def _is_kubernetes_own(api_version: str, kind: str, kinds: Mapping[str, frozenset[str]]) -> bool:
    """Whether only Kubernetes' own kind can be meant: a custom resource's group has a dot and is not Kubernetes'."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group in {version.rpartition("/")[0] for version in kinds.get(kind, ())}


def _schema_name(kind: str, api_version: str) -> str:
    group, _, version = api_version.rpartition("/")
    return "-".join(filter(None, (kind.casefold(), group.partition(".")[0], version)))


@cache
def _versions() -> tuple[str, ...]:
    """The minor versions with schemas."""
    from kubernetes_validate.utils import all_versions  # noqa: PLC0415 - slow to import; `--help` does without

    return tuple(each.rpartition(".")[0] for each in all_versions())


@cache
def _contents(version: str, name: str) -> Any:
    from kubernetes_validate.utils import schema_contents  # noqa: PLC0415 - slow to import; `--help` does without

    return schema_contents(_SCHEMAS.format(minor=version, name=name), version)


@cache
def _kinds(version: str) -> dict[str, frozenset[str]]:
    """Kind → the API versions that it has."""
    kinds: dict[str, set[str]] = {}
    for definition in _contents(version, "_definitions")["$defs"].values():
        for group_version_kind in definition.get("x-kubernetes-group-version-kind", ()):
            api_version = "/".join(filter(None, (group_version_kind["group"], group_version_kind["version"])))
            if "metadata" in definition.get("properties", {}):
                kinds.setdefault(group_version_kind["kind"], set()).add(api_version)
    return {kind: frozenset(versions) for kind, versions in kinds.items()}


@cache
def _validator(version: str, name: str) -> Any:
    from jsonschema.validators import Draft202012Validator  # noqa: PLC0415 - slow to import
    from referencing import Registry, Resource  # noqa: PLC0415

    schema = _contents(version, name)
    definitions = Resource.from_contents(_contents(version, "_definitions"))
    registry: Any = definitions @ (Resource.from_contents(schema) @ Registry())
    return Draft202012Validator(schema, registry=registry)


def _problems_of_value(document: Document, value: Mapping[str, Any], validator: Any) -> Iterator[Problem]:
    hides = value["kind"] == "Secret"
    for error in validator.iter_errors(value):
        steps: Steps = tuple(error.absolute_path)
        match error.validator:
            case "additionalProperties":
                fields = error.schema.get("properties", {})
                for name in sorted(set(error.instance) - set(fields)):
                    yield document.problem((*steps, name), f"unknown field; {nearest(name, fields)}")
            case "required":
                for name in error.validator_value:
                    if name not in error.instance and not _field_path((*steps, name)).endswith(_NOT_NEEDED):
                        yield document.problem((*steps, name), "is missing")
            case "type":
                types = [name for name in _listed(error.validator_value) if name != "null"]
                expected = " or ".join(_WORDS.get(name, name) for name in types)
                got = "something else" if hides else short_value(error.instance)
                yield document.problem(steps, _cure(types, error.instance), expected=expected, got=got)
            case "enum":
                expected = " or ".join(str(value) for value in error.validator_value if value is not None)
                yield document.problem(
                    steps, expected=expected, got="something else" if hides else short_value(error.instance)
                )
            case _:
                text = f"Kubernetes refuses it: {error.validator}"
                yield document.problem(steps, text if hides else f"{text}: {error.message[:200]}")


def _field_path(steps: Steps) -> str:
    """The place without the numbers of items."""
    return ".".join(step for step in steps if isinstance(step, str))


def _listed(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value if each] if value else []  # type: ignore[attr-defined]


def _cure(types: list[str], value: object) -> str:
    if types == ["string"] and isinstance(value, int | float):
        return "put it in quotes"
    if types == ["integer"] and isinstance(value, str) and value.lstrip("-").isdigit():
        return "write it without quotes"
    if types == ["boolean"] and isinstance(value, str) and value in ("true", "false"):
        return "write it without quotes"
    return ""

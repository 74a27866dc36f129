"""Compiles a pipeline that extends our templates as the service does: no templates or expressions are left.

As strict as the service: a parameter that is missing, unknown or of another type is an error.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .expressions import PART, WHOLE, ExpressionError, Scope, evaluate, fill_in, truth

LARGEST = 64 * 1024
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int,),
    "boolean": (bool,),
    "object": (list, dict),
    "stepList": (list,),
}
_NOTHING = object()


class PipelineError(Exception):
    """A pipeline that the service would refuse: where, and why."""


class _Loader(yaml.CSafeLoader):
    """YAML as the service reads it: every scalar but true, false, numbers and null is text; no key occurs twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise PipelineError(f"line {node.start_mark.line + 1}: {key!r} occurs twice")
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool", ":float"))]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if len(text) > LARGEST:
        raise PipelineError(f"{path.name}: expected at most {LARGEST} characters, got {len(text)}")
    content = yaml.load(text, _Loader)  # derived from the safe loader
    if not isinstance(content, dict):
        raise PipelineError(f"{path.name}: expected an object, got {type(content).__name__}")
    return content


def expand(path: Path, *, alias: str, templates: Path) -> dict[str, Any]:
    """The pipeline in the file; `alias` is the name under which it declares the repository at `templates`."""
    pipeline = read(path)
    extends = pipeline.pop("extends")
    name, _, repository = extends["template"].partition("@")
    declared = [item["repository"] for item in pipeline["resources"]["repositories"]]
    if repository != alias or alias not in declared:
        raise PipelineError(f"{path.name}: expected a template of {alias!r}, among {declared}, got {repository!r}")
    return {**pipeline, **instantiate(templates / name, extends.get("parameters", {}))}


def instantiate(path: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """A template's content with these parameters."""
    if not path.is_file():
        raise PipelineError(f"{path}: there is no such template")
    template = read(path)
    scope = Scope({"parameters": _parameters(path, template.pop("parameters", []), arguments)})
    try:
        content = _Expansion(path.parent, scope).value(template)
    except ExpressionError as error:
        raise PipelineError(f"{path.name}: {error}") from error
    return dict(content)


def parameters_of(path: Path) -> tuple[set[str], set[str]]:
    """The parameters that a template declares, and those that its expressions mention."""
    text = path.read_text(encoding="utf-8")
    mentioned = {name for part in PART.finditer(text) for name in re.findall(r"\bparameters\.(\w+)", part[1])}
    return {item["name"] for item in read(path).get("parameters", [])}, mentioned


def _parameters(path: Path, declared: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
    names = {item["name"] for item in declared}
    if unknown := arguments.keys() - names:
        raise PipelineError(f"{path.name}: no parameter is called {', '.join(sorted(unknown))}")
    values = {}
    for item in declared:
        name, kind = item["name"], item["type"]
        value = arguments.get(name, item.get("default", _NOTHING))
        if value is _NOTHING:
            raise PipelineError(f"{path.name}: expected a value for the parameter {name}, got none")
        if not isinstance(value, _TYPES[kind]) or (kind == "number" and isinstance(value, bool)):
            raise PipelineError(f"{path.name}: {name}: expected a {kind}, got {value!r}")
        values[name] = value
    return values


class _Expansion:
    def __init__(self, folder: Path, scope: Scope) -> None:
        self.folder, self.scope = folder, scope

    def value(self, node: Any) -> Any:
        if isinstance(node, str):
            return fill_in(node, self.scope)
        if isinstance(node, list):
            return [item for element in node for item in self._items(element)]
        if isinstance(node, dict):
            return dict(self._pairs(node))
        return node

    def _items(self, element: Any) -> Iterator[Any]:
        """What an element of a list expands to: `- ${{ if }}:` and `- ${{ each }}:` expand to none or many."""
        if isinstance(element, dict) and len(element) == 1 and (directive := WHOLE.match(str(next(iter(element))))):
            for scope in self._scopes(directive[1]):
                yield from _as_list(_Expansion(self.folder, scope).value(next(iter(element.values()))))
        elif isinstance(element, dict) and "template" in element:
            yield from self._template(element)
        else:
            yield self.value(element)

    def _pairs(self, node: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
        for key, item in node.items():
            directive = WHOLE.match(str(key))
            if directive and directive[1].split()[0] in ("if", "each"):
                for scope in self._scopes(directive[1]):
                    yield from _Expansion(self.folder, scope).value(item).items()
            else:
                yield self.value(key), self.value(item)

    def _scopes(self, directive: str) -> list[Scope]:
        """The scopes in which to expand a directive's content: none, one, or one for each item."""
        word, _, operand = directive.strip().partition(" ")
        if word == "if":
            return [self.scope] if truth(evaluate(operand, self.scope)) else []
        if word == "each":
            name, _, list_expression = operand.partition(" in ")
            return [self.scope.with_item(name.strip(), item) for item in evaluate(list_expression, self.scope)]
        raise ExpressionError(f"{directive!r}: expected if or each")

    def _template(self, element: dict[str, Any]) -> list[Any]:
        parameters = self.value(element.get("parameters", {}))
        content = instantiate(self.folder / element["template"], parameters)
        (elements,) = content.values()
        return list(elements)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

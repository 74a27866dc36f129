"""Bicep files as the checks see them: declarations, uses of names, resources and modules, over tree-sitter's tree.

There is no Bicep compiler on PyPI, npm or in Debian, so what a compiler would refuse is looked for here as far as
syntax allows. Names and types of properties stay unchecked; `az bicep build` online does that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
_PARSER = Parser(Language(tree_sitter_bicep.language()))
_DECLARATIONS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}
TYPES = frozenset({"string", "int", "bool", "object", "array", "any"})
"""Types are identifiers to the parser."""


def text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def literal(node: Node | None) -> str | None:
    """The text of a string without interpolation."""
    if node is None or node.type != "string":
        return None
    parts = node.named_children
    if any(part.type == "interpolation" for part in parts):
        return None
    return "".join(text(part) for part in parts)


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def properties(body: Node | None) -> dict[str, Node]:
    """The properties of an object, by name."""
    found: dict[str, Node] = {}
    for item in body.named_children if body is not None and body.type == "object" else ():
        if item.type == "object_property" and len(item.named_children) > 1:
            key, value = item.named_children[0], item.named_children[-1]
            found[literal(key) or text(key)] = value
    return found


def at(body: Node | None, *path: str) -> Node | None:
    """The value at a path of property names."""
    for name in path:
        body = properties(body).get(name)
    return body


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A parameter, variable, resource, module or output."""

    kind: str
    name: str
    node: Node

    @property
    def line(self) -> int:
        return self.node.start_point.row + 1

    @property
    def source(self) -> str:
        """What follows the name of a resource or module: `type@version`, or a path."""
        strings = [child for child in self.node.named_children if child.type == "string"]
        return literal(strings[0]) or ""

    @property
    def type(self) -> str:
        return self.source.partition("@")[0]

    @property
    def version(self) -> str:
        return self.source.partition("@")[2]

    @property
    def existing(self) -> bool:
        return any(text(child) == "existing" for child in self.node.children)

    @property
    def conditional(self) -> bool:
        return any(child.type == "if_statement" for child in self.node.children)

    @cached_property
    def body(self) -> Node | None:
        """The object that describes it, also inside `if` and `for`."""
        return next((node for node in walk(self.node) if node.type == "object"), None)

    @property
    def has_default(self) -> bool:
        return any(text(child) == "=" for child in self.node.children)


class Bicep:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(INFRA).as_posix() if path.is_relative_to(INFRA) else path.name
        self.tree = _PARSER.parse(path.read_bytes())

    @property
    def root(self) -> Node:
        return self.tree.root_node

    @cached_property
    def declarations(self) -> list[Declaration]:
        return [
            Declaration(kind=_DECLARATIONS[node.type], name=text(names[0]), node=node)
            for node in walk(self.root)
            if node.type in _DECLARATIONS
            and (names := [child for child in node.named_children if child.type == "identifier"])
        ]

    def of(self, kind: str) -> dict[str, Declaration]:
        return {found.name: found for found in self.declarations if found.kind == kind}

    @property
    def resources(self) -> dict[str, Declaration]:
        return self.of("resource")

    def syntax_errors(self) -> list[int]:
        return [node.start_point.row + 1 for node in walk(self.root) if node.type == "ERROR" or node.is_missing]

    def uses(self) -> list[tuple[str, int]]:
        """Names that are referred to, with their lines."""
        return [(text(n), n.start_point.row + 1) for n in walk(self.root) if n.type == "identifier" and _is_use(n)]

    def undeclared(self) -> list[tuple[str, int]]:
        known = {found.name for found in self.declarations if found.kind != "output"} | self.loop_names()
        return [use for use in self.uses() if use[0] not in known]

    def unused(self) -> list[str]:
        used = {name for name, _ in self.uses()}
        return [d.name for d in self.declarations if d.kind in ("param", "var") and d.name not in used]

    def loop_names(self) -> set[str]:
        kinds = ("loop_variable", "loop_enumerator", "array_index")
        return {text(node) for node in walk(self.root) if node.type in kinds} | {
            text(name)
            for node in walk(self.root)
            if node.type == "for_statement"
            for name in node.named_children[:1]
            if name.type == "identifier"
        }

    def has_decorator(self, declaration: Declaration, name: str) -> bool:
        before = declaration.node.prev_named_sibling
        return before is not None and before.type == "decorators" and f"@{name}(" in text(before)


def _is_use(node: Node) -> bool:
    parent = node.parent
    if parent is None or parent.type == "type" or text(node) in TYPES:
        return False
    first = next((child for child in parent.named_children if child.type == "identifier"), None)
    own_name = first is not None and first.id == node.id
    if parent.type in _DECLARATIONS and own_name:
        return False
    if parent.type == "object_property":
        return parent.named_children[0].id != node.id
    if parent.type == "call_expression":
        called = parent.child_by_field_name("function")
        return called is None or called.id != node.id
    if parent.type == "for_statement":
        return parent.named_children[0].id != node.id
    return parent.type not in ("for_loop_parameters", "loop_variable", "loop_enumerator", "decorator")


def load_all() -> list[Bicep]:
    return [Bicep(path) for path in FILES]

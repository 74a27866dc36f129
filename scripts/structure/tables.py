"""Tables of phases, actions and rules: displays and `match` statements whose keys are members of these enums.

A member is spelt as `Phase.FAILED`, or as the text that it stands for. If an enum does not exist yet, its texts are
taken from the places that make them: `RuleResult(name="…")` for rules, `.record("release.created", …)` for actions.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from .sources import Module

ENUMS = ("Phase", "Action", "Rule")
ACTION = re.compile(r"[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)+")
FEWEST, FEWEST_WORDS = 2, 3
"""Keys that make a display a table. Plain words (`"failed"`) mean other things too, so it takes one more of them."""


@dataclass(frozen=True)
class Vocabulary:
    """The spelling of one enum's members, and the module that defines it."""

    name: str
    texts: frozenset[str]
    home: PurePosixPath | None = None
    subjects: frozenset[str] = frozenset()
    """First words of actions: any text of an action's form that begins with one counts."""

    def has(self, key: ast.expr) -> bool:
        match key:
            case ast.Attribute(value=ast.Name(id=owner)):
                return owner == self.name
            case ast.Constant(value=str(text)):
                return text in self.texts or bool(ACTION.fullmatch(text) and text.partition(".")[0] in self.subjects)
            case _:
                return False


@dataclass(frozen=True)
class Table:
    of: str
    path: PurePosixPath
    line: int
    entries: int
    at_home: bool
    """Whether it stands in the enum's own module."""


def tables(modules: Iterable[Module]) -> list[Table]:
    """Each display and `match` with at least two keys of one enum (three plain words), if these are half of its keys.

    A table within another counts with the outer one. Keys of a display are the keys of a dict and the elements of a
    set, list or tuple; keys of a `match` are the values in its patterns.
    """
    module_list = list(modules)
    vocabularies = vocabularies_of(module_list)
    return [table for module in module_list for table in _tables(module.tree, module, vocabularies)]


def _tables(node: ast.AST, module: Module, vocabularies: list[Vocabulary]) -> Iterator[Table]:
    keys = _keys(node)
    for vocabulary in vocabularies:
        members = [key for key in keys if vocabulary.has(key)]
        fewest = FEWEST_WORDS if all(_is_plain_word(key) for key in members) else FEWEST
        if len(members) >= fewest and 2 * len(members) >= len(keys):
            line: int = getattr(node, "lineno", 0)
            yield Table(vocabulary.name, module.path, line, len(members), module.path == vocabulary.home)
            return
    for child in ast.iter_child_nodes(node):
        yield from _tables(child, module, vocabularies)


def _is_plain_word(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and str(key.value).isalpha()


def _keys(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Dict(keys=keys):
            return [key for key in keys if key is not None]
        case ast.Set(elts=elements) | ast.List(elts=elements) | ast.Tuple(elts=elements):
            return elements
        case ast.Match(cases=cases):
            patterns = (part for case in cases for part in ast.walk(case.pattern))
            return [part.value for part in patterns if isinstance(part, ast.MatchValue)]
        case _:
            return []


def vocabularies_of(modules: list[Module]) -> list[Vocabulary]:
    defined = {v.name: v for module in modules for v in _enums(module)}
    spelt = {"Action": _spelt_actions(modules), "Rule": _spelt_rules(modules)}
    return [defined.get(name) or spelt.get(name) or Vocabulary(name, frozenset()) for name in ENUMS]


def _enums(module: Module) -> Iterator[Vocabulary]:
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and node.name in ENUMS and any("Enum" in ast.unparse(b) for b in node.bases):
            yield Vocabulary(node.name, frozenset(_texts_of_members(node)), module.path)


def _texts_of_members(enum: ast.ClassDef) -> Iterator[str]:
    """The first text in each member's value: the value itself, or the first argument of a record of facts."""
    for node in enum.body:
        if isinstance(node, ast.Assign):
            texts = (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
            first = next((text for text in texts if isinstance(text, str)), None)
            if first is not None:
                yield first


def _spelt_actions(modules: list[Module]) -> Vocabulary:
    recorded = [text for module in modules for text in _first_texts(module, "record") if ACTION.fullmatch(text)]
    return Vocabulary("Action", frozenset(recorded), subjects=frozenset(t.partition(".")[0] for t in recorded))


def _spelt_rules(modules: list[Module]) -> Vocabulary:
    names = [text for module in modules for text in _first_texts(module, "RuleResult", "_rule", keyword="name")]
    return Vocabulary("Rule", frozenset(names))


def _first_texts(module: Module, *functions: str, keyword: str = "") -> Iterator[str]:
    """The text that calls of a function have as their first argument, or as the argument of that name."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) not in functions:
            continue
        keyword_values = [argument.value for argument in node.keywords if argument.arg == keyword]
        for value in (*node.args[:1], *keyword_values):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value

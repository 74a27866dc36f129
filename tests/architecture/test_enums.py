"""One table per fact: a fact about an enum's members stands in the module that owns the enum.

Other modules may name a member, but they may neither spell it as text nor gather members into a table of another
fact: somebody who adds a member would not know of that table. A `match` that ends in `assert_never` may stand anywhere,
because the type check finds it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest

from slipway.domain.actions import Action
from slipway.domain.phases import Phase
from slipway.domain.rules import Rule

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("slipway", "functions", "local")


SEVERAL = 3
"""From so many values on, a table of words is one of the enum: `failed` and `rejected` alone are also verdicts."""


@dataclass(frozen=True)
class Owned:
    """An enum, and the module that holds every fact about its members."""

    enum: type[StrEnum]
    module: str


OWNED = (
    Owned(Action, "slipway/domain/actions.py"),
    Owned(Phase, "slipway/domain/phases.py"),
    Owned(Rule, "slipway/domain/rules.py"),
)


def faults(source: str, owned: Owned) -> Iterator[tuple[int, str]]:
    """Line and fault of each place that states facts about the enum, in a module that does not own it."""
    yield from _faults(list(ast.walk(ast.parse(source))), owned)


def _faults(nodes: list[ast.AST], owned: Owned) -> Iterator[tuple[int, str]]:
    names = _names(nodes, owned.enum.__name__)
    yield from _spelt(nodes, owned.enum)
    yield from _by_words(nodes, owned.enum)
    yield from _by_name(nodes, names)
    yield from _in_turn(nodes, names)
    inner: set[ast.expr] = set()
    for node in nodes:
        if isinstance(node, ast.Dict | ast.Set | ast.List | ast.Tuple) and node not in inner:
            inner |= {child for child in ast.walk(node) if isinstance(child, ast.expr)}
            if len(members := set(_gathered(node, names))) > 1:
                yield node.lineno, f"a table of {', '.join(sorted(members))}"
        elif isinstance(node, ast.BinOp | ast.BoolOp) and node not in inner:
            inner |= set(_of_one_kind(node))
            if len(members := set(_alternatives(node, names))) > 1:
                yield node.lineno, f"alternatives of {', '.join(sorted(members))}"
        elif isinstance(node, ast.Match):
            members = {name for case in node.cases for name in _members(case.pattern, names)}
            if len(members) > 1 and not _ends_in_assert_never(node):
                yield node.lineno, f"a match over {', '.join(sorted(members))} without assert_never"


def _names(nodes: list[ast.AST], enum: str) -> set[str]:
    """The names by which the module calls the enum."""
    imported = (alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names)
    assigned = (node for node in nodes if isinstance(node, ast.Assign) and _is_named(node.value, {enum}))
    targets = (target.id for node in assigned for target in node.targets if isinstance(target, ast.Name))
    return {enum, *targets} | {alias.asname for alias in imported if alias.name == enum and alias.asname}


def _is_named(node: ast.expr, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _spelt(nodes: list[ast.AST], enum: type[StrEnum]) -> Iterator[tuple[int, str]]:
    values = _spellings(enum)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in values:
            yield node.lineno, f"{node.value!r} is spelt as text"


def _by_words(nodes: list[ast.AST], enum: type[StrEnum]) -> Iterator[tuple[int, str]]:
    """Tables keyed by the members' values as text, and comparisons with the beginning of a value."""
    values = {member.value for member in enum}
    families = {value[: value.index(".") + 1] for value in values if "." in value}
    for node in nodes:
        if isinstance(node, ast.expr | ast.Match) and len(words := set(_words(node)) & values) >= SEVERAL:
            yield node.lineno, f"a table of the words {', '.join(sorted(words))}"
        match node:
            case ast.Call(func=ast.Attribute(attr="startswith" | "removeprefix"), args=[ast.Constant(value=text)]):
                if text in families:
                    yield node.lineno, f"a part of a value: {text!r}"


def _words(node: ast.AST) -> Iterator[str]:
    """The texts that are keys or elements of a display, patterns of a match, or names of a call's arguments."""
    match node:
        case ast.Dict(keys=keys):
            parts: list[ast.AST | None] = [*keys]
        case ast.Set(elts=elements) | ast.List(elts=elements) | ast.Tuple(elts=elements):
            parts = [*elements]
        case ast.Match(cases=cases):
            parts = [child for case in cases for child in ast.walk(case.pattern)]
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            yield from (keyword.arg for keyword in keywords if keyword.arg)
            return
        case _:
            return
    yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _by_name(nodes: list[ast.AST], names: set[str]) -> Iterator[tuple[int, str]]:
    """Members that are looked up by their names, and rows that are written into a table one by one."""
    rows = dict[str, int]()
    for node in nodes:
        match node:
            case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value=str(name))) if owner in names:
                yield node.lineno, f"{name} is looked up by its name"
            case ast.Assign(targets=[ast.Subscript(slice=ast.Attribute() as key)]):
                rows |= dict.fromkeys(_members(key, names), node.lineno)
    if len(rows) > 1:
        yield min(rows.values()), f"a table of {', '.join(sorted(rows))}, row by row"


def _in_turn(nodes: list[ast.AST], names: set[str]) -> Iterator[tuple[int, str]]:
    """Functions that compare with several members, one after the other: a further one would fall through unnoticed."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            compared = (child.comparators[0] for child in ast.walk(node) if isinstance(child, ast.Compare))
            members = {name for side in compared if isinstance(side, ast.Attribute) for name in _members(side, names)}
            if len(members) >= SEVERAL:
                yield node.lineno, f"{node.name} compares with {', '.join(sorted(members))} in turn"


def _alternatives(node: ast.expr, names: set[str]) -> Iterator[str]:
    """The members of sets that are united, or that one value is compared with in turn."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _alternatives(left, names)
            yield from _alternatives(right, names)
        case ast.BoolOp(op=ast.Or(), values=values):
            for value in values:
                yield from _alternatives(value, names)
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                match value:
                    case ast.Compare(ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Attribute() as member]):
                        yield from _members(member, names)
        case ast.Compare(ops=[ast.Is() | ast.Eq()], comparators=[ast.Attribute() as member]):
            yield from _members(member, names)
        case ast.Set():
            yield from _gathered(node, names)


def _of_one_kind(node: ast.BinOp | ast.BoolOp) -> Iterator[ast.expr]:
    """The expression, and those inside it with the same operator."""
    yield node
    for part in node.values if isinstance(node, ast.BoolOp) else (node.left, node.right):
        if isinstance(part, ast.BinOp | ast.BoolOp) and isinstance(part.op, type(node.op)):
            yield from _of_one_kind(part)


def _spellings(enum: type[StrEnum]) -> set[str]:
    # A single word (`failed`, `freeze`) means other things too: its spelling proves nothing.
    return {member.value for member in enum if not member.value.isalpha()}


def _members(node: ast.AST, names: set[str]) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and child.attr.isupper():
            owner = child.value
            owner_name = (
                owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            )
            if owner_name in names:
                yield child.attr


def _gathered(node: ast.expr | None, names: set[str]) -> Iterator[str]:
    """The members in a display or in displays inside it; members in calls and conditions are merely used."""
    match node:
        case ast.Dict():
            for item in (*node.keys, *node.values):
                yield from _gathered(item, names)
        case ast.Set() | ast.List() | ast.Tuple():
            for item in node.elts:
                yield from _gathered(item, names)
        case ast.Starred():
            yield from _gathered(node.value, names)
        case ast.Attribute():
            yield from _members(node, names)


def _ends_in_assert_never(node: ast.Match) -> bool:
    match node.cases[-1].body[-1]:
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case _:
            return False


@cache
def _faults_by_enum() -> dict[Owned, list[str]]:
    """The faults for each enum. A module is read once for all of them, and parsed only if its text has the name or a
    value of one."""
    faults_by_enum: dict[Owned, list[str]] = {owned: [] for owned in OWNED}
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        candidates = [owned for owned in OWNED if path != ROOT / owned.module and _may_know(text, owned.enum)]
        nodes = list(ast.walk(ast.parse(text))) if candidates else []
        for owned in candidates:
            faults_by_enum[owned] += [
                f"{path.relative_to(ROOT)}:{line}: {fault}" for line, fault in _faults(nodes, owned)
            ]
    return faults_by_enum


def _may_know(text: str, enum: type[StrEnum]) -> bool:
    return (
        enum.__name__ in text
        or sum(f'"{member.value}"' in text for member in enum) >= SEVERAL
        or any(value in text for value in _spellings(enum))
    )


@pytest.mark.parametrize("owned", OWNED, ids=lambda owned: owned.enum.__name__)
def test_facts_about_a_member_stand_only_in_the_module_that_owns_its_enum(owned: Owned) -> None:
    assert (ROOT / owned.module).is_file()
    assert _faults_by_enum()[owned] == []


@cache
def _used() -> dict[Owned, set[str]]:
    """The members that the product names, in any module."""
    texts = (
        path.read_text(encoding="utf-8")
        for folder in ("slipway", "functions")
        for path in (ROOT / folder).rglob("*.py")
    )
    trees = [ast.parse(text) for text in texts if any(f"{owned.enum.__name__}." in text for owned in OWNED)]
    return {owned: {name for tree in trees for name in _members(tree, {owned.enum.__name__})} for owned in OWNED}


@pytest.mark.parametrize("owned", OWNED, ids=lambda owned: owned.enum.__name__)
def test_each_member_of_an_owned_enum_is_used_somewhere(owned: Owned) -> None:
    assert {member.name for member in owned.enum} - _used()[owned] == set()


class Colour(StrEnum):
    RED = "red.one"
    BLUE = "blue.one"
    GREEN = "green.one"


COLOUR = Owned(Colour, "colours.py")


@pytest.mark.parametrize(
    "source",
    [
        'paint("red.one")',
        "WARM = {Colour.RED: 1, Colour.GREEN: 2}",
        'BY_NAME = {"a": Colour.RED, "b": Colour.GREEN}',
        "WARM = frozenset({Colour.RED, Colour.BLUE})",
        "warm = colour in (Colour.RED, Colour.BLUE)",
        "warm = colour in [colours.Colour.RED, colours.Colour.BLUE]",
        "from colours import Colour as C\nwarm = {C.RED, C.BLUE}",
        'ROWS = ((Colour.RED, "hot"), (Colour.BLUE, "cold"))',
        "match colour:\n    case Colour.RED:\n        a()\n    case Colour.BLUE:\n        b()\n    case _:\n        0",
        "match colour:\n    case Colour.RED | Colour.BLUE:\n        a()",
        "C = Colour\nwarm = {C.RED, C.BLUE}",
        "warm = {Colour.RED} | {Colour.BLUE}",
        "warm = colour is Colour.RED or colour is Colour.BLUE",
        "warm = lit and (colour is Colour.RED or colour is Colour.BLUE)",
        "cold = lit and colour is not Colour.RED and colour is not Colour.BLUE",
        "table[Colour.RED] = 1\ntable[Colour.BLUE] = 2",
        'warm = Colour["RED"]',
        'warm = colour.startswith("red.")',
        "def f():\n    if c is Colour.RED: a()\n    elif c is Colour.BLUE: b()\n    elif c == Colour.GREEN: d()",
    ],
)
def test_a_second_table_of_members_is_found(source: str) -> None:
    assert [*faults(source, COLOUR)] != []


@pytest.mark.parametrize(
    "source",
    [
        "paint(Colour.RED); paint(Colour.BLUE)",
        'paint("orange.one", f"{Colour.RED}")',
        "kept = (Colour.RED, other)",
        "both = (paint(Colour.RED), paint(Colour.BLUE))",
        "warm = [colour for colour in Colour if colour.warm]",
        "match colour:\n    case Colour.RED:\n        a()\n    case Colour.BLUE | Colour.GREEN:\n        b()\n"
        "    case unreachable:\n        assert_never(unreachable)",
    ],
)
def test_naming_a_member_is_not_a_table(source: str) -> None:
    assert [*faults(source, COLOUR)] == []


class Word(StrEnum):
    FAILED = "failed"
    ENDED = "ended"
    BEGUN = "begun"


WORD = Owned(Word, "words.py")


@pytest.mark.parametrize("source", ['say("failed")', 'VERDICTS = ("failed", "ended", "passed")'])
def test_a_value_of_one_word_may_be_written_out(source: str) -> None:
    assert [*faults(source, WORD)] == []


@pytest.mark.parametrize(
    "source",
    [
        'SIGNS = {"failed": "✕", "ended": "✓", "begun": "…"}',
        "SIGNS = dict(failed=1, ended=2, begun=3)",
        'over = word in ("failed", "ended", "begun")',
        'match word:\n    case "failed":\n        a()\n    case "ended" | "begun":\n        b()',
    ],
)
def test_a_table_of_words_is_found(source: str) -> None:
    assert [*faults(source, WORD)] != []

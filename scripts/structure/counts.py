"""Figures that need one pass over each syntax tree. The docstring of each function is its counting rule."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from .sources import Module

VAGUE = (
    "found",
    "given",
    "asked",
    "wanted",
    "place",
    "places",
    "told",
    "said",
    "kept",
    "here",
    "there",
    "held",
    "named",
    "known",
    "seen",
)
"""Names that say how a value came to be there, not what it is."""
BROAD = ("KeyError", "LookupError")


def statements(module: Module) -> int:
    """Statements of the syntax tree, docstrings (and other lone strings) left out."""
    return sum(isinstance(node, ast.stmt) and not _is_text(node) for node in ast.walk(module.tree))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def statements_by_folder(modules: Iterable[Module]) -> dict[str, int]:
    totals = Counter[str]()
    for module in modules:
        totals[module.folder] += statements(module)
    return dict(sorted(totals.items()))


def repeated_classes(modules: Iterable[Module]) -> dict[str, list[PurePosixPath]]:
    """Names of classes at the top of a module, private ones too, that more than one module has."""
    return _repeated_names(modules, ast.ClassDef)


def repeated_functions(modules: Iterable[Module]) -> dict[str, list[PurePosixPath]]:
    """Public names of functions at the top of a module that more than one module has; methods do not count."""
    repeated = _repeated_names(modules, ast.FunctionDef, ast.AsyncFunctionDef)
    return {name: paths for name, paths in repeated.items() if not name.startswith("_")}


def _repeated_names(
    modules: Iterable[Module], *kinds: type[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]
) -> dict[str, list[PurePosixPath]]:
    homes = defaultdict[str, set[PurePosixPath]](set)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, kinds):
                homes[node.name].add(module.path)
    return {name: sorted(paths) for name, paths in sorted(homes.items()) if len(paths) > 1}


def broad_handlers(modules: Iterable[Module]) -> dict[str, int]:
    """`except` clauses outside `slipway/ledger` that name KeyError or LookupError, alone or among others."""
    totals = dict.fromkeys(BROAD, 0)
    for module in modules:
        if module.folder == "slipway/ledger":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
                for error in names.intersection(BROAD):
                    totals[error] += 1
    return totals


def asserts(modules: Iterable[Module]) -> int:
    """`assert` statements."""
    return sum(isinstance(node, ast.Assert) for module in modules for node in ast.walk(module.tree))


def casts(modules: Iterable[Module]) -> int:
    """Calls of `cast`, by whichever way it was imported."""
    calls = (node.func for module in modules for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return sum(getattr(func, "id", getattr(func, "attr", "")) == "cast" for func in calls)


def type_ignores(modules: Iterable[Module]) -> int:
    """Comments that hold `type: ignore`."""
    return sum("type: ignore" in comment for module in modules for comment in module.comments)


def comment_share(modules: Iterable[Module]) -> float:
    """Comments in percent of lines; a comment behind code counts like one on a line of its own."""
    lines = comments = 0
    for module in modules:
        lines += len(module.text.splitlines())
        comments += len(module.comments)
    return 100 * comments / lines if lines else 0.0


def vague_names(modules: Iterable[Module], names: Iterable[str] = VAGUE) -> dict[str, int]:
    """The number of times each name is bound by an assignment, a loop, a comprehension or a `with`, or is a function's,
    with or without an underscore before it; a constant counts as its name in lower case. Parameters do not count."""
    bound = Counter[str]()
    for module in modules:
        for node in ast.walk(module.tree):
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    word = name.removeprefix("_")
                    bound[word.lower() if word.isupper() else word] += 1
    return {name: bound[name] for name in names}


def files_in_patches(patches: Mapping[str, str]) -> dict[str, int]:
    """Files that each patch of `scripts/extensions/` changes, adds or removes."""
    return {name: len(_files_of_patch(text)) for name, text in sorted(patches.items())}


def _files_of_patch(patch: str) -> set[str]:
    names = {line[4:].partition("\t")[0] for line in patch.splitlines() if line.startswith(("--- ", "+++ "))}
    return {name.partition("/")[2] for name in names if name != "/dev/null"}
